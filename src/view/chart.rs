//! A signal's course with the thresholds it is judged by and the moment of the deploy: a braille line, bars of
//! blocks, or ASCII, as the theme says.
//!
//! Where there is only one row, blocks take the place of braille: eight steps of height instead of four.

use jiff::Timestamp;
use ratatui::style::Style;

use super::sheet::Sheet;
use crate::domain::health::BadWhen;
use crate::domain::time::ago;
use crate::domain::{Series, Signal, Thresholds, Verdict};
use crate::theme::{Charts, Glyphs, Role, Theme};

/// The lowest and the highest value that a chart shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Scale {
    /// The scale of a course: all values that it shows, and the signal's thresholds as far as they are near enough to
    /// matter. Never so narrow that ripples look like waves.
    pub(super) fn of(course: Course<'_>) -> Self {
        let all = course.series.values.iter().chain(course.canary.iter().flat_map(|c| &c.values));
        let finite = || all.clone().flatten().copied().filter(|v| v.is_finite());
        let mut low = finite().fold(f64::INFINITY, f64::min);
        let mut high = finite().fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let limits = course.signal.thresholds;
        // HOLD counts when it is within twelve times of what was seen, NO-GO when it is within four times of that.
        for (limit, times) in [(limits.hold, 11.0), (limits.no_go, 3.0)] {
            let reach = high.abs().max(low.abs()).max(f64::MIN_POSITIVE) * times;
            let near = |l: &f64| l.is_finite() && *l <= high + reach && *l >= low - reach;
            if let Some(limit) = limit.filter(near) {
                low = low.min(limit);
                high = high.max(limit);
            }
        }
        let positive = low >= 0.0;
        low = low.min(high - high.abs() * 0.4);
        let margin = ((high - low) * 0.08).max(1e-9);
        let floor = if positive { (low - margin).max(0.0) } else { low - margin };
        Self { low: floor, high: high + margin }
    }

    /// The row of a sheet of `height` rows in which `value` lies, if it lies within the scale.
    pub(super) fn line(self, value: f64, height: u16) -> Option<u16> {
        (value >= self.low && value <= self.high && height > 0).then(|| self.row(value, height * 4) / 4)
    }

    /// Which of `steps` rows from the top a value falls into.
    fn row(self, value: f64, steps: u16) -> u16 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let from_bottom = (share * f64::from(steps.saturating_sub(1))).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 ..= steps - 1 by the clamp"
        )]
        let from_bottom = from_bottom as u16;
        steps.saturating_sub(1).saturating_sub(from_bottom)
    }
}

/// What a chart is drawn from.
#[derive(Clone, Copy)]
pub(super) struct Course<'a> {
    pub(super) signal: &'a Signal,
    pub(super) series: &'a Series,
    /// When the present revision began to roll out.
    pub(super) deploy: Option<Timestamp>,
    /// What the signal was before the deploy: a faint line in the part after it.
    pub(super) baseline: Option<f64>,
    /// The canary's own course beside the others': beads, not a line.
    pub(super) canary: Option<&'a Series>,
    /// Whether the values are too old to be shown in their colours.
    pub(super) faded: bool,
}

/// Draws a course over the whole sheet.
pub(super) fn draw(sheet: &mut Sheet<'_>, theme: &Theme, course: Course<'_>) {
    let (width, height) = (sheet.width(), sheet.height());
    if width == 0 || height == 0 || course.series.values.is_empty() {
        return;
    }
    let scale = Scale::of(course);
    let charts = if theme.glyphs == Glyphs::Ascii { Charts::Ascii } else { theme.charts };
    if height > 1 {
        limit_lines(sheet, theme, course.signal.thresholds, scale);
        baseline(sheet, theme, course, scale);
    }
    match (charts, height) {
        (Charts::Ascii, 1) => levels(sheet, theme, course, scale, LETTERS),
        (Charts::Ascii, _) => letters(sheet, theme, course, scale),
        (Charts::Braille, 1) => levels(sheet, theme, course, scale, BLOCKS),
        (Charts::Braille, _) => braille(sheet, theme, course, scale),
        (Charts::Block, _) => bars(sheet, theme, course, scale),
    }
    if height > 1 {
        beads(sheet, theme, course, scale);
    }
    if let Some(x) = deploy_column(course, width) {
        for y in 0..height {
            sheet.dot(x, y, "┊", theme.style(Role::Strong));
        }
    }
}

