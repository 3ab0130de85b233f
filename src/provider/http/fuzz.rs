//! An answer from nowhere: the way by which the fuzz targets reach what is made of an answer, without a server.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::answer::{Answer, Headers};
use super::base::Base;
use super::exchange::Purpose;

/// The endpoint that the answers are said to come from.
const ENDPOINT: &str = "https://api.test/base";

/// An answer to a question.
#[must_use]
pub fn to_read(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    answer(Purpose::Read, status, headers, body)
}

/// An answer to a request that changes something.
#[must_use]
pub fn to_write(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    answer(Purpose::Write, status, headers, body)
}

fn answer(purpose: Purpose, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    let base = Base::parse(ENDPOINT).ok()?;
    let url = base.join("/items?page=1").ok()?;
    let headers =
        headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())).collect();
    Some(Answer {
        status,
        headers: Headers(headers),
        body: body.to_vec(),
        asked: "GET /items at api.test".to_owned(),
        purpose,
        base,
        url,
    })
}
