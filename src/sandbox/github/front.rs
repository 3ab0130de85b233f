//! The front door: what every request must bring, what every answer carries. Knows headers, tokens, limits, ETags and
//! pages, and nothing of runs.

use super::state::{Access, Repo, User};
use super::{GitHub, POINTS, QUOTA, actions, commits, graphql, repository, shape};
use crate::sandbox::world::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The versions of the API.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];
const DOCS: &str = "https://docs.github.com/rest";

/// A request that was let in.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    pub(super) version: &'static str,
    pub(super) user: Option<User>,
    pub(super) now: Timestamp,
    pub(super) base: String,
}

impl Call {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A key of the body, when it is a text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.body.get(key).and_then(Value::as_str)
    }

    pub(super) fn login(&self) -> &str {
        self.user.as_ref().map_or("", |user| user.login.as_str())
    }

    /// Refuses somebody who may only look, naming the permission that is missing.
    pub(super) fn must_write(&self, permission: &'static str) -> Result<(), Answer> {
        if self.user.as_ref().is_some_and(|user| user.access == Access::Write) {
            return Ok(());
        }
        Err(Answer::error(403, "Resource not accessible by personal access token")
            .with("x-accepted-github-permissions", permission))
    }
}

/// An answer before it is written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }

    pub(super) fn error(status: u16, message: &str) -> Self {
        Self::json(
            status,
            json!({"message": message, "documentation_url": DOCS, "status": status.to_string()}),
        )
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    /// 422 with the errors as the API words them.
    pub(super) fn invalid(errors: Value) -> Self {
        Self::json(
            422,
            json!({"message": "Validation Failed", "errors": errors, "documentation_url": DOCS, "status": "422"}),
        )
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// One page of `items`, wrapped by `wrap`, with the links to the other pages.
    pub(super) fn page(
        call: &Call,
        items: Vec<Value>,
        wrap: impl FnOnce(usize, Vec<Value>) -> Value,
    ) -> Self {
        let number = |name, default| call.param(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let (size, page) = (number("per_page", 30_usize).clamp(1, 100), number("page", 1_usize).max(1));
        let total = items.len();
        let last = total.div_ceil(size).max(1);
        let on_page = items.into_iter().skip((page - 1) * size).take(size).collect();
        let link = |to: usize, relation: &str| {
            let mut query: Vec<_> = call.query.iter().filter(|(key, _)| key != "page").cloned().collect();
            query.push(("page".into(), to.to_string()));
            let query: Vec<_> = query.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
            format!("<{}{}?{}>; rel=\"{relation}\"", call.base, call.path, query.join("&"))
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(link(page - 1, "prev"));
        }
        if page < last {
            links.push(link(page + 1, "next"));
            links.push(link(last, "last"));
        }
        if page > 1 {
            links.push(link(1, "first"));
        }
        let answer = Self::ok(wrap(total, on_page));
        if links.is_empty() { answer } else { answer.with("link", links.join(", ")) }
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
    let github = &mut state.ci.github;
    let points = parts.uri.path() == "/graphql";
    let user = match admit(github, &parts.headers, now, points) {
        Ok(user) => user,
        Err(answer) => return write(answer, github, None, now),
    };
    let call = Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        segments: parts.uri.path().split('/').skip(1).map(decode).collect(),
        query: parts.uri.query().unwrap_or_default().split('&').filter_map(pair).collect(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        version: version(&parts.headers).unwrap_or("2022-11-28"),
        user,
        now,
        base: github.base.clone(),
    };
    let broken = !bytes.is_empty() && serde_json::from_slice::<Value>(&bytes).is_err();
    if broken {
        return write(Answer::error(400, "Problems parsing JSON"), github, call.user.as_ref(), now);
    }
    let answer = route(github, &call);
    let tagged = tag(&call, answer, &parts.headers);
    let free = points
        || tagged.status == 304
        || matches!(call.segments.first().map(String::as_str), Some("rate_limit"));
    if let (false, Some(user)) = (free, &call.user)
        && let Some(counted) = github.users.iter_mut().find(|other| other.id == user.id)
    {
        counted.used += 1;
    }
    write(tagged, github, call.user.as_ref(), now)
}

/// Everything that is checked before anything is looked up.
fn admit(github: &GitHub, headers: &HeaderMap, now: Timestamp, points: bool) -> Result<Option<User>, Answer> {
    if headers.get("user-agent").is_none_or(HeaderValue::is_empty) {
        return Err(Answer::error(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
        ));
    }
    let accept = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let known = ["*/*", "application/*", "application/json", "application/vnd.github"];
    if !known.iter().any(|kind| accept.contains(kind)) {
        return Err(Answer::error(415, "Unsupported 'Accept' header: Must accept 'application/json'."));
    }
    if version(headers).is_none() {
        return Err(Answer::error(
            400,
            "The X-GitHub-Api-Version header names a version that is not supported.",
        ));
    }
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()).map(|value| {
        value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("token ")).unwrap_or_default().trim()
    });
    let user = match token {
        None => None,
        Some(token) => {
            let found = github.users.iter().find(|user| user.token == token).cloned();
            Some(found.ok_or_else(|| Answer::error(401, "Bad credentials"))?)
        }
    };
    if github.secondary_until.is_some_and(|until| now < until) {
        let left = github.secondary_until.map_or(0, |until| until.duration_since(now).as_secs() + 1);
        return Err(Answer::error(
            403,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        )
        .with("retry-after", left.to_string()));
    }
    if let Some(user) = user.as_ref().filter(|user| !points && user.used >= QUOTA) {
        let (message, limits) =
            (format!("API rate limit exceeded for user ID {}.", user.id), limits(github, user));
        return Err(limits
            .into_iter()
            .fold(Answer::error(403, &message), |a, (name, value)| a.with(name, value)));
    }
    Ok(user)
}

fn version(headers: &HeaderMap) -> Option<&'static str> {
    match headers.get("x-github-api-version") {
        None => Some("2022-11-28"),
        Some(asked) => VERSIONS.into_iter().find(|known| asked == known),
    }
}

