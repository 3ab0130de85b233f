//! R21 and R31 at the CI providers: whatever the server answers, a credential goes to it and nowhere else, and is in
//! nothing that is said.

use std::sync::Arc;

use gonogo::domain::{Fault, Gate, Prepared, Reached, Settings, Step};
use gonogo::provider::Provider;
use serde_json::json;

use crate::canary::{Scanner, finds_every_form};
use crate::recorded::{awx, circleci, gitlab, jenkins, terraform_cloud};
use crate::scripted::{Reply, Scripted};
use crate::world::{SECRET, approve, log, look, only, seen, text};

const CODES: [u16; 5] = [301, 302, 303, 307, 308];

/// A provider with the plan of an approval, its server, and the paths that a look and a log ask for.
struct Case {
    name: &'static str,
    server: Scripted,
    provider: Arc<dyn Provider>,
    gate: Gate,
    plan: Prepared,
    read: String,
}

async fn case(name: &'static str, server: Scripted, provider: Arc<dyn Provider>, read: String) -> Case {
    let gate = only(&seen(&provider).await).clone();
    let plan = provider.prepare(&approve(&gate)).await.unwrap();
    server.asked();
    Case { name, server, provider, gate, plan, read }
}

async fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let server = gitlab::blocked(1).await;
    let provider = gitlab::shop(&server);
    all.push(case("gitlab", server, provider, format!("{}/pipelines", gitlab::PROJECT)).await);
    for (name, secret) in [("jenkins, token", "token"), ("jenkins, password", "password")] {
        let server = jenkins::waiting(&json!([])).await;
        let crumb = json!({"crumb": "c0ffee-crumb-of-the-session", "crumbRequestField": "Jenkins-Crumb"});
        let cookie = "JSESSIONID.1=node0-session-of-mara; Path=/; HttpOnly";
        server.reply("GET", "/crumbIssuer/api/json", Reply::json(200, &crumb).with("set-cookie", cookie));
        let provider = jenkins::shop_with(&server, secret, Settings::default(), jenkins::with_version());
        all.push(case(name, server, provider, format!("{}/api/json", jenkins::JOB)).await);
    }
    let server =
        circleci::project(&[circleci::workflow("w-1", "on_hold", "2026-08-20T09:00:00Z")], &circleci::jobs())
            .await;
    let provider = circleci::shop(&server);
    all.push(case("circleci", server, provider, format!("{}/pipeline", circleci::PROJECT)).await);
    let server = terraform_cloud::workspace(&[terraform_cloud::run("run-2", "policy_checked")]).await;
    let provider = terraform_cloud::shop(&server);
    all.push(case("terraform-cloud", server, provider, terraform_cloud::RUNS.to_owned()).await);
    let server = awx::workflow(&[awx::run(31, "running")], &[awx::approval(75, 31, "pending")]).await;
    let provider = awx::shop(&server);
    all.push(case("awx", server, provider, format!("{}/workflow_approvals/", awx::API)).await);
    all
}

fn path_of(case: &Case, step: &Step) -> String {
    let root = match case.name {
        "gitlab" => "/api/v4",
        "circleci" => circleci::API,
        "terraform-cloud" => terraform_cloud::API,
        "awx" => awx::API,
        _ => "",
    };
    format!("{root}{}", step.path)
}

fn scanner() -> Scanner {
    let session = "JSESSIONID.1=node0-session-of-mara";
    Scanner::new(&[("token", SECRET), ("crumb", "c0ffee-crumb-of-the-session"), ("session", session)])
}

/// No trace of a secret in a fault.
fn discreet(scanner: &Scanner, what: &str, fault: &Fault) {
    let text = format!("{fault} {fault:?} {:?}", fault.hint);
    assert_eq!(scanner.scan(what, text.as_bytes()), []);
}

