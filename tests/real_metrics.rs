//! Prometheus and Alertmanager as they really are: both providers against the real servers on loopback.
//!
//! Needs `prometheus` and `prometheus-alertmanager` on the PATH: `cargo test --test real_metrics -- --ignored`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gonogo::domain::{
    Alert, AlertState, Ask, Bound, Cause, EnvironmentName, Fault, Observation, Place, Reading, Role,
    SafeText, ServiceName, Settings, Signal, SourceName, Step,
};
use gonogo::provider::http::{Endpoint, EndpointSpec, Read};
use gonogo::provider::{Provider, SourceSpec, kind};
use serde_json::Value;

/// How long a state may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PACE: Duration = Duration::from_millis(200);

/// A server that is stopped when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    async fn start(program: &str, port: u16, arguments: &[String]) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let server = Self { child, url: format!("http://127.0.0.1:{port}") };
        let endpoint = Endpoint::new(EndpointSpec::new(&server.url)).unwrap();
        until("the server is ready", async || {
            endpoint.read(&Read::get("/-/ready")).await.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
        server
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(PACE).await;
    }
}

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.display().to_string()
}

const RULES: &str = "
groups:
- name: test
  rules:
  - {alert: Loud, expr: vector(1), labels: {service: shop, environment: production, severity: critical},
     annotations: {summary: 'too many errors'}}
  - {alert: Hushed, expr: vector(1), labels: {service: shop, environment: production}}
  - {alert: Inhibited, expr: vector(1), labels: {service: shop, environment: production, severity: warning}}
  - {alert: Elsewhere, expr: vector(1), labels: {service: shop, environment: staging}}
";

async fn both(folder: &Path) -> (Server, Server) {
    let (of_metrics, of_alerts) = (free_port(), free_port());
    let rules = write(&folder.join("rules.yml"), RULES);
    let metrics = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{rules}']\n\
         scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{of_metrics}']}}]}}]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{of_alerts}']}}]}}]}}\n"
    );
    let alerts = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n\
        inhibit_rules: [{source_matchers: ['severity=critical'], target_matchers: ['severity=warning'], equal: [service]}]\n";
    let at = |option: &str, path: &str| format!("--{option}={path}");
    let (metrics, alerts) = (write(&folder.join("p.yml"), &metrics), write(&folder.join("a.yml"), alerts));
    let store = |name: &str| folder.join(name).display().to_string();
    let arguments =
        [at("config.file", &alerts), at("storage.path", &store("a")), at("cluster.listen-address", "")];
    let alertmanager = Server::start("prometheus-alertmanager", of_alerts, &arguments).await;
    // Alerts that fire before Alertmanager was discovered are lost, and said again only after this delay.
    let again = at("rules.alert.resend-delay", "1s");
    let arguments = [at("config.file", &metrics), at("storage.tsdb.path", &store("p")), again];
    (Server::start("prometheus", of_metrics, &arguments).await, alertmanager)
}

fn provider(kind_name: &str, settings: Settings, bounds: Vec<Bound>) -> Arc<dyn Provider> {
    let name = SourceName::new("real");
    let spec = SourceSpec { name, settings, secrets: BTreeMap::new(), bounds, env: Arc::default() };
    (kind(kind_name).unwrap().build)(spec).unwrap()
}

fn bound(role: Role, service: &str, settings: Settings) -> Bound {
    let environment = Some(EnvironmentName::new("production"));
    Bound { role, service: ServiceName::new(service), environment, settings }
}

const ODD: &str = r#"a"b\c'd.e+(f)[g]{h}^$|*?"#;

