//! What is made of git's printed answers, without a repository: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::change::Meaning;
use super::command::{parse_commits, parse_diff, parse_ref};
use crate::domain::code::{Commit, FileDelta};
use crate::domain::{Fault, Settings};

/// The names and commits in a line of `for-each-ref`; none if it is not understood.
#[must_use]
pub fn reference(line: &str) -> Option<(String, Option<String>)> {
    let parsed = parse_ref(line)?;
    Some((parsed.name, parsed.commit.map(|(id, _)| id)))
}

/// The commits in what `rev-list` printed, with their messages as they were stored; none if it is not understood.
///
/// # Errors
/// Never with the settings that are used here.
pub fn commits(listing: &[u8]) -> Result<Option<Vec<(Commit, String)>>, Fault> {
    let meaning = Meaning::of(&Settings::default())?;
    let Some(raw) = parse_commits(listing) else { return Ok(None) };
    Ok(Some(raw.into_iter().map(|raw| (meaning.commit(&raw), raw.message)).collect()))
}

/// Files with what became of them, lines added, lines removed.
pub type Diff = (Vec<(String, FileDelta)>, usize, usize);

/// The files in what `diff-tree` printed, and how many lines were added and removed; none if it is not understood.
#[must_use]
pub fn diff(output: &[u8]) -> Option<Diff> {
    let diff = parse_diff(output)?;
    let files = diff.files.into_iter().map(|file| (file.path, file.delta)).collect();
    Some((files, diff.added, diff.removed))
}
