//! The model in sentences. Nothing here decides anything.

use crate::app::Model;
use crate::app::activity::Event;
use crate::app::views;
use crate::cli::approvals::{sentence, unseen};
use crate::cli::deed::words;
use crate::domain::code::FileKind;
use crate::domain::time::spoken;
use crate::domain::{Artifact, Assessment, Mark, Reading, Service, Stage, Verdict};

/// How many commits, and how many deeds of the journal, are said.
const SAID: usize = 10;

/// Signs that a voice would read as such, as words.
pub(super) fn plainly(line: &str) -> String {
    line.replace(" → ", " to ").replace(" · ", ", ")
}

/// The verdict of everything, and what is wrong.
pub(super) fn summary(model: &Model) -> Vec<String> {
    let count = |verdict| model.assessments.iter().filter(|a| a.verdict == verdict).count();
    let worst = model.assessments.iter().map(|a| a.verdict).max().unwrap_or(Verdict::Unknown);
    let all = [Verdict::NoGo, Verdict::Unknown, Verdict::Hold, Verdict::Go];
    let counts = all.into_iter().map(|v| (v, count(v))).filter(|(_, n)| *n > 0);
    let counts: Vec<String> = counts.map(|(verdict, n)| format!("{n} {}", verdict.word())).collect();
    let mut lines = vec![format!(
        "Verdict {}: {} services, {}.",
        worst.word(),
        model.assessments.len(),
        counts.join(", ")
    )];
    for (service, assessment) in model.setup.services.iter().zip(&model.assessments) {
        if matches!(assessment.verdict, Verdict::NoGo | Verdict::Unknown) {
            let why = assessment.reasons.first().map(|r| format!(": {}", r.text)).unwrap_or_default();
            lines.push(format!("Wrong: {} is {}{why}.", service.name, assessment.verdict.word()));
        }
    }
    for (name, state) in model.world.sources() {
        if let Some(fault) = &state.fault {
            lines.push(format!("Wrong: source {name}: {fault}."));
        }
    }
    if let Some(fault) = &model.journal_fault {
        lines.push(format!("Wrong: the journal cannot be written: {fault}. Actions are off."));
    }
    for action in model.in_flight() {
        lines.push(format!("Being proved: {}.", action.plan.title));
    }
    lines
}

/// What waits, numbered.
pub(super) fn inbox(model: &Model) -> Vec<String> {
    let mut lines: Vec<String> = model
        .inbox
        .iter()
        .enumerate()
        .map(|(index, gate)| format!("Waiting {}: {}.", index + 1, sentence(model, &gate.value)))
        .collect();
    let unseen = unseen(model);
    if lines.is_empty() && unseen.is_empty() {
        lines.push("Nothing waits for a human.".to_owned());
    }
    for (name, why) in unseen {
        lines.push(format!("What waits at {name} is not known: {why}."));
    }
    lines
}

/// Every service with its verdict, numbered.
pub(super) fn services(model: &Model) -> Vec<String> {
    let both = model.setup.services.iter().zip(&model.assessments);
    both.enumerate()
        .map(|(index, (service, assessment))| {
            let waits = assessment.waits_on.as_ref().map(|w| format!(", waits on {w}")).unwrap_or_default();
            format!("{}: {} is {}{waits}.", index + 1, service.name, assessment.verdict.word())
        })
        .collect()
}

/// The selected service in depth.
pub(super) fn service(model: &Model) -> Vec<String> {
    let Some((service, assessment)) = model.selected() else {
        return vec!["No service is selected. Say service and its name.".to_owned()];
    };
    let mut lines = vec![headline(service, assessment)];
    lines.extend(assessment.standings.iter().map(|standing| {
        let live = standing.live.as_ref().map_or("what is not known", Artifact::label);
        let coming = standing.coming.as_ref().map(|c| format!(", {} is coming", c.label()));
        format!(
            "{} is {} and runs {live}{}.",
            standing.environment,
            standing.verdict.word(),
            coming.unwrap_or_default()
        )
    }));
    let stages: Vec<String> = Stage::ALL
        .iter()
        .map(|stage| format!("{} {}", stage.word().to_lowercase(), mark(assessment.mark(*stage))))
        .collect();
    lines.push(format!("Stages: {}.", stages.join(", ")));
    if let Some(environment) = model.selected_environment() {
        for (name, seen) in model.world.signals(service, environment) {
            let value = match seen.map(|s| s.value) {
                Some(signal) => match &signal.reading {
                    Reading::Value(value) => {
                        format!("{value:.1} {}, {}", signal.unit, signal.verdict().word())
                    }
                    Reading::Unknown(why) => format!("no value: {why}"),
                },
                None => "not seen yet".to_owned(),
            };
            lines.push(format!("Signal {name} in {}: {value}.", environment.name));
        }
        lines.push(format!("Selected environment: {}.", environment.name));
    }
    lines
}

