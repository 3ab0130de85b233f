//! HCP Terraform (Terraform Cloud) and Terraform Enterprise: runs of workspaces, their plans, and what waits to be applied.
//!
//! Knows their API v2. Must not know when it is asked (that is the runtime's), what is right to do (that is policy) or how
//! it looks. It never runs Terraform itself: that is the `command` target's.
//!
//! Source: developer.hashicorp.com/terraform/cloud-docs/api-docs.

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

mod about;
mod act;
mod api;
mod bindings;
mod enforcement;
#[doc(hidden)]
pub mod fuzz;
mod logs;
mod look;
mod plans;
mod states;
mod wire;

use api::Api;
use bindings::{Watch, Workspace};
use look::{Looker, Memory, one};

/// Where HCP Terraform itself answers.
const CLOUD: &str = "https://app.terraform.io/api/v2";

/// Services looked at side by side.
const SIDE_BY_SIDE: usize = 3;

/// Terraform in the registry.
pub const KIND: Kind = Kind {
    name: "terraform-cloud",
    doc: "HCP Terraform (Terraform Cloud) and Terraform Enterprise: runs of workspaces, and plans that wait to be applied",
    keys: &[
        Key::optional(
            "url",
            KeyType::Url,
            "API address (default https://app.terraform.io/api/v2; Enterprise: https://HOST/api/v2).",
        ),
        Key::required(
            "token",
            KeyType::Secret,
            "A user's or a team's token; an organisation's may apply nothing.",
        ),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
    ],
    roles: &[
        (
            Role::Pipeline,
            &[Key::required("project", KeyType::Text, "The workspace, as ORGANIZATION/WORKSPACE.")],
        ),
        (
            Role::Live,
            &[Key::optional(
                "workspace",
                KeyType::Text,
                "This environment's workspace, as ORGANIZATION/WORKSPACE (default: the pipeline's, if its name holds the environment's or there is no other).",
            )],
        ),
    ],
    cadence: Cadence { active: Duration::from_secs(15), idle: Duration::from_secs(60) },
    enforcement: enforcement::FACTS,
    build,
};

/// What the token's holder may do at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A person or a team: each run says what they may.
    MayAct,
    /// An organisation: it may apply nothing.
    Organization,
}

/// Where we are, and as whom.
#[derive(Clone, Debug)]
struct Standing {
    /// Whether this is the vendor's own cloud, whose stores are known.
    cloud: bool,
    /// Where a browser goes.
    web: Option<String>,
    holder: Holder,
}

/// One configured Terraform.
struct TerraformCloud {
    source: SourceName,
    api: Api,
    watches: Vec<Watch>,
    all: Vec<String>,
    cloud: bool,
    web: Option<String>,
    account: Mutex<Option<(Holder, Option<SafeText>)>>,
    memory: Memory,
    turns: AtomicU64,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// A Terraform with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = bindings::read(&spec)?;
    let token = Secret::of(&spec, "token").ok_or_else(|| {
        Fault::new(Cause::Local, format!("source {} has no token", spec.name))
            .with_hint("add token = { env = \"TFE_TOKEN\" } with a user's or a team's token")
    })?;
    let endpoint = EndpointSpec::of(&spec, Some(CLOUD))?.auth(Auth::Bearer(token)).limits(limits);
    let base = endpoint.url.trim_end_matches('/');
    let cloud = base == CLOUD;
    let web = base.strip_suffix("/api/v2").filter(|web| web.starts_with("https://")).map(str::to_owned);
    let all = watches.iter().flat_map(|watch| &watch.workspaces).map(Workspace::called).collect();
    Ok(Arc::new(TerraformCloud {
        source: spec.name,
        api: Api::new(Endpoint::new(endpoint)?),
        watches,
        all,
        cloud,
        web,
        account: Mutex::new(None),
        memory: Memory::default(),
        turns: AtomicU64::new(0),
    }))
}

impl TerraformCloud {
    fn watch(&self, service: &ServiceName) -> Result<&Watch, Fault> {
        self.watches.iter().find(|w| &w.service == service).ok_or_else(|| {
            Fault::new(Cause::Local, format!("source {} has no pipeline of {service}", self.source))
        })
    }

    /// Whose token this is; asked once, and again after a refused token.
    async fn standing(&self) -> Result<(Standing, Option<SafeText>), Fault> {
        let known = locked(&self.account).clone();
        let (holder, name) = match known {
            Some(known) => known,
            None => {
                let account = self.api.get::<wire::Document<wire::Account>>("/account/details").await?.data;
                let holder = if account.is_organization() { Holder::Organization } else { Holder::MayAct };
                let told = (holder, account.name());
                *locked(&self.account) = Some(told.clone());
                told
            }
        };
        Ok((Standing { cloud: self.cloud, web: self.web.clone(), holder }, name))
    }

    const fn looker<'a>(&'a self, ask: &'a Ask, place: &'a Standing, turn: u64) -> Looker<'a> {
        let Self { api, memory, source, all, .. } = self;
        Looker { api, memory, source, ask, turn, all: all.as_slice(), place }
    }

    fn noticed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.as_ref().is_err_and(|fault| fault.cause == Cause::Unauthorized) {
            *locked(&self.account) = None;
        }
        result
    }

    /// The log that is asked for, if it is one of ours.
    async fn log(&self, ask: &Ask) -> Result<Option<LogTold>, Fault> {
        let Some(key) = ask.log.as_ref().filter(|key| key.run.source == self.source) else { return Ok(None) };
        if !self.watches.iter().any(|watch| watch.service == key.run.service) {
            return Ok(None);
        }
        let document: wire::Document<wire::Run> = self.api.get(&one(&key.run.id)).await?;
        logs::told(&self.api, key, &document.data, self.cloud).await.map(Some)
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let (place, identity) = self.standing().await?;
        let looker = self.looker(ask, &place, turn);
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
        if place.holder == Holder::Organization {
            for pipeline in seen.pipelines.values_mut() {
                pipeline.remarks.push(about::ORGANIZATION.into());
            }
        }
        Ok(seen)
    }

    /// The way there, and whether this token may act at all.
    async fn examined(&self, now: Timestamp) -> Vec<Finding> {
        let (mut found, standing) = tokio::join!(self.api.endpoint().way(now), self.standing());
        // A refusal is told by the look.
        if let Ok((standing, name)) = standing {
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            found.push(match standing.holder {
                Holder::MayAct => {
                    let says =
                        format!("a user's or a team's token{name}; each run says what it may do with it");
                    Finding::well("permissions", says)
                }
                Holder::Organization => Finding::worth(
                    "permissions",
                    format!("{}{name}", about::ORGANIZATION),
                    "make a team's token in the organisation's settings, or a user's in the account's",
                ),
            });
        }
        found
    }
}

impl Provider for TerraformCloud {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        Box::pin(async move { self.noticed(in_time(&self.source, self.look(ask)).await) })
    }

    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.examined(now))
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async move { self.noticed(self.ready(intent).await) })
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move { self.noticed(self.carry_out(step).await) })
    }
}
