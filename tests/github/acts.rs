//! What would be sent, what it rests on, what is promised, and what GitHub's answers to it mean.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gonogo::domain::{
    Artifact, Bound, Cause, Decision, Fault, Guard, Permission, Prepared, Promise, Reached, Role, RunKey,
    ServiceName, Settings, Severity, Sha, SourceName, Step, Target, Value as Setting, Verb,
};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use crate::faults::{SECRET, no_secret};
use crate::scripted::{Reply, Scripted};
use crate::world::*;

fn basis<'a>(prepared: &'a Prepared, name: &str) -> &'a str {
    prepared.basis.iter().find(|b| b.name == name).unwrap().value.as_str()
}

fn hazards(prepared: &Prepared) -> String {
    prepared.hazards.iter().map(|h| format!("{:?} {}\n", h.severity, h.text)).collect()
}

async fn decide(server: &Scripted, verb: Verb) -> Result<Prepared, Fault> {
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    prepare(&provider, &intent(verb, Target::Gate(gate.key))).await
}

/// The gate is seen, then the world changes, then a decision is prepared.
async fn decide_after(server: &Scripted, change: impl FnOnce(&Scripted)) -> Fault {
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    change(server);
    prepare(&provider, &intent(Verb::Approve, Target::Gate(gate.key))).await.unwrap_err()
}

#[tokio::test]
async fn an_approval_is_one_request_with_all_three_keys() {
    let server = waiting().await;
    let prepared = decide(&server, Verb::Approve).await.unwrap();
    let [step] = prepared.steps.as_slice() else { panic!("{:?}", prepared.steps) };
    assert_eq!(
        (step.method.as_str(), step.path.as_str()),
        ("POST", of_run(RUN, "/pending_deployments").as_str())
    );
    assert_eq!(step.content_type.as_deref(), Some("application/json"));
    assert_eq!(
        step.body.as_deref().unwrap(),
        r#"{"environment_ids":[161088068],"state":"approved","comment":"canary clean 30m"}"#
    );
    assert!(
        step.effect.as_str().contains("every job of the run that waits for production"),
        "{}",
        step.effect
    );
    assert_eq!(prepared.permission, Permission::Granted);
    assert!(matches!(prepared.guard, Guard::LookAgain(_)));
    assert_eq!(prepared.deadline, Duration::from_secs(60));
    assert!(prepared.way_back.unwrap().as_str().contains("cancel the run"));
    assert_eq!(prepared.identity.unwrap(), "omar");
    assert_eq!(prepared.to.unwrap().revision, Some(Sha::new(NEW)));
    let Promise::GateDecided { decision, environment, reviews_before, .. } = prepared.promise else {
        panic!()
    };
    assert_eq!((decision, environment.as_str(), reviews_before), (Decision::Approved, "production", 0));
}

#[tokio::test]
async fn a_rejection_without_a_reason_still_sends_a_comment() {
    let server = waiting().await;
    server.get(&of_run(RUN, "/approvals"), &approval("rejected", "omar"));
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    let mut intent = intent(Verb::Reject, Target::Gate(gate.key));
    intent.reason = None;
    let prepared = prepare(&provider, &intent).await.unwrap();
    let body: Value = serde_json::from_str(prepared.steps[0].body.as_deref().unwrap()).unwrap();
    assert_eq!(body, json!({"environment_ids": [PRODUCTION], "state": "rejected", "comment": ""}));
    let Promise::GateDecided { reviews_before, .. } = prepared.promise else { panic!() };
    assert_eq!(reviews_before, 1, "an earlier rejection proves nothing");
}

#[tokio::test]
async fn two_preparations_in_an_unmoved_world_are_equal_and_ask_anew() {
    let server = waiting().await;
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    let intent = intent(Verb::Approve, Target::Gate(gate.key));
    server.asked();
    let first = prepare(&provider, &intent).await.unwrap();
    server.advance(10);
    let second = prepare(&provider, &intent).await.unwrap();
    assert_eq!((&first.basis, &first.steps), (&second.basis, &second.steps));
    let asked = server.asked();
    assert!(asked.iter().all(|a| a.method == "GET" && !a.headers.contains_key("if-none-match")), "{asked:?}");
    assert_eq!(basis(&first, "run"), RUN.to_string());
    assert_eq!(basis(&first, "run attempt"), "1");
    assert_eq!(basis(&first, "commit"), NEW);
    assert_eq!(basis(&first, "run status"), "waiting");
    assert_eq!(basis(&first, "environment"), "production (161088068)");
    assert_eq!(basis(&first, "reviewers"), "omar, team:sre");
    assert_eq!(basis(&first, "may decide"), "yes");
    assert_eq!(hazards(&first), "", "a clean gate has no hazards");
}

