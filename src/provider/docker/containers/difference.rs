//! What lies between two containers, as far as an operator may read it: values may be secrets, so they are told by name
//! only.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::super::wire;
use crate::domain::intent::Difference;
use crate::domain::{Fault, SafeText};

/// Stands where a value is not shown.
const HIDDEN: &str = "(value not shown)";
/// Differs between any two containers.
const OWN: [&str; 3] = ["Image", "Hostname", "Labels"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parts {
    config: BTreeMap<String, Value>,
    host_config: BTreeMap<String, Value>,
}

/// Settings that differ, by name: environment variables one by one, everything else as a whole.
pub(super) fn settings(old: &str, new: &str) -> Result<Vec<Difference>, Fault> {
    let (old, new): (Parts, Parts) = (wire::read("container", old)?, wire::read("container", new)?);
    let (a, b) = (variables(&old.config), variables(&new.config));
    let mut names: Vec<String> = differing(&a, &b).map(|name| format!("env {name}")).collect();
    let config = differing(&old.config, &new.config).filter(|n| *n != "Env" && !OWN.contains(n));
    names.extend(config.map(str::to_owned));
    names.extend(differing(&old.host_config, &new.host_config).map(|n| format!("HostConfig.{n}")));
    Ok(names.iter().map(|name| hidden(name)).collect())
}

/// What an image gives its containers, where two images differ in it and the container has no setting of its own.
pub(super) fn defaults(old: &Value, new: &Value, names: &BTreeSet<&str>) -> Vec<Difference> {
    let differ = |name: &&&str| old.get(**name) != new.get(**name);
    names.iter().filter(differ).map(|name| hidden(&format!("{name} of the image"))).collect()
}

fn hidden(what: &str) -> Difference {
    Difference { what: SafeText::new(what), old: HIDDEN.into(), new: HIDDEN.into() }
}

fn differing<'a>(
    a: &'a BTreeMap<String, Value>,
    b: &'a BTreeMap<String, Value>,
) -> impl Iterator<Item = &'a str> {
    let names: BTreeSet<&str> = a.keys().chain(b.keys()).map(String::as_str).collect();
    let empty = |v: Option<&Value>| v.filter(|v| !matches!(v, Value::Null)).cloned();
    names.into_iter().filter(move |name| empty(a.get(*name)) != empty(b.get(*name)))
}

fn variables(config: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let list = config.get("Env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    list.map(|v| v.split_once('=').map_or((v.to_owned(), Value::from("")), |(n, v)| (n.to_owned(), v.into())))
        .collect()
}
