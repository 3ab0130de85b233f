//! A Kubernetes cluster on loopback: an API server with an object store, one resource version counter and a
//! bounded event history, and behind it the controllers of Deployments, ReplicaSets, StatefulSets, DaemonSets, Argo
//! Rollouts, Flagger and Flux, and a kubelet that move only when the world calls [`Cluster::tick`].
//!
//! It knows the Kubernetes API's own rules and nothing of the program that talks to it: no type of this crate
//! outside this folder is used here. Objects are kept as raw JSON, so a field that this code has never heard of
//! survives every round trip. It must never be kinder than a real server: every refusal carries the real
//! status, reason and sentence.
//!
//! Source of the behaviour: the Kubernetes API reference and the published sources of the API server and of the
//! Deployment controller.

mod access;
mod accessreview;
mod analysis;
mod daemonset;
mod defaults;
mod deployment;
mod discovery;
mod fields;
mod flagger;
mod flux;
mod hash;
mod kubelet;
mod loadtester;
mod ownership;
mod patch;
mod progress;
mod protobuf;
mod registry;
mod replicaset;
mod request;
mod resource;
mod rest;
mod restart;
mod revision;
mod rollout;
mod scale;
mod seed;
mod selector;
mod service;
mod statefulset;
mod status;
mod steer;
mod store;
mod validate;
mod watch;
mod write;

#[cfg(test)]
mod tests;

pub use access::Role;
pub use analysis::Conclusion;
pub use flux::{KustomizationSeed, SourceSeed, Upstream};
pub use kubelet::Behaviour;
pub use ownership::Owner;
pub use seed::{DeploymentSeed, Shape};

use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::State;

/// The bearer token that every new cluster knows as its administrator.
pub const ADMIN_TOKEN: &str = "sandbox-admin-token";
/// The bearer token that every new cluster knows as a reader without the right to change anything.
pub const VIEWER_TOKEN: &str = "sandbox-viewer-token";

/// One request that wanted to change the cluster, whether it took effect or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRecord {
    /// When it arrived, by the cluster's clock.
    pub at: Timestamp,
    /// Who asked; empty when the token was unknown.
    pub user: String,
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The body as sent.
    pub body: String,
    /// Whether it was a server-side dry run, which never takes effect.
    pub dry_run: bool,
    /// The HTTP status it was answered with.
    pub status: u16,
}

/// A handle to one cluster. Clones share the same cluster.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Woken with the newest resource version whenever something changed.
    moved: tokio::sync::watch::Sender<u64>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").finish_non_exhaustive()
    }
}

