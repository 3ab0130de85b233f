//! Other programs that a provider needs: a secret's command, the keyring's tool, a credential plugin, `git`.
//!
//! The only place that starts one. Knows how to find a program that only its owner could have put there, what of
//! our environment it may see, and how it is ended; knows nothing of what it is asked. No shell, no terminal: a
//! program gets no input, its output through pipes, a process group of its own, and a deadline. It ends with us:
//! when the one who waits for it goes away, and at the latest in [`end_all`].
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

mod converse;
mod environment;
mod find;
pub mod foreground;
pub mod notice;
#[cfg(all(test, unix))]
mod tests;

pub(super) use converse::converse;
pub(super) use environment::{looks_secret, path, promises_a_secret, scrubbed};
pub(super) use find::find;

/// How much of a program's complaints is read, in bytes.
const COMPLAINTS: usize = 64 * 1024;

/// Process groups that we started and that have not ended.
static LIVING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A program to be run.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// Its absolute path, from [`find`].
    pub(super) program: &'a Path,
    /// Its arguments. They are seen by everybody on this machine: nothing secret.
    pub(super) arguments: &'a [&'a str],
    /// Its whole environment.
    pub(super) env: BTreeMap<String, String>,
    /// How long it may take.
    pub(super) deadline: Duration,
    /// How much it may print, in bytes.
    pub(super) most: usize,
    /// Whether its complaints are wanted. They may quote a secret.
    pub(super) complaints: Complaints,
}

/// What becomes of a program's standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaints {
    /// Read, up to 64 KiB.
    Kept,
    /// Nobody sees them.
    Dropped,
}

/// What a program said.
pub(super) struct Said {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// Its output; the memory is overwritten when this is dropped.
    pub(super) out: Zeroizing<Vec<u8>>,
    /// Its complaints.
    pub(super) complaints: String,
}

/// Why a program said nothing that can be used.
#[derive(Debug)]
pub(super) enum Failed {
    /// It could not be started.
    NotStarted(std::io::Error),
    /// It was lost on the way.
    Lost(std::io::Error),
    /// It printed more than it may.
    TooMuch,
    /// It took longer than it may.
    TooLong,
}

/// Runs a program to its end.
///
/// # Errors
/// [`Failed`]; the program and whatever it started are ended then.
pub(super) async fn run(call: Call<'_>) -> Result<Said, Failed> {
    let deadline = call.deadline;
    match tokio::time::timeout(deadline, to_the_end(call)).await {
        Ok(said) => said,
        Err(_) => Err(Failed::TooLong),
    }
}

/// The program as it is started: without a shell, a terminal or our environment, in a process group of its own.
fn started(call: &Call<'_>, input: Stdio) -> Result<tokio::process::Child, Failed> {
    let mut command = Command::new(call.program);
    command.args(call.arguments).env_clear().envs(&call.env).current_dir("/");
    command.stdin(input).stdout(Stdio::piped()).kill_on_drop(true);
    command.stderr(match call.complaints {
        Complaints::Kept => Stdio::piped(),
        Complaints::Dropped => Stdio::null(),
    });
    #[cfg(unix)]
    command.process_group(0);
    command.spawn().map_err(Failed::NotStarted)
}

async fn to_the_end(call: Call<'_>) -> Result<Said, Failed> {
    let mut child = started(&call, Stdio::null())?;
    // Dropped before `child` is, so that the number still belongs to it.
    let living = child.id().map(Living::note);
    let (out, complaints) = (child.stdout.take(), child.stderr.take());
    let (out, complaints) = tokio::join!(bounded(out, call.most), bounded(complaints, COMPLAINTS));
    let out = out.map_err(Failed::Lost)?;
    if out.len() > call.most {
        return Err(Failed::TooMuch);
    }
    let status = child.wait().await.map_err(Failed::Lost)?;
    if let Some(living) = living {
        living.ended();
    }
    let complaints = String::from_utf8_lossy(&complaints.map_err(Failed::Lost)?).into_owned();
    Ok(Said { status, out, complaints })
}

/// Everything up to one byte more than `most`. Small outputs, which may be secrets, never move in memory.
async fn bounded(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let one_more = most.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(one_more.min(COMPLAINTS.saturating_mul(2))));
    if let Some(pipe) = pipe {
        pipe.take(one_more as u64).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// A program that runs; dropping this ends it and whatever it started in its group.
struct Living(u32);

impl Living {
    fn note(id: u32) -> Self {
        LIVING.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Self(id)
    }

    /// It has ended by itself. What it left running in the background (an agent, say) is its own affair.
    fn ended(self) {
        self.forget();
        std::mem::forget(self);
    }

    fn forget(&self) {
        LIVING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.forget();
        end(self.0);
    }
}

/// Ends every program that still runs, with whatever it started: the last thing before the cockpit ends.
pub fn end_all() {
    let living = std::mem::take(&mut *LIVING.lock().unwrap_or_else(PoisonError::into_inner));
    living.into_iter().for_each(end);
}

/// Ends a process group. A group that is gone already is as it should be.
#[cfg(unix)]
fn end(group: u32) {
    signal(group, rustix::process::Signal::KILL);
}

/// Asks a process group to end by itself.
#[cfg(unix)]
fn ask_to_end(group: u32) {
    signal(group, rustix::process::Signal::TERM);
}

#[cfg(unix)]
fn signal(group: u32, signal: rustix::process::Signal) {
    let id = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id
        && let Err(error) = rustix::process::kill_process_group(id, signal)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(group, %error, "a program that was started could not be ended");
    }
}

#[cfg(not(unix))]
fn end(_group: u32) {}

#[cfg(not(unix))]
fn ask_to_end(_group: u32) {}

/// Where a program is, or why there is none that may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Its absolute path.
    At(PathBuf),
    /// It is nowhere on `PATH`.
    Nowhere,
    /// It is there, but others could have put it there; what is wrong with which place.
    Unsafe(String),
    /// It is named by a path from the current folder.
    Relative,
}
