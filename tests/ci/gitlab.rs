//! GitLab: gates that hide, quorums, retries, refusals in every shape, what is started and what is read.

use std::time::Duration;

use gonogo::domain::log::LogAnswer;
use gonogo::domain::{Cause, Decision, Promise, Reached, Retry, RunState, Target, Verb};
use serde_json::json;

use crate::recorded::gitlab::*;
use crate::scripted::Reply;
use crate::world::{
    NEW, OLD, approve, carry_out, credential_only_in, intent, lines, log, look, only, remarks, requests, run,
    runs, seen, text, version,
};

#[tokio::test]
async fn a_deployment_that_waits_is_a_gate_even_if_its_pipeline_has_left_the_list() {
    let server = blocked(1).await;
    server.get(&format!("{PROJECT}/pipelines"), &json!([one(200, "success", OLD)]));
    server.get(&format!("{PROJECT}/pipelines/200/jobs"), &json!([]));
    server.get(&format!("{PROJECT}/pipelines/200/bridges"), &json!([]));
    let seen = seen(&shop(&server)).await;
    let gate = only(&seen);
    assert_eq!((gate.key.run.id.as_str(), gate.key.id.as_str()), ("100", "deployment:5"));
    assert_eq!(gate.environment.as_ref().unwrap().as_str(), "production");
    credential_only_in(&server, "authorization");
}

#[tokio::test]
async fn pipelines_left_at_their_manual_jobs_ask_nobody_once_a_newer_one_does() {
    let left = [one(3, "manual", NEW), one(2, "manual", OLD), one(1, "manual", OLD)];
    let server = project(&left, &[job(11, "deploy production", "deploy", "manual")]).await;
    let seen = seen(&shop(&server)).await;
    assert_eq!(only(&seen).key.run.id, "3");
    assert!(only(&seen).no_reject.is_some(), "a manual job cannot be rejected");
    assert!(remarks(&seen).starts_with("2 older pipelines"), "{}", remarks(&seen));
}

#[tokio::test]
async fn an_optional_manual_job_is_found_although_its_pipeline_has_passed() {
    let server =
        project(&[one(3, "success", NEW)], &[job(11, "deploy production", "deploy", "manual")]).await;
    let seen = seen(&shop(&server)).await;
    assert_eq!(only(&seen).key.id, "job:11");
    assert_eq!(runs(&seen)[0].state, RunState::Passed);
}

