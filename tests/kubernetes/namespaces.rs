//! Many namespaces of one cluster: watched as one where that is allowed, one by one where it is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Place, Rollout, Settings, Target, Verb};
use gonogo::provider::Provider;
use gonogo::provider::examine::Standing;
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, DeploymentSeed, Role};
use serde_json::json;

use super::cost::{Ledger, poll};
use super::{Server, bound, intent, kubeconfig, observe, provider_with, write};

const TENANT: &str = "a-tenant";

fn image(tag: &str) -> String {
    format!("127.0.0.1:1/shop/web:{tag}")
}

/// A Deployment `web` in each of so many namespaces, at `v0`, `v1`, ..
struct Fleet {
    cluster: Cluster,
    ledger: Arc<Ledger>,
    provider: Arc<dyn Provider>,
    _folder: tempfile::TempDir,
    _server: Server,
}

fn namespace(n: usize) -> String {
    format!("team-{n}")
}

fn web(name: &str, namespace: &str, tag: &str) -> DeploymentSeed {
    DeploymentSeed {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        container: "web".into(),
        image: image(tag),
        replicas: 1,
        ..DeploymentSeed::default()
    }
}

async fn fleet(namespaces: usize, token: &str, settings: Settings) -> Fleet {
    fleet_behind(namespaces, token, settings, |router| router).await
}

async fn fleet_behind(
    namespaces: usize,
    token: &str,
    settings: Settings,
    behind: impl FnOnce(axum::Router) -> axum::Router,
) -> Fleet {
    let cluster = Cluster::new("2026-11-20T14:00:00Z".parse().unwrap());
    cluster.grant(TENANT, "tenant", Role::Tenant);
    for tag in (0..=namespaces).map(|n| format!("v{n}")).chain(["alien".into(), "next".into()]) {
        let hex = format!("{:02x}", tag.bytes().fold(0_u8, |sum, b| sum.wrapping_mul(31).wrapping_add(b)));
        cluster.register_image(&image(&tag), &format!("sha256:{}", hex.repeat(32)));
    }
    for n in 0..namespaces {
        cluster.add_deployment(&web("web", &namespace(n), &format!("v{n}")));
    }
    // What nobody configured: another namespace, and another workload in one that is configured.
    cluster.add_deployment(&web("web", "elsewhere", "alien"));
    cluster.add_deployment(&web("other", &namespace(0), "alien"));
    let ledger = Arc::new(Ledger::default());
    let server = Server::start(ledger.noting(behind(cluster.router()))).await;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &kubeconfig(&server.url(), token));
    let bounds =
        (0..namespaces).map(|n| bound(&format!("web-{n}"), &namespace(n), "deployment/web")).collect();
    let provider = provider_with(folder.path(), settings, bounds, 5);
    Fleet { cluster, ledger, provider, _folder: folder, _server: server }
}

impl Fleet {
    async fn tags(&self) -> Vec<String> {
        let seen = observe(&self.provider).await.unwrap();
        assert!(seen.faults.is_empty(), "{:?}", seen.faults);
        seen.rollouts.values().map(|rollout| running(rollout).join("+")).collect()
    }

    /// Looks until the tags that run are these, woken by the provider.
    async fn until(&self, expected: &[&str]) {
        let wake = self.provider.wake().unwrap();
        let mut last = Vec::new();
        let found = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                self.cluster.tick("2026-11-20T14:00:01Z".parse().unwrap(), Duration::from_secs(1));
                last = self.tags().await;
                if last == expected {
                    return;
                }
                drop(tokio::time::timeout(Duration::from_millis(50), wake.notified()).await);
            }
        });
        assert!(found.await.is_ok(), "{last:?} and never {expected:?}");
    }

    /// Paths that are watched, each once.
    fn watched(&self) -> BTreeSet<String> {
        self.ledger.watches().into_iter().map(|(path, _)| path).collect()
    }
}

fn running(rollout: &Rollout) -> Vec<String> {
    rollout.running.iter().map(|running| running.artifact.label().to_owned()).collect()
}

