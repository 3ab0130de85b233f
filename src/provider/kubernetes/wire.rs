//! What is kept of the API server's objects: small structs, cut down the moment an object comes in.
//!
//! Knows the shape of what all objects have in common and of Pods; knows nothing of what they mean together.
//! Templates are kept as a hash only; annotations only where one of [`KEPT`] is meant; `managedFields` are
//! looked at once and dropped. A counter of a wrong type is an error that names its path, never a zero.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::labels::Labels;
use super::shelf::Wanted;
use super::species::Resource;
use crate::domain::{Cause, Fault};

/// Number of the present or a past revision.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Numbers that a ReplicaSet had before.
pub(super) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// Why, in somebody's words.
pub(super) const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// What `kubectl apply` believes that it applied last.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Argo CD's claim on an object.
pub(super) const ARGO_TRACKING: &str = "argocd.argoproj.io/tracking-id";
/// Helm's release.
pub(super) const HELM_RELEASE: &str = "meta.helm.sh/release-name";
/// Where Helm's release is kept.
pub(super) const HELM_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// Flux's other switch, for what a HelmRelease made.
pub(super) const FLUX_DRIFT: &str = "helm.toolkit.fluxcd.io/driftDetection";
/// Flux's switch for one object.
pub(super) const FLUX_RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// The mark that `kubectl rollout restart` leaves in a template, and every pod has from there.
pub(super) const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// Number of a Rollout's present or past revision.
pub(super) const ROLLOUT_REVISION: &str = "rollout.argoproj.io/revision";
/// Numbers that a Rollout's ReplicaSet had before.
pub(super) const ROLLOUT_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// The label that Argo Rollouts adds to the templates of its ReplicaSets.
pub(super) const ROLLOUT_HASH: &str = "rollouts-pod-template-hash";
/// The labels that controllers add to the templates of their ReplicaSets.
pub(super) const TEMPLATE_HASHES: [&str; 2] = ["pod-template-hash", ROLLOUT_HASH];
/// The label by which a ControllerRevision and the pods of its template are told.
pub(super) const REVISION_HASH: &str = "controller-revision-hash";

/// The annotations that are kept; the text of [`LAST_APPLIED`] is not.
const KEPT: [&str; 12] = [
    RESTARTED,
    REVISION,
    REVISION_HISTORY,
    ROLLOUT_REVISION,
    ROLLOUT_HISTORY,
    CHANGE_CAUSE,
    LAST_APPLIED,
    ARGO_TRACKING,
    HELM_RELEASE,
    FLUX_RECONCILE,
    FLUX_DRIFT,
    HELM_NAMESPACE,
];

/// What nobody controls is filed under this.
pub(super) const NOBODY: &str = "";

/// A label as a key to file by. No uid holds this sign.
pub(super) fn pair((key, value): (&str, &str)) -> String {
    format!("{key}={value}")
}

/// An object that is watched.
pub(super) trait Watched: Sized + Send + Sync + 'static {
    /// The small form of one object of a resource. Lists do not say the kind of their items.
    fn cut(object: &Value, resource: Resource) -> Result<Self, Fault>;
    /// Its metadata.
    fn meta(&self) -> &Meta;
    /// Under which keys it is found, besides its name.
    fn filed(&self) -> Vec<String> {
        Vec::new()
    }
    /// Whether it can be of use for these workloads of its namespace. What may turn out to be theirs is.
    fn wanted(&self, _: &Wanted) -> bool {
        true
    }
}

/// `null` and absence are the same: the default.
pub(super) fn absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The same without the room that it grew into.
pub(super) fn snug<T>(mut list: Vec<T>) -> Vec<T> {
    list.shrink_to_fit();
    list
}

/// Who owns an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerReference {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) controller: Option<bool>,
}

/// What every object has.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) resource_version: String,
    pub(super) generation: Option<u64>,
    pub(super) creation_timestamp: Option<Timestamp>,
    pub(super) deletion_timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "absent")]
    pub(super) labels: Labels,
    #[serde(default, deserialize_with = "absent")]
    pub(super) annotations: Labels,
    #[serde(default, deserialize_with = "absent")]
    pub(super) owner_references: Vec<OwnerReference>,
}

impl Meta {
    /// An annotation's text.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key)
    }

    /// A label's text.
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key)
    }

    /// The one owner that controls the object.
    pub(super) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|o| o.controller == Some(true))
    }

    pub(super) fn trim(&mut self) {
        self.annotations.keep(|key, text| match key {
            LAST_APPLIED => Some(Box::default()),
            key => KEPT.contains(&key).then_some(text),
        });
        self.owner_references.shrink_to_fit();
    }
}

/// A container of a template or pod.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Container {
    pub(super) name: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) image: String,
}

/// A condition of any object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) reason: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) message: String,
    pub(super) last_update_time: Option<Timestamp>,
}

/// Which labels belong to a workload.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector {
    #[serde(default, deserialize_with = "absent")]
    pub(super) match_labels: Labels,
    #[serde(default, deserialize_with = "absent")]
    pub(super) match_expressions: Vec<Expression>,
}

/// One expression of a selector.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Expression {
    pub(super) key: String,
    pub(super) operator: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) values: Vec<String>,
}

