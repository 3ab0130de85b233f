//! What is counted while a report file is read. Knows no format.

use super::{FailedTest, NAMED, TESTS, TestReport};
use crate::domain::log;
use crate::domain::text::SafeText;

/// How much is kept of what a failed test says until its first line is known, in bytes.
pub(super) const SAYS: usize = 4 * 1024;
/// Remarks that are told in full.
const TOLD: usize = 2;

/// Counts, the first failures, and what must be known about them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    report: TestReport,
    remarks: Vec<String>,
    /// Tests that passed, but not at the first go.
    pub(super) again: u64,
}

impl Tally {
    pub(super) const fn passed(&mut self, count: u64) {
        self.report.passed = self.report.passed.saturating_add(count);
    }

    pub(super) const fn skipped(&mut self, count: u64) {
        self.report.skipped = self.report.skipped.saturating_add(count);
    }

    /// Tests that failed and are not told by name.
    pub(super) const fn nameless(&mut self, count: u64) {
        self.report.failed = self.report.failed.saturating_add(count);
    }

    pub(super) fn failed(&mut self, suite: &str, name: &str, says: &str) {
        self.nameless(1);
        if self.report.failures.len() < NAMED {
            let (suite, name) = (SafeText::new(suite.trim()), SafeText::new(name.trim()));
            self.report.failures.push(FailedTest { suite, name, says: line(says) });
        }
    }

    /// How many failures are kept by name so far.
    pub(super) const fn named(&self) -> usize {
        self.report.failures.len()
    }

    /// Names the suite of every failure from this one on.
    pub(super) fn of_suite(&mut self, from: usize, suite: &str) {
        let suite = SafeText::new(suite.trim());
        for failure in self.report.failures.iter_mut().skip(from) {
            failure.suite = suite.clone();
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.report.total()
    }

    /// Whether no more tests are taken in.
    pub(super) const fn full(&self) -> bool {
        self.total() >= TESTS
    }

    pub(super) fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }

    /// The report.
    pub(super) fn report(mut self, from: SafeText) -> TestReport {
        match self.again {
            0 => {}
            1 => self.remarks.push("1 test passed only when it was run again".to_owned()),
            many => self.remarks.push(format!("{many} tests passed only when they were run again")),
        }
        let more = self.remarks.len().saturating_sub(TOLD);
        self.remarks.truncate(TOLD);
        let mut gap = self.remarks.join("; ");
        if more > 0 {
            gap.push_str(&format!("; and {more} more such remarks"));
        }
        self.report.gap = (!gap.is_empty()).then(|| SafeText::new(&gap));
        self.report.from = from;
        self.report
    }
}

/// The first line that says something, without what a terminal would make of it.
fn line(text: &str) -> SafeText {
    let bare = log::bare(text);
    SafeText::new(bare.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default())
}

/// Adds to a text what there is room for.
pub(super) fn push(text: &mut String, more: &str) {
    let mut room = SAYS.saturating_sub(text.len()).min(more.len());
    while !more.is_char_boundary(room) {
        room = room.saturating_sub(1);
    }
    text.push_str(more.get(..room).unwrap_or_default());
}
