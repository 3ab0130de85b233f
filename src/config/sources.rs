//! `[[source]]`: names, kinds, and settings against what the kind says it understands.
//!
//! Knows no kind by name except that a `repo` is read by the kind called "git".

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;

use super::check::Check;
use super::read::{Item, Section, absolute};
use super::report::{Mistakes, Spot, suggest};
use super::secret::{NEVER_WRITTEN, PLACES, is_secret_name};
use crate::domain::{Bound, Settings, service::Value};
use crate::provider::{Key, KeyType, Kind, Need, SecretPlace};

/// The kind that reads repositories.
const CODE_KIND: &str = "git";

/// How often a source may be looked at.
const EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// A source while the file is being checked.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) at: Spot,
    /// None: wrong, and told so already.
    pub(super) kind: Option<&'static Kind>,
    pub(super) settings: Settings,
    pub(super) secrets: BTreeMap<String, SecretPlace>,
    pub(super) every: Option<Duration>,
    pub(super) bounds: Vec<Bound>,
}

impl Check<'_> {
    /// Reads every `[[source]]`.
    pub(super) fn read_sources(&mut self, item: Option<Item<'_>>) {
        let Some(item) = item else { return };
        for (table, at) in item.tables(&mut self.mistakes) {
            let draft = self.read_source(Section::new("[[source]]", table, at));
            if let Some(draft) = draft {
                self.sources.push(draft);
            }
        }
    }

    fn read_source(&mut self, mut section: Section<'_>) -> Option<Draft> {
        let name_item = section.need(&mut self.mistakes, "name");
        let name = name_item.and_then(|item| item.name(&mut self.mistakes));
        if let Some(name) = name {
            section.title = format!("[[source]] {name:?}");
        }
        let kind_item = section.need(&mut self.mistakes, "kind");
        let kind = kind_item.and_then(|item| self.kind_of(item));
        let every = section.get("every").and_then(|item| item.duration(&mut self.mistakes, EVERY.0, EVERY.1));
        let mut secrets = BTreeMap::new();
        let settings = match kind {
            Some(kind) => {
                let settings = self.read_keys(&mut section, kind.keys, &mut secrets);
                section.finish(&mut self.mistakes, &[]);
                settings
            }
            None => {
                section.leave(&mut self.mistakes);
                Settings::default()
            }
        };
        let (name, at) = (name?, name_item?.at());
        if let Some(first) = self.sources.iter().find(|source| source.name == name) {
            let first = first.at.clone();
            self.duplicate("source", name, &at, &first);
            return None;
        }
        Some(Draft { name: name.to_owned(), at, kind, settings, secrets, every, bounds: Vec::new() })
    }

    fn kind_of(&mut self, item: Item<'_>) -> Option<&'static Kind> {
        let said = item.text(&mut self.mistakes)?;
        let kind = self.kinds.iter().find(|kind| kind.name == said).copied();
        if kind.is_none() {
            let known: Vec<&str> = self.kinds.iter().map(|kind| kind.name).collect();
            self.mistakes.note(&item.at(), format!("there is no kind {said:?}"), suggest(said, &known, '"'));
        }
        kind
    }

    /// Reads the keys that a kind or a role understands.
    pub(super) fn read_keys(
        &mut self,
        section: &mut Section<'_>,
        keys: &[Key],
        secrets: &mut BTreeMap<String, SecretPlace>,
    ) -> Settings {
        let mut settings = Settings::default();
        for key in keys {
            let item = match key.need {
                Need::Required => section.need(&mut self.mistakes, key.name),
                Need::Optional => section.get(key.name),
            };
            let Some(item) = item else { continue };
            if key.kind == KeyType::Variables {
                settings.0.insert(key.name.to_owned(), Value::Table(self.read_variables(item, secrets)));
            } else if key.kind == KeyType::Secret {
                if let Some(place) = read_secret(item, self.home.as_deref(), &mut self.mistakes) {
                    secrets.insert(key.name.to_owned(), place);
                }
            } else if let Some(value) = read_value(item, key, self.home.as_deref(), &mut self.mistakes) {
                settings.0.insert(key.name.to_owned(), value);
            }
        }
        settings
    }

    /// Variables for a program: plain ones are returned, secret ones are put among the secrets by `key.NAME`.
    fn read_variables(
        &mut self,
        item: Item<'_>,
        secrets: &mut BTreeMap<String, SecretPlace>,
    ) -> BTreeMap<String, String> {
        let mut plain = BTreeMap::new();
        let example = "{ REGION = \"eu-west-1\", DEPLOY_TOKEN = { env = \"DEPLOY_TOKEN\" } }";
        let title = format!("`{}`", item.key());
        let Some(section) = item.section(&mut self.mistakes, &title, example) else { return plain };
        for variable in section.items() {
            let name = variable.key();
            if !is_variable(name) {
                let hint = format!("for example {example}");
                self.mistakes.hinted(&variable.key_at(), format!("`{name}` cannot name a variable"), hint);
                continue;
            }
            match variable.value().as_str() {
                Some(text) if !is_secret_name(name) => drop(plain.insert(name.to_owned(), text.to_owned())),
                _ => {
                    if let Some(place) = read_secret(variable, self.home.as_deref(), &mut self.mistakes) {
                        secrets.insert(format!("{}.{name}", item.key()), place);
                    }
                }
            }
        }
        plain
    }

    /// The one source that reads repositories; made if there is none. The place is for the mistake.
    pub(super) fn code_source(&mut self, at: &Spot) -> Option<usize> {
        let is_code = |draft: &Draft| draft.kind.is_some_and(|kind| kind.name == CODE_KIND);
        let found: Vec<usize> =
            self.sources.iter().enumerate().filter(|(_, draft)| is_code(draft)).map(|(i, _)| i).collect();
        match found.as_slice() {
            [one] => Some(*one),
            [] => self.implicit_code_source(at),
            many => {
                let cause = format!("`repo` does not say which of the {} git sources reads it", many.len());
                self.mistakes.hinted(at, cause, "write code = { source = \"..\", path = \"..\" } instead");
                None
            }
        }
    }

    fn implicit_code_source(&mut self, at: &Spot) -> Option<usize> {
        let Some(kind) = self.kinds.iter().find(|kind| kind.name == CODE_KIND).copied() else {
            self.mistakes.note(at, "`repo` needs the kind \"git\", which this build has not", None);
            return None;
        };
        if self.sources.iter().any(|draft| draft.name == CODE_KIND) {
            let hint = "configure a [[source]] with kind = \"git\" under another name";
            self.mistakes.hinted(at, "`repo` needs a git source, but \"git\" names another kind", hint);
            return None;
        }
        self.sources.push(Draft {
            name: CODE_KIND.to_owned(),
            at: at.clone(),
            kind: Some(kind),
            settings: Settings::default(),
            secrets: BTreeMap::new(),
            every: None,
            bounds: Vec::new(),
        });
        self.sources.len().checked_sub(1)
    }
}

