//! What can be wanted, in one word.

use serde::{Deserialize, Serialize};

/// What can be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Let a gate pass.
    Approve,
    /// Turn a gate down.
    Reject,
    /// Ship an artifact to an environment.
    Promote,
    /// Go back to an earlier revision.
    RollBack,
    /// Hold a rollout.
    Pause,
    /// Let a held rollout go on.
    Resume,
    /// Skip what is left of a rollout's steps, its analyses too.
    PromoteFully,
    /// Give a rollout in steps up: all traffic back to the stable revision.
    Abort,
    /// Begin an aborted rollout again.
    Retry,
    /// Replace every replica by a new one of the same artifact.
    Restart,
    /// Keep the GitOps controller from undoing changes by hand.
    Hold,
    /// Let the GitOps controller apply again what Git says.
    Release,
    /// Run failed jobs again.
    Rerun,
    /// Stop a run.
    Cancel,
}

impl Verb {
    /// `approve`, `roll back` ...
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Promote => "promote",
            Self::RollBack => "roll back",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::PromoteFully => "promote fully",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::Restart => "restart",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Rerun => "rerun",
            Self::Cancel => "cancel",
        }
    }
}
