//! Blue/green by a Service's selector, against the sandbox's cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gonogo::domain::rollout::Standing;
use gonogo::domain::{
    Artifact, Cause, Fault, Permission, Phase, Prepared, Promise, Rollout, Settings, Severity, Target, Verb,
};
use gonogo::provider::Provider;
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, DeploymentSeed, VIEWER_TOKEN};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Server, intent, kubeconfig, observe, observe_closely, provider_as, until, web, write};

const IMAGE: &str = "127.0.0.1:1/shop/web";

/// A Service that chooses blue, and green beside it.
struct Day {
    cluster: Cluster,
    provider: Arc<dyn Provider>,
    clock: Mutex<Timestamp>,
    folder: tempfile::TempDir,
    server: Server,
}

fn seed(name: &str, labels: &[(&str, &str)], tag: &str, replicas: u32) -> DeploymentSeed {
    DeploymentSeed {
        namespace: "shop".into(),
        name: name.into(),
        container: "web".into(),
        image: format!("{IMAGE}:{tag}"),
        replicas,
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
        ..DeploymentSeed::default()
    }
}

impl Day {
    async fn start() -> Self {
        Self::bound(Settings::default()).await
    }

    async fn bound(settings: Settings) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let cluster = Cluster::new(now);
        for tag in ["v1", "v2", "v3"] {
            let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
            cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
        }
        cluster.add_deployment(&seed("web-blue", &[("part", "web"), ("color", "blue")], "v1", 3));
        cluster.add_deployment(&seed("web-green", &[("part", "web"), ("color", "green")], "v1", 3));
        cluster.add_deployment(&seed("pay", &[("part", "pay")], "v1", 1));
        cluster.add_service("shop", "web", &json!({"part": "web", "color": "blue"}));
        let server = Server::start(cluster.router()).await;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &kubeconfig(&server.url(), ADMIN_TOKEN));
        let settings = settings.with_text("workload", "service/web");
        let provider = provider_as(folder.path(), &[("web", settings)], 5);
        let day = Self { cluster, provider, clock: Mutex::new(now), folder, server };
        assert!(day.cluster.set_image("shop", "web-green", "web", &format!("{IMAGE}:v2"), ""));
        day.pass(30);
        day
    }

    fn pass(&self, seconds: u64) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..seconds * 2 {
            *clock = clock.checked_add(SignedDuration::from_millis(500)).unwrap();
            self.cluster.tick(*clock, Duration::from_millis(500));
        }
    }

    async fn look(&self) -> Rollout {
        web(&observe_closely(&self.provider).await.unwrap()).clone()
    }

    async fn plan(&self, verb: Verb, target: Target) -> Result<Prepared, Fault> {
        observe(&self.provider).await.unwrap();
        self.provider.prepare(&intent(verb, target)).await
    }

    async fn promote(&self, tag: &str) -> Result<Prepared, Fault> {
        let artifact = Artifact::from_reference(&format!("{IMAGE}:{tag}"));
        self.plan(Verb::Promote, Target::Artifact(artifact)).await
    }

    async fn see(&self, what: &str, wanted: impl Fn(&Rollout) -> bool) -> Rollout {
        let mut last = None;
        for _ in 0..60 {
            let rollout = self.look().await;
            if wanted(&rollout) {
                return rollout;
            }
            last = Some(rollout);
            self.pass(1);
            let wake = self.provider.wake().unwrap();
            drop(tokio::time::timeout(Duration::from_millis(30), wake.notified()).await);
        }
        panic!("never seen: {what}; last {last:?}");
    }

    async fn done(&self, tag: &str) -> Rollout {
        self.see(tag, |r| {
            r.phase == Phase::Done
                && r.target.label() == tag
                && r.running.len() == 1
                && r.running[0].ready == 3
        })
        .await
    }
}

fn blocks(plan: &Prepared, part: &str) {
    let found =
        plan.hazards.iter().any(|h| h.severity == Severity::Blocking && h.text.as_str().contains(part));
    assert!(found, "{part}: {:?}", plan.hazards);
}

#[tokio::test]
async fn the_selector_is_switched_to_what_stands_beside_and_back() {
    let day = Day::start().await;
    let first = day.done("v1").await;
    assert_eq!(first.workload.as_str(), "service/web (color=blue) in namespace shop");
    assert_eq!(first.running[0].artifact.digest, first.target.digest);
    let standing: Vec<_> =
        first.revisions.iter().map(|r| (r.id.as_str(), r.artifact.label(), r.standing)).collect();
    assert_eq!(standing, [("green", "v2", Standing::Beside), ("blue", "v1", Standing::Current)]);
    assert!(
        first.remarks.iter().any(|r| r.as_str().contains("color=green stands beside it with v2: 3 of 3"))
    );
    let plan = day.promote("v2").await.unwrap();
    assert!(matches!(&plan.promise, Promise::Runs { artifact } if artifact.label() == "v2"));
    assert_eq!(plan.hazards, []);
    assert_eq!(plan.permission, Permission::Granted);
    assert!(plan.steps[0].path.starts_with("/api/v1/namespaces/shop/services/web?"), "{:?}", plan.steps);
    let body: serde_json::Value = serde_json::from_str(plan.steps[0].body.as_ref().unwrap()).unwrap();
    assert_eq!(
        body[1],
        json!({"op": "test", "path": "/spec/selector", "value": {"color": "blue", "part": "web"}})
    );
    assert_eq!(body[2], json!({"op": "replace", "path": "/spec/selector/color", "value": "green"}));
    day.provider.perform(&plan.steps[0]).await.unwrap();
    let after = day.done("v2").await;
    assert_eq!(after.previous().unwrap().id.as_str(), "blue", "the older one is the way back");
    // The same again meets its guard.
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved, "{fault}");
    let blue = after.previous().unwrap().clone();
    let back = Target::Revision { id: blue.id, artifact: blue.artifact };
    let plan = day.plan(Verb::RollBack, back).await.unwrap();
    day.provider.perform(&plan.steps[0]).await.unwrap();
    day.done("v1").await;
}

