//! No evidence is not green: whatever is not one finite, fresh number is unknown, and alerts that are silenced
//! still count.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails; what was measured is printed"
)]

#[path = "signals/gates.rs"]
mod gates;
#[path = "support/model.rs"]
#[expect(dead_code, reason = "the frames' tests use the rest")]
mod looks;

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{
    Alert, AlertState, Ask, Bound, Cause, EnvironmentName, Fault, Observation, Place, Reading, Retry, Role,
    SafeText, ServiceName, Settings, Signal, SourceName, Value, Verdict,
};
use gonogo::provider::{Kind, SourceSpec, alertmanager, kind, prometheus};

/// What was asked: method, path, and the form or query by name.
#[derive(Clone, Debug)]
struct Asked {
    method: String,
    path: String,
    pairs: Vec<(String, String)>,
    headers: HeaderMap,
}

impl Asked {
    fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&asked);
        let answer = Arc::new(answer);
        let app =
            Router::new().fallback(async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let text = match method {
                    Method::POST => String::from_utf8_lossy(&body).into_owned(),
                    _ => uri.query().unwrap_or_default().to_owned(),
                };
                let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
                let pairs = url.query_pairs().into_owned().collect();
                let one = Asked { method: method.to_string(), path: uri.path().to_owned(), pairs, headers };
                log.lock().unwrap().push(one.clone());
                answer(&one)
            });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn bound(role: Role, service: &str, settings: Settings) -> Bound {
    Bound {
        role,
        service: ServiceName::new(service),
        environment: Some(EnvironmentName::new("production")),
        settings,
    }
}

fn signal(service: &str, name: &str, query: &str) -> Bound {
    let settings = Settings::default()
        .with_text("name", name)
        .with_text("query", query)
        .with_text("unit", "%")
        .with("hold", Value::Integer(1))
        .with("no_go", Value::Float(2.0));
    bound(Role::Signal, service, settings)
}

fn spec(settings: Settings, bounds: Vec<Bound>) -> SourceSpec {
    SourceSpec {
        name: SourceName::new("under-test"),
        settings,
        secrets: BTreeMap::new(),
        bounds,
        env: Arc::default(),
    }
}

async fn look(kind: &Kind, url: &str, bounds: Vec<Bound>) -> Result<Observation, Fault> {
    let settings = Settings::default().with_text("url", url);
    (kind.build)(spec(settings, bounds)).unwrap().observe(&Ask::default()).await
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn vector(value: &str) -> String {
    let at = now();
    format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[{at}.1,"{value}"]}}]}}}}"#
    )
}

fn good() -> Response {
    vector("0.5").into_response()
}

fn result(kind: &str, result: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
}

/// Name, status, body, and a part of the reason that must be given.
type Shape = (&'static str, u16, String, &'static str);

