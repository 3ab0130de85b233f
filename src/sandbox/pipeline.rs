//! The release pipeline of a service, whoever runs it: jobs in stages, one of them held until somebody lets it go,
//! two of them deploying. Knows the clock and whether a deployed version has arrived, by what it is told, and
//! nothing of any provider's words: the dialects stand beside it.

use super::SandboxError;
use super::history::Commits;
use super::scenario::{RunScript, ServiceScript};
use jiff::{SignedDuration, Timestamp};

/// How long a job is queued before a runner takes it, in seconds.
const QUEUE_SECONDS: i64 = 1;
/// How long a deploy job waits for its rollout, in seconds.
const ROLLOUT_SECONDS: i64 = 600;
/// The longest that a seeded run may take, in seconds.
const PATIENCE: i64 = 3_600;

/// A deploy job's effect.
#[derive(Clone, Debug)]
pub(super) struct Deploy {
    pub(super) service: String,
    pub(super) environment: String,
    pub(super) tag: String,
    pub(super) cause: String,
}

/// Whether a deployed version serves: service, environment, tag.
pub(super) type Arrived<'a> = &'a dyn Fn(&str, &str, &str) -> bool;

/// A job as it is written down.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) stage: &'static str,
    pub(super) needs: &'static [&'static str],
    pub(super) environment: Option<&'static str>,
    /// Whether somebody must let it go.
    pub(super) held: bool,
    /// How long it takes, in seconds.
    pub(super) seconds: i64,
}

const fn plan(name: &'static str, stage: &'static str, needs: &'static [&'static str], seconds: i64) -> Plan {
    Plan { name, stage, needs, environment: None, held: false, seconds }
}

/// Builds, tests and deploys a tag.
pub(super) static RELEASE: &[Plan] = &[
    plan("build", "build", &[], 60),
    plan("unit", "test", &["build"], 25),
    plan("e2e", "test", &["build"], 45),
    plan("scan", "test", &["build"], 15),
    Plan { environment: Some("staging"), ..plan("deploy-staging", "staging", &["unit", "e2e", "scan"], 8) },
    Plan {
        environment: Some("production"),
        held: true,
        ..plan("deploy-production", "production", &["deploy-staging"], 12)
    },
];

/// Plans a change of what runs, estimates and checks it, and applies it once somebody confirmed the plan.
pub(super) static CHANGE: &[Plan] = &[
    plan("plan", "plan", &[], 20),
    plan("cost-estimate", "check", &["plan"], 4),
    plan("policy-check", "check", &["cost-estimate"], 3),
    Plan { environment: Some("production"), held: true, ..plan("apply", "apply", &["policy-check"], 12) },
];

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// What it needs is not done.
    Created,
    /// Somebody must let it go.
    Held,
    /// No runner has taken it.
    Queued,
    /// It runs.
    Running,
    /// It ended well.
    Passed,
    /// It ended badly.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// What it needs did not pass.
    Skipped,
}

impl Phase {
    pub(super) const fn over(self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Cancelled | Self::Skipped)
    }
}

/// One try of a job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) plan: &'static Plan,
    pub(super) phase: Phase,
    pub(super) created: Timestamp,
    /// When it began to be held.
    pub(super) held: Option<Timestamp>,
    pub(super) queued: Option<Timestamp>,
    pub(super) started: Option<Timestamp>,
    pub(super) finished: Option<Timestamp>,
    /// Who let it go, or stopped it.
    pub(super) by: Option<String>,
    /// Whether a later try has taken its place.
    pub(super) retried: bool,
}

/// One run of the pipeline.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: u64,
    /// Its number within the service, from 1.
    pub(super) number: u64,
    pub(super) version: String,
    pub(super) sha: String,
    pub(super) actor: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    /// Every try of every job.
    pub(super) jobs: Vec<Job>,
    /// The job whose first try fails, if one is scripted to.
    pub(super) fails: Option<&'static str>,
}

/// What a step of time needs of its surroundings.
pub(super) struct Step<'a> {
    pub(super) now: Timestamp,
    pub(super) arrived: Arrived<'a>,
    pub(super) deploys: &'a mut Vec<Deploy>,
}

/// Gives out ids that rise.
#[derive(Clone, Debug)]
pub(super) struct Ids(pub(super) u64);

impl Ids {
    pub(super) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

impl Run {
    /// A run that begins now.
    pub(super) fn new(
        ids: &mut Ids,
        number: u64,
        (version, sha): (&str, &str),
        actor: &str,
        now: Timestamp,
    ) -> Self {
        Self::of(RELEASE, ids, number, (version, sha), actor, now)
    }

