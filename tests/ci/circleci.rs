//! CircleCI: approvals that wait in any state of a workflow, reruns as new workflows, limits, logs and tests.

use std::time::Duration;

use gonogo::domain::{Cause, Promise, Reached, Retry, RunState, Settings, Target, Verb};
use serde_json::json;

use crate::recorded::circleci::*;
use crate::scripted::Reply;
use crate::world::{
    NEW, SECRET, approve, carry_out, credential_only_in, intent, lines, log, look, only, remarks, requests,
    run, runs, seen, version,
};

#[tokio::test]
async fn an_approval_is_found_while_its_workflow_waits_runs_or_fails_elsewhere() {
    for status in ["on_hold", "running", "failing"] {
        let server = project(&[workflow("w-1", status, "2026-08-20T09:00:00Z")], &jobs()).await;
        let shop = shop(&server);
        let seen = seen(&shop).await;
        let gate = only(&seen);
        assert_eq!(gate.environment.as_ref().unwrap().as_str(), "production", "{status}");
        assert_eq!(runs(&seen)[0].state, RunState::WaitingForHuman, "{status}");
        let names: Vec<_> = runs(&seen)[0].jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["build", "hold-production"], "what is needed comes first");
        let plan = shop.prepare(&approve(gate)).await.unwrap();
        assert_eq!(requests(&plan), ["POST /workflow/w-1/approve/request-hold-production"]);
        let reject = intent("circleci", Verb::Reject, Target::Gate(gate.key.clone()));
        assert_eq!(requests(&shop.prepare(&reject).await.unwrap()), ["POST /jobs/hold-production/cancel"]);
        credential_only_in(&server, "authorization");
    }
}

