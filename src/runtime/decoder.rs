//! What the bytes of a terminal mean: keys, pastes, and what the mouse does.
//!
//! Knows no descriptor and no clock: whoever reads says when it has been quiet, because only silence tells the escape
//! key from the beginning of a sequence, and only silence ends a paste whose end never comes. What is not understood
//! is dropped, whole: the rest of an unknown sequence is never taken for keys.

use super::replies::{self, Reply};
use crate::app::key::Key;
use crate::domain::SafeText;

/// The longest paste that is kept, in bytes; what is longer is dropped while the paste lasts.
const LONGEST_PASTE: usize = 65_536;

/// The longest parameters of a sequence, in bytes; what is longer is none.
const LONGEST_SEQUENCE: usize = 64;

/// How a paste ends.
const END_OF_PASTE: &[u8; 6] = b"\x1b[201~";

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key.
    Key(Key),
    /// A paste, complete or cut off.
    Paste(SafeText),
    /// What the terminal says of itself.
    Reply(Reply),
    /// What the mouse did, and where.
    Mouse(Mouse),
}

/// What the mouse did at a column and a row, both counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub did: MouseAct,
    /// The column.
    pub column: u16,
    /// The row.
    pub row: u16,
}

/// What a mouse can do here. Motion, other buttons and letting go mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseAct {
    /// The left button was pressed.
    Press,
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}

/// What is still open after the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Nothing: the next byte begins something.
    Nothing,
    /// The escape key, or a sequence.
    Sequence,
    /// An answer of the terminal, which a slow line may bring in pieces.
    Text,
    /// A paste.
    Paste,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// After `ESC O`.
    Ss3,
    /// After `ESC [`, with the parameters so far.
    Csi(Vec<u8>),
    /// In a string of the terminal's own (OSC, DCS, APC, PM, SOS); the string so far, which of them it is first.
    Text(Vec<u8>),
    /// This many bytes belong to a sequence that is of no use here.
    Skip(u8),
    /// A character of several bytes: those so far, how many it has.
    Char(Vec<u8>, usize),
    Paste(Paste),
}

#[derive(Debug, Default)]
struct Paste {
    text: Vec<u8>,
    tail: Vec<u8>,
}

/// Turns bytes into events.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
}

impl Decoder {
    /// Takes bytes in; returns what they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for byte in bytes {
            self.take(*byte, &mut events);
        }
        events
    }

    /// What is still open.
    #[must_use]
    pub const fn open(&self) -> Open {
        match self.state {
            State::Ground => Open::Nothing,
            State::Paste(_) => Open::Paste,
            State::Text(_) => Open::Text,
            _ => Open::Sequence,
        }
    }

    /// It has been quiet for long enough: what is open ends here. A lone escape was the key; a paste is what came of
    /// it; anything else is dropped.
    pub fn quiet(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.state) {
            State::Escape => Some(Event::Key(Key::Esc)),
            State::Paste(paste) => Some(Event::Paste(paste.text())),
            _ => None,
        }
    }

    fn take(&mut self, byte: u8, events: &mut Vec<Event>) {
        self.state = match (std::mem::take(&mut self.state), byte) {
            (State::Paste(mut paste), _) => {
                if paste.ends_with(byte) {
                    events.push(Event::Paste(paste.text()));
                    State::Ground
                } else {
                    State::Paste(paste)
                }
            }
            (State::Text(text), _) => string(text, byte, events),
            (State::Skip(left), _) => {
                if left > 1 {
                    State::Skip(left - 1)
                } else {
                    State::Ground
                }
            }
            (State::Escape, 0x1b) => {
                events.push(Event::Key(Key::Esc));
                State::Escape
            }
            (_, 0x1b) => State::Escape,
            (State::Ground, _) => ground(byte, events),
            (State::Escape, b'[') => State::Csi(Vec::new()),
            (State::Escape, b'O') => State::Ss3,
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::Text(vec![byte]),
            // Alt and a key: no command is bound to it, and it is not the key alone.
            (State::Escape, _) => {
                if byte >= 0xc0 {
                    State::Skip(length(byte) - 1)
                } else {
                    State::Ground
                }
            }
            (State::Ss3, _) => {
                events.extend(if byte == b'M' { Some(Event::Key(Key::Enter)) } else { arrow(byte) });
                State::Ground
            }
            (State::Csi(parameters), _) => csi(parameters, byte, events),
            (State::Char(bytes, length), 0x80..=0xbf) => character(bytes, byte, length, events),
            (State::Char(..), _) => ground(byte, events),
        };
    }
}

