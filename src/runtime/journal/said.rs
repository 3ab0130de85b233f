//! What a line of the journal says, for people: one sentence for each kind.

use serde_json::Value;

use super::Line;
use crate::domain::{ActionId, Record, SafeText};

impl Line {
    /// The line as the screen shows it.
    #[must_use]
    pub fn record(&self) -> Record {
        Record {
            seq: self.seq,
            at: self.time,
            kind: self.kind.clone(),
            action: ActionId(self.action.clone()),
            actor: self.actor.clone(),
            says: said(self),
            open: self.kind == "outcome"
                && self.body.get("outcome").and_then(Value::as_str) == Some("in doubt"),
        }
    }
}

/// What a line says, in one line.
#[must_use]
pub fn said(line: &Line) -> SafeText {
    let text = |pointer: &str| match line.body.pointer(pointer) {
        Some(Value::String(text)) => SafeText::new(text),
        Some(other) => SafeText::new(&other.to_string()),
        None => SafeText::default(),
    };
    match line.kind.as_str() {
        "intent" | "saga" => text("/title"),
        "sending" => SafeText::new(&format!("{} {}", text("/method"), text("/path"))),
        "receipt" => SafeText::new(&format!("{} {}", text("/receipt/status"), text("/receipt/says"))),
        "no-answer" | "declined" => text("/fault/detail"),
        "moved" => differences(&line.body),
        "not-sent" => text("/why"),
        "outcome" => SafeText::new(&format!("{}: {}", text("/outcome"), text("/what"))),
        "resumed" => "found without an outcome by a later session, which looks and sends nothing".into(),
        "break-glass" => broken(&line.body),
        "torn" => SafeText::new(&format!(
            "{} bytes of an unfinished write were set aside in {}",
            text("/bytes"),
            text("/aside")
        )),
        "segment" => SafeText::new(&format!(
            "goes on here after line {}, because a write failed: {}",
            text("/after/count"),
            text("/cause")
        )),
        // Kinds of later versions.
        _ => SafeText::new(&line.body.to_string()),
    }
}

/// `overrides freeze (checkout in production is frozen until ...): checkout is down, INC-4711`.
fn broken(body: &Value) -> SafeText {
    let rule = |one: &Value| {
        let text =
            |pointer: &str| one.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{} ({})", text("/rule"), text("/refusal/cause"))
    };
    let rules: Vec<String> =
        body.get("overrides").and_then(Value::as_array).into_iter().flatten().map(rule).collect();
    let why = body.get("justification").and_then(Value::as_str).unwrap_or_default();
    SafeText::new(&format!("overrides {}: {why}", rules.join(", ")))
}

fn differences(body: &Value) -> SafeText {
    let list = body.pointer("/differences").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |difference: &Value| {
        let text = |name: &str| difference.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{} was {}, is {}", text("what"), text("old"), text("new"))
    };
    SafeText::new(&list.iter().map(one).collect::<Vec<_>>().join("; "))
}
