//! The oddities of Terraform's and AWX's dialects, by name.

use gonogo::sandbox::{Clock, Options, Sandbox, Scenario, awx, terraform_cloud as terraform};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::time::Duration;

use crate::client;

const JSON_API: &str = "application/vnd.api+json";

/// Lets time pass at the two.
fn pass(sandbox: &Sandbox, seconds: u64) {
    sandbox.world().advance_ci(Duration::from_secs(seconds));
}

/// A world with one service at each of the two.
fn start() -> Sandbox {
    let service = |name: &str, ci: &str| {
        format!(
            r#"
[[service]]
name = "{name}"
ci = "{ci}"
ticket = "SHOP"
live = "v1.1.0"
staging = "v1.2.0"
tags = ["v1.0.0", "v1.1.0", "v1.2.0"]
replicas = 2
errors = 0.1
latency = 100.0
rate = 10.0
run = "waiting"
commits = [{{ by = "omar", message = "feat: more (SHOP-1)", file = "src/more.rs" }}]
"#
        )
    };
    let services = service("network", "terraform-cloud") + &service("shop", "awx");
    let text = format!("title = \"Two\"\nteach = \"Dialects.\"\n{services}[drill]\ntask = \"None.\"\n");
    let options = Options { clock: Clock::Manual, ..Options::default() };
    Sandbox::start(Scenario::parse("two", &text).unwrap(), options).unwrap()
}

fn at_terraform(sandbox: &Sandbox, token: &str, method: Method, path: &str) -> RequestBuilder {
    client().request(method, format!("{}{path}", sandbox.urls().terraform_cloud)).bearer_auth(token)
}

