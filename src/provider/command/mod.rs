//! Any tool that has a program: declared commands that tell how a place stands, and that change it.
//!
//! Knows a small protocol of its own (`docs/providers/command.md`): one JSON document in, one out, and an exit code.
//! Knows no tool, no other provider, no screen, no clock. What a declared command is, `words` knows; what an answer
//! means, `answer` and `changes`; what would be run, `act`; how it is run, `run`. A change that takes long goes on behind
//! the answer "it still runs", until its own deadline; what came of it is told by later looks.

mod act;
mod answer;
mod changes;
mod enforcement;
#[doc(hidden)]
pub mod fuzz;
mod run;
mod under_way;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::Value;

use self::act::{Fresh, Want};
use self::answer::State;
use self::run::Programs;
use self::under_way::UnderWay;
use self::words::{Use, Words};
use super::examine::Finding;
use super::secret::Secret;
use super::services::locked;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Ask, Bound, Cause, Fault, Hazard, Intent, Observation, Place, Prepared, Receipt, Role, Rollout, Severity,
    SourceName, Step, Verb,
};

/// The registry's line.
pub const KIND: Kind = Kind {
    name: "command",
    doc: "Any tool with a program: commands of yours that tell how a place stands and change it.",
    keys: &[
        Key::required(
            "state",
            KeyType::List,
            "Program and arguments that tell how a place stands: an absolute path, no shell.",
        ),
        Key::optional("promote", KeyType::List, "Program and arguments that ship a version."),
        Key::optional(
            "roll_back",
            KeyType::List,
            "Program and arguments that go back to an earlier revision.",
        ),
        Key::optional("pause", KeyType::List, "Program and arguments that hold a rollout."),
        Key::optional("resume", KeyType::List, "Program and arguments that let a held rollout go on."),
        Key::optional(
            "env",
            KeyType::Variables,
            "Variables that the programs get besides PATH, HOME and LANG; secrets among them are masked in what they say.",
        ),
        Key::optional(
            "pass",
            KeyType::List,
            "Names of variables of the cockpit's own that are handed on as they are.",
        ),
        Key::optional(
            "state_timeout",
            KeyType::Number,
            "Seconds that `state` may take, 1 to 18; without: 15.",
        ),
        Key::optional(
            "timeout",
            KeyType::Number,
            "Seconds that any other command may take, 1 to 21600; without: 600. Then it is ended.",
        ),
    ],
    roles: &[(
        Role::Deploy,
        &[Key::optional(
            "args",
            KeyType::Table,
            "What the programs are told about this place, by names of yours.",
        )],
    )],
    cadence: Cadence { active: Duration::from_secs(5), idle: Duration::from_secs(30) },
    enforcement: enforcement::FACTS,
    build,
};

/// How long the answer to a change is waited for before it is said that it still runs. Shorter than the runtime's own
/// deadline for a step.
const PATIENCE: Duration = Duration::from_secs(40);

/// Programs that tell, at once.
const SIDE_BY_SIDE: usize = 4;

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    build_with(spec, PATIENCE)
}

/// As the registry builds it, with another patience.
///
/// # Errors
/// A `Local` fault when a command cannot be one.
pub fn build_with(spec: SourceSpec, patience: Duration) -> Result<Arc<dyn Provider>, Fault> {
    let settings = &spec.settings;
    let state = Words::read("state", settings.list("state"), Use::Tell)?
        .ok_or_else(|| Fault::new(Cause::Local, "`state` names no program"))?;
    let mut changes = BTreeMap::new();
    for verb in [Verb::Promote, Verb::RollBack, Verb::Pause, Verb::Resume] {
        let Some(word) = act::word(verb) else { continue };
        if let Some(words) = Words::read(word, settings.list(word), Use::Change)? {
            changes.insert(verb, words);
        }
    }
    let secret = |key: &String| {
        let name = key.strip_prefix("env.")?.to_owned();
        Some((name, Secret::of(&spec, key)?))
    };
    let plain = settings.table("env").cloned().unwrap_or_default();
    let programs = Programs::new(
        &spec.env,
        settings.list("pass"),
        &plain,
        spec.secrets.keys().filter_map(secret).collect(),
        (seconds(&spec, "state_timeout", 15, 18)?, seconds(&spec, "timeout", 600, 21_600)?),
    )?;
    let bounds = spec.bounds.into_iter().filter(|bound| bound.role == Role::Deploy).collect();
    let parts = Parts { name: spec.name, state, changes, programs, bounds, patience };
    Ok(Arc::new(Command { parts, under_way: UnderWay::default(), ids: Mutex::default() }))
}

