//! The board of services. Only the rows that can be seen are built: a frame costs the same at 1,000 services as
//! at 10.
//!
//! ```text
//!   SERVICE     LIVE → COMING        PLAN   CODE  BUILD ...  VERDICT   WAITS ON
//! ▌ checkout    v2.14.2 → v2.15.0     ✓──────✓──────✓───...   HOLD     approval, you · 4 min
//! ```

use ratatui::style::Style;

use super::panel::{self, Edge, Title};
use super::scene::{Scene, mark_sign, verdict_words};
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::joint::Mark as Marked;
use crate::app::model::Panel;
use crate::app::spot::Spot;
use crate::domain::{Assessment, Mark, Service, Stage, Verdict};
use crate::theme::{Role, Sign};

/// The widths of the columns, in cells. Zero: not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    service: usize,
    versions: usize,
    stage: usize,
    verdict: usize,
    waits: usize,
}

impl Columns {
    /// Columns drop by priority as the width shrinks: what it waits on, then versions, then room for the stages.
    fn of(width: usize) -> Self {
        let verdict = 10;
        let (service, versions, stage) = match width {
            150.. => (20, 24, 8),
            120..150 => (15, 22, 7),
            96..120 => (13, 19, 5),
            76..96 => (12, 18, 3),
            60..76 => (14, 0, 3),
            // One column for the name, one for the verdict: the stages are in the service's own view.
            _ => (18, 0, 0),
        };
        let used = 2 + service + versions + stage * 8 + 1 + verdict;
        let waits = width.saturating_sub(used + 1);
        Self { service, versions, stage, verdict, waits: if waits < 8 { 0 } else { waits } }
    }
}

/// Rows that the board wants: one for each service, the heads and the frame.
pub(super) fn rows(scene: Scene<'_>) -> u16 {
    u16::try_from(scene.model.shown.len().max(1)).unwrap_or(u16::MAX).saturating_add(3)
}

/// Draws the board.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    scene.spot(sheet.area(), || Spot::Panel(Panel::Board));
    let title = Title::new(scene.theme, Panel::Board.title()).right(summary(scene));
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, scene.keyboard(Panel::Board), title);
        body(scene, &mut inside)
    };
    if scene.edge == Edge::Box {
        panel::more_below(sheet, scene.theme, below);
    }
}

/// Heads and visible rows; returns how many rows lie below.
fn body(scene: Scene<'_>, inside: &mut Sheet<'_>) -> usize {
    let columns = Columns::of(usize::from(inside.width()));
    inside.line(0, &heads(scene, columns).line());
    let mut body = inside.part(0, 1, inside.width(), inside.height().saturating_sub(1));
    let shown = &scene.model.shown;
    if shown.is_empty() {
        body.line(0, &empty(scene).line());
        return 0;
    }
    let height = usize::from(body.height());
    let selected = scene.index.and_then(|index| shown.iter().position(|i| *i == index));
    let first = first_row(selected.unwrap_or(0), shown.len(), height);
    for (y, index) in (0u16..).zip(shown.iter().skip(first).take(height)) {
        let Some(service) = scene.model.setup.services.get(*index) else { continue };
        let assessment = scene.model.assessments.get(*index);
        let room = usize::from(body.width());
        body.line(y, &row(scene, columns, service, assessment).within(room));
        scene.spot(body.part(0, y, u16::MAX, 1).area(), || Spot::Service(service.name.clone()));
        if scene.index == Some(*index) {
            body.select(y, scene.theme, scene.theme.style(Role::Focus));
        }
    }
    shown.len().saturating_sub(first + height)
}

/// Keeps the selected row in sight, near the middle where the list is longer than the room.
fn first_row(selected: usize, count: usize, height: usize) -> usize {
    selected.saturating_sub(height / 2).min(count.saturating_sub(height))
}

