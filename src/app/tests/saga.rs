//! Several targets at once, in keys and reports: marks, the dialog, the order of the members, what stops them.

use proptest::prelude::*;

use super::*;
use crate::action::Truth;
use crate::app::joint::{Course, Mark};
use crate::domain::service::ReasonRule;

const NAMES: [&str; 4] = ["web", "api", "jobs", "mail"];

fn seen(cockpit: &mut Cockpit, names: &[&str]) {
    let rollouts = names.iter().map(|name| (Place::new(name, "production"), rollout("v2").into())).collect();
    cockpit.see(PROD, Ok(Observation { rollouts, ..Observation::default() }));
}

/// Four services in production on v2, all of them marked.
fn marked() -> Cockpit {
    let mut cockpit = Cockpit::with(NAMES.map(service).to_vec(), Access::ReadWrite);
    cockpit.see_ci(Vec::new(), run(RunState::Passed, Vec::new()));
    seen(&mut cockpit, &NAMES);
    cockpit.press(&[Key::Char('g')]);
    for _ in NAMES {
        cockpit.press(&[Key::Char(' '), Key::Char('j')]);
    }
    assert_eq!(cockpit.model.marks.len(), NAMES.len());
    cockpit
}

/// Answers every preparation that was asked for since `from`.
fn prepare_all(cockpit: &mut Cockpit, from: usize) {
    let asked: Vec<(u64, Intent)> = cockpit.effects[from..]
        .iter()
        .filter_map(|effect| match effect {
            Effect::Prepare { ticket, intent } => Some((*ticket, (**intent).clone())),
            _ => None,
        })
        .collect();
    for (ticket, intent) in asked {
        let prepared = prepared(&intent, Promise::Runs { artifact: artifact("v1") });
        let began = cockpit.model.now;
        let result = Ok(Box::new(Prepared { to: Some(artifact("v1")), ..prepared }));
        cockpit.send(Msg::Progress(Progress::Prepared { ticket, began, result }));
    }
}

/// The saga confirmed and recorded.
fn begun() -> Cockpit {
    let mut cockpit = marked();
    cockpit.press(&[Key::Char('r')]);
    prepare_all(&mut cockpit, 0);
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Right, Key::Enter]);
    let id = cockpit.model.sagas[0].saga.id.clone();
    assert!(cockpit.executed().is_empty(), "nothing begins before the saga is on disk");
    cockpit.send(Msg::Progress(Progress::Recorded(id)));
    cockpit
}

fn accept(cockpit: &mut Cockpit, id: &ActionId) {
    let at = cockpit.model.now;
    cockpit.send(Msg::Progress(Progress::Sent(id.clone(), at)));
    let receipt = Receipt { status: 200, says: "ok".into() };
    cockpit.send(Msg::Progress(Progress::Received(id.clone(), receipt, at)));
}

fn truths(cockpit: &Cockpit) -> Vec<Truth> {
    cockpit.model.sagas[0].truths(&cockpit.model)
}

#[test]
fn one_key_asks_for_a_plan_of_each_and_one_confirmation_begins_the_first() {
    let cockpit = begun();
    let asked = cockpit.effects.iter().filter(|e| matches!(e, Effect::Prepare { .. })).count();
    assert_eq!((asked, cockpit.executed().len()), (4, 1));
    assert!(cockpit.model.marks.is_empty(), "what was confirmed is no longer marked");
    let begins = cockpit.effects.iter().filter(|e| matches!(e, Effect::Begin(_))).count();
    assert_eq!(begins, 1);
}

#[test]
fn the_next_begins_when_the_one_before_was_accepted() {
    let mut cockpit = begun();
    for at in 0..NAMES.len() {
        let ids: Vec<ActionId> = cockpit.executed().into_iter().cloned().collect();
        assert_eq!(ids.len(), at + 1);
        accept(&mut cockpit, &ids[at]);
    }
    assert_eq!(truths(&cockpit), vec![Truth::Sent; 4]);
    assert_eq!(cockpit.executed().len(), 4, "and none begins twice");
}

