//! What Jenkins and its pipeline plugins answer. Everything may be missing; `actions` holds empty objects.
//!
//! Source: jenkins.io/doc/book/using/remote-access-api; the plugins workflow-api, pipeline-input-step,
//! pipeline-stage-view (wfapi), pipeline-graph-view, junit.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::SafeText;

/// A job, or a folder of them (a multibranch project).
#[derive(Debug, Default, Deserialize)]
pub(super) struct Job {
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default, rename = "inQueue")]
    pub(super) in_queue: bool,
    #[serde(default, rename = "queueItem")]
    pub(super) queue_item: Option<QueueItem>,
    /// Present of what has builds.
    #[serde(default)]
    pub(super) builds: Option<Vec<Build>>,
    /// Present of folders.
    #[serde(default)]
    pub(super) jobs: Option<Vec<Job>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct QueueItem {
    #[serde(default)]
    pub(super) why: Option<SafeText>,
}

/// A build.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Build {
    pub(super) number: u64,
    #[serde(default)]
    pub(super) url: Option<SafeText>,
    /// Null while it runs.
    #[serde(default)]
    pub(super) result: Option<SafeText>,
    #[serde(default)]
    pub(super) building: Option<bool>,
    /// Milliseconds.
    #[serde(default)]
    pub(super) timestamp: i64,
    /// Milliseconds; 0 while it runs.
    #[serde(default)]
    pub(super) duration: i64,
    #[serde(default, rename = "displayName")]
    pub(super) display_name: Option<SafeText>,
    #[serde(default)]
    pub(super) actions: Vec<Option<Action>>,
}

/// What plugins add to a build.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Action {
    #[serde(default, rename = "_class")]
    pub(super) class: Option<String>,
    #[serde(default, rename = "lastBuiltRevision")]
    pub(super) revision: Option<Revision>,
    #[serde(default, rename = "remoteUrls")]
    pub(super) remotes: Vec<SafeText>,
    #[serde(default)]
    pub(super) causes: Vec<Option<Cause>>,
    /// Of the input step.
    #[serde(default)]
    pub(super) executions: Option<Vec<Execution>>,
}

impl Action {
    /// Whether it is the input step's.
    pub(super) fn is_input(&self) -> bool {
        self.class.as_deref().is_some_and(|class| class.ends_with(".InputAction"))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Revision {
    #[serde(default, rename = "SHA1")]
    pub(super) sha: Option<SafeText>,
    #[serde(default)]
    pub(super) branch: Vec<Branch>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    pub(super) name: Option<SafeText>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Cause {
    #[serde(default, rename = "shortDescription")]
    pub(super) text: Option<SafeText>,
    #[serde(default, rename = "userId")]
    pub(super) user: Option<SafeText>,
}

/// A step that waits for input, or has been given it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Execution {
    #[serde(default)]
    pub(super) id: Option<SafeText>,
    #[serde(default)]
    pub(super) settled: Option<bool>,
    #[serde(default)]
    pub(super) input: Option<Input>,
}

/// What is asked.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Input {
    #[serde(default)]
    pub(super) id: Option<SafeText>,
    #[serde(default)]
    pub(super) message: Option<SafeText>,
    /// User ids and groups, with commas.
    #[serde(default)]
    pub(super) submitter: Option<SafeText>,
    #[serde(default)]
    pub(super) parameters: Option<Vec<Parameter>>,
}

/// A value that is asked for.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Parameter {
    pub(super) name: SafeText,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<SafeText>,
    #[serde(default)]
    pub(super) description: Option<SafeText>,
    #[serde(default)]
    pub(super) choices: Option<Vec<SafeText>>,
    #[serde(default, rename = "defaultParameterValue")]
    pub(super) default: Option<DefaultValue>,
    /// The same, as wfapi tells it.
    #[serde(default)]
    pub(super) definition: Option<Definition>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DefaultValue {
    #[serde(default)]
    pub(super) value: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Definition {
    #[serde(default, rename = "defaultVal")]
    pub(super) default: Value,
    #[serde(default)]
    pub(super) choices: Option<Vec<SafeText>>,
}

/// An entry of `wfapi/pendingInputActions`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PendingInput {
    pub(super) id: SafeText,
    #[serde(default)]
    pub(super) message: Option<SafeText>,
    #[serde(default)]
    pub(super) inputs: Option<Vec<Parameter>>,
}

/// `stages/tree` of Pipeline Graph View.
#[derive(Debug, Deserialize)]
pub(super) struct Tree {
    pub(super) data: TreeData,
}

#[derive(Debug, Deserialize)]
pub(super) struct TreeData {
    #[serde(default)]
    pub(super) stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stage {
    pub(super) id: Value,
    pub(super) name: SafeText,
    pub(super) state: SafeText,
    #[serde(default)]
    pub(super) children: Vec<Stage>,
    #[serde(default, rename = "startTimeMillis")]
    pub(super) started: Option<i64>,
    #[serde(default, rename = "totalDurationMillis")]
    pub(super) took: Option<i64>,
}

/// `wfapi/describe`.
#[derive(Debug, Deserialize)]
pub(super) struct Described {
    #[serde(default)]
    pub(super) stages: Vec<FlatStage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FlatStage {
    pub(super) id: SafeText,
    pub(super) name: SafeText,
    pub(super) status: SafeText,
    #[serde(default, rename = "startTimeMillis")]
    pub(super) started: Option<i64>,
    #[serde(default, rename = "durationMillis")]
    pub(super) took: Option<i64>,
}

/// `whoAmI`.
#[derive(Debug, Deserialize)]
pub(super) struct WhoAmI {
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) anonymous: bool,
}

/// `crumbIssuer`.
#[derive(Debug, Deserialize)]
pub(super) struct Crumb {
    pub(super) crumb: String,
    #[serde(rename = "crumbRequestField")]
    pub(super) field: String,
}

/// The report of the tests of a build.
#[derive(Debug, Deserialize)]
pub(super) struct TestReport {
    /// Missing of a report that sums others up, which tells how many there are in all.
    #[serde(default, rename = "passCount")]
    pub(super) passed: Option<u64>,
    #[serde(default, rename = "totalCount")]
    pub(super) all: Option<u64>,
    #[serde(rename = "failCount")]
    pub(super) failed: u64,
    #[serde(default, rename = "skipCount")]
    pub(super) skipped: u64,
    #[serde(default)]
    pub(super) suites: Vec<Suite>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Suite {
    #[serde(default)]
    pub(super) cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Case {
    #[serde(default, rename = "className")]
    pub(super) class: Option<SafeText>,
    #[serde(default)]
    pub(super) name: Option<SafeText>,
    #[serde(default)]
    pub(super) status: Option<SafeText>,
    #[serde(default, rename = "errorDetails")]
    pub(super) says: Option<String>,
}
