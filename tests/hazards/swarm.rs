//! A Docker Engine on loopback, from recorded answers: one service, its tasks, what the registry says. It decides
//! nothing beyond an honest orchestrator, and can be told to lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};
use serde_json::{Value, json};

use super::Lie;
use super::kube::recorded;

/// What the engine says. A test changes it as a situation demands.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) service: Value,
    pub(crate) tasks: Vec<Value>,
    /// Status and body of `distribution` by reference; everything else is there under the digest it names.
    pub(crate) registry: BTreeMap<String, (u16, Value)>,
    /// How it lies about the next write.
    pub(crate) lie: Option<Lie>,
    since: Option<u64>,
    before: Option<Box<Self>>,
    /// Answers in place of the true ones, by the end of the path.
    pub(crate) forged: BTreeMap<String, String>,
    pub(crate) writes: usize,
}

impl Engine {
    /// `web` with two replicas of v2, after v1; nothing is under way.
    pub(crate) fn at_rest() -> Self {
        let mut look = recorded("docker", "updating");
        look["service"]["UpdateStatus"] = json!({
            "State": "completed", "StartedAt": "2026-11-21T06:59:16.033787565Z",
            "CompletedAt": "2026-11-21T06:59:28.1Z", "Message": "update completed"
        });
        Self {
            service: look["service"].clone(),
            tasks: look["tasks"].as_array().unwrap().clone(),
            registry: BTreeMap::new(),
            lie: None,
            since: None,
            before: None,
            forged: BTreeMap::new(),
            writes: 0,
        }
    }

    /// The digest that a reference names: a tag that the service knows still means what it meant.
    fn digest_of(&self, reference: &str) -> String {
        if let Some((_, digest)) = reference.split_once('@') {
            return digest.to_owned();
        }
        let known = ["Spec", "PreviousSpec"].into_iter().find_map(|spec| {
            let image = self.service[spec]["TaskTemplate"]["ContainerSpec"]["Image"].as_str()?;
            Some(image.strip_prefix(reference)?.strip_prefix('@')?.to_owned())
        });
        known.unwrap_or_else(|| format!("sha256:{}", "3".repeat(64)))
    }

    fn bump(&mut self, by: i64) {
        let index = self.service["Version"]["Index"].as_i64().unwrap();
        self.service["Version"]["Index"] = json!(index + by);
    }

    /// All replicas run the present specification.
    pub(crate) fn run(&mut self) {
        let spec = json!({
            "ContainerSpec": self.service["Spec"]["TaskTemplate"]["ContainerSpec"], "ForceUpdate": 0
        });
        let replicas = self.service["Spec"]["Mode"]["Replicated"]["Replicas"].as_u64().unwrap();
        let model = recorded("docker", "updating")["tasks"][0].clone();
        self.tasks = (1..=replicas)
            .map(|slot| {
                let mut task = model.clone();
                task["ID"] = json!(format!("{}-{slot}", self.service["Version"]["Index"]));
                task["Slot"] = json!(slot);
                task["Spec"] = spec.clone();
                task
            })
            .collect();
        self.say("completed");
    }

    pub(crate) fn say(&mut self, state: &str) {
        self.service["UpdateStatus"] = json!({
            "State": state, "StartedAt": "2026-11-21T07:59:16.0Z", "Message": format!("update {state}")
        });
    }

    /// The update request as the engine takes it.
    fn update(&mut self, query: &str, body: &str) -> (u16, String) {
        let told = |text: &str| json!({ "message": text }).to_string();
        let index = self.service["Version"]["Index"].clone();
        if !query.contains(&format!("version={index}&")) {
            return (500, told("rpc error: code = Unknown desc = update out of sequence"));
        }
        self.writes += 1;
        self.since = Some(0);
        self.before = Some(Box::new(Self { before: None, ..self.clone() }));
        let back = query.contains("rollback=previous");
        let wanted =
            if back { self.service["PreviousSpec"].clone() } else { serde_json::from_str(body).unwrap() };
        match self.lie {
            Some(Lie::NoEffect | Lie::PauseIgnored) => {}
            Some(Lie::StaleCache) => {
                self.service["Spec"] = wanted;
                self.bump(-9);
                self.run();
            }
            lie => {
                self.service["PreviousSpec"] = self.service["Spec"].clone();
                self.service["Spec"] = wanted;
                if lie == Some(Lie::ScaledDown) {
                    self.service["Spec"]["Mode"]["Replicated"]["Replicas"] = json!(1);
                }
                self.bump(5);
                self.say(if back { "rollback_started" } else { "updating" });
            }
        }
        (200, json!({"Warnings": null}).to_string())
    }

