//! The health wall: a tile for every service in every environment whose health is watched, in board order, so that
//! nothing that turns bad moves another. Only the tiles that can be seen are built.
//!
//! ```text
//! ╭ search production ──────── NO-GO ╮
//! │ ✗ error-rate 4.1 %    no-go≥2    │   the worst signal, what it is judged by
//! │ ⣀⣀⡠⢄⣀⣀⡠⠤┊⡠⠔⠊⠉                    │   its course
//! │ 2/8 · 3 restarts · ● rolling out │
//! │ ✗ HighErrorRate 40 s             │   alerts
//! ╰──────────────────────────────────╯
//! ```

use ratatui::style::Modifier;

use super::health::{alerts, deploy_moment, signal};
use super::panel::{self, Edge, Keyboard, Title};
use super::scene::{Scene, phase_sign, verdict_sign, verdict_words};
use super::sheet::{Sheet, Words};
use super::{chart, text};
use crate::app::model::Panel;
use crate::app::wall;
use crate::domain::{Environment, Service, Verdict};
use crate::theme::{Role, Sign};

/// Rows of a tile that has a border of its own.
const BOXED: u16 = 8;

/// Rows of a tile under a rule.
const RULED: u16 = 5;

/// Which tiles can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    /// Tiles side by side.
    across: usize,
    /// Rows of tiles that fit.
    rows: usize,
    /// The first row of tiles that is shown.
    first: usize,
}

impl Window {
    /// Around the tile at hand, of `count` tiles.
    fn of(across: usize, rows: usize, count: usize, at_hand: usize) -> Self {
        let (across, rows) = (across.max(1), rows.max(1));
        let last = count.div_ceil(across).saturating_sub(rows);
        Self { across, rows, first: (at_hand / across).saturating_sub(rows / 2).min(last) }
    }

    /// How many tiles lie above and below.
    fn hidden(self, count: usize) -> (usize, usize) {
        (self.first * self.across, count.saturating_sub((self.first + self.rows) * self.across))
    }
}

/// Draws the wall.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let tiles = wall::tiles(scene.model);
    let tall = if scene.edge == Edge::Box { BOXED } else { RULED };
    let rows = usize::from(sheet.height().saturating_sub(1) / tall);
    let at_hand = wall::at_hand(scene.model, &tiles);
    let across = wall::columns(scene.model.size.0);
    let window = Window::of(across, rows, tiles.len(), at_hand.unwrap_or(0));
    let mut right = scene.words().say(Role::Muted, text::counted(tiles.len(), "place"));
    let (above, below) = window.hidden(tiles.len());
    for (sign, count) in [("▲", above), ("▼", below)].into_iter().filter(|(_, count)| *count > 0) {
        right = right.dot().say(Role::Muted, format!("{sign} {count} more"));
    }
    let title = Title::new(scene.theme, Panel::Wall.title()).right(right);
    // The tiles have frames of their own: a rule above them is enough.
    let mut inside = panel::frame(sheet, scene.theme, Edge::Rule, scene.keyboard(Panel::Wall), title);
    if tiles.is_empty() {
        let room = usize::from(inside.width());
        return inside.line(0, &empty(scene).within(room));
    }
    let width = inside.width() / u16::try_from(window.across).unwrap_or(1).max(1);
    let shown = tiles.iter().enumerate().skip(above).take(window.rows * window.across);
    for (index, tile) in shown {
        let (column, row) = (index % window.across, index / window.across - window.first);
        let (Ok(x), Ok(y)) = (u16::try_from(column), u16::try_from(row)) else { continue };
        let Some(service) = scene.model.setup.services.get(tile.service) else { continue };
        let Some(environment) = service.environments.get(tile.environment) else { continue };
        let here = if at_hand == Some(index) { scene.keyboard(Panel::Wall) } else { Keyboard::Elsewhere };
        let gap = u16::from(column + 1 < window.across);
        let mut part = inside.part(x * width, y * tall, width.saturating_sub(gap), tall);
        one(scene, (service, environment), tile.service, here, &mut part);
    }
}

fn empty(scene: Scene<'_>) -> Words<'_> {
    let filter = scene.model.filter(Panel::Board);
    let why = if filter.is_empty() {
        "no service has signals or alerts: give an environment a `health` in the config".to_owned()
    } else {
        format!("nothing whose health is watched fits the filter `{filter}`; esc clears it")
    };
    scene.words().gap(1).say(Role::Muted, why)
}

fn one(
    scene: Scene<'_>,
    (service, environment): (&Service, &Environment),
    index: usize,
    here: Keyboard,
    sheet: &mut Sheet<'_>,
) {
    let standing = scene.model.assessments.get(index).and_then(|a| a.standing(&environment.name));
    let verdict = standing.map_or(Verdict::Unknown, |standing| standing.verdict);
    let mut inside = frame(scene, (service, environment), verdict, here, sheet);
    let (width, height) = (inside.width(), inside.height());
    let room = usize::from(width);
    worst(scene, service, environment, &mut inside.part(0, 0, width, height.saturating_sub(2)));
    let last = height.saturating_sub(2);
    inside.line(last, &replicas(scene, service, environment).within(room));
    inside.line(last + 1, &alerts::brief(scene, service, environment).within(room));
}

/// `2/8 · 3 restarts · ● rolling out`.
fn replicas<'a>(scene: Scene<'a>, service: &Service, environment: &Environment) -> Words<'a> {
    let words = scene.words().gap(1);
    let source = environment.deploy.as_ref();
    let (Some(source), Some(seen)) = (source, scene.model.world.rollout(service, environment)) else {
        return words.then(scene.nothing(source, &service.name, "replicas"));
    };
    let age = scene.age(source, &service.name, environment.policy.max_age);
    let counts = seen.value.replicas;
    let role = if counts.available < counts.desired { Role::Hold } else { Role::Base };
    let words =
        words.say(age.ink(role), format!("{}/{}", counts.available.min(counts.desired), counts.desired));
    let words = match usize::try_from(counts.restarts).unwrap_or(usize::MAX) {
        0 => words,
        n => words.dot().say(age.ink(Role::Hold), text::counted(n, "restart")),
    };
    let (sign, word, _) = phase_sign(&seen.value.phase);
    let words = words.dot().sign(sign).gap(1).say(age.ink(sign.role()), word);
    let words = words.gap(1).say(age.ink(Role::Muted), text::name(seen.value.target.label(), 12));
    let label = age.label(scene.theme);
    if label.width() == 0 { words } else { words.dot().then(label) }
}

