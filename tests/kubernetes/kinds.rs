//! StatefulSets, DaemonSets and Argo Rollouts, against the sandbox's cluster.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gonogo::domain::rollout::{Course, Standing};
use gonogo::domain::{
    Artifact, Cause, Fault, Phase, Prepared, Promise, Rollout, SafeText, Severity, Target, Verb,
};
use gonogo::provider::Provider;
use gonogo::sandbox::kubernetes::{
    ADMIN_TOKEN, Behaviour, Cluster, Conclusion, DeploymentSeed, Shape, VIEWER_TOKEN,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Server, intent, kubeconfig, observe, provider_of, until, web, write};

pub(super) const IMAGE: &str = "127.0.0.1:1/shop/web";

/// A cluster that runs `web` v2 after v1 in some shape, and the provider of it.
pub(super) struct Day {
    pub(super) cluster: Cluster,
    pub(super) provider: Arc<dyn Provider>,
    clock: Mutex<Timestamp>,
    folder: tempfile::TempDir,
    server: Server,
    word: &'static str,
}

pub(super) fn canary() -> Shape {
    Shape::Canary(vec![
        json!({"setWeight": 25}),
        json!({"pause": {}}),
        json!({"analysis": {"templates": [{"templateName": "success-rate"}]}}),
        json!({"setWeight": 50}),
        json!({"pause": {"duration": "10s"}}),
    ])
}

fn digest(tag: &str) -> String {
    format!("sha256:{}", tag.trim_start_matches('v').repeat(64))
}

impl Day {
    pub(super) async fn start(shape: Shape, word: &'static str) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let cluster = Cluster::new(now);
        for tag in ["v1", "v2", "v3"] {
            cluster.register_image(&format!("{IMAGE}:{tag}"), &digest(tag));
        }
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: "web".into(),
            container: "web".into(),
            image: format!("{IMAGE}:v2"),
            change_cause: "release 2".into(),
            replicas: 4,
            history: vec![(format!("{IMAGE}:v1"), "release 1".into())],
            shape,
            ..DeploymentSeed::default()
        });
        let server = Server::start(cluster.router()).await;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &kubeconfig(&server.url(), ADMIN_TOKEN));
        let provider = provider_of(folder.path(), &[("web", format!("{word}/web"))], 5);
        Self { cluster, provider, clock: Mutex::new(now), folder, server, word }
    }

    pub(super) fn pass(&self, seconds: u64) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..seconds * 2 {
            *clock = clock.checked_add(SignedDuration::from_millis(500)).unwrap();
            self.cluster.tick(*clock, Duration::from_millis(500));
        }
    }

    pub(super) async fn plan(&self, verb: Verb, target: Target) -> Result<Prepared, Fault> {
        observe(&self.provider).await.unwrap();
        self.provider.prepare(&intent(verb, target)).await
    }

    /// Prepares, sends every step as it is, and checks that exactly these requests arrived.
    pub(super) async fn act(&self, verb: Verb, target: Target) -> Prepared {
        let plan = self.plan(verb, target).await.unwrap();
        assert!(plan.hazards.iter().all(|h| h.severity != Severity::Blocking), "{:?}", plan.hazards);
        let before = self.cluster.writes().len();
        for step in &plan.steps {
            assert_eq!(self.provider.perform(step).await.unwrap().status, 200);
        }
        let writes = self.cluster.writes().split_off(before);
        let sent: Vec<_> = writes.iter().map(|w| (w.path.clone(), Some(w.body.clone()))).collect();
        let shown: Vec<_> = plan.steps.iter().map(|s| (s.path.clone(), s.body.clone())).collect();
        assert_eq!(sent, shown);
        plan
    }

    pub(super) async fn promote(&self, tag: &str) -> Prepared {
        let artifact = Artifact::from_reference(&format!("{IMAGE}:{tag}"));
        self.act(Verb::Promote, Target::Artifact(artifact)).await
    }

    async fn roll_back_to(&self, tag: &str) -> Prepared {
        let seen = observe(&self.provider).await.unwrap();
        let revision = web(&seen).revisions.iter().find(|r| r.artifact.label() == tag).unwrap().clone();
        self.act(Verb::RollBack, Target::Revision { id: revision.id, artifact: revision.artifact }).await
    }

    /// Lets time pass until the rollout is as wanted.
    pub(super) async fn see(&self, what: &str, wanted: impl Fn(&Rollout) -> bool) -> Rollout {
        for _ in 0..120 {
            let seen = observe(&self.provider).await.unwrap();
            let rollout = web(&seen);
            if wanted(rollout) {
                return rollout.clone();
            }
            self.pass(1);
            // What changed comes by the watches: a ring, or nothing because nothing changed.
            let wake = self.provider.wake().unwrap();
            drop(tokio::time::timeout(Duration::from_millis(40), wake.notified()).await);
        }
        until(&self.provider, what, wanted).await
    }

    pub(super) async fn done(&self, tag: &str) -> Rollout {
        self.see(tag, |r| {
            r.phase == Phase::Done
                && r.target.label() == tag
                && r.running.len() == 1
                && r.running[0].artifact.label() == tag
        })
        .await
    }

    pub(super) fn object(&self, plural: &str) -> Value {
        let answer = self.cluster.object(plural, "shop", "web");
        answer.unwrap_or_else(|| panic!("no {plural}"))
    }
}

