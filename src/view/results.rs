//! What the tests of a run said: the numbers in a line, for the panels, and over the screen every failed test with what
//! it said.

use ratatui::text::Line;

use super::overlay::{self, heading};
use super::scene::Scene;
use super::sheet::{Sheet, Words, write_lines};
use super::text;
use crate::app::views;
use crate::domain::{Run, TestReport};
use crate::theme::{Role, Sign};

/// `✗ 412 passed, 3 failed, 2 skipped`; a report without a single test says why.
pub(super) fn numbers<'a>(words: Words<'a>, report: &TestReport) -> Words<'a> {
    let words = words.sign(sign(report)).gap(1);
    if report.total() == 0 {
        return words.say(Role::Muted, "no test results");
    }
    let role = if report.failed > 0 { Role::NoGo } else { Role::Base };
    words.say(role, report.words())
}

const fn sign(report: &TestReport) -> Sign {
    match (report.failed, report.total()) {
        (1.., _) => Sign::Bad,
        (0, 0) => Sign::Unknown,
        (0, _) => Sign::Good,
    }
}

/// The lines of the pipeline panel: numbers, then the first failed tests by name.
pub(super) fn lines(scene: Scene<'_>, run: &Run, most: usize, room: usize) -> Vec<Line<'static>> {
    let Some(report) = &run.tests else { return Vec::new() };
    let words = numbers(scene.words().gap(1).say(Role::Title, text::fit("RESULTS", 8)).gap(1), report);
    let words = [Some(&report.from), report.gap.as_ref()]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .fold(words, |words, text| words.dot().say(Role::Muted, text.as_str()));
    let mut lines = vec![words.within(room)];
    for failure in report.failures.iter().take(most) {
        let words = scene.words().gap(12).say(Role::NoGo, text::cut(&failure.words(), 60));
        let says = (!failure.says.is_empty()).then(|| format!("  {}", failure.says));
        lines.push(words.maybe(Role::Muted, says).within(room));
    }
    let shown = report.failures.len().min(most);
    let more = report.failed.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    if shown > 0 && more > 0 {
        let key = scene.model.setup.keys.shown(crate::app::command::Command::Tests);
        lines.push(scene.words().gap(12).say(Role::Muted, format!("and {more} more: {key}")).within(room));
    }
    lines
}

/// Draws the results over the screen.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(120);
    let room = usize::from(width).saturating_sub(4);
    let run = views::tested(scene.model);
    let body = match run.and_then(|run| Some((run, run.tests.as_ref()?))) {
        Some((run, report)) => body(scene, run, report, room),
        None => vec![scene.words().say(Role::Muted, "no test results are known any more").line()],
    };
    let height = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(2).max(8);
    let area = overlay::middle(screen, width, height.min(screen.height.saturating_sub(2)));
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = scene.words().say(Role::Title, "tests ");
    let title = match run {
        Some(run) => title
            .say(Role::Strong, text::name(run.key.service.as_str(), 30))
            .say(Role::Title, format!(" #{} on ", run.number))
            .say(Role::Accent, run.revision.short()),
        None => title,
    };
    let below = {
        let mut inside = overlay::open(scene, &mut window, title, &[("esc", "close"), ("↑ ↓", "scroll")]);
        write_lines(&mut inside, &body, scene.model.overlay_scroll)
    };
    super::panel::more_below(&mut window, scene.theme, below);
}

fn body(scene: Scene<'_>, run: &Run, report: &TestReport, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default(), numbers(scene.words(), report).within(room)];
    for (label, what) in [("told by", Some(&report.from)), ("note", report.gap.as_ref())] {
        if let Some(what) = what.filter(|what| !what.is_empty()) {
            lines.extend(overlay::labelled(scene, label, Role::Base, what.as_str(), room));
        }
    }
    if run.state.passed() && report.failed > 0 {
        lines.extend(overlay::labelled(
            scene,
            "but",
            Role::Hold,
            "the run passed: it takes no notice of them",
            room,
        ));
    }
    if report.failed == 0 {
        return lines;
    }
    lines.push(Line::default());
    lines.push(heading(scene, "failed"));
    for failure in &report.failures {
        for (index, part) in
            text::wrap(&failure.words(), room.saturating_sub(2).max(8)).into_iter().enumerate()
        {
            let words = if index == 0 { scene.words().sign(Sign::Bad).gap(1) } else { scene.words().gap(2) };
            lines.push(words.say(Role::Strong, part).line());
        }
        for part in text::wrap(failure.says.as_str(), room.saturating_sub(4).max(8)) {
            lines.push(scene.words().gap(4).say(Role::Muted, part).line());
        }
    }
    let named = u64::try_from(report.failures.len()).unwrap_or(u64::MAX);
    let more = report.failed.saturating_sub(named);
    if more > 0 {
        let more = format!("and {more} more that failed, not told by name");
        lines.push(scene.words().gap(2).say(Role::Muted, more).line());
    }
    lines
}
