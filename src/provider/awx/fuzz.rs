//! What one look makes of AWX's answers, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::about::About;
use super::bindings::Watch;
use super::{api, states, wire};
use crate::domain::{EnvironmentName, Fault, Gate, Run, RunKey, SafeText, ServiceName, SourceName};
use crate::provider::http::Answer;

/// The runs and gates in the answers to `/workflow_jobs/`, `/workflow_approvals/` and `/workflow_nodes/`; each workflow job is
/// taken to have these nodes.
///
/// # Errors
/// The first answer that is not as documented.
pub fn look(runs: &Answer, approvals: &Answer, nodes: &Answer) -> Result<(Vec<Run>, Vec<Gate>), Fault> {
    let runs = runs.json::<wire::Page<wire::WorkflowJob>>()?.results;
    let approvals = approvals.json::<wire::Page<wire::Approval>>()?.results;
    let mut nodes = nodes.json::<wire::Page<wire::Node>>()?.results;
    states::in_order(&mut nodes);
    let watch = Watch {
        service: ServiceName::new("shop"),
        template: "Release shop".to_owned(),
        organization: None,
        version: "version".to_owned(),
        revision: "revision".to_owned(),
        environments: vec![(EnvironmentName::new("production"), None)],
    };
    let (mut all, mut gates) = (Vec::new(), Vec::new());
    for run in &runs {
        let (source, service) = (SourceName::new("awx"), watch.service.clone());
        let key = RunKey { source, service, id: SafeText::new(&run.id.to_string()) };
        let about = About { watch: &watch, run, key, web: Some("https://awx.test") };
        let ours = approvals.iter().filter(|approval| approval.run() == Some(run.id));
        gates.extend(
            ours.filter(|approval| approval.status == "pending").map(|approval| about.gate(approval)),
        );
        all.push(about.run(&nodes, Vec::new()));
    }
    Ok((all, gates))
}

/// What an answer other than 2xx means.
#[must_use]
pub fn refusal(answer: &Answer) -> Fault {
    api::refusal(answer)
}
