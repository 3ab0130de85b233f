//! Every switch for faults does what it says, and the ledger tells the truth about it.

use super::{ask, client, get, newest_run, pass, review, start};
use gonogo::sandbox::{Act, Answered, Effect, Rule, Sandbox, Server};
use reqwest::Method;
use std::time::Duration;

async fn plain(sandbox: &Sandbox) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/repos/acme/checkout", sandbox.urls().github);
    client().get(url).bearer_auth("demo-token").timeout(Duration::from_millis(700)).send().await
}

#[tokio::test]
async fn a_lost_answer_takes_effect() {
    let sandbox = start("release-day");
    let rule = Rule::once(Server::Github, Act::DropAfter).on("POST", "*/pending_deployments");
    sandbox.faults().add(rule);
    assert!(review(&sandbox, "demo-token", "checkout", "approved").await.is_err());
    let writes = sandbox.faults().writes(Server::Github);
    assert_eq!(writes.len(), 1);
    assert_eq!((writes[0].effect, writes[0].answered), (Effect::Applied, Answered::Dropped));
    let run = newest_run(&sandbox, "checkout").await;
    let left = get(&sandbox, &format!("/repos/acme/checkout/actions/runs/{run}/pending_deployments")).await;
    assert!(left.as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_cut_before_has_no_effect() {
    let sandbox = start("release-day");
    let rule = Rule::once(Server::Github, Act::DropBefore).on("POST", "*/pending_deployments");
    sandbox.faults().add(rule);
    assert!(review(&sandbox, "demo-token", "checkout", "approved").await.is_err());
    let writes = sandbox.faults().writes(Server::Github);
    assert_eq!((writes[0].effect, writes[0].answered), (Effect::NotApplied, Answered::Dropped));
    assert_eq!(review(&sandbox, "demo-token", "checkout", "approved").await.unwrap().status(), 200);
}

/// What a request's end says, cause by cause.
fn causes(error: &reqwest::Error) -> String {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said.push_str(&format!(": {error}"));
        cause = error.source();
    }
    said
}

#[tokio::test]
async fn a_connection_is_reset_before_or_after_the_effect() {
    for (act, effect) in [(Act::ResetBefore, Effect::NotApplied), (Act::ResetAfter, Effect::Applied)] {
        let sandbox = start("release-day");
        sandbox.faults().add(Rule::once(Server::Github, act).on("POST", "*/pending_deployments"));
        let error = review(&sandbox, "demo-token", "checkout", "approved").await.unwrap_err();
        assert!(causes(&error).contains("reset"), "{}", causes(&error));
        let writes = sandbox.faults().writes(Server::Github);
        assert_eq!(writes.len(), 1);
        assert_eq!((writes[0].effect, writes[0].answered), (effect, Answered::Dropped));
    }
}

#[tokio::test]
async fn a_server_that_stays_silent_gives_no_byte() {
    for act in [Act::SilenceBefore, Act::SilenceAfter] {
        let sandbox = start("quiet");
        sandbox.faults().add(Rule::once(Server::Github, act));
        assert!(plain(&sandbox).await.unwrap_err().is_timeout());
        assert_eq!(sandbox.faults().ledger().len(), 1);
    }
}

#[tokio::test]
async fn a_bad_gateway_after_takes_effect() {
    let sandbox = start("release-day");
    let rule = Rule::once(Server::Github, Act::BadGatewayAfter).on("POST", "*/pending_deployments");
    sandbox.faults().add(rule);
    assert_eq!(review(&sandbox, "demo-token", "checkout", "approved").await.unwrap().status(), 502);
    assert_eq!(sandbox.faults().writes(Server::Github)[0].effect, Effect::Applied);
}

#[tokio::test]
async fn bodies_stall_break_off_and_lie() {
    let sandbox = start("quiet");
    sandbox.faults().add(Rule::once(Server::Github, Act::StallBody));
    let stalled = plain(&sandbox).await.unwrap();
    assert!(stalled.bytes().await.unwrap_err().is_timeout());
    sandbox.faults().add(Rule::once(Server::Github, Act::TruncateBody));
    assert!(plain(&sandbox).await.unwrap().bytes().await.is_err());
    sandbox.faults().add(Rule::once(Server::Github, Act::GarbageJson));
    let garbage = plain(&sandbox).await.unwrap().text().await.unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&garbage).is_err());
    sandbox.faults().add(Rule::once(Server::Github, Act::LoginPage));
    let page = plain(&sandbox).await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(plain(&sandbox).await.unwrap().json::<serde_json::Value>().await.is_ok());
}

#[tokio::test]
async fn limits_look_like_limits() {
    let sandbox = start("quiet");
    sandbox.faults().add(Rule::once(Server::Github, Act::QuotaExhausted { reset: 90 }));
    let quota = plain(&sandbox).await.unwrap();
    assert_eq!(
        (quota.status().as_u16(), &quota.headers()["x-ratelimit-remaining"]),
        (403, &"0".parse().unwrap())
    );
    sandbox.faults().add(Rule::once(Server::Github, Act::TooManyRequests { retry_after: 7 }));
    let many = plain(&sandbox).await.unwrap();
    assert_eq!((many.status().as_u16(), &many.headers()["retry-after"]), (429, &"7".parse().unwrap()));
}

#[tokio::test]
async fn a_refusing_server_comes_back_on_the_same_port() {
    let sandbox = start("quiet");
    assert!(plain(&sandbox).await.is_ok());
    sandbox.faults().refuse(Server::Github);
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while !plain(&sandbox).await.is_err_and(|error| error.is_connect()) {
        assert!(std::time::Instant::now() < deadline, "it still takes connections");
        tokio::task::yield_now().await;
    }
    sandbox.faults().restore(Server::Github);
    while plain(&sandbox).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "it does not come back");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_rule_lets_pass_what_it_should_and_strikes_as_often_as_it_says() {
    let sandbox = start("quiet");
    let answer =
        Act::Answer { status: 503, headers: vec![("retry-after".into(), "1".into())], body: "{}".into() };
    sandbox.faults().add(Rule::once(Server::Github, answer).on("GET", "/repos/acme/checkout").after(1));
    let statuses = [plain(&sandbox).await, plain(&sandbox).await, plain(&sandbox).await]
        .map(|answer| answer.unwrap().status().as_u16());
    assert_eq!(statuses, [200, 503, 200]);
    sandbox.faults().add(Rule::once(Server::Github, Act::Delay(Duration::from_millis(60))));
    let begin = std::time::Instant::now();
    assert!(plain(&sandbox).await.is_ok());
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn the_ledger_has_every_request() {
    let sandbox = start("quiet");
    get(&sandbox, "/repos/acme/checkout/tags?per_page=1").await;
    let refused = ask(&sandbox, "nils-token", Method::POST, "/repos/acme/checkout/git/refs", None).await;
    assert_eq!(refused.status(), 403);
    pass(&sandbox, 1);
    let ledger = sandbox.faults().ledger();
    assert_eq!(ledger.len(), 2);
    assert_eq!(ledger[0].path, "/repos/acme/checkout/tags?per_page=1");
    assert_eq!((ledger[0].effect, ledger[1].effect), (Effect::Read, Effect::NotApplied));
    assert_eq!(ledger[1].answered, Answered::Status(403));
}
