//! What the configuration asks of this source, by project: which runs are whose, which environment is which.

use std::collections::BTreeMap;

use super::reports::Wanted;
use super::wire;
use crate::domain::{Bound, Cause, EnvironmentName, Fault, Place, Role, SafeText, ServiceName};
use crate::provider::SourceSpec;
use crate::provider::http::{query, segment};

/// The most inputs that a workflow takes.
const INPUTS: usize = 25;

/// A repository: `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Project {
    name: String,
    path: String,
}

impl Project {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (owner, repo) = text.split_once('/')?;
        let fine = |part: &str| !part.is_empty() && !part.contains(['/', ' ']) && part != "." && part != "..";
        (fine(owner) && fine(repo)).then(|| Self {
            name: text.to_owned(),
            path: format!("/repos/{}/{}", segment(owner), segment(repo)),
        })
    }

    /// `acme/shop`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A path below the repository: `/repos/acme/shop/actions/runs`.
    pub(super) fn path(&self, below: &str) -> String {
        format!("{}{below}", self.path)
    }

    /// A path below one run.
    pub(super) fn run(&self, id: u64, below: &str) -> String {
        format!("{}/actions/runs/{id}{below}", self.path)
    }
}

/// Which runs of a project: those of a workflow, of a branch, or all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    /// File name, path or id.
    pub(super) workflow: Option<String>,
    pub(super) branch: Option<String>,
}

impl Lane {
    /// The path that lists its runs.
    pub(super) fn path(&self, project: &Project, runs: usize) -> String {
        let below = match &self.workflow {
            Some(workflow) => format!("/actions/workflows/{}/runs", segment(file(workflow))),
            None => "/actions/runs".to_owned(),
        };
        let runs = runs.to_string();
        let mut pairs = vec![("exclude_pull_requests", "true"), ("per_page", runs.as_str())];
        if let Some(branch) = &self.branch {
            pairs.insert(0, ("branch", branch));
        }
        query(&project.path(&below), &pairs)
    }

    /// Whether a run that was found elsewhere belongs here.
    pub(super) fn holds(&self, run: &wire::Run) -> bool {
        let branch = self.branch.as_deref().is_none_or(|b| run.head_branch.as_ref().is_some_and(|r| r == b));
        let workflow = self.workflow.as_deref().is_none_or(|w| {
            run.path.as_ref().is_some_and(|p| file(p.as_str()) == file(w))
                || run.workflow_id.is_some_and(|id| id.to_string() == w)
        });
        branch && workflow
    }
}

/// `release.yml` of `.github/workflows/release.yml@refs/heads/main`.
pub(super) fn file(path: &str) -> &str {
    let path = path.split('@').next().unwrap_or(path);
    path.rsplit('/').next().unwrap_or(path)
}

/// Which ref a dispatched workflow is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DispatchRef {
    /// The repository's default branch.
    Default,
    /// The tag of the version that is shipped.
    VersionTag,
    /// This branch or tag.
    Named(String),
}

/// How a version is shipped by starting a workflow.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    pub(super) workflow: String,
    pub(super) reference: DispatchRef,
    pub(super) inputs: BTreeMap<String, String>,
}

/// What is asked for one service.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) service: ServiceName,
    pub(super) project: Project,
    /// The pipeline's runs first; then those of workflows that only ship.
    pub(super) lanes: Vec<Lane>,
    /// Our environments, each with the name that GitHub knows it by.
    pub(super) environments: Vec<(EnvironmentName, String)>,
    pub(super) dispatches: BTreeMap<EnvironmentName, Dispatch>,
    /// The artifacts that hold reports of tests.
    pub(super) reports: Wanted,
}

impl Watch {
    /// The configured environment that GitHub knows by this name. GitHub's names ignore case.
    pub(super) fn environment(&self, theirs: &SafeText) -> Option<&EnvironmentName> {
        let same = |name: &str| name.eq_ignore_ascii_case(theirs.as_str());
        self.environments.iter().find(|(_, name)| same(name)).map(|(ours, _)| ours)
    }

