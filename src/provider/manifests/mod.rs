//! A Git repository of manifests that a GitOps controller follows: what it asks for in a place, what changed that, and a
//! revert of it.
//!
//! Works with the user's own `git` in a bare mirror of its own; knows no clone of the user's, no controller, no other
//! provider, no screen. How git is called, `command` knows; where the mirror lies and who may work in it, `mirror`; what
//! is seen, `look`; what a revert would be, `prepare`; how it is sent, `push`. A first fetch that takes long goes on
//! behind the looks.

mod command;
mod differ;
mod enforcement;
mod examine;
mod fault;
#[doc(hidden)]
pub mod fuzz;
mod look;
mod mirror;
mod prepare;
mod push;
mod reading;
mod request;
#[cfg(all(test, unix))]
mod tests;
mod whereabouts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use self::command::Git;
use self::look::{Desk, Memory, Spot};
use self::mirror::{Held, Mirror};
use self::prepare::Want;
use self::reading::Tips;
use self::request::Request;
use self::whereabouts::Whereabouts;
use super::examine::Finding;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Ask, Cause, Fault, Intent, Observation, Place, Prepared, Receipt, Role, SafeText, ServiceName,
    SourceName, Step, Target, Verb,
};

/// The registry's line.
pub const KIND: Kind = Kind {
    name: "manifests",
    doc: "A Git repository of manifests that a GitOps controller follows.",
    keys: &[
        Key::required(
            "url",
            KeyType::Text,
            "Its address as git takes it: https, ssh (also `git@host:path`), git, or a folder's whole path; without a \
             login in it.",
        ),
        Key::optional("git", KeyType::Path, "The git program; without: found in $PATH."),
        Key::optional(
            "author",
            KeyType::Text,
            "Who writes the commits: `Name <email>`; without: user.name and user.email of git's config.",
        ),
        Key::optional(
            "cache",
            KeyType::Path,
            "The folder for the mirror; without: gonogo/manifests in $XDG_CACHE_HOME or ~/.cache.",
        ),
    ],
    roles: &[(
        Role::Manifests,
        &[
            Key::required("folder", KeyType::Text, "The folder of this place in the repository."),
            Key::optional(
                "branch",
                KeyType::Text,
                "The branch that the controller follows; without: the one that the server's HEAD names.",
            ),
        ],
    )],
    cadence: Cadence { active: Duration::from_secs(5), idle: Duration::from_secs(30) },
    enforcement: enforcement::FACTS,
    build,
};

/// How long work in the mirror is waited for; it goes on behind that.
const PATIENCE: Duration = Duration::from_secs(14);
/// How long other work in the mirror is waited for.
const TURN: Duration = Duration::from_secs(5);

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    let text = |key: &str| spec.settings.text(key);
    let home = spec.env.get("HOME").map(String::as_str).filter(|home| home.starts_with('/'));
    let url = text("url").ok_or_else(|| Fault::new(Cause::Local, "`url` is missing"))?;
    let place = Whereabouts::read(url, home)?;
    let cache = match text("cache") {
        Some(cache) => PathBuf::from(cache),
        None => usual_cache(spec.env.get("XDG_CACHE_HOME").map(String::as_str), home)?,
    };
    if let Some(author) = text("author") {
        request::author(author)?;
    }
    let mut folders = Vec::new();
    for bound in spec.bounds.iter().filter(|bound| bound.role == Role::Manifests) {
        let folder = bound.settings.text("folder").unwrap_or_default();
        let spot = Spot::read(folder, bound.settings.text("branch"))?;
        let place =
            bound.place().ok_or_else(|| Fault::new(Cause::Local, "the binding names no environment"))?;
        folders.push((place, spot));
    }
    let mirror = Mirror::new(&cache, spec.name.as_str(), &place.url);
    let git = Git::new(text("git").unwrap_or("git"), &spec.env, place, mirror.repository());
    let inner = Inner {
        name: spec.name.clone(),
        author: text("author").map(str::to_owned),
        folders,
        git,
        mirror,
        memory: Arc::default(),
    };
    Ok(Arc::new(Manifests(Arc::new(inner))))
}

/// The address that a source names, as it may be shown.
///
/// # Errors
/// A `Local` fault when it cannot be one, or when a login is in it.
pub fn address(spec: &SourceSpec) -> Result<SafeText, Fault> {
    let home = spec.env.get("HOME").map(String::as_str);
    Ok(Whereabouts::read(spec.settings.text("url").unwrap_or_default(), home)?.shown)
}

/// Where the cache usually is.
fn usual_cache(xdg: Option<&str>, home: Option<&str>) -> Result<PathBuf, Fault> {
    let base = match (xdg.filter(|path| path.starts_with('/')), home) {
        (Some(xdg), _) => PathBuf::from(xdg),
        (None, Some(home)) => Path::new(home).join(".cache"),
        (None, None) => {
            return Err(Fault::new(Cause::Local, "there is no folder for the mirror: HOME is not set")
                .with_hint("name one: cache = \"/var/cache/gonogo\""));
        }
    };
    Ok(base.join("gonogo").join("manifests"))
}

/// One source.
struct Manifests(Arc<Inner>);

struct Inner {
    name: SourceName,
    author: Option<String>,
    folders: Vec<(Place, Spot)>,
    git: Git,
    mirror: Mirror,
    /// Held by whoever works in the mirror.
    memory: Arc<Mutex<Memory>>,
}

