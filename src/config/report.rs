//! What is wrong with a config file, told all at once: place, cause, snippet, what would mend it.
//!
//! Knows the text only while a mistake is noted. What it keeps and prints never shows a value that may be a
//! secret: such values are masked in the snippet, and causes never quote them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::domain::SafeText;

/// A stretch of the file, in bytes.
pub(super) type Spot = Range<usize>;

/// What is shown in place of a value that may be a secret.
const MASK: &str = "•••";

/// The longest line that is shown whole, in characters.
const LONGEST_LINE: usize = 160;

/// One mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, in one sentence.
    pub cause: SafeText,
    /// What would mend it.
    pub hint: Option<SafeText>,
    snippet: String,
    caret: String,
}

/// Every mistake of one file, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    file: SafeText,
    mistakes: Vec<Mistake>,
}

impl ConfigErrors {
    /// The mistakes, in the order of the file.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.mistakes {
            let Mistake { line, column, cause, hint, snippet, caret } = mistake;
            let gutter = " ".repeat(line.to_string().len());
            writeln!(f, "{}:{line}:{column}: {cause}", self.file)?;
            writeln!(f, " {gutter} |")?;
            writeln!(f, " {line} | {snippet}")?;
            writeln!(f, " {gutter} | {caret}")?;
            if let Some(hint) = hint {
                writeln!(f, " {gutter} = {hint}")?;
            }
            writeln!(f)?;
        }
        match self.mistakes.len() {
            1 => write!(f, "1 mistake in {}", self.file),
            n => write!(f, "{n} mistakes in {}", self.file),
        }
    }
}

/// Collects mistakes while the file is read and checked.
#[derive(Default)]
pub(super) struct Mistakes {
    noted: BTreeMap<(usize, usize, String), Option<String>>,
    hidden: Vec<Spot>,
}

impl Mistakes {
    /// Notes a mistake; the same one at the same place counts once.
    pub(super) fn note(&mut self, at: &Spot, cause: impl Into<String>, hint: Option<String>) {
        let slot = self.noted.entry((at.start, at.end, cause.into())).or_default();
        if slot.is_none() {
            *slot = hint;
        }
    }

    /// Notes a mistake with what would mend it.
    pub(super) fn hinted(&mut self, at: &Spot, cause: impl Into<String>, hint: impl Into<String>) {
        self.note(at, cause, Some(hint.into()));
    }

    /// Never shows what stands there.
    pub(super) fn hide(&mut self, at: &Spot) {
        self.hidden.push(at.clone());
    }

    /// Whether nothing was noted.
    pub(super) fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    /// The mistakes as the user will read them.
    pub(super) fn into_errors(self, file: &str, text: &str) -> ConfigErrors {
        let lines = Lines::of(text);
        let mistakes = self
            .noted
            .into_iter()
            .map(|((start, end, cause), hint)| {
                let place = lines.place(text, start);
                let (snippet, caret) = draw(text, &place, &(start..end), &self.hidden);
                Mistake {
                    line: place.line,
                    column: place.column,
                    cause: SafeText::new(&cause),
                    hint: hint.map(|hint| SafeText::new(&hint)),
                    snippet,
                    caret,
                }
            })
            .collect();
        ConfigErrors { file: SafeText::new(file), mistakes }
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

/// A place in the file.
pub(super) struct Place {
    /// Counted from 1.
    pub(super) line: usize,
    /// In characters, counted from 1.
    pub(super) column: usize,
    /// The line's bytes, without its end.
    span: Spot,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    pub(super) fn place(&self, text: &str, at: usize) -> Place {
        let line = self.0.partition_point(|start| *start <= at).max(1);
        let start = self.0.get(line - 1).copied().unwrap_or_default();
        let end = self.0.get(line).map_or(text.len(), |next| next - 1);
        let before = text.get(start..at.min(end)).unwrap_or_default();
        Place { line, column: before.chars().count() + 1, span: start..end }
    }
}

/// From where to where a line is worth drawing, around the byte `at`.
fn near(text: &str, line: &Spot, at: usize) -> (usize, usize) {
    let floor = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = line.start.max(floor(at.saturating_sub(4 * LONGEST_LINE)));
    let end = line.end.min(floor(at.saturating_add(4 * LONGEST_LINE).min(text.len())));
    (start, end.max(start))
}

/// The line with what must not be seen masked, and the caret line under it.
fn draw(text: &str, place: &Place, at: &Spot, hidden: &[Spot]) -> (String, String) {
    let (mut line, mut before, mut under) = (String::new(), 0, 0);
    let mut masked = false;
    // Only what may be shown is drawn: a line may be long, and have many mistakes.
    let (start, end) = near(text, &place.span, at.start);
    let mut spots: Vec<&Spot> = hidden.iter().filter(|s| s.start < end && s.end > start).collect();
    spots.sort_by_key(|spot| spot.start);
    let mut spots = spots.into_iter().peekable();
    let mut hidden_to = start;
    for (offset, c) in text.get(start..end).unwrap_or_default().trim_end().char_indices() {
        let byte = start + offset;
        while let Some(spot) = spots.next_if(|spot| spot.start <= byte) {
            hidden_to = hidden_to.max(spot.end);
        }
        let piece = if byte < hidden_to {
            let piece = if masked { String::new() } else { MASK.to_owned() };
            masked = true;
            piece
        } else {
            masked = false;
            SafeText::new(c.encode_utf8(&mut [0; 4])).as_str().to_owned()
        };
        let width = piece.width();
        if byte < at.start {
            before += width;
        } else if byte < at.end {
            under += width;
        }
        line.push_str(&piece);
    }
    let cut = before.saturating_sub(LONGEST_LINE / 2);
    let ahead = cut > 0 || start > place.span.start;
    if ahead || line.width() > LONGEST_LINE {
        let shown: String = line.chars().skip(cut).take(LONGEST_LINE).collect();
        line = format!("{}{shown}…", if ahead { "…" } else { "" });
        before = if ahead { before - cut + 1 } else { before };
    }
    let under = under.clamp(1, LONGEST_LINE.saturating_sub(before).max(1));
    (line, format!("{}{}", " ".repeat(before), "^".repeat(under)))
}

/// `did you mean "x"?`, or the whole choice if nothing is near.
pub(super) fn suggest(said: &str, choice: &[&str], quote: char) -> Option<String> {
    let folded = said.to_lowercase();
    let near = choice
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&folded, &word.to_lowercase()), *word))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, word)| *distance <= word.chars().count().max(said.chars().count()).div_ceil(3));
    let all = || choice.iter().map(|w| format!("{quote}{w}{quote}")).collect::<Vec<_>>().join(", ");
    match near {
        Some((_, word)) => Some(format!("did you mean {quote}{word}{quote}?")),
        None if choice.is_empty() => None,
        None => Some(format!("there is {}", all())),
    }
}
