//! Concurrency groups, Apps, timers and forks as GitHub has them: by the published description, and never kinder.

use super::github_schema::{checked, description};
use super::{ask, get, pass, start};
use gonogo::sandbox::{Clock, Options, Sandbox, Scenario};
use reqwest::Method;
use serde_json::{Value, json};

const REPO: &str = "/repos/acme/checkout";

/// A quiet day whose checkout waits for production, with this beside it.
fn with(github: &str) -> Sandbox {
    let text = format!(
        r#"
title = "t"
teach = "t"
extends = "quiet"
[drill]
task = "t"
[[service]]
name = "checkout"
ticket = "SHOP"
live = "v2.14.2"
staging = "v2.15.0"
tags = ["v2.14.1", "v2.14.2", "v2.15.0"]
replicas = 2
errors = 0.3
latency = 140.0
rate = 118.0
run = "waiting"
github = {github}
"#
    );
    let options = Options { clock: Clock::Manual, ..Options::default() };
    Sandbox::start(Scenario::parse("own", &text).unwrap(), options).unwrap()
}

async fn runs(sandbox: &Sandbox) -> Vec<Value> {
    let runs = get(sandbox, &format!("{REPO}/actions/runs?per_page=100")).await;
    runs["workflow_runs"].as_array().unwrap().clone()
}

fn id(run: &Value) -> u64 {
    run["id"].as_u64().unwrap()
}

/// The runs of release.yml and deploy.yml, newest first: title, status, conclusion.
async fn lane(sandbox: &Sandbox) -> Vec<(String, String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let runs = runs(sandbox).await;
    let of = runs.iter().filter(|run| run["name"] != "CI");
    of.map(|run| (word(&run["display_title"]), word(&run["status"]), word(&run["conclusion"]))).collect()
}

async fn run_titled(sandbox: &Sandbox, title: &str) -> Value {
    runs(sandbox).await.into_iter().find(|run| run["display_title"] == title).unwrap()
}

async fn post(sandbox: &Sandbox, token: &str, path: &str, body: Option<Value>) -> u16 {
    ask(sandbox, token, Method::POST, path, body).await.status().as_u16()
}

