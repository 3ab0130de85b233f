//! Where the operator is: the trail from the cockpit inwards, and what is selected on the way, by identity.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::log;
use super::model::{Model, Panel};
use super::wall;
use crate::domain::assess::{self, stage_of};
use crate::domain::code::Commit;
use crate::domain::record::{Deed, deeds};
use crate::domain::rollout::{Course, Steps};
use crate::domain::time::ago;
use crate::domain::{
    ActionId, ChangeSet, Environment, Job, JobKey, Place, Revision, Rollout, Run, RunState, SafeText,
    Service, ServiceName, SourceName, Span, SpanAsk, Verdict,
};

/// A whole screen of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Everything at once.
    #[default]
    Cockpit,
    /// Everything that waits for a human, with what each would ship.
    Inbox,
    /// One service in depth.
    Service,
    /// The health of every service in every environment at a glance.
    Wall,
    /// What the selected environment can go back to.
    Revisions,
    /// The log of one job.
    Log,
    /// Who did what, when, knowing what, and what came of it.
    Journal,
    /// What is asked, how old each answer is, what is wrong, what may still be asked.
    Sources,
}

impl View {
    /// In the order of their keys.
    pub const ALL: [Self; 8] = [
        Self::Cockpit,
        Self::Inbox,
        Self::Service,
        Self::Wall,
        Self::Revisions,
        Self::Log,
        Self::Journal,
        Self::Sources,
    ];

    /// Its name, for tabs, breadcrumbs and the palette.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cockpit => "cockpit",
            Self::Inbox => "inbox",
            Self::Service => "service",
            Self::Wall => "wall",
            Self::Revisions => "revisions",
            Self::Log => "log",
            Self::Journal => "journal",
            Self::Sources => "sources",
        }
    }

    /// Its name where cells are dear.
    #[must_use]
    pub const fn brief(self) -> &'static str {
        match self {
            Self::Service => "svc",
            Self::Revisions => "back",
            Self::Journal => "jrnl",
            Self::Sources => "src",
            Self::Cockpit | Self::Inbox | Self::Wall | Self::Log => self.title(),
        }
    }

    /// The panels that can have the keyboard, in the order of `tab`.
    #[must_use]
    pub const fn panels(self) -> &'static [Panel] {
        match self {
            Self::Cockpit => &Panel::ALL,
            Self::Inbox => &[Panel::Inbox],
            Self::Service => &[Panel::Pipeline, Panel::Environments, Panel::Health],
            Self::Wall => &[Panel::Wall],
            Self::Revisions => &[Panel::Revisions],
            Self::Log => &[Panel::Log],
            Self::Journal => &[Panel::Journal],
            Self::Sources => &[Panel::Sources],
        }
    }
}

/// One step inwards: the view, and the panel that had the keyboard before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inward {
    /// Where it led.
    pub view: View,
    /// Where the keyboard goes on the way back.
    pub from: Panel,
}

/// The trail, and what is selected in its views.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    steps: Vec<Inward>,
    /// The selected job, if the operator chose one.
    pub job: Option<JobKey>,
    /// The selected revision of a place, if the operator chose one.
    pub revision: Option<(Place, SafeText)>,
    /// The selected action of the journal, if the operator chose one.
    pub deed: Option<ActionId>,
    /// The selected source, if the operator chose one.
    pub source: Option<SourceName>,
}

impl Trail {
    /// Where the operator is.
    #[must_use]
    pub fn view(&self) -> View {
        self.steps.last().map(|step| step.view).unwrap_or_default()
    }

    /// The way here, the cockpit first.
    pub fn views(&self) -> impl Iterator<Item = View> {
        std::iter::once(View::Cockpit).chain(self.steps.iter().map(|step| step.view))
    }
}

/// Goes one step inwards. A view that is on the trail already is gone back to.
pub fn enter(model: &mut Model, view: View) {
    if model.trail.view() == view {
        return;
    }
    if let Some(at) = model.trail.steps.iter().position(|step| step.view == view) {
        model.trail.steps.truncate(at + 1);
    } else {
        model.trail.steps.push(Inward { view, from: model.focus });
    }
    if !view.panels().contains(&model.focus) {
        model.focus = view.panels().first().copied().unwrap_or_default();
    }
    arrived(model);
}

/// Goes to a view from anywhere: the trail begins anew.
pub fn jump(model: &mut Model, view: View) {
    let home = model.trail.steps.first().map_or(model.focus, |step| step.from);
    model.trail.steps.clear();
    model.focus = home;
    if view != View::Cockpit {
        enter(model, view);
    }
}

/// Goes one step outwards; tells whether there was one.
pub fn leave(model: &mut Model) -> bool {
    let Some(step) = model.trail.steps.pop() else { return false };
    model.focus = step.from;
    true
}

