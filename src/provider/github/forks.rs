//! Runs of a fork's pull request that a maintainer must let start: GitHub calls them completed, `action_required`.
//!
//! Another thing than a review: no environment, no reviewers, no rejection, and GitHub does not tell who let one start.
//! Source: docs.github.com/rest/actions/workflow-runs, approve a workflow run for a fork pull request.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::bindings::Project;
use super::gates::Hold;
use super::look::Looker;
use super::runs::{self, Links, called};
use super::{GitHub, act, wire};
use crate::domain::pipeline::WaitsFor;
use crate::domain::{
    Basis, Cause, Difference, Fault, Gate, GateKey, Guard, Hazard, Intent, Prepared, Promise, SafeText,
    Severity, Step,
};
use crate::provider::http::query;
use crate::provider::services::locked;

/// The id of such a gate within its run.
pub(super) const ID: &str = "start";

/// Of how many looks one asks for held runs that no list holds: they are older than the newest runs, and in no hurry.
const TURN: u64 = 4;

/// Held runs of each project, as of the last time that they were asked for.
pub(super) type Known = Mutex<BTreeMap<Project, Vec<wire::Run>>>;

/// Whether a run is held until a maintainer lets it start.
pub(super) fn held(run: &wire::Run) -> bool {
    run.status == "completed" && run.conclusion.as_ref().is_some_and(|word| word == "action_required")
}

impl Hold<'_> {
    /// The gate of a run that a maintainer must let start.
    pub(super) fn start(&self, links: &Links) -> Option<Gate> {
        if !held(self.run) {
            return None;
        }
        let title = format!("{} of a fork", runs::workflow(self.run));
        Some(Gate {
            title: SafeText::new(&title),
            since: self.run.created_at.or(self.run.run_started_at),
            waits_for: WaitsFor::Start,
            no_reject: Some(SafeText::new(
                "GitHub knows no rejection of a fork's run: close its pull request, or leave it, it goes after 30 days",
            )),
            ..self.any_gate(SafeText::new(ID), links)
        })
    }
}

impl Looker<'_> {
    /// Runs of a project that a maintainer must let start, however old. Asked for now and then.
    pub(super) async fn forks(&self, project: &Project) -> Result<Vec<wire::Run>, Fault> {
        let known = locked(&self.memory.forks).get(project).cloned();
        if let Some(known) = known.filter(|_| !self.turn.is_multiple_of(TURN)) {
            return Ok(known);
        }
        let pairs = [("status", "action_required"), ("exclude_pull_requests", "true"), ("per_page", "30")];
        let page = self.api.get::<wire::Runs>(&query(&project.path("/actions/runs"), &pairs)).await?;
        let runs: Vec<wire::Run> = page.value.workflow_runs.iter().filter(|run| held(run)).cloned().collect();
        locked(&self.memory.forks).insert(project.clone(), runs.clone());
        Ok(runs)
    }
}

impl GitHub {
    /// What would let a fork's run start.
    pub(super) async fn let_start(&self, intent: &Intent, key: &GateKey) -> Result<Prepared, Fault> {
        let (watch, run) = self.fresh_run(&key.run).await?;
        let identity = self.identity().await?;
        self.memory.watch(&watch.project, run.id);
        if !held(&run) {
            return Err(started(&run));
        }
        let fork = from(&run);
        let mut basis = act::run_basis(&run);
        basis.push(Basis::new("code of", fork.as_str()));
        basis.push(Basis::new("held", "yes"));
        basis.push(Basis::new("event", run.event.as_ref().map_or("not told", SafeText::as_str)));
        let guard = Guard::LookAgain(
            "GitHub checks only that the run is still held: somebody else's word between this look and the request is \
             answered with a refusal and changes nothing"
                .into(),
        );
        let effect = format!("lets {} start: {} at {} runs", called(&run), fork, run.head_sha);
        let path = watch.project.run(run.id, "/approve");
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, path, None, &effect)],
            differences: vec![Difference {
                what: SafeText::new(&format!("{} of {fork}", called(&run))),
                old: "held".into(),
                new: "started".into(),
            }],
            hazards: hazards(&run, &fork),
            way_back: Some("cancel the run".into()),
            identity,
            ..Prepared::of(guard, Promise::Started { run: key.run.clone() }, act::DEADLINE)
        })
    }
}

fn hazards(run: &wire::Run, fork: &SafeText) -> Vec<Hazard> {
    let code = format!(
        "code of {fork} at {} runs on your runners, changed workflow files included: read the change first",
        run.head_sha
    );
    let mut hazards = vec![Hazard::new(Severity::Warning, code)];
    if run.event.as_ref().is_some_and(|event| event == "pull_request_target") {
        let text = "pull_request_target hands this repository's secrets to the run";
        hazards.push(Hazard::new(Severity::Warning, text));
    }
    hazards
}

/// The run waits no more. GitHub keeps no record of who let it start: when it last moved is the nearest.
fn started(run: &wire::Run) -> Fault {
    let is = match (run.status.as_str(), &run.conclusion) {
        ("completed", Some(word)) => format!("it has ended: {word}"),
        (status, _) => format!("it is {status}"),
    };
    let text = format!(
        "{} is no longer held: {is}{}; GitHub does not tell who let it start",
        called(run),
        runs::moved(run)
    );
    Fault::new(Cause::Moved, text)
}

/// Whose code it is: `rhea/shop`, else a branch, else a fork.
fn from(run: &wire::Run) -> SafeText {
    let repository = run.head_repository.as_ref().and_then(|r| r.full_name.clone());
    repository.filter(|name| !name.is_empty()).unwrap_or_else(|| "a fork".into())
}
