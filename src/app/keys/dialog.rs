//! What keys do within the plan dialog: fields, choices, text, and at the very end the confirmation.

use tui_input::InputRequest;

use crate::app::deed;
use crate::app::dialog::{Dialog, Field, InputText};
use crate::app::key::{Key, Pace, Stroke};
use crate::app::model::Model;
use crate::app::msg::Effect;
use crate::domain::SafeText;

/// Takes one key press while a plan dialog is on top.
pub(super) fn press(model: &mut Model, stroke: Stroke) -> Vec<Effect> {
    let now = model.now;
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    dialog.notice = None;
    if stroke.pace == Pace::Burst {
        // What is pasted without brackets looks like this, and its enter may come late: the deaf time begins anew.
        dialog.opened = now;
    }
    if (stroke.key, dialog.field) != (Key::Enter, Field::Confirm) || stroke.pace == Pace::Burst {
        dialog.armed = None;
    }
    match (stroke.key, dialog.field) {
        (Key::Esc, _) => {
            model.overlays.pop();
            Vec::new()
        }
        (Key::Tab, _) => leave(model, 1),
        (Key::BackTab, _) => leave(model, -1),
        (Key::Enter, _) if stroke.pace == Pace::Burst => Vec::new(),
        (Key::Enter, Field::Confirm) => deed::confirm(model),
        (Key::Enter, Field::Glass) => deed::break_glass(model),
        (Key::Enter, Field::Cancel) => {
            model.overlays.pop();
            Vec::new()
        }
        (Key::Enter, Field::Name) if dialog.plan().is_some() => {
            dialog.field = Field::Confirm;
            Vec::new()
        }
        (Key::Enter, _) => leave(model, 1),
        (Key::PageDown, _) => scroll(dialog, 8),
        (Key::PageUp, _) => scroll(dialog, -8),
        (Key::Ctrl('e'), Field::Reason) => {
            // It comes back as a paste, changed or as it was.
            let reason = std::mem::take(&mut dialog.reason);
            vec![Effect::Edit(SafeText::new(reason.0.value()))]
        }
        (key, Field::Reason) => edit(dialog, key),
        (key, Field::Name) => edit(dialog, key),
        (Key::Left | Key::Up, Field::Choice) => choose(model, -1),
        (Key::Right | Key::Down, Field::Choice) => choose(model, 1),
        (Key::Left | Key::Right, field) => {
            let others: &[Field] =
                if field == Field::Cancel { &[Field::Confirm, Field::Glass] } else { &[Field::Cancel] };
            let fields = dialog.fields();
            if let Some(other) = others.iter().find(|other| fields.contains(other)) {
                dialog.field = *other;
            }
            Vec::new()
        }
        (Key::Char('j') | Key::Down, _) => scroll(dialog, 1),
        (Key::Char('k') | Key::Up, _) => scroll(dialog, -1),
        (Key::Char('q'), _) => {
            model.overlays.pop();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn scroll(dialog: &mut Dialog, by: i16) -> Vec<Effect> {
    dialog.scroll = dialog.scroll.saturating_add_signed(by).min(2_000);
    Vec::new()
}

/// Goes to another field. A reason that changed is part of the request, so the plan is made anew.
fn leave(model: &mut Model, by: isize) -> Vec<Effect> {
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    let reason_changed = dialog.field == Field::Reason
        && dialog.plan().is_some_and(|p| Some(&p.intent) != dialog.intent().as_ref());
    let fields = dialog.fields();
    let at = fields.iter().position(|f| *f == dialog.field).unwrap_or(0);
    let len = isize::try_from(fields.len()).unwrap_or(1);
    let next = (isize::try_from(at).unwrap_or(0) + by).rem_euclid(len);
    let next = usize::try_from(next).unwrap_or(0);
    dialog.field = fields.get(next).copied().unwrap_or_default();
    if reason_changed { deed::ask_for_plan(model) } else { Vec::new() }
}

fn choose(model: &mut Model, by: isize) -> Vec<Effect> {
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    let next = dialog.chosen.saturating_add_signed(by).min(dialog.choices.len().saturating_sub(1));
    if next == dialog.chosen {
        return Vec::new();
    }
    dialog.chosen = next;
    dialog.scroll = 0;
    deed::ask_for_plan(model)
}

fn edit(dialog: &mut Dialog, key: Key) -> Vec<Effect> {
    let input = if dialog.field == Field::Reason { &mut dialog.reason } else { &mut dialog.name };
    edit_line(input, key);
    Vec::new()
}

/// Takes a key into a line of text.
pub(in crate::app) fn edit_line(input: &mut InputText, key: Key) {
    let request = match key {
        Key::Char(c) => InputRequest::InsertChar(c),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home => InputRequest::GoToStart,
        Key::End => InputRequest::GoToEnd,
        _ => return,
    };
    if !matches!(request, InputRequest::InsertChar(_)) || input.0.value().chars().count() < 500 {
        input.0.handle(request);
    }
}
