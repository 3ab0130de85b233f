//! `gonogo journal`: show and verify the record.

use super::start::{journal_path, read};
use super::{Common, Done, Failure, Surroundings, code, say};
use crate::domain::SafeText;
use crate::runtime::journal::{Line, verify};

/// Options of `gonogo journal`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: What,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum What {
    /// Print it, one line an entry
    Show,
    /// Check every hash and the chain
    Verify,
}

/// Shows or verifies the journal.
pub(super) fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let path = match surroundings.journal() {
        // A config is not needed for the usual place, so that the record can be read when the config is broken.
        Some(path) if common.config.is_none() && path.exists() => path,
        _ => journal_path(&read(common, surroundings)?.0, surroundings)?,
    };
    let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(
            code::FAILED,
            format!("{} is not there: no action was recorded yet, or it was taken away", path.display()),
        ),
        _ => Failure::new(code::FAILED, format!("{}: {error}", path.display())),
    })?;
    let lines =
        verify(&text).map_err(|error| Failure::new(code::FAILED, format!("{}: {error}", path.display())))?;
    match args.command {
        What::Show => say(&lines.iter().map(show).collect::<String>())?,
        What::Verify => say(&format!(
            "{}: {} lines, every hash and the chain hold\nnot proved: that nothing was cut off at the end\n",
            path.display(),
            lines.len()
        ))?,
    }
    Ok(code::OK)
}

fn show(line: &Line) -> String {
    let text = |pointer: &str| {
        line.body.pointer(pointer).and_then(|v| v.as_str()).map(SafeText::new).unwrap_or_default()
    };
    let what = match line.kind.as_str() {
        "intent" => text("/title"),
        "sending" => SafeText::new(&format!("{} {}", text("/method"), text("/path"))),
        "receipt" => SafeText::new(&format!(
            "{} {}",
            line.body.pointer("/receipt/status").map(ToString::to_string).unwrap_or_default(),
            text("/receipt/says")
        )),
        "outcome" => SafeText::new(&format!("{}: {}", text("/outcome"), text("/what"))),
        "not-sent" => text("/why"),
        "moved" => {
            SafeText::new(&line.body.pointer("/differences").map(ToString::to_string).unwrap_or_default())
        }
        _ => text("/fault/detail"),
    };
    format!("{:>5}  {}  {:<9}  {}  {}  {what}\n", line.seq, line.time, line.kind, line.action, line.actor)
}
