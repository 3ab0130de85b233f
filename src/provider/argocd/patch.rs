//! The requests that switch auto-sync off and on: a guarded JSON Patch, or the whole Application where Argo CD cannot read
//! Git to check a patch.

use serde_json::{Map, Value, json};

use super::Watch;
use super::state::HELD;
use crate::domain::{SourceName, Step};

/// The annotation's name within a JSON pointer.
const POINTER: &str = "/metadata/annotations/gonogo.dev~1held-automated";
const AUTOMATED: &str = "/spec/syncPolicy/automated";

/// An Application about to be written.
#[derive(Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) source: &'a SourceName,
    pub(super) watch: &'a Watch,
    /// As it was answered.
    pub(super) raw: &'a Value,
    pub(super) uid: &'a str,
    /// Whether Argo CD cannot read Git.
    pub(super) blind: bool,
}

impl Writing<'_> {
    /// Takes the block out, and keeps it in the annotation.
    pub(super) fn hold(self, block: &Value) -> Step {
        let kept = Value::String(block.to_string());
        let mut operations = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": self.uid}),
            json!({"op": "test", "path": AUTOMATED, "value": block}),
            json!({"op": "remove", "path": AUTOMATED}),
        ];
        operations.push(match self.raw.pointer("/metadata/annotations").is_some_and(Value::is_object) {
            true => json!({"op": "add", "path": POINTER, "value": kept}),
            false => json!({"op": "add", "path": "/metadata/annotations", "value": {HELD: kept}}),
        });
        let whole = || {
            let mut app = self.whole();
            remove(&mut app, "/spec/syncPolicy", "automated");
            put(&mut app, &["metadata", "annotations", HELD], kept.clone());
            app
        };
        self.step(operations, whole, "switches auto-sync off, and keeps what it was in an annotation")
    }

    /// Puts back what the annotation keeps.
    pub(super) fn release(self, block: &Value, kept: &str) -> Step {
        let mut operations = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": self.uid}),
            json!({"op": "test", "path": POINTER, "value": kept}),
            json!({"op": "remove", "path": POINTER}),
        ];
        operations.push(match self.raw.pointer("/spec/syncPolicy").is_some_and(Value::is_object) {
            true => json!({"op": "add", "path": AUTOMATED, "value": block}),
            false => json!({"op": "add", "path": "/spec/syncPolicy", "value": {"automated": block}}),
        });
        let whole = || {
            let mut app = self.whole();
            remove(&mut app, "/metadata/annotations", HELD);
            put(&mut app, &["spec", "syncPolicy", "automated"], block.clone());
            app
        };
        self.step(operations, whole, "switches auto-sync on again, as it was")
    }

    /// Takes the switch out that says that auto-sync is off.
    pub(super) fn enable(self, block: &Value) -> Step {
        let operations = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": self.uid}),
            json!({"op": "test", "path": AUTOMATED, "value": block}),
            json!({"op": "replace", "path": format!("{AUTOMATED}/enabled"), "value": true}),
        ];
        let whole = || {
            let mut app = self.whole();
            put(&mut app, &["spec", "syncPolicy", "automated", "enabled"], Value::Bool(true));
            app
        };
        self.step(operations, whole, "switches auto-sync on")
    }

    /// What of the Application is its owner's to write.
    fn whole(self) -> Value {
        let mut app = self.raw.clone();
        if let Some(fields) = app.as_object_mut() {
            fields.remove("status");
            fields.remove("operation");
        }
        remove(&mut app, "/metadata", "managedFields");
        app
    }

    fn step(self, operations: Vec<Value>, whole: impl FnOnce() -> Value, effect: &str) -> Step {
        let (method, path, body) = if self.blind {
            ("PUT", self.watch.path("", &[("validate", "false")]), whole())
        } else {
            let mut body = json!({
                "name": self.watch.application,
                "patch": Value::Array(operations).to_string(),
                "patchType": "json"
            });
            self.watch.named(&mut body);
            ("PATCH", self.watch.bare(""), body)
        };
        Step {
            source: self.source.clone(),
            method: method.to_owned(),
            path,
            content_type: Some("application/json".to_owned()),
            body: Some(body.to_string()),
            effect: effect.into(),
        }
    }
}

impl Watch {
    /// Path below the base without a query: what else there is to say stands in the body.
    pub(super) fn bare(&self, below: &str) -> String {
        format!("/api/v1/applications/{}{below}", crate::provider::http::segment(&self.application))
    }

