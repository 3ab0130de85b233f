//! What is asked of whoever reads a repository, in git's own terms.
//!
//! Two readers answer: the library and the `git` command. Everything that is made of the answers is made once,
//! in `look`, so both give the same.

use std::collections::BTreeSet;

use crate::domain::Fault;
use crate::domain::code::FileDelta;

/// The largest file whose lines are counted, in bytes.
pub(super) const LARGEST_FILE: i64 = 8 << 20;

/// In how many files lines are counted.
pub(super) const COUNTED: usize = 5_000;

/// How many files are compared for renames.
pub(super) const RENAMES: usize = 200;

/// What HEAD is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A branch without a commit: an empty repository, or a fresh branch.
    Unborn(String),
    /// A branch, and its commit.
    Branch(String, String),
    /// A commit.
    Detached(String),
}

/// Everything that a listing of branches and tags depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) head: Head,
    /// Full names, the objects that they name, and upstreams, sorted by name.
    pub(super) refs: Vec<(String, String, Option<String>)>,
    /// Commits at which a shallow clone's history ends.
    pub(super) shallow: BTreeSet<String>,
}

/// A branch or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ref {
    /// `refs/tags/v1.0.0`.
    pub(super) name: String,
    /// The commit it leads to.
    pub(super) commit: String,
    /// Committer time of that commit, in seconds.
    pub(super) at: i64,
    /// `refs/remotes/origin/main`.
    pub(super) upstream: Option<String>,
}

/// A commit as it is stored.
#[derive(Clone, Debug)]
pub(super) struct RawCommit {
    pub(super) sha: String,
    pub(super) message: String,
    pub(super) author: String,
    pub(super) email: String,
    pub(super) at: i64,
}

/// A file that differs.
#[derive(Clone, Debug)]
pub(super) struct RawFile {
    pub(super) path: String,
    pub(super) delta: FileDelta,
}

/// What differs between two commits' trees.
#[derive(Clone, Debug, Default)]
pub(super) struct RawDiff {
    /// All of them, in no particular order.
    pub(super) files: Vec<RawFile>,
    /// In the first [`COUNTED`] files.
    pub(super) added: usize,
    pub(super) removed: usize,
}

/// Reads one repository. Commit ids are full, lower-case hex.
pub(super) trait Reading {
    /// HEAD, refs and shallow boundary.
    fn state(&mut self) -> Result<State, Fault>;

    /// Every ref that leads to a commit.
    fn refs(&mut self, state: &State) -> Result<Vec<Ref>, Fault>;

    /// The commit whose id begins so; none if there is none or more than one.
    fn commit_id(&mut self, hex: &str) -> Result<Option<String>, Fault>;

    /// How many commits only `one` has, and how many only `other` has.
    fn apart(&mut self, one: &str, other: &str) -> Result<(usize, usize), Fault>;

    /// Whether two commits share history.
    fn related(&mut self, one: &str, other: &str) -> Result<bool, Fault>;

    /// Commits that `head` has and `base` has not: children before parents, newest first, at most `most`.
    fn commits(&mut self, base: &str, head: &str, most: usize) -> Result<Vec<RawCommit>, Fault>;

    /// The ids of the same commits, all of them. For shallow clones, whose history is short.
    fn ids(&mut self, base: &str, head: &str) -> Result<BTreeSet<String>, Fault>;

    /// What differs between the trees.
    fn diff(&mut self, base: &str, head: &str) -> Result<RawDiff, Fault>;
}