/// The column of the deploy's moment, if it lies within the course.
pub(super) fn deploy_column(course: Course<'_>, width: u16) -> Option<u16> {
    let deploy = course.deploy?;
    if deploy < course.series.start {
        return None;
    }
    let count = u32::try_from(course.series.values.len()).ok()?;
    let whole = course.series.step.checked_mul(count)?.as_secs_f64();
    let share = ago(deploy, course.series.start).as_secs_f64() / whole;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "share is checked to lie in 0..1"
    )]
    (share < 1.0).then(|| (share * f64::from(width)) as u16)
}

/// What was, drawn under what is, from the deploy on.
fn baseline(sheet: &mut Sheet<'_>, theme: &Theme, course: Course<'_>, scale: Scale) {
    let Some(y) = course.baseline.and_then(|value| scale.line(value, sheet.height())) else { return };
    let Some(from) = deploy_column(course, sheet.width()) else { return };
    for x in from..sheet.width() {
        sheet.dot(x, y, "┈", theme.style(Role::Muted));
    }
}

/// The canary's values over the line of the others, every other cell, each where its time lies in the line's.
fn beads(sheet: &mut Sheet<'_>, theme: &Theme, course: Course<'_>, scale: Scale) {
    let Some(canary) = course.canary else { return };
    let count = u32::try_from(course.series.values.len()).unwrap_or(0);
    let whole = course.series.step.saturating_mul(count).as_secs_f64();
    let apart = canary.start.duration_since(course.series.start).as_secs_f64();
    let mut cells: Vec<Option<f64>> = vec![None; usize::from(sheet.width())];
    let width = f64::from(sheet.width());
    for (index, value) in (0u32..).zip(&canary.values) {
        let at = apart + canary.step.saturating_mul(index).as_secs_f64();
        let Some(value) = value.filter(|v| v.is_finite() && at >= 0.0 && at < whole) else { continue };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at lies in 0 .. whole")]
        let x = (at / whole * width) as usize;
        if let Some(cell) = cells.get_mut(x) {
            *cell = Some(worse(course, *cell, value));
        }
    }
    for (x, value) in (0u16..).zip(cells).step_by(2) {
        let Some(value) = value else { continue };
        let y = scale.row(value, sheet.height());
        sheet.dot(x, y, "●", theme.style(role(course, value)));
    }
}

fn limit_lines(sheet: &mut Sheet<'_>, theme: &Theme, limits: Thresholds, scale: Scale) {
    for (limit, role) in [(limits.hold, Role::Hold), (limits.no_go, Role::NoGo)] {
        let Some(y) = limit.and_then(|l| scale.line(l, sheet.height())) else { continue };
        let style = Style { fg: theme.style(role).fg, ..Style::default() };
        for x in (0..sheet.width()).step_by(3) {
            sheet.dot(x, y, "╌", style);
        }
    }
}

/// Eight heights of a bar within one cell.
const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The same by the ink of a letter.
const LETTERS: [&str; 8] = ["_", ".", "-", "=", "+", "*", "%", "#"];

/// One row of eight heights.
fn levels(sheet: &mut Sheet<'_>, theme: &Theme, course: Course<'_>, scale: Scale, shapes: [&str; 8]) {
    for (x, value) in (0..sheet.width()).zip(columns(course, sheet.width())) {
        let Some(value) = value else { continue };
        let step = 7 - usize::from(scale.row(value, 8).min(7));
        let shape = shapes.get(step).copied().unwrap_or_default();
        sheet.dot(x, 0, shape, theme.style(role(course, value)));
    }
}

