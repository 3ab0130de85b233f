//! Approve, reject, rerun, cancel, trigger: a fresh look, and the very request.
//!
//! CircleCI takes an approval from anybody who may push, and makes whoever gives it the actor of what follows: a
//! restricted context then refuses the next job. It has no rejection: an approval job is cancelled.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::bindings::{Watch, local};
use super::look::{actor, branch, jobs, revision, waits};
use super::states::workflow_state;
use super::{CircleCi, wire};
use crate::domain::people::{Part, People, Person};
use crate::domain::time::ago;
use crate::domain::{
    Artifact, Basis, Cause, Decision, Difference, Fault, GateKey, Guard, Hazard, Intent, Prepared, Promise,
    Receipt, RunKey, RunState, SafeText, Severity, Step, Target, Verb,
};
use crate::provider::fill::fill;
use crate::provider::http::segment;
use crate::provider::services::locked;

/// How long an approval may take to show: it is taken in, and carried out later.
const DEADLINE: Duration = Duration::from_secs(90);

/// For how long a workflow can be run again.
const RERUNNABLE: Duration = Duration::from_secs(90 * 86_400);

/// A workflow as it is now.
struct Fresh<'a> {
    watch: &'a Watch,
    workflow: wire::Workflow,
    pipeline: wire::Pipeline,
    jobs: Vec<wire::Job>,
    identity: Option<SafeText>,
}

