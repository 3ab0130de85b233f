//! R5: half-done is a state. Eight Deployments (three in the short run) are rolled back at once; at one of the steps the server refuses, the
//! answer is lost, or the cockpit dies. Afterwards, in the same session or in a new one, the truth about each target is
//! what the servers' ledger says, nothing arrived twice, and what was not started is only sent by a fresh plan.
//!
//! `cargo test --test saga -- --nocapture` prints the figure; `GONOGO_TEST_N=full` plays all 24 cases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails; what was played is printed"
)]

#[path = "support/cockpit.rs"]
#[expect(dead_code, reason = "what is proved about single actions is elsewhere")]
mod cockpit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cockpit::{Cockpit, Manner, day};
use gonogo::action::Truth;
use gonogo::app::dialog::{Draft, Field};
use gonogo::app::joint::{Joint, SagaRun};
use gonogo::app::key::Key;
use gonogo::app::model::{ActionStage, Overlay};
use gonogo::domain::Outcome;
use gonogo::runtime::session::Sessions;
use gonogo::runtime::{Journal, recover};
use gonogo::sandbox::fault::{Act, Effect, Rule};
use gonogo::sandbox::{Entry, Scenario, Server};
use serde_json::Value;
use tokio::sync::Semaphore;

/// Longer than any case takes on a small machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(300);

/// How many targets, and so how many steps: eight, and three in the short run.
fn targets() -> usize {
    if full() { 8 } else { 3 }
}

fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}

/// Worlds of eight services are large: a small machine plays two at once.
static ROOM: Semaphore = Semaphore::const_new(2);

/// What happens at the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mishap {
    /// The server refuses the request.
    Error,
    /// No answer comes: at odd steps the request never arrived, at even ones it had its effect.
    Timeout,
    /// The cockpit dies: at odd steps before the request left, at even ones after it had its effect and before the
    /// answer.
    Kill,
}

/// Eight small Deployments, each with one release to go back to.
fn fleet() -> Scenario {
    let mut scenario = day("checkout");
    for script in &mut scenario.services {
        script.replicas = 1;
        script.commits.clear();
        let old = script.tags.len().saturating_sub(3);
        script.tags.drain(..old);
    }
    scenario.with_services(targets())
}

/// The Deployments' names, in the order of the board.
fn names(cockpit: &Cockpit) -> Vec<String> {
    cockpit.model.setup.services.iter().map(|s| s.name.to_string()).collect()
}

fn joint(cockpit: &Cockpit) -> Option<&Joint> {
    match cockpit.model.overlays.last() {
        Some(Overlay::Joint(joint)) => Some(joint),
        _ => None,
    }
}

fn run(cockpit: &Cockpit) -> &SagaRun {
    cockpit.model.sagas.last().expect("a saga was confirmed")
}

/// What took effect at a Deployment.
fn applied(cockpit: &Cockpit, name: &str) -> usize {
    let to = |entry: &&Entry| entry.path.split('?').next().is_some_and(|p| p.ends_with(&format!("/{name}")));
    let writes = cockpit.sandbox.faults().writes(Server::Kubernetes);
    writes.iter().filter(to).filter(|entry| entry.effect == Effect::Applied).count()
}

/// Waits until every plan of the dialog is ready.
async fn planned(cockpit: &mut Cockpit) {
    let asking = |draft: &Draft| matches!(draft, Draft::Asking(_));
    cockpit
        .until("every plan is drafted", |m| match m.overlays.last() {
            Some(Overlay::Joint(joint)) => joint.parts.iter().all(|part| !asking(&part.draft)),
            Some(Overlay::Dialog(dialog)) => !asking(&dialog.draft),
            _ => false,
        })
        .await;
    let refused: Vec<String> =
        joint(cockpit).iter().flat_map(|joint| joint.refused().map(|part| format!("{part:?}"))).collect();
    assert_eq!(refused, Vec::<String>::new(), "\n{}", cockpit.told());
}