/// The frame of a tile. The one at hand is told by its shape and by its name standing reversed, not by colour alone.
fn frame<'s>(
    scene: Scene<'_>,
    (service, environment): (&Service, &Environment),
    verdict: Verdict,
    here: Keyboard,
    sheet: &'s mut Sheet<'_>,
) -> Sheet<'s> {
    let plain = |role| scene.theme.style(role).remove_modifier(Modifier::REVERSED | Modifier::BOLD);
    let light = ["╭", "╮", "╰", "╯", "─", "│"];
    let heavy = ["┏", "┓", "┗", "┛", "━", "┃"];
    let (border, shape) = match (here, verdict) {
        (Keyboard::Here, _) => (plain(Role::Focus), heavy),
        (_, Verdict::NoGo) => (plain(Role::NoGo), light),
        _ => (scene.theme.style(Role::Border), light),
    };
    let (width, height) = (sheet.width(), sheet.height());
    match scene.edge {
        Edge::Box => panel::boxed(sheet, border, shape),
        Edge::Rule => panel::rule(sheet, 0, border, shape[4]),
    }
    let shown = verdict_words(scene.theme, verdict);
    let room = usize::from(width).saturating_sub(shown.width() + 5);
    let behind = 12.min(room / 2);
    let name = scene.service_name(&service.name, room.saturating_sub(behind + 1));
    let place = scene.environment_name(&environment.name, room.saturating_sub(text::width(&name) + 1));
    let words = match here {
        Keyboard::Here => {
            let style = scene.theme.style(Role::Focus).add_modifier(Modifier::REVERSED);
            scene.words().styled(style, format!(" {name} {place} "))
        }
        Keyboard::Elsewhere => {
            scene.words().gap(1).say(Role::Strong, name).gap(1).say(Role::Muted, place).gap(1)
        }
    };
    sheet.line_at(1, 0, &words.within(room + 2));
    let x = width.saturating_sub(1 + u16::try_from(shown.width()).unwrap_or(0));
    sheet.line_at(x, 0, &shown.line());
    match scene.edge {
        Edge::Box => sheet.part(1, 1, width.saturating_sub(2), height.saturating_sub(2)),
        Edge::Rule => sheet.part(0, 1, width, height.saturating_sub(1)),
    }
}

/// The signal that is worst off, its number, what it is judged by, its course. Of several in the same verdict the
/// first that is configured: numbers that pass each other do not make the tile flicker.
fn worst(scene: Scene<'_>, service: &Service, environment: &Environment, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let rows = signal::rows(scene, service, environment);
    let rank = |row: &signal::Row<'_>| match row {
        (_, Some(seen), age) if signal::is_evidence(*age) => seen.value.verdict(),
        _ => Verdict::Unknown,
    };
    let worst = rows.iter().map(rank).max();
    let Some((name, seen, age)) = rows.iter().find(|row| Some(rank(row)) == worst) else {
        return sheet.line(0, &scene.words().gap(1).say(Role::Muted, "no signal is configured").line());
    };
    let Some(told) = seen.map(|seen| seen.value) else {
        return sheet.line(0, &signal::unanswered(scene, name, *age).within(room));
    };
    let sign = if signal::is_evidence(*age) { verdict_sign(told.verdict()) } else { Sign::Unknown };
    let limits = signal::limits(scene, told);
    let words = scene.words().gap(1).sign(sign).gap(1);
    let value = signal::value(scene, told, *age);
    let limits_fit = words.width() + 9 + value.width() + limits.width() + 2 <= room;
    let left = room.saturating_sub(words.width() + value.width() + 1);
    let left = if limits_fit { left.saturating_sub(limits.width() + 2) } else { left };
    let words = words.say(Role::Base, text::name(name.as_str(), left)).gap(1).then(value);
    sheet.line(0, &words.within(room));
    if limits_fit {
        let line = limits.gap(1).line();
        sheet.line_right(0, &line);
    }
    let (width, height) = (sheet.width().saturating_sub(2), sheet.height().saturating_sub(1));
    let Some(series) = &told.series else {
        return sheet.line(1, &scene.words().gap(3).say(Role::Muted, "its course is not known").within(room));
    };
    let course = signal::course(told, series, deploy_moment(scene, service, environment), *age);
    chart::draw(&mut sheet.part(1, 1, width, height), scene.theme, course);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tile_at_hand_is_always_in_sight() {
        for across in 0..6 {
            for rows in 0..6 {
                for count in 0..40 {
                    for at_hand in 0..count {
                        let window = Window::of(across, rows, count, at_hand);
                        let (above, below) = window.hidden(count);
                        assert!(above <= at_hand && at_hand < count - below, "{window:?} {count} {at_hand}");
                        assert!(count - above - below <= window.across * window.rows);
                    }
                }
            }
        }
    }
}
