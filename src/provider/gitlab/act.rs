//! Approve and start, reject, retry, cancel, new pipelines: a fresh look, and the very requests.
//!
//! Two things wait at GitLab. A manual job is started, and that is all. A deployment to a protected environment is
//! approved, by as many as its rules ask, and its job must be started all the same: the last approval and the start are
//! two requests of one plan. Every refusal of an approval is a 400; one more look tells what it meant.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::approvals::{self, Me};
use super::bindings::{Watch, local};
use super::look::{deployment, is_version, jobs};
use super::states::{attempt, in_order, state};
use super::whereabouts::Whereabouts;
use super::{GitLab, wire};
use crate::domain::people::{Part, People, Person};
use crate::domain::pipeline::Quorum;
use crate::domain::{
    Artifact, Basis, Cause, Decision, Difference, Fault, GateKey, Guard, Hazard, Intent, Prepared, Promise,
    Receipt, RunKey, RunState, SafeText, Severity, Sha, Step, Target, Verb,
};
use crate::provider::services::locked;

/// How long anything may take to show.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);
/// The most characters of a comment.
const COMMENT: usize = 255;

/// A pipeline as it is now.
pub(super) struct Fresh<'a> {
    pub(super) watch: &'a Watch,
    pub(super) at: Whereabouts,
    pub(super) pipeline: wire::Pipeline,
    all: Vec<wire::Job>,
}

