//! Flux in the cluster: its custom resources, a source-controller that fetches a branch at its interval, and a
//! kustomize-controller that applies what was fetched at its own. Of a HelmRelease there is the resource and no
//! controller.
//!
//! Knows workloads and what a repository says of them; knows nothing of git. Source of the behaviour: Flux's API
//! references and the published sources of kustomize-controller.

mod kustomize;
pub(super) mod schema;
mod source;
#[cfg(test)]
mod tests;

use super::resource::{GITREPOSITORIES, KUSTOMIZATIONS, Resource};
use super::store::{State, annotation, number, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Asks a controller to look now.
const REQUESTED: &str = "reconcile.fluxcd.io/requestedAt";
/// How long until a controller tries again what failed.
const RETRY: Duration = Duration::from_secs(10);

/// What a source-controller reaches for.
pub trait Upstream: Send + Sync {
    /// The commit that the branch stands at.
    ///
    /// # Errors
    /// What git says when it cannot be reached.
    fn tip(&self) -> Result<String, String>;

    /// The image that a commit asks for, of a workload; none if the commit does not have it.
    fn image_at(&self, revision: &str, workload: &str) -> Option<String>;
}

/// A GitRepository to be added.
#[derive(Clone)]
pub struct SourceSeed {
    /// Namespace; created when missing.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `spec.url`.
    pub url: String,
    /// `spec.ref.branch`.
    pub branch: String,
    /// `spec.interval`.
    pub interval: Duration,
    /// What is behind the address.
    pub upstream: Arc<dyn Upstream>,
}

impl std::fmt::Debug for SourceSeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SourceSeed").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A Kustomization to be added.
#[derive(Clone, Debug)]
pub struct KustomizationSeed {
    /// Namespace; created when missing.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The GitRepository in the same namespace.
    pub source: String,
    /// `spec.path`.
    pub path: String,
    /// `spec.interval`.
    pub interval: Duration,
    /// What it keeps: namespace and name of workloads whose one container is called like them.
    pub keeps: Vec<(String, String)>,
}

/// What Flux's controllers remember.
#[derive(Clone, Default)]
pub(super) struct Flux {
    upstreams: BTreeMap<(String, String), Arc<dyn Upstream>>,
    keeps: BTreeMap<(String, String), Vec<(String, String)>>,
    timers: BTreeMap<String, Timer>,
    runs: BTreeMap<String, kustomize::Run>,
}

/// When a controller looks at an object again.
#[derive(Clone, Debug, Default)]
struct Timer {
    /// The uptime at which it is due.
    next: Duration,
    generation: i64,
    requested: String,
    revision: String,
}

impl State {
    /// Adds a GitRepository, and what is behind it.
    pub(super) fn add_source(&mut self, seed: &SourceSeed) {
        let key = (seed.namespace.clone(), seed.name.clone());
        self.flux.upstreams.insert(key, Arc::clone(&seed.upstream));
        let spec = json!({
            "interval": go(seed.interval), "ref": {"branch": seed.branch}, "timeout": "60s", "url": seed.url
        });
        self.add_custom(&GITREPOSITORIES, &seed.namespace, &seed.name, spec);
    }

    /// Adds a Kustomization.
    pub(super) fn add_kustomization(&mut self, seed: &KustomizationSeed) {
        let key = (seed.namespace.clone(), seed.name.clone());
        self.flux.keeps.insert(key, seed.keeps.clone());
        let spec = json!({
            "force": false, "interval": go(seed.interval), "path": seed.path, "prune": true,
            "sourceRef": {"kind": "GitRepository", "name": seed.source}
        });
        self.add_custom(&KUSTOMIZATIONS, &seed.namespace, &seed.name, spec);
    }

    /// Adds an object of a custom resource as its owner would with kubectl.
    pub(super) fn add_custom(&mut self, resource: &Resource, namespace: &str, name: &str, spec: Value) {
        self.ensure_namespace(namespace);
        let mut object = json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec});
        schema::defaults(resource, &mut object);
        self.create(resource, object, super::fields::Writer { manager: "flux", subresource: "" });
    }

    /// One look of Flux's controllers at everything of theirs.
    pub(super) fn sync_flux(&mut self) {
        if self.flux.upstreams.is_empty() && self.flux.keeps.is_empty() {
            return;
        }
        for found in self.list(&GITREPOSITORIES, None) {
            self.sync_source(&found);
        }
        for found in self.list(&KUSTOMIZATIONS, None) {
            self.sync_kustomization(&found);
        }
    }

    /// Whether a controller has to look at an object now: it was changed, it was asked for, or its time has come.
    fn due(&mut self, object: &Value, revision: &str) -> bool {
        let uid = text(object, "/metadata/uid").to_owned();
        let now = self.uptime;
        let Some(timer) = self.flux.timers.get(&uid) else { return true };
        timer.generation != number(object, "/metadata/generation")
            || timer.requested != annotation(object, REQUESTED)
            || timer.revision != revision
            || now >= timer.next
    }

    /// Remembers that it looked, and when it looks again.
    fn looked(&mut self, object: &Value, revision: &str, again: Duration) {
        let timer = Timer {
            next: self.uptime + again,
            generation: number(object, "/metadata/generation"),
            requested: annotation(object, REQUESTED).to_owned(),
            revision: revision.to_owned(),
        };
        self.flux.timers.insert(text(object, "/metadata/uid").to_owned(), timer);
    }
}

