//! AWX's traps that its source names: approvals out of time, hidden variables, approvals of other workflows, users who may
//! only look, redirects of what has no slash.

use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{Cause, Permission, Reached, RunState, Settings, Target, Verb};
use serde_json::json;

use crate::recorded::awx::*;
use crate::scripted::Reply;
use crate::world::{approve, intent, look, only, remarks, run as key, runs, seen};

#[tokio::test]
async fn an_approval_that_ran_out_of_time_was_denied_by_nobody() {
    let server = workflow(&[run(31, "running")], &[approval(75, 31, "pending")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let mut late = approval(75, 31, "failed");
    late["timed_out"] = json!(true);
    late["summary_fields"].as_object_mut().unwrap().remove("approved_or_denied_by");
    give(&server, &[run(31, "failed")], &[late]);
    server.get(
        &format!("{API}/workflow_jobs/31/workflow_nodes/"),
        &page(&nodes(&run(31, "running"), "failed")),
    );
    let seen = seen(&shop).await;
    assert!(runs(&seen)[0].reviews.is_empty(), "nobody decided");
    assert!(remarks(&seen).contains("ran out of time"), "{}", remarks(&seen));
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
    assert!(fault.to_string().contains("ran out of time"), "{fault}");
}

#[tokio::test]
async fn a_hidden_or_missing_variable_is_no_version_and_said_so() {
    for variables in [
        r#"{"version": "$encrypted$", "revision": "$encrypted$"}"#,
        "{}",
        "",
        "no json",
        r#"{"revision": ["x"]}"#,
    ] {
        let mut hidden = run(31, "running");
        hidden["extra_vars"] = json!(variables);
        let server = workflow(&[hidden], &[approval(75, 31, "pending")]).await;
        let shop = shop(&server);
        let gate = only(&seen(&shop).await).clone();
        assert_eq!((gate.revision.as_str(), gate.branch.as_ref()), ("", None), "{variables}");
        let plan = shop.prepare(&approve(&gate)).await.unwrap();
        assert!(plan.to.as_ref().unwrap().version.is_none() && plan.to.as_ref().unwrap().revision.is_none());
        assert!(
            plan.hazards.iter().any(|hazard| hazard.text.as_str().contains("not known")),
            "{:?}",
            plan.hazards
        );
    }
    let mut named = run(31, "running");
    named["extra_vars"] = json!(r#"{"app_version": "v9", "git_sha": 12345678}"#);
    let server = workflow(&[named], &[approval(75, 31, "pending")]).await;
    let names = Settings::default()
        .with_text("template", "Release shop")
        .with_text("version", "app_version")
        .with_text("revision", "git_sha");
    let gate = only(&seen(&shop_with(&server, names)).await).clone();
    assert_eq!((gate.branch.unwrap().as_str(), gate.revision.as_str()), ("v9", "12345678"));
}

#[tokio::test]
async fn an_approval_or_a_run_of_another_workflow_is_not_touched() {
    let server = workflow(&[run(31, "running")], &[approval(75, 31, "pending")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    server.get(&format!("{API}/workflow_approvals/75/"), &approval(75, 8, "pending"));
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    // An approval whose workflow job is gone is of nobody's, and hides no other.
    let mut orphan = approval(74, 31, "pending");
    orphan["summary_fields"]["source_workflow_job"] = json!({});
    server.get(&format!("{API}/workflow_approvals/"), &page(&[orphan, approval(75, 31, "pending")]));
    assert_eq!(only(&seen(&shop).await).key, gate.key);
    let mut foreign = run(31, "running");
    foreign["workflow_job_template"] = json!(99);
    server.get(&format!("{API}/workflow_jobs/31/"), &foreign);
    let cancel = intent("awx", Verb::Cancel, Target::Run(key("awx", "31")));
    assert_eq!(shop.prepare(&cancel).await.unwrap_err().cause, Cause::Moved);
    let odd = intent("awx", Verb::Cancel, Target::Run(key("awx", "../users")));
    assert_eq!(shop.prepare(&odd).await.unwrap_err().cause, Cause::NotFound);
}

#[tokio::test]
async fn who_may_only_look_is_told_before_anything_is_sent() {
    let mut forbidden = approval(75, 31, "pending");
    forbidden["can_approve_or_deny"] = json!(false);
    let server = workflow(&[run(31, "running")], &[forbidden]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    assert!(matches!(gate.may_decide, MayDecide::No(_)));
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    assert!(matches!(plan.permission, Permission::Denied(_)), "{:?}", plan.permission);
}

#[tokio::test]
async fn a_cancelled_workflow_has_no_gate_and_no_review() {
    let server = workflow(&[run(31, "canceled")], &[approval(75, 31, "canceled")]).await;
    let seen = seen(&shop(&server)).await;
    assert!(seen.gates.is_empty() && runs(&seen)[0].reviews.is_empty());
    assert_eq!(runs(&seen)[0].state, RunState::Cancelled);
}

#[tokio::test]
async fn a_refused_token_and_a_wrong_address_are_told_in_plain_words() {
    for (status, detail, hint) in [
        (401, "Authentication credentials were not provided.", "personal access token"),
        (404, "Not found.", "/api/controller/v2"),
    ] {
        let server = workflow(&[], &[]).await;
        server.reply(
            "GET",
            &format!("{API}/workflow_approvals/"),
            Reply::json(status, &json!({ "detail": detail })),
        );
        let fault = look(&shop(&server)).await.unwrap_err();
        assert!(fault.to_string().contains(detail), "{fault}");
        assert!(fault.hint.as_ref().unwrap().as_str().contains(hint), "{fault:?}");
    }
}

#[tokio::test]
async fn every_path_ends_with_a_slash() {
    let server = workflow(&[run(31, "running")], &[approval(75, 31, "pending")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    assert!(plan.steps.iter().all(|step| step.path.ends_with('/')));
    for asked in server.asked() {
        assert!(asked.path.split('?').next().unwrap().ends_with('/'), "{}", asked.path);
    }
}
