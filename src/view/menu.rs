//! Lists to choose from: the keys that work here and why others do not, the palette, what could be previewed, what could
//! be copied. The line to type into and the reason or meaning of what is chosen stay where they are while the list
//! changes.

use ratatui::layout::Position;
use ratatui::text::Line;

use super::overlay::{self, heading};
use super::panel;
use super::scene::Scene;
use super::sheet::Sheet;
use super::text;
use crate::app::menu::{self, Group, Item, Menu, MenuKind};
use crate::app::spot::Spot;
use crate::theme::{Role, Sign};

/// Rows for the meaning of what is chosen.
const MEANING: u16 = 2;

/// Draws the list over the screen; returns where the cursor is.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>, menu: &Menu) -> Option<Position> {
    let items = menu::items(scene.model, menu);
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(112);
    let room = usize::from(width).saturating_sub(4);
    let lines = lines(scene, menu, &items, room);
    let typed = matches!(menu.kind, MenuKind::Keys | MenuKind::Palette);
    let head = if typed { 2 } else { 0 };
    // A list that shrinks while it is searched keeps its place.
    let wanted = if typed { u16::MAX } else { u16::try_from(lines.len()).unwrap_or(u16::MAX) };
    let height = wanted.saturating_add(head + MEANING + 3).min(screen.height);
    let area = overlay::middle(screen, width, height);
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = scene.words().say(Role::Strong, title(menu.kind));
    let mut inside = overlay::open(scene, &mut window, title, hints(menu.kind));
    let cursor = if typed { Some(line(scene, &mut inside.part(0, 0, u16::MAX, 1), menu)) } else { None };
    let (width, height) = (inside.width(), inside.height());
    let list = height.saturating_sub(head + MEANING + 1);
    let below = rows(scene, &mut inside.part(0, head, width, list), &lines, menu.row(&items));
    let mut rule = inside.part(0, head + list, width, 1);
    panel::rule(&mut rule, 0, scene.theme.style(Role::Faint), "─");
    if below > 0 {
        let hint = scene.words().say(Role::Hold, format!(" ▼ {below} more lines ↑ ↓ ")).line();
        rule.line_right(0, &hint);
    }
    meaning(scene, &mut inside.part(0, head + list + 1, width, MEANING), items.get(menu.row(&items)));
    cursor
}

const fn title(kind: MenuKind) -> &'static str {
    match kind {
        MenuKind::Keys => "keys",
        MenuKind::Palette => "palette",
        MenuKind::WhatIf => "what would happen",
        MenuKind::Copy => "copy",
    }
}

const fn hints(kind: MenuKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        MenuKind::Keys => &[("type", "find"), ("↑ ↓", "choose"), ("enter", "do it"), ("esc", "close")],
        MenuKind::Palette => &[
            ("type", "find"),
            ("tab", "complete"),
            ("↑", "earlier ones"),
            ("enter", "do it"),
            ("esc", "close"),
        ],
        MenuKind::WhatIf => &[("key", "look at its plan"), ("↑ ↓", "choose"), ("esc", "close")],
        MenuKind::Copy => &[("↑ ↓", "choose"), ("enter", "copy"), ("esc", "close")],
    }
}

