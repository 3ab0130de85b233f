//! An OCI registry that only answers what a tag means: manifests and their digests. Every image of the world is in it.

use super::images::{self, OWNER};
use super::world::World;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The registry.
pub(super) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/v2/" || path == "/v2" {
        return answer(200, "application/json", "{}".into(), None, request.method());
    }
    let rest = path.strip_prefix("/v2/").and_then(|rest| rest.split_once("/manifests/"));
    let Some((name, word)) = rest.filter(|_| [Method::GET, Method::HEAD].contains(request.method())) else {
        return refuse("UNSUPPORTED", 404, request.method());
    };
    let service = name.strip_prefix(&format!("{OWNER}/")).unwrap_or_default();
    let state = world.lock();
    let Some(found) = state.services.iter().find(|other| other.script.name == service) else {
        return refuse("NAME_UNKNOWN", 404, request.method());
    };
    let tag = found.script.tags.iter().find(|tag| *tag == word || images::digest(service, tag) == word);
    match tag {
        Some(tag) => {
            let digest = images::digest(service, tag);
            answer(200, MANIFEST, images::manifest(service, tag), Some(&digest), request.method())
        }
        None => refuse("MANIFEST_UNKNOWN", 404, request.method()),
    }
}

fn refuse(code: &str, status: u16, method: &Method) -> Response {
    let body = format!(
        "{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"{}\"}}]}}",
        code.to_lowercase().replace('_', " ")
    );
    answer(status, "application/json", body, None, method)
}

fn answer(status: u16, kind: &'static str, body: String, digest: Option<&str>, method: &Method) -> Response {
    let length = body.len();
    let mut response = Response::new(if method == Method::HEAD { Body::empty() } else { Body::from(body) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("content-length", length.into());
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    if let Some(digest) = digest.and_then(|digest| HeaderValue::from_str(digest).ok()) {
        headers.insert("docker-content-digest", digest);
    }
    response
}
