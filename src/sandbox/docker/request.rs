//! The HTTP side of the engine: versions in the path, routes, headers and errors.

use super::filters::Filters;
use super::state::{Membership, State};
use super::system::{self, NEWEST, OLDEST};
use super::task::TaskState;
use super::update::Request as Update;
use super::{Engine, WriteRecord};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::stream::{Stream, unfold};
use serde_json::{Value, json};
use std::convert::Infallible;

const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A refusal: status and sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
}

impl Refusal {
    /// A refusal with the engine's own words.
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn no_page() -> Self {
        Self::new(404, "page not found")
    }
}

struct Call {
    method: Method,
    path: String,
    path_and_query: String,
    query: Vec<(String, String)>,
    body: Bytes,
}

impl Call {
    fn query(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    fn flag(&self, name: &str) -> bool {
        !matches!(self.query(name).to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
    }
}

enum Answer {
    Json(Value),
    /// 201.
    Made(Value),
    /// 204.
    Done,
    Ping,
    Events(usize),
}

/// The engine's routes: one handler, as every path may carry a version.
pub(super) fn router(engine: Engine) -> Router {
    Router::new().fallback(move |request: Request| {
        let engine = engine.clone();
        async move { handle(engine, request).await }
    })
}

async fn handle(engine: Engine, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => return refused(&Refusal::new(400, error.to_string())),
    };
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|q| q.0).unwrap_or_default();
    let call = Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        path_and_query: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        query,
        body,
    };
    let (answer, role) = engine.change(|state| {
        let answer = serve(state, &call);
        record(state, &call, &answer);
        (answer, state.membership)
    });
    let mut response = match answer {
        Ok(Answer::Json(value)) => plain(200, "application/json", format!("{value}\n")),
        Ok(Answer::Made(value)) => plain(201, "application/json", format!("{value}\n")),
        Ok(Answer::Done) => plain(204, "application/json", String::new()),
        Ok(Answer::Ping) => ping(&call.method, role),
        Ok(Answer::Events(from)) => {
            let mut response = Response::new(Body::from_stream(events(engine, from)));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(refusal) => refused(&refusal),
    };
    let own = [
        ("api-version", "1.47"),
        ("docker-experimental", "false"),
        ("ostype", "linux"),
        ("server", "Docker/27.5.1 (linux)"),
    ];
    for (name, value) in own {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn plain(status: u16, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn refused(refusal: &Refusal) -> Response {
    if refusal.status == 304 {
        return plain(304, "application/json", String::new());
    }
    plain(refusal.status, "application/json", format!("{}\n", json!({"message": refusal.message})))
}

fn ping(method: &Method, role: Membership) -> Response {
    let body = if method == Method::HEAD { String::new() } else { "OK".to_owned() };
    let mut response = plain(200, "text/plain; charset=utf-8", body);
    let swarm = match role {
        Membership::Manager => "active/manager",
        Membership::Worker => "active/worker",
        Membership::Outside => "inactive",
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert("builder-version", HeaderValue::from_static("2"));
    headers.insert("swarm", HeaderValue::from_static(swarm));
    response
}

fn record(state: &mut State, call: &Call, answer: &Result<Answer, Refusal>) {
    if ![Method::POST, Method::PUT, Method::DELETE, Method::PATCH].contains(&call.method) {
        return;
    }
    let entry = WriteRecord {
        at: state.clock,
        method: call.method.to_string(),
        path: call.path_and_query.clone(),
        body: String::from_utf8_lossy(&call.body).into_owned(),
        status: match answer {
            Ok(Answer::Made(_)) => 201,
            Ok(Answer::Done) => 204,
            Ok(_) => 200,
            Err(refusal) => refusal.status,
        },
    };
    state.writes.push(entry);
}

/// Takes `/v1.43` off the path; 400 for a version that this engine does not speak.
fn unversioned(path: &str) -> Result<&str, Refusal> {
    let Some((version, rest)) = path.strip_prefix("/v").and_then(|p| p.split_once('/')) else {
        return Ok(path);
    };
    let Some((Ok(major), Ok(minor))) =
        version.split_once('.').map(|(a, b)| (a.parse::<u32>(), b.parse::<u32>()))
    else {
        return Ok(path);
    };
    if (major, minor) > NEWEST {
        let message = format!(
            "client version {version} is too new. Maximum supported API version is {}.{}",
            NEWEST.0, NEWEST.1
        );
        return Err(Refusal::new(400, message));
    }
    if (major, minor) < OLDEST {
        let message = format!(
            "client version {version} is too old. Minimum supported API version is {}.{}, please upgrade your client \
             to a newer version",
            OLDEST.0, OLDEST.1
        );
        return Err(Refusal::new(400, message));
    }
    let at = path.len() - rest.len() - 1;
    Ok(path.get(at..).unwrap_or(path))
}

fn serve(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let path = unversioned(&call.path)?.to_owned();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let read = call.method == Method::GET || call.method == Method::HEAD;
    if read && path == "/_ping" {
        return Ok(Answer::Ping);
    }
    if call.method == Method::GET && path == "/events" {
        return Ok(Answer::Events(state.events.len()));
    }
    if call.method == Method::POST
        && let Some(answer) = write_container(state, call, &segments)?
    {
        return Ok(answer);
    }
    let swarm = ["services", "tasks", "nodes"].contains(segments.first().unwrap_or(&""));
    if swarm && known(call, &segments) {
        member(state)?;
    }
    let answer = match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["version"]) => system::version(),
        ("GET", ["info"]) => state.info(),
        ("GET", ["services"]) => services(state, call)?,
        ("GET", ["services", reference]) => service(state, reference)?,
        ("POST", ["services", reference, "update"]) => state.update_service(&Update {
            service: reference,
            version: call.query("version"),
            rollback: call.query("rollback"),
            auth_from: call.query("registryAuthFrom"),
            body: &call.body,
        })?,
        ("GET", ["tasks"]) => tasks(state, call)?,
        ("GET", ["tasks", id]) => task(state, id)?,
        ("GET", ["nodes"]) => Value::Array(vec![state.node_json()]),
        ("GET", ["nodes", reference]) => node(state, reference)?,
        ("GET", ["containers", "json"]) => state.containers(call.flag("all"), call.query("filters"))?,
        ("GET", ["containers", reference, "json"]) => state.container(reference)?,
        ("GET", ["images", name @ .., "json"]) if !name.is_empty() => image(state, &name.join("/"))?,
        ("GET", ["distribution", name @ .., "json"]) if !name.is_empty() => {
            distribution(state, &name.join("/"))?
        }
        _ => return Err(Refusal::no_page()),
    };
    Ok(Answer::Json(answer))
}

/// The writes about containers of no swarm.
fn write_container(state: &mut State, call: &Call, segments: &[&str]) -> Result<Option<Answer>, Refusal> {
    Ok(Some(match segments {
        ["containers", "create"] => {
            Answer::Made(state.create_container(call.query("name"), &call.body, version(&call.path))?)
        }
        ["containers", reference, "start"] => state.start_container(reference).map(|()| Answer::Done)?,
        ["containers", reference, "restart"] => state.restart_container(reference).map(|()| Answer::Done)?,
        ["containers", reference, "stop"] => state.stop_container(reference).map(|()| Answer::Done)?,
        ["networks", network, "connect"] => {
            state.connect_container(network, &call.body)?;
            return Ok(Some(Answer::Json(Value::Null)));
        }
        _ => return Ok(None),
    }))
}

/// The version in the path, else the newest.
fn version(path: &str) -> (u32, u32) {
    let named = path.strip_prefix("/v").and_then(|p| p.split_once('/')).and_then(|(v, _)| v.split_once('.'));
    named.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))).unwrap_or(NEWEST)
}

