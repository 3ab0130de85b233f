//! The health of the selected environment: the verdict's reasons in plain words, how many replicas run, whether the
//! way back is ready, every signal with its course, limits and comparisons, and the alerts.
//!
//! With room, a signal is a chart of several rows; without, one row with a sparkline. In zoom the charts share the
//! whole screen and bear axes. Every part has its rows whether or not it has something to say: nothing moves when
//! data arrives.

pub(super) mod alerts;
mod axes;
mod compared;
pub(super) mod signal;

use jiff::Timestamp;

use super::panel::{self, Title};
use super::scene::{Scene, phase_sign, verdict_sign, verdict_words};
use super::sheet::{Sheet, Words};
use super::{text, way_back};
use crate::app::Command;
use crate::app::model::{Panel, Zoom};
use crate::app::spot::Spot;
use crate::app::views::View;
use crate::domain::time::{ago, spoken};
use crate::domain::{Environment, Reason, Service, Verdict};
use crate::theme::{Role, Sign};
use signal::Row;

/// How the rows of the panel are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shares {
    reasons: u16,
    /// Replicas, and the way back.
    place: u16,
    alerts: u16,
}

impl Shares {
    /// By the rows that there are and what is configured, never by what was answered: the signals come first, then
    /// the way back, then the reasons.
    fn of(height: u16, signals: u16, alerts: Watched) -> Self {
        let alerts = match (alerts, height) {
            (Watched::No, _) | (_, ..2) => 0,
            (Watched::Yes, ..10) => 1,
            (Watched::Yes, 10..19) => 2,
            (Watched::Yes, _) => 3,
        };
        let spare = height.saturating_sub(signals + alerts);
        let place = spare.min(2);
        let reasons = match spare.saturating_sub(place) {
            0 => 0,
            1..=10 => 1,
            11..=24 => 2,
            _ => 3,
        };
        Self { reasons, place, alerts }
    }
}

/// Whether alerts are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    Yes,
    No,
}

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
    let rows = signal::rows(scene, service, environment);
    let alerts = alerts::lines(scene, service, environment);
    let (width, height) = (inside.width(), inside.height());
    let watched = if environment.alerts.is_some() { Watched::Yes } else { Watched::No };
    let count = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let shares = Shares::of(height, count.max(1), watched);
    let mut y = 0;
    reasons(scene, environment, &mut inside.part(0, y, width, shares.reasons));
    y += shares.reasons;
    place(scene, service, environment, &mut inside.part(0, y, width, shares.place));
    y += shares.place;
    let signals = height.saturating_sub(y + shares.alerts);
    let used = charts(scene, service, environment, &rows, &mut inside.part(0, y, width, signals));
    // Beside its share it may have what the charts have left empty.
    alerts::write(scene, alerts, &mut inside.part(0, y + used, width, height.saturating_sub(y + used)));
}