    /// What GitHub calls one of our environments.
    pub(super) fn theirs<'a>(&'a self, ours: &'a EnvironmentName) -> &'a str {
        self.environments.iter().find(|(e, _)| e == ours).map_or(ours.as_str(), |(_, name)| name)
    }

    /// Service and environment.
    pub(super) fn place(&self, environment: &EnvironmentName) -> Place {
        Place { service: self.service.clone(), environment: environment.clone() }
    }

    pub(super) fn holds(&self, run: &wire::Run) -> bool {
        self.lanes.iter().any(|lane| lane.holds(run))
    }
}

/// Reads the bindings of a source.
pub(super) fn read(spec: &SourceSpec) -> Result<Vec<Watch>, Fault> {
    let mut watches = Vec::new();
    for bound in spec.bounds.iter().filter(|b| b.role == Role::Pipeline) {
        watches.push(watch(bound)?);
    }
    for bound in spec.bounds.iter().filter(|b| matches!(b.role, Role::Live | Role::Dispatch)) {
        let word = if bound.role == Role::Live { "live" } else { "dispatch" };
        let watch = watches.iter_mut().find(|w| w.service == bound.service).ok_or_else(|| {
            local(&format!(
                "{word} of {} needs the service's pipeline on source {}",
                bound.service, spec.name
            ))
            .with_hint("add pipeline = { source = .., project = \"owner/name\" } to the service")
        })?;
        let Some(environment) = bound.environment.clone() else {
            return Err(local(&format!("{word} of {} names no environment", bound.service)));
        };
        if bound.role == Role::Live {
            let theirs = bound.settings.text("environment").unwrap_or(environment.as_str()).to_owned();
            watch.environments.push((environment, theirs));
        } else {
            add_dispatch(watch, environment, bound)?;
        }
    }
    Ok(watches)
}

fn watch(bound: &Bound) -> Result<Watch, Fault> {
    let text = bound.settings.text("project").unwrap_or_default();
    let project = Project::parse(text).ok_or_else(|| {
        local(&format!("pipeline of {}: project is not owner/name: {text:?}", bound.service))
            .with_hint("write it as project = \"acme/checkout\"")
    })?;
    let own = |key: &str| bound.settings.text(key).map(str::to_owned);
    Ok(Watch {
        service: bound.service.clone(),
        project,
        lanes: vec![Lane { workflow: own("workflow"), branch: own("branch") }],
        environments: Vec::new(),
        dispatches: BTreeMap::new(),
        reports: Wanted::read(&bound.settings)?,
    })
}

fn add_dispatch(watch: &mut Watch, environment: EnvironmentName, bound: &Bound) -> Result<(), Fault> {
    let workflow = bound
        .settings
        .text("workflow")
        .ok_or_else(|| local(&format!("dispatch of {} names no workflow", bound.service)))?
        .to_owned();
    let inputs = bound.settings.table("inputs").cloned().unwrap_or_default();
    if inputs.len() > INPUTS {
        return Err(local(&format!(
            "dispatch of {}: {} inputs, GitHub takes {INPUTS} at the most",
            bound.service,
            inputs.len()
        )));
    }
    let reference = match bound.settings.text("ref") {
        None => DispatchRef::Default,
        Some("tag") => DispatchRef::VersionTag,
        Some(name) => DispatchRef::Named(name.to_owned()),
    };
    // A run that we start must be among the runs that we see: nothing else proves that it appeared.
    let covered = watch.lanes.iter().any(|lane| {
        lane.branch.is_none() && lane.workflow.as_deref().is_none_or(|w| file(w) == file(&workflow))
    });
    if !covered {
        watch.lanes.push(Lane { workflow: Some(workflow.clone()), branch: None });
    }
    watch.dispatches.insert(environment, Dispatch { workflow, reference, inputs });
    Ok(())
}

fn local(why: &str) -> Fault {
    Fault::new(Cause::Local, why)
}
