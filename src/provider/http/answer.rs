//! An answer, and what it means when it is not the one that was hoped for.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::base::{Base, origin_of};
use super::exchange::Purpose;
use super::when;
use crate::domain::{Cause, Fault, SafeText};

/// How much of a server's own words is shown, in characters.
const WORDS: usize = 300;

/// An answer's headers, names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub(super) Vec<(String, String)>);

impl Headers {
    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a header; `name` in lower case.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        self.0.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v.as_str())
    }
}

/// A complete answer, of any status.
#[derive(Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    /// The body, decompressed, within the limit.
    pub body: Vec<u8>,
    pub(super) asked: String,
    pub(super) purpose: Purpose,
    pub(super) base: Base,
    pub(super) url: Url,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({} to {}, {} bytes)", self.status, self.asked, self.body.len())
    }
}

impl Answer {
    /// What was asked of whom: `GET /api/v1/query at prometheus.test`. Without the query, which may be long.
    #[must_use]
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The answer itself if its status is 2xx.
    ///
    /// # Errors
    /// [`Answer::fault`] otherwise.
    pub fn ok(self) -> Result<Self, Fault> {
        if self.is_success() { Ok(self) } else { Err(self.fault()) }
    }

    /// The body as JSON. A wrong shape is named by the path of the field that is wrong.
    ///
    /// # Errors
    /// `Malformed`: an HTML page, an empty body, not JSON, nested too deep, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let wrong = |why: String| self.settle(Fault::new(Cause::Malformed, format!("{}: {why}", self.asked)));
        if self.is_html() {
            return Err(wrong("an HTML page instead of JSON".to_owned())
                .with_hint("a login page or a proxy answers here; check url and credential"));
        }
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(wrong("an empty answer".to_owned()));
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            match (inner.is_data(), path.as_str()) {
                (true, ".") => wrong(inner.to_string()),
                (true, path) => wrong(format!("field {path}: {inner}")),
                (false, _) => wrong(format!("not JSON: {inner}")),
            }
        })?;
        reader.end().map_err(|error| wrong(format!("not JSON: {error}")))?;
        Ok(value)
    }

    /// The answer itself if its status is 2xx and its body, if there is one, is JSON. A login page that somebody put in
    /// the way is no acceptance.
    ///
    /// # Errors
    /// [`Answer::fault`], or `Malformed` as [`Answer::json`].
    pub fn accepted(self) -> Result<Self, Fault> {
        let answer = self.ok()?;
        if !answer.body.iter().all(u8::is_ascii_whitespace) {
            answer.json::<serde::de::IgnoredAny>()?;
        }
        Ok(answer)
    }

    /// The body as text; bytes that are none are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The server's clock when it answered (`Date`).
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        when::http_date(self.headers.get("date")?)
    }

    /// How long the server wants us to wait (`Retry-After`), one hour at the most.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        when::retry_after(&self.headers)
    }

    /// Path and query of the next page (`Link: <..>; rel="next"`), if it is of the same origin and below the
    /// endpoint's base.
    #[must_use]
    pub fn next_page(&self) -> Option<String> {
        let target = self.headers.all("link").find_map(next_link)?;
        self.base.relative(&self.url.join(target).ok()?)
    }

    /// What an answer other than 2xx means in general. Providers that know better map it themselves, before.
    ///
    /// Of a write, a 4xx or redirect means that nothing happened, anything else that it may have.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let limit = self.retry_after().or_else(|| when::limit_reset(&self.headers));
        let cause = match self.status {
            304 => Cause::Malformed,
            300..=399 => Cause::Redirected,
            401 | 407 => Cause::Unauthorized,
            403 if limit.is_some() => Cause::RateLimited,
            403 => Cause::Forbidden,
            404 | 410 => Cause::NotFound,
            408 => Cause::TimedOut,
            409 | 412 => Cause::Moved,
            429 => Cause::RateLimited,
            400..=499 => Cause::Refused,
            500..=599 => Cause::ServerFailed,
            _ => Cause::Malformed,
        };
        let mut fault = Fault::new(cause, self.sentence());
        if let Some(wait) = limit.filter(|_| matches!(cause, Cause::RateLimited | Cause::ServerFailed)) {
            fault = fault.retry_after(wait);
        }
        fault = match self.status {
            401 => fault.with_hint("check the configured credential: missing, wrong or expired"),
            407 => fault.with_hint("the proxy wants a login; check the proxy variables"),
            _ => fault,
        };
        self.settle(fault)
    }

    /// Of a write whose answer is not a clear no, says that it may have had its effect.
    fn settle(&self, fault: Fault) -> Fault {
        let clear_no = matches!(self.status, 300..=407 | 409..=499);
        if self.purpose == Purpose::Write && !clear_no { fault.perhaps_applied() } else { fault }
    }

    fn sentence(&self) -> String {
        let status = reqwest::StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("unknown status");
        if let Some(there) = self.redirected_to() {
            return format!("{}: {} {status} to {there}; not followed", self.asked, self.status);
        }
        match self.words() {
            Some(words) => format!("{}: {} {status}: {words}", self.asked, self.status),
            None => format!("{}: {} {status}", self.asked, self.status),
        }
    }

    /// Scheme and host of where the answer sends us, if it does.
    fn redirected_to(&self) -> Option<String> {
        let location = self.headers.get("location").filter(|_| matches!(self.status, 300..=399))?;
        Some(origin_of(&self.url.join(location).ok()?))
    }

    /// The server's own words about what is wrong.
    fn words(&self) -> Option<SafeText> {
        if self.is_html() {
            return Some(SafeText::new("an HTML page"));
        }
        let text = match serde_json::from_slice::<serde_json::Value>(&self.body) {
            Ok(json) => ["message", "error", "error_description", "detail", "reason"]
                .iter()
                .find_map(|key| json.get(key).and_then(serde_json::Value::as_str).map(str::to_owned))
                .or_else(|| json.as_str().map(str::to_owned))?,
            Err(_) => self.text(),
        };
        let line: String = text.trim().lines().next()?.chars().take(WORDS).collect();
        (!line.is_empty()).then(|| SafeText::new(&line))
    }

    fn is_html(&self) -> bool {
        let declared = self.headers.get("content-type").is_some_and(|t| {
            let t = t.to_ascii_lowercase();
            t.starts_with("text/html") || t.starts_with("application/xhtml")
        });
        declared || self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// The target of `rel="next"` in a `Link` header: `<https://host/x?page=2>; rel="next", <..>; rel="last"`.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        // Parameters reach up to the comma before the next target; a comma within quotes opens no target.
        let parameters = after.split('<').next().unwrap_or(after);
        if parameters.split([';', ',']).any(is_next) {
            return (!target.is_empty() && !target.contains('<')).then_some(target);
        }
        rest = after;
    }
    None
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("rel")
        && value.trim().trim_matches('"').split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
}