/// Queries, and the reason why each gives no number; none if it gives one.
const QUERIES: &[(&str, Option<&str>)] = &[
    ("up{job=\"self\"}", None),
    ("sum(rate(prometheus_http_requests_total[5s]))", None),
    ("time()", None),
    ("42", None),
    (r#"vector(7) or up{job="$service"} or up{job=~"$service|x"} or up{job=~'$service'}"#, None),
    ("nothing{service=\"$service\"}", Some("no data")),
    ("0/0", Some("NaN")),
    ("vector(1)/0", Some("Inf")),
    ("up or prometheus_build_info", Some("2 series")),
    ("\"text\"", Some("string")),
    ("up[10s]", Some("matrix")),
    ("rate(up", Some("bad_data")),
    ("up / on(job) prometheus_http_requests_total", Some("execution")),
    ("up offset 1h", Some("no data")),
];

fn signals() -> Vec<Bound> {
    let named = |(query, _): &(&str, _)| {
        bound(Role::Signal, ODD, Settings::default().with_text("name", query).with_text("query", query))
    };
    QUERIES.iter().map(named).collect()
}

/// What is not as it should be in a look at all queries.
fn wrong(look: &Result<Observation, Fault>) -> Vec<String> {
    let observation = match look {
        Ok(observation) => observation,
        Err(fault) => return vec![fault.to_string()],
    };
    let seen = observation.signals.get(&Place::new(ODD, "production")).unwrap();
    let fine = |signal: &Signal, why: Option<&str>| match (&signal.reading, why) {
        (Reading::Value(_), None) => {
            signal.series.as_ref().is_some_and(|s| s.values.iter().any(Option::is_some))
        }
        (Reading::Unknown(said), Some(why)) => said.as_str().contains(why),
        _ => false,
    };
    seen.iter()
        .zip(QUERIES)
        .filter(|(signal, (_, why))| !fine(signal, *why))
        .map(|(signal, _)| format!("{}: {:?}", signal.name, signal.reading))
        .collect()
}

#[tokio::test]
#[ignore = "needs prometheus and prometheus-alertmanager"]
async fn a_real_prometheus_gives_numbers_or_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let (metrics, _alerts) = both(folder.path()).await;
    for method in ["post", "get"] {
        let settings = Settings::default().with_text("url", &metrics.url).with_text("method", method);
        let provider = provider("prometheus", settings, signals());
        let ask = Ask { focus: Some(ServiceName::new(ODD)), ..Ask::default() };
        let mut last = Vec::new();
        until("every query gives its number or its reason", async || {
            last = wrong(&provider.observe(&ask).await);
            last.is_empty().then_some(())
        })
        .await;
    }
    let settings = Settings::default().with_text("url", &metrics.url);
    let provider = provider("prometheus", settings, signals());
    drop(metrics);
    let fault = provider.observe(&Ask::default()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unreachable, "{fault}");
}

async fn silence(alertmanager: &str) {
    let now = jiff::Timestamp::now();
    let until = now + jiff::SignedDuration::from_mins(10);
    let body = format!(
        r#"{{"matchers":[{{"name":"alertname","value":"Hushed","isRegex":false,"isEqual":true}}],"startsAt":"{now}","endsAt":"{until}","createdBy":"ana","comment":"test"}}"#
    );
    let step = Step {
        source: SourceName::new("real"),
        method: "POST".to_owned(),
        path: "/api/v2/silences".to_owned(),
        content_type: Some("application/json".to_owned()),
        body: Some(body),
        effect: SafeText::new("silences"),
    };
    let endpoint = Endpoint::new(EndpointSpec::new(alertmanager)).unwrap();
    endpoint.write(&step, &[]).await.unwrap().ok().unwrap().json::<Value>().unwrap();
}

#[tokio::test]
#[ignore = "needs prometheus and prometheus-alertmanager"]
async fn a_real_alertmanager_tells_loud_and_suppressed_alerts_of_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let (_metrics, alerts) = both(folder.path()).await;
    silence(&alerts.url).await;
    let place = |service: &str| bound(Role::Alerts, service, Settings::default());
    let settings = || Settings::default().with_text("url", &alerts.url);
    let provider_of_both = provider("alertmanager", settings(), vec![place("shop"), place(ODD)]);
    let suppressed = |alert: &Alert, by: &str| matches!(&alert.state, AlertState::Suppressed(said) if said.as_str().starts_with(by));
    until("all three alerts are there", async || {
        let observation = provider_of_both.observe(&Ask::default()).await.unwrap();
        assert_eq!(observation.alerts.get(&Place::new(ODD, "production")), Some(&Vec::new()));
        let alerts = observation.alerts.get(&Place::new("shop", "production")).unwrap();
        let named = |name: &str| alerts.iter().find(|alert| alert.name == name);
        let loud = named("Loud")?;
        let fine = loud.state == AlertState::Firing
            && loud.since.is_some()
            && loud.summary.as_ref().is_some_and(|s| *s == "too many errors")
            && suppressed(named("Hushed")?, "silenced by ")
            && suppressed(named("Inhibited")?, "inhibited by ")
            && named("Elsewhere").is_none();
        fine.then_some(())
    })
    .await;
    let broken =
        Settings::default().with("filter", gonogo::domain::Value::List(vec!["service=~\"(\"".to_owned()]));
    let provider = provider("alertmanager", settings(), vec![bound(Role::Alerts, "shop", broken)]);
    let fault = provider.observe(&Ask::default()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Refused, "{fault}");
}
