//! WHO we talk to: one file or folder per outside system, all behind the one seam [`Provider`].
//!
//! A provider knows `domain` and its own system's dialect. It must not know another provider, the model, the
//! screen or the clock's cadence: polling, back-off, budgets and staleness belong to `runtime`. A new kind
//! of source is one new file and one line in [`KINDS`].

pub mod access;
pub mod alertmanager;
pub mod archive;
pub mod argocd;
pub mod awx;
pub mod child;
pub mod circleci;
pub mod command;
pub mod docker;
pub mod enforcement;
pub mod examine;
mod fill;
pub mod git;
pub mod github;
pub mod gitlab;
pub mod http;
pub mod jenkins;
pub mod kubernetes;
pub mod login;
pub mod manifests;
mod meter;
mod platform;
pub mod prometheus;
mod promql;
pub mod reach;
pub mod registry;
pub mod secret;
mod services;
mod stock;
pub mod terraform_cloud;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Notify;

use self::enforcement::Enforcement;
use self::examine::Finding;
use crate::domain::{
    Ask, Bound, Fault, Intent, Observation, Prepared, Receipt, Role, Settings, SourceName, Step,
};

/// The code that talks to one configured source.
pub trait Provider: Send + Sync {
    /// One complete look. Reads only. Bounded in time and size by the provider itself.
    ///
    /// # Errors
    /// A [`Fault`] when the source as a whole could not be seen. What fails for single services only is
    /// told in [`Observation::faults`].
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>>;

    /// A fresh look for one intent: the very requests that would carry it out, what they rest on, whether we
    /// may, what must become true. Reads only (a server-side dry run is not used here).
    ///
    /// Two calls in an unmoved world give equal `basis` and equal `steps`.
    ///
    /// # Errors
    /// A [`Fault`] when the source cannot be seen, the target is gone, or the source cannot do such a thing.
    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>>;

    /// Sends one step, once, exactly as it is. Never retries, follows no redirect.
    ///
    /// # Errors
    /// A [`Fault`] whose `reached` tells whether the request may have had its effect.
    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>>;

    /// What an operator wants to know when something does not work: the way there, who we are, what we may. Reads
    /// only. `now` is this machine's time.
    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        let _ = now;
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Rings when something changed at the source, for providers that can watch. A ring means "look now".
    fn wake(&self) -> Option<Arc<Notify>> {
        None
    }
}

/// The type of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `"text"`.
    Text,
    /// `"https://host/path"`.
    Url,
    /// `"~/folder/file"`; a leading `~/` is the home folder.
    Path,
    /// A number.
    Number,
    /// `true` or `false`.
    Switch,
    /// `["a", "b"]`.
    List,
    /// `{ name = "text" }`.
    Table,
    /// Variables of a program's environment: `{ NAME = "text", NAME = { env = ".." } }`, a text or a secret's
    /// whereabouts for each.
    Variables,
    /// A secret's whereabouts: `{ env = ".." }`, `{ file = ".." }`, `{ command = [..] }`, `{ keyring = ".." }`.
    Secret,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may.
    Optional,
}

/// One key that a source or a binding understands. Config checks against it; docs are printed from it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: KeyType,
    /// Whether it must be there.
    pub need: Need,
    /// What it means, in one sentence.
    pub doc: &'static str,
}

impl Key {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: KeyType, doc: &'static str) -> Self {
        Self { name, kind, need: Need::Required, doc }
    }

    /// A key that may be there.
    #[must_use]
    pub const fn optional(name: &'static str, kind: KeyType, doc: &'static str) -> Self {
        Self { name, kind, need: Need::Optional, doc }
    }
}

/// Where a secret is to be had. The value itself is never configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// An environment variable.
    Env(String),
    /// A file that only its owner may read.
    File(PathBuf),
    /// A command's first line of output.
    Command(Vec<String>),
    /// An entry of the desktop's keyring: `service/account`.
    Keyring(String),
}

/// Everything that a provider is made from.
#[derive(Clone)]
pub struct SourceSpec {
    /// The source's configured name.
    pub name: SourceName,
    /// Its checked settings (paths already absolute).
    pub settings: Settings,
    /// Its secrets by key; those of a table of variables by `key.NAME`.
    pub secrets: BTreeMap<String, SecretPlace>,
    /// What it is asked to do.
    pub bounds: Vec<Bound>,
    /// Environment variables that the program was started with, as `main` read them.
    pub env: Arc<BTreeMap<String, String>>,
}

impl std::fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Variables may hold secrets: they are never part of a debug text.
        f.debug_struct("SourceSpec")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("secrets", &self.secrets)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// How often a source is looked at, unless configured otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Cadence {
    /// While something moves there.
    pub active: Duration,
    /// While nothing does.
    pub idle: Duration,
}

/// One kind of source: a line in the registry.
pub struct Kind {
    /// The word in `kind = ".."`.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub doc: &'static str,
    /// Settings of the source.
    pub keys: &'static [Key],
    /// Settings of each role that it can be bound to.
    pub roles: &'static [(Role, &'static [Key])],
    /// How often to look.
    pub cadence: Cadence,
    /// Its verbs, and who enforces what.
    pub enforcement: Enforcement,
    /// Makes the provider. Does no IO.
    pub build: fn(SourceSpec) -> Result<Arc<dyn Provider>, Fault>,
}

impl Kind {
    /// Settings of one role, if this kind can have it.
    #[must_use]
    pub fn role(&self, role: Role) -> Option<&'static [Key]> {
        self.roles.iter().find(|(r, _)| *r == role).map(|(_, keys)| *keys)
    }
}

/// The registry: every kind of source there is.
pub const KINDS: &[&Kind] = &[
    &git::KIND,
    &github::KIND,
    &gitlab::KIND,
    &jenkins::KIND,
    &circleci::KIND,
    &terraform_cloud::KIND,
    &awx::KIND,
    &prometheus::KIND,
    &alertmanager::KIND,
    &docker::KIND,
    &kubernetes::KIND,
    &argocd::KIND,
    &command::KIND,
    &manifests::KIND,
];

/// The kind with this name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.name == name).copied()
}
