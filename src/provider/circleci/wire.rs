//! What CircleCI's API v2 answers. Everything but ids and states may be missing, and every word may be a new one.
//!
//! Source: circleci.com/docs/api/v2.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::SafeText;

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    #[serde(default)]
    pub(super) next_page_token: Option<String>,
}

/// A pipeline. It never says whether anything passed: its workflows do.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pipeline {
    pub(super) id: SafeText,
    pub(super) number: u64,
    #[serde(default)]
    pub(super) state: Option<SafeText>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) trigger: Option<Trigger>,
    /// Missing where a GitHub App or a trigger definition started it.
    #[serde(default)]
    pub(super) vcs: Option<Vcs>,
    #[serde(default)]
    pub(super) trigger_parameters: Option<TriggerParameters>,
    #[serde(default)]
    pub(super) errors: Vec<PipelineError>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Trigger {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<SafeText>,
    #[serde(default)]
    pub(super) actor: Option<Actor>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Actor {
    #[serde(default)]
    pub(super) login: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Vcs {
    #[serde(default)]
    pub(super) revision: Option<SafeText>,
    #[serde(default)]
    pub(super) branch: Option<SafeText>,
    #[serde(default)]
    pub(super) tag: Option<SafeText>,
    #[serde(default)]
    pub(super) commit: Option<Commit>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Commit {
    #[serde(default)]
    pub(super) subject: Option<SafeText>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct TriggerParameters {
    #[serde(default)]
    pub(super) git: Option<Git>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Git {
    #[serde(default)]
    pub(super) branch: Option<SafeText>,
    #[serde(default)]
    pub(super) tag: Option<SafeText>,
    #[serde(default)]
    pub(super) checkout_sha: Option<SafeText>,
    #[serde(default)]
    pub(super) commit_title: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PipelineError {
    #[serde(default)]
    pub(super) message: Option<SafeText>,
}

/// A workflow of a pipeline.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) id: SafeText,
    pub(super) name: SafeText,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) pipeline_number: Option<u64>,
    #[serde(default)]
    pub(super) project_slug: Option<SafeText>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) stopped_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) canceled_by: Option<SafeText>,
}

/// A job of a workflow.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: SafeText,
    pub(super) name: SafeText,
    pub(super) status: SafeText,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<SafeText>,
    #[serde(default)]
    pub(super) approval_request_id: Option<SafeText>,
    #[serde(default)]
    pub(super) dependencies: Vec<SafeText>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) stopped_at: Option<Timestamp>,
    /// Missing of approvals and of what has not begun.
    #[serde(default)]
    pub(super) job_number: Option<u64>,
    #[serde(default)]
    pub(super) approved_by: Option<SafeText>,
    #[serde(default)]
    pub(super) canceled_by: Option<SafeText>,
}

impl Job {
    pub(super) fn is_approval(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind == "approval")
    }
}

/// Somebody.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    #[serde(default)]
    pub(super) login: Option<SafeText>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
}

/// What a rerun answers.
#[derive(Debug, Deserialize)]
pub(super) struct Rerun {
    pub(super) workflow_id: SafeText,
}

/// What a trigger answers.
#[derive(Debug, Deserialize)]
pub(super) struct Triggered {
    #[serde(default)]
    pub(super) number: Option<u64>,
}

/// A refusal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Complaint {
    #[serde(default)]
    pub(super) message: Option<SafeText>,
}

/// A test that a job stored the result of.
#[derive(Debug, Deserialize)]
pub(super) struct Test {
    #[serde(default)]
    pub(super) result: Option<SafeText>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) classname: Option<SafeText>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

/// A job as API v1.1 tells it, which knows where its output is.
#[derive(Debug, Deserialize)]
pub(super) struct Outputs {
    #[serde(default)]
    pub(super) steps: Vec<OutputStep>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OutputStep {
    #[serde(default)]
    pub(super) actions: Vec<OutputAction>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OutputAction {
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) status: Option<SafeText>,
    /// Signed for minutes; null where nothing was written.
    #[serde(default)]
    pub(super) output_url: Option<String>,
}

/// A piece of output.
#[derive(Debug, Deserialize)]
pub(super) struct Output {
    #[serde(default)]
    pub(super) message: String,
}
