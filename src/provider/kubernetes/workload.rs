//! A workload as it is kept: what it asks for, and what its controller says of it.
//!
//! Knows the shape of Deployments, Rollouts, StatefulSets and DaemonSets on the wire; knows nothing of how one rolls
//! out.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::argo::Argo;
use super::labels::Labels;
use super::shelf::Wanted;
use super::species::{Resource, Species};
use super::template::{likeness, template_hash};
use super::wire::{
    Condition, Container, Meta, RESTARTED, Selector, TemplateWire, Watched, absent, read, snug,
};
use crate::domain::{Cause, Fault};

/// How long a rollout may make no progress where nothing else is said, in seconds: what Deployments and Rollouts
/// have by default, and what StatefulSets and DaemonSets get from us.
const DEADLINE: u64 = 600;

/// What runs a service.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) species: Species,
    pub(super) meta: Meta,
    pub(super) replicas: u32,
    pub(super) paused: bool,
    pub(super) progress_deadline: u64,
    /// The mark of the last restart that was asked for: its time.
    pub(super) restarted: Option<Box<str>>,
    pub(super) selector: Selector,
    pub(super) containers: Vec<Container>,
    /// What its pods are labelled with.
    pub(super) labels: Labels,
    pub(super) template: String,
    /// A hash of the template that is the same for what Flagger copied from it; of Deployments only.
    pub(super) likeness: String,
    /// When somebody last wrote its template, as its `managedFields` tell.
    pub(super) template_written: Option<Timestamp>,
    /// Whether Argo CD's controller is among those who wrote it.
    pub(super) argo_wrote: bool,
    pub(super) update: Update,
    pub(super) status: Status,
    /// What Argo Rollouts says, of a Rollout.
    pub(super) argo: Option<Box<Argo>>,
}

/// How pods are replaced, where their controller needs a hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// The controller does it alone.
    Rolling,
    /// Only pods with this ordinal or a higher one.
    From(u32),
    /// A pod is replaced when somebody deletes it.
    OnDelete,
}

/// What the controller says, in the words of a Deployment.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub(super) observed_generation: Option<u64>,
    pub(super) replicas: u32,
    pub(super) updated_replicas: u32,
    pub(super) available_replicas: u32,
    pub(super) ready_replicas: u32,
    pub(super) conditions: Vec<Condition>,
    /// The ControllerRevision that a StatefulSet goes to, and the one that it comes from.
    pub(super) update_revision: String,
    pub(super) current_revision: String,
}

impl Status {
    /// The condition of this type.
    pub(super) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }
}

impl Workload {
    /// `deployment/web`.
    pub(super) fn named(&self) -> String {
        format!("{}/{}", self.species.word(), self.meta.name)
    }

    /// The cut form of a raw object of this species.
    pub(super) fn of(object: &Value, species: Species) -> Result<Self, Fault> {
        Self::cut(object, Resource::Of(species))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecWire {
    replicas: Option<u32>,
    paused: Option<bool>,
    progress_deadline_seconds: Option<u64>,
    #[serde(default, deserialize_with = "absent")]
    min_ready_seconds: u32,
    #[serde(default, deserialize_with = "absent")]
    selector: Selector,
    template: Option<TemplateWire>,
    #[serde(default, deserialize_with = "absent")]
    update_strategy: UpdateWire,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateWire {
    #[serde(default, rename = "type", deserialize_with = "absent")]
    kind: String,
    #[serde(default, deserialize_with = "absent")]
    rolling_update: PartitionWire,
}

#[derive(Default, Deserialize)]
struct PartitionWire {
    #[serde(default, deserialize_with = "absent")]
    partition: u32,
}

/// The status of any workload. Argo Rollouts writes the observed generation as a text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire {
    #[serde(default, deserialize_with = "number_or_text")]
    observed_generation: Option<u64>,
    #[serde(default, deserialize_with = "absent")]
    replicas: u32,
    #[serde(default, deserialize_with = "absent")]
    updated_replicas: u32,
    #[serde(default, deserialize_with = "absent")]
    available_replicas: u32,
    #[serde(default, deserialize_with = "absent")]
    ready_replicas: u32,
    #[serde(default, deserialize_with = "absent")]
    conditions: Vec<Condition>,
    #[serde(default, deserialize_with = "absent")]
    update_revision: String,
    #[serde(default, deserialize_with = "absent")]
    current_revision: String,
    #[serde(default, deserialize_with = "absent")]
    current_number_scheduled: u32,
    #[serde(default, deserialize_with = "absent")]
    desired_number_scheduled: u32,
    #[serde(default, deserialize_with = "absent")]
    updated_number_scheduled: u32,
    #[serde(default, deserialize_with = "absent")]
    number_available: u32,
    #[serde(default, deserialize_with = "absent")]
    number_ready: u32,
}

/// A number, as itself or as digits. Other digits than those of a number are no observation.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        None => None,
        Some(Either::Number(number)) => Some(number),
        Some(Either::Text(text)) => text.parse().ok(),
    })
}

