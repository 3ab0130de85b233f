//! From the bytes of a log to its lines, in bounded room: the first lines and the last ones are kept raw, and only
//! those are decoded. Bytes may come in any pieces, and more may come later.

use std::collections::VecDeque;

use super::paint::{Paint, pieces};
use super::{JobLog, LeftOut, LineKind, LogEnd, LogLine, trouble};
use crate::domain::text::SafeText;

/// The most lines that are kept.
pub const LINES: usize = 20_000;
/// How many of them are the first ones of the log.
pub const HEAD_LINES: usize = 1_000;
/// The most bytes that are kept.
pub const BYTES: usize = 2 * 1024 * 1024;
/// How many of them are the first ones of the log.
const HEAD_BYTES: usize = BYTES / 8;
/// The most bytes that are kept of one line.
const LINE_BYTES: usize = 16 * 1024;
/// How far into a line the runner's marker may begin: after a time.
const MARKED: usize = 48;

/// A line as it came.
#[derive(Clone, Debug, Default)]
struct Raw {
    number: u64,
    bytes: Vec<u8>,
    /// Bytes that were not kept.
    more: u64,
}

/// Takes a log in.
#[derive(Clone, Debug, Default)]
pub struct LogReader {
    head: Vec<Raw>,
    head_bytes: usize,
    tail: VecDeque<Raw>,
    tail_bytes: usize,
    open: Raw,
    lines: u64,
    bytes: u64,
    left_out: Option<LeftOut>,
}

impl LogReader {
    /// A log of which nothing was read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes taken in so far: where a provider that can is asked to go on.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.bytes
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(at);
            self.extend(line);
            self.close();
            rest = after.get(1..).unwrap_or_default();
        }
        self.extend(rest);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.open.bytes.len()).min(bytes.len());
        let (kept, over) = bytes.split_at(room);
        self.open.bytes.extend_from_slice(kept);
        self.open.more = self.open.more.saturating_add(u64::try_from(over.len()).unwrap_or(u64::MAX));
    }

    fn close(&mut self) {
        self.lines += 1;
        let line = Raw { number: self.lines, ..std::mem::take(&mut self.open) };
        let size = line.bytes.len();
        if self.tail.is_empty() && self.head.len() < HEAD_LINES && self.head_bytes + size <= HEAD_BYTES {
            self.head_bytes += size;
            self.head.push(line);
            return;
        }
        self.tail_bytes += size;
        self.tail.push_back(line);
        while self.tail.len() > LINES - HEAD_LINES || self.tail_bytes > BYTES - HEAD_BYTES {
            let Some(gone) = self.tail.pop_front() else { break };
            self.tail_bytes = self.tail_bytes.saturating_sub(gone.bytes.len());
            let after = gone.number.saturating_sub(1);
            let gap = self.left_out.get_or_insert(LeftOut { after, lines: 0, bytes: 0, errors: 0 });
            gap.lines += 1;
            gap.bytes += u64::try_from(gone.bytes.len()).unwrap_or(u64::MAX).saturating_add(gone.more);
            gap.errors += u64::from(marked_as_error(&gone.bytes));
        }
    }

    /// What was read so far.
    #[must_use]
    pub fn log(&self, end: LogEnd) -> JobLog {
        let open = (!self.open.bytes.is_empty()).then(|| Raw { number: self.lines + 1, ..self.open.clone() });
        let raw = self.head.iter().chain(&self.tail).chain(open.as_ref());
        let lines = raw.filter_map(decode).collect();
        JobLog { lines, left_out: self.left_out, bytes: self.bytes, end }
    }
}

fn marked_as_error(line: &[u8]) -> bool {
    let start = line.get(..MARKED.min(line.len())).unwrap_or_default();
    ["##[error]".as_bytes(), b"::error"]
        .iter()
        .any(|mark| start.windows(mark.len()).any(|part| part == *mark))
}

