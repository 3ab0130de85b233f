//! Lists to choose from, filters, previews and copies: they find, they show, they never confirm.

use super::*;
use crate::app::command::COMMANDS;
use crate::app::leaving::Parting;
use crate::app::menu::{self, Item, MenuKind, Pick};
use crate::app::spot::{Mouse, Point, Spot};
use crate::app::views::View;
use crate::domain::Reach;

fn type_text(cockpit: &mut Cockpit, text: &str) {
    for c in text.chars() {
        cockpit.press(&[Key::Char(c)]);
    }
}

/// The list on top: its kind and what it shows.
fn list(cockpit: &Cockpit) -> (MenuKind, Vec<Item>) {
    match cockpit.model.overlay() {
        Some(Overlay::Menu(menu)) => (menu.kind, menu::items(&cockpit.model, menu)),
        other => panic!("no list is open: {other:?}"),
    }
}

fn names(cockpit: &Cockpit) -> Vec<String> {
    list(cockpit).1.iter().map(|item| item.name.to_string()).collect()
}

/// Three services; the gate is web's.
fn three() -> Cockpit {
    let mut cockpit = Cockpit::with(["web", "checkout", "ledger"].map(service).to_vec(), Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v2"));
    cockpit
}

fn preview(cockpit: &mut Cockpit, key: char) {
    cockpit.press(&[Key::Char('w'), Key::Char(key)]);
    cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
}

#[test]
fn the_keys_of_the_focus_come_first_and_every_command_is_there() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('?')]);
    let (_, items) = list(&cockpit);
    assert_eq!(items.len(), COMMANDS.len());
    let groups: Vec<_> = items.iter().map(|item| item.group).collect();
    assert!(groups.is_sorted(), "live keys of the focus, other live ones, dead ones");
    assert!(items.iter().all(|item| item.able.is_err() == (item.group == menu::Group::Off)));
}

#[test]
fn enter_in_the_list_of_keys_does_what_the_key_would_and_never_confirms() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('?')]);
    type_text(&mut cockpit, "roll back");
    assert_eq!(names(&cockpit), ["roll back"]);
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.asked().map(|(_, intent)| intent.verb), Some(Verb::RollBack));
    assert_eq!(deed::dialog_mut(&mut cockpit.model).unwrap().field, Field::Cancel);
    assert!(cockpit.executed().is_empty());
}

#[test]
fn a_disabled_line_says_why_when_it_is_run() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('?')]);
    type_text(&mut cockpit, "resume");
    cockpit.press(&[Key::Enter]);
    assert!(cockpit.refusal().contains("is not paused"), "{}", cockpit.refusal());
}

#[test]
fn the_palette_finds_commands_views_and_services_by_what_is_like_them() {
    for (typed, first) in [
        ("approve", "approve"),
        ("rllbck", "roll-back"),
        ("inbox", "view-inbox"),
        ("ckout", "checkout"),
        ("checkout", "checkout"),
        ("look now", "look-now"),
    ] {
        let mut cockpit = three();
        cockpit.press(&[Key::Char(':')]);
        type_text(&mut cockpit, typed);
        assert_eq!(names(&cockpit).first().map(String::as_str), Some(first), "{typed}");
    }
}

#[test]
fn the_palette_goes_to_views_and_services() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char(':')]);
    type_text(&mut cockpit, "inbox");
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.model.trail.view(), View::Inbox);
    cockpit.press(&[Key::Char(':')]);
    type_text(&mut cockpit, "ledger");
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.model.trail.view(), View::Service);
    assert_eq!(cockpit.model.selected, Some(ServiceName::new("ledger")));
}

#[test]
fn tab_completes_and_the_arrow_recalls_what_was_run() {
    let mut cockpit = three();
    let line = |cockpit: &Cockpit| match cockpit.model.overlay() {
        Some(Overlay::Menu(menu)) => menu.typed().to_owned(),
        _ => String::new(),
    };
    cockpit.press(&[Key::Char(':'), Key::Char('w'), Key::Char('o'), Key::Char('r'), Key::Tab]);
    assert_eq!(line(&cockpit), "worst");
    cockpit.press(&[Key::Enter, Key::Char(':')]);
    type_text(&mut cockpit, "zoom");
    cockpit.press(&[Key::Enter, Key::Char(':'), Key::Up]);
    assert_eq!(line(&cockpit), "zoom");
    cockpit.press(&[Key::Up, Key::Up]);
    assert_eq!(line(&cockpit), "worst", "the oldest one stays");
    cockpit.press(&[Key::Down]);
    assert_eq!(line(&cockpit), "zoom");
    cockpit.press(&[Key::Down]);
    assert_eq!(line(&cockpit), "");
    cockpit.press(&[Key::Esc]);
    assert_eq!(cockpit.model.overlay(), None);
}

