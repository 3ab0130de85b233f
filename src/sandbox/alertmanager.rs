//! The HTTP API of Alertmanager, version 2: alerts and silences. Its alerts are those of Prometheus that fire.
//!
//! Source: its published OpenAPI description.

use super::alerts::{Alert, Silence};
use super::prometheus::pattern;
use super::serve::page;
use super::world::{State as WorldState, World};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A condition on a label.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Matcher {
    fn fits(&self, labels: &BTreeMap<&'static str, String>) -> bool {
        let value = labels.get(self.name.as_str()).map_or("", String::as_str);
        let same = if self.is_regex { pattern::matches(&self.value, value) } else { self.value == value };
        same == self.is_equal
    }

    /// A matcher as a filter writes it: `service="web"`, with quotes or without.
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['=', '!'])?;
        let (name, rest) = text.split_at(at);
        let sign = ["=~", "!~", "!=", "="].into_iter().find(|sign| rest.starts_with(sign))?;
        let value = rest.get(sign.len()..)?.trim().trim_matches('"');
        let name = name.trim();
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            value: value.to_owned(),
            is_regex: sign.ends_with('~'),
            is_equal: sign.starts_with('='),
        })
    }
}

/// A silence as it is posted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    id: Option<String>,
    matchers: Vec<Matcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    created_by: String,
    comment: String,
}

/// The API.
pub(super) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let form = super::form(parts.uri.query().unwrap_or_default());
    let mut state = world.lock();
    let segments: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
    let answer = match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["-", "ready" | "healthy"]) => {
            return page(200, "text/plain; charset=utf-8", "OK".into());
        }
        (&Method::GET, ["api", "v2", "alerts"]) => alerts(&state, &form),
        (&Method::GET, ["api", "v2", "silences"]) => {
            Ok(state.alerts.silences.iter().map(|one| silence(one, &state)).collect())
        }
        (&Method::POST, ["api", "v2", "silences"]) => post(&mut state, &bytes),
        (&Method::GET, ["api", "v2", "silence", id]) => {
            let found = state.alerts.silences.iter().find(|one| one.id == *id);
            found.map(|one| silence(one, &state)).ok_or((404, "silence not found".into()))
        }
        (&Method::DELETE, ["api", "v2", "silence", id]) => expire(&mut state, id),
        (&Method::GET, ["api", "v2", "receivers"]) => Ok(json!([{"name": "release-team"}])),
        (&Method::GET, ["api", "v2", "status"]) => Ok(json!({
            "cluster": {"status": "disabled", "peers": []}, "config": {"original": "route:\n  receiver: release-team\n"},
            "uptime": state.start.to_string(),
            "versionInfo": {"version": "0.28.1", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
        })),
        _ => return page(404, "application/json", r#"{"code":404,"message":"path was not found"}"#.into()),
    };
    match answer {
        Ok(Value::Null) => page(200, "application/json", String::new()),
        Ok(body) => page(200, "application/json", body.to_string()),
        // Its errors are plain strings in JSON.
        Err((status, why)) => page(status, "application/json", Value::String(why).to_string()),
    }
}

type Answer = Result<Value, (u16, String)>;

/// How far the world's clock is ahead of the wall's: everything here is told in the wall's time.
fn skew(state: &WorldState) -> SignedDuration {
    let skew = state.now.duration_since(Timestamp::now());
    if skew.abs() < SignedDuration::from_secs(1) { SignedDuration::ZERO } else { skew }
}

fn told(state: &WorldState, time: Timestamp) -> String {
    time.checked_sub(skew(state)).unwrap_or(time).to_string()
}

fn alerts(state: &WorldState, form: &[(String, String)]) -> Answer {
    let flag =
        |name: &str| form.iter().find(|(key, _)| key == name).is_none_or(|(_, value)| value != "false");
    let mut filters = Vec::new();
    for (_, text) in form.iter().filter(|(key, _)| key == "filter") {
        filters.push(Matcher::parse(text).ok_or_else(|| (400, format!("bad matcher format: {text}")))?);
    }
    let mut found = Vec::new();
    for alert in state.alerts.active.values().filter(|alert| alert.firing_since.is_some()) {
        let labels = alert.labels();
        let silenced: Vec<&str> = state
            .alerts
            .silences
            .iter()
            .filter(|one| phase(one, state.now) == "active" && one.matchers.iter().all(|m| m.fits(&labels)))
            .map(|one| one.id.as_str())
            .collect();
        let wanted = if silenced.is_empty() { flag("active") } else { flag("silenced") };
        if wanted && filters.iter().all(|filter| filter.fits(&labels)) {
            found.push(shape(alert, &silenced, state));
        }
    }
    Ok(Value::Array(found))
}

