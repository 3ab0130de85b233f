//! The config's JSON Schema (draft 7, as editors understand it), made from the tables that the check goes by.
//!
//! It tells shapes, names and choices; that a name refers to something that exists only the check can tell.

use serde_json::{Map, Value, json};

use super::keys::{Entry, REQUIRED, ROOT, SIGNAL, SOURCE, Shape};
use crate::app::COMMANDS;
use crate::domain::Role;
use crate::provider::{Key, KeyType, Kind, Need};

/// The schema for these kinds of sources.
#[must_use]
pub fn schema(kinds: &[&'static Kind]) -> Value {
    let mut schema = section(ROOT, kinds);
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        map.insert("title".to_owned(), json!("gonogo's config"));
    }
    schema
}

/// A table with these keys and no others.
fn section(entries: &[Entry], kinds: &[&'static Kind]) -> Value {
    table(entries.iter().map(|e| (e.name, value(e, kinds), e.default == REQUIRED)))
}

fn table<'a>(keys: impl Iterator<Item = (&'a str, Value, bool)>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, shape, needed) in keys {
        properties.insert(name.to_owned(), shape);
        if needed && !required.contains(&name) {
            required.push(name);
        }
    }
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (Value::Object(map), false) = (&mut table, required.is_empty()) {
        map.insert("required".to_owned(), json!(required));
    }
    table
}

fn value(entry: &Entry, kinds: &[&'static Kind]) -> Value {
    let shape = match entry.shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]" }),
        Shape::Path => path(),
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::List => texts(),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::ChoiceOrPath(words) => json!({ "anyOf": [{ "enum": words }, path()] }),
        Shape::Section(entries) => section(entries, kinds),
        Shape::Named(entries) => json!({ "type": "object", "additionalProperties": section(entries, kinds) }),
        Shape::Tables(entries) => json!({ "type": "array", "items": item(entries, kinds) }),
        Shape::Binding(role) => binding(role, &[("source", json!({ "type": "string" }), true)], kinds),
        Shape::Keys => {
            let keys = json!({ "anyOf": [{ "type": "string" }, texts()] });
            let ids: Vec<String> = COMMANDS.iter().map(crate::app::command::Entry::id).collect();
            table(ids.iter().map(|id| (id.as_str(), keys.clone(), false)))
        }
        Shape::Kind => json!({ "enum": kinds.iter().map(|kind| kind.name).collect::<Vec<_>>() }),
    };
    described(shape, entry.doc)
}

fn described(mut shape: Value, doc: &str) -> Value {
    if let Value::Object(map) = &mut shape {
        map.insert("description".to_owned(), json!(doc));
    }
    shape
}

/// One table of a list; sources and signals have further keys by the kind.
fn item(entries: &'static [Entry], kinds: &[&'static Kind]) -> Value {
    let own = |skip: &'static str| {
        let kept = entries.iter().filter(move |e| e.name != skip);
        kept.map(|e| (e.name, value(e, kinds), e.default == REQUIRED))
    };
    if std::ptr::eq(entries, SOURCE) {
        let each = kinds.iter().map(|kind| {
            let mut keys = vec![("kind", json!({ "const": kind.name, "description": kind.doc }), true)];
            keys.extend(own("kind"));
            keys.extend(of_kind(kind.keys));
            table(keys.into_iter())
        });
        return json!({ "oneOf": each.collect::<Vec<_>>() });
    }
    if std::ptr::eq(entries, SIGNAL) {
        return binding(Role::Signal, &own("").collect::<Vec<_>>(), kinds);
    }
    section(entries, kinds)
}

/// Own keys with those of any kind that has the role.
fn binding(role: Role, own: &[(&'static str, Value, bool)], kinds: &[&'static Kind]) -> Value {
    let each = kinds.iter().filter_map(|kind| {
        let further = of_kind(kind.role(role)?);
        Some(table(own.iter().cloned().chain(further)))
    });
    json!({ "anyOf": each.collect::<Vec<_>>() })
}

fn of_kind(keys: &'static [Key]) -> impl Iterator<Item = (&'static str, Value, bool)> {
    keys.iter().map(|key| (key.name, described(typed(key.kind), key.doc), key.need == Need::Required))
}

fn typed(kind: KeyType) -> Value {
    match kind {
        KeyType::Text => json!({ "type": "string" }),
        KeyType::Url => json!({ "type": "string", "pattern": "^(https?|unix)://" }),
        KeyType::Path => path(),
        KeyType::Number => json!({ "type": "number" }),
        KeyType::Switch => json!({ "type": "boolean" }),
        KeyType::List => texts(),
        KeyType::Table => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        KeyType::Variables => json!({
            "type": "object", "additionalProperties": { "anyOf": [{ "type": "string" }, secret()] }
        }),
        KeyType::Secret => secret(),
    }
}

fn path() -> Value {
    json!({ "type": "string", "pattern": "^(/|~)" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

/// Where a secret is; never the secret.
fn secret() -> Value {
    let place = |name: &'static str, shape: Value| table(std::iter::once((name, shape, true)));
    json!({ "oneOf": [
        place("env", json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })),
        place("file", path()),
        place("command", json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })),
        place("keyring", json!({ "type": "string", "pattern": "^[^/]+/.+" })),
    ]})
}
