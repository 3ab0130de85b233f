//! Apply, discard, cancel: a fresh look, and the very request.
//!
//! A run is one plan, and a plan never changes: the run's id in the request is what ties it to what was shown. Whatever is
//! sent is queued, and answered with 202 and nothing else. Only a run that plans or applies is cancelled; one that waits is
//! discarded.

use std::time::Duration;

use serde_json::json;

use super::about::{About, GATE, ORGANIZATION};
use super::api::JSON_API;
use super::bindings::Workspace;
use super::look::{Known, Looker, one};
use super::plans::{self, Inner};
use super::states::{Waits, run_state, waits};
use super::{Holder, Standing, TerraformCloud, wire};
use crate::domain::people::{Part, People, Person};
use crate::domain::pipeline::Review;
use crate::domain::{
    Artifact, Ask, Basis, Cause, Decision, Difference, Fault, GateKey, Guard, Hazard, Intent, Prepared,
    Promise, Receipt, RunKey, RunState, SafeText, Severity, Step, Target, Verb,
};
use crate::provider::http::segment;
use crate::provider::services::locked;

/// How long anything may take to show: it is queued.
const DEADLINE: Duration = Duration::from_secs(180);

/// A run as it is now.
struct Fresh<'a> {
    workspace: &'a Workspace,
    known: Known,
    key: RunKey,
    number: u64,
    place: Standing,
    identity: Option<SafeText>,
    reviews: Vec<Review>,
}