#[tokio::test]
async fn the_last_approval_starts_the_job_and_no_other_does() {
    for (pending, count) in [(2, 1), (1, 2)] {
        let server = blocked(pending).await;
        let shop = shop(&server);
        let gate = only(&seen(&shop).await).clone();
        let quorum = gate.quorum.as_ref().unwrap();
        assert_eq!((quorum.given, quorum.needed), (0, pending));
        let plan = shop.prepare(&approve(&gate)).await.unwrap();
        let approval = r#"POST /projects/acme%2Fshop/deployments/5/approval {"comment":"canary clean","status":"approved"}"#;
        let both = [approval.to_owned(), "POST /projects/acme%2Fshop/jobs/11/play".to_owned()];
        assert_eq!(requests(&plan), both[..count]);
        match (&plan.promise, pending) {
            (Promise::Reviewed { missing: 1, reviews_before: 0, decision: Decision::Approved, .. }, 2)
            | (Promise::GateDecided { decision: Decision::Approved, .. }, 1) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_retry_keeps_the_pipeline_and_a_gate_of_the_try_before_is_void() {
    let server = blocked(1).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let again = [
        job(12, "deploy", "deploy", "manual"),
        job(11, "deploy", "deploy", "failed"),
        job(10, "build", "build", "success"),
    ];
    server.get(&format!("{PROJECT}/pipelines/100/jobs"), &json!(again));
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    assert!(fault.to_string().contains("attempt 2"), "{fault}");
}

#[tokio::test]
async fn a_refusal_says_what_gitlab_said_in_whatever_shape_and_is_no_acceptance() {
    for (status, body, said) in [
        (400, json!({"message": "You cannot approve your own deployment."}), "your own deployment"),
        (400, json!({"message": {"base": ["Already decided"], "name": ["is odd"]}}), "Already decided"),
        (400, json!({"error": "status does not have a valid value"}), "valid value"),
        (403, json!({"message": "403 Forbidden"}), "api to act"),
        (404, json!({"message": "404 Not found"}), "hidden from this token"),
    ] {
        let server = blocked(1).await;
        let shop = shop(&server);
        let gate = only(&seen(&shop).await).clone();
        let plan = shop.prepare(&approve(&gate)).await.unwrap();
        let path = format!("{PROJECT}/deployments/5/approval");
        server.reply("POST", &path, Reply::json(status, &body));
        server.asked();
        let fault = carry_out(&shop, &plan).await.unwrap_err();
        assert_eq!(fault.reached, Reached::No, "{fault:?}");
        let text = format!("{fault} {:?}", fault.hint);
        assert!(text.contains(said), "{text}");
        let posts = server.asked().into_iter().filter(|asked| asked.method == "POST").count();
        assert_eq!(posts, 1, "the job of a refused approval is not started");
    }
}

#[tokio::test]
async fn patience_is_asked_for_in_plain_text_with_the_time_in_a_header() {
    let server = project(&[], &[]).await;
    let until = crate::world::now().as_second() + 42;
    let reply = text(429, "Retry later\n").with("ratelimit-reset", until.to_string());
    server.reply("GET", &format!("{PROJECT}/pipelines"), reply);
    let fault = look(&shop(&server)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::RateLimited, "{fault}");
    assert_eq!(fault.retry, Retry::After(Duration::from_secs(42)));
}

#[tokio::test]
async fn a_version_is_shipped_by_its_tag_and_nothing_is_shipped_without_one() {
    let server = project(&[one(3, "success", OLD)], &[]).await;
    let shop = shop(&server);
    let ship = |tag| intent("gitlab", Verb::Promote, version(tag));
    let plan = shop.prepare(&ship(Some("v2.8.0"))).await.unwrap();
    let body = r#"{"ref":"v2.8.0","variables":[{"key":"IN","value":"production"},{"key":"VERSION","value":"v2.8.0"}]}"#;
    assert_eq!(requests(&plan), [format!("POST /projects/acme%2Fshop/pipeline {body}")]);
    match &plan.promise {
        Promise::RunAppeared { before, .. } => assert_eq!(before.len(), 1, "{before:?}"),
        other => panic!("{other:?}"),
    }
    let fault = shop.prepare(&ship(None)).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No, "{fault}");
}

#[tokio::test]
async fn a_job_of_a_pipeline_that_another_project_runs_is_started_there() {
    let server = project(&[one(100, "running", NEW)], &[job(10, "build", "build", "success")]).await;
    let there = json!({"id": 900, "project_id": 77, "sha": OLD, "ref": "main", "status": "manual",
        "user": {"id": 3, "username": "rhea"}, "created_at": "2026-08-20T09:10:00Z"});
    server
        .get(&format!("{PROJECT}/pipelines/100/bridges"), &json!([{"id": 1, "downstream_pipeline": there}]))
        .get("/api/v4/projects/77/pipelines", &json!([there]))
        .get("/api/v4/projects/77/pipelines/900", &there)
        .get("/api/v4/projects/77/pipelines/900/bridges", &json!([]))
        .get(
            "/api/v4/projects/77/pipelines/900/jobs",
            &json!([job(31, "deploy production", "deploy", "manual")]),
        );
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    assert_eq!(gate.key.run.id, "77-900");
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    assert_eq!(requests(&plan), ["POST /projects/77/jobs/31/play"]);
}

#[tokio::test]
async fn somebody_elses_start_is_told_with_their_name() {
    let server = project(&[one(3, "manual", NEW)], &[job(11, "deploy production", "deploy", "manual")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    server.get(
        &format!("{PROJECT}/pipelines/3/jobs"),
        &json!([job(11, "deploy production", "deploy", "running")]),
    );
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved);
    assert!(fault.to_string().contains("by omar at 2026-08-20"), "{fault}");
    let reviews = runs(&seen(&shop).await)[0].reviews.clone();
    assert_eq!((reviews.len(), reviews[0].by.as_str()), (1, "omar"));
}

#[tokio::test]
async fn the_trace_of_a_job_is_read_without_its_terminal_sequences() {
    let server = project(&[one(3, "running", NEW)], &[]).await;
    server.get(&format!("{PROJECT}/jobs/11"), &job(11, "build", "build", "running"));
    let trace = text(200, "\u{1b}[0KRunning with gitlab-runner\u{1b}[0;m\n\u{1b}[32;1mdone\u{1b}[0;m\n");
    server.reply("GET", &format!("{PROJECT}/jobs/11/trace"), trace);
    let shop = shop(&server);
    let answer = log(&shop, run("gitlab", "3"), "11").await;
    let text = lines(&answer);
    assert!(text.contains("Running with gitlab-runner") && text.contains("done"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let none = log(&shop, run("gitlab", "3"), "11/../../x").await;
    assert!(matches!(none, LogAnswer::NotYet(_)), "{none:?}");
}

#[tokio::test]
async fn what_has_ended_is_not_cancelled_and_what_has_passed_not_retried() {
    let server = project(&[one(3, "success", NEW)], &[job(10, "build", "build", "success")]).await;
    let shop = shop(&server);
    for (verb, cause) in [(Verb::Cancel, Cause::Moved), (Verb::Rerun, Cause::Refused)] {
        let fault = shop.prepare(&intent("gitlab", verb, Target::Run(run("gitlab", "3")))).await.unwrap_err();
        assert_eq!(fault.cause, cause, "{fault}");
    }
}
