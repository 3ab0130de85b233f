//! The health of the selected environment: every signal with its course, limits and verdict, and the alerts.
//!
//! With room, a signal is a chart of several rows; without, one row with a sparkline. In zoom the charts share the
//! whole screen and bear axes.

use jiff::Timestamp;
use ratatui::style::Style;

use super::chart::{self, Course, Scale};
use super::panel::{self, Title};
use super::scene::{Age, Scene, verdict_sign, verdict_words};
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::model::{Panel, Zoom};
use crate::app::spot::Spot;
use crate::domain::health::BadWhen;
use crate::domain::time::{ago, spoken};
use crate::domain::{Alert, AlertState, Environment, Reading, SafeText, Seen, Service, Signal};
use crate::theme::{Role, Sign};

/// A signal as it was seen, or its configured name while nobody has answered.
type Row<'a> = (&'a SafeText, Option<Seen<&'a Signal>>, Age);

/// Draws the health panel.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    scene.spot(sheet.area(), || Spot::Panel(Panel::Health));
    let (Some(service), Some(environment)) = (scene.service, scene.environment) else {
        let title = Title::new(scene.theme, Panel::Health.title());
        let keyboard = scene.keyboard(Panel::Health);
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        return inside.line(0, &scene.words().gap(1).say(Role::Muted, "no environment is selected").line());
    };
    let standing = scene.assessment.and_then(|a| a.standing(&environment.name));
    let right = standing.map_or_else(|| scene.words(), |s| verdict_words(scene.theme, s.verdict));
    let about = format!("{} in {}", service.name, environment.name);
    let title = Title::new(scene.theme, Panel::Health.title()).about(about).right(right);
    let keyboard = scene.keyboard(Panel::Health);
    let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
    body(scene, service, environment, &mut inside);
}

fn body(scene: Scene<'_>, service: &Service, environment: &Environment, inside: &mut Sheet<'_>) {
    let rows: Vec<Row<'_>> = environment
        .signals
        .iter()
        .zip(scene.model.world.signals(service, environment))
        .map(|((_, source), (name, seen))| {
            (name, seen, scene.age(source, &service.name, environment.policy.max_age))
        })
        .collect();
    let alerts = alert_lines(scene, service, environment);
    let alert_rows = u16::try_from(alerts.len()).unwrap_or(u16::MAX).min(inside.height() / 2);
    let height = inside.height().saturating_sub(alert_rows);
    if rows.is_empty() {
        inside.line(0, &scene.words().gap(1).say(Role::Muted, "no signal is configured for it").line());
    }
    let count = u16::try_from(rows.len()).unwrap_or(u16::MAX).max(1);
    let most = if scene.model.zoom == Zoom::Full { u16::MAX } else { 9 };
    let heard = rows.iter().any(|(_, seen, _)| seen.is_some());
    let each = if heard { (height / count).clamp(1, most) } else { 1 };
    let deploy = deploy_moment(scene, service, environment);
    let mut y = 0;
    for row in &rows {
        if y >= height {
            break;
        }
        let mut part = inside.part(0, y, inside.width(), each.min(height - y));
        if each >= 3 {
            tall(scene, row, deploy, &mut part);
        } else {
            flat(scene, row, deploy, &mut part);
        }
        y += each;
    }
    let room = usize::from(inside.width());
    let top = y.min(height).max(u16::from(rows.is_empty()));
    let hidden = alerts.len().saturating_sub(usize::from(alert_rows));
    for (offset, words) in (0..alert_rows).zip(alerts) {
        let last = offset + 1 == alert_rows && hidden > 0;
        let words = if last {
            scene
                .words()
                .gap(1)
                .sign(Sign::Warning)
                .say(Role::Hold, format!(" and {} more alerts", hidden + 1))
        } else {
            words
        };
        inside.line(top + offset, &words.within(room));
    }
}

/// When the present revision began to roll out in the environment.
fn deploy_moment(scene: Scene<'_>, service: &Service, environment: &Environment) -> Option<Timestamp> {
    let world = &scene.model.world;
    let began = world.rollout(service, environment).and_then(|seen| seen.value.began);
    began.or_else(|| world.live(service, environment).and_then(|seen| seen.value.since))
}

