//! Approve and reject: a fresh look at one gate, and the very request that would decide it.
//!
//! GitHub takes one decision for an environment in a run, releases every job that waits for it, and knows no
//! guard: who decides last between our look and our request gets 422.

use jiff::Timestamp;
use serde::Serialize;

use super::bindings::Watch;
use super::people::Facts;
use super::runs::{attempt, called};
use super::{GitHub, beside, gates, runs, wire};
use crate::domain::pipeline::{MayDecide, WaitsFor};
use crate::domain::time::spoken;
use crate::domain::{
    Artifact, Basis, Cause, Decision, Difference, Fault, GateKey, Guard, Hazard, Intent, People, Prepared,
    Promise, SafeText, Severity, Step,
};
use crate::provider::http::{query, segment};

/// How long a decision may take to show, in seconds.
const DEADLINE: u64 = 60;

/// Newer runs whose gates are looked at.
const NEWER: usize = 3;

/// GitHub asks for all three.
#[derive(Serialize)]
struct ReviewBody<'a> {
    environment_ids: [u64; 1],
    state: &'static str,
    comment: &'a str,
}

/// A gate as it is now.
struct Fresh<'a> {
    watch: &'a Watch,
    run: wire::Run,
    pending: wire::Pending,
    approvals: Vec<wire::Approval>,
    identity: Option<SafeText>,
    rules: Option<wire::EnvironmentRules>,
    /// The jobs of the run that wait, by name.
    waiting: Vec<SafeText>,
    /// Whether the run waits for other environments, too: GitHub does not tell which job waits for which.
    others: bool,
    commit: Option<wire::Commit>,
    now: Option<Timestamp>,
}

impl GitHub {
    /// What would decide a gate.
    pub(super) async fn decide(
        &self,
        intent: &Intent,
        key: &GateKey,
        decision: Decision,
    ) -> Result<Prepared, Fault> {
        let fresh = self.fresh_gate(key).await?;
        let mut hazards = fresh.own_hazards(decision);
        hazards.extend(self.hazards_around(&fresh, decision).await?);
        let environment = fresh.pending.environment.name.clone();
        let before = gates::decided(&gates::reviews(&fresh.approvals), decision, &environment);
        Ok(Prepared {
            basis: fresh.basis(),
            steps: vec![fresh.step(intent, decision)?],
            from: None,
            to: Some(Artifact {
                version: fresh.run.head_branch.as_ref().and_then(|b| super::live::version(b.as_str())),
                revision: Some(fresh.run.head_sha.clone()),
                ..Artifact::default()
            }),
            differences: fresh.differences(decision),
            hazards,
            permission: fresh.may_decide().into(),
            guard: Guard::LookAgain(
                "GitHub checks only that the gate still waits: a decision by somebody else between this look and \
                 the request answers 422 and changes nothing"
                    .into(),
            ),
            promise: Promise::GateDecided {
                gate: key.clone(),
                decision,
                environment,
                reviews_before: before,
            },
            deadline: fresh.deadline(decision),
            way_back: Some(way_back(decision)),
            people: Some(Box::new(fresh.people())),
            identity: fresh.identity,
            form: Vec::new(),
        })
    }