#[tokio::test]
async fn whatever_matters_changes_the_basis() {
    let server = waiting().await;
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    let intent = intent(Verb::Approve, Target::Gate(gate.key));
    let before = prepare(&provider, &intent).await.unwrap().basis;
    let mut other = run(RUN, "waiting", Value::Null);
    other["head_sha"] = json!(OLD);
    server.get(&of_run(RUN, ""), &other);
    assert_ne!(prepare(&provider, &intent).await.unwrap().basis, before, "another commit");
    server.get(&of_run(RUN, ""), &run(RUN, "waiting", Value::Null));
    assert_eq!(prepare(&provider, &intent).await.unwrap().basis, before);
    let path = of_run(RUN, "/pending_deployments");
    server.get(&path, &pending(0, json!(true), json!([{"type": "User", "reviewer": {"login": "yuki"}}])));
    assert_ne!(prepare(&provider, &intent).await.unwrap().basis, before, "other reviewers");
    server.get(&path, &pending(0, json!(false), reviewers()));
    assert_ne!(prepare(&provider, &intent).await.unwrap().basis, before, "other rights");
}

#[tokio::test]
async fn who_may_not_decide_is_told_who_may() {
    let server = waiting().await;
    let path = of_run(RUN, "/pending_deployments");
    server.get(&path, &pending(0, json!(false), reviewers()));
    let Permission::Denied(why) = decide(&server, Verb::Approve).await.unwrap().permission else { panic!() };
    assert_eq!(why, "omar is not a reviewer; reviewers: omar, team:sre");
    server.get("/user", &json!({"login": "rhea"}));
    let Permission::Denied(why) = decide(&server, Verb::Approve).await.unwrap().permission else { panic!() };
    assert!(why.as_str().starts_with("rhea started this run"), "{why}");
    server.get(&path, &pending(0, Value::Null, reviewers()));
    assert_eq!(decide(&server, Verb::Approve).await.unwrap().permission, Permission::Untold);
}

#[tokio::test]
async fn a_gate_that_is_gone_says_who_decided_what() {
    let server = waiting().await;
    let fault = decide_after(&server, |server| {
        server.get(&of_run(RUN, "/pending_deployments"), &json!([]));
        server.get(&of_run(RUN, "/approvals"), &approval("approved", "yuki"));
        server.get(&of_run(RUN, ""), &run(RUN, "in_progress", Value::Null));
    })
    .await;
    assert_eq!(fault.cause, Cause::Moved);
    let said = fault.detail.as_str();
    assert!(said.contains("yuki approved it (canary clean 30m)") && said.contains("in_progress"), "{said}");
}

#[tokio::test]
async fn a_gate_that_is_gone_without_a_review_says_that() {
    let server = waiting().await;
    let fault = decide_after(&server, |server| {
        server.get(&of_run(RUN, "/pending_deployments"), &json!([]));
        server.get(&of_run(RUN, ""), &run(RUN, "completed", json!("cancelled")));
    })
    .await;
    assert_eq!(fault.cause, Cause::Moved);
    let said = fault.detail.as_str();
    assert!(said.contains("names no decision") && said.contains("has ended: cancelled"), "{said}");
}

#[tokio::test]
async fn a_rerun_in_between_asks_anew() {
    let server = waiting().await;
    let fault = decide_after(&server, |server| {
        let mut again = run(RUN, "waiting", Value::Null);
        again["run_attempt"] = json!(2);
        server.get(&of_run(RUN, ""), &again);
    })
    .await;
    assert_eq!(fault.cause, Cause::Moved);
    assert!(fault.detail.as_str().contains("attempt 2"), "{fault}");
}

