//! Prometheus and what speaks its API: Mimir, Thanos, VictoriaMetrics.
//!
//! Knows `/api/v1/query` and `/api/v1/query_range`; asks, and never writes. A signal is one finite, fresh number
//! or it is unknown, with the reason: no data is never healthy. The server's own `Date` is the clock.
//!
//! Source: Prometheus, "HTTP API"; Thanos, "Query" (partial response); VictoriaMetrics, `isPartial`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use super::enforcement::Enforcement;
use super::examine::Finding;
use super::http::{Answer, Auth, Endpoint, EndpointSpec, Limits, Read};
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec, promql};
use crate::domain::health::BadWhen;
use crate::domain::{
    Ask, Bound, Cause, Fault, Intent, Observation, Place, Prepared, Reading, Receipt, Role, SafeText, Series,
    Settings, Signal, Split, Step, Thresholds, Value,
};

mod aside;
#[doc(hidden)]
pub mod fuzz;
mod reading;

use aside::Aside;
use reading::{Instant, Window};

/// Prometheus' line in the registry.
pub const KIND: Kind = Kind {
    name: "prometheus",
    doc: "signals from Prometheus, Mimir, Thanos or VictoriaMetrics",
    keys: &[
        Key::required("url", KeyType::Url, "base of the API, without /api/v1"),
        Key::optional("token", KeyType::Secret, "bearer token"),
        Key::optional("username", KeyType::Text, "name for basic authentication"),
        Key::optional("password", KeyType::Secret, "password for basic authentication"),
        Key::optional("tenant", KeyType::Text, "tenant, sent as X-Scope-OrgID"),
        Key::optional("ca_file", KeyType::Path, "PEM certificates to trust besides the system's"),
        Key::optional("headers", KeyType::Table, "further headers of every request; nothing secret"),
        Key::optional(
            "method",
            KeyType::Text,
            "post (default) or get, for proxies that let only GET through",
        ),
        Key::optional("range", KeyType::Text, "how far back a signal's course reaches (default 20m)"),
        Key::optional("scrape_interval", KeyType::Text, "never ask for points closer together than this"),
        Key::optional("thanos", KeyType::Switch, "true for Thanos: refuse partial responses"),
    ],
    roles: &[(
        Role::Signal,
        &[
            Key::required("name", KeyType::Text, "the signal's name"),
            Key::required(
                "query",
                KeyType::Text,
                "PromQL with one number as its result; $service, $environment",
            ),
            Key::optional("unit", KeyType::Text, "unit of the value"),
            Key::optional("hold", KeyType::Number, "at or beyond this: HOLD"),
            Key::optional("no_go", KeyType::Number, "at or beyond this: NO-GO"),
            Key::optional("bad_when", KeyType::Text, "above (default) or below the thresholds is bad"),
            Key::optional("canary", KeyType::Text, "PromQL: the same number of the canary alone"),
            Key::optional("stable", KeyType::Text, "PromQL: the same number of those that are no canary"),
            Key::optional("budget", KeyType::Text, "PromQL: what is left of the error budget, in per cent"),
            Key::optional("lookback", KeyType::Text, "a sample older than this is no evidence (default 5m)"),
        ],
    )],
    cadence: Cadence { active: Duration::from_secs(10), idle: Duration::from_secs(30) },
    enforcement: Enforcement::tells_only("its query API; a tenant or bearer token where it wants one."),
    build,
};

/// How long a server may work on one query; below our own deadline, so that its explanation arrives.
const SERVER_TIMEOUT: &str = "8s";

/// How long one whole look may take.
const LOOK: Duration = Duration::from_secs(60);

/// How long the course of a signal that nobody looks at is kept before it is asked for again, in seconds.
const KEPT: i64 = 60;

const LIMITS: Limits = Limits { concurrency: 6, ..Limits::DEFAULT };

/// One signal in one place.
struct Watch {
    place: Place,
    name: SafeText,
    unit: SafeText,
    thresholds: Thresholds,
    query: String,
    aside: Aside,
    max_age: Duration,
}

struct Prometheus {
    endpoint: Endpoint,
    watches: Vec<Watch>,
    window: Window,
    thanos: Partial,
    /// Set when the server or a proxy refused POST.
    get: AtomicBool,
    courses: Mutex<BTreeMap<(Place, SafeText), (Timestamp, Series)>>,
}

/// Whether the server may answer with a part of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partial {
    /// It has no such notion.
    Unsaid,
    /// It has, and we want none of it.
    Refused,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, LIMITS)
}

