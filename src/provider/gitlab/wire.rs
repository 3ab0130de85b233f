//! What GitLab's REST API v4 answers. Everything but ids and states may be missing, and every word may be a new one.
//!
//! Source: docs.gitlab.com/api, pages pipelines, jobs, deployments, environments.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::SafeText;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    #[serde(default)]
    pub(super) id: Option<u64>,
    #[serde(default)]
    pub(super) username: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) project_id: Option<u64>,
    #[serde(default)]
    pub(super) sha: Option<SafeText>,
    #[serde(default, rename = "ref")]
    pub(super) reference: Option<SafeText>,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) source: Option<SafeText>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    /// Only in the answer about one pipeline.
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) web_url: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) name: SafeText,
    #[serde(default)]
    pub(super) stage: Option<SafeText>,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) allow_failure: bool,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) finished_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) commit: Option<Commit>,
    #[serde(default)]
    pub(super) pipeline: Option<PipelineOf>,
    #[serde(default)]
    pub(super) web_url: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Commit {
    #[serde(default)]
    pub(super) title: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PipelineOf {
    pub(super) id: u64,
}

/// A job that starts another pipeline.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Bridge {
    #[serde(default)]
    pub(super) downstream_pipeline: Option<Pipeline>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) sha: Option<SafeText>,
    #[serde(default, rename = "ref")]
    pub(super) reference: Option<SafeText>,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) environment: Option<Environment>,
    #[serde(default)]
    pub(super) deployable: Option<Job>,
    #[serde(default)]
    pub(super) user: Option<User>,
    /// Only in the answer about one deployment.
    #[serde(default)]
    pub(super) pending_approval_count: Option<u64>,
    #[serde(default)]
    pub(super) approvals: Vec<Approval>,
    #[serde(default)]
    pub(super) approval_summary: Option<Summary>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Environment {
    pub(super) id: u64,
    pub(super) name: SafeText,
    #[serde(default)]
    pub(super) external_url: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Approval {
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) status: Option<SafeText>,
    #[serde(default)]
    pub(super) comment: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Summary {
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) user_id: Option<u64>,
    #[serde(default)]
    pub(super) group_id: Option<u64>,
    #[serde(default)]
    pub(super) access_level_description: Option<SafeText>,
    #[serde(default)]
    pub(super) required_approvals: u64,
    #[serde(default)]
    pub(super) deployment_approvals: Vec<Approval>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct FreezePeriod {
    #[serde(default)]
    pub(super) freeze_start: Option<SafeText>,
    #[serde(default)]
    pub(super) freeze_end: Option<SafeText>,
    #[serde(default)]
    pub(super) cron_timezone: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TestSummary {
    pub(super) total: TestTotal,
}

/// All of it is told where any is: a count that is missing is not none.
#[derive(Debug, Deserialize)]
pub(super) struct TestTotal {
    pub(super) count: u64,
    pub(super) success: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
    pub(super) error: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct TestReport {
    #[serde(default)]
    pub(super) test_suites: Vec<TestSuite>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TestSuite {
    #[serde(default)]
    pub(super) test_cases: Vec<TestCase>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TestCase {
    #[serde(default)]
    pub(super) status: Option<SafeText>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) classname: Option<SafeText>,
    /// Text, or an object.
    #[serde(default)]
    pub(super) system_output: serde_json::Value,
}

/// A refusal: `message` is a text, a list or an object of lists; `error` is a text.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Complaint {
    #[serde(default)]
    pub(super) message: serde_json::Value,
    #[serde(default)]
    pub(super) error: Option<SafeText>,
}
