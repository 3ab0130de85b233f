//! `gonogo journal`: show, verify and export the record.

mod export;
mod lines;
mod show;
mod verify;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use super::start::{journal_path, read};
use super::{Common, Done, Failure, Surroundings, code};
use crate::config;
use crate::runtime::journal::{AnchorPlace, JournalError, found_in};
use crate::runtime::{Clock, journal};

/// Options of `gonogo journal`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Print it, action by action: who, when, what, and what came of it
    Show(show::Args),
    /// Check every hash and the chain against the head file and the anchors; says what this cannot prove
    Verify(verify::Args),
    /// Write it out for auditors, as JSON or CSV
    Export(export::Args),
}

/// Shows, verifies or exports the journal.
pub(super) fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let located = locate(common, surroundings)?;
    match &args.command {
        What::Show(args) => show::run(args, &located),
        What::Verify(args) => verify::run(args, &located),
        What::Export(args) => export::run(args, &located),
    }
}

/// Where the journal and its anchors are.
struct Located {
    path: PathBuf,
    anchor: Option<AnchorPlace>,
    /// Why it is not known whether there are anchors.
    unread: Option<String>,
}

fn locate(common: &Common, surroundings: &Surroundings) -> Result<Located, Failure> {
    match (read(common, surroundings), surroundings.journal()) {
        (Ok((config, _)), _) => {
            let path = journal_path(&config, surroundings)?;
            let anchor = config.anchor.map(|anchor| anchor_place(anchor, surroundings)).transpose()?;
            Ok(Located { path, anchor, unread: None })
        }
        // A config is not needed for the usual place, so that the record can be read when the config is broken.
        (Err(failure), Some(path)) if common.config.is_none() && path.exists() => {
            let unread = failure.message.lines().next().unwrap_or_default().to_owned();
            Ok(Located { path, anchor: None, unread: Some(unread) })
        }
        (Err(failure), _) => Err(failure),
    }
}

/// The configured anchor, with the user's git and what git needs to find its own configuration.
pub(super) fn anchor_place(
    anchor: config::Anchor,
    surroundings: &Surroundings,
) -> Result<AnchorPlace, Failure> {
    const KEPT: [&str; 4] = ["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR"];
    let git = anchor.git.or_else(|| found_in(surroundings.var("PATH")?, "git")).ok_or_else(|| {
        Failure::new(
            code::USAGE,
            "the journal is to be anchored, and git is not found in $PATH; name it: anchor = { git = \"/usr/bin/git\", .. }",
        )
    })?;
    let env = KEPT.iter().filter_map(|name| Some(((*name).to_owned(), surroundings.var(name)?.to_owned())));
    Ok(AnchorPlace {
        repo: anchor.repo,
        reference: anchor.reference,
        every: anchor.every,
        git,
        env: env.collect(),
    })
}

/// A journal that cannot be read, in words.
fn unreadable(path: &Path, error: &JournalError) -> Failure {
    let absent =
        matches!(error, JournalError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
    let message = if absent {
        format!("{} is not there: no action was recorded yet, or it was taken away", path.display())
    } else {
        error.to_string()
    };
    Failure::new(code::FAILED, message)
}

/// What is wrong with the journal, as far as one command reads it.
fn unsound(path: &Path, report: journal::Report) -> Result<(), Failure> {
    match report.sound() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(
            code::FAILED,
            format!(
                "{}: {error}\n  only what holds before that was given; see: gonogo journal verify",
                path.display()
            ),
        )),
    }
}

/// `--since`: a moment, a day, or how long ago.
fn since(said: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = said.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(zoned) = said.parse::<Date>().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC)) {
        return Ok(zoned.timestamp());
    }
    let ago = said.parse::<jiff::SignedDuration>().map_err(|_| {
        "a moment (2026-11-20T14:00:00Z), a day (2026-11-20, in UTC), or how long ago (36h)".to_owned()
    })?;
    Clock::start().now().wall.checked_sub(ago.abs()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_a_moment_a_day_and_how_long_ago() {
        assert_eq!(since("2026-11-20").unwrap().to_string(), "2026-11-20T00:00:00Z");
        assert_eq!(since("2026-11-20T14:00:00+02:00").unwrap().to_string(), "2026-11-20T12:00:00Z");
        assert!(since("1h").unwrap() < since("1m").unwrap());
        assert!(since("yesterday").unwrap_err().contains("a day"));
    }
}
