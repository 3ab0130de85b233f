//! The review at the end of a drill: what happened when, how long until it was noticed and cured, whether the task was
//! done, and what the journal says.

use std::path::Path;
use std::time::Duration;

use crate::app::Model;
use crate::app::incident::Incident;
use crate::app::leaving::Parting;
use crate::app::model::ActionStage;
use crate::domain::record::deeds;
use crate::domain::time::spoken;
use crate::domain::{Now, Record};
use crate::runtime::journal::{Line, RealDisk, examine};

/// What was to be done, and how the world is.
pub(super) struct Drill {
    pub task: String,
    pub goals: Vec<Goal>,
}

/// One thing that should be true at the end.
pub(super) struct Goal {
    /// What should be.
    pub what: String,
    /// What is.
    pub is: String,
    pub reached: bool,
}

/// The whole review.
pub(super) fn text(model: &Model, drill: &Drill, journal: Option<&Path>) -> String {
    let mut out = format!("DRILL    {}\n", drill.task);
    for goal in &drill.goals {
        let (mark, rest) = if goal.reached {
            ("✓", String::new())
        } else {
            ("✗", format!(": it runs {}", if goal.is.is_empty() { "nothing" } else { goal.is.as_str() }))
        };
        out.push_str(&format!("         {mark} {}{rest}\n", goal.what));
    }
    out.push_str("\nWHAT HAPPENED\n");
    out.push_str(&timeline(model));
    if !model.incidents.is_empty() {
        out.push_str("\nHOW LONG IT TOOK\n");
        model.incidents.iter().for_each(|incident| out.push_str(&told(incident, model.now)));
    }
    out.push_str("\nTHE JOURNAL\n");
    out.push_str(&recorded(journal));
    out
}

/// Events and the steps of every action, in the order of time, each with its distance from the start.
fn timeline(model: &Model) -> String {
    let mut lines: Vec<(Now, String)> = model
        .activity
        .iter()
        .map(|event| {
            let about = event.service.as_ref().map(ToString::to_string);
            let about = about.or_else(|| event.source.as_ref().map(ToString::to_string)).unwrap_or_default();
            (event.at, format!("{about:<12} {}", event.text))
        })
        .collect();
    for action in &model.actions {
        let steps = action.trail.iter().map(|(at, text)| (*at, format!("{:<12}   {text}", "")));
        // The first step and the outcome are events already.
        lines.extend(steps.skip(1).take(action.trail.len().saturating_sub(2)));
    }
    lines.sort_by_key(|(at, _)| at.mono);
    if lines.is_empty() {
        return "  nothing\n".to_owned();
    }
    lines
        .iter()
        .map(|(at, text)| {
            let since = at.since(model.began).as_secs();
            format!("  {}  +{:>2}:{:02}  {text}\n", at.wall.strftime("%H:%M:%S"), since / 60, since % 60)
        })
        .collect()
}

/// `search: NO-GO for 1 min 3 s; noticed after 8 s, acted on after 12 s`.
fn told(incident: &Incident, now: Now) -> String {
    let after = |at: Option<Now>, what: &str| match at {
        Some(at) => format!("{what} after {}", brief(at.since(incident.began))),
        None => format!("not {what}"),
    };
    let lasted = match incident.over {
        Some(over) => format!("NO-GO for {}", brief(over.since(incident.began))),
        None => format!("still NO-GO after {}", brief(now.since(incident.began))),
    };
    format!(
        "  {}: {lasted}; {}, {}\n    {}\n",
        incident.service,
        after(incident.noticed, "noticed"),
        after(incident.acted, "acted on"),
        incident.why
    )
}

fn brief(duration: Duration) -> String {
    if duration < Duration::from_secs(1) { "less than 1 s".to_owned() } else { spoken(duration) }
}

/// How many actions are recorded, what came of each, and whether the chain holds.
fn recorded(journal: Option<&Path>) -> String {
    let Some(path) = journal else { return "  there is no place for one\n".to_owned() };
    let mut records: Vec<Record> = Vec::new();
    let mut keep = |raw: &[u8]| records.extend(serde_json::from_slice::<Line>(raw).ok().map(|l| l.record()));
    let report =
        match examine(&RealDisk, path, &[], &mut keep).and_then(crate::runtime::journal::Report::sound) {
            Ok(report) if report.chain.count == 0 => {
                return "  nothing was done, so nothing is recorded\n".to_owned();
            }
            Ok(report) => format!("  {} lines, the chain holds\n", report.chain.count),
            Err(_) if !path.exists() => return "  nothing was done, so nothing is recorded\n".to_owned(),
            Err(error) => format!("  {error}\n"),
        };
    let mut out = report;
    for deed in deeds(&records).iter().rev() {
        let Some(intent) = deed.intent() else { continue };
        let end = deed.end().map_or("no outcome is recorded", |end| end.says.as_str());
        out.push_str(&format!(
            "  {}  {}  {}  {end}\n",
            intent.at.strftime("%H:%M:%S"),
            intent.actor,
            intent.says
        ));
    }
    out
}

/// What was done in a session, in a few lines that stay in the terminal: of a summary also how long it was, and that
/// nothing was done.
pub(super) fn farewell(model: &Model) -> String {
    let mut said = String::new();
    if model.parting == Parting::Summary {
        let (from, to) = (model.began.wall.strftime("%F %H:%M"), model.now.wall.strftime("%H:%M UTC"));
        let lasted = spoken(model.now.since(model.began));
        let count = match model.actions.len() {
            0 => "nothing was done".to_owned(),
            1 => "1 action".to_owned(),
            n => format!("{n} actions"),
        };
        said.push_str(&format!("gonogo, {from} to {to} ({lasted}): {count}\n"));
    }
    let told = model.actions.iter().map(|action| match &action.stage {
        ActionStage::Ended(outcome) => {
            format!("{}: {}: {}\n", action.plan.title, outcome.word(), outcome.text())
        }
        _ => format!("{}: in doubt: left before it was proved\n", action.plan.title),
    });
    said.extend(told);
    said
}
