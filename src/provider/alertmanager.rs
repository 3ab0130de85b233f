//! Alertmanager: the alerts of a place, loud or not.
//!
//! Knows `GET /api/v2/alerts`; asks, and never writes (no silences). Silenced and inhibited alerts count: a
//! silence must not turn a deployment green.
//!
//! Source: Alertmanager, `api/v2/openapi.yaml`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde::Deserialize;

use super::enforcement::Enforcement;
use super::examine::Finding;
use super::http::{Answer, Auth, Endpoint, EndpointSpec, Limits, Read, query};
use super::promql::substitute;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Alert, AlertState, Ask, Bound, Cause, Fault, Intent, Observation, Place, Prepared, Receipt, Role,
    SafeText, Step,
};

/// Alertmanager's line in the registry.
pub const KIND: Kind = Kind {
    name: "alertmanager",
    doc: "alerts from Alertmanager or Mimir's Alertmanager",
    keys: &[
        Key::required("url", KeyType::Url, "base of the API, without /api/v2"),
        Key::optional("token", KeyType::Secret, "bearer token"),
        Key::optional("username", KeyType::Text, "name for basic authentication"),
        Key::optional("password", KeyType::Secret, "password for basic authentication"),
        Key::optional("tenant", KeyType::Text, "tenant, sent as X-Scope-OrgID"),
        Key::optional("ca_file", KeyType::Path, "PEM certificates to trust besides the system's"),
    ],
    roles: &[(
        Role::Alerts,
        &[Key::optional(
            "filter",
            KeyType::List,
            "matchers that all must hold (default: service=\"..\" and environment=\"..\"); $service, $environment",
        )],
    )],
    cadence: Cadence { active: Duration::from_secs(10), idle: Duration::from_secs(30) },
    enforcement: Enforcement::tells_only("its alerts API; a tenant or bearer token where it wants one."),
    build,
};

/// Most alerts of one place that are kept; what is beyond is said in a remark.
const KEPT: usize = 200;

/// How long one whole look may take.
const LOOK: Duration = Duration::from_secs(60);

struct Alertmanager {
    endpoint: Endpoint,
    /// Path and query by place.
    paths: BTreeMap<Place, String>,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits::DEFAULT)
}

/// As the registry builds it, with other limits.
///
/// # Errors
/// As [`Kind::build`].
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let mut endpoint = EndpointSpec::of(&spec, None)?.auth(Auth::of(&spec)?).limits(limits);
    if let Some(tenant) = spec.settings.text("tenant") {
        endpoint = endpoint.header("X-Scope-OrgID", tenant);
    }
    let paths =
        spec.bounds.iter().filter(|bound| bound.role == Role::Alerts).map(path).collect::<Result<_, _>>()?;
    Ok(Arc::new(Alertmanager { endpoint: Endpoint::new(endpoint)?, paths }))
}

fn path(bound: &Bound) -> Result<(Place, String), Fault> {
    let place = bound.place().ok_or_else(|| Fault::new(Cause::Local, "alerts without an environment"))?;
    let configured = bound.settings.list("filter");
    let default = [r#"service="$service""#.to_owned(), r#"environment="$environment""#.to_owned()];
    let templates = if configured.is_empty() { &default } else { configured };
    let filters = templates
        .iter()
        .map(|template| substitute(template, &place))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|why| Fault::new(Cause::Local, format!("filter of the alerts of {place}: {why}")))?;
    let states = ["active", "silenced", "inhibited", "unprocessed"].map(|state| (state, "true"));
    let pairs: Vec<_> = states.into_iter().chain(filters.iter().map(|f| ("filter", f.as_str()))).collect();
    Ok((place, query("/api/v2/alerts", &pairs)))
}

#[derive(Deserialize)]
struct WireAlert {
    labels: BTreeMap<String, SafeText>,
    #[serde(default)]
    annotations: BTreeMap<String, SafeText>,
    #[serde(rename = "startsAt")]
    starts_at: Option<SafeText>,
    status: WireStatus,
}

#[derive(Deserialize)]
struct WireStatus {
    state: SafeText,
    #[serde(default, rename = "silencedBy")]
    silenced_by: Option<Vec<SafeText>>,
    #[serde(default, rename = "inhibitedBy")]
    inhibited_by: Option<Vec<SafeText>>,
    #[serde(default, rename = "mutedBy")]
    muted_by: Option<Vec<SafeText>>,
}

impl WireStatus {
    /// A state that we do not know is loud.
    fn state(&self) -> AlertState {
        if self.state != "suppressed" {
            return AlertState::Firing;
        }
        let by =
            [("silenced", &self.silenced_by), ("inhibited", &self.inhibited_by), ("muted", &self.muted_by)];
        let said: Vec<String> = by
            .iter()
            .filter_map(|(word, who)| Some((word, who.as_ref().filter(|who| !who.is_empty())?)))
            .map(|(word, who)| {
                format!("{word} by {}", who.iter().map(SafeText::as_str).collect::<Vec<_>>().join(", "))
            })
            .collect();
        let said = if said.is_empty() { "suppressed".to_owned() } else { said.join("; ") };
        AlertState::Suppressed(SafeText::new(&said))
    }
}

