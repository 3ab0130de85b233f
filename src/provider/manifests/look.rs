//! One look: where the server's branches stand, and what the mirror then says of each folder.
//!
//! As long as nothing moved, the server is asked for its branches and nothing else is done.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::command::{ASK, FETCH, Git};
use super::fault;
use super::mirror::{Held, Mirror};
use super::reading::{self, CHANGE, Change, Tips};
use crate::domain::gitops::ManifestChange;
use crate::domain::{Cause, Fault, Manifests, SafeText, Sha};

/// Branches with a prepared revert begin so.
pub(super) const PROPOSAL: &str = "gonogo/revert-";
/// So many of them are looked at.
const PROPOSALS: usize = 64;
/// So many commits that changed a folder are told.
const TOLD: usize = 20;
/// So many commits are looked at for whether the folder is still as it is, and for what may be reverted.
pub(super) const FAR: usize = 200;

/// A folder on a branch: what one binding names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The parts of its path; none: the whole repository.
    pub(super) parts: Vec<String>,
    /// None: the branch that the server's HEAD names.
    pub(super) branch: Option<String>,
}

impl Spot {
    /// Reads the two settings.
    ///
    /// # Errors
    /// A `Local` fault when either cannot be one.
    pub(super) fn read(folder: &str, branch: Option<&str>) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::new(Cause::Local, what);
        let odd = |part: &str| part.is_empty() || part == ".." || part.chars().any(char::is_control);
        let plain = folder.trim_start_matches("./").trim_end_matches('/');
        let parts: Vec<String> = match plain {
            "." | "" if !folder.is_empty() => Vec::new(),
            path => path.split('/').map(str::to_owned).collect(),
        };
        if parts.iter().any(|part| odd(part) || part == "." || part.eq_ignore_ascii_case(".git")) {
            return Err(wrong(format!("`folder` is no path inside a repository: {folder:?}"))
                .with_hint("for example folder = \"apps/checkout/production\""));
        }
        let branch = branch.map(|name| name.strip_prefix("refs/heads/").unwrap_or(name).to_owned());
        if branch.as_deref().is_some_and(|name| !is_branch(name)) {
            return Err(wrong("`branch` is no name of a branch".to_owned()));
        }
        Ok(Self { parts, branch })
    }

    pub(super) fn folder(&self) -> String {
        if self.parts.is_empty() { ".".to_owned() } else { self.parts.join("/") }
    }
}

/// Whether git would take it for a branch's name.
pub(super) fn is_branch(name: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name.contains(odd)
        && name.split('/').all(part)
}

/// The private name of a branch in the mirror; no two branches stand in each other's way.
fn private(branch: &str) -> String {
    let hex: String = branch.bytes().map(|b| format!("{b:02x}")).collect();
    match branch.starts_with(PROPOSAL) {
        true => format!("refs/gonogo/prepared/{hex}"),
        false => format!("refs/gonogo/heads/{hex}"),
    }
}

/// What is known from earlier looks; only what can be asked for again.
#[derive(Default)]
pub(super) struct Memory {
    /// Where the branches stood that are in the mirror.
    fetched: BTreeMap<String, String>,
    /// What was seen of a folder at a commit.
    folders: BTreeMap<(String, String), Folder>,
    /// What a prepared branch does to a folder.
    proposals: BTreeMap<(String, String), Option<String>>,
}

/// A folder at a commit.
#[derive(Clone, Debug)]
struct Folder {
    tree: Option<String>,
    changes: Vec<Change>,
    same: Vec<String>,
}

/// The repository of one source, as it is worked with.
pub(super) struct Desk<'a> {
    pub(super) git: &'a Git,
    pub(super) mirror: &'a Mirror,
    pub(super) memory: &'a mut Memory,
}

