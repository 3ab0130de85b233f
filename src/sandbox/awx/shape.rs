//! The records as the API shows them.

use super::{End, Entry, Role, TIMEOUT, Template, held, person};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase, Run};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The number of the approval in front of a held job.
pub(super) const fn approval_id(job: u64) -> u64 {
    job * 10 + 5
}

/// The job behind the number of an approval.
pub(super) const fn approved_job(approval: u64) -> Option<u64> {
    if approval % 10 == 5 { Some(approval / 10) } else { None }
}

/// The number of a job, apart from all approvals.
pub(super) const fn job_id(job: u64) -> u64 {
    job * 10
}

/// The number of a workflow job.
pub(super) const fn run_id(run: &Run) -> u64 {
    run.id * 10 + 1
}

/// What a template is called.
pub(super) fn template_name(template: &Template) -> String {
    format!("Release {}", template.script.name)
}

pub(super) fn template(template: &Template, place: u64) -> Value {
    json!({
        "id": place, "type": "workflow_job_template", "url": format!("/api/v2/workflow_job_templates/{place}/"),
        "name": template_name(template), "description": "", "status": "successful",
        "summary_fields": {"organization": {"id": 2, "name": OWNER, "description": ""}},
    })
}

pub(super) fn user(login: &str) -> Value {
    json!({
        "id": person(login), "type": "user", "username": login, "first_name": "", "last_name": "", "email": "",
        "is_superuser": false, "is_system_auditor": false,
    })
}

fn summary(login: &str) -> Value {
    json!({"id": person(login), "username": login, "first_name": "", "last_name": ""})
}

/// The word for where a workflow job is.
fn status(entry: &Entry) -> &'static str {
    let run = &entry.run;
    match () {
        () if !run.is_over() => "running",
        () if entry.end == Some(End::Cancelled) => "canceled",
        () if run.has(Phase::Failed) || run.has(Phase::Cancelled) => "failed",
        () => "successful",
    }
}

pub(super) fn workflow_job(template: &Template, entry: &Entry, place: u64) -> Value {
    let run = &entry.run;
    let id = run_id(run);
    let finished = run.current().filter_map(|job| job.finished).max().filter(|_| run.is_over());
    let variables = json!({"version": run.version, "revision": run.sha, "db_password": "$encrypted$"});
    json!({
        "id": id, "type": "workflow_job", "url": format!("/api/v2/workflow_jobs/{id}/"),
        "summary_fields": {
            "organization": {"id": 2, "name": OWNER, "description": ""},
            "workflow_job_template": {"id": place, "name": template_name(template), "description": ""},
            "created_by": summary(&run.actor),
            "user_capabilities": {"delete": false, "start": true},
        },
        "created": run.created, "modified": run.updated, "started": run.created, "finished": finished,
        "canceled_on": null, "name": template_name(template), "description": "", "unified_job_template": place,
        "launch_type": "manual", "status": status(entry), "failed": status(entry) == "failed", "elapsed": 0.0,
        "job_explanation": "", "launched_by": {"id": person(&run.actor), "name": run.actor, "type": "user"},
        "workflow_job_template": place, "extra_vars": variables.to_string(), "allow_simultaneous": false,
        "scm_branch": "", "limit": "", "is_sliced_job": false,
    })
}

fn word(job: &Job) -> &'static str {
    match job.phase {
        Phase::Created | Phase::Held => "new",
        Phase::Queued => "pending",
        Phase::Running => "running",
        Phase::Passed => "successful",
        Phase::Failed => "failed",
        Phase::Cancelled | Phase::Skipped => "canceled",
    }
}

/// The word for an approval; none before it was its turn.
pub(super) fn approval_word(entry: &Entry, job: &Job) -> Option<&'static str> {
    match job.phase {
        Phase::Created | Phase::Skipped => None,
        Phase::Held => Some("pending"),
        _ if job.queued.is_some() => Some("successful"),
        Phase::Cancelled if job.held.is_some() && entry.end == Some(End::Cancelled) => Some("canceled"),
        Phase::Cancelled if job.held.is_some() => Some("failed"),
        Phase::Cancelled => None,
        _ => Some("successful"),
    }
}

fn approval_name(job: &Job) -> String {
    format!("Approve {}", job.plan.environment.unwrap_or("it"))
}

