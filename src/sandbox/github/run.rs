//! How runs move: jobs are scheduled when what they need is done, wait at gates, deploy, and end. Knows the clock and
//! whether a deployed version has arrived, by what it is told.

use super::GitHub;
use super::state::{
    Access, Approval, Deployment, ENVIRONMENTS, Environment, Job, PastAttempt, Phase, Repo, Run,
};
use super::workflow::JobPlan;
use crate::sandbox::pipeline::{Arrived, Deploy};
use jiff::Timestamp;

/// How long a job is queued before a runner takes it, in seconds.
const QUEUE_SECONDS: i64 = 1;
/// How long a deploy job waits for its rollout, in seconds.
const ROLLOUT_SECONDS: i64 = 600;

/// Why a review is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReviewRefused {
    /// No job of the run waits for it.
    NotPending,
    /// The user is no reviewer of it.
    NotReviewer,
    /// The user started the run, and may not review it.
    SelfReview,
}

/// What one step of a run needs of its surroundings.
pub(super) struct Step<'a> {
    pub(super) now: Timestamp,
    pub(super) arrived: Arrived<'a>,
    pub(super) next_id: &'a mut u64,
    pub(super) deploys: &'a mut Vec<Deploy>,
}

impl Step<'_> {
    fn id(&mut self) -> u64 {
        *self.next_id += 1;
        *self.next_id
    }
}

/// Moves every unfinished run of a repository.
pub(super) fn tick(repo: &mut Repo, step: &mut Step<'_>) {
    super::lanes::tick(repo, step.now);
    let Repo { name, runs, deployments, .. } = repo;
    for run in runs.iter_mut().filter(|run| !run.is_over() && !run.pending) {
        move_run(name, run, deployments, step);
    }
}

/// Moves one run.
pub(super) fn move_run(service: &str, run: &mut Run, deployments: &mut Vec<Deployment>, step: &mut Step<'_>) {
    let before = fingerprint(run);
    schedule(run, deployments, step);
    let (attempt, cancelling, version, id) = (run.attempt, run.cancelling, run.version.clone(), run.id);
    let besides = run.besides.clone();
    let fails = run.fails.filter(|_| attempt == 1);
    for job in run.jobs.iter_mut().filter(|job| job.attempt == attempt) {
        let conclusion = match job.phase {
            Phase::Done(_) => continue,
            _ if cancelling => Some("cancelled"),
            Phase::Waiting if may_pass(job, &besides, step.now) => {
                job.phase = Phase::Queued;
                job.created = step.now;
                set_status(deployments, job.deployment, "queued", step);
                None
            }
            Phase::Waiting => None,
            Phase::Queued if step.now.as_second() - job.created.as_second() >= QUEUE_SECONDS => {
                job.phase = Phase::Running;
                job.started = Some(step.now);
                if let Some(environment) = job.plan.environment {
                    set_status(deployments, job.deployment, "in_progress", step);
                    step.deploys.push(Deploy {
                        service: service.to_owned(),
                        environment: environment.to_owned(),
                        tag: version.clone(),
                        cause: format!("by run {id}"),
                    });
                }
                None
            }
            Phase::Queued => None,
            Phase::Running if fails == Some(job.plan.name) => {
                finished(service, &version, job, step).map(|_| "failure")
            }
            Phase::Running => finished(service, &version, job, step),
        };
        let Some(conclusion) = conclusion else { continue };
        job.phase = Phase::Done(conclusion);
        job.completed = Some(step.now);
        conclude(deployments, job, conclusion, step);
    }
    if fingerprint(run) != before {
        run.updated = step.now;
    }
}

fn fingerprint(run: &Run) -> Vec<(u64, Phase)> {
    run.jobs.iter().map(|job| (job.id, job.phase)).collect()
}

