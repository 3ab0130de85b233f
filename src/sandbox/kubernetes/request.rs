//! The HTTP side: who asks, for what, and which part of the server answers. Holds no object.

use super::access::User;
use super::resource::Resource;
use super::status::{Failure, Target};
use super::store::State;
use super::watch::Watch;
use super::{Cluster, WriteRecord, accessreview, discovery, rest, watch, write};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// The server's limit for a request body, in bytes.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// One request as the handlers see it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Call {
    /// A query parameter; empty when absent.
    pub(super) fn query(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// A header; empty when absent or not text.
    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The field manager: the one named, or the first word of the user agent.
    pub(super) fn manager(&self) -> &str {
        let named = self.query("fieldManager");
        if !named.is_empty() {
            return named;
        }
        let agent = self.header(header::USER_AGENT).split(['/', ' ']).next().unwrap_or_default();
        if agent.is_empty() { "unknown" } else { agent }
    }

    /// Whether the request asks for metadata only.
    pub(super) fn wants_metadata_only(&self) -> bool {
        let first = self.header(header::ACCEPT).split(',').next().unwrap_or_default().replace(' ', "");
        first.contains("as=PartialObjectMetadata")
            && first.contains("g=meta.k8s.io")
            && first.contains("v=v1")
    }

    /// The first word of the bearer token's user, if anybody knows it.
    fn user<'a>(&self, state: &'a State) -> Option<&'a User> {
        let token = self.header(header::AUTHORIZATION).strip_prefix("Bearer ")?;
        state.users.get(token.trim())
    }

    fn path_and_query(&self) -> String {
        self.uri.path_and_query().map(ToString::to_string).unwrap_or_default()
    }
}

/// What a handler answers.
pub(super) enum Answer {
    /// One JSON document.
    Json(u16, Value),
    /// Plain text.
    Text(&'static str),
    /// A stream of events.
    Watch(Box<Watch>),
}

/// The API server's routes: one handler, as every path is data.
pub(super) fn router(cluster: Cluster) -> Router {
    Router::new().fallback(move |request: Request| {
        let cluster = cluster.clone();
        async move { handle(cluster, request).await }
    })
}

async fn handle(cluster: Cluster, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return failure(&Failure::too_large_body());
    };
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|q| q.0).unwrap_or_default();
    let call = Call { method: parts.method, uri: parts.uri, headers: parts.headers, query, body };
    let answer = cluster.change(|state| {
        let answer = serve(state, &call);
        record(state, &call, &answer);
        answer
    });
    match answer {
        Ok(Answer::Json(code, value)) => json(code, &value),
        Ok(Answer::Text(text)) => text.into_response(),
        Ok(Answer::Watch(watch)) => {
            let mut response = Response::new(Body::from_stream(watch::stream(cluster, *watch)));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(refusal) => failure(&refusal),
    }
}

fn json(code: u16, value: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{value}\n")));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

fn failure(failure: &Failure) -> Response {
    json(failure.code, &failure.body())
}

/// Notes a mutating request in the ledger. A review asks a question; it changes nothing.
fn record(state: &mut State, call: &Call, answer: &Result<Answer, Failure>) {
    let mutating = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&call.method);
    if !mutating || accessreview::is_review(call.uri.path()) {
        return;
    }
    let status = match answer {
        Ok(Answer::Json(code, _)) => *code,
        Ok(_) => 200,
        Err(failure) => failure.code,
    };
    let entry = WriteRecord {
        at: state.clock,
        user: call.user(state).map(|user| user.name.clone()).unwrap_or_default(),
        method: call.method.to_string(),
        path: call.path_and_query(),
        body: String::from_utf8_lossy(&call.body).into_owned(),
        dry_run: !call.query("dryRun").is_empty(),
        status,
    };
    state.writes.push(entry);
}

fn serve(state: &mut State, call: &Call) -> Result<Answer, Failure> {
    let user = call.user(state).cloned().ok_or_else(Failure::unauthorized)?;
    let path = call.uri.path().trim_end_matches('/');
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let Some(answer) = accessreview::serve(state, call, &user, &segments) {
        return answer;
    }
    if let Some(answer) = discovery::serve(&segments) {
        return if call.method == Method::GET || call.method == Method::HEAD {
            Ok(answer)
        } else {
            Err(Failure::method_not_allowed())
        };
    }
    let Some(target) = target(&segments) else {
        return Err(Failure::no_such_resource());
    };
    let verb = verb(call, &target)?;
    if !user.may(verb, target.resource.group, target.namespace) {
        return Err(Failure::forbidden(&user.name, verb, &target));
    }
    match verb {
        "list" => rest::list(state, call, &target),
        "get" => rest::get(state, call, &target),
        "watch" => watch::open(state, call, &target),
        "create" => write::create(state, call, &target),
        "patch" => write::patch(state, call, &target),
        "update" => write::replace(state, call, &target),
        _ => write::delete(state, call, &target),
    }
}

fn target<'a>(segments: &[&'a str]) -> Option<Target<'a>> {
    let (group, rest) = match segments {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", "apps", "v1", rest @ ..] => ("apps", rest),
        ["apis", group, version, rest @ ..] if Resource::version_of(group) == Some(version) => (*group, rest),
        _ => return None,
    };
    let (namespace, plural, rest) = match rest {
        ["namespaces", namespace, plural, rest @ ..] if Resource::find(group, plural).is_some() => {
            (*namespace, *plural, rest)
        }
        [plural, rest @ ..] => ("", *plural, rest),
        [] => return None,
    };
    let resource = Resource::find(group, plural)?;
    let (name, subresource) = match rest {
        [] => ("", ""),
        [name] => (*name, ""),
        [name, sub @ ("status" | "scale")] if sub != &"scale" || group == "apps" => (*name, *sub),
        _ => return None,
    };
    let cluster_wide_name =
        resource.scope == super::resource::Scope::Namespaced && namespace.is_empty() && !name.is_empty();
    (!cluster_wide_name).then_some(Target { resource, subresource, namespace, name })
}

fn verb(call: &Call, target: &Target<'_>) -> Result<&'static str, Failure> {
    let collection = target.name.is_empty();
    match call.method {
        Method::GET | Method::HEAD if collection && watch::asked(call) => Ok("watch"),
        Method::GET | Method::HEAD if collection => Ok("list"),
        Method::GET | Method::HEAD => Ok("get"),
        Method::POST if collection => Ok("create"),
        Method::PATCH if !collection => Ok("patch"),
        Method::PUT if !collection => Ok("update"),
        Method::DELETE if !collection && target.subresource.is_empty() => Ok("delete"),
        _ => Err(Failure::method_not_allowed()),
    }
}
