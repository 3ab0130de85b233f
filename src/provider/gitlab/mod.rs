//! GitLab CI: pipelines with those that they start, manual jobs, approvals of protected environments, deployments, and
//! the writes that go with them.
//!
//! Knows GitLab's REST API v4, on gitlab.com and on one's own. Must not know when it is asked (that is the runtime's),
//! what is right to do (that is policy) or how it looks.
//!
//! An approval does not start anything: its job must be started as well. Source: docs.gitlab.com/api.

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
    Ask, Cause, Fault, Intent, LogTold, Observation, Prepared, Receipt, Role, ServiceName, SourceName, Step,
};
use crate::provider::services::{Sight, collect, each, in_time, locked};

mod about;
mod act;
mod api;
mod approvals;
mod bindings;
mod enforcement;
#[doc(hidden)]
pub mod fuzz;
mod logs;
mod look;
mod reports;
mod start;
mod states;
mod whereabouts;
mod wire;

use api::Api;
use approvals::Me;
use bindings::Watch;
use look::{Looker, Memory};

/// Where GitLab itself is.
const CLOUD: &str = "https://gitlab.com";
/// Where below it the API is.
const API: &str = "/api/v4";

/// Projects looked at side by side.
const SIDE_BY_SIDE: usize = 3;

/// GitLab in the registry.
pub const KIND: Kind = Kind {
    name: "gitlab",
    doc: "GitLab CI: pipelines, manual jobs, deployment approvals and deployments, on gitlab.com or one's own",
    keys: &[
        Key::optional(
            "url",
            KeyType::Url,
            "GitLab's address with its relative root (default https://gitlab.com).",
        ),
        Key::required(
            "token",
            KeyType::Secret,
            "A personal, project or group access token: scope read_api to look, api to act.",
        ),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
    ],
    roles: &[
        (
            Role::Pipeline,
            &[
                Key::required(
                    "project",
                    KeyType::Text,
                    "Full path, group/subgroup/name, or the project's number.",
                ),
                Key::optional("ref", KeyType::Text, "Only pipelines of this branch or tag (default: all)."),
            ],
        ),
        (
            Role::Live,
            &[Key::optional(
                "environment",
                KeyType::Text,
                "What GitLab calls this environment (default: our name for it).",
            )],
        ),
        (
            Role::Dispatch,
            &[
                Key::optional(
                    "ref",
                    KeyType::Text,
                    "Branch or tag to start from (default: the version's own tag).",
                ),
                Key::optional(
                    "variables",
                    KeyType::Table,
                    "Pipeline variables; $version, $sha, $service and $environment are replaced.",
                ),
            ],
        ),
    ],
    cadence: Cadence { active: Duration::from_secs(8), idle: Duration::from_secs(30) },
    enforcement: enforcement::FACTS,
    build,
};

/// One configured GitLab.
struct GitLab {
    source: SourceName,
    api: Api,
    watches: Vec<Watch>,
    me: Mutex<Option<Me>>,
    memory: Memory,
    turns: AtomicU64,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// A GitLab with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = bindings::read(&spec)?;
    let token = Secret::of(&spec, "token").ok_or_else(|| {
        Fault::new(Cause::Local, format!("source {} has no token", spec.name))
            .with_hint("add token = { env = \"GITLAB_TOKEN\" } with an access token")
    })?;
    let mut endpoint = EndpointSpec::of(&spec, Some(CLOUD))?.auth(Auth::Bearer(token)).limits(limits);
    let root = endpoint.url.trim_end_matches('/');
    endpoint.url = if root.ends_with(API) { root.to_owned() } else { format!("{root}{API}") };
    Ok(Arc::new(GitLab {
        source: spec.name,
        api: Api::new(Endpoint::new(endpoint)?),
        watches,
        me: Mutex::new(None),
        memory: Memory::default(),
        turns: AtomicU64::new(0),
    }))
}

impl GitLab {
    fn watch(&self, service: &ServiceName) -> Result<&Watch, Fault> {
        self.watches.iter().find(|w| &w.service == service).ok_or_else(|| {
            Fault::new(Cause::Local, format!("source {} has no pipeline of {service}", self.source))
        })
    }

    /// Who we are; asked once, and again after a refused token.
    async fn me(&self) -> Result<Me, Fault> {
        if let Some(known) = locked(&self.me).clone() {
            return Ok(known);
        }
        let user = self.api.get_if_told::<wire::User>("/user").await?;
        let me = user.map_or_else(Me::default, |user| Me { id: user.id, name: user.username });
        *locked(&self.me) = Some(me.clone());
        Ok(me)
    }

    fn noticed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.as_ref().is_err_and(|fault| fault.cause == Cause::Unauthorized) {
            *locked(&self.me) = None;
        }
        result
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let me = self.me().await?;
        let looker =
            Looker { api: &self.api, memory: &self.memory, source: &self.source, me: &me, ask, turn };
        let looks = self.watches.iter().map(|watch| {
            let look: BoxFuture<'_, Result<Sight, Fault>> = Box::pin(looker.service(watch));
            (&watch.service, look)
        });
        let sights = each(ask, looks.collect(), SIDE_BY_SIDE).await?;
        let mut seen = Observation { identity: me.name.clone(), ..Observation::default() };
        let meter = self.api.meter();
        (seen.budget, seen.server_time) = (meter.budget, meter.date);
        seen.log = self.log(ask).await?;
        collect(sights, &mut seen)?;
        Ok(seen)
    }

    /// The log that is asked for, if it is one of ours.
    async fn log(&self, ask: &Ask) -> Result<Option<LogTold>, Fault> {
        let Some(key) = ask.log.as_ref().filter(|key| key.run.source == self.source) else { return Ok(None) };
        match self.watches.iter().find(|watch| watch.service == key.run.service) {
            Some(watch) => logs::told(&self.api, watch, key).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Provider for GitLab {
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