/// A list that gets the keyboard gets a selection of its own, by name; from then on nothing that comes or goes moves
/// it.
pub fn arrived(model: &mut Model) {
    match model.focus {
        Panel::Inbox => {
            let had = model.inbox.iter().any(|g| Some(&g.value.key) == model.gate.as_ref());
            let held: Vec<Place> = held(model).into_iter().map(|(place, ..)| place).collect();
            if had || model.held.as_ref().is_some_and(|place| held.contains(place)) {
                return;
            }
            model.gate = model.inbox.first().map(|g| g.value.key.clone());
            model.held = held.into_iter().next().filter(|_| model.gate.is_none());
        }
        Panel::Pipeline => model.trail.job = job_at_hand(model),
        Panel::Wall => wall::arrive(model),
        Panel::Log => log::arrive(model),
        Panel::Sources if model.trail.source.is_none() => {
            model.trail.source = model.setup.sources.first().cloned();
        }
        _ => {}
    }
}

/// The jobs of the selected service's newest run, as the pipeline shows them: by stage.
#[must_use]
pub fn jobs(model: &Model) -> Vec<(JobKey, &Job)> {
    let Some((service, _)) = model.selected() else { return Vec::new() };
    let Some(run) = model.world.pipeline(service).and_then(|seen| seen.value.runs.first()) else {
        return Vec::new();
    };
    let mut jobs: Vec<(JobKey, &Job)> =
        run.jobs.iter().map(|job| (JobKey { run: run.key.clone(), id: job.id.clone() }, job)).collect();
    jobs.sort_by_key(|(_, job)| stage_of(service, job.name.as_str()));
    jobs
}

/// The job that a key is about: the selected one while it is there, else the first that failed, else the first that
/// runs, else the first.
#[must_use]
pub fn job_at_hand(model: &Model) -> Option<JobKey> {
    let jobs = jobs(model);
    let first = |fits: fn(&RunState) -> bool| jobs.iter().find(|(_, job)| fits(&job.state));
    jobs.iter()
        .find(|(key, _)| Some(key) == model.trail.job.as_ref())
        .or_else(|| first(|state| matches!(state, RunState::Failed(_))))
        .or_else(|| first(|state| *state == RunState::Running))
        .or_else(|| jobs.first())
        .map(|(key, _)| key.clone())
}

/// The run whose test results a key is about: in the inbox that of the gate at hand, in a log that of the log, else the
/// newest of the selected service that has any.
#[must_use]
pub fn tested(model: &Model) -> Option<&Run> {
    let key = match model.focus {
        Panel::Inbox => model.gate_at_hand().map(|gate| &gate.value.key.run),
        Panel::Log => model.log.job.as_ref().map(|job| &job.run),
        _ => None,
    };
    let name = key.map(|key| &key.service).or(model.selected.as_ref())?;
    let runs = &model.world.pipeline(model.service(name)?)?.value.runs;
    let found = key.and_then(|key| runs.iter().find(|run| run.key == *key));
    found.or_else(|| runs.iter().find(|run| run.tests.is_some())).filter(|run| run.tests.is_some())
}

/// What the selected place can go back to, newest first, the present one included.
#[must_use]
pub fn revisions(model: &Model) -> &[Revision] {
    let rollout = model
        .selected()
        .zip(model.selected_environment())
        .and_then(|((service, _), environment)| model.world.rollout(service, environment));
    rollout.map(|seen| seen.value.revisions.as_slice()).unwrap_or_default()
}

/// The revision that a key is about: the selected one while it is remembered, else the one that a roll back goes to.
#[must_use]
pub fn revision_at_hand(model: &Model) -> Option<SafeText> {
    let place = model.selected_place()?;
    let chosen = model.trail.revision.as_ref().filter(|(of, _)| *of == place).map(|(_, id)| id);
    let revisions = revisions(model);
    if let Some(id) = chosen.filter(|id| revisions.iter().any(|r| r.id == **id)) {
        return Some(id.clone());
    }
    let ((service, _), environment) = model.selected().zip(model.selected_environment())?;
    let rollout = model.world.rollout(service, environment)?;
    rollout.value.previous().or_else(|| revisions.first()).map(|r| r.id.clone())
}

/// Revisions of one place that are told in depth.
const IN_DEPTH: usize = 12;

/// The change sets that the list of revisions shows: what each one brought, and what going back to the selected one
/// would take away.
#[must_use]
pub fn spans(model: &Model) -> Vec<SpanAsk> {
    let Some((service, _)) = model.selected() else { return Vec::new() };
    if model.trail.view() != View::Revisions || service.code.is_none() {
        return Vec::new();
    }
    let revisions = revisions(model);
    let pairs = revisions.windows(2).take(IN_DEPTH);
    let brought = pairs.filter_map(|pair| match pair {
        [newer, older] => assess::span(&older.artifact, &newer.artifact),
        _ => None,
    });
    let at_hand = revision_at_hand(model);
    let back = revisions.iter().find(|r| Some(&r.id) == at_hand.as_ref()).and_then(|r| back_to(model, r));
    brought.chain(back).map(|span| SpanAsk { service: service.name.clone(), span }).collect()
}

