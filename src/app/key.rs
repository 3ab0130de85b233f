//! Keys as the program understands them, whatever the terminal sends.

use serde::{Deserialize, Serialize};
use tui_input::InputRequest;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// A character, shift already applied.
    Char(char),
    /// Control and a letter.
    Ctrl(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift-tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// A function key, by its number.
    F(u8),
}

impl Key {
    /// What the key does to a line of text under edit.
    #[must_use]
    pub const fn edits(self) -> Option<InputRequest> {
        Some(match self {
            Self::Char(c) => InputRequest::InsertChar(c),
            Self::Backspace => InputRequest::DeletePrevChar,
            Self::Delete => InputRequest::DeleteNextChar,
            Self::Left => InputRequest::GoToPrevChar,
            Self::Right => InputRequest::GoToNextChar,
            Self::Home => InputRequest::GoToStart,
            Self::End => InputRequest::GoToEnd,
            _ => return None,
        })
    }
}

/// How a key came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// Alone: a person pressed it.
    Single,
    /// In one burst with others, or repeated by a held key: never confirms anything.
    Burst,
}

/// One key press with the way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stroke {
    /// Which key.
    pub key: Key,
    /// How it came.
    pub pace: Pace,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("space"),
            Self::Char(c) => write!(f, "{c}"),
            Self::Ctrl(c) => write!(f, "ctrl-{c}"),
            Self::Enter => f.write_str("enter"),
            Self::Esc => f.write_str("esc"),
            Self::Tab => f.write_str("tab"),
            Self::BackTab => f.write_str("shift-tab"),
            Self::Backspace => f.write_str("backspace"),
            Self::Delete => f.write_str("delete"),
            Self::Up => f.write_str("↑"),
            Self::Down => f.write_str("↓"),
            Self::Left => f.write_str("←"),
            Self::Right => f.write_str("→"),
            Self::PageUp => f.write_str("pgup"),
            Self::PageDown => f.write_str("pgdn"),
            Self::Home => f.write_str("home"),
            Self::End => f.write_str("end"),
            Self::F(number) => write!(f, "f{number}"),
        }
    }
}

/// Keys that are written as a word.
const NAMED: &[(&str, Key)] = &[
    ("space", Key::Char(' ')),
    ("enter", Key::Enter),
    ("esc", Key::Esc),
    ("tab", Key::Tab),
    ("shift-tab", Key::BackTab),
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("pgup", Key::PageUp),
    ("pgdn", Key::PageDown),
    ("home", Key::Home),
    ("end", Key::End),
];

impl Key {
    /// The words that [`Key::named`] understands, apart from `f1` to `f12` and `ctrl-a` to `ctrl-z`.
    pub fn words() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// The key that a config means: one character, or one of [`Key::words`], `f1` to `f12`, `ctrl-a` to `ctrl-z`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut chars = name.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return (!c.is_control() && c != ' ').then_some(Self::Char(c));
        }
        if let Some((_, key)) = NAMED.iter().find(|(word, _)| *word == name) {
            return Some(*key);
        }
        if let Some(number) = name.strip_prefix('f').filter(|n| !n.starts_with('0')) {
            return number.parse().ok().filter(|n| (1..=12).contains(n)).map(Self::F);
        }
        let mut rest = name.strip_prefix("ctrl-")?.chars();
        match (rest.next(), rest.next()) {
            (Some(c @ 'a'..='z'), None) => Some(Self::Ctrl(c)),
            _ => None,
        }
    }

    /// How a config writes it.
    #[must_use]
    pub fn name(self) -> String {
        let word = NAMED.iter().find(|(_, key)| *key == self).map(|(word, _)| (*word).to_owned());
        word.unwrap_or_else(|| self.to_string())
    }
}
