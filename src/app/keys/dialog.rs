//! What keys do within the plan dialog: fields, choices, text, and at the very end the confirmation.

use tui_input::InputRequest;

use super::form;
use crate::app::command::Command;
use crate::app::copy;
use crate::app::deed;
use crate::app::dialog::{Dialog, Draft, Field, InputText, Purpose, Rest};
use crate::app::key::{Key, Pace, Stroke};
use crate::app::model::{Model, Overlay};
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
    if matches!(stroke.key, Key::Tab | Key::BackTab | Key::Left | Key::Right) {
        dialog.rest = Rest::Moved;
    }
    if let Some(effects) = look_aside(model, stroke.key) {
        return effects;
    }
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    match (stroke.key, dialog.field) {
        (Key::Esc, _) => deed::close(model),
        (Key::Tab, _) => leave(model, 1),
        (Key::BackTab, _) => leave(model, -1),
        (Key::Enter, _) if stroke.pace == Pace::Burst => Vec::new(),
        (Key::Enter, Field::Confirm) => deed::confirm(model),
        (Key::Enter, Field::Glass) => deed::break_glass(model),
        (Key::Enter, Field::Cancel) => deed::close(model),
        (Key::Enter, Field::Name) => name_entered(model),
        (Key::Enter, _) => leave(model, 1),
        (Key::PageDown, _) => scroll(dialog, 8),
        (Key::PageUp, _) => scroll(dialog, -8),
        (Key::Ctrl('e'), Field::Reason) => {
            // It comes back as a paste, changed or as it was.
            let reason = std::mem::take(&mut dialog.reason);
            vec![Effect::Edit(SafeText::new(reason.0.value()))]
        }
        (key, Field::Form(_)) => {
            form::edit(dialog, key);
            Vec::new()
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
        (Key::Char('q'), _) => deed::close(model),
        (Key::Char(_), _) => {
            dialog.notice = typed_beside(dialog);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// The keys that show or copy what would happen, where they are no text.
fn look_aside(model: &mut Model, key: Key) -> Option<Vec<Effect>> {
    let dialog = deed::dialog_mut(model)?;
    if dialog.takes_text() {
        return None;
    }
    match model.setup.keys.command_of(key)? {
        Command::WhatIf => {
            deed::preview_this(model);
            Some(Vec::new())
        }
        Command::Copy => {
            let Some(Overlay::Dialog(dialog)) = model.overlay() else { return None };
            let plan = dialog.plan().ok_or("there is no plan to copy yet");
            match plan.and_then(|plan| copy::by_hand(model, plan)) {
                Ok(text) => Some(copy::copied(model, text)),
                Err(why) => {
                    deed::dialog_mut(model)?.notice = Some(why.into());
                    Some(Vec::new())
                }
            }
        }
        _ => None,
    }
}

/// Enter where the name is typed: it confirms when the name is right and nothing else is missing, and otherwise says
/// what is. A plan that breaks the glass is confirmed on its button, twice.
fn name_entered(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    let Some(plan) = dialog.plan() else {
        dialog.notice = dialog.missing(now);
        return Vec::new();
    };
    let right = plan.phrase.as_ref().is_some_and(|phrase| dialog.name.0.value() == phrase.as_str());
    if right && plan.breaks_glass() {
        dialog.field = Field::Confirm;
        return Vec::new();
    }
    match dialog.missing(now) {
        None => return deed::confirm(model),
        Some(_) if !right && !dialog.name.0.value().is_empty() => {
            let phrase = plan.phrase.as_ref().map_or("", |phrase| phrase.as_str());
            dialog.notice = Some(SafeText::new(&format!("this is not the name: type {phrase}")));
        }
        Some(missing) => dialog.notice = Some(missing),
    }
    Vec::new()
}

/// What a letter beside every field is told: it went nowhere, and where it may have been meant to go.
fn typed_beside(dialog: &Dialog) -> Option<SafeText> {
    let plan = match (&dialog.draft, dialog.purpose) {
        (Draft::Asking(_), Purpose::Act) => return Some("not typed anywhere: the plan is not ready".into()),
        (Draft::Ready(plan), Purpose::Act) => plan,
        _ => return None,
    };
    plan.phrase.as_ref()?;
    Some("not typed anywhere: tab to the name".into())
}

fn scroll(dialog: &mut Dialog, by: i16) -> Vec<Effect> {
    dialog.scroll = dialog.scroll.saturating_add_signed(by).min(2_000);
    Vec::new()
}

/// Goes to another field. A reason or a value that changed is part of the request, so the plan is made anew; of a form
/// once for all its values.
fn leave(model: &mut Model, by: isize) -> Vec<Effect> {
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    let changed = matches!(dialog.field, Field::Reason | Field::Form(_))
        && dialog.plan().is_some_and(|p| Some(&p.intent) != dialog.intent().as_ref());
    let fields = dialog.fields();
    let at = fields.iter().position(|f| *f == dialog.field).unwrap_or(0);
    let len = isize::try_from(fields.len()).unwrap_or(1);
    let next = (isize::try_from(at).unwrap_or(0) + by).rem_euclid(len);
    let next = usize::try_from(next).unwrap_or(0);
    dialog.field = fields.get(next).copied().unwrap_or_default();
    let changed = changed && !matches!(dialog.field, Field::Form(_));
    if changed { deed::ask_for_plan(model) } else { Vec::new() }
}

fn choose(model: &mut Model, by: isize) -> Vec<Effect> {
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    let next = dialog.chosen.saturating_add_signed(by).min(dialog.choices.len().saturating_sub(1));
    if next == dialog.chosen {
        return Vec::new();
    }
    dialog.chosen = next;
    dialog.scroll = 0;
    dialog.form.clear();
    dialog.answers.clear();
    deed::ask_for_plan(model)
}

fn edit(dialog: &mut Dialog, key: Key) -> Vec<Effect> {
    let input = if dialog.field == Field::Reason { &mut dialog.reason } else { &mut dialog.name };
    edit_line(input, key);
    Vec::new()
}

/// Takes a key into a line of text.
pub(in crate::app) fn edit_line(input: &mut InputText, key: Key) {
    let Some(request) = key.edits() else { return };
    if !matches!(request, InputRequest::InsertChar(_)) || input.0.value().chars().count() < 500 {
        input.0.handle(request);
    }
}
