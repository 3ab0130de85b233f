//! The situations of StatefulSets, DaemonSets and Argo Rollouts, in the sandbox's cluster with a registry beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, Severity, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Behaviour, Cluster, DeploymentSeed, Shape};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::desk::Desk;
use super::kube::digest;
use super::only;

/// A cluster that runs `web` v2 after v1 as some kind of workload.
struct Day {
    cluster: Cluster,
    provider: Arc<dyn Provider>,
    clock: Timestamp,
    plural: &'static str,
    /// What images are called, up to the tag.
    repository: String,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Drop for Day {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Every tag and every digest is there.
async fn manifest(request: Request) -> Response {
    let name = request.uri().path().rsplit('/').next().unwrap().to_owned();
    let held = if name.starts_with("sha256:") { name } else { digest(&name) };
    ([("docker-content-digest", held)], "").into_response()
}

/// Watches are refused, so that every look asks: what is seen depends on nothing but what is there.
async fn no_watches(request: Request, next: Next) -> Response {
    if request.uri().query().is_some_and(|query| query.contains("watch=1")) {
        let status = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
        return (StatusCode::FORBIDDEN, status.to_string()).into_response();
    }
    next.run(request).await
}

async fn serving(router: Router) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

impl Day {
    async fn start(shape: Shape) -> Self {
        let (word, plural) = match &shape {
            Shape::Deployment | Shape::Flagger(_) => ("deployment", "deployments"),
            Shape::StatefulSet => ("statefulset", "statefulsets"),
            Shape::DaemonSet => ("daemonset", "daemonsets"),
            Shape::Canary(_) | Shape::BlueGreen => ("rollout", "rollouts"),
        };
        let clock: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let (registry, one) = serving(Router::new().fallback(manifest)).await;
        let repository = format!("{registry}/shop/web");
        let cluster = Cluster::new(clock);
        let pinned = |tag: &str| format!("{repository}:{tag}@{}", digest(tag));
        for tag in ["v1", "v2", "v3"] {
            cluster.register_image(&pinned(tag), &digest(tag));
        }
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: "web".into(),
            container: "web".into(),
            image: pinned("v2"),
            replicas: 3,
            history: vec![(pinned("v1"), String::new())],
            shape,
            ..DeploymentSeed::default()
        });
        let (address, two) = serving(cluster.router().layer(from_fn(no_watches))).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, cluster.kubeconfig(&format!("http://{address}"), ADMIN_TOKEN)).unwrap();
        let spec = SourceSpec {
            name: SourceName::new("prod"),
            settings: Settings::default().with_text("kubeconfig", path.to_str().unwrap()),
            secrets: BTreeMap::new(),
            bounds: vec![Bound {
                role: Role::Deploy,
                service: ServiceName::new("web"),
                environment: Some(EnvironmentName::new("production")),
                settings: Settings::default()
                    .with_text("namespace", "shop")
                    .with_text("workload", &format!("{word}/web")),
            }],
            env: Arc::default(),
        };
        let provider = (kind("kubernetes").unwrap().build)(spec).unwrap();
        Self { cluster, provider, clock, plural, repository, tasks: vec![one, two], _folder: folder }
    }

    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds * 2 {
            self.clock = self.clock.checked_add(SignedDuration::from_millis(500)).unwrap();
            self.cluster.tick(self.clock, Duration::from_millis(500));
        }
    }

    fn merge(&mut self, patch: &Value) {
        self.cluster.merge(self.plural, "shop", "web", patch);
        self.pass(2);
    }

    fn ship(&mut self, tag: &str, seconds: u32) {
        let image = format!("{}:{tag}@{}", self.repository, digest(tag));
        assert!(self.cluster.set_image("shop", "web", "web", &image, ""));
        self.pass(seconds);
    }
}

type Make = fn(&mut Day);

fn pods_are_replaced_by_hand(day: &mut Day) {
    day.merge(&json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}));
}

fn a_partition_holds_some_back(day: &mut Day) {
    day.merge(&json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}}));
}

fn kubectl_apply_manages_it(day: &mut Day) {
    let applied = "kubectl.kubernetes.io/last-applied-configuration";
    day.merge(&json!({"metadata": {"annotations": {applied: "{}"}}}));
}