impl Desk<'_> {
    /// Where the branches stand now.
    pub(super) async fn ask(&self, spots: &[Spot]) -> Result<Tips, Fault> {
        let named = spots.iter().filter_map(|spot| spot.branch.as_ref()).map(|b| format!("refs/heads/{b}"));
        let named: Vec<String> = named.collect();
        let proposals = format!("refs/heads/{PROPOSAL}*");
        let mut words =
            vec!["ls-remote", "--symref", "--quiet", "--", &self.git.place.url, "HEAD", &proposals];
        words.extend(named.iter().map(String::as_str));
        reading::tips(&self.git.asked(&words, ASK).await?)
    }

    /// What is in the mirror is as the server told; only what is not there yet is fetched. What was told is made to be
    /// what is there.
    pub(super) async fn fetch(&mut self, _held: &Held, tips: &mut Tips, spots: &[Spot]) -> Result<(), Fault> {
        let wanted = wanted(tips, spots);
        let current = wanted.iter().all(|(name, id)| self.memory.fetched.get(name) == Some(id));
        if current && self.mirror.is_there() {
            return Ok(());
        }
        let Some(ids) = wanted.values().next().map(String::len) else { return Ok(()) };
        self.memory.fetched.clear();
        self.mirror.make(self.git, ids).await?;
        let there = self.there().await?;
        let missing: Vec<String> = wanted
            .iter()
            .filter(|(name, id)| there.get(&private(name)) != Some(id))
            .map(|(name, _)| format!("+refs/heads/{name}:{}", private(name)))
            .collect();
        if !missing.is_empty() {
            self.bring(&missing).await?;
        }
        self.forget(&there, &wanted).await?;
        let there = self.there().await?;
        for name in wanted.keys() {
            // Between the two questions a branch may have moved: what was fetched counts.
            if let Some(id) = there.get(&private(name)) {
                tips.branches.insert(name.clone(), id.clone());
                self.memory.fetched.insert(name.clone(), id.clone());
            }
        }
        Ok(())
    }

    async fn bring(&self, refs: &[String]) -> Result<(), Fault> {
        let mut words = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--refmap=",
            "--",
            &self.git.place.url,
        ];
        words.extend(refs.iter().map(String::as_str));
        self.git.asked(&words, FETCH).await?;
        // Small packs and loose objects are put together from time to time; the look does not depend on it.
        let tidy = self.git.local(&["-c", "gc.auto=3000", "gc", "--auto", "--quiet"], b"").await;
        if let Err(fault) = tidy {
            tracing::debug!(%fault, "the mirror was not tidied up");
        }
        Ok(())
    }

    /// Removes prepared branches from the mirror that are gone at the server.
    async fn forget(
        &self,
        there: &BTreeMap<String, String>,
        wanted: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let wanted: Vec<String> = wanted.keys().map(|name| private(name)).collect();
        let gone =
            there.keys().filter(|name| name.starts_with("refs/gonogo/prepared/") && !wanted.contains(name));
        for name in gone.take(PROPOSALS) {
            self.git.sure(&["update-ref", "-d", name], b"").await?;
        }
        Ok(())
    }

    async fn there(&self) -> Result<BTreeMap<String, String>, Fault> {
        let format = "--format=%(objectname) %(refname)";
        let listing = self.git.sure(&["for-each-ref", format, "refs/gonogo/"], b"").await?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let pair = |line: &str| {
            let (id, name) = line.split_once(' ')?;
            Some((name.to_owned(), id.to_owned()))
        };
        Ok(listing.lines().filter_map(pair).collect())
    }

    /// The manifests that a binding names.
    pub(super) async fn manifests(&mut self, tips: &Tips, spot: &Spot) -> Result<Manifests, Fault> {
        let (branch, tip) = at(self.git, tips, spot)?;
        let folder = self.folder(&tip, spot).await?;
        if folder.tree.is_none() && folder.changes.is_empty() {
            let detail = format!("there is no folder {} on {branch}, and there never was", spot.folder());
            return Err(Fault::new(Cause::NotFound, detail).with_hint("mend `folder` or `branch`"));
        }
        Ok(Manifests {
            repository: self.git.place.shown.clone(),
            branch: SafeText::new(&branch),
            folder: SafeText::new(&spot.folder()),
            tip: Sha::new(&tip),
            tree: folder.tree.as_deref().map(Sha::new),
            changes: folder.changes.iter().take(TOLD).map(told).collect(),
            same: folder.same.iter().map(|id| Sha::new(id)).collect(),
            prepared: self.prepared(tips, spot).await?,
        })
    }

    async fn folder(&mut self, tip: &str, spot: &Spot) -> Result<Folder, Fault> {
        let key = (tip.to_owned(), spot.folder());
        if let Some(known) = self.memory.folders.get(&key) {
            return Ok(known.clone());
        }
        let tree = tree_at(self.git, tip, &spot.parts).await?;
        let changes = changes(self.git, tip, spot, FAR).await?;
        let far = format!("--max-count={FAR}");
        let row = self.git.sure(&["rev-list", "--first-parent", &far, tip, "--"], b"").await?;
        let row = String::from_utf8_lossy(&row).into_owned();
        // From the tip back, in one row, up to the one that made it so.
        let last = changes.first().map(|change| change.id.as_str());
        let mut same = Vec::new();
        for id in row.lines() {
            same.push(id.to_owned());
            if Some(id) == last {
                break;
            }
        }
        let folder = Folder { tree, changes, same };
        if self.memory.folders.len() > FAR {
            self.memory.folders.clear();
        }
        self.memory.folders.insert(key, folder.clone());
        Ok(folder)
    }

    /// Branches that hold a revert of this folder, each with the folder's tree.
    async fn prepared(&mut self, tips: &Tips, spot: &Spot) -> Result<Vec<(SafeText, Sha)>, Fault> {
        let mut prepared = Vec::new();
        let (_, tip) = at(self.git, tips, spot)?;
        let changes = self.folder(&tip, spot).await?.changes;
        let proposals = tips.branches.iter().filter(|(name, _)| is_branch(name) && of_one(name, &changes));
        for (name, id) in proposals.take(PROPOSALS) {
            let key = (id.clone(), spot.folder());
            let tree = match self.memory.proposals.get(&key) {
                Some(known) => known.clone(),
                None => {
                    let tree = folder_at(self.git, id, &spot.parts).await?;
                    if self.memory.proposals.len() > 4 * FAR {
                        self.memory.proposals.clear();
                    }
                    self.memory.proposals.insert(key, tree.clone());
                    tree
                }
            };
            prepared.extend(tree.map(|tree| (SafeText::new(name), Sha::new(&tree))));
        }
        Ok(prepared)
    }
}

