//! A scripted HTTP server on loopback: canned JSON by path, entity tags, pages, and a log of every request.
//!
//! It decides nothing. A test says what is answered and reads what was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// What was answered.
    pub(crate) status: u16,
}

/// One canned answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

#[derive(Default)]
struct Script {
    now: Timestamp,
    base: String,
    /// Headers of every answer.
    headers: Vec<(String, String)>,
    /// By `METHOD path?query`, or `METHOD path` whatever the query.
    replies: BTreeMap<String, Reply>,
    log: Vec<Asked>,
}

/// The server; ends with the test.
pub(crate) struct Scripted {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    pub(crate) async fn start(now: Timestamp) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script { now, base: url.clone(), ..Script::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.unwrap();
        });
        Self { url, script, task }
    }

    /// What a GET of this path (with or without query) is answered.
    pub(crate) fn get(&self, path: &str, body: &Value) -> &Self {
        self.reply("GET", path, Reply::json(200, body))
    }

    pub(crate) fn reply(&self, method: &str, path: &str, reply: Reply) -> &Self {
        self.script.lock().unwrap().replies.insert(format!("{method} {path}"), reply);
        self
    }

    /// A header of every answer from now on.
    pub(crate) fn header(&self, name: &str, value: &str) -> &Self {
        let mut script = self.script.lock().unwrap();
        script.headers.retain(|(n, _)| n != name);
        script.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn advance(&self, seconds: i64) {
        let mut script = self.script.lock().unwrap();
        script.now = script.now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    }

    /// Everything that was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().log)
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut script = script.lock().unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str().to_owned();
    // An Enterprise Server has its API below this path.
    let below = path.strip_prefix("/api/v3").unwrap_or(&path).to_owned();
    let bare = below.split('?').next().unwrap();
    let found = script
        .replies
        .get(&format!("{} {below}", parts.method))
        .or_else(|| script.replies.get(&format!("{} {bare}", parts.method)))
        .cloned();
    let mut reply =
        found.unwrap_or_else(|| Reply::json(404, &json!({"message": "Not Found", "status": "404"})));
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    if reply.status == 200 && parts.method == "GET" {
        let etag = format!("W/\"{:x}\"", number_of(&reply.body));
        if headers.get("if-none-match") == Some(&etag) {
            // Without body and without Link, as a terse server does.
            reply = Reply::empty(304);
        }
        reply = reply.with("etag", etag);
    }
    script.log.push(Asked {
        method: parts.method.to_string(),
        path: below,
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        status: reply.status,
    });
    write(&reply, &script)
}

fn write(reply: &Reply, script: &Script) -> Response {
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    let date = script.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let own = [("date".to_owned(), date), ("content-type".to_owned(), "application/json".to_owned())];
    for (name, value) in own.iter().chain(&script.headers).chain(&reply.headers) {
        let value = value.replace("{base}", &script.base);
        response
            .headers_mut()
            .insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    response
}

/// Equal texts, equal numbers; enough for an entity tag.
fn number_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
