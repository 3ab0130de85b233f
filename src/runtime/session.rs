//! Which sessions are alive: each one that acts holds the lock of a file of its own, which the kernel lets go when the
//! process ends, however it ends. What a session left without an outcome is taken up only by whoever gets that lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::domain::ActionId;

/// The locks that this process holds.
#[derive(Debug, Default)]
pub struct Sessions {
    held: Mutex<Vec<(PathBuf, File)>>,
}

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// This process holds it, now or already.
    Us,
    /// Another process that is alive.
    Other,
}

/// The session that an action belongs to: its id without the last number.
#[must_use]
pub fn session_of(action: &ActionId) -> &str {
    action.0.as_str().rsplit_once('-').map_or(action.0.as_str(), |(session, _)| session)
}

impl Sessions {
    /// Takes the lock of a session beside the journal, unless a living process holds it.
    ///
    /// # Errors
    /// When the lock's file cannot be made or locked at all.
    pub fn hold(&self, journal: &Path, session: &str) -> io::Result<Holder> {
        let path = lock_path(journal, session)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.iter().any(|(ours, _)| ours == &path) {
            return Ok(Holder::Us);
        }
        if let Some(folder) = path.parent() {
            // Not the journal's own folder: a folder that vanished must not come back empty.
            let mut builder = std::fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                held.push((path, file));
                Ok(Holder::Us)
            }
            Err(TryLockError::WouldBlock) => Ok(Holder::Other),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// `journal.sessions/20261120T140200Z-4711.lock`.
fn lock_path(journal: &Path, session: &str) -> io::Result<PathBuf> {
    let plain = session.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@'));
    if !plain || session.is_empty() || session.starts_with('.') || session.len() > 100 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{session:?} is no session's name")));
    }
    Ok(journal.with_extension("sessions").join(format!("{session}.lock")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_one_holder_until_its_process_ends() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let (one, other) = (Sessions::default(), Sessions::default());
        assert_eq!(one.hold(&journal, "s-1").unwrap(), Holder::Us);
        assert_eq!(one.hold(&journal, "s-1").unwrap(), Holder::Us, "again");
        assert_eq!(other.hold(&journal, "s-1").unwrap(), Holder::Other);
        assert_eq!(other.hold(&journal, "s-2").unwrap(), Holder::Us);
        drop(one);
        assert_eq!(other.hold(&journal, "s-1").unwrap(), Holder::Us);
    }

    #[test]
    fn a_session_is_named_by_its_actions_and_cannot_lead_elsewhere() {
        assert_eq!(session_of(&ActionId("20261120T140200Z-4711-3".into())), "20261120T140200Z-4711");
        for bad in ["", "..", "a/b", "../x", ".hidden", "a b"] {
            assert!(lock_path(Path::new("/j/journal.jsonl"), bad).is_err(), "{bad:?}");
        }
    }
}
