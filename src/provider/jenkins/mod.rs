//! Jenkins: folders, multibranch projects, pipelines with their stages and inputs, and the writes that go with them.
//!
//! Knows Jenkins' remote API and those of its pipeline plugins, below any context path. Must not know when it is asked
//! (that is the runtime's), what is right to do (that is policy) or how it looks.
//!
//! Whoever may build may give an input, unless it names submitters; there is no comment and no rule about one's own
//! builds. Source: jenkins.io/doc/book/using/remote-access-api.

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
mod console;
mod enforcement;
#[doc(hidden)]
pub mod fuzz;
mod inputs;
mod look;
mod reports;
mod stages;
mod wire;

use api::{Api, Crumbs};
use bindings::Watch;
use look::{Looker, Memory};
use stages::Teller;

/// Projects looked at side by side.
const SIDE_BY_SIDE: usize = 3;

/// Jenkins in the registry.
pub const KIND: Kind = Kind {
    name: "jenkins",
    doc: "Jenkins: folders, multibranch projects, pipelines, stages and inputs",
    keys: &[
        Key::required("url", KeyType::Url, "Jenkins' address with its context path: https://HOST/jenkins."),
        Key::required("user", KeyType::Text, "The user that the token belongs to."),
        Key::optional("token", KeyType::Secret, "The user's API token; it needs no crumb."),
        Key::optional(
            "password",
            KeyType::Secret,
            "The user's password, where there is no token; a crumb is fetched.",
        ),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
    ],
    roles: &[
        (
            Role::Pipeline,
            &[
                Key::required(
                    "job",
                    KeyType::Text,
                    "Full name of the pipeline or multibranch project, folders first.",
                ),
                Key::optional(
                    "branch",
                    KeyType::Text,
                    "Only this branch of a multibranch project (default: all).",
                ),
                Key::optional(
                    "remote",
                    KeyType::Text,
                    "A part of the address of the repository whose commit counts, where several are checked out.",
                ),
            ],
        ),
        (
            Role::Live,
            &[Key::optional(
                "input",
                KeyType::Text,
                "Id or a part of the message of the input that guards this environment (default: the one that names it).",
            )],
        ),
        (
            Role::Dispatch,
            &[
                Key::optional(
                    "job",
                    KeyType::Text,
                    "Full name of the job that ships (default: the pipeline).",
                ),
                Key::optional(
                    "parameters",
                    KeyType::Table,
                    "Build parameters; $version, $sha, $service and $environment are replaced.",
                ),
            ],
        ),
    ],
    cadence: Cadence { active: Duration::from_secs(5), idle: Duration::from_secs(15) },
    enforcement: enforcement::FACTS,
    build,
};

/// One configured Jenkins.
struct Jenkins {
    source: SourceName,
    api: Api,
    watches: Vec<Watch>,
    /// Where browsers go.
    web: String,
    identity: Mutex<Option<SafeText>>,
    memory: Memory,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// A Jenkins with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = bindings::read(&spec)?;
    let user = spec.settings.text("user").unwrap_or_default().to_owned();
    let (token, password) = (Secret::of(&spec, "token"), Secret::of(&spec, "password"));
    let (secret, crumbs) = match (token, password) {
        (Some(token), None) => (token, Crumbs::Spared),
        (None, Some(password)) => (password, Crumbs::Needed),
        (Some(_), Some(_)) => {
            return Err(bindings::local(format!(
                "source {}: token and password; one of them has to go",
                spec.name
            )));
        }
        (None, None) => {
            return Err(bindings::local(format!("source {} has no token", spec.name))
                .with_hint("add token = { env = \"JENKINS_TOKEN\" } with an API token of the user"));
        }
    };
    let web = spec.settings.text("url").unwrap_or_default().trim_end_matches('/').to_owned();
    let auth = Auth::Basic { username: user, password: secret };
    let endpoint = EndpointSpec::of(&spec, None)?.auth(auth).limits(limits);
    Ok(Arc::new(Jenkins {
        source: spec.name,
        api: Api::new(Endpoint::new(endpoint)?, crumbs),
        watches,
        web,
        identity: Mutex::new(None),
        memory: Memory::default(),
    }))
}

impl Jenkins {
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
        let who = self.api.get_if_there::<wire::WhoAmI>("/whoAmI/api/json").await?;
        let login = who.filter(|who| !who.anonymous).and_then(|who| who.name).filter(|name| !name.is_empty());
        locked(&self.identity).clone_from(&login);
        Ok(login)
    }

    fn noticed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.as_ref().is_err_and(|fault| fault.cause == Cause::Unauthorized) {
            *locked(&self.identity) = None;
        }
        result
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let identity = self.identity().await?;
        let looker = Looker {
            api: &self.api,
            memory: &self.memory,
            source: &self.source,
            identity: identity.clone(),
            ask,
            web: &self.web,
        };
        let looks = self.watches.iter().map(|watch| {
            let look: BoxFuture<'_, Result<Sight, Fault>> = Box::pin(looker.service(watch));
            (&watch.service, look)
        });
        let sights = each(ask, looks.collect(), SIDE_BY_SIDE).await?;
        let mut seen = Observation { identity, ..Observation::default() };
        seen.server_time = self.api.date();
        seen.log = self.log(ask).await?;
        collect(sights, &mut seen)?;
        Ok(seen)
    }

    /// The log that is asked for, if it is one of ours.
    async fn log(&self, ask: &Ask) -> Result<Option<LogTold>, Fault> {
        let Some(key) = ask.log.as_ref().filter(|key| key.run.source == self.source) else { return Ok(None) };
        let Some(watch) = self.watches.iter().find(|watch| watch.service == key.run.service) else {
            return Ok(None);
        };
        let path = watch.build(&key.run.id)?;
        let stage = (self.memory.teller.get() == Teller::Graph).then_some(key.id.as_str());
        let answer = console::log(&self.api, &path, stage).await?;
        Ok(Some(LogTold { job: key.clone(), answer }))
    }
}

impl Provider for Jenkins {
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
