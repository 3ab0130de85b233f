//! Whether a promise has become true: judged only from looks that began after the request had left.

mod gitops;
#[cfg(test)]
mod gitops_tests;

use std::time::Duration;

use crate::domain::pipeline::RunKey;
use crate::domain::rollout::{
    Ajar, Course, LAST_RESTART, LEAST_REPLICAS, PAUSED_BY, Strategy, UNDER_WAY, UNREAD,
};
use crate::domain::{
    Artifact, Intent, Now, Phase, Place, Prepared, Promise, Rollout, RunState, SafeText, Service, World,
};

/// How long a promise must hold before it counts as proved.
pub const SETTLE: Duration = Duration::from_secs(3);

/// What the newest looks say about a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not yet, or nobody has looked since; what is missing.
    Pending(SafeText),
    /// The world is as it was before the request; nothing of it is to be seen.
    Untouched(SafeText),
    /// It holds; what proves it.
    Holds(SafeText),
    /// It cannot become true any more; what happened instead.
    Broken(SafeText),
}

/// Judges `prepared.promise` of `intent` on looks that began after `sent`.
#[must_use]
pub fn judge(intent: &Intent, prepared: &Prepared, sent: Now, service: &Service, world: &World) -> Judgement {
    // What is known of this service is older than the newest look: it proves nothing new.
    if let Some(fault) = world.fault(&intent.source, &service.name) {
        return pending(&format!("{} cannot be seen: {fault}", intent.source));
    }
    let scene = gitops::Scene { intent, prepared, sent, service, world };
    match &prepared.promise {
        Promise::GateDecided { gate, decision, environment, reviews_before } => gate_decided(
            GateCase { gate, decision: *decision, environment, before: *reviews_before },
            sent,
            service,
            world,
        ),
        Promise::Reviewed { gate, decision, environment, reviews_before, .. } => gate_reviewed(
            GateCase { gate, decision: *decision, environment, before: *reviews_before },
            sent,
            service,
            world,
        ),
        Promise::Runs { artifact } => {
            with_rollout(intent, sent, service, world, |r| runs(artifact, prepared, r))
        }
        Promise::Begun { .. }
        | Promise::WentOn { .. }
        | Promise::Aborted
        | Promise::Retried
        | Promise::Resumed
            if unread(intent, service, world) =>
        {
            pending("its controller has not read the newest order yet")
        }
        Promise::Begun { artifact } => with_rollout(intent, sent, service, world, |r| begun(artifact, r)),
        Promise::WentOn { step } => {
            with_rollout(intent, sent, service, world, |r| went_on(*step, prepared, r))
        }
        Promise::Aborted => with_rollout(intent, sent, service, world, aborted),
        Promise::Retried => with_rollout(intent, sent, service, world, |r| match course(r) {
            Some(Course::Aborted | Course::Ordered) => untouched("the rollout is still aborted"),
            Some(_) if matches!(r.phase, Phase::Failed(_)) => broken("the rollout failed again"),
            Some(_) => holds("the rollout is no longer aborted"),
            None => broken("the rollout no longer goes in steps"),
        }),
        Promise::Restarted { artifact, mark } => {
            with_rollout(intent, sent, service, world, |r| restarted(artifact, mark, prepared, r))
        }
        Promise::Shut => with_rollout(intent, sent, service, world, shut),
        Promise::Paused => with_rollout(intent, sent, service, world, |r| paused(prepared, r)),
        Promise::Resumed => with_rollout(intent, sent, service, world, |r| match &r.phase {
            Phase::Paused(why) if by_hand(prepared, why) => untouched("the rollout is still paused"),
            Phase::Paused(why) => holds(&format!("the rollout went on, and is held again: {why}")),
            _ => holds("the rollout is no longer paused"),
        }),
        Promise::Synced { revision, after, operation } => gitops::synced(scene, revision, *after, *operation),
        Promise::Reverted { branch, onto, tree } => gitops::reverted(scene, branch.as_str(), onto, tree),
        Promise::Proposed { branch, tree } => gitops::proposed(scene, branch.as_str(), tree),
        Promise::Held => gitops::held(scene),
        Promise::Released => gitops::released(scene),
        Promise::Attempt { run, attempt } => with_run(run, sent, service, world, |r| {
            if r.attempt >= *attempt {
                holds(&format!("run {} is in attempt {}", r.number, r.attempt))
            } else {
                untouched(&format!("run {} is still in attempt {}", r.number, r.attempt))
            }
        }),
        Promise::Started { run } => with_run(run, sent, service, world, |r| match &r.state {
            RunState::WaitingForHuman => untouched(&format!("run {} is still held", r.number)),
            RunState::Cancelled => broken(&format!("run {} was cancelled instead", r.number)),
            RunState::Unknown(word) => pending(&format!("run {} is {word}", r.number)),
            _ => holds(&format!("run {} has begun", r.number)),
        }),
        Promise::Ended { run } => with_run(run, sent, service, world, |r| {
            if r.state.passed() {
                broken(&format!("run {} ended by itself, and well, before it could be stopped", r.number))
            } else if r.state.ended() {
                holds(&format!("run {} has ended", r.number))
            } else {
                untouched(&format!("run {} has not ended yet", r.number))
            }
        }),
        Promise::RunAppeared { before, workflow } => appeared(before, workflow, sent, service, world),
    }
}

