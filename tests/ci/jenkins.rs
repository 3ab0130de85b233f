//! Jenkins: crumbs, branches, plugins that are there or not, commits of libraries, refusals in headers, consoles.

use gonogo::domain::log::LogAnswer;
use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{Cause, Decision, Reached, RunState, Settings, Target, Verb};
use serde_json::{Value, json};

use crate::recorded::jenkins::*;
use crate::scripted::Reply;
use crate::world::{
    NEW, OLD, approve, carry_out, intent, lines, log, look, only, remarks, requests, run, runs, seen, text,
    version,
};

#[tokio::test]
async fn an_input_is_a_gate_wherever_the_builds_own_address_points() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    let seen = seen(&shop).await;
    let gate = only(&seen);
    assert_eq!((gate.key.run.id.as_str(), gate.key.id.as_str()), ("16", "Ef95dd50"));
    assert_eq!(gate.may_decide, MayDecide::Yes);
    assert_eq!(gate.revision.as_str(), NEW);
    assert_eq!(runs(&seen)[0].state, RunState::WaitingForHuman);
    let plan = shop.prepare(&approve(gate)).await.unwrap();
    assert_eq!(requests(&plan), [format!("POST {JOB}/16/input/Ef95dd50/proceedEmpty")]);
    let reject = intent("jenkins", Verb::Reject, Target::Gate(gate.key.clone()));
    let plan = shop.prepare(&reject).await.unwrap();
    assert_eq!(requests(&plan), [format!("POST {JOB}/16/input/Ef95dd50/abort")]);
}

#[tokio::test]
async fn a_password_is_sent_with_the_crumb_of_its_session_and_nothing_without_one() {
    let server = waiting(&json!([])).await;
    let shop = shop_with(&server, "password", Settings::default(), with_version());
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    let crumb = json!({"crumb": "c0ffee", "crumbRequestField": "Jenkins-Crumb"});
    let reply = Reply::json(200, &crumb).with("set-cookie", "JSESSIONID.1=node0abc; Path=/; HttpOnly");
    server.reply("GET", "/crumbIssuer/api/json", reply);
    server.reply("POST", &format!("{JOB}/16/input/Ef95dd50/proceedEmpty"), Reply::empty(200));
    server.asked();
    carry_out(&shop, &plan).await.unwrap();
    let asked = server.asked();
    let post = asked.iter().find(|asked| asked.method == "POST").unwrap();
    assert_eq!(post.headers["jenkins-crumb"], "c0ffee");
    assert_eq!(post.headers["cookie"], "JSESSIONID.1=node0abc");
    // A crumb that cannot be had is no reason to try without.
    server.reply("GET", "/crumbIssuer/api/json", Reply::empty(500));
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No, "{fault:?}");
    assert!(server.asked().iter().all(|asked| asked.method == "GET"));
}

#[tokio::test]
async fn a_token_needs_no_crumb_and_a_refusal_says_what_its_header_says() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    let path = format!("{JOB}/16/input/Ef95dd50/proceedEmpty");
    let words = "mara need to have Job/Build permission to submit this.";
    server.reply("POST", &path, text(400, "<html>oops</html>").with("x-error", words));
    server.asked();
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No, "{fault:?}");
    assert!(fault.to_string().contains(words), "{fault}");
    assert!(!server.asked().iter().any(|asked| asked.path.contains("crumb")));
}

#[tokio::test]
async fn branches_of_a_multibranch_project_keep_their_names_and_are_addressed_as_encoded() {
    let server = jenkins(&[]).await;
    let place = format!("{JOB}/job/feature%252Fx");
    let branch = |name: &str, builds: Value| json!({"name": name, "url": "x", "builds": builds});
    let one = build(7, &json!("SUCCESS"), &place);
    let other = build(9, &json!("FAILURE"), &format!("{JOB}/job/main"));
    server.get(
        &format!("{JOB}/api/json"),
        &json!({"name": "shop", "jobs": [branch("feature%2Fx", json!([one])), branch("main", json!([other]))]}),
    );
    let seen = seen(&shop(&server)).await;
    let mut found: Vec<_> = runs(&seen)
        .iter()
        .map(|run| (run.key.id.to_string(), run.branch.clone().unwrap().to_string()))
        .collect();
    found.sort();
    let both = [("job/feature%252Fx/7", "feature/x"), ("job/main/9", "main")];
    assert_eq!(found, both.map(|(id, branch)| (id.to_owned(), branch.to_owned())));
    let shop =
        shop_with(&server, "token", Settings::default().with_text("branch", "feature/x"), with_version());
    let seen = crate::world::seen(&shop).await;
    assert_eq!(runs(&seen).len(), 1, "only the branch that was asked for");
}

