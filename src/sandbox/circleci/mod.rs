//! The API v2 of CircleCI, as far as a release needs it: pipelines, workflows, jobs, approvals. Knows its own records,
//! and nothing of what a deploy job changes.
//!
//! It must never be kinder than the real one: a pipeline never says whether it passed, an approval is taken in with 202
//! and carried out later, there are no entity tags, a rerun is a new workflow, project tokens are refused.
//!
//! Source: circleci.com/docs/api/v2.

mod front;
mod shape;

pub(super) use front::router;

use super::SandboxError;
use super::history::{Commits, PEOPLE};
use super::pipeline::{self, Arrived, Deploy, Ids, Phase, Run, Step};
use super::scenario::ServiceScript;
use jiff::Timestamp;

/// The operator's token, Mara's.
pub const OPERATOR_TOKEN: &str = "circleci-demo-token";
/// The token of another person who may push, Omar.
pub const OTHER_TOKEN: &str = "circleci-omar-token";
/// A project's token: refused everywhere.
pub const PROJECT_TOKEN: &str = "circleci-project-token";

/// The server's records.
pub(super) struct CircleCi {
    ids: Ids,
    projects: Vec<Project>,
    /// What was taken in and is carried out with the next step of time.
    taken: Vec<Taken>,
}

/// A service's project.
struct Project {
    script: ServiceScript,
    commits: Commits,
    works: Vec<Work>,
}

/// A workflow, and its pipeline's number.
struct Work {
    number: u64,
    run: Run,
    /// Who stopped the whole of it.
    cancelled_by: Option<String>,
}

/// A request that was accepted.
struct Taken {
    workflow: u64,
    by: String,
    what: What,
}

/// What was asked for.
#[derive(Clone, Copy)]
enum What {
    Approve(u64),
    CancelJob(u64),
    CancelAll,
}

impl CircleCi {
    /// The records of a day that begins.
    pub(super) fn new(_base: &str) -> Self {
        Self { ids: Ids(1_000), projects: Vec::new(), taken: Vec::new() }
    }

    /// Adds a service's project with its runs.
    pub(super) fn add_service(
        &mut self,
        script: &ServiceScript,
        commits: Commits,
        start: Timestamp,
    ) -> Result<(), SandboxError> {
        let runs = pipeline::seed(&mut self.ids, script, &commits, start)?;
        // Unlike the real one, numbers here are unique over all projects: ids are made of them.
        let first = 800 + 100 * u64::try_from(self.projects.len()).unwrap_or(0);
        let works = runs.into_iter().map(|run| Work { number: first + run.number, run, cancelled_by: None });
        self.projects.push(Project { script: script.clone(), commits, works: works.collect() });
        Ok(())
    }

    /// Carries out what was taken in, and moves every run; says what deploy jobs want to change.
    pub(super) fn tick(&mut self, now: Timestamp, arrived: Arrived<'_>) -> Vec<Deploy> {
        for Taken { workflow, by, what } in std::mem::take(&mut self.taken) {
            let Some(work) = self.work(workflow) else { continue };
            match what {
                What::Approve(job) => drop(work.run.let_go(job, &by, now)),
                What::CancelJob(job) => drop(work.run.turn_down(job, &by, now)),
                What::CancelAll => {
                    if work.run.cancel(&by, now) {
                        work.cancelled_by = Some(by);
                    }
                }
            }
        }
        let mut deploys = Vec::new();
        for project in &mut self.projects {
            let mut step = Step { now, arrived, deploys: &mut deploys };
            for work in project.works.iter_mut().filter(|work| !work.run.is_over()) {
                work.run.tick(&project.script.name, &mut step);
            }
        }
        deploys
    }

    fn work(&mut self, workflow: u64) -> Option<&mut Work> {
        self.projects.iter_mut().flat_map(|p| &mut p.works).find(|work| work.run.id == workflow)
    }

    /// Lets the newest gate of a service go as somebody who may. False when there is none.
    pub(super) fn approve_as(
        &mut self,
        login: &str,
        service: &str,
        environment: &str,
        now: Timestamp,
    ) -> bool {
        let Some(project) = self.projects.iter_mut().find(|p| p.script.name == service) else { return false };
        project.works.iter_mut().rev().any(|work| {
            let held = work
                .run
                .current()
                .find(|job| job.phase == Phase::Held && job.plan.environment == Some(environment))
                .map(|job| job.id);
            held.is_some_and(|id| work.run.let_go(id, login, now))
        })
    }
}

/// Whose token it is; none for a token that nobody has.
fn holder(token: &str) -> Option<&'static str> {
    match token {
        OPERATOR_TOKEN => Some("mara"),
        OTHER_TOKEN => Some("omar"),
        _ => None,
    }
}

/// The id of a person.
fn person(login: &str) -> String {
    let place = PEOPLE.iter().position(|(known, _)| *known == login).unwrap_or(PEOPLE.len());
    uuid(3, u64::try_from(place).unwrap_or(0))
}

/// An id in the shape of all ids there.
fn uuid(kind: u16, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// The number in an id of a kind.
fn number(kind: u16, id: &str) -> Option<u64> {
    let rest = id.strip_prefix(&format!("{kind:08x}-0000-4000-8000-"))?;
    u64::from_str_radix(rest, 16).ok()
}
