//! The log that is looked at: whose, what is known of it, which line has the eye, what is searched for.
//!
//! The eye is on a line by its number, or on the end: what grows moves nothing, and who looks at the end follows.

use super::key::Key;
use super::model::{Model, Panel, Typing};
use super::views::{self, View};
use crate::domain::log::LogAnswer;
use crate::domain::pipeline::JobStep;
use crate::domain::{Job, JobKey, JobLog, Now, Report, Run, RunState, SafeText};

/// The longest text that is searched for, in characters.
const LONGEST: usize = 100;
/// How far one step to the side goes, in cells.
const PAN: isize = 8;
/// The farthest that lines can be shifted, in cells.
const FARTHEST: usize = 4_096;

/// Where the eye is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eye {
    /// Nowhere yet: it goes to the trouble as soon as the log is there.
    #[default]
    Open,
    /// On the line with this number.
    Line(u64),
    /// On the last line, whichever that is.
    End,
}

/// What becomes of lines that are too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Long {
    /// They go on in the next row.
    #[default]
    Wrapped,
    /// They are cut; this many cells are shifted out on the left.
    Shifted(usize),
}

/// A log, and how it is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    /// Whose log it is.
    pub job: Option<JobKey>,
    /// What is known of it.
    pub answer: Option<LogAnswer>,
    /// When that was seen.
    pub seen: Option<Now>,
    /// Where the eye is.
    pub eye: Eye,
    /// What becomes of long lines.
    pub long: Long,
    /// What is searched for.
    pub search: String,
}

impl Desk {
    /// The log, if it is there.
    #[must_use]
    pub fn log(&self) -> Option<&JobLog> {
        match &self.answer {
            Some(LogAnswer::Here(log)) => Some(log),
            _ => None,
        }
    }

    /// Index of the line that has the eye.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        let log = self.log()?;
        let last = log.lines.len().checked_sub(1)?;
        Some(match self.eye {
            Eye::Line(number) => log.index_of(number),
            Eye::End | Eye::Open => last,
        })
    }

    /// Whether a text holds what is searched for; nothing does while nothing is.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        !self.search.is_empty() && text.to_lowercase().contains(&self.search.to_lowercase())
    }

    fn look_at(&mut self, index: usize) {
        if let Some(number) = self.log().and_then(|log| log.lines.get(index)).map(|line| line.number) {
            self.eye = Eye::Line(number);
        }
    }
}

/// The job whose log sources should tell: the one that is looked at, until all of it is known.
#[must_use]
pub fn wanted(model: &Model) -> Option<JobKey> {
    let looked_at = model.trail.view() == View::Log;
    let settled = model.log.answer.as_ref().is_some_and(LogAnswer::settled);
    model.log.job.clone().filter(|_| looked_at && !settled)
}

/// The view was entered: the log of the job at hand is looked at. One that was looked at before is where it was.
pub fn arrive(model: &mut Model) {
    let job = at_hand(model);
    if let Some(key) = job
        && model.log.job.as_ref() != Some(&key)
    {
        if model.selected.as_ref() != Some(&key.run.service) {
            model.selected = Some(key.run.service.clone());
            super::board::refilter(model);
        }
        model.log = Desk { job: Some(key), long: model.log.long, ..Desk::default() };
    }
}

/// The job that was chosen in the pipeline, else one that failed: of the selected service, else of any; else what is at
/// hand there.
fn at_hand(model: &Model) -> Option<JobKey> {
    let chosen = model.trail.job.clone().filter(|key| Some(&key.run.service) == model.selected.as_ref());
    let chosen = chosen.filter(|key| job_of(model, key).is_some());
    let here = model.selected.as_ref().and_then(|name| failed(model, name));
    let elsewhere = || model.setup.services.iter().find_map(|service| failed(model, &service.name));
    chosen.or(here).or_else(elsewhere).or_else(|| views::job_at_hand(model))
}

/// The first failed job of a service, in the newest run of a workflow.
fn failed(model: &Model, service: &crate::domain::ServiceName) -> Option<JobKey> {
    let pipeline = model.world.pipeline(model.service(service)?)?;
    let mut workflows: Vec<&SafeText> = Vec::new();
    for run in &pipeline.value.runs {
        if workflows.contains(&&run.workflow) {
            continue;
        }
        workflows.push(&run.workflow);
        let failed = run.jobs.iter().find(|job| matches!(job.state, RunState::Failed(_)));
        if let Some(job) = failed {
            return Some(JobKey { run: run.key.clone(), id: job.id.clone() });
        }
    }
    None
}

/// A job and its run, as last seen.
#[must_use]
pub fn job_of<'a>(model: &'a Model, key: &JobKey) -> Option<(&'a Run, &'a Job)> {
    let pipeline = model.world.pipeline(model.service(&key.run.service)?)?;
    let run = pipeline.value.runs.iter().find(|run| run.key == key.run)?;
    run.jobs.iter().find(|job| job.id == key.id).map(|job| (run, job))
}

