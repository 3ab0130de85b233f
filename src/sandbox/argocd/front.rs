//! Requests and answers: who asks, the routes, and how refusals look.

use super::act::{self, Validate};
use super::{Application, ArgoCd, Git, OPERATOR_TOKEN, PROJECT, Surroundings, VIEWER_TOKEN, shape};
use crate::sandbox::fault::Server;
use crate::sandbox::serve::page;
use crate::sandbox::world::{State as WorldState, World};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde_json::{Value, json};

/// When every token was issued, as refusals say it.
const ISSUED: &str = "2026-01-12T08:00:00Z";

/// An answer.
pub(super) struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Answer {
    pub(super) fn json(value: &Value) -> Self {
        Self { status: 200, kind: "application/json", body: value.to_string() }
    }

    fn plain(status: u16, body: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: format!("{body}\n") }
    }
}

/// A refusal: a gRPC status, as the gateway tells it.
#[derive(Debug)]
pub(super) struct Refusal {
    code: u16,
    message: String,
}

impl Refusal {
    pub(super) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// An Application that is not there, for somebody who has named its project.
    pub(super) fn missing(name: &str) -> Self {
        Self::new(5, format!("applications.argoproj.io \"{name}\" not found"))
    }

    fn denied() -> Self {
        Self::new(7, "permission denied")
    }

    /// The same refusal, wrapped in other words: the code stays.
    pub(super) fn within(self, words: &str) -> Self {
        let name = match self.code {
            3 => "InvalidArgument",
            9 => "FailedPrecondition",
            _ => "Unknown",
        };
        Self::new(self.code, format!("{words}: rpc error: code = {name} desc = {}", self.message))
    }

    fn answer(&self) -> Answer {
        let status = match self.code {
            3 | 9 => 400,
            5 => 404,
            7 => 403,
            16 => 401,
            _ => 500,
        };
        let body = json!({"error": self.message, "code": self.code, "message": self.message});
        Answer { status, ..Answer::json(&body) }
    }
}

/// A request by somebody who is known.
pub(super) struct Call<'a> {
    pub(super) login: &'static str,
    pub(super) body: Value,
    pub(super) around: Surroundings<'a>,
    query: Vec<(String, String)>,
}

impl Call<'_> {
    pub(super) fn text(&self, path: &str) -> &str {
        self.body.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn is(&self, path: &str) -> bool {
        self.body.pointer(path) == Some(&Value::Bool(true))
    }

    fn params<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn param(&self, name: &str) -> &str {
        self.params(name).last().unwrap_or_default()
    }

    fn may(&self, verb: &str) -> bool {
        verb == "get" || self.login == "mara"
    }

    /// A refusal that says what was asked of what.
    pub(super) fn may_change(&self, name: &str, verb: &str) -> Result<(), Refusal> {
        if self.may(verb) {
            return Ok(());
        }
        let (login, what) = (self.login, format!("applications, {verb}, {PROJECT}/{name}"));
        Err(Refusal::new(7, format!("permission denied: {what}, sub: {login}, iat: {ISSUED}")))
    }
}

/// The API.
pub(in crate::sandbox) fn router(world: World) -> Router {
    Router::new().fallback(handle).with_state(world)
}