impl GitLab {
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        match (intent.verb, &intent.target) {
            (Verb::Approve, Target::Gate(key)) => self.decide(intent, key, Decision::Approved).await,
            (Verb::Reject, Target::Gate(key)) => self.decide(intent, key, Decision::Rejected).await,
            (Verb::Rerun, Target::Run(key)) => self.retry(intent, key).await,
            (Verb::Cancel, Target::Run(key)) => self.cancel(intent, key).await,
            (Verb::Promote, Target::Dispatch(artifact)) => self.dispatch(intent, artifact).await,
            (verb, _) => {
                let text = format!("source {} (GitLab) cannot {} this", self.source, verb.word());
                Err(Fault::new(Cause::Refused, text)
                    .with_hint("GitLab approves, starts and rejects, retries, cancels, and starts pipelines"))
            }
        }
    }

    async fn fresh(&self, key: &RunKey) -> Result<Fresh<'_>, Fault> {
        let watch = self.watch(&key.service)?;
        let at = Whereabouts::parse(&key.id)
            .ok_or_else(|| local(format!("{} is not the id of a pipeline at GitLab", key.id)))?;
        let path = at.path(watch, "");
        let (pipeline, all) =
            tokio::try_join!(self.api.get::<wire::Pipeline>(&path), jobs(&self.api, watch, at))?;
        if pipeline.id != at.pipeline {
            let text =
                format!("field id: asked for pipeline {}, GitLab answered with {}", at.pipeline, pipeline.id);
            return Err(Fault::new(Cause::Malformed, text));
        }
        Ok(Fresh { watch, at, pipeline, all })
    }

    async fn decide(&self, intent: &Intent, key: &GateKey, decision: Decision) -> Result<Prepared, Fault> {
        let fresh = self.fresh(&key.run).await?;
        let now = attempt(&fresh.all);
        if now != key.attempt {
            let text = format!(
                "{} is at attempt {now} now, this gate was of attempt {}",
                fresh.called(),
                key.attempt
            );
            return Err(Fault::new(Cause::Moved, text));
        }
        let id = |kind: &str| key.id.as_str().strip_prefix(kind).and_then(|id| id.parse::<u64>().ok());
        match (id("deployment:"), id("job:"), decision) {
            (Some(id), _, _) => self.approve(intent, (&fresh, key), id, decision).await,
            (_, Some(id), Decision::Approved) => self.start(intent, (&fresh, key), id).await,
            (_, Some(_), Decision::Rejected) => {
                Err(Fault::new(Cause::Refused, "a manual job cannot be turned down at GitLab")
                    .with_hint("cancel the pipeline, or leave the job"))
            }
            _ => Err(local(format!("{} is not a gate of GitLab", key.id))),
        }
    }

    /// Decides about a deployment; starts its job as well where nothing else is missing.
    async fn approve(
        &self,
        intent: &Intent,
        (fresh, key): (&Fresh<'_>, &GateKey),
        id: u64,
        decision: Decision,
    ) -> Result<Prepared, Fault> {
        let me = self.me().await?;
        let watch = fresh.watch;
        let found = deployment(&self.api, watch, id).await?;
        let (environment, quorum) = waiting(&found)?;
        let before = approvals::reviews(&found).iter().filter(|review| review.decision == decision).count();
        let missing = quorum.needed.saturating_sub(quorum.given).saturating_sub(1);
        let job = found.deployable.as_ref().map(|job| job.id);
        let mut steps = vec![self.review(intent, watch, (id, &environment), decision)];
        let promise = if decision == Decision::Approved && missing > 0 {
            Promise::Reviewed {
                gate: key.clone(),
                decision,
                environment: environment.clone(),
                reviews_before: before,
                missing,
            }
        } else {
            if let (Some(job), Decision::Approved) = (job, decision) {
                steps.push(play(
                    intent,
                    &fresh.at.project_path(watch),
                    job,
                    &format!("starts its job: an approval alone does not ({environment})"),
                ));
            }
            Promise::GateDecided {
                gate: key.clone(),
                decision,
                environment: environment.clone(),
                reviews_before: before,
            }
        };
        let mut basis = fresh.basis();
        basis.push(Basis::new("deployment", id.to_string()));
        basis.push(Basis::new("deployment status", found.status.as_str()));
        let known = found.environment.as_ref().map(|environment| environment.id.to_string());
        basis.push(Basis::new("environment", format!("{environment} ({})", known.unwrap_or_default())));
        basis.push(Basis::new("approvals", format!("{} of {}", quorum.given, quorum.needed)));
        basis.push(Basis::new("job", job.map(|job| job.to_string()).unwrap_or_default()));
        let mut hazards = self.hazards(fresh).await?;
        hazards.extend(fresh.own_hazards((&found, &me), (&quorum, missing), decision));
        let guard = Guard::LookAgain(
            "GitLab checks that the deployment still waits and that nobody decides twice; it answers 400 otherwise and \
             changes nothing"
                .into(),
        );
        locked(&self.memory.deployments).entry(key.run.id.clone()).or_default().insert(id);
        Ok(Prepared {
            basis,
            steps,
            to: Some(fresh.artifact()),
            differences: vec![fresh.counted((&environment, &quorum), decision)],
            hazards,
            permission: approvals::may_decide(&found, &me).into(),
            way_back: Some(match decision {
                Decision::Approved => "cancel the pipeline; roll back if it has shipped".into(),
                Decision::Rejected => "retry the job: its deployment asks anew".into(),
            }),
            people: Some(Box::new(self.people(fresh).await?)),
            identity: me.name,
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    fn review(
        &self,
        intent: &Intent,
        watch: &Watch,
        (id, environment): (u64, &SafeText),
        decision: Decision,
    ) -> Step {
        let mut body = json!({ "status": decision.word() });
        let comment: String =
            intent.reason.iter().flat_map(|reason| reason.as_str().chars()).take(COMMENT).collect();
        if let (false, Some(map)) = (comment.is_empty(), body.as_object_mut()) {
            map.insert("comment".into(), comment.into());
        }
        let verb = if decision == Decision::Approved { "approves" } else { "rejects" };
        Step {
            source: intent.source.clone(),
            method: "POST".to_owned(),
            path: format!("{}/deployments/{id}/approval", watch.path),
            content_type: Some("application/json".to_owned()),
            body: Some(body.to_string()),
            effect: SafeText::new(&format!("{verb} the deployment to {environment}")),
        }
    }

    /// Starts a manual job.
    async fn start(
        &self,
        intent: &Intent,
        (fresh, key): (&Fresh<'_>, &GateKey),
        id: u64,
    ) -> Result<Prepared, Fault> {
        let me = self.me().await?;
        let found = fresh.all.iter().find(|job| job.id == id);
        let Some(job) = found.filter(|job| job.status == "manual" && !job.archived) else {
            return Err(match found {
                Some(job) if job.status == "scheduled" => {
                    Fault::new(Cause::Refused, format!("{} is started by its timer", job.name))
                        .with_hint("start it at GitLab if it must be sooner")
                }
                Some(job) => {
                    let by = job.user.as_ref().and_then(|user| user.username.as_ref());
                    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
                    let at = job.started_at.or(job.finished_at).map(when).unwrap_or_default();
                    Fault::new(
                        Cause::Moved,
                        format!("{} was started{by}{at}: it is {}", job.name, job.status),
                    )
                }
                None => Fault::new(Cause::Moved, format!("{} has no such job any more", fresh.called())),
            });
        };
        let known = locked(&self.memory.held).get(&key.run.id).is_some_and(|held| held.contains_key(&id));
        if !known {
            let mut held = locked(&self.memory.held);
            held.entry(key.run.id.clone()).or_default().insert(id, job.created_at);
        }
        let mut basis = fresh.basis();
        basis.push(Basis::new("job", id.to_string()));
        basis.push(Basis::new("job status", job.status.as_str()));
        let mut hazards = self.hazards(fresh).await?;
        if job.allow_failure {
            hazards.push(Hazard::new(Severity::Note, "the job is optional: its pipeline goes on without it"));
        }
        let promise = Promise::GateDecided {
            gate: key.clone(),
            decision: Decision::Approved,
            environment: job.name.clone(),
            reviews_before: 0,
        };
        let guard = Guard::LookAgain(
            "GitLab checks that the job can still be started; somebody else's start answers 400 and changes nothing".into(),
        );
        let effect = format!("starts {} of {}", job.name, fresh.called());
        Ok(Prepared {
            basis,
            steps: vec![play(intent, &fresh.at.project_path(fresh.watch), id, &effect)],
            to: Some(fresh.artifact()),
            differences: vec![Difference {
                what: SafeText::new(&format!("{} in {}", job.name, fresh.called())),
                old: "manual".into(),
                new: "started".into(),
            }],
            hazards,
            way_back: Some("cancel the pipeline; roll back if it has shipped".into()),
            people: Some(Box::new(self.people(fresh).await?)),
            identity: me.name,
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    async fn retry(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let fresh = self.fresh(key).await?;
        let me = self.me().await?;
        let jobs = in_order(&fresh.all);
        let again = |job: &&wire::Job| matches!(job.status.as_str(), "failed" | "canceled");
        let names: Vec<&str> = jobs.iter().filter(again).map(|job| job.name.as_str()).collect();
        if names.is_empty() {
            return Err(Fault::new(
                Cause::Refused,
                format!("{}: no job failed or was cancelled", fresh.called()),
            ));
        }
        let next = attempt(&fresh.all).saturating_add(1);
        let mut basis = fresh.basis();
        basis.push(Basis::new("status", fresh.pipeline.status.as_str()));
        basis.push(Basis::new("again", names.join(", ")));
        let effect =
            format!("runs {} of {} again: {}", counted(names.len()), fresh.called(), names.join(", "));
        let guard = Guard::LookAgain("GitLab retries what has failed then, however often it is asked".into());
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, fresh.at.path(fresh.watch, "/retry"), None, &effect)],
            differences: vec![fresh.difference(
                "attempt",
                &attempt(&fresh.all).to_string(),
                &next.to_string(),
            )],
            hazards: self.hazards(&fresh).await?,
            way_back: Some("cancel the pipeline".into()),
            identity: me.name,
            ..Prepared::of(guard, Promise::Attempt { run: key.clone(), attempt: next }, DEADLINE)
        })
    }

    async fn cancel(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let fresh = self.fresh(key).await?;
        let me = self.me().await?;
        if state(&fresh.pipeline.status).ended() {
            let text = format!("{} has already ended: {}", fresh.called(), fresh.pipeline.status);
            return Err(Fault::new(Cause::Moved, text));
        }
        let mut hazards = Vec::new();
        if fresh.all.iter().any(|job| state(&job.status) == RunState::Running) {
            hazards.push(Hazard::new(
                Severity::Warning,
                "jobs stop in the middle: what they were deploying may be left half done",
            ));
        }
        let mut basis = fresh.basis();
        basis.push(Basis::new("ended", "no"));
        let effect = format!("cancels {}: running jobs stop, waiting ones never start", fresh.called());
        let guard = Guard::LookAgain(
            "GitLab answers 200 even if nothing could be cancelled: only the next look tells".into(),
        );
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, fresh.at.path(fresh.watch, "/cancel"), None, &effect)],
            differences: vec![fresh.difference("state", "under way", "canceled")],
            hazards,
            way_back: Some("retry the pipeline".into()),
            identity: me.name,
            ..Prepared::of(guard, Promise::Ended { run: key.clone() }, DEADLINE)
        })
    }

    async fn people(&self, fresh: &Fresh<'_>) -> Result<People, Fault> {
        let person = |login: SafeText| Person { login: Some(login), ..Person::default() };
        let started = fresh.pipeline.user.as_ref().and_then(|user| user.username.clone());
        Ok(People {
            me: self.me().await?.name.map(person),
            parties: started.map(|who| (Part::Started, person(who))).into_iter().collect(),
            head: Some(fresh.revision()),
            ..People::default()
        })
    }

    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        let answer = self.api.send(step).await?;
        let last = step.path.rsplit('/').next().unwrap_or_default();
        let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let status = told.get("status").and_then(serde_json::Value::as_str).unwrap_or("not told");
        let says = match last {
            "approval" => format!("recorded as {status}"),
            "play" => format!("the job is {status}"),
            "retry" | "cancel" => format!("the pipeline is {status}"),
            "pipeline" => match told.get("id").and_then(serde_json::Value::as_u64) {
                Some(id) => format!("pipeline {id} is {status}"),
                None => format!("a pipeline is {status}"),
            },
            _ => format!("answered {}", answer.status),
        };
        Ok(Receipt { status: answer.status, says: SafeText::new(&says) })
    }
}