fn empty(scene: Scene<'_>) -> Words<'_> {
    let words = scene.words().gap(2);
    if scene.model.setup.services.is_empty() {
        words.say(Role::Muted, "no service is configured: run `gonogo init`, or `gonogo demo` to look around")
    } else {
        words.say(
            Role::Muted,
            format!("no service fits the filter `{}`; esc clears it", scene.model.filter(Panel::Board)),
        )
    }
}

/// How many of which verdict; the filter.
fn summary(scene: Scene<'_>) -> Words<'_> {
    let mut words = marked(scene);
    let filter = panel::filter(scene, Panel::Board);
    if filter.width() > 0 {
        words = words.then(filter).gap(2);
    }
    for verdict in [Verdict::NoGo, Verdict::Hold, Verdict::Unknown, Verdict::Go] {
        let count = scene.model.assessments.iter().filter(|a| a.verdict == verdict).count();
        if count > 0 {
            let sign = super::scene::verdict_sign(verdict);
            if words.width() > 0 {
                words = words.gap(2);
            }
            words = words.say(sign.role(), format!("{count} {}", verdict.word()));
        }
    }
    words
}

/// How many places are marked, and how many of them the filter hides.
fn marked(scene: Scene<'_>) -> Words<'_> {
    let places = scene.model.marks.iter().filter_map(|mark| match mark {
        Marked::Place(place) => Some(&place.service),
        Marked::Gate(_) => None,
    });
    let (mut count, mut hidden) = (0_usize, 0_usize);
    for service in places {
        count += 1;
        let shown = |i: &usize| scene.model.setup.services.get(*i).is_some_and(|s| &s.name == service);
        hidden += usize::from(!scene.model.shown.iter().any(shown));
    }
    match (count, hidden) {
        (0, _) => scene.words(),
        (count, 0) => scene.words().say(Role::Accent, format!("{count} marked")).gap(2),
        (count, hidden) => scene.words().say(Role::Accent, format!("{count} marked, {hidden} hidden")).gap(2),
    }
}

fn heads(scene: Scene<'_>, columns: Columns) -> Words<'_> {
    let mut words = scene.words().gap(2).say(Role::Muted, text::fit("SERVICE", columns.service));
    if columns.versions > 0 {
        words = words.say(Role::Muted, text::fit("LIVE → COMING", columns.versions));
    }
    for stage in Stage::ALL.into_iter().filter(|_| columns.stage > 0) {
        words = words.say(Role::Muted, centred(head(stage, columns.stage), columns.stage));
    }
    words = words.gap(1).say(Role::Muted, text::fit(" VERDICT", columns.verdict));
    if columns.waits > 0 { words.say(Role::Muted, "WAITS ON") } else { words }
}

/// The stage's word, or what people shorten it to.
fn head(stage: Stage, room: usize) -> &'static str {
    let brief = match stage {
        Stage::Plan => ["PLAN", "PLAN", "PL"],
        Stage::Code => ["CODE", "CODE", "CO"],
        Stage::Build => ["BUILD", "BLD", "BU"],
        Stage::Test => ["TEST", "TEST", "TE"],
        Stage::Release => ["REL", "REL", "RE"],
        Stage::Deploy => ["DEPLOY", "DEP", "DE"],
        Stage::Operate => ["OPS", "OPS", "OP"],
        Stage::Monitor => ["MON", "MON", "MO"],
    };
    match (room, brief) {
        (8.., _) => stage.word(),
        (7, [word, _, _]) | (5 | 6, [_, word, _]) | (_, [_, _, word]) => word,
    }
}

fn centred(what: &str, room: usize) -> String {
    let shown = text::cut(what, room);
    let before = room.saturating_sub(text::width(&shown)) / 2;
    text::fit(&(" ".repeat(before) + &shown), room)
}

fn row<'a>(
    scene: Scene<'a>,
    columns: Columns,
    service: &Service,
    assessment: Option<&Assessment>,
) -> Words<'a> {
    let name = scene.service_name(&service.name, columns.service.saturating_sub(1));
    let is_marked = |mark: &Marked| matches!(mark, Marked::Place(place) if place.service == service.name);
    let words = if scene.model.marks.iter().any(is_marked) {
        scene.words().gap(1).say(Role::Accent, "*")
    } else {
        scene.words().gap(2)
    };
    let mut words = words.say(Role::Strong, text::fit(&name, columns.service));
    let Some(assessment) = assessment else {
        return words.sign(Sign::Asking).say(Role::Muted, " asking…");
    };
    if columns.versions > 0 {
        words = words.then(version_cell(scene, assessment, columns.versions));
    }
    if columns.stage > 0 {
        words = lane(scene, words, assessment, columns.stage);
    }
    words = words.gap(1);
    let verdict = verdict_words(scene.theme, assessment.verdict);
    let pad = columns.verdict.saturating_sub(verdict.width());
    words = words.then(verdict).gap(pad);
    if columns.waits == 0 {
        return words;
    }
    words.maybe(Role::Base, assessment.waits_on.as_ref().map(|w| text::cut(w.as_str(), columns.waits)))
}

/// The versions of the last environment in the order of promotion for which something is coming, else of the last.
fn version_cell<'a>(scene: Scene<'a>, assessment: &Assessment, room: usize) -> Words<'a> {
    let standing =
        assessment.standings.iter().rfind(|s| s.coming.is_some()).or_else(|| assessment.standings.last());
    let live = standing.and_then(|s| s.live.as_ref()).map(|a| a.label());
    let coming = standing.and_then(|s| s.coming.as_ref()).map(|a| a.label());
    let words = versions(scene.words(), live, coming, room.saturating_sub(1));
    let gap = room.saturating_sub(words.width());
    words.gap(gap)
}