#[test]
fn the_scanner_finds_every_form_of_a_canary() {
    finds_every_form();
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_nothing_there() {
    let (scanner, sink) = (scanner(), crate::world::server().await);
    let mut told = 0;
    for case in cases().await {
        for code in CODES {
            let what = format!("{code} at {}", case.name);
            let away = |path: &str| Reply::empty(code).with("location", format!("{}{path}", sink.url));
            let step = &case.plan.steps[0];
            case.server.reply("GET", &case.read, away("/read"));
            case.server.reply("POST", &path_of(&case, step), away("/write"));
            case.server.asked();
            let read = look(&case.provider).await.unwrap_err();
            let write = case.provider.perform(step).await.unwrap_err();
            assert_eq!(write.reached, Reached::No, "{what}: {write}");
            for fault in [&read, &write] {
                discreet(&scanner, &what, fault);
                told += 1;
            }
            let posts = case.server.asked().iter().filter(|asked| asked.method == "POST").count();
            assert_eq!(posts, 1, "{what}: sent once");
            assert!(sink.asked().is_empty(), "{what}");
        }
    }
    println!("R21: {told} faults, nothing at the other host");
}

#[tokio::test]
async fn what_a_server_repeats_of_a_credential_is_not_said() {
    let scanner = scanner();
    for case in cases().await {
        // As it came: Jenkins gets user and secret together, in base64.
        let echo = if case.name.starts_with("jenkins") {
            base64(&format!("mara:{SECRET}"))
        } else {
            SECRET.to_owned()
        };
        for status in [400, 401, 403, 404, 409, 422, 429, 500] {
            let what = format!("{status} at {}", case.name);
            let words = format!("no entry for {SECRET} nor {echo}");
            let reply = || {
                let errors = [json!({"status": status, "title": words, "detail": words})];
                Reply::json(status, &json!({"message": words, "error": words, "errors": errors}))
                    .with("x-error", words.clone())
            };
            let step = &case.plan.steps[0];
            case.server.reply("GET", &case.read, reply());
            case.server.reply("POST", &path_of(&case, step), reply());
            let read = look(&case.provider).await.unwrap_err();
            let write = case.provider.perform(step).await.unwrap_err();
            for fault in [&read, &write] {
                discreet(&scanner, &what, fault);
            }
        }
        let asked = case.server.asked();
        assert!(asked.iter().any(|asked| asked.headers.contains_key("authorization")), "{}", case.name);
        for asked in asked {
            let place = format!("{} {}", asked.method, asked.path);
            let line = format!("{} {}", asked.path, asked.body);
            assert_eq!(scanner.scan(&place, line.as_bytes()), [], "neither in addresses nor in bodies");
        }
    }
}

#[tokio::test]
async fn a_log_that_repeats_a_credential_does_not_show_it() {
    let scanner = scanner();
    for case in cases().await {
        let trace = format!("+ curl -H 'Authorization: Bearer {SECRET}'\nnext\n");
        let job = match case.name {
            "gitlab" => {
                let job = gitlab::job(11, "deploy", "deploy", "running");
                case.server.get(&format!("{}/jobs/11", gitlab::PROJECT), &job);
                case.server.reply("GET", &format!("{}/jobs/11/trace", gitlab::PROJECT), text(200, &trace));
                "11"
            }
            // Their logs lie in stores, which get no credential to repeat.
            "circleci" | "terraform-cloud" => continue,
            "awx" => {
                case.server.reply("GET", &format!("{}/jobs/30/stdout/", awx::API), text(200, &trace));
                "30"
            }
            _ => {
                let console = format!("{}/16/logText/progressiveText", jenkins::JOB);
                case.server.reply("GET", &console, text(200, &trace));
                "3"
            }
        };
        let answer = log(&case.provider, case.gate.key.run.clone(), job).await;
        let shown = crate::world::lines(&answer);
        assert!(shown.contains("next"), "{shown}");
        assert_eq!(scanner.scan(case.name, shown.as_bytes()), []);
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
