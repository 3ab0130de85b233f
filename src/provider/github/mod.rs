//! GitHub Actions: runs, gates (environments with reviewers), deployments, and the writes that go with them.
//!
//! Knows GitHub's REST dialect, on github.com and on Enterprise Server. Must not know when it is asked (that is
//! the runtime's), what is right to do (that is policy) or how it looks.
//!
//! GitHub approves an environment in a run, names reviewers, and has no guard for reviews: the cockpit looks again
//! right before it sends. Source: docs.github.com/rest.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::examine::Finding;
use super::http::{Auth, Endpoint, EndpointSpec, Limits};
use super::secret::Secret;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::log::LogTold;
use crate::domain::{
    Ask, Cause, Fault, Intent, Observation, Prepared, Receipt, Role, SafeText, ServiceName, SourceName, Step,
};
use crate::provider::services::{Seen, collect, in_time, locked};

mod act;
mod api;
mod beside;
mod bindings;
mod budget;
mod decide;
mod dispatch;
mod enforcement;
mod examine;
mod fleet;
mod forks;
#[doc(hidden)]
pub mod fuzz;
mod gates;
mod graphql;
mod lanes;
mod live;
mod logs;
mod look;
mod memory;
mod people;
mod reports;
mod runs;
mod wire;

use api::Api;
use bindings::{Project, Watch};
use budget::{Spending, spending};
use fleet::Fleet;
use lanes::Groups;
use look::Looker;
use memory::Memory;
use runs::Links;

/// Where GitHub itself answers.
const GITHUB: &str = "https://api.github.com";

/// Projects looked at side by side. GitHub asks for few requests at a time.
const SIDE_BY_SIDE: usize = 3;

/// GitHub Actions in the registry.
pub const KIND: Kind = Kind {
    name: "github",
    doc: "GitHub Actions: runs, gates and deployments, on github.com or an Enterprise Server",
    keys: &[
        Key::optional(
            "url",
            KeyType::Url,
            "API address (default https://api.github.com; Enterprise Server: https://HOST/api/v3).",
        ),
        Key::optional(
            "token",
            KeyType::Secret,
            "Token; without one only public repositories, 60 requests an hour.",
        ),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
        Key::optional("web", KeyType::Url, "Where browsers go, if not where GitHub's own links lead."),
    ],
    roles: &[
        (
            Role::Pipeline,
            &[
                Key::required("project", KeyType::Text, "Repository: owner/name."),
                Key::optional(
                    "workflow",
                    KeyType::Text,
                    "Workflow's file name or id (default: all workflows).",
                ),
                Key::optional("branch", KeyType::Text, "Only runs of this branch (default: all branches)."),
                Key::optional(
                    "reports",
                    KeyType::List,
                    "Names of the artifacts that hold reports of tests; * and ? stand for others (default: whose name holds test, junit, cucumber or report).",
                ),
            ],
        ),
        (
            Role::Live,
            &[Key::optional(
                "environment",
                KeyType::Text,
                "What GitHub calls this environment (default: our name for it).",
            )],
        ),
        (
            Role::Dispatch,
            &[
                Key::required("workflow", KeyType::Text, "File name or id of the workflow that ships."),
                Key::optional(
                    "ref",
                    KeyType::Text,
                    "Branch or tag to start it from; \"tag\" is the version's own tag (default: the default branch).",
                ),
                Key::optional(
                    "inputs",
                    KeyType::Table,
                    "Inputs; $version, $sha, $service and $environment (GitHub's name for it) are replaced.",
                ),
            ],
        ),
    ],
    cadence: Cadence { active: Duration::from_secs(4), idle: Duration::from_secs(4) },
    enforcement: enforcement::FACTS,
    build,
};

/// Whether a dispatch can be asked to tell the run that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunDetails {
    /// github.com.
    Told,
    /// Enterprise Server knows no such flag.
    Untold,
}

/// One configured GitHub.
struct GitHub {
    source: SourceName,
    api: Api,
    links: Links,
    watches: Vec<Watch>,
    run_details: RunDetails,
    groups: Groups,
    stores: logs::Stores,
    /// Whether a token is configured at all.
    token: Option<Secret>,
    identity: Mutex<Identity>,
    memory: Memory,
    fleet: Fleet,
    turns: AtomicU64,
}

/// What is known of who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    /// Not asked yet, or not since the last refusal.
    Unasked,
    /// This login.
    Login(SafeText),
    /// The token stands for nobody that GitHub would name (an app's installation, a job's token).
    Nobody,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// A GitHub with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = bindings::read(&spec)?;
    let url = spec.settings.text("url").unwrap_or(GITHUB).trim_end_matches('/').to_owned();
    let host = url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    let links = Links { web: spec.settings.text("web").map(str::to_owned), loopback: runs::loopback(host) };
    let run_details = if url.ends_with("/api/v3") { RunDetails::Untold } else { RunDetails::Told };
    let groups = if run_details == RunDetails::Told { Groups::Told } else { Groups::Untold };
    let stores = if url == GITHUB { logs::Stores::Known } else { logs::Stores::Any };
    let token = Secret::of(&spec, "token");
    let auth = token.clone().map_or(Auth::None, Auth::Bearer);
    let endpoint = EndpointSpec::of(&spec, Some(GITHUB))?
        .auth(auth)
        .header("X-GitHub-Api-Version", api::VERSION)
        .limits(limits);
    let graph = token.as_ref().map(|_| Endpoint::new(graphql::endpoint(&endpoint))).transpose()?;
    Ok(Arc::new(GitHub {
        source: spec.name,
        api: Api::new(Endpoint::new(endpoint)?, graph),
        links,
        watches,
        run_details,
        groups,
        stores,
        token,
        identity: Mutex::new(Identity::Unasked),
        memory: Memory::default(),
        fleet: Fleet::default(),
        turns: AtomicU64::new(0),
    }))
}

