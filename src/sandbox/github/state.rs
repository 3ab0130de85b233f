//! What the hosting service keeps: users, repositories, runs, deployments. Data and look-ups; how runs move is in
//! `run`.

use super::workflow::{WORKFLOWS, Workflow};
use crate::sandbox::scenario::GithubScript;
use jiff::Timestamp;
use std::path::PathBuf;

/// Somebody with a token.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct User {
    pub(super) id: u64,
    pub(super) login: String,
    pub(super) name: String,
    pub(super) token: String,
    pub(super) access: Access,
    /// Requests counted in this hour.
    pub(super) used: u32,
    /// Points of GraphQL counted in this hour.
    pub(super) points: u32,
}

/// What a user may do in the repositories of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    /// Does not see them.
    Outside,
    /// Sees everything.
    Read,
    /// May also run, approve, tag and release.
    Write,
}

/// A repository.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Repo {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) git: PathBuf,
    pub(super) created: Timestamp,
    pub(super) runs: Vec<Run>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) releases: Vec<Release>,
    /// Groups, timers and Apps, by the scenario.
    pub(super) rules: GithubScript,
    /// Whether the concurrency group is held by a run that was rejected: nobody gets it any more.
    pub(super) lane_lost: bool,
}

/// An environment and its protection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Environment {
    pub(super) offset: u64,
    pub(super) name: &'static str,
    pub(super) reviewers: &'static [&'static str],
    pub(super) prevent_self_review: bool,
}

/// Every repository has the same environments.
pub(super) static ENVIRONMENTS: [Environment; 2] = [
    Environment { offset: 1, name: "staging", reviewers: &[], prevent_self_review: false },
    Environment { offset: 2, name: "production", reviewers: &["mara", "omar"], prevent_self_review: true },
];

/// A workflow run with the jobs of all its attempts.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Run {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) workflow: &'static Workflow,
    pub(super) attempt: u32,
    pub(super) event: &'static str,
    pub(super) branch: String,
    pub(super) sha: String,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) actor: String,
    pub(super) triggering_actor: String,
    pub(super) created: Timestamp,
    pub(super) started: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) jobs: Vec<Job>,
    pub(super) approvals: Vec<Approval>,
    pub(super) cancelling: bool,
    /// The jobs of the current attempt that are taken over from the one before.
    pub(super) kept: Vec<&'static str>,
    /// When each attempt before the current one was over, with its conclusion.
    pub(super) past: Vec<PastAttempt>,
    /// The job whose first attempt fails, if one is scripted to.
    pub(super) fails: Option<&'static str>,
    /// Whether it stands behind the holder of its concurrency group.
    pub(super) pending: bool,
    /// Attempts that ended without a job: which, and how.
    pub(super) ended: Vec<(u32, &'static str)>,
    /// The fork whose code it runs, if it does.
    pub(super) fork: Option<String>,
    /// Whether a maintainer has yet to let it start.
    pub(super) held: bool,
    /// The App that decides about production, and the minutes to wait there.
    pub(super) besides: (Option<String>, u32),
}

/// An attempt that is over.
#[derive(Clone, Debug)]
pub(super) struct PastAttempt {
    pub(super) attempt: u32,
    pub(super) started: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) actor: String,
}

/// A job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) attempt: u32,
    pub(super) plan: &'static super::workflow::JobPlan,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) completed: Option<Timestamp>,
    pub(super) phase: Phase,
    pub(super) deployment: Option<u64>,
    /// Whether people let it pass.
    pub(super) reviewed: bool,
    /// Whether the App let it pass.
    pub(super) passed: bool,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Queued,
    Waiting,
    Running,
    Done(&'static str),
}

/// A review of a gate.
#[derive(Clone, Debug)]
pub(super) struct Approval {
    pub(super) state: String,
    pub(super) comment: String,
    pub(super) login: String,
    pub(super) environments: Vec<&'static str>,
}

/// A deployment record.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) reference: String,
    pub(super) version: String,
    pub(super) environment: &'static str,
    pub(super) created: Timestamp,
    pub(super) run: u64,
    /// Oldest first: id, state, when.
    pub(super) statuses: Vec<(u64, &'static str, Timestamp)>,
}

impl Deployment {
    pub(super) fn state(&self) -> &'static str {
        self.statuses.last().map_or("pending", |(_, state, _)| state)
    }
}

/// A published release.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) id: u64,
    pub(super) tag: String,
    pub(super) target: String,
    pub(super) name: String,
    pub(super) body: String,
    pub(super) draft: bool,
    pub(super) prerelease: bool,
    pub(super) author: String,
    pub(super) created: Timestamp,
}

impl Run {
    /// The jobs of the current attempt.
    pub(super) fn current(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| job.attempt == self.attempt)
    }

    /// Status and conclusion, as they follow from the jobs.
    pub(super) fn status(&self) -> (&'static str, Option<&'static str>) {
        status_of(self, self.attempt)
    }

    pub(super) fn is_over(&self) -> bool {
        self.status().0 == "completed"
    }

    /// The environments whose jobs wait.
    pub(super) fn gates(&self) -> Vec<&'static Environment> {
        let waits = |environment: &&Environment| {
            self.current()
                .any(|job| job.phase == Phase::Waiting && job.plan.environment == Some(environment.name))
        };
        ENVIRONMENTS.iter().filter(waits).collect()
    }

    /// The file as the API names it.
    pub(super) fn path(&self) -> String {
        format!(".github/workflows/{}", self.workflow.file)
    }
}

/// Status and conclusion of one attempt.
pub(super) fn status_of(run: &Run, attempt: u32) -> (&'static str, Option<&'static str>) {
    if let Some((_, conclusion)) = run.ended.iter().find(|(ended, _)| *ended == attempt) {
        return ("completed", Some(conclusion));
    }
    if attempt == run.attempt && run.held {
        return ("completed", Some("action_required"));
    }
    if attempt == run.attempt && run.pending {
        return ("pending", None);
    }
    let jobs: Vec<&Job> = run.jobs.iter().filter(|job| job.attempt == attempt).collect();
    let any = |wanted: fn(&Phase) -> bool| jobs.iter().any(|job| wanted(&job.phase));
    if any(|phase| matches!(phase, Phase::Running)) {
        return ("in_progress", None);
    }
    if any(|phase| matches!(phase, Phase::Queued)) {
        let begun = any(|phase| matches!(phase, Phase::Done(_)));
        return (if begun { "in_progress" } else { "queued" }, None);
    }
    if any(|phase| matches!(phase, Phase::Waiting)) {
        return ("waiting", None);
    }
    if jobs.len() < run.workflow.jobs.len() {
        return (if jobs.is_empty() { "queued" } else { "in_progress" }, None);
    }
    let has = |conclusion| jobs.iter().any(|job| job.phase == Phase::Done(conclusion));
    let conclusion = match () {
        () if has("cancelled") => "cancelled",
        () if has("failure") => "failure",
        () => "success",
    };
    ("completed", Some(conclusion))
}

/// The workflow with this id in this repository, or of this file's name.
pub(super) fn workflow(repo: &Repo, word: &str) -> Option<&'static Workflow> {
    WORKFLOWS.into_iter().find(|flow| flow.file == word || workflow_id(repo, flow).to_string() == word)
}

/// A workflow's id.
pub(super) fn workflow_id(repo: &Repo, workflow: &Workflow) -> u64 {
    repo.id * 10 + workflow.id
}

/// An environment's id.
pub(super) fn environment_id(repo: &Repo, environment: &Environment) -> u64 {
    161_000_000 + repo.id % 1_000_000 * 10 + environment.offset
}
