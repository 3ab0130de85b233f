//! HOW it looks: one frame from one model. Knows the model, the domain's words and the theme; decides nothing, reads
//! no clock, does no IO. Drawing the same model twice gives the same frame.
//!
//! ```text
//! wide, from 120x36                          medium                       compact, from 60x16
//! ┌ header: sources, identity ───────────┐   ┌ header ────────────────┐   ┌ header ──────────┐
//! ┏ decision card ━━━━━━━━━━━━━━━━━━━━━━━┓   ┏ decision card ━━━━━━━━━┓   ▌ decision card
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛   ┗━━━━━━━━━━━━━━━━━━━━━━━━┛   ─ board ───────────
//! ╭ board ───────────────────────────────╮   ╭ board ─────────────────╮
//! ╰──────────────────────────────────────╯   ╰────────────────────────╯   ─ one panel, by tab ─
//! ╭ pipeline ─────────╮╭ health ─────────╮   ╭ pipeline, ─╮╭ health ──╮
//! ╰───────────────────╯│                 │   │ by tab     ││          │
//! ╭ environments ─────╮╰─────────────────╯   ╰────────────╯╰──────────╯
//! │                   │╭ waiting ────────╮   activity
//! ╰───────────────────╯╰─────────────────╯   keys                         keys
//! ╭ activity ────────────────────────────╮
//! keys
//! ```
//!
//! From 40x12 to 60x16 the panel with the keyboard is alone, in one column. Below that the screen says so in a plain
//! sentence instead of lying by omission.

mod activity;
mod board;
mod changes;
mod chart;
mod decision;
mod dialog;
mod environments;
mod follow;
mod footer;
mod header;
mod health;
mod inbox;
mod joint;
mod journal;
mod json;
pub mod links;
mod list;
mod log;
mod menu;
mod overlay;
mod panel;
mod pipeline;
mod plan_body;
pub mod print;
mod provenance;
mod reasons;
mod results;
mod resumed;
mod revisions;
mod saga;
mod sample;
mod scene;
mod sheet;
mod sources;
mod steps;
mod tabs;
mod text;
mod wall;
mod way_back;
pub mod welcome;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;

use crate::app::model::{Model, Overlay, Panel, Zoom};
use crate::app::spot::Spot;
use crate::app::views::View;
use crate::theme::{Glyphs, Role, Theme, plain};
use panel::Edge;
pub use sample::sample;
use scene::{Scene, Spots};
use sheet::Sheet;

/// The smallest screen that is drawn: columns, rows.
pub const SMALLEST: (u16, u16) = (40, 12);

/// Draws one frame.
pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    render(model, theme, area, frame.buffer_mut());
}

/// One frame of the given size, without a terminal.
#[must_use]
pub fn still(model: &Model, theme: &Theme, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    render(model, theme, area, &mut buf);
    buf
}

/// How the panels share the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrangement {
    TooSmall,
    Narrow,
    Compact,
    Medium,
    Wide,
}

impl Arrangement {
    const fn of(width: u16, height: u16) -> Self {
        if width < SMALLEST.0 || height < SMALLEST.1 {
            Self::TooSmall
        } else if width < 60 || height < 16 {
            Self::Narrow
        } else if width >= 120 && height >= 36 {
            Self::Wide
        } else if width >= 96 && height >= 28 {
            Self::Medium
        } else {
            Self::Compact
        }
    }

    /// How panels are set off from each other.
    fn edge(self) -> Edge {
        if self == Self::Compact { Edge::Rule } else { Edge::Box }
    }
}

/// What is at this column and row of the screen, as it is drawn: the frame is drawn once more, without being shown.
#[must_use]
pub fn spot_at(model: &Model, column: u16, row: u16) -> Option<Spot> {
    let theme = Theme::default();
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let spots = Spots::default();
    let arrangement = Arrangement::of(area.width, area.height);
    let scene = Scene::new(model, &theme, arrangement.edge()).noting(&spots);
    paint(scene, arrangement, &mut Sheet::new(&mut Buffer::empty(area), area));
    let found = spots.into_inner();
    found
        .into_iter()
        .rev()
        .find(|(area, _)| area.contains(Position { x: column, y: row }))
        .map(|(_, spot)| spot)
}

/// Draws into `area` of `buf`.
fn render(model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let arrangement = Arrangement::of(area.width, area.height);
    let scene = Scene::new(model, theme, arrangement.edge());
    let cursor = paint(scene, arrangement, &mut Sheet::new(buf, area));
    if theme.glyphs == Glyphs::Ascii {
        to_ascii(buf, area);
    }
    // The terminal's own cursor stays hidden: where text goes is shown like everything else, in the frame.
    if let Some(cell) = cursor.and_then(|at| buf.cell_mut(at)) {
        cell.modifier.toggle(Modifier::REVERSED);
    }
}

