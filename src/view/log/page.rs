//! The lines in sight: which one is the first, how each becomes rows, and its inks.

use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use unicode_width::UnicodeWidthChar;

use crate::app::log::{Desk, Long};
use crate::domain::JobLog;
use crate::domain::log::{Colour, Ink, LeftOut, LineKind, LogLine, Weight};
use crate::theme::{Role, Sign, Theme};
use crate::view::scene::Scene;
use crate::view::sheet::Words;
use crate::view::text;

/// From this width on every line tells its time.
const TIMES_FROM: usize = 64;
/// The most rows of one line.
const ROWS: usize = 400;

/// What is the same for every line of a frame.
pub(super) struct Page<'a> {
    scene: Scene<'a>,
    log: &'a JobLog,
    desk: &'a Desk,
    /// Columns of the number.
    digits: usize,
    times: bool,
    /// Columns of the text.
    room: usize,
}

impl<'a> Page<'a> {
    pub(super) fn new(scene: Scene<'a>, log: &'a JobLog, desk: &'a Desk, width: u16) -> Self {
        let width = usize::from(width);
        let digits = log.lines.last().map_or(1, |line| line.number.to_string().len()).max(3);
        let times = width >= TIMES_FROM && log.lines.iter().take(8).any(|line| line.at.is_some());
        let before = 1 + digits + 1 + if times { 9 } else { 0 };
        Self { scene, log, desk, digits, times, room: width.saturating_sub(before).max(1) }
    }

    /// The gap that lies before the line at this index, if one does.
    pub(super) fn gap_before(&self, index: usize) -> Option<LeftOut> {
        let gap = self.log.left_out?;
        let line = self.log.lines.get(index)?.number;
        let before = index.checked_sub(1).and_then(|i| self.log.lines.get(i)).map_or(0, |line| line.number);
        (before <= gap.after && line > gap.after + gap.lines).then_some(gap)
    }

    fn height(&self, index: usize) -> usize {
        let rows = self.log.lines.get(index).map_or(0, |line| self.parts(line).len());
        rows + usize::from(self.gap_before(index).is_some())
    }

    /// The first line in sight: the eye is in the upper third, the end of the log at the bottom.
    pub(super) fn top(&self, eye: usize, height: usize) -> usize {
        let (mut top, mut above) = (eye, 0);
        let climb = |top: &mut usize, used: &mut usize, room: usize| {
            while *top > 0 && *used + self.height(*top - 1) <= room {
                *top -= 1;
                *used += self.height(*top);
            }
        };
        climb(&mut top, &mut above, height / 3);
        let mut below = 0;
        for index in eye..self.log.lines.len() {
            below += self.height(index);
            if above + below >= height {
                return top;
            }
        }
        let mut used = above + below;
        climb(&mut top, &mut used, height);
        top
    }

    /// The pieces of a line's text that its rows hold: from which byte on, and what.
    fn parts<'l>(&self, line: &'l LogLine) -> Vec<(usize, &'l str)> {
        let whole = line.text.as_str();
        let room = self.room.saturating_sub(marked(line.kind));
        match self.desk.long {
            Long::Wrapped => wrapped(whole, room.max(1)),
            Long::Shifted(cells) => vec![shifted(whole, cells)],
        }
    }

    pub(super) fn rows(&self, line: &LogLine) -> Vec<Line<'static>> {
        let hits = hits(line.text.as_str(), &self.desk.search);
        let mut rows = Vec::new();
        for (nth, (from, part)) in self.parts(line).into_iter().enumerate() {
            let mut words = self.margin(line, nth == 0);
            for (style, piece) in self.inked(line, from, part, &hits) {
                words = words.styled(style, piece);
            }
            rows.push(words.within(self.room + self.before()));
        }
        rows
    }

    fn before(&self) -> usize {
        1 + self.digits + 1 + if self.times { 9 } else { 0 }
    }

    fn margin(&self, line: &LogLine, first: bool) -> Words<'a> {
        let words = self.scene.words().gap(1);
        if !first {
            return words.gap(self.before() - 1 + marked(line.kind));
        }
        let words = words.say(Role::Faint, text::fit_right(&line.number.to_string(), self.digits)).gap(1);
        let words = if self.times {
            let at = line.at.map(|at| self.scene.time(at, "%H:%M:%S")).unwrap_or_default();
            words.say(Role::Muted, text::fit(&at, 8)).gap(1)
        } else {
            words
        };
        match line.kind {
            LineKind::Group => words.say(Role::Title, "▸ "),
            LineKind::Error => words.sign(Sign::Bad).gap(1),
            LineKind::Warning => words.sign(Sign::Warning).gap(1),
            _ => words,
        }
    }

    /// A part of a line in its inks; what is searched for stands reversed.
    fn inked(
        &self,
        line: &LogLine,
        from: usize,
        part: &str,
        hits: &[(usize, usize)],
    ) -> Vec<(Style, String)> {
        let mut pieces: Vec<(Style, String)> = Vec::new();
        for (at, c) in part.char_indices() {
            let at = from + at;
            let ink =
                line.paints.iter().find(|paint| (paint.from..paint.to).contains(&at)).map(|paint| paint.ink);
            let mut style = ground_free(self.scene.theme, role_of(line.kind));
            if let Some(ink) = ink {
                style = inked(self.scene.theme, style, ink);
            }
            if hits.iter().any(|(begin, end)| (*begin..*end).contains(&at)) {
                style = style.add_modifier(Modifier::REVERSED);
            }
            match pieces.last_mut() {
                Some((same, piece)) if *same == style => piece.push(c),
                _ => pieces.push((style, c.to_string())),
            }
        }
        pieces
    }
}

