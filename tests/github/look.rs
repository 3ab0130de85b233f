//! One look: runs, jobs, gates, reviews, what is live, and with how few requests.

use gonogo::domain::pipeline::{MayDecide, WaitsFor};
use gonogo::domain::{Decision, Place, Role, RunState, ServiceName, Settings};
use serde_json::{Value, json};

use crate::scripted::Reply;
use crate::world::*;

#[tokio::test]
async fn a_look_tells_runs_jobs_gate_live_identity_budget_and_clock() {
    let server = waiting().await;
    let seen = seen(&provider(&server.url, shop())).await;
    assert_eq!(seen.identity.as_ref().unwrap(), "omar");
    assert_eq!(seen.server_time, Some(at("2026-08-20T09:20:00Z")));
    let budget = seen.budget.unwrap();
    assert_eq!((budget.limit, budget.remaining), (5000, 4690));
    assert_eq!(budget.resets, Some(at("2026-08-20T10:00:00Z")));
    assert_eq!(states(&seen), [RunState::WaitingForHuman, RunState::Passed]);
    let run = run_of(&seen, RUN);
    assert_eq!((run.number, run.attempt), (200, 1));
    assert_eq!((run.workflow.as_str(), run.title.as_str()), ("release.yml", "Release 2.8.0"));
    assert_eq!(run.revision.as_str(), NEW);
    assert_eq!(run.actor.as_ref().unwrap(), "rhea");
    let jobs: Vec<_> = run.jobs.iter().map(|j| (j.name.as_str(), j.state.clone())).collect();
    assert_eq!(
        jobs,
        [("build", RunState::Passed), ("deploy (production)", RunState::WaitingForHuman)],
        "in the order they began"
    );
    assert!(run.jobs[1].started.is_none(), "a job that waits has not begun");
    let steps: Vec<_> = run.jobs[0].steps.iter().map(|s| s.state.clone()).collect();
    assert_eq!(steps, [RunState::Passed, RunState::Skipped]);
    assert!(seen.faults.is_empty() && seen.remarks.is_empty(), "{:?} {:?}", seen.faults, seen.remarks);
}

#[tokio::test]
async fn a_gate_says_who_asked_who_may_decide_and_what_it_guards() {
    let server = waiting().await;
    let gate = gate(&provider(&server.url, shop())).await;
    assert_eq!(gate.place(), Some(Place::new("shop", "production")));
    assert_eq!(gate.key.id.as_str(), PRODUCTION.to_string());
    assert_eq!((gate.key.attempt, gate.title.as_str()), (1, "production"));
    assert_eq!(gate.asked_by.unwrap(), "rhea", "the triggering actor, not the first one");
    assert_eq!(gate.reviewers, ["omar", "team:sre"]);
    assert_eq!((gate.may_decide, gate.waits_for, gate.timer), (MayDecide::Yes, WaitsFor::Human, None));
    assert_eq!(gate.since, Some(at("2026-08-20T09:12:40Z")));
    assert_eq!(gate.revision.as_str(), NEW);
}

#[tokio::test]
async fn an_environment_is_ours_by_the_name_that_its_binding_gives() {
    let server = waiting().await;
    let named = |name: &str| {
        let settings = Settings::default().with_text("environment", name);
        vec![pipeline("shop", "acme/shop"), bound(Role::Live, "shop", Some("prod-eu"), settings)]
    };
    let ours = gate(&provider(&server.url, named("Production"))).await;
    assert_eq!(ours.place(), Some(Place::new("shop", "prod-eu")), "GitHub's names ignore case");
    assert_eq!(gate(&provider(&server.url, named("other"))).await.environment, None);
}

#[tokio::test]
async fn every_word_of_github_has_its_state_and_an_unknown_one_is_never_success() {
    let failed = |word: &str| RunState::Failed(word.into());
    let table = [
        ("requested", Value::Null, RunState::Queued),
        ("queued", Value::Null, RunState::Queued),
        ("pending", Value::Null, RunState::Blocked),
        ("in_progress", Value::Null, RunState::Running),
        ("completed", json!("success"), RunState::Passed),
        ("completed", json!("neutral"), RunState::Passed),
        ("completed", json!("failure"), failed("failure")),
        ("completed", json!("timed_out"), failed("timed_out")),
        ("completed", json!("startup_failure"), failed("startup_failure")),
        ("completed", json!("stale"), failed("stale")),
        ("completed", json!("cancelled"), RunState::Cancelled),
        ("completed", json!("skipped"), RunState::Skipped),
        ("completed", json!("action_required"), RunState::WaitingForHuman),
        ("completed", Value::Null, RunState::Unknown("completed without a conclusion".into())),
        ("completed", json!("splendid"), RunState::Unknown("splendid".into())),
        ("levitating", json!("success"), RunState::Unknown("levitating".into())),
    ];
    let server = waiting().await;
    server.get(&of_run(7, "/jobs"), &json!({"total_count": 0, "jobs": []}));
    server.get(
        &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
        &list(&[]),
    );
    let provider = provider(&server.url, shop());
    for (status, conclusion, state) in table {
        server.get(&format!("{REPO}/actions/runs"), &list(&[run(7, status, conclusion.clone())]));
        assert_eq!(states(&seen(&provider).await), [state], "{status} {conclusion}");
    }
}