    /// A run of other jobs that begins now.
    pub(super) fn of(
        jobs: &'static [Plan],
        ids: &mut Ids,
        number: u64,
        (version, sha): (&str, &str),
        actor: &str,
        now: Timestamp,
    ) -> Self {
        let id = ids.next();
        let jobs = jobs.iter().map(|plan| Job::new(ids, plan, now)).collect();
        Self {
            id,
            number,
            version: version.to_owned(),
            sha: sha.to_owned(),
            actor: actor.to_owned(),
            created: now,
            updated: now,
            jobs,
            fails: None,
        }
    }

    /// The newest try of every job.
    pub(super) fn current(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !job.retried)
    }

    /// The newest try of one job.
    pub(super) fn job(&self, name: &str) -> Option<&Job> {
        self.current().find(|job| job.plan.name == name)
    }

    pub(super) fn has(&self, phase: Phase) -> bool {
        self.current().any(|job| job.phase == phase)
    }

    pub(super) fn is_over(&self) -> bool {
        self.current().all(|job| job.phase.over())
    }

    /// Moves everything that moves by itself.
    pub(super) fn tick(&mut self, service: &str, step: &mut Step<'_>) {
        for index in 0..self.jobs.len() {
            let Some(next) = self.jobs.get(index).and_then(|job| self.next(service, job, step)) else {
                continue;
            };
            let Some(job) = self.jobs.get_mut(index) else { continue };
            job.go(next, step.now);
            self.updated = step.now;
            if let (Phase::Running, Some(environment)) = (next, job.plan.environment) {
                step.deploys.push(Deploy {
                    service: service.to_owned(),
                    environment: environment.to_owned(),
                    tag: self.version.clone(),
                    cause: format!("by run {}", self.id),
                });
            }
        }
    }

    fn next(&self, service: &str, job: &Job, step: &Step<'_>) -> Option<Phase> {
        if job.retried {
            return None;
        }
        let spent = |since: Option<Timestamp>| {
            since.map_or(0, |since| step.now.as_second().saturating_sub(since.as_second()))
        };
        let first = self.jobs.iter().filter(|other| other.plan.name == job.plan.name).count() == 1;
        match job.phase {
            Phase::Created => {
                let phase = |name: &str| self.job(name).map_or(Phase::Skipped, |need| need.phase);
                let needs = || job.plan.needs.iter().map(|name| phase(name));
                match () {
                    () if needs().any(|p| p.over() && p != Phase::Passed) => Some(Phase::Skipped),
                    () if !needs().all(|p| p == Phase::Passed) => None,
                    () if job.plan.held => Some(Phase::Held),
                    () => Some(Phase::Queued),
                }
            }
            Phase::Queued => (spent(job.queued) >= QUEUE_SECONDS).then_some(Phase::Running),
            Phase::Running => {
                let arrived = job
                    .plan
                    .environment
                    .is_none_or(|environment| (step.arrived)(service, environment, &self.version));
                match () {
                    () if spent(job.started) >= job.plan.seconds && arrived => {
                        let fails = first && self.fails == Some(job.plan.name);
                        Some(if fails { Phase::Failed } else { Phase::Passed })
                    }
                    () if spent(job.started) >= ROLLOUT_SECONDS => Some(Phase::Failed),
                    () => None,
                }
            }
            _ => None,
        }
    }

    /// Lets a held job go. False when it is not held.
    pub(super) fn let_go(&mut self, id: u64, by: &str, now: Timestamp) -> bool {
        self.decide(id, by, now, Phase::Queued)
    }

    /// Stops a held job. False when it is not held.
    pub(super) fn turn_down(&mut self, id: u64, by: &str, now: Timestamp) -> bool {
        self.decide(id, by, now, Phase::Cancelled)
    }

    fn decide(&mut self, id: u64, by: &str, now: Timestamp, to: Phase) -> bool {
        let held = |job: &&mut Job| job.id == id && job.phase == Phase::Held && !job.retried;
        let Some(job) = self.jobs.iter_mut().find(held) else { return false };
        job.by = Some(by.to_owned());
        job.go(to, now);
        self.updated = now;
        true
    }

    /// Stops everything that is not over. False when there is nothing of the kind.
    pub(super) fn cancel(&mut self, by: &str, now: Timestamp) -> bool {
        let mut stopped = false;
        for job in self.jobs.iter_mut().filter(|job| !job.retried && !job.phase.over()) {
            job.by = Some(by.to_owned());
            job.go(Phase::Cancelled, now);
            stopped = true;
        }
        if stopped {
            self.updated = now;
        }
        stopped
    }

