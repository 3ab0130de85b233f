//! What a terminal says of itself, without having been a key: focus, the colour of its ground, what it is.
//!
//! Pure: bytes to a [`Reply`]. An answer may come late, or to a question of an earlier program; it is never taken for
//! keys, because the decoder reads every sequence to its end.

/// What the terminal says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The keyboard is ours again.
    FocusGained,
    /// The keyboard is somebody else's.
    FocusLost,
    /// The colour of the ground: red, green, blue.
    Ground(u8, u8, u8),
    /// What kind of terminal it is. Every terminal answers this, in its turn: what was asked before and is not
    /// answered by now will not be.
    Kind,
}

/// The question for the ground's colour, and one that every terminal answers after it.
pub(super) const ASK: &str = "\x1b]11;?\x1b\\\x1b[c";

/// A control sequence by its parameters and its last byte.
pub(super) fn sequence(parameters: &[u8], last: u8) -> Option<Reply> {
    match (parameters, last) {
        ([], b'I') => Some(Reply::FocusGained),
        ([], b'O') => Some(Reply::FocusLost),
        ([b'?', ..], b'c') => Some(Reply::Kind),
        _ => None,
    }
}

/// A string without its end: which kind it is, then what it says.
pub(super) fn string(text: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(text).ok()?.trim_end_matches('\u{1b}');
    let colour = text.strip_prefix("]11;rgb:").or_else(|| text.strip_prefix("]11;rgba:"))?;
    let mut parts = colour.split('/').map(eight_bits);
    Some(Reply::Ground(parts.next()??, parts.next()??, parts.next()??))
}

/// A part of a colour, in one to four hexadecimal digits, as 0 to 255.
fn eight_bits(digits: &str) -> Option<u8> {
    if !(1..=4).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    let most = 16u32.pow(u32::try_from(digits.len()).ok()?) - 1;
    u8::try_from((value * 255 + most / 2) / most).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::decoder::{Decoder, Event, Open};

    fn all(bytes: &[u8]) -> Vec<Event> {
        Decoder::default().feed(bytes)
    }

    #[test]
    fn what_a_terminal_says_of_itself_is_understood_and_is_no_key() {
        for (bytes, reply) in [
            (&b"\x1b[I"[..], Reply::FocusGained),
            (b"\x1b[O", Reply::FocusLost),
            (b"\x1b[?62;4;22c", Reply::Kind),
            (b"\x1b]11;rgb:ffff/8080/0000\x1b\\", Reply::Ground(255, 128, 0)),
            (b"\x1b]11;rgb:ff/80/0\x07", Reply::Ground(255, 128, 0)),
            (b"\x1b]11;rgba:0000/0000/0000/ffff\x07", Reply::Ground(0, 0, 0)),
        ] {
            assert_eq!(all(bytes), [Event::Reply(reply)], "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_is_no_answer_to_our_questions_means_nothing() {
        for bytes in [
            &b"\x1b]11;?\x07"[..],
            b"\x1b]11;rgb:fffff/0/0\x07",
            b"\x1b]11;rgb:1/2\x07",
            b"\x1b]11;rgb:g/0/0\x07",
            b"\x1b]10;rgb:ff/ff/ff\x07",
            b"\x1bP11;rgb:ff/ff/ff\x1b\\",
            b"\x1b[1I",
            b"\x1b[c",
            b"\x1b[>41;380;0c",
        ] {
            assert_eq!(all(bytes), [], "{:?}", String::from_utf8_lossy(bytes));
        }
        let long = [&b"\x1b]11;rgb:"[..], &[b'f'; 10_000], b"\x07q"].concat();
        assert_eq!(all(&long).len(), 1, "only the key after it");
    }

    #[test]
    fn an_answer_that_comes_in_pieces_types_nothing() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(b"\x1b]11;rgb:ff"), []);
        assert_eq!(decoder.open(), Open::Text, "more patience than for the escape key");
        assert_eq!(decoder.feed(b"/00/00\x1b\\"), [Event::Reply(Reply::Ground(255, 0, 0))]);
    }
}