fn shape(alert: &Alert, silenced: &[&str], state: &WorldState) -> Value {
    let labels = alert.labels();
    let mark = labels.iter().flat_map(|(key, value)| key.bytes().chain(value.bytes()));
    let print =
        mark.fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let ends = state.now.checked_add(SignedDuration::from_mins(4)).unwrap_or(state.now);
    json!({
        "labels": labels, "annotations": {"summary": alert.rule.summary},
        "startsAt": told(state, alert.firing_since.unwrap_or(alert.since)), "endsAt": told(state, ends),
        "updatedAt": told(state, state.now), "fingerprint": format!("{print:016x}"), "generatorURL": "",
        "receivers": [{"name": "release-team"}],
        "status": {"state": if silenced.is_empty() { "active" } else { "suppressed" }, "silencedBy": silenced,
            "inhibitedBy": [], "mutedBy": []}
    })
}

fn phase(silence: &Silence, now: Timestamp) -> &'static str {
    match () {
        () if now >= silence.ends => "expired",
        () if now < silence.starts => "pending",
        () => "active",
    }
}

fn silence(of: &Silence, state: &WorldState) -> Value {
    json!({
        "id": of.id, "matchers": of.matchers, "startsAt": told(state, of.starts), "endsAt": told(state, of.ends),
        "updatedAt": told(state, of.updated), "createdBy": of.by, "comment": of.comment,
        "status": {"state": phase(of, state.now)}
    })
}

fn post(state: &mut WorldState, bytes: &[u8]) -> Answer {
    let posted: Posted =
        serde_json::from_slice(bytes).map_err(|error| (400, format!("parsing silence: {error}")))?;
    if posted.matchers.is_empty() || posted.matchers.iter().all(|matcher| matcher.value.is_empty()) {
        return Err((400, "invalid silence: at least one matcher must not match the empty string".into()));
    }
    let ahead = skew(state);
    let shift = |time: Timestamp| time.checked_add(ahead).unwrap_or(time);
    let (starts, ends) = (shift(posted.starts_at).max(state.now), shift(posted.ends_at));
    if ends <= starts {
        return Err((400, "invalid silence: start time must be before end time".into()));
    }
    let now = state.now;
    let mut made = Silence {
        id: String::new(),
        matchers: posted.matchers,
        starts,
        ends,
        updated: now,
        by: posted.created_by,
        comment: posted.comment,
    };
    if let Some(id) = posted.id.filter(|id| !id.is_empty()) {
        let known = state.alerts.silences.iter_mut().find(|one| one.id == id);
        let known = known.ok_or_else(|| (404, format!("silence {id} not found")))?;
        if known.matchers == made.matchers && phase(known, now) != "expired" {
            made.id = id;
            made.starts = known.starts;
            *known = made;
            return Ok(json!({"silenceID": known.id}));
        }
        // Other matchers make another silence; the old one ends.
        known.ends = now;
    }
    state.alerts.silences_made += 1;
    let number = state.alerts.silences_made;
    made.id = format!("7b1c3a52-0000-4000-8000-{number:012x}");
    let answer = json!({"silenceID": made.id});
    state.alerts.silences.push(made);
    Ok(answer)
}

fn expire(state: &mut WorldState, id: &str) -> Answer {
    let now = state.now;
    let found = state.alerts.silences.iter_mut().find(|one| one.id == id);
    let found = found.ok_or_else(|| (404, format!("silence {id} not found")))?;
    if phase(found, now) == "expired" {
        return Err((500, format!("silence {id} already expired")));
    }
    found.ends = now;
    found.updated = now;
    Ok(Value::Null)
}
