//! A Deployment as a cluster holds it, with two ReplicaSets and a pod: of the size of real ones, for what is counted or
//! measured at thousands of them.

use serde_json::{Value, json};

/// What they run.
pub(crate) const IMAGE: &str = "registry.example/shop/web:v1";

fn metadata(name: &str, namespace: &str, app: &str) -> Value {
    json!({
        "name": name, "namespace": namespace, "uid": format!("uid-{namespace}-{name}"), "resourceVersion": "1",
        "generation": 1, "creationTimestamp": "2026-11-20T08:00:00Z",
        "labels": {"app": app, "app.kubernetes.io/part-of": "shop", "team": namespace},
        // What a real object carries and nobody here reads.
        "managedFields": [{"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
            "time": "2026-11-20T08:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {
            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:ports": {}, "f:resources": {},
            "f:readinessProbe": {"f:httpGet": {"f:path": {}, "f:port": {}}}, "f:env": {}}}}}}}}]
    })
}

fn spec(image: &str) -> Value {
    json!({"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 8080}],
        "env": [{"name": "MODE", "value": "production"}, {"name": "LEVEL", "value": "info"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}}]})
}

fn owned_by(kind: &str, owner: &Value) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "controller": true,
            "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}])
}

/// Hands a Deployment, its ReplicaSets and its pod to `put`, by plural name, which answers each as it was stored.
pub(crate) fn deployment(name: &str, namespace: &str, mut put: impl FnMut(&'static str, Value) -> Value) {
    let template = |image: &str| json!({"metadata": {"labels": {"app": name}}, "spec": spec(image)});
    let counts = json!({
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1
    });
    let deployment = put(
        "deployments",
        json!({
            "metadata": metadata(name, namespace, name), "status": counts,
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template(IMAGE)}
        }),
    );
    let sets = [("5d4c9f", "registry.example/shop/web:v0", 0, "1"), ("7b8d6c", IMAGE, 1, "2")];
    for (hash, image, replicas, number) in sets {
        let mut set = json!({
            "metadata": metadata(&format!("{name}-{hash}"), namespace, name),
            "spec": {"replicas": replicas, "template": template(image)}, "status": {"replicas": replicas}
        });
        set["metadata"]["ownerReferences"] = owned_by("Deployment", &deployment);
        set["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": number});
        let set = put("replicasets", set);
        if replicas == 1 {
            let ready = json!([{"type": "Ready", "status": "True"}]);
            let mut pod = json!({
                "metadata": metadata(&format!("{name}-{hash}-x2x4z"), namespace, name), "spec": spec(image),
                "status": {"phase": "Running", "conditions": ready, "containerStatuses": [{
                    "name": "web", "image": image, "restartCount": 0, "state": {}, "lastState": {},
                    "imageID": format!("registry.example/shop/web@sha256:{}", "1".repeat(64))}]}
            });
            pod["metadata"]["ownerReferences"] = owned_by("ReplicaSet", &set);
            put("pods", pod);
        }
    }
}