#[tokio::test]
async fn waiting_without_a_gate_is_no_gate_until_it_persists() {
    let server = waiting().await;
    server.get(&of_run(RUN, "/pending_deployments"), &json!([]));
    let provider = provider(&server.url, shop());
    for seconds in [0, 20] {
        server.advance(seconds);
        let flash = seen(&provider).await;
        assert!(flash.gates.is_empty(), "after {seconds} s: {:?}", flash.gates);
        assert_eq!(run_of(&flash, RUN).state, RunState::Blocked);
    }
    server.advance(15);
    let gate = gate(&provider).await;
    assert_eq!(gate.waits_for, WaitsFor::OtherSystem);
    assert_eq!(gate.title, "deploy (production)");
    assert!(matches!(gate.may_decide, MayDecide::No(_)));
    server.get(&of_run(RUN, "/pending_deployments"), &pending(0, json!(true), reviewers()));
    assert_eq!(self::gate(&provider).await.waits_for, WaitsFor::Human);
}

#[tokio::test]
async fn a_timer_without_reviewers_is_a_countdown() {
    let server = waiting().await;
    server.get(&of_run(RUN, "/pending_deployments"), &pending(30, json!(false), json!([])));
    let provider = provider(&server.url, shop());
    let seen = seen(&provider).await;
    assert_eq!(seen.gates[0].waits_for, WaitsFor::Timer);
    assert_eq!(seen.gates[0].timer, Some(at("2026-08-20T09:42:40Z")));
    assert_eq!(run_of(&seen, RUN).state, RunState::WaitingForTimer);
    server.get(&of_run(RUN, "/pending_deployments"), &pending(30, json!(true), reviewers()));
    let both = gate(&provider).await;
    assert_eq!((both.waits_for, both.timer), (WaitsFor::Human, Some(at("2026-08-20T09:42:40Z"))));
    server.get(&of_run(RUN, "/approvals"), &approval("approved", "omar"));
    assert_eq!(gate(&provider).await.waits_for, WaitsFor::Timer, "approved: only the timer is left");
    server.advance(3_600);
    assert_eq!(gate(&provider).await.timer, None, "it has run out");
}

#[tokio::test]
async fn a_job_that_waits_beside_a_running_one_is_a_gate_too() {
    let server = waiting().await;
    let now = run(RUN, "in_progress", Value::Null);
    server.get(&format!("{REPO}/actions/runs"), &list(&[now]));
    server.get(
        &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
        &list(&[]),
    );
    let seen = seen(&provider(&server.url, shop())).await;
    assert_eq!(seen.gates.len(), 1);
    assert_eq!(run_of(&seen, RUN).state, RunState::Running);
}

#[tokio::test]
async fn a_waiting_run_is_found_however_old_it_is() {
    let server = waiting().await;
    let young: Vec<Value> = (1000..1050).map(|id| run(id, "completed", json!("success"))).collect();
    server.get(&format!("{REPO}/actions/runs"), &list(&young));
    for id in 1000..1050 {
        server.get(&of_run(id, "/jobs"), &json!({"total_count": 0, "jobs": []}));
    }
    let seen = seen(&provider(&server.url, shop())).await;
    assert_eq!(seen.gates.len(), 1);
    assert_eq!(runs_of(&seen, "shop").len(), 30, "at most thirty are kept, the waiting one among them");
    run_of(&seen, RUN);
}

#[tokio::test]
async fn a_decision_is_seen_after_the_run_has_left_every_list() {
    let server = waiting().await;
    let provider = provider(&server.url, shop());
    gate(&provider).await;
    server.get(&format!("{REPO}/actions/runs"), &list(&[]));
    server.get(
        &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
        &list(&[]),
    );
    server.get(&of_run(RUN, ""), &run(RUN, "in_progress", Value::Null));
    let jobs = json!({"total_count": 1, "jobs": [{"id": 2, "name": "deploy", "status": "in_progress"}]});
    server.get(&of_run(RUN, "/jobs"), &jobs).get(&of_run(RUN, "/approvals"), &approval("approved", "omar"));
    let seen = seen(&provider).await;
    assert!(seen.gates.is_empty());
    let review = &run_of(&seen, RUN).reviews[0];
    assert_eq!((review.decision, review.by.as_str()), (Decision::Approved, "omar"));
    assert_eq!(review.environments, ["production"]);
}

