//! R4 for rollouts in steps: going on, aborting, retrying, promoting fully and restarting are only said to be done when a
//! later look proved it, however the server answered.
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
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, Conclusion, DeploymentSeed, Shape};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::desk::Desk;

const IMAGE: &str = "127.0.0.1:1/shop/web";

/// What the server makes of a write that it answers with 200.
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
    /// It keeps it, and no controller ever reads it.
    Unread,
}

#[derive(Clone)]
struct Server {
    cluster: Cluster,
    manner: Arc<Mutex<Manner>>,
    /// Seconds since the write that will be taken back.
    since: Arc<Mutex<Option<u64>>>,
}

/// Watches are refused, so that every look asks: what is seen depends on nothing but what is there.
async fn lie(State(server): State<Server>, request: Request, next: Next) -> Response {
    if request.uri().query().is_some_and(|query| query.contains("watch=1")) {
        let status = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
        return (StatusCode::FORBIDDEN, Body::from(status.to_string())).into_response();
    }
    if request.method() != Method::PATCH {
        return next.run(request).await;
    }
    let answer = |name: &str| {
        let object = server.cluster.object("rollouts", "shop", name).unwrap();
        ([("content-type", "application/json")], Body::from(object.to_string())).into_response()
    };
    let manner = *server.manner.lock().unwrap();
    match manner {
        Manner::Honest | Manner::Unread => next.run(request).await,
        Manner::Nothing => answer("web"),
        Manner::Elsewhere => {
            server.cluster.merge("rollouts", "shop", "other", &json!({"status": {"abort": true}}));
            answer("other")
        }
        Manner::TakenBack => {
            *server.since.lock().unwrap() = Some(0);
            next.run(request).await
        }
    }
}

/// A canary that waits at its first pause.
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

fn seed(name: &str) -> DeploymentSeed {
    DeploymentSeed {
        namespace: "shop".into(),
        name: name.into(),
        container: "web".into(),
        image: format!("{IMAGE}:v1"),
        replicas: 4,
        shape: Shape::Canary(vec![
            json!({"setWeight": 25}),
            json!({"pause": {}}),
            json!({"analysis": {"templates": [{"templateName": "success-rate"}]}}),
            json!({"setWeight": 50}),
            json!({"pause": {}}),
        ]),
        ..DeploymentSeed::default()
    }
}

