//! One complete look at one workflow template: its newest workflow jobs, their nodes, and the approvals that wait.
//!
//! Approvals that wait are listed once for all services; whose they are, their summaries tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::about::About;
use super::api::Api;
use super::bindings::Watch;
use super::states::{self, job_state};
use super::wire;
use crate::domain::pipeline::Review;
use crate::domain::{Ask, Cause, Decision, Fault, RunKey, SafeText, ServiceName, SourceName};
use crate::provider::http::query;
use crate::provider::services::{Sight, locked, remember};

/// Workflow jobs that are shown.
const LISTED: &str = "20";
/// How much is remembered of what has ended.
const KEPT: usize = 512;

/// What one look remembers for the next.
#[derive(Default)]
pub(super) struct Memory {
    /// Numbers of templates, by service.
    templates: Mutex<BTreeMap<ServiceName, u64>>,
    /// Nodes of a workflow job that has ended.
    nodes: Mutex<BTreeMap<u64, Vec<wire::Node>>>,
    /// Approvals that were decided.
    decided: Mutex<BTreeMap<u64, wire::Approval>>,
}

/// What applies to the whole look.
pub(super) struct Looker<'a> {
    pub(super) api: &'a Api,
    pub(super) memory: &'a Memory,
    pub(super) source: &'a SourceName,
    pub(super) ask: &'a Ask,
    /// Every approval that waits and that we see.
    pub(super) waiting: &'a [wire::Approval],
    /// Where a browser goes.
    pub(super) web: Option<&'a str>,
}

