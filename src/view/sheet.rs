//! A rectangle of the screen that can be written on, and lines made of words with roles.
//!
//! Everything is clipped here, once: whatever a panel writes, nothing leaves its rectangle and nothing panics.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::text;
use crate::theme::{Role, Sign, Theme};

/// A rectangle of the screen. Coordinates are relative to its upper left corner.
pub(super) struct Sheet<'a> {
    buf: &'a mut Buffer,
    area: Rect,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(buf: &'a mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buf.area);
        Self { buf, area }
    }

    pub(super) const fn area(&self) -> Rect {
        self.area
    }

    pub(super) const fn width(&self) -> u16 {
        self.area.width
    }

    pub(super) const fn height(&self) -> u16 {
        self.area.height
    }

    /// The part of this sheet at `x`, `y`.
    pub(super) fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Sheet<'_> {
        let x = x.min(self.area.width);
        let y = y.min(self.area.height);
        let area = Rect {
            x: self.area.x + x,
            y: self.area.y + y,
            width: width.min(self.area.width - x),
            height: height.min(self.area.height - y),
        };
        Sheet { buf: self.buf, area }
    }

    /// Writes `text` at `x`, `y`, cut at the sheet's right edge.
    pub(super) fn put(&mut self, x: u16, y: u16, what: &str, style: Style) {
        if x >= self.area.width || y >= self.area.height {
            return;
        }
        let room = usize::from(self.area.width - x);
        self.wipe(x, y, text::width(what));
        self.buf.set_stringn(self.area.x + x, self.area.y + y, text::cut(what, room), room, style);
    }

    /// Writes a line at row `y`.
    pub(super) fn line(&mut self, y: u16, line: &Line<'_>) {
        self.line_at(0, y, line);
    }

    /// Writes a line at `x`, `y`.
    pub(super) fn line_at(&mut self, x: u16, y: u16, line: &Line<'_>) {
        if x < self.area.width && y < self.area.height {
            self.wipe(x, y, line.width());
            self.buf.set_line(self.area.x + x, self.area.y + y, line, self.area.width - x);
        }
    }

    /// Takes the ink off `cells` cells and leaves their ground: what is written next inherits nothing.
    fn wipe(&mut self, x: u16, y: u16, cells: usize) {
        let cells = u16::try_from(cells).unwrap_or(u16::MAX);
        let area = self.part(x, y, cells, 1).area;
        for position in area.positions() {
            if let Some(cell) = self.buf.cell_mut(position) {
                cell.fg = Color::Reset;
                cell.modifier = Modifier::empty();
            }
        }
    }

    /// Writes a line that ends at the sheet's right edge.
    pub(super) fn line_right(&mut self, y: u16, line: &Line<'_>) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        self.line_at(self.area.width.saturating_sub(width), y, line);
    }

    /// Adds a style to a rectangle.
    pub(super) fn tint(&mut self, x: u16, y: u16, width: u16, height: u16, style: Style) {
        let area = self.part(x, y, width, height).area;
        self.buf.set_style(area, style);
    }

    /// Empties the sheet and gives it a ground.
    pub(super) fn clear(&mut self, ground: Style) {
        for position in self.area.positions() {
            if let Some(cell) = self.buf.cell_mut(position) {
                cell.reset();
                cell.set_style(ground);
            }
        }
    }

    /// Puts one shape into one cell, without touching its ground.
    pub(super) fn dot(&mut self, x: u16, y: u16, symbol: &str, style: Style) {
        if x < self.area.width
            && y < self.area.height
            && let Some(cell) = self.buf.cell_mut((self.area.x + x, self.area.y + y))
        {
            cell.fg = Color::Reset;
            cell.modifier = Modifier::empty();
            cell.set_symbol(symbol).set_style(style);
        }
    }

    /// Marks row `y` as selected: ground or reverse over its whole width, and a gutter marker.
    pub(super) fn select(&mut self, y: u16, theme: &Theme, gutter: Style) {
        let style = theme.style(Role::Selected);
        let reverse = style.add_modifier.contains(Modifier::REVERSED);
        let row = self.part(0, y, u16::MAX, 1).area;
        for position in row.positions() {
            let Some(cell) = self.buf.cell_mut(position) else { continue };
            // Bars keep their ink: reversed, a full one would look empty.
            if reverse && matches!(cell.symbol(), "█" | "░") {
                continue;
            }
            if reverse {
                // One even bar: coloured cells would otherwise become a patchwork of coloured grounds.
                cell.modifier = Modifier::empty();
                cell.fg = Color::Reset;
                cell.bg = Color::Reset;
            }
            cell.set_style(style);
        }
        self.dot(0, y, "▌", gutter.remove_modifier(Modifier::REVERSED));
    }
}

