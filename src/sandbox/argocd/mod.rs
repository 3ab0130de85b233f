//! The REST API of Argo CD v2.13 and the controller behind it, as far as keeping a Deployment as Git says needs it.
//! Knows the repository of manifests and the cluster by their handles, and nothing of who asks.
//!
//! It must never be kinder than the real one. A failed `test` in a patch is an unknown error, so a 500. A patch is
//! always validated against the repository: while Git is away it is refused, and only the spec can be put, with
//! `validate=false`. With a body, the project is asked for in the body and not in the query. A rollback is looked at by
//! no sync window until it runs; then it waits. An emptied sync policy is gone, and with it the path to put it back at.
//!
//! Source: the published sources of Argo CD's API server and application controller.

mod act;
mod controller;
mod front;
mod patch;
mod shape;

#[cfg(test)]
mod tests;

pub(super) use front::router;

use super::kubernetes::Cluster;
use super::manifests::{Change, Manifests, folder};
use super::scenario::{Keeper, Platform, ServiceScript, Workload};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The operator's account token, Mara's.
pub const OPERATOR_TOKEN: &str = "argocd-demo-token";
/// The account token of somebody who may only look, Yuki.
pub const VIEWER_TOKEN: &str = "argocd-yuki-token";

/// The project of every application.
const PROJECT: &str = "default";
/// Where Argo CD lives.
const NAMESPACE: &str = "argocd";
/// How many syncs are remembered of an application.
const HISTORY: usize = 10;
/// How long a sync took in the past.
const SYNC: SignedDuration = SignedDuration::from_secs(3);

/// Whether the project's sync windows let anything through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncWindow {
    /// There is none.
    #[default]
    Open,
    /// One denies everything, whoever starts it.
    Denies,
}

/// Whether Git answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Git {
    /// It does.
    There,
    /// It takes no connections.
    Away,
}

/// What the controller looks at.
pub(super) struct Surroundings<'a> {
    pub(super) now: Timestamp,
    pub(super) manifests: Option<&'a Manifests>,
    pub(super) cluster: &'a Cluster,
    pub(super) git: Git,
}

/// The server's records.
pub(super) struct ArgoCd {
    /// The address of the repository of manifests.
    repository: String,
    /// The address of its host, without a scheme.
    host: String,
    applications: Vec<Application>,
    window: SyncWindow,
    version: u64,
}

/// Which version of which image Git asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    revision: String,
    image: String,
}

/// Whether what runs is what Git asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    Synced,
    OutOfSync,
    Unknown,
}

/// An Application.
struct Application {
    name: String,
    uid: String,
    created: Timestamp,
    version: u64,
    generation: u64,
    annotations: Value,
    spec: Value,
    /// What runs or is about to.
    operation: Option<Operation>,
    /// What became of the newest operation.
    state: Option<OperationState>,
    history: Vec<Deployment>,
    /// What Git asked for when it was last read; `None` when it could not be.
    target: Option<Target>,
    sync: Sync,
    health: (&'static str, String),
    live: String,
    condition: Option<(&'static str, String, Timestamp)>,
    reconciled: Timestamp,
    /// When Git is read again.
    due: Timestamp,
    /// Since when what runs differs.
    drifted: Option<Timestamp>,
}

/// Who began an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Initiator {
    Automated,
    User(String),
}

/// How much of an application an operation applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// All of it, which is remembered.
    Full,
    /// Some resources.
    Partial,
    /// Nothing: it is only tried.
    Dry,
}

/// An order to sync.
#[derive(Clone, Debug)]
struct Operation {
    revision: String,
    extent: Extent,
    prune: bool,
    /// Whether it is a rollback, which names its source.
    source: Option<Value>,
    by: Initiator,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Terminating,
    Succeeded,
    Failed,
    Error,
}

/// What became of an operation.
#[derive(Clone, Debug)]
struct OperationState {
    operation: Operation,
    phase: Phase,
    message: String,
    started: Timestamp,
    finished: Option<Timestamp>,
    /// The revision that was applied.
    applied: Option<String>,
}