impl Paste {
    /// Takes a byte; whether the paste is over with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.text.len() < LONGEST_PASTE {
            self.text.push(byte);
        }
        if self.tail.len() == END_OF_PASTE.len() {
            self.tail.remove(0);
        }
        self.tail.push(byte);
        let over = self.tail == END_OF_PASTE;
        if over && self.text.ends_with(END_OF_PASTE) {
            self.text.truncate(self.text.len() - END_OF_PASTE.len());
        }
        over
    }

    fn text(&self) -> SafeText {
        SafeText::new(&String::from_utf8_lossy(&self.text))
    }
}

fn ground(byte: u8, events: &mut Vec<Event>) -> State {
    let key = match byte {
        b'\r' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        0x01..=0x1a => Key::Ctrl(char::from(byte - 1 + b'a')),
        0x20..=0x7e => Key::Char(char::from(byte)),
        0xc2..=0xf4 => return State::Char(vec![byte], usize::from(length(byte))),
        _ => return State::Ground,
    };
    events.push(Event::Key(key));
    State::Ground
}

/// How many bytes a character has, by its first one.
const fn length(first: u8) -> u8 {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    }
}

fn character(mut bytes: Vec<u8>, byte: u8, length: usize, events: &mut Vec<Event>) -> State {
    bytes.push(byte);
    if bytes.len() < length {
        return State::Char(bytes, length);
    }
    // A character that a text from outside may not hold as it is, is not typed either.
    if let Ok(text) = std::str::from_utf8(&bytes)
        && SafeText::new(&format!("a{text}")).as_str().get(1..) == Some(text)
        && let Some(c) = text.chars().next()
    {
        events.push(Event::Key(Key::Char(c)));
    }
    State::Ground
}

fn csi(mut parameters: Vec<u8>, byte: u8, events: &mut Vec<Event>) -> State {
    match byte {
        0x20..=0x3f if parameters.len() < LONGEST_SEQUENCE => {
            parameters.push(byte);
            State::Csi(parameters)
        }
        // The console's function keys, and a mouse that an earlier program left on: both say more than their end.
        b'[' if parameters.is_empty() => State::Skip(1),
        b'M' if parameters.is_empty() => State::Skip(3),
        b'~' => tilde(&parameters, events),
        b'I' | b'O' | b'c' => {
            events.extend(replies::sequence(&parameters, byte).map(Event::Reply));
            State::Ground
        }
        b'M' => {
            events.extend(mouse(&parameters).map(Event::Mouse));
            State::Ground
        }
        0x40..=0x7e => {
            events.extend(arrow(byte));
            State::Ground
        }
        _ => State::Ground,
    }
}

/// One more byte of a string. What is longer than any answer is read to its end and means nothing.
fn string(mut text: Vec<u8>, byte: u8, events: &mut Vec<Event>) -> State {
    let over = byte == 0x07 || (byte == b'\\' && text.last() == Some(&0x1b));
    if over {
        events.extend(replies::string(&text).map(Event::Reply));
        return State::Ground;
    }
    if text.len() >= LONGEST_SEQUENCE {
        text.pop();
    }
    text.push(byte);
    State::Text(text)
}

