//! The patches that the API takes: a JSON patch with its tests, and a merge patch. Pure.

use serde_json::Value;

/// The object after a JSON patch, or what the server says instead.
pub(super) fn json(object: &Value, text: &str) -> Result<Value, String> {
    let undecodable = |error: serde_json::Error| format!("error decoding json patch: {error}");
    let operations: Vec<Value> = serde_json::from_str(text).map_err(undecodable)?;
    let mut patched = object.clone();
    for operation in operations {
        apply(&mut patched, operation).map_err(|why| format!("error applying patch: {why}"))?;
    }
    Ok(patched)
}

/// The object after a merge patch, or what the server says instead.
pub(super) fn merge(object: &Value, text: &str) -> Result<Value, String> {
    let patch: Value = serde_json::from_str(text)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| "error calculating merge patch: Invalid JSON Patch".to_owned())?;
    let mut patched = object.clone();
    json_patch::merge(&mut patched, &patch);
    Ok(patched)
}

fn apply(object: &mut Value, operation: Value) -> Result<(), String> {
    let text = |field: &str| operation.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, path) = (text("op"), text("path"));
    if kind == "test" {
        // What is not there equals null.
        let wanted = operation.get("value").unwrap_or(&Value::Null);
        let found = object.pointer(&path).unwrap_or(&Value::Null);
        return if found == wanted {
            Ok(())
        } else {
            Err(format!("testing value {path} failed: test failed"))
        };
    }
    let one = serde_json::from_value::<json_patch::PatchOperation>(operation)
        .map_err(|_| format!("Unexpected kind: {kind}"))?;
    json_patch::patch(object, &[one]).map_err(|_| {
        format!("{kind} operation does not apply: doc is missing path: \"{path}\": missing value")
    })
}
