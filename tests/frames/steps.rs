//! Rollouts in steps: one that waits at a step, one that an analysis stopped, and two colours.

use std::sync::Arc;
use std::time::Duration;

use gonogo::app::model::Model;
use gonogo::app::{Msg, update};
use gonogo::domain::rollout::{Analysis, Course, Measured, Steps, Strategy};
use gonogo::domain::{Observation, Phase, Place, Report, SourceName};

use crate::model::{artifact, canary_day};
use crate::select;

fn canary(course: Course, at: usize, weight: u32) -> Steps {
    let words = ["25 %", "pause until promoted", "analysis success-rate, latency", "50 %", "pause 10m"];
    Steps {
        strategy: Strategy::Canary,
        words: words.map(Into::into).to_vec(),
        at,
        weight: Some(weight),
        stable: Some(artifact("search", "v4.1.1")),
        course,
        analyses: Vec::new(),
        skips: true,
        doors: Vec::new(),
    }
}

/// The canary's day where search rolls out like this.
fn day(phase: Phase, steps: Steps) -> Model {
    let mut model = select(canary_day(), "search");
    let source = SourceName::new("prod");
    let state = model.world.source(&source).unwrap().clone();
    let mut seen = Observation::clone(&state.last.unwrap());
    let rollout = Arc::make_mut(seen.rollouts.get_mut(&Place::new("search", "production")).unwrap());
    rollout.workload = "rollout/search in namespace production".into();
    rollout.signs.clear();
    (rollout.phase, rollout.steps) = (phase, Some(steps));
    let (epoch, at, next) = (state.epoch, model.now, Duration::from_secs(5));
    update(
        &mut model,
        Msg::Report(Report { source, epoch, began: at, at, next, result: Ok(Arc::new(seen)) }),
    );
    model
}

/// A canary that waits at 25 %; nothing else waits.
pub(crate) fn held() -> Model {
    let phase = Phase::Paused("a pause of its steps: step 2 of 5, pause until promoted".into());
    let mut model = day(phase, canary(Course::Held, 1, 25));
    model.inbox.clear();
    model
}

/// A canary that an analysis stopped.
pub(crate) fn aborted() -> Model {
    let mut steps = canary(Course::Aborted, 0, 0);
    let metric = |name: &str, value: &str, phase: &str, counts| Measured {
        name: name.into(),
        phase: phase.into(),
        value: Some(value.into()),
        condition: "result[0] >= 0.99".into(),
        counts,
    };
    steps.analyses = vec![Analysis {
        name: "search-5f6d-42-2".into(),
        phase: "Failed".into(),
        message: "Metric \"success-rate\" assessed Failed due to failed (1) > failureLimit (0)".into(),
        metrics: vec![
            metric("success-rate", "[0.931]", "Failed", [2, 1, 0]),
            metric("latency", "[0.412]", "Successful", [3, 0, 0]),
        ],
    }];
    day(Phase::Failed("aborted: Metric \"success-rate\" assessed Failed".into()), steps)
}

/// A preview that is ready for the switch.
pub(crate) fn colours() -> Model {
    let steps = Steps {
        strategy: Strategy::BlueGreen,
        words: vec!["preview".into(), "switch".into()],
        ..canary(Course::Held, 1, 0)
    };
    day(Phase::Paused("the preview waits for the switch".into()), steps)
}