impl From<WireAlert> for Alert {
    fn from(wire: WireAlert) -> Self {
        let unnamed = || SafeText::new("(no alertname)");
        Self {
            name: wire.labels.get("alertname").cloned().unwrap_or_else(unnamed),
            severity: wire.labels.get("severity").cloned(),
            state: wire.status.state(),
            since: wire.starts_at.and_then(|at| at.as_str().parse::<Timestamp>().ok()),
            summary: ["summary", "description", "message"]
                .iter()
                .find_map(|key| wire.annotations.get(*key).cloned()),
        }
    }
}

/// What a look saw of one place.
struct Sight {
    alerts: Vec<Alert>,
    all: usize,
    date: Option<Timestamp>,
}

type Seen<'a> = (&'a Place, Result<Sight, Fault>);

impl Alertmanager {
    async fn sight(&self, path: &str) -> Result<Sight, Fault> {
        let answer = self.endpoint.read(&Read::get(path)).await?.ok()?;
        let (alerts, all) = alerts(&answer)?;
        Ok(Sight { alerts, all, date: answer.date() })
    }

    fn sighting<'a>(&'a self, place: &'a Place, path: &'a str) -> BoxFuture<'a, Seen<'a>> {
        Box::pin(async move { (place, self.sight(path).await) })
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        if self.paths.is_empty() {
            // Nothing is asked of it yet; whether it could be asked is worth knowing all the same.
            let answer = self.endpoint.read(&Read::get("/api/v2/status")).await?.ok()?;
            answer.json::<serde::de::IgnoredAny>()?;
            return Ok(Observation { server_time: answer.date(), ..Observation::default() });
        }
        let mut places: Vec<_> = self.paths.iter().collect();
        places.sort_by_key(|(place, _)| ask.focus.as_ref() != Some(&place.service));
        let sightings: Vec<_> = places.into_iter().map(|(place, path)| self.sighting(place, path)).collect();
        let mut sights = stream::iter(sightings).buffered(Limits::DEFAULT.concurrency);
        let mut observation = Observation::default();
        let mut faults = Vec::new();
        while let Some((place, sight)) = sights.next().await {
            match sight {
                Ok(sight) => {
                    if sight.all > KEPT {
                        let remark = format!("{place}: {} alerts, {KEPT} kept", sight.all);
                        observation.remarks.push(SafeText::new(&remark));
                    }
                    observation.server_time = observation.server_time.max(sight.date);
                    observation.alerts.insert(place.clone(), sight.alerts);
                }
                Err(fault) if speaks_for_all(&fault, &observation) => return Err(fault),
                Err(fault) => {
                    observation.faults.insert(place.service.clone(), fault.clone());
                    faults.push(fault);
                }
            }
        }
        match faults.into_iter().next() {
            Some(fault) if observation.alerts.is_empty() => Err(fault),
            _ => Ok(observation),
        }
    }
}

/// The alerts in an answer to `GET /api/v2/alerts`: loud ones first, then the longest lasting, 200 at the most; and
/// how many there were.
///
/// # Errors
/// `Malformed` when it is not as documented.
pub fn alerts(answer: &Answer) -> Result<(Vec<Alert>, usize), Fault> {
    let wire: Vec<WireAlert> = answer.json()?;
    let all = wire.len();
    let mut alerts: Vec<Alert> = wire.into_iter().map(Alert::from).collect();
    // The server's own order changes from answer to answer.
    alerts.sort_by(|a, b| {
        let key = |alert: &Alert| (alert.state != AlertState::Firing, alert.since.unwrap_or(Timestamp::MAX));
        key(a).cmp(&key(b)).then_with(|| (&a.name, &a.summary).cmp(&(&b.name, &b.summary)))
    });
    alerts.truncate(KEPT);
    Ok((alerts, all))
}

/// Whether asking for other places makes no sense.
fn speaks_for_all(fault: &Fault, so_far: &Observation) -> bool {
    match fault.cause {
        Cause::RateLimited => true,
        Cause::Unreachable | Cause::Tls | Cause::Unauthorized | Cause::Local | Cause::Redirected => {
            so_far.alerts.is_empty()
        }
        _ => false,
    }
}

fn only_tells() -> Fault {
    Fault::new(Cause::Refused, "Alertmanager only tells; nothing can be done there")
}

impl Provider for Alertmanager {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        Box::pin(async move {
            let late = || {
                let seconds = LOOK.as_secs();
                Fault::new(
                    Cause::TimedOut,
                    format!("{}: not all alerts within {seconds} s", self.endpoint.host()),
                )
            };
            tokio::time::timeout(LOOK, self.look(ask)).await.unwrap_or_else(|_| Err(late()))
        })
    }

    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.endpoint.way(now))
    }

    fn prepare<'a>(&'a self, _: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async { Err(only_tells()) })
    }

    fn perform<'a>(&'a self, _: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async { Err(only_tells()) })
    }
}