/// The whole screen; returns where the cursor is.
fn paint(scene: Scene<'_>, arrangement: Arrangement, sheet: &mut Sheet<'_>) -> Option<Position> {
    sheet.clear(scene.theme.style(Role::Base));
    if arrangement == Arrangement::TooSmall {
        too_small(scene, sheet);
        return None;
    }
    let cursor = panels(scene, arrangement, sheet);
    overlays(scene, sheet).or(cursor)
}

fn too_small(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let (width, height) = SMALLEST;
    let needed = format!("too small: {width}x{height} needed");
    let have = format!("this is {}x{}", sheet.width(), sheet.height());
    let middle = sheet.height() / 2;
    for (y, line) in [(middle, needed), (middle + 1, have)] {
        let x = usize::from(sheet.width()).saturating_sub(text::width(&line)) / 2;
        sheet.put(u16::try_from(x).unwrap_or(0), y, &line, scene.theme.style(Role::Hold));
    }
}

/// Header, banner, card, what is in flight, panels, footer. Returns the cursor of the filter line.
fn panels(scene: Scene<'_>, arrangement: Arrangement, sheet: &mut Sheet<'_>) -> Option<Position> {
    let (width, height) = (sheet.width(), sheet.height());
    let mut y = 0;
    if scene.model.setup.banner.is_some() {
        header::banner(scene, &mut sheet.part(0, 0, width, 1));
        y += 1;
    }
    header::draw(scene, &mut sheet.part(0, y, width, 1));
    y += 1;
    if let Some(fault) = &scene.model.journal_fault {
        header::journal_fault(scene, fault, &mut sheet.part(0, y, width, 1));
        y += 1;
    }
    tabs::draw(scene, &mut sheet.part(0, y, width, 1));
    y += 1;
    let card = match (arrangement, scene.model.zoom) {
        _ if scene.model.trail.view() != View::Cockpit => 1,
        (_, Zoom::Full) => 1,
        (Arrangement::Wide, _) => decision::rows(scene, 5),
        (Arrangement::Medium, _) => decision::rows(scene, 5),
        (Arrangement::Narrow, _) => decision::rows(scene, 2),
        _ => decision::rows(scene, if height >= 20 { 3 } else { 1 }),
    };
    decision::draw(scene, &mut sheet.part(0, y, width, card));
    y += card;
    if scene.model.in_flight().next().is_some() {
        decision::in_flight(scene, &mut sheet.part(0, y, width, 1));
        y += 1;
    }
    let rest = height.saturating_sub(y + 1);
    let mut middle = sheet.part(0, y, width, rest);
    match (scene.model.zoom, arrangement) {
        (Zoom::Full, _) => one(scene, scene.model.focus, &mut middle),
        _ if scene.model.trail.view() != View::Cockpit => page(scene, arrangement, &mut middle),
        (_, Arrangement::Wide) => wide(scene, &mut middle),
        (_, Arrangement::Medium) => medium(scene, &mut middle),
        (_, Arrangement::Narrow) => one(scene, scene.model.focus, &mut middle),
        _ => compact(scene, &mut middle),
    }
    let area = sheet.area();
    let footer_row = height.saturating_sub(1);
    let column = footer::draw(scene, &mut sheet.part(0, footer_row, width, 1))?;
    Some(Position { x: area.x + column.min(width.saturating_sub(1)), y: area.y + footer_row })
}

/// One panel.
fn one(scene: Scene<'_>, panel: Panel, sheet: &mut Sheet<'_>) {
    match panel {
        Panel::Board => board::draw(scene, sheet),
        Panel::Inbox => inbox::draw(scene, sheet),
        Panel::Pipeline => pipeline::draw(scene, sheet),
        Panel::Environments => environments::draw(scene, sheet),
        Panel::Health => health::draw(scene, sheet),
        Panel::Activity => activity::draw(scene, sheet),
        Panel::Wall => wall::draw(scene, sheet),
        Panel::Revisions => revisions::draw(scene, sheet),
        Panel::Journal => journal::draw(scene, sheet),
        Panel::Sources => sources::draw(scene, sheet),
        Panel::Log => log::draw(scene, sheet),
    }
}

/// A view of its own: the panels of one service side by side where there is room, else the one with the keyboard.
fn page(scene: Scene<'_>, arrangement: Arrangement, sheet: &mut Sheet<'_>) {
    let (width, height) = (sheet.width(), sheet.height());
    let left = width / 2;
    match (scene.model.trail.view(), arrangement) {
        (View::Service, Arrangement::Wide | Arrangement::Medium) => {
            let lower = (height * 2 / 5).max(8).min(height);
            pipeline::draw(scene, &mut sheet.part(0, 0, left, height - lower));
            environments::draw(scene, &mut sheet.part(0, height - lower, left, lower));
            health::draw(scene, &mut sheet.part(left, 0, width - left, height));
        }
        (View::Revisions, Arrangement::Wide | Arrangement::Medium) => {
            let left = (width * 11 / 20).max(60).min(width);
            revisions::draw(scene, &mut sheet.part(0, 0, left, height));
            revisions::depth(scene, &mut sheet.part(left, 0, width - left, height));
        }
        (View::Revisions, _) => {
            let upper = (height / 2).max(4).min(height);
            revisions::draw(scene, &mut sheet.part(0, 0, width, upper));
            revisions::depth(scene, &mut sheet.part(0, upper, width, height - upper));
        }
        (View::Inbox, Arrangement::Wide | Arrangement::Medium) => {
            inbox::draw(scene, &mut sheet.part(0, 0, left, height));
            changes::panel(scene, &mut sheet.part(left, 0, width - left, height));
        }
        _ => one(scene, scene.model.focus, sheet),
    }
}