/// A bar for every column, eight steps a row.
fn bars(sheet: &mut Sheet<'_>, theme: &Theme, course: Course<'_>, scale: Scale) {
    let (height, rows) = (sheet.height(), sheet.height() * 8);
    for (x, value) in (0..sheet.width()).zip(columns(course, sheet.width())) {
        let Some(value) = value else { continue };
        let (style, tall) = (theme.style(role(course, value)), rows - scale.row(value, rows));
        for y in 0..height {
            let left = usize::from(tall.saturating_sub((height - 1 - y) * 8).min(8));
            if let Some(shape) = left.checked_sub(1).and_then(|step| BLOCKS.get(step)) {
                sheet.dot(x, y, shape, style);
            }
        }
    }
}

/// One column of a line: its place, the dots from which to which it covers, top first, and its value.
type Stroke = (u16, std::ops::RangeInclusive<u16>, f64);

/// The course as a line over `width` columns and `rows` dots: every column reaches as far as the one before it ended.
fn strokes(course: Course<'_>, scale: Scale, width: u16, rows: u16) -> Vec<Stroke> {
    let mut before: Option<u16> = None;
    let mut all = Vec::new();
    for (x, value) in (0..width).zip(columns(course, width)) {
        let Some(value) = value else {
            before = None;
            continue;
        };
        let y = scale.row(value, rows);
        let from = before.map_or(y, |b| match b.cmp(&y) {
            std::cmp::Ordering::Less => b + 1,
            std::cmp::Ordering::Greater => b - 1,
            std::cmp::Ordering::Equal => y,
        });
        all.push((x, from.min(y)..=from.max(y), value));
        before = Some(y);
    }
    all
}

/// A line of letters: three heights a row, and a bar where it jumps over one.
fn letters(sheet: &mut Sheet<'_>, theme: &Theme, course: Course<'_>, scale: Scale) {
    for (x, dots, value) in strokes(course, scale, sheet.width(), sheet.height() * 3) {
        let (top, bottom) = (*dots.start(), *dots.end());
        for y in top / 3..=bottom / 3 {
            let (first, last) = (top.max(y * 3) - y * 3, bottom.min(y * 3 + 2) - y * 3);
            let shape = match (first, last) {
                (0, 0) => "'",
                (1, 1) => "-",
                (2, 2) => "_",
                _ => "|",
            };
            sheet.dot(x, y, shape, theme.style(role(course, value)));
        }
    }
}

/// Two columns and four rows of dots in every cell, joined into a line.
fn braille(sheet: &mut Sheet<'_>, theme: &Theme, course: Course<'_>, scale: Scale) {
    let mut cells = vec![(0u32, None::<f64>); usize::from(sheet.width()) * usize::from(sheet.height())];
    for (x, dots, value) in strokes(course, scale, sheet.width() * 2, sheet.height() * 4) {
        for dot in dots {
            let at = usize::from(dot / 4) * usize::from(sheet.width()) + usize::from(x / 2);
            if let Some((bits, worst)) = cells.get_mut(at) {
                *bits |= bit(x % 2, dot % 4);
                *worst = Some(worse(course, *worst, value));
            }
        }
    }
    let width = usize::from(sheet.width()).max(1);
    for (at, (bits, worst)) in cells.into_iter().enumerate() {
        let (Some(worst), Some(shape)) = (worst, char::from_u32(0x2800 + bits)) else { continue };
        let (Ok(x), Ok(y)) = (u16::try_from(at % width), u16::try_from(at / width)) else { continue };
        sheet.dot(x, y, shape.encode_utf8(&mut [0; 4]), theme.style(role(course, worst)));
    }
}

const fn bit(x: u16, y: u16) -> u32 {
    match (x, y) {
        (0, 0) => 0x01,
        (0, 1) => 0x02,
        (0, 2) => 0x04,
        (0, _) => 0x40,
        (_, 0) => 0x08,
        (_, 1) => 0x10,
        (_, 2) => 0x20,
        (_, _) => 0x80,
    }
}

