//! Requests and answers: the token, the routes, pages, and what is refused.

use super::shape::{self, approved_job, run_id};
use super::{Awx, End, Entry, Role, Template, holder};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase};
use crate::sandbox::world::World;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Items of a page, unless asked for otherwise; and the most.
const PAGE: usize = 25;
const LARGEST: usize = 200;
/// The number of the first template.
const FIRST: u64 = 10;

/// The API.
pub(in crate::sandbox) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

/// A status and a document; a text for an output.
type Answer = Result<(u16, Value), (u16, Value)>;

struct Call {
    method: Method,
    path: Vec<String>,
    target: String,
    query: Vec<(String, String)>,
    login: &'static str,
    role: Role,
    now: Timestamp,
}

impl Call {
    fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut state = world.lock();
    let now = state.now;
    let path = parts.uri.path().to_owned();
    if !path.ends_with('/') {
        // A redirected POST arrives as a GET: whatever it wanted does not happen.
        let mut response = respond(Ok((301, Value::Null)), now);
        if let Ok(there) = HeaderValue::from_str(&format!("{path}/")) {
            response.headers_mut().insert("location", there);
        }
        return response;
    }
    if path == "/api/" {
        let root = json!({"description": "AWX REST API", "current_version": "/api/v2/", "available_versions": {"v2": "/api/v2/"}});
        return respond(Ok((200, root)), now);
    }
    let answer = admitted(&parts.headers).and_then(|(login, role)| {
        let below = path.strip_prefix("/api/v2/").ok_or_else(missing)?;
        let call = Call {
            method: parts.method.clone(),
            path: below.trim_end_matches('/').split('/').map(crate::sandbox::github::decode).collect(),
            target: parts.uri.to_string(),
            query: crate::sandbox::form(parts.uri.query().unwrap_or_default()),
            login,
            role,
            now,
        };
        route(&mut state.ci.awx, &call)
    });
    respond(answer, now)
}