/// Waits until the target has told what every place runs.
async fn known(cockpit: &mut Cockpit) {
    cockpit
        .until("every place is known", |m| {
            m.setup.services.iter().all(|s| s.environments.iter().all(|e| m.world.rollout(s, e).is_some()))
        })
        .await;
}

/// Marks every service and asks for a roll back.
async fn marked(scenario: Scenario) -> Cockpit {
    let mut cockpit = Cockpit::open(scenario, Manner::default()).await;
    known(&mut cockpit).await;
    // A key that comes within the first moments means nothing: on a quick machine all is known by then.
    cockpit.leap(Duration::from_secs(1));
    cockpit.press(Key::Char('g'));
    for _ in 0..targets() {
        cockpit.press(Key::Char(' '));
        cockpit.press(Key::Char('j'));
    }
    assert_eq!(cockpit.model.marks.len(), targets());
    cockpit.press(Key::Char('r'));
    assert!(joint(&cockpit).is_some(), "r opens no dialog\n{}", cockpit.told());
    planned(&mut cockpit).await;
    cockpit
}

/// Confirms the dialog of several targets as a person would.
fn confirm(cockpit: &mut Cockpit) {
    cockpit.leap(Duration::from_millis(500));
    let phrase = joint(cockpit).and_then(Joint::phrase).expect("production wants a phrase typed");
    cockpit.press(Key::BackTab);
    cockpit.press(Key::BackTab);
    assert_eq!(joint(cockpit).map(|joint| joint.field), Some(Field::Name));
    cockpit.type_text(phrase.as_str());
    cockpit.press(Key::Enter);
    cockpit.press(Key::Enter);
    assert!(matches!(cockpit.model.overlays.last(), Some(Overlay::FollowSaga(_))), "{}", cockpit.told());
}

/// Follows the newest saga to its end, leaping over the times that it has to wait.
async fn over(cockpit: &mut Cockpit) -> Outcome {
    let end = Instant::now() + PATIENCE;
    let (mut leapt, mut passed) = (Instant::now(), Instant::now());
    loop {
        if let gonogo::app::joint::Course::Over(outcome) = &run(cockpit).course {
            return outcome.clone();
        }
        assert!(Instant::now() < end, "the saga does not end: {:?}\n{}", run(cockpit).course, cockpit.told());
        let waits = cockpit
            .model
            .in_flight()
            .any(|a| matches!(a.stage, ActionStage::Settling(_)) || a.against.is_some());
        // Real looks get a moment to renew themselves before time leaps over the others.
        if waits && leapt.elapsed() >= Duration::from_secs(5) {
            leapt = Instant::now();
            cockpit.leap(Duration::from_secs(16));
        }
        if passed.elapsed() >= Duration::from_millis(250) {
            passed = Instant::now();
            cockpit.sandbox.world().advance(Duration::from_secs(2));
        }
        cockpit.glance().await;
    }
}

