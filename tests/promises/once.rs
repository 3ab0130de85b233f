//! R1, R3, R4: recorded before it leaves, sent at most once, verified only by a later look.

use std::time::Duration;

use super::cockpit::{Cockpit, Flow, kinds_in, server_of};
use super::deeds::Deed;
use super::size;
use futures_util::FutureExt;
use gonogo::action::Plan;
use gonogo::app::Model;
use gonogo::app::model::Answered;
use gonogo::domain::{Outcome, Step};
use gonogo::sandbox::{Act, Effect, Rule};
use tokio::task::JoinSet;

fn rule(step: &Step, act: Act) -> Rule {
    let path = step.path.split('?').next().unwrap();
    Rule::once(server_of(&step.source), act).on(&step.method, path)
}

fn only_step(plan: &Plan) -> Step {
    assert_eq!(plan.prepared.steps.len(), 1, "one request does it");
    plan.prepared.steps[0].clone()
}

/// Whether the source was looked at after it answered.
fn looked_since(model: &Model) -> bool {
    let Some(action) = model.actions.last() else { return false };
    let seen = model.world.source(&action.plan.intent.source).and_then(|s| s.seen);
    let sent = action.sent.filter(|_| action.answered != Answered::NotYet);
    matches!((seen, sent), (Some(seen), Some(sent)) if seen.mono > sent.mono)
}

/// Whether the ledger's truth and the verdict can both be right.
fn agree(effect: Option<Effect>, outcome: &Outcome) -> bool {
    match effect {
        Some(Effect::Applied) => matches!(outcome, Outcome::Verified(_) | Outcome::InDoubt(_)),
        _ => matches!(outcome, Outcome::NotApplied(_) | Outcome::InDoubt(_)),
    }
}

async fn lost(deed: Deed, act: Act) -> (Deed, Act, Vec<Effect>, Outcome, Cockpit) {
    let (mut cockpit, plan) = deed.planned().await;
    let step = only_step(&plan);
    cockpit.sandbox.faults().add(rule(&step, act.clone()));
    cockpit.flow = Flow::Passing;
    cockpit.confirm();
    let outcome = cockpit.outcome().await;
    let effects = cockpit.entries(&step).iter().map(|e| e.effect).collect();
    (deed, act, effects, outcome, cockpit)
}

/// Runs every case, as often as the figure wants it.
async fn every_case(acts: &[Act]) {
    cases(acts, &Deed::ALL).await;
}

async fn cases(acts: &[Act], deeds: &[Deed]) {
    let rounds = size(1, 200);
    for _ in 0..rounds {
        one_round(acts, deeds).await;
    }
    println!(
        "R3: {rounds} rounds of {} verbs, {acts:?}: sent once each, verdict and ledger agree",
        deeds.len()
    );
}

