//! What the newest answers of a CI provider said about our budget and about the server's clock.

use jiff::Timestamp;

use super::http::Answer;
use crate::domain::Budget;

/// Budget and clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    pub(super) budget: Option<Budget>,
    pub(super) date: Option<Timestamp>,
}

impl Meter {
    /// Takes in an answer, and what its headers say of the budget, if anything.
    pub(super) fn note(&mut self, answer: &Answer, budget: impl FnOnce(Option<Timestamp>) -> Option<Budget>) {
        if let Some(date) = answer.date() {
            self.date = Some(self.date.map_or(date, |known| known.max(date)));
        }
        self.budget = budget(self.date).or(self.budget);
    }
}