    async fn fresh_gate(&self, key: &GateKey) -> Result<Fresh<'_>, Fault> {
        let id: u64 = key.id.as_str().parse().map_err(|_| {
            Fault::new(Cause::Refused, "another system decides this gate: nothing can be approved here")
                .with_hint("open the run in the browser")
        })?;
        let (watch, run) = self.fresh_run(&key.run).await?;
        if attempt(&run) != key.attempt {
            let text = format!(
                "{} is at attempt {} now, this gate was of attempt {}: approvals are asked anew",
                called(&run),
                attempt(&run),
                key.attempt
            );
            return Err(Fault::new(Cause::Moved, text));
        }
        let project = &watch.project;
        let (pending_path, approvals_path) =
            (project.run(run.id, "/pending_deployments"), project.run(run.id, "/approvals"));
        let jobs_path = query(&project.run(run.id, "/jobs"), &[("filter", "latest"), ("per_page", "100")]);
        let (pending, approvals, jobs, identity) = tokio::try_join!(
            self.api.fresh::<Vec<wire::Pending>>(&pending_path),
            self.api.fresh::<Vec<wire::Approval>>(&approvals_path),
            self.api.fresh::<wire::Jobs>(&jobs_path),
            self.identity(),
        )?;
        self.memory.watch(project, run.id);
        let waiting = waiting(&jobs);
        // All were asked at once: the decision may have come between the answers. A gate that no job waits for is either
        // one that was decided meanwhile, or one whose jobs GitHub does not tell.
        let pending = if waiting.is_empty() {
            self.api.fresh::<Vec<wire::Pending>>(&pending_path).await?
        } else {
            pending
        };
        let others = pending.len() > 1;
        let Some(pending) = pending.into_iter().find(|p| p.environment.id == id) else {
            let approvals = self.api.fresh::<Vec<wire::Approval>>(&approvals_path).await?;
            return Err(gone(&run, &approvals, id));
        };
        if gates::asked(&pending) != WaitsFor::Human {
            let rules = gates::rules_path(project, &pending.environment.name);
            let rules = self.api.fresh_if_told::<wire::CustomRules>(&rules).await?;
            return Err(unpressable(&pending, &rules.map_or(Vec::new(), |rules| gates::app_names(&rules))));
        }
        let path = project.path(&format!("/environments/{}", segment(pending.environment.name.as_str())));
        let commit_path = project.path(&format!("/commits/{}", run.head_sha.as_str()));
        let (rules, commit) =
            tokio::try_join!(self.api.fresh_if_told(&path), self.api.fresh_if_told(&commit_path))?;
        let now = self.api.meter().date;
        Ok(Fresh { watch, run, pending, approvals, identity, rules, waiting, others, commit, now })
    }

    /// Hazards that lie outside the gate: the branch has moved on, other runs want the same environment.
    async fn hazards_around(&self, fresh: &Fresh<'_>, decision: Decision) -> Result<Vec<Hazard>, Fault> {
        let project = &fresh.watch.project;
        let mut hazards = Vec::new();
        if decision == Decision::Approved
            && let Some(branch) = fresh.run.head_branch.as_ref().filter(|b| !b.is_empty())
            && let Some(tip) = self.tip(project, "heads", branch.as_str()).await?
            && tip != fresh.run.head_sha
        {
            let text = format!(
                "{branch} has moved on to {tip}: this run ships {}, which is not its tip",
                fresh.run.head_sha
            );
            hazards.push(Hazard::new(Severity::Warning, text));
        }
        let newer = self.newer_runs(project, &fresh.run).await?;
        let mut looked = 0;
        for other in &newer {
            let waits = other.status == "waiting" && looked < NEWER;
            looked += usize::from(waits);
            let same_gate = waits && self.waits_for(project, other, fresh.pending.environment.id).await?;
            hazards.extend(beside::beside(other, same_gate, &fresh.pending.environment.name, decision));
        }
        Ok(hazards)
    }
}

