//! What monitors: recorded answers of Prometheus and of Alertmanager.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use gonogo::domain::{
    Bound, EnvironmentName, Intent, Observation, Role, ServiceName, Settings, SourceName, Value as Setting,
};
use gonogo::provider::{Provider, SourceSpec, kind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::good::Part;
use super::kube::recorded;
use super::scripted::{Reply, Scripted};
use super::{Member, Start};

pub(super) fn members() -> Vec<Start> {
    vec![|| Prometheus::start("0.5").boxed(), || Prometheus::start("4.1").boxed(), || {
        Alertmanager::start().boxed()
    }]
}

fn spec(kind_: &str, url: &str, role: Role, settings: Settings) -> Arc<dyn Provider> {
    let spec = SourceSpec {
        name: SourceName::new("metrics"),
        settings: Settings::default().with_text("url", url),
        secrets: BTreeMap::new(),
        bounds: vec![Bound {
            role,
            service: ServiceName::new("web"),
            environment: Some(EnvironmentName::new("production")),
            settings,
        }],
        env: Arc::default(),
    };
    (kind(kind_).unwrap().build)(spec).unwrap()
}

/// The recorded answer with this value, sampled now.
fn sampled(name: &str, now: Timestamp, value: &str) -> Value {
    let text = recorded("prometheus", name).to_string();
    let text =
        text.replace("\"NOW\"", &now.as_second().to_string()).replace("\"0.5\"", &format!("\"{value}\""));
    serde_json::from_str(&text).unwrap()
}

struct Prometheus {
    server: Scripted,
    value: &'static str,
    answers: Vec<(String, Value)>,
}

impl Prometheus {
    async fn start(value: &'static str) -> Box<dyn Member> {
        let now: Timestamp = "2026-11-20T14:16:00Z".parse().unwrap();
        let server = Scripted::start(now).await;
        let answers: Vec<_> = [("/api/v1/query", "query"), ("/api/v1/query_range", "query-range")]
            .map(|(path, name)| (path.to_owned(), sampled(name, now, value)))
            .to_vec();
        let member = Self { server, value, answers };
        member.answers.iter().for_each(|(key, answer)| member.give(key, answer));
        Box::new(member)
    }
}

impl Member for Prometheus {
    fn name(&self) -> String {
        format!("prometheus, {}", self.value)
    }

    fn part(&self) -> (&'static str, Part) {
        ("metrics", Part::Signals)
    }

    fn answers(&self) -> Vec<(String, Value)> {
        self.answers.clone()
    }

    fn give(&self, key: &str, answer: &Value) {
        self.server.reply("POST", key, Reply::json(200, answer));
    }

    fn provider(&self) -> Arc<dyn Provider> {
        let settings = Settings::default()
            .with_text("name", "error-rate")
            .with_text("query", "rate")
            .with("hold", Setting::Integer(1))
            .with("no_go", Setting::Float(2.0));
        spec("prometheus", &self.server.url, Role::Signal, settings)
    }

    fn intents(&self, _seen: &Observation) -> Vec<Intent> {
        Vec::new()
    }

    fn rests_on(&self, key: &str, place: &str) -> Vec<String> {
        let carries = [
            "/status",
            "/data",
            "/data/resultType",
            "/data/result",
            "/data/result/0",
            "/data/result/0/value",
        ];
        let carries = carries.contains(&place) || place.starts_with("/data/result/0/value/");
        if key == "/api/v1/query" && carries {
            vec!["signal error-rate of web in production".to_owned(), "GO".to_owned()]
        } else {
            Vec::new()
        }
    }
}

struct Alertmanager {
    server: Scripted,
}

const ALERTS: &str = "/api/v2/alerts";

impl Alertmanager {
    async fn start() -> Box<dyn Member> {
        let server = Scripted::start("2026-11-20T14:16:00Z".parse().unwrap()).await;
        let member = Self { server };
        member.give(ALERTS, &json!({"alerts": recorded("alertmanager", "alerts")}));
        Box::new(member)
    }
}

impl Member for Alertmanager {
    fn name(&self) -> String {
        "alertmanager".to_owned()
    }

    fn part(&self) -> (&'static str, Part) {
        ("metrics", Part::Alerts)
    }

    /// Under a name, so that the list as a whole is a place as well.
    fn answers(&self) -> Vec<(String, Value)> {
        vec![(ALERTS.to_owned(), json!({"alerts": recorded("alertmanager", "alerts")}))]
    }

    fn give(&self, key: &str, answer: &Value) {
        let list = answer.get("alerts").cloned().unwrap_or(Value::Null);
        self.server.get(key, &list);
    }

    fn provider(&self) -> Arc<dyn Provider> {
        spec("alertmanager", &self.server.url, Role::Alerts, Settings::default())
    }

    fn intents(&self, _seen: &Observation) -> Vec<Intent> {
        Vec::new()
    }

    fn rests_on(&self, _key: &str, _place: &str) -> Vec<String> {
        Vec::new()
    }

    /// A list without an item says that nothing fires: that is how it is said.
    fn may_follow(&self, _key: &str, place: &str, _good: &str) -> bool {
        place == "/alerts"
    }
}