impl CircleCi {
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        match (intent.verb, &intent.target) {
            (Verb::Approve, Target::Gate(key)) => self.decide(intent, key, Decision::Approved).await,
            (Verb::Reject, Target::Gate(key)) => self.decide(intent, key, Decision::Rejected).await,
            (Verb::Rerun, Target::Run(key)) => self.rerun(intent, key).await,
            (Verb::Cancel, Target::Run(key)) => self.cancel(intent, key).await,
            (Verb::Promote, Target::Dispatch(artifact)) => self.dispatch(intent, artifact).await,
            (verb, _) => {
                let text = format!("source {} (CircleCI) cannot {} this", self.source, verb.word());
                Err(Fault::new(Cause::Refused, text).with_hint(
                    "CircleCI approves, rejects by cancelling, reruns, cancels, and starts pipelines",
                ))
            }
        }
    }

    async fn fresh(&self, key: &RunKey) -> Result<Fresh<'_>, Fault> {
        let watch = self.watch(&key.service)?;
        let path = format!("/workflow/{}", segment(key.id.as_str()));
        let workflow: wire::Workflow = self.api.get(&path).await?;
        if workflow.id != key.id {
            let text =
                format!("field id: asked for workflow {}, CircleCI answered with {}", key.id, workflow.id);
            return Err(Fault::new(Cause::Malformed, text));
        }
        if let Some(slug) = workflow.project_slug.as_ref().filter(|slug| **slug != watch.slug.as_str())
            && !same_project(slug.as_str(), &watch.slug)
        {
            let text = format!("workflow {} belongs to {slug}, not to {}", key.id, watch.slug);
            return Err(Fault::new(Cause::Moved, text));
        }
        let (jobs, identity) = tokio::try_join!(jobs(&self.api, &key.id), self.identity())?;
        let pipeline = self.pipeline_of(watch, &workflow).await?;
        Ok(Fresh { watch, workflow, pipeline, jobs, identity })
    }

    async fn pipeline_of(&self, watch: &Watch, workflow: &wire::Workflow) -> Result<wire::Pipeline, Fault> {
        if let Some((known, _)) = locked(&self.memory.pipelines).get(&workflow.id) {
            return Ok(known.clone());
        }
        let page: wire::Page<wire::Pipeline> = self.api.get(&format!("{}/pipeline", watch.path)).await?;
        let found = page.items.into_iter().find(|p| Some(p.number) == workflow.pipeline_number);
        found.ok_or_else(|| {
            Fault::new(
                Cause::NotFound,
                format!("the pipeline of workflow {} is not among the newest", workflow.id),
            )
        })
    }

    async fn decide(&self, intent: &Intent, key: &GateKey, decision: Decision) -> Result<Prepared, Fault> {
        let fresh = self.fresh(&key.run).await?;
        let Some(job) = fresh.jobs.iter().find(|job| job.id == key.id) else {
            let text = format!("workflow {} has no such approval any more", fresh.called());
            return Err(Fault::new(Cause::Moved, text));
        };
        if !waits(job) {
            return Err(self.gone(job).await);
        }
        self.not_run_again(&fresh).await?;
        let before = fresh.jobs.iter().filter(|other| {
            let word = if decision == Decision::Approved { "success" } else { "canceled" };
            other.is_approval() && other.name == job.name && other.status == word
        });
        let id = job.approval_request_id.as_ref().unwrap_or(&job.id);
        let step = fresh.step(intent, (job, id), decision);
        let mut basis = fresh.basis();
        basis.push(Basis::new("approval", job.id.as_str()));
        basis.push(Basis::new("approval request", id.as_str()));
        basis.push(Basis::new("approval status", job.status.as_str()));
        let mut hazards = self.newer(&fresh).await?;
        hazards.push(Hazard::new(
            Severity::Note,
            match decision {
                Decision::Approved => {
                    "whoever approves becomes the actor of the jobs that follow: where they use a restricted context that \
                     you are not in, they end as unauthorized"
                }
                Decision::Rejected => "CircleCI has no rejection: the approval job is cancelled",
            },
        ));
        let promise = Promise::GateDecided {
            gate: key.clone(),
            decision,
            environment: job.name.clone(),
            reviews_before: before.count(),
        };
        let difference = Difference {
            what: SafeText::new(&format!("{} in {}", job.name, fresh.called())),
            old: "waiting".into(),
            new: decision.word().into(),
        };
        let way_back = match decision {
            Decision::Approved => "cancel the workflow; roll back if it has shipped",
            Decision::Rejected => "run the workflow again from what failed: it asks anew",
        };
        let guard = Guard::LookAgain(
            "CircleCI names the approval request and checks only that it still waits; it answers before it has carried it out"
                .into(),
        );
        Ok(Prepared {
            basis,
            steps: vec![step],
            to: Some(Artifact {
                version: branch(&fresh.pipeline).filter(|_| is_tag(&fresh.pipeline)),
                revision: Some(revision(&fresh.pipeline)),
                ..Artifact::default()
            }),
            differences: vec![difference],
            hazards,
            way_back: Some(way_back.into()),
            people: Some(Box::new(fresh.people())),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    /// Why an approval cannot be decided any more, and by whom it was.
    async fn gone(&self, job: &wire::Job) -> Fault {
        let by = match job.approved_by.as_ref().or(job.canceled_by.as_ref()) {
            Some(id) => {
                let user = self.api.get::<wire::User>(&format!("/user/{}", segment(id.as_str()))).await.ok();
                user.and_then(|user| user.login.or(user.name))
            }
            None => None,
        };
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        let at = job
            .stopped_at
            .map(|at| format!(" at {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")))
            .unwrap_or_default();
        let text = match job.status.as_str() {
            "success" => format!("{} was approved{by}{at}", job.name),
            "canceled" => format!("{} was cancelled{by}{at}", job.name),
            "blocked" => format!("{} is not reached yet: what it needs has not passed", job.name),
            word => format!("{} does not wait: it is {word}", job.name),
        };
        Fault::new(Cause::Moved, text)
    }

    /// That no rerun took this workflow's place: what still waits in it is dead.
    async fn not_run_again(&self, fresh: &Fresh<'_>) -> Result<(), Fault> {
        let path = format!("/pipeline/{}/workflow", segment(fresh.pipeline.id.as_str()));
        let (all, _) = self.api.list::<wire::Workflow>(&path).await?;
        let (id, name, created) = (&fresh.workflow.id, &fresh.workflow.name, fresh.workflow.created_at);
        let newer = all.into_iter().filter(|o| o.id != *id && o.name == *name && o.created_at > created);
        let Some(newest) = newer.max_by_key(|other| other.created_at) else { return Ok(()) };
        let (called, id) = (fresh.called(), newest.id);
        let text = format!("{called} was run again, as workflow {id}: nobody waits for this approval");
        Err(Fault::new(Cause::Moved, text))
    }

    /// Newer pipelines of the same branch: this would ship an older commit.
    async fn newer(&self, fresh: &Fresh<'_>) -> Result<Vec<Hazard>, Fault> {
        let page: wire::Page<wire::Pipeline> =
            self.api.get(&format!("{}/pipeline", fresh.watch.path)).await?;
        let ours = branch(&fresh.pipeline);
        let newer = page.items.iter().filter(|p| {
            p.number > fresh.pipeline.number && branch(p) == ours && revision(p) != revision(&fresh.pipeline)
        });
        let numbers: Vec<String> = newer.take(3).map(|p| p.number.to_string()).collect();
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!(
            "newer pipelines of the same branch exist ({}): this ships an older commit",
            numbers.join(", ")
        );
        Ok(vec![Hazard::new(Severity::Warning, text)])
    }

    async fn rerun(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let fresh = self.fresh(key).await?;
        let state = workflow_state(&fresh.workflow.status);
        if !state.ended() {
            let text = format!("{} is still {}", fresh.called(), fresh.workflow.status);
            return Err(Fault::new(Cause::Refused, text).with_hint("wait for its end, or cancel it first"));
        }
        if state.passed() || state == RunState::Skipped {
            return Err(Fault::new(Cause::Refused, format!("{}: nothing in it failed", fresh.called())));
        }
        let mut hazards = vec![Hazard::new(
            Severity::Note,
            "a rerun is a new workflow of the same commit: its approvals are asked anew",
        )];
        if let (Some(created), Some(now)) = (fresh.workflow.created_at, self.api.meter().date)
            && ago(now, created) > RERUNNABLE
        {
            hazards.push(Hazard::new(
                Severity::Blocking,
                "the workflow is older than 90 days: CircleCI does not run it again; start a new pipeline",
            ));
        }
        hazards.extend(self.newer(&fresh).await?);
        let path = format!("/workflow/{}/rerun", segment(key.id.as_str()));
        let body = json!({"from_failed": true}).to_string();
        let effect = format!("runs {} again from what failed, as a new workflow", fresh.called());
        let before = self.before(fresh.watch).await?;
        let promise = Promise::RunAppeared { before, workflow: fresh.workflow.name.clone() };
        let guard = Guard::LookAgain(
            "CircleCI runs a workflow again however often it is asked: a rerun by somebody else is not noticed".into(),
        );
        let mut basis = fresh.basis();
        basis.push(Basis::new("status", fresh.workflow.status.as_str()));
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, path, Some(("application/json", body)), &effect)],
            differences: vec![fresh.difference("workflow", fresh.workflow.status.as_str(), "run again")],
            hazards,
            way_back: Some("cancel the new workflow".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    async fn cancel(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let fresh = self.fresh(key).await?;
        if workflow_state(&fresh.workflow.status).ended() {
            let text = format!("{} has already ended: {}", fresh.called(), fresh.workflow.status);
            return Err(Fault::new(Cause::Moved, text));
        }
        let mut hazards = Vec::new();
        if fresh.jobs.iter().any(|job| job.status == "running") {
            hazards.push(Hazard::new(
                Severity::Warning,
                "jobs stop in the middle: what they were deploying may be left half done",
            ));
        }
        let path = format!("/workflow/{}/cancel", segment(key.id.as_str()));
        let effect = format!("cancels {}: running jobs stop, waiting ones never begin", fresh.called());
        let guard =
            Guard::LookAgain("CircleCI takes a cancellation of what has ended, and does nothing".into());
        let mut basis = fresh.basis();
        basis.push(Basis::new("ended", "no"));
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, path, None, &effect)],
            differences: vec![fresh.difference("state", "under way", "cancelled")],
            hazards,
            way_back: Some("run the cancelled jobs again".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, Promise::Ended { run: key.clone() }, DEADLINE)
        })
    }

    async fn dispatch(&self, intent: &Intent, artifact: &Artifact) -> Result<Prepared, Fault> {
        let watch = self.watch(&intent.service)?;
        let environment = intent.place.as_ref().map(|place| &place.environment);
        let found = environment.and_then(|environment| watch.dispatches.get(environment));
        let dispatch =
            found.ok_or_else(|| local(format!("no dispatch of {} is configured", intent.service)))?;
        let identity = self.identity().await?;
        let version = artifact.version.as_ref().map_or("", SafeText::as_str);
        let ours = environment.map_or("", |ours| ours.as_str());
        let filled = fill(&dispatch.parameters, intent, ours, artifact)?;
        let parameters: serde_json::Map<String, serde_json::Value> =
            filled.into_iter().map(|(name, value)| (name, value.into())).collect();
        let reference = match (&dispatch.branch, version) {
            (Some(branch), _) => json!({"branch": branch}),
            (None, "") => return Err(local("the version has no tag: configure the dispatch's branch")),
            (None, tag) => json!({"tag": tag}),
        };
        let (path, body) = match &dispatch.definition {
            Some(definition) => (
                format!("{}/pipeline/run", watch.path),
                json!({"definition_id": definition, "config": reference, "checkout": reference, "parameters": parameters}),
            ),
            None => {
                let mut body = reference.clone();
                if let Some(map) = body.as_object_mut() {
                    map.insert("parameters".into(), parameters.into());
                }
                (format!("{}/pipeline", watch.path), body)
            }
        };
        let before = self.before(watch).await?;
        let effect = format!("starts a pipeline of {} on {reference}", watch.slug);
        let mut hazards = Vec::new();
        if dispatch.branch.is_some() {
            hazards.push(Hazard::new(
                Severity::Warning,
                "the pipeline runs what the branch names when it begins, which need not be this version",
            ));
        }
        let guard = Guard::LookAgain("CircleCI starts a pipeline however often it is asked".into());
        let promise = Promise::RunAppeared { before, workflow: SafeText::new(&dispatch.workflow) };
        Ok(Prepared {
            basis: vec![Basis::new("reference", reference.to_string()), Basis::new("version", version)],
            steps: vec![Step::post(intent, path, Some(("application/json", body.to_string())), &effect)],
            to: Some(artifact.clone()),
            hazards,
            way_back: Some("cancel the workflow that it starts".into()),
            identity,
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    /// Ids of every workflow that there is: one that appears later is another.
    async fn before(&self, watch: &Watch) -> Result<Vec<SafeText>, Fault> {
        let page: wire::Page<wire::Pipeline> = self.api.get(&format!("{}/pipeline", watch.path)).await?;
        let known = locked(&self.memory.seen).get(&watch.service).cloned();
        let mut ids: BTreeSet<SafeText> = known.unwrap_or_default();
        for pipeline in page.items.iter().take(super::BEFORE) {
            let path = format!("/pipeline/{}/workflow", segment(pipeline.id.as_str()));
            let (workflows, _) = self.api.list::<wire::Workflow>(&path).await?;
            ids.extend(workflows.into_iter().map(|workflow| workflow.id));
        }
        Ok(ids.into_iter().collect())
    }

    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        let answer = self.api.send(step).await?;
        let last = step.path.rsplit('/').next().unwrap_or_default();
        let says = match last {
            "rerun" => match answer.json::<wire::Rerun>() {
                Ok(told) => format!("workflow {} requested", told.workflow_id),
                Err(_) => "rerun requested; the new workflow is not told".to_owned(),
            },
            "pipeline" | "run" => match answer.json::<wire::Triggered>().ok().and_then(|told| told.number) {
                Some(number) => format!("pipeline {number} requested"),
                None => "pipeline requested; its number is not told".to_owned(),
            },
            "cancel" => "cancelling requested".to_owned(),
            _ => "approval accepted, to be carried out".to_owned(),
        };
        Ok(Receipt { status: answer.status, says: SafeText::new(&says) })
    }
}

impl Fresh<'_> {
    fn called(&self) -> String {
        format!("{} of pipeline {}", self.workflow.name, self.pipeline.number)
    }

    /// The request that decides an approval.
    fn step(&self, intent: &Intent, (job, id): (&wire::Job, &SafeText), decision: Decision) -> Step {
        let (path, effect) = match decision {
            Decision::Approved => (
                format!("/workflow/{}/approve/{}", segment(self.workflow.id.as_str()), segment(id.as_str())),
                format!("approves {} of {}: the jobs that need it begin", job.name, self.called()),
            ),
            Decision::Rejected => (
                format!("/jobs/{}/cancel", segment(job.id.as_str())),
                format!("cancels {} of {}: the jobs that need it never begin", job.name, self.called()),
            ),
        };
        Step::post(intent, path, None, &effect)
    }

    fn basis(&self) -> Vec<Basis> {
        vec![
            Basis::new("workflow", self.workflow.id.as_str()),
            Basis::new("pipeline", self.pipeline.number.to_string()),
            Basis::new("commit", revision(&self.pipeline).as_str()),
        ]
    }

    fn difference(&self, what: &str, old: &str, new: &str) -> Difference {
        let what = SafeText::new(&format!("{what} of {}", self.called()));
        Difference { what, old: old.into(), new: new.into() }
    }

    fn people(&self) -> People {
        let person = |login: SafeText| Person { login: Some(login), ..Person::default() };
        People {
            me: self.identity.clone().map(person),
            parties: actor(&self.pipeline).map(|who| (Part::Started, person(who))).into_iter().collect(),
            head: Some(revision(&self.pipeline)),
            prevents_self_review: Some(false),
            ..People::default()
        }
    }
}

/// A slug may be spelled in more than one way: `gh/..` and `github/..`, or the opaque one.
fn same_project(one: &str, two: &str) -> bool {
    let plain =
        |slug: &str| slug.replacen("github/", "gh/", 1).replacen("bitbucket/", "bb/", 1).to_lowercase();
    let opaque = |slug: &str| slug.starts_with("circleci/");
    plain(one) == plain(two) || opaque(one) != opaque(two)
}

fn is_tag(pipeline: &wire::Pipeline) -> bool {
    let vcs = pipeline.vcs.as_ref().is_some_and(|vcs| vcs.tag.is_some());
    vcs || pipeline
        .trigger_parameters
        .as_ref()
        .is_some_and(|p| p.git.as_ref().is_some_and(|g| g.tag.is_some()))
}
