//! The API v2 of HCP Terraform, as far as its runs need it: workspaces, runs, plans, applies, their events, the store beside
//! it. Knows its own records, and nothing of what an apply changes.
//!
//! It must never be kinder than the real one: what is asked for is queued and answered with 202 and nothing; what a token
//! may not do is not found; an organisation's token reads and applies nothing; a request that is no JSON:API is refused;
//! lists of runs have a limit of 30 a minute; a plan in JSON is its administrators' only, at an address that is good for a
//! minute and takes no credential.
//!
//! Source: developer.hashicorp.com/terraform/cloud-docs/api-docs.

mod front;
mod shape;
mod store;

pub(super) use front::router;

use super::SandboxError;
use super::history::{Commits, PEOPLE};
use super::pipeline::{self, Arrived, CHANGE, Deploy, Ids, Phase, Run, Step};
use super::scenario::ServiceScript;
use jiff::Timestamp;

/// The operator's token, Mara's: she administers the workspaces.
pub const OPERATOR_TOKEN: &str = "tfc-demo-token.atlasv1.mara";
/// Omar's token: he may apply, and does not see plans in JSON.
pub const OTHER_TOKEN: &str = "tfc-omar-token.atlasv1.omar";
/// Ines' token: she may look.
pub const READER_TOKEN: &str = "tfc-ines-token.atlasv1.ines";
/// The organisation's token: it applies nothing.
pub const ORGANIZATION_TOKEN: &str = "tfc-acme-token.atlasv1.acme";
/// A sensitive value in every plan in JSON.
pub const SENSITIVE: &str = "tfc-plan-db-password";

/// Lists of runs that are allowed in a minute.
const LISTS: u32 = 30;

/// The server's records.
pub(super) struct TerraformCloud {
    ids: Ids,
    workspaces: Vec<Workspace>,
    /// What was taken in and is carried out with the next step of time.
    taken: Vec<Taken>,
    /// Lists of runs in this minute of the day.
    lists: (i64, u32),
}

/// A service's workspace.
struct Workspace {
    script: ServiceScript,
    runs: Vec<Entry>,
}

impl Workspace {
    fn name(&self) -> String {
        format!("{}-production", self.script.name)
    }
}

/// A run, and how it ended if not by itself.
struct Entry {
    run: Run,
    stopped: Option<(What, String)>,
}

/// A request that was queued.
struct Taken {
    run: u64,
    by: String,
    what: What,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Apply,
    Discard,
    Cancel,
}

impl TerraformCloud {
    /// The records of a day that begins.
    pub(super) const fn new() -> Self {
        Self { ids: Ids(7_000), workspaces: Vec::new(), taken: Vec::new(), lists: (0, 0) }
    }

    /// Adds a service's workspace with its runs.
    pub(super) fn add_service(
        &mut self,
        script: &ServiceScript,
        commits: Commits,
        start: Timestamp,
    ) -> Result<(), SandboxError> {
        let runs = pipeline::seed_of((CHANGE, "plan"), &mut self.ids, script, &commits, start)?;
        let runs = runs.into_iter().map(|run| Entry { run, stopped: None }).collect();
        self.workspaces.push(Workspace { script: script.clone(), runs });
        Ok(())
    }

    /// Carries out what was queued, and moves every run; says what applies want to change.
    pub(super) fn tick(&mut self, now: Timestamp, arrived: Arrived<'_>) -> Vec<Deploy> {
        for Taken { run, by, what } in std::mem::take(&mut self.taken) {
            let Some(entry) = self.workspaces.iter_mut().flat_map(|w| &mut w.runs).find(|e| e.run.id == run)
            else {
                continue;
            };
            let held = held(&entry.run);
            let done = match (what, held) {
                (What::Apply, Some(job)) => entry.run.let_go(job, &by, now),
                (What::Discard, Some(job)) => entry.run.turn_down(job, &by, now),
                (What::Cancel, _) => entry.run.cancel(&by, now),
                (What::Apply | What::Discard, None) => false,
            };
            if done && what != What::Apply {
                entry.stopped = Some((what, by));
            }
        }
        let mut deploys = Vec::new();
        for workspace in &mut self.workspaces {
            let mut step = Step { now, arrived, deploys: &mut deploys };
            for entry in workspace.runs.iter_mut().filter(|entry| !entry.run.is_over()) {
                entry.run.tick(&workspace.script.name, &mut step);
            }
        }
        deploys
    }

    /// Lets the newest run of a service's workspace be applied as somebody who may. False when none waits.
    pub(super) fn approve_as(
        &mut self,
        login: &str,
        service: &str,
        environment: &str,
        now: Timestamp,
    ) -> bool {
        let found = self.workspaces.iter_mut().find(|w| w.script.name == service);
        let Some(workspace) = found.filter(|_| environment == "production") else { return false };
        workspace.runs.iter_mut().rev().any(|entry| {
            let held = held(&entry.run);
            held.is_some_and(|id| entry.run.let_go(id, login, now))
        })
    }

    /// Whether one more list of runs is allowed; else after how many seconds.
    fn may_list(&mut self, now: Timestamp) -> Result<(), i64> {
        let minute = now.as_second().div_euclid(60);
        if self.lists.0 != minute {
            self.lists = (minute, 0);
        }
        self.lists.1 += 1;
        if self.lists.1 > LISTS { Err(60 - now.as_second().rem_euclid(60)) } else { Ok(()) }
    }
}

/// The apply that waits for somebody.
fn held(run: &Run) -> Option<u64> {
    run.current().find(|job| job.phase == Phase::Held).map(|job| job.id)
}

/// What a token may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Admin,
    Apply,
    Read,
    Organization,
}

/// Whose token it is, and what it may; none for a token that nobody has.
fn holder(token: &str) -> Option<(&'static str, Role)> {
    match token {
        OPERATOR_TOKEN => Some(("mara", Role::Admin)),
        OTHER_TOKEN => Some(("omar", Role::Apply)),
        READER_TOKEN => Some(("ines", Role::Read)),
        ORGANIZATION_TOKEN => Some(("api-org-acme", Role::Organization)),
        _ => None,
    }
}

/// The id of a person.
fn person(login: &str) -> String {
    let place = PEOPLE.iter().position(|(known, _)| *known == login).unwrap_or(PEOPLE.len());
    format!("user-{:016}", place + 1)
}

/// Who has an id.
fn login(id: &str) -> Option<&'static str> {
    PEOPLE.iter().map(|(login, _)| *login).find(|known| person(known) == id)
}

/// An id in the shape of all ids there.
fn id(kind: &str, number: u64) -> String {
    format!("{kind}-{number:016}")
}

/// The number in an id of a kind.
fn number(kind: &str, id: &str) -> Option<u64> {
    id.strip_prefix(kind)?.strip_prefix('-')?.parse().ok()
}
