//! Makes the domain's words from what a reader answers, and remembers what cannot have changed.
//!
//! Change sets are remembered by their two commits, the listing by the state of the refs. Knows neither reader.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use super::change::{Meaning, by_commits};
use super::reading::{COUNTED, Head, Reading, Ref, State};
use crate::domain::code::{Branch, FileChange, Reader, Tag, Upstream};
use crate::domain::{Cause, ChangeSet, Fault, Repository, SafeText, Sha, Span};

const MOST_BRANCHES: usize = 100;
const MOST_TAGS: usize = 500;
const MOST_COMMITS: usize = 500;
const MOST_FILES: usize = 2_000;
/// Tickets and authors are drawn; nobody reads more than this.
const MOST_WORDS: usize = 200;
/// How many change sets are remembered beyond those asked for now.
const MOST_REMEMBERED: usize = 64;

/// What an earlier look found.
#[derive(Default)]
pub(super) struct Memory {
    state: Option<State>,
    refs: BTreeMap<String, Ref>,
    branches: Vec<Branch>,
    tags: Vec<Tag>,
    apart: BTreeMap<(String, String), (usize, usize)>,
    changes: BTreeMap<(String, String), ChangeSet>,
}

/// One look at a repository.
pub(super) fn look(
    reading: &mut dyn Reading,
    memory: &mut Memory,
    meaning: &Meaning,
    place: (&Path, Reader),
    spans: &BTreeSet<Span>,
) -> Result<Repository, Fault> {
    let state = reading.state()?;
    memory.refresh(reading, &state)?;
    let (path, reader) = place;
    let mut used = BTreeSet::new();
    let mut changes = BTreeMap::new();
    for span in spans {
        let answer = Question { path, state: &state, meaning }.answer(span, reading, memory, &mut used);
        changes.insert(span.clone(), answer);
    }
    memory.forget(&used);
    let (head, tip) = match &state.head {
        Head::Unborn(branch) => (Some(SafeText::new(branch)), None),
        Head::Branch(branch, tip) => (Some(SafeText::new(branch)), Some(Sha::new(tip))),
        Head::Detached(tip) => (None, Some(Sha::new(tip))),
    };
    Ok(Repository {
        head,
        tip,
        branches: memory.branches.clone(),
        tags: memory.tags.clone(),
        reader,
        remarks: remarks(&state),
        changes,
    })
}

fn remarks(state: &State) -> Vec<SafeText> {
    let mut remarks = Vec::new();
    if let Some(first) = state.shallow.first() {
        let more = match state.shallow.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        remarks.push(SafeText::new(&format!("shallow clone: history ends at {}{more}", Sha::new(first))));
    }
    if matches!(state.head, Head::Unborn(_)) && state.refs.is_empty() {
        remarks.push(SafeText::new("empty repository: no commit yet"));
    }
    remarks
}

impl Memory {
    /// Lists branches and tags again if any ref moved.
    fn refresh(&mut self, reading: &mut dyn Reading, state: &State) -> Result<(), Fault> {
        if self.state.as_ref() == Some(state) {
            return Ok(());
        }
        // A clone that was deepened has other change sets between the same commits.
        if self.state.as_ref().is_some_and(|old| old.shallow != state.shallow) {
            self.changes.clear();
            self.apart.clear();
        }
        self.state = None;
        self.refs = reading.refs(state)?.into_iter().map(|r| (r.name.clone(), r)).collect();
        self.branches = self.list_branches(reading)?;
        self.tags = list_tags(&self.refs);
        self.state = Some(state.clone());
        Ok(())
    }