/// From a revision to what is asked for now: what going back to it would take away.
fn back_to(model: &Model, revision: &Revision) -> Option<Span> {
    let ((service, _), environment) = model.selected().zip(model.selected_environment())?;
    let rollout = model.world.rollout(service, environment)?;
    assess::span(&revision.artifact, &rollout.value.target)
}

/// What going back to a revision of the selected place would take away, if it is known.
#[must_use]
pub fn taken_away<'a>(model: &'a Model, revision: &Revision) -> Option<&'a ChangeSet> {
    changes(model, &back_to(model, revision)?)
}

/// How many commits a revision brought over the one before it, and the newest that is no mere housekeeping, if they
/// are known.
#[must_use]
pub fn brought<'a>(model: &'a Model, revision: &Revision) -> Option<(usize, &'a Commit)> {
    let revisions = revisions(model);
    let at = revisions.iter().position(|r| r.id == revision.id)?;
    let older = revisions.get(at + 1)?;
    let changes = changes(model, &assess::span(&older.artifact, &revision.artifact)?)?;
    let telling = |commit: &&Commit| commit.kind.as_ref().is_none_or(|kind| *kind != "chore");
    let commit = changes.commits.iter().find(telling).or(changes.commits.first())?;
    Some((changes.total, commit))
}

fn changes<'a>(model: &'a Model, span: &Span) -> Option<&'a ChangeSet> {
    let (service, _) = model.selected()?;
    model.world.repository(service)?.value.changes.get(span)?.as_ref().ok()
}

/// How long a revision ran until the next one came, as far as the target's times tell; none for the newest.
#[must_use]
pub fn ran(revisions: &[Revision], revision: &Revision) -> Option<Duration> {
    let began = revision.created?;
    let next = revisions.iter().filter_map(|r| r.created).filter(|at| *at > began).min()?;
    Some(ago(next, began))
}

/// The actions that the journal tells of, newest first.
#[must_use]
pub fn recorded(model: &Model) -> Vec<Deed<'_>> {
    match &model.records {
        Some(Ok(records)) => deeds(records),
        _ => Vec::new(),
    }
}

/// The action of the journal that is selected: the chosen one while it is told of, else the newest.
#[must_use]
pub fn deed_at_hand(model: &Model) -> Option<ActionId> {
    let deeds = recorded(model);
    let chosen = deeds.iter().find(|deed| Some(deed.action) == model.trail.deed.as_ref());
    chosen.or_else(|| deeds.first()).map(|deed| deed.action.clone())
}

/// The next service in the worst verdict that there is, after the selected one in board order.
#[must_use]
pub fn worst(model: &Model) -> Option<ServiceName> {
    let here = model.selected_index().unwrap_or(0);
    let bad = worst_off(model);
    let next = bad.iter().find(|(index, _)| *index > here).or_else(|| bad.first());
    next.map(|(_, name)| (*name).clone())
}

/// Rollouts in steps that wait for a human, in board order.
#[must_use]
pub fn held(model: &Model) -> Vec<(Place, &Rollout, &Steps)> {
    let places = model.setup.services.iter().flat_map(|s| s.environments.iter().map(move |e| (s, e)));
    let waits = |(service, environment): (&Service, &Environment)| {
        let rollout = model.world.rollout(service, environment)?.value;
        let steps = rollout.steps.as_ref().filter(|steps| steps.course == Course::Held)?;
        Some((Place { service: service.name.clone(), environment: environment.name.clone() }, rollout, steps))
    };
    places.filter_map(waits).collect()
}

/// The first service in board order that is NO-GO, else the first on HOLD, if any is.
#[must_use]
pub fn worst_of_all(model: &Model) -> Option<ServiceName> {
    let first = |verdict| {
        let mut all = model.setup.services.iter().zip(&model.assessments);
        all.find(|(_, a)| a.verdict == verdict).map(|(service, _)| service.name.clone())
    };
    first(Verdict::NoGo).or_else(|| first(Verdict::Hold))
}

/// Index and name of every service in the worst verdict, if that is not GO.
fn worst_off(model: &Model) -> Vec<(usize, &ServiceName)> {
    let worst = model.assessments.iter().map(|a| a.verdict).filter(|v| *v != Verdict::Go).max();
    let all = model.setup.services.iter().zip(&model.assessments).enumerate();
    all.filter(|(_, (_, a))| Some(a.verdict) == worst).map(|(i, (s, _))| (i, &s.name)).collect()
}
