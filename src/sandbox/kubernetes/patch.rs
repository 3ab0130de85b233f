//! The three patch dialects: JSON patch, merge patch and strategic merge patch. Pure functions on JSON.

use super::resource::Resource;
use super::status::Failure;
use serde_json::{Map, Value};

const MAX_OPERATIONS: usize = 10_000;
const ACCEPTED: &str =
    "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json";

const ACCEPTED_CUSTOM: &str =
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

/// Which patch dialect a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RFC 6902.
    Json,
    /// RFC 7396.
    Merge,
    /// Kubernetes' own: lists of named things are merged by name.
    Strategic,
}

impl Dialect {
    /// The dialect of a content type; 415 for any other. The server cannot merge the lists of what it did not define.
    pub(super) fn of(content_type: &str, resource: &Resource) -> Result<Self, Failure> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if !resource.is_custom() => Ok(Self::Strategic),
            _ if resource.is_custom() => Err(Failure::unsupported_media(ACCEPTED_CUSTOM)),
            _ => Err(Failure::unsupported_media(ACCEPTED)),
        }
    }

    /// The object after the patch.
    pub(super) fn apply(self, object: &Value, body: &[u8]) -> Result<Value, Failure> {
        let patch: Value = serde_json::from_slice(body)
            .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
        let mut patched = object.clone();
        match self {
            Self::Json => json(&mut patched, patch)?,
            Self::Merge | Self::Strategic if !patch.is_object() => {
                return Err(Failure::bad_request("error decoding patch: json: cannot unmarshal into map"));
            }
            Self::Merge => json_patch::merge(&mut patched, &patch),
            Self::Strategic => strategic(&mut patched, &patch),
        }
        Ok(patched)
    }
}

fn json(object: &mut Value, patch: Value) -> Result<(), Failure> {
    if let Some(count) = patch.as_array().map(Vec::len).filter(|count| *count > MAX_OPERATIONS) {
        return Err(Failure::too_many_operations(count));
    }
    let patch: json_patch::Patch = serde_json::from_value(patch)
        .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    json_patch::patch(object, &patch).map_err(|_| Failure::unprocessable_patch())
}

/// The key by which the entries of a list are merged; `None` for lists that are replaced whole.
pub(super) fn merge_key(field: &str) -> Option<&'static str> {
    match field {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => {
            Some("name")
        }
        "ports" => Some("containerPort"),
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "conditions" => Some("type"),
        "hostAliases" => Some("ip"),
        "ownerReferences" => Some("uid"),
        "topologySpreadConstraints" => Some("topologyKey"),
        _ => None,
    }
}

fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if changes.get("$patch").and_then(Value::as_str) == Some("replace") {
        *target = without_directives(patch);
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes.iter().filter(|(name, _)| !name.starts_with('$')) {
        match change {
            Value::Null => {
                fields.remove(name);
            }
            Value::Object(inner) if inner.get("$patch").and_then(Value::as_str) == Some("delete") => {
                fields.remove(name);
            }
            Value::Object(_) => strategic(fields.entry(name.clone()).or_insert(Value::Null), change),
            Value::Array(changes) => merge_list(fields, name, changes),
            other => {
                fields.insert(name.clone(), other.clone());
            }
        }
    }
    for (name, gone) in
        changes.iter().filter_map(|(n, v)| Some((n.strip_prefix("$deleteFromPrimitiveList/")?, v)))
    {
        if let (Some(Value::Array(list)), Value::Array(gone)) = (fields.get_mut(name), gone) {
            list.retain(|entry| !gone.contains(entry));
        }
    }
    if let Some(Value::Array(kept)) = changes.get("$retainKeys") {
        fields.retain(|name, _| kept.iter().any(|k| k.as_str() == Some(name)));
    }
}

fn merge_list(fields: &mut Map<String, Value>, name: &str, changes: &[Value]) {
    let replaces = changes.iter().any(|c| c.get("$patch").and_then(Value::as_str) == Some("replace"));
    let key = merge_key(name).filter(|_| !replaces && changes.iter().all(Value::is_object));
    let current = fields.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
    let (Some(key), Value::Array(list)) = (key, &mut *current) else {
        let plain = changes.iter().filter(|c| c.get("$patch").is_none()).map(without_directives);
        *current = Value::Array(plain.collect());
        return;
    };
    for change in changes {
        let found = list.iter().position(|entry| entry.get(key) == change.get(key));
        let deletes = change.get("$patch").and_then(Value::as_str) == Some("delete");
        match (found, deletes) {
            (Some(index), true) => {
                list.remove(index);
            }
            (Some(index), false) => {
                if let Some(entry) = list.get_mut(index) {
                    strategic(entry, change);
                }
            }
            (None, true) => {}
            // A new entry goes to the front, as the API server's own merge puts it.
            (None, false) => list.insert(0, without_directives(change)),
        }
    }
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(name, value)| !name.starts_with('$') && !value.is_null())
                .map(|(name, value)| (name.clone(), without_directives(value)))
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(without_directives).collect()),
        other => other.clone(),
    }
}
