//! What is made of git's output, without git: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::{differ, fault, reading};
use crate::domain::{Difference, Fault, SafeText};

/// Everything that is read of one output, whichever command's it is taken for.
#[derive(Debug)]
pub struct Read {
    /// What it would be as a failed command.
    pub fault: Fault,
    /// What it would tell of a file as a diff.
    pub differences: Vec<Difference>,
    /// Branches, commits and files that it would name; none if it is none of these listings.
    pub named: Vec<SafeText>,
    /// Whether it would be taken for a push to this branch that the server took.
    pub taken: bool,
}

/// Reads an output in every way there is.
#[must_use]
pub fn read(output: &[u8], reference: &str) -> Read {
    let text = String::from_utf8_lossy(output);
    let mut named = Vec::new();
    if let Ok(tips) = reading::tips(output) {
        named.extend(tips.branches.keys().map(|name| SafeText::new(name)));
    }
    if let Ok(changes) = reading::changes(output) {
        named.extend(changes.iter().map(|change| SafeText::new(&change.subject)));
    }
    if let Ok(files) = reading::files(output) {
        named.extend(files.iter().map(|file| SafeText::new(&String::from_utf8_lossy(&file.path))));
    }
    if let Ok(Some((kind, _))) = reading::entry(output) {
        named.push(SafeText::new(&kind));
    }
    Read {
        fault: fault::of(&text, "git"),
        differences: differ::told("file", &differ::values(&text)).collect(),
        named,
        taken: reading::pushed(&text, reference).0 == reading::Pushed::Taken,
    }
}
