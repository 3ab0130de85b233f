//! What a revert would be, from a fresh look: the very commit, what it rests on, what else it takes with it.
//!
//! It is made without a work tree: the folder's tree as it was before a commit is put into the tip's tree, and every
//! other entry stays byte for byte. Two preparations in an unmoved world are equal: no time is in it.

use std::fmt::Write as _;
use std::time::Duration;

use super::command::Git;
use super::differ::{self, Value};
use super::look::{FAR, PROPOSAL, Spot, at, changes, tree_at};
use super::reading::{self, Change, Delta, FileChange, Tips};
use super::request::{self, Request};
use crate::domain::{
    Basis, Cause, Difference, Fault, Guard, Hazard, Intent, Permission, Prepared, Promise, RevertTo,
    SafeText, Severity, Sha,
};

/// A controller may look every few minutes only, and a rollout takes its time.
const APPLIED: Duration = Duration::from_secs(20 * 60);
/// A branch is there, or it is not.
const THERE: Duration = Duration::from_secs(120);
/// Commits that are named one by one.
const NAMED: usize = 8;
/// Commits that are looked at for what else they changed.
const LOOKED_INTO: usize = 12;
/// Files that are compared line by line.
const COMPARED: usize = 20;
/// Differences that are told.
const TOLD: usize = 40;
/// How much of a commit's first line is quoted, in characters.
const QUOTED: usize = 100;

/// What is wanted.
pub(super) struct Want<'a> {
    pub(super) intent: &'a Intent,
    pub(super) commit: &'a Sha,
    pub(super) to: RevertTo,
    /// `Name <email>`, if the source says so.
    pub(super) author: Option<&'a str>,
}

/// What was found of it.
struct Found {
    branch: String,
    tip: String,
    folder: String,
    /// The folder at the tip.
    now: Option<String>,
    /// The folder as it was before; none if it was not there.
    before: Option<String>,
    /// The commit before the oldest one that is undone.
    as_at: Option<String>,
    /// What is undone, newest first.
    undone: Vec<Change>,
}

/// The plan of a revert.
pub(super) async fn revert(git: &Git, tips: &Tips, spot: &Spot, want: &Want<'_>) -> Result<Prepared, Fault> {
    let found = find(git, tips, spot, want).await?;
    let author = author(git, want.author).await?;
    let (promise, deadline, target) = goal(&found, want.to);
    let guard = Guard::Server(SafeText::new(&match want.to {
        RevertTo::Branch => format!(
            "the push counts only while {target} is at {}: git sends that along, and the server compares",
            short(&found.tip)
        ),
        RevertTo::Proposal => format!("the push counts only if there is no branch {target} at the server"),
    }));
    let mut prepared = Prepared {
        basis: basis(&found, &author, &target),
        identity: Some(SafeText::new(&author)),
        permission: Permission::Untold,
        way_back: Some(way_back(want.to, &target)),
        ..Prepared::of(guard, promise, deadline)
    };
    if let Some(hazard) = in_the_way(&found, tips, want.to, &target) {
        prepared.hazards.push(hazard);
        return Ok(prepared);
    }
    let (Some(before), Some(as_at)) = (&found.before, &found.as_at) else { return Ok(prepared) };
    let tree = whole_tree(git, &found.tip, spot, before).await?;
    let request = Request {
        onto: found.tip.clone(),
        expects: if want.to == RevertTo::Branch { found.tip.clone() } else { String::new() },
        folder: found.folder.clone(),
        as_at: as_at.clone(),
        tree: tree.clone(),
        message: message(&found, as_at, want.intent.reason.as_ref()),
        author: author.clone(),
    };
    let effect = format!(
        "commits {} as it was at {} on top of {}, and pushes that to {target}",
        found.folder,
        short(as_at),
        short(&found.tip)
    );
    prepared.steps = vec![request.step(want.intent, &target, &effect)?];
    let files = compared(git, &found.tip, &tree, spot).await?;
    let (values, lines) = content(git, spot, &files).await?;
    if let Some((from, to)) = differ::artifacts(&values) {
        (prepared.from, prepared.to) = (Some(from), Some(to));
    }
    prepared.differences = differences(&found, lines);
    prepared.hazards.extend(of_others(&found, &author));
    prepared.hazards.extend(left_outside(git, spot, &found).await?);
    Ok(prepared)
}

async fn find(git: &Git, tips: &Tips, spot: &Spot, want: &Want<'_>) -> Result<Found, Fault> {
    let (branch, tip) = at(git, tips, spot)?;
    let mut undone = changes(git, &tip, spot, FAR).await?;
    let Some(index) = undone.iter().position(|change| change.id == want.commit.as_str()) else {
        let detail = format!(
            "{} is not among the newest {FAR} commits of {branch} that changed {}",
            want.commit,
            spot.folder()
        );
        return Err(Fault::new(Cause::NotFound, detail).with_hint("look again and choose another one"));
    };
    undone.truncate(index + 1);
    let as_at = undone.last().and_then(|oldest| oldest.parent.clone());
    let before = match &as_at {
        Some(commit) => tree_at(git, commit, &spot.parts).await?,
        None => None,
    };
    let now = tree_at(git, &tip, &spot.parts).await?;
    Ok(Found { branch, tip, folder: spot.folder(), now, before, as_at, undone })
}