    /// Takes over what passed in an earlier run of the same commit.
    pub(super) fn keep_passed(&mut self, earlier: &Self) {
        for job in &mut self.jobs {
            if let Some(old) = earlier.job(job.plan.name).filter(|old| old.phase == Phase::Passed) {
                *job = Job { id: job.id, ..old.clone() };
            }
        }
    }

    /// Tries every job again that failed, was stopped or was skipped. False when there is none.
    pub(super) fn retry(&mut self, ids: &mut Ids, now: Timestamp) -> bool {
        let again = |job: &&mut Job| {
            !job.retried && matches!(job.phase, Phase::Failed | Phase::Cancelled | Phase::Skipped)
        };
        let mut fresh = Vec::new();
        for job in self.jobs.iter_mut().filter(again) {
            job.retried = true;
            fresh.push(Job::new(ids, job.plan, now));
        }
        let any = !fresh.is_empty();
        self.jobs.append(&mut fresh);
        if any {
            self.updated = now;
        }
        any
    }
}

impl Job {
    fn new(ids: &mut Ids, plan: &'static Plan, now: Timestamp) -> Self {
        Self {
            id: ids.next(),
            plan,
            phase: Phase::Created,
            created: now,
            held: None,
            queued: None,
            started: None,
            finished: None,
            by: None,
            retried: false,
        }
    }

    fn go(&mut self, to: Phase, now: Timestamp) {
        self.phase = to;
        match to {
            Phase::Created => {}
            Phase::Held => self.held = Some(now),
            Phase::Queued => self.queued = Some(now),
            Phase::Running => self.started = Some(now),
            Phase::Passed | Phase::Failed | Phase::Cancelled | Phase::Skipped => self.finished = Some(now),
        }
    }
}

/// The runs of a service as the day begins, oldest first: one that is over, and one as its script says.
pub(super) fn seed(
    ids: &mut Ids,
    script: &ServiceScript,
    commits: &Commits,
    start: Timestamp,
) -> Result<Vec<Run>, SandboxError> {
    seed_of((RELEASE, "e2e"), ids, script, commits, start)
}

/// The same with other jobs, of which this one fails where one is scripted to.
pub(super) fn seed_of(
    (jobs, fails): (&'static [Plan], &'static str),
    ids: &mut Ids,
    script: &ServiceScript,
    commits: &Commits,
    start: Timestamp,
) -> Result<Vec<Run>, SandboxError> {
    let newest = script.tags.last().cloned().unwrap_or_default();
    let mut runs = Vec::new();
    let old = (script.live.as_str(), commits.of(&script.live));
    runs.push(past(
        Run::of(jobs, ids, 1, old, "rhea", start - SignedDuration::from_hours(71)),
        script,
        Goal::Done,
    ));
    if newest != script.live {
        let (back, goal) = match script.run {
            RunScript::Done => (5_400, Goal::Done),
            RunScript::Building => (26, Goal::Until(start)),
            RunScript::Waiting | RunScript::Failing => (372, Goal::Until(start)),
            RunScript::Deploying => (430, Goal::Deploying(start)),
        };
        let from = start - SignedDuration::from_secs(back);
        let mut run = Run::of(jobs, ids, 2, (&newest, commits.of(&newest)), "rhea", from);
        run.fails = (script.run == RunScript::Failing).then_some(fails);
        runs.push(past(run, script, goal));
    }
    Ok(runs)
}

/// How far a run of the past goes.
#[derive(Clone, Copy)]
enum Goal {
    /// To its end, let go by Omar.
    Done,
    /// As far as it comes by itself until then.
    Until(Timestamp),
    /// Until somebody let production go, just before then.
    Deploying(Timestamp),
}

/// Lets a run of the past go as far as its goal. What its deploy jobs did is what the platforms began with.
fn past(mut run: Run, script: &ServiceScript, goal: Goal) -> Run {
    let mut deploys = Vec::new();
    for second in 0..PATIENCE {
        let now = run.created + SignedDuration::from_secs(second);
        if run.is_over() || matches!(goal, Goal::Until(end) if now > end) {
            break;
        }
        let held = run.current().find(|job| job.phase == Phase::Held).map(|job| job.id);
        match (goal, held) {
            (Goal::Done, Some(id)) => {
                run.let_go(id, "omar", now);
            }
            (Goal::Deploying(start), Some(id)) => {
                run.let_go(id, "omar", start - SignedDuration::from_secs(3));
                break;
            }
            _ => {}
        }
        let mut step = Step { now, arrived: &|_, _, _| true, deploys: &mut deploys };
        run.tick(&script.name, &mut step);
    }
    run
}