#[tokio::test]
async fn a_countdown_cannot_be_approved() {
    let server = waiting().await;
    server.get(&of_run(RUN, "/pending_deployments"), &pending(30, json!(false), json!([])));
    let fault = decide(&server, Verb::Approve).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Refused);
    assert!(fault.detail.as_str().contains("timer only"), "{fault}");
}

#[tokio::test]
async fn hazards_before_an_approval_are_named() {
    let server = waiting().await;
    let mut mine = run(RUN, "waiting", Value::Null);
    mine["run_attempt"] = json!(2);
    let mut rival = run(RUN + 1, "waiting", Value::Null);
    rival["run_started_at"] = json!("2026-08-20T09:15:00Z");
    let mut shipped = run(RUN + 2, "completed", json!("success"));
    shipped["run_started_at"] = json!("2026-08-20T09:16:00Z");
    server
        .get(&format!("{REPO}/actions/runs"), &list(std::slice::from_ref(&mine)))
        .get(
            &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
            &list(std::slice::from_ref(&mine)),
        )
        .get(&of_run(RUN, ""), &mine)
        .get(&of_run(RUN, "/pending_deployments"), &pending(30, json!(true), reviewers()))
        .get(&of_run(RUN + 1, "/pending_deployments"), &pending(0, json!(true), reviewers()))
        .get(&format!("{REPO}/actions/workflows/5123/runs"), &list(&[mine, rival, shipped]))
        .get(&format!("{REPO}/git/ref/heads/release/2.8"), &branch(OLD))
        .get("/user", &json!({"login": "rhea"}));
    let mut rules = environment("prevented");
    rules.as_object_mut().unwrap().remove("can_admins_bypass");
    server.get(&format!("{REPO}/environments/production"), &rules);
    let prepared = decide(&server, Verb::Approve).await.unwrap();
    let said = hazards(&prepared);
    for words in [
        "Warning a wait timer runs until 2026-08-20T09:42:40Z, 22 min left",
        "Note attempt 2 of this run",
        "Warning production prevents self-review, and rhea started this run",
        "Note GitHub does not say whether administrators can bypass",
        "Warning release/2.8 has moved on to 9be1aa0",
        "Warning newer run #201 waits for production, too",
        "Warning newer run #202 has ended well",
    ] {
        assert!(said.contains(words), "{words}\n---\n{said}");
    }
    assert_eq!(
        prepared.deadline,
        Duration::from_secs(60 + 22 * 60 + 40),
        "the gate goes when the timer has run out"
    );
    let said = hazards(&decide(&server, Verb::Reject).await.unwrap());
    assert!(said.contains("rejecting does not free a concurrency lane"), "{said}");
    server.reply("GET", &format!("{REPO}/environments/production"), Reply::empty(404));
    assert!(hazards(&decide(&server, Verb::Reject).await.unwrap()).contains("cannot be read"));
}

fn run_key(id: u64) -> RunKey {
    RunKey { source: SourceName::new("github"), service: ServiceName::new("shop"), id: id.to_string().into() }
}

async fn on_run(server: &Scripted, verb: Verb) -> Result<Prepared, Fault> {
    prepare(&provider(&server.url, shop()), &intent(verb, Target::Run(run_key(RUN)))).await
}

#[tokio::test]
async fn a_rerun_runs_failed_jobs_again_and_promises_the_next_attempt() {
    let server = waiting().await;
    for (conclusion, below) in [
        ("failure", "/rerun-failed-jobs"),
        ("cancelled", "/rerun-failed-jobs"),
        ("timed_out", "/rerun-failed-jobs"),
        ("startup_failure", "/rerun"),
    ] {
        server.get(&of_run(RUN, ""), &run(RUN, "completed", json!(conclusion)));
        let prepared = on_run(&server, Verb::Rerun).await.unwrap();
        assert_eq!(prepared.steps[0].path, of_run(RUN, below));
        assert_eq!(prepared.steps[0].body, None);
        assert_eq!(prepared.promise, Promise::Attempt { run: run_key(RUN), attempt: 2 });
        assert_eq!((basis(&prepared, "conclusion"), basis(&prepared, "commit")), (conclusion, NEW));
        assert_eq!(prepared.deadline, Duration::from_secs(120));
    }
    for (status, conclusion) in [
        ("completed", json!("success")),
        ("completed", json!("action_required")),
        ("in_progress", Value::Null),
    ] {
        server.get(&of_run(RUN, ""), &run(RUN, status, conclusion));
        assert_eq!(on_run(&server, Verb::Rerun).await.unwrap_err().cause, Cause::Refused);
    }
}

