//! A revision that the cluster remembers: a ReplicaSet of a Deployment or Rollout, or a ControllerRevision of a
//! StatefulSet or DaemonSet.
//!
//! Knows their shapes on the wire and how a pod tells that it is of one; knows nothing of which is the present one.

use serde::Deserialize;
use serde_json::Value;

use super::shelf::Wanted;
use super::species::Resource;
use super::template::{template_hash, without_marks};
use super::wire::{
    Condition, Container, Meta, NOBODY, REVISION, REVISION_HASH, REVISION_HISTORY, ROLLOUT_HISTORY,
    ROLLOUT_REVISION, TemplateWire, Watched, absent, read, snug,
};
use crate::domain::Fault;

/// One revision.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) meta: Meta,
    /// The number that people see.
    pub(super) number: Option<u64>,
    pub(super) containers: Vec<Container>,
    pub(super) template: String,
    pub(super) conditions: Vec<Condition>,
}

impl Remembered {
    /// The numbers that it had before, as far as anybody wrote them down.
    pub(super) fn earlier(&self) -> impl Iterator<Item = u64> {
        let notes =
            [REVISION_HISTORY, ROLLOUT_HISTORY].into_iter().filter_map(|key| self.meta.annotation(key));
        notes.flat_map(|text| text.split(',')).filter_map(|number| number.trim().parse().ok())
    }

    /// Whether pods with this label's text run its template. A StatefulSet writes the revision's name, a DaemonSet
    /// only the hash in it.
    pub(super) fn is_called(&self, hash: &str) -> bool {
        self.meta.name == hash || self.meta.label(REVISION_HASH) == Some(hash)
    }

    /// The template that a raw object remembers, as a workload would be given it.
    pub(super) fn template(object: &Value) -> Value {
        let template = object.pointer("/data/spec/template").or_else(|| object.pointer("/spec/template"));
        without_marks(template.unwrap_or(&Value::Null))
    }
}

#[derive(Deserialize)]
struct SpecWire {
    template: TemplateWire,
}

#[derive(Default, Deserialize)]
struct ConditionsWire {
    #[serde(default, deserialize_with = "absent")]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct SetWire {
    metadata: Meta,
    spec: SpecWire,
    #[serde(default, deserialize_with = "absent")]
    status: ConditionsWire,
}

#[derive(Deserialize)]
struct DataWire {
    spec: SpecWire,
}

#[derive(Deserialize)]
struct RevisionWire {
    metadata: Meta,
    revision: Option<u64>,
    data: DataWire,
}

impl Watched for Remembered {
    fn cut(object: &Value, resource: Resource) -> Result<Self, Fault> {
        let template = template_hash(Some(&Self::template(object)));
        if resource == Resource::ControllerRevisions {
            let wire: RevisionWire = read(object, "ControllerRevision")?;
            let mut meta = wire.metadata;
            meta.trim();
            let containers = snug(wire.data.spec.template.spec.containers);
            return Ok(Self { meta, number: wire.revision, containers, template, conditions: Vec::new() });
        }
        let wire: SetWire = read(object, "ReplicaSet")?;
        let mut meta = wire.metadata;
        meta.trim();
        let number = meta.annotation(REVISION).or_else(|| meta.annotation(ROLLOUT_REVISION));
        Ok(Self {
            number: number.and_then(|n| n.parse().ok()),
            meta,
            containers: snug(wire.spec.template.spec.containers),
            template,
            conditions: snug(wire.status.conditions),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn filed(&self) -> Vec<String> {
        vec![self.meta.controller().map_or(NOBODY, |owner| owner.uid.as_str()).to_owned()]
    }

    /// One that nobody controls tells whose pods were left behind.
    fn wanted(&self, wanted: &Wanted) -> bool {
        self.meta.controller().is_none_or(|owner| wanted.owner(owner))
    }
}