/// A number of seconds.
fn seconds(spec: &SourceSpec, key: &str, usual: u32, most: u32) -> Result<Duration, Fault> {
    let said = spec.settings.number(key).unwrap_or_else(|| f64::from(usual));
    if !(1.0..=f64::from(most)).contains(&said) {
        return Err(Fault::new(Cause::Local, format!("`{key}` is not between 1 and {most} seconds")));
    }
    Ok(Duration::from_secs_f64(said))
}

/// What a source of this kind is.
struct Parts {
    name: SourceName,
    state: Words,
    changes: BTreeMap<Verb, Words>,
    programs: Programs,
    bounds: Vec<Bound>,
    patience: Duration,
}

/// One source.
struct Command {
    parts: Parts,
    under_way: UnderWay,
    /// Which object each place was told to be.
    ids: Mutex<BTreeMap<Place, String>>,
}

impl Provider for Command {
    fn observe<'a>(&'a self, _ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        self.look().boxed()
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        self.plan(intent).boxed()
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        self.send(step).boxed()
    }

    fn examine(&self, _now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        let state = std::iter::once(("state", &self.parts.state));
        let changes = self.parts.changes.iter().filter_map(|(verb, words)| Some((act::word(*verb)?, words)));
        let findings = state.chain(changes).map(|(word, words)| match run::found(words.program()) {
            Ok(path) => Finding::well("program", format!("{word}: {}", path.display())),
            Err(fault) => {
                let mend =
                    fault.hint.map_or_else(|| "install it, or mend the config".to_owned(), |h| h.to_string());
                Finding::ill("program", format!("{word}: {}", fault.detail), mend)
            }
        });
        std::future::ready(findings.collect()).boxed()
    }
}

impl Command {
    async fn look(&self) -> Result<Observation, Fault> {
        let looks: Vec<_> = self
            .parts
            .bounds
            .iter()
            .map(|bound| async move { (bound.service.clone(), self.look_at(bound).await) })
            .collect();
        let looks: Vec<_> = stream::iter(looks).buffered(SIDE_BY_SIDE).collect().await;
        let blind = !looks.is_empty() && looks.iter().all(|(_, look)| look.is_err());
        let mut seen = Observation::default();
        for (service, look) in looks {
            match look {
                Ok((place, rollout)) => drop(seen.rollouts.insert(place, rollout.into())),
                Err(fault) if blind => return Err(fault),
                Err(fault) => drop(seen.faults.insert(service, fault)),
            }
        }
        Ok(seen)
    }

    async fn look_at(&self, bound: &Bound) -> Result<(Place, Rollout), Fault> {
        let place = place_of(bound)?;
        let state = self.state(bound, &place, None).await?;
        let mut rollout = state.rollout(&place, self.parts.name.as_str());
        self.under_way.tell(&place, &mut rollout);
        Ok((place, rollout))
    }

    /// Runs the state command for a place.
    async fn state(&self, bound: &Bound, place: &Place, want: Option<&Want<'_>>) -> Result<State, Fault> {
        let parts = &self.parts;
        let words = parts.state.filled(&act::place_values(&parts.name, bound, place))?;
        let mut document = act::document(&parts.name, bound, place, "state");
        document.insert("want".to_owned(), want.map_or(Value::Null, |want| want.document(place)));
        let json = parts.programs.ask(&words, &Value::Object(document).to_string()).await?;
        let state = answer::read(json)?;
        self.same_object(place, &state)?;
        Ok(state)
    }