#[tokio::test]
async fn a_run_that_is_too_old_is_not_run_again() {
    let server = waiting().await;
    let mut old = run(RUN, "completed", json!("failure"));
    old["created_at"] = json!("2026-07-01T09:00:00Z");
    server.get(&of_run(RUN, ""), &old);
    let prepared = on_run(&server, Verb::Rerun).await.unwrap();
    assert!(prepared.hazards.iter().any(|h| h.severity == Severity::Blocking), "{}", hazards(&prepared));
}

#[tokio::test]
async fn a_cancel_promises_the_end_and_rests_on_the_run_not_on_its_progress() {
    let server = waiting().await;
    let waits = on_run(&server, Verb::Cancel).await.unwrap();
    assert_eq!(waits.steps[0].path, of_run(RUN, "/cancel"));
    assert_eq!(waits.promise, Promise::Ended { run: run_key(RUN) });
    assert!(matches!(waits.guard, Guard::Server(_)));
    server.get(&of_run(RUN, ""), &run(RUN, "queued", Value::Null));
    let queued = on_run(&server, Verb::Cancel).await.unwrap();
    assert_ne!(
        queued.basis, waits.basis,
        "what was let go meanwhile may deploy: that is another thing to stop"
    );
    server.get(&of_run(RUN, ""), &run(RUN, "in_progress", Value::Null));
    let runs = on_run(&server, Verb::Cancel).await.unwrap();
    assert_eq!(runs.basis, queued.basis);
    assert!(hazards(&runs).contains("half done"));
    server.get(&of_run(RUN, ""), &run(RUN, "completed", json!("success")));
    let ended = on_run(&server, Verb::Cancel).await.unwrap_err();
    assert_eq!(ended.cause, Cause::Moved);
    assert!(ended.detail.as_str().contains("already ended: success"), "{ended}");
}

fn dispatching(reference: Option<&str>) -> Vec<Bound> {
    let inputs = BTreeMap::from([
        ("version".to_owned(), "$version".to_owned()),
        ("target".to_owned(), "$service/$environment@$sha for 5$".to_owned()),
    ]);
    let mut settings =
        Settings::default().with_text("workflow", "deploy.yml").with("inputs", Setting::Table(inputs));
    if let Some(reference) = reference {
        settings = settings.with_text("ref", reference);
    }
    let mut bounds = shop();
    bounds.push(bound(Role::Dispatch, "shop", Some("production"), settings));
    bounds
}

fn version(name: &str) -> Artifact {
    Artifact { version: Some(name.into()), revision: Some(Sha::new(NEW)), ..Artifact::default() }
}

async fn deployable() -> Scripted {
    let server = waiting().await;
    let workflow =
        json!({"id": 77, "name": "Deploy", "path": ".github/workflows/deploy.yml", "state": "active"});
    let tag = json!({"object": {"type": "tag", "sha": "aa00000000000000000000000000000000000003"}});
    let peeled = json!({"object": {"type": "commit", "sha": NEW}});
    server
        .get(REPO, &json!({"default_branch": "main"}))
        .get(&format!("{REPO}/actions/workflows/deploy.yml"), &workflow)
        .get(&format!("{REPO}/actions/workflows/77/runs"), &list(&[run(41, "completed", json!("success"))]))
        .get(&format!("{REPO}/git/ref/heads/main"), &branch(OLD))
        .get(&format!("{REPO}/git/ref/tags/v2.8.0"), &tag)
        .get(&format!("{REPO}/git/tags/aa00000000000000000000000000000000000003"), &peeled);
    server
}

async fn dispatch(url: &str, reference: Option<&str>, artifact: Artifact) -> Result<Prepared, Fault> {
    prepare(&provider(url, dispatching(reference)), &intent(Verb::Promote, Target::Dispatch(artifact))).await
}

