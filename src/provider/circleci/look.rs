//! One complete look at one project: its newest pipelines, their workflows, and the jobs of those that move.
//!
//! A run of the cockpit is a workflow; a rerun is a new workflow of the same name in the same pipeline, and the newest
//! wins. Every answer counts, so what has ended is remembered and asked for again only now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::api::Api;
use super::bindings::Watch;
use super::states::{self, job_state, workflow_state};
use super::{reports, wire};
use crate::domain::pipeline::{MayDecide, Review, WaitsFor};
use crate::domain::{
    Ask, Decision, Fault, Gate, GateKey, Job, Run, RunKey, RunState, SafeText, ServiceName, Sha, SourceName,
    TestReport,
};
use crate::provider::http::{query, segment};
use crate::provider::services::{Sight, locked, remember};

/// Pipelines whose workflows are shown.
const LISTED: usize = 20;
/// Of these, the newest are asked about in every look: a rerun may have begun there.
const NEWEST: usize = 2;
/// The others, once they have ended, in one look of so many.
const SELDOM: u64 = 8;
/// How much is remembered of what has ended.
const KEPT: usize = 512;

/// What one look remembers for the next.
#[derive(Default)]
pub(super) struct Memory {
    /// Workflows of a pipeline, once all have ended.
    ended: Mutex<BTreeMap<SafeText, Vec<wire::Workflow>>>,
    /// Jobs of a workflow that has ended.
    jobs: Mutex<BTreeMap<SafeText, Vec<wire::Job>>>,
    /// The pipeline of a workflow, and which try of it the workflow is.
    pub(super) pipelines: Mutex<BTreeMap<SafeText, (wire::Pipeline, u64)>>,
    /// What the tests of a job said, once it had ended.
    tests: Mutex<BTreeMap<SafeText, TestReport>>,
    /// Ids of every workflow that was ever seen of a service.
    pub(super) seen: Mutex<BTreeMap<ServiceName, BTreeSet<SafeText>>>,
    /// Names of users, by id.
    users: Mutex<BTreeMap<SafeText, SafeText>>,
}

/// What applies to the whole look.
pub(super) struct Looker<'a> {
    pub(super) api: &'a Api,
    pub(super) memory: &'a Memory,
    pub(super) source: &'a SourceName,
    pub(super) ask: &'a Ask,
    pub(super) turn: u64,
    /// Whether this is CircleCI's own cloud, whose web pages are known.
    pub(super) cloud: bool,
}