/// The line; none if it only ends a group.
fn decode(raw: &Raw) -> Option<LogLine> {
    let text = String::from_utf8_lossy(&raw.bytes);
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\r');
    let (at, text) = timed(text);
    // What is written over within a line is what a terminal would have shown last.
    let text = text.rsplit('\r').next().unwrap_or(text);
    let mut pieces = pieces(text);
    let mut kind = LineKind::Plain;
    if let Some((_, first)) = pieces.first_mut() {
        let (found, rest) = marker(first)?;
        kind = found;
        *first = rest;
    }
    let mut clean = String::new();
    let mut paints = Vec::new();
    for (ink, piece) in pieces {
        let from = clean.len();
        clean.push_str(SafeText::new(&piece).as_str());
        if ink != super::Ink::default() && clean.len() > from {
            paints.push(Paint { from, to: clean.len(), ink });
        }
    }
    if raw.more > 0 {
        clean.push_str(&format!(" …({} bytes more)", raw.more));
    }
    if kind == LineKind::Plain && trouble::reads_like_one(&clean) {
        kind = LineKind::Suspect;
    }
    Some(LogLine { number: raw.number, at, kind, text: SafeText::new(&clean), paints })
}

/// The time in front of a line, and the rest.
fn timed(line: &str) -> (Option<jiff::Timestamp>, &str) {
    let Some((word, rest)) = line.split_once(' ').or(Some((line, ""))) else { return (None, line) };
    // Jenkins puts it in brackets.
    let word = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
    if !(20..=35).contains(&word.len()) || !word.ends_with('Z') {
        return (None, line);
    }
    match word.parse() {
        Ok(at) => (Some(at), rest),
        Err(_) => (None, line),
    }
}

/// What the marker in front of a text means, and the text without it; none if it only ends a group.
fn marker(text: &str) -> Option<(LineKind, String)> {
    const MARKS: [(&str, LineKind); 7] = [
        ("group", LineKind::Group),
        ("section", LineKind::Group),
        ("command", LineKind::Command),
        ("error", LineKind::Error),
        ("warning", LineKind::Warning),
        ("notice", LineKind::Notice),
        ("debug", LineKind::Debug),
    ];
    let kind = |word: &str| MARKS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
    if let Some((word, rest)) = text.strip_prefix("##[").and_then(|rest| rest.split_once(']')) {
        if word == "endgroup" {
            return None;
        }
        if let Some(kind) = kind(word) {
            return Some((kind, rest.to_owned()));
        }
    }
    if let Some((head, message)) = text.strip_prefix("::").and_then(|rest| rest.split_once("::")) {
        let (word, properties) = head.split_once(' ').unwrap_or((head, ""));
        if word == "endgroup" {
            return None;
        }
        if let Some(kind) = kind(word) {
            return Some((kind, format!("{}{message}", place(properties))));
        }
    }
    jenkins(text)
}

/// `file=src/a.rs,line=3,col=1` as `src/a.rs:3: `; nothing if no file is named.
fn place(properties: &str) -> String {
    let of = |name: &str| {
        properties
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, v)| v)
    };
    match (of("file"), of("line")) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        _ => String::new(),
    }
}

/// What Jenkins writes about its own steps: the head of a stage, or what is of interest to nobody but its authors.
fn jenkins(text: &str) -> Option<(LineKind, String)> {
    let Some(step) = text.strip_prefix("[Pipeline] ") else {
        return Some((LineKind::Plain, text.to_owned()));
    };
    match step.strip_prefix("{ (").and_then(|rest| rest.strip_suffix(')')) {
        Some(stage) => Some((LineKind::Group, stage.strip_prefix("Branch: ").unwrap_or(stage).to_owned())),
        None if step == "}" || step.starts_with("// ") => None,
        None => Some((LineKind::Debug, step.to_owned())),
    }
}

#[cfg(test)]
mod tests;
