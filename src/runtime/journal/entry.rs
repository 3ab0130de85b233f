//! What is recorded: one constructor for each kind of line.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::chain::hex;
use crate::action::Plan;
use crate::domain::{ActionId, Difference, Fault, Outcome, Reached, Receipt, SafeText, Step};

/// What goes into one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub(super) kind: &'static str,
    pub(super) action: ActionId,
    pub(super) body: Map<String, Value>,
}
impl Entry {
    fn new(kind: &'static str, action: &ActionId, body: Value) -> Self {
        let body = match body {
            Value::Object(map) => map,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        Self { kind, action: action.clone(), body }
    }

    /// A confirmed plan: what is wanted, what was shown, what it rests on.
    #[must_use]
    pub fn intent(action: &ActionId, plan: &Plan) -> Self {
        Self::new(
            "intent",
            action,
            json!({
                "title": plan.title,
                "intent": plan.intent,
                "plan": plan.fingerprint,
                "as": plan.prepared.identity,
                "steps": plan.prepared.steps.iter().map(step_record).collect::<Vec<_>>(),
                "basis": plan.prepared.basis,
                "hazards": plan.hazards,
                "promise": plan.prepared.promise,
                "evidence": plan.evidence,
            }),
        )
    }

    /// A step that is about to be sent.
    #[must_use]
    pub fn sending(action: &ActionId, step: &Step) -> Self {
        Self::new(
            "sending",
            action,
            json!({ "source": step.source, "method": step.method, "path": step.path }),
        )
    }

    /// What the source answered, or that it did not.
    #[must_use]
    pub fn answer(action: &ActionId, answer: &Result<Receipt, Fault>) -> Self {
        match answer {
            Ok(receipt) => Self::new("receipt", action, json!({ "receipt": receipt })),
            Err(fault) if fault.reached == Reached::Perhaps => {
                Self::new("no-answer", action, json!({ "fault": fault }))
            }
            Err(fault) => Self::new("declined", action, json!({ "fault": fault })),
        }
    }

    /// The world moved: nothing was sent.
    #[must_use]
    pub fn moved(action: &ActionId, differences: &[Difference]) -> Self {
        Self::new("moved", action, json!({ "differences": differences }))
    }

    /// Nothing was sent, for another reason.
    #[must_use]
    pub fn not_sent(action: &ActionId, why: &SafeText) -> Self {
        Self::new("not-sent", action, json!({ "why": why }))
    }

    /// What came of an action.
    #[must_use]
    pub fn outcome(action: &ActionId, outcome: &Outcome) -> Self {
        Self::new("outcome", action, json!({ "outcome": outcome.word(), "what": outcome.text() }))
    }
}

/// A request as it is recorded: what was shown of its body, and the hash of what is really sent.
fn step_record(step: &Step) -> Value {
    json!({
        "source": step.source, "method": step.method, "path": step.path, "content_type": step.content_type,
        "effect": step.effect, "body": step.shown_body(),
        "body_sha256": step.body.as_ref().map(|b| hex(&Sha256::digest(b.as_bytes()))),
    })
}