fn argo_cd_owns_it(day: &mut Day) {
    let kind = match day.plural {
        "statefulsets" => "apps/StatefulSet",
        "daemonsets" => "apps/DaemonSet",
        _ => "argoproj.io/Rollout",
    };
    let id = format!("shop:{kind}:shop/web");
    day.merge(&json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": id}}}));
}

fn it_is_scaled_to_zero(day: &mut Day) {
    day.merge(&json!({"spec": {"replicas": 0}}));
    day.pass(20);
}

fn it_is_paused(day: &mut Day) {
    day.merge(&json!({"spec": {"paused": true}}));
}

fn it_waits_for_a_human(day: &mut Day) {
    day.ship("v3", 20);
}

fn a_rollout_is_in_flight(day: &mut Day) {
    let image = format!("{}:v3@{}", day.repository, digest("v3"));
    day.cluster.set_behaviour(&image, Behaviour::SlowStart(Duration::from_secs(600)));
    day.ship("v3", 4);
}

fn canary() -> Shape {
    Shape::Canary(vec![json!({"setWeight": 34}), json!({"pause": {}}), json!({"setWeight": 67})])
}

/// A situation by its name, the line and how grave it is.
type Situation = (&'static str, Make, Severity, &'static str);

const OF_ALL: &[Situation] = &[
    ("kubectl_apply_manages_it", kubectl_apply_manages_it, Severity::Warning, "change the manifest too"),
    ("argo_cd_owns_it", argo_cd_owns_it, Severity::Warning, "Argo CD"),
];

async fn told(shape: Shape, situations: &[Situation]) -> usize {
    for (name, make, severity, part) in situations {
        let mut day = Day::start(shape.clone()).await;
        make(&mut day);
        let mut desk = Desk::open(&day.provider, &[]).await;
        only(&format!("{name} of {}", day.plural), &desk.ask('r').await, *severity, part);
        assert_eq!(day.cluster.writes().len(), 0, "{name}: preparing writes nothing");
    }
    situations.len()
}

#[tokio::test]
async fn every_situation_of_a_stateful_set_is_told_and_nothing_else_is() {
    use Severity::{Blocking, Warning};
    let own: &[Situation] = &[
        ("pods_are_replaced_by_hand", pods_are_replaced_by_hand, Blocking, "OnDelete"),
        ("a_partition_holds_some_back", a_partition_holds_some_back, Blocking, "partition 2"),
        ("it_is_scaled_to_zero", it_is_scaled_to_zero, Warning, "scaled to zero"),
    ];
    let count = told(Shape::StatefulSet, own).await + told(Shape::StatefulSet, OF_ALL).await;
    println!("{count} situations of StatefulSets told, each alone");
}

#[tokio::test]
async fn a_pod_of_a_stateful_set_that_cannot_start_is_told_besides_the_rollout_under_way() {
    let mut day = Day::start(Shape::StatefulSet).await;
    a_rollout_is_in_flight(&mut day);
    let mut desk = Desk::open(&day.provider, &[]).await;
    let told = super::told(&desk.ask('r').await);
    let has = |part: &str| told.iter().any(|(_, text)| text.contains(part));
    assert!(told.len() == 2 && has("this one takes its place") && has("deleted by hand"), "{told:?}");
}

#[tokio::test]
async fn every_situation_of_a_daemon_set_is_told_and_nothing_else_is() {
    use Severity::{Blocking, Warning};
    let own: &[Situation] = &[
        ("pods_are_replaced_by_hand", pods_are_replaced_by_hand, Blocking, "OnDelete"),
        ("a_rollout_is_in_flight", a_rollout_is_in_flight, Warning, "this one takes its place"),
    ];
    let count = told(Shape::DaemonSet, own).await + told(Shape::DaemonSet, OF_ALL).await;
    println!("{count} situations of DaemonSets told, each alone");
}

#[tokio::test]
async fn every_situation_of_a_rollout_is_told_and_nothing_else_is() {
    use Severity::{Blocking, Warning};
    let own: &[Situation] = &[
        ("it_is_paused", it_is_paused, Blocking, "resume it first"),
        ("it_waits_for_a_human", it_waits_for_a_human, Warning, "waits for a human"),
        ("it_is_scaled_to_zero", it_is_scaled_to_zero, Warning, "scaled to zero"),
    ];
    let mut count = 0;
    for shape in [canary(), Shape::BlueGreen] {
        count += told(shape.clone(), &own[..2]).await + told(shape, OF_ALL).await;
    }
    count += told(canary(), &own[2..]).await;
    println!("{count} situations of Rollouts told, each alone");
}

#[tokio::test]
async fn no_clean_history_of_any_kind_has_a_hazard_line() {
    let histories: &[(&str, Make)] = &[
        ("two releases", |_| {}),
        ("a release more", |day| {
            day.ship("v3", 20);
            // What goes in steps went through.
            if day.plural == "rollouts" {
                day.cluster.merge("rollouts", "shop", "web", &json!({"status": {"promoteFull": true}}));
            }
            day.pass(90);
        }),
    ];
    for shape in [Shape::StatefulSet, Shape::DaemonSet, canary(), Shape::BlueGreen] {
        for (name, make) in histories {
            let mut day = Day::start(shape.clone()).await;
            make(&mut day);
            let mut desk = Desk::open(&day.provider, &[]).await;
            let plan = desk.ask('r').await.unwrap_or_else(|refused| panic!("{name}, {shape:?}: {refused}"));
            assert_eq!(plan.hazards, [], "{name}, {shape:?}");
        }
    }
    println!(
        "{} clean histories of StatefulSets, DaemonSets and Rollouts: no hazard line",
        4 * histories.len()
    );
}
