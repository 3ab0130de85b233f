//! Argo CD: what it says of the Applications that own places, going back by its history, holding it and letting it go.
//!
//! Knows Argo CD's REST API. Must not know Git, the cluster that it applies to, or when it is asked.
//!
//! **Holding** takes the `automated` block out of the Application and keeps it in an annotation, in one JSON Patch that
//! tests the uid and the very block: so it is put back as it was. Argo CD from 3.1 on has a switch for it
//! (`automated.enabled`), which older ones drop without a word, and then go on; taking the block out holds at all of them.
//! Argo CD checks a patch by reading the repository. Where it cannot (that is when one wants to hold it most), the whole
//! Application is written with `validate=false` instead, which has no test of its own.
//!
//! Source: argo-cd.readthedocs.io (API, automated sync policy), and the published sources of its API server.

mod act;
mod api;
mod enforcement;
#[doc(hidden)]
pub mod fuzz;
mod patch;
mod state;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::Value;

use self::api::Api;
use super::examine::Finding;
use super::http::{Auth, Endpoint, EndpointSpec, Limits, query, segment};
use super::secret::Secret;
use super::services::{in_time, locked, of_source};
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Ask, Bound, Cause, Fault, Intent, Observation, Place, Prepared, Receipt, Role, SafeText, SourceName, Step,
};

/// Applications that are asked for side by side.
const SIDE_BY_SIDE: usize = 4;

/// Argo CD in the registry.
pub const KIND: Kind = Kind {
    name: "argocd",
    doc: "Argo CD: sync and health of Applications, roll back by its history, holding and releasing it",
    keys: &[
        Key::required(
            "url",
            KeyType::Url,
            "Its address: https://argocd.example.com, with its root path if it has one.",
        ),
        Key::required(
            "token",
            KeyType::Secret,
            "A token of an account or a project (argocd account generate-token).",
        ),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
    ],
    roles: &[(
        Role::Owner,
        &[
            Key::required("application", KeyType::Text, "Name of the Application."),
            Key::optional(
                "project",
                KeyType::Text,
                "Its project. With it Argo CD tells an Application that is missing from one that is hidden.",
            ),
            Key::optional(
                "namespace",
                KeyType::Text,
                "The namespace of the Application itself, where it is not Argo CD's own.",
            ),
        ],
    )],
    cadence: Cadence { active: Duration::from_secs(3), idle: Duration::from_secs(15) },
    enforcement: enforcement::FACTS,
    build,
};

/// An Application that owns a place.
#[derive(Clone, Debug)]
struct Watch {
    place: Place,
    application: String,
    project: Option<String>,
    namespace: Option<String>,
}

impl Watch {
    /// Path below the base, with more of a query.
    fn path(&self, below: &str, more: &[(&str, &str)]) -> String {
        let path = format!("/api/v1/applications/{}{below}", segment(&self.application));
        let project = self.project.as_deref().map(|project| ("project", project));
        let namespace = self.namespace.as_deref().map(|namespace| ("appNamespace", namespace));
        let pairs: Vec<_> = project.into_iter().chain(namespace).chain(more.iter().copied()).collect();
        query(&path, &pairs)
    }
}

/// One Argo CD.
struct ArgoCd {
    source: SourceName,
    /// Where a browser shows it.
    address: String,
    api: Api,
    watches: Vec<Watch>,
    identity: Mutex<Option<SafeText>>,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// An Argo CD with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = spec.bounds.iter().map(watch).collect::<Result<_, _>>()?;
    let token = Secret::of(&spec, "token").ok_or_else(|| {
        Fault::new(Cause::Local, format!("source {} has no token", spec.name))
            .with_hint("add token = { env = \"ARGOCD_AUTH_TOKEN\" }")
    })?;
    let endpoint = EndpointSpec::of(&spec, None)?.auth(Auth::Bearer(token)).limits(limits);
    let address = endpoint.url.trim_end_matches('/').to_owned();
    Ok(Arc::new(ArgoCd {
        source: spec.name,
        address,
        api: Api::new(Endpoint::new(endpoint)?),
        watches,
        identity: Mutex::default(),
    }))
}

fn local(text: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, text)
}

fn watch(bound: &Bound) -> Result<Watch, Fault> {
    let place = bound.place().ok_or_else(|| local("an owner needs an environment"))?;
    let text = |key: &str| bound.settings.text(key).map(str::to_owned);
    let application =
        text("application").ok_or_else(|| local(format!("the owner of {place} names no application")))?;
    let (namespace, application) = match application.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
        None => (text("namespace"), application),
    };
    if application.is_empty() {
        return Err(local(format!("the owner of {place} names no application")));
    }
    Ok(Watch { place, application, project: text("project"), namespace })
}

impl ArgoCd {
    fn watch(&self, intent: &Intent) -> Result<&Watch, Fault> {
        let place = intent.place.as_ref().ok_or_else(|| local("an owner is told of in an environment"))?;
        self.watches
            .iter()
            .find(|watch| &watch.place == place)
            .ok_or_else(|| local(format!("source {} owns nothing of {place}", self.source)))
    }