/// A value of the type that its key asks for.
pub(super) fn read_value(
    item: Item<'_>,
    key: &Key,
    home: Option<&Path>,
    mistakes: &mut Mistakes,
) -> Option<Value> {
    match key.kind {
        KeyType::Text => {
            let text = item.text(mistakes)?;
            if text.trim().is_empty() && key.need == Need::Required {
                mistakes.note(&item.at(), format!("`{}` must not be empty", key.name), None);
                return None;
            }
            Some(Value::Text(text.to_owned()))
        }
        KeyType::Url => read_url(item, mistakes).map(Value::Text),
        KeyType::Path => {
            let path = item.path(mistakes, home)?;
            Some(Value::Text(path.to_string_lossy().into_owned()))
        }
        KeyType::Number => read_number(item, mistakes),
        KeyType::Switch => item.switch(mistakes).map(Value::Switch),
        KeyType::List => {
            let texts = item.list(mistakes)?;
            Some(Value::List(texts.into_iter().map(|(text, _)| text.to_owned()).collect()))
        }
        KeyType::Table => {
            if key.name == "headers" {
                refuse_secret_headers(item, mistakes);
            }
            item.table(mistakes).map(Value::Table)
        }
        KeyType::Variables | KeyType::Secret => None,
    }
}

fn read_number(item: Item<'_>, mistakes: &mut Mistakes) -> Option<Value> {
    let value = match item.value() {
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(Value::Integer),
        DeValue::Float(x) => x.as_str().parse::<f64>().ok().filter(|x| x.is_finite()).map(Value::Float),
        _ => {
            item.wrong(mistakes, "a number");
            return None;
        }
    };
    if value.is_none() {
        mistakes.note(&item.at(), format!("`{}` must be a finite number", item.key()), None);
    }
    value
}

