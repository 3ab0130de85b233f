//! What the Docker Engine says, as it says it: JSON over its socket, read field by field.
//!
//! Knows the engine's field names and nothing of releases. Fields that a verdict rests on are required: when one is
//! missing, null or of another type, reading fails and names it. A service's specification is also kept as text,
//! byte for byte, because an update must send back every field of it, known to us or not.
//!
//! Source: the Engine API reference (1.40 to 1.51) and answers of a real engine (20.10, API 1.41).

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::{Artifact, Cause, Fault, SafeText};

/// `GET /info`, the part that says where we are.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Info {
    /// The host's name.
    pub(super) name: SafeText,
    /// The engine's place in a swarm.
    pub(super) swarm: Swarm,
}

/// The engine's place in a swarm.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Swarm {
    /// `active`, `inactive`, `pending`, `error`, `locked`.
    pub(super) local_node_state: SafeText,
    /// Whether it is a manager.
    #[serde(default)]
    pub(super) control_available: Option<bool>,
    /// What is wrong with it, if something is.
    #[serde(default)]
    pub(super) error: Option<SafeText>,
}

/// A service's identity; what is read first, so that a fault in one service does not hide the others.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ServiceName {
    #[serde(rename = "ID")]
    pub(super) id: SafeText,
    #[serde(rename = "Spec")]
    pub(super) spec: Named,
}

/// Something with a name.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Named {
    #[serde(rename = "Name")]
    pub(super) name: SafeText,
}

impl ServiceName {
    /// Whether `configured` is this service's whole name or whole id; the engine itself also takes prefixes.
    pub(super) fn is(&self, configured: &str) -> bool {
        self.spec.name == configured || self.id == configured
    }
}

/// `GET /services/{id}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Service {
    #[serde(rename = "ID")]
    pub(super) id: SafeText,
    pub(super) version: Version,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    pub(super) spec: Spec,
    /// What an automatic or asked-for rollback goes back to. One step of history, no more.
    #[serde(default)]
    pub(super) previous_spec: Option<Spec>,
    /// Absent on a service that was never updated, and right after an update was accepted.
    #[serde(default)]
    pub(super) update_status: Option<UpdateStatus>,
    /// Only when the list was asked for it.
    #[serde(default)]
    pub(super) service_status: Option<ServiceStatus>,
}

/// The number that an update must name; it counts every change of the service, the engine's own included.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version {
    pub(super) index: u64,
}

/// How an update stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateStatus {
    #[serde(default)]
    pub(super) state: Option<SafeText>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) completed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) message: Option<SafeText>,
}

/// How many tasks run and how many should.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceStatus {
    pub(super) desired_tasks: u32,
}

/// A service's specification: the parts that are read, and the whole for comparing.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Spec {
    /// The whole, for comparing.
    pub(super) whole: Value,
    parts: SpecParts,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SpecParts {
    name: SafeText,
    task_template: TaskTemplate,
    mode: Mode,
    #[serde(default)]
    update_config: Option<UpdateConfig>,
}

impl TryFrom<Value> for Spec {
    type Error = String;

    fn try_from(whole: Value) -> Result<Self, String> {
        let parts = serde_path_to_error::deserialize(&whole)
            .map_err(|e| format!("{}: {}", e.path(), shape(e.inner())))?;
        Ok(Self { whole, parts })
    }
}

/// What is wrong with a value, without the value: it may be a secret.
pub(super) fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(": ") {
        Some((_, rest)) if text.starts_with("invalid") => {
            let expected = rest.rsplit_once("expected ").map_or("another value", |(_, e)| e);
            format!("not what was expected: {expected}")
        }
        _ => text,
    }
}

impl Spec {
    pub(super) fn name(&self) -> &SafeText {
        &self.parts.name
    }

    pub(super) fn image(&self) -> Artifact {
        Artifact::from_reference(&self.parts.task_template.container_spec.image)
    }

    pub(super) fn mode(&self) -> &Mode {
        &self.parts.mode
    }

    pub(super) fn force_update(&self) -> u64 {
        self.parts.task_template.force_update.unwrap_or(0)
    }

    /// What the containers are made from: image, command, environment, mounts.
    pub(super) fn container(&self) -> &Value {
        &self.parts.task_template.container_spec.whole
    }

    /// How updates go, with the engine's defaults where nothing is set.
    pub(super) fn update_config(&self) -> UpdateConfig {
        self.parts.update_config.clone().unwrap_or_default()
    }

    /// Asked-for replicas; none for one on each node.
    pub(super) fn replicas(&self) -> Option<u32> {
        match self.mode() {
            Mode::Replicated(Replicated { replicas }) => Some(*replicas),
            _ => None,
        }
    }
}

/// What tasks are made from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskTemplate {
    container_spec: ContainerSpec,
    #[serde(default)]
    force_update: Option<u64>,
}

/// What containers are made from: the image, and the whole for comparing.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct ContainerSpec {
    image: String,
    whole: Value,
}

impl TryFrom<Value> for ContainerSpec {
    type Error = &'static str;

    fn try_from(whole: Value) -> Result<Self, Self::Error> {
        match whole.get("Image").and_then(Value::as_str) {
            Some(image) if !image.is_empty() => Ok(Self { image: image.to_owned(), whole }),
            _ => Err("Image is missing or not a text"),
        }
    }
}

