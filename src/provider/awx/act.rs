//! Approve, deny, cancel: a fresh look, and the very request.
//!
//! An approval is one step of one workflow job: its number is in the request. AWX checks that it still waits, and takes no
//! comment.

use std::time::Duration;

use super::about::{About, may_decide};
use super::bindings::Watch;
use super::look::number;
use super::states::job_state;
use super::{Awx, wire};
use crate::domain::people::{Part, People, Person};
use crate::domain::{
    Artifact, Ask, Basis, Cause, Decision, Difference, Fault, GateKey, Guard, Hazard, Intent, Prepared,
    Promise, Receipt, RunKey, SafeText, Severity, Step, Target, Verb,
};

/// How long anything may take to show.
const DEADLINE: Duration = Duration::from_secs(120);

/// A workflow job as it is now.
struct Fresh<'a> {
    watch: &'a Watch,
    run: wire::WorkflowJob,
    key: RunKey,
    identity: Option<SafeText>,
}

impl Awx {
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        match (intent.verb, &intent.target) {
            (Verb::Approve, Target::Gate(key)) => self.decide(intent, key, Decision::Approved).await,
            (Verb::Reject, Target::Gate(key)) => self.decide(intent, key, Decision::Rejected).await,
            (Verb::Cancel, Target::Run(key)) => self.cancel(intent, key).await,
            (verb, _) => {
                let text = format!("source {} (AWX) cannot {} this", self.source, verb.word());
                Err(Fault::new(Cause::Refused, text).with_hint(
                    "approvals of AWX are approved and denied, and workflow jobs cancelled; new ones are launched there",
                ))
            }
        }
    }

    async fn fresh(&self, key: &RunKey) -> Result<Fresh<'_>, Fault> {
        let watch = self.watch(&key.service)?;
        let odd = || Fault::new(Cause::NotFound, format!("{} is no workflow job of AWX", key.id));
        let id = number(&key.id).ok_or_else(odd)?;
        let ask = Ask::default();
        let looker = self.looker(&ask, &[]);
        let path = format!("/workflow_jobs/{id}/");
        let (run, template, identity) = tokio::try_join!(
            self.api.get::<wire::WorkflowJob>(&path),
            looker.template(watch),
            self.identity()
        )?;
        if run.id != id {
            let text = format!("field id: asked for workflow job {id}, AWX answered with {}", run.id);
            return Err(Fault::new(Cause::Malformed, text));
        }
        if run.workflow_job_template != Some(template) {
            let text = format!("workflow job {id} is not of the template {}", watch.template);
            return Err(Fault::new(Cause::Moved, text));
        }
        Ok(Fresh { watch, run, key: key.clone(), identity })
    }

    async fn decide(&self, intent: &Intent, key: &GateKey, decision: Decision) -> Result<Prepared, Fault> {
        let fresh = self.fresh(&key.run).await?;
        let odd = || Fault::new(Cause::NotFound, format!("{} is no approval of AWX", key.id));
        let id = number(&key.id).ok_or_else(odd)?;
        let approval: wire::Approval = self.api.get(&format!("/workflow_approvals/{id}/")).await?;
        if approval.id != id || approval.run() != Some(fresh.run.id) {
            let text = format!("approval {id} does not hold {}", fresh.called());
            return Err(Fault::new(Cause::Moved, text));
        }
        if approval.status != "pending" {
            return Err(fresh.gone(&approval));
        }
        let ask = Ask::default();
        let looker = self.looker(&ask, &[]);
        let nodes = looker.nodes(&fresh.run).await?;
        let title = approval.called();
        let before = looker.reviews(&nodes, &mut Vec::new()).await?;
        let before = before.iter().filter(|r| r.decision == decision && r.environments.contains(&title));
        let promise = Promise::GateDecided {
            gate: key.clone(),
            decision,
            environment: title.clone(),
            reviews_before: before.count(),
        };
        let (word, effect) = match decision {
            Decision::Approved => {
                ("approve", format!("approves {title} of {}: what it leads to begins", fresh.called()))
            }
            Decision::Rejected => {
                ("deny", format!("denies {title} of {}: it counts as failed", fresh.called()))
            }
        };
        let way_back = match decision {
            Decision::Approved => "cancel the workflow job; roll back if it has shipped",
            Decision::Rejected => "launch the workflow again: it asks anew",
        };
        let mut basis = fresh.basis();
        basis.push(Basis::new("approval", approval.id.to_string()));
        basis.push(Basis::new("approval's name", title.as_str()));
        let guard = Guard::LookAgain(
            "AWX checks only that the approval still waits: whoever comes second gets 400 and changes nothing".into(),
        );
        let about = fresh.about();
        let revision = about.revision();
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, format!("/workflow_approvals/{id}/{word}/"), None, &effect)],
            to: Some(Artifact {
                version: about.version(),
                revision: (!revision.as_str().is_empty()).then_some(revision),
                ..Artifact::default()
            }),
            differences: vec![Difference {
                what: SafeText::new(&format!("{title} in {}", fresh.called())),
                old: "waiting".into(),
                new: decision.word().into(),
            }],
            hazards: hazards(&fresh, &approval, decision),
            permission: may_decide(&approval).into(),
            way_back: Some(way_back.into()),
            people: Some(Box::new(fresh.people())),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    async fn cancel(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let fresh = self.fresh(key).await?;
        if job_state(&fresh.run.status).ended() {
            let text = format!("{} has already ended: {}", fresh.called(), fresh.run.status);
            return Err(Fault::new(Cause::Moved, text));
        }
        let ask = Ask::default();
        let nodes = self.looker(&ask, &[]).nodes(&fresh.run).await?;
        let works = nodes.iter().filter_map(|node| node.summary_fields.job.as_ref());
        let mut hazards = Vec::new();
        if works.into_iter().any(|job| job.status == "running") {
            hazards.push(Hazard::new(
                Severity::Warning,
                "playbooks stop in the middle: what they were deploying may be left half done",
            ));
        }
        let effect = format!("cancels {}: running jobs stop, waiting ones never begin", fresh.called());
        let guard = Guard::LookAgain("AWX cancels only what has not ended, and answers 405 if it has".into());
        let mut basis = fresh.basis();
        basis.push(Basis::new("ended", "no"));
        Ok(Prepared {
            basis,
            steps: vec![Step::post(
                intent,
                format!("/workflow_jobs/{}/cancel/", fresh.run.id),
                None,
                &effect,
            )],
            differences: vec![Difference {
                what: SafeText::new(&format!("state of {}", fresh.called())),
                old: "under way".into(),
                new: "cancelled".into(),
            }],
            hazards,
            way_back: Some("launch the workflow again".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, Promise::Ended { run: key.clone() }, DEADLINE)
        })
    }

    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        let answer = self.api.send(step).await?;
        let last = step.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        Ok(Receipt { status: answer.status, says: SafeText::new(&format!("{last} accepted")) })
    }
}

