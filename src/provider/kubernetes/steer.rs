//! How a rollout in steps is steered: go on, promote fully, abort, retry. Orders to Argo Rollouts are written into the
//! status, where its own kubectl plugin writes them, and are guarded by tests of what was shown: the revision that
//! comes, the step that it is at.
//!
//! Knows a fresh look at a Rollout; knows nothing of HTTP.

use serde_json::{Value, json};

use super::act::{self, Edit, Fresh, Part, Request, SWITCH, test};
use super::argo::Argo;
use super::rollout::phase;
use crate::domain::{Basis, Cause, Difference, Fault, Hazard, Phase, Promise, SafeText, Severity, Verb};

/// The edit of a Rollout's status for one of the verbs that only rollouts in steps know.
///
/// # Errors
/// When the workload is not a Rollout.
pub(super) fn steer(fresh: &Fresh, cluster: &SafeText, verb: Verb) -> Result<Edit, Fault> {
    let word = fresh.workload.species.word();
    let argo = fresh.workload.argo.as_deref().ok_or_else(|| {
        Fault::new(Cause::Refused, format!("a {word} has no steps: it cannot {}", verb.word()))
    })?;
    Ok(match verb {
        Verb::PromoteFully => promote_fully(fresh, argo, cluster),
        Verb::Abort => abort(fresh, argo, cluster),
        Verb::Retry => retry(fresh, argo, cluster),
        _ => go_on(fresh, argo, cluster),
    })
}

/// What an edit of the status consists of, before its own operations.
struct Order<'a> {
    fresh: &'a Fresh,
    argo: &'a Argo,
    operations: Vec<Value>,
    hazards: Vec<Hazard>,
    differences: Vec<Difference>,
}

impl<'a> Order<'a> {
    fn new(fresh: &'a Fresh, argo: &'a Argo) -> Self {
        let mut operations = fresh.tests();
        let revision = test("/status/currentPodHash", json!(argo.current));
        if !operations.contains(&revision) {
            operations.push(revision);
        }
        if let Some(at) = argo.at {
            operations.push(test("/status/currentStepIndex", json!(at)));
        }
        Self { fresh, argo, operations, hazards: Vec::new(), differences: Vec::new() }
    }

    fn there(&self, pointer: &str) -> bool {
        self.fresh.raw.pointer(pointer).is_some_and(|value| !value.is_null())
    }

    fn add(&mut self, field: &str, value: Value) {
        self.operations.push(json!({"op": "add", "path": format!("/status/{field}"), "value": value}));
    }

    fn take_away(&mut self, field: &str) {
        if self.there(&format!("/status/{field}")) {
            self.operations.push(json!({"op": "remove", "path": format!("/status/{field}")}));
        }
    }

    fn differs(&mut self, what: &str, old: impl AsRef<str>, new: impl AsRef<str>) {
        self.differences.push(Difference {
            what: SafeText::new(what),
            old: SafeText::new(old.as_ref()),
            new: SafeText::new(new.as_ref()),
        });
    }

    fn warn(&mut self, severity: Severity, text: impl AsRef<str>) {
        self.hazards.push(Hazard::new(severity, text));
    }

    fn basis(&self, cluster: &SafeText) -> Vec<Basis> {
        let mut basis = self.fresh.basis(cluster);
        basis.push(Basis::new("revision that comes", &self.argo.current));
        basis.push(Basis::new("stable revision", &self.argo.stable));
        basis.push(Basis::new("step", self.argo.step().to_string()));
        basis.push(Basis::new("pauses", self.argo.pauses.join(", ")));
        basis.push(Basis::new("aborted", if self.argo.aborted { "yes" } else { "no" }));
        basis
    }

    fn edit(self, cluster: &SafeText, effect: String, promise: Promise, way_back: &str) -> Edit {
        let basis = self.basis(cluster);
        let deadline = match promise {
            // Replicas must come or go for it.
            Promise::Runs { .. } | Promise::Aborted => self.fresh.deadline(),
            _ => SWITCH,
        };
        let status =
            Request { part: Part::Status, operations: self.operations, effect: SafeText::new(&effect) };
        Edit {
            requests: vec![status],
            basis,
            to: self.fresh.asked(),
            differences: self.differences,
            hazards: self.hazards,
            promise,
            deadline,
            way_back: Some(SafeText::new(way_back)),
        }
    }
}

