//! HTTP as every provider uses it, and the only module that says `reqwest`.
//!
//! Knows deadlines, sizes, redirects, credentials, certificates and proxies, and turns what goes wrong into
//! [`Fault`]s in plain words. Knows no provider's dialect. An [`Endpoint`] is bound to one origin: its
//! credential goes there and nowhere else.
//!
//! Limits (all in [`Limits`], shorter in tests): connect 5 s, headers 10 s, idle 10 s, whole request 30 s,
//! body 10 MiB after decompression. JSON nests 128 deep at the most (`serde_json`'s own limit). A request is
//! sent once: neither the client nor HTTP/2 retries, and a write never travels on a reused connection.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::secret::Secret;
use super::{SourceSpec, access};
use crate::domain::{Cause, Fault, Step};

mod answer;
mod base;
mod certificate;
mod client;
mod conditional;
mod elsewhere;
mod exchange;
mod failure;
#[doc(hidden)]
pub mod fuzz;
mod graph;
mod way;
mod when;

pub use answer::{Answer, Headers};
pub use base::{query, segment};
pub use conditional::{Conditional, News};
pub use elsewhere::{Allowance, Fetched};

use base::Base;
use exchange::{Body, Exchange, Purpose};

/// How long and how much, at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From the start of a request until the answer's headers are there.
    pub headers: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
    /// The whole request, redirects included.
    pub total: Duration,
    /// Bytes of a body after decompression.
    pub body: usize,
    /// Requests under way at the same time.
    pub concurrency: usize,
}

impl Limits {
    /// What applies unless a provider says otherwise.
    pub const DEFAULT: Self = Self {
        connect: Duration::from_secs(5),
        headers: Duration::from_secs(10),
        idle: Duration::from_secs(10),
        total: Duration::from_secs(30),
        body: 10 * 1024 * 1024,
        concurrency: 2,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How we say who we are.
#[derive(Clone, Debug)]
pub enum Auth {
    /// We do not.
    None,
    /// `Authorization: Bearer TOKEN`.
    Bearer(Secret),
    /// `Authorization: Basic ..` of a name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A header of its own: `PRIVATE-TOKEN: TOKEN`.
    Header {
        /// Its name.
        name: &'static str,
        /// The value.
        value: Secret,
    },
}

impl Auth {
    /// The usual keys of a source: `token`, or `username` and `password`.
    ///
    /// # Errors
    /// A `Local` fault when they contradict each other.
    pub fn of(spec: &SourceSpec) -> Result<Self, Fault> {
        let wrong = |why: &str| Err(Fault::new(Cause::Local, format!("source {}: {why}", spec.name)));
        let name = spec.settings.text("username");
        match (Secret::of(spec, "token"), name, Secret::of(spec, "password")) {
            (None, None, None) => Ok(Self::None),
            (Some(token), None, None) => Ok(Self::Bearer(token)),
            (None, Some(name), Some(password)) => Ok(Self::Basic { username: name.to_owned(), password }),
            (None, Some(_), None) => wrong("username without password"),
            (None, None, Some(_)) => wrong("password without username"),
            (Some(_), _, _) => wrong("token and also username or password; one of them has to go"),
        }
    }
}

/// Everything that an endpoint is made from.
#[derive(Clone, Debug)]
pub struct EndpointSpec {
    /// Base: `https://host[:port][/path]`, `http://..`, or `unix:///socket`. No user name, query or fragment.
    pub url: String,
    /// How we say who we are.
    pub auth: Auth,
    /// Headers of every request; nothing secret.
    pub headers: Vec<(String, String)>,
    /// Certificates (PEM) that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How long and how much.
    pub limits: Limits,
    /// The environment that the program was started with: proxies and `SSL_CERT_FILE`.
    pub env: Arc<std::collections::BTreeMap<String, String>>,
}

impl EndpointSpec {
    /// An endpoint at `url` without credential.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            auth: Auth::None,
            headers: Vec::new(),
            ca_file: None,
            limits: Limits::DEFAULT,
            env: Arc::default(),
        }
    }

    /// An endpoint as a source configures it with the usual keys `url` (or `default_url`) and `ca_file`, with
    /// the source's environment. The credential is the provider's to add.
    ///
    /// # Errors
    /// A `Local` fault when there is no `url`.
    pub fn of(spec: &SourceSpec, default_url: Option<&str>) -> Result<Self, Fault> {
        let url = spec.settings.text("url").or(default_url).ok_or_else(|| {
            Fault::new(Cause::Local, format!("source {} has no url", spec.name))
                .with_hint("add url = \"https://..\"")
        })?;
        let mut endpoint = Self::new(url);
        endpoint.ca_file = spec.settings.text("ca_file").map(PathBuf::from);
        endpoint.env = Arc::clone(&spec.env);
        Ok(endpoint)
    }

    /// The same with a credential.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// The same with a header on every request; nothing secret.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with other limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// How a read is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST` of a form that only asks (long queries).
    PostForm(Vec<(String, String)>),
    /// `POST` of a GraphQL document. One that could change something is not sent: see [`Endpoint::read`].
    PostGraph(String),
    /// `POST` of a JSON document to a path that ends with `/check`: how a load tester of Flagger is asked. To any other
    /// path it is not sent: see [`Endpoint::read`].
    PostCheck(String),
}

