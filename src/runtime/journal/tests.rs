//! The journal: written, torn, changed, shared.

use std::fs::OpenOptions;
use std::io::Write;

use super::*;
use crate::domain::ActionId;

fn entry(n: u32) -> Entry {
    Entry::not_sent(&ActionId(SafeText::new(&format!("a-{n}"))), &"because".into())
}

fn written(count: u32) -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("state/journal.jsonl"), "ann@host").unwrap();
    for n in 0..count {
        journal.append(Timestamp::UNIX_EPOCH, &entry(n)).unwrap();
    }
    (folder, journal)
}

#[test]
fn what_is_written_verifies() {
    let (_folder, journal) = written(3);
    let lines = verify(&std::fs::read_to_string(journal.path()).unwrap()).unwrap();
    assert_eq!(lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(lines[0].prev, GENESIS);
}

#[test]
fn bytes_are_spelled_in_hex() {
    assert_eq!(chain::hex(&[0x00, 0x1f, 0xa0, 0xff]), "001fa0ff");
}

#[test]
fn the_lines_are_handed_out_only_when_nothing_speaks_against_them() {
    let (_folder, journal) = written(3);
    let lines = journal.lines().unwrap();
    assert_eq!(lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [1, 2, 3]);
    let whole = std::fs::read_to_string(journal.path()).unwrap();
    std::fs::write(journal.path(), whole.replacen("\"a-1\"", "\"a-x\"", 1)).unwrap();
    assert!(matches!(journal.lines(), Err(JournalError::Broken { line: 2, .. })));
    let first = whole.split_inclusive('\n').next().unwrap();
    std::fs::write(journal.path(), first).unwrap();
    let cut = journal.lines().unwrap_err();
    assert!(matches!(&cut, JournalError::Damaged(what) if what.contains("it was cut")), "{cut}");
}

#[test]
fn every_flipped_bit_is_found_at_its_line() {
    let (_folder, journal) = written(2);
    let good = std::fs::read(journal.path()).unwrap();
    let second = good.iter().position(|b| *b == b'\n').unwrap() as u64;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let Ok(text) = String::from_utf8(bad) else { continue };
            match verify(&text) {
                Err(JournalError::Broken { line, .. }) => {
                    let changed = if (at as u64) <= second { 1 } else { 2 };
                    assert_eq!(line, changed, "byte {at} bit {bit}");
                }
                other => panic!("byte {at} bit {bit}: {other:?}"),
            }
        }
    }
}

#[test]
fn removed_and_swapped_lines_are_found() {
    let (_folder, journal) = written(4);
    let text = std::fs::read_to_string(journal.path()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert!(verify(&[lines[0], lines[2], lines[3]].concat()).is_err());
    assert!(verify(&[lines[0], lines[2], lines[1], lines[3]].concat()).is_err());
    assert!(verify(&[lines[1], lines[2], lines[3]].concat()).is_err());
    assert!(verify(&text).is_ok());
}

#[test]
fn a_torn_tail_is_set_aside_and_the_chain_goes_on() {
    let (folder, journal) = written(2);
    let mut file = OpenOptions::new().append(true).open(journal.path()).unwrap();
    file.write_all(b"{\"seq\":3,\"time\":").unwrap();
    journal.append(Timestamp::UNIX_EPOCH, &entry(9)).unwrap();
    let text = std::fs::read_to_string(journal.path()).unwrap();
    let lines = verify(&text).unwrap();
    assert_eq!(
        lines.iter().map(|l| l.kind.as_str()).collect::<Vec<_>>(),
        ["not-sent", "not-sent", "torn", "not-sent"]
    );
    assert_eq!(lines[2].body["bytes"], 16);
    let torn = std::fs::read_dir(folder.path().join("state"))
        .unwrap()
        .any(|f| f.unwrap().file_name().to_string_lossy().contains("torn"));
    assert!(torn);
}

#[test]
fn eight_writers_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let journal = Journal::open(&path, "ann@host").unwrap();
                for n in 0..25 {
                    journal.append(Timestamp::UNIX_EPOCH, &entry(n)).unwrap();
                }
            });
        }
    });
    assert_eq!(verify(&std::fs::read_to_string(&path).unwrap()).unwrap().len(), 200);
}