fn read_url(item: Item<'_>, mistakes: &mut Mistakes) -> Option<String> {
    let text = item.text(mistakes)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let sound = match host {
        Some(host) => !host.is_empty() && !text.contains(char::is_whitespace),
        None => text.strip_prefix("unix://").is_some_and(|path| path.starts_with('/')),
    };
    if !sound {
        mistakes.hinted(
            &item.at(),
            format!("`{}` must be a URL", item.key()),
            "for example \"https://host/path\"",
        );
        return None;
    }
    Some(text.to_owned())
}

fn refuse_secret_headers(item: Item<'_>, mistakes: &mut Mistakes) {
    let DeValue::Table(headers) = item.value() else { return };
    for (name, value) in headers {
        if is_secret_name(name.get_ref()) {
            mistakes.hide(&value.span());
            let cause = format!("the header `{}` carries a secret; {NEVER_WRITTEN}", name.get_ref());
            mistakes.hinted(&name.span(), cause, "use the source's secret keys (token, password) instead");
        }
    }
}

/// A secret's whereabouts; never the secret.
fn read_secret(item: Item<'_>, home: Option<&Path>, mistakes: &mut Mistakes) -> Option<SecretPlace> {
    if !matches!(item.value(), DeValue::Table(_)) {
        mistakes.hide(&item.at());
        mistakes.hinted(&item.at(), format!("`{}` holds a value; {NEVER_WRITTEN}", item.key()), PLACES);
        return None;
    }
    let mut section = item.section(mistakes, &format!("`{}`", item.key()), PLACES)?;
    let env = section.get("env");
    let file = section.get("file");
    let command = section.get("command");
    let keyring = section.get("keyring");
    let given = [env, file, command, keyring].iter().flatten().count();
    let at = section.at.clone();
    let unknown = section.items().count() > given;
    section.finish(mistakes, &[]);
    if given != 1 {
        if given > 1 || !unknown {
            mistakes.hinted(&at, format!("`{}` must say one place", item.key()), PLACES);
        }
        return None;
    }
    if let Some(item) = env {
        return read_variable(item, mistakes).map(SecretPlace::Env);
    }
    if let Some(item) = file {
        return item.path(mistakes, home).map(SecretPlace::File);
    }
    if let Some(item) = command {
        return read_command(item, home, mistakes).map(SecretPlace::Command);
    }
    let item = keyring?;
    let text = item.text(mistakes)?;
    if !text.split_once('/').is_some_and(|(service, account)| !service.is_empty() && !account.is_empty()) {
        mistakes.hinted(&item.at(), "`keyring` must name an entry", "for example \"gonogo/github\"");
        return None;
    }
    Some(SecretPlace::Keyring(text.to_owned()))
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn read_variable(item: Item<'_>, mistakes: &mut Mistakes) -> Option<String> {
    let name = item.text(mistakes)?;
    if !is_variable(name) {
        // Whoever writes the value here by mistake must not see it repeated.
        mistakes.hide(&item.at());
        mistakes.hinted(&item.at(), "`env` must be a variable's name", "for example env = \"GITHUB_TOKEN\"");
        return None;
    }
    Some(name.to_owned())
}

fn read_command(item: Item<'_>, home: Option<&Path>, mistakes: &mut Mistakes) -> Option<Vec<String>> {
    let words = item.list(mistakes)?;
    let Some((program, at)) = words.first() else {
        mistakes.hinted(&item.at(), "`command` is empty", "for example [\"gh\", \"auth\", \"token\"]");
        return None;
    };
    if program.contains(char::is_whitespace) && words.len() == 1 {
        let hint = "one text for the program and one for each argument: [\"gh\", \"auth\", \"token\"]";
        mistakes.hinted(at, "`command` is not run by a shell", hint);
        return None;
    }
    let mut command: Vec<String> = words.iter().map(|(word, _)| (*word).to_owned()).collect();
    if program.contains('/') {
        let program = absolute(program, at, "command", home, mistakes)?;
        if let Some(first) = command.first_mut() {
            *first = program.to_string_lossy().into_owned();
        }
    } else if program.is_empty() {
        mistakes.note(at, "`command` names no program", None);
        return None;
    }
    Some(command)
}