/// The course in `count` columns; each shows the worst of the values that fall into it.
fn columns(course: Course<'_>, count: u16) -> Vec<Option<f64>> {
    let values = &course.series.values;
    let (have, want) = (values.len(), usize::from(count).max(1));
    (0..want)
        .map(|column| {
            let from = column * have / want;
            let to = ((column + 1) * have / want).max(from + 1);
            let part = values.get(from..to.min(have)).unwrap_or_default();
            part.iter()
                .flatten()
                .copied()
                .filter(|v| v.is_finite())
                .fold(None, |worst, value| Some(worse(course, worst, value)))
        })
        .collect()
}

fn worse(course: Course<'_>, worst: Option<f64>, value: f64) -> f64 {
    match (worst, course.signal.thresholds.bad_when) {
        (None, _) => value,
        (Some(worst), BadWhen::Above) => worst.max(value),
        (Some(worst), BadWhen::Below) => worst.min(value),
    }
}

fn role(course: Course<'_>, value: f64) -> Role {
    if course.faded {
        return Role::Muted;
    }
    match course.signal.thresholds.judge(value) {
        Verdict::Go => Role::Running,
        Verdict::Hold => Role::Hold,
        Verdict::NoGo => Role::NoGo,
        Verdict::Unknown => Role::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Reading;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use std::time::Duration;

    fn signal(values: Vec<Option<f64>>) -> Signal {
        Signal {
            name: "error-rate".into(),
            unit: "%".into(),
            thresholds: Thresholds { bad_when: BadWhen::Above, hold: Some(1.0), no_go: Some(2.0) },
            reading: Reading::Value(0.5),
            series: Some(Series { start: Timestamp::UNIX_EPOCH, step: Duration::from_secs(10), values }),
            split: None,
            budget: None,
        }
    }

    fn text(signal: &Signal, width: u16, height: u16, deploy: Option<i64>) -> Vec<String> {
        drawn(signal, width, height, deploy, Charts::Braille)
    }

    fn drawn(s: &Signal, width: u16, height: u16, deploy: Option<i64>, charts: Charts) -> Vec<String> {
        all(s, (width, height), deploy, (None, None), charts)
    }

    fn compared(
        signal: &Signal,
        width: u16,
        height: u16,
        deploy: Option<i64>,
        beside: (Option<f64>, Option<&Series>),
    ) -> Vec<String> {
        all(signal, (width, height), deploy, beside, Charts::Braille)
    }

    fn all(
        signal: &Signal,
        (width, height): (u16, u16),
        deploy: Option<i64>,
        (baseline, canary): (Option<f64>, Option<&Series>),
        charts: Charts,
    ) -> Vec<String> {
        let theme = Theme::default().with_charts(charts);
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        let course = Course {
            signal,
            series: signal.series.as_ref().unwrap(),
            deploy: deploy.map(|s| Timestamp::from_second(s).unwrap()),
            baseline,
            canary,
            faded: false,
        };
        draw(&mut Sheet::new(&mut buf, Rect::new(0, 0, width, height)), &theme, course);
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol().to_owned()).collect()).collect()
    }

    #[test]
    fn a_rising_course_rises_and_a_gap_stays_a_gap() {
        let rising = signal(vec![Some(0.0), Some(0.5), None, Some(2.0)]);
        let line = &text(&rising, 4, 1, None)[0];
        let cells: Vec<char> = line.chars().collect();
        assert!(cells[0] < cells[1] && cells[1] < cells[3], "{line}");
        assert_eq!(cells[2], ' ');
    }

    #[test]
    fn the_same_course_is_drawn_in_braille_in_blocks_and_in_ascii() {
        let rising = signal(vec![Some(0.1), Some(0.8), None, Some(2.4)]);
        let high = |charts, at: usize| {
            let rows = drawn(&rising, 4, 4, None, charts);
            rows.iter().position(|r| !matches!(r.chars().nth(at), Some(' ' | '╌'))).unwrap()
        };
        for charts in [Charts::Braille, Charts::Block, Charts::Ascii] {
            assert!(high(charts, 0) > high(charts, 1), "{charts:?} rises");
            assert_eq!(high(charts, 3), 0, "{charts:?} ends at the top");
        }
        let ascii = drawn(&rising, 12, 4, None, Charts::Ascii).concat().replace('╌', "");
        assert!(ascii.is_ascii() && ascii.contains('|'), "{ascii:?}");
        let blocks = drawn(&rising, 4, 3, None, Charts::Block).concat();
        assert!(
            blocks.chars().all(|c| c == ' ' || c == '╌' || BLOCKS.contains(&c.to_string().as_str())),
            "{blocks}"
        );
        let row = &drawn(&rising, 4, 1, None, Charts::Ascii)[0];
        let height = |at| LETTERS.iter().position(|l| l.chars().next() == row.chars().nth(at));
        assert!(row.is_ascii() && height(0) < height(1) && height(1) < height(3), "{row}");
    }

    #[test]
    fn the_deploy_is_marked_where_it_began_and_not_when_it_lies_outside() {
        let flat = signal(vec![Some(0.5); 10]);
        let rows = text(&flat, 10, 3, Some(50));
        assert!(rows.iter().all(|r| r.chars().nth(5) == Some('┊')), "{rows:?}");
        assert!(!text(&flat, 10, 3, Some(101)).concat().contains('┊'));
        assert!(!text(&flat, 10, 3, Some(-1)).concat().contains('┊'));
    }

    #[test]
    fn thresholds_are_drawn_where_the_course_is_not() {
        let flat = signal(vec![Some(0.5); 10]);
        assert!(text(&flat, 10, 4, None).concat().contains('╌'));
    }

    #[test]
    fn the_baseline_is_drawn_after_the_deploy_only_and_under_the_course() {
        let risen = signal((0..20).map(|i| Some(if i < 10 { 0.2 } else { 1.9 })).collect());
        let rows = compared(&risen, 20, 6, Some(100), (Some(0.2), None));
        let at = |row: &String, shape: char| row.chars().position(|c| c == shape);
        let row = rows.iter().find(|row| row.contains('┈')).expect("it is drawn");
        assert!(at(row, '┈') > at(row, '┊'), "{rows:?}");
        assert!(row.chars().take(10).all(|c| c != ' ' && c != '┈'), "the course runs there before: {row}");
        for (deploy, baseline) in
            [(None, Some(0.2)), (Some(100), None), (Some(-1), Some(0.2)), (Some(100), Some(99.0))]
        {
            let none = compared(&risen, 20, 6, deploy, (baseline, None)).concat();
            assert!(!none.contains('┈'), "{deploy:?} {baseline:?}");
        }
    }

    #[test]
    fn the_canary_is_beads_where_its_time_lies_and_the_scale_reaches_it() {
        let stable = signal(vec![Some(0.2); 20]);
        let canary = Series {
            start: Timestamp::from_second(100).unwrap(),
            step: Duration::from_secs(10),
            values: vec![Some(8.0); 10],
        };
        let rows = compared(&stable, 20, 6, None, (None, Some(&canary)));
        assert_eq!(rows[0].chars().filter(|c| *c == '●').count(), 5, "{rows:?}");
        assert!(rows[0].chars().take(10).all(|c| c != '●'), "{rows:?}");
        assert!(rows[5].chars().all(|c| c != ' '), "the others' line lies below: {rows:?}");
        // Another step and another start are no matter; what lies outside is not drawn.
        let sparse = Series { step: Duration::from_secs(3_000), ..canary };
        assert_eq!(compared(&stable, 20, 6, None, (None, Some(&sparse))).concat().matches('●').count(), 1);
    }

    #[test]
    fn absurd_values_do_no_harm() {
        for values in [
            vec![Some(f64::NAN), Some(f64::INFINITY)],
            vec![Some(f64::MAX), Some(f64::MIN)],
            vec![None, None],
            vec![Some(0.0); 3],
            Vec::new(),
        ] {
            for height in [0, 1, 5] {
                let signal = signal(values.clone());
                for charts in [Charts::Braille, Charts::Block, Charts::Ascii] {
                    drawn(&signal, 7, height, Some(3), charts);
                }
                for baseline in [f64::NAN, f64::MAX, -1.0] {
                    compared(&signal, 7, height, Some(3), (Some(baseline), signal.series.as_ref()));
                }
            }
        }
    }
}