#[test]
fn what_is_pasted_into_a_list_is_text_and_a_burst_runs_nothing() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char(':')]);
    cockpit.send(Msg::Paste("roll-back\n".into()));
    assert!(matches!(cockpit.model.overlay(), Some(Overlay::Menu(_))), "it runs nothing");
    for key in [Key::Backspace, Key::Enter, Key::Enter] {
        cockpit.send(Msg::Key(Stroke { key, pace: Pace::Burst }));
    }
    assert!(matches!(cockpit.model.overlay(), Some(Overlay::Menu(_))));
    assert!(cockpit.asked().is_none());
}

#[test]
fn a_preview_has_no_button_that_confirms_and_no_key_confirms_it() {
    let mut cockpit = three();
    preview(&mut cockpit, 'r');
    cockpit.wait(DEAF);
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    assert_eq!(dialog.fields(), [Field::Cancel]);
    assert!(dialog.plan().is_some());
    for key in [Key::Tab, Key::Right, Key::BackTab, Key::Left, Key::Char('w'), Key::Char('r')] {
        cockpit.press(&[key]);
        assert_eq!(deed::dialog_mut(&mut cockpit.model).unwrap().field, Field::Cancel, "{key}");
    }
    deed::dialog_mut(&mut cockpit.model).unwrap().field = Field::Confirm;
    cockpit.press(&[Key::Enter]);
    assert!(cockpit.executed().is_empty(), "not even if it had one");
}

#[test]
fn what_may_not_be_done_can_still_be_looked_at() {
    let mut frozen = service("web");
    frozen.environments[0].policy.access = Access::ReadOnly;
    for (services, access, broken) in
        [(vec![service("web")], Access::ReadOnly, 0), (vec![frozen], Access::ReadWrite, 1)]
    {
        let mut cockpit = Cockpit::with(services, access);
        cockpit.see_ci(Vec::new(), run(RunState::Passed, Vec::new()));
        cockpit.see_prod(rollout("v2"));
        preview(&mut cockpit, 'r');
        cockpit.wait(DEAF);
        let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
        assert_eq!(dialog.plan().map(|plan| plan.overrides.len()), Some(broken), "{:?}", dialog.draft);
        assert_eq!(dialog.fields(), [Field::Cancel], "no way from here to the glass");
        cockpit.press(&[Key::Right, Key::Enter]);
        assert!(cockpit.executed().is_empty());
    }
}

#[test]
fn a_plan_can_be_looked_at_as_a_preview_and_is_made_anew_afterwards() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('r')]);
    cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
    let first = cockpit.asked().unwrap().0;
    cockpit.press(&[Key::Char('w')]);
    assert_eq!(cockpit.model.overlays.len(), 2);
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.model.overlays.len(), 1);
    assert!(cockpit.asked().unwrap().0 > first, "the plan below may have grown old meanwhile");
    assert!(cockpit.executed().is_empty());
}

#[test]
fn a_plan_is_copied_as_the_command_that_does_the_same() {
    let mut cockpit = three();
    let reach = Reach::Http { base: "http://prod.test".into(), token: Some("TOKEN") };
    cockpit.model.setup.reach.insert(SourceName::new(PROD), reach);
    preview(&mut cockpit, 'r');
    cockpit.press(&[Key::Char('y')]);
    let copied = cockpit.effects.iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.to_string()),
        _ => None,
    });
    let wanted = "curl -sS -X 'POST' -H \"Authorization: Bearer $TOKEN\" 'http://prod.test/x'";
    assert_eq!(copied.as_deref(), Some(wanted));
}

#[test]
fn what_can_be_copied_is_chosen_from_a_list() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('y')]);
    assert_eq!(list(&cockpit).0, MenuKind::Copy);
    let names = names(&cockpit);
    let at = names.iter().position(|name| name == "live digest").unwrap_or_else(|| panic!("{names:?}"));
    cockpit.press(&vec![Key::Down; at]);
    assert!(!cockpit.effects.iter().any(|e| matches!(e, Effect::Copy(_))), "only on the operator's key");
    cockpit.press(&[Key::Enter]);
    assert!(cockpit.effects.contains(&Effect::Copy("sha256:v2".into())), "{:?}", cockpit.effects.last());
}

#[test]
fn every_list_keeps_its_own_filter_when_its_view_is_left() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('/')]);
    type_text(&mut cockpit, "checj");
    assert_eq!(cockpit.model.filter(Panel::Board), "checj", "letters of the moves can be typed");
    cockpit.press(&[Key::Backspace, Key::Enter, Key::Char('2'), Key::Char('/')]);
    type_text(&mut cockpit, "!web");
    cockpit.press(&[Key::Enter, Key::Char('1')]);
    assert_eq!((cockpit.model.filter(Panel::Board), cockpit.model.filter(Panel::Inbox)), ("chec", "!web"));
    assert_eq!(cockpit.model.shown, [0, 1], "checkout, and web, whose gate is selected");
    cockpit.press(&[Key::Char('2'), Key::Esc]);
    assert_eq!(cockpit.model.filter(Panel::Inbox), "");
    assert_eq!(cockpit.model.trail.view(), View::Inbox, "the filter is cleared before the view is left");
}

