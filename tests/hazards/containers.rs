//! The situations of plain containers and Compose services. Each is a function that makes it from a container at rest.

use std::collections::BTreeMap;

use gonogo::domain::{Artifact, Hazard, Intent, Place, ServiceName, Severity, SourceName, Target, Verb};
use serde_json::{Value, json};

use super::boxes::{Boxes, Engine, digest, image};
use super::desk::Desk;
use super::only;

type Make = fn(&mut Engine);

const PLAIN: &[(&str, &str)] = &[("container", "web")];
const COMPOSE: &[(&str, &str)] = &[("project", "shop"), ("compose_service", "web")];

fn it_removes_itself_when_it_stops(engine: &mut Engine) {
    engine.present["HostConfig"]["AutoRemove"] = json!(true);
    engine.old["HostConfig"]["AutoRemove"] = json!(true);
}

fn it_comes_up_again_with_the_engine(engine: &mut Engine) {
    engine.present["HostConfig"]["RestartPolicy"]["Name"] = json!("always");
    engine.old["HostConfig"]["RestartPolicy"]["Name"] = json!("always");
}

fn its_stop_would_take_too_long(engine: &mut Engine) {
    engine.present["Config"]["StopTimeout"] = json!(3_600);
    engine.old["Config"]["StopTimeout"] = json!(3_600);
}

fn it_is_frozen(engine: &mut Engine) {
    engine.present["State"]["Status"] = json!("paused");
}

fn settings_go_back_too(engine: &mut Engine) {
    engine.old["Config"]["Env"] = json!(["TOKEN=hunter2", "PORT=1"]);
}

fn its_image_is_no_longer_held(engine: &mut Engine) {
    engine.images.remove("sha256:image-2");
}

fn the_new_image_is_not_held(engine: &mut Engine) {
    engine.images.remove(&image(3));
}

fn the_new_image_was_never_pulled(engine: &mut Engine) {
    engine.images.get_mut(&image(3)).unwrap()["RepoDigests"] = json!([]);
}

fn the_tag_moved_in_the_registry(engine: &mut Engine) {
    engine.registry.insert(image(3), digest(7));
}

fn it_has_links(engine: &mut Engine) {
    engine.present["HostConfig"]["Links"] = json!(["/db:/web/db"]);
}

fn it_has_a_volume_without_a_name(engine: &mut Engine) {
    engine.present["Mounts"] = json!([{"Type": "volume", "Destination": "/data"}]);
}

fn it_has_an_anonymous_mount(engine: &mut Engine) {
    engine.present["HostConfig"]["Mounts"] = json!([{"Type": "volume", "Target": "/data"}]);
}

fn the_engine_chose_its_port(engine: &mut Engine) {
    engine.present["HostConfig"]["PortBindings"] = json!({"80/tcp": [{"HostPort": "0"}]});
}

fn it_runs_already(engine: &mut Engine) {
    let held = engine.images[&image(3)].clone();
    engine.present["Config"]["Image"] = json!(image(3));
    engine.present["Image"] = held["Id"].clone();
}

/// The same in a Compose project: the file says something else.
fn in_compose(engine: &mut Engine) {
    let labels = json!({"com.docker.compose.project": "shop", "com.docker.compose.service": "web"});
    engine.present["Config"]["Labels"] = labels.clone();
    engine.old["Config"]["Labels"] = labels;
}

async fn promotion(boxes: &Boxes) -> Vec<Hazard> {
    let intent = Intent {
        verb: Verb::Promote,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target: Target::Artifact(Artifact::from_reference(&image(3))),
        source: SourceName::new("prod"),
        reason: None,
        answers: BTreeMap::new(),
    };
    boxes.provider.prepare(&intent).await.unwrap().hazards
}

#[tokio::test]
async fn every_situation_is_told_before_a_roll_back_and_nothing_else_is() {
    use Severity::{Blocking, Warning};
    let situations: &[(&str, Make, Severity, &str)] = &[
        ("it_removes_itself_when_it_stops", it_removes_itself_when_it_stops, Warning, "no way back to it"),
        (
            "it_comes_up_again_with_the_engine",
            it_comes_up_again_with_the_engine,
            Warning,
            "restart policy always",
        ),
        ("its_stop_would_take_too_long", its_stop_would_take_too_long, Blocking, "Stop it by hand"),
        ("it_is_frozen", it_is_frozen, Blocking, "docker unpause web first"),
        ("settings_go_back_too", settings_go_back_too, Warning, "More than the image goes back"),
    ];
    for (name, make, severity, part) in situations {
        let boxes = Boxes::start(PLAIN).await;
        make(&mut boxes.lock());
        let mut desk = Desk::open(&boxes.provider, &[]).await;
        only(name, &desk.ask('r').await, *severity, part);
        assert_eq!(boxes.lock().writes, 0, "{name}: preparing writes nothing");
    }
    let boxes = Boxes::start(COMPOSE).await;
    in_compose(&mut boxes.lock());
    let mut desk = Desk::open(&boxes.provider, &[]).await;
    only("in_compose", &desk.ask('r').await, Warning, "the next docker compose up of shop");
    println!("{} situations of containers told before a roll back, each alone", situations.len() + 1);
}