impl Fresh<'_> {
    fn people(&self) -> People {
        let facts = Facts {
            me: self.identity.as_ref(),
            run: &self.run,
            commit: self.commit.as_ref(),
            pending: &self.pending,
            approvals: &self.approvals,
            rules: self.rules.as_ref(),
        };
        facts.people()
    }

    fn basis(&self) -> Vec<Basis> {
        let environment = &self.pending.environment;
        let names: Vec<String> = gates::reviewers(&self.pending).iter().map(ToString::to_string).collect();
        let since = self.pending.wait_timer_started_at.map_or("not told".to_owned(), |t| t.to_string());
        let may = match self.may_decide() {
            MayDecide::Yes => "yes",
            MayDecide::No(_) => "no",
            MayDecide::Unknown => "not told",
        };
        vec![
            Basis::new("run", self.run.id.to_string()),
            Basis::new("run attempt", attempt(&self.run).to_string()),
            Basis::new("commit", self.run.head_sha.as_str()),
            Basis::new("run status", &self.run.status),
            Basis::new("environment", format!("{} ({})", environment.name, environment.id)),
            Basis::new("reviewers", names.join(", ")),
            Basis::new("waiting since", since),
            Basis::new("may decide", may),
            Basis::new("jobs that wait", self.jobs()),
        ]
    }

    /// The jobs that wait, in one line.
    fn jobs(&self) -> String {
        let names: Vec<&str> = self.waiting.iter().map(SafeText::as_str).collect();
        if names.is_empty() { "not told".to_owned() } else { names.join(", ") }
    }

    /// What the decision changes: the gate, and every job that it lets go or fails.
    fn differences(&self, decision: Decision) -> Vec<Difference> {
        let environment = &self.pending.environment.name;
        let gate = Difference {
            what: SafeText::new(&format!("{environment} in {}", called(&self.run))),
            old: "waiting".into(),
            new: decision.word().into(),
        };
        let becomes = match (decision, self.others) {
            (Decision::Approved, false) => "released".to_owned(),
            (Decision::Rejected, false) => "failed".to_owned(),
            (Decision::Approved, true) => format!("released if it waits for {environment}"),
            (Decision::Rejected, true) => format!("failed if it waits for {environment}"),
        };
        let job = |name: &SafeText| Difference {
            what: SafeText::new(&format!("job {name}")),
            old: "waiting".into(),
            new: SafeText::new(&becomes),
        };
        [gate].into_iter().chain(self.waiting.iter().map(job)).collect()
    }

    fn step(&self, intent: &Intent, decision: Decision) -> Result<Step, Fault> {
        let body = ReviewBody {
            environment_ids: [self.pending.environment.id],
            state: decision.word(),
            comment: intent.reason.as_ref().map_or("", SafeText::as_str),
        };
        let body = serde_json::to_string(&body)
            .map_err(|error| Fault::new(Cause::Local, format!("the review cannot be written: {error}")))?;
        let environment = &self.pending.environment.name;
        let effect = match decision {
            Decision::Approved => format!(
                "approves {environment} in {} and so releases every job of the run that waits for {environment}",
                called(&self.run)
            ),
            Decision::Rejected => format!(
                "rejects {environment} in {}: every job of the run that waits for {environment} fails, and the run with them",
                called(&self.run)
            ),
        };
        Ok(Step {
            source: intent.source.clone(),
            method: "POST".to_owned(),
            path: self.watch.project.run(self.run.id, "/pending_deployments"),
            content_type: Some("application/json".to_owned()),
            body: Some(body),
            effect: SafeText::new(&effect),
        })
    }

    fn may_decide(&self) -> MayDecide {
        match self.pending.current_user_can_approve {
            Some(true) => MayDecide::Yes,
            Some(false) => MayDecide::No(SafeText::new(&gates::denial(
                &self.pending,
                self.identity.as_ref(),
                runs::asked_by(&self.run).as_ref(),
            ))),
            None => MayDecide::Unknown,
        }
    }

    /// A decision shows at once; a gate with a timer goes away when the timer has run out, too.
    fn deadline(&self, decision: Decision) -> std::time::Duration {
        let left = match (decision, gates::timer(&self.pending, self.now), self.now) {
            (Decision::Approved, Some(until), Some(now)) => {
                std::time::Duration::try_from(until.duration_since(now)).unwrap_or_default()
            }
            _ => std::time::Duration::ZERO,
        };
        left.saturating_add(std::time::Duration::from_secs(DEADLINE))
    }

    /// Hazards that the gate itself tells.
    fn own_hazards(&self, decision: Decision) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        let name = &self.pending.environment.name;
        if decision == Decision::Approved
            && let Some(until) = gates::timer(&self.pending, self.now)
        {
            let left = self.now.map(|now| spoken(crate::domain::time::ago(until, now)));
            let left = left.map_or(String::new(), |left| format!(", {left} left"));
            let text = format!("a wait timer runs until {until}{left}: approving does not skip it");
            hazards.push(Hazard::new(Severity::Warning, text));
        }
        if attempt(&self.run) > 1 {
            let text = format!(
                "attempt {} of this run: its gates are asked anew, earlier approvals were of earlier attempts",
                attempt(&self.run)
            );
            hazards.push(Hazard::new(Severity::Note, text));
        }
        hazards.extend(self.rule_hazards(name));
        hazards
    }

    fn rule_hazards(&self, name: &SafeText) -> Vec<Hazard> {
        let Some(rules) = &self.rules else {
            let text = format!("the rules of {name} cannot be read: self-review and bypass cannot be told");
            return vec![Hazard::new(Severity::Note, text)];
        };
        let mut hazards = Vec::new();
        let asked_by = runs::asked_by(&self.run);
        if rules.protection_rules.iter().any(|r| r.prevent_self_review == Some(true)) {
            match (&self.identity, &asked_by) {
                (Some(us), Some(them)) if us == them => hazards.push(Hazard::new(
                    Severity::Warning,
                    format!(
                        "{name} prevents self-review, and {us} started this run: somebody else must decide"
                    ),
                )),
                (None, _) => hazards.push(Hazard::new(
                    Severity::Note,
                    format!("{name} prevents self-review, and GitHub does not say whose token this is"),
                )),
                _ => {}
            }
        }
        match rules.can_admins_bypass {
            Some(true) => hazards.push(Hazard::new(
                Severity::Note,
                format!("administrators can bypass the rules of {name} without a review"),
            )),
            None => hazards.push(Hazard::new(
                Severity::Note,
                format!("GitHub does not say whether administrators can bypass the rules of {name}"),
            )),
            Some(false) => {}
        }
        hazards
    }
}