fn known(call: &Call, segments: &[&str]) -> bool {
    match call.method {
        Method::GET => segments.len() <= 2,
        Method::POST => matches!(segments, ["services", _, "update"]),
        _ => false,
    }
}

fn member(state: &State) -> Result<(), Refusal> {
    let message = match state.membership {
        Membership::Manager => return Ok(()),
        Membership::Worker => {
            "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run \
             this command on a manager node or promote the current node to a manager."
        }
        Membership::Outside => {
            "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node \
             to swarm and try again."
        }
    };
    Err(Refusal::new(503, message))
}

fn services(state: &State, call: &Call) -> Result<Value, Refusal> {
    let filters = Filters::parse(call.query("filters"), &["id", "name", "label", "mode", "runtime"])?;
    let mut found = Vec::new();
    for service in state.services.values() {
        let mode = if service.spec.pointer("/Mode/Global").is_some() { "global" } else { "replicated" };
        let fits = filters.any("id", |id| service.id.starts_with(id))
            && filters.any("name", |name| service.name().starts_with(name))
            && filters.any("mode", |wanted| wanted == mode)
            && filters.labels(service.spec.get("Labels"));
        if !fits {
            continue;
        }
        let mut shown = service.json();
        if let (true, Some(fields)) = (call.flag("status"), shown.as_object_mut()) {
            // What is being shut down still counts for as long as it runs.
            let running = |t: &&super::task::Task| t.service == service.id && t.state == TaskState::Running;
            let running = state.tasks.iter().filter(running).count();
            let status =
                json!({"RunningTasks": running, "DesiredTasks": service.replicas(), "CompletedTasks": 0});
            fields.insert("ServiceStatus".into(), status);
        }
        found.push(shown);
    }
    Ok(Value::Array(found))
}

