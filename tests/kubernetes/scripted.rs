//! Against a server whose answers are written down: what a good cluster does not do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::{
    Artifact, Cause, Phase, Place, Reached, Retry, SafeText, ServiceName, SourceName, Step, Target, Verb,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Server, intent, kubeconfig, observe, provider, until, web, write};

/// What the server does, changeable while it runs.
#[derive(Clone, Default)]
struct Script {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Deployments by name.
    objects: Mutex<BTreeMap<String, Value>>,
    /// Answers in place of the usual one, by method and a part of path and query.
    answers: Mutex<Vec<(Method, String, u16, String)>>,
    /// Open watches of deployments.
    watches: Mutex<Vec<mpsc::UnboundedSender<Result<Bytes, std::io::Error>>>>,
    lists: AtomicUsize,
    pod_lists: AtomicUsize,
    patches: AtomicUsize,
    open: AtomicUsize,
}

/// Counts an open watch down when the connection goes away.
struct Count(Arc<Inner>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn deployment(name: &str, image: &str, version: u64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": version.to_string(), "generation": 1,
                     "labels": {"app": name}, "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}},
                 "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": name, "image": image}]}}},
        "status": {"observedGeneration": 1}
    })
}

fn status(code: u16, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "x", "message": message}).to_string()
}

impl Script {
    fn of(names: &[&str]) -> Self {
        let script = Self::default();
        for name in names {
            script.put(deployment(name, "r.test/web:v1", 10));
        }
        script
    }

    fn put(&self, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        self.inner.objects.lock().unwrap().insert(name, object);
    }

    fn answer(&self, method: Method, part: &str, code: u16, body: &str) {
        self.inner.answers.lock().unwrap().push((method, part.to_owned(), code, body.to_owned()));
    }

    fn heal(&self) {
        self.inner.answers.lock().unwrap().clear();
    }

    /// Sends bytes on every open watch of deployments.
    fn say(&self, text: &str) {
        for watch in self.inner.watches.lock().unwrap().iter() {
            drop(watch.send(Ok(Bytes::from(text.to_owned()))));
        }
    }

    /// Cuts every open watch of deployments in the middle.
    fn cut(&self) {
        for watch in self.inner.watches.lock().unwrap().drain(..) {
            drop(watch.send(Err(std::io::Error::other("cut"))));
        }
    }

    /// Ends every open watch as the server's time limit does.
    fn end(&self) {
        self.inner.watches.lock().unwrap().clear();
    }

    fn router(&self) -> Router {
        let script = self.clone();
        Router::new().fallback(move |request: Request| {
            let script = script.clone();
            async move { script.serve(&request) }
        })
    }

    fn serve(&self, request: &Request) -> Response {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        if request.method() == Method::PATCH {
            self.inner.patches.fetch_add(1, Ordering::SeqCst);
        }
        let scripted = self
            .inner
            .answers
            .lock()
            .unwrap()
            .iter()
            .find(|(m, p, ..)| m == request.method() && path.contains(p.as_str()))
            .cloned();
        if let Some((_, _, code, body)) = scripted {
            return (StatusCode::from_u16(code).unwrap(), [("retry-after", "7")], body).into_response();
        }
        let bare = request.uri().path();
        if bare.contains("selfsubject") {
            return axum::Json(json!({"status": {"allowed": true, "userInfo": {"username": "jo"}}}))
                .into_response();
        }
        if path.contains("watch=1") {
            return self.watch(bare.ends_with("/deployments"));
        }
        if let Some((_, name)) = bare.split_once("/deployments/") {
            return match self.inner.objects.lock().unwrap().get(name) {
                Some(object) => axum::Json(object.clone()).into_response(),
                None => (StatusCode::NOT_FOUND, status(404, "not found")).into_response(),
            };
        }
        let items: Vec<Value> = if bare.ends_with("/deployments") {
            self.inner.lists.fetch_add(1, Ordering::SeqCst);
            self.inner.objects.lock().unwrap().values().cloned().collect()
        } else {
            self.inner.pod_lists.fetch_add(usize::from(bare.ends_with("/pods")), Ordering::SeqCst);
            Vec::new()
        };
        axum::Json(json!({"metadata": {"resourceVersion": "10"}, "items": items})).into_response()
    }

    fn watch(&self, deployments: bool) -> Response {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        self.inner.open.fetch_add(1, Ordering::SeqCst);
        let count = Count(Arc::clone(&self.inner));
        if deployments {
            self.inner.watches.lock().unwrap().push(sender);
        } else {
            // Kept open for as long as the client listens.
            std::mem::forget(sender);
        }
        let stream = futures_util::stream::poll_fn(move |cx| {
            let _counted = &count;
            receiver.poll_recv(cx)
        });
        Body::from_stream(stream).into_response()
    }
}

