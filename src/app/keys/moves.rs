//! What keys move: the focus among the panels of a view, and the selection within a panel.

use crate::app::filter::{self, Chosen};
use crate::app::log;
use crate::app::model::{Model, Panel};
use crate::app::views;
use crate::app::wall;

/// Which way the focus goes.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    Next,
    Back,
}

/// Gives the keyboard to another panel of the view.
pub(super) fn focus(model: &mut Model, by: Turn) {
    let panels = model.trail.view().panels();
    let at = panels.iter().position(|p| *p == model.focus).unwrap_or(0);
    let last = panels.len().saturating_sub(1);
    let next = match by {
        Turn::Next if at >= last => 0,
        Turn::Next => at + 1,
        Turn::Back => at.checked_sub(1).unwrap_or(last),
    };
    model.focus = panels.get(next).copied().unwrap_or_default();
    views::arrived(model);
}

#[derive(Clone, Copy)]
pub(super) enum Go {
    By(isize),
    First,
    Last,
}

impl Go {
    /// Where a list of `len` is then; from nowhere any step leads to its first line.
    fn from(self, at: Option<usize>, len: usize) -> usize {
        let last = len.saturating_sub(1);
        match (self, at) {
            (Self::By(by), Some(at)) => at.saturating_add_signed(by).min(last),
            (Self::First | Self::By(_), _) => 0,
            (Self::Last, _) => last,
        }
    }
}

pub(super) fn go(model: &mut Model, step: Go) {
    match model.focus {
        Panel::Board => {
            let row = step.from(model.selected_row(), model.shown.len());
            let service = model.shown.get(row).and_then(|i| model.setup.services.get(*i));
            model.selected = service.map(|s| s.name.clone());
            model.scroll.clear();
        }
        Panel::Inbox => {
            let rows = filter::waiting(model);
            let at = rows.iter().position(|row| row.selected(model));
            let chosen = rows.get(step.from(at, rows.len())).map(Chosen::of);
            if let Some(chosen) = chosen {
                chosen.choose(model);
            }
        }
        Panel::Environments => environment(model, step),
        Panel::Wall => match step {
            Go::By(by) => wall::go(model, if by < 0 { wall::Way::Up } else { wall::Way::Down }),
            Go::First => wall::go(model, wall::Way::First),
            Go::Last => wall::go(model, wall::Way::Last),
        },
        Panel::Pipeline => {
            let jobs = views::jobs(model);
            let at = jobs.iter().position(|(key, _)| Some(key) == model.trail.job.as_ref());
            let job = jobs.get(step.from(at, jobs.len())).map(|(key, _)| key.clone());
            model.trail.job = job;
        }
        Panel::Revisions => {
            let at_hand = views::revision_at_hand(model);
            let revisions = filter::revisions(model);
            let at = revisions.iter().position(|r| Some(&r.id) == at_hand.as_ref());
            let chosen = revisions.get(step.from(at, revisions.len())).map(|r| r.id.clone());
            model.trail.revision = model.selected_place().zip(chosen);
        }
        Panel::Journal => {
            let at_hand = views::deed_at_hand(model);
            let deeds = views::recorded(model);
            let at = deeds.iter().position(|deed| Some(deed.action) == at_hand.as_ref());
            let chosen = deeds.get(step.from(at, deeds.len())).map(|deed| deed.action.clone());
            model.trail.deed = chosen;
        }
        Panel::Sources => {
            let at = model.setup.sources.iter().position(|s| Some(s) == model.trail.source.as_ref());
            let source = model.setup.sources.get(step.from(at, model.setup.sources.len()));
            model.trail.source = source.cloned();
        }
        Panel::Log => match step {
            Go::By(by) => log::by(model, by),
            Go::First => log::first(model),
            Go::Last => log::last(model),
        },
        Panel::Health | Panel::Activity => {
            let line = model.scroll.entry(model.focus).or_default();
            *line = match step {
                Go::By(by) => line.saturating_add_signed(i16::try_from(by).unwrap_or(0)).min(500),
                Go::First => 0,
                Go::Last => 500,
            };
        }
    }
}

pub(super) fn environment(model: &mut Model, step: Go) {
    if let (Panel::Wall, Go::By(by)) = (model.focus, step) {
        return wall::go(model, if by < 0 { wall::Way::Left } else { wall::Way::Right });
    }
    let Some((service, _)) = model.selected() else { return };
    let (name, len) = (service.name.clone(), service.environments.len());
    let at = model.environments.get(&name).copied().unwrap_or_else(|| len.saturating_sub(1));
    model.environments.insert(name, step.from(Some(at), len));
}
