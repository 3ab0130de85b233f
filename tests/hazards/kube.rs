//! A Kubernetes API server and a registry on loopback, from recorded answers: one Deployment, its revisions and pods,
//! its config. It decides nothing beyond an honest controller, and can be told to lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, SourceName, Value as Setting};
use gonogo::provider::{Provider, SourceSpec, kind};
use serde_json::{Value, json};

use super::Lie;

const CHANGE: &str = "kubernetes.io/change-cause";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";

pub(crate) fn recorded(folder: &str, name: &str) -> Value {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let text = std::fs::read_to_string(format!("{root}/{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The digest that a tag `vN` has.
pub(crate) fn digest(tag: &str) -> String {
    let digit = tag.chars().last().unwrap();
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// What the servers say. A test changes it as a situation demands.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) deployment: Value,
    /// ReplicaSets, oldest first.
    pub(crate) sets: Vec<Value>,
    pub(crate) pods: Vec<Value>,
    pub(crate) autoscalers: Vec<Value>,
    /// Metadata of ConfigMaps and Secrets by `configmaps/NAME`; status and body.
    pub(crate) config: BTreeMap<String, (u16, Value)>,
    /// Digests by tag or digest.
    pub(crate) registry: BTreeMap<String, String>,
    /// Whether the registry wants a login.
    pub(crate) locked: bool,
    /// How it lies about the next write.
    pub(crate) lie: Option<Lie>,
    /// Host and port of this server, which is the images' registry.
    pub(crate) host: String,
    /// Seconds since the last write; none before it.
    since: Option<u64>,
    /// The Deployment, its sets and pods before the last write.
    before: Option<Box<Self>>,
    /// Answers in place of the true ones, by a part of the path.
    pub(crate) forged: BTreeMap<String, String>,
    pub(crate) writes: usize,
}

impl Cluster {
    /// `web` with four replicas, after these revisions; the last one runs. Every image is pinned by its digest.
    pub(crate) fn of(host: &str, tags: &[&str]) -> Self {
        let mut cluster = Self {
            deployment: recorded("kubernetes", "deployment"),
            sets: Vec::new(),
            pods: Vec::new(),
            autoscalers: Vec::new(),
            config: ["configmaps/web-config", "secrets/web-login"]
                .map(|path| (path.to_owned(), (200, recorded("kubernetes", "config-metadata"))))
                .into(),
            registry: BTreeMap::new(),
            locked: false,
            lie: None,
            host: host.to_owned(),
            since: None,
            before: None,
            forged: BTreeMap::new(),
            writes: 0,
        };
        for (number, tag) in (1..).zip(tags) {
            cluster.registry.insert((*tag).to_owned(), digest(tag));
            cluster.registry.insert(digest(tag), digest(tag));
            let set = cluster.set(tag, number);
            cluster.sets.push(set);
        }
        cluster.ask_for(tags.last().unwrap());
        cluster.run(tags.last().unwrap());
        let newest = tags.len().to_string();
        cluster.deployment["metadata"]["annotations"][REVISION] = json!(newest);
        cluster
    }

    pub(crate) fn image(&self, tag: &str) -> String {
        format!("{}/shop/web:{tag}@{}", self.host, digest(tag))
    }

    /// The ReplicaSet of a tag, as revision `number`.
    fn set(&self, tag: &str, number: u64) -> Value {
        let mut set = recorded("kubernetes", "replicaset");
        let name = format!("web-{tag}");
        set["metadata"]["name"] = json!(name);
        set["metadata"]["uid"] = json!(name);
        set["metadata"]["creationTimestamp"] = json!(format!("2026-11-{:02}T08:00:00Z", 10 + number));
        set["metadata"]["annotations"][REVISION] = json!(number.to_string());
        set["metadata"]["annotations"][CHANGE] = json!(format!("release {tag}"));
        set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(self.image(tag));
        set["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = json!(tag);
        set["metadata"]["labels"]["pod-template-hash"] = json!(tag);
        set
    }

    pub(crate) fn set_of(&mut self, tag: &str) -> &mut Value {
        let name = format!("web-{tag}");
        self.sets.iter_mut().find(|s| s["metadata"]["name"] == name.as_str()).unwrap()
    }

    /// What the template asks for, and the version counters that go with a write.
    pub(crate) fn ask_for(&mut self, tag: &str) {
        let image = self.image(tag);
        self.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    }

    /// All replicas run this.
    pub(crate) fn run(&mut self, tag: &str) {
        let replicas = self.replicas();
        self.pods = (0..replicas).map(|n| self.pod(tag, n)).collect();
        self.count(replicas, replicas, replicas);
    }

    pub(crate) fn replicas(&self) -> u64 {
        self.deployment["spec"]["replicas"].as_u64().unwrap()
    }

    pub(crate) fn pod(&self, tag: &str, n: u64) -> Value {
        let mut pod = recorded("kubernetes", "pod");
        let name = format!("web-{tag}-{n}");
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["uid"] = json!(name);
        pod["metadata"]["ownerReferences"][0]["name"] = json!(format!("web-{tag}"));
        pod["metadata"]["ownerReferences"][0]["uid"] = json!(format!("web-{tag}"));
        pod["spec"]["containers"][0]["image"] = json!(self.image(tag));
        let id = format!("{}/shop/web@{}", self.host, digest(tag));
        pod["status"]["containerStatuses"][0]["imageID"] = json!(id);
        pod
    }

    pub(crate) fn count(&mut self, all: u64, updated: u64, available: u64) {
        let generation = self.deployment["metadata"]["generation"].clone();
        let status = &mut self.deployment["status"];
        status["observedGeneration"] = generation;
        status["replicas"] = json!(all);
        status["updatedReplicas"] = json!(updated);
        status["readyReplicas"] = json!(available);
        status["availableReplicas"] = json!(available);
    }

    /// The tag that the template asks for.
    pub(crate) fn asked(&self) -> String {
        let image = self.deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        let tag = image.split('@').next().unwrap().rsplit(':').next().unwrap();
        tag.to_owned()
    }

    /// Gives the revision of what is asked for the next number, as the controller does, also after an undo.
    pub(crate) fn renumber(&mut self) {
        let tag = self.asked();
        let number =
            |set: &Value| set["metadata"]["annotations"][REVISION].as_str().unwrap().parse::<u64>().unwrap();
        let next = self.sets.iter().map(number).max().unwrap() + 1;
        self.deployment["metadata"]["annotations"][REVISION] = json!(next.to_string());
        let name = format!("web-{tag}");
        if !self.sets.iter().any(|s| s["metadata"]["name"] == name.as_str()) {
            let set = self.set(&tag, next);
            self.sets.push(set);
            return;
        }
        let set = self.set_of(&tag);
        let old = number(set);
        let annotations = &mut set["metadata"]["annotations"];
        let earlier = annotations[HISTORY].as_str().map(|h| format!("{h},")).unwrap_or_default();
        annotations[HISTORY] = json!(format!("{earlier}{old}"));
        annotations[REVISION] = json!(next.to_string());
    }

    /// A whole honest rollout, at once.
    pub(crate) fn roll_out(&mut self, tag: &str) {
        self.ask_for(tag);
        self.touch();
        self.renumber();
        self.run(tag);
    }

    fn touch(&mut self) {
        let metadata = &mut self.deployment["metadata"];
        let generation = metadata["generation"].as_u64().unwrap() + 1;
        metadata["generation"] = json!(generation);
        self.bump();
    }

    fn bump(&mut self) {
        let metadata = &mut self.deployment["metadata"];
        let version: u64 = metadata["resourceVersion"].as_str().unwrap().parse().unwrap();
        metadata["resourceVersion"] = json!((version + 1).to_string());
    }

    /// A patch as the API server takes it.
    fn patch(&mut self, body: &str) -> (u16, Value) {
        let patch: json_patch::Patch = serde_json::from_str(body).unwrap();
        let mut changed = self.deployment.clone();
        if let Err(error) = json_patch::patch(&mut changed, &patch) {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422,
                                "reason": "Invalid", "message": error.to_string()});
            return (422, status);
        }
        self.writes += 1;
        self.since = Some(0);
        let before = Self { before: None, ..self.clone() };
        self.before = Some(Box::new(before));
        match self.lie {
            Some(Lie::NoEffect) => return (200, self.deployment.clone()),
            Some(Lie::StaleCache) => {
                // The write is forgotten, and a cache tells of the day before, when the wanted one ran.
                let wanted = changed.pointer("/spec/template").cloned().unwrap();
                self.deployment["spec"]["template"] = wanted;
                self.deployment["metadata"]["generation"] = json!(4);
                self.deployment["metadata"]["resourceVersion"] = json!("1000");
                let tag = self.asked();
                self.run(&tag);
                return (200, before_of(self));
            }
            _ => {}
        }
        self.deployment = changed;
        self.touch();
        (200, self.deployment.clone())
    }

    /// A second passes: the controller acts.
    pub(crate) fn pass(&mut self) {
        let Some(since) = &mut self.since else { return };
        *since += 1;
        let since = *since;
        if matches!(self.lie, Some(Lie::NoEffect | Lie::StaleCache)) {
            return;
        }
        let (tag, before) = (self.asked(), self.before.clone().unwrap());
        self.bump();
        match (since, self.lie) {
            (1, Some(Lie::PauseIgnored)) => {
                self.observe();
            }
            (2, Some(Lie::PauseIgnored)) => self.run(&tag),
            (1, Some(Lie::PauseIdle)) => {
                self.deployment["spec"]["replicas"] = json!(0);
                self.touch();
                self.run(&tag);
            }
            (1, Some(Lie::ScaledDown)) => {
                self.deployment["spec"]["replicas"] = json!(1);
                self.touch();
                self.renumber();
                self.run(&tag);
            }
            (1, _) => {
                if before.asked() != tag {
                    self.renumber();
                }
                self.observe();
            }
            (2, Some(Lie::Partial)) => {
                self.run(&tag);
                let old = before.asked();
                for n in 2..4 {
                    self.pods[n] = self.pod(&old, n as u64);
                }
            }
            (2, Some(Lie::OldStuck)) => {
                self.run(&tag);
                self.pods.push(self.pod(&before.asked(), 0));
            }
            (2, Some(Lie::LeftBehind)) => {
                self.run(&tag);
                let old = before.asked();
                self.pods.push(self.pod(&old, 0));
                self.set_of(&old)["metadata"].as_object_mut().unwrap().remove("ownerReferences");
            }
            (2, _) if before.asked() != tag => self.run(&tag),
            (3, Some(Lie::NotANumber)) => {
                drop(self.forged.insert("/deployments/web".into(), not_a_number(&self.deployment)));
            }
            (5, Some(Lie::RevertedLater)) => {
                let old = before.asked();
                self.roll_out(&old);
            }
            _ => {}
        }
    }

    fn observe(&mut self) {
        let generation = self.deployment["metadata"]["generation"].clone();
        self.deployment["status"]["observedGeneration"] = generation;
        if self.before.as_ref().is_some_and(|b| b.asked() != self.asked()) {
            self.deployment["status"]["updatedReplicas"] = json!(0);
        }
    }

    fn answer(&mut self, method: &Method, path: &str, body: &str) -> (u16, String) {
        if let Some(name) = path.strip_prefix("/v2/shop/web/manifests/") {
            return (
                if self.locked { 401 } else { self.registry.get(name).map_or(404, |_| 200) },
                String::new(),
            );
        }
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        if method == Method::PATCH {
            let (status, answer) = self.patch(body);
            return (status, answer.to_string());
        }
        let watches = query.contains("watch=1");
        let forged = self.forged.iter().find(|(part, _)| bare.ends_with(part.as_str()));
        if let Some((_, text)) = forged.filter(|_| !watches) {
            return (if method == Method::POST { 201 } else { 200 }, text.clone());
        }
        if bare.contains("selfsubject") {
            return (200, json!({"status": {"allowed": true, "userInfo": {"username": "ann"}}}).to_string());
        }
        if watches {
            let status =
                json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "ann may not watch"});
            return (403, status.to_string());
        }
        let list =
            |items: &[Value]| json!({"metadata": {"resourceVersion": "2000"}, "items": items}).to_string();
        let last = bare.rsplit('/').next().unwrap();
        let (folder, _) = bare.rsplit_once('/').unwrap();
        match (last, folder.rsplit('/').next().unwrap()) {
            ("deployments", _) => (200, list(std::slice::from_ref(&self.deployment))),
            ("replicasets", _) => (200, list(&self.sets)),
            ("pods", _) => (200, list(&self.pods)),
            ("horizontalpodautoscalers", _) => (200, list(&self.autoscalers)),
            ("web", "deployments") => (200, self.deployment.to_string()),
            (name, "replicasets") => match self.sets.iter().find(|s| s["metadata"]["name"] == name) {
                Some(set) => (200, set.to_string()),
                None => missing(),
            },
            (name, kind @ ("configmaps" | "secrets")) => match self.config.get(&format!("{kind}/{name}")) {
                Some((status, body)) => (*status, body.to_string()),
                None => missing(),
            },
            _ => missing(),
        }
    }
}