#[tokio::test]
async fn a_dispatch_fills_its_inputs_and_promises_a_new_run() {
    let server = deployable().await;
    let prepared = dispatch(&server.url, None, version("v2.8.0")).await.unwrap();
    let step = &prepared.steps[0];
    assert_eq!(step.path, format!("{REPO}/actions/workflows/77/dispatches"));
    let body: Value = serde_json::from_str(step.body.as_deref().unwrap()).unwrap();
    let target = format!("shop/production@{NEW} for 5$");
    let inputs = json!({"version": "v2.8.0", "target": target});
    assert_eq!(body, json!({"ref": "main", "inputs": inputs, "return_run_details": true}));
    assert_eq!(
        prepared.promise,
        Promise::RunAppeared { before: vec!["41".into()], workflow: "deploy.yml".into() }
    );
    assert_eq!(prepared.from.as_ref().unwrap().version.as_ref().unwrap(), "v2.7.0");
    assert_eq!((basis(&prepared, "ref"), basis(&prepared, "commit of ref")), ("main", OLD));
    assert!(hazards(&prepared).contains("must check out the version by itself"));
}

#[tokio::test]
async fn a_dispatch_from_the_versions_tag_peels_it() {
    let server = deployable().await;
    for name in ["v2.8.0", "2.8.0"] {
        let prepared = dispatch(&server.url, Some("tag"), version(name)).await.unwrap();
        assert_eq!((basis(&prepared, "ref"), basis(&prepared, "commit of ref")), ("v2.8.0", NEW));
        assert_eq!(hazards(&prepared), "");
    }
    let none = dispatch(&server.url, Some("tag"), version("v9")).await.unwrap_err();
    assert_eq!(none.cause, Cause::NotFound);
    let nameless = dispatch(&server.url, None, Artifact::default()).await.unwrap_err();
    assert_eq!(nameless.cause, Cause::Refused);
}

#[tokio::test]
async fn an_enterprise_server_is_not_asked_for_run_details() {
    let server = deployable().await;
    let prepared = dispatch(&format!("{}/api/v3", server.url), None, version("v2.8.0")).await.unwrap();
    let body: Value = serde_json::from_str(prepared.steps[0].body.as_deref().unwrap()).unwrap();
    assert_eq!(body.get("return_run_details"), None);
}

#[tokio::test]
async fn a_workflow_that_is_off_blocks_and_one_under_way_warns() {
    let server = deployable().await;
    let off = json!({"id": 77, "name": "Deploy", "path": ".github/workflows/deploy.yml", "state": "disabled_manually"});
    server
        .get(&format!("{REPO}/actions/workflows/deploy.yml"), &off)
        .get(&format!("{REPO}/actions/workflows/77/runs"), &list(&[run(41, "queued", Value::Null)]));
    let prepared = dispatch(&server.url, None, version("v2.8.0")).await.unwrap();
    let said = hazards(&prepared);
    assert!(said.contains("Blocking workflow deploy.yml is disabled_manually"), "{said}");
    assert!(said.contains("Warning run #41 by rhea of the same workflow is under way"), "{said}");
}

#[tokio::test]
async fn a_dispatched_run_is_among_the_runs_that_are_seen() {
    let server = deployable().await;
    let mut deploy = run(42, "in_progress", Value::Null);
    deploy["path"] = json!(".github/workflows/deploy.yml");
    let mut bounds = dispatching(None);
    let settings = Settings::default().with_text("project", "acme/shop").with_text("workflow", "release.yml");
    bounds[0] = bound(Role::Pipeline, "shop", None, settings);
    server
        .get(&format!("{REPO}/actions/workflows/release.yml/runs"), &list(&[]))
        .get(&format!("{REPO}/actions/workflows/deploy.yml/runs"), &list(&[deploy]))
        .get(&of_run(42, "/jobs"), &json!({"total_count": 0, "jobs": []}));
    let seen = seen(&provider(&server.url, bounds)).await;
    assert_eq!(run_of(&seen, 42).workflow, "deploy.yml");
}

