//! A frame as text, as ANSI or as SVG: for `--print`, for screenshots in tickets, and for looking at one's own work.
//! Deterministic: the same buffer gives the same bytes.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::theme::{Role, Theme};

/// Cells of an SVG, in pixels.
const CELL: (f64, f64) = (8.43, 17.0);
/// Size of its font.
const FONT: f64 = 14.0;

/// The frame as plain text: one line a row, without trailing blanks.
#[must_use]
pub fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buf) {
        let line: String = row.iter().map(|(_, cell)| cell.symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The frame with ANSI colours (SGR); every line ends in a reset.
#[must_use]
pub fn ansi(buf: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buf) {
        let mut before = None;
        for (_, cell) in row {
            let style = cell.style();
            if before != Some(style) {
                out.push_str("\u{1b}[0");
                sgr(&mut out, style);
                out.push('m');
                before = Some(style);
            }
            out.push_str(cell.symbol());
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

/// The frame as a picture: a monospace grid with the theme's colours.
#[must_use]
pub fn svg(buf: &Buffer, theme: &Theme) -> String {
    let ground = Ground::of(theme);
    let (width, height) = (f64::from(buf.area.width) * CELL.0, f64::from(buf.area.height) * CELL.1);
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{:.0}\" viewBox=\"-8 -8 {:.0} {:.0}\" \
         font-family=\"'DejaVu Sans Mono','Menlo','Consolas',monospace\" font-size=\"{FONT}\">\n\
         <rect x=\"-8\" y=\"-8\" width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        width + 16.0,
        height + 16.0,
        width + 16.0,
        height + 16.0,
        hex(ground.bg),
    );
    for (y, row) in rows(buf).into_iter().enumerate() {
        let runs = runs(&row, ground);
        for run in &runs {
            run.paint_ground(&mut out, y, ground);
        }
        for run in &runs {
            run.paint_text(&mut out, y);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Every row as the cells that show something: the second half of a wide character is left out.
fn rows(buf: &Buffer) -> Vec<Vec<(u16, &Cell)>> {
    let area = buf.area;
    (area.top()..area.bottom())
        .map(|y| {
            let mut row = Vec::new();
            let mut skip = 0;
            for x in area.left()..area.right() {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let Some(cell) = buf.cell((x, y)) else { continue };
                skip = cell.symbol().width().saturating_sub(1);
                row.push((x - area.left(), cell));
            }
            row
        })
        .collect()
}

fn sgr(out: &mut String, style: Style) {
    for (modifier, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::REVERSED, 7),
        (Modifier::CROSSED_OUT, 9),
    ] {
        if style.add_modifier.contains(modifier) {
            let _ = write!(out, ";{code}");
        }
    }
    for (colour, base) in [(style.fg, 30), (style.bg, 40)] {
        match colour {
            None | Some(Color::Reset) => {}
            Some(Color::Rgb(r, g, b)) => {
                let _ = write!(out, ";{};2;{r};{g};{b}", base + 8);
            }
            Some(Color::Indexed(index)) => {
                let _ = write!(out, ";{};5;{index}", base + 8);
            }
            Some(named) => {
                if let Some(index) = palette_index(named) {
                    let code = if index < 8 { base + index } else { base + 60 + index - 8 };
                    let _ = write!(out, ";{code}");
                }
            }
        }
    }
}

/// What an unset colour means in a picture.
#[derive(Clone, Copy)]
struct Ground {
    fg: (u8, u8, u8),
    bg: (u8, u8, u8),
}

impl Ground {
    /// The theme's own ground; a dark terminal for themes that leave it to the terminal.
    fn of(theme: &Theme) -> Self {
        let base = theme.style(Role::Base);
        let given = |colour, other| match colour {
            Some(Color::Rgb(r, g, b)) => (r, g, b),
            _ => other,
        };
        Self { fg: given(base.fg, (0xd0, 0xd4, 0xda)), bg: given(base.bg, (0x14, 0x16, 0x1a)) }
    }
}

/// Neighbouring cells of one look.
struct Run {
    x: u16,
    cells: u16,
    text: String,
    fg: (u8, u8, u8),
    bg: (u8, u8, u8),
    modifier: Modifier,
}

fn runs(row: &[(u16, &Cell)], ground: Ground) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (x, cell) in row {
        let (mut fg, mut bg) = (rgb(cell.fg, ground.fg), rgb(cell.bg, ground.bg));
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut fg, &mut bg);
        }
        if cell.modifier.contains(Modifier::DIM) {
            fg = between(fg, bg);
        }
        let modifier = cell.modifier - Modifier::REVERSED - Modifier::DIM;
        let cells = u16::try_from(cell.symbol().width().max(1)).unwrap_or(1);
        let plain = cells == 1 && cell.symbol().is_ascii();
        if let Some(last) = runs.last_mut()
            && (last.fg, last.bg, last.modifier) == (fg, bg, modifier)
            && plain
            && last.text.is_ascii()
        {
            last.text.push_str(cell.symbol());
            last.cells += 1;
            continue;
        }
        // Shapes that fonts may draw wider than a cell stand alone, so that nothing after them drifts.
        runs.push(Run { x: *x, cells, text: cell.symbol().to_owned(), fg, bg, modifier });
    }
    runs
}

impl Run {
    fn paint_ground(&self, out: &mut String, y: usize, ground: Ground) {
        if self.bg != ground.bg {
            let _ = writeln!(
                out,
                "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{}\"/>",
                f64::from(self.x) * CELL.0,
                row_top(y),
                f64::from(self.cells) * CELL.0 + 0.2,
                CELL.1 + 0.2,
                hex(self.bg),
            );
        }
    }

    fn paint_text(&self, out: &mut String, y: usize) {
        if self.text.trim().is_empty() {
            return;
        }
        let _ = write!(
            out,
            "<text x=\"{:.2}\" y=\"{:.2}\" fill=\"{}\" xml:space=\"preserve\"",
            f64::from(self.x) * CELL.0,
            row_top(y) + 12.8,
            hex(self.fg),
        );
        if self.modifier.contains(Modifier::BOLD) {
            out.push_str(" font-weight=\"bold\"");
        }
        if self.modifier.contains(Modifier::ITALIC) {
            out.push_str(" font-style=\"italic\"");
        }
        match (self.modifier.contains(Modifier::UNDERLINED), self.modifier.contains(Modifier::CROSSED_OUT)) {
            (true, _) => out.push_str(" text-decoration=\"underline\""),
            (false, true) => out.push_str(" text-decoration=\"line-through\""),
            (false, false) => {}
        }
        let _ = writeln!(out, ">{}</text>", escaped(&self.text));
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows of a screen")]
fn row_top(y: usize) -> f64 {
    y as f64 * CELL.1
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

fn hex((r, g, b): (u8, u8, u8)) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

const fn between(a: (u8, u8, u8), b: (u8, u8, u8)) -> (u8, u8, u8) {
    (a.0.midpoint(b.0), a.1.midpoint(b.1), a.2.midpoint(b.2))
}

const fn palette_index(colour: Color) -> Option<u8> {
    Some(match colour {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => return None,
    })
}

/// A colour as a picture shows it; `other` where it is left to the terminal.
fn rgb(colour: Color, other: (u8, u8, u8)) -> (u8, u8, u8) {
    const SIXTEEN: [(u8, u8, u8); 16] = [
        (0x1d, 0x20, 0x26),
        (0xe0, 0x6c, 0x75),
        (0x8c, 0xc2, 0x65),
        (0xd7, 0xa6, 0x5f),
        (0x61, 0xa8, 0xea),
        (0xc1, 0x7f, 0xd9),
        (0x56, 0xb6, 0xc2),
        (0xc8, 0xcc, 0xd4),
        (0x77, 0x7d, 0x89),
        (0xff, 0x7b, 0x86),
        (0xa5, 0xe0, 0x75),
        (0xf0, 0xc6, 0x74),
        (0x7a, 0xb8, 0xff),
        (0xd9, 0x8f, 0xf0),
        (0x6f, 0xd3, 0xe0),
        (0xff, 0xff, 0xff),
    ];
    match colour {
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Reset => other,
        Color::Indexed(index @ 16..=231) => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let n = index - 16;
            (level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        Color::Indexed(index @ 232..=255) => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
        Color::Indexed(index) => SIXTEEN.get(usize::from(index)).copied().unwrap_or(other),
        named => palette_index(named).and_then(|i| SIXTEEN.get(usize::from(i)).copied()).unwrap_or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    fn buffer() -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 2));
        buf.set_string(0, 0, "a<b & \"日\"", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        buf.set_string(0, 1, "plain", Style::new().bg(Color::Indexed(21)));
        buf
    }

    #[test]
    fn text_has_the_characters_and_no_trailing_blanks() {
        assert_eq!(text(&buffer()), "a<b & \"日\"\nplain\n");
    }

    #[test]
    fn ansi_sets_each_style_once_and_ends_every_line_with_a_reset() {
        let shown = ansi(&buffer());
        assert_eq!(shown.matches("\u{1b}[0;1;31m").count(), 1, "{shown:?}");
        assert!(shown.contains("\u{1b}[0;48;5;21mplain"), "{shown:?}");
        assert!(shown.lines().all(|l| l.ends_with("\u{1b}[0m")));
    }

    #[test]
    fn svg_is_escaped_bounded_and_the_same_every_time() {
        let theme = Theme::built_in("dark").unwrap();
        let picture = svg(&buffer(), &theme);
        assert_eq!(picture, svg(&buffer(), &theme));
        assert!(picture.contains("a&lt;b &amp; &quot;"), "{picture}");
        assert!(picture.contains("fill=\"#0000ff\""), "{picture}");
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
    }
}
