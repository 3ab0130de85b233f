//! Writing: create, patch, replace and delete, with the server's order of checks, dry runs and preconditions.

use super::defaults;
use super::fields::Writer;
use super::patch::Dialect;
use super::request::{Answer, Call};
use super::resource::{DEPLOYMENTS, PODS, Scope, WORKLOADS};
use super::scale;
use super::status::{Failure, Target};
use super::store::{State, number, set, text};
use super::validate;
use axum::http::header;
use serde_json::{Value, json};
use std::sync::Arc;

/// Whether a request is to take effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Stored,
    DryRun,
}

fn effect(call: &Call) -> Result<Effect, Failure> {
    match call.query("dryRun") {
        "" => Ok(Effect::Stored),
        "All" => Ok(Effect::DryRun),
        other => Err(Failure::plain(
            422,
            "Invalid",
            format!(
                "PatchOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: \"{other}\": supported values: \"All\""
            ),
        )),
    }
}

fn decoded(call: &Call) -> Result<Value, Failure> {
    if call.header(header::CONTENT_TYPE) == super::accessreview::PROTOBUF {
        return Err(Failure::unsupported_media("application/json"));
    }
    let value: Value = serde_json::from_slice(&call.body).map_err(|error| {
        Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::bad_request("couldn't get version/kind; json parse error"))
    }
}

/// POST to a collection.
pub(super) fn create(state: &mut State, call: &Call, target: &Target<'_>) -> Result<Answer, Failure> {
    let effect = effect(call)?;
    let resource = target.resource;
    let mut object = decoded(call)?;
    let name = text(&object, "/metadata/name").to_owned();
    if name.is_empty() {
        let cause = super::status::Cause {
            reason: "FieldValueRequired",
            message: "Required value: name or generateName is required".into(),
            field: "metadata.name".into(),
        };
        return Err(Failure::invalid(resource, "", &[cause]));
    }
    if resource.scope == Scope::Namespaced {
        let inside = text(&object, "/metadata/namespace");
        if !inside.is_empty() && inside != target.namespace {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        set(&mut object, &["metadata", "namespace"], target.namespace.into());
        if state.get(&super::resource::NAMESPACES, "", target.namespace).is_none() {
            return Err(Failure::not_found(&super::resource::NAMESPACES, target.namespace));
        }
    }
    if !text(&object, "/metadata/resourceVersion").is_empty() {
        return Err(Failure::bad_request("resourceVersion should not be set on objects to be created"));
    }
    if state.get(resource, target.namespace, &name).is_some() {
        return Err(Failure::already_exists(resource, &name));
    }
    if WORKLOADS.contains(&resource) {
        defaults::workload(resource, &mut object);
        set(&mut object, &["status"], json!({}));
    }
    super::flux::schema::defaults(resource, &mut object);
    validate::check(resource, None, &object)?;
    let writer = Writer { manager: call.manager(), subresource: "" };
    let body = match effect {
        Effect::Stored => (*state.create(resource, object, writer)).clone(),
        Effect::DryRun => state.prepared(resource, object, writer),
    };
    Ok(Answer::Json(201, body))
}

/// PATCH of an object, its status or its scale.
pub(super) fn patch(state: &mut State, call: &Call, target: &Target<'_>) -> Result<Answer, Failure> {
    let dialect = Dialect::of(call.header(header::CONTENT_TYPE), target.resource)?;
    let effect = effect(call)?;
    let old = existing(state, target)?;
    let shown = if target.subresource == "scale" { scale::of(&old) } else { (*old).clone() };
    let patched = dialect.apply(&shown, &call.body)?;
    finish(state, call, target, &old, patched, effect)
}

/// PUT of an object, its status or its scale.
pub(super) fn replace(state: &mut State, call: &Call, target: &Target<'_>) -> Result<Answer, Failure> {
    let effect = effect(call)?;
    let new = decoded(call)?;
    let old = existing(state, target)?;
    finish(state, call, target, &old, new, effect)
}

fn existing(state: &State, target: &Target<'_>) -> Result<Arc<Value>, Failure> {
    state
        .get(target.resource, target.namespace, target.name)
        .cloned()
        .ok_or_else(|| Failure::not_found(target.resource, target.name))
}

fn finish(
    state: &mut State,
    call: &Call,
    target: &Target<'_>,
    old: &Arc<Value>,
    new: Value,
    effect: Effect,
) -> Result<Answer, Failure> {
    check_identity(target, old, &new)?;
    let scaled = target.subresource == "scale";
    let mut object = match target.subresource {
        "scale" => rescaled(old, &new)?,
        "status" => with_status(target, old, &new),
        _ => main_update(target, old, new),
    };
    defaults::workload(target.resource, &mut object);
    validate::check(target.resource, Some(old), &object)?;
    bump_generation(target, old, &mut object);
    let writer = Writer { manager: call.manager(), subresource: target.subresource };
    let stored = match effect {
        Effect::Stored => state.update(target.resource, object, writer),
        Effect::DryRun => {
            state.revised(target.resource, old, object, writer).map_or_else(|| Arc::clone(old), Arc::new)
        }
    };
    Ok(Answer::Json(200, if scaled { scale::of(&stored) } else { (*stored).clone() }))
}

fn check_identity(target: &Target<'_>, old: &Value, new: &Value) -> Result<(), Failure> {
    let (resource, name) = (target.resource, target.name);
    let named = text(new, "/metadata/name");
    if named != name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({named}) does not match the name on the URL ({name})"
        )));
    }
    let uid = text(new, "/metadata/uid");
    if !uid.is_empty() && uid != text(old, "/metadata/uid") {
        return Err(precondition(target, "UID", uid, text(old, "/metadata/uid")));
    }
    let version = new.pointer("/metadata/resourceVersion");
    let stale = match version {
        None | Some(Value::Null) => false,
        Some(Value::String(version)) => {
            !version.is_empty() && version != text(old, "/metadata/resourceVersion")
        }
        Some(_) => {
            return Err(Failure::bad_request(
                "json: cannot unmarshal into Go struct field ObjectMeta.metadata.resourceVersion of type string",
            ));
        }
    };
    if stale { Err(Failure::stale(resource, name)) } else { Ok(()) }
}