#[tokio::test]
async fn what_github_cannot_do_is_refused() {
    let server = waiting().await;
    for (verb, target) in [
        (Verb::Pause, Target::Rollout),
        (Verb::RollBack, Target::Revision { id: "1".into(), artifact: version("v1") }),
        (Verb::Promote, Target::Artifact(version("v1"))),
        (Verb::Approve, Target::Run(run_key(1))),
    ] {
        let fault = prepare(&provider(&server.url, shop()), &intent(verb, target)).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Refused, "{verb:?}");
    }
    assert!(server.asked().is_empty());
}

fn step(path: &str) -> Step {
    Step {
        source: SourceName::new("github"),
        method: "POST".to_owned(),
        path: path.to_owned(),
        content_type: Some("application/json".to_owned()),
        body: Some(r#"{"x":1}"#.to_owned()),
        effect: "does it".into(),
    }
}

async fn perform(server: &Scripted, path: &str, reply: Reply) -> Result<(u16, String), Fault> {
    let provider: Arc<dyn Provider> = provider(&server.url, shop());
    server.reply("POST", path, reply);
    server.asked();
    let result = provider.perform(&step(path)).await.map(|r| (r.status, r.says.to_string()));
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "sent once, and nothing else");
    assert_eq!((asked[0].method.as_str(), asked[0].body.as_str()), ("POST", r#"{"x":1}"#));
    assert_eq!(asked[0].headers["x-github-api-version"], "2022-11-28");
    assert_eq!(asked[0].headers["accept"], "application/vnd.github+json");
    result
}

#[tokio::test]
async fn a_step_is_sent_verbatim_and_its_answer_said_in_a_line() {
    let server = waiting().await;
    let dispatches = format!("{REPO}/actions/workflows/77/dispatches");
    for (path, reply, says) in [
        (dispatches.clone(), Reply::json(200, &json!({"workflow_run_id": 123})), "run 123 requested"),
        (dispatches, Reply::empty(204), "run requested; its id is not told"),
        (of_run(7, "/cancel"), Reply::json(202, &json!({})), "cancelling run 7 requested"),
        (of_run(7, "/rerun-failed-jobs"), Reply::json(201, &json!({})), "rerun of run 7 requested"),
        (
            of_run(7, "/pending_deployments"),
            Reply::json(200, &json!([{"id": 1}])),
            "review of run 7 recorded, 1 deployments named",
        ),
    ] {
        assert_eq!(perform(&server, &path, reply).await.unwrap().1, says);
    }
}

#[tokio::test]
async fn a_refused_step_did_nothing_and_a_failed_one_perhaps_did() {
    let server = waiting().await;
    let path = of_run(7, "/pending_deployments");
    let said =
        |status: u16| Reply::json(status, &json!({"message": "No pending", "errors": ["not a reviewer"]}));
    for (status, cause, reached) in [
        (401, Cause::Unauthorized, Reached::No),
        (403, Cause::Forbidden, Reached::No),
        (404, Cause::NotFound, Reached::No),
        (409, Cause::Moved, Reached::No),
        (422, Cause::Refused, Reached::No),
        (429, Cause::RateLimited, Reached::No),
        (500, Cause::ServerFailed, Reached::Perhaps),
        (502, Cause::ServerFailed, Reached::Perhaps),
        (504, Cause::ServerFailed, Reached::Perhaps),
    ] {
        let fault = perform(&server, &path, said(status)).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (cause, reached), "{status}: {fault:?}");
        assert!(fault.detail.as_str().contains("No pending"), "{status}: {fault}");
        no_secret("step", &format!("{fault:?}"));
    }
    let fault = perform(&server, &path, said(422)).await.unwrap_err();
    assert!(fault.detail.as_str().contains("not a reviewer"), "{fault}");
    let moved = Reply::json(307, &json!({"message": "Moved"})).with("location", "{base}/repositories/1/x");
    let fault = perform(&server, &path, moved).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Redirected, Reached::No));
    assert!(fault.hint.unwrap().as_str().contains("renamed"));
    let echo = Reply::json(422, &json!({"message": format!("bad {SECRET}"), "errors": [SECRET]}));
    no_secret("echo", &format!("{:?}", perform(&server, &path, echo).await));
}
