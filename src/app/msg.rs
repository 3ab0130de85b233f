//! Everything that can enter the program, and everything that can leave it. Both sets are closed.

use serde::{Deserialize, Serialize};

use super::key::Stroke;
use super::spot::{Mouse, Point};
use crate::action::{Plan, Saga};
use crate::domain::{ActionId, Ask, Intent, Now, Outcome, Progress, Report, SafeText, SourceName};

/// What enters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Msg {
    /// Time passed. Every batch of messages begins with one.
    Tick(Now),
    /// The operator pressed a key.
    Key(Stroke),
    /// The terminal pasted text: one inert event.
    Paste(SafeText),
    /// The mouse pointed at something, where it is the cockpit's: selects or scrolls, never acts.
    Point(Point),
    /// The terminal has this size now: columns, rows.
    Resize(u16, u16),
    /// A source was looked at.
    Report(Report),
    /// An action got further.
    Progress(Progress),
}

/// What leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Take a fresh look for this intent; the answer bears the ticket.
    Prepare {
        /// Which question this is.
        ticket: u64,
        /// What is wanted.
        intent: Box<Intent>,
    },
    /// Write a saga into the journal, every target with its fingerprint, before any of them is carried out.
    Begin(Box<Saga>),
    /// Journal, look again, compare, send once.
    Execute {
        /// Which action.
        id: ActionId,
        /// What exactly.
        plan: Box<Plan>,
    },
    /// Write an action's outcome into the journal.
    Conclude {
        /// Which action.
        id: ActionId,
        /// What came of it.
        outcome: Outcome,
    },
    /// Find out whether the journal can be written again.
    TryJournal,
    /// Read the newest lines of the journal.
    ReadJournal,
    /// What the next looks should answer.
    Ask(Ask),
    /// Look at this source now, and often until told otherwise by a quieter world.
    Look(SourceName),
    /// Put text on the clipboard, on the operator's key.
    Copy(SafeText),
    /// Let the operator's own editor have this text; what comes of it enters as a paste.
    Edit(SafeText),
    /// Let the operator's own pager show these lines.
    Page(Vec<SafeText>),
    /// Give the mouse to the cockpit, or back to the terminal.
    Mouse(Mouse),
    /// End the program.
    Quit,
}

impl Effect {
    /// Whether carrying it out leaves a line in the journal.
    #[must_use]
    pub const fn records(&self) -> bool {
        matches!(self, Self::Execute { .. } | Self::Conclude { .. })
    }
}
