//! GitLab's traps that its documentation names: addresses, ids, pages, freezes, timers, answers that are no proof.

use gonogo::domain::log::LogAnswer;
use gonogo::domain::pipeline::WaitsFor;
use gonogo::domain::{Cause, Promise, Reached, Settings, Target, Verb};
use serde_json::json;

use crate::recorded::gitlab::*;
use crate::scripted::Reply;
use crate::world::{
    NEW, OLD, approve, carry_out, intent, lines, live, log, look, only, pipeline, provider, requests, run,
    seen, server, text,
};

#[tokio::test]
async fn a_project_is_asked_by_its_whole_path_as_one_segment_or_by_its_number_below_any_root() {
    for (project, segment) in [("acme/sub/shop", "acme%2Fsub%2Fshop"), ("42", "42")] {
        let server = server().await;
        let root = format!("/git/api/v4/projects/{segment}");
        server
            .get("/git/api/v4/user", &json!({"id": 7, "username": "mara"}))
            .get(&format!("{root}/pipelines"), &json!([]))
            .get(&format!("{root}/deployments"), &json!([]));
        let settings = Settings::default().with_text("url", &format!("{}/git/", server.url));
        let bounds = vec![pipeline(Settings::default().with_text("project", project)), live("production")];
        seen(&provider("gitlab", "token", settings, bounds)).await;
        let asked = server.asked();
        assert!(asked.iter().all(|asked| asked.status == 200), "{asked:?}");
    }
}

#[tokio::test]
async fn a_project_that_has_moved_is_followed_by_a_look_and_by_no_write() {
    let server = blocked(1).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    let moved = |path: &str| Reply::json(301, &json!({})).with("location", format!("{{base}}{path}"));
    server.get("/api/v4/projects/42/pipelines", &json!([one(100, "manual", NEW)]));
    server.reply("GET", &format!("{PROJECT}/pipelines"), moved("/api/v4/projects/42/pipelines"));
    look(&shop).await.unwrap();
    assert!(server.asked().iter().any(|asked| asked.path == "/api/v4/projects/42/pipelines"));
    let path = format!("{PROJECT}/deployments/5/approval");
    server.reply("POST", &path, moved("/api/v4/projects/42/deployments/5/approval"));
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Redirected, Reached::No), "{fault}");
    assert!(fault.hint.unwrap().as_str().contains("moved"));
    assert_eq!(server.asked().len(), 1, "sent once, to where it was planned");
}

#[tokio::test]
async fn a_gate_on_the_second_page_of_jobs_is_found() {
    let server = project(&[one(100, "running", NEW)], &[]).await;
    let jobs = format!("{PROJECT}/pipelines/100/jobs");
    let next = format!("<{{base}}{jobs}?page=2>; rel=\"next\", <{{base}}{jobs}?page=1>; rel=\"first\"");
    server.reply(
        "GET",
        &jobs,
        Reply::json(200, &json!([job(10, "build", "build", "success")])).with("link", next),
    );
    server.get(&format!("{jobs}?page=2"), &json!([job(11, "deploy production", "deploy", "manual")]));
    assert_eq!(only(&seen(&shop(&server)).await).key.id, "job:11");
}

#[tokio::test]
async fn a_job_that_a_timer_starts_is_shown_as_such_and_started_by_nobody_here() {
    let server =
        project(&[one(100, "scheduled", NEW)], &[job(11, "deploy production", "deploy", "scheduled")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    assert_eq!(gate.waits_for, WaitsFor::Timer);
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No));
    assert!(fault.to_string().contains("timer"), "{fault}");
}

#[tokio::test]
async fn a_manual_job_cannot_be_rejected_and_the_reason_of_an_approval_is_cut_to_what_gitlab_takes() {
    let server = project(&[one(3, "manual", NEW)], &[job(11, "deploy production", "deploy", "manual")]).await;
    let provider = shop(&server);
    let gate = only(&seen(&provider).await).clone();
    let reject = intent("gitlab", Verb::Reject, Target::Gate(gate.key.clone()));
    let fault = provider.prepare(&reject).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No));
    let server = blocked(1).await;
    let provider = shop(&server);
    let gate = only(&seen(&provider).await).clone();
    let mut wanted = approve(&gate);
    wanted.reason = Some("ü".repeat(300).as_str().into());
    let plan = provider.prepare(&wanted).await.unwrap();
    let body: serde_json::Value = serde_json::from_str(plan.steps[0].body.as_ref().unwrap()).unwrap();
    assert_eq!(body["comment"].as_str().unwrap().chars().count(), 255);
}

