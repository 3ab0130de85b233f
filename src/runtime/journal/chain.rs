//! The chain: how a line is sealed, read back and checked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::JournalError;
use crate::domain::SafeText;

/// The hash before the first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

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
/// The finished line: `head` with `prev` and `hash` as its last members, and a newline.
pub(super) fn seal(head: &Value, prev: &str) -> String {
    let mut line = head.to_string();
    line.pop();
    line.push_str(&format!(",\"prev\":\"{prev}\""));
    let hash = hex(&Sha256::digest(line.as_bytes()));
    line.push_str(&format!(",\"hash\":\"{hash}\"}}\n"));
    line
}

pub(super) fn hex(bytes: &[u8]) -> String {
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