/// A duration as Go writes one.
fn go(length: Duration) -> String {
    let seconds = length.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

/// A duration as Go reads one; an hour where it is none.
fn length(text: &str) -> Duration {
    let mut seconds = 0.0;
    let mut number = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let milli = c == 'm' && rest.next_if_eq(&'s').is_some();
        let factor = match c {
            _ if milli => 0.001,
            'h' => 3600.0,
            'm' => 60.0,
            _ => 1.0,
        };
        seconds += number.parse::<f64>().unwrap_or(0.0) * factor;
        number.clear();
    }
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|length| !length.is_zero())
        .unwrap_or(Duration::from_secs(3600))
}

fn is_suspended(object: &Value) -> bool {
    object.pointer("/spec/suspend") == Some(&Value::Bool(true))
}

/// Writes a condition. The time moves only with its status, as it does everywhere.
fn put(object: &mut Value, now: Timestamp, (kind, status): (&str, &str), reason: &str, message: &str) {
    let generation = number(object, "/metadata/generation");
    let all = object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let old = all.iter().find(|c| text(c, "/type") == kind && text(c, "/status") == status);
    let since = match old {
        Some(old) => text(old, "/lastTransitionTime").to_owned(),
        None => super::fields::seconds(now),
    };
    let mut all: Vec<Value> = all.into_iter().filter(|c| text(c, "/type") != kind).collect();
    all.insert(
        usize::from(kind == "Ready" && !all.is_empty()),
        json!({
            "lastTransitionTime": since, "message": message, "observedGeneration": generation, "reason": reason,
            "status": status, "type": kind
        }),
    );
    set(object, &["status", "conditions"], Value::Array(all));
}

/// Takes a condition away.
fn drop_condition(object: &mut Value, kind: &str) {
    if let Some(all) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        all.retain(|c| text(c, "/type") != kind);
    }
}

/// The status of a condition; empty if there is none.
fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let all = object.pointer("/status/conditions").and_then(Value::as_array);
    all.and_then(|all| all.iter().find(|c| text(c, "/type") == kind)).map_or("", |c| text(c, "/status"))
}

/// Notes that a request to look was heard.
fn handled(object: &mut Value) {
    let requested = annotation(object, REQUESTED).to_owned();
    if !requested.is_empty() {
        set(object, &["status", "lastHandledReconcileAt"], requested.into());
    }
}
