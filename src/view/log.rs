//! The log of one job: its steps on the left where there is room, its lines beside them, the line that has the eye
//! marked. Only what is in sight is built, however long the log is.
//!
//! ```text
//!  ✓ Set up job     │  118  09:04:11  ▸ Run make e2e
//!  ✗ End-to-end …   │▌ 131  09:04:40  FAILED cart survives two devices: connection refused
//!                   │      ┄ 478000 lines (48.1 MB) are not kept, 2 errors among them ┄
//! ```

use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use unicode_width::UnicodeWidthChar;

use super::panel::{self, Keyboard, Title};
use super::scene::{Scene, run_sign};
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::log::{self, Desk, Eye, Long};
use crate::app::model::Panel;
use crate::domain::log::{Colour, Ink, LeftOut, LineKind, LogEnd, LogLine, Weight};
use crate::domain::pipeline::JobStep;
use crate::domain::time::{ago, spoken};
use crate::domain::{Job, JobLog, LogAnswer, Run};
use crate::theme::{Role, Sign, Theme};

/// From this width on the steps stand beside the lines.
const STEPS_FROM: u16 = 96;
/// Columns of the steps.
const STEPS: u16 = 30;
/// From this width on every line tells its time.
const TIMES_FROM: usize = 64;
/// The most rows of one line.
const ROWS: usize = 400;

/// Draws the log.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let desk = &scene.model.log;
    let found = desk.job.as_ref().and_then(|key| log::job_of(scene.model, key));
    let about = found.map(|(run, job)| called(desk, run, job)).unwrap_or_default();
    let title = Title::new(scene.theme, Panel::Log.title()).about(about).right(standing(scene, found));
    let keyboard = scene.keyboard(Panel::Log);
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        let (width, height) = (inside.width(), inside.height());
        let steps = log::steps(scene.model);
        match desk.log() {
            None => nothing(scene, steps, &mut inside),
            Some(log) if width >= STEPS_FROM && !steps.is_empty() => {
                let at = desk.index().and_then(|index| log.step_of(index, steps));
                steps_column(scene, steps, at, &mut inside.part(0, 0, STEPS, height));
                for y in 0..height {
                    inside.dot(STEPS, y, "│", scene.theme.style(Role::Faint));
                }
                lines(scene, log, keyboard, &mut inside.part(STEPS + 1, 0, width - STEPS - 1, height))
            }
            Some(log) => lines(scene, log, keyboard, &mut inside),
        }
    };
    panel::more_below(sheet, scene.theme, below);
}

/// `checkout · e2e · release.yml #61 attempt 2`.
fn called(desk: &Desk, run: &Run, job: &Job) -> String {
    let service = desk.job.as_ref().map(|key| key.run.service.to_string()).unwrap_or_default();
    let attempt = if run.attempt > 1 { format!(" attempt {}", run.attempt) } else { String::new() };
    format!("{} · {service} · {} #{}{attempt}", job.name, run.workflow, run.number)
}

/// How the job stands, how long it took, how long ago; how much of its log there is.
fn standing<'a>(scene: Scene<'a>, found: Option<(&Run, &Job)>) -> Words<'a> {
    let mut words = scene.words();
    let now = scene.model.now.wall;
    if let Some((_, job)) = found {
        let (sign, word) = run_sign(&job.state);
        words = words.sign(sign).gap(1).say(sign.role(), word);
        let took = job.started.map(|began| ago(job.finished.unwrap_or(now), began));
        words = words.maybe(Role::Muted, took.map(|took| format!(" in {}", spoken(took))));
        let ended = job.finished.map(|at| format!("{} ago", spoken(ago(now, at))));
        words = ended.into_iter().fold(words, |words, ended| words.dot().say(Role::Muted, ended));
    }
    let Some(log) = scene.model.log.log() else { return words };
    let count = log.lines.last().map_or(0, |line| line.number);
    let words = words.dot().say(Role::Muted, format!("{count} lines"));
    match (&log.end, scene.model.log.eye) {
        (LogEnd::Growing, Eye::End) => words.dot().say(Role::Running, "following"),
        (LogEnd::Growing, _) => words.dot().say(Role::Running, "growing, G follows"),
        (LogEnd::Stopped(_), _) => words.dot().say(Role::Hold, "in part"),
        (LogEnd::Complete, _) => words,
    }
}

