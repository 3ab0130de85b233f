//! Bytes as text, whatever they are: what is no UTF-8 becomes a replacement character, so that one byte in the output
//! of a test does not hide the rest of the report. Counts what it reads.

use std::io::{self, BufRead, Read};

/// How much is read at a time, in bytes.
const PIECE: usize = 16 * 1024;

/// Text from bytes.
pub(super) struct Lossy<R> {
    inner: R,
    /// Bytes that may be the beginning of a character.
    open: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    /// Bytes read so far.
    pub(super) read: u64,
}

impl<R: Read> Lossy<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, open: Vec::new(), text: Vec::new(), at: 0, read: 0 }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        while self.text.is_empty() {
            let mut piece = [0_u8; PIECE];
            let count = self.inner.read(&mut piece)?;
            self.read = self.read.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            self.open.extend_from_slice(piece.get(..count).unwrap_or_default());
            let ends = count == 0;
            let mut rest = std::mem::take(&mut self.open);
            // A character may lie across two pieces; its beginning waits for the next one.
            let whole = if ends { rest.len() } else { complete(&rest) };
            self.open = rest.split_off(whole);
            self.text.extend_from_slice(String::from_utf8_lossy(&rest).as_bytes());
            if ends {
                break;
            }
        }
        Ok(())
    }
}

/// How many of these bytes are surely no part of a character that goes on.
fn complete(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let begun = bytes.iter().enumerate().skip(tail).rev().find(|(_, byte)| **byte >= 0xc0);
    match begun {
        Some((at, _)) if std::str::from_utf8(bytes.get(at..).unwrap_or_default()).is_err() => at,
        _ => bytes.len(),
    }
}

impl<R: Read> Read for Lossy<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Lossy<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.text.len() {
            self.fill()?;
        }
        Ok(self.text.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn pieces_make_no_difference_and_what_is_no_text_is_replaced() {
        for (bytes, wanted) in [
            ("plain".as_bytes(), "plain"),
            ("ä€𝄞".as_bytes(), "ä€𝄞"),
            (b"caf\xe9 au lait".as_slice(), "caf\u{fffd} au lait"),
            (b"cut \xe2\x82".as_slice(), "cut \u{fffd}"),
            (b"".as_slice(), ""),
        ] {
            let mut drops = String::new();
            Lossy::new(Drops(bytes)).read_to_string(&mut drops).unwrap();
            assert_eq!(drops, wanted);
            let mut whole = String::new();
            Lossy::new(bytes).read_to_string(&mut whole).unwrap();
            assert_eq!(whole, wanted);
        }
    }
}
