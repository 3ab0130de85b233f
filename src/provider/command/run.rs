//! Running declared commands: what they see, how long they may take, what of their words is kept.
//!
//! Knows programs, exit codes and secrets; knows nothing of what an answer means. The one way out for this kind's writes
//! is [`Programs::change`].
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::access;
use super::super::child::{self, Call, Complaints, Failed, Found, Said};
use super::super::secret::{self, Secret};
use crate::domain::{Cause, Fault, SafeText, Step};

/// How much of an answer is read, in bytes.
const MOST: usize = 1024 * 1024;

/// How much of a program's complaints is shown, in characters: the end of them.
const SHOWN: usize = 600;

/// How long a program that carries something out has to end by itself at its deadline.
const PARTING: Duration = Duration::from_secs(5);

/// The exit code by which a program says that nothing was done.
pub(super) const NOTHING_DONE: i32 = 75;

/// Variables that every program sees.
const KEPT: &[&str] = &["PATH", "HOME", "LANG"];

/// The shortest secret that is masked where it is said: shorter ones are in every other word.
const SHORTEST: usize = 4;

/// The environment of the programs, and how long they may take.
#[derive(Clone)]
pub(super) struct Programs {
    plain: BTreeMap<String, String>,
    secret: BTreeMap<String, Secret>,
    /// How long one may take to tell.
    pub(super) tell: Duration,
    /// How long one may take to carry something out.
    pub(super) change: Duration,
}

/// Secrets as they are now, to be found in what a program says.
struct Masks(Vec<Arc<secret::Value>>);

impl Programs {
    /// `env` is what `gonogo` was started with, `passed` the names of it that are handed on, `plain` and `secret` the
    /// variables of the config.
    pub(super) fn new(
        env: &BTreeMap<String, String>,
        passed: &[String],
        plain: &BTreeMap<String, String>,
        secret: BTreeMap<String, Secret>,
        (tell, change): (Duration, Duration),
    ) -> Result<Self, Fault> {
        if let Some(name) = passed.iter().find(|name| child::promises_a_secret(name)) {
            return Err(Fault::new(Cause::Local, format!("`pass` names {name}, which sounds like a secret"))
                .with_hint(format!("env = {{ {name} = {{ env = \"{name}\" }} }} hands it on and masks it")));
        }
        let passed = |name: &str| KEPT.contains(&name) || passed.iter().any(|other| other == name);
        let mut all: BTreeMap<String, String> = env
            .iter()
            .filter(|(name, _)| passed(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(folders) = all.get_mut("PATH") {
            *folders = child::path(folders);
        }
        all.extend(plain.clone());
        Ok(Self { plain: all, secret, tell, change })
    }

    async fn environment(&self) -> Result<(BTreeMap<String, String>, Masks), Fault> {
        let mut env = self.plain.clone();
        let mut masks = Vec::new();
        for (name, secret) in &self.secret {
            let value = secret.reveal().await?;
            env.insert(name.clone(), value.expose().to_owned());
            masks.push(value);
        }
        Ok((env, Masks(masks)))
    }

    /// Runs a command that tells.
    ///
    /// # Errors
    /// A fault when there is no whole answer; its text holds no secret of the config.
    pub(super) async fn ask(&self, words: &[String], document: &str) -> Result<Value, Fault> {
        let name = name(words);
        let (env, masks) = self.environment().await?;
        let said = self.run(words, document, env, (self.tell, Duration::ZERO)).await?;
        let said = said.map_err(|failed| unsaid(&name, &failed, self.tell))?;
        match said.status.code() {
            Some(0) => masks.json(&said).map_err(|fault| about(&name, &fault)),
            _ => Err(Fault::new(Cause::ServerFailed, format!("{name} {}", ended(&said, &masks)))),
        }
    }

    /// Runs a command that changes something, once. Whatever it is that came back, this is the only way out for it.
    ///
    /// # Errors
    /// A fault that says whether something may have happened.
    pub(super) async fn change(&self, step: &Step, words: &[String]) -> Result<SafeText, Fault> {
        access::check_write(step)?;
        let name = name(words);
        let (env, masks) = self.environment().await?;
        let document = step.body.as_deref().unwrap_or_default();
        let said = self.run(words, document, env, (self.change, PARTING)).await?;
        let said = said.map_err(|failed| match failed {
            Failed::NotStarted(_) => unsaid(&name, &failed, self.change),
            Failed::Lost(_) | Failed::TooMuch | Failed::TooLong => {
                unsaid(&name, &failed, self.change).perhaps_applied()
            }
        })?;
        match said.status.code() {
            Some(0) => {
                let json = masks.json(&said).map_err(|fault| about(&name, &fault).perhaps_applied())?;
                accepted(&json).map_err(|fault| about(&name, &fault).perhaps_applied())
            }
            Some(NOTHING_DONE) => {
                Err(Fault::new(Cause::Refused, format!("{name} did nothing: {}", masks.complaint(&said))))
            }
            _ => {
                Err(Fault::new(Cause::ServerFailed, format!("{name} {}", ended(&said, &masks)))
                    .perhaps_applied())
            }
        }
    }

    /// Finds the program anew each time: who may write there can change.
    async fn run(
        &self,
        words: &[String],
        document: &str,
        env: BTreeMap<String, String>,
        (deadline, parting): (Duration, Duration),
    ) -> Result<Result<Said, Failed>, Fault> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(Fault::new(Cause::Local, "the command is empty"));
        };
        let program = found(program)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let call = Call {
            program: Path::new(&program),
            arguments: &arguments,
            env,
            deadline,
            most: MOST,
            complaints: Complaints::Kept,
        };
        Ok(child::converse(call, document.as_bytes(), parting).await)
    }
}

