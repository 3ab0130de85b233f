//! How records look on the wire: an Application with its status.

use super::{
    Application, ArgoCd, Deployment, Extent, Initiator, NAMESPACE, Operation, OperationState, Phase, Sync,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A time to the second.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn list(argocd: &ArgoCd, items: &[Value]) -> Value {
    // An empty list of Go's is null.
    let items = if items.is_empty() { Value::Null } else { json!(items) };
    json!({"metadata": {"resourceVersion": argocd.version.to_string()}, "items": items})
}

pub(super) fn application(app: &Application) -> Value {
    let mut metadata = json!({
        "name": app.name, "namespace": NAMESPACE, "uid": app.uid, "resourceVersion": app.version.to_string(),
        "generation": app.generation, "creationTimestamp": time(app.created),
    });
    if app.annotations.as_object().is_some_and(|all| !all.is_empty()) {
        put(&mut metadata, "annotations", app.annotations.clone());
    }
    let mut whole = json!({"metadata": metadata, "spec": app.spec, "status": status(app)});
    if let Some(operation) = &app.operation {
        put(&mut whole, "operation", order(operation));
    }
    whole
}

fn status(app: &Application) -> Value {
    let compared = json!({
        "source": app.spec.get("source"), "destination": app.spec.get("destination"),
    });
    let mut sync = json!({"status": word(app.sync), "comparedTo": compared});
    if let Some(target) = &app.target {
        put(&mut sync, "revision", target.revision.clone().into());
    }
    let (health, message) = &app.health;
    let mut resource_health = json!({"status": health});
    if !message.is_empty() {
        put(&mut resource_health, "message", message.clone().into());
    }
    let resource = json!({
        "group": "apps", "version": "v1", "kind": "Deployment", "namespace": "production", "name": app.name,
        "status": word(app.sync), "health": resource_health,
    });
    let mut status = json!({
        "sync": sync, "health": {"status": health}, "reconciledAt": time(app.reconciled), "resources": [resource],
        "sourceType": "Directory", "summary": {"images": [app.live]}, "controllerNamespace": NAMESPACE,
    });
    if !app.history.is_empty() {
        let history: Vec<_> = app.history.iter().map(deployment).collect();
        put(&mut status, "history", history.into());
    }
    if let Some(state) = &app.state {
        put(&mut status, "operationState", operation_state(app, state));
    }
    if let Some((kind, message, since)) = &app.condition {
        let condition = json!({"type": kind, "message": message, "lastTransitionTime": time(*since)});
        put(&mut status, "conditions", json!([condition]));
    }
    status
}

fn word(sync: Sync) -> &'static str {
    match sync {
        Sync::Synced => "Synced",
        Sync::OutOfSync => "OutOfSync",
        Sync::Unknown => "Unknown",
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Running => "Running",
        Phase::Terminating => "Terminating",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Error => "Error",
    }
}

fn initiator(by: &Initiator) -> Value {
    match by {
        Initiator::Automated => json!({"automated": true}),
        Initiator::User(name) => json!({"username": name}),
    }
}

fn deployment(one: &Deployment) -> Value {
    json!({
        "id": one.id, "revision": one.revision, "deployedAt": time(one.finished),
        "deployStartedAt": time(one.started), "source": one.source, "initiatedBy": initiator(&one.by),
    })
}

fn order(operation: &Operation) -> Value {
    let mut sync = json!({"revision": operation.revision});
    if operation.prune {
        put(&mut sync, "prune", true.into());
    }
    if operation.extent == Extent::Dry {
        put(&mut sync, "dryRun", true.into());
    }
    if let Some(source) = &operation.source {
        put(&mut sync, "source", source.clone());
        put(&mut sync, "syncStrategy", json!({"apply": {}}));
    }
    json!({"sync": sync, "initiatedBy": initiator(&operation.by), "retry": {}})
}

fn operation_state(app: &Application, state: &OperationState) -> Value {
    let mut whole = json!({
        "operation": order(&state.operation), "phase": phase(state.phase), "message": state.message,
        "startedAt": time(state.started),
    });
    if let Some(finished) = state.finished {
        put(&mut whole, "finishedAt", time(finished).into());
    }
    let revision = state.applied.as_ref().unwrap_or(&state.operation.revision);
    let source = state.operation.source.clone().unwrap_or_else(|| app.source());
    let mut result = json!({"revision": revision, "source": source});
    if state.applied.is_some() {
        let resource = json!({
            "group": "apps", "version": "v1", "kind": "Deployment", "namespace": "production", "name": app.name,
            "status": "Synced", "message": format!("deployment.apps/{} configured", app.name),
            "hookPhase": "Running", "syncPhase": "Sync", "images": [app.live],
        });
        put(&mut result, "resources", json!([resource]));
    }
    put(&mut whole, "syncResult", result);
    whole
}

/// What a commit says of itself.
pub(super) fn revision(change: &crate::sandbox::manifests::Change) -> Value {
    json!({"author": change.author, "date": time(change.at), "message": change.subject})
}

pub(super) fn put(value: &mut Value, key: &str, entry: Value) {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Value::Object(fields) = value {
        fields.insert(key.to_owned(), entry);
    }
}
