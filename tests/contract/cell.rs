//! One cell: a world with one service that waits for approval, and the provider of its CI server, made from the config
//! that the world wrote.

use std::sync::Arc;
use std::time::Duration;

use gonogo::config;
use gonogo::domain::{
    Ask, Fault, Gate, Intent, Observation, Prepared, Receipt, RunKey, SafeText, ServiceName, Target, Verb,
};
use gonogo::provider::{KINDS, Provider};
use gonogo::sandbox::{Clock, Effect, Entry, Options, Sandbox, Scenario};

use crate::Under;

/// The one service.
pub(crate) const SERVICE: &str = "shop";

/// Looks that a state is waited for; each is a second of the world's time.
const LOOKS: usize = 90;

pub(crate) struct Cell {
    pub(crate) under: Under,
    pub(crate) sandbox: Sandbox,
    pub(crate) provider: Arc<dyn Provider>,
    /// Every credential of the config.
    secrets: Vec<String>,
}

fn scenario(kind: &str) -> Scenario {
    let text = format!(
        r#"
title = "One service"
teach = "The contract."
[[service]]
name = "{SERVICE}"
ci = "{kind}"
ticket = "SHOP"
live = "v1.1.0"
staging = "v1.2.0"
tags = ["v1.0.0", "v1.1.0", "v1.2.0"]
replicas = 2
errors = 0.1
latency = 100.0
rate = 10.0
run = "waiting"
commits = [{{ by = "omar", message = "feat: more (SHOP-1)", file = "src/more.rs" }}]
[drill]
task = "None."
"#
    );
    Scenario::parse(kind, &text).unwrap()
}

impl Cell {
    pub(crate) async fn open(under: Under) -> Self {
        let options = Options { clock: Clock::Manual, ..Options::default() };
        let sandbox = Sandbox::start(scenario(under.kind), options).unwrap();
        let text = std::fs::read_to_string(sandbox.config_path()).unwrap();
        let around = config::Surroundings::default();
        let config = config::load(&text, "config.toml", &around, KINDS).unwrap_or_else(|e| panic!("{e}"));
        let source = config.sources.into_iter().find(|s| s.kind.name == under.kind).expect("its source");
        let provider = (source.kind.build)(source.spec).unwrap();
        let tokens = std::fs::read_dir(sandbox.folder()).unwrap().filter_map(|entry| {
            let path = entry.unwrap().path();
            let token = path.file_name()?.to_str()?.ends_with("-token");
            token.then(|| std::fs::read_to_string(path).unwrap().trim().to_owned())
        });
        let secrets = tokens.collect();
        Self { under, sandbox, provider, secrets }
    }

    pub(crate) async fn look(&self) -> Result<Observation, Fault> {
        self.look_for(Vec::new()).await
    }

    pub(crate) async fn look_for(&self, runs: Vec<RunKey>) -> Result<Observation, Fault> {
        let ask = Ask { runs, focus: Some(ServiceName::new(SERVICE)), ..Ask::default() };
        self.provider.observe(&ask).await
    }

    /// The gate of production.
    pub(crate) async fn gate(&self) -> Result<Gate, String> {
        let seen = self.look().await.map_err(|fault| format!("no look: {fault}"))?;
        let production = |gate: &Gate| {
            gate.environment.as_ref().is_some_and(|e| e.as_str() == "production")
                || gate.title.as_str().contains("production")
        };
        let gates: Vec<Gate> = seen.gates.into_iter().filter(production).collect();
        match gates.as_slice() {
            [gate] => Ok(gate.clone()),
            other => Err(format!("{} gates of production", other.len())),
        }
    }

    pub(crate) fn intent(verb: Verb, gate: &Gate, target: Target) -> Intent {
        Intent {
            verb,
            service: ServiceName::new(SERVICE),
            place: gate.place(),
            target,
            source: gate.key.run.source.clone(),
            reason: Some(SafeText::new("canary clean")),
            answers: std::collections::BTreeMap::new(),
        }
    }

    pub(crate) async fn approval(&self) -> Result<(Gate, Intent, Prepared), String> {
        let gate = self.gate().await?;
        let intent = Self::intent(Verb::Approve, &gate, Target::Gate(gate.key.clone()));
        let prepared = self.provider.prepare(&intent).await.map_err(|fault| format!("no plan: {fault}"))?;
        Ok((gate, intent, prepared))
    }

    /// Sends every step, in order, until one is not accepted.
    pub(crate) async fn carry_out(&self, prepared: &Prepared) -> Result<Vec<Receipt>, Fault> {
        let mut receipts = Vec::new();
        for step in &prepared.steps {
            receipts.push(self.provider.perform(step).await?);
        }
        Ok(receipts)
    }

    /// What arrived at the server and wanted to change something.
    pub(crate) fn writes(&self) -> Vec<Entry> {
        self.sandbox.faults().writes(self.under.server)
    }

    pub(crate) fn applied(&self) -> usize {
        self.writes().iter().filter(|entry| entry.effect == Effect::Applied).count()
    }

    /// Looks until something can be seen, a second of the world apart.
    pub(crate) async fn until(
        &self,
        what: &str,
        runs: &[RunKey],
        seen: impl Fn(&Observation) -> bool,
    ) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..LOOKS {
            match self.look_for(runs.to_vec()).await {
                Ok(look) if seen(&look) => return Ok(()),
                Ok(look) => {
                    let states: Vec<_> = look
                        .pipelines
                        .values()
                        .flat_map(|p| &p.runs)
                        .map(|r| (&r.number, &r.state, &r.reviews))
                        .collect();
                    last = format!("{} gates, runs {states:?}", look.gates.len());
                }
                Err(fault) => last = fault.to_string(),
            }
            self.sandbox.world().advance(Duration::from_secs(1));
        }
        Err(format!("{what} was never seen; last: {last}"))
    }

    /// No credential in anything that was said.
    pub(crate) fn discreet(&self, said: &str) -> Result<(), String> {
        match self.secrets.iter().any(|secret| said.contains(secret.as_str())) {
            true => Err(format!("a credential was said: {said}")),
            false => Ok(()),
        }
    }
}