/// A sync that succeeded.
#[derive(Clone, Debug)]
struct Deployment {
    id: u64,
    revision: String,
    started: Timestamp,
    finished: Timestamp,
    source: Value,
    by: Initiator,
}

impl ArgoCd {
    /// The records of a day that begins, for a git server at this address.
    pub(super) fn new(git: &str) -> Self {
        Self {
            repository: format!("{git}/deploys.git"),
            host: git.trim_start_matches("http://").to_owned(),
            applications: Vec::new(),
            window: SyncWindow::Open,
            version: 41_000,
        }
    }

    /// Adds the application of a service's production, if that is kept by Argo CD: a Deployment, as its manifest says.
    pub(super) fn add_service(&mut self, script: &ServiceScript, around: &Surroundings<'_>) {
        let deployment =
            (script.production_on, script.production_as) == (Platform::Kubernetes, Workload::Deployment);
        let Some(manifests) = around.manifests.filter(|_| deployment && script.kept_by == Keeper::ArgoCd)
        else {
            return;
        };
        let spec = self.spec(&script.name);
        let source = spec.get("source").cloned().unwrap_or_default();
        let mut log = manifests.log(&script.name);
        log.reverse();
        let history: Vec<_> =
            (0..).zip(&log).map(|(id, change)| Deployment::past(id, change, &source)).collect();
        self.version += 1;
        let mut application = Application {
            uid: uid(&script.name),
            created: log.first().map_or(around.now, |first| first.at),
            version: self.version,
            generation: 1,
            annotations: json!({}),
            spec,
            operation: None,
            state: history.last().map(OperationState::past),
            history,
            target: None,
            sync: Sync::Unknown,
            health: ("Unknown", String::new()),
            live: String::new(),
            condition: None,
            reconciled: around.now,
            due: around.now,
            drifted: None,
            name: script.name.clone(),
        };
        application.reconcile(around, &self.host, self.window);
        self.applications.push(application);
    }

    fn spec(&self, service: &str) -> Value {
        json!({
            "source": {"repoURL": self.repository, "path": folder(service), "targetRevision": super::manifests::BRANCH},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "production"},
            "project": PROJECT,
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        })
    }

    /// One look of the controller at every application.
    pub(super) fn tick(&mut self, around: &Surroundings<'_>) {
        for application in &mut self.applications {
            application.reconcile(around, &self.host, self.window);
        }
    }

    /// Says what the project's sync windows do from now on.
    pub(super) fn set_window(&mut self, window: SyncWindow) {
        self.window = window;
    }
}

impl Deployment {
    fn past(id: u64, change: &Change, source: &Value) -> Self {
        Self {
            id,
            revision: change.id.clone(),
            started: change.at,
            finished: change.at + SYNC,
            source: source.clone(),
            by: Initiator::Automated,
        }
    }
}

impl OperationState {
    fn past(deployment: &Deployment) -> Self {
        let operation = Operation {
            revision: deployment.revision.clone(),
            extent: Extent::Full,
            prune: true,
            source: None,
            by: Initiator::Automated,
        };
        Self {
            operation,
            phase: Phase::Succeeded,
            message: controller::SYNCED.to_owned(),
            started: deployment.started,
            finished: Some(deployment.finished),
            applied: Some(deployment.revision.clone()),
        }
    }
}

impl Application {
    /// The automated sync policy, if there is one.
    fn automated(&self) -> Option<&Value> {
        self.spec.pointer("/syncPolicy/automated")
    }

    fn source(&self) -> Value {
        self.spec.get("source").cloned().unwrap_or_default()
    }

    fn touch(&mut self) {
        self.version += 1;
    }
}

/// A uid that is the same in every build.
fn uid(name: &str) -> String {
    use sha2::{Digest, Sha256};
    let hex: String = Sha256::digest(name).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
