//! A second verifier, in another language and written from docs/journal.md, agrees with the first.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use gonogo::runtime::journal::{Anchor, RealDisk};
use jiff::Timestamp;

use crate::memory::{Crash, Fault, Memory, Plan};
use crate::{append, check, full, opened, place, written};

/// Checks every journal named on standard input, and says of each whether it is sound.
const MANY: &str = "
import sys
sys.path.insert(0, sys.argv[1])
import verify_journal as second
for line in sys.stdin:
    path, *anchors = line.split()
    try:
        said = second.check(path, [(int(c), h) for c, h in (a.split(':') for a in anchors)])
        print('sound:', said)
    except second.Unsound as why:
        print('NOT SOUND:', why)
";

fn python(args: &[&str], input: &str) -> Output {
    let mut child = Command::new("python3")
        .arg("-B")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the second verifier needs python3: install it");
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

fn tests_folder() -> String {
    format!("{}/tests", env!("CARGO_MANIFEST_DIR"))
}

/// Journals that both verifiers are asked about.
struct Cases {
    folder: tempfile::TempDir,
    asked: String,
    /// What the case is, whether it is sound, and what the second verifier says if so.
    known: Vec<(String, bool, String)>,
}

impl Cases {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), asked: String::new(), known: Vec::new() }
    }

    /// Lays a journal out and checks it; gives whether it is sound.
    fn add(&mut self, disk: &Memory, anchors: &[Anchor], case: &str) -> bool {
        let folder = self.folder.path().join(self.known.len().to_string());
        std::fs::create_dir(&folder).unwrap();
        for name in disk.names() {
            std::fs::write(folder.join(name.file_name().unwrap()), disk.get(&name)).unwrap();
        }
        let path = folder.join(place().file_name().unwrap());
        let (report, _) = check(&RealDisk, &path, anchors);
        self.asked.push_str(&path.display().to_string());
        for anchor in anchors {
            self.asked.push_str(&format!(" {}:{}", anchor.count, anchor.hash));
        }
        self.asked.push('\n');
        let says =
            format!("sound: {} lines hold, {} unfinished bytes", report.chain.count, report.unfinished);
        self.known.push((format!("{case}: {report:?}"), report.holds(), says));
        report.holds()
    }

    /// The second verifier says the same of each; gives how many there were and how many were not sound.
    fn agree(self) -> (usize, usize) {
        let output = python(&["-c", MANY, &tests_folder()], &self.asked);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}{failed}");
        assert_eq!(said.lines().count(), self.known.len(), "{said}{failed}");
        for (said, (case, sound, says)) in said.lines().zip(&self.known) {
            let same = if *sound { said == says } else { said.starts_with("NOT SOUND") };
            assert!(same, "{case}\nthe second: {said}");
        }
        (self.known.len(), self.known.iter().filter(|(_, sound, _)| !sound).count())
    }
}

#[test]
fn it_is_at_most_a_hundred_lines() {
    let script = include_str!("../verify_journal.py");
    assert!(script.lines().count() <= 100, "{}", script.lines().count());
}

#[test]
fn both_agree_on_good_and_damaged_journals() {
    let count = 12;
    let disk = written(count);
    let (good, head) = (disk.get(place()), disk.get(&place().with_file_name("journal.jsonl.head")));
    let mut cases = Cases::new();
    assert!(cases.add(&disk, &[], "good"));
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let step = if full() { 7 } else { 61 };
    let mut compare = |bytes: &[u8], head: Option<&[u8]>, case: &str| {
        disk.set(place(), bytes);
        disk.forget(&place().with_file_name("journal.jsonl.head"));
        if let Some(head) = head {
            disk.set(&place().with_file_name("journal.jsonl.head"), head);
        }
        cases.add(&disk, &[], case);
    };
    for headed in [Some(&head[..]), None] {
        for at in (0..good.len()).step_by(step) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            compare(&bytes, headed, &format!("bit of byte {at}, {}", headed.is_some()));
            compare(&good[..at], headed, &format!("cut at byte {at}, {}", headed.is_some()));
        }
        for at in (0..count).step_by(if full() { 1 } else { 5 }) {
            let mut fewer = lines.clone();
            fewer.remove(at);
            compare(&fewer.concat(), headed, &format!("without line {at}"));
            let mut double = lines.clone();
            double.insert(at, lines[at]);
            compare(&double.concat(), headed, &format!("line {at} twice"));
            let mut swapped = lines.clone();
            swapped.swap(at, (at + 1) % count);
            compare(&swapped.concat(), headed, &format!("line {at} moved"));
        }
        compare(&[&good[..], b"{\"torn"].concat(), headed, "a torn end");
        compare(&[&good[..], b"no line\n"].concat(), headed, "a strange line at the end");
    }
    for at in (0..head.len()).step_by(if full() { 1 } else { 13 }) {
        let mut bytes = head.clone();
        bytes[at] ^= 1;
        // A digit of the time is another time: nothing is compared with it.
        compare(&good, Some(&bytes), &format!("bit of byte {at} of the head"));
    }
    let (cases, unsound) = cases.agree();
    println!("R41: the second verifier agrees in {cases} cases, {unsound} of them damaged");
    assert!(unsound > cases / 2, "{unsound} of {cases}");
}

#[test]
fn both_agree_on_what_crashes_and_failing_disks_leave() {
    let mut cases = Cases::new();
    for fault in [Fault::Sync, Fault::PartThenNoSpace, Fault::Device] {
        for nth in (4..40).step_by(if full() { 1 } else { 5 }) {
            let disk = Memory::failing(Plan { fault, nth, persistent: false });
            let Ok(journal) = opened(&disk) else { continue };
            for n in 0..4 {
                let _refused = append(&journal, &format!("a-{n}")).err();
            }
            for crash in [Crash::Killed, Crash::Lost, Crash::Half] {
                let left = disk.after(crash);
                if left.names().contains(&place().to_owned()) {
                    assert!(cases.add(&left, &[], &format!("{fault:?} {nth} {crash:?}")));
                }
            }
        }
    }
    let (cases, _) = cases.agree();
    println!("R43: the second verifier agrees on {cases} journals with closed segments and torn ends");
    assert!(cases > 20);
}

#[test]
fn both_agree_on_anchors() {
    let disk = written(6);
    let (report, lines) = check(&disk, place(), &[]);
    let anchor = |count: u64, hash: &str| Anchor {
        count,
        hash: hash.to_owned(),
        time: Timestamp::UNIX_EPOCH,
        place: "there".to_owned(),
    };
    let mut cases = Cases::new();
    assert!(cases.add(&disk, &[anchor(3, &lines[2].hash), anchor(6, &report.chain.hash)], "fits"));
    assert!(!cases.add(&disk, &[anchor(3, &lines[3].hash)], "another line"));
    assert!(!cases.add(&disk, &[anchor(7, &report.chain.hash)], "cut"));
    cases.agree();
}

#[test]
fn by_hand_it_exits_by_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let script = format!("{}/verify_journal.py", tests_folder());
    for (bytes, code, says) in [
        (written(2).get(place()), 0, "sound: 2 lines hold"),
        (written(2).get(place())[1..].to_vec(), 1, "NOT SOUND: line 1"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let output = python(&[&script, path.to_str().unwrap()], "");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(says), "{said}");
    }
}
