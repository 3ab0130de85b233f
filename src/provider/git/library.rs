//! Reads a repository with the library. The only module that says `git2`.
//!
//! Owner validation stays on. The library runs no hooks, filters, textconv or fsmonitor of a repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::{Delta, Diff, DiffFindOptions, DiffOptions, ErrorCode, Oid, Patch, Repository, Sort};

use super::reading::{
    COUNTED, Head, LARGEST_FILE, RENAMES, RawCommit, RawDiff, RawFile, Reading, Ref, State,
};
use crate::domain::code::FileDelta;
use crate::domain::{Cause, Fault, SafeText};

/// Why the library does not read a repository.
pub(super) enum NotOpened {
    /// Its format is newer than the library; the command may know it.
    Unsupported(SafeText),
    /// It cannot or must not be read.
    Fault(Fault),
}

/// An open repository.
pub(super) struct Library(Repository);

impl Library {
    /// Opens the repository at `path` and no other: parent folders are not searched.
    pub(super) fn open(path: &Path) -> Result<Self, NotOpened> {
        Repository::open(path).map(Self).map_err(|error| not_opened(path, &error))
    }

    fn oid(&self, hex: &str) -> Result<Oid, Fault> {
        Oid::from_str_ext(hex, self.0.object_format()).map_err(|e| fault("read a commit id", &e))
    }
}

fn not_opened(path: &Path, error: &git2::Error) -> NotOpened {
    let message = error.message();
    let unsupported = ["unknown object format", "unsupported extension", "unsupported repository version"];
    if unsupported.iter().any(|text| message.contains(text)) {
        return NotOpened::Unsupported(SafeText::first_line(message));
    }
    NotOpened::Fault(match error.code() {
        ErrorCode::Owner => foreign_owner(path),
        ErrorCode::NotFound => super::not_a_repository(path),
        _ => fault("open", error),
    })
}

/// The library's version, such as `1.9.7`.
#[must_use]
pub fn library_version() -> String {
    let (major, minor, revision) = git2::Version::get().libgit2_version();
    format!("{major}.{minor}.{revision}")
}

/// A repository on this machine, and what its remotes are called and where they lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Its work tree, or its own folder if it is bare.
    pub folder: PathBuf,
    /// Name and address of each remote, as they stand in its configuration: text from outside. An address may carry
    /// a credential.
    pub remotes: Vec<(String, String)>,
}

/// The repository that `start` lies in.
///
/// # Errors
/// A `Local` fault when there is none, or when it is somebody else's.
pub fn checkout(start: &Path) -> Result<Checkout, Fault> {
    let repository = Repository::discover(start).map_err(|error| match not_opened(start, &error) {
        NotOpened::Fault(fault) => fault,
        NotOpened::Unsupported(why) => Fault::new(Cause::Local, why),
    })?;
    let folder = repository.workdir().unwrap_or_else(|| repository.path()).to_owned();
    let names = repository.remotes().map_err(|e| fault("list the remotes", &e))?;
    let mut remotes = Vec::new();
    for name in names.iter().filter_map(|name| name.ok().flatten()) {
        if let Ok(remote) = repository.find_remote(name)
            && let Ok(url) = remote.url()
        {
            remotes.push((name.to_owned(), url.to_owned()));
        }
    }
    Ok(Checkout { folder, remotes })
}

/// The folder belongs to somebody else, who could have prepared it.
pub(super) fn foreign_owner(path: &Path) -> Fault {
    let path = path.display();
    Fault::new(Cause::Local, format!("{path} belongs to another user; git does not trust it"))
        .with_hint(format!("if you do: git config --global --add safe.directory {path}"))
}

