//! What one look makes of GitHub's answers about runs, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use std::collections::BTreeMap;

use super::bindings::{Project, Watch};
use super::budget;
use super::gates::{self, Apps, Hold};
use super::reports::Wanted;
use super::runs::{self, Links};
use super::wire;
use crate::domain::{
    Budget, Cause, EnvironmentName, Fault, Gate, Run, RunKey, SafeText, ServiceName, SourceName,
};
use crate::provider::http::Answer;
use crate::provider::meter::Meter;

/// The answers that one look rests on; each run is taken to have these jobs, pending environments and reviews.
pub struct Answers {
    /// `GET ../actions/runs`.
    pub runs: Answer,
    /// `GET ../actions/runs/{id}/jobs`.
    pub jobs: Answer,
    /// `GET ../actions/runs/{id}/pending_deployments`.
    pub pending: Answer,
    /// `GET ../actions/runs/{id}/approvals`.
    pub approvals: Answer,
}

/// The runs and gates in them.
///
/// # Errors
/// The first answer that is not as documented.
pub fn look(answers: &Answers) -> Result<(Vec<Run>, Vec<Gate>), Fault> {
    let mut listed = answers.runs.json::<wire::Runs>()?.workflow_runs;
    let wire_jobs = answers.jobs.json::<wire::Jobs>()?.jobs;
    let pending: Vec<wire::Pending> = answers.pending.json()?;
    let approvals: Vec<wire::Approval> = answers.approvals.json()?;
    let links = Links { web: None, loopback: false };
    let project = Project::parse("acme/shop").ok_or_else(|| Fault::new(Cause::Local, "no project"))?;
    let watch = watch(project);
    let reviews = gates::reviews(&approvals);
    runs::newest_first(&mut listed);
    let (mut seen, mut waiting) = (Vec::new(), Vec::new());
    for wire in &listed {
        let id = SafeText::new(&wire.id.to_string());
        let key = RunKey { source: SourceName::new("github"), service: watch.service.clone(), id };
        let hold = Hold {
            run: wire,
            key: &key,
            jobs: &wire_jobs,
            pending: &pending,
            reviews: &reviews,
            apps: &Apps::new(),
            identity: None,
            now: answers.runs.date(),
        };
        let mut held_by = hold.gates(&watch, &links);
        if held_by.is_empty() && wire.status == "waiting" {
            held_by.push(hold.other_system(&links));
        }
        held_by.extend(hold.start(&links));
        let held = gates::held(&held_by);
        let mut run = runs::run(wire, key.clone(), held, &links);
        run.jobs = runs::jobs(&wire_jobs, held, &links);
        run.reviews.clone_from(&reviews);
        seen.push(run);
        waiting.extend(held_by);
    }
    Ok((seen, waiting))
}

fn watch(project: Project) -> Watch {
    Watch {
        service: ServiceName::new("shop"),
        project,
        lanes: Vec::new(),
        environments: vec![(EnvironmentName::new("production"), "production".to_owned())],
        dispatches: BTreeMap::new(),
        reports: Wanted::default(),
    }
}

/// What an answer other than 2xx means.
#[must_use]
pub fn refusal(answer: &Answer) -> Fault {
    budget::refusal(answer)
}

/// What the headers say of the budget.
#[must_use]
pub fn budget(answer: &Answer) -> Option<Budget> {
    let mut meter = Meter::default();
    budget::note(&mut meter, answer);
    meter.budget
}
