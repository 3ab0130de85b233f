//! Reading: get and list, with selectors, pages and consistent snapshots.

use super::request::{Answer, Call};
use super::resource::Resource;
use super::scale;
use super::selector::Selection;
use super::status::{Failure, Target};
use super::store::{State, key_of, set};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// One object or its scale.
pub(super) fn get(state: &State, call: &Call, target: &Target<'_>) -> Result<Answer, Failure> {
    let found = state
        .get(target.resource, target.namespace, target.name)
        .ok_or_else(|| Failure::not_found(target.resource, target.name))?;
    let body = match target.subresource {
        "scale" => scale::of(found),
        _ if call.wants_metadata_only() => metadata_only(found),
        _ => (**found).clone(),
    };
    Ok(Answer::Json(200, body))
}

/// The objects of a resource.
pub(super) fn list(state: &State, call: &Call, target: &Target<'_>) -> Result<Answer, Failure> {
    let resource = target.resource;
    let selection = Selection::parse(resource, call.query("labelSelector"), call.query("fieldSelector"))?;
    let asked = version(call.query("resourceVersion"))?;
    if asked > state.version {
        return Err(Failure::too_large_version(asked, state.version));
    }
    let namespace = Some(target.namespace).filter(|n| !n.is_empty());
    let page = Page::read(state, call)?;
    let mut objects = state.list_at(resource, namespace, page.version);
    objects.retain(|object| selection.matches(object) && page.is_after(resource, object));
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".into(), page.version.to_string().into());
    if let Some(limit) = page.limit.filter(|limit| objects.len() > *limit) {
        let rest = objects.split_off(limit);
        if let Some(last) = objects.last() {
            metadata.insert("continue".into(), page.token(resource, last).into());
        }
        if call.query("labelSelector").is_empty() && call.query("fieldSelector").is_empty() {
            metadata.insert("remainingItemCount".into(), rest.len().into());
        }
    }
    Ok(Answer::Json(200, document(call, resource, &objects, metadata)))
}

fn document(call: &Call, resource: &Resource, objects: &[Arc<Value>], metadata: Map<String, Value>) -> Value {
    if call.wants_metadata_only() {
        let items: Vec<Value> = objects.iter().map(|object| metadata_only(object)).collect();
        return json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items
        });
    }
    // The items of a list do not say their kind again.
    let items: Vec<Value> = objects.iter().map(|object| without_kind(object)).collect();
    json!({
        "kind": format!("{}List", resource.kind), "apiVersion": resource.api_version(),
        "metadata": metadata, "items": items
    })
}

fn without_kind(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    object
}

/// Only the metadata of an object.
pub(super) fn metadata_only(object: &Value) -> Value {
    let mut found = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"});
    set(&mut found, &["metadata"], object.get("metadata").cloned().unwrap_or_default());
    found
}

/// A resource version from a query; 0 when absent.
pub(super) fn version(text: &str) -> Result<u64, Failure> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        Failure::bad_request(format!(
            "invalid resource version \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
        ))
    })
}

/// Where a page of a list begins and how long it is.
struct Page {
    limit: Option<usize>,
    version: u64,
    after: Option<(String, String)>,
}

impl Page {
    fn read(state: &State, call: &Call) -> Result<Self, Failure> {
        let limit = call.query("limit").parse::<usize>().ok().filter(|limit| *limit > 0);
        let token = call.query("continue");
        if token.is_empty() {
            return Ok(Self { limit, version: state.version, after: None });
        }
        let invalid = || Failure::bad_request("continue key is not valid: illegal base64 data");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
        let (version, namespace, name): (i64, String, String) =
            serde_json::from_slice(&bytes).map_err(|_| invalid())?;
        let after = Some((namespace.clone(), name.clone()));
        // A negative version says: go on with whatever is there now.
        let Ok(wanted) = u64::try_from(version) else {
            return Ok(Self { limit, version: state.version, after });
        };
        if wanted < state.oldest {
            return Err(Failure::expired_continue(&encode(-1, &namespace, &name)));
        }
        Ok(Self { limit, version: wanted, after })
    }

    fn is_after(&self, resource: &Resource, object: &Value) -> bool {
        let key = key_of(resource, object);
        self.after.as_ref().is_none_or(|(namespace, name)| (&key.1, &key.2) > (namespace, name))
    }

    fn token(&self, resource: &Resource, last: &Value) -> String {
        let key = key_of(resource, last);
        encode(i64::try_from(self.version).unwrap_or(-1), &key.1, &key.2)
    }
}

fn encode(version: i64, namespace: &str, name: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!([version, namespace, name]).to_string())
}
