//! What git printed, read. Pure: works on bytes, and takes nothing for granted.

use std::collections::BTreeMap;

use crate::domain::{Cause, Fault};

/// Where the server's branches stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tips {
    /// The branch that the server's HEAD names.
    pub(super) head: Option<String>,
    /// Each branch and its commit.
    pub(super) branches: BTreeMap<String, String>,
}

/// A commit that changed a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) id: String,
    /// Its first parent; none of the first commit of all.
    pub(super) parent: Option<String>,
    pub(super) author: String,
    pub(super) email: String,
    /// Seconds since the epoch.
    pub(super) at: i64,
    pub(super) subject: String,
}

/// How a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delta {
    Added,
    Deleted,
    /// Its content, from one to the other; both are ordinary files.
    Content,
    /// Its kind: a link, a submodule, an executable.
    Kind,
}

/// A file that differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileChange {
    pub(super) path: Vec<u8>,
    pub(super) delta: Delta,
    pub(super) old: String,
    pub(super) new: String,
}

/// What the server made of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It took it.
    Taken,
    /// The branch is no longer where it was.
    Moved,
    /// It refused; nothing happened.
    Refused,
    /// It said nothing of this branch.
    Unsaid,
}

pub(super) fn malformed(what: &str) -> Fault {
    Fault::new(Cause::Malformed, format!("git {what} printed what is not understood"))
}

/// Whether a text is a full object id.
pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Lines of `ls-remote --symref`. What is no branch is passed over; a branch that is not UTF-8 cannot be ours.
pub(super) fn tips(listing: &[u8]) -> Result<Tips, Fault> {
    let mut tips = Tips::default();
    for line in listing.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Some((what, name)) = line.split_once('\t') else { return Err(malformed("ls-remote")) };
        if let Some(target) = what.strip_prefix("ref: ") {
            if name == "HEAD" {
                tips.head = target.strip_prefix("refs/heads/").map(str::to_owned);
            }
            continue;
        }
        if !is_id(what) {
            return Err(malformed("ls-remote"));
        }
        // So a broken one is told.
        if what.bytes().all(|b| b == b'0') {
            continue;
        }
        // HEAD stands where the branch stands that it names.
        let head = if name == "HEAD" { tips.head.as_deref() } else { None };
        if let Some(branch) = name.strip_prefix("refs/heads/").or(head) {
            tips.branches.insert(branch.to_owned(), what.to_owned());
        }
    }
    Ok(tips)
}

/// What `rev-list` is asked for: each commit begins with a NUL.
pub(super) const CHANGE: &str = "--format=%x00%H%x00%P%x00%an%x00%ae%x00%ct%x00%s";

/// Commits in the format [`CHANGE`].
pub(super) fn changes(listing: &[u8]) -> Result<Vec<Change>, Fault> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Before the first NUL stands the line "commit ..." that comes ahead of every commit.
    let fields: Vec<&[u8]> = listing.split(|byte| *byte == 0).skip(1).collect();
    let one = |fields: &[&[u8]]| {
        let [id, parents, author, email, at, subject] = fields else { return None };
        // The line of the next commit follows the subject, which is one line.
        let subject = subject.split(|b| *b == b'\n').next().unwrap_or_default();
        let parents = text(parents);
        let parent = parents.split(' ').next().filter(|parent| is_id(parent)).map(str::to_owned);
        let change = Change {
            id: text(id),
            parent,
            author: text(author),
            email: text(email),
            at: text(at).parse().ok()?,
            subject: text(subject),
        };
        is_id(&change.id).then_some(change)
    };
    fields.chunks(6).map(|fields| one(fields).ok_or_else(|| malformed("rev-list"))).collect()
}

/// The first entry of `ls-tree -z`: its type and its id.
pub(super) fn entry(listing: &[u8]) -> Result<Option<(String, String)>, Fault> {
    let Some(first) = listing.split(|b| *b == 0).find(|record| !record.is_empty()) else { return Ok(None) };
    let (about, _) = parted(first).ok_or_else(|| malformed("ls-tree"))?;
    let mut words = about.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(_), Some(kind), Some(id)) if is_id(id) => Ok(Some((kind.to_owned(), id.to_owned()))),
        _ => Err(malformed("ls-tree")),
    }
}

