//! What lies between two specifications of a service, as far as an operator may read it.
//!
//! Values of environment variables, labels, commands and driver options may be secrets: they are told by name only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::wire::Spec;
use crate::domain::SafeText;
use crate::domain::intent::Difference;

/// How many differences are told one by one.
const MOST: usize = 60;
/// Stands where a value is not shown.
const HIDDEN: &str = "(value not shown)";

/// The difference that another image makes.
pub(super) fn image(old: &str, new: &str) -> Difference {
    Difference { what: "image".into(), old: old.into(), new: new.into() }
}

/// What changes from `old` to `new`: the image first, then what is known by name, then the rest by path.
pub(super) fn specs(old: &Spec, new: &Spec) -> Vec<Difference> {
    let mut found = Vec::new();
    let (old_image, new_image) = (old.image().reference(), new.image().reference());
    if old_image != new_image {
        found.push(image(&old_image, &new_image));
    }
    if let (Some(a), Some(b)) = (old.replicas(), new.replicas())
        && a != b
    {
        found.push(shown("replicas", a.to_string(), b.to_string()));
    }
    let (a, b) = (old.container(), new.container());
    hidden("env", &variables(a), &variables(b), &mut found);
    hidden("container label", &members(a, "Labels"), &members(b, "Labels"), &mut found);
    hidden("label", &members(&old.whole, "Labels"), &members(&new.whole, "Labels"), &mut found);
    open("mount", &mounts(a), &mounts(b), &mut found);
    open("config", &files(a, "Configs", "ConfigName"), &files(b, "Configs", "ConfigName"), &mut found);
    open("secret", &files(a, "Secrets", "SecretName"), &files(b, "Secrets", "SecretName"), &mut found);
    open("constraint", &constraints(&old.whole), &constraints(&new.whole), &mut found);
    let mut rest = BTreeSet::new();
    walk(&old.whole, &new.whole, "", &mut rest);
    found.extend(rest.into_iter().map(|path| shown(&path, HIDDEN.to_owned(), HIDDEN.to_owned())));
    if found.len() > MOST {
        let more = found.len() - MOST;
        found.truncate(MOST);
        found.push(shown(&format!("and {more} more"), String::new(), String::new()));
    }
    found
}

fn shown(what: &str, old: String, new: String) -> Difference {
    Difference { what: what.into(), old: SafeText::new(&old), new: SafeText::new(&new) }
}

/// Named things whose values may be read.
fn open(
    kind: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    to: &mut Vec<Difference>,
) {
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (a, b) = (old.get(name), new.get(name));
        if a != b {
            let text = |v: Option<&String>| v.cloned().unwrap_or_default();
            to.push(shown(&format!("{kind} {name}"), text(a), text(b)));
        }
    }
}

/// Named things whose values may be secrets.
fn hidden(
    kind: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    to: &mut Vec<Difference>,
) {
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (a, b) = (old.get(name), new.get(name));
        if a != b {
            let text = |v: Option<&String>| v.map_or("", |_| HIDDEN).to_owned();
            to.push(shown(&format!("{kind} {name}"), text(a), text(b)));
        }
    }
}

fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn variables(container: &Value) -> BTreeMap<String, String> {
    let split = |v: &str| {
        let (name, value) = v.split_once('=').unwrap_or((v, ""));
        (name.to_owned(), value.to_owned())
    };
    list(container, "Env").filter_map(Value::as_str).map(split).collect()
}

fn members(of: &Value, key: &str) -> BTreeMap<String, String> {
    let object = of.get(key).and_then(Value::as_object);
    object.into_iter().flatten().map(|(k, v)| (k.clone(), v.to_string())).collect()
}

fn mounts(container: &Value) -> BTreeMap<String, String> {
    let told = |mount: &Value| {
        let mode =
            if mount.get("ReadOnly").and_then(Value::as_bool) == Some(true) { " read-only" } else { "" };
        let source = format!("{} {}{mode}", text(mount, "Type"), text(mount, "Source"));
        (text(mount, "Target").to_owned(), source)
    };
    list(container, "Mounts").map(told).collect()
}

fn files(container: &Value, key: &str, name: &str) -> BTreeMap<String, String> {
    let told = |file: &Value| {
        let place = file.get("File").map_or("", |f| text(f, "Name"));
        (place.to_owned(), text(file, name).to_owned())
    };
    list(container, key).map(told).collect()
}

fn constraints(spec: &Value) -> BTreeMap<String, String> {
    let placement = spec.pointer("/TaskTemplate/Placement").unwrap_or(&Value::Null);
    let told = |c: &str| (c.to_owned(), "required".to_owned());
    list(placement, "Constraints").filter_map(Value::as_str).map(told).collect()
}

/// Paths that are told above, by name.
const TOLD: [&str; 9] = [
    "Labels",
    "Mode.Replicated.Replicas",
    "TaskTemplate.ContainerSpec.Image",
    "TaskTemplate.ContainerSpec.Env",
    "TaskTemplate.ContainerSpec.Labels",
    "TaskTemplate.ContainerSpec.Mounts",
    "TaskTemplate.ContainerSpec.Configs",
    "TaskTemplate.ContainerSpec.Secrets",
    "TaskTemplate.Placement.Constraints",
];

/// Paths of everything else that differs; lists are told as a whole, and what is empty equals what is absent.
fn walk(old: &Value, new: &Value, path: &str, to: &mut BTreeSet<String>) {
    if old == new || TOLD.contains(&path) {
        return;
    }
    let (Some(a), Some(b)) = (object(old), object(new)) else {
        to.insert(path.to_owned());
        return;
    };
    for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        walk(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), &path, to);
    }
}

fn object(value: &Value) -> Option<serde_json::Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map.clone()),
        Value::Null => Some(serde_json::Map::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> Spec {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn differences_name_variables_and_never_show_their_values() {
        let old = spec(
            r#"{"Name":"web","Labels":{"auth":"s3cret-a"},"Mode":{"Replicated":{"Replicas":2}},"TaskTemplate":{"ContainerSpec":{
            "Image":"r/web:v1","Env":["A=s3cret-a","B=same","GONE=s3cret-c"],"Args":["--token=s3cret-d"],
            "Mounts":[{"Type":"volume","Source":"data","Target":"/data"}]},"Placement":{"Constraints":["node.role==worker"]}}}"#,
        );
        let new = spec(
            r#"{"Name":"web","Labels":{"auth":"s3cret-b"},"Mode":{"Replicated":{"Replicas":3}},"TaskTemplate":{"ContainerSpec":{
            "Image":"r/web:v2","Env":["A=s3cret-b","B=same","NEW=s3cret-e"],"Args":["--token=s3cret-f"],
            "Mounts":[{"Type":"volume","Source":"data2","Target":"/data","ReadOnly":true}]},"Placement":{}}}"#,
        );
        let found = specs(&old, &new);
        let what: Vec<_> = found.iter().map(|d| d.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "image",
                "replicas",
                "env A",
                "env GONE",
                "env NEW",
                "label auth",
                "mount /data",
                "constraint node.role==worker",
                "TaskTemplate.ContainerSpec.Args"
            ]
        );
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
    }

    #[test]
    fn equal_specifications_do_not_differ() {
        let json =
            r#"{"Name":"web","Mode":{"Global":{}},"TaskTemplate":{"ContainerSpec":{"Image":"r/web:v1"}}}"#;
        assert_eq!(specs(&spec(json), &spec(json)), []);
    }
}