/// As the registry builds it, with other limits.
///
/// # Errors
/// As [`Kind::build`].
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let mut endpoint = EndpointSpec::of(&spec, None)?.auth(Auth::of(&spec)?).limits(limits);
    for (name, value) in spec.settings.table("headers").into_iter().flatten() {
        endpoint = endpoint.header(name, value);
    }
    if let Some(tenant) = spec.settings.text("tenant") {
        endpoint = endpoint.header("X-Scope-OrgID", tenant);
    }
    let get = match spec.settings.text("method").unwrap_or("post") {
        "get" | "GET" => true,
        "post" | "POST" => false,
        other => return Err(local(format!("method is {other}, and can be post or get"))),
    };
    let thanos = match spec.settings.0.get("thanos") {
        Some(Value::Switch(true)) => Partial::Refused,
        _ => Partial::Unsaid,
    };
    let range = duration(&spec.settings, "range")?.unwrap_or(Duration::from_secs(1_200));
    let closest = duration(&spec.settings, "scrape_interval")?.unwrap_or_default();
    let watches =
        spec.bounds.iter().filter(|bound| bound.role == Role::Signal).map(watch).collect::<Result<_, _>>()?;
    Ok(Arc::new(Prometheus {
        endpoint: Endpoint::new(endpoint)?,
        watches,
        window: Window::new(range, closest),
        thanos,
        get: AtomicBool::new(get),
        courses: Mutex::default(),
    }))
}

fn local(what: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, what)
}

fn duration(settings: &Settings, key: &str) -> Result<Option<Duration>, Fault> {
    let Some(text) = settings.text(key) else { return Ok(None) };
    let wrong = || {
        local(format!("{key} is {text:?}, which is no duration")).with_hint("write it like 90s, 5m, 1h or 1d")
    };
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let signed = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(signed).ok().filter(|d| !d.is_zero()).map(Some).ok_or_else(wrong)
}

fn watch(bound: &Bound) -> Result<Watch, Fault> {
    let settings = &bound.settings;
    let place = bound.place().ok_or_else(|| local("a signal without an environment"))?;
    let text =
        |key: &str| settings.text(key).ok_or_else(|| local(format!("a signal of {place} has no {key}")));
    let name = SafeText::new(text("name")?);
    let query = promql::substitute(text("query")?, &place)
        .map_err(|why| local(format!("query of signal {name} of {place}: {why}")))?;
    let bad_when = match settings.text("bad_when").unwrap_or("above") {
        "above" => BadWhen::Above,
        "below" => BadWhen::Below,
        other => {
            return Err(local(format!("bad_when of signal {name} is {other}, and can be above or below")));
        }
    };
    let thresholds = Thresholds { bad_when, hold: settings.number("hold"), no_go: settings.number("no_go") };
    let unit = SafeText::new(settings.text("unit").unwrap_or_default());
    let max_age = duration(settings, "lookback")?.unwrap_or(Duration::from_secs(300));
    let aside = Aside::of(settings, &place, &name)?;
    Ok(Watch { place, name, unit, thresholds, query, aside, max_age })
}

/// What a look saw of one signal.
struct Sight {
    reading: Reading,
    series: Option<Series>,
    split: Option<Split>,
    budget: Option<Reading>,
    date: Option<Timestamp>,
}

type Seen<'a> = (&'a Watch, Result<Sight, Fault>);

