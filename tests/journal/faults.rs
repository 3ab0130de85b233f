//! Disks that fail and processes that end: nothing acknowledged is lost, nothing is called tampering that is none,
//! and the journal goes on as soon as the disk does.

use gonogo::runtime::Journal;
use gonogo::runtime::journal::Disk;

use crate::memory::{Crash, Fault, Memory, Plan};
use crate::{actions, append, check, full, opened, place, written};

/// What was seen over all cases.
#[derive(Default)]
struct Seen {
    /// Faults that struck.
    faults: usize,
    /// File systems that were looked at after a crash.
    crashes: usize,
    /// Appends that failed.
    refused: usize,
    /// Appends that were acknowledged.
    acknowledged: usize,
}

/// Whatever a crash leaves: the journal holds, has all that was acknowledged, and goes on.
fn survives(disk: &Memory, acknowledged: &[String], case: &str, seen: &mut Seen) {
    for crash in Crash::ALL {
        let case = format!("{case}, {crash:?}");
        let left = disk.after(crash);
        seen.crashes += 1;
        if !left.exists(place()).unwrap() {
            assert!(acknowledged.is_empty(), "{case}: the file is lost");
            continue;
        }
        let (report, lines) = check(&left, place(), &[]);
        assert!(report.holds(), "{case}: a false verdict: {report:?}");
        has_all(&actions(&lines), acknowledged, &case);
        let journal = opened(&left).unwrap_or_else(|error| panic!("{case}: {error}"));
        append(&journal, "after").unwrap_or_else(|error| panic!("{case}: {error}"));
        let (report, lines) = check(&left, place(), &[]);
        assert!(report.holds() && report.unfinished == 0, "{case}: {report:?}");
        has_all(&actions(&lines), acknowledged, &case);
        assert_eq!(lines.last().unwrap().action, "after", "{case}");
        // What was acknowledged after the crash is on disk too.
        let (report, lines) = check(&left.after(Crash::Lost), place(), &[]);
        assert!(report.holds() && lines.last().unwrap().action == "after", "{case}: {report:?}");
    }
}

/// Everything that was acknowledged is there, once and in order; what was refused may be there.
fn has_all(found: &[&str], acknowledged: &[String], case: &str) {
    let mut rest = found.iter();
    for wanted in acknowledged {
        assert!(rest.any(|action| action == wanted), "{case}: {wanted} was lost: {found:?}");
    }
    let mut once = found.to_vec();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), found.len(), "{case}: {found:?}");
}

/// One journal on one failing disk.
fn case(plan: Plan, appends: usize, seen: &mut Seen) -> bool {
    let disk = Memory::failing(plan);
    let case = format!("{plan:?}");
    let mut acknowledged = Vec::new();
    let mut journal = opened(&disk).ok();
    let mut failed_before = journal.is_none();
    for n in 0..appends {
        let name = format!("a-{n}");
        journal = journal.or_else(|| opened(&disk).ok());
        match journal.as_ref().map(|journal| append(journal, &name)) {
            Some(Ok(())) => {
                acknowledged.push(name);
                failed_before = false;
            }
            Some(Err(_)) | None => {
                seen.refused += 1;
                assert!(!failed_before || plan.persistent, "{case}: one fault refused two entries");
                failed_before = true;
            }
        }
        survives(&disk, &acknowledged, &format!("{case} after {n}"), seen);
    }
    if !disk.struck() {
        return false;
    }
    seen.faults += 1;
    disk.heal();
    let journal = journal.unwrap_or_else(|| opened(&disk).unwrap());
    append(&journal, "healed").unwrap_or_else(|error| panic!("{case}: {error}"));
    acknowledged.push("healed".into());
    survives(&disk, &acknowledged, &format!("{case}, healed"), seen);
    seen.acknowledged += acknowledged.len();
    true
}

#[test]
fn whichever_call_fails_nothing_acknowledged_is_lost_and_nothing_is_called_tampering() {
    let appends = if full() { 11 } else { 3 };
    let mut seen = Seen::default();
    for fault in Fault::ALL {
        for persistent in [false, true] {
            let mut nth = 1;
            while case(Plan { fault, nth, persistent }, appends, &mut seen) {
                nth += 1;
            }
            assert!(nth > 1, "{fault:?} never struck");
        }
    }
    println!(
        "R43: {} faults (each call failing once, and from then on), {} file systems after a crash: {} appends \
         refused, {} acknowledged, 0 lost, 0 false verdicts",
        seen.faults, seen.crashes, seen.refused, seen.acknowledged
    );
    assert!(seen.faults >= if full() { 1_000 } else { 250 }, "{}", seen.faults);
}