#[tokio::test]
async fn runs_are_ordered_by_the_start_of_their_attempt() {
    let server = waiting().await;
    let mut again = run(50, "completed", json!("failure"));
    again["created_at"] = json!("2026-08-01T00:00:00Z");
    again["run_started_at"] = json!("2026-08-20T09:15:00Z");
    again["run_attempt"] = json!(3);
    server.get(&format!("{REPO}/actions/runs"), &list(&[run(RUN, "waiting", Value::Null), again]));
    server.get(&of_run(50, "/jobs"), &json!({"total_count": 0, "jobs": []}));
    let seen = seen(&provider(&server.url, shop())).await;
    let ids: Vec<_> = runs_of(&seen, "shop").iter().map(|r| (r.key.id.to_string(), r.attempt)).collect();
    assert_eq!(ids, [("50".to_owned(), 3), (RUN.to_string(), 1)]);
}

#[tokio::test]
async fn live_is_the_newest_deployment_whose_latest_status_is_success() {
    let server = waiting().await;
    let production = Place::new("shop", "production");
    let provider = provider(&server.url, shop());
    let seen = seen(&provider).await;
    let live = &seen.live[&production];
    assert_eq!(live.artifact.revision.as_ref().unwrap().as_str(), OLD, "never simply the newest deployment");
    assert_eq!(live.artifact.version.as_ref().unwrap(), "v2.7.0");
    assert_eq!(live.since, Some(at("2026-08-19T08:00:00Z")));
    assert_eq!(live.url.as_ref().unwrap(), "https://shop.test");
    assert!(!seen.live.contains_key(&Place::new("shop", "staging")), "nothing was ever deployed there");
    for state in ["waiting", "pending", "queued", "in_progress", "failure", "error", "inactive", "sublime"] {
        server.get(&format!("{REPO}/deployments/4242/statuses"), &status(state));
        let fresh = self::provider(&server.url, shop());
        assert!(self::seen(&fresh).await.live.is_empty(), "{state}");
    }
}

#[tokio::test]
async fn a_deployment_that_can_never_be_live_is_asked_about_once() {
    let server = waiting().await;
    server.get(&format!("{REPO}/deployments/4243/statuses"), &status("failure"));
    let provider = provider(&server.url, shop());
    for looks in [1, 0, 0] {
        seen(&provider).await;
        let asked = server.asked();
        let count = asked.iter().filter(|a| a.path.contains("/deployments/4243/")).count();
        assert_eq!(count, looks);
    }
}

#[tokio::test]
async fn a_branch_names_no_version_and_a_tag_does() {
    for (reference, version) in [
        ("v2.7.0", Some("v2.7.0")),
        ("2.7.0", Some("2.7.0")),
        ("refs/tags/summer", Some("summer")),
        ("checkout-v2.7.0", Some("checkout-v2.7.0")),
        ("checkout/v2.7.0-rc.1", Some("checkout/v2.7.0-rc.1")),
        ("main", None),
        ("release/2.7.0", None),
        (NEW, None),
        ("", None),
    ] {
        let server = waiting().await;
        server.get(
            &format!("{REPO}/deployments?environment=production&per_page=10"),
            &json!([deployment(4242, OLD, reference, "production")]),
        );
        let seen = seen(&provider(&server.url, shop())).await;
        let found = seen.live[&Place::new("shop", "production")].artifact.version.clone();
        assert_eq!(found.as_ref().map(|v| v.as_str()), version, "{reference}");
    }
}

#[tokio::test]
async fn a_second_look_asks_conditionally_and_learns_the_same() {
    let server = waiting().await;
    let provider = provider(&server.url, shop());
    let first = seen(&provider).await;
    let asked = server.asked();
    assert!(asked.iter().all(|a| a.status == 200), "{asked:?}");
    for request in &asked {
        assert_eq!(request.headers["accept"], "application/vnd.github+json", "{}", request.path);
        assert_eq!(request.headers["x-github-api-version"], "2022-11-28");
        assert!(request.headers["user-agent"].starts_with("gonogo/"));
        assert!(request.headers["authorization"].starts_with("Bearer "));
        assert!(!request.path.split('?').next().unwrap().ends_with('/'), "{}", request.path);
    }
    let second = seen(&provider).await;
    assert_eq!(first, second);
    let again = server.asked();
    assert!(!again.is_empty() && again.iter().all(|a| a.status == 304), "{again:?}");
    assert!(again.iter().all(|a| a.path != "/user"), "who we are is asked once");
}