impl Provider for Manifests {
    fn observe<'a>(&'a self, _ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        self.work(|inner, memory| async move { inner.look(memory).await }).boxed()
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        let intent = intent.clone();
        self.work(|inner, memory| async move { inner.plan(memory, &intent).await }).boxed()
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        self.0.send(step).boxed()
    }

    fn examine(&self, _now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        async {
            let tips = self.work(|inner, memory| async move { inner.tips(memory).await }).await;
            let spots = self.0.spots();
            examine::findings(&self.0.git, self.0.author.as_deref(), tips, &spots).await
        }
        .boxed()
    }
}

impl Manifests {
    /// Work in the mirror, one after the other. What takes longer than anybody waits goes on: a first fetch that is
    /// broken off would never come to its end.
    async fn work<T, F>(
        &self,
        work: impl FnOnce(Arc<Inner>, OwnedMutexGuard<Memory>) -> F,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let inner = &self.0;
        let waited = || {
            Fault::new(Cause::TimedOut, format!("{} is still being fetched", inner.git.place.shown))
                .with_hint("a first fetch takes its time; it goes on")
        };
        let turn = timeout(TURN, Arc::clone(&inner.memory).lock_owned()).await.map_err(|_| waited())?;
        let task = tokio::spawn(work(Arc::clone(inner), turn));
        match timeout(PATIENCE, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Fault::new(Cause::Crashed, "the work in the mirror crashed")),
            Err(_) => Err(waited()),
        }
    }
}

impl Inner {
    fn spots(&self) -> Vec<Spot> {
        self.folders.iter().map(|(_, spot)| spot.clone()).collect()
    }

    fn desk<'a>(&'a self, memory: &'a mut Memory) -> Desk<'a> {
        Desk { git: &self.git, mirror: &self.mirror, memory }
    }

    /// Where the branches stand; the mirror has them then, and is ours until the lock is dropped.
    async fn fresh(&self, desk: &mut Desk<'_>) -> Result<(Tips, Held), Fault> {
        let spots = self.spots();
        let mut tips = desk.ask(&spots).await?;
        let held = self.mirror.take().await?;
        match desk.fetch(&held, &mut tips, &spots).await {
            Err(fault) if look::about_mirror(&fault) => {
                tracing::debug!(%fault, "the mirror is made anew");
                self.mirror.remove().await?;
                desk.fetch(&held, &mut tips, &spots).await?;
            }
            answer => answer?,
        }
        Ok((tips, held))
    }

    async fn tips(&self, mut memory: OwnedMutexGuard<Memory>) -> Result<Tips, Fault> {
        let mut desk = self.desk(&mut memory);
        let (tips, _held) = self.fresh(&mut desk).await?;
        Ok(tips)
    }

    async fn look(&self, mut memory: OwnedMutexGuard<Memory>) -> Result<Observation, Fault> {
        let mut desk = self.desk(&mut memory);
        let (tips, _held) = self.fresh(&mut desk).await?;
        let mut seen = Observation::default();
        let mut looks: Vec<(ServiceName, Fault)> = Vec::new();
        for (place, spot) in &self.folders {
            match desk.manifests(&tips, spot).await {
                Ok(manifests) => drop(seen.manifests.insert(place.clone(), manifests)),
                Err(fault) => {
                    if look::about_mirror(&fault) {
                        // What is damaged is made anew by the next look.
                        self.mirror.remove().await?;
                    }
                    looks.push((place.service.clone(), fault));
                }
            }
        }
        if seen.manifests.is_empty()
            && let Some((_, fault)) = looks.pop()
        {
            return Err(fault);
        }
        seen.faults.extend(looks);
        Ok(seen)
    }

    fn spot(&self, place: Option<&Place>) -> Result<&Spot, Fault> {
        let found = self.folders.iter().find(|(own, _)| Some(own) == place);
        found.map(|(_, spot)| spot).ok_or_else(|| {
            let place = place.map_or_else(|| "this".to_owned(), Place::to_string);
            Fault::new(Cause::Local, format!("source {} holds no manifests of {place}", self.name))
        })
    }

    async fn plan(&self, mut memory: OwnedMutexGuard<Memory>, intent: &Intent) -> Result<Prepared, Fault> {
        let (Verb::RollBack, Target::Revert { commit, to }) = (intent.verb, &intent.target) else {
            let detail = format!("a repository of manifests cannot {} such a thing", intent.verb.word());
            return Err(Fault::new(Cause::Refused, detail));
        };
        let spot = self.spot(intent.place.as_ref())?;
        let mut desk = self.desk(&mut memory);
        let (tips, _held) = self.fresh(&mut desk).await?;
        let want = Want { intent, commit, to: *to, author: self.author.as_deref() };
        prepare::revert(&self.git, &tips, spot, &want).await
    }

    async fn send(&self, step: &Step) -> Result<Receipt, Fault> {
        let local = |what: &str| Fault::new(Cause::Local, format!("this step is not sent: {what}"));
        if step.source != self.name {
            return Err(local("it is for another source"));
        }
        let (branch, request) = Request::read(step)?;
        let ours = |spot: &&Spot| {
            let own = spot.branch.as_deref().is_none_or(|own| own == branch);
            spot.folder() == request.folder && (own || branch.starts_with(look::PROPOSAL))
        };
        let spots = self.spots();
        let spot = spots.iter().find(ours).ok_or_else(|| local("its folder is none of this source's"))?;
        let busy = |_| local("the mirror is in use");
        let _turn = timeout(TURN, self.memory.lock()).await.map_err(busy)?;
        let _held = timeout(TURN, self.mirror.take()).await.map_err(busy)??;
        push::push(&self.git, spot, step, &branch, &request).await
    }
}
