//! Who changed an object last, and when, as far as the object itself tells.
//!
//! The server notes in `managedFields` which program wrote which field, and when; not on whose behalf. So whoever
//! changes something with this program signs it in an annotation of the object. The pod template stays as it is.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>

use jiff::Timestamp;
use serde_json::{Value, json};

use super::MANAGER;
use crate::domain::SafeText;

/// What was done with this program last, and by whom.
const CHANGED_BY: &str = "gonogo.dev/changed-by";
const CHANGED_BY_PATH: &str = "/metadata/annotations/gonogo.dev~1changed-by";
const ANNOTATIONS: &str = "/metadata/annotations";

/// Adds the signature to a patch of `object`: what is done, and by whom.
pub(super) fn sign(object: &Value, operations: &mut Vec<Value>, what: &str, identity: Option<&SafeText>) {
    let who = identity.map_or("somebody", SafeText::as_str);
    let text = format!("{what} by {who}");
    let made =
        |op: &Value| op.get("path").and_then(Value::as_str).is_some_and(|p| p.starts_with(ANNOTATIONS));
    let there = object.pointer(ANNOTATIONS).is_some_and(Value::is_object) || operations.iter().any(made);
    operations.push(if there {
        json!({"op": "add", "path": CHANGED_BY_PATH, "value": text})
    } else {
        json!({"op": "add", "path": ANNOTATIONS, "value": {CHANGED_BY: text}})
    });
}

/// The last change of what the object asks for, in one line: `kubectl-edit at 2026-11-20 14:02:11 UTC`. The status is
/// not asked for by anybody.
pub(super) fn last_change(object: &Value) -> SafeText {
    wrote(object, "/f:spec").unwrap_or_else(|| "not told".into())
}

/// Who wrote a field last, in the same words. Fields are named as `managedFields` name them: `/f:spec/f:suspend`.
pub(super) fn wrote(object: &Value, field: &str) -> Option<SafeText> {
    let (at, manager) = writers(object, field).max_by_key(|(at, _)| *at)?;
    let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let signature = object.pointer(CHANGED_BY_PATH).and_then(Value::as_str);
    Some(SafeText::new(&match signature.filter(|_| manager == MANAGER) {
        Some(signature) => format!("{signature} with {manager} at {at}"),
        None => format!("{manager} at {at}"),
    }))
}

/// Which programs hold a field, and when each wrote last.
pub(super) fn writers<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (Timestamp, &'a str)> {
    let pointer = format!("/fieldsV1{field}");
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("subresource").and_then(Value::as_str) != Some("status"))
        .filter(move |entry| entry.pointer(&pointer).is_some())
        .filter_map(|entry| {
            Some((entry.get("time")?.as_str()?.parse().ok()?, entry.get("manager")?.as_str()?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, time: &str, subresource: Option<&str>, fields: Value) -> Value {
        json!({"manager": manager, "time": time, "subresource": subresource, "fieldsV1": fields})
    }

    #[test]
    fn whoever_wrote_the_specification_last_is_named_with_the_time() {
        let spec = json!({"f:spec": {"f:replicas": {}}});
        let object = json!({"metadata": {
        "annotations": {CHANGED_BY: "promote v2 by ann"},
        "managedFields": [
            entry("gonogo", "2026-11-20T13:00:00Z", None, spec.clone()),
            entry("kubectl-edit", "2026-11-20T14:02:11Z", None, spec.clone()),
            entry("kube-controller-manager", "2026-11-20T14:03:00Z", Some("status"), json!({"f:spec": {}})),
            entry("kubectl-annotate", "2026-11-20T14:04:00Z", None, json!({"f:metadata": {}})),
        ]}});
        assert_eq!(last_change(&object), "kubectl-edit at 2026-11-20 14:02:11 UTC");
        assert_eq!(last_change(&json!({"metadata": {}})), "not told");
    }

    #[test]
    fn a_signature_counts_only_for_what_was_changed_with_this_program() {
        let mut object = json!({"metadata": {
            "annotations": {CHANGED_BY: "promote v2 by ann"},
            "managedFields": [entry("gonogo", "2026-11-20T13:00:00Z", None, json!({"f:spec": {}}))]}});
        assert_eq!(last_change(&object), "promote v2 by ann with gonogo at 2026-11-20 13:00:00 UTC");
        object["metadata"]["annotations"] = Value::Null;
        assert_eq!(last_change(&object), "gonogo at 2026-11-20 13:00:00 UTC");
    }

    #[test]
    fn a_patch_is_signed_whether_or_not_there_are_annotations() {
        for (object, mut operations, value) in [
            (json!({"metadata": {"annotations": {"a": "b"}}}), Vec::new(), "promote v2 by ann".into()),
            (json!({}), Vec::new(), json!({CHANGED_BY: "promote v2 by ann"})),
            (
                json!({}),
                vec![json!({"op": "add", "path": ANNOTATIONS, "value": {"c": "d"}})],
                "promote v2 by ann".into(),
            ),
        ] {
            sign(&object, &mut operations, "promote v2", Some(&"ann".into()));
            assert_eq!(operations.last().unwrap()["value"], value);
        }
    }
}