/// The conclusion of a running job, when it has one.
fn finished(service: &str, version: &str, job: &Job, step: &Step<'_>) -> Option<&'static str> {
    let spent = step.now.as_second() - job.started.unwrap_or(job.created).as_second();
    let arrived =
        job.plan.environment.is_none_or(|environment| (step.arrived)(service, environment, version));
    match () {
        () if spent >= job.plan.seconds && arrived => Some("success"),
        () if spent >= ROLLOUT_SECONDS => Some("failure"),
        () => None,
    }
}

/// Makes the jobs whose needs are done; skips those whose needs failed.
fn schedule(run: &mut Run, deployments: &mut Vec<Deployment>, step: &mut Step<'_>) {
    for plan in run.workflow.jobs {
        if run.current().any(|job| job.plan.name == plan.name) {
            continue;
        }
        let phase_of = |need: &str| run.current().find(|job| job.plan.name == need).map(|job| job.phase);
        let needs: Vec<_> = plan.needs.iter().map(|need| phase_of(need)).collect();
        let all_done = needs.iter().all(|need| *need == Some(Phase::Done("success")));
        let failed = needs.iter().any(|need| matches!(need, Some(Phase::Done(end)) if *end != "success"));
        if run.cancelling || failed {
            let conclusion = if run.cancelling { "cancelled" } else { "skipped" };
            let job = new_job(run, plan, Phase::Done(conclusion), step);
            run.jobs.push(Job { completed: Some(step.now), ..job });
        } else if run.kept.contains(&plan.name) {
            let job = new_job(run, plan, Phase::Done("success"), step);
            let earlier = run.jobs.iter().rev().find(|old| old.plan.name == plan.name);
            let started = earlier.and_then(|old| old.started);
            let completed = earlier.and_then(|old| old.completed);
            run.jobs.push(Job { started, completed, ..job });
        } else if all_done {
            let job = enter(run, plan, deployments, step);
            run.jobs.push(job);
        }
    }
}

fn new_job(run: &Run, plan: &'static JobPlan, phase: Phase, step: &mut Step<'_>) -> Job {
    Job {
        id: step.id(),
        attempt: run.attempt,
        plan,
        created: step.now,
        started: None,
        completed: None,
        phase,
        deployment: None,
        reviewed: false,
        passed: false,
    }
}

/// A job whose needs are done: queued, or held at its environment's gate.
fn enter(run: &Run, plan: &'static JobPlan, deployments: &mut Vec<Deployment>, step: &mut Step<'_>) -> Job {
    let environment = ENVIRONMENTS.iter().find(|environment| Some(environment.name) == plan.environment);
    let gated = environment.is_some_and(|environment| !environment.reviewers.is_empty());
    let mut job = new_job(run, plan, if gated { Phase::Waiting } else { Phase::Queued }, step);
    if let Some(environment) = environment {
        let id = step.id();
        job.deployment = Some(id);
        deployments.push(Deployment {
            id,
            sha: run.sha.clone(),
            reference: run.branch.clone(),
            version: run.version.clone(),
            environment: environment.name,
            created: step.now,
            run: run.id,
            statuses: Vec::new(),
        });
        set_status(deployments, Some(id), if gated { "waiting" } else { "queued" }, step);
    }
    job
}

fn set_status(deployments: &mut [Deployment], id: Option<u64>, state: &'static str, step: &mut Step<'_>) {
    let status = (step.id(), state, step.now);
    if let Some(deployment) = deployments.iter_mut().find(|deployment| Some(deployment.id) == id) {
        deployment.statuses.push(status);
    }
}

/// Writes a job's end into its deployment; a success makes the earlier ones of the environment inactive.
fn conclude(deployments: &mut [Deployment], job: &Job, conclusion: &'static str, step: &mut Step<'_>) {
    let Some(id) = job.deployment else { return };
    let state = if conclusion == "success" { "success" } else { "failure" };
    set_status(deployments, Some(id), state, step);
    if state != "success" {
        return;
    }
    let older: Vec<u64> = deployments
        .iter()
        .filter(|other| Some(other.environment) == job.plan.environment && other.id != id)
        .filter(|other| other.state() == "success")
        .map(|other| other.id)
        .collect();
    for old in older {
        set_status(deployments, Some(old), "inactive", step);
    }
}

/// Reviews the gates of a run: all waiting jobs of the environments are released, or fail.
pub(super) fn review(
    run: &mut Run,
    deployments: &mut [Deployment],
    environments: &[&'static Environment],
    review: &Approval,
    step: &mut Step<'_>,
) -> Result<(), ReviewRefused> {
    for environment in environments {
        may_review(run, environment, &review.login)?;
    }
    let attempt = run.attempt;
    for job in run.jobs.iter_mut().filter(|job| job.attempt == attempt && job.phase == Phase::Waiting) {
        if !environments.iter().any(|environment| Some(environment.name) == job.plan.environment) {
            continue;
        }
        if review.state == "approved" {
            job.reviewed = true;
            if may_pass(job, &run.besides, step.now) {
                job.phase = Phase::Queued;
                job.created = step.now;
                set_status(deployments, job.deployment, "queued", step);
            }
        } else {
            job.phase = Phase::Done("failure");
            job.completed = Some(step.now);
            conclude(deployments, job, "failure", step);
        }
    }
    run.approvals.push(review.clone());
    run.updated = step.now;
    Ok(())
}

/// Whether everything that holds a waiting job has let it pass: people, the App, the timer.
fn may_pass(job: &Job, (app, minutes): &(Option<String>, u32), now: Timestamp) -> bool {
    let waited = now.as_second() - job.created.as_second();
    job.reviewed && (app.is_none() || job.passed) && waited >= i64::from(*minutes) * 60
}

/// Whether a user may review a gate of a run now.
pub(super) fn may_review(run: &Run, environment: &Environment, login: &str) -> Result<(), ReviewRefused> {
    if !run.gates().iter().any(|gate| gate.name == environment.name) {
        return Err(ReviewRefused::NotPending);
    }
    // Somebody agreed already; what it waits for now is not people.
    let asked = |job: &Job| job.plan.environment == Some(environment.name) && job.phase == Phase::Waiting;
    if run.current().filter(|job| asked(job)).all(|job| job.reviewed) {
        return Err(ReviewRefused::NotPending);
    }
    if !environment.reviewers.contains(&login) {
        return Err(ReviewRefused::NotReviewer);
    }
    if environment.prevent_self_review && run.triggering_actor == login {
        return Err(ReviewRefused::SelfReview);
    }
    Ok(())
}

/// Starts the next attempt. With `keep`, jobs that succeeded are taken over.
pub(super) fn rerun(run: &mut Run, login: &str, keep: bool, now: Timestamp) {
    run.past.push(PastAttempt {
        attempt: run.attempt,
        started: run.started,
        updated: run.updated,
        actor: run.triggering_actor.clone(),
    });
    run.kept = if keep {
        run.current().filter(|job| job.phase == Phase::Done("success")).map(|job| job.plan.name).collect()
    } else {
        Vec::new()
    };
    run.attempt += 1;
    run.started = now;
    run.updated = now;
    run.cancelling = false;
    login.clone_into(&mut run.triggering_actor);
}

impl GitHub {
    /// Approves the newest waiting gate of a service as somebody who may. False when there is none.
    pub(in crate::sandbox) fn approve_as(
        &mut self,
        login: &str,
        service: &str,
        environment: &str,
        now: Timestamp,
    ) -> bool {
        let known = self.users.iter().any(|user| user.login == login && user.access == Access::Write);
        let Some(environment) = ENVIRONMENTS.iter().find(|other| other.name == environment) else {
            return false;
        };
        let Some(repo) = self.repos.iter_mut().find(|repo| repo.name == service) else { return false };
        let Some(run) = repo.runs.iter_mut().rev().find(|run| may_review(run, environment, login).is_ok())
        else {
            return false;
        };
        let approval = Approval {
            state: "approved".into(),
            comment: "looks good from here".into(),
            login: login.to_owned(),
            environments: vec![environment.name],
        };
        let mut deploys = Vec::new();
        let mut step =
            Step { now, arrived: &|_, _, _| false, next_id: &mut self.next_id, deploys: &mut deploys };
        known && review(run, &mut repo.deployments, &[environment], &approval, &mut step).is_ok()
    }
}
