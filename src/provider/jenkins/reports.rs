//! What the tests of a build said, as the JUnit plugin sums it up.

use super::api::Api;
use super::wire;
use crate::domain::report::NAMED;
use crate::domain::{Cause, FailedTest, Fault, SafeText, TestReport};
use crate::provider::http::query;

/// Numbers, and the cases by suite, as many as are worth reading.
const TREE: &str = "passCount,totalCount,failCount,skipCount,suites[cases[className,name,status,errorDetails]{0,500}]{0,200}";

/// The report of a build; none if it has none.
pub(super) async fn report(api: &Api, build: &str) -> Result<Option<TestReport>, Fault> {
    let path = query(&format!("{build}/testReport/api/json"), &[("tree", TREE)]);
    match api.get(&path).await {
        Ok(told) => Ok(Some(summed(&told))),
        Err(fault) if matches!(fault.cause, Cause::NotFound | Cause::TooLarge) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The report in an answer.
pub(super) fn summed(told: &wire::TestReport) -> TestReport {
    let failed = |case: &&wire::Case| {
        case.status.as_ref().is_some_and(|status| matches!(status.as_str(), "FAILED" | "REGRESSION"))
    };
    let cases = told.suites.iter().flat_map(|suite| &suite.cases).filter(failed);
    let failures: Vec<FailedTest> = cases
        .take(NAMED)
        .map(|case| FailedTest {
            suite: case.class.clone().unwrap_or_default(),
            name: case.name.clone().unwrap_or_default(),
            says: case
                .says
                .as_deref()
                .map(|text| SafeText::first_line(text.trim_start()))
                .unwrap_or_default(),
        })
        .collect();
    // Jenkins counts all; what has no entry of its own passed or is beyond what was read.
    let rest = |all: u64| all.saturating_sub(told.failed).saturating_sub(told.skipped);
    TestReport {
        passed: told.passed.or_else(|| told.all.map(rest)).unwrap_or_default(),
        failed: told.failed,
        skipped: told.skipped,
        failures,
        from: "Jenkins' test report".into(),
        gap: None,
    }
    .agreeing()
}