/// One signal in one row: sign, name, value, course, limits.
fn flat(scene: Scene<'_>, row: &Row<'_>, deploy: Option<Timestamp>, sheet: &mut Sheet<'_>) {
    let (name, seen, age) = row;
    let room = usize::from(sheet.width());
    let Some(signal) = seen.map(|s| s.value) else {
        return sheet.line(0, &unanswered(scene, name, *age).within(room));
    };
    let limits = limits(scene, signal);
    let limits_room = if room >= 56 { limits.width() + 1 } else { 0 };
    let words = scene.words().gap(1).sign(sign(signal, *age)).gap(1);
    let words = words.say(Role::Base, text::fit(&text::name(name.as_str(), 13), 14));
    let words = words.then(value(scene, signal, *age));
    let words = words.to(30);
    sheet.line(0, &words.clone().within(room));
    let reserved = words.width() + limits_room + 1;
    if let (Some(series), true) = (&signal.series, room > reserved + 4) {
        let x = u16::try_from(words.width()).unwrap_or(0);
        let width = u16::try_from(room - reserved).unwrap_or(0).min(60);
        let course = Course { signal, series, deploy, faded: *age != Age::Fresh };
        chart::draw(&mut sheet.part(x, 0, width, 1), scene.theme, course);
    }
    if limits_room > 0 {
        sheet.line_right(0, &limits.line());
    }
}

/// One signal as a chart of several rows with its facts on the left.
fn tall(scene: Scene<'_>, row: &Row<'_>, deploy: Option<Timestamp>, sheet: &mut Sheet<'_>) {
    const FACTS: u16 = 25;
    let (name, seen, age) = row;
    let room = usize::from(sheet.width());
    let Some(signal) = seen.map(|s| s.value) else {
        return sheet.line(0, &unanswered(scene, name, *age).within(room));
    };
    let facts = usize::from(FACTS) - 1;
    let words = scene.words().gap(1).sign(sign(signal, *age)).gap(1);
    sheet.line(0, &words.say(Role::Base, text::name(name.as_str(), facts - 3)).line());
    sheet.line(1, &scene.words().gap(3).then(value(scene, signal, *age)).within(facts));
    sheet.line(2, &scene.words().gap(3).then(limits(scene, signal)).within(facts));
    let label = age.label(scene.theme);
    if label.width() > 0 {
        sheet.line(3.min(sheet.height() - 1), &scene.words().gap(3).then(label).within(facts));
    }
    let Some(series) = &signal.series else {
        return sheet.line_at(FACTS, 1, &scene.words().say(Role::Muted, "its course is not known").line());
    };
    let course = Course { signal, series, deploy, faded: *age != Age::Fresh };
    let axes = scene.model.zoom == Zoom::Full && sheet.height() >= 6;
    let (left, below) = if axes { (8, 2) } else { (0, u16::from(sheet.height() >= 4)) };
    let width = sheet.width().saturating_sub(FACTS + left + 1);
    let height = sheet.height().saturating_sub(below);
    chart::draw(&mut sheet.part(FACTS + left, 0, width, height), scene.theme, course);
    if axes {
        value_axis(scene, course, &mut sheet.part(FACTS, 0, left, height));
        time_axis(scene, course, &mut sheet.part(FACTS + left, height, width, 1));
    }
}

/// The highest and the lowest value, and the limits where they lie.
fn value_axis(scene: Scene<'_>, course: Course<'_>, sheet: &mut Sheet<'_>) {
    let scale = Scale::of(course.signal, course.series);
    let room = usize::from(sheet.width()).saturating_sub(1);
    let bottom = sheet.height().saturating_sub(1);
    for (y, value, role) in [(0, scale.high, Role::Muted), (bottom, scale.low, Role::Muted)] {
        sheet.put(0, y, &text::fit_right(&text::number(value), room), scene.theme.style(role));
    }
    let limits = course.signal.thresholds;
    for (limit, role) in [(limits.hold, Role::Hold), (limits.no_go, Role::NoGo)] {
        if let Some(y) = limit.and_then(|l| scale.line(l, sheet.height())) {
            let shown = text::fit_right(&text::number(limit.unwrap_or_default()), room);
            sheet.put(0, y, &shown, scene.theme.style(role));
        }
    }
}

/// From when to when, and the moment of the deploy.
fn time_axis(scene: Scene<'_>, course: Course<'_>, sheet: &mut Sheet<'_>) {
    let clock = |at: Timestamp| at.strftime("%H:%M").to_string();
    let muted = scene.theme.style(Role::Muted);
    sheet.put(0, 0, &clock(course.series.start), muted);
    let count = u32::try_from(course.series.values.len()).unwrap_or(0);
    let end = jiff::SignedDuration::try_from(course.series.step.saturating_mul(count))
        .ok()
        .and_then(|whole| course.series.start.checked_add(whole).ok());
    let width = sheet.width();
    if let Some(end) = end {
        sheet.put(width.saturating_sub(5), 0, &clock(end), muted);
    }
    if let (Some(x), Some(deploy)) = (chart::deploy_column(course, width), course.deploy) {
        let label = format!("deploy {}", clock(deploy));
        let most = width.saturating_sub(19);
        sheet.put(
            x.saturating_sub(3).clamp(6.min(most), most.max(6)),
            0,
            &label,
            scene.theme.style(Role::Strong),
        );
    }
}