impl Fresh<'_> {
    fn called(&self) -> String {
        format!("pipeline #{}", self.pipeline.id)
    }

    fn revision(&self) -> Sha {
        Sha::new(self.pipeline.sha.as_ref().map_or("", SafeText::as_str))
    }

    /// That we may not, and what goes on waiting.
    fn own_hazards(
        &self,
        (found, me): (&wire::Deployment, &Me),
        (quorum, missing): (&Quorum, u64),
        decision: Decision,
    ) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        if found.user.as_ref().or(self.pipeline.user.as_ref()).is_some_and(|user| me.is(Some(user))) {
            hazards.push(Hazard::new(
                Severity::Warning,
                "you started this deployment: GitLab refuses your approval unless the project allows that",
            ));
        }
        if found.deployable.is_none() && decision == Decision::Approved {
            hazards.push(Hazard::new(
                Severity::Warning,
                "GitLab does not say which job this is of: somebody must start it there",
            ));
        }
        if missing > 0 && decision == Decision::Approved {
            let who: Vec<&str> = quorum.missing.iter().map(SafeText::as_str).collect();
            let who = if who.is_empty() { String::new() } else { format!(" (asked: {})", who.join(", ")) };
            let text = format!(
                "it goes on waiting: {missing} more must approve{who}, and somebody must start the job"
            );
            hazards.push(Hazard::new(Severity::Note, text));
        }
        hazards
    }

    /// What a decision does to the count of approvals.
    fn counted(&self, (environment, quorum): (&SafeText, &Quorum), decision: Decision) -> Difference {
        let of = |given: u64| SafeText::new(&format!("{given} of {} approved", quorum.needed));
        Difference {
            what: SafeText::new(&format!("{environment} in {}", self.called())),
            old: of(quorum.given),
            new: match decision {
                Decision::Approved => of(quorum.given.saturating_add(1)),
                Decision::Rejected => "rejected".into(),
            },
        }
    }

    fn artifact(&self) -> Artifact {
        Artifact {
            version: self.pipeline.reference.clone().filter(is_version),
            revision: Some(self.revision()),
            ..Artifact::default()
        }
    }

    fn basis(&self) -> Vec<Basis> {
        vec![
            Basis::new("pipeline", self.at.id().as_str()),
            Basis::new("attempt", attempt(&self.all).to_string()),
            Basis::new("commit", self.revision().as_str()),
        ]
    }

    fn difference(&self, what: &str, old: &str, new: &str) -> Difference {
        let what = SafeText::new(&format!("{what} of {}", self.called()));
        Difference { what, old: old.into(), new: new.into() }
    }
}

