//! What a check tells beside its verdict: which lines are in which file, what is torn and what is damage.

use gonogo::runtime::journal::JournalError;

use crate::faults::closed;
use crate::memory::Memory;
use crate::{append, check, opened, place, written};

fn second() -> std::path::PathBuf {
    place().with_file_name("journal.2.jsonl")
}

/// A journal of two segments: lines 1 | 2 to 4, with a line of a failed sync left outside in the first.
fn two() -> Memory {
    let (disk, journal) = closed();
    append(&journal, "a-2").unwrap();
    append(&journal, "a-3").unwrap();
    disk
}

/// Where each line ends.
fn ends(bytes: &[u8]) -> Vec<usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect()
}

fn broken(error: Option<JournalError>) -> (u64, String) {
    match error {
        Some(JournalError::Broken { line, what }) => (line, what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_segment_is_told_with_its_lines_and_what_lies_outside() {
    let disk = two();
    let (report, lines) = check(&disk, place(), &[]);
    assert!(report.holds(), "{report:?}");
    assert_eq!(lines.len(), 4);
    let told: Vec<_> = report.segments.iter().map(|s| (s.file.clone(), s.lines, s.outside)).collect();
    let first = disk.get(place());
    let outside = (first.len() - ends(&first)[0]) as u64;
    assert_eq!(told, [(place().to_owned(), (1, 1), outside), (second(), (2, 4), 0)]);
    assert_eq!((report.unproved, report.unfinished), (0, 0));
}

#[test]
fn damage_in_an_earlier_segment_is_told_there_even_if_the_next_cannot_be_read_either() {
    let disk = two();
    for path in [place().to_owned(), second()] {
        let mut bytes = disk.get(&path);
        bytes[20] ^= 1;
        disk.set(&path, &bytes);
    }
    let (report, lines) = check(&disk, place(), &[]);
    let (line, what) = broken(report.broken);
    assert_eq!((line, lines.len()), (1, 0), "{what}");
    assert!(!what.contains("journal.2"), "{what}");
}

#[test]
fn damage_in_a_later_segment_names_its_file() {
    let disk = two();
    let mut bytes = disk.get(&second());
    let at = ends(&bytes)[0] + 20;
    bytes[at] ^= 1;
    disk.set(&second(), &bytes);
    let (report, lines) = check(&disk, place(), &[]);
    let (line, what) = broken(report.broken);
    assert_eq!((line, lines.len()), (3, 2));
    assert!(what.starts_with("journal.2.jsonl: "), "{what}");
}

#[test]
fn a_line_that_the_head_file_counts_and_that_is_torn_is_damage() {
    let disk = written(3);
    let whole = disk.get(place());
    disk.set(place(), &whole[..whole.len() - 1]);
    let (report, lines) = check(&disk, place(), &[]);
    assert_eq!((report.unfinished, lines.len()), (0, 2));
    let (line, what) = broken(report.broken);
    assert_eq!(line, 3);
    assert!(what.starts_with("torn"), "{what}");
}

#[test]
fn without_a_head_file_a_torn_end_is_unfinished_and_a_changed_line_is_damage() {
    let disk = written(3);
    disk.forget(&place().with_file_name("journal.jsonl.head"));
    let whole = disk.get(place());
    let second_end = ends(&whole)[1];
    disk.set(place(), &whole[..second_end + 10]);
    let (report, lines) = check(&disk, place(), &[]);
    assert!(report.holds(), "{report:?}");
    assert_eq!((report.unfinished, lines.len()), (10, 2));
    assert_eq!(report.segments[0].outside, 10);
    let mut changed = whole;
    changed[second_end + 10] ^= 1;
    disk.set(place(), &changed);
    let (report, lines) = check(&disk, place(), &[]);
    assert_eq!((broken(report.broken).0, lines.len()), (3, 2));
}

#[test]
fn lines_beyond_the_head_file_hold_and_are_told_to_be_unproved() {
    let disk = written(1);
    let head = place().with_file_name("journal.jsonl.head");
    let old = disk.get(&head);
    let journal = opened(&disk).unwrap();
    append(&journal, "b").unwrap();
    append(&journal, "c").unwrap();
    disk.set(&head, &old);
    let (report, lines) = check(&disk, place(), &[]);
    assert!(report.holds(), "{report:?}");
    assert_eq!((report.unproved, lines.len()), (2, 3));
    // Two segments of which the head file knows the first: nothing of the second was acknowledged yet.
    let disk = two();
    let known = check(&two(), place(), &[]).0.head.unwrap();
    let first = disk.get(place());
    let line: serde_json::Value = serde_json::from_slice(&first[..ends(&first)[0] - 1]).unwrap();
    let earlier = serde_json::json!({"count": 1, "hash": line["hash"], "segment": 1, "length": ends(&first)[0],
                                     "time": known.time});
    disk.set(&head, earlier.to_string().as_bytes());
    let bytes = disk.get(&second());
    disk.set(&second(), &bytes[..bytes.len() - 5]);
    let (report, lines) = check(&disk, place(), &[]);
    assert!(report.holds(), "{report:?}");
    assert_eq!((report.unproved, lines.len()), (2, 3));
    assert!(report.unfinished > 0, "{report:?}");
}