/// A line in the making: words with roles.
#[derive(Clone)]
pub(super) struct Words<'t> {
    theme: &'t Theme,
    spans: Vec<Span<'static>>,
    width: usize,
}

impl<'t> Words<'t> {
    pub(super) const fn new(theme: &'t Theme) -> Self {
        Self { theme, spans: Vec::new(), width: 0 }
    }

    /// Adds words.
    pub(super) fn say(self, role: Role, what: impl AsRef<str>) -> Self {
        let mut style = self.theme.style(role);
        if role == Role::Base {
            // Words lie on the ground that is there: a card's, a dialog's, a selected row's.
            style.bg = None;
        }
        self.styled(style, what)
    }

    /// Adds words in a style.
    pub(super) fn styled(mut self, style: Style, what: impl AsRef<str>) -> Self {
        let what = what.as_ref();
        self.width += text::width(what);
        self.spans.push(Span::styled(what.to_owned(), style));
        self
    }

    /// Adds a sign in its role.
    pub(super) fn sign(self, sign: Sign) -> Self {
        self.say(sign.role(), sign.glyph())
    }

    /// Adds blank cells.
    pub(super) fn gap(self, cells: usize) -> Self {
        self.styled(Style::new(), " ".repeat(cells))
    }

    /// Adds blank cells up to column `column`, at least one if there is anything before it.
    pub(super) fn to(self, column: usize) -> Self {
        let gap = column.saturating_sub(self.width).max(usize::from(self.width > 0));
        self.gap(gap)
    }

    /// Adds ` · ` if there is anything before it.
    pub(super) fn dot(self) -> Self {
        if self.width == 0 { self } else { self.say(Role::Faint, " · ") }
    }

    /// Adds words if there are any.
    pub(super) fn maybe(self, role: Role, what: Option<impl AsRef<str>>) -> Self {
        match what {
            Some(what) => self.say(role, what),
            None => self,
        }
    }

    /// Adds other words.
    pub(super) fn then(mut self, other: Words<'_>) -> Self {
        self.width += other.width;
        self.spans.extend(other.spans);
        self
    }

    /// Cells so far.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// The line.
    pub(super) fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }

    /// The line in at most `room` cells; what is cut off is told by `…`.
    pub(super) fn within(self, room: usize) -> Line<'static> {
        if self.width <= room {
            return self.line();
        }
        let mut left = room;
        let mut spans = Vec::new();
        for span in self.spans {
            let wide = span.width();
            if wide < left {
                left -= wide;
                spans.push(span);
            } else {
                let ellipsis = if left == 0 { "" } else { "…" };
                let kept = text::head(&span.content, left.saturating_sub(1));
                spans.push(Span::styled(kept.trim_end().to_owned() + ellipsis, span.style));
                break;
            }
        }
        Line::from(spans)
    }
}

/// Writes lines from `scroll` on; returns how many lie below what is visible.
pub(super) fn write_lines(sheet: &mut Sheet<'_>, lines: &[Line<'static>], scroll: u16) -> usize {
    let height = usize::from(sheet.height());
    let first = usize::from(scroll).min(lines.len().saturating_sub(height));
    for (y, line) in (0..sheet.height()).zip(lines.iter().skip(first)) {
        sheet.line(y, line);
    }
    lines.len().saturating_sub(first + height)
}
