//! The user's own files: config and theme.

use std::path::PathBuf;

use gonogo::config::{Surroundings, load};
use gonogo::provider::KINDS;
use gonogo::theme::{Role, Theme};

use super::is_safe;

/// That a place is one of the text.
fn within(text: &str, line: usize, column: usize) {
    let lines = text.matches('\n').count() + 1;
    assert!((1..=lines).contains(&line), "line {line} of {lines}");
    let length = text.split('\n').nth(line - 1).map_or(0, |line| line.chars().count());
    assert!((1..=length + 1).contains(&column), "column {column} of {length} in line {line}");
}

/// The config: read, or every mistake with a place in the text and words that are safe to print.
pub(crate) fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let around = Surroundings { home: Some(PathBuf::from("/home/ann")), ..Surroundings::default() };
    let Err(errors) = load(&text, "config.toml", &around, KINDS) else { return };
    assert!(!errors.mistakes().is_empty(), "an error says what is wrong");
    for mistake in errors.mistakes() {
        within(&text, mistake.line, mistake.column);
        is_safe(mistake.cause.as_str());
    }
    errors.to_string().lines().for_each(|line| assert!(!line.chars().any(char::is_control), "{line:?}"));
    let again = load(&text, "config.toml", &around, KINDS).expect_err("the same text");
    assert_eq!(again, errors, "the same mistakes");
}

/// A theme: every role has a style, or every mistake has a place.
pub(crate) fn theme(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Theme::parse(&text) {
        Ok(theme) => {
            let styles = Role::ALL.iter().map(|role| theme.style(*role));
            assert_eq!(styles.count(), Role::ALL.len());
        }
        Err(error) => {
            assert!(!error.mistakes.is_empty(), "an error says what is wrong");
            error.mistakes.iter().for_each(|mistake| within(&text, mistake.line, mistake.column));
        }
    }
}
