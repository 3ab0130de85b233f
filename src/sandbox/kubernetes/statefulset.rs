//! The StatefulSet controller: pods with a name each, made in order, replaced in reverse order and one at a time. A pod
//! that never gets ready holds everything up, also after its template was taken back: that is how it is.

use super::fields::Writer;
use super::replicaset::is_ready;
use super::resource::{PODS, STATEFULSETS};
use super::revision::HASH;
use super::store::{State, controlled_by, number, set, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const STATUS: Writer<'static> = Writer { manager: "kube-controller-manager", subresource: "status" };

/// Pods by their ordinal.
type Ordered = BTreeMap<i64, Arc<Value>>;

impl State {
    /// One look of the controller at a StatefulSet.
    pub(super) fn sync_stateful_set(&mut self, found: &Arc<Value>) {
        if !self.heard_of(found) {
            return;
        }
        let pods = self.ordered(found);
        let used: Vec<&str> = pods.values().map(|pod| hash_of(pod)).collect();
        let update = self.sync_revisions(&STATEFULSETS, found, &used);
        let update = text(&update, "/metadata/name").to_owned();
        let current = match text(found, "/status/currentRevision") {
            "" => update.clone(),
            current => current.to_owned(),
        };
        self.move_pods(found, &pods, &current, &update);
        self.report_stateful_set(found, current, update);
    }

    fn ordered(&self, found: &Value) -> Ordered {
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        let stem = format!("{name}-");
        let uid = text(found, "/metadata/uid");
        let ours = self.list_named(&PODS, namespace, &stem).into_iter().filter(|pod| controlled_by(pod, uid));
        ours.filter_map(|pod| Some((text(&pod, "/metadata/name").strip_prefix(&stem)?.parse().ok()?, pod)))
            .collect()
    }

    fn move_pods(&mut self, found: &Value, pods: &Ordered, current: &str, update: &str) {
        let wanted = number(found, "/spec/replicas");
        let ordered = text(found, "/spec/podManagementPolicy") != "Parallel";
        let partition = number(found, "/spec/updateStrategy/rollingUpdate/partition");
        for ordinal in 0..wanted {
            let held = ordinal < partition;
            match pods.get(&ordinal) {
                None => self.create_member(found, ordinal, if held { current } else { update }),
                Some(pod) if is_leaving(pod) && ordered => return,
                Some(_) => {}
            }
            if ordered && !pods.get(&ordinal).is_some_and(|pod| is_ready(pod)) {
                return;
            }
        }
        if let Some((_, surplus)) = pods.range(wanted..).next_back() {
            if !is_leaving(surplus) {
                self.stop_pod(surplus, 30);
            }
            return;
        }
        if text(found, "/spec/updateStrategy/type") == "OnDelete" {
            return;
        }
        for (_, pod) in pods.range(partition.min(wanted)..wanted).rev() {
            if hash_of(pod) != update && !is_leaving(pod) {
                self.stop_pod(pod, 30);
                return;
            }
            if !is_ready(pod) || is_leaving(pod) {
                return;
            }
        }
    }

    fn create_member(&mut self, found: &Value, ordinal: i64, revision: &str) {
        let remembered = self.revisions_of(found);
        let data = remembered.iter().find(|r| text(r, "/metadata/name") == revision);
        let Some(mut template) = data.and_then(|r| r.pointer("/data/spec/template")).cloned() else { return };
        if let Some(fields) = template.as_object_mut() {
            fields.remove("$patch");
        }
        let name = format!("{}-{ordinal}", text(found, "/metadata/name"));
        for (label, value) in [
            (HASH, revision.to_owned()),
            ("statefulset.kubernetes.io/pod-name", name.clone()),
            ("apps.kubernetes.io/pod-index", ordinal.to_string()),
        ] {
            set(&mut template, &["metadata", "labels", label], value.into());
        }
        self.create_pod(&STATEFULSETS, found, Some(&template), Some(name));
    }

    fn report_stateful_set(&mut self, found: &Value, current: String, update: String) {
        let pods = self.ordered(found);
        let wanted = number(found, "/spec/replicas");
        let living: Vec<_> = pods.values().filter(|pod| !is_leaving(pod)).collect();
        let of = |hash: &str| living.iter().filter(|pod| hash_of(pod) == hash).count();
        let ready = living.iter().filter(|pod| is_ready(pod)).count();
        let whole = usize::try_from(wanted).unwrap_or(0);
        let rolling = text(found, "/spec/updateStrategy/type") != "OnDelete"
            && number(found, "/spec/updateStrategy/rollingUpdate/partition") == 0;
        let over = rolling && of(&update) == whole && ready == whole && living.len() == whole;
        let current = if over { update.clone() } else { current };
        let mut status = json!({
            "observedGeneration": number(found, "/metadata/generation"), "replicas": living.len(),
            "availableReplicas": ready, "currentRevision": current, "updateRevision": update, "collisionCount": 0
        });
        for (name, count) in
            [("readyReplicas", ready), ("currentReplicas", of(&current)), ("updatedReplicas", of(&update))]
        {
            if count > 0 {
                set(&mut status, &[name], count.into());
            }
        }
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        if let Some(now) = self.get(&STATEFULSETS, namespace, name) {
            let mut now = (**now).clone();
            set(&mut now, &["status"], status);
            self.update(&STATEFULSETS, now, STATUS);
        }
    }
}

/// Which revision a pod is of.
pub(super) fn hash_of(pod: &Value) -> &str {
    pod.pointer("/metadata/labels").and_then(|l| l.get(HASH)).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a pod is on its way out.
pub(super) fn is_leaving(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}