#[tokio::test]
async fn every_situation_is_told_before_a_promotion_and_nothing_else_is() {
    use Severity::{Blocking, Warning};
    let situations: &[(&str, Make, Severity, &str)] = &[
        ("it_removes_itself_when_it_stops", it_removes_itself_when_it_stops, Warning, "no way back to it"),
        (
            "it_comes_up_again_with_the_engine",
            it_comes_up_again_with_the_engine,
            Warning,
            "restart policy always",
        ),
        ("its_stop_would_take_too_long", its_stop_would_take_too_long, Blocking, "Stop it by hand"),
        ("it_is_frozen", it_is_frozen, Blocking, "docker unpause web first"),
        (
            "its_image_is_no_longer_held",
            its_image_is_no_longer_held,
            Warning,
            "no longer holds the image of web",
        ),
        ("the_new_image_is_not_held", the_new_image_is_not_held, Blocking, "docker pull"),
        ("the_new_image_was_never_pulled", the_new_image_was_never_pulled, Blocking, "was never pulled"),
        ("the_tag_moved_in_the_registry", the_tag_moved_in_the_registry, Warning, "the engine holds"),
        ("it_has_links", it_has_links, Blocking, "Links of the default network"),
        ("it_has_a_volume_without_a_name", it_has_a_volume_without_a_name, Warning, "cannot be carried over"),
        ("it_has_an_anonymous_mount", it_has_an_anonymous_mount, Warning, "begins with an empty one"),
        ("the_engine_chose_its_port", the_engine_chose_its_port, Warning, "it will be another one"),
        ("it_runs_already", it_runs_already, Blocking, "already runs v3"),
    ];
    let told_alone = |name: &str, told: &[Hazard], severity, part: &str| {
        let [hazard] = told else { panic!("{name}: one line is wanted: {told:?}") };
        assert!(hazard.severity == severity && hazard.text.as_str().contains(part), "{name}: {hazard:?}");
    };
    for (name, make, severity, part) in situations {
        let boxes = Boxes::start(PLAIN).await;
        make(&mut boxes.lock());
        told_alone(name, &promotion(&boxes).await, *severity, part);
        assert_eq!(boxes.lock().writes, 0, "{name}: preparing writes nothing");
    }
    let boxes = Boxes::start(COMPOSE).await;
    in_compose(&mut boxes.lock());
    told_alone("in_compose", &promotion(&boxes).await, Warning, "the next docker compose up of shop");
    println!("{} situations of containers told before a promotion, each alone", situations.len() + 1);
}

#[tokio::test]
async fn no_clean_history_of_containers_has_a_hazard_line() {
    let histories: &[(&str, Make)] = &[
        ("two releases", |_| {}),
        ("restarted unless it was stopped", |e| {
            for one in [&mut e.present, &mut e.old] {
                one["HostConfig"]["RestartPolicy"]["Name"] = json!("unless-stopped");
            }
        }),
        ("a minute to stop", |e| {
            for one in [&mut e.present, &mut e.old] {
                one["Config"]["StopTimeout"] = json!(60);
            }
        }),
        ("a named volume and a folder", |e| {
            let mounts = json!([{"Type": "volume", "Name": "data", "Destination": "/data"},
                {"Type": "bind", "Source": "/etc/web", "Destination": "/etc/web"}]);
            for one in [&mut e.present, &mut e.old] {
                one["HostConfig"]["Binds"] = json!(["data:/data", "/etc/web:/etc/web:ro"]);
                one["Mounts"] = mounts.clone();
            }
        }),
        ("no port of the host", |e| {
            for one in [&mut e.present, &mut e.old] {
                one["HostConfig"]["PortBindings"] = Value::Null;
            }
        }),
    ];
    for (name, make) in histories {
        let boxes = Boxes::start(PLAIN).await;
        make(&mut boxes.lock());
        assert_eq!(promotion(&boxes).await, [], "{name}: forward");
        let mut desk = Desk::open(&boxes.provider, &[]).await;
        assert_eq!(desk.ask('r').await.unwrap().hazards, [], "{name}: back");
    }
    println!("{} clean histories of containers: no hazard line", histories.len());
}
