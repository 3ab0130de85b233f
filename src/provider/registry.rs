//! Which manifest an image reference names right now, as the registry itself tells (OCI distribution API).
//!
//! Asks with `HEAD`, which public registries do not count, and with a token that anybody gets, unless the source
//! configures a login for that registry. What a registry that wants a login does not tell is [`Manifest::Locked`].
//! Shared by the deployment targets; knows none of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::http::{Answer, Auth, Endpoint, EndpointSpec, Limits, Read};
use super::{Key, KeyType, SourceSpec};
use crate::domain::{Artifact, Cause, Fault, SafeText};

mod index;
mod login;
mod reference;

pub use index::{Platform, Shape};

use login::{Challenge, Login, Token, Tokens};
use reference::{Asked, is_digest};

/// Every type of manifest. Without the index types a registry answers with one platform's digest.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json";
/// A plan does not wait long for a registry. The body is that of a manifest, or of a token.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    headers: Duration::from_secs(5),
    total: Duration::from_secs(6),
    body: 1 << 20,
    ..Limits::DEFAULT
};
/// What a token's answer may weigh.
const TOKEN: Limits = Limits { body: 1 << 16, ..LIMITS };
/// So many manifests are remembered; what a digest names never changes.
const REMEMBERED: usize = 512;

/// The keys with which a source configures a registry's login.
pub(super) const HOST_KEY: Key = Key::optional(
    "registry",
    KeyType::Text,
    "Host (and port) of the registry that registry_user and registry_password are for. Others are asked without a \
     login.",
);
/// See [`HOST_KEY`].
pub(super) const USER_KEY: Key =
    Key::optional("registry_user", KeyType::Text, "Who logs in there, to read what a tag or a digest names.");
/// See [`HOST_KEY`].
pub(super) const PASSWORD_KEY: Key = Key::optional(
    "registry_password",
    KeyType::Secret,
    "The password or access token; it needs to read only. It is sent to that registry and its own token host, over \
     TLS or on this machine, and never after a redirect.",
);
/// See [`HOST_KEY`].
pub(super) const REALM_KEY: Key = Key::optional(
    "registry_realm",
    KeyType::Text,
    "The host of that registry's tokens, where it is another one than the registry's.",
);

/// What a registry says about a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// It is there, with this digest.
    Found(SafeText),
    /// The registry says that it is not there.
    Missing,
    /// It wants a login, and none is configured: no evidence either way. What would mend it.
    Locked(Fault),
    /// Nobody could tell; why.
    Untold(Fault),
}

/// Whether one platform's image is part of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// It is, as this platform's.
    As(SafeText),
    /// It is not.
    No,
    /// It cannot be proved; why.
    Untold(Fault),
}

/// What a tag names, compared to the digest that was tested under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// That digest, or there is no tag or no digest to compare.
    Same,
    /// The index that the digest is one platform's image of.
    IndexOf {
        /// The index's digest.
        index: SafeText,
        /// `linux/arm64/v8`.
        platform: SafeText,
    },
    /// Another image: this digest.
    Moved(SafeText),
    /// This digest, and whether the other is part of it cannot be proved.
    Perhaps(SafeText, Fault),
    /// Nothing any more.
    Gone,
    /// Nobody could tell.
    Untold,
}

/// The registries, as one source asks them. Clones share what is known.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    env: Arc<BTreeMap<String, String>>,
    login: Option<Login>,
    tokens: Tokens,
    /// By `host/name@digest`.
    shapes: Mutex<BTreeMap<String, Arc<Shape>>>,
}

/// What came of a question.
enum Told {
    Answer(Box<Answer>),
    Locked(Fault),
}

impl Registry {
    /// Without a login. `env` is the environment that the program was started with (proxies).
    #[must_use]
    pub fn anonymous(env: Arc<BTreeMap<String, String>>) -> Self {
        Self::with(env, None)
    }

    /// As a source configures it.
    ///
    /// # Errors
    /// A `Local` fault when only a part of a login is configured.
    pub fn of(spec: &SourceSpec) -> Result<Self, Fault> {
        Ok(Self::with(Arc::clone(&spec.env), Login::of(spec)?))
    }

    fn with(env: Arc<BTreeMap<String, String>>, login: Option<Login>) -> Self {
        Self { inner: Arc::new(Inner { env, login, tokens: Tokens::default(), shapes: Mutex::default() }) }
    }

