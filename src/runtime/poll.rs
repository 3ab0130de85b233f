//! One task per source: look, report, wait. Cadence, back-off, jitter and the server's own limits live here.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::clock::Clock;
use super::pace::Pace;
use crate::app::Msg;
use crate::domain::gitops::{Condition, OperationState};
use crate::domain::{Ask, Cause, Fault, Now, Observation, Report, Retry, SourceName};
use crate::provider::{Cadence, Provider};

/// No look takes longer than this; a provider's own deadlines are shorter.
pub const LOOK: Duration = Duration::from_secs(60);

/// The longest wait between two looks at a failing source.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a source is looked at often after an action, and how often.
const HOT: Duration = Duration::from_secs(90);
const HOT_EVERY: Duration = Duration::from_secs(2);

/// Two looks never begin closer to each other than this.
const GAP: Duration = Duration::from_millis(150);

/// A watch's rings are answered after this long, so that a storm of them makes one look.
const CALM: Duration = Duration::from_millis(15);

/// How often in a row a source is tried again after a crash.
pub const RESTARTS: u32 = 3;

/// The handle of a polling task.
#[derive(Clone, Debug)]
pub struct Lane {
    nudge: Arc<Notify>,
    hot_until: Arc<AtomicU64>,
    clock: Clock,
}

impl Lane {
    /// Look now, unless the server asked for patience.
    pub fn look(&self) {
        self.nudge.notify_one();
    }

    /// Look now, and often for a while.
    pub fn watch_closely(&self) {
        let until = self.clock.now().mono + HOT;
        self.hot_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.look();
    }
}

/// What a polling task is made from.
pub struct Poll {
    /// Which source.
    pub source: SourceName,
    /// Who looks.
    pub provider: Arc<dyn Provider>,
    /// How often.
    pub cadence: Cadence,
    /// What to answer.
    pub ask: watch::Receiver<Ask>,
    /// Where reports go.
    pub out: mpsc::Sender<Msg>,
    /// What time it is.
    pub clock: Clock,
}

impl Poll {
    /// Starts the task; it ends when nobody takes its reports any more.
    #[must_use]
    pub fn start(self) -> Lane {
        let lane = Lane {
            nudge: Arc::new(Notify::new()),
            hot_until: Arc::new(AtomicU64::new(0)),
            clock: self.clock,
        };
        tokio::spawn(self.run(lane.clone()));
        lane
    }

    /// Looks until nobody takes the reports any more. A crash, of the provider or of this code, is a fault like others;
    /// after [`RESTARTS`] more in a row the source stays off, which is the last that is said of it.
    async fn run(self, lane: Lane) {
        let mut crashes = 0;
        while AssertUnwindSafe(self.turns(&lane, &mut crashes)).catch_unwind().await.is_err() {
            crashes += 1;
            let began = self.clock.now();
            let fault = Fault::new(Cause::Crashed, crash(crashes));
            let jitter = jitter(&self.source, began.mono);
            let result = Err(fault);
            let next = wait_for(&result, self.cadence, crashes, false, jitter);
            if !self.tell(began, next, result).await || crashes > RESTARTS {
                return;
            }
            tokio::select! {
                () = sleep_until(Instant::now() + next) => {}
                () = lane.nudge.notified() => {}
                () = self.out.closed() => return,
            }
        }
    }

    async fn turns(&self, lane: &Lane, crashes: &mut u32) {
        let wake = self.provider.wake().unwrap_or_default();
        let mut failures = 0_u32;
        let mut pace = Pace::default();
        let mut ask = self.ask.clone();
        loop {
            let asked = ask.borrow_and_update().clone();
            let began = self.clock.now();
            let started = Instant::now();
            let result = look(self.provider.as_ref(), &asked).await;
            failures = if result.is_ok() { 0 } else { failures.saturating_add(1) };
            *crashes = 0;
            let hot = u128::from(lane.hot_until.load(Ordering::Relaxed)) > self.clock.now().mono.as_millis();
            let next = pace.next(&result, self.cadence, failures, hot, jitter(&self.source, began.mono));
            let patient = matches!(&result, Err(Fault { retry: Retry::After(_), .. }));
            if !self.tell(began, next, result).await {
                return;
            }
            let due = sleep_until(Instant::now() + next);
            if patient {
                due.await;
                continue;
            }
            tokio::select! {
                () = due => {}
                () = lane.nudge.notified() => sleep_until(started + GAP).await,
                () = wake.notified() => sleep_until(Instant::now() + CALM).await,
                () = self.out.closed() => return,
            }
        }
    }