#[tokio::test]
async fn stages_are_told_by_whichever_plugin_there_is() {
    let graph = json!({"status": "ok", "data": {"complete": true, "stages": [
        {"id": 3, "name": "build", "state": "success", "startTimeMillis": 1_787_216_400_000_i64, "totalDurationMillis": 5000,
            "children": []},
        {"id": 9, "name": "test", "state": "unstable", "children": [{"id": 10, "name": "unit", "state": "unstable", "children": []}]}]}});
    let view = json!({"id": "15", "stages": [
        {"id": "6", "name": "build", "status": "SUCCESS", "startTimeMillis": 1_787_216_400_000_i64, "durationMillis": 5000}]});
    let done = [build(15, &json!("UNSTABLE"), JOB)];
    for (tree, describe, names) in [
        (Some(&graph), Some(&view), vec!["build", "test", "test / unit"]),
        (None, Some(&view), vec!["build"]),
        (None, None, vec![]),
    ] {
        let server = jenkins(&done).await;
        if let Some(tree) = tree {
            server.get(&format!("{JOB}/15/stages/tree"), tree);
        }
        if let Some(describe) = describe {
            server.get(&format!("{JOB}/15/wfapi/describe"), describe);
        }
        let seen = seen(&shop(&server)).await;
        let run = &runs(&seen)[0];
        assert_eq!(run.jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(run.state, RunState::Warned, "unstable is no clean pass");
    }
}

#[tokio::test]
async fn an_old_input_step_is_read_from_stage_view() {
    let server = waiting(&json!([])).await;
    let mut old = build(16, &Value::Null, JOB);
    old["actions"]
        .as_array_mut()
        .unwrap()
        .push(json!({"_class": "org.jenkinsci.plugins.workflow.support.steps.input.InputAction"}));
    server.get(&format!("{JOB}/16/api/json"), &old);
    let pending = json!([{"id": "Ship", "message": "Deploy to production?", "inputs": [],
        "proceedUrl": "/x", "abortUrl": "/y"}]);
    server.get(&format!("{JOB}/16/wfapi/pendingInputActions"), &pending);
    let seen = seen(&shop(&server)).await;
    assert_eq!(only(&seen).key.id, "Ship");
    assert_eq!(only(&seen).may_decide, MayDecide::Unknown, "stage view does not tell who may");
}

#[tokio::test]
async fn the_commit_is_the_projects_and_never_a_librarys() {
    let library = checkout("https://git.test/acme/pipeline-library.git", OLD);
    let mut one = build(15, &json!("SUCCESS"), JOB);
    one["actions"].as_array_mut().unwrap().insert(0, library.clone());
    let server = jenkins(&[one]).await;
    assert_eq!(runs(&seen(&shop(&server)).await)[0].revision.as_str(), NEW);
    // Two that could be meant: none is guessed.
    let mut two = build(15, &json!("SUCCESS"), JOB);
    let actions = two["actions"].as_array_mut().unwrap();
    actions.pop();
    actions.extend([library.clone(), checkout("https://git.test/acme/monolith.git", NEW)]);
    let server = jenkins(&[two]).await;
    assert_eq!(runs(&seen(&shop(&server)).await)[0].revision.as_str(), "");
    let configured =
        shop_with(&server, "token", Settings::default().with_text("remote", "/monolith"), with_version());
    assert_eq!(runs(&seen(&configured).await)[0].revision.as_str(), NEW);
}

#[tokio::test]
async fn a_form_is_sent_whole_and_what_it_does_not_offer_is_refused() {
    let parameters = json!([
        {"name": "REGION", "type": "ChoiceParameterDefinition", "choices": ["eu", "us"]},
        {"name": "DRY", "type": "BooleanParameterDefinition", "defaultParameterValue": {"value": true}}]);
    let server = waiting(&parameters).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    assert_eq!(gate.asks.len(), 2);
    let mut wanted = approve(&gate);
    wanted.answers.insert("REGION".into(), "us".into());
    let plan = shop.prepare(&wanted).await.unwrap();
    let [request] = <[String; 1]>::try_from(requests(&plan)).unwrap();
    assert!(request.starts_with(&format!("POST {JOB}/16/input/Ef95dd50/proceed json=")), "{request}");
    for part in ["REGION", "us", "DRY", "true"] {
        assert!(request.contains(part), "{request}");
    }
    wanted.answers.insert("REGION".into(), "mars".into());
    let fault = shop.prepare(&wanted).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No));
}

