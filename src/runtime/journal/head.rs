//! The head file: how far the journal is known to be on disk. Replaced as a whole after every append.

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::disk::{Disk, Open};
use super::places::Places;
use super::read::whole_file;
use super::{JournalError, io_error};

/// A head file longer than this is not one of ours.
const LONGEST: u64 = 4096;

/// How far the journal is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// How many lines.
    pub count: u64,
    /// Hash of the last of them.
    pub hash: String,
    /// In which segment the last of them is, from 1.
    pub segment: u32,
    /// Where in its segment the last of them ends, in bytes.
    pub length: u64,
    /// When it was written.
    pub time: Timestamp,
}

impl Head {
    pub(super) fn chain(&self) -> Chain {
        Chain { count: self.count, hash: self.hash.clone() }
    }

    /// The head file, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is not one.
    pub(super) fn read(disk: &dyn Disk, places: &Places) -> Result<Option<Self>, JournalError> {
        let path = places.head();
        match whole_file(disk, &path, LONGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&path, error)),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                JournalError::Damaged(format!("{} is not a head file: {error}", path.display()))
            }),
        }
    }

    /// Puts it in the place of the one before, and waits until that is on disk. Only under the journal's lock.
    ///
    /// # Errors
    /// When that cannot be made sure; either head may be there then.
    pub(super) fn write(&self, disk: &dyn Disk, places: &Places) -> Result<(), JournalError> {
        let (path, next) = (places.head(), places.next_head());
        let text = serde_json::to_string(self).map_err(|error| io_error(&path, error.into()))? + "\n";
        let put = || {
            if disk.exists(&next)? {
                disk.remove(&next)?;
            }
            let mut file = disk.open(&next, Open::New)?;
            write_once(file.as_mut(), text.as_bytes())?;
            file.sync()?;
            disk.rename(&next, &path)?;
            disk.sync_folder(places.folder())
        };
        put().map_err(|error| io_error(&path, error))
    }
}

/// Writes in one call. A short write is a failure: what is left of it is never completed.
pub(super) fn write_once(file: &mut dyn super::disk::DiskFile, bytes: &[u8]) -> io::Result<()> {
    let written = file.write(bytes)?;
    if written == bytes.len() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::WriteZero,
        format!("only {written} of {} bytes were written", bytes.len()),
    ))
}
