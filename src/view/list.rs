//! A panel that is one list with one selected line, and how such a line is kept in sight.

use ratatui::text::Line;

use super::panel::{self, Keyboard, Title};
use super::scene::Scene;
use super::sheet::{Sheet, write_lines};
use crate::app::model::Panel;
use crate::app::spot::Spot;
use crate::theme::Role;

/// Draws the whole panel; `lines` makes its lines for so many cells, and says which of them is selected.
pub(super) fn draw(
    scene: Scene<'_>,
    sheet: &mut Sheet<'_>,
    panel: Panel,
    title: Title<'_>,
    lines: impl FnOnce(usize) -> (Vec<Line<'static>>, Option<usize>),
) {
    scene.spot(sheet.area(), || Spot::Panel(panel));
    let keyboard = scene.keyboard(panel);
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        let (lines, chosen) = lines(usize::from(inside.width()));
        write_chosen(&mut inside, scene, &lines, chosen.filter(|_| keyboard == Keyboard::Here))
    };
    panel::more_below(sheet, scene.theme, below);
}

/// Writes lines so that the chosen one is in sight, and marks it; returns how many lie below.
pub(super) fn write_chosen(
    inside: &mut Sheet<'_>,
    scene: Scene<'_>,
    lines: &[Line<'static>],
    chosen: Option<usize>,
) -> usize {
    let first = first_seen(chosen, lines.len(), usize::from(inside.height()));
    let below = write_lines(inside, lines, u16::try_from(first).unwrap_or(u16::MAX));
    if let Some(y) = chosen.and_then(|row| u16::try_from(row - first).ok()) {
        inside.select(y, scene.theme, scene.theme.style(Role::Focus));
    }
    below
}

/// The first line that is seen when the chosen one is in sight.
pub(super) fn first_seen(chosen: Option<usize>, count: usize, height: usize) -> usize {
    chosen.unwrap_or(0).saturating_sub(height / 2).min(count.saturating_sub(height))
}
