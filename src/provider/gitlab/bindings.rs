//! What the configuration asks of this source: which project is whose, which environment is which.

use std::collections::BTreeMap;

use crate::domain::{Bound, Cause, EnvironmentName, Fault, Place, Role, SafeText, ServiceName};
use crate::provider::SourceSpec;
use crate::provider::http::segment;

/// How a version is shipped by starting a pipeline.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    /// Branch or tag; none for the version's own tag.
    pub(super) reference: Option<String>,
    pub(super) variables: BTreeMap<String, String>,
}

/// What is asked for one service.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) service: ServiceName,
    /// As it is configured: path, or number.
    pub(super) name: String,
    /// `/projects/acme%2Fshop`.
    pub(super) path: String,
    pub(super) reference: Option<String>,
    /// Our environments, each with the name that GitLab knows it by.
    pub(super) environments: Vec<(EnvironmentName, String)>,
    pub(super) dispatches: BTreeMap<EnvironmentName, Dispatch>,
}

impl Watch {
    /// The configured environment that GitLab knows by this name.
    pub(super) fn environment(&self, theirs: &SafeText) -> Option<&EnvironmentName> {
        self.environments.iter().find(|(_, name)| *theirs == name.as_str()).map(|(ours, _)| ours)
    }

    /// The environment that a job seems to deploy to, by its name: GitLab's jobs do not say.
    pub(super) fn environment_of_job(&self, job: &SafeText) -> Option<&EnvironmentName> {
        let words: Vec<String> =
            job.as_str().split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
        let fits = |(_, name): &&(EnvironmentName, String)| words.contains(&name.to_lowercase());
        self.environments.iter().find(fits).map(|(ours, _)| ours)
    }

    /// What GitLab calls one of our environments.
    pub(super) fn theirs<'a>(&'a self, ours: &'a EnvironmentName) -> &'a str {
        self.environments.iter().find(|(e, _)| e == ours).map_or(ours.as_str(), |(_, name)| name)
    }

    pub(super) fn place(&self, environment: &EnvironmentName) -> Place {
        Place { service: self.service.clone(), environment: environment.clone() }
    }
}

/// Reads the bindings of a source.
pub(super) fn read(spec: &SourceSpec) -> Result<Vec<Watch>, Fault> {
    let mut watches: Vec<Watch> = Vec::new();
    for bound in spec.bounds.iter().filter(|b| b.role == Role::Pipeline) {
        watches.push(watch(bound)?);
    }
    for bound in spec.bounds.iter().filter(|b| matches!(b.role, Role::Live | Role::Dispatch)) {
        let watch = watches.iter_mut().find(|w| w.service == bound.service).ok_or_else(|| {
            local(format!("{} has no pipeline on source {}", bound.service, spec.name))
                .with_hint("add pipeline = { source = .., project = \"group/name\" } to the service")
        })?;
        let Some(environment) = bound.environment.clone() else {
            return Err(local(format!("a binding of {} names no environment", bound.service)));
        };
        if bound.role == Role::Live {
            let theirs = bound.settings.text("environment").unwrap_or(environment.as_str()).to_owned();
            watch.environments.push((environment, theirs));
        } else {
            let dispatch = Dispatch {
                reference: bound.settings.text("ref").map(str::to_owned),
                variables: bound.settings.table("variables").cloned().unwrap_or_default(),
            };
            watch.dispatches.insert(environment, dispatch);
        }
    }
    Ok(watches)
}

fn watch(bound: &Bound) -> Result<Watch, Fault> {
    let name = bound.settings.text("project").unwrap_or_default().trim_matches('/').to_owned();
    let parts: Vec<&str> = name.split('/').collect();
    let numeric = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    let fine = parts.len() > 1 && parts.iter().all(|part| !part.is_empty() && *part != "." && *part != "..");
    if !numeric && !fine {
        return Err(local(format!("pipeline of {}: project is not a full path: {name:?}", bound.service))
            .with_hint("write it as project = \"group/subgroup/name\", or the project's number"));
    }
    let path = format!("/projects/{}", segment(&name));
    let reference = bound.settings.text("ref").map(str::to_owned);
    let (environments, dispatches) = (Vec::new(), BTreeMap::new());
    Ok(Watch { service: bound.service.clone(), name, path, reference, environments, dispatches })
}

pub(super) fn local(why: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, why)
}
