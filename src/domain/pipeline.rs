//! What a CI provider runs: runs, jobs, steps, and the gates that wait for a human.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Sha;
use super::name::{EnvironmentName, Place, ServiceName, SourceName};
use super::report::TestReport;
use super::text::SafeText;

/// The state of a run, job or step, in one vocabulary for every provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Created, not started.
    Queued,
    /// Held back by a concurrency limit.
    Blocked,
    /// Waits for a human.
    WaitingForHuman,
    /// Waits for a timer.
    WaitingForTimer,
    /// Runs.
    Running,
    /// Ended well.
    Passed,
    /// Ended with a warning.
    Warned,
    /// Ended badly; the provider's word ("failure", "timed_out").
    Failed(SafeText),
    /// Somebody stopped it.
    Cancelled,
    /// Was not needed.
    Skipped,
    /// A word that we do not know; never taken for success.
    Unknown(SafeText),
}

impl RunState {
    /// Whether it has come to an end.
    #[must_use]
    pub const fn ended(&self) -> bool {
        matches!(self, Self::Passed | Self::Warned | Self::Failed(_) | Self::Cancelled | Self::Skipped)
    }

    /// Whether it ended well.
    #[must_use]
    pub const fn passed(&self) -> bool {
        matches!(self, Self::Passed | Self::Warned)
    }
}

/// A run of a workflow at a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// Where.
    pub source: SourceName,
    /// Whose.
    pub service: ServiceName,
    /// The provider's id.
    pub id: SafeText,
}

/// A job of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobKey {
    /// The run.
    pub run: RunKey,
    /// The provider's id of the job.
    pub id: SafeText,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which.
    pub key: RunKey,
    /// The number that people see.
    pub number: u64,
    /// Attempt, from 1.
    pub attempt: u64,
    /// Workflow's name or file: `release.yml`.
    pub workflow: SafeText,
    /// What people call this run: "Release 2.8.0".
    pub title: SafeText,
    /// The commit it runs on.
    pub revision: Sha,
    /// Branch or tag, if known.
    pub branch: Option<SafeText>,
    /// What started it: `push`, `workflow_dispatch`.
    pub event: SafeText,
    /// Who started it.
    pub actor: Option<SafeText>,
    /// How it stands.
    pub state: RunState,
    /// When this attempt began.
    pub started: Option<Timestamp>,
    /// When it last changed.
    pub updated: Option<Timestamp>,
    /// Where a browser shows it (https only).
    pub url: Option<SafeText>,
    /// Its jobs in the order they began; empty when they were not asked for.
    pub jobs: Vec<Job>,
    /// Reviews of its gates, where the provider tells.
    pub reviews: Vec<Review>,
    /// What its tests said, where the provider hands that out.
    #[serde(default)]
    pub tests: Option<TestReport>,
}

/// One job of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The provider's id.
    pub id: SafeText,
    /// Its name.
    pub name: SafeText,
    /// How it stands.
    pub state: RunState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Its steps.
    pub steps: Vec<JobStep>,
    /// Where a browser shows it.
    pub url: Option<SafeText>,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStep {
    /// Its name.
    pub name: SafeText,
    /// How it stands.
    pub state: RunState,
    /// When it began, where the provider tells.
    #[serde(default)]
    pub started: Option<Timestamp>,
}

/// What a reviewer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Let through.
    Approved,
    /// Turned down.
    Rejected,
}

impl Decision {
    /// `approved` or `rejected`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// One review of a gate, from the provider's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// What was decided.
    pub decision: Decision,
    /// By whom.
    pub by: SafeText,
    /// For which of the provider's environments.
    pub environments: Vec<SafeText>,
    /// What they wrote.
    pub comment: SafeText,
}

/// A gate's identity: the run, the attempt and the gate within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GateKey {
    /// The run that it holds.
    pub run: RunKey,
    /// The run's attempt: a rerun asks anew.
    pub attempt: u64,
    /// The provider's id of the gate within the run.
    pub id: SafeText,
}

/// Whether this credential may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MayDecide {
    /// The provider says yes.
    Yes,
    /// The provider says no; why, if known.
    No(SafeText),
    /// The provider does not say.
    Unknown,
}

/// A held step that waits for a human (or for a timer).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Which.
    pub key: GateKey,
    /// The configured environment that it guards, if it is one of ours.
    pub environment: Option<EnvironmentName>,
    /// The provider's name for what it guards: "production".
    pub title: SafeText,
    /// The commit that would ship.
    pub revision: Sha,
    /// Branch or tag of the run.
    pub branch: Option<SafeText>,
    /// The run's number and title, for people.
    pub run_number: u64,
    /// What people call the run.
    pub run_title: SafeText,
    /// Since when it waits.
    pub since: Option<Timestamp>,
    /// Who asked for it.
    pub asked_by: Option<SafeText>,
    /// Who may decide: users, or teams with `team:` in front.
    pub reviewers: Vec<SafeText>,
    /// Whether we may.
    pub may_decide: MayDecide,
    /// A timer that must also run out; until when.
    pub timer: Option<Timestamp>,
    /// Whether a human is asked at all, or only the timer runs.
    pub waits_for: WaitsFor,
    /// How many approvals it needs, where it needs more than one or the provider counts them.
    #[serde(default)]
    pub quorum: Option<Quorum>,
    /// Why it cannot be turned down, and what comes nearest; none if it can.
    #[serde(default)]
    pub no_reject: Option<SafeText>,
    /// Names of the values that it asks for besides the decision; the plan shows them and takes them.
    #[serde(default)]
    pub asks: Vec<SafeText>,
    /// What the provider's own plan says would change: `3 to destroy, 2 to add, 1 to change`; none where it has no plan.
    #[serde(default)]
    pub plan: Option<SafeText>,
    /// Until when it can be decided: from then on it counts as turned down.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// Where a browser shows it.
    pub url: Option<SafeText>,
}

