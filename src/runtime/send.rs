//! The one place where a step is handed to a provider: once, within a deadline, with proof that it is on record.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;

use super::record::Durable;
use crate::domain::{Cause, Fault, Receipt, Step};
use crate::provider::Provider;

/// The deadline of one step; the providers' own deadlines are shorter.
const PERFORM: Duration = Duration::from_secs(45);

/// Sends a step, once. A crash or a passed deadline leaves open whether it had its effect.
///
/// # Errors
/// A [`Fault`] whose `reached` tells whether the request may have had its effect.
pub async fn perform(provider: &dyn Provider, step: &Step, recorded: Durable) -> Result<Receipt, Fault> {
    let Durable { .. } = recorded;
    let send = AssertUnwindSafe(provider.perform(step)).catch_unwind();
    match timeout(PERFORM, send).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Fault::new(Cause::Crashed, "the provider crashed while it sent").perhaps_applied()),
        Err(_) => Err(Fault::new(Cause::TimedOut, "no answer in time").perhaps_applied()),
    }
}
