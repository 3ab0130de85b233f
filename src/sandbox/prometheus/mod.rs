//! The HTTP API of Prometheus, version 1: queries, alerts and rules. Knows the series of the world.
//!
//! The queries of a dashboard are truly evaluated, by a small part of PromQL; what that part does not know is
//! answered as a parse error, never as an empty result.
//!
//! Its time is the clock on the wall: whoever asks for the last hour of it gets the last hour of the world, however
//! fast the world's clock runs.
//!
//! Source: the HTTP API page of its documentation.

mod evaluate;
mod parse;
mod past;
pub(super) mod pattern;
mod series;

use super::alerts::{Alert, HOLD, RULES};
use super::serve::page;
use super::world::{State as WorldState, World};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use evaluate::{Labels, Value, evaluate};
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
pub(super) use past::Past;
use serde_json::{Value as Json, json};
use series::Series;
use std::collections::BTreeMap;

/// More points than this are refused.
const POINTS: f64 = 11_000.0;

/// The API.
pub(super) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

/// The parameters of a request, from its query and its form.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A refusal: its kind and its words.
type Refused = (&'static str, String);

async fn handle(State(world): State<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let text = format!("{}&{}", parts.uri.query().unwrap_or_default(), String::from_utf8_lossy(&bytes));
    let form = Form(super::form(&text));
    let path = parts.uri.path();
    if !(parts.method == Method::GET || (parts.method == Method::POST && path.starts_with("/api/v1/query"))) {
        return page(405, "text/plain; charset=utf-8", "Method Not Allowed".into());
    }
    let mut state = world.lock();
    match path {
        "/-/ready" => page(200, "text/plain; charset=utf-8", "Prometheus Server is Ready.\n".into()),
        "/-/healthy" => page(200, "text/plain; charset=utf-8", "Prometheus Server is Healthy.\n".into()),
        "/api/v1/query" => write(instant(&state, &form)),
        "/api/v1/query_range" => write(range(&mut state, &form)),
        "/api/v1/alerts" => write(Ok(alerts(&state))),
        "/api/v1/rules" => write(Ok(rules(&state, &form))),
        "/api/v1/status/buildinfo" => write(Ok(json!({"version": "3.5.0", "revision": "", "branch": "",
            "buildUser": "", "buildDate": "", "goVersion": ""}))),
        "/api/v1/labels" => {
            write(Ok(json!(["__name__", "code", "environment", "job", "le", "service", "track", "version"])))
        }
        _ => page(404, "text/plain; charset=utf-8", "404 page not found\n".into()),
    }
}

fn write(result: Result<Json, Refused>) -> Response {
    let (status, body) = match result {
        Ok(data) => (200, json!({"status": "success", "data": data})),
        Err((kind, error)) => {
            let status = if kind == "bad_data" { 400 } else { 422 };
            (status, json!({"status": "error", "errorType": kind, "error": error}))
        }
    };
    page(status, "application/json", body.to_string())
}

fn bad(name: &str, why: &str) -> Refused {
    ("bad_data", format!("invalid parameter \"{name}\": {why}"))
}

/// How far the world's clock is ahead of the one on the wall, for a request that asks for `time`.
fn ahead(state: &WorldState, time: Option<Timestamp>) -> SignedDuration {
    let wall = Timestamp::now();
    let skew = state.now.duration_since(wall);
    let nearer_to_world =
        time.is_some_and(|time| time.duration_since(state.now).abs() <= time.duration_since(wall).abs());
    if nearer_to_world || skew.abs() < SignedDuration::from_secs(1) { SignedDuration::ZERO } else { skew }
}

/// A skew in whole steps, so that a chart has its points where it had them before.
fn whole(skew: SignedDuration, step: f64) -> SignedDuration {
    SignedDuration::from_secs_f64((skew.as_secs_f64() / step).floor() * step)
}

fn expression(form: &Form) -> Result<parse::Expr, Refused> {
    let text = form.get("query").unwrap_or_default();
    parse::parse(text).map_err(|why| bad("query", &format!("1:1: parse error: {why}")))
}

fn moment(form: &Form, name: &str) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = form.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let time = match seconds {
        Some(seconds) => Timestamp::from_millisecond((seconds * 1000.0) as i64).ok(),
        None => text.parse().ok(),
    };
    time.map(Some).ok_or_else(|| bad(name, &format!("cannot parse {text:?} to a valid timestamp")))
}

fn instant(state: &WorldState, form: &Form) -> Result<Json, Refused> {
    let expression = expression(form)?;
    let asked = moment(form, "time")?;
    let skew = ahead(state, asked);
    let time = match asked {
        Some(asked) => asked.checked_add(skew).unwrap_or(asked),
        None => state.now,
    };
    let stamp = seconds(time.checked_sub(skew).unwrap_or(time));
    let value = evaluate(&expression, &series(state), time)
        .map_err(|why| bad("query", &format!("parse error: {why}")))?;
    Ok(match value {
        Value::Scalar(number) => json!({"resultType": "scalar", "result": [stamp, text(number)]}),
        Value::Vector(samples) => {
            let result: Vec<Json> = samples
                .iter()
                .map(|(labels, value)| json!({"metric": labels, "value": [stamp, text(*value)]}))
                .collect();
            json!({"resultType": "vector", "result": result})
        }
    })
}

