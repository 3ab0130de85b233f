//! A Rollout that takes its template from a Deployment (`workloadRef`): steered like any other, its template left alone.

use gonogo::domain::{Cause, Phase, Promise, Target, Verb};
use serde_json::{Value, json};

use super::kinds::{Day, IMAGE, canary};

/// `rollout/web` of v2, which takes its template from the Deployment `template`.
async fn day() -> Day {
    let day = Day::start(canary(), "rollout").await;
    day.done("v2").await;
    let template = day.object("rollouts")["spec"]["template"].clone();
    day.cluster.create(
        "deployments",
        json!({
            "metadata": {"name": "template", "namespace": "shop"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        }),
    );
    let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "template"});
    day.cluster.merge(
        "rollouts",
        "shop",
        "web",
        &json!({"spec": {"template": null, "workloadRef": reference}}),
    );
    day.pass(5);
    day.done("v2").await;
    day
}

fn ship(day: &Day, tag: &str) {
    let containers = json!([{"name": "web", "image": format!("{IMAGE}:{tag}")}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    day.cluster.merge("deployments", "shop", "template", &patch);
}

#[tokio::test]
async fn it_is_let_go_on_aborted_and_retried_by_the_revision_that_its_controller_read() {
    let day = day().await;
    ship(&day, "v3");
    let held = day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    assert_eq!(held.target.label(), "v3");
    let plan = day.act(Verb::Abort, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::Aborted);
    let sent: Value = serde_json::from_str(plan.steps[0].body.as_ref().unwrap()).unwrap();
    let tested: Vec<&str> = sent
        .as_array()
        .unwrap()
        .iter()
        .filter(|o| o["op"] == "test")
        .map(|o| o["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        tested,
        ["/metadata/uid", "/metadata/generation", "/status/currentPodHash", "/status/currentStepIndex"]
    );
    day.see("aborted", |r| matches!(r.phase, Phase::Failed(_))).await;
    day.act(Verb::Retry, Target::Rollout).await;
    day.see("the pause again", |r| matches!(r.phase, Phase::Paused(_))).await;
    day.act(Verb::Resume, Target::Rollout).await;
    day.done("v3").await;
}

#[tokio::test]
async fn what_came_meanwhile_is_refused_by_the_server() {
    let day = day().await;
    ship(&day, "v3");
    day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    for verb in [Verb::Resume, Verb::PromoteFully, Verb::Pause] {
        let plan = day.plan(verb, Target::Rollout).await.unwrap();
        ship(&day, "v1");
        day.pass(5);
        let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Moved, "{verb:?}: {fault}");
        ship(&day, "v3");
        day.pass(5);
        day.see("the pause", |r| matches!(r.phase, Phase::Paused(_)) && r.target.label() == "v3").await;
    }
}

#[tokio::test]
async fn its_template_is_not_changed_from_here() {
    let day = day().await;
    let target = Target::Artifact(gonogo::domain::Artifact::from_reference(&format!("{IMAGE}:v3")));
    let fault = day.plan(Verb::Promote, target).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Refused);
    assert!(fault.detail.as_str().contains("takes its template from deployment/template"), "{fault}");
}