/// What lets a held rollout go on: the pause of its step is taken away, and `spec.paused` with it.
fn go_on(fresh: &Fresh, argo: &Argo, cluster: &SafeText) -> Edit {
    if argo.pauses.is_empty() {
        return act::switch(fresh, cluster, Verb::Resume);
    }
    let name = fresh.workload.named();
    let mut order = Order::new(fresh, argo);
    let inconclusive = argo.pauses.iter().any(|why| why.starts_with("Inconclusive"));
    order.take_away("pauseConditions");
    if inconclusive && argo.controller_pause {
        // The controller would come to the same conclusion of the same step: the plugin goes one step on.
        order.add("controllerPause", json!(false));
        if let Some(at) = argo.at {
            order.add("currentStepIndex", json!(at.saturating_add(1).min(argo.steps.len())));
        }
        order.warn(Severity::Warning, "the analysis came to no conclusion: going on leaves it behind");
    }
    let next = argo.steps.get(argo.step() + 1);
    order.differs("pause", argo.pauses.join(", "), "none");
    let next = next.map_or("the last step is done".to_owned(), |step| format!("next comes {step}"));
    let promise = Promise::WentOn { step: argo.step() };
    let mut edit =
        order.edit(cluster, format!("lets {name} go on: {next}"), promise, "abort it, or pause it");
    if fresh.workload.paused {
        let also = act::switch(fresh, cluster, Verb::Resume);
        edit.requests.extend(also.requests);
        edit.differences.extend(also.differences);
    }
    edit
}

/// Everything at once, whatever the steps say.
fn promote_fully(fresh: &Fresh, argo: &Argo, cluster: &SafeText) -> Edit {
    let name = fresh.workload.named();
    let mut order = Order::new(fresh, argo);
    order.add("promoteFull", json!(true));
    let left = argo.steps.get(argo.step()..).unwrap_or_default();
    let words = left.iter().map(SafeText::as_str).collect::<Vec<_>>().join(", ");
    if argo.promoted() {
        order.warn(
            Severity::Blocking,
            "what is asked for has all the traffic already: there is nothing to skip",
        );
    } else if argo.aborted {
        order.warn(Severity::Blocking, "the rollout is aborted: retry it first");
    } else {
        order.warn(
            Severity::Warning,
            format!("every step that is left is skipped, and with them their pauses and analyses: {words}"),
        );
    }
    order.differs("steps left", &words, "none");
    let promise = Promise::Runs { artifact: fresh.asked() };
    let mut edit = order.edit(
        cluster,
        format!("promotes {name} fully: all traffic at once"),
        promise,
        "roll back to the stable revision",
    );
    if fresh.workload.paused {
        let also = act::switch(fresh, cluster, Verb::Resume);
        edit.requests.extend(also.requests);
        edit.differences.extend(also.differences);
    }
    edit
}

/// All traffic back to the stable revision. What is asked for stays what it was.
fn abort(fresh: &Fresh, argo: &Argo, cluster: &SafeText) -> Edit {
    let name = fresh.workload.named();
    let mut order = Order::new(fresh, argo);
    order.add("abort", json!(true));
    if argo.aborted {
        order.warn(Severity::Blocking, format!("{name} is aborted already"));
    } else if argo.promoted() || matches!(phase(&fresh.workload), Phase::Done | Phase::ScaledToZero) {
        order.warn(Severity::Blocking, "nothing rolls out: there is nothing to abort");
    }
    order.warn(
        Severity::Note,
        format!(
            "an abort leaves {} in the specification: roll back to the stable revision, or revert it in Git, afterwards",
            fresh.asked().label()
        ),
    );
    order.differs("traffic", "shared with the coming revision", "all to the stable revision");
    order.edit(
        cluster,
        format!("aborts the rollout of {name}: the stable revision gets all traffic"),
        Promise::Aborted,
        "retry it, or roll back to the stable revision",
    )
}

/// The aborted rollout begins again.
fn retry(fresh: &Fresh, argo: &Argo, cluster: &SafeText) -> Edit {
    let name = fresh.workload.named();
    let mut order = Order::new(fresh, argo);
    order.add("abort", json!(false));
    if !argo.aborted {
        order.warn(Severity::Blocking, format!("{name} is not aborted"));
    }
    order.warn(
        Severity::Warning,
        format!("{} gets traffic again, from the first step on", fresh.asked().label()),
    );
    order.differs("rollout", "aborted", "begins again");
    order.edit(
        cluster,
        format!("retries the rollout of {name} from its first step"),
        Promise::Retried,
        "abort it",
    )
}
