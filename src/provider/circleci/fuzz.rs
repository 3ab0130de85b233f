//! What one look makes of CircleCI's answers about workflows, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use std::collections::BTreeMap;

use super::bindings::Watch;
use super::look::{About, waits};
use super::{api, logs, reports, states, wire};
use crate::domain::log::{JobLog, LogEnd, LogReader};
use crate::domain::{EnvironmentName, Fault, Gate, Run, RunKey, ServiceName, SourceName, TestReport};
use crate::provider::http::Answer;

/// The answers that one look rests on; each pipeline is taken to have these workflows, and each of them these jobs.
pub struct Answers {
    /// `GET /project/{slug}/pipeline`.
    pub pipelines: Answer,
    /// `GET /pipeline/{id}/workflow`.
    pub workflows: Answer,
    /// `GET /workflow/{id}/job`.
    pub jobs: Answer,
}

/// The runs and gates in them.
///
/// # Errors
/// The first answer that is not as documented.
pub fn look(answers: &Answers) -> Result<(Vec<Run>, Vec<Gate>), Fault> {
    let pipelines = answers.pipelines.json::<wire::Page<wire::Pipeline>>()?.items;
    let workflows = answers.workflows.json::<wire::Page<wire::Workflow>>()?.items;
    let mut jobs = answers.jobs.json::<wire::Page<wire::Job>>()?.items;
    states::in_order(&mut jobs);
    let watch = watch();
    let (mut runs, mut gates) = (Vec::new(), Vec::new());
    for pipeline in &pipelines {
        for (attempt, workflow) in (1..).zip(&workflows) {
            let (source, service) = (SourceName::new("circleci"), watch.service.clone());
            let key = RunKey { source, service, id: workflow.id.clone() };
            let about = About { watch: &watch, pipeline, workflow, key, attempt, cloud: true };
            gates.extend(jobs.iter().filter(|job| waits(job)).map(|job| about.gate(job)));
            runs.push(about.run(&jobs, Vec::new()));
        }
    }
    Ok((runs, gates))
}

fn watch() -> Watch {
    Watch {
        service: ServiceName::new("shop"),
        slug: "gh/acme/shop".to_owned(),
        path: "/project/gh/acme/shop".to_owned(),
        branch: None,
        workflow: None,
        environments: vec![(EnvironmentName::new("production"), None)],
        dispatches: BTreeMap::new(),
    }
}

/// The report in the answer to `/project/{slug}/{number}/tests`.
///
/// # Errors
/// An answer that is not as documented.
pub fn report(answer: &Answer) -> Result<TestReport, Fault> {
    Ok(reports::counted(answer.json::<wire::Page<wire::Test>>()?.items, true))
}

/// The log in the output of one action; none if it is not as documented.
#[must_use]
pub fn log(output: &[u8]) -> Option<JobLog> {
    let mut reader = LogReader::new();
    logs::feed(output, &mut reader).ok()?;
    Some(reader.log(LogEnd::Complete))
}

/// What an answer other than 2xx means.
#[must_use]
pub fn refusal(answer: &Answer) -> Fault {
    api::refusal(answer)
}