    /// A command that begins to tell of another object proves nothing about the one that was acted upon.
    fn same_object(&self, place: &Place, state: &State) -> Result<(), Fault> {
        let mut ids = locked(&self.ids);
        let known = ids.entry(place.clone()).or_insert_with(|| state.id.clone());
        if *known == state.id {
            return Ok(());
        }
        let detail = format!("the state command tells of another object: id {} after {known}", state.id);
        Err(Fault::new(Cause::Malformed, detail)
            .with_hint("if the place was made anew, start the cockpit again"))
    }

    fn bound(&self, place: Option<&Place>) -> Result<(&Bound, Place), Fault> {
        let found = self.parts.bounds.iter().find_map(|bound| {
            let own = bound.place()?;
            (Some(&own) == place).then_some((bound, own))
        });
        found.ok_or_else(|| {
            let place = place.map_or_else(|| "this".to_owned(), Place::to_string);
            Fault::new(Cause::Local, format!("{place} is not deployed by source {}", self.parts.name))
        })
    }

    async fn plan(&self, intent: &Intent) -> Result<Prepared, Fault> {
        let want = Want::of(intent)?;
        let (bound, place) = self.bound(intent.place.as_ref())?;
        let command = self.declared(want.verb)?;
        run::found(command.program())?;
        let state = self.state(bound, &place, Some(&want)).await?;
        let fresh = Fresh {
            source: &self.parts.name,
            bound,
            place: &place,
            command,
            back: self.parts.changes.get(&Verb::RollBack),
            state: &state,
            deadline: self.parts.programs.change,
        };
        let mut prepared = act::prepared(&fresh, &want)?;
        if let Some(verb) = self.under_way.runs(&place) {
            let text = format!("The {} command of {place} still runs: wait for its end.", verb.word());
            prepared.hazards.push(Hazard::new(Severity::Blocking, text));
        }
        Ok(prepared)
    }

    fn declared(&self, verb: Verb) -> Result<&Words, Fault> {
        self.parts.changes.get(&verb).ok_or_else(|| {
            let word = act::word(verb).unwrap_or_default();
            let detail = format!("source {} declares no `{word}` command", self.parts.name);
            Fault::new(Cause::Refused, detail)
                .with_hint(format!("add {word} = [\"/path/to/program\"] to the source"))
        })
    }

    async fn send(&self, step: &Step) -> Result<Receipt, Fault> {
        let (verb, place, words) = self.read(step)?;
        let programs = self.parts.programs.clone();
        let step = step.clone();
        let change = async move { programs.change(&step, &words).await };
        self.under_way.carry_out(verb, place, change, self.parts.patience).await
    }

    /// What a step runs; compared with what is declared, whoever made the step.
    fn read(&self, step: &Step) -> Result<(Verb, Place, Vec<String>), Fault> {
        let local = |what: &str| Fault::new(Cause::Local, format!("this step is not run: {what}"));
        if step.source != self.parts.name || step.method != act::RUN {
            return Err(local("it is not for this source"));
        }
        let words: Vec<String> =
            serde_json::from_str(&step.path).map_err(|_| local("it names no program"))?;
        let body = step.body.as_deref().unwrap_or_default();
        let body: Value = serde_json::from_str(body).map_err(|_| local("it has no document"))?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let place = Place::new(text("service"), text("environment"));
        self.bound(Some(&place))?;
        let verbs = self.parts.changes.keys();
        let verb = verbs.copied().find(|verb| act::word(*verb) == Some(text("ask")));
        let verb = verb.ok_or_else(|| local("its command is not declared"))?;
        if !self.declared(verb)?.fits(&words) {
            return Err(local("its words are not those that the config declares"));
        }
        Ok((verb, place, words))
    }
}

fn place_of(bound: &Bound) -> Result<Place, Fault> {
    bound.place().ok_or_else(|| Fault::new(Cause::Local, "the binding names no environment"))
}
