//! Terraform's words in the cockpit's. Only words that are known to mean success do.

use super::wire;
use crate::domain::{RunState, SafeText};

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Somebody must confirm its plan.
    Confirmation,
    /// Somebody must override what a policy or a task found, which is done at Terraform only.
    Override,
}

/// What a run waits for, if for anybody.
pub(super) fn waits(run: &wire::Run) -> Option<Waits> {
    match run.attributes.status.as_str() {
        "policy_override" | "post_plan_awaiting_decision" => Some(Waits::Override),
        word if run.confirmable() && !word_state(run, word).ended() => Some(Waits::Confirmation),
        _ => None,
    }
}

/// The state of a run.
pub(super) fn run_state(run: &wire::Run) -> RunState {
    if waits(run).is_some() {
        return RunState::WaitingForHuman;
    }
    word_state(run, run.attributes.status.as_str())
}

fn word_state(run: &wire::Run, word: &str) -> RunState {
    match word {
        "pending" | "fetching" | "fetching_completed" | "queuing" | "plan_queued" => RunState::Queued,
        "pre_plan_running"
        | "pre_plan_completed"
        | "planning"
        | "planned"
        | "planned_and_saved"
        | "cost_estimating"
        | "cost_estimated"
        | "policy_checking"
        | "policy_checked"
        | "post_plan_running"
        | "post_plan_completed"
        | "confirmed"
        | "queuing_apply"
        | "apply_queued"
        | "pre_apply_running"
        | "pre_apply_completed"
        | "applying" => RunState::Running,
        "applied" => RunState::Passed,
        // A plan that finds nothing to do has nothing to apply; one that was made only to look ships nothing either way.
        "planned_and_finished" => {
            let settled =
                run.attributes.has_changes == Some(false) && run.attributes.plan_only == Some(false);
            if settled { RunState::Passed } else { RunState::Skipped }
        }
        "errored" | "policy_soft_failed" => RunState::Failed(run.attributes.status.clone()),
        "discarded" | "canceled" | "force_canceled" => RunState::Cancelled,
        _ => RunState::Unknown(run.attributes.status.clone()),
    }
}

/// Whether a run's apply was let go: only what comes after a confirmation.
pub(super) fn let_go(run: &wire::Run) -> bool {
    let confirmed = run.relationships.confirmed_by.as_ref().is_some_and(|by| by.data.is_some());
    let word = matches!(
        run.attributes.status.as_str(),
        "confirmed"
            | "queuing_apply"
            | "apply_queued"
            | "pre_apply_running"
            | "pre_apply_completed"
            | "applying"
            | "applied"
    );
    confirmed || word || run.at("confirmed-at").is_some()
}

/// The state of a plan, an apply or a cost estimate; none where it was not told.
pub(super) fn part_state(status: Option<&SafeText>) -> RunState {
    let Some(status) = status else { return RunState::Unknown("not told".into()) };
    match status.as_str() {
        "pending" | "queued" | "managed_queued" => RunState::Queued,
        "running" => RunState::Running,
        "finished" => RunState::Passed,
        "errored" => RunState::Failed(status.clone()),
        "canceled" => RunState::Cancelled,
        "unreachable" | "skipped_due_to_targeting" => RunState::Skipped,
        _ => RunState::Unknown(status.clone()),
    }
}

/// The state of a run's policy checks, by what the run itself says of them.
pub(super) fn policy_state(run: &wire::Run) -> RunState {
    match run.attributes.status.as_str() {
        "policy_override" | "policy_soft_failed" => RunState::Failed("soft failed".into()),
        "policy_checking" => RunState::Running,
        _ if run.at("policy-checked-at").is_some() => RunState::Passed,
        _ if run.at("policy-soft-failed-at").is_some() => RunState::Failed("soft failed".into()),
        word if word_state(run, word).ended() => RunState::Unknown("not told".into()),
        _ => RunState::Queued,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(status: &str, confirmable: bool) -> wire::Run {
        let text = format!(
            r#"{{"id":"run-1","attributes":{{"status":"{status}","actions":{{"is-confirmable":{confirmable}}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn no_word_but_applied_is_success() {
        for word in [
            "pending",
            "fetching",
            "fetching_completed",
            "pre_plan_running",
            "pre_plan_completed",
            "queuing",
            "plan_queued",
            "planning",
            "planned",
            "cost_estimating",
            "cost_estimated",
            "policy_checking",
            "policy_override",
            "policy_soft_failed",
            "policy_checked",
            "confirmed",
            "post_plan_running",
            "post_plan_completed",
            "planned_and_finished",
            "planned_and_saved",
            "apply_queued",
            "applying",
            "discarded",
            "errored",
            "canceled",
            "force_canceled",
            "post_plan_awaiting_decision",
            "brand_new",
            "",
        ] {
            assert!(!run_state(&run(word, false)).passed(), "{word}");
            assert!(!run_state(&run(word, true)).passed(), "{word}");
        }
        assert!(run_state(&run("applied", false)).passed());
    }

    #[test]
    fn what_can_be_confirmed_waits_unless_it_is_over() {
        for word in [
            "planned",
            "cost_estimated",
            "policy_checked",
            "post_plan_completed",
            "planned_and_saved",
            "new_word",
        ] {
            assert_eq!(waits(&run(word, true)), Some(Waits::Confirmation), "{word}");
            assert_eq!(waits(&run(word, false)), None, "{word}");
        }
        for word in ["applied", "discarded", "errored", "canceled", "planned_and_finished"] {
            assert_eq!(waits(&run(word, true)), None, "{word}");
        }
        assert_eq!(waits(&run("policy_override", false)), Some(Waits::Override));
    }
}
