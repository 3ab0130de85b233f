//! Requests and answers: the token, the routes, pages, limits, and what is refused.

use super::{Role, Taken, TerraformCloud, What, held, holder, login, number, shape, store};
use crate::sandbox::images::OWNER;
use crate::sandbox::world::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

const JSON_API: &str = "application/vnd.api+json";

/// The API, and the store beside it.
pub(in crate::sandbox) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

/// A status and a body, or a refusal.
pub(super) type Answer = Result<(u16, String), Refusal>;

/// A refusal, with headers.
pub(super) struct Refusal {
    status: u16,
    title: String,
    headers: Vec<(&'static str, String)>,
}

pub(super) fn no(status: u16, title: &str) -> Refusal {
    Refusal { status, title: title.to_owned(), headers: Vec::new() }
}

struct Call<'a> {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    content_type: String,
    body: &'a [u8],
    base: String,
    login: &'static str,
    role: Role,
    now: Timestamp,
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut state = world.lock();
    let now = state.now;
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(name) = parts.uri.path().strip_prefix("/_archivist/v1/object/") {
        return respond(store::object(&state.ci.terraform_cloud, name, &parts.headers, now), now);
    }
    let answer = admitted(&parts.headers).and_then(|(login, role)| {
        let segments = parts.uri.path().strip_prefix("/api/v2/").ok_or_else(|| no(404, "not found"))?;
        let call = Call {
            method: parts.method.clone(),
            path: segments.split('/').map(crate::sandbox::github::decode).collect(),
            query: crate::sandbox::form(parts.uri.query().unwrap_or_default()),
            content_type: text("content-type").to_owned(),
            body: &bytes,
            base: format!("http://{}", text("host")),
            login,
            role,
            now,
        };
        route(&mut state.ci.terraform_cloud, &call)
    });
    respond(answer, now)
}

/// A redirect is an answer, too: its body is where it leads.
const REDIRECT: u16 = 307;

fn respond(answer: Answer, now: Timestamp) -> Response {
    let (status, body, mut headers) = match answer {
        Ok((REDIRECT, there)) => (REDIRECT, String::new(), vec![("location", there)]),
        Ok((status, body)) => (status, body, Vec::new()),
        Err(Refusal { status, title, headers }) => {
            // The limit's status is a number, all others are texts.
            let shown = if status == 429 { json!(status) } else { json!(status.to_string()) };
            let error = if status == 429 {
                json!({"detail": "You have exceeded the API's rate limit.", "status": shown, "title": title})
            } else {
                json!({"status": shown, "title": title})
            };
            (status, json!({"errors": [error]}).to_string(), headers)
        }
    };
    headers.push(("content-type", format!("{JSON_API}; charset=utf-8")));
    headers.push(("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn admitted(headers: &HeaderMap) -> Result<(&'static str, Role), Refusal> {
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    token.and_then(holder).ok_or_else(|| no(401, "unauthorized"))
}

fn route(cloud: &mut TerraformCloud, call: &Call<'_>) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let missing = || no(404, "not found");
    if call.method == Method::POST {
        return match path.as_slice() {
            ["runs", run, "actions", action] => act(cloud, run, action, call),
            _ => Err(missing()),
        };
    }
    if call.method != Method::GET {
        return Err(missing());
    }
    match path.as_slice() {
        ["account", "details"] => Ok((200, json!({"data": account(call)}).to_string())),
        ["users", user] => {
            let login = login(user).ok_or_else(missing)?;
            Ok((200, json!({"data": shape::user(login)}).to_string()))
        }
        ["organizations", organization, "workspaces", name] if *organization == OWNER => {
            let place = cloud.workspaces.iter().position(|w| w.name() == *name).ok_or_else(missing)?;
            let workspace = cloud.workspaces.get(place).ok_or_else(missing)?;
            Ok((200, json!({"data": shape::workspace(workspace, wide(place))}).to_string()))
        }
        ["workspaces", workspace, "runs"] => list(cloud, workspace, call),
        ["runs", run] => {
            let (place, entry) = find(cloud, run)?;
            let included = shape::included(entry, &wanted(call)?);
            let document = json!({"data": shape::run(entry, place, call.role), "included": included});
            Ok((200, document.to_string()))
        }
        ["runs", run, "run-events"] => {
            let (_, entry) = find(cloud, run)?;
            let along: Vec<Value> = entry.stopped.iter().map(|(_, by)| shape::user(by)).collect();
            Ok((200, json!({"data": shape::events(entry), "included": along}).to_string()))
        }
        [kind @ ("plans" | "applies"), part, rest @ ..] => part_of(cloud, (kind, part), rest, call),
        _ => Err(missing()),
    }
}

fn wide(place: usize) -> u64 {
    u64::try_from(place).unwrap_or_default() + 1
}

/// Teams and organisations have an account that is nobody's, and say what it stands for.
fn account(call: &Call<'_>) -> Value {
    let mut user = shape::user(call.login);
    let resource = match call.role {
        Role::Organization => json!({"id": OWNER, "type": "organizations"}),
        Role::Admin | Role::Apply | Role::Read => json!({"id": super::person(call.login), "type": "users"}),
    };
    if let Some(map) = user.as_object_mut() {
        map.insert("relationships".to_owned(), json!({"authenticated-resource": {"data": resource}}));
    }
    user
}

fn wanted<'a>(call: &'a Call<'_>) -> Result<Vec<&'a str>, Refusal> {
    let include = call.query.iter().find(|(name, _)| name == "include").map_or("", |(_, text)| text.as_str());
    let wanted: Vec<&str> = include.split(',').filter(|word| !word.is_empty()).collect();
    if wanted.iter().all(|word| shape::INCLUDES.contains(word)) {
        Ok(wanted)
    } else {
        Err(no(400, "invalid include parameter"))
    }
}

fn find<'a>(cloud: &'a TerraformCloud, run: &str) -> Result<(u64, &'a super::Entry), Refusal> {
    let wanted = number("run", run).ok_or_else(|| no(404, "not found"))?;
    by_number(cloud, wanted)
}

fn by_number(cloud: &TerraformCloud, wanted: u64) -> Result<(u64, &super::Entry), Refusal> {
    let mut all = cloud
        .workspaces
        .iter()
        .enumerate()
        .flat_map(|(place, w)| w.runs.iter().map(move |e| (wide(place), e)));
    all.find(|(_, entry)| entry.run.id == wanted).ok_or_else(|| no(404, "not found"))
}

fn list(cloud: &mut TerraformCloud, workspace: &str, call: &Call<'_>) -> Answer {
    if let Err(seconds) = cloud.may_list(call.now) {
        let headers = vec![
            ("x-ratelimit-limit", "30".to_owned()),
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", format!("{seconds}.25")),
        ];
        return Err(Refusal { headers, ..no(429, "Too many requests") });
    }
    let place = number("ws", workspace).ok_or_else(|| no(404, "not found"))?;
    let index = usize::try_from(place).unwrap_or_default().checked_sub(1);
    let found = index.and_then(|index| cloud.workspaces.get(index)).ok_or_else(|| no(404, "not found"))?;
    let given =
        |name: &str| call.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.parse::<usize>());
    let page = given("page[number]").unwrap_or(Ok(1)).map_err(|_| no(400, "invalid page"))?.max(1);
    let size = given("page[size]").unwrap_or(Ok(20)).map_err(|_| no(400, "invalid page"))?.clamp(1, 100);
    let wanted = wanted(call)?;
    let total = found.runs.len();
    let shown: Vec<&super::Entry> = found.runs.iter().rev().skip((page - 1) * size).take(size).collect();
    let data: Vec<Value> = shown.iter().map(|entry| shape::run(entry, place, call.role)).collect();
    let included: Vec<Value> = shown.iter().flat_map(|entry| shape::included(entry, &wanted)).collect();
    let pages = total.div_ceil(size).max(1);
    let pagination = json!({
        "current-page": page, "page-size": size, "total-count": total, "total-pages": pages,
        "next-page": (page < pages).then_some(page + 1), "prev-page": (page > 1).then(|| page - 1),
    });
    Ok((200, json!({"data": data, "included": included, "meta": {"pagination": pagination}}).to_string()))
}

