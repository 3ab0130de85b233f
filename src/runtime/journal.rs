//! The append-only, hash-chained record of every intent, step, receipt and outcome.
//!
//! One JSON object per line. The last member of each is `hash`: the SHA-256, in hex, of the line's bytes up to
//! (not including) `,"hash":`. The member before it is `prev`: the hash of the line before, 64 zeros in the
//! first. Several processes may append: each takes the file's lock, reads the last line, writes, syncs.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::action::Plan;
use crate::domain::{ActionId, Difference, Fault, Outcome, Reached, Receipt, SafeText, Step};

/// The hash before the first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A line longer than this is not one of ours.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// The journal's file and who writes.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    actor: SafeText,
}

/// What goes into one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    kind: &'static str,
    action: ActionId,
    body: Map<String, Value>,
}

/// Why the journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("line {line}: {what}")]
    Broken {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

impl Entry {
    fn new(kind: &'static str, action: &ActionId, body: Value) -> Self {
        let body = match body {
            Value::Object(map) => map,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        Self { kind, action: action.clone(), body }
    }

    /// A confirmed plan: what is wanted, what was shown, what it rests on.
    #[must_use]
    pub fn intent(action: &ActionId, plan: &Plan) -> Self {
        Self::new(
            "intent",
            action,
            json!({
                "title": plan.title,
                "intent": plan.intent,
                "plan": plan.fingerprint,
                "as": plan.prepared.identity,
                "steps": plan.prepared.steps.iter().map(step_record).collect::<Vec<_>>(),
                "basis": plan.prepared.basis,
                "hazards": plan.hazards,
                "promise": plan.prepared.promise,
                "evidence": plan.evidence,
            }),
        )
    }

    /// A step that is about to be sent.
    #[must_use]
    pub fn sending(action: &ActionId, step: &Step) -> Self {
        Self::new(
            "sending",
            action,
            json!({ "source": step.source, "method": step.method, "path": step.path }),
        )
    }

    /// What the source answered, or that it did not.
    #[must_use]
    pub fn answer(action: &ActionId, answer: &Result<Receipt, Fault>) -> Self {
        match answer {
            Ok(receipt) => Self::new("receipt", action, json!({ "receipt": receipt })),
            Err(fault) if fault.reached == Reached::Perhaps => {
                Self::new("no-answer", action, json!({ "fault": fault }))
            }
            Err(fault) => Self::new("declined", action, json!({ "fault": fault })),
        }
    }

    /// The world moved: nothing was sent.
    #[must_use]
    pub fn moved(action: &ActionId, differences: &[Difference]) -> Self {
        Self::new("moved", action, json!({ "differences": differences }))
    }

    /// Nothing was sent, for another reason.
    #[must_use]
    pub fn not_sent(action: &ActionId, why: &SafeText) -> Self {
        Self::new("not-sent", action, json!({ "why": why }))
    }

    /// What came of an action.
    #[must_use]
    pub fn outcome(action: &ActionId, outcome: &Outcome) -> Self {
        Self::new("outcome", action, json!({ "outcome": outcome.word(), "what": outcome.text() }))
    }
}

/// A request as it is recorded: what was shown of its body, and the hash of what is really sent.
fn step_record(step: &Step) -> Value {
    json!({
        "source": step.source, "method": step.method, "path": step.path, "content_type": step.content_type,
        "effect": step.effect, "body": step.shown_body(),
        "body_sha256": step.body.as_ref().map(|b| hex(&Sha256::digest(b.as_bytes()))),
    })
}

/// One line as it is read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Counts from 1.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// `intent`, `sending`, `receipt`, `no-answer`, `declined`, `moved`, `not-sent`, `outcome`.
    pub kind: SafeText,
    /// Which action.
    pub action: SafeText,
    /// Who wrote: user and host.
    pub actor: SafeText,
    /// What the kind says.
    pub body: Value,
    /// Hash of the line before.
    pub prev: String,
    /// Hash of this line.
    pub hash: String,
}

impl Journal {
    /// The journal in this file; its folder is made if it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn open(path: &Path, actor: &str) -> Result<Self, JournalError> {
        let journal = Self { path: path.to_owned(), actor: SafeText::new(actor) };
        if let Some(folder) = path.parent() {
            make_private_folder(folder).map_err(|e| journal.error(e))?;
        }
        match journal.file() {
            Ok(_) => Ok(journal),
            Err((path, e)) => Err(journal_error(&path, e)),
        }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one entry and waits until it is on disk.
    ///
    /// # Errors
    /// When that cannot be made sure: then the entry does not count as written.
    pub fn append(&self, time: Timestamp, entry: &Entry) -> Result<(), JournalError> {
        let mut file = self.file().map_err(|(path, e)| journal_error(&path, e))?;
        file.lock().map_err(|e| self.error(e))?;
        let (seq, prev) = self.tail(&mut file)?;
        let head = json!({
            "seq": seq + 1, "time": time.to_string(), "kind": entry.kind, "action": entry.action,
            "actor": self.actor, "body": entry.body,
        });
        let line = seal(&head, &prev);
        file.seek(SeekFrom::End(0)).map_err(|e| self.error(e))?;
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| self.error(e))
    }

    fn file(&self) -> Result<File, (PathBuf, io::Error)> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path).map_err(|e| (self.path.clone(), e))
    }

    /// Number and hash of the last line; a torn one is set aside in a file of its own.
    fn tail(&self, file: &mut File) -> Result<(u64, String), JournalError> {
        let length = file.metadata().map_err(|e| self.error(e))?.len();
        let from = length.saturating_sub(LONGEST_LINE);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(|e| self.error(e))?;
        file.read_to_end(&mut bytes).map_err(|e| self.error(e))?;
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let (good, torn) = bytes.split_at(whole);
        if !torn.is_empty() {
            let aside = self.path.with_extension(format!("torn-{length}"));
            std::fs::write(&aside, torn).map_err(|e| self.error(e))?;
            file.set_len(length - torn.len() as u64).map_err(|e| self.error(e))?;
        }
        let Some(last) = good.split(|b| *b == b'\n').rfind(|l| !l.is_empty()) else {
            return Ok((0, GENESIS.to_owned()));
        };
        let line: Line = serde_json::from_slice(last)
            .map_err(|e| JournalError::Broken { line: 0, what: format!("last line: {e}") })?;
        Ok((line.seq, line.hash))
    }

    fn error(&self, source: io::Error) -> JournalError {
        journal_error(&self.path, source)
    }
}

