//! The decision card: the one thing that waits for a human, as a sentence. It is the largest object on the screen
//! while something waits and one line when nothing does. Below it: what is being carried out right now.

use super::board;
use super::panel;
use super::scene::{Scene, verdict_sign};
use super::sheet::{Sheet, Words};
use super::text::{self, counted};
use crate::app::command::{Command, available, entry_of};
use crate::app::model::{Action, ActionStage, Answered};
use crate::app::views;
use crate::domain::assess::{lane, tested};
use crate::domain::code::FileKind;
use crate::domain::pipeline::{MayDecide, WaitsFor};
use crate::domain::rollout::{Steps, Strategy};
use crate::domain::time::{ago, spoken};
use crate::domain::{Assessment, ChangeSet, Gate, Place, Rollout, SafeText, Seen, Stage, Verdict};
use crate::theme::{Role, Sign};

/// The gate that the card tells of: the one that the keys would act on, else the oldest.
pub(super) fn gate<'a>(scene: Scene<'a>) -> Option<&'a Gate> {
    let human = |seen: &&Seen<Gate>| matches!(seen.value.waits_for, WaitsFor::Human | WaitsFor::Start);
    let at_hand = scene.model.gate_at_hand().filter(human);
    at_hand.or_else(|| scene.model.inbox.first().filter(human)).map(|seen| &seen.value)
}

/// Draws the card as a box of five rows, or as few as there are.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let Some(gate) = gate(scene) else {
        return if sheet.height() < 4 { quiet(scene, sheet) } else { reserved(scene, sheet) };
    };
    if sheet.height() < 4 {
        return small(scene, gate, sheet);
    }
    let theme = scene.theme;
    sheet.clear(theme.style(Role::Base).patch(theme.style(Role::Card)));
    let border = theme.style(Role::Waiting).remove_modifier(ratatui::style::Modifier::BOLD);
    panel::boxed(sheet, border, ["┏", "┓", "┗", "┛", "━", "┃"]);
    let where_to = gate.environment.as_ref().map_or(gate.title.as_str(), |e| e.as_str());
    let room = usize::from(sheet.width()).saturating_sub(4);
    let right = waiting_count(scene);
    let title = scene.words().say(Role::Waiting, format!(" ◆ {} waits for you ", text::name(where_to, 24)));
    sheet.line_at(2, 0, &title.within(room));
    if let Some(right) = right {
        let line = scene.words().say(Role::Waiting, format!(" {right} ")).line();
        let x = sheet.width().saturating_sub(2 + u16::try_from(line.width()).unwrap_or(0));
        sheet.line_at(x, 0, &line);
    }
    let mut rows = vec![headline(scene, gate), contents(scene, gate), keys(scene, gate)];
    let inner = sheet.height() - 2;
    if inner < 3 {
        rows.remove(1);
    }
    let mut inside = sheet.part(2, 1, sheet.width().saturating_sub(4), inner);
    let room = usize::from(inside.width());
    let beside = [places(scene, gate), scene.words(), reviewers(scene, gate)];
    for ((y, words), right) in (0..).zip(rows).zip(beside) {
        let fits = words.width() + right.width() + 4 <= room;
        inside.line(y, &words.within(room));
        if fits {
            inside.line_right(y, &right.line());
        }
    }
}

/// Every environment of the gate's service with its verdict.
fn places<'a>(scene: Scene<'a>, gate: &Gate) -> Words<'a> {
    let mut words = scene.words();
    for standing in assessment(scene, gate).iter().flat_map(|a| &a.standings) {
        let sign = verdict_sign(standing.verdict);
        let name = scene.environment_name(&standing.environment, 14);
        words = words.gap(3).say(Role::Muted, name).gap(1).sign(sign).gap(1);
        words = words.say(sign.role(), standing.verdict.word());
    }
    words
}

fn reviewers<'a>(scene: Scene<'a>, gate: &Gate) -> Words<'a> {
    if let Some(approvals) = gate.approvals() {
        return scene.words().say(Role::Base, text::cut(&approvals, 60));
    }
    let names: Vec<&str> = gate.reviewers.iter().take(4).map(SafeText::as_str).collect();
    if names.is_empty() {
        return scene.words();
    }
    scene.words().say(Role::Muted, "may decide: ").say(Role::Base, text::cut(&names.join(", "), 48))
}

fn assessment<'a>(scene: Scene<'a>, gate: &Gate) -> Option<&'a Assessment> {
    scene.model.assessment(&gate.key.run.service)
}

fn waiting_count(scene: Scene<'_>) -> Option<String> {
    let waiting = scene.model.inbox.len();
    (waiting > 1).then(|| format!("{waiting} wait, tab to the list"))
}

