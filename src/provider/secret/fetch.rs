//! Fetching a secret's value from its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use tokio::io::AsyncReadExt;

use super::super::SecretPlace;
use super::super::child::{self, Call, Complaints, Failed, Found, Said};
use super::{Value, describe};
use crate::domain::{Cause, Fault};

/// How long a command may take to print a secret.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// The longest secret, in bytes. What is longer is not a secret but a mistake.
const LONGEST: usize = 64 * 1024;

type Env = BTreeMap<String, String>;

/// A text that is overwritten in memory when it is dropped.
type Text = Zeroizing<String>;

pub(super) async fn fetch(place: &SecretPlace, env: &Env) -> Result<Value, Fault> {
    let raw = match place {
        SecretPlace::Env(name) => env.get(name).cloned().map(Text::new).ok_or_else(|| {
            local(place, "is not set").with_hint(format!("export {name} before starting gonogo"))
        })?,
        SecretPlace::File(path) => file(place, path).await?,
        SecretPlace::Command(words) => command(place, words, env).await?,
        SecretPlace::Keyring(entry) => keyring(place, entry, env).await?,
    };
    checked(place, &raw)
}

/// A value that can be a header: one trailing newline trimmed, not empty, no control characters.
fn checked(place: &SecretPlace, raw: &str) -> Result<Value, Fault> {
    let value = raw.strip_suffix('\n').unwrap_or(raw);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        return Err(local(place, "is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(local(place, "holds a line break or another control character"));
    }
    Ok(Value::new(value))
}

fn local(place: &SecretPlace, what: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, format!("{} {}", describe(place), what.as_ref()))
}

async fn file(place: &SecretPlace, path: &Path) -> Result<Text, Fault> {
    let about = tokio::fs::symlink_metadata(path)
        .await
        .map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    if about.file_type().is_symlink() {
        return Err(local(place, "is a symbolic link").with_hint("name the file itself"));
    }
    if !about.is_file() {
        // Opening a pipe would wait for whoever writes to it.
        return Err(local(place, "is not a regular file"));
    }
    lodged(place, path)?;
    let opened = tokio::fs::File::open(path)
        .await
        .map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    // What counts is the file that was opened, not the one that lay there a moment ago.
    let about_opened =
        opened.metadata().await.map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    private(place, path, &about, &about_opened)?;
    // Room for all of it, so that no copy is left behind where it grew.
    let mut value = Text::new(String::with_capacity(LONGEST.saturating_add(1)));
    opened
        .take((LONGEST as u64).saturating_add(1))
        .read_to_string(&mut value)
        .await
        .map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    if value.len() > LONGEST {
        return Err(local(place, "is too long for a secret"));
    }
    Ok(value)
}

/// Whether nobody else can put another file in its place.
#[cfg(unix)]
fn lodged(place: &SecretPlace, path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let about = std::fs::metadata(folder)
        .map_err(|error| local(place, format!("cannot be read: {}", error.kind())))?;
    // In a folder with the sticky bit (/tmp) only the owner of a file can replace it.
    if about.mode() & 0o002 != 0 && about.mode() & 0o1000 == 0 {
        return Err(local(place, "lies in a folder that everybody can write to")
            .with_hint(format!("chmod o-w {}", folder.display())));
    }
    if about.uid() != 0 && about.uid() != rustix::process::geteuid().as_raw() {
        return Err(local(place, "lies in a folder that belongs to somebody else"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn lodged(_place: &SecretPlace, _path: &Path) -> Result<(), Fault> {
    Ok(())
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
    if opened.uid() == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(local(place, "belongs to somebody else"))
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

async fn command(place: &SecretPlace, words: &[String], env: &Env) -> Result<Text, Fault> {
    let Some((name, arguments)) = words.split_first() else {
        return Err(local(place, "is empty"));
    };
    let program = find(place, name, env)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = run(place, &program, &arguments, env).await?;
    if !said.status.success() {
        return Err(local(place, format!("failed ({})", said.status)).with_hint("run it by hand to see why"));
    }
    let text =
        std::str::from_utf8(&said.out).map_err(|_| local(place, "printed something that is not text"))?;
    Ok(Text::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// The program that a command or a keyring means.
fn find(place: &SecretPlace, name: &str, env: &Env) -> Result<PathBuf, Fault> {
    match child::find(name, env.get("PATH").map(String::as_str)) {
        Found::At(path) => Ok(path),
        Found::Nowhere => Err(local(place, format!("cannot be had: {name} is not on PATH"))
            .with_hint("install it, or write its absolute path")),
        Found::Relative => Err(local(place, "is named by a path from the current folder, and is not run")
            .with_hint("write its absolute path")),
        Found::Unsafe(why) => Err(local(place, format!("is not run: {why}, so it may be another program"))
            .with_hint("mend the permissions, or write the absolute path of a program that is yours")),
    }
}

/// Runs a program that prints a secret: see [`child`]. It gets our environment without the secrets of others.
async fn run(place: &SecretPlace, program: &Path, arguments: &[&str], env: &Env) -> Result<Said, Fault> {
    let call = Call {
        program,
        arguments,
        env: child::scrubbed(program, env),
        deadline: COMMAND_DEADLINE,
        most: LONGEST,
        complaints: Complaints::Dropped,
    };
    child::run(call).await.map_err(|failed| match failed {
        Failed::NotStarted(error) => local(place, format!("cannot be started: {}", error.kind())),
        Failed::Lost(error) => local(place, format!("failed: {}", error.kind())),
        Failed::TooMuch => local(place, "printed more than a secret can be long"),
        Failed::TooLong => local(place, format!("printed nothing within {} s", COMMAND_DEADLINE.as_secs())),
    })
}

/// The desktop's own keyring tool, without a shell. There is no second place to look when it has no answer.
async fn keyring(place: &SecretPlace, entry: &str, env: &Env) -> Result<Text, Fault> {
    let Some((service, account)) = entry.rsplit_once('/') else {
        return Err(local(place, "is not of the form service/account"));
    };
    let (name, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("security", &["find-generic-password", "-w", "-s", service, "-a", account])
    } else if cfg!(target_os = "linux") {
        ("secret-tool", &["lookup", "service", service, "account", account])
    } else {
        return Err(local(place, "cannot be had: no keyring tool is known for this system")
            .with_hint("use { command = [..] } or { file = \"..\" }"));
    };
    let program = find(place, name, env).map_err(|fault| {
        if cfg!(target_os = "linux") && fault.detail.as_str().contains("not on PATH") {
            return fault.with_hint("install it (Debian: libsecret-tools), or use { command = [..] }");
        }
        fault
    })?;
    let said = run(place, &program, arguments, env).await?;
    if !said.status.success() || said.out.is_empty() {
        return Err(without_answer(place, env));
    }
    let text =
        std::str::from_utf8(&said.out).map_err(|_| local(place, "holds something that is not text"))?;
    Ok(Text::new(text.to_owned()))
}

/// Why the keyring gave nothing. A machine without a session bus (ssh, a container, a CI job) has no keyring.
fn without_answer(place: &SecretPlace, env: &Env) -> Fault {
    let set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    let bus = set("DBUS_SESSION_BUS_ADDRESS")
        || env.get("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(folder).join("bus").exists());
    if cfg!(target_os = "linux") && !bus {
        return local(place, "cannot be had: there is no D-Bus session here, so there is no keyring")
            .with_hint("log in to a desktop session, or use { command = [..] } or { file = \"..\" }");
    }
    local(place, "is not in the keyring, or the keyring is locked")
}
