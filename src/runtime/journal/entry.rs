//! What is recorded: one constructor for each kind of line.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::chain::hex;
use crate::action::{Plan, Saga};
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

    /// The rules that a plan overrides, and why: recorded before the intent itself.
    #[must_use]
    pub fn break_glass(action: &ActionId, plan: &Plan) -> Self {
        let rules: Vec<Value> = plan
            .overrides
            .iter()
            .map(|breach| json!({ "rule": breach.rule, "refusal": breach.refusal }))
            .collect();
        Self::new(
            "break-glass",
            action,
            json!({
                "title": plan.title, "plan": plan.fingerprint, "as": plan.prepared.identity,
                "overrides": rules, "justification": plan.intent.reason,
            }),
        )
    }

    /// Several targets at once: every one with the action that carries it out and the fingerprint of its plan, recorded
    /// before the intent of the first.
    #[must_use]
    pub fn saga(saga: &Saga) -> Self {
        Self::new("saga", &saga.id, json!({ "title": saga.title(), "plan": saga.fingerprint, "saga": saga }))
    }

    /// A later session takes up an action without an outcome: it looks, and never sends.
    #[must_use]
    pub fn resumed(action: &ActionId) -> Self {
        Self::new("resumed", action, json!({}))
    }

    /// A confirmed plan: what is wanted, what was shown, what it rests on. `shown` is the plan as a later session needs
    /// it to find out what came of it; bodies of requests are in it as they were shown, with what they hide hidden.
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
                "after": plan.after,
                "saga": plan.part,
                "tzdb": (!plan.freeze.is_empty()).then(crate::domain::freeze::tzdb),
                "steps": plan.prepared.steps.iter().map(step_record).collect::<Vec<_>>(),
                "ships": plan.changes.as_ref().map(|changes| json!({
                    "commits": changes.total, "lost": changes.lost, "tickets": changes.tickets,
                })),
                "shown": shown(plan),
            }),
        )
    }

    /// A step that is about to be sent; which one, from 1.
    #[must_use]
    pub fn sending(action: &ActionId, step: &Step, number: usize) -> Self {
        Self::new(
            "sending",
            action,
            json!({ "step": number, "source": step.source, "method": step.method, "path": step.path }),
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

/// The plan without the change set (`ships` has its sum) and with bodies as they were shown.
fn shown(plan: &Plan) -> Plan {
    let mut shown = Plan { changes: None, ..plan.clone() };
    for step in &mut shown.prepared.steps {
        step.body = step.shown_body();
    }
    shown
}

/// A request as it is recorded: what was shown of its body, and the hash of what is really sent.
fn step_record(step: &Step) -> Value {
    json!({
        "source": step.source, "method": step.method, "path": step.path,
        "body_sha256": step.body.as_ref().map(|b| hex(&Sha256::digest(b.as_bytes()))),
    })
}