fn range(state: &mut WorldState, form: &Form) -> Result<Json, Refused> {
    let mut past = std::mem::take(&mut state.past);
    let answer = course(state, &mut past, form);
    state.past = past;
    answer
}

fn course(state: &WorldState, past: &mut Past, form: &Form) -> Result<Json, Refused> {
    let expression = expression(form)?;
    let text_of_it = form.get("query").unwrap_or_default();
    let missing = |name| bad(name, "cannot parse \"\" to a valid timestamp");
    let start = moment(form, "start")?.ok_or_else(|| missing("start"))?;
    let end = moment(form, "end")?.ok_or_else(|| missing("end"))?;
    if end < start {
        return Err(bad("end", "end timestamp must not be before start time"));
    }
    let step = form.get("step").unwrap_or_default();
    let step = step.parse::<f64>().ok().or_else(|| parse::duration(step).map(|step| step.as_secs_f64()));
    let step = step.filter(|step| *step > 0.0 && step.is_finite()).ok_or_else(|| {
        bad("step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
    })?;
    if end.duration_since(start).as_secs_f64() / step > POINTS {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(("bad_data", why.into()));
    }
    let skew = whole(ahead(state, Some(end)), step);
    let mut found: BTreeMap<Labels, Vec<Json>> = BTreeMap::new();
    let (mut time, stride) = (start, SignedDuration::from_secs_f64(step));
    while time <= end {
        let there = time.checked_add(skew).unwrap_or(time);
        // What is still to come has no samples yet.
        let samples = if there <= state.now {
            past.at(text_of_it, (there, state.now), || evaluate(&expression, &series(state), there))
                .map_err(|why| bad("query", &format!("parse error: {why}")))?
        } else {
            Vec::new()
        };
        for (labels, value) in samples {
            found.entry(labels).or_default().push(json!([seconds(time), text(value)]));
        }
        time = time.checked_add(stride).unwrap_or(Timestamp::MAX);
    }
    let result: Vec<Json> =
        found.iter().map(|(labels, values)| json!({"metric": labels, "values": values})).collect();
    Ok(json!({"resultType": "matrix", "result": result}))
}

fn series(state: &WorldState) -> Series<'_> {
    Series { services: &state.services, seed: state.seed, now: state.now }
}

fn seconds(time: Timestamp) -> Json {
    json!(time.as_millisecond() as f64 / 1000.0)
}

/// A number as Prometheus writes it: always a text.
fn text(number: f64) -> String {
    match number {
        number if number.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        number => number.to_string(),
    }
}

fn alert(of: &Alert, skew: SignedDuration) -> Json {
    let since = of.since.checked_sub(skew).unwrap_or(of.since);
    json!({
        "labels": of.labels(), "annotations": {"summary": of.rule.summary},
        "state": if of.firing_since.is_some() { "firing" } else { "pending" },
        "activeAt": since.to_string(), "value": format!("{:e}", of.value)
    })
}

fn alerts(state: &WorldState) -> Json {
    let skew = ahead(state, None);
    json!({"alerts": state.alerts.active.values().map(|one| alert(one, skew)).collect::<Vec<_>>()})
}

fn rules(state: &WorldState, form: &Form) -> Json {
    if form.get("type") == Some("record") {
        return json!({"groups": []});
    }
    let skew = ahead(state, None);
    let now = state.now.checked_sub(skew).unwrap_or(state.now).to_string();
    let rules: Vec<Json> = RULES
        .iter()
        .map(|rule| {
            let mine: Vec<&Alert> = state.alerts.active.values().filter(|one| one.rule.name == rule.name).collect();
            let status = match () {
                () if mine.iter().any(|one| one.firing_since.is_some()) => "firing",
                () if mine.is_empty() => "inactive",
                () => "pending",
            };
            let listed = form.get("exclude_alerts") != Some("true");
            let alerts: Vec<Json> = mine.iter().filter(|_| listed).map(|one| alert(one, skew)).collect();
            json!({
                "state": status, "name": rule.name, "query": rule.query, "duration": HOLD.as_secs(),
                "keepFiringFor": 0, "labels": {"severity": rule.severity},
                "annotations": {"summary": rule.summary}, "alerts": alerts, "health": "ok", "evaluationTime": 0.001,
                "lastEvaluation": now, "type": "alerting"
            })
        })
        .collect();
    json!({"groups": [{"name": "services", "file": "services.yml", "rules": rules, "interval": 5, "limit": 0,
        "evaluationTime": 0.001, "lastEvaluation": now}]})
}
