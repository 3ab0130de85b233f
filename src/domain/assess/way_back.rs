//! Whether the way back is open, before anybody needs it: is there something to go back to, is its image still there,
//! what lies in between, who would undo it, how long would it take. What nobody knows is said, and never ticked.

use std::time::Duration;

use super::super::code::FileKind;
use super::super::fault::Fault;
use super::super::gitops::Application;
use super::super::rollout::{Artifact, Owner, Revision, Rollout, Stock};
use super::super::time::{Now, ago};
use super::super::world::{Seen, World};
use super::super::{ChangeSet, Environment, Service};
use super::span;

/// What one question about the way back was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It stands in nobody's way; the evidence.
    Holds(String),
    /// It stands in the way; why.
    Fails(String),
    /// Nobody knows; why not.
    Untold(String),
}

/// How ready the way back is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness<'a> {
    /// Every question was answered, and nothing stands in the way.
    Ready,
    /// Something stands in the way: the first that does.
    Blocked(&'a str),
    /// Nothing is known to stand in the way, but something is not known: the first that is not.
    Unproved(&'a str),
}

/// The way back from what a place runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// Where it would lead, if anywhere.
    pub target: Option<Revision>,
    /// The questions in order: target, image, what lies in between, owner.
    pub answers: Vec<Answer>,
    /// How long it would take, as far as the last rollout tells.
    pub takes: Option<Duration>,
}

impl WayBack {
    /// What all answers come to: what stands in the way wins over what is not known.
    #[must_use]
    pub fn readiness(&self) -> Readiness<'_> {
        let fails = self.answers.iter().find_map(|answer| match answer {
            Answer::Fails(why) => Some(Readiness::Blocked(why)),
            _ => None,
        });
        let untold = || {
            self.answers.iter().find_map(|answer| match answer {
                Answer::Untold(why) => Some(Readiness::Unproved(why)),
                _ => None,
            })
        };
        fails.or_else(untold).unwrap_or(Readiness::Ready)
    }
}

/// What the rule looks at, found in the world by [`of_place`].
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The rollout, as its target tells it.
    pub rollout: &'a Rollout,
    /// Why the rollout's word cannot be used any more, if it cannot.
    pub stale: Option<&'a str>,
    /// What is known of the image that one would go back to.
    pub stock: Option<&'a Stock>,
    /// What the GitOps controller says, if one is configured.
    pub application: Option<&'a Application>,
    /// What lies between what one would go back to and what runs.
    pub between: Between<'a>,
    /// The moment.
    pub now: Now,
}

/// What lies between what one would go back to and what runs.
#[derive(Clone, Copy, Debug)]
pub enum Between<'a> {
    /// The repository's answer.
    Told(&'a Result<ChangeSet, Fault>),
    /// It was asked and has not answered yet.
    Asked,
    /// One of the two versions names no revision that the repository could know.
    Unnamed,
    /// No repository is configured.
    Unwatched,
}

/// The way back in a place; none while its target has told nothing.
#[must_use]
pub fn of_place(service: &Service, environment: &Environment, world: &World, now: Now) -> Option<WayBack> {
    let rollout = world.rollout(service, environment)?.value;
    let source = environment.deploy.as_ref()?;
    let old = world.age(source, &service.name, now).is_none_or(|age| age > environment.policy.max_age);
    let failing = world.fault(source, &service.name).is_some();
    let stale = (old || failing).then(|| format!("what {source} told is stale"));
    let repository = world.repository(service);
    let spanned = rollout.previous().and_then(|r| span(&r.artifact, &rollout.target));
    let between = match (&repository, &spanned) {
        _ if service.code.is_none() => Between::Unwatched,
        (_, None) => Between::Unnamed,
        (Some(Seen { value, .. }), Some(span)) => {
            value.changes.get(span).map_or(Between::Asked, Between::Told)
        }
        (None, Some(_)) => Between::Asked,
    };
    let stock = world.stock(service, environment).map(|seen| seen.value);
    let application = world.application(service, environment).map(|seen| seen.value);
    Some(judge(Evidence { rollout, stale: stale.as_deref(), stock, application, between, now }))
}

