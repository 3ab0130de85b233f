//! Requests and answers: the token, the routes, pages, and what is refused.

use super::shape::{self, APPROVAL, JOB, PIPELINE, WORKFLOW};
use super::{CircleCi, PROJECT_TOKEN, Project, Taken, What, Work, holder, number, person, uuid};
use crate::sandbox::history::PEOPLE;
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase, Run};
use crate::sandbox::world::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Items of one page.
const PAGE: usize = 20;

/// The API.
pub(in crate::sandbox) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

type Answer = Result<(u16, Value), (u16, String)>;

struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Value,
    login: &'static str,
    now: Timestamp,
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut state = world.lock();
    let now = state.now;
    if let Some(job) = parts.uri.path().strip_prefix("/output/") {
        let answer = stored(&state.ci.circleci, job, &parts.headers);
        return respond(answer, now);
    }
    let base =
        format!("http://{}", parts.headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or_default());
    let answer = admitted(&parts.headers).and_then(|login| {
        if let Some(below) = parts.uri.path().strip_prefix("/api/v1.1/project/") {
            return older(&state.ci.circleci, below, &base);
        }
        let segments = parts.uri.path().strip_prefix("/api/v2/").ok_or_else(|| no(404, "Not found."))?;
        let call = Call {
            method: parts.method.clone(),
            path: segments.split('/').map(crate::sandbox::github::decode).collect(),
            query: crate::sandbox::form(parts.uri.query().unwrap_or_default()),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            login,
            now,
        };
        route(&mut state.ci.circleci, &call)
    });
    respond(answer, now)
}

fn respond(answer: Answer, now: Timestamp) -> Response {
    let (status, body) = match answer {
        Ok((status, body)) => (status, body),
        Err((status, message)) => (status, json!({ "message": message })),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [("content-type", "application/json;charset=utf-8"), ("date", &date)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A job by its number, with the run that it is of.
fn numbered<'a>(ci: &'a CircleCi, service: Option<&str>, job: &str) -> Option<(&'a Run, &'a Job)> {
    let projects = ci.projects.iter().filter(|p| service.is_none_or(|name| p.script.name == name));
    let jobs = projects
        .flat_map(|p| &p.works)
        .flat_map(|work| work.run.jobs.iter().map(move |job| (&work.run, job)));
    jobs.into_iter().find(|(_, one)| one.id.to_string() == job && one.started.is_some())
}

/// API v1.1 of one job: where the output of each of its actions is.
fn older(ci: &CircleCi, below: &str, base: &str) -> Answer {
    let parts: Vec<&str> = below.split('/').collect();
    let ["gh" | "github", owner, name, job] = parts.as_slice() else { return Err(no(404, "Not found")) };
    let found = numbered(ci, Some(name), job).filter(|_| *owner == OWNER);
    let (_, one) = found.ok_or_else(|| no(404, "Build not found"))?;
    let status = match one.phase {
        Phase::Failed => "failed",
        Phase::Running => "running",
        Phase::Cancelled => "canceled",
        _ => "success",
    };
    let action = |name: &str, status: &str, output: Value| json!({"name": name, "status": status, "output_url": output});
    let address = format!("{base}/output/{job}?X-Amz-Signature=s1gned");
    Ok((
        200,
        json!({"steps": [
            {"name": "Spin up environment", "actions": [action("Spin up environment", "success", Value::Null)]},
            {"name": one.plan.name, "actions": [action(one.plan.name, status, address.into())]},
        ]}),
    ))
}

/// What the storage host gives; it takes no other credential beside its signature.
fn stored(ci: &CircleCi, job: &str, headers: &HeaderMap) -> Answer {
    if headers.contains_key("authorization") || headers.contains_key("circle-token") {
        return Err(no(400, "Only one auth mechanism allowed"));
    }
    let (run, one) = numbered(ci, None, job).ok_or_else(|| no(404, "NoSuchKey"))?;
    let mut text = format!("$ ./ci/{} {}\r\n", one.plan.name, run.version);
    if one.phase == Phase::Failed {
        text.push_str("\u{1b}[31mAssertionError: expected 3 lines, found 2\u{1b}[0m\r\nExited with code exit status 1\r\n");
    }
    Ok((200, json!([{"message": text, "time": one.started, "type": "out"}])))
}

fn no(status: u16, message: &str) -> (u16, String) {
    (status, message.to_owned())
}

/// Whose request it is.
fn admitted(headers: &HeaderMap) -> Result<&'static str, (u16, String)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = bearer.or_else(|| text("circle-token")).ok_or_else(|| no(401, "You must log in first."))?;
    if token == PROJECT_TOKEN {
        return Err(no(401, "You must log in first."));
    }
    holder(token).ok_or_else(|| no(401, "You must log in first."))
}

fn route(ci: &mut CircleCi, call: &Call) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let get = call.method == Method::GET;
    let post = call.method == Method::POST;
    match path.as_slice() {
        ["me"] if get => Ok((200, user(call.login))),
        ["user", id] if get => {
            let found = PEOPLE.iter().find(|(login, _)| person(login) == *id);
            found.map(|(login, _)| (200, user(login))).ok_or_else(|| no(404, "Not found."))
        }
        ["project", "gh" | "github", owner, name, rest @ ..] if *owner == OWNER => {
            let found = ci.projects.iter().position(|project| project.script.name == *name);
            let index = found.ok_or_else(|| no(404, "Project not found"))?;
            in_project(ci, index, rest, call)
        }
        ["pipeline", id] if get => {
            let (project, work) = by_number(ci, id)?;
            Ok((200, shape::pipeline(project, work)))
        }
        ["pipeline", id, "workflow"] if get => {
            let (project, first) = by_number(ci, id)?;
            let all = project.works.iter().filter(|work| work.number == first.number);
            let mut items: Vec<Value> = all.map(|work| shape::workflow(project, work)).collect();
            items.reverse();
            page(items, call)
        }
        ["workflow", id, rest @ ..] => in_workflow(ci, id, rest, call),
        ["jobs", id, "cancel"] if post => {
            let job =
                number(APPROVAL, id).or_else(|| number(JOB, id)).ok_or_else(|| no(404, "Job not found"))?;
            let works = ci.projects.iter().flat_map(|project| &project.works);
            let work = works.clone().find(|work| work.run.current().any(|other| other.id == job));
            let work = work.ok_or_else(|| no(404, "Job not found"))?;
            let held = work.run.current().any(|other| other.id == job && other.phase == Phase::Held);
            if !held {
                return Err(no(400, "Job is not cancelable"));
            }
            let taken =
                Taken { workflow: work.run.id, by: call.login.to_owned(), what: What::CancelJob(job) };
            ci.taken.push(taken);
            accepted()
        }
        _ => Err(no(404, "Not found.")),
    }
}

