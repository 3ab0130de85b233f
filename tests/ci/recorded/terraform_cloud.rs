//! What HCP Terraform answers about one workspace: its runs, with what belongs to them.

use std::sync::Arc;

use gonogo::domain::{Role, Settings};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::world::{NEW, at, live, pipeline, provider, server};
use crate::scripted::{Reply, Scripted};

pub(crate) const API: &str = "/api/v2";
pub(crate) const RUNS: &str = "/api/v2/workspaces/ws-1/runs";

/// Where one run is asked for.
pub(crate) fn one(id: &str) -> String {
    format!("{API}/runs/{id}")
}

pub(crate) fn shop(server: &Scripted) -> Arc<dyn Provider> {
    shop_with(server, Settings::default())
}

pub(crate) fn shop_with(server: &Scripted, staging: Settings) -> Arc<dyn Provider> {
    let settings = Settings::default().with_text("url", &format!("{}{API}", server.url));
    let mut bounds = vec![pipeline(Settings::default().with_text("project", "acme/shop-production"))];
    if staging != Settings::default() {
        bounds.push(at(Role::Live, "staging", staging));
    }
    bounds.push(live("production"));
    provider("terraform-cloud", "token", settings, bounds)
}

/// A run; one that waits can be confirmed and discarded, one that works can be cancelled.
pub(crate) fn run(id: &str, status: &str) -> Value {
    let waits = matches!(status, "planned" | "cost_estimated" | "policy_checked");
    let works = matches!(status, "planning" | "applying" | "pending");
    let belongs = |kind: &str, prefix: &str| json!({"data": {"id": format!("{prefix}-{id}"), "type": kind}});
    json!({
        "id": id, "type": "runs",
        "attributes": {
            "actions": {"is-cancelable": works, "is-confirmable": waits, "is-discardable": waits, "is-force-cancelable": false},
            "auto-apply": false, "created-at": "2026-08-20T09:00:00.171Z", "has-changes": true, "is-destroy": false,
            "message": "feat: more\n\nand a body", "plan-only": false, "refresh-only": false, "save-plan": false,
            "source": "tfe-configuration-version", "status": status,
            "status-timestamps": {"plan-queueable-at": "2026-08-20T09:00:01+00:00", "planned-at": "2026-08-20T09:01:00+00:00"},
            "permissions": {"can-apply": true, "can-cancel": true, "can-discard": true},
        },
        "relationships": {
            "workspace": {"data": {"id": "ws-1", "type": "workspaces"}},
            "plan": belongs("plans", "plan"), "apply": belongs("applies", "apply"),
            "configuration-version": belongs("configuration-versions", "cv"),
            "created-by": {"data": {"id": "user-9", "type": "users"}},
            "policy-checks": {"data": []},
        },
    })
}

/// What is included with a run.
pub(crate) fn included(id: &str, apply: &str) -> Vec<Value> {
    vec![
        json!({"id": format!("plan-{id}"), "type": "plans", "attributes": {
            "status": "finished", "has-changes": true, "resource-additions": 2, "resource-changes": 1,
            "resource-destructions": 3, "resource-imports": 0,
            "status-timestamps": {"started-at": "2026-08-20T09:00:02+00:00", "finished-at": "2026-08-20T09:01:00+00:00"}}}),
        json!({"id": format!("apply-{id}"), "type": "applies", "attributes": {"status": apply}}),
        json!({"id": format!("cv-{id}"), "type": "configuration-versions", "attributes": {"status": "uploaded"},
            "relationships": {"ingress-attributes": {"data": {"id": format!("ia-{id}"), "type": "ingress-attributes"}}}}),
        json!({"id": format!("ia-{id}"), "type": "ingress-attributes", "attributes": {
            "branch": "main", "tag": null, "commit-sha": NEW, "commit-message": "feat: more", "sender-username": "rhea"}}),
        json!({"id": "user-9", "type": "users", "attributes": {"username": "rhea"}}),
    ]
}

pub(crate) fn document(run: &Value, apply: &str) -> Value {
    json!({"data": run, "included": included(run["id"].as_str().unwrap(), apply)})
}

pub(crate) fn list(runs: &[Value]) -> Value {
    let included: Vec<Value> =
        runs.iter().flat_map(|run| included(run["id"].as_str().unwrap(), applied(run))).collect();
    json!({"data": runs, "included": included, "meta": {"pagination": {
        "current-page": 1, "next-page": null, "prev-page": null, "page-size": 20, "total-count": 40 + runs.len(), "total-pages": 1}}})
}

fn applied(run: &Value) -> &'static str {
    match run["attributes"]["status"].as_str().unwrap() {
        "applied" => "finished",
        "applying" => "running",
        "errored" => "errored",
        "discarded" | "canceled" => "unreachable",
        _ => "pending",
    }
}

pub(crate) fn account(kind: &str) -> Value {
    json!({"data": {"id": "user-7", "type": "users", "attributes": {"username": "mara"},
        "relationships": {"authenticated-resource": {"data": {"id": "user-7", "type": kind}}}}})
}

/// A plan in JSON that replaces one resource.
pub(crate) fn plan() -> Value {
    json!({"format_version": "1.2", "resource_changes": [
        {"address": "aws_db_instance.orders", "mode": "managed", "change": {"actions": ["delete", "create"],
            "before": {"password": "plan-s3cret-before"}, "after": {"password": "plan-s3cret-after"}}},
        {"address": "aws_sqs_queue.returns", "mode": "managed", "change": {"actions": ["create"]}}]})
}

pub(crate) fn error(status: u16, title: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"status": status.to_string(), "title": title}]}))
}

/// A workspace with these runs, newest first. Plans in JSON are not ours to read.
pub(crate) async fn workspace(runs: &[Value]) -> Scripted {
    let server = server().await;
    give(&server, runs);
    server
        .get(&format!("{API}/account/details"), &account("users"))
        .get(
            &format!("{API}/organizations/acme/workspaces/shop-production"),
            &json!({"data": {"id": "ws-1", "type": "workspaces", "attributes": {"name": "shop-production"}}}),
        )
        .get(
            &format!("{API}/users/user-8"),
            &json!({"data": {"id": "user-8", "attributes": {"username": "omar"}}}),
        );
    server
}

/// What the workspace's runs are from now on.
pub(crate) fn give(server: &Scripted, runs: &[Value]) {
    server.get(RUNS, &list(runs));
    for run in runs {
        let id = run["id"].as_str().unwrap();
        server.get(&one(id), &document(run, applied(run)));
        let path = format!("{API}/plans/plan-{id}/json-output");
        server.reply("GET", &path, error(404, "not found"));
    }
}