/// `v2.14.2 → v2.15.0`, or the one version that is known, in at most `room` cells.
pub(super) fn versions<'a>(
    words: Words<'a>,
    live: Option<&str>,
    coming: Option<&str>,
    room: usize,
) -> Words<'a> {
    match (live, coming) {
        (Some(live), Some(coming)) => {
            // What is coming is what is decided about: it is shown as long as anything is.
            let coming = text::name(coming, room.saturating_sub(2));
            let live = text::name(live, room.saturating_sub(3 + text::width(&coming)));
            let (words, arrow) = match live.as_str() {
                "" | "…" => (words, "→ "),
                live => (words.say(Role::Base, live), " → "),
            };
            words.say(Role::Muted, arrow).say(Role::Accent, coming)
        }
        (Some(live), None) => words.say(Role::Base, text::name(live, room)),
        (None, Some(coming)) => {
            words.say(Role::Muted, "– → ").say(Role::Accent, text::name(coming, room.saturating_sub(4)))
        }
        (None, None) => words.say(Role::Muted, "not known"),
    }
}

/// The eight stages as one line of stations.
fn lane<'a>(scene: Scene<'a>, mut words: Words<'a>, assessment: &Assessment, room: usize) -> Words<'a> {
    let rail = scene.theme.style(Role::Faint);
    for (index, stage) in Stage::ALL.into_iter().enumerate() {
        let mark = assessment.mark(stage);
        let cell = station(mark, room);
        let before = room.saturating_sub(text::width(&cell)) / 2;
        let after = room.saturating_sub(before + text::width(&cell));
        let (left, right) = (if index == 0 { " " } else { "─" }, if index == 7 { " " } else { "─" });
        words = words.styled(rail, left.repeat(before)).styled(mark_style(scene, mark), cell);
        words = words.styled(rail, right.repeat(after));
    }
    words
}

fn station(mark: Mark, room: usize) -> String {
    match mark {
        Mark::Running(Some(percent)) if room >= 7 => format!(" {} % ", percent.min(100)),
        Mark::Running(Some(percent)) => format!("{}%", percent.min(99)),
        _ if room >= 5 => format!(" {} ", mark_sign(mark).glyph()),
        _ => mark_sign(mark).glyph().to_owned(),
    }
}

fn mark_style(scene: Scene<'_>, mark: Mark) -> Style {
    scene.theme.style(mark_sign(mark).role())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_never_need_more_than_the_width() {
        for width in 40..220 {
            let c = Columns::of(width);
            assert!(
                2 + c.service + c.versions + c.stage * 8 + 1 + c.verdict + c.waits <= width,
                "{width} {c:?}"
            );
        }
    }

    #[test]
    fn the_selected_row_is_always_in_sight() {
        for (selected, count, height) in [(0, 10, 4), (9, 10, 4), (500, 1000, 8), (3, 4, 9), (0, 1, 0)] {
            let first = first_row(selected, count, height);
            assert!(first <= selected && (height == 0 || selected < first + height));
        }
    }
}
