//! GitLab's words in the cockpit's, the order of stages, and attempts. Only words that are known to mean success do.

use std::collections::BTreeMap;

use super::wire;
use crate::domain::{RunState, SafeText};

/// The state of a pipeline or a job: they share their words.
pub(super) fn state(status: &SafeText) -> RunState {
    match status.as_str() {
        "created" | "preparing" | "pending" | "waiting_for_callback" => RunState::Queued,
        "waiting_for_resource" => RunState::Blocked,
        "running" | "canceling" => RunState::Running,
        "manual" => RunState::WaitingForHuman,
        "scheduled" => RunState::WaitingForTimer,
        "success" => RunState::Passed,
        "failed" => RunState::Failed(status.clone()),
        "canceled" => RunState::Cancelled,
        "skipped" => RunState::Skipped,
        _ => RunState::Unknown(status.clone()),
    }
}

/// The state of a pipeline, by its jobs where they are known: one that passed with a failure that is allowed warns.
pub(super) fn pipeline_state(pipeline: &wire::Pipeline, jobs: &[wire::Job]) -> RunState {
    let state = state(&pipeline.status);
    // A pipeline that passed allowed its failures, also where that is not told.
    let allowed = jobs.iter().any(|job| job.status == "failed");
    if state == RunState::Passed && allowed { RunState::Warned } else { state }
}

/// The newest try of every job, in the order of the stages. The API tells no order: it is that of the first job of each
/// stage, and a try that came later must not move its stage.
pub(super) fn in_order(all: &[wire::Job]) -> Vec<wire::Job> {
    let mut stages: BTreeMap<&str, u64> = BTreeMap::new();
    let mut newest: BTreeMap<&str, &wire::Job> = BTreeMap::new();
    let mut firsts: BTreeMap<&str, u64> = BTreeMap::new();
    for job in all {
        let stage = stages.entry(stage(job)).or_insert(job.id);
        *stage = (*stage).min(job.id);
        let first = firsts.entry(job.name.as_str()).or_insert(job.id);
        *first = (*first).min(job.id);
        let known = newest.entry(job.name.as_str()).or_insert(job);
        if job.id > known.id {
            *known = job;
        }
    }
    let mut jobs: Vec<wire::Job> = newest.into_values().cloned().collect();
    jobs.sort_by_key(|job| (stages.get(stage(job)).copied(), firsts.get(job.name.as_str()).copied(), job.id));
    jobs
}

fn stage(job: &wire::Job) -> &str {
    job.stage.as_ref().map_or("", SafeText::as_str)
}

/// Which try of a pipeline this is: a retry keeps its id, and gives new jobs beside the old ones.
pub(super) fn attempt(all: &[wire::Job]) -> u64 {
    let mut tries: BTreeMap<&str, u64> = BTreeMap::new();
    for job in all {
        let count = tries.entry(job.name.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    tries.into_values().max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u64, name: &str, stage: &str, status: &str) -> wire::Job {
        serde_json::from_value(serde_json::json!({"id": id, "name": name, "stage": stage, "status": status}))
            .unwrap()
    }

    #[test]
    fn no_word_but_success_is_success() {
        for word in [
            "created",
            "waiting_for_resource",
            "preparing",
            "waiting_for_callback",
            "pending",
            "running",
            "failed",
            "canceling",
            "canceled",
            "skipped",
            "manual",
            "scheduled",
            "brand-new",
            "",
        ] {
            assert!(!state(&word.into()).passed(), "{word}");
        }
        assert!(state(&"success".into()).passed());
    }

    #[test]
    fn stages_stand_in_the_order_of_their_first_jobs_and_a_retry_moves_nothing() {
        // As the API sends them: newest first. The build was retried after everything else had run.
        let all = [
            job(9, "build", "build", "success"),
            job(4, "deploy", "deploy", "manual"),
            job(3, "e2e", "test", "success"),
            job(2, "unit", "test", "success"),
            job(1, "build", "build", "failed"),
        ];
        let names: Vec<_> = in_order(&all).into_iter().map(|j| (j.name.to_string(), j.id)).collect();
        let expected = [("build", 9), ("unit", 2), ("e2e", 3), ("deploy", 4)];
        assert_eq!(names, expected.map(|(name, id)| (name.to_owned(), id)));
        assert_eq!(attempt(&all), 2);
        assert_eq!(attempt(&all[1..4]), 1);
    }

    #[test]
    fn a_pass_with_an_allowed_failure_warns() {
        let pipeline: wire::Pipeline =
            serde_json::from_value(serde_json::json!({"id": 1, "status": "success"})).unwrap();
        let jobs = [job(1, "lint", "test", "failed"), job(2, "unit", "test", "success")];
        assert_eq!(pipeline_state(&pipeline, &jobs), RunState::Warned);
        assert_eq!(pipeline_state(&pipeline, &jobs[1..]), RunState::Passed);
    }
}
