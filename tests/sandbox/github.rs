//! The oddities of the GitHub dialect, by name.

use super::{ask, client, get, newest_run, pass, review, start};
use reqwest::Method;
use serde_json::json;

const REPO: &str = "/repos/acme/checkout";

#[tokio::test]
async fn a_request_without_a_user_agent_is_refused() {
    let sandbox = start("quiet");
    let _ = client();
    let bare = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{REPO}", sandbox.urls().github);
    assert_eq!(bare.get(url).bearer_auth("demo-token").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn an_unknown_api_version_is_refused() {
    let sandbox = start("quiet");
    let url = format!("{}{REPO}", sandbox.urls().github);
    let request = client().get(url).bearer_auth("demo-token").header("x-github-api-version", "1999-01-01");
    assert_eq!(request.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_private_repository_is_not_found_without_access() {
    let sandbox = start("quiet");
    assert_eq!(ask(&sandbox, "outsider-token", Method::GET, REPO, None).await.status(), 404);
    assert_eq!(ask(&sandbox, "nils-token", Method::GET, REPO, None).await.status(), 200);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let sandbox = start("release-day");
    let run = newest_run(&sandbox, "checkout").await;
    let path = format!("{REPO}/actions/runs/{run}/cancel");
    let refused = ask(&sandbox, "nils-token", Method::POST, &path, None).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.headers()["x-accepted-github-permissions"], "actions=write");
}

#[tokio::test]
async fn a_trailing_slash_is_not_found() {
    let sandbox = start("quiet");
    assert_eq!(ask(&sandbox, "demo-token", Method::GET, &format!("{REPO}/"), None).await.status(), 404);
}

#[tokio::test]
async fn a_renamed_repository_redirects() {
    let sandbox = start("quiet");
    let moved =
        ask(&sandbox, "demo-token", Method::GET, "/repos/acme/checkout-legacy/actions/runs", None).await;
    assert_eq!(moved.status(), 301);
    let location = moved.headers()["location"].to_str().unwrap().to_owned();
    let there = client().get(location).bearer_auth("demo-token").send().await.unwrap();
    assert_eq!(there.status(), 200);
    assert!(there.json::<serde_json::Value>().await.unwrap()["workflow_runs"].is_array());
}

#[tokio::test]
async fn an_unchanged_answer_is_304_and_is_not_counted() {
    let sandbox = start("quiet");
    let path = format!("{}{REPO}/actions/runs", sandbox.urls().github);
    let first = client().get(&path).bearer_auth("demo-token").send().await.unwrap();
    let (etag, left) = (first.headers()["etag"].clone(), first.headers()["x-ratelimit-remaining"].clone());
    let second =
        client().get(&path).bearer_auth("demo-token").header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(second.status(), 304);
    assert_eq!(second.headers()["x-ratelimit-remaining"], left);
    let other =
        client().get(&path).bearer_auth("omar-token").header("if-none-match", etag).send().await.unwrap();
    assert_eq!(other.status(), 200, "the tag belongs to the token");
}

#[tokio::test]
async fn lists_come_in_pages_with_links() {
    let sandbox = start("release-day");
    let first = ask(&sandbox, "demo-token", Method::GET, &format!("{REPO}/tags?per_page=3"), None).await;
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    assert!(
        link.contains("page=2") && link.contains("rel=\"next\"") && link.contains("rel=\"last\""),
        "{link}"
    );
    assert_eq!(first.json::<serde_json::Value>().await.unwrap().as_array().unwrap().len(), 3);
    let last =
        ask(&sandbox, "demo-token", Method::GET, &format!("{REPO}/tags?per_page=3&page=3"), None).await;
    assert!(!last.headers()["link"].to_str().unwrap().contains("next"));
}

#[tokio::test]
async fn every_answer_carries_the_date_of_the_world_and_the_limits() {
    let sandbox = start("quiet");
    let answer = ask(&sandbox, "demo-token", Method::GET, REPO, None).await;
    let date = answer.headers()["date"].to_str().unwrap();
    assert!(date.ends_with("GMT"), "{date}");
    assert_eq!(answer.headers()["x-ratelimit-limit"], "5000");
    assert_eq!(answer.headers().get_all("date").iter().count(), 1);
}

#[tokio::test]
async fn waiting_runs_are_found_by_one_call() {
    let sandbox = start("release-day");
    let waiting = get(&sandbox, &format!("{REPO}/actions/runs?status=waiting&per_page=100")).await;
    assert_eq!(waiting["total_count"], 1);
    assert_eq!(waiting["workflow_runs"][0]["head_branch"], "v2.15.0");
    let done = get(&sandbox, &format!("{REPO}/actions/runs?status=success")).await;
    assert!(done["workflow_runs"].as_array().unwrap().iter().all(|run| run["conclusion"] == "success"));
    assert_eq!(get(&sandbox, &format!("{REPO}/actions/runs?branch=nothing")).await["total_count"], 0);
}

#[tokio::test]
async fn jobs_appear_only_when_they_are_scheduled() {
    let sandbox = start("release-day");
    let run = newest_run(&sandbox, "ledger").await;
    let path = format!("/repos/acme/ledger/actions/runs/{run}/jobs");
    let before = get(&sandbox, &path).await;
    assert_eq!(before["total_count"], 1);
    assert_eq!(before["jobs"][0]["status"], "in_progress");
    assert!(
        before["jobs"][0]["steps"].as_array().unwrap().iter().any(|step| step["status"] == "in_progress")
    );
    pass(&sandbox, 60);
    assert_eq!(get(&sandbox, &path).await["total_count"], 4);
}

#[tokio::test]
async fn a_review_needs_all_three_keys() {
    let sandbox = start("release-day");
    let run = newest_run(&sandbox, "checkout").await;
    let path = format!("{REPO}/actions/runs/{run}/pending_deployments");
    let id = get(&sandbox, &path).await[0]["environment"]["id"].clone();
    for missing in ["environment_ids", "state", "comment"] {
        let mut body = json!({"environment_ids": [id], "state": "approved", "comment": "x"});
        body.as_object_mut().unwrap().remove(missing);
        assert_eq!(
            ask(&sandbox, "demo-token", Method::POST, &path, Some(body)).await.status(),
            422,
            "{missing}"
        );
    }
    assert_eq!(get(&sandbox, &path).await.as_array().unwrap().len(), 1, "nothing was decided");
}

#[tokio::test]
async fn only_a_reviewer_may_review_and_only_once() {
    let sandbox = start("release-day");
    let run = newest_run(&sandbox, "checkout").await;
    let path = format!("{REPO}/actions/runs/{run}/pending_deployments");
    assert_eq!(review(&sandbox, "yuki-token", "checkout", "approved").await.unwrap().status(), 422);
    assert_eq!(get(&sandbox, &path).await[0]["current_user_can_approve"], true);
    let id = get(&sandbox, &path).await[0]["environment"]["id"].clone();
    let body = json!({"environment_ids": [id], "state": "approved", "comment": ""});
    let first = ask(&sandbox, "demo-token", Method::POST, &path, Some(body.clone())).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.json::<serde_json::Value>().await.unwrap()[0]["environment"], "production");
    assert_eq!(ask(&sandbox, "omar-token", Method::POST, &path, Some(body)).await.status(), 422);
    let history = get(&sandbox, &format!("{REPO}/actions/runs/{run}/approvals")).await;
    assert_eq!(history[0]["user"]["login"], "mara");
}

#[tokio::test]
async fn whoever_started_a_run_may_not_review_it() {
    let sandbox = start("quiet");
    let dispatch = json!({"ref": "main", "inputs": {"version": "v2.14.1"}, "return_run_details": true});
    let path = format!("{REPO}/actions/workflows/deploy.yml/dispatches");
    let started = ask(&sandbox, "demo-token", Method::POST, &path, Some(dispatch)).await;
    assert_eq!(started.status(), 200);
    let run = started.json::<serde_json::Value>().await.unwrap()["workflow_run_id"].as_u64().unwrap();
    pass(&sandbox, 2);
    let gate = format!("{REPO}/actions/runs/{run}/pending_deployments");
    let waiting = get(&sandbox, &gate).await;
    assert_eq!(waiting[0]["current_user_can_approve"], false);
    let body =
        json!({"environment_ids": [waiting[0]["environment"]["id"]], "state": "approved", "comment": ""});
    assert_eq!(ask(&sandbox, "demo-token", Method::POST, &gate, Some(body.clone())).await.status(), 422);
    assert_eq!(ask(&sandbox, "omar-token", Method::POST, &gate, Some(body)).await.status(), 200);
    pass(&sandbox, 90);
    let running = sandbox.world().running("checkout", "production");
    assert_eq!(running.iter().map(|(tag, _)| tag.as_str()).collect::<Vec<_>>(), ["v2.14.1"]);
}

#[tokio::test]
async fn a_dispatch_is_refused_for_what_the_file_does_not_have() {
    let sandbox = start("quiet");
    let dispatches = |file: &str| format!("{REPO}/actions/workflows/{file}/dispatches");
    let post = async |file: &str, body| {
        ask(&sandbox, "demo-token", Method::POST, &dispatches(file), Some(body)).await
    };
    let version = json!({"version": "v2.14.1"});
    assert_eq!(post("deploy.yml", json!({"ref": "main", "inputs": version})).await.status(), 204);
    assert_eq!(post("release.yml", json!({"ref": "main"})).await.status(), 422);
    assert_eq!(post("nothing.yml", json!({"ref": "main"})).await.status(), 404);
    assert_eq!(post("deploy.yml", json!({"ref": "nowhere", "inputs": version})).await.status(), 422);
    assert_eq!(post("deploy.yml", json!({"ref": "main"})).await.status(), 422);
    assert_eq!(
        post("deploy.yml", json!({"ref": "main", "inputs": {"version": "v1", "x": "y"}})).await.status(),
        422
    );
}

#[tokio::test]
async fn a_rejected_gate_fails_the_run_and_a_rerun_asks_again() {
    let sandbox = start("release-day");
    let run = newest_run(&sandbox, "checkout").await;
    let here = format!("{REPO}/actions/runs/{run}");
    let too_early = ask(&sandbox, "demo-token", Method::POST, &format!("{here}/rerun"), None).await;
    assert_eq!(too_early.status(), 403);
    assert_eq!(review(&sandbox, "demo-token", "checkout", "rejected").await.unwrap().status(), 200);
    pass(&sandbox, 1);
    assert_eq!(get(&sandbox, &here).await["conclusion"], "failure");
    let failed = ask(&sandbox, "omar-token", Method::POST, &format!("{here}/rerun-failed-jobs"), None).await;
    assert_eq!(failed.status(), 201);
    pass(&sandbox, 3);
    let again = get(&sandbox, &here).await;
    assert_eq!((&again["run_attempt"], &again["status"]), (&json!(2), &json!("waiting")));
    assert_eq!(again["triggering_actor"]["login"], "omar");
    assert_eq!(get(&sandbox, &format!("{here}/pending_deployments")).await.as_array().unwrap().len(), 1);
    assert_eq!(get(&sandbox, &format!("{here}/attempts/1")).await["conclusion"], "failure");
    let latest = get(&sandbox, &format!("{here}/jobs")).await["total_count"].as_u64().unwrap();
    let all = get(&sandbox, &format!("{here}/jobs?filter=all")).await["total_count"].as_u64().unwrap();
    assert!(all > latest, "{all} {latest}");
}

#[tokio::test]
async fn a_cancelled_run_ends_and_cannot_be_cancelled_twice() {
    let sandbox = start("release-day");
    let run = newest_run(&sandbox, "ledger").await;
    let here = format!("/repos/acme/ledger/actions/runs/{run}");
    let cancel = format!("{here}/cancel");
    assert_eq!(ask(&sandbox, "demo-token", Method::POST, &cancel, None).await.status(), 202);
    pass(&sandbox, 2);
    assert_eq!(get(&sandbox, &here).await["conclusion"], "cancelled");
    assert_eq!(ask(&sandbox, "demo-token", Method::POST, &cancel, None).await.status(), 409);
}

#[tokio::test]
async fn a_comparison_names_exactly_what_would_ship() {
    let sandbox = start("release-day");
    let change = get(&sandbox, &format!("{REPO}/compare/v2.14.2...v2.15.0")).await;
    assert_eq!((&change["status"], &change["ahead_by"]), (&json!("ahead"), &json!(7)));
    let files: Vec<&str> =
        change["files"].as_array().unwrap().iter().filter_map(|f| f["filename"].as_str()).collect();
    assert!(files.contains(&"migrations/0042_cart_owner.sql") && files.contains(&"config/production.toml"));
    let back = get(&sandbox, &format!("{REPO}/compare/v2.15.0...v2.14.2")).await;
    assert_eq!((&back["status"], &back["behind_by"]), (&json!("behind"), &json!(7)));
}

#[tokio::test]
async fn a_commit_without_statuses_is_pending() {
    let sandbox = start("quiet");
    let status = get(&sandbox, &format!("{REPO}/commits/v2.14.2/status")).await;
    assert_eq!((&status["state"], &status["total_count"]), (&json!("pending"), &json!(0)));
    let checks = get(&sandbox, &format!("{REPO}/commits/v2.14.2/check-runs")).await;
    assert!(checks["total_count"].as_u64().unwrap() >= 6);
}

#[tokio::test]
async fn a_log_is_kept_at_another_host_for_one_minute_and_wants_no_token() {
    let sandbox = start("build-fails");
    let run = newest_run(&sandbox, "checkout").await;
    let jobs = get(&sandbox, &format!("{REPO}/actions/runs/{run}/jobs")).await;
    let e2e = jobs["jobs"].as_array().unwrap().iter().find(|job| job["name"] == "e2e").unwrap();
    assert_eq!(e2e["conclusion"], "failure");
    let path = format!("{REPO}/actions/jobs/{}/logs", e2e["id"]);
    let answer = ask(&sandbox, "demo-token", Method::GET, &path, None).await;
    assert_eq!(answer.status(), 302);
    let address = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(address.starts_with(&sandbox.urls().logs) && !address.starts_with(&sandbox.urls().github));
    let log = client().get(&address).send().await.unwrap();
    assert_eq!(log.status(), 200);
    assert!(log.text().await.unwrap().contains("##[error]Process completed with exit code 1."));
    let with_token = client().get(&address).bearer_auth("demo-token").send().await.unwrap();
    assert_eq!(with_token.status(), 400, "a credential is refused");
    let forged = client().get(format!("{address}0")).send().await.unwrap();
    assert_eq!(forged.status(), 403);
    pass(&sandbox, 61);
    assert_eq!(client().get(&address).send().await.unwrap().status(), 403, "its minute is over");
}
