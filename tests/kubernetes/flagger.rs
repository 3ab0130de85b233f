//! Flagger's canaries and their gates, against the sandbox's cluster and load tester.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gonogo::domain::rollout::{Ajar, Course, Strategy};
use gonogo::domain::{
    Artifact, Cause, Fault, Guard, Phase, Prepared, Promise, Rollout, SafeText, Settings, Severity, Target,
    Verb,
};
use gonogo::provider::Provider;
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, Conclusion, DeploymentSeed, Shape};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Server, intent, kubeconfig, observe, provider_as, provider_of, web, write};

const IMAGE: &str = "127.0.0.1:1/shop/web";

/// A cluster in which a canary leads `web` v2, and the provider of it.
struct Day {
    cluster: Cluster,
    provider: Arc<dyn Provider>,
    clock: Mutex<Timestamp>,
    folder: tempfile::TempDir,
    _servers: [Server; 2],
}

fn hook(kind: &str, door: &str) -> Value {
    json!({"type": kind, "name": format!("ask {kind}"), "url": format!("http://loadtester.flagger/{door}/check")})
}

/// Shares of 20 and 40 per cent, with these webhooks.
fn analysis(webhooks: &[Value]) -> Value {
    json!({
        "interval": "10s", "threshold": 2, "stepWeight": 20, "maxWeight": 40, "webhooks": webhooks,
        "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}]
    })
}

/// Whether the config says how the load tester is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Told,
    Untold,
}

impl Day {
    async fn start(analysis: Value) -> Self {
        Self::reaching(analysis, Reach::Told).await
    }

    async fn reaching(analysis: Value, reach: Reach) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let cluster = Cluster::new(now);
        for tag in ["v1", "v2", "v3", "v4"] {
            let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
            cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
        }
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: "web".into(),
            container: "web".into(),
            image: format!("{IMAGE}:v2"),
            replicas: 3,
            history: vec![(format!("{IMAGE}:v1"), String::new())],
            shape: Shape::Flagger(analysis),
            progress_deadline: Some(Duration::from_secs(60)),
            ..DeploymentSeed::default()
        });
        let servers = [Server::start(cluster.router()).await, Server::start(cluster.load_tester()).await];
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &kubeconfig(&servers[0].url(), ADMIN_TOKEN));
        let mut settings = Settings::default().with_text("workload", "canary/web");
        if reach == Reach::Told {
            settings = settings.with_text("gates", &servers[1].url());
        }
        let provider = provider_as(folder.path(), &[("web", settings)], 5);
        Self { cluster, provider, clock: Mutex::new(now), folder, _servers: servers }
    }

    fn pass(&self, seconds: u64) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..seconds * 2 {
            *clock = clock.checked_add(SignedDuration::from_millis(500)).unwrap();
            self.cluster.tick(*clock, Duration::from_millis(500));
        }
    }

    async fn plan(&self, verb: Verb, target: Target) -> Result<Prepared, Fault> {
        observe(&self.provider).await.unwrap();
        self.provider.prepare(&intent(verb, target)).await
    }

    async fn act(&self, verb: Verb, target: Target) -> Prepared {
        let plan = self.plan(verb, target).await.unwrap();
        assert!(plan.hazards.iter().all(|h| h.severity != Severity::Blocking), "{:?}", plan.hazards);
        let before = self.cluster.writes().len();
        for step in &plan.steps {
            let status = self.provider.perform(step).await.unwrap().status;
            assert!((200..=202).contains(&status), "{status}");
        }
        let sent = self.cluster.writes().split_off(before);
        assert_eq!(sent.len(), plan.steps.len());
        for (write, step) in sent.iter().zip(&plan.steps) {
            assert!(step.path.ends_with(&write.path), "{step:?}");
            assert_eq!(Some(&write.body), step.body.as_ref());
        }
        plan
    }

    async fn promote(&self, tag: &str) -> Prepared {
        let artifact = Artifact::from_reference(&format!("{IMAGE}:{tag}"));
        self.act(Verb::Promote, Target::Artifact(artifact)).await
    }

    async fn roll_back_to(&self, tag: &str) -> Prepared {
        let seen = observe(&self.provider).await.unwrap();
        let revision = web(&seen).revisions.iter().find(|r| r.artifact.label() == tag).unwrap().clone();
        self.act(Verb::RollBack, Target::Revision { id: revision.id, artifact: revision.artifact }).await
    }

    async fn look(&self) -> Rollout {
        web(&super::observe_closely(&self.provider).await.unwrap()).clone()
    }

    /// Lets time pass until the rollout is as wanted.
    async fn see(&self, what: &str, wanted: impl Fn(&Rollout) -> bool) -> Rollout {
        let mut last = None;
        for _ in 0..240 {
            let rollout = self.look().await;
            if wanted(&rollout) {
                return rollout;
            }
            last = Some(rollout);
            self.pass(1);
            // What changed comes by the watches: a ring, or nothing because nothing changed.
            let wake = self.provider.wake().unwrap();
            drop(tokio::time::timeout(Duration::from_millis(30), wake.notified()).await);
        }
        panic!("never seen: {what}; last {last:?}");
    }

    async fn done(&self, tag: &str) -> Rollout {
        self.see(tag, |r| r.at_rest() && r.target.label() == tag && r.running.len() == 1).await
    }

    async fn held(&self, why: &str) -> Rollout {
        self.see(why, |r| matches!(&r.phase, Phase::Paused(text) if text.as_str().contains(why))).await
    }

    fn status(&self) -> Value {
        self.cluster.object("canaries", "shop", "web").unwrap()["status"].clone()
    }

    fn set_spec(&self, patch: &Value) {
        self.cluster.merge("canaries", "shop", "web", &json!({"spec": patch}));
    }
}

