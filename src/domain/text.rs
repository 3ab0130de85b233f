//! Text from outside, made safe once, at the ingress.
//!
//! [`SafeText`] is the only text type that providers may hand inward. It knows which characters steer a
//! terminal or deceive a reader; it knows nothing of screens. Control characters, bidirectional controls,
//! zero-width characters, tags, variation selectors and private-use characters become *visible* escapes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::UnicodeWidthChar;

/// The longest text that is kept, in characters; what is longer ends in `…(+N)`.
pub const LONGEST: usize = 4096;

/// How many combining marks may follow one base character before they are shown as escapes.
const MARKS: usize = 3;

/// Text that can be drawn, printed and logged as it is: no character in it steers a terminal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SafeText(Arc<str>);

impl SafeText {
    /// Cleans `raw`: the one way in.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        if raw.len() <= LONGEST && raw.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Self(Arc::from(raw));
        }
        Self(Arc::from(clean(raw)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first line of a longer message, cleaned.
    #[must_use]
    pub fn first_line(raw: &str) -> Self {
        Self::new(raw.lines().next().unwrap_or_default().trim_end())
    }
}

fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut marks = 0;
    let total = raw.chars().count();
    for (index, c) in raw.chars().enumerate() {
        if index == LONGEST {
            out.push_str(&format!("…(+{})", total - LONGEST));
            break;
        }
        match c {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            c if steers(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c if c.width() == Some(0) => {
                marks += 1;
                if marks > MARKS {
                    out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
                } else {
                    out.push(c);
                }
                continue;
            }
            c => out.push(c),
        }
        marks = 0;
    }
    out
}

/// Whether a character can steer the terminal, reorder text, or hide in it.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00ad | 0x034f | 0x061c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164
            | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff | 0xf0000..=0x10ffff)
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<&str> for SafeText {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl From<String> for SafeText {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl AsRef<str> for SafeText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for SafeText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for SafeText {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for SafeText {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl Serialize for SafeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SafeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_becomes_visible() {
        for (raw, safe) in [
            ("plain", "plain"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("c1\u{9b}31m", "c1\\u{9b}31m"),
            ("two\nlines", "two⏎lines"),
            ("bell\u{7}", "bell\\u{7}"),
            ("größe", "größe"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(SafeText::new(raw).as_str(), safe);
        }
    }

    #[test]
    fn a_flood_of_combining_marks_is_broken() {
        let flood = format!("e{}", "\u{301}".repeat(50));
        let safe = SafeText::new(&flood);
        assert_eq!(safe.as_str().matches('\u{301}').count(), MARKS);
    }

    #[test]
    fn an_endless_text_is_cut_and_says_so() {
        let safe = SafeText::new(&"ä".repeat(LONGEST + 7));
        assert!(safe.as_str().ends_with("…(+7)"), "{safe}");
    }
}
