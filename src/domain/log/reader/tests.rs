//! Lines of logs as runners write them, and logs that mean harm.

use super::*;
use crate::domain::pipeline::{JobStep, RunState};
use proptest::prelude::*;

fn read(text: &str) -> JobLog {
    let mut reader = LogReader::new();
    reader.feed(text.as_bytes());
    reader.log(LogEnd::Complete)
}

#[test]
fn a_line_is_told_by_its_marker_or_by_its_words() {
    use LineKind::{Command, Debug, Error, Group, Notice, Plain, Suspect, Warning};
    for (raw, kind, text) in [
        ("2026-08-20T09:00:00.1234567Z ##[group]Run cargo test", Group, "Run cargo test"),
        (
            "2026-08-20T09:00:00Z ##[error]Process completed with exit code 1.",
            Error,
            "Process completed with exit code 1.",
        ),
        ("##[warning]old node", Warning, "old node"),
        ("##[command]/usr/bin/git version", Command, "/usr/bin/git version"),
        ("##[debug]state", Debug, "state"),
        ("::error file=src/a.rs,line=3,col=1::no such field", Error, "src/a.rs:3: no such field"),
        ("::notice::done", Notice, "done"),
        ("\u{1b}[31m##[error]red", Error, "red"),
        ("error[E0308]: mismatched types", Suspect, "error[E0308]: mismatched types"),
        ("thread 'a' panicked at src/a.rs:1:1:", Suspect, "thread 'a' panicked at src/a.rs:1:1:"),
        ("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: one", Suspect, "error: one"),
        ("0 errors, 0 warnings", Plain, "0 errors, 0 warnings"),
        ("no error: all is well", Plain, "no error: all is well"),
        ("##[unheard]of", Plain, "##[unheard]of"),
        (" 10 %\r 50 %\r100 %\r", Plain, "100 %"),
        ("2026-99-99T09:00:00Z no time", Plain, "2026-99-99T09:00:00Z no time"),
    ] {
        let log = read(raw);
        let line = log.lines.first().unwrap();
        assert_eq!((line.kind, line.text.as_str()), (kind, text), "{raw:?}");
    }
    let log = read("\u{feff}2026-08-20T09:00:00.5Z a\n::endgroup::\n2026-08-20T09:00:01Z ##[endgroup]\nb");
    let numbers: Vec<u64> = log.lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [1, 4], "what only ends a group is no line, and is counted");
    assert_eq!(log.lines[0].at, Some("2026-08-20T09:00:00.5Z".parse().unwrap()));
}

#[test]
fn a_log_of_fifty_megabytes_is_kept_in_two_and_says_what_is_missing() {
    let mut reader = LogReader::new();
    let line = format!("2026-08-20T09:00:00.0000000Z {}\n", "x".repeat(71));
    let total: u64 = 500_000;
    for number in 0..total {
        if number == 250_000 {
            reader.feed(b"2026-08-20T09:00:00.0000000Z ##[error]in the middle\n");
        } else {
            reader.feed(line.as_bytes());
        }
    }
    let log = reader.log(LogEnd::Complete);
    let gap = log.left_out.unwrap();
    let kept: usize = log.lines.iter().map(|line| line.text.as_str().len()).sum();
    println!("{} MB read, {} lines and {kept} bytes kept", log.bytes / 1_000_000, log.lines.len());
    assert!(log.lines.len() <= LINES && kept <= BYTES, "{} lines, {kept} bytes", log.lines.len());
    assert_eq!(gap.lines + u64::try_from(log.lines.len()).unwrap(), total);
    assert_eq!((gap.after, gap.errors), (HEAD_LINES as u64, 1));
    assert_eq!(log.lines.last().unwrap().number, total);
    assert_eq!(
        log.lines[log.index_of(gap.after + 1)].number,
        gap.after + gap.lines + 1,
        "the line after the gap"
    );
}

#[test]
fn a_line_without_end_is_cut_and_says_so() {
    let mut reader = LogReader::new();
    for _ in 0..100 {
        reader.feed(&[b'y'; 100_000]);
    }
    let log = reader.log(LogEnd::Growing);
    assert_eq!(log.lines.len(), 1);
    assert!(log.lines[0].text.as_str().chars().count() <= crate::domain::text::LONGEST);
    assert!(log.lines[0].text.as_str().contains("…("), "{}", log.lines[0].text);
}

fn step(name: &str, state: RunState, second: i64) -> JobStep {
    let started = jiff::Timestamp::from_second(1_787_216_400 + second).unwrap();
    JobStep { name: name.into(), state, started: Some(started) }
}

