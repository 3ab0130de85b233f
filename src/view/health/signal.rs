//! One signal: what it is, what it is judged by, how it ran, what it was before the deploy, and how the canary fares
//! beside the others.

use jiff::Timestamp;
use ratatui::style::{Modifier, Style};

use super::super::chart::{self, Course};
use super::super::scene::{Age, Scene, verdict_sign};
use super::super::sheet::{Sheet, Words};
use super::super::text;
use super::{axes, compared};
use crate::app::model::Zoom;
use crate::domain::assess::compare;
use crate::domain::health::BadWhen;
use crate::domain::{Environment, Reading, SafeText, Seen, Series, Service, Signal};
use crate::theme::{Role, Sign};

/// A signal as it was seen, or its configured name while nobody has answered.
pub(in crate::view) type Row<'a> = (&'a SafeText, Option<Seen<&'a Signal>>, Age);

/// Every signal of a place.
pub(in crate::view) fn rows<'a>(
    scene: Scene<'a>,
    service: &'a Service,
    environment: &'a Environment,
) -> Vec<Row<'a>> {
    let sources = environment.signals.iter().map(|(_, source)| source);
    let seen = scene.model.world.signals(service, environment);
    sources
        .zip(seen)
        .map(|(source, (name, seen))| {
            (name, seen, scene.age(source, &service.name, environment.policy.max_age))
        })
        .collect()
}

/// Whether a canary should be there to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Canary {
    /// A rollout is under way: that it cannot be told is worth saying.
    Expected,
    /// Nothing rolls out.
    No,
}

pub(super) fn canary_expected(scene: Scene<'_>, service: &Service, environment: &Environment) -> Canary {
    let rollout = scene.model.world.rollout(service, environment);
    if rollout.is_some_and(|seen| !seen.value.at_rest()) { Canary::Expected } else { Canary::No }
}

/// What a signal is looked at beside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// When the present revision began to roll out.
    pub(super) deploy: Option<Timestamp>,
    /// Whether a canary should be there.
    pub(super) canary: Canary,
}

/// What a chart of the signal is drawn from.
pub(in crate::view) fn course<'a>(
    signal: &'a Signal,
    series: &'a Series,
    deploy: Option<Timestamp>,
    age: Age,
) -> Course<'a> {
    let split = signal.split.as_ref().filter(|split| split.canary.value().is_some());
    let baseline = deploy.and_then(|deploy| compare::baseline(series, deploy).ok());
    Course {
        signal,
        // Beside the canary the line is that of the others.
        series: split.and_then(|split| split.stable_series.as_ref()).unwrap_or(series),
        deploy,
        baseline,
        canary: split.and_then(|split| split.canary_series.as_ref()),
        faded: age != Age::Fresh,
    }
}

/// One signal in one row: sign, name, value, course, limits.
pub(super) fn flat(scene: Scene<'_>, row: &Row<'_>, around: Around, sheet: &mut Sheet<'_>) {
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
        let course = course(signal, series, around.deploy, *age);
        chart::draw(&mut sheet.part(x, 0, width, 1), scene.theme, course);
    }
    if limits_room > 0 {
        sheet.line_right(0, &limits.line());
    }
}

