//! Argo CD as the owner of a place: the sync and health of its applications, going back by its history, holding and
//! releasing it.
//!
//! Knows Argo CD's REST API (2.x and 3.x). Must not know when it is asked (that is the runtime's), what is right to do
//! (that is policy) or what runs (that is the deployment target's).
//!
//! Applications are asked one by one, not as a list: a list holds every application of a project with all its resources,
//! and comes from the API server's memory, while a single one is read from the cluster that moment.
//!
//! **A hold** takes `spec.syncPolicy.automated` away and keeps it in an annotation of the application, in one guarded
//! patch; a release puts it back. `automated.enabled = false` would be shorter, but servers before 3.1 drop that field
//! without a word and go on syncing. An application that was switched off with it is told as held, and released by it.
//!
//! **The guard** of a patch is Argo CD's: it applies the JSON patch with its tests to the application as it reads it.
//! When its own write conflicts it writes the same specification again without testing, so what remains is that moment.
//! Patches are validated against Git: while it cannot be reached Argo CD refuses them all. A hold is then the whole
//! specification, put with `validate=false` and without a guard, and what it took away is kept in `spec.info`.
//! A roll back has no guard but its id, and that auto-sync is off and nothing else is under way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;

use super::examine::Finding;
use super::http::{Auth, Endpoint, EndpointSpec, Limits};
use super::secret::Secret;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Application, Ask, Cause, Fault, Intent, Observation, Prepared, Receipt, Role, SafeText, SourceName, Step,
};
use crate::provider::services::{in_time, locked, part};

mod act;
mod api;
mod bindings;
mod enforcement;
#[doc(hidden)]
pub mod fuzz;
mod hazard;
mod patch;
mod read;
mod wire;

use api::Api;
use bindings::Watch;

/// Applications looked at side by side.
const SIDE_BY_SIDE: usize = 3;
/// How long Argo CD may take to read Git again before it is asked what it knows.
const REFRESH: Duration = Duration::from_secs(6);

/// Argo CD in the registry.
pub const KIND: Kind = Kind {
    name: "argocd",
    doc: "Argo CD as the owner of an environment: sync and health, its history, hold and release",
    keys: &[
        Key::required("url", KeyType::Url, "Argo CD's address, with its root path if it has one."),
        Key::required(
            "token",
            KeyType::Secret,
            "A token of an account or a project: applications get to look; update and sync to act.",
        ),
        Key::optional("ca_file", KeyType::Path, "Certificates (PEM) to trust besides the system's."),
    ],
    roles: &[(
        Role::Owner,
        &[
            Key::required("application", KeyType::Text, "The application's name in Argo CD."),
            Key::optional(
                "project",
                KeyType::Text,
                "Its project. With it Argo CD tells \"not there\" from \"not permitted\".",
            ),
            Key::optional(
                "namespace",
                KeyType::Text,
                "The namespace of the application itself, where it is not Argo CD's own.",
            ),
        ],
    )],
    cadence: Cadence { active: Duration::from_secs(3), idle: Duration::from_secs(15) },
    enforcement: enforcement::FACTS,
    build,
};

/// One configured Argo CD.
struct ArgoCd {
    source: SourceName,
    api: Api,
    watches: Vec<Watch>,
    me: Mutex<Option<SafeText>>,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, Limits { concurrency: SIDE_BY_SIDE, ..Limits::DEFAULT })
}

/// An Argo CD with other limits than usual.
///
/// # Errors
/// A `Local` fault when the settings contradict each other.
pub fn build_with(spec: SourceSpec, limits: Limits) -> Result<Arc<dyn Provider>, Fault> {
    let watches = bindings::read(&spec)?;
    let token = Secret::of(&spec, "token").ok_or_else(|| {
        Fault::new(Cause::Local, format!("source {} has no token", spec.name))
            .with_hint("add token = { env = \"ARGOCD_AUTH_TOKEN\" }")
    })?;
    let endpoint = EndpointSpec::of(&spec, None)?.auth(Auth::Bearer(token)).limits(limits);
    let root = endpoint.url.trim_end_matches('/').to_owned();
    let api = Api::new(Endpoint::new(endpoint)?, root);
    Ok(Arc::new(ArgoCd { source: spec.name, api, watches, me: Mutex::new(None) }))
}

