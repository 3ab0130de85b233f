//! The records as the API shows them.

use super::{APPROVERS, Decision, Project, REQUIRED, deployment_id, person};
use crate::sandbox::history::PEOPLE;
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase, Run};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) fn user(base: &str, login: &str) -> Value {
    let name = PEOPLE.iter().find(|(known, _)| *known == login).map_or(login, |(_, name)| name);
    json!({
        "id": person(login), "username": login, "name": name, "state": "active", "locked": false,
        "avatar_url": null, "web_url": format!("{base}/{login}"),
    })
}

fn web(base: &str, project: &Project) -> String {
    format!("{base}/{OWNER}/{}", project.script.name)
}

/// What a pipeline's jobs make of it.
pub(super) fn status(project: &Project, run: &Run) -> &'static str {
    match () {
        () if run.has(Phase::Running) => "running",
        () if run.has(Phase::Queued) => "running",
        () if run.has(Phase::Failed) => "failed",
        () if run.has(Phase::Cancelled) => "canceled",
        () if run.has(Phase::Held) => {
            let rejected = run.current().any(|job| job.phase == Phase::Held && project.rejected(job.id));
            if rejected { "failed" } else { "manual" }
        }
        () if run.is_over() => "success",
        () if run.has(Phase::Passed) => "running",
        () => "created",
    }
}

/// As in a list.
pub(super) fn pipeline(base: &str, project: &Project, run: &Run) -> Value {
    json!({
        "id": run.id,
        "iid": run.number,
        "project_id": project.id,
        "sha": run.sha,
        "ref": run.version,
        "status": status(project, run),
        "source": "push",
        "name": null,
        "created_at": run.created,
        "updated_at": run.updated,
        "web_url": format!("{}/-/pipelines/{}", web(base, project), run.id),
    })
}

/// As the answer about the one.
pub(super) fn pipeline_whole(base: &str, project: &Project, run: &Run) -> Value {
    let mut value = pipeline(base, project, run);
    let finished = run.is_over().then(|| run.jobs.iter().filter_map(|job| job.finished).max()).flatten();
    let started = run.jobs.iter().filter_map(|job| job.started).min();
    if let Some(map) = value.as_object_mut() {
        map.insert("before_sha".into(), "0000000000000000000000000000000000000000".into());
        map.insert("tag".into(), true.into());
        map.insert("yaml_errors".into(), Value::Null);
        map.insert("user".into(), user(base, &run.actor));
        map.insert("started_at".into(), json!(started));
        map.insert("finished_at".into(), json!(finished));
        map.insert("committed_at".into(), Value::Null);
        map.insert("duration".into(), Value::Null);
        map.insert("queued_duration".into(), 1.into());
        map.insert("coverage".into(), Value::Null);
        let label = status(project, run);
        map.insert("detailed_status".into(), json!({"text": label, "label": label, "group": label}));
    }
    value
}

fn job_status(project: &Project, job: &Job) -> &'static str {
    match job.phase {
        Phase::Created => "created",
        Phase::Held if project.rejected(job.id) => "failed",
        Phase::Held => "manual",
        Phase::Queued => "pending",
        Phase::Running => "running",
        Phase::Passed => "success",
        Phase::Failed => "failed",
        Phase::Cancelled => "canceled",
        Phase::Skipped => "skipped",
    }
}

pub(super) fn job(base: &str, project: &Project, run: &Run, job: &Job) -> Value {
    let by = job.by.as_deref().unwrap_or(&run.actor);
    let mut value = json!({
        "id": job.id,
        "name": job.plan.name,
        "stage": job.plan.stage,
        "status": job_status(project, job),
        "ref": run.version,
        "tag": true,
        "coverage": null,
        "allow_failure": false,
        "created_at": job.created,
        "started_at": job.started,
        "finished_at": job.finished,
        "erased_at": null,
        "duration": null,
        "queued_duration": null,
        "archived": false,
        "user": user(base, by),
        "commit": {
            "id": run.sha, "short_id": run.sha.get(..8).unwrap_or_default(),
            "title": format!("chore(release): {}", run.version),
        },
        "pipeline": {
            "id": run.id, "iid": run.number, "project_id": project.id, "sha": run.sha, "ref": run.version,
            "status": status(project, run), "source": "push", "created_at": run.created, "updated_at": run.updated,
            "web_url": format!("{}/-/pipelines/{}", web(base, project), run.id),
        },
        "web_url": format!("{}/-/jobs/{}", web(base, project), job.id),
        "project": { "ci_job_token_scope_enabled": false },
        "artifacts": [],
        "runner": null,
        "artifacts_expire_at": null,
        "tag_list": [],
    });
    // Only of what has failed it is told why.
    if let (true, Some(map)) = (job.phase == Phase::Failed, value.as_object_mut()) {
        map.insert("failure_reason".into(), "script_failure".into());
    }
    value
}