fn service(state: &State, reference: &str) -> Result<Value, Refusal> {
    let found = state.find(reference);
    found
        .map(super::state::Service::json)
        .ok_or_else(|| Refusal::new(404, format!("service {reference} not found")))
}

fn tasks(state: &State, call: &Call) -> Result<Value, Refusal> {
    let filters = Filters::parse(
        call.query("filters"),
        &["id", "name", "label", "service", "node", "desired-state", "runtime", "_up-to-date"],
    )?;
    let mut services = Vec::new();
    for reference in filters.values("service") {
        let found = state.find(reference);
        let found = found.ok_or_else(|| Refusal::new(404, format!("service {reference} not found")))?;
        services.push(found.id.clone());
    }
    for reference in filters.values("node") {
        node(state, reference)?;
    }
    for wanted in filters.values("desired-state") {
        if !["running", "shutdown", "accepted"].contains(&wanted.as_str()) {
            return Err(Refusal::new(500, format!("Invalid desired-state filter: '{wanted}'")));
        }
    }
    let chosen = state.tasks.iter().filter(|task| {
        let service = state.services.get(&task.service);
        (services.is_empty() || services.contains(&task.service))
            && filters.any("id", |id| task.id.starts_with(id))
            && filters.any("name", |name| state.container_name(task).starts_with(name))
            // Exactly: a task that is still to become running is wanted as ready.
            && filters.any("desired-state", |wanted| wanted == task.desired)
            // The command-line client asks with this one how far an update has come.
            && filters.any("_up-to-date", |wanted| (wanted == "true") == state.is_current(task))
            // A task answers to its service's labels, although it shows none of its own.
            && filters.labels(service.and_then(|service| service.spec.get("Labels")))
    });
    Ok(Value::Array(chosen.map(|task| task.json(&state.node)).collect()))
}

fn task(state: &State, id: &str) -> Result<Value, Refusal> {
    let found = state.tasks.iter().find(|task| task.id == id);
    found.map(|task| task.json(&state.node)).ok_or_else(|| Refusal::new(404, format!("task {id} not found")))
}

fn node(state: &State, reference: &str) -> Result<Value, Refusal> {
    let found = reference == "self" || reference == "node-1" || state.node.starts_with(reference);
    if found { Ok(state.node_json()) } else { Err(Refusal::new(404, format!("node {reference} not found"))) }
}

fn image(state: &State, name: &str) -> Result<Value, Refusal> {
    let found = state.images.inspect(name);
    found.ok_or_else(|| Refusal::new(404, format!("No such image: {name}")))
}

fn distribution(state: &State, name: &str) -> Result<Value, Refusal> {
    let found = state.images.distribution(name);
    found.ok_or_else(|| Refusal::new(404, "manifest unknown: manifest unknown"))
}

/// The events from now on, as JSON lines.
fn events(engine: Engine, from: usize) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let woken = engine.shared.moved.subscribe();
    unfold((engine, from, woken), |(engine, next, mut woken)| async move {
        loop {
            woken.mark_unchanged();
            let event = engine.look().events.get(next).cloned();
            if let Some(event) = event {
                return Some((Ok(Bytes::from(format!("{event}\n"))), (engine, next + 1, woken)));
            }
            if woken.changed().await.is_err() {
                return None;
            }
        }
    })
}