/// Card of one to three rows: headline, contents, keys.
fn small(scene: Scene<'_>, gate: &Gate, sheet: &mut Sheet<'_>) {
    let theme = scene.theme;
    sheet.clear(theme.style(Role::Base).patch(theme.style(Role::Card)));
    let width = usize::from(sheet.width()).saturating_sub(2);
    let rows = match sheet.height() {
        0 | 1 => vec![headline(scene, gate)],
        2 => vec![headline(scene, gate), keys(scene, gate)],
        _ => vec![headline(scene, gate), contents(scene, gate), keys(scene, gate)],
    };
    for (y, words) in (0..).zip(rows) {
        sheet.line_at(1, y, &words.within(width));
    }
    let height = sheet.height();
    for y in 0..height {
        sheet.dot(0, y, "▌", theme.style(Role::Waiting));
    }
}

fn headline<'a>(scene: Scene<'a>, gate: &Gate) -> Words<'a> {
    let words = scene.words().sign(Sign::Waiting).gap(1);
    let words = words.say(Role::Strong, gate.key.run.service.as_str()).gap(2);
    let standing = gate.place().and_then(|place| assessment(scene, gate)?.standing(&place.environment));
    let words = match standing {
        Some(standing) => {
            let coming = standing.coming.as_ref().map_or(gate.revision.short(), |c| c.label());
            let live = standing.live.as_ref().map(|l| l.label());
            board::versions(words, live, Some(coming), 40)
        }
        None => words.say(Role::Accent, gate.revision.short()),
    };
    let to = gate.environment.as_ref().map_or(gate.title.as_str(), |e| e.as_str());
    let words = words.say(Role::Base, "  to ").say(Role::Strong, text::name(to, 24));
    let since = gate.since.map(|since| ago(scene.model.now.wall, since));
    let words = match &gate.asked_by {
        Some(who) => words.dot().say(Role::Base, "asked by ").say(Role::Strong, text::cut(who.as_str(), 24)),
        None => words.dot().say(Role::Base, "asked"),
    };
    words.maybe(Role::Base, since.map(|age| format!(" {} ago", spoken(age))))
}

/// What would ship, and what speaks for it.
fn contents<'a>(scene: Scene<'a>, gate: &Gate) -> Words<'a> {
    let words = scene.words().gap(2);
    let words = match &gate.plan {
        Some(plan) => words.say(Role::Hold, text::cut(plan.as_str(), 64)).dot(),
        None => words,
    };
    let changes = gate.place().and_then(|place| scene.model.changes.get(&place));
    let words = match changes {
        Some(changes) => change_words(words, changes),
        None => words.say(Role::Muted, "what it changes is not known yet"),
    };
    let mark = assessment(scene, gate).and_then(|a| a.mark(Stage::Test).verdict());
    let words = words.dot();
    match mark {
        Some(verdict) => {
            let sign = verdict_sign(verdict);
            let word = if verdict == Verdict::Go { "tested" } else { "tests" };
            words.sign(sign).gap(1).say(Role::Base, word).say(Role::Base, " on ")
        }
        None => words.say(Role::Muted, "no tests seen on "),
    }
    .say(Role::Accent, gate.revision.short())
    .then(results(scene, gate))
}

/// What the tests said of the very commit: `: ✗ 412 passed, 3 failed`.
fn results<'a>(scene: Scene<'a>, gate: &Gate) -> Words<'a> {
    let service = scene.model.service(&gate.key.run.service);
    let pipeline = service.and_then(|service| scene.model.world.pipeline(service));
    let report = pipeline.and_then(|seen| tested::on(seen.value, &gate.revision)).map(|(_, report)| report);
    match report.filter(|report| report.total() > 0) {
        Some(report) if report.failed > 0 => super::results::numbers(scene.words().gap(1), report),
        Some(report) => scene.words().say(Role::Muted, format!(": {}", report.words())),
        None => scene.words().say(Role::Muted, ": no results"),
    }
}

/// `7 commits · 1 migration · SHOP-812 SHOP-815`.
pub(super) fn change_words<'a>(words: Words<'a>, changes: &ChangeSet) -> Words<'a> {
    let words = words.say(Role::Strong, counted(changes.total, "commit"));
    let migrations = changes.of_kind(FileKind::Migration).count();
    let words = match migrations {
        0 => words,
        n => words.dot().sign(Sign::Warning).gap(1).say(Role::Hold, counted(n, "migration")),
    };
    let words = match changes.breaking() {
        0 => words,
        n => words.dot().sign(Sign::Warning).gap(1).say(Role::Hold, format!("{n} breaking")),
    };
    let words = match changes.lost {
        0 => words,
        n => words.dot().sign(Sign::Bad).gap(1).say(Role::NoGo, format!("{} lost", counted(n, "commit"))),
    };
    let tickets: Vec<&str> = changes.tickets.iter().take(4).map(SafeText::as_str).collect();
    if tickets.is_empty() {
        return words;
    }
    let more = changes.tickets.len().saturating_sub(4);
    let words = words.dot().say(Role::Accent, text::cut(&tickets.join(" "), 48));
    words.maybe(Role::Muted, (more > 0).then(|| format!(" +{more}")))
}

