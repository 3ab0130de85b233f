//! The request that makes a container like another one, from another image. Every setting is carried over as the engine
//! wrote it, byte for byte, known to us or not; what the old image gave and nobody asked for is left to the new one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::wire::shape;
use super::hazard::{blocking, warning};
use crate::domain::{Cause, Fault, Hazard};

/// A container, as far as a new one is made from it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw<'a> {
    id: String,
    #[serde(borrow)]
    config: BTreeMap<String, &'a RawValue>,
    #[serde(borrow)]
    host_config: BTreeMap<String, &'a RawValue>,
    #[serde(default)]
    network_settings: Networks,
    #[serde(default)]
    mounts: Option<Vec<Mount>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networks {
    #[serde(default)]
    networks: Option<BTreeMap<String, BTreeMap<String, Value>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    destination: String,
}

/// What a new container is made of.
pub(super) struct New<'a> {
    /// Pinned by digest.
    pub(super) reference: &'a str,
    /// Labels besides those of the old one.
    pub(super) marks: BTreeMap<&'static str, &'a str>,
    /// What the old image gives its containers.
    pub(super) defaults: &'a Value,
    /// What the others on its networks call the old container.
    pub(super) alias: &'a str,
    /// Whether the engine takes more than one network when a container is made (API 1.44).
    pub(super) networks: AtOnce,
}

/// How many networks a container can be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtOnce {
    One,
    All,
}

/// The request, and what goes with it.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) body: String,
    /// Networks that it is to be connected to afterwards, each with its settings there.
    pub(super) connect: Vec<(String, Value)>,
    pub(super) hazards: Vec<Hazard>,
    /// Settings that the image gives.
    pub(super) from_image: BTreeSet<&'static str>,
}

/// Makes the request from the engine's answer about the old container.
///
/// # Errors
/// [`Cause::Malformed`] when the answer is not as documented.
pub(super) fn carry(inspect: &str, new: &New<'_>) -> Result<Carried, Fault> {
    let raw: Raw<'_> = serde_json::from_str(inspect)
        .map_err(|e| Fault::new(Cause::Malformed, format!("the container's settings: {}", shape(&e))))?;
    let mut hazards = Vec::new();
    let mut members = BTreeMap::new();
    let mut from_image = BTreeSet::new();
    config(&raw, new, &mut members, &mut from_image)?;
    members.insert("HostConfig".to_owned(), host_config(&raw, &mut hazards)?);
    let (first, connect) = networks(&raw, new);
    if !first.is_empty() {
        members.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": first }).to_string());
    }
    Ok(Carried { body: object(&members), connect, hazards, from_image })
}

