//! Reverts in Git: what proves them, and what does not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Judgement, judge};
use crate::action::gitops_fixture::{CD, GIT, application, manifests, place, service};
use crate::domain::gitops::{Condition, Deployed, Reign};
use crate::domain::{
    Application, Fault, Guard, Intent, Manifests, Now, Observation, Prepared, Promise, Report, RevertTo,
    ServiceName, Sha, SourceName, Sync, Target, Verb, World,
};

fn intent(to: RevertTo) -> Intent {
    Intent {
        verb: Verb::RollBack,
        service: ServiceName::new("web"),
        place: Some(place()),
        target: Target::Revert { commit: Sha::new("bad"), to },
        source: SourceName::new(GIT),
        reason: None,
        answers: BTreeMap::new(),
    }
}

/// What is judged of one look at Git and one at the controller, each so many milliseconds after the request left.
fn judged(
    promise: Promise,
    git: (Manifests, u64),
    cd: Option<(Result<Application, Fault>, u64)>,
) -> Judgement {
    let sent = Now::START.plus(Duration::from_millis(50));
    let service = service(cd.is_some());
    let mut world = World::of([&SourceName::new(GIT), &SourceName::new(CD)]);
    let mut report = |source: &str, after: u64, result: Result<Observation, Fault>| {
        let began = sent.plus(Duration::from_millis(after));
        world.absorb(&Report {
            source: SourceName::new(source),
            epoch: 1,
            began,
            at: began,
            next: Duration::from_secs(5),
            result: result.map(Arc::new),
        });
    };
    let of_git = Observation { manifests: BTreeMap::from([(place(), git.0)]), ..Observation::default() };
    report(GIT, git.1, Ok(of_git));
    if let Some((app, after)) = cd {
        let seen =
            |app| Observation { applications: BTreeMap::from([(place(), app)]), ..Observation::default() };
        report(CD, after, app.map(seen));
    }
    let to = if matches!(promise, Promise::Proposed { .. }) { RevertTo::Proposal } else { RevertTo::Branch };
    let prepared = Prepared::of(Guard::Server("x".into()), promise, Duration::from_secs(60));
    judge(&intent(to), &prepared, sent, &service, &world)
}

const fn word(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Pending(_) => "pending",
        Judgement::Untouched(_) => "untouched",
        Judgement::Holds(_) => "holds",
        Judgement::Broken(_) => "broken",
    }
}

fn reverted() -> Promise {
    Promise::Reverted { branch: "main".into(), onto: Sha::new("aaa"), tree: Sha::new("good") }
}

#[test]
fn a_revert_is_proved_by_git_and_by_the_controller_together() {
    let healthy = |applied: &str| application(applied, Sync::Synced, Condition::Healthy);
    let behind = application("new", Sync::OutOfSync("".into()), Condition::Healthy);
    let ill = application("new", Sync::Synced, Condition::Degraded("probe".into()));
    let dead = Fault::new(crate::domain::Cause::Unreachable, "gone");
    for (what, git, cd, wanted) in [
        ("all of it", (manifests("new", "good"), 1), Some((Ok(healthy("new")), 1)), "holds"),
        ("nobody tells", (manifests("new", "good"), 1), None, "holds"),
        ("the branch is as before", (manifests("aaa", "bad"), 1), Some((Ok(healthy("new")), 1)), "untouched"),
        ("somebody else pushed", (manifests("bbb", "bad"), 1), Some((Ok(healthy("bbb")), 1)), "broken"),
        ("not applied", (manifests("new", "good"), 1), Some((Ok(healthy("aaa")), 1)), "pending"),
        ("out of sync", (manifests("new", "good"), 1), Some((Ok(behind), 1)), "pending"),
        ("not well", (manifests("new", "good"), 1), Some((Ok(ill), 1)), "pending"),
        ("the controller is gone", (manifests("new", "good"), 1), Some((Err(dead), 1)), "pending"),
        ("an old look at Git", (manifests("new", "good"), 0), Some((Ok(healthy("new")), 1)), "pending"),
        (
            "an old look at the controller",
            (manifests("new", "good"), 1),
            Some((Ok(healthy("new")), 0)),
            "pending",
        ),
    ] {
        let judgement = judged(reverted(), git, cd);
        assert_eq!(word(&judgement), wanted, "{what}: {judgement:?}");
    }
}

#[test]
fn a_history_that_grew_proves_nothing_while_something_else_is_in_sync() {
    let held = || Reign::Held("auto-sync is off".into());
    let out = || Sync::OutOfSync("".into());
    let grown = |revision: &str, applied: &str, sync: Sync, reign: Reign| {
        let entry = |id, revision| Deployed { id, revision: Sha::new(revision), at: None, by: None };
        let history = vec![entry(8, revision), entry(7, "new")];
        Application { history, reign, ..application(applied, sync, Condition::Healthy) }
    };
    for (what, app, revision, wanted) in [
        ("applied, and Git says another", grown("old", "old", out(), held()), "old", "holds"),
        ("applied, and Git says the same", grown("old", "old", Sync::Synced, held()), "old", "holds"),
        ("one of several sources", grown("x+old", "old", Sync::Synced, held()), "x+old", "holds"),
        ("only the history grew", grown("old", "new", Sync::Synced, held()), "old", "pending"),
        ("auto-sync is about to undo it", grown("old", "old", out(), Reign::Follows), "old", "pending"),
        ("another was applied", grown("older", "older", out(), held()), "old", "broken"),
    ] {
        let promise = Promise::Synced { revision: Sha::new(revision), after: Some(7), operation: None };
        let judgement = judged(promise, (manifests("new", "bad"), 1), Some((Ok(app), 1)));
        assert_eq!(word(&judgement), wanted, "{what}: {judgement:?}");
    }
}

#[test]
fn a_branch_for_review_is_proved_by_what_it_holds() {
    let promise =
        |branch: &str, tree: &str| Promise::Proposed { branch: branch.into(), tree: Sha::new(tree) };
    for (branch, tree, wanted) in [
        ("gonogo/revert-x", "good", "holds"),
        ("gonogo/revert-x", "other", "broken"),
        ("gonogo/revert-y", "good", "untouched"),
    ] {
        let judgement = judged(promise(branch, tree), (manifests("aaa", "good"), 1), None);
        assert_eq!(word(&judgement), wanted, "{judgement:?}");
    }
    assert_eq!(manifests("a", "b").age(Timestamp::UNIX_EPOCH), None);
}