struct GateCase<'a> {
    gate: &'a crate::domain::GateKey,
    decision: crate::domain::Decision,
    environment: &'a SafeText,
    before: usize,
}

fn gate_decided(case: GateCase<'_>, sent: Now, service: &Service, world: &World) -> Judgement {
    let Some(pipeline) = world.pipeline(service).filter(|p| later(p.at, sent)) else {
        return pending("no look since the request left");
    };
    let waits = world.gates().any(|g| &g.value.key == case.gate);
    let Some(run) = pipeline.value.runs.iter().find(|r| r.key == case.gate.run) else {
        return pending("the run is no longer among the newest");
    };
    if run.attempt != case.gate.attempt {
        return broken(&format!("the run is in attempt {} now: the gate is asked anew", run.attempt));
    }
    let of_environment =
        || run.reviews.iter().filter(|r| r.environments.iter().any(|e| e == case.environment));
    let ours = of_environment().filter(|r| r.decision == case.decision).count();
    if ours > case.before && !waits {
        let by =
            of_environment().rfind(|r| r.decision == case.decision).map(|r| r.by.clone()).unwrap_or_default();
        return holds(&format!("{} by {by}; the gate no longer waits", case.decision.word()));
    }
    if !waits && let Some(other) = of_environment().find(|r| r.decision != case.decision) {
        return broken(&format!("{} by {} instead", other.decision.word(), other.by));
    }
    if waits {
        untouched("the gate still waits")
    } else {
        pending("the gate is gone; the review is not listed yet")
    }
}

/// One approval of several: it must be listed. Whether the gate still waits is for the others to say.
fn gate_reviewed(case: GateCase<'_>, sent: Now, service: &Service, world: &World) -> Judgement {
    let Some(pipeline) = world.pipeline(service).filter(|p| later(p.at, sent)) else {
        return pending("no look since the request left");
    };
    let Some(run) = pipeline.value.runs.iter().find(|r| r.key == case.gate.run) else {
        return pending("the run is no longer among the newest");
    };
    if run.attempt != case.gate.attempt {
        return broken(&format!("the run is in attempt {} now: the gate is asked anew", run.attempt));
    }
    let listed = run
        .reviews
        .iter()
        .filter(|r| r.decision == case.decision && r.environments.iter().any(|e| e == case.environment));
    if listed.count() > case.before {
        return holds(&format!("{}; the review is listed", case.decision.word()));
    }
    if world.gates().any(|g| &g.value.key == case.gate) {
        untouched("the review is not listed")
    } else {
        pending("the gate is gone; the review is not listed yet")
    }
}

/// Whether what is told of a rollout is told of the order before the newest one.
fn unread(intent: &Intent, service: &Service, world: &World) -> bool {
    let environment = intent.place.as_ref().and_then(|place| service.environment(&place.environment));
    environment
        .and_then(|environment| world.rollout(service, environment))
        .is_some_and(|seen| matches!(&seen.value.phase, Phase::Progressing(what) if what.as_str() == UNREAD))
}

fn course(rollout: &Rollout) -> Option<Course> {
    rollout.steps.as_ref().map(|steps| steps.course)
}

/// A rollout in steps: what was sent must be what comes, and some of it must run.
fn begun(artifact: &Artifact, rollout: &Rollout) -> Judgement {
    if !rollout.target.same_as(artifact) {
        return untouched(&format!("{} is asked for", rollout.target.label()));
    }
    if course(rollout) == Some(Course::Aborted) {
        return broken("the rollout was aborted");
    }
    let ready = rollout.running.iter().find(|r| r.artifact.same_as(artifact)).map_or(0, |r| r.ready);
    match &rollout.phase {
        Phase::Failed(why) => broken(&format!("the rollout failed: {why}")),
        _ if course(rollout) == Some(Course::Ordered) => pending("its controller has not read the order yet"),
        // What is held before its first step is not started before somebody lets it go on.
        Phase::Paused(why) if ready == 0 && course(rollout) == Some(Course::Held) => {
            holds(&format!("{} is what comes, and is held: {why}", artifact.label()))
        }
        _ if ready == 0 => pending(&format!("no replica of {} is ready yet", artifact.label())),
        _ => holds(&format!("{} has begun: {ready} replicas of it are ready", artifact.label())),
    }
}

