//! The newest lines of a journal, for taking up what an earlier session left, and for the screen: enough for a day,
//! quick for years.

use std::path::Path;

use super::disk::Open;
use super::places::Places;
use super::read::part;
use super::tail::last_segment;
use super::{Disk, Journal, JournalError, Line, RealDisk, io_error};

impl Journal {
    /// The newest lines within `window` bytes, oldest of them first. Lines that are none of ours are left out; whether the chain holds is
    /// [`super::examine`]'s question.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn recent(&self, window: u64) -> Result<Vec<Line>, JournalError> {
        newest(self.disk.as_ref(), &self.places, window)
    }
}

/// The same for a process that only reads: it makes no file, and a journal that is not there yet has no line.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn recent_at(path: &Path, window: u64) -> Result<Vec<Line>, JournalError> {
    let places = Places::new(path);
    if !RealDisk.exists(path).map_err(|error| io_error(path, error))? {
        return Ok(Vec::new());
    }
    newest(&RealDisk, &places, window)
}

fn newest(disk: &dyn Disk, places: &Places, window: u64) -> Result<Vec<Line>, JournalError> {
    let mut pieces = Vec::new();
    let mut left = window;
    for segment in (1..=last_segment(disk, places)?).rev() {
        let path = places.segment(segment);
        let failed = |error| io_error(&path, error);
        let file = disk.open(&path, Open::Read).map_err(failed)?;
        let length = file.length().map_err(failed)?;
        pieces.push(part(file.as_ref(), length.saturating_sub(left), length).map_err(failed)?);
        left = left.saturating_sub(length);
        if left == 0 {
            break;
        }
    }
    let lines = pieces.iter().rev().flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
