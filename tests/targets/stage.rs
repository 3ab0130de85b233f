//! One target of each kind: `web` runs v1.1.0 after v1.0.0, and v1.2.0 could come. The world moves by virtual seconds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use gonogo::domain::{
    Artifact, Ask, Bound, EnvironmentName, Fault, Intent, Observation, Place, Prepared, Role, Rollout,
    ServiceName, Settings, SourceName, Target, Value as Setting, Verb,
};
use gonogo::provider::{Provider, SourceSpec, kind};
use gonogo::sandbox::docker::{ContainerSeed, ContainerState, Engine, ServiceSeed};
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, DeploymentSeed, Shape};
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::front::{Behind, Front, Serving};
use super::tool::Tool;

/// The kinds of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Canary,
    BlueGreen,
    Swarm,
    Container,
    Compose,
    Command,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Canary,
        Self::BlueGreen,
        Self::Swarm,
        Self::Container,
        Self::Compose,
        Self::Command,
    ];

    /// Whether a change goes out in steps, so that it has only begun when it was promoted.
    pub(crate) const fn in_steps(self) -> bool {
        matches!(self, Self::Canary | Self::BlueGreen)
    }

    fn shape(self) -> Option<(Shape, &'static str, &'static str)> {
        let steps = || vec![json!({"setWeight": 25}), json!({"pause": {}}), json!({"setWeight": 50})];
        Some(match self {
            Self::Deployment => (Shape::Deployment, "deployment", "deployments"),
            Self::StatefulSet => (Shape::StatefulSet, "statefulset", "statefulsets"),
            Self::DaemonSet => (Shape::DaemonSet, "daemonset", "daemonsets"),
            Self::Canary => (Shape::Canary(steps()), "rollout", "rollouts"),
            Self::BlueGreen => (Shape::BlueGreen, "rollout", "rollouts"),
            Self::Swarm | Self::Container | Self::Compose | Self::Command => return None,
        })
    }
}

/// The versions, by their index.
pub(crate) const TAGS: [&str; 3] = ["v1.0.0", "v1.1.0", "v1.2.0"];

pub(crate) fn image(repository: &str, tag: usize) -> String {
    format!("{repository}:{}", TAGS[tag])
}

fn digest(tag: usize) -> String {
    format!("sha256:{}", (tag + 1).to_string().repeat(64))
}

/// Nobody listens there: the registry tells nothing.
const OF_CLUSTER: &str = "127.0.0.1:1/shop/web";
const OF_ENGINE: &str = "registry.test/acme/web";

pub(crate) fn place() -> Place {
    Place::new("web", "production")
}

/// What is behind a provider.
enum World {
    Cluster(Cluster, &'static str),
    Engine(Engine),
    Tool(Arc<Tool>),
}

pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) provider: Arc<dyn Provider>,
    world: World,
    serving: Option<Serving>,
    clock: Mutex<Timestamp>,
    _folder: tempfile::TempDir,
}

fn spec(settings: Settings, bound: Settings) -> SourceSpec {
    SourceSpec {
        name: SourceName::new("prod"),
        settings,
        secrets: BTreeMap::new(),
        bounds: vec![Bound {
            role: Role::Deploy,
            service: ServiceName::new("web"),
            environment: Some(EnvironmentName::new("production")),
            settings: bound,
        }],
        env: Arc::new(BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())])),
    }
}

fn built(name: &str, spec: SourceSpec) -> Arc<dyn Provider> {
    (kind(name).unwrap().build)(spec).unwrap()
}

