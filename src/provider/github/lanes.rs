//! Who holds a concurrency group, and who stands or died behind: looked at only where a run waits for long and later
//! ones of its workflow do not get on.
//!
//! github.com names the groups of a run; an Enterprise Server does not, and the rules infer.
//! Source: docs.github.com/rest/actions/concurrency-groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use super::bindings::{Project, Watch};
use super::look::{Fetched, Looker};
use super::memory::{Attempt, Settled};
use super::runs;
use super::wire;
use crate::domain::time::ago;
use crate::domain::{Cause, Fault, Gate, Lane, Lanes, RunKey, SafeText};
use crate::provider::http::segment;
use crate::provider::services::{Sight, locked};

/// How long a run waits before anything is asked about who stands behind it.
const SUSPECT: Duration = Duration::from_secs(20 * 60);
/// Later runs that are looked at for one that waits.
const LOOKED_AT: usize = 20;
/// Groups of one run that are asked for.
const GROUPS: usize = 3;
/// Runs that never had a job, and answers about groups, that are remembered.
const REMEMBERED: usize = 1_024;

/// Whether this GitHub tells who holds a concurrency group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Groups {
    /// github.com.
    Told,
    /// Enterprise Server has no such answers.
    Untold,
}

/// The later runs as they were when the groups were asked for, and what was told.
type Answered = (Vec<Settled>, Option<Vec<Lane>>);

/// What one look remembers for the next: none of it changes while the runs do not.
#[derive(Default)]
pub(super) struct Known {
    /// Runs that ended without a job.
    jobless: Mutex<BTreeSet<Settled>>,
    told: Mutex<BTreeMap<Attempt, Answered>>,
}

