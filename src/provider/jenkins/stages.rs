//! The stages of a build, by whichever plugin tells them: Pipeline Graph View, else Stage View (wfapi), else none. Which
//! one there is, is found out once.

use std::sync::atomic::{AtomicU8, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::api::Api;
use super::wire;
use crate::domain::{Fault, Job, RunState, SafeText};

/// Who tells the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    Unasked,
    Graph,
    View,
    Nobody,
}

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Known(AtomicU8);

impl Known {
    pub(super) fn get(&self) -> Teller {
        match self.0.load(Ordering::Relaxed) {
            1 => Teller::Graph,
            2 => Teller::View,
            3 => Teller::Nobody,
            _ => Teller::Unasked,
        }
    }

    fn set(&self, teller: Teller) {
        let number = match teller {
            Teller::Unasked => 0,
            Teller::Graph => 1,
            Teller::View => 2,
            Teller::Nobody => 3,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

/// The stages of a build, in their order.
pub(super) async fn of(api: &Api, known: &Known, build: &str) -> Result<Vec<Job>, Fault> {
    if matches!(known.get(), Teller::Unasked | Teller::Graph) {
        if let Some(tree) = api.get_if_there::<wire::Tree>(&format!("{build}/stages/tree")).await? {
            known.set(Teller::Graph);
            return Ok(in_tree(&tree));
        }
        if known.get() == Teller::Graph {
            // The plugin is there: this build has no stages.
            return Ok(Vec::new());
        }
    }
    if matches!(known.get(), Teller::Unasked | Teller::View) {
        if let Some(told) = api.get_if_there::<wire::Described>(&format!("{build}/wfapi/describe")).await? {
            known.set(Teller::View);
            return Ok(in_description(&told));
        }
        if known.get() == Teller::Unasked {
            known.set(Teller::Nobody);
        }
    }
    Ok(Vec::new())
}

/// The stages as Pipeline Graph View tells them.
pub(super) fn in_tree(tree: &wire::Tree) -> Vec<Job> {
    let mut jobs = Vec::new();
    flat("", &tree.data.stages, 0, &mut jobs);
    jobs
}

/// The stages as Stage View tells them.
pub(super) fn in_description(told: &wire::Described) -> Vec<Job> {
    told.stages.iter().map(described).collect()
}

/// Parallel and nested stages stand behind the one that holds them, with its name in front.
fn flat(above: &str, stages: &[wire::Stage], depth: usize, jobs: &mut Vec<Job>) {
    for stage in stages {
        let name =
            if above.is_empty() { stage.name.to_string() } else { format!("{above} / {}", stage.name) };
        let started = stage.started.and_then(moment);
        let state = graph_state(&stage.state);
        let finished = stage
            .took
            .filter(|_| state.ended())
            .zip(started)
            .and_then(|(took, started)| started.checked_add(SignedDuration::from_millis(took)).ok());
        let id = match &stage.id {
            Value::String(id) => SafeText::new(id),
            other => SafeText::new(&other.to_string()),
        };
        let (name, steps) = (SafeText::new(&name), Vec::new());
        jobs.push(Job { id, name: name.clone(), state, started, finished, steps, url: None });
        if depth < 8 && jobs.len() < 500 {
            flat(name.as_str(), &stage.children, depth + 1, jobs);
        }
    }
}

fn described(stage: &wire::FlatStage) -> Job {
    let started = stage.started.filter(|at| *at > 0).and_then(moment);
    let state = view_state(&stage.status);
    let finished = stage
        .took
        .filter(|_| state.ended())
        .zip(started)
        .and_then(|(took, started)| started.checked_add(SignedDuration::from_millis(took)).ok());
    Job {
        id: stage.id.clone(),
        name: stage.name.clone(),
        state,
        started,
        finished,
        steps: Vec::new(),
        url: None,
    }
}

fn graph_state(word: &SafeText) -> RunState {
    match word.as_str() {
        "queued" => RunState::Queued,
        "running" => RunState::Running,
        "paused" => RunState::WaitingForHuman,
        "success" => RunState::Passed,
        "unstable" => RunState::Warned,
        "failure" => RunState::Failed(word.clone()),
        "aborted" => RunState::Cancelled,
        "skipped" | "not_built" => RunState::Skipped,
        // Neither says how it ended.
        _ => RunState::Unknown(word.clone()),
    }
}

fn view_state(word: &SafeText) -> RunState {
    match word.as_str() {
        "IN_PROGRESS" => RunState::Running,
        "PAUSED_PENDING_INPUT" => RunState::WaitingForHuman,
        "SUCCESS" => RunState::Passed,
        "UNSTABLE" => RunState::Warned,
        "FAILED" => RunState::Failed(word.clone()),
        "ABORTED" => RunState::Cancelled,
        "NOT_EXECUTED" => RunState::Skipped,
        _ => RunState::Unknown(word.clone()),
    }
}

/// The state of a build.
pub(super) fn build_state(build: &wire::Build) -> RunState {
    match (build.result.as_ref().map(SafeText::as_str), build.building) {
        (None, Some(false)) => RunState::Unknown("no result".into()),
        (None, _) => RunState::Running,
        // A build may know its result before it has ended.
        (Some(_), Some(true)) => RunState::Running,
        (Some(word), None) => RunState::Unknown(SafeText::new(&format!("{word}, and perhaps still running"))),
        (Some(word), Some(false)) => result_state(word),
    }
}

fn result_state(word: &str) -> RunState {
    match word {
        "SUCCESS" => RunState::Passed,
        "UNSTABLE" => RunState::Warned,
        "FAILURE" => RunState::Failed("FAILURE".into()),
        "ABORTED" => RunState::Cancelled,
        "NOT_BUILT" => RunState::Skipped,
        other => RunState::Unknown(SafeText::new(other)),
    }
}

pub(super) fn moment(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_but_success_and_unstable_is_success() {
        for word in [
            "queued",
            "running",
            "paused",
            "skipped",
            "not_built",
            "finished",
            "failure",
            "unknown",
            "aborted",
            "new",
        ] {
            assert!(!graph_state(&word.into()).passed(), "{word}");
        }
        for word in
            ["NOT_EXECUTED", "ABORTED", "IN_PROGRESS", "PAUSED_PENDING_INPUT", "FAILED", "success", ""]
        {
            assert!(!view_state(&word.into()).passed(), "{word}");
        }
        for (result, building, passed) in [
            (Some("SUCCESS"), false, true),
            (Some("UNSTABLE"), false, true),
            (Some("SUCCESS"), true, false),
            (None, false, false),
            (Some("FAILURE"), false, false),
            (Some("GREAT"), false, false),
        ] {
            let json = serde_json::json!({"number": 1, "result": result, "building": building});
            assert_eq!(build_state(&serde_json::from_value(json).unwrap()).passed(), passed, "{result:?}");
        }
    }
}
