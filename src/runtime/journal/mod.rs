//! The append-only, hash-chained record of every intent, step, receipt and outcome.
//!
//! One JSON object per line. The last member of each is `hash`: the SHA-256, in hex, of the line's bytes up to
//! (not including) `,"hash":`. The member before it is `prev`: the hash of the line before, 64 zeros in the
//! first. Several processes may append: each takes the file's lock, reads the end, writes, syncs, and then says in
//! the head file how far the journal is on disk. Only then is an entry acknowledged.
//!
//! A write or sync that failed is never repeated on its file: the segment is closed, and the chain goes on in the
//! next one. `docs/journal.md` has the whole format.

mod anchor;
mod chain;
mod check;
mod disk;
mod entry;
mod git;
mod head;
mod places;
mod read;
mod recent;
mod said;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use anchor::{Anchor, AnchorPlace, found_in};
pub use chain::{Chain, GENESIS, Line, verify};
pub use check::{Report, SegmentReport, examine};
pub use disk::{Disk, DiskFile, Open, RealDisk};
pub use entry::Entry;
pub use git::GitError;
pub use head::Head;
pub use recent::recent_at;
pub use said::said;

use crate::domain::SafeText;
use anchor::Anchorer;
use places::Places;
use write::Closed;

/// How long another process may hold the journal's lock.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two tries to get the lock.
const PAUSE: Duration = Duration::from_millis(2);

/// The journal's files and who writes.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    places: Places,
    actor: SafeText,
    /// The last segment that this process must never write to again.
    closed: Mutex<Option<Closed>>,
    anchorer: Option<Anchorer>,
}

/// What does not stop the journal, and should be known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalWarning {
    /// Locks and syncs depend on another machine.
    #[error(
        "{path} is on a network file system ({kind}): two cockpits may write at once there, and what is reported as on \
         disk may be lost; keep the journal on a disk of this machine"
    )]
    Network {
        /// Which file.
        path: String,
        /// What kind of file system.
        kind: &'static str,
    },
    /// The last anchor failed.
    #[error("the journal is not anchored: {0}")]
    NotAnchored(String),
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
    /// The journal's files contradict each other, or one is gone.
    #[error("{0}")]
    Damaged(String),
    /// A segment was closed after a failure, and the next one cannot be begun.
    #[error("{path} is closed after a failure ({cause}), and a new segment cannot be begun: {source}")]
    Closed {
        /// Which segment.
        path: String,
        /// What failed on it.
        cause: String,
        /// What stands in the way of the next one.
        source: Box<JournalError>,
    },
    /// Another process holds the lock.
    #[error("{path}: another process has held the journal for {seconds} s")]
    Busy {
        /// Which file.
        path: String,
        /// How long, in seconds.
        seconds: u64,
    },
}

impl Journal {
    /// The journal in this file; it and its folder are made if they are not there.
    ///
    /// # Errors
    /// When the file cannot be opened for appending, or when it is gone and its head file is not.
    pub fn open(path: &Path, actor: &str) -> Result<Self, JournalError> {
        Self::on(Arc::new(RealDisk), path, actor)
    }

