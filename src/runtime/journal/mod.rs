//! The append-only, hash-chained record of every intent, step, receipt and outcome.
//!
//! One JSON object per line. The last member of each is `hash`: the SHA-256, in hex, of the line's bytes up to
//! (not including) `,"hash":`. The member before it is `prev`: the hash of the line before, 64 zeros in the
//! first. Several processes may append: each takes the file's lock, reads the last line, writes, syncs.

mod chain;
mod entry;
mod recent;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

pub use chain::{GENESIS, Line, verify};
pub use entry::Entry;

use super::failpoint;
use crate::domain::SafeText;
use chain::seal;

/// A line longer than this is not one of ours.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// The journal's file and who writes.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    actor: SafeText,
}

/// Why the journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("line {line}: {what}")]
    Broken {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}
impl Journal {
    /// The journal in this file; its folder is made if it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn open(path: &Path, actor: &str) -> Result<Self, JournalError> {
        let journal = Self { path: path.to_owned(), actor: SafeText::new(actor) };
        if let Some(folder) = path.parent() {
            make_private_folder(folder).map_err(|e| journal.error(e))?;
        }
        match journal.file() {
            Ok(_) => Ok(journal),
            Err((path, e)) => Err(journal_error(&path, e)),
        }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one entry and waits until it is on disk.
    ///
    /// # Errors
    /// When that cannot be made sure: then the entry does not count as written.
    pub fn append(&self, time: Timestamp, entry: &Entry) -> Result<(), JournalError> {
        let mut file = self.file().map_err(|(path, e)| journal_error(&path, e))?;
        file.lock().map_err(|e| self.error(e))?;
        failpoint::hit_append(entry.kind, "locked");
        let (seq, prev) = self.tail(&mut file)?;
        let head = json!({
            "seq": seq + 1, "time": time.to_string(), "kind": entry.kind, "action": entry.action,
            "actor": self.actor, "body": entry.body,
        });
        let line = seal(&head, &prev);
        file.seek(SeekFrom::End(0)).map_err(|e| self.error(e))?;
        if failpoint::armed_append(entry.kind, "torn") {
            let half = line.as_bytes().get(..line.len() / 2).unwrap_or_default();
            file.write_all(half).map_err(|e| self.error(e))?;
            failpoint::hit_append(entry.kind, "torn");
        }
        file.write_all(line.as_bytes()).map_err(|e| self.error(e))?;
        failpoint::hit_append(entry.kind, "written");
        file.sync_all().map_err(|e| self.error(e))?;
        failpoint::hit_append(entry.kind, "synced");
        Ok(())
    }

    fn file(&self) -> Result<File, (PathBuf, io::Error)> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path).map_err(|e| (self.path.clone(), e))
    }

    /// Number and hash of the last line; a torn one is set aside in a file of its own.
    fn tail(&self, file: &mut File) -> Result<(u64, String), JournalError> {
        let length = file.metadata().map_err(|e| self.error(e))?.len();
        let from = length.saturating_sub(LONGEST_LINE);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(|e| self.error(e))?;
        file.read_to_end(&mut bytes).map_err(|e| self.error(e))?;
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let (good, torn) = bytes.split_at(whole);
        if !torn.is_empty() {
            let aside = self.path.with_extension(format!("torn-{length}"));
            std::fs::write(&aside, torn).map_err(|e| self.error(e))?;
            file.set_len(length - torn.len() as u64).map_err(|e| self.error(e))?;
        }
        let Some(last) = good.split(|b| *b == b'\n').rfind(|l| !l.is_empty()) else {
            return Ok((0, GENESIS.to_owned()));
        };
        let line: Line = serde_json::from_slice(last)
            .map_err(|e| JournalError::Broken { line: 0, what: format!("last line: {e}") })?;
        Ok((line.seq, line.hash))
    }

    fn error(&self, source: io::Error) -> JournalError {
        journal_error(&self.path, source)
    }
}

fn journal_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.display().to_string(), source }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
