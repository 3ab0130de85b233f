//! How CircleCI is asked, what it still lets us ask, and what its refusals mean.
//!
//! It has no entity tags: every answer counts, and polling is what it calls abuse. Limits come as 429 with
//! `Retry-After`; the reset headers count seconds from now.

use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::wire::{Complaint, Page};
use crate::domain::{Budget, Cause, Fault, SafeText, Step};
use crate::provider::http::{Answer, Endpoint, Headers, Read, query};
use crate::provider::meter::Meter;
use crate::provider::services::locked;

/// Pages of one list that are read.
const PAGES: usize = 5;

/// How long to wait when CircleCI asks for patience and names no time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest reset that is believed.
const WINDOW: i64 = 3_600;

/// CircleCI's API v2 at one endpoint.
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
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let answer = self.endpoint.read(&Read::get(path)).await?;
        self.note(&answer);
        if answer.is_success() { answer.json() } else { Err(refusal(&answer)) }
    }

    /// Asks for something that may be missing or not ours to see.
    pub(super) async fn get_if_told<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Fault> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if matches!(fault.cause, Cause::NotFound | Cause::Forbidden) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Reads a list, page by page; whether the last page was among them.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<(Vec<T>, bool), Fault> {
        let (mut all, mut token) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let here = match &token {
                Some(token) => query(path, &[("page-token", token)]),
                None => path.to_owned(),
            };
            let page: Page<T> = self.get(&here).await?;
            all.extend(page.items);
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok((all, true));
            }
        }
        Ok((all, false))
    }

    /// Sends a step, once.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Fault> {
        let answer = self.endpoint.write(step, &[]).await?;
        self.note(&answer);
        if answer.is_success() { answer.accepted() } else { Err(refusal(&answer)) }
    }

    fn note(&self, answer: &Answer) {
        locked(&self.meter).note(answer, |now| budget(&answer.headers, now));
    }
}

/// A header under either of its names.
fn limit(headers: &Headers, name: &str) -> Option<u64> {
    let told =
        headers.get(&format!("ratelimit-{name}")).or_else(|| headers.get(&format!("x-ratelimit-{name}")));
    told?.trim().parse().ok()
}

fn budget(headers: &Headers, now: Option<Timestamp>) -> Option<Budget> {
    let left = limit(headers, "reset").and_then(|seconds| i64::try_from(seconds).ok());
    let resets = left
        .filter(|seconds| *seconds <= WINDOW)
        .zip(now)
        .and_then(|(seconds, now)| now.checked_add(SignedDuration::from_secs(seconds)).ok());
    Some(Budget { limit: limit(headers, "limit")?, remaining: limit(headers, "remaining")?, resets })
}

/// What an answer other than 2xx means at CircleCI.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(message) = complaint.message.filter(|m| !fault.detail.as_str().contains(m.as_str())) {
        fault.detail = SafeText::new(&format!("{}: {message}", fault.detail));
    }
    match answer.status {
        429 => {
            let seconds = limit(&answer.headers, "reset").filter(|s| i64::try_from(*s).is_ok_and(|s| s <= WINDOW));
            let wait = answer.retry_after().or_else(|| seconds.map(Duration::from_secs)).unwrap_or(PATIENCE);
            fault.cause = Cause::RateLimited;
            fault.with_hint("CircleCI asks for patience; nothing is asked until then").retry_after(wait)
        }
        401 => fault.with_hint(
            "CircleCI does not accept the token: API v2 wants a personal token; project tokens do not work here",
        ),
        403 => fault.with_hint("the token's user may not do this in the project or its context"),
        404 => {
            fault.detail = SafeText::new(&format!("{} (not found, or hidden from this token)", fault.detail));
            fault.with_hint("check the project's slug (gh/org/repo, bb/.., circleci/..) and that the token may read it")
        }
        _ => fault,
    }
}
