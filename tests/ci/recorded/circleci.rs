//! What CircleCI answers about one project: pipelines, workflows, jobs.

use std::sync::Arc;

use gonogo::domain::{Role, Settings};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::world::{NEW, at, live, pipeline, provider, server, table};
use crate::scripted::Scripted;

pub(crate) const API: &str = "/api/v2";
pub(crate) const PROJECT: &str = "/api/v2/project/gh/acme/shop";

pub(crate) fn shop_with(server: &Scripted, dispatch: Settings) -> Arc<dyn Provider> {
    let settings = Settings::default().with_text("url", &format!("{}{API}", server.url));
    let bounds = vec![
        pipeline(Settings::default().with_text("project", "gh/acme/shop")),
        live("production"),
        at(Role::Dispatch, "production", dispatch.with_text("workflow", "deploy")),
    ];
    provider("circleci", "token", settings, bounds)
}

pub(crate) fn shop(server: &Scripted) -> Arc<dyn Provider> {
    shop_with(server, table("parameters", &[("version", "$version")]))
}

pub(crate) fn a_pipeline() -> Value {
    json!({
        "id": "p-1", "number": 50, "state": "created", "errors": [], "project_slug": "gh/acme/shop",
        "created_at": "2026-08-20T09:00:00Z", "updated_at": "2026-08-20T09:00:00Z",
        "trigger": {"type": "webhook", "received_at": "2026-08-20T09:00:00Z", "actor": {"login": "rhea", "avatar_url": null}},
        "vcs": {"revision": NEW, "branch": "main", "commit": {"subject": "feat: more", "body": ""}}
    })
}

pub(crate) fn workflow(id: &str, status: &str, created: &str) -> Value {
    json!({"id": id, "name": "release", "status": status, "pipeline_id": "p-1", "pipeline_number": 50,
        "project_slug": "gh/acme/shop", "created_at": created, "stopped_at": null, "started_by": "u-1"})
}

pub(crate) fn job(id: &str, kind: &str, status: &str, needs: &[&str]) -> Value {
    json!({"id": id, "name": id, "type": kind, "status": status, "dependencies": needs, "project_slug": "gh/acme/shop",
        "started_at": "2026-08-20T09:01:00Z", "stopped_at": null, "job_number": (kind == "build").then_some(7),
        "approval_request_id": (kind == "approval").then_some(format!("request-{id}"))})
}

pub(crate) fn page(items: &[Value]) -> Value {
    json!({"items": items, "next_page_token": null})
}

/// One pipeline with these workflows, all with these jobs.
pub(crate) async fn project(workflows: &[Value], jobs: &[Value]) -> Scripted {
    let server = server().await;
    server
        .get(&format!("{API}/me"), &json!({"id": "u-7", "login": "mara", "name": "Mara"}))
        .get(&format!("{PROJECT}/pipeline"), &page(&[a_pipeline()]))
        .get(&format!("{API}/pipeline/p-1/workflow"), &page(workflows));
    for workflow in workflows {
        let id = workflow["id"].as_str().unwrap();
        server.get(&format!("{API}/workflow/{id}"), workflow);
        server.get(&format!("{API}/workflow/{id}/job"), &page(jobs));
    }
    server
}

pub(crate) fn jobs() -> Vec<Value> {
    vec![job("hold-production", "approval", "on_hold", &["build"]), job("build", "build", "success", &[])]
}
