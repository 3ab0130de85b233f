//! A provider of a kind, made as the config would make it, and what is done with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gonogo::domain::log::LogAnswer;
use gonogo::domain::{
    Artifact, Ask, Bound, EnvironmentName, Fault, Gate, Intent, JobKey, Observation, Place, Prepared, Role,
    Run, RunKey, SafeText, ServiceName, Settings, SourceName, Target, Value, Verb,
};
use gonogo::provider::{Provider, SecretPlace, SourceSpec, kind};
use jiff::Timestamp;

use crate::scripted::{Reply, Scripted};

pub(crate) const NEW: &str = "4f2c8b6d00000000000000000000000000000001";
pub(crate) const OLD: &str = "9be1aa0000000000000000000000000000000002";
pub(crate) const SECRET: &str = "canary-Zx81-speccy-9f3kQ";

pub(crate) fn now() -> Timestamp {
    "2026-08-20T10:00:00Z".parse().unwrap()
}

pub(crate) async fn server() -> Scripted {
    Scripted::start(now()).await
}

/// An answer in plain text.
pub(crate) fn text(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_owned() }.with("content-type", "text/plain")
}

/// Settings with a table of texts.
pub(crate) fn table(key: &str, entries: &[(&str, &str)]) -> Settings {
    let entries = entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::default().with(key, Value::Table(entries.collect()))
}

pub(crate) fn pipeline(settings: Settings) -> Bound {
    Bound { role: Role::Pipeline, service: ServiceName::new("shop"), environment: None, settings }
}

pub(crate) fn live(environment: &str) -> Bound {
    at(Role::Live, environment, Settings::default())
}

pub(crate) fn at(role: Role, environment: &str, settings: Settings) -> Bound {
    Bound {
        role,
        service: ServiceName::new("shop"),
        environment: Some(EnvironmentName::new(environment)),
        settings,
    }
}

/// A source named as its kind is, with one secret of that name.
pub(crate) fn provider(
    name: &str,
    secret: &str,
    settings: Settings,
    bounds: Vec<Bound>,
) -> Arc<dyn Provider> {
    let spec = SourceSpec {
        name: SourceName::new(name),
        settings,
        secrets: BTreeMap::from([(secret.to_owned(), SecretPlace::Env("TOKEN".to_owned()))]),
        bounds,
        env: Arc::new(BTreeMap::from([("TOKEN".to_owned(), SECRET.to_owned())])),
    };
    (kind(name).unwrap().build)(spec).unwrap()
}

pub(crate) async fn look(provider: &Arc<dyn Provider>) -> Result<Observation, Fault> {
    provider.observe(&Ask::default()).await
}

pub(crate) async fn seen(provider: &Arc<dyn Provider>) -> Observation {
    let seen = look(provider).await.unwrap();
    assert!(seen.faults.is_empty(), "{:?}", seen.faults);
    seen
}

pub(crate) fn runs(seen: &Observation) -> &[Run] {
    &seen.pipelines[&ServiceName::new("shop")].runs
}

pub(crate) fn remarks(seen: &Observation) -> String {
    let remarks = &seen.pipelines[&ServiceName::new("shop")].remarks;
    remarks.iter().map(SafeText::as_str).collect::<Vec<_>>().join("\n")
}

/// The only gate.
pub(crate) fn only(seen: &Observation) -> &Gate {
    match seen.gates.as_slice() {
        [gate] => gate,
        other => panic!("{} gates: {other:#?}", other.len()),
    }
}

pub(crate) fn run(source: &str, id: &str) -> RunKey {
    RunKey { source: SourceName::new(source), service: ServiceName::new("shop"), id: id.into() }
}

pub(crate) fn intent(source: &str, verb: Verb, target: Target) -> Intent {
    Intent {
        verb,
        service: ServiceName::new("shop"),
        place: Some(Place::new("shop", "production")),
        target,
        source: SourceName::new(source),
        reason: Some("canary clean".into()),
        answers: BTreeMap::new(),
    }
}

pub(crate) fn approve(gate: &Gate) -> Intent {
    intent(gate.key.run.source.as_str(), Verb::Approve, Target::Gate(gate.key.clone()))
}

/// A version to ship.
pub(crate) fn version(tag: Option<&str>) -> Target {
    Target::Dispatch(Artifact {
        version: tag.map(SafeText::new),
        revision: Some(gonogo::domain::Sha::new(NEW)),
        ..Artifact::default()
    })
}

/// `METHOD path body` of each request of a plan.
pub(crate) fn requests(prepared: &Prepared) -> Vec<String> {
    let steps = prepared.steps.iter().map(|step| {
        format!("{} {} {}", step.method, step.path, step.body.as_deref().unwrap_or("")).trim().to_owned()
    });
    steps.collect()
}

/// Sends every step of a plan.
pub(crate) async fn carry_out(provider: &Arc<dyn Provider>, prepared: &Prepared) -> Result<(), Fault> {
    for step in &prepared.steps {
        provider.perform(step).await?;
    }
    Ok(())
}

pub(crate) async fn log(provider: &Arc<dyn Provider>, run: RunKey, job: &str) -> LogAnswer {
    let ask = Ask { log: Some(JobKey { run, id: job.into() }), ..Ask::default() };
    provider.observe(&ask).await.unwrap().log.unwrap().answer
}

/// The lines of a log that is there.
pub(crate) fn lines(answer: &LogAnswer) -> String {
    match answer {
        LogAnswer::Here(log) => {
            log.lines.iter().map(|line| line.text.to_string()).collect::<Vec<_>>().join("\n")
        }
        other => panic!("no log: {other:?}"),
    }
}

/// Everything that was asked, with its headers, without the credential as it is carried in its own header.
pub(crate) fn credential_only_in(server: &Scripted, header: &str) {
    for asked in server.asked() {
        assert!(!asked.path.contains(SECRET) && !asked.body.contains(SECRET), "{asked:?}");
        for (name, value) in &asked.headers {
            assert!(name == header || !value.contains(SECRET), "{name} of {}", asked.path);
        }
    }
}
