//! The change set between what runs in the selected environment and what would run there.

use ratatui::text::Line;

use super::decision::change_words;
use super::overlay::{self, heading};
use super::panel::{Keyboard, Title};
use super::scene::Scene;
use super::sheet::{Sheet, write_lines};
use super::text;
use crate::domain::code::{Breaking, Commit, FileDelta, FileKind};
use crate::domain::time::{ago, spoken};
use crate::domain::{ChangeSet, SafeText};
use crate::theme::{Role, Sign};

/// Draws the change set over the screen.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(130);
    let room = usize::from(width).saturating_sub(4);
    let place = scene.model.selected_place();
    let changes = place.as_ref().and_then(|place| scene.model.changes.get(place));
    let body = match changes {
        Some(changes) => body(scene, changes, room),
        None => vec![scene.words().say(Role::Muted, "no change set is known here").line()],
    };
    let height = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(2).max(8);
    let area = overlay::middle(screen, width, height.min(screen.height.saturating_sub(2)));
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = scene.words().say(Role::Title, "what would ship: ");
    let title = title.maybe(Role::Strong, place.as_ref().map(ToString::to_string));
    let below = {
        let mut inside = overlay::open(scene, &mut window, title, &[("esc", "close"), ("↑ ↓", "scroll")]);
        write_lines(&mut inside, &body, scene.model.overlay_scroll)
    };
    super::panel::more_below(&mut window, scene.theme, below);
}

/// Draws the change set of the gate at hand, else of the selected place, as a panel.
pub(super) fn panel(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let of_gate = scene.model.gate_at_hand().and_then(|gate| gate.value.place());
    let place = of_gate.or_else(|| scene.model.selected_place());
    let about = place.as_ref().map(ToString::to_string).unwrap_or_default();
    let title = Title::new(scene.theme, "what would ship").about(about);
    let below = {
        let mut inside = super::panel::frame(sheet, scene.theme, scene.edge, Keyboard::Elsewhere, title);
        let room = usize::from(inside.width()).saturating_sub(2);
        let lines = match place.as_ref().and_then(|place| scene.model.changes.get(place)) {
            Some(changes) => body(scene, changes, room),
            None => vec![scene.words().say(Role::Muted, "no change set is known here").line()],
        };
        let mut inside = inside.part(1, 0, u16::try_from(room).unwrap_or(u16::MAX), u16::MAX);
        write_lines(&mut inside, &lines, 0)
    };
    super::panel::more_below(sheet, scene.theme, below);
}

pub(super) fn body(scene: Scene<'_>, changes: &ChangeSet, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default(), change_words(scene.words(), changes).within(room)];
    let words = match (&changes.base, &changes.head) {
        (Some(base), Some(head)) => scene
            .words()
            .say(Role::Accent, base.short())
            .say(Role::Muted, " → ")
            .say(Role::Accent, head.short())
            .dot(),
        _ => scene.words(),
    };
    let words = words.say(Role::Base, text::counted(changes.files_total, "file")).gap(1);
    let words = words.say(Role::Go, format!("+{}", changes.added)).gap(1);
    let words = words.say(Role::NoGo, format!("−{}", changes.removed));
    let authors: Vec<&str> = changes.authors.iter().take(6).map(SafeText::as_str).collect();
    lines.push(words.dot().say(Role::Muted, format!("by {}", authors.join(", "))).within(room));
    for remark in &changes.remarks {
        lines.push(scene.words().sign(Sign::Note).gap(1).say(Role::Muted, remark.as_str()).within(room));
    }
    for (kind, title) in [(FileKind::Migration, "migrations"), (FileKind::Config, "configuration")] {
        files(scene, changes, kind, title, room, &mut lines);
    }
    lines.push(Line::default());
    lines.push(heading(scene, "commits"));
    lines.extend(changes.commits.iter().map(|commit| commit_line(scene, commit, room)));
    let left = changes.total.saturating_sub(changes.commits.len());
    if left > 0 {
        lines.push(scene.words().say(Role::Muted, format!("and {left} more, not kept")).line());
    }
    files(scene, changes, FileKind::Other, "other files", room, &mut lines);
    lines
}

fn files(
    scene: Scene<'_>,
    changes: &ChangeSet,
    kind: FileKind,
    title: &str,
    room: usize,
    lines: &mut Vec<Line<'static>>,
) {
    if changes.of_kind(kind).next().is_none() {
        return;
    }
    lines.push(Line::default());
    lines.push(heading(scene, title));
    for file in changes.of_kind(kind) {
        let (mark, role) = match file.delta {
            FileDelta::Added => ("+", Role::Go),
            FileDelta::Modified => ("~", Role::Base),
            FileDelta::Deleted => ("−", Role::NoGo),
            FileDelta::Renamed => ("→", Role::Base),
        };
        let ink = if kind == FileKind::Migration { Role::Hold } else { Role::Base };
        let path = text::name(file.path.as_str(), room.saturating_sub(2));
        lines.push(scene.words().say(role, mark).gap(1).say(ink, path).line());
    }
}

fn commit_line(scene: Scene<'_>, commit: &Commit, room: usize) -> Line<'static> {
    let words = scene.words().say(Role::Accent, text::fit(commit.sha.short(), 9));
    let kind = commit.kind.as_ref().map_or("", |k| k.as_str());
    let breaking = commit.breaking == Breaking::Yes;
    let kind_role = if breaking { Role::NoGo } else { Role::Muted };
    let words = words.say(kind_role, text::fit(&format!("{kind}{}", if breaking { "!" } else { "" }), 9));
    let when = format!("{} ago", spoken(ago(scene.model.now.wall, commit.at)));
    let side = if room >= 90 {
        format!("{}  {}", text::fit(commit.author.as_str(), 14), text::fit_right(&when, 16))
    } else {
        text::fit(commit.author.as_str(), 10)
    };
    let left = room.saturating_sub(words.width() + text::width(&side) + 1);
    let subject = match &commit.scope {
        Some(scope) => format!("{scope}: {}", commit.subject),
        None => commit.subject.to_string(),
    };
    let subject = if commit.tickets.is_empty() {
        subject
    } else {
        let keys: Vec<&str> =
            commit.tickets.iter().map(SafeText::as_str).filter(|k| !subject.contains(k)).collect();
        format!("{subject} {}", keys.join(" "))
    };
    words.say(Role::Base, text::fit(&subject, left)).gap(1).say(Role::Muted, side).within(room)
}
