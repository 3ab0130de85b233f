//! The promises of the journal: it shows tampering, loses nothing that it acknowledged whatever the disk does, is
//! written by many processes at once, and says what it cannot prove.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "journal/anchored.rs"]
mod anchored;
#[path = "journal/command.rs"]
mod command;
#[path = "journal/damage.rs"]
mod damage;
#[path = "journal/faults.rs"]
mod faults;
#[path = "journal/memory.rs"]
mod memory;
#[path = "journal/processes.rs"]
mod processes;
#[path = "journal/second.rs"]
mod second;
#[path = "journal/told.rs"]
mod told;

use std::path::Path;
use std::sync::Arc;

use gonogo::domain::{ActionId, SafeText};
use gonogo::runtime::Journal;
use gonogo::runtime::journal::{Anchor, Disk, Entry, JournalError, Line, Report, examine};
use jiff::Timestamp;

/// Where the journal is in these tests, on the file system in memory.
fn place() -> &'static Path {
    Path::new("/state/journal.jsonl")
}

/// Whether the figures of PROMISES.md are wanted, and not the few cases of every day.
fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}

/// An entry that is known again by its action.
fn entry(name: &str) -> Entry {
    Entry::not_sent(&ActionId(SafeText::new(name)), &"because of \"this\" and größer".into())
}

fn append(journal: &Journal, name: &str) -> Result<(), JournalError> {
    journal.append(Timestamp::UNIX_EPOCH, &entry(name))
}

fn opened(disk: &memory::Memory) -> Result<Journal, JournalError> {
    Journal::on(Arc::new(disk.clone()), place(), "ann@host")
}

/// A journal of so many lines in memory.
fn written(count: usize) -> memory::Memory {
    let disk = memory::Memory::default();
    let journal = opened(&disk).unwrap();
    for n in 0..count {
        append(&journal, &format!("a-{n}")).unwrap();
    }
    disk
}

/// A check of a journal, and its lines that hold.
fn check(disk: &dyn Disk, path: &Path, anchors: &[Anchor]) -> (Report, Vec<Line>) {
    let mut lines = Vec::new();
    let mut keep = |raw: &[u8]| lines.push(serde_json::from_slice(raw).unwrap());
    let report = examine(disk, path, anchors, &mut keep).unwrap();
    (report, lines)
}

fn actions(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.action.as_str()).filter(|action| *action != "journal").collect()
}
