//! What earlier sessions left in the journal without an outcome, and taking it up.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::journal::{Entry, Journal, JournalError, Line};
use super::session::{Holder, Sessions, session_of};
use crate::action::{Plan, Saga};
use crate::app::deed::resume::{Reached, Unfinished};
use crate::app::joint::LeftSaga;
use crate::domain::time::ago;
use crate::domain::{ActionId, Fault, Outcome, SafeText};

/// Actions that ended in doubt, or not at all, longer ago than this are not taken up by themselves any more;
/// `gonogo journal show --open` still lists them.
pub const RECENT: Duration = Duration::from_secs(24 * 3_600);

/// How much of the journal's end is read, in bytes: enough for a day, quick for years.
const WINDOW: u64 = 8 << 20;

/// One action as the lines tell it so far.
struct Told {
    plan: Box<Plan>,
    reached: Reached,
    accepted: usize,
    by: SafeText,
    at: Timestamp,
    /// Whether an outcome is recorded that leaves nothing open.
    settled: bool,
}

/// The actions that have no outcome, or whose outcome is in doubt, oldest first. Lines that cannot be understood tell
/// nothing: whether the journal is sound is `verify`'s question.
pub fn unfinished(lines: impl IntoIterator<Item = Line>) -> Vec<Unfinished> {
    let mut told: BTreeMap<ActionId, Told> = BTreeMap::new();
    let mut order = Vec::new();
    for line in lines {
        let id = ActionId(line.action.clone());
        if line.kind == "intent" {
            if let Some(begun) = begun(&line) {
                told.insert(id.clone(), begun);
                order.push(id);
            }
        } else if let Some(action) = told.get_mut(&id) {
            action.hear(&line);
        }
    }
    let open = |id: ActionId| {
        let Told { plan, reached, accepted, by, at, settled } = told.remove(&id)?;
        (!settled).then_some(Unfinished { id, plan, reached, accepted, by, at })
    };
    order.into_iter().filter_map(open).collect()
}

fn begun(line: &Line) -> Option<Told> {
    let plan = serde_json::from_value(line.body.get("shown")?.clone()).ok()?;
    Some(Told {
        plan: Box::new(plan),
        reached: Reached::Recorded,
        accepted: 0,
        by: line.actor.clone(),
        at: line.time,
        settled: false,
    })
}

impl Told {
    fn hear(&mut self, line: &Line) {
        match line.kind.as_str() {
            "sending" => self.reached = Reached::Sending,
            "receipt" => (self.reached, self.accepted) = (Reached::Accepted, self.accepted + 1),
            "no-answer" => self.reached = Reached::NoAnswer,
            "declined" => self.reached = Reached::Declined(refused(&line.body)),
            "moved" => self.reached = Reached::Declined("the world had moved, nothing was sent".into()),
            "not-sent" => self.reached = Reached::Declined(text(&line.body, "/why")),
            "outcome" => self.settled = text(&line.body, "/outcome") != "in doubt",
            _ => {}
        }
    }
}

fn refused(body: &Value) -> SafeText {
    let fault = body.get("fault").cloned().and_then(|fault| serde_json::from_value::<Fault>(fault).ok());
    SafeText::new(&format!("the source refused: {}", fault.map(|f| f.to_string()).unwrap_or_default()))
}

fn text(body: &Value, pointer: &str) -> SafeText {
    body.pointer(pointer).and_then(Value::as_str).map(SafeText::new).unwrap_or_default()
}

/// The sagas that have no outcome, or one in doubt, oldest first, with what is recorded of each member. A member without
/// an intent has not begun; one whose outcome leaves something open is told by its own lines.
pub fn unfinished_sagas(lines: &[Line]) -> Vec<LeftSaga> {
    let mut left: Vec<LeftSaga> = Vec::new();
    let mut outcomes: BTreeMap<&str, Outcome> = BTreeMap::new();
    for line in lines {
        match line.kind.as_str() {
            "saga" => {
                let saga = line.body.get("saga").cloned().map(serde_json::from_value::<Saga>);
                left.extend(saga.and_then(Result::ok).map(|saga| LeftSaga {
                    saga,
                    told: Vec::new(),
                    by: line.actor.clone(),
                    at: line.time,
                }));
            }
            "outcome" => {
                if let Some(outcome) = settled(&line.body) {
                    outcomes.insert(line.action.as_str(), outcome);
                }
            }
            _ => {}
        }
    }
    left.retain(|one| !outcomes.contains_key(one.saga.id.0.as_str()));
    for one in &mut left {
        let told = |id: &ActionId| outcomes.get(id.0.as_str()).cloned();
        one.told = one.saga.members.iter().map(|member| told(&member.action)).collect();
    }
    left
}

/// An outcome that leaves nothing open.
fn settled(body: &Value) -> Option<Outcome> {
    let what = text(body, "/what");
    match text(body, "/outcome").as_str() {
        "verified" => Some(Outcome::Verified(what)),
        "not applied" => Some(Outcome::NotApplied(what)),
        "failed" => Some(Outcome::Failed(what)),
        _ => None,
    }
}

/// What sessions that are no longer alive left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// Actions without an outcome, or in doubt.
    pub actions: Vec<Unfinished>,
    /// Sagas without an outcome, or in doubt.
    pub sagas: Vec<LeftSaga>,
}

/// Takes up what sessions that are no longer alive left behind: this process gets their locks, and says so in the
/// journal. What a living session has under way is left to it.
///
/// # Errors
/// When the journal cannot be read or written.
pub fn take_up(journal: &Journal, sessions: &Sessions, now: Timestamp) -> Result<Left, JournalError> {
    let lines: Vec<Line> = journal.recent(WINDOW)?;
    let mut taken = Left::default();
    let ours = |id: &ActionId, at: Timestamp| {
        if ago(now, at) > RECENT {
            return Ok(false);
        }
        match sessions.hold(journal.path(), session_of(id)) {
            Ok(Holder::Us) => journal.append(now, &Entry::resumed(id)).map(|()| true),
            Ok(Holder::Other) => Ok(false),
            Err(error) => {
                tracing::warn!(%error, "a session's lock cannot be taken");
                Ok(false)
            }
        }
    };
    for left in unfinished_sagas(&lines) {
        if ours(&left.saga.id, left.at)? {
            taken.sagas.push(left);
        }
    }
    for left in unfinished(lines) {
        if ours(&left.id, left.at)? {
            taken.actions.push(left);
        }
    }
    Ok(taken)
}