    fn list_branches(&mut self, reading: &mut dyn Reading) -> Result<Vec<Branch>, Fault> {
        let mut local: Vec<(&str, &Ref)> =
            self.refs.values().filter_map(|r| Some((r.name.strip_prefix("refs/heads/")?, r))).collect();
        local.sort_by_key(|(name, r)| (Reverse(r.at), *name));
        local.truncate(MOST_BRANCHES);
        let (mut branches, mut apart) = (Vec::new(), BTreeMap::new());
        for (name, branch) in local {
            let upstream = branch.upstream.as_ref().and_then(|name| self.refs.get(name));
            let upstream = match upstream {
                None => None,
                Some(upstream) => {
                    let pair = (branch.commit.clone(), upstream.commit.clone());
                    let counts = match self.apart.get(&pair) {
                        Some(counts) => *counts,
                        None => reading.apart(&pair.0, &pair.1)?,
                    };
                    apart.insert(pair, counts);
                    let short =
                        upstream.name.trim_start_matches("refs/remotes/").trim_start_matches("refs/heads/");
                    Some(Upstream { name: SafeText::new(short), ahead: counts.0, behind: counts.1 })
                }
            };
            branches.push(Branch { name: SafeText::new(name), tip: Sha::new(&branch.commit), upstream });
        }
        self.apart = apart;
        Ok(branches)
    }

    /// The commit that a revision means: a full id, a tag with or without its `v`, a branch, a remote's branch.
    fn resolve(
        &self,
        revision: &str,
        state: &State,
        reading: &mut dyn Reading,
    ) -> Result<Option<String>, Fault> {
        let is_hex = revision.len() >= 7 && revision.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hex && matches!(revision.len(), 40 | 64) {
            return reading.commit_id(&revision.to_ascii_lowercase());
        }
        if revision == "HEAD" {
            return Ok(match &state.head {
                Head::Unborn(_) => None,
                Head::Branch(_, tip) | Head::Detached(tip) => Some(tip.clone()),
            });
        }
        let bare = revision.strip_prefix('v').unwrap_or(revision);
        let names = [
            revision.to_owned(),
            format!("refs/tags/{revision}"),
            format!("refs/tags/v{revision}"),
            format!("refs/tags/{bare}"),
            format!("refs/heads/{revision}"),
            format!("refs/remotes/origin/{revision}"),
            format!("refs/remotes/{revision}"),
        ];
        match names.iter().find_map(|name| self.refs.get(name)) {
            Some(found) => Ok(Some(found.commit.clone())),
            None if is_hex => reading.commit_id(&revision.to_ascii_lowercase()),
            None => Ok(None),
        }
    }

    fn forget(&mut self, used: &BTreeSet<(String, String)>) {
        if self.changes.len() > MOST_REMEMBERED.max(used.len()) {
            self.changes.retain(|key, _| used.contains(key));
        }
    }
}

fn list_tags(refs: &BTreeMap<String, Ref>) -> Vec<Tag> {
    let mut tags: Vec<(Option<semver::Version>, &str, &Ref)> = refs
        .values()
        .filter_map(|r| {
            let name = r.name.strip_prefix("refs/tags/")?;
            Some((semver::Version::parse(name.strip_prefix('v').unwrap_or(name)).ok(), name, r))
        })
        .collect();
    tags.sort_by(|a, b| (&b.0, b.2.at).cmp(&(&a.0, a.2.at)).then_with(|| a.1.cmp(b.1)));
    tags.truncate(MOST_TAGS);
    tags.into_iter()
        .map(|(_, name, r)| Tag {
            name: SafeText::new(name),
            commit: Sha::new(&r.commit),
            at: Timestamp::from_second(r.at).ok(),
        })
        .collect()
}

/// A change set that is asked for.
struct Question<'a> {
    path: &'a Path,
    state: &'a State,
    meaning: &'a Meaning,
}

