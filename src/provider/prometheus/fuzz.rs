//! What is made of Prometheus' answers, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use std::time::Duration;

use jiff::Timestamp;

use super::reading::{self, Instant, Window};
use crate::domain::{Fault, Reading, Series};
use crate::provider::http::Answer;

/// The number in the answer to an instant query, or why there is none.
///
/// # Errors
/// When something else than the API answers.
pub fn instant(answer: &Answer, max_age: Duration) -> Result<Reading, Fault> {
    Ok(match reading::instant(answer, max_age)? {
        Instant::Value(value) => Reading::Value(value),
        Instant::Unknown(why) => Reading::Unknown(why),
    })
}

/// The course in the answer to a range query over the hour up to `now`.
#[must_use]
pub fn course(answer: &Answer, now: Timestamp) -> Option<Series> {
    let span = Window::new(Duration::from_secs(3_600), Duration::from_secs(15)).ending(now);
    reading::course(answer, &span)
}
