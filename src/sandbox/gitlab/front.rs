//! Requests and answers: the token, the routes, pages, and what is refused.

use super::{
    DEVELOPER_TOKEN, GitLab, OPERATOR_TOKEN, OTHER_TOKEN, Project, READ_TOKEN, act, deployment_id, shape,
};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase, Run};
use crate::sandbox::world::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cmp::Reverse;

/// An answer, or a refusal with its message.
pub(super) type Answer = Result<(u16, Told), (u16, Value)>;

/// What is told.
pub(super) enum Told {
    One(Value),
    List(Vec<Value>),
    Text(String),
}

pub(super) struct Call {
    pub(super) login: &'static str,
    pub(super) body: Value,
    pub(super) now: Timestamp,
    query: Vec<(String, String)>,
    path: String,
}

impl Call {
    fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The API.
pub(in crate::sandbox) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut state = world.lock();
    let now = state.now;
    let gitlab = &mut state.ci.gitlab;
    let base = gitlab.base.clone();
    let write = parts.method != Method::GET;
    let path = parts.uri.path().to_owned();
    let mut call = Call {
        login: "",
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        now,
        query: crate::sandbox::form(parts.uri.query().unwrap_or_default()),
        path: path.clone(),
    };
    let answer = admitted(&parts.headers, write).and_then(|login| {
        call.login = login;
        let below = path.strip_prefix("/api/v4/").ok_or_else(|| no(404, "404 Not Found"))?;
        let segments: Vec<String> = below.split('/').map(crate::sandbox::github::decode).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        route(gitlab, &call, (&parts.method, &segments))
    });
    drop(state);
    respond(answer, &call, &base)
}

