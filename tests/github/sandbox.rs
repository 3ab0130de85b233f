//! The GitHub provider on a release day: the embedded world truly changes when acted upon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gonogo::domain::people::{Act, Part, Ruling, judge};
use gonogo::domain::pipeline::{MayDecide, WaitsFor};
use gonogo::domain::{
    Artifact, Bound, Cause, Decision, Gate, Intent, Permission, Place, Prepared, Promise, Reached, Role,
    RunKey, RunState, ServiceName, Settings, SourceName, Target, Value as Setting, Verb,
};
use gonogo::provider::{Provider, SecretPlace, github};
use gonogo::sandbox::github::{
    DEVELOPER_TOKEN, OPERATOR_TOKEN, OUTSIDER_TOKEN, READER_TOKEN, REVIEWER_TOKEN,
};
use gonogo::sandbox::{Clock, Options, Sandbox, Scenario};

use crate::world::{bound, intent as any_intent, live, look, prepare, seen, spec};

fn day() -> Sandbox {
    let options = Options { clock: Clock::Manual, ..Options::default() };
    Sandbox::start(Scenario::named("release-day").unwrap(), options).unwrap()
}

fn bounds() -> Vec<Bound> {
    let mut bounds = Vec::new();
    for service in ["checkout", "ledger", "search"] {
        let settings = Settings::default()
            .with_text("project", &format!("acme/{service}"))
            .with_text("workflow", "release.yml");
        bounds.push(bound(Role::Pipeline, service, None, settings));
        bounds.extend([live(service, "staging"), live(service, "production")]);
    }
    let inputs = BTreeMap::from([("version".to_owned(), "$version".to_owned())]);
    let settings =
        Settings::default().with_text("workflow", "deploy.yml").with("inputs", Setting::Table(inputs));
    bounds.push(bound(Role::Dispatch, "checkout", Some("production"), settings));
    bounds
}

pub(crate) fn as_user(sandbox: &Sandbox, token: &str) -> Arc<dyn Provider> {
    let mut spec = spec(&sandbox.urls().github, bounds());
    spec.secrets = BTreeMap::from([("token".to_owned(), SecretPlace::Env("OTHER".to_owned()))]);
    spec.env = Arc::new(BTreeMap::from([("OTHER".to_owned(), token.to_owned())]));
    (github::KIND.build)(spec).unwrap()
}

fn intent(verb: Verb, target: Target) -> Intent {
    let (service, place) = (ServiceName::new("checkout"), Some(Place::new("checkout", "production")));
    Intent { service, place, ..any_intent(verb, target) }
}

async fn gate_of(provider: &Arc<dyn Provider>) -> Gate {
    let seen = seen(provider).await;
    seen.gates.into_iter().find(|g| g.key.run.service.as_str() == "checkout").unwrap()
}

async fn decide(provider: &Arc<dyn Provider>, verb: Verb) -> (Gate, Prepared) {
    let gate = gate_of(provider).await;
    let prepared = prepare(provider, &intent(verb, Target::Gate(gate.key.clone()))).await.unwrap();
    (gate, prepared)
}

#[tokio::test]
async fn an_approval_releases_the_run_and_is_proved_by_later_looks() {
    let sandbox = day();
    let operator = as_user(&sandbox, OPERATOR_TOKEN);
    let before = seen(&operator).await;
    assert!(
        before.faults.is_empty() && before.remarks.is_empty(),
        "{:?} {:?}",
        before.faults,
        before.remarks
    );
    assert_eq!(before.identity.as_ref().unwrap(), "mara");
    let production = Place::new("checkout", "production");
    assert_eq!(before.live[&production].artifact.version.as_ref().unwrap(), "v2.14.2");
    let (gate, prepared) = decide(&operator, Verb::Approve).await;
    assert_eq!((gate.place(), gate.waits_for), (Some(production.clone()), WaitsFor::Human));
    assert_eq!(gate.may_decide, MayDecide::Yes);
    assert_eq!((prepared.permission, prepared.steps.len()), (Permission::Granted, 1));
    let receipt = operator.perform(&prepared.steps[0]).await.unwrap();
    assert_eq!(receipt.status, 200);
    let after = seen(&operator).await;
    assert!(!after.gates.iter().any(|g| g.key == gate.key), "the gate no longer waits");
    let run = after.pipelines[&gate.key.run.service].runs.iter().find(|r| r.key == gate.key.run).unwrap();
    assert!(
        run.reviews.iter().any(|r| r.decision == Decision::Approved && r.by == "mara"),
        "{:?}",
        run.reviews
    );
    for _ in 0..40 {
        sandbox.world().advance(Duration::from_secs(10));
    }
    let shipped = seen(&operator).await;
    let run = shipped.pipelines[&gate.key.run.service].runs.iter().find(|r| r.key == gate.key.run).unwrap();
    assert_eq!(run.state, RunState::Passed);
    assert_eq!(shipped.live[&production].artifact.version.as_ref().unwrap(), "v2.15.0");
}

