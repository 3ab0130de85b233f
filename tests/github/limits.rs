//! What GitHub refuses, how long it wants us to wait, and what that means for whom.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use gonogo::domain::{Ask, Cause, Retry, ServiceName, Settings};
use gonogo::provider::{Provider, github};
use serde_json::json;

use crate::faults::{self, FAULTS, SECRET, no_secret};
use crate::scripted::Reply;
use crate::world::*;

fn refusal(status: u16, message: &str, headers: &[(&str, &str)]) -> Reply {
    let body = json!({"message": message, "documentation_url": "https://docs.github.com", "status": status.to_string()});
    headers.iter().fold(Reply::json(status, &body), |reply, (name, value)| reply.with(name, *value))
}

#[tokio::test]
async fn a_limit_is_told_from_a_missing_permission_and_says_when_to_ask_again() {
    let after = |seconds| (Cause::RateLimited, Retry::After(Duration::from_secs(seconds)));
    // The server's clock stands at 09:20:00; 1787218200 is 09:30:00.
    let table = [
        (refusal(403, "slow down", &[("retry-after", "33")]), after(33)),
        (refusal(429, "slow down", &[("retry-after", "7")]), after(7)),
        (refusal(429, "slow down", &[]), after(60)),
        (
            refusal(403, "x", &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1787218200")]),
            after(600),
        ),
        (
            refusal(429, "x", &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1787218200")]),
            after(600),
        ),
        (refusal(403, "x", &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "soon")]), after(60)),
        (
            refusal(403, "x", &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999")]),
            after(3_600),
        ),
        (refusal(403, "You have exceeded a secondary rate limit. Please wait", &[]), after(60)),
        (refusal(403, "Resource not accessible", &[]), (Cause::Forbidden, Retry::WhenMended)),
    ];
    for (reply, (cause, retry)) in table {
        let server = waiting().await;
        server.reply("GET", &format!("{REPO}/actions/runs"), reply.clone());
        let fault = look(&provider(&server.url, shop())).await.unwrap_err();
        assert_eq!((fault.cause, fault.retry), (cause, retry), "{reply:?} {fault:?}");
    }
}

#[tokio::test]
async fn a_limit_ends_the_look_at_once() {
    let server = waiting().await;
    server.reply("GET", &of_run(RUN, "/jobs"), refusal(403, "secondary rate limit", &[("retry-after", "9")]));
    let fault = look(&provider(&server.url, shop())).await.unwrap_err();
    assert_eq!(fault.cause, Cause::RateLimited);
    assert!(server.asked().last().unwrap().path.contains("/jobs"), "nothing was asked after the refusal");
}

#[tokio::test]
async fn a_refusal_says_what_would_mend_it() {
    let table = [
        (refusal(403, "no", &[("x-accepted-github-permissions", "actions=read")]), "actions=read"),
        (refusal(403, "no", &[("x-accepted-oauth-scopes", "repo")]), "repo"),
        (refusal(403, "no", &[("x-github-sso", "required; url=https://x")]), "single sign-on"),
        (refusal(404, "Not Found", &[]), "may read this repository"),
        (refusal(401, "Bad credentials", &[]), "token"),
    ];
    for (reply, hint) in table {
        let server = waiting().await;
        server.reply("GET", &format!("{REPO}/actions/runs"), reply);
        let fault = look(&provider(&server.url, shop())).await.unwrap_err();
        assert!(fault.hint.as_ref().unwrap().as_str().contains(hint), "{fault:?}");
        if fault.cause == Cause::NotFound {
            assert!(fault.detail.as_str().contains("not found, or hidden from this token"), "{fault}");
        }
        no_secret("refusal", &format!("{fault} {fault:?}"));
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_token_does_not_make_us_repeat_it() {
    let server = waiting().await;
    let echo = format!("who is Bearer {SECRET}?");
    for status in [400, 401, 403, 404, 422, 500] {
        server.reply(
            "GET",
            &format!("{REPO}/actions/runs"),
            refusal(status, &echo, &[("x-accepted-oauth-scopes", SECRET)]),
        );
        let fault = look(&provider(&server.url, shop())).await.unwrap_err();
        no_secret("echo", &format!("{fault} {fault:?} {:?}", fault.hint));
    }
}

#[tokio::test]
async fn what_fails_for_one_project_fails_for_its_services_only() {
    let server = waiting().await;
    let mut bounds = shop();
    bounds.push(pipeline("cart", "acme/cart"));
    server.reply("GET", "/repos/acme/cart/actions/runs", refusal(500, "oops", &[]));
    let seen = seen(&provider(&server.url, bounds)).await;
    assert_eq!(seen.faults.keys().collect::<Vec<_>>(), [&ServiceName::new("cart")]);
    assert_eq!(seen.faults[&ServiceName::new("cart")].cause, Cause::ServerFailed);
    assert_eq!(seen.gates.len(), 1);
    assert!(!seen.pipelines.contains_key(&ServiceName::new("cart")), "nothing is invented for it");
}

#[tokio::test]
async fn a_detail_that_fails_is_a_fault_of_its_service_and_not_an_empty_answer() {
    for below in ["/jobs", "/pending_deployments", "/approvals"] {
        let server = waiting().await;
        let mut bounds = shop();
        bounds.push(pipeline("cart", "acme/cart"));
        server.get("/repos/acme/cart/actions/runs", &list(&[]));
        server.reply("GET", &of_run(RUN, below), refusal(502, "bad gateway", &[]));
        let seen = seen(&provider(&server.url, bounds)).await;
        assert_eq!(seen.faults.keys().collect::<Vec<_>>(), [&ServiceName::new("shop")], "{below}");
        assert!(seen.gates.is_empty(), "{below}: what was last seen is the world's to keep");
    }
}

#[tokio::test]
async fn deployments_that_may_not_be_read_do_not_hide_the_runs() {
    let server = waiting().await;
    let reply =
        refusal(403, "Resource not accessible", &[("x-accepted-github-permissions", "deployments=read")]);
    server.reply("GET", &format!("{REPO}/deployments?environment=production&per_page=10"), reply);
    let seen = seen(&provider(&server.url, shop())).await;
    assert!(seen.live.is_empty() && seen.gates.len() == 1);
    let remarks = &seen.pipelines[&ServiceName::new("shop")].remarks;
    assert!(remarks.iter().any(|r| r.as_str().contains("deployments=read")), "{remarks:?}");
}

#[tokio::test]
async fn a_token_that_is_nobodys_still_sees() {
    let server = waiting().await;
    server.reply("GET", "/user", refusal(403, "Resource not accessible by integration", &[]));
    let provider = provider(&server.url, shop());
    for _ in 0..2 {
        let seen = seen(&provider).await;
        assert_eq!(seen.identity, None);
        assert!(seen.remarks.iter().any(|r| r.as_str().contains("whose token")), "{:?}", seen.remarks);
    }
    assert_eq!(server.asked().iter().filter(|a| a.path == "/user").count(), 1);
}

#[tokio::test]
async fn after_a_refused_token_who_we_are_is_asked_again() {
    let server = waiting().await;
    let provider = provider(&server.url, shop());
    assert_eq!(seen(&provider).await.identity.unwrap(), "omar");
    server.reply("GET", &format!("{REPO}/actions/runs"), refusal(401, "Bad credentials", &[]));
    assert_eq!(look(&provider).await.unwrap_err().cause, Cause::Unauthorized);
    server.get(&format!("{REPO}/actions/runs"), &list(&[])).get("/user", &json!({"login": "rhea"}));
    server.asked();
    assert_eq!(seen(&provider).await.identity.unwrap(), "rhea");
    let asked = server.asked();
    assert!(asked.iter().all(|a| a.status == 200), "another token's tags are not used: {asked:?}");
}

#[tokio::test]
async fn little_budget_is_spent_on_what_moves_or_is_looked_at() {
    let server = waiting().await;
    let idle = run(100, "completed", json!("success"));
    server.get("/repos/acme/cart/actions/runs", &list(&[idle]));
    server.get("/repos/acme/cart/actions/runs/100/jobs", &json!({"total_count": 0, "jobs": []}));
    server.get(
        "/repos/acme/cart/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100",
        &list(&[]),
    );
    server.get("/repos/acme/cart/deployments", &json!([deployment(1, OLD, "v1.0.0", "production")]));
    server.get("/repos/acme/cart/deployments/1/statuses", &status("success"));
    let mut bounds = shop();
    bounds.extend([pipeline("cart", "acme/cart"), live("cart", "production")]);
    let provider = provider(&server.url, bounds);
    let plenty = seen(&provider).await;
    assert!(plenty.remarks.is_empty());
    server.header("x-ratelimit-remaining", "499").advance(1);
    seen(&provider).await;
    server.asked();
    let thrifty = seen(&provider).await;
    let cart = |asked: &[crate::scripted::Asked]| {
        asked.iter().filter(|a| a.path.contains("/cart/") && !a.path.contains("/actions/runs?")).count()
    };
    assert_eq!(cart(&server.asked()), 0, "details of what rests can wait");
    assert!(thrifty.remarks.iter().any(|r| r.as_str().contains("499 of 5000")), "{:?}", thrifty.remarks);
    assert_eq!(thrifty.live, plenty.live, "what is known is kept");
    assert_eq!(thrifty.gates.len(), 1, "what waits is looked at");
    let focus = Ask { focus: Some(ServiceName::new("cart")), ..Ask::default() };
    provider.observe(&focus).await.unwrap();
    let asked = server.asked();
    assert!(cart(&asked) > 0, "what the operator looks at is");
    assert!(asked[0].path.contains("/cart/"), "and first: {}", asked[0].path);
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let url = "https://api.github.com";
    for project in ["", "shop", "a/b/c", "/shop", "acme/", "acme/..", "a b/c"] {
        let fault = github::KIND.build;
        let Err(fault) = fault(spec(url, vec![pipeline("shop", project)])) else { panic!("{project}") };
        assert_eq!(fault.cause, Cause::Local, "{project}");
    }
    let Err(fault) = (github::KIND.build)(spec(url, vec![live("shop", "production")])) else { panic!() };
    assert!(fault.detail.as_str().contains("pipeline"), "{fault}");
    let names: BTreeSet<_> = github::KIND.keys.iter().map(|k| k.name).collect();
    assert_eq!(names.len(), github::KIND.keys.len());
    assert!(gonogo::provider::kind("github").is_some());
}

fn under_test(url: &str) -> Arc<dyn Provider> {
    let mut spec = spec(url, vec![pipeline("shop", "acme/shop"), live("shop", "production")]);
    spec.settings = Settings::default().with_text("url", url);
    github::build_with(spec, faults::LIMITS).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_survives_every_fault() {
    let failed: Vec<&str> = stream::iter(FAULTS)
        .map(|case| {
            let run = AssertUnwindSafe(faults::check(case, under_test)).catch_unwind();
            async move { run.await.err().map(|_| case.name) }
        })
        .buffer_unordered(2)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(failed.is_empty(), "{} of {} faults: {failed:?}", failed.len(), FAULTS.len());
}
