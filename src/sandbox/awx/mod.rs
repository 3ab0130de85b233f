//! The API v2 of AWX, as far as its workflows need it: workflow templates, workflow jobs, their nodes, approvals. Knows its
//! own records, and nothing of what a deploy job changes.
//!
//! It must never be kinder than the real one: every path ends with a slash, and one that does not is redirected; who comes
//! second gets 400 with words in `error`; what has ended is cancelled with 405; an approval has an end and counts as failed
//! from then on; hidden variables are `$encrypted$`; a token that may only read is refused with 403.
//!
//! Source: github.com/ansible/awx, `awx/api`.

mod front;
mod shape;

pub(super) use front::router;

use super::SandboxError;
use super::history::{Commits, PEOPLE};
use super::pipeline::{self, Arrived, Deploy, Ids, Phase, Run, Step};
use super::scenario::ServiceScript;
use jiff::Timestamp;

/// The operator's token, Mara's.
pub const OPERATOR_TOKEN: &str = "awx-demo-token-mara";
/// The token of another person who may approve, Omar.
pub const OTHER_TOKEN: &str = "awx-omar-token";
/// The token of Ines, who may look and approve nothing.
pub const READER_TOKEN: &str = "awx-ines-token";

/// How long an approval waits until it counts as denied, in seconds.
const TIMEOUT: i64 = 8 * 3_600;

/// The server's records.
pub(super) struct Awx {
    ids: Ids,
    templates: Vec<Template>,
}

/// A service's workflow template.
struct Template {
    script: ServiceScript,
    entries: Vec<Entry>,
}

/// A workflow job, and how it ended if not by itself.
struct Entry {
    run: Run,
    end: Option<End>,
}

/// What ended a workflow job or the approval in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Somebody cancelled all of it.
    Cancelled,
    /// Nobody decided in time.
    TimedOut,
}

impl Awx {
    /// The records of a day that begins.
    pub(super) const fn new() -> Self {
        Self { ids: Ids(400), templates: Vec::new() }
    }

    /// Adds a service's template with its workflow jobs.
    pub(super) fn add_service(
        &mut self,
        script: &ServiceScript,
        commits: Commits,
        start: Timestamp,
    ) -> Result<(), SandboxError> {
        let runs = pipeline::seed(&mut self.ids, script, &commits, start)?;
        let entries = runs.into_iter().map(|run| Entry { run, end: None }).collect();
        self.templates.push(Template { script: script.clone(), entries });
        Ok(())
    }

    /// Moves every workflow job; says what deploy jobs want to change.
    pub(super) fn tick(&mut self, now: Timestamp, arrived: Arrived<'_>) -> Vec<Deploy> {
        let mut deploys = Vec::new();
        for template in &mut self.templates {
            let mut step = Step { now, arrived, deploys: &mut deploys };
            for entry in template.entries.iter_mut().filter(|entry| !entry.run.is_over()) {
                let late =
                    held(&entry.run).filter(|(_, since)| now.as_second() > since.as_second() + TIMEOUT);
                if let Some((id, _)) = late
                    && entry.run.turn_down(id, "", now)
                {
                    entry.end = Some(End::TimedOut);
                }
                entry.run.tick(&template.script.name, &mut step);
            }
        }
        deploys
    }

    /// Gives the newest approval of a service as somebody who may. False when there is none.
    pub(super) fn approve_as(
        &mut self,
        login: &str,
        service: &str,
        environment: &str,
        now: Timestamp,
    ) -> bool {
        let found = self.templates.iter_mut().find(|template| template.script.name == service);
        let Some(template) = found.filter(|_| environment == "production") else { return false };
        template.entries.iter_mut().rev().any(|entry| {
            let waits = held(&entry.run);
            waits.is_some_and(|(id, _)| entry.run.let_go(id, login, now))
        })
    }
}

/// The job that an approval holds, and since when.
fn held(run: &Run) -> Option<(u64, Timestamp)> {
    run.current().find(|job| job.phase == Phase::Held).map(|job| (job.id, job.held.unwrap_or(job.created)))
}

/// What a token may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Approve,
    Read,
}

/// Whose token it is, and what it may; none for a token that nobody has.
fn holder(token: &str) -> Option<(&'static str, Role)> {
    match token {
        OPERATOR_TOKEN => Some(("mara", Role::Approve)),
        OTHER_TOKEN => Some(("omar", Role::Approve)),
        READER_TOKEN => Some(("ines", Role::Read)),
        _ => None,
    }
}

/// The number of a person.
fn person(login: &str) -> u64 {
    let place = PEOPLE.iter().position(|(known, _)| *known == login).unwrap_or(PEOPLE.len());
    u64::try_from(place).unwrap_or_default() + 2
}
