//! The chain: how a line is sealed, read back and checked.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
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
    /// `intent`, `sending`, `receipt`, `no-answer`, `declined`, `moved`, `not-sent`, `outcome`; the journal's own:
    /// `torn`, `segment`.
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

/// What the chain needs of a line. Every member must be there, once, and no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Links<'a> {
    seq: u64,
    #[serde(rename = "time")]
    _time: Timestamp,
    #[serde(rename = "kind", borrow)]
    _kind: Cow<'a, str>,
    #[serde(rename = "action", borrow)]
    _action: Cow<'a, str>,
    #[serde(rename = "actor", borrow)]
    _actor: Cow<'a, str>,
    #[serde(rename = "body", borrow)]
    _body: &'a RawValue,
    prev: &'a str,
    hash: &'a str,
}

/// How far a chain goes: how many lines, and the hash of the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Lines so far.
    pub count: u64,
    /// Hash of the last line; [`GENESIS`] before the first.
    pub hash: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self { count: 0, hash: GENESIS.to_owned() }
    }
}

impl Chain {
    /// Takes in the next line, given without its end of line.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when its hash, link or number is wrong, or when it is no line of ours; the chain then
    /// stays where it was.
    pub fn follow(&mut self, raw: &[u8]) -> Result<(), JournalError> {
        let number = self.count + 1;
        let broken = |what: &str| JournalError::Broken { line: number, what: what.to_owned() };
        let line = sealed(raw).map_err(|what| broken(&what))?;
        if line.prev != self.hash {
            return Err(broken("it does not follow the line before: something was removed, added or moved"));
        }
        if line.seq != number {
            return Err(broken("its number is wrong"));
        }
        self.count = number;
        line.hash.clone_into(&mut self.hash);
        Ok(())
    }

    /// The chain that ends with this line, whatever came before it.
    ///
    /// # Errors
    /// What is wrong with the line by itself.
    pub(super) fn ending(raw: &[u8]) -> Result<Self, String> {
        let line = sealed(raw)?;
        Ok(Self { count: line.seq, hash: line.hash.to_owned() })
    }
}

/// The members of a line whose hash fits its bytes.
fn sealed(raw: &[u8]) -> Result<Links<'_>, String> {
    let raw = std::str::from_utf8(raw).map_err(|_| "it is not UTF-8".to_owned())?;
    let line: Links<'_> = serde_json::from_str(raw).map_err(|e| e.to_string())?;
    let tail = format!(",\"hash\":\"{}\"}}", line.hash);
    let content = raw.strip_suffix(&tail).ok_or("the hash is not the last member")?;
    if hex(&Sha256::digest(content.as_bytes())) != line.hash {
        return Err("the hash does not fit the line: it was changed".to_owned());
    }
    Ok(line)
}

/// The finished line: `head` with `prev` and `hash` as its last members, and a newline. The chain goes on with it.
pub(super) fn seal(head: &Value, chain: &mut Chain) -> String {
    let mut line = head.to_string();
    line.pop();
    line.push_str(&format!(",\"prev\":\"{}\"", chain.hash));
    let hash = hex(&Sha256::digest(line.as_bytes()));
    line.push_str(&format!(",\"hash\":\"{hash}\"}}\n"));
    *chain = Chain { count: chain.count + 1, hash };
    line
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('?', |d| char::from(*d));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads and checks the text of a whole journal of one segment, strictly: a torn end is an error too.
///
/// # Errors
/// The first line whose hash, chain or number is wrong, or that is no line of ours.
pub fn verify(text: &str) -> Result<Vec<Line>, JournalError> {
    let mut chain = Chain::default();
    let mut lines = Vec::new();
    for raw in text.split_inclusive('\n') {
        let line = chain.count + 1;
        let broken = |what: &str| JournalError::Broken { line, what: what.to_owned() };
        let raw = raw.strip_suffix('\n').ok_or_else(|| broken("torn: no end of line"))?;
        chain.follow(raw.as_bytes())?;
        lines.push(serde_json::from_str(raw).map_err(|e| broken(&e.to_string()))?);
    }
    Ok(lines)
}