/// The steps of the job whose log is looked at.
#[must_use]
pub fn steps(model: &Model) -> &[JobStep] {
    let job = model.log.job.as_ref().and_then(|key| job_of(model, key));
    job.map(|(_, job)| job.steps.as_slice()).unwrap_or_default()
}

/// Takes what a look told about the log that is looked at.
pub fn take(model: &mut Model, report: &Report) {
    let Ok(seen) = &report.result else { return };
    let Some(told) = seen.log.as_ref().filter(|told| Some(&told.job) == model.log.job.as_ref()) else {
        return;
    };
    // A log that could be had once is not taken away by a fault.
    if model.log.log().is_some() && !matches!(told.answer, LogAnswer::Here(_)) {
        return;
    }
    model.log.answer = Some(told.answer.clone());
    model.log.seen = Some(report.at);
    if model.log.eye == Eye::Open
        && let Some(log) = model.log.log()
    {
        let opening = log.opening(steps(model));
        model.log.eye = opening.map_or(Eye::End, Eye::Line);
    }
}

/// Asks anew, on the operator's key.
pub fn refresh(model: &mut Model) {
    if model.trail.view() == View::Log && model.log.log().is_none() {
        model.log.answer = None;
    }
}

/// Moves the eye by lines.
pub fn by(model: &mut Model, lines: isize) {
    let Some(index) = model.log.index() else { return };
    let last = model.log.log().map_or(0, |log| log.lines.len().saturating_sub(1));
    let to = index.saturating_add_signed(lines).min(last);
    if lines > 0 && to == last && model.log.eye == Eye::End {
        return;
    }
    model.log.look_at(to);
}

/// Moves the eye by screens, if the key means that and a log has the keyboard; tells whether.
pub fn pages(model: &mut Model, key: Key) -> bool {
    let screen = isize::try_from(model.size.1.saturating_sub(8).max(1)).unwrap_or(1);
    let lines = match key {
        Key::PageDown | Key::Char(' ') => screen,
        Key::PageUp => -screen,
        _ => return false,
    };
    let here = model.focus == Panel::Log;
    if here {
        by(model, lines);
    }
    here
}

/// The first line.
pub fn first(model: &mut Model) {
    model.log.look_at(0);
}

/// The last line, and every one that comes.
pub fn last(model: &mut Model) {
    model.log.eye = Eye::End;
}

/// Shifts long lines.
pub fn pan(model: &mut Model, steps: isize) {
    let shifted = match model.log.long {
        Long::Wrapped => 0,
        Long::Shifted(cells) => cells,
    };
    model.log.long = Long::Shifted(shifted.saturating_add_signed(steps.saturating_mul(PAN)).min(FARTHEST));
}

/// Wraps long lines, or cuts them.
pub fn wrap(model: &mut Model) {
    model.log.long = if model.log.long == Long::Wrapped { Long::Shifted(0) } else { Long::Wrapped };
}

/// Which way to look for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Towards the end.
    Down,
    /// Towards the beginning.
    Up,
}

/// Goes to the next line that holds what is searched for, else to the next trouble; at the end it begins anew. Tells
/// whether there is one at all.
pub fn next(model: &mut Model, way: Way) -> bool {
    let (Some(log), Some(index)) = (model.log.log(), model.log.index()) else { return false };
    let here = log.lines.get(index).map_or(0, |line| line.number);
    let stops: Vec<u64> = if model.log.search.is_empty() {
        log.troubles().collect()
    } else {
        let found = log.lines.iter().filter(|line| model.log.finds(line.text.as_str()));
        found.map(|line| line.number).collect()
    };
    let to = match way {
        Way::Down => stops.iter().find(|number| **number > here).or_else(|| stops.first()),
        Way::Up => stops.iter().rev().find(|number| **number < here).or_else(|| stops.last()),
    };
    let to = to.copied();
    if let Some(number) = to {
        model.log.eye = Eye::Line(number);
    }
    to.is_some()
}

/// Edits what is searched for.
pub fn search(model: &mut Model, edit: impl FnOnce(&mut String)) {
    edit(&mut model.log.search);
    if model.log.search.chars().count() > LONGEST {
        model.log.search = model.log.search.chars().take(LONGEST).collect();
    }
    let on_it = model.log.index().and_then(|i| model.log.log()?.lines.get(i)).map(|line| line.text.clone());
    if on_it.is_some_and(|text| !model.log.search.is_empty() && !model.log.finds(text.as_str())) {
        next(model, Way::Down);
    }
}

/// Ends the typing of what is searched for; `kept` or forgotten.
pub fn searched(model: &mut Model, kept: bool) {
    if !kept {
        model.log.search.clear();
    }
    model.typing = Typing::Commands;
}

/// What `y` copies: the line that has the eye, else where a browser shows the job.
#[must_use]
pub fn copied(model: &Model) -> Option<SafeText> {
    let line =
        model.log.index().and_then(|index| model.log.log()?.lines.get(index)).map(|line| line.text.clone());
    line.or_else(|| job_of(model, model.log.job.as_ref()?)?.1.url.clone())
}
