//! The REST API v4 of GitLab, as far as a release needs it: pipelines, jobs, deployments and their approvals. Knows its
//! own records, and nothing of what a deploy job changes.
//!
//! It must never be kinder than the real one: lists of deployments are oldest first unless asked otherwise, and tell no
//! approvals; an approval starts nothing; every refusal of one is 400; jobs come newest first and in no order of stages;
//! cancelling answers 200 whatever there was to cancel; private things are not found.
//!
//! Source: docs.gitlab.com/api; the answers are held against its description in `tests/sandbox`.

mod act;
mod front;
mod shape;

pub(super) use front::router;

use super::SandboxError;
use super::history::{Commits, PEOPLE};
use super::pipeline::{self, Arrived, Deploy, Ids, Phase, Run, Step};
use super::scenario::ServiceScript;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The operator's token, Mara's.
pub const OPERATOR_TOKEN: &str = "glpat-demo-token";
/// The token of another approver, Omar.
pub const OTHER_TOKEN: &str = "glpat-omar-token";
/// The token of somebody who may run jobs and is no approver, Yuki.
pub const DEVELOPER_TOKEN: &str = "glpat-yuki-token";
/// A token of Mara's that may only look.
pub const READ_TOKEN: &str = "glpat-read-token";

/// Who may approve production.
const APPROVERS: [&str; 2] = ["mara", "omar"];
/// How many of them must.
const REQUIRED: usize = 1;

/// The server's records.
pub(super) struct GitLab {
    base: String,
    ids: Ids,
    projects: Vec<Project>,
}

/// A service's project.
struct Project {
    id: u64,
    script: ServiceScript,
    commits: Commits,
    runs: Vec<Run>,
    /// Decisions about the deployment of a job: by whom, which, why.
    decisions: BTreeMap<u64, Vec<Decision>>,
}

/// A decision about a deployment.
#[derive(Clone, Debug)]
struct Decision {
    login: String,
    status: &'static str,
    comment: String,
    at: Timestamp,
}

impl GitLab {
    /// The records of a day that begins.
    pub(super) fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), ids: Ids(88_000), projects: Vec::new() }
    }

    /// Adds a service's project with its runs.
    pub(super) fn add_service(
        &mut self,
        script: &ServiceScript,
        commits: Commits,
        start: Timestamp,
    ) -> Result<(), SandboxError> {
        let runs = pipeline::seed(&mut self.ids, script, &commits, start)?;
        let id = 55 + u64::try_from(self.projects.len()).unwrap_or(0);
        let mut project = Project { id, script: script.clone(), commits, runs, decisions: BTreeMap::new() };
        for run in &project.runs {
            // What was let go in the past had been approved.
            for job in run.jobs.iter().filter(|job| job.plan.held && job.queued.is_some()) {
                let login = job.by.clone().unwrap_or_default();
                let at = job.queued.unwrap_or(job.created);
                let decision =
                    Decision { login, status: "approved", comment: "staging looks good".into(), at };
                project.decisions.insert(job.id, vec![decision]);
            }
        }
        self.projects.push(project);
        Ok(())
    }

    /// Moves every run; says what deploy jobs want to change.
    pub(super) fn tick(&mut self, now: Timestamp, arrived: Arrived<'_>) -> Vec<Deploy> {
        let mut deploys = Vec::new();
        for project in &mut self.projects {
            let mut step = Step { now, arrived, deploys: &mut deploys };
            for run in project.runs.iter_mut().filter(|run| !run.is_over()) {
                run.tick(&project.script.name, &mut step);
            }
        }
        deploys
    }

    /// Approves the newest gate of a service as somebody who may, and starts its job. False when there is none.
    pub(super) fn approve_as(
        &mut self,
        login: &str,
        service: &str,
        environment: &str,
        now: Timestamp,
    ) -> bool {
        let Some(project) = self.projects.iter_mut().find(|p| p.script.name == service) else { return false };
        let Project { runs, decisions, .. } = project;
        APPROVERS.contains(&login)
            && runs.iter_mut().rev().any(|run| {
                let held = run
                    .current()
                    .find(|job| job.phase == Phase::Held && job.plan.environment == Some(environment))
                    .map(|job| job.id);
                let Some(id) = held else { return false };
                decisions.entry(id).or_default().push(Decision {
                    login: login.to_owned(),
                    status: "approved",
                    comment: "looks good from here".into(),
                    at: now,
                });
                run.let_go(id, login, now)
            })
    }
}

impl Project {
    /// How many approvals of a job's deployment are missing.
    fn pending(&self, job: u64) -> usize {
        let given = self.decisions.get(&job).into_iter().flatten().filter(|d| d.status == "approved").count();
        REQUIRED.saturating_sub(given)
    }

    fn rejected(&self, job: u64) -> bool {
        self.decisions.get(&job).into_iter().flatten().any(|decision| decision.status == "rejected")
    }
}

/// The id of a person.
fn person(login: &str) -> u64 {
    let place = PEOPLE.iter().position(|(known, _)| *known == login).unwrap_or(PEOPLE.len());
    7 + u64::try_from(place).unwrap_or(0)
}

/// The id of the deployment of a job.
const fn deployment_id(job: u64) -> u64 {
    job + 1_000_000
}
