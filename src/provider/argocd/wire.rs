//! Argo CD's JSON, as far as it is read. What Go leaves out when it is empty may be missing; what has another type than
//! documented makes the whole answer unreadable, rather than being taken for "off".

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::SafeText;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    #[serde(default)]
    pub(super) logged_in: bool,
    pub(super) username: Option<SafeText>,
}

/// The answer to "can I".
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) value: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Complaint {
    pub(super) error: Option<SafeText>,
    pub(super) code: Option<i64>,
    pub(super) message: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Version {
    #[serde(rename = "Version")]
    pub(super) version: SafeText,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Windows {
    pub(super) active_windows: Option<Vec<Window>>,
    /// Whether a sync by hand may go. Left out by nobody; what is not told is not taken for a yes.
    pub(super) can_sync: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Window {
    pub(super) kind: Option<SafeText>,
    pub(super) schedule: Option<SafeText>,
    pub(super) duration: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
pub(super) struct App {
    pub(super) metadata: Meta,
    pub(super) spec: Spec,
    #[serde(default)]
    pub(super) status: Status,
    /// What is asked for and not yet over.
    pub(super) operation: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: SafeText,
    pub(super) namespace: Option<SafeText>,
    pub(super) uid: SafeText,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    pub(super) owner_references: Option<Vec<Owner>>,
    pub(super) deletion_timestamp: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) name: SafeText,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(default)]
    pub(super) project: String,
    pub(super) source: Option<Source>,
    pub(super) sources: Option<Vec<Source>>,
    pub(super) sync_policy: Option<SyncPolicy>,
    pub(super) info: Option<Vec<Info>>,
}

/// What somebody noted in the specification.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Info {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    #[serde(default, rename = "repoURL")]
    pub(super) repo: SafeText,
    pub(super) path: Option<SafeText>,
    pub(super) target_revision: Option<SafeText>,
    pub(super) chart: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SyncPolicy {
    pub(super) automated: Option<Automated>,
}

/// The block that makes Argo CD sync by itself. Written back as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Automated {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prune: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) self_heal: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) enabled: Option<bool>,
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(default)]
    pub(super) sync: SyncStatus,
    #[serde(default)]
    pub(super) health: Health,
    pub(super) operation_state: Option<OperationState>,
    pub(super) history: Option<Vec<History>>,
    pub(super) conditions: Option<Vec<Told>>,
    pub(super) resources: Option<Vec<Resource>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SyncStatus {
    #[serde(default)]
    pub(super) status: String,
    #[serde(flatten)]
    pub(super) at: Revisions,
}

/// The revision of one source, or those of several.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Revisions {
    pub(super) revision: Option<String>,
    pub(super) revisions: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Health {
    #[serde(default)]
    pub(super) status: String,
    pub(super) message: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OperationState {
    pub(super) phase: String,
    pub(super) message: Option<SafeText>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) operation: Option<Operation>,
    pub(super) sync_result: Option<Revisions>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) sync: Option<Revisions>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct History {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) at: Revisions,
    pub(super) deployed_at: Option<Timestamp>,
    pub(super) initiated_by: Option<Initiator>,
    pub(super) source: Option<Source>,
    pub(super) sources: Option<Vec<Source>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Initiator {
    pub(super) username: Option<SafeText>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Told {
    #[serde(rename = "type")]
    pub(super) kind: SafeText,
    #[serde(default)]
    pub(super) message: SafeText,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource {
    #[serde(default)]
    pub(super) kind: SafeText,
    #[serde(default)]
    pub(super) name: SafeText,
    #[serde(default)]
    pub(super) status: String,
    pub(super) health: Option<Health>,
    #[serde(default)]
    pub(super) requires_pruning: bool,
}
