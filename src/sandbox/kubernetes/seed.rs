//! What a workload looks like before the day begins: its seed, how the seed becomes real objects, and the world's own
//! ways of changing it.

use super::defaults;
use super::fields::Writer;
use super::ownership::Owner;
use super::resource::{
    CANARIES, DAEMONSETS, DEPLOYMENTS, PODS, REPLICASETS, ROLLOUTS, Resource, STATEFULSETS, WORKLOADS,
};
use super::store::{State, annotate, annotation, controlled_by, number, set, text};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// The longest that one seeded revision may take to roll out, in steps of the controllers.
const PATIENCE: usize = 2400;

/// What kind of workload it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Shape {
    /// A Deployment.
    #[default]
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet: one pod on each of three nodes, whatever number is wanted.
    DaemonSet,
    /// A Rollout with these canary steps, as Argo Rollouts writes them.
    Canary(Vec<Value>),
    /// A Rollout with an active and a preview colour; the switch waits for a human.
    BlueGreen,
    /// A Deployment that a Canary of Flagger leads, with this `spec.analysis`.
    Flagger(Value),
}

impl Shape {
    fn resource(&self) -> &'static Resource {
        match self {
            Self::Deployment | Self::Flagger(_) => &DEPLOYMENTS,
            Self::StatefulSet => &STATEFULSETS,
            Self::DaemonSet => &DAEMONSETS,
            Self::Canary(_) | Self::BlueGreen => &ROLLOUTS,
        }
    }

    /// What of its specification only this shape has.
    fn shape(&self, name: &str, spec: &mut Value) {
        match self {
            Self::Deployment | Self::Flagger(_) => {}
            Self::StatefulSet => set(spec, &["serviceName"], name.into()),
            Self::DaemonSet => {
                if let Some(fields) = spec.as_object_mut() {
                    fields.remove("replicas");
                }
            }
            Self::Canary(steps) => set(spec, &["strategy", "canary", "steps"], json!(steps)),
            Self::BlueGreen => {
                let colours = json!({
                    "activeService": name, "previewService": format!("{name}-preview"), "autoPromotionEnabled": false
                });
                set(spec, &["strategy", "blueGreen"], colours);
            }
        }
    }
}

/// A workload to be added, with the revisions it went through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeploymentSeed {
    /// Namespace; created when missing.
    pub namespace: String,
    /// Name of the Deployment; also the value of its `app` label.
    pub name: String,
    /// Name of its one container.
    pub container: String,
    /// The image that runs now.
    pub image: String,
    /// The change cause of the current revision; empty for none.
    pub change_cause: String,
    /// Wanted pods.
    pub replicas: u32,
    /// More labels on the Deployment and its pods.
    pub labels: BTreeMap<String, String>,
    /// More annotations on the Deployment.
    pub annotations: BTreeMap<String, String>,
    /// Earlier revisions, oldest first: image and change cause (empty for none).
    pub history: Vec<(String, String)>,
    /// `spec.progressDeadlineSeconds`; the API server's default of 600 s when `None`.
    pub progress_deadline: Option<Duration>,
    /// Which GitOps tool keeps it, if any.
    pub owner: Owner,
    /// What kind of workload it is.
    pub shape: Shape,
}

impl DeploymentSeed {
    fn object(&self) -> Value {
        let mut labels = self.labels.clone();
        labels.insert("app".into(), self.name.clone());
        let mut spec = json!({
            "replicas": self.replicas,
            "selector": {"matchLabels": {"app": self.name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": self.container, "image": self.image,
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1}
                }]}
            }
        });
        if let Some(deadline) = self.progress_deadline {
            set(&mut spec, &["progressDeadlineSeconds"], deadline.as_secs().into());
        }
        self.shape.shape(&self.name, &mut spec);
        let mut object = json!({
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": labels},
            "spec": spec
        });
        for (key, value) in &self.annotations {
            annotate(&mut object, key, value);
        }
        self.owner.mark(self, &mut object);
        defaults::workload(self.shape.resource(), &mut object);
        object
    }
}

