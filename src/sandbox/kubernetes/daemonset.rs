//! The DaemonSet controller: one pod on every node, replaced as many at a time as may be missing.

use super::fields::Writer;
use super::kubelet::{NODES, wanted_node};
use super::replicaset::is_ready;
use super::resource::{DAEMONSETS, PODS};
use super::revision::HASH;
use super::statefulset::{hash_of, is_leaving};
use super::store::{State, controlled_by, number, set, text};
use serde_json::{Value, json};
use std::sync::Arc;

const STATUS: Writer<'static> = Writer { manager: "kube-controller-manager", subresource: "status" };

impl State {
    /// One look of the controller at a DaemonSet.
    pub(super) fn sync_daemon_set(&mut self, found: &Arc<Value>) {
        if !self.heard_of(found) {
            return;
        }
        let pods = self.daemons(found);
        let used: Vec<&str> = pods.iter().map(|pod| hash_of(pod)).collect();
        let revision = self.sync_revisions(&DAEMONSETS, found, &used);
        let hash = revision.pointer("/metadata/labels").and_then(|l| l.get(HASH)).and_then(Value::as_str);
        let hash = hash.unwrap_or_default().to_owned();
        for node in NODES.iter().filter(|node| !pods.iter().any(|pod| wanted_node(pod) == **node)) {
            self.create_daemon(found, node, &hash);
        }
        if text(found, "/spec/updateStrategy/type") != "OnDelete" {
            self.replace_daemons(found, &pods, &hash);
        }
        self.report_daemon_set(found, &hash);
    }

    fn daemons(&self, found: &Value) -> Vec<Arc<Value>> {
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        let uid = text(found, "/metadata/uid");
        let all = self.list_named(&PODS, namespace, &format!("{name}-"));
        all.into_iter().filter(|pod| controlled_by(pod, uid)).collect()
    }

    fn create_daemon(&mut self, found: &Value, node: &str, hash: &str) {
        let mut template = found.pointer("/spec/template").cloned().unwrap_or_default();
        set(&mut template, &["metadata", "labels", HASH], hash.into());
        let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
        let terms = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
        let path = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
        set(&mut template, &path, terms);
        self.create_pod(&DAEMONSETS, found, Some(&template), None);
    }

    fn replace_daemons(&mut self, found: &Value, pods: &[Arc<Value>], hash: &str) {
        let most = found.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
        let most = most.and_then(Value::as_u64).unwrap_or(1);
        let serving = pods.iter().filter(|pod| is_ready(pod) && !is_leaving(pod)).count();
        let mut missing = u64::try_from(NODES.len().saturating_sub(serving)).unwrap_or(0);
        for pod in pods.iter().filter(|pod| hash_of(pod) != hash && !is_leaving(pod)) {
            if !is_ready(pod) {
                // It serves nobody: replacing it costs nothing.
                self.stop_pod(pod, 30);
            } else if missing < most {
                missing += 1;
                self.stop_pod(pod, 30);
            }
        }
    }

    fn report_daemon_set(&mut self, found: &Value, hash: &str) {
        let pods = self.daemons(found);
        let living: Vec<_> = pods.iter().filter(|pod| !is_leaving(pod)).collect();
        let ready = living.iter().filter(|pod| is_ready(pod)).count();
        let updated = living.iter().filter(|pod| hash_of(pod) == hash).count();
        let mut status = json!({
            "currentNumberScheduled": living.len(), "numberMisscheduled": 0, "desiredNumberScheduled": NODES.len(),
            "numberReady": ready, "observedGeneration": number(found, "/metadata/generation")
        });
        let missing = NODES.len().saturating_sub(ready);
        for (name, count) in
            [("updatedNumberScheduled", updated), ("numberAvailable", ready), ("numberUnavailable", missing)]
        {
            if count > 0 {
                set(&mut status, &[name], count.into());
            }
        }
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        if let Some(now) = self.get(&DAEMONSETS, namespace, name) {
            let mut now = (**now).clone();
            set(&mut now, &["status"], status);
            self.update(&DAEMONSETS, now, STATUS);
        }
    }
}