impl Selector {
    /// Whether it selects these labels. An empty selector selects nothing here.
    pub(super) fn selects(&self, labels: &Labels) -> bool {
        let some = !self.match_labels.is_empty() || !self.match_expressions.is_empty();
        some && self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|e| e.holds(labels.get(&e.key)))
    }
}

impl Expression {
    fn holds(&self, value: Option<&str>) -> bool {
        match self.operator.as_str() {
            "In" => value.is_some_and(|v| self.values.iter().any(|its| its == v)),
            "NotIn" => value.is_none_or(|v| !self.values.iter().any(|its| its == v)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

/// A pod's specification, as far as it is kept.
#[derive(Default, Deserialize)]
pub(super) struct PodSpecWire {
    #[serde(default, deserialize_with = "absent")]
    pub(super) containers: Vec<Container>,
}

/// A pod template, as far as it is kept.
#[derive(Default, Deserialize)]
pub(super) struct TemplateWire {
    #[serde(default, deserialize_with = "absent")]
    pub(super) metadata: LabelsWire,
    pub(super) spec: PodSpecWire,
}

/// A template's metadata, as far as it is kept.
#[derive(Default, Deserialize)]
pub(super) struct LabelsWire {
    #[serde(default, deserialize_with = "absent")]
    pub(super) labels: Labels,
}

/// A Pod.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) meta: Meta,
    pub(super) containers: Vec<Container>,
    pub(super) phase: String,
    pub(super) statuses: Vec<ContainerStatus>,
    pub(super) conditions: Vec<Condition>,
}

/// What the kubelet says of a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    #[serde(default, rename = "imageID", deserialize_with = "absent")]
    pub(super) image_id: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) restart_count: u32,
    #[serde(default, deserialize_with = "absent")]
    pub(super) state: ContainerState,
    #[serde(default, deserialize_with = "absent")]
    pub(super) last_state: ContainerState,
}

/// One state of a container.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<Because>,
    pub(super) terminated: Option<Because>,
}

/// Why a container waits or ended.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Because {
    #[serde(default, deserialize_with = "absent")]
    pub(super) reason: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStatusWire {
    #[serde(default, deserialize_with = "absent")]
    phase: String,
    #[serde(default, deserialize_with = "absent")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(default, deserialize_with = "absent")]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct PodWire {
    metadata: Meta,
    spec: PodSpecWire,
    #[serde(default, deserialize_with = "absent")]
    status: PodStatusWire,
}

impl Watched for Pod {
    fn cut(object: &Value, _resource: Resource) -> Result<Self, Fault> {
        let wire: PodWire = read(object, "Pod")?;
        let mut meta = wire.metadata;
        meta.trim();
        Ok(Self {
            meta,
            containers: snug(wire.spec.containers),
            phase: wire.status.phase,
            statuses: snug(wire.status.container_statuses),
            conditions: snug(wire.status.conditions),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    /// By who controls it; one that nobody does by each of its labels, as selectors ask.
    fn filed(&self) -> Vec<String> {
        match self.meta.controller() {
            Some(owner) => vec![owner.uid.clone()],
            None => self.meta.labels.iter().map(pair).chain([NOBODY.to_owned()]).collect(),
        }
    }

    /// A ReplicaSet's pods may be anybody's: one that was adopted need not be called like its new owner.
    fn wanted(&self, wanted: &Wanted) -> bool {
        self.meta.controller().is_none_or(|owner| match owner.kind.as_str() {
            "ReplicaSet" => wanted.remembers(Resource::ReplicaSets),
            _ => wanted.owner(owner),
        })
    }
}

/// Reads a struct from an object; a failure names the object and the field's path, never its content.
pub(super) fn read<T: DeserializeOwned>(object: &Value, kind: &str) -> Result<T, Fault> {
    serde_path_to_error::deserialize(object).map_err(|error| {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("without a name");
        Fault::new(
            Cause::Malformed,
            format!("{kind} {name}: the field {} is not as documented", error.path()),
        )
    })
}

/// The digest that a container reference pins or a runtime reports: `...@sha256:hex`. A bare `sha256:` is the
/// id of a configuration, not of a manifest, and proves nothing.
pub(super) fn digest_of(reference: &str) -> Option<&str> {
    let (_, digest) = reference.rsplit_once('@')?;
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digest)
}

/// Which container is meant: the configured one, the only one, or the one named like the workload.
///
/// # Errors
/// A sentence that names the containers there are.
pub(super) fn chosen(containers: &[Container], wanted: Option<&str>, workload: &str) -> Result<usize, Fault> {
    let names = || containers.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let position = |name: &str| containers.iter().position(|c| c.name == name);
    match (wanted, containers) {
        (Some(name), _) => position(name).ok_or_else(|| {
            Fault::new(Cause::Local, format!("{workload} has no container {name}; it has: {}", names()))
        }),
        (None, [_]) => Ok(0),
        (None, []) => Err(Fault::new(
            Cause::Malformed,
            format!("{workload}: the field spec.template.spec.containers names no container"),
        )),
        (None, _) => position(workload).ok_or_else(|| {
            Fault::new(
                Cause::Local,
                format!("{workload} has several containers ({}) and none is called like it", names()),
            )
            .with_hint("name the one that is released: container = \"..\"")
        }),
    }
}
