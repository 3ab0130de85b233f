//! Ways back and holds where a GitOps controller owns the place: which are offered, and what stands in the way of a
//! change that goes round it.
//!
//! Knows the controller's word and what Git holds, as the domain tells them; knows no controller.

use crate::domain::gitops::Reign;
use crate::domain::intent::RevertTo;
use crate::domain::time::{ago, spoken};
use crate::domain::{
    Application, Environment, Hazard, Intent, Place, Refusal, SafeText, Severity, SourceName, Sync, Target,
    Verb,
};

use super::offer::{Around, Offer};
use super::plan::Surroundings;

/// How many commits and how many earlier revisions are offered.
const MOST: usize = 6;

/// The ways back that lead through Git or the controller, best first: the revert is what stays.
pub(super) fn ways_back(around: Around<'_>, environment: &Environment, place: &Place) -> Vec<Offer> {
    let mut offers = reverts(around, environment, place, RevertTo::Branch);
    offers.extend(deployed(around, environment, place));
    offers.extend(reverts(around, environment, place, RevertTo::Proposal).into_iter().take(1));
    offers
}

/// Whether the ways back through Git or the controller come before the direct one: only while what they rest on can be
/// seen, and only where the direct one would be undone, or where Git has yet to say what runs: a controller that is held
/// while something else runs would put it back once it is released.
pub(super) fn comes_first(around: Around<'_>, environment: &Environment) -> bool {
    let sources = [&environment.owner, &environment.manifests];
    let seen = |source: &SourceName| {
        around.world.fault(source, &around.service.name).is_none()
            && around.world.age(source, &around.service.name, around.now).is_some()
    };
    let app = around.world.application(around.service, environment).map(|app| app.value);
    let first = app.is_none_or(|app| !app.leaves() || matches!(app.sync, Sync::OutOfSync(_)));
    first && sources.into_iter().flatten().all(seen)
}

fn reverts(around: Around<'_>, environment: &Environment, place: &Place, to: RevertTo) -> Vec<Offer> {
    let Some(source) = &environment.manifests else { return Vec::new() };
    let Some(manifests) = around.world.manifests(around.service, environment) else { return Vec::new() };
    let manifests = manifests.value;
    let offer = |(at, change): (usize, &crate::domain::gitops::ManifestChange)| {
        let what = match (to, at) {
            (RevertTo::Branch, 0) => format!("revert in Git on {}", manifests.branch),
            (RevertTo::Branch, n) => format!("revert {} commits in Git on {}", n + 1, manifests.branch),
            (RevertTo::Proposal, _) => "prepare the revert as a branch for review".to_owned(),
        };
        let age = spoken(ago(around.now.wall, change.at));
        let label = format!("{what} · {} {} · {age} ago", change.commit, change.subject);
        let target = Target::Revert { commit: change.commit.clone(), to };
        Offer {
            label: SafeText::new(&label),
            intent: around.intent(Verb::RollBack, Some(place.clone()), target, source),
        }
    };
    manifests.changes.iter().take(MOST).enumerate().map(offer).collect()
}

fn deployed(around: Around<'_>, environment: &Environment, place: &Place) -> Vec<Offer> {
    let Some(source) = &environment.owner else { return Vec::new() };
    let Some(app) = around.world.application(around.service, environment) else { return Vec::new() };
    let offer = |old: &crate::domain::gitops::Deployed| {
        let age = old.at.map(|at| format!(" · applied {} ago", spoken(ago(around.now.wall, at))));
        let label =
            format!("{} history {} · {}{}", app.value.tool, old.id, old.revision, age.unwrap_or_default());
        let target = Target::Deployed { id: old.id, revision: old.revision.clone() };
        Offer {
            label: SafeText::new(&label),
            intent: around.intent(Verb::RollBack, Some(place.clone()), target, source),
        }
    };
    app.value.past().take(MOST).map(offer).collect()
}