fn labels(rollout: &Rollout) -> Vec<(&str, Option<u64>, Standing)> {
    rollout.revisions.iter().map(|r| (r.artifact.label(), r.number, r.standing)).collect()
}

#[tokio::test]
async fn a_stateful_set_is_promoted_and_rolled_back_by_its_controller_revisions() {
    let day = Day::start(Shape::StatefulSet, "statefulset").await;
    let first = day.done("v2").await;
    assert_eq!(first.workload.as_str(), "statefulset/web in namespace shop");
    assert_eq!(labels(&first), [("v2", Some(2), Standing::Current), ("v1", Some(1), Standing::Past)]);
    assert_eq!(first.replicas.desired, 4);
    assert!(first.patience.is_some(), "it has no deadline of its own");
    let plan = day.promote("v3").await;
    assert!(
        plan.steps[0].path.starts_with("/apis/apps/v1/namespaces/shop/statefulsets/web?"),
        "{:?}",
        plan.steps
    );
    let half = day.see("half way", |r| r.running.len() == 2).await;
    let Phase::Progressing(_) = &half.phase else { panic!("{:?}", half.phase) };
    let done = day.done("v3").await;
    assert_eq!(done.running[0].ready, 4);
    let before = day.object("statefulsets");
    day.roll_back_to("v2").await;
    let back = day.done("v2").await;
    assert_eq!(labels(&back)[0], ("v2", Some(4), Standing::Current), "{:?}", labels(&back));
    let after = day.object("statefulsets");
    assert_eq!(
        after["spec"]["template"]["$patch"],
        Value::Null,
        "the directive of the memory is no part of it"
    );
    let (mut a, mut b) = (before["spec"].clone(), after["spec"].clone());
    a["template"] = Value::Null;
    b["template"] = Value::Null;
    assert_eq!(a, b, "nothing but the template changed");
}

#[tokio::test]
async fn a_broken_pod_of_a_stateful_set_holds_its_roll_back_up_and_the_plan_says_so() {
    let day = Day::start(Shape::StatefulSet, "statefulset").await;
    day.cluster.set_behaviour(&format!("{IMAGE}:v3"), Behaviour::CrashLoop);
    day.promote("v3").await;
    let stuck = day.see("a crash loop", |r| !r.signs.is_empty()).await;
    assert!(stuck.signs[0].as_str().starts_with("CrashLoopBackOff on 1 pod"), "{:?}", stuck.signs);
    let plan = day.roll_back_to("v2").await;
    assert!(plan.hazards.iter().any(|h| h.text.as_str().contains("deleted by hand")), "{:?}", plan.hazards);
    day.pass(120);
    let still = observe(&day.provider).await.unwrap();
    assert!(!web(&still).at_rest(), "Kubernetes waits for the very pod that cannot get ready");
}