/// Who writes the commit: as the source says, else as git's own config does.
pub(super) async fn author(git: &Git, configured: Option<&str>) -> Result<String, Fault> {
    if let Some(text) = configured {
        let (name, email) = request::author(text)?;
        return Ok(format!("{name} <{email}>"));
    }
    let name = git.setting("user.name").await?;
    let email = git.setting("user.email").await?;
    let (Some(name), Some(email)) = (name, email) else {
        return Err(Fault::new(Cause::Local, "nobody is named as the author of a commit").with_hint(
            "git config --global user.name and user.email, or author = \"Name <email>\" in the source",
        ));
    };
    let text = format!("{name} <{email}>");
    let (name, email) = request::author(&text)?;
    Ok(format!("{name} <{email}>"))
}

/// What must become true, how long that may take, and the branch that is pushed to.
fn goal(found: &Found, to: RevertTo) -> (Promise, Duration, String) {
    let tree = Sha::new(found.before.as_deref().unwrap_or_default());
    match to {
        RevertTo::Branch => {
            let branch = SafeText::new(&found.branch);
            let onto = Sha::new(&found.tip);
            (Promise::Reverted { branch, onto, tree }, APPLIED, found.branch.clone())
        }
        RevertTo::Proposal => {
            let oldest = found.undone.last().map_or("", |change| change.id.as_str());
            let name = format!("{PROPOSAL}{}-{}", short(oldest), tree.short());
            (Promise::Proposed { branch: SafeText::new(&name), tree }, THERE, name)
        }
    }
}

fn basis(found: &Found, author: &str, target: &str) -> Vec<Basis> {
    let there = |tree: &Option<String>| tree.clone().unwrap_or_else(|| "not there".to_owned());
    vec![
        Basis::new("branch", &found.branch),
        Basis::new("tip", &found.tip),
        Basis::new("folder now", there(&found.now)),
        Basis::new("folder afterwards", there(&found.before)),
        Basis::new("commits undone", found.undone.len().to_string()),
        Basis::new("pushed to", target),
        Basis::new("author", author),
    ]
}

fn way_back(to: RevertTo, target: &str) -> SafeText {
    match to {
        RevertTo::Branch => "revert the revert: it is a commit like any other".into(),
        RevertTo::Proposal => SafeText::new(&format!("delete the branch {target}")),
    }
}

/// What would make the revert not do what it says.
fn in_the_way(found: &Found, tips: &Tips, to: RevertTo, target: &str) -> Option<Hazard> {
    let oldest = found.undone.last().map_or("", |change| change.id.as_str());
    let text = if found.before.is_none() {
        format!(
            "{} was not there before {}: a revert would delete it; remove it by hand if that is meant",
            found.folder,
            short(oldest)
        )
    } else if found.before == found.now {
        format!("{} already holds {} as it was before {}", found.branch, found.folder, short(oldest))
    } else if to == RevertTo::Proposal && tips.branches.contains_key(target) {
        format!("there is a branch {target} already: merge it, or delete it first")
    } else {
        return None;
    };
    Some(Hazard::new(Severity::Blocking, text))
}

/// The tip's tree with the folder replaced: one new tree for each level, from the folder up.
async fn whole_tree(git: &Git, tip: &str, spot: &Spot, folder: &str) -> Result<String, Fault> {
    let mut new = folder.to_owned();
    let mut above = spot.parts.as_slice();
    while let Some((name, parents)) = above.split_last() {
        let listing = match tree_at(git, tip, parents).await? {
            Some(tree) => git.sure(&["ls-tree", "-z", &tree], b"").await?,
            None => Vec::new(),
        };
        let entries = reading::replaced(&listing, name, &new)?;
        let made = git.sure(&["mktree", "-z"], &entries).await?;
        new = String::from_utf8_lossy(&made).trim().to_owned();
        if !reading::is_id(&new) {
            return Err(reading::malformed("mktree"));
        }
        above = parents;
    }
    Ok(new)
}

/// The files that differ; all of them must be in the folder.
pub(super) async fn compared(git: &Git, old: &str, new: &str, spot: &Spot) -> Result<Vec<FileChange>, Fault> {
    let words = ["diff-tree", "-r", "-z", "--raw", "--full-index", "--no-abbrev", "--no-renames", old, new];
    let files = reading::files(&git.sure(&words, b"").await?)?;
    match files.iter().find(|file| !inside(&file.path, spot)) {
        Some(file) => {
            let path = String::from_utf8_lossy(&file.path).into_owned();
            Err(Fault::new(Cause::Malformed, format!("the new tree also changes {path}: nothing is sent")))
        }
        None => Ok(files),
    }
}

fn inside(path: &[u8], spot: &Spot) -> bool {
    spot.parts.is_empty() || path.starts_with(format!("{}/", spot.folder()).as_bytes())
}