#[test]
fn anything_but_an_acceptance_stops_what_has_not_begun() {
    let fault = || Fault::new(Cause::Refused, "no");
    type Stop = fn(ActionId, Fault) -> Progress;
    let stops: [(Stop, Truth); 4] = [
        (|id, fault| Progress::Declined(id, fault), Truth::NotApplied),
        (|id, fault| Progress::NoAnswer(id, fault.perhaps_applied()), Truth::InDoubt),
        (|id, _| Progress::Moved(id, Vec::new()), Truth::NotApplied),
        (|id, _| Progress::NotSent(id, "frozen".into()), Truth::NotApplied),
    ];
    for (stop, truth) in stops {
        let mut cockpit = begun();
        let first = cockpit.executed()[0].clone();
        accept(&mut cockpit, &first);
        let second = cockpit.executed()[1].clone();
        cockpit.send(Msg::Progress(stop(second, fault())));
        assert_eq!(truths(&cockpit), vec![Truth::Sent, truth, Truth::NotStarted, Truth::NotStarted]);
        assert!(matches!(cockpit.model.sagas[0].course, Course::Stopped(_)));
        cockpit.wait(Duration::from_secs(30));
        seen(&mut cockpit, &NAMES);
        assert_eq!(cockpit.executed().len(), 2, "what has not begun never begins by itself");
    }
}

#[test]
fn a_saga_that_cannot_be_recorded_sends_nothing() {
    let mut cockpit = marked();
    cockpit.press(&[Key::Char('r')]);
    prepare_all(&mut cockpit, 0);
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Right, Key::Enter]);
    let id = cockpit.model.sagas[0].saga.id.clone();
    cockpit.send(Msg::Progress(Progress::JournalFailed("full".into())));
    cockpit.send(Msg::Progress(Progress::Recorded(id)));
    assert!(cockpit.executed().is_empty());
    assert_eq!(truths(&cockpit), vec![Truth::NotStarted; 4]);
    assert!(matches!(&cockpit.model.sagas[0].course, Course::Over(Outcome::NotApplied(_))));
}

#[test]
fn one_target_in_the_way_keeps_all_from_being_confirmed_until_it_is_left_out() {
    let mut cockpit = marked();
    cockpit.press(&[Key::Char('r')]);
    let (ticket, _) = cockpit.asked().unwrap();
    let began = cockpit.model.now;
    let result = Err(Fault::new(Cause::TimedOut, "late"));
    cockpit.send(Msg::Progress(Progress::Prepared { ticket, began, result }));
    prepare_all(&mut cockpit, 0);
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Right, Key::Enter]);
    assert!(cockpit.model.sagas.is_empty());
    // Enter on Cancel has closed the dialog; the marks stay.
    assert_eq!(cockpit.model.marks.len(), 4);
    let from = cockpit.effects.len();
    cockpit.press(&[Key::Char('r')]);
    let (ticket, _) = cockpit.asked().unwrap();
    let result = Err(Fault::new(Cause::TimedOut, "late"));
    cockpit.send(Msg::Progress(Progress::Prepared { ticket, began, result }));
    prepare_all(&mut cockpit, from);
    let missing = deed::joint::joint_mut(&mut cockpit.model).unwrap().missing(Now::START).unwrap();
    assert_eq!(missing.as_str(), "in the way: mail in production");
    cockpit.press(&[Key::Char('x')]);
    assert_eq!(cockpit.model.marks.len(), 3);
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Right, Key::Enter]);
    assert_eq!(cockpit.model.sagas[0].saga.members.len(), 3);
}

#[test]
fn plans_that_grow_stale_are_made_anew_in_step_and_do_not_take_the_keyboard_away() {
    let mut cockpit = marked();
    cockpit.press(&[Key::Char('r')]);
    prepare_all(&mut cockpit, 0);
    cockpit.press(&[Key::BackTab]);
    assert_eq!(deed::joint::joint_mut(&mut cockpit.model).unwrap().field, Field::Confirm);
    let from = cockpit.effects.len();
    cockpit.wait(Duration::from_secs(14));
    seen(&mut cockpit, &NAMES);
    cockpit.wait(Duration::from_secs(2));
    prepare_all(&mut cockpit, from);
    let asked = cockpit.effects[from..].iter().filter(|e| matches!(e, Effect::Prepare { .. })).count();
    let joint = deed::joint::joint_mut(&mut cockpit.model).unwrap();
    assert_eq!((asked, joint.field, joint.plans().is_some()), (4, Field::Confirm, true));
}