/// The program, if only its owner could have put it there.
///
/// # Errors
/// A `Local` fault that says why it is not run.
pub(super) fn found(program: &str) -> Result<std::path::PathBuf, Fault> {
    let local = |why: String| Fault::new(Cause::Local, format!("{program} is not run: {why}"));
    match child::find(program, None) {
        Found::At(path) if path.is_file() => Ok(path),
        Found::At(_) | Found::Nowhere => Err(local("it is not there".to_owned())),
        Found::Relative => Err(local("it is no whole path".to_owned())),
        Found::Unsafe(why) => {
            Err(local(why).with_hint("mend the permissions: only you and root may write there"))
        }
    }
}

/// What a program is called: the last part of its path.
fn name(words: &[String]) -> String {
    let program = words.first().map_or("", String::as_str);
    program.rsplit('/').next().unwrap_or(program).to_owned()
}

fn about(name: &str, fault: &Fault) -> Fault {
    Fault::new(fault.cause, format!("{name}: {}", fault.detail))
}

fn unsaid(name: &str, failed: &Failed, deadline: Duration) -> Fault {
    match failed {
        Failed::NotStarted(error) => {
            Fault::new(Cause::Local, format!("{name} cannot be started: {}", error.kind()))
        }
        Failed::Lost(error) => Fault::new(Cause::Unreachable, format!("{name} was lost: {}", error.kind())),
        Failed::TooMuch => Fault::new(Cause::TooLarge, format!("{name} printed more than {MOST} bytes")),
        Failed::TooLong => Fault::new(
            Cause::TimedOut,
            format!("{name} took longer than {} s and was ended", deadline.as_secs()),
        ),
    }
}

/// How a program ended, and the end of what it complained about.
fn ended(said: &Said, masks: &Masks) -> String {
    let how = said
        .status
        .code()
        .map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with exit code {code}"));
    format!("{how}: {}", masks.complaint(said))
}

/// The answer to a change: `{"gonogo": 1, "says": ".."}`.
fn accepted(json: &Value) -> Result<SafeText, Fault> {
    let wrong = |what: &str| Fault::new(Cause::Malformed, format!("the answer to a change {what}"));
    let map = json.as_object().ok_or_else(|| wrong("is no object"))?;
    if map.get("gonogo").and_then(Value::as_u64) != Some(1) {
        return Err(wrong("does not say \"gonogo\": 1"));
    }
    if let Some(other) = map.keys().find(|key| !["gonogo", "says"].contains(&key.as_str())) {
        return Err(wrong(&format!("has an unknown key {other:?}")));
    }
    match map.get("says") {
        None => Ok("accepted".into()),
        Some(Value::String(says)) => Ok(SafeText::new(says)),
        Some(_) => Err(wrong("says something that is no text")),
    }
}

impl Masks {
    /// A text without the secrets, as they are and as JSON writes them.
    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in self.0.iter().map(|value| value.expose()).filter(|value| value.len() >= SHORTEST) {
            text = text.replace(value, "•••");
            let written = Value::from(value).to_string();
            let inner = written.trim_matches('"');
            if inner != value {
                text = text.replace(inner, "•••");
            }
        }
        text
    }

    /// The end of what a program complained about.
    fn complaint(&self, said: &Said) -> String {
        let text = self.masked(said.complaints.trim());
        let length = text.chars().count();
        match text.is_empty() {
            true => "it does not say why".to_owned(),
            false if length <= SHOWN => text,
            false => format!("…{}", text.chars().skip(length.saturating_sub(SHOWN)).collect::<String>()),
        }
    }

    /// What a program printed, as one JSON document.
    fn json(&self, said: &Said) -> Result<Value, Fault> {
        if said.out.len() > MOST {
            return Err(Fault::new(Cause::TooLarge, format!("it printed more than {MOST} bytes")));
        }
        let mut json: Value = serde_json::from_slice(&said.out).map_err(|error| {
            // The parser's own words quote nothing of what was printed.
            Fault::new(Cause::Malformed, format!("it printed no JSON document: {error}"))
        })?;
        self.mask(&mut json);
        Ok(json)
    }

    fn mask(&self, json: &mut Value) {
        match json {
            Value::String(text) => *text = self.masked(text),
            Value::Array(list) => list.iter_mut().for_each(|item| self.mask(item)),
            Value::Object(map) => {
                let entries = std::mem::take(map);
                map.extend(entries.into_iter().map(|(key, mut value)| {
                    self.mask(&mut value);
                    (self.masked(&key), value)
                }));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
