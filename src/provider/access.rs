//! The one gate that every write passes: read-only or not, for the whole process.
//!
//! Knows nothing of how a write travels. The four transports (HTTP, the Kubernetes client, declared commands, a push by
//! git) ask [`check_write`] right before they send; there is no second place to forget.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::sync::atomic::{AtomicU8, Ordering};

use crate::domain::service::Access;
use crate::domain::{Cause, Fault, Step};

const READ_WRITE: u8 = 0;
const READ_ONLY: u8 = 1;

static ACCESS: AtomicU8 = AtomicU8::new(READ_WRITE);

/// Sets what this process may do. It only tightens: once read-only, the process stays so.
pub fn set_access(access: Access) {
    if access == Access::ReadOnly {
        ACCESS.store(READ_ONLY, Ordering::SeqCst);
    }
}

/// What this process may do.
#[must_use]
pub fn access() -> Access {
    if ACCESS.load(Ordering::SeqCst) == READ_WRITE { Access::ReadWrite } else { Access::ReadOnly }
}

/// Whether `step` may be sent. Called by the transports, and by nobody else.
///
/// # Errors
/// A [`Fault`] with cause `Refused` when the process is read-only. Nothing was sent then.
pub fn check_write(step: &Step) -> Result<(), Fault> {
    match access() {
        Access::ReadWrite => Ok(()),
        Access::ReadOnly => Err(Fault::new(
            Cause::Refused,
            format!("read-only: {} {} was not sent to {}", step.method, step.path, step.source),
        )
        .with_hint("start without --read-only to act")),
    }
}
