//! The inbox: everything that waits for a human, oldest first. Only visible rows are built.

use super::panel::{self, Edge, Title};
use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text::{self, counted};
use crate::app::board;
use crate::app::filter::{self, Waiting};
use crate::app::joint::Mark;
use crate::app::model::Panel;
use crate::app::spot::Spot;
use crate::app::views;
use crate::domain::pipeline::{MayDecide, WaitsFor};
use crate::domain::rollout::{Steps, Strategy};
use crate::domain::time::{ago, spoken};
use crate::domain::{Gate, Place, Rollout, Seen};
use crate::theme::{Role, Sign};

/// Rows that the inbox wants: two for each that waits, and the frame.
pub(super) fn rows(scene: Scene<'_>) -> u16 {
    let held = views::held(scene.model).len();
    u16::try_from((scene.model.inbox.len() + held).max(1) * 2 + 2).unwrap_or(u16::MAX)
}

/// Draws the inbox.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    scene.spot(sheet.area(), || Spot::Panel(Panel::Inbox));
    let all = scene.model.inbox.len() + views::held(scene.model).len();
    let marked = scene.model.marks.iter().filter(|mark| matches!(mark, Mark::Gate(_))).count();
    let count = match (all, marked) {
        (0, _) => String::new(),
        (all, 0) => all.to_string(),
        (all, marked) => format!("{marked} of {all} marked"),
    };
    let filter = panel::filter(scene, Panel::Inbox);
    let right = if filter.width() > 0 { filter.gap(2) } else { filter };
    let title = Title::new(scene.theme, Panel::Inbox.title()).right(right.say(Role::Waiting, count));
    let below = {
        let keyboard = scene.keyboard(Panel::Inbox);
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        body(scene, &mut inside)
    };
    if scene.edge == Edge::Box {
        panel::more_below(sheet, scene.theme, below);
    }
}

/// The rows that can be seen; returns how many lie below.
fn body(scene: Scene<'_>, inside: &mut Sheet<'_>) -> usize {
    if scene.model.inbox.is_empty() && views::held(scene.model).is_empty() {
        let unheard = scene.model.world.sources().any(|(_, state)| state.last.is_none());
        let line = if unheard { "nothing waits as far as is known yet" } else { "nothing waits for a human" };
        inside.line(0, &scene.words().gap(1).say(Role::Muted, line).line());
        return 0;
    }
    let waiting = filter::waiting(scene.model);
    if waiting.is_empty() {
        let line = format!("nothing fits the filter `{}`; esc clears it", scene.model.filter(Panel::Inbox));
        inside.line(0, &scene.words().gap(1).say(Role::Muted, line).line());
        return 0;
    }
    let chosen = chosen(scene, &waiting);
    let selected = chosen.unwrap_or(0);
    let room = usize::from(inside.width());
    let each: u16 = if usize::from(inside.height()) >= (waiting.len() * 2).min(6) { 2 } else { 1 };
    let visible = usize::from((inside.height() / each).max(1));
    let first = selected.saturating_sub(visible / 2).min(waiting.len().saturating_sub(visible));
    let rows = (0..inside.height()).step_by(usize::from(each));
    for (y, (index, row)) in rows.zip(waiting.iter().enumerate().skip(first).take(visible)) {
        let (line, more) = match row {
            Waiting::Gate(seen) => (gate_row(scene, seen), details(scene, &seen.value)),
            Waiting::Rollout(place, rollout, steps) => {
                (held_row(scene, place, rollout, steps), held_details(scene, rollout, steps))
            }
        };
        inside.line(y, &line.within(room));
        scene.spot(inside.part(0, y, u16::MAX, each).area(), || match row {
            Waiting::Gate(seen) => Spot::Gate(seen.value.key.clone()),
            Waiting::Rollout(place, ..) => Spot::Held(place.clone()),
        });
        if chosen == Some(index) {
            inside.select(y, scene.theme, scene.theme.style(Role::Waiting));
        }
        if each == 2 {
            inside.line(y + 1, &more.within(room));
        }
    }
    waiting.len().saturating_sub(first + visible)
}

/// The row that a key is about: what is selected here, or the gate at hand of the service that is selected elsewhere.
fn chosen(scene: Scene<'_>, waiting: &[Waiting<'_>]) -> Option<usize> {
    let at_hand = scene.model.gate_at_hand().map(|g| &g.value.key);
    let here = scene.model.focus == Panel::Inbox;
    waiting.iter().position(|row| match row {
        Waiting::Gate(seen) => Some(&seen.value.key) == at_hand,
        Waiting::Rollout(..) => here && at_hand.is_none() && row.selected(scene.model),
    })
}

/// What measures a rollout that waits, and how long it has been under way.
fn held_details<'a>(scene: Scene<'a>, rollout: &Rollout, steps: &Steps) -> Words<'a> {
    let words = scene.words().gap(4);
    let words = match &steps.stable {
        Some(stable) => words.say(Role::Muted, format!("beside {}", text::name(stable.label(), 20))),
        None => words.say(Role::Muted, "nothing stable beside it"),
    };
    let words = steps.analyses.iter().take(2).fold(words, |words, analysis| {
        words
            .dot()
            .say(Role::Muted, format!("{} ", text::name(analysis.name.as_str(), 24)))
            .say(Role::Base, text::name(analysis.phase.as_str(), 16))
    });
    let began = rollout.began.map(|at| format!("began {} ago", spoken(ago(scene.model.now.wall, at))));
    match began {
        Some(began) => words.dot().say(Role::Muted, began),
        None => words,
    }
}

