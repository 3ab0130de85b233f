//! A watch of the whole cluster: what it keeps, and what becomes of it where it is not allowed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::fixture;
use super::link::{Link, Trust};
use super::reach::{Reach, Watches, Wide};
use super::shelf::{Feed, Shelf, Wanted};
use super::species::{Resource, Species};
use super::wire::Pod;

/// A server with pods, that may refuse to tell of all namespaces at once.
#[derive(Clone, Default)]
struct Server {
    refuses: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
    pods: Arc<Mutex<Vec<Value>>>,
    watches: Arc<Mutex<Vec<tokio::sync::mpsc::UnboundedSender<String>>>>,
}

fn pod(namespace: &str, name: &str, owner: (&str, &str)) -> Value {
    let pod = fixture::pod(name, "web-1", "r.test/web:v1")
        .set("/metadata/namespace", namespace.into())
        .set("/metadata/ownerReferences/0/kind", owner.0.into())
        .set("/metadata/ownerReferences/0/name", owner.1.into());
    pod.0
}

impl Server {
    async fn start(&self) -> Link {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = self.clone();
        let router = Router::new().fallback(move |request: Request| {
            let server = server.clone();
            async move { server.serve(&request) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
        Link::new(client, "test", "test", Trust::Proved, Duration::from_secs(10))
    }

    fn serve(&self, request: &Request) -> Response {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default();
        self.asked.lock().unwrap().push(path.clone());
        let namespace = path.split_once("/namespaces/").map(|(_, rest)| rest.trim_end_matches("/pods"));
        if namespace.is_none() && self.refuses.load(Ordering::SeqCst) {
            let body = json!({"kind": "Status", "code": 403, "message": "not at the cluster scope"});
            return (StatusCode::FORBIDDEN, axum::Json(body)).into_response();
        }
        if query.contains("watch=1") {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            if namespace.is_none() {
                self.watches.lock().unwrap().push(sender);
            } else {
                // Kept open for as long as the client listens.
                std::mem::forget(sender);
            }
            let lines = futures_util::stream::poll_fn(move |cx| {
                receiver.poll_recv(cx).map(|line| line.map(Ok::<_, std::io::Error>))
            });
            return Body::from_stream(lines).into_response();
        }
        let here =
            |pod: &&Value| namespace.is_none_or(|name| pod["metadata"]["namespace"].as_str() == Some(name));
        let items: Vec<Value> = self.pods.lock().unwrap().iter().filter(here).cloned().collect();
        axum::Json(json!({"metadata": {"resourceVersion": "100"}, "items": items})).into_response()
    }

    fn count(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.as_str() == path).count()
    }
}

struct Kept {
    shelves: BTreeMap<String, Arc<Shelf<Pod>>>,
    wide: Arc<Wide>,
    turned: tokio::sync::watch::Receiver<u64>,
    _tasks: JoinSet<()>,
}

/// Watches the pods of a StatefulSet `db` in `a` and in `b`, all namespaces at once if that is allowed.
async fn kept(server: &Server, again: Duration) -> Kept {
    let link = server.start().await;
    let wanted: BTreeMap<String, Arc<Wanted>> = ["a", "b"]
        .map(|name| {
            let mut wanted = Wanted::default();
            wanted.add(Species::StatefulSet, "db");
            (name.to_owned(), Arc::new(wanted))
        })
        .into();
    let (turns, turned) = tokio::sync::watch::channel(0);
    let mut tasks = JoinSet::new();
    let mut watches = Watches {
        link: &link,
        turns: &turns,
        tasks: &mut tasks,
        reach: Reach::Cluster,
        again,
        wanted: &wanted,
        wides: Vec::new(),
    };
    let shelves = watches.of::<Pod>(Resource::Pods, |_| true);
    let wide = watches.wides.remove(0);
    Kept { shelves, wide, turned, _tasks: tasks }
}

impl Kept {
    fn names(&self, namespace: &str) -> Vec<String> {
        let found = self.shelves[namespace].filed(["web-1"]);
        found.iter().map(|pod| pod.meta.name.clone()).collect()
    }

    fn lives(&self) -> bool {
        self.shelves.values().all(|shelf| matches!(shelf.feed(), Feed::Live(_)))
    }
}

async fn poll(what: &str, wanted: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !wanted() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn what_nobody_wants_is_dropped_as_it_streams_in_and_rings_nobody() {
    let server = Server::default();
    let db = ("StatefulSet", "db");
    *server.pods.lock().unwrap() = vec![
        pod("a", "db-0", db),
        pod("b", "db-0", db),
        pod("c", "db-0", db),
        pod("a", "nightly", ("Job", "nightly")),
        // It cannot be read, and nobody here asked for it.
        json!({"metadata": {"name": "broken", "namespace": "c"}, "spec": 7}),
    ];
    let kept = kept(&server, Duration::from_secs(3_600)).await;
    poll("the list", || kept.lives()).await;
    poll("the watch", || !server.watches.lock().unwrap().is_empty()).await;
    assert_eq!((kept.names("a"), kept.names("b")), (vec!["db-0".into()], vec!["db-0".to_owned()]));
    let say = |kind: &str, pod: Value| {
        let line = format!("{}\n", json!({"type": kind, "object": pod}));
        server.watches.lock().unwrap()[0].send(line).unwrap();
    };
    let before = *kept.turned.borrow();
    for n in 0..50 {
        say("ADDED", pod("c", &format!("db-{n}"), db));
        say("MODIFIED", pod("a", &format!("nightly-{n}"), ("Job", "nightly")));
        say("DELETED", pod("c", &format!("db-{n}"), db));
    }
    say("ADDED", pod("b", "db-1", db));
    poll("the event behind them", || kept.names("b").len() == 2).await;
    poll("its ring", || *kept.turned.borrow() == before + 1).await;
    // An object that was ours and is not any more goes, and so does only the one of that namespace.
    say("MODIFIED", pod("b", "db-0", ("Job", "nightly")));
    poll("it to go", || kept.names("b") == ["db-1"]).await;
    say("DELETED", pod("b", "db-1", db));
    poll("it to go too", || kept.names("b").is_empty()).await;
    assert_eq!(kept.names("a"), ["db-0"]);
    assert!(kept.shelves["a"].unreadable().is_none());
}

#[tokio::test]
async fn a_refused_cluster_is_tried_again_seldom_and_watched_once_it_may_be() {
    let server = Server::default();
    server.refuses.store(true, Ordering::SeqCst);
    let db = ("StatefulSet", "db");
    *server.pods.lock().unwrap() = vec![pod("a", "db-0", db), pod("b", "db-0", db)];
    let kept = kept(&server, Duration::from_millis(150)).await;
    poll("the namespaces", || kept.wide.refusal().is_some() && kept.lives()).await;
    assert_eq!(kept.names("b"), ["db-0"]);
    let (each, tried) = (server.count("/api/v1/namespaces/a/pods"), server.count("/api/v1/pods"));
    poll("another try", || server.count("/api/v1/pods") > tried).await;
    assert!(kept.wide.refusal().is_some(), "it is still refused");
    *server.pods.lock().unwrap() = vec![pod("a", "db-0", db), pod("a", "db-1", db)];
    server.refuses.store(false, Ordering::SeqCst);
    poll("the cluster", || kept.wide.refusal().is_none() && kept.lives()).await;
    assert_eq!((kept.names("a").len(), kept.names("b").len()), (2, 0), "nothing of before is left");
    poll("its watch", || server.watches.lock().unwrap().len() >= 2).await;
    assert!(server.count("/api/v1/namespaces/a/pods") <= each + 1, "the namespaces are no longer watched");
}
