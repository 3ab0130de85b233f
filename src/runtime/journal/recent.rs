//! The newest lines of a journal, for taking up what an earlier session left: enough for a day, quick for years.

use std::io::{Read, Seek, SeekFrom};

use super::{Journal, JournalError, Line};

/// How much of the journal's end is read.
const WINDOW: u64 = 8 * 1024 * 1024;

impl Journal {
    /// The newest lines, oldest of them first. Lines that are none of ours are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn recent(&self) -> Result<Vec<Line>, JournalError> {
        let mut file = self.file().map_err(|(path, e)| super::journal_error(&path, e))?;
        let length = file.metadata().map_err(|e| self.error(e))?.len();
        let from = length.saturating_sub(WINDOW);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(|e| self.error(e))?;
        file.read_to_end(&mut bytes).map_err(|e| self.error(e))?;
        let lines = bytes.split(|b| *b == b'\n').skip(usize::from(from > 0));
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}
