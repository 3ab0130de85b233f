//! What a binding means: a Swarm service, a service of a Compose project, or a plain container and its successors.

use std::collections::BTreeMap;

use super::wire::Row;
use crate::domain::{Bound, Cause, Fault};

/// The key of a binding that names the label which tells blue from green.
pub(in super::super) const COLOUR: &str = "colour_label";
/// That label, unless another is configured.
const COLOUR_LABEL: &str = "gonogo.color";
/// On every successor of a plain container: the name of the first.
pub(super) const GROUP_LABEL: &str = "gonogo.group";
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// What runs in the place that is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Unit {
    /// A Swarm service, by name or id.
    Service(String),
    /// Containers.
    Containers(Group),
}

/// Containers that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Group {
    pub(super) kind: GroupKind,
    /// The label that tells blue from green.
    pub(super) colour: String,
}

/// By what they belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GroupKind {
    Compose { project: String, service: String },
    Container { name: String },
}

impl Unit {
    /// What the binding of an environment names.
    ///
    /// # Errors
    /// [`Cause::Local`] unless it names exactly one thing.
    pub(in super::super) fn of(bound: &Bound) -> Result<Self, Fault> {
        let text = |key| bound.settings.text(key);
        let colour = text(COLOUR).unwrap_or(COLOUR_LABEL).to_owned();
        let containers = |kind| Ok(Self::Containers(Group { kind, colour: colour.clone() }));
        let unit = match (text("service"), text("project"), text("compose_service"), text("container")) {
            (Some(service), None, None, None) => Ok(Self::Service(service.to_owned())),
            (None, Some(project), Some(service), None) => containers(GroupKind::Compose {
                project: named("project", project)?,
                service: named("compose_service", service)?,
            }),
            (None, None, None, Some(name)) => {
                containers(GroupKind::Container { name: named("container", name.trim_start_matches('/'))? })
            }
            (None, Some(_), None, None) => wrong("project alone names no service of that project"),
            (None, None, Some(_), None) => wrong("compose_service needs the project that it is part of"),
            (None, None, None, None) => wrong("the binding names nothing that runs there"),
            _ => wrong("the binding names more than one thing"),
        };
        match unit {
            Ok(Self::Service(name)) if text(COLOUR).is_some() => {
                wrong(&format!("{COLOUR} is for containers, and {name} is a Swarm service"))
            }
            unit => unit,
        }
    }
}

fn wrong<T>(why: &str) -> Result<T, Fault> {
    Err(Fault::new(Cause::Local, format!("deploy: {why}")).with_hint(
        "exactly one of service = \"..\" (Swarm), project = \"..\" with compose_service = \"..\", or container = \"..\"",
    ))
}

/// A name as the engine takes it: nothing else may go into a filter, a path or a new container's name.
fn named(key: &str, name: &str) -> Result<String, Fault> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let good = name.bytes().all(inner) && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if good {
        return Ok(name.to_owned());
    }
    Err(Fault::new(Cause::Local, format!("deploy: {key} = \"{name}\" cannot be a name at an engine")))
}

impl Group {
    /// The `filters` of the lists that hold all of it, and more.
    pub(super) fn filters(&self) -> Vec<String> {
        match &self.kind {
            GroupKind::Compose { project, service } => {
                vec![filter("label", &[format!("{PROJECT}={project}"), format!("{SERVICE}={service}")])]
            }
            GroupKind::Container { name } => {
                vec![
                    filter("name", std::slice::from_ref(name)),
                    filter("label", &[format!("{GROUP_LABEL}={name}")]),
                ]
            }
        }
    }

    /// Whether a container is one of these; one that only runs a command once never is.
    pub(super) fn has(&self, row: &Row) -> bool {
        let label = |key: &str| row.label(key);
        if label(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return false;
        }
        match &self.kind {
            GroupKind::Compose { project, service } => {
                label(PROJECT) == Some(project) && label(SERVICE) == Some(service)
            }
            GroupKind::Container { name } => row.is_named(name) || label(GROUP_LABEL) == Some(name),
        }
    }

    /// What an operator calls it.
    pub(super) fn title(&self) -> String {
        match &self.kind {
            GroupKind::Compose { project, service } => format!("{service} of the Compose project {project}"),
            GroupKind::Container { name } => format!("container {name}"),
        }
    }

    /// What a new container's name begins with.
    pub(super) fn stem(&self) -> String {
        match &self.kind {
            GroupKind::Compose { project, service } => format!("{project}-{service}"),
            GroupKind::Container { name } => name.clone(),
        }
    }

    /// The Compose project, if it is one's.
    pub(super) fn project(&self) -> Option<&str> {
        match &self.kind {
            GroupKind::Compose { project, .. } => Some(project),
            GroupKind::Container { .. } => None,
        }
    }

    /// Labels that a new container gets besides those of the old one.
    pub(super) fn marks(&self) -> BTreeMap<&'static str, &str> {
        match &self.kind {
            GroupKind::Compose { .. } => BTreeMap::new(),
            GroupKind::Container { name } => BTreeMap::from([(GROUP_LABEL, name.as_str())]),
        }
    }
}

/// `{"key":["a","b"]}`.
pub(super) fn filter(key: &str, values: &[String]) -> String {
    serde_json::json!({ key: values }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EnvironmentName, Role, ServiceName, Settings};

    fn unit(settings: &[(&str, &str)]) -> Result<Unit, Fault> {
        Unit::of(&Bound {
            role: Role::Deploy,
            service: ServiceName::new("web"),
            environment: Some(EnvironmentName::new("production")),
            settings: settings
                .iter()
                .fold(Settings::default(), |all, (key, value)| all.with_text(key, value)),
        })
    }

    #[test]
    fn a_binding_names_exactly_one_thing() {
        assert!(matches!(unit(&[("service", "web")]), Ok(Unit::Service(name)) if name == "web"));
        assert!(matches!(unit(&[("container", "web")]), Ok(Unit::Containers(_))));
        assert!(matches!(unit(&[("project", "shop"), ("compose_service", "web")]), Ok(Unit::Containers(_))));
        for (settings, why) in [
            (&[][..], "names nothing"),
            (&[("project", "shop")], "project alone"),
            (&[("compose_service", "web")], "needs the project"),
            (&[("service", "web"), ("container", "web")], "more than one"),
            (&[("service", "web"), ("colour_label", "c")], "is for containers"),
            (&[("container", "a/b")], "cannot be a name"),
            (&[("container", "")], "cannot be a name"),
            (&[("project", "shop"), ("compose_service", "web\" x")], "cannot be a name"),
        ] {
            let fault = unit(settings).unwrap_err();
            assert_eq!(fault.cause, Cause::Local);
            assert!(fault.detail.as_str().contains(why), "{fault}");
        }
    }
}
