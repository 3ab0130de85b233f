//! The situations of what stands in front of a workload: a canary of Flagger, and a Service that chooses between two
//! Deployments. Each is made from a clean history; on the clean one nothing is said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gonogo::action::Plan;
use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, Severity, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, DeploymentSeed, Shape};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::desk::Desk;
use super::{only, told};

const IMAGE: &str = "127.0.0.1:1/shop/web";

struct World {
    cluster: Cluster,
    now: Timestamp,
}

type Make = fn(&mut World);

fn cluster() -> Cluster {
    let cluster = Cluster::new("2026-11-20T14:00:00Z".parse().unwrap());
    for tag in ["v1", "v2", "v3"] {
        let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
        cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
    }
    cluster
}

fn seed(name: &str, tag: &str) -> DeploymentSeed {
    DeploymentSeed {
        namespace: "shop".into(),
        name: name.into(),
        container: "web".into(),
        image: format!("{IMAGE}:{tag}"),
        replicas: 2,
        ..DeploymentSeed::default()
    }
}

fn canary() -> World {
    let cluster = cluster();
    let hook = |kind: &str, door: &str| json!({"type": kind, "name": kind, "url": format!("http://loadtester.flagger/{door}/check")});
    cluster.add_deployment(&DeploymentSeed {
        history: vec![(format!("{IMAGE}:v1"), String::new())],
        shape: Shape::Flagger(json!({
            "interval": "10s", "stepWeight": 20, "maxWeight": 60,
            "webhooks": [hook("confirm-promotion", "gate"), hook("rollback", "rollback")]
        })),
        ..seed("web", "v2")
    });
    World { cluster, now: "2026-11-20T14:00:00Z".parse().unwrap() }
}

fn colours() -> World {
    let cluster = cluster();
    // What has the traffic is the newer one.
    for (color, tag) in [("blue", "v1"), ("green", "v2")] {
        let labels = [("part", "web"), ("color", color)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        cluster.add_deployment(&DeploymentSeed { labels, ..seed(&format!("web-{color}"), tag) });
    }
    cluster.add_service("shop", "web", &json!({"part": "web", "color": "green"}));
    let mut world = World { cluster, now: "2026-11-20T14:00:00Z".parse().unwrap() };
    assert!(world.cluster.set_image("shop", "web-green", "web", &format!("{IMAGE}:v3"), ""));
    world.pass(40);
    world
}

impl World {
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
            self.cluster.tick(self.now, Duration::from_secs(1));
        }
    }

    fn canary(&self, spec: &serde_json::Value) {
        self.cluster.merge("canaries", "shop", "web", &json!({"spec": spec}));
    }

    fn blue(&mut self, spec: &serde_json::Value) {
        self.cluster.merge("deployments", "shop", "web-blue", &json!({"spec": spec}));
        self.pass(40);
    }
}

fn the_gate_was_left_open(world: &mut World) {
    world.cluster.set_gate("web.shop", true);
}

fn the_rollback_gate_was_left_open(world: &mut World) {
    world.cluster.set_gate("rollback.web.shop", true);
}

fn the_canary_is_suspended(world: &mut World) {
    world.canary(&json!({"suspend": true}));
}

fn an_analysis_is_under_way(world: &mut World) {
    assert!(world.cluster.set_image("shop", "web", "web", &format!("{IMAGE}:v3"), ""));
    world.pass(35);
}

fn what_stands_beside_is_scaled_to_zero(world: &mut World) {
    world.blue(&json!({"replicas": 0}));
}

fn what_stands_beside_is_smaller(world: &mut World) {
    world.blue(&json!({"replicas": 1}));
}

fn what_stands_beside_is_held(world: &mut World) {
    world.blue(&json!({"paused": true}));
}

fn argo_cd_owns_the_service(world: &mut World) {
    let mark =
        json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:/Service:shop/web"}}});
    world.cluster.merge("services", "shop", "web", &mark);
}

/// The plan of a roll back in a situation, without what the registry, which is not there, did not say.
async fn planned(world: &World, workload: &str) -> Result<Plan, String> {
    let (mut urls, mut tasks) = (Vec::new(), Vec::new());
    for router in [world.cluster.router(), world.cluster.load_tester()] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        urls.push(format!("http://{}", listener.local_addr().unwrap()));
        tasks.push(tokio::spawn(async move { drop(axum::serve(listener, router).await) }));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, world.cluster.kubeconfig(&urls[0], ADMIN_TOKEN)).unwrap();
    let mut settings = Settings::default().with_text("namespace", "shop").with_text("workload", workload);
    if workload.starts_with("canary") {
        settings = settings.with_text("gates", &urls[1]);
    }
    let bound = Bound {
        role: Role::Deploy,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings,
    };
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", path.to_str().unwrap()),
        secrets: BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::default(),
    };
    let provider: Arc<dyn Provider> = (kind("kubernetes").unwrap().build)(spec).unwrap();
    let mut desk = Desk::open(&provider, &[]).await;
    let plan = desk.ask('r').await.map(|mut plan| {
        plan.hazards.retain(|h| !h.text.as_str().contains("registry"));
        plan
    });
    for task in tasks {
        task.abort();
    }
    plan
}

#[tokio::test]
async fn what_could_spoil_a_change_of_a_canary_is_said() {
    use Severity::{Blocking, Warning};
    let situations: [(&str, Make, Severity, &str); 4] = [
        (
            "the gate was left open",
            the_gate_was_left_open,
            Warning,
            "passes confirm-promotion without asking",
        ),
        (
            "the rollback gate was left open",
            the_rollback_gate_was_left_open,
            Warning,
            "gives this rollout up",
        ),
        ("the canary is suspended", the_canary_is_suspended, Blocking, "suspended"),
        (
            "an analysis is under way",
            an_analysis_is_under_way,
            Warning,
            "goes on by its steps with the old template",
        ),
    ];
    assert_eq!(told(&planned(&canary(), "canary/web").await), [], "a clean history");
    for (situation, make, severity, part) in situations {
        let mut world = canary();
        make(&mut world);
        only(situation, &planned(&world, "canary/web").await, severity, part);
    }
}

#[tokio::test]
async fn what_could_spoil_a_switch_is_said() {
    use Severity::{Blocking, Warning};
    let situations: [(&str, Make, Severity, &str); 4] = [
        ("scaled to zero", what_stands_beside_is_scaled_to_zero, Blocking, "scaled to zero"),
        ("smaller", what_stands_beside_is_smaller, Warning, "it gets the same traffic"),
        ("held", what_stands_beside_is_held, Blocking, "is held"),
        ("Argo CD owns it", argo_cd_owns_the_service, Warning, "Argo CD (shop)"),
    ];
    assert_eq!(told(&planned(&colours(), "service/web").await), [], "a clean history");
    for (situation, make, severity, part) in situations {
        let mut world = colours();
        make(&mut world);
        only(situation, &planned(&world, "service/web").await, severity, part);
    }
}
