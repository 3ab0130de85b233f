//! From an answer to one finite, fresh number, or to the reason why there is none.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::super::http::Answer;
use crate::domain::{Cause, Fault, SafeText, Series};

/// How far ahead of the server's own clock a sample may be.
const AHEAD: f64 = 60.0;

/// Most values of a course.
const POINTS: u64 = 240;

/// Closest values of a course, in seconds.
const CLOSEST: u64 = 5;

/// What an instant query says.
#[derive(Debug, PartialEq)]
pub(super) enum Instant {
    /// One finite, fresh number.
    Value(f64),
    /// Anything else.
    Unknown(SafeText),
}

#[derive(Deserialize)]
struct Envelope {
    status: Option<String>,
    data: Option<Data>,
    #[serde(rename = "errorType")]
    error_type: Option<SafeText>,
    error: Option<SafeText>,
    warnings: Option<Vec<SafeText>>,
    /// VictoriaMetrics, when some of its storage nodes did not answer.
    #[serde(rename = "isPartial")]
    partial: Option<bool>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: Option<SafeText>,
    result: Option<Json>,
}

impl Envelope {
    /// Kind and result of a whole, unconditional success, or why it is none.
    fn data(self) -> Result<(SafeText, Json), String> {
        match self.status.as_deref() {
            Some("success") => {}
            Some("error") => {
                let kind = self.error_type.unwrap_or_else(|| "error".into());
                let words = self.error.unwrap_or_else(|| "(no message)".into());
                return Err(format!("{kind}: {words}"));
            }
            Some(other) => return Err(format!("status is {other}")),
            None => return Err("the answer has no status".to_owned()),
        }
        if let Some(words) = self.error.or(self.error_type) {
            return Err(format!("success, and an error: {words}"));
        }
        if let Some(first) = self.warnings.iter().flatten().next() {
            return Err(format!("warning: {first}"));
        }
        if self.partial == Some(true) {
            return Err("partial response".to_owned());
        }
        match self.data {
            Some(Data { kind: Some(kind), result: Some(result) }) => Ok((kind, result)),
            _ => Err("the answer has no result".to_owned()),
        }
    }
}

/// The answer itself if it speaks the API's language, whatever its status; a fault otherwise.
pub(super) fn envelope(answer: Answer) -> Result<Answer, Fault> {
    // 401, 403, 429 are told by what stands before the API, however they are worded.
    let speaks = !matches!(answer.status, 401 | 403 | 407 | 429) && answer.json::<Speaks>().is_ok();
    if answer.is_success() || (speaks && answer.status >= 400) { Ok(answer) } else { Err(answer.fault()) }
}

/// The least by which the API can be known in an answer of another status than 2xx.
#[derive(Deserialize)]
struct Speaks {
    #[serde(rename = "status")]
    _status: String,
    #[serde(rename = "errorType")]
    _error_type: String,
}

/// The one number in the answer to an instant query.
///
/// # Errors
/// `Malformed` if the answer is not JSON of an API: something else answers there.
pub(super) fn instant(answer: &Answer, max_age: Duration) -> Result<Instant, Fault> {
    let envelope: Envelope = match answer.json() {
        Ok(envelope) => envelope,
        Err(fault) if fault.cause == Cause::Malformed && is_object(answer) => {
            return Ok(unknown(fault.detail));
        }
        Err(fault) => return Err(fault),
    };
    let number = envelope.data().and_then(|(kind, result)| sample(&kind, &result));
    let number = number.and_then(|(at, value)| fresh(answer, at, max_age).map(|()| value));
    Ok(match number {
        Ok(value) => Instant::Value(value),
        Err(why) => unknown(why),
    })
}

fn unknown(why: impl AsRef<str>) -> Instant {
    Instant::Unknown(SafeText::new(why.as_ref()))
}

fn is_object(answer: &Answer) -> bool {
    answer.json::<serde_json::Map<String, Json>>().is_ok()
}

