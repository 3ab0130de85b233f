//! GitHub's JSON as it comes over the wire (REST API, version 2022-11-28).
//!
//! Knows field names only. Every field but ids, states and commit ids may be missing; every word from an open
//! list stays text here and is understood in [`super::runs`]. Source: docs.github.com/rest.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::domain::{SafeText, Sha};

/// A commit id: 40 or 64 hex digits. Anything else is an unreadable answer, not an empty id that equals another.
pub(super) fn commit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha, D::Error> {
    let text = String::deserialize(deserializer)?;
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex && matches!(text.len(), 40 | 64) {
        Ok(Sha::new(&text))
    } else {
        Err(serde::de::Error::custom("not a full commit id"))
    }
}

/// `null` where a list is documented is an empty list.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// `GET /user`, and every other mention of an account.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    #[serde(default)]
    pub(super) login: Option<SafeText>,
    /// `User` or `Bot`.
    #[serde(rename = "type", default)]
    pub(super) kind: Option<SafeText>,
}

/// `GET ../commits/{ref}`: accounts where GitHub knows them by the addresses in the commit.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Commit {
    #[serde(default)]
    pub(super) author: Option<User>,
    #[serde(default)]
    pub(super) committer: Option<User>,
    #[serde(default)]
    pub(super) commit: Option<CommitText>,
}

/// What git itself knows of a commit.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CommitText {
    #[serde(default)]
    pub(super) author: Option<Signature>,
    #[serde(default)]
    pub(super) committer: Option<Signature>,
}

/// Who signed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Signature {
    #[serde(default)]
    pub(super) email: Option<SafeText>,
}

/// `GET ../actions/runs`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Runs {
    pub(super) workflow_runs: Vec<Run>,
}

/// `GET ../actions/runs/{id}`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) status: SafeText,
    #[serde(deserialize_with = "commit")]
    pub(super) head_sha: Sha,
    #[serde(default)]
    pub(super) conclusion: Option<SafeText>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) head_branch: Option<SafeText>,
    #[serde(default)]
    pub(super) path: Option<SafeText>,
    #[serde(default)]
    pub(super) display_title: Option<SafeText>,
    #[serde(default)]
    pub(super) run_number: Option<u64>,
    #[serde(default)]
    pub(super) run_attempt: Option<u64>,
    #[serde(default)]
    pub(super) event: Option<SafeText>,
    #[serde(default)]
    pub(super) workflow_id: Option<u64>,
    #[serde(default)]
    pub(super) html_url: Option<SafeText>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) run_started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) actor: Option<User>,
    #[serde(default)]
    pub(super) triggering_actor: Option<User>,
    /// Where the code comes from: another repository than the run's for a fork's pull request.
    #[serde(default)]
    pub(super) head_repository: Option<RepositoryName>,
}

/// A repository as a run names it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RepositoryName {
    #[serde(default)]
    pub(super) full_name: Option<SafeText>,
}

/// `GET ../actions/runs/{id}/concurrency_groups`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RunGroups {
    pub(super) concurrency_groups: Vec<Group>,
}

/// `GET ../actions/concurrency_groups/{name}`, and one entry of [`RunGroups`].
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Group {
    pub(super) group_name: SafeText,
    #[serde(default, deserialize_with = "list")]
    pub(super) group_members: Vec<GroupMember>,
}

/// A run, or a job of one, in a concurrency group.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct GroupMember {
    pub(super) run_id: u64,
    /// `in_progress` holds the group, `pending` stands behind.
    pub(super) status: SafeText,
}

/// `GET ../actions/runs/{id}/jobs`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Jobs {
    #[serde(default)]
    pub(super) total_count: Option<u64>,
    pub(super) jobs: Vec<Job>,
}

/// One job.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) name: SafeText,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) conclusion: Option<SafeText>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) completed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) html_url: Option<SafeText>,
    #[serde(default, deserialize_with = "list")]
    pub(super) steps: Vec<Step>,
}

/// One step of a job.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Step {
    pub(super) name: SafeText,
    pub(super) status: SafeText,
    #[serde(default)]
    pub(super) conclusion: Option<SafeText>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
}

/// `GET ../actions/runs/{id}/artifacts`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Artifacts {
    #[serde(default)]
    pub(super) total_count: Option<u64>,
    pub(super) artifacts: Vec<Artifact>,
}