    /// Whether there is a login for the registry of `reference`.
    #[must_use]
    pub fn has_login(&self, reference: &str) -> bool {
        Asked::parse(reference).is_some_and(|asked| self.login(&asked).is_some())
    }

    /// Asks the registry of `reference` (`host/name:tag`, `host/name@sha256:..`) which manifest it names.
    /// Registries on this machine speak plain HTTP, all others TLS.
    pub async fn manifest(&self, reference: &str) -> Manifest {
        let found = async {
            let asked = parsed(reference)?;
            in_time(&asked, self.head(&asked)).await
        };
        found.await.unwrap_or_else(Manifest::Untold)
    }

    /// What became of the tag of `tested` since its digest was.
    pub async fn tag(&self, tested: &Artifact) -> Tag {
        let (Some(_), Some(digest)) = (&tested.version, &tested.digest) else { return Tag::Same };
        let image = tested.image.as_str();
        if image == tested.repository() {
            return Tag::Same;
        }
        match self.manifest(image).await {
            Manifest::Found(now) if &now == digest => Tag::Same,
            Manifest::Found(now) => match self.belongs(image, &now, digest).await {
                Belongs::As(platform) => Tag::IndexOf { index: now, platform },
                Belongs::No => Tag::Moved(now),
                Belongs::Untold(fault) => Tag::Perhaps(now, fault),
            },
            Manifest::Missing => Tag::Gone,
            Manifest::Locked(_) | Manifest::Untold(_) => Tag::Untold,
        }
    }

    /// Whether `digest` is the image of one platform of the index `index`, both in the repository of `reference`.
    pub async fn belongs(&self, reference: &str, index: &SafeText, digest: &SafeText) -> Belongs {
        match self.shape(reference, index).await {
            Ok(shape) => match &*shape {
                Shape::Index(platforms) => match platforms.iter().find(|p| &p.digest == digest) {
                    Some(platform) => Belongs::As(platform.name.clone()),
                    None => Belongs::No,
                },
                Shape::Single => Belongs::No,
            },
            Err(fault) => Belongs::Untold(fault),
        }
    }

    /// What the manifest `digest` in the repository of `reference` is. Asked once: it never changes.
    ///
    /// # Errors
    /// When the registry does not tell, or tells something else than was asked for.
    pub async fn shape(&self, reference: &str, digest: &SafeText) -> Result<Arc<Shape>, Fault> {
        if !is_digest(digest.as_str()) {
            return Err(Fault::new(Cause::Local, format!("{digest} is not a digest")));
        }
        let asked = parsed(reference)?.at(digest.as_str());
        let key = format!("{}/{}@{digest}", asked.host, asked.name);
        if let Some(known) = self.shapes().get(&key) {
            return Ok(Arc::clone(known));
        }
        let shape = Arc::new(in_time(&asked, self.get(&asked)).await?);
        let mut shapes = self.shapes();
        if shapes.len() >= REMEMBERED {
            shapes.clear();
        }
        shapes.insert(key, Arc::clone(&shape));
        Ok(shape)
    }

