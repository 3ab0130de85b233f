//! What keeps this process and its files from others: its memory is never written to a core file, no process of the same
//! user may read it, and a folder that it makes is its user's only. Knows nothing of what is in them.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::io;
use std::path::Path;

/// Forbids core files and, on Linux, being traced or read through `/proc` by any process but root's.
///
/// Files below `/proc/self` belong to root from then on. Programs that are started later are as readable as ever,
/// but write no core files either.
///
/// # Errors
/// When the system refuses; the program works all the same, and the operator should know.
pub fn harden() -> io::Result<()> {
    no_core_files()?;
    not_readable()
}

#[cfg(unix)]
fn no_core_files() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(Into::into)
}

#[cfg(not(unix))]
fn no_core_files() -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn not_readable() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn not_readable() -> io::Result<()> {
    Ok(())
}

/// Makes a folder, and those above it that are missing, for this user only: from the first moment, whatever the umask.
/// One that is there already is left as it is.
///
/// # Errors
/// When it cannot be made.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
