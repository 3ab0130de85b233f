//! The wedged lane: a run that waits for somebody holds its concurrency group, and behind it later runs are stuck or die
//! before they had a job. Nothing fails, nobody is told, and nothing ships.
//!
//! Where the provider names the group, its word is the proof. Elsewhere it is inferred from the runs, and said to be; what
//! can be explained in another way is not claimed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::pipeline::{Gate, Lane, Lanes, Pipeline, Run, RunKey, RunState, WaitsFor};
use super::super::time::{ago, spoken};
use super::super::{EnvironmentName, Mark, SafeText, Seen, Service, Sha, Stage, Verdict, World};
use super::{Case, STALE};

/// A run that waits for less long is somebody's ordinary approval, whatever stands behind it.
const HELD: Duration = Duration::from_secs(30 * 60);
/// A run that is pending for less long stands in an ordinary queue.
const STUCK: Duration = Duration::from_secs(10 * 60);
/// A superseded run ends when its successor comes: no earlier and no later than this.
const SUPERSEDED: SignedDuration = SignedDuration::from_secs(120);
/// Without anything stuck, so many must have died on the holder's branch.
const DIED: usize = 2;
/// So many commits are named.
const NAMED: usize = 5;

/// A lane that nothing passes any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wedged {
    /// The run that holds it.
    pub holder: RunKey,
    /// The holder's number.
    pub number: u64,
    /// The holder's workflow.
    pub workflow: SafeText,
    /// The environment that the holder waits for, if it is one of ours.
    pub environment: Option<EnvironmentName>,
    /// Since when it waits.
    pub since: Timestamp,
    /// The name of the group, if the provider told who holds it; inferred from the runs otherwise.
    pub group: Option<SafeText>,
    /// Later runs that ended before they had a job, oldest first.
    pub died: Vec<Behind>,
    /// Later runs that are pending, oldest first.
    pub stuck: Vec<Behind>,
    /// What these runs would have shipped and no other run of the workflow did, oldest first.
    pub unshipped: Vec<Sha>,
}

/// A run behind the holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Which.
    pub run: RunKey,
    /// Its number.
    pub number: u64,
    /// Its commit.
    pub revision: Sha,
}

impl Wedged {
    /// Which run holds it, since when, how many died, what never shipped, and what to do.
    #[must_use]
    pub fn text(&self, now: Timestamp) -> String {
        let holds = match &self.group {
            Some(group) => format!("it waits and holds {group}"),
            None => "it waits and seems to hold the lane: inferred from the runs".to_owned(),
        };
        let (number, age) = (self.number, spoken(ago(now, self.since)));
        format!(
            "lane wedged by run {number} of {} for {age}: {}{}; {holds}; cancel run {number}, a rejection does not free \
             the lane",
            self.workflow,
            self.behind(),
            self.commits()
        )
    }

    /// `4 later runs died before any job, 1 is stuck`.
    #[must_use]
    pub fn behind(&self) -> String {
        let runs = |count: usize| if count == 1 { "run" } else { "runs" };
        let (died, stuck) = (self.died.len(), self.stuck.len());
        let is = if stuck == 1 { "is" } else { "are" };
        match (died, stuck) {
            (0, stuck) => format!("{stuck} later {} {is} stuck behind it", runs(stuck)),
            (died, 0) => format!("{died} later {} died before any job", runs(died)),
            (died, stuck) => {
                format!("{died} later {} died before any job, {stuck} {is} stuck", runs(died))
            }
        }
    }

    fn commits(&self) -> String {
        let named: Vec<&str> = self.unshipped.iter().take(NAMED).map(Sha::short).collect();
        let more = self.unshipped.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if named.is_empty() { String::new() } else { format!("; never shipped: {}{more}", named.join(", ")) }
    }
}

/// Every wedged lane of a pipeline, the longest held first. `gates` are those of the service.
#[must_use]
pub fn wedged<'a>(
    pipeline: &Pipeline,
    lanes: &Lanes,
    gates: impl IntoIterator<Item = &'a Gate>,
    now: Timestamp,
) -> Vec<Wedged> {
    let mut found: Vec<Wedged> = gates
        .into_iter()
        .filter(|gate| matches!(gate.waits_for, WaitsFor::Human | WaitsFor::OtherSystem))
        .filter_map(|gate| {
            let since = gate.since.filter(|since| ago(now, *since) >= HELD)?;
            let holder = pipeline.runs.iter().find(|run| run.key == gate.key.run && !run.state.ended())?;
            if lanes.free.contains(&holder.key.id) {
                return None;
            }
            let told = lanes.told.iter().find(|lane| lane.holder == holder.key);
            let suspect = Suspect { holder, since, told, pipeline, lanes, now };
            suspect.wedges().map(|(died, stuck)| suspect.told_of(gate, &died, &stuck))
        })
        .collect();
    // A run may wait at several gates.
    found.sort_by(|a, b| (&a.holder, a.since).cmp(&(&b.holder, b.since)));
    found.dedup_by(|a, b| a.holder == b.holder);
    found.sort_by_key(|wedged| wedged.since);
    found
}