/// Refuses what `path` is of at the cluster's scope, until it is told otherwise.
async fn refusing(
    State((path, refused)): State<(&'static str, Arc<AtomicBool>)>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path() == path && refused.load(Ordering::SeqCst) {
        let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "not at the cluster scope"});
        return (StatusCode::FORBIDDEN, axum::Json(status)).into_response();
    }
    next.run(request).await
}

#[tokio::test]
async fn two_namespaces_may_hold_the_same_name() {
    let fleet = fleet(6, ADMIN_TOKEN, Settings::default()).await;
    assert_eq!(fleet.tags().await, ["v0", "v1", "v2", "v3", "v4", "v5"]);
    poll("the watches", || fleet.watched().len() == 3).await;
    let paths = ["/api/v1/pods", "/apis/apps/v1/deployments", "/apis/apps/v1/replicasets"];
    assert_eq!(fleet.watched().into_iter().collect::<Vec<_>>(), paths);
    // Only the one that changed has changed, and what is called like it elsewhere changes nothing.
    assert!(fleet.cluster.set_image("elsewhere", "web", "web", &image("next"), ""));
    assert!(fleet.cluster.set_image("team-3", "web", "web", &image("next"), ""));
    fleet.until(&["v0", "v1", "v2", "next", "v4", "v5"]).await;
    let asked = fleet.ledger.asked();
    assert!(asked.iter().all(|path| !path.contains("/namespaces/")), "{asked:?}");
}

#[tokio::test]
async fn a_plan_is_for_the_namespace_it_was_made_for() {
    let fleet = fleet(6, ADMIN_TOKEN, Settings::default()).await;
    assert_eq!(fleet.tags().await.len(), 6);
    let mut plan = intent(Verb::Pause, Target::Rollout);
    plan.service = gonogo::domain::ServiceName::new("web-3");
    plan.place = Some(Place::new("web-3", "production"));
    let prepared = fleet.provider.prepare(&plan).await.unwrap();
    assert_eq!(prepared.from.as_ref().unwrap().label(), "v3");
    assert!(prepared.steps[0].path.starts_with("/apis/apps/v1/namespaces/team-3/deployments/web"));
    fleet.provider.perform(&prepared.steps[0]).await.unwrap();
    let seen = observe(&fleet.provider).await.unwrap();
    let paused = |n: usize| {
        let rollout = &seen.rollouts[&Place::new(&format!("web-{n}"), "production")];
        matches!(rollout.phase, gonogo::domain::Phase::Paused(_) | gonogo::domain::Phase::Progressing(_))
    };
    assert_eq!((0..6).map(paused).collect::<Vec<_>>(), [false, false, false, true, false, false]);
}

#[tokio::test]
async fn few_namespaces_are_watched_one_by_one_and_the_setting_decides_otherwise() {
    let one_by_one = |n: usize| format!("/apis/apps/v1/namespaces/team-{n}/deployments");
    let everywhere = "/apis/apps/v1/deployments".to_owned();
    for (namespaces, setting, watches, sign) in [
        (2, "auto", 6, one_by_one(1)),
        (2, "cluster", 3, everywhere.clone()),
        (6, "namespace", 18, one_by_one(5)),
        (6, "auto", 3, everywhere),
    ] {
        let fleet = fleet(namespaces, ADMIN_TOKEN, Settings::default().with_text("watch", setting)).await;
        assert_eq!(fleet.tags().await.len(), namespaces);
        poll("the watches", || fleet.watched().len() == watches).await;
        assert!(fleet.watched().contains(&sign), "{setting}: {:?}", fleet.watched());
    }
}

#[tokio::test]
async fn a_server_that_forgot_is_listed_again_for_the_whole_cluster() {
    let fleet = fleet(6, ADMIN_TOKEN, Settings::default()).await;
    assert_eq!(fleet.tags().await.len(), 6);
    poll("the watches", || fleet.watched().len() == 3).await;
    assert!(fleet.cluster.set_image("team-0", "web", "web", &image("next"), ""));
    fleet.cluster.expire_watches();
    fleet.until(&["next", "v1", "v2", "v3", "v4", "v5"]).await;
    poll("the watches again", || fleet.ledger.watches().len() >= 6).await;
    assert!(fleet.cluster.set_image("team-5", "web", "web", &image("next"), ""));
    fleet.until(&["next", "v1", "v2", "v3", "v4", "next"]).await;
}

