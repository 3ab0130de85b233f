//! What the tests of a pipeline said, as GitLab sums up its JUnit reports.

use super::api::Api;
use super::bindings::Watch;
use super::whereabouts::Whereabouts;
use super::wire;
use crate::domain::report::NAMED;
use crate::domain::{Cause, FailedTest, Fault, SafeText, TestReport};

/// The report of a pipeline; none if it has none.
pub(super) async fn report(api: &Api, watch: &Watch, at: Whereabouts) -> Result<Option<TestReport>, Fault> {
    let summary: Option<wire::TestSummary> = api.get_if_told(&at.path(watch, "/test_report_summary")).await?;
    let Some(total) = summary.map(|summary| summary.total).filter(|total| total.count > 0) else {
        return Ok(None);
    };
    let failed = total.failed.saturating_add(total.error) > 0;
    let (failures, gap) = if failed { named(api, watch, at).await? } else { (Vec::new(), None) };
    Ok(Some(TestReport { gap, ..summed(&total, failures) }))
}

/// The report with these totals, and with the failed tests that are named.
pub(super) fn summed(total: &wire::TestTotal, failures: Vec<FailedTest>) -> TestReport {
    TestReport {
        passed: total.success,
        failed: total.failed.saturating_add(total.error),
        skipped: total.skipped,
        failures,
        from: "GitLab's test report".into(),
        gap: None,
    }
    .agreeing()
}

/// The tests that failed, by name. A report that is too large to be read is said to be.
async fn named(
    api: &Api,
    watch: &Watch,
    at: Whereabouts,
) -> Result<(Vec<FailedTest>, Option<SafeText>), Fault> {
    let report: wire::TestReport = match api.get(&at.path(watch, "/test_report")).await {
        Ok(report) => report,
        Err(fault) if matches!(fault.cause, Cause::TooLarge | Cause::NotFound | Cause::Forbidden) => {
            return Ok((Vec::new(), Some(SafeText::new(&format!("their names could not be read: {fault}")))));
        }
        Err(fault) => return Err(fault),
    };
    Ok((failures(&report), None))
}

/// The failed tests that a report names.
pub(super) fn failures(report: &wire::TestReport) -> Vec<FailedTest> {
    let failed = |case: &&wire::TestCase| {
        case.status.as_ref().is_some_and(|status| matches!(status.as_str(), "failed" | "error"))
    };
    let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases).filter(failed).take(NAMED);
    let named = cases.map(|case| FailedTest {
        suite: case.classname.clone().unwrap_or_default(),
        name: case.name.clone().unwrap_or_default(),
        says: case
            .system_output
            .as_str()
            .map(|text| SafeText::first_line(text.trim_start()))
            .unwrap_or_default(),
    });
    named.collect()
}