impl Stage {
    pub(crate) async fn open(kind: Kind) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (world, serving, provider) = match kind {
            Kind::Command => of_tool(folder.path()),
            kind if kind.shape().is_some() => of_cluster(folder.path(), kind, now).await,
            kind => of_engine(kind, now).await,
        };
        Self { kind, provider, world, serving, clock: Mutex::new(now), _folder: folder }
    }

    pub(crate) fn front(&self) -> Option<&Front> {
        self.serving.as_ref().map(|serving| &serving.front)
    }

    pub(crate) fn tool(&self) -> Option<&Arc<Tool>> {
        match &self.world {
            World::Tool(tool) => Some(tool),
            _ => None,
        }
    }

    /// A look at the one place.
    pub(crate) async fn look(&self) -> Result<Rollout, Fault> {
        let mut seen: Observation = self.provider.observe(&Ask::default()).await?;
        match (seen.rollouts.remove(&place()), seen.faults.remove(&ServiceName::new("web"))) {
            (Some(rollout), None) => Ok(Arc::unwrap_or_clone(rollout)),
            (_, Some(fault)) => Err(fault),
            (None, None) => panic!("neither seen nor a reason why not: {seen:?}"),
        }
    }

    /// Looks until the server is asked for everything: its watches are refused, which takes a moment, and until then
    /// a look may still tell of their first list.
    pub(crate) async fn unwatched(&self) {
        if !matches!(self.world, World::Cluster(..)) {
            return;
        }
        let asked = |rollout: &Rollout| {
            rollout.remarks.iter().filter(|said| said.as_str().contains("asked for at every look")).count()
        };
        let since = std::time::Instant::now();
        // The workload, its revisions and its pods.
        while !self.look().await.is_ok_and(|rollout| asked(&rollout) == 3) {
            assert!(since.elapsed() < Duration::from_secs(30), "{:?}", self.look().await);
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn intent(&self, verb: Verb, target: Target) -> Intent {
        Intent {
            verb,
            service: ServiceName::new("web"),
            place: Some(place()),
            target,
            source: SourceName::new("prod"),
            reason: None,
            answers: BTreeMap::new(),
        }
    }

    /// To ship the version that could come.
    pub(crate) fn promotion(&self) -> Intent {
        let reference = match &self.world {
            World::Cluster(..) => image(OF_CLUSTER, 2),
            World::Engine(_) => image(OF_ENGINE, 2),
            World::Tool(_) => format!("web:{}", TAGS[2]),
        };
        let artifact = Artifact { version: Some(TAGS[2].into()), ..Artifact::from_reference(&reference) };
        self.intent(Verb::Promote, Target::Artifact(artifact))
    }

    /// To go back to the version before.
    pub(crate) async fn way_back(&self) -> Intent {
        let rollout = self.look().await.unwrap();
        let past = rollout.revisions.iter().find(|r| r.artifact.label() == TAGS[0]).unwrap();
        let target = Target::Revision { id: past.id.clone(), artifact: past.artifact.clone() };
        self.intent(Verb::RollBack, target)
    }

    /// Sends every step, in order.
    pub(crate) async fn carry_out(&self, plan: &Prepared) -> Result<(), Fault> {
        for step in &plan.steps {
            self.provider.perform(step).await?;
        }
        Ok(())
    }

    /// How many writes had an effect.
    pub(crate) fn applied(&self) -> usize {
        match (&self.world, self.front()) {
            (World::Tool(tool), _) => tool.calls(),
            (_, front) => front.map_or(0, Front::applied),
        }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..seconds * 2 {
            let half = Duration::from_millis(500);
            *clock = clock.checked_add(SignedDuration::from_millis(500)).unwrap();
            match &self.world {
                World::Cluster(cluster, _) => cluster.tick(*clock, half),
                World::Engine(engine) => engine.tick(*clock, half),
                World::Tool(_) => {}
            }
        }
        if let World::Tool(tool) = &self.world {
            tool.pass(seconds);
        }
    }

    /// What really serves: versions with the number of their ready replicas.
    pub(crate) async fn serves(&self) -> Vec<(String, u32)> {
        let tag = |image: &str| image.split('@').next().unwrap().rsplit(':').next().unwrap().to_owned();
        let all = match &self.world {
            World::Cluster(cluster, _) => cluster.images("shop", "web"),
            World::Engine(engine) if self.kind == Kind::Swarm => engine.images("web"),
            World::Engine(_) => self.containers().await,
            World::Tool(tool) => tool.serves(),
        };
        all.into_iter().filter(|(_, ready)| *ready > 0).map(|(image, ready)| (tag(&image), ready)).collect()
    }

    /// The containers of the group that run, by the engine's own list.
    async fn containers(&self) -> Vec<(String, u32)> {
        let rows = self.ask("/v1.47/containers/json").await;
        let ours = rows.as_array().unwrap().iter().filter(|row| row["Names"][0] != "/other");
        ours.map(|row| (row["Image"].as_str().unwrap().to_owned(), 1)).collect()
    }

    /// What the engine answers.
    pub(crate) async fn ask(&self, path: &str) -> Value {
        let answer = self.front().unwrap().carry_out(&Method::GET, path, Bytes::new()).await;
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// The object as the cluster has it.
    pub(crate) fn object(&self) -> Value {
        match &self.world {
            World::Cluster(cluster, plural) => cluster.object(plural, "shop", "web").unwrap(),
            _ => Value::Null,
        }
    }

    /// Somebody changes the object past us.
    pub(crate) fn merge(&self, patch: &Value) {
        if let World::Cluster(cluster, plural) = &self.world {
            cluster.merge(plural, "shop", "web", patch);
        }
    }

    /// Somebody else sees to it that this version runs, whatever was asked for.
    pub(crate) async fn by_another(&self, tag: usize) {
        match &self.world {
            World::Cluster(cluster, _) => {
                assert!(cluster.set_image("shop", "web", "web", &image(OF_CLUSTER, tag), ""));
            }
            World::Engine(engine) if self.kind == Kind::Swarm => {
                assert!(engine.set_image("web", &image(OF_ENGINE, tag)));
            }
            World::Engine(_) => self.start_instead(tag).await,
            World::Tool(tool) => tool.by_another(TAGS[tag]),
        }
    }

    /// Stops what runs, and starts the container of that version, or one that is made from it.
    async fn start_instead(&self, tag: usize) {
        let rows = self.ask("/v1.47/containers/json?all=true").await;
        let rows: Vec<Value> = rows.as_array().unwrap().clone();
        let of_tag = |row: &&Value| row["Image"].as_str().unwrap().contains(TAGS[tag]);
        for row in rows.iter().filter(|row| row["State"] == "running" && row["Names"][0] != "/other") {
            self.post(&format!("/containers/{}/stop", row["Id"].as_str().unwrap()), &Value::Null).await;
        }
        let wanted = rows.iter().filter(|row| row["Names"][0] != "/other").find(of_tag);
        let id = match wanted {
            Some(row) => row["Id"].as_str().unwrap().to_owned(),
            None => {
                let body = json!({"Image": image(OF_ENGINE, tag), "Labels": labels(self.kind)});
                self.post("/containers/create?name=by-another", &body).await;
                "by-another".to_owned()
            }
        };
        self.post(&format!("/containers/{id}/start"), &Value::Null).await;
    }

    async fn post(&self, path: &str, body: &Value) {
        let body = Bytes::from(body.to_string());
        let answer = self.front().unwrap().carry_out(&Method::POST, &format!("/v1.47{path}"), body).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
}

/// A cluster of that kind, which has lived through its history once for all the worlds that begin as it stands.
fn lived(kind: Kind, now: Timestamp) -> Cluster {
    static LIVED: Mutex<BTreeMap<Kind, Cluster>> = Mutex::new(BTreeMap::new());
    let mut lived = LIVED.lock().unwrap();
    lived.entry(kind).or_insert_with(|| seeded(kind, now)).copied()
}

fn seeded(kind: Kind, now: Timestamp) -> Cluster {
    let (shape, word, _) = kind.shape().unwrap();
    let cluster = Cluster::new(now);
    for tag in 0..TAGS.len() {
        cluster.register_image(&image(OF_CLUSTER, tag), &digest(tag));
    }
    for name in ["web", "other"] {
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: name.into(),
            container: "web".into(),
            image: image(OF_CLUSTER, 1),
            replicas: 2,
            history: vec![(image(OF_CLUSTER, 0), String::new())],
            // The others have no deadline of their own.
            progress_deadline: ["deployment", "rollout"].contains(&word).then_some(Duration::from_secs(60)),
            shape: shape.clone(),
            ..DeploymentSeed::default()
        });
    }
    cluster
}

async fn of_cluster(
    folder: &Path,
    kind: Kind,
    now: Timestamp,
) -> (World, Option<Serving>, Arc<dyn Provider>) {
    let (_, word, plural) = kind.shape().unwrap();
    let cluster = lived(kind, now);
    let serving = Serving::start(Behind::Cluster(cluster.clone(), plural)).await;
    let path = folder.join("config");
    std::fs::write(&path, cluster.kubeconfig(&format!("http://{}", serving.address), ADMIN_TOKEN)).unwrap();
    let settings = Settings::default()
        .with_text("kubeconfig", path.to_str().unwrap())
        .with("timeout", Setting::Integer(5));
    let bound =
        Settings::default().with_text("namespace", "shop").with_text("workload", &format!("{word}/web"));
    (World::Cluster(cluster, plural), Some(serving), built("kubernetes", spec(settings, bound)))
}

/// What the containers of the group have in common.
fn labels(kind: Kind) -> BTreeMap<String, String> {
    let pairs: &[(&str, &str)] = match kind {
        Kind::Compose => &[("com.docker.compose.project", "shop"), ("com.docker.compose.service", "web")],
        _ => &[("gonogo.group", "web")],
    };
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn of_engine(kind: Kind, now: Timestamp) -> (World, Option<Serving>, Arc<dyn Provider>) {
    let engine = Engine::new(now);
    for tag in 0..TAGS.len() {
        engine.register_image(&image(OF_ENGINE, tag), &digest(tag));
    }
    if kind == Kind::Swarm {
        for name in ["web", "other"] {
            engine.add_service(&ServiceSeed {
                name: name.into(),
                image: image(OF_ENGINE, 1),
                previous_image: Some(image(OF_ENGINE, 0)),
                replicas: 2,
                ..ServiceSeed::default()
            });
        }
    } else {
        let seed = |name: &str, tag, state, labels| ContainerSeed {
            name: name.into(),
            image: image(OF_ENGINE, tag),
            state,
            labels,
            ..ContainerSeed::default()
        };
        let (ran, runs) = (ContainerState::Exited(0), ContainerState::Running);
        engine.add_container(&seed("web-kept", 0, ran, labels(kind)));
        engine.add_container(&seed("web", 1, runs, labels(kind)));
        engine.add_container(&seed("other", 0, runs, BTreeMap::new()));
    }
    let serving = Serving::start(Behind::Engine(engine.clone())).await;
    let settings = Settings::default().with_text("host", &format!("tcp://{}", serving.address));
    let bound = match kind {
        Kind::Swarm => Settings::default().with_text("service", "web"),
        Kind::Compose => Settings::default().with_text("project", "shop").with_text("compose_service", "web"),
        _ => Settings::default().with_text("container", "web"),
    };
    (World::Engine(engine), Some(serving), built("docker", spec(settings, bound)))
}

fn of_tool(folder: &Path) -> (World, Option<Serving>, Arc<dyn Provider>) {
    let tool = Arc::new(Tool::new(folder));
    let provider = built("command", spec(tool.settings(), Settings::default()));
    (World::Tool(tool), None, provider)
}
