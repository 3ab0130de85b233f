//! R4 for holding Flux and letting it go: only said to be done when later looks proved it, however the server answered.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "hazards/desk.rs"]
#[expect(dead_code, reason = "the tests of hazards look at offers as well")]
mod desk;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Bound, EnvironmentName, Outcome, Role, ServiceName, Settings, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};
use gonogo::sandbox::kubernetes::{
    ADMIN_TOKEN, Cluster, DeploymentSeed, KustomizationSeed, Owner, SourceSeed, Upstream,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::desk::Desk;

const IMAGE: &str = "127.0.0.1:1/shop/web";

/// What the server makes of a write that it answers with 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// What it says.
    Honest,
    /// What it says, after ten seconds.
    Late,
    /// Nothing.
    Nothing,
    /// Nothing, and it answers as if it had.
    Pretending,
    /// It does it to another object.
    Elsewhere,
    /// It does it, and somebody takes it back two seconds later.
    TakenBack,
    /// It does it, and by then the object cannot be read any more.
    Hidden,
}

#[derive(Clone)]
struct Server {
    cluster: Cluster,
    manner: Arc<Mutex<Manner>>,
    /// The write that comes late, and the seconds since.
    since: Arc<Mutex<Option<u64>>>,
    suspend: Arc<Mutex<Value>>,
}

fn forbidden(what: &str) -> Response {
    let status =
        json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "message": what});
    (StatusCode::FORBIDDEN, Body::from(status.to_string())).into_response()
}

/// Watches are refused, so that every look asks: what is seen depends on nothing but what is there.
async fn lie(State(server): State<Server>, request: Request, next: Next) -> Response {
    if request.uri().query().is_some_and(|query| query.contains("watch=1")) {
        return forbidden("may not watch");
    }
    let manner = *server.manner.lock().unwrap();
    let written = server.since.lock().unwrap().is_some();
    if request.method() != Method::PATCH {
        if manner == Manner::Hidden && written && request.uri().path().contains("kustomizations") {
            return forbidden("may not get kustomizations");
        }
        return next.run(request).await;
    }
    let answer = |name: &str, change: &Value| {
        let mut object = server.cluster.object("kustomizations", "flux-system", name).unwrap();
        json_patch::merge(&mut object, change);
        ([("content-type", "application/json")], Body::from(object.to_string())).into_response()
    };
    *server.since.lock().unwrap() = Some(0);
    let wanted = server.suspend.lock().unwrap().clone();
    match manner {
        Manner::Honest | Manner::TakenBack | Manner::Hidden => next.run(request).await,
        Manner::Late | Manner::Nothing => answer("apps", &json!({})),
        // The very answer that an honest server would give, newer than anything that it will ever show.
        Manner::Pretending => {
            let mut pretended = wanted;
            json_patch::merge(&mut pretended, &json!({"metadata": {"resourceVersion": "999999"}}));
            answer("apps", &pretended)
        }
        Manner::Elsewhere => {
            server.cluster.merge("kustomizations", "flux-system", "other", &wanted);
            answer("other", &json!({}))
        }
    }
}

struct Git;

impl Upstream for Git {
    fn tip(&self) -> Result<String, String> {
        Ok("a".repeat(40))
    }

    fn image_at(&self, _: &str, _: &str) -> Option<String> {
        Some(format!("{IMAGE}:v1"))
    }
}