/// The rule.
#[must_use]
pub fn judge(evidence: Evidence<'_>) -> WayBack {
    let rollout = evidence.rollout;
    let Some(previous) = rollout.previous() else {
        let why = "no other revision is remembered".to_owned();
        return WayBack { target: None, answers: vec![Answer::Fails(why)], takes: None };
    };
    let mut answers = Vec::new();
    answers.extend(evidence.stale.map(|why| Answer::Untold(why.to_owned())));
    answers.push(Answer::Holds(format!("{} is remembered", previous.artifact.label())));
    answers.push(image(&previous.artifact, rollout, evidence.stock));
    answers.push(between(evidence.between));
    answers.push(owner(rollout.owner.as_ref(), evidence.application));
    WayBack { target: Some(previous.clone()), answers, takes: takes(rollout, evidence.now) }
}

/// Pods that run it are proof; failing those, the registry's word.
fn image(previous: &Artifact, rollout: &Rollout, stock: Option<&Stock>) -> Answer {
    let running: u32 = rollout.running.iter().filter(|r| r.artifact.same_as(previous)).map(|r| r.ready).sum();
    match stock {
        Some(Stock::Gone) => Answer::Fails(format!("the registry no longer has {}", previous.label())),
        Some(Stock::Moved(_)) => {
            Answer::Untold(format!("the tag {} names another image by now", previous.label()))
        }
        Some(Stock::There) => Answer::Holds("its image is in the registry".to_owned()),
        _ if running > 0 => Answer::Holds(format!("its image runs on {running}")),
        Some(Stock::Named) => {
            Answer::Untold("its digest is not known, and the tag may have moved".to_owned())
        }
        Some(Stock::Untold(why)) => Answer::Untold(format!("the registry does not tell of its image: {why}")),
        None => Answer::Untold("nobody has asked the registry for its image yet".to_owned()),
    }
}

fn between(told: Between<'_>) -> Answer {
    let changes = match told {
        Between::Told(Ok(changes)) => changes,
        Between::Told(Err(fault)) => {
            return Answer::Untold(format!("what lies in between is not known: {}", fault.detail));
        }
        Between::Asked => return Answer::Untold("what lies in between is not known yet".to_owned()),
        Between::Unnamed => {
            return Answer::Untold("what lies in between is not known: no tag or commit names it".to_owned());
        }
        Between::Unwatched => {
            return Answer::Untold("what lies in between is not known: no repository".to_owned());
        }
    };
    match changes.of_kind(FileKind::Migration).count() {
        0 if changes.files_total > changes.files.len() => {
            Answer::Untold("not all files in between were looked at for migrations".to_owned())
        }
        0 => Answer::Holds("no migration in between".to_owned()),
        1 => Answer::Fails("a migration lies in between".to_owned()),
        n => Answer::Fails(format!("{n} migrations lie in between")),
    }
}

/// A controller that is known leads the way back itself, or leaves it alone; one that is only marked would undo it.
fn owner(owner: Option<&Owner>, application: Option<&Application>) -> Answer {
    match (application, owner) {
        (Some(app), _) if app.undoes() => Answer::Holds(format!("through Git or {}", app.tool)),
        (Some(app), _) if app.leaves() => Answer::Holds(format!("{} leaves it alone now", app.tool)),
        (Some(app), _) => Answer::Untold(format!("whether {} would undo it is not known", app.tool)),
        (None, None) => Answer::Holds("nobody else would undo it".to_owned()),
        (None, Some(owner)) => Answer::Fails(format!("{} would undo it", owner.tool)),
    }
}

/// As long as the last rollout took. One under way has replaced in its time what a roll back would replace again.
fn takes(rollout: &Rollout, now: Now) -> Option<Duration> {
    let so_far = || rollout.began.map(|began| ago(now.wall, began));
    if rollout.at_rest() { rollout.took } else { so_far() }
}

#[cfg(test)]
mod tests;