/// Time and value of the only sample.
fn sample(kind: &SafeText, result: &Json) -> Result<(f64, f64), String> {
    let pair = match kind.as_str() {
        "scalar" => result,
        "vector" => match result.as_array().map(Vec::as_slice) {
            Some([]) => return Err("no data: the query finds nothing".to_owned()),
            Some([one]) if one.get("histogram").is_some() => {
                return Err("a native histogram, not a number".to_owned());
            }
            Some([one]) => one.get("value").ok_or("a series without a value")?,
            Some(many) => return Err(format!("{} series where one is expected", many.len())),
            None => return Err("the result is not a list".to_owned()),
        },
        other => return Err(format!("the result is a {other}, not a number")),
    };
    let Some([at, value]) = pair.as_array().map(Vec::as_slice) else {
        return Err("a sample is not a pair of time and value".to_owned());
    };
    let at = at.as_f64().filter(|at| at.is_finite()).ok_or("a sample has no time")?;
    let value = value.as_str().ok_or("a value is not written as text")?;
    let number: f64 = value.parse().map_err(|_| format!("{value:?} is not a number"))?;
    if number.is_finite() { Ok((at, number)) } else { Err(format!("the value is {value}")) }
}

/// Whether a sample is recent by the server's own clock.
fn fresh(answer: &Answer, at: f64, max_age: Duration) -> Result<(), String> {
    let now = answer.date().ok_or("the answer has no Date, so its age is not known")?;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in f64")]
    let age = now.as_second() as f64 - at;
    // A cache on the way says how long it has kept the answer.
    let kept = answer.headers.get("age").and_then(|age| age.trim().parse::<u32>().ok()).unwrap_or(0);
    let age = age + f64::from(kept);
    if age > max_age.as_secs_f64() {
        return Err(format!("stale: the sample is {age:.0} s old"));
    }
    if age < -AHEAD { Err(format!("the sample is {:.0} s in the future", -age)) } else { Ok(()) }
}

/// How far back a course reaches, and how close its values are.
pub(super) struct Window {
    range: i64,
    step: i64,
}

impl Window {
    pub(super) fn new(range: Duration, closest: Duration) -> Self {
        let range = range.as_secs().clamp(CLOSEST, 366 * 86_400);
        let step = range.div_ceil(POINTS).max(CLOSEST).max(closest.as_secs()).min(range);
        Self {
            range: i64::try_from(range).unwrap_or(i64::MAX),
            step: i64::try_from(step).unwrap_or(i64::MAX),
        }
    }

    /// The window up to `now`, on whole steps, so that values keep their places from look to look.
    pub(super) fn ending(&self, now: Timestamp) -> Span {
        let end = now.as_second().div_euclid(self.step) * self.step;
        let count = self.range / self.step;
        Span { start: end - count * self.step, end, step: self.step }
    }
}

/// One window in time, in seconds.
pub(super) struct Span {
    start: i64,
    end: i64,
    step: i64,
}

impl Span {
    pub(super) fn form(&self) -> Vec<(String, String)> {
        [("start", self.start), ("end", self.end), ("step", self.step)]
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .into()
    }
}

/// The one series in the answer to a range query, if there is exactly one and it is whole.
pub(super) fn course(answer: &Answer, span: &Span) -> Option<Series> {
    let (kind, result) = answer.json::<Envelope>().ok()?.data().ok()?;
    let [one] = result.as_array()?.as_slice() else { return None };
    if kind != "matrix" {
        return None;
    }
    let count = usize::try_from((span.end - span.start) / span.step + 1).ok()?;
    let mut values = vec![None; count];
    for pair in one.get("values")?.as_array()? {
        let [at, value] = pair.as_array()?.as_slice() else { return None };
        #[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
        let at = at.as_f64()?.round() as i64;
        let slot = usize::try_from(at.saturating_sub(span.start) / span.step).ok();
        if at >= span.start
            && let Some(slot) = slot.and_then(|slot| values.get_mut(slot))
        {
            *slot = value.as_str()?.parse().ok().filter(|v: &f64| v.is_finite());
        }
    }
    let start = Timestamp::from_second(span.start).ok()?;
    Some(Series { start, step: Duration::from_secs(u64::try_from(span.step).ok()?), values })
}
