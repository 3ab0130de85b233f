//! R4 for what stands in front of workloads: what is written to a Deployment that Flagger leads, and said to the load
//! tester that keeps its gates, is only said to be done when a later look proved it, however the servers answered.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "hazards/desk.rs"]
#[expect(dead_code, reason = "the tests of hazards look at offers as well")]
mod desk;
#[path = "lying_fronts/flagger.rs"]
mod flagger;
#[path = "lying_fronts/service.rs"]
mod service;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// What a server makes of a write that it answers as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// What it says.
    Honest,
    /// Nothing.
    Nothing,
    /// It does it to another object.
    Elsewhere,
    /// It does it, and somebody takes it back two seconds later.
    TakenBack,
    /// It keeps it, and nobody ever acts on it.
    Unread,
}

const LIES: [Manner; 4] = [Manner::Nothing, Manner::Elsewhere, Manner::TakenBack, Manner::Unread];

/// How somebody takes a change back, and how it is done to another object.
#[derive(Clone, Copy)]
struct Wrongs {
    back: fn(&Cluster),
    elsewhere: fn(&Cluster),
}

#[derive(Clone)]
struct Server {
    cluster: Cluster,
    manner: Arc<Mutex<Manner>>,
    /// Seconds since the write that will be taken back.
    since: Arc<Mutex<Option<u64>>>,
    wrongs: Arc<Mutex<Option<Wrongs>>>,
}

/// A cluster and a load tester that lie, and the provider that is told so.
struct World {
    server: Server,
    provider: Arc<dyn Provider>,
    clock: Mutex<Timestamp>,
    _folder: tempfile::TempDir,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for World {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Watches are refused, so that every look asks: what is seen depends on nothing but what is there.
async fn lie(State(server): State<Server>, request: Request, next: Next) -> Response {
    if request.uri().query().is_some_and(|query| query.contains("watch=1")) {
        let status = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
        return (StatusCode::FORBIDDEN, Body::from(status.to_string())).into_response();
    }
    let path = request.uri().path().to_owned();
    let door = path.ends_with("/open") || path.ends_with("/close");
    if request.method() != Method::PATCH && !door {
        return next.run(request).await;
    }
    let answer = |cluster: &Cluster| {
        if door {
            return StatusCode::ACCEPTED.into_response();
        }
        let mut parts = path.rsplit('/');
        let (name, plural) = (parts.next().unwrap(), parts.next().unwrap());
        let object = cluster.object(plural, "shop", name).unwrap();
        ([("content-type", "application/json")], Body::from(object.to_string())).into_response()
    };
    let manner = *server.manner.lock().unwrap();
    match manner {
        Manner::Honest | Manner::Unread => next.run(request).await,
        Manner::Nothing => {
            drop(to_bytes(request.into_body(), 1 << 20).await);
            answer(&server.cluster)
        }
        Manner::Elsewhere => {
            let wrongs = server.wrongs.lock().unwrap().unwrap();
            (wrongs.elsewhere)(&server.cluster);
            answer(&server.cluster)
        }
        Manner::TakenBack => {
            *server.since.lock().unwrap() = Some(0);
            next.run(request).await
        }
    }
}

impl World {
    /// A world that `seed` fills, in which `web` is bound so; the load tester's address is added where it is asked for.
    async fn start(seed: impl FnOnce(&Cluster), workload: &str) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let cluster = Cluster::new(now);
        seed(&cluster);
        let server = Server {
            cluster: cluster.clone(),
            manner: Arc::new(Mutex::new(Manner::Honest)),
            since: Arc::default(),
            wrongs: Arc::default(),
        };
        let (mut urls, mut tasks) = (Vec::new(), Vec::new());
        for router in [cluster.router(), cluster.load_tester()] {
            let router = router.layer(from_fn_with_state(server.clone(), lie));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            urls.push(format!("http://{}", listener.local_addr().unwrap()));
            tasks.push(tokio::spawn(async move { drop(axum::serve(listener, router).await) }));
        }
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default().with_text("namespace", "shop").with_text("workload", workload);
        if workload.starts_with("canary") {
            settings = settings.with_text("gates", &urls[1]);
        }
        let provider = provider(folder.path(), &cluster, &urls[0], settings);
        Self { server, provider, clock: Mutex::new(now), _folder: folder, tasks }
    }

    fn second(&self) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..2 {
            *clock = clock.checked_add(SignedDuration::from_millis(500)).unwrap();
            self.server.cluster.tick(*clock, Duration::from_millis(500));
        }
    }

    fn seconds(&self, many: u32) {
        for _ in 0..many {
            self.second();
        }
    }

    /// A second, and what is taken back meanwhile.
    fn pass(&self) {
        if *self.server.manner.lock().unwrap() == Manner::Unread {
            return;
        }
        self.second();
        let mut since = self.server.since.lock().unwrap();
        *since = since.map(|seconds| seconds + 1);
        if *since == Some(2) {
            let wrongs = self.server.wrongs.lock().unwrap().unwrap();
            (wrongs.back)(&self.server.cluster);
        }
    }

    /// From now on the servers answer so.
    fn lies(&self, manner: Manner, wrongs: Wrongs) {
        *self.server.wrongs.lock().unwrap() = Some(wrongs);
        *self.server.manner.lock().unwrap() = manner;
    }
}

fn provider(folder: &Path, cluster: &Cluster, url: &str, settings: Settings) -> Arc<dyn Provider> {
    let path = folder.join("config");
    std::fs::write(&path, cluster.kubeconfig(url, ADMIN_TOKEN)).unwrap();
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
    (kind("kubernetes").unwrap().build)(spec).unwrap()
}
