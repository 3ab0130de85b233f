//! The kustomize-controller: applies what the source has, at its interval, at once when the source or the object changed,
//! and over whatever was changed by hand. What has begun goes on to its end, also when it is suspended meanwhile.

use super::super::fields::{Writer, seconds};
use super::super::resource::KUSTOMIZATIONS;
use super::super::store::{State, annotation, number, set, text};
use super::{RETRY, condition, drop_condition, go, handled, is_suspended, length, put};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const STATUS: Writer<'static> = Writer { manager: "gotk-kustomize-controller", subresource: "status" };
const APPLY: Writer<'static> = Writer { manager: "kustomize-controller", subresource: "" };
/// The mark that keeps one object out.
const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// So many entries of the history are kept.
const HISTORY: usize = 5;

/// An execution under way.
#[derive(Clone, Debug)]
pub(super) struct Run {
    revision: String,
    stage: Stage,
    began: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fetching,
    Building,
    Applying,
}

impl State {
    /// One look at a Kustomization.
    pub(super) fn sync_kustomization(&mut self, found: &Arc<Value>) {
        let uid = text(found, "/metadata/uid").to_owned();
        let mut object = (**found).clone();
        match self.flux.runs.remove(&uid) {
            Some(run) => {
                if let Some(run) = self.go_on(&mut object, run) {
                    self.flux.runs.insert(uid, run);
                }
            }
            None => {
                if let Some(run) = self.begin(&mut object) {
                    self.flux.runs.insert(uid, run);
                }
            }
        }
        self.update(&KUSTOMIZATIONS, object, STATUS);
    }

    fn begin(&mut self, object: &mut Value) -> Option<Run> {
        let namespace = text(object, "/metadata/namespace").to_owned();
        let revision = self.artifact(&namespace, text(object, "/spec/sourceRef/name")).unwrap_or_default();
        if !self.due(object, &revision) {
            return None;
        }
        handled(object);
        if is_suspended(object) {
            // The controller is told of the change, writes that it has seen it, and leaves it at that.
            if condition(object, "Ready") == "True" {
                observed(object);
            }
            self.looked(object, &revision, Duration::MAX / 4);
            return None;
        }
        self.looked(object, &revision, length(text(object, "/spec/interval")));
        if revision.is_empty() {
            let message = "Source artifact not found, retrying in 30s";
            put(object, self.clock, ("Ready", "False"), "ArtifactFailed", message);
            return None;
        }
        let message =
            format!("Fetching manifests for revision {revision} with a timeout of {}", timeout(object));
        put(object, self.clock, ("Reconciling", "True"), "Progressing", &message);
        put(object, self.clock, ("Ready", "Unknown"), "Progressing", "Reconciliation in progress");
        Some(Run { revision, stage: Stage::Fetching, began: self.uptime })
    }

    fn go_on(&mut self, object: &mut Value, run: Run) -> Option<Run> {
        let timeout = timeout(object);
        let says = |what: &str| format!("{what} for revision {} with a timeout of {timeout}", run.revision);
        match run.stage {
            Stage::Fetching => {
                set(object, &["status", "lastAttemptedRevision"], run.revision.clone().into());
                put(object, self.clock, ("Reconciling", "True"), "Progressing", &says("Building manifests"));
                Some(Run { stage: Stage::Building, ..run })
            }
            Stage::Building => {
                put(object, self.clock, ("Reconciling", "True"), "Progressing", &says("Detecting drift"));
                Some(Run { stage: Stage::Applying, ..run })
            }
            Stage::Applying => {
                match self.apply(object, &run.revision) {
                    Ok(inventory) => self.applied(object, &run, &inventory),
                    Err(why) => {
                        put(
                            object,
                            self.clock,
                            ("Reconciling", "True"),
                            "ProgressingWithRetry",
                            &says("Building manifests"),
                        );
                        put(object, self.clock, ("Ready", "False"), "ArtifactFailed", &why);
                        self.looked(object, &run.revision, RETRY);
                    }
                }
                None
            }
        }
    }

