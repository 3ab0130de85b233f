//! One complete look at a source, and the report that carries it inward.
//!
//! Every provider fills the maps that it knows something about and leaves the others empty, so a new
//! kind of source needs no new type here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::{Repository, SpanAsk};
use super::fault::Fault;
use super::gitops::{Application, Manifests};
use super::health::{Alert, Signal};
use super::log::LogTold;
use super::name::{Place, ServiceName, SourceName};
use super::pipeline::{Gate, JobKey, Lanes, Pipeline, RunKey};
use super::rollout::{Live, Rollout, Stock};
use super::text::SafeText;
use super::time::Now;

/// What the cockpit would like a look to answer, beyond what is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Change sets to compute; the answer to each is in [`Repository::changes`].
    pub spans: Vec<SpanAsk>,
    /// The service that the operator looks at: details of it are worth more requests than those of others.
    pub focus: Option<ServiceName>,
    /// Runs on which the outcome of an action depends: jobs and reviews of each are told, however old it is.
    pub runs: Vec<RunKey>,
    /// Services that are being changed: what is told of them is what the source knows this moment, not what a watch
    /// brought last.
    #[serde(default)]
    pub acting: Vec<ServiceName>,
    /// The job whose log the operator looks at; the answer is in [`Observation::log`].
    #[serde(default)]
    pub log: Option<JobKey>,
}

impl Ask {
    /// Ids of the runs of a service at a source on which the outcome of an action depends.
    #[must_use]
    pub fn runs_of(&self, source: &SourceName, service: &ServiceName) -> BTreeSet<&SafeText> {
        let ours = |key: &&RunKey| &key.source == source && &key.service == service;
        self.runs.iter().filter(ours).map(|key| &key.id).collect()
    }
}

/// How much the source still lets us ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Requests in a window.
    pub limit: u64,
    /// Requests left in this window.
    pub remaining: u64,
    /// When the window ends.
    pub resets: Option<Timestamp>,
}

/// One complete look at a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Who we are there: login, user name.
    pub identity: Option<SafeText>,
    /// What the source lets us ask.
    pub budget: Option<Budget>,
    /// The server's clock when it answered, for countdowns and skew.
    pub server_time: Option<Timestamp>,
    /// By service.
    pub repositories: BTreeMap<ServiceName, Repository>,
    /// By service.
    pub pipelines: BTreeMap<ServiceName, Pipeline>,
    /// Everything that waits, of every service.
    pub gates: Vec<Gate>,
    /// Runs that wait for each other, by service, where anything is suspected.
    #[serde(default)]
    pub lanes: BTreeMap<ServiceName, Lanes>,
    /// What the CI provider says is live.
    pub live: BTreeMap<Place, Live>,
    /// What the target runs. One that did not change since the last look may be handed out again.
    pub rollouts: BTreeMap<Place, Arc<Rollout>>,
    /// What the GitOps controller says about the application in a place.
    #[serde(default)]
    pub applications: BTreeMap<Place, Application>,
    /// What Git says should run in a place.
    #[serde(default)]
    pub manifests: BTreeMap<Place, Manifests>,
    /// What is known of the image that a roll back would start, where it was asked for.
    #[serde(default)]
    pub stock: BTreeMap<Place, Stock>,
    /// Signals in configured order.
    pub signals: BTreeMap<Place, Vec<Signal>>,
    /// Alerts; a place that was asked and has none maps to an empty list.
    pub alerts: BTreeMap<Place, Vec<Alert>>,
    /// Services that this look could not see; what was last seen of them is kept and ages.
    pub faults: BTreeMap<ServiceName, Fault>,
    /// The log that was asked for.
    #[serde(default)]
    pub log: Option<LogTold>,
    /// What an operator should know about the source as a whole.
    pub remarks: Vec<SafeText>,
}

/// A look or a fault, with source, time and epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which source.
    pub source: SourceName,
    /// Counts the starts of this source's provider: a late answer of an earlier one is dropped.
    pub epoch: u64,
    /// When the look began: what it saw is at least as new as this.
    pub began: Now,
    /// When it came in.
    pub at: Now,
    /// When the next look is due, from `at`.
    pub next: Duration,
    /// What was seen, or why not.
    pub result: Result<Arc<Observation>, Fault>,
}
