//! What monitoring says: signals with thresholds, their recent course, alerts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text::SafeText;
use super::verdict::Verdict;

/// Which side of a threshold is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadWhen {
    /// High values are bad (error rate, latency).
    Above,
    /// Low values are bad (request rate, availability).
    Below,
}

/// When a signal means HOLD and when NO-GO.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Which side is bad.
    pub bad_when: BadWhen,
    /// At or beyond this: HOLD.
    pub hold: Option<f64>,
    /// At or beyond this: NO-GO.
    pub no_go: Option<f64>,
}

impl Thresholds {
    /// The verdict on one value; a value that is not finite is UNKNOWN.
    #[must_use]
    pub fn judge(&self, value: f64) -> Verdict {
        if !value.is_finite() {
            return Verdict::Unknown;
        }
        let beyond = |limit: Option<f64>| {
            limit.is_some_and(|limit| match self.bad_when {
                BadWhen::Above => value >= limit,
                BadWhen::Below => value <= limit,
            })
        };
        if beyond(self.no_go) {
            Verdict::NoGo
        } else if beyond(self.hold) {
            Verdict::Hold
        } else {
            Verdict::Go
        }
    }
}

/// The newest value of a signal, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// A finite number, in the signal's unit.
    Value(f64),
    /// No evidence: empty, NaN, Inf, partial, stale, warnings; why.
    Unknown(SafeText),
}

/// A signal's recent course: one value each `step` from `start`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Time of the first value.
    pub start: Timestamp,
    /// Between two values.
    pub step: Duration,
    /// Values; `None` where there was none or it was not finite.
    pub values: Vec<Option<f64>>,
}

/// A signal of the canary alone, beside that of the others, where the metrics tell them apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The canary's newest value.
    pub canary: Reading,
    /// The canary's recent course.
    pub canary_series: Option<Series>,
    /// The newest value of those that are no canary; none if it is not measured apart.
    pub stable: Option<Reading>,
    /// The recent course of those that are no canary.
    pub stable_series: Option<Series>,
}

/// One configured signal in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Configured name: `error-rate`.
    pub name: SafeText,
    /// `%`, `ms`, empty.
    pub unit: SafeText,
    /// When it is bad.
    pub thresholds: Thresholds,
    /// Newest value.
    pub reading: Reading,
    /// Recent course, if it was to be had.
    pub series: Option<Series>,
    /// The canary beside the others, if that is measured.
    #[serde(default)]
    pub split: Option<Split>,
    /// What is left of the error budget, in per cent, if that is measured.
    #[serde(default)]
    pub budget: Option<Reading>,
}

impl Reading {
    /// The number, if it is one.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value).filter(|v| v.is_finite()),
            Self::Unknown(_) => None,
        }
    }
}

impl Signal {
    /// GO, HOLD, NO-GO, or UNKNOWN when there is no evidence.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.reading {
            Reading::Value(value) => self.thresholds.judge(value),
            Reading::Unknown(_) => Verdict::Unknown,
        }
    }
}

/// Whether an alert is loud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Loud.
    Firing,
    /// Condition true, not yet for long enough.
    Pending,
    /// Silenced or inhibited: still counted, a silence must not turn a deploy green.
    Suppressed(SafeText),
}

/// One alert of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `alertname`.
    pub name: SafeText,
    /// `severity`, if labelled.
    pub severity: Option<SafeText>,
    /// Whether it is loud.
    pub state: AlertState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Its summary, if annotated.
    pub summary: Option<SafeText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_judge_by_their_bad_side() {
        let high = Thresholds { bad_when: BadWhen::Above, hold: Some(1.0), no_go: Some(2.0) };
        let low = Thresholds { bad_when: BadWhen::Below, hold: Some(10.0), no_go: Some(1.0) };
        for (limits, value, verdict) in [
            (high, 0.5, Verdict::Go),
            (high, 1.0, Verdict::Hold),
            (high, 2.0, Verdict::NoGo),
            (high, f64::NAN, Verdict::Unknown),
            (high, f64::INFINITY, Verdict::Unknown),
            (low, 11.0, Verdict::Go),
            (low, 10.0, Verdict::Hold),
            (low, 0.0, Verdict::NoGo),
        ] {
            assert_eq!(limits.judge(value), verdict, "{value}");
        }
    }
}
