//! The log of a job: by an address at another host that gets no credential; every refusal in plain words.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use gonogo::domain::log::{LineKind, LogAnswer, LogEnd, LogTold};
use gonogo::domain::{Ask, Cause, JobKey, RunKey, ServiceName, SourceName};
use gonogo::sandbox::github::OPERATOR_TOKEN;
use gonogo::sandbox::{Act, Clock, Options, Rule, Sandbox, Scenario, Server};
use serde_json::{Value, json};

use crate::faults::SECRET;
use crate::sandbox::as_user;
use crate::scripted::{Reply, Scripted};
use crate::world::{REPO, RUN, at, jobs, list, provider, run, shop};

fn key(service: &str, run: impl ToString, job: impl ToString) -> JobKey {
    let run = RunKey {
        source: SourceName::new("github"),
        service: ServiceName::new(service),
        id: run.to_string().as_str().into(),
    };
    JobKey { run, id: job.to_string().as_str().into() }
}

fn asking(job: JobKey) -> Ask {
    Ask { log: Some(job), ..Ask::default() }
}

/// A storage host that writes down whole requests.
struct Store {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn store(status: u16, kind: &'static str, body: &'static str) -> Store {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let answer = move |State(heard): State<Arc<Mutex<Vec<String>>>>, request: Request| async move {
        heard.lock().unwrap().push(format!("{} {} {:?}", request.method(), request.uri(), request.headers()));
        (StatusCode::from_u16(status).unwrap(), [("content-type", kind)], body)
    };
    let router = Router::new().fallback(answer).with_state(Arc::clone(&heard));
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Store { url, heard, task }
}

/// A run whose job 1 has ended and whose job 2 waits.
async fn shop_with(log: Reply) -> Scripted {
    let server = Scripted::start(at("2026-08-20T09:13:00Z")).await;
    server.get("/user", &json!({"login": "mara", "id": 1}));
    server.get(&format!("{REPO}/actions/runs"), &list(&[run(RUN, "in_progress", Value::Null)]));
    server.get(&format!("{REPO}/actions/runs/{RUN}/jobs"), &jobs());
    server.get(&format!("{REPO}/actions/runs/{RUN}/pending_deployments"), &json!([]));
    server.get(&format!("{REPO}/actions/runs/{RUN}/approvals"), &json!([]));
    server.get(&format!("{REPO}/deployments"), &json!([]));
    server.reply("GET", &format!("{REPO}/actions/jobs/1/logs"), log);
    server
}

async fn told(server: &Scripted, job: u64) -> LogTold {
    let asked = asking(key("shop", RUN, job));
    provider(&server.url, shop()).observe(&asked).await.unwrap().log.unwrap()
}

#[tokio::test]
async fn a_log_is_fetched_from_its_storage_host_without_the_credential() {
    let text = "\u{feff}2026-08-20T09:00:05.0000000Z ##[group]Run make\n2026-08-20T09:00:06.0000000Z ##[error]exit code 1\n";
    let store = store(200, "text/plain", text).await;
    let server =
        shop_with(Reply::empty(302).with("location", format!("{}/blob?sig=s3cr3t&se=1", store.url))).await;
    let told = told(&server, 1).await;
    let LogAnswer::Here(log) = &told.answer else { panic!("{told:?}") };
    let kinds: Vec<LineKind> = log.lines.iter().map(|line| line.kind).collect();
    assert_eq!((kinds, &log.end), (vec![LineKind::Group, LineKind::Error], &LogEnd::Complete));
    let heard = store.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].starts_with("GET /blob?sig=s3cr3t&se=1"), "{heard:?}");
    for secret in [SECRET, "authorization", "cookie", "referer", "x-github"] {
        assert!(!heard[0].to_lowercase().contains(&secret.to_lowercase()), "{secret}: {heard:?}");
    }
    let asked = server.asked();
    let asked = asked.iter().find(|a| a.path.ends_with("/logs")).unwrap();
    assert!(asked.headers["authorization"].contains(SECRET), "GitHub itself is told who asks");
}

#[tokio::test]
async fn a_job_that_has_not_ended_is_not_asked_for_its_log() {
    let server = shop_with(Reply::empty(404)).await;
    let told = told(&server, 2).await;
    let LogAnswer::NotYet(why) = &told.answer else { panic!("{told:?}") };
    assert!(why.as_str().contains("only once the job has ended"), "{why}");
    assert!(!told.answer.settled(), "it is asked for again");
    assert!(server.asked().iter().all(|a| !a.path.ends_with("/logs")));
}

