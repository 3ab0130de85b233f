//! Which program a name means: the first one on `PATH` that nobody else could have put there.

use std::path::{Path, PathBuf};

use super::Found;

/// The program called `name`: that very path if it is absolute, else the first on `path` (a list of folders as in
/// `PATH`). Relative folders are passed over, so that no folder one happens to stand in can supply it; so are
/// folders and files that another user of this machine can write to.
pub(in super::super) fn find(name: &str, path: Option<&str>) -> Found {
    let named = Path::new(name);
    if named.is_absolute() {
        return match safe(named) {
            Ok(()) => Found::At(named.to_owned()),
            Err(why) => Found::Unsafe(why),
        };
    }
    if named.components().count() != 1 || name.is_empty() {
        return Found::Relative;
    }
    let mut refused = None;
    for folder in std::env::split_paths(path.unwrap_or_default()).filter(|folder| folder.is_absolute()) {
        let candidate = folder.join(name);
        if !executable(&candidate) {
            continue;
        }
        match safe(&candidate) {
            Ok(()) => return Found::At(candidate),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    refused.map_or(Found::Nowhere, Found::Unsafe)
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

/// Whether only root and we ourselves can decide what lies at `path`: the file, the folder that names it, and, where
/// that is a link, the folder that it leads to. What is not there is for the start to find out.
#[cfg(unix)]
fn safe(path: &Path) -> Result<(), String> {
    let real = path.canonicalize().ok();
    let folders =
        [path.parent().map(Path::to_owned), real.as_deref().and_then(Path::parent).map(Path::to_owned)];
    let places: Vec<PathBuf> = folders.into_iter().chain([real]).flatten().collect();
    places.iter().try_for_each(|place| ours(place))
}

#[cfg(not(unix))]
fn safe(_path: &Path) -> Result<(), String> {
    Ok(())
}

/// Whether nobody but root and we can write there. A group that may write is the administrator's choice (`/usr/local`
/// of some systems); everybody is not.
#[cfg(unix)]
fn ours(place: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    /// The owner of what a container's user names do not reach: the outer system, never a user of the inner one.
    const UNMAPPED: u32 = 65_534;
    let Ok(about) = place.metadata() else { return Ok(()) };
    if about.mode() & 0o002 != 0 {
        return Err(format!("everybody can write to {}", place.display()));
    }
    let us = rustix::process::geteuid().as_raw();
    if ![0, UNMAPPED, us].contains(&about.uid()) {
        return Err(format!("{} belongs to somebody else", place.display()));
    }
    Ok(())
}
