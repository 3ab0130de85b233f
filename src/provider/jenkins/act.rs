//! Proceed, abort, rerun, stop, start: a fresh look, and the very request.
//!
//! Jenkins has no guard: an input that was given vanishes, and whoever comes second gets 404 or 400 with words in
//! `X-Error`. Stopping and rebuilding answer with a redirect when they are taken.

use std::collections::BTreeSet;
use std::time::Duration;

use super::api::{is_page, login, refusal};
use super::bindings::{Watch, local};
use super::inputs::{self, Waiting};
use super::look::{actor, builds, commit, fresh, title};
use super::stages::build_state;
use super::{Jenkins, console, wire};
use crate::domain::people::{Part, People, Person};
use crate::domain::pipeline::Review;
use crate::domain::{
    Artifact, Basis, Cause, Decision, Difference, Fault, FormField, GateKey, Guard, Hazard, Intent, Prepared,
    Promise, Receipt, RunKey, RunState, SafeText, Severity, Step, Target, Verb,
};
use crate::provider::fill::fill;
use crate::provider::http::{query, segment};
use crate::provider::services::locked;

/// How long anything may take to show.
const DEADLINE: Duration = Duration::from_secs(120);

const FORM: &str = "application/x-www-form-urlencoded";

/// A build as it is now.
struct Fresh<'a> {
    watch: &'a Watch,
    path: String,
    build: wire::Build,
    waiting: Vec<Waiting>,
    identity: Option<SafeText>,
}

