//! What a service's answers mean: how its rollout stands. Pure; judges one look, sends nothing.
//!
//! A Swarm service is done only when the engine no longer updates it *and* every replica that should run does run,
//! made from the present specification. The engine's word alone is not enough: it says nothing right after it
//! accepted an update, and nothing on a service that was never updated.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::wire::{Mode, Service, Task, UpdateStatus};
use crate::domain::rollout::{Restart, Running, Standing};
use crate::domain::{Artifact, Cause, Fault, Phase, Replicas, Revision, Rollout, SafeText};

/// The id of the one earlier revision that Swarm remembers.
pub(super) const PREVIOUS: &str = "previous";
/// The id of the revision that is asked for now.
pub(super) const CURRENT: &str = "current";

/// One look at a service.
///
/// # Errors
/// [`Cause::Refused`] for a job: it ends by itself, nothing of it rolls out.
pub(super) fn rollout(service: &Service, tasks: &[Task], host: &SafeText) -> Result<Rollout, Fault> {
    rolls_out(service)?;
    let count = Count::of(service, tasks);
    let began = began(service);
    Ok(Rollout {
        workload: SafeText::new(&format!("service/{} on {host}", service.spec.name())),
        host: host.clone(),
        phase: phase(service, tasks, &count),
        replicas: count.replicas(),
        target: service.spec.image(),
        running: running(tasks),
        revisions: revisions(service, began),
        began,
        took: took(service),
        steps: None,
        patience: None,
        restart: Some(restart(service, tasks)),
        signs: signs(tasks, signs_since(service)),
        owner: None,
        remarks: remarks(service, tasks),
    })
}

/// Whether this is a service that rolls out at all.
///
/// # Errors
/// [`Cause::Refused`] for a job: it ends by itself, nothing of it rolls out.
pub(super) fn rolls_out(service: &Service) -> Result<(), Fault> {
    if matches!(service.spec.mode(), Mode::ReplicatedJob {} | Mode::GlobalJob {}) {
        let name = service.spec.name();
        return Err(Fault::new(
            Cause::Refused,
            format!("{name} is a Swarm job: it ends by itself, nothing rolls out"),
        )
        .with_hint("bind a replicated or global service"));
    }
    Ok(())
}

/// How many tasks are in which condition.
struct Count {
    desired: u32,
    /// Wanted, running, of the present specification.
    good: u32,
    /// Wanted and running, of any specification.
    up: u32,
    /// Wanted, in any state.
    wanted: u32,
    /// Wanted or being made ready.
    alive: u32,
    total: u32,
    restarts: u32,
}

impl Count {
    fn of(service: &Service, tasks: &[Task]) -> Self {
        let count = |which: &dyn Fn(&Task) -> bool| {
            u32::try_from(tasks.iter().filter(|t| which(t)).count()).unwrap_or(u32::MAX)
        };
        let spec = &service.spec;
        Self {
            desired: desired(service, tasks),
            good: count(&|t| t.wanted() && t.runs() && t.is_of(spec)),
            up: count(&|t| t.wanted() && t.runs()),
            wanted: count(&Task::wanted),
            alive: count(&|t| (t.wanted() || t.coming()) && !t.ended()),
            total: count(&|t| !t.ended()),
            restarts: count(&|t| {
                !t.wanted() && t.is_of(spec) && (t.failed() || t.status.state == "complete")
            }),
        }
    }

    const fn replicas(&self) -> Replicas {
        Replicas {
            desired: self.desired,
            updated: self.good,
            available: self.up,
            total: self.total,
            restarts: self.restarts,
        }
    }

    /// Every replica that should run does, from the present specification, and no other is wanted.
    const fn settled(&self) -> bool {
        self.desired > 0 && self.good >= self.desired && self.good == self.wanted
    }
}

/// Replicas asked for. A global service has one on each node that it may run on. While one of those is being
/// replaced, the engine counts it neither as running nor as desired, so those made ready count as well.
fn desired(service: &Service, tasks: &[Task]) -> u32 {
    if let Some(replicas) = service.spec.replicas() {
        return replicas;
    }
    let nodes: BTreeSet<_> =
        tasks.iter().filter(|t| t.wanted() || t.coming()).filter_map(|t| t.node.as_ref()).collect();
    let told = service.service_status.map_or(0, |status| status.desired_tasks);
    told.max(u32::try_from(nodes.len()).unwrap_or(u32::MAX))
}