async fn handle(State(world): State<World>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let segments: Vec<String> =
        path.trim_matches('/').split('/').map(crate::sandbox::github::decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let login = login(&parts.headers);
    let answer = open(&parts.method, &segments, login.as_ref().ok().copied()).map_or_else(
        || {
            let query = crate::sandbox::form(parts.uri.query().unwrap_or_default());
            let asked = Asked { method: &parts.method, path: &segments, query, bytes: &bytes };
            known(&world, login, asked).unwrap_or_else(|refusal| refusal.answer())
        },
        |answer| answer,
    );
    page(answer.status, answer.kind, answer.body)
}

/// What everybody is told.
fn open(method: &Method, path: &[&str], login: Option<&'static str>) -> Option<Answer> {
    match path {
        ["api", "version"] if *method == Method::GET => {
            Some(Answer::json(&json!({"Version": "v2.13.3+a25c8a0"})))
        }
        // Who is not known is told just that; a group of nobody's is left out.
        ["api", "v1", "session", "userinfo"] if *method == Method::GET => {
            let info = login.map_or_else(
                || json!({}),
                |login| json!({"loggedIn": true, "username": login, "iss": "argocd"}),
            );
            Some(Answer::json(&info))
        }
        ["api", ..] => None,
        // Everything else is the page for people.
        _ if *method == Method::GET => Some(Answer {
            status: 200,
            kind: "text/html; charset=utf-8",
            body: "<!doctype html><html><head><title>Argo CD</title></head><body></body></html>".to_owned(),
        }),
        _ => Some(Answer::plain(404, "404 page not found")),
    }
}

/// A request as it came.
struct Asked<'a> {
    method: &'a Method,
    path: &'a [&'a str],
    query: Vec<(String, String)>,
    bytes: &'a [u8],
}

/// What only those are told who are known.
fn known(world: &World, login: Result<&'static str, Refusal>, asked: Asked<'_>) -> Result<Answer, Refusal> {
    let is_api =
        matches!(asked.path, ["api", "v1", "applications", ..] | ["api", "v1", "account", "can-i", ..]);
    if !is_api {
        return Ok(Answer::plain(404, "Not Found"));
    }
    let login = login?;
    let body = match asked.bytes {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).map_err(|error| Refusal::new(3, error.to_string()))?,
    };
    let git = if world.faults().refuses(Server::Git) { Git::Away } else { Git::There };
    let mut state = world.lock();
    let WorldState { argocd, manifests, now, .. } = &mut *state;
    let around = Surroundings { now: *now, manifests: manifests.as_ref(), cluster: world.cluster(), git };
    let call = Call { login, body, around, query: asked.query };
    route(argocd, &call, asked.method, asked.path)
}

/// Whose request it is.
fn login(headers: &HeaderMap) -> Result<&'static str, Refusal> {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    match given.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(OPERATOR_TOKEN) => Ok("mara"),
        Some(VIEWER_TOKEN) => Ok("yuki"),
        Some(_) => Err(Refusal::new(
            16,
            "invalid session: token is malformed: token contains an invalid number of segments",
        )),
        None => Err(Refusal::new(16, "no session information")),
    }
}

fn route(argocd: &mut ArgoCd, call: &Call<'_>, method: &Method, path: &[&str]) -> Result<Answer, Refusal> {
    let get = *method == Method::GET;
    match path {
        ["api", "v1", "account", "can-i", resource, action, object @ ..] if get => {
            let resources = ["applications", "projects", "clusters", "repositories", "logs", "exec"];
            if !resources.contains(resource) {
                return Err(Refusal::new(3, format!("{resources:?} does not contain {resource}")));
            }
            let here = matches!(object, [PROJECT | "*", ..]);
            let value = if here && call.may(action) { "yes" } else { "no" };
            Ok(Answer::json(&json!({"value": value})))
        }
        ["api", "v1", "applications"] if get => Ok(all(argocd, call)),
        ["api", "v1", "applications", name] if get => {
            let index = find(argocd, call, name, "get")?;
            let ArgoCd { applications, host, window, .. } = argocd;
            let application = applications.get_mut(index).ok_or_else(Refusal::denied)?;
            if !call.param("refresh").is_empty() {
                application.due = call.around.now;
                application.reconcile(&call.around, host, *window);
            }
            Ok(Answer::json(&shape::application(application)))
        }
        ["api", "v1", "applications", name, below @ ..] if get => look(argocd, call, name, below),
        ["api", "v1", "applications", name, below @ ..] => write(argocd, call, (method, name, below)),
        _ => Ok(Answer::plain(404, "Not Found")),
    }
}

