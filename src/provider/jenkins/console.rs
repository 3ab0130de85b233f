//! The console of a build: its log, and the decisions that the input step wrote into it.

use std::sync::Arc;

use super::api::Api;
use crate::domain::log::{JobLog, LogAnswer, LogEnd, LogReader};
use crate::domain::pipeline::Review;
use crate::domain::{Cause, Decision, Fault, SafeText};
use crate::provider::http::{Answer, query};

/// The whole console, as far as it is written.
async fn console(api: &Api, build: &str) -> Result<Answer, Fault> {
    let path = query(&format!("{build}/logText/progressiveText"), &[("start", "0")]);
    api.read(&path, "text/plain").await
}

/// The log of a build, or of one stage where Pipeline Graph View tells it.
pub(super) async fn log(api: &Api, build: &str, stage: Option<&str>) -> Result<LogAnswer, Fault> {
    let answer = match stage {
        Some(stage) => {
            match api.read(&query(&format!("{build}/stages/log"), &[("nodeId", stage)]), "text/plain").await {
                Err(fault) if fault.cause == Cause::NotFound => console(api, build).await,
                answer => answer,
            }
        }
        None => console(api, build).await,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) if fault.cause == Cause::Unauthorized => return Err(fault),
        Err(fault) => return Ok(LogAnswer::Failed(fault)),
    };
    let more = answer.headers.get("x-more-data").is_some_and(|more| more.eq_ignore_ascii_case("true"));
    let end = if more { LogEnd::Growing } else { LogEnd::Complete };
    Ok(LogAnswer::Here(Arc::new(read(&answer.body, end))))
}

fn read(bytes: &[u8], end: LogEnd) -> JobLog {
    let mut reader = LogReader::new();
    reader.feed(bytes);
    reader.log(end)
}

/// The decisions in a console: who, and on which message. Of one that is too long to be read, or gone, none is known:
/// what depends on them is not proved then.
pub(super) async fn reviews(api: &Api, build: &str) -> Result<Vec<Review>, Fault> {
    match console(api, build).await {
        Ok(answer) => Ok(decisions(&answer.text())),
        Err(fault) if matches!(fault.cause, Cause::TooLarge | Cause::NotFound) => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

/// `Approved by Mara` and `Rejected by Mara` follow the message of their input, with a line about how to decide between.
pub(super) fn decisions(text: &str) -> Vec<Review> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let decided = [("Approved by ", Decision::Approved), ("Rejected by ", Decision::Rejected)]
            .into_iter()
            .find_map(|(words, decision)| Some((decision, line.strip_prefix(words)?)));
        let Some((decision, by)) = decided else { continue };
        let before = lines.get(..index).unwrap_or_default().iter().rev().take(12).copied();
        // The message stands between the step's head and the line that says how to decide. Without that line it is a
        // script that speaks so.
        let since: Vec<&str> = before.take_while(|line| !line.starts_with("[Pipeline] ")).collect();
        if !since.iter().any(|line| how_to_decide(line)) {
            continue;
        }
        let mut message: Vec<&str> = since.into_iter().filter(|line| !how_to_decide(line)).collect();
        message.reverse();
        let words: Vec<&str> = message.iter().flat_map(|line| line.split_whitespace()).collect();
        found.push(Review {
            decision,
            by: SafeText::new(by),
            environments: vec![SafeText::new(&words.join(" "))],
            comment: SafeText::default(),
        });
    }
    found
}

fn how_to_decide(line: &str) -> bool {
    line == "Input requested" || line.ends_with(" or Abort")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_read_with_the_message_that_they_are_about() {
        let text = "Started by user Rhea\r\n[Pipeline] stage\r\n[Pipeline] input\r\nDeploy v2\r\nto production?\r\nProceed or Abort\r\nApproved by Mara Lindqvist\r\n\
                    [Pipeline] sh\r\n+ echo Approved by nobody in particular\r\nApproved by a script\r\n[Pipeline] input\r\nShip to eu?\r\nInput requested\r\nRejected by omar\r\n";
        let found: Vec<_> = decisions(text)
            .into_iter()
            .map(|r| (r.decision, r.by.to_string(), r.environments[0].to_string()))
            .collect();
        assert_eq!(
            found,
            [
                (Decision::Approved, "Mara Lindqvist".to_owned(), "Deploy v2 to production?".to_owned()),
                (Decision::Rejected, "omar".to_owned(), "Ship to eu?".to_owned()),
            ]
        );
        assert!(decisions("").is_empty());
    }
}
