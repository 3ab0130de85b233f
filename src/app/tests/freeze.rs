//! A freeze stops what ships, when the key is pressed, when the plan is made and when it is confirmed; never the way
//! back.

use super::*;
use crate::action::Rule;
use crate::domain::freeze::{Window, Zone};
use crate::domain::{Freeze, freeze};

/// 1970-01-01 00:00 UTC is when these tests begin: a Thursday.
fn window(from: &str, to: &str) -> Freeze {
    Freeze {
        window: Window::read(from, to).unwrap(),
        zone: Zone::named("Europe/Berlin").unwrap(),
        reason: Some("weekend".into()),
    }
}

fn cockpit(windows: Vec<Freeze>) -> Cockpit {
    let mut service = service("web");
    service.environments[0].policy.freeze = windows;
    service.environments[0].policy.max_age = Duration::from_secs(600);
    let mut cockpit = Cockpit::with(vec![service], Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v2"));
    cockpit
}

#[test]
fn what_ships_is_refused_with_cause_evidence_and_next_step() {
    let mut cockpit = cockpit(vec![window("Wed 16:00", "Fri 08:00")]);
    cockpit.press(&[Key::Char('a')]);
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    let [breach] = dialog.breaches() else { panic!("{:?}", dialog.draft) };
    assert_eq!(breach.rule, Rule::Freeze);
    let said = breach.refusal.to_string();
    for part in ["web in production is frozen until Fri", "weekend", "Europe/Berlin", "roll back"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(cockpit.asked().is_none());
}

#[test]
fn the_way_back_and_a_rejection_are_never_frozen() {
    for key in ['r', 'x'] {
        let mut cockpit = cockpit(vec![window("Wed 16:00", "Fri 08:00")]);
        cockpit.press(&[Key::Char(key)]);
        assert!(cockpit.asked().is_some(), "{key}: {}", cockpit.refusal());
    }
}

#[test]
fn a_freeze_that_begins_while_the_plan_is_read_stops_the_confirmation() {
    // It begins at 01:01 in Berlin, a minute after the test.
    let mut cockpit = cockpit(vec![window("Thu 01:01", "Fri 08:00")]);
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    let plan = deed::dialog_mut(&mut cockpit.model).unwrap().plan().unwrap().clone();
    assert_eq!(plan.freeze.len(), 1, "the plan carries what the executor judges once more");
    cockpit.wait(Duration::from_secs(61));
    cockpit.press(&[Key::Right, Key::Enter]);
    assert!(cockpit.executed().is_empty());
    assert!(cockpit.refusal().contains("frozen until"), "{}", cockpit.refusal());
}

#[test]
fn a_broken_glass_lets_it_ship_and_the_executor_judges_no_window() {
    let mut cockpit = cockpit(vec![window("Wed 16:00", "Fri 08:00")]);
    cockpit.press(&[Key::Char('a'), Key::Right, Key::Enter]);
    cockpit.prepare(decided());
    let plan = deed::dialog_mut(&mut cockpit.model).unwrap().plan().unwrap().clone();
    assert_eq!(plan.overrides.iter().map(|b| b.rule).collect::<Vec<_>>(), [Rule::Freeze]);
    assert!(plan.freeze.is_empty());
}

#[test]
fn clocks_that_differ_by_minutes_decide_nothing_by_the_time_of_day() {
    for (skew, refused) in [(299, false), (302, true)] {
        let mut cockpit = cockpit(vec![window("Sat 00:00", "Sun 00:00")]);
        let at = cockpit.model.now.wall + jiff::SignedDuration::from_secs(skew);
        let mut observation = Observation { server_time: Some(at), ..Observation::default() };
        observation.gates = vec![gate()];
        let runs = vec![run(RunState::WaitingForHuman, Vec::new())];
        observation.pipelines.insert(ServiceName::new("web"), Pipeline { runs, ..Pipeline::default() });
        cockpit.see(CI, Ok(observation));
        cockpit.press(&[Key::Char('a')]);
        assert_eq!(cockpit.asked().is_none(), refused, "{skew}: {}", cockpit.refusal());
        assert_eq!(cockpit.refusal().contains("cannot be told"), refused, "{}", cockpit.refusal());
    }
}

#[test]
fn the_board_and_the_planner_say_the_same() {
    let windows = vec![window("Wed 16:00", "Fri 08:00")];
    let cockpit = cockpit(windows.clone());
    let said = freeze::frozen(&windows, cockpit.model.now.wall).unwrap().to_string();
    let reasons = &cockpit.model.assessments[0].reasons;
    assert!(reasons.iter().any(|r| r.text.as_str().contains(&said)), "{said}: {reasons:?}");
}