/// The values that change, and what is told of each file.
async fn content(
    git: &Git,
    spot: &Spot,
    files: &[FileChange],
) -> Result<(Vec<Value>, Vec<Difference>), Fault> {
    let (mut all, mut told) = (Vec::new(), Vec::new());
    for (index, file) in files.iter().enumerate() {
        let path = String::from_utf8_lossy(&file.path).into_owned();
        let path = path.strip_prefix(&format!("{}/", spot.folder())).unwrap_or(&path).to_owned();
        if index >= COMPARED {
            let more = format!("and {} more files", files.len() - COMPARED);
            told.push(Difference { what: SafeText::new(&more), old: "".into(), new: "".into() });
            break;
        }
        let words = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "-U0", "--inter-hunk-context=0"];
        let values = match file.delta {
            Delta::Content => {
                let words: Vec<&str> =
                    words.into_iter().chain([file.old.as_str(), file.new.as_str()]).collect();
                differ::values(&String::from_utf8_lossy(&git.sure(&words, b"").await?))
            }
            Delta::Added | Delta::Deleted | Delta::Kind => Vec::new(),
        };
        told.extend(differ::told(&path, &values));
        let (old, new) = match file.delta {
            Delta::Added => ("", "comes back"),
            Delta::Deleted => ("there", ""),
            Delta::Kind => ("as it is", "of another kind"),
            Delta::Content if values.is_empty() => ("as it is", "as it was"),
            Delta::Content => {
                all.extend(values);
                continue;
            }
        };
        told.push(Difference { what: SafeText::new(&path), old: old.into(), new: new.into() });
    }
    Ok((all, told))
}

/// The files, then what is undone besides the commit that was chosen.
fn differences(found: &Found, files: Vec<Difference>) -> Vec<Difference> {
    let later = found.undone.iter().rev().skip(1).map(|change| Difference {
        what: SafeText::new(&format!("commit {}", short(&change.id))),
        old: SafeText::new(&format!("{} ({})", quoted(&change.subject), change.author)),
        new: "undone too".into(),
    });
    files.into_iter().chain(later).take(TOLD).collect()
}

/// Later commits of somebody else that are undone with the one that was chosen.
fn of_others(found: &Found, author: &str) -> Option<Hazard> {
    let ours = |change: &&Change| !author.ends_with(&format!("<{}>", change.email));
    let others: Vec<&Change> = found.undone.iter().rev().skip(1).filter(ours).collect();
    let names: Vec<String> = others.iter().take(NAMED).map(|c| named(c)).collect();
    let more = others.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!others.is_empty()).then(|| {
        let text = format!("it also undoes what others changed afterwards: {}{more}", names.join("; "));
        Hazard::new(Severity::Warning, text)
    })
}

/// What the undone commits changed elsewhere, which stays.
async fn left_outside(git: &Git, spot: &Spot, found: &Found) -> Result<Option<Hazard>, Fault> {
    let mut told = Vec::new();
    for change in found.undone.iter().rev().take(LOOKED_INTO) {
        let Some(parent) = &change.parent else { continue };
        let words = ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", parent, &change.id];
        let files = reading::files(&git.sure(&words, b"").await?)?;
        let outside = files.iter().filter(|file| !inside(&file.path, spot)).count();
        if outside > 0 {
            let files = if outside == 1 { "file" } else { "files" };
            told.push(format!("{} also changed {outside} {files} elsewhere", short(&change.id)));
        }
    }
    Ok((!told.is_empty()).then(|| {
        let text = format!("{}: only {} goes back, those stay as they are", told.join(", "), found.folder);
        Hazard::new(Severity::Warning, text)
    }))
}

fn message(found: &Found, as_at: &str, reason: Option<&SafeText>) -> String {
    let oldest = found.undone.last().map_or_else(String::new, |change| quoted(&change.subject));
    let later = match found.undone.len().saturating_sub(1) {
        0 => String::new(),
        1 => " and 1 later change".to_owned(),
        n => format!(" and {n} later changes"),
    };
    let mut text = format!("Revert \"{oldest}\"{later}\n\n{} is as it was at {as_at} again.\n", found.folder);
    text.push_str("This undoes:\n\n");
    for change in &found.undone {
        // Writing into a string cannot fail.
        let _ =
            writeln!(text, "  {} {}", change.id, named(change).split_once(' ').map_or("", |(_, rest)| rest));
    }
    if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
        let _ = write!(text, "\nReason: {reason}\n");
    }
    text
}

/// `4f2c8b6 fix: x (Ann)`.
fn named(change: &Change) -> String {
    format!("{} {} ({})", short(&change.id), quoted(&change.subject), SafeText::new(&change.author))
}

/// A commit's first line, made safe and not too long.
fn quoted(subject: &str) -> String {
    let safe = SafeText::new(subject).to_string();
    let mut short: String = safe.chars().take(QUOTED).collect();
    if short.len() < safe.len() {
        short.push('…');
    }
    short
}

fn short(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}