fn part_of(cloud: &TerraformCloud, (kind, part): (&str, &str), rest: &[&str], call: &Call<'_>) -> Answer {
    let missing = || no(404, "not found");
    let single = if kind == "plans" { "plan" } else { "apply" };
    let wanted = number(single, part).ok_or_else(missing)?;
    let (_, entry) = by_number(cloud, wanted)?;
    let run = &entry.run;
    match rest {
        [] => {
            let log = store::log_address(&call.base, single, run.id, call.now);
            let log = run.job(single).and_then(|job| job.started).map(|_| log);
            let data = if kind == "plans" {
                shape::plan(run, log.as_deref())
            } else {
                shape::apply(run, log.as_deref())
            };
            Ok((200, json!({ "data": data }).to_string()))
        }
        ["json-output"] if kind == "plans" && call.role == Role::Admin => {
            if run.job("plan").is_none_or(|job| job.finished.is_none()) {
                return Ok((204, String::new()));
            }
            Ok((REDIRECT, store::plan_address(&call.base, run.id, call.now)))
        }
        _ => Err(missing()),
    }
}

/// Queues a request about a run.
fn act(cloud: &mut TerraformCloud, run: &str, action: &str, call: &Call<'_>) -> Answer {
    if call.content_type.split(';').next().map(str::trim) != Some(JSON_API) {
        return Err(no(415, "unsupported media type"));
    }
    let (_, entry) = find(cloud, run)?;
    if !matches!(call.role, Role::Admin | Role::Apply) {
        return Err(no(404, "not found"));
    }
    if !call.body.is_empty() && serde_json::from_slice::<Value>(call.body).is_err() {
        return Err(no(400, "bad request"));
    }
    // What is queued already is no longer what it was, also before it is carried out.
    let queued = cloud.taken.iter().any(|taken| taken.run == entry.run.id);
    let (what, possible) = match action {
        "apply" => (What::Apply, held(&entry.run).is_some()),
        "discard" => (What::Discard, held(&entry.run).is_some()),
        "cancel" => (What::Cancel, shape::cancelable(&entry.run)),
        "force-cancel" => return Err(no(409, "run was not in a state that can be forcefully canceled")),
        _ => return Err(no(404, "not found")),
    };
    if !possible || queued {
        return Err(no(
            409,
            match what {
                What::Apply => "run was not paused for confirmation; apply not allowed",
                What::Discard => "run was not paused for confirmation or priority; discard not allowed",
                What::Cancel => "run was not planning or applying; cancel not allowed",
            },
        ));
    }
    let taken = Taken { run: entry.run.id, by: call.login.to_owned(), what };
    cloud.taken.push(taken);
    // Empty, without a word: queued.
    Ok((202, String::new()))
}
