//! The embedded world, asked over loopback like any stranger would: the oddities of every dialect by name, every
//! scenario's story, and that nothing is left when it ends.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected stops"
)]

mod alerting;
mod faults;
mod gates;
mod github;
mod github_schema;
mod gitlab_schema;
mod house;
mod lanes;
mod stories;

use gonogo::sandbox::{Clock, Options, Sandbox, Scenario};
use reqwest::{Client, Method, Response};
use serde_json::Value;
use std::time::Duration;

/// A world whose clock only the test moves.
pub(crate) fn start(scenario: &str) -> Sandbox {
    let options = Options { clock: Clock::Manual, ..Options::default() };
    Sandbox::start(Scenario::named(scenario).unwrap(), options).unwrap()
}

/// A client that no proxy of the environment can mislead.
pub(crate) fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("gonogo-tests")
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// Lets the world's time pass.
pub(crate) fn pass(sandbox: &Sandbox, seconds: u64) {
    sandbox.world().advance(Duration::from_secs(seconds));
}

/// Asks the GitHub API as somebody.
pub(crate) async fn ask(
    sandbox: &Sandbox,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Response {
    let request = client().request(method, format!("{}{path}", sandbox.urls().github)).bearer_auth(token);
    let request =
        request.header("accept", "application/vnd.github+json").header("x-github-api-version", "2022-11-28");
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    request.send().await.unwrap()
}

/// What the operator reads at the GitHub API.
pub(crate) async fn get(sandbox: &Sandbox, path: &str) -> Value {
    let response = ask(sandbox, "demo-token", Method::GET, path, None).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

/// The id of the newest release run of a service.
pub(crate) async fn newest_run(sandbox: &Sandbox, service: &str) -> u64 {
    let runs = get(sandbox, &format!("/repos/acme/{service}/actions/workflows/release.yml/runs")).await;
    runs["workflow_runs"][0]["id"].as_u64().unwrap()
}

/// The status of the operator's review of production.
pub(crate) async fn review(
    sandbox: &Sandbox,
    token: &str,
    service: &str,
    state: &str,
) -> reqwest::Result<Response> {
    let run = newest_run(sandbox, service).await;
    let path = format!("/repos/acme/{service}/actions/runs/{run}/pending_deployments");
    let gates = get(sandbox, &path).await;
    let id = gates[0]["environment"]["id"].clone();
    let body = serde_json::json!({"environment_ids": [id], "state": state, "comment": "from the test"});
    client().post(format!("{}{path}", sandbox.urls().github)).bearer_auth(token).json(&body).send().await
}