impl Jenkins {
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        match (intent.verb, &intent.target) {
            (Verb::Approve, Target::Gate(key)) => self.decide(intent, key, Decision::Approved).await,
            (Verb::Reject, Target::Gate(key)) => self.decide(intent, key, Decision::Rejected).await,
            (Verb::Rerun, Target::Run(key)) => self.rerun(intent, key).await,
            (Verb::Cancel, Target::Run(key)) => self.cancel(intent, key).await,
            (Verb::Promote, Target::Dispatch(artifact)) => self.dispatch(intent, artifact).await,
            (verb, _) => {
                let text = format!("source {} (Jenkins) cannot {} this", self.source, verb.word());
                Err(Fault::new(Cause::Refused, text)
                    .with_hint("Jenkins proceeds, aborts, rebuilds, stops, and starts jobs"))
            }
        }
    }

    async fn fresh(&self, key: &RunKey) -> Result<Fresh<'_>, Fault> {
        let watch = self.watch(&key.service)?;
        let path = watch.build(&key.id)?;
        let ((build, waiting), identity) = tokio::try_join!(fresh(&self.api, &path), self.identity())?;
        Ok(Fresh { watch, path, build, waiting, identity })
    }

    async fn decide(&self, intent: &Intent, key: &GateKey, decision: Decision) -> Result<Prepared, Fault> {
        let fresh = self.fresh(&key.run).await?;
        let reviews = console::reviews(&self.api, &fresh.path).await?;
        let Some(waiting) = fresh.waiting.iter().find(|waiting| waiting.id == key.id) else {
            return Err(fresh.gone(&reviews));
        };
        let form = match decision {
            Decision::Approved => waiting.form(&intent.answers)?,
            Decision::Rejected => Vec::new(),
        };
        let (step, hazards, way_back) = fresh.request(intent, (waiting, &form), decision);
        let before =
            reviews.iter().filter(|r| r.decision == decision && r.environments.contains(&waiting.message));
        let mut basis = fresh.basis();
        basis.push(Basis::new("input", waiting.id.as_str()));
        basis.push(Basis::new("message", waiting.message.as_str()));
        let names: Vec<&str> = waiting.asks().iter().map(|parameter| parameter.name.as_str()).collect();
        basis.push(Basis::new("asks for", names.join(", ")));
        let differences = fresh.differences((waiting, &form), decision);
        let (sha, branch) = commit(&fresh.build, fresh.watch);
        let promise = Promise::GateDecided {
            gate: key.clone(),
            decision,
            environment: waiting.message.clone(),
            reviews_before: before.count(),
        };
        let guard = Guard::LookAgain(
            "Jenkins checks only that the input still waits: whoever comes second gets 404 or 400 and changes nothing".into(),
        );
        Ok(Prepared {
            basis,
            steps: vec![step],
            form,
            to: Some(Artifact {
                version: branch
                    .filter(|b| b.as_str().trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())),
                revision: (!sha.as_str().is_empty()).then_some(sha),
                ..Artifact::default()
            }),
            differences,
            hazards,
            permission: waiting.may_decide(fresh.identity.as_ref()).into(),
            way_back: Some(way_back.into()),
            people: Some(Box::new(fresh.people())),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    async fn rerun(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let fresh = self.fresh(key).await?;
        let state = build_state(&fresh.build);
        if !state.ended() {
            return Err(Fault::new(Cause::Refused, format!("{} still runs", fresh.called()))
                .with_hint("wait for its end, or stop it first"));
        }
        if state == RunState::Passed {
            return Err(Fault::new(Cause::Refused, format!("{}: nothing in it failed", fresh.called())));
        }
        let before = self.before(fresh.watch).await?;
        let effect = format!("starts a new build with the script and the parameters of {}", fresh.called());
        let guard = Guard::LookAgain(
            "Jenkins rebuilds however often it is asked: a rebuild by somebody else is not noticed".into(),
        );
        let hazards = vec![Hazard::new(
            Severity::Note,
            "a rebuild is a new build of the whole pipeline: its inputs are asked anew, and a branch is checked out as it is then",
        )];
        let mut basis = fresh.basis();
        basis.push(Basis::new("result", fresh.build.result.as_ref().map_or("", SafeText::as_str)));
        let promise = Promise::RunAppeared { before, workflow: SafeText::new(&fresh.watch.name) };
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, format!("{}/replay/rebuild", fresh.path), None, &effect)],
            differences: vec![fresh.difference("build", "ended", "built anew")],
            hazards,
            way_back: Some("stop the new build".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    async fn cancel(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let fresh = self.fresh(key).await?;
        if build_state(&fresh.build).ended() {
            let word = fresh.build.result.clone().unwrap_or_default();
            return Err(Fault::new(Cause::Moved, format!("{} has already ended: {word}", fresh.called())));
        }
        let hazards = if fresh.waiting.is_empty() {
            vec![Hazard::new(
                Severity::Warning,
                "steps stop in the middle: what they were deploying may be left half done",
            )]
        } else {
            Vec::new()
        };
        let effect = format!("stops {}", fresh.called());
        let guard = Guard::LookAgain("Jenkins takes a stop of what has ended, and does nothing".into());
        let mut basis = fresh.basis();
        basis.push(Basis::new("ended", "no"));
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, format!("{}/stop", fresh.path), None, &effect)],
            differences: vec![fresh.difference("state", "under way", "aborted")],
            hazards,
            way_back: Some("start the build again".into()),
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
        let pairs: Vec<(String, String)> = filled.into_iter().collect();
        let (path, body) = if pairs.is_empty() {
            (query(&format!("{}/build", dispatch.path), &[("delay", "0sec")]), None)
        } else {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let body = query("", &pairs).trim_start_matches('?').to_owned();
            (format!("{}/buildWithParameters", dispatch.path), Some(body))
        };
        let before = self.before(watch).await?;
        let effect = format!("starts {}", dispatch.path.replace("/job/", "/").trim_matches('/'));
        let guard = Guard::LookAgain("Jenkins starts a job however often it is asked".into());
        let promise = Promise::RunAppeared { before, workflow: SafeText::new(&watch.name) };
        let mut basis = vec![Basis::new("version", version)];
        basis.extend(pairs.iter().map(|(name, value)| Basis::new(name, value)));
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, path, body.map(|body| (FORM, body)), &effect)],
            to: Some(artifact.clone()),
            hazards: vec![Hazard::new(
                Severity::Note,
                "parameters that are not configured have the job's own defaults",
            )],
            way_back: Some("stop the build that it starts".into()),
            identity,
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }

    /// Ids of every build that there is: one that appears later is another.
    async fn before(&self, watch: &Watch) -> Result<Vec<SafeText>, Fault> {
        let (found, _) = builds(&self.api, watch).await?;
        let known = locked(&self.memory.seen).get(&watch.service).cloned();
        let mut ids: BTreeSet<SafeText> = known.unwrap_or_default();
        ids.extend(found.into_iter().map(|found| found.id));
        Ok(ids.into_iter().collect())
    }

    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        let answer = self.api.send(step).await?;
        let last = step.path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let there = answer.headers.get("location").unwrap_or_default();
        let elsewhere = there.contains("login") || there.contains("securityRealm");
        let says = match (last, answer.status) {
            ("stop" | "rebuild", 200 | 302 | 303) if !elsewhere => "taken".to_owned(),
            ("build" | "buildWithParameters", 201) => match there.trim_end_matches('/').rsplit('/').next() {
                Some(item) if !item.is_empty() => format!("queue item {item}"),
                _ => "in the queue".to_owned(),
            },
            ("build" | "buildWithParameters", 303) if !elsewhere => {
                "merged into a build that is in the queue already".to_owned()
            }
            (_, 200 | 204) => "taken".to_owned(),
            _ => return Err(refusal(&answer)),
        };
        if answer.status == 200 && is_page(&answer) {
            return Err(login(answer.asked()).perhaps_applied());
        }
        Ok(Receipt { status: answer.status, says: SafeText::new(&says) })
    }
}

