//! The frame of a panel: a border with a title on the left and remarks on the right, or a mere rule where rows are
//! dear. The panel with the keyboard is told by its title standing reversed, not by colour alone.

use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::filter;
use crate::app::model::Panel;
use crate::theme::{Role, Theme};

/// The filter of a list with how many rows it lets through, as a badge; nothing without a filter.
pub(super) fn filter(scene: Scene<'_>, panel: Panel) -> Words<'_> {
    let typed = scene.model.filter(panel);
    if typed.is_empty() && !filter::typing(scene.model, panel) {
        return scene.words();
    }
    let (shown, all) = filter::count(scene.model, panel);
    let words = scene.words().say(Role::Muted, "filter ").say(Role::Accent, text::cut(typed, 20));
    words.dot().say(Role::Muted, format!("{shown} of {all}"))
}

/// How a panel is set off from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// A border all around.
    Box,
    /// One rule on top.
    Rule,
}

/// Whether a panel has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyboard {
    /// Keys go here.
    Here,
    /// Keys go elsewhere.
    Elsewhere,
}

/// What stands in a panel's frame.
pub(super) struct Title<'t> {
    /// The panel's name.
    pub(super) name: String,
    /// What it is about: service, environment.
    pub(super) about: String,
    /// On the right: ages, counts.
    pub(super) right: Words<'t>,
}

impl<'t> Title<'t> {
    pub(super) fn new(theme: &'t Theme, name: &str) -> Self {
        Self { name: name.to_owned(), about: String::new(), right: Words::new(theme) }
    }

    pub(super) fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    pub(super) fn right(mut self, right: Words<'t>) -> Self {
        self.right = right;
        self
    }
}

/// Draws the frame and hands back the inside.
pub(super) fn frame<'s>(
    sheet: &'s mut Sheet<'_>,
    theme: &Theme,
    edge: Edge,
    keyboard: Keyboard,
    title: Title<'_>,
) -> Sheet<'s> {
    let border = match keyboard {
        Keyboard::Here => theme.style(Role::Focus).remove_modifier(Modifier::REVERSED | Modifier::BOLD),
        Keyboard::Elsewhere => theme.style(Role::Border),
    };
    match edge {
        Edge::Box => boxed(sheet, border, ["╭", "╮", "╰", "╯", "─", "│"]),
        Edge::Rule => rule(sheet, 0, border, "─"),
    }
    let width = sheet.width();
    let right = title.right;
    let room = usize::from(width).saturating_sub(4);
    let name = name_words(theme, keyboard, &title.name, &title.about, room);
    let free = room.saturating_sub(name.width() + 2);
    sheet.line_at(1, 0, &name.within(room));
    if right.width() > 0 && free > 3 {
        let padded = Words::new(theme).gap(1).then(right);
        let mut line = padded.within(free.saturating_sub(1));
        line.push_span(" ");
        let x = width.saturating_sub(1 + u16::try_from(line.width()).unwrap_or(width));
        sheet.line_at(x, 0, &line);
    }
    inside(sheet, edge)
}

fn name_words<'t>(theme: &'t Theme, keyboard: Keyboard, name: &str, about: &str, room: usize) -> Words<'t> {
    let style = match keyboard {
        Keyboard::Here => theme.style(Role::Focus).add_modifier(Modifier::REVERSED),
        Keyboard::Elsewhere => theme.style(Role::Title),
    };
    let words = Words::new(theme).styled(style, format!(" {name} "));
    if about.is_empty() {
        return words;
    }
    let left = room.saturating_sub(words.width() + 2);
    words.gap(usize::from(keyboard == Keyboard::Here)).say(Role::Strong, text::name(about, left)).gap(1)
}

fn inside<'s>(sheet: &'s mut Sheet<'_>, edge: Edge) -> Sheet<'s> {
    let (width, height) = (sheet.width(), sheet.height());
    match edge {
        Edge::Box => sheet.part(1, 1, width.saturating_sub(2), height.saturating_sub(2)),
        Edge::Rule => sheet.part(0, 1, width, height.saturating_sub(1)),
    }
}

/// A box with the given corners (upper left, upper right, lower left, lower right), horizontal and vertical.
pub(super) fn boxed(sheet: &mut Sheet<'_>, style: Style, shape: [&str; 6]) {
    let [upper_left, upper_right, lower_left, lower_right, horizontal, vertical] = shape;
    let (right, bottom) = (sheet.width().saturating_sub(1), sheet.height().saturating_sub(1));
    rule(sheet, 0, style, horizontal);
    rule(sheet, bottom, style, horizontal);
    for y in 0..sheet.height() {
        sheet.dot(0, y, vertical, style);
        sheet.dot(right, y, vertical, style);
    }
    sheet.dot(0, 0, upper_left, style);
    sheet.dot(right, 0, upper_right, style);
    sheet.dot(0, bottom, lower_left, style);
    sheet.dot(right, bottom, lower_right, style);
}

/// A horizontal rule.
pub(super) fn rule(sheet: &mut Sheet<'_>, y: u16, style: Style, shape: &str) {
    for x in 0..sheet.width() {
        sheet.dot(x, y, shape, style);
    }
}

/// A hint at the lower right edge of a frame: how many lines lie below.
pub(super) fn more_below(sheet: &mut Sheet<'_>, theme: &Theme, below: usize) {
    if below > 0 && sheet.height() > 1 {
        let line = Words::new(theme).say(Role::Muted, format!(" ▼ {below} more ")).line();
        let y = sheet.height() - 1;
        let x = sheet.width().saturating_sub(2 + u16::try_from(line.width()).unwrap_or(0));
        sheet.line_at(x, y, &line);
    }
}

/// Lines of a paragraph: `text` wrapped to `room` cells in one role.
pub(super) fn paragraph(theme: &Theme, role: Role, what: &str, room: usize) -> Vec<Line<'static>> {
    text::wrap(what, room).into_iter().map(|part| Words::new(theme).say(role, part).line()).collect()
}
