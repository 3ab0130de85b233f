//! `gonogo doctor`: what works and what does not, each problem with what mends it. Within ten seconds, whatever hangs:
//! everything is asked side by side.

mod here;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::start::{Purpose, Started, read, start};
use super::{Common, Done, Failure, Surroundings, code, say};
use crate::app::Model;
use crate::config::{Config, Source};
use crate::domain::time::{SKEWED, spoken};
use crate::domain::{Role, SourceName, SourceState};
use crate::provider::examine::{Finding, Standing};
use crate::runtime::{Clock, headless};

/// How long the sources, their ways and the journal may take, together.
const PATIENCE: Duration = Duration::from_millis(7_500);

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
    health: Standing,
    says: String,
    mend: Option<String>,
}

impl Check {
    fn well(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self { what: what.into(), health: Standing::Well, says: says.into(), mend: None }
    }

    fn worth(what: impl Into<String>, says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { health: Standing::Worth, mend: Some(mend.into()), ..Self::well(what, says) }
    }

    fn ill(what: impl Into<String>, says: impl Into<String>, mend: Option<String>) -> Self {
        Self { health: Standing::Ill, mend, ..Self::well(what, says) }
    }

    fn found(source: &str, finding: &Finding) -> Self {
        Self {
            what: format!("{source}: {}", finding.what),
            health: finding.standing,
            says: finding.says.to_string(),
            mend: finding.mend.as_ref().map(ToString::to_string),
        }
    }
}

/// Checks everything; exits with 1 if anything is ill.
pub(super) async fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let (config, path) = read(common, surroundings)?;
    let mut checks = vec![Check::well("gonogo", env!("CARGO_PKG_VERSION"))];
    checks.extend(here::config(&config, &path, common, surroundings));
    checks.extend(here::paths(&config, common, surroundings));
    checks.push(here::terminal(surroundings));
    let journal = here::journal(&config, surroundings, PATIENCE);
    let (journal, model, findings) =
        tokio::join!(journal, looked(common, surroundings), examined(common, surroundings));
    checks.extend(journal?);
    let (model, findings) = (model?, findings?);
    for (name, state) in model.world.sources() {
        let Some(source) = config.source(name) else { continue };
        let what = format!("{name} ({})", source.kind.name);
        checks.extend(look(&what, state));
        let own = findings.iter().filter(|(of, _)| of == name);
        checks.extend(own.map(|(_, finding)| Check::found(&what, finding)));
        checks.extend(verbs(&what, source));
    }
    let ill = checks.iter().any(|c| c.health == Standing::Ill);
    say(&if args.json { as_json(&checks)? } else { as_text(&checks) })?;
    Ok(if ill { code::FAILED } else { code::OK })
}

/// One look at every source.
async fn looked(common: &Common, surroundings: &Surroundings) -> Result<Model, Failure> {
    let Started { mut model, mut engine, .. } = start(common, surroundings, Purpose::Look, None)?;
    headless::look(&mut model, &mut engine, PATIENCE).await;
    Ok(model)
}

/// What each provider finds out about its way, its identity and its permissions.
async fn examined(
    common: &Common,
    surroundings: &Surroundings,
) -> Result<Vec<(SourceName, Finding)>, Failure> {
    let now = Clock::start().now().wall;
    let (config, _) = read(common, surroundings)?;
    let each = config.sources.into_iter().map(|source| async move {
        let name = source.spec.name.clone();
        // What cannot even be made is told by the look.
        let Ok(provider) = (source.kind.build)(source.spec) else { return Vec::new() };
        let found = match tokio::time::timeout(PATIENCE, provider.examine(now)).await {
            Ok(found) => found,
            Err(_) => vec![Finding::worth(
                "way",
                format!("nothing was found out within {}", spoken(PATIENCE)),
                "look again when the source answers",
            )],
        };
        found.into_iter().map(|finding| (name.clone(), finding)).collect()
    });
    Ok(join_all(each).await.into_iter().flatten().collect())
}