#[tokio::test]
async fn what_would_not_be_replaced_by_its_controller_is_not_promoted() {
    let artifact = Artifact::from_reference(&format!("{IMAGE}:v3"));
    for (word, shape, plural, patch, says) in [
        (
            "statefulset",
            Shape::StatefulSet,
            "statefulsets",
            json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}),
            "OnDelete",
        ),
        (
            "statefulset",
            Shape::StatefulSet,
            "statefulsets",
            json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}}),
            "partition 2",
        ),
        (
            "daemonset",
            Shape::DaemonSet,
            "daemonsets",
            json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}),
            "OnDelete",
        ),
    ] {
        let day = Day::start(shape, word).await;
        day.done("v2").await;
        day.cluster.merge(plural, "shop", "web", &patch);
        day.pass(2);
        let plan = day.plan(Verb::Promote, Target::Artifact(artifact.clone())).await.unwrap();
        let blocks =
            plan.hazards.iter().any(|h| h.severity == Severity::Blocking && h.text.as_str().contains(says));
        assert!(blocks, "{word}: {:?}", plan.hazards);
        // Somebody does it all the same: what is held is told as held, never as done.
        assert!(day.cluster.set_image("shop", "web", "web", &format!("{IMAGE}:v3"), ""));
        day.see("held", |r| matches!(&r.phase, Phase::Paused(why) if why.as_str().contains(says))).await;
        day.pass(60);
        day.see("still held", |r| matches!(&r.phase, Phase::Paused(why) if why.as_str().contains(says)))
            .await;
    }
}

#[tokio::test]
async fn a_daemon_set_runs_on_every_node_and_is_rolled_back() {
    let day = Day::start(Shape::DaemonSet, "daemonset").await;
    let first = day.done("v2").await;
    assert_eq!((first.replicas.desired, first.running[0].ready), (3, 3));
    day.promote("v3").await;
    let done = day.done("v3").await;
    assert_eq!(done.previous().unwrap().artifact.label(), "v2");
    day.roll_back_to("v2").await;
    assert_eq!(day.done("v2").await.running[0].ready, 3);
    for verb in [Verb::Pause, Verb::Resume, Verb::Abort, Verb::PromoteFully, Verb::Retry] {
        let fault = day.plan(verb, Target::Rollout).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Refused, "{verb:?}: {fault}");
    }
}

#[tokio::test]
async fn a_canary_goes_on_step_by_step_and_says_which() {
    let day = Day::start(canary(), "rollout").await;
    let first = day.done("v2").await;
    let steps = first.steps.as_ref().unwrap();
    assert_eq!((steps.at, steps.course, steps.weight), (5, Course::Over, Some(100)));
    let words: Vec<&str> = steps.words.iter().map(SafeText::as_str).collect();
    assert_eq!(words, ["25 %", "pause until promoted", "analysis success-rate", "50 %", "pause 10s"]);
    let plan = day.promote("v3").await;
    assert!(
        matches!(&plan.promise, Promise::Begun { artifact } if artifact.label() == "v3"),
        "{:?}",
        plan.promise
    );
    let held = day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    let Phase::Paused(why) = &held.phase else { unreachable!() };
    assert_eq!(why.as_str(), "a pause of its steps: step 2 of 5, pause until promoted");
    let steps = held.steps.as_ref().unwrap();
    assert_eq!((steps.at, steps.course, steps.weight), (1, Course::Held, Some(25)));
    assert_eq!(steps.stable.as_ref().unwrap().label(), "v2");
    let running: Vec<_> = held.running.iter().map(|r| (r.artifact.label(), r.ready)).collect();
    assert_eq!(running, [("v2", 3), ("v3", 1)]);
    let plan = day.act(Verb::Resume, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::WentOn { step: 1 });
    assert!(plan.steps[0].path.contains("/rollouts/web/status?"), "{:?}", plan.steps);
    let measuring = day
        .see("the analysis", |r| {
            r.steps.as_ref().is_some_and(|s| s.analyses.iter().any(|a| !a.metrics.is_empty()))
        })
        .await;
    let analysis = &measuring.steps.as_ref().unwrap().analyses[0];
    assert_eq!(
        (analysis.metrics[0].name.as_str(), analysis.metrics[0].condition.as_str()),
        ("success-rate", "result[0] >= 0.99")
    );
    let done = day.done("v3").await;
    assert_eq!(done.steps.unwrap().course, Course::Over);
}

