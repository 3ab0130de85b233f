//! How Jenkins is asked, what stands in its way (login pages, crumbs), and what its refusals mean.
//!
//! It has no limits, no entity tags and no pages. A refusal's words are in the header `X-Error`; a login page comes with
//! 200 or after a redirect, and is no answer.

use std::sync::Mutex;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::wire;
use crate::domain::{Cause, Fault, SafeText, Step};
use crate::provider::http::{Answer, Endpoint, Read};
use crate::provider::services::locked;

/// Whether requests that change something need a crumb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crumbs {
    /// An API token is enough.
    Spared,
    /// A password needs one, and the session that it was given to.
    Needed,
}

/// Jenkins at one endpoint.
pub(super) struct Api {
    endpoint: Endpoint,
    crumbs: Crumbs,
    date: Mutex<Option<Timestamp>>,
}

impl Api {
    pub(super) fn new(endpoint: Endpoint, crumbs: Crumbs) -> Self {
        Self { endpoint, crumbs, date: Mutex::default() }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The server's clock when it answered last.
    pub(super) fn date(&self) -> Option<Timestamp> {
        *locked(&self.date)
    }

    /// Asks; a whole answer.
    pub(super) async fn read(&self, path: &str, accept: &str) -> Result<Answer, Fault> {
        let answer = self.endpoint.read(&Read::get(path).accept(accept)).await.map_err(|fault| match fault.cause {
            Cause::Redirected => fault.with_hint(
                "a login in front of Jenkins? check user and token; if it is the right place, configure it as url",
            ),
            _ => fault,
        })?;
        if let Some(date) = answer.date() {
            let mut known = locked(&self.date);
            *known = Some(known.map_or(date, |known| known.max(date)));
        }
        if !answer.is_success() {
            return Err(refusal(&answer));
        }
        if is_page(&answer) {
            return Err(login(answer.asked()));
        }
        Ok(answer)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.read(path, "application/json").await?.json()
    }

    /// Asks for something that a plugin may not be there for.
    pub(super) async fn get_if_there<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Fault> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.cause == Cause::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Sends a step, once.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Fault> {
        let crumb = match self.crumbs {
            Crumbs::Spared => None,
            Crumbs::Needed => self.crumb().await?,
        };
        let headers: Vec<(&str, &str)> =
            crumb.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.endpoint.write(step, &headers).await
    }

    /// The crumb with its session; none where the protection is off. Nothing is sent without it where it is on.
    async fn crumb(&self) -> Result<Option<Vec<(String, String)>>, Fault> {
        let answer = match self.read("/crumbIssuer/api/json", "application/json").await {
            Ok(answer) => answer,
            Err(fault) if fault.cause == Cause::NotFound => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let crumb: wire::Crumb = answer.json()?;
        let cookies: Vec<&str> =
            answer.headers.all("set-cookie").filter_map(|cookie| cookie.split(';').next()).collect();
        Ok(Some(vec![(crumb.field, crumb.crumb), ("Cookie".to_owned(), cookies.join("; "))]))
    }
}

/// Whether an answer is a page for people instead: a login, of Jenkins or of what stands before it, that came with 200.
pub(super) fn is_page(answer: &Answer) -> bool {
    let kind = answer.headers.get("content-type").unwrap_or_default();
    let body = answer.body.trim_ascii_start();
    kind.starts_with("text/html") && !body.is_empty()
}

pub(super) fn login(asked: &str) -> Fault {
    Fault::new(Cause::Malformed, format!("{asked}: a page for people came instead of an answer")).with_hint(
        "a login page? check user and token, and whether a proxy in front of Jenkins wants its own login",
    )
}

/// What an answer other than 2xx means at Jenkins.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    if let Some(said) = answer.headers.get("x-error") {
        fault.detail = SafeText::new(&format!("{} {}: {said}", answer.asked(), answer.status));
    }
    let there = answer.headers.get("location").unwrap_or_default();
    match answer.status {
        300..=399 if there.contains("login") => {
            fault.cause = Cause::Unauthorized;
            fault.with_hint("Jenkins, or a proxy in front of it, wants a login: check user and token")
        }
        401 => fault.with_hint("Jenkins does not accept user and token"),
        403 if answer.text().contains("crumb") => {
            fault.with_hint("Jenkins wants a crumb: configure an API token instead of a password")
        }
        403 => fault.with_hint("the user lacks a right there; Jenkins does not say more than this"),
        404 => {
            fault.detail = SafeText::new(&format!("{} (not found, or hidden from this user)", fault.detail));
            fault.with_hint("check the job's full name, folders first, and that the user may read it")
        }
        _ => fault,
    }
}
