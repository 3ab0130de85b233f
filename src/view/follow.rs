//! An action on its way to its proved outcome: the five stations, and everything that happened with its time.

use ratatui::text::Line;

use super::decision::{outcome_sign, stage_text};
use super::overlay::{self, heading, labelled};
use super::scene::Scene;
use super::sheet::{Sheet, write_lines};
use super::text;
use crate::app::model::{Action, ActionStage, Answered};
use crate::domain::time::spoken;
use crate::domain::{ActionId, Outcome};
use crate::theme::{Role, Sign};

/// Draws the trail of an action over the screen.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>, id: &ActionId) {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(110);
    let body = match scene.model.action(id) {
        Some(action) => body(scene, action, usize::from(width).saturating_sub(4)),
        None => vec![scene.words().say(Role::Muted, "this action is not known in this session").line()],
    };
    let height = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(3).max(10);
    let area = overlay::middle(screen, width, height.min(screen.height));
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = scene.words();
    let title = match scene.model.action(id) {
        Some(action) => {
            let environment = action.plan.intent.place.as_ref().map(|p| p.environment.as_str());
            let badge = environment.map(super::dialog::badge);
            title
                .maybe(Role::Badge, badge)
                .gap(1)
                .say(Role::Strong, text::spelled_sentence(action.plan.title.as_str()))
        }
        None => title.say(Role::Strong, "action"),
    };
    let ended = scene.model.action(id).is_none_or(|a| matches!(a.stage, ActionStage::Ended(_)));
    let keys = [("esc", if ended { "close" } else { "close; it goes on" }), ("↑ ↓", "scroll")];
    let mut inside = overlay::open(scene, &mut window, title, &keys);
    write_lines(&mut inside, &body, scene.model.overlay_scroll);
}

fn body(scene: Scene<'_>, action: &Action, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    lines.push(stations(scene, action).within(room));
    lines.push(Line::default());
    let (sign, role) = match &action.stage {
        ActionStage::Ended(outcome) => (outcome_sign(outcome), outcome_sign(outcome).role()),
        _ => (Sign::Running, Role::Running),
    };
    for (index, part) in text::wrap(&stage_text(action), room.saturating_sub(2)).into_iter().enumerate() {
        let words = if index == 0 { scene.words().sign(sign).gap(1) } else { scene.words().gap(2) };
        lines.push(words.say(role, part).line());
    }
    if matches!(action.stage, ActionStage::Ended(Outcome::InDoubt(_))) {
        let hint = "It was sent once and is never sent again. Look at the target before you act.";
        lines.extend(super::panel::paragraph(scene.theme, Role::Hold, hint, room));
    }
    lines.push(Line::default());
    let elapsed = scene.model.now.since(action.began);
    let deadline = action.plan.prepared.deadline;
    if !matches!(action.stage, ActionStage::Ended(_)) {
        let time = format!("{} of at most {}", spoken(elapsed), spoken(deadline));
        lines.extend(labelled(scene, "time", Role::Base, &time, room));
    }
    lines.extend(labelled(scene, "number", Role::Muted, action.id.0.as_str(), room));
    if let Some(reason) = &action.plan.intent.reason {
        lines.extend(labelled(scene, "reason", Role::Base, reason.as_str(), room));
    }
    lines.push(Line::default());
    lines.push(heading(scene, "what happened"));
    for (at, what) in &action.trail {
        let words = scene.words().say(Role::Muted, scene.time(at.wall, "%H:%M:%S")).gap(2);
        for (index, part) in text::wrap(what.as_str(), room.saturating_sub(10)).into_iter().enumerate() {
            let line = if index == 0 { words.clone() } else { scene.words().gap(10) };
            lines.push(line.say(Role::Base, part).line());
        }
    }
    lines
}

/// `✓ journal ── ✓ look again ── ✓ sent ── ● proof ── ○ outcome`
fn stations<'a>(scene: Scene<'a>, action: &Action) -> super::sheet::Words<'a> {
    let reached = match &action.stage {
        ActionStage::Recording => 0,
        ActionStage::LookingAgain => 1,
        ActionStage::Sent => 3,
        ActionStage::Proving(_) | ActionStage::Settling(_) => 4,
        ActionStage::Ended(_) => 5,
    };
    let ended = match &action.stage {
        ActionStage::Ended(outcome) => Some(outcome),
        _ => None,
    };
    let mut words = scene.words();
    for (index, name) in ["recorded", "looked again", "sent", "accepted", "proved"].into_iter().enumerate() {
        let sign = station_sign(action, index, reached, ended);
        if index > 0 {
            words = words.say(Role::Faint, " ── ");
        }
        let role = if sign == Sign::Ahead { Role::Muted } else { Role::Base };
        words = words.sign(sign).gap(1).say(role, name);
    }
    words
}

fn station_sign(action: &Action, index: usize, reached: usize, ended: Option<&Outcome>) -> Sign {
    match ended {
        None if index == 3 && action.answered == Answered::Perhaps => Sign::Unknown,
        None if index < reached => Sign::Good,
        None if index == reached => Sign::Running,
        None => Sign::Ahead,
        Some(outcome) => match index {
            0 | 1 => Sign::Good,
            2 if action.sent.is_none() => Sign::Cancelled,
            2 => Sign::Good,
            3 => match action.answered {
                Answered::Accepted => Sign::Good,
                Answered::Perhaps => Sign::Unknown,
                Answered::NotYet => Sign::Cancelled,
            },
            _ => outcome_sign(outcome),
        },
    }
}
