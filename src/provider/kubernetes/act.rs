//! From an intent to the very JSON Patch that would carry it out, guarded by tests in the same request.
//!
//! Works on the raw JSON of a fresh look: templates are never read into structs and written back, because that
//! would drop fields nobody here has heard of and so deploy something else. Knows nothing of HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use super::author;
use super::hazard;
use super::rollout::phase;
use super::template::{differences, template_hash, without_hash};
use super::wire::{CHANGE_CAUSE, Deployment, ReplicaSet, Watched as _, chosen};
use crate::domain::rollout::{LEAST_REPLICAS, UNDER_WAY};
use crate::domain::{
    Artifact, Basis, Cause, Difference, Fault, Hazard, Intent, Phase, Promise, SafeText, Severity, Verb,
};
use crate::provider::registry::Manifest;

/// Time for the last pods to settle after the target's own deadline.
const SETTLE: Duration = Duration::from_secs(30);
/// How long a switch such as pause may take to show.
const SWITCH: Duration = Duration::from_secs(60);

/// A Deployment as a fresh look found it.
pub(super) struct Fresh {
    pub(super) raw: Value,
    pub(super) deployment: Deployment,
    pub(super) namespace: String,
    /// Index of the released container, and its name.
    index: usize,
    pub(super) container: String,
    /// Its image, as it is written there.
    pub(super) image: String,
    generation: u64,
    /// How many replicas must run at least for a change to be believed.
    pub(super) least_replicas: u32,
}

impl Fresh {
    /// Reads what a plan needs.
    pub(super) fn read(raw: Value, namespace: &str, container: Option<&str>) -> Result<Self, Fault> {
        let deployment = Deployment::cut(&raw)?;
        let index = chosen(&deployment.containers, container, &deployment.meta.name)?;
        let Some(found) = deployment.containers.get(index).cloned() else {
            return Err(Fault::new(Cause::Malformed, "the released container is not in the template"));
        };
        let generation = deployment.meta.generation.ok_or_else(|| {
            Fault::new(Cause::Malformed, "the deployment has no generation: nothing could guard a change")
        })?;
        Ok(Self {
            raw,
            namespace: namespace.to_owned(),
            index,
            container: found.name,
            image: found.image,
            generation,
            least_replicas: deployment.replicas,
            deployment,
        })
    }

    pub(super) fn template(&self) -> &Value {
        self.raw.pointer("/spec/template").unwrap_or(&Value::Null)
    }

    /// What is asked for now.
    pub(super) fn asked(&self) -> Artifact {
        Artifact::from_reference(&self.image)
    }

    /// The tests that open every patch: the very object, unchanged, with the container that was meant.
    fn tests(&self) -> Vec<Value> {
        let container = format!("/spec/template/spec/containers/{}", self.index);
        vec![
            test("/metadata/uid", json!(self.deployment.meta.uid)),
            test("/metadata/generation", json!(self.generation)),
            test(&format!("{container}/name"), json!(self.container)),
            test(&format!("{container}/image"), json!(self.image)),
        ]
    }

    fn basis(&self, cluster: &SafeText) -> Vec<Basis> {
        vec![
            Basis::new("cluster", cluster),
            Basis::new("namespace", &self.namespace),
            Basis::new("uid", &self.deployment.meta.uid),
            Basis::new("generation", self.generation.to_string()),
            Basis::new("image", &self.image),
            Basis::new("paused", if self.deployment.paused { "yes" } else { "no" }),
            Basis::new("last change", author::last_change(&self.raw)),
            Basis::new(LEAST_REPLICAS, self.least_replicas.to_string()),
        ]
    }

    /// Writes down why, without touching other annotations.
    fn change_cause(&self, cause: &str) -> Value {
        let there = self.raw.pointer("/metadata/annotations").is_some_and(Value::is_object);
        if there {
            json!({"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": cause})
        } else {
            json!({"op": "add", "path": "/metadata/annotations", "value": {CHANGE_CAUSE: cause}})
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.deployment.progress_deadline).saturating_add(SETTLE)
    }
}

fn test(path: &str, value: Value) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

fn cause_of(intent: &Intent, what: &str) -> String {
    match intent.reason.as_ref().filter(|r| !r.is_empty()) {
        Some(reason) => format!("{what}: {reason}"),
        None => format!("{what} with gonogo"),
    }
}

/// One change, before anybody was asked whether it is permitted.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) operations: Vec<Value>,
    pub(super) effect: SafeText,
    pub(super) basis: Vec<Basis>,
    pub(super) to: Artifact,
    pub(super) differences: Vec<Difference>,
    pub(super) hazards: Vec<Hazard>,
    pub(super) promise: Promise,
    pub(super) deadline: Duration,
    pub(super) way_back: Option<SafeText>,
}