fn journal_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.display().to_string(), source }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The finished line: `head` with `prev` and `hash` as its last members, and a newline.
fn seal(head: &Value, prev: &str) -> String {
    let mut line = head.to_string();
    line.pop();
    line.push_str(&format!(",\"prev\":\"{prev}\""));
    let hash = hex(&Sha256::digest(line.as_bytes()));
    line.push_str(&format!(",\"hash\":\"{hash}\"}}\n"));
    line
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads and checks a whole journal.
///
/// # Errors
/// The first line whose hash, chain or number is wrong, or that is no line of ours.
pub fn verify(text: &str) -> Result<Vec<Line>, JournalError> {
    let mut prev = GENESIS.to_owned();
    let mut lines = Vec::new();
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let number = index as u64 + 1;
        let broken = |what: &str| JournalError::Broken { line: number, what: what.to_owned() };
        let Some(raw) = raw.strip_suffix('\n') else { return Err(broken("torn: no end of line")) };
        let line: Line = serde_json::from_str(raw).map_err(|e| broken(&e.to_string()))?;
        let tail = format!(",\"hash\":\"{}\"}}", line.hash);
        let sealed = raw.strip_suffix(&tail).ok_or_else(|| broken("the hash is not the last member"))?;
        if hex(&Sha256::digest(sealed.as_bytes())) != line.hash {
            return Err(broken("the hash does not fit the line: it was changed"));
        }
        if line.prev != prev {
            return Err(broken("it does not follow the line before: something was removed, added or moved"));
        }
        if line.seq != number {
            return Err(broken("its number is wrong"));
        }
        prev.clone_from(&line.hash);
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(verify(&text).unwrap().len(), 3);
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
}
