//! The selected service's environments: verdict, versions, rollout, signs of failure, owner, ways back.

use ratatui::text::Line;

use super::board;
use super::panel::{self, Title};
use super::scene::{Age, Scene, bar, phase_sign, verdict_words};
use super::sheet::{Sheet, Words, write_lines};
use super::{provenance, steps, text, way_back};
use crate::app::model::Panel;
use crate::app::spot::Spot;
use crate::domain::gitops::{Condition, Sync};
use crate::domain::time::{ago, spoken};
use crate::domain::{Application, Environment, Rollout, Service};
use crate::theme::{Role, Sign};

/// Draws the environments panel.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    scene.spot(sheet.area(), || Spot::Panel(Panel::Environments));
    let about = scene.service.map_or("", |s| s.name.as_str());
    let title = Title::new(scene.theme, Panel::Environments.title()).about(about);
    let keyboard = scene.keyboard(Panel::Environments);
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        let Some(service) = scene.service else {
            return inside.line(0, &scene.words().gap(1).say(Role::Muted, "no service is selected").line());
        };
        if service.environments.is_empty() {
            let line = scene.words().gap(1).say(Role::Muted, "no environment is configured for it").line();
            return inside.line(0, &line);
        }
        blocks(scene, service, &mut inside)
    };
    panel::more_below(sheet, scene.theme, below);
}

/// The environments as blocks; returns how many lines lie below.
fn blocks(scene: Scene<'_>, service: &Service, inside: &mut Sheet<'_>) -> usize {
    let room = usize::from(inside.width());
    let height = usize::from(inside.height());
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut selected = 0;
    let roomy = height >= service.environments.len() * 4;
    for environment in &service.environments {
        let here = scene.environment.is_some_and(|e| e.name == environment.name);
        if here {
            selected = lines.len();
        }
        lines.extend(block(scene, service, environment, room, roomy || here));
        if roomy {
            lines.push(Line::default());
        }
    }
    while lines.last().is_some_and(|line| line.spans.is_empty()) {
        lines.pop();
    }
    let wanted = usize::from(scene.scroll(Panel::Environments));
    let needed = if selected >= height { selected + 1 - height.min(selected + 1).max(1) } else { 0 };
    let first = wanted.max(needed).min(lines.len().saturating_sub(height));
    let below = write_lines(inside, &lines, u16::try_from(first).unwrap_or(u16::MAX));
    if let Some(y) = selected.checked_sub(first).and_then(|y| u16::try_from(y).ok()) {
        inside.part(0, y, u16::MAX, 1).select(0, scene.theme, scene.theme.style(Role::Focus));
    }
    below
}

fn block(
    scene: Scene<'_>,
    service: &Service,
    environment: &Environment,
    room: usize,
    whole: bool,
) -> Vec<Line<'static>> {
    let source = environment.deploy.as_ref().or(environment.live.as_ref());
    let age = source.map_or(Age::Fresh, |s| scene.age(s, &service.name, environment.policy.max_age));
    let rollout = scene.model.world.rollout(service, environment).map(|seen| seen.value);
    let mut lines = vec![headline(scene, environment, rollout, age, room).within(room)];
    match rollout {
        Some(rollout) => lines.extend(details(scene, (service, environment), rollout, room, whole)),
        None if whole => {
            let what = scene.words().gap(2);
            let known = scene.model.world.live(service, environment).map(|seen| seen.value);
            let words = match known.filter(|_| environment.deploy.is_none()) {
                Some(live) => {
                    let since =
                        live.since.map(|at| format!(" since {} ago", spoken(ago(scene.model.now.wall, at))));
                    what.say(Role::Muted, "live by what the pipeline says").maybe(Role::Muted, since)
                }
                None => what.then(scene.nothing(source, &service.name, "rollout")),
            };
            lines.push(words.within(room));
        }
        None => {}
    }
    let label = age.label(scene.theme);
    if label.width() > 0 && whole && rollout.is_some() {
        lines.push(
            scene
                .words()
                .gap(3)
                .then(label)
                .maybe(Role::Muted, source.map(|s| format!("  {s}")))
                .within(room),
        );
    }
    lines
}

fn headline<'a>(
    scene: Scene<'a>,
    environment: &Environment,
    rollout: Option<&Rollout>,
    age: Age,
    room: usize,
) -> Words<'a> {
    let standing = scene.assessment.and_then(|a| a.standing(&environment.name));
    let name = text::fit(&scene.environment_name(&environment.name, 13), 14);
    let words = scene.words().gap(2).say(Role::Strong, name);
    let words = match standing {
        Some(standing) => {
            let verdict = verdict_words(scene.theme, standing.verdict);
            let pad = 9usize.saturating_sub(verdict.width());
            words.then(verdict).gap(pad + 1)
        }
        None => words.say(Role::Muted, " asking…  "),
    };
    let live = standing.and_then(|s| s.live.as_ref()).map(|a| a.label());
    let coming = standing.and_then(|s| s.coming.as_ref()).map(|a| a.label());
    let versions_room = room.saturating_sub(26 + 14).clamp(9, 24);
    let words = board::versions(words, live, coming, versions_room).to(26 + versions_room + 1);
    match rollout {
        Some(rollout) => replicas(words, rollout, age, room),
        None => words,
    }
}