#[tokio::test]
async fn nobody_is_asked_for_a_log_that_nobody_looks_at() {
    let server = shop_with(Reply::empty(404)).await;
    let seen = provider(&server.url, shop()).observe(&Ask::default()).await.unwrap();
    assert_eq!(seen.log, None);
    let other = asking(key("another", RUN, 1));
    assert_eq!(provider(&server.url, shop()).observe(&other).await.unwrap().log, None);
    assert!(server.asked().iter().all(|a| !a.path.ends_with("/logs")));
}

#[tokio::test]
async fn every_refusal_of_a_log_is_told_in_plain_words_and_spoils_nothing_else() {
    let message = |text: &str| json!({"message": text});
    let gone = Reply::json(410, &message("Server Error"));
    for (reply, cause, words, settled) in [
        (Reply::json(404, &message("Not Found")), Cause::NotFound, "never ran on a runner", false),
        (gone, Cause::NotFound, "GitHub has deleted this log", true),
        (Reply::json(403, &message("Resource not accessible")), Cause::Forbidden, "the token", true),
        (Reply::json(500, &message("oops")), Cause::ServerFailed, "500", false),
        (
            Reply::empty(302).with("location", "http://logs.example.test/x?sig=s3cr3t"),
            Cause::Redirected,
            "logs.example.test",
            false,
        ),
        (
            Reply::empty(302).with("location", "https://a:b@127.0.0.1:1/x"),
            Cause::Redirected,
            "user name",
            false,
        ),
        (
            Reply::empty(302).with("location", "http://127.0.0.1:1/x?sig=s3cr3t"),
            Cause::Unreachable,
            "127.0.0.1:1",
            false,
        ),
    ] {
        let server = shop_with(reply).await;
        let seen = provider(&server.url, shop()).observe(&asking(key("shop", RUN, 1))).await.unwrap();
        assert_eq!(seen.pipelines.len(), 1, "runs are seen all the same");
        let LogAnswer::Failed(fault) = &seen.log.as_ref().unwrap().answer else { panic!("{seen:?}") };
        let text = format!("{fault} {}", fault.hint.clone().unwrap_or_default());
        assert_eq!(fault.cause, cause, "{text}");
        assert!(text.contains(words), "{words:?} is not in {text:?}");
        assert!(!text.contains("s3cr3t") && !text.contains(SECRET), "{text}");
        assert_eq!(seen.log.as_ref().unwrap().answer.settled(), settled, "{text}");
    }
}