#[test]
fn a_record_cut_at_any_byte_is_set_aside_whole_and_never_fused() {
    let disk = written(3);
    let head = place().with_file_name("journal.jsonl.head");
    let (before, old_head) = (disk.get(place()), disk.get(&head));
    append(&opened(&disk).unwrap(), "a-3").unwrap();
    let after = disk.get(place());
    let mut cases = 0;
    for cut in before.len()..=after.len() {
        // The writer ended before it could say that the record is on disk.
        disk.set(place(), &after[..cut]);
        disk.set(&head, &old_head);
        let torn = &after[before.len()..cut];
        let whole = cut == after.len();
        let (report, lines) = check(&disk, place(), &[]);
        assert!(report.holds(), "{cut}: {report:?}");
        assert_eq!((lines.len(), report.unfinished), if whole { (4, 0) } else { (3, torn.len() as u64) });
        append(&opened(&disk).unwrap(), "next").unwrap();
        let (report, lines) = check(&disk, place(), &[]);
        assert!(report.holds() && report.unfinished == 0, "{cut}: {report:?}");
        let kinds: Vec<&str> = lines.iter().skip(3).map(|line| line.kind.as_str()).collect();
        let asides = disk.names().into_iter().filter(|name| name.display().to_string().contains("torn"));
        let asides: Vec<_> = asides.collect();
        if whole || torn.is_empty() {
            assert!(asides.is_empty() && !kinds.contains(&"torn"), "{cut}: {asides:?}");
        } else {
            assert_eq!(kinds, ["torn", "not-sent"], "{cut}");
            assert_eq!(lines[3].body["bytes"], torn.len() as u64);
            assert_eq!(disk.get(&asides[0]), torn, "{cut}");
            disk.forget(&asides[0]);
        }
        cases += 1;
    }
    println!("R43: the last record cut at each of {cases} places: each set aside byte for byte, none fused");
}

#[test]
fn a_record_that_was_acknowledged_and_is_cut_is_damage_and_stops_the_journal() {
    let disk = written(3);
    let whole = disk.get(place());
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last..whole.len() {
        disk.set(place(), &whole[..cut]);
        let (report, _) = check(&disk, place(), &[]);
        assert!(!report.holds(), "{cut}");
        let refused = append(&opened(&disk).unwrap(), "next").unwrap_err();
        assert!(refused.to_string().contains("was cut"), "{cut}: {refused}");
        assert_eq!(disk.get(place()), whole[..cut], "nothing was written");
    }
}

#[test]
fn a_changed_last_line_is_never_extended() {
    for headed in [true, false] {
        let disk = written(3);
        let mut bytes = disk.get(place());
        let at = bytes.len() - 100;
        bytes[at] ^= 1;
        disk.set(place(), &bytes);
        if !headed {
            disk.forget(&place().with_file_name("journal.jsonl.head"));
        }
        let refused = append(&opened(&disk).unwrap(), "next").unwrap_err();
        assert!(!refused.to_string().is_empty());
        assert_eq!(disk.get(place()), bytes, "nothing was written");
    }
}

#[test]
fn after_a_failed_sync_the_segment_is_closed_and_the_next_names_the_last_line_on_disk() {
    // The third sync of a file: the first two are those of the first line and its heads.
    let disk = Memory::failing(Plan { fault: Fault::Sync, nth: 4, persistent: false });
    let journal = opened(&disk).unwrap();
    append(&journal, "a-0").unwrap();
    append(&journal, "a-1").unwrap_err();
    let closed = disk.get(place());
    append(&journal, "a-2").unwrap();
    assert_eq!(disk.get(place()), closed, "the first segment was left alone");
    let (report, lines) = check(&disk, place(), &[]);
    assert!(report.holds(), "{report:?}");
    assert_eq!(actions(&lines), ["a-0", "a-2"]);
    let opening = &lines[1];
    assert_eq!(opening.kind, "segment");
    assert_eq!(opening.body["after"]["count"], 1);
    assert_eq!(opening.body["after"]["hash"], lines[0].hash.as_str());
    assert!(report.segments[0].outside > 0, "what the failed sync left is outside the chain");
}