/// There is no log to show: why, and how far the job is.
fn nothing(scene: Scene<'_>, steps: &[JobStep], inside: &mut Sheet<'_>) -> usize {
    let room = usize::from(inside.width()).saturating_sub(2).max(8);
    let desk = &scene.model.log;
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut say = |role, what: &str| {
        rows.extend(
            text::wrap(what, room).into_iter().map(|part| scene.words().gap(1).say(role, part).line()),
        );
    };
    match (&desk.job, &desk.answer) {
        (None, _) => {
            say(Role::Muted, "no job is selected: choose one in the pipeline of a service, then enter")
        }
        (Some(key), None) => say(Role::Muted, &format!("asking {} for the log…", key.run.source)),
        (Some(_), Some(LogAnswer::NotYet(why))) => say(Role::Base, why.as_str()),
        (Some(_), Some(LogAnswer::Failed(fault))) => {
            say(Role::NoGo, &fault.to_string());
            if let Some(hint) = &fault.hint {
                say(Role::Base, &format!("→ {hint}"));
            }
        }
        (Some(_), Some(LogAnswer::Here(_))) => {}
    }
    rows.push(Line::default());
    rows.extend(steps.iter().map(|step| step_row(scene, step).within(room)));
    super::sheet::write_lines(inside, &rows, 0)
}

fn step_row<'a>(scene: Scene<'a>, step: &JobStep) -> Words<'a> {
    let (sign, _) = run_sign(&step.state);
    let role = if sign == Sign::Bad { Role::NoGo } else { Role::Base };
    scene.words().gap(1).sign(sign).gap(1).say(role, step.name.as_str())
}

fn steps_column(scene: Scene<'_>, steps: &[JobStep], at: Option<usize>, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let rows: Vec<Line<'static>> = steps.iter().map(|step| step_row(scene, step).within(room)).collect();
    super::pipeline::write_chosen(sheet, scene, &rows, at);
}

/// The lines in sight; returns how many lie below.
fn lines(scene: Scene<'_>, log: &JobLog, keyboard: Keyboard, sheet: &mut Sheet<'_>) -> usize {
    let desk = &scene.model.log;
    let Some(eye) = desk.index() else {
        sheet.line(0, &scene.words().gap(1).say(Role::Muted, "the log is empty").line());
        return 0;
    };
    let page = Page::new(scene, log, desk, sheet.width());
    let height = usize::from(sheet.height());
    let mut index = page.top(eye, height);
    let mut y = 0;
    while y < sheet.height() {
        let Some(line) = log.lines.get(index) else { break };
        if let Some(gap) = page.gap_before(index) {
            sheet.line(y, &gap_row(scene, gap).within(usize::from(sheet.width())));
            y += 1;
        }
        let chosen = index == eye && keyboard == Keyboard::Here;
        for row in page.rows(line) {
            if y >= sheet.height() {
                break;
            }
            sheet.line(y, &row);
            if chosen {
                sheet.select(y, scene.theme, scene.theme.style(Role::Focus));
            }
            y += 1;
        }
        index += 1;
    }
    if let (LogEnd::Stopped(why), true) = (&log.end, y < sheet.height()) {
        let words = scene.words().gap(1).sign(Sign::Warning).gap(1);
        let words = words.say(Role::Hold, format!("reading stopped here: {why}"));
        sheet.line(y, &words.within(usize::from(sheet.width())));
    }
    log.lines.len().saturating_sub(index)
}

