//! What must become true after a request, as data; judged from later looks only.

use serde::{Deserialize, Serialize};

use super::pipeline::{Decision, GateKey, RunKey};
use super::rollout::Artifact;
use super::text::SafeText;

/// What must become true in the world afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// The gate no longer waits, and the run's reviews hold this decision.
    GateDecided {
        /// Which gate.
        gate: GateKey,
        /// How.
        decision: Decision,
        /// The provider's environment that the review must name.
        environment: SafeText,
        /// Reviews with this decision for this environment that there were already.
        reviews_before: usize,
    },
    /// The gate's reviews hold one more with this decision; it goes on waiting for others.
    Reviewed {
        /// Which gate.
        gate: GateKey,
        /// How.
        decision: Decision,
        /// The provider's environment that the review must name.
        environment: SafeText,
        /// Reviews with this decision for this environment that there were already.
        reviews_before: usize,
        /// Approvals that are missing after this one.
        missing: u64,
    },
    /// Every replica in the place runs this, and the rollout is at rest.
    Runs {
        /// What.
        artifact: Artifact,
    },
    /// The rollout of this has begun: it is what comes, and some of it runs. Its steps are for others to judge.
    Begun {
        /// What.
        artifact: Artifact,
    },
    /// The rollout has gone on beyond this step, or is over.
    WentOn {
        /// The step that held it, from 0.
        step: usize,
    },
    /// The rollout is aborted, and only what was stable has replicas that are ready for traffic.
    Aborted,
    /// The rollout is no longer aborted.
    Retried,
    /// No door of the rollout is open any more.
    Shut,
    /// The rollout is paused.
    Paused,
    /// The rollout is no longer paused.
    Resumed,
    /// The run has at least this attempt.
    Attempt {
        /// Which run.
        run: RunKey,
        /// At least.
        attempt: u64,
    },
    /// The run is no longer held before its start.
    Started {
        /// Which run.
        run: RunKey,
    },
    /// The run has ended.
    Ended {
        /// Which run.
        run: RunKey,
    },
    /// A run of the workflow that was not there before has appeared.
    RunAppeared {
        /// Run ids of the service that were there before.
        before: Vec<SafeText>,
        /// Workflow file or name.
        workflow: SafeText,
    },
}

impl std::fmt::Display for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::GateDecided { decision, environment, .. } => {
                let decided = decision.word();
                write!(f, "the gate of {environment} no longer waits and lists this review as {decided}")
            }
            Self::Reviewed { decision, environment, missing, .. } => {
                let (decided, approvals) =
                    (decision.word(), if *missing == 1 { "approval" } else { "approvals" });
                write!(
                    f,
                    "the gate of {environment} lists this review as {decided} and waits for {missing} more {approvals}"
                )
            }
            Self::Runs { artifact } => {
                write!(f, "every replica runs {} and the rollout is at rest", artifact.label())
            }
            Self::Begun { artifact } => {
                write!(f, "the rollout of {} has begun, and some of it runs", artifact.label())
            }
            Self::WentOn { step } => write!(f, "the rollout is beyond step {}", step + 1),
            Self::Aborted => f.write_str("the rollout is aborted, and the stable revision has all traffic"),
            Self::Retried => f.write_str("the rollout is no longer aborted"),
            Self::Shut => f.write_str("every gate of the rollout is closed"),
            Self::Paused => f.write_str("the rollout is paused"),
            Self::Resumed => f.write_str("the rollout is no longer paused"),
            Self::Attempt { attempt, .. } => write!(f, "the run is in attempt {attempt}"),
            Self::Started { .. } => f.write_str("the run is no longer held and has begun"),
            Self::Ended { .. } => f.write_str("the run has ended"),
            Self::RunAppeared { workflow, .. } => write!(f, "a new run of {workflow} has begun"),
        }
    }
}