/// A request that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// How it is sent.
    pub method: Method,
    /// Path and query below the endpoint's base, beginning with `/`. See [`query`] and [`segment`].
    pub path: String,
    /// `Accept`.
    pub accept: String,
    /// Further headers; nothing secret.
    pub headers: Vec<(String, String)>,
    /// `If-None-Match`: answer 304 if nothing changed.
    pub etag: Option<String>,
}

impl Read {
    /// A `GET` for JSON.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            accept: "application/json".to_owned(),
            headers: Vec::new(),
            etag: None,
        }
    }

    /// A `HEAD`.
    #[must_use]
    pub fn head(path: impl Into<String>) -> Self {
        Self { method: Method::Head, ..Self::get(path) }
    }

    /// A `POST` of a form that only asks.
    #[must_use]
    pub fn post_form(path: impl Into<String>, form: Vec<(String, String)>) -> Self {
        Self { method: Method::PostForm(form), ..Self::get(path) }
    }

    /// A `POST` of a GraphQL document that only asks.
    #[must_use]
    pub fn graph(path: impl Into<String>, document: impl Into<String>) -> Self {
        Self { method: Method::PostGraph(document.into()), ..Self::get(path) }
    }

    /// A `POST` of a JSON document that only asks.
    #[must_use]
    pub fn check(path: impl Into<String>, document: impl Into<String>) -> Self {
        Self { method: Method::PostCheck(document.into()), ..Self::get(path) }
    }

    /// The same with another `Accept`.
    #[must_use]
    pub fn accept(mut self, accept: &str) -> Self {
        accept.clone_into(&mut self.accept);
        self
    }

    /// The same with a header; nothing secret.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with `If-None-Match`.
    #[must_use]
    pub fn etag(mut self, etag: Option<String>) -> Self {
        self.etag = etag;
        self
    }
}

/// One origin, its credential, and the connections to it. Clones share the connections.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

struct Inner {
    base: Base,
    auth: Auth,
    headers: Vec<(String, String)>,
    limits: Limits,
    env: Arc<std::collections::BTreeMap<String, String>>,
    reads: client::Client,
    writes: client::Client,
    permits: Semaphore,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({})", self.inner.base)
    }
}

impl Endpoint {
    /// An endpoint. Reads certificate files; does not connect.
    ///
    /// # Errors
    /// A `Local` fault: the URL is not one, holds a credential, or would carry one in plain text to another
    /// machine; the certificate file cannot be read.
    pub fn new(spec: EndpointSpec) -> Result<Self, Fault> {
        let base = Base::parse(&spec.url)?;
        if !matches!(spec.auth, Auth::None) && !base.may_carry_secrets() {
            return Err(Fault::new(
                Cause::Local,
                format!("a credential would travel to {base} in plain text, readable on the way"),
            )
            .with_hint("use https://, or remove the credential"));
        }
        for (name, value) in &spec.headers {
            client::check_header(name, value)?;
            client::check_plain(name)?;
        }
        let (reads, writes) = client::build(&spec, &base)?;
        let permits = Semaphore::new(spec.limits.concurrency.max(1));
        let EndpointSpec { auth, headers, limits, env, .. } = spec;
        Ok(Self { inner: Arc::new(Inner { base, auth, headers, limits, env, reads, writes, permits }) })
    }

    /// The host (and port) that this endpoint is bound to; for a socket, its path.
    #[must_use]
    pub fn host(&self) -> String {
        self.inner.base.to_string()
    }

    /// Asks something. Follows at most five redirects, within the origin only.
    ///
    /// # Errors
    /// A fault when there is no complete answer. An answer with any other status than 2xx is an [`Answer`]:
    /// see [`Answer::fault`]. A `Local` fault, and nothing sent, for a GraphQL document that is no query.
    pub async fn read(&self, read: &Read) -> Result<Answer, Fault> {
        graph::only_asks(read)?;
        Exchange::new(&self.inner, Purpose::Read).run(read.into()).await
    }

    /// Asks something and reads the JSON answer; any status but 2xx is a fault.
    ///
    /// # Errors
    /// As [`Endpoint::read`], [`Answer::fault`] and [`Answer::json`].
    pub async fn read_json<T: serde::de::DeserializeOwned>(&self, read: &Read) -> Result<T, Fault> {
        self.read(read).await?.ok()?.json()
    }

    /// Sends a step, once, exactly as it is, on a connection of its own, following no redirect.
    ///
    /// This is the only way out for writes over HTTP.
    ///
    /// # Errors
    /// A fault whose `reached` is `No` if the request certainly had no effect: read-only, no credential, no
    /// connection. It is `Perhaps` when the request left and no conclusive answer came. An answer with any other
    /// status than 2xx is an [`Answer`]; [`Answer::fault`] sets `reached` for it.
    pub async fn write(&self, step: &Step, headers: &[(&str, &str)]) -> Result<Answer, Fault> {
        access::check_write(step)?;
        let request = Body::of_step(step, headers)?;
        Exchange::new(&self.inner, Purpose::Write).run(request).await
    }
}
