//! Whether what runs is what was tested and what was approved: by digest among the replicas and against the environment
//! before, by commit against CI. A match is told with its evidence; what nobody can prove is never a match.

use super::super::code::Sha;
use super::super::pipeline::{Decision, Pipeline, RunState};
use super::super::rollout::{Artifact, Phase, Rollout, Running, Strategy};
use super::super::service::{Environment, Service};
use super::super::text::SafeText;
use super::super::world::World;
use super::tested;

/// How a digest is told: its algorithm and twelve characters.
const SHORT: usize = 19;

/// The answer to one question, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is the same; how that is known.
    Match(String),
    /// It is not; what differs.
    Mismatch(String),
    /// Nobody can tell; why.
    Unproved(String),
}

/// What is known of the origin of what a place runs. What is not configured is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Whether all replicas run one digest.
    pub replicas: Proof,
    /// Whether CI passed on its commit.
    pub tested: Option<Proof>,
    /// Whether it was approved for this environment, where that is asked at all.
    pub approved: Option<Proof>,
    /// Whether the environment before runs the same digest, where it runs the same version.
    pub before: Option<Proof>,
}

/// The provenance of what a place runs; none while its target has told nothing or runs nothing.
#[must_use]
pub fn of_place(service: &Service, environment: &Environment, world: &World) -> Option<Provenance> {
    let rollout = world.rollout(service, environment)?.value;
    let runs = rollout.running.iter().find(|running| running.ready > 0)?;
    let pipeline = world.pipeline(service).map(|seen| seen.value);
    let commit = commit(&runs.artifact, service, world);
    Some(Provenance {
        replicas: replicas(rollout),
        tested: pipeline.map(|pipeline| tested_on(pipeline, commit.as_ref(), &runs.artifact)),
        approved: pipeline.and_then(|p| approved(p, commit.as_ref(), &environment.name.0)),
        before: before(service, environment, &runs.artifact, world),
    })
}

/// The commit that it was built from: by what it says of itself, else by the tag that it is called by.
fn commit(artifact: &Artifact, service: &Service, world: &World) -> Option<Sha> {
    let named = || world.repository(service)?.value.resolve(artifact.version.as_ref()?.as_str()).cloned();
    artifact.revision.clone().or_else(named)
}

fn short(digest: &SafeText) -> &str {
    digest.as_str().get(..SHORT).unwrap_or(digest.as_str())
}

fn replicas(rollout: &Rollout) -> Proof {
    // After a switch the other colour is kept for a while, without traffic.
    let colours = rollout.steps.as_ref().is_some_and(|steps| steps.strategy == Strategy::BlueGreen);
    let asked_for = |running: &Running| running.artifact.image == rollout.target.image;
    let switched = colours
        && rollout.phase == Phase::Done
        && rollout.running.iter().any(|running| running.ready > 0 && asked_for(running));
    let kept = |running: &Running| switched && !asked_for(running);
    let ready = || rollout.running.iter().filter(|running| running.ready > 0 && !kept(running));
    let silent: u32 = ready().filter(|r| r.artifact.digest.is_none()).map(|r| r.ready).sum();
    let all: u32 = ready().map(|r| r.ready).sum();
    if silent > 0 {
        return Proof::Unproved(format!("{silent} of {all} replicas do not tell their digest"));
    }
    let told: Vec<String> = ready()
        .filter_map(|r| Some(format!("{} × {}", r.ready, short(r.artifact.digest.as_ref()?))))
        .collect();
    let mut digests = ready().filter_map(|r| r.artifact.digest.as_ref());
    let first = digests.next();
    if digests.any(|digest| Some(digest) != first) {
        let text = format!("replicas run {}", told.join(", "));
        return if rollout.at_rest() { Proof::Mismatch(text) } else { Proof::Unproved(text) };
    }
    let asked = rollout.target.digest.as_ref();
    match (first, asked) {
        (Some(digest), Some(asked)) if digest != asked && rollout.at_rest() => {
            // An index is asked for, and the runtime may tell the digest of its platform.
            Proof::Unproved(format!("all {all} run {}, {} is asked for", short(digest), short(asked)))
        }
        (Some(digest), _) => Proof::Match(format!("{all} × {}", short(digest))),
        (None, _) => Proof::Unproved("nothing that is ready".to_owned()),
    }
}

fn tested_on(pipeline: &Pipeline, commit: Option<&Sha>, artifact: &Artifact) -> Proof {
    let Some(commit) = commit else {
        return Proof::Unproved(format!("no tag or commit names {}", artifact.label()));
    };
    if let Some((run, report)) = tested::on(pipeline, commit).filter(|(_, report)| report.failed > 0) {
        return Proof::Mismatch(format!("{} tests failed on {commit} in run {}", report.failed, run.number));
    }
    let on = || pipeline.runs.iter().filter(|run| &run.revision == commit);
    if let Some(run) = on().find(|run| run.state.passed()) {
        return Proof::Match(format!("run {} passed on {commit}", run.number));
    }
    match on().next() {
        Some(run) if matches!(run.state, RunState::Failed(_)) => {
            Proof::Mismatch(format!("run {} failed on {commit}", run.number))
        }
        Some(run) => Proof::Unproved(format!("run {} on {commit} has not passed yet", run.number)),
        None => Proof::Unproved(format!("no run on {commit} is known")),
    }
}

/// Nothing where no run of the pipeline was ever decided for this environment: nobody is asked there.
fn approved(pipeline: &Pipeline, commit: Option<&Sha>, environment: &SafeText) -> Option<Proof> {
    let decided = || {
        pipeline.runs.iter().flat_map(|run| {
            let ours = run.reviews.iter().filter(|review| review.environments.contains(environment));
            ours.map(move |review| (run, review))
        })
    };
    decided().next()?;
    let Some(commit) = commit else {
        return Some(Proof::Unproved("what was approved cannot be compared".to_owned()));
    };
    let newest = decided().find(|(run, _)| &run.revision == commit);
    Some(match newest {
        Some((_, review)) if review.decision == Decision::Approved => {
            Proof::Match(format!("approved by {}", review.by))
        }
        Some((_, review)) => Proof::Mismatch(format!("{} by {}", review.decision.word(), review.by)),
        None => Proof::Unproved(format!("no approval of {commit} is known")),
    })
}

/// The same version in two environments must be one digest; a version that differs is no question.
fn before(service: &Service, environment: &Environment, runs: &Artifact, world: &World) -> Option<Proof> {
    let earlier = service.before(&environment.name)?;
    let rollout = world.rollout(service, earlier)?.value;
    let theirs = rollout.running.iter().find(|r| r.ready > 0 && r.artifact.version == runs.version)?;
    runs.version.as_ref()?;
    let name = &earlier.name;
    Some(match (&runs.digest, &theirs.artifact.digest) {
        (Some(ours), Some(theirs)) if ours == theirs => Proof::Match(format!("the digest of {name}")),
        // The tag may have moved, or one side tells an index and the other one of its platforms.
        (Some(_), Some(theirs)) => Proof::Unproved(format!("{name} runs {} by this name", short(theirs))),
        _ => Proof::Unproved(format!("not both here and in {name} a digest is told")),
    })
}

#[cfg(test)]
mod tests;
