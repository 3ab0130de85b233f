//! What GitLab answers about one project: pipelines, jobs, deployments.

use std::sync::Arc;

use gonogo::domain::{Role, Settings};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::world::{NEW, at, live, pipeline, provider, server, table};
use crate::scripted::Scripted;

pub(crate) const PROJECT: &str = "/api/v4/projects/acme%2Fshop";

pub(crate) fn shop(server: &Scripted) -> Arc<dyn Provider> {
    let dispatch = table("variables", &[("VERSION", "$version"), ("IN", "$environment")]);
    let bounds = vec![
        pipeline(Settings::default().with_text("project", "acme/shop")),
        live("production"),
        at(Role::Dispatch, "production", dispatch),
    ];
    provider("gitlab", "token", Settings::default().with_text("url", &server.url), bounds)
}

pub(crate) fn one(id: u64, status: &str, sha: &str) -> Value {
    json!({
        "id": id, "iid": id + 7000, "project_id": 42, "sha": sha, "ref": "main", "status": status, "source": "push",
        "created_at": "2026-08-20T09:00:00.123Z", "updated_at": "2026-08-20T09:12:41Z", "user": {"id": 3, "username": "rhea"},
        "web_url": format!("https://gitlab.test/acme/shop/-/pipelines/{id}"), "a_new_key": null
    })
}

pub(crate) fn job(id: u64, name: &str, stage: &str, status: &str) -> Value {
    json!({
        "id": id, "name": name, "stage": stage, "status": status, "allow_failure": false, "archived": false,
        "created_at": "2026-08-20T09:00:00Z", "started_at": "2026-08-20T09:01:00Z", "finished_at": null,
        "user": {"id": 9, "username": "omar"}, "commit": {"title": "feat: more"}, "pipeline": {"id": 100}
    })
}

pub(crate) fn deployment(id: u64, pipeline: u64, pending: u64) -> Value {
    json!({
        "id": id, "iid": id + 7000, "ref": "main", "sha": NEW, "status": "blocked", "created_at": "2026-08-20T09:12:40Z",
        "updated_at": "2026-08-20T09:12:40Z", "user": {"id": 3, "username": "rhea"},
        "environment": {"id": 1, "name": "production", "external_url": "https://shop.test"},
        "deployable": {"id": 11, "name": "deploy", "status": "manual", "pipeline": {"id": pipeline}},
        "pending_approval_count": pending, "approvals": [],
        "approval_summary": {"rules": [
            {"group_id": 5, "access_level_description": "sre", "required_approvals": pending, "deployment_approvals": []}]}
    })
}

/// A project without anything but these pipelines, each with these jobs.
pub(crate) async fn project(pipelines: &[Value], jobs: &[Value]) -> Scripted {
    let server = server().await;
    server
        .get("/api/v4/user", &json!({"id": 7, "username": "mara"}))
        .get(&format!("{PROJECT}/pipelines"), &json!(pipelines))
        .get(&format!("{PROJECT}/deployments"), &json!([]))
        .get(&format!("{PROJECT}/freeze_periods"), &json!([]));
    for one in pipelines {
        let id = &one["id"];
        server
            .get(&format!("{PROJECT}/pipelines/{id}"), one)
            .get(&format!("{PROJECT}/pipelines/{id}/jobs"), &json!(jobs))
            .get(&format!("{PROJECT}/pipelines/{id}/bridges"), &json!([]));
    }
    server
}

/// One pipeline that waits for approval of production, by so many.
pub(crate) async fn blocked(pending: u64) -> Scripted {
    let jobs = [job(11, "deploy", "deploy", "manual"), job(10, "build", "build", "success")];
    let server = project(&[one(100, "manual", NEW)], &jobs).await;
    let waits = format!("{PROJECT}/deployments?status=blocked&order_by=id&sort=desc&per_page=50");
    // The list does not tell what the answer about one deployment tells.
    let mut listed = deployment(5, 100, pending);
    for key in ["pending_approval_count", "approvals", "approval_summary"] {
        listed.as_object_mut().unwrap().remove(key);
    }
    server.get(&waits, &json!([listed]));
    server.get(&format!("{PROJECT}/deployments/5"), &deployment(5, 100, pending));
    server
}