/// Shapes of answers that are no evidence.
fn shapes() -> Vec<Shape> {
    let t = now();
    let old = t - 301;
    let ahead = t + 3_600;
    let mut shapes = vec![
        ("empty vector", 200, result("vector", "[]"), "no data"),
        ("NaN", 200, vector("NaN"), "NaN"),
        ("+Inf", 200, vector("+Inf"), "Inf"),
        ("-Inf", 200, vector("-Inf"), "Inf"),
        ("too great", 200, vector("1e999"), "1e999"),
        ("no number", 200, vector("about half"), "not a number"),
        ("empty number", 200, vector(""), "not a number"),
        (
            "two series",
            200,
            result(
                "vector",
                &format!(r#"[{{"metric":{{}},"value":[{t},"0"]}},{{"metric":{{}},"value":[{t},"0"]}}]"#),
            ),
            "2 series",
        ),
        ("stale", 200, result("scalar", &format!(r#"[{old},"0.5"]"#)), "stale"),
        ("from the future", 200, result("scalar", &format!(r#"[{ahead},"0.5"]"#)), "future"),
        ("string", 200, result("string", &format!(r#"[{t},"0.5"]"#)), "string"),
        (
            "matrix",
            200,
            result("matrix", &format!(r#"[{{"metric":{{}},"values":[[{t},"0.5"]]}}]"#)),
            "matrix",
        ),
        ("unknown type", 200, result("tensor", &format!(r#"[{t},"0.5"]"#)), "tensor"),
        (
            "native histogram",
            200,
            result(
                "vector",
                &format!(r#"[{{"metric":{{}},"histogram":[{t},{{"count":"1","sum":"0.5"}}]}}]"#),
            ),
            "histogram",
        ),
        ("number instead of text", 200, result("scalar", &format!("[{t},0.5]")), "not written as text"),
        ("time as text", 200, result("scalar", &format!(r#"["{t}","0.5"]"#)), "no time"),
        ("a pair of three", 200, result("scalar", &format!(r#"[{t},"0.5","0.5"]"#)), "pair"),
        ("result is an object", 200, result("vector", "{}"), "not a list"),
        ("null result", 200, result("vector", "null"), "no result"),
        ("series without a value", 200, result("vector", r#"[{"metric":{}}]"#), "without a value"),
    ];
    shapes.extend(refusals());
    shapes
}

/// Answers that say themselves that they are no whole success, or are no answer of the API at all.
fn refusals() -> Vec<Shape> {
    let with = |more: &str| vector("0.5").replacen('{', &format!("{{{more},"), 1);
    vec![
        ("warnings", 200, with(r#""warnings":["store down"]"#), "store down"),
        ("partial", 200, with(r#""isPartial":true"#), "partial"),
        (
            "success and error",
            200,
            with(r#""error":"half of it"#.to_owned().as_str()).replace("half of it", "half of it\""),
            "half of it",
        ),
        (
            "error",
            422,
            r#"{"status":"error","errorType":"execution","error":"many-to-many"}"#.to_owned(),
            "many-to-many",
        ),
        (
            "error with 200",
            200,
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#.to_owned(),
            "timeout",
        ),
        (
            "bad query",
            400,
            r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.to_owned(),
            "parse error",
        ),
        (
            "server timeout",
            503,
            r#"{"status":"error","errorType":"timeout","error":"too slow"}"#.to_owned(),
            "too slow",
        ),
        ("canceled", 499, r#"{"status":"error","errorType":"canceled","error":"gone"}"#.to_owned(), "gone"),
        ("no status", 200, vector("0.5").replace(r#""status":"success","#, ""), "no status"),
        ("strange status", 200, vector("0.5").replace("success", "mostly"), "mostly"),
        ("no data", 200, r#"{"status":"success"}"#.to_owned(), "no result"),
        ("status of another type", 200, r#"{"status":5}"#.to_owned(), "status"),
        ("a list", 200, "[]".to_owned(), "unreadable"),
        ("HTML", 200, "<html>Sign in</html>".to_owned(), "HTML"),
        ("empty", 200, String::new(), "empty"),
        ("not JSON", 200, "ok".to_owned(), "not JSON"),
        ("502 page", 502, "<html>Bad gateway</html>".to_owned(), "502"),
        ("403", 403, "no".to_owned(), "403"),
    ]
}

#[tokio::test]
async fn whatever_is_not_one_fresh_number_is_unknown_and_says_why() {
    let shapes = shapes();
    assert!(shapes.len() >= 20);
    for (name, status, body, why) in shapes {
        let server = Server::start(move |asked| match asked.get("query") {
            Some("good") => good(),
            _ => (StatusCode::from_u16(status).unwrap(), body.clone()).into_response(),
        })
        .await;
        let bounds = vec![signal("shop", "good", "good"), signal("shop", "odd", "odd")];
        let observation = look(&prometheus::KIND, &server.url, bounds).await.unwrap();
        let signals = &observation.signals[&Place::new("shop", "production")];
        assert_eq!(signals[0].reading, Reading::Value(0.5), "{name}: the other signal is not harmed");
        let Reading::Unknown(said) = &signals[1].reading else { panic!("{name}: {:?}", signals[1]) };
        assert!(said.as_str().contains(why), "{name}: {said}");
        assert_eq!(signals[1].verdict(), Verdict::Unknown);
        // Alone, it is unknown or a fault of the source; never a value.
        let alone = look(&prometheus::KIND, &server.url, vec![signal("shop", "odd", "odd")]).await;
        if let Ok(observation) = alone {
            let of = &observation.signals[&Place::new("shop", "production")];
            assert!(matches!(of[..], [Signal { reading: Reading::Unknown(_), .. }]), "{name}");
        }
    }
}

/// A signal that tells the canary from the others, and its error budget.
fn told_apart(service: &str) -> Bound {
    let mut bound = signal(service, "errors", "all");
    bound.settings = bound
        .settings
        .with_text("canary", "canary of $service")
        .with_text("stable", "stable of $service")
        .with_text("budget", "budget of $service");
    bound
}

async fn looked_at(url: &str, focus: &str, bounds: Vec<Bound>) -> Observation {
    let settings = Settings::default().with_text("url", url);
    let ask = Ask { focus: Some(ServiceName::new(focus)), ..Ask::default() };
    (prometheus::KIND.build)(spec(settings, bounds)).unwrap().observe(&ask).await.unwrap()
}

#[tokio::test]
async fn canary_stable_and_budget_are_asked_for_where_the_operator_looks_and_only_there() {
    let server = Server::start(|asked| {
        if asked.path.ends_with("query_range") {
            let (start, end) = (asked.get("start").unwrap(), asked.get("end").unwrap());
            let values = format!(r#"[{{"metric":{{}},"values":[[{start},"1"],[{end},"3"]]}}]"#);
            return result("matrix", &values).into_response();
        }
        match asked.get("query").unwrap() {
            "canary of shop" => vector("8.5").into_response(),
            "stable of shop" => vector("0.4").into_response(),
            "budget of shop" => vector("71").into_response(),
            _ => good(),
        }
    })
    .await;
    let seen = looked_at(&server.url, "shop", vec![told_apart("shop"), told_apart("ledger")]).await;
    let of = |service: &str| &seen.signals[&Place::new(service, "production")][0];
    let split = of("shop").split.as_ref().expect("it is told apart");
    assert_eq!((&split.canary, &split.stable), (&Reading::Value(8.5), &Some(Reading::Value(0.4))));
    assert!(split.canary_series.is_some() && split.stable_series.is_some());
    assert_eq!(of("shop").budget, Some(Reading::Value(71.0)));
    assert_eq!((&of("ledger").split, &of("ledger").budget), (&None, &None));
    let aside = server.asked().iter().filter(|a| a.get("query").unwrap().ends_with("of ledger")).count();
    assert_eq!(aside, 0, "{:?}", server.asked());
}

#[tokio::test]
async fn no_canary_is_said_and_asks_for_no_course_and_harms_no_value() {
    for (name, status, body, why) in shapes() {
        let server = Server::start(move |asked| match asked.get("query") {
            Some("canary of shop" | "budget of shop") => {
                (StatusCode::from_u16(status).unwrap(), body.clone()).into_response()
            }
            _ => good(),
        })
        .await;
        let seen = looked_at(&server.url, "shop", vec![told_apart("shop")]).await;
        let signal = &seen.signals[&Place::new("shop", "production")][0];
        assert_eq!(signal.reading, Reading::Value(0.5), "{name}");
        let split = signal.split.as_ref().expect("it is told apart");
        for reading in [&split.canary, signal.budget.as_ref().unwrap()] {
            let Reading::Unknown(said) = reading else { panic!("{name}: {reading:?}") };
            assert!(said.as_str().contains(why), "{name}: {said}");
        }
        assert!(split.canary_series.is_none() && split.stable_series.is_none(), "{name}");
        let ranges = server.asked().iter().filter(|a| a.path.ends_with("query_range")).count();
        assert_eq!(ranges, 1, "{name}: only the signal's own");
    }
}

#[tokio::test]
async fn a_value_without_the_servers_clock_or_from_an_old_cache_is_unknown() {
    for (head, why) in [("date: \r\n", "no Date"), ("", "no Date"), ("age: 4000\r\ndate: NOW\r\n", "stale")] {
        let date =
            jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now());
        let answer = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\n{}\r\n{}",
            head.replace("NOW", &date.unwrap()),
            vector("0.5")
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let mut seen = String::new();
                while !seen.contains("query=") {
                    match stream.read(&mut buffer).await {
                        Ok(n) if n > 0 => seen.push_str(&String::from_utf8_lossy(&buffer[..n])),
                        _ => break,
                    }
                }
                stream.write_all(answer.as_bytes()).await.ok();
                stream.shutdown().await.ok();
            }
        });
        let observation = look(&prometheus::KIND, &url, vec![signal("shop", "a", "a")]).await.unwrap();
        let reading = &observation.signals[&Place::new("shop", "production")][0].reading;
        assert!(
            matches!(reading, Reading::Unknown(said) if said.as_str().contains(why)),
            "{head}: {reading:?}"
        );
    }
}

#[tokio::test]
async fn a_server_whose_clock_is_off_is_judged_by_its_own_clock_and_tells_it() {
    let server = Server::start(|_| {
        let body = vector("0.5")
            .replace(&now().to_string(), "1479650400")
            .replace(&(now() - 1).to_string(), "1479650400");
        ([("date", "Sun, 20 Nov 2016 14:00:00 GMT")], body).into_response()
    })
    .await;
    let observation = look(&prometheus::KIND, &server.url, vec![signal("shop", "a", "a")]).await.unwrap();
    let signals = &observation.signals[&Place::new("shop", "production")];
    assert_eq!(signals[0].reading, Reading::Value(0.5));
    assert_eq!(observation.server_time.unwrap().to_string(), "2016-11-20T14:00:00Z");
}

#[tokio::test]
async fn a_good_answer_is_a_value_with_its_course_and_infos_do_not_harm() {
    let server = Server::start(|asked| {
        if asked.path.ends_with("query_range") {
            let of = |name| asked.get(name).unwrap().parse::<i64>().unwrap();
            let (start, end, step) = (of("start"), of("end"), of("step"));
            assert_eq!((step, end - start), (5, 1_200));
            let body = format!(
                r#"[{{"metric":{{}},"values":[[{start},"1"],[{},"NaN"],[{end},"3"]]}}]"#,
                start + step
            );
            return result("matrix", &body).into_response();
        }
        vector("0.5").replacen('{', r#"{"infos":["metric might not be a counter"],"#, 1).into_response()
    })
    .await;
    let query = r#"rate(err{s="$service",e="$environment"}[5m])"#;
    let observation =
        look(&prometheus::KIND, &server.url, vec![signal("shop", "errors", query)]).await.unwrap();
    let [signal] = &observation.signals[&Place::new("shop", "production")][..] else { panic!() };
    assert_eq!((signal.reading.clone(), signal.unit.as_str()), (Reading::Value(0.5), "%"));
    assert_eq!(signal.verdict(), Verdict::Go);
    let series = signal.series.as_ref().unwrap();
    assert_eq!((series.values.len(), series.step), (241, Duration::from_secs(5)));
    assert_eq!((series.values[0], series.values[1], series.values[240]), (Some(1.0), None, Some(3.0)));
    assert!(observation.server_time.is_some());
    for asked in server.asked() {
        assert_eq!(asked.method, "POST");
        assert_eq!(asked.get("query"), Some(r#"rate(err{s="shop",e="production"}[5m])"#));
        assert_eq!((asked.get("timeout"), asked.get("partial_response")), (Some("8s"), None));
    }
}

#[tokio::test]
async fn the_course_of_a_service_that_nobody_looks_at_is_not_asked_for_at_every_look() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/v1/query" => good(),
        _ => result("matrix", r#"[{"metric":{},"values":[]}]"#).into_response(),
    })
    .await;
    let bounds = vec![signal("aside", "a", "a"), signal("looked", "b", "b")];
    let settings = Settings::default().with_text("url", &server.url);
    let provider = (prometheus::KIND.build)(spec(settings, bounds)).unwrap();
    let ask = Ask { focus: Some(ServiceName::new("looked")), ..Ask::default() };
    for _ in 0..3 {
        let observation = provider.observe(&ask).await.unwrap();
        assert!(observation.signals.values().flatten().all(|signal| signal.series.is_some()));
    }
    let ranges = |query: &str| {
        server.asked().iter().filter(|a| a.path.ends_with("range") && a.get("query") == Some(query)).count()
    };
    assert_eq!((ranges("a"), ranges("b")), (1, 3));
    assert_eq!(server.asked()[0].get("query"), Some("b"), "the service in focus comes first");
}

#[tokio::test]
async fn a_proxy_that_lets_only_get_through_is_met_with_get() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "POST" => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        _ => good(),
    })
    .await;
    let settings = Settings::default()
        .with_text("url", &server.url)
        .with_text("tenant", "shop|eu")
        .with("thanos", Value::Switch(true));
    let provider = (prometheus::KIND.build)(spec(settings, vec![signal("shop", "a", "a + b")])).unwrap();
    for _ in 0..2 {
        let observation = provider.observe(&Ask::default()).await.unwrap();
        assert_eq!(observation.signals[&Place::new("shop", "production")][0].reading, Reading::Value(0.5));
    }
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|a| a.method == "POST").count(), 1, "and it is remembered");
    let last = asked.last().unwrap();
    assert_eq!((last.get("query"), last.get("partial_response")), (Some("a + b"), Some("false")));
    assert_eq!(last.headers["x-scope-orgid"], "shop|eu");
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let server = Server::start(|asked| match asked.get("query") {
        Some("good") => good(),
        _ => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "9")]).into_response(),
    })
    .await;
    let bounds = vec![signal("shop", "good", "good"), signal("shop", "b", "b")];
    let fault = look(&prometheus::KIND, &server.url, bounds).await.unwrap_err();
    assert_eq!((fault.cause, fault.retry), (Cause::RateLimited, Retry::After(Duration::from_secs(9))));
}

#[tokio::test]
async fn a_source_that_nothing_is_asked_of_yet_still_shows_whether_it_is_there() {
    for kind in [&prometheus::KIND, &alertmanager::KIND] {
        let server = Server::start(|_| vector("1").into_response()).await;
        assert!(look(kind, &server.url, Vec::new()).await.unwrap().server_time.is_some());
        let server = Server::start(|_| "<html>".into_response()).await;
        assert_eq!(look(kind, &server.url, Vec::new()).await.unwrap_err().cause, Cause::Malformed);
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_when_it_is_read() {
    let url = || Settings::default().with_text("url", "https://prometheus.test");
    let odd = |key: &str, value: &str| {
        let mut one = signal("shop", "a", "a");
        one.settings = one.settings.with_text(key, value);
        spec(url(), vec![one])
    };
    let mut nowhere = signal("shop", "a", "a");
    nowhere.environment = None;
    for (what, spec) in [
        ("no url", spec(Settings::default(), Vec::new())),
        ("method", spec(url().with_text("method", "put"), Vec::new())),
        ("range", spec(url().with_text("range", "soon"), Vec::new())),
        ("range", spec(url().with_text("range", "-1h"), Vec::new())),
        ("username", spec(url().with_text("username", "ana"), Vec::new())),
        ("bad_when", odd("bad_when", "sideways")),
        ("lookback", odd("lookback", "0s")),
        ("query", odd("query", "up{a=\"$service}")),
        ("unknown", odd("query", "$namespace")),
        ("environment", spec(url(), vec![nowhere])),
    ] {
        let Err(fault) = (prometheus::KIND.build)(spec) else { panic!("{what}: accepted") };
        assert_eq!(fault.cause, Cause::Local, "{what}");
        assert!(fault.to_string().contains(what), "{what}: {fault}");
    }
}

const ALERTS: &str = r#"[
  {"labels":{"alertname":"Quiet","severity":"page"},"annotations":{"summary":"silenced one"},"startsAt":"2026-11-20T13:00:00.000Z",
   "status":{"state":"suppressed","silencedBy":["b7f1"],"inhibitedBy":[],"mutedBy":[]}},
  {"labels":{"alertname":"Late"},"annotations":{},"startsAt":"2026-11-20T13:50:00.000Z","status":{"state":"unprocessed"}},
  {"labels":{"alertname":"HighErrorRate","severity":"critical"},"annotations":{"description":"4 %\u001b[2J"},
   "startsAt":"2026-11-20T13:40:00.000Z","endsAt":"2026-11-20T14:40:00.000Z","fingerprint":"aa","receivers":[{"name":"x"}],
   "status":{"state":"active","silencedBy":[],"inhibitedBy":[]}},
  {"labels":{},"startsAt":"never","status":{"state":"a state of tomorrow"}},
  {"labels":{"alertname":"Below"},"startsAt":"2026-11-20T13:00:01.000Z","status":{"state":"suppressed","inhibitedBy":["aa","bb"]}}
]"#;

#[tokio::test]
async fn silenced_alerts_count_and_unknown_states_are_loud() {
    let server = Server::start(|asked| match asked.get("filter") {
        Some(r#"service="shop""#) => ALERTS.into_response(),
        _ => "[]".into_response(),
    })
    .await;
    let place = |service: &str| bound(Role::Alerts, service, Settings::default());
    let observation =
        look(&alertmanager::KIND, &server.url, vec![place("shop"), place("idle \"x\"")]).await.unwrap();
    assert_eq!(observation.alerts[&Place::new("idle \"x\"", "production")], []);
    let alerts = &observation.alerts[&Place::new("shop", "production")];
    let names: Vec<_> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(names, ["HighErrorRate", "Late", "(no alertname)", "Quiet", "Below"]);
    assert!(alerts[..3].iter().all(|alert| alert.state == AlertState::Firing));
    let suppressed = |text: &str| AlertState::Suppressed(SafeText::new(text));
    assert_eq!(alerts[3].state, suppressed("silenced by b7f1"));
    assert_eq!(alerts[4].state, suppressed("inhibited by aa, bb"));
    let Alert { severity, since, summary, .. } = &alerts[0];
    assert_eq!(severity.as_ref().unwrap().as_str(), "critical");
    assert_eq!(since.unwrap().to_string(), "2026-11-20T13:40:00Z");
    assert_eq!(summary.as_ref().unwrap().as_str(), "4 %\\u{1b}[2J");
    for asked in server.asked() {
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/api/v2/alerts"));
        for state in ["active", "silenced", "inhibited", "unprocessed"] {
            assert_eq!(asked.get(state), Some("true"));
        }
    }
    let filters: Vec<_> =
        server.asked().iter().flat_map(|a| a.pairs.clone()).filter(|(n, _)| n == "filter").collect();
    assert!(filters.iter().any(|(_, f)| f == r#"service="idle \"x\"""#), "{filters:?}");
    assert!(filters.iter().any(|(_, f)| f == r#"environment="production""#));
}

#[tokio::test]
async fn a_place_whose_alerts_cannot_be_seen_is_a_fault_and_not_an_empty_list() {
    let server = Server::start(|asked| match asked.get("filter") {
        Some(r#"service="shop""#) => (StatusCode::BAD_REQUEST, "\"bad matcher format\"").into_response(),
        Some(r#"service="odd""#) => r#"{"alerts":[]}"#.into_response(),
        _ => "[]".into_response(),
    })
    .await;
    let place = |service: &str| bound(Role::Alerts, service, Settings::default());
    let bounds = vec![place("fine"), place("odd"), place("shop")];
    let observation = look(&alertmanager::KIND, &server.url, bounds).await.unwrap();
    assert_eq!(observation.alerts.len(), 1);
    assert_eq!(observation.faults[&ServiceName::new("odd")].cause, Cause::Malformed);
    let fault = &observation.faults[&ServiceName::new("shop")];
    assert_eq!(fault.cause, Cause::Refused);
    assert!(fault.to_string().contains("bad matcher format"), "{fault}");
    let alone = look(&alertmanager::KIND, &server.url, vec![place("odd")]).await;
    assert_eq!(alone.unwrap_err().cause, Cause::Malformed);
}

#[test]
fn both_kinds_are_in_the_registry() {
    for name in ["prometheus", "alertmanager"] {
        assert_eq!(kind(name).unwrap().name, name);
    }
}
