//! Promises where a GitOps controller owns the place: what Git holds, what the controller has applied, and what runs
//! must agree before anything counts as proved.

use super::rollout::{fewer, runs};
use super::{Judgement, broken, holds, later, pending, untouched};
use crate::domain::gitops::{AUTO_SYNC, Condition, OperationState, Reign};
use crate::domain::{
    Application, Environment, Intent, Manifests, Now, Phase, Prepared, Rollout, Service, Sha, Sync, World,
};

/// Where the looks for a promise are found.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) intent: &'a Intent,
    pub(super) prepared: &'a Prepared,
    pub(super) sent: Now,
    pub(super) service: &'a Service,
    pub(super) world: &'a World,
}

impl<'a> Scene<'a> {
    fn environment(self) -> Option<&'a Environment> {
        self.service.environment(&self.intent.place.as_ref()?.environment)
    }

    /// The controller's word, from a look that began later.
    fn application(self) -> Result<&'a Application, Judgement> {
        let environment = self.environment();
        let seen = environment.and_then(|e| self.world.application(self.service, e));
        let fault = environment.and_then(|e| self.world.fault(e.owner.as_ref()?, &self.service.name));
        match (seen.filter(|seen| later(seen.at, self.sent)), fault) {
            (_, Some(fault)) => Err(pending(&format!("the controller cannot be seen: {fault}"))),
            (Some(seen), None) => Ok(seen.value),
            (None, None) => Err(pending("no look at the controller since the request left")),
        }
    }

    fn manifests(self) -> Result<&'a Manifests, Judgement> {
        let seen = self.environment().and_then(|e| self.world.manifests(self.service, e));
        match seen.filter(|seen| later(seen.at, self.sent)) {
            Some(seen) => Ok(seen.value),
            None => Err(pending("no look at the repository since the request left")),
        }
    }

    /// What the deployment target runs, if one is configured.
    fn rollout(self) -> Result<Option<&'a Rollout>, Judgement> {
        let Some(environment) = self.environment() else { return Ok(None) };
        let Some(source) = &environment.deploy else { return Ok(None) };
        if let Some(fault) = self.world.fault(source, &self.service.name) {
            return Err(pending(&format!("{source} cannot be seen: {fault}")));
        }
        match self.world.rollout(self.service, environment).filter(|seen| later(seen.at, self.sent)) {
            Some(seen) => Ok(Some(seen.value)),
            None => Err(pending("no look at what runs since the request left")),
        }
    }
}

fn either(judged: Result<Judgement, Judgement>) -> Judgement {
    judged.unwrap_or_else(|pending| pending)
}

/// A revision that the controller was told to apply: its history must have grown by it.
pub(super) fn synced(
    scene: Scene<'_>,
    revision: &Sha,
    after: Option<u64>,
    operation: Option<jiff::Timestamp>,
) -> Judgement {
    either((|| {
        let app = scene.application()?;
        let anew = app.history.first().filter(|newest| after.is_none_or(|after| newest.id > after));
        match anew {
            Some(newest) if &newest.revision == revision => {
                if app.undoes() && app.sync != Sync::Synced {
                    return Ok(pending(&format!(
                        "{revision} is applied, and auto-sync is on: what Git says is about to be applied over it"
                    )));
                }
                if let Some(other) = in_truth(app, revision) {
                    return Ok(pending(&format!(
                        "the history names {revision}, and what runs is said to be what Git says at {other}"
                    )));
                }
                fares(scene, app, &format!("{revision} is applied"))
            }
            Some(newest) => Ok(broken(&format!("{} was applied instead", newest.revision))),
            None => Ok(not_applied(scene, app, revision, operation)),
        }
    })())
}

/// The other revision that the controller calls in sync with what runs: a history alone proves nothing, it may have
/// grown while nothing was applied. A revision of several sources is made of theirs.
fn in_truth<'a>(app: &'a Application, revision: &Sha) -> Option<&'a Sha> {
    let compared = app.applied.as_ref().filter(|_| app.sync == Sync::Synced)?;
    (!revision.as_str().split('+').any(|part| part == compared.as_str())).then_some(compared)
}

fn not_applied(
    scene: Scene<'_>,
    app: &Application,
    revision: &Sha,
    before: Option<jiff::Timestamp>,
) -> Judgement {
    let anew = app.operation.as_ref().filter(|o| o.began != before && o.revision.as_ref() == Some(revision));
    match anew {
        Some(o) if o.state == OperationState::Failed => broken(&format!("{}: {}", o.word, o.message)),
        Some(o) => pending(&format!("the controller applies {revision}: {}", o.word)),
        // The first half of such a plan is to be seen: the world is not as it was.
        None if switched_off(scene.prepared, app) => {
            pending(&format!("auto-sync is switched off, and the controller has not applied {revision}"))
        }
        None => untouched(&format!("the controller has not applied {revision}")),
    }
}

/// Whether it applied by itself what Git says when the plan was made, and does not now.
fn switched_off(prepared: &Prepared, app: &Application) -> bool {
    let was = prepared.basis.iter().find(|fact| fact.name == AUTO_SYNC);
    was.is_some_and(|was| was.value != "off") && !app.undoes()
}

