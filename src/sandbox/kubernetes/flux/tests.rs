//! Flux's controllers, one virtual quarter of a second at a time.

use super::super::{Cluster, DeploymentSeed};
use super::{KustomizationSeed, SourceSeed, Upstream, go, length};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A branch that stands at this tag; away while it is none.
struct Branch(Mutex<Option<&'static str>>);

impl Upstream for Branch {
    fn tip(&self) -> Result<String, String> {
        self.0.lock().unwrap().map(|tag| tag.repeat(20)).ok_or_else(|| "connection refused".into())
    }

    fn image_at(&self, revision: &str, _: &str) -> Option<String> {
        Some(format!("r.test/shop/web:{}", &revision[..2]))
    }
}

struct Day {
    cluster: Cluster,
    branch: Arc<Branch>,
    clock: Timestamp,
}

fn day() -> Day {
    let clock: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
    let (cluster, branch) = (Cluster::new(clock), Arc::new(Branch(Mutex::new(Some("b1")))));
    for tag in ["b1", "b2", "b3"] {
        cluster.register_image(&format!("r.test/shop/web:{tag}"), &format!("sha256:{}", tag.repeat(32)));
    }
    cluster.add_deployment(&DeploymentSeed {
        namespace: "shop".into(),
        name: "web".into(),
        container: "web".into(),
        image: "r.test/shop/web:b1".into(),
        replicas: 1,
        ..DeploymentSeed::default()
    });
    cluster.add_source(&SourceSeed {
        namespace: "flux-system".into(),
        name: "deploys".into(),
        url: "https://git.test/deploys".into(),
        branch: "main".into(),
        interval: Duration::from_secs(5),
        upstream: Arc::clone(&branch) as Arc<dyn Upstream>,
    });
    cluster.add_kustomization(&KustomizationSeed {
        namespace: "flux-system".into(),
        name: "apps".into(),
        source: "deploys".into(),
        path: "./apps".into(),
        interval: Duration::from_secs(60),
        keeps: vec![("shop".into(), "web".into())],
    });
    let mut day = Day { cluster, branch, clock };
    day.pass(5);
    day
}

impl Day {
    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds * 4 {
            self.clock = self.clock.checked_add(SignedDuration::from_millis(250)).unwrap();
            self.cluster.tick(self.clock, Duration::from_millis(250));
        }
    }

    fn status(&self, plural: &str, name: &str) -> Value {
        self.cluster.object(plural, "flux-system", name).unwrap()["status"].clone()
    }

    fn asks(&self) -> String {
        let object = self.cluster.object("deployments", "shop", "web").unwrap();
        object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    fn by_hand(&self) {
        assert!(self.cluster.set_image("shop", "web", "web", "r.test/shop/web:b3", ""));
    }

    fn keeper(&self, patch: &Value) {
        self.cluster.merge("kustomizations", "flux-system", "apps", patch);
    }
}

#[test]
fn a_commit_is_applied_at_once_and_drift_at_the_interval() {
    let mut day = day();
    let status = day.status("kustomizations", "apps");
    let first = format!("main@sha1:{}", "b1".repeat(20));
    assert_eq!((&status["lastAppliedRevision"], &status["observedGeneration"]), (&json!(first), &json!(1)));
    assert_eq!(status["conditions"][0]["message"], format!("Applied revision: {first}"));
    assert_eq!(status["inventory"]["entries"][0]["id"], "shop_web_apps_Deployment");
    *day.branch.0.lock().unwrap() = Some("b2");
    day.pass(8);
    assert_eq!(day.asks(), "r.test/shop/web:b2");
    assert_eq!(day.status("kustomizations", "apps")["history"].as_array().unwrap().len(), 2);
    day.by_hand();
    day.pass(10);
    assert_eq!(day.asks(), "r.test/shop/web:b3", "nobody has looked yet");
    day.pass(60);
    assert_eq!(day.asks(), "r.test/shop/web:b2");
}

#[test]
fn a_request_is_heard_at_once_and_a_suspended_owner_hears_none() {
    let mut day = day();
    let request = |at: &str| json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": at}}});
    day.by_hand();
    day.keeper(&request("one"));
    day.pass(2);
    assert_eq!(day.asks(), "r.test/shop/web:b1");
    assert_eq!(day.status("kustomizations", "apps")["lastHandledReconcileAt"], "one");
    day.keeper(&json!({"spec": {"suspend": true}}));
    day.pass(2);
    day.by_hand();
    day.keeper(&request("two"));
    *day.branch.0.lock().unwrap() = Some("b2");
    day.pass(120);
    assert_eq!(day.asks(), "r.test/shop/web:b3");
    day.keeper(&json!({"spec": {"suspend": null}}));
    day.pass(2);
    assert_eq!(day.asks(), "r.test/shop/web:b2", "what was missed is applied at once");
}

#[test]
fn what_is_marked_is_left_alone_and_what_was_fetched_stays_while_git_is_away() {
    let mut day = day();
    *day.branch.0.lock().unwrap() = None;
    day.pass(10);
    let source = day.status("gitrepositories", "deploys");
    assert_eq!(source["artifact"]["revision"], format!("main@sha1:{}", "b1".repeat(20)));
    let said =
        source["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap().clone();
    assert_eq!((&said["status"], &said["reason"]), (&json!("False"), &json!("GitOperationFailed")));
    day.by_hand();
    day.pass(70);
    assert_eq!(day.asks(), "r.test/shop/web:b1", "it heals to what was fetched last");
    let mark = json!({"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}});
    day.cluster.merge("deployments", "shop", "web", &mark);
    day.by_hand();
    day.pass(70);
    assert_eq!(day.asks(), "r.test/shop/web:b3");
}

#[test]
fn durations_are_written_and_read_as_go_does() {
    for (seconds, text) in [(45, "45s"), (60, "1m0s"), (600, "10m0s"), (3661, "1h1m1s")] {
        assert_eq!(go(Duration::from_secs(seconds)), text);
        assert_eq!(length(text), Duration::from_secs(seconds));
    }
    assert_eq!(length("1.5h"), Duration::from_secs(5400));
    assert_eq!(length("500ms"), Duration::from_millis(500));
}
