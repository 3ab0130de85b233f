//! What the commands print as JSON. The shapes are documented in docs/json.md, whose schemas the tests check the
//! program's output against. Within one `schema` number members are only ever added.

use serde_json::{Value, json};

use super::deed::pick::{Candidate, gate_id};
use super::deed::words;
use crate::action::{Plan, Refused};
use crate::app::Model;
use crate::app::model::{Action, Origin};
use crate::domain::service::{Confirm, ReasonRule};
use crate::domain::{Artifact, Gate, Guard, Permission};

/// The number of these shapes.
pub(super) const SCHEMA: u32 = 1;

/// A version.
pub(super) fn artifact(artifact: &Artifact) -> Value {
    json!({
        "label": artifact.label(), "version": artifact.version, "image": artifact.image,
        "digest": artifact.digest, "revision": artifact.revision.as_ref().map(|r| r.as_str().to_owned()),
    })
}

/// A gate that waits.
pub(super) fn gate(model: &Model, gate: &Gate) -> Value {
    let changes = gate.place().and_then(|place| model.changes.get(&place));
    json!({
        "id": gate_id(&gate.key),
        "service": gate.key.run.service, "environment": gate.environment, "title": gate.title,
        "source": gate.key.run.source, "run": gate.key.run.id, "run_number": gate.run_number,
        "attempt": gate.key.attempt, "revision": gate.revision.as_str(), "branch": gate.branch,
        "since": gate.since, "asked_by": gate.asked_by, "waits_for": gate.waits_for,
        "may_decide": gate.may_decide, "reviewers": gate.reviewers, "url": gate.url,
        "quorum": gate.quorum, "no_reject": gate.no_reject, "asks": gate.asks,
        "plan": gate.plan, "expires": gate.expires,
        "changes": changes.map(|c| words::change_set(c)),
    })
}

/// A plan, with what it rests on and what names it.
pub(super) fn plan(plan: &Plan) -> Value {
    let prepared = &plan.prepared;
    json!({
        "title": plan.title,
        "fingerprint": plan.fingerprint,
        "verb": plan.intent.verb, "service": plan.intent.service,
        "environment": plan.intent.place.as_ref().map(|p| &p.environment),
        "source": plan.intent.source, "reason": plan.intent.reason,
        "requests": prepared.steps.iter().map(|step| json!({
            "source": step.source, "method": step.method, "path": step.path,
            "content_type": step.content_type, "body": step.shown_body(), "effect": step.effect,
        })).collect::<Vec<_>>(),
        "form": prepared.form,
        "basis": prepared.basis,
        "from": prepared.from.as_ref().map(artifact), "to": prepared.to.as_ref().map(artifact),
        "differences": prepared.differences,
        "hazards": plan.hazards,
        "changes": plan.changes.as_ref().map(|c| words::change_set(c)),
        "promise": prepared.promise.to_string(),
        "deadline_seconds": prepared.deadline.as_secs(),
        "way_back": prepared.way_back,
        "guard": match &prepared.guard { Guard::Server(_) => "server", Guard::LookAgain(_) => "look-again" },
        "permission": match &prepared.permission {
            Permission::Granted => "granted", Permission::Denied(_) => "denied", Permission::Untold => "untold",
        },
        "identity": prepared.identity,
        "evidence": plan.evidence.iter().map(|part| json!({
            "source": part.source, "age_seconds": part.age.as_secs(), "fault": part.fault,
        })).collect::<Vec<_>>(),
        "overrides": plan.overrides.iter().map(|b| b.rule.word()).collect::<Vec<_>>(),
        "confirm": match plan.confirm { Confirm::Press => "yes", Confirm::TypeName => "name" },
        "phrase": plan.phrase,
        "reason_required": plan.reason == ReasonRule::Required,
    })
}

/// A refusal, the rules in the way, and what could have been meant.
pub(super) fn refusal(refused: &Refused, candidates: &[Candidate]) -> Value {
    let refusal = &refused.refusal;
    json!({
        "cause": refusal.cause, "evidence": refusal.evidence, "next": refusal.next,
        "rules": refused.breaches.iter().map(|breach| json!({
            "rule": breach.rule.word(), "cause": breach.refusal.cause,
            "evidence": breach.refusal.evidence, "next": breach.refusal.next,
        })).collect::<Vec<_>>(),
        "candidates": candidates.iter().map(|c| json!({ "id": c.id, "label": c.label })).collect::<Vec<_>>(),
    })
}

/// An action with everything that happened to it so far.
pub(super) fn action(action: &Action) -> Value {
    use crate::app::model::ActionStage;
    let outcome = match &action.stage {
        ActionStage::Ended(outcome) => json!({ "word": outcome.word(), "text": outcome.text() }),
        _ => Value::Null,
    };
    json!({
        "id": action.id, "title": action.plan.title,
        "fingerprint": action.plan.fingerprint,
        "earlier_session": matches!(action.origin, Origin::Earlier { .. }),
        "sent": action.sent.is_some(),
        "steps": action.trail.iter().map(|(at, text)| json!({ "time": at.wall, "text": text })).collect::<Vec<_>>(),
        "outcome": outcome,
    })
}