/// The gate does not wait any more: who decided what, as far as GitHub tells.
fn gone(run: &wire::Run, approvals: &[wire::Approval], environment: u64) -> Fault {
    let about = |a: &&wire::Approval| {
        a.environments.is_empty() || a.environments.iter().any(|e| e.id.is_none_or(|id| id == environment))
    };
    let said: Vec<String> = gates::reviews(&approvals.iter().filter(about).cloned().collect::<Vec<_>>())
        .iter()
        .map(|review| {
            let comment =
                if review.comment.is_empty() { String::new() } else { format!(" ({})", review.comment) };
            format!("{} {} it{comment}", review.by, review.decision.word())
        })
        .collect();
    let run_says = match (run.status.as_str(), &run.conclusion) {
        ("completed", Some(word)) => format!("{} has ended: {word}", called(run)),
        (status, _) => format!("{} is {status}", called(run)),
    };
    // GitHub dates no review: when the run last moved is the nearest that it tells.
    let run_says = format!("{run_says}{}", runs::moved(run));
    let text = if said.is_empty() {
        format!("the gate no longer waits, and GitHub names no decision; {run_says}")
    } else {
        format!("the gate no longer waits: {}; {run_says}", said.join(", "))
    };
    Fault::new(Cause::Moved, text)
}

/// The jobs that wait, by name.
fn waiting(jobs: &wire::Jobs) -> Vec<SafeText> {
    let mut names: Vec<SafeText> =
        jobs.jobs.iter().filter(|job| job.status == "waiting").map(|job| job.name.clone()).collect();
    names.sort();
    names
}

fn unpressable(pending: &wire::Pending, apps: &[SafeText]) -> Fault {
    let name = &pending.environment.name;
    match gates::asked(pending) {
        WaitsFor::Timer => {
            Fault::new(Cause::Refused, format!("{name} waits for a timer only: there is nothing to decide"))
        }
        _ => Fault::new(
            Cause::Refused,
            format!(
                "{name} waits for another system: there is nothing to decide here; {}",
                gates::app_decides(&apps.iter().collect::<Vec<_>>())
            ),
        )
        .with_hint("open the run in the browser"),
    }
}

fn way_back(decision: Decision) -> SafeText {
    SafeText::new(match decision {
        Decision::Approved => "cancel the run; roll back if it has shipped",
        Decision::Rejected => "run the failed jobs again: the gate is asked anew",
    })
}
