//! Times in headers: `Date`, `Retry-After`, `X-RateLimit-Reset`.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::Headers;

/// The longest wait that is believed.
pub(super) const LONGEST: Duration = Duration::from_secs(3_600);

/// An HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// How long to wait, counted from the answer's own `Date`: whole seconds or a date. Capped at one hour; a date
/// gone by is no wait; what cannot be read is none.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get("retry-after")?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds is a long time, too.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST));
    }
    until(http_date(text)?, headers)
}

/// How long until a rate limit's window ends, if none of it is left.
pub(super) fn limit_reset(headers: &Headers) -> Option<Duration> {
    let left = ["x-ratelimit-remaining", "ratelimit-remaining"].iter().find_map(|name| headers.get(name))?;
    if left.trim() != "0" {
        return None;
    }
    let reset = headers.get("x-ratelimit-reset").or_else(|| headers.get("ratelimit-reset"))?;
    until(Timestamp::from_second(reset.trim().parse().ok()?).ok()?, headers)
}

fn until(then: Timestamp, headers: &Headers) -> Option<Duration> {
    let now = http_date(headers.get("date")?)?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default().min(LONGEST))
}
