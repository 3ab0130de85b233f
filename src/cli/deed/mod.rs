//! `gonogo approve`, `reject`, `promote`, `rollback`, `pause`, `resume`, `restart`, `rerun`, `cancel`: what the keys do, for
//! scripts. The plan is made, refused, confirmed and followed by the code that the screen uses; here are only words.

pub(super) mod pick;
mod run;
pub(super) mod words;

use std::time::Duration;

use clap::Subcommand;

use super::{Common, Done, Surroundings};
use crate::action::Glass;
use crate::domain::Verb;

/// What can be done without a screen.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    /// Let a gate pass
    Approve(OnGate),
    /// Turn a gate down
    Reject(OnGate),
    /// Ship what is coming to an environment
    Promote(OnVersion),
    /// Go back to an earlier revision; the one that ran before, unless --to names another
    Rollback(OnVersion),
    /// Hold a rollout
    Pause(Args),
    /// Let a held rollout go on
    Resume(Args),
    /// Skip what is left of a rollout's steps, its analyses too
    PromoteFully(Args),
    /// Give a rollout in steps up: all traffic back to the stable revision
    Abort(Args),
    /// Begin an aborted rollout again
    Retry(Args),
    /// Replace every replica by a new one of the same artifact
    Restart(Args),
    /// Keep the GitOps controller from undoing changes by hand
    Hold(Args),
    /// Let the GitOps controller apply again what Git says
    Release(Args),
    /// Run the failed jobs of a run again
    Rerun(OnRun),
    /// Stop a run
    Cancel(OnRun),
}

/// A deed on a gate.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OnGate {
    /// Which gate, by the id that `gonogo approvals` shows; needed when several wait
    #[arg(long, value_name = "ID")]
    gate: Option<String>,
    #[command(flatten)]
    rest: Args,
}

/// A deed that brings a version.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OnVersion {
    /// Which version or revision: its id, number, tag, digest or commit
    #[arg(long, value_name = "REV")]
    to: Option<String>,
    #[command(flatten)]
    rest: Args,
}

/// A deed on a run.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OnRun {
    /// Which run, by its number or id; needed when several fit
    #[arg(long, value_name = "N")]
    run: Option<String>,
    #[command(flatten)]
    rest: Args,
}

/// What every deed takes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The service, as the config calls it
    #[arg(value_name = "SERVICE")]
    service: String,
    /// The environment, as the config calls it; needed when the service has several and the verb acts in one
    #[arg(long = "env", value_name = "ENV")]
    environment: Option<String>,
    /// Why; goes into the journal, and to the provider where it takes a comment
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A value that the gate asks for, as NAME=VALUE; may be given several times, the others keep their defaults
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Confirm where the policy asks for nothing more
    #[arg(long)]
    yes: bool,
    /// Confirm by the name that the policy asks for: the service's
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Override the rules in the way, each by name and on the record; needs --reason and --confirm
    #[arg(long)]
    break_glass: bool,
    /// Do it only if the plan is this very one: the fingerprint that --dry-run printed
    #[arg(long, value_name = "FINGERPRINT")]
    expect: Option<String>,
    /// Make the plan and print it; send nothing, record nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document instead of sentences (docs/json.md)
    #[arg(long)]
    json: bool,
    /// Follow it until a later look proves or disproves it (the default)
    #[arg(long, conflicts_with = "no_wait")]
    wait: bool,
    /// Leave as soon as the source has answered: accepted is not proved, so this ends in doubt (6)
    #[arg(long)]
    no_wait: bool,
    /// How long to wait for the proof
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = super::span)]
    timeout: Duration,
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    if name.is_empty() { Err(format!("{text:?} has no name")) } else { Ok((name.into(), value.into())) }
}

impl Args {
    const fn glass(&self) -> Glass {
        if self.break_glass { Glass::Broken } else { Glass::Whole }
    }

    fn wish(&self, verb: Verb, which: Option<String>) -> pick::Wish {
        pick::Wish { verb, service: self.service.clone(), environment: self.environment.clone(), which }
    }
}

/// Does what was asked for.
pub(super) async fn run(command: Command, common: &Common, surroundings: &Surroundings) -> Done {
    let (verb, which, args) = match command {
        Command::Approve(on) => (Verb::Approve, on.gate, on.rest),
        Command::Reject(on) => (Verb::Reject, on.gate, on.rest),
        Command::Promote(on) => (Verb::Promote, on.to, on.rest),
        Command::Rollback(on) => (Verb::RollBack, on.to, on.rest),
        Command::Pause(args) => (Verb::Pause, None, args),
        Command::Resume(args) => (Verb::Resume, None, args),
        Command::PromoteFully(args) => (Verb::PromoteFully, None, args),
        Command::Abort(args) => (Verb::Abort, None, args),
        Command::Retry(args) => (Verb::Retry, None, args),
        Command::Restart(args) => (Verb::Restart, None, args),
        Command::Hold(args) => (Verb::Hold, None, args),
        Command::Release(args) => (Verb::Release, None, args),
        Command::Rerun(on) => (Verb::Rerun, on.run, on.rest),
        Command::Cancel(on) => (Verb::Cancel, on.run, on.rest),
    };
    run::run(&args.wish(verb, which), &args, common, surroundings).await
}
