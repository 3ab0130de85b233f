//! The alerts of a place, each with since when; that there is none is said, and only by a source that answers.

use super::super::scene::{Age, Scene};
use super::super::sheet::{Sheet, Words};
use super::super::text;
use crate::domain::time::{ago, spoken};
use crate::domain::{Alert, AlertState, Environment, Service};
use crate::theme::{Role, Sign};

/// Writes as many lines as there is room for; the last one tells of what is left out.
pub(in crate::view) fn write(scene: Scene<'_>, alerts: Vec<Words<'_>>, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let hidden = alerts.len().saturating_sub(usize::from(sheet.height()));
    for (y, words) in (0..sheet.height()).zip(alerts) {
        let words = if y + 1 == sheet.height() && hidden > 0 {
            let text = format!(" and {} more alerts", hidden + 1);
            scene.words().gap(1).sign(Sign::Warning).say(Role::Hold, text)
        } else {
            words
        };
        sheet.line(y, &words.within(room));
    }
}

pub(in crate::view) fn lines<'a>(
    scene: Scene<'a>,
    service: &Service,
    environment: &Environment,
) -> Vec<Words<'a>> {
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
            aged.into_iter().chain(seen.value.iter().map(|alert| line(scene, alert))).collect()
        }
    }
}

/// The loudest alert and how many more there are, in one line.
pub(in crate::view) fn brief<'a>(
    scene: Scene<'a>,
    service: &Service,
    environment: &Environment,
) -> Words<'a> {
    let Some(source) = &environment.alerts else {
        return scene.words().gap(1).say(Role::Faint, "alerts are not watched");
    };
    let loudness = |alert: &&Alert| match alert.state {
        AlertState::Firing => 2,
        AlertState::Pending => 1,
        AlertState::Suppressed(_) => 0,
    };
    let told = scene.model.world.alerts(service, environment).map(|seen| seen.value).unwrap_or_default();
    // Of several equally loud ones the first, as the source has them.
    let Some(loudest) = told.iter().rev().max_by_key(loudness) else {
        let line = lines(scene, service, environment).into_iter().next();
        return line.unwrap_or_else(|| scene.words());
    };
    let age = scene.age(source, &service.name, environment.policy.max_age);
    let (sign, role) = match loudest.state {
        AlertState::Firing => (Sign::Bad, Role::NoGo),
        AlertState::Pending => (Sign::Timer, Role::Hold),
        AlertState::Suppressed(_) => (Sign::Cancelled, Role::Hold),
    };
    let words = scene.words().gap(1).sign(sign).gap(1);
    let words = words.say(age.ink(role), text::name(loudest.name.as_str(), 18));
    let since = loudest.since.map(|at| format!(" {}", spoken(ago(scene.model.now.wall, at))));
    let words = words.maybe(age.ink(Role::Muted), since);
    let more = (told.len() > 1).then(|| format!(" +{}", told.len() - 1));
    let words = words.maybe(Role::Hold, more);
    let label = age.label(scene.theme);
    if label.width() == 0 { words } else { words.dot().then(label) }
}

fn line<'a>(scene: Scene<'a>, alert: &Alert) -> Words<'a> {
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
