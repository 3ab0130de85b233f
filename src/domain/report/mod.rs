//! What the tests of a run said: numbers, and the tests that failed.
//!
//! Knows no provider. Numbers are those of the provider or of its report files ([`read`]); what is left out of a long
//! list of failures is counted, never silent.

mod cucumber;
mod junit;
mod lossy;
mod tally;

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::text::SafeText;

/// The most failed tests that are kept by name.
pub const NAMED: usize = 50;

/// The most bytes that are read of one report file: what lies beyond is said to be missing.
pub const BYTES: u64 = 32 * 1024 * 1024;
/// The most tests that are read of one report file.
pub const TESTS: u64 = 200_000;
/// How deep elements may lie within each other.
pub const DEPTH: usize = 64;
/// The longest remark about a report that is put together from several, in bytes.
const REMARK: usize = 300;

/// Results of the tests of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed, or could not be carried out.
    pub failed: u64,
    /// Tests that were left out.
    pub skipped: u64,
    /// The failed tests, at most [`NAMED`].
    pub failures: Vec<FailedTest>,
    /// Where this comes from: `JUnit, artifact test-results`.
    pub from: SafeText,
    /// What is missing of it, or must be known about it: a report that was too large, counts that contradict the
    /// tests, tests that passed only when they were run again.
    pub gap: Option<SafeText>,
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    /// Its suite, class or feature.
    pub suite: SafeText,
    /// Its name.
    pub name: SafeText,
    /// What it said, in one line.
    pub says: SafeText,
}

impl FailedTest {
    /// Suite and name, as one would look for it: `cart::merge keeps_every_line`.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.suite.is_empty(), self.name.is_empty()) {
            (true, _) => self.name.to_string(),
            (_, true) => self.suite.to_string(),
            _ => format!("{} {}", self.suite, self.name),
        }
    }
}

impl TestReport {
    /// How many tests there were.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.passed.saturating_add(self.failed).saturating_add(self.skipped)
    }

    /// Makes the numbers that a source told agree with the failed tests that it names: what is named has failed, whatever
    /// its count says.
    #[must_use]
    pub fn agreeing(mut self) -> Self {
        let named = u64::try_from(self.failures.len()).unwrap_or(u64::MAX);
        if named > self.failed {
            let told = SafeText::new(&format!("{} said to have failed, {named} named", self.failed));
            self.failed = named;
            self.gap = joined(self.gap.take(), Some(told));
        }
        self
    }

    /// Adds what another report says.
    pub fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
        let room = NAMED.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
        self.from = joined(Some(std::mem::take(&mut self.from)), Some(other.from)).unwrap_or_default();
        self.gap = joined(self.gap.take(), other.gap);
    }

    /// `412 passed, 3 failed, 2 skipped`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = format!("{} passed", self.passed);
        for (count, word) in [(self.failed, "failed"), (self.skipped, "skipped")] {
            if count > 0 {
                words.push_str(&format!(", {count} {word}"));
            }
        }
        words
    }
}

/// Two remarks in one, each once; the second is dropped when it would get too long.
fn joined(first: Option<SafeText>, second: Option<SafeText>) -> Option<SafeText> {
    let first = first.filter(|text| !text.is_empty());
    let second = second.filter(|text| !text.is_empty());
    let (Some(one), Some(other)) = (&first, &second) else { return first.or(second) };
    let known = one.as_str().split("; ").any(|part| part == other.as_str());
    if known || one.as_str().len() + other.as_str().len() > REMARK {
        return first;
    }
    Some(SafeText::new(&format!("{one}; {other}")))
}

/// Reads a report file, JUnit XML or Cucumber JSON, whichever it turns out to be; none if it is neither. `whence` is
/// where the file comes from, for people: `artifact test-results`.
///
/// Reads at most [`BYTES`], one element at a time; no entity is expanded, and nothing that is embedded is kept. What is
/// broken keeps what was read until then, and says so in [`TestReport::gap`].
///
/// Sources: the schemas of Surefire, pytest and others, which agree in little but the names of elements
/// (github.com/testmoapp/junitxml); Cucumber's JSON formatter.
pub fn read(file: impl Read, whence: &str) -> Option<TestReport> {
    let mut file = std::io::BufReader::new(file.take(BYTES.saturating_add(1)));
    let mut start = [0_u8; 64];
    let filled = filled(&mut file, &mut start);
    let head = start.get(..filled).unwrap_or_default();
    let whole = head.chain(file);
    let from = |kind: &str| SafeText::new(&format!("{kind}, {whence}"));
    match head.iter().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf)) {
        Some(b'<') => junit::read(whole).map(|tally| tally.report(from("JUnit"))),
        Some(b'[') => cucumber::read(whole).map(|tally| tally.report(from("Cucumber"))),
        _ => None,
    }
}

/// Fills the buffer as far as there is something to fill it with. What cannot be read is found again by who reads on.
fn filled(file: &mut impl Read, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) | Err(_) => break,
            Ok(more) => filled += more,
        }
    }
    filled
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod sums {
    use super::*;

    #[test]
    fn reports_add_up_and_keep_a_bounded_list_of_failures() {
        let failed = |name: usize| FailedTest {
            suite: "cart".into(),
            name: SafeText::new(&name.to_string()),
            says: "no".into(),
        };
        let mut sum = TestReport::default();
        for _ in 0..2 {
            sum.add(TestReport {
                passed: 10,
                failed: 40,
                skipped: 1,
                failures: (0..40).map(failed).collect(),
                from: "JUnit".into(),
                gap: None,
            });
        }
        assert_eq!((sum.total(), sum.failures.len()), (102, NAMED));
        assert_eq!(sum.words(), "20 passed, 80 failed, 2 skipped");
        assert_eq!(sum.from, "JUnit");
    }
}