fn says(plan: &Prepared, severity: Severity, part: &str) -> bool {
    plan.hazards.iter().any(|h| h.severity == severity && h.text.as_str().contains(part))
}

fn door(rollout: &Rollout, name: &str) -> Ajar {
    let doors = &rollout.steps.as_ref().unwrap().doors;
    doors.iter().find(|d| d.name.as_str() == name).unwrap_or_else(|| panic!("{doors:?}")).state.clone()
}

#[tokio::test]
async fn what_runs_is_the_primary_and_a_change_goes_flaggers_own_way() {
    let day = Day::start(analysis(&[])).await;
    let first = day.done("v2").await;
    assert_eq!(first.workload.as_str(), "canary/web in namespace shop");
    assert_eq!(first.phase, Phase::Done);
    assert_eq!(first.replicas.desired, 3, "the primary's, not those of the Deployment, which is at zero");
    assert_eq!((first.running[0].artifact.label(), first.running[0].ready), ("v2", 3));
    assert!(first.target.digest.is_some(), "by the pods of the primary");
    let steps = first.steps.as_ref().unwrap();
    assert_eq!((steps.course, steps.weight), (Course::Over, Some(100)));
    let plan = day.promote("v3").await;
    assert_eq!(plan.from.as_ref().unwrap().label(), "v2");
    assert!(matches!(plan.promise, Promise::Begun { .. }), "{:?}", plan.promise);
    assert!(plan.steps[0].path.starts_with("/apis/apps/v1/namespaces/shop/deployments/web?"));
    let told: Vec<_> = plan.hazards.iter().filter(|h| !h.text.as_str().contains("cannot prove")).collect();
    assert!(told.is_empty(), "that it is at zero is Flagger's way: {told:?}");
    let unread = day.look().await;
    assert_eq!(unread.steps.as_ref().unwrap().course, Course::Ordered, "{:?}", unread.phase);
    assert!(!unread.at_rest());
    let half = day.see("20 %", |r| r.steps.as_ref().unwrap().weight == Some(20)).await;
    let steps = half.steps.as_ref().unwrap();
    let words: Vec<&str> = steps.words.iter().map(SafeText::as_str).collect();
    assert_eq!(words, ["start", "20 %", "40 %", "promotion", "traffic to the primary"]);
    assert_eq!((steps.strategy, steps.course, steps.at), (Strategy::Canary, Course::Going, 1));
    assert_eq!(steps.stable.as_ref().unwrap().label(), "v2");
    assert!(steps.analyses[0].message.as_str().contains("0 of 2 failed checks"), "{:?}", steps.analyses);
    let running: Vec<_> = half.running.iter().map(|r| (r.artifact.label(), r.ready)).collect();
    assert_eq!(running, [("v2", 3), ("v3", 3)], "of equal numbers the primary comes first");
    day.done("v3").await;
    let done = day.see("the canary's own pods are gone", |r| r.running[0].ready == 3).await;
    assert_eq!(day.status()["phase"], "Succeeded");
    assert_eq!(done.previous().unwrap().artifact.label(), "v2");
}

