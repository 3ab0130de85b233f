//! The situations of a place behind declared commands. Each is a function that makes it from a place at rest.

use std::collections::BTreeMap;

use gonogo::domain::{Artifact, Hazard, Intent, Place, ServiceName, Severity, SourceName, Target, Verb};
use serde_json::{Value, json};

use super::declared::Declared;
use super::desk::Desk;
use super::only;

type Make = fn(&mut Value);

fn something_is_under_way(state: &mut Value) {
    state["phase"] = json!("progressing");
}

fn the_tool_goes_back_by_itself(state: &mut Value) {
    state["phase"] = json!("rolling-back");
}

fn what_was_done_last_failed(state: &mut Value) {
    state["phase"] = json!("failed");
}

fn the_state_command_warns(state: &mut Value) {
    state["hazards"] = json!([{"severity": "warning", "text": "the state is locked by ann"}]);
}

fn the_state_command_blocks(state: &mut Value) {
    state["hazards"] = json!([{"severity": "blocking", "text": "the window is closed"}]);
}

fn something_is_destroyed(state: &mut Value) {
    state["changes"] = json!({"destroy": 1, "drift": 0});
}

fn something_is_made_anew(state: &mut Value) {
    state["changes"] = json!({"replace": 1, "drift": 0});
}

fn somebody_changed_it_outside_of_the_tool(state: &mut Value) {
    state["changes"] = json!({"change": 1, "drift": 2});
}

fn nobody_looked_for_drift(state: &mut Value) {
    state["changes"] = json!({"change": 1});
}

fn nothing_would_change(state: &mut Value) {
    state["changes"] = json!({"drift": 0});
}

fn the_plan_is_another_versions(state: &mut Value) {
    state["changes"] = json!({"change": 1, "drift": 0});
    state["coming"] = json!({"version": "v4"});
}

fn it_runs_already(state: &mut Value) {
    state["target"] = json!({"version": "v3"});
    state["running"] = json!([{"version": "v3", "ready": 2}]);
}

async fn promotion(place: &Declared) -> Vec<Hazard> {
    let artifact = Artifact { version: Some("v3".into()), ..Artifact::from_reference("web:v3") };
    let intent = Intent {
        verb: Verb::Promote,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target: Target::Artifact(artifact),
        source: SourceName::new("prod"),
        reason: None,
        answers: BTreeMap::new(),
    };
    place.provider.prepare(&intent).await.unwrap().hazards
}

#[tokio::test]
async fn every_situation_is_told_before_a_promotion_and_nothing_else_is() {
    use Severity::{Blocking, Note, Warning};
    let situations: &[(&str, Make, Severity, &str)] = &[
        ("something_is_under_way", something_is_under_way, Warning, "under way there already"),
        ("the_tool_goes_back_by_itself", the_tool_goes_back_by_itself, Warning, "under way there already"),
        ("what_was_done_last_failed", what_was_done_last_failed, Warning, "last failed"),
        ("the_state_command_warns", the_state_command_warns, Warning, "locked by ann"),
        ("the_state_command_blocks", the_state_command_blocks, Blocking, "the window is closed"),
        ("something_is_destroyed", something_is_destroyed, Warning, "1 destroyed"),
        ("something_is_made_anew", something_is_made_anew, Warning, "made anew"),
        (
            "somebody_changed_it_outside_of_the_tool",
            somebody_changed_it_outside_of_the_tool,
            Warning,
            "2 changed outside of the tool",
        ),
        ("nobody_looked_for_drift", nobody_looked_for_drift, Note, "Nobody looked"),
        ("nothing_would_change", nothing_would_change, Warning, "Nothing would be added"),
        ("the_plan_is_another_versions", the_plan_is_another_versions, Blocking, "those of v4, not of v3"),
        ("it_runs_already", it_runs_already, Blocking, "already runs v3"),
    ];
    for (name, make, severity, part) in situations {
        let place = Declared::start();
        {
            let mut world = place.lock();
            make(&mut world.state);
            world.save();
        }
        let told = promotion(&place).await;
        let [hazard] = told.as_slice() else { panic!("{name}: one line is wanted: {told:?}") };
        assert!(hazard.severity == *severity && hazard.text.as_str().contains(part), "{name}: {hazard:?}");
        assert_eq!(place.lock().calls(), Vec::<Value>::new(), "{name}: preparing runs no change");
    }
    println!("{} situations of declared commands told, each alone", situations.len());
}

#[tokio::test]
async fn before_a_roll_back_they_are_told_in_the_same_way() {
    for (name, make, severity, part) in [
        ("under way", something_is_under_way as Make, Severity::Warning, "under way there already"),
        ("blocked", the_state_command_blocks, Severity::Blocking, "the window is closed"),
        ("destroyed", something_is_destroyed, Severity::Warning, "1 destroyed"),
    ] {
        let place = Declared::start();
        {
            let mut world = place.lock();
            make(&mut world.state);
            world.save();
        }
        let mut desk = Desk::open(&place.provider, &[]).await;
        only(name, &desk.ask('r').await, severity, part);
    }
}

#[tokio::test]
async fn no_clean_history_of_declared_commands_has_a_hazard_line() {
    let histories: &[(&str, Make)] = &[
        ("two releases", |_| {}),
        ("a plan that only adds and changes", |state| {
            state["changes"] = json!({"add": 2, "change": 1, "drift": 0});
        }),
        ("the plan of the very version", |state| {
            state["changes"] = json!({"change": 1, "drift": 0});
            state["coming"] = json!({"version": "v3"});
        }),
    ];
    for (name, make) in histories {
        let place = Declared::start();
        {
            let mut world = place.lock();
            make(&mut world.state);
            world.save();
        }
        assert_eq!(promotion(&place).await, [], "{name}");
    }
    let place = Declared::start();
    let mut desk = Desk::open(&place.provider, &[]).await;
    assert_eq!(desk.ask('r').await.unwrap().hazards, [], "going back");
    println!("{} clean histories of declared commands: no hazard line", histories.len());
}
