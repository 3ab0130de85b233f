//! CircleCI: pipelines, workflows, approval jobs, and the writes that go with them.
//!
//! Knows CircleCI's API v2, on its cloud and on a server of one's own. Must not know when it is asked (that is the
//! runtime's), what is right to do (that is policy) or how it looks.
//!
//! Anybody who may push may approve; there is no comment, no rejection and no rule about one's own runs. Source:
//! circleci.com/docs/api/v2.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::examine::Finding;
use super::http::{Auth, Endpoint, EndpointSpec, Limits};
use super::secret::Secret;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Ask, Cause, Fault, Intent, LogTold, Observation, Prepared, Receipt, Role, SafeText, ServiceName,
    SourceName, Step,
};
use crate::provider::services::{Sight, collect, each, in_time, locked};

mod act;
mod api;
mod bindings;
mod enforcement;
#[doc(hidden)]
pub mod fuzz;
mod logs;
mod look;
mod reports;
mod states;
mod wire;

use api::Api;
use bindings::Watch;
use logs::Logs;
use look::{Looker, Memory};

/// Where CircleCI itself answers.
const CLOUD: &str = "https://circleci.com/api/v2";

/// Projects looked at side by side.
const SIDE_BY_SIDE: usize = 3;

/// Pipelines whose workflows are counted as having been there before.
const BEFORE: usize = 5;

/// CircleCI in the registry.
pub const KIND: Kind = Kind {
    name: "circleci",
    doc: "CircleCI: pipelines, workflows and approval jobs, on its cloud or a server of one's own",
    keys: &[
        Key::optional(
            "url",
            KeyType::Url,
            "API address (default https://circleci.com/api/v2; server: https://HOST/api/v2).",
        ),
        Key::required("token", KeyType::Secret, "A personal token; project tokens do not work with API v2."),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
    ],
    roles: &[
        (
            Role::Pipeline,
            &[
                Key::required(
                    "project",
                    KeyType::Text,
                    "Slug: gh/org/repo, bb/org/repo or circleci/ORG-ID/PROJECT-ID.",
                ),
                Key::optional("workflow", KeyType::Text, "Only workflows of this name (default: all)."),
                Key::optional(
                    "branch",
                    KeyType::Text,
                    "Only pipelines of this branch (default: all branches).",
                ),
            ],
        ),
        (
            Role::Live,
            &[Key::optional(
                "approval",
                KeyType::Text,
                "The approval job that guards this environment (default: the one whose name holds the environment's).",
            )],
        ),
        (
            Role::Dispatch,
            &[
                Key::required(
                    "workflow",
                    KeyType::Text,
                    "Name of the workflow that ships; its appearance is the proof.",
                ),
                Key::optional(
                    "branch",
                    KeyType::Text,
                    "Branch to start from (default: the version's own tag).",
                ),
                Key::optional(
                    "definition",
                    KeyType::Text,
                    "Id of the pipeline definition (GitHub App projects).",
                ),
                Key::optional(
                    "parameters",
                    KeyType::Table,
                    "Pipeline parameters; $version, $sha, $service and $environment are replaced.",
                ),
            ],
        ),
    ],
    cadence: Cadence { active: Duration::from_secs(10), idle: Duration::from_secs(30) },
    enforcement: enforcement::FACTS,
    build,
};

/// One configured CircleCI.
struct CircleCi {
    source: SourceName,
    api: Api,
    watches: Vec<Watch>,
    logs: Logs,
    cloud: bool,
    identity: Mutex<Option<SafeText>>,
    memory: Memory,
    turns: AtomicU64,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// A CircleCI with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = bindings::read(&spec)?;
    let cloud = spec.settings.text("url").is_none_or(|url| url.trim_end_matches('/') == CLOUD);
    let token = Secret::of(&spec, "token").ok_or_else(|| {
        Fault::new(Cause::Local, format!("source {} has no token", spec.name))
            .with_hint("add token = { env = \"CIRCLE_TOKEN\" } with a personal token")
    })?;
    let endpoint = EndpointSpec::of(&spec, Some(CLOUD))?.auth(Auth::Bearer(token)).limits(limits);
    let logs = Logs { endpoint: older_api(&endpoint)?, cloud };
    Ok(Arc::new(CircleCi {
        source: spec.name,
        api: Api::new(Endpoint::new(endpoint)?),
        watches,
        logs,
        cloud,
        identity: Mutex::new(None),
        memory: Memory::default(),
        turns: AtomicU64::new(0),
    }))
}

/// API v1.1 of the same server, where its address tells.
fn older_api(endpoint: &EndpointSpec) -> Result<Option<Endpoint>, Fault> {
    let Some(root) = endpoint.url.trim_end_matches('/').strip_suffix("/api/v2") else { return Ok(None) };
    Endpoint::new(EndpointSpec { url: format!("{root}/api/v1.1"), ..endpoint.clone() }).map(Some)
}

impl CircleCi {
    fn watch(&self, service: &ServiceName) -> Result<&Watch, Fault> {
        self.watches.iter().find(|w| &w.service == service).ok_or_else(|| {
            Fault::new(Cause::Local, format!("source {} has no pipeline of {service}", self.source))
        })
    }

    /// Who we are; asked once, and again after a refused token.
    async fn identity(&self) -> Result<Option<SafeText>, Fault> {
        if let Some(known) = locked(&self.identity).clone() {
            return Ok(Some(known));
        }
        let user = self.api.get_if_told::<wire::User>("/me").await?;
        let login = user.and_then(|user| user.login.or(user.name)).filter(|login| !login.is_empty());
        locked(&self.identity).clone_from(&login);
        Ok(login)
    }

    fn noticed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.as_ref().is_err_and(|fault| fault.cause == Cause::Unauthorized) {
            *locked(&self.identity) = None;
        }
        result
    }

    /// The log that is asked for, if it is one of ours.
    async fn log(&self, ask: &Ask) -> Result<Option<LogTold>, Fault> {
        let Some(key) = ask.log.as_ref().filter(|key| key.run.source == self.source) else { return Ok(None) };
        let Some(watch) = self.watches.iter().find(|watch| watch.service == key.run.service) else {
            return Ok(None);
        };
        let job = look::jobs(&self.api, &key.run.id).await?.into_iter().find(|job| job.id == key.id);
        logs::told(&self.logs, watch, key, job.as_ref()).await.map(Some)
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let identity = self.identity().await?;
        let looker = Looker {
            api: &self.api,
            memory: &self.memory,
            source: &self.source,
            ask,
            turn,
            cloud: self.cloud,
        };
        let looks = self.watches.iter().map(|watch| {
            let look: BoxFuture<'_, Result<Sight, Fault>> = Box::pin(looker.service(watch));
            (&watch.service, look)
        });
        let sights = each(ask, looks.collect(), SIDE_BY_SIDE).await?;
        let mut seen = Observation { identity, ..Observation::default() };
        let meter = self.api.meter();
        (seen.budget, seen.server_time) = (meter.budget, meter.date);
        seen.log = self.log(ask).await?;
        collect(sights, &mut seen)?;
        Ok(seen)
    }
}

impl Provider for CircleCi {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        Box::pin(async move { self.noticed(in_time(&self.source, self.look(ask)).await) })
    }

    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.api.endpoint().way(now))
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async move { self.noticed(self.ready(intent).await) })
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move { self.noticed(self.carry_out(step).await) })
    }
}
