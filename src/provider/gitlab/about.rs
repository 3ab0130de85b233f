//! One pipeline of GitLab as the domain tells it: its run, its gates, and who started what was held.
//!
//! Knows a pipeline with its jobs and the deployments that wait for it; asks nobody.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::approvals::{self, Me};
use super::bindings::Watch;
use super::look::Held;
use super::states::{attempt, pipeline_state, state};
use super::wire;
use crate::domain::pipeline::{MayDecide, Review, WaitsFor};
use crate::domain::{Decision, Gate, GateKey, Job, Run, RunKey, SafeText, Sha, TestReport};

/// The pipeline that a deployment's job is of.
pub(super) fn pipeline_of(deployment: &wire::Deployment) -> Option<u64> {
    Some(deployment.deployable.as_ref()?.pipeline.as_ref()?.id)
}

/// Whether a deployment is of the commit that a pipeline runs on.
pub(super) fn of_commit(deployment: &wire::Deployment, pipeline: &wire::Pipeline) -> bool {
    deployment.sha.is_some() && deployment.sha == pipeline.sha
}

/// A pipeline with everything around it.
pub(super) struct About<'a> {
    pub(super) watch: &'a Watch,
    pub(super) pipeline: &'a wire::Pipeline,
    pub(super) key: RunKey,
    /// Every try of every job.
    pub(super) all: &'a [wire::Job],
    /// The newest tries, in order.
    pub(super) jobs: Vec<wire::Job>,
    pub(super) me: &'a Me,
}

/// The id of a deployment's gate.
pub(super) fn deployed(deployment: &wire::Deployment) -> String {
    format!("deployment:{}", deployment.id)
}

fn safe(url: Option<&SafeText>) -> Option<SafeText> {
    url.filter(|url| url.as_str().starts_with("https://")).cloned()
}

