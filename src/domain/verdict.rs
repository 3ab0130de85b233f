//! GO or NO-GO: stages, verdicts, reasons.

use serde::{Deserialize, Serialize};

use super::name::EnvironmentName;
use super::rollout::Artifact;
use super::text::SafeText;

/// One of the eight stages of the way of software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Change ticket, freeze windows.
    Plan,
    /// The change set.
    Code,
    /// Jobs that compile, lint, package.
    Build,
    /// Jobs and results on the exact commit.
    Test,
    /// Version, tag, gates.
    Release,
    /// Rollout state.
    Deploy,
    /// Replicas, restarts, owner.
    Operate,
    /// Signals and alerts.
    Monitor,
}

impl Stage {
    /// All eight, in order.
    pub const ALL: [Self; 8] = [
        Self::Plan,
        Self::Code,
        Self::Build,
        Self::Test,
        Self::Release,
        Self::Deploy,
        Self::Operate,
        Self::Monitor,
    ];

    /// `PLAN`, `CODE` ...
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plan => "PLAN",
            Self::Code => "CODE",
            Self::Build => "BUILD",
            Self::Test => "TEST",
            Self::Release => "RELEASE",
            Self::Deploy => "DEPLOY",
            Self::Operate => "OPERATE",
            Self::Monitor => "MONITOR",
        }
    }
}

/// The answer, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Evidence says yes.
    Go,
    /// Wait: something is under way or waits for somebody.
    Hold,
    /// No evidence, or too old.
    Unknown,
    /// Evidence says no.
    NoGo,
}

impl Verdict {
    /// `GO`, `HOLD`, `NO-GO`, `UNKNOWN`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::Hold => "HOLD",
            Self::Unknown => "UNKNOWN",
            Self::NoGo => "NO-GO",
        }
    }
}

/// How a stage looks on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Nothing is configured for it: neither blocks nor counts.
    NotWatched,
    /// Its turn has not come.
    Ahead,
    /// Under way; per cent if known.
    Running(Option<u32>),
    /// Waits for a human.
    Waiting,
    /// Judged.
    Judged(Verdict),
}

impl Mark {
    /// The verdict that this mark contributes, if any.
    #[must_use]
    pub const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::NotWatched | Self::Ahead => None,
            Self::Running(_) | Self::Waiting => Some(Verdict::Hold),
            Self::Judged(verdict) => Some(verdict),
        }
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// About which stage.
    pub stage: Stage,
    /// In which environment, if in one.
    pub environment: Option<EnvironmentName>,
    /// What it means.
    pub verdict: Verdict,
    /// One sentence: "error rate 4.1 % is above 2 %".
    pub text: SafeText,
}

/// The judgement on one environment of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Which.
    pub environment: EnvironmentName,
    /// The answer.
    pub verdict: Verdict,
    /// What runs there.
    pub live: Option<Artifact>,
    /// What would come next.
    pub coming: Option<Artifact>,
}

/// The judgement on a service: what the board shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// The answer.
    pub verdict: Verdict,
    /// The eight stages.
    pub marks: [Mark; 8],
    /// Why, worst first.
    pub reasons: Vec<Reason>,
    /// Each environment, in configured order.
    pub standings: Vec<Standing>,
    /// What it waits on, in few words: "approval, you · 4 min".
    pub waits_on: Option<SafeText>,
}

impl Assessment {
    /// The mark of one stage.
    #[must_use]
    pub fn mark(&self, stage: Stage) -> Mark {
        self.marks.get(stage as usize).copied().unwrap_or(Mark::NotWatched)
    }

    /// The judgement on one environment.
    #[must_use]
    pub fn standing(&self, environment: &EnvironmentName) -> Option<&Standing> {
        self.standings.iter().find(|s| &s.environment == environment)
    }
}