/// When Argo CD read Git for what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// For this very answer.
    Anew,
    /// Some time before, as it does by itself.
    Before,
}

impl ArgoCd {
    fn watch(&self, intent: &Intent) -> Result<&Watch, Fault> {
        let place = intent.place.as_ref();
        self.watches.iter().find(|watch| Some(&watch.place) == place).ok_or_else(|| {
            let text = format!("source {} has no application of {}", self.source, intent.service);
            Fault::new(Cause::Local, text)
        })
    }

    /// Who we are; asked once, and again after a refused token.
    async fn me(&self) -> Result<Option<SafeText>, Fault> {
        if let Some(known) = locked(&self.me).clone() {
            return Ok(Some(known));
        }
        let user: wire::User = self.api.get("/api/v1/session/userinfo").await?;
        let me = if user.logged_in { user.username } else { None };
        locked(&self.me).clone_from(&me);
        Ok(me)
    }

    fn noticed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.as_ref().is_err_and(|fault| fault.cause == Cause::Unauthorized) {
            *locked(&self.me) = None;
        }
        result
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let mut seen = Observation { identity: self.me().await?, ..Observation::default() };
        let looks: Vec<BoxFuture<'_, _>> = self
            .watches
            .iter()
            .map(|watch| -> BoxFuture<'_, _> {
                Box::pin(async move { (watch, part(self.application(watch, ask).await)) })
            })
            .collect();
        let mut looks = stream::iter(looks).buffered(SIDE_BY_SIDE);
        let mut any = self.watches.is_empty();
        let mut last = None;
        while let Some((watch, told)) = looks.next().await {
            match told? {
                Ok((app, date)) => {
                    any = true;
                    seen.server_time = date.or(seen.server_time);
                    seen.applications.insert(watch.place.clone(), app);
                }
                Err(fault) => {
                    last = Some(fault.clone());
                    seen.faults.insert(watch.place.service.clone(), fault);
                }
            }
        }
        match last {
            Some(fault) if !any => Err(fault),
            _ => Ok(seen),
        }
    }

    /// One application; what is being changed is compared with Git anew, as far as Argo CD can in time.
    async fn application(&self, watch: &Watch, ask: &Ask) -> Result<(Application, Option<Timestamp>), Fault> {
        let acting = ask.acting.contains(&watch.place.service);
        let wish = if acting { Read::Anew } else { Read::Before };
        let (answer, read) = self.answered(watch, wish).await?;
        self.told(watch, &answer, read != wish)
    }

    /// One application as it is answered, and whether Argo CD read Git again for it, as far as that was wanted and it
    /// could in time.
    async fn answered(&self, watch: &Watch, wish: Read) -> Result<(super::http::Answer, Read), Fault> {
        if wish == Read::Anew {
            match tokio::time::timeout(REFRESH, self.api.answer(&watch.refreshed())).await {
                Ok(Ok(answer)) => return Ok((answer, Read::Anew)),
                Ok(Err(fault)) if fault.cause != Cause::ServerFailed => return Err(fault),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Ok((self.api.answer(&watch.path()).await?, Read::Before))
    }

    fn told(
        &self,
        watch: &Watch,
        answer: &super::http::Answer,
        stale: bool,
    ) -> Result<(Application, Option<Timestamp>), Fault> {
        let app: wire::App = answer.json()?;
        let mut told = read::application(watch, &app, self.api.root())?;
        if stale {
            told.remarks.push("Argo CD did not read Git again in time: this is what it knew".into());
        }
        Ok((told, answer.date()))
    }
}

impl Provider for ArgoCd {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        Box::pin(async move { self.noticed(in_time(&self.source, self.look(ask)).await) })
    }

    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(async move {
            let mut findings = self.api.endpoint().way(now).await;
            findings.extend(self.rights().await);
            findings
        })
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async move { self.noticed(self.ready(intent).await) })
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move { self.noticed(self.carry_out(step).await) })
    }
}
