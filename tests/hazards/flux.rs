//! The situations of a place that Flux keeps and that is configured so: what is said before a change that goes round it,
//! and before it is held or let go.

use std::sync::Arc;
use std::time::Duration;

use gonogo::action::Plan;
use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, Severity, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};
use gonogo::sandbox::kubernetes::{
    ADMIN_TOKEN, Cluster, DeploymentSeed, KustomizationSeed, Owner, SourceSeed, Upstream,
};
use serde_json::json;

use super::desk::Desk;
use super::only;

const IMAGE: &str = "127.0.0.1:1/shop/web";
const KEEPS: &str = "kustomization flux-system/apps";

struct Git;

impl Upstream for Git {
    fn tip(&self) -> Result<String, String> {
        Ok("a".repeat(40))
    }

    fn image_at(&self, _: &str, _: &str) -> Option<String> {
        Some(format!("{IMAGE}:v2"))
    }
}

fn cluster() -> Cluster {
    let mut now: jiff::Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
    let cluster = Cluster::new(now);
    for tag in ["v1", "v2"] {
        let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
        cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
    }
    cluster.add_deployment(&DeploymentSeed {
        namespace: "shop".into(),
        name: "web".into(),
        container: "web".into(),
        image: format!("{IMAGE}:v2"),
        replicas: 2,
        history: vec![(format!("{IMAGE}:v1"), String::new())],
        owner: Owner::Flux { kustomization: "apps".into(), self_heal: None },
        ..DeploymentSeed::default()
    });
    cluster.add_source(&SourceSeed {
        namespace: "flux-system".into(),
        name: "deploys".into(),
        url: "https://git.test/deploys".into(),
        branch: "main".into(),
        interval: Duration::from_secs(60),
        upstream: Arc::new(Git),
    });
    cluster.add_kustomization(&KustomizationSeed {
        namespace: "flux-system".into(),
        name: "apps".into(),
        source: "deploys".into(),
        path: "./apps".into(),
        interval: Duration::from_secs(600),
        keeps: vec![("shop".into(), "web".into())],
    });
    for _ in 0..20 {
        now = now.checked_add(jiff::SignedDuration::from_millis(500)).unwrap();
        cluster.tick(now, Duration::from_millis(500));
    }
    cluster
}

/// The plan of a key in this cluster, where this owner is configured.
async fn plan(cluster: &Cluster, owner: (&str, &str), key: char) -> Result<Plan, String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = cluster.router();
    let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, cluster.kubeconfig(&url, ADMIN_TOKEN)).unwrap();
    let bound = |role, settings| Bound {
        role,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings,
    };
    let workload = Settings::default().with_text("namespace", "shop").with_text("workload", "deployment/web");
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", path.to_str().unwrap()),
        secrets: std::collections::BTreeMap::new(),
        bounds: vec![
            bound(Role::Deploy, workload),
            bound(Role::Owner, Settings::default().with_text(owner.0, owner.1)),
        ],
        env: Arc::default(),
    };
    let provider: Arc<dyn Provider> = (kind("kubernetes").unwrap().build)(spec).unwrap();
    let mut desk = Desk::owned(&provider).await;
    let plan = desk.ask(key).await;
    server.abort();
    plan
}

const OWNER: (&str, &str) = ("kustomization", "flux-system/apps");

fn suspend(cluster: &Cluster) {
    cluster.merge("kustomizations", "flux-system", "apps", &json!({"spec": {"suspend": true}}));
}

/// The registry of these images cannot be asked: that one note is no matter of Flux.
fn of_flux(plan: Result<Plan, String>) -> Result<Plan, String> {
    plan.map(|mut plan| {
        plan.hazards.retain(|hazard| hazard.text.as_str().contains("lux"));
        plan
    })
}

#[tokio::test]
async fn a_change_that_goes_round_flux_is_barred_until_it_is_held_and_told_once() {
    let cluster = cluster();
    let told = of_flux(plan(&cluster, OWNER, 'r').await);
    only("it heals", &told, Severity::Blocking, "would put this back within");
    suspend(&cluster);
    let told = of_flux(plan(&cluster, OWNER, 'r').await);
    only("it is held", &told, Severity::Note, "once it is released it puts this back to what Git says");
}

#[tokio::test]
async fn marks_of_another_owner_than_the_one_that_is_configured_are_told_besides() {
    let cluster = cluster();
    let spec = json!({"interval": "1m", "prune": true, "suspend": true, "sourceRef": {"kind": "GitRepository", "name": "deploys"}});
    cluster.add_custom("kustomizations", ("flux-system", "other"), spec);
    let plan = of_flux(plan(&cluster, ("kustomization", "flux-system/other"), 'r').await).unwrap();
    let told: Vec<_> = plan.hazards.iter().map(|h| (h.severity, h.text.to_string())).collect();
    let [(Severity::Warning, marks), (Severity::Note, held)] = told.as_slice() else { panic!("{told:?}") };
    assert!(marks.contains(KEEPS) && marks.contains("configure owner = {"), "{marks}");
    assert!(held.contains("flux-system/other is held"), "{held}");
}

#[tokio::test]
async fn a_hold_says_what_it_holds_besides_and_a_release_what_it_applies() {
    let cluster = cluster();
    assert_eq!(plan(&cluster, OWNER, 'H').await.unwrap().hazards, [], "it keeps nothing else");
    let entries =
        json!([{"id": "shop_web_apps_Deployment", "v": "v1"}, {"id": "shop_api_apps_Deployment", "v": "v1"}]);
    cluster.set_status("kustomizations", "flux-system", "apps", &json!({"inventory": {"entries": entries}}));
    let told = plan(&cluster, OWNER, 'H').await;
    only("it keeps more", &told, Severity::Note, "keeps 2 objects: none of them follows Git");
    cluster.set_status("kustomizations", "flux-system", "apps", &json!({"inventory": null}));
    suspend(&cluster);
    let told = plan(&cluster, OWNER, 'U').await;
    only(
        "it is let go",
        &told,
        Severity::Warning,
        "it applies aaaaaaa at once, over what was changed by hand",
    );
}

#[tokio::test]
async fn what_is_held_cannot_be_held_again() {
    let cluster = cluster();
    suspend(&cluster);
    let refused = plan(&cluster, OWNER, 'H').await;
    only("it is held", &refused, Severity::Blocking, "leaves changes by hand alone already");
}
