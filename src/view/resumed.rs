//! What earlier sessions left behind: each action with who confirmed it and when, and what looking again has found.

use ratatui::text::Line;

use super::decision::{outcome_sign, stage_text};
use super::overlay::{self, labelled};
use super::scene::Scene;
use super::sheet::{Sheet, write_lines};
use super::text;
use crate::app::model::{Action, ActionStage, Origin};
use crate::domain::time::{ago, spoken};
use crate::theme::{Role, Sign};

/// Draws the list over the screen.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(110);
    let body = body(scene, usize::from(width).saturating_sub(4));
    let height = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(3).max(8);
    let area = overlay::middle(screen, width, height.min(screen.height));
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = scene.words().say(Role::Strong, "an earlier session ended before this was proved");
    let keys = [("esc", "close; it goes on"), ("↑ ↓", "scroll")];
    let mut inside = overlay::open(scene, &mut window, title, &keys);
    write_lines(&mut inside, &body, scene.model.overlay_scroll);
}

fn body(scene: Scene<'_>, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let hint = "Nothing of it is sent again. The sources are looked at, and each action is judged by what they show.";
    lines.extend(super::panel::paragraph(scene.theme, Role::Base, hint, room));
    for run in &scene.model.sagas {
        if let Origin::Earlier { by, at } = &run.origin {
            lines.push(Line::default());
            lines.push(scene.words().say(Role::Strong, run.saga.title().as_str()).within(room));
            let age = spoken(ago(scene.model.now.wall, *at));
            let who = format!("{by}, {age} ago, {}", scene.time(*at, "%F %H:%M:%S %Z"));
            lines.extend(labelled(scene, "confirmed by", Role::Base, &who, room));
            lines.extend(labelled(scene, "now", Role::Hold, run.tally(scene.model).as_str(), room));
            lines.extend(super::saga::targets(scene, run, room));
        }
    }
    for action in &scene.model.actions {
        if let Origin::Earlier { by, at } = &action.origin {
            lines.push(Line::default());
            let age = spoken(ago(scene.model.now.wall, *at));
            one(
                scene,
                action,
                &format!("{by}, {age} ago, {}", scene.time(*at, "%F %H:%M:%S %Z")),
                room,
                &mut lines,
            );
        }
    }
    lines
}

fn one(scene: Scene<'_>, action: &Action, who: &str, room: usize, lines: &mut Vec<Line<'static>>) {
    lines.push(scene.words().say(Role::Strong, action.plan.title.as_str()).within(room));
    lines.extend(labelled(scene, "confirmed by", Role::Base, who, room));
    if let Some(reason) = &action.plan.intent.reason {
        lines.extend(labelled(scene, "reason", Role::Base, reason.as_str(), room));
    }
    if let Some((_, first)) = action.trail.first() {
        lines.extend(labelled(scene, "then", Role::Muted, first.as_str(), room));
    }
    let (sign, role) = match &action.stage {
        ActionStage::Ended(outcome) => (outcome_sign(outcome), outcome_sign(outcome).role()),
        _ => (Sign::Running, Role::Running),
    };
    for (index, part) in text::wrap(&stage_text(action), room.saturating_sub(15)).into_iter().enumerate() {
        let words = scene.words().say(Role::Muted, text::fit(if index == 0 { "now" } else { "" }, 13));
        let words = if index == 0 { words.sign(sign).gap(1) } else { words.gap(2) };
        lines.push(words.say(role, part).line());
    }
}
