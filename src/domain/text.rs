//! Text from outside, made safe once, at the ingress.
//!
//! [`SafeText`] is the only text type that providers may hand inward. It knows which characters steer a
//! terminal or deceive a reader; it knows nothing of screens. Control characters, bidirectional controls,
//! zero-width characters, tags, variation selectors and private-use characters become *visible* escapes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::UnicodeWidthChar;

/// The longest text that is kept, in characters; what is longer ends in `…(+N, hash)`.
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
    let mut out = Output::default();
    let mut marks = MARKS;
    for (index, c) in raw.chars().enumerate() {
        out.before(index);
        match c {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            c if steers(c) => out.number(c),
            // A mark without a base would change what stands before this text.
            c if c.width() == Some(0) && marks == MARKS => {
                out.number(c);
                continue;
            }
            c if c.width() == Some(0) => {
                out.push(c);
                marks += 1;
                continue;
            }
            c => out.push(c),
        }
        marks = if c == ' ' || c == '\t' { MARKS } else { 0 };
        if out.full() {
            return out.cut(raw);
        }
    }
    out.text
}

/// What a cleaned text becomes, and where it is cut if it becomes too long: what was cleaned once stays as it is.
#[derive(Default)]
struct Output {
    text: String,
    chars: usize,
    /// Where the text would be cut: bytes of it, and how many characters of the raw text those show.
    edge: (usize, usize),
}

impl Output {
    /// Room for what says that something is missing.
    const SAYS: usize = 48;

    /// The next character is the one with this number.
    fn before(&mut self, index: usize) {
        if self.chars <= LONGEST - Self::SAYS {
            self.edge = (self.text.len(), index);
        }
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.chars += 1;
    }

    fn number(&mut self, c: char) {
        let number = format!("\\u{{{:x}}}", u32::from(c));
        self.chars += number.len();
        self.text.push_str(&number);
    }

    const fn full(&self) -> bool {
        self.chars > LONGEST
    }

    /// Two texts that differ only where they are cut off stay different: the hash tells.
    fn cut(mut self, raw: &str) -> String {
        let (bytes, shown) = self.edge;
        self.text.truncate(bytes);
        let hash = raw
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        self.text.push_str(&format!("…(+{}, {hash:016x})", raw.chars().count() - shown));
        self.text
    }
}

/// Whether a character can steer the terminal, reorder text, or hide in it; or joins with its neighbours into a shape
/// whose width terminals do not agree about (conjoining Hangul, flags, the colours of hands).
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00ad | 0x034f | 0x061c | 0x1100..=0x11ff | 0x17b4 | 0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xa960..=0xa97f | 0xd7b0..=0xd7ff
            | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x13430..=0x1343f
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0x1f1e6..=0x1f1ff | 0x1f3fb..=0x1f3ff
            | 0xe0000..=0xe0fff | 0xf0000..=0x10_ffff)
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
    use proptest::prelude::*;

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
    fn it_is_borrowed_compared_and_shown_as_the_text_that_it_is() {
        let safe = SafeText::from(String::from("two\nlines"));
        assert_eq!(AsRef::<str>::as_ref(&safe), "two⏎lines");
        assert_eq!(std::borrow::Borrow::<str>::borrow(&safe), "two⏎lines");
        assert_eq!(SafeText::from("two\nlines"), safe);
        assert_eq!(format!("{safe:?} {safe:>10} {safe}"), "\"two⏎lines\"  two⏎lines two⏎lines");
        for other in ["two", ""] {
            assert!(safe != *other && safe != other, "{other:?}");
        }
        assert!(safe == *"two⏎lines" && safe == "two⏎lines");
        assert!(!safe.is_empty() && SafeText::new("").is_empty());
        assert!(std::collections::BTreeSet::from([safe]).contains("two⏎lines"));
    }

    #[test]
    fn the_first_line_is_the_first_without_what_stands_behind_it() {
        for (raw, first) in [("one\ntwo", "one"), ("one \t\r\ntwo", "one"), ("", ""), ("\none", "")] {
            assert_eq!(SafeText::first_line(raw), first, "{raw:?}");
        }
    }

    #[test]
    fn only_a_text_of_visible_ascii_takes_the_short_way() {
        for (raw, safe) in
            [("\u{1f}", "\\u{1f}"), (" ~", " ~"), ("\u{7f}", "\\u{7f}"), ("a\u{80}", "a\\u{80}")]
        {
            assert_eq!(SafeText::new(raw), safe);
        }
        assert_eq!(SafeText::new(&"x".repeat(LONGEST)), "x".repeat(LONGEST).as_str());
        assert_eq!(
            SafeText::new(&"x".repeat(LONGEST + 1)).as_str().matches('x').count(),
            LONGEST - Output::SAYS
        );
    }

    #[test]
    fn a_flood_of_combining_marks_is_broken() {
        let flood = format!("e{}", "\u{301}".repeat(50));
        let safe = SafeText::new(&flood);
        assert_eq!(safe.as_str().matches('\u{301}').count(), MARKS);
    }

    #[test]
    fn a_mark_without_a_base_is_shown_as_its_number() {
        assert_eq!(SafeText::new("\u{301}x").as_str(), "\\u{301}x");
        assert_eq!(SafeText::new("a \u{338}").as_str(), "a \\u{338}");
        assert_eq!(SafeText::new("e\u{301}").as_str(), "e\u{301}");
    }

    #[test]
    fn an_endless_text_is_cut_and_says_so() {
        let safe = SafeText::new(&"ä".repeat(LONGEST + 7));
        assert!(
            safe.as_str().contains(&format!("…(+{}, ", Output::SAYS + 7)) && safe.as_str().ends_with(')'),
            "{safe}"
        );
        let one = SafeText::new(&("ä".repeat(LONGEST) + "one"));
        assert_ne!(one, SafeText::new(&("ä".repeat(LONGEST) + "two")), "both are cut at the same place");
        assert_eq!(SafeText::new(&"ä".repeat(LONGEST)).as_str().chars().count(), LONGEST);
    }

    proptest! {
        #[test]
        fn what_was_cleaned_once_stays_as_it_is(raw in any::<String>(), times in 1usize..200) {
            let once = SafeText::new(&raw.repeat(times));
            prop_assert!(once.as_str().chars().count() <= LONGEST);
            prop_assert_eq!(SafeText::new(once.as_str()), once);
        }
    }
}
