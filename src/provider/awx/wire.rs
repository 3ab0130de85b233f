//! What AWX answers. Everything but ids and states may be missing, and every word may be a new one.
//!
//! Source: github.com/ansible/awx, `awx/api/serializers.py`.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::SafeText;

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) results: Vec<T>,
    #[serde(default)]
    pub(super) next: Option<String>,
}

/// Something that a summary names; empty where it is gone.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) id: Option<u64>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) username: Option<SafeText>,
}

/// The job of a node, in a few words.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobSummary {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    pub(super) status: SafeText,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<SafeText>,
}

impl JobSummary {
    pub(super) fn is_approval(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind == "workflow_approval")
    }
}

/// A workflow job: a run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct WorkflowJob {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) workflow_job_template: Option<u64>,
    #[serde(default)]
    pub(super) created: Option<Timestamp>,
    #[serde(default)]
    pub(super) modified: Option<Timestamp>,
    #[serde(default)]
    pub(super) started: Option<Timestamp>,
    #[serde(default)]
    pub(super) finished: Option<Timestamp>,
    #[serde(default)]
    pub(super) launch_type: Option<SafeText>,
    /// Who or what launched it: a user, a schedule, a webhook.
    #[serde(default)]
    pub(super) launched_by: Option<LaunchedBy>,
    #[serde(default)]
    pub(super) scm_branch: Option<SafeText>,
    /// A JSON document in a text.
    #[serde(default)]
    pub(super) extra_vars: Option<String>,
}

/// Who launched a job; empty where nobody did.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LaunchedBy {
    #[serde(default)]
    pub(super) name: Option<SafeText>,
}

impl WorkflowJob {
    /// The text or number of an extra variable.
    pub(super) fn variable(&self, name: &str) -> Option<SafeText> {
        let all: serde_json::Value = serde_json::from_str(self.extra_vars.as_deref()?).ok()?;
        let text = match all.get(name)? {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return None,
        };
        // What AWX hides is not what it is.
        let hidden = text.is_empty() || text.contains("$encrypted$");
        (!hidden).then(|| SafeText::first_line(&text))
    }
}

/// A node of a workflow job; it has a job once it was its turn.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Node {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) do_not_run: Option<bool>,
    #[serde(default)]
    pub(super) identifier: Option<SafeText>,
    #[serde(default)]
    pub(super) success_nodes: Vec<u64>,
    #[serde(default)]
    pub(super) failure_nodes: Vec<u64>,
    #[serde(default)]
    pub(super) always_nodes: Vec<u64>,
    #[serde(default)]
    pub(super) summary_fields: NodeSummary,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct NodeSummary {
    #[serde(default)]
    pub(super) job: Option<JobSummary>,
    #[serde(default)]
    pub(super) unified_job_template: Option<Named>,
}

impl Node {
    pub(super) fn approval(&self) -> Option<&JobSummary> {
        self.summary_fields.job.as_ref().filter(|job| job.is_approval())
    }

    pub(super) fn leads_to(&self) -> impl Iterator<Item = u64> {
        self.success_nodes.iter().chain(&self.failure_nodes).chain(&self.always_nodes).copied()
    }
}

/// A step that waits, or waited, for somebody's approval.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Approval {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) created: Option<Timestamp>,
    #[serde(default)]
    pub(super) finished: Option<Timestamp>,
    #[serde(default)]
    pub(super) can_approve_or_deny: Option<bool>,
    #[serde(default)]
    pub(super) approval_expiration: Option<Timestamp>,
    #[serde(default)]
    pub(super) timed_out: Option<bool>,
    #[serde(default)]
    pub(super) summary_fields: ApprovalSummary,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ApprovalSummary {
    #[serde(default)]
    pub(super) workflow_job_template: Option<Named>,
    #[serde(default)]
    pub(super) source_workflow_job: Option<Named>,
    #[serde(default)]
    pub(super) approved_or_denied_by: Option<Named>,
}

impl Approval {
    pub(super) fn called(&self) -> SafeText {
        let name = self.name.clone().filter(|name| !name.is_empty());
        name.unwrap_or_else(|| SafeText::new(&format!("approval {}", self.id)))
    }

    /// The workflow job that it holds.
    pub(super) fn run(&self) -> Option<u64> {
        self.summary_fields.source_workflow_job.as_ref()?.id
    }

    pub(super) fn decided_by(&self) -> Option<SafeText> {
        let by = self.summary_fields.approved_or_denied_by.as_ref()?;
        by.username.clone().or_else(|| by.name.clone()).filter(|name| !name.is_empty())
    }
}
