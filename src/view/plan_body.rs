//! The body of a plan: hazards first, then what changes, what ships, what is sent, who guards it, what is promised,
//! how to take it back, and how fresh the evidence is.

use ratatui::text::Line;

use super::decision::change_words;
use super::json;
use super::overlay::{heading, labelled};
use super::scene::Scene;
use super::text;
use crate::action::{Plan, by_hand};
use crate::app::copy;
use crate::domain::code::FileKind;
use crate::domain::service::Access;
use crate::domain::time::spoken;
use crate::domain::{Artifact, ChangeSet, Guard, Permission, SafeText, Severity, Step, Verb};
use crate::theme::{Role, Sign};

/// How many commits a plan names; the change set view has them all.
const COMMITS: usize = 8;

/// The body in lines of at most `room` cells.
pub(super) fn lines(scene: Scene<'_>, plan: &Plan, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    overrides(scene, plan, "overrides", room, &mut lines);
    hazards(scene, plan, room, &mut lines);
    versions(scene, plan, room, &mut lines);
    differences(scene, plan, room, &mut lines);
    requests(scene, plan, room, &mut lines);
    if let Some(changes) = &plan.changes {
        ships(scene, plan, changes, room, &mut lines);
    }
    warrants(scene, plan, room, &mut lines);
    evidence(scene, plan, room, &mut lines);
    lines
}

/// The body of a preview: what would happen, for a reader who confirms nothing.
pub(super) fn preview(scene: Scene<'_>, plan: &Plan, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if scene.model.setup.access == Access::ReadOnly {
        let words = scene.words().sign(Sign::Bad).gap(1).say(Role::NoGo, text::fit("barred by", 11));
        lines.push(words.say(Role::NoGo, "this cockpit is read-only: it sends none of this").within(room));
    }
    overrides(scene, plan, "barred by", room, &mut lines);
    hazards(scene, plan, room, &mut lines);
    versions(scene, plan, room, &mut lines);
    differences(scene, plan, room, &mut lines);
    requests(scene, plan, room, &mut lines);
    reached(scene, plan, room, &mut lines);
    warrants(scene, plan, room, &mut lines);
    lines.extend(labelled(scene, "what stays", Role::Hold, by_hand::lasting(plan.intent.verb), room));
    by_hand_lines(scene, plan, room, &mut lines);
    if let Some(changes) = &plan.changes {
        ships(scene, plan, changes, room, &mut lines);
    }
    evidence(scene, plan, room, &mut lines);
    lines
}

/// Whom the requests reach: each source once, with where it is.
fn reached(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    let mut sources: Vec<_> = plan.prepared.steps.iter().map(|step| &step.source).collect();
    sources.dedup();
    lines.push(Line::default());
    lines.push(heading(scene, "whom it reaches"));
    for source in sources {
        let known = scene.model.setup.reach.get(source).map(ToString::to_string);
        let place = plan.intent.place.as_ref().map(|place| format!(" · {place}")).unwrap_or_default();
        let text = format!("{}{place}", known.unwrap_or_else(|| "its address is not known here".to_owned()));
        lines.extend(labelled(scene, &text::cut(source.as_str(), 12), Role::Base, &text, room));
    }
}

fn by_hand_lines(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    lines.push(Line::default());
    lines.push(heading(scene, "the same by hand"));
    match copy::by_hand(scene.model, plan) {
        Ok(commands) => {
            for part in text::wrap(commands.as_str(), room.max(8)) {
                lines.push(scene.words().say(Role::Accent, part).line());
            }
        }
        Err(why) => lines.push(scene.words().say(Role::Muted, why).within(room)),
    }
}

/// The rules that it overrides if it breaks the glass, or that bar it.
fn overrides(scene: Scene<'_>, plan: &Plan, word: &str, room: usize, lines: &mut Vec<Line<'static>>) {
    for breach in &plan.overrides {
        let text = format!("{}: {}", breach.rule.word(), breach.refusal.cause);
        for (index, part) in text::wrap(&text, room.saturating_sub(13).max(1)).into_iter().enumerate() {
            let words = scene.words();
            let words = if index == 0 {
                words.sign(Sign::Bad).gap(1).say(Role::NoGo, text::fit(word, 11))
            } else {
                words.gap(13)
            };
            lines.push(words.say(Role::NoGo, part).line());
        }
    }
}

