//! What the mouse does, where it is the cockpit's: it gives the keyboard to a panel, selects what it points at, and
//! scrolls. It runs no command, and over a dialog it does nothing but scroll.

use super::moves::{Go, go};
use crate::app::board;
use crate::app::deed;
use crate::app::filter::Chosen;
use crate::app::menu;
use crate::app::model::{Model, Overlay, Panel, Selection, Typing};
use crate::app::spot::{Mouse, Point, Spot};
use crate::app::views;

/// Takes what the mouse did.
pub fn point(model: &mut Model, point: Point) {
    if model.mouse == Mouse::Terminal {
        return;
    }
    model.selection = Selection::Settled;
    match (point, model.overlay()) {
        (Point::Wheel(_, by), Some(Overlay::Dialog(_))) => {
            if let Some(dialog) = deed::dialog_mut(model) {
                dialog.scroll = dialog.scroll.saturating_add_signed(by).min(2_000);
            }
        }
        (Point::Wheel(_, by), Some(Overlay::Menu(_))) => super::menu::step(model, isize::from(by)),
        (Point::Wheel(_, by), Some(_)) => {
            model.overlay_scroll = model.overlay_scroll.saturating_add_signed(by).min(5_000);
        }
        (Point::Press(Spot::Line(row)), Some(Overlay::Menu(menu))) => {
            let items = menu::items(model, menu);
            let pick = items.get(usize::from(row)).map(|item| item.pick.clone());
            if let (Some(Overlay::Menu(menu)), Some(pick)) = (model.overlays.last_mut(), pick) {
                menu.chosen = Some(pick);
            }
        }
        (Point::Press(_), Some(_)) => {}
        (Point::Press(spot), None) => press(model, spot),
        (Point::Wheel(spot, by), None) => wheel(model, spot.as_ref().and_then(panel_of), by),
    }
}

/// The panel that something is in.
const fn panel_of(spot: &Spot) -> Option<Panel> {
    Some(match spot {
        Spot::Panel(panel) => *panel,
        Spot::Service(_) => Panel::Board,
        Spot::Gate(_) | Spot::Held(_) => Panel::Inbox,
        Spot::Revision(_) => Panel::Revisions,
        Spot::Tab(_) | Spot::Line(_) => return None,
    })
}

fn press(model: &mut Model, spot: Spot) {
    model.typing = Typing::Commands;
    if let Some(panel) = panel_of(&spot).filter(|panel| model.trail.view().panels().contains(panel)) {
        model.focus = panel;
        views::arrived(model);
    }
    match spot {
        Spot::Tab(view) => views::jump(model, view),
        Spot::Service(name) if model.service(&name).is_some() => {
            model.selected = Some(name);
            model.scroll.clear();
            board::refilter(model);
        }
        Spot::Gate(key) if model.inbox.iter().any(|g| g.value.key == key) => Chosen::Gate(key).choose(model),
        Spot::Held(place) if views::held(model).iter().any(|(held, ..)| *held == place) => {
            Chosen::Rollout(place).choose(model);
        }
        Spot::Revision(id) => model.trail.revision = model.selected_place().zip(Some(id)),
        Spot::Panel(_) | Spot::Line(_) | Spot::Service(_) | Spot::Gate(_) | Spot::Held(_) => {}
    }
}

/// Over the panel with the keyboard the wheel moves as `j` and `k` do; over another it scrolls what scrolls by lines.
/// What is selected elsewhere stays.
fn wheel(model: &mut Model, over: Option<Panel>, by: i16) {
    match over {
        Some(panel) if panel == model.focus => go(model, Go::By(isize::from(by.signum()))),
        Some(panel @ (Panel::Health | Panel::Activity)) => {
            let line = model.scroll.entry(panel).or_default();
            *line = line.saturating_add_signed(by).min(500);
        }
        _ => {}
    }
}
