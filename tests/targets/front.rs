//! What stands before a target's server: it notes what arrives, and strikes it, or lies about it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use gonogo::sandbox::docker::Engine;
use gonogo::sandbox::kubernetes::Cluster;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// This instead of the answer; no effect.
    Answer(u16, Option<(&'static str, &'static str)>, &'static str),
    Close,
    Reset,
    CloseAfter,
    ResetAfter,
    BadGatewayAfter,
    /// The whole length, and half of the body.
    Half,
}

/// What the server makes of a write that it answers as if it had done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    Nothing,
    /// What was asked for, much later.
    Late,
    /// The same to another object.
    Elsewhere,
    /// What was asked for; it is taken back three seconds after it could be seen.
    TakenBack,
}

impl Lie {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::Late, Self::Elsewhere, Self::TakenBack];
}

/// What is behind it.
#[derive(Clone)]
pub(crate) enum Behind {
    Cluster(Cluster, &'static str),
    Engine(Engine),
}

/// A write that arrived, and whether it had an effect.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) applied: bool,
}

#[derive(Default)]
struct State {
    looks: Option<Act>,
    /// Strikes one write.
    write: Option<Act>,
    lie: Option<Lie>,
    heard: Vec<Heard>,
    /// Writes that are carried out later.
    kept: Vec<(Method, String, Bytes)>,
}

/// Clones are the same front.
#[derive(Clone)]
pub(crate) struct Front {
    behind: Behind,
    state: Arc<Mutex<State>>,
}

/// The front's listener; it ends with the test.
pub(crate) struct Serving {
    pub(crate) front: Front,
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The connection ends here.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

impl Serving {
    pub(crate) async fn start(behind: Behind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let front = Front { behind, state: Arc::default() };
        let serving = front.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connection(serving.clone(), stream));
            }
        });
        Self { front, address, task }
    }
}

async fn connection(front: Front, stream: TcpStream) {
    // hyper keeps its stream; a second one on the same socket says how it ends.
    let first = stream.into_std().unwrap();
    let second = TcpStream::from_std(first.try_clone().unwrap()).unwrap();
    let resets = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&resets);
    let service =
        hyper::service::service_fn(move |request| answer(front.clone(), request, Arc::clone(&flag)));
    let io = TokioIo::new(TcpStream::from_std(first).unwrap());
    // It ends on purpose, or because the other side went.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await);
    if resets.load(Ordering::SeqCst) {
        second.set_zero_linger().unwrap();
    }
}

fn page(status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}

/// Whether a request only asks; a review of what one may do is posted, and asks.
fn is_look(method: &Method, path: &str) -> bool {
    [Method::GET, Method::HEAD].contains(method) || path.contains("/selfsubject")
}

async fn answer(
    front: Front,
    request: Request<Incoming>,
    resets: Arc<AtomicBool>,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().as_str().to_owned();
    let body = to_bytes(Body::new(body), 1 << 22).await.map_err(|_| Cut)?;
    if path.contains("watch=1") {
        // Every look asks: what is seen depends on nothing but what is there.
        let status = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
        return Ok(page(403, status.to_string()));
    }
    let look = is_look(&parts.method, &path);
    let (act, lie) = {
        let mut state = front.state.lock().unwrap();
        (if look { state.looks } else { state.write.take() }, state.lie.filter(|_| !look))
    };
    if let Some(act @ (Act::Answer(..) | Act::Close | Act::Reset)) = act {
        front.note(look, &path, false);
        return match act {
            Act::Answer(status, header, text) => {
                let mut response = page(status, text.to_owned());
                if let Some((name, value)) = header {
                    response.headers_mut().insert(name, value.parse().unwrap());
                }
                Ok(response)
            }
            _ => {
                resets.store(act == Act::Reset, Ordering::SeqCst);
                Err(Cut)
            }
        };
    }
    if let Some(lie) = lie {
        let told = front.lied(lie, &parts.method, &path, &body).await;
        front.note(look, &path, lie == Lie::TakenBack);
        return Ok(told);
    }
    let response = front.carry_out(&parts.method, &path, body).await;
    front.note(look, &path, response.status().is_success());
    match act {
        Some(act @ (Act::CloseAfter | Act::ResetAfter)) => {
            resets.store(act == Act::ResetAfter, Ordering::SeqCst);
            Err(Cut)
        }
        Some(Act::BadGatewayAfter) => Ok(page(502, "<html><body>502 Bad Gateway</body></html>".to_owned())),
        Some(Act::Half) => Ok(halved(response).await),
        _ => Ok(response),
    }
}

