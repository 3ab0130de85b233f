//! How GitLab is asked, what it still lets us ask, and what its refusals mean.
//!
//! Every answer counts, an unchanged one too. Limits come as 429 in plain text; the headers tell the rest, and when.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wire::Complaint;
use crate::domain::{Budget, Cause, Fault, SafeText, Step};
use crate::provider::http::{Answer, Endpoint, Headers, Read};
use crate::provider::meter::Meter;
use crate::provider::services::locked;

/// Pages of one list that are read.
const PAGES: usize = 5;

/// How long to wait when GitLab asks for patience and names no time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest wait that is believed.
const WINDOW: Duration = Duration::from_secs(3_600);

/// GitLab's API v4 at one endpoint.
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

    /// Asks; a whole answer.
    pub(super) async fn whole(&self, path: &str, accept: &str) -> Result<Answer, Fault> {
        let answer = self.endpoint.read(&Read::get(path).accept(accept)).await?;
        self.note(&answer);
        if answer.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.whole(path, "application/json").await?.json()
    }

    /// Asks for something that may be missing, of another tier, or not ours to see.
    pub(super) async fn get_if_told<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Fault> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if matches!(fault.cause, Cause::NotFound | Cause::Forbidden) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Reads a list to its last page, by the links that GitLab gives; whether the last one was among them.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<(Vec<T>, bool), Fault> {
        let (mut all, mut next) = (Vec::new(), Some(path.to_owned()));
        for _ in 0..PAGES {
            let Some(here) = next else { break };
            let answer = self.whole(&here, "application/json").await?;
            all.extend(answer.json::<Vec<T>>()?);
            next = answer.next_page();
        }
        Ok((all, next.is_none()))
    }

    /// Sends a step, once.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Fault> {
        let answer = self.endpoint.write(step, &[]).await?;
        self.note(&answer);
        if answer.is_success() { answer.accepted() } else { Err(refusal(&answer)) }
    }

    fn note(&self, answer: &Answer) {
        locked(&self.meter).note(answer, |_| budget(&answer.headers));
    }
}

fn budget(headers: &Headers) -> Option<Budget> {
    let number = |name: &str| headers.get(name).and_then(|text| text.trim().parse::<u64>().ok());
    Some(Budget {
        limit: number("ratelimit-limit")?,
        remaining: number("ratelimit-remaining")?,
        resets: reset(headers),
    })
}

fn reset(headers: &Headers) -> Option<Timestamp> {
    Timestamp::from_second(headers.get("ratelimit-reset")?.trim().parse().ok()?).ok()
}

/// What an answer other than 2xx means at GitLab.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = words(&complaint.message).or_else(|| complaint.error.map(|error| error.to_string()));
    if let Some(said) = said.filter(|said| !fault.detail.as_str().contains(said.as_str())) {
        fault.detail = SafeText::new(&format!("{}: {said}", fault.detail));
    }
    match answer.status {
        429 => {
            let until = reset(&answer.headers).zip(answer.date());
            let until = until.and_then(|(until, now)| Duration::try_from(until.duration_since(now)).ok());
            let wait = answer.retry_after().or(until).unwrap_or(PATIENCE).min(WINDOW);
            fault.cause = Cause::RateLimited;
            fault.with_hint("GitLab asks for patience; nothing is asked until then").retry_after(wait)
        }
        401 => fault.with_hint("GitLab does not accept the token: wrong, expired or revoked"),
        403 if fault.cause == Cause::RateLimited => {
            fault.with_hint("GitLab asks for patience; nothing is asked until then")
        }
        403 => {
            fault.cause = Cause::Forbidden;
            fault.with_hint(
                "the token's user lacks the role, or the token the scope: api to act, read_api to look",
            )
        }
        404 => {
            fault.detail = SafeText::new(&format!("{} (not found, or hidden from this token)", fault.detail));
            fault.with_hint("check the project's full path, and that the token may read it")
        }
        301 | 302 | 307 | 308 => fault.with_hint("a moved project? configure it by its new path"),
        _ => fault,
    }
}

/// What a complaint says, whatever its shape.
fn words(message: &Value) -> Option<String> {
    match message {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().take(5).filter_map(words).collect();
            (!all.is_empty()).then(|| all.join("; "))
        }
        Value::Object(map) => {
            let all =
                map.iter().take(5).filter_map(|(field, value)| Some(format!("{field} {}", words(value)?)));
            let all: Vec<String> = all.collect();
            (!all.is_empty()).then(|| all.join("; "))
        }
        _ => None,
    }
}
