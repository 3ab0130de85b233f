//! Runs, jobs and steps in the cockpit's words.
//!
//! Only words that are known to mean success do. Source: docs.github.com/actions, workflow run statuses.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::bindings::file;
use super::wire;
use crate::domain::pipeline::JobStep;
use crate::domain::{Job, Run, RunKey, RunState, SafeText};

/// What holds a run, or a job of it, whose status is `waiting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// A human is asked.
    Human,
    /// Only a timer runs.
    Timer,
    /// Something that nobody can press here: another system, or a rule that is still being settled.
    Other,
}

/// A run's, job's or step's state.
pub(super) fn state(status: &SafeText, conclusion: Option<&SafeText>, held: Held) -> RunState {
    match status.as_str() {
        "completed" => concluded(conclusion),
        "queued" | "requested" => RunState::Queued,
        "pending" => RunState::Blocked,
        "in_progress" => RunState::Running,
        "waiting" => match held {
            Held::Human => RunState::WaitingForHuman,
            Held::Timer => RunState::WaitingForTimer,
            Held::Other => RunState::Blocked,
        },
        _ => RunState::Unknown(status.clone()),
    }
}

fn concluded(conclusion: Option<&SafeText>) -> RunState {
    let Some(word) = conclusion else {
        return RunState::Unknown(SafeText::new("completed without a conclusion"));
    };
    match word.as_str() {
        "success" | "neutral" => RunState::Passed,
        "failure" | "timed_out" | "startup_failure" | "stale" => RunState::Failed(word.clone()),
        "cancelled" => RunState::Cancelled,
        "skipped" => RunState::Skipped,
        // A fork's run that a maintainer must let start.
        "action_required" => RunState::WaitingForHuman,
        _ => RunState::Unknown(word.clone()),
    }
}

/// Whether GitHub still does something about a run.
pub(super) fn active(run: &wire::Run) -> bool {
    run.status != "completed"
}

/// A run's attempt, from 1.
pub(super) fn attempt(run: &wire::Run) -> u64 {
    run.run_attempt.unwrap_or(1).max(1)
}

/// Newest first: by the start of the attempt, not by the creation of the run.
pub(super) fn newest_first(runs: &mut [wire::Run]) {
    runs.sort_by_key(|run| Reverse((run.run_started_at.or(run.created_at), run.id)));
}

/// What people call a run's workflow: its file, else its name.
pub(super) fn workflow(run: &wire::Run) -> SafeText {
    let by_file = run.path.as_ref().map(|p| file(p.as_str())).filter(|f| !f.is_empty()).map(SafeText::new);
    by_file.or_else(|| run.name.clone()).unwrap_or_default()
}

/// Who asked for this attempt.
pub(super) fn asked_by(run: &wire::Run) -> Option<SafeText> {
    [&run.triggering_actor, &run.actor].into_iter().flatten().find_map(|user| user.login.clone())
}

/// When a run last moved: `, last moved at 2026-11-20 14:02:11 UTC`; nothing if it is not told.
pub(super) fn moved(run: &wire::Run) -> String {
    run.updated_at.map(|at| format!(", last moved at {}", dated(at))).unwrap_or_default()
}

/// Who ran a run again, and when: `, attempt 2 by omar at ...`; nothing for a first attempt.
pub(super) fn started_again(run: &wire::Run) -> String {
    if attempt(run) < 2 {
        return String::new();
    }
    let by = asked_by(run).unwrap_or_else(|| "somebody".into());
    let at = run.run_started_at.map(|at| format!(" at {}", dated(at))).unwrap_or_default();
    format!(", attempt {} by {by}{at}", attempt(run))
}

fn dated(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `#66 Release 2.8.0`, for sentences.
pub(super) fn called(run: &wire::Run) -> String {
    match run.run_number {
        Some(number) => format!("run #{number}"),
        None => format!("run {}", run.id),
    }
}

/// Which links may be shown.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// Where browsers go, if not where GitHub says.
    pub(super) web: Option<String>,
    /// Whether the source itself is on this machine.
    pub(super) loopback: bool,
}

impl Links {
    /// A link that a browser may follow: https, or this machine when the source is there, too.
    pub(super) fn safe(&self, raw: Option<&SafeText>) -> Option<SafeText> {
        let raw = raw?.as_str();
        let (scheme, rest) = raw.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let fine = match scheme {
            "https" => true,
            "http" => self.loopback && loopback(host),
            _ => false,
        };
        if !fine || host.is_empty() || host.contains('@') {
            return None;
        }
        Some(match &self.web {
            Some(web) => SafeText::new(&format!(
                "{}{}",
                web.trim_end_matches('/'),
                rest.get(host.len()..).unwrap_or_default()
            )),
            None => SafeText::new(raw),
        })
    }
}

/// Whether `host[:port]` is this machine.
pub(super) fn loopback(host: &str) -> bool {
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A run in the cockpit's words, without jobs and reviews.
pub(super) fn run(wire: &wire::Run, key: RunKey, held: Held, links: &Links) -> Run {
    Run {
        key,
        number: wire.run_number.unwrap_or_default(),
        attempt: attempt(wire),
        workflow: workflow(wire),
        title: title(wire),
        revision: wire.head_sha.clone(),
        branch: wire.head_branch.clone().filter(|b| !b.is_empty()),
        event: wire.event.clone().unwrap_or_default(),
        actor: asked_by(wire),
        state: state(&wire.status, wire.conclusion.as_ref(), held),
        started: wire.run_started_at.or(wire.created_at),
        updated: wire.updated_at,
        url: links.safe(wire.html_url.as_ref()),
        jobs: Vec::new(),
        reviews: Vec::new(),
        tests: None,
    }
}

/// What people call a run.
pub(super) fn title(wire: &wire::Run) -> SafeText {
    wire.display_title.clone().or_else(|| wire.name.clone()).unwrap_or_default()
}

/// Jobs in the cockpit's words, in the order they began.
pub(super) fn jobs(wire: &[wire::Job], held: Held, links: &Links) -> Vec<Job> {
    let mut wire: Vec<&wire::Job> = wire.iter().collect();
    wire.sort_by_key(|job| (job.started_at.or(job.created_at).is_none(), job.started_at.or(job.created_at)));
    wire.into_iter().map(|wire| job(wire, held, links)).collect()
}

fn job(wire: &wire::Job, held: Held, links: &Links) -> Job {
    let state = state(&wire.status, wire.conclusion.as_ref(), held);
    let began = !matches!(
        state,
        RunState::Queued | RunState::Blocked | RunState::WaitingForHuman | RunState::WaitingForTimer
    );
    Job {
        id: SafeText::new(&wire.id.to_string()),
        name: wire.name.clone(),
        // GitHub gives jobs that wait a start, too: the moment they were created.
        started: wire.started_at.filter(|_| began),
        finished: wire.completed_at.filter(|_| wire.status == "completed"),
        steps: wire.steps.iter().map(step).collect(),
        url: links.safe(wire.html_url.as_ref()),
        state,
    }
}

fn step(wire: &wire::Step) -> JobStep {
    let state = match wire.status.as_str() {
        "pending" => RunState::Queued,
        _ => state(&wire.status, wire.conclusion.as_ref(), Held::Other),
    };
    JobStep { name: wire.name.clone(), state, started: wire.started_at }
}