async fn read(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// The run that waits.
async fn waiting(sandbox: &Sandbox, token: &str) -> Value {
    let list = at_terraform(sandbox, token, Method::GET, "/workspaces/ws-0000000000000001/runs?include=plan");
    read(list).await["data"][0].clone()
}

async fn act(sandbox: &Sandbox, token: &str, run: &str, action: &str) -> Response {
    let path = format!("/runs/{run}/actions/{action}");
    let request = at_terraform(sandbox, token, Method::POST, &path).header("content-type", JSON_API);
    request.body(r#"{"comment":"from the test"}"#).send().await.unwrap()
}

async fn title(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["errors"][0]["title"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn terraform_queues_and_refuses_whoever_comes_second() {
    let sandbox = start();
    let run = waiting(&sandbox, terraform::OPERATOR_TOKEN).await;
    let id = run["id"].as_str().unwrap();
    assert_eq!(run["attributes"]["actions"]["is-confirmable"], true);
    assert_eq!(
        run["attributes"]["actions"]["is-cancelable"], false,
        "what waits is discarded, not cancelled"
    );
    let (status, why) = title(act(&sandbox, terraform::OPERATOR_TOKEN, id, "cancel").await).await;
    assert_eq!((status, why.as_str()), (409, "run was not planning or applying; cancel not allowed"));
    let response = act(&sandbox, terraform::OTHER_TOKEN, id, "apply").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (202, ""));
    let before = waiting(&sandbox, terraform::OPERATOR_TOKEN).await;
    assert_eq!(before["attributes"]["actions"]["is-confirmable"], true, "queued is not done");
    assert_eq!(act(&sandbox, terraform::OPERATOR_TOKEN, id, "apply").await.status(), 409);
    pass(&sandbox, 3);
    let after = waiting(&sandbox, terraform::OPERATOR_TOKEN).await;
    assert_eq!(after["attributes"]["status"], "applying");
    assert!(after["relationships"]["confirmed-by"]["data"]["id"].is_string());
}

#[tokio::test]
async fn terraform_takes_json_api_only_and_hides_what_a_token_may_not_do() {
    let sandbox = start();
    let run = waiting(&sandbox, terraform::READER_TOKEN).await;
    let id = run["id"].as_str().unwrap();
    assert_eq!(run["attributes"]["permissions"]["can-apply"], false);
    let path = format!("/runs/{id}/actions/apply");
    let plain = at_terraform(&sandbox, terraform::OPERATOR_TOKEN, Method::POST, &path).json(&json!({}));
    assert_eq!(plain.send().await.unwrap().status(), 415);
    for token in [terraform::READER_TOKEN, terraform::ORGANIZATION_TOKEN] {
        assert_eq!(title(act(&sandbox, token, id, "apply").await).await, (404, "not found".to_owned()));
    }
    assert_eq!(title(act(&sandbox, "nobody's", id, "apply").await).await.0, 401);
    let account = at_terraform(&sandbox, terraform::ORGANIZATION_TOKEN, Method::GET, "/account/details");
    let kind = &read(account).await["data"]["relationships"]["authenticated-resource"]["data"]["type"];
    assert_eq!(kind, "organizations");
}

#[tokio::test]
async fn a_plan_in_json_is_its_administrators_for_a_minute_and_takes_no_token() {
    let sandbox = start();
    let run = waiting(&sandbox, terraform::OPERATOR_TOKEN).await;
    let plan = run["relationships"]["plan"]["data"]["id"].as_str().unwrap();
    let path = format!("/plans/{plan}/json-output");
    let hidden = at_terraform(&sandbox, terraform::OTHER_TOKEN, Method::GET, &path).send().await.unwrap();
    assert_eq!(hidden.status(), 404);
    let there = at_terraform(&sandbox, terraform::OPERATOR_TOKEN, Method::GET, &path).send().await.unwrap();
    assert_eq!(there.status(), 307);
    let address = there.headers()["location"].to_str().unwrap().to_owned();
    let with = client().get(&address).bearer_auth(terraform::OPERATOR_TOKEN).send().await.unwrap();
    assert_eq!(with.status(), 400, "a store wants no credential besides the address");
    assert!(
        client().get(&address).send().await.unwrap().text().await.unwrap().contains(terraform::SENSITIVE)
    );
    pass(&sandbox, 62);
    assert_eq!(client().get(&address).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn lists_of_runs_have_a_limit_of_their_own() {
    let sandbox = start();
    let path = "/workspaces/ws-0000000000000001/runs";
    let ask = || at_terraform(&sandbox, terraform::OPERATOR_TOKEN, Method::GET, path).send();
    let mut statuses = Vec::new();
    for _ in 0..31 {
        statuses.push(ask().await.unwrap().status().as_u16());
    }
    assert!(statuses.iter().take(30).all(|status| *status == 200), "{statuses:?}");
    let refused = ask().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers()["x-ratelimit-reset"].to_str().unwrap().contains('.'));
    pass(&sandbox, 60);
    assert_eq!(ask().await.unwrap().status(), 200);
}

async fn at_awx(sandbox: &Sandbox, token: &str, method: Method, path: &str) -> Response {
    client().request(method, format!("{}{path}", sandbox.urls().awx)).bearer_auth(token).send().await.unwrap()
}

/// The approval that waits.
async fn approval(sandbox: &Sandbox, token: &str) -> Value {
    let list = at_awx(sandbox, token, Method::GET, "/workflow_approvals/?status=pending").await;
    list.json::<Value>().await.unwrap()["results"][0].clone()
}

#[tokio::test]
async fn awx_decides_at_once_and_refuses_whoever_comes_second_or_may_not() {
    let sandbox = start();
    let waits = approval(&sandbox, awx::READER_TOKEN).await;
    assert_eq!(waits["can_approve_or_deny"], false);
    let path = format!("/workflow_approvals/{}/approve/", waits["id"]);
    assert_eq!(at_awx(&sandbox, awx::READER_TOKEN, Method::POST, &path).await.status(), 403);
    assert_eq!(at_awx(&sandbox, awx::OTHER_TOKEN, Method::POST, &path).await.status(), 204);
    let second = at_awx(&sandbox, awx::OPERATOR_TOKEN, Method::POST, &path).await;
    assert_eq!(second.status(), 400);
    let body: Value = second.json().await.unwrap();
    assert_eq!(body, json!({"error": "This workflow step has already been approved or denied."}));
    let detail =
        at_awx(&sandbox, awx::OPERATOR_TOKEN, Method::GET, &format!("/workflow_approvals/{}/", waits["id"]))
            .await;
    let detail: Value = detail.json().await.unwrap();
    assert_eq!(
        (&detail["status"], &detail["summary_fields"]["approved_or_denied_by"]["username"]),
        (&json!("successful"), &json!("omar"))
    );
    let unknown = at_awx(&sandbox, awx::OPERATOR_TOKEN, Method::POST, "/workflow_approvals/5/approve/").await;
    assert_eq!(unknown.status(), 400, "what there is not is a bad request, here");
    assert_eq!(at_awx(&sandbox, "nobody's", Method::GET, "/me/").await.status(), 401);
}

#[tokio::test]
async fn what_has_no_slash_is_redirected_and_lists_come_in_pages() {
    let sandbox = start();
    let bare = at_awx(&sandbox, awx::OPERATOR_TOKEN, Method::POST, "/workflow_approvals/1/approve").await;
    assert_eq!(bare.status(), 301);
    let list = at_awx(
        &sandbox,
        awx::OPERATOR_TOKEN,
        Method::GET,
        "/workflow_job_templates/10/workflow_jobs/?page_size=1",
    )
    .await;
    let list: Value = list.json().await.unwrap();
    assert_eq!((list["count"].as_u64(), list["results"].as_array().unwrap().len()), (Some(2), 1));
    assert!(list["next"].as_str().unwrap().starts_with("/api/v2/workflow_job_templates/10/"));
    let beyond = at_awx(
        &sandbox,
        awx::OPERATOR_TOKEN,
        Method::GET,
        "/workflow_job_templates/10/workflow_jobs/?page=3",
    )
    .await;
    assert_eq!(beyond.status(), 404);
}

#[tokio::test]
async fn an_approval_that_nobody_gives_runs_out_of_time_and_what_has_ended_is_not_cancelled() {
    let sandbox = start();
    let waits = approval(&sandbox, awx::OPERATOR_TOKEN).await;
    let run = &waits["summary_fields"]["source_workflow_job"]["id"];
    pass(&sandbox, 8 * 3_600 + 10);
    let late =
        at_awx(&sandbox, awx::OPERATOR_TOKEN, Method::GET, &format!("/workflow_approvals/{}/", waits["id"]))
            .await;
    let late: Value = late.json().await.unwrap();
    assert_eq!((&late["status"], &late["timed_out"]), (&json!("failed"), &json!(true)));
    let path = format!("/workflow_jobs/{run}/cancel/");
    assert_eq!(at_awx(&sandbox, awx::OPERATOR_TOKEN, Method::POST, &path).await.status(), 405);
}
