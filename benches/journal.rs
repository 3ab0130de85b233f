//! What the journal costs: the check of all its lines, and one append at the end of a long one.
//!
//! `cargo bench --bench journal`. The promise is 1,000,000 lines checked in less than 10 s: `verify` times ten.
#![expect(clippy::unwrap_used, reason = "a bench may stop with a message")]

use std::path::{Path, PathBuf};

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use gonogo::domain::{ActionId, SafeText};
use gonogo::runtime::Journal;
use gonogo::runtime::journal::{Entry, GENESIS, RealDisk, examine};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

/// How many lines the journal has.
const LINES: u64 = 100_000;

fn main() {
    divan::main();
}

/// A sound journal, written by docs/journal.md and without a sync for each line.
fn written(folder: &Path) -> (PathBuf, u64) {
    let (mut text, mut prev) = (String::new(), GENESIS.to_owned());
    for seq in 1..=LINES {
        let head = json!({
            "action": format!("20261120T140000Z-4711-{}", seq / 5), "actor": "ann@build-host", "kind": "sending",
            "body": {
                "method": "PATCH", "path": "/apis/apps/v1/namespaces/checkout/deployments/checkout", "source": "prod",
            },
            "seq": seq, "time": "2026-11-20T14:02:36.123456789Z",
        });
        let mut sealed = head.to_string();
        sealed.pop();
        sealed.push_str(&format!(",\"prev\":\"{prev}\""));
        prev = Sha256::digest(sealed.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{sealed},\"hash\":\"{prev}\"}}\n"));
    }
    let path = folder.join("journal.jsonl");
    std::fs::write(&path, &text).unwrap();
    (path, text.len() as u64)
}

/// Every line, in bounded memory.
#[divan::bench(sample_count = 10)]
fn verify(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = written(folder.path());
    bencher.counter(ItemsCount::new(LINES)).counter(BytesCount::new(bytes)).bench_local(|| {
        let report = examine(&RealDisk, black_box(&path), &[], &mut |_| {}).unwrap();
        assert!(report.holds() && report.chain.count == LINES);
    });
}

/// One entry at the end, synced: the length of the journal must not matter.
#[divan::bench(sample_count = 50)]
fn append(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = written(folder.path());
    let journal = Journal::open(&path, "ann@host").unwrap();
    let entry = Entry::not_sent(&ActionId(SafeText::new("a-1")), &"because".into());
    bencher.bench_local(|| journal.append(Timestamp::UNIX_EPOCH, &entry).unwrap());
}
