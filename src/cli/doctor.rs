//! `gonogo doctor`: what works and what does not, each problem with what mends it.

use serde_json::json;

use super::journal::anchor_place;
use super::start::{Purpose, Started, journal_path, read, start};
use super::{Common, Done, Failure, Surroundings, code, say};
use crate::config::Config;
use crate::domain::SourceState;
use crate::domain::time::{SKEWED, spoken};
use crate::runtime::{headless, journal};

/// Options of `gonogo doctor`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was checked.
struct Check {
    what: String,
    health: Health,
    says: String,
    mend: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Worth,
    Ill,
}

impl Check {
    fn well(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self { what: what.into(), health: Health::Well, says: says.into(), mend: None }
    }

    fn ill(what: impl Into<String>, says: impl Into<String>, mend: Option<String>) -> Self {
        Self { what: what.into(), health: Health::Ill, says: says.into(), mend }
    }
}

/// Checks everything; exits with 1 if anything is ill.
pub(super) async fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let (config, path) = read(common, surroundings)?;
    let mut checks = vec![
        Check::well("gonogo", env!("CARGO_PKG_VERSION")),
        Check::well(
            "config",
            format!(
                "{}: {} sources, {} services",
                path.display(),
                config.sources.len(),
                config.services.len()
            ),
        ),
    ];
    checks.extend(check_journal(&config, surroundings)?);
    checks.push(terminal(surroundings));
    let Started { mut model, mut engine, .. } = start(common, surroundings, Purpose::Look, None)?;
    headless::look(&mut model, &mut engine, headless::ANSWER).await;
    for (name, state) in model.world.sources() {
        let kind = config.source(name).map_or("", |s| s.kind.name);
        checks.extend(source(&format!("{name} ({kind})"), state));
    }
    let ill = checks.iter().any(|c| c.health == Health::Ill);
    say(&if args.json { as_json(&checks)? } else { as_text(&checks) })?;
    Ok(if ill { code::FAILED } else { code::OK })
}

/// The record: whether it holds, where it is, and whether it is anchored.
fn check_journal(config: &Config, surroundings: &Surroundings) -> Result<Vec<Check>, Failure> {
    let path = journal_path(config, surroundings)?;
    let mut checks = Vec::new();
    let mut anchors = Vec::new();
    if let Some(anchor) = config.anchor.clone() {
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
            Err(why) => checks.push(Check::ill("journal anchor", why, None)),
        }
    }
    checks.insert(0, chain(&path, &anchors));
    let warning = journal::network_warning(&journal::RealDisk, path.parent().unwrap_or(&path));
    checks.extend(warning.map(|warning| Check {
        what: "journal disk".into(),
        health: Health::Worth,
        says: warning.to_string(),
        mend: Some("set `path` under [journal] to a disk of this machine".into()),
    }));
    Ok(checks)
}

fn chain(path: &std::path::Path, anchors: &[journal::Anchor]) -> Check {
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

fn terminal(surroundings: &Surroundings) -> Check {
    let term = surroundings.var("TERM").unwrap_or("unset");
    let colours = surroundings.var("COLORTERM").unwrap_or("unset");
    let mono = if surroundings.var("NO_COLOR").is_some() { "; NO_COLOR: theme mono" } else { "" };
    let screen =
        if surroundings.full_screen() { "full screen" } else { "no full screen here: status as text" };
    Check::well("terminal", format!("TERM={term} COLORTERM={colours}; {screen}{mono}"))
}

fn source(what: &str, state: &SourceState) -> Vec<Check> {
    let mut checks = Vec::new();
    match (&state.fault, &state.last) {
        (Some(fault), _) => {
            checks.push(Check::ill(what, fault.to_string(), fault.hint.as_ref().map(ToString::to_string)));
        }
        (None, None) => {
            checks.push(Check::ill(what, "no answer yet", Some("look again, or wait longer".into())))
        }
        (None, Some(seen)) => {
            let mut says = vec!["answers".to_owned()];
            says.extend(seen.identity.as_ref().map(|who| format!("as {who}")));
            says.extend(seen.budget.map(|b| format!("{} of {} requests left", b.remaining, b.limit)));
            says.extend(seen.remarks.iter().map(ToString::to_string));
            checks.push(Check::well(what, says.join("; ")));
            if let Some(skew) = state.skew.filter(|skew| *skew > SKEWED) {
                checks.push(Check {
                    what: format!("{what} clock"),
                    health: Health::Worth,
                    says: format!("{} away from this machine's", spoken(skew)),
                    mend: Some("synchronise the clocks".into()),
                });
            }
        }
    }
    for (service, held) in &state.held {
        checks.push(Check::ill(
            format!("{what}: {service}"),
            held.fault.to_string(),
            held.fault.hint.as_ref().map(ToString::to_string),
        ));
    }
    checks
}

fn as_text(checks: &[Check]) -> String {
    let width = checks.iter().map(|c| c.what.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for check in checks {
        let mark = match check.health {
            Health::Well => '✓',
            Health::Worth => '!',
            Health::Ill => '✗',
        };
        out.push_str(&format!("{mark} {:<width$}  {}\n", check.what, check.says));
        if let Some(mend) = &check.mend {
            out.push_str(&format!("  {:<width$}  → {mend}\n", ""));
        }
    }
    out
}

fn as_json(checks: &[Check]) -> Result<String, Failure> {
    let list: Vec<_> = checks
        .iter()
        .map(|c| {
            let health = match c.health {
                Health::Well => "ok",
                Health::Worth => "warning",
                Health::Ill => "failed",
            };
            json!({ "check": c.what, "health": health, "says": c.says, "mend": c.mend })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "schema": 1, "checks": list }));
    text.map(|t| t + "\n").map_err(|error| Failure::new(code::FAILED, error.to_string()))
}
