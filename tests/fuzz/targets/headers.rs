//! Headers: the next page, how long to wait, how much may still be asked.

use std::time::Duration;

use gonogo::domain::{Cause, Reached, Retry};
use gonogo::provider::github;
use gonogo::provider::http::{Answer, fuzz};

use super::keeps;

/// The longest wait that any server is believed.
const LONGEST: Duration = Duration::from_secs(3_600);

/// `Link`: the next page is below the endpoint's own base, or there is none.
pub(crate) fn link(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let headers: Vec<(&str, &str)> = text.split('\n').map(|line| ("link", line)).collect();
    let answer = fuzz::to_read(200, &headers, b"[]").expect("an answer");
    if let Some(next) = answer.next_page() {
        assert!(next.starts_with('/'), "a path: {next:?}");
        assert!(!next.chars().any(|c| c.is_control() || c == ' '), "{next:?}");
        assert!(text.to_ascii_lowercase().contains("next"), "only what is said to be next: {next:?}");
    }
}

/// Status, then headers a line each, then after an empty line the body.
pub(crate) fn limits(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(429);
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let read = fuzz::to_read(status, &headers, body.as_bytes()).expect("an answer");
    let write = fuzz::to_write(status, &headers, body.as_bytes()).expect("an answer");
    assert!(read.retry_after().is_none_or(|wait| wait <= LONGEST), "no wait beyond an hour is believed");
    if let Some(budget) = github::fuzz::budget(&read) {
        keeps(&budget);
    }
    refused(&read, Reached::No);
    // Only a clear no of the server says that nothing happened.
    let clear_no = matches!(status, 300..=407 | 409..=499);
    refused(&write, if clear_no { Reached::No } else { Reached::Perhaps });
}

fn refused(answer: &Answer, reached: Reached) {
    for fault in [answer.fault(), github::fuzz::refusal(answer)] {
        keeps(&fault);
        assert_eq!(fault.reached, reached, "{fault}");
        match fault.retry {
            Retry::After(wait) => assert!(wait <= LONGEST, "{fault}: {wait:?}"),
            Retry::BackOff => {}
            Retry::WhenMended => assert!(
                matches!(fault.cause, Cause::Unauthorized | Cause::Forbidden | Cause::Local | Cause::Tls),
                "{fault}"
            ),
        }
        if answer.status == 429 {
            assert_eq!(fault.cause, Cause::RateLimited, "{fault}");
        }
    }
}