#[derive(Deserialize)]
struct WorkloadWire {
    metadata: Meta,
    spec: SpecWire,
    #[serde(default, deserialize_with = "absent")]
    status: StatusWire,
}

impl SpecWire {
    fn update(&self, species: Species) -> Update {
        match (species, self.update_strategy.kind.as_str(), self.update_strategy.rolling_update.partition) {
            (Species::Deployment | Species::Rollout, _, _) => Update::Rolling,
            (_, "OnDelete", _) => Update::OnDelete,
            (Species::StatefulSet, _, from @ 1..) => Update::From(from),
            _ => Update::Rolling,
        }
    }
}

impl StatusWire {
    fn status(self, species: Species, min_ready_seconds: u32) -> Status {
        // Servers before 1.22 do not count what is available of a StatefulSet, and know no such seconds: without them
        // a ready pod is an available one.
        let available = match species {
            Species::StatefulSet if min_ready_seconds == 0 => self.ready_replicas,
            _ => self.available_replicas,
        };
        let common = Status {
            observed_generation: self.observed_generation,
            replicas: self.replicas,
            updated_replicas: self.updated_replicas,
            available_replicas: available,
            ready_replicas: self.ready_replicas,
            conditions: snug(self.conditions),
            update_revision: self.update_revision,
            current_revision: self.current_revision,
        };
        if species != Species::DaemonSet {
            return common;
        }
        Status {
            replicas: self.current_number_scheduled,
            updated_replicas: self.updated_number_scheduled,
            available_replicas: self.number_available,
            ready_replicas: self.number_ready,
            ..common
        }
    }
}

impl Watched for Workload {
    fn cut(object: &Value, resource: Resource) -> Result<Self, Fault> {
        let Resource::Of(species) = resource else {
            return Err(Fault::new(Cause::Local, format!("{} are no workloads", resource.plural())));
        };
        let mut wire: WorkloadWire = read(object, species.kind())?;
        let argo = match species {
            Species::Rollout => Some(Box::new(Argo::cut(object)?)),
            _ => None,
        };
        let mut meta = wire.metadata;
        meta.trim();
        let replicas = match species {
            // One for each node that it fits on: nobody writes the number down but the controller.
            Species::DaemonSet => wire.status.desired_number_scheduled,
            _ => wire.spec.replicas.unwrap_or(1),
        };
        let min_ready_seconds = wire.spec.min_ready_seconds;
        let asked = wire.spec.template.take().unwrap_or_default();
        Ok(Self {
            species,
            meta,
            replicas,
            paused: wire.spec.paused.unwrap_or(false),
            progress_deadline: wire.spec.progress_deadline_seconds.unwrap_or(DEADLINE),
            update: wire.spec.update(species),
            restarted: restarted(object, species),
            selector: wire.spec.selector,
            containers: snug(asked.spec.containers),
            labels: asked.metadata.labels,
            template: template_hash(object.pointer("/spec/template")),
            likeness: match species {
                Species::Deployment => likeness(object.pointer("/spec/template")),
                _ => String::new(),
            },
            template_written: template_written(object),
            argo_wrote: wrote(object, "argocd-controller"),
            status: wire.status.status(species, min_ready_seconds),
            argo,
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn wanted(&self, wanted: &Wanted) -> bool {
        wanted.has(self.species, &self.meta.name)
    }
}

/// The mark of the last restart, as `kubectl rollout restart` and Argo Rollouts' plugin write it.
fn restarted(object: &Value, species: Species) -> Option<Box<str>> {
    let mark = match species {
        Species::Rollout => object.pointer("/spec/restartAt"),
        _ => object.pointer("/spec/template/metadata/annotations")?.get(RESTARTED),
    };
    mark?.as_str().map(Box::from)
}

/// Whether a manager of this name wrote the object.
fn wrote(object: &Value, manager: &str) -> bool {
    let fields = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    fields.is_some_and(|f| f.iter().any(|f| f.get("manager").and_then(Value::as_str) == Some(manager)))
}

/// When a manager last wrote into the template. The status and scale subresources do not count.
fn template_written(object: &Value) -> Option<Timestamp> {
    let fields = object.pointer("/metadata/managedFields")?.as_array()?;
    fields
        .iter()
        .filter(|f| f.get("subresource").is_none())
        .filter(|f| f.pointer("/fieldsV1/f:spec/f:template").is_some())
        .filter_map(|f| f.get("time")?.as_str()?.parse().ok())
        .max()
}
