//! A Service and the endpoints that were made of its selector, as they are kept.
//!
//! Knows their shapes on the wire; knows nothing of Deployments.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::species::Resource;
use super::super::wire::{Meta, Watched, absent, read};
use crate::domain::Fault;

/// The label by which an EndpointSlice names its Service.
const SERVICE: &str = "kubernetes.io/service-name";

/// A Service.
#[derive(Clone, Debug)]
pub(in super::super) struct Service {
    pub(super) meta: Meta,
    pub(super) selector: BTreeMap<String, String>,
}

/// Some of the endpoints of a Service.
#[derive(Clone, Debug)]
pub(in super::super) struct Slice {
    meta: Meta,
    /// The names of the pods whose endpoints get traffic; none for an endpoint that is no pod.
    ready: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Wire {
    metadata: Meta,
    spec: SpecWire,
}

#[derive(Deserialize)]
struct SpecWire {
    #[serde(default, deserialize_with = "absent")]
    selector: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct SliceWire {
    metadata: Meta,
    #[serde(default, deserialize_with = "absent")]
    endpoints: Vec<EndpointWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointWire {
    #[serde(default, deserialize_with = "absent")]
    conditions: ConditionsWire,
    target_ref: Option<TargetWire>,
}

#[derive(Default, Deserialize)]
struct ConditionsWire {
    ready: Option<bool>,
}

#[derive(Deserialize)]
struct TargetWire {
    #[serde(default, deserialize_with = "absent")]
    kind: String,
    #[serde(default, deserialize_with = "absent")]
    name: String,
}

impl Watched for Service {
    fn cut(object: &Value, _resource: Resource) -> Result<Self, Fault> {
        let Wire { mut metadata, spec } = read(object, "Service")?;
        metadata.trim();
        Ok(Self { meta: metadata, selector: spec.selector })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Watched for Slice {
    fn cut(object: &Value, _resource: Resource) -> Result<Self, Fault> {
        let SliceWire { mut metadata, endpoints } = read(object, "EndpointSlice")?;
        metadata.trim();
        // One that does not say counts as ready: so does whoever sends it traffic.
        let ready = endpoints.into_iter().filter(|endpoint| endpoint.conditions.ready != Some(false));
        let pod = |endpoint: EndpointWire| endpoint.target_ref.filter(|t| t.kind == "Pod").map(|t| t.name);
        Ok(Self { meta: metadata, ready: ready.map(pod).collect() })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Slice {
    /// Its endpoints that get traffic, if it is one of this Service.
    pub(super) fn ready(&self, service: &str) -> &[Option<String>] {
        if self.meta.label(SERVICE) == Some(service) { &self.ready } else { &[] }
    }
}
