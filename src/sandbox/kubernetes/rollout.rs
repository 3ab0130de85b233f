//! The controller of Argo Rollouts: its ReplicaSets, its status, and the orders that it reads from there, where its
//! kubectl plugin writes them. Where it goes next is `steer`'s.

use super::defaults;
use super::fields::Writer;
use super::hash;
use super::resource::{DEPLOYMENTS, REPLICASETS, ROLLOUTS};
use super::store::{State, annotate, annotation, controlled_by, controller_reference, number, set, text};
use serde_json::{Value, json};
use std::sync::Arc;

const REVISION: &str = "rollout.argoproj.io/revision";
const HISTORY: &str = "rollout.argoproj.io/revision-history";
const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
/// The label by which ReplicaSets and pods are told apart.
pub(super) const HASH: &str = "rollouts-pod-template-hash";
const CAUSE: &str = "kubernetes.io/change-cause";
const CONTROLLER: Writer<'static> = Writer { manager: "rollouts-controller", subresource: "" };
const STATUS: Writer<'static> = Writer { manager: "rollouts-controller", subresource: "status" };

/// A Rollout under the controller's eyes: what will be written as its status.
pub(super) struct View {
    pub(super) rollout: Value,
    pub(super) status: Value,
    pub(super) hash: String,
    pub(super) new: Arc<Value>,
    pub(super) old: Vec<Arc<Value>>,
}

impl View {
    pub(super) fn wanted(&self) -> i64 {
        self.rollout.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
    }

    pub(super) fn is(&self, pointer: &str) -> bool {
        self.status.pointer(pointer) == Some(&Value::Bool(true))
    }

    pub(super) fn put(&mut self, field: &str, value: Value) {
        set(&mut self.status, &[field], value);
    }

    pub(super) fn drop(&mut self, field: &str) {
        if let Some(fields) = self.status.as_object_mut() {
            fields.remove(field);
        }
    }

    pub(super) fn steps(&self) -> &[Value] {
        self.rollout
            .pointer("/spec/strategy/canary/steps")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn available(&self) -> i64 {
        number(&self.new, "/status/availableReplicas")
    }

    pub(super) fn paused_for(&self) -> Option<&str> {
        self.status.pointer("/pauseConditions/0/reason").and_then(Value::as_str)
    }

    pub(super) fn go_to(&mut self, step: usize) {
        if !self.steps().is_empty() {
            self.put("currentStepIndex", step.into());
        }
    }

    pub(super) fn step(&self) -> usize {
        let at = number(&self.status, "/currentStepIndex");
        usize::try_from(at).unwrap_or(0).min(self.steps().len())
    }
}

impl State {
    /// One look of the controller at a Rollout.
    pub(super) fn sync_rollout(&mut self, found: &Arc<Value>) {
        if !self.heard_of(found) {
            return;
        }
        let mut view = self.view(found);
        self.steer(&mut view);
        self.restart_rollout(&mut view);
        self.report_rollout(&mut view);
    }

    fn view(&mut self, found: &Arc<Value>) -> View {
        // The server fills in a ReplicaSet's template and not a Rollout's; the controller compares them filled in.
        let elsewhere = self.referenced(found);
        let asked = elsewhere.as_deref().unwrap_or(found);
        let mut template = asked.pointer("/spec/template").cloned().unwrap_or_default();
        defaults::pod_template(&mut template);
        let hash = hash::template_hash(&template);
        let mut status = found.get("status").cloned().unwrap_or_else(|| json!({}));
        let before = text(&status, "/currentPodHash").to_owned();
        let (new, old) = self.split(found, &hash);
        let new = match new {
            Some(new) => self.renumbered(&new, &old),
            None => self.create_revision(found, &template, &hash, &old),
        };
        let mut view =
            View { rollout: (**found).clone(), status: std::mem::take(&mut status), hash, new, old };
        if before != view.hash {
            // Whatever was decided about the rollout before says nothing about this one.
            for order in [
                "pauseConditions",
                "controllerPause",
                "abort",
                "abortedAt",
                "promoteFull",
                "canary",
                "blueGreen",
            ] {
                view.drop(order);
            }
            view.go_to(0);
        }
        if text(&view.status, "/stableRS").is_empty() {
            view.put("stableRS", view.hash.clone().into());
        }
        view.put("currentPodHash", view.hash.clone().into());
        let generation = number(found, "/metadata/generation");
        view.put("observedGeneration", generation.to_string().into());
        if let Some(elsewhere) = elsewhere {
            let generation = number(&elsewhere, "/metadata/generation").to_string();
            annotate(&mut view.rollout, WORKLOAD_GENERATION, &generation);
            view.put("workloadObservedGeneration", generation.into());
        }
        view
    }

    /// The Deployment that a Rollout takes its template from.
    fn referenced(&self, found: &Value) -> Option<Arc<Value>> {
        let name = text(found, "/spec/workloadRef/name");
        self.get(&DEPLOYMENTS, text(found, "/metadata/namespace"), name).cloned()
    }

    fn split(&self, found: &Value, hash: &str) -> (Option<Arc<Value>>, Vec<Arc<Value>>) {
        let uid = text(found, "/metadata/uid");
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        let mut sets: Vec<_> = self
            .list_named(&REPLICASETS, namespace, &format!("{name}-"))
            .into_iter()
            .filter(|set| controlled_by(set, uid))
            .collect();
        sets.sort_by_key(|set| revision(set));
        let new = sets.iter().position(|set| label(set) == hash).map(|index| sets.remove(index));
        (new, sets)
    }

