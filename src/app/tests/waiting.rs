//! The inbox: gates and rollouts that wait at a step, in one list, selected by what they are.

use super::*;
use crate::app::filter::{self, Waiting};
use crate::app::joint::Mark;
use crate::app::views::View;
use crate::domain::rollout::{Course, Steps, Strategy};

fn held(target: &str) -> Rollout {
    let steps = Steps {
        strategy: Strategy::Canary,
        words: ["25 %", "pause until promoted", "50 %"].map(Into::into).to_vec(),
        at: 1,
        weight: Some(25),
        stable: Some(artifact("v1")),
        course: Course::Held,
        analyses: Vec::new(),
        skips: true,
        doors: Vec::new(),
    };
    Rollout { phase: Phase::Paused("a pause of its steps".into()), steps: Some(steps), ..rollout(target) }
}

/// Two services: a gate of web, and a rollout of web that waits.
fn both() -> Cockpit {
    let mut cockpit = Cockpit::with(["web", "ledger"].map(service).to_vec(), Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(held("v2"));
    cockpit.press(&[Key::Char('2')]);
    cockpit
}

fn rows(cockpit: &Cockpit) -> Vec<&'static str> {
    let word = |row: &Waiting<'_>| match row {
        Waiting::Gate(_) => "gate",
        Waiting::Rollout(..) => "rollout",
    };
    filter::waiting(&cockpit.model).iter().map(word).collect()
}

#[test]
fn a_rollout_that_waits_is_a_row_of_the_inbox_and_its_keys_act_on_it() {
    let mut cockpit = both();
    assert_eq!(rows(&cockpit), ["gate", "rollout"]);
    assert!(cockpit.model.gate.is_some() && cockpit.model.held.is_none());
    cockpit.press(&[Key::Char('j')]);
    assert_eq!(cockpit.model.held, Some(Place::new("web", "production")));
    assert_eq!(cockpit.model.gate, None);
    cockpit.press(&[Key::Char('R')]);
    let (_, intent) = cockpit.asked().unwrap();
    assert_eq!((intent.verb, intent.place), (Verb::Resume, Some(Place::new("web", "production"))));
}

#[test]
fn to_approve_a_rollout_is_refused_with_the_keys_that_move_it() {
    let mut cockpit = both();
    cockpit.press(&[Key::Char('j'), Key::Char('a')]);
    assert!(cockpit.asked().is_none());
    let refusal = cockpit.refusal();
    assert!(refusal.contains("waits at a step: resume lets it go on"), "{refusal}");
}

#[test]
fn a_rollout_that_went_on_takes_no_key_with_it() {
    let mut cockpit = both();
    cockpit.press(&[Key::Char('j')]);
    cockpit.see_prod(rollout("v2"));
    assert_eq!(rows(&cockpit), ["gate"]);
    cockpit.press(&[Key::Char('R')]);
    assert!(cockpit.asked().is_none());
    assert!(
        cockpit.refusal().contains("the rollout of web in production no longer waits"),
        "{}",
        cockpit.refusal()
    );
    cockpit.press(&[Key::Char('a')]);
    assert!(cockpit.asked().is_none(), "what was meant for the rollout approves no gate");
}

#[test]
fn without_gates_the_first_rollout_is_selected_and_can_be_marked_and_filtered() {
    let mut cockpit = Cockpit::with(vec![service("web")], Access::ReadWrite);
    cockpit.see_ci(Vec::new(), run(RunState::Passed, Vec::new()));
    cockpit.see_prod(held("v2"));
    cockpit.press(&[Key::Char('2')]);
    assert_eq!(cockpit.model.held, Some(Place::new("web", "production")));
    cockpit.press(&[Key::Char(' ')]);
    assert!(cockpit.model.marks.contains(&Mark::Place(Place::new("web", "production"))));
    assert_eq!(filter::count(&cockpit.model, Panel::Inbox), (1, 1));
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.model.trail.view(), View::Service);
}

#[test]
fn what_cannot_skip_its_steps_is_not_promoted_fully() {
    for skips in [true, false] {
        let mut cockpit = both();
        let mut stands = held("v2");
        stands.steps.as_mut().unwrap().skips = skips;
        cockpit.see_prod(stands);
        cockpit.press(&[Key::Char('j'), Key::Char('S')]);
        assert_eq!(cockpit.asked().is_some(), skips);
        assert_eq!(cockpit.refusal().contains("cannot be told to skip"), !skips);
    }
}