/// When the present specification began to roll out.
pub(super) fn began(service: &Service) -> Option<Timestamp> {
    service
        .update_status
        .as_ref()
        .and_then(|status| status.started_at)
        .or(service.updated_at)
        .or(service.created_at)
        .filter(|at| at.as_second() > 0)
}

/// How long the last update took, if the engine says that it is complete.
fn took(service: &Service) -> Option<Duration> {
    let status = service.update_status.as_ref().filter(|_| Update::of(service) == Update::Completed)?;
    let took = status.completed_at?.duration_since(status.started_at?);
    Duration::try_from(took).ok().filter(|took| !took.is_zero())
}

/// Since when failures count: since the update began. If the engine does not say when that was, all of them do.
fn signs_since(service: &Service) -> Option<Timestamp> {
    match &service.update_status {
        Some(status) => status.started_at.filter(|at| at.as_second() > 0),
        None => began(service),
    }
}

/// How an update stands, in the engine's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update<'a> {
    /// The engine says nothing: never updated, or only just.
    Untold,
    Updating,
    /// A failure action stopped it.
    Paused,
    Completed,
    RollingBack,
    /// A failure action stopped the rollback.
    RollbackPaused,
    RolledBack,
    /// A word that is not in the engine's documentation, or none where one should be.
    Unknown(&'a str),
}

impl<'a> Update<'a> {
    pub(super) fn of(service: &'a Service) -> Self {
        let Some(status) = &service.update_status else { return Self::Untold };
        match status.state.as_ref().map_or("", SafeText::as_str) {
            "updating" => Self::Updating,
            "paused" => Self::Paused,
            "completed" => Self::Completed,
            "rollback_started" => Self::RollingBack,
            "rollback_paused" => Self::RollbackPaused,
            "rollback_completed" => Self::RolledBack,
            other => Self::Unknown(other),
        }
    }

    /// Whether the last change was a rollback: then what Swarm calls previous is what was rolled back from.
    pub(super) const fn went_back(self) -> bool {
        matches!(self, Self::RollingBack | Self::RollbackPaused | Self::RolledBack)
    }

    /// The engine's word for it.
    pub(super) const fn word(self) -> &'a str {
        match self {
            Self::Untold => "none",
            Self::Updating => "updating",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::RollingBack => "rollback_started",
            Self::RollbackPaused => "rollback_paused",
            Self::RolledBack => "rollback_completed",
            Self::Unknown(word) => word,
        }
    }
}

fn phase(service: &Service, tasks: &[Task], count: &Count) -> Phase {
    let says = service.update_status.as_ref().map(message).unwrap_or_default();
    match Update::of(service) {
        Update::Updating => Phase::Progressing(waits(service, tasks, count)),
        Update::RollingBack => Phase::RollingBack(waits(service, tasks, count)),
        Update::Paused => Phase::Paused(says),
        Update::RollbackPaused => {
            Phase::Failed(SafeText::new(&format!("the rollback stopped, somebody must act: {says}")))
        }
        Update::Unknown("") => Phase::Progressing("the engine does not say how the update stands".into()),
        Update::Unknown(word) => Phase::Progressing(SafeText::new(&format!("unknown update state {word}"))),
        Update::Untold | Update::Completed => at_rest(service, tasks, count, Phase::Done),
        Update::RolledBack => at_rest(service, tasks, count, Phase::RolledBack),
    }
}

/// The phase of a service that the engine does not update (any more, or not yet).
fn at_rest(service: &Service, tasks: &[Task], count: &Count, done: Phase) -> Phase {
    if service.spec.replicas() == Some(0) && count.wanted == 0 {
        return Phase::ScaledToZero;
    }
    if count.settled() {
        return done;
    }
    if count.alive == 0 && tasks.iter().any(|t| t.failed() && t.is_of(&service.spec)) {
        return Phase::Failed("no replica runs and the engine starts none again".into());
    }
    Phase::Progressing(waits(service, tasks, count))
}

fn message(status: &UpdateStatus) -> SafeText {
    status.message.clone().filter(|m| !m.is_empty()).unwrap_or_else(|| "the engine gives no reason".into())
}

