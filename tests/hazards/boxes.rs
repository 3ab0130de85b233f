//! A Docker Engine without a swarm on loopback: containers as the engine writes them, their images, a registry. It only
//! answers; whoever would change something is told so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};
use serde_json::{Value, json};

const REPOSITORY: &str = "registry.test/acme/web";

pub(crate) fn image(version: u8) -> String {
    format!("{REPOSITORY}:v{version}")
}

pub(crate) fn digest(version: u8) -> String {
    format!("sha256:{}", version.to_string().repeat(64))
}

/// What the engine says.
pub(crate) struct Engine {
    pub(crate) old: Value,
    pub(crate) present: Value,
    /// By reference and by id.
    pub(crate) images: BTreeMap<String, Value>,
    /// The digest that the registry has for a tag now.
    pub(crate) registry: BTreeMap<String, String>,
    pub(crate) writes: usize,
}

fn container(name: &str, version: u8, status: &str, started: &str) -> Value {
    let id = version.to_string().repeat(12);
    json!({
        "Id": id, "Created": started, "Name": format!("/{name}"), "Image": format!("sha256:image-{version}"),
        "RestartCount": 0,
        "State": {"Status": status, "OOMKilled": false, "ExitCode": 0, "Error": "", "StartedAt": started,
            "FinishedAt": "0001-01-01T00:00:00Z"},
        "Config": {"Image": image(version), "Labels": {"gonogo.group": "web"}, "Env": ["TOKEN=hunter2"]},
        "HostConfig": {"AutoRemove": false, "RestartPolicy": {"Name": ""}, "NetworkMode": "default",
            "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
        "Mounts": [], "NetworkSettings": {"Networks": {}}
    })
}

impl Engine {
    /// `web` runs v2, its v1 is kept; v3 is there and not made into a container.
    fn at_rest() -> Self {
        let mut images = BTreeMap::new();
        let mut registry = BTreeMap::new();
        for version in 1..=3 {
            let held = json!({"Id": format!("sha256:image-{version}"), "RepoTags": [image(version)],
                "RepoDigests": [format!("{REPOSITORY}@{}", digest(version))], "Config": {}});
            for name in [
                image(version),
                format!("sha256:image-{version}"),
                format!("{REPOSITORY}@{}", digest(version)),
            ] {
                images.insert(name, held.clone());
            }
            registry.insert(image(version), digest(version));
        }
        Self {
            old: container("web-old", 1, "exited", "2026-11-20T08:00:00Z"),
            present: container("web", 2, "running", "2026-11-21T08:00:00Z"),
            images,
            registry,
            writes: 0,
        }
    }

    fn answer(&mut self, method: &Method, path: &str) -> (u16, Value) {
        let missing = || (404, json!({"message": "no such thing"}));
        if method != Method::GET {
            self.writes += 1;
            return (500, json!({"message": "nothing is changed here"}));
        }
        let bare = path.split('?').next().unwrap();
        let (_, rest) = bare.trim_start_matches('/').split_once('/').unwrap();
        let named = |name: &str| [&self.old, &self.present].into_iter().find(|c| c["Id"] == name);
        match rest.split_once('/') {
            None if rest == "info" => {
                (200, json!({"Name": "vm", "Swarm": {"LocalNodeState": "inactive", "Error": ""}}))
            }
            Some(("containers", "json")) => {
                let row = |c: &Value| {
                    json!({"Id": c["Id"], "Names": [c["Name"]], "Image": c["Config"]["Image"],
                        "Labels": c["Config"]["Labels"], "State": c["State"]["Status"]})
                };
                (200, json!([row(&self.present), row(&self.old)]))
            }
            Some(("containers", rest)) => {
                named(rest.trim_end_matches("/json")).map_or_else(missing, |c| (200, c.clone()))
            }
            Some(("images", rest)) => {
                let name = rest.trim_end_matches("/json");
                self.images.get(name).map_or_else(missing, |i| (200, i.clone()))
            }
            Some(("distribution", rest)) => {
                let name = rest.trim_end_matches("/json");
                let found = self.registry.get(name);
                found.map_or_else(missing, |digest| (200, json!({"Descriptor": {"digest": digest}})))
            }
            _ => missing(),
        }
    }
}

/// The server, running. It ends with the test.
pub(crate) struct Boxes {
    engine: Arc<Mutex<Engine>>,
    pub(crate) provider: Arc<dyn Provider>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Boxes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Boxes {
    /// Bound by the container's name, or by project and service.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let engine = Arc::new(Mutex::new(Engine::at_rest()));
        let router = Router::new().fallback(serve).with_state(Arc::clone(&engine));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let bound = settings.iter().fold(Settings::default(), |all, (key, value)| all.with_text(key, value));
        let spec = SourceSpec {
            name: SourceName::new("prod"),
            settings: Settings::default().with_text("host", &host),
            secrets: BTreeMap::new(),
            bounds: vec![Bound {
                role: Role::Deploy,
                service: ServiceName::new("web"),
                environment: Some(EnvironmentName::new("production")),
                settings: bound,
            }],
            env: Arc::default(),
        };
        Self { engine, provider: (kind("docker").unwrap().build)(spec).unwrap(), task }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap()
    }
}

async fn serve(State(engine): State<Arc<Mutex<Engine>>>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().as_str().to_owned();
    if path == "/_ping" {
        return ([("api-version", "1.47")], "OK").into_response();
    }
    let (status, body) = engine.lock().unwrap().answer(request.method(), &path);
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], Body::from(body.to_string())).into_response()
}
