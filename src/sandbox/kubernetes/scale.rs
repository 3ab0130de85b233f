//! The scale subresource of Deployments and ReplicaSets.

use super::store::{number, set, text};
use serde_json::{Value, json};

/// The `autoscaling/v1` Scale of an object.
pub(super) fn of(object: &Value) -> Value {
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let mut metadata = json!({});
    for own in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        set(&mut metadata, &[own], text(object, &format!("/metadata/{own}")).into());
    }
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": {},
        "status": {"replicas": number(object, "/status/replicas"), "selector": selector.join(",")}
    });
    let wanted = number(object, "/spec/replicas");
    if wanted > 0 {
        set(&mut scale, &["spec", "replicas"], wanted.into());
    }
    scale
}
