//! Every source: how it is, how old its last good look is, when the next one is due, what may still be asked, what is
//! wrong and since when.

use ratatui::text::Line;

use super::list;
use super::panel::Title;
use super::scene::{Scene, brief};
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::model::Panel;
use crate::domain::time::{SKEWED, ago, spoken};
use crate::domain::world::Liveness;
use crate::domain::{SourceName, SourceState};
use crate::theme::{Role, Sign};

/// Draws the sources.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let failing = scene.model.world.sources().filter(|(_, state)| state.fault.is_some()).count();
    let right = match failing {
        0 => scene.words(),
        n => scene.words().say(Role::NoGo, format!("{n} failing")),
    };
    let title = Title::new(scene.theme, Panel::Sources.title()).right(right);
    list::draw(scene, sheet, Panel::Sources, title, |room| lines(scene, room));
}

fn lines(scene: Scene<'_>, room: usize) -> (Vec<Line<'static>>, Option<usize>) {
    let mut chosen = None;
    let wide = scene.model.setup.sources.iter().map(|s| text::width(s.as_str())).max().unwrap_or(8);
    let wide = wide.clamp(8, 24);
    let heads = format!(
        "  {}  {}  {}  {}  {}",
        text::fit("SOURCE", wide),
        text::fit("STATE", 12),
        text::fit("SEEN", 10),
        text::fit("NEXT", 10),
        "BUDGET AND IDENTITY"
    );
    let mut lines = vec![scene.words().say(Role::Muted, heads).within(room)];
    for name in &scene.model.setup.sources {
        let Some(state) = scene.model.world.source(name) else { continue };
        if scene.model.trail.source.as_ref() == Some(name) {
            chosen = Some(lines.len());
        }
        lines.push(row(scene, name, state, wide).within(room));
        details(scene, state, room, &mut lines);
    }
    (lines, chosen)
}

fn row<'a>(scene: Scene<'a>, name: &SourceName, state: &SourceState, wide: usize) -> Words<'a> {
    let now = scene.model.now;
    let (sign, word) = match (&state.fault, state.seen, state.live) {
        (Some(fault), _, _) => (Sign::Bad, fault.cause.word()),
        (None, None, _) => (Sign::Asking, "asking"),
        (None, Some(_), _) if !state.held.is_empty() => (Sign::Late, "in part"),
        (None, Some(_), Liveness::Watched) => (Sign::Alive, "live"),
        (None, Some(_), Liveness::Polled) => (Sign::Alive, "answers"),
    };
    let words = scene.words().gap(2).say(Role::Strong, text::fit(&text::name(name.as_str(), wide), wide));
    let words = words.gap(2).sign(sign).gap(1).say(sign.role(), text::fit(word, 10)).gap(2);
    let seen = state.seen.map_or("never".to_owned(), |seen| format!("{} ago", brief(now.since(seen))));
    let words = words.say(Role::Base, text::fit(&seen, 10)).gap(2);
    let next = match (state.live, state.next) {
        (Liveness::Watched, _) => "pushes".to_owned(),
        (_, Some(next)) => format!("in {}", brief(next.since(now))),
        (_, None) => String::new(),
    };
    let words = words.say(Role::Muted, text::fit(&next, 10)).gap(2);
    let last = state.last.as_ref();
    let budget = last.and_then(|o| o.budget).map(|b| {
        let until = b.resets.map(|at| format!(", anew in {}", spoken(ago(at, now.wall))));
        format!("{} of {} requests left{}", b.remaining, b.limit, until.unwrap_or_default())
    });
    let words = words.maybe(Role::Base, budget.as_ref());
    match last.and_then(|o| o.identity.as_ref()) {
        Some(who) if budget.is_some() => words.dot().say(Role::Muted, format!("as {who}")),
        Some(who) => words.say(Role::Muted, format!("as {who}")),
        None => words,
    }
}

/// What is wrong, what is held, what the operator should know.
fn details(scene: Scene<'_>, state: &SourceState, room: usize, lines: &mut Vec<Line<'static>>) {
    let now = scene.model.now;
    let indent = || scene.words().gap(4);
    if let Some(fault) = &state.fault {
        let since = state.failing_since.map(|at| format!(", for {}", spoken(now.since(at))));
        let text = format!("{fault}{}, {} looks in a row", since.unwrap_or_default(), state.failures);
        for part in text::wrap(&text, room.saturating_sub(4).max(8)) {
            lines.push(indent().say(Role::NoGo, part).line());
        }
        if let Some(hint) = &fault.hint {
            lines.push(indent().say(Role::Muted, "→ ").say(Role::Base, hint.as_str()).within(room));
        }
    }
    for (service, held) in &state.held {
        let words = indent().sign(Sign::Late).gap(1).say(Role::Strong, text::name(service.as_str(), 24));
        let age = held.seen.map_or("never seen".to_owned(), |at| format!("{} old", brief(now.since(at))));
        lines.push(words.say(Role::Hold, format!(" {age}: {}", held.fault)).within(room));
    }
    if let Some(skew) = state.skew.filter(|skew| *skew > SKEWED) {
        let text = format!("its clock is {} away from this machine's", spoken(skew));
        lines.push(indent().sign(Sign::Warning).gap(1).say(Role::Hold, text).within(room));
    }
    for remark in state.last.iter().flat_map(|o| &o.remarks) {
        lines.push(indent().sign(Sign::Note).gap(1).say(Role::Muted, remark.as_str()).within(room));
    }
}