impl Looker<'_> {
    pub(super) async fn service(&self, watch: &Watch) -> Result<Sight, Fault> {
        let path = format!("{}/pipeline", watch.path);
        let path = match &watch.branch {
            Some(branch) => query(&path, &[("branch", branch)]),
            None => path,
        };
        let page: wire::Page<wire::Pipeline> = self.api.get(&path).await?;
        let mut sight = Sight::default();
        let asked = self.ask.runs_of(self.source, &watch.service);
        let mut found = BTreeSet::new();
        for (place, pipeline) in page.items.iter().take(LISTED).enumerate() {
            sight.pipeline.remarks.extend(refused(pipeline));
            for (attempt, workflow, newest) in self.workflows(watch, pipeline, place).await? {
                let wanted = asked.contains(&workflow.id);
                if !newest && !wanted {
                    continue;
                }
                found.insert(workflow.id.clone());
                let detailed = !ended(&workflow) || wanted || place == 0;
                self.add(watch, pipeline, (attempt, &workflow, detailed), &mut sight).await?;
            }
        }
        for id in asked.into_iter().filter(|id| !found.contains(*id)) {
            self.older(watch, id, &mut sight).await?;
        }
        let mut seen = locked(&self.memory.seen);
        let ids = seen.entry(watch.service.clone()).or_default();
        ids.extend(sight.pipeline.runs.iter().map(|run| run.key.id.clone()));
        Ok(sight)
    }

    /// The workflows of a pipeline: attempt, workflow, whether it is the newest of its name. Newest first.
    async fn workflows(
        &self,
        watch: &Watch,
        pipeline: &wire::Pipeline,
        place: usize,
    ) -> Result<Vec<(u64, wire::Workflow, bool)>, Fault> {
        let known = locked(&self.memory.ended).get(&pipeline.id).cloned();
        let seldom = place >= NEWEST && !self.turn.is_multiple_of(SELDOM);
        let mut all = match known {
            Some(known) if seldom => known,
            _ => {
                let path = format!("/pipeline/{}/workflow", segment(pipeline.id.as_str()));
                let (all, _) = self.api.list::<wire::Workflow>(&path).await?;
                if !all.is_empty() && all.iter().all(ended) {
                    remember(&self.memory.ended, pipeline.id.clone(), all.clone(), KEPT);
                } else {
                    locked(&self.memory.ended).remove(&pipeline.id);
                }
                all
            }
        };
        all.retain(|workflow| watch.workflow.as_ref().is_none_or(|name| workflow.name == name.as_str()));
        all.sort_by_key(|workflow| workflow.created_at);
        let mut attempts: BTreeMap<SafeText, u64> = BTreeMap::new();
        let mut numbered: Vec<(u64, wire::Workflow, bool)> = Vec::new();
        for workflow in all {
            let attempt = attempts.entry(workflow.name.clone()).or_default();
            *attempt = attempt.saturating_add(1);
            for (_, other, newest) in &mut numbered {
                *newest &= other.name != workflow.name;
            }
            remember(&self.memory.pipelines, workflow.id.clone(), (pipeline.clone(), *attempt), KEPT);
            numbered.push((*attempt, workflow, true));
        }
        numbered.reverse();
        Ok(numbered)
    }

    /// A run that is asked for and has left the list.
    async fn older(&self, watch: &Watch, id: &SafeText, sight: &mut Sight) -> Result<(), Fault> {
        let path = format!("/workflow/{}", segment(id.as_str()));
        let Some(workflow) = self.api.get_if_told::<wire::Workflow>(&path).await? else { return Ok(()) };
        let Some((pipeline, attempt)) = locked(&self.memory.pipelines).get(id).cloned() else {
            return Ok(());
        };
        self.add(watch, &pipeline, (attempt, &workflow, true), sight).await
    }

    async fn add(
        &self,
        watch: &Watch,
        pipeline: &wire::Pipeline,
        (attempt, workflow, detailed): (u64, &wire::Workflow, bool),
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        let jobs = if detailed { self.jobs(workflow).await? } else { Vec::new() };
        let key =
            RunKey { source: self.source.clone(), service: watch.service.clone(), id: workflow.id.clone() };
        let about = About { watch, pipeline, workflow, key, attempt, cloud: self.cloud };
        for job in jobs.iter().filter(|job| waits(job)) {
            sight.gates.push(about.gate(job));
        }
        let reviews = self.reviews(workflow, &jobs).await?;
        let still = ended(workflow) || jobs.iter().any(waits);
        let tests = if detailed && still { self.tests(watch, &jobs).await? } else { None };
        sight.pipeline.runs.push(Run { tests, ..about.run(&jobs, reviews) });
        Ok(())
    }

    /// What the tests of a workflow's jobs said; asked for once of each.
    async fn tests(&self, watch: &Watch, jobs: &[wire::Job]) -> Result<Option<TestReport>, Fault> {
        let mut sum = TestReport::default();
        for job in jobs.iter().filter(|job| job_state(job).ended()) {
            let Some(number) = job.job_number else { continue };
            let known = locked(&self.memory.tests).get(&job.id).cloned();
            let report = match known {
                Some(known) => known,
                None => {
                    let report = reports::report(self.api, watch, number).await?;
                    remember(&self.memory.tests, job.id.clone(), report.clone(), KEPT);
                    report
                }
            };
            sum.add(report);
        }
        Ok((sum != TestReport::default()).then_some(sum))
    }

    async fn jobs(&self, workflow: &wire::Workflow) -> Result<Vec<wire::Job>, Fault> {
        if let Some(known) = locked(&self.memory.jobs).get(&workflow.id).filter(|_| ended(workflow)) {
            return Ok(known.clone());
        }
        let jobs = jobs(self.api, &workflow.id).await?;
        if ended(workflow) {
            remember(&self.memory.jobs, workflow.id.clone(), jobs.clone(), KEPT);
        }
        Ok(jobs)
    }

    /// What became of the approvals of a workflow.
    async fn reviews(&self, workflow: &wire::Workflow, jobs: &[wire::Job]) -> Result<Vec<Review>, Fault> {
        let mut reviews = Vec::new();
        for job in jobs.iter().filter(|job| job.is_approval()) {
            let (decision, by) = match job.status.as_str() {
                "success" => (Decision::Approved, job.approved_by.as_ref()),
                "canceled" => {
                    (Decision::Rejected, job.canceled_by.as_ref().or(workflow.canceled_by.as_ref()))
                }
                _ => continue,
            };
            let by = match by {
                Some(id) => self.name(id).await?,
                None => "somebody".into(),
            };
            let environments = vec![job.name.clone()];
            reviews.push(Review { decision, by, environments, comment: SafeText::default() });
        }
        Ok(reviews)
    }

    /// The name of a user; asked for once.
    async fn name(&self, id: &SafeText) -> Result<SafeText, Fault> {
        if let Some(known) = locked(&self.memory.users).get(id) {
            return Ok(known.clone());
        }
        let user: Option<wire::User> =
            self.api.get_if_told(&format!("/user/{}", segment(id.as_str()))).await?;
        let name = user.and_then(|user| user.login.or(user.name)).unwrap_or_else(|| id.clone());
        remember(&self.memory.users, id.clone(), name.clone(), KEPT);
        Ok(name)
    }
}

