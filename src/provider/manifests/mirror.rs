//! The mirror in the cache: a bare repository of our own that nobody else may write to.
//!
//! One process at a time works in it. What a process that died left behind is removed; a mirror that is gone or damaged
//! is made anew. Nothing is ever removed that we did not make.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::command::{Git, utf8};
use crate::domain::{Cause, Fault};

/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often it is looked whether it is done.
const GLANCE: Duration = Duration::from_millis(40);
/// git holds a lock for a moment only: an older one belongs to a process that died.
const STALE: Duration = Duration::from_secs(120);
/// What a fetch that died left of a pack.
const STALE_PACK: Duration = Duration::from_secs(3_600);
/// So many files are looked at for what is stale.
const LOOKED_AT: usize = 4_000;
/// The branch of the mirror itself, on which nothing ever is.
const NOTHING: &str = "gonogo-nothing";

/// The folder of one source: a lock, and the repository.
#[derive(Debug)]
pub(super) struct Mirror {
    folder: PathBuf,
}

/// Held while we work in the mirror; the system lets it go when this process ends, however it does.
#[derive(Debug)]
pub(super) struct Held {
    _lock: File,
}

fn local(folder: &Path, what: &str) -> Fault {
    Fault::new(Cause::Local, format!("the cache in {}: {what}", folder.display()))
        .with_hint("mend it, or choose another folder with `cache`")
}

impl Mirror {
    /// For a source and an address; two sources that differ in either have mirrors of their own.
    pub(super) fn new(cache: &Path, name: &str, url: &str) -> Self {
        let sum: String = Sha256::digest(url.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
        let name: String = name.chars().take(40).map(plain).collect();
        Self { folder: cache.join(format!("{name}-{sum}")) }
    }

    /// Where the repository is.
    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("mirror.git")
    }

    /// Waits until we are the only ones here.
    pub(super) async fn take(&self) -> Result<Held, Fault> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.make_folder().map_err(|error| local(&self.folder, &error.to_string()))?;
            match self.try_take() {
                Ok(Some(held)) => {
                    self.sweep();
                    return Ok(held);
                }
                Ok(None) if tokio::time::Instant::now() < end => tokio::time::sleep(GLANCE).await,
                Ok(None) => {
                    return Err(Fault::new(
                        Cause::TimedOut,
                        "another process works with the copy of this repository",
                    ));
                }
                Err(error) => return Err(local(&self.folder, &error.to_string())),
            }
        }
    }

    fn try_take(&self) -> io::Result<Option<Held>> {
        let path = self.folder.join("lock");
        let lock = match OpenOptions::new().create(true).truncate(false).write(true).open(&path) {
            Ok(lock) => lock,
            // The cache was emptied in this very moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            Ok(()) if same(&lock, &path) => Ok(Some(Held { _lock: lock })),
            // Somebody emptied the cache between: what we hold is no longer what others see.
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn make_folder(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        private(&mut builder);
        builder.create(&self.folder)?;
        ours(&self.folder)
    }

    /// Whether a repository is there.
    pub(super) fn is_there(&self) -> bool {
        let repository = self.repository();
        repository.join("HEAD").is_file() && repository.join("objects").is_dir()
    }

    /// Makes the repository if it is not there; `ids` is how long the server's ids are.
    pub(super) async fn make(&self, git: &Git, ids: usize) -> Result<(), Fault> {
        if self.is_there() {
            return Ok(());
        }
        self.remove().await?;
        let new = self.folder.join("new.git");
        let format = format!("--object-format={}", if ids == 64 { "sha256" } else { "sha1" });
        let branch = format!("--initial-branch={NOTHING}");
        let words = ["init", "--quiet", "--bare", "--template=", &format, &branch, utf8(&new)?];
        git.sure(&words, b"").await?;
        std::fs::rename(&new, self.repository()).map_err(|error| local(&self.folder, &error.to_string()))
    }

    /// Removes the repository; it is made anew when it is needed.
    pub(super) async fn remove(&self) -> Result<(), Fault> {
        let folders = [self.repository(), self.folder.join("new.git")];
        let work = tokio::task::spawn_blocking(move || {
            folders.iter().try_for_each(|folder| match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
        });
        match work.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(local(&self.folder, &error.to_string())),
            Err(error) => Err(local(&self.folder, &error.to_string())),
        }
    }

    /// Removes what processes left behind that died.
    fn sweep(&self) {
        let repository = self.repository();
        let mut left = LOOKED_AT;
        for (folder, ending, age) in [
            ("", ".lock", STALE),
            ("objects/info", ".lock", STALE),
            ("refs", ".lock", STALE),
            ("refs/gonogo", ".lock", STALE),
            ("refs/gonogo/heads", ".lock", STALE),
            ("refs/gonogo/prepared", ".lock", STALE),
            ("objects/pack", "", STALE_PACK),
        ] {
            let Ok(entries) = std::fs::read_dir(repository.join(folder)) else { continue };
            for entry in entries.flatten().take(left) {
                left = left.saturating_sub(1);
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let meant = if ending.is_empty() { name.starts_with("tmp_") } else { name.ends_with(ending) };
                if meant
                    && older(&entry.path(), age)
                    && let Err(error) = std::fs::remove_file(entry.path())
                {
                    tracing::debug!(%error, "a stale lock could not be removed");
                }
            }
        }
    }
}

fn older(path: &Path, age: Duration) -> bool {
    let changed = std::fs::symlink_metadata(path).and_then(|about| about.modified());
    changed.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|since| since > age))
}

#[cfg(unix)]
fn private(builder: &mut DirBuilder) {
    use std::os::unix::fs::DirBuilderExt as _;
    builder.mode(0o700);
}

#[cfg(not(unix))]
fn private(_builder: &mut DirBuilder) {}

/// Whether what we hold is what lies there now.
#[cfg(unix)]
fn same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |about: std::fs::Metadata| (about.dev(), about.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(held), Ok(there)) => id(held) == id(there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// That the folder is one of ours, and that nobody else can write or read in it.
#[cfg(unix)]
fn ours(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let about = std::fs::symlink_metadata(folder)?;
    if !about.is_dir() {
        return Err(io::Error::other("it is no folder"));
    }
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to somebody else"));
    }
    if about.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn ours(_folder: &Path) -> io::Result<()> {
    Ok(())
}