impl Looker<'_> {
    pub(super) async fn service(&self, watch: &Watch) -> Result<Sight, Fault> {
        let template = self.template(watch).await?;
        let path = format!("/workflow_job_templates/{template}/workflow_jobs/");
        let path = query(&path, &[("order_by", "-id"), ("page_size", LISTED)]);
        let listed = self.api.get::<wire::Page<wire::WorkflowJob>>(&path).await;
        if listed.as_ref().is_err_and(|fault| fault.cause == Cause::NotFound) {
            // A template that was made anew under its old name has another number.
            locked(&self.memory.templates).remove(&watch.service);
        }
        let mut runs = listed?.results;
        let ours = |approval: &&wire::Approval| {
            approval.summary_fields.workflow_job_template.as_ref().is_some_and(|own| own.id == Some(template))
        };
        let waiting: Vec<&wire::Approval> = self.waiting.iter().filter(ours).collect();
        let asked = self.ask.runs_of(self.source, &watch.service);
        let mut wanted: BTreeSet<u64> = waiting.iter().filter_map(|approval| approval.run()).collect();
        wanted.extend(asked.into_iter().filter_map(number));
        for id in &wanted {
            if runs.iter().all(|run| run.id != *id) {
                let run = self.api.get_if_told::<wire::WorkflowJob>(&format!("/workflow_jobs/{id}/")).await?;
                runs.extend(run.filter(|run| run.workflow_job_template == Some(template)));
            }
        }
        let mut sight = Sight::default();
        for (place, run) in runs.iter().enumerate() {
            let curious = place == 0 || wanted.contains(&run.id) || !job_state(&run.status).ended();
            self.add(watch, (run, &waiting), curious, &mut sight).await?;
        }
        Ok(sight)
    }

    /// The number of a template; asked for once.
    pub(super) async fn template(&self, watch: &Watch) -> Result<u64, Fault> {
        if let Some(number) = watch.number() {
            return Ok(number);
        }
        if let Some(known) = locked(&self.memory.templates).get(&watch.service) {
            return Ok(*known);
        }
        let mut pairs = vec![("name", watch.template.as_str())];
        if let Some(organization) = &watch.organization {
            pairs.push(("organization__name", organization));
        }
        let page: wire::Page<wire::Named> = self.api.get(&query("/workflow_job_templates/", &pairs)).await?;
        let unnamed = || Fault::new(Cause::Malformed, "field id: a workflow template without one");
        let found = match page.results.as_slice() {
            [one] => one.id.ok_or_else(unnamed)?,
            [] => {
                let text = format!("there is no workflow template {:?} that this token sees", watch.template);
                return Err(Fault::new(Cause::NotFound, text).with_hint(
                    "check the template's name (a workflow's, not a job's), and the token's user",
                ));
            }
            many => {
                let text = format!("{} workflow templates are called {:?}", many.len(), watch.template);
                return Err(Fault::new(Cause::Local, text)
                    .with_hint("add organization = \"..\" to the pipeline, or write the template's number"));
            }
        };
        remember(&self.memory.templates, watch.service.clone(), found, KEPT);
        Ok(found)
    }

    async fn add(
        &self,
        watch: &Watch,
        (run, waiting): (&wire::WorkflowJob, &[&wire::Approval]),
        curious: bool,
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        let key = RunKey {
            source: self.source.clone(),
            service: watch.service.clone(),
            id: SafeText::new(&run.id.to_string()),
        };
        let about = About { watch, run, key, web: self.web };
        let nodes = if curious { self.nodes(run).await? } else { Vec::new() };
        for approval in waiting.iter().filter(|approval| approval.run() == Some(run.id)) {
            sight.gates.push(about.gate(approval));
        }
        let reviews = self.reviews(&nodes, &mut sight.pipeline.remarks).await?;
        sight.pipeline.runs.push(about.run(&nodes, reviews));
        Ok(())
    }

    /// The nodes of a workflow job, those first that lead to others.
    pub(super) async fn nodes(&self, run: &wire::WorkflowJob) -> Result<Vec<wire::Node>, Fault> {
        let over = job_state(&run.status).ended();
        if let Some(known) = locked(&self.memory.nodes).get(&run.id).filter(|_| over) {
            return Ok(known.clone());
        }
        let path = format!("/workflow_jobs/{}/workflow_nodes/", run.id);
        let (mut nodes, _) = self.api.list::<wire::Node>(&path, &[]).await?;
        states::in_order(&mut nodes);
        if over {
            remember(&self.memory.nodes, run.id, nodes.clone(), KEPT);
        }
        Ok(nodes)
    }

    /// What became of the approvals of a workflow job. One that ran out of time was decided by nobody.
    pub(super) async fn reviews(
        &self,
        nodes: &[wire::Node],
        remarks: &mut Vec<SafeText>,
    ) -> Result<Vec<Review>, Fault> {
        let mut reviews = Vec::new();
        for job in nodes.iter().filter_map(wire::Node::approval) {
            let decision = match job.status.as_str() {
                "successful" => Decision::Approved,
                "failed" => Decision::Rejected,
                _ => continue,
            };
            let Some(approval) = self.decided(job.id).await? else { continue };
            if approval.timed_out == Some(true) {
                remarks.push(SafeText::new(&format!(
                    "{} ran out of time: nobody decided it",
                    approval.called()
                )));
                continue;
            }
            let by = approval.decided_by().unwrap_or_else(|| "somebody".into());
            let environments = vec![approval.called()];
            reviews.push(Review { decision, by, environments, comment: SafeText::default() });
        }
        Ok(reviews)
    }

    /// An approval that was decided; asked for once.
    async fn decided(&self, id: u64) -> Result<Option<wire::Approval>, Fault> {
        if let Some(known) = locked(&self.memory.decided).get(&id) {
            return Ok(Some(known.clone()));
        }
        let approval = self.api.get_if_told::<wire::Approval>(&format!("/workflow_approvals/{id}/")).await?;
        if let Some(approval) = &approval
            && job_state(&approval.status).ended()
        {
            remember(&self.memory.decided, id, approval.clone(), KEPT);
        }
        Ok(approval)
    }
}

/// The number in an id.
pub(super) fn number(id: &SafeText) -> Option<u64> {
    id.as_str().parse().ok()
}