fn route(github: &mut GitHub, call: &Call) -> Answer {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let get = call.method == Method::GET;
    match segments.as_slice() {
        // A trailing slash is another address, and there is nothing.
        [.., ""] => Answer::not_found(),
        ["versions"] if get => Answer::ok(json!(VERSIONS)),
        ["graphql"] if call.method == Method::POST => graphql::answer(github, call),
        ["rate_limit"] if get => rate_limit(github, call),
        ["user"] if get => match &call.user {
            Some(user) => Answer::ok(shape::private_user(&github.base, user)),
            None => Answer::error(401, "Requires authentication"),
        },
        ["repositories", id, rest @ ..] => {
            let name =
                github.repos.iter().find(|repo| repo.id.to_string() == *id).map(|repo| repo.name.clone());
            name.map_or_else(Answer::not_found, |name| in_repo(github, call, &name, rest))
        }
        ["repos", owner, name, rest @ ..] if *owner == crate::sandbox::images::OWNER => {
            match renamed(github, call, name) {
                Some(moved) => moved,
                None => in_repo(github, call, name, rest),
            }
        }
        _ => Answer::not_found(),
    }
}

/// Every repository was once called `NAME-legacy`.
fn renamed(github: &GitHub, call: &Call, name: &str) -> Option<Answer> {
    let now_called = name.strip_suffix("-legacy")?;
    let repo = github.repos.iter().find(|repo| repo.name == now_called)?;
    let rest = call.path.splitn(5, '/').nth(4).map(|rest| format!("/{rest}")).unwrap_or_default();
    let target = format!("{}/repositories/{}{rest}", github.base, repo.id);
    let body = json!({"message": "Moved Permanently", "url": target, "documentation_url": DOCS});
    Some(Answer::json(301, body).with("location", target))
}