    fn shapes(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Shape>>> {
        self.inner.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn login(&self, asked: &Asked) -> Option<&Login> {
        self.inner.login.as_ref().filter(|login| login.is_for(asked))
    }

    async fn head(&self, asked: &Asked) -> Result<Manifest, Fault> {
        let answer = match self.ask(asked, &Read::head(asked.path()).accept(ACCEPT)).await? {
            Told::Answer(answer) => answer,
            Told::Locked(fault) => return Ok(Manifest::Locked(fault)),
        };
        match answer.status {
            200 => {}
            404 => return Ok(Manifest::Missing),
            _ => return Err(answer.fault()),
        }
        match answer.headers.get("docker-content-digest").filter(|d| is_digest(d)) {
            Some(digest) if is_digest(&asked.which) && digest != asked.which => {
                let detail = format!("{} answers {} with {digest}", asked.host, asked.which);
                Err(Fault::new(Cause::Malformed, detail))
            }
            Some(digest) => Ok(Manifest::Found(SafeText::new(digest))),
            None => self.summed(asked).await,
        }
    }

    /// Registries that name no digest: it is the sum of the very bytes.
    async fn summed(&self, asked: &Asked) -> Result<Manifest, Fault> {
        match self.ask(asked, &Read::get(asked.path()).accept(ACCEPT)).await? {
            Told::Answer(answer) => {
                let answer = answer.ok()?;
                // What cannot be a manifest has no digest either.
                answer.json::<serde::de::IgnoredAny>()?;
                let digest = index::sum(&answer.body);
                let other = is_digest(&asked.which) && digest != asked.which;
                let wrong =
                    || Fault::new(Cause::Malformed, format!("{} answers with other bytes", asked.host));
                if other { Err(wrong()) } else { Ok(Manifest::Found(SafeText::new(&digest))) }
            }
            Told::Locked(fault) => Ok(Manifest::Locked(fault)),
        }
    }

    async fn get(&self, asked: &Asked) -> Result<Shape, Fault> {
        match self.ask(asked, &Read::get(asked.path()).accept(ACCEPT)).await? {
            Told::Answer(answer) => {
                let answer = answer.ok()?;
                index::read(&answer.body, &asked.which, answer.headers.get("content-type"))
            }
            Told::Locked(fault) => Err(fault),
        }
    }

    /// Asks, and once more with what the registry wants if that can be had.
    async fn ask(&self, asked: &Asked, read: &Read) -> Result<Told, Fault> {
        if let Some(token) = self.inner.tokens.get(asked) {
            let answer = self.endpoint(&asked.origin(), Auth::Bearer(token), LIMITS)?.read(read).await?;
            if answer.status != 401 {
                return self.let_in(asked, answer);
            }
            self.inner.tokens.drop(asked);
        }
        let first = self.endpoint(&asked.origin(), Auth::None, LIMITS)?.read(read).await?;
        if first.status != 401 {
            return self.let_in(asked, first);
        }
        let (auth, withheld) = match (Challenge::of(&first), self.login(asked)) {
            (Some(Challenge::Bearer(bearer)), login) => {
                let counter = bearer.counter(asked, login)?;
                let at = self.endpoint(&counter.origin, counter.auth, TOKEN)?;
                let answer = at.read(&Read::get(&counter.path)).await?;
                let token = match answer.status {
                    200 => Token::read(&answer)?,
                    400 | 401 | 403 => None,
                    _ => return Err(answer.fault()),
                };
                let Some(token) = token else { return self.kept_out(asked, counter.withheld) };
                self.inner.tokens.keep(asked, &token);
                (Auth::Bearer(token.secret), counter.withheld)
            }
            (Some(Challenge::Basic), Some(login)) => (login.auth(), None),
            (Some(Challenge::Basic) | None, _) => return self.kept_out(asked, None),
        };
        let second = self.endpoint(&asked.origin(), auth, LIMITS)?.read(read).await?;
        if matches!(second.status, 401 | 403) {
            self.inner.tokens.drop(asked);
            return self.kept_out(asked, withheld);
        }
        Ok(Told::Answer(Box::new(second)))
    }

    fn let_in(&self, asked: &Asked, answer: Answer) -> Result<Told, Fault> {
        if answer.status == 403 { self.kept_out(asked, None) } else { Ok(Told::Answer(Box::new(answer))) }
    }

    /// What it means that the registry does not answer us, and what would mend it.
    fn kept_out(&self, asked: &Asked, withheld: Option<Fault>) -> Result<Told, Fault> {
        match (withheld, self.login(asked)) {
            (Some(fault), _) => Err(fault),
            (None, Some(login)) => Err(login.refused(asked)),
            (None, None) => {
                let detail = format!("{} wants a login for {}", asked.host, asked.name);
                let hint = format!(
                    "give the source registry = \"{}\", registry_user and registry_password",
                    asked.host
                );
                Ok(Told::Locked(Fault::new(Cause::Unauthorized, detail).with_hint(hint)))
            }
        }
    }

    fn endpoint(&self, origin: &str, auth: Auth, limits: Limits) -> Result<Endpoint, Fault> {
        let spec = EndpointSpec { env: Arc::clone(&self.inner.env), ..EndpointSpec::new(origin) };
        Endpoint::new(spec.limits(limits).auth(auth))
    }
}

fn parsed(reference: &str) -> Result<Asked, Fault> {
    Asked::parse(reference)
        .ok_or_else(|| Fault::new(Cause::Local, format!("{reference} is not an image reference")))
}

/// The requests of one question together get what one plan can spare.
async fn in_time<T>(asked: &Asked, asking: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match tokio::time::timeout(LIMITS.total * 2, asking).await {
        Ok(told) => told,
        Err(_) => Err(Fault::new(Cause::TimedOut, format!("{} did not answer", asked.host))),
    }
}
