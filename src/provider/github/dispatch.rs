//! Promote by starting a workflow.

use std::collections::BTreeMap;

use serde::Serialize;

use super::act::DEADLINE;
use super::bindings::{Dispatch, DispatchRef, Project, Watch, file};
use super::runs::{active, called};
use super::{GitHub, RunDetails, live, runs, wire};
use crate::domain::{
    Artifact, Basis, Cause, Difference, EnvironmentName, Fault, Guard, Hazard, Intent, Prepared, Promise,
    SafeText, Severity, Sha, Step,
};
use crate::provider::fill::{fill, missing};
use crate::provider::http::{query, segment};

#[derive(Serialize)]
struct DispatchBody<'a> {
    #[serde(rename = "ref")]
    reference: &'a str,
    inputs: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_run_details: Option<bool>,
}

/// A workflow, what it would be started from and with, as they are now.
struct Start<'a> {
    watch: &'a Watch,
    environment: &'a EnvironmentName,
    workflow: wire::Workflow,
    reference: String,
    tip: Sha,
    inputs: BTreeMap<String, String>,
    before: Vec<wire::Run>,
}

impl GitHub {
    /// What would ship an artifact by starting a workflow.
    pub(super) async fn dispatch(&self, intent: &Intent, artifact: &Artifact) -> Result<Prepared, Fault> {
        let (start, identity) = tokio::try_join!(self.start(intent, artifact), self.identity())?;
        let step = start.step(intent, self.run_details)?;
        let theirs = start.watch.theirs(start.environment);
        let live =
            live::look(&self.api, &self.memory.buried, &self.links, &start.watch.project, theirs).await;
        let from = live.ok().flatten().map(|live| live.artifact);
        let guard = Guard::LookAgain(
            "GitHub starts a run for every request: one that somebody else starts at the same moment is a run of \
             its own"
                .into(),
        );
        let promise = Promise::RunAppeared {
            before: start.before.iter().map(|r| SafeText::new(&r.id.to_string())).collect(),
            workflow: start.name(),
        };
        Ok(Prepared {
            basis: start.basis(),
            steps: vec![step],
            differences: vec![Difference {
                what: SafeText::new(&format!("{} in {theirs}", intent.service)),
                old: from.as_ref().map_or_else(SafeText::default, |a| a.label().into()),
                new: artifact.label().into(),
            }],
            from,
            to: Some(artifact.clone()),
            hazards: start.hazards(artifact),
            way_back: Some("cancel the new run; roll back if it has shipped".into()),
            identity,
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    async fn start<'a>(&'a self, intent: &'a Intent, artifact: &Artifact) -> Result<Start<'a>, Fault> {
        let watch = self.watch(&intent.service)?;
        let place =
            intent.place.as_ref().ok_or_else(|| Fault::new(Cause::Local, "no environment is named"))?;
        let environment = &place.environment;
        let dispatch = watch.dispatches.get(environment).ok_or_else(|| {
            let text = format!("source {} has no dispatch for {place}", self.source);
            Fault::new(Cause::Local, text).with_hint("add dispatch = { source = .., workflow = .. }")
        })?;
        let inputs = fill(&dispatch.inputs, intent, watch.theirs(environment), artifact)?;
        let workflow = self.workflow(&watch.project, &dispatch.workflow).await?;
        let (reference, tip) = self.reference(&watch.project, dispatch, artifact).await?;
        let path = format!("/actions/workflows/{}/runs", workflow.id);
        let path =
            query(&watch.project.path(&path), &[("exclude_pull_requests", "true"), ("per_page", "100")]);
        let before = self.api.fresh::<wire::Runs>(&path).await?.workflow_runs;
        Ok(Start { watch, environment, workflow, reference, tip, inputs, before })
    }

    /// The workflow that is configured by file name or id.
    async fn workflow(&self, project: &Project, configured: &str) -> Result<wire::Workflow, Fault> {
        let path = project.path(&format!("/actions/workflows/{}", segment(file(configured))));
        let found: wire::Workflow = self.api.fresh(&path).await.map_err(|fault| match fault.cause {
            Cause::NotFound => {
                fault.with_hint(format!("is there a workflow {configured} in {}?", project.name()))
            }
            _ => fault,
        })?;
        Ok(found)
    }

    /// The ref to start from, and the commit that it names now.
    async fn reference(
        &self,
        project: &Project,
        dispatch: &Dispatch,
        artifact: &Artifact,
    ) -> Result<(String, Sha), Fault> {
        let candidates: Vec<(String, &[&str])> = match &dispatch.reference {
            DispatchRef::Default => {
                let repo: wire::Repo = self.api.fresh(&project.path("")).await?;
                let branch = repo.default_branch.filter(|b| !b.is_empty()).ok_or_else(|| {
                    Fault::new(
                        Cause::Malformed,
                        format!("GitHub names no default branch of {}", project.name()),
                    )
                    .with_hint("configure ref of the dispatch")
                })?;
                vec![(branch.to_string(), &["heads"])]
            }
            DispatchRef::Named(name) => vec![(name.clone(), &["heads", "tags"])],
            DispatchRef::VersionTag => {
                let version = artifact.version.as_ref().ok_or_else(|| missing("version"))?;
                vec![(version.to_string(), &["tags"]), (format!("v{version}"), &["tags"])]
            }
        };
        for (name, kinds) in &candidates {
            for kind in *kinds {
                if let Some(tip) = self.tip(project, kind, name).await? {
                    return Ok((name.clone(), tip));
                }
            }
        }
        let names: Vec<&str> = candidates.iter().map(|(name, _)| name.as_str()).collect();
        Err(Fault::new(
            Cause::NotFound,
            format!("{} has no {} to start from", project.name(), names.join(" or ")),
        )
        .with_hint("push the tag or branch first, or configure ref of the dispatch"))
    }
}

impl Start<'_> {
    /// The workflow's name as runs bear it.
    fn name(&self) -> SafeText {
        let by_file = self.workflow.path.as_ref().map(|p| SafeText::new(file(p.as_str())));
        by_file.or_else(|| self.workflow.name.clone()).unwrap_or_default()
    }

    fn basis(&self) -> Vec<Basis> {
        let state = self.workflow.state.clone().unwrap_or_else(|| "not told".into());
        vec![
            Basis::new("workflow", format!("{} ({})", self.name(), self.workflow.id)),
            Basis::new("workflow state", state),
            Basis::new("ref", &self.reference),
            Basis::new("commit of ref", self.tip.as_str()),
        ]
    }

    fn step(&self, intent: &Intent, details: RunDetails) -> Result<Step, Fault> {
        let body = DispatchBody {
            reference: &self.reference,
            inputs: &self.inputs,
            return_run_details: (details == RunDetails::Told).then_some(true),
        };
        let body = serde_json::to_string(&body)
            .map_err(|error| Fault::new(Cause::Local, format!("the dispatch cannot be written: {error}")))?;
        let below = format!("/actions/workflows/{}/dispatches", self.workflow.id);
        let effect = format!(
            "starts workflow {} of {} from {}",
            self.name(),
            self.watch.project.name(),
            self.reference
        );
        Ok(Step {
            source: intent.source.clone(),
            method: "POST".to_owned(),
            path: self.watch.project.path(&below),
            content_type: Some("application/json".to_owned()),
            body: Some(body),
            effect: SafeText::new(&effect),
        })
    }

    fn hazards(&self, artifact: &Artifact) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        if let Some(state) = self.workflow.state.as_ref().filter(|s| *s != "active") {
            let text = format!("workflow {} is {state}: GitHub does not start it", self.name());
            hazards.push(Hazard::new(Severity::Blocking, text));
        }
        if let Some(revision) = artifact.revision.as_ref().filter(|r| *r != &self.tip) {
            let text = format!(
                "the workflow starts from {} at {}, the version is {revision}: it must check out the version by itself",
                self.reference, self.tip
            );
            hazards.push(Hazard::new(Severity::Warning, text));
        }
        let under_way: Vec<&wire::Run> = self.before.iter().filter(|r| active(r)).take(3).collect();
        for run in under_way {
            let by = runs::asked_by(run).map(|by| format!(" by {by}")).unwrap_or_default();
            let text = format!("{}{by} of the same workflow is under way", called(run));
            hazards.push(Hazard::new(Severity::Warning, text));
        }
        hazards
    }
}