fn headline(service: &Service, assessment: &Assessment) -> String {
    let waits = assessment.waits_on.as_ref().map(|w| format!(", waits on {w}")).unwrap_or_default();
    format!("{} is {}{waits}.", service.name, assessment.verdict.word())
}

fn mark(mark: Mark) -> String {
    match mark {
        Mark::NotWatched => "not watched".to_owned(),
        Mark::Ahead => "ahead".to_owned(),
        Mark::Running(Some(percent)) => format!("running {percent} per cent"),
        Mark::Running(None) => "running".to_owned(),
        Mark::Waiting => "waiting for a human".to_owned(),
        Mark::Judged(verdict) => verdict.word().to_owned(),
    }
}

/// The reasons of the selected service's verdict.
pub(super) fn why(model: &Model) -> Vec<String> {
    let Some((service, assessment)) = model.selected() else {
        return vec!["No service is selected. Say service and its name.".to_owned()];
    };
    let mut lines = vec![headline(service, assessment)];
    for reason in &assessment.reasons {
        let place = reason.environment.as_ref().map(|e| format!(", {e}")).unwrap_or_default();
        let stage = reason.stage.word().to_lowercase();
        lines.push(format!("{} because of {stage}{place}: {}.", reason.verdict.word(), reason.text));
    }
    if assessment.reasons.is_empty() {
        lines.push("Nothing speaks against it.".to_owned());
    }
    lines
}

/// What would ship to the selected environment.
pub(super) fn changes(model: &Model) -> Vec<String> {
    let Some((place, changes)) =
        model.selected_place().and_then(|p| Some((p.clone(), model.changes.get(&p)?)))
    else {
        return vec![unknown_changes(model)];
    };
    let mut lines = vec![format!("To {place}: {}.", words::change_set(changes))];
    lines.extend(changes.of_kind(FileKind::Migration).map(|file| format!("Migration {}.", file.path)));
    lines.extend(
        changes
            .commits
            .iter()
            .take(SAID)
            .map(|c| format!("{}: {}, by {}.", c.sha.short(), c.subject, c.author)),
    );
    let more = changes.total.saturating_sub(changes.commits.len().min(SAID));
    if more > 0 {
        lines.push(format!("And {more} more."));
    }
    lines
}

/// Why there is no change set.
fn unknown_changes(model: &Model) -> String {
    let code = model.selected().and_then(|(service, _)| service.code.as_ref());
    match code {
        Some(code) if model.world.source(code).is_none_or(|state| state.seen.is_none()) => {
            format!("What would ship is not known yet: {code} has not answered.")
        }
        _ => "No change set is known here.".to_owned(),
    }
}

/// How every source is.
pub(super) fn sources(model: &Model) -> Vec<String> {
    model
        .world
        .sources()
        .map(|(name, state)| {
            let age = state.seen.map_or_else(
                || "has not answered yet".to_owned(),
                |seen| format!("was seen {} ago", spoken(model.now.since(seen))),
            );
            let fault = state.fault.as_ref().map(|fault| format!("; {fault}")).unwrap_or_default();
            let budget = state.last.as_ref().and_then(|last| last.budget);
            let budget =
                budget.map(|b| format!("; {} of {} requests left", b.remaining, b.limit)).unwrap_or_default();
            format!("{name} {age}{fault}{budget}.")
        })
        .collect()
}

/// The newest deeds of the journal.
pub(super) fn journal(model: &Model) -> Vec<String> {
    match &model.records {
        Some(Ok(_)) => {}
        Some(Err(why)) => return vec![format!("The journal cannot be read: {why}.")],
        None => return vec!["The journal was not read in time.".to_owned()],
    }
    let deeds = views::recorded(model);
    let mut lines: Vec<String> = deeds
        .iter()
        .take(SAID)
        .filter_map(|deed| {
            let intent = deed.intent()?;
            let end = deed.end().map_or_else(|| "open".to_owned(), |end| end.says.to_string());
            Some(format!("{}, {}: {}: {end}.", intent.at.strftime("%F %T"), intent.actor, intent.says))
        })
        .collect();
    if lines.is_empty() {
        lines.push("Nothing is in the journal yet.".to_owned());
    }
    lines
}

/// Something that happened.
pub(super) fn event(event: &Event) -> String {
    let service = event.service.as_ref().map(|s| format!("{s}: ")).unwrap_or_default();
    format!("New, {}: {service}{}.", event.at.wall.strftime("%T"), event.text)
}