fn before_of(cluster: &Cluster) -> Value {
    cluster.before.as_ref().unwrap().deployment.clone()
}

fn missing() -> (u16, String) {
    (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}).to_string())
}

/// The same object with a counter that is no number, as some serialisers write one.
pub(crate) fn not_a_number(object: &Value) -> String {
    object.to_string().replace("\"availableReplicas\":4", "\"availableReplicas\":NaN")
}

/// The servers, running. They end with the test.
pub(crate) struct Kube {
    pub(crate) cluster: Arc<Mutex<Cluster>>,
    pub(crate) provider: Arc<dyn Provider>,
    task: tokio::task::JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Drop for Kube {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn built(folder: &std::path::Path) -> Arc<dyn Provider> {
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default()
            .with_text("kubeconfig", folder.join("config").to_str().unwrap())
            .with("timeout", Setting::Integer(5)),
        secrets: BTreeMap::new(),
        bounds: vec![Bound {
            role: Role::Deploy,
            service: ServiceName::new("web"),
            environment: Some(EnvironmentName::new("production")),
            settings: Settings::default()
                .with_text("namespace", "shop")
                .with_text("workload", "deployment/web"),
        }],
        env: Arc::default(),
    };
    (kind("kubernetes").unwrap().build)(spec).unwrap()
}

impl Kube {
    pub(crate) async fn start(tags: &[&str]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let cluster = Arc::new(Mutex::new(Cluster::of(&host, tags)));
        let router = Router::new().fallback(serve).with_state(Arc::clone(&cluster));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: c\n  cluster:\n    server: \
             http://{host}\nusers:\n- name: u\n  user:\n    token: t\ncontexts:\n- name: prod\n  context:\n    \
             cluster: c\n    user: u\n"
        );
        std::fs::write(folder.path().join("config"), text).unwrap();
        let provider = built(folder.path());
        Self { cluster, provider, task, folder }
    }

    /// A provider that has not looked yet, of the same cluster.
    pub(crate) fn again(&self) -> Arc<dyn Provider> {
        built(self.folder.path())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap()
    }
}

async fn serve(State(cluster): State<Arc<Mutex<Cluster>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str().to_owned();
    let mut cluster = cluster.lock().unwrap();
    let (status, text) = cluster.answer(&parts.method, &path, &body);
    let status = StatusCode::from_u16(status).unwrap();
    let digest = path.strip_prefix("/v2/shop/web/manifests/").and_then(|name| cluster.registry.get(name));
    match digest {
        Some(digest) => {
            (status, [("docker-content-digest", digest.clone())], Body::from(text)).into_response()
        }
        None => (status, [("content-type", "application/json")], Body::from(text)).into_response(),
    }
}
