//! The heart: one message in, the model changed, effects out. Dispatches only.

use std::time::Duration;

use super::model::{Model, Tone};
use super::msg::{Effect, Msg};
use super::views::View;
use super::{board, deed, keys, log};
use crate::domain::{Absorbed, Now, Progress, Report, Target};

/// How long an information shows.
const SHOWN: Duration = Duration::from_secs(4);

/// How long the selection must rest before the sources are asked about it. A key alone is answered at once; a held
/// key asks about the first row and the last one, not about every row between.
pub const REST: Duration = Duration::from_millis(250);

/// Takes one message in.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let (selected, trail) = (model.selected.clone(), model.trail.clone());
    let mut asks = !model.left.is_empty() || !model.left_sagas.is_empty();
    let recorded = matches!(&msg, Msg::Progress(progress) if !matches!(progress, Progress::JournalRead(_)));
    let mut effects = match msg {
        Msg::Tick(now) => tick(model, now),
        Msg::Key(stroke) => keys::press(model, stroke),
        Msg::Paste(text) => {
            keys::paste(model, &text);
            Vec::new()
        }
        Msg::Point(point) => {
            keys::point(model, point);
            Vec::new()
        }
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            return Vec::new();
        }
        Msg::Report(report) => match told(model, &report) {
            Absorbed::Dropped => return Vec::new(),
            Absorbed::Changed => {
                asks = true;
                deed::joint::prune(model);
                let mut effects = vanished(model);
                effects.extend(deed::reconsider(model));
                effects.extend(deed::joint::reconsider(model));
                effects.extend(deed::follow(model));
                effects
            }
            Absorbed::Unchanged => {
                let mut effects = deed::reconsider(model);
                effects.extend(deed::follow(model));
                effects
            }
        },
        Msg::Progress(progress) => {
            asks = true;
            deed::progress(model, progress)
        }
    };
    let rests = model.now.since(model.moved) >= REST;
    if model.selected != selected {
        model.moved = model.now;
    }
    if model.trail.view() == View::Journal
        && (model.trail != trail || recorded || effects.iter().any(Effect::records))
    {
        effects.push(Effect::ReadJournal);
    }
    if asks || model.trail != trail || (rests && model.unasked()) {
        let ask = board::ask(model);
        if ask != model.ask {
            model.ask = ask.clone();
            effects.push(Effect::Ask(ask));
        }
    }
    effects
}

/// Takes a look into the world, and what it told about the log that is looked at.
fn told(model: &mut Model, report: &Report) -> Absorbed {
    let absorbed = board::absorb(model, report);
    if absorbed != Absorbed::Dropped {
        log::take(model, report);
    }
    absorbed
}

fn tick(model: &mut Model, now: Now) -> Vec<Effect> {
    let before = model.now;
    model.now = now;
    let over = |t: &super::model::Toast| t.tone == Tone::Info && now.since(t.since) > SHOWN;
    if model.toast.as_ref().is_some_and(over) {
        model.toast = None;
    }
    board::grow_older(model, before);
    let mut effects = keys::grow_older(model);
    effects.extend(deed::joint::reconsider(model));
    let left = std::mem::take(&mut model.left);
    let left_sagas = std::mem::take(&mut model.left_sagas);
    effects.extend(deed::resume::resume(model, left, left_sagas));
    effects.extend(deed::follow(model));
    effects
}

/// A dialog whose gate is gone asks once more, so that it says who decided.
fn vanished(model: &mut Model) -> Vec<Effect> {
    let gone = match deed::dialog_mut(model).and_then(|d| Some((d.plan()?.intent.target.clone(), ()))) {
        Some((Target::Gate(key), ())) => !model.inbox.iter().any(|g| g.value.key == key),
        _ => false,
    };
    if gone { deed::ask_for_plan(model) } else { Vec::new() }
}