/// Holding the controller, or letting it go.
pub(super) fn hold_offer(verb: Verb, around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let (environment, place) = around.place()?;
    let Some(source) = &environment.owner else {
        return Err(Refusal::new(format!("no GitOps controller is configured for {place}"))
            .next("add `owner = { source = .. }` to the environment"));
    };
    let Some(app) = around.world.application(around.service, environment) else {
        let why = around
            .world
            .fault(source, &around.service.name)
            .map_or_else(|| format!("{source} has not answered yet"), |fault| format!("{source}: {fault}"));
        return Err(Refusal::new(format!("nothing is known of the controller of {place}")).evidence(why));
    };
    let app = app.value;
    if let Reign::Unknown(why) = &app.reign {
        return Err(Refusal::new(format!("what {} does is not known", named(app))).evidence(why));
    }
    match (verb, app.undoes()) {
        (Verb::Hold, false) => {
            return Err(Refusal::new(format!("{} leaves changes by hand alone already", named(app))));
        }
        (Verb::Release, true) => return Err(Refusal::new(format!("{} is not held", named(app)))),
        _ => {}
    }
    let label = SafeText::new(&format!("{} · {}", named(app), app.words()));
    Ok(vec![Offer { label, intent: around.intent(verb, Some(place), Target::Application, source) }])
}

fn named(app: &Application) -> String {
    format!("{} {}", app.tool, app.name)
}

/// What the owner of a place would do to a change that goes round it. A controller that heals is no mere hazard: the
/// change would be gone within seconds.
pub(super) fn hazard(intent: &Intent, around: Surroundings<'_>) -> Option<Hazard> {
    if let Target::Revert { to: RevertTo::Branch, .. } = &intent.target {
        return unapplied(intent, around);
    }
    let round = matches!(intent.verb, Verb::Promote | Verb::RollBack)
        && matches!(intent.target, Target::Artifact(_) | Target::Revision { .. });
    let environment = around.service.environment(&intent.place.as_ref()?.environment).filter(|_| round)?;
    let unseen = environment.owner.as_ref().and_then(|source| around.world.fault(source, &intent.service));
    let app = around.world.application(around.service, environment).map(|seen| seen.value);
    match (app, unseen) {
        (Some(app), Some(fault)) if app.undoes() => Some(Hazard::new(
            Severity::Warning,
            format!(
                "{} cannot be seen ({fault}); when it is back it puts this back to what Git says: prepare the revert in \
                 Git, or hold it as soon as it answers",
                named(app)
            ),
        )),
        (Some(app), _) => owned(app),
        (None, _) => None,
    }
}

/// What keeps a revert in Git from being applied soon.
fn unapplied(intent: &Intent, around: Surroundings<'_>) -> Option<Hazard> {
    let environment = around.service.environment(&intent.place.as_ref()?.environment)?;
    let source = environment.owner.as_ref()?;
    if let Some(fault) = around.world.fault(source, &intent.service) {
        let text = format!("the controller cannot be seen ({fault}): whether this is applied would not show");
        return Some(Hazard::new(Severity::Warning, text));
    }
    let app = around.world.application(around.service, environment)?.value;
    let why = match &app.reign {
        Reign::Held(_) => "is held: this is only applied once it is released",
        Reign::ByHand => "syncs only by hand: this is only applied once somebody syncs it",
        Reign::Unknown(_) => "does not tell whether it applies this by itself",
        Reign::Heals(_) | Reign::Follows => return None,
    };
    Some(Hazard::new(Severity::Warning, format!("{} {why}", named(app))))
}

/// Whether a hazard is what the marks of a workload say of its owner, while the owner itself tells more exactly what it
/// would do now.
pub(super) fn told_by_owner(hazard: &Hazard, intent: &Intent, around: Surroundings<'_>) -> bool {
    let environment = intent.place.as_ref().and_then(|place| around.service.environment(&place.environment));
    let marks = environment.and_then(|environment| {
        let app = around.world.application(around.service, environment)?.value;
        let owner = around.world.rollout(around.service, environment)?.value.owner.as_ref()?;
        // Marks that name another owner than the one that is configured speak of somebody else.
        (owner.tool == app.tool && owner.name == app.name).then_some(owner)
    });
    // The target may have added how to configure the owner, which is done.
    marks.is_some_and(|owner| hazard.text.as_str().starts_with(&owner.hazard()))
}

