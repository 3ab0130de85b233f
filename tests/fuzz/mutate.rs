//! Changes of a corpus, from a seed: the same every time, until the seed or the corpus changes.
//!
//! Blind to coverage, so it knows what the inputs look like: bytes, texts, and above all JSON.

use serde_json::{Map, Value};

/// The longest input, in bytes.
const LONGEST: usize = 16_384;

/// What has broken readers before.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b"\x1b[",
    b"\x1b[200~",
    b"\x1b[201~",
    b"\x1b]52;c;",
    b"\x9b",
    b"\x07",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xae",
    b"\xe2\x80\x8b",
    b"\xcc\x81",
    b"\xf0\x9f\x87\xa9",
    b"\xf3\xa0\x81\x81",
    b"\"",
    b"\\",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b"|",
    b":",
    b"-1",
    b"0",
    b"1e999",
    b"NaN",
    b"+Inf",
    b"18446744073709551616",
    b"9223372036854775807",
    b"null",
    b"true",
    b"rel=\"next\"",
    b"Retry-After",
    b"24:00",
    b"2026-02-30",
    b"9999-12-31",
    b"Fri 16:00",
    b"success",
];

/// Values that are not what was expected.
fn odd(turn: usize) -> Value {
    match turn % 14 {
        0 => Value::Null,
        1 => true.into(),
        2 => false.into(),
        3 => 0.into(),
        4 => (-1).into(),
        5 => u64::MAX.into(),
        6 => i64::MIN.into(),
        7 => 1e308.into(),
        8 => "".into(),
        9 => "\u{1b}[31m\u{202e}evil\n".into(),
        10 => "x".repeat(300).into(),
        11 => Value::Array(Vec::new()),
        12 => Value::Object(Map::new()),
        _ => "9999-12-31T23:59:59Z".into(),
    }
}

/// Makes inputs from a corpus.
pub(crate) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    state: u64,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(name: &str, seeds: &'a [Vec<u8>]) -> Self {
        let state = name
            .bytes()
            .fold(0x9e37_79b9_7f4a_7c15, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self { seeds, state: state | 1 }
    }

    /// A number below `sides`; 0 if there are none.
    fn roll(&mut self, sides: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 16).unwrap_or(0).checked_rem(sides).unwrap_or(0)
    }

    fn seed(&mut self) -> &'a [u8] {
        let index = self.roll(self.seeds.len());
        self.seeds.get(index).map_or(&[], Vec::as_slice)
    }

    /// The next input.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.seed().to_vec();
        for _ in 0..=self.roll(4) {
            let json = if self.roll(3) == 0 { None } else { serde_json::from_slice::<Value>(&bytes).ok() };
            match json {
                Some(mut value) => {
                    self.change(&mut value);
                    bytes = value.to_string().into_bytes();
                }
                None => self.bend(&mut bytes),
            }
        }
        bytes.truncate(LONGEST);
        bytes
    }

    /// Changes the bytes in one place.
    fn bend(&mut self, bytes: &mut Vec<u8>) {
        let at = self.roll(bytes.len() + 1);
        let end = (at + self.roll(32)).min(bytes.len());
        match self.roll(7) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.roll(8);
                }
            }
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(self.roll(256)).unwrap_or_default();
                }
            }
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy: Vec<u8> = bytes[at..end].to_vec();
                let times = self.roll(40);
                drop(bytes.splice(at..at, copy.repeat(times)));
            }
            4 => bytes.truncate(at),
            5 => {
                let other = self.seed();
                let from = self.roll(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            _ => {
                let token = TOKENS[self.roll(TOKENS.len())];
                let end = if self.roll(2) == 0 { at } else { end };
                drop(bytes.splice(at..end, token.iter().copied()));
            }
        }
    }

    /// Changes one node of a document.
    fn change(&mut self, value: &mut Value) {
        let deeper = self.roll(5) > 0;
        match value {
            Value::Array(items) if deeper && !items.is_empty() => {
                let at = self.roll(items.len());
                match self.roll(6) {
                    0 => drop(items.remove(at)),
                    1 => items.insert(at, items[at].clone()),
                    _ => self.change(&mut items[at]),
                }
            }
            Value::Object(members) if deeper && !members.is_empty() => {
                let at = self.roll(members.len());
                let name = members.keys().nth(at).cloned().unwrap_or_default();
                match self.roll(8) {
                    0 => drop(members.remove(&name)),
                    1 => {
                        let moved = members.remove(&name).unwrap_or_default();
                        members.insert(format!("{name}\u{202e}"), moved);
                    }
                    _ => {
                        if let Some(inner) = members.get_mut(&name) {
                            self.change(inner);
                        }
                    }
                }
            }
            Value::String(text) if deeper => {
                let mut bytes = std::mem::take(text).into_bytes();
                self.bend(&mut bytes);
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
            other => *other = odd(self.roll(14)),
        }
    }
}