/// What speaks against a decision, or is to be known of it.
fn hazards(fresh: &Fresh<'_>, approval: &wire::Approval, decision: Decision) -> Vec<Hazard> {
    let note = |text: String| Hazard::new(Severity::Note, text);
    let mut hazards = Vec::new();
    if let Some(until) = approval.approval_expiration {
        let until = until.strftime("%Y-%m-%d %H:%M:%S UTC");
        hazards.push(note(format!("undecided, it counts as denied from {until} on")));
    }
    if decision == Decision::Rejected {
        hazards.push(note("what the workflow leads to on failure begins".to_owned()));
    }
    if fresh.about().revision().as_str().is_empty() {
        let text = format!(
            "which commit would ship is not known: the workflow job has no extra variable {:?}",
            fresh.watch.revision
        );
        hazards.push(Hazard::new(Severity::Warning, text));
    }
    hazards
}

impl Fresh<'_> {
    fn about(&self) -> About<'_> {
        About { watch: self.watch, run: &self.run, key: self.key.clone(), web: None }
    }

    fn called(&self) -> String {
        let name = self.run.name.as_ref().map_or("workflow", SafeText::as_str);
        format!("{name} (workflow job {})", self.run.id)
    }

    fn basis(&self) -> Vec<Basis> {
        let about = self.about();
        let version = about.version();
        vec![
            Basis::new("workflow job", self.run.id.to_string()),
            Basis::new("version", version.as_ref().map_or("", SafeText::as_str)),
            Basis::new("commit", about.revision().as_str()),
        ]
    }

    /// Why an approval cannot be decided any more, and by whom it was.
    fn gone(&self, approval: &wire::Approval) -> Fault {
        let title = approval.called();
        let by = approval.decided_by().map(|by| format!(" by {by}")).unwrap_or_default();
        let at = approval.finished.map(|at| format!(" at {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")));
        let at = at.unwrap_or_default();
        let called = self.called();
        let text = match approval.status.as_str() {
            "failed" if approval.timed_out == Some(true) => {
                format!("{title} of {called} ran out of time{at}")
            }
            "successful" => format!("{title} of {called} was approved{by}{at}"),
            "failed" => format!("{title} of {called} was denied{by}{at}"),
            "canceled" => format!("{title} of {called} was cancelled{at}"),
            word => format!("{title} of {called} does not wait: it is {word}"),
        };
        Fault::new(Cause::Moved, text)
    }

    fn people(&self) -> People {
        let person = |login: SafeText| Person { login: Some(login), ..Person::default() };
        let about = self.about();
        People {
            me: self.identity.clone().map(person),
            parties: about.actor().map(|who| (Part::Started, person(who))).into_iter().collect(),
            head: Some(about.revision()),
            prevents_self_review: Some(false),
            ..People::default()
        }
    }
}