#[tokio::test]
async fn a_canary_that_fails_is_left_in_the_deployment_and_a_roll_back_ends_it() {
    let day = Day::start(analysis(&[])).await;
    day.cluster.set_conclusion(&format!("{IMAGE}:v3"), Conclusion::Fails);
    day.promote("v3").await;
    day.see("a failed check", |r| {
        r.steps.as_ref().unwrap().analyses.iter().any(|a| a.message.as_str().starts_with("1 of 2"))
    })
    .await;
    let failed = day.see("the end of it", |r| matches!(r.phase, Phase::Failed(_))).await;
    let steps = failed.steps.as_ref().unwrap();
    assert_eq!((steps.course, steps.weight, failed.target.label()), (Course::Aborted, Some(0), "v3"));
    assert_eq!(failed.running.iter().find(|r| r.ready > 0).unwrap().artifact.label(), "v2");
    let fault = day.plan(Verb::Retry, Target::Rollout).await.unwrap_err();
    assert!(fault.detail.as_str().contains("only when the Deployment changes"), "{fault}");
    let plan = day.roll_back_to("v2").await;
    assert!(matches!(&plan.promise, Promise::Runs { artifact } if artifact.label() == "v2"));
    let back = day.done("v2").await;
    assert_eq!(back.phase, Phase::RolledBack);
    day.pass(60);
    assert_eq!(
        day.status()["phase"],
        "Failed",
        "Flagger does not call a return to what is promoted a change"
    );
    assert_eq!(day.look().await.phase, Phase::RolledBack);
    // And a new one begins from there, although the status says Failed until Flagger looks.
    day.promote("v4").await;
    assert_eq!(day.look().await.steps.unwrap().course, Course::Ordered);
    day.done("v4").await;
}