fn keys<'a>(scene: Scene<'a>, gate: &Gate) -> Words<'a> {
    let mut words = scene.words().gap(2);
    if scene.model.gate_at_hand().map(|g| &g.value.key) == Some(&gate.key) {
        // A gate whose run wedges its lane is not turned down: the run is cancelled.
        let no = if wedges(scene, gate) { Command::Cancel } else { Command::Reject };
        for command in [Command::Approve, no, Command::WhatIf, Command::Changes, Command::Reasons] {
            words = key(scene, words, command).gap(3);
        }
    } else {
        words = words.say(Role::Muted, format!("select {} to decide", gate.key.run.service)).gap(3);
    }
    match &gate.may_decide {
        MayDecide::Yes => words.sign(Sign::Good).say(Role::Muted, " you may decide"),
        MayDecide::No(why) => words.sign(Sign::Bad).say(Role::NoGo, format!(" you may not: {why}")),
        MayDecide::Unknown => {
            words.sign(Sign::Unknown).say(Role::Muted, " whether you may decide shows on trying")
        }
    }
}

/// Whether the run of a gate holds a lane that nothing passes any more.
fn wedges(scene: Scene<'_>, gate: &Gate) -> bool {
    let service = scene.model.service(&gate.key.run.service);
    let lanes = service.map(|service| lane::of(service, &scene.model.world, scene.model.now.wall));
    lanes.is_some_and(|lanes| lanes.iter().any(|lane| lane.holder == gate.key.run))
}

/// A key and its name, dimmed when it cannot act.
pub(super) fn key<'a>(scene: Scene<'a>, words: Words<'a>, command: Command) -> Words<'a> {
    let Some(entry) = entry_of(command) else { return words };
    let key = scene.model.setup.keys.shown(command);
    if key.is_empty() {
        return words;
    }
    let (strong, plain) = match available(command, scene.model) {
        Ok(()) => (Role::Key, Role::Base),
        Err(_) => (Role::KeyOff, Role::KeyOff),
    };
    words.say(strong, key).say(plain, format!(" {}", entry.name))
}

/// Whether no source has said anything yet.
fn nobody_answered(scene: Scene<'_>) -> bool {
    let mut sources = scene.model.world.sources().peekable();
    sources.peek().is_some() && sources.all(|(_, state)| state.last.is_none() && state.fault.is_none())
}

/// The card's place before anybody answered: what arrives moves nothing below it.
fn reserved(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let border = scene.theme.style(Role::Border);
    panel::boxed(sheet, border, ["╭", "╮", "╰", "╯", "─", "│"]);
    let room = usize::from(sheet.width()).saturating_sub(4);
    let mut inside = sheet.part(2, 2, sheet.width().saturating_sub(4), 1);
    inside.line(0, &quiet_words(scene, room).within(room));
}

/// Nothing waits: one calm line, which names the worst that is known.
fn quiet(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width()).saturating_sub(2);
    sheet.line_at(1, 0, &quiet_words(scene, room).within(room));
}

fn quiet_words(scene: Scene<'_>, room: usize) -> Words<'_> {
    let unheard = scene.model.world.sources().filter(|(_, state)| state.last.is_none()).count();
    let words = scene.words();
    if scene.model.setup.services.is_empty() {
        return words.say(Role::Muted, "No service is configured.");
    }
    let words = if unheard > 0 {
        let of = scene.model.world.sources().count();
        words
            .sign(Sign::Asking)
            .gap(1)
            .say(Role::Muted, format!("{} of {of} sources have not answered yet.", unheard))
    } else {
        words.sign(Sign::Good).gap(1).say(Role::Base, "Nothing waits for you.")
    };
    let held = views::held(scene.model);
    let here = held.iter().find(|(place, ..)| Some(&place.service) == scene.model.selected.as_ref());
    if let Some((place, rollout, steps)) = here.or(held.first()) {
        let told = |detail| held_words(scene, place, (rollout, steps), held.len(), detail);
        let shorter = [Detail::Whole, Detail::Keys].map(told).into_iter().find(|words| words.width() <= room);
        return shorter.unwrap_or_else(|| told(Detail::Least));
    }
    match (scene.service, scene.assessment) {
        (Some(service), Some(assessment)) if assessment.verdict != Verdict::Go => {
            let words = words.gap(2).say(Role::Strong, text::name(service.name.as_str(), 24));
            let words = words.say(Role::Base, format!(" is {}", assessment.verdict.word()));
            match assessment.reasons.first() {
                Some(reason) => words.say(Role::Base, format!(": {}", reason.text)),
                None => words,
            }
        }
        _ => words,
    }
}

/// How much is said of a rollout that waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// The step, every key.
    Whole,
    /// Every key.
    Keys,
    /// What lets it go on, and what gives it up.
    Least,
}

