//! The defaults that the API server writes into a workload, so that what is read back is what a real server
//! would answer. Touches only fields that are absent.

use super::resource::{DAEMONSETS, DEPLOYMENTS, Resource, STATEFULSETS};
use super::store::set;
use serde_json::{Value, json};

/// Fills the absent fields of a workload. Of what was defined in the cluster the server knows no defaults.
pub(super) fn workload(resource: &Resource, object: &mut Value) {
    match resource.plural {
        plural if plural == DEPLOYMENTS.plural => deployment(object),
        plural if plural == STATEFULSETS.plural => {
            let spec = json!({
                "replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate"}
            });
            absent(object, "/spec", &spec);
            if object.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("RollingUpdate") {
                absent(object, "/spec/updateStrategy", &json!({"rollingUpdate": {"partition": 0}}));
            }
            template(object);
        }
        plural if plural == DAEMONSETS.plural => {
            let spec = json!({"revisionHistoryLimit": 10, "updateStrategy": {"type": "RollingUpdate"}});
            absent(object, "/spec", &spec);
            if object.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("RollingUpdate") {
                let rolling = json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}});
                absent(object, "/spec/updateStrategy", &rolling);
            }
            template(object);
        }
        _ => {}
    }
}

fn template(object: &mut Value) {
    if let Some(template) = object.pointer_mut("/spec/template") {
        pod_template(template);
    }
}

/// Fills a Deployment's absent fields.
fn deployment(object: &mut Value) {
    let spec = json!({
        "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate"}
    });
    absent(object, "/spec", &spec);
    if object.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("RollingUpdate") {
        let rolling = json!({"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        absent(object, "/spec/strategy", &rolling);
        absent(object, "/spec/strategy/rollingUpdate", &json!({"maxSurge": "25%", "maxUnavailable": "25%"}));
    }
    template(object);
}

/// Fills a pod template's absent fields.
pub(super) fn pod_template(template: &mut Value) {
    if !template.is_object() {
        return;
    }
    // A template always carries this null: Go cannot leave out a zero time.
    absent(template, "/metadata", &json!({"creationTimestamp": null}));
    if template.pointer("/spec").is_none() {
        set(template, &["spec"], json!({}));
    }
    let spec = json!({
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "securityContext": {}, "schedulerName": "default-scheduler"
    });
    absent(template, "/spec", &spec);
    for list in ["containers", "initContainers"] {
        let Some(containers) = template.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut)
        else {
            continue;
        };
        for container in containers {
            default_container(container);
        }
    }
}

fn default_container(container: &mut Value) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let floating = !image.contains('@') && (last.ends_with(":latest") || !last.contains(':'));
    let policy = if floating { "Always" } else { "IfNotPresent" };
    let filled = json!({
        "resources": {}, "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File", "imagePullPolicy": policy
    });
    absent(container, "", &filled);
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        absent(port, "", &json!({"protocol": "TCP"}));
    }
    for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
        let numbers =
            json!({"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
        absent(container, &format!("/{probe}"), &numbers);
        absent(container, &format!("/{probe}/httpGet"), &json!({"scheme": "HTTP"}));
    }
}

/// Adds the fields of `filled` that the object at `pointer` lacks; nothing when there is no such object.
fn absent(object: &mut Value, pointer: &str, filled: &Value) {
    let target = object.pointer_mut(pointer).and_then(Value::as_object_mut);
    if let (Some(target), Some(filled)) = (target, filled.as_object()) {
        for (name, value) in filled {
            target.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}
