//! The newest lines of a journal, for taking up what an earlier session left: enough for a day, quick for years.

use super::disk::Open;
use super::read::part;
use super::tail::last_segment;
use super::{Journal, JournalError, Line, io_error};

impl Journal {
    /// The newest lines within `window` bytes, oldest of them first. Lines that are none of ours are left out; whether the chain holds is
    /// [`super::examine`]'s question.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn recent(&self, window: u64) -> Result<Vec<Line>, JournalError> {
        let mut pieces = Vec::new();
        let mut left = window;
        for segment in (1..=last_segment(self.disk.as_ref(), &self.places)?).rev() {
            let path = self.places.segment(segment);
            let failed = |error| io_error(&path, error);
            let file = self.disk.open(&path, Open::Read).map_err(failed)?;
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
}
