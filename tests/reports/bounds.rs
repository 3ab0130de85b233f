//! How much memory the largest log and the worst archive may take. Each is read by a process of its own, so that what
//! other tests need at the same time is not measured.

use std::process::Command;

use gonogo::domain::log::{LogEnd, LogReader};
use gonogo::domain::report::read;
use gonogo::provider::archive::files;

use crate::zip::{archive, entry};

/// Names the job of the process that is measured.
const JOB: &str = "GONOGO_MEASURED";
/// The most that reading may add to a process, in KiB.
const MOST: u64 = 48 * 1024;

/// The most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Runs this very test in another process, and gives what it says it needed, in KiB.
fn measured(test: &str, job: &str) -> u64 {
    let program = std::env::current_exe().unwrap();
    let name = format!("bounds::{test}");
    let output =
        Command::new(program).args(["--exact", &name, "--nocapture"]).env(JOB, job).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let line = said.lines().find_map(|line| line.split_once("needed ")).unwrap_or_else(|| panic!("{said}"));
    line.1.split(' ').next().unwrap().parse().unwrap()
}

fn megabytes() -> u64 {
    if std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full") { 200 } else { 50 }
}

#[test]
fn a_log_of_200_megabytes_needs_no_more_memory_than_a_short_one() {
    if std::env::var(JOB).is_ok() {
        let mut reader = LogReader::new();
        let line =
            "2026-08-20T09:00:00.0000000Z test cart::property::case_000001 ... ok (one of very many)\n";
        let piece = line.repeat(700);
        let before = peak();
        while reader.offset() < megabytes() * 1_000_000 {
            reader.feed(piece.as_bytes());
        }
        let log = reader.log(LogEnd::Complete);
        assert!(log.left_out.is_some());
        println!("\nneeded {} KiB for {} bytes", peak() - before, log.bytes);
        return;
    }
    let needed = measured("a_log_of_200_megabytes_needs_no_more_memory_than_a_short_one", "log");
    println!("a log of {} MB: {needed} KiB of memory at the most (bound {MOST})", megabytes());
    assert!(needed < MOST, "{needed} KiB");
}

#[test]
fn an_archive_that_unpacks_to_much_is_read_as_far_as_the_bound() {
    if let Ok(path) = std::env::var(JOB) {
        let bomb = std::fs::read(path).unwrap();
        let (packed, mut read_bytes) = (bomb.len(), 0);
        let before = peak();
        for file in files(&bomb).unwrap() {
            let mut contents = file.open(40 * 1024 * 1024).unwrap();
            let report = read(&mut contents, "a bomb").unwrap();
            read_bytes += contents.read;
            assert!(report.gap.is_some(), "{report:?}");
        }
        assert!(read_bytes <= 80 * 1024 * 1024, "{read_bytes}");
        println!("\nneeded {} KiB for {packed} bytes", peak() - before);
        return;
    }
    // Making it takes more memory than reading it.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.zip");
    let bomb = archive(&[entry("a.xml", xml(60_000_000)), entry("b.json", json(60_000_000))]);
    std::fs::write(&path, bomb).unwrap();
    let test = "an_archive_that_unpacks_to_much_is_read_as_far_as_the_bound";
    let needed = measured(test, path.to_str().unwrap());
    println!("an archive with 120 MB in it: {needed} KiB of memory at the most (bound {MOST})");
    assert!(needed < MOST, "{needed} KiB");
}

fn xml(bytes: usize) -> String {
    let case = "<testcase name='a'/>";
    format!("<testsuite>{}</testsuite>", case.repeat(bytes / case.len()))
}

/// A scenario with a picture that never ends.
fn json(bytes: usize) -> String {
    let picture = "A".repeat(bytes);
    format!(r#"[{{"elements":[{{"name":"s","steps":[{{"embeddings":[{{"data":"{picture}"}}]}}]}}]}}]"#)
}