/// Ships `artifact`. `manifest` is what the registry says about it.
pub(super) fn promote(
    fresh: &Fresh,
    cluster: &SafeText,
    intent: &Intent,
    artifact: &Artifact,
    manifest: &Manifest,
) -> Edit {
    let mut to = artifact.clone();
    let mut hazards: Vec<Hazard> = hazard::of_manifest(&to, manifest).into_iter().collect();
    if let (None, Manifest::Found(digest)) = (&to.digest, manifest) {
        to.digest = Some(digest.clone());
    }
    let image = to.reference();
    let path = format!("/spec/template/spec/containers/{}/image", fresh.index);
    let mut operations = fresh.tests();
    operations.push(json!({"op": "replace", "path": path, "value": image}));
    operations.push(fresh.change_cause(&cause_of(intent, &format!("promote {}", to.label()))));
    hazards.extend(hazard::of_change(fresh));
    hazards.extend(hazard::of_promotion(fresh, &to));
    let mut basis = fresh.basis(cluster);
    basis.push(Basis::new("digest", to.digest.as_ref().map_or("not proved", SafeText::as_str)));
    Edit {
        operations,
        effect: SafeText::new(&format!(
            "sets the image of container {} in deployment/{} to {image}",
            fresh.container, fresh.deployment.meta.name
        )),
        basis,
        differences: vec![Difference {
            what: SafeText::new(&format!("image of container {}", fresh.container)),
            old: SafeText::new(&fresh.image),
            new: SafeText::new(&image),
        }],
        hazards,
        promise: Promise::Runs { artifact: to.clone() },
        deadline: fresh.deadline(),
        way_back: Some(SafeText::new(&format!("roll back to {}", fresh.asked().label()))),
        to,
    }
}

/// Goes back to the revision that `set` (raw JSON of a ReplicaSet) holds.
///
/// # Errors
/// When the ReplicaSet is not one of this Deployment, or not the one that was chosen.
pub(super) fn roll_back(
    fresh: &Fresh,
    cluster: &SafeText,
    intent: &Intent,
    set: &Value,
    chosen_artifact: &Artifact,
    manifest: &Manifest,
) -> Result<Edit, Fault> {
    let cut = ReplicaSet::cut(set)?;
    let name = &cut.meta.name;
    if !super::history::owns(&fresh.deployment, &cut) {
        return Err(Fault::new(
            Cause::Refused,
            format!("replicaset {name} does not belong to this deployment"),
        ));
    }
    let image = cut.containers.iter().find(|c| c.name == fresh.container).map(|c| c.image.clone());
    let Some(image) = image else {
        return Err(Fault::new(
            Cause::Refused,
            format!("replicaset {name} has no container {}", fresh.container),
        ));
    };
    let mut to = Artifact::from_reference(&image);
    if to.image != chosen_artifact.image {
        return Err(Fault::new(
            Cause::Moved,
            format!("replicaset {name} runs {}, not {} as chosen", to.image, chosen_artifact.image),
        ));
    }
    to.digest = to.digest.or_else(|| chosen_artifact.digest.clone());
    let template = without_hash(set.pointer("/spec/template").unwrap_or(&Value::Null));
    let hash = template_hash(Some(&template));
    let mut operations = fresh.tests();
    operations.push(json!({"op": "replace", "path": "/spec/template", "value": template}));
    operations.push(fresh.change_cause(&cause_of(intent, &format!("roll back to {}", to.label()))));
    let mut hazards = hazard::of_way_back(fresh, &cut, &to, manifest);
    hazards.extend(hazard::of_change(fresh));
    let mut basis = fresh.basis(cluster);
    basis.push(Basis::new("revision", name));
    basis.push(Basis::new("revision uid", &cut.meta.uid));
    basis.push(Basis::new("revision template", hash));
    Ok(Edit {
        operations,
        effect: SafeText::new(&format!(
            "replaces the pod template of deployment/{} by the one of replicaset {name} ({})",
            fresh.deployment.meta.name,
            to.label()
        )),
        basis,
        differences: differences(fresh.template(), &template),
        hazards,
        promise: Promise::Runs { artifact: to.clone() },
        deadline: fresh.deadline(),
        way_back: Some(SafeText::new(&format!("roll back to {}", fresh.asked().label()))),
        to,
    })
}

/// Holds the rollout, or lets it go on.
pub(super) fn switch(fresh: &Fresh, cluster: &SafeText, verb: Verb) -> Edit {
    let pause = verb == Verb::Pause;
    let operation = if fresh.raw.pointer("/spec/paused").is_some() { "replace" } else { "add" };
    let mut operations = fresh.tests();
    operations.push(json!({"op": operation, "path": "/spec/paused", "value": pause}));
    let name = &fresh.deployment.meta.name;
    let mut hazards = Vec::new();
    if pause == fresh.deployment.paused {
        let state = if pause { "already" } else { "not" };
        hazards.push(Hazard::new(Severity::Blocking, format!("deployment/{name} is {state} paused")));
    }
    hazards.extend(hazard::of_owner(fresh));
    let under_way = !matches!(phase(&fresh.deployment), Phase::Done | Phase::ScaledToZero);
    if pause && !under_way {
        hazards.push(Hazard::new(
            Severity::Warning,
            "nothing rolls out now: this holds back whatever comes next, a roll back too",
        ));
    }
    let mut basis = fresh.basis(cluster);
    basis.push(Basis::new(UNDER_WAY, if under_way { "yes" } else { "no" }));
    let yes_no = |yes: bool| SafeText::new(if yes { "true" } else { "false" });
    Edit {
        operations,
        effect: SafeText::new(&format!(
            "{} the rollout of deployment/{name}",
            if pause { "pauses" } else { "resumes" }
        )),
        basis,
        to: fresh.asked(),
        differences: vec![Difference {
            what: SafeText::new("spec.paused"),
            old: yes_no(fresh.deployment.paused),
            new: yes_no(pause),
        }],
        hazards,
        promise: if pause { Promise::Paused } else { Promise::Resumed },
        deadline: SWITCH,
        way_back: Some(SafeText::new(if pause { "resume it" } else { "pause it again" })),
    }
}
