//! The records as the API shows them.

use super::{Project, Work, person, uuid};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase};
use serde_json::{Map, Value, json};

/// Kinds of ids.
pub(super) const PIPELINE: u16 = 1;
pub(super) const WORKFLOW: u16 = 2;
pub(super) const JOB: u16 = 4;
pub(super) const APPROVAL: u16 = 5;

pub(super) fn slug(project: &Project) -> String {
    format!("gh/{OWNER}/{}", project.script.name)
}

pub(super) fn pipeline(project: &Project, work: &Work) -> Value {
    let run = &work.run;
    json!({
        "id": uuid(PIPELINE, work.number),
        "number": work.number,
        "project_slug": slug(project),
        "state": "created",
        "created_at": run.created,
        "updated_at": run.created,
        "errors": [],
        "trigger": {
            "type": "webhook",
            "received_at": run.created,
            "actor": { "login": run.actor, "avatar_url": null },
        },
        "vcs": {
            "provider_name": "GitHub",
            "origin_repository_url": format!("https://github.com/{OWNER}/{}", project.script.name),
            "target_repository_url": format!("https://github.com/{OWNER}/{}", project.script.name),
            "revision": run.sha,
            "tag": run.version,
            "commit": { "subject": format!("Release {}", run.version), "body": "" },
        },
    })
}

pub(super) fn workflow(project: &Project, work: &Work) -> Value {
    let run = &work.run;
    let over = run.is_over();
    let stopped = run.current().filter_map(|job| job.finished).max().filter(|_| over);
    let mut value = json!({
        "id": uuid(WORKFLOW, run.id),
        "pipeline_id": uuid(PIPELINE, work.number),
        "pipeline_number": work.number,
        "project_slug": slug(project),
        "name": "release",
        "status": status(work),
        "started_by": person(&run.actor),
        "created_at": run.created,
        "stopped_at": stopped,
        "tag": null,
    });
    if let (Some(by), Some(map)) = (&work.cancelled_by, value.as_object_mut()) {
        map.insert("canceled_by".into(), person(by).into());
    }
    value
}

fn status(work: &Work) -> &'static str {
    let run = &work.run;
    let moves = run.has(Phase::Running) || run.has(Phase::Queued);
    match () {
        () if run.has(Phase::Failed) && (moves || run.has(Phase::Held)) => "failing",
        () if run.has(Phase::Failed) => "failed",
        () if run.has(Phase::Cancelled) => "canceled",
        () if moves => "running",
        () if run.has(Phase::Held) => "on_hold",
        () if run.is_over() => "success",
        () => "running",
    }
}

/// The jobs of a workflow, in no order that means anything. A held job is two there: the approval, and what it lets go.
pub(super) fn jobs(project: &Project, work: &Work) -> Vec<Value> {
    let mut all: Vec<Value> = work
        .run
        .current()
        .flat_map(|job| {
            let needs: Vec<String> = job
                .plan
                .needs
                .iter()
                .filter_map(|name| work.run.job(name))
                .map(|need| uuid(JOB, need.id))
                .collect();
            if job.plan.held {
                let approval = approval(project, job, &needs, work);
                vec![approval, built(project, job, &[uuid(APPROVAL, job.id)], held_status(job))]
            } else {
                vec![built(project, job, &needs, job_status(job))]
            }
        })
        .collect();
    all.reverse();
    all
}

fn built(project: &Project, job: &Job, needs: &[String], status: &str) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), uuid(JOB, job.id).into());
    map.insert("name".into(), job.plan.name.into());
    map.insert("type".into(), "build".into());
    map.insert("status".into(), status.into());
    map.insert("dependencies".into(), needs.into());
    map.insert("project_slug".into(), slug(project).into());
    map.insert("started_at".into(), json!(job.started));
    map.insert("stopped_at".into(), json!(job.finished.filter(|_| job.started.is_some())));
    if job.started.is_some() {
        map.insert("job_number".into(), job.id.into());
    }
    map.into()
}

fn approval(project: &Project, job: &Job, needs: &[String], work: &Work) -> Value {
    let status = match job.phase {
        Phase::Created => "blocked",
        Phase::Held => "on_hold",
        Phase::Queued | Phase::Running | Phase::Passed | Phase::Failed => "success",
        // Whoever stops what was let go already stops the job, not the approval.
        Phase::Cancelled if job.queued.is_some() => "success",
        Phase::Cancelled if job.held.is_some() => "canceled",
        Phase::Cancelled | Phase::Skipped => "not_run",
    };
    let mut value = json!({
        "id": uuid(APPROVAL, job.id),
        "name": format!("hold-{}", job.plan.environment.unwrap_or("it")),
        "type": "approval",
        "status": status,
        "approval_request_id": uuid(APPROVAL, job.id),
        "dependencies": needs,
        "project_slug": slug(project),
        "started_at": job.held,
        "stopped_at": job.queued.or(job.finished),
    });
    if let (Some(by), Some(map)) = (&job.by, value.as_object_mut()) {
        let key = if status == "canceled" { "canceled_by" } else { "approved_by" };
        if matches!(status, "success" | "canceled") && (status == "success" || work.cancelled_by.is_none()) {
            map.insert(key.into(), person(by).into());
        }
    }
    value
}

fn job_status(job: &Job) -> &'static str {
    match job.phase {
        Phase::Created | Phase::Held => "blocked",
        Phase::Queued => "queued",
        Phase::Running => "running",
        Phase::Passed => "success",
        Phase::Failed => "failed",
        Phase::Cancelled => "canceled",
        Phase::Skipped => "not_run",
    }
}

/// The job that an approval lets go.
fn held_status(job: &Job) -> &'static str {
    match job.phase {
        Phase::Cancelled if job.queued.is_none() => "not_run",
        _ => job_status(job),
    }
}