fn hazards(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    for hazard in &plan.hazards {
        let (sign, role, word) = match hazard.severity {
            Severity::Note => (Sign::Note, Role::Base, "note"),
            Severity::Warning => (Sign::Warning, Role::Hold, "hazard"),
            Severity::Blocking => (Sign::Bad, Role::NoGo, "blocks"),
        };
        for (index, part) in
            text::wrap(hazard.text.as_str(), room.saturating_sub(13).max(1)).into_iter().enumerate()
        {
            let words = scene.words();
            let words = if index == 0 {
                words.sign(sign).gap(1).say(role, text::fit(word, 11))
            } else {
                words.gap(13)
            };
            lines.push(words.say(role, part).line());
        }
    }
    if !plan.hazards.is_empty() || plan.breaks_glass() {
        lines.push(Line::default());
    }
}

fn versions(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    let prepared = &plan.prepared;
    let [now, then] = plan.sides();
    if let Some(runs) = &plan.runs {
        lines.extend(labelled(scene, "runs now", Role::Base, runs.as_str(), room));
    }
    let sides = [(now, Role::Base, &prepared.from), (then, Role::Accent, &prepared.to)];
    for (label, role, artifact) in sides {
        let Some(artifact) = artifact else { continue };
        let words = scene
            .words()
            .say(Role::Muted, text::fit(label, 13))
            .say(role, text::fit(&text::name(artifact.label(), 14), 14));
        let words = words.gap(1).say(Role::Muted, identity(artifact, room.saturating_sub(28)));
        lines.push(words.within(room));
    }
}

/// Digest if anybody proved it; said plainly if nobody did.
fn identity(artifact: &Artifact, room: usize) -> String {
    match (&artifact.digest, &artifact.revision) {
        (Some(digest), _) => text::name(digest.as_str(), room.min(71)),
        (None, Some(revision)) => format!("commit {}", revision.short()),
        (None, None) if artifact.image.is_empty() => String::new(),
        (None, None) => "no digest known: the name alone decides".to_owned(),
    }
}

fn differences(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    for difference in &plan.prepared.differences {
        let half = room.saturating_sub(17) / 2;
        lines.extend(labelled(scene, "changes", Role::Base, difference.what.as_str(), room));
        let old = if difference.old.is_empty() { "not there" } else { difference.old.as_str() };
        let new = if difference.new.is_empty() { "not there" } else { difference.new.as_str() };
        let words = scene.words().gap(13).say(Role::Muted, text::name(old, half));
        lines.push(words.say(Role::Muted, " → ").say(Role::Accent, text::name(new, half)).within(room));
    }
}

fn requests(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    lines.push(Line::default());
    let count = plan.prepared.steps.len();
    let title = if count == 1 {
        "what is sent".to_owned()
    } else {
        format!("what is sent: {count} requests, in order")
    };
    lines.push(heading(scene, &title));
    for step in &plan.prepared.steps {
        request(scene, step, room, lines);
    }
}

fn request(scene: Scene<'_>, step: &Step, room: usize, lines: &mut Vec<Line<'static>>) {
    const INDENT: usize = 7;
    let left = room.saturating_sub(INDENT).max(8);
    let method =
        scene.words().say(Role::Strong, text::fit(SafeText::new(&step.method).as_str(), INDENT - 1)).gap(1);
    for (index, part) in json::lay_out(&step.path, left).into_iter().enumerate() {
        let line = if index == 0 { method.clone() } else { scene.words().gap(INDENT) };
        lines.push(line.say(Role::Base, part).line());
    }
    for part in step.shown_body().iter().flat_map(|body| json::lay_out(body, left)) {
        lines.push(scene.words().gap(INDENT).say(Role::Muted, part).line());
    }
    let kind = step.content_type.as_ref().map(|kind| format!(", as {}", SafeText::new(kind)));
    let to = scene.words().gap(INDENT).say(Role::Faint, "│ ").say(Role::Muted, format!("to {}", step.source));
    lines.push(to.maybe(Role::Muted, kind).within(room));
    for part in text::wrap(step.effect.as_str(), left.saturating_sub(2).max(8)) {
        lines.push(scene.words().gap(INDENT).say(Role::Faint, "│ ").say(Role::Base, part).line());
    }
}

