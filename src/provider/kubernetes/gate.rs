//! How many requests of one look are under way at once, and when the rest is not sent: thousands of workloads are not
//! asked for one by one of a server that does not answer.
//!
//! Knows faults; knows no request.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::{Cause, Fault};

/// So many at once.
const ABREAST: usize = 16;

/// The requests of one look pass here.
#[derive(Debug)]
pub(super) struct Gate {
    permits: Semaphore,
    shut: Mutex<Option<Fault>>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { permits: Semaphore::new(ABREAST), shut: Mutex::default() }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// With what shut the gate: another request found that nobody answers there.
    pub(super) async fn enter(&self) -> Result<Option<SemaphorePermit<'_>>, Fault> {
        // It is never closed.
        let permit = self.permits.acquire().await.ok();
        match &*self.shut.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(fault) => Err(fault.clone()),
            None => Ok(permit),
        }
    }

    /// What came of a request.
    pub(super) fn note(&self, fault: &Fault) {
        if matches!(
            fault.cause,
            Cause::Unreachable | Cause::TimedOut | Cause::Tls | Cause::Unauthorized | Cause::RateLimited
        ) {
            *self.shut.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn what_nobody_answers_is_not_asked_five_thousand_times() {
        for (cause, most) in [(Cause::Unreachable, ABREAST), (Cause::NotFound, 5_000)] {
            let (gate, sent) = (Gate::new(), Mutex::new(0));
            join_all((0..5_000).map(|_| async {
                let Ok(_permit) = gate.enter().await else { return };
                *sent.lock().unwrap() += 1;
                tokio::task::yield_now().await;
                gate.note(&Fault::new(cause, "as told"));
            }))
            .await;
            let sent = *sent.lock().unwrap();
            assert!(sent <= most && sent >= ABREAST, "{cause:?}: {sent}");
        }
    }
}