    /// Puts project and namespace into a body.
    pub(super) fn named(&self, body: &mut Value) {
        for (key, value) in [("project", &self.project), ("appNamespace", &self.namespace)] {
            if let (Some(value), Some(fields)) = (value, body.as_object_mut()) {
                fields.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
    }
}

fn remove(value: &mut Value, within: &str, key: &str) {
    if let Some(fields) = value.pointer_mut(within).and_then(Value::as_object_mut) {
        fields.remove(key);
    }
}

/// Puts a value at the end of a path; what lies between is made where it is missing.
fn put(value: &mut Value, path: &[&str], what: Value) {
    let Some((last, between)) = path.split_last() else { return };
    let mut here = value;
    for key in between {
        if !here.is_object() {
            *here = Value::Object(Map::new());
        }
        let Some(fields) = here.as_object_mut() else { return };
        here = fields.entry((*key).to_owned()).or_insert_with(|| Value::Object(Map::new()));
    }
    if !here.is_object() {
        *here = Value::Object(Map::new());
    }
    if let Some(fields) = here.as_object_mut() {
        fields.insert((*last).to_owned(), what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Place, SourceName};

    fn step(raw: &Value, blind: bool, make: impl FnOnce(Writing<'_>) -> Step) -> (Step, Value) {
        let source = SourceName::new("argocd");
        let watch = Watch {
            place: Place::new("web", "production"),
            application: "web".to_owned(),
            project: Some("shop".to_owned()),
            namespace: None,
        };
        let step = make(Writing { source: &source, watch: &watch, raw, uid: "u-1", blind });
        let body = serde_json::from_str(step.body.as_deref().unwrap()).unwrap();
        (step, body)
    }

    /// What the patch within a body makes of an Application.
    fn patched(raw: &Value, body: &Value) -> Value {
        let patch: json_patch::Patch = serde_json::from_str(body["patch"].as_str().unwrap()).unwrap();
        let mut after = raw.clone();
        json_patch::patch(&mut after, &patch).unwrap();
        after
    }

    fn app() -> Value {
        json!({
            "metadata": {"name": "web", "uid": "u-1", "annotations": {"a": "b"}, "managedFields": [1]},
            "spec": {"project": "shop", "syncPolicy": {"automated": {"prune": true, "selfHeal": true}, "syncOptions": ["X"]}},
            "status": {"sync": {"status": "Synced"}}, "operation": null
        })
    }

    #[test]
    fn held_and_released_it_is_what_it_was() {
        let raw = app();
        let block = raw["spec"]["syncPolicy"]["automated"].clone();
        let (hold, body) = step(&raw, false, |w| w.hold(&block));
        assert_eq!((hold.method.as_str(), hold.path.as_str()), ("PATCH", "/api/v1/applications/web"));
        assert_eq!((&body["patchType"], &body["project"]), (&json!("json"), &json!("shop")));
        let held = patched(&raw, &body);
        assert_eq!(held["spec"]["syncPolicy"], json!({"syncOptions": ["X"]}));
        let kept = held["metadata"]["annotations"][HELD].as_str().unwrap().to_owned();
        let (_, body) = step(&held, false, |w| w.release(&serde_json::from_str(&kept).unwrap(), &kept));
        assert_eq!(patched(&held, &body), raw);
    }

    #[test]
    fn a_patch_tests_what_it_rests_on() {
        let raw = app();
        let (_, body) = step(&raw, false, |w| w.hold(&json!({"selfHeal": true})));
        let patch: json_patch::Patch = serde_json::from_str(body["patch"].as_str().unwrap()).unwrap();
        assert!(json_patch::patch(&mut raw.clone(), &patch).is_err(), "another block than was shown");
        let mut other = raw.clone();
        other["metadata"]["uid"] = json!("u-2");
        let (_, body) = step(&raw, false, |w| w.hold(&raw["spec"]["syncPolicy"]["automated"]));
        let patch: json_patch::Patch = serde_json::from_str(body["patch"].as_str().unwrap()).unwrap();
        assert!(json_patch::patch(&mut other, &patch).is_err(), "an Application that was made anew");
    }

    #[test]
    fn where_git_cannot_be_read_the_whole_is_written_without_its_status() {
        let raw = json!({
            "metadata": {"name": "web", "uid": "u-1", "managedFields": [1]},
            "spec": {"project": "shop", "syncPolicy": {"automated": {}}}, "status": {"a": 1}, "operation": {"sync": {}}
        });
        let (step, body) = step(&raw, true, |w| w.hold(&json!({})));
        assert_eq!(step.method, "PUT");
        assert_eq!(step.path, "/api/v1/applications/web?project=shop&validate=false");
        assert_eq!(
            body,
            json!({
                "metadata": {"name": "web", "uid": "u-1", "annotations": {HELD: "{}"}},
                "spec": {"project": "shop", "syncPolicy": {}}
            })
        );
    }
}