/// A held rollout that was let go on. It may be held again, at a later step; another one that is over proves nothing.
fn went_on(step: usize, prepared: &Prepared, rollout: &Rollout) -> Judgement {
    let Some(steps) = &rollout.steps else { return broken("the rollout no longer goes in steps") };
    if let Some(other) = prepared.to.as_ref().filter(|to| !rollout.target.same_as(to)) {
        return broken(&format!("{} is asked for there now, not {}", rollout.target.label(), other.label()));
    }
    match steps.course {
        Course::Aborted => broken("the rollout was aborted"),
        Course::Over => holds("the rollout is over"),
        Course::Ordered => untouched("its controller has not read the order yet"),
        _ if steps.at > step => {
            holds(&format!("the rollout is at step {} of {}", steps.at + 1, steps.words.len()))
        }
        // Which step two colours are at is told by their pause alone.
        _ if steps.at < step && steps.strategy == Strategy::Canary => broken("the rollout began again"),
        _ => untouched("the rollout is still at the same step"),
    }
}

/// An abort: nothing of what came may serve any more.
fn aborted(rollout: &Rollout) -> Judgement {
    match (course(rollout), &rollout.steps) {
        (Some(Course::Aborted), Some(steps)) if steps.weight.unwrap_or(0) == 0 => {
            holds("the rollout is aborted: the stable revision has all traffic")
        }
        (Some(Course::Aborted), _) => {
            pending("aborted, and the coming revision still has a share of the traffic")
        }
        (Some(Course::Over), _) => broken("the rollout came to its end before it could be aborted"),
        (Some(_), _) => untouched("the rollout is not aborted"),
        (None, _) => broken("the rollout no longer goes in steps"),
    }
}

/// A restart: what runs must be as before, and newer than this very restart.
fn restarted(artifact: &Artifact, mark: &SafeText, prepared: &Prepared, rollout: &Rollout) -> Judgement {
    let found = rollout.restart.as_ref();
    let left = match found {
        Some(restart) if restart.mark == *mark => restart.left,
        _ if !rollout.target.same_as(artifact) => {
            return broken(&format!("{} is asked for there now", rollout.target.label()));
        }
        _ if found.map_or("none", |r| r.mark.as_str()) == basis(prepared, LAST_RESTART).unwrap_or("none") => {
            return untouched("no restart is asked for there");
        }
        _ => return broken("another restart was asked for"),
    };
    match runs(artifact, prepared, rollout) {
        Judgement::Holds(_) if left > 0 => pending(&format!("{left} replicas are still the old ones")),
        Judgement::Holds(text) => holds(&format!("{text}, each of them new")),
        other => other,
    }
}

/// Doors that were closed: a look must have found every one of them so.
fn shut(rollout: &Rollout) -> Judgement {
    let Some(steps) = &rollout.steps else { return broken("the rollout no longer goes in steps") };
    for door in &steps.doors {
        match &door.state {
            Ajar::Closed => {}
            Ajar::Open => return untouched(&format!("the {} is open", door.name)),
            Ajar::Untold(why) => return pending(&format!("how the {} stands is not told: {why}", door.name)),
        }
    }
    if steps.doors.is_empty() {
        broken("the rollout asks no gate any more")
    } else {
        holds("every gate is closed")
    }
}

/// Whether a rollout is paused by hand, where its plan says how that is told.
fn by_hand(prepared: &Prepared, why: &SafeText) -> bool {
    basis(prepared, PAUSED_BY).is_none_or(|how| why.as_str().starts_with(how))
}

/// A pause that came while something rolled out must have left something to hold, and nothing fewer running.
fn paused(prepared: &Prepared, rollout: &Rollout) -> Judgement {
    let Phase::Paused(why) = &rollout.phase else { return untouched("the rollout is not paused") };
    if !by_hand(prepared, why) {
        return untouched(&format!("the rollout is held, but not by this: {why}"));
    }
    if let Some(what) = fewer(prepared, rollout) {
        return broken(&format!("the rollout is paused, and {what}"));
    }
    let replicas = &rollout.replicas;
    let over = replicas.updated >= replicas.desired && replicas.total <= replicas.updated;
    if basis(prepared, UNDER_WAY) == Some("yes") && over {
        return broken(&format!(
            "the rollout went on to its end: all {} replicas are {}, nothing is left to hold",
            replicas.desired,
            rollout.target.label()
        ));
    }
    holds("the rollout is paused")
}

fn basis<'a>(prepared: &'a Prepared, name: &str) -> Option<&'a str> {
    prepared.basis.iter().find(|b| b.name == name).map(|b| b.value.as_str())
}

