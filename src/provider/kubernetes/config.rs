//! The ConfigMaps and Secrets that a pod template refers to. They are no part of a revision: going back takes their
//! names back and leaves what is in them.
//!
//! Only their metadata is ever asked for: the API server sends no values. Knows nothing of what they hold.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;

use super::link::Link;
use crate::domain::{Cause, Hazard, Severity};

/// More than so many are not looked up for one plan.
const MOST: usize = 24;

/// What kind of object holds the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
        }
    }
}

/// Whether pods start without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

/// What a template refers to, by kind and name.
pub(super) type References = BTreeMap<(Kind, String), Need>;

/// Everything that a template refers to: volumes (projected ones too), `envFrom` and single variables.
pub(super) fn references(template: &Value) -> References {
    let mut found = References::new();
    let spec = template.pointer("/spec").unwrap_or(&Value::Null);
    for volume in items(spec, "volumes") {
        of_volume(volume, &mut found);
        for source in items(volume.get("projected").unwrap_or(&Value::Null), "sources") {
            of_volume(source, &mut found);
        }
    }
    for container in items(spec, "initContainers").chain(items(spec, "containers")) {
        for from in items(container, "envFrom") {
            add(Kind::ConfigMap, from.get("configMapRef"), "name", &mut found);
            add(Kind::Secret, from.get("secretRef"), "name", &mut found);
        }
        for variable in items(container, "env") {
            add(Kind::ConfigMap, variable.pointer("/valueFrom/configMapKeyRef"), "name", &mut found);
            add(Kind::Secret, variable.pointer("/valueFrom/secretKeyRef"), "name", &mut found);
        }
    }
    found
}

fn items<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    value.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn of_volume(volume: &Value, found: &mut References) {
    add(Kind::ConfigMap, volume.get("configMap"), "name", found);
    // A volume calls it otherwise than a projection does.
    let secret = volume.get("secret");
    add(Kind::Secret, secret, "secretName", found);
    add(Kind::Secret, secret, "name", found);
}

fn add(kind: Kind, reference: Option<&Value>, key: &str, found: &mut References) {
    let Some(name) = reference.and_then(|r| r.get(key)).and_then(Value::as_str) else { return };
    let optional = reference.and_then(|r| r.get("optional")).and_then(Value::as_bool) == Some(true);
    let need = found.entry((kind, name.to_owned())).or_insert(Need::Optional);
    if !optional {
        *need = Need::Required;
    }
}

/// How one of them stands.
enum Standing {
    /// Last written then; none if the server does not say.
    Written(Option<Timestamp>),
    Gone,
    Untold,
}

/// What is to be known of the config of a revision that was made at `made`.
pub(super) async fn hazards(
    link: &Link,
    namespace: &str,
    template: &Value,
    made: Option<Timestamp>,
) -> Vec<Hazard> {
    let references = references(template);
    let looks = references.keys().take(MOST).map(|(kind, name)| look(link, namespace, *kind, name));
    let stood = join_all(looks).await;
    let mut hazards = Vec::new();
    let mut untold: Vec<String> = references.keys().skip(MOST).map(called).collect();
    for ((which, need), standing) in references.iter().zip(stood) {
        let name = called(which);
        match (standing, made) {
            (Standing::Gone, _) if *need == Need::Required => hazards.push(Hazard::new(
                Severity::Blocking,
                format!("{name}, which this revision needs, is gone: its pods could not start"),
            )),
            (Standing::Gone, _) => {}
            (Standing::Written(Some(written)), Some(made)) if written > made => hazards.push(Hazard::new(
                Severity::Warning,
                format!(
                    "{name} was changed at {written}, after this revision was made: the config is not part of it and \
                     stays as it is"
                ),
            )),
            (Standing::Written(Some(_)), Some(_)) => {}
            (Standing::Written(_) | Standing::Untold, _) => untold.push(name),
        }
    }
    if !untold.is_empty() {
        hazards.push(Hazard::new(
            Severity::Note,
            format!(
                "whether {} changed since could not be seen: the config is not part of the revision",
                untold.join(", ")
            ),
        ));
    }
    hazards
}

fn called((kind, name): &(Kind, String)) -> String {
    format!("{} {name}", kind.word())
}

async fn look(link: &Link, namespace: &str, kind: Kind, name: &str) -> Standing {
    if !super::is_name(name) {
        return Standing::Untold;
    }
    let path = format!("/api/v1/namespaces/{namespace}/{}/{name}", kind.plural());
    match link.metadata(&path).await {
        Ok(object) => Standing::Written(last_written(&object)),
        Err(fault) if fault.cause == Cause::NotFound => Standing::Gone,
        Err(_) => Standing::Untold,
    }
}

/// The last write that `managedFields` tells, else its creation.
fn last_written(object: &Value) -> Option<Timestamp> {
    let at = |value: Option<&Value>| value.and_then(Value::as_str).and_then(|t| t.parse::<Timestamp>().ok());
    let metadata = object.get("metadata")?;
    let writes = items(metadata, "managedFields").filter_map(|entry| at(entry.get("time")));
    writes.chain(at(metadata.get("creationTimestamp"))).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_refer_to_config_is_known_and_one_hard_need_outweighs_an_optional_one() {
        let template = json!({"spec": {
            "volumes": [
                {"name": "a", "configMap": {"name": "files"}},
                {"name": "b", "secret": {"secretName": "tls", "optional": true}},
                {"name": "c", "projected": {"sources": [{"secret": {"name": "joined"}}, {"configMap": {"name": "rules"}}]}},
                {"name": "d", "emptyDir": {}}
            ],
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "tls"}}]}],
            "containers": [{"name": "web",
                "envFrom": [{"configMapRef": {"name": "flags", "optional": true}}],
                "env": [
                    {"name": "A", "value": "plain"},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "login", "key": "k"}}},
                    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "files", "key": "k"}}}
                ]}]
        }});
        let found: Vec<_> =
            references(&template).into_iter().map(|((kind, name), need)| (kind, name, need)).collect();
        use Need::{Optional, Required};
        let expected = [
            (Kind::ConfigMap, "files", Required),
            (Kind::ConfigMap, "flags", Optional),
            (Kind::ConfigMap, "rules", Required),
            (Kind::Secret, "joined", Required),
            (Kind::Secret, "login", Required),
            (Kind::Secret, "tls", Required),
        ];
        assert_eq!(found, expected.map(|(kind, name, need)| (kind, name.to_owned(), need)));
        assert!(references(&Value::Null).is_empty());
    }

    #[test]
    fn the_last_write_is_the_newest_that_the_server_tells() {
        let object = json!({"metadata": {"creationTimestamp": "2026-11-01T08:00:00Z", "managedFields": [
            {"manager": "kubectl", "time": "2026-11-20T08:00:00Z"}, {"manager": "old", "time": "2026-11-02T08:00:00Z"}, {}
        ]}});
        assert_eq!(last_written(&object), Some("2026-11-20T08:00:00Z".parse().unwrap()));
        let bare = json!({"metadata": {"creationTimestamp": "2026-11-01T08:00:00Z"}});
        assert_eq!(last_written(&bare), Some("2026-11-01T08:00:00Z".parse().unwrap()));
        assert_eq!(last_written(&json!({})), None);
    }
}
