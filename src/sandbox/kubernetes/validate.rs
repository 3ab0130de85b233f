//! What the API server refuses to store: missing, wrong and immutable fields of a workload.

use super::flux::schema;
use super::resource::{DAEMONSETS, DEPLOYMENTS, PODS, Resource, SERVICES, STATEFULSETS};
use super::status::{Cause, Failure};
use super::store::text;
use serde_json::Value;

/// Checks an object that is about to replace `old`.
pub(super) fn check(resource: &Resource, old: Option<&Value>, new: &Value) -> Result<(), Failure> {
    types(resource, new)?;
    let name = text(new, "/metadata/name");
    let mut causes = Vec::new();
    if [DEPLOYMENTS.plural, STATEFULSETS.plural, DAEMONSETS.plural].contains(&resource.plural) {
        template(new, &mut causes);
        if old.is_some_and(|old| old.pointer("/spec/selector") != new.pointer("/spec/selector")) {
            let shown = go_selector(new.pointer("/spec/selector"));
            causes.push(invalid("spec.selector", &shown, "field is immutable"));
        }
    }
    causes.extend(schema::check(resource, new));
    if let (true, Some(old)) = (resource.plural == SERVICES.plural, old) {
        service_update(old, new, &mut causes);
    }
    if let (true, Some(old)) = (resource.plural == PODS.plural, old) {
        pod_update(old, new, &mut causes);
    }
    if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(resource, name, &causes)) }
}

fn required(field: &str) -> Cause {
    Cause { reason: "FieldValueRequired", message: "Required value".into(), field: field.into() }
}

fn invalid(field: &str, value: &str, why: &str) -> Cause {
    Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {value}: {why}"),
        field: field.into(),
    }
}

fn template(object: &Value, causes: &mut Vec<Cause>) {
    for counter in ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        if let Some(value) =
            object.pointer(&format!("/spec/{counter}")).and_then(Value::as_i64).filter(|v| *v < 0)
        {
            let field = format!("spec.{counter}");
            causes.push(invalid(&field, &value.to_string(), "must be greater than or equal to 0"));
        }
    }
    let selector = object.pointer("/spec/selector");
    match selector {
        None | Some(Value::Null) => causes.push(required("spec.selector")),
        Some(selector) => {
            let labels = object.pointer("/spec/template/metadata/labels");
            let wanted = selector.get("matchLabels").and_then(Value::as_object);
            let fits = wanted.into_iter().flatten().all(|(k, v)| labels.and_then(|l| l.get(k)) == Some(v));
            if !fits {
                let shown = go_map(labels);
                causes.push(invalid(
                    "spec.template.metadata.labels",
                    &shown,
                    "`selector` does not match template `labels`",
                ));
            }
        }
    }
    let containers = object.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    match containers.map(Vec::as_slice) {
        None | Some([]) => causes.push(required("spec.template.spec.containers")),
        Some(containers) => container_list(containers, causes),
    }
}

fn container_list(containers: &[Value], causes: &mut Vec<Cause>) {
    let mut names: Vec<&str> = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let at = format!("spec.template.spec.containers[{index}]");
        let name = text(container, "/name");
        if name.is_empty() {
            causes.push(required(&format!("{at}.name")));
        } else if names.contains(&name) {
            causes.push(Cause {
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: \"{name}\""),
                field: format!("{at}.name"),
            });
        }
        names.push(name);
        let image = text(container, "/image");
        if image.is_empty() {
            causes.push(required(&format!("{at}.image")));
        } else if image.trim() != image {
            let why = "must not have leading or trailing whitespace";
            causes.push(invalid(&format!("{at}.image"), &format!("\"{image}\""), why));
        }
    }
}

/// A Service keeps its address, and its selector holds values that a label can have.
fn service_update(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let address = |object: &Value| text(object, "/spec/clusterIP").to_owned();
    if !address(old).is_empty() && address(old) != address(new) {
        let shown = format!("\"{}\"", address(new));
        causes.push(invalid("spec.clusterIP", &shown, "may not change once set"));
    }
    let selector = new.pointer("/spec/selector").and_then(Value::as_object);
    for value in selector.into_iter().flatten().filter_map(|(_, value)| value.as_str()) {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let mut edges = [value.bytes().next(), value.bytes().last()].into_iter().flatten();
        let fits = value.len() <= 63 && value.bytes().all(inner) && edges.all(|b| b.is_ascii_alphanumeric());
        if !fits {
            let why = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                       must start and end with an alphanumeric character";
            causes.push(invalid("spec.selector", &format!("\"{value}\""), why));
        }
    }
}

fn pod_update(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let without_images = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
            super::store::set(container, &["image"], Value::Null);
        }
        spec
    };
    if without_images(old) != without_images(new) {
        causes.push(Cause {
            reason: "FieldValueForbidden",
            message: "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,\
                      `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
                      to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it \
                      was previously negative)"
                .into(),
            field: "spec".into(),
        });
    }
}

/// Whether a value has the right JSON type.
type Fits = fn(&Value) -> bool;

/// A field of the wrong JSON type does not even decode.
fn types(resource: &Resource, object: &Value) -> Result<(), Failure> {
    let wrong = |field: &str, value: &Value, wanted: &str| {
        let kind = match value {
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Array(_) => "array",
            _ => "object",
        };
        Failure::bad_request(format!(
            "{} in version \"v1\" cannot be handled as a {}: json: cannot unmarshal {kind} into Go struct field \
             {}.{field} of type {wanted}",
            resource.kind, resource.kind, resource.kind
        ))
    };
    if resource.plural == SERVICES.plural {
        let selector = object.pointer("/spec/selector").filter(|value| !value.is_null());
        if let Some(value) = selector.filter(|value| !strings(value)) {
            return Err(wrong("spec.selector", value, "map[string]string"));
        }
    }
    let expected: [(&str, &str, Fits); 8] = [
        ("spec.replicas", "int32", Value::is_i64),
        ("spec.paused", "bool", Value::is_boolean),
        ("spec.template", "v1.PodTemplateSpec", Value::is_object),
        ("spec.template.spec", "v1.PodSpec", Value::is_object),
        ("spec.template.spec.containers", "[]v1.Container", Value::is_array),
        ("metadata.labels", "map[string]string", strings),
        ("metadata.annotations", "map[string]string", strings),
        ("spec.template.metadata.labels", "map[string]string", strings),
    ];
    for (field, wanted, fits) in expected {
        let found = object.pointer(&format!("/{}", field.replace('.', "/")));
        if let Some(value) = found.filter(|value| !value.is_null() && !fits(value)) {
            return Err(wrong(field, value, wanted));
        }
    }
    let containers = object.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    for container in containers.into_iter().flatten() {
        for field in ["name", "image"] {
            if let Some(value) = container.get(field).filter(|v| !v.is_string() && !v.is_null()) {
                return Err(wrong(&format!("spec.template.spec.containers.{field}"), value, "string"));
            }
        }
    }
    Ok(())
}

fn strings(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.values().all(Value::is_string))
}

fn go_map(labels: Option<&Value>) -> String {
    let pairs = labels.and_then(Value::as_object);
    let shown: Vec<String> =
        pairs.into_iter().flatten().map(|(key, value)| format!("{key:?}:{value}")).collect();
    format!("map[string]string{{{}}}", shown.join(", "))
}

fn go_selector(selector: Option<&Value>) -> String {
    let labels = go_map(selector.and_then(|s| s.get("matchLabels")));
    format!("v1.LabelSelector{{MatchLabels:{labels}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}}")
}