/// Whether fewer replicas are asked for than the plan rests on: that all of one replica run something, or all of
/// none, is easily true.
fn fewer(prepared: &Prepared, rollout: &Rollout) -> Option<String> {
    let least: u32 = basis(prepared, LEAST_REPLICAS)?.parse().ok()?;
    let desired = rollout.replicas.desired;
    (desired < least).then(|| format!("only {desired} replicas are asked for, not {least} as before"))
}

fn runs(artifact: &Artifact, prepared: &Prepared, rollout: &Rollout) -> Judgement {
    if !rollout.target.same_as(artifact) {
        let as_before = prepared.from.as_ref().is_some_and(|from| from.same_as(&rollout.target));
        return match &rollout.phase {
            Phase::RollingBack(why) => broken(&format!("the target rolls back by itself: {why}")),
            Phase::RolledBack => {
                broken(&format!("the target went back to {} by itself", rollout.target.label()))
            }
            Phase::Done if as_before => {
                untouched(&format!("{} is still asked for there", rollout.target.label()))
            }
            _ => broken(&format!(
                "{} is asked for there now, not {}",
                rollout.target.label(),
                artifact.label()
            )),
        };
    }
    match &rollout.phase {
        Phase::Failed(why) => broken(&format!("the rollout failed: {why}")),
        // Its controller has yet to read the order.
        Phase::Paused(_) if rollout.steps.is_some() => untouched("the rollout is still held"),
        Phase::Paused(why) => broken(&format!("the rollout is paused: {why}")),
        Phase::Done | Phase::RolledBack => match fewer(prepared, rollout) {
            Some(what) => pending(&what),
            None => proved_by_replicas(artifact, rollout),
        },
        Phase::ScaledToZero => broken("nothing is asked to run there"),
        Phase::Progressing(what) | Phase::RollingBack(what) => pending(what.as_str()),
    }
}

fn proved_by_replicas(artifact: &Artifact, rollout: &Rollout) -> Judgement {
    let (right, wrong): (Vec<_>, Vec<_>) =
        rollout.running.iter().filter(|r| r.ready > 0).partition(|r| r.artifact.same_as(artifact));
    let ready: u32 = right.iter().map(|r| r.ready).sum();
    if let Some(other) = wrong.first() {
        return pending(&format!("{} still runs {} times", other.artifact.label(), other.ready));
    }
    if ready < rollout.replicas.desired {
        return pending(&format!("{ready} of {} replicas run it", rollout.replicas.desired));
    }
    holds(&format!("{ready} of {} replicas run {}", rollout.replicas.desired, artifact.label()))
}

fn with_rollout(
    intent: &Intent,
    sent: Now,
    service: &Service,
    world: &World,
    rule: impl FnOnce(&Rollout) -> Judgement,
) -> Judgement {
    let environment = intent.place.as_ref().and_then(|p: &Place| service.environment(&p.environment));
    match environment.and_then(|e| world.rollout(service, e)).filter(|r| later(r.at, sent)) {
        Some(seen) => rule(seen.value),
        None => pending("no look since the request left"),
    }
}

fn with_run(
    key: &RunKey,
    sent: Now,
    service: &Service,
    world: &World,
    rule: impl FnOnce(&crate::domain::Run) -> Judgement,
) -> Judgement {
    match world.pipeline(service).filter(|p| later(p.at, sent)) {
        Some(pipeline) => match pipeline.value.runs.iter().find(|r| &r.key == key) {
            Some(run) => rule(run),
            None => pending("the run is no longer among the newest"),
        },
        None => pending("no look since the request left"),
    }
}

fn appeared(
    before: &[SafeText],
    workflow: &SafeText,
    sent: Now,
    service: &Service,
    world: &World,
) -> Judgement {
    match world.pipeline(service).filter(|p| later(p.at, sent)) {
        Some(pipeline) => {
            let new =
                pipeline.value.runs.iter().find(|r| !before.contains(&r.key.id) && &r.workflow == workflow);
            match new {
                Some(run) => holds(&format!("run {} of {workflow} has begun", run.number)),
                None => untouched(&format!("no new run of {workflow} yet")),
            }
        }
        None => pending("no look since the request left"),
    }
}

fn later(seen: Now, sent: Now) -> bool {
    seen.mono > sent.mono
}

fn pending(text: &str) -> Judgement {
    Judgement::Pending(SafeText::new(text))
}

fn untouched(text: &str) -> Judgement {
    Judgement::Untouched(SafeText::new(text))
}

fn holds(text: &str) -> Judgement {
    Judgement::Holds(SafeText::new(text))
}

fn broken(text: &str) -> Judgement {
    Judgement::Broken(SafeText::new(text))
}
