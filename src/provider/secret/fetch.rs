//! Fetching a secret's value from its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::super::SecretPlace;
use super::describe;
use crate::domain::{Cause, Fault};

/// How long a command may take to print a secret.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// The longest secret, in bytes. What is longer is not a secret but a mistake.
const LONGEST: u64 = 64 * 1024;

type Env = BTreeMap<String, String>;

pub(super) async fn fetch(place: &SecretPlace, env: &Env) -> Result<SecretString, Fault> {
    let raw = match place {
        SecretPlace::Env(name) => env.get(name).cloned().ok_or_else(|| {
            local(place, "is not set").with_hint(format!("export {name} before starting gonogo"))
        })?,
        SecretPlace::File(path) => file(place, path).await?,
        SecretPlace::Command(words) => command(place, words, env).await?,
        SecretPlace::Keyring(entry) => keyring(place, entry, env).await?,
    };
    checked(place, &raw)
}

/// A value that can be a header: one trailing newline trimmed, not empty, no control characters.
fn checked(place: &SecretPlace, raw: &str) -> Result<SecretString, Fault> {
    let value = raw.strip_suffix('\n').unwrap_or(raw);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        return Err(local(place, "is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(local(place, "holds a line break or another control character"));
    }
    Ok(SecretString::from(value))
}

fn local(place: &SecretPlace, what: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, format!("{} {}", describe(place), what.as_ref()))
}

async fn file(place: &SecretPlace, path: &Path) -> Result<String, Fault> {
    let about = tokio::fs::symlink_metadata(path)
        .await
        .map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    if about.file_type().is_symlink() {
        return Err(local(place, "is a symbolic link").with_hint("name the file itself"));
    }
    let opened = tokio::fs::File::open(path)
        .await
        .map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    // What counts is the file that was opened, not the one that lay there a moment ago.
    let about_opened =
        opened.metadata().await.map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    private(place, path, &about, &about_opened)?;
    let mut value = String::new();
    opened
        .take(LONGEST + 1)
        .read_to_string(&mut value)
        .await
        .map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    if value.len() as u64 > LONGEST {
        return Err(local(place, "is too long for a secret"));
    }
    Ok(value)
}

/// Whether only its owner, who is us, may read the file.
#[cfg(unix)]
fn private(
    place: &SecretPlace,
    path: &Path,
    seen: &std::fs::Metadata,
    opened: &std::fs::Metadata,
) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt;
    if (seen.dev(), seen.ino()) != (opened.dev(), opened.ino()) {
        return Err(local(place, "was replaced while it was opened"));
    }
    if !opened.is_file() {
        return Err(local(place, "is not a regular file"));
    }
    if opened.mode() & 0o077 != 0 {
        return Err(local(place, format!("can be read by others (mode {:o})", opened.mode() & 0o777))
            .with_hint(format!("chmod 600 {}", path.display())));
    }
    match our_user() {
        Some(us) if us == opened.uid() => Ok(()),
        Some(_) => Err(local(place, "belongs to somebody else")),
        None => Err(local(place, "may belong to somebody else: this system does not say who we are")),
    }
}

#[cfg(not(unix))]
fn private(
    place: &SecretPlace,
    _path: &Path,
    _seen: &std::fs::Metadata,
    opened: &std::fs::Metadata,
) -> Result<(), Fault> {
    if opened.is_file() { Ok(()) } else { Err(local(place, "is not a regular file")) }
}

/// Our effective user id. Without `unsafe` there is no system call for it, so the kernel's own entry for this
/// process is asked, or a new empty file, which belongs to whoever makes it.
#[cfg(unix)]
fn our_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let process = std::fs::metadata("/proc/self").ok();
    let about = process.or_else(|| tempfile::tempfile().ok()?.metadata().ok())?;
    Some(about.uid())
}

async fn command(place: &SecretPlace, words: &[String], env: &Env) -> Result<String, Fault> {
    let Some((name, arguments)) = words.split_first() else {
        return Err(local(place, "is empty"));
    };
    let program = resolve(name, env)
        .ok_or_else(|| local(place, "is not on PATH").with_hint("write its absolute path"))?;
    let (status, out) = run(place, &program, arguments, env).await?;
    if !status.success() {
        return Err(local(place, format!("failed ({status})")).with_hint("run it by hand to see why"));
    }
    let text = String::from_utf8(out).map_err(|_| local(place, "printed something that is not text"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Runs a program without a shell and without input; killed when it takes too long or when we go away. It gets
/// the environment that we were started with, secrets of other sources included: tools such as `gh` and `vault`
/// need theirs, and which variable belongs to which tool is not known here.
async fn run(
    place: &SecretPlace,
    program: &Path,
    arguments: &[String],
    env: &Env,
) -> Result<(ExitStatus, Vec<u8>), Fault> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| local(place, format!("cannot be started: {}", error.kind())))?;
    let mut out = Vec::new();
    let stdout = child.stdout.take();
    let all = async {
        if let Some(stdout) = stdout {
            stdout.take(LONGEST).read_to_end(&mut out).await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(COMMAND_DEADLINE, all).await {
        Ok(Ok(status)) => Ok((status, out)),
        Ok(Err(error)) => Err(local(place, format!("failed: {}", error.kind()))),
        Err(_) => Err(local(place, format!("printed nothing within {} s", COMMAND_DEADLINE.as_secs()))),
    }
}

/// The absolute path of a program: as configured if it is absolute, else the first executable on PATH.
/// Relative entries of PATH are passed over, so that no folder one happens to stand in can supply it.
fn resolve(name: &str, env: &Env) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    if path.components().count() != 1 {
        return None;
    }
    std::env::split_paths(env.get("PATH")?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| executable(candidate))
}

#[cfg(unix)]
fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn executable(path: &Path) -> bool {
    path.is_file()
}

/// The desktop's own keyring tool, without a shell.
async fn keyring(place: &SecretPlace, entry: &str, env: &Env) -> Result<String, Fault> {
    let Some((service, account)) = entry.rsplit_once('/') else {
        return Err(local(place, "is not of the form service/account"));
    };
    let words: &[&str] = if cfg!(target_os = "macos") {
        &["security", "find-generic-password", "-w", "-s", service, "-a", account]
    } else if cfg!(target_os = "linux") {
        &["secret-tool", "lookup", "service", service, "account", account]
    } else {
        return Err(local(place, "cannot be had: no keyring tool is known for this system")
            .with_hint("use { command = [..] } or { file = \"..\" }"));
    };
    let (Some(name), arguments) = (words.first(), words.get(1..).unwrap_or_default()) else {
        return Err(local(place, "cannot be looked up"));
    };
    let program = resolve(name, env).ok_or_else(|| {
        local(place, format!("cannot be looked up: {name} is not on PATH"))
            .with_hint("install it (Debian: libsecret-tools), or use { command = [..] }")
    })?;
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let (status, out) = run(place, &program, &arguments, env).await?;
    if !status.success() || out.is_empty() {
        return Err(local(place, "is not in the keyring, or the keyring is locked"));
    }
    String::from_utf8(out).map_err(|_| local(place, "holds something that is not text"))
}
