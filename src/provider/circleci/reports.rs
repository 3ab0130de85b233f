//! What the tests of a job said, as CircleCI keeps them.

use super::api::Api;
use super::bindings::Watch;
use super::wire;
use crate::domain::report::NAMED;
use crate::domain::{Cause, FailedTest, Fault, SafeText, TestReport};

/// The report of a job; an empty one if it stored none.
pub(super) async fn report(api: &Api, watch: &Watch, job: u64) -> Result<TestReport, Fault> {
    let (tests, whole) = match api.list::<wire::Test>(&format!("{}/{job}/tests", watch.path)).await {
        Ok(read) => read,
        Err(fault) if matches!(fault.cause, Cause::NotFound | Cause::Forbidden | Cause::TooLarge) => {
            return Ok(TestReport::default());
        }
        Err(fault) => return Err(fault),
    };
    Ok(counted(tests, whole))
}

/// The report of these results.
pub(super) fn counted(tests: Vec<wire::Test>, whole: bool) -> TestReport {
    let mut report = TestReport::default();
    for test in tests {
        match test.result.as_ref().map(SafeText::as_str) {
            Some("success") => report.passed += 1,
            Some("skipped") => report.skipped += 1,
            // A word that is not known is no success.
            _ => {
                report.failed += 1;
                if report.failures.len() < NAMED {
                    report.failures.push(FailedTest {
                        suite: test.classname.unwrap_or_default(),
                        name: test.name.unwrap_or_default(),
                        says: test
                            .message
                            .as_deref()
                            .map(|text| SafeText::first_line(text.trim_start()))
                            .unwrap_or_default(),
                    });
                }
            }
        }
    }
    if report.total() > 0 {
        report.from = "CircleCI's test results".into();
        report.gap = (!whole).then(|| "there are more results than were read".into());
    }
    report
}