#[tokio::test]
async fn gates_hold_and_are_opened_and_closed_and_one_gate_answers_every_webhook() {
    let hooks = [hook("confirm-rollout", "gate"), hook("confirm-promotion", "gate")];
    let day = Day::start(analysis(&hooks)).await;
    day.done("v2").await;
    day.promote("v3").await;
    let held = day.held("confirm-rollout (ask confirm-rollout)").await;
    let steps = held.steps.as_ref().unwrap();
    assert_eq!((steps.at, steps.course, steps.weight), (0, Course::Held, Some(0)));
    assert_eq!(door(&held, "gate"), Ajar::Closed);
    let plan = day.act(Verb::Resume, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::WentOn { step: 0 });
    assert_eq!(plan.steps[0].method, "POST");
    assert_eq!(plan.steps[0].body.as_deref(), Some(r#"{"name":"web","namespace":"shop"}"#));
    assert!(says(&plan, Severity::Warning, "answers confirm-promotion as well"), "{:?}", plan.hazards);
    assert!(
        matches!(&plan.guard, Guard::LookAgain(remains) if remains.as_str().contains("knows no revision"))
    );
    let begun = day.see("it begins", |r| r.steps.as_ref().unwrap().at > 0).await;
    assert_eq!(door(&begun, "gate"), Ajar::Open);
    assert!(begun.remarks.iter().any(|r| r.as_str().contains("the gate is open, for every revision")));
    let plan = day.act(Verb::Pause, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::Shut);
    assert_eq!(door(&day.look().await, "gate"), Ajar::Closed);
    let held = day.held("confirm-promotion").await;
    let steps = held.steps.as_ref().unwrap();
    assert_eq!(day.status()["canaryWeight"], 0, "the status forgets the share");
    assert_eq!(day.status()["iterations"], -1, "and counts below none");
    assert_eq!(steps.weight, Some(40), "and the routes do not");
    day.act(Verb::Resume, Target::Rollout).await;
    day.done("v3").await;
    let again = day.plan(Verb::Resume, Target::Rollout).await.unwrap_err();
    assert!(again.detail.as_str().contains("no gate holds"), "{again}");
    // The gate was not closed: the next plan says so.
    let next = Target::Artifact(Artifact::from_reference(&format!("{IMAGE}:v4")));
    let plan = day.plan(Verb::Promote, next).await.unwrap();
    assert!(says(&plan, Severity::Warning, "the gate is open: this rollout passes"), "{:?}", plan.hazards);
}

#[tokio::test]
async fn a_gate_is_not_opened_for_another_revision_than_was_shown() {
    let day = Day::start(analysis(&[hook("confirm-rollout", "gate")])).await;
    day.promote("v3").await;
    day.held("confirm-rollout").await;
    let plan = day.plan(Verb::Resume, Target::Rollout).await.unwrap();
    assert!(day.cluster.set_image("shop", "web", "web", &format!("{IMAGE}:v4"), ""));
    let again = day.plan(Verb::Resume, Target::Rollout).await.unwrap();
    let moved: Vec<_> = plan.basis.iter().zip(&again.basis).filter(|(a, b)| a != b).collect();
    let names: Vec<&str> = moved.iter().map(|(a, _)| a.name.as_str()).collect();
    assert_eq!(names, ["image", "template"]);
}

#[tokio::test]
async fn a_roll_back_while_it_waits_is_over_at_once() {
    let day = Day::start(analysis(&[hook("confirm-rollout", "gate")])).await;
    day.promote("v3").await;
    day.held("confirm-rollout").await;
    let fault = day.plan(Verb::Abort, Target::Rollout).await.unwrap_err();
    assert!(fault.detail.as_str().contains("does not ask the rollback gate while it waits"), "{fault}");
    day.pass(2);
    day.roll_back_to("v2").await;
    let back = day.done("v2").await;
    assert_eq!(back.phase, Phase::RolledBack);
    assert_eq!(day.status()["phase"], "Waiting", "Flagger still waits, for nothing");
}

#[tokio::test]
async fn the_rollback_gate_gives_a_canary_up() {
    let day = Day::start(analysis(&[hook("rollback", "rollback")])).await;
    let over = day.plan(Verb::Abort, Target::Rollout).await.unwrap_err();
    assert!(over.detail.as_str().contains("nothing rolls out"), "{over}");
    day.promote("v3").await;
    day.see("20 %", |r| r.steps.as_ref().unwrap().weight == Some(20)).await;
    let plan = day.act(Verb::Abort, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::Aborted);
    assert!(says(&plan, Severity::Warning, "every later rollout is given up"), "{:?}", plan.hazards);
    let failed = day.see("given up", |r| matches!(r.phase, Phase::Failed(_))).await;
    assert_eq!(failed.steps.as_ref().unwrap().weight, Some(0));
    assert_eq!(door(&failed, "rollback gate"), Ajar::Open);
    let next = Target::Artifact(Artifact::from_reference(&format!("{IMAGE}:v4")));
    let plan = day.plan(Verb::Promote, next).await.unwrap();
    assert!(says(&plan, Severity::Warning, "the rollback gate is open"), "{:?}", plan.hazards);
    day.act(Verb::Pause, Target::Rollout).await;
    assert!(!day.cluster.gate("rollback.web.shop"));
}

#[tokio::test]
async fn a_share_that_waits_for_its_increase_is_held_by_the_load_testers_word() {
    let day = Day::start(analysis(&[hook("confirm-traffic-increase", "gate")])).await;
    day.promote("v3").await;
    let held = day.held("confirm-traffic-increase").await;
    assert_eq!(day.status()["phase"], "Progressing", "Flagger itself does not tell it");
    assert_eq!(held.steps.as_ref().unwrap().at, 0);
    let plan = day.act(Verb::Resume, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::WentOn { step: 0 });
    day.see("20 %", |r| r.steps.as_ref().unwrap().at == 1).await;
    day.done("v3").await;
}

#[tokio::test]
async fn without_the_load_testers_address_gates_are_shown_and_not_decided() {
    let day = Day::reaching(analysis(&[hook("confirm-rollout", "gate")]), Reach::Untold).await;
    day.promote("v3").await;
    let held = day.held("confirm-rollout").await;
    assert!(matches!(door(&held, "gate"), Ajar::Untold(why) if why.as_str().contains("not configured")));
    let fault = day.plan(Verb::Resume, Target::Rollout).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Refused);
    assert!(fault.hint.as_ref().unwrap().as_str().contains("gates ="), "{fault:?}");
}

#[tokio::test]
async fn what_is_no_gate_of_a_load_tester_is_answered_elsewhere() {
    let desk = json!({"type": "confirm-rollout", "name": "ask", "url": "http://desk.test/ask?key=SECRET"});
    let day = Day::start(analysis(&[desk, hook("rollback", "rollback")])).await;
    day.promote("v3").await;
    let held = day.held("confirm-rollout").await;
    let told = held.remarks.iter().find(|r| r.as_str().contains("desk.test/ask")).unwrap();
    assert!(!told.as_str().contains("SECRET"), "{told}");
    let fault = day.plan(Verb::Resume, Target::Rollout).await.unwrap_err();
    assert!(fault.detail.as_str().contains("no gate of a load tester"), "{fault}");
}

#[tokio::test]
async fn checks_are_counted_where_no_traffic_is_split() {
    let checks = json!({"interval": "10s", "threshold": 2, "iterations": 3, "webhooks": [hook("confirm-promotion", "gate")]});
    let day = Day::start(checks).await;
    day.promote("v3").await;
    let half = day
        .see("check 2", |r| r.steps.as_ref().unwrap().now().is_some_and(|n| n.1.as_str() == "check 2"))
        .await;
    let steps = half.steps.as_ref().unwrap();
    assert_eq!((steps.strategy, steps.weight), (Strategy::BlueGreen, Some(0)));
    let held = day.held("confirm-promotion").await;
    assert_eq!(held.steps.as_ref().unwrap().at, 4);
    let plan = day.act(Verb::Resume, Target::Rollout).await;
    assert_eq!(plan.promise, Promise::WentOn { step: 4 });
    day.see("it goes on", |r| r.steps.as_ref().unwrap().at > 4).await;
    day.done("v3").await;
}

#[tokio::test]
async fn a_promotion_that_fails_leaves_the_traffic_with_the_canary_and_says_so() {
    let day = Day::start(analysis(&[hook("confirm-promotion", "gate")])).await;
    day.promote("v3").await;
    day.held("confirm-promotion").await;
    // Its own pods run on; the primary's new ones cannot be started.
    day.cluster.remove_image(&format!("{IMAGE}:v3"));
    day.act(Verb::Resume, Target::Rollout).await;
    let failed = day.see("the failure", |r| matches!(r.phase, Phase::Failed(_))).await;
    let Phase::Failed(why) = &failed.phase else { unreachable!() };
    assert!(why.as_str().contains("100 % of the traffic goes to the canary's own pods"), "{why}");
    assert_eq!(failed.steps.as_ref().unwrap().weight, Some(100), "an abort would not be believed");
}

#[tokio::test]
async fn a_suspended_canary_is_held_and_not_changed() {
    let day = Day::start(analysis(&[])).await;
    day.set_spec(&json!({"suspend": true}));
    day.held("spec.suspend").await;
    let fault = day.plan(Verb::Resume, Target::Rollout).await.unwrap_err();
    assert!(fault.detail.as_str().contains("suspended"), "{fault}");
    let next = Target::Artifact(Artifact::from_reference(&format!("{IMAGE}:v3")));
    let plan = day.plan(Verb::Promote, next).await.unwrap();
    assert!(says(&plan, Severity::Blocking, "suspended"), "{:?}", plan.hazards);
}

#[tokio::test]
async fn flaggers_copy_is_nobody_elses_to_change() {
    let day = Day::start(analysis(&[])).await;
    let copy = provider_of(day.folder.path(), &[("web", "deployment/web-primary".into())], 5);
    let seen = observe(&copy).await.unwrap();
    assert_eq!(web(&seen).owner.as_ref().unwrap().tool.as_str(), "Flagger");
    let artifact = Artifact::from_reference(&format!("{IMAGE}:v3"));
    let plan = copy.prepare(&intent(Verb::Promote, Target::Artifact(artifact))).await.unwrap();
    assert!(says(&plan, Severity::Blocking, "canary/NAME"), "{:?}", plan.hazards);
}

#[tokio::test]
async fn a_key_without_meaning_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let build = |workload: &str, gates: &str| {
        let settings = Settings::default().with_text("workload", workload).with_text("gates", gates);
        std::panic::catch_unwind(|| drop(provider_as(folder.path(), &[("web", settings)], 5))).is_ok()
    };
    assert!(build("canary/web", "https://loadtester.test"));
    assert!(!build("deployment/web", "https://loadtester.test"));
    assert!(!build("canary/web", "https://user:pass@loadtester.test"));
}
