//! Terraform: runs that wait to be applied, what their plans would do, decisions and their proof.

use std::time::Duration;

use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{
    Ask, Cause, Decision, Promise, Reached, Retry, RunState, Settings, Severity, Target, Verb,
};
use serde_json::{Value, json};

use crate::recorded::terraform_cloud::*;
use crate::scripted::Reply;
use crate::world::{
    NEW, SECRET, approve, carry_out, credential_only_in, intent, lines, log, look, only, remarks, requests,
    run as key, runs, seen,
};

const JSON_API: &str = "application/vnd.api+json";

#[tokio::test]
async fn a_run_that_can_be_confirmed_is_a_gate_that_tells_its_plan() {
    for status in ["planned", "cost_estimated", "policy_checked"] {
        let server = workspace(&[run("run-2", status), run("run-1", "applied")]).await;
        let shop = shop(&server);
        let seen = seen(&shop).await;
        let gate = only(&seen);
        assert_eq!(gate.environment.as_ref().unwrap().as_str(), "production", "{status}");
        assert_eq!(
            (gate.revision.as_str(), gate.run_title.as_str(), gate.run_number),
            (NEW, "feat: more", 42)
        );
        assert_eq!(
            (gate.asked_by.as_ref().unwrap().as_str(), gate.may_decide.clone()),
            ("rhea", MayDecide::Yes)
        );
        assert_eq!(
            gate.plan.as_ref().unwrap(),
            "3 to destroy, replacements not told, 2 to add, 1 to change",
            "a plan that is not ours to read is not one that replaces nothing"
        );
        assert_eq!(runs(&seen)[0].state, RunState::WaitingForHuman);
        assert_eq!(runs(&seen)[1].state, RunState::Passed);
        let names: Vec<_> = runs(&seen)[0].jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["plan", "apply"], "neither an estimate nor a policy is there");
        let plan = shop.prepare(&approve(gate)).await.unwrap();
        assert_eq!(requests(&plan), [r#"POST /runs/run-2/actions/apply {"comment":"canary clean"}"#]);
        assert_eq!(plan.steps[0].content_type.as_deref(), Some(JSON_API));
        let reject = intent("terraform-cloud", Verb::Reject, Target::Gate(gate.key.clone()));
        let reject = shop.prepare(&reject).await.unwrap();
        assert_eq!(requests(&reject), [r#"POST /runs/run-2/actions/discard {"comment":"canary clean"}"#]);
        credential_only_in(&server, "authorization");
    }
}

#[tokio::test]
async fn what_a_plan_replaces_is_said_loudly_and_its_values_are_said_nowhere() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let store = crate::world::server().await;
    store.get("/v1/object/abc", &plan());
    let there = Reply::empty(307).with("location", format!("{}/v1/object/abc", store.url));
    server.reply("GET", &format!("{API}/plans/plan-run-2/json-output"), there);
    let shop = shop(&server);
    let seen = seen(&shop).await;
    let gate = only(&seen);
    assert_eq!(gate.plan.as_ref().unwrap(), "1 REPLACED, 3 to destroy, 2 to add, 1 to change");
    let plan = shop.prepare(&approve(gate)).await.unwrap();
    let loud: Vec<_> = plan.hazards.iter().filter(|hazard| hazard.severity == Severity::Warning).collect();
    assert!(loud.iter().any(|hazard| hazard.text.as_str().contains("aws_db_instance.orders")), "{loud:?}");
    assert!(loud.iter().any(|hazard| hazard.text.as_str().contains("destroys 3")), "{loud:?}");
    let said = format!("{seen:?} {plan:?} {}", serde_json::to_string(&plan).unwrap());
    assert!(!said.contains("s3cret"), "{said}");
    let asked = store.asked();
    assert_eq!(asked.len(), 1, "a plan never changes: it is read once");
    assert!(asked[0].headers.values().all(|value| !value.contains(SECRET)), "{asked:?}");
}

#[tokio::test]
async fn an_address_beside_the_api_gets_no_token_either() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let there = Reply::empty(307).with("location", "/_archivist/v1/object/abc");
    server.reply("GET", &format!("{API}/plans/plan-run-2/json-output"), there);
    server.get("/_archivist/v1/object/abc", &plan());
    assert!(only(&seen(&shop(&server)).await).plan.as_ref().unwrap().as_str().starts_with("1 REPLACED"));
    let asked = server.asked();
    let fetched: Vec<_> = asked.iter().filter(|asked| asked.path.starts_with("/_archivist")).collect();
    assert_eq!(fetched.len(), 1);
    assert!(!fetched[0].headers.contains_key("authorization"), "{fetched:?}");
}

#[tokio::test]
async fn a_decision_is_proved_by_the_run_and_named_by_who_made_it() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    server.reply("POST", &format!("{API}/runs/run-2/actions/apply"), Reply::empty(202));
    let receipt = shop.perform(&plan.steps[0]).await.unwrap();
    assert_eq!((receipt.status, receipt.says.as_str()), (202, "apply queued, to be carried out"));
    assert_eq!(only(&seen(&shop).await).key, gate.key, "queued is not done: it waits until it does not");
    match &plan.promise {
        Promise::GateDecided { reviews_before: 0, environment, .. } => assert_eq!(environment, &gate.title),
        other => panic!("{other:?}"),
    }
    let mut confirmed = run("run-2", "apply_queued");
    confirmed["relationships"]["confirmed-by"] = json!({"data": {"id": "user-8", "type": "users"}});
    give(&server, &[confirmed]);
    let seen = seen(&shop).await;
    assert!(seen.gates.is_empty());
    let review = &runs(&seen)[0].reviews[0];
    assert_eq!((review.decision, review.by.as_str()), (Decision::Approved, "omar"));
    assert_eq!(review.environments, std::slice::from_ref(&gate.title));
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
    assert!(fault.to_string().contains("approved by omar"), "{fault}");
}

