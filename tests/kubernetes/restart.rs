//! A restart on every kind of workload: the template stays, every pod is new, and only that proves it.

use gonogo::domain::rollout::Restart;
use gonogo::domain::{Cause, Phase, Promise, Rollout, Severity, Target, Verb};
use gonogo::sandbox::kubernetes::Shape;
use jiff::Timestamp;
use serde_json::json;

use super::kinds::{Day, canary};

/// Long after the first pods were made.
const AT: &str = "2026-11-20T14:05:00Z";

fn at() -> Target {
    Target::Replicas { at: AT.parse::<Timestamp>().unwrap() }
}

fn restarted(rollout: &Rollout) -> bool {
    let new = Some(Restart { mark: AT.into(), left: 0 });
    let whole = rollout.running.iter().map(|r| r.ready).sum::<u32>() == rollout.replicas.desired;
    rollout.phase == Phase::Done && rollout.restart == new && whole
}

#[tokio::test]
async fn every_pod_is_replaced_and_nothing_else_changes() {
    for (shape, word, plural) in [
        (Shape::Deployment, "deployment", "deployments"),
        (Shape::StatefulSet, "statefulset", "statefulsets"),
        (Shape::DaemonSet, "daemonset", "daemonsets"),
        (canary(), "rollout", "rollouts"),
    ] {
        let day = Day::start(shape, word).await;
        let first = day.done("v2").await;
        assert_eq!(first.restart, None, "{word}");
        day.pass(300);
        let before = day.object(plural);
        let plan = day.act(Verb::Restart, at()).await;
        let Promise::Restarted { artifact, mark } = &plan.promise else { panic!("{:?}", plan.promise) };
        assert_eq!((artifact.label(), mark.as_str()), ("v2", AT), "{word}");
        assert_eq!(artifact.digest, first.running[0].artifact.digest, "{word}");
        let half = day.see("half way", |r| r.restart.as_ref().is_some_and(|r| r.left > 0)).await;
        assert_ne!(half.restart.as_ref().map(|r| r.left), Some(0), "{word}");
        let done = day.see("restarted", restarted).await;
        assert_eq!(done.running, first.running, "{word}");
        // Nothing of the specification changed but the mark.
        let mut after = day.object(plural)["spec"].clone();
        if word == "rollout" {
            assert_eq!(after.as_object_mut().unwrap().remove("restartAt"), Some(json!(AT)));
        } else {
            let metadata = after.pointer_mut("/template/metadata").unwrap().as_object_mut().unwrap();
            let notes = metadata.remove("annotations");
            assert_eq!(notes, Some(json!({"kubectl.kubernetes.io/restartedAt": AT})), "{word}");
        }
        assert_eq!(after, before["spec"], "{word}");
        // It is no other revision to go back to: the same artifact runs.
        assert_eq!(done.previous().map(|r| r.artifact.label().to_owned()).as_deref(), Some("v1"), "{word}");
    }
}

#[tokio::test]
async fn a_restart_of_what_moved_meanwhile_is_refused_by_the_server() {
    let day = Day::start(Shape::Deployment, "deployment").await;
    day.done("v2").await;
    let plan = day.plan(Verb::Restart, at()).await.unwrap();
    day.promote("v3").await;
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved, "{fault}");
    assert_eq!(day.done("v3").await.restart, None);
}

#[tokio::test]
async fn what_would_not_restart_as_it_is_blocks_the_plan() {
    let blocked = |plan: &gonogo::domain::Prepared, part: &str| {
        let found = plan.hazards.iter().find(|h| h.text.as_str().contains(part));
        assert_eq!(found.map(|h| h.severity), Some(Severity::Blocking), "{part}: {:?}", plan.hazards);
    };
    let day = Day::start(Shape::Deployment, "deployment").await;
    day.done("v2").await;
    let plan = day.plan(Verb::Restart, at()).await.unwrap();
    assert!(plan.hazards.iter().all(|h| h.severity != Severity::Blocking), "{:?}", plan.hazards);
    day.act(Verb::Pause, Target::Rollout).await;
    let plan = day.plan(Verb::Restart, at()).await.unwrap();
    blocked(&plan, "paused");

    let day = Day::start(canary(), "rollout").await;
    day.done("v2").await;
    day.promote("v3").await;
    day.see("held", |r| matches!(r.phase, Phase::Paused(_))).await;
    let plan = day.plan(Verb::Restart, at()).await.unwrap();
    blocked(&plan, "not over");

    let day = Day::start(Shape::StatefulSet, "statefulset").await;
    day.done("v2").await;
    day.cluster.merge(
        "statefulsets",
        "shop",
        "web",
        &json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}),
    );
    let plan = day.plan(Verb::Restart, at()).await.unwrap();
    blocked(&plan, "OnDelete");
}
