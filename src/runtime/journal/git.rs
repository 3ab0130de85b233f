//! Runs the user's git for anchors: plumbing only, in one repository, with nothing of that repository running.
//!
//! The environment is made anew, so no `GIT_*` variable steers git elsewhere; hooks, signing programs, fsmonitor and
//! transports are off.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::anchor::AnchorPlace;

/// How long one command may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The pause between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// How much one command may print, in bytes.
const LARGEST_OUTPUT: u64 = 64 << 20;

/// Settings that a repository must not decide.
const PINNED: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "commit.gpgSign=false",
    "log.showSignature=false",
    "protocol.allow=never",
    "gc.auto=0",
];

/// Why there is no anchor.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct GitError(String);

impl GitError {
    pub(super) fn new(what: String) -> Self {
        Self(what)
    }
}

/// One repository and the program for it.
pub(super) struct Git<'a> {
    place: &'a AnchorPlace,
}

struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl<'a> Git<'a> {
    pub(super) fn of(place: &'a AnchorPlace) -> Self {
        Self { place }
    }

    /// The commit under a ref; nothing if there is no such ref.
    pub(super) fn tip(&self, reference: &str) -> Result<Option<String>, GitError> {
        let args =
            ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{reference}^{{commit}}")];
        let output = self.run(&args, None)?;
        match output.code {
            Some(0) => Ok(Some(output.stdout.trim().to_owned())),
            Some(1) => Ok(None),
            _ => Err(self.failed(&args, &output)),
        }
    }

    /// The messages of a commit and of all before it, newest first.
    pub(super) fn messages(&self, tip: &str) -> Result<Vec<String>, GitError> {
        let listing =
            self.sure(&["rev-list", "--first-parent", "--no-commit-header", "--format=%B%x00", tip], None)?;
        let messages = listing.split('\0').map(|message| message.trim_start_matches('\n'));
        Ok(messages.filter(|message| !message.trim().is_empty()).map(str::to_owned).collect())
    }

    /// The message of one commit.
    pub(super) fn messages_of_one(&self, commit: &str) -> Result<String, GitError> {
        self.sure(&["rev-list", "--max-count=1", "--no-commit-header", "--format=%B", commit], None)
    }

    /// Makes a commit that holds no files.
    pub(super) fn commit(
        &self,
        parent: Option<&str>,
        message: &str,
        time: Timestamp,
    ) -> Result<String, GitError> {
        let tree = self.sure(&["mktree"], None)?;
        let mut args = vec!["commit-tree", tree.trim(), "-m", message];
        if let Some(parent) = parent {
            args.extend(["-p", parent]);
        }
        Ok(self.sure(&args, Some(time))?.trim().to_owned())
    }

    /// Moves the ref from one commit to another. Says whether it did: no, if somebody else moved it.
    pub(super) fn advance(&self, reference: &str, to: &str, from: Option<&str>) -> Result<bool, GitError> {
        // No old value means that the ref must not be there yet.
        let none = "0".repeat(to.len());
        let args = ["update-ref", "-m", "gonogo", reference, to, from.unwrap_or(&none)];
        let output = self.run(&args, None)?;
        if output.code == Some(0) {
            return Ok(true);
        }
        let moved = self.tip(reference)?.as_deref() != from;
        if moved { Ok(false) } else { Err(self.failed(&args, &output)) }
    }

    fn command(&self, args: &[&str], time: Option<Timestamp>) -> Command {
        let mut command = Command::new(&self.place.git);
        command.env_clear().envs(self.place.env.iter().map(|(name, value)| (name, value)));
        command.envs([
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_ALLOW_PROTOCOL", "none"),
            ("GIT_PAGER", "cat"),
            ("GIT_AUTHOR_NAME", "gonogo"),
            ("GIT_AUTHOR_EMAIL", "gonogo@localhost"),
            ("GIT_COMMITTER_NAME", "gonogo"),
            ("GIT_COMMITTER_EMAIL", "gonogo@localhost"),
        ]);
        if let Some(time) = time {
            let date = format!("@{} +0000", time.as_second());
            command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        }
        // This folder and no other: without a ceiling git would take a repository around it.
        let repo = &self.place.repo;
        command.env("GIT_CEILING_DIRECTORIES", repo.parent().unwrap_or(Path::new("/")));
        command.arg("--no-pager").arg("-C").arg(repo);
        for pinned in PINNED {
            command.args(["-c", pinned]);
        }
        command.args(args).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str], time: Option<Timestamp>) -> Result<Output, GitError> {
        let program = self.place.git.display();
        let mut child = self
            .command(args, time)
            .spawn()
            .map_err(|error| GitError(format!("{program} could not be started: {error}")))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let what = args.first().copied().unwrap_or_default();
        std::thread::scope(|scope| {
            let out = scope.spawn(move || bounded(out, LARGEST_OUTPUT));
            let err = scope.spawn(move || bounded(err, 65_536));
            let ended = wait(&mut child).map_err(|error| GitError(format!("git was lost: {error}")));
            let (stdout, stderr) = (text(out)?, text(err)?);
            let Some(code) = ended? else {
                return Err(GitError(format!("git {what} took longer than {} s", DEADLINE.as_secs())));
            };
            Ok(Output { code, stdout, stderr })
        })
    }

    fn sure(&self, args: &[&str], time: Option<Timestamp>) -> Result<String, GitError> {
        let output = self.run(args, time)?;
        if output.code == Some(0) { Ok(output.stdout) } else { Err(self.failed(args, &output)) }
    }

    fn failed(&self, args: &[&str], output: &Output) -> GitError {
        let line = output.stderr.lines().next().unwrap_or("it gave no reason");
        let what = args.first().copied().unwrap_or_default();
        GitError(format!("git {what} in {} failed: {line}", self.place.repo.display()))
    }
}

/// Waits at most the deadline, then ends the program. Gives its exit code; nothing if it had to be ended.
fn wait(child: &mut Child) -> io::Result<Option<Option<i32>>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code()));
        }
        if began.elapsed() > DEADLINE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
}

fn bounded(pipe: Option<impl Read>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn text(reader: ScopedJoinHandle<'_, io::Result<Vec<u8>>>) -> Result<String, GitError> {
    let read = reader.join().map_err(|_| GitError("git could not be read".to_owned()))?;
    let bytes = read.map_err(|error| GitError(format!("git could not be read: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
