//! What the journal tells: action by action, newest first; the selected one with every line.

use ratatui::text::Line;

use super::list;
use super::panel::Title;
use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::model::Panel;
use crate::app::views;
use crate::domain::Record;
use crate::domain::record::Deed;
use crate::theme::{Role, Sign};

/// Draws the journal.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let open = views::recorded(scene.model).iter().filter(|deed| deed.open()).count();
    let right = match open {
        0 => scene.words(),
        n => scene.words().say(Role::Hold, format!("{n} not known to be over")),
    };
    let title = Title::new(scene.theme, Panel::Journal.title()).right(right);
    list::draw(scene, sheet, Panel::Journal, title, |room| lines(scene, room));
}

fn lines(scene: Scene<'_>, room: usize) -> (Vec<Line<'static>>, Option<usize>) {
    let words = scene.words().gap(1);
    let nothing = match &scene.model.records {
        None => Some(words.sign(Sign::Asking).gap(1).say(Role::Muted, "reading the journal…")),
        Some(Err(why)) => Some(words.sign(Sign::Bad).gap(1).say(Role::NoGo, why.as_str())),
        Some(Ok(records)) if records.is_empty() => {
            Some(words.say(Role::Muted, "nothing is recorded yet: every action is, before it is sent"))
        }
        Some(Ok(_)) => None,
    };
    if let Some(nothing) = nothing {
        return (vec![nothing.within(room)], None);
    }
    let at_hand = views::deed_at_hand(scene.model);
    let (mut lines, mut chosen) = (Vec::new(), None);
    for deed in views::recorded(scene.model) {
        let here = Some(deed.action) == at_hand.as_ref();
        if here {
            chosen = Some(lines.len());
        }
        lines.push(headline(scene, &deed).within(room));
        if here {
            lines.extend(deed.lines.iter().map(|record| one(scene, record).within(room)));
        }
    }
    (lines, chosen)
}

/// When, who, what, and what came of it.
fn headline<'a>(scene: Scene<'a>, deed: &Deed<'_>) -> Words<'a> {
    let words = scene.words().gap(2);
    let Some(intent) = deed.intent() else { return words };
    let says = deed.end().map_or("", |end| end.says.as_str());
    let sign = if deed.open() {
        Sign::Unknown
    } else if says.starts_with("verified") {
        Sign::Good
    } else if says.starts_with("failed") {
        Sign::Bad
    } else {
        Sign::Cancelled
    };
    let words = words.say(Role::Muted, scene.time(intent.at, "%d %b %H:%M:%S")).gap(2);
    let words = words.sign(sign).gap(1).say(Role::Strong, intent.says.as_str());
    let words = words.dot().say(Role::Muted, text::cut(intent.actor.as_str(), 24)).dot();
    match deed.end() {
        Some(end) => words.say(sign.role(), end.says.as_str()),
        None if deed.open() => words.say(sign.role(), "no outcome is recorded"),
        None => words,
    }
}

fn one<'a>(scene: Scene<'a>, record: &Record) -> Words<'a> {
    let words = scene.words().gap(4).say(Role::Faint, text::fit_right(&record.seq.to_string(), 5)).gap(2);
    let words = words.say(Role::Muted, scene.time(record.at, "%H:%M:%S")).gap(2);
    words.say(Role::Title, text::fit(record.kind.as_str(), 12)).say(Role::Base, record.says.as_str())
}
