//! What Argo CD answers, as far as it is understood. A field that is missing stays missing: nothing here is taken for good.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::SafeText;

/// An Application.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Application {
    pub(super) metadata: Meta,
    pub(super) spec: Spec,
    pub(super) status: Status,
    /// An operation that was asked for and has not begun.
    pub(super) operation: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) annotations: Option<std::collections::BTreeMap<String, String>>,
    pub(super) owner_references: Option<Vec<OwnerReference>>,
    pub(super) deletion_timestamp: Option<SafeText>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OwnerReference {
    pub(super) kind: SafeText,
    pub(super) name: SafeText,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) project: SafeText,
    pub(super) source: Option<Source>,
    pub(super) sources: Option<Vec<Source>>,
    /// As it is: what is switched off must be put back byte for byte.
    pub(super) sync_policy: Option<Value>,
}

impl Spec {
    /// The block that makes it sync by itself, if there is one.
    pub(super) fn automated(&self) -> Option<&Value> {
        self.sync_policy.as_ref()?.get("automated").filter(|block| !block.is_null())
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Source {
    #[serde(rename = "repoURL")]
    pub(super) repo_url: SafeText,
    pub(super) target_revision: SafeText,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) sync: Option<SyncStatus>,
    pub(super) health: Option<Health>,
    pub(super) history: Option<Vec<History>>,
    pub(super) operation_state: Option<OperationState>,
    pub(super) conditions: Option<Vec<Condition>>,
    pub(super) resources: Option<Vec<Resource>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SyncStatus {
    pub(super) status: SafeText,
    pub(super) revision: Option<SafeText>,
    pub(super) revisions: Option<Vec<SafeText>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Health {
    pub(super) status: SafeText,
    pub(super) message: SafeText,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct History {
    pub(super) id: Option<u64>,
    pub(super) revision: Option<SafeText>,
    pub(super) revisions: Option<Vec<SafeText>>,
    pub(super) deployed_at: Option<SafeText>,
    pub(super) initiated_by: Option<Initiator>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Initiator {
    pub(super) username: Option<SafeText>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OperationState {
    pub(super) phase: SafeText,
    pub(super) message: SafeText,
    pub(super) started_at: Option<SafeText>,
    pub(super) operation: Option<Asked>,
    pub(super) sync_result: Option<SyncResult>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) sync: Option<SyncResult>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SyncResult {
    pub(super) revision: Option<SafeText>,
    pub(super) revisions: Option<Vec<SafeText>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: SafeText,
    pub(super) message: SafeText,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource {
    pub(super) kind: SafeText,
    pub(super) name: SafeText,
    pub(super) status: Option<SafeText>,
}

/// `GET /session/userinfo`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct UserInfo {
    pub(super) logged_in: bool,
    pub(super) username: SafeText,
}

/// `GET /account/can-i/..`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CanI {
    pub(super) value: SafeText,
}

/// `GET /applications/{name}/syncwindows`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SyncWindows {
    pub(super) can_sync: Option<bool>,
}

/// What a refusal says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    pub(super) code: Option<i64>,
    pub(super) message: SafeText,
}