#[tokio::test]
async fn jobs_are_read_to_the_last_page_even_when_a_page_is_unchanged() {
    let server = waiting().await;
    let page = |from: u64| {
        let jobs: Vec<Value> = (from..from + 100)
            .map(|id| json!({"id": id, "name": format!("job {id}"), "status": "completed", "conclusion": "success"}))
            .collect();
        json!({"total_count": 200, "jobs": jobs})
    };
    let first = of_run(RUN, "/jobs?filter=latest&per_page=100");
    let second = of_run(RUN, "/jobs?filter=latest&per_page=100&page=2");
    let link = format!("<{{base}}{second}>; rel=\"next\", <{{base}}{second}>; rel=\"last\"");
    server.reply("GET", &first, Reply::json(200, &page(0)).with("link", link)).get(&second, &page(100));
    let provider = provider(&server.url, shop());
    for _ in 0..2 {
        assert_eq!(run_of(&seen(&provider).await, RUN).jobs.len(), 200);
    }
}

#[tokio::test]
async fn endless_pages_come_to_an_end_and_say_so() {
    let server = waiting().await;
    let first = of_run(RUN, "/jobs?filter=latest&per_page=100");
    let link = format!("<{{base}}{first}>; rel=\"next\"");
    server.reply("GET", &first, Reply::json(200, &jobs()).with("link", link));
    let seen = seen(&provider(&server.url, shop())).await;
    let remarks = &seen.pipelines[&ServiceName::new("shop")].remarks;
    assert!(remarks.iter().any(|r| r.as_str().contains("jobs were read")), "{remarks:?}");
}

#[tokio::test]
async fn services_of_one_project_share_every_request() {
    let server = waiting().await;
    let both = || {
        let mut both = shop();
        both.extend([pipeline("cart", "acme/shop"), live("cart", "staging"), live("cart", "production")]);
        both
    };
    seen(&provider(&server.url, shop())).await;
    let alone = server.asked().len();
    let seen = seen(&provider(&server.url, both())).await;
    assert_eq!(server.asked().len(), alone);
    assert_eq!(runs_of(&seen, "cart").len(), runs_of(&seen, "shop").len());
    assert_eq!(seen.gates.len(), 2, "each service has its own");
    assert!(
        seen.remarks.iter().any(|r| r.as_str().contains("share environment production")),
        "{:?}",
        seen.remarks
    );
}

#[tokio::test]
async fn a_service_sees_only_the_runs_of_its_workflow_and_branch() {
    let server = waiting().await;
    let path =
        format!("{REPO}/actions/workflows/cart.yml/runs?branch=main&exclude_pull_requests=true&per_page=50");
    server.get(&path, &list(&[]));
    let settings = Settings::default()
        .with_text("project", "acme/shop")
        .with_text("workflow", ".github/workflows/cart.yml")
        .with_text("branch", "main");
    let seen = seen(&provider(&server.url, vec![bound(Role::Pipeline, "cart", None, settings)])).await;
    assert!(runs_of(&seen, "cart").is_empty(), "the waiting run is another workflow's");
    assert!(seen.gates.is_empty());
    assert!(server.asked().iter().any(|a| a.path == path));
}

#[tokio::test]
async fn only_links_that_are_safe_to_follow_are_kept() {
    let server = waiting().await;
    for (link, kept) in [
        ("https://github.com/x", Some("https://github.com/x")),
        ("http://127.0.0.1:9/x", Some("http://127.0.0.1:9/x")),
        ("http://evil.test/x", None),
        ("http://127.0.0.1.evil.test/x", None),
        ("https://github.com@evil.test/x", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("", None),
    ] {
        let mut one = run(RUN, "waiting", Value::Null);
        one["html_url"] = json!(link);
        server.get(&format!("{REPO}/actions/runs"), &list(std::slice::from_ref(&one)));
        server.get(
            &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
            &list(&[one]),
        );
        let seen = seen(&provider(&server.url, shop())).await;
        assert_eq!(run_of(&seen, RUN).url.as_ref().map(|u| u.as_str()), kept, "{link}");
    }
}

#[tokio::test]
async fn text_that_steers_a_terminal_arrives_harmless() {
    let server = waiting().await;
    let mut one = run(RUN, "waiting", Value::Null);
    one["display_title"] = json!("\u{1b}]0;owned\u{7}\u{202e}Release");
    server.get(&format!("{REPO}/actions/runs"), &list(&[one]));
    let seen = seen(&provider(&server.url, shop())).await;
    let title = run_of(&seen, RUN).title.to_string();
    assert!(!title.chars().any(|c| c.is_control() || c == '\u{202e}'), "{title:?}");
}
