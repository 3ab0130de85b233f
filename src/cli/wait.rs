//! `gonogo wait`: until a service is GO, or until everything that was left open about it is proved. For pipelines that
//! must not go on before.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::start::{Purpose, Started, start};
use super::{Common, Done, Failure, Surroundings, code, code_of, json as documents, say};
use crate::app::Model;
use crate::app::model::{Action, ActionStage};
use crate::domain::{Outcome, ServiceName, Verdict};
use crate::runtime::headless;
use crate::runtime::headless::desk::{Desk, Waited};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Until {
    /// The verdict is GO
    Go,
    /// Every action that an earlier session left open has its outcome
    Verified,
}

/// Options of `gonogo wait`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The service, as the config calls it
    #[arg(value_name = "SERVICE")]
    service: String,
    /// What to wait for
    #[arg(long, value_enum, default_value_t = Until::Go)]
    until: Until,
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = super::span)]
    long: Duration,
    /// Print one JSON document instead of sentences (docs/json.md)
    #[arg(long)]
    json: bool,
}

/// Waits. Exits with what the verdict, or the outcomes, say in the end.
pub(super) async fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let purpose = if args.until == Until::Go { Purpose::Look } else { Purpose::Act };
    let Started { model, engine, .. } = start(common, surroundings, purpose, None)?;
    let Some(service) = model.setup.services.iter().find(|s| s.name.as_str() == args.service) else {
        return Err(Failure::new(code::USAGE, format!("no service is called {:?}", args.service)));
    };
    let (name, sources) = (service.name.clone(), service.sources().cloned().collect::<Vec<_>>());
    let mut desk = Desk::new(model, engine)?;
    let end = Instant::now() + args.long;
    let seen = desk.look(&sources, end.min(Instant::now() + headless::ANSWER)).await?;
    let waited = match (seen, args.until) {
        (asked @ Waited::Asked(_), _) => asked,
        (_, Until::Go) => desk.until(end, |model| verdict(model, &name) == Verdict::Go).await?,
        (_, Until::Verified) => desk.until(end, |model| actions(model, &name).all(ended)).await?,
    };
    if purpose == Purpose::Act {
        desk.leave().await;
    }
    let why = match waited {
        Waited::Holds => "",
        Waited::Late => " (the time is up)",
        Waited::Asked(_) => " (asked to end)",
    };
    let (text, code) = match args.until {
        Until::Go => by_verdict(&desk.model, &name),
        Until::Verified => by_outcomes(&desk.model, &name),
    };
    let code = match waited {
        Waited::Asked(number) => u8::try_from(128 + number).unwrap_or(code::FAILED),
        _ => code,
    };
    if args.json {
        let text = serde_json::to_string_pretty(&document(&desk.model, &name, args.until, waited, code))
            .map_err(|error| Failure::new(code::FAILED, error.to_string()))?;
        say(&format!("{text}\n"))?;
    } else {
        say(&format!("{text}{why}\n"))?;
    }
    Ok(code)
}

fn document(model: &Model, name: &ServiceName, until: Until, waited: Waited, code: u8) -> Value {
    let reasons = model.assessment(name).map(|assessment| &assessment.reasons);
    json!({
        "schema": documents::SCHEMA,
        "kind": "wait",
        "time": model.now.wall,
        "service": name,
        "until": match until { Until::Go => "go", Until::Verified => "verified" },
        "ended": match waited { Waited::Holds => "holds", Waited::Late => "late", Waited::Asked(_) => "asked" },
        "exit": code,
        "verdict": verdict(model, name),
        "reasons": reasons.into_iter().flatten().map(|reason| json!({
            "verdict": reason.verdict, "text": reason.text,
        })).collect::<Vec<_>>(),
        "actions": actions(model, name).map(documents::action).collect::<Vec<_>>(),
    })
}

fn verdict(model: &Model, name: &ServiceName) -> Verdict {
    model.assessment(name).map_or(Verdict::Unknown, |assessment| assessment.verdict)
}

fn actions<'a>(model: &'a Model, name: &'a ServiceName) -> impl Iterator<Item = &'a Action> {
    model.actions.iter().filter(move |action| &action.plan.intent.service == name)
}

fn ended(action: &Action) -> bool {
    matches!(action.stage, ActionStage::Ended(_))
}

fn by_verdict(model: &Model, name: &ServiceName) -> (String, u8) {
    let verdict = verdict(model, name);
    let against = model.assessment(name).and_then(|a| a.reasons.first()).filter(|r| r.verdict != Verdict::Go);
    let why = against.map(|reason| format!(": {}", reason.text)).unwrap_or_default();
    (format!("{name} is {}{why}", verdict.word()), code_of(verdict))
}

/// One line an action; the worst of them decides.
fn by_outcomes(model: &Model, name: &ServiceName) -> (String, u8) {
    let mut lines = Vec::new();
    let mut worst = code::OK;
    for action in actions(model, name) {
        let (word, code) = match &action.stage {
            ActionStage::Ended(outcome @ Outcome::Verified(text)) => {
                (format!("{}: {text}", outcome.word()), code::OK)
            }
            ActionStage::Ended(outcome @ Outcome::InDoubt(text)) => {
                (format!("{}: {text}", outcome.word()), code::IN_DOUBT)
            }
            ActionStage::Ended(outcome) => (format!("{}: {}", outcome.word(), outcome.text()), code::FAILED),
            _ => ("in doubt: not proved yet".to_owned(), code::IN_DOUBT),
        };
        lines.push(format!("{}: {word}", action.plan.title));
        worst = worst.max(code);
    }
    if lines.is_empty() {
        lines.push(format!("nothing is open about {name}"));
    }
    (lines.join("\n"), worst)
}
