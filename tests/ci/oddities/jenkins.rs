//! Jenkins' traps that its documentation names: context paths, ids that are the same in every build, queues, trees.

use gonogo::domain::pipeline::WaitsFor;
use gonogo::domain::{Cause, Promise, Reached, Settings, Target, Verb};
use serde_json::{Value, json};

use crate::recorded::jenkins::*;
use crate::scripted::Reply;
use crate::world::{
    NEW, approve, carry_out, intent, lines, log, look, only, provider, requests, run, seen, server, text,
    version,
};

#[tokio::test]
async fn a_context_path_stands_before_everything_and_every_question_names_what_it_wants() {
    let server = server().await;
    let root = format!("/jenkins{JOB}");
    let one = build(16, &Value::Null, JOB);
    server
        .get("/jenkins/whoAmI/api/json", &json!({"name": "mara", "anonymous": false}))
        .get(&format!("{root}/api/json"), &json!({"name": "shop", "builds": [one.clone()]}))
        .get(&format!("{root}/16/api/json"), &waits(&one, &json!([])));
    let settings =
        Settings::default().with_text("url", &format!("{}/jenkins", server.url)).with_text("user", "mara");
    let bounds = vec![
        crate::world::pipeline(Settings::default().with_text("job", "acme/shop")),
        crate::world::live("production"),
    ];
    let jenkins = provider("jenkins", "token", settings, bounds);
    assert_eq!(only(&seen(&jenkins).await).key.run.id, "16");
    for asked in server.asked() {
        assert!(asked.path.starts_with("/jenkins/"), "{}", asked.path);
        let whole = asked.path.contains("/job/") && asked.path.contains("/api/json");
        assert!(!whole || asked.path.contains("?tree="), "never everything: {}", asked.path);
        assert!(!asked.path.contains("depth="), "{}", asked.path);
    }
}

#[tokio::test]
async fn inputs_of_the_same_id_are_gates_of_their_own_in_every_build_and_side_by_side() {
    let (newer, older) = (build(17, &Value::Null, JOB), build(16, &Value::Null, JOB));
    let server = jenkins(&[newer.clone(), older.clone()]).await;
    let mut two = waits(&newer, &json!([]));
    let executions = two["actions"].as_array_mut().unwrap().last_mut().unwrap();
    let mut other = executions["executions"][0].clone();
    (other["id"], other["input"]["id"]) = (json!("Ship it/now?"), json!("Ship it/now?"));
    executions["executions"].as_array_mut().unwrap().push(other);
    server.get(&format!("{JOB}/17/api/json"), &two);
    server.get(&format!("{JOB}/16/api/json"), &waits(&older, &json!([])));
    for number in [16, 17] {
        server.reply("GET", &format!("{JOB}/{number}/logText/progressiveText"), text(200, ""));
    }
    let shop = shop(&server);
    let seen = seen(&shop).await;
    let mut found = Vec::new();
    for gate in &seen.gates {
        found.extend(requests(&shop.prepare(&approve(gate)).await.unwrap()));
    }
    found.sort();
    let wanted = ["16/input/Ef95dd50", "17/input/Ef95dd50", "17/input/Ship%20it%2Fnow%3F"];
    assert_eq!(found, wanted.map(|input| format!("POST {JOB}/{input}/proceedEmpty")));
}

#[tokio::test]
async fn where_the_protection_is_off_a_password_is_sent_without_a_crumb() {
    let server = waiting(&json!([])).await;
    let shop = shop_with(&server, "password", Settings::default(), with_version());
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    server.reply("POST", &format!("{JOB}/16/input/Ef95dd50/proceedEmpty"), Reply::empty(200));
    server.asked();
    carry_out(&shop, &plan).await.unwrap();
    let asked = server.asked();
    let post = asked.iter().find(|asked| asked.method == "POST").unwrap();
    assert!(!post.headers.contains_key("jenkins-crumb") && !post.headers.contains_key("cookie"), "{post:?}");
}

#[tokio::test]
async fn an_input_that_is_gone_was_decided_by_somebody_and_nothing_was_changed() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::NotFound, Reached::No), "{fault}");
    assert!(fault.to_string().contains("hidden from this user"), "{fault}");
}

#[tokio::test]
async fn a_rebuild_is_taken_by_a_redirect_and_proved_by_a_build_that_was_not_there() {
    let server = jenkins(&[build(15, &json!("FAILURE"), JOB)]).await;
    server.get(&format!("{JOB}/15/api/json"), &build(15, &json!("FAILURE"), JOB));
    let shop = shop(&server);
    let again = intent("jenkins", Verb::Rerun, Target::Run(run("jenkins", "15")));
    let plan = shop.prepare(&again).await.unwrap();
    assert_eq!(requests(&plan), [format!("POST {JOB}/15/replay/rebuild")]);
    assert!(
        matches!(&plan.promise, Promise::RunAppeared { before, .. } if before.len() == 1),
        "{:?}",
        plan.promise
    );
    let path = format!("{JOB}/15/replay/rebuild");
    server.reply(
        "POST",
        &path,
        Reply::empty(302).with("location", "https://ci.internal.test/job/acme/job/shop/"),
    );
    carry_out(&shop, &plan).await.unwrap();
    server.reply("POST", &path, Reply::empty(409));
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
}