#[test]
fn reading_begins_at_the_first_trouble_of_the_step_that_failed() {
    let at = |second: i64| jiff::Timestamp::from_second(1_787_216_400 + second).unwrap();
    let text = format!(
        "{} ##[error]harmless, the step goes on\n{} running 2 tests\n{} thread 'a' panicked at a.rs\n{} ##[error]exit code 1\n",
        at(0),
        at(10),
        at(11),
        at(12)
    );
    let log = read(&text);
    let steps = [
        step("Lint", RunState::Passed, 0),
        step("Test", RunState::Failed("failure".into()), 10),
        step("Clean up", RunState::Passed, 20),
    ];
    assert_eq!(log.opening(&steps), Some(3));
    assert_eq!(log.step_of(2, &steps), Some(1));
    assert_eq!(log.opening(&[]), Some(1), "without steps the first that is marked");
    assert_eq!(log.troubles().collect::<Vec<_>>(), [1, 3], "troubles in a row are one");
    assert_eq!(read("all is well").opening(&steps), None);
    let bare = "error: no such field\n##[error]Process completed with exit code 1.\n";
    assert_eq!(read(bare).opening(&[]), Some(1), "an exit code is no cause");
    assert_eq!(
        read("##[error]Process completed with exit code 1.").opening(&[]),
        Some(1),
        "but better than nothing"
    );
}

#[test]
fn the_stages_of_jenkins_are_groups_and_its_own_words_are_dimmed() {
    use LineKind::{Debug, Group, Plain, Suspect};
    let text = "Started by user mara\n[Pipeline] Start of Pipeline\n[Pipeline] stage\n[Pipeline] { (Test)\n[Pipeline] sh\n\
        [2026-08-20T09:00:00.123Z] + make test\n[2026-08-20T09:00:01.000Z] --- FAIL: TestMerge (0.00s)\n[Pipeline] }\n\
        [Pipeline] // stage\n[Pipeline] { (Branch: linux)\nERROR: script returned exit code 2\nFinished: FAILURE\n";
    let log = read(text);
    let told: Vec<_> = log.lines.iter().map(|line| (line.kind, line.text.as_str())).collect();
    assert_eq!(
        told,
        [
            (Plain, "Started by user mara"),
            (Debug, "Start of Pipeline"),
            (Debug, "stage"),
            (Group, "Test"),
            (Debug, "sh"),
            (Plain, "+ make test"),
            (Suspect, "--- FAIL: TestMerge (0.00s)"),
            (Group, "linux"),
            (Suspect, "ERROR: script returned exit code 2"),
            (Plain, "Finished: FAILURE"),
        ]
    );
    assert_eq!(log.lines[5].at, Some("2026-08-20T09:00:00.123Z".parse().unwrap()));
}

#[test]
fn without_times_the_failing_step_is_found_by_the_name_above_its_lines() {
    let text = "[Pipeline] { (Build)\nerror: harmless, the build goes on\n[Pipeline] { (Test)\nrunning\n--- FAIL: TestMerge\n\
        ERROR: script returned exit code 2\n[Pipeline] { (Deploy)\n";
    let log = read(text);
    let step = |name: &str, state| JobStep { name: name.into(), state, started: None };
    let steps = [
        step("Build", RunState::Passed),
        step("Test", RunState::Failed("failure".into())),
        step("Deploy", RunState::Skipped),
    ];
    assert_eq!(log.opening(&steps), Some(5));
    assert_eq!(log.step_of(4, &steps), Some(1));
    assert_eq!(log.step_of(0, &steps), Some(0));
    assert_eq!(log.opening(&[]), Some(2), "without steps the first that reads like one");
}

#[test]
fn the_first_cause_is_found_in_the_logs_of_every_provider() {
    for (provider, text, line) in [
        (
            "github",
            "##[group]Run pytest\n##[endgroup]\nE       assert 2 == 3\n##[error]Process completed with exit code 1.\n",
            3,
        ),
        (
            "gitlab",
            "\u{1b}[32;1m$ go test ./...\u{1b}[0;m\n--- FAIL: TestMerge (0.00s)\nFAIL\tcart\n\u{1b}[31;1mERROR: Job failed: exit code 1\n\u{1b}[0;m",
            2,
        ),
        (
            "jenkins",
            "[Pipeline] sh\n+ mvn test\n[ERROR] Failures: \nERROR: script returned exit code 1\nFinished: FAILURE\n",
            3,
        ),
        (
            "circleci",
            "#!/bin/bash -eo pipefail\ncargo test\ntest a ... FAILED\n\nExited with code exit status 101\n",
            3,
        ),
        ("only the end is told", "+ make\nERROR: script returned exit code 2\n", 2),
    ] {
        assert_eq!(read(text).opening(&[]), Some(line), "{provider}");
    }
}

proptest! {
    #[test]
    fn no_bytes_whatever_reach_a_line_as_controls(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 0usize..600) {
        let mut whole = LogReader::new();
        whole.feed(&bytes);
        let mut parts = LogReader::new();
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        parts.feed(first);
        parts.feed(second);
        let log = whole.log(LogEnd::Complete);
        prop_assert_eq!(&log, &parts.log(LogEnd::Complete), "pieces make no difference");
        for line in &log.lines {
            prop_assert!(!line.text.as_str().chars().any(char::is_control));
            for paint in &line.paints {
                prop_assert!(line.text.as_str().get(paint.from..paint.to).is_some());
            }
        }
    }
}