impl Prometheus {
    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        // The operator's service first: if the look is cut short, it is the others that go without.
        if self.watches.is_empty() {
            // Nothing is asked of it yet; whether it could be asked is worth knowing all the same.
            let answer = self.ask("/api/v1/query", "time()", Vec::new()).await?;
            reading::instant(&answer, LOOK)?;
            return Ok(Observation { server_time: answer.date(), ..Observation::default() });
        }
        let mut order: Vec<&Watch> = self.watches.iter().collect();
        order.sort_by_key(|watch| Focus::of(watch, ask) != Focus::Looked);
        let sightings: Vec<_> =
            order.into_iter().map(|watch| self.sighting(watch, Focus::of(watch, ask))).collect();
        let mut sights = stream::iter(sightings).buffered(LIMITS.concurrency);
        let mut seen: BTreeMap<(Place, SafeText), Result<Sight, Fault>> = BTreeMap::new();
        let (mut any, mut worst) = (false, None);
        while let Some((watch, sight)) = sights.next().await {
            match &sight {
                Ok(_) => any = true,
                Err(fault) if hopeless(fault, any) => return Err(fault.clone()),
                Err(fault) => worst = worst.or_else(|| Some(fault.clone())),
            }
            seen.insert((watch.place.clone(), watch.name.clone()), sight);
        }
        drop(sights);
        match worst {
            Some(fault) if !any => Err(fault),
            _ => Ok(self.observation(seen)),
        }
    }

    fn observation(&self, mut seen: BTreeMap<(Place, SafeText), Result<Sight, Fault>>) -> Observation {
        let mut observation = Observation::default();
        for watch in &self.watches {
            let (reading, series, split, budget) = match seen
                .remove(&(watch.place.clone(), watch.name.clone()))
            {
                Some(Ok(sight)) => {
                    observation.server_time = observation.server_time.max(sight.date);
                    (sight.reading, sight.series, sight.split, sight.budget)
                }
                Some(Err(fault)) => (Reading::Unknown(SafeText::new(&fault.to_string())), None, None, None),
                None => {
                    (Reading::Unknown(SafeText::new("configured twice under this name")), None, None, None)
                }
            };
            observation.signals.entry(watch.place.clone()).or_default().push(Signal {
                name: watch.name.clone(),
                unit: watch.unit.clone(),
                thresholds: watch.thresholds,
                reading,
                series,
                split,
                budget,
            });
        }
        observation
    }

    fn sighting<'a>(&'a self, watch: &'a Watch, focus: Focus) -> BoxFuture<'a, Seen<'a>> {
        Box::pin(async move { (watch, self.sight(watch, focus).await) })
    }

    async fn sight(&self, watch: &Watch, focus: Focus) -> Result<Sight, Fault> {
        let answer = self.ask("/api/v1/query", &watch.query, Vec::new()).await?;
        let date = answer.date();
        let reading = match reading::instant(&answer, watch.max_age)? {
            Instant::Value(value) => Reading::Value(value),
            Instant::Unknown(why) => Reading::Unknown(why),
        };
        let series = match date {
            Some(now) => self.course(watch, now, focus).await?,
            None => None,
        };
        let (split, budget) = match (date, focus) {
            (Some(now), Focus::Looked) => (self.split(watch, now).await?, self.budget(watch).await?),
            _ => (None, None),
        };
        Ok(Sight { reading, series, split, budget, date })
    }

    /// The signal's recent course: asked for at every look if the operator looks at it, else now and then.
    async fn course(&self, watch: &Watch, now: Timestamp, focus: Focus) -> Result<Option<Series>, Fault> {
        let key = (watch.place.clone(), watch.name.clone());
        let kept = self.courses().get(&key).cloned();
        let age = kept.as_ref().map(|(then, _)| now.duration_since(*then).as_secs());
        if focus == Focus::Aside && age.is_some_and(|age| (0..KEPT).contains(&age)) {
            return Ok(kept.map(|(_, series)| series));
        }
        let series = self.range(&watch.query, now).await?;
        match &series {
            Some(series) => self.courses().insert(key, (now, series.clone())),
            None => self.courses().remove(&key),
        };
        Ok(series)
    }

    fn courses(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Place, SafeText), (Timestamp, Series)>> {
        self.courses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks; an answer that is an API envelope is handed back whatever its status, anything else is a fault.
    async fn ask(&self, path: &str, query: &str, more: Vec<(String, String)>) -> Result<Answer, Fault> {
        let mut form = vec![("query".to_owned(), query.to_owned())];
        form.push(("timeout".to_owned(), SERVER_TIMEOUT.to_owned()));
        if self.thanos == Partial::Refused {
            form.push(("partial_response".to_owned(), "false".to_owned()));
            form.push(("dedup".to_owned(), "true".to_owned()));
        }
        form.extend(more);
        if !self.get.load(Ordering::Relaxed) {
            let answer = self.endpoint.read(&Read::post_form(path, form.clone())).await?;
            if answer.status != 405 {
                return reading::envelope(answer);
            }
            self.get.store(true, Ordering::Relaxed);
        }
        let pairs: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.endpoint.read(&Read::get(super::http::query(path, &pairs))).await?;
        reading::envelope(answer)
    }
}

/// Whether the operator looks at it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Focus {
    Looked,
    Aside,
}

impl Focus {
    fn of(watch: &Watch, ask: &Ask) -> Self {
        if ask.focus.as_ref() == Some(&watch.place.service) { Self::Looked } else { Self::Aside }
    }
}

/// Whether asking on makes no sense: the server wants patience, or was not there from the first question on.
fn hopeless(fault: &Fault, any: bool) -> bool {
    match fault.cause {
        Cause::RateLimited => true,
        Cause::Unreachable | Cause::Tls | Cause::Unauthorized | Cause::Local | Cause::Redirected => !any,
        _ => false,
    }
}

fn only_tells() -> Fault {
    Fault::new(Cause::Refused, "Prometheus only tells; nothing can be done there")
}

impl Provider for Prometheus {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        Box::pin(async move {
            let late = || {
                let seconds = LOOK.as_secs();
                Fault::new(
                    Cause::TimedOut,
                    format!("{}: not all signals within {seconds} s", self.endpoint.host()),
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