    /// Reports one look; returns whether somebody takes it.
    async fn tell(&self, began: Now, next: Duration, result: Result<Observation, Fault>) -> bool {
        let report = Report {
            source: self.source.clone(),
            epoch: 1,
            began,
            at: self.clock.now(),
            next,
            result: result.map(Arc::new),
        };
        self.out.send(Msg::Report(report)).await.is_ok()
    }
}

/// One look, within its deadline.
async fn look(provider: &dyn Provider, ask: &Ask) -> Result<Observation, Fault> {
    match timeout(LOOK, provider.observe(ask)).await {
        Ok(result) => result,
        Err(_) => Err(Fault::new(Cause::TimedOut, format!("no complete look within {} s", LOOK.as_secs()))),
    }
}

/// What is said of the crash with this number in a row.
fn crash(number: u32) -> String {
    if number > RESTARTS {
        format!("{number} times in a row during a look: it stays off until gonogo is started anew")
    } else {
        format!("during a look: it is tried again ({number} of {RESTARTS})")
    }
}

/// How long to wait after a look.
#[must_use]
pub fn wait_for(
    result: &Result<Observation, Fault>,
    cadence: Cadence,
    failures: u32,
    hot: bool,
    jitter: f64,
) -> Duration {
    match result {
        Err(Fault { retry: Retry::After(wait), .. }) => (*wait).max(Duration::from_secs(1)),
        Err(Fault { retry: Retry::WhenMended, .. }) => LONGEST.mul_f64(0.5 + jitter / 2.0),
        Err(_) => {
            let doubled =
                cadence.active.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(6)));
            doubled.min(LONGEST).mul_f64(0.75 + jitter / 2.0)
        }
        Ok(_) if hot => cadence.active.min(HOT_EVERY),
        Ok(observation) if active(observation) => cadence.active,
        Ok(_) => cadence.idle.mul_f64(0.95 + jitter / 10.0),
    }
}

/// Whether something moves at the source.
fn active(observation: &Observation) -> bool {
    let runs = observation.pipelines.values().flat_map(|p| &p.runs).any(|r| !r.state.ended());
    let syncing = observation.applications.values().any(|app| {
        app.operation.as_ref().is_some_and(|o| o.state == OperationState::Running)
            || matches!(app.condition, Condition::Progressing(_))
    });
    runs || syncing || !observation.gates.is_empty() || observation.rollouts.values().any(|r| !r.at_rest())
}

/// A number in 0..1 that differs between sources and looks, so that looks do not march in step.
fn jitter(source: &SourceName, at: Duration) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in source.as_str().bytes().chain(at.as_nanos().to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    f64::from(u32::try_from(hash >> 40).unwrap_or(0)) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CADENCE: Cadence = Cadence { active: Duration::from_secs(2), idle: Duration::from_secs(10) };

    #[test]
    fn waits_follow_what_was_seen() {
        let fault = |cause| Err(Fault::new(cause, "x"));
        for (name, result, failures, hot, least, most) in [
            ("quiet", Ok(Observation::default()), 0, false, 9.5, 10.5),
            ("hot", Ok(Observation::default()), 0, true, 2.0, 2.0),
            ("first failure", fault(Cause::Unreachable), 1, false, 1.5, 2.5),
            ("fourth failure", fault(Cause::Unreachable), 4, true, 12.0, 20.0),
            ("hundredth failure", fault(Cause::TimedOut), 100, false, 45.0, 75.0),
            ("not logged in", fault(Cause::Unauthorized), 1, false, 30.0, 60.0),
        ] {
            for jitter in [0.0, 0.5, 0.999] {
                let wait = wait_for(&result, CADENCE, failures, hot, jitter).as_secs_f64();
                assert!((least..=most).contains(&wait), "{name}: {wait}");
            }
        }
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_all_of_it() {
        let limited = Fault::new(Cause::RateLimited, "slow down").retry_after(Duration::from_secs(1800));
        assert_eq!(wait_for(&Err(limited), CADENCE, 1, true, 0.0), Duration::from_secs(1800));
    }
}
