//! `gonogo status`: the board as text or JSON. Exits by the worst verdict.

use serde_json::{Value, json};

use super::start::{Purpose, Started, start};
use super::{Common, Done, Failure, Surroundings, code, code_of, say};
use crate::app::Model;
use crate::domain::time::spoken;
use crate::domain::{Artifact, Assessment, Mark, Service, Stage, Verdict};
use crate::runtime::headless;

/// Options of `gonogo status`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Print JSON (schema in the README)
    #[arg(long)]
    json: bool,
}

/// Prints the status as soon as the sources have answered.
pub(super) async fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let Started { mut model, mut engine, .. } = start(common, surroundings, Purpose::Look, None)?;
    headless::look(&mut model, &mut engine, headless::ANSWER).await;
    if args.json {
        let text = serde_json::to_string_pretty(&document(&model))
            .map_err(|error| Failure::new(code::FAILED, error.to_string()))?;
        say(&format!("{text}\n"))?;
    } else {
        say(&text(&model))?;
    }
    Ok(code_of(worst(&model)))
}

fn worst(model: &Model) -> Verdict {
    model.assessments.iter().map(|a| a.verdict).max().unwrap_or(Verdict::Unknown)
}

/// One line a service, its reasons below it; then what waits, then what is wrong with the sources.
fn text(model: &Model) -> String {
    let mut out = format!("{}\n\n", worst(model).word());
    let width = model.setup.services.iter().map(|s| s.name.as_str().chars().count()).max().unwrap_or(0);
    for (service, assessment) in model.setup.services.iter().zip(&model.assessments) {
        let waits = assessment.waits_on.as_ref().map(|w| format!("  {w}")).unwrap_or_default();
        out.push_str(&format!(
            "{:<width$}  {:<7}  {}{waits}\n",
            service.name,
            assessment.verdict.word(),
            versions(assessment)
        ));
        let mut said: Vec<&str> = Vec::new();
        for reason in &assessment.reasons {
            // One cause may tell on several stages; a line is enough.
            if said.contains(&reason.text.as_str()) {
                continue;
            }
            said.push(reason.text.as_str());
            out.push_str(&format!("{:width$}  {:<7}  {}\n", "", reason.verdict.word(), reason.text));
        }
    }
    for gate in &model.inbox {
        let gate = &gate.value;
        out.push_str(&format!(
            "\nwaits: {} of {} · run {} · {}",
            gate.title, gate.key.run.service, gate.run_number, gate.revision
        ));
    }
    if !model.inbox.is_empty() {
        out.push('\n');
    }
    for (name, state) in model.world.sources() {
        if let Some(fault) = &state.fault {
            let age = state.seen.map(|s| format!(", last seen {} ago", spoken(model.now.since(s))));
            out.push_str(&format!("\n{name}: {fault}{}\n", age.unwrap_or_default()));
        }
    }
    out
}

/// `v1 → v2` of the last environment, or of each if they differ.
fn versions(assessment: &Assessment) -> String {
    let one = |live: Option<&Artifact>, coming: Option<&Artifact>| {
        let live = live.map_or("?", Artifact::label);
        coming.map_or_else(|| live.to_owned(), |c| format!("{live} → {}", c.label()))
    };
    let all = assessment
        .standings
        .iter()
        .map(|s| format!("{} {}", s.environment, one(s.live.as_ref(), s.coming.as_ref())));
    all.collect::<Vec<_>>().join(" · ")
}

/// The JSON document. Members are only ever added within one `schema` number.
fn document(model: &Model) -> Value {
    json!({
        "schema": 1,
        "time": model.now.wall.to_string(),
        "verdict": worst(model),
        "services": model.setup.services.iter().zip(&model.assessments).map(service).collect::<Vec<_>>(),
        "gates": model.inbox.iter().map(|g| json!({
            "service": g.value.key.run.service, "environment": g.value.environment, "title": g.value.title,
            "source": g.value.key.run.source, "run": g.value.key.run.id, "attempt": g.value.key.attempt,
            "revision": g.value.revision.as_str(), "since": g.value.since, "asked_by": g.value.asked_by,
            "waits_for": g.value.waits_for, "reviewers": g.value.reviewers, "url": g.value.url,
        })).collect::<Vec<_>>(),
        "sources": model.world.sources().map(|(name, state)| json!({
            "name": name,
            "age_seconds": state.seen.map(|s| model.now.since(s).as_secs()),
            "fault": state.fault,
            "identity": state.last.as_ref().and_then(|l| l.identity.clone()),
            "budget": state.last.as_ref().and_then(|l| l.budget),
        })).collect::<Vec<_>>(),
    })
}

fn service((service, assessment): (&Service, &Assessment)) -> Value {
    let stages: serde_json::Map<String, Value> = Stage::ALL
        .iter()
        .map(|stage| (stage.word().to_ascii_lowercase(), mark(assessment.mark(*stage))))
        .collect();
    json!({
        "name": service.name,
        "verdict": assessment.verdict,
        "waits_on": assessment.waits_on,
        "stages": stages,
        "environments": assessment.standings.iter().map(|s| json!({
            "name": s.environment, "verdict": s.verdict,
            "live": s.live.as_ref().map(artifact), "coming": s.coming.as_ref().map(artifact),
        })).collect::<Vec<_>>(),
        "reasons": assessment.reasons,
    })
}

fn artifact(artifact: &Artifact) -> Value {
    json!({
        "label": artifact.label(), "version": artifact.version, "image": artifact.image,
        "digest": artifact.digest, "revision": artifact.revision.as_ref().map(|r| r.as_str().to_owned()),
    })
}

fn mark(mark: Mark) -> Value {
    match mark {
        Mark::NotWatched => json!({ "state": "not-watched" }),
        Mark::Ahead => json!({ "state": "ahead" }),
        Mark::Running(percent) => json!({ "state": "running", "percent": percent }),
        Mark::Waiting => json!({ "state": "waiting" }),
        Mark::Judged(verdict) => json!({ "state": "judged", "verdict": verdict }),
    }
}
