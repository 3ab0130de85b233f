//! CircleCI's traps that its documentation names: opaque slugs, dead approvals, jobs of kinds that are new.

use gonogo::domain::{Cause, Promise, Reached, Role, RunState, Settings, Severity, Target, Verb};
use serde_json::json;

use crate::recorded::circleci::*;
use crate::scripted::Reply;
use crate::world::{approve, at, carry_out, intent, live, only, pipeline, provider, run, runs, seen, server};

const BEGAN: &str = "2026-08-20T09:00:00Z";

#[tokio::test]
async fn an_opaque_slug_is_taken_as_it_is() {
    let server = server().await;
    let path = format!("{API}/project/circleci/Fv9Org/Rk2Project/pipeline");
    server.get(&format!("{API}/me"), &json!({"login": "mara"})).get(&path, &page(&[]));
    let settings = Settings::default().with_text("url", &format!("{}{API}", server.url));
    let project = Settings::default().with_text("project", "circleci/Fv9Org/Rk2Project");
    let dispatch = at(Role::Dispatch, "production", Settings::default().with_text("workflow", "deploy"));
    seen(&provider("circleci", "token", settings, vec![pipeline(project), live("production"), dispatch]))
        .await;
    assert!(server.asked().iter().any(|asked| asked.path == path && asked.status == 200));
}

#[tokio::test]
async fn an_approval_of_a_workflow_that_was_run_again_is_dead() {
    let server = project(&[workflow("w-1", "on_hold", BEGAN)], &jobs()).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    shop.prepare(&approve(&gate)).await.unwrap();
    let both = [workflow("w-2", "running", "2026-08-20T09:30:00Z"), workflow("w-1", "on_hold", BEGAN)];
    server.get(&format!("{API}/pipeline/p-1/workflow"), &page(&both));
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    assert!(fault.to_string().contains("w-2"), "{fault}");
}

#[tokio::test]
async fn an_approval_is_not_asked_before_it_is_reached_and_no_other_kind_of_job_asks() {
    let jobs = [
        job("hold-production", "approval", "blocked", &["build"]),
        job("gate", "release", "on_hold", &[]),
        job("lane", "lock", "on_hold", &[]),
        job("build", "build", "running", &[]),
    ];
    let server = project(&[workflow("w-1", "running", BEGAN)], &jobs).await;
    let seen = seen(&shop(&server)).await;
    assert!(seen.gates.is_empty(), "{:?}", seen.gates);
    let states: Vec<_> =
        runs(&seen)[0].jobs.iter().map(|job| (job.name.as_str(), job.state.clone())).collect();
    assert!(states.contains(&("lane", RunState::Queued)), "{states:?}");
}

#[tokio::test]
async fn an_approval_is_accepted_before_it_is_carried_out_and_the_next_job_may_be_refused() {
    let server = project(&[workflow("w-1", "on_hold", BEGAN)], &jobs()).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    assert!(matches!(plan.promise, Promise::GateDecided { .. }), "only a later look proves it");
    assert!(plan.hazards.iter().any(|hazard| hazard.text.as_str().contains("restricted context")));
    let path = format!("{API}/workflow/w-1/approve/request-hold-production");
    server.reply("POST", &path, Reply::json(202, &json!({"message": "Accepted."})));
    let receipt = shop.perform(&plan.steps[0]).await.unwrap();
    assert_eq!((receipt.status, receipt.says.as_str()), (202, "approval accepted, to be carried out"));
    assert!(plan.steps[0].body.is_none(), "an approval has no body");
    // Without the right to its context what follows ends so, and that is no success.
    let mut after = jobs();
    after[0]["status"] = json!("success");
    after.push(job("deploy", "build", "unauthorized", &["hold-production"]));
    server.get(&format!("{API}/workflow/w-1/job"), &page(&after));
    server.get(&format!("{API}/workflow/w-1"), &workflow("w-1", "unauthorized", BEGAN));
    server.get(&format!("{API}/pipeline/p-1/workflow"), &page(&[workflow("w-1", "unauthorized", BEGAN)]));
    let seen = seen(&shop).await;
    assert!(matches!(&runs(&seen)[0].state, RunState::Failed(word) if word == "unauthorized"));
}

#[tokio::test]
async fn what_is_older_than_ninety_days_is_not_run_again() {
    for (created, blocked) in [("2026-05-01T09:00:00Z", true), ("2026-08-01T09:00:00Z", false)] {
        let server = project(&[workflow("w-1", "failed", created)], &jobs()[1..]).await;
        let shop = shop(&server);
        seen(&shop).await;
        let again = intent("circleci", Verb::Rerun, Target::Run(run("circleci", "w-1")));
        let plan = shop.prepare(&again).await.unwrap();
        assert_eq!(
            plan.hazards.iter().any(|h| h.severity == Severity::Blocking),
            blocked,
            "{:?}",
            plan.hazards
        );
        server.reply(
            "POST",
            &format!("{API}/workflow/w-1/rerun"),
            Reply::json(202, &json!({"workflow_id": "w-2"})),
        );
        let receipt = shop.perform(&plan.steps[0]).await.unwrap();
        assert_eq!(receipt.says.as_str(), "workflow w-2 requested");
    }
}

#[tokio::test]
async fn a_project_that_this_api_cannot_start_says_so_and_nothing_began() {
    let server = project(&[], &[]).await;
    let shop = shop(&server);
    let ship = intent("circleci", Verb::Promote, crate::world::version(Some("v2.8.0")));
    let plan = shop.prepare(&ship).await.unwrap();
    let words = "Triggering pipelines of this project is not supported.";
    server.reply("POST", &format!("{PROJECT}/pipeline"), Reply::json(400, &json!({ "message": words })));
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No);
    assert!(fault.to_string().contains(words), "{fault}");
}