/// A revert: Git must hold it, the controller must have applied it, and what runs must be at rest.
pub(super) fn reverted(scene: Scene<'_>, branch: &str, onto: &Sha, tree: &Sha) -> Judgement {
    either((|| {
        let manifests = scene.manifests()?;
        if manifests.tree.as_ref() != Some(tree) {
            return Ok(if &manifests.tip == onto {
                untouched(&format!("{branch} is still at {onto}"))
            } else {
                broken(&format!("{branch} went on to {} with other manifests", manifests.tip))
            });
        }
        let pushed = format!("{branch} holds the revert ({})", manifests.tip);
        if scene.environment().is_none_or(|e| e.owner.is_none()) {
            return unowned(scene, &pushed);
        }
        let app = scene.application()?;
        let applied = app.applied.as_ref().filter(|sha| manifests.same.contains(sha));
        match (applied, &app.sync) {
            (Some(_), Sync::Synced) => fares(scene, app, &format!("{pushed} and is applied")),
            (Some(_), _) => Ok(pending(&format!("{pushed}; the controller is not in sync yet"))),
            (None, _) => Ok(pending(&format!("{pushed}; the controller has not applied it yet"))),
        }
    })())
}

/// Where no controller tells whether it is applied, what runs must show it, as far as that can be seen.
fn unowned(scene: Scene<'_>, pushed: &str) -> Result<Judgement, Judgement> {
    let (Some(rollout), Some(to)) = (scene.rollout()?, &scene.prepared.to) else {
        return Ok(holds(&format!("{pushed}; nobody is configured to tell whether it is applied")));
    };
    if !rollout.target.same_as(to) {
        return Ok(pending(&format!("{pushed}; {} is still asked for", rollout.target.label())));
    }
    Ok(match runs(to, scene.prepared, rollout) {
        Judgement::Pending(what) | Judgement::Untouched(what) => pending(&format!("{pushed}; {what}")),
        other => other,
    })
}

/// A branch for review.
pub(super) fn proposed(scene: Scene<'_>, branch: &str, tree: &Sha) -> Judgement {
    either(scene.manifests().map(|manifests| {
        match manifests.prepared.iter().find(|(name, _)| name.as_str() == branch) {
            Some((_, there)) if there == tree => {
                holds(&format!("{branch} holds the revert: merge it, and it is applied"))
            }
            Some(_) => broken(&format!("{branch} holds other manifests")),
            None => untouched(&format!("there is no branch {branch}")),
        }
    }))
}

pub(super) fn held(scene: Scene<'_>) -> Judgement {
    either(scene.application().map(|app| match &app.reign {
        Reign::Unknown(why) => pending(&format!("what the controller does is not known: {why}")),
        _ if app.leaves() => holds("the controller leaves changes by hand alone"),
        _ => untouched("the controller still applies by itself what Git says"),
    }))
}

pub(super) fn released(scene: Scene<'_>) -> Judgement {
    either(scene.application().map(|app| match &app.reign {
        Reign::Unknown(why) => pending(&format!("what the controller does is not known: {why}")),
        _ if app.undoes() => holds("the controller applies by itself what Git says"),
        _ => untouched("the controller is still held"),
    }))
}

/// Applied is not well: the controller must call it healthy, and the target must have come to rest on it.
fn fares(scene: Scene<'_>, app: &Application, applied: &str) -> Result<Judgement, Judgement> {
    match &app.condition {
        Condition::Healthy => {}
        Condition::Progressing(what) => return Ok(pending(&format!("{applied}, and progresses: {what}"))),
        // Health is worked out after the sync: what was degraded stays so for a moment.
        Condition::Degraded(why) => return Ok(pending(&format!("{applied}, and is degraded: {why}"))),
        Condition::Unknown(why) => return Ok(pending(&format!("{applied}; its health is not known: {why}"))),
    }
    let Some(rollout) = scene.rollout()? else {
        return Ok(holds(&format!("{applied} and healthy by the controller's word")));
    };
    Ok(match &rollout.phase {
        Phase::Failed(why) => broken(&format!("{applied}, and the rollout failed: {why}")),
        Phase::ScaledToZero => broken(&format!("{applied}, and nothing is asked to run")),
        Phase::Progressing(what) | Phase::RollingBack(what) | Phase::Paused(what) => {
            pending(&format!("{applied}; the rollout is under way: {what}"))
        }
        Phase::Done | Phase::RolledBack => match fewer(scene.prepared, rollout) {
            Some(what) => pending(&what),
            None => at_rest(rollout, applied),
        },
    })
}

/// Every replica that is ready runs what is asked for.
fn at_rest(rollout: &Rollout, applied: &str) -> Judgement {
    let other = rollout.running.iter().find(|r| r.ready > 0 && !r.artifact.same_as(&rollout.target));
    let ready: u32 =
        rollout.running.iter().filter(|r| r.artifact.same_as(&rollout.target)).map(|r| r.ready).sum();
    match other {
        Some(other) => {
            pending(&format!("{applied}; {} still runs {} times", other.artifact.label(), other.ready))
        }
        None if ready < rollout.replicas.desired => {
            pending(&format!("{applied}; {ready} of {} replicas run it", rollout.replicas.desired))
        }
        None => holds(&format!(
            "{applied}, healthy, and {ready} of {} replicas run {}",
            rollout.replicas.desired,
            rollout.target.label()
        )),
    }
}
