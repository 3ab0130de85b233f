//! CircleCI's words in the cockpit's, and the order of jobs. Only words that are known to mean success do.

use std::collections::BTreeMap;

use super::wire;
use crate::domain::{RunState, SafeText};

/// The state of a workflow.
pub(super) fn workflow_state(status: &SafeText) -> RunState {
    match status.as_str() {
        "success" => RunState::Passed,
        "running" | "failing" => RunState::Running,
        "on_hold" => RunState::WaitingForHuman,
        "queued" => RunState::Queued,
        "failed" | "error" | "unauthorized" => RunState::Failed(status.clone()),
        "canceled" => RunState::Cancelled,
        "not_run" => RunState::Skipped,
        _ => RunState::Unknown(status.clone()),
    }
}

/// The state of a job.
pub(super) fn job_state(job: &wire::Job) -> RunState {
    match job.status.as_str() {
        "success" => RunState::Passed,
        "running" => RunState::Running,
        "on_hold" if job.is_approval() => RunState::WaitingForHuman,
        // An approval that is not reached yet is `blocked`, like every job whose needs have not passed.
        "queued" | "not_running" | "blocked" | "on_hold" => RunState::Queued,
        "failed" | "timedout" | "infrastructure_fail" | "terminated-unknown" | "unauthorized" => {
            RunState::Failed(job.status.clone())
        }
        "canceled" | "retried" => RunState::Cancelled,
        "not_run" => RunState::Skipped,
        _ => RunState::Unknown(job.status.clone()),
    }
}

/// Puts jobs behind those that they need; side by side, those that began first come first.
pub(super) fn in_order(jobs: &mut [wire::Job]) {
    let mut depths: BTreeMap<SafeText, usize> = BTreeMap::new();
    // As many rounds as there are jobs are enough for the longest chain; a circle ends as well.
    for _ in 0..jobs.len() {
        let mut moved = false;
        for job in jobs.iter() {
            let needs = job.dependencies.iter().filter_map(|id| depths.get(id));
            let depth = needs.max().map_or(0, |deepest| deepest.saturating_add(1)).min(jobs.len());
            moved |= depths.insert(job.id.clone(), depth) != Some(depth);
        }
        if !moved {
            break;
        }
    }
    jobs.sort_by_key(|job| {
        let depth = depths.get(&job.id).copied().unwrap_or_default();
        (depth, job.started_at.is_none(), job.started_at, job.job_number)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_but_success_is_success() {
        for word in [
            "running",
            "failing",
            "on_hold",
            "queued",
            "failed",
            "error",
            "unauthorized",
            "canceled",
            "not_run",
            "retried",
            "timedout",
            "brand-new",
            "",
        ] {
            assert!(!workflow_state(&word.into()).passed(), "{word}");
            let job = format!(r#"{{"id":"1","name":"a","status":"{word}"}}"#);
            assert!(!job_state(&serde_json::from_str(&job).unwrap()).passed(), "{word}");
        }
        assert!(workflow_state(&"success".into()).passed());
    }

    #[test]
    fn jobs_stand_behind_what_they_need_even_in_a_circle() {
        let job = |id: &str, needs: &[&str]| -> wire::Job {
            let needs: Vec<String> = needs.iter().map(|n| format!("{n:?}")).collect();
            let text = format!(
                r#"{{"id":"{id}","name":"{id}","status":"blocked","dependencies":[{}]}}"#,
                needs.join(",")
            );
            serde_json::from_str(&text).unwrap()
        };
        let names = |jobs: &[wire::Job]| jobs.iter().map(|job| job.id.to_string()).collect::<Vec<_>>();
        let mut jobs = vec![job("c", &["b"]), job("b", &["a"]), job("a", &[])];
        in_order(&mut jobs);
        assert_eq!(names(&jobs), ["a", "b", "c"]);
        let mut circle = vec![job("x", &["y"]), job("y", &["x"])];
        in_order(&mut circle);
        assert_eq!(circle.len(), 2);
    }
}
