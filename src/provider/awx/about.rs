//! A workflow job of AWX in the cockpit's words: run, jobs, gates.

use super::bindings::Watch;
use super::states::{job_state, node_state};
use super::wire;
use crate::domain::pipeline::{MayDecide, Review, WaitsFor};
use crate::domain::{Gate, GateKey, Job, Run, RunKey, RunState, SafeText, Sha};

/// A workflow job with everything around it.
pub(super) struct About<'a> {
    pub(super) watch: &'a Watch,
    pub(super) run: &'a wire::WorkflowJob,
    pub(super) key: RunKey,
    /// Where a browser goes.
    pub(super) web: Option<&'a str>,
}

impl About<'_> {
    fn url(&self) -> Option<SafeText> {
        Some(SafeText::new(&format!("{}/#/jobs/workflow/{}/output", self.web?, self.run.id)))
    }

    pub(super) fn gate(&self, approval: &wire::Approval) -> Gate {
        let title = approval.called();
        Gate {
            key: GateKey { run: self.key.clone(), attempt: 1, id: SafeText::new(&approval.id.to_string()) },
            environment: self.watch.environment(&title).cloned(),
            revision: self.revision(),
            branch: self.branch(),
            run_number: self.run.id,
            run_title: self.title(),
            since: approval.created,
            asked_by: self.actor(),
            reviewers: Vec::new(),
            may_decide: may_decide(approval),
            timer: None,
            waits_for: WaitsFor::Human,
            quorum: None,
            no_reject: None,
            asks: Vec::new(),
            plan: None,
            expires: approval.approval_expiration,
            url: self.url(),
            title,
        }
    }

    pub(super) fn run(&self, nodes: &[wire::Node], reviews: Vec<Review>) -> Run {
        let run = self.run;
        let mut state = job_state(&run.status);
        let over = state.ended();
        let jobs: Vec<Job> = nodes.iter().map(|node| self.job(node, over)).collect();
        // AWX calls a workflow that waits for somebody running.
        let moves = jobs.iter().any(|job| job.state == RunState::Running);
        if state == RunState::Running
            && !moves
            && jobs.iter().any(|job| job.state == RunState::WaitingForHuman)
        {
            state = RunState::WaitingForHuman;
        }
        Run {
            key: self.key.clone(),
            number: run.id,
            attempt: 1,
            workflow: run.name.clone().unwrap_or_default(),
            title: self.title(),
            revision: self.revision(),
            branch: self.branch(),
            event: run.launch_type.clone().unwrap_or_default(),
            actor: self.actor(),
            state,
            started: run.started.or(run.created),
            updated: run.finished.or(run.modified),
            url: self.url(),
            jobs,
            reviews,
            tests: None,
        }
    }

    fn job(&self, node: &wire::Node, over: bool) -> Job {
        let job = node.summary_fields.job.as_ref();
        let template = node.summary_fields.unified_job_template.as_ref();
        let name = job.and_then(|job| job.name.clone()).or_else(|| template.and_then(|one| one.name.clone()));
        let name = name.or_else(|| node.identifier.clone()).filter(|name| !name.is_empty());
        Job {
            // A node whose turn it was not has no job, and no log.
            id: SafeText::new(&job.map_or_else(|| format!("node-{}", node.id), |job| job.id.to_string())),
            name: name.unwrap_or_else(|| SafeText::new(&format!("node {}", node.id))),
            state: node_state(node, over),
            started: None,
            finished: None,
            steps: Vec::new(),
            url: self.url(),
        }
    }

    pub(super) fn revision(&self) -> Sha {
        let sha = self.run.variable(&self.watch.revision);
        Sha::new(sha.as_ref().map_or("", SafeText::as_str))
    }

    pub(super) fn version(&self) -> Option<SafeText> {
        self.run.variable(&self.watch.version)
    }

    pub(super) fn branch(&self) -> Option<SafeText> {
        self.version().or_else(|| self.run.scm_branch.clone()).filter(|name| !name.is_empty())
    }

    pub(super) fn actor(&self) -> Option<SafeText> {
        self.run.launched_by.as_ref()?.name.clone().filter(|name| !name.is_empty())
    }

    pub(super) fn title(&self) -> SafeText {
        let name = self.run.name.as_ref().map_or("workflow", SafeText::as_str);
        match self.version() {
            Some(version) => SafeText::new(&format!("{name} {version}")),
            None => SafeText::new(name),
        }
    }
}

/// Whether we may decide an approval, by AWX's own word.
pub(super) fn may_decide(approval: &wire::Approval) -> MayDecide {
    match approval.can_approve_or_deny {
        Some(true) => MayDecide::Yes,
        Some(false) => MayDecide::No(
            "AWX says that this user may not: it takes the role `approve` of the workflow".into(),
        ),
        None => MayDecide::Unknown,
    }
}