#[tokio::test]
async fn a_discarded_run_is_refused_with_the_name_that_only_its_events_tell() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    give(&server, &[run("run-2", "discarded")]);
    let events = json!({"data": [
        {"id": "re-1", "type": "run-events", "attributes": {"action": "created"}},
        {"id": "re-2", "type": "run-events", "attributes": {"action": "discarded"},
            "relationships": {"actor": {"data": {"id": "user-8", "type": "users"}}}}]});
    server.get(&format!("{API}/runs/run-2/run-events"), &events);
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
    assert!(fault.to_string().contains("rejected by omar"), "{fault}");
    let seen = seen(&shop).await;
    assert_eq!(runs(&seen)[0].state, RunState::Cancelled);
    assert_eq!(runs(&seen)[0].reviews[0].decision, Decision::Rejected);
}

#[tokio::test]
async fn a_second_decision_is_refused_by_terraform_and_nothing_happened() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    let words = "run was not paused for confirmation; apply not allowed";
    server.reply("POST", &format!("{API}/runs/run-2/actions/apply"), error(409, words));
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
    assert!(fault.to_string().contains(words), "{fault}");
}

#[tokio::test]
async fn only_what_works_is_cancelled_and_what_waits_is_discarded() {
    for (status, action) in [("planning", "cancel"), ("applying", "cancel"), ("policy_checked", "discard")] {
        let server = workspace(&[run("run-2", status)]).await;
        let cancel = intent("terraform-cloud", Verb::Cancel, Target::Run(key("terraform-cloud", "run-2")));
        let plan = shop(&server).prepare(&cancel).await.unwrap();
        assert_eq!(
            requests(&plan),
            [format!(r#"POST /runs/run-2/actions/{action} {{"comment":"canary clean"}}"#)]
        );
        let half = plan.hazards.iter().any(|hazard| hazard.text.as_str().contains("middle of an apply"));
        assert_eq!(half, status == "applying", "{status}");
    }
    for (status, cause) in [("applied", Cause::Moved), ("confirmed", Cause::Refused)] {
        let server = workspace(&[run("run-2", status)]).await;
        let cancel = intent("terraform-cloud", Verb::Cancel, Target::Run(key("terraform-cloud", "run-2")));
        assert_eq!(shop(&server).prepare(&cancel).await.unwrap_err().cause, cause, "{status}");
    }
}

#[tokio::test]
async fn who_may_is_told_by_each_run() {
    let mut forbidden = run("run-2", "policy_checked");
    forbidden["attributes"]["permissions"] =
        json!({"can-apply": false, "can-discard": false, "can-cancel": false});
    let server = workspace(&[forbidden]).await;
    assert!(matches!(only(&seen(&shop(&server)).await).may_decide, MayDecide::No(_)));
    let mut untold = run("run-2", "policy_checked");
    untold["attributes"].as_object_mut().unwrap().remove("permissions");
    let server = workspace(&[untold]).await;
    assert_eq!(only(&seen(&shop(&server)).await).may_decide, MayDecide::Unknown);
}

#[tokio::test]
async fn an_environment_may_have_a_workspace_of_its_own() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let mut staged = run("run-9", "planned");
    staged["relationships"]["workspace"]["data"]["id"] = json!("ws-2");
    server
        .get(&format!("{API}/organizations/acme/workspaces/shop-stage"), &json!({"data": {"id": "ws-2"}}))
        .get(&format!("{API}/workspaces/ws-2/runs"), &list(&[staged]))
        .reply("GET", &format!("{API}/plans/plan-run-9/json-output"), error(404, "not found"));
    let staging = Settings::default().with_text("workspace", "acme/shop-stage");
    let seen = seen(&shop_with(&server, staging)).await;
    let mut places: Vec<_> = seen
        .gates
        .iter()
        .map(|gate| (gate.environment.as_ref().unwrap().as_str(), gate.key.run.id.as_str()))
        .collect();
    places.sort_unstable();
    assert_eq!(places, [("production", "run-2"), ("staging", "run-9")]);
}

#[tokio::test]
async fn the_log_of_a_plan_is_fetched_from_its_store_without_the_token() {
    let server = workspace(&[run("run-2", "applied")]).await;
    let store = crate::world::server().await;
    store.reply("GET", "/v1/object/log", crate::world::text(200, "Plan: 2 to add\nPlan: done\n"));
    let told = json!({"data": {"id": "plan-run-2", "type": "plans", "attributes": {
        "status": "finished", "log-read-url": format!("{}/v1/object/log", store.url)}}});
    server.get(&format!("{API}/plans/plan-run-2"), &told);
    let answer = log(&shop(&server), key("terraform-cloud", "run-2"), "plan").await;
    assert!(lines(&answer).contains("Plan: done"), "{answer:?}");
    let asked = store.asked();
    assert!(
        asked.iter().all(|asked| asked.headers.values().all(|value| !value.contains(SECRET))),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_organisations_token_is_told_to_be_one() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    server.get(&format!("{API}/account/details"), &account("organizations"));
    let shop = shop(&server);
    let seen = seen(&shop).await;
    assert!(remarks(&seen).contains("organisation's token"), "{}", remarks(&seen));
    let gate = only(&seen);
    assert!(
        matches!(&gate.may_decide, MayDecide::No(why) if why.as_str().contains("team")),
        "{:?}",
        gate.may_decide
    );
    let fault = shop.prepare(&approve(gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Forbidden, Reached::No));
    let found = shop.examine(crate::world::now()).await;
    assert!(found.iter().any(|finding| finding.says.as_str().contains("organisation's token")), "{found:?}");
}

#[tokio::test]
async fn refusals_are_told_in_plain_words_and_patience_has_a_fraction() {
    for (status, title, cause, hint) in [
        (401, "unauthorized", Cause::Unauthorized, "user's or a team's token"),
        (404, "not found", Cause::NotFound, "organisation's token"),
    ] {
        let server = workspace(&[]).await;
        server.reply("GET", RUNS, error(status, title));
        let fault = look(&shop(&server)).await.unwrap_err();
        assert_eq!(fault.cause, cause);
        assert!(fault.hint.as_ref().unwrap().as_str().contains(hint), "{fault:?}");
    }
    let server = workspace(&[]).await;
    let body = json!({"errors": [{"detail": "You have exceeded the API's rate limit.", "status": 429, "title": "Too many requests"}]});
    server.reply("GET", RUNS, Reply::json(429, &body).with("x-ratelimit-reset", "21.25"));
    let fault = look(&shop(&server)).await.unwrap_err();
    assert_eq!(fault.retry, Retry::After(Duration::from_secs(22)), "{fault:?}");
    assert!(fault.to_string().contains("exceeded the API's rate limit"), "{fault}");
}

#[tokio::test]
async fn a_run_that_left_the_list_is_asked_for_by_its_id() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let shop = shop(&server);
    let wanted = key("terraform-cloud", "run-0");
    let older: Value = document(&run("run-0", "applied"), "finished");
    server.get(&one("run-0"), &older);
    let ask = Ask { runs: vec![wanted.clone()], ..Ask::default() };
    let seen = shop.observe(&ask).await.unwrap();
    assert!(runs(&seen).iter().any(|run| run.key == wanted && run.state == RunState::Passed));
}
