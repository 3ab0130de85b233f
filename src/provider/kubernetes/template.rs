//! Pod templates as raw JSON: when two are equal, and what they differ in, by name. Values of environment variables are never read out.
//!
//! Works on raw JSON, so a field that nobody here has heard of is still told as a difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::wire::TEMPLATE_HASHES;
use crate::domain::{Difference, SafeText};

/// At most so many differences are told one by one.
const MOST: usize = 40;
/// Fields of a container whose content is short and harmless enough to show.
const SHOWN: [&str; 4] = ["image", "command", "args", "imagePullPolicy"];

/// A template as it is written into a workload: without the controllers' own labels, and without the directive that
/// makes a ControllerRevision a patch.
pub(super) fn without_marks(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.retain(|key, _| !TEMPLATE_HASHES.contains(&key.as_str()));
    }
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    template
}

/// A hash of a pod template that is equal for equal templates: keys sorted, nulls and the controllers' own labels left
/// out. What the controllers themselves compare.
pub(super) fn template_hash(template: Option<&Value>) -> String {
    let mut text = String::new();
    canonical(template.unwrap_or(&Value::Null), Some(&["metadata", "labels"]), &mut text);
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A hash that is equal for a template and for what Flagger makes of it for its primary: names that end with
/// `-primary` are taken without that, and its own annotation is left out.
pub(super) fn likeness(template: Option<&Value>) -> String {
    let mut template = template.cloned().unwrap_or_default();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        let notes = metadata.get_mut("annotations").and_then(Value::as_object_mut);
        let left = notes.map(|notes| {
            notes.remove("flagger-id");
            notes.len()
        });
        if left == Some(0) {
            metadata.remove("annotations");
        }
    }
    unsuffixed(&mut template);
    template_hash(Some(&template))
}

/// Takes Flagger's suffix off every text.
fn unsuffixed(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(bare) = text.strip_suffix("-primary").map(str::to_owned) {
                *text = bare;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unsuffixed),
        Value::Object(fields) => fields.values_mut().for_each(unsuffixed),
        _ => {}
    }
}

/// Writes `value` in one canonical form; `labels` is the way to the labels of which some are left out.
fn canonical(value: &Value, labels: Option<&[&str]>, out: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().filter(|(_, v)| !v.is_null()).collect();
            out.push('{');
            for (key, value) in sorted {
                let rest = match labels {
                    Some([]) if TEMPLATE_HASHES.contains(&key.as_str()) => continue,
                    Some([first, rest @ ..]) if first == key => Some(rest),
                    _ => None,
                };
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, rest, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, None, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Everything that differs, the released container's image first.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut out = Vec::new();
    for kind in ["containers", "initContainers"] {
        let word = if kind == "containers" { "container" } else { "init container" };
        let (before, after) = (named(old, kind), named(new, kind));
        for name in keys(&before, &after) {
            match (before.get(name), after.get(name)) {
                (Some(a), Some(b)) => container(&format!("{word} {name}"), a, b, &mut out),
                (a, b) => out.push(coming_or_going(&format!("{word} {name}"), a.is_some(), b.is_some())),
            }
        }
    }
    named_things(old, new, "volumes", "volume", &mut out);
    fields(
        "pod",
        &pointer(old, "/spec"),
        &pointer(new, "/spec"),
        &["containers", "initContainers", "volumes"],
        &mut out,
    );
    for map in ["labels", "annotations"] {
        let path = format!("/metadata/{map}");
        fields(map, &pointer(old, &path), &pointer(new, &path), &TEMPLATE_HASHES, &mut out);
    }
    out.sort_by_key(|d| !d.what.as_str().starts_with("image"));
    if out.len() > MOST {
        let more = out.len() - MOST;
        out.truncate(MOST);
        out.push(difference(&format!("{more} more fields"), "", ""));
    }
    out
}

fn difference(what: &str, old: &str, new: &str) -> Difference {
    Difference { what: SafeText::new(what), old: SafeText::new(old), new: SafeText::new(new) }
}

fn coming_or_going(what: &str, before: bool, after: bool) -> Difference {
    difference(what, if before { "there" } else { "" }, if after { "there" } else { "" })
}

fn pointer(value: &Value, path: &str) -> Value {
    value.pointer(path).cloned().unwrap_or(Value::Null)
}

fn named<'a>(template: &'a Value, list: &str) -> BTreeMap<&'a str, &'a Value> {
    by_name(template.pointer("/spec").and_then(|s| s.get(list)))
}

fn by_name(list: Option<&Value>) -> BTreeMap<&str, &Value> {
    let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| Some((item.get("name")?.as_str()?, item))).collect()
}

