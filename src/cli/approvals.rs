//! `gonogo approvals`: every gate that waits, oldest first, with the id that decides it. Exits with HOLD when a source
//! that carries gates cannot be seen: then an empty list is no proof that nothing waits.

use serde_json::{Value, json};

use super::deed::pick::gate_id;
use super::deed::words;
use super::start::{Purpose, Started, start};
use super::{Common, Done, Failure, Surroundings, code, json as documents, say};
use crate::app::Model;
use crate::domain::pipeline::{MayDecide, WaitsFor};
use crate::domain::time::{ago, spoken};
use crate::domain::{Gate, SafeText, SourceName};
use crate::runtime::headless;

/// Options of `gonogo approvals`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Only those of this service
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
}

/// Lists what waits as soon as the sources have answered.
pub(super) async fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let Started { mut model, mut engine, .. } = start(common, surroundings, Purpose::Look, None)?;
    if let Some(name) = &args.service
        && !model.setup.services.iter().any(|s| s.name.as_str() == name)
    {
        return Err(Failure::new(code::USAGE, format!("no service is called {name:?}")));
    }
    headless::look(&mut model, &mut engine, headless::ANSWER).await;
    let unseen = unseen(&model);
    let wanted =
        |gate: &&Gate| args.service.as_ref().is_none_or(|name| gate.key.run.service.as_str() == name);
    let gates: Vec<&Gate> = model.inbox.iter().map(|g| &g.value).filter(wanted).collect();
    if args.json {
        let text = serde_json::to_string_pretty(&document(&model, &gates, &unseen))
            .map_err(|error| Failure::new(code::FAILED, error.to_string()))?;
        say(&format!("{text}\n"))?;
    } else {
        say(&text(&model, &gates, &unseen))?;
    }
    Ok(if unseen.is_empty() { code::OK } else { code::HOLD })
}

/// The sources that run pipelines, and so carry gates, and cannot be seen now; each with why.
pub(super) fn unseen(model: &Model) -> Vec<(SourceName, SafeText)> {
    let mut names: Vec<&SourceName> =
        model.setup.services.iter().filter_map(|s| s.pipeline.as_ref()).collect();
    names.sort();
    names.dedup();
    let why = |name: &SourceName| {
        let state = model.world.source(name)?;
        match (&state.fault, state.seen) {
            (Some(fault), _) => Some(SafeText::new(&fault.to_string())),
            (None, None) => Some("has not answered yet".into()),
            (None, Some(_)) => None,
        }
    };
    names.into_iter().filter_map(|name| Some((name.clone(), why(name)?))).collect()
}

/// A gate in one sentence: what waits, who asks, who may.
pub(super) fn sentence(model: &Model, gate: &Gate) -> String {
    let waits = match gate.waits_for {
        WaitsFor::Human => "waits for approval",
        WaitsFor::Start => "waits for a maintainer to let it start",
        WaitsFor::Timer => "waits for its timer",
        WaitsFor::OtherSystem => "waits for another system",
    };
    let mut parts = vec![format!(
        "{} of {} {waits}: run {}, commit {}",
        gate.title,
        gate.key.run.service,
        gate.run_number,
        gate.revision.short()
    )];
    let changes = gate.place().and_then(|place| model.changes.get(&place));
    parts.extend(changes.map(|changes| words::change_set(changes)));
    parts.extend(gate.plan.as_ref().map(|plan| format!("its plan: {plan}")));
    parts.extend(gate.asked_by.as_ref().map(|who| format!("asked by {who}")));
    parts.extend(gate.since.map(|since| format!("{} ago", spoken(ago(model.now.wall, since)))));
    parts.extend(gate.approvals());
    parts.extend(
        gate.expires.map(|until| format!("counts as denied from {} on", until.strftime("%F %H:%M UTC"))),
    );
    if !gate.asks.is_empty() {
        let names: Vec<&str> = gate.asks.iter().map(SafeText::as_str).collect();
        parts.push(format!("asks for {}", names.join(", ")));
    }
    parts.push(match (&gate.may_decide, gate.waits_for) {
        (MayDecide::Yes, _) => "you may decide".to_owned(),
        (MayDecide::No(why), _) => format!("you may not decide: {why}"),
        (MayDecide::Unknown, _) => "whether you may decide is not told".to_owned(),
    });
    parts.join(", ")
}

fn text(model: &Model, gates: &[&Gate], unseen: &[(SourceName, SafeText)]) -> String {
    let mut out = String::new();
    for gate in gates {
        out.push_str(&format!("{}  {}\n", gate_id(&gate.key), sentence(model, gate)));
    }
    if gates.is_empty() && unseen.is_empty() {
        out.push_str("nothing waits\n");
    }
    for (name, why) in unseen {
        out.push_str(&format!("{name} cannot be seen: {why}; what waits there is not known\n"));
    }
    out
}

fn document(model: &Model, gates: &[&Gate], unseen: &[(SourceName, SafeText)]) -> Value {
    json!({
        "schema": documents::SCHEMA,
        "kind": "approvals",
        "time": model.now.wall,
        "complete": unseen.is_empty(),
        "gates": gates.iter().map(|gate| documents::gate(model, gate)).collect::<Vec<_>>(),
        "unseen": unseen.iter().map(|(name, why)| json!({ "source": name, "why": why })).collect::<Vec<_>>(),
    })
}
