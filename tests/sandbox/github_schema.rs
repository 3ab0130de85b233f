//! Every answer of the GitHub dialect is valid by the published description.

use super::{ask, get, newest_run, pass, review, start};
use gonogo::sandbox::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};

/// The published description, as far as a release needs it.
pub(super) fn description() -> Value {
    serde_json::from_str(include_str!("../data/github-openapi-subset.json")).unwrap()
}

/// The description's path and schema for an actual request.
fn schema(description: &Value, method: &Method, path: &str, status: u16) -> Option<Value> {
    let path = path.split('?').next().unwrap();
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let words: Vec<&str> = template.split('/').collect();
        words.len() == segments.len()
            && words.iter().zip(&segments).all(|(word, segment)| word.starts_with('{') || word == segment)
    };
    // The template with the fewest placeholders is the one that is meant.
    let paths = description["paths"].as_object().unwrap();
    let template = paths.keys().filter(|template| fits(template)).min_by_key(|t| t.matches('{').count())?;
    let method = method.as_str().to_lowercase();
    let mut answer = &description["paths"][template][&method]["responses"][status.to_string()];
    if let Some(name) = answer["$ref"].as_str() {
        answer = &description["components"]["responses"][name.rsplit('/').next().unwrap()];
    }
    let schema = answer["content"]["application/json"]["schema"].clone();
    (!schema.is_null()).then(|| json!({"allOf": [schema], "components": description["components"]}))
}