    /// The same on another file system.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn on(disk: Arc<dyn Disk>, path: &Path, actor: &str) -> Result<Self, JournalError> {
        let places = Places::new(path);
        make(disk.as_ref(), &places)?;
        Ok(Self { disk, places, actor: SafeText::new(actor), closed: Mutex::default(), anchorer: None })
    }

    /// The same, with its head anchored elsewhere while the program runs.
    ///
    /// # Errors
    /// When the head cannot be read, or when the thread that makes anchors cannot be started.
    pub fn anchored(mut self, place: AnchorPlace) -> Result<Self, JournalError> {
        let head = Head::read(self.disk.as_ref(), &self.places)?;
        let anchorer = Anchorer::start(place, head).map_err(|error| io_error(self.path(), error))?;
        self.anchorer = Some(anchorer);
        Ok(self)
    }

    /// What does not stop the journal, and should be known.
    #[must_use]
    pub fn warnings(&self) -> Vec<JournalWarning> {
        let mut warnings: Vec<_> = network_warning(self.disk.as_ref(), self.path()).into_iter().collect();
        let fault = self.anchorer.as_ref().and_then(Anchorer::fault);
        warnings.extend(fault.map(JournalWarning::NotAnchored));
        warnings
    }

    /// Every line, checked.
    ///
    /// # Errors
    /// When it cannot be read, or anything speaks against it: [`Report::sound`].
    pub fn lines(&self) -> Result<Vec<Line>, JournalError> {
        let mut lines = Vec::new();
        let mut keep = |raw: &[u8]| lines.push(serde_json::from_slice(raw));
        examine(self.disk.as_ref(), self.path(), &[], &mut keep)?.sound()?;
        let mut number = 0;
        let checked = lines.into_iter().map(|line| {
            number += 1;
            line.map_err(|error| JournalError::Broken { line: number, what: error.to_string() })
        });
        checked.collect()
    }

    /// Its first file; later segments stand beside it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.places.base()
    }

    /// Appends one entry and waits until it is on disk. May wait for other processes, at most 30 s.
    ///
    /// # Errors
    /// When that cannot be made sure: then the entry does not count as written.
    pub fn append(&self, time: Timestamp, entry: &Entry) -> Result<(), JournalError> {
        let _lock = self.lock()?;
        let head = self.write(time, Some(entry))?;
        if let Some(anchorer) = &self.anchorer {
            anchorer.moved(head, entry.kind == "outcome");
        }
        Ok(())
    }

    /// Finds out whether an entry could be written now; after a failure, begins the next segment. May wait as
    /// [`Journal::append`] does.
    ///
    /// # Errors
    /// Why not.
    pub fn recover(&self, time: Timestamp) -> Result<(), JournalError> {
        let _lock = self.lock()?;
        self.write(time, None)?;
        Ok(())
    }

    /// Takes the lock: that of the first segment, whichever is written.
    fn lock(&self) -> Result<Box<dyn DiskFile>, JournalError> {
        let path = self.places.base();
        let began = Instant::now();
        loop {
            let file = self.disk.open(path, Open::Append).map_err(|error| io_error(path, error))?;
            loop {
                if file.try_lock().map_err(|error| io_error(path, error))? {
                    break;
                }
                if began.elapsed() > PATIENCE {
                    return Err(JournalError::Busy {
                        path: path.display().to_string(),
                        seconds: PATIENCE.as_secs(),
                    });
                }
                std::thread::sleep(PAUSE);
            }
            // Whoever had it may have put another file in its place.
            if file.is_at(path).map_err(|error| io_error(path, error))? {
                return Ok(file);
            }
        }
    }
}

/// Whether the journal is on a network file system. What cannot be known is no reason for a warning.
#[must_use]
pub fn network_warning(disk: &dyn Disk, path: &Path) -> Option<JournalWarning> {
    let kind = disk.network(path).ok()??;
    Some(JournalWarning::Network { path: path.display().to_string(), kind })
}

/// Makes the folder and the first segment, if they are not there.
fn make(disk: &dyn Disk, places: &Places) -> Result<(), JournalError> {
    let (path, folder) = (places.base(), places.folder());
    let failed = |error| io_error(path, error);
    let mut missing = Vec::new();
    for above in folder.ancestors().filter(|a| !a.as_os_str().is_empty()) {
        if disk.exists(above).map_err(failed)? {
            break;
        }
        missing.push(above);
    }
    if !missing.is_empty() {
        disk.make_folder(folder).map_err(failed)?;
        for new in missing.iter().rev() {
            disk.sync_folder(new.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
        }
    }
    match disk.open(path, Open::Append) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Err(_) => {}
    }
    if let Some(head) = Head::read(disk, places)? {
        return Err(JournalError::Damaged(format!(
            "{} is gone: the head file beside it says that it had {} lines. Put it back; or, to begin a new one, move \
             everything away whose name begins like it",
            path.display(),
            head.count
        )));
    }
    match disk.open(path, Open::New) {
        // Another process may have been quicker.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    disk.sync_folder(folder).map_err(failed)
}

fn io_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.display().to_string(), source }
}
