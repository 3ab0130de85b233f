//! From an intent to the very JSON Patch that would carry it out, guarded by tests in the same request.
//!
//! Works on the raw JSON of a fresh look: templates are never read into structs and written back, because that
//! would drop fields nobody here has heard of and so deploy something else. Knows nothing of HTTP.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::author;
use super::hazard;
use super::prepare::Scale;
use super::remembered::Remembered;
use super::rollout::{BY_SPEC, phase};
use super::species::Species;
use super::template::{differences, template_hash};
use super::wire::{CHANGE_CAUSE, RESTARTED, Watched as _, chosen};
use super::workload::{Update, Workload};
use crate::domain::rollout::{LAST_RESTART, LEAST_REPLICAS, PAUSED_BY, UNDER_WAY};
use crate::domain::{
    Artifact, Basis, Cause, Difference, Fault, Hazard, Intent, Phase, Promise, SafeText, Severity, Verb,
};
use crate::provider::registry::Manifest;

/// Time for the last pods to settle after the target's own deadline.
const SETTLE: Duration = Duration::from_secs(30);
/// Pods that replace one another in turn are waited for this often at most.
const TURNS: u32 = 6;
/// How long a switch such as pause may take to show.
pub(super) const SWITCH: Duration = Duration::from_secs(60);

/// A workload as a fresh look found it.
pub(super) struct Fresh {
    pub(super) raw: Value,
    pub(super) workload: Workload,
    pub(super) namespace: String,
    /// Index of the released container, and its name.
    index: usize,
    pub(super) container: String,
    /// Its image, as it is written there.
    pub(super) image: String,
    generation: u64,
    /// How many replicas must run at least for a change to be believed.
    pub(super) least_replicas: u32,
    /// Who says how many there are.
    pub(super) scale: Scale,
    /// Whether its template stands in another workload: what is tested is then the revision that its controller has read.
    elsewhere: bool,
    /// The template with the server's defaults, of a workload into which it does not write them.
    pub(super) filled: Option<Value>,
}

