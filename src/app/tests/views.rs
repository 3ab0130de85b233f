//! Views: the way in and out again, what is selected there, and the one time that the selection goes by itself.

use super::*;
use crate::app::views::{View, job_at_hand};

fn job(id: &str, state: RunState) -> Job {
    Job { id: id.into(), name: id.into(), state, started: None, finished: None, steps: Vec::new(), url: None }
}

fn run_of(jobs: Vec<Job>) -> Run {
    Run { jobs, ..run(RunState::Running, Vec::new()) }
}

#[test]
fn enter_leads_inwards_and_esc_the_same_way_back() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.see_prod(rollout("v2"));
    cockpit.press(&[Key::Enter]);
    assert_eq!((cockpit.model.trail.view(), cockpit.model.focus), (View::Service, Panel::Pipeline));
    cockpit.press(&[Key::Tab, Key::Enter]);
    assert_eq!(cockpit.model.trail.view(), View::Revisions);
    let way: Vec<View> = cockpit.model.trail.views().collect();
    assert_eq!(way, [View::Cockpit, View::Service, View::Revisions]);
    cockpit.press(&[Key::Esc]);
    assert_eq!((cockpit.model.trail.view(), cockpit.model.focus), (View::Service, Panel::Environments));
    cockpit.press(&[Key::Esc]);
    assert_eq!((cockpit.model.trail.view(), cockpit.model.focus), (View::Cockpit, Panel::Board));
    cockpit.press(&[Key::Esc, Key::Esc]);
    assert_eq!(cockpit.model.trail.view(), View::Cockpit, "esc never quits");
    assert!(!cockpit.effects.contains(&Effect::Quit));
}

#[test]
fn a_digit_leads_to_a_view_from_anywhere_and_one_step_leads_back() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('3'), Key::Char('6'), Key::Char('9')]);
    assert_eq!(cockpit.model.trail.view(), View::Sources);
    cockpit.press(&[Key::Esc]);
    assert_eq!((cockpit.model.trail.view(), cockpit.model.focus), (View::Cockpit, Panel::Board));
}

#[test]
fn every_panel_of_every_view_is_reached_by_tab_and_none_of_another_view() {
    for view in View::ALL {
        let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
        cockpit.press(&[Key::Char('1')]);
        crate::app::views::jump(&mut cockpit.model, view);
        let first = cockpit.model.focus;
        let mut seen = vec![first];
        loop {
            cockpit.press(&[Key::Tab]);
            if cockpit.model.focus == first {
                break;
            }
            seen.push(cockpit.model.focus);
        }
        assert_eq!(seen, view.panels(), "{view:?}");
        cockpit.press(&[Key::BackTab]);
        assert_eq!(Some(&cockpit.model.focus), view.panels().last(), "{view:?}");
    }
}

#[test]
fn the_first_job_that_failed_is_at_hand_and_a_chosen_one_stays_wherever_it_goes() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    let failed = RunState::Failed("failure".into());
    cockpit.see_ci(vec![gate()], run_of(vec![job("build", RunState::Passed), job("e2e", failed.clone())]));
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.model.trail.job.as_ref().unwrap().id, "e2e");
    cockpit.press(&[Key::Char('k')]);
    assert_eq!(cockpit.model.trail.job.as_ref().unwrap().id, "build");
    let jobs = vec![job("lint", failed.clone()), job("e2e", failed), job("build", RunState::Passed)];
    cockpit.see_ci(vec![gate()], run_of(jobs));
    assert_eq!(job_at_hand(&cockpit.model).unwrap().id, "build");
    cockpit.see_ci(vec![gate()], run_of(vec![job("lint", RunState::Running)]));
    assert_eq!(job_at_hand(&cockpit.model).unwrap().id, "lint", "the chosen one is gone");
}