    /// A second passes: the orchestrator acts.
    pub(crate) fn pass(&mut self) {
        let Some(since) = &mut self.since else { return };
        *since += 1;
        let since = *since;
        let before = self.before.clone().unwrap();
        match (since, self.lie) {
            (_, Some(Lie::NoEffect | Lie::StaleCache)) => {}
            (2, Some(Lie::PauseIgnored)) => {
                // Nobody took the way back: the update goes on to its end.
                self.bump(5);
                self.run();
            }
            (2, lie) => {
                self.run();
                if self.service["UpdateStatus"]["State"] == "rollback_started" {
                    self.say("rollback_completed");
                }
                match lie {
                    Some(Lie::Partial) => self.tasks[1] = before.tasks[0].clone(),
                    Some(Lie::OldStuck) => {
                        let mut old = before.tasks[0].clone();
                        old["DesiredState"] = json!("shutdown");
                        self.tasks.push(old);
                    }
                    Some(Lie::LeftBehind) => {
                        let mut old = before.tasks[0].clone();
                        old["Slot"] = json!(7);
                        self.tasks.push(old);
                    }
                    _ => {}
                }
            }
            (3, Some(Lie::NotANumber)) => {
                let tasks = Value::from(self.tasks.clone()).to_string();
                drop(self.forged.insert("tasks".into(), tasks.replace("\"Slot\":1", "\"Slot\":NaN")));
            }
            (5, Some(Lie::RevertedLater)) => {
                let back = before.service["Spec"].clone();
                self.service["PreviousSpec"] = self.service["Spec"].clone();
                self.service["Spec"] = back;
                self.bump(5);
                self.run();
            }
            _ => {}
        }
    }

    fn answer(&mut self, method: &Method, path: &str, body: &str) -> (u16, String) {
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let rest = bare.trim_start_matches('/').split_once('/').map_or(bare, |(_, rest)| rest);
        if method == Method::POST {
            return self.update(query, body);
        }
        if let Some((_, text)) = self.forged.iter().rev().find(|(part, _)| rest.starts_with(part.as_str())) {
            return (200, text.clone());
        }
        let told = match rest.split_once('/') {
            None if rest == "info" => {
                let swarm = json!({"LocalNodeState": "active", "ControlAvailable": true, "Error": ""});
                json!({"Name": "vm", "Swarm": swarm})
            }
            None if rest == "services" => json!([self.service]),
            None if rest == "tasks" => json!(self.tasks),
            Some(("services", _)) => self.service.clone(),
            Some(("distribution", rest)) => {
                let reference = rest.strip_suffix("/json").unwrap();
                if let Some((status, body)) = self.registry.get(reference) {
                    return (*status, body.to_string());
                }
                let digest = self.digest_of(reference);
                json!({"Descriptor": {"digest": digest}, "Platforms": []})
            }
            _ => return (404, json!({"message": "page not found"}).to_string()),
        };
        (200, told.to_string())
    }
}

/// The server, running. It ends with the test.
pub(crate) struct Swarm {
    pub(crate) engine: Arc<Mutex<Engine>>,
    pub(crate) provider: Arc<dyn Provider>,
    host: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Swarm {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn built(host: &str) -> Arc<dyn Provider> {
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("host", host),
        secrets: BTreeMap::new(),
        bounds: vec![Bound {
            role: Role::Deploy,
            service: ServiceName::new("web"),
            environment: Some(EnvironmentName::new("production")),
            settings: Settings::default().with_text("service", "web"),
        }],
        env: Arc::default(),
    };
    (kind("docker").unwrap().build)(spec).unwrap()
}

impl Swarm {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let engine = Arc::new(Mutex::new(Engine::at_rest()));
        let router = Router::new().fallback(serve).with_state(Arc::clone(&engine));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let provider = built(&host);
        Self { engine, provider, host, task }
    }

    /// A provider that has not looked yet, of the same engine.
    pub(crate) fn again(&self) -> Arc<dyn Provider> {
        built(&self.host)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap()
    }
}

async fn serve(State(engine): State<Arc<Mutex<Engine>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str().to_owned();
    if path == "/_ping" {
        return ([("api-version", "1.41")], "OK").into_response();
    }
    let (status, text) = engine.lock().unwrap().answer(&parts.method, &path, &body);
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], Body::from(text)).into_response()
}