/// Runs every case at once: the slow ones wait for the providers' own deadlines, which no test can shorten.
async fn one_round(acts: &[Act], deeds: &[Deed]) {
    let mut cases = JoinSet::new();
    for act in acts {
        for deed in deeds {
            cases.spawn(lost(*deed, act.clone()));
        }
    }
    let mut decided = 0;
    let mut doubts = Vec::new();
    while let Some(case) = cases.join_next().await {
        let (deed, act, effects, outcome, cockpit) = case.unwrap();
        let case = format!("{deed:?} {act:?}: {effects:?} {outcome:?}\n{}", cockpit.told());
        assert_eq!(effects.len(), 1, "the server saw it once: {case}");
        assert!(agree(effects.first().copied(), &outcome), "verdict and ledger agree: {case}");
        match outcome {
            Outcome::InDoubt(_) => doubts.push(case),
            _ => decided += 1,
        }
    }
    println!("{decided} decided, {} in doubt", doubts.len());
    assert!(doubts.is_empty(), "every case is decidable here: {doubts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_before_the_effect_ends_as_not_applied_and_is_never_sent_again() {
    every_case(&[Act::DropBefore]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_gateway_before_the_effect_is_no_proof_of_anything_and_is_never_sent_again() {
    let body = "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned();
    every_case(&[Act::Answer { status: 502, headers: Vec::new(), body }]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_effect_ends_as_verified_and_is_never_sent_again() {
    every_case(&[Act::DropAfter]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_gateway_after_the_effect_is_never_taken_for_a_failure() {
    every_case(&[Act::BadGatewayAfter]).await;
}

/// A proxy that wants a login answers 200 with a page: taken for acceptance, the plan would wait for its proof in vain.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_page_instead_of_an_answer_is_no_acceptance() {
    every_case(&[Act::LoginPage]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_or_stalled_answer_is_never_taken_for_a_failure() {
    every_case(&[Act::TruncateBody, Act::StallBody]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_reset_before_the_effect_ends_as_not_applied_and_is_never_sent_again() {
    every_case(&[Act::ResetBefore]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_reset_after_the_effect_ends_as_verified_and_is_never_sent_again() {
    every_case(&[Act::ResetAfter]).await;
}

/// Without a single byte of an answer, each provider gives up at its own deadline: every day one verb of each.
#[tokio::test(flavor = "multi_thread")]
async fn silence_before_or_after_the_effect_is_never_taken_for_a_failure_and_nothing_is_sent_again() {
    let each = [Deed::Approve, Deed::PromoteDeployment, Deed::PromoteSwarm];
    let deeds: &[Deed] = if size(1, 200) == 1 { &each } else { &Deed::ALL };
    cases(&[Act::SilenceBefore, Act::SilenceAfter], deeds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_lies_is_never_verified() {
    let mut cases = JoinSet::new();
    for deed in Deed::ALL {
        cases.spawn(async move {
            let (mut cockpit, plan) = deed.planned().await;
            let step = only_step(&plan);
            let body = if step.path.ends_with("pending_deployments") { "[]" } else { "{}" };
            let act = Act::Answer { status: 200, headers: Vec::new(), body: body.into() };
            cockpit.sandbox.faults().add(rule(&step, act));
            cockpit.flow = Flow::Passing;
            cockpit.confirm();
            // A clock that leaps before anybody has looked would rightly end in doubt.
            cockpit.until("somebody looked after the answer", looked_since).await;
            cockpit.leap(plan.prepared.deadline + Duration::from_secs(1));
            let outcome = cockpit.outcome().await;
            (deed, outcome, cockpit.entries(&step), cockpit.told())
        });
    }
    while let Some(case) = cases.join_next().await {
        let (deed, outcome, entries, told) = case.unwrap();
        assert_eq!(entries.len(), 1, "{deed:?}");
        assert_eq!(entries[0].effect, Effect::NotApplied, "a struck request has no effect");
        assert!(matches!(outcome, Outcome::Failed(_)), "{deed:?}: {outcome:?}\n{told}");
        assert!(outcome.text().as_str().contains("accepted, but nothing happened"), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intent_is_in_the_journal_before_the_request_leaves_and_while_the_server_holds_it() {
    let mut cases = JoinSet::new();
    for deed in Deed::ALL {
        cases.spawn(async move {
            let (mut cockpit, plan) = deed.planned().await;
            let step = only_step(&plan);
            let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
            let (journal, seen_then) = (cockpit.journal.clone(), std::sync::Arc::clone(&seen));
            assert_eq!(
                cockpit.recorded(),
                Vec::<String>::new(),
                "nothing is recorded before it is confirmed"
            );
            cockpit.instants.before_leaving(Box::new(move || {
                async move { *seen_then.lock().unwrap() = Some(kinds_in(&journal)) }.boxed()
            }));
            // The server holds the request; nothing of it is in the ledger until it has answered.
            cockpit.sandbox.faults().add(rule(&step, Act::Delay(Duration::from_millis(600))));
            cockpit.confirm();
            cockpit.until("it left", |m| m.actions.iter().any(|a| a.sent.is_some())).await;
            let held = cockpit.recorded();
            let unanswered = cockpit.entries(&step).is_empty();
            cockpit.flow = Flow::Passing;
            let outcome = cockpit.outcome().await;
            let before = seen.lock().unwrap().take();
            (deed, before, unanswered, held, outcome, cockpit)
        });
    }
    while let Some(case) = cases.join_next().await {
        let (deed, before, unanswered, held, outcome, cockpit) = case.unwrap();
        assert_eq!(before, Some(vec!["intent".to_owned(), "sending".to_owned()]), "{deed:?}");
        assert!(unanswered, "{deed:?}: the journal was read while the server held the request");
        assert_eq!(held, ["intent", "sending"], "{deed:?}");
        assert!(matches!(outcome, Outcome::Verified(_)), "{deed:?}: {outcome:?}\n{}", cockpit.told());
        assert_eq!(cockpit.recorded(), ["intent", "sending", "receipt", "outcome"], "{deed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_written_sends_nothing_and_says_so() {
    for broken in [Broken::Vanished, Broken::Folder] {
        let (mut cockpit, plan) = Deed::PromoteDeployment.planned().await;
        let step = only_step(&plan);
        broken.apply(&cockpit);
        cockpit.confirm();
        let outcome = cockpit.outcome().await;
        assert!(matches!(outcome, Outcome::NotApplied(_)), "{broken:?}: {outcome:?}");
        assert!(outcome.text().as_str().contains("could not be recorded"), "{outcome:?}");
        assert_eq!(cockpit.entries(&step).len(), 0, "{broken:?}: nothing was sent");
        assert!(cockpit.model.journal_fault.is_some());
        let said = cockpit.model.toast.as_ref().map(|t| t.text.to_string()).unwrap_or_default();
        assert!(said.contains("recorded") || said.contains("journal"), "{said}");
        // From now on no dialog opens.
        cockpit.press(gonogo::app::Key::Esc);
        cockpit.press(gonogo::app::Key::Char('p'));
        assert!(cockpit.dialog().is_none(), "{broken:?}");
    }
}

/// What happens to the journal between the plan and its confirmation.
#[derive(Clone, Copy, Debug)]
enum Broken {
    /// Its folder is gone.
    Vanished,
    /// A folder stands where the file was.
    Folder,
}

impl Broken {
    fn apply(self, cockpit: &Cockpit) {
        match self {
            Self::Vanished => std::fs::remove_dir_all(cockpit.journal.parent().unwrap()).unwrap(),
            Self::Folder => {
                std::fs::remove_file(&cockpit.journal).unwrap();
                std::fs::create_dir(&cockpit.journal).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_breaks_between_intent_and_sending_sends_nothing_and_says_so() {
    let (mut cockpit, plan) = Deed::PromoteDeployment.planned().await;
    let step = only_step(&plan);
    let folder = cockpit.journal.parent().unwrap().to_owned();
    cockpit
        .instants
        .before_look(Box::new(move || async move { std::fs::remove_dir_all(folder).unwrap() }.boxed()));
    cockpit.confirm();
    let outcome = cockpit.outcome().await;
    assert!(matches!(outcome, Outcome::NotApplied(_)), "{outcome:?}");
    assert!(outcome.text().as_str().contains("journal cannot be written"), "{outcome:?}\n{}", cockpit.told());
    assert_eq!(cockpit.entries(&step).len(), 0);
}
