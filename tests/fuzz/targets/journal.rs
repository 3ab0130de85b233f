//! The journal: whatever is in its files, it is checked without harm, and nothing that holds is lost by writing on.

use std::path::Path;
use std::sync::Arc;

use gonogo::domain::{ActionId, SafeText};
use gonogo::runtime::Journal;
use gonogo::runtime::journal::{Entry, Report, examine, verify};
use jiff::Timestamp;

use super::memory::Memory;

/// What stands between the head file and the first segment in the bytes of a case.
const BETWEEN: &[u8] = b"\n--\n";

fn place() -> &'static Path {
    Path::new("/state/journal.jsonl")
}

/// A disk with these bytes as the first segment; what comes before [`BETWEEN`] is the head file.
fn disk(bytes: &[u8]) -> Memory {
    let disk = Memory::default();
    let at = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (head, lines) = match at {
        Some(at) => (bytes.get(..at), bytes.get(at + BETWEEN.len()..).unwrap_or_default()),
        None => (None, bytes),
    };
    disk.set(place(), lines);
    if let Some(head) = head {
        disk.set(Path::new("/state/journal.jsonl.head"), head);
    }
    disk
}

fn checked(disk: &Memory) -> (Report, Vec<Vec<u8>>) {
    let mut lines = Vec::new();
    let report = examine(disk, place(), &[], &mut |raw| lines.push(raw.to_vec())).expect("it can be read");
    (report, lines)
}

/// Checks, writes on, and checks again.
pub(crate) fn journal(bytes: &[u8]) {
    let disk = disk(bytes);
    let (before, held) = checked(&disk);
    assert_eq!(before.chain.count, held.len() as u64, "every line that holds is handed out");
    let segment = disk.get(place());
    let text = String::from_utf8_lossy(&segment);
    if let Ok(lines) = verify(&text) {
        assert_eq!(lines.len(), held.len(), "both ways of checking agree");
        assert!(before.broken.is_none(), "{before:?}");
    } else if before.holds() {
        assert!(before.unfinished > 0, "what does not hold is told: {before:?}");
    }
    let written = Journal::on(Arc::new(disk.clone()), place(), "ann@host").and_then(|journal| {
        let entry = Entry::not_sent(&ActionId(SafeText::new("a-9")), &"because".into());
        journal.append(Timestamp::UNIX_EPOCH, &entry)
    });
    let (after, now) = checked(&disk);
    assert!(now.starts_with(&held), "nothing that held is lost");
    match written {
        Ok(()) if before.holds() => {
            assert!(after.holds(), "{after:?}");
            let newest = now.last().map(|line| String::from_utf8_lossy(line).into_owned());
            assert!(newest.is_some_and(|line| line.contains("\"a-9\"")), "what was acknowledged is there");
        }
        // A break far from the end is not seen by an append; it must not be mended by one either.
        Ok(()) => assert!(!after.holds(), "damage does not go away: {after:?}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The newest lines: no more than fit, and each of them one that was written.
pub(crate) fn recent(bytes: &[u8]) {
    let (window, rest) =
        bytes.split_first().map_or((0, bytes), |(window, rest)| (u64::from(*window) * 16, rest));
    let disk = disk(rest);
    let Ok(journal) = Journal::on(Arc::new(disk.clone()), place(), "ann@host") else { return };
    let lines = journal.recent(window).expect("it can be read");
    let written = disk.get(place());
    let whole = written.split(|byte| *byte == b'\n').count();
    assert!(lines.len() <= whole, "{} of {whole} lines", lines.len());
    let within = usize::try_from(window).map_or(written.len(), |window| window.min(written.len()));
    // The shortest line that is one of ours is longer than this.
    assert!(lines.len() <= within / 40 + 1, "{} lines in {within} bytes", lines.len());
    let all = journal.recent(u64::MAX).expect("it can be read");
    assert!(all.ends_with(&lines), "the newest of all");
}
