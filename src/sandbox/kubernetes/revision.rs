//! ControllerRevisions: how StatefulSets and DaemonSets remember their templates.

use super::fields::Writer;
use super::hash;
use super::resource::{CONTROLLERREVISIONS, Resource};
use super::store::{State, controlled_by, controller_reference, number, set, text};
use serde_json::{Value, json};
use std::sync::Arc;

const CONTROLLER: Writer<'static> = Writer { manager: "kube-controller-manager", subresource: "" };
/// The label that tells which revision a pod is of.
pub(super) const HASH: &str = "controller-revision-hash";

impl State {
    /// Every revision of a workload, oldest first.
    pub(super) fn revisions_of(&self, workload: &Value) -> Vec<Arc<Value>> {
        let uid = text(workload, "/metadata/uid");
        let (namespace, name) = (text(workload, "/metadata/namespace"), text(workload, "/metadata/name"));
        let mut found: Vec<_> = self
            .list_named(&CONTROLLERREVISIONS, namespace, &format!("{name}-"))
            .into_iter()
            .filter(|revision| controlled_by(revision, uid))
            .collect();
        found.sort_by_key(|revision| number(revision, "/revision"));
        found
    }

    /// The revision of the template that is asked for: made if it is new, renumbered if it came back. Beyond the
    /// history's limit the oldest that no pod runs any more are forgotten.
    pub(super) fn sync_revisions(
        &mut self,
        resource: &Resource,
        workload: &Value,
        used: &[&str],
    ) -> Arc<Value> {
        let all = self.revisions_of(workload);
        let next = all.last().map_or(0, |last| number(last, "/revision")) + 1;
        let data = data(workload);
        let current = match all.iter().find(|revision| revision.get("data") == Some(&data)) {
            Some(same) if number(same, "/revision") + 1 == next => Arc::clone(same),
            Some(same) => {
                let mut again = (**same).clone();
                set(&mut again, &["revision"], next.into());
                self.update(&CONTROLLERREVISIONS, again, CONTROLLER)
            }
            None => self.create(&CONTROLLERREVISIONS, revision(resource, workload, data, next), CONTROLLER),
        };
        let limit = workload.pointer("/spec/revisionHistoryLimit").and_then(Value::as_u64).unwrap_or(10);
        let name = text(&current, "/metadata/name").to_owned();
        let idle = |r: &&Arc<Value>| {
            let its = text(r, "/metadata/name");
            its != name && !used.iter().any(|hash| its == *hash || its.ends_with(&format!("-{hash}")))
        };
        let idle: Vec<_> = all.iter().filter(idle).cloned().collect();
        let surplus = idle.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        for old in idle.iter().take(surplus) {
            self.remove(&CONTROLLERREVISIONS, text(old, "/metadata/namespace"), text(old, "/metadata/name"));
        }
        current
    }
}

fn data(workload: &Value) -> Value {
    let mut template = workload.pointer("/spec/template").cloned().unwrap_or_default();
    set(&mut template, &["$patch"], "replace".into());
    json!({"spec": {"template": template}})
}

fn revision(resource: &Resource, workload: &Value, data: Value, number: i64) -> Value {
    let hash = hash::template_hash(&data);
    let mut labels = workload.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    let label = if resource.kind == "DaemonSet" { HASH } else { "controller.kubernetes.io/hash" };
    set(&mut labels, &[label], hash.clone().into());
    let mut metadata = json!({
        "name": format!("{}-{hash}", text(workload, "/metadata/name")),
        "namespace": text(workload, "/metadata/namespace"),
        "labels": labels,
        "ownerReferences": controller_reference(resource, workload)
    });
    if let Some(annotations) = workload.pointer("/metadata/annotations") {
        set(&mut metadata, &["annotations"], annotations.clone());
    }
    json!({"metadata": metadata, "data": data, "revision": number})
}
