//! The journal's lines, read for people: what each says, and the actions that they belong to.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::unreadable;
use crate::cli::Failure;
use crate::domain::SafeText;
pub(super) use crate::runtime::journal::said;
use crate::runtime::journal::{JournalError, Line, RealDisk, Report, examine};

/// Every line that holds, with what was found.
pub(super) fn every_line(path: &Path) -> Result<(Vec<(String, Line)>, Report), Failure> {
    let mut lines: Vec<(String, Line)> = Vec::new();
    let mut failed = None;
    let mut keep = |raw: &[u8]| match serde_json::from_slice(raw) {
        Ok(line) => lines.push((String::from_utf8_lossy(raw).into_owned(), line)),
        Err(error) if failed.is_none() => failed = Some((lines.len() as u64 + 1, error.to_string())),
        Err(_) => {}
    };
    let report = examine(&RealDisk, path, &[], &mut keep).map_err(|error| unreadable(path, &error))?;
    match failed {
        Some((line, what)) => Err(unreadable(path, &JournalError::Broken { line, what })),
        None => Ok((lines, report)),
    }
}

/// The lines of one action; the journal's lines about itself are one each.
pub(super) struct Action<'a> {
    pub(super) lines: Vec<&'a Line>,
}

impl<'a> Action<'a> {
    /// The line that says what came of it, so far.
    pub(super) fn end(&self) -> Option<&'a Line> {
        let ends = |kind: &str| matches!(kind, "outcome" | "moved" | "not-sent" | "declined");
        self.lines.iter().rfind(|line| ends(line.kind.as_str())).copied()
    }

    /// Whether it was wanted and is not known to be over: no outcome, or one in doubt.
    pub(super) fn is_open(&self) -> bool {
        let wanted = self.lines.iter().any(|line| matches!(line.kind.as_str(), "intent" | "saga"));
        let doubt = |line: &Line| line.body.get("outcome").and_then(Value::as_str) == Some("in doubt");
        wanted && self.end().is_none_or(doubt)
    }

    /// How far it came, in one word.
    fn truth(&self) -> &'a str {
        let outcome = self.lines.iter().rfind(|line| line.kind == "outcome");
        let word = outcome.and_then(|line| line.body.get("outcome")).and_then(Value::as_str);
        let has = |kind: &str| self.lines.iter().any(|line| line.kind == kind);
        match word {
            Some(word) => word,
            None if has("moved") || has("not-sent") || has("declined") => "not applied",
            None if has("sending") => "sent",
            None if has("intent") => "recorded",
            None => "not started",
        }
    }

    pub(super) fn title(&self) -> SafeText {
        let intent = self.lines.iter().find(|line| line.kind == "intent").or(self.lines.first());
        intent.map(|line| said(line)).unwrap_or_default()
    }
}

/// One target of a saga, as the journal tells it.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// The action that carries it out.
    pub(super) action: SafeText,
    /// What is wanted there.
    pub(super) title: SafeText,
    /// `not started`, `recorded`, `sent`, or the word of its outcome.
    pub(super) truth: SafeText,
}

/// The targets of a saga with the truth about each; none of what is no saga.
pub(super) fn targets(saga: &Action<'_>, all: &[Action<'_>]) -> Vec<Told> {
    let line = saga.lines.iter().find(|line| line.kind == "saga");
    let members = line.and_then(|line| line.body.pointer("/saga/members")).and_then(Value::as_array);
    let told = |member: &Value| {
        let text = |name: &str| SafeText::new(member.get(name).and_then(Value::as_str).unwrap_or_default());
        let id = text("action");
        let own = all.iter().find(|action| action.lines.first().is_some_and(|line| line.action == id));
        Told {
            truth: SafeText::new(own.map_or("not started", Action::truth)),
            title: text("title"),
            action: id,
        }
    };
    members.into_iter().flatten().map(told).collect()
}

/// The actions in the order in which they began.
pub(super) fn actions(lines: &[(String, Line)]) -> Vec<Action<'_>> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut actions: Vec<Action<'_>> = Vec::new();
    for (_, line) in lines {
        let own = matches!(line.kind.as_str(), "torn" | "segment");
        match known.get(line.action.as_str()).and_then(|at| actions.get_mut(*at)) {
            Some(action) if !own => action.lines.push(line),
            _ => {
                if !own {
                    known.insert(line.action.as_str(), actions.len());
                }
                actions.push(Action { lines: vec![line] });
            }
        }
    }
    actions
}

/// JSON in which nothing steers a terminal: such characters are written as escapes. What this program wrote has none.
pub(super) fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let mut buffer = [0; 4];
        if c.is_ascii() || SafeText::new(c.encode_utf8(&mut buffer)) == *c.encode_utf8(&mut [0; 4]) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_in_json_and_means_the_same() {
        let json = "{\"a\":\"größer \u{9b}31m \u{202e} \u{e0041}\"}";
        let safe = inert(json);
        assert_eq!(safe, "{\"a\":\"größer \\u009b31m \\u202e \\udb40\\udc41\"}");
        let (one, other): (Value, Value) =
            (serde_json::from_str(json).unwrap(), serde_json::from_str(&safe).unwrap());
        assert_eq!(one, other);
    }
}