#[tokio::test]
async fn the_release_day_tells_who_is_behind_a_run() {
    let sandbox = day();
    let (_, prepared) = decide(&as_user(&sandbox, OPERATOR_TOKEN), Verb::Approve).await;
    let people = prepared.people.unwrap();
    let told: Vec<(Part, &str)> = people.parties.iter().map(|(part, who)| (*part, who.label())).collect();
    assert_eq!(told, [(Part::Started, "rhea"), (Part::Wrote, "mara")]);
    assert_eq!(people.prevents_self_review, Some(true));
    let Ruling::Refused { why, next } = judge(Act::Decide, Some(&people)) else { panic!("mara wrote it") };
    assert_eq!(why, "mara wrote the commit that would ship: somebody else must agree");
    assert_eq!(next, "ask omar");
    let (_, prepared) = decide(&as_user(&sandbox, REVIEWER_TOKEN), Verb::Approve).await;
    assert_eq!(judge(Act::Decide, prepared.people.as_deref()), Ruling::Fine);
}

#[tokio::test]
async fn of_two_operators_the_second_is_told_who_was_first() {
    let sandbox = day();
    let operator = as_user(&sandbox, OPERATOR_TOKEN);
    let (gate, prepared) = decide(&operator, Verb::Reject).await;
    assert!(sandbox.world().approve_as("omar", "checkout", "production"));
    let fault = operator.perform(&prepared.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No), "{fault:?}");
    let fault = prepare(&operator, &intent(Verb::Reject, Target::Gate(gate.key))).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved);
    assert!(fault.detail.as_str().contains("omar approved it"), "{fault}");
}

#[tokio::test]
async fn a_rejection_fails_the_run_and_a_rerun_asks_anew() {
    let sandbox = day();
    let operator = as_user(&sandbox, OPERATOR_TOKEN);
    let (gate, prepared) = decide(&operator, Verb::Reject).await;
    operator.perform(&prepared.steps[0]).await.unwrap();
    sandbox.world().advance(Duration::from_secs(5));
    let rejected = seen(&operator).await;
    let run = rejected.pipelines[&gate.key.run.service].runs.iter().find(|r| r.key == gate.key.run).unwrap();
    assert!(matches!(run.state, RunState::Failed(_)), "{:?}", run.state);
    assert_eq!(run.reviews[0].decision, Decision::Rejected);
    let again = intent(Verb::Rerun, Target::Run(gate.key.run.clone()));
    let prepared = prepare(&operator, &again).await.unwrap();
    assert_eq!(prepared.promise, Promise::Attempt { run: gate.key.run.clone(), attempt: 2 });
    assert_eq!(operator.perform(&prepared.steps[0]).await.unwrap().status, 201);
    sandbox.world().advance(Duration::from_secs(60));
    let anew = gate_of(&operator).await;
    assert_eq!((anew.key.attempt, anew.key.run == gate.key.run), (2, true));
    let stale = prepare(&operator, &intent(Verb::Approve, Target::Gate(gate.key))).await.unwrap_err();
    assert_eq!(stale.cause, Cause::Moved, "the gate of the first attempt is another one");
}

