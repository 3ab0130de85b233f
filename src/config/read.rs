//! Walks parsed TOML with its places at hand: typed access, unknown keys, and what is wrong about either.
//!
//! Knows TOML and the shapes of values; knows nothing of sources and services.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::report::{Mistakes, Spot, suggest};
use crate::domain::SafeText;

/// The longest name.
const LONGEST_NAME: usize = 100;

/// A key with its value.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    key: &'a Spanned<DeString<'a>>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Item<'a> {
    pub(super) fn key(&self) -> &'a str {
        self.key.get_ref()
    }

    pub(super) fn key_at(&self) -> Spot {
        self.key.span()
    }

    pub(super) fn at(&self) -> Spot {
        self.value.span()
    }

    pub(super) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// Says that the value has the wrong type.
    pub(super) fn wrong(&self, mistakes: &mut Mistakes, wanted: &str) {
        mistakes.note(
            &self.at(),
            format!("`{}` must be {wanted}, not {}", self.key(), word(self.value())),
            None,
        );
    }

    pub(super) fn text(&self, mistakes: &mut Mistakes) -> Option<&'a str> {
        let text = self.value().as_str();
        if text.is_none() {
            self.wrong(mistakes, "a text in quotes");
        }
        text
    }

    pub(super) fn switch(&self, mistakes: &mut Mistakes) -> Option<bool> {
        let switch = self.value().as_bool();
        if switch.is_none() {
            self.wrong(mistakes, "true or false");
        }
        switch
    }

    pub(super) fn list(&self, mistakes: &mut Mistakes) -> Option<Vec<(&'a str, Spot)>> {
        let DeValue::Array(items) = self.value() else {
            self.wrong(mistakes, "a list of texts");
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push((text, item.span())),
                None => mistakes.note(
                    &item.span(),
                    format!("`{}` must hold texts only, not {}", self.key(), word(item.get_ref())),
                    None,
                ),
            }
        }
        Some(texts)
    }

    pub(super) fn table(&self, mistakes: &mut Mistakes) -> Option<BTreeMap<String, String>> {
        let DeValue::Table(table) = self.value() else {
            self.wrong(mistakes, "a table of texts: { name = \"text\" }");
            return None;
        };
        let mut texts = BTreeMap::new();
        for (key, value) in table {
            match value.get_ref().as_str() {
                Some(text) => drop(texts.insert(key.get_ref().to_string(), text.to_owned())),
                None => mistakes.hinted(
                    &value.span(),
                    format!("`{}` must be a text, not {}", key.get_ref(), word(value.get_ref())),
                    "put it in quotes",
                ),
            }
        }
        Some(texts)
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&self, mistakes: &mut Mistakes) -> Vec<(&'a DeTable<'a>, Spot)> {
        let DeValue::Array(items) = self.value() else {
            let hint = format!("write [[{}]] in double brackets, once for each", self.key());
            mistakes.hinted(&self.key_at(), format!("`{}` must be a list of tables", self.key()), hint);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((table, item.span())),
                other => mistakes.note(
                    &item.span(),
                    format!("`{}` must hold tables only, not {}", self.key(), word(other)),
                    None,
                ),
            }
        }
        tables
    }

    /// The tables of `key = [{ .. }, { .. }]`, each as a section.
    pub(super) fn inline_tables(&self, mistakes: &mut Mistakes, example: &str) -> Option<Vec<Section<'a>>> {
        let DeValue::Array(items) = self.value() else {
            let cause = format!("`{}` must be a list of tables, not {}", self.key(), word(self.value()));
            mistakes.hinted(&self.at(), cause, format!("for example {example}"));
            return None;
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section::new(&format!("`{}`", self.key()), table, item.span()));
                }
                other => mistakes.hinted(
                    &item.span(),
                    format!("`{}` must hold tables only, not {}", self.key(), word(other)),
                    format!("for example {example}"),
                ),
            }
        }
        Some(sections)
    }

    /// The value as a section of its own.
    pub(super) fn section(&self, mistakes: &mut Mistakes, title: &str, example: &str) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value() else {
            let cause = format!("`{}` must be a table, not {}", self.key(), word(self.value()));
            mistakes.hinted(&self.at(), cause, format!("for example {example}"));
            return None;
        };
        Some(Section::new(title, table, self.at()))
    }

    /// A name: what other parts refer to, and what is drawn on the screen.
    pub(super) fn name(&self, mistakes: &mut Mistakes) -> Option<&'a str> {
        let name = self.text(mistakes)?;
        check_name(name, &self.at(), mistakes).then_some(name)
    }

    /// A duration such as `15s` or `2m 30s`, within limits.
    pub(super) fn duration(
        &self,
        mistakes: &mut Mistakes,
        least: Duration,
        most: Duration,
    ) -> Option<Duration> {
        let text = match self.value().as_str() {
            Some(text) => text,
            None => {
                mistakes.hinted(
                    &self.at(),
                    format!("`{}` must be a duration in quotes, not {}", self.key(), word(self.value())),
                    "for example \"15s\" or \"2m 30s\"",
                );
                return None;
            }
        };
        let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
        let Some(duration) = parsed else {
            mistakes.hinted(
                &self.at(),
                format!("`{}` is no duration: {text:?}", self.key()),
                "for example \"15s\" or \"2m 30s\"",
            );
            return None;
        };
        if duration < least || duration > most {
            let (least, most) = (crate::domain::time::spoken(least), crate::domain::time::spoken(most));
            mistakes.note(&self.at(), format!("`{}` must be between {least} and {most}", self.key()), None);
            return None;
        }
        Some(duration)
    }

    /// An absolute path; `~/` is the home folder.
    pub(super) fn path(&self, mistakes: &mut Mistakes, home: Option<&Path>) -> Option<PathBuf> {
        let text = self.text(mistakes)?;
        absolute(text, &self.at(), self.key(), home, mistakes)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, mistakes: &mut Mistakes, choice: &[(&str, T)]) -> Option<T> {
        let said = self.text(mistakes)?;
        let found = choice.iter().find(|(word, _)| *word == said).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = choice.iter().map(|(word, _)| *word).collect();
            mistakes.note(
                &self.at(),
                format!("`{}` cannot be {said:?}", self.key()),
                suggest(said, &words, '"'),
            );
        }
        found
    }
}

