//! How long to wait between looks so that half of what a source lets us ask is enough. Knows numbers, and no clock.
//!
//! The other half is for actions, for the operator's other tools, and for an hour that is busier than it began.

use std::time::Duration;

use jiff::Timestamp;

use super::poll::wait_for;
use crate::domain::{Budget, Fault, Observation};
use crate::provider::Cadence;

/// The longest wait for the budget's sake.
const LONGEST: Duration = Duration::from_secs(60);

/// The window of a budget that does not say when it ends.
const WINDOW: Duration = Duration::from_secs(3_600);

/// What a look has cost lately, and what is left.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    budget: Option<Budget>,
    now: Option<Timestamp>,
    /// Counted requests of a look; what was dear is forgotten slowly.
    cost: f64,
}

impl Pace {
    /// How long to wait after a look that ended so. The arguments are those of [`wait_for`].
    pub fn next(
        &mut self,
        result: &Result<Observation, Fault>,
        cadence: Cadence,
        failures: u32,
        hot: bool,
        jitter: f64,
    ) -> Duration {
        let wait = wait_for(result, cadence, failures, hot, jitter);
        let Ok(observation) = result else { return wait };
        self.note(observation.budget, observation.server_time);
        if hot { wait } else { wait.max(self.least()) }
    }

    /// Takes in what a look said of the budget.
    fn note(&mut self, budget: Option<Budget>, now: Option<Timestamp>) {
        if let Some((before, after)) = self.budget.zip(budget)
            && (before.limit, before.resets) == (after.limit, after.resets)
        {
            let spent = before.remaining.saturating_sub(after.remaining);
            let spent = f64::from(u32::try_from(spent).unwrap_or(u32::MAX));
            self.cost = spent.max(self.cost * 0.9 + spent * 0.1);
        }
        (self.budget, self.now) = (budget, now);
    }

    /// The shortest wait that the budget bears: what is left above its half, spread until it is full again.
    fn least(&self) -> Duration {
        let Some(budget) = self.budget else { return Duration::ZERO };
        let left = budget.resets.zip(self.now).map(|(resets, now)| resets.duration_since(now));
        let left = left.and_then(|left| Duration::try_from(left).ok()).unwrap_or(WINDOW).min(WINDOW);
        let spare = budget.remaining.saturating_sub(budget.limit / 2);
        if self.cost <= 0.0 {
            return Duration::ZERO;
        }
        match u32::try_from(spare).unwrap_or(u32::MAX) {
            0 => LONGEST.min(left),
            spare => left.mul_f64((self.cost / f64::from(spare)).min(1.0)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CADENCE: Cadence = Cadence { active: Duration::from_secs(5), idle: Duration::from_secs(15) };

    fn seen(remaining: u64, second: i64) -> Result<Observation, Fault> {
        let resets = Timestamp::from_second(3_600).ok();
        let budget = Some(Budget { limit: 5_000, remaining, resets });
        Ok(Observation { budget, server_time: Timestamp::from_second(second).ok(), ..Observation::default() })
    }

    /// The waits after looks with so much left, each 10 s after the one before.
    fn waits(remaining: &[u64]) -> Vec<u64> {
        let mut pace = Pace::default();
        let times = (0..).step_by(10);
        let wait = |(left, second): (&u64, i64)| {
            pace.next(&seen(*left, second), CADENCE, 0, false, 0.5).as_secs_f64().round() as u64
        };
        remaining.iter().zip(times).map(wait).collect()
    }

    #[test]
    fn looks_that_cost_nothing_follow_the_cadence() {
        assert_eq!(waits(&[4_990, 4_990, 4_990]), [15, 15, 15]);
    }

    #[test]
    fn dear_looks_are_spread_so_that_half_of_the_budget_lasts() {
        // 20 each, 2,460 to spend in 3,590 s: one in 29 s.
        assert_eq!(waits(&[4_980, 4_960]), [15, 29]);
    }

    #[test]
    fn below_the_half_looks_are_as_rare_as_they_get() {
        assert_eq!(waits(&[2_520, 2_500, 2_499]), [15, 60, 60]);
    }

    #[test]
    fn after_an_action_the_budget_is_no_reason_to_wait() {
        let mut pace = Pace::default();
        for remaining in [3_000, 2_000, 1_000] {
            let wait = pace.next(&seen(remaining, 0), CADENCE, 0, true, 0.5);
            assert_eq!(wait, Duration::from_secs(2));
        }
    }
}