/// Cells of the sign in front of such a line.
const fn marked(kind: LineKind) -> usize {
    match kind {
        LineKind::Group | LineKind::Error | LineKind::Warning => 2,
        _ => 0,
    }
}

const fn role_of(kind: LineKind) -> Role {
    match kind {
        LineKind::Plain => Role::Base,
        LineKind::Group => Role::Title,
        LineKind::Command | LineKind::Notice => Role::Accent,
        LineKind::Error | LineKind::Suspect => Role::NoGo,
        LineKind::Warning => Role::Hold,
        LineKind::Debug => Role::Muted,
    }
}

/// A role's style on whatever ground there is.
fn ground_free(theme: &Theme, role: Role) -> Style {
    let mut style = theme.style(role);
    style.bg = None;
    style
}

/// The colours of tools in the roles of the theme, so that they are readable on every ground.
fn inked(theme: &Theme, plain: Style, ink: Ink) -> Style {
    let role = match (ink.colour, ink.weight) {
        (Some(Colour::Red), _) => Some(Role::NoGo),
        (Some(Colour::Green), _) => Some(Role::Go),
        (Some(Colour::Yellow), _) => Some(Role::Hold),
        (Some(Colour::Blue), _) => Some(Role::Accent),
        (Some(Colour::Cyan), _) => Some(Role::Running),
        (Some(Colour::Magenta), _) => Some(Role::Waiting),
        (Some(Colour::Black), _) | (None, Weight::Dim) => Some(Role::Muted),
        (Some(Colour::White), _) => Some(Role::Strong),
        (None, _) => None,
    };
    let style = role.map_or(plain, |role| ground_free(theme, role));
    if ink.weight == Weight::Bold { style.add_modifier(Modifier::BOLD) } else { style }
}

/// A text in pieces of at most `room` cells, each with its first byte.
fn wrapped(whole: &str, room: usize) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut from, mut cells) = (0, 0);
    for (at, c) in whole.char_indices() {
        let wide = c.width().unwrap_or(0);
        if cells + wide > room && at > from {
            parts.push((from, whole.get(from..at).unwrap_or_default()));
            (from, cells) = (at, 0);
            if parts.len() == ROWS {
                return parts;
            }
        }
        cells += wide;
    }
    parts.push((from, whole.get(from..).unwrap_or_default()));
    parts
}

/// What is left of a text when `cells` cells are shifted out on the left, with its first byte.
fn shifted(whole: &str, cells: usize) -> (usize, &str) {
    let mut gone = 0;
    for (at, c) in whole.char_indices() {
        if gone >= cells && c.width() != Some(0) {
            return (at, whole.get(at..).unwrap_or_default());
        }
        gone += c.width().unwrap_or(0);
    }
    (whole.len(), "")
}

/// Where the text holds what is searched for: bytes from and to.
fn hits(whole: &str, search: &str) -> Vec<(usize, usize)> {
    let low = |c: char| c.to_lowercase().next().unwrap_or(c);
    let wanted: Vec<char> = search.chars().map(low).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let chars: Vec<(usize, char)> = whole.char_indices().map(|(at, c)| (at, low(c))).collect();
    let found = chars.windows(wanted.len()).filter(|w| w.iter().map(|(_, c)| c).eq(wanted.iter()));
    let ends = |w: &[(usize, char)]| {
        let (begin, (last, _)) = (w.first()?.0, *w.last()?);
        let wide = whole.get(last..)?.chars().next()?.len_utf8();
        Some((begin, last + wide))
    };
    found.filter_map(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped_at_cells_and_shifted_by_cells() {
        assert_eq!(wrapped("abcdef", 4), [(0, "abcd"), (4, "ef")]);
        assert_eq!(wrapped("", 4), [(0, "")]);
        assert_eq!(wrapped("漢字漢", 4), [(0, "漢字"), (6, "漢")]);
        assert_eq!(wrapped("e\u{301}e\u{301}", 1), [(0, "e\u{301}"), (3, "e\u{301}")]);
        assert_eq!(shifted("abcdef", 4), (4, "ef"));
        assert_eq!(shifted("ab", 8), (2, ""));
        assert_eq!(shifted("ab", 0), (0, "ab"));
        assert_eq!(shifted("e\u{301}x", 1), (3, "x"));
    }

    #[test]
    fn what_is_searched_for_is_found_whatever_its_case() {
        assert_eq!(hits("Error: an error", "ERROR"), [(0, 5), (10, 15)]);
        assert_eq!(hits("größe", "Ö"), [(2, 4)]);
        assert_eq!(hits("x", ""), []);
    }
}
