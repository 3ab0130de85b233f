//! From a key to a proved outcome: opening the dialog and confirming ([`draft`]), following an action to its outcome
//! ([`follow`]), taking up what an earlier session left behind ([`resume`]), and several targets at once ([`joint`],
//! [`saga`]).

mod draft;
mod follow;
pub mod joint;
pub mod resume;
pub mod saga;

use super::activity::{self, Event, EventKind};
use super::command::Command;
use super::dialog::Dialog;
use super::model::{Action, Model, Overlay, Toast, Tone};
use super::msg::Effect;
use crate::domain::{ActionId, Intent, Progress, SafeText, Verb};

pub use draft::{ask_for_plan, break_glass, close, confirm, open, preview, preview_this, reconsider};
pub use follow::LOST;

/// The verb of a command, if it is one that changes something.
#[must_use]
pub const fn verb_of(command: Command) -> Option<Verb> {
    Some(match command {
        Command::Approve => Verb::Approve,
        Command::Reject => Verb::Reject,
        Command::Promote => Verb::Promote,
        Command::RollBack => Verb::RollBack,
        Command::Pause => Verb::Pause,
        Command::Resume => Verb::Resume,
        Command::PromoteFully => Verb::PromoteFully,
        Command::Abort => Verb::Abort,
        Command::Retry => Verb::Retry,
        Command::Restart => Verb::Restart,
        Command::Hold => Verb::Hold,
        Command::Release => Verb::Release,
        Command::Rerun => Verb::Rerun,
        Command::Cancel => Verb::Cancel,
        _ => return None,
    })
}

/// Takes in what an executor or a preparation reports; sagas go on by it.
pub fn progress(model: &mut Model, progress: Progress) -> Vec<Effect> {
    let mut effects = match &progress {
        Progress::Recorded(id) if model.saga(id).is_some() => {
            saga::recorded(model, id);
            Vec::new()
        }
        _ => follow::progress(model, progress),
    };
    effects.extend(saga::advance(model));
    effects
}

/// Judges every action in flight, and every saga, by what is known now.
pub fn follow(model: &mut Model) -> Vec<Effect> {
    let mut effects = follow::follow(model);
    effects.extend(saga::advance(model));
    effects
}

/// A number that no other action or saga of this journal has.
fn next_id(model: &mut Model) -> ActionId {
    model.confirmed += 1;
    ActionId(SafeText::new(&format!("{}-{}", model.session, model.confirmed)))
}

/// The dialog on top.
pub fn dialog_mut(model: &mut Model) -> Option<&mut Dialog> {
    match model.overlays.last_mut() {
        Some(Overlay::Dialog(dialog)) => Some(dialog),
        _ => None,
    }
}

/// Every source that tells something about what an intent touches is looked at now, and often for a while: the
/// minutes after a change are the ones that matter.
fn look_at_all(model: &Model, intent: &Intent) -> Vec<Effect> {
    let service = model.setup.services.iter().find(|s| s.name == intent.service);
    let mut sources = vec![intent.source.clone()];
    sources.extend(service.iter().flat_map(|s| s.sources().cloned()));
    sources.sort();
    sources.dedup();
    sources.into_iter().map(Effect::Look).collect()
}

fn action_mut<'a>(model: &'a mut Model, id: &ActionId) -> Option<&'a mut Action> {
    model.actions.iter_mut().find(|a| &a.id == id)
}

fn note(model: &mut Model, intent: &Intent, kind: EventKind, text: &str) {
    let event = Event {
        at: model.now,
        kind,
        service: Some(intent.service.clone()),
        source: Some(intent.source.clone()),
        text: SafeText::new(text),
    };
    activity::push(&mut model.activity, event);
}

/// Says why a key does nothing.
pub fn refuse(model: &mut Model, text: &str) {
    model.toast = Some(Toast { text: SafeText::new(text), tone: Tone::Problem, since: model.now });
}
