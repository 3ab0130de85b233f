//! `metadata.managedFields`: who set which field. Works on the difference between two versions of an object.

use super::patch::merge_key;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Who writes, and in which way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    /// The field manager.
    pub(super) manager: &'a str,
    /// `status`, `scale` or empty.
    pub(super) subresource: &'a str,
}

/// Notes in `new` that `writer` set everything in which it differs from `old`.
pub(super) fn record(old: &Value, new: &mut Value, writer: Writer<'_>, api_version: &str, now: Timestamp) {
    let changed = difference(&bare(old), &bare(new), "");
    let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let before =
        old.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
    if changed.is_empty() {
        if !before.is_empty() {
            metadata.insert("managedFields".into(), Value::Array(before));
        }
        return;
    }
    let mut entries: Vec<Value> = Vec::new();
    let mut own = Map::new();
    for mut entry in before {
        let mine =
            text(&entry, "manager") == writer.manager && text(&entry, "subresource") == writer.subresource;
        if mine {
            own = entry.get("fieldsV1").and_then(Value::as_object).cloned().unwrap_or_default();
        } else {
            if let Some(Value::Object(fields)) = entry.get_mut("fieldsV1") {
                subtract(fields, &changed);
            }
            if entry.get("fieldsV1").and_then(Value::as_object).is_some_and(|f| !f.is_empty()) {
                entries.push(entry);
            }
        }
    }
    unite(&mut own, &changed);
    let mut entry = json!({
        "manager": writer.manager, "operation": "Update", "apiVersion": api_version,
        "time": seconds(now), "fieldsType": "FieldsV1", "fieldsV1": own
    });
    if let (false, Value::Object(entry)) = (writer.subresource.is_empty(), &mut entry) {
        entry.insert("subresource".into(), writer.subresource.into());
    }
    entries.push(entry);
    metadata.insert("managedFields".into(), Value::Array(entries));
}

/// A time as the API writes it: whole seconds.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The object without what the server itself keeps.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for own in [
            "managedFields",
            "resourceVersion",
            "generation",
            "uid",
            "creationTimestamp",
            "name",
            "namespace",
        ] {
            metadata.remove(own);
        }
    }
    object
}

fn difference(old: &Value, new: &Value, field: &str) -> Map<String, Value> {
    let mut found = Map::new();
    match (old, new) {
        (_, Value::Object(fields)) => {
            for (name, value) in fields {
                let before = old.get(name).unwrap_or(&Value::Null);
                if before != value {
                    found.insert(format!("f:{name}"), Value::Object(difference(before, value, name)));
                }
            }
        }
        (_, Value::Array(list)) => {
            let Some(key) = merge_key(field) else { return found };
            for entry in list {
                let id = entry.get(key).cloned().unwrap_or(Value::Null);
                let before = old
                    .as_array()
                    .and_then(|old| old.iter().find(|o| o.get(key) == Some(&id)))
                    .unwrap_or(&Value::Null);
                if before != entry {
                    let name = format!("k:{}", json!({ key: id }));
                    found.insert(name, Value::Object(difference(before, entry, "")));
                }
            }
        }
        _ => {}
    }
    found
}

fn unite(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        let slot = into.entry(name.clone()).or_insert_with(|| json!({}));
        if let (Value::Object(slot), Value::Object(value)) = (slot, value) {
            unite(slot, value);
        }
    }
}

fn subtract(from: &mut Map<String, Value>, gone: &Map<String, Value>) {
    for (name, value) in gone {
        let emptied = match (from.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => {
                subtract(inner, value);
                inner.is_empty()
            }
            _ => false,
        };
        if emptied {
            from.remove(name);
        }
    }
}
