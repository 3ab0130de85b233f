//! What keeps the memory of this process from others: it is never written to a core file, and no process of the same
//! user may read it. Knows nothing of what is in it.

use std::io;

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
