//! What lies in a repository: branches, tags, and the change set between two revisions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::name::ServiceName;
use super::text::SafeText;

/// A full commit id in lower-case hex: 40 characters (SHA-1) or 64 (SHA-256).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha(pub SafeText);

impl Sha {
    /// A commit id from text.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        Self(SafeText::new(&raw.to_ascii_lowercase()))
    }

    /// The first seven characters, for showing only.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.as_str().get(..7).unwrap_or(self.0.as_str())
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for Sha {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.short())
    }
}

/// Who reads the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// The library.
    Libgit2,
    /// `git`'s own output, because the library cannot open this repository; why.
    GitCommand(SafeText),
}

/// A branch and where it stands against its upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// `main`, `release/2.15`.
    pub name: SafeText,
    /// Its tip.
    pub tip: Sha,
    /// Upstream's name, and how many commits ahead of and behind it the branch is.
    pub upstream: Option<Upstream>,
}

/// A branch's upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// `origin/main`.
    pub name: SafeText,
    /// Commits that only the branch has.
    pub ahead: usize,
    /// Commits that only the upstream has.
    pub behind: usize,
}

/// A tag, peeled to its commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// `v2.15.0`.
    pub name: SafeText,
    /// The commit it names.
    pub commit: Sha,
    /// Committer time of that commit.
    pub at: Option<Timestamp>,
}

/// One look at a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Name of the checked-out branch, none when detached.
    pub head: Option<SafeText>,
    /// Commit at HEAD, none in an empty repository.
    pub tip: Option<Sha>,
    /// Local branches, newest first, at most 100.
    pub branches: Vec<Branch>,
    /// Tags, highest semantic version first, then newest; at most 500.
    pub tags: Vec<Tag>,
    /// Who read it.
    pub reader: Reader,
    /// What an operator should know: "shallow clone: history ends at 3f2c1aa".
    pub remarks: Vec<SafeText>,
    /// The change sets that were asked for, each answered or with the reason why not.
    pub changes: BTreeMap<Span, Result<ChangeSet, Fault>>,
}

impl Repository {
    /// The highest version tag on `commit`, if any.
    #[must_use]
    pub fn tag_of(&self, commit: &Sha) -> Option<&Tag> {
        self.tags.iter().find(|tag| &tag.commit == commit)
    }

    /// The commit that `name` (a tag, branch or full id) means here.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<&Sha> {
        self.tags
            .iter()
            .find(|tag| tag.name == name || tag.name.as_str().strip_prefix('v') == Some(name))
            .map(|tag| &tag.commit)
            .or_else(|| self.branches.iter().find(|b| b.name == name).map(|b| &b.tip))
    }
}

/// From what runs to what would run: two revisions as git understands them (tag, branch, commit id).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// What runs.
    pub base: SafeText,
    /// What would run.
    pub head: SafeText,
}

/// A question to a code source: the change set of `span` in the repository of `service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpanAsk {
    /// Whose repository.
    pub service: ServiceName,
    /// Between which revisions.
    pub span: Span,
}

/// What lies between what runs and what would run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Commit of the base.
    pub base: Option<Sha>,
    /// Commit of the head.
    pub head: Option<Sha>,
    /// Commits that the head has and the base has not, newest first; at most 500 are kept.
    pub commits: Vec<Commit>,
    /// How many there are in all.
    pub total: usize,
    /// Commits that the base has and the head has not: above zero, shipping head takes them away.
    pub lost: usize,
    /// Files that differ, at most 2,000 kept.
    pub files: Vec<FileChange>,
    /// How many files differ in all.
    pub files_total: usize,
    /// Lines added in all files.
    pub added: usize,
    /// Lines removed in all files.
    pub removed: usize,
    /// Ticket keys in commit messages, each once, in order of first appearance.
    pub tickets: Vec<SafeText>,
    /// Authors' names, most commits first.
    pub authors: Vec<SafeText>,
    /// What an operator should know: "diff cut at 2,000 files".
    pub remarks: Vec<SafeText>,
}

impl ChangeSet {
    /// Files of one kind.
    pub fn of_kind(&self, kind: FileKind) -> impl Iterator<Item = &FileChange> {
        self.files.iter().filter(move |file| file.kind == kind)
    }

    /// How many breaking changes the commit messages announce.
    #[must_use]
    pub fn breaking(&self) -> usize {
        self.commits.iter().filter(|c| c.breaking == Breaking::Yes).count()
    }
}

/// Whether a commit announces a breaking change (`!` or `BREAKING CHANGE:`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breaking {
    /// Announced.
    Yes,
    /// Not announced.
    No,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id.
    pub sha: Sha,
    /// First line of the message; without the conventional prefix if there was one.
    pub subject: SafeText,
    /// Conventional type: `feat`, `fix`, `revert` ...; none if the message is not conventional.
    pub kind: Option<SafeText>,
    /// Conventional scope.
    pub scope: Option<SafeText>,
    /// Whether it announces a breaking change.
    pub breaking: Breaking,
    /// Author's name.
    pub author: SafeText,
    /// Author's e-mail address, for matching identities.
    pub email: SafeText,
    /// Committer time.
    pub at: Timestamp,
    /// Ticket keys in the message.
    pub tickets: Vec<SafeText>,
}

/// What a file means for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A database migration, by the configured patterns.
    Migration,
    /// A configuration file, by the configured patterns.
    Config,
    /// Anything else.
    Other,
}

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileDelta {
    /// New.
    Added,
    /// Changed.
    Modified,
    /// Gone.
    Deleted,
    /// Moved, perhaps changed.
    Renamed,
}

/// One file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Path in the head's tree (in the base's, if deleted).
    pub path: SafeText,
    /// How it changed.
    pub delta: FileDelta,
    /// What it means.
    pub kind: FileKind,
}
