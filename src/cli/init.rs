//! `gonogo init`: the commented example where the config belongs. Never overwrites.

use std::io::Write;

use super::{Common, Done, Failure, Surroundings, code, say};
use crate::runtime::hardening;

/// The reference config, as shipped.
pub(super) const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Writes the example.
pub(super) fn run(common: &Common, surroundings: &Surroundings) -> Done {
    let path = surroundings.config(common.config.as_ref()).ok_or_else(|| {
        Failure::new(code::USAGE, "no config folder is known here; name a file with --config")
    })?;
    let at = |error: std::io::Error| Failure::new(code::FAILED, format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        hardening::private_folder(folder).map_err(at)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(code::FAILED, format!("{} is there already; nothing was changed", path.display()))
        }
        _ => at(error),
    })?;
    file.write_all(EXAMPLE.as_bytes()).map_err(at)?;
    say(&format!("wrote {}\nedit it, then: gonogo doctor\n", path.display()))?;
    Ok(code::OK)
}
