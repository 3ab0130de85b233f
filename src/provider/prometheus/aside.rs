//! What is asked about a signal besides its value, and only while the operator looks at its service: the canary alone,
//! those that are no canary, what is left of the error budget.

use jiff::Timestamp;

use super::super::promql;
use super::reading::{self, Instant};
use super::{Prometheus, Watch, local};
use crate::domain::{Cause, Fault, Place, Reading, SafeText, Series, Settings, Split};

/// The further queries of one signal, ready to be sent.
#[derive(Default)]
pub(super) struct Aside {
    canary: Option<String>,
    stable: Option<String>,
    budget: Option<String>,
}

impl Aside {
    pub(super) fn of(settings: &Settings, place: &Place, name: &SafeText) -> Result<Self, Fault> {
        let query = |key: &str| {
            let text = settings.text(key);
            let ready = text.map(|text| promql::substitute(text, place)).transpose();
            ready.map_err(|why| local(format!("{key} of signal {name} of {place}: {why}")))
        };
        Ok(Self { canary: query("canary")?, stable: query("stable")?, budget: query("budget")? })
    }
}

impl Prometheus {
    /// The canary beside the others, if the signal is configured to tell them apart.
    pub(super) async fn split(&self, watch: &Watch, now: Timestamp) -> Result<Option<Split>, Fault> {
        let Some(query) = &watch.aside.canary else { return Ok(None) };
        let canary = self.reading(query, watch).await?;
        let canary_series = self.companion(query, now, &canary).await?;
        let (stable, stable_series) = match &watch.aside.stable {
            // Without a canary the others are all, and nothing is compared: they are not asked for.
            Some(query) if canary.value().is_some() => {
                let stable = self.reading(query, watch).await?;
                let series = self.companion(query, now, &stable).await?;
                (Some(stable), series)
            }
            _ => (None, None),
        };
        Ok(Some(Split { canary, canary_series, stable, stable_series }))
    }

    /// What is left of the error budget, if the signal is configured to tell.
    pub(super) async fn budget(&self, watch: &Watch) -> Result<Option<Reading>, Fault> {
        match &watch.aside.budget {
            None => Ok(None),
            Some(query) => self.reading(query, watch).await.map(Some),
        }
    }

    /// One fresh number, or why there is none. Only a server that wants patience is a fault of the look.
    async fn reading(&self, query: &str, watch: &Watch) -> Result<Reading, Fault> {
        let asked = self.ask("/api/v1/query", query, Vec::new()).await;
        match asked.and_then(|answer| reading::instant(&answer, watch.max_age)) {
            Ok(Instant::Value(value)) => Ok(Reading::Value(value)),
            Ok(Instant::Unknown(why)) => Ok(Reading::Unknown(why)),
            Err(fault) if fault.cause == Cause::RateLimited => Err(fault),
            Err(fault) => Ok(Reading::Unknown(SafeText::new(&fault.to_string()))),
        }
    }

    /// The course that goes with a value; without a value none is asked for.
    async fn companion(&self, query: &str, now: Timestamp, value: &Reading) -> Result<Option<Series>, Fault> {
        if value.value().is_none() { Ok(None) } else { self.range(query, now).await }
    }

    /// The recent course of a query. It is an ornament to the value, which we have: only a server that wants
    /// patience is a fault of the look.
    pub(super) async fn range(&self, query: &str, now: Timestamp) -> Result<Option<Series>, Fault> {
        let span = self.window.ending(now);
        match self.ask("/api/v1/query_range", query, span.form()).await {
            Ok(answer) => Ok(reading::course(&answer, &span)),
            Err(fault) if fault.cause == Cause::RateLimited => Err(fault),
            Err(_) => Ok(None),
        }
    }
}