fn when(at: Timestamp) -> String {
    format!(" at {}", at.strftime("%Y-%m-%d %H:%M:%S UTC"))
}

fn counted(count: usize) -> String {
    if count == 1 { "one job".to_owned() } else { format!("{count} jobs") }
}

/// What a deployment is for, and how many must approve it; a fault where it does not wait, or does not tell.
fn waiting(found: &wire::Deployment) -> Result<(SafeText, Quorum), Fault> {
    let name = found.environment.as_ref().map(|environment| environment.name.clone());
    if found.status != "blocked" {
        return Err(gone(found, &name.unwrap_or_default()));
    }
    let untold = |field: &str| {
        let text = format!("deployment {}: field {field} is not told", found.id);
        Fault::new(Cause::Malformed, text).with_hint("decide it at GitLab")
    };
    let name = name.ok_or_else(|| untold("environment"))?;
    Ok((name, approvals::quorum(found).ok_or_else(|| untold("pending_approval_count"))?))
}

/// Why a deployment cannot be decided any more, and by whom it was.
fn gone(deployment: &wire::Deployment, environment: &SafeText) -> Fault {
    let reviews = approvals::reviews(deployment);
    let by: Vec<String> =
        reviews.iter().map(|review| format!("{} by {}", review.decision.word(), review.by)).collect();
    let by = if by.is_empty() { String::new() } else { format!(": {}", by.join(", ")) };
    let at = deployment.updated_at.map(when).unwrap_or_default();
    let text =
        format!("the deployment to {environment} no longer waits, it is {}{by}{at}", deployment.status);
    Fault::new(Cause::Moved, text)
}

fn play(intent: &Intent, project: &str, job: u64, effect: &str) -> Step {
    Step::post(intent, format!("{project}/jobs/{job}/play"), None, effect)
}