fn ships(scene: Scene<'_>, plan: &Plan, changes: &ChangeSet, room: usize, lines: &mut Vec<Line<'static>>) {
    lines.push(Line::default());
    let back = plan.intent.verb == Verb::RollBack;
    lines.push(heading(scene, if back { "what is taken back" } else { "what ships" }));
    lines.push(change_words(scene.words(), changes).within(room));
    for file in changes.of_kind(FileKind::Migration) {
        let words = scene.words().sign(Sign::Warning).say(Role::Hold, " migration ");
        let left = room.saturating_sub(words.width());
        lines.push(words.say(Role::Base, text::name(file.path.as_str(), left)).line());
    }
    for commit in changes.commits.iter().take(COMMITS) {
        let words = scene.words().say(Role::Accent, text::fit(commit.sha.short(), 8));
        let words = words.maybe(Role::Muted, commit.kind.as_ref().map(|k| format!("{k} ")));
        let words = words.say(Role::Base, commit.subject.as_str());
        lines.push(words.dot().say(Role::Muted, commit.author.as_str()).within(room));
    }
    let more = changes.total.saturating_sub(COMMITS.min(changes.commits.len()));
    if more > 0 {
        lines.push(scene.words().say(Role::Muted, format!("and {more} more")).line());
    }
}

fn warrants(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    let prepared = &plan.prepared;
    lines.push(Line::default());
    lines.push(heading(scene, "what is promised"));
    let promise = format!("{}, within {}", prepared.promise, spoken(prepared.deadline));
    lines.extend(labelled(scene, "proved when", Role::Base, &promise, room));
    let way_back = prepared.way_back.as_ref().map_or("there is none", |w| w.as_str());
    let role = if prepared.way_back.is_some() { Role::Base } else { Role::NoGo };
    lines.extend(labelled(scene, "way back", role, way_back, room));
    let (guard, role) = match &prepared.guard {
        Guard::Server(how) => (format!("the server checks in the same request: {how}"), Role::Base),
        Guard::LookAgain(rest) => (format!("looked at again right before sending: {rest}"), Role::Hold),
    };
    lines.extend(labelled(scene, "guard", role, &guard, room));
    let who = prepared.identity.as_ref().map_or("this credential", |i| i.as_str());
    let (may, role) = match &prepared.permission {
        Permission::Granted => (format!("{who} may"), Role::Go),
        Permission::Denied(why) => (format!("{who} may not: {why}"), Role::NoGo),
        Permission::Untold => (format!("{who}: the source does not say before it is tried"), Role::Hold),
    };
    lines.extend(labelled(scene, "permission", role, &may, room));
}

fn evidence(scene: Scene<'_>, plan: &Plan, room: usize, lines: &mut Vec<Line<'static>>) {
    lines.push(Line::default());
    lines.push(heading(scene, "what it rests on"));
    let mut words = scene.words();
    for part in &plan.evidence {
        let next = scene.words();
        let next = match &part.fault {
            Some(fault) => next.sign(Sign::Bad).say(Role::NoGo, format!(" {} {fault} ", part.source)),
            None => next.sign(Sign::Alive).say(Role::Base, format!(" {} ", part.source)),
        };
        let next = next.say(Role::Muted, format!("{} old", spoken(part.age)));
        if words.width() > 0 && words.width() + next.width() + 3 > room {
            lines.push(words.within(room));
            words = scene.words();
        }
        words = if words.width() == 0 { next } else { words.gap(3).then(next) };
    }
    lines.push(words.within(room));
    for basis in &plan.prepared.basis {
        lines.extend(labelled(
            scene,
            &text::cut(basis.name.as_str(), 12),
            Role::Muted,
            &text::spelled_sentence(basis.value.as_str()),
            room,
        ));
    }
    let print = text::cut(plan.fingerprint.as_str(), 16);
    lines.extend(labelled(scene, "plan", Role::Muted, &print, room));
}