/// The jobs of a workflow, those first that others need.
pub(super) async fn jobs(api: &Api, workflow: &SafeText) -> Result<Vec<wire::Job>, Fault> {
    let (mut jobs, _) =
        api.list::<wire::Job>(&format!("/workflow/{}/job", segment(workflow.as_str()))).await?;
    states::in_order(&mut jobs);
    Ok(jobs)
}

/// Whether a job is an approval that somebody may give now.
pub(super) fn waits(job: &wire::Job) -> bool {
    job.is_approval() && job.status == "on_hold"
}

pub(super) fn ended(workflow: &wire::Workflow) -> bool {
    workflow_state(&workflow.status).ended()
}

/// A pipeline that never came to have workflows says why.
fn refused(pipeline: &wire::Pipeline) -> Option<SafeText> {
    let errored = pipeline.state.as_ref().is_some_and(|state| state == "errored");
    let why = pipeline.errors.iter().find_map(|error| error.message.as_ref());
    errored.then(|| {
        let why = why.map_or("it does not say why", SafeText::as_str);
        SafeText::new(&format!("pipeline {} has no workflow: {why}", pipeline.number))
    })
}

/// A workflow with everything around it.
pub(super) struct About<'a> {
    pub(super) watch: &'a Watch,
    pub(super) pipeline: &'a wire::Pipeline,
    pub(super) workflow: &'a wire::Workflow,
    pub(super) key: RunKey,
    pub(super) attempt: u64,
    pub(super) cloud: bool,
}

