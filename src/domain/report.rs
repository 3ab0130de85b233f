//! What the tests of a run said: numbers, and the tests that failed.
//!
//! Knows no provider. Numbers are those of the provider or of its report files; what is left out of a long list of
//! failures is counted, never silent.

use serde::{Deserialize, Serialize};

use super::text::SafeText;

/// The most failed tests that are kept by name.
pub const NAMED: usize = 50;

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
    /// What is missing of it: a report that was too large, a page that was not read.
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

impl TestReport {
    /// How many tests there were.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.passed.saturating_add(self.failed).saturating_add(self.skipped)
    }

    /// Adds what another report says.
    pub fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
        let room = NAMED.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
        if self.from.is_empty() {
            self.from = other.from;
        }
        self.gap = self.gap.take().or(other.gap);
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

#[cfg(test)]
mod tests {
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