/// The signals; returns how many rows they took.
fn charts(
    scene: Scene<'_>,
    service: &Service,
    environment: &Environment,
    rows: &[Row<'_>],
    sheet: &mut Sheet<'_>,
) -> u16 {
    if rows.is_empty() {
        sheet.line(0, &scene.words().gap(1).say(Role::Muted, "no signal is configured for it").line());
        return 1;
    }
    let count = u16::try_from(rows.len()).unwrap_or(u16::MAX).max(1);
    let most = match (scene.model.zoom, scene.model.trail.view()) {
        (Zoom::Full, _) => u16::MAX,
        (_, View::Service) => 14,
        _ => 9,
    };
    let each = (sheet.height() / count).clamp(1, most);
    let around = signal::Around {
        deploy: deploy_moment(scene, service, environment),
        canary: signal::canary_expected(scene, service, environment),
    };
    let mut y = 0;
    for row in rows {
        if y >= sheet.height() {
            break;
        }
        let mut part = sheet.part(0, y, sheet.width(), each.min(sheet.height() - y));
        if each >= 3 {
            signal::tall(scene, row, around, &mut part);
        } else {
            signal::flat(scene, row, around, &mut part);
        }
        y += each;
    }
    y.min(sheet.height())
}

/// When the present revision began to roll out in the environment.
pub(super) fn deploy_moment(
    scene: Scene<'_>,
    service: &Service,
    environment: &Environment,
) -> Option<Timestamp> {
    let world = &scene.model.world;
    let began = world.rollout(service, environment).and_then(|seen| seen.value.began);
    began.or_else(|| world.live(service, environment).and_then(|seen| seen.value.since))
}

/// Why the verdict on the environment is what it is, worst first.
fn reasons(scene: Scene<'_>, environment: &Environment, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let Some(assessment) = scene.assessment else { return };
    let here = |reason: &&Reason| {
        reason.environment.as_ref() == Some(&environment.name) && reason.verdict != Verdict::Go
    };
    let mut own: Vec<&Reason> = assessment.reasons.iter().filter(here).collect();
    // Several stages may rest on the same evidence.
    own.dedup_by_key(|reason| reason.text.clone());
    if own.is_empty() {
        let verdict = assessment.standing(&environment.name).map_or(Verdict::Unknown, |s| s.verdict);
        let words = match verdict {
            Verdict::Go => {
                scene.words().gap(1).sign(Sign::Good).say(Role::Muted, " nothing speaks against it")
            }
            _ => scene.words().gap(1).sign(Sign::Unknown).say(Role::Muted, " nothing watches it"),
        };
        return sheet.line(0, &words.within(room));
    }
    let hidden = own.len().saturating_sub(usize::from(sheet.height()));
    for (y, reason) in (0..sheet.height()).zip(own) {
        let sign = verdict_sign(reason.verdict);
        let words = scene.words().gap(1).sign(sign).gap(1);
        let more = (hidden > 0 && y + 1 == sheet.height())
            .then(|| format!("  +{hidden} more: {}", scene.model.setup.keys.shown(Command::Reasons)));
        let left = room.saturating_sub(words.width() + more.as_ref().map_or(0, |more| text::width(more)));
        let words = words.say(sign.role(), text::cut(reason.text.as_str(), left));
        sheet.line(y, &words.maybe(Role::Muted, more).within(room));
    }
}

/// How many replicas run and how often they started again; whether the way back is ready.
fn place(scene: Scene<'_>, service: &Service, environment: &Environment, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    sheet.line(0, &replicas(scene, service, environment).within(room));
    let line = match way_back::line(scene, service, environment) {
        Some(line) => scene.words().gap(1).then(line),
        None => scene.words(),
    };
    sheet.line(1, &line.within(room));
}

/// `6 of 6 replicas · 0 restarts · done v4.2.0 · since 4 min`.
pub(super) fn replicas<'a>(scene: Scene<'a>, service: &Service, environment: &Environment) -> Words<'a> {
    let words = scene.words().gap(1);
    let source = environment.deploy.as_ref();
    let (Some(source), Some(seen)) = (source, scene.model.world.rollout(service, environment)) else {
        return words.then(scene.nothing(source, &service.name, "replicas"));
    };
    let rollout = seen.value;
    let age = scene.age(source, &service.name, environment.policy.max_age);
    let counts = rollout.replicas;
    let ready = counts.available.min(counts.desired);
    let role = if ready < counts.desired { Role::Hold } else { Role::Base };
    let words = words.say(age.ink(role), format!("{ready} of {} replicas", counts.desired)).dot();
    let words = match counts.restarts {
        0 => words.say(age.ink(Role::Muted), "no restart"),
        1 => words.say(age.ink(Role::Hold), "1 restart"),
        n => words.say(age.ink(Role::Hold), format!("{n} restarts")),
    };
    let (sign, word, _) = phase_sign(&rollout.phase);
    let words = words.dot().sign(sign).gap(1).say(age.ink(sign.role()), word).gap(1);
    let words = words.say(age.ink(Role::Base), text::name(rollout.target.label(), 20));
    let share = rollout.percent().filter(|_| !rollout.at_rest()).map(|percent| format!(" {percent} %"));
    let words = words.maybe(age.ink(Role::Running), share);
    let since = rollout.began.map(|at| format!(" since {}", spoken(ago(scene.model.now.wall, at))));
    let words = words.maybe(age.ink(Role::Muted), since);
    let label = age.label(scene.theme);
    if label.width() == 0 { words } else { words.dot().then(label) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_fits_and_the_signals_keep_a_row_each() {
        for height in 0..60 {
            for signals in 1..8 {
                for alerts in [Watched::Yes, Watched::No] {
                    let shares = Shares::of(height, signals, alerts);
                    let others = shares.reasons + shares.place;
                    assert!(others + shares.alerts <= height, "{height} {signals} {shares:?}");
                    let room = height - others - shares.alerts;
                    assert!(others == 0 || room >= signals, "{height} {signals} {shares:?}");
                }
            }
        }
    }
}