#[test]
fn recovery_can_be_tried_without_an_entry() {
    let disk = Memory::failing(Plan { fault: Fault::NoSpace, nth: 9, persistent: true });
    let journal = opened(&disk).unwrap();
    while append(&journal, "a").is_ok() {}
    let refused = journal.recover(jiff::Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(refused.to_string().contains("no storage space"), "{refused}");
    disk.heal();
    journal.recover(jiff::Timestamp::UNIX_EPOCH).unwrap();
    append(&journal, "b").unwrap();
    assert!(check(&disk, place(), &[]).0.holds());
}

#[test]
fn a_segment_cannot_be_made_up_to_leave_lines_out() {
    // Two journals that share their first lines: the second goes on in a new segment after line 1.
    let full_one = written(6);
    let disk = Memory::failing(Plan { fault: Fault::Sync, nth: 4, persistent: false });
    let journal = opened(&disk).unwrap();
    append(&journal, "a-0").unwrap();
    append(&journal, "a-1").unwrap_err();
    append(&journal, "a-2").unwrap();
    disk.set(place(), &full_one.get(place()));
    let (report, _) = check(&disk, place(), &[]);
    assert!(report.contradictions.iter().any(|what| what.contains("leaves out 5 lines")), "{report:?}");
}

#[test]
fn a_segment_that_is_taken_away_is_missed() {
    let disk = Memory::failing(Plan { fault: Fault::Sync, nth: 4, persistent: false });
    let journal = opened(&disk).unwrap();
    for n in 0..4 {
        let _refused = append(&journal, &format!("a-{n}")).err();
    }
    disk.forget(&place().with_file_name("journal.2.jsonl"));
    let (report, _) = check(&disk, place(), &[]);
    assert!(report.contradictions.iter().any(|what| what.contains("journal.2.jsonl is gone")), "{report:?}");
    assert!(append(&journal, "next").unwrap_err().to_string().contains("is gone"));
}

/// A journal whose second line could not be synced: its first segment is closed for the process that wrote.
pub(crate) fn closed() -> (Memory, Journal) {
    let disk = Memory::failing(Plan { fault: Fault::Sync, nth: 4, persistent: false });
    let journal = opened(&disk).unwrap();
    append(&journal, "a-0").unwrap();
    append(&journal, "a-1").unwrap_err();
    (disk, journal)
}

#[test]
fn a_second_failure_while_a_segment_is_begun_loses_nothing_either() {
    let mut seen = Seen::default();
    for fault in Fault::ALL {
        for persistent in [false, true] {
            for nth in 1.. {
                let (disk, journal) = closed();
                let case = format!("{fault:?} {nth} {persistent} while a segment is begun");
                disk.fail(Plan { fault, nth, persistent });
                let mut acknowledged = vec!["a-0".to_owned()];
                for name in ["a-2", "a-3"] {
                    if append(&journal, name).is_ok() {
                        acknowledged.push(name.to_owned());
                    }
                    survives(&disk, &acknowledged, &case, &mut seen);
                }
                if !disk.struck() {
                    break;
                }
                disk.heal();
                append(&journal, "healed").unwrap_or_else(|error| panic!("{case}: {error}"));
                acknowledged.push("healed".into());
                survives(&disk, &acknowledged, &case, &mut seen);
                let segments = check(&disk, place(), &[]).0.segments.len();
                assert_eq!(
                    segments,
                    disk.names().iter().filter(|n| n.extension().unwrap() == "jsonl").count()
                );
                seen.faults += 1;
            }
        }
    }
    println!(
        "R43: {} second faults while a segment was begun, {} file systems after a crash: 0 lost, 0 false verdicts",
        seen.faults, seen.crashes
    );
    assert!(seen.faults > 100, "{}", seen.faults);
}

#[test]
fn a_segment_that_was_never_begun_is_put_away_and_the_chain_goes_on() {
    let (disk, journal) = closed();
    append(&journal, "a-2").unwrap();
    let second = place().with_file_name("journal.2.jsonl");
    let whole = disk.get(&second);
    let first_end = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let others = String::from_utf8(whole.clone()).unwrap().replace("\"segment\":2", "\"segment\":3");
    for (what, left) in [
        ("empty", &b""[..]),
        ("torn in its first line", &whole[..first_end - 1]),
        ("zeros", &[0; 300][..]),
        ("a first line that does not hold", others.as_bytes()),
        ("a line of the first segment", &disk.get(place())[..]),
    ] {
        let (disk, closed) = closed();
        drop(closed);
        disk.set(&second, left);
        let (report, lines) = check(&disk, place(), &[]);
        assert!(report.holds() && report.unfinished >= left.len() as u64, "{what}: {report:?}");
        // What lies beyond the head in the first segment holds, and counts until a segment is begun after the head.
        assert!(actions(&lines).starts_with(&["a-0"]), "{what}");
        append(&opened(&disk).unwrap(), "next").unwrap_or_else(|error| panic!("{what}: {error}"));
        let (report, lines) = check(&disk, place(), &[]);
        assert!(report.holds() && report.unfinished == 0, "{what}: {report:?}");
        assert_eq!(lines[1].kind, "segment", "{what}");
        assert_eq!(lines.last().unwrap().action, "next", "{what}");
        let aside = disk.names().into_iter().find(|name| name.display().to_string().contains("torn-2-"));
        assert_eq!(disk.get(&aside.unwrap()), left, "{what}: it is kept");
    }
}
