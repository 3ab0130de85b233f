//! Git repositories on this machine: branches, tags, and the change set between what runs and what would run.
//!
//! Only reads, and only what is already here: it never fetches. Nothing in a repository may execute, and a
//! repository of another user is not read unless git's own `safe.directory` says so. Reads with the library;
//! what it cannot open (SHA-256, reftable) is read through the `git` command, and says so.

mod change;
mod command;
#[doc(hidden)]
pub mod fuzz;
mod library;
mod look;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::runtime::Handle;

use crate::domain::code::Reader;
use crate::domain::{
    Ask, Cause, Fault, Intent, Observation, Prepared, Receipt, Repository, Role, ServiceName, Span, Step,
};
use crate::provider::enforcement::Enforcement;
use crate::provider::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};

use change::Meaning;
use command::GitCommand;
pub use library::{Checkout, checkout, library_version};
use library::{Library, NotOpened};
use look::{Memory, look};

/// How long one look may take before it counts as failed. It goes on in the background and is not repeated
/// before it has ended.
const DEADLINE: Duration = Duration::from_secs(60);

/// The line in the registry.
pub const KIND: Kind = Kind {
    name: "git",
    doc: "Git repositories on this machine.",
    keys: &[Key::optional(
        "git",
        KeyType::Path,
        "The git program, for repositories that the library cannot open; without: found in $PATH.",
    )],
    roles: &[(
        Role::Code,
        &[
            Key::required("path", KeyType::Path, "The repository's folder, with or without a work tree."),
            Key::optional(
                "migrations",
                KeyType::List,
                "Patterns of paths that are database migrations; instead of the usual ones.",
            ),
            Key::optional(
                "configs",
                KeyType::List,
                "Patterns of paths that are configuration; instead of the usual ones.",
            ),
            Key::optional(
                "tickets",
                KeyType::List,
                "Project keys of tickets in commit messages (\"SHOP\" for SHOP-812), \"#\" for numbers such as \
                 #123; without: any key.",
            ),
        ],
    )],
    cadence: Cadence { active: Duration::from_secs(5), idle: Duration::from_secs(15) },
    enforcement: Enforcement::tells_only(
        "the repositories on this machine, by their files; no hook, filter or helper of theirs is run.",
    ),
    build,
};

/// The repository of one service.
struct Clone {
    service: ServiceName,
    path: PathBuf,
    meaning: Meaning,
    /// Held while a look is under way.
    memory: Mutex<Memory>,
}

struct Git {
    program: PathBuf,
    env: Arc<BTreeMap<String, String>>,
    clones: Vec<Arc<Clone>>,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    let mut clones = Vec::new();
    for bound in spec.bounds.iter().filter(|bound| bound.role == Role::Code) {
        let path =
            bound.settings.text("path").ok_or_else(|| Fault::new(Cause::Local, "`path` is missing"))?;
        clones.push(Arc::new(Clone {
            service: bound.service.clone(),
            path: PathBuf::from(path),
            meaning: Meaning::of(&bound.settings)?,
            memory: Mutex::default(),
        }));
    }
    let program = PathBuf::from(spec.settings.text("git").unwrap_or("git"));
    Ok(Arc::new(Git { program, env: spec.env, clones }))
}

impl Git {
    async fn look_at_all(&self, ask: &Ask) -> Observation {
        let looks = self.clones.iter().map(|clone| async {
            let spans =
                ask.spans.iter().filter(|a| a.service == clone.service).map(|a| a.span.clone()).collect();
            (clone.service.clone(), self.look_at(Arc::clone(clone), spans).await)
        });
        let mut seen = Observation::default();
        for (service, answer) in join_all(looks).await {
            match answer {
                Ok(repository) => drop(seen.repositories.insert(service, repository)),
                Err(fault) => drop(seen.faults.insert(service, fault)),
            }
        }
        seen
    }

    async fn look_at(&self, clone: Arc<Clone>, spans: BTreeSet<Span>) -> Result<Repository, Fault> {
        let (program, env, handle) = (self.program.clone(), Arc::clone(&self.env), Handle::current());
        let path = clone.path.clone();
        let work = tokio::task::spawn_blocking(move || {
            let mut memory = match clone.memory.try_lock() {
                Ok(memory) => memory,
                Err(TryLockError::WouldBlock) => {
                    let detail = format!("an earlier look at {} still goes on", clone.path.display());
                    return Err(Fault::new(Cause::TimedOut, detail));
                }
                Err(TryLockError::Poisoned(memory)) => {
                    // What a crashed look left behind is not to be trusted.
                    let mut memory: std::sync::MutexGuard<'_, Memory> = PoisonError::into_inner(memory);
                    *memory = Memory::default();
                    clone.memory.clear_poison();
                    memory
                }
            };
            clone.read(&mut memory, &spans, |path| GitCommand::new(&program, path, &env, handle))
        });
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Fault::new(Cause::Crashed, format!("reading {} crashed", path.display()))),
            Err(_) => {
                let limit = DEADLINE.as_secs();
                Err(Fault::new(
                    Cause::TimedOut,
                    format!("reading {} took longer than {limit} s", path.display()),
                ))
            }
        }
    }
}

impl Clone {
    fn read(
        &self,
        memory: &mut Memory,
        spans: &BTreeSet<Span>,
        command: impl FnOnce(&Path) -> GitCommand,
    ) -> Result<Repository, Fault> {
        match self.path.try_exists() {
            Ok(true) => {}
            Ok(false) => {
                let detail = format!("there is no folder {}", self.path.display());
                return Err(
                    Fault::new(Cause::Local, detail).with_hint("clone the repository there, or mend `path`")
                );
            }
            Err(error) => {
                return Err(Fault::new(Cause::Local, format!("{}: {error}", self.path.display())));
            }
        }
        match Library::open(&self.path) {
            Ok(mut library) => {
                look(&mut library, memory, &self.meaning, (&self.path, Reader::Libgit2), spans)
            }
            Err(NotOpened::Unsupported(why)) => {
                let reader = Reader::GitCommand(why);
                look(&mut command(&self.path), memory, &self.meaning, (&self.path, reader), spans)
            }
            Err(NotOpened::Fault(fault)) => Err(fault),
        }
    }
}

/// The folder is there and holds no repository.
fn not_a_repository(path: &Path) -> Fault {
    Fault::new(Cause::Local, format!("{} is not a git repository", path.display()))
        .with_hint("name the repository's top folder, the one that holds .git")
}

fn reads_only() -> Fault {
    Fault::new(Cause::Refused, "git repositories are only read")
}

impl Provider for Git {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        self.look_at_all(ask).map(Ok).boxed()
    }

    fn prepare<'a>(&'a self, _: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        async { Err(reads_only()) }.boxed()
    }

    fn perform<'a>(&'a self, _: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        async { Err(reads_only()) }.boxed()
    }
}