#[tokio::test]
async fn a_cancelled_run_ends() {
    let sandbox = day();
    let operator = as_user(&sandbox, OPERATOR_TOKEN);
    let gate = gate_of(&operator).await;
    let cancel = intent(Verb::Cancel, Target::Run(gate.key.run.clone()));
    let prepared = prepare(&operator, &cancel).await.unwrap();
    assert_eq!(operator.perform(&prepared.steps[0]).await.unwrap().status, 202);
    sandbox.world().advance(Duration::from_secs(5));
    let after = seen(&operator).await;
    let run = after.pipelines[&gate.key.run.service].runs.iter().find(|r| r.key == gate.key.run).unwrap();
    assert_eq!(run.state, RunState::Cancelled);
    let late = operator.perform(&prepared.steps[0]).await.unwrap_err();
    assert_eq!((late.cause, late.reached), (Cause::Moved, Reached::No), "{late:?}");
}

#[tokio::test]
async fn a_dispatch_makes_a_run_appear() {
    let sandbox = day();
    let operator = as_user(&sandbox, OPERATOR_TOKEN);
    let version = Artifact { version: Some("v2.14.1".into()), ..Artifact::default() };
    let prepared = prepare(&operator, &intent(Verb::Promote, Target::Dispatch(version))).await.unwrap();
    let Promise::RunAppeared { before, workflow } = &prepared.promise else {
        panic!("{:?}", prepared.promise)
    };
    let receipt = operator.perform(&prepared.steps[0]).await.unwrap();
    assert!(receipt.says.as_str().starts_with("run ") && receipt.status == 200, "{receipt:?}");
    let after = seen(&operator).await;
    let new: Vec<_> = after.pipelines[&ServiceName::new("checkout")]
        .runs
        .iter()
        .filter(|r| &r.workflow == workflow && !before.contains(&r.key.id))
        .collect();
    assert_eq!(new.len(), 1);
    assert!(receipt.says.as_str().contains(new[0].key.id.as_str()));
}

#[tokio::test]
async fn who_may_not_is_told_so_before_and_by_github_after() {
    let sandbox = day();
    for token in [DEVELOPER_TOKEN, READER_TOKEN] {
        let other = as_user(&sandbox, token);
        let (gate, prepared) = decide(&other, Verb::Approve).await;
        assert!(matches!(gate.may_decide, MayDecide::No(_)), "{:?}", gate.may_decide);
        assert!(matches!(prepared.permission, Permission::Denied(_)), "{:?}", prepared.permission);
        let fault = other.perform(&prepared.steps[0]).await.unwrap_err();
        assert_eq!(fault.reached, Reached::No, "{fault:?}");
        assert!(matches!(fault.cause, Cause::Refused | Cause::Forbidden), "{fault:?}");
    }
    let outsider = look(&as_user(&sandbox, OUTSIDER_TOKEN)).await.unwrap_err();
    assert_eq!(outsider.cause, Cause::NotFound, "private: hidden, not forbidden");
    let stranger = look(&as_user(&sandbox, "no-such-token")).await.unwrap_err();
    assert_eq!(stranger.cause, Cause::Unauthorized);
}

#[tokio::test]
async fn a_renamed_repository_is_followed_when_read() {
    let sandbox = day();
    let settings = Settings::default().with_text("project", "acme/checkout-legacy");
    let mut spec = spec(&sandbox.urls().github, vec![bound(Role::Pipeline, "checkout", None, settings)]);
    spec.env = Arc::new(BTreeMap::from([("TOKEN".to_owned(), OPERATOR_TOKEN.to_owned())]));
    let provider = (github::KIND.build)(spec).unwrap();
    let seen = seen(&provider).await;
    assert!(!seen.pipelines[&ServiceName::new("checkout")].runs.is_empty());
    let key =
        RunKey { id: "1".into(), service: ServiceName::new("checkout"), source: SourceName::new("github") };
    let gone = prepare(&provider, &intent(Verb::Cancel, Target::Run(key))).await.unwrap_err();
    assert_eq!(gone.cause, Cause::NotFound);
}