#[tokio::test]
async fn what_the_storage_host_refuses_is_told_with_both_hosts() {
    for (status, kind, cause) in [
        (403, "application/xml", Cause::Forbidden),
        (404, "application/xml", Cause::NotFound),
        (503, "text/plain", Cause::ServerFailed),
        (302, "text/plain", Cause::Refused),
        (200, "text/html; charset=utf-8", Cause::Malformed),
    ] {
        let store = store(status, kind, "no").await;
        let address = format!("{}/blob?sig=s3cr3t", store.url);
        let server = shop_with(Reply::empty(302).with("location", address)).await;
        let told = told(&server, 1).await;
        let LogAnswer::Failed(fault) = &told.answer else { panic!("{status}: {told:?}") };
        let text = fault.to_string();
        assert_eq!(fault.cause, cause, "{text}");
        for host in [&server.url, &store.url] {
            assert!(text.contains(host.trim_start_matches("http://")), "{host}: {text}");
        }
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

#[tokio::test]
async fn a_limit_met_while_asking_for_a_log_is_obeyed_as_any_other() {
    let limited = Reply::json(429, &json!({"message": "slow down"})).with("retry-after", "60");
    let server = shop_with(limited).await;
    let fault = provider(&server.url, shop()).observe(&asking(key("shop", RUN, 1))).await.unwrap_err();
    assert_eq!(fault.cause, Cause::RateLimited, "{fault}");
}

async fn failing() -> (Sandbox, JobKey, JobKey, JobKey) {
    let options = Options { clock: Clock::Manual, ..Options::default() };
    let sandbox = Sandbox::start(Scenario::named("build-fails").unwrap(), options).unwrap();
    let seen = as_user(&sandbox, OPERATOR_TOKEN).observe(&Ask::default()).await.unwrap();
    let run = &seen.pipelines[&ServiceName::new("checkout")].runs[0];
    let job = |name: &str| {
        let job = run.jobs.iter().find(|job| job.name.as_str() == name).unwrap();
        JobKey { run: run.key.clone(), id: job.id.clone() }
    };
    let keys = (job("e2e"), job("scan"), job("unit"));
    (sandbox, keys.0, keys.1, keys.2)
}

#[tokio::test]
async fn the_sandbox_tells_where_the_end_to_end_tests_failed() {
    let (sandbox, e2e, scan, _) = failing().await;
    let operator = as_user(&sandbox, OPERATOR_TOKEN);
    let seen = operator.observe(&asking(e2e.clone())).await.unwrap();
    let run = &seen.pipelines[&ServiceName::new("checkout")].runs[0];
    let job = run.jobs.iter().find(|job| job.id == e2e.id).unwrap();
    let LogAnswer::Here(log) = &seen.log.as_ref().unwrap().answer else { panic!("{:?}", seen.log) };
    let opening = log.opening(&job.steps).unwrap();
    let line = &log.lines[log.index_of(opening)];
    assert!(line.text.as_str().contains("expected the cart of device B to hold 3 lines"), "{}", line.text);
    assert!(!line.paints.is_empty(), "its colour is known");
    let step = log.step_of(log.index_of(opening), &job.steps).unwrap();
    assert_eq!(job.steps[step].name.as_str(), "End-to-end tests");
    let seen = operator.observe(&asking(scan)).await.unwrap();
    let LogAnswer::Here(log) = &seen.log.unwrap().answer else { panic!("no log") };
    for line in &log.lines {
        assert!(!line.text.as_str().chars().any(char::is_control), "{:?}", line.text);
        assert!(
            !line.text.as_str().contains("evil") && !line.text.as_str().contains("Y3VybCB"),
            "{}",
            line.text
        );
    }
}

#[tokio::test]
async fn fifty_megabytes_are_read_and_two_are_kept() {
    let (sandbox, _, _, unit) = failing().await;
    let seen = as_user(&sandbox, OPERATOR_TOKEN).observe(&asking(unit)).await.unwrap();
    let LogAnswer::Here(log) = &seen.log.as_ref().unwrap().answer else { panic!("{:?}", seen.log) };
    let kept: usize = log.lines.iter().map(|line| line.text.as_str().len()).sum();
    println!("R20: {} bytes read, {} lines and {kept} bytes kept, {:?}", log.bytes, log.lines.len(), log.end);
    assert!(log.lines.len() <= gonogo::domain::log::LINES && kept <= gonogo::domain::log::BYTES);
    assert!(log.left_out.unwrap().lines > 0);
}

#[tokio::test]
async fn a_storage_host_that_stalls_or_drops_is_told_and_what_came_is_kept() {
    let (sandbox, e2e, _, _) = failing().await;
    let operator = as_user(&sandbox, OPERATOR_TOKEN);
    sandbox.faults().add(Rule::always(Server::Logs, Act::TruncateBody));
    let seen = operator.observe(&asking(e2e.clone())).await.unwrap();
    let LogAnswer::Here(log) = &seen.log.as_ref().unwrap().answer else { panic!("{:?}", seen.log) };
    assert!(matches!(log.end, LogEnd::Stopped(_)) && !log.lines.is_empty(), "{:?}", log.end);
    sandbox.faults().restore(Server::Logs);
    sandbox.faults().add(Rule::always(Server::Logs, Act::DropBefore));
    let seen = operator.observe(&asking(e2e)).await.unwrap();
    let LogAnswer::Failed(fault) = &seen.log.as_ref().unwrap().answer else { panic!("{:?}", seen.log) };
    assert_eq!(fault.cause, Cause::Unreachable, "{fault}");
}

/// The keystrokes from a fresh start to the line that says why: at most three.
#[test]
fn why_a_job_failed_is_read_with_one_key_from_a_fresh_start() {
    let keys = "L";
    let arguments = ["demo", "build-fails", "--print", "--size", "80x24", "--keys", keys];
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_gonogo")).args(arguments).output().unwrap();
    let frame = String::from_utf8_lossy(&ran.stdout);
    assert!(frame.contains("expected the cart of device B to hold 3 lines"), "{frame}\n{ran:?}");
    println!("why a job failed: {} key from a fresh start (at most 3)", keys.len());
}
