//! Time as data. It enters as a value; nothing here reads a clock.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One moment, on both clocks.
///
/// Ages and limits use `mono` (time since the program began, which no clock change can move);
/// `wall` is for showing and for comparing with what servers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Wall-clock time, UTC.
    pub wall: Timestamp,
    /// Monotonic time since the program began.
    pub mono: Duration,
}

impl Now {
    /// The moment both clocks start from; for tests and empty worlds.
    pub const START: Self = Self { wall: Timestamp::UNIX_EPOCH, mono: Duration::ZERO };

    /// How long after `earlier` this is; never negative.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.mono.saturating_sub(earlier.mono)
    }

    /// This moment, `by` later on both clocks.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let wall = jiff::SignedDuration::try_from(by)
            .ok()
            .and_then(|by| self.wall.checked_add(by).ok())
            .unwrap_or(self.wall);
        Self { wall, mono: self.mono.saturating_add(by) }
    }
}

/// Clocks that differ by more than this are worth a warning.
pub const SKEWED: Duration = Duration::from_secs(30);

/// Clocks that differ by more than this cannot decide anything by the time of day.
pub const CLOCKLESS: Duration = Duration::from_secs(5 * 60);

/// How long ago `then` was on the wall clock, never negative.
#[must_use]
pub fn ago(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// A duration as people say it, with two units at the most: `42 s`, `4 min 12 s`, `3 h 5 min`, `2 d 4 h`.
#[must_use]
pub fn spoken(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..600 if !s.is_multiple_of(60) => format!("{} min {} s", s / 60, s % 60),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 if !(s / 60).is_multiple_of(60) => format!("{} h {} min", s / 3_600, (s / 60) % 60),
        3_600..86_400 => format!("{} h", s / 3_600),
        _ if !(s / 3_600).is_multiple_of(24) => format!("{} d {} h", s / 86_400, (s / 3_600) % 24),
        _ => format!("{} d", s / 86_400),
    }
}

/// A duration in few cells: `42s`, `4m12`, `3h05`, `2d`.
#[must_use]
pub fn short(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}", s / 3_600, (s / 60) % 60),
        _ => format!("{}d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        for (s, long, brief) in [
            (0, "0 s", "0s"),
            (59, "59 s", "59s"),
            (252, "4 min 12 s", "4m12"),
            (600, "10 min", "10m00"),
            (11_100, "3 h 5 min", "3h05"),
            (187_200, "2 d 4 h", "2d"),
        ] {
            let d = Duration::from_secs(s);
            assert_eq!((spoken(d).as_str(), short(d).as_str()), (long, brief));
        }
    }

    #[test]
    fn an_age_is_never_negative() {
        let later = Now::START.plus(Duration::from_secs(5));
        assert_eq!(Now::START.since(later), Duration::ZERO);
        assert_eq!(later.since(Now::START), Duration::from_secs(5));
    }
}