    /// Puts everything to what a revision says; what is kept, as the inventory names it.
    fn apply(&mut self, object: &Value, revision: &str) -> Result<Vec<(String, String)>, String> {
        let key = (text(object, "/metadata/namespace").to_owned(), text(object, "/metadata/name").to_owned());
        let source = (key.0.clone(), text(object, "/spec/sourceRef/name").to_owned());
        let commit = revision.rsplit(':').next().unwrap_or_default();
        let mut inventory = Vec::new();
        for (namespace, name) in self.flux.keeps.get(&key).cloned().unwrap_or_default() {
            let upstream = self.flux.upstreams.get(&source).cloned();
            let image = upstream.and_then(|upstream| upstream.image_at(commit, &name)).ok_or_else(|| {
                let path = text(object, "/spec/path").trim_start_matches("./").to_owned();
                format!("kustomization path not found: stat /tmp/kustomization-1/{path}: no such file or directory")
            })?;
            let Some((resource, found)) = self.workload(&namespace, &name) else { continue };
            inventory
                .push((format!("{namespace}_{name}_{}_{}", resource.group, resource.kind), "v1".to_owned()));
            let label = found.pointer("/metadata/labels").and_then(|labels| labels.get(RECONCILE));
            if annotation(&found, RECONCILE) == "disabled" || label == Some(&json!("disabled")) {
                continue;
            }
            let mut workload = (*found).clone();
            if super::super::seed::set_container_image(&mut workload, &name, &image) && workload != *found {
                let generation = number(&workload, "/metadata/generation") + 1;
                set(&mut workload, &["metadata", "generation"], generation.into());
                self.update(resource, workload, APPLY);
            }
        }
        Ok(inventory)
    }

    fn applied(&self, object: &mut Value, run: &Run, inventory: &[(String, String)]) {
        let entries: Vec<Value> = inventory.iter().map(|(id, v)| json!({"id": id, "v": v})).collect();
        set(object, &["status", "inventory"], json!({"entries": entries}));
        set(object, &["status", "lastAppliedRevision"], run.revision.clone().into());
        let message = format!("Applied revision: {}", run.revision);
        put(object, self.clock, ("Ready", "True"), "ReconciliationSucceeded", &message);
        drop_condition(object, "Reconciling");
        observed(object);
        self.note_history(object, run);
    }

    fn note_history(&self, object: &mut Value, run: &Run) {
        let digest = format!("sha256:{:064x}", super::super::hash::fnv64(run.revision.as_bytes()));
        let now = seconds(self.clock);
        let mut all =
            object.pointer("/status/history").and_then(Value::as_array).cloned().unwrap_or_default();
        let known = all.iter().position(|entry| text(entry, "/digest") == digest);
        let mut entry = match known {
            Some(at) => all.remove(at),
            None => json!({"digest": digest, "firstReconciled": now, "totalReconciliations": 0}),
        };
        let took = self.uptime.saturating_sub(run.began);
        let total = number(&entry, "/totalReconciliations") + 1;
        for (key, value) in [
            ("lastReconciled", json!(now)),
            ("lastReconciledDuration", json!(format!("{}ms", took.as_millis()))),
            ("lastReconciledStatus", json!("ReconciliationSucceeded")),
            ("totalReconciliations", json!(total)),
            ("metadata", json!({"revision": run.revision})),
        ] {
            set(&mut entry, &[key], value);
        }
        all.insert(0, entry);
        all.truncate(HISTORY);
        set(object, &["status", "history"], Value::Array(all));
    }
}

fn observed(object: &mut Value) {
    let generation = number(object, "/metadata/generation");
    set(object, &["status", "observedGeneration"], generation.into());
}

/// How long an execution may take: half a minute less than the interval, and half a minute at least.
fn timeout(object: &Value) -> String {
    let least = Duration::from_secs(30);
    go(length(text(object, "/spec/interval")).saturating_sub(least).max(least))
}