/// What it waits for: how many run, and in which states the others are.
fn waits(service: &Service, tasks: &[Task], count: &Count) -> SafeText {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    let new = |t: &&Task| (t.wanted() || t.coming()) && !t.runs() && t.is_of(&service.spec);
    for task in tasks.iter().filter(new) {
        *states.entry(task.status.state.as_str()).or_default() += 1;
    }
    let mut text = format!("{} of {} run {}", count.good, count.desired, service.spec.image().label());
    for (state, n) in states {
        text.push_str(&format!(", {n} {state}"));
    }
    for other in running(tasks).iter().filter(|r| !r.artifact.same_as(&service.spec.image())) {
        text.push_str(&format!(", {} still run {}", other.ready, other.artifact.label()));
    }
    SafeText::new(&text)
}

/// What really runs, whatever the engine wants of it: a container that was told to stop serves until it has stopped.
fn running(tasks: &[Task]) -> Vec<Running> {
    let mut by: BTreeMap<Artifact, u32> = BTreeMap::new();
    for task in tasks.iter().filter(|t| t.runs()) {
        *by.entry(task.image()).or_default() += 1;
    }
    let mut running: Vec<_> = by.into_iter().map(|(artifact, ready)| Running { artifact, ready }).collect();
    running.sort_by_key(|r| std::cmp::Reverse(r.ready));
    running
}

/// How often an update was forced, and how many tasks still run from before the last time.
fn restart(service: &Service, tasks: &[Task]) -> Restart {
    let asked = service.spec.force_update();
    let left = tasks.iter().filter(|t| t.runs() && t.force_update() != asked).count();
    Restart { mark: SafeText::new(&asked.to_string()), left: u32::try_from(left).unwrap_or(u32::MAX) }
}

fn revisions(service: &Service, began: Option<Timestamp>) -> Vec<Revision> {
    let current = Revision {
        id: CURRENT.into(),
        number: None,
        artifact: service.spec.image(),
        created: began,
        note: None,
        standing: Standing::Current,
    };
    let previous = service.previous_spec.as_ref().map(|spec| Revision {
        id: PREVIOUS.into(),
        number: None,
        artifact: spec.image(),
        created: None,
        note: None,
        standing: if Update::of(service).went_back() { Standing::Left } else { Standing::Past },
    });
    std::iter::once(current).chain(previous).collect()
}

/// Early signs of failure: why tasks ended badly since the rollout began, and why others cannot start.
fn signs(tasks: &[Task], began: Option<Timestamp>) -> Vec<SafeText> {
    let mut signs: BTreeMap<(SafeText, SafeText), usize> = BTreeMap::new();
    for task in tasks {
        let recent = match (task.status.timestamp, began) {
            (Some(at), Some(began)) => at >= began,
            _ => true,
        };
        let stuck = !task.ended() && task.status.err.as_ref().is_some_and(|e| !e.is_empty());
        if (task.failed() && recent) || stuck {
            let image = SafeText::new(task.image().label());
            *signs.entry((why(task), image)).or_default() += 1;
        }
    }
    let plural = |n: usize| if n == 1 { "task" } else { "tasks" };
    signs
        .into_iter()
        .map(|((why, image), n)| SafeText::new(&format!("{why} on {n} {} of {image}", plural(n))))
        .collect()
}

fn why(task: &Task) -> SafeText {
    let said = |text: &Option<SafeText>| text.clone().filter(|t| !t.is_empty());
    said(&task.status.err).or_else(|| said(&task.status.message)).unwrap_or_else(|| task.status.state.clone())
}

fn remarks(service: &Service, tasks: &[Task]) -> Vec<SafeText> {
    let mut remarks = Vec::new();
    if Update::of(service).went_back() {
        remarks.push(SafeText::new(&match &service.previous_spec {
            Some(previous) => format!(
                "the last change was a rollback: rolling back twice brings the bad one back ({})",
                previous.image().label()
            ),
            None => {
                "the last change was an automatic rollback: Swarm remembers no previous revision now".into()
            }
        }));
    }
    let leaving = tasks.iter().filter(|t| t.runs() && !t.wanted() && !t.coming()).count();
    if leaving > 0 && Update::of(service) != Update::Updating {
        remarks.push(SafeText::new(&format!(
            "{leaving} told to stop and not stopped yet; on a node that is down it would stay so"
        )));
    }
    if service.spec.image().digest.is_none() {
        remarks.push(
            "the image is not pinned by digest: each node takes what the tag names when it starts".into(),
        );
    }
    remarks
}