/// One signal as a chart of several rows: its facts on the left, what it is compared with below.
pub(super) fn tall(scene: Scene<'_>, row: &Row<'_>, around: Around, sheet: &mut Sheet<'_>) {
    const FACTS: u16 = 25;
    let (name, seen, age) = row;
    let room = usize::from(sheet.width());
    let Some(signal) = seen.map(|s| s.value) else {
        return sheet.line(0, &unanswered(scene, name, *age).within(room));
    };
    facts(scene, name, signal, *age, &mut sheet.part(0, 0, FACTS - 1, u16::MAX));
    let Some(series) = &signal.series else {
        return sheet.line_at(FACTS, 1, &scene.words().say(Role::Muted, "its course is not known").line());
    };
    let course = course(signal, series, around.deploy, *age);
    let axes = scene.model.zoom == Zoom::Full && sheet.height() >= 6;
    let (left, axis) = if axes { (8, 1) } else { (0, 0) };
    // As many rows as there could be something to say, so that the chart keeps its height when there is.
    let below = match (sheet.height(), &signal.split) {
        (..4, _) => 0,
        (4..6, _) | (_, None) => 1,
        (_, Some(_)) => 2,
    };
    let width = sheet.width().saturating_sub(FACTS + left + 1);
    let height = sheet.height().saturating_sub(axis + below);
    chart::draw(&mut sheet.part(FACTS + left, 0, width, height), scene.theme, course);
    if axes {
        axes::value_axis(scene, course, &mut sheet.part(FACTS, 0, left, height));
        axes::time_axis(scene, course, &mut sheet.part(FACTS + left, height, width, 1));
    }
    let mut rows = sheet.part(FACTS + left, height + axis, width, below);
    compared::write(scene, signal, around, *age, &mut rows);
}

/// Name, value, limits, what is left of the error budget, age.
fn facts(scene: Scene<'_>, name: &SafeText, signal: &Signal, age: Age, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let words = scene.words().gap(1).sign(sign(signal, age)).gap(1);
    sheet.line(0, &words.say(Role::Base, text::name(name.as_str(), room.saturating_sub(3))).line());
    sheet.line(1, &scene.words().gap(3).then(value(scene, signal, age)).within(room));
    sheet.line(2, &scene.words().gap(3).then(limits(scene, signal)).within(room));
    let mut y = 3;
    if let Some(budget) = &signal.budget {
        sheet.line(y, &scene.words().gap(3).then(left_of_budget(scene, budget, age)).within(room));
        y += 1;
    }
    let label = age.label(scene.theme);
    if label.width() > 0 {
        sheet.line(y.min(sheet.height().saturating_sub(1)), &scene.words().gap(3).then(label).within(room));
    }
}

fn left_of_budget<'a>(scene: Scene<'a>, budget: &Reading, age: Age) -> Words<'a> {
    let words = scene.words().say(Role::Muted, "budget ");
    match budget.value() {
        None => words.say(Role::Unknown, "not known"),
        Some(left) if left <= 0.0 => words.say(age.ink(Role::NoGo), "used up"),
        Some(left) => {
            let role = if left < 25.0 { Role::Hold } else { Role::Base };
            words.say(age.ink(role), format!("{} %", text::number(left))).say(Role::Muted, " left")
        }
    }
}

/// What is too old, or comes from a source that fails, is no evidence any more.
pub(in crate::view) const fn is_evidence(age: Age) -> bool {
    matches!(age, Age::Fresh | Age::Old(_))
}

pub(in crate::view) fn sign(signal: &Signal, age: Age) -> Sign {
    if is_evidence(age) { verdict_sign(signal.verdict()) } else { Sign::Unknown }
}

pub(in crate::view) fn unanswered<'a>(scene: Scene<'a>, name: &SafeText, age: Age) -> Words<'a> {
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

pub(in crate::view) fn value<'a>(scene: Scene<'a>, signal: &Signal, age: Age) -> Words<'a> {
    match &signal.reading {
        Reading::Value(value) => {
            let style = scene.theme.style(age.ink(verdict_sign(signal.verdict()).role()));
            let style = if age == Age::Fresh { style.add_modifier(Modifier::BOLD) } else { style };
            let words = scene.words().styled(style, text::number(*value));
            if signal.unit.is_empty() { words } else { words.say(Role::Muted, format!(" {}", signal.unit)) }
        }
        Reading::Unknown(why) => scene.words().say(Role::Unknown, format!("no evidence: {why}")),
    }
}

/// `hold 1 · no-go 2`, with the side that is bad.
pub(in crate::view) fn limits<'a>(scene: Scene<'a>, signal: &Signal) -> Words<'a> {
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
