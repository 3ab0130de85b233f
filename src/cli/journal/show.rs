//! `gonogo journal show`: action by action, for a person or as JSON.

use jiff::Timestamp;
use serde_json::json;

use super::lines::{Action, actions, every_line, inert, said, targets};
use super::{Located, since, unsound};
use crate::cli::{Done, Failure, code, say};
use crate::runtime::journal::Line;

/// Options of `gonogo journal show`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only this action
    #[arg(long, value_name = "ID")]
    action: Option<String>,
    /// Only actions with a line since then: a moment, a day, or how long ago (36h)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
    /// Only actions that are not known to be over: without an outcome, or in doubt
    #[arg(long)]
    open: bool,
}

impl Args {
    fn wants(&self, action: &Action<'_>) -> bool {
        let named = |line: &&Line| self.action.as_ref().is_none_or(|id| line.action == id.as_str());
        let recent = |line: &&Line| self.since.is_none_or(|since| line.time >= since);
        action.lines.iter().any(named) && action.lines.iter().any(recent) && (!self.open || action.is_open())
    }
}

/// Prints the journal; what holds of it, if it is damaged.
pub(super) fn run(args: &Args, located: &Located) -> Done {
    let (lines, report) = every_line(&located.path)?;
    let all = actions(&lines);
    let wanted: Vec<&Action<'_>> = all.iter().filter(|action| args.wants(action)).collect();
    let text = if args.json {
        as_json(&wanted, &all)?
    } else {
        wanted.iter().map(|action| as_text(action, &all)).collect()
    };
    say(&text)?;
    unsound(&located.path, report)?;
    Ok(code::OK)
}

/// When, who, what and what came of it; the truth about each target of a saga; then its lines.
fn as_text(action: &Action<'_>, all: &[Action<'_>]) -> String {
    let Some(first) = action.lines.first() else { return String::new() };
    let end = match action.end() {
        Some(line) => format!("  →  {}", said(line)),
        None if action.is_open() => "  →  open".to_owned(),
        None => String::new(),
    };
    let mut out =
        format!("{}  {}  {}  {}{end}\n", moment(first.time), first.action, first.actor, action.title());
    for (told, number) in targets(action, all).iter().zip(1..) {
        out.push_str(&format!(
            "  {number:>6}. {:<12}  {}  {}\n",
            told.truth.as_str(),
            told.title,
            told.action
        ));
    }
    for line in &action.lines {
        out.push_str(&format!(
            "  {:>6}  {}  {:<9}  {}\n",
            line.seq,
            moment(line.time),
            line.kind,
            said(line)
        ));
    }
    out
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn as_json(actions: &[&Action<'_>], all: &[Action<'_>]) -> Result<String, Failure> {
    let list: Vec<_> = actions
        .iter()
        .map(|action| {
            let first = action.lines.first();
            let targets = targets(action, all);
            json!({
                "targets": (!targets.is_empty()).then_some(targets),
                "action": first.map(|line| &line.action), "actor": first.map(|line| &line.actor),
                "time": first.map(|line| line.time), "title": action.title(), "open": action.is_open(),
                "end": action.end().map(said), "lines": action.lines,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "schema": 1, "actions": list }));
    text.map(|t| inert(&t) + "\n").map_err(|error| Failure::new(code::FAILED, error.to_string()))
}