#[test]
fn a_filter_that_hides_the_selected_gate_leaves_no_gate_at_hand() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('2')]);
    assert!(cockpit.model.gate_at_hand().is_some());
    cockpit.press(&[Key::Char('/')]);
    type_text(&mut cockpit, "!web");
    cockpit.press(&[Key::Enter, Key::Char('a')]);
    assert!(cockpit.model.gate_at_hand().is_none());
    assert!(cockpit.asked().is_none(), "what is not shown is not acted upon");
}

#[test]
fn no_action_key_is_taken_right_after_the_start() {
    let mut cockpit = three();
    cockpit.model.began = cockpit.model.now;
    cockpit.press(&[Key::Char('r')]);
    assert!(cockpit.asked().is_none());
    assert!(cockpit.refusal().contains("too soon"), "{}", cockpit.refusal());
    cockpit.wait(keys::UNREADY);
    cockpit.press(&[Key::Char('r')]);
    assert!(cockpit.asked().is_some());
}

#[test]
fn leaving_with_a_summary_is_told_apart() {
    for (key, parting) in [('q', Parting::Brief), ('Q', Parting::Summary)] {
        let mut cockpit = three();
        cockpit.press(&[Key::Char(key)]);
        assert!(cockpit.effects.contains(&Effect::Quit));
        assert_eq!(cockpit.model.parting, parting);
    }
}

#[test]
fn the_mouse_selects_and_scrolls_and_never_acts() {
    let mut cockpit = three();
    let spot = Spot::Service(ServiceName::new("ledger"));
    cockpit.send(Msg::Point(Point::Press(spot.clone())));
    assert_ne!(cockpit.model.selected, Some(ServiceName::new("ledger")), "it is the terminal's");
    cockpit.press(&[Key::Char('m')]);
    assert!(cockpit.effects.contains(&Effect::Mouse(Mouse::Cockpit)));
    cockpit.send(Msg::Point(Point::Press(spot)));
    assert_eq!(cockpit.model.selected, Some(ServiceName::new("ledger")));
    cockpit.send(Msg::Point(Point::Press(Spot::Tab(View::Inbox))));
    cockpit.send(Msg::Point(Point::Press(Spot::Gate(gate_key()))));
    assert_eq!((cockpit.model.trail.view(), cockpit.model.gate.clone()), (View::Inbox, Some(gate_key())));
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Right]);
    let before = cockpit.effects.len();
    for point in [
        Point::Press(Spot::Panel(Panel::Board)),
        Point::Press(Spot::Tab(View::Cockpit)),
        Point::Press(Spot::Line(0)),
        Point::Wheel(None, 3),
    ] {
        cockpit.send(Msg::Point(point));
    }
    assert_eq!(cockpit.effects.len(), before, "over a plan it does nothing but scroll");
    assert_eq!(deed::dialog_mut(&mut cockpit.model).unwrap().scroll, 3);
    cockpit.send(Msg::Key(Stroke { key: Key::Esc, pace: Pace::Single }));
    cockpit.press(&[Key::Char('?')]);
    let third = list(&cockpit).1[2].pick.clone();
    cockpit.send(Msg::Point(Point::Press(Spot::Line(2))));
    let chosen = match cockpit.model.overlay() {
        Some(Overlay::Menu(menu)) => menu.chosen.clone(),
        _ => None,
    };
    assert_eq!(chosen, Some(third), "a click chooses and runs nothing");
}

#[test]
fn configured_keys_are_the_ones_that_act() {
    let mut cockpit = three();
    cockpit.model.setup.keys.bind(Command::RollBack, vec![Key::F(5)]);
    cockpit.press(&[Key::Char('r')]);
    assert!(cockpit.asked().is_none());
    cockpit.press(&[Key::F(5)]);
    assert_eq!(cockpit.asked().map(|(_, intent)| intent.verb), Some(Verb::RollBack));
}

#[test]
fn every_line_of_a_list_is_found_again_by_what_it_is() {
    let mut cockpit = three();
    cockpit.press(&[Key::Char('?'), Key::Down, Key::Down]);
    let chosen = |cockpit: &Cockpit| match cockpit.model.overlay() {
        Some(Overlay::Menu(menu)) => menu.at_hand(&menu::items(&cockpit.model, menu)),
        _ => None,
    };
    let before = chosen(&cockpit);
    assert!(matches!(before, Some(Pick::Command(_))));
    // The gate goes: other lines move up and down.
    cockpit.see_ci(Vec::new(), run(RunState::Running, Vec::new()));
    assert_eq!(chosen(&cockpit), before);
}
