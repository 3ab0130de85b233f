//! A run of Terraform in the cockpit's words: run, jobs, gate.

use super::bindings::Workspace;
use super::look::Known;
use super::plans::{self, Inner};
use super::states::{self, Waits, part_state, policy_state, run_state};
use super::wire;
use super::{Holder, Standing};
use crate::domain::pipeline::{MayDecide, Review, WaitsFor};
use crate::domain::{Gate, GateKey, Job, Run, RunKey, RunState, SafeText, Sha};

/// The only gate of a run.
pub(super) const GATE: &str = "apply";

/// Why an organisation's token decides nothing.
pub(super) const ORGANIZATION: &str =
    "this is an organisation's token, which may apply nothing: use a user's or a team's";

/// Why an override is not given here.
const OVERRIDE: &str =
    "a policy or a task soft-failed: that is overridden at Terraform only; cancelling discards the run";

/// A run with everything around it.
pub(super) struct About<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) known: &'a Known,
    pub(super) key: RunKey,
    /// Its place among the runs of its workspace; 0 where that is not known.
    pub(super) number: u64,
    /// What its plan says itself, where that was asked for.
    pub(super) inner: Option<&'a Inner>,
    pub(super) place: &'a Standing,
}

impl About<'_> {
    fn run_(&self) -> &wire::Run {
        &self.known.run
    }

    fn url(&self) -> Option<SafeText> {
        let (organization, name, id) = (&self.workspace.organization, &self.workspace.name, &self.run_().id);
        let web = self.place.web.as_deref()?;
        Some(SafeText::new(&format!("{web}/app/{organization}/workspaces/{name}/runs/{id}")))
    }

    /// That a run waits for an override.
    pub(super) fn override_words(&self) -> SafeText {
        SafeText::new(&format!("{} of {} waits: {OVERRIDE}", self.run_().id, self.workspace.called()))
    }

    /// Whether the token may let the run go, as far as Terraform tells.
    pub(super) fn may_apply(&self) -> MayDecide {
        let may = self.run_().attributes.permissions.as_ref();
        self.may(may.and_then(|may| may.can_apply), "apply")
    }

    /// Whether the token may turn the run down.
    pub(super) fn may_discard(&self) -> MayDecide {
        let may = self.run_().attributes.permissions.as_ref();
        self.may(may.and_then(|may| may.can_discard), "discard")
    }

    /// Whether the token may stop the run.
    pub(super) fn may_cancel(&self) -> MayDecide {
        let may = self.run_().attributes.permissions.as_ref();
        self.may(may.and_then(|may| may.can_cancel), "cancel")
    }

    fn may(&self, told: Option<bool>, what: &str) -> MayDecide {
        match told {
            _ if self.place.holder == Holder::Organization => MayDecide::No(ORGANIZATION.into()),
            Some(true) => MayDecide::Yes,
            Some(false) => {
                let text = format!(
                    "Terraform says that the token may not {what} runs of {}",
                    self.workspace.called()
                );
                MayDecide::No(SafeText::new(&text))
            }
            None => MayDecide::Unknown,
        }
    }

    pub(super) fn gate(&self) -> Option<Gate> {
        let run = self.run_();
        let may_decide = match states::waits(run)? {
            Waits::Confirmation => self.may_apply(),
            Waits::Override => MayDecide::No(OVERRIDE.into()),
        };
        Some(Gate {
            key: GateKey { run: self.key.clone(), attempt: 1, id: GATE.into() },
            environment: self.workspace.environment.clone(),
            title: SafeText::new(&self.workspace.name),
            revision: self.revision(),
            branch: self.branch(),
            run_number: self.number,
            run_title: self.title(),
            since: run.changed().or(run.attributes.created_at),
            asked_by: self.actor(),
            reviewers: Vec::new(),
            may_decide,
            timer: None,
            waits_for: WaitsFor::Human,
            quorum: None,
            no_reject: None,
            asks: Vec::new(),
            plan: plans::words(self.known.plan(), self.inner),
            expires: None,
            url: self.url(),
        })
    }

    pub(super) fn run(&self, reviews: Vec<Review>) -> Run {
        let run = self.run_();
        Run {
            key: self.key.clone(),
            number: self.number,
            attempt: 1,
            workflow: SafeText::new(&self.workspace.name),
            title: self.title(),
            revision: self.revision(),
            branch: self.branch(),
            event: run.attributes.source.clone().unwrap_or_default(),
            actor: self.actor(),
            state: run_state(run),
            started: run.attributes.created_at,
            updated: run.changed().or(run.attributes.created_at),
            url: self.url(),
            jobs: self.jobs(),
            reviews,
            tests: None,
        }
    }

    /// Plan, cost estimate, policy check, apply: those that the run has.
    fn jobs(&self) -> Vec<Job> {
        let run = self.run_();
        let relations = &run.relationships;
        let there =
            |relation: &Option<wire::Relation>| relation.as_ref().is_some_and(|one| one.data.is_some());
        let mut jobs = vec![self.job("plan", "plans", relations.plan.as_ref())];
        if there(&relations.cost_estimate) {
            jobs.push(self.job("cost estimate", "cost-estimates", relations.cost_estimate.as_ref()));
        }
        let checks = relations.policy_checks.as_ref().and_then(|checks| checks.data.as_ref());
        if checks.is_some_and(|checks| !checks.is_empty()) {
            let mut job = self.job("policy check", "policy-checks", None);
            job.state = policy_state(run);
            job.finished = run.at("policy-checked-at").or_else(|| run.at("policy-soft-failed-at"));
            jobs.push(job);
        }
        let mut apply = self.job("apply", "applies", relations.apply.as_ref());
        if states::waits(run).is_some() {
            apply.state = RunState::WaitingForHuman;
        } else if run_state(run) == RunState::Cancelled && apply.state == RunState::Queued {
            apply.state = RunState::Skipped;
        }
        jobs.push(apply);
        jobs
    }

    fn job(&self, name: &str, kind: &str, relation: Option<&wire::Relation>) -> Job {
        let part = self.known.part(kind, relation);
        let at = |name: &str| *part?.status_timestamps.as_ref()?.get(name)?;
        Job {
            id: name.into(),
            name: name.into(),
            state: part_state(part.and_then(|part| part.status.as_ref())),
            started: at("started-at"),
            finished: at("finished-at").or_else(|| at("errored-at")).or_else(|| at("canceled-at")),
            steps: Vec::new(),
            url: self.url(),
        }
    }

    pub(super) fn revision(&self) -> Sha {
        let sha = self.known.commit().and_then(|commit| commit.commit_sha.as_ref());
        Sha::new(sha.map_or("", SafeText::as_str))
    }

    pub(super) fn tag(&self) -> Option<SafeText> {
        self.known.commit()?.tag.clone().filter(|tag| !tag.is_empty())
    }

    pub(super) fn branch(&self) -> Option<SafeText> {
        let branch = self.known.commit().and_then(|commit| commit.branch.clone());
        self.tag().or(branch).filter(|name| !name.is_empty())
    }

    /// Who asked for the run: who pushed the commit, else who created the run.
    pub(super) fn actor(&self) -> Option<SafeText> {
        let sender = self.known.commit().and_then(|commit| commit.sender_username.clone());
        let created = self.run_().relationships.created_by.as_ref();
        let creator = || self.known.part("users", created)?.username.clone();
        sender.filter(|name| !name.is_empty()).or_else(creator).filter(|name| !name.is_empty())
    }

    pub(super) fn title(&self) -> SafeText {
        let message = self.run_().attributes.message.as_deref();
        let commit = self.known.commit().and_then(|commit| commit.commit_message.as_deref());
        let text = message.filter(|text| !text.trim().is_empty()).or(commit).unwrap_or_default();
        let text = SafeText::first_line(text.trim());
        if text.is_empty() { self.run_().id.clone() } else { text }
    }
}