impl About<'_> {
    /// What waits: deployments, and jobs that no deployment holds. `held` learns which jobs do.
    pub(super) fn gates(
        &self,
        ours: &[&wire::Deployment],
        now: Option<Timestamp>,
        held: &mut Held,
    ) -> Vec<Gate> {
        let mut gates: Vec<Gate> = ours.iter().map(|one| self.approval(one)).collect();
        let jobs_of = |one: &&wire::Deployment| one.deployable.as_ref().map(|job| job.id);
        let approved: BTreeSet<u64> = ours.iter().filter_map(jobs_of).collect();
        for job in self.jobs.iter().filter(|job| !job.archived && !approved.contains(&job.id)) {
            if job.status == "manual" {
                let since = *held.entry(job.id).or_insert(now.or(job.created_at));
                gates.push(self.manual(job, since));
            } else if job.status == "scheduled" {
                gates.push(self.timer(job));
            }
        }
        gates
    }

    /// Whether a deployment is one of this pipeline's.
    pub(super) fn holds(&self, deployment: &wire::Deployment) -> bool {
        let job = deployment.deployable.as_ref();
        match pipeline_of(deployment) {
            Some(id) => id == self.pipeline.id,
            // Where its pipeline is not told, it is that of its job, or one of its commit.
            None => {
                job.is_some_and(|job| self.jobs.iter().any(|other| other.id == job.id))
                    || of_commit(deployment, self.pipeline)
            }
        }
    }

    fn actor(&self) -> Option<SafeText> {
        self.pipeline.user.as_ref()?.username.clone()
    }

    fn title(&self) -> SafeText {
        let named = self.pipeline.name.clone().filter(|name| !name.is_empty());
        let commit = || self.jobs.iter().find_map(|job| job.commit.as_ref()?.title.clone());
        named.or_else(commit).or_else(|| self.pipeline.reference.clone()).unwrap_or_default()
    }

    fn revision(&self) -> Sha {
        Sha::new(self.pipeline.sha.as_ref().map_or("", SafeText::as_str))
    }

    fn gate(&self, id: String, title: &SafeText) -> Gate {
        Gate {
            key: GateKey { run: self.key.clone(), attempt: attempt(self.all), id: SafeText::new(&id) },
            environment: self.watch.environment(title).cloned(),
            title: title.clone(),
            revision: self.revision(),
            branch: self.pipeline.reference.clone(),
            run_number: self.pipeline.id,
            run_title: self.title(),
            since: None,
            asked_by: self.actor(),
            reviewers: Vec::new(),
            may_decide: MayDecide::Unknown,
            timer: None,
            waits_for: WaitsFor::Human,
            quorum: None,
            no_reject: None,
            asks: Vec::new(),
            plan: None,
            expires: None,
            url: safe(self.pipeline.web_url.as_ref()),
        }
    }

    /// A deployment that waits for approval.
    fn approval(&self, deployment: &wire::Deployment) -> Gate {
        let unnamed = SafeText::new("a protected environment");
        let title = deployment.environment.as_ref().map_or(&unnamed, |environment| &environment.name);
        let quorum = approvals::quorum(deployment);
        let readable = deployment.status == "blocked" && deployment.environment.is_some() && quorum.is_some();
        let gate = Gate {
            since: deployment.created_at,
            reviewers: approvals::reviewers(deployment),
            quorum,
            ..self.gate(deployed(deployment), title)
        };
        if readable {
            return Gate { may_decide: approvals::may_decide(deployment, self.me), ..gate };
        }
        // It is shown, since something waits; what it waits for cannot be read, so nobody decides it here.
        let why = "GitLab does not tell what it waits for in words that are known: decide it there";
        Gate { waits_for: WaitsFor::OtherSystem, may_decide: MayDecide::No(why.into()), ..gate }
    }

    /// A job that somebody must start.
    fn manual(&self, job: &wire::Job, since: Option<Timestamp>) -> Gate {
        Gate {
            environment: self.watch.environment_of_job(&job.name).cloned(),
            since,
            no_reject: Some("a manual job cannot be turned down: cancel the pipeline, or leave it".into()),
            url: safe(job.web_url.as_ref()).or_else(|| safe(self.pipeline.web_url.as_ref())),
            ..self.gate(format!("job:{}", job.id), &job.name)
        }
    }

    /// A job that a timer starts. When is not told.
    fn timer(&self, job: &wire::Job) -> Gate {
        Gate { waits_for: WaitsFor::Timer, ..self.manual(job, job.created_at) }
    }

    /// Manual jobs that were seen to wait and were started since: by whom.
    pub(super) fn starts(&self, held: &Held) -> Vec<Review> {
        let started = |job: &&wire::Job| {
            held.contains_key(&job.id)
                && !matches!(job.status.as_str(), "manual" | "created" | "skipped" | "canceled" | "scheduled")
        };
        let reviews = self.all.iter().filter(started).map(|job| Review {
            decision: Decision::Approved,
            by: job.user.as_ref().and_then(|user| user.username.clone()).unwrap_or_else(|| "somebody".into()),
            environments: vec![job.name.clone()],
            comment: SafeText::default(),
        });
        reviews.collect()
    }

    pub(super) fn run(&self, reviews: Vec<Review>, tests: Option<TestReport>) -> Run {
        let pipeline = self.pipeline;
        let state = pipeline_state(pipeline, &self.jobs);
        Run {
            key: self.key.clone(),
            number: pipeline.id,
            attempt: attempt(self.all),
            workflow: SafeText::new(&self.watch.name),
            title: self.title(),
            revision: self.revision(),
            branch: pipeline.reference.clone(),
            event: pipeline.source.clone().unwrap_or_default(),
            actor: self.actor(),
            state,
            started: pipeline.started_at.or(pipeline.created_at),
            updated: pipeline.updated_at,
            url: safe(pipeline.web_url.as_ref()),
            jobs: self.jobs.iter().map(job).collect(),
            reviews,
            tests,
        }
    }
}

fn job(job: &wire::Job) -> Job {
    Job {
        id: SafeText::new(&job.id.to_string()),
        name: job.name.clone(),
        state: state(&job.status),
        started: job.started_at,
        finished: job.finished_at,
        steps: Vec::new(),
        url: safe(job.web_url.as_ref()),
    }
}
