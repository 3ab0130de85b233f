//! What GitHub still lets us ask, and what its refusals mean.
//!
//! Limits come as 403 or 429; only headers and words tell them from a missing permission.
//! Source: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.

use std::time::Duration;

use jiff::Timestamp;

use super::wire::Complaint;
use crate::domain::{Budget, Cause, Fault, Retry, SafeText};
use crate::provider::http::{Answer, Headers};
use crate::provider::meter::Meter;

/// How long to wait when GitHub asks for patience and names no time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest wait that is believed: the length of GitHub's window.
const WINDOW: Duration = Duration::from_secs(3_600);

/// How generously details are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spending {
    /// As needed.
    Full,
    /// Less than a tenth of the window's requests is left: only what waits, moves or is looked at.
    Thrifty,
}

/// Takes in an answer. Headers may be missing: GitHub Enterprise Server has limits off.
pub(super) fn note(meter: &mut Meter, answer: &Answer) {
    let resource = answer.headers.get("x-ratelimit-resource").unwrap_or("core");
    meter.note(answer, |_| budget(&answer.headers).filter(|_| resource == "core"));
}

/// How generously details are asked for with what is left.
pub(super) fn spending(meter: Meter) -> Spending {
    match meter.budget {
        Some(b) if b.limit > 0 && b.remaining.saturating_mul(10) < b.limit => Spending::Thrifty,
        _ => Spending::Full,
    }
}

fn budget(headers: &Headers) -> Option<Budget> {
    let number = |name: &str| headers.get(name).and_then(|text| text.trim().parse::<u64>().ok());
    Some(Budget {
        limit: number("x-ratelimit-limit")?,
        remaining: number("x-ratelimit-remaining")?,
        resets: reset(headers),
    })
}

fn reset(headers: &Headers) -> Option<Timestamp> {
    Timestamp::from_second(headers.get("x-ratelimit-reset")?.trim().parse().ok()?).ok()
}

/// What an answer other than 2xx means at GitHub.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status = answer.status;
    if matches!(status, 403 | 429)
        && let Some(wait) = limited(answer, &complaint)
    {
        fault.cause = Cause::RateLimited;
        fault.hint = Some(SafeText::new("GitHub asks for patience; nothing is asked until then"));
        return fault.retry_after(wait);
    }
    if let Some(more) = particulars(&complaint) {
        fault.detail = SafeText::new(&format!("{}: {more}", fault.detail));
    }
    match status {
        401 => fault.with_hint(
            "GitHub does not accept the token: missing, wrong or expired; check the source's token",
        ),
        403 => {
            fault.cause = Cause::Forbidden;
            fault.retry = Retry::WhenMended;
            let hint = wanted(&answer.headers);
            fault.with_hint(hint)
        }
        404 => {
            fault.detail = SafeText::new(&format!("{} (not found, or hidden from this token)", fault.detail));
            fault.with_hint("check project and names, and that the token may read this repository")
        }
        301 | 302 | 307 | 308 => fault.with_hint("a renamed repository? configure project by its new name"),
        400 | 410 => fault.with_hint("the server does not speak API version 2022-11-28 here"),
        _ => fault,
    }
}

/// How long to wait, if this is a limit and not a missing permission.
fn limited(answer: &Answer, complaint: &Complaint) -> Option<Duration> {
    if let Some(wait) = answer.retry_after() {
        return Some(wait);
    }
    if answer.headers.get("x-ratelimit-remaining").map(str::trim) == Some("0") {
        let wait = reset(&answer.headers)
            .zip(answer.date())
            .map(|(until, now)| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        return Some(wait.unwrap_or(PATIENCE).min(WINDOW));
    }
    let words = complaint.message.as_ref().map(|m| m.as_str().to_ascii_lowercase()).unwrap_or_default();
    let said = ["secondary rate limit", "rate limit exceeded", "abuse detection"]
        .iter()
        .any(|phrase| words.contains(phrase));
    (said || answer.status == 429).then_some(PATIENCE)
}

/// The entries of `errors`, which are objects or plain text.
fn particulars(complaint: &Complaint) -> Option<String> {
    let said: Vec<String> = complaint
        .errors
        .iter()
        .take(5)
        .filter_map(|error| {
            if let Some(text) = error.as_str() {
                return Some(text.to_owned());
            }
            let part = |key: &str| error.get(key).and_then(serde_json::Value::as_str);
            part("message").map(str::to_owned).or_else(|| {
                let words: Vec<&str> = ["resource", "field", "code"].iter().filter_map(|k| part(k)).collect();
                (!words.is_empty()).then(|| words.join(" "))
            })
        })
        .collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// What a refused call says that it wants.
fn wanted(headers: &Headers) -> String {
    if headers.get("x-github-sso").is_some_and(|v| v.starts_with("required")) {
        return "the organisation wants this token to be authorised for single sign-on".to_owned();
    }
    let told = |name: &str| headers.get(name).map(str::trim).filter(|v| !v.is_empty());
    match (told("x-accepted-github-permissions"), told("x-accepted-oauth-scopes")) {
        (Some(permissions), _) => {
            format!("the token needs: {permissions} (X-Accepted-GitHub-Permissions)")
        }
        (None, Some(scopes)) => format!("the token needs one of the scopes: {scopes}"),
        (None, None) => "the token lacks a permission; GitHub does not say which".to_owned(),
    }
}