/// What became of a look.
fn look(what: &str, state: &SourceState) -> Vec<Check> {
    let mut checks = Vec::new();
    match (&state.fault, &state.last) {
        (Some(fault), _) => {
            let mend =
                fault.hint.as_ref().map_or_else(|| usual_mend(fault.cause).to_owned(), ToString::to_string);
            checks.push(Check::ill(what, fault.to_string(), Some(mend)));
        }
        (None, None) => checks.push(Check::ill(
            what,
            format!("no answer within {}", spoken(PATIENCE)),
            Some("check the address and the way there, then look again: gonogo doctor".into()),
        )),
        (None, Some(seen)) => {
            let mut says = vec!["answers".to_owned()];
            says.extend(seen.identity.as_ref().map(|who| format!("as {who}")));
            says.extend(seen.budget.map(|b| format!("{} of {} requests left", b.remaining, b.limit)));
            says.extend(seen.remarks.iter().map(ToString::to_string));
            checks.push(Check::well(what, says.join("; ")));
            let clock = format!("{what}: clock");
            match state.skew {
                Some(skew) if skew > SKEWED => checks.push(Check::worth(
                    clock,
                    format!("{} away from this machine's", spoken(skew)),
                    "synchronise the clocks: timedatectl status",
                )),
                Some(skew) => {
                    checks.push(Check::well(clock, format!("within {} of this machine's", spoken(skew))));
                }
                None => {}
            }
        }
    }
    for (service, held) in &state.held {
        let mend = held.fault.hint.as_ref();
        let mend = mend.map_or_else(|| usual_mend(held.fault.cause).to_owned(), ToString::to_string);
        checks.push(Check::ill(format!("{what}: {service}"), held.fault.to_string(), Some(mend)));
    }
    checks
}

/// What mends a fault that brings no hint of its own.
const fn usual_mend(cause: crate::domain::Cause) -> &'static str {
    use crate::domain::Cause;
    match cause {
        Cause::Unauthorized => "log in again, or name another secret in the config",
        Cause::Forbidden => "ask whoever runs the source for the permission",
        Cause::NotFound => "check the names in the config: the source knows no such thing",
        Cause::RateLimited => "wait, and look less often: every = \"60s\"",
        Cause::Unreachable | Cause::TimedOut => "check the address, the network and the proxy variables",
        Cause::Tls => "check the server's certificate, or name its authority with ca_file",
        _ => "look again: gonogo doctor; GONOGO_LOG=debug writes down what was asked",
    }
}

/// What can be done at a source that is asked to do something, and what each takes: the provider's own table.
fn verbs(what: &str, source: &Source) -> Option<Check> {
    let acts = [Role::Pipeline, Role::Live, Role::Deploy, Role::Dispatch];
    if !source.spec.bounds.iter().any(|bound| acts.contains(&bound.role)) {
        return None;
    }
    let mut needs: Vec<(&str, Vec<&str>)> = Vec::new();
    for facts in source.kind.enforcement.verbs {
        match needs.iter_mut().find(|(need, _)| *need == facts.needs) {
            // A verb may be carried out in several ways.
            Some((_, verbs)) if verbs.contains(&facts.verb.word()) => {}
            Some((_, verbs)) => verbs.push(facts.verb.word()),
            None => needs.push((facts.needs, vec![facts.verb.word()])),
        }
    }
    let says: Vec<String> =
        needs.iter().map(|(need, verbs)| format!("{} (needs {need})", verbs.join(", "))).collect();
    (!says.is_empty()).then(|| Check::well(format!("{what}: verbs"), says.join("; ")))
}

fn as_text(checks: &[Check]) -> String {
    let width = checks.iter().map(|c| c.what.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for check in checks {
        let mark = match check.health {
            Standing::Well => '✓',
            Standing::Worth => '!',
            Standing::Ill => '✗',
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
                Standing::Well => "ok",
                Standing::Worth => "warning",
                Standing::Ill => "failed",
            };
            json!({ "check": c.what, "health": health, "says": c.says, "mend": c.mend })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "schema": 1, "checks": list }));
    text.map(|t| t + "\n").map_err(|error| Failure::new(code::FAILED, error.to_string()))
}

/// The sources that no service refers to: they are polled for nothing.
fn idle_sources(config: &Config) -> Vec<String> {
    let idle = config.sources.iter().filter(|source| source.spec.bounds.is_empty());
    idle.map(|source| source.spec.name.to_string()).collect()
}