/// What is too old, or comes from a source that fails, is no evidence any more.
const fn is_evidence(age: Age) -> bool {
    matches!(age, Age::Fresh | Age::Old(_))
}

fn sign(signal: &Signal, age: Age) -> Sign {
    if is_evidence(age) { verdict_sign(signal.verdict()) } else { Sign::Unknown }
}

fn unanswered<'a>(scene: Scene<'a>, name: &SafeText, age: Age) -> Words<'a> {
    let words = scene.words().gap(1);
    match age {
        Age::Never => words
            .sign(Sign::Asking)
            .gap(1)
            .say(Role::Base, text::fit(name.as_str(), 14))
            .say(Role::Muted, "asking…"),
        Age::Failing(..) => words
            .sign(Sign::Unknown)
            .gap(1)
            .say(Role::Base, text::fit(name.as_str(), 14))
            .then(age.label(scene.theme)),
        _ => words
            .sign(Sign::Unknown)
            .gap(1)
            .say(Role::Base, text::fit(name.as_str(), 14))
            .say(Role::Unknown, "no evidence"),
    }
}

fn value<'a>(scene: Scene<'a>, signal: &Signal, age: Age) -> Words<'a> {
    match &signal.reading {
        Reading::Value(value) => {
            let style = scene.theme.style(age.ink(verdict_sign(signal.verdict()).role()));
            let style =
                if age == Age::Fresh { style.add_modifier(ratatui::style::Modifier::BOLD) } else { style };
            let words = scene.words().styled(style, text::number(*value));
            if signal.unit.is_empty() { words } else { words.say(Role::Muted, format!(" {}", signal.unit)) }
        }
        Reading::Unknown(why) => scene.words().say(Role::Unknown, format!("no evidence: {why}")),
    }
}

/// `hold 1 · no-go 2`, with the side that is bad.
fn limits<'a>(scene: Scene<'a>, signal: &Signal) -> Words<'a> {
    let side = match signal.thresholds.bad_when {
        BadWhen::Above => "≥",
        BadWhen::Below => "≤",
    };
    let mut words = scene.words();
    for (name, limit, role) in
        [("hold", signal.thresholds.hold, Role::Hold), ("no-go", signal.thresholds.no_go, Role::NoGo)]
    {
        let Some(limit) = limit else { continue };
        let style = Style { fg: scene.theme.style(role).fg, ..Style::default() };
        if words.width() > 0 {
            words = words.gap(1);
        }
        words = words.say(Role::Muted, format!("{name}{side}")).styled(style, text::number(limit));
    }
    words
}

fn alert_lines<'a>(scene: Scene<'a>, service: &Service, environment: &Environment) -> Vec<Words<'a>> {
    let Some(source) = &environment.alerts else { return Vec::new() };
    match scene.model.world.alerts(service, environment) {
        None => vec![scene.nothing(Some(source), &service.name, "alerts")],
        Some(seen) if seen.value.is_empty() => {
            let age = scene.age(source, &service.name, environment.policy.max_age);
            let words = scene.words().gap(1);
            match age {
                Age::Fresh => vec![words.sign(Sign::Good).say(age.ink(Role::Muted), " no alert")],
                _ => vec![
                    words.sign(Sign::Unknown).say(Role::Muted, " no alert, ").then(age.label(scene.theme)),
                ],
            }
        }
        Some(seen) => {
            let age = scene.age(source, &service.name, environment.policy.max_age).label(scene.theme);
            let aged = (age.width() > 0).then(|| scene.words().gap(1).say(Role::Muted, "alerts: ").then(age));
            aged.into_iter().chain(seen.value.iter().map(|alert| alert_line(scene, alert))).collect()
        }
    }
}

fn alert_line<'a>(scene: Scene<'a>, alert: &Alert) -> Words<'a> {
    let (sign, role, word) = match &alert.state {
        AlertState::Firing => (Sign::Bad, Role::NoGo, "firing".to_owned()),
        AlertState::Pending => (Sign::Timer, Role::Hold, "pending".to_owned()),
        AlertState::Suppressed(by) => (Sign::Cancelled, Role::Hold, format!("suppressed {by}")),
    };
    let words = scene.words().gap(1).sign(sign).gap(1).say(Role::Strong, alert.name.as_str());
    let words = words.maybe(Role::Muted, alert.severity.as_ref().map(|s| format!(" {s}")));
    let words = words.dot().say(role, text::cut(&word, 40));
    let since = alert.since.map(|at| format!(" {}", spoken(ago(scene.model.now.wall, at))));
    let words = words.maybe(role, since);
    match &alert.summary {
        Some(summary) => words.dot().say(Role::Base, summary.as_str()),
        None => words,
    }
}
