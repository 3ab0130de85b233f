//! What AWX answers about one workflow template: workflow jobs, nodes, approvals.

use std::sync::Arc;

use gonogo::domain::Settings;
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::world::{NEW, live, pipeline, provider, server};
use crate::scripted::Scripted;

pub(crate) const API: &str = "/api/v2";
pub(crate) const JOBS: &str = "/api/v2/workflow_job_templates/12/workflow_jobs/";

pub(crate) fn shop(server: &Scripted) -> Arc<dyn Provider> {
    shop_with(server, Settings::default().with_text("template", "Release shop"))
}

pub(crate) fn shop_with(server: &Scripted, settings: Settings) -> Arc<dyn Provider> {
    let url = Settings::default().with_text("url", &format!("{}{API}", server.url));
    provider("awx", "token", url, vec![pipeline(settings), live("production")])
}

pub(crate) fn page(results: &[Value]) -> Value {
    json!({"count": results.len(), "next": null, "previous": null, "results": results})
}

pub(crate) fn run(id: u64, status: &str) -> Value {
    let ended = matches!(status, "successful" | "failed" | "canceled");
    let variables = json!({"version": "v2.8.0", "revision": NEW, "db_password": "$encrypted$"});
    json!({
        "id": id, "type": "workflow_job", "name": "Release shop", "status": status, "failed": status == "failed",
        "workflow_job_template": 12, "created": "2026-08-20T09:00:00.123456Z", "modified": "2026-08-20T09:05:00Z",
        "started": "2026-08-20T09:00:01Z", "finished": ended.then_some("2026-08-20T09:20:00Z"), "launch_type": "manual",
        "launched_by": {"id": 3, "name": "rhea", "type": "user", "url": "/api/v2/users/3/"}, "scm_branch": "",
        "extra_vars": variables.to_string(), "summary_fields": {"workflow_job_template": {"id": 12, "name": "Release shop"}},
    })
}

pub(crate) fn approval(id: u64, run: u64, status: &str) -> Value {
    let decided = matches!(status, "successful" | "failed");
    let mut approval = json!({
        "id": id, "type": "workflow_approval", "name": "Approve production", "status": status,
        "created": "2026-08-20T09:05:00Z", "finished": decided.then_some("2026-08-20T09:10:00Z"),
        "can_approve_or_deny": status == "pending", "timed_out": false,
        "approval_expiration": (status == "pending").then_some("2026-08-20T17:05:00Z"),
        "summary_fields": {
            "workflow_job_template": {"id": 12, "name": "Release shop", "description": ""},
            "source_workflow_job": {"id": run, "name": "Release shop", "status": "running", "type": "workflow_job"},
        },
    });
    if decided {
        approval["summary_fields"]["approved_or_denied_by"] = json!({"id": 4, "username": "omar"});
    }
    approval
}

/// A build that has passed, the approval, and a deployment behind it; in no order that means anything.
pub(crate) fn nodes(run: &Value, approval: &str) -> Vec<Value> {
    let over = run["status"] != "running";
    let built = if run["status"] == "failed" { "failed" } else { "successful" };
    let job = |id: u64, name: &str, status: &str, kind: &str| json!({"id": id, "name": name, "status": status, "type": kind, "elapsed": 4.2});
    let node = |id: u64, name: &str, job: Option<Value>, next: &[u64]| {
        let mut summary = json!({"unified_job_template": {"id": 50, "name": name}});
        if let Some(job) = job {
            summary["job"] = job;
        }
        json!({"id": id, "summary_fields": summary, "success_nodes": next, "failure_nodes": [], "always_nodes": [],
            "do_not_run": over && id == 3, "identifier": format!("node-{id}")})
    };
    let waits = (built != "failed").then(|| job(75, "Approve production", approval, "workflow_approval"));
    vec![
        node(3, "deploy", None, &[]),
        node(1, "build", Some(job(30, "build", built, "job")), &[2]),
        node(2, "Approve production", waits, &[3]),
    ]
}

/// A template with these workflow jobs, newest first, and these approvals.
pub(crate) async fn workflow(runs: &[Value], approvals: &[Value]) -> Scripted {
    let server = server().await;
    server
        .get(&format!("{API}/me/"), &page(&[json!({"id": 2, "username": "mara"})]))
        .get(&format!("{API}/workflow_job_templates/"), &page(&[json!({"id": 12, "name": "Release shop"})]));
    give(&server, runs, approvals);
    server
}

/// What there is from now on.
pub(crate) fn give(server: &Scripted, runs: &[Value], approvals: &[Value]) {
    server.get(JOBS, &page(runs));
    let mut word = "pending";
    for approval in approvals {
        word = approval["status"].as_str().unwrap();
        server.get(&format!("{API}/workflow_approvals/{}/", approval["id"]), approval);
    }
    let waiting: Vec<Value> =
        approvals.iter().filter(|approval| approval["status"] == "pending").cloned().collect();
    server.get(&format!("{API}/workflow_approvals/"), &page(&waiting));
    for run in runs {
        server.get(&format!("{API}/workflow_jobs/{}/", run["id"]), run);
        server.get(&format!("{API}/workflow_jobs/{}/workflow_nodes/", run["id"]), &page(&nodes(run, word)));
    }
}