/// Fails with the first thing that the description does not allow.
pub(super) fn check(description: &Value, method: &Method, path: &str, status: u16, body: &Value) {
    let schema = schema(description, method, path, status)
        .unwrap_or_else(|| panic!("{method} {path} {status} is not described"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    if let Err(error) = validator.validate(body) {
        panic!("{method} {path} {status}: {error} at {}", error.instance_path());
    }
}

pub(super) async fn checked(
    sandbox: &Sandbox,
    description: &Value,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Value {
    let response = ask(sandbox, "demo-token", method.clone(), path, body).await;
    let status = response.status().as_u16();
    let answer: Value = response.json().await.unwrap();
    check(description, &method, path, status, &answer);
    answer
}

#[tokio::test]
async fn every_read_answer_is_valid_by_the_published_description() {
    let sandbox = start("release-day");
    let description = description();
    let run = newest_run(&sandbox, "checkout").await;
    let repo = "/repos/acme/checkout";
    let jobs = get(&sandbox, &format!("{repo}/actions/runs/{run}/jobs")).await;
    let job = jobs["jobs"][0]["id"].as_u64().unwrap();
    let deployments = get(&sandbox, &format!("{repo}/deployments")).await;
    let deployment = deployments[0]["id"].as_u64().unwrap();
    let release = get(&sandbox, &format!("{repo}/releases")).await[0]["id"].as_u64().unwrap();
    let paths = [
        "/user".to_owned(),
        "/rate_limit".to_owned(),
        "/versions".to_owned(),
        repo.to_owned(),
        format!("{repo}/actions/runs"),
        format!("{repo}/actions/runs/{run}"),
        format!("{repo}/actions/runs/{run}/attempts/1"),
        format!("{repo}/actions/runs/{run}/attempts/1/jobs"),
        format!("{repo}/actions/runs/{run}/jobs?filter=all"),
        format!("{repo}/actions/runs/{run}/approvals"),
        format!("{repo}/actions/runs/{run}/pending_deployments"),
        format!("{repo}/actions/runs/{run}/artifacts"),
        format!("{repo}/actions/jobs/{job}"),
        format!("{repo}/actions/workflows"),
        format!("{repo}/actions/workflows/release.yml"),
        format!("{repo}/actions/workflows/release.yml/runs"),
        format!("{repo}/deployments"),
        format!("{repo}/deployments/{deployment}"),
        format!("{repo}/environments"),
        format!("{repo}/environments/production"),
        format!("{repo}/environments/production/deployment_protection_rules"),
        format!("{repo}/releases"),
        format!("{repo}/releases/latest"),
        format!("{repo}/releases/{release}"),
        format!("{repo}/releases/tags/v2.14.2"),
        format!("{repo}/git/ref/tags%2Fv2.14.2").replace("%2F", "%2f"),
        format!("{repo}/tags"),
        format!("{repo}/commits/v2.15.0/status"),
        format!("{repo}/commits/v2.15.0/check-runs"),
        format!("{repo}/compare/v2.14.2...v2.15.0"),
    ];
    for path in paths {
        checked(&sandbox, &description, Method::GET, &path, None).await;
    }
}

#[tokio::test]
async fn deployment_statuses_are_valid_but_for_the_state_that_the_description_forgets() {
    let sandbox = start("release-day");
    let description = description();
    let deployments = get(&sandbox, "/repos/acme/checkout/deployments?environment=production").await;
    let mut states = Vec::new();
    for deployment in deployments.as_array().unwrap() {
        let path = format!("/repos/acme/checkout/deployments/{}/statuses", deployment["id"]);
        let mut statuses = get(&sandbox, &path).await;
        for status in statuses.as_array_mut().unwrap() {
            states.push(status["state"].as_str().unwrap().to_owned());
            if status["state"] == "waiting" {
                status["state"] = "queued".into();
            }
        }
        check(&description, &Method::GET, &path, 200, &statuses);
    }
    assert_eq!(states.first().map(String::as_str), Some("waiting"), "the newest is not live: {states:?}");
}

#[tokio::test]
async fn every_write_answer_is_valid_by_the_published_description() {
    let sandbox = start("release-day");
    let description = description();
    let repo = "/repos/acme/checkout";
    let run = newest_run(&sandbox, "checkout").await;
    let gates = get(&sandbox, &format!("{repo}/actions/runs/{run}/pending_deployments")).await;
    let environment = gates[0]["environment"]["id"].clone();
    let head = get(&sandbox, &format!("{repo}/compare/v2.14.2...main")).await["commits"][0]["sha"].clone();
    let deploy = json!({"ref": "main", "inputs": {"version": "v2.14.1"}, "return_run_details": true});
    let building = newest_run(&sandbox, "ledger").await;
    let writes = [
        (
            format!("{repo}/actions/runs/{run}/pending_deployments"),
            json!({"environment_ids": [environment], "state": "approved", "comment": ""}),
        ),
        (format!("{repo}/actions/workflows/deploy.yml/dispatches"), deploy),
        (format!("{repo}/releases/generate-notes"), json!({"tag_name": "v2.15.0"})),
        (format!("{repo}/releases"), json!({"tag_name": "v2.15.0", "generate_release_notes": true})),
        (format!("{repo}/releases"), json!({"tag_name": "v2.15.0"})),
        (
            format!("{repo}/git/tags"),
            json!({"tag": "v9.0.0", "message": "nine", "object": head, "type": "commit"}),
        ),
        (format!("{repo}/git/refs"), json!({"ref": "refs/tags/v9.0.0", "sha": head})),
        (format!("{repo}/git/refs"), json!({"ref": "refs/tags/v9.0.0", "sha": head})),
        (format!("/repos/acme/ledger/actions/runs/{building}/cancel"), json!({})),
    ];
    for (path, body) in writes {
        checked(&sandbox, &description, Method::POST, &path, Some(body)).await;
    }
    pass(&sandbox, 3);
    for action in ["cancel", "rerun"] {
        let path = format!("/repos/acme/ledger/actions/runs/{building}/{action}");
        checked(&sandbox, &description, Method::POST, &path, Some(json!({}))).await;
    }
    let history = format!("{repo}/actions/runs/{run}/approvals");
    checked(&sandbox, &description, Method::GET, &history, None).await;
}

#[tokio::test]
async fn refusals_have_the_shape_of_refusals() {
    let sandbox = start("release-day");
    let description = description();
    let missing = ask(&sandbox, "demo-token", Method::GET, "/repos/acme/nothing", None).await;
    assert_eq!(missing.status(), 404);
    check(&description, &Method::GET, "/repos/acme/nothing", 404, &missing.json().await.unwrap());
    let bad = ask(&sandbox, "wrong-token", Method::GET, "/user", None).await;
    assert_eq!(bad.status(), 401);
    check(&description, &Method::GET, "/user", 401, &bad.json().await.unwrap());
    assert_eq!(review(&sandbox, "nils-token", "checkout", "approved").await.unwrap().status(), 403);
}
