//! The API of CircleCi, as far as a release needs it.

use super::SandboxError;
use super::history::Commits;
use super::pipeline::{self, Arrived, Deploy, Ids, Phase, Run, Step};
use super::scenario::ServiceScript;
use super::world::World;
use axum::Router;
use axum::http::StatusCode;
use jiff::Timestamp;

/// The operator's token.
pub const OPERATOR_TOKEN: &str = "circleci-demo-token";

/// The server's records.
pub(super) struct CircleCi {
    /// The base of its addresses, such as `http://127.0.0.1:4000`.
    pub(super) base: String,
    ids: Ids,
    projects: Vec<Project>,
}

/// A service's project.
struct Project {
    script: ServiceScript,
    commits: Commits,
    runs: Vec<Run>,
}

impl CircleCi {
    /// The records of a day that begins.
    pub(super) fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), ids: Ids(1_000), projects: Vec::new() }
    }

    /// Adds a service's project with its runs.
    pub(super) fn add_service(
        &mut self,
        script: &ServiceScript,
        commits: Commits,
        start: Timestamp,
    ) -> Result<(), SandboxError> {
        let runs = pipeline::seed(&mut self.ids, script, &commits, start)?;
        self.projects.push(Project { script: script.clone(), commits, runs });
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

    /// Lets the newest gate of a service go as somebody who may. False when there is none.
    pub(super) fn approve_as(
        &mut self,
        login: &str,
        service: &str,
        environment: &str,
        now: Timestamp,
    ) -> bool {
        let Some(project) = self.projects.iter_mut().find(|p| p.script.name == service) else { return false };
        project.runs.iter_mut().rev().any(|run| {
            let held = run
                .current()
                .find(|job| job.phase == Phase::Held && job.plan.environment == Some(environment))
                .map(|job| job.id);
            held.is_some_and(|id| run.let_go(id, login, now))
        })
    }
}

/// The API.
pub(super) fn router(world: World) -> Router {
    Router::new().fallback(|| async { StatusCode::NOT_FOUND }).with_state(world)
}