impl GitHub {
    /// What is asked for a service.
    fn watch(&self, service: &ServiceName) -> Result<&Watch, Fault> {
        self.watches.iter().find(|w| &w.service == service).ok_or_else(|| {
            Fault::new(Cause::Local, format!("source {} has no pipeline of {service}", self.source))
        })
    }

    /// Who we are; asked once.
    async fn identity(&self) -> Result<Option<SafeText>, Fault> {
        let known = locked(&self.identity).clone();
        match known {
            Identity::Login(login) => return Ok(Some(login)),
            Identity::Nobody => return Ok(None),
            Identity::Unasked if self.token.is_none() => return Ok(None),
            Identity::Unasked => {}
        }
        let user = self.api.fresh_if_told::<wire::User>("/user").await?;
        let login = user.and_then(|u| u.login).filter(|l| !l.is_empty());
        *locked(&self.identity) = login.clone().map_or(Identity::Nobody, Identity::Login);
        Ok(login)
    }

    /// After a refused token the next one may be somebody else's: who we are is asked again.
    fn noticed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.as_ref().is_err_and(|fault| fault.cause == Cause::Unauthorized) {
            *locked(&self.identity) = Identity::Unasked;
        }
        result
    }

    /// Projects, the one in focus first, each with the services that live in it.
    fn projects(&self, ask: &Ask) -> Vec<(&Project, Vec<&Watch>)> {
        let mut projects: Vec<(&Project, Vec<&Watch>)> = Vec::new();
        for watch in &self.watches {
            match projects.iter_mut().find(|(p, _)| *p == &watch.project) {
                Some((_, watches)) => watches.push(watch),
                None => projects.push((&watch.project, vec![watch])),
            }
        }
        if let Some(focus) = &ask.focus {
            projects.sort_by_key(|(_, watches)| !watches.iter().any(|w| &w.service == focus));
        }
        projects
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let identity = self.identity().await?;
        let (api, memory, links, source) = (&self.api, &self.memory, &self.links, &self.source);
        let (groups, stores) = (self.groups, self.stores);
        let looker =
            Looker { api, memory, links, stores, source, identity: identity.clone(), ask, groups, turn };
        let projects = self.projects(ask);
        let repositories = projects.len();
        let sights = self.fleet.look(&looker, projects).await?;
        looker.prune(&waiting(&sights));
        let mut seen = Observation { identity, remarks: self.remarks(), ..Observation::default() };
        seen.remarks.extend(self.fleet.remarks(repositories));
        let meter = self.api.meter();
        (seen.budget, seen.server_time) = (meter.budget, meter.date);
        seen.log = self.log(ask, &sights).await?;
        collect(sights, &mut seen)?;
        Ok(seen)
    }

    /// The log that is asked for, if it is one of ours and its run can be seen.
    async fn log(&self, ask: &Ask, sights: &[Seen]) -> Result<Option<LogTold>, Fault> {
        let Some(key) = ask.log.as_ref().filter(|key| key.run.source == self.source) else { return Ok(None) };
        let watch = self.watches.iter().find(|watch| watch.service == key.run.service);
        let sight = sights.iter().find(|(service, _)| *service == key.run.service);
        let (Some(watch), Some((_, Ok(sight)))) = (watch, sight) else { return Ok(None) };
        logs::told(&self.api, self.stores, watch, sight, key).await.map(Some)
    }

    /// What an operator should know about the source as a whole.
    fn remarks(&self) -> Vec<SafeText> {
        let mut remarks = Vec::new();
        if self.token.is_none() {
            remarks.push(
                "no token is configured: public repositories only, 60 requests an hour, no actions".into(),
            );
        } else if *locked(&self.identity) == Identity::Nobody {
            remarks.push("GitHub does not say whose token this is: self-review cannot be told".into());
        }
        let meter = self.api.meter();
        if let Some(budget) = meter.budget.filter(|_| spending(meter) == Spending::Thrifty) {
            remarks.push(SafeText::new(&format!(
                "{} of {} requests left: where nothing moves, jobs and deployments are looked at every fourth time",
                budget.remaining, budget.limit
            )));
        }
        remarks.extend(self.shared());
        remarks
    }

    /// Environments that several services share: GitHub does not say whose deployment is whose.
    fn shared(&self) -> Vec<SafeText> {
        let mut remarks = BTreeSet::new();
        for (i, one) in self.watches.iter().enumerate() {
            let others = self.watches.iter().skip(i + 1).filter(|w| w.project == one.project);
            for other in others {
                for (_, name) in &one.environments {
                    if other.environments.iter().any(|(_, n)| n == name) {
                        remarks.insert(SafeText::new(&format!(
                            "{} and {} share environment {name} of {}: GitHub does not tell whose deployment is live",
                            one.service,
                            other.service,
                            one.project.name()
                        )));
                    }
                }
            }
        }
        remarks.into_iter().collect()
    }
}

/// Runs that are still said to wait.
fn waiting(sights: &[Seen]) -> BTreeSet<(u64, u64)> {
    let seen = sights.iter().filter_map(|(_, sight)| sight.as_ref().ok());
    seen.flat_map(|sight| &sight.pipeline.runs)
        .filter(|run| !run.state.ended())
        .filter_map(|run| Some((run.key.id.as_str().parse().ok()?, run.attempt)))
        .collect()
}

impl Provider for GitHub {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        Box::pin(async move { self.noticed(in_time(&self.source, self.look(ask)).await) })
    }

    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(async move { self.examined(now).await })
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async move { self.noticed(self.ready(intent).await) })
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move { self.noticed(self.carry_out(step).await) })
    }
}