/// Whether a branch's name says that it reverts one of these.
fn of_one(branch: &str, changes: &[Change]) -> bool {
    let commit = branch.strip_prefix(PROPOSAL).and_then(|rest| rest.split('-').next());
    commit
        .is_some_and(|commit| commit.len() >= 7 && changes.iter().any(|change| change.id.starts_with(commit)))
}

/// Every branch that is needed, and where it stands.
fn wanted(tips: &Tips, spots: &[Spot]) -> BTreeMap<String, String> {
    let named = spots.iter().filter_map(|spot| spot.branch.as_ref().or(tips.head.as_ref()));
    let proposal = |name: &&String| name.starts_with(PROPOSAL) && is_branch(name);
    let proposals = tips.branches.keys().filter(proposal).take(PROPOSALS);
    let known = |name: &String| Some((name.clone(), tips.branches.get(name)?.clone()));
    named.chain(proposals).filter_map(known).collect()
}

/// The branch of a binding, and where it stands.
pub(super) fn at(git: &Git, tips: &Tips, spot: &Spot) -> Result<(String, String), Fault> {
    let named = spot.branch.as_ref().or(tips.head.as_ref());
    if tips.branches.is_empty() {
        // Git takes a page that it cannot read for a repository without branches.
        let what = "has no branch: the repository is empty, or what answers there is no Git server";
        return Err(Fault::new(Cause::NotFound, format!("{} {what}", git.place.shown)));
    }
    let not_found = |what: String| Fault::new(Cause::NotFound, what).with_hint("name it: branch = \"main\"");
    let Some(branch) = named else {
        return Err(not_found(format!("{} names no branch of its own as the usual one", git.place.shown)));
    };
    match tips.branches.get(branch) {
        Some(tip) => Ok((branch.clone(), tip.clone())),
        None => Err(not_found(format!("there is no branch {branch} at {}", git.place.shown))),
    }
}

fn told(change: &Change) -> ManifestChange {
    ManifestChange {
        commit: Sha::new(&change.id),
        subject: SafeText::new(&change.subject),
        author: SafeText::new(&change.author),
        at: Timestamp::from_second(change.at).unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// The tree of a folder at a commit; none if it is not there.
///
/// # Errors
/// When something else than a folder is there, or the mirror cannot be read.
pub(super) async fn tree_at(git: &Git, commit: &str, parts: &[String]) -> Result<Option<String>, Fault> {
    if parts.is_empty() {
        let name = format!("{commit}^{{tree}}");
        let output = git.sure(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name], b"").await?;
        return Ok(Some(String::from_utf8_lossy(&output).trim().to_owned()));
    }
    let path = parts.join("/");
    let listing = git.sure(&["ls-tree", "-z", "--full-tree", commit, "--", &path], b"").await?;
    match reading::entry(&listing)? {
        Some((kind, id)) if kind == "tree" => Ok(Some(id)),
        Some((kind, _)) => {
            let what = if kind == "commit" { "a submodule" } else { "a file" };
            Err(Fault::new(Cause::NotFound, format!("{path} is {what}, not a folder"))
                .with_hint("mend `folder`"))
        }
        None => Ok(None),
    }
}

/// The same of a commit that may not be there, and where something else may be.
async fn folder_at(git: &Git, commit: &str, parts: &[String]) -> Result<Option<String>, Fault> {
    let name = format!("{commit}^{{commit}}");
    let known = git.local(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name], b"").await?;
    if !known.well() {
        return Ok(None);
    }
    match tree_at(git, commit, parts).await {
        Err(fault) if fault.cause == Cause::NotFound => Ok(None),
        answer => answer,
    }
}

/// The newest commits of the first parents that changed a folder: a merge counts as one change.
pub(super) async fn changes(git: &Git, tip: &str, spot: &Spot, most: usize) -> Result<Vec<Change>, Fault> {
    let (most, folder) = (format!("--max-count={most}"), spot.folder());
    let mut words = vec!["rev-list", "--first-parent", "--encoding=UTF-8", &most, CHANGE, tip, "--"];
    if !spot.parts.is_empty() {
        words.push(&folder);
    }
    reading::changes(&git.sure(&words, b"").await?)
}

/// Whether what failed was about the mirror, which is then made anew.
pub(super) fn about_mirror(fault: &Fault) -> bool {
    matches!(fault.cause, Cause::Local | Cause::NotFound) && fault::damaged(fault.detail.as_str())
}