pub(super) fn approval(
    (template, place): (&Template, u64),
    entry: &Entry,
    job: &Job,
    role: Role,
) -> Option<Value> {
    let status = approval_word(entry, job)?;
    let (id, run) = (approval_id(job.id), &entry.run);
    let created = job.held.unwrap_or(job.created);
    let finished = job.queued.or(job.finished);
    let ends = created + SignedDuration::from_secs(TIMEOUT);
    let mut fields = json!({
        "organization": {"id": 2, "name": OWNER, "description": ""},
        "workflow_job_template": {"id": place, "name": template_name(template), "description": ""},
        "workflow_job": {"id": run_id(run), "name": template_name(template), "description": ""},
        "workflow_approval_template": {"id": 900 + place, "name": approval_name(job), "description": "", "timeout": TIMEOUT},
        "source_workflow_job": {"id": run_id(run), "name": template_name(template), "status": "running", "failed": false,
            "elapsed": 0.0, "type": "workflow_job"},
        "user_capabilities": {"delete": false, "start": false},
    });
    let by = job.by.as_deref().filter(|by| !by.is_empty() && matches!(status, "successful" | "failed"));
    if let (Some(by), Some(map)) = (by, fields.as_object_mut()) {
        map.insert("approved_or_denied_by".to_owned(), summary(by));
    }
    let late = status == "failed" && entry.end == Some(End::TimedOut);
    let explanation =
        format!("The approval node {} ({id}) has expired after {TIMEOUT} seconds.", approval_name(job));
    Some(json!({
        "id": id, "type": "workflow_approval", "url": format!("/api/v2/workflow_approvals/{id}/"),
        "summary_fields": fields, "created": created, "modified": run.updated, "name": approval_name(job),
        "description": "", "launch_type": "workflow", "status": status, "failed": status == "failed",
        "started": created, "finished": finished.filter(|_| status != "pending"), "elapsed": 0.0,
        "job_explanation": if late { explanation.as_str() } else { "" },
        "can_approve_or_deny": status == "pending" && role == Role::Approve,
        "approval_expiration": (status == "pending").then_some(ends), "timed_out": late,
    }))
}

/// The nodes of a workflow job, in no order that means anything. A held job is two there: the approval, and what it lets go.
pub(super) fn nodes(entry: &Entry) -> Vec<Value> {
    let run = &entry.run;
    let node = |id: u64, name: &str, kind: &str, job: Option<Value>, next: &[u64]| {
        let mut fields = json!({
            "workflow_job": {"id": run_id(run), "name": "", "description": ""},
            "unified_job_template": {"id": 50, "name": name, "description": "", "unified_job_type": kind},
        });
        let number = job.as_ref().map(|job| job.get("id").cloned());
        if let (Some(job), Some(map)) = (job, fields.as_object_mut()) {
            map.insert("job".to_owned(), job);
        }
        json!({
            "id": id, "type": "workflow_job_node", "url": format!("/api/v2/workflow_job_nodes/{id}/"),
            "summary_fields": fields, "job": number, "workflow_job": run_id(run), "success_nodes": next,
            "failure_nodes": [], "always_nodes": [], "all_parents_must_converge": true, "do_not_run": false,
            "identifier": format!("node-{id}"),
        })
    };
    let job_of = |id: u64, name: &str, status: &str, kind: &str| {
        json!({"id": id, "name": name, "description": "", "status": status, "failed": status == "failed", "elapsed": 1.0,
            "type": kind, "canceled_on": null})
    };
    let mut all = Vec::new();
    for job in run.current() {
        let next: Vec<u64> = run
            .current()
            .filter(|other| other.plan.needs.contains(&job.plan.name))
            .map(
                |other| {
                    if other.plan.held { 10_000 + approval_id(other.id) } else { 10_000 + job_id(other.id) }
                },
            )
            .collect();
        let begun = job.queued.is_some();
        let own = begun.then(|| job_of(job_id(job.id), job.plan.name, word(job), "job"));
        if job.plan.held {
            let status = approval_word(entry, job);
            let step = status
                .map(|status| job_of(approval_id(job.id), &approval_name(job), status, "workflow_approval"));
            let behind = [10_000 + job_id(job.id)];
            all.push(node(
                10_000 + approval_id(job.id),
                &approval_name(job),
                "workflow_approval",
                step,
                &behind,
            ));
        }
        all.push(node(10_000 + job_id(job.id), job.plan.name, "job", own, &next));
    }
    all.reverse();
    all
}

/// What a job wrote.
pub(super) fn output(job: &Job, run: &Run) -> String {
    let end = if job.phase == Phase::Failed {
        "fatal: [web-1]: FAILED! => {\"msg\": \"expected 3 lines, found 2\"}\n"
    } else {
        ""
    };
    format!(
        "PLAY [{}] *****\n\nTASK [say the version] *****\nok: [web-1] => {}\n{end}",
        job.plan.name, run.version
    )
}

/// The approvals that wait, oldest first.
pub(super) fn waiting(templates: &[Template], role: Role) -> Vec<(Timestamp, Value)> {
    let mut all = Vec::new();
    for (place, template) in (10..).zip(templates) {
        for entry in &template.entries {
            let Some((id, since)) = held(&entry.run) else { continue };
            let job = entry.run.current().find(|job| job.id == id);
            all.extend(job.and_then(|job| Some((since, approval((template, place), entry, job, role)?))));
        }
    }
    all.sort_by_key(|(since, _)| *since);
    all
}