fn tilde(parameters: &[u8], events: &mut Vec<Event>) -> State {
    let number = parameters.split(|b| *b == b';').next().unwrap_or_default();
    let key = match number {
        b"1" | b"7" => Key::Home,
        b"4" | b"8" => Key::End,
        b"3" => Key::Delete,
        b"5" => Key::PageUp,
        b"6" => Key::PageDown,
        b"11" => Key::F(1),
        b"12" => Key::F(2),
        b"13" => Key::F(3),
        b"14" => Key::F(4),
        b"15" => Key::F(5),
        b"17" => Key::F(6),
        b"18" => Key::F(7),
        b"19" => Key::F(8),
        b"20" => Key::F(9),
        b"21" => Key::F(10),
        b"23" => Key::F(11),
        b"24" => Key::F(12),
        b"200" => return State::Paste(Paste::default()),
        _ => return State::Ground,
    };
    events.push(Event::Key(key));
    State::Ground
}

fn arrow(last: u8) -> Option<Event> {
    Some(Event::Key(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'Z' => Key::BackTab,
        b'P' => Key::F(1),
        b'Q' => Key::F(2),
        b'R' => Key::F(3),
        b'S' => Key::F(4),
        _ => return None,
    }))
}

/// `<0;10;10`: button, column and row, counted from 1 (xterm's SGR notation). Modifiers change nothing.
fn mouse(parameters: &[u8]) -> Option<Mouse> {
    const MODIFIERS: u16 = 4 | 8 | 16;
    let text = std::str::from_utf8(parameters.strip_prefix(b"<")?).ok()?;
    let mut numbers = text.split(';').map(|n| n.parse::<u16>().ok());
    let (button, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let did = match button & !MODIFIERS {
        0 => MouseAct::Press,
        64 => MouseAct::WheelUp,
        65 => MouseAct::WheelDown,
        _ => return None,
    };
    numbers.next().is_none().then_some(Mouse {
        did,
        column: column.checked_sub(1)?,
        row: row.checked_sub(1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The events of these bytes, with the silence after them.
    fn all(bytes: &[u8]) -> Vec<Event> {
        let mut decoder = Decoder::default();
        let mut events = decoder.feed(bytes);
        events.extend(decoder.quiet());
        assert_eq!(decoder.open(), Open::Nothing);
        events
    }

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let key = |event| match event {
            Event::Key(key) => key,
            other => panic!("{other:?}"),
        };
        all(bytes).into_iter().map(key).collect()
    }

    #[test]
    fn every_key_that_is_known_is_understood_in_each_of_its_spellings() {
        for (bytes, key) in [
            (&b"\r"[..], Key::Enter),
            (b"\x1bOM", Key::Enter),
            (b"\t", Key::Tab),
            (b"\x1b[Z", Key::BackTab),
            (b"\x7f", Key::Backspace),
            (b"\x08", Key::Backspace),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[A", Key::Up),
            (b"\x1bOA", Key::Up),
            (b"\x1b[1;5B", Key::Down),
            (b"\x1b[C", Key::Right),
            (b"\x1bOD", Key::Left),
            (b"\x1b[H", Key::Home),
            (b"\x1b[1~", Key::Home),
            (b"\x1b[7~", Key::Home),
            (b"\x1b[F", Key::End),
            (b"\x1b[4~", Key::End),
            (b"\x1b[8~", Key::End),
            (b"\x1b[5~", Key::PageUp),
            (b"\x1b[6;2~", Key::PageDown),
            (b"\x1bOP", Key::F(1)),
            (b"\x1b[11~", Key::F(1)),
            (b"\x1bOS", Key::F(4)),
            (b"\x1b[15~", Key::F(5)),
            (b"\x1b[24~", Key::F(12)),
            (b"\x03", Key::Ctrl('c')),
            (b"\x1a", Key::Ctrl('z')),
            (b"q", Key::Char('q')),
            ("ä".as_bytes(), Key::Char('ä')),
            ("日".as_bytes(), Key::Char('日')),
            (b"\x1b", Key::Esc),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
        assert_eq!(keys(b"\x1b\x1b"), [Key::Esc, Key::Esc]);
        assert_eq!(keys(b"a\x1b[Bq"), [Key::Char('a'), Key::Down, Key::Char('q')]);
    }

    #[test]
    fn what_is_not_understood_types_nothing() {
        for bytes in [
            &b"\x1b[16~"[..],
            b"\x1b[[A",
            b"\x1b[M q\r",
            b"\x1b[<0;10;10m",
            b"\x1b[<35;10;10M",
            b"\x1b[<2;10;10M",
            b"\x1b[<0;0;10M",
            b"\x1b[<0;10M",
            b"\x1b[<0;10;10;1M",
            b"\x1b[<0;99999;10M",
            b"\x1b[201~",
            b"\x1b]52;c;cQ==\x07",
            b"\x1b]0;q\r\x1b\\",
            b"\x1bPq\r\x1b\\",
            b"\x1b_q\x1b\\",
            b"\x1bq",
            b"\x1b\r",
            "\u{1b}ä".as_bytes(),
            b"\x1b[200",
            b"\xff\xfe\x80",
            b"\xc0\xaf",
            b"\xf4\x90\x80\x80",
            b"\xed\xa0\x80",
            "\u{202e}\u{200b}\u{e0041}".as_bytes(),
            "\u{9b}".as_bytes(),
            b"\0",
        ] {
            assert_eq!(all(bytes), [], "{bytes:?}");
        }
        assert_eq!(
            keys(b"\xe6\x97q"),
            [Key::Char('q')],
            "a broken character does not take the next key with it"
        );
    }

    #[test]
    fn the_mouse_presses_and_turns_its_wheel() {
        for (bytes, did) in [
            (&b"\x1b[<0;10;3M"[..], MouseAct::Press),
            (b"\x1b[<16;10;3M", MouseAct::Press),
            (b"\x1b[<64;10;3M", MouseAct::WheelUp),
            (b"\x1b[<65;10;3M", MouseAct::WheelDown),
        ] {
            assert_eq!(all(bytes), [Event::Mouse(Mouse { did, column: 9, row: 2 })], "{bytes:?}");
        }
    }

    #[test]
    fn a_paste_is_one_event_whatever_is_in_it() {
        let paste = |text: &str| vec![Event::Paste(SafeText::new(text))];
        assert_eq!(all(b"\x1b[200~q\rqa\r\x1b[201~"), paste("q\rqa\r"));
        assert_eq!(all(b"\x1b[200~\x1b[A\x1b[200~\x03\x1b[201~"), paste("\u{1b}[A\u{1b}[200~\u{3}"));
        assert_eq!(all(b"\x1b[200~\xff\xfe\x1b[201~"), paste("\u{fffd}\u{fffd}"));
        let mut long = b"\x1b[200~".to_vec();
        long.extend(std::iter::repeat_n(b'q', LONGEST_PASTE + 10));
        long.extend(b"\x1b[201~");
        assert_eq!(all(&long).len(), 1);
    }

    #[test]
    fn silence_ends_a_paste_without_an_end() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(b"\x1b[200~q\r"), []);
        assert_eq!(decoder.open(), Open::Paste);
        assert_eq!(decoder.quiet(), Some(Event::Paste("q\r".into())));
        assert_eq!(decoder.feed(b"q"), [Event::Key(Key::Char('q'))]);
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_up_they_mean_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0usize..80) {
            let (left, right) = bytes.split_at(at.min(bytes.len()));
            let mut decoder = Decoder::default();
            let mut events = decoder.feed(left);
            events.extend(decoder.feed(right));
            events.extend(decoder.quiet());
            prop_assert_eq!(events, all(&bytes));
        }

        #[test]
        fn a_key_after_silence_is_always_taken(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            decoder.quiet();
            prop_assert_eq!(decoder.feed(b"q"), vec![Event::Key(Key::Char('q'))]);
        }
    }
}
