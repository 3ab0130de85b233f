//! The `filters` query parameter: JSON, in its two spellings, with the names that each list accepts.

use super::request::Refusal;
use serde_json::Value;
use std::collections::BTreeMap;

/// The filters of one list: every name must match, by any of its values.
#[derive(Debug, Default)]
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads the parameter; 400 for bad JSON and for a name that this list does not know.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let parsed: Value = serde_json::from_str(text).map_err(|_| {
            let first = text.chars().next().unwrap_or(' ');
            Refusal::new(400, format!("invalid character '{first}' looking for beginning of value"))
        })?;
        let mut found = BTreeMap::new();
        for (name, values) in parsed.as_object().into_iter().flatten() {
            if !known.contains(&name.as_str()) {
                return Err(Refusal::new(400, format!("invalid filter '{name}'")));
            }
            // Lists of values, or the older map of value to true.
            let values = match values {
                Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Value::Object(map) => map.keys().cloned().collect(),
                _ => Vec::new(),
            };
            found.insert(name.clone(), values);
        }
        Ok(Self(found))
    }

    /// The values of one name.
    pub(super) fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether nothing is asked under `name`, or one of its values fits.
    pub(super) fn any(&self, name: &str, fits: impl Fn(&str) -> bool) -> bool {
        self.0.get(name).is_none_or(|values| values.iter().any(|value| fits(value)))
    }

    /// Whether every label filter (`key` or `key=value`) fits.
    pub(super) fn labels(&self, labels: Option<&Value>) -> bool {
        self.values("label").iter().all(|wanted| {
            let (key, value) = wanted.split_once('=').map_or((wanted.as_str(), None), |(k, v)| (k, Some(v)));
            let found = labels.and_then(|l| l.get(key)).and_then(Value::as_str);
            found.is_some_and(|found| value.is_none_or(|value| value == found))
        })
    }
}
