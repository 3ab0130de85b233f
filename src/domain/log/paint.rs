//! Colours and weights in a line of a log: the few sequences of a terminal that mean them are understood, all others
//! are taken out. Text that a sequence would hide stays in sight.
//!
//! Source: ECMA-48, and what the terminals of this world make of it.

use std::iter::Peekable;
use std::str::Chars;

use serde::{Deserialize, Serialize};

/// One of the eight colours that every terminal knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// Black, and the dark grey that is its bright form.
    Black,
    /// Red.
    Red,
    /// Green.
    Green,
    /// Yellow.
    Yellow,
    /// Blue.
    Blue,
    /// Magenta.
    Magenta,
    /// Cyan.
    Cyan,
    /// White.
    White,
}

impl Colour {
    const ALL: [Self; 8] = [
        Self::Black,
        Self::Red,
        Self::Green,
        Self::Yellow,
        Self::Blue,
        Self::Magenta,
        Self::Cyan,
        Self::White,
    ];

    fn numbered(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number % 8)).copied().filter(|_| number < 16)
    }
}

/// How much a part of a line weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// As usual.
    #[default]
    Normal,
    /// More.
    Bold,
    /// Less.
    Dim,
}

/// Colour and weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ink {
    /// The colour, if one was asked for.
    pub colour: Option<Colour>,
    /// The weight.
    pub weight: Weight,
}

/// A part of a line's text in one ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paint {
    /// Its first byte.
    pub from: usize,
    /// The byte after its last one.
    pub to: usize,
    /// Its ink.
    pub ink: Ink,
}

/// The most parameters of a sequence that are looked at.
const PARAMETERS: usize = 64;

/// The pieces of a raw line, each with its ink, without any terminal sequence.
pub(super) fn pieces(raw: &str) -> Vec<(Ink, String)> {
    let mut pieces: Vec<(Ink, String)> = Vec::new();
    let (mut ink, mut piece) = (Ink::default(), String::new());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        let before = ink;
        match c {
            '\u{1b}' => escape(&mut chars, &mut ink),
            '\u{9b}' => control(&mut chars, &mut ink),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => string(&mut chars),
            c => piece.push(c),
        }
        if ink != before && !piece.is_empty() {
            pieces.push((before, std::mem::take(&mut piece)));
        }
    }
    if !piece.is_empty() {
        pieces.push((ink, piece));
    }
    pieces
}

/// What follows an ESC.
fn escape(chars: &mut Peekable<Chars<'_>>, ink: &mut Ink) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            control(chars, ink);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            string(chars);
        }
        Some(' '..='/') => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

/// A control sequence: parameters, then the one that says what they are for. Only colours and weights count.
fn control(chars: &mut Peekable<Chars<'_>>, ink: &mut Ink) {
    let mut parameters = String::new();
    while let Some(c) = chars.next_if(|c| (' '..='?').contains(c)) {
        if parameters.len() < PARAMETERS {
            parameters.push(c);
        }
    }
    if chars.next_if(|c| ('@'..='~').contains(c)) == Some('m') {
        render(&parameters, ink);
    }
}

/// A string for the terminal itself (title, clipboard, link): nothing of it is text.
fn string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(c) = chars.next() {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' if chars.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

fn render(parameters: &str, ink: &mut Ink) {
    let mut numbers =
        parameters.split(';').map(|text| if text.is_empty() { Some(0) } else { text.parse().ok() });
    while let Some(number) = numbers.next() {
        // A parameter that is no number (38:5:1) is none that is understood.
        let Some(number) = number else { continue };
        match number {
            0 => *ink = Ink::default(),
            1 => ink.weight = Weight::Bold,
            2 => ink.weight = Weight::Dim,
            22 => ink.weight = Weight::Normal,
            30..=37 => ink.colour = Colour::numbered(number - 30),
            90..=97 => ink.colour = Colour::numbered(number - 90),
            39 => ink.colour = None,
            38 | 48 => match numbers.next().flatten() {
                Some(5) => {
                    let told = numbers.next().flatten();
                    if number == 38 {
                        ink.colour = told.and_then(Colour::numbered);
                    }
                }
                Some(2) => {
                    numbers.by_ref().take(3).for_each(drop);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(colour: Option<Colour>, weight: Weight) -> Ink {
        Ink { colour, weight }
    }

    #[test]
    fn colours_and_weights_are_understood_and_everything_else_is_taken_out() {
        use Colour::{Black, Green, Red};
        use Weight::{Bold, Dim, Normal};
        let plain = Ink::default();
        for (raw, wanted) in [
            ("plain", vec![(plain, "plain")]),
            ("\u{1b}[31mred\u{1b}[0m not", vec![(ink(Some(Red), Normal), "red"), (plain, " not")]),
            (
                "\u{1b}[1;32mok\u{1b}[22m.",
                vec![(ink(Some(Green), Bold), "ok"), (ink(Some(Green), Normal), ".")],
            ),
            ("\u{1b}[90mgrey", vec![(ink(Some(Black), Normal), "grey")]),
            (
                "\u{1b}[38;5;9mbright\u{1b}[38;5;200mpink",
                vec![(ink(Some(Red), Normal), "bright"), (plain, "pink")],
            ),
            ("\u{1b}[48;2;1;2;31mground", vec![(plain, "ground")]),
            ("\u{1b}[2mdim\u{1b}[m", vec![(ink(None, Dim), "dim")]),
            ("\u{9b}31mc1", vec![(ink(Some(Red), Normal), "c1")]),
            ("a\u{1b}]0;title\u{7}b", vec![(plain, "ab")]),
            ("a\u{1b}]52;c;cm0gLXJm\u{1b}\\b", vec![(plain, "ab")]),
            ("a\u{1b}]8;;https://evil.test\u{1b}\\b", vec![(plain, "ab")]),
            ("\u{1b}[2J\u{1b}[1;1H\u{1b}[?1049hx", vec![(plain, "x")]),
            ("\u{1b}[8mhidden", vec![(plain, "hidden")]),
            ("\u{1b}P+q544e\u{1b}\\x", vec![(plain, "x")]),
            ("\u{1b}(0x\u{1b}c", vec![(plain, "x")]),
            ("\u{1b}]0;never ended", vec![]),
            ("\u{1b}[31", vec![]),
            ("\u{1b}", vec![]),
            ("\u{1b}[99999999999mx", vec![(plain, "x")]),
            ("\u{1b}[38:5:1mx", vec![(plain, "x")]),
        ] {
            let wanted: Vec<(Ink, String)> = wanted.into_iter().map(|(i, t)| (i, t.to_owned())).collect();
            assert_eq!(pieces(raw), wanted, "{raw:?}");
        }
    }
}