impl Fresh<'_> {
    fn called(&self) -> String {
        format!("{} of {}", title(&self.build), self.watch.name)
    }

    /// The request that decides an input, what could go wrong, and the way back.
    fn request(
        &self,
        intent: &Intent,
        (waiting, form): (&Waiting, &[FormField]),
        decision: Decision,
    ) -> (Step, Vec<Hazard>, &'static str) {
        let input = format!("{}/input/{}", self.path, segment(waiting.id.as_str()));
        if decision == Decision::Rejected {
            let hazard = Hazard::new(
                Severity::Note,
                "the build ends as aborted, unless its script catches that and goes on",
            );
            let step = Step::post(intent, format!("{input}/abort"), None, &self.effect("aborts", waiting));
            return (step, vec![hazard], "start the build again: it asks anew");
        }
        let step = if waiting.asks().is_empty() {
            Step::post(intent, format!("{input}/proceedEmpty"), None, &self.effect("proceeds with", waiting))
        } else {
            let effect = self.effect("proceeds, with the values shown, with", waiting);
            Step::post(intent, format!("{input}/proceed"), Some((FORM, inputs::body(form))), &effect)
        };
        (step, waiting.hazards(), "stop the build; roll back if it has shipped")
    }

    fn differences(&self, (waiting, form): (&Waiting, &[FormField]), decision: Decision) -> Vec<Difference> {
        let decided = Difference {
            what: SafeText::new(&format!("{} in {}", waiting.message, self.called())),
            old: "waiting".into(),
            new: decision.word().into(),
        };
        let values = form.iter().map(|field| Difference {
            what: field.name.clone(),
            old: SafeText::default(),
            new: if field.value.is_empty() { "(empty)".into() } else { field.value.clone() },
        });
        std::iter::once(decided).chain(values).collect()
    }

    fn effect(&self, what: &str, waiting: &Waiting) -> String {
        format!("{what} \u{201c}{}\u{201d} in {}", waiting.message, self.called())
    }

    fn basis(&self) -> Vec<Basis> {
        vec![
            Basis::new("build", &self.path),
            Basis::new("commit", commit(&self.build, self.watch).0.as_str()),
        ]
    }

    fn difference(&self, what: &str, old: &str, new: &str) -> Difference {
        let what = SafeText::new(&format!("{what} of {}", self.called()));
        Difference { what, old: old.into(), new: new.into() }
    }

    /// Why an input cannot be given any more, and by whom it was.
    fn gone(&self, reviews: &[Review]) -> Fault {
        let text = match (reviews.last(), build_state(&self.build).ended()) {
            (Some(review), _) => format!(
                "the input of {} was {} by {}: {}",
                self.called(),
                review.decision.word(),
                review.by,
                review.environments.first().map_or("", SafeText::as_str)
            ),
            (None, true) => format!("{} has ended and waits for nothing", self.called()),
            (None, false) => format!("{} waits for no such input any more", self.called()),
        };
        Fault::new(Cause::Moved, text)
    }

    fn people(&self) -> People {
        let person = |login: SafeText| Person { login: Some(login), ..Person::default() };
        let sha = commit(&self.build, self.watch).0;
        People {
            me: self.identity.clone().map(person),
            parties: actor(&self.build).map(|who| (Part::Started, person(who))).into_iter().collect(),
            head: (!sha.as_str().is_empty()).then_some(sha),
            prevents_self_review: Some(false),
            ..People::default()
        }
    }
}