#[tokio::test]
async fn a_canary_that_moved_on_is_not_let_go_on_from_the_step_before() {
    let day = Day::start(canary(), "rollout").await;
    day.promote("v3").await;
    day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    let plan = day.plan(Verb::Resume, Target::Rollout).await.unwrap();
    // Somebody else was faster.
    day.act(Verb::Resume, Target::Rollout).await;
    day.pass(2);
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved, "{fault}");
    let again = day.plan(Verb::Resume, Target::Rollout).await.unwrap();
    assert_ne!(plan.basis, again.basis);
}

#[tokio::test]
async fn a_failed_analysis_aborts_and_the_way_on_is_offered() {
    let day = Day::start(canary(), "rollout").await;
    day.cluster.set_conclusion(&format!("{IMAGE}:v3"), Conclusion::Fails);
    day.promote("v3").await;
    day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    day.act(Verb::Resume, Target::Rollout).await;
    let failed = day.see("the abort", |r| matches!(r.phase, Phase::Failed(_))).await;
    let Phase::Failed(why) = &failed.phase else { unreachable!() };
    assert!(
        why.as_str().contains("success-rate") && why.as_str().contains("still what is asked for"),
        "{why}"
    );
    assert_eq!(failed.target.label(), "v3", "an abort leaves the bad version in the specification");
    assert_eq!(failed.steps.as_ref().unwrap().course, Course::Aborted);
    // Its replicas serve on until they are gone; then the stable revision has all of it.
    let drained = day.see("no share", |r| r.steps.as_ref().is_some_and(|s| s.weight == Some(0))).await;
    assert!(
        drained.running.iter().all(|r| r.artifact.label() == "v2" || r.ready == 0),
        "{:?}",
        drained.running
    );
    // Trying again measures again.
    day.cluster.set_conclusion(&format!("{IMAGE}:v3"), Conclusion::Passes);
    let plan = day.act(Verb::Retry, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::Retried);
    day.see("the pause again", |r| matches!(r.phase, Phase::Paused(_))).await;
    day.act(Verb::Resume, Target::Rollout).await;
    day.done("v3").await;
}

#[tokio::test]
async fn an_abort_and_the_roll_back_to_what_is_stable_leave_nothing_of_it() {
    let day = Day::start(canary(), "rollout").await;
    day.promote("v3").await;
    let held = day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    // The server fills in the ReplicaSets' templates and not the Rollout's: they are still its revisions.
    assert_eq!((held.revisions[0].artifact.label(), held.revisions[0].standing), ("v3", Standing::Current));
    assert!(held.target.digest.is_some(), "its pods tell: {:?}", held.target);
    let plan = day.act(Verb::Abort, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::Aborted);
    assert!(
        plan.hazards.iter().any(|h| h.text.as_str().contains("leaves v3 in the specification")),
        "{:?}",
        plan.hazards
    );
    let aborted = day.see("all on v2", |r| r.running.len() == 1 && matches!(r.phase, Phase::Failed(_))).await;
    assert_eq!((aborted.running[0].artifact.label(), aborted.running[0].ready), ("v2", 4));
    let plan = day.roll_back_to("v2").await;
    assert!(
        matches!(plan.promise, Promise::Runs { .. }),
        "the stable revision takes no steps: {:?}",
        plan.promise
    );
    let changed: Vec<_> = plan.differences.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(changed, ["image of container web"], "the server's defaults are none");
    let back = day.done("v2").await;
    assert_eq!(back.steps.unwrap().course, Course::Over);
}

#[tokio::test]
async fn promoting_fully_skips_what_is_left_and_says_what() {
    let day = Day::start(canary(), "rollout").await;
    day.promote("v3").await;
    day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    let plan = day.act(Verb::PromoteFully, Target::Rollout).await;
    let told = plan
        .hazards
        .iter()
        .any(|h| h.severity == Severity::Warning && h.text.as_str().contains("analysis success-rate"));
    assert!(told, "{:?}", plan.hazards);
    day.done("v3").await;
    let blocked = day.plan(Verb::PromoteFully, Target::Rollout).await.unwrap();
    assert!(blocked.hazards.iter().any(|h| h.severity == Severity::Blocking), "{:?}", blocked.hazards);
}

