//! Label and field selectors, as clients write them in a query. Knows the syntax, no storage.

use super::resource::Resource;
use super::status::Failure;
use serde_json::Value;

/// Whether `object` matches both selectors of a list or watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selection {
    /// Reads both selectors; 400 with the server's words when one of them is wrong.
    pub(super) fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Failure> {
        Ok(Self { labels: parse_labels(labels)?, fields: parse_fields(resource, fields)? })
    }

    /// Whether the object is selected.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object.get("metadata")?.get("labels")?.get(key)?.as_str();
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|v| values.iter().any(|x| x == v)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|v| values.iter().all(|x| x != v)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Missing(key) => label(key).is_none(),
        });
        labels
            && self.fields.iter().all(|(path, wanted, equal)| {
                let pointer = format!("/{}", path.replace('.', "/"));
                let found = match object.pointer(&pointer) {
                    Some(Value::String(text)) => text.clone(),
                    None | Some(Value::Null) => String::new(),
                    Some(other) => other.to_string(),
                };
                (found == *wanted) == *equal
            })
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Failure> {
    let mut found = Vec::new();
    for part in split_outside_parentheses(text) {
        let part = part.trim();
        if !part.is_empty() {
            found.push(requirement(part).ok_or_else(|| {
                Failure::bad_request(format!(
                    "unable to parse requirement: found '{part}', expected: identifier"
                ))
            })?);
        }
    }
    Ok(found)
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    if let Some((key, rest)) = part.split_once(char::is_whitespace) {
        let rest = rest.trim();
        let (operator, set) = rest.split_once('(').map(|(o, s)| (o.trim(), s))?;
        let values = set.strip_suffix(')')?.split(',').map(|v| v.trim().to_owned()).collect();
        return match operator {
            "in" => Some(Requirement::In(identifier(key)?, values)),
            "notin" => Some(Requirement::NotIn(identifier(key)?, values)),
            _ => equality(&format!("{key}{rest}")),
        };
    }
    equality(part)
}

fn equality(part: &str) -> Option<Requirement> {
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Requirement::NotIn(identifier(key)?, vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Requirement::In(identifier(key)?, vec![value.trim().to_owned()]));
    }
    match part.strip_prefix('!') {
        Some(key) => Some(Requirement::Missing(identifier(key)?)),
        None => Some(Requirement::Exists(identifier(part)?)),
    }
}

fn identifier(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
}

fn parse_fields(resource: &Resource, text: &str) -> Result<Vec<(String, String, bool)>, Failure> {
    let mut found = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
            (path, value, false)
        } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (path, value, true)
        } else {
            return Err(Failure::bad_request(format!(
                "invalid field selector: \"{text}\"; can't understand '{part}'"
            )));
        };
        let known =
            ["metadata.name", "metadata.namespace"].contains(&path) || resource.fields.contains(&path);
        if !known {
            return Err(Failure::bad_request(format!(
                "Unable to find \"{}, Resource={}\" that match label selector \"\", field selector \"{text}\": \
                 field label not supported: {path}",
                if resource.group.is_empty() { "/v1" } else { "apps/v1" },
                resource.plural
            )));
        }
        found.push((path.to_owned(), value.to_owned(), equal));
    }
    Ok(found)
}