fn precondition(target: &Target<'_>, what: &str, wanted: &str, found: &str) -> Failure {
    let cause =
        format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
    Failure::conflict(target.resource, target.name, &cause)
}

/// The main resource: the server keeps its own metadata and the status.
fn main_update(target: &Target<'_>, old: &Value, mut new: Value) -> Value {
    set(&mut new, &["kind"], target.resource.kind.into());
    set(&mut new, &["apiVersion"], target.resource.api_version().into());
    for own in [
        "uid",
        "creationTimestamp",
        "generation",
        "namespace",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
    ] {
        match old.pointer(&format!("/metadata/{own}")) {
            Some(value) => set(&mut new, &["metadata", own], value.clone()),
            None => {
                if let Some(metadata) = new.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove(own);
                }
            }
        }
    }
    if target.resource.plural != super::resource::EVENTS.plural {
        match old.get("status") {
            Some(status) => set(&mut new, &["status"], status.clone()),
            None => {
                if let Some(fields) = new.as_object_mut() {
                    fields.remove("status");
                }
            }
        }
    }
    new
}

/// The status subresource: only the status moves, and the annotations of what the server itself defines.
fn with_status(target: &Target<'_>, old: &Value, new: &Value) -> Value {
    let mut object = old.clone();
    set(&mut object, &["status"], new.get("status").cloned().unwrap_or_else(|| json!({})));
    let notes = new.pointer("/metadata/annotations").filter(|_| !target.resource.is_custom());
    if let Some(annotations) = notes {
        set(&mut object, &["metadata", "annotations"], annotations.clone());
    }
    object
}

fn rescaled(old: &Value, new: &Value) -> Result<Value, Failure> {
    let wanted = match new.pointer("/spec/replicas") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().ok_or_else(|| {
            Failure::bad_request(
                "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32",
            )
        })?,
    };
    let mut object = old.clone();
    set(&mut object, &["spec", "replicas"], wanted.into());
    Ok(object)
}

/// A Deployment's generation moves with its spec and also with its annotations; any other's with its spec.
/// A write to the status moves neither.
fn bump_generation(target: &Target<'_>, old: &Value, object: &mut Value) {
    if !target.resource.has_generation() || target.subresource == "status" {
        return;
    }
    let notes = target.resource.plural == DEPLOYMENTS.plural
        && old.pointer("/metadata/annotations") != object.pointer("/metadata/annotations");
    if notes || old.get("spec") != object.get("spec") {
        let generation = number(old, "/metadata/generation") + 1;
        set(object, &["metadata", "generation"], generation.into());
    }
}

/// DELETE of an object. A pod goes gracefully and is answered; anything else goes at once.
pub(super) fn delete(state: &mut State, call: &Call, target: &Target<'_>) -> Result<Answer, Failure> {
    let effect = effect(call)?;
    let options = if call.body.is_empty() { json!({}) } else { decoded(call)? };
    let effect = if options.pointer("/dryRun/0").is_some() { Effect::DryRun } else { effect };
    let old = existing(state, target)?;
    for (field, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let wanted = text(&options, &format!("/preconditions/{field}"));
        let found = text(&old, &format!("/metadata/{field}"));
        if !wanted.is_empty() && wanted != found {
            return Err(precondition(target, what, wanted, found));
        }
    }
    if target.resource.plural == PODS.plural {
        let asked = call.query("gracePeriodSeconds").parse::<i64>().ok();
        let grace = options.get("gracePeriodSeconds").and_then(Value::as_i64).or(asked).unwrap_or(30);
        return Ok(Answer::Json(200, delete_pod(state, target, &old, grace, effect)));
    }
    if effect == Effect::Stored {
        state.remove(target.resource, target.namespace, target.name);
    }
    let mut details =
        json!({"name": target.name, "kind": target.resource.plural, "uid": text(&old, "/metadata/uid")});
    if !target.resource.group.is_empty() {
        set(&mut details, &["group"], target.resource.group.into());
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Ok(Answer::Json(200, status))
}

fn delete_pod(state: &mut State, target: &Target<'_>, old: &Value, grace: i64, effect: Effect) -> Value {
    if effect == Effect::DryRun || old.pointer("/metadata/deletionTimestamp").is_some() && grace > 0 {
        return old.clone();
    }
    if grace == 0 {
        state.remove(target.resource, target.namespace, target.name);
        return old.clone();
    }
    (*state.stop_pod(old, grace)).clone()
}