    /// Who we are; asked once, and again after a refused token.
    async fn identity(&self) -> Result<Option<SafeText>, Fault> {
        if let Some(known) = locked(&self.identity).clone() {
            return Ok(Some(known));
        }
        let info: wire::UserInfo = self.api.get("/api/v1/session/userinfo").await?;
        if !info.logged_in {
            return Err(Fault::new(Cause::Unauthorized, "Argo CD does not take the token for a login"));
        }
        let name = Some(info.username).filter(|name| !name.is_empty());
        locked(&self.identity).clone_from(&name);
        Ok(name)
    }

    /// The Application as it is, with every field.
    async fn raw(&self, watch: &Watch, more: &[(&str, &str)]) -> Result<Value, Fault> {
        self.api.get(&watch.path("", more)).await
    }

    async fn application(&self, watch: &Watch, acting: bool) -> Result<crate::domain::Application, Fault> {
        let fresh = if acting {
            // It reads Git before it answers. Where Git is away that takes long, and what it knew is better than nothing.
            match self.raw(watch, &[("refresh", "normal")]).await {
                Err(fault) if fault.cause == Cause::TimedOut => self.raw(watch, &[]).await?,
                other => other?,
            }
        } else {
            self.raw(watch, &[]).await?
        };
        Ok(state::told(&read(&fresh, watch)?, &self.address))
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let identity = self.identity().await?;
        let mut watches: Vec<&Watch> = self.watches.iter().collect();
        watches.sort_by_key(|watch| ask.focus.as_ref() != Some(&watch.place.service));
        type Look<'a> = BoxFuture<'a, (&'a Watch, Result<crate::domain::Application, Fault>)>;
        let looks: Vec<Look<'_>> = watches
            .into_iter()
            .map(|watch| -> Look<'_> {
                let acting = ask.acting.contains(&watch.place.service);
                Box::pin(async move { (watch, self.application(watch, acting).await) })
            })
            .collect();
        let mut looks = stream::iter(looks).buffered(SIDE_BY_SIDE);
        let mut seen = Observation { identity, ..Observation::default() };
        let mut first = None;
        while let Some((watch, look)) = looks.next().await {
            match look {
                Ok(application) => drop(seen.applications.insert(watch.place.clone(), application)),
                Err(fault) if of_source(&fault) => return Err(fault),
                Err(fault) => {
                    first = first.or_else(|| Some(fault.clone()));
                    seen.faults.entry(watch.place.service.clone()).or_insert(fault);
                }
            }
        }
        seen.server_time = self.api.meter().date;
        match first {
            Some(fault) if seen.applications.is_empty() => Err(fault),
            _ => Ok(seen),
        }
    }

    fn noticed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.as_ref().is_err_and(|fault| fault.cause == Cause::Unauthorized) {
            *locked(&self.identity) = None;
        }
        result
    }

    async fn examined(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = self.api.endpoint().way(now).await;
        match self.identity().await {
            Ok(Some(name)) => findings.push(Finding::well("account", format!("you are {name}"))),
            Ok(None) => findings.push(Finding::worth(
                "account",
                "Argo CD does not tell whose token it is",
                "argocd account get-user-info",
            )),
            Err(fault) => {
                let mend = fault.hint.clone().unwrap_or_default();
                findings.push(Finding::ill("account", fault.to_string(), mend.as_str()));
                return findings;
            }
        }
        for watch in &self.watches {
            findings.push(self.examined_application(watch).await);
        }
        findings
    }

    async fn examined_application(&self, watch: &Watch) -> Finding {
        let name = &watch.application;
        let app = match self.raw(watch, &[]).await.and_then(|raw| read(&raw, watch)) {
            Ok(app) => app,
            Err(fault) => {
                let mend = fault.hint.clone().unwrap_or_default();
                return Finding::ill("application", format!("{name}: {fault}"), mend.as_str());
            }
        };
        let mut may_not = Vec::new();
        for action in ["sync", "update"] {
            if self.may(&app, action).await == Some(false) {
                may_not.push(action);
            }
        }
        if may_not.is_empty() {
            return Finding::well("application", format!("{name}: seen, and you may sync and hold it"));
        }
        Finding::worth(
            "application",
            format!("{name}: seen, and you may not {} it", may_not.join(" or ")),
            format!("p, ROLE, applications, {}, {}/{name}, allow", may_not.join("|"), app.spec.project),
        )
    }

    /// Whether the token may do this to an Application; none if Argo CD does not say.
    async fn may(&self, app: &wire::Application, action: &str) -> Option<bool> {
        let path = format!(
            "/api/v1/account/can-i/applications/{action}/{}/{}",
            segment(app.spec.project.as_str()),
            segment(&app.metadata.name)
        );
        match self.api.get::<wire::CanI>(&path).await.ok()?.value.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }
}

/// The Application in an answer, if it is the one that was asked for.
fn read(raw: &Value, watch: &Watch) -> Result<wire::Application, Fault> {
    let app: wire::Application = serde_path_to_error::deserialize(raw).map_err(|error| {
        Fault::new(Cause::Malformed, format!("field {}: {}", error.path(), error.inner()))
    })?;
    if app.metadata.name != watch.application {
        let text = format!(
            "field metadata.name: asked for the Application {}, Argo CD answered with {:?}",
            watch.application, app.metadata.name
        );
        return Err(Fault::new(Cause::Malformed, text));
    }
    Ok(app)
}

impl Provider for ArgoCd {
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