#[tokio::test]
async fn a_rerun_is_a_new_workflow_and_the_newest_of_its_name_counts() {
    let both = [
        workflow("w-2", "on_hold", "2026-08-20T09:30:00Z"),
        workflow("w-1", "failed", "2026-08-20T09:00:00Z"),
    ];
    let server = project(&both, &jobs()).await;
    let shop = shop(&server);
    let seen = seen(&shop).await;
    let gate = only(&seen);
    assert_eq!((gate.key.run.id.as_str(), gate.key.attempt), ("w-2", 2));
    assert_eq!(runs(&seen).len(), 1);
    let again = intent("circleci", Verb::Rerun, Target::Run(run("circleci", "w-1")));
    let plan = shop.prepare(&again).await.unwrap();
    assert_eq!(requests(&plan), [r#"POST /workflow/w-1/rerun {"from_failed":true}"#]);
    match &plan.promise {
        Promise::RunAppeared { before, .. } => assert_eq!(before.len(), 2, "{before:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_pipeline_of_a_github_app_tells_its_commit_elsewhere_and_an_errored_one_says_why() {
    let server = project(&[workflow("w-1", "on_hold", "2026-08-20T09:00:00Z")], &jobs()).await;
    let mut app = a_pipeline();
    app.as_object_mut().unwrap().remove("vcs");
    app["trigger_parameters"] =
        json!({"git": {"branch": "main", "checkout_sha": NEW, "commit_title": "feat: more"}, "circleci": {}});
    let errored = json!({"id": "p-2", "number": 51, "state": "errored",
        "errors": [{"type": "config", "message": "Unknown job deplyo"}]});
    server.get(&format!("{PROJECT}/pipeline"), &page(&[errored, app]));
    server.get(&format!("{API}/pipeline/p-2/workflow"), &page(&[]));
    let seen = seen(&shop(&server)).await;
    let gate = only(&seen);
    assert_eq!((gate.revision.as_str(), gate.run_title.as_str()), (NEW, "feat: more"));
    assert!(remarks(&seen).contains("Unknown job deplyo"), "{}", remarks(&seen));
}

#[tokio::test]
async fn a_project_token_is_told_to_be_one_and_patience_counts_from_now() {
    let server = project(&[], &[]).await;
    server.reply(
        "GET",
        &format!("{API}/me"),
        Reply::json(401, &json!({"message": "Invalid token provided."})),
    );
    let fault = look(&shop(&server)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unauthorized);
    assert!(fault.hint.unwrap().as_str().contains("project tokens do not work"));
    let server = project(&[], &[]).await;
    let reply = Reply::json(429, &json!({"message": "Rate limit exceeded."})).with("x-ratelimit-reset", "17");
    server.reply("GET", &format!("{PROJECT}/pipeline"), reply);
    let fault = look(&shop(&server)).await.unwrap_err();
    assert_eq!(fault.retry, Retry::After(Duration::from_secs(17)), "{fault:?}");
}

#[tokio::test]
async fn what_was_decided_by_another_is_told_with_the_name() {
    let server = project(&[workflow("w-1", "on_hold", "2026-08-20T09:00:00Z")], &jobs()).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let mut decided = jobs();
    decided[0]["status"] = json!("success");
    decided[0]["approved_by"] = json!("u-9");
    server.get(&format!("{API}/workflow/w-1/job"), &page(&decided));
    server.get(&format!("{API}/user/u-9"), &json!({"id": "u-9", "login": "omar", "name": "Omar"}));
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
    assert!(fault.to_string().contains("approved by omar"), "{fault}");
    let seen = seen(&shop).await;
    assert_eq!(runs(&seen)[0].reviews[0].by, "omar");
}

#[tokio::test]
async fn a_workflow_of_another_project_is_not_touched() {
    let mut other = workflow("w-1", "on_hold", "2026-08-20T09:00:00Z");
    other["project_slug"] = json!("gh/acme/billing");
    let server = project(&[other], &jobs()).await;
    let cancel = intent("circleci", Verb::Cancel, Target::Run(run("circleci", "w-1")));
    let fault = shop(&server).prepare(&cancel).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let server = project(&[workflow("w-1", "on_hold", "2026-08-20T09:00:00Z")], &[]).await;
    let first = json!({"items": [jobs()[1]], "next_page_token": "next"});
    server.get(&format!("{API}/workflow/w-1/job"), &first);
    server.get(&format!("{API}/workflow/w-1/job?page-token=next"), &page(&jobs()[..1]));
    assert_eq!(only(&seen(&shop(&server)).await).key.id, "hold-production");
}

#[tokio::test]
async fn a_version_is_shipped_by_its_tag_or_through_its_definition() {
    let server = project(&[], &[]).await;
    let ship = |tag| intent("circleci", Verb::Promote, version(tag));
    let plan = shop(&server).prepare(&ship(Some("v2.8.0"))).await.unwrap();
    let body = r#"{"parameters":{"version":"v2.8.0"},"tag":"v2.8.0"}"#;
    assert_eq!(requests(&plan), [format!("POST /project/gh/acme/shop/pipeline {body}")]);
    assert!(shop(&server).prepare(&ship(None)).await.is_err(), "no version, no pipeline");
    let definition = Settings::default().with_text("definition", "def-1").with_text("branch", "main");
    let plan = shop_with(&server, definition).prepare(&ship(Some("v2.8.0"))).await.unwrap();
    let body = r#"{"checkout":{"branch":"main"},"config":{"branch":"main"},"definition_id":"def-1","parameters":{}}"#;
    assert_eq!(requests(&plan), [format!("POST /project/gh/acme/shop/pipeline/run {body}")]);
    assert!(!plan.hazards.is_empty(), "a branch may move");
    // What was started may not be told; that it was taken is.
    server.reply("POST", &format!("{PROJECT}/pipeline/run"), Reply::json(201, &json!({})));
    carry_out(&shop(&server), &plan).await.unwrap();
}

#[tokio::test]
async fn a_log_is_fetched_from_its_store_without_the_token() {
    let server = project(&[workflow("w-1", "running", "2026-08-20T09:00:00Z")], &jobs()).await;
    let store = crate::world::server().await;
    store.get("/out?sig=abc", &json!([{"message": "compiling\r\n", "type": "out"}, {"message": "done\r\n"}]));
    let told = json!({"steps": [{"name": "build", "actions": [
        {"name": "make", "status": "success", "output_url": format!("{}/out?sig=abc", store.url)},
        {"name": "quiet", "status": "success", "output_url": null}]}]});
    server.get("/api/v1.1/project/gh/acme/shop/7", &told);
    let answer = log(&shop(&server), run("circleci", "w-1"), "build").await;
    let text = lines(&answer);
    assert!(text.contains("compiling") && text.contains("done") && text.contains("make"), "{text}");
    let asked = store.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].headers.values().all(|value| !value.contains(SECRET)), "{asked:?}");
}

#[tokio::test]
async fn the_results_of_all_jobs_are_one_report_and_a_word_that_is_not_known_is_no_success() {
    let done = [job("build", "build", "failed", &[])];
    let server = project(&[workflow("w-1", "failed", "2026-08-20T09:00:00Z")], &done).await;
    let test = |name: &str, result: &str| json!({"name": name, "classname": "a", "result": result, "message": "\n odd\nmore"});
    let tests =
        [test("one", "success"), test("two", "failure"), test("three", "flaky"), test("four", "skipped")];
    server.get(&format!("{PROJECT}/7/tests"), &page(&tests));
    let seen = seen(&shop(&server)).await;
    let report = runs(&seen)[0].tests.clone().unwrap();
    assert_eq!((report.passed, report.failed, report.skipped), (1, 2, 1));
    assert_eq!((report.failures[0].name.as_str(), report.failures[0].says.as_str()), ("two", "odd"));
}
