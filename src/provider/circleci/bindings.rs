//! What the configuration asks of this source: which project is whose, which approval guards which environment.

use std::collections::BTreeMap;

use crate::domain::{Bound, Cause, EnvironmentName, Fault, Role, SafeText, ServiceName};
use crate::provider::SourceSpec;
use crate::provider::http::segment;

/// How a version is shipped by starting a pipeline.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    /// The definition of a GitHub App's pipeline; none for OAuth, Bitbucket and server.
    pub(super) definition: Option<String>,
    /// Branch; none for the version's own tag.
    pub(super) branch: Option<String>,
    pub(super) parameters: BTreeMap<String, String>,
    /// The workflow that must appear.
    pub(super) workflow: String,
}

/// What is asked for one service.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) service: ServiceName,
    /// As it is configured.
    pub(super) slug: String,
    /// `/project/gh/acme/shop`.
    pub(super) path: String,
    pub(super) branch: Option<String>,
    pub(super) workflow: Option<String>,
    /// Our environments, each with the name of its approval job, if it is configured.
    pub(super) environments: Vec<(EnvironmentName, Option<String>)>,
    pub(super) dispatches: BTreeMap<EnvironmentName, Dispatch>,
}

impl Watch {
    /// The environment that an approval guards: the one that names it, else the one whose name is a part of its name.
    pub(super) fn environment(&self, approval: &SafeText) -> Option<&EnvironmentName> {
        let named = self.environments.iter().find(|(_, name)| name.as_deref() == Some(approval.as_str()));
        let parts: Vec<String> =
            approval.as_str().split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
        let guessed = || {
            let fits = |(environment, name): &&(EnvironmentName, Option<String>)| {
                name.is_none() && parts.contains(&environment.as_str().to_lowercase())
            };
            self.environments.iter().find(fits)
        };
        named.or_else(guessed).map(|(environment, _)| environment)
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
                .with_hint("add pipeline = { source = .., project = \"gh/org/repo\" } to the service")
        })?;
        let Some(environment) = bound.environment.clone() else {
            return Err(local(format!("a binding of {} names no environment", bound.service)));
        };
        let own = |key: &str| bound.settings.text(key).map(str::to_owned);
        if bound.role == Role::Live {
            watch.environments.push((environment, own("approval")));
        } else {
            let dispatch = Dispatch {
                definition: own("definition"),
                branch: own("branch"),
                parameters: bound.settings.table("parameters").cloned().unwrap_or_default(),
                workflow: own("workflow").unwrap_or_default(),
            };
            watch.dispatches.insert(environment, dispatch);
        }
    }
    Ok(watches)
}

fn watch(bound: &Bound) -> Result<Watch, Fault> {
    let slug = bound.settings.text("project").unwrap_or_default().trim_matches('/').to_owned();
    let parts: Vec<&str> = slug.split('/').collect();
    let fine = |part: &&str| !part.is_empty() && *part != "." && *part != ".." && !part.contains(' ');
    if parts.len() != 3 || !parts.iter().all(fine) {
        return Err(local(format!(
            "pipeline of {}: project is not a slug of three parts: {slug:?}",
            bound.service
        ))
        .with_hint("write it as CircleCI shows it: gh/org/repo, bb/org/repo or circleci/ORG-ID/PROJECT-ID"));
    }
    let path = format!("/project/{}", parts.into_iter().map(segment).collect::<Vec<_>>().join("/"));
    let own = |key: &str| bound.settings.text(key).map(str::to_owned);
    Ok(Watch {
        service: bound.service.clone(),
        slug,
        path,
        branch: own("branch"),
        workflow: own("workflow"),
        environments: Vec::new(),
        dispatches: BTreeMap::new(),
    })
}

pub(super) fn local(why: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, why)
}