fn wide(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let (width, height) = (sheet.width(), sheet.height());
    let activity_rows = if height >= 40 { 6 } else { 4 };
    let board_rows = board::rows(scene).clamp(4, (height - activity_rows) * 2 / 5);
    let lower = height - activity_rows - board_rows;
    board::draw(scene, &mut sheet.part(0, 0, width, board_rows));
    let left = width / 2;
    let environments_rows = (lower * 2 / 5).max(7).min(lower);
    let inbox_rows = inbox::rows(scene).clamp(4, (lower / 3).max(4)).min(lower);
    let y = board_rows;
    pipeline::draw(scene, &mut sheet.part(0, y, left, lower - environments_rows));
    environments::draw(scene, &mut sheet.part(0, y + lower - environments_rows, left, environments_rows));
    health::draw(scene, &mut sheet.part(left, y, width - left, lower - inbox_rows));
    inbox::draw(scene, &mut sheet.part(left, y + lower - inbox_rows, width - left, inbox_rows));
    activity::draw(scene, &mut sheet.part(0, y + lower, width, activity_rows));
}

fn medium(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let (width, height) = (sheet.width(), sheet.height());
    let activity_rows = 2;
    let board_rows = board::rows(scene).clamp(4, (height - activity_rows) * 2 / 5);
    let lower = height - activity_rows - board_rows;
    board::draw(scene, &mut sheet.part(0, 0, width, board_rows));
    let left = width / 2;
    let on_the_left = match scene.model.focus {
        panel @ (Panel::Inbox | Panel::Environments | Panel::Activity) => panel,
        _ => Panel::Pipeline,
    };
    one(scene, on_the_left, &mut sheet.part(0, board_rows, left, lower));
    health::draw(scene, &mut sheet.part(left, board_rows, width - left, lower));
    activity::rows(scene, &mut sheet.part(0, board_rows + lower, width, activity_rows));
}

fn compact(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let (width, height) = (sheet.width(), sheet.height());
    let board_rows = (board::rows(scene) - 1).clamp(3, height / 2);
    board::draw(scene, &mut sheet.part(0, 0, width, board_rows));
    let below = match scene.model.focus {
        Panel::Board => Panel::Pipeline,
        panel => panel,
    };
    one(scene, below, &mut sheet.part(0, board_rows, width, height - board_rows));
}

/// Draws what lies on top; only the topmost is drawn, over a darkened screen.
fn overlays(scene: Scene<'_>, sheet: &mut Sheet<'_>) -> Option<Position> {
    let top = scene.model.overlay()?;
    let (width, height) = (sheet.width(), sheet.height());
    // Messages show over the footer, and stay readable.
    let rows = if scene.model.toast.is_some() { height.saturating_sub(1) } else { height };
    overlay::darken(scene, &mut sheet.part(0, 0, width, rows));
    let mut sheet = sheet.part(0, 0, width, height.saturating_sub(1));
    match top {
        Overlay::Menu(menu) => return menu::draw(scene, &mut sheet, menu),
        Overlay::Dialog(dialog) => return dialog::draw(scene, &mut sheet, dialog),
        Overlay::Joint(joint) => return joint::draw(scene, &mut sheet, joint),
        Overlay::Follow(id) => follow::draw(scene, &mut sheet, id),
        Overlay::FollowSaga(id) => saga::draw(scene, &mut sheet, id),
        Overlay::Changes => changes::draw(scene, &mut sheet),
        Overlay::Reasons => reasons::draw(scene, &mut sheet),
        Overlay::Tests => results::draw(scene, &mut sheet),
        Overlay::Resumed => resumed::draw(scene, &mut sheet),
    }
    None
}

/// Replaces the screen's shapes by ASCII ones, each one cell for one cell.
fn to_ascii(buf: &mut Buffer, area: Rect) {
    for position in area.positions() {
        let Some(cell) = buf.cell_mut(position) else { continue };
        let mut chars = cell.symbol().chars();
        if let (Some(c), None) = (chars.next(), chars.next())
            && let Some(ascii) = plain(c)
        {
            cell.set_char(ascii);
        }
    }
}