fn keys<'a>(a: &BTreeMap<&'a str, &Value>, b: &BTreeMap<&'a str, &Value>) -> BTreeSet<&'a str> {
    a.keys().chain(b.keys()).copied().collect()
}

fn container(what: &str, old: &Value, new: &Value, out: &mut Vec<Difference>) {
    let (before, after) = (by_name(old.get("env")), by_name(new.get("env")));
    for name in keys(&before, &after) {
        let (a, b) = (before.get(name), after.get(name));
        match (a, b) {
            (Some(a), Some(b)) if a == b => {}
            (Some(_), Some(_)) => {
                out.push(difference(&format!("env {name} of {what}"), "set", "set otherwise"))
            }
            _ => out.push(difference(
                &format!("env {name} of {what}"),
                if a.is_some() { "set" } else { "" },
                if b.is_some() { "set" } else { "" },
            )),
        }
    }
    fields(what, old, new, &["name", "env"], out);
}

fn named_things(old: &Value, new: &Value, list: &str, word: &str, out: &mut Vec<Difference>) {
    let (before, after) = (named(old, list), named(new, list));
    for name in keys(&before, &after) {
        match (before.get(name), after.get(name)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(_), Some(_)) => out.push(difference(&format!("{word} {name}"), "there", "changed")),
            (a, b) => out.push(coming_or_going(&format!("{word} {name}"), a.is_some(), b.is_some())),
        }
    }
}

/// Every other field that differs, by name; the content only where it is known to be harmless.
fn fields(what: &str, old: &Value, new: &Value, except: &[&str], out: &mut Vec<Difference>) {
    let empty = serde_json::Map::new();
    let (before, after) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in all.into_iter().filter(|k| !except.contains(&k.as_str())) {
        let a = before.get(key).filter(|v| !v.is_null());
        let b = after.get(key).filter(|v| !v.is_null());
        if a == b {
            continue;
        }
        let shown = SHOWN.contains(&key.as_str());
        let text = |value: Option<&Value>, word: &str| match value {
            None => String::new(),
            Some(Value::String(text)) if shown => text.clone(),
            Some(value) if shown => value.to_string(),
            Some(_) => word.to_owned(),
        };
        let new_word = if a.is_some() { "changed" } else { "there" };
        out.push(difference(&format!("{key} of {what}"), &text(a, "there"), &text(b, new_word)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture;
    use super::*;

    fn told(old: &Value, new: &Value) -> Vec<(String, String, String)> {
        differences(old, new)
            .into_iter()
            .map(|d| (d.what.to_string(), d.old.to_string(), d.new.to_string()))
            .collect()
    }

    #[test]
    fn differences_are_told_by_name_and_values_of_variables_never() {
        let old = fixture::replica_set("web-1", "1", "web:v1").0["spec"]["template"].clone();
        let mut new = fixture::deployment().image("web:v2").0["spec"]["template"].clone();
        let c = &mut new["spec"]["containers"][0];
        c["env"] =
            json!([{"name":"LOG_LEVEL","value":"SECRET-CANARY"},{"name":"NEW","value":"SECRET-CANARY"}]);
        c["resources"] = json!({"limits":{"memory":"1Gi"}});
        c["livenessProbe"] = json!({"httpGet":{"path":"/"}});
        c["command"] = json!(["run"]);
        new["spec"]["volumes"] = json!([{"name":"data","emptyDir":{}}]);
        new["spec"]["unheardOf"] = json!("SECRET-CANARY");
        let all = told(&old, &new);
        assert_eq!(all[0], ("image of container web".into(), "web:v1".into(), "web:v2".into()));
        let names: Vec<&str> = all.iter().map(|(what, _, _)| what.as_str()).collect();
        for expected in [
            "env LOG_LEVEL of container web",
            "env NEW of container web",
            "resources of container web",
            "livenessProbe of container web",
            "command of container web",
            "volume data",
            "unheardOf of pod",
        ] {
            assert!(names.contains(&expected), "{expected} is missing from {names:?}");
        }
        assert!(!format!("{all:?}").contains("CANARY"));
        assert!(!names.iter().any(|n| n.contains("pod-template-hash") || n.contains("creationTimestamp")));
    }

    #[test]
    fn equal_templates_do_not_differ() {
        let set = fixture::replica_set("web-1", "1", "r.test/web:v2").0["spec"]["template"].clone();
        let deployment = fixture::deployment().0["spec"]["template"].clone();
        assert_eq!(told(&set, &deployment), []);
        assert_eq!(without_marks(&set), deployment);
    }
}
