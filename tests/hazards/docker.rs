//! The situations of a Swarm service. Each is a function that makes it from a service at rest.

use gonogo::domain::Severity;
use serde_json::json;

use super::desk::Desk;
use super::only;
use super::swarm::{Engine, Swarm};

type Make = fn(&mut Engine);

fn image_of(engine: &Engine, spec: &str) -> String {
    engine.service[spec]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap().to_owned()
}

fn the_image_is_gone_from_the_registry(engine: &mut Engine) {
    let image = image_of(engine, "PreviousSpec");
    engine.registry.insert(image, (404, json!({"message": "manifest unknown"})));
}

fn the_registry_cannot_be_asked(engine: &mut Engine) {
    let image = image_of(engine, "PreviousSpec");
    engine.registry.insert(image, (500, json!({"message": "dial tcp: connection refused"})));
}

fn the_tag_may_have_moved_since(engine: &mut Engine) {
    let image = image_of(engine, "PreviousSpec");
    let tag = image.split('@').next().unwrap();
    engine.service["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"] = json!(tag);
}

fn settings_go_back_too(engine: &mut Engine) {
    engine.service["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["PORT=1"]);
}

fn an_update_is_in_flight(engine: &mut Engine) {
    engine.say("updating");
}

fn the_last_change_was_a_roll_back(engine: &mut Engine) {
    engine.say("rollback_completed");
}

fn the_engine_does_not_say_how_the_last_change_went(engine: &mut Engine) {
    engine.service.as_object_mut().unwrap().remove("UpdateStatus");
}

fn the_state_of_the_last_change_is_unknown_to_us(engine: &mut Engine) {
    engine.say("undone");
}

fn the_previous_equals_the_present(engine: &mut Engine) {
    engine.service["PreviousSpec"] = engine.service["Spec"].clone();
}

fn failures_are_ignored(engine: &mut Engine) {
    engine.service["PreviousSpec"]["UpdateConfig"]["FailureAction"] = json!("continue");
    engine.service["Spec"]["UpdateConfig"]["FailureAction"] = json!("continue");
}

fn all_replicas_stop_at_once(engine: &mut Engine) {
    engine.service["PreviousSpec"]["UpdateConfig"]["Parallelism"] = json!(0);
    engine.service["Spec"]["UpdateConfig"]["Parallelism"] = json!(0);
}

#[tokio::test]
async fn every_situation_is_told_before_a_roll_back_and_nothing_else_is() {
    use Severity::{Blocking, Note, Warning};
    let situations: &[(&str, Make, Severity, &str)] = &[
        ("the_image_is_gone_from_the_registry", the_image_is_gone_from_the_registry, Warning, "gone from"),
        ("the_registry_cannot_be_asked", the_registry_cannot_be_asked, Note, "could not be checked"),
        ("the_tag_may_have_moved_since", the_tag_may_have_moved_since, Warning, "not pinned by digest"),
        ("settings_go_back_too", settings_go_back_too, Warning, "More than the image goes back"),
        ("an_update_is_in_flight", an_update_is_in_flight, Note, "going back stops it where it stands"),
        ("the_last_change_was_a_roll_back", the_last_change_was_a_roll_back, Blocking, "would bring it back"),
        (
            "the_engine_does_not_say_how_the_last_change_went",
            the_engine_does_not_say_how_the_last_change_went,
            Warning,
            "may be what was left",
        ),
        (
            "the_state_of_the_last_change_is_unknown_to_us",
            the_state_of_the_last_change_is_unknown_to_us,
            Blocking,
            "unknown to us ('undone')",
        ),
        ("failures_are_ignored", failures_are_ignored, Warning, "failure action continue"),
        ("all_replicas_stop_at_once", all_replicas_stop_at_once, Warning, "nothing serves until"),
    ];
    for (name, make, severity, part) in situations {
        let swarm = Swarm::start().await;
        make(&mut swarm.lock());
        let mut desk = Desk::open(&swarm.provider, &[]).await;
        only(name, &desk.ask('r').await, *severity, part);
        assert_eq!(swarm.lock().writes, 0, "{name}: preparing writes nothing");
    }
    println!("{} situations of Docker told, each alone", situations.len());
}

#[tokio::test]
async fn without_a_previous_specification_there_is_no_way_back() {
    let swarm = Swarm::start().await;
    let mut desk = Desk::open(&swarm.provider, &[]).await;
    swarm.lock().service.as_object_mut().unwrap().remove("PreviousSpec");
    let refused = desk.ask('r').await;
    assert!(refused.is_err() || !refused.as_ref().unwrap().hazards.is_empty(), "{refused:?}");
    let mut desk = Desk::open(&swarm.provider, &[]).await;
    only("none left", &desk.ask('r').await, Severity::Blocking, "remembers no other revision");
}

#[tokio::test]
async fn a_previous_specification_that_equals_the_present_is_no_way_back() {
    let swarm = Swarm::start().await;
    the_previous_equals_the_present(&mut swarm.lock());
    let mut desk = Desk::open(&swarm.provider, &[]).await;
    only("the same", &desk.ask('r').await, Severity::Blocking, "remembers no other revision");
}