/// A bar, the counts, the phase; the word goes first where room is dear, its sign and the details stay.
fn replicas<'a>(words: Words<'a>, rollout: &Rollout, age: Age, room: usize) -> Words<'a> {
    let (sign, word, _) = phase_sign(&rollout.phase);
    let counts = rollout.replicas;
    let ready = counts.updated.min(counts.available);
    let percent = rollout.percent().unwrap_or(0);
    let counted = format!("{ready}/{}", counts.desired);
    let left = room.saturating_sub(words.width() + counted.len() + 4);
    let (full, empty) = bar(left.min(8), percent);
    let role = if sign == Sign::Good { Role::Go } else { sign.role() };
    let words = words.say(role, full).say(Role::Faint, empty).gap(1);
    let words = words.say(age.ink(Role::Base), counted).gap(2);
    let words = words.sign(sign);
    let word = format!(" {word}");
    if words.width() + word.len() > room { words } else { words.say(sign.role(), word) }
}

/// The GitOps controller in one line: what it applied, how that fares, and what it does to a change by hand.
fn gitops<'a>(scene: Scene<'a>, app: &Application) -> Words<'a> {
    let sign = match (&app.sync, &app.condition) {
        (_, Condition::Degraded(_)) => Sign::Bad,
        (Sync::Synced, Condition::Healthy) => Sign::Good,
        (Sync::Unknown(_), _) | (_, Condition::Unknown(_)) => Sign::Unknown,
        (_, Condition::Progressing(_)) => Sign::Running,
        _ => Sign::Warning,
    };
    let words = scene.words().gap(3).sign(sign).gap(1).say(Role::Base, app.tool.as_str());
    let words = words.say(Role::Muted, format!(" {}", app.name)).dot();
    app.remarks.iter().fold(words.say(Role::Muted, app.words()), |words, remark| {
        words.dot().say(Role::Hold, remark.as_str())
    })
}

fn details(
    scene: Scene<'_>,
    (service, environment): (&Service, &Environment),
    rollout: &Rollout,
    room: usize,
    whole: bool,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let (sign, _, what) = phase_sign(&rollout.phase);
    if !what.is_empty() {
        lines.push(scene.words().gap(3).say(sign.role(), "▸ ").say(Role::Base, what).within(room));
    }
    lines.extend(steps::lines(scene, rollout, room, whole));
    for early in &rollout.signs {
        lines.push(
            scene.words().gap(3).sign(Sign::Warning).gap(1).say(Role::Hold, early.as_str()).within(room),
        );
    }
    if !whole {
        return lines;
    }
    let words = scene.words().gap(3).say(Role::Muted, rollout.workload.as_str());
    let words =
        if rollout.host.is_empty() { words } else { words.dot().say(Role::Muted, rollout.host.as_str()) };
    let words = match rollout.began {
        Some(began) => {
            words.dot().say(Role::Muted, format!("since {}", spoken(ago(scene.model.now.wall, began))))
        }
        None => words,
    };
    let words = match rollout.replicas.restarts {
        0 => words,
        n => words.dot().say(Role::Hold, format!("{n} restarts")),
    };
    lines.push(words.within(room));
    if rollout.running.len() > 1 {
        let words = scene.words().gap(3).say(Role::Muted, "runs ").say(Role::Base, rollout.runs());
        lines.push(words.within(room));
    }
    let application = scene.model.world.application(service, environment);
    if let Some(app) = application {
        lines.push(gitops(scene, app.value).within(room));
    } else if let Some(owner) = &rollout.owner {
        let words = scene.words().gap(3).sign(Sign::Warning).gap(1).say(Role::Base, owner.tool.as_str());
        let words = words.say(Role::Muted, format!(" owns it ({})", owner.name)).dot();
        lines.push(words.say(Role::Muted, owner.consequence.as_str()).within(room));
    }
    lines.extend(
        provenance::line(scene, service, environment).map(|w| scene.words().gap(3).then(w).within(room)),
    );
    lines.extend(
        way_back::line(scene, service, environment).map(|w| scene.words().gap(3).then(w).within(room)),
    );
    for remark in &rollout.remarks {
        lines.push(
            scene.words().gap(3).sign(Sign::Note).gap(1).say(Role::Muted, remark.as_str()).within(room),
        );
    }
    lines
}
