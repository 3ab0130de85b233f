//! What the Deployment controller reports: counters, the Available and Progressing conditions with their reasons,
//! and the deadline after which a rollout counts as stuck.

use super::deployment::{Report, Sets, max_unavailable, replicas};
use super::fields::seconds;
use super::store::{State, number, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};

impl State {
    /// Says in the conditions that a rollout was paused or resumed.
    pub(super) fn note_pause(&self, deployment: &mut Value, paused: bool) {
        if !has_deadline(deployment) {
            return;
        }
        let reason = condition(deployment, "Progressing").map(|c| text(c, "/reason").to_owned());
        let noted = reason.as_deref() == Some("DeploymentPaused");
        if reason.as_deref() == Some("ProgressDeadlineExceeded") {
            return;
        }
        if paused && !noted {
            put(deployment, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", self.clock);
        } else if !paused && noted {
            put(
                deployment,
                "Progressing",
                "Unknown",
                "DeploymentResumed",
                "Deployment is resumed",
                self.clock,
            );
        }
    }

    /// Writes the status of a Deployment as its ReplicaSets stand.
    pub(super) fn report(&self, deployment: &mut Value, sets: &Sets, report: Report) {
        let before = deployment.get("status").cloned().unwrap_or_else(|| json!({}));
        count(deployment, sets);
        let available = number(deployment, "/status/availableReplicas");
        if available >= replicas(deployment) - max_unavailable(deployment) {
            let message = "Deployment has minimum availability.";
            put(deployment, "Available", "True", "MinimumReplicasAvailable", message, self.clock);
        } else {
            let message = "Deployment does not have minimum availability.";
            put(deployment, "Available", "False", "MinimumReplicasUnavailable", message, self.clock);
        }
        if report == Report::Progress && has_deadline(deployment) {
            self.report_progress(deployment, &before, sets);
        }
    }

    fn report_progress(&self, deployment: &mut Value, before: &Value, sets: &Sets) {
        let current = condition(deployment, "Progressing").cloned();
        let reason = current.as_ref().map(|c| text(c, "/reason").to_owned()).unwrap_or_default();
        let same = |a: &str, b: &str| number(deployment, a) == number(deployment, b);
        if reason == "NewReplicaSetAvailable" && same("/status/replicas", "/status/updatedReplicas") {
            return;
        }
        let name = match &sets.new {
            Some(new) => format!("ReplicaSet \"{}\"", text(new, "/metadata/name")),
            None => format!("Deployment \"{}\"", text(deployment, "/metadata/name")),
        };
        if complete(deployment) {
            let message = format!("{name} has successfully progressed.");
            put(deployment, "Progressing", "True", "NewReplicaSetAvailable", &message, self.clock);
        } else if progressing(deployment, before) {
            let message = format!("{name} is progressing.");
            put(deployment, "Progressing", "True", "ReplicaSetUpdated", &message, self.clock);
        } else if timed_out(deployment, current.as_ref(), self.clock) {
            let message = format!("{name} has timed out progressing.");
            put(deployment, "Progressing", "False", "ProgressDeadlineExceeded", &message, self.clock);
        }
    }
}

fn count(deployment: &mut Value, sets: &Sets) {
    let total = |field: &str| sets.all().map(|s| number(s, field)).sum::<i64>();
    let replicas = total("/status/replicas");
    let available = total("/status/availableReplicas");
    let updated = sets.new.as_ref().map_or(0, |new| number(new, "/status/replicas"));
    let counters = [
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", total("/status/readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (replicas.max(spec_total(sets)) - available).max(0)),
    ];
    let generation = number(deployment, "/metadata/generation");
    set(deployment, &["status", "observedGeneration"], generation.into());
    if let Some(status) = deployment.get_mut("status").and_then(Value::as_object_mut) {
        for (name, value) in counters {
            status.remove(name);
            if value > 0 {
                status.insert(name.into(), value.into());
            }
        }
    }
}

fn spec_total(sets: &Sets) -> i64 {
    sets.all().map(|s| replicas(s)).sum()
}

/// Whether the rollout is done by the controller's own rule.
pub(super) fn complete(deployment: &Value) -> bool {
    let wanted = replicas(deployment);
    ["updatedReplicas", "replicas", "availableReplicas"]
        .iter()
        .all(|counter| number(deployment, &format!("/status/{counter}")) == wanted)
        && number(deployment, "/status/observedGeneration") >= number(deployment, "/metadata/generation")
}

fn progressing(deployment: &Value, before: &Value) -> bool {
    let now = |field: &str| number(deployment, &format!("/status/{field}"));
    let then = |field: &str| number(before, &format!("/{field}"));
    now("updatedReplicas") > then("updatedReplicas")
        || now("replicas") - now("updatedReplicas") < then("replicas") - then("updatedReplicas")
        || now("readyReplicas") > then("readyReplicas")
        || now("availableReplicas") > then("availableReplicas")
}

fn timed_out(deployment: &Value, current: Option<&Value>, now: Timestamp) -> bool {
    let Some(current) = current else { return false };
    match text(current, "/reason") {
        "NewReplicaSetAvailable" => false,
        "ProgressDeadlineExceeded" => true,
        _ => text(current, "/lastUpdateTime").parse::<Timestamp>().is_ok_and(|since| {
            now.duration_since(since).as_secs() >= number(deployment, "/spec/progressDeadlineSeconds")
        }),
    }
}

fn has_deadline(deployment: &Value) -> bool {
    deployment
        .pointer("/spec/progressDeadlineSeconds")
        .and_then(Value::as_i64)
        .is_some_and(|deadline| deadline != i64::from(i32::MAX))
}

/// One condition of a Deployment.
pub(super) fn condition<'a>(deployment: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = deployment.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|c| text(c, "/type") == kind)
}

/// Sets a condition. One with the same status and reason stays as it is, but for a progress report, whose update
/// time moves; the transition time moves only with the status.
pub(super) fn put(
    deployment: &mut Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let current = condition(deployment, kind).cloned();
    let same = |field: &str, value: &str| current.as_ref().is_some_and(|c| text(c, field) == value);
    if same("/status", status) && same("/reason", reason) && reason != "ReplicaSetUpdated" {
        return;
    }
    let transition = match &current {
        Some(current) if text(current, "/status") == status => {
            text(current, "/lastTransitionTime").to_owned()
        }
        _ => seconds(now),
    };
    let new = json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastUpdateTime": seconds(now), "lastTransitionTime": transition
    });
    let mut all =
        deployment.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    all.retain(|c| text(c, "/type") != kind);
    all.push(new);
    set(deployment, &["status", "conditions"], Value::Array(all));
}