fn accepted() -> Answer {
    Ok((202, json!({"message": "Accepted."})))
}

fn user(login: &str) -> Value {
    let name = PEOPLE.iter().find(|(known, _)| *known == login).map_or(login, |(_, name)| name);
    json!({"id": person(login), "login": login, "name": name})
}

/// The project and the first workflow of a pipeline.
fn by_number<'a>(ci: &'a CircleCi, id: &str) -> Result<(&'a Project, &'a Work), (u16, String)> {
    let wanted = number(PIPELINE, id).ok_or_else(|| no(404, "Pipeline not found"))?;
    let mut pairs =
        ci.projects.iter().flat_map(|project| project.works.iter().map(move |work| (project, work)));
    pairs.find(|(_, work)| work.number == wanted).ok_or_else(|| no(404, "Pipeline not found"))
}

fn page(items: Vec<Value>, call: &Call) -> Answer {
    let from = call.query.iter().find(|(name, _)| name == "page-token").map(|(_, token)| token.as_str());
    let from: usize = match from {
        None => 0,
        Some(token) => token.parse().map_err(|_| no(400, "Invalid page-token"))?,
    };
    let next = (items.len() > from + PAGE).then(|| (from + PAGE).to_string());
    let items: Vec<Value> = items.into_iter().skip(from).take(PAGE).collect();
    Ok((200, json!({"items": items, "next_page_token": next})))
}

