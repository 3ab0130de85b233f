//! R4: "verified" is only said of what a later look proved. Twelve ways in which a server may lie about a write, on
//! Kubernetes, on Docker and behind declared commands: none is shown as verified, and each outcome names what differs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "hazards/declared.rs"]
mod declared;
#[path = "hazards/desk.rs"]
#[expect(dead_code, reason = "the tests of hazards look at offers as well")]
mod desk;
#[path = "hazards/kube.rs"]
#[expect(dead_code, reason = "shared with the tests of hazards and drift")]
mod kube;
#[path = "hazards/lie.rs"]
mod lie;
#[path = "hazards/swarm.rs"]
#[expect(dead_code, reason = "shared with the tests of hazards and drift")]
mod swarm;

use gonogo::domain::{Artifact, Intent, Outcome, Place, ServiceName, SourceName, Target, Verb};
use serde_json::json;

use self::declared::Declared;
use self::desk::Desk;
use self::kube::Kube;
use self::lie::Lie;
use self::swarm::Swarm;

/// What came of a script: the outcome's word (or `refused` when there was no plan), and what it says.
type Told = (String, String);

fn told(outcome: &Outcome) -> Told {
    (outcome.word().to_owned(), outcome.text().to_string())
}

/// Confirms a plan and follows it; or the refusal, if there is no plan.
async fn carried_out(desk: &mut Desk, key: char, pass: impl FnMut()) -> Told {
    match desk.ask(key).await {
        Err(refusal) => ("refused".to_owned(), refusal),
        Ok(_) => {
            desk.confirm().await;
            told(&desk.follow(pass).await)
        }
    }
}

async fn on_kubernetes(lie: Lie) -> Told {
    let kube = Kube::start(&["v1", "v2"]).await;
    kube.lock().lie = Some(lie);
    let key = match lie {
        Lie::PauseIgnored | Lie::PauseIdle => 'P',
        _ => 'r',
    };
    if lie == Lie::PauseIgnored {
        let mut cluster = kube.lock();
        cluster.roll_out("v3");
        cluster.pods = (0..4).map(|n| cluster.pod(if n < 2 { "v3" } else { "v2" }, n)).collect();
        cluster.count(4, 2, 4);
    }
    let mut desk = Desk::open(&kube.provider, &[]).await;
    match lie {
        Lie::MissingRevision => drop(kube.lock().sets.remove(0)),
        // Somebody else was faster: what is asked for runs already.
        Lie::NoOperation => kube.lock().roll_out("v1"),
        _ => {}
    }
    carried_out(&mut desk, key, || kube.lock().pass()).await
}

