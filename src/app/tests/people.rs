//! The two-person rule in the dialog: refused with who could, named when overridden, labelled where it is only advice.

use super::*;
use crate::action::Rule;
use crate::domain::people::{Part, People, Person, TwoPerson};

fn people(me: &str, started: &str) -> People {
    People {
        me: Some(Person::login(me)),
        parties: vec![(Part::Started, Person::login(started)), (Part::Wrote, Person::login("writer"))],
        head: Some(gate().revision),
        ..People::default()
    }
}

/// A dialog on the gate whose fresh look tells of these people.
fn asked(people: Option<People>) -> Cockpit {
    let mut service = service("web");
    service.environments[0].policy.people = TwoPerson::Required;
    let mut cockpit = Cockpit::with(vec![service], Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v1"));
    cockpit.press(&[Key::Char('a')]);
    let (ticket, intent) = cockpit.asked().unwrap();
    let prepared = Prepared { people: people.map(Box::new), ..prepared(&intent, decided()) };
    let began = cockpit.model.now;
    cockpit.send(Msg::Progress(Progress::Prepared { ticket, began, result: Ok(Box::new(prepared)) }));
    cockpit
}

#[test]
fn who_started_or_wrote_it_may_not_approve_it() {
    for (me, started, fine) in [("omar", "ann", true), ("ann", "ann", false), ("writer", "ann", false)] {
        let mut cockpit = asked(Some(people(me, started)));
        let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
        assert_eq!(dialog.plan().is_some(), fine, "{me}: {:?}", dialog.draft);
        if !fine {
            let [breach] = dialog.breaches() else { panic!("{:?}", dialog.draft) };
            assert_eq!(breach.rule, Rule::TwoPerson);
            assert!(breach.refusal.evidence.is_some() && breach.refusal.next.is_some());
        }
    }
}

#[test]
fn where_nothing_tells_of_people_two_persons_are_not_proved() {
    let mut cockpit = asked(None);
    assert_eq!(deed::dialog_mut(&mut cockpit.model).unwrap().breaches().len(), 1);
}

#[test]
fn what_only_this_cockpit_enforces_is_said_in_the_plan() {
    let mut cockpit = asked(Some(people("omar", "ann")));
    let plan = deed::dialog_mut(&mut cockpit.model).unwrap().plan().unwrap().clone();
    let said: Vec<_> = plan.hazards.iter().map(|h| h.text.to_string()).collect();
    assert!(said.iter().any(|text| text.contains("advisory")), "{said:?}");
}

#[test]
fn the_glass_can_be_broken_for_it() {
    let mut cockpit = asked(Some(people("ann", "ann")));
    cockpit.press(&[Key::Right, Key::Enter]);
    let (ticket, intent) = cockpit.asked().unwrap();
    let prepared = Prepared { people: Some(Box::new(people("ann", "ann"))), ..prepared(&intent, decided()) };
    let began = cockpit.model.now;
    cockpit.send(Msg::Progress(Progress::Prepared { ticket, began, result: Ok(Box::new(prepared)) }));
    let plan = deed::dialog_mut(&mut cockpit.model).unwrap().plan().unwrap().clone();
    assert_eq!(plan.overrides.iter().map(|b| b.rule).collect::<Vec<_>>(), [Rule::TwoPerson]);
}