fn write(
    argocd: &mut ArgoCd,
    call: &Call<'_>,
    (method, name, below): (&Method, &str, &[&str]),
) -> Result<Answer, Refusal> {
    match (method.as_str(), below) {
        ("PATCH", []) => {
            let index = find(argocd, call, name, "get")?;
            call.may_change(name, "update")?;
            act::change(argocd, index, call)
        }
        ("PUT", []) => {
            let index = find(argocd, call, name, "update")?;
            let validate = if call.param("validate") == "false" { Validate::No } else { Validate::Yes };
            act::replace(argocd, index, validate, call)
        }
        ("PUT", ["spec"]) => {
            let index = find(argocd, call, name, "update")?;
            let validate = if call.param("validate") == "false" { Validate::No } else { Validate::Yes };
            act::specify(argocd, index, validate, call)
        }
        ("POST", ["sync"]) => {
            let index = find(argocd, call, name, "get")?;
            act::sync(argocd, index, call)
        }
        ("POST", ["rollback"]) => {
            let index = find(argocd, call, name, "sync")?;
            act::rollback(argocd, index, call)
        }
        ("DELETE", ["operation"]) => {
            let index = find(argocd, call, name, "sync")?;
            act::terminate(argocd, index)
        }
        (_, [] | ["spec" | "sync" | "rollback" | "operation"]) => {
            Ok(Answer::plain(405, "Method Not Allowed"))
        }
        _ => Ok(Answer::plain(404, "Not Found")),
    }
}

fn look(argocd: &ArgoCd, call: &Call<'_>, name: &str, below: &[&str]) -> Result<Answer, Refusal> {
    match below {
        ["syncwindows"] => {
            find(argocd, call, name, "get")?;
            let denied = argocd.window == super::SyncWindow::Denies;
            let window = json!({
                "kind": "deny", "schedule": "* * * * *", "duration": "24h", "manualSync": false,
            });
            Ok(Answer::json(&if denied {
                json!({"activeWindows": [window], "assignedWindows": [window], "canSync": false})
            } else {
                json!({"canSync": true})
            }))
        }
        ["revisions", revision, "metadata"] => {
            find(argocd, call, name, "get")?;
            if call.around.git == Git::Away {
                let why = super::controller::refused(&argocd.host);
                return Err(Refusal::new(2, format!("error getting revision metadata: {why}")));
            }
            let log = call.around.manifests.map(|manifests| manifests.log(name)).unwrap_or_default();
            match log.iter().find(|change| change.id == *revision) {
                Some(change) => Ok(Answer::json(&shape::revision(change))),
                None => Err(Refusal::new(2, format!("unable to resolve '{revision}' to a commit SHA"))),
            }
        }
        ["spec" | "sync" | "rollback" | "operation"] => Ok(Answer::plain(405, "Method Not Allowed")),
        _ => Ok(Answer::plain(404, "Not Found")),
    }
}

fn all(argocd: &ArgoCd, call: &Call<'_>) -> Answer {
    let projects: Vec<_> = call.params("projects").chain(call.params("project")).collect();
    let name = call.param("name");
    let fits = |application: &&Application| {
        (projects.is_empty() || projects.contains(&PROJECT)) && (name.is_empty() || application.name == name)
    };
    let items: Vec<_> = argocd.applications.iter().filter(fits).map(shape::application).collect();
    Answer::json(&shape::list(argocd, &items))
}

/// The application, for somebody who may do this to it. Without its project nobody is told whether it is there. A
/// request with a whole body names the project in it: its query is not read.
fn find(argocd: &ArgoCd, call: &Call<'_>, name: &str, verb: &str) -> Result<usize, Refusal> {
    let project = match call.text("/project") {
        _ if call.body.is_null() || call.body.get("destination").is_some() => call.param("project"),
        project => project,
    };
    if !project.is_empty() && !call.may(verb) {
        return Err(Refusal::denied());
    }
    let index = argocd.applications.iter().position(|application| application.name == name);
    match index {
        Some(index) if call.may(verb) && (project.is_empty() || project == PROJECT) => Ok(index),
        _ if project.is_empty() => Err(Refusal::denied()),
        _ => Err(Refusal::missing(name)),
    }
}
