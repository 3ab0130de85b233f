//! Every scenario's story, told on the world's own clock.

use super::{ask, client, get, newest_run, pass, review, start};
use gonogo::sandbox::{Effect, Sandbox, Server, kubernetes};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn errors(sandbox: &Sandbox, service: &str) -> f64 {
    sandbox.world().error_ratio(service, "production").unwrap()
}

fn only(sandbox: &Sandbox, service: &str, environment: &str) -> String {
    let running = sandbox.world().running(service, environment);
    assert_eq!(running.len(), 1, "{running:?}");
    running[0].0.clone()
}

/// Changes the image on Kubernetes itself, as the cockpit's promote and rollback do.
async fn patch(sandbox: &Sandbox, service: &str, tag: &str) -> reqwest::Result<reqwest::Response> {
    let image = format!("{}/acme/{service}:{tag}", sandbox.urls().registry);
    let url =
        format!("{}/apis/apps/v1/namespaces/production/deployments/{service}", sandbox.urls().kubernetes);
    let body = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
    let request = client().patch(url).bearer_auth(kubernetes::ADMIN_TOKEN).body(body.to_string());
    request.header("content-type", "application/json-patch+json").send().await
}

async fn live(sandbox: &Sandbox, service: &str) -> Vec<(String, String)> {
    let all = get(sandbox, &format!("/repos/acme/{service}/deployments?environment=production")).await;
    let mut found = Vec::new();
    for one in all.as_array().unwrap() {
        let statuses =
            get(sandbox, &format!("/repos/acme/{service}/deployments/{}/statuses?per_page=1", one["id"]))
                .await;
        found.push((
            one["ref"].as_str().unwrap().to_owned(),
            statuses[0]["state"].as_str().unwrap().to_owned(),
        ));
    }
    found
}

#[tokio::test]
async fn release_day_an_approval_ships_burns_and_a_rollback_heals() {
    let sandbox = start("release-day");
    assert_eq!(only(&sandbox, "checkout", "production"), "v2.14.2");
    assert_eq!(only(&sandbox, "checkout", "staging"), "v2.15.0");
    assert!(errors(&sandbox, "checkout") < 1.0);
    assert_eq!(review(&sandbox, "demo-token", "checkout", "approved").await.unwrap().status(), 200);
    let run = newest_run(&sandbox, "checkout").await;
    let mut climbed = None;
    for second in 1..=180 {
        pass(&sandbox, 1);
        if climbed.is_none() && errors(&sandbox, "checkout") > 2.0 {
            climbed = Some(second);
        }
    }
    let climbed = climbed.expect("the error rate climbs above no-go");
    assert!((5..=60).contains(&climbed), "{climbed} s");
    assert_eq!(only(&sandbox, "checkout", "production"), "v2.15.0");
    let here = get(&sandbox, &format!("/repos/acme/checkout/actions/runs/{run}")).await;
    assert_eq!((&here["status"], &here["conclusion"]), (&json!("completed"), &json!("success")));
    let states = live(&sandbox, "checkout").await;
    assert_eq!(states[0], ("v2.15.0".into(), "success".into()));
    assert_eq!(states[1], ("v2.14.2".into(), "inactive".into()));
    assert_eq!(patch(&sandbox, "checkout", "v2.14.2").await.unwrap().status(), 200);
    pass(&sandbox, 150);
    assert_eq!(only(&sandbox, "checkout", "production"), "v2.14.2");
    assert!(errors(&sandbox, "checkout") < 1.0, "{}", errors(&sandbox, "checkout"));
    assert_eq!(sandbox.faults().writes(Server::Kubernetes).len(), 1);
}

#[tokio::test]
async fn release_day_a_promotion_past_the_pipeline_burns_as_well() {
    let sandbox = start("release-day");
    assert_eq!(patch(&sandbox, "checkout", "v2.15.0").await.unwrap().status(), 200);
    pass(&sandbox, 60);
    assert!(errors(&sandbox, "checkout") > 2.0);
}

#[tokio::test]
async fn release_day_search_rolls_out_while_one_watches_and_stays_well() {
    let sandbox = start("release-day");
    let mut shares = Vec::new();
    let mut seconds = 0;
    while seconds < 240 {
        let running = sandbox.world().running("search", "production");
        let new = running.iter().find(|(tag, _)| tag == "v4.2.0").map_or(0, |(_, ready)| *ready);
        if shares.last() != Some(&new) {
            shares.push(new);
        }
        if new == 8 && running.len() == 1 {
            break;
        }
        pass(&sandbox, 1);
        seconds += 1;
    }
    assert!(shares.len() >= 3, "it moves in steps: {shares:?}");
    assert!((40..=130).contains(&seconds), "{seconds} s");
    assert!(errors(&sandbox, "search") < 1.0);
    pass(&sandbox, 5);
    assert_eq!(live(&sandbox, "search").await[0], ("v4.2.0".into(), "success".into()));
}

