//! What the doctor checks on this machine: the config and which layer won, the paths, the journal, the terminal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::journal::anchor_place;
use super::super::start::journal_path;
use super::super::{Common, Failure, Surroundings};
use super::{Check, idle_sources};
use crate::config::{self, Config};
use crate::domain::service::Access;
use crate::domain::time::spoken;
use crate::runtime::journal;

/// The config: where it is and why there, what it holds, and what in it is of no use.
pub(super) fn config(
    config: &Config,
    path: &Path,
    common: &Common,
    surroundings: &Surroundings,
) -> Vec<Check> {
    let from = match (&common.config, surroundings.var("GONOGO_CONFIG"), surroundings.var("XDG_CONFIG_HOME"))
    {
        (Some(_), _, _) => "--config",
        (None, Some(_), _) => "$GONOGO_CONFIG",
        (None, None, Some(_)) => "$XDG_CONFIG_HOME",
        (None, None, None) => "the user's config folder",
    };
    let says = format!(
        "{} (by {from}): {} sources, {} services",
        path.display(),
        config.sources.len(),
        config.services.len()
    );
    let mut checks = vec![Check::well("config", says)];
    if let Some(worth) = writable_by_others(path) {
        checks.push(worth);
    }
    let idle = idle_sources(config);
    if !idle.is_empty() {
        checks.push(Check::worth(
            "config: sources",
            format!("no service refers to {}", idle.join(", ")),
            "bind them in a [[service]], or put a # before them",
        ));
    }
    if config.services.is_empty() {
        let says = "no service is configured, so there is nothing to show";
        checks.push(Check::worth("config: services", says, "gonogo init --print   shows one to begin with"));
    }
    for service in &config.services {
        let blind = service.environments.iter().filter(|e| e.deploy.is_none() && e.live.is_none());
        for environment in blind {
            checks.push(Check::worth(
                format!("config: {}", service.name),
                format!("nothing tells what runs in {}", environment.name),
                "give the environment a `deploy` or a `live`",
            ));
        }
    }
    checks
}

#[cfg(unix)]
fn writable_by_others(path: &Path) -> Option<Check> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().ok()?.permissions().mode();
    (mode & 0o022 != 0).then(|| {
        Check::worth(
            "config: file",
            format!("others can change it (mode {:o}), and so what is run and where tokens go", mode & 0o777),
            format!("chmod go-w {}", path.display()),
        )
    })
}

#[cfg(not(unix))]
fn writable_by_others(_: &Path) -> Option<Check> {
    None
}

/// Which layer won where flag, environment and file may differ; and where things lie.
pub(super) fn paths(config: &Config, common: &Common, surroundings: &Surroundings) -> Vec<Check> {
    let access = match (common.read_only, config.access) {
        (true, _) => "read-only, by --read-only",
        (false, Access::ReadOnly) => "read-only, by [ui] read_only",
        (false, Access::ReadWrite) => "read-write; --read-only looks only",
    };
    let theme = match (&common.theme, surroundings.var("NO_COLOR"), &config.ui.theme) {
        (Some(name), _, _) => format!("{name}, by --theme"),
        (None, Some(_), _) => "mono, by $NO_COLOR".to_owned(),
        (None, None, Some(config::Theme::File(path))) => format!("{}, by [ui] theme", path.display()),
        (None, None, Some(theme)) => format!("{}, by [ui] theme", format!("{theme:?}").to_lowercase()),
        (None, None, None) => "the usual one; `theme` under [ui] or --theme chooses".to_owned(),
    };
    let log = match (surroundings.var("GONOGO_LOG"), log_path(surroundings)) {
        (Some(level), Some(path)) => format!("{} ({level}, by $GONOGO_LOG)", path.display()),
        (None, Some(path)) => format!("none is written; GONOGO_LOG=info writes {}", path.display()),
        (_, None) => "none: no state folder is known here".to_owned(),
    };
    vec![Check::well("access", access), Check::well("theme", theme), Check::well("log", log)]
}

fn log_path(surroundings: &Surroundings) -> Option<PathBuf> {
    Some(surroundings.journal()?.with_file_name("gonogo.log"))
}

/// What this terminal can show.
pub(super) fn terminal(surroundings: &Surroundings) -> Check {
    let term = surroundings.var("TERM").unwrap_or("unset");
    let colours = surroundings.var("COLORTERM").unwrap_or("unset");
    let mono = if surroundings.var("NO_COLOR").is_some() { "; NO_COLOR: theme mono" } else { "" };
    let screen =
        if surroundings.full_screen() { "full screen" } else { "no full screen here: status as text" };
    Check::well("terminal", format!("TERM={term} COLORTERM={colours}; {screen}{mono}"))
}

/// The record, read beside everything else: it may be long.
pub(super) async fn journal(
    config: &Config,
    surroundings: &Surroundings,
    patience: Duration,
) -> Result<Vec<Check>, Failure> {
    let path = journal_path(config, surroundings)?;
    let (anchor, around) = (config.anchor.clone(), surroundings.clone());
    let reading = tokio::task::spawn_blocking(move || record(&path, anchor, &around));
    Ok(match tokio::time::timeout(patience, reading).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(_)) => vec![Check::ill("journal", "reading it crashed", Some("gonogo journal verify".into()))],
        Err(_) => vec![Check::worth(
            "journal",
            format!("too long to be read within {}", spoken(patience)),
            "gonogo journal verify",
        )],
    })
}

/// Whether it holds, where it is, and whether it is anchored.
fn record(path: &Path, anchor: Option<config::Anchor>, surroundings: &Surroundings) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut anchors = Vec::new();
    if let Some(anchor) = anchor {
        let read = anchor_place(anchor, surroundings).map_err(|failure| failure.message);
        let read = read.and_then(|place| {
            let anchors = place.anchors().map_err(|error| error.to_string())?;
            Ok((place.name(), anchors))
        });
        match read {
            Ok((name, found)) => {
                let newest = found
                    .last()
                    .map(|anchor| format!("; the newest is of line {}, {}", anchor.count, anchor.time));
                let says = format!("{name}: {} anchors{}", found.len(), newest.unwrap_or_default());
                checks.push(Check::well("journal anchor", says));
                anchors = found;
            }
            Err(why) => {
                let mend = "check `anchor` under [journal]: the folder must be a repository of yours";
                checks.push(Check::ill("journal anchor", why, Some(mend.into())));
            }
        }
    }
    checks.insert(0, chain(path, &anchors));
    let warning = journal::network_warning(&journal::RealDisk, path.parent().unwrap_or(path));
    checks.extend(warning.map(|warning| {
        let mend = "set `path` under [journal] to a disk of this machine";
        Check::worth("journal disk", warning.to_string(), mend)
    }));
    checks
}

fn chain(path: &Path, anchors: &[journal::Anchor]) -> Check {
    let what = "journal";
    match journal::examine(&journal::RealDisk, path, anchors, &mut |_| {}).and_then(journal::Report::sound) {
        Err(journal::JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Check::well(what, format!("{}: not there yet, made at the first action", path.display()))
        }
        Err(error) => Check::ill(
            what,
            format!("{}: {error}", path.display()),
            Some("keep every file whose name begins like it for whoever asks; move them away to begin a new one".into()),
        ),
        Ok(report) => {
            let lines = format!("{}: {} lines, the chain holds", path.display(), report.chain.count);
            let anchored = match report.anchored() {
                0 => String::new(),
                line => format!("; anchored up to line {line}"),
            };
            Check::well(what, lines + &anchored)
        }
    }
}