impl State {
    /// Adds a workload that already went through its history.
    pub(super) fn add_deployment(&mut self, seed: &DeploymentSeed) {
        self.ensure_namespace(&seed.namespace);
        let today = self.clock;
        let current = (seed.image.clone(), seed.change_cause.clone());
        let revisions: Vec<_> = seed.history.iter().chain([&current]).collect();
        let mut object = seed.object();
        for (index, (image, cause)) in revisions.iter().enumerate() {
            let days = i64::try_from(revisions.len() - index).unwrap_or(1);
            self.clock = today.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(today);
            if !cause.is_empty() {
                annotate(&mut object, CHANGE_CAUSE, cause);
            }
            set_container_image(&mut object, &seed.container, image);
            if index == 0 {
                let writer = Writer { manager: "ci", subresource: "" };
                self.create(seed.shape.resource(), object.clone(), writer);
            } else {
                self.set_image((&seed.namespace, &seed.name, &seed.container), image, ("ci", cause));
            }
            self.settle(&seed.namespace, &seed.name);
        }
        self.clock = today;
        if let Shape::Flagger(analysis) = &seed.shape {
            // It was taken over an hour ago.
            self.clock = today.checked_sub(SignedDuration::from_hours(1)).unwrap_or(today);
            self.lead(seed, analysis);
            self.clock = today;
        }
        let found = self.workload(&seed.namespace, &seed.name);
        let template = found.and_then(|(_, found)| found.pointer("/spec/template").cloned());
        if let Some(kept) = template.and_then(|template| seed.owner.keep(template)) {
            self.kept.insert((seed.namespace.clone(), seed.name.clone()), kept);
        }
    }

    /// Puts a Canary in front of a Deployment, and lets Flagger take it over.
    fn lead(&mut self, seed: &DeploymentSeed, analysis: &Value) {
        let (namespace, name) = (&seed.namespace, &seed.name);
        let canary = json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "service": {"port": 80}, "analysis": analysis
            }
        });
        self.create(&CANARIES, canary, Writer { manager: "ci", subresource: "" });
        let primary = format!("{name}-primary");
        for _ in 0..PATIENCE {
            for one in [name.as_str(), primary.as_str()] {
                self.step(super::replicaset::STEP, Some((namespace, one)));
            }
            let over = |found: Option<&Arc<Value>>| found.is_some_and(|d| is_over(&DEPLOYMENTS, d));
            let led = self.get(&CANARIES, namespace, name).map(|c| text(c, "/status/phase").to_owned());
            let pods = self.list_named(&PODS, namespace, &format!("{name}-"));
            let leaving = pods.iter().any(|p| p.pointer("/metadata/deletionTimestamp").is_some());
            let both = over(self.get(&DEPLOYMENTS, namespace, name))
                && over(self.get(&DEPLOYMENTS, namespace, &primary));
            if led.as_deref() == Some("Initialized") && both && !leaving {
                return;
            }
        }
    }

    /// The workload of this name, of whatever kind.
    pub(super) fn workload(&self, namespace: &str, name: &str) -> Option<(&'static Resource, Arc<Value>)> {
        WORKLOADS.into_iter().find_map(|r| Some((r, Arc::clone(self.get(r, namespace, name)?))))
    }

    /// Lets only this workload's controllers run until its rollout is done.
    fn settle(&mut self, namespace: &str, name: &str) {
        for _ in 0..PATIENCE {
            self.step(super::replicaset::STEP, Some((namespace, name)));
            let Some((resource, found)) = self.workload(namespace, name) else { return };
            if text(&found, "/status/phase") == "Paused" {
                // Nobody was there in those days to promote it: it went through.
                let mut found = (*found).clone();
                set(&mut found, &["status", "promoteFull"], true.into());
                self.update(resource, found, Writer { manager: "ci", subresource: "status" });
                continue;
            }
            let pods = self.list_named(&PODS, namespace, &format!("{name}-"));
            let leaving = pods.iter().any(|p| p.pointer("/metadata/deletionTimestamp").is_some());
            if !leaving && is_over(resource, &found) {
                return;
            }
        }
    }

    /// Changes a container's image as a CI job does. A GitOps tool takes it as a commit.
    pub(super) fn set_image(
        &mut self,
        (namespace, name, container): (&str, &str, &str),
        image: &str,
        (manager, cause): (&str, &str),
    ) -> bool {
        let beside = self.beside(namespace, name);
        let name = beside.as_deref().unwrap_or(name);
        let Some((resource, found)) = self.workload(namespace, name) else { return false };
        let mut object = (*found).clone();
        if !set_container_image(&mut object, container, image) {
            return false;
        }
        if !cause.is_empty() {
            annotate(&mut object, CHANGE_CAUSE, cause);
        }
        let generation = number(&object, "/metadata/generation") + 1;
        set(&mut object, &["metadata", "generation"], generation.into());
        let stored = self.update(resource, object, Writer { manager, subresource: "" });
        if let Some(kept) = self.kept.get_mut(&(namespace.to_owned(), name.to_owned()))
            && let Some(template) = stored.pointer("/spec/template")
        {
            kept.template = template.clone();
        }
        true
    }

    /// Changes an object as somebody else does.
    pub(super) fn merge(&mut self, plural: &str, namespace: &str, name: &str, patch: &Value) {
        let Some(resource) = super::resource::ALL.into_iter().find(|r| r.plural == plural) else { return };
        let Some(found) = self.get(resource, namespace, name) else { return };
        let mut object = (**found).clone();
        json_patch::merge(&mut object, patch);
        let generation = number(&object, "/metadata/generation") + 1;
        set(&mut object, &["metadata", "generation"], generation.into());
        self.update(resource, object, Writer { manager: "kubectl-patch", subresource: "" });
    }

    /// Changes the status of an object as its controller does.
    pub(super) fn set_status(&mut self, plural: &str, namespace: &str, name: &str, status: &Value) {
        let Some(resource) = super::resource::ALL.into_iter().find(|r| r.plural == plural) else { return };
        let Some(found) = self.get(resource, namespace, name) else { return };
        let mut object = (**found).clone();
        json_patch::merge(&mut object, &json!({"status": status}));
        self.update(resource, object, Writer { manager: "controller", subresource: "status" });
    }

    /// The images of a workload's pods with the number of ready ones.
    pub(super) fn images(&self, namespace: &str, name: &str) -> Vec<(String, u32)> {
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        let itself = self.workload(namespace, name).map(|(_, workload)| workload);
        if itself.is_none() {
            return self.served(namespace, name);
        }
        // What Flagger copied belongs to it.
        let copies = self.replica_sets_of(namespace, &format!("{name}-primary"));
        for owner in self.replica_sets_of(namespace, name).into_iter().chain(copies).chain(itself) {
            for pod in self.list_named(&PODS, namespace, &format!("{name}-")) {
                if controlled_by(&pod, text(&owner, "/metadata/uid")) {
                    let count = found.entry(text(&pod, "/spec/containers/0/image").to_owned()).or_default();
                    *count += u32::from(super::replicaset::is_ready(&pod));
                }
            }
        }
        found.into_iter().collect()
    }

    /// Deletes old, empty ReplicaSets beyond the newest `keep`.
    pub(super) fn prune_history(&mut self, namespace: &str, name: &str, keep: usize) {
        let revision = |set: &Value| annotation(set, super::deployment::REVISION).parse::<i64>().unwrap_or(0);
        let mut sets = self.replica_sets_of(namespace, name);
        sets.sort_by_key(|set| std::cmp::Reverse(revision(set)));
        for old in sets.iter().skip(1).filter(|set| number(set, "/spec/replicas") == 0).skip(keep) {
            self.remove(&REPLICASETS, namespace, text(old, "/metadata/name"));
        }
    }

    fn replica_sets_of(&self, namespace: &str, name: &str) -> Vec<Arc<Value>> {
        let Some((_, workload)) = self.workload(namespace, name) else { return Vec::new() };
        let uid = text(&workload, "/metadata/uid");
        let made = self.list_named(&REPLICASETS, namespace, &format!("{name}-"));
        made.into_iter().filter(|set| controlled_by(set, uid)).collect()
    }
}