/// A deployment's status, as it follows from its job.
pub(super) fn deployment_status(project: &Project, job: &Job) -> &'static str {
    match job.phase {
        Phase::Held if project.rejected(job.id) => "failed",
        Phase::Held if project.pending(job.id) > 0 => "blocked",
        Phase::Created | Phase::Held | Phase::Queued => "created",
        Phase::Running => "running",
        Phase::Passed => "success",
        Phase::Failed => "failed",
        Phase::Cancelled => "canceled",
        Phase::Skipped => "skipped",
    }
}

/// When a deployment changed last.
pub(super) fn changed(job: &Job) -> Timestamp {
    job.finished.or(job.started).or(job.queued).or(job.held).unwrap_or(job.created)
}

/// As in a list: without approvals.
pub(super) fn deployment(base: &str, project: &Project, run: &Run, one: &Job) -> Value {
    json!({
        "id": deployment_id(one.id),
        "iid": one.id % 1_000,
        "ref": run.version,
        "sha": run.sha,
        "created_at": one.held.unwrap_or(one.created),
        "updated_at": changed(one),
        "status": deployment_status(project, one),
        "user": user(base, &run.actor),
        "environment": {
            "id": 30 + one.id % 2,
            "name": one.plan.environment,
            "slug": one.plan.environment,
            "external_url": format!("https://{}.acme.test", project.script.name),
        },
        "deployable": job(base, project, run, one),
    })
}

fn approval(base: &str, decision: &Decision) -> Value {
    json!({
        "user": user(base, &decision.login), "status": decision.status, "created_at": decision.at,
        "comment": decision.comment,
    })
}

/// As the answer about the one.
pub(super) fn deployment_whole(base: &str, project: &Project, run: &Run, one: &Job) -> Value {
    let mut value = deployment(base, project, run, one);
    let decisions: Vec<Value> =
        project.decisions.get(&one.id).into_iter().flatten().map(|d| approval(base, d)).collect();
    let held = one.plan.held;
    if let Some(map) = value.as_object_mut() {
        map.insert("pending_approval_count".into(), if held { project.pending(one.id) } else { 0 }.into());
        map.insert("approvals".into(), decisions.clone().into());
        let rules: Vec<Value> = if held {
            vec![json!({
                "user_id": null, "group_id": 134, "access_level": null,
                "access_level_description": "sre", "required_approvals": REQUIRED, "group_inheritance_type": 0,
                "deployment_approvals": decisions,
            })]
        } else {
            Vec::new()
        };
        map.insert("approval_summary".into(), json!({ "rules": rules }));
    }
    value
}

/// The trace of a job so far.
pub(super) fn trace(run: &Run, job: &Job) -> String {
    let Some(started) = job.started else { return String::new() };
    let at = started.as_second();
    let name = job.plan.name.replace('-', "_");
    let mut text = format!(
        "\u{1b}[0KRunning with gitlab-runner 17.5.0\u{1b}[0;m\nsection_start:{at}:prepare_executor\r\u{1b}[0K\u{1b}[0K\u{1b}[36;1mPreparing the executor\u{1b}[0;m\n\
         section_end:{at}:prepare_executor\r\u{1b}[0Ksection_start:{at}:step_script\r\u{1b}[0K\u{1b}[36;1mExecuting \"step_script\" stage of the job script\u{1b}[0;m\n\
         \u{1b}[32;1m$ ./ci/{name} {}\u{1b}[0;m\n",
        run.version
    );
    if let Some(finished) = job.finished {
        let at = finished.as_second();
        if job.phase == Phase::Failed {
            text.push_str("E   AssertionError: expected 3 lines, found 2\n");
            text.push_str(&format!("section_end:{at}:step_script\r\u{1b}[0K\u{1b}[31;1mERROR: Job failed: exit code 1\n\u{1b}[0;m\n"));
        } else {
            text.push_str(&format!(
                "section_end:{at}:step_script\r\u{1b}[0K\u{1b}[32;1mJob succeeded\u{1b}[0;m\n"
            ));
        }
    }
    text
}

/// Whether somebody may approve production.
pub(super) fn is_approver(login: &str) -> bool {
    APPROVERS.contains(&login)
}

/// How many tests there were, once they have run.
pub(super) fn test_summary(run: &Run) -> Value {
    let e2e = run.job("e2e").map(|job| job.phase);
    let failed = u64::from(e2e == Some(Phase::Failed));
    let ran = matches!(e2e, Some(Phase::Failed | Phase::Passed));
    let told = |count: u64| if ran { count } else { 0 };
    let total = json!({
        "time": 41.2, "count": told(414), "success": told(412 - failed), "failed": failed, "skipped": told(2),
        "error": 0, "suite_error": null,
    });
    json!({"total": total, "test_suites": []})
}

/// The tests that failed, by name.
pub(super) fn test_report() -> Value {
    let case = json!({
        "status": "failed", "name": "two devices, one account", "classname": "e2e.Checkout", "execution_time": 1.2,
        "system_output": "expected 3 lines, found 2\nat e2e/checkout:41", "stack_trace": null,
    });
    json!({"total_count": 414, "test_suites": [{"name": "e2e", "test_cases": [case]}]})
}