#[tokio::test]
async fn release_day_ledger_builds_reaches_staging_and_then_its_gate() {
    let sandbox = start("release-day");
    assert_eq!(only(&sandbox, "ledger", "production"), "v1.9.0");
    pass(&sandbox, 180);
    assert_eq!(only(&sandbox, "ledger", "staging"), "v1.10.0");
    assert_eq!(review(&sandbox, "demo-token", "ledger", "approved").await.unwrap().status(), 200);
    pass(&sandbox, 60);
    assert_eq!(only(&sandbox, "ledger", "production"), "v1.10.0");
}

#[tokio::test]
async fn quiet_nothing_waits_and_nothing_moves() {
    let sandbox = start("quiet");
    pass(&sandbox, 300);
    for (service, version) in [("checkout", "v2.14.2"), ("ledger", "v1.9.0")] {
        assert_eq!(only(&sandbox, service, "production"), version);
        assert!(errors(&sandbox, service) < 1.0);
        let waiting = get(&sandbox, &format!("/repos/acme/{service}/actions/runs?status=waiting")).await;
        assert_eq!(waiting["total_count"], 0);
    }
}

#[tokio::test]
async fn canary_degrades_with_its_share_of_the_pods() {
    let sandbox = start("canary-degrades");
    let before = errors(&sandbox, "search");
    pass(&sandbox, 50);
    let during = errors(&sandbox, "search");
    assert!(before < 1.0 && during > before, "{before} {during}");
    pass(&sandbox, 150);
    assert!(errors(&sandbox, "search") > 2.0);
}

#[tokio::test]
async fn provider_down_github_dies_and_comes_back_while_prometheus_stays() {
    let sandbox = start("provider-down");
    let github = format!("{}/versions", sandbox.urls().github);
    let answers = async |wanted: bool| {
        let deadline = Instant::now() + Duration::from_secs(5);
        while client().get(&github).send().await.is_ok() != wanted {
            assert!(Instant::now() < deadline, "answers: {}", !wanted);
            tokio::task::yield_now().await;
        }
    };
    answers(true).await;
    pass(&sandbox, 21);
    answers(false).await;
    let ready = client().get(format!("{}/-/ready", sandbox.urls().prometheus)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    pass(&sandbox, 60);
    answers(true).await;
}

#[tokio::test]
async fn rate_limited_the_quota_ends_and_comes_back_then_the_secondary_limit_strikes() {
    let sandbox = start("rate-limited");
    let mut last = 0;
    for _ in 0..45 {
        last = ask(&sandbox, "demo-token", Method::GET, "/repos/acme/checkout", None).await.status().as_u16();
    }
    assert_eq!(last, 403);
    let limited = ask(&sandbox, "demo-token", Method::GET, "/repos/acme/checkout", None).await;
    assert_eq!(limited.headers()["x-ratelimit-remaining"], "0");
    pass(&sandbox, 121);
    get(&sandbox, "/repos/acme/checkout").await;
    pass(&sandbox, 30);
    let second = ask(&sandbox, "demo-token", Method::GET, "/repos/acme/checkout", None).await;
    assert_eq!(second.status(), 403);
    assert!(second.headers().contains_key("retry-after"));
    assert!(
        second.json::<Value>().await.unwrap()["message"].as_str().unwrap().contains("secondary rate limit")
    );
    pass(&sandbox, 61);
    get(&sandbox, "/repos/acme/checkout").await;
}

#[tokio::test]
async fn answer_lost_the_approval_and_the_patch_happen_without_an_answer() {
    let sandbox = start("answer-lost");
    assert!(review(&sandbox, "demo-token", "checkout", "approved").await.is_err());
    pass(&sandbox, 5);
    let run = newest_run(&sandbox, "checkout").await;
    let here = get(&sandbox, &format!("/repos/acme/checkout/actions/runs/{run}")).await;
    assert_eq!(here["status"], "in_progress");
    assert!(patch(&sandbox, "search", "v4.1.0").await.is_err());
    assert_eq!(sandbox.faults().writes(Server::Kubernetes)[0].effect, Effect::Applied);
    pass(&sandbox, 200);
    assert_eq!(only(&sandbox, "search", "production"), "v4.1.0");
}

#[tokio::test]
async fn world_moves_somebody_else_is_quicker() {
    let sandbox = start("world-moves");
    let late = review(&sandbox, "demo-token", "checkout", "approved").await.unwrap();
    assert_eq!(late.status(), 422);
    let run = newest_run(&sandbox, "checkout").await;
    let history = get(&sandbox, &format!("/repos/acme/checkout/actions/runs/{run}/approvals")).await;
    assert_eq!(history[0]["user"]["login"], "omar");
    assert_eq!(sandbox.faults().writes(Server::Github)[0].effect, Effect::NotApplied);
    pass(&sandbox, 90);
    assert_eq!(only(&sandbox, "search", "staging"), "v4.1.1");
}
