//! `gonogo journal export`: for auditors, as JSON (each line as it stands in the journal) or as CSV for a sheet.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::lines::{every_line, inert, said};
use super::{Located, since, unsound};
use crate::cli::{Done, Failure, code, say};
use crate::runtime::journal::Line;

/// Options of `gonogo journal export`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// How it is written
    // `--format` is how a frame is printed, for every command.
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    form: Format,
    /// Only lines since then: a moment, a day, or how long ago (36h)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
    /// A new file, readable by you only; without: standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One object a line, as it stands in the journal: hashes can be checked
    Json,
    /// One row a line, for a sheet
    Csv,
}

/// Writes the journal out; what holds of it, if it is damaged.
pub(super) fn run(args: &Args, located: &Located) -> Done {
    let (mut lines, report) = every_line(&located.path)?;
    lines.retain(|(_, line)| args.since.is_none_or(|since| line.time >= since));
    let text = match args.form {
        Format::Json => as_json(&lines),
        Format::Csv => as_csv(&lines),
    };
    match &args.out {
        Some(path) => write_new(path, &text).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::AlreadyExists => "is there already, and is not overwritten".to_owned(),
                _ => format!("cannot be written: {error}"),
            };
            Failure::new(code::FAILED, format!("{} {why}", path.display()))
        })?,
        None => say(&text)?,
    }
    unsound(&located.path, report)?;
    Ok(code::OK)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn as_json(lines: &[(String, Line)]) -> String {
    let list: Vec<String> = lines.iter().map(|(raw, _)| inert(raw)).collect();
    format!("[\n{}\n]\n", list.join(",\n"))
}

const COLUMNS: [&str; 9] = ["seq", "time", "action", "actor", "kind", "what", "body", "prev", "hash"];

fn as_csv(lines: &[(String, Line)]) -> String {
    let mut out = row(COLUMNS.map(str::to_owned));
    for (_, line) in lines {
        out.push_str(&row([
            line.seq.to_string(),
            line.time.to_string(),
            line.action.to_string(),
            line.actor.to_string(),
            line.kind.to_string(),
            said(line).to_string(),
            inert(&line.body.to_string()),
            line.prev.clone(),
            line.hash.clone(),
        ]));
    }
    out
}

fn row<const N: usize>(cells: [String; N]) -> String {
    cells.map(|text| cell(&text)).join(",") + "\r\n"
}

/// A cell as text: a sheet would take one that begins with `=`, `+`, `-` or `@` for a formula.
fn cell(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_its_row() {
        for (text, safe) in [
            ("plain", "\"plain\""),
            ("=1+1", "\"'=1+1\""),
            ("+49", "\"'+49\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"'\t=1\""),
            ("say \"hi\", then", "\"say \"\"hi\"\", then\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), safe);
        }
    }
}
