//! What the configuration binds: which workload, or what stands in front of it, a service runs as in an environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::front::Front;
use super::local;
use super::species::{Resource, Species};
use crate::domain::{Bound, Fault, Place, Settings};

/// One workload that a service runs as in an environment.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) place: Place,
    /// What the name names, if it is not the workload itself.
    pub(super) front: Front,
    pub(super) species: Species,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) container: Option<String>,
}

impl Binding {
    /// The workload's path.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", Resource::Of(self.species).path(&self.namespace), self.name)
    }

    /// A Deployment behind what it names.
    pub(super) fn behind(&self, deployment: &str) -> Self {
        let container = self.container.clone();
        // One that is called like what stands in front is meant, whatever the Deployment is called.
        Self {
            front: Front::Nothing,
            species: Species::Deployment,
            name: deployment.to_owned(),
            container,
            ..self.clone()
        }
    }
}

/// What a configured deployment target means.
pub(super) fn binding(bound: &Bound, env: &Arc<BTreeMap<String, String>>) -> Result<Binding, Fault> {
    let place = bound.place().ok_or_else(|| local("a deployment target needs an environment"))?;
    let (namespace, workload) =
        (required(&bound.settings, "namespace")?, required(&bound.settings, "workload")?);
    let (word, name) = workload.split_once('/').unwrap_or((workload, ""));
    let front = Front::of(word, &bound.settings, env)?;
    let species = match front {
        Front::Nothing => Species::of_word(word),
        Front::Canary(_) | Front::Service(_) => Some(Species::Deployment),
    };
    let Some(species) = species.filter(|_| workload.contains('/')) else {
        let words = Species::ALL.into_iter().map(Species::word).chain(Front::WORDS);
        let words = words.map(|word| format!("\"{word}/NAME\"")).collect::<Vec<_>>().join(", ");
        return Err(local(format!("workload \"{workload}\" is none of {words}"))
            .with_hint("write workload = \"deployment/NAME\""));
    };
    for (key, text) in [("namespace", namespace), ("workload", name)] {
        if !is_name(text) {
            return Err(local(format!("{key}: \"{text}\" cannot be the name of a Kubernetes object")));
        }
    }
    Ok(Binding {
        place,
        front,
        species,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        container: bound.settings.text("container").map(str::to_owned),
    })
}

fn required<'a>(settings: &'a Settings, key: &str) -> Result<&'a str, Fault> {
    settings.text(key).ok_or_else(|| local(format!("{key} is missing")))
}

/// A DNS subdomain name: what can be put into a path as it is.
pub(super) fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 253
        && text.bytes().all(inner)
        && edge(text.bytes().next())
        && edge(text.bytes().last())
        && !text.contains("..")
}