fn in_project(ci: &mut CircleCi, index: usize, rest: &[&str], call: &Call) -> Answer {
    let project = ci.projects.get(index).ok_or_else(|| no(404, "Project not found"))?;
    match rest {
        ["pipeline"] if call.method == Method::GET => {
            let branch = call.query.iter().find(|(name, _)| name == "branch").map(|(_, branch)| branch);
            let mut seen = Vec::new();
            let mut items = Vec::new();
            for work in project.works.iter().rev() {
                // The pipelines of this world are of tags.
                if branch.is_none() && !seen.contains(&work.number) {
                    seen.push(work.number);
                    items.push(shape::pipeline(project, work));
                }
            }
            page(items, call)
        }
        [job, "tests"] if call.method == Method::GET => {
            let found =
                project.works.iter().flat_map(|work| &work.run.jobs).find(|one| one.id.to_string() == *job);
            let one = found.ok_or_else(|| no(404, "Job not found"))?;
            // Only the end-to-end tests store their results.
            let ran = one.plan.name == "e2e" && matches!(one.phase, Phase::Passed | Phase::Failed);
            let test = |name: &str, result: &str, message: &str| json!({"classname": "e2e.Checkout", "name": name, "result": result, "message": message, "run_time": 1.2, "file": "", "source": ""});
            let mut items = Vec::new();
            if ran {
                items.push(test("pays", "success", ""));
                let failed = one.phase == Phase::Failed;
                let (result, says) =
                    if failed { ("failure", "expected 3 lines, found 2") } else { ("success", "") };
                items.push(test("two devices, one account", result, says));
                items.push(test("on a slow link", "skipped", ""));
            }
            page(items, call)
        }
        ["pipeline"] if call.method == Method::POST => {
            let tag = call.body.get("tag").and_then(Value::as_str);
            let branch = call.body.get("branch").and_then(Value::as_str);
            let version = match (tag, branch) {
                (Some(tag), None) if project.script.tags.iter().any(|known| known == tag) => tag.to_owned(),
                (None, Some("main") | None) => "main".to_owned(),
                (Some(_), Some(_)) => return Err(no(400, "branch and tag are mutually exclusive")),
                _ => return Err(no(404, "Branch or tag not found")),
            };
            start(ci, index, &version, call)
        }
        _ => Err(no(404, "Not found.")),
    }
}

fn start(ci: &mut CircleCi, index: usize, version: &str, call: &Call) -> Answer {
    let CircleCi { ids, projects, .. } = ci;
    let number = projects.iter().flat_map(|p| &p.works).map(|w| w.number).max().unwrap_or(800) + 1;
    let project = projects.get_mut(index).ok_or_else(|| no(404, "Project not found"))?;
    let sha = project.commits.of(version).to_owned();
    let run = Run::new(ids, number, (version, &sha), call.login, call.now);
    project.works.push(Work { number, run, cancelled_by: None });
    Ok((
        201,
        json!({"id": uuid(PIPELINE, number), "number": number, "state": "pending", "created_at": call.now}),
    ))
}

fn in_workflow(ci: &mut CircleCi, id: &str, rest: &[&str], call: &Call) -> Answer {
    let missing = || no(404, "Workflow not found");
    let wanted = number(WORKFLOW, id).ok_or_else(missing)?;
    let pairs = ci.projects.iter().flat_map(|project| project.works.iter().map(move |work| (project, work)));
    let (project, work) = pairs.into_iter().find(|(_, work)| work.run.id == wanted).ok_or_else(missing)?;
    let (get, post) = (call.method == Method::GET, call.method == Method::POST);
    match rest {
        [] if get => Ok((200, shape::workflow(project, work))),
        ["job"] if get => page(shape::jobs(project, work), call),
        ["approve", request] if post => {
            let job = number(APPROVAL, request).ok_or_else(|| no(404, "Job not found"))?;
            let held =
                work.run.current().find(|other| other.id == job).ok_or_else(|| no(404, "Job not found"))?;
            if held.phase != Phase::Held {
                return Err(no(400, "Job is not on hold"));
            }
            let by = call.login.to_owned();
            ci.taken.push(Taken { workflow: wanted, by, what: What::Approve(job) });
            accepted()
        }
        ["cancel"] if post => {
            let by = call.login.to_owned();
            ci.taken.push(Taken { workflow: wanted, by, what: What::CancelAll });
            accepted()
        }
        ["rerun"] if post => rerun(ci, wanted, call),
        _ => Err(no(404, "Not found.")),
    }
}

/// A rerun is a new workflow of the same pipeline. Without `from_failed` everything runs again; a name that it does not
/// know is ignored.
fn rerun(ci: &mut CircleCi, workflow: u64, call: &Call) -> Answer {
    let from_failed = call.body.get("from_failed").and_then(Value::as_bool).unwrap_or(false);
    let CircleCi { ids, projects, .. } = ci;
    for project in projects {
        let Some(old) = project.works.iter().find(|work| work.run.id == workflow) else { continue };
        if !old.run.is_over() {
            return Err(no(400, "Workflow is not in a terminal state"));
        }
        let mut run = Run::new(ids, old.run.number, (&old.run.version, &old.run.sha), call.login, call.now);
        if from_failed {
            run.keep_passed(&old.run);
        }
        let (number, id) = (old.number, run.id);
        project.works.push(Work { number, run, cancelled_by: None });
        return Ok((202, json!({"workflow_id": uuid(WORKFLOW, id)})));
    }
    Err(no(404, "Workflow not found"))
}
