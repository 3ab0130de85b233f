//! From the world to what the board shows: judgements, the inbox, change sets, and what to ask for next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::activity::{self, Event, EventKind};
use super::filter::Filter;
use super::incident;
use super::model::{Action, Model, Panel, Selection};
use super::touched::{Touched, was_stale};
use super::views;
use crate::domain::assess::{self, standing_span};
use crate::domain::pipeline::WaitsFor;
use crate::domain::rollout::Standing as RevisionStanding;
use crate::domain::{
    Absorbed, Ask, Assessment, Gate, Mark, Now, Place, Report, RunKey, SafeText, Seen, Service, ServiceName,
    SourceName, SpanAsk, Target, Verdict,
};

/// Takes a report into the world and renews what depends on it.
pub fn absorb(model: &mut Model, report: &Report) -> Absorbed {
    let before = model.world.source(&report.source).cloned().unwrap_or_default();
    let first = before.seen.is_none();
    let absorbed = model.world.absorb(report);
    let renewed = absorbed == Absorbed::Unchanged && was_stale(&model.index, &before, report);
    if absorbed != Absorbed::Changed && !renewed {
        return absorbed;
    }
    note_source(model, report, before.fault.is_some());
    let old = if first { Vec::new() } else { std::mem::take(&mut model.inbox) };
    model.inbox = inbox(model);
    if !first {
        note_gates(model, &old);
    }
    let source = report.source.clone();
    let touched = match model.world.source(&source) {
        Some(after) if !was_stale(&model.index, &before, report) => Touched::between(&before, after),
        _ => Touched::All,
    };
    // How far a running job is depends on the time as well.
    let which = |service: &Service, old: &Assessment| {
        uses(service, &source) && (touched.holds(&service.name) || runs(old))
    };
    reassess(model, which, if first { Notice::No } else { Notice::Yes });
    renew_changes(model, &source, &touched);
    place(model);
    refilter(model);
    Absorbed::Changed
}

/// Until the operator presses a key the selection may go once to what needs a human: to the service of the oldest gate,
/// or, when every source has answered and nothing waits, to what is worst off.
fn place(model: &mut Model) {
    if model.selection != Selection::Open {
        return;
    }
    let oldest = model.inbox.iter().find(|gate| gate.value.waits_for == WaitsFor::Human);
    let all = model.world.sources().all(|(_, state)| state.last.is_some() || state.fault.is_some());
    let needs = match oldest {
        Some(gate) => Some(gate.value.key.run.service.clone()),
        None if all => {
            let held = views::held(model).into_iter().next().map(|(place, ..)| place.service);
            held.or_else(|| views::worst_of_all(model))
        }
        None => return,
    };
    model.selection = Selection::Settled;
    if needs.is_some() && needs != model.selected {
        model.selected = needs;
        model.selection = Selection::Gone(model.now);
    }
}

fn runs(assessment: &Assessment) -> bool {
    assessment.marks.iter().any(|mark| matches!(mark, Mark::Running(_)))
}

/// Judges every service anew, silently.
pub fn assess_all(model: &mut Model) {
    model.inbox = inbox(model);
    reassess(model, |_, _| true, Notice::No);
    filter(model);
}

/// Time passed: what was fresh at `before` may be stale now, and a freeze may have begun or ended.
pub fn grow_older(model: &mut Model, before: Now) {
    let stale = |model: &Model, service: &Service| {
        sources_of(service).any(|(source, limit)| {
            let age = |now| model.world.age(source, &service.name, now);
            matches!((age(before), age(model.now)), (Some(a), Some(b)) if a <= limit && b > limit)
        })
    };
    if crossed(model, before) {
        let services: BTreeSet<ServiceName> =
            model.setup.services.iter().filter(|s| stale(model, s)).map(|s| s.name.clone()).collect();
        reassess(model, |service, _| services.contains(&service.name), Notice::Yes);
    }
    let turned = model.index.turned(before.wall, model.now.wall);
    if !turned.is_empty() {
        reassess(model, |service, _| turned.contains(&service.name), Notice::Yes);
    }
    if before.wall.as_second() / 60 != model.now.wall.as_second() / 60 {
        let waiting: BTreeSet<ServiceName> =
            model.inbox.iter().map(|g| g.value.key.run.service.clone()).collect();
        reassess(model, |service, _| waiting.contains(&service.name), Notice::No);
    }
}

/// Whether any source crossed any limit at all: a cheap question that spares the expensive one.
fn crossed(model: &Model, before: Now) -> bool {
    let limits = model.index.limits();
    model.world.sources().any(|(_, state)| {
        let mut moments = state.seen.into_iter().chain(state.held.values().filter_map(|h| h.seen));
        moments.any(|seen| limits.iter().any(|l| before.since(seen) <= *l && model.now.since(seen) > *l))
    })
}

