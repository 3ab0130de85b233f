//! The first line of a segment: after which line of which segment the chain goes on here, and why.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chain::{Chain, Line};
use super::entry::Entry;
use super::head::Head;
use crate::domain::{ActionId, SafeText};

/// What the journal's own lines have for an action.
pub(super) const JOURNAL: &str = "journal";

/// The end of the segment before, as the first line of the next one names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct After {
    /// Its number, from 1.
    pub(super) segment: u32,
    /// How many lines the chain has up to there.
    pub(super) count: u64,
    /// Hash of the last of them.
    pub(super) hash: String,
    /// Where the last of them ends, in bytes. What lies beyond is no part of the chain.
    pub(super) length: u64,
}

impl After {
    pub(super) fn head(head: &Head) -> Self {
        Self { segment: head.segment, count: head.count, hash: head.hash.clone(), length: head.length }
    }

    pub(super) fn chain(&self) -> Chain {
        Chain { count: self.count, hash: self.hash.clone() }
    }

    /// What the first line of segment `number` says it follows; nothing if it is no such line.
    pub(super) fn named_by(number: u32, first: &[u8]) -> Option<Self> {
        let line: Line = serde_json::from_slice(first).ok()?;
        let follows = Chain::ending(first).is_ok() && line.kind == "segment";
        let own = line.body.get("segment").and_then(Value::as_u64) == Some(u64::from(number));
        let after: Self = serde_json::from_value(line.body.get("after")?.clone()).ok()?;
        let consistent = after.segment + 1 == number
            && Some(after.count) == line.seq.checked_sub(1)
            && after.hash == line.prev;
        (follows && own && consistent).then_some(after)
    }
}

/// An entry of the journal about itself.
pub(super) fn own(kind: &'static str, body: Value) -> Entry {
    let body = body.as_object().cloned().unwrap_or_default();
    Entry { kind, action: ActionId(SafeText::new(JOURNAL)), body }
}

/// The first line of segment `number`.
pub(super) fn opening(number: u32, after: &After, cause: &str) -> Entry {
    own("segment", json!({ "segment": number, "after": after, "cause": cause }))
}