#[tokio::test]
async fn a_cancel_that_was_taken_proves_nothing_and_a_retry_keeps_the_pipeline() {
    let server = project(&[one(3, "running", NEW)], &[job(10, "build", "build", "running")]).await;
    let shop = shop(&server);
    let target = || Target::Run(run("gitlab", "3"));
    let plan = shop.prepare(&intent("gitlab", Verb::Cancel, target())).await.unwrap();
    assert!(matches!(plan.promise, Promise::Ended { .. }), "only a later look proves it");
    // What GitLab answers also if nothing could be cancelled.
    server.reply("POST", &format!("{PROJECT}/pipelines/3/cancel"), Reply::json(200, &one(3, "running", NEW)));
    let receipt = shop.perform(&plan.steps[0]).await.unwrap();
    assert_eq!((receipt.status, receipt.says.as_str()), (200, "the pipeline is running"));
    let jobs = [job(11, "unit", "test", "canceled"), job(10, "build", "build", "failed")];
    server.get(&format!("{PROJECT}/pipelines/3"), &one(3, "failed", NEW));
    server.get(&format!("{PROJECT}/pipelines/3/jobs"), &json!(jobs));
    let plan = shop.prepare(&intent("gitlab", Verb::Rerun, target())).await.unwrap();
    assert_eq!(requests(&plan), ["POST /projects/acme%2Fshop/pipelines/3/retry"]);
    match &plan.promise {
        Promise::Attempt { attempt: 2, run } => assert_eq!(run.id, "3"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_live_is_the_newest_success_and_a_freeze_is_named_in_the_plan() {
    let server = blocked(1).await;
    let mut newest = deployment(4, 99, 0);
    newest["status"] = json!("success");
    newest["sha"] = json!(OLD);
    let live = format!(
        "{PROJECT}/deployments?environment=production&status=success&order_by=id&sort=desc&per_page=1"
    );
    server.get(&live, &json!([newest]));
    let freeze =
        json!([{"id": 1, "freeze_start": "0 16 * * 5", "freeze_end": "0 8 * * 1", "cron_timezone": "UTC"}]);
    server.get(&format!("{PROJECT}/freeze_periods"), &freeze);
    let provider = shop(&server);
    let seen = seen(&provider).await;
    let shown = seen.live.values().next().unwrap();
    assert_eq!(shown.artifact.revision.as_ref().unwrap().as_str(), OLD);
    let plan = provider.prepare(&approve(only(&seen))).await.unwrap();
    let hazards = format!("{:?}", plan.hazards);
    assert!(hazards.contains("0 16 * * 5") && hazards.contains("stops none"), "{hazards}");
    // A server that does not know the filter answers with something else: that is not what is live.
    newest["status"] = json!("failed");
    server.get(&live, &json!([newest]));
    assert!(crate::world::seen(&shop(&server)).await.live.is_empty());
}

#[tokio::test]
async fn the_headers_tell_the_budget_and_a_wait_that_is_named_comes_before_the_reset() {
    let server = project(&[], &[]).await;
    let reset = crate::world::now().as_second() + 42;
    server.header("ratelimit-limit", "2000").header("ratelimit-remaining", "1900");
    server.header("ratelimit-reset", &reset.to_string());
    let seen = seen(&shop(&server)).await;
    let budget = seen.budget.unwrap();
    assert_eq!((budget.limit, budget.remaining), (2000, 1900));
    assert_eq!(budget.resets.unwrap().as_second(), reset);
    let reply = text(429, "Retry later\n").with("retry-after", "7");
    server.reply("GET", &format!("{PROJECT}/pipelines"), reply);
    let fault = look(&shop(&server)).await.unwrap_err();
    assert_eq!(fault.retry, gonogo::domain::Retry::After(std::time::Duration::from_secs(7)), "{fault}");
}

#[tokio::test]
async fn a_trace_has_no_markers_of_sections_and_none_before_its_job_begins() {
    let server = project(&[one(3, "running", NEW)], &[]).await;
    let mut waits = job(12, "unit", "test", "created");
    waits["started_at"] = json!(null);
    server.get(&format!("{PROJECT}/jobs/12"), &waits);
    server.get(&format!("{PROJECT}/jobs/11"), &job(11, "build", "build", "success"));
    let trace = "section_start:1787216400:prepare\r\u{1b}[0KPreparing\nok\nsection_end:1787216401:prepare\r\u{1b}[0K\n";
    server.reply("GET", &format!("{PROJECT}/jobs/11/trace"), text(200, trace));
    let shop = shop(&server);
    let text = lines(&log(&shop, run("gitlab", "3"), "11").await);
    assert!(text.contains("Preparing") && text.contains("ok"), "{text}");
    assert!(!text.contains("section_") && !text.contains('\r'), "{text:?}");
    let none = log(&shop, run("gitlab", "3"), "12").await;
    assert!(matches!(none, LogAnswer::NotYet(_)), "{none:?}");
    assert!(!server.asked().iter().any(|asked| asked.path.contains("/jobs/12/trace")));
}

#[tokio::test]
async fn a_deployment_that_cannot_be_read_is_shown_and_not_decided() {
    for (key, value) in [
        ("status", json!("brand-new")),
        ("pending_approval_count", json!(null)),
        ("environment", json!(null)),
    ] {
        let server = blocked(1).await;
        let mut odd = deployment(5, 100, 1);
        odd[key] = value;
        server.get(&format!("{PROJECT}/deployments/5"), &odd);
        let shop = shop(&server);
        let gate = only(&seen(&shop).await).clone();
        assert_eq!(gate.waits_for, WaitsFor::OtherSystem, "{key}");
        let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
        assert_eq!(fault.reached, Reached::No, "{key}: {fault}");
    }
}

#[tokio::test]
async fn a_deployment_that_does_not_tell_its_pipeline_is_one_of_its_commit_once() {
    let server = blocked(1).await;
    server.get(&format!("{PROJECT}/pipelines"), &json!([one(101, "success", NEW), one(100, "manual", NEW)]));
    server.get(&format!("{PROJECT}/pipelines/101"), &one(101, "success", NEW));
    server.get(&format!("{PROJECT}/pipelines/101/jobs"), &json!([job(10, "build", "build", "success")]));
    server.get(&format!("{PROJECT}/pipelines/100/jobs"), &json!([job(10, "build", "build", "success")]));
    server.get(&format!("{PROJECT}/pipelines/101/bridges"), &json!([]));
    let mut odd = deployment(5, 100, 1);
    odd["deployable"] = json!(null);
    server.get(&format!("{PROJECT}/deployments/5"), &odd);
    let shop = shop(&server);
    let seen = seen(&shop).await;
    let plan = shop.prepare(&approve(only(&seen))).await.unwrap();
    assert_eq!(plan.steps.len(), 1, "its job is not known, so it cannot be started");
    assert!(format!("{:?}", plan.hazards).contains("somebody must start it there"));
}
