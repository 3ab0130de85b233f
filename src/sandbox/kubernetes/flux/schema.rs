//! What the schemas of Flux's custom resources refuse and fill in: the required fields, their types, the pattern of an
//! interval, and the status that nobody has observed yet.

use super::super::resource::{GITREPOSITORIES, HELMRELEASES, KUSTOMIZATIONS, Resource};
use super::super::status::Cause;
use super::super::store::set;
use serde_json::{Value, json};

const PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";

/// Name, type, and whether the field must be there.
type Field = (&'static str, &'static str, bool);

fn fields(resource: &Resource) -> &'static [Field] {
    match resource.plural {
        "kustomizations" => &[
            ("interval", "string", true),
            ("prune", "boolean", true),
            ("sourceRef", "object", true),
            ("suspend", "boolean", false),
            ("force", "boolean", false),
            ("wait", "boolean", false),
            ("path", "string", false),
        ],
        "helmreleases" => &[
            ("interval", "string", true),
            ("suspend", "boolean", false),
            ("chart", "object", false),
            ("driftDetection", "object", false),
        ],
        "gitrepositories" => &[
            ("interval", "string", true),
            ("url", "string", true),
            ("suspend", "boolean", false),
            ("ref", "object", false),
        ],
        _ => &[],
    }
}

/// Whether it is one of Flux's.
pub(in super::super) fn is_flux(resource: &Resource) -> bool {
    [&KUSTOMIZATIONS, &HELMRELEASES, &GITREPOSITORIES].contains(&resource)
}

/// What is filled in when one is created: whatever status it came with is not its own.
pub(in super::super) fn defaults(resource: &Resource, object: &mut Value) {
    if is_flux(resource) {
        set(object, &["status"], json!({"observedGeneration": -1}));
    }
}

/// What the schema has against an object.
pub(in super::super) fn check(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (name, wanted, required) in fields(resource) {
        let field = format!("spec.{name}");
        let found = object.pointer(&format!("/spec/{name}"));
        match found {
            None if *required => {
                causes.push(Cause { reason: "FieldValueRequired", message: "Required value".into(), field })
            }
            None => {}
            Some(value) if kind(value) != *wanted => causes.push(Cause {
                reason: "FieldValueTypeInvalid",
                message: format!(
                    "Invalid value: \"{0}\": {field} in body must be of type {wanted}: \"{0}\"",
                    kind(value)
                ),
                field,
            }),
            Some(Value::String(text)) if *name == "interval" && !is_interval(text) => causes.push(Cause {
                reason: "FieldValueInvalid",
                message: format!("Invalid value: \"{text}\": {field} in body should match '{PATTERN}'"),
                field,
            }),
            Some(_) => {}
        }
    }
    causes
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a text fits [`PATTERN`].
fn is_interval(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = rest.len() - number.len();
        let figure = rest.get(..digits).unwrap_or_default();
        let whole = figure.split('.').all(|part| !part.is_empty()) && figure.matches('.').count() < 2;
        let unit = ["ms", "s", "m", "h"].into_iter().find_map(|unit| number.strip_prefix(unit));
        match unit {
            Some(after) if whole => rest = after,
            _ => return false,
        }
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_what_the_pattern_says() {
        for (text, fits) in [
            ("10m", true),
            ("1h30m", true),
            ("1.5h", true),
            ("500ms", true),
            ("", false),
            ("10", false),
            ("m", false),
            ("1.h", false),
            ("-1s", false),
            ("1 m", false),
        ] {
            assert_eq!(is_interval(text), fits, "{text}");
        }
    }

    #[test]
    fn a_switch_that_is_no_switch_is_refused_as_the_schema_says() {
        let spec = |suspend: Value| json!({"spec": {"interval": "1m", "prune": true, "sourceRef": {}, "suspend": suspend}});
        assert_eq!(check(&KUSTOMIZATIONS, &spec(json!(true))), []);
        let [cause] = check(&KUSTOMIZATIONS, &spec(json!("yes"))).try_into().unwrap();
        assert_eq!(
            cause.message,
            "Invalid value: \"string\": spec.suspend in body must be of type boolean: \"string\""
        );
        assert_eq!(check(&KUSTOMIZATIONS, &json!({"spec": {}})).len(), 3);
    }
}