fn respond(answer: Answer, now: Timestamp) -> Response {
    let (status, body) = match answer {
        Ok(told) | Err(told) => told,
    };
    let (kind, body) = match body {
        Value::Null => ("application/json", String::new()),
        Value::String(text) => ("text/plain; charset=utf-8", text),
        document => ("application/json", document.to_string()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [("content-type", kind), ("date", &date), ("x-api-node", "awx-1")] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn no(status: u16, detail: &str) -> (u16, Value) {
    (status, json!({ "detail": detail }))
}

fn missing() -> (u16, Value) {
    no(404, "Not found.")
}

fn admitted(headers: &HeaderMap) -> Result<(&'static str, Role), (u16, Value)> {
    let Some(header) = headers.get("authorization").and_then(|value| value.to_str().ok()) else {
        return Err(no(
            401,
            "Authentication credentials were not provided. To establish a login session, visit /api/login/.",
        ));
    };
    let found = header.strip_prefix("Bearer ").and_then(holder);
    found.ok_or_else(|| {
        no(
            401,
            "Authentication credentials were not provided. To establish a login session, visit /api/login/.",
        )
    })
}

fn route(awx: &mut Awx, call: &Call) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().map_err(|_| missing());
    match (call.method == Method::GET, call.method == Method::POST, path.as_slice()) {
        (true, _, ["me"]) => page(vec![shape::user(call.login)], call),
        (true, _, ["workflow_job_templates"]) => templates(awx, call),
        (true, _, ["workflow_job_templates", id, "workflow_jobs"]) => {
            let id = number(id)?;
            let index = usize::try_from(id.checked_sub(FIRST).ok_or_else(missing)?).map_err(|_| missing())?;
            let template = awx.templates.get(index).ok_or_else(missing)?;
            let mut all: Vec<Value> =
                template.entries.iter().map(|entry| shape::workflow_job(template, entry, id)).collect();
            if call.asked("order_by") == Some("-id") {
                all.reverse();
            }
            page(all, call)
        }
        (true, _, ["workflow_jobs", id]) => {
            let (place, template, entry) = run(awx, number(id)?)?;
            Ok((200, shape::workflow_job(template, entry, place)))
        }
        (true, _, ["workflow_jobs", id, "workflow_nodes"]) => {
            let (_, _, entry) = run(awx, number(id)?)?;
            page(shape::nodes(entry), call)
        }
        (true, _, ["workflow_approvals"]) => {
            let waiting = match call.asked("status") {
                Some("pending") => shape::waiting(&awx.templates, call.role),
                _ => return Err(no(400, "this world filters approvals by status=pending only")),
            };
            page(waiting.into_iter().map(|(_, approval)| approval).collect(), call)
        }
        (true, _, ["workflow_approvals", id]) => {
            let (place, template, entry, job) = approval(awx, number(id)?)?;
            Ok((200, shape::approval((template, place), entry, job, call.role).ok_or_else(missing)?))
        }
        (true, _, ["jobs", id, "stdout"]) => {
            let id = number(id)?;
            let mut all = awx.templates.iter().flat_map(|t| &t.entries);
            let found = all.find_map(|entry| {
                let job = entry.run.jobs.iter().find(|job| shape::job_id(job.id) == id)?;
                Some(shape::output(job, &entry.run))
            });
            Ok((200, found.ok_or_else(missing)?.into()))
        }
        (_, true, ["workflow_approvals", id, word @ ("approve" | "deny")]) => {
            decide(awx, number(id)?, word, call)
        }
        (_, true, ["workflow_jobs", id, "cancel"]) => cancel(awx, number(id)?, call),
        (_, true, _) => Err(no(405, "Method \"POST\" not allowed.")),
        _ => Err(missing()),
    }
}

fn templates(awx: &Awx, call: &Call) -> Answer {
    let named = |template: &&Template| {
        let name = call.asked("name").is_none_or(|name| shape::template_name(template) == name);
        name && call.asked("organization__name").is_none_or(|name| name == OWNER)
    };
    let all = (FIRST..).zip(&awx.templates).filter(|(_, template)| named(template));
    page(all.map(|(place, template)| shape::template(template, place)).collect(), call)
}

fn page(items: Vec<Value>, call: &Call) -> Answer {
    let size = call.asked("page_size").and_then(|size| size.parse().ok()).unwrap_or(PAGE).clamp(1, LARGEST);
    let number: usize = call.asked("page").map_or(Ok(1), str::parse).map_err(|_| no(404, "Invalid page."))?;
    let count = items.len();
    if number == 0 || (number > 1 && (number - 1) * size >= count) {
        return Err(no(404, "Invalid page."));
    }
    let more = number * size < count;
    let bare = call.target.split('?').next().unwrap_or_default();
    let at = |number: usize| format!("{bare}?page={number}&page_size={size}");
    let results: Vec<Value> = items.into_iter().skip((number - 1) * size).take(size).collect();
    Ok((
        200,
        json!({"count": count, "next": more.then(|| at(number + 1)), "previous": (number > 1).then(|| at(number - 1)),
            "results": results}),
    ))
}

fn run(awx: &Awx, id: u64) -> Result<(u64, &Template, &Entry), (u16, Value)> {
    let all = (FIRST..).zip(&awx.templates);
    let mut all = all.flat_map(|(place, t)| t.entries.iter().map(move |entry| (place, t, entry)));
    all.find(|(.., entry)| run_id(&entry.run) == id)
        .ok_or_else(|| no(404, "No WorkflowJob matches the given query."))
}

fn approval(awx: &Awx, id: u64) -> Result<(u64, &Template, &Entry, &Job), (u16, Value)> {
    let none = || no(404, "No WorkflowApproval matches the given query.");
    let wanted = approved_job(id).ok_or_else(none)?;
    let all = (FIRST..).zip(&awx.templates);
    let mut all = all.flat_map(|(place, t)| t.entries.iter().map(move |entry| (place, t, entry)));
    all.find_map(|(place, template, entry)| {
        let job = entry.run.current().find(|job| job.id == wanted && job.plan.held)?;
        shape::approval_word(entry, job).map(|_| (place, template, entry, job))
    })
    .ok_or_else(none)
}

/// Approves or denies, at once.
fn decide(awx: &mut Awx, id: u64, word: &str, call: &Call) -> Answer {
    // What there is not is a bad request, here.
    let job = approval(awx, id).map_err(|_| no(400, "Bad request.")).map(|(.., job)| (job.id, job.phase))?;
    if call.role != Role::Approve {
        return Err(no(403, "You do not have permission to perform this action."));
    }
    if job.1 != Phase::Held {
        return Err((400, json!({"error": "This workflow step has already been approved or denied."})));
    }
    for entry in awx.templates.iter_mut().flat_map(|t| &mut t.entries) {
        let done = match word {
            "approve" => entry.run.let_go(job.0, call.login, call.now),
            _ => entry.run.turn_down(job.0, call.login, call.now),
        };
        if done {
            return Ok((204, Value::Null));
        }
    }
    Err(missing())
}

fn cancel(awx: &mut Awx, id: u64, call: &Call) -> Answer {
    run(awx, id)?;
    if call.role != Role::Approve {
        return Err(no(403, "You do not have permission to perform this action."));
    }
    let mut all = awx.templates.iter_mut().flat_map(|t| &mut t.entries);
    let Some(entry) = all.find(|entry| run_id(&entry.run) == id) else { return Err(missing()) };
    if !entry.run.cancel(call.login, call.now) {
        return Err(no(405, "Method \"POST\" not allowed."));
    }
    entry.end = Some(End::Cancelled);
    Ok((202, Value::Null))
}