fn owned(app: &Application) -> Option<Hazard> {
    let (severity, text) = match &app.reign {
        Reign::Heals(after) => (
            Severity::Blocking,
            format!(
                "{} heals itself: it would put this back within {}; go back through {}, or hold it first",
                named(app),
                spoken(*after),
                if app.past().next().is_some() { "Git or its history" } else { "Git" }
            ),
        ),
        Reign::Follows => (
            Severity::Warning,
            format!(
                "{} overwrites this with the next change in Git; hold it first, and change Git too",
                named(app)
            ),
        ),
        Reign::Held(_) => (
            Severity::Note,
            format!("{} is held; once it is released it puts this back to what Git says", named(app)),
        ),
        Reign::Unknown(why) => (
            Severity::Warning,
            format!("{} owns this, and nobody knows whether it would put it back: {why}", named(app)),
        ),
        Reign::ByHand => (
            Severity::Note,
            format!("{} shows this as out of sync; its next sync puts it back to what Git says", named(app)),
        ),
    };
    Some(Hazard::new(severity, text))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::gitops_fixture::{CD, GIT, application, manifests, place, service};
    use super::*;
    use crate::domain::gitops::Condition;
    use crate::domain::service::Access;
    use crate::domain::{Cause, Fault, Now, Observation, Report, World};

    fn controller(reign: Reign, sync: Sync) -> Observation {
        let app = Application { reign, ..application("aaa", sync, Condition::Healthy) };
        Observation { applications: [(place(), app)].into(), ..Observation::default() }
    }

    fn repository() -> Observation {
        Observation { manifests: [(place(), manifests("aaa", "good"))].into(), ..Observation::default() }
    }

    #[test]
    fn git_comes_first_where_the_direct_way_would_not_last() {
        let heals = || Reign::Heals(Duration::from_secs(5));
        let held = || Reign::Held("auto-sync is off".into());
        let gone = || Err(Fault::new(Cause::Unreachable, "gone"));
        let out = || Sync::OutOfSync("Deployment web".into());
        for (what, cd, git, first) in [
            ("it heals", Ok(controller(heals(), Sync::Synced)), Ok(repository()), true),
            ("it follows", Ok(controller(Reign::Follows, Sync::Synced)), Ok(repository()), true),
            (
                "it is held, and Git says what runs",
                Ok(controller(held(), Sync::Synced)),
                Ok(repository()),
                false,
            ),
            ("it is held, and something else runs", Ok(controller(held(), out())), Ok(repository()), true),
            (
                "it is held, and does not know",
                Ok(controller(held(), Sync::Unknown("".into()))),
                Ok(repository()),
                false,
            ),
            ("by hand, as Git says", Ok(controller(Reign::ByHand, Sync::Synced)), Ok(repository()), false),
            ("Git cannot be seen", Ok(controller(heals(), Sync::Synced)), gone(), false),
            (
                "held, something else runs, and Git cannot be seen",
                Ok(controller(held(), out())),
                gone(),
                false,
            ),
            ("the controller cannot be seen", gone(), Ok(repository()), false),
        ] {
            let service = service(true);
            let mut world = World::of([CD, GIT].map(SourceName::new).iter());
            let at = Now::START.plus(Duration::from_secs(1));
            for (source, result) in [CD, GIT].into_iter().zip([cd, git]) {
                world.absorb(&Report {
                    source: SourceName::new(source),
                    epoch: 1,
                    began: at,
                    at,
                    next: Duration::from_secs(5),
                    result: result.map(Arc::new),
                });
            }
            let around = Around {
                service: &service,
                environment: service.environments.first(),
                assessment: None,
                gate: None,
                world: &world,
                access: Access::ReadWrite,
                now: at,
            };
            assert_eq!(comes_first(around, &service.environments[0]), first, "{what}");
        }
    }
}