struct Day {
    server: Server,
    provider: Arc<dyn Provider>,
    clock: Mutex<Timestamp>,
    _folder: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Day {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn provider(folder: &Path, cluster: &Cluster, url: &str) -> Arc<dyn Provider> {
    let path = folder.join("config");
    std::fs::write(&path, cluster.kubeconfig(url, ADMIN_TOKEN)).unwrap();
    let bound = |role, settings| Bound {
        role,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings,
    };
    let workload = Settings::default().with_text("namespace", "shop").with_text("workload", "deployment/web");
    let owner = Settings::default().with_text("kustomization", "flux-system/apps");
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", path.to_str().unwrap()),
        secrets: BTreeMap::new(),
        bounds: vec![bound(Role::Deploy, workload), bound(Role::Owner, owner)],
        env: Arc::default(),
    };
    (kind("kubernetes").unwrap().build)(spec).unwrap()
}

fn seed(cluster: &Cluster) {
    cluster.register_image(&format!("{IMAGE}:v1"), &format!("sha256:{}", "1".repeat(64)));
    cluster.add_deployment(&DeploymentSeed {
        namespace: "shop".into(),
        name: "web".into(),
        container: "web".into(),
        image: format!("{IMAGE}:v1"),
        replicas: 2,
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
    for name in ["apps", "other"] {
        cluster.add_kustomization(&KustomizationSeed {
            namespace: "flux-system".into(),
            name: name.into(),
            source: "deploys".into(),
            path: format!("./{name}"),
            interval: Duration::from_secs(600),
            keeps: if name == "apps" { vec![("shop".into(), "web".into())] } else { Vec::new() },
        });
    }
}

impl Day {
    async fn start(key: char) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let cluster = Cluster::new(now);
        seed(&cluster);
        let wanted = json!({"spec": {"suspend": if key == 'H' { json!(true) } else { Value::Null }}});
        let server = Server {
            cluster: cluster.clone(),
            manner: Arc::new(Mutex::new(Manner::Honest)),
            since: Arc::default(),
            suspend: Arc::new(Mutex::new(wanted)),
        };
        let router = cluster.router().layer(from_fn_with_state(server.clone(), lie));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let folder = tempfile::tempdir().unwrap();
        let provider = provider(folder.path(), &cluster, &url);
        let day = Self { server, provider, clock: Mutex::new(now), _folder: folder, task };
        for _ in 0..10 {
            day.second();
        }
        if key == 'U' {
            day.switch(&json!({"spec": {"suspend": true}}));
        }
        for _ in 0..10 {
            day.second();
        }
        day
    }

    fn switch(&self, change: &Value) {
        self.server.cluster.merge("kustomizations", "flux-system", "apps", change);
    }

    fn second(&self) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..4 {
            *clock = clock.checked_add(SignedDuration::from_millis(250)).unwrap();
            self.server.cluster.tick(*clock, Duration::from_millis(250));
        }
    }

    /// A second, and what comes of the write meanwhile.
    fn pass(&self, key: char) {
        self.second();
        let manner = *self.server.manner.lock().unwrap();
        let mut since = self.server.since.lock().unwrap();
        *since = since.map(|seconds| seconds + 1);
        let wanted = self.server.suspend.lock().unwrap().clone();
        match (manner, *since) {
            (Manner::Late, Some(10)) => self.switch(&wanted),
            (Manner::TakenBack, Some(2)) => {
                self.switch(
                    &json!({"spec": {"suspend": if key == 'H' { json!(false) } else { json!(true) }}}),
                );
            }
            _ => {}
        }
    }

    /// Presses a key and follows what comes of it; whether it was so when it was said.
    async fn told(&self, manner: Manner, key: char) -> (Outcome, bool) {
        let mut desk = Desk::owned(&self.provider).await;
        *self.server.manner.lock().unwrap() = manner;
        desk.ask(key).await.unwrap();
        desk.confirm().await;
        let outcome = desk.follow(|| self.pass(key)).await;
        let object = self.server.cluster.object("kustomizations", "flux-system", "apps").unwrap();
        let suspended = object["spec"]["suspend"] == json!(true);
        (outcome, suspended == (key == 'H'))
    }
}

#[tokio::test]
async fn nothing_that_a_server_lies_about_a_hold_is_shown_as_verified() {
    let (mut verified, mut all) = (0, 0);
    for manner in [Manner::Nothing, Manner::Pretending, Manner::Elsewhere, Manner::TakenBack, Manner::Hidden]
    {
        for key in ['H', 'U'] {
            let (outcome, _) = Day::start(key).await.told(manner, key).await;
            println!("{key} {manner:?}: {}: {}", outcome.word(), outcome.text());
            all += 1;
            verified += usize::from(matches!(outcome, Outcome::Verified(_)));
        }
    }
    println!("R4: {verified} of {all} scripts shown as verified");
    assert_eq!((verified, all), (0, 10));
}

/// The other side: what is carried out is verified, and not before it is so.
#[tokio::test]
async fn what_is_carried_out_is_verified_also_when_it_comes_late() {
    for manner in [Manner::Honest, Manner::Late] {
        for key in ['H', 'U'] {
            let (outcome, so) = Day::start(key).await.told(manner, key).await;
            assert!(
                matches!(outcome, Outcome::Verified(_)),
                "{key} {manner:?}: {}: {}",
                outcome.word(),
                outcome.text()
            );
            assert!(so, "{key} {manner:?}");
        }
    }
}
