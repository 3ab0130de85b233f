//! What is kept of Flux's objects. Knows their shape on the wire; knows nothing of what it means together.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::author;
use super::super::species::Resource;
use super::super::wire::{Meta, Watched, absent, read};
use super::Kind;
use crate::domain::{Cause, Fault, SafeText};

/// The label of a Kustomization on what it keeps, but its last part.
const KEPT_BY: &str = "kustomize.toolkit.fluxcd.io";
/// The switch, as `managedFields` name it.
const SUSPEND: &str = "/f:spec/f:suspend";

/// A Kustomization or a HelmRelease.
#[derive(Clone, Debug)]
pub(in super::super) struct Keeper {
    pub(super) meta: Meta,
    pub(super) kind: Kind,
    pub(super) suspended: bool,
    /// Who wrote `spec.suspend` last, and when.
    pub(super) suspended_by: Option<SafeText>,
    pub(super) interval: Duration,
    /// How long one execution may take.
    pub(super) timeout: Duration,
    /// Whether a HelmRelease corrects what was changed by hand.
    pub(super) corrects: bool,
    pub(super) source: Option<SourceRef>,
    /// Whether it keeps something in another cluster.
    pub(super) remote: bool,
    /// The Kustomization that keeps this object itself, `namespace/name`, if another does.
    pub(super) kept_by: Option<String>,
    /// Whether that Kustomization's manifest says something of `spec.suspend`.
    pub(super) suspend_kept: bool,
    /// How many objects it keeps, if it tells.
    pub(super) keeps: Option<usize>,
    pub(super) status: Status,
}

/// Where the manifests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceRef {
    /// None of a kind that is not read.
    pub(super) kind: Option<Kind>,
    pub(super) word: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// What the controller says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) observed_generation: Option<i64>,
    #[serde(default, deserialize_with = "absent")]
    pub(super) conditions: Vec<Condition>,
    #[serde(default, deserialize_with = "absent")]
    pub(super) last_applied_revision: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) last_applied_origin_revision: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) last_attempted_revision: String,
    #[serde(default, deserialize_with = "absent")]
    history: Vec<Snapshot>,
    #[serde(default, deserialize_with = "absent")]
    inventory: Option<Inventory>,
    #[serde(default, deserialize_with = "absent")]
    artifact: Option<Artifact>,
}

/// A condition, as Flux writes it.
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
    pub(super) last_transition_time: Option<Timestamp>,
}

/// A Helm release that a HelmRelease made. A Kustomization's history has other fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    #[serde(default, deserialize_with = "absent")]
    chart_version: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Inventory {
    #[serde(default, deserialize_with = "absent")]
    entries: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Artifact {
    #[serde(default, deserialize_with = "absent")]
    revision: String,
}

impl Status {
    /// The condition of this type.
    pub(super) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }

    /// The condition of this type, where it is true.
    pub(super) fn is(&self, kind: &str) -> Option<&Condition> {
        self.condition(kind).filter(|c| c.status == "True")
    }

    /// The chart's version of the newest release.
    pub(super) fn chart(&self) -> Option<&str> {
        self.history.first().map(|newest| newest.chart_version.as_str()).filter(|v| !v.is_empty())
    }
}

#[derive(Deserialize)]
struct Wire {
    metadata: Meta,
    #[serde(default, deserialize_with = "absent")]
    spec: SpecWire,
    #[serde(default, deserialize_with = "absent")]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecWire {
    #[serde(default, deserialize_with = "absent")]
    suspend: bool,
    #[serde(default, deserialize_with = "absent")]
    interval: String,
    timeout: Option<String>,
    source_ref: Option<RefWire>,
    kube_config: Option<Value>,
    #[serde(default, deserialize_with = "absent")]
    drift_detection: DriftWire,
}

#[derive(Default, Deserialize)]
struct DriftWire {
    #[serde(default, deserialize_with = "absent")]
    mode: String,
}

#[derive(Deserialize)]
struct RefWire {
    kind: String,
    name: String,
    namespace: Option<String>,
}

impl Keeper {
    /// The cut form of a raw object.
    pub(super) fn of(object: &Value, kind: Kind) -> Result<Self, Fault> {
        Self::cut(object, Resource::Flux(kind))
    }
}

impl Watched for Keeper {
    fn cut(object: &Value, resource: Resource) -> Result<Self, Fault> {
        let Resource::Flux(kind) = resource else { return Err(alien(resource)) };
        let mut wire: Wire = read(object, kind.name())?;
        let namespace = text(object, "/metadata/namespace");
        let interval = length(&wire.spec.interval).ok_or_else(|| {
            Fault::new(Cause::Malformed, format!("the interval of a {} is no duration", kind.name()))
        })?;
        let usual = interval.saturating_sub(Duration::from_secs(30)).max(Duration::from_secs(30));
        let timeout = wire.spec.timeout.as_deref().and_then(length).unwrap_or(usual);
        let kept_by = kept_by(&wire.metadata).filter(|keeper| {
            // What keeps itself is not put back by anybody else.
            kind != Kind::Kustomization || *keeper != format!("{namespace}/{}", wire.metadata.name)
        });
        wire.metadata.trim();
        let source = wire.spec.source_ref.map(|source| SourceRef {
            kind: Kind::SOURCES.into_iter().find(|known| known.name() == source.kind),
            namespace: source.namespace.unwrap_or_else(|| namespace.to_owned()),
            word: source.kind,
            name: source.name,
        });
        let keeps = wire.status.inventory.as_ref().map(|inventory| inventory.entries.len());
        wire.status.inventory = None;
        Ok(Self {
            kind,
            suspended: wire.spec.suspend,
            suspended_by: author::wrote(object, SUSPEND),
            interval,
            timeout,
            corrects: kind == Kind::Kustomization || wire.spec.drift_detection.mode == "enabled",
            source,
            remote: wire.spec.kube_config.is_some_and(|config| !config.is_null()),
            kept_by,
            suspend_kept: author::writers(object, SUSPEND).any(|(_, who)| who == "kustomize-controller"),
            keeps,
            status: wire.status,
            meta: wire.metadata,
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// Where manifests come from: a GitRepository, an OCIRepository, a Bucket.
#[derive(Clone, Debug)]
pub(super) struct Source {
    meta: Meta,
    pub(super) suspended: bool,
    pub(super) status: Status,
}

impl Source {
    /// What it has fetched last; empty before the first time.
    pub(super) fn revision(&self) -> &str {
        self.status.artifact.as_ref().map_or("", |artifact| artifact.revision.as_str())
    }
}

impl Watched for Source {
    fn cut(object: &Value, resource: Resource) -> Result<Self, Fault> {
        let Resource::Flux(kind) = resource else { return Err(alien(resource)) };
        let mut wire: Wire = read(object, kind.name())?;
        wire.metadata.trim();
        Ok(Self { meta: wire.metadata, suspended: wire.spec.suspend, status: wire.status })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

fn alien(resource: Resource) -> Fault {
    Fault::new(Cause::Local, format!("{} are not Flux's", resource.plural()))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The Kustomization whose labels an object carries, `namespace/name`.
fn kept_by(meta: &Meta) -> Option<String> {
    let name = meta.label(&format!("{KEPT_BY}/name")).filter(|name| !name.is_empty())?;
    let namespace = meta.label(&format!("{KEPT_BY}/namespace")).unwrap_or_default();
    Some(format!("{namespace}/{name}"))
}

/// A duration as Go writes it: `10m0s`, `1.5h`, `500ms`.
pub(super) fn length(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| c.is_ascii_alphabetic())?)?;
        let unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit)?;
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)? * factor;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok())?
}