/// Every source that a service uses, with the age at which its word is stale.
fn sources_of(service: &Service) -> impl Iterator<Item = (&SourceName, Duration)> {
    let common = service.code.iter().chain(service.pipeline.iter()).map(|s| (s, assess::STALE));
    common.chain(service.environments.iter().flat_map(|e| {
        e.deploy
            .iter()
            .chain(e.alerts.iter())
            .chain(e.live.iter())
            .chain(e.signals.iter().map(|(_, s)| s))
            .map(|s| (s, e.policy.max_age))
    }))
}

fn uses(service: &Service, source: &SourceName) -> bool {
    sources_of(service).any(|(s, _)| s == source)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Notice {
    Yes,
    No,
}

fn reassess(model: &mut Model, which: impl Fn(&Service, &Assessment) -> bool, notice: Notice) {
    let mut by_service: BTreeMap<&ServiceName, Vec<&Seen<Gate>>> = BTreeMap::new();
    for gate in &model.inbox {
        by_service.entry(&gate.value.key.run.service).or_default().push(gate);
    }
    let mut events = Vec::new();
    let mut kept = std::mem::take(&mut model.assessments).into_iter();
    let all = kept.len() != model.setup.services.len();
    let mut fresh = Vec::with_capacity(model.setup.services.len());
    for service in &model.setup.services {
        let old = match kept.next() {
            Some(old) if !all && !which(service, &old) => {
                fresh.push(old);
                continue;
            }
            old => old,
        };
        let gates = by_service.get(&service.name).map(Vec::as_slice).unwrap_or_default();
        let new = assess::assess(service, gates, &model.world, model.now);
        if let (Some(old), Notice::Yes) = (&old, notice) {
            note_change(service, old, &new, model.now, &mut events);
        }
        fresh.push(new);
    }
    model.assessments = fresh;
    incident::judged(model);
    for event in events {
        activity::push(&mut model.activity, event);
    }
}

fn note_change(service: &Service, old: &Assessment, new: &Assessment, now: Now, events: &mut Vec<Event>) {
    let mut say = |kind, text: String| {
        events.push(Event {
            at: now,
            kind,
            service: Some(service.name.clone()),
            source: None,
            text: SafeText::new(&text),
        });
    };
    for (old, new) in old.standings.iter().zip(&new.standings) {
        if let (Some(was), Some(is)) = (&old.live, &new.live)
            && !was.same_as(is)
            && was.label() != is.label()
        {
            say(
                EventKind::Plain,
                format!("{} runs {} now, before {}", new.environment, is.label(), was.label()),
            );
        }
    }
    if old.verdict != new.verdict {
        let kind = match new.verdict {
            Verdict::Go => EventKind::Good,
            Verdict::NoGo => EventKind::Bad,
            Verdict::Hold | Verdict::Unknown => EventKind::Plain,
        };
        let against = new.reasons.first().filter(|r| r.verdict != Verdict::Go);
        let why = against.map(|r| format!(": {}", r.text)).unwrap_or_default();
        say(kind, format!("{} → {}{why}", old.verdict.word(), new.verdict.word()));
    }
}

fn note_source(model: &mut Model, report: &Report, failed_before: bool) {
    let (kind, text) = match (&report.result, failed_before) {
        (Err(fault), false) => (EventKind::Bad, format!("{}: {fault}", report.source)),
        (Ok(_), true) => (EventKind::Good, format!("{} answers again", report.source)),
        _ => return,
    };
    let event = Event {
        at: model.now,
        kind,
        service: None,
        source: Some(report.source.clone()),
        text: SafeText::new(&text),
    };
    activity::push(&mut model.activity, event);
}

fn note_gates(model: &mut Model, old: &[Seen<Gate>]) {
    let known = |list: &[Seen<Gate>], gate: &Gate| list.iter().any(|g| g.value.key == gate.key);
    let mut events = Vec::new();
    for gate in model.inbox.iter().filter(|g| !known(old, &g.value)) {
        events.push((EventKind::Asks, &gate.value, format!("{} waits for approval", gate.value.title)));
    }
    for gate in old.iter().filter(|g| !known(&model.inbox, &g.value)) {
        events.push((EventKind::Plain, &gate.value, format!("{} no longer waits", gate.value.title)));
    }
    let events: Vec<Event> = events
        .into_iter()
        .map(|(kind, gate, text)| Event {
            at: model.now,
            kind,
            service: Some(gate.key.run.service.clone()),
            source: Some(gate.key.run.source.clone()),
            text: SafeText::new(&text),
        })
        .collect();
    for event in events {
        activity::push(&mut model.activity, event);
    }
}

/// Every gate: those that wait for a human first, then by how many runs wait behind, then by how long they wait.
fn inbox(model: &Model) -> Vec<Seen<Gate>> {
    let mut gates: Vec<Seen<Gate>> =
        model.world.gates().map(|g| Seen { value: g.value.clone(), at: g.at }).collect();
    gates.sort_by_cached_key(|gate| {
        let human = u8::from(gate.value.waits_for != WaitsFor::Human);
        (human, Reverse(behind(model, &gate.value)), gate.value.since, gate.value.key.clone())
    });
    gates
}

/// How many runs wait behind the one that a gate holds.
pub fn behind(model: &Model, gate: &Gate) -> usize {
    let service = model.service(&gate.key.run.service);
    service.and_then(|s| model.world.pipeline(s)).map_or(0, |p| p.value.behind(&gate.key.run))
}

fn renew_changes(model: &mut Model, source: &SourceName, touched: &Touched) {
    for (service, assessment) in model.setup.services.iter().zip(&model.assessments) {
        if !touched.holds(&service.name) || !uses(service, source) {
            continue;
        }
        let repository = model.world.repository(service);
        for standing in &assessment.standings {
            let place = Place { service: service.name.clone(), environment: standing.environment.clone() };
            let found = standing_span(standing)
                .and_then(|span| repository.as_ref()?.value.changes.get(&span)?.as_ref().ok());
            match found {
                Some(changes) if model.changes.get(&place).is_some_and(|c| **c == *changes) => {}
                Some(changes) => {
                    model.changes.insert(place, Arc::new(changes.clone()));
                }
                None => {
                    model.changes.remove(&place);
                }
            }
        }
    }
}

/// Which services the board shows, by the operator's wish: name or verdict holds the filter text. The selection follows
/// into what is left.
pub fn filter(model: &mut Model) {
    model.shown = fitting(model, None);
    if model.selected_row().is_none() {
        let first = model.shown.first().and_then(|i| model.setup.services.get(*i));
        model.selected = first.map(|s| s.name.clone());
    }
}

/// The same after the world moved, or after a service was selected elsewhere than on the board. The selection does not
/// move: a selected service that does not fit stays in sight until the operator goes elsewhere, because the next key is
/// meant for it.
pub fn refilter(model: &mut Model) {
    model.shown = fitting(model, model.selected_index());
}

/// Indices of the services that fit the filter text, and of `kept`.
fn fitting(model: &Model, kept: Option<usize>) -> Vec<usize> {
    let mut filter = Filter::new(model.filter(Panel::Board));
    let both = model.setup.services.iter().zip(&model.assessments).enumerate();
    both.filter(|(index, (service, assessment))| {
        let waits_on = assessment.waits_on.as_ref().map(SafeText::as_str);
        let texts = [service.name.as_str(), assessment.verdict.word()];
        Some(*index) == kept || filter.fits(texts.into_iter().chain(waits_on))
    })
    .map(|(index, _)| index)
    .collect()
}

/// What the sources should answer next: the change sets of everything that comes, and what a roll back of the
/// selected service would take away.
#[must_use]
pub fn ask(model: &Model) -> Ask {
    let mut spans: Vec<SpanAsk> = Vec::new();
    for (service, assessment) in model.setup.services.iter().zip(&model.assessments) {
        if service.code.is_none() {
            continue;
        }
        for standing in &assessment.standings {
            if let Some(span) = standing_span(standing) {
                spans.push(SpanAsk { service: service.name.clone(), span });
            }
        }
    }
    if let Some((service, _)) = model.selected()
        && service.code.is_some()
    {
        for environment in &service.environments {
            let Some(rollout) = model.world.rollout(service, environment) else { continue };
            let others =
                rollout.value.revisions.iter().filter(|r| r.standing != RevisionStanding::Current).take(3);
            for revision in others {
                if let Some(span) = assess::span(&revision.artifact, &rollout.value.target) {
                    spans.push(SpanAsk { service: service.name.clone(), span });
                }
            }
        }
    }
    spans.extend(views::spans(model));
    spans.sort();
    spans.dedup();
    Ask {
        spans,
        focus: model.selected.clone(),
        runs: runs_in_doubt(model),
        acting: acting(model),
        log: super::log::wanted(model),
    }
}

/// The services that actions in flight change.
fn acting(model: &Model) -> Vec<ServiceName> {
    let mut services: Vec<_> = model.in_flight().map(|a| a.plan.intent.service.clone()).collect();
    services.sort();
    services.dedup();
    services
}

/// The runs that actions in flight are about.
fn runs_in_doubt(model: &Model) -> Vec<RunKey> {
    let run = |action: &Action| match &action.plan.intent.target {
        Target::Gate(key) => Some(key.run.clone()),
        Target::Run(key) => Some(key.clone()),
        _ => None,
    };
    let mut runs: Vec<RunKey> = model.in_flight().filter_map(run).collect();
    runs.sort();
    runs.dedup();
    runs
}
