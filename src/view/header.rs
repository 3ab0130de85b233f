//! The top line: what this is, the time, how every source is, who we are, whether we may write. And the banner.
//!
//! Nothing here counts seconds while all is well: the clock shows minutes, and an age shows only when it is more than
//! twice what is expected. So a quiet screen is not written again and again.

use std::time::Duration;

use jiff::Timestamp;

use super::scene::{Scene, brief};
use super::sheet::{Sheet, Words};
use super::text;
use crate::domain::service::Access;
use crate::domain::time::spoken;
use crate::domain::world::Liveness;
use crate::domain::{Budget, Now, SafeText, SourceName, SourceState};
use crate::theme::{Role, Sign};

/// Draws the top line.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let width = usize::from(sheet.width());
    let left = name_and_time(scene, width);
    let right = rights(scene, width);
    let used = left.width() + right.width() + 4;
    let x = u16::try_from(left.width() + 2).unwrap_or(u16::MAX);
    sheet.line(0, &left.line());
    let room = width.saturating_sub(used);
    if room >= 12 {
        sheet.line_at(x, 0, &sources(scene, room).line());
    }
    sheet.line_right(0, &right.line());
}

/// Draws the banner over the whole line.
pub(super) fn banner(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    if let Some(banner) = &scene.model.setup.banner {
        over_all(scene, Role::Badge, banner.as_str(), sheet);
    }
}

/// Says over the whole line that actions are off, because the journal cannot be written.
pub(super) fn journal_fault(scene: Scene<'_>, fault: &SafeText, sheet: &mut Sheet<'_>) {
    let what = format!("{} actions are off: the journal cannot be written: {fault}", Sign::Warning.glyph());
    over_all(scene, Role::Problem, &what, sheet);
}

fn over_all(scene: Scene<'_>, role: Role, what: &str, sheet: &mut Sheet<'_>) {
    let style = scene.theme.style(role);
    let width = sheet.width();
    sheet.tint(0, 0, width, 1, style);
    let shown = text::cut(what, usize::from(width).saturating_sub(2));
    let x = usize::from(width).saturating_sub(text::width(&shown)) / 2;
    sheet.put(u16::try_from(x).unwrap_or(0), 0, &shown, style);
}

