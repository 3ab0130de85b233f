//! How Terraform is asked, and what its refusals mean.
//!
//! JSON:API in both directions: a request that changes something and comes as anything else is refused. There are no
//! entity tags. What a valid token may not see is not found: 401 is kept for the token itself. Lists of runs have a limit
//! of their own, 30 a minute.

use std::sync::Mutex;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::wire::Complaint;
use crate::domain::{Cause, Fault, SafeText, Step};
use crate::provider::http::{Allowance, Answer, Endpoint, Fetched, Headers, Read};
use crate::provider::meter::Meter;
use crate::provider::services::locked;

/// The only content type of requests and answers.
pub(super) const JSON_API: &str = "application/vnd.api+json";

/// How long to wait when Terraform asks for patience and names no time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest reset that is believed, in seconds.
const WINDOW: f64 = 3_600.0;

/// Terraform's API at one endpoint.
pub(super) struct Api {
    endpoint: Endpoint,
    meter: Mutex<Meter>,
}

impl Api {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, meter: Mutex::default() }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn meter(&self) -> Meter {
        *locked(&self.meter)
    }

    /// Asks.
    pub(super) async fn answer(&self, path: &str) -> Result<Answer, Fault> {
        let answer = self.endpoint.read(&Read::get(path).accept(JSON_API)).await?;
        self.note(&answer);
        if answer.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    /// Asks for a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.answer(path).await?.json()
    }

    /// Asks for something that may be missing or not ours to see.
    pub(super) async fn get_if_told<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Fault> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if matches!(fault.cause, Cause::NotFound | Cause::Forbidden) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Asks for something that lies at an address which is good for a minute, and fetches it from there without the token.
    pub(super) async fn signed(
        &self,
        path: &str,
        allowance: Allowance,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Fetched, Fault> {
        let fetched = self.endpoint.read_signed(&Read::get(path).accept(JSON_API), allowance, sink).await?;
        if let Fetched::Answered(answer) = &fetched {
            self.note(answer);
            if !answer.is_success() {
                return Err(refusal(answer));
            }
        }
        Ok(fetched)
    }

    /// Sends a step, once.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Fault> {
        let answer = self.endpoint.write(step, &[("accept", JSON_API)]).await?;
        self.note(&answer);
        if answer.is_success() { answer.accepted() } else { Err(refusal(&answer)) }
    }

    fn note(&self, answer: &Answer) {
        // What is left of a second is no budget that could be shown.
        locked(&self.meter).note(answer, |_| None);
    }
}

/// Seconds until a limit is over, which come with a fraction.
fn reset(headers: &Headers) -> Option<Duration> {
    let seconds: f64 = headers.get("x-ratelimit-reset")?.trim().parse().ok()?;
    let believed = seconds.is_finite() && (0.0..=WINDOW).contains(&seconds);
    believed.then(|| Duration::from_secs_f64(seconds.ceil().max(1.0)))
}

/// What an answer other than 2xx means at Terraform.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(words) = complaint.words().filter(|words| !fault.detail.as_str().contains(words.as_str())) {
        fault.detail = SafeText::new(&format!("{}: {words}", fault.detail));
    }
    match answer.status {
        429 => {
            let wait = answer.retry_after().or_else(|| reset(&answer.headers)).unwrap_or(PATIENCE);
            fault.cause = Cause::RateLimited;
            fault
                .with_hint("Terraform asks for patience (30 requests a second, 30 lists of runs a minute); nothing is asked until then")
                .retry_after(wait)
        }
        401 => fault.with_hint(
            "Terraform does not accept the token: missing, expired or revoked; it wants a user's or a team's token",
        ),
        404 => {
            fault.detail = SafeText::new(&format!("{} (not found, or hidden from this token)", fault.detail));
            fault.with_hint(
                "check ORGANIZATION/WORKSPACE; Terraform hides what a token may not do, and an organisation's token may do \
                 nothing with runs: use a user's or a team's",
            )
        }
        409 => fault.with_hint("the run is not where it was when it was looked at: look again"),
        415 => fault.with_hint("something on the way changes the content type of requests"),
        _ => fault,
    }
}
