//! The keys that work here, from the table of commands, and why others do nothing now.

use ratatui::text::Line;

use super::overlay::{self, heading};
use super::scene::Scene;
use super::sheet::{Sheet, write_lines};
use super::text;
use crate::app::command::{COMMANDS, Entry, available};
use crate::theme::{Role, Sign};

/// Draws the keys over the screen.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(112);
    let body = body(scene, usize::from(width).saturating_sub(4));
    let height = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = overlay::middle(screen, width, height.min(screen.height));
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = scene.words().say(Role::Strong, "keys");
    let below = {
        let mut inside = overlay::open(scene, &mut window, title, &[("esc", "close"), ("↑ ↓", "scroll")]);
        write_lines(&mut inside, &body, scene.model.overlay_scroll)
    };
    super::panel::more_below(&mut window, scene.theme, below);
}

fn body(scene: Scene<'_>, room: usize) -> Vec<Line<'static>> {
    let (can, cannot): (Vec<_>, Vec<_>) =
        COMMANDS.iter().map(|e| (e, available(e.command, scene.model))).partition(|(_, a)| a.is_ok());
    let mut lines = vec![heading(scene, "these act now")];
    for (entry, _) in &can {
        let words = names(scene, entry, Role::Key, Role::Base);
        lines.push(words.say(Role::Muted, entry.doc).within(room));
    }
    if !cannot.is_empty() {
        lines.push(Line::default());
        lines.push(heading(scene, "these cannot act now, and why"));
    }
    for (entry, refusal) in &cannot {
        let words = names(scene, entry, Role::KeyOff, Role::Muted);
        // The cause alone: a list to be read at a glance; the key itself says the rest.
        let why = refusal.as_ref().err().map(|r| r.cause.to_string()).unwrap_or_default();
        lines.push(words.sign(Sign::Cancelled).gap(1).say(Role::Base, why).within(room));
    }
    lines
}

fn names<'a>(scene: Scene<'a>, entry: &Entry, key: Role, name: Role) -> super::sheet::Words<'a> {
    let keys: Vec<String> = entry.keys.iter().map(ToString::to_string).collect();
    let words = scene.words().gap(1).say(key, text::fit(&keys.join(" "), 10)).gap(1);
    words.say(name, text::fit(entry.name, 15)).gap(1)
}
