//! Reads the journal's files in pieces: whole lines forwards, the last line backwards.

use std::io;
use std::path::Path;

use super::disk::{Disk, DiskFile, Open};

/// A line longer than this, in bytes, is not one of ours.
pub(super) const LONGEST_LINE: u64 = 16 << 20;

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;

/// How much is read at once when the end of a line is looked for, in bytes.
const BACK: u64 = 16 << 10;

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// The rest up to the limit has no end of line within reach.
    Rest,
}

/// Walks the lines between two places of a file; keeps no more than one line and a block.
pub(super) struct Lines {
    file: Box<dyn DiskFile>,
    /// Where the next line begins.
    at: u64,
    limit: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Lines {
    pub(super) fn between(file: Box<dyn DiskFile>, from: u64, limit: u64) -> Self {
        Self { file, at: from, limit, buffer: Vec::new(), used: 0 }
    }

    /// Where the next line begins, in bytes.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next line; nothing at the limit.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let mut searched = 0;
        let end = loop {
            let known = self.buffer.get(self.used..).unwrap_or_default();
            let rest = known.get(searched..).unwrap_or_default();
            if let Some(found) = rest.iter().position(|byte| *byte == b'\n') {
                break searched + found;
            }
            searched = known.len();
            if searched as u64 > LONGEST_LINE {
                return Ok(Some(Piece::Rest));
            }
            if !self.fill()? {
                return Ok((self.at < self.limit).then_some(Piece::Rest));
            }
        };
        let line = self.buffer.get(self.used..self.used + end).unwrap_or_default();
        self.used += end + 1;
        self.at += end as u64 + 1;
        Ok(Some(Piece::Line(line)))
    }

    /// Reads one more block; says whether there was any.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let from = self.at + self.buffer.len() as u64;
        let wanted = usize::try_from(self.limit.saturating_sub(from)).unwrap_or(BLOCK).min(BLOCK);
        let before = self.buffer.len();
        self.buffer.resize(before + wanted, 0);
        let read = self.file.read_at(from, self.buffer.get_mut(before..).unwrap_or_default())?;
        self.buffer.truncate(before + read);
        Ok(read > 0)
    }
}

/// A part of a file; shorter only where the file ends.
pub(super) fn part(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(to.saturating_sub(from)).map_err(|_| too_large())?;
    let mut bytes = vec![0; length];
    let read = file.read_at(from, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Where the last line that ends at or before `end` has its end, and where it begins; nothing if none does.
pub(super) fn last_line(file: &dyn DiskFile, end: u64) -> io::Result<Option<(u64, u64)>> {
    let Some(newline) = newline_before(file, end)? else { return Ok(None) };
    let begin = newline_before(file, newline)?.map_or(0, |before| before + 1);
    Ok(Some((begin, newline + 1)))
}

/// The place of the last newline before `end`.
fn newline_before(file: &dyn DiskFile, end: u64) -> io::Result<Option<u64>> {
    let mut to = end;
    while to > 0 && end - to <= LONGEST_LINE {
        let from = to.saturating_sub(BACK);
        let block = part(file, from, to)?;
        if let Some(found) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(Some(from + found as u64));
        }
        to = from;
    }
    if to > 0 { Err(too_large()) } else { Ok(None) }
}

/// The first line of a file, without its end; nothing if it has no whole line.
pub(super) fn first_line(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = disk.open(path, Open::Read)?;
    let length = file.length()?;
    match Lines::between(file, 0, length).next()? {
        Some(Piece::Line(line)) => Ok(Some(line.to_vec())),
        _ => Ok(None),
    }
}

/// A small file's content.
pub(super) fn whole_file(disk: &dyn Disk, path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Open::Read)?;
    let length = file.length()?;
    if length > longest {
        return Err(too_large());
    }
    part(file.as_ref(), 0, length)
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "too large to be one of the journal's")
}