struct Day {
    script: Script,
    provider: Arc<dyn gonogo::provider::Provider>,
    folder: tempfile::TempDir,
    server: Server,
}

async fn day(script: Script, names: &[&str]) -> Day {
    let server = Server::start(script.router()).await;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &kubeconfig(&server.url(), "SECRET-CANARY"));
    let provider = provider(folder.path(), names);
    Day { script, provider, folder, server }
}

async fn poll(what: &str, wanted: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !wanted() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("never: {what}"));
}

impl Day {
    async fn watched(&self) {
        observe(&self.provider).await.unwrap();
        poll("an open watch", || !self.script.inner.watches.lock().unwrap().is_empty()).await;
    }

    fn event(&self, kind: &str, object: &Value) {
        self.script.put(object.clone());
        self.script.say(&format!("{}\n", json!({"type": kind, "object": object})));
    }
}

#[tokio::test]
async fn an_event_that_arrives_in_pieces_is_one_event() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    let line = format!("{}\n", json!({"type": "MODIFIED", "object": deployment("web", "r.test/web:v2", 11)}));
    for piece in line.as_bytes().chunks(7) {
        day.script.say(std::str::from_utf8(piece).unwrap());
    }
    until(&day.provider, "v2", |r| r.target.label() == "v2").await;
    assert_eq!(day.script.inner.lists.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_burst_of_events_rings_a_few_times_and_ends_at_the_last() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    let wake = day.provider.wake().unwrap();
    let last = 300;
    for version in 11..=last {
        day.event("MODIFIED", &deployment("web", &format!("r.test/web:v{version}"), version));
    }
    let mut rings = 0;
    let newest = format!("v{last}");
    tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            wake.notified().await;
            rings += 1;
            if web(&observe(&day.provider).await.unwrap()).target.label() == newest {
                break;
            }
        }
    })
    .await
    .unwrap();
    assert!(rings < 60, "{rings} rings for {last} events");
}