/// Approvals that a gate needs, and has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// How many there are.
    pub given: u64,
    /// How many there must be.
    pub needed: u64,
    /// By whom there are some.
    pub by: Vec<SafeText>,
    /// Whose are missing: users, or groups with `team:` in front.
    pub missing: Vec<SafeText>,
}

/// What a gate waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitsFor {
    /// A human's decision.
    Human,
    /// A maintainer's word that a run of somebody else's code may start at all: it holds nothing that ships.
    Start,
    /// Only a timer: a countdown, not a gate to press.
    Timer,
    /// Another system's decision (an app, a webhook): nothing here to press.
    OtherSystem,
}

impl Gate {
    /// Service and environment, if the gate guards one of ours.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let environment = self.environment.clone()?;
        Some(Place { service: self.key.run.service.clone(), environment })
    }
}

/// One look at a service's pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Runs, newest first by start; at most 30 kept. The newest and every active one have their jobs.
    pub runs: Vec<Run>,
    /// What an operator should know.
    pub remarks: Vec<SafeText>,
}

/// What a provider tells of runs that wait for each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lanes {
    /// Concurrency groups that a waiting run holds, where the provider names them.
    pub told: Vec<Lane>,
    /// Ids of waiting runs that hold no group, by the provider's word.
    #[serde(default)]
    pub free: BTreeSet<SafeText>,
    /// Ids of runs that were looked at and never had a job. Of other runs it is not known.
    pub jobless: BTreeSet<SafeText>,
}

/// A concurrency group: one run holds it, later ones stand behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Its name.
    pub group: SafeText,
    /// Who holds it.
    pub holder: RunKey,
    /// Who stands behind.
    pub behind: Vec<RunKey>,
}

impl Pipeline {
    /// How many later runs of the same workflow wait behind this one: held back, waiting themselves, or not begun.
    #[must_use]
    pub fn behind(&self, run: &RunKey) -> usize {
        let Some(holder) = self.runs.iter().find(|r| &r.key == run) else { return 0 };
        let waits = |r: &&Run| {
            r.number > holder.number
                && r.workflow == holder.workflow
                && matches!(r.state, RunState::Queued | RunState::Blocked | RunState::WaitingForHuman)
        };
        self.runs.iter().filter(waits).count()
    }
}

impl Gate {
    /// What is to be known of its approvals, if it counts them: `1 of 2 approved, missing team:sre`.
    #[must_use]
    pub fn approvals(&self) -> Option<String> {
        let quorum = self.quorum.as_ref()?;
        let mut words = format!("{} of {} approved", quorum.given, quorum.needed);
        if quorum.given >= quorum.needed {
            words.push_str(", needs start");
        } else if !quorum.missing.is_empty() {
            let missing: Vec<&str> = quorum.missing.iter().map(SafeText::as_str).collect();
            words.push_str(&format!(", missing {}", missing.join(", ")));
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvals_say_how_many_of_how_many_and_whose_are_missing() {
        for (given, needed, missing, words) in [
            (0, 1, vec!["team:sre"], "0 of 1 approved, missing team:sre"),
            (1, 3, vec!["omar", "team:qa"], "1 of 3 approved, missing omar, team:qa"),
            (1, 2, vec![], "1 of 2 approved"),
            (2, 2, vec![], "2 of 2 approved, needs start"),
        ] {
            let missing = missing.into_iter().map(SafeText::new).collect();
            let quorum = Some(Quorum { given, needed, by: Vec::new(), missing });
            let key = GateKey {
                run: RunKey { source: SourceName::new("s"), service: ServiceName::new("s"), id: "1".into() },
                attempt: 1,
                id: "1".into(),
            };
            let gate = Gate {
                key,
                environment: None,
                title: "production".into(),
                revision: Sha::new("4f2c8b6d4f2c8b6d4f2c8b6d4f2c8b6d4f2c8b6d"),
                branch: None,
                run_number: 1,
                run_title: "r".into(),
                since: None,
                asked_by: None,
                reviewers: Vec::new(),
                may_decide: MayDecide::Unknown,
                timer: None,
                waits_for: WaitsFor::Human,
                quorum,
                no_reject: None,
                asks: Vec::new(),
                plan: None,
                expires: None,
                url: None,
            };
            assert_eq!(gate.approvals().as_deref(), Some(words));
        }
    }
}