/// The line to type into.
fn line(scene: Scene<'_>, sheet: &mut Sheet<'_>, menu: &Menu) -> Position {
    let style = scene.theme.style(Role::Input);
    sheet.tint(0, 0, sheet.width(), 1, style);
    let mark = if menu.kind == MenuKind::Palette { ":" } else { "?" };
    let room = usize::from(sheet.width()).saturating_sub(4);
    let scroll = menu.line.0.visual_scroll(room);
    let shown: String = menu.typed().chars().skip(scroll).collect();
    sheet.put(0, 0, &format!("{mark} {}", text::cut(&shown, room)), style);
    if shown.is_empty() {
        let hint = match menu.kind {
            MenuKind::Keys => menu::about(scene.model.trail.view()).to_owned(),
            _ => "a command, a view or a service".to_owned(),
        };
        sheet.put(3, 0, &text::cut(&hint, room), style.patch(scene.theme.style(Role::Muted)));
    }
    let area = sheet.area();
    let column = u16::try_from(2 + menu.line.0.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    Position { x: area.x + column.min(area.width.saturating_sub(1)), y: area.y }
}

/// Headings and items; an item with its row among the items.
fn lines(scene: Scene<'_>, menu: &Menu, items: &[Item], room: usize) -> Vec<(Option<usize>, Line<'static>)> {
    let mut lines = Vec::new();
    let mut before = Group::Plain;
    let wide = items.iter().map(|item| text::width(item.name.as_str())).max().unwrap_or(0).clamp(12, 26);
    for (row, item) in items.iter().enumerate() {
        if item.group != before {
            if !lines.is_empty() {
                lines.push((None, Line::default()));
            }
            let focus = scene.model.focus.title();
            lines.push((
                None,
                match item.group {
                    Group::Here => heading(scene, &format!("{focus}: these act now")),
                    Group::Elsewhere => heading(scene, "and these everywhere"),
                    Group::Off => heading(scene, "these cannot act now, and why"),
                    Group::Plain => Line::default(),
                },
            ));
            before = item.group;
        }
        lines.push((Some(row), item_line(scene, menu.kind, item, wide, room)));
    }
    if items.is_empty() {
        let nothing =
            if menu.kind == MenuKind::Copy { "nothing here to copy" } else { "nothing is called so" };
        lines.push((None, scene.words().gap(2).say(Role::Muted, nothing).line()));
    }
    lines
}

fn item_line(scene: Scene<'_>, kind: MenuKind, item: &Item, wide: usize, room: usize) -> Line<'static> {
    let able = item.able.is_ok();
    let (key, name) = if able { (Role::Key, Role::Base) } else { (Role::KeyOff, Role::Muted) };
    let words = scene.words().gap(2);
    let words = match kind {
        MenuKind::Copy => words,
        _ => words.say(key, text::fit(&item.keys, 10)).gap(1),
    };
    let words = words.say(name, text::fit(&text::name(item.name.as_str(), wide), wide)).gap(1);
    match &item.able {
        Ok(()) => words.say(Role::Muted, item.doc.as_str()).within(room),
        // The cause alone: a list to be read at a glance; below it, for what is chosen, stands the rest.
        Err(refusal) => {
            words.sign(Sign::Cancelled).gap(1).say(Role::Base, refusal.cause.as_str()).within(room)
        }
    }
}

/// Writes the lines around the chosen one; returns how many lie below.
fn rows(
    scene: Scene<'_>,
    sheet: &mut Sheet<'_>,
    lines: &[(Option<usize>, Line<'static>)],
    chosen: usize,
) -> usize {
    let height = usize::from(sheet.height());
    let at = lines.iter().position(|(row, _)| *row == Some(chosen)).unwrap_or(0);
    let first = if chosen == 0 { 0 } else { at.saturating_sub(height / 2) };
    let first = first.min(lines.len().saturating_sub(height));
    for (y, (row, line)) in (0..sheet.height()).zip(lines.iter().skip(first)) {
        sheet.line(y, line);
        let Some(row) = row else { continue };
        scene.spot(sheet.part(0, y, u16::MAX, 1).area(), || {
            Spot::Line(u16::try_from(*row).unwrap_or(u16::MAX))
        });
        if *row == chosen {
            sheet.select(y, scene.theme, scene.theme.style(Role::Focus));
        }
    }
    lines.len().saturating_sub(first + height)
}

/// What the chosen line does, or the whole reason why it does nothing.
fn meaning(scene: Scene<'_>, sheet: &mut Sheet<'_>, item: Option<&Item>) {
    let Some(item) = item else { return };
    let (role, said) = match &item.able {
        Ok(()) => (Role::Base, item.doc.to_string()),
        Err(refusal) => (Role::Hold, refusal.to_string()),
    };
    let room = usize::from(sheet.width()).max(1);
    let parts = text::wrap(&said, room);
    for (y, part) in (0..sheet.height()).zip(parts) {
        sheet.line(y, &scene.words().say(role, part).within(room));
    }
}
