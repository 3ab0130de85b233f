//! How AWX is asked, and what its refusals mean.
//!
//! Every path ends with a slash: what comes without one is redirected, and a redirected POST is lost. Lists come in pages of
//! 200 at the most. Refusals say why in `detail`, and an approval that was decided before in `error`.

use std::sync::Mutex;

use serde::de::DeserializeOwned;

use super::wire::Page;
use crate::domain::{Cause, Fault, Step};
use crate::provider::http::{Answer, Endpoint, Read, query};
use crate::provider::meter::Meter;
use crate::provider::services::locked;

/// Pages of one list that are read.
const PAGES: usize = 5;
/// Items of one page: the most that AWX gives.
const PAGE: &str = "200";

/// AWX's API at one endpoint.
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
    pub(super) async fn whole(&self, path: &str, accept: &str) -> Result<Answer, Fault> {
        let answer = self.endpoint.read(&Read::get(path).accept(accept)).await?;
        self.note(&answer);
        if answer.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    /// Asks for a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.whole(path, "application/json").await?.json()
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
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
    ) -> Result<(Vec<T>, bool), Fault> {
        let mut all = Vec::new();
        for number in 1..=PAGES {
            let number = number.to_string();
            let mut pairs = pairs.to_vec();
            pairs.extend([("page_size", PAGE), ("page", number.as_str())]);
            let page: Page<T> = self.get(&query(path, &pairs)).await?;
            all.extend(page.results);
            if page.next.is_none_or(|next| next.is_empty()) {
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
        locked(&self.meter).note(answer, |_| None);
    }
}

/// What an answer other than 2xx means at AWX.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    match answer.status {
        400 if fault.detail.as_str().contains("already been approved or denied") => {
            fault.cause = Cause::Moved;
            fault.with_hint("somebody decided it first: look again")
        }
        401 => fault.with_hint(
            "AWX does not accept the token: make a personal access token with the scope `write` in your user's settings",
        ),
        403 => fault.with_hint("the token's user has no right to this; approving takes the role `approve` of the workflow"),
        404 => fault.with_hint(
            "not there, or hidden from this token; check the address too: AWX answers below /api/v2, Automation Platform \
             since 2.5 below /api/controller/v2",
        ),
        405 => {
            fault.cause = Cause::Moved;
            fault.with_hint("AWX cancels only what has not ended: look again")
        }
        _ => fault,
    }
}
