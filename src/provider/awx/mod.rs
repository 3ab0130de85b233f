//! AWX and the controller of Ansible Automation Platform: workflow jobs, and approvals that wait in them.
//!
//! Knows their API v2. Must not know when it is asked (that is the runtime's), what is right to do (that is policy) or how
//! it looks. It never runs Ansible itself: that is the `command` target's.
//!
//! Source: github.com/ansible/awx, `awx/api`.

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
mod states;
mod wire;

use api::Api;
use bindings::Watch;
use look::{Looker, Memory};

/// Templates looked at side by side.
const SIDE_BY_SIDE: usize = 3;

/// AWX in the registry.
pub const KIND: Kind = Kind {
    name: "awx",
    doc: "AWX and the controller of Ansible Automation Platform: workflow jobs, and approvals that wait in them",
    keys: &[
        Key::required(
            "url",
            KeyType::Url,
            "API address: https://HOST/api/v2, of Automation Platform since 2.5 https://HOST/api/controller/v2; a bare https://HOST means the first.",
        ),
        Key::required(
            "token",
            KeyType::Secret,
            "A personal access token with the scope write (read, to look only).",
        ),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
    ],
    roles: &[
        (
            Role::Pipeline,
            &[
                Key::required("template", KeyType::Text, "Name or number of the workflow job template."),
                Key::optional(
                    "organization",
                    KeyType::Text,
                    "Its organisation, where several have a template of this name.",
                ),
                Key::optional(
                    "version",
                    KeyType::Text,
                    "The extra variable that holds the version (default: version).",
                ),
                Key::optional(
                    "revision",
                    KeyType::Text,
                    "The extra variable that holds the commit (default: revision).",
                ),
            ],
        ),
        (
            Role::Live,
            &[Key::optional(
                "approval",
                KeyType::Text,
                "The approval that guards this environment (default: the one whose name holds the environment's).",
            )],
        ),
    ],
    cadence: Cadence { active: Duration::from_secs(5), idle: Duration::from_secs(30) },
    enforcement: enforcement::FACTS,
    build,
};

/// One configured AWX.
struct Awx {
    source: SourceName,
    api: Api,
    watches: Vec<Watch>,
    /// Where browsers go; none where that is not over https.
    web: Option<String>,
    identity: Mutex<Option<SafeText>>,
    memory: Memory,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// An AWX with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = bindings::read(&spec)?;
    let token = Secret::of(&spec, "token").ok_or_else(|| {
        Fault::new(Cause::Local, format!("source {} has no token", spec.name))
            .with_hint("add token = { env = \"CONTROLLER_OAUTH_TOKEN\" } with a personal access token")
    })?;
    let mut endpoint = EndpointSpec::of(&spec, None)?.auth(Auth::Bearer(token)).limits(limits);
    endpoint.url = base(&endpoint.url);
    let root = endpoint.url.split("/api/").next().unwrap_or_default();
    let web = root.starts_with("https://").then(|| root.to_owned());
    Ok(Arc::new(Awx {
        source: spec.name,
        api: Api::new(Endpoint::new(endpoint)?),
        watches,
        web,
        identity: Mutex::new(None),
        memory: Memory::default(),
    }))
}

/// The address with the API's path, also where it was left out.
fn base(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.contains("/api/") { url.to_owned() } else { format!("{}/api/v2", url.trim_end_matches("/api")) }
}

impl Awx {
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
        let me = self.api.get_if_told::<wire::Page<wire::Named>>("/me/").await?;
        let login =
            me.and_then(|me| me.results.into_iter().next()?.username).filter(|login| !login.is_empty());
        locked(&self.identity).clone_from(&login);
        Ok(login)
    }

    fn looker<'a>(&'a self, ask: &'a Ask, waiting: &'a [wire::Approval]) -> Looker<'a> {
        let Self { api, memory, source, web, .. } = self;
        Looker { api, memory, source, ask, waiting, web: web.as_deref() }
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
        let Some(id) = look::number(&key.run.id) else { return Ok(None) };
        if !self.watches.iter().any(|watch| watch.service == key.run.service) {
            return Ok(None);
        }
        let run: wire::WorkflowJob = self.api.get(&format!("/workflow_jobs/{id}/")).await?;
        let nodes = self.looker(ask, &[]).nodes(&run).await?;
        logs::told(&self.api, key, &nodes).await.map(Some)
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let identity = self.identity().await?;
        let (mut waiting, all) =
            self.api.list::<wire::Approval>("/workflow_approvals/", &[("status", "pending")]).await?;
        waiting.retain(|approval| approval.status == "pending");
        let looker = self.looker(ask, &waiting);
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
        if !all {
            for pipeline in seen.pipelines.values_mut() {
                pipeline
                    .remarks
                    .push("more approvals wait at AWX than are read: some may be missing here".into());
            }
        }
        Ok(seen)
    }
}

impl Provider for Awx {
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

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_without_the_apis_path_means_awxs_own() {
        for (url, wanted) in [
            ("https://awx.test", "https://awx.test/api/v2"),
            ("https://awx.test/", "https://awx.test/api/v2"),
            ("https://awx.test/api", "https://awx.test/api/v2"),
            ("https://awx.test/api/v2/", "https://awx.test/api/v2"),
            ("https://aap.test/api/controller/v2", "https://aap.test/api/controller/v2"),
        ] {
            assert_eq!(super::base(url), wanted, "{url}");
        }
    }
}