fn in_repo(github: &mut GitHub, call: &Call, name: &str, rest: &[&str]) -> Answer {
    let sees = call.user.as_ref().is_some_and(|user| user.access > Access::Outside);
    let Some(index) = github.repos.iter().position(|repo| sees && repo.name == name) else {
        return Answer::not_found();
    };
    let found = match rest.first() {
        Some(&"actions") => actions::route(github, index, call, rest.get(1..).unwrap_or_default()),
        Some(&("commits" | "compare" | "tags" | "git")) => commits::route(github, index, call, rest),
        _ => repository::route(github, index, call, rest),
    };
    found.unwrap_or_else(|refused| refused)
}

/// The repository at this place.
pub(super) fn repo_at(github: &GitHub, index: usize) -> Result<&Repo, Answer> {
    github.repos.get(index).ok_or_else(Answer::not_found)
}

fn rate_limit(github: &GitHub, call: &Call) -> Answer {
    let used = call.user.as_ref().map_or(0, |user| user.used);
    let reset = github.reset.as_second();
    let core = json!({"limit": QUOTA, "used": used, "remaining": QUOTA.saturating_sub(used), "reset": reset});
    let other = json!({"limit": 5000, "used": 0, "remaining": 5000, "reset": reset});
    let points = call.user.as_ref().map_or(0, |user| user.points);
    let graphql =
        json!({"limit": POINTS, "used": points, "remaining": POINTS.saturating_sub(points), "reset": reset});
    let mut body = json!({"resources": {"core": core, "graphql": graphql, "search": other}});
    if call.version == "2022-11-28"
        && let Some(fields) = body.as_object_mut()
    {
        fields.insert("rate".into(), core);
    }
    Answer::ok(body)
}

/// Adds the ETag to what was read; turns it into 304 when the other side has it already.
fn tag(call: &Call, answer: Answer, headers: &HeaderMap) -> Answer {
    if call.method != Method::GET || answer.status != 200 {
        return answer;
    }
    let mut sum = Sha256::new();
    sum.update(call.login());
    sum.update(answer.body.as_ref().map(Value::to_string).unwrap_or_default());
    let hex: String = sum.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("W/\"{hex}\"");
    let known = headers.get("if-none-match").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = answer.with("etag", etag.clone()).with("cache-control", "private, max-age=60, s-maxage=60");
    if known.split(", ").any(|one| one == etag) {
        return Answer { status: 304, body: None, headers: answer.headers };
    }
    answer
}

fn limits(github: &GitHub, user: &User) -> Vec<(&'static str, String)> {
    let used = github.users.iter().find(|other| other.id == user.id).map_or(user.used, |other| other.used);
    vec![
        ("x-ratelimit-limit", QUOTA.to_string()),
        ("x-ratelimit-remaining", QUOTA.saturating_sub(used).to_string()),
        ("x-ratelimit-used", used.to_string()),
        ("x-ratelimit-reset", github.reset.as_second().to_string()),
        ("x-ratelimit-resource", "core".into()),
    ]
}

fn write(answer: Answer, github: &GitHub, user: Option<&User>, now: Timestamp) -> Response {
    let mut response = match &answer.body {
        Some(body) => Response::new(Body::from(body.to_string())),
        None => Response::new(Body::empty()),
    };
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut all = answer.headers;
    if answer.body.is_some() {
        all.push(("content-type", "application/json; charset=utf-8".into()));
    }
    all.push(("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    all.push(("x-github-media-type", "github.v3; format=json".into()));
    all.push(("x-github-request-id", "C0DE:1:2:3:4".into()));
    if let (Some(user), false) = (user, all.iter().any(|(name, _)| name.starts_with("x-ratelimit"))) {
        all.extend(limits(github, user));
    }
    for (name, value) in all {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    Some((decode(key), decode(&value.replace('+', " "))))
}

/// A percent-encoded text as it was meant; what is no text stays as it is.
pub(in crate::sandbox) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A text for use in a query.
fn encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