/// `mode type id TAB name`.
fn parted(record: &[u8]) -> Option<(&str, &[u8])> {
    let tab = record.iter().position(|b| *b == b'\t')?;
    let (about, name) = record.split_at_checked(tab)?;
    Some((std::str::from_utf8(about).ok()?, name.get(1..)?))
}

/// A listing of `ls-tree -z` with the entry `name` replaced by this tree, or with it if it was not there.
pub(super) fn replaced(listing: &[u8], name: &str, tree: &str) -> Result<Vec<u8>, Fault> {
    let mut new = Vec::with_capacity(listing.len().saturating_add(128));
    for record in listing.split(|b| *b == 0).filter(|record| !record.is_empty()) {
        let (_, there) = parted(record).ok_or_else(|| malformed("ls-tree"))?;
        if there != name.as_bytes() {
            new.extend_from_slice(record);
            new.push(0);
        }
    }
    new.extend_from_slice(format!("040000 tree {tree}\t{name}\0").as_bytes());
    Ok(new)
}

/// `:mode mode id id STATUS NUL path NUL`, without renames.
pub(super) fn files(output: &[u8]) -> Result<Vec<FileChange>, Fault> {
    let mut fields = output.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut files = Vec::new();
    while let Some(about) = fields.next() {
        let about = std::str::from_utf8(about).map_err(|_| malformed("diff-tree"))?;
        let words: Vec<&str> = about.trim_start_matches(':').split(' ').collect();
        let (Some(path), [before, after, old, new, status]) = (fields.next(), words.as_slice()) else {
            return Err(malformed("diff-tree"));
        };
        let plain = |mode: &str| mode.starts_with("100");
        let delta = match *status {
            "A" => Delta::Added,
            "D" => Delta::Deleted,
            _ if plain(before) && before == after => Delta::Content,
            _ => Delta::Kind,
        };
        files.push(FileChange { path: path.to_vec(), delta, old: (*old).to_owned(), new: (*new).to_owned() });
    }
    Ok(files)
}

/// Words by which git or a server says that the branch is no longer where it was.
const MOVED: &[&str] = &[
    "stale info",
    "fetch first",
    "non-fast-forward",
    "needs force",
    "but expected",
    "reference already exists",
    "incorrect old value",
    "remote ref updated since",
    "cannot lock ref",
    "failed to update ref",
    "failed to lock",
];