#[tokio::test]
async fn who_may_not_watch_the_cluster_watches_its_namespaces_and_doctor_says_what_that_costs() {
    let fleet = fleet(6, TENANT, Settings::default()).await;
    assert_eq!(fleet.tags().await, ["v0", "v1", "v2", "v3", "v4", "v5"]);
    let seen = observe(&fleet.provider).await.unwrap();
    assert!(seen.rollouts.values().all(|rollout| rollout.remarks.is_empty()), "everything is watched");
    let by_namespace =
        |path: &String| path.contains("/namespaces/team-") && !path.contains("selfsubjectaccess");
    poll("the watches", || fleet.watched().iter().filter(|path| by_namespace(path)).count() == 18).await;
    assert!(fleet.cluster.set_image("team-2", "web", "web", &image("next"), ""));
    fleet.until(&["v0", "v1", "next", "v3", "v4", "v5"]).await;
    let findings = fleet.provider.examine("2026-11-20T14:00:00Z".parse().unwrap()).await;
    let told = findings.iter().find(|finding| finding.what == "watches").unwrap();
    assert_eq!(told.standing, Standing::Worth);
    for part in ["deployments", "18 watches", "in place of 3", "36 requests an hour", "at the cluster scope"]
    {
        assert!(told.says.as_str().contains(part), "{part}: {}", told.says);
    }
    let mend = told.mend.as_ref().unwrap().as_str();
    assert!(mend.contains("create clusterrole") && mend.contains("replicasets.apps"), "{mend}");
}

#[tokio::test]
async fn each_kind_by_itself_is_watched_as_far_as_it_may_be() {
    let refused = Arc::new(AtomicBool::new(true));
    let state = ("/api/v1/pods", Arc::clone(&refused));
    let fleet = fleet_behind(6, ADMIN_TOKEN, Settings::default(), |router| {
        router.layer(from_fn_with_state(state, refusing))
    })
    .await;
    assert_eq!(fleet.tags().await, ["v0", "v1", "v2", "v3", "v4", "v5"]);
    poll("the watches", || fleet.watched().len() == 2 + 6).await;
    let watched = fleet.watched();
    assert!(watched.contains("/apis/apps/v1/deployments") && watched.contains("/apis/apps/v1/replicasets"));
    assert!(watched.contains("/api/v1/namespaces/team-4/pods"), "{watched:?}");
    let findings = fleet.provider.examine("2026-11-20T14:00:00Z".parse().unwrap()).await;
    let told = findings.iter().find(|finding| finding.what == "watches").unwrap();
    assert!(told.says.as_str().starts_with("pods cannot be watched"), "{}", told.says);
}

#[tokio::test]
async fn a_watch_that_is_cut_costs_a_list_and_not_a_request_for_each_workload() {
    let refused = Arc::new(AtomicBool::new(false));
    let state = ("/apis/apps/v1/deployments", Arc::clone(&refused));
    let fleet = fleet_behind(60, ADMIN_TOKEN, Settings::default(), |router| {
        router.layer(from_fn_with_state(state, failing))
    })
    .await;
    assert_eq!(fleet.tags().await.len(), 60);
    poll("the watches", || fleet.watched().len() == 3).await;
    // The server fails for a while, and ends the watches.
    refused.store(true, Ordering::SeqCst);
    fleet.cluster.expire_watches();
    poll("a failed list", || fleet.ledger.asked().iter().filter(|path| path.contains("limit=")).count() >= 5)
        .await;
    let healing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        refused.store(false, Ordering::SeqCst);
    });
    assert_eq!(fleet.tags().await.len(), 60);
    healing.await.unwrap();
    let by_name = |path: &&String| path.contains("/namespaces/");
    let asked = fleet.ledger.asked();
    assert_eq!(asked.iter().filter(by_name).count(), 0, "{asked:?}");
}

/// Answers 503 where and when it is told to.
async fn failing(
    State((path, fails)): State<(&'static str, Arc<AtomicBool>)>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path() == path && fails.load(Ordering::SeqCst) {
        let status =
            json!({"kind": "Status", "code": 503, "reason": "ServiceUnavailable", "message": "overloaded"});
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(status)).into_response();
    }
    next.run(request).await
}
