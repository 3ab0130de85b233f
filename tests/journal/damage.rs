//! What was changed, removed, added, moved, cut or taken away is found, and at the right line.

use std::path::PathBuf;

use gonogo::runtime::journal::{Anchor, Chain, JournalError};
use jiff::Timestamp;

use crate::memory::Memory;
use crate::{append, check, full, opened, place, written};

fn head_file() -> PathBuf {
    place().with_file_name("journal.jsonl.head")
}

fn lines_of(disk: &Memory) -> Vec<Vec<u8>> {
    disk.get(place()).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// The chain before each line, and after the last.
fn states(lines: &[Vec<u8>]) -> Vec<Chain> {
    let mut chain = Chain::default();
    let mut states = vec![chain.clone()];
    for line in lines {
        chain.follow(line.strip_suffix(b"\n").unwrap()).unwrap();
        states.push(chain.clone());
    }
    states
}

/// The first line that does not hold, reading on from a known state; a rest without an end is a line too.
fn first_broken(mut chain: Chain, bytes: &[u8]) -> Option<u64> {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let whole = line.strip_suffix(b"\n");
        match whole.map(|raw| chain.follow(raw)) {
            Some(Ok(())) => {}
            Some(Err(JournalError::Broken { line, .. })) => return Some(line),
            Some(Err(other)) => panic!("{other}"),
            None => return Some(chain.count + 1),
        }
    }
    None
}

#[test]
fn every_flipped_bit_is_found_at_its_line() {
    let count = if full() { 200 } else { 16 };
    let lines = lines_of(&written(count));
    let states = states(&lines);
    let mut flips = 0_u64;
    for (index, line) in lines.iter().enumerate() {
        // A flipped end of line fuses two lines: the next one belongs to what is read.
        let next = lines.get(index + 1).map_or(&[][..], |line| &line[..]);
        let mut changed = [line, next].concat();
        for at in 0..line.len() {
            for bit in 0..8 {
                changed[at] ^= 1 << bit;
                let found = first_broken(states[index].clone(), &changed);
                assert_eq!(found, Some(index as u64 + 1), "line {index}, byte {at}, bit {bit}");
                changed[at] ^= 1 << bit;
                flips += 1;
            }
        }
    }
    println!("R41: {flips} single-bit flips in {count} records: {flips} found, each at its line");
}

#[test]
fn a_sample_of_flips_is_found_by_the_whole_check_too() {
    let disk = written(12);
    let bytes = disk.get(place());
    for at in (0..bytes.len()).step_by(if full() { 3 } else { 29 }) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        disk.set(place(), &changed);
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let (report, lines) = check(&disk, place(), &[]);
        assert!(
            matches!(report.broken, Some(JournalError::Broken { line: l, .. }) if l == line),
            "{at}: {report:?}"
        );
        assert_eq!(lines.len() as u64, line - 1, "what came before is shown");
    }
}

/// A small generator: the cases are the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

#[test]
fn removed_inserted_swapped_and_doubled_lines_are_found_at_the_right_line() {
    let (count, cases) = if full() { (200, 10_000) } else { (40, 400) };
    let disk = written(count);
    let lines = lines_of(&disk);
    // Lines that are sound by themselves, of another journal.
    let other = Memory::default();
    let stranger = opened(&other).unwrap();
    for n in 0..count {
        append(&stranger, &format!("b-{n}")).unwrap();
    }
    let strange = lines_of(&other);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut found = [0; 4];
    for case in 0..cases {
        let (mut changed, at) = (lines.clone(), dice.roll(count));
        let kind = case % 4;
        match kind {
            0 => drop(changed.remove(at)),
            1 => changed.insert(at, strange[dice.roll(count)].clone()),
            2 => changed.swap(at, (at + 1 + dice.roll(count - 1)) % count),
            _ => changed.insert(dice.roll(count + 1), lines[at].clone()),
        }
        let wrong = (0..changed.len()).find(|i| lines.get(*i) != changed.get(*i));
        let wrong = wrong.map_or(changed.len(), |i| i) as u64 + 1;
        disk.set(place(), &changed.concat());
        let (report, _) = check(&disk, place(), &[]);
        match &report.broken {
            Some(JournalError::Broken { line, .. }) => assert_eq!(*line, wrong, "case {case}"),
            // The last line removed is a cut, and one added beyond the head was never acknowledged.
            None if wrong > changed.len() as u64 => assert!(!report.holds(), "case {case}: {report:?}"),
            None => assert!(
                wrong > lines.len() as u64 && report.unfinished > 0 && report.chain.count == count as u64,
                "case {case}: {report:?}"
            ),
            other => panic!("case {case}: {other:?}"),
        }
        found[kind] += 1;
    }
    println!(
        "R41: removed, inserted, swapped, doubled: {found:?} of {cases} cases, all found at the right line"
    );
}