/// How many replicas, and where.
#[derive(Clone, Debug, Deserialize)]
pub(super) enum Mode {
    /// So many.
    Replicated(Replicated),
    /// One on each node.
    Global {},
    /// So many that end.
    ReplicatedJob {},
    /// One on each node, that ends.
    GlobalJob {},
}

/// So many.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Replicated {
    replicas: u32,
}

/// How updates go.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateConfig {
    /// Replicas at a time; zero means all at once.
    #[serde(default)]
    parallelism: Option<u64>,
    /// Nanoseconds between batches.
    #[serde(default)]
    delay: Option<u64>,
    /// Nanoseconds that a new replica is watched for.
    #[serde(default)]
    monitor: Option<u64>,
    #[serde(default)]
    failure_action: Option<SafeText>,
    #[serde(default)]
    order: Option<SafeText>,
}

impl UpdateConfig {
    /// Replicas at a time; zero means all at once. The engine's default is one.
    pub(super) fn parallelism(&self) -> u64 {
        self.parallelism.unwrap_or(1)
    }

    /// Seconds between two batches.
    pub(super) fn delay(&self) -> u64 {
        self.delay.unwrap_or(0).div_ceil(SECOND)
    }

    /// Seconds that a new replica is watched for; the engine's default is five.
    pub(super) fn monitor(&self) -> u64 {
        self.monitor.map_or(5, |ns| ns.div_ceil(SECOND))
    }

    /// `pause` (the engine's default), `continue`, `rollback`.
    pub(super) fn failure_action(&self) -> &str {
        self.failure_action.as_ref().map_or("pause", SafeText::as_str)
    }

    /// `stop-first` (the engine's default), `start-first`.
    pub(super) fn order(&self) -> &str {
        self.order.as_ref().map_or("stop-first", SafeText::as_str)
    }
}

const SECOND: u64 = 1_000_000_000;

/// One task of `GET /tasks`: one try to run one replica.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task {
    #[serde(rename = "ServiceID")]
    pub(super) service: SafeText,
    #[serde(rename = "NodeID", default)]
    pub(super) node: Option<SafeText>,
    pub(super) spec: TaskSpec,
    pub(super) status: TaskStatus,
    pub(super) desired_state: SafeText,
}

/// What a task was made from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TaskSpec {
    container_spec: ContainerSpec,
    #[serde(default)]
    force_update: Option<u64>,
}

/// How a task stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TaskStatus {
    pub(super) state: SafeText,
    #[serde(default)]
    pub(super) timestamp: Option<Timestamp>,
    #[serde(default)]
    pub(super) err: Option<SafeText>,
    #[serde(default)]
    pub(super) message: Option<SafeText>,
}

impl Task {
    pub(super) fn image(&self) -> Artifact {
        Artifact::from_reference(&self.spec.container_spec.image)
    }

    /// Whether it was made from this specification. The whole of the container's part is compared, image, command,
    /// environment and mounts, which is what decides in the engine whether a task is replaced.
    pub(super) fn is_of(&self, spec: &Spec) -> bool {
        self.spec.container_spec.whole == *spec.container() && self.force_update() == spec.force_update()
    }

    pub(super) fn force_update(&self) -> u64 {
        self.spec.force_update.unwrap_or(0)
    }

    pub(super) fn runs(&self) -> bool {
        self.status.state == "running"
    }

    /// Whether the engine wants it to run now.
    pub(super) fn wanted(&self) -> bool {
        self.desired_state == "running"
    }

    /// Whether it is being made ready to take another's place.
    pub(super) fn coming(&self) -> bool {
        self.desired_state == "ready"
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self.status.state.as_str(), "failed" | "rejected")
    }

    /// Whether it ended, well or not.
    pub(super) fn ended(&self) -> bool {
        matches!(
            self.status.state.as_str(),
            "complete" | "shutdown" | "failed" | "rejected" | "remove" | "orphaned"
        )
    }
}

/// Whose task it is; what is read of one that cannot be read as a whole.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TaskOwner {
    #[serde(rename = "ServiceID")]
    pub(super) service: SafeText,
}

/// `GET /distribution/{reference}/json`: what the registry holds, as the engine found it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Distribution {
    pub(super) descriptor: Descriptor,
}

/// What a reference points to.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Descriptor {
    pub(super) digest: SafeText,
}

/// What the engine says when it does not do something.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Complaint {
    pub(super) message: SafeText,
}

/// What the engine says when it accepted an update.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Accepted {
    #[serde(default)]
    pub(super) warnings: Option<Vec<SafeText>>,
}

/// Reads `text`; what fails is told by its path and never by its value.
///
/// # Errors
/// [`Cause::Malformed`] with the path of the field that is not as documented.
pub(super) fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        Fault::new(Cause::Malformed, format!("{what}: at {path}: {}", shape(error.inner())))
    })
}

/// A list, item by item and unread.
///
/// # Errors
/// [`Cause::Malformed`] when it is not a list.
pub(super) fn items(what: &str, text: &str) -> Result<Vec<Box<RawValue>>, Fault> {
    read(what, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_by_its_path_and_not_by_its_value() {
        let text = r#"{"ID":"a","Version":{"Index":"hunter2"},"Spec":{}}"#;
        let fault = read::<Service>("service web", text).unwrap_err();
        assert!(fault.detail.as_str().contains("Version.Index"), "{fault}");
        assert!(!fault.detail.as_str().contains("hunter2"), "{fault}");
    }
}