impl Fresh {
    /// Reads what a plan needs. `template` is the one that stands elsewhere, as its revision has it.
    pub(super) fn read(
        raw: Value,
        template: Option<Value>,
        species: Species,
        namespace: &str,
        container: Option<&str>,
    ) -> Result<Self, Fault> {
        let mut workload = Workload::of(&raw, species)?;
        let reference = workload.argo.as_ref().and_then(|argo| argo.reference.as_ref());
        let elsewhere = reference.is_some();
        match (reference, template) {
            (Some(_), Some(template)) => {
                let mut whole = raw.clone();
                if let Some(spec) = whole.get_mut("spec").and_then(Value::as_object_mut) {
                    spec.insert("template".to_owned(), template);
                }
                workload = Workload::of(&whole, species)?;
            }
            (Some(reference), None) => {
                let text = format!(
                    "{} takes its template from {reference}, which is not changed from here",
                    workload.named()
                );
                return Err(Fault::new(Cause::Refused, text)
                    .with_hint("change it there: kubectl set image, or in Git"));
            }
            (None, _) => {}
        }
        let index = chosen(&workload.containers, container, &workload.meta.name)?;
        let Some(found) = workload.containers.get(index).cloned() else {
            return Err(Fault::new(Cause::Malformed, "the released container is not in the template"));
        };
        let generation = workload.meta.generation.ok_or_else(|| {
            Fault::new(
                Cause::Malformed,
                format!("the {} has no generation: nothing could guard a change", species.word()),
            )
        })?;
        Ok(Self {
            raw,
            namespace: namespace.to_owned(),
            index,
            container: found.name,
            image: found.image,
            generation,
            least_replicas: workload.replicas,
            scale: Scale::Own,
            elsewhere,
            filled: None,
            workload,
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
    pub(super) fn tests(&self) -> Vec<Value> {
        let mut tests = vec![
            test("/metadata/uid", json!(self.workload.meta.uid)),
            test("/metadata/generation", json!(self.generation)),
        ];
        match &self.workload.argo {
            Some(argo) if self.elsewhere => {
                tests.push(test("/status/currentPodHash", json!(argo.current)));
            }
            _ => {
                let container = format!("/spec/template/spec/containers/{}", self.index);
                tests.push(test(&format!("{container}/name"), json!(self.container)));
                tests.push(test(&format!("{container}/image"), json!(self.image)));
            }
        }
        tests
    }

    /// What the tests of a plan tie it to, in words.
    pub(super) const fn tied(&self, steered: bool) -> &'static str {
        match (self.elsewhere, steered) {
            (true, false) => "JSON-Patch test of uid, generation and the coming revision",
            (true, true) => "JSON-Patch test of uid, generation, the coming revision and its step",
            (false, true) => "JSON-Patch test of uid, generation, image, the coming revision and its step",
            (false, false) => "JSON-Patch test of uid, generation and image",
        }
    }

    pub(super) fn basis(&self, cluster: &SafeText) -> Vec<Basis> {
        vec![
            Basis::new("cluster", cluster),
            Basis::new("namespace", &self.namespace),
            Basis::new("uid", &self.workload.meta.uid),
            Basis::new("generation", self.generation.to_string()),
            Basis::new("image", &self.image),
            Basis::new("paused", if self.workload.paused { "yes" } else { "no" }),
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

    /// Marks the template as `kubectl rollout restart` does.
    fn restarted_at(&self, mark: &str) -> Value {
        const ANNOTATIONS: &str = "/spec/template/metadata/annotations";
        let there = |pointer: &str| self.raw.pointer(pointer).is_some_and(Value::is_object);
        if there(ANNOTATIONS) {
            let path = format!("{ANNOTATIONS}/{}", RESTARTED.replace('/', "~1"));
            json!({"op": "add", "path": path, "value": mark})
        } else if there("/spec/template/metadata") {
            json!({"op": "add", "path": ANNOTATIONS, "value": {RESTARTED: mark}})
        } else {
            let metadata = json!({"annotations": {RESTARTED: mark}});
            json!({"op": "add", "path": "/spec/template/metadata", "value": metadata})
        }
    }

    /// How long a change may take: the target's own deadline, and for pods that are replaced one after another that long
    /// for each.
    pub(super) fn deadline(&self) -> Duration {
        let one = Duration::from_secs(self.workload.progress_deadline);
        let in_turn = match (self.workload.species, self.workload.update) {
            (Species::StatefulSet, Update::Rolling | Update::From(_)) => {
                self.workload.replicas.clamp(1, TURNS)
            }
            _ => 1,
        };
        one.saturating_mul(in_turn).saturating_add(SETTLE)
    }
}

pub(super) fn test(path: &str, value: Value) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

fn cause_of(intent: &Intent, what: &str) -> String {
    match intent.reason.as_ref().filter(|r| !r.is_empty()) {
        Some(reason) => format!("{what}: {reason}"),
        None => format!("{what} with gonogo"),
    }
}

/// Which part of an object a patch changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What is asked for.
    Main,
    /// The status, which a controller reads as orders.
    Status,
}

/// One patch of the workload.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) part: Part,
    pub(super) operations: Vec<Value>,
    pub(super) effect: SafeText,
}

impl Request {
    /// A patch of what is asked for.
    pub(super) fn main(operations: Vec<Value>, effect: impl AsRef<str>) -> Self {
        Self { part: Part::Main, operations, effect: SafeText::new(effect.as_ref()) }
    }
}

/// One change, before anybody was asked whether it is permitted.
#[derive(Debug)]
pub(super) struct Edit {
    /// The patches, in the order in which they are sent.
    pub(super) requests: Vec<Request>,
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
        requests: vec![Request::main(
            operations,
            format!(
                "sets the image of container {} in {} to {image}",
                fresh.container,
                fresh.workload.named()
            ),
        )],
        basis,
        differences: vec![Difference {
            what: SafeText::new(&format!("image of container {}", fresh.container)),
            old: SafeText::new(&fresh.image),
            new: SafeText::new(&image),
        }],
        hazards,
        promise: outcome(fresh, &to, None),
        deadline: fresh.deadline(),
        way_back: Some(SafeText::new(&format!("roll back to {}", fresh.asked().label()))),
        to,
    }
}

/// What a change of the template promises: that it runs everywhere, or, where it goes in steps, that it has begun.
/// Going back to the stable revision takes no steps.
fn outcome(fresh: &Fresh, to: &Artifact, hash: Option<&str>) -> Promise {
    let stable = fresh.workload.argo.as_ref().is_none_or(|argo| hash == Some(argo.stable.as_str()));
    let steps = fresh.workload.argo.as_ref().is_some_and(|argo| !argo.steps.is_empty());
    if steps && !stable {
        Promise::Begun { artifact: to.clone() }
    } else {
        Promise::Runs { artifact: to.clone() }
    }
}

/// Goes back to the revision that `set` (raw JSON of a ReplicaSet or ControllerRevision) holds.
///
/// # Errors
/// When the revision is not one of this workload, or not the one that was chosen.
pub(super) fn roll_back(
    fresh: &Fresh,
    cluster: &SafeText,
    intent: &Intent,
    set: &Value,
    chosen_artifact: &Artifact,
    manifest: &Manifest,
) -> Result<Edit, Fault> {
    let species = fresh.workload.species;
    let cut = Remembered::cut(set, species.memory())?;
    let name = &cut.meta.name;
    if !super::history::owns(&fresh.workload, &cut) {
        return Err(Fault::new(
            Cause::Refused,
            format!("the revision {name} does not belong to this {}", species.word()),
        ));
    }
    let image = cut.containers.iter().find(|c| c.name == fresh.container).map(|c| c.image.clone());
    let Some(image) = image else {
        return Err(Fault::new(
            Cause::Refused,
            format!("the revision {name} has no container {}", fresh.container),
        ));
    };
    let mut to = Artifact::from_reference(&image);
    if to.image != chosen_artifact.image {
        return Err(Fault::new(
            Cause::Moved,
            format!("the revision {name} runs {}, not {} as chosen", to.image, chosen_artifact.image),
        ));
    }
    to.digest = to.digest.or_else(|| chosen_artifact.digest.clone());
    let template = Remembered::template(set);
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
        requests: vec![Request::main(
            operations,
            format!(
                "replaces the pod template of {} by the one of the revision {name} ({})",
                fresh.workload.named(),
                to.label()
            ),
        )],
        basis,
        differences: differences(fresh.filled.as_ref().unwrap_or(fresh.template()), &template),
        hazards,
        promise: outcome(fresh, &to, cut.meta.label(super::wire::ROLLOUT_HASH)),
        deadline: fresh.deadline(),
        way_back: Some(SafeText::new(&format!("roll back to {}", fresh.asked().label()))),
        to,
    })
}