#[tokio::test]
async fn a_selector_that_moved_while_the_endpoints_stayed_is_no_switch() {
    let day = Day::start().await;
    day.done("v1").await;
    // Written, and no controller has read it yet.
    day.cluster.merge("services", "shop", "web", &json!({"spec": {"selector": {"color": "green"}}}));
    let between = until(&day.provider, "the selector", |r| r.target.label() == "v2").await;
    let Phase::Progressing(why) = &between.phase else { panic!("{:?}", between.phase) };
    assert!(why.as_str().contains("3 endpoints still lead to color=blue"), "{why}");
    assert_eq!(between.running[0].artifact.label(), "v1", "what runs is told by the endpoints");
    day.pass(1);
    day.done("v2").await;
}

#[tokio::test]
async fn what_is_not_whole_gets_no_traffic() {
    let day = Day::start().await;
    day.done("v1").await;
    day.cluster.merge("deployments", "shop", "web-green", &json!({"spec": {"replicas": 0}}));
    day.pass(40);
    blocks(&day.promote("v2").await.unwrap(), "scaled to zero");
    day.cluster.merge("deployments", "shop", "web-green", &json!({"spec": {"replicas": 3}}));
    day.pass(1);
    blocks(&day.promote("v2").await.unwrap(), "is not");
    day.cluster.merge("deployments", "shop", "web-green", &json!({"spec": {"replicas": 1}}));
    day.pass(40);
    let plan = day.promote("v2").await.unwrap();
    assert!(
        plan.hazards.iter().any(|h| h.text.as_str().contains("gets the same traffic")),
        "{:?}",
        plan.hazards
    );
    let fault = day.promote("v3").await.unwrap_err();
    assert!(fault.detail.as_str().contains("color=green runs v2"), "{fault}");
}

#[tokio::test]
async fn what_changed_beside_it_is_another_plan() {
    let day = Day::start().await;
    let plan = day.promote("v2").await.unwrap();
    assert!(day.cluster.set_image("shop", "web-green", "web", &format!("{IMAGE}:v3"), ""));
    assert!(day.promote("v2").await.is_err());
    assert!(day.cluster.set_image("shop", "web-green", "web", &format!("{IMAGE}:v2"), ""));
    day.pass(40);
    let again = day.promote("v2").await.unwrap();
    assert_ne!(plan.basis, again.basis, "somebody was there in between");
}

#[tokio::test]
async fn a_selector_that_chooses_nobody_is_a_failure() {
    let day = Day::start().await;
    day.done("v1").await;
    day.cluster.merge("services", "shop", "web", &json!({"spec": {"selector": {"color": "red"}}}));
    let failed = day.see("nobody", |r| matches!(r.phase, Phase::Failed(_))).await;
    let Phase::Failed(why) = &failed.phase else { unreachable!() };
    assert!(why.as_str().contains("color=red, and no Deployment has it"), "{why}");
}

#[tokio::test]
async fn which_label_is_switched_is_named_or_the_only_one_that_differs() {
    for (switch, part) in [("color", None), ("version", Some("has no label version")), ("part", None)] {
        let day = Day::bound(Settings::default().with_text("switch", switch)).await;
        let seen = observe_closely(&day.provider).await;
        match part {
            None => assert!(seen.is_ok(), "{switch}: {seen:?}"),
            Some(part) => {
                let fault = seen.unwrap_err();
                assert!(fault.detail.as_str().contains(part), "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn a_reader_may_not_switch_and_is_told_what_is_missing() {
    let day = Day::start().await;
    write(day.folder.path(), &kubeconfig(&day.server.url(), VIEWER_TOKEN));
    let settings = Settings::default().with_text("workload", "service/web");
    let reader = provider_as(day.folder.path(), &[("web", settings)], 5);
    observe(&reader).await.unwrap();
    let artifact = Artifact::from_reference(&format!("{IMAGE}:v2"));
    let plan = reader.prepare(&intent(Verb::Promote, Target::Artifact(artifact))).await.unwrap();
    let Permission::Denied(why) = &plan.permission else { panic!("{:?}", plan.permission) };
    assert!(why.as_str().contains("may not patch service/web in namespace shop"), "{why}");
}
