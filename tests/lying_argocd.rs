//! R4 for Argo CD: a roll back by its history, a hold and a release are only said to be done when later looks proved it,
//! whatever the server answered. Behind a front that lies stands the embedded world, whose controller really acts.
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
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use gonogo::domain::{
    Ask, Bound, EnvironmentName, Intent, Outcome, Place, Role, ServiceName, Settings, SourceName, Target,
    Verb,
};
use gonogo::provider::{Provider, SecretPlace, SourceSpec, kind};
use gonogo::sandbox::argocd::OPERATOR_TOKEN;
use gonogo::sandbox::{Clock, Options, Sandbox, Scenario};
use serde_json::{Value, json};

use self::desk::Desk;

/// When the late server gets round to it, in seconds.
const LATE: u64 = 20;

/// What the server makes of a write that it answers as if it had done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// What it says.
    Honest,
    /// Nothing.
    Nothing,
    /// What it says, much later.
    Late,
    /// The same to another application.
    Elsewhere,
    /// What it says; somebody takes it back three seconds after it could be seen.
    TakenBack,
    /// Of two requests the first.
    Half,
    /// The same, and the history grows as if it had done both.
    Invented,
}

#[derive(Clone)]
struct Asked {
    method: Method,
    path: String,
    body: Bytes,
}

#[derive(Clone)]
struct Front {
    /// Where the Argo CD of the world is.
    argocd: String,
    client: reqwest::Client,
    manner: Arc<Mutex<Manner>>,
    /// The writes that arrived.
    heard: Arc<Mutex<Vec<Asked>>>,
}

fn page(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header("content-type", "application/json").body(body.into()).unwrap()
}

async fn answer(State(front): State<Front>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let asked = Asked { method: parts.method, path, body: to_bytes(body, 1 << 20).await.unwrap() };
    if asked.method == Method::GET {
        let (status, body) = front.carry_out(&asked).await;
        return page(status, front.with_history(body));
    }
    front.heard.lock().unwrap().push(asked.clone());
    let manner = *front.manner.lock().unwrap();
    match manner {
        Manner::Half | Manner::Invented if asked.method == Method::POST => front.pretended(&asked).await,
        Manner::Honest | Manner::TakenBack | Manner::Half | Manner::Invented => {
            let (status, body) = front.carry_out(&asked).await;
            page(status, body)
        }
        Manner::Nothing | Manner::Late => front.pretended(&asked).await,
        Manner::Elsewhere => {
            let (status, body) = front.carry_out(&of_the_other(&asked)).await;
            assert_eq!(status, 200, "{body:?}");
            page(status, body)
        }
    }
}

/// The same request for the other application.
fn of_the_other(asked: &Asked) -> Asked {
    let mut body: Value = serde_json::from_slice(&asked.body).unwrap();
    body["name"] = json!("other");
    if let Some(patch) = body["patch"].as_str() {
        let mut operations: Vec<Value> = serde_json::from_str(patch).unwrap();
        operations.retain(|operation| operation["op"] != "test");
        body["patch"] = json!(Value::Array(operations).to_string());
    }
    let path = asked.path.replace("/applications/search", "/applications/other");
    Asked { method: asked.method.clone(), path, body: body.to_string().into() }
}

impl Front {
    async fn carry_out(&self, asked: &Asked) -> (u16, Bytes) {
        let url = format!("{}{}", self.argocd, asked.path);
        let request = self.client.request(asked.method.clone(), url).bearer_auth(OPERATOR_TOKEN);
        let answer = request.body(asked.body.clone()).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    }