/// An object whose members are JSON texts.
fn object(members: &BTreeMap<String, String>) -> String {
    let members: Vec<String> =
        members.iter().map(|(k, v)| format!("{}:{v}", Value::from(k.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

fn value(raw: &RawValue) -> Result<Value, Fault> {
    serde_json::from_str(raw.get())
        .map_err(|e| Fault::new(Cause::Malformed, format!("the container's settings: {}", shape(&e))))
}

/// What a container takes from its image unless told otherwise, by the name that both have for it.
const WHOLE: [&str; 6] = ["WorkingDir", "User", "StopSignal", "Shell", "Healthcheck", "OnBuild"];
/// The same, member by member.
const BY_MEMBER: [&str; 3] = ["ExposedPorts", "Volumes", "Labels"];

fn config(
    raw: &Raw<'_>,
    new: &New<'_>,
    members: &mut BTreeMap<String, String>,
    from_image: &mut BTreeSet<&'static str>,
) -> Result<(), Fault> {
    let given = |name: &str| new.defaults.get(name).cloned().unwrap_or(Value::Null);
    for (name, text) in &raw.config {
        members.insert(name.clone(), text.get().to_owned());
    }
    members.insert("Image".to_owned(), Value::from(new.reference).to_string());
    for name in WHOLE {
        if let Some(text) = raw.config.get(name).filter(|_| !empty(&given(name)))
            && value(text)? == given(name)
        {
            members.remove(name);
            from_image.insert(name);
        }
    }
    // A command belongs to its entrypoint: that of the image is left to it only if both are the image's.
    let own = |name| -> Result<bool, Fault> {
        raw.config.get(name).map_or(Ok(true), |t| Ok(value(t)? == given(name)))
    };
    if own("Entrypoint")? {
        members.remove("Entrypoint");
        from_image.insert("Entrypoint");
        if own("Cmd")? {
            members.remove("Cmd");
            from_image.insert("Cmd");
        }
    }
    if let (Some(text), Value::Array(images)) = (raw.config.get("Env"), given("Env"))
        && let Value::Array(all) = value(text)?
    {
        let kept: Vec<Value> = all.into_iter().filter(|v| !images.contains(v)).collect();
        members.insert("Env".to_owned(), Value::from(kept).to_string());
    }
    for name in BY_MEMBER {
        let mut kept = match raw.config.get(name).map(|t| value(t)).transpose()? {
            Some(Value::Object(all)) => all,
            _ => serde_json::Map::new(),
        };
        let images = given(name);
        kept.retain(|key, value| images.get(key) != Some(value));
        if name == "Labels" {
            kept.extend(new.marks.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))));
        }
        members.insert(name.to_owned(), Value::from(kept).to_string());
    }
    if !own_hostname(raw)? {
        members.remove("Hostname");
    }
    Ok(())
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Whether somebody named the host: else the engine did, after the container's id or after its own host.
fn own_hostname(raw: &Raw<'_>) -> Result<bool, Fault> {
    let mode = network_mode(raw)?;
    if mode == "host" || mode.starts_with("container:") {
        return Ok(false);
    }
    let name = raw.config.get("Hostname").map(|t| value(t)).transpose()?;
    Ok(name.as_ref().and_then(Value::as_str).is_some_and(|name| !raw.id.starts_with(name)))
}

fn network_mode(raw: &Raw<'_>) -> Result<String, Fault> {
    let mode = raw.host_config.get("NetworkMode").map(|t| value(t)).transpose()?;
    Ok(mode.and_then(|m| m.as_str().map(str::to_owned)).unwrap_or_default())
}

/// The host's part as it was, with the anonymous volumes of the old container named in it.
fn host_config(raw: &Raw<'_>, hazards: &mut Vec<Hazard>) -> Result<String, Fault> {
    let mut members: BTreeMap<String, String> =
        raw.host_config.iter().map(|(name, text)| (name.clone(), text.get().to_owned())).collect();
    let read = |name: &str| raw.host_config.get(name).map(|t| value(t)).transpose();
    let list = |value: Option<Value>| match value {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    if !empty(&read("Links")?.unwrap_or(Value::Null)) {
        hazards.push(blocking(
            "Links of the default network cannot be carried over: use a network of your own, or replace it by hand.".into(),
        ));
    }
    let mut binds = list(read("Binds")?);
    let told = list(read("Mounts")?);
    let bound: Vec<String> = binds
        .iter()
        .filter_map(|b| b.as_str()?.split(':').nth(1).map(str::to_owned))
        .chain(told.iter().filter_map(|m| m.get("Target")?.as_str().map(str::to_owned)))
        .collect();
    let volumes = raw.mounts.iter().flatten().filter(|m| m.kind == "volume");
    let mut added = false;
    for mount in volumes.filter(|m| !bound.contains(&m.destination)) {
        match &mount.name {
            Some(name) => {
                binds.push(Value::from(format!("{name}:{}", mount.destination)));
                added = true;
            }
            None => {
                hazards.push(warning(format!("The volume at {} cannot be carried over.", mount.destination)))
            }
        }
    }
    let unnamed = |m: &&Value| {
        m.get("Type").and_then(Value::as_str) == Some("volume")
            && m.get("Source").and_then(Value::as_str).is_none_or(str::is_empty)
    };
    for mount in told.iter().filter(unnamed) {
        let target = mount.get("Target").and_then(Value::as_str).unwrap_or_default();
        hazards.push(warning(format!(
            "The anonymous volume at {target} is not carried over: the new container begins with an empty one."
        )));
    }
    if added {
        members.insert("Binds".to_owned(), Value::from(binds).to_string());
    }
    hazards.extend(free_ports(read("PortBindings")?.as_ref()));
    Ok(object(&members))
}

/// Ports of the host that the engine chose: it will choose others.
fn free_ports(bindings: Option<&Value>) -> Option<Hazard> {
    let chosen = |binding: &Value| {
        let port = binding.get("HostPort").and_then(Value::as_str).unwrap_or_default();
        port.is_empty() || port == "0"
    };
    let ports: Vec<&str> = bindings?
        .as_object()?
        .iter()
        .filter(|(_, list)| list.as_array().is_some_and(|list| list.iter().any(chosen)))
        .map(|(port, _)| port.as_str())
        .collect();
    (!ports.is_empty()).then(|| {
        warning(format!(
            "The engine chooses the host's port for {}: it will be another one.",
            ports.join(", ")
        ))
    })
}

/// What of a container's place on a network was asked for; the rest is the engine's.
const ASKED_FOR: [&str; 4] = ["IPAMConfig", "Links", "DriverOpts", "GwPriority"];

type Endpoints = BTreeMap<String, Value>;

/// The networks that the container is made with, and those that it is connected to afterwards.
fn networks(raw: &Raw<'_>, new: &New<'_>) -> (Endpoints, Vec<(String, Value)>) {
    let mode = network_mode(raw).unwrap_or_default();
    let mut all: Vec<(String, Value)> = Vec::new();
    for (name, endpoint) in raw.network_settings.networks.iter().flatten() {
        let mut kept: BTreeMap<String, Value> = BTreeMap::new();
        let asked = ASKED_FOR.iter().filter_map(|key| Some((*key, endpoint.get(*key)?)));
        kept.extend(asked.filter(|(_, v)| !empty(v)).map(|(k, v)| (k.to_owned(), v.clone())));
        if !["bridge", "host", "none"].contains(&name.as_str()) {
            let aliases = endpoint.get("Aliases").and_then(Value::as_array).into_iter().flatten();
            let aliases = aliases.filter_map(Value::as_str).filter(|a| !raw.id.starts_with(a));
            let aliases: BTreeSet<&str> = aliases.chain([new.alias]).collect();
            kept.insert("Aliases".to_owned(), json!(aliases));
        } else if kept.is_empty() {
            // The network mode says it already.
            continue;
        }
        all.push((name.clone(), json!(kept)));
    }
    all.sort_by_key(|(name, _)| *name != mode);
    if new.networks == AtOnce::All {
        return (all.into_iter().collect(), Vec::new());
    }
    let first = all.iter().position(|(name, _)| *name == mode).map(|at| all.remove(at));
    (first.into_iter().collect(), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"Id":"aabbccddeeff00112233","Name":"/web","Config":{"Image":"r/web:v1","Hostname":"aabbccddeeff",
        "Env":["PATH=/bin","VERSION=1","TOKEN=hunter2"],"Cmd":["serve","--old"],"Entrypoint":null,"WorkingDir":"/srv",
        "User":"7","Labels":{"from":"image","team":"shop"},"ExposedPorts":{"80/tcp":{},"81/tcp":{}},"Volumes":null,
        "Future":{"z":1,"a":[0.10,1e3]}},
        "HostConfig":{"NetworkMode":"shop","Binds":["/etc/web:/etc/web:ro"],"PortBindings":{"80/tcp":[{"HostPort":"8080"}]},
        "Later": 1.50,"Links":null},
        "Mounts":[{"Type":"bind","Source":"/etc/web","Destination":"/etc/web"},
          {"Type":"volume","Name":"0123abcd","Source":"/x","Destination":"/data"}],
        "NetworkSettings":{"Networks":{
          "shop":{"IPAMConfig":{"IPv4Address":"10.1.0.9"},"Aliases":["web","front","aabbccddeeff"],"NetworkID":"n","IPAddress":"10.1.0.9"},
          "back":{"IPAMConfig":null,"Aliases":["aabbccddeeff"],"NetworkID":"m"}}}}"#;

    fn carried(networks: AtOnce) -> (Carried, Value) {
        let defaults = json!({"Env": ["PATH=/bin", "VERSION=1"], "Cmd": ["serve", "--old"], "WorkingDir": "/srv",
            "Labels": {"from": "image"}, "ExposedPorts": {"80/tcp": {}}});
        let marks = BTreeMap::from([("gonogo.group", "web")]);
        let new = New { reference: "r/web:v2@sha256:aa", marks, defaults: &defaults, alias: "web", networks };
        let carried = carry(OLD, &new).unwrap();
        let body = serde_json::from_str(&carried.body).unwrap();
        (carried, body)
    }

    #[test]
    fn what_was_asked_for_is_carried_over_and_what_the_old_image_gave_is_not() {
        let (carried, body) = carried(AtOnce::All);
        assert_eq!(body["Image"], "r/web:v2@sha256:aa");
        assert_eq!(body["Env"], json!(["TOKEN=hunter2"]));
        assert_eq!(body["Labels"], json!({"team": "shop", "gonogo.group": "web"}));
        assert_eq!(body["ExposedPorts"], json!({"81/tcp": {}}));
        assert_eq!(body["User"], "7");
        for left in ["Cmd", "Entrypoint", "WorkingDir", "Hostname"] {
            assert_eq!(body.get(left), None, "{left}");
        }
        assert!(carried.from_image.contains("Cmd"));
        assert!(
            carried.body.contains(r#""Future":{"z":1,"a":[0.10,1e3]}"#),
            "byte for byte: {}",
            carried.body
        );
        assert!(carried.body.contains(r#""Later":1.50"#), "byte for byte: {}", carried.body);
        assert_eq!(carried.hazards, []);
    }

    #[test]
    fn networks_with_their_names_and_addresses_and_volumes_without_a_name_come_along() {
        let (_, body) = carried(AtOnce::All);
        let networks = &body["NetworkingConfig"]["EndpointsConfig"];
        assert_eq!(
            networks["shop"],
            json!({"IPAMConfig": {"IPv4Address": "10.1.0.9"}, "Aliases": ["front", "web"]})
        );
        assert_eq!(networks["back"], json!({"Aliases": ["web"]}));
        assert_eq!(body["HostConfig"]["Binds"], json!(["/etc/web:/etc/web:ro", "0123abcd:/data"]));
        assert_eq!(body["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"], "8080");
    }

    #[test]
    fn an_engine_that_takes_one_network_gets_the_others_afterwards() {
        let (carried, body) = carried(AtOnce::One);
        let first: Vec<_> = body["NetworkingConfig"]["EndpointsConfig"].as_object().unwrap().keys().collect();
        assert_eq!(first, ["shop"]);
        assert_eq!(carried.connect, [("back".to_owned(), json!({"Aliases": ["web"]}))]);
    }

    #[test]
    fn what_cannot_be_carried_over_is_said() {
        let old = OLD
            .replace(
                r#""Links":null"#,
                r#""Links":["/db:/web/db"],"Mounts":[{"Type":"volume","Target":"/cache"}]"#,
            )
            .replace("8080", "");
        let new = New {
            reference: "r",
            marks: BTreeMap::new(),
            defaults: &Value::Null,
            alias: "web",
            networks: AtOnce::All,
        };
        let texts: Vec<String> =
            carry(&old, &new).unwrap().hazards.iter().map(|h| h.text.to_string()).collect();
        for part in [
            "Links of the default network",
            "/cache is not carried over",
            "chooses the host's port for 80/tcp",
        ] {
            assert!(texts.iter().any(|t| t.contains(part)), "{part}: {texts:?}");
        }
    }
}
