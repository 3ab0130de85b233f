//! Objects as an API server sends them, for tests of the pure parts: a base, and changes by JSON pointer.

use serde_json::{Value, json};

use super::remembered::Remembered;
use super::species::{Resource, Species};
use super::wire::{Pod, Watched as _};
use super::workload::Workload;

pub(super) const DIGEST_A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const DIGEST_B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// An object under construction.
#[derive(Clone, Debug)]
pub(super) struct Object(pub(super) Value);

impl Object {
    /// Sets the value at a pointer whose parent exists.
    pub(super) fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        match self.0.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
            Value::Object(map) => drop(map.insert(key, value)),
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
            other => panic!("{parent} is {other}"),
        }
        self
    }

    /// Takes the value at a pointer away.
    pub(super) fn remove(mut self, pointer: &str) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.0.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        self
    }

    pub(super) fn labels(mut self, labels: &[(&str, &str)]) -> Self {
        for (key, value) in labels {
            self.0["metadata"]["labels"][*key] = json!(value);
        }
        self
    }

    pub(super) fn annotations(mut self, annotations: &[(&str, &str)]) -> Self {
        for (key, value) in annotations {
            self.0["metadata"]["annotations"][*key] = json!(value);
        }
        self
    }

    pub(super) fn image(self, image: &str) -> Self {
        self.set("/spec/template/spec/containers/0/image", json!(image))
    }

    pub(super) fn waiting(self, reason: &str) -> Self {
        self.set(
            "/status/containerStatuses/0/state",
            json!({"waiting":{"reason":reason,"message":"as told"}}),
        )
    }

    pub(super) fn ready(self) -> Self {
        self.set("/status/conditions", json!([{"type":"Ready","status":"True"}]))
    }

    pub(super) fn image_id(self, id: &str) -> Self {
        self.set("/status/containerStatuses/0/imageID", json!(id))
    }

    pub(super) fn restarts(self, n: u32) -> Self {
        self.set("/status/containerStatuses/0/restartCount", json!(n))
    }

    pub(super) fn species(&self) -> Species {
        Species::ALL.into_iter().find(|species| species.kind() == self.0["kind"]).unwrap()
    }

    pub(super) fn cut(&self) -> Workload {
        Workload::of(&self.0, self.species()).unwrap()
    }

    pub(super) fn cut_set(&self) -> Remembered {
        let revision = self.0["kind"] == "ControllerRevision";
        let resource = if revision { Resource::ControllerRevisions } else { Resource::ReplicaSets };
        Remembered::cut(&self.0, resource).unwrap()
    }

    pub(super) fn cut_pod(&self) -> Pod {
        Pod::cut(&self.0, Resource::Pods).unwrap()
    }
}

fn template(image: &str) -> Value {
    json!({
        "metadata": {"creationTimestamp": null, "labels": {"app": "web"}},
        "spec": {
            "containers": [{
                "name": "web", "image": image, "env": [{"name": "LOG_LEVEL", "value": "info"}],
                "fieldFromTheFuture": {"kept": true}
            }],
            "restartPolicy": "Always"
        }
    })
}

/// `deployment/web` in namespace `shop`, generation 7, observed.
pub(super) fn deployment() -> Object {
    Object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "uid-web", "resourceVersion": "100", "generation": 7,
            "creationTimestamp": "2026-11-01T08:00:00Z",
            "labels": {"app": "web"},
            "annotations": {"deployment.kubernetes.io/revision": "2"}
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("r.test/web:v2")
        },
        "status": {"observedGeneration": 7, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    }))
}

/// A ReplicaSet of [`deployment`]; its uid is its name.
pub(super) fn replica_set(name: &str, number: &str, image: &str) -> Object {
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(name);
    Object(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": "shop", "uid": name, "resourceVersion": "90",
            "creationTimestamp": "2026-11-19T08:00:00Z",
            "labels": {"app": "web", "pod-template-hash": name},
            "annotations": {"deployment.kubernetes.io/revision": number},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-web", "controller": true}]
        },
        "spec": {"replicas": 0, "template": template},
        "status": {"replicas": 0}
    }))
}

/// A pod of a ReplicaSet; not ready.
pub(super) fn pod(name: &str, set: &str, image: &str) -> Object {
    Object(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": name, "resourceVersion": "95",
            "labels": {"app": "web"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": set, "controller": true}]
        },
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {
            "phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "web", "image": image, "imageID": "", "restartCount": 0, "state": {}, "lastState": {}}]
        }
    }))
}
