//! The one reader of the clocks.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::domain::Now;

/// The clock that no one sets and that goes on while the machine sleeps: what was seen before a sleep is old after it.
/// The standard library's own stands still meanwhile.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STEADY: ClockId = ClockId::Boottime;
/// Elsewhere the monotonic clock counts sleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEADY: ClockId = ClockId::Monotonic;

/// Wall clock and time since the program began.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Duration,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: steady() }
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { wall: Timestamp::now(), mono: steady().saturating_sub(self.origin) }
    }
}

/// The steady clock's time, from a beginning that means nothing.
fn steady() -> Duration {
    let time = clock_gettime(STEADY);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_steady_clock_is_the_one_that_counts_sleep() {
        // The kernel's uptime counts sleep, in hundredths of a second.
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
            Duration::from_secs_f64(seconds)
        };
        let (before, now, after) = (uptime(), steady(), uptime());
        let hundredth = Duration::from_millis(20);
        assert!(now + hundredth >= before && now <= after + hundredth, "{before:?} {now:?} {after:?}");
    }
}
