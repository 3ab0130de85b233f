//! The dialog that asks for a name: few keys for a person, none for anything else.

use super::*;

/// A dialog whose plan asks for the name, and perhaps for a reason.
fn asked(reason: ReasonRule) -> Cockpit {
    let mut strict = service("web");
    strict.environments[0].policy.confirm = Confirm::TypeName;
    strict.environments[0].policy.reason = reason;
    let mut cockpit = Cockpit::with(vec![strict], Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v2"));
    cockpit.press(&[Key::Char('r')]);
    cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
    cockpit
}

fn dialog(cockpit: &mut Cockpit) -> &mut super::dialog::Dialog {
    deed::dialog_mut(&mut cockpit.model).expect("a dialog is open")
}

fn notice(cockpit: &mut Cockpit) -> String {
    dialog(cockpit).notice.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn type_text(cockpit: &mut Cockpit, text: &str) {
    for c in text.chars() {
        cockpit.press(&[Key::Char(c)]);
    }
}

#[test]
fn where_only_the_name_is_asked_for_it_can_be_typed_at_once_and_enter_confirms() {
    let mut cockpit = asked(ReasonRule::Optional);
    assert_eq!(dialog(&mut cockpit).field, Field::Name);
    cockpit.wait(DEAF);
    type_text(&mut cockpit, "web");
    assert!(cockpit.executed().is_empty());
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.executed().len(), 1);
}

#[test]
fn a_wrong_name_says_so_and_stays() {
    let mut cockpit = asked(ReasonRule::Optional);
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Enter]);
    assert_eq!(notice(&mut cockpit), "type web to confirm", "an empty one");
    type_text(&mut cockpit, "wed");
    cockpit.press(&[Key::Enter]);
    assert_eq!(notice(&mut cockpit), "this is not the name: type web");
    assert_eq!(dialog(&mut cockpit).field, Field::Name);
    assert!(cockpit.executed().is_empty());
    cockpit.press(&[Key::Backspace, Key::Char('b'), Key::Enter]);
    assert_eq!(cockpit.executed().len(), 1);
}

#[test]
fn the_right_name_too_soon_in_a_burst_or_without_its_reason_confirms_nothing() {
    let mut cockpit = asked(ReasonRule::Optional);
    for c in "web".chars() {
        cockpit.send(Msg::Key(Stroke { key: Key::Char(c), pace: Pace::Single }));
    }
    cockpit.send(Msg::Key(Stroke { key: Key::Enter, pace: Pace::Single }));
    assert!(notice(&mut cockpit).contains("too soon"), "{}", notice(&mut cockpit));
    cockpit.wait(DEAF);
    cockpit.send(Msg::Key(Stroke { key: Key::Enter, pace: Pace::Burst }));
    assert!(cockpit.executed().is_empty());
    let mut cockpit = asked(ReasonRule::Required);
    cockpit.wait(DEAF);
    dialog(&mut cockpit).field = Field::Name;
    type_text(&mut cockpit, "web");
    cockpit.press(&[Key::Enter]);
    assert_eq!(notice(&mut cockpit), "a reason is required");
    assert!(cockpit.executed().is_empty());
}

#[test]
fn where_more_is_asked_for_cancel_has_the_focus_and_a_letter_is_not_lost_silently() {
    let mut cockpit = asked(ReasonRule::Required);
    assert_eq!(dialog(&mut cockpit).field, Field::Cancel);
    cockpit.press(&[Key::Char('e')]);
    assert_eq!(notice(&mut cockpit), "not typed anywhere: tab to the name");
    assert!(dialog(&mut cockpit).name.0.value().is_empty());
}

#[test]
fn the_focus_does_not_leave_where_the_operator_put_it() {
    let mut cockpit = asked(ReasonRule::Optional);
    cockpit.press(&[Key::BackTab]);
    let field = dialog(&mut cockpit).field;
    let effects = deed::ask_for_plan(&mut cockpit.model);
    cockpit.effects.extend(effects);
    cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
    assert_eq!(dialog(&mut cockpit).field, field);
    assert_ne!(field, Field::Name);
}