#[tokio::test]
async fn a_watch_that_missed_something_is_not_believed() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    // The server moves on and the watch says nothing of it. Once the watch was quiet for a while the Deployment
    // is asked for, and then the pods are listed too.
    day.script.put(deployment("web", "r.test/web:v2", 11));
    until(&day.provider, "v2", |r| r.target.label() == "v2").await;
    assert_eq!(day.script.inner.lists.load(Ordering::SeqCst), 1);
    assert_eq!(day.script.inner.pod_lists.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_watch_that_is_cut_in_the_middle_of_a_line_comes_back() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    day.script.say("{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"na");
    day.script.put(deployment("web", "r.test/web:v2", 11));
    day.script.cut();
    until(&day.provider, "v2", |r| r.target.label() == "v2").await;
    poll("the watch again", || !day.script.inner.watches.lock().unwrap().is_empty()).await;
    until(&day.provider, "no complaint", |r| r.remarks.is_empty()).await;
}

#[tokio::test]
async fn a_watch_that_ends_in_time_goes_on_without_a_new_list() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    day.script.end();
    poll("the watch again", || !day.script.inner.watches.lock().unwrap().is_empty()).await;
    day.event("MODIFIED", &deployment("web", "r.test/web:v2", 11));
    until(&day.provider, "v2", |r| r.target.label() == "v2").await;
    assert_eq!(day.script.inner.lists.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_expired_watch_lists_again() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    day.script.put(deployment("web", "r.test/web:v2", 11));
    let gone = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}});
    day.script.say(&format!("{gone}\n"));
    until(&day.provider, "v2", |r| r.target.label() == "v2").await;
    poll("a second list", || day.script.inner.lists.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn without_the_right_to_list_the_deployment_is_asked_for_by_name() {
    let script = Script::of(&["web"]);
    for part in ["/deployments?", "/replicasets?", "/pods?"] {
        script.answer(Method::GET, part, 403, &status(403, "jo may not list in the namespace shop"));
    }
    let day = day(script, &["web"]).await;
    let seen = observe(&day.provider).await.unwrap();
    let remarks = format!("{:?}", web(&seen).remarks);
    assert!(remarks.contains("may not be watched") && remarks.contains("pods are not known"), "{remarks}");
    day.script.put(deployment("web", "r.test/web:v2", 11));
    let seen = observe(&day.provider).await.unwrap();
    assert_eq!(web(&seen).target.label(), "v2");
}

#[tokio::test]
async fn a_service_that_is_gone_does_not_hide_the_others() {
    let day = day(Script::of(&["web"]), &["web", "ledger"]).await;
    let seen = observe(&day.provider).await.unwrap();
    assert_eq!(web(&seen).phase, Phase::ScaledToZero);
    let fault = seen.faults.get(&ServiceName::new("ledger")).unwrap();
    assert_eq!(fault.cause, Cause::NotFound);
    assert!(fault.detail.as_str().contains("deployment ledger in namespace shop"), "{fault}");
    day.watched().await;
    let gone = deployment("web", "r.test/web:v1", 12);
    day.script.inner.objects.lock().unwrap().clear();
    day.script.say(&format!("{}\n", json!({"type": "DELETED", "object": gone})));
    tokio::time::timeout(Duration::from_secs(10), async {
        while !observe(&day.provider).await.unwrap().rollouts.is_empty() {}
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_a_fault_and_names_the_field() {
    let mut broken = deployment("web", "r.test/web:v1", 10);
    broken["status"]["updatedReplicas"] = json!("three");
    let script = Script::of(&["ledger"]);
    script.put(broken);
    let day = day(script, &["web", "ledger"]).await;
    let seen = observe(&day.provider).await.unwrap();
    let fault = seen.faults.get(&ServiceName::new("web")).unwrap();
    assert_eq!(fault.cause, Cause::Malformed);
    assert!(fault.detail.as_str().contains("status.updatedReplicas"), "{fault}");
    assert!(seen.rollouts.contains_key(&Place::new("ledger", "production")));
}

#[tokio::test]
async fn a_cluster_that_fails_is_a_fault_of_the_source_and_patience_is_kept() {
    for (code, cause) in [(503, Cause::ServerFailed), (429, Cause::RateLimited), (401, Cause::Unauthorized)] {
        let script = Script::of(&["web"]);
        script.answer(Method::GET, "/", code, &status(code, "as told"));
        let day = day(script, &["web"]).await;
        let fault = observe(&day.provider).await.unwrap_err();
        assert_eq!(fault.cause, cause, "{fault}");
        if code == 429 {
            assert_eq!(fault.retry, Retry::After(Duration::from_secs(7)));
        }
        assert!(!format!("{fault:?}").contains("CANARY"));
    }
}

#[tokio::test]
async fn an_unreachable_cluster_is_told_and_found_again() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    let folder = day.folder.path();
    write(folder, &kubeconfig("http://127.0.0.1:1", "SECRET-CANARY"));
    let lost = provider(folder, &["web"]);
    let fault = observe(&lost).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unreachable);
    assert!(fault.detail.as_str().contains("connection refused"), "{fault}");
    let fault = lost.perform(&step()).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Unreachable, Reached::No));
    assert!(day.server.url().starts_with("http://127.0.0.1"));
}

#[tokio::test]
async fn a_server_that_cannot_prove_itself_is_told_and_nothing_is_sent() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    let https = day.server.url().replace("http://", "https://");
    write(day.folder.path(), &kubeconfig(&https, "SECRET-CANARY"));
    let unproved = provider(day.folder.path(), &["web"]);
    let fault = observe(&unproved).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Tls, "{fault}");
    assert_eq!(unproved.perform(&step()).await.unwrap_err().reached, Reached::No);
    assert_eq!(day.script.inner.patches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_server_that_never_answers_costs_one_timeout() {
    // It accepts connections (the backlog does) and reads nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &kubeconfig(&format!("http://{}", listener.local_addr().unwrap()), "t"));
    let mute = super::provider_within(folder.path(), &["web"], 1);
    let began = std::time::Instant::now();
    let fault = observe(&mute).await.unwrap_err();
    assert_eq!(fault.cause, Cause::TimedOut, "{fault}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

fn step() -> Step {
    Step {
        source: SourceName::new("prod"),
        method: "PATCH".to_owned(),
        path: "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=gonogo".to_owned(),
        content_type: Some("application/json-patch+json".to_owned()),
        body: Some("[]".to_owned()),
        effect: SafeText::default(),
    }
}

#[tokio::test]
async fn every_refusal_of_a_patch_is_sent_once_and_says_whether_it_happened() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    observe(&day.provider).await.unwrap();
    for (code, message, cause, reached) in [
        (422, "the server rejected our request due to an error in our request", Cause::Moved, Reached::No),
        (
            409,
            "the object has been modified; please apply your changes to the latest version and try again",
            Cause::Moved,
            Reached::No,
        ),
        (403, "User \"jo\" cannot patch resource \"deployments\"", Cause::Forbidden, Reached::No),
        (400, "admission webhook \"policy\" denied the request", Cause::Refused, Reached::No),
        (404, "deployments.apps \"web\" not found", Cause::NotFound, Reached::No),
        (429, "too many", Cause::RateLimited, Reached::No),
        (500, "etcdserver: request timed out", Cause::ServerFailed, Reached::Perhaps),
        (502, "bad gateway", Cause::ServerFailed, Reached::Perhaps),
        (503, "unavailable", Cause::ServerFailed, Reached::Perhaps),
        (504, "request did not complete", Cause::ServerFailed, Reached::Perhaps),
    ] {
        day.script.heal();
        day.script.answer(Method::PATCH, "/deployments/web", code, &status(code, message));
        let before = day.script.inner.patches.load(Ordering::SeqCst);
        let fault = day.provider.perform(&step()).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached, fault.detail.as_str()), (cause, reached, message), "{code}");
        assert_eq!(day.script.inner.patches.load(Ordering::SeqCst), before + 1, "{code}");
    }
}