/// Announces all of it, and ends after half.
async fn halved(response: Response<Body>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let whole = to_bytes(body, 1 << 24).await.unwrap();
    let pieces = [Ok::<_, Cut>(whole.slice(..whole.len() / 2)), Err(Cut)];
    let mut halved = Response::from_parts(parts, Body::from_stream(futures_util::stream::iter(pieces)));
    halved.headers_mut().insert("content-length", whole.len().into());
    halved
}

impl Front {
    fn note(&self, look: bool, path: &str, applied: bool) {
        if !look {
            self.state.lock().unwrap().heard.push(Heard { path: path.to_owned(), applied });
        }
    }

    fn router(&self) -> Router {
        match &self.behind {
            Behind::Cluster(cluster, _) => cluster.router(),
            Behind::Engine(engine) => engine.router(),
        }
    }

    pub(crate) async fn carry_out(&self, method: &Method, path: &str, body: Bytes) -> Response<Body> {
        let kind = if path.starts_with("/api") { "application/json-patch+json" } else { "application/json" };
        let token = format!("Bearer {}", gonogo::sandbox::kubernetes::ADMIN_TOKEN);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .header("authorization", token)
            .body(Body::from(body))
            .unwrap();
        TowerToHyperService::new(self.router()).call(request).await.unwrap()
    }

    /// What the server answers when it lies.
    async fn lied(&self, lie: Lie, method: &Method, path: &str, body: &Bytes) -> Response<Body> {
        match lie {
            Lie::TakenBack => self.carry_out(method, path, body.clone()).await,
            Lie::Nothing => self.pretended(path).await,
            Lie::Late => {
                let kept = (method.clone(), path.to_owned(), body.clone());
                self.state.lock().unwrap().kept.push(kept);
                self.pretended(path).await
            }
            Lie::Elsewhere => self.elsewhere(method, path, body).await,
        }
    }

    /// The answer to a write that was carried out.
    async fn pretended(&self, path: &str) -> Response<Body> {
        match &self.behind {
            Behind::Cluster(cluster, plural) => {
                page(200, cluster.object(plural, "shop", "web").unwrap().to_string())
            }
            Behind::Engine(_) if path.contains("/containers/create") => {
                page(201, json!({"Id": "00", "Warnings": []}).to_string())
            }
            Behind::Engine(_) if path.contains("/services/") => {
                page(200, json!({"Warnings": null}).to_string())
            }
            Behind::Engine(_) => page(204, String::new()),
        }
    }

    async fn elsewhere(&self, method: &Method, path: &str, body: &Bytes) -> Response<Body> {
        match &self.behind {
            Behind::Cluster(cluster, plural) => {
                // What is asked for of the one is asked for of the other.
                let patch: Value = serde_json::from_slice(body).unwrap();
                let changes = patch.as_array().unwrap().iter().filter(|op| op["op"] != "test");
                let mut other = cluster.object(plural, "shop", "other").unwrap();
                for change in changes {
                    let one: json_patch::Patch = serde_json::from_value(json!([change])).unwrap();
                    // What the other one does not have cannot be removed from it.
                    drop(json_patch::patch(&mut other, &one));
                }
                cluster.merge(
                    plural,
                    "shop",
                    "other",
                    &json!({"spec": other["spec"], "status": other["status"]}),
                );
                page(200, cluster.object(plural, "shop", "other").unwrap().to_string())
            }
            Behind::Engine(engine) if path.contains("/services/") => {
                assert!(engine.set_image("other", &super::stage::image("registry.test/acme/web", 2)));
                page(200, json!({"Warnings": null}).to_string())
            }
            Behind::Engine(_) if path.contains("/containers/create") => {
                self.carry_out(method, path, body.clone()).await
            }
            Behind::Engine(_) => {
                let verb = path.rsplit('/').next().unwrap();
                self.carry_out(method, &format!("/v1.47/containers/other/{verb}"), Bytes::new()).await
            }
        }
    }

    /// Carries out what was kept for later.
    pub(crate) async fn catch_up(&self) {
        let kept = std::mem::take(&mut self.state.lock().unwrap().kept);
        for (method, path, body) in kept {
            let response = self.carry_out(&method, &path, body).await;
            assert!(response.status().is_success(), "{path}: {}", response.status());
        }
    }

    pub(crate) fn strike_looks(&self, act: Option<Act>) {
        self.state.lock().unwrap().looks = act;
    }

    pub(crate) fn strike_write(&self, act: Act) {
        self.state.lock().unwrap().write = Some(act);
    }

    pub(crate) fn lie(&self, lie: Lie) {
        self.state.lock().unwrap().lie = Some(lie);
    }

    /// The writes so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }

    pub(crate) fn applied(&self) -> usize {
        self.heard().iter().filter(|heard| heard.applied).count()
    }
}
