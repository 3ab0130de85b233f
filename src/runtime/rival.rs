//! Who was first: what the journal knows of another action on the same thing.
//!
//! A server that refuses a late request rarely says who came before. Where both were done from this machine, the shared
//! journal does. It tells what it holds and blames nobody: what was done from elsewhere is the providers' to name.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize as _;
use serde_json::Value;

use super::journal::Line;
use crate::action::Plan;
use crate::domain::{ActionId, Difference, Intent, SafeText, Target};

/// How much of the journal's end is read: far more than is written while a plan is fresh.
pub(super) const TAIL: u64 = 1 << 20;

/// How long another action that is under way may take to be answered before it is told of as it is, and how often it is
/// asked about.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
pub(super) const GLANCE: Duration = Duration::from_millis(40);

/// Another action on the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rival {
    title: SafeText,
    by: SafeText,
    at: Timestamp,
    standing: Standing,
}

/// How far it has come. The later ones tell more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It was sent, or is about to be; the answer is still to come.
    UnderWay,
    /// It was sent, and there was no answer.
    Unanswered,
    /// The source accepted it.
    Accepted,
}

impl Rival {
    /// Whether nothing more will be learnt by waiting.
    pub(super) fn settled(&self) -> bool {
        self.standing != Standing::UnderWay
    }

    /// In the form of everything else that is different now.
    pub(super) fn difference(&self) -> Difference {
        let at = self.at.strftime("%H:%M:%S UTC");
        let state = match self.standing {
            Standing::UnderWay => "under way since",
            Standing::Unanswered => "sent and not answered at",
            Standing::Accepted => "accepted at",
        };
        Difference {
            what: "the journal's newest action here".into(),
            old: "none".into(),
            new: SafeText::new(&format!("\"{}\" by {}, {state} {at}", self.title, self.by)),
        }
    }
}

/// The newest other action on what `plan` is about, as far as it may have come between the plan and its request.
pub(super) fn among(lines: &[Line], ours: &ActionId, plan: &Plan) -> Option<Rival> {
    let is_ours = |line: &&Line| line.action == ours.0;
    let intent = lines.iter().rfind(|line| is_ours(line) && line.kind == "intent")?;
    let fresh = SignedDuration::try_from(plan.max_age).unwrap_or(SignedDuration::MAX);
    let from = intent.time.checked_sub(fresh).unwrap_or(Timestamp::MIN);
    let late = lines.iter().filter(|line| line.time >= from && !is_ours(line) && line.kind == "intent");
    late.filter(|line| concerns(line, &plan.intent))
        .filter_map(|line| standing(lines, line))
        .max_by_key(|rival| (rival.standing, rival.at))
}

/// Whether an intent's line is about the same thing at the same source.
fn concerns(line: &Line, wanted: &Intent) -> bool {
    let Some(other) = line.body.get("intent").and_then(|intent| Intent::deserialize(intent).ok()) else {
        return false;
    };
    let same_run = match (&other.target, &wanted.target) {
        (Target::Gate(theirs), Target::Gate(ours)) => return other.source == wanted.source && theirs == ours,
        (Target::Run(theirs), Target::Run(ours)) => theirs == ours,
        (Target::Run(run), Target::Gate(gate)) | (Target::Gate(gate), Target::Run(run)) => *run == gate.run,
        _ => false,
    };
    let same_place = other.place.is_some() && other.place == wanted.place;
    other.source == wanted.source && (same_run || same_place)
}

/// How far the action of an intent's line has come; `None` if it was not sent, or had no effect.
fn standing(lines: &[Line], intent: &Line) -> Option<Rival> {
    let last = lines.iter().rfind(|line| line.action == intent.action && line.kind != "outcome")?;
    let standing = match last.kind.as_str() {
        "receipt" => Standing::Accepted,
        "intent" | "sending" => Standing::UnderWay,
        "no-answer" => Standing::Unanswered,
        _ => return None,
    };
    let title = intent.body.get("title").and_then(Value::as_str).unwrap_or("an action");
    Some(Rival { title: SafeText::new(title), by: intent.actor.clone(), at: last.time, standing })
}
