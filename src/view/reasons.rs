//! Why the verdict is what it is: the verdict of the service and of each environment, then every reason, worst first.

use ratatui::text::Line;

use super::overlay::{self, heading};
use super::scene::{Scene, mark_sign, verdict_sign, verdict_words};
use super::sheet::{Sheet, write_lines};
use super::text;
use crate::domain::{Assessment, Mark, Stage};
use crate::theme::Role;

/// Draws the reasons over the screen.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(110);
    let room = usize::from(width).saturating_sub(4);
    let body = match scene.assessment {
        Some(assessment) => body(scene, assessment, room),
        None => vec![scene.words().say(Role::Muted, "nothing is judged yet").line()],
    };
    let height = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(2).max(8);
    let area = overlay::middle(screen, width, height.min(screen.height.saturating_sub(2)));
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = scene.words().say(Role::Title, "why ");
    let name = scene.service.map(|s| text::name(s.name.as_str(), 30));
    let title = title.maybe(Role::Strong, name).say(Role::Title, " is ");
    let title = match scene.assessment {
        Some(assessment) => title.then(verdict_words(scene.theme, assessment.verdict)),
        None => title.say(Role::Muted, "not judged"),
    };
    let below = {
        let mut inside = overlay::open(scene, &mut window, title, &[("esc", "close"), ("↑ ↓", "scroll")]);
        write_lines(&mut inside, &body, scene.model.overlay_scroll)
    };
    super::panel::more_below(&mut window, scene.theme, below);
}

fn body(scene: Scene<'_>, assessment: &Assessment, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    for standing in &assessment.standings {
        let words =
            scene.words().say(Role::Base, text::fit(&scene.environment_name(&standing.environment, 15), 16));
        let words = words.then(verdict_words(scene.theme, standing.verdict)).to(27);
        let live = standing.live.as_ref().map(|a| a.label());
        let coming = standing.coming.as_ref().map(|a| a.label());
        lines.push(super::board::versions(words, live, coming, 30).within(room));
    }
    if assessment.reasons.is_empty() {
        lines.push(Line::default());
        lines.push(scene.words().say(Role::Muted, "nothing speaks against it").line());
    }
    let mut before = None;
    for reason in &assessment.reasons {
        if before != Some(reason.verdict) {
            before = Some(reason.verdict);
            lines.push(Line::default());
            lines.push(heading(scene, reason.verdict.word()));
        }
        let sign = verdict_sign(reason.verdict);
        let where_ = reason.environment.as_ref().map_or("", |e| e.as_str());
        let words =
            scene.words().sign(sign).gap(1).say(Role::Muted, text::fit(reason.stage.word(), 8)).gap(1);
        let words = words.say(Role::Muted, text::fit(&text::name(where_, 12), 13));
        let indent = words.width();
        for (index, part) in
            text::wrap(reason.text.as_str(), room.saturating_sub(indent).max(8)).into_iter().enumerate()
        {
            let line = if index == 0 { words.clone() } else { scene.words().gap(indent) };
            lines.push(line.say(Role::Base, part).line());
        }
    }
    stages(scene, assessment, room, &mut lines);
    lines
}

fn stages(scene: Scene<'_>, assessment: &Assessment, room: usize, lines: &mut Vec<Line<'static>>) {
    lines.push(Line::default());
    lines.push(heading(scene, "stages"));
    for stage in Stage::ALL {
        let mark = assessment.mark(stage);
        let sign = mark_sign(mark);
        let word = match mark {
            Mark::NotWatched => "not watched: neither blocks nor counts".to_owned(),
            Mark::Ahead => "its turn has not come".to_owned(),
            Mark::Running(Some(percent)) => format!("under way, {percent} %"),
            Mark::Running(None) => "under way".to_owned(),
            Mark::Waiting => "waits for a human".to_owned(),
            Mark::Judged(verdict) => verdict.word().to_owned(),
        };
        let words = scene.words().sign(sign).gap(1).say(Role::Muted, text::fit(stage.word(), 9));
        lines.push(words.say(sign.role(), word).within(room));
    }
}