#[tokio::test]
async fn no_look_after_a_write_shows_the_world_before_it() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    let mut after = deployment("web", "r.test/web:v2", 12);
    after["metadata"]["generation"] = json!(2);
    day.script.answer(Method::PATCH, "/deployments/web", 200, &after.to_string());
    let receipt = day.provider.perform(&step()).await.unwrap();
    assert_eq!(receipt.says.as_str(), "deployment/web is at generation 2");
    let seen = observe(&day.provider).await.unwrap();
    assert_eq!(web(&seen).target.label(), "v2");
    assert!(matches!(web(&seen).phase, Phase::Progressing(_)), "{:?}", web(&seen).phase);
    // An event from before the write was still under way; the one behind it shows that it came in.
    day.script
        .say(&format!("{}\n", json!({"type": "MODIFIED", "object": deployment("web", "r.test/web:v1", 11)})));
    day.event("ADDED", &deployment("ledger", "r.test/web:v1", 13));
    let wake = day.provider.wake().unwrap();
    for _ in 0..3 {
        drop(tokio::time::timeout(Duration::from_millis(100), wake.notified()).await);
        assert_eq!(web(&observe(&day.provider).await.unwrap()).target.label(), "v2");
    }
}

#[tokio::test]
async fn a_patch_whose_answer_is_lost_is_in_doubt() {
    // A server that takes the request and hangs up without a word.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let task = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut bytes = vec![0; 8192];
            let n = socket.read(&mut bytes).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
            if text.starts_with("PATCH") {
                counter.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            drop(socket.write_all(answer.as_bytes()).await);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &kubeconfig(&format!("http://{address}"), "t"));
    let fault = provider(folder.path(), &["web"]).perform(&step()).await.unwrap_err();
    assert_eq!(fault.reached, Reached::Perhaps, "{fault}");
    assert_eq!(seen.load(Ordering::SeqCst), 1, "sent once");
    task.abort();
}

#[tokio::test]
async fn a_step_for_somebody_else_is_not_sent() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    let mut other = step();
    other.source = SourceName::new("staging");
    assert_eq!(day.provider.perform(&other).await.unwrap_err().cause, Cause::Local);
    assert_eq!(day.script.inner.patches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let script = Script::of(&["web"]);
    script.answer(Method::GET, "/deployments/web", 200, &"x".repeat(11 << 20));
    script.answer(Method::GET, "/deployments?", 403, &status(403, "no"));
    let day = day(script, &["web"]).await;
    let seen = observe(&day.provider).await.unwrap();
    let fault = seen.faults.get(&ServiceName::new("web")).unwrap();
    assert_eq!(fault.cause, Cause::TooLarge, "{fault}");
}

#[tokio::test]
async fn the_watches_end_with_the_provider() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    day.watched().await;
    poll("three open watches", || day.script.inner.open.load(Ordering::SeqCst) == 3).await;
    drop(day.provider);
    day.script.end();
    poll("no open watch", || day.script.inner.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_later_current_context_has_no_effect() {
    let day = day(Script::of(&["web"]), &["web"]).await;
    observe(&day.provider).await.unwrap();
    let elsewhere = Server::start(Script::of(&["web"]).router()).await;
    let moved = kubeconfig(&elsewhere.url(), "t");
    write(day.folder.path(), &moved);
    // A refused login makes the provider read the kubeconfig again: it must not follow it elsewhere.
    day.script.answer(Method::GET, "/", 401, &status(401, "Unauthorized"));
    day.script.cut();
    let artifact = Artifact::from_reference("r.test/web:v2");
    let plan = intent(Verb::Promote, Target::Artifact(artifact));
    assert_eq!(day.provider.prepare(&plan).await.unwrap_err().cause, Cause::Unauthorized);
    day.script.heal();
    let fault = day.provider.prepare(&plan).await.unwrap_err();
    assert!(fault.detail.as_str().contains("another cluster"), "{fault}");
}