fn respond(answer: Answer, call: &Call, base: &str) -> Response {
    let mut headers = vec![
        ("date", call.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("ratelimit-limit", "2000".to_owned()),
        ("ratelimit-remaining", "1990".to_owned()),
        ("ratelimit-observed", "10".to_owned()),
        ("ratelimit-reset", (call.now.as_second() + 30).to_string()),
    ];
    let json = ("content-type", "application/json".to_owned());
    let (status, body) = match answer {
        Ok((status, Told::One(value))) => {
            headers.push(json);
            (status, value.to_string())
        }
        Ok((status, Told::Text(text))) => {
            headers.push(("content-type", "text/plain; charset=utf-8".to_owned()));
            (status, text)
        }
        Ok((status, Told::List(items))) => {
            headers.push(json);
            (status, page(items, call, base, &mut headers))
        }
        Err((status, value)) => {
            headers.push(json);
            (status, value.to_string())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// One page of a list, with the links to the others.
fn page(items: Vec<Value>, call: &Call, base: &str, headers: &mut Vec<(&'static str, String)>) -> String {
    let number = |name, default: usize| call.param(name).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (size, page) = (number("per_page", 20).clamp(1, 100), number("page", 1).max(1));
    let last = items.len().div_ceil(size).max(1);
    if page < last {
        let mut query: Vec<(&str, String)> = call
            .query
            .iter()
            .filter(|(name, _)| name != "page")
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        query.push(("page", (page + 1).to_string()));
        let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.push(("link", format!("<{base}{}?{}>; rel=\"next\"", call.path, query.join("&"))));
        headers.push(("x-next-page", (page + 1).to_string()));
    }
    let items: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
    Value::Array(items).to_string()
}

pub(super) fn no(status: u16, message: &str) -> (u16, Value) {
    (status, json!({ "message": message }))
}

/// Whose request it is.
fn admitted(headers: &HeaderMap, write: bool) -> Result<&'static str, (u16, Value)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match bearer.or_else(|| text("private-token")) {
        Some(OPERATOR_TOKEN) => Ok("mara"),
        Some(OTHER_TOKEN) => Ok("omar"),
        Some(DEVELOPER_TOKEN) => Ok("yuki"),
        Some(READ_TOKEN) if write => Err((
            403,
            json!({"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": "api"}),
        )),
        Some(READ_TOKEN) => Ok("mara"),
        _ => Err(no(401, "401 Unauthorized")),
    }
}

fn route(gitlab: &mut GitLab, call: &Call, (method, path): (&Method, &[&str])) -> Answer {
    let get = *method == Method::GET;
    match path {
        ["user"] if get => Ok((200, Told::One(shape::user(&gitlab.base, call.login)))),
        ["projects", name, rest @ ..] => {
            let fits = |project: &Project| {
                project.id.to_string() == *name || format!("{OWNER}/{}", project.script.name) == *name
            };
            let index =
                gitlab.projects.iter().position(fits).ok_or_else(|| no(404, "404 Project Not Found"))?;
            in_project(gitlab, index, call, (method, rest))
        }
        _ => Err((404, json!({"error": "404 Not Found"}))),
    }
}

/// Every job that deploys, with its run.
fn deploying(project: &Project) -> impl Iterator<Item = (&Run, &Job)> {
    project.runs.iter().flat_map(|run| run.jobs.iter().map(move |job| (run, job))).filter(|(_, job)| {
        // A deployment is made when its job is: as soon as what it needs is done.
        job.plan.environment.is_some() && !matches!(job.phase, Phase::Created | Phase::Skipped)
    })
}

fn in_project(gitlab: &mut GitLab, index: usize, call: &Call, (method, rest): (&Method, &[&str])) -> Answer {
    let missing = || no(404, "404 Not found");
    let base = gitlab.base.clone();
    let project = gitlab.projects.get(index).ok_or_else(missing)?;
    let (get, post) = (*method == Method::GET, *method == Method::POST);
    let run_of = |id: &str| project.runs.iter().find(|run| run.id.to_string() == id).ok_or_else(missing);
    match rest {
        [] if get => Ok((
            200,
            Told::One(
                json!({"id": project.id, "path_with_namespace": format!("{OWNER}/{}", project.script.name)}),
            ),
        )),
        ["pipelines"] if get => {
            let mut runs: Vec<&Run> = project.runs.iter().collect();
            if let Some(reference) = call.param("ref") {
                runs.retain(|run| run.version == reference);
            }
            if call.param("sort") != Some("asc") {
                runs.reverse();
            }
            let all = runs.into_iter().map(|run| shape::pipeline(&base, project, run)).collect();
            Ok((200, Told::List(all)))
        }
        ["pipelines", id, below @ ..] if get => of_pipeline(&base, project, run_of(id)?, call, below),
        ["jobs", id, rest @ ..] if get => {
            let pairs = project.runs.iter().flat_map(|run| run.jobs.iter().map(move |job| (run, job)));
            let (run, job) =
                pairs.into_iter().find(|(_, job)| job.id.to_string() == *id).ok_or_else(missing)?;
            match rest {
                [] => Ok((200, Told::One(shape::job(&base, project, run, job)))),
                ["trace"] => Ok((200, Told::Text(shape::trace(run, job)))),
                _ => Err(missing()),
            }
        }
        ["deployments"] if get => deployments(&base, project, call),
        ["deployments", id] if get => {
            let found = deploying(project).find(|(_, job)| deployment_id(job.id).to_string() == *id);
            let (run, job) = found.ok_or_else(missing)?;
            Ok((200, Told::One(shape::deployment_whole(&base, project, run, job))))
        }
        ["freeze_periods"] if get => Ok((200, Told::List(Vec::new()))),
        _ if post => act::act(gitlab, index, call, rest),
        _ => Err((404, json!({"error": "404 Not Found"}))),
    }
}

/// One pipeline, and what lies below it.
fn of_pipeline(base: &str, project: &Project, run: &Run, call: &Call, below: &[&str]) -> Answer {
    match below {
        [] => Ok((200, Told::One(shape::pipeline_whole(base, project, run)))),
        ["jobs"] => {
            let retried = call.param("include_retried") == Some("true");
            let mut jobs: Vec<&Job> = run.jobs.iter().filter(|job| retried || !job.retried).collect();
            jobs.sort_by_key(|job| Reverse(job.id));
            let all = jobs.into_iter().map(|job| shape::job(base, project, run, job)).collect();
            Ok((200, Told::List(all)))
        }
        ["bridges"] => Ok((200, Told::List(Vec::new()))),
        ["test_report_summary"] => Ok((200, Told::One(shape::test_summary(run)))),
        ["test_report"] => Ok((200, Told::One(shape::test_report()))),
        _ => Err((404, json!({"error": "404 Not Found"}))),
    }
}

fn deployments(base: &str, project: &Project, call: &Call) -> Answer {
    let order = call.param("order_by").unwrap_or("id");
    if call.param("updated_after").is_some() && order != "updated_at" {
        return Err(no(400, "400 Bad request - `updated_at` filter and `updated_at` sorting must be paired"));
    }
    let mut all: Vec<(&Run, &Job)> = deploying(project)
        .filter(|(_, job)| call.param("environment").is_none_or(|name| job.plan.environment == Some(name)))
        .filter(|(_, job)| {
            call.param("status").is_none_or(|status| shape::deployment_status(project, job) == status)
        })
        .collect();
    // Oldest first, unless asked otherwise.
    all.sort_by_key(|(_, job)| job.id);
    if call.param("sort") == Some("desc") {
        all.reverse();
    }
    let all = all.into_iter().map(|(run, job)| shape::deployment(base, project, run, job)).collect();
    Ok((200, Told::List(all)))
}
