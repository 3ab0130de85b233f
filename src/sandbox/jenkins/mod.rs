//! The remote API of Jenkins below a context path, with Pipeline Graph View, Stage View and the input step, as far as a
//! release needs it. Knows its own records, and nothing of what a deploy job changes.
//!
//! It must never be kinder than the real one: addresses name another host than the one that is asked, `actions` holds
//! empty objects, what `tree` does not name is not told, values that are left out of a form are null, a refusal's words
//! are in `X-Error`, stopping answers with a redirect, hidden things are not found.
//!
//! Source: jenkins.io/doc/book/using/remote-access-api and the plugins' own descriptions.

mod act;
mod front;
mod shape;
mod tree;

pub(super) use front::router;

use super::SandboxError;
use super::history::{Commits, PEOPLE};
use super::pipeline::{self, Arrived, Deploy, Ids, Phase, Run, Step};
use super::scenario::ServiceScript;
use jiff::Timestamp;

/// The operator's API token, Mara's.
pub const OPERATOR_TOKEN: &str = "jenkins-demo-token";
/// The API token of another submitter, Omar.
pub const OTHER_TOKEN: &str = "jenkins-omar-token";
/// The API token of somebody who may look and is no submitter, Yuki.
pub const READER_TOKEN: &str = "jenkins-yuki-token";
/// Mara's password: requests that change something need a crumb with it.
pub const PASSWORD: &str = "jenkins-mara-password";

/// The address that Jenkins believes to have.
const ROOT: &str = "https://ci.acme.test/jenkins";
/// Who may give the input.
const SUBMITTERS: [&str; 2] = ["mara", "omar"];
/// The values that it asks for.
const PARAMETERS: [&str; 2] = ["REGION", "NOTIFY"];

/// The server's records.
pub(super) struct Jenkins {
    ids: Ids,
    projects: Vec<Project>,
}

/// A service's pipeline.
struct Project {
    script: ServiceScript,
    commits: Commits,
    runs: Vec<Run>,
}

impl Jenkins {
    /// The records of a day that begins.
    pub(super) fn new(_base: &str) -> Self {
        Self { ids: Ids(1_000), projects: Vec::new() }
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
        SUBMITTERS.contains(&login)
            && project.runs.iter_mut().rev().any(|run| {
                let held = run
                    .current()
                    .find(|job| job.phase == Phase::Held && job.plan.environment == Some(environment))
                    .map(|job| job.id);
                held.is_some_and(|id| run.let_go(id, login, now))
            })
    }
}

/// Somebody's full name.
fn full_name(login: &str) -> &str {
    PEOPLE.iter().find(|(known, _)| *known == login).map_or(login, |(_, name)| name)
}

/// The id of the input of a message: a digest of it, so the same in every build.
fn input_id(message: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest: String = Sha256::digest(message).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut letters = digest.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// What the held job of a run asks.
fn message(run: &Run) -> String {
    format!("Deploy {} to production?", run.version)
}