async fn on_docker(lie: Lie) -> Told {
    let swarm = Swarm::start().await;
    swarm.lock().lie = Some(lie);
    match lie {
        Lie::PauseIgnored => swarm.lock().say("updating"),
        Lie::NoOperation => {
            let mut engine = swarm.lock();
            engine.service["PreviousSpec"] = engine.service["Spec"].clone();
            engine.service["PreviousSpec"]["Labels"] = json!({"only": "a label differs"});
        }
        _ => {}
    }
    let mut desk = Desk::open(&swarm.provider, &[]).await;
    match lie {
        Lie::MissingRevision => {
            // The engine forgot it, and the registry has it no longer.
            let mut engine = swarm.lock();
            let previous = engine.service.as_object_mut().unwrap().remove("PreviousSpec").unwrap();
            let image = previous["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap().to_owned();
            let (tag, digest) = image.split_once('@').unwrap();
            let (name, _) = tag.rsplit_once(':').unwrap();
            for gone in [tag.to_owned(), format!("{name}@{digest}")] {
                engine.registry.insert(gone, (404, json!({"message": "manifest unknown"})));
            }
        }
        // An engine cannot hold an update: there is nothing that could be accepted and ignored.
        Lie::PauseIdle => return carried_out(&mut desk, 'P', || {}).await,
        Lie::NoOperation => {
            let running = Artifact::from_reference(
                swarm.lock().service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap(),
            );
            return promoted(&swarm, running).await;
        }
        _ => {}
    }
    carried_out(&mut desk, 'r', || swarm.lock().pass()).await
}

async fn on_command(lie: Lie) -> Told {
    let place = Declared::start();
    place.lock().lie = Some(lie);
    let key = match lie {
        Lie::PauseIgnored | Lie::PauseIdle => 'P',
        _ => 'r',
    };
    if lie == Lie::PauseIgnored {
        let mut world = place.lock();
        world.state["phase"] = json!("progressing");
        world.state["target"] = json!({"version": "v3"});
        world.state["running"] = json!([{"version": "v3", "ready": 1}, {"version": "v2", "ready": 1}]);
        world.save();
    }
    let mut desk = Desk::open(&place.provider, &[]).await;
    {
        let mut world = place.lock();
        match lie {
            Lie::MissingRevision => drop(world.state["revisions"].as_array_mut().unwrap().pop()),
            // Somebody else was faster: what is asked for runs already, and the old one is still listed.
            Lie::NoOperation => {
                world.state["target"] = json!({"version": "v1"});
                world.state["running"] = json!([{"version": "v1", "ready": 2}]);
            }
            _ => {}
        }
        world.save();
    }
    carried_out(&mut desk, key, || place.lock().pass()).await
}

/// A promotion of what runs already has no plan; its blocking hazard says why.
async fn promoted(swarm: &Swarm, artifact: Artifact) -> Told {
    let intent = Intent {
        verb: Verb::Promote,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target: Target::Artifact(artifact),
        source: SourceName::new("prod"),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    };
    let prepared = swarm.provider.prepare(&intent).await.unwrap();
    let blocking = prepared.hazards.iter().find(|h| h.severity == gonogo::domain::Severity::Blocking);
    ("refused".to_owned(), blocking.map(|h| h.text.to_string()).unwrap_or_default())
}

/// What each outcome must be and name. `(word, part)` for Kubernetes, for Docker and for declared commands.
fn expected(lie: Lie) -> [(&'static str, &'static str); 3] {
    let [kubernetes, docker] = of_servers(lie);
    let command = match lie {
        Lie::NoEffect => ("failed", "v2 is still asked for"),
        Lie::Partial | Lie::OldStuck | Lie::LeftBehind => ("in doubt", "v2 still runs 1 times"),
        Lie::RevertedLater => ("failed", "v2"),
        Lie::PauseIgnored => ("failed", "not paused"),
        Lie::PauseIdle => ("failed", "only 0 replicas"),
        Lie::NoOperation => ("refused", "already runs v1"),
        Lie::MissingRevision => ("refused", "remembers no revision"),
        Lie::ScaledDown => ("in doubt", "only 1 replicas"),
        Lie::NotANumber => ("in doubt", "cannot be seen"),
        Lie::StaleCache => ("in doubt", "another object"),
    };
    [kubernetes, docker, command]
}

fn of_servers(lie: Lie) -> [(&'static str, &'static str); 2] {
    match lie {
        Lie::NoEffect => [("failed", "v2 is still asked for"), ("failed", "v2 is still asked for")],
        Lie::Partial => {
            [("in doubt", "v2 still runs 2 times"), ("in doubt", "1 of 2 run v1, 1 still run v2")]
        }
        Lie::RevertedLater => [("failed", "v2"), ("failed", "v2")],
        Lie::PauseIgnored => [("failed", "went on to its end"), ("failed", "v2 is still asked for")],
        Lie::PauseIdle => [("failed", "only 0 replicas"), ("refused", "no way to pause")],
        Lie::NoOperation => [("refused", "nothing would change"), ("refused", "already runs")],
        Lie::MissingRevision => [("refused", "no longer remembers"), ("refused", "registry does not hold")],
        Lie::OldStuck => [("in doubt", "v2 still runs 1 times"), ("in doubt", "v2 still runs 1 times")],
        Lie::LeftBehind => [("in doubt", "v2 still runs 1 times"), ("in doubt", "1 still run v2")],
        Lie::ScaledDown => [("in doubt", "only 1 replicas"), ("in doubt", "only 1 replicas")],
        Lie::NotANumber => [("in doubt", "cannot be seen"), ("in doubt", "cannot be seen")],
        Lie::StaleCache => [("failed", "v2 is still asked for"), ("in doubt", "old state")],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_server_lies_about_is_shown_as_verified() {
    let mut scripts = tokio::task::JoinSet::new();
    for lie in Lie::ALL {
        scripts.spawn(async move { (lie, 0, "Kubernetes", on_kubernetes(lie).await) });
        scripts.spawn(async move { (lie, 1, "Docker", on_docker(lie).await) });
        scripts.spawn(async move { (lie, 2, "Command", on_command(lie).await) });
    }
    let mut wrong = Vec::new();
    let (mut verified, mut all) = (0, 0);
    while let Some(script) = scripts.join_next().await {
        let (lie, column, target, (word, text)) = script.unwrap();
        println!("{target} {lie:?}: {word}: {text}");
        all += 1;
        verified += usize::from(word == "verified");
        let (expected, part) = expected(lie)[column];
        if word != expected || !text.contains(part) {
            wrong.push(format!("{target} {lie:?}: {word}: {text} ({expected}: {part} wanted)"));
        }
    }
    println!("R4: {verified} of {all} scripts shown as verified");
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!((verified, all), (0, 36));
}

/// The other side: what is carried out honestly is verified, so the test above does not pass by never verifying.
#[tokio::test]
async fn what_is_carried_out_is_verified() {
    let kube = Kube::start(&["v1", "v2"]).await;
    let mut desk = Desk::open(&kube.provider, &[]).await;
    let (word, text) = carried_out(&mut desk, 'r', || kube.lock().pass()).await;
    assert_eq!((word.as_str(), text.as_str()), ("verified", "4 of 4 replicas run v1"));
    let (word, text) = carried_out(&mut desk, 'P', || kube.lock().pass()).await;
    assert_eq!((word.as_str(), text.as_str()), ("verified", "the rollout is paused"));
    let swarm = Swarm::start().await;
    let mut desk = Desk::open(&swarm.provider, &[]).await;
    let (word, text) = carried_out(&mut desk, 'r', || swarm.lock().pass()).await;
    assert_eq!((word.as_str(), text.as_str()), ("verified", "2 of 2 replicas run v1"));
    assert_eq!((kube.lock().writes, swarm.lock().writes), (2, 1));
    let place = Declared::start();
    let mut desk = Desk::open(&place.provider, &[]).await;
    let (word, text) = carried_out(&mut desk, 'r', || place.lock().pass()).await;
    assert_eq!((word.as_str(), text.as_str()), ("verified", "2 of 2 replicas run v1"));
    let (word, text) = carried_out(&mut desk, 'P', || place.lock().pass()).await;
    assert_eq!((word.as_str(), text.as_str()), ("verified", "the rollout is paused"));
    assert_eq!(place.lock().calls().len(), 2);
}

/// The hold is accepted on an idle Deployment and its replicas are lowered to 0: what the canary controller did to
/// stable when an abort met nothing in progress.
#[tokio::test]
async fn argo_rollouts_1292_a_hold_on_something_idle_that_takes_the_replicas_away_is_not_verified() {
    let (word, text) = on_kubernetes(Lie::PauseIdle).await;
    assert_eq!(word, "failed");
    assert!(text.contains("only 0 replicas are asked for, not 4 as before"), "{text}");
}

/// A rollout that reports success while the replicas it should have replaced still serve.
#[tokio::test]
async fn kubernetes_69247_counters_that_say_done_are_not_believed_against_the_pods() {
    for lie in [Lie::Partial, Lie::OldStuck, Lie::LeftBehind] {
        let (word, text) = on_kubernetes(lie).await;
        assert_eq!(word, "in doubt", "{lie:?}: {text}");
        assert!(text.contains("v2 still runs"), "{lie:?}: {text}");
    }
}