#[tokio::test]
async fn a_start_may_be_merged_into_what_is_in_the_queue_and_a_job_without_parameters_refuses_them() {
    let server = jenkins(&[build(15, &json!("SUCCESS"), JOB)]).await;
    let shop = shop(&server);
    let plan = shop.prepare(&intent("jenkins", Verb::Promote, version(Some("v2.8.0")))).await.unwrap();
    let path = format!("{JOB}/buildWithParameters");
    server.reply(
        "POST",
        &path,
        Reply::empty(303).with("location", "https://ci.internal.test/queue/item/77/"),
    );
    let receipt = shop.perform(&plan.steps[0]).await.unwrap();
    assert!(receipt.says.as_str().contains("merged"), "{}", receipt.says);
    let words = "acme/shop is not parameterized";
    server.reply("POST", &path, text(400, "<html></html>").with("x-error", words));
    let fault = shop.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No);
    assert!(fault.to_string().contains(words), "{fault}");
}

#[tokio::test]
async fn a_look_that_ends_at_a_login_is_none_wherever_the_login_is() {
    for there in ["{base}/login?from=%2Fjob", "https://sso.test/authorize"] {
        let server = jenkins(&[]).await;
        let page = text(200, "<html>Sign in</html>").with("content-type", "text/html;charset=utf-8");
        server.reply("GET", "/login", page);
        server.reply("GET", &format!("{JOB}/api/json"), Reply::empty(302).with("location", there));
        let fault = look(&shop(&server)).await.unwrap_err();
        assert!(fault.hint.as_ref().unwrap().as_str().contains("login"), "{fault:?}");
    }
}

#[tokio::test]
async fn lines_of_a_console_end_where_they_end() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    seen(&shop).await;
    let console = text(200, "one\r\ntwo\r\n");
    server.reply("GET", &format!("{JOB}/16/logText/progressiveText"), console);
    assert_eq!(lines(&log(&shop, run("jenkins", "16"), "3").await), "one\ntwo");
}

#[tokio::test]
async fn a_stage_that_is_paused_waits_also_where_nobody_tells_for_what() {
    let server = jenkins(&[build(16, &Value::Null, JOB)]).await;
    server.get(&format!("{JOB}/16/api/json"), &build(16, &Value::Null, JOB));
    let tree = json!({"status": "ok", "data": {"complete": false, "stages": [
        {"id": "9", "name": "production", "state": "paused", "children": []}]}});
    server.get(&format!("{JOB}/16/stages/tree"), &tree);
    let shop = shop(&server);
    let seen = seen(&shop).await;
    assert_eq!(only(&seen).waits_for, WaitsFor::OtherSystem);
    assert!(shop.prepare(&approve(only(&seen))).await.is_err(), "and nobody decides it here");
    assert_eq!(crate::world::runs(&seen)[0].state, gonogo::domain::RunState::WaitingForHuman);
    assert_eq!(crate::world::runs(&seen)[0].revision.as_str(), NEW);
}

#[tokio::test]
async fn a_report_that_sums_others_up_counts_and_what_is_named_has_failed() {
    let server = jenkins(&[build(15, &json!("UNSTABLE"), JOB)]).await;
    let path = format!("{JOB}/15/testReport/api/json");
    server.get(&path, &json!({"totalCount": 14, "failCount": 2, "skipCount": 1}));
    let report = |seen: &gonogo::domain::Observation| crate::world::runs(seen)[0].tests.clone().unwrap();
    let summed = report(&seen(&shop(&server)).await);
    assert_eq!((summed.passed, summed.failed, summed.skipped), (11, 2, 1));
    let case = json!({"className": "cart", "name": "keeps", "status": "FAILED", "errorDetails": "no"});
    server
        .get(&path, &json!({"passCount": 3, "failCount": 0, "skipCount": 0, "suites": [{"cases": [case]}]}));
    let told = report(&seen(&shop(&server)).await);
    assert_eq!((told.failed, told.failures.len()), (1, 1));
    assert!(told.gap.unwrap().as_str().contains("1 named"));
}

#[tokio::test]
async fn an_input_that_does_not_tell_what_it_asks_for_is_not_given() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    for untold in [Some(Value::Null), None] {
        let mut build = waits(&build(16, &Value::Null, JOB), &json!([]));
        let input = build.pointer_mut("/actions/4/executions/0/input").unwrap().as_object_mut().unwrap();
        match untold {
            Some(null) => drop(input.insert("parameters".to_owned(), null)),
            None => drop(input.remove("parameters")),
        }
        server.get(&format!("{JOB}/16/api/json"), &build);
        let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (Cause::Malformed, Reached::No), "{fault}");
        assert!(fault.to_string().contains("parameters"), "{fault}");
    }
}
