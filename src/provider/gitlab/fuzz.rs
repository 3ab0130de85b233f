//! What one look makes of GitLab's answers about pipelines, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use std::collections::BTreeMap;

use super::about::About;
use super::approvals::{self, Me};
use super::bindings::Watch;
use super::look::Held;
use super::states::in_order;
use super::whereabouts::Whereabouts;
use super::{api, reports, wire};
use crate::domain::{EnvironmentName, Fault, Gate, Run, RunKey, ServiceName, SourceName, TestReport};
use crate::provider::http::Answer;

/// The answers that one look rests on; each pipeline is taken to have these jobs.
pub struct Answers {
    /// `GET ../pipelines`.
    pub pipelines: Answer,
    /// `GET ../pipelines/{id}/jobs`.
    pub jobs: Answer,
    /// `GET ../deployments/{id}` of those that wait.
    pub deployments: Answer,
}

/// The runs and gates in them, as user 7.
///
/// # Errors
/// The first answer that is not as documented.
pub fn look(answers: &Answers) -> Result<(Vec<Run>, Vec<Gate>), Fault> {
    let pipelines: Vec<wire::Pipeline> = answers.pipelines.json()?;
    let all: Vec<wire::Job> = answers.jobs.json()?;
    let waiting: Vec<wire::Deployment> = answers.deployments.json()?;
    let (watch, me) = (watch(), Me { id: Some(7), name: Some("mara".into()) });
    let (mut runs, mut gates) = (Vec::new(), Vec::new());
    for pipeline in &pipelines {
        let id = Whereabouts { project: None, pipeline: pipeline.id }.id();
        let key = RunKey { source: SourceName::new("gitlab"), service: watch.service.clone(), id };
        let about = About { watch: &watch, pipeline, key, all: &all, jobs: in_order(&all), me: &me };
        let waits = |one: &&wire::Deployment| approvals::may_wait(one) && about.holds(one);
        let ours: Vec<&wire::Deployment> = waiting.iter().filter(waits).collect();
        gates.extend(about.gates(&ours, answers.jobs.date(), &mut Held::new()));
        let reviews = ours.iter().flat_map(|one| approvals::reviews(one)).collect();
        runs.push(about.run(reviews, None));
    }
    Ok((runs, gates))
}

fn watch() -> Watch {
    let production = EnvironmentName::new("production");
    Watch {
        service: ServiceName::new("shop"),
        name: "acme/shop".to_owned(),
        path: "/projects/acme%2Fshop".to_owned(),
        reference: None,
        environments: vec![(production, "production".to_owned())],
        dispatches: BTreeMap::new(),
    }
}

/// The report in the answers to `../test_report_summary` and `../test_report`.
///
/// # Errors
/// An answer that is not as documented.
pub fn report(summary: &Answer, report: &Answer) -> Result<TestReport, Fault> {
    let summary: wire::TestSummary = summary.json()?;
    Ok(reports::summed(&summary.total, reports::failures(&report.json()?)))
}

/// What an answer other than 2xx means.
#[must_use]
pub fn refusal(answer: &Answer) -> Fault {
    api::refusal(answer)
}