#[tokio::test]
async fn answers_about_groups_rules_and_forks_are_valid_by_the_published_description() {
    let (wedged, ruled) = (
        start("wedged-lane"),
        with(r#"{ app = "canary-guard", wait_timer = 5, fork = "lovelace/checkout" }"#),
    );
    let description = description();
    let holder = id(&run_titled(&wedged, "Release v2.15.0").await);
    let pending = id(&run_titled(&wedged, "Release v2.17.0").await);
    let group = format!("{REPO}/actions/concurrency_groups/release-production");
    for path in [
        format!("{REPO}/actions/runs?status=pending"),
        format!("{REPO}/actions/runs/{pending}"),
        format!("{REPO}/actions/runs/{pending}/jobs"),
        format!("{REPO}/actions/runs/{holder}/concurrency_groups"),
        format!("{REPO}/actions/runs/{pending}/concurrency_groups"),
        format!("{group}?ahead_of_run={pending}"),
        group,
    ] {
        checked(&wedged, &description, Method::GET, &path, None).await;
    }
    let held = get(&ruled, &format!("{REPO}/actions/runs?status=action_required")).await;
    let fork = id(&held["workflow_runs"][0]);
    let waiting = id(&run_titled(&ruled, "Release v2.15.0").await);
    for path in [
        format!("{REPO}/actions/runs?status=action_required"),
        format!("{REPO}/actions/runs/{fork}"),
        format!("{REPO}/actions/runs/{fork}/jobs"),
        format!("{REPO}/actions/runs/{waiting}/pending_deployments"),
        format!("{REPO}/environments/production"),
        format!("{REPO}/environments/production/deployment_protection_rules"),
    ] {
        checked(&ruled, &description, Method::GET, &path, None).await;
    }
    let path = format!("{REPO}/actions/runs/{fork}/approve");
    checked(&ruled, &description, Method::POST, &path, None).await;
    checked(&ruled, &description, Method::POST, &path, None).await;
}

#[tokio::test]
async fn one_run_holds_a_group_one_stands_behind_and_a_newer_one_ends_that_without_a_job() {
    let sandbox = start("wedged-lane");
    let state = |title: &str, status: &str, end: &str| (title.to_owned(), status.to_owned(), end.to_owned());
    assert_eq!(
        lane(&sandbox).await,
        [
            state("Release v2.17.0", "pending", "-"),
            state("Release v2.16.0", "completed", "cancelled"),
            state("Release v2.15.2", "completed", "cancelled"),
            state("Release v2.15.1", "completed", "cancelled"),
            state("Release v2.15.0", "waiting", "-"),
            state("Release v2.14.2", "completed", "success"),
        ]
    );
    let behind = id(&run_titled(&sandbox, "Release v2.17.0").await);
    let died = id(&run_titled(&sandbox, "Release v2.16.0").await);
    for run in [behind, died] {
        let jobs = get(&sandbox, &format!("{REPO}/actions/runs/{run}/jobs")).await;
        assert_eq!(jobs, json!({"total_count": 0, "jobs": []}));
    }
    let dispatch = json!({"ref": "main", "inputs": {"version": "v2.15.1"}});
    let path = format!("{REPO}/actions/workflows/deploy.yml/dispatches");
    assert_eq!(post(&sandbox, "demo-token", &path, Some(dispatch)).await, 204);
    let now = lane(&sandbox).await;
    assert_eq!(now[0], state("Deploy v2.15.1", "pending", "-"));
    assert_eq!(now[1], state("Release v2.17.0", "completed", "cancelled"));
    pass(&sandbox, 60);
    assert_eq!(lane(&sandbox).await[0], now[0], "it stays behind as long as the holder waits");
}

#[tokio::test]
async fn cancelling_the_holder_frees_the_group() {
    let sandbox = start("wedged-lane");
    let holder = id(&run_titled(&sandbox, "Release v2.15.0").await);
    assert_eq!(
        post(&sandbox, "demo-token", &format!("{REPO}/actions/runs/{holder}/cancel"), None).await,
        202
    );
    pass(&sandbox, 3);
    assert_eq!(run_titled(&sandbox, "Release v2.15.0").await["conclusion"], "cancelled");
    let next = run_titled(&sandbox, "Release v2.17.0").await;
    assert!(["queued", "in_progress"].contains(&next["status"].as_str().unwrap()), "{}", next["status"]);
    let groups = get(&sandbox, &format!("{REPO}/actions/runs/{}/concurrency_groups", id(&next))).await;
    assert_eq!(groups["concurrency_groups"][0]["group_members"][0]["position"], 0);
}

#[tokio::test]
async fn eliza_15914_rejecting_the_holder_leaves_the_group_held_by_nobody() {
    let sandbox = start("wedged-lane");
    let holder = id(&run_titled(&sandbox, "Release v2.15.0").await);
    let path = format!("{REPO}/actions/runs/{holder}/pending_deployments");
    let environment = get(&sandbox, &path).await[0]["environment"]["id"].clone();
    let body = json!({"environment_ids": [environment], "state": "rejected", "comment": ""});
    assert_eq!(post(&sandbox, "demo-token", &path, Some(body)).await, 200);
    pass(&sandbox, 90);
    assert_eq!(run_titled(&sandbox, "Release v2.15.0").await["conclusion"], "failure");
    assert_eq!(run_titled(&sandbox, "Release v2.17.0").await["status"], "pending", "for ever");
}

#[tokio::test]
async fn people_the_app_and_the_timer_must_all_let_production_pass() {
    let sandbox = with(r#"{ app = "canary-guard", wait_timer = 2 }"#);
    let run = run_titled(&sandbox, "Release v2.15.0").await;
    let path = format!("{REPO}/actions/runs/{}", id(&run));
    let gates = get(&sandbox, &format!("{path}/pending_deployments")).await;
    assert_eq!(gates[0]["wait_timer"], 2);
    assert!(gates[0]["wait_timer_started_at"].is_string());
    let review =
        json!({"environment_ids": [gates[0]["environment"]["id"]], "state": "approved", "comment": ""});
    let reviews = format!("{path}/pending_deployments");
    assert_eq!(post(&sandbox, "demo-token", &reviews, Some(review.clone())).await, 200);
    assert_eq!(post(&sandbox, "omar-token", &reviews, Some(review)).await, 422, "people are asked once");
    pass(&sandbox, 90);
    assert_eq!(run_titled(&sandbox, "Release v2.15.0").await["status"], "waiting", "the App has not spoken");
    let rule = json!({"environment_name": "production", "state": "approved", "comment": "steady"});
    let rules = format!("{path}/deployment_protection_rule");
    assert_eq!(post(&sandbox, "demo-token", &rules, Some(rule.clone())).await, 403, "only the App itself");
    assert_eq!(post(&sandbox, "canary-guard-token", &rules, Some(rule)).await, 204);
    pass(&sandbox, 30);
    let moved = run_titled(&sandbox, "Release v2.15.0").await;
    assert_ne!(moved["status"], "waiting");
}

#[tokio::test]
async fn a_fork_s_run_is_completed_without_a_job_until_a_maintainer_lets_it_start_once() {
    let sandbox = with(r#"{ fork = "lovelace/checkout" }"#);
    let held = get(&sandbox, &format!("{REPO}/actions/runs?status=action_required")).await;
    let run = held["workflow_runs"][0].clone();
    assert_eq!((&run["status"], &run["conclusion"]), (&json!("completed"), &json!("action_required")));
    assert_eq!((&run["event"], &run["pull_requests"]), (&json!("pull_request"), &json!([])));
    assert_eq!(run["head_repository"]["full_name"], "lovelace/checkout");
    let path = format!("{REPO}/actions/runs/{}", id(&run));
    pass(&sandbox, 60);
    assert_eq!(get(&sandbox, &format!("{path}/jobs")).await["total_count"], 0);
    assert_eq!(post(&sandbox, "nils-token", &format!("{path}/approve"), None).await, 403);
    assert_eq!(
        post(&sandbox, "demo-token", &format!("{path}/rerun"), None).await,
        403,
        "not by running it again"
    );
    assert_eq!(post(&sandbox, "demo-token", &format!("{path}/cancel"), None).await, 409);
    assert_eq!(post(&sandbox, "omar-token", &format!("{path}/approve"), None).await, 201);
    assert_eq!(
        post(&sandbox, "demo-token", &format!("{path}/approve"), None).await,
        403,
        "somebody was first"
    );
    pass(&sandbox, 60);
    let ended = get(&sandbox, &path).await;
    assert_eq!(ended["conclusion"], "success");
}