/// Whether a workload runs what it asks for, by its own controller's word.
fn is_over(resource: &Resource, workload: &Value) -> bool {
    let same = |a: &str, b: &str| number(workload, a) == number(workload, b);
    let observed = same("/status/observedGeneration", "/metadata/generation");
    match resource.kind {
        "Deployment" => {
            let conditions = workload.pointer("/status/conditions").and_then(Value::as_array);
            let whole = |c: &Value| text(c, "/reason") == "NewReplicaSetAvailable";
            conditions.is_some_and(|all| all.iter().any(whole))
                && observed
                && same("/status/availableReplicas", "/spec/replicas")
                && same("/status/replicas", "/status/updatedReplicas")
        }
        "StatefulSet" => {
            observed
                && same("/status/readyReplicas", "/spec/replicas")
                && text(workload, "/status/updateRevision") == text(workload, "/status/currentRevision")
        }
        "DaemonSet" => {
            observed
                && same("/status/numberAvailable", "/status/desiredNumberScheduled")
                && same("/status/updatedNumberScheduled", "/status/desiredNumberScheduled")
        }
        _ => {
            let generation = number(workload, "/metadata/generation").to_string();
            text(workload, "/status/observedGeneration") == generation
                && text(workload, "/status/phase") == "Healthy"
                && same("/status/replicas", "/status/updatedReplicas")
        }
    }
}

pub(super) fn set_container_image(object: &mut Value, container: &str, image: &str) -> bool {
    let containers = object.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
    let found = containers.and_then(|all| all.iter_mut().find(|c| text(c, "/name") == container));
    match found {
        Some(found) => {
            set(found, &["image"], image.into());
            true
        }
        None => false,
    }
}