impl Cluster {
    /// An empty cluster whose clock stands at `now`, with an administrator and a viewer.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let (moved, _) = tokio::sync::watch::channel(0);
        let cluster = Self { shared: Arc::new(Shared { state: Mutex::new(State::new(now)), moved }) };
        cluster.grant(ADMIN_TOKEN, "admin", Role::Admin);
        cluster.grant(VIEWER_TOKEN, "viewer", Role::Viewer);
        cluster
    }

    /// Another cluster that begins as this one stands: its history need not be lived through again.
    #[must_use]
    pub fn copied(&self) -> Self {
        let state = self.look().clone();
        let (moved, _) = tokio::sync::watch::channel(state.wakes());
        Self { shared: Arc::new(Shared { state: Mutex::new(state), moved }) }
    }

    /// The API server. Serve it on a loopback listener.
    pub fn router(&self) -> axum::Router {
        request::router(self.clone())
    }

    /// The load tester that Flagger's webhooks ask. Serve it on a loopback listener.
    pub fn load_tester(&self) -> axum::Router {
        loadtester::router(self.clone())
    }

    /// Whether a gate of the load tester is open: `web.shop`, or `rollback.web.shop`.
    #[must_use]
    pub fn gate(&self, key: &str) -> bool {
        self.look().gates.get(key).copied().unwrap_or(false)
    }

    /// Opens or closes a gate of the load tester, as somebody else does.
    pub fn set_gate(&self, key: &str, open: bool) {
        self.change(|state| state.gates.insert(key.to_owned(), open));
    }

    /// Lets `elapsed` of virtual time pass, after which the clock on the wall shows `now`.
    pub fn tick(&self, now: Timestamp, elapsed: Duration) {
        self.change(|state| state.tick(now, elapsed));
    }

    /// Lets a bearer token in as `user` with `role`.
    pub fn grant(&self, token: &str, user: &str, role: Role) {
        self.change(|state| state.grant(token, user, role));
    }

    /// Adds a workload with its real history, all of it already rolled out. Register its images first.
    pub fn add_deployment(&self, seed: &DeploymentSeed) {
        self.change(|state| state.add_deployment(seed));
    }

    /// Adds a GitRepository of Flux, and what is behind it.
    pub fn add_source(&self, seed: &SourceSeed) {
        self.change(|state| state.add_source(seed));
    }

    /// Adds a Kustomization of Flux.
    pub fn add_kustomization(&self, seed: &KustomizationSeed) {
        self.change(|state| state.add_kustomization(seed));
    }

    /// Adds an object of a custom resource, as somebody would with kubectl.
    pub fn add_custom(&self, plural: &str, (namespace, name): (&str, &str), spec: serde_json::Value) {
        let Some(resource) = resource::ALL.into_iter().find(|r| r.plural == plural && r.is_custom()) else {
            return;
        };
        self.change(|state| state.add_custom(resource, namespace, name, spec));
    }

    /// Changes the status of an object as its controller does: what it asks for stays, and so does its generation.
    pub fn set_status(&self, plural: &str, namespace: &str, name: &str, status: &serde_json::Value) {
        self.change(|state| state.set_status(plural, namespace, name, status));
    }

    /// Adds a Service that selects pods by these labels.
    pub fn add_service(&self, namespace: &str, name: &str, selector: &serde_json::Value) {
        self.change(|state| state.add_service(namespace, name, selector));
    }

    /// Changes one container's image as a CI job would with `kubectl set image`. False when there is no such thing.
    pub fn set_image(&self, namespace: &str, name: &str, container: &str, image: &str, cause: &str) -> bool {
        self.change(|state| state.set_image((namespace, name, container), image, ("ci", cause)))
    }

    /// Changes one container's image as Argo CD does when it syncs. False when there is no such thing.
    pub fn apply_image(&self, namespace: &str, name: &str, container: &str, image: &str) -> bool {
        self.change(|state| state.set_image((namespace, name, container), image, ("argocd-controller", "")))
    }

    /// An object as it is stored, by its resource's plural name.
    #[must_use]
    pub fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<serde_json::Value> {
        let resource = resource::ALL.into_iter().find(|r| r.plural == plural)?;
        self.look().get(resource, namespace, name).map(|object| (**object).clone())
    }

    /// Adds an object as it is, as somebody else would, and answers it as stored. `None` for a resource that is not
    /// served.
    pub fn create(&self, plural: &str, object: serde_json::Value) -> Option<serde_json::Value> {
        let resource = resource::ALL.into_iter().find(|r| r.plural == plural)?;
        let writer = fields::Writer { manager: "kubectl-create", subresource: "" };
        Some(self.change(|state| (*state.create(resource, object, writer)).clone()))
    }

    /// Changes an object as somebody else would with a merge patch.
    pub fn merge(&self, plural: &str, namespace: &str, name: &str, patch: &serde_json::Value) {
        self.change(|state| state.merge(plural, namespace, name, patch));
    }

    /// The images of a workload's pods, each with the number of its ready pods, in order of name.
    #[must_use]
    pub fn images(&self, namespace: &str, name: &str) -> Vec<(String, u32)> {
        self.look().images(namespace, name)
    }

    /// Says how containers of `image` behave from now on.
    pub fn set_behaviour(&self, image: &str, behaviour: Behaviour) {
        self.change(|state| state.registry.set_behaviour(image, behaviour));
    }

    /// Says what Argo Rollouts' analyses of an image conclude from now on.
    pub fn set_conclusion(&self, image: &str, conclusion: Conclusion) {
        self.change(|state| state.registry.set_conclusion(image, conclusion));
    }

    /// Puts an image into the registry: `registry.example/shop/web:1.2` and its `sha256:...` digest.
    pub fn register_image(&self, reference: &str, digest: &str) {
        self.change(|state| state.registry.register(reference, digest));
    }

    /// Says that the runtime of a node (`node-1` to `node-3`) reports its own platform's digest for an image.
    pub fn register_platform(&self, node: &str, reference: &str, digest: &str) {
        self.change(|state| state.registry.register_on(node, reference, digest));
    }

    /// Takes an image out of the registry and out of every node's cache.
    pub fn remove_image(&self, reference: &str) {
        self.change(|state| state.registry.remove(reference));
    }

    /// Deletes the old ReplicaSets of a Deployment beyond the newest `keep`, as a small history limit would.
    pub fn prune_history(&self, namespace: &str, name: &str, keep: usize) {
        self.change(|state| state.prune_history(namespace, name, keep));
    }

    /// Forgets the event history: every open watch ends with 410 Expired, every old resource version and every
    /// continue token is too old.
    pub fn expire_watches(&self) {
        self.change(State::expire);
    }

    /// Every mutating request so far, oldest first.
    #[must_use]
    pub fn writes(&self) -> Vec<WriteRecord> {
        self.look().writes.clone()
    }

    /// A kubeconfig file's text that leads to this cluster.
    #[must_use]
    pub fn kubeconfig(&self, server_url: &str, token: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\nclusters:\n- name: sandbox\n  cluster:\n    \
             server: {server_url}\nusers:\n- name: sandbox\n  user:\n    token: {token}\ncontexts:\n- name: sandbox\n  \
             context:\n    cluster: sandbox\n    user: sandbox\n"
        )
    }

    fn look(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes the watches when a resource version moved.
    fn change<T>(&self, body: impl FnOnce(&mut State) -> T) -> T {
        let (answer, version) = {
            let mut state = self.look();
            let answer = body(&mut state);
            (answer, state.wakes())
        };
        self.shared.moved.send_if_modified(|last| {
            let moved = *last != version;
            *last = version;
            moved
        });
        answer
    }
}