/// Whether a name is one: not empty, without blanks around it, nothing in it that steers a terminal.
pub(super) fn check_name(name: &str, at: &Spot, mistakes: &mut Mistakes) -> bool {
    let cause = if name.trim().is_empty() {
        "a name must not be empty"
    } else if SafeText::new(name).as_str() != name {
        "a name must not hold control or invisible characters"
    } else if name.trim() != name {
        "a name must not begin or end with a blank"
    } else if name.chars().count() > LONGEST_NAME {
        "a name must not be longer than 100 characters"
    } else {
        return true;
    };
    mistakes.note(at, cause, None);
    false
}

/// The absolute path that `text` means.
pub(super) fn absolute(
    text: &str,
    at: &Spot,
    key: &str,
    home: Option<&Path>,
    mistakes: &mut Mistakes,
) -> Option<PathBuf> {
    if text.contains('\0') || text.trim().is_empty() {
        mistakes.note(at, format!("`{key}` must be a path"), None);
        return None;
    }
    if let Some(rest) = text.strip_prefix("~/").or_else(|| (text == "~").then_some("")) {
        let path = home.map(|home| if rest.is_empty() { home.to_owned() } else { home.join(rest) });
        if path.is_none() {
            mistakes.note(at, format!("`{key}` begins with ~ but the home folder is not known"), None);
        }
        return path;
    }
    if !Path::new(text).is_absolute() {
        mistakes.hinted(
            at,
            format!("`{key}` must be a whole path"),
            "begin with / or ~/ : the config means the same from every folder",
        );
        return None;
    }
    Some(PathBuf::from(text))
}

/// A table whose keys are asked for one by one; what was never asked for is unknown.
pub(super) struct Section<'a> {
    /// How the user would call it: `[[source]] "github"`.
    pub(super) title: String,
    /// Where it begins.
    pub(super) at: Spot,
    table: &'a DeTable<'a>,
    asked: Vec<String>,
}

impl<'a> Section<'a> {
    pub(super) fn new(title: &str, table: &'a DeTable<'a>, at: Spot) -> Self {
        Self { title: title.to_owned(), at, table, asked: Vec::new() }
    }

    /// A key, if it is there.
    pub(super) fn get(&mut self, key: &str) -> Option<Item<'a>> {
        self.asked.push(key.to_owned());
        self.table.get_key_value(key).map(|(key, value)| Item { key, value })
    }

    /// A key that must be there.
    pub(super) fn need(&mut self, mistakes: &mut Mistakes, key: &str) -> Option<Item<'a>> {
        let found = self.get(key);
        if found.is_none() {
            mistakes.note(&self.at, format!("{} needs `{key}`", self.title), None);
        }
        found
    }

    /// Every key with its value.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        self.table.iter().map(|(key, value)| Item { key, value })
    }

    /// Refuses every key that was never asked for. `refused` are keys that were reported already.
    pub(super) fn finish(self, mistakes: &mut Mistakes, refused: &[&str]) {
        let known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        for (key, value) in self.table {
            let name: &str = key.get_ref();
            if known.contains(&name) || refused.contains(&name) {
                continue;
            }
            mistakes.hide(&value.span());
            let cause = format!("unknown key `{name}` in {}", self.title);
            mistakes.note(&key.span(), cause, suggest(name, &known, '`'));
        }
    }

    /// Leaves unknown keys alone, because what is known here depends on something that is wrong itself.
    pub(super) fn leave(self, mistakes: &mut Mistakes) {
        for (key, value) in self.table {
            if !self.asked.iter().any(|asked| asked == key.get_ref()) {
                mistakes.hide(&value.span());
            }
        }
    }
}

/// A value's type in words.
pub(super) fn word(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
