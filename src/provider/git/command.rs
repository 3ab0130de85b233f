//! Reads a repository through `git`'s own output, for formats that the library does not know.
//!
//! Plumbing only, NUL-separated, bounded in time and size. Nothing in a repository may run: no hooks, fsmonitor,
//! external diff, textconv, signature checks, lazy fetches or transports. The environment is made anew, so no
//! `GIT_*` variable steers git elsewhere; owner checks stay on (they would not with `GIT_DIR`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::Handle;

use super::library::foreign_owner;
use super::reading::{
    COUNTED, Head, LARGEST_FILE, RENAMES, RawCommit, RawDiff, RawFile, Reading, Ref, State,
};
use crate::domain::code::FileDelta;
use crate::domain::{Cause, Fault};
use crate::provider::child::{self, Call, Complaints, Failed, Found};

/// How long one command may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// How much one command may print, in bytes.
const LARGEST_OUTPUT: usize = 64 << 20;

/// Variables that `git` needs to find its configuration and its own programs.
const KEPT: &[&str] = &["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR"];

/// Settings that a repository must not decide.
const PINNED: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "log.showSignature=false",
    "diff.external=",
    "protocol.allow=never",
];

/// One repository, read by the command.
pub(super) struct GitCommand {
    program: PathBuf,
    path: PathBuf,
    env: BTreeMap<String, String>,
    handle: Handle,
    refs: Vec<Ref>,
}

struct Output {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl GitCommand {
    /// `handle` drives the processes; calls must come from outside the runtime's own threads.
    pub(super) fn new(program: &Path, path: &Path, env: &BTreeMap<String, String>, handle: Handle) -> Self {
        let env = env.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
        let mut env: BTreeMap<_, _> = env.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(folders) = env.get_mut("PATH") {
            *folders = child::path(folders);
        }
        Self { program: program.to_owned(), path: path.to_owned(), env, handle, refs: Vec::new() }
    }

    fn env(&self) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        let fixed = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_ALLOW_PROTOCOL", "none"),
            ("GIT_PAGER", "cat"),
        ];
        env.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        // This folder and no other: without a ceiling git would take a repository around it.
        let ceiling = self.path.parent().unwrap_or(Path::new("/")).display().to_string();
        env.insert("GIT_CEILING_DIRECTORIES".to_owned(), ceiling);
        env
    }

    fn run(&self, args: &[&str]) -> Result<Output, Fault> {
        let program = self.program()?;
        let path = self.path.to_str().ok_or_else(|| {
            Fault::new(Cause::Local, format!("{} is not UTF-8; git is not asked", self.path.display()))
        })?;
        let threshold = format!("core.bigFileThreshold={LARGEST_FILE}");
        let mut all = vec!["--no-pager", "-C", path, "-c", &threshold];
        PINNED.iter().for_each(|pinned| all.extend(["-c", pinned]));
        all.extend(args);
        let call = Call {
            program: &program,
            arguments: &all,
            env: self.env(),
            deadline: DEADLINE,
            most: LARGEST_OUTPUT,
            complaints: Complaints::Kept,
        };
        match self.handle.block_on(child::run(call)) {
            Ok(mut said) => {
                let stdout = std::mem::take(&mut *said.out);
                Ok(Output { code: said.status.code(), stdout, stderr: said.complaints })
            }
            Err(Failed::NotStarted(error)) => Err(self.not_started(&error.to_string())),
            Err(Failed::Lost(error)) => Err(Fault::new(Cause::Local, format!("git was lost: {error}"))),
            Err(Failed::TooMuch) => Err(Fault::new(Cause::TooLarge, "git printed more than 64 MiB")),
            Err(Failed::TooLong) => {
                let what = args.first().copied().unwrap_or_default();
                let detail = format!("git {what} took longer than {} s", DEADLINE.as_secs());
                Err(Fault::new(Cause::TimedOut, detail))
            }
        }
    }

    /// The absolute path of `git`.
    fn program(&self) -> Result<PathBuf, Fault> {
        let name = self.program.to_string_lossy();
        match child::find(&name, self.env.get("PATH").map(String::as_str)) {
            Found::At(path) => Ok(path),
            Found::Nowhere => Err(self.not_started("it is not on PATH")),
            Found::Relative => Err(self.not_started("it is named by a path from the current folder")),
            Found::Unsafe(why) => Err(self.not_started(&why)),
        }
    }

    fn not_started(&self, why: &str) -> Fault {
        Fault::new(Cause::Local, format!("{} could not be started: {why}", self.program.display()))
            .with_hint("install git, or name its path: git = \"/usr/bin/git\"")
    }

    /// The output of a command that must succeed.
    fn sure(&self, args: &[&str]) -> Result<Vec<u8>, Fault> {
        let output = self.run(args)?;
        if output.code == Some(0) { Ok(output.stdout) } else { Err(self.failed(args, &output)) }
    }

    /// The output of a command that answers "no" by exiting with 1.
    fn perhaps(&self, args: &[&str]) -> Result<Option<String>, Fault> {
        let output = self.run(args)?;
        match output.code {
            Some(0) => Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())),
            Some(1) => Ok(None),
            _ => Err(self.failed(args, &output)),
        }
    }

    fn failed(&self, args: &[&str], output: &Output) -> Fault {
        if output.stderr.contains("dubious ownership") {
            return foreign_owner(&self.path);
        }
        if output.stderr.contains("not a git repository") {
            return super::not_a_repository(&self.path);
        }
        let line = output.stderr.lines().next().unwrap_or("it gave no reason");
        let what = args.first().copied().unwrap_or_default();
        Fault::new(Cause::Local, format!("git {what} failed: {line}"))
    }
}

