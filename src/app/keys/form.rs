//! What keys do in the form of a plan dialog: the values that a gate asks for.

use super::dialog::edit_line;
use crate::app::dialog::{Dialog, InputText};
use crate::app::key::Key;
use crate::domain::FormKind;

/// Takes a key into the field of the form that has the keyboard.
pub(super) fn edit(dialog: &mut Dialog, key: Key) {
    let Some(field) = dialog.form_field().cloned() else { return };
    let held = dialog.filled_in(&field).to_owned();
    let step: isize = match (&field.kind, key) {
        (FormKind::Text, key) => {
            let input = dialog.answers.entry(field.name).or_insert_with(|| InputText(held.into()));
            return edit_line(input, key);
        }
        (_, Key::Left | Key::Up) => -1,
        (_, Key::Right | Key::Down | Key::Char(' ')) => 1,
        _ => {
            dialog.notice = Some("left and right choose here".into());
            return;
        }
    };
    let choices: Vec<&str> = match &field.kind {
        FormKind::Choice(choices) => choices.iter().map(|choice| choice.as_str()).collect(),
        FormKind::Text | FormKind::Switch => vec!["false", "true"],
    };
    let Some(last) = choices.len().checked_sub(1) else { return };
    let next = match choices.iter().position(|choice| *choice == held) {
        Some(at) => at.saturating_add_signed(step).min(last),
        None => 0,
    };
    if let Some(choice) = choices.get(next) {
        dialog.answers.insert(field.name, InputText((*choice).into()));
    }
}