impl TerraformCloud {
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        match (intent.verb, &intent.target) {
            (Verb::Approve, Target::Gate(key)) => self.decide(intent, key, Decision::Approved).await,
            (Verb::Reject, Target::Gate(key)) => self.decide(intent, key, Decision::Rejected).await,
            (Verb::Cancel, Target::Run(key)) => self.cancel(intent, key).await,
            (verb, _) => {
                let text = format!("source {} (Terraform) cannot {} this", self.source, verb.word());
                Err(Fault::new(Cause::Refused, text).with_hint(
                    "Terraform's runs are applied, discarded and cancelled; new ones are started there",
                ))
            }
        }
    }

    async fn fresh(&self, key: &RunKey, ask: &Ask) -> Result<(Fresh<'_>, Result<Inner, SafeText>), Fault> {
        let watch = self.watch(&key.service)?;
        let (place, identity) = self.standing().await?;
        let looker = self.looker(ask, &place, 1);
        let document: wire::Document<wire::Run> = self.api.get(&one(&key.id)).await?;
        let known = Known::of(document.data, &document.included);
        if known.run.id != key.id {
            let text =
                format!("field id: asked for run {}, Terraform answered with {}", key.id, known.run.id);
            return Err(Fault::new(Cause::Malformed, text));
        }
        let workspace = self.workspace_of(&looker, &known.run, &watch.workspaces).await?;
        let reviews = looker.reviews(workspace, &known, true).await?;
        let inner = match waits(&known.run) {
            Some(Waits::Confirmation) => looker.inner(&known).await?,
            Some(Waits::Override) | None => Ok(Err("it does not wait".into())),
        };
        let number = locked(&self.memory.numbers).get(&key.id).copied().unwrap_or_default();
        Ok((
            Fresh { workspace, known, key: key.clone(), number, place: place.clone(), identity, reviews },
            inner,
        ))
    }

    /// The workspace of a run, which must be one of the service's.
    async fn workspace_of<'a>(
        &self,
        looker: &Looker<'_>,
        run: &wire::Run,
        workspaces: &'a [Workspace],
    ) -> Result<&'a Workspace, Fault> {
        for workspace in workspaces {
            if looker.is_of(run, workspace).await? {
                return Ok(workspace);
            }
        }
        let called: Vec<String> = workspaces.iter().map(Workspace::called).collect();
        let text = format!("run {} is of no workspace of this service ({})", run.id, called.join(", "));
        Err(Fault::new(Cause::Moved, text))
    }

    async fn decide(&self, intent: &Intent, key: &GateKey, decision: Decision) -> Result<Prepared, Fault> {
        let (fresh, inner) = self.fresh(&key.run, &Ask::default()).await?;
        let about = fresh.about();
        let possible = match decision {
            Decision::Approved => waits(&fresh.known.run) == Some(Waits::Confirmation),
            Decision::Rejected => waits(&fresh.known.run).is_some() && fresh.known.run.discardable(),
        };
        if !possible || key.id != GATE {
            return Err(fresh.gone(decision));
        }
        if fresh.place.holder == Holder::Organization {
            return Err(Fault::new(Cause::Forbidden, ORGANIZATION));
        }
        let mut hazards = self.hazards(&fresh);
        if decision == Decision::Approved {
            hazards.extend(plans::hazards(fresh.known.plan(), &inner.unwrap_or_else(Err)));
        }
        let before = fresh.reviews.iter().filter(|review| review.decision == decision).count();
        let (action, effect) = match decision {
            Decision::Approved => {
                ("apply", format!("applies the plan of {}: what it names is changed", fresh.called()))
            }
            Decision::Rejected => {
                ("discard", format!("discards {}: nothing of its plan is done", fresh.called()))
            }
        };
        let promise = Promise::GateDecided {
            gate: key.clone(),
            decision,
            environment: SafeText::new(&fresh.workspace.name),
            reviews_before: before,
        };
        let permission = match decision {
            Decision::Approved => about.may_apply(),
            Decision::Rejected => about.may_discard(),
        };
        let way_back = match decision {
            Decision::Approved => {
                "none by itself: what is destroyed stays so; apply the earlier configuration in a new run"
            }
            Decision::Rejected => "start a new run: it plans anew",
        };
        let guard = Guard::LookAgain(
            "the run's id names one plan, which never changes; Terraform checks only that the run still waits, and answers 409 if not"
                .into(),
        );
        let revision = about.revision();
        Ok(Prepared {
            basis: fresh.basis(),
            steps: vec![fresh.step(intent, action, &effect)],
            to: Some(Artifact {
                version: about.tag(),
                revision: (!revision.as_str().is_empty()).then_some(revision),
                ..Artifact::default()
            }),
            differences: fresh.differences(decision),
            hazards,
            permission: permission.into(),
            way_back: Some(way_back.into()),
            people: Some(Box::new(fresh.people())),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    /// What speaks against a decision besides the plan.
    fn hazards(&self, fresh: &Fresh<'_>) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        let run = &fresh.known.run;
        let listed = locked(&self.memory.listed).get(&fresh.workspace.called()).cloned().unwrap_or_default();
        let newer = listed.iter().take_while(|other| other.run.id != run.id);
        let newer = newer.filter(|other| !run_state(&other.run).ended()).count();
        if newer > 0 {
            let text = format!("{newer} newer runs of {} stand behind this one", fresh.workspace.called());
            hazards.push(Hazard::new(Severity::Note, text));
        }
        for (told, severity, text) in [
            (
                run.attributes.is_destroy,
                Severity::Warning,
                "this run is there to destroy everything that the workspace manages",
            ),
            (
                run.attributes.refresh_only,
                Severity::Note,
                "this run only writes into the state what is there already",
            ),
            (
                run.attributes.save_plan,
                Severity::Note,
                "a saved plan: applying it makes it the workspace's current run",
            ),
        ] {
            if told == Some(true) {
                hazards.push(Hazard::new(severity, text));
            }
        }
        hazards
    }

    async fn cancel(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let (fresh, _) = self.fresh(key, &Ask::default()).await?;
        let (run, about) = (&fresh.known.run, fresh.about());
        let status = &run.attributes.status;
        if run_state(run).ended() {
            return Err(Fault::new(Cause::Moved, format!("{} has already ended: {status}", fresh.called())));
        }
        if fresh.place.holder == Holder::Organization {
            return Err(Fault::new(Cause::Forbidden, ORGANIZATION));
        }
        let (action, effect, permission) = if run.cancelable() {
            ("cancel", format!("interrupts {}", fresh.called()), about.may_cancel())
        } else if run.discardable() {
            let effect = format!(
                "discards {}, which waits: Terraform cancels only what plans or applies",
                fresh.called()
            );
            ("discard", effect, about.may_discard())
        } else {
            let text =
                format!("{} can be neither cancelled nor discarded now: it is {status}", fresh.called());
            return Err(
                Fault::new(Cause::Refused, text).with_hint("stopping it by force is done at Terraform")
            );
        };
        let mut hazards = Vec::new();
        if status == "applying" {
            hazards.push(Hazard::new(
                Severity::Warning,
                "Terraform is interrupted in the middle of an apply: what it has changed stays changed",
            ));
        }
        let guard = Guard::LookAgain(
            "Terraform checks only that the run can still be stopped, and answers 409 if not".into(),
        );
        let mut basis = fresh.basis();
        basis.push(Basis::new("ended", "no"));
        basis.push(Basis::new("stopped by", action));
        Ok(Prepared {
            basis,
            steps: vec![fresh.step(intent, action, &effect)],
            differences: vec![fresh.difference("state", "under way", "ended")],
            hazards,
            permission: permission.into(),
            way_back: Some("start a new run: it plans anew".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, Promise::Ended { run: key.clone() }, DEADLINE)
        })
    }

    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        let answer = self.api.send(step).await?;
        let last = step.path.rsplit('/').next().unwrap_or_default();
        Ok(Receipt {
            status: answer.status,
            says: SafeText::new(&format!("{last} queued, to be carried out")),
        })
    }
}

impl Fresh<'_> {
    fn about(&self) -> About<'_> {
        About {
            workspace: self.workspace,
            known: &self.known,
            key: self.key.clone(),
            number: self.number,
            inner: None,
            place: &self.place,
        }
    }

    fn called(&self) -> String {
        format!("run {} of {}", self.known.run.id, self.workspace.called())
    }

    fn step(&self, intent: &Intent, action: &str, effect: &str) -> Step {
        let path = format!("/runs/{}/actions/{action}", segment(self.known.run.id.as_str()));
        let body = match &intent.reason {
            Some(reason) => json!({"comment": reason.as_str()}),
            None => json!({}),
        };
        Step::post(intent, path, Some((JSON_API, body.to_string())), effect)
    }

    fn basis(&self) -> Vec<Basis> {
        let plan = self.known.plan_id().map_or("", SafeText::as_str);
        let words = plans::words(self.known.plan(), Some(&Ok(plans::Replaced::default())));
        vec![
            Basis::new("workspace", self.workspace.called()),
            Basis::new("run", self.known.run.id.as_str()),
            Basis::new("plan", plan),
            Basis::new("plan does", words.as_ref().map_or("not told", SafeText::as_str)),
            Basis::new("commit", self.about().revision().as_str()),
        ]
    }

    fn difference(&self, what: &str, old: &str, new: &str) -> Difference {
        let what = SafeText::new(&format!("{what} of {}", self.called()));
        Difference { what, old: old.into(), new: new.into() }
    }

    fn differences(&self, decision: Decision) -> Vec<Difference> {
        let mut all = vec![self.difference("apply", "waiting", decision.word())];
        if let (Decision::Approved, Some(plan)) = (decision, self.known.plan()) {
            for (what, count) in [
                ("resources to add", plan.resource_additions),
                ("resources to change", plan.resource_changes),
                ("resources to destroy", plan.resource_destructions),
                ("resources to import", plan.resource_imports.filter(|imports| *imports > 0)),
            ] {
                if let Some(count) = count {
                    all.push(Difference {
                        what: what.into(),
                        old: SafeText::default(),
                        new: SafeText::new(&count.to_string()),
                    });
                }
            }
        }
        all
    }

    /// Why a run cannot be decided any more, and by whom it was.
    fn gone(&self, decision: Decision) -> Fault {
        let (run, called) = (&self.known.run, self.called());
        let status = &run.attributes.status;
        if waits(run) == Some(Waits::Override) && decision == Decision::Approved {
            let text = format!("{called} waits for an override of what a policy or a task found ({status})");
            return Fault::new(Cause::Refused, text)
                .with_hint("override it at Terraform; then it waits for its apply");
        }
        let text = match (self.reviews.last(), run_state(run)) {
            (Some(review), _) => {
                format!("{called} was {} by {}: it is {status}", review.decision.word(), review.by)
            }
            (None, RunState::Queued | RunState::Running) => {
                format!("{called} does not wait for a confirmation: it is {status}")
            }
            (None, state) if state.ended() => format!("{called} has ended: {status}"),
            (None, _) => format!("{called} cannot be {} now: it is {status}", decision.word()),
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