fn held_row<'a>(scene: Scene<'a>, place: &Place, rollout: &Rollout, steps: &Steps) -> Words<'a> {
    let marked = scene.model.marks.contains(&Mark::Place(place.clone()));
    let words = scene.words().gap(if marked { 1 } else { 2 });
    let words = words.maybe(Role::Accent, marked.then_some("*")).sign(Sign::Waiting).gap(1);
    let words = words.say(Role::Strong, text::name(place.service.as_str(), 24)).say(Role::Muted, " in ");
    let words = words.say(Role::Base, text::name(place.environment.as_str(), 20)).gap(2);
    let words = words.say(Role::Accent, text::name(rollout.target.label(), 20));
    let share = steps.weight.filter(|_| steps.strategy == Strategy::Canary);
    let words = words.maybe(Role::Base, share.map(|weight| format!(" {weight} %")));
    words.maybe(Role::Muted, steps.now().map(|(_, step)| format!("  {step}")))
}

fn gate_row<'a>(scene: Scene<'a>, seen: &Seen<Gate>) -> Words<'a> {
    let gate = &seen.value;
    let sign = match gate.waits_for {
        WaitsFor::Human | WaitsFor::Start => Sign::Waiting,
        WaitsFor::Timer => Sign::Timer,
        WaitsFor::OtherSystem => Sign::Paused,
    };
    let to = gate.environment.as_ref().map_or(gate.title.as_str(), |e| e.as_str());
    let marked = scene.model.marks.contains(&Mark::Gate(gate.key.clone()));
    let words = scene.words().gap(if marked { 1 } else { 2 });
    let words = words.maybe(Role::Accent, marked.then_some("*")).sign(sign).gap(1);
    let words = words.say(Role::Strong, text::name(gate.key.run.service.as_str(), 24));
    let words = words.say(Role::Muted, " → ").say(Role::Base, text::name(to, 20)).gap(2);
    let words = words.say(Role::Accent, version(scene, gate)).gap(2);
    let since = gate.since.map(|since| spoken(ago(scene.model.now.wall, since)));
    words.maybe(Role::Base, since)
}

/// Whether gates come from more than one CI provider: then each says whose it is.
fn several_providers(scene: Scene<'_>) -> bool {
    let mut sources = scene.model.inbox.iter().map(|seen| &seen.value.key.run.source);
    let first = sources.next();
    sources.any(|source| Some(source) != first)
}

fn version(scene: Scene<'_>, gate: &Gate) -> String {
    let named = gate.place().and_then(|place| {
        let standing = scene.model.assessment(&place.service)?.standing(&place.environment)?;
        Some(standing.coming.as_ref()?.label().to_owned())
    });
    text::name(&named.unwrap_or_else(|| gate.revision.short().to_owned()), 20)
}

/// How long a gate can still be decided.
fn left(scene: Scene<'_>, until: jiff::Timestamp) -> String {
    match ago(until, scene.model.now.wall) {
        time if time.is_zero() => "out of time".to_owned(),
        time => format!("denied in {}", spoken(time)),
    }
}

fn details<'a>(scene: Scene<'a>, gate: &Gate) -> Words<'a> {
    let words = scene.words().gap(4);
    let words = match several_providers(scene) {
        true => words.say(Role::Muted, format!("{} ", text::name(gate.key.run.source.as_str(), 16))),
        false => words,
    };
    let words =
        words.say(Role::Muted, format!("#{} on ", gate.run_number)).say(Role::Accent, gate.revision.short());
    let words = match board::behind(scene.model, gate) {
        0 => words,
        behind => words.dot().say(Role::Hold, format!("{} behind it", counted(behind, "run"))),
    };
    let words = match gate.approvals() {
        Some(approvals) => words.dot().say(Role::Base, text::cut(&approvals, 48)),
        None => words,
    };
    let words = match &gate.plan {
        Some(plan) => words.dot().say(Role::Hold, text::cut(plan.as_str(), 64)),
        None => words,
    };
    let words = match gate.expires {
        Some(until) => words.dot().say(Role::Hold, left(scene, until)),
        None => words,
    };
    let words = match gate.asks.as_slice() {
        [] => words,
        [one] => words.dot().say(Role::Muted, format!("asks for {}", text::name(one.as_str(), 20))),
        many => words.dot().say(Role::Muted, format!("asks for {} values", many.len())),
    };
    let words = match &gate.asked_by {
        Some(who) => words.dot().say(Role::Muted, format!("asked by {}", text::cut(who.as_str(), 20))),
        None => words,
    };
    let reviewers: Vec<&str> = gate.reviewers.iter().take(3).map(|r| r.as_str()).collect();
    let words = match &gate.may_decide {
        MayDecide::Yes => words.dot().sign(Sign::Good).say(Role::Muted, " you may"),
        MayDecide::No(_) => words.dot().sign(Sign::Bad).say(Role::Muted, " you may not"),
        MayDecide::Unknown => words,
    };
    if reviewers.is_empty() {
        return words;
    }
    words.dot().say(Role::Muted, format!("may: {}", reviewers.join(", ")))
}