    async fn application(&self) -> Value {
        let path = "/api/v1/applications/search".to_owned();
        let (status, body) = self.carry_out(&Asked { method: Method::GET, path, body: Bytes::new() }).await;
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    /// The answer as it was, or with the entry that a roll back would have left.
    fn with_history(&self, body: Bytes) -> Bytes {
        let heard = self.heard.lock().unwrap();
        let order = heard.iter().find(|asked| asked.method == Method::POST);
        let invents = *self.manner.lock().unwrap() == Manner::Invented;
        let (Some(order), Ok(mut app)) = (order.filter(|_| invents), serde_json::from_slice::<Value>(&body))
        else {
            return body;
        };
        let order: Value = serde_json::from_slice(&order.body).unwrap();
        let Some(history) = app.pointer_mut("/status/history").and_then(Value::as_array_mut) else {
            return body;
        };
        let mut entry = history.iter().find(|entry| entry["id"] == order["id"]).unwrap().clone();
        entry["id"] = json!(history.iter().filter_map(|entry| entry["id"].as_u64()).max().unwrap() + 1);
        history.push(entry);
        app.to_string().into()
    }

    /// The very answer that an honest server would give.
    async fn pretended(&self, asked: &Asked) -> Response {
        let mut app = self.application().await;
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        if let Some(patch) = body["patch"].as_str() {
            let patch: json_patch::Patch = serde_json::from_str(patch).unwrap();
            json_patch::patch(&mut app, &patch).unwrap();
        } else {
            let history = app["status"]["history"].as_array().unwrap();
            let chosen = history.iter().find(|entry| entry["id"] == body["id"]).unwrap();
            let revision = chosen["revision"].clone();
            app["operation"] = json!({"sync": {"revision": revision}, "initiatedBy": {"username": "mara"}});
        }
        page(200, app.to_string())
    }

    /// Somebody else switches auto-sync.
    async fn switch(&self, on: bool) {
        let operation = if on {
            let policy = json!({"automated": {"prune": true, "selfHeal": true}});
            json!([{"op": "add", "path": "/spec/syncPolicy", "value": policy}])
        } else {
            json!([{"op": "remove", "path": "/spec/syncPolicy"}])
        };
        let body = json!({"name": "search", "patchType": "json", "patch": operation.to_string()});
        let path = "/api/v1/applications/search".to_owned();
        let (status, body) =
            self.carry_out(&Asked { method: Method::PATCH, path, body: body.to_string().into() }).await;
        assert_eq!(status, 200, "{body:?}");
    }
}

/// A day on which Argo CD keeps two services.
fn scenario() -> Scenario {
    let service = |name: &str| {
        format!(
            r#"
[[service]]
name = "{name}"
kept_by = "argo-cd"
live_for = 6
ticket = "FIND"
live = "v4.2.0"
staging = "v4.2.0"
tags = ["v4.1.0", "v4.1.1", "v4.2.0"]
replicas = 2
errors = 0.4
latency = 231.0
rate = 260.0
run = "done"
"#
        )
    };
    let drill = "[drill]\ntask = \"None.\"";
    let text =
        format!("title = \"Lies\"\nteach = \"Lies.\"\n{}{}\n{drill}\n", service("search"), service("other"));
    Scenario::parse("lies", &text).unwrap()
}

fn spec(role: Role, name: &str, settings: Settings, bound: Settings) -> SourceSpec {
    SourceSpec {
        name: SourceName::new(name),
        settings,
        secrets: BTreeMap::from([("token".to_owned(), SecretPlace::Env("T".to_owned()))]),
        bounds: vec![Bound {
            role,
            service: ServiceName::new("web"),
            environment: Some(EnvironmentName::new("production")),
            settings: bound,
        }],
        env: Arc::new(BTreeMap::from([("T".to_owned(), OPERATOR_TOKEN.to_owned())])),
    }
}

struct Day {
    sandbox: Sandbox,
    front: Front,
    argocd: Arc<dyn Provider>,
    /// What really runs.
    cluster: Arc<dyn Provider>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Day {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that no proxy of the environment can mislead.
fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Day {
    async fn start() -> Self {
        let options = Options { clock: Clock::Manual, ..Options::default() };
        let sandbox = Sandbox::start(scenario(), options).unwrap();
        sandbox.world().advance(Duration::from_secs(10));
        let front = Front {
            argocd: sandbox.urls().argocd.clone(),
            client: client(),
            manner: Arc::new(Mutex::new(Manner::Honest)),
            heard: Arc::default(),
        };
        let router = axum::Router::new().fallback(answer).with_state(front.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let application =
            Settings::default().with_text("application", "search").with_text("project", "default");
        let settings = Settings::default().with_text("url", &url);
        let argocd =
            (kind("argocd").unwrap().build)(spec(Role::Owner, "prod", settings, application)).unwrap();
        let config = sandbox.folder().join("kubeconfig");
        let settings = Settings::default().with_text("kubeconfig", config.to_str().unwrap());
        let workload = Settings::default()
            .with_text("namespace", "production")
            .with_text("workload", "deployment/search");
        let cluster =
            (kind("kubernetes").unwrap().build)(spec(Role::Deploy, "metrics", settings, workload)).unwrap();
        Self { sandbox, front, argocd, cluster, task }
    }

    /// Holds both, as an operator would have, before anything is a lie.
    async fn hold(&self) {
        let intent = Intent {
            verb: Verb::Hold,
            service: ServiceName::new("web"),
            place: Some(Place::new("web", "production")),
            target: Target::Application,
            source: SourceName::new("prod"),
            reason: None,
            answers: BTreeMap::new(),
        };
        let hold = self.argocd.prepare(&intent).await.unwrap();
        self.argocd.perform(&hold.steps[0]).await.unwrap();
        let held = self.front.heard.lock().unwrap().pop().unwrap();
        let (status, body) = self.front.carry_out(&of_the_other(&held)).await;
        assert_eq!(status, 200, "{body:?}");
    }

    /// Whether it is so in truth.
    async fn is_so(&self, key: char) -> bool {
        let app = self.front.application().await;
        let automated = app.pointer("/spec/syncPolicy/automated").is_some();
        match key {
            'H' => !automated,
            'U' => automated,
            _ => self.sandbox.world().running("search", "production") == [("v4.1.1".to_owned(), 2)],
        }
    }

    /// Looks at the controller and at what runs.
    async fn look(&self, desk: &mut Desk) {
        let ask = Ask { acting: vec![ServiceName::new("web")], ..Ask::default() };
        desk.report("metrics", self.cluster.observe(&ask).await);
        desk.look().await;
    }

    /// Carries out what was kept for later.
    async fn catch_up(&self) {
        let heard = self.front.heard.lock().unwrap().clone();
        for asked in heard {
            let (status, body) = self.front.carry_out(&asked).await;
            assert_eq!(status, 200, "{body:?}");
        }
    }
}

/// Presses a key and follows what comes of it; whether it was so in truth when that was said, and how many requests
/// arrived of how many in the plan.
async fn told(manner: Manner, key: char) -> (Outcome, bool, (usize, usize)) {
    let day = Day::start().await;
    if key == 'U' {
        day.hold().await;
    }
    let mut desk = Desk::open_as(&day.argocd, &[], |environment| {
        environment.owner = environment.deploy.replace(SourceName::new("metrics"));
    })
    .await;
    day.look(&mut desk).await;
    *day.front.manner.lock().unwrap() = manner;
    let plan = desk.ask(key).await.unwrap();
    desk.confirm().await;
    let (mut passed, mut so, mut late) = (0, 0, manner == Manner::Late);
    while desk.outcome().is_none() {
        assert!(passed < 7_200, "{key} {manner:?}: it never ends");
        // Where nothing comes, or not yet, nobody need look so closely; a world that does nothing need not be lived through.
        let (by, lived) = match manner {
            Manner::Nothing | Manner::Elsewhere | Manner::Half | Manner::Invented if passed < 10 => (1, 1),
            Manner::Nothing | Manner::Elsewhere | Manner::Half | Manner::Invented => (60, 2),
            Manner::Late if passed < LATE => (5, 5),
            Manner::Honest | Manner::Late if passed < 90 => (1, 1),
            Manner::TakenBack if (passed < 90 && so == 0) || (1..10).contains(&so) => (1, 1),
            _ => (30, 30),
        };
        passed += by;
        day.sandbox.world().advance(Duration::from_secs(lived));
        if late && passed >= LATE {
            late = false;
            day.catch_up().await;
        }
        // Taken back three seconds after the look that could see it, just before the one that would prove it.
        so = so.max(u64::from(desk.settles()));
        so += u64::from(so > 0 || day.is_so(key).await);
        if manner == Manner::TakenBack && so == 4 {
            day.front.switch(key != 'U').await;
        }
        desk.wait(Duration::from_secs(by));
        day.look(&mut desk).await;
    }
    let heard = day.front.heard.lock().unwrap().len();
    (desk.outcome().unwrap(), day.is_so(key).await, (heard, plan.prepared.steps.len()))
}

/// What an outcome must name: what differs from what was promised.
const fn differs(manner: Manner, key: char) -> &'static str {
    match (key, manner) {
        ('H', _) => "the controller still applies by itself what Git says",
        ('U', _) => "the controller is still held",
        (_, Manner::TakenBack) => "was applied instead",
        (_, Manner::Invented) => "what runs is said to be what Git says",
        (_, Manner::Half) => "auto-sync is switched off, and the controller has not applied",
        _ => "the controller has not applied",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_argo_cd_lies_about_is_shown_as_verified() {
    let (mut verified, mut all) = (0, 0);
    for manner in
        [Manner::Nothing, Manner::Late, Manner::Elsewhere, Manner::TakenBack, Manner::Half, Manner::Invented]
    {
        for key in ['r', 'H', 'U'] {
            if matches!(manner, Manner::Half | Manner::Invented) && key != 'r' {
                continue;
            }
            let (outcome, so, (heard, of)) = told(manner, key).await;
            println!("{key} {manner:?}: {}: {}", outcome.word(), outcome.text());
            assert_eq!(heard, of, "{key} {manner:?}: sent once each");
            all += 1;
            // What was done late was done, and may be proved then.
            if manner == Manner::Late && so {
                continue;
            }
            verified += usize::from(matches!(outcome, Outcome::Verified(_)));
            let text = outcome.text().to_string();
            assert!(text.contains(differs(manner, key)), "{key} {manner:?}: {text}");
        }
    }
    println!("R4: {verified} of {all} scripts of Argo CD shown as verified");
    assert_eq!((verified, all), (0, 14));
}

/// The other side: what is carried out is verified, also when it comes late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_argo_cd_carries_out_is_verified() {
    for manner in [Manner::Honest, Manner::Late] {
        for key in ['r', 'H', 'U'] {
            let (outcome, so, (heard, of)) = told(manner, key).await;
            let text = outcome.text();
            assert!(matches!(outcome, Outcome::Verified(_)) && so, "{key} {manner:?}: {text}, in truth {so}");
            assert_eq!(heard, of, "{key} {manner:?}: sent once each");
        }
    }
}