fn name_and_time(scene: Scene<'_>, width: usize) -> Words<'_> {
    let badge = scene.theme.style(Role::Focus).add_modifier(ratatui::style::Modifier::REVERSED);
    let words = scene.words().styled(badge, " gonogo ").gap(1);
    let shape = if width >= 110 { "%a %d %b  %H:%M %Z" } else { "%H:%M %Z" };
    words.say(Role::Muted, scene.time(scene.model.now.wall, shape))
}

fn rights(scene: Scene<'_>, width: usize) -> Words<'_> {
    let mut words = scene.words();
    if width >= 90
        && let Some(who) = identity(scene)
    {
        words = words.say(Role::Muted, "you ").say(Role::Strong, text::name(who, 24)).gap(2);
    }
    match scene.model.setup.access {
        Access::ReadWrite => words.say(Role::Muted, "read-write"),
        Access::ReadOnly => words.say(Role::Badge, " READ-ONLY "),
    }
    .gap(1)
}

/// Who we are at the selected service's pipeline, else at the first source that says so.
fn identity(scene: Scene<'_>) -> Option<&str> {
    let of = |state: &'_ SourceState| state.last.as_ref().and_then(|o| o.identity.clone()).is_some();
    let world = &scene.model.world;
    let pipeline = scene.service.and_then(|s| s.pipeline.as_ref()).and_then(|name| world.source(name));
    pipeline
        .filter(|state| of(state))
        .or_else(|| world.sources().map(|(_, state)| state).find(|state| of(state)))
        .and_then(|state| state.last.as_ref()?.identity.as_ref())
        .map(|who| who.as_str())
}

/// As many sources as there is room for, those in trouble first; the rest as one count.
fn sources(scene: Scene<'_>, room: usize) -> Words<'_> {
    let mut all: Vec<(&SourceName, &SourceState)> = scene.model.world.sources().collect();
    all.sort_by_key(|(_, state)| trouble(state));
    let each: Vec<Words<'_>> = all.iter().map(|(name, state)| source(scene, name, state)).collect();
    let whole: usize = each.iter().map(|words| words.width() + 3).sum();
    let mut words = scene.words();
    for (index, ((_, state), next)) in all.iter().zip(each).enumerate() {
        let fits = whole <= room || (trouble(state) < 2 && words.width() + next.width() + 12 <= room);
        if !fits {
            return words.then(others(scene, all.get(index..).unwrap_or_default()));
        }
        words = words.then(next).gap(3);
    }
    words
}

/// How much attention a source needs: failing, with held data, not yet heard of, well.
fn trouble(state: &SourceState) -> u8 {
    match (&state.fault, &state.last) {
        (Some(_), _) => 0,
        (None, _) if !state.held.is_empty() => 1,
        (None, None) => 2,
        (None, Some(_)) => 3,
    }
}

/// Sources that there is no room for: how many, and the age of the oldest that is late.
fn others<'a>(scene: Scene<'a>, rest: &[(&SourceName, &SourceState)]) -> Words<'a> {
    let failing = rest.iter().filter(|(_, state)| trouble(state) < 2).count();
    if failing > 0 {
        return scene.words().sign(Sign::Bad).say(Role::NoGo, format!(" {failing} fail "));
    }
    let silent = rest.iter().filter(|(_, state)| state.seen.is_none()).count();
    if silent > 0 {
        return scene.words().sign(Sign::Asking).say(Role::Muted, format!(" asking {silent} "));
    }
    let oldest = rest.iter().filter_map(|(_, state)| late(state, scene.model.now)).max();
    let sign = if oldest.is_some() { Sign::Late } else { Sign::Alive };
    let words = scene.words().sign(sign).say(Role::Base, format!(" {}", text::counted(rest.len(), "source")));
    words.maybe(Role::Hold, oldest.map(|age| format!(" {}", brief(age))))
}

/// The age of a source that is more than twice as old as expected.
fn late(state: &SourceState, now: Now) -> Option<Duration> {
    let (next, seen) = state.next.zip(state.seen)?;
    let age = now.since(seen);
    (age > next.since(seen).saturating_mul(2)).then_some(age)
}

fn source<'a>(scene: Scene<'a>, name: &SourceName, state: &SourceState) -> Words<'a> {
    let now = scene.model.now;
    let age = state.seen.map(|seen| now.since(seen));
    let name = text::name(name.as_str(), 16);
    let words = scene.words();
    if let Some(fault) = &state.fault {
        let words = words.sign(Sign::Bad).gap(1).say(Role::Strong, name).gap(1);
        let words = words.say(Role::NoGo, fault.cause.word());
        return words.maybe(Role::Hold, age.map(|age| format!(" {}", brief(age))));
    }
    if age.is_none() {
        return words.sign(Sign::Asking).gap(1).say(Role::Base, name).say(Role::Muted, " asking…");
    }
    let late = late(state, now);
    let troubled = late.is_some() || !state.held.is_empty();
    let words = words.sign(if troubled { Sign::Late } else { Sign::Alive }).gap(1).say(Role::Base, name);
    let words = match (state.live, late) {
        (_, Some(age)) => words.say(Role::Hold, format!(" {}", brief(age))),
        (Liveness::Watched, None) => words.say(Role::Muted, " live"),
        (Liveness::Polled, None) => words,
    };
    let held = (!state.held.is_empty()).then(|| format!(" {} held", state.held.len()));
    let low = state.last.as_ref().and_then(|o| o.budget).and_then(|b| low(b, now.wall));
    words.maybe(Role::Hold, held).maybe(Role::Hold, low)
}

/// What is left of a budget, when it is less than a tenth.
fn low(budget: Budget, now: Timestamp) -> Option<String> {
    if budget.remaining.saturating_mul(10) >= budget.limit {
        return None;
    }
    let until = budget.resets.map(|at| format!(" for {}", spoken(crate::domain::time::ago(at, now))));
    Some(format!(" {} requests left{}", budget.remaining, until.unwrap_or_default()))
}
