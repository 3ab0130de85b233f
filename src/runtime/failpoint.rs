//! Named points at which a test can end the process as `kill -9` would. Debug builds only: in a release build nothing
//! of it is left, and nothing in the environment can arm it.

use std::sync::OnceLock;

/// The point that kills, if one is armed.
static ARMED: OnceLock<String> = OnceLock::new();

/// Every point, in the order in which an action passes them.
pub const POINTS: &[&str] = &[
    "before-intent",
    "append-intent-locked",
    "append-intent-torn",
    "append-intent-written",
    "append-intent-synced",
    "after-intent",
    "before-look",
    "after-look",
    "before-sending",
    "append-sending-locked",
    "append-sending-torn",
    "append-sending-written",
    "append-sending-synced",
    "after-sending",
    "before-perform",
    "after-perform",
    "append-receipt-locked",
    "append-receipt-torn",
    "append-receipt-written",
    "append-receipt-synced",
    "after-receipt",
    "before-outcome",
    "append-outcome-locked",
    "append-outcome-torn",
    "append-outcome-written",
    "append-outcome-synced",
    "after-outcome",
];

/// Arms one of [`POINTS`]; another word arms nothing.
pub fn arm(point: &str) {
    if cfg!(debug_assertions) && POINTS.contains(&point) && ARMED.set(point.to_owned()).is_err() {
        tracing::debug!("a failpoint is armed already");
    }
}

/// Whether this point is armed.
#[must_use]
pub fn armed(point: &str) -> bool {
    cfg!(debug_assertions) && ARMED.get().is_some_and(|armed| armed == point)
}

/// Ends the process here and now, if this point is armed: no destructor, no flush, no farewell.
pub fn hit(point: &str) {
    if armed(point) {
        let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        tracing::error!(?killed, "a failpoint did not end the process");
    }
}

/// Whether a point within the appending of a line of this kind is armed.
#[must_use]
pub fn armed_append(kind: &str, stage: &str) -> bool {
    cfg!(debug_assertions) && ARMED.get().is_some_and(|armed| *armed == format!("append-{kind}-{stage}"))
}

/// Ends the process if such a point is armed.
pub fn hit_append(kind: &str, stage: &str) {
    if armed_append(kind, stage) {
        hit(&format!("append-{kind}-{stage}"));
    }
}
