//! What may become of a recorded answer: every place in it, in every way in which a provider may change its mind.

use serde_json::{Value, json};

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Missing,
    Null,
    WrongType,
    Extra,
    Renamed,
    Huge,
    Negative,
    Empty,
}

impl Way {
    pub(crate) const ALL: [Self; 8] = [
        Self::Missing,
        Self::Null,
        Self::WrongType,
        Self::Extra,
        Self::Renamed,
        Self::Huge,
        Self::Negative,
        Self::Empty,
    ];
}

/// JSON pointers to every leaf and every branch.
pub(crate) fn places(value: &Value) -> Vec<String> {
    fn below(value: &Value, here: &str, all: &mut Vec<String>) {
        if !here.is_empty() {
            all.push(here.to_owned());
        }
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    below(value, &format!("{here}/{key}"), all);
                }
            }
            Value::Array(items) => {
                (0..).zip(items).for_each(|(i, value)| below(value, &format!("{here}/{i}"), all));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    below(value, "", &mut all);
    all
}

/// The answer with one place changed in one way; none where that changes nothing, or leaves an answer that is as good as
/// the recorded one: a list with one item less.
pub(crate) fn changed(whole: &Value, place: &str, way: Way) -> Option<Value> {
    let mut copy = whole.clone();
    let (parent, key) = place.rsplit_once('/')?;
    let old = whole.pointer(place)?.clone();
    let new = match way {
        Way::Missing => {
            let fields = copy.pointer_mut(parent)?.as_object_mut()?;
            fields.remove(&key.replace("~1", "/").replace("~0", "~"))?;
            return Some(copy);
        }
        Way::Extra => {
            let here = if old.is_object() { place } else { parent };
            let fields = copy.pointer_mut(here)?.as_object_mut()?;
            fields.insert("aFieldFromTheFuture".to_owned(), json!({"nobody": ["knows", 1]}));
            return Some(copy);
        }
        Way::Null => Value::Null,
        Way::WrongType => match &old {
            Value::Object(_) => json!(["wrong"]),
            Value::Array(_) => json!({"wrong": "type"}),
            Value::String(_) => json!(7),
            _ => json!({"wrong": ["type"]}),
        },
        Way::Renamed => json!("renamed-by-the-provider"),
        Way::Huge if old.is_number() => json!(u64::MAX),
        Way::Huge => json!("x".repeat(100_000)),
        Way::Negative => json!(-1),
        Way::Empty => match &old {
            Value::Object(_) => json!({}),
            Value::Array(_) => json!([]),
            _ => json!(""),
        },
    };
    *copy.pointer_mut(place)? = new;
    (&copy != whole).then_some(copy)
}

/// Whether a complaint names where it is wrong: one of the names on the way to the place, or its index.
pub(crate) fn names(detail: &str, place: &str) -> bool {
    place.split('/').filter(|part| !part.is_empty()).any(|part| {
        let part = part.replace("~1", "/").replace("~0", "~");
        match part.parse::<usize>() {
            Ok(index) => detail.contains(&format!("[{index}]")),
            Err(_) => detail.contains(part.as_str()),
        }
    })
}
