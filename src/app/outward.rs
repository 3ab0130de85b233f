//! What the terminal around the screen should say: its title, its progress, and news for somebody who looks
//! elsewhere. Pure: from the model alone. How it is said, and whether anybody needs to hear it, is the runtime's.

use std::time::Duration;

use super::activity::{Event, EventKind};
use super::model::{Action, ActionStage, Model};
use crate::domain::code::FileKind;
use crate::domain::{ChangeSet, Outcome, SafeText, Verdict};

/// How long an action that did not end well stays visible in the progress.
const SHOWN: Duration = Duration::from_secs(60);

/// The progress that a terminal can show in its tab or its task bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advance {
    /// Nothing is under way.
    #[default]
    None,
    /// Something is under way; nobody knows how far.
    Busy,
    /// Something is under way; per cent.
    Part(u32),
    /// It did not end well.
    Failed,
}

/// The state in few words: what is wrong first, then what waits, then what is under way.
#[must_use]
pub fn title(model: &Model) -> SafeText {
    let of = |wanted: Verdict| {
        let pairs = model.setup.services.iter().zip(&model.assessments);
        pairs.filter(move |(_, a)| a.verdict == wanted).map(|(service, _)| service.name.as_str())
    };
    let state = if let Some(name) = of(Verdict::NoGo).next() {
        let more = of(Verdict::NoGo).count() - 1;
        let more = if more > 0 { format!(" +{more}") } else { String::new() };
        format!("✗ NO-GO {name}{more}")
    } else if !model.inbox.is_empty() {
        let count = model.inbox.len();
        format!("◆ {count} {}", if count == 1 { "waits" } else { "wait" })
    } else if let Some(action) = model.in_flight().last() {
        format!("● {}", action.plan.title)
    } else if of(Verdict::Unknown).next().is_some() {
        "? UNKNOWN".to_owned()
    } else if of(Verdict::Hold).next().is_some() {
        "◐ HOLD".to_owned()
    } else {
        "✓ GO".to_owned()
    };
    SafeText::new(&format!("{state} · gonogo"))
}

/// How far what is under way has come.
#[must_use]
pub fn advance(model: &Model) -> Advance {
    if let Some(action) = model.in_flight().last() {
        return percent(model, action).map_or(Advance::Busy, Advance::Part);
    }
    let failed = model.actions.last().is_some_and(|action| {
        let bad = matches!(&action.stage, ActionStage::Ended(o) if !matches!(o, Outcome::Verified(_)));
        bad && action.trail.last().is_some_and(|(at, _)| model.now.since(*at) < SHOWN)
    });
    if failed { Advance::Failed } else { Advance::None }
}

/// How far the rollout that an action is about has come, while it moves.
fn percent(model: &Model, action: &Action) -> Option<u32> {
    let service = model.service(&action.plan.intent.service)?;
    let name = &action.plan.intent.place.as_ref()?.environment;
    let environment = service.environments.iter().find(|e| &e.name == name)?;
    let rollout = model.world.rollout(service, environment)?.value;
    if rollout.at_rest() { None } else { rollout.percent() }
}

/// Tells what has happened since it was asked last.
#[derive(Debug, Default)]
pub struct News {
    last: Option<Event>,
}

impl News {
    /// What somebody who looks elsewhere should know: a gate opened, a service turned to NO-GO, an action ended.
    pub fn since(&mut self, model: &Model) -> Vec<SafeText> {
        let fresh = model.activity.iter().rev().take_while(|event| Some(*event) != self.last.as_ref());
        let mut news: Vec<SafeText> = fresh.filter(|event| calls(model, event)).map(told).collect();
        news.reverse();
        if let Some(last) = model.activity.back() {
            self.last = Some(last.clone());
        }
        news
    }
}

fn calls(model: &Model, event: &Event) -> bool {
    let proved = |action: &Action| {
        matches!(action.stage, ActionStage::Ended(Outcome::Verified(_)))
            && event.text.as_str().starts_with(action.plan.title.as_str())
    };
    match event.kind {
        EventKind::Asks => true,
        EventKind::Bad => event.service.is_some(),
        EventKind::Good => model.actions.iter().any(proved),
        EventKind::Deed | EventKind::Plain => false,
    }
}

fn told(event: &Event) -> SafeText {
    match &event.service {
        Some(service) => SafeText::new(&format!("{service}: {}", event.text)),
        None => event.text.clone(),
    }
}

/// A change set as lines for a pager: every commit that is known, then every file, migrations and configuration first.
#[must_use]
pub fn pages(changes: &ChangeSet) -> Vec<SafeText> {
    let mut lines = vec![SafeText::new(&format!(
        "{} commits by {} people, {} files, +{} -{}",
        changes.total,
        changes.authors.len(),
        changes.files_total,
        changes.added,
        changes.removed
    ))];
    lines.extend(changes.remarks.iter().cloned());
    for commit in &changes.commits {
        let day = commit.at.strftime("%Y-%m-%d");
        let line = format!("{} {day} {}: {}", commit.sha.short(), commit.author, commit.subject);
        lines.push(SafeText::new(&line));
    }
    for (kind, word) in
        [(FileKind::Migration, "migration"), (FileKind::Config, "config"), (FileKind::Other, "file")]
    {
        lines.extend(changes.of_kind(kind).map(|file| SafeText::new(&format!("{word} {}", file.path))));
    }
    lines
}
