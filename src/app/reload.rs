//! From the model of an old config to that of a new one: what the operator sees and has done goes on, what was known
//! of the world is asked for anew.

use super::activity::{self, Event, EventKind};
use super::board;
use super::model::{Model, Overlay, Toast, Tone};
use crate::domain::SafeText;

/// Carries over what is the operator's. A dialog is not: its plan was made under the old config. Must not be called
/// while actions are in flight.
pub fn carry_over(old: &Model, new: &mut Model) {
    let cancelled =
        old.overlays.iter().any(|overlay| matches!(overlay, Overlay::Dialog(_) | Overlay::Joint(_)));
    for (service, index) in &old.environments {
        let named = old.service(service).and_then(|s| s.environments.get(*index)).map(|e| &e.name);
        let place =
            new.service(service).and_then(|s| s.environments.iter().position(|e| Some(&e.name) == named));
        if let Some(place) = place {
            new.environments.insert(service.clone(), place);
        }
    }
    if let Some(name) = old.selected.as_ref().filter(|name| new.service(name).is_some()) {
        new.selected = Some(name.clone());
    }
    new.now = old.now;
    new.began = old.began;
    new.size = old.size;
    new.gate.clone_from(&old.gate);
    new.focus = old.focus;
    new.zoom = old.zoom;
    new.filters.clone_from(&old.filters);
    new.trail.clone_from(&old.trail);
    new.log.clone_from(&old.log);
    new.selection = old.selection;
    new.history.clone_from(&old.history);
    new.mouse = old.mouse;
    new.incidents.clone_from(&old.incidents);
    new.sagas.clone_from(&old.sagas);
    new.left_sagas.clone_from(&old.left_sagas);
    new.records.clone_from(&old.records);
    new.typing = old.typing;
    new.actions.clone_from(&old.actions);
    new.activity.clone_from(&old.activity);
    new.journal_fault.clone_from(&old.journal_fault);
    new.left.clone_from(&old.left);
    new.tickets = old.tickets;
    new.confirmed = old.confirmed;
    new.session.clone_from(&old.session);
    board::refilter(new);
    let text = if cancelled {
        "the config changed: the plan on the screen was cancelled, and nothing was sent"
    } else {
        "the config changed, and the new one is in force"
    };
    let text = SafeText::new(text);
    let event =
        Event { at: old.now, kind: EventKind::Plain, service: None, source: None, text: text.clone() };
    activity::push(&mut new.activity, event);
    new.toast = Some(Toast { text, tone: Tone::Info, since: old.now });
}