fn provider(folder: &Path, cluster: &Cluster, url: &str) -> Arc<dyn Provider> {
    let path = folder.join("config");
    std::fs::write(&path, cluster.kubeconfig(url, ADMIN_TOKEN)).unwrap();
    let bound = Bound {
        role: Role::Deploy,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings: Settings::default().with_text("namespace", "shop").with_text("workload", "rollout/web"),
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

impl Day {
    async fn start() -> Self {
        // Shortly before the desk opens: a restart that is asked for in the future waits for its time.
        let now: Timestamp = "2026-11-21T08:58:00Z".parse().unwrap();
        let cluster = Cluster::new(now);
        for tag in ["v1", "v2"] {
            let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
            cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
        }
        cluster.add_deployment(&seed("web"));
        cluster.add_deployment(&seed("other"));
        assert!(cluster.set_image("shop", "web", "web", &format!("{IMAGE}:v2"), ""));
        let server = Server {
            cluster: cluster.clone(),
            manner: Arc::new(Mutex::new(Manner::Honest)),
            since: Arc::default(),
        };
        let router = cluster.router().layer(from_fn_with_state(server.clone(), lie));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let folder = tempfile::tempdir().unwrap();
        let provider = provider(folder.path(), &cluster, &url);
        let day = Self { server, provider, clock: Mutex::new(now), _folder: folder, task };
        for _ in 0..20 {
            day.second();
        }
        assert_eq!(day.status()["phase"], "Paused");
        day
    }

    fn status(&self) -> Value {
        self.server.cluster.object("rollouts", "shop", "web").unwrap()["status"].clone()
    }

    fn second(&self) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..2 {
            *clock = clock.checked_add(SignedDuration::from_millis(500)).unwrap();
            self.server.cluster.tick(*clock, Duration::from_millis(500));
        }
    }

    /// A second, and what is taken back meanwhile.
    fn pass(&self, back: &Value) {
        if *self.server.manner.lock().unwrap() == Manner::Unread {
            return;
        }
        self.second();
        let mut since = self.server.since.lock().unwrap();
        *since = since.map(|seconds| seconds + 1);
        if *since == Some(2) {
            self.server.cluster.merge("rollouts", "shop", "web", back);
        }
    }

    /// Presses a key and follows what comes of it.
    async fn told(&self, manner: Manner, key: char, back: &Value) -> Outcome {
        let mut desk = Desk::open(&self.provider, &[]).await;
        *self.server.manner.lock().unwrap() = manner;
        let plan = desk.ask(key).await.unwrap();
        match key {
            'S' => desk.type_name("web"),
            'X' => assert_eq!(plan.title, "Abort v2 for web in production", "what comes, not what stays"),
            _ => {}
        }
        desk.confirm().await;
        desk.follow(|| self.pass(back)).await
    }
}

/// A verb's key, what must be so before it, and how somebody takes it back.
type OfVerb = (char, fn(&Day), Value);

impl Day {
    /// Somebody changes the status, and the controller has time to act on it.
    fn after(&self, status: &Value, seconds: u32) {
        self.server.cluster.merge("rollouts", "shop", "web", &json!({"status": status}));
        for _ in 0..seconds {
            self.second();
        }
    }
}

fn verbs() -> [OfVerb; 7] {
    let aborted = |day: &Day| {
        day.after(&json!({"abort": true}), 20);
        assert_eq!(day.status()["phase"], "Degraded");
    };
    // Only what is over may be restarted.
    let over = |day: &Day| {
        day.after(&json!({"promoteFull": true}), 60);
        assert_eq!(day.status()["phase"], "Healthy");
    };
    // It measures, and will come to the next pause of its steps by itself.
    let going = |day: &Day| {
        day.after(&json!({"pauseConditions": null}), 3);
        assert_eq!(day.status()["phase"], "Progressing");
    };
    let unclear = |day: &Day| {
        day.server.cluster.set_conclusion(&format!("{IMAGE}:v2"), Conclusion::Unclear);
        day.after(&json!({"pauseConditions": null}), 12);
        assert_eq!(day.status()["message"], "InconclusiveAnalysisRun");
    };
    let inconclusive = json!({"status": {
        "currentStepIndex": 2, "controllerPause": true,
        "pauseConditions": [{"reason": "InconclusiveAnalysisRun", "startTime": "2026-11-21T08:58:40Z"}]
    }});
    let held = json!({"status": {
        "currentStepIndex": 1, "controllerPause": true,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-11-21T08:58:10Z"}]
    }});
    [
        ('R', |_: &Day| {}, held),
        ('R', unclear, inconclusive),
        ('P', going, json!({"spec": {"paused": false}})),
        ('X', |_: &Day| {}, json!({"status": {"abort": null, "abortedAt": null}})),
        ('B', over, json!({"spec": {"restartAt": null}})),
        ('T', aborted, json!({"status": {"abort": true}})),
        (
            'S',
            |_: &Day| {},
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": format!("{IMAGE}:v1")}]}}}}),
        ),
    ]
}

#[tokio::test]
async fn nothing_that_a_server_lies_about_a_rollout_in_steps_is_shown_as_verified() {
    let (mut verified, mut all) = (0, 0);
    for manner in [Manner::Nothing, Manner::Elsewhere, Manner::TakenBack, Manner::Unread] {
        for (key, before, back) in verbs() {
            let day = Day::start().await;
            before(&day);
            let outcome = day.told(manner, key, &back).await;
            println!("{key} {manner:?}: {}: {}", outcome.word(), outcome.text());
            all += 1;
            verified += usize::from(matches!(outcome, Outcome::Verified(_)));
        }
    }
    println!("R4: {verified} of {all} scripts shown as verified");
    assert_eq!((verified, all), (0, verbs().len() * 4));
}

/// The other side: what is carried out honestly is verified.
#[tokio::test]
async fn what_is_carried_out_in_steps_is_verified() {
    for (key, before, back) in verbs() {
        let day = Day::start().await;
        before(&day);
        let outcome = day.told(Manner::Honest, key, &back).await;
        assert!(matches!(outcome, Outcome::Verified(_)), "{key}: {}: {}", outcome.word(), outcome.text());
    }
}
