//! What all dialogs share: the screen behind goes dark, a box in the middle, a title, a body that scrolls.

use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;

use super::panel;
use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text;
use crate::theme::Role;

/// Darkens everything behind.
pub(super) fn darken(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let style = scene.theme.style(Role::Backdrop).remove_modifier(Modifier::REVERSED | Modifier::BOLD);
    let (width, height) = (sheet.width(), sheet.height());
    sheet.tint(0, 0, width, height, style);
}

/// A rectangle in the middle of `area`, `width` x `height` at the most.
pub(super) fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(area.width);
    let height = height.min(area.height);
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// Draws the box with its title and a line of keys at the bottom; hands back the inside.
pub(super) fn open<'s>(
    scene: Scene<'_>,
    sheet: &'s mut Sheet<'_>,
    title: Words<'_>,
    keys: &[(&str, &str)],
) -> Sheet<'s> {
    let theme = scene.theme;
    let ground = theme.style(Role::Base).patch(theme.style(Role::Dialog));
    sheet.clear(ground);
    let border = theme.style(Role::Focus).remove_modifier(Modifier::REVERSED | Modifier::BOLD);
    panel::boxed(sheet, border, ["┏", "┓", "┗", "┛", "━", "┃"]);
    let room = usize::from(sheet.width()).saturating_sub(6);
    let padded = scene.words().gap(1).then(title);
    let mut line = padded.within(room);
    line.push_span(" ");
    sheet.line_at(2, 0, &line);
    let mut words = scene.words();
    for (key, what) in keys {
        words = words.gap(1).say(Role::Key, key).say(Role::Muted, format!(" {what} "));
    }
    if words.width() > 0 && sheet.height() > 2 {
        let y = sheet.height() - 1;
        sheet.line_at(2, y, &words.within(room));
    }
    let (width, height) = (sheet.width().saturating_sub(4), sheet.height().saturating_sub(2));
    sheet.part(2, 1, width, height)
}

/// A heading within a body.
pub(super) fn heading(scene: Scene<'_>, what: &str) -> Line<'static> {
    scene.words().say(Role::Title, what.to_uppercase()).line()
}

/// A label and its text, wrapped beside it.
pub(super) fn labelled(
    scene: Scene<'_>,
    label: &str,
    role: Role,
    what: &str,
    room: usize,
) -> Vec<Line<'static>> {
    const LABEL: usize = 13;
    let parts = text::wrap(what, room.saturating_sub(LABEL).max(1));
    parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| {
            let label = if index == 0 { label } else { "" };
            scene.words().say(Role::Muted, text::fit(label, LABEL)).say(role, part).line()
        })
        .collect()
}