fn anchor(chain: &Chain) -> Anchor {
    Anchor {
        count: chain.count,
        hash: chain.hash.clone(),
        time: Timestamp::UNIX_EPOCH,
        place: "refs/gonogo/anchor of /releases".into(),
    }
}

#[test]
fn a_cut_at_any_record_is_found_by_the_head_and_without_it_by_the_anchors() {
    let count = if full() { 200 } else { 40 };
    let disk = written(count);
    let lines = lines_of(&disk);
    let states = states(&lines);
    let anchors: Vec<Anchor> = states.iter().skip(10).step_by(10).map(anchor).collect();
    let newest = anchors.last().unwrap().count as usize - 3;
    let anchors = &anchors[..anchors.len() - 1];
    let last = anchors.last().unwrap().count as usize;
    let head = disk.get(&head_file());
    let (mut by_head, mut by_anchor, mut beyond) = (0, 0, 0);
    for kept in 0..count {
        disk.set(place(), &lines[..kept].concat());
        // Only the journal was cut.
        disk.set(&head_file(), &head);
        assert!(!check(&disk, place(), &[]).0.holds(), "{kept}");
        by_head += 1;
        // The head file was made to fit, as somebody would who knows.
        let chain = &states[kept];
        let forged = serde_json::json!({
            "count": chain.count, "hash": chain.hash, "segment": 1, "length": disk.get(place()).len(),
            "time": "1970-01-01T00:00:00Z",
        });
        disk.set(&head_file(), forged.to_string().as_bytes());
        let (report, _) = check(&disk, place(), anchors);
        assert_eq!(report.holds(), kept >= last, "{kept}: {report:?}");
        if kept >= last {
            assert_eq!(report.anchored(), last as u64);
            beyond += 1;
        } else {
            assert!(report.contradictions.iter().any(|what| what.contains("it was cut")), "{report:?}");
            by_anchor += 1;
        }
    }
    assert!(newest > last, "some records lie beyond the last anchor");
    println!(
        "R42: cut at each of {count} records: {by_head} found by the head file; with a forged head file {by_anchor} of \
         {last} before the last anchor found, {beyond} beyond it told to be unanchored"
    );
}

#[test]
fn a_deleted_journal_is_missed_by_its_head_and_by_its_anchors() {
    let disk = written(5);
    let anchors = [anchor(&states(&lines_of(&disk))[4])];
    disk.forget(place());
    let (report, _) = check(&disk, place(), &[]);
    assert!(report.contradictions[0].contains("had 5 lines"), "{report:?}");
    let refused = opened(&disk).unwrap_err().to_string();
    assert!(refused.contains("is gone") && refused.contains("5 lines"), "{refused}");
    disk.forget(&head_file());
    let (report, _) = check(&disk, place(), &anchors);
    assert!(report.contradictions[0].contains("had 4 lines"), "{report:?}");
    // A new journal in its place is not the one that was anchored.
    let journal = opened(&disk).unwrap();
    for n in 0..9 {
        append(&journal, &format!("new-{n}")).unwrap();
    }
    let (report, _) = check(&disk, place(), &anchors);
    assert!(report.contradictions[0].contains("line 4 is not the one"), "{report:?}");
}

#[test]
fn an_older_copy_of_everything_is_found_by_a_later_anchor() {
    let disk = written(20);
    let (old, old_head) = (disk.get(place()), disk.get(&head_file()));
    let journal = opened(&disk).unwrap();
    for n in 0..20 {
        append(&journal, &format!("later-{n}")).unwrap();
    }
    let states = states(&lines_of(&disk));
    disk.set(place(), &old);
    disk.set(&head_file(), &old_head);
    assert!(
        check(&disk, place(), &[]).0.holds(),
        "by itself an older copy is sound: that is why there are anchors"
    );
    for later in &states[21..=40] {
        let (report, _) = check(&disk, place(), &[anchor(later)]);
        assert!(report.contradictions[0].contains("older copy"), "{report:?}");
    }
    // Only the file, with the head left: found without anchors, and never written to.
    let disk = written(30);
    disk.set(place(), &old);
    let (report, _) = check(&disk, place(), &[]);
    assert!(!report.holds(), "{report:?}");
    assert!(append(&opened(&disk).unwrap(), "next").is_err());
    println!(
        "R42: older copy of file and head: found by 20 of 20 later anchors; of the file alone: by the head"
    );
}