#[test]
fn a_roll_back_from_the_list_goes_to_the_revision_that_is_selected() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    let mut three = rollout("v2");
    three.revisions.push(Revision {
        id: "web-v0".into(),
        number: None,
        artifact: artifact("v0"),
        created: None,
        note: None,
        standing: Standing::Past,
    });
    cockpit.see_prod(three);
    cockpit.press(&[Key::Char('6'), Key::Char('j'), Key::Enter]);
    let (_, intent) = cockpit.asked().unwrap();
    assert_eq!(intent.target.revision(), Some(&"web-v0".into()));
    cockpit.press(&[Key::Esc, Key::Char('g'), Key::Enter]);
    assert!(cockpit.model.overlay().is_none(), "what runs now is nothing to go back to");
    assert!(cockpit.refusal().contains("asked for now"), "{}", cockpit.refusal());
}

#[test]
fn until_a_key_is_pressed_the_selection_goes_once_to_what_needs_a_human() {
    let services = || vec![service("api"), service("web"), service("zoo")];
    let mut cockpit = Cockpit::with(services(), Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    assert_eq!(cockpit.model.selected, Some(ServiceName::new("web")));
    let mut other = gate();
    other.key.run.service = ServiceName::new("zoo");
    cockpit.see_ci(vec![other.clone()], run(RunState::Passed, Vec::new()));
    assert_eq!(cockpit.model.selected, Some(ServiceName::new("web")), "once, and never again");

    let mut cockpit = Cockpit::with(services(), Access::ReadWrite);
    cockpit.press(&[Key::Esc]);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    assert_eq!(cockpit.model.selected, Some(ServiceName::new("api")), "a key makes it the operator's");
}

#[test]
fn a_key_that_comes_just_as_the_selection_goes_acts_on_nothing() {
    let services = vec![service("api"), service("web"), service("zoo")];
    let mut cockpit = Cockpit::with(services, Access::ReadWrite);
    cockpit.wait(crate::app::keys::UNREADY);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v1"));
    cockpit.press(&[Key::Char('a')]);
    assert!(cockpit.model.overlay().is_none(), "it was meant for api");
    assert!(cockpit.refusal().contains("press it again"), "{}", cockpit.refusal());
    cockpit.press(&[Key::Char('a')]);
    assert!(matches!(cockpit.model.overlay(), Some(Overlay::Dialog(_))), "{}", cockpit.refusal());
}

#[test]
fn a_key_that_only_moves_is_taken_even_then() {
    let services = vec![service("api"), service("web"), service("zoo")];
    let mut cockpit = Cockpit::with(services, Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.press(&[Key::Char('g')]);
    assert_eq!(cockpit.model.selected, Some(ServiceName::new("api")));
}

#[test]
fn the_worst_are_visited_one_after_the_other() {
    let mut cockpit = Cockpit::with(vec![service("api"), service("web"), service("zoo")], Access::ReadWrite);
    cockpit.press(&[Key::Esc]);
    for (index, verdict) in [Verdict::NoGo, Verdict::Hold, Verdict::NoGo].into_iter().enumerate() {
        cockpit.model.assessments[index].verdict = verdict;
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        cockpit.press(&[Key::Char('!')]);
        seen.push(cockpit.model.selected.clone().unwrap().to_string());
    }
    assert_eq!(seen, ["zoo", "api", "zoo"]);
}

#[test]
fn the_journal_is_read_when_it_is_looked_at_and_again_when_something_is_recorded() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    let read = |cockpit: &Cockpit| cockpit.effects.iter().filter(|e| **e == Effect::ReadJournal).count();
    cockpit.press(&[Key::Char('j')]);
    assert_eq!(read(&cockpit), 0);
    cockpit.press(&[Key::Char('8')]);
    assert_eq!(read(&cockpit), 1);
    cockpit.send(Msg::Progress(Progress::JournalRead(Ok(Vec::new()))));
    assert_eq!(read(&cockpit), 1, "an answer asks no new question");
    cockpit.send(Msg::Progress(Progress::Recorded(ActionId("test-1".into()))));
    assert_eq!(read(&cockpit), 2);
}
