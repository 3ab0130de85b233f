//! The `tree` of a request: of an answer only what it names, and of a list only the range that it names.

use serde_json::{Map, Value};

/// A name with what is wanted below it.
struct Wanted {
    name: String,
    below: Vec<Wanted>,
    range: Option<(usize, usize)>,
}

/// Keeps of `value` what `tree` names; everything shallow without one.
pub(super) fn keep(value: &Value, tree: Option<&str>) -> Value {
    match tree {
        None => value.clone(),
        Some(tree) => {
            let mut rest = tree;
            only(value, &parse(&mut rest))
        }
    }
}

fn parse(rest: &mut &str) -> Vec<Wanted> {
    let mut all = Vec::new();
    loop {
        let end = rest.find([',', '[', ']', '{']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        *rest = tail;
        let mut wanted = Wanted { name: name.trim().to_owned(), below: Vec::new(), range: None };
        if let Some(tail) = rest.strip_prefix('[') {
            *rest = tail;
            wanted.below = parse(rest);
            *rest = rest.strip_prefix(']').unwrap_or(rest);
        }
        if let Some((range, tail)) = rest.strip_prefix('{').and_then(|tail| tail.split_once('}')) {
            *rest = tail;
            wanted.range = range
                .split_once(',')
                .and_then(|(from, to)| Some((from.trim().parse().unwrap_or(0), to.trim().parse().ok()?)));
        }
        all.push(wanted);
        match rest.strip_prefix(',') {
            Some(tail) => *rest = tail,
            None => return all,
        }
    }
}

fn only(value: &Value, wanted: &[Wanted]) -> Value {
    match value {
        Value::Array(all) => Value::Array(all.iter().map(|item| only(item, wanted)).collect()),
        Value::Object(map) => {
            let mut kept = Map::new();
            // The class is always told.
            if let Some(class) = map.get("_class") {
                kept.insert("_class".into(), class.clone());
            }
            for one in wanted {
                let Some(found) = map.get(&one.name) else { continue };
                let below = if one.below.is_empty() { found.clone() } else { only(found, &one.below) };
                let ranged = match (below, one.range) {
                    (Value::Array(all), Some((from, to))) => {
                        Value::Array(all.into_iter().skip(from).take(to.saturating_sub(from)).collect())
                    }
                    (other, _) => other,
                };
                kept.insert(one.name.clone(), ranged);
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_named_is_told() {
        let value = json!({"_class": "c", "a": 1, "b": [{"x": 1, "y": {"z": 2, "w": 3}}, {"x": 2}], "d": 4});
        assert_eq!(
            keep(&value, Some("a,b[x,y[z]]{0,1}")),
            json!({"_class": "c", "a": 1, "b": [{"x": 1, "y": {"z": 2}}]})
        );
        assert_eq!(keep(&value, Some("nothing")), json!({"_class": "c"}));
    }
}
