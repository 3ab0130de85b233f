//! The form of a gate in the plan dialog: what it asks for is shown, filled in, and part of the request.

use super::*;
use crate::domain::{FormField, FormKind};

fn field(intent: &Intent, name: &str, kind: FormKind, default: &str) -> FormField {
    let value = intent.answers.get(&SafeText::new(name)).cloned().unwrap_or_else(|| default.into());
    FormField { name: name.into(), about: "what for".into(), kind, value }
}

/// The form as a provider makes it: the answers, else the defaults.
fn form(intent: &Intent) -> Vec<FormField> {
    vec![
        field(intent, "REGION", FormKind::Choice(vec!["eu".into(), "us".into(), "ap".into()]), "eu"),
        field(intent, "TICKET", FormKind::Text, "none"),
        field(intent, "DRY_RUN", FormKind::Switch, "false"),
    ]
}

fn answer(cockpit: &mut Cockpit) {
    let (_, intent) = cockpit.asked().unwrap();
    cockpit.prepare_with(decided(), form(&intent));
}

fn planned() -> Cockpit {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    answer(&mut cockpit);
    cockpit
}

fn answers(cockpit: &Cockpit) -> Vec<(String, String)> {
    let (_, intent) = cockpit.asked().unwrap();
    intent.answers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn field_at_hand(cockpit: &mut Cockpit) -> Field {
    deed::dialog_mut(&mut cockpit.model).unwrap().field
}

#[test]
fn what_is_filled_in_is_part_of_the_next_plan_and_of_what_is_sent() {
    let mut cockpit = planned();
    cockpit.press(&[Key::Tab]);
    assert_eq!(field_at_hand(&mut cockpit), Field::Form(0));
    cockpit.press(&[Key::Right, Key::Tab]);
    assert_eq!(field_at_hand(&mut cockpit), Field::Form(1));
    assert!(answers(&cockpit).is_empty(), "a form is asked about once, not for each of its values");
    cockpit.press(&[Key::Backspace; 4]);
    cockpit.press(&"S-1".chars().map(Key::Char).collect::<Vec<_>>());
    cockpit.press(&[Key::Enter, Key::Char(' '), Key::Tab]);
    let all = [("DRY_RUN", "true"), ("REGION", "us"), ("TICKET", "S-1")];
    assert_eq!(answers(&cockpit), all.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!deed::dialog_mut(&mut cockpit.model).unwrap().form.is_empty(), "the form stays meanwhile");
    answer(&mut cockpit);
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Tab, Key::Enter]);
    assert_eq!(cockpit.executed().len(), 1);
    let sent = &cockpit.model.actions.last().unwrap().plan;
    assert_eq!(sent.intent.answers.len(), 3);
    assert_eq!(
        sent.prepared.form.iter().map(|f| f.value.as_str()).collect::<Vec<_>>(),
        ["us", "S-1", "true"]
    );
}

#[test]
fn nothing_is_confirmed_with_values_that_the_plan_has_not_seen() {
    let mut cockpit = planned();
    cockpit.press(&[Key::Tab, Key::Right]);
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    dialog.field = Field::Confirm;
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Enter]);
    assert!(cockpit.executed().is_empty());
    assert_eq!(answers(&cockpit), [("REGION".to_owned(), "us".to_owned())]);
}

#[test]
fn a_choice_stops_at_its_ends_and_takes_no_letters() {
    let mut cockpit = planned();
    cockpit.press(&[Key::Tab]);
    for (key, value) in [(Key::Left, "eu"), (Key::Right, "us"), (Key::Right, "ap"), (Key::Right, "ap")] {
        cockpit.press(&[key]);
        let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
        assert_eq!(
            dialog.form_field().map(|field| dialog.filled_in(field).to_owned()).as_deref(),
            Some(value)
        );
    }
    cockpit.press(&[Key::Char('q')]);
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    assert!(dialog.notice.is_some(), "a letter is told where it cannot go, and closes nothing");
}

#[test]
fn a_gate_that_cannot_be_turned_down_says_what_comes_nearest() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    let why = "a manual job cannot be rejected: cancel the pipeline instead";
    let manual = Gate { no_reject: Some(why.into()), ..gate() };
    cockpit.see_ci(vec![manual], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.press(&[Key::Char('x')]);
    assert!(cockpit.refusal().contains(why), "{}", cockpit.refusal());
    assert!(cockpit.asked().is_none());
    cockpit.press(&[Key::Esc, Key::Char('a')]);
    assert_eq!(cockpit.asked().unwrap().1.verb, Verb::Approve);
}

#[test]
fn the_inbox_begins_with_what_holds_most_and_then_longest() {
    let mut cockpit = Cockpit::new(Access::ReadWrite);
    let key = |id: &str| RunKey { id: id.into(), ..run_key() };
    let with = |id: &str, number, workflow: &str, state| Run {
        key: key(id),
        number,
        workflow: workflow.into(),
        ..run(state, Vec::new())
    };
    let waits = |id: &str, minutes: i64, waits_for| Gate {
        key: GateKey { run: key(id), ..gate_key() },
        since: Some(Now::START.wall - jiff::SignedDuration::from_mins(minutes)),
        waits_for,
        ..gate()
    };
    let runs = vec![
        with("4", 9, "a.yml", RunState::Blocked),
        with("3", 8, "a.yml", RunState::WaitingForHuman),
        with("2", 5, "b.yml", RunState::WaitingForHuman),
        with("1", 4, "c.yml", RunState::WaitingForHuman),
    ];
    let gates = vec![
        waits("1", 90, WaitsFor::Timer),
        waits("2", 60, WaitsFor::Human),
        waits("1", 30, WaitsFor::Human),
        waits("3", 1, WaitsFor::Human),
    ];
    let pipelines = BTreeMap::from([(ServiceName::new("web"), Pipeline { runs, remarks: Vec::new() })]);
    cockpit.see(CI, Ok(Observation { pipelines, gates, ..Observation::default() }));
    let order: Vec<_> =
        cockpit.model.inbox.iter().map(|g| (g.value.key.run.id.as_str(), g.value.waits_for)).collect();
    let (human, timer) = (WaitsFor::Human, WaitsFor::Timer);
    assert_eq!(order, [("3", human), ("2", human), ("1", human), ("1", timer)]);
}
