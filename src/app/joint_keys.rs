//! What keys do in the dialog of several targets, and around sagas.

use tui_input::InputRequest;

use super::deed::{self, joint};
use super::dialog::Field;
use super::key::{Key, Pace, Stroke};
use super::keys::edit_line;
use super::model::{Model, Overlay};
use super::msg::Effect;
use crate::domain::SafeText;

/// Takes one key press while the dialog of several targets is on top.
pub(super) fn press(model: &mut Model, stroke: Stroke) -> Vec<Effect> {
    let now = model.now;
    let Some(dialog) = joint::joint_mut(model) else { return Vec::new() };
    dialog.notice = None;
    if stroke.pace == Pace::Burst {
        // As in the dialog of one target: what is pasted without brackets never confirms.
        dialog.opened = now;
    }
    match (stroke.key, dialog.field) {
        (Key::Esc, _) | (Key::Enter, Field::Cancel)
            if stroke.pace != Pace::Burst || stroke.key == Key::Esc =>
        {
            model.overlays.pop();
        }
        (Key::Tab, _) => return leave(model, 1),
        (Key::BackTab, _) => return leave(model, -1),
        (Key::Enter, _) if stroke.pace == Pace::Burst => {}
        (Key::Enter, Field::Confirm) => return joint::confirm(model),
        (Key::Enter, Field::Name) => dialog.field = Field::Confirm,
        (Key::Enter, _) => return leave(model, 1),
        (Key::PageDown, _) => scroll(model, 8),
        (Key::PageUp, _) => scroll(model, -8),
        (key, Field::Reason) => edit_line(&mut dialog.reason, key),
        (key, Field::Name) => edit_line(&mut dialog.name, key),
        (Key::Left | Key::Right, field) => {
            let other = if field == Field::Cancel { Field::Confirm } else { Field::Cancel };
            if dialog.fields().contains(&other) {
                dialog.field = other;
            }
        }
        (Key::Char('x'), _) => return joint::leave_out(model),
        (Key::Char('j') | Key::Down, _) => scroll(model, 1),
        (Key::Char('k') | Key::Up, _) => scroll(model, -1),
        (Key::Char('q'), _) => {
            model.overlays.pop();
        }
        _ => {}
    }
    Vec::new()
}

fn scroll(model: &mut Model, by: i16) {
    if let Some(dialog) = joint::joint_mut(model) {
        dialog.scroll = dialog.scroll.saturating_add_signed(by).min(2_000);
    }
}

/// Goes to another field. A reason that changed is part of the requests, so the plans are made anew.
fn leave(model: &mut Model, by: isize) -> Vec<Effect> {
    let Some(dialog) = joint::joint_mut(model) else { return Vec::new() };
    let differs = dialog
        .parts
        .iter()
        .any(|part| part.plan().is_some_and(|plan| Some(&plan.intent) != dialog.intent(part).as_ref()));
    let changed = dialog.field == Field::Reason && differs;
    let fields = dialog.fields();
    let at = fields.iter().position(|field| *field == dialog.field).unwrap_or(0);
    let len = isize::try_from(fields.len()).unwrap_or(1);
    let next = (isize::try_from(at).unwrap_or(0) + by).rem_euclid(len);
    dialog.field = usize::try_from(next).ok().and_then(|next| fields.get(next)).copied().unwrap_or_default();
    if changed { joint::ask_again(model) } else { Vec::new() }
}

/// Takes pasted text into the reason, if that has the keyboard. Returns whether it did.
pub(super) fn paste(model: &mut Model, text: &SafeText) -> bool {
    let Some(dialog) = joint::joint_mut(model).filter(|dialog| dialog.field == Field::Reason) else {
        return false;
    };
    for c in text.as_str().chars().take(500) {
        dialog.reason.0.handle(InputRequest::InsertChar(c));
    }
    true
}

/// What the follow key shows: the newest action, or the saga that it belongs to.
pub(super) fn newest(model: &Model) -> Option<Overlay> {
    let action = model.actions.last();
    let part = action.and_then(|action| action.plan.part.as_ref()).map(|part| part.saga.clone());
    let saga = part.filter(|id| model.saga(id).is_some());
    match (action, saga) {
        (_, Some(id)) => Some(Overlay::FollowSaga(id)),
        (Some(action), None) => Some(Overlay::Follow(action.id.clone())),
        (None, None) => model.sagas.last().map(|run| Overlay::FollowSaga(run.saga.id.clone())),
    }
}

/// From the view of a saga to a new dialog for what is not verified.
pub(super) fn go_on(model: &mut Model) -> Vec<Effect> {
    match model.overlays.last() {
        Some(Overlay::FollowSaga(id)) => {
            let id = id.clone();
            deed::saga::go_on(model, &id)
        }
        _ => Vec::new(),
    }
}
