//! Requests and answers: who asks, the routes, and how refusals look.

use super::{
    Jenkins, OPERATOR_TOKEN, OTHER_TOKEN, PASSWORD, Project, READER_TOKEN, act, full_name, shape, tree,
};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::Run;
use crate::sandbox::world::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The crumb of Mara's session.
const CRUMB: &str = "b0f9d34e";
const SESSION: &str = "JSESSIONID.1=node0abc";

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(value: &Value) -> Self {
        let headers = vec![("content-type", "application/json;charset=utf-8".to_owned())];
        Self { status: 200, headers, body: value.to_string() }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// A page for people.
    pub(super) fn page(status: u16, words: &str) -> Self {
        let headers = vec![("content-type", "text/html;charset=utf-8".to_owned())];
        Self { status, headers, body: format!("<!DOCTYPE html><html><body><h1>{words}</h1></body></html>") }
    }

    /// A `hudson.model.Failure`: a page, with its words in a header.
    pub(super) fn failure(words: &str) -> Self {
        Self::page(400, words).with("x-error", words)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

pub(super) struct Call {
    pub(super) login: &'static str,
    pub(super) form: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) now: Timestamp,
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
    let answer = match admitted(&parts.headers, &parts.method) {
        Err(answer) => answer,
        Ok(login) => {
            let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
            let is_form = text("content-type")
                .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
            let body = if is_form { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() };
            let call = Call {
                login,
                form: crate::sandbox::form(&body),
                query: crate::sandbox::form(parts.uri.query().unwrap_or_default()),
                now,
            };
            let path = parts.uri.path().strip_prefix("/jenkins").unwrap_or_default().to_owned();
            let segments: Vec<String> =
                path.trim_matches('/').split('/').map(crate::sandbox::github::decode).collect();
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            route(&mut state.ci.jenkins, &call, (&parts.method, &segments))
        }
    };
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = answer.headers;
    headers.push(("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    headers.push(("x-jenkins", "2.479.3".to_owned()));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Whose request it is. An API token needs no crumb; a password does, with the session that it belongs to.
fn admitted(headers: &HeaderMap, method: &Method) -> Result<&'static str, Answer> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(basic) = text("authorization").and_then(|value| value.strip_prefix("Basic ")) else {
        return Err(Answer::page(403, "Authentication required"));
    };
    let decoded = base64::engine::general_purpose::STANDARD.decode(basic).unwrap_or_default();
    let pair = String::from_utf8(decoded).unwrap_or_default();
    match pair.split_once(':') {
        Some(("mara", OPERATOR_TOKEN)) => Ok("mara"),
        Some(("omar", OTHER_TOKEN)) => Ok("omar"),
        Some(("yuki", READER_TOKEN)) => Ok("yuki"),
        Some(("mara", PASSWORD)) => {
            let session = text("cookie").is_some_and(|cookie| cookie.contains(SESSION));
            let crumb = text("jenkins-crumb") == Some(CRUMB);
            if *method == Method::POST && !(session && crumb) {
                return Err(Answer::page(403, "No valid crumb was included in the request"));
            }
            Ok("mara")
        }
        _ => Err(Answer::page(401, "Invalid password/token for user")),
    }
}

fn route(jenkins: &mut Jenkins, call: &Call, (method, path): (&Method, &[&str])) -> Answer {
    let (get, post) = (*method == Method::GET, *method == Method::POST);
    match path {
        ["whoAmI", "api", "json"] if get => Answer::json(&json!({
            "_class": "hudson.security.WhoAmI", "anonymous": false, "authenticated": true, "name": call.login,
        })),
        ["crumbIssuer", "api", "json"] if get => Answer::json(&json!({
            "_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": CRUMB, "crumbRequestField": "Jenkins-Crumb",
        }))
        .with("set-cookie", format!("{SESSION}; Path=/jenkins; HttpOnly")),
        ["me", "api", "json"] if get => {
            Answer::json(&json!({"id": call.login, "fullName": full_name(call.login)}))
        }
        ["job", owner, "job", name, rest @ ..] if *owner == OWNER => {
            match jenkins.projects.iter().position(|project| project.script.name == *name) {
                Some(index) => in_project(jenkins, index, call, (method, rest)),
                None => Answer::page(404, "Not Found"),
            }
        }
        _ if post => Answer::page(404, "Not Found"),
        _ => Answer::page(404, "Not Found"),
    }
}

fn in_project(
    jenkins: &mut Jenkins,
    index: usize,
    call: &Call,
    (method, rest): (&Method, &[&str]),
) -> Answer {
    let missing = || Answer::page(404, "Not Found");
    let Some(project) = jenkins.projects.get(index) else { return missing() };
    let (get, post) = (*method == Method::GET, *method == Method::POST);
    match rest {
        ["api", "json"] if get => Answer::json(&tree::keep(&shape::project(project), call.param("tree"))),
        ["build" | "buildWithParameters"] if post => act::start(jenkins, index, call),
        [number, below @ ..] => {
            let Some(run) = project.runs.iter().find(|run| run.number.to_string() == *number) else {
                return missing();
            };
            if post {
                act::act(jenkins, index, run.number, call, below)
            } else {
                read(project, run, call, below)
            }
        }
        _ => missing(),
    }
}

fn read(project: &Project, run: &Run, call: &Call, below: &[&str]) -> Answer {
    match below {
        ["api", "json"] => Answer::json(&tree::keep(&shape::build(project, run), call.param("tree"))),
        ["stages", "tree"] => Answer::json(&shape::stages(project, run)),
        ["wfapi", "pendingInputActions"] => Answer::json(&shape::pending(project, run)),
        ["testReport", "api", "json"] => match shape::tests(run) {
            Some(report) => Answer::json(&tree::keep(&report, call.param("tree"))),
            None => Answer::page(404, "Not Found"),
        },
        ["logText", "progressiveText"] => {
            let text = shape::console(run);
            let from: usize = call.param("start").and_then(|start| start.parse().ok()).unwrap_or(0);
            // Beyond the end it begins anew.
            let from = if from > text.len() { 0 } else { from };
            let mut answer = Answer::empty(200)
                .with("content-type", "text/plain;charset=utf-8")
                .with("x-text-size", text.len().to_string());
            if !run.is_over() {
                answer = answer.with("x-more-data", "true");
            }
            text.get(from..).unwrap_or_default().clone_into(&mut answer.body);
            answer
        }
        _ => Answer::page(404, "Not Found"),
    }
}
