//! Whether a promise has become true: judged only from looks that began after the request had left.

mod gitops;
#[cfg(test)]
mod gitops_tests;
mod rollout;

use std::time::Duration;

use crate::domain::pipeline::RunKey;
use crate::domain::{Intent, Now, Place, Prepared, Promise, Rollout, RunState, SafeText, Service, World};

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
        Promise::Runs { .. }
        | Promise::Begun { .. }
        | Promise::WentOn { .. }
        | Promise::Aborted
        | Promise::Retried
        | Promise::Restarted { .. }
        | Promise::Renewed { .. }
        | Promise::Shut
        | Promise::Paused
        | Promise::Resumed => {
            with_rollout(intent, sent, service, world, |rollout| rollout::judge(prepared, rollout))
        }
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
