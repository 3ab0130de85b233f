//! What the tests of a run said, where some failed although the run passed.

use std::sync::Arc;
use std::time::Duration;

use gonogo::app::model::Model;
use gonogo::app::{Msg, update};
use gonogo::domain::{FailedTest, Observation, Report, RunState, ServiceName, SourceName, TestReport};

use crate::model::release_day;
use crate::select;

/// The release day on which tests of checkout failed on the commit that waits, and its jobs took no notice.
pub(crate) fn failed() -> Model {
    let mut model = select(release_day(), "checkout");
    let source = SourceName::new("github");
    let state = model.world.source(&source).unwrap().clone();
    let mut seen = Observation::clone(&state.last.unwrap());
    let gate = seen.gates.iter().find(|gate| gate.key.run.service.as_str() == "checkout").unwrap();
    let revision = gate.revision.clone();
    let pipeline = seen.pipelines.get_mut(&ServiceName::new("checkout")).unwrap();
    let run = pipeline.runs.iter_mut().find(|run| run.revision == revision).unwrap();
    assert!(!matches!(run.state, RunState::Failed(_)));
    let test = |suite: &str, name: &str, says: &str| FailedTest {
        suite: suite.into(),
        name: name.into(),
        says: says.into(),
    };
    run.tests = Some(TestReport {
        passed: 412,
        failed: 5,
        skipped: 2,
        failures: vec![
            test(
                "cart",
                "two devices, one account",
                "Error: expected the cart of device B to hold 3 lines, it held 2",
            ),
            test("tests.test_cart", "test_merge[2-3]", "AssertionError: assert 2 == 3"),
            test(
                "com.acme.shop.CheckoutIT",
                "paysTwice",
                "no such element: Unable to locate element: \u{202e}x",
            ),
            test("a.suite.with.a.very.long.name", &"name ".repeat(30), &"says ".repeat(60)),
        ],
        from: "JUnit, artifact test-results".into(),
        gap: Some("artifact e2e-report has expired".into()),
    });
    let (epoch, at, next) = (state.epoch, model.now, Duration::from_secs(5));
    update(
        &mut model,
        Msg::Report(Report { source, epoch, began: at, at, next, result: Ok(Arc::new(seen)) }),
    );
    model
}
