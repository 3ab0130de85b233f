//! What a manager refuses of a service spec: shapes that do not decode, missing parts, and changes that a service
//! never allows.

use super::request::Refusal;
use serde_json::Value;

const KNOWN: [&str; 8] =
    ["Name", "Labels", "TaskTemplate", "Mode", "UpdateConfig", "RollbackConfig", "Networks", "EndpointSpec"];

/// The spec in a request's body. Top-level fields that the engine does not know are dropped, as it decodes into
/// its own types.
pub(super) fn decode(body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(400, "got EOF while reading request body"));
    }
    let mut spec: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::new(400, format!("invalid character in request body: {error}")))?;
    let Some(fields) = spec.as_object_mut() else {
        return Err(Refusal::new(400, "json: cannot unmarshal into Go value of type swarm.ServiceSpec"));
    };
    fields.retain(|name, _| KNOWN.contains(&name.as_str()));
    let replicas = spec.pointer("/Mode/Replicated/Replicas").filter(|r| !r.is_null() && !r.is_u64());
    if let Some(replicas) = replicas {
        return Err(Refusal::new(
            400,
            format!(
                "json: cannot unmarshal number {replicas} into Go struct field \
                 ReplicatedService.Mode.Replicated.Replicas of type uint64"
            ),
        ));
    }
    if spec.pointer("/TaskTemplate/ContainerSpec").is_none_or(|spec| !spec.is_object()) {
        return Err(Refusal::new(400, "mismatched Runtime and *Spec fields"));
    }
    Ok(spec)
}

/// The checks of the manager itself, before it looks at the service.
pub(super) fn spec(spec: &Value) -> Result<(), Refusal> {
    let invalid =
        |what: &str| Err(Refusal::new(400, format!("rpc error: code = InvalidArgument desc = {what}")));
    if image(spec).is_empty() {
        return invalid("ContainerSpec: image reference must be provided");
    }
    if spec.get("Name").and_then(Value::as_str).is_none_or(str::is_empty) {
        return invalid("meta: name must be provided");
    }
    let ratio = spec.pointer("/UpdateConfig/MaxFailureRatio").and_then(Value::as_f64).unwrap_or(0.0);
    if !(0.0..=1.0).contains(&ratio) {
        return invalid("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1");
    }
    Ok(())
}

/// The checks against the service as it is: a service keeps its name and its mode.
pub(super) fn unchanged(current: &Value, new: &Value) -> Result<(), Refusal> {
    let refuse =
        |what: &str| Err(Refusal::new(501, format!("rpc error: code = Unimplemented desc = {what}")));
    if current.get("Name") != new.get("Name") {
        return refuse("renaming services is not supported");
    }
    let mode =
        |spec: &Value| spec.get("Mode").and_then(Value::as_object).and_then(|m| m.keys().next().cloned());
    // A spec without a mode means a replicated service.
    let (old, new) = (mode(current), mode(new).or_else(|| Some("Replicated".into())));
    if old.or_else(|| Some("Replicated".into())) != new {
        refuse("service mode change is not allowed")
    } else {
        Ok(())
    }
}

/// The image of a spec; empty when absent.
pub(super) fn image(spec: &Value) -> &str {
    spec.pointer("/TaskTemplate/ContainerSpec/Image").and_then(Value::as_str).unwrap_or_default()
}