/// The wedged lanes of a service, as far as the world knows.
#[must_use]
pub fn of(service: &Service, world: &World, now: Timestamp) -> Vec<Wedged> {
    let (Some(pipeline), Some(lanes)) = (world.pipeline(service), world.lanes(service)) else {
        return Vec::new();
    };
    let gates = world.gates().map(|seen| seen.value).filter(|gate| gate.key.run.service == service.name);
    wedged(pipeline.value, lanes.value, gates, now)
}

/// A run that waits, and may hold more than itself.
struct Suspect<'a> {
    holder: &'a Run,
    since: Timestamp,
    told: Option<&'a Lane>,
    pipeline: &'a Pipeline,
    lanes: &'a Lanes,
    now: Timestamp,
}

impl<'a> Suspect<'a> {
    /// The runs that died behind it and those that are stuck, if that is more than an ordinary queue.
    fn wedges(&self) -> Option<(Vec<&'a Run>, Vec<&'a Run>)> {
        let stuck: Vec<&Run> = self.later().filter(|run| self.stuck(run)).collect();
        let for_long = stuck.iter().any(|run| run.started.is_some_and(|at| ago(self.now, at) >= STUCK));
        let proved = for_long || (self.told.is_some() && !stuck.is_empty());
        let mut died: Vec<&Run> = self.later().filter(|run| self.died(run)).collect();
        if !proved {
            // Another branch may well have a lane of its own.
            died.retain(|run| run.branch == self.holder.branch);
        }
        let many = died.len() >= DIED || (proved && !died.is_empty());
        (for_long || many).then_some((died, stuck))
    }

    /// Runs of the workflow that came after the holder, oldest first.
    fn later(&self) -> impl Iterator<Item = &'a Run> {
        let behind = |run: &Run| self.told.is_some_and(|lane| lane.behind.contains(&run.key));
        self.pipeline.runs.iter().rev().filter(move |run| {
            run.key != self.holder.key
                && run.started > self.holder.started
                && (run.workflow == self.holder.workflow || behind(run))
        })
    }

    fn stuck(&self, run: &Run) -> bool {
        if run.state != RunState::Blocked || !self.jobless(run) {
            return false;
        }
        match self.told {
            Some(lane) => lane.behind.contains(&run.key),
            None => run.started.is_some_and(|at| ago(self.now, at) >= STUCK) && self.alone(run, self.now),
        }
    }

    /// Cancelled while the holder waited, before any job, because the next one came: no person's doing.
    fn died(&self, run: &Run) -> bool {
        let Some(end) = run.updated.filter(|end| *end > self.since) else { return false };
        run.state == RunState::Cancelled
            && self.jobless(run)
            && self.later().any(|next| {
                next.started > run.started
                    && next.started.is_some_and(|came| {
                        let after = end.duration_since(came);
                        after >= -SUPERSEDED && after <= SUPERSEDED
                    })
            })
            && self.alone(run, end)
    }

    /// Whether no other run of the workflow can have held `run` back until `end`.
    fn alone(&self, run: &Run, end: Timestamp) -> bool {
        !self.pipeline.runs.iter().any(|other| {
            other.key != run.key
                && other.key != self.holder.key
                && other.workflow == self.holder.workflow
                && !self.jobless(other)
                && other.started <= run.started
                && (!other.state.ended() || other.updated.is_none_or(|at| at >= end))
        })
    }

    fn jobless(&self, run: &Run) -> bool {
        self.lanes.jobless.contains(&run.key.id)
    }

    fn told_of(&self, gate: &Gate, died: &[&Run], stuck: &[&Run]) -> Wedged {
        let behind =
            |run: &&Run| Behind { run: run.key.clone(), number: run.number, revision: run.revision.clone() };
        // What another workflow did with it, tests for one, ships nothing.
        let shipped = |sha: &Sha| {
            *sha == self.holder.revision
                || self.pipeline.runs.iter().any(|run| {
                    run.workflow == self.holder.workflow && run.state.passed() && run.revision == *sha
                })
        };
        let mut unshipped: Vec<Sha> = Vec::new();
        for run in died.iter().chain(stuck) {
            if !shipped(&run.revision) && !unshipped.contains(&run.revision) {
                unshipped.push(run.revision.clone());
            }
        }
        Wedged {
            holder: self.holder.key.clone(),
            number: self.holder.number,
            workflow: self.holder.workflow.clone(),
            environment: gate.environment.clone(),
            since: self.since,
            group: self.told.map(|lane| lane.group.clone()),
            died: died.iter().map(behind).collect(),
            stuck: stuck.iter().map(behind).collect(),
            unshipped,
        }
    }
}

/// A lane that nothing passes is NO-GO: whatever is released next will not ship.
pub(super) fn judge(case: &mut Case<'_>, gates: &[&Seen<Gate>]) {
    let Some(source) = &case.service.pipeline else { return };
    if case.unusable(source, STALE).is_some() {
        return;
    }
    let (Some(pipeline), Some(lanes)) = (case.world.pipeline(case.service), case.world.lanes(case.service))
    else {
        return;
    };
    let now = case.now.wall;
    for lane in wedged(pipeline.value, lanes.value, gates.iter().map(|seen| &seen.value), now) {
        let text = lane.text(now);
        case.say(Stage::Release, lane.environment.as_ref(), Mark::Judged(Verdict::NoGo), &text);
    }
}