#[tokio::test]
async fn an_analysis_without_a_conclusion_waits_for_a_human_and_is_left_behind() {
    let day = Day::start(canary(), "rollout").await;
    day.cluster.set_conclusion(&format!("{IMAGE}:v3"), Conclusion::Unclear);
    day.promote("v3").await;
    day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    day.act(Verb::Resume, Target::Rollout).await;
    let unclear = day
        .see(
            "no conclusion",
            |r| matches!(&r.phase, Phase::Paused(why) if why.as_str().contains("no conclusion")),
        )
        .await;
    assert_eq!(unclear.steps.as_ref().unwrap().at, 2);
    let plan = day.act(Verb::Resume, Target::Rollout).await;
    assert!(plan.hazards.iter().any(|h| h.text.as_str().contains("leaves it behind")), "{:?}", plan.hazards);
    day.done("v3").await;
}

#[tokio::test]
async fn a_blue_green_switch_waits_for_a_human() {
    let day = Day::start(Shape::BlueGreen, "rollout").await;
    day.done("v2").await;
    day.promote("v3").await;
    let held = day.see("the preview", |r| matches!(r.phase, Phase::Paused(_))).await;
    let steps = held.steps.as_ref().unwrap();
    assert_eq!((steps.at, steps.weight), (1, Some(0)), "it has no traffic before the switch");
    let ready: u32 = held.running.iter().filter(|r| r.artifact.label() == "v3").map(|r| r.ready).sum();
    assert_eq!(ready, 4, "the preview is whole");
    day.act(Verb::Resume, Target::Rollout).await;
    let done = day.done("v3").await;
    assert_eq!(done.steps.unwrap().course, Course::Over);
}

#[tokio::test]
async fn a_reader_may_neither_promote_nor_abort_and_is_told_what_is_missing() {
    let day = Day::start(canary(), "rollout").await;
    day.promote("v3").await;
    day.see("the pause", |r| matches!(r.phase, Phase::Paused(_))).await;
    write(day.folder.path(), &kubeconfig(&day.server.url(), VIEWER_TOKEN));
    let reader = provider_of(day.folder.path(), &[("web", format!("{}/web", day.word))], 5);
    observe(&reader).await.unwrap();
    let plan = reader.prepare(&intent(Verb::Abort, Target::Rollout)).await.unwrap();
    let gonogo::domain::Permission::Denied(why) = &plan.permission else { panic!("{:?}", plan.permission) };
    assert!(why.as_str().contains("the status of rollout/web"), "{why}");
}

/// What Helm made is known by its marks, whatever it is, and its own way back is named; its Secrets are not read.
#[tokio::test]
async fn a_release_of_helm_is_recognised_on_every_kind_and_left_to_helm() {
    for (shape, word) in [
        (Shape::Deployment, "deployment"),
        (Shape::StatefulSet, "statefulset"),
        (Shape::DaemonSet, "daemonset"),
        (canary(), "rollout"),
    ] {
        let plural = format!("{word}s");
        let day = Day::start(shape, word).await;
        let marks = json!({"metadata": {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "web-release", "meta.helm.sh/release-namespace": "releases"}
        }});
        day.cluster.merge(&plural, "shop", "web", &marks);
        let rollout = day.see("the marks", |r| r.owner.is_some()).await;
        let owner = rollout.owner.unwrap();
        assert_eq!((owner.tool.as_str(), owner.name.as_str()), ("Helm", "web-release"), "{word}");
        let back = rollout.revisions.iter().find(|r| r.artifact.label() == "v1").unwrap().clone();
        let target = Target::Revision { id: back.id, artifact: back.artifact };
        let promote = Target::Artifact(Artifact::from_reference(&format!("{IMAGE}:v3")));
        for (verb, target) in [(Verb::RollBack, target), (Verb::Promote, promote)] {
            let plan = day.plan(verb, target).await.unwrap();
            let told = plan.hazards.iter().any(|hazard| {
                hazard.severity == Severity::Warning
                    && hazard.text.as_str().contains("helm rollback web-release REVISION -n releases")
            });
            assert!(told, "{word} {}: {:?}", verb.word(), plan.hazards);
        }
    }
}