/// One artifact.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Artifact {
    pub(super) id: u64,
    pub(super) name: SafeText,
    #[serde(default)]
    pub(super) size_in_bytes: Option<u64>,
    #[serde(default)]
    pub(super) expired: Option<bool>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    /// `sha256:` and the sum; since version 4 of the action that uploads.
    #[serde(default)]
    pub(super) digest: Option<SafeText>,
    #[serde(default)]
    pub(super) workflow_run: Option<ArtifactRun>,
}

/// The run of an artifact.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ArtifactRun {
    #[serde(default)]
    pub(super) head_sha: Option<SafeText>,
}

/// One entry of `GET ../actions/runs/{id}/pending_deployments`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pending {
    pub(super) environment: PendingEnvironment,
    /// Minutes.
    #[serde(default)]
    pub(super) wait_timer: Option<u64>,
    #[serde(default)]
    pub(super) wait_timer_started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) current_user_can_approve: Option<bool>,
    /// None when the answer does not say, which is not the same as nobody.
    #[serde(default)]
    pub(super) reviewers: Option<Vec<Reviewer>>,
}

/// The environment that a run waits for.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PendingEnvironment {
    pub(super) id: u64,
    pub(super) name: SafeText,
}

/// Who may review.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Reviewer {
    #[serde(rename = "type", default)]
    pub(super) kind: Option<SafeText>,
    #[serde(default)]
    pub(super) reviewer: Option<ReviewerName>,
}

/// A user (`login`) or a team (`slug`, `name`).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ReviewerName {
    #[serde(default)]
    pub(super) login: Option<SafeText>,
    #[serde(default)]
    pub(super) slug: Option<SafeText>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    /// Of a user: `User` or `Bot`.
    #[serde(rename = "type", default)]
    pub(super) account: Option<SafeText>,
}

/// One entry of `GET ../actions/runs/{id}/approvals`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Approval {
    pub(super) state: SafeText,
    #[serde(default)]
    pub(super) comment: Option<SafeText>,
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default, deserialize_with = "list")]
    pub(super) environments: Vec<ApprovalEnvironment>,
}

/// An environment that a review was about.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ApprovalEnvironment {
    #[serde(default)]
    pub(super) id: Option<u64>,
    pub(super) name: SafeText,
}

/// One entry of `GET ../deployments`. Its state is not in it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: u64,
    #[serde(deserialize_with = "commit")]
    pub(super) sha: Sha,
    #[serde(rename = "ref", default)]
    pub(super) reference: Option<SafeText>,
    #[serde(default)]
    pub(super) environment: Option<SafeText>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
}

/// One entry of `GET ../deployments/{id}/statuses`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DeploymentStatus {
    pub(super) state: SafeText,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) environment_url: Option<SafeText>,
    #[serde(default)]
    pub(super) log_url: Option<SafeText>,
}

/// `GET ../environments/{name}`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct EnvironmentRules {
    #[serde(default)]
    pub(super) can_admins_bypass: Option<bool>,
    #[serde(default, deserialize_with = "list")]
    pub(super) protection_rules: Vec<Rule>,
}

/// One protection rule.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) prevent_self_review: Option<bool>,
}

/// `GET ../environments/{name}/deployment_protection_rules`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CustomRules {
    #[serde(default, deserialize_with = "list")]
    pub(super) custom_deployment_protection_rules: Vec<CustomRule>,
}

/// A rule that an App decides.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CustomRule {
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    #[serde(default)]
    pub(super) app: Option<App>,
}

/// An App.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct App {
    #[serde(default)]
    pub(super) slug: Option<SafeText>,
}

/// `GET ../git/ref/{ref}`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct GitRef {
    pub(super) object: GitObject,
}

/// What a ref names: a commit, or an annotated tag that names one.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct GitObject {
    #[serde(deserialize_with = "commit")]
    pub(super) sha: Sha,
    #[serde(rename = "type", default)]
    pub(super) kind: Option<SafeText>,
}

/// `GET /repos/{owner}/{repo}`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Repo {
    #[serde(default)]
    pub(super) default_branch: Option<SafeText>,
}

/// `GET ../actions/workflows/{file or id}`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) path: Option<SafeText>,
    #[serde(default)]
    pub(super) state: Option<SafeText>,
}

/// What a dispatch answers when it tells the new run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dispatched {
    pub(super) workflow_run_id: u64,
}

/// GitHub's words about what is wrong.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Complaint {
    #[serde(default)]
    pub(super) message: Option<SafeText>,
    #[serde(default, deserialize_with = "list")]
    pub(super) errors: Vec<serde_json::Value>,
}
