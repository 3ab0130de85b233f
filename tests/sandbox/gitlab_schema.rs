//! Every answer of the GitLab dialect is valid by the description of its API.

use super::github_schema::check;
use super::{client, pass, start};
use gonogo::sandbox::Sandbox;
use gonogo::sandbox::gitlab::{DEVELOPER_TOKEN, OPERATOR_TOKEN};
use reqwest::Method;
use serde_json::{Value, json};

/// The one project of the day that is at GitLab.
const PROJECT: &str = "/api/v4/projects/acme%2Fbilling";

/// The description, as far as a release needs it.
fn description() -> Value {
    serde_json::from_str(include_str!("../data/gitlab-openapi-subset.json")).unwrap()
}

async fn asked(
    sandbox: &Sandbox,
    token: &str,
    (method, path): (Method, &str),
    body: Option<Value>,
) -> (u16, Value) {
    let request = client().request(method, format!("{}{path}", sandbox.urls().gitlab)).bearer_auth(token);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Asks, and holds the answer against the description.
async fn checked(sandbox: &Sandbox, what: (Method, &str), body: Option<Value>) -> (u16, Value) {
    let (status, answer) = asked(sandbox, OPERATOR_TOKEN, (what.0.clone(), what.1), body).await;
    check(&description(), &what.0, what.1, status, &answer);
    (status, answer)
}

async fn read(sandbox: &Sandbox, path: &str) -> Value {
    let (status, answer) = checked(sandbox, (Method::GET, path), None).await;
    assert_eq!(status, 200, "{path}");
    answer
}

/// The deployment that waits for approval, and its job.
async fn waiting(sandbox: &Sandbox) -> (u64, u64) {
    let path = format!("{PROJECT}/deployments?status=blocked&order_by=id&sort=desc");
    let blocked = read(sandbox, &path).await;
    let (deployment, job) = (&blocked[0]["id"], &blocked[0]["deployable"]["id"]);
    (deployment.as_u64().unwrap(), job.as_u64().unwrap())
}

#[tokio::test]
async fn every_read_answer_is_valid_by_the_description() {
    let sandbox = start("all-providers");
    let newest = read(&sandbox, &format!("{PROJECT}/pipelines?order_by=id&sort=desc")).await[0]["id"].clone();
    let (deployment, job) = waiting(&sandbox).await;
    for path in [
        format!("{PROJECT}/pipelines/{newest}"),
        format!("{PROJECT}/pipelines/{newest}/jobs?include_retried=true"),
        format!("{PROJECT}/pipelines/{newest}/bridges"),
        format!("{PROJECT}/jobs/{job}"),
        format!("{PROJECT}/deployments?environment=production&status=success&order_by=id&sort=desc"),
        format!("{PROJECT}/deployments/{deployment}"),
    ] {
        let answer = read(&sandbox, &path).await;
        let some = answer.as_array().is_none_or(|list| !list.is_empty()) || path.ends_with("/bridges");
        assert!(some, "{path} tells nothing");
    }
}

#[tokio::test]
async fn every_write_answer_and_every_refusal_is_valid_by_the_description() {
    let sandbox = start("all-providers");
    let (deployment, job) = waiting(&sandbox).await;
    let approval = format!("{PROJECT}/deployments/{deployment}/approval");
    let play = format!("{PROJECT}/jobs/{job}/play");
    let post = |path: &str, body: Value| {
        let path = path.to_owned();
        let sandbox = &sandbox;
        async move { checked(sandbox, (Method::POST, &path), Some(body)).await.0 }
    };
    assert_eq!(post(&play, json!({})).await, 400, "what waits for approval cannot be started");
    assert_eq!(post(&approval, json!({"status": "perhaps"})).await, 400);
    assert_eq!(post(&approval, json!({"status": "approved", "comment": "fine"})).await, 201);
    assert_eq!(post(&approval, json!({"status": "approved"})).await, 400, "each decides once");
    assert_eq!(post(&play, json!({})).await, 200);
    assert_eq!(post(&play, json!({})).await, 400, "it was started");
    pass(&sandbox, 1);
    let newest = read(&sandbox, &format!("{PROJECT}/pipelines?order_by=id&sort=desc")).await[0]["id"].clone();
    assert_eq!(post(&format!("{PROJECT}/pipelines/{newest}/cancel"), json!({})).await, 200);
    assert_eq!(post(&format!("{PROJECT}/pipelines/{newest}/retry"), json!({})).await, 201);
    assert_eq!(post(&format!("{PROJECT}/pipeline"), json!({"ref": "no-such-tag"})).await, 400);
    assert_eq!(post(&format!("{PROJECT}/pipeline"), json!({"ref": "v5.4.0"})).await, 201);
    for (token, path, wanted) in [
        (DEVELOPER_TOKEN, format!("{PROJECT}/deployments/1"), 404),
        ("no-token", format!("{PROJECT}/pipelines"), 401),
    ] {
        let (status, answer) = asked(&sandbox, token, (Method::GET, &path), None).await;
        assert_eq!(status, wanted, "{path}");
        check(&description(), &Method::GET, &path, status, &answer);
    }
}

#[test]
fn the_description_refuses_what_is_not_gitlabs() {
    let pipeline = json!({"id": "nine", "status": "success"});
    let checks =
        || check(&description(), &Method::GET, &format!("{PROJECT}/pipelines"), 200, &json!([pipeline]));
    assert!(std::panic::catch_unwind(checks).is_err(), "an id is a number");
}