/// Replaces every pod by one of the same template. `runs` is what they run, with its digest where the pods agree.
pub(super) fn restart(
    fresh: &Fresh,
    cluster: &SafeText,
    intent: &Intent,
    at: Timestamp,
    runs: &Artifact,
) -> Edit {
    let mark = at.to_string();
    let name = fresh.workload.named();
    let mut operations = fresh.tests();
    let what = if fresh.workload.argo.is_some() {
        operations.push(json!({"op": "add", "path": "/spec/restartAt", "value": mark}));
        "spec.restartAt"
    } else {
        operations.push(fresh.restarted_at(&mark));
        "annotation restartedAt of the template"
    };
    operations.push(fresh.change_cause(&cause_of(intent, &format!("restart {}", runs.label()))));
    let before = fresh.workload.restarted.as_deref().unwrap_or("none");
    let mut basis = fresh.basis(cluster);
    basis.push(Basis::new(LAST_RESTART, before));
    Edit {
        requests: vec![Request::main(
            operations,
            format!("replaces every pod of {name} by a new one of the same template"),
        )],
        basis,
        to: runs.clone(),
        differences: vec![Difference {
            what: SafeText::new(what),
            old: SafeText::new(before),
            new: SafeText::new(&mark),
        }],
        hazards: hazard::of_restart(fresh),
        promise: Promise::Restarted { artifact: runs.clone(), mark: SafeText::new(&mark) },
        deadline: fresh.deadline(),
        way_back: Some("nothing to take back: the same template runs".into()),
    }
}

/// Holds the rollout, or lets it go on.
pub(super) fn switch(fresh: &Fresh, cluster: &SafeText, verb: Verb) -> Edit {
    let pause = verb == Verb::Pause;
    let operation = if fresh.raw.pointer("/spec/paused").is_some() { "replace" } else { "add" };
    let mut operations = fresh.tests();
    operations.push(json!({"op": operation, "path": "/spec/paused", "value": pause}));
    let name = fresh.workload.named();
    let mut hazards = Vec::new();
    if pause == fresh.workload.paused {
        let state = if pause { "already" } else { "not" };
        hazards.push(Hazard::new(Severity::Blocking, format!("{name} is {state} paused")));
    }
    hazards.extend(hazard::of_owner(fresh));
    let under_way = !matches!(phase(&fresh.workload), Phase::Done | Phase::ScaledToZero);
    if pause && !under_way {
        hazards.push(Hazard::new(
            Severity::Warning,
            "nothing rolls out now: this holds back whatever comes next, a roll back too",
        ));
    }
    let mut basis = fresh.basis(cluster);
    basis.push(Basis::new(UNDER_WAY, if under_way { "yes" } else { "no" }));
    basis.push(Basis::new(PAUSED_BY, BY_SPEC));
    let yes_no = |yes: bool| SafeText::new(if yes { "true" } else { "false" });
    Edit {
        requests: vec![Request::main(
            operations,
            format!("{} the rollout of {name}", if pause { "pauses" } else { "resumes" }),
        )],
        basis,
        to: fresh.asked(),
        differences: vec![Difference {
            what: SafeText::new("spec.paused"),
            old: yes_no(fresh.workload.paused),
            new: yes_no(pause),
        }],
        hazards,
        promise: if pause { Promise::Paused } else { Promise::Resumed },
        deadline: SWITCH,
        way_back: Some(SafeText::new(if pause { "resume it" } else { "pause it again" })),
    }
}
