//! Where the journal ends: what is known to be on disk, and what may lie beyond.
//!
//! Read under the lock before every append, from the end, and strictly: what does not hold is never extended.

use std::io;

use super::chain::Chain;
use super::disk::{Disk, DiskFile, Open};
use super::head::Head;
use super::places::{Places, short};
use super::read::{LONGEST_LINE, last_line, part};
use super::segment::After;
use super::{JournalError, io_error};

/// The end of the journal.
pub(super) struct Tail {
    /// The last segment's number, from 1.
    pub(super) segment: u32,
    /// The last segment.
    pub(super) file: Box<dyn DiskFile>,
    /// What is known to be on disk; nothing if no head file says so.
    pub(super) head: Option<Head>,
    /// The chain up to the last line that holds.
    pub(super) chain: Chain,
    /// Where the lines begin that hold and that the head does not cover.
    pub(super) proved: u64,
    /// These lines: written by somebody who ended before the head was, or whose disk failed.
    pub(super) unproved: Vec<u8>,
    /// What follows the last line that holds, and does not hold.
    pub(super) torn: Vec<u8>,
}

impl Tail {
    /// Where the last line that holds ends, in bytes.
    pub(super) fn good(&self) -> u64 {
        self.proved + self.unproved.len() as u64
    }

    /// Whether the last segment was begun and never got its first line.
    pub(super) fn is_void(&self) -> bool {
        self.segment > 1 && self.good() == 0
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a file cannot be read, when the last line does not hold, or when the head file knows more.
    pub(super) fn read(disk: &dyn Disk, places: &Places) -> Result<Self, JournalError> {
        let head = Head::read(disk, places)?;
        let segment = last_segment(disk, places)?;
        let path = places.segment(segment);
        let file = disk.open(&path, Open::Append).map_err(|error| io_error(&path, error))?;
        let at_head = match head {
            Some(head) if head.segment > segment => return Err(gone(&head, places)),
            head => head,
        };
        let length = file.length().map_err(|error| io_error(&path, error))?;
        let (proved, chain) = match &at_head {
            Some(head) if head.segment == segment => {
                (head.length, covered(file.as_ref(), head, length, places)?)
            }
            Some(head) => (0, head.chain()),
            None => unheaded(file.as_ref(), length, places, segment)?,
        };
        let beyond = beyond(file.as_ref(), proved, length).map_err(|error| io_error(&path, error))?;
        let mut tail =
            Self { segment, file, head: at_head, chain, proved, unproved: Vec::new(), torn: Vec::new() };
        tail.split(beyond);
        Ok(tail)
    }

    /// Tells the lines beyond the head that hold from what does not.
    fn split(&mut self, mut beyond: Vec<u8>) {
        let mut good = 0;
        let opens = self.head.as_ref().filter(|head| head.segment < self.segment).map(After::head);
        for line in beyond.split_inclusive(|byte| *byte == b'\n') {
            let Some(raw) = line.strip_suffix(b"\n") else { break };
            let fits = good > 0 || opens.is_none() || After::named_by(self.segment, raw) == opens;
            if !fits || self.chain.follow(raw).is_err() {
                break;
            }
            good += line.len();
        }
        self.torn = beyond.split_off(good);
        self.unproved = beyond;
    }
}

/// The number of the last segment that is there.
pub(super) fn last_segment(disk: &dyn Disk, places: &Places) -> Result<u32, JournalError> {
    let mut number = 1;
    loop {
        let next = places.segment(number + 1);
        if !disk.exists(&next).map_err(|error| io_error(&next, error))? {
            return Ok(number);
        }
        number += 1;
    }
}

pub(super) fn gone(head: &Head, places: &Places) -> JournalError {
    JournalError::Damaged(format!(
        "{} is gone: the head file {} says that line {} is in it",
        places.segment(head.segment).display(),
        short(&places.head()),
        head.count
    ))
}

/// The chain at the head, after a check that the line there is what the head says.
fn covered(file: &dyn DiskFile, head: &Head, length: u64, places: &Places) -> Result<Chain, JournalError> {
    let path = places.segment(head.segment);
    if length < head.length {
        return Err(JournalError::Damaged(format!(
            "{} was cut: it has {length} bytes, and {} says that line {} ends at byte {}",
            path.display(),
            short(&places.head()),
            head.count,
            head.length
        )));
    }
    if head.length == 0 {
        return if head.count == 0 {
            Ok(head.chain())
        } else {
            Err(not_there(head, places, "no line is there"))
        };
    }
    let last = last_line(file, head.length).map_err(|error| io_error(&path, error))?;
    let Some((begin, end)) = last.filter(|(_, end)| *end == head.length) else {
        return Err(not_there(head, places, "no line ends there"));
    };
    let raw = part(file, begin, end - 1).map_err(|error| io_error(&path, error))?;
    let found = Chain::ending(&raw).map_err(|what| JournalError::Broken { line: head.count, what })?;
    if found == head.chain() { Ok(found) } else { Err(not_there(head, places, "another line ends there")) }
}

fn not_there(head: &Head, places: &Places, what: &str) -> JournalError {
    JournalError::Damaged(format!(
        "{} says that line {} ends at byte {} of {}: {what}",
        places.head().display(),
        head.count,
        head.length,
        short(&places.segment(head.segment))
    ))
}

/// Without a head file the last whole line must hold, and counts.
fn unheaded(
    file: &dyn DiskFile,
    length: u64,
    places: &Places,
    segment: u32,
) -> Result<(u64, Chain), JournalError> {
    let path = places.segment(segment);
    let Some((begin, end)) = last_line(file, length).map_err(|error| io_error(&path, error))? else {
        if segment > 1 {
            return Err(JournalError::Damaged(format!(
                "{} has no line, and no head file says where the journal ends",
                path.display()
            )));
        }
        return Ok((0, Chain::default()));
    };
    let raw = part(file, begin, end - 1).map_err(|error| io_error(&path, error))?;
    let chain = Chain::ending(&raw).map_err(|what| {
        JournalError::Damaged(format!("the last line of {} does not hold: {what}", path.display()))
    })?;
    Ok((end, chain))
}

fn beyond(file: &dyn DiskFile, from: u64, length: u64) -> io::Result<Vec<u8>> {
    if length.saturating_sub(from) > 4 * LONGEST_LINE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} bytes lie beyond the last line that is known", length - from),
        ));
    }
    part(file, from, length)
}
