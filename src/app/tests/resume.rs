//! What an earlier session left behind is looked at, judged, concluded once, and never sent.

use super::*;
use crate::app::deed::resume::{Reached, Unfinished};
use crate::app::model::Origin;

fn left(reached: Reached, accepted: usize) -> Unfinished {
    let (cockpit, id) = Cockpit::approved();
    let plan = cockpit.model.action(&id).unwrap().plan.clone();
    Unfinished { id, plan, reached, accepted, by: "omar@desk".into(), at: jiff::Timestamp::UNIX_EPOCH }
}

/// A new session that finds this in the journal, with its first tick taken.
fn taken_up(one: Unfinished) -> Cockpit {
    let mut cockpit = Cockpit::new(Access::ReadWrite);
    cockpit.model.left = vec![one];
    cockpit.wait(Duration::from_secs(1));
    cockpit
}

fn concluded(cockpit: &Cockpit) -> Vec<&Outcome> {
    cockpit
        .effects
        .iter()
        .filter_map(|e| match e {
            Effect::Conclude { outcome, .. } => Some(outcome),
            _ => None,
        })
        .collect()
}

fn sees(cockpit: &mut Cockpit, state: RunState, gates: Vec<Gate>, reviews: Vec<Review>) {
    for _ in 0..4 {
        cockpit.wait(Duration::from_secs(6));
        cockpit.see_ci(gates.clone(), run(state.clone(), reviews.clone()));
    }
}

#[test]
fn nothing_is_ever_sent_again() {
    for reached in [Reached::Recorded, Reached::Sending, Reached::NoAnswer, Reached::Declined("no".into())] {
        let mut cockpit = taken_up(left(reached.clone(), 0));
        sees(&mut cockpit, RunState::WaitingForHuman, vec![gate()], Vec::new());
        assert!(cockpit.executed().is_empty(), "{reached:?}");
        assert_eq!(concluded(&cockpit).len(), 1, "{reached:?}: one outcome");
    }
}

#[test]
fn an_intent_that_was_never_sent_ends_as_not_applied_at_once() {
    let cockpit = taken_up(left(Reached::Recorded, 0));
    let outcomes = concluded(&cockpit);
    assert!(matches!(outcomes[..], [Outcome::NotApplied(_)]), "{outcomes:?}");
    assert_eq!(cockpit.model.actions.last().unwrap().sent, None, "and is not shown as sent");
}

#[test]
fn what_may_have_been_sent_is_judged_by_what_the_world_shows() {
    for (reached, accepted) in [(Reached::Sending, 0), (Reached::NoAnswer, 0), (Reached::Accepted, 1)] {
        let mut applied = taken_up(left(reached.clone(), accepted));
        sees(&mut applied, RunState::Running, Vec::new(), vec![review(Decision::Approved)]);
        let outcomes = concluded(&applied);
        assert!(matches!(outcomes[..], [Outcome::Verified(_)]), "{reached:?}: {outcomes:?}");
    }
    let mut lost = taken_up(left(Reached::Sending, 0));
    sees(&mut lost, RunState::WaitingForHuman, vec![gate()], Vec::new());
    assert!(matches!(concluded(&lost)[..], [Outcome::NotApplied(_)]));
}

#[test]
fn it_is_listed_with_who_confirmed_it() {
    let cockpit = taken_up(left(Reached::Sending, 0));
    assert_eq!(cockpit.model.overlay(), Some(&Overlay::Resumed));
    let action = cockpit.model.actions.last().unwrap();
    assert!(matches!(&action.origin, Origin::Earlier { by, .. } if by.as_str() == "omar@desk"));
}

#[test]
fn a_service_that_is_gone_from_the_config_is_unverifiable_and_says_so() {
    let mut one = left(Reached::Sending, 0);
    one.plan.intent.service = ServiceName::new("forgotten");
    let cockpit = taken_up(one);
    match concluded(&cockpit)[..] {
        [Outcome::InDoubt(text)] => assert!(text.as_str().starts_with("unverifiable"), "{text}"),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_action_on_the_same_place_waits_for_what_is_open() {
    let mut cockpit = taken_up(left(Reached::Sending, 0));
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v1"));
    cockpit.press(&[Key::Esc, Key::Char('a')]);
    cockpit.prepare(decided());
    assert!(cockpit.refusal().contains("still being proved"), "{}", cockpit.refusal());
}
