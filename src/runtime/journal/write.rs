//! One append: what lies beyond the head is dealt with, the entry is written and synced once, the head follows.

use std::io;
use std::path::Path;
use std::sync::PoisonError;

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::chain::{Chain, hex, seal};
use super::disk::{DiskFile, Open};
use super::entry::Entry;
use super::head::{Head, write_once};
use super::places::short;
use super::read::LONGEST_LINE;
use super::segment::{After, opening, own};
use super::tail::Tail;
use super::{Journal, JournalError, io_error};
use crate::runtime::failpoint;

/// How many files may hold torn bytes of the same place and kind.
const ASIDES: u32 = 1_000;

/// A segment that must not be written to again.
#[derive(Debug)]
pub(super) struct Closed {
    segment: u32,
    cause: String,
}

impl Journal {
    /// Writes an entry, or nothing but what is needed so that one can be written. Only under the lock.
    pub(super) fn write(&self, time: Timestamp, entry: Option<&Entry>) -> Result<Head, JournalError> {
        let mut tail = Tail::read(self.disk.as_ref(), &self.places)?;
        let head = match tail.head.take() {
            Some(head) => head,
            None => self.put_head(&tail.chain, tail.segment, tail.proved, time)?,
        };
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|closed| {
            (closed.segment >= tail.segment).then(|| (closed.segment, closed.cause.clone()))
        });
        match closed {
            Some((segment, cause)) => {
                self.begin(&head, &tail, &cause, time, entry).map_err(|error| JournalError::Closed {
                    path: self.places.segment(segment).display().to_string(),
                    cause: cause.clone(),
                    source: Box::new(error),
                })
            }
            None if tail.is_void() => self.begin(&head, &tail, "a segment was left unfinished", time, entry),
            None => self.extend(tail, time, entry),
        }
    }

    /// Writes at the end of the last segment.
    fn extend(&self, mut tail: Tail, time: Timestamp, entry: Option<&Entry>) -> Result<Head, JournalError> {
        let path = self.places.segment(tail.segment);
        let mut text = String::new();
        if !tail.unproved.is_empty() {
            // Whoever wrote these lines may have been told that they are not on disk: only a write of our own makes
            // our own sync speak of them.
            self.once(tail.segment, &path, || {
                let mut over = self.disk.open(&path, Open::Over)?;
                over.write_over(tail.proved, &tail.unproved)?;
                over.sync()
            })?;
        }
        if !tail.torn.is_empty() {
            let aside = self.set_aside(&tail)?;
            let good = tail.good();
            self.once(tail.segment, &path, || tail.file.truncate(good))?;
            let what = json!({
                "bytes": tail.torn.len(), "sha256": hex(&Sha256::digest(&tail.torn)), "aside": aside,
                "file": short(&path), "at": good,
            });
            text.push_str(&self.sealed(&own("torn", what), time, &mut tail.chain)?);
        }
        if let Some(entry) = entry {
            text.push_str(&self.sealed(entry, time, &mut tail.chain)?);
        }
        if !text.is_empty() {
            self.once(tail.segment, &path, || put(tail.file.as_mut(), &text, entry))?;
        }
        self.put_head(&tail.chain, tail.segment, tail.good() + text.len() as u64, time)
    }

    /// Begins a new segment after the head. What lies beyond the head was never acknowledged, and stays outside.
    fn begin(
        &self,
        head: &Head,
        tail: &Tail,
        cause: &str,
        time: Timestamp,
        entry: Option<&Entry>,
    ) -> Result<Head, JournalError> {
        let number = if head.segment < tail.segment {
            self.put_away(tail.segment)?;
            tail.segment
        } else {
            tail.segment + 1
        };
        let path = self.places.segment(number);
        let mut chain = head.chain();
        let mut text = self.sealed(&opening(number, &After::head(head), cause), time, &mut chain)?;
        if let Some(entry) = entry {
            text.push_str(&self.sealed(entry, time, &mut chain)?);
        }
        let begun = self.once(number, &path, || {
            let mut file = self.disk.open(&path, Open::New)?;
            put(file.as_mut(), &text, entry)?;
            self.disk.sync_folder(self.places.folder())
        });
        if let Err(error) = begun {
            // Nothing in it was acknowledged. If it stays, the next try puts it away.
            if let Err(error) = self.disk.remove(&path) {
                tracing::debug!("{}: {error}", path.display());
            }
            return Err(error);
        }
        let written = self.put_head(&chain, number, text.len() as u64, time)?;
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(written)
    }

    /// Writes to a segment; if that fails, never again to this one.
    fn once(
        &self,
        segment: u32,
        path: &Path,
        work: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), JournalError> {
        work().map_err(|error| {
            let cause = error.to_string();
            let closed = Closed { segment, cause };
            *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = Some(closed);
            io_error(path, error)
        })
    }

    fn sealed(&self, entry: &Entry, time: Timestamp, chain: &mut Chain) -> Result<String, JournalError> {
        let head = json!({
            "seq": chain.count + 1, "time": time.to_string(), "kind": entry.kind, "action": entry.action,
            "actor": self.actor, "body": entry.body,
        });
        let line = seal(&head, chain);
        if line.len() as u64 > LONGEST_LINE {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "an entry of more than 16 MiB");
            return Err(io_error(self.places.base(), error));
        }
        Ok(line)
    }

    fn put_head(
        &self,
        chain: &Chain,
        segment: u32,
        length: u64,
        time: Timestamp,
    ) -> Result<Head, JournalError> {
        let head = Head { count: chain.count, hash: chain.hash.clone(), segment, length, time };
        head.write(self.disk.as_ref(), &self.places)?;
        Ok(head)
    }

    /// Keeps torn bytes in a file of their own; gives its name.
    fn set_aside(&self, tail: &Tail) -> Result<String, JournalError> {
        let mark = format!("{}-{}", tail.segment, tail.good());
        for attempt in 1..ASIDES {
            let path = self.places.aside(&mark, attempt);
            let failed = |error| io_error(&path, error);
            match self.disk.open(&path, Open::New) {
                Ok(mut file) => {
                    write_once(file.as_mut(), &tail.torn).and_then(|()| file.sync()).map_err(failed)?;
                    self.disk.sync_folder(self.places.folder()).map_err(failed)?;
                    return Ok(short(&path));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(JournalError::Damaged(format!("{}: too many torn ends", self.places.base().display())))
    }

    /// Gives a segment that nothing was acknowledged in another name.
    fn put_away(&self, segment: u32) -> Result<(), JournalError> {
        let path = self.places.segment(segment);
        let failed = |error| io_error(&path, error);
        for attempt in 1..ASIDES {
            let aside = self.places.aside(&segment.to_string(), attempt);
            if !self.disk.exists(&aside).map_err(failed)? {
                self.disk.rename(&path, &aside).map_err(failed)?;
                return self.disk.sync_folder(self.places.folder()).map_err(failed);
            }
        }
        Err(JournalError::Damaged(format!("{}: too many unfinished segments", path.display())))
    }
}

/// Writes and syncs, once.
fn put(file: &mut dyn DiskFile, text: &str, entry: Option<&Entry>) -> io::Result<()> {
    let kind = entry.map_or("", |entry| entry.kind);
    failpoint::hit_append(kind, "locked");
    if failpoint::armed_append(kind, "torn") {
        write_once(file, text.as_bytes().get(..text.len() / 2).unwrap_or_default())?;
        failpoint::hit_append(kind, "torn");
    }
    write_once(file, text.as_bytes())?;
    failpoint::hit_append(kind, "written");
    file.sync()?;
    failpoint::hit_append(kind, "synced");
    Ok(())
}