fn fault(what: &str, error: &git2::Error) -> Fault {
    let message = error.message().lines().next().unwrap_or_default();
    Fault::new(Cause::Local, format!("git could not {what}: {message}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Reading for Library {
    fn state(&mut self) -> Result<State, Fault> {
        let mut refs = Vec::new();
        for reference in self.0.references().map_err(|e| fault("list branches and tags", &e))? {
            // A broken ref must not hide the others.
            let Ok(reference) = reference else { continue };
            let Some(target) = reference.target().or_else(|| reference.resolve().ok()?.target()) else {
                continue;
            };
            let name = text(reference.name_bytes());
            let upstream = name
                .starts_with("refs/heads/")
                .then(|| self.0.branch_upstream_name(&name).ok().map(|name| text(&name)))
                .flatten();
            refs.push((name, target.to_string(), upstream));
        }
        refs.sort();
        Ok(State { head: self.head()?, refs, shallow: self.shallow() })
    }

    fn refs(&mut self, state: &State) -> Result<Vec<Ref>, Fault> {
        let mut refs = Vec::with_capacity(state.refs.len());
        for (name, target, upstream) in &state.refs {
            let object = self.0.find_object(self.oid(target)?, None);
            let Ok(commit) = object.and_then(|object| object.peel_to_commit()) else { continue };
            refs.push(Ref {
                name: name.clone(),
                commit: commit.id().to_string(),
                at: commit.time().seconds(),
                upstream: upstream.clone(),
            });
        }
        Ok(refs)
    }

    fn commit_id(&mut self, hex: &str) -> Result<Option<String>, Fault> {
        if Oid::from_str_ext(hex, self.0.object_format()).is_err() {
            // Longer than this repository's ids.
            return Ok(None);
        }
        match self.0.find_commit_by_prefix(hex) {
            Ok(commit) => Ok(Some(commit.id().to_string())),
            Err(e)
                if matches!(
                    e.code(),
                    ErrorCode::NotFound | ErrorCode::Ambiguous | ErrorCode::InvalidSpec
                ) =>
            {
                Ok(None)
            }
            Err(e) => Err(fault("find a commit", &e)),
        }
    }

    fn apart(&mut self, one: &str, other: &str) -> Result<(usize, usize), Fault> {
        let (one, other) = (self.oid(one)?, self.oid(other)?);
        self.0.graph_ahead_behind(one, other).map_err(|e| fault("count commits", &e))
    }

    fn related(&mut self, one: &str, other: &str) -> Result<bool, Fault> {
        match self.0.merge_base(self.oid(one)?, self.oid(other)?) {
            Ok(_) => Ok(true),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(false),
            Err(e) => Err(fault("compare histories", &e)),
        }
    }

    fn commits(&mut self, base: &str, head: &str, most: usize) -> Result<Vec<RawCommit>, Fault> {
        let mut commits = Vec::new();
        for id in self.walk(base, head)?.take(most) {
            let commit = id.and_then(|id| self.0.find_commit(id)).map_err(|e| fault("read a commit", &e))?;
            let author = commit.author();
            commits.push(RawCommit {
                sha: commit.id().to_string(),
                message: text(commit.message_bytes()),
                author: text(author.name_bytes()),
                email: text(author.email_bytes()),
                at: commit.time().seconds(),
            });
        }
        Ok(commits)
    }

    fn ids(&mut self, base: &str, head: &str) -> Result<BTreeSet<String>, Fault> {
        let ids = self.walk(base, head)?.map(|id| id.map(|id| id.to_string()));
        ids.collect::<Result<_, _>>().map_err(|e| fault("walk the history", &e))
    }

    fn diff(&mut self, base: &str, head: &str) -> Result<RawDiff, Fault> {
        let tree = |hex: &str| {
            let commit = self.oid(hex).map(|id| self.0.find_commit(id));
            commit?.and_then(|commit| commit.tree()).map_err(|e| fault("read a tree", &e))
        };
        let (base, head) = (tree(base)?, tree(head)?);
        let mut options = DiffOptions::new();
        options.max_size(LARGEST_FILE).context_lines(0);
        let diff = self.0.diff_tree_to_tree(Some(&base), Some(&head), Some(&mut options));
        let mut diff = diff.map_err(|e| fault("compare trees", &e))?;
        let mut find = DiffFindOptions::new();
        find.renames(true).rename_limit(RENAMES);
        diff.find_similar(Some(&mut find)).map_err(|e| fault("find renames", &e))?;
        described(&diff)
    }
}

impl Library {
    fn head(&self) -> Result<Head, Fault> {
        let reference = self.0.find_reference("HEAD").map_err(|e| fault("read HEAD", &e))?;
        if let Some(target) = reference.target() {
            return Ok(Head::Detached(target.to_string()));
        }
        let name = text(reference.symbolic_target_bytes().unwrap_or_default());
        let branch = name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned();
        match reference.peel_to_commit() {
            Ok(commit) => Ok(Head::Branch(branch, commit.id().to_string())),
            Err(e) if matches!(e.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => {
                Ok(Head::Unborn(branch))
            }
            Err(e) => Err(fault("read HEAD", &e)),
        }
    }

    fn shallow(&self) -> BTreeSet<String> {
        if !self.0.is_shallow() {
            return BTreeSet::new();
        }
        // A boundary that cannot be read is a boundary nowhere known: an empty id keeps the clone "shallow".
        let file =
            std::fs::read_to_string(self.0.commondir().join("shallow")).unwrap_or_else(|_| "\n".to_owned());
        file.lines().map(|line| line.trim().to_owned()).collect()
    }

    fn walk(&self, base: &str, head: &str) -> Result<git2::Revwalk<'_>, Fault> {
        let (base, head) = (self.oid(base)?, self.oid(head)?);
        let walk = || {
            let mut walk = self.0.revwalk()?;
            walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
            walk.push(head)?;
            walk.hide(base)?;
            Ok(walk)
        };
        walk().map_err(|e: git2::Error| fault("walk the history", &e))
    }
}

fn described(diff: &Diff<'_>) -> Result<RawDiff, Fault> {
    let mut found = RawDiff::default();
    for (index, delta) in diff.deltas().enumerate() {
        if index < COUNTED {
            let patch = Patch::from_diff(diff, index).map_err(|e| fault("compare a file", &e))?;
            let lines = patch.map(|patch| patch.line_stats()).transpose();
            let (_, added, removed) = lines.map_err(|e| fault("count lines", &e))?.unwrap_or_default();
            found.added += added;
            found.removed += removed;
        }
        let (kind, file) = match delta.status() {
            Delta::Added => (FileDelta::Added, delta.new_file()),
            Delta::Deleted => (FileDelta::Deleted, delta.old_file()),
            Delta::Renamed => (FileDelta::Renamed, delta.new_file()),
            _ => (FileDelta::Modified, delta.new_file()),
        };
        found.files.push(RawFile { path: text(file.path_bytes().unwrap_or_default()), delta: kind });
    }
    Ok(found)
}