#[tokio::test]
async fn a_stop_is_taken_by_a_redirect_and_not_by_one_to_a_login() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    let plan =
        shop.prepare(&intent("jenkins", Verb::Cancel, Target::Run(run("jenkins", "16")))).await.unwrap();
    assert_eq!(requests(&plan), [format!("POST {JOB}/16/stop")]);
    let there = |location: &str| Reply::empty(302).with("location", location);
    server.reply("POST", &format!("{JOB}/16/stop"), there("https://ci.internal.test/job/acme/job/shop/16/"));
    carry_out(&shop, &plan).await.unwrap();
    server.reply("POST", &format!("{JOB}/16/stop"), there("/login?from=%2Fjob"));
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unauthorized, "{fault}");
}

#[tokio::test]
async fn a_job_is_started_with_its_parameters_as_a_form() {
    let server = jenkins(&[build(15, &json!("SUCCESS"), JOB)]).await;
    let shop = shop(&server);
    let plan = shop.prepare(&intent("jenkins", Verb::Promote, version(Some("v2.8.0")))).await.unwrap();
    assert_eq!(requests(&plan), [format!("POST {JOB}/buildWithParameters VERSION=v2.8.0")]);
    let reply = Reply::empty(201).with("location", "https://ci.internal.test/queue/item/77/");
    server.reply("POST", &format!("{JOB}/buildWithParameters"), reply);
    let receipt = shop.perform(&plan.steps[0]).await.unwrap();
    assert_eq!(receipt.says, "queue item 77");
    assert!(
        shop.prepare(&intent("jenkins", Verb::Promote, version(None))).await.is_err(),
        "no version, no build"
    );
}

#[tokio::test]
async fn who_decided_stands_in_the_console_and_one_that_is_gone_hides_no_gate() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let console =
        "[Pipeline] input\nDeploy to production?\nProceed or Abort\nApproved by Omar Ben\n[Pipeline] sh\n";
    server.get(&format!("{JOB}/16/api/json"), &build(16, &Value::Null, JOB));
    server.reply("GET", &format!("{JOB}/16/logText/progressiveText"), text(200, console));
    let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved);
    assert!(fault.to_string().contains("approved by Omar Ben"), "{fault}");
    let ask = gonogo::domain::Ask { runs: vec![gate.key.run.clone()], ..gonogo::domain::Ask::default() };
    let reviews = |seen: &gonogo::domain::Observation| runs(seen)[0].reviews.clone();
    let seen = shop.observe(&ask).await.unwrap();
    assert_eq!((reviews(&seen)[0].decision, reviews(&seen)[0].by.as_str()), (Decision::Approved, "Omar Ben"));
    server.get(&format!("{JOB}/16/api/json"), &waits(&build(16, &Value::Null, JOB), &json!([])));
    server.reply("GET", &format!("{JOB}/16/logText/progressiveText"), text(404, ""));
    let seen = shop.observe(&ask).await.unwrap();
    assert!(reviews(&seen).is_empty());
    assert_eq!(only(&seen).key, gate.key);
}

#[tokio::test]
async fn a_console_that_grows_says_so() {
    let server = waiting(&json!([])).await;
    let shop = shop(&server);
    seen(&shop).await;
    let growing = text(200, "+ make\n").with("x-more-data", "true").with("x-text-size", "7");
    server.reply("GET", &format!("{JOB}/16/logText/progressiveText"), growing);
    let answer = log(&shop, run("jenkins", "16"), "3").await;
    assert!(lines(&answer).contains("+ make"));
    let LogAnswer::Here(log) = &answer else { panic!("{answer:?}") };
    assert_eq!(log.end, gonogo::domain::log::LogEnd::Growing);
}

#[tokio::test]
async fn a_login_page_with_200_is_no_look_and_a_queue_is_told() {
    let server = jenkins(&[]).await;
    server.get(
        &format!("{JOB}/api/json"),
        &json!({"name": "shop", "builds": [], "inQueue": true, "queueItem": {"why": "Waiting for next available executor"}}),
    );
    let shop = shop(&server);
    assert!(remarks(&seen(&shop).await).contains("next available executor"));
    let page = text(200, "<html><form>Sign in</form></html>").with("content-type", "text/html;charset=utf-8");
    server.reply("GET", &format!("{JOB}/api/json"), page);
    let fault = look(&shop).await.unwrap_err();
    assert!(format!("{:?}", fault.hint).contains("login"), "{fault:?}");
}