    fn renumbered(&mut self, new: &Arc<Value>, old: &[Arc<Value>]) -> Arc<Value> {
        let newest = old.iter().map(|set| revision(set)).max().unwrap_or(0);
        if revision(new) > newest {
            return Arc::clone(new);
        }
        let mut again = (**new).clone();
        let (before, earlier) = (annotation(new, REVISION).to_owned(), annotation(new, HISTORY).to_owned());
        let earlier = if earlier.is_empty() { before } else { format!("{earlier},{before}") };
        annotate(&mut again, HISTORY, &earlier);
        annotate(&mut again, REVISION, &(newest + 1).to_string());
        self.update(&REPLICASETS, again, CONTROLLER)
    }

    fn create_revision(
        &mut self,
        found: &Value,
        template: &Value,
        hash: &str,
        old: &[Arc<Value>],
    ) -> Arc<Value> {
        let mut template = template.clone();
        set(&mut template, &["metadata", "labels", HASH], hash.into());
        let mut selector = found.pointer("/spec/selector").cloned().unwrap_or_default();
        set(&mut selector, &["matchLabels", HASH], hash.into());
        let mut object = json!({
            "metadata": {
                "name": format!("{}-{hash}", text(found, "/metadata/name")),
                "namespace": text(found, "/metadata/namespace"),
                "labels": template.pointer("/metadata/labels"),
                "ownerReferences": controller_reference(&ROLLOUTS, found)
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
            "status": {"replicas": 0}
        });
        let newest = old.iter().map(|set| revision(set)).max().unwrap_or(0);
        annotate(&mut object, REVISION, &(newest + 1).to_string());
        if !annotation(found, CAUSE).is_empty() {
            annotate(&mut object, CAUSE, annotation(found, CAUSE));
        }
        self.create(&REPLICASETS, object, CONTROLLER)
    }

    fn report_rollout(&mut self, view: &mut View) {
        let (namespace, name) =
            (text(&view.rollout, "/metadata/namespace"), text(&view.rollout, "/metadata/name"));
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let hash = view.hash.clone();
        let (new, old) = self.split(&view.rollout, &hash);
        let all: Vec<&Arc<Value>> = new.iter().chain(&old).collect();
        let total = |field: &str| all.iter().map(|set| number(set, field)).sum::<i64>();
        let updated = new.as_ref().map_or(0, |set| number(set, "/status/replicas"));
        let (replicas, ready) = (total("/status/replicas"), total("/status/readyReplicas"));
        let available = total("/status/availableReplicas");
        for (field, count) in [
            ("replicas", replicas),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", available),
        ] {
            view.drop(field);
            if count > 0 {
                view.put(field, count.into());
            }
        }
        let moved = format!("{}/{updated}/{available}/{}", view.step(), text(&view.status, "/stableRS"));
        let uid = text(&view.rollout, "/metadata/uid").to_owned();
        let quiet = self.stirred.get(&uid).filter(|(last, _)| *last == moved).map(|(_, at)| *at);
        let since = quiet.unwrap_or(self.uptime);
        self.stirred.insert(uid, (moved, since));
        let deadline =
            view.rollout.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_u64).unwrap_or(600);
        let late = self.uptime.saturating_sub(since).as_secs() >= deadline;
        let (phase, message) = stand(view, [replicas, updated, available], late);
        view.put("phase", phase.into());
        match message {
            Some(message) => view.put("message", message.into()),
            None => view.drop("message"),
        }
        if let Some(now) = self.get(&ROLLOUTS, &namespace, &name) {
            let mut now = (**now).clone();
            set(&mut now, &["status"], view.status.clone());
            let generation = annotation(&view.rollout, WORKLOAD_GENERATION);
            if !generation.is_empty() {
                annotate(&mut now, WORKLOAD_GENERATION, generation);
            }
            self.update(&ROLLOUTS, now, STATUS);
        }
    }
}

/// Phase and message.
fn stand(
    view: &View,
    [replicas, updated, available]: [i64; 3],
    late: bool,
) -> (&'static str, Option<String>) {
    let wanted = view.wanted();
    let stable = text(&view.status, "/stableRS") == view.hash;
    if view.is("/abort") {
        let said = text(&view.status, "/message").to_owned();
        let aborted = format!("RolloutAborted: Rollout aborted update to revision {}", revision(&view.new));
        return ("Degraded", Some(if said.starts_with("RolloutAborted") { said } else { aborted }));
    }
    if view.rollout.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return ("Paused", Some("manually paused".to_owned()));
    }
    if let Some(reason) = view.paused_for() {
        return ("Paused", Some(reason.to_owned()));
    }
    let coloured = view.rollout.pointer("/spec/strategy/blueGreen").is_some();
    if stable && updated >= wanted && available >= wanted && (coloured || replicas <= updated) {
        return ("Healthy", None);
    }
    if late {
        let name = text(&view.new, "/metadata/name");
        let message = format!("ProgressDeadlineExceeded: ReplicaSet \"{name}\" has timed out progressing.");
        return ("Degraded", Some(message));
    }
    let message = if updated < wanted {
        "more replicas need to be updated"
    } else if replicas > updated {
        "old replicas are pending termination"
    } else {
        "updated replicas are still becoming available"
    };
    ("Progressing", Some(message.to_owned()))
}

pub(super) fn revision(set: &Value) -> i64 {
    annotation(set, REVISION).parse().unwrap_or(0)
}

pub(super) fn label(set: &Value) -> &str {
    set.pointer("/metadata/labels").and_then(|l| l.get(HASH)).and_then(Value::as_str).unwrap_or_default()
}