impl Question<'_> {
    fn answer(
        &self,
        span: &Span,
        reading: &mut dyn Reading,
        memory: &mut Memory,
        used: &mut BTreeSet<(String, String)>,
    ) -> Result<ChangeSet, Fault> {
        let base = self.commit(span.base.as_str(), reading, memory)?;
        let head = self.commit(span.head.as_str(), reading, memory)?;
        let key = (base, head);
        used.insert(key.clone());
        if let Some(known) = memory.changes.get(&key) {
            return Ok(known.clone());
        }
        let changes = self.compute(&key.0, &key.1, reading)?;
        memory.changes.insert(key, changes.clone());
        Ok(changes)
    }

    fn commit(&self, revision: &str, reading: &mut dyn Reading, memory: &Memory) -> Result<String, Fault> {
        memory.resolve(revision, self.state, reading)?.ok_or_else(|| {
            let path = self.path.display();
            Fault::new(Cause::NotFound, format!("there is no tag, branch or commit {revision:?} in {path}"))
                .with_hint(format!("git -C {path} fetch --tags"))
        })
    }

    fn compute(&self, base: &str, head: &str, reading: &mut dyn Reading) -> Result<ChangeSet, Fault> {
        let mut remarks = Vec::new();
        if !reading.related(base, head)? {
            if !self.state.shallow.is_empty() {
                return Err(self.cut_off(base, head));
            }
            remarks.push(SafeText::new("unrelated histories: what runs and what would run share no commit"));
        }
        let (total, lost) = reading.apart(head, base)?;
        if !self.state.shallow.is_empty() && self.reaches_boundary(base, head, reading)? {
            remarks.push(SafeText::new("shallow clone: the history is cut, more commits may lie between"));
        }
        let raw = reading.commits(base, head, MOST_COMMITS)?;
        if total > raw.len() {
            remarks.push(SafeText::new(&format!("{} of {total} commits shown", raw.len())));
        }
        let commits: Vec<_> = raw.iter().map(|raw| self.meaning.commit(raw)).collect();
        let mut diff = reading.diff(base, head)?;
        diff.files.sort_by(|a, b| a.path.cmp(&b.path));
        let files_total = diff.files.len();
        if files_total > MOST_FILES {
            // Migrations and configuration must not fall to the cut.
            diff.files
                .sort_by_key(|file| self.meaning.file(&file.path) == crate::domain::code::FileKind::Other);
            diff.files.truncate(MOST_FILES);
            remarks.push(SafeText::new("diff cut at 2,000 files"));
        }
        if files_total > COUNTED {
            remarks.push(SafeText::new("lines counted in 5,000 files only"));
        }
        let mut tickets: Vec<SafeText> = Vec::new();
        for ticket in commits.iter().flat_map(|commit| &commit.tickets) {
            if tickets.len() < MOST_WORDS && !tickets.contains(ticket) {
                tickets.push(ticket.clone());
            }
        }
        let mut authors = by_commits(commits.iter().map(|commit| &commit.author));
        authors.truncate(MOST_WORDS);
        Ok(ChangeSet {
            base: Some(Sha::new(base)),
            head: Some(Sha::new(head)),
            commits,
            total,
            lost,
            files: diff.files.into_iter().map(|file| self.file(&file)).collect(),
            files_total,
            added: diff.added,
            removed: diff.removed,
            tickets,
            authors,
            remarks,
        })
    }

    fn file(&self, raw: &super::reading::RawFile) -> FileChange {
        FileChange { path: SafeText::new(&raw.path), delta: raw.delta, kind: self.meaning.file(&raw.path) }
    }

    fn reaches_boundary(&self, base: &str, head: &str, reading: &mut dyn Reading) -> Result<bool, Fault> {
        let (gained, lost) = (reading.ids(base, head)?, reading.ids(head, base)?);
        // An empty id stands for a boundary that could not be read.
        Ok(self.state.shallow.iter().any(|id| id.is_empty() || gained.contains(id) || lost.contains(id)))
    }

    fn cut_off(&self, base: &str, head: &str) -> Fault {
        let (base, head) = (Sha::new(base), Sha::new(head));
        let detail = format!("shallow clone: the history that joins {base} and {head} is not here");
        Fault::new(Cause::NotFound, detail)
            .with_hint(format!("git -C {} fetch --unshallow --tags", self.path.display()))
    }
}