fn gap_row(scene: Scene<'_>, gap: LeftOut) -> Words<'_> {
    let tenths = gap.bytes / 100_000;
    let mut said = format!("{} lines ({}.{} MB) are not kept", gap.lines, tenths / 10, tenths % 10);
    if gap.errors > 0 {
        said.push_str(&format!(
            ", {} among them",
            text::counted(usize::try_from(gap.errors).unwrap_or(0), "error")
        ));
    }
    scene.words().gap(1).sign(Sign::Warning).gap(1).say(Role::Hold, said)
}

/// What is the same for every line of a frame.
struct Page<'a> {
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
    fn new(scene: Scene<'a>, log: &'a JobLog, desk: &'a Desk, width: u16) -> Self {
        let width = usize::from(width);
        let digits = log.lines.last().map_or(1, |line| line.number.to_string().len()).max(3);
        let times = width >= TIMES_FROM && log.lines.iter().take(8).any(|line| line.at.is_some());
        let before = 1 + digits + 1 + if times { 9 } else { 0 };
        Self { scene, log, desk, digits, times, room: width.saturating_sub(before).max(1) }
    }

    /// The gap that lies before the line at this index, if one does.
    fn gap_before(&self, index: usize) -> Option<LeftOut> {
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
    fn top(&self, eye: usize, height: usize) -> usize {
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

    /// The text of a line in the pieces that its rows hold.
    fn parts<'l>(&self, line: &'l LogLine) -> Vec<&'l str> {
        let whole = line.text.as_str();
        let room = self.room.saturating_sub(marked(line.kind));
        match self.desk.long {
            Long::Wrapped => wrapped(whole, room.max(1)),
            Long::Shifted(cells) => vec![shifted(whole, cells)],
        }
    }

    fn rows(&self, line: &LogLine) -> Vec<Line<'static>> {
        let whole = line.text.as_str();
        let hits = hits(whole, &self.desk.search);
        let mut rows = Vec::new();
        for (nth, part) in self.parts(line).into_iter().enumerate() {
            let from = part.as_ptr() as usize - whole.as_ptr() as usize;
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
            let at = line.at.map(|at| at.strftime("%H:%M:%S").to_string()).unwrap_or_default();
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

/// A text in pieces of at most `room` cells.
fn wrapped(whole: &str, room: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut cells) = (0, 0);
    for (at, c) in whole.char_indices() {
        let wide = c.width().unwrap_or(0);
        if cells + wide > room && at > from {
            parts.push(whole.get(from..at).unwrap_or_default());
            (from, cells) = (at, 0);
            if parts.len() == ROWS {
                return parts;
            }
        }
        cells += wide;
    }
    parts.push(whole.get(from..).unwrap_or_default());
    parts
}

/// What is left of a text when `cells` cells are shifted out on the left.
fn shifted(whole: &str, cells: usize) -> &str {
    let mut gone = 0;
    for (at, c) in whole.char_indices() {
        if gone >= cells && c.width() != Some(0) {
            return whole.get(at..).unwrap_or_default();
        }
        gone += c.width().unwrap_or(0);
    }
    whole.get(whole.len()..).unwrap_or_default()
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
        assert_eq!(wrapped("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("漢字漢", 4), ["漢字", "漢"]);
        assert_eq!(wrapped("e\u{301}e\u{301}", 1), ["e\u{301}", "e\u{301}"]);
        assert_eq!(shifted("abcdef", 4), "ef");
        assert_eq!(shifted("ab", 8), "");
        assert_eq!(shifted("ab", 0), "ab");
        assert_eq!(shifted("e\u{301}x", 1), "x");
    }

    #[test]
    fn what_is_searched_for_is_found_whatever_its_case() {
        assert_eq!(hits("Error: an error", "ERROR"), [(0, 5), (10, 15)]);
        assert_eq!(hits("größe", "Ö"), [(2, 4)]);
        assert_eq!(hits("x", ""), []);
    }
}