/// What `push --porcelain` says of a branch: `flag TAB from:to TAB summary`.
pub(super) fn pushed(porcelain: &str, reference: &str) -> (Pushed, String) {
    for line in porcelain.lines() {
        let mut fields = line.split('\t');
        let (Some(flag), Some(refs), Some(summary)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if refs.rsplit_once(':').is_none_or(|(_, to)| to != reference) {
            continue;
        }
        let what = match flag {
            " " | "" | "*" | "+" => Pushed::Taken,
            // It stands there already: somebody else pushed the very same, and was first.
            "=" => Pushed::Moved,
            // git could not read what the server made of it.
            "!" if summary.contains("[remote failure]") => Pushed::Unsaid,
            "!" if MOVED.iter().any(|word| summary.contains(word)) => Pushed::Moved,
            "!" => Pushed::Refused,
            _ => Pushed::Unsaid,
        };
        return (what, summary.to_owned());
    }
    (Pushed::Unsaid, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn branches_are_read_and_what_is_none_is_passed_over() {
        let listing = format!(
            "ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/heads/x/y\n{B}\trefs/tags/v1\n"
        );
        let read = tips(listing.as_bytes()).unwrap();
        assert_eq!(read.head.as_deref(), Some("main"));
        assert_eq!(
            read.branches.into_iter().collect::<Vec<_>>(),
            [("main".into(), A.into()), ("x/y".into(), B.into())]
        );
        assert!(tips(b"garbage\n").is_err());
        assert!(tips(b"not an id\trefs/heads/main\n").is_err());
        assert_eq!(tips(b"").unwrap(), Tips::default());
    }

    #[test]
    fn commits_are_read_whatever_their_subject_holds() {
        let listing =
            format!("commit {A}\n\0{A}\0{B}\0Ann\0a@x\07\0fix \u{1b}[31m: x\ncommit {B}\n\0{B}\0\0\0\08\0\n");
        let read = changes(listing.as_bytes()).unwrap();
        assert_eq!(read[0].parent.as_deref(), Some(B));
        assert_eq!((read[0].subject.as_str(), read[0].at), ("fix \u{1b}[31m: x", 7));
        assert_eq!((read[1].parent.as_deref(), read[1].subject.as_str()), (None, ""));
        assert!(changes(b"x\0garbage\0").is_err());
        assert!(changes(b"").unwrap().is_empty());
    }

    #[test]
    fn an_entry_of_a_tree_is_replaced_and_the_others_stay_byte_for_byte() {
        let listing = [
            format!("100644 blob {A}\ta b\0").into_bytes(),
            format!("120000 blob {A}\tx\0").into_bytes(),
            [format!("160000 commit {A}\t").into_bytes(), b"\xff\xfe\0".to_vec()].concat(),
        ]
        .concat();
        let new = replaced(&listing, "x", B).unwrap();
        let text = String::from_utf8_lossy(&new).into_owned();
        assert!(text.contains(&format!("040000 tree {B}\tx\0")) && !text.contains("120000"), "{text:?}");
        assert!(new.windows(3).any(|w| w == b"\xff\xfe\0"));
        assert_eq!(entry(&listing).unwrap(), Some(("blob".into(), A.into())));
        assert_eq!(entry(b"").unwrap(), None);
        assert!(entry(b"garbage\0").is_err() && replaced(b"garbage\0", "x", B).is_err());
    }

    #[test]
    fn files_that_differ_are_read() {
        let raw = format!(
            ":100644 100644 {A} {B} M\0x y\0:000000 100644 {A} {B} A\0new\0:100644 120000 {A} {B} T\0link\0:100644 000000 {A} {B} D\0old\0"
        );
        let deltas: Vec<_> = files(raw.as_bytes()).unwrap().into_iter().map(|f| f.delta).collect();
        assert_eq!(deltas, [Delta::Content, Delta::Added, Delta::Kind, Delta::Deleted]);
        assert!(files(b"garbage\0").is_err());
    }

    #[test]
    fn what_became_of_a_push_is_told_by_its_own_line_only() {
        let main = "refs/heads/main";
        for (said, wanted) in [
            (" \taaa:refs/heads/main\taaa..bbb", Pushed::Taken),
            ("*\taaa:refs/heads/main\t[new branch]", Pushed::Taken),
            ("=\taaa:refs/heads/main\t[up to date]", Pushed::Moved),
            ("!\taaa:refs/heads/main\t[rejected] (stale info)", Pushed::Moved),
            ("!\taaa:refs/heads/main\t[rejected] (fetch first)", Pushed::Moved),
            (
                "!\taaa:refs/heads/main\t[remote rejected] (cannot lock ref 'refs/heads/main': is at a but expected b)",
                Pushed::Moved,
            ),
            ("!\taaa:refs/heads/main\t[remote rejected] (pre-receive hook declined)", Pushed::Refused),
            ("!\taaa:refs/heads/main\t[remote rejected] (protected branch hook declined)", Pushed::Refused),
            ("!\taaa:refs/heads/main\t[remote failure] (remote failed to report status)", Pushed::Unsaid),
            (" \taaa:refs/heads/other\taaa..bbb", Pushed::Unsaid),
            ("Done", Pushed::Unsaid),
            ("", Pushed::Unsaid),
        ] {
            let said = format!("To /x\n{said}\nDone\n");
            assert_eq!(pushed(&said, main).0, wanted, "{said}");
        }
    }
}
