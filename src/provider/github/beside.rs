//! What lies beside a run: newer runs of its workflow, and a branch that has moved on.

use super::GitHub;
use super::bindings::Project;
use super::runs::{self, called};
use super::wire;
use crate::domain::{Decision, Fault, Hazard, SafeText, Severity};
use crate::provider::http::query;

impl GitHub {
    /// Whether a run waits for an environment.
    pub(super) async fn waits_for(
        &self,
        project: &Project,
        run: &wire::Run,
        environment: u64,
    ) -> Result<bool, Fault> {
        let path = project.run(run.id, "/pending_deployments");
        let pending = self.api.fresh_if_told::<Vec<wire::Pending>>(&path).await?;
        Ok(pending.is_some_and(|all| all.iter().any(|p| p.environment.id == environment)))
    }

    /// Runs of the same workflow that began after this one, newest first.
    pub(super) async fn newer_runs(
        &self,
        project: &Project,
        run: &wire::Run,
    ) -> Result<Vec<wire::Run>, Fault> {
        let below = match run.workflow_id {
            Some(id) => format!("/actions/workflows/{id}/runs"),
            None => "/actions/runs".to_owned(),
        };
        let path = query(&project.path(&below), &[("exclude_pull_requests", "true"), ("per_page", "30")]);
        let mut runs =
            self.api.fresh_if_told::<wire::Runs>(&path).await?.map_or(Vec::new(), |r| r.workflow_runs);
        let start = |r: &wire::Run| (r.run_started_at.or(r.created_at), r.id);
        runs.retain(|other| {
            other.id != run.id && start(other) > start(run) && runs::workflow(other) == runs::workflow(run)
        });
        runs::newest_first(&mut runs);
        Ok(runs)
    }
}

/// What another, newer run of the workflow means for a decision.
pub(super) fn beside(
    other: &wire::Run,
    same_gate: bool,
    name: &SafeText,
    decision: Decision,
) -> Option<Hazard> {
    let run = called(other);
    let ended_well = other.status == "completed" && other.conclusion.as_ref().is_some_and(|c| c == "success");
    let text = match decision {
        Decision::Approved if same_gate => {
            format!("newer {run} waits for {name}, too: this one ships the older commit")
        }
        Decision::Approved if ended_well => {
            format!("newer {run} has ended well: if it shipped to {name}, this puts an older commit over it")
        }
        Decision::Approved if runs::active(other) => format!("newer {run} of the same workflow is under way"),
        Decision::Rejected if runs::active(other) => format!(
            "{run} is under way, too: rejecting does not free a concurrency lane that it waits for, cancelling does"
        ),
        _ => return None,
    };
    let severity = if decision == Decision::Approved { Severity::Warning } else { Severity::Note };
    Some(Hazard::new(severity, text))
}
