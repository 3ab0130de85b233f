//! One server: its listener, its connections, and the place where faults strike. Knows HTTP/1.1 and a router, and
//! nothing of what the router says.
//!
//! The accept loop is written by hand because a framework's own cannot lose an answer on purpose: a real proxy
//! can, so the tests need one that does.

use super::fault::{Act, Answered, Effect, Entry, Server};
use super::world::World;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use futures_util::{StreamExt, stream};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The largest request body that a server takes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// The pause before a port that could not be had again is tried once more.
const REBIND_PAUSE: Duration = Duration::from_millis(50);

/// The time that half a body gets to leave before its connection is cut.
const FLUSH: Duration = Duration::from_millis(20);

/// What a server needs to serve.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) server: Server,
    pub(super) router: Router,
    pub(super) world: World,
}

/// The connection was closed on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed on purpose")]
struct Cut;

/// Serves until the task is aborted. Takes the listener so that the port is known before.
pub(super) async fn run(site: Site, listener: TcpListener) {
    let Ok(address) = listener.local_addr() else { return };
    let mut moved = site.world.faults().watch();
    let mut listener = Some(listener);
    loop {
        if site.world.faults().refuses(site.server) {
            listener = None;
            if moved.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match listener.take() {
            Some(open) => open,
            None => match bind(address).await {
                Some(open) => open,
                None => continue,
            },
        };
        let mut connections = JoinSet::new();
        while !site.world.faults().refuses(site.server) {
            tokio::select! {
                accepted = open.accept() => if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(site.clone(), stream));
                },
                _ = moved.changed() => {}
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }
}

async fn bind(address: SocketAddr) -> Option<TcpListener> {
    let bound = TcpListener::bind(address).await.ok();
    if bound.is_none() {
        tokio::time::sleep(REBIND_PAUSE).await;
    }
    bound
}

async fn connection(site: Site, stream: TcpStream) {
    // Nagle's delay would show as latency of the cockpit.
    let _ = stream.set_nodelay(true);
    // Set when the connection is to end with a reset: hyper keeps its stream, so a second one is held on the same socket.
    let resets = Arc::new(AtomicBool::new(false));
    let Ok((stream, second)) = twice(stream) else { return };
    let cut = Arc::clone(&resets);
    let service = hyper::service::service_fn(move |request| answer(site.clone(), request, Arc::clone(&cut)));
    // An error here is a connection that ended, by us on purpose or by the other side: nobody is left to tell.
    let _ = hyper::server::conn::http1::Builder::new()
        .preserve_header_case(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if resets.load(Ordering::SeqCst) {
        // With no time to linger, closing the last one resets.
        let _ = second.set_zero_linger();
    }
}

/// Two streams on one socket.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, TcpStream)> {
    let first = stream.into_std()?;
    let second = first.try_clone()?;
    Ok((TcpStream::from_std(first)?, TcpStream::from_std(second)?))
}

async fn answer(
    site: Site,
    request: Request<Incoming>,
    resets: Arc<AtomicBool>,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let bytes = to_bytes(Body::new(body), BODY_LIMIT).await.map_err(|_| Cut)?;
    let note = Note { site: &site, method: parts.method.clone(), path, body: bytes.clone() };
    let act = site.world.faults().strike(site.server, note.method.as_str(), &note.path);
    if let Some(instead) = act.as_ref().and_then(|act| instead(act, &site.world)) {
        return match instead {
            Some(response) => {
                note.write(Effect::NotApplied, Answered::Status(response.status().as_u16()));
                Ok(response)
            }
            None => {
                note.write(Effect::NotApplied, Answered::Dropped);
                ended(act.as_ref(), &resets).await
            }
        };
    }
    if let Some(Act::Delay(pause)) = act {
        tokio::time::sleep(pause).await;
    }
    site.world.before(site.server, note.method.as_str(), &note.path);
    let request = Request::from_parts(parts, Body::from(bytes));
    let response = TowerToHyperService::new(site.router.clone()).call(request).await.map_err(|_| Cut)?;
    // Jenkins answers with a redirect to what it has done.
    let done = response.status().is_success()
        || (site.server == Server::Jenkins && response.status() == StatusCode::FOUND);
    let effect = if done { Effect::Applied } else { Effect::NotApplied };
    if matches!(act, Some(Act::DropAfter | Act::ResetAfter | Act::SilenceAfter)) {
        note.write(effect, Answered::Dropped);
        return ended(act.as_ref(), &resets).await;
    }
    if act == Some(Act::BadGatewayAfter) {
        note.write(effect, Answered::Status(502));
        return Ok(page(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>".into()));
    }
    note.write(effect, Answered::Status(response.status().as_u16()));
    damaged(response, act).await
}

/// The end of a connection that gets no answer: closed, reset, or left silent until the other side has had enough.
async fn ended(act: Option<&Act>, resets: &AtomicBool) -> Result<Response<Body>, Cut> {
    match act {
        Some(Act::SilenceBefore | Act::SilenceAfter) => std::future::pending().await,
        Some(Act::ResetBefore | Act::ResetAfter) => resets.store(true, Ordering::SeqCst),
        _ => {}
    }
    Err(Cut)
}

/// What is answered without asking the router: `Some(None)` closes the connection.
fn instead(act: &Act, world: &World) -> Option<Option<Response<Body>>> {
    let now = world.now().as_second();
    let response = match act {
        Act::DropBefore | Act::ResetBefore | Act::SilenceBefore => return Some(None),
        Act::GarbageJson => page(200, "application/json", "{\"workflow_runs\": [{\"id\": 1,, ".into()),
        Act::LoginPage => page(
            200,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>".into(),
        ),
        Act::Answer { status, headers, body } => with(page(*status, "application/json", body.clone()), headers),
        Act::QuotaExhausted { reset } => with(
            page(403, "application/json", r#"{"message":"API rate limit exceeded for user ID 1.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api","status":"403"}"#.into()),
            &[
                ("x-ratelimit-limit".into(), "5000".into()),
                ("x-ratelimit-remaining".into(), "0".into()),
                ("x-ratelimit-used".into(), "5000".into()),
                ("x-ratelimit-reset".into(), (now + i64::from(*reset)).to_string()),
                ("x-ratelimit-resource".into(), "core".into()),
            ],
        ),
        Act::TooManyRequests { retry_after } => with(
            page(429, "application/json", r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api","status":"429"}"#.into()),
            &[("retry-after".into(), retry_after.to_string())],
        ),
        Act::Delay(_)
        | Act::DropAfter
        | Act::ResetAfter
        | Act::SilenceAfter
        | Act::BadGatewayAfter
        | Act::StallBody
        | Act::TruncateBody => return None,
    };
    Some(Some(response))
}

/// The response with its body stalled or cut, when the act says so.
async fn damaged(response: Response<Body>, act: Option<Act>) -> Result<Response<Body>, Cut> {
    let stalls = match act {
        Some(Act::StallBody) => true,
        Some(Act::TruncateBody) => false,
        _ => return Ok(response),
    };
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, BODY_LIMIT).await.map_err(|_| Cut)?;
    parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    let half = stream::iter([Ok::<Bytes, Cut>(whole.slice(..whole.len() / 2))]);
    let body = if stalls {
        Body::from_stream(half.chain(stream::pending()))
    } else {
        // The first half must leave before the connection does, or it is no half of anything.
        let cut = async {
            tokio::time::sleep(FLUSH).await;
            Err(Cut)
        };
        Body::from_stream(half.chain(stream::once(cut)))
    };
    Ok(Response::from_parts(parts, body))
}

/// A response of this status, type and body.
pub(super) fn page(status: u16, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn with(mut response: Response<Body>, headers: &[(String, String)]) -> Response<Body> {
    for (name, value) in headers {
        let name = header::HeaderName::try_from(name.as_str());
        if let (Ok(name), Ok(value)) = (name, header::HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A ledger entry to be.
struct Note<'a> {
    site: &'a Site,
    method: Method,
    path: String,
    body: Bytes,
}

impl Note<'_> {
    fn write(&self, effect: Effect, answered: Answered) {
        let effect = if self.only_looks() { Effect::Read } else { effect };
        let effect = if self.path.contains("dryRun=") { Effect::NotApplied } else { effect };
        self.site.world.faults().note(Entry {
            at: self.site.world.now(),
            server: self.site.server,
            method: self.method.to_string(),
            path: self.path.clone(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
            effect,
            answered,
        });
    }

    /// Whether the request changes nothing by its nature, whatever its method.
    fn only_looks(&self) -> bool {
        self.method == Method::GET
            || self.method == Method::HEAD
            || self.site.server == Server::Prometheus
            || self.path == "/graphql"
            || self.path.contains("/releases/generate-notes")
            || self.path.contains("/apis/authorization.k8s.io/")
            || self.path.contains("/apis/authentication.k8s.io/")
    }
}