fn malformed(what: &str) -> Fault {
    Fault::new(Cause::Malformed, format!("git {what} printed what is not understood"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const REF_FORMAT: &str = "--format=%(refname)%00%(objectname)%00%(objecttype)%00%(committerdate:unix)%00\
     %(*objectname)%00%(*objecttype)%00%(*committerdate:unix)%00%(upstream)";

const COMMIT_FORMAT: &str = "--format=%x00%H%x00%an%x00%ae%x00%ct%x00%B";

impl Reading for GitCommand {
    fn state(&mut self) -> Result<State, Fault> {
        let branch = self.perhaps(&["symbolic-ref", "--quiet", "HEAD"])?;
        let tip = self.perhaps(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
        let branch = branch.map(|name| name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned());
        let head = match (branch, tip) {
            (Some(branch), Some(tip)) => Head::Branch(branch, tip),
            (Some(branch), None) => Head::Unborn(branch),
            (None, Some(tip)) => Head::Detached(tip),
            (None, None) => return Err(malformed("rev-parse")),
        };
        let listing = text(&self.sure(&["for-each-ref", REF_FORMAT])?);
        let mut refs = Vec::new();
        self.refs.clear();
        for line in listing.lines() {
            let parsed = parse_ref(line).ok_or_else(|| malformed("for-each-ref"))?;
            refs.push((parsed.name.clone(), parsed.target, parsed.upstream.clone()));
            if let Some((commit, at)) = parsed.commit {
                self.refs.push(Ref { name: parsed.name, commit, at, upstream: parsed.upstream });
            }
        }
        refs.sort();
        self.refs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(State { head, refs, shallow: self.shallow()? })
    }

    fn refs(&mut self, _: &State) -> Result<Vec<Ref>, Fault> {
        Ok(self.refs.clone())
    }

    fn commit_id(&mut self, hex: &str) -> Result<Option<String>, Fault> {
        self.perhaps(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{hex}^{{commit}}")])
    }

    fn apart(&mut self, one: &str, other: &str) -> Result<(usize, usize), Fault> {
        let range = format!("{one}...{other}");
        let counts = text(&self.sure(&["rev-list", "--left-right", "--count", &range])?);
        let mut counts = counts.split_whitespace().map(str::parse);
        match (counts.next(), counts.next()) {
            (Some(Ok(left)), Some(Ok(right))) => Ok((left, right)),
            _ => Err(malformed("rev-list")),
        }
    }

    fn related(&mut self, one: &str, other: &str) -> Result<bool, Fault> {
        Ok(self.perhaps(&["merge-base", one, other])?.is_some())
    }

    fn commits(&mut self, base: &str, head: &str, most: usize) -> Result<Vec<RawCommit>, Fault> {
        let (most, hidden) = (format!("--max-count={most}"), format!("^{base}"));
        let args = ["rev-list", "--date-order", "--encoding=UTF-8", &most, COMMIT_FORMAT, head, &hidden];
        let listing = self.sure(&args)?;
        parse_commits(&listing).ok_or_else(|| malformed("rev-list"))
    }

    fn ids(&mut self, base: &str, head: &str) -> Result<BTreeSet<String>, Fault> {
        let listing = text(&self.sure(&["rev-list", head, &format!("^{base}")])?);
        Ok(listing.lines().map(str::to_owned).collect())
    }

    fn diff(&mut self, base: &str, head: &str) -> Result<RawDiff, Fault> {
        let renames = format!("-l{RENAMES}");
        let output = self.sure(&[
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--numstat",
            "-M",
            &renames,
            "--no-ext-diff",
            "--no-textconv",
            "--submodule=short",
            base,
            head,
        ])?;
        parse_diff(&output).ok_or_else(|| malformed("diff-tree"))
    }
}

impl GitCommand {
    fn shallow(&self) -> Result<BTreeSet<String>, Fault> {
        let answer = text(&self.sure(&["rev-parse", "--is-shallow-repository", "--git-path", "shallow"])?);
        let Some((is_shallow, file)) = answer.trim_end().split_once('\n') else {
            return Err(malformed("rev-parse"));
        };
        if is_shallow != "true" {
            return Ok(BTreeSet::new());
        }
        let file = std::fs::read_to_string(self.path.join(file)).unwrap_or_else(|_| "\n".to_owned());
        Ok(file.lines().map(|line| line.trim().to_owned()).collect())
    }
}

/// A line of `for-each-ref`.
pub(super) struct ParsedRef {
    pub(super) name: String,
    target: String,
    pub(super) commit: Option<(String, i64)>,
    upstream: Option<String>,
}

pub(super) fn parse_ref(line: &str) -> Option<ParsedRef> {
    let mut fields = line.split('\0');
    let mut next = || fields.next();
    let (name, target, kind, at) = (next()?, next()?, next()?, next()?);
    let (peeled, peeled_kind, peeled_at, upstream) = (next()?, next()?, next()?, next()?);
    let commit = match (kind, peeled_kind) {
        ("commit", _) => Some((target.to_owned(), at.parse().ok()?)),
        (_, "commit") => Some((peeled.to_owned(), peeled_at.parse().ok()?)),
        _ => None,
    };
    Some(ParsedRef {
        name: name.to_owned(),
        target: target.to_owned(),
        commit,
        upstream: (!upstream.is_empty()).then(|| upstream.to_owned()),
    })
}

/// What stands after a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// The next commit's line "commit ...".
    Commit,
    Nothing,
}

fn parse_commit(fields: &[&[u8]], follows: Follows) -> Option<RawCommit> {
    let [sha, author, email, at, message] = fields else { return None };
    let mut message = text(message);
    if follows == Follows::Commit
        && let Some((before, last)) = message.trim_end().rsplit_once('\n')
        && last
            .strip_prefix("commit ")
            .is_some_and(|id| id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        message = before.to_owned();
    }
    Some(RawCommit {
        sha: text(sha),
        message,
        author: text(author),
        email: text(email),
        at: text(at).parse().ok()?,
    })
}

/// Every commit of a listing in [`COMMIT_FORMAT`].
pub(super) fn parse_commits(listing: &[u8]) -> Option<Vec<RawCommit>> {
    // Before the first NUL stands the line "commit ..." that comes ahead of every commit.
    let fields: Vec<&[u8]> = listing.split(|byte| *byte == 0).skip(1).collect();
    let count = fields.len() / 5;
    let each = fields.chunks(5).enumerate().map(|(index, chunk)| {
        let next = if index + 1 < count { Follows::Commit } else { Follows::Nothing };
        parse_commit(chunk, next)
    });
    each.collect()
}

/// `:mode mode id id STATUS NUL path NUL [path NUL]` records, then `added TAB removed TAB path NUL` records.
pub(super) fn parse_diff(output: &[u8]) -> Option<RawDiff> {
    let mut diff = RawDiff::default();
    let mut counted = 0;
    let mut fields = output.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        if field.first() == Some(&b':') {
            let status = field.rsplit(|byte| *byte == b' ').next()?.first()?;
            let path = fields.next()?;
            let (delta, path) = match status {
                b'A' => (FileDelta::Added, path),
                b'D' => (FileDelta::Deleted, path),
                b'R' => (FileDelta::Renamed, fields.next()?),
                _ => (FileDelta::Modified, path),
            };
            diff.files.push(RawFile { path: text(path), delta });
            continue;
        }
        let line = text(field);
        let (added, rest) = line.split_once('\t')?;
        let (removed, path) = rest.split_once('\t')?;
        if path.is_empty() {
            // A rename: both paths follow.
            fields.next()?;
            fields.next()?;
        }
        counted += 1;
        // Binary files have dashes for numbers.
        if counted <= COUNTED && added != "-" {
            diff.added += added.parse::<usize>().ok()?;
            diff.removed += removed.parse::<usize>().ok()?;
        }
    }
    Some(diff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_with_renames_and_binaries_is_parsed() {
        let raw =
            b":100644 100644 a b M\0x y\0:000000 100644 0 b A\0bin\0:100644 100644 a b R090\0old\0new\0\
            3\t1\tx y\0-\t-\tbin\x001\t2\t\0old\0new\0";
        let diff = parse_diff(raw).unwrap();
        let files: Vec<_> = diff.files.iter().map(|f| (f.path.as_str(), f.delta)).collect();
        assert_eq!(
            files,
            [("x y", FileDelta::Modified), ("bin", FileDelta::Added), ("new", FileDelta::Renamed)]
        );
        assert_eq!((diff.added, diff.removed), (4, 3));
        assert!(parse_diff(b"garbage\0").is_none());
    }

    #[test]
    fn the_line_of_the_next_commit_is_no_part_of_a_message() {
        let tail = format!("fix: x\n\ncommit {}\n", "a".repeat(40));
        let fields: [&[u8]; 5] = [b"aa", b"Ada", b"a@b", b"7", tail.as_bytes()];
        assert_eq!(parse_commit(&fields, Follows::Commit).unwrap().message.trim(), "fix: x");
        assert_eq!(parse_commit(&fields, Follows::Nothing).unwrap().message, tail);
    }
}
