//! What must become true after a request, as data; judged from later looks only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Sha;
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
    /// Every replica in the place is newer than the restart with this mark and runs this, and the rollout is at rest.
    Restarted {
        /// What.
        artifact: Artifact,
        /// [`super::rollout::Restart::mark`].
        mark: SafeText,
    },
    /// Every replica in the place has been started later than this and runs this, and the rollout is at rest: of a target
    /// that keeps no mark of a restart.
    Renewed {
        /// What.
        artifact: Artifact,
        /// The latest start that there was, by the target's own clock.
        after: Timestamp,
    },
    /// No door of the rollout is open any more.
    Shut,
    /// The rollout is paused.
    Paused,
    /// The rollout is no longer paused.
    Resumed,
    /// The GitOps controller has applied this revision anew, and what runs is well.
    Synced {
        /// The revision in Git.
        revision: Sha,
        /// The newest entry of its history before.
        after: Option<u64>,
        /// When its last operation before this one began.
        operation: Option<Timestamp>,
    },
    /// The followed branch holds the folder as it was, the GitOps controller has applied it, and what runs is well.
    Reverted {
        /// The branch.
        branch: SafeText,
        /// Where it stood before.
        onto: Sha,
        /// The folder's content: git's tree id.
        tree: Sha,
    },
    /// A branch of its own holds the folder as it was.
    Proposed {
        /// The branch.
        branch: SafeText,
        /// The folder's content: git's tree id.
        tree: Sha,
    },
    /// The GitOps controller leaves changes by hand alone.
    Held,
    /// The GitOps controller applies by itself what Git says.
    Released,
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
            Self::Restarted { artifact, .. } | Self::Renewed { artifact, .. } => {
                write!(
                    f,
                    "every replica is new, runs {} as before, and the rollout is at rest",
                    artifact.label()
                )
            }
            Self::Shut => f.write_str("every gate of the rollout is closed"),
            Self::Paused => f.write_str("the rollout is paused"),
            Self::Resumed => f.write_str("the rollout is no longer paused"),
            Self::Synced { revision, .. } => {
                write!(
                    f,
                    "the controller has applied {revision} anew, and every replica runs what it asks for"
                )
            }
            Self::Reverted { branch, .. } => {
                write!(f, "{branch} holds the revert, it is applied, and every replica runs what it asks for")
            }
            Self::Proposed { branch, .. } => write!(f, "the branch {branch} holds the revert"),
            Self::Held => f.write_str("the controller leaves changes by hand alone"),
            Self::Released => f.write_str("the controller applies by itself what Git says"),
            Self::Attempt { attempt, .. } => write!(f, "the run is in attempt {attempt}"),
            Self::Started { .. } => f.write_str("the run is no longer held and has begun"),
            Self::Ended { .. } => f.write_str("the run has ended"),
            Self::RunAppeared { workflow, .. } => write!(f, "a new run of {workflow} has begun"),
        }
    }
}
