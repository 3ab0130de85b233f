//! The dialects of Prometheus and Alertmanager.

use super::{client, pass, start};
use gonogo::sandbox::Sandbox;
use serde_json::{Value, json};

const ERRORS: &str = r#"sum(rate(http_requests_total{service="checkout",environment="production",code=~"5.."}[1m])) / sum(rate(http_requests_total{service="checkout",environment="production"}[1m])) * 100"#;
const LATENCY: &str = r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="checkout",environment="production"}[1m]))) * 1000"#;

async fn query(sandbox: &Sandbox, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/api/v1/{path}", sandbox.urls().prometheus);
    let answer = client().post(url).form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn number(answer: &Value) -> f64 {
    answer["data"]["result"][0]["value"][1].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_queries_of_the_config_are_truly_evaluated() {
    let sandbox = start("release-day");
    let (_, errors) = query(&sandbox, "query", &[("query", ERRORS)]).await;
    assert!((0.1..0.6).contains(&number(&errors)), "{errors}");
    let (_, latency) = query(&sandbox, "query", &[("query", LATENCY)]).await;
    assert!((110.0..180.0).contains(&number(&latency)), "{latency}");
    let url = format!("{}/api/v1/query", sandbox.urls().prometheus);
    let by_get = client().get(url).query(&[("query", ERRORS)]).send().await.unwrap();
    assert_eq!(number(&by_get.json().await.unwrap()), number(&errors));
}

#[tokio::test]
async fn an_hour_of_history_lies_before_the_start_and_stays_as_it_was() {
    let sandbox = start("release-day");
    let now = sandbox.world().now();
    let (end, begin) = (now.as_second().to_string(), (now.as_second() - 3600).to_string());
    let form = [("query", ERRORS), ("start", &begin), ("end", &end), ("step", "60")];
    let (_, first) = query(&sandbox, "query_range", &form).await;
    let values = first["data"]["result"][0]["values"].as_array().unwrap();
    assert_eq!(values.len(), 61);
    assert!(values.windows(2).any(|pair| pair[0][1] != pair[1][1]), "it is not flat");
    let (_, second) = query(&sandbox, "query_range", &form).await;
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_rollout_has_a_canary_beside_the_stable_ones_and_together_they_are_all() {
    let sandbox = start("canary-degrades");
    let rate = |track: &str| {
        format!(r#"sum(rate(http_requests_total{{service="search",environment="production"{track}}}[5s]))"#)
    };
    let errors = |track: &str| {
        let of = |code: &str| rate(&format!("{track}{code}"));
        format!(r#"{} / {} * 100"#, of(r#",code="500""#), of(""))
    };
    let (canary, stable) = (r#",track="canary""#, r#",track="stable""#);
    let ask = async |text: String| query(&sandbox, "query", &[("query", &text)]).await.1;
    let mut both = None;
    for _ in 0..120 {
        pass(&sandbox, 1);
        if number(&ask(rate("")).await) > 0.0 && ask(rate(canary)).await["data"]["result"] != json!([]) {
            both = Some(());
            break;
        }
    }
    both.expect("a canary is rolled out");
    pass(&sandbox, 6);
    let whole = number(&ask(rate("")).await);
    let parts = number(&ask(rate(canary)).await) + number(&ask(rate(stable)).await);
    assert!((whole - parts).abs() < 1e-6, "{whole} {parts}");
    let (canary, stable) = (number(&ask(errors(canary)).await), number(&ask(errors(stable)).await));
    println!("canary {canary:.2} %, stable {stable:.2} %");
    assert!(canary > 5.0 && stable < 1.0, "canary {canary} stable {stable}");
    let by = r#"sum by (track, version) (rate(http_requests_total{service="search",environment="production"}[5s]))"#;
    let (_, by) = query(&sandbox, "query", &[("query", by)]).await;
    let seen: Vec<_> = by["data"]["result"].as_array().unwrap().iter().map(|one| &one["metric"]).collect();
    let wanted = [("canary", "v4.2.0"), ("stable", "v4.1.1")];
    assert_eq!(
        seen,
        wanted.map(|(track, version)| json!({"track": track, "version": version})).iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn where_nothing_rolls_out_there_is_no_canary() {
    let sandbox = start("quiet");
    let text = r#"sum(rate(http_requests_total{service="search",track="canary"}[1m]))"#;
    let (_, answer) = query(&sandbox, "query", &[("query", text)]).await;
    assert_eq!(answer["data"]["result"], json!([]));
}

#[tokio::test]
async fn all_services_can_be_asked_for_at_once() {
    let sandbox = start("release-day");
    let (_, all) = query(
        &sandbox,
        "query",
        &[("query", "sum by (service, environment) (rate(http_requests_total[1m]))")],
    )
    .await;
    assert_eq!(all["data"]["result"].as_array().unwrap().len(), 6);
    let some = r#"service_replicas_ready{service=~"checkout|sea.+",environment!="staging"}"#;
    let (_, some) = query(&sandbox, "query", &[("query", some)]).await;
    assert_eq!(some["data"]["result"].as_array().unwrap().len(), 2);
    assert_eq!(some["data"]["result"][0]["metric"]["__name__"], "service_replicas_ready");
}

#[tokio::test]
async fn values_are_texts_and_infinity_is_spelled_out() {
    let sandbox = start("quiet");
    for (text, value) in [("1 / 0", "+Inf"), ("0 - 1 / 0", "-Inf"), ("0 / 0", "NaN"), ("1 + 1", "2")] {
        let (_, answer) = query(&sandbox, "query", &[("query", text)]).await;
        assert_eq!(answer["data"]["resultType"], "scalar");
        assert_eq!(answer["data"]["result"][1], value, "{text}");
    }
}

#[tokio::test]
async fn an_unknown_metric_is_an_empty_vector_and_not_zero() {
    let sandbox = start("quiet");
    let (status, empty) = query(&sandbox, "query", &[("query", "sum(rate(nothing_total[5m]))")]).await;
    assert_eq!((status, &empty["data"]["result"]), (200, &json!([])));
    let (_, zero) = query(&sandbox, "query", &[("query", "sum(rate(nothing_total[5m])) or vector(0)")]).await;
    assert_eq!(number(&zero), 0.0);
}

#[tokio::test]
async fn refusals_name_their_kind() {
    let sandbox = start("quiet");
    for text in ["sum(", "rate(up", "up{service=}", "nonsense(up)", "rate(up)", "up[5m]", "1 +", ""] {
        let (status, answer) = query(&sandbox, "query", &[("query", text)]).await;
        assert_eq!((status, &answer["errorType"]), (400, &json!("bad_data")), "{text:?}");
        assert!(answer["error"].as_str().unwrap().contains("parse error"), "{answer}");
    }
    let form = [("query", "up"), ("start", "0"), ("end", "11001"), ("step", "1")];
    let (status, answer) = query(&sandbox, "query_range", &form).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("11,000 points"));
    let url = format!("{}/api/v1/nothing", sandbox.urls().prometheus);
    assert_eq!(client().get(url).send().await.unwrap().status(), 404);
}

/// Brings the bad version to production, past every gate.
fn burn(sandbox: &Sandbox) {
    sandbox.world().deploy("checkout", "production", "v2.15.0");
    pass(sandbox, 60);
}

async fn alerts(sandbox: &Sandbox, rest: &str) -> Value {
    let url = format!("{}/api/v2/alerts?{rest}", sandbox.urls().alertmanager);
    client().get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn an_alert_is_pending_before_it_fires_and_alertmanager_has_only_what_fires() {
    let sandbox = start("release-day");
    sandbox.world().deploy("checkout", "production", "v2.15.0");
    let mut seen = Vec::new();
    for _ in 0..120 {
        pass(&sandbox, 1);
        let url = format!("{}/api/v1/alerts", sandbox.urls().prometheus);
        let all: Value = client().get(url).send().await.unwrap().json().await.unwrap();
        let one = all["data"]["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["labels"]["alertname"] == "HighErrorRate")
            .cloned();
        let state = one.map_or("inactive".to_owned(), |one| one["state"].as_str().unwrap().to_owned());
        let sent = alerts(&sandbox, "filter=alertname%3D%22HighErrorRate%22").await.as_array().unwrap().len();
        assert_eq!(sent, usize::from(state == "firing"), "{state}");
        if seen.last() != Some(&state) {
            seen.push(state);
        }
    }
    assert_eq!(seen, ["inactive", "pending", "firing"]);
    let url = format!("{}/api/v1/rules?type=alert", sandbox.urls().prometheus);
    let rules: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(rules["data"]["groups"][0]["rules"][0]["state"], "firing");
}

#[tokio::test]
async fn filters_choose_by_label() {
    let sandbox = start("release-day");
    burn(&sandbox);
    assert!(
        !alerts(&sandbox, "filter=service%3D%22checkout%22&filter=environment%3D%22production%22")
            .await
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(alerts(&sandbox, "filter=service%3D%22search%22").await, json!([]));
    let broken = client().get(format!("{}/api/v2/alerts?filter=nonsense", sandbox.urls().alertmanager));
    let broken = broken.send().await.unwrap();
    assert_eq!(broken.status(), 400);
    assert!(broken.json::<Value>().await.unwrap().is_string());
}

#[tokio::test]
async fn a_silence_suppresses_and_its_end_brings_the_alert_back() {
    let sandbox = start("release-day");
    burn(&sandbox);
    let now = jiff::Timestamp::now();
    let matcher = json!({"name": "service", "value": "checkout", "isRegex": false, "isEqual": true});
    let body = json!({"matchers": [matcher], "startsAt": now.to_string(), "createdBy": "mara", "comment": "known",
        "endsAt": (now + jiff::SignedDuration::from_mins(30)).to_string()});
    let base = sandbox.urls().alertmanager.clone();
    let made = client().post(format!("{base}/api/v2/silences")).json(&body).send().await.unwrap();
    let id = made.json::<Value>().await.unwrap()["silenceID"].as_str().unwrap().to_owned();
    assert_eq!(alerts(&sandbox, "silenced=false").await, json!([]));
    assert_eq!(alerts(&sandbox, "").await[0]["status"]["state"], "suppressed");
    let gone = client().delete(format!("{base}/api/v2/silence/{id}")).send().await.unwrap();
    assert_eq!(gone.status(), 200);
    assert_eq!(alerts(&sandbox, "silenced=false").await[0]["status"]["state"], "active");
    let unknown = client().delete(format!("{base}/api/v2/silence/none")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}
