//! What a look at a rollout says about a promise.

use jiff::Timestamp;

use super::{Judgement, broken, holds, pending, untouched};
use crate::domain::rollout::{
    Ajar, Course, LAST_RESTART, LEAST_REPLICAS, OWN_RESTARTS, PAUSED_BY, Strategy, UNDER_WAY, UNREAD,
};
use crate::domain::{Artifact, Phase, Prepared, Promise, Rollout, SafeText};

/// Judges a promise about a rollout on a look that began after the request had left.
pub(super) fn judge(prepared: &Prepared, rollout: &Rollout) -> Judgement {
    // What is told of it may be told of the order before the newest one.
    let unread = matches!(&rollout.phase, Phase::Progressing(what) if what.as_str() == UNREAD);
    match &prepared.promise {
        Promise::Runs { artifact } => runs(artifact, prepared, rollout),
        Promise::Restarted { artifact, mark } => restarted(artifact, mark, prepared, rollout),
        Promise::Renewed { artifact, after } => renewed(artifact, *after, prepared, rollout),
        Promise::Shut => shut(rollout),
        Promise::Paused => paused(prepared, rollout),
        _ if unread => pending("its controller has not read the newest order yet"),
        Promise::Begun { artifact } => begun(artifact, rollout),
        Promise::WentOn { step } => went_on(*step, prepared, rollout),
        Promise::Aborted => aborted(rollout),
        Promise::Retried => match course(rollout) {
            Some(Course::Aborted | Course::Ordered) => untouched("the rollout is still aborted"),
            Some(_) if matches!(rollout.phase, Phase::Failed(_)) => broken("the rollout failed again"),
            Some(_) => holds("the rollout is no longer aborted"),
            None => broken("the rollout no longer goes in steps"),
        },
        Promise::Resumed => match &rollout.phase {
            Phase::Paused(why) if by_hand(prepared, why) => untouched("the rollout is still paused"),
            Phase::Paused(why) => holds(&format!("the rollout went on, and is held again: {why}")),
            _ => holds("the rollout is no longer paused"),
        },
        other => pending(&format!("no rollout tells whether {other}")),
    }
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

/// A restart of which the target keeps no mark: everything must run since later than anything did, and not because it
/// ended and was started again by the target itself. One that is asked for sets that counter back or leaves it.
fn renewed(artifact: &Artifact, after: Timestamp, prepared: &Prepared, rollout: &Rollout) -> Judgement {
    let mark = rollout.restart.as_ref().map(|restart| restart.mark.as_str());
    let since = mark.and_then(|mark| mark.parse::<Timestamp>().ok());
    let own = basis(prepared, OWN_RESTARTS).and_then(|count| count.parse::<u32>().ok());
    let by_itself = own.is_none_or(|before| rollout.replicas.restarts > before);
    match (since, runs(artifact, prepared, rollout)) {
        (Some(since), Judgement::Holds(_)) if since > after && by_itself => {
            pending("it ended, and the target itself started it anew: no proof of this restart")
        }
        (Some(since), Judgement::Holds(text)) if since > after => holds(&format!("{text}, each of them new")),
        (_, Judgement::Holds(_)) if mark == basis(prepared, LAST_RESTART) => {
            untouched("everything runs since before")
        }
        (_, Judgement::Holds(_)) => pending("not every replica has been started anew"),
        (_, other) => other,
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
pub(super) fn fewer(prepared: &Prepared, rollout: &Rollout) -> Option<String> {
    let least: u32 = basis(prepared, LEAST_REPLICAS)?.parse().ok()?;
    let desired = rollout.replicas.desired;
    (desired < least).then(|| format!("only {desired} replicas are asked for, not {least} as before"))
}

pub(super) fn runs(artifact: &Artifact, prepared: &Prepared, rollout: &Rollout) -> Judgement {
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