/// A rollout that waits at one of its steps, with the keys that move it.
fn held_words<'a>(
    scene: Scene<'a>,
    place: &Place,
    (rollout, steps): (&Rollout, &Steps),
    all: usize,
    detail: Detail,
) -> Words<'a> {
    let words = scene.words().sign(Sign::Waiting).gap(1);
    let words = words.say(Role::Strong, text::name(place.service.as_str(), 24)).say(Role::Base, " in ");
    let words = words.say(Role::Strong, text::name(place.environment.as_str(), 20));
    let words = words.say(Role::Waiting, " waits for you").say(Role::Base, ": ");
    let words = words.say(Role::Accent, text::name(rollout.target.label(), 20));
    let share = steps.weight.filter(|_| steps.strategy == Strategy::Canary);
    let words = words.maybe(Role::Base, share.map(|weight| format!(" at {weight} %")));
    let step = steps.now().filter(|_| detail == Detail::Whole).map(|(_, step)| format!(", {step}"));
    let words = words.maybe(Role::Base, step).gap(2);
    let words = if scene.model.selected.as_ref() == Some(&place.service) {
        let commands = [Command::Resume, Command::Abort, Command::PromoteFully];
        let shown = if detail == Detail::Least || !steps.skips { 2 } else { 3 };
        commands.into_iter().take(shown).fold(words, |words, command| key(scene, words, command).gap(2))
    } else {
        words.say(Role::Muted, format!("select {} to decide", place.service)).gap(2)
    };
    words.maybe(Role::Muted, (all > 1).then(|| format!("and {} more", all - 1)))
}

/// What is being carried out: the newest action that has not ended, in one line.
pub(super) fn in_flight(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let Some(action) = scene.model.in_flight().last() else { return };
    // Members of one saga are one thing.
    let saga_of = |action: &Action| action.plan.part.as_ref().map(|part| part.saga.clone());
    let own = saga_of(action);
    let same = |other: &&Action| other.id == action.id || (own.is_some() && saga_of(other) == own);
    let others = scene.model.in_flight().filter(|other| !same(other)).count();
    let words = scene.words().gap(1).sign(Sign::Again).gap(1);
    let saga = action.plan.part.as_ref().and_then(|part| scene.model.saga(&part.saga));
    let words = match saga {
        Some(run) => words
            .say(Role::Strong, format!("{}: ", run.saga.title()))
            .say(Role::Running, run.tally(scene.model).as_str())
            .dot(),
        None => words
            .say(Role::Strong, action.plan.title.as_str())
            .dot()
            .say(Role::Running, stage_text(action))
            .dot(),
    };
    let words = words.say(Role::Muted, spoken(scene.model.now.since(action.began)));
    let words = words.maybe(Role::Muted, (others > 0).then(|| format!("  and {others} more")));
    let hint = scene
        .words()
        .say(Role::Key, scene.model.setup.keys.shown(Command::Follow))
        .say(Role::Base, " follow ");
    let room = usize::from(sheet.width()).saturating_sub(hint.width() + 2);
    sheet.line(0, &words.within(room));
    sheet.line_right(0, &hint.line());
}

/// How far an action is, in a few words.
pub(super) fn stage_text(action: &Action) -> String {
    match &action.stage {
        ActionStage::Recording => "writing the intent to the journal".to_owned(),
        ActionStage::LookingAgain => "looking once more before anything is sent".to_owned(),
        ActionStage::Sent => "sent, no answer yet".to_owned(),
        ActionStage::Proving(what) if action.answered == Answered::Perhaps => {
            format!("no answer, not proved: {what}")
        }
        ActionStage::Proving(what) => format!("accepted, not proved: {what}"),
        ActionStage::Settling(_) => "it holds; watching that it stays".to_owned(),
        ActionStage::Ended(outcome) => format!("{}: {}", outcome.word(), outcome.text()),
    }
}

/// The sign of an outcome.
pub(super) const fn outcome_sign(outcome: &crate::domain::Outcome) -> Sign {
    use crate::domain::Outcome;
    match outcome {
        Outcome::Verified(_) => Sign::Good,
        Outcome::NotApplied(_) => Sign::Cancelled,
        Outcome::Failed(_) => Sign::Bad,
        Outcome::InDoubt(_) => Sign::Unknown,
    }
}

/// How many rows the card wants.
pub(super) fn rows(scene: Scene<'_>, most: u16) -> u16 {
    if gate(scene).is_some() || nobody_answered(scene) { most } else { 1 }
}