#[test]
fn the_strictest_policy_of_all_holds_for_all() {
    let mut services = NAMES.map(service).to_vec();
    services[2].environments[0].policy.confirm = Confirm::TypeName;
    services[3].environments[0].policy.reason = ReasonRule::Required;
    let mut cockpit = marked();
    cockpit.model.setup.services = services;
    cockpit.press(&[Key::Char('r')]);
    prepare_all(&mut cockpit, 0);
    let joint = deed::joint::joint_mut(&mut cockpit.model).unwrap();
    assert_eq!(joint.phrase().as_ref().map(|p| p.as_str()), Some("roll back 4"));
    assert_eq!(joint.reason_rule(), ReasonRule::Required);
}

/// What one mark leads to is what no mark leads to: the same dialog, the same request, no saga.
#[test]
fn a_saga_of_one_is_the_single_action() {
    let lead = |keys: &[Key]| {
        let mut cockpit = Cockpit::with(NAMES.map(service).to_vec(), Access::ReadWrite);
        cockpit.see_ci(Vec::new(), run(RunState::Passed, Vec::new()));
        seen(&mut cockpit, &NAMES);
        cockpit.press(keys);
        cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
        cockpit.wait(DEAF);
        cockpit.press(&[Key::Right, Key::Enter]);
        assert!(cockpit.model.sagas.is_empty() && cockpit.model.marks.is_empty());
        let action = cockpit.model.actions.last().unwrap();
        (
            action.id.clone(),
            action.plan.intent.clone(),
            action.plan.fingerprint.clone(),
            action.plan.part.clone(),
        )
    };
    assert_eq!(
        lead(&[Key::Char('g'), Key::Char('r')]),
        lead(&[Key::Char('g'), Key::Char(' '), Key::Char('r')])
    );
}

#[test]
fn a_verb_that_what_is_marked_is_nothing_for_is_refused() {
    let mut cockpit = marked();
    for key in ['a', 'x', 'F'] {
        cockpit.press(&[Key::Char(key)]);
        assert!(cockpit.model.overlays.is_empty(), "{key}");
        assert!(cockpit.refusal().contains("clear the marks"), "{key}: {}", cockpit.refusal());
    }
    cockpit.press(&[Key::Esc]);
    assert!(cockpit.model.marks.is_empty(), "esc clears the marks");
}

#[test]
fn esc_clears_the_filter_before_the_marks() {
    let mut cockpit = marked();
    cockpit.press(&[Key::Char('/'), Key::Char('w'), Key::Enter, Key::Esc]);
    assert_eq!((cockpit.model.filter(Panel::Board), cockpit.model.marks.len()), ("", 4));
    cockpit.press(&[Key::Esc]);
    assert!(cockpit.model.marks.is_empty());
}

proptest! {
    /// Whatever comes, goes and is pressed: every mark is of something that is there.
    #[test]
    fn a_mark_never_outlives_its_object(steps in proptest::collection::vec((0_u8..8, 0_u8..16), 1..60)) {
        let mut cockpit = Cockpit::with(NAMES.map(service).to_vec(), Access::ReadWrite);
        for (what, which) in steps {
            match what {
                0 | 1 => {
                    let there = NAMES.iter().enumerate().filter(|(n, _)| which & (1 << n) != 0);
                    let there: Vec<&str> = there.map(|(_, name)| *name).collect();
                    seen(&mut cockpit, &there);
                    for mark in &cockpit.model.marks {
                        if let Mark::Place(place) = mark {
                            prop_assert!(there.contains(&place.service.as_str()), "{mark} outlived");
                        }
                    }
                }
                2 => {
                    let gates = if which % 2 == 0 { vec![gate()] } else { Vec::new() };
                    let waits = !gates.is_empty();
                    cockpit.see_ci(gates, run(RunState::WaitingForHuman, Vec::new()));
                    prop_assert!(waits || !cockpit.model.marks.contains(&Mark::Gate(gate_key())));
                }
                3 => cockpit.press(&[Key::Char('j')]),
                4 => cockpit.press(&[Key::Char('k')]),
                5 => cockpit.press(&[Key::Tab]),
                _ => cockpit.press(&[Key::Char(' ')]),
            }
        }
    }
}
