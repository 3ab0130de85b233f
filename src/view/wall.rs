//! The health wall: a tile for every service in every environment whose health is watched, in board order. Only the
//! tiles that can be seen are built.

use super::panel::{self, Title};
use super::scene::{Scene, verdict_words};
use super::sheet::Sheet;
use super::text;
use crate::app::model::Panel;
use crate::app::wall::{self, Tile};
use crate::theme::Role;

/// Rows of a tile, its frame included.
const ROWS: u16 = 7;

/// Draws the wall.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let tiles = wall::tiles(scene.model);
    let title = Title::new(scene.theme, Panel::Wall.title());
    let keyboard = scene.keyboard(Panel::Wall);
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        grid(scene, &tiles, &mut inside)
    };
    panel::more_below(sheet, scene.theme, below);
}

/// The visible tiles; returns how many lie below.
fn grid(scene: Scene<'_>, tiles: &[Tile], inside: &mut Sheet<'_>) -> usize {
    let across = wall::columns(scene.model.size.0);
    let rows = usize::from((inside.height() / ROWS).max(1));
    let at_hand = wall::at_hand(scene.model, tiles);
    let row = at_hand.unwrap_or(0) / across;
    let all = tiles.len().div_ceil(across);
    let first = row.saturating_sub(rows / 2).min(all.saturating_sub(rows));
    let width = inside.width() / u16::try_from(across).unwrap_or(1).max(1);
    let visible = tiles.iter().enumerate().skip(first * across).take(rows * across);
    for (index, tile) in visible {
        let (Ok(x), Ok(y)) = (u16::try_from(index % across), u16::try_from(index / across - first)) else {
            continue;
        };
        let mut part = inside.part(x * width, y * ROWS, width, ROWS);
        one(scene, *tile, at_hand == Some(index), &mut part);
    }
    tiles.len().saturating_sub((first + rows) * across)
}

fn one(scene: Scene<'_>, tile: Tile, _here: bool, sheet: &mut Sheet<'_>) {
    let Some(service) = scene.model.setup.services.get(tile.service) else { return };
    let Some(environment) = service.environments.get(tile.environment) else { return };
    let standing = scene.model.assessments.get(tile.service).and_then(|a| a.standing(&environment.name));
    let name = text::name(&service.place(environment).to_string(), usize::from(sheet.width()));
    sheet.line(0, &scene.words().say(Role::Strong, name).line());
    if let Some(standing) = standing {
        sheet.line(1, &verdict_words(scene.theme, standing.verdict).line());
    }
}
