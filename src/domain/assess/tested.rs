//! TEST: what the tests themselves said, on the exact commit that would ship. Their word counts even where the run took
//! no notice of it: a job may be allowed to fail. Tests of another commit prove nothing, and no results change nothing.

use super::super::code::Sha;
use super::super::pipeline::{Pipeline, Run};
use super::super::report::TestReport;
use super::super::{Mark, Stage, Verdict};
use super::Case;

/// Failed tests that a reason names.
const NAMED: usize = 2;

/// The newest run on this commit that says what its tests said.
#[must_use]
pub fn on<'a>(pipeline: &'a Pipeline, revision: &Sha) -> Option<(&'a Run, &'a TestReport)> {
    let same = pipeline.runs.iter().filter(|run| run.revision == *revision);
    same.filter_map(|run| Some((run, run.tests.as_ref()?))).next()
}

/// Judges the results on the commit of the run that matters.
pub(super) fn judge(case: &mut Case<'_>, pipeline: &Pipeline, revision: &Sha) {
    match on(pipeline, revision) {
        Some((run, report)) if report.failed > 0 => {
            case.say(Stage::Test, None, Mark::Judged(Verdict::Hold), &failed(run, report));
        }
        Some(_) => {}
        None => {
            let other = pipeline.runs.iter().find(|run| run.tests.is_some());
            if let Some(other) = other {
                let (theirs, ours) = (other.revision.short(), revision.short());
                case.note(
                    Stage::Test,
                    None,
                    &format!("test results are of {theirs}, not of {ours}: they prove nothing about it"),
                );
            }
        }
    }
}

/// `3 of 415 tests failed on 4f2c8b6, although run 66 passed: cart::merge keeps_every_line and 2 more`.
fn failed(run: &Run, report: &TestReport) -> String {
    let (failed, total) = (report.failed, report.total());
    let although =
        if run.state.passed() { format!(", although run {} passed", run.number) } else { String::new() };
    let names: Vec<String> =
        report.failures.iter().take(NAMED).map(super::super::report::FailedTest::words).collect();
    let more = failed.saturating_sub(u64::try_from(names.len()).unwrap_or(u64::MAX));
    let tests = if total == 1 { "test" } else { "tests" };
    let mut text = format!("{failed} of {total} {tests} failed on {}{although}", run.revision.short());
    if !names.is_empty() {
        text.push_str(&format!(": {}", names.join(", ")));
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::pipeline::{Job, RunKey, RunState};
    use super::super::super::{
        Assessment, FailedTest, Observation, Report, Service, ServiceName, SourceName, World,
    };
    use super::super::{Now, assess};
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    fn run(number: u64, digit: char, state: RunState, tests: Option<TestReport>) -> Run {
        let source = SourceName::new("ci");
        let job = Job {
            id: "1".into(),
            name: "unit".into(),
            state: state.clone(),
            started: None,
            finished: None,
            steps: Vec::new(),
            url: None,
        };
        Run {
            key: RunKey { source, service: ServiceName::new("web"), id: number.to_string().as_str().into() },
            number,
            attempt: 1,
            workflow: "release.yml".into(),
            title: "Release".into(),
            revision: Sha::new(&digit.to_string().repeat(40)),
            branch: None,
            event: "push".into(),
            actor: None,
            state,
            started: None,
            updated: None,
            url: None,
            jobs: vec![job],
            reviews: Vec::new(),
            tests,
        }
    }

    fn report(failed: u64) -> TestReport {
        let failure = |number: u64| FailedTest {
            suite: "cart::merge".into(),
            name: number.to_string().as_str().into(),
            says: "no".into(),
        };
        let failures = (1..=failed).map(failure).collect();
        TestReport { passed: 9, failed, failures, from: "JUnit".into(), ..TestReport::default() }
    }

    fn judged(runs: Vec<Run>) -> Assessment {
        let source = SourceName::new("ci");
        let service = Service {
            name: ServiceName::new("web"),
            code: None,
            pipeline: Some(source.clone()),
            stages: Vec::new(),
            environments: Vec::new(),
        };
        let pipelines = BTreeMap::from([(service.name.clone(), Pipeline { runs, remarks: Vec::new() })]);
        let mut world = World::of([&source]);
        world.absorb(&Report {
            source,
            epoch: 1,
            began: Now::START,
            at: Now::START,
            next: Duration::from_secs(5),
            result: Ok(Arc::new(Observation { pipelines, ..Observation::default() })),
        });
        assess(&service, &[], &world, Now::START)
    }

    #[test]
    fn tests_that_failed_on_the_commit_hold_it_even_where_its_run_passed() {
        let passed = RunState::Passed;
        for (name, runs, verdict, reason) in [
            ("all passed", vec![run(2, 'a', passed.clone(), Some(report(0)))], Verdict::Go, None),
            ("no results", vec![run(2, 'a', passed.clone(), None)], Verdict::Go, None),
            (
                "one failed, the run passed",
                vec![run(2, 'a', passed.clone(), Some(report(1)))],
                Verdict::Hold,
                Some("1 of 10 tests failed on aaaaaaa, although run 2 passed: cart::merge 1"),
            ),
            (
                "many failed, the run only warned",
                vec![run(2, 'a', RunState::Warned, Some(report(4)))],
                Verdict::Hold,
                Some(
                    "4 of 13 tests failed on aaaaaaa, although run 2 passed: cart::merge 1, cart::merge 2 and 2 more",
                ),
            ),
            (
                "an earlier run on the same commit",
                vec![run(3, 'a', passed.clone(), None), run(2, 'a', passed.clone(), Some(report(1)))],
                Verdict::Hold,
                Some("1 of 10 tests failed on aaaaaaa, although run 2 passed: cart::merge 1"),
            ),
            (
                "results of another commit",
                vec![run(3, 'a', passed.clone(), None), run(2, 'b', passed.clone(), Some(report(1)))],
                Verdict::Go,
                Some("test results are of bbbbbbb, not of aaaaaaa: they prove nothing about it"),
            ),
            (
                "run again on the same commit, and passed",
                vec![
                    run(3, 'a', passed.clone(), Some(report(0))),
                    run(2, 'a', passed.clone(), Some(report(1))),
                ],
                Verdict::Go,
                None,
            ),
        ] {
            let assessment = judged(runs);
            assert_eq!(assessment.mark(Stage::Test), Mark::Judged(verdict), "{name}");
            let said: Vec<&str> = assessment.reasons.iter().map(|r| r.text.as_str()).collect();
            assert_eq!(said, Vec::from_iter(reason), "{name}");
        }
    }

    #[test]
    fn a_job_that_failed_stays_worse_than_the_tests_in_it() {
        let assessment = judged(vec![run(2, 'a', RunState::Failed("failure".into()), Some(report(1)))]);
        assert_eq!(assessment.verdict, Verdict::NoGo);
        let said: Vec<&str> = assessment.reasons.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(said, ["job unit of run 2: failure", "1 of 10 tests failed on aaaaaaa: cart::merge 1"]);
    }
}