impl About<'_> {
    fn url(&self) -> Option<SafeText> {
        let (slug, number, id) = (&self.watch.slug, self.pipeline.number, &self.workflow.id);
        self.cloud.then(|| {
            SafeText::new(&format!("https://app.circleci.com/pipelines/{slug}/{number}/workflows/{id}"))
        })
    }

    pub(super) fn gate(&self, job: &wire::Job) -> Gate {
        Gate {
            key: GateKey { run: self.key.clone(), attempt: self.attempt, id: job.id.clone() },
            environment: self.watch.environment(&job.name).cloned(),
            title: job.name.clone(),
            revision: revision(self.pipeline),
            branch: branch(self.pipeline),
            run_number: self.pipeline.number,
            run_title: title(self.pipeline, self.workflow),
            since: job.started_at.or(self.workflow.created_at),
            asked_by: actor(self.pipeline),
            reviewers: Vec::new(),
            may_decide: MayDecide::Unknown,
            timer: None,
            waits_for: WaitsFor::Human,
            quorum: None,
            no_reject: None,
            plan: None,
            expires: None,
            asks: Vec::new(),
            url: self.url(),
        }
    }

    pub(super) fn run(&self, jobs: &[wire::Job], reviews: Vec<Review>) -> Run {
        let (pipeline, workflow) = (self.pipeline, self.workflow);
        let mut state = workflow_state(&workflow.status);
        // A workflow that runs or fails elsewhere may wait for somebody all the same.
        let moves = jobs.iter().any(|job| job_state(job) == RunState::Running);
        if !state.ended() && !moves && jobs.iter().any(waits) {
            state = RunState::WaitingForHuman;
        }
        Run {
            key: self.key.clone(),
            number: pipeline.number,
            attempt: self.attempt,
            workflow: workflow.name.clone(),
            title: title(pipeline, workflow),
            revision: revision(pipeline),
            branch: branch(pipeline),
            event: pipeline.trigger.as_ref().and_then(|t| t.kind.clone()).unwrap_or_default(),
            actor: actor(pipeline),
            state,
            started: workflow.created_at.or(pipeline.created_at),
            updated: workflow.stopped_at.or(pipeline.updated_at),
            url: self.url(),
            jobs: jobs.iter().map(|job| self.job(job)).collect(),
            reviews,
            tests: None,
        }
    }

    fn job(&self, job: &wire::Job) -> Job {
        Job {
            id: job.id.clone(),
            name: job.name.clone(),
            state: job_state(job),
            started: job.started_at,
            finished: job.stopped_at,
            steps: Vec::new(),
            url: self.url(),
        }
    }
}

pub(super) fn revision(pipeline: &wire::Pipeline) -> Sha {
    let vcs = pipeline.vcs.as_ref().and_then(|vcs| vcs.revision.as_ref());
    let git = pipeline.trigger_parameters.as_ref().and_then(|p| p.git.as_ref()?.checkout_sha.as_ref());
    Sha::new(vcs.or(git).map_or("", SafeText::as_str))
}

pub(super) fn branch(pipeline: &wire::Pipeline) -> Option<SafeText> {
    let vcs = pipeline.vcs.as_ref().and_then(|vcs| vcs.branch.clone().or_else(|| vcs.tag.clone()));
    let git = || {
        let git = pipeline.trigger_parameters.as_ref()?.git.as_ref()?;
        git.branch.clone().or_else(|| git.tag.clone())
    };
    vcs.or_else(git).filter(|name| !name.is_empty())
}

pub(super) fn actor(pipeline: &wire::Pipeline) -> Option<SafeText> {
    pipeline.trigger.as_ref()?.actor.as_ref()?.login.clone().filter(|login| !login.is_empty())
}

pub(super) fn title(pipeline: &wire::Pipeline, workflow: &wire::Workflow) -> SafeText {
    let subject = pipeline.vcs.as_ref().and_then(|vcs| vcs.commit.as_ref()?.subject.clone());
    let git = || pipeline.trigger_parameters.as_ref()?.git.as_ref()?.commit_title.clone();
    let subject = subject.or_else(git).filter(|subject| !subject.is_empty());
    subject.unwrap_or_else(|| workflow.name.clone())
}
