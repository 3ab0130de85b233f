//! Faults on purpose, and the ledger of what really happened. Knows requests by method and path, and nothing of
//! what the servers mean by them.

use jiff::Timestamp;
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The ledger forgets its oldest entries beyond this many, so that a soak stays bounded.
const LEDGER_LIMIT: usize = 50_000;

/// The servers of the embedded world.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// The GitHub API.
    Github,
    /// Prometheus.
    Prometheus,
    /// Alertmanager.
    Alertmanager,
    /// The Kubernetes API server.
    Kubernetes,
    /// The Docker Engine.
    Docker,
    /// The OCI registry.
    Registry,
    /// The storage host of GitHub's logs.
    Logs,
    /// GitLab.
    Gitlab,
    /// Jenkins.
    Jenkins,
    /// CircleCI.
    Circleci,
    /// The git server of the repository of manifests.
    Git,
    /// HCP Terraform.
    TerraformCloud,
    /// AWX.
    Awx,
    /// Flagger's load tester.
    LoadTester,
    /// Argo CD.
    Argocd,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Github,
        Self::Prometheus,
        Self::Alertmanager,
        Self::Kubernetes,
        Self::Docker,
        Self::Registry,
        Self::Logs,
        Self::Gitlab,
        Self::Jenkins,
        Self::Circleci,
        Self::Git,
        Self::TerraformCloud,
        Self::Awx,
        Self::LoadTester,
        Self::Argocd,
    ];
}

/// What a fault does to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Answers properly, but this much (real) time later.
    Delay(Duration),
    /// Answers this instead; the request has no effect.
    Answer {
        /// Status code.
        status: u16,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: String,
    },
    /// Closes the connection; the request has no effect.
    DropBefore,
    /// Lets the request take effect, then closes the connection without an answer.
    DropAfter,
    /// Resets the connection; the request has no effect.
    ResetBefore,
    /// Lets the request take effect, then resets the connection without an answer.
    ResetAfter,
    /// Never answers, for as long as the other side waits; the request has no effect.
    SilenceBefore,
    /// Lets the request take effect, then never answers, for as long as the other side waits.
    SilenceAfter,
    /// Lets the request take effect and answers 502 from a proxy.
    BadGatewayAfter,
    /// Sends the headers and half of the body, then nothing more, for as long as the other side waits.
    StallBody,
    /// Promises the whole body and closes after half of it.
    TruncateBody,
    /// Answers 200 with something that is no JSON.
    GarbageJson,
    /// Answers 200 with a proxy's HTML login page.
    LoginPage,
    /// Answers as GitHub does when the hourly quota is used up: 403 with `x-ratelimit-remaining: 0`.
    QuotaExhausted {
        /// Seconds until the quota is full again.
        reset: u32,
    },
    /// Answers 429 with `retry-after`.
    TooManyRequests {
        /// Seconds.
        retry_after: u32,
    },
}

/// When a fault strikes, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which server.
    pub server: Server,
    /// Which method; any when `None`.
    pub method: Option<String>,
    /// What the path (with its query) starts with; with a leading `*`, what it contains.
    pub path: String,
    /// How many matching requests pass before the first strike.
    pub skip: u32,
    /// How often it strikes; for ever when `None`.
    pub times: Option<u32>,
    /// What it does.
    pub act: Act,
}

impl Rule {
    /// A rule that strikes every request to `server` once.
    #[must_use]
    pub fn once(server: Server, act: Act) -> Self {
        Self { server, method: None, path: String::new(), skip: 0, times: Some(1), act }
    }

    /// A rule that strikes every request to `server` until it is cleared.
    #[must_use]
    pub fn always(server: Server, act: Act) -> Self {
        Self { times: None, ..Self::once(server, act) }
    }

    /// The same for one method and path.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        path.clone_into(&mut self.path);
        self
    }

    /// The same, letting some requests pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, server: Server, method: &str, path: &str) -> bool {
        let path_fits = match self.path.strip_prefix('*') {
            Some(part) => path.contains(part),
            None => path.starts_with(&self.path),
        };
        self.server == server && self.method.as_deref().is_none_or(|wanted| wanted == method) && path_fits
    }
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// With this status.
    Status(u16),
    /// Not at all: the connection was closed, reset, or left silent.
    Dropped,
}

/// Whether a request changed the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only looked.
    Read,
    /// It took effect.
    Applied,
    /// It had none: refused, or struck by a fault before it arrived.
    NotApplied,
}

/// One request as it really happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, by the world's clock.
    pub at: Timestamp,
    /// At which server.
    pub server: Server,
    /// Its method.
    pub method: String,
    /// Its path with the query.
    pub path: String,
    /// Its body, as text.
    pub body: String,
    /// Whether it changed the world.
    pub effect: Effect,
    /// How it was answered.
    pub answered: Answered,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    refusing: Vec<Server>,
    ledger: VecDeque<Entry>,
}

/// The switches for faults, and the ledger. Clones share the same switches.
#[derive(Clone, Debug)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    moved: tokio::sync::watch::Sender<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { state: Arc::default(), moved: tokio::sync::watch::channel(0).0 }
    }
}

impl Faults {
    /// Adds a rule. Rules are tried in the order they were added.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Lets `server` take no connections until [`Self::restore`]; open ones are closed.
    pub fn refuse(&self, server: Server) {
        self.lock().refusing.push(server);
        self.moved.send_modify(|count| *count += 1);
    }

    /// Removes every fault of `server`.
    pub fn restore(&self, server: Server) {
        let mut state = self.lock();
        state.refusing.retain(|other| *other != server);
        state.rules.retain(|rule| rule.server != server);
        drop(state);
        self.moved.send_modify(|count| *count += 1);
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn ledger(&self) -> Vec<Entry> {
        self.lock().ledger.iter().cloned().collect()
    }

    /// Every request since this was last asked, oldest first; they are no longer in the ledger.
    #[must_use]
    pub fn take_ledger(&self) -> Vec<Entry> {
        std::mem::take(&mut self.lock().ledger).into()
    }

    /// The requests to `server` that wanted to change something, oldest first.
    #[must_use]
    pub fn writes(&self, server: Server) -> Vec<Entry> {
        let is_write = |entry: &&Entry| entry.server == server && entry.effect != Effect::Read;
        self.lock().ledger.iter().filter(is_write).cloned().collect()
    }

    pub(super) fn refuses(&self, server: Server) -> bool {
        self.lock().refusing.contains(&server)
    }

    /// Says when the refusals changed.
    pub(super) fn watch(&self) -> tokio::sync::watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// What the first fitting rule does to this request.
    pub(super) fn strike(&self, server: Server, method: &str, path: &str) -> Option<Act> {
        let mut state = self.lock();
        let rule = state.rules.iter_mut().find(|rule| rule.matches(server, method, path))?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        let act = rule.act.clone();
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
        }
        state.rules.retain(|rule| rule.times != Some(0));
        Some(act)
    }

    pub(super) fn note(&self, entry: Entry) {
        let mut state = self.lock();
        state.ledger.push_back(entry);
        if state.ledger.len() > LEDGER_LIMIT {
            state.ledger.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
