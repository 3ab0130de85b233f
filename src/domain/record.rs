//! A line of the journal, as far as it is shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::intent::ActionId;
use super::text::SafeText;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Counts from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// `intent`, `sending`, `receipt`, `outcome` ...
    pub kind: SafeText,
    /// Which action it is about.
    pub action: ActionId,
    /// Who wrote it: user and host.
    pub actor: SafeText,
    /// What it says, in one sentence.
    pub says: SafeText,
    /// Whether it is an outcome that leaves the action in doubt.
    pub open: bool,
}

/// The lines of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed<'a> {
    /// Which action.
    pub action: &'a ActionId,
    /// Its lines, oldest first; never empty.
    pub lines: Vec<&'a Record>,
}

impl<'a> Deed<'a> {
    /// The line that says what was wanted.
    #[must_use]
    pub fn intent(&self) -> Option<&'a Record> {
        self.lines.iter().find(|line| line.kind == "intent").or(self.lines.first()).copied()
    }

    /// The line that says what came of it, so far.
    #[must_use]
    pub fn end(&self) -> Option<&'a Record> {
        let ends = |kind: &str| matches!(kind, "outcome" | "moved" | "not-sent" | "declined");
        self.lines.iter().rfind(|line| ends(line.kind.as_str())).copied()
    }

    /// Whether it was wanted and is not known to be over.
    #[must_use]
    pub fn open(&self) -> bool {
        self.lines.iter().any(|line| matches!(line.kind.as_str(), "intent" | "saga"))
            && self.end().is_none_or(|end| end.open)
    }
}

/// The actions of the records, the one that began last first.
#[must_use]
pub fn deeds(records: &[Record]) -> Vec<Deed<'_>> {
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for record in records {
        let own = matches!(record.kind.as_str(), "torn" | "segment");
        match deeds.iter_mut().rfind(|deed| !own && *deed.action == record.action) {
            Some(deed) => deed.lines.push(record),
            None => deeds.push(Deed { action: &record.action, lines: vec![record] }),
        }
    }
    deeds.reverse();
    deeds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64, action: &str, kind: &str, open: bool) -> Record {
        Record {
            seq,
            at: Timestamp::UNIX_EPOCH,
            kind: kind.into(),
            action: ActionId(action.into()),
            actor: "mara@desk".into(),
            says: "".into(),
            open,
        }
    }

    #[test]
    fn lines_belong_to_their_action_and_the_newest_action_comes_first() {
        let records = [
            record(1, "a-1", "intent", false),
            record(2, "a-2", "intent", false),
            record(3, "a-1", "outcome", true),
            record(4, "a-2", "outcome", false),
            record(5, "a-3", "intent", false),
        ];
        let told: Vec<(&str, usize, bool)> = deeds(&records)
            .iter()
            .map(|deed| (deed.action.0.as_str(), deed.lines.len(), deed.open()))
            .collect();
        assert_eq!(told, [("a-3", 1, true), ("a-2", 2, false), ("a-1", 2, true)]);
    }
}