impl Looker<'_> {
    /// Which runs of a service wait for each other; empty where nothing is suspected.
    pub(super) async fn lanes(
        &self,
        watch: &Watch,
        runs: &[wire::Run],
        fetched: &Fetched<'_>,
        sight: &Sight,
    ) -> Result<Lanes, Fault> {
        let mut lanes = Lanes::default();
        for holder in runs.iter().filter(|run| self.suspicious(run, &sight.gates)) {
            let behind: Vec<&wire::Run> =
                runs.iter().filter(|run| behind(run, holder)).take(LOOKED_AT).collect();
            let mut halted = false;
            for run in &behind {
                if self.jobless(run, fetched).await? {
                    halted = true;
                    lanes.jobless.insert(SafeText::new(&run.id.to_string()));
                }
            }
            if halted && self.groups == Groups::Told {
                match self.group_told(watch, fetched.project, holder, &behind).await? {
                    Some(held) if held.is_empty() => {
                        lanes.free.insert(SafeText::new(&holder.id.to_string()));
                    }
                    held => lanes.told.extend(held.into_iter().flatten()),
                }
            }
        }
        Ok(lanes)
    }

    /// Whether a run waits at a gate for so long that others may stand behind it.
    fn suspicious(&self, run: &wire::Run, gates: &[Gate]) -> bool {
        let id = run.id.to_string();
        let since = gates.iter().filter(|g| g.key.run.id == id.as_str()).filter_map(|g| g.since).min();
        let waits = runs::active(run) && run.status == "waiting";
        waits && since.zip(self.api.meter().date).is_some_and(|(since, now)| ago(now, since) >= SUSPECT)
    }

    /// Whether a run that does not get on, or was cancelled, never had a job.
    async fn jobless(&self, run: &wire::Run, fetched: &Fetched<'_>) -> Result<bool, Fault> {
        if let Some(details) = fetched.details.get(&run.id) {
            return Ok(details.jobs.is_empty() && details.remarks.is_empty());
        }
        let key = (run.id, runs::attempt(run), run.updated_at);
        if locked(&self.memory.lanes.jobless).contains(&key) {
            return Ok(true);
        }
        let none = match self.jobs(fetched.project, run).await {
            Ok((jobs, remarks)) => jobs.is_empty() && remarks.is_empty(),
            Err(fault) if matches!(fault.cause, Cause::Forbidden | Cause::NotFound) => false,
            Err(fault) => return Err(fault),
        };
        if none && !runs::active(run) {
            let mut known = locked(&self.memory.lanes.jobless);
            known.insert(key);
            if known.len() > REMEMBERED {
                known.pop_first();
            }
        }
        Ok(none)
    }

    /// The groups that a run holds, as GitHub names them, and who stands behind; asked anew when a run changed. None if
    /// GitHub does not tell.
    async fn group_told(
        &self,
        watch: &Watch,
        project: &Project,
        holder: &wire::Run,
        behind: &[&wire::Run],
    ) -> Result<Option<Vec<Lane>>, Fault> {
        let state = |run: &wire::Run| (run.id, runs::attempt(run), run.updated_at);
        let states: Vec<Settled> = behind.iter().map(|run| state(run)).chain([state(holder)]).collect();
        let entry = (holder.id, runs::attempt(holder));
        if let Some((then, told)) = locked(&self.memory.lanes.told).get(&entry)
            && *then == states
        {
            return Ok(told.clone());
        }
        let told = match self.ask_for_lanes(watch, project, holder).await {
            Ok(told) => Some(told),
            // It is proof where it is to be had; without it the runs must do.
            Err(fault) if !crate::provider::services::of_source(&fault) => None,
            Err(fault) => return Err(fault),
        };
        let mut known = locked(&self.memory.lanes.told);
        known.insert(entry, (states, told.clone()));
        if known.len() > REMEMBERED {
            known.pop_first();
        }
        Ok(told)
    }

    async fn ask_for_lanes(
        &self,
        watch: &Watch,
        project: &Project,
        holder: &wire::Run,
    ) -> Result<Vec<Lane>, Fault> {
        let groups = self.api.get::<wire::RunGroups>(&groups_path(project, holder.id)).await?;
        if !groups.value.concurrency_groups.iter().all(|group| understood(group, holder.id)) {
            return Err(Fault::new(Cause::Malformed, "who holds a concurrency group is told in other words"));
        }
        let mut lanes = Vec::new();
        for name in held(&groups.value, holder.id).into_iter().take(GROUPS) {
            let path = project.path(&format!("/actions/concurrency_groups/{}", segment(name.as_str())));
            let group = self.api.get::<wire::Group>(&path).await?;
            if !understood(&group.value, holder.id) {
                return Err(Fault::new(
                    Cause::Malformed,
                    "who is in a concurrency group is told in other words",
                ));
            }
            let waiting = group.value.group_members.iter().filter(|m| m.status == "pending");
            let behind: Vec<RunKey> = waiting
                .filter(|member| member.run_id != holder.id)
                .map(|member| self.key(watch, member.run_id))
                .collect();
            let holds = group.value.group_members.iter().any(|m| holds(m, holder.id));
            if holds {
                lanes.push(Lane { group: name, holder: self.key(watch, holder.id), behind });
            }
        }
        Ok(lanes)
    }

    fn key(&self, watch: &Watch, id: u64) -> RunKey {
        RunKey {
            source: self.source.clone(),
            service: watch.service.clone(),
            id: SafeText::new(&id.to_string()),
        }
    }
}

/// Where the groups of a run are told.
pub(super) fn groups_path(project: &Project, id: u64) -> String {
    project.run(id, "/concurrency_groups")
}

/// The groups that a run holds, by name.
pub(super) fn held(groups: &wire::RunGroups, id: u64) -> Vec<SafeText> {
    let ours = groups.concurrency_groups.iter().filter(|g| g.group_members.iter().any(|m| holds(m, id)));
    ours.map(|group| group.group_name.clone()).collect()
}

/// Whether a group says of this run, in known words, that it holds it or stands behind. Anything else is no answer: that a
/// run holds nothing must be said, not missed.
fn understood(group: &wire::Group, id: u64) -> bool {
    let known = |member: &wire::GroupMember| member.status == "in_progress" || member.status == "pending";
    group.group_members.iter().all(known) && group.group_members.iter().any(|member| member.run_id == id)
}

fn holds(member: &wire::GroupMember, id: u64) -> bool {
    member.run_id == id && member.status == "in_progress"
}

/// Whether a run came after `holder` in the same workflow and does not get on, or was cancelled.
fn behind(run: &wire::Run, holder: &wire::Run) -> bool {
    let began = |run: &wire::Run| run.run_started_at.or(run.created_at);
    let halted = match run.status.as_str() {
        "pending" => true,
        "completed" => run.conclusion.as_ref().is_some_and(|word| word == "cancelled"),
        _ => false,
    };
    halted
        && run.id != holder.id
        && began(run) > began(holder)
        && runs::workflow(run) == runs::workflow(holder)
}
