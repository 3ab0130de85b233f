//! Flagger's load tester, as far as people use it: one gate and one rollback gate for each canary, closed until somebody
//! opens them, and open until somebody closes them. It asks nobody who they are, and knows no revision.

use super::{Cluster, WriteRecord};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

const BODY_LIMIT: usize = 1 << 20;

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

/// Its routes.
pub(super) fn router(cluster: Cluster) -> Router {
    Router::new().fallback(move |request: Request| {
        let cluster = cluster.clone();
        async move { handle(&cluster, request).await }
    })
}

async fn handle(cluster: &Cluster, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let constant = match path.as_str() {
        "/healthz" | "/gate/approve" => Some((StatusCode::OK, "OK")),
        "/gate/halt" => Some((StatusCode::FORBIDDEN, "Forbidden")),
        _ => None,
    };
    if let Some(constant) = constant {
        return constant.into_response();
    }
    let bytes = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let Ok(payload) = serde_json::from_slice::<Payload>(&bytes) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let door = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let (key, word) = match door {
        Some(("gate", word)) => (format!("{}.{}", payload.name, payload.namespace), word),
        Some(("rollback", word)) => (format!("rollback.{}.{}", payload.name, payload.namespace), word),
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    match word {
        "check" if cluster.change(|state| *state.gates.entry(key.clone()).or_default()) => {
            (StatusCode::OK, "Approved").into_response()
        }
        "check" => (StatusCode::FORBIDDEN, "Forbidden").into_response(),
        "open" | "close" => {
            let open = word == "open";
            cluster.change(|state| {
                state.gates.insert(key, open);
                state.writes.push(WriteRecord {
                    at: state.clock,
                    user: String::new(),
                    method: parts.method.to_string(),
                    path,
                    body: String::from_utf8_lossy(&bytes).into_owned(),
                    dry_run: false,
                    status: StatusCode::ACCEPTED.as_u16(),
                });
            });
            StatusCode::ACCEPTED.into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}