/// The lines of the journal: action, kind.
fn lines(cockpit: &Cockpit) -> Vec<Value> {
    let text = std::fs::read_to_string(&cockpit.journal).unwrap();
    gonogo::runtime::journal::verify(&text).unwrap_or_else(|e| panic!("{e}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The truth about every target is what the ledger and the journal say, and nothing had its effect twice.
fn check(cockpit: &Cockpit, case: &str) -> Vec<Truth> {
    let run = run(cockpit);
    let truths = run.truths(&cockpit.model);
    let lines = lines(cockpit);
    let has = |action: &str, kind: &str| {
        lines.iter().any(|line| line["action"] == *action && line["kind"] == *kind)
    };
    for (member, truth) in run.saga.members.iter().zip(&truths) {
        let name = member.intent.service.as_str();
        let id = member.action.0.as_str();
        let expected = match (applied(cockpit, name), has(id, "intent")) {
            (1, true) => Truth::Verified,
            (0, true) => Truth::NotApplied,
            (0, false) => Truth::NotStarted,
            other => panic!("{case}: {name}: applied and recorded: {other:?}"),
        };
        assert_eq!(*truth, expected, "{case}: {name}: {}\n{}", run.tally(&cockpit.model), cockpit.told());
    }
    let saga = lines.iter().position(|line| line["kind"] == "saga").unwrap();
    let first = lines.iter().position(|line| line["kind"] == "intent").unwrap();
    assert!(saga < first, "{case}: the saga is on disk before its first member");
    truths
}

/// The cockpit dies, and somebody opens another one on the same journal.
async fn reopened(cockpit: Cockpit) -> (Cockpit, Arc<Sessions>) {
    let mut next = cockpit.beside("bob@test", Manner::default());
    drop(cockpit);
    let sessions = Arc::new(Sessions::default());
    let journal = Journal::open(&next.journal, "bob@test").unwrap();
    let end = Instant::now() + PATIENCE;
    // The tasks of the dead one let go of its session as they end.
    let left = loop {
        let left = recover::take_up(&journal, &sessions, next.engine.clock.now().wall).unwrap();
        if !left.sagas.is_empty() {
            break left;
        }
        assert!(Instant::now() < end, "the saga is not found");
        tokio::task::yield_now().await;
    };
    (next.model.left, next.model.left_sagas) = (left.actions, left.sagas);
    next.until("what was left is listed", |m| matches!(m.overlays.last(), Some(Overlay::Resumed))).await;
    (next, sessions)
}

/// Plays one case; returns what is known about each target at its end.
async fn play(mishap: Mishap, step: usize) -> Vec<Truth> {
    let case = format!("{mishap:?} at {step}");
    let mut cockpit = marked(fleet()).await;
    let names = names(&cockpit);
    let faults = cockpit.sandbox.faults().clone();
    let passing = u32::try_from(step - 1).unwrap();
    let strike = |act| {
        faults.add(Rule::once(Server::Kubernetes, act).on("PATCH", "*/deployments/").after(passing));
    };
    let odd = step % 2 == 1;
    match mishap {
        Mishap::Error => strike(Act::Answer {
            status: 422,
            headers: Vec::new(),
            body: r#"{"kind":"Status","status":"Failure","message":"no","reason":"Invalid","code":422}"#
                .into(),
        }),
        Mishap::Timeout if odd => strike(Act::DropBefore),
        Mishap::Timeout => strike(Act::DropAfter),
        Mishap::Kill if odd => {
            // One look right before each member; the one of this step never ends.
            for _ in 1..step {
                cockpit.instants.before_look(Box::new(|| Box::pin(async {})));
            }
            cockpit.instants.before_look(Box::new(|| Box::pin(std::future::pending())));
        }
        Mishap::Kill => strike(Act::StallBody),
    }
    confirm(&mut cockpit);
    let _sessions;
    if mishap == Mishap::Kill {
        let reached = |cockpit: &Cockpit| {
            // Its intent is recorded, and it is being looked at, or sent.
            let recorded = cockpit.model.actions.last().is_some_and(|a| a.stage != ActionStage::Recording);
            let begun = cockpit.model.actions.len() == step && recorded;
            let sent: usize = names.iter().map(|name| applied(cockpit, name)).sum();
            begun && sent == if odd { step - 1 } else { step }
        };
        let end = Instant::now() + PATIENCE;
        while !reached(&cockpit) {
            assert!(Instant::now() < end, "{case}: never reached\n{}", cockpit.told());
            cockpit.glance().await;
        }
        faults.restore(Server::Kubernetes);
        (cockpit, _sessions) = reopened(cockpit).await;
    }
    let outcome = over(&mut cockpit).await;
    let truths = check(&cockpit, &case);
    assert_eq!(
        matches!(outcome, Outcome::Verified(_)),
        truths.iter().all(|t| *t == Truth::Verified),
        "{case}"
    );
    let started = truths.iter().filter(|truth| **truth != Truth::NotStarted).count();
    assert_eq!(started, step, "{case}: nothing begins after a mishap");
    go_on(&mut cockpit, &truths, &case).await;
    truths
}

/// What is left is sent by a fresh plan alone: the key opens a dialog for exactly that, and only a confirmation sends.
async fn go_on(cockpit: &mut Cockpit, truths: &[Truth], case: &str) {
    known(cockpit).await;
    let sent = cockpit.sandbox.faults().writes(Server::Kubernetes).len();
    let left: Vec<String> = run(cockpit)
        .saga
        .members
        .iter()
        .zip(truths)
        .filter(|(_, truth)| **truth != Truth::Verified)
        .map(|(member, _)| member.intent.service.to_string())
        .collect();
    let tickets = cockpit.model.tickets;
    if !matches!(cockpit.model.overlays.last(), Some(Overlay::FollowSaga(_))) {
        cockpit.press(Key::Esc);
        cockpit.press(Key::Char('f'));
    }
    cockpit.press(Key::Char('m'));
    if left.is_empty() {
        assert!(cockpit.model.marks.is_empty(), "{case}");
        return;
    }
    planned(cockpit).await;
    let asked: Vec<String> = match cockpit.model.overlays.last() {
        Some(Overlay::Joint(joint)) => {
            joint.parts.iter().filter_map(|p| Some(p.intent.as_ref()?.service.to_string())).collect()
        }
        Some(Overlay::Dialog(dialog)) => dialog.intent().map(|i| i.service.to_string()).into_iter().collect(),
        other => panic!("{case}: {other:?}"),
    };
    assert_eq!(asked, left, "{case}: exactly what is not verified");
    assert!(cockpit.model.tickets >= tickets + left.len() as u64, "{case}: every plan is a fresh look");
    assert_eq!(cockpit.sandbox.faults().writes(Server::Kubernetes).len(), sent, "{case}: nothing by itself");
}

/// All 24 with `GONOGO_TEST_N=full`; else one of each kind, and both kinds of death.
fn cases() -> Vec<(Mishap, usize)> {
    if full() {
        let all = [Mishap::Error, Mishap::Timeout, Mishap::Kill];
        return all.into_iter().flat_map(|mishap| (1..=targets()).map(move |step| (mishap, step))).collect();
    }
    vec![(Mishap::Error, 2), (Mishap::Timeout, 2), (Mishap::Kill, 1), (Mishap::Kill, 2)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_step_the_truth_about_each_target_is_the_ledgers() {
    let cases = cases();
    let count = cases.len();
    let mut plays = tokio::task::JoinSet::new();
    for (mishap, step) in cases {
        plays.spawn(async move {
            let _room = ROOM.acquire().await.unwrap();
            (mishap, step, play(mishap, step).await)
        });
    }
    while let Some(played) = plays.join_next().await {
        let (mishap, step, truths) = played.unwrap();
        let words: Vec<&str> = truths.iter().map(|truth| truth.word()).collect();
        println!("{mishap:?} at {step}: {}", words.join(", "));
    }
    println!(
        "R5: {count} of {count} cases: exact truth per target, 0 sent twice, resumed by a fresh plan only"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_mishap_left_is_finished_by_a_second_saga() {
    let _room = ROOM.acquire().await.unwrap();
    let mut cockpit = marked(fleet()).await;
    let act = Act::Answer { status: 422, headers: Vec::new(), body: "{}".into() };
    let rule = Rule::once(Server::Kubernetes, act)
        .on("PATCH", "*/deployments/")
        .after(u32::try_from(targets() - 2).unwrap());
    cockpit.sandbox.faults().add(rule);
    confirm(&mut cockpit);
    let outcome = over(&mut cockpit).await;
    let (of, done) = (targets(), targets() - 2);
    let sum = format!("{done} of {of} verified on v2.14.1; 1 not applied: ");
    assert!(outcome.text().as_str().starts_with(&sum), "{}", outcome.text());
    let truths = check(&cockpit, "the first");
    go_on(&mut cockpit, &truths, "the first").await;
    confirm(&mut cockpit);
    let outcome = over(&mut cockpit).await;
    assert_eq!(outcome.text().as_str(), "2 of 2 verified on v2.14.1");
    for name in names(&cockpit) {
        assert_eq!(applied(&cockpit, &name), 1, "{name}");
    }
}
