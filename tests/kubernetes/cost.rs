//! What looking costs the API server: requests and bytes, counted by the server.
//!
//! What an hour costs is computed, not waited for: every open watch is opened anew when the `timeoutSeconds` that it
//! asked for are over, and brings a bookmark a minute in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures_util::StreamExt as _;
use gonogo::domain::{Ask, Settings};
use gonogo::provider::Provider;
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster};

use super::{Server, bound, fleet, kubeconfig, observe, provider_with, write};

/// The most that a watched kind may cost an hour (G15).
const HOURLY: u64 = 12;
/// The most bytes that an hour may cost in which nothing changes (G15).
const QUIET: u64 = 1_000_000;
/// A bookmark, and the heads of a request and its answer, on the safe side of what API servers send.
const BOOKMARK: u64 = 600;
const HEADS: u64 = 1_500;

/// What the server was asked, and what it answered.
#[derive(Default)]
pub(super) struct Ledger {
    asked: Mutex<Vec<String>>,
    bytes: AtomicUsize,
}

impl Ledger {
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The watches that were opened: path, and how many seconds they last.
    pub(super) fn watches(&self) -> Vec<(String, u64)> {
        let asked = self.asked();
        let watches = asked.iter().filter(|path| path.contains("watch=1"));
        let lasts = |path: &String| {
            let (_, rest) = path.split_once("timeoutSeconds=").unwrap();
            rest.split('&').next().unwrap().parse().unwrap()
        };
        watches.map(|path| (path.split('?').next().unwrap().to_owned(), lasts(path))).collect()
    }

    /// The router with everything noted that goes through it.
    pub(super) fn noting(self: &Arc<Self>, router: axum::Router) -> axum::Router {
        router.layer(from_fn_with_state(Arc::clone(self), note))
    }
}

async fn note(State(ledger): State<Arc<Ledger>>, request: Request, next: Next) -> Response {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    ledger.asked.lock().unwrap().push(path);
    let (head, body) = next.run(request).await.into_parts();
    let stream = body.into_data_stream().map(move |part| {
        ledger.bytes.fetch_add(part.as_ref().map_or(0, |bytes| bytes.len()), Ordering::SeqCst);
        part
    });
    Response::from_parts(head, Body::from_stream(stream))
}

/// Counts requests.
pub(super) async fn count(State(count): State<Arc<AtomicUsize>>, request: Request, next: Next) -> Response {
    count.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}

/// A cluster with so many Deployments, dealt out to so many namespaces.
fn cluster(workloads: usize, namespaces: usize) -> (Cluster, Vec<(String, String)>) {
    let cluster = Cluster::new("2026-11-20T14:00:00Z".parse().unwrap());
    let places: Vec<_> =
        (0..workloads).map(|n| (format!("team-{}", n % namespaces), format!("web{n}x"))).collect();
    for (namespace, name) in &places {
        fleet::deployment(name, namespace, |plural, object| cluster.create(plural, object).unwrap());
    }
    (cluster, places)
}

/// Waits, not for long.
pub(super) async fn poll(what: &str, wanted: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !wanted() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What so many Deployments in so many namespaces cost.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    /// Requests until the first look was there and everything was watched.
    first: usize,
    /// Open watches.
    watches: usize,
    /// Requests an hour for each kind.
    hourly: BTreeMap<String, u64>,
    /// Requests of twenty more looks.
    more: usize,
}

async fn looks(provider: &Arc<dyn Provider>, times: usize, workloads: usize) {
    for _ in 0..times {
        assert_eq!(provider.observe(&Ask::default()).await.unwrap().rollouts.len(), workloads);
    }
}

async fn cost(workloads: usize, namespaces: usize) -> Cost {
    let (cluster, places) = cluster(workloads, namespaces);
    let ledger = Arc::new(Ledger::default());
    let server = Server::start(ledger.noting(cluster.router())).await;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &kubeconfig(&server.url(), ADMIN_TOKEN));
    let bounds = places.iter().map(|(n, name)| bound(name, n, &format!("deployment/{name}"))).collect();
    let provider = provider_with(folder.path(), Settings::default(), bounds, 10);
    assert_eq!(observe(&provider).await.unwrap().rollouts.len(), workloads);
    let shelves = if namespaces > 4 { 3 } else { 3 * namespaces };
    poll("everything is watched", || ledger.watches().len() >= shelves).await;
    let (first, bytes) = (ledger.count(), ledger.bytes.load(Ordering::SeqCst));
    looks(&provider, 20, workloads).await;
    let watches = ledger.watches();
    let mut hourly: BTreeMap<String, u64> = BTreeMap::new();
    for (path, lasts) in &watches {
        *hourly.entry(path.rsplit('/').next().unwrap().to_owned()).or_default() += 3_600_u64.div_ceil(*lasts);
    }
    let renewals: u64 = hourly.values().sum();
    let quiet = watches.len() as u64 * 60 * BOOKMARK + renewals * HEADS;
    let cost = Cost { first, watches: watches.len(), hourly, more: ledger.count() - first };
    println!(
        "{workloads:>5} Deployments in {namespaces:>3} namespaces: {first} requests and {} kB for the first look, {} \
         watches, {} more for 20 looks; an hour in which nothing changes: {:?} requests, at most {} kB",
        bytes / 1_000,
        cost.watches,
        cost.more,
        cost.hourly,
        quiet / 1_000
    );
    assert!(cost.hourly.values().all(|requests| *requests <= HOURLY), "{cost:?}");
    assert!(quiet <= QUIET, "{quiet} bytes: {cost:?}");
    assert_eq!(cost.more, 0, "the watches tell everything");
    let distinct: BTreeSet<_> = watches.iter().map(|(path, _)| path).collect();
    assert_eq!(distinct.len(), watches.len(), "nothing is watched twice");
    cost
}

#[tokio::test]
async fn what_a_quiet_cluster_costs_does_not_grow_with_its_workloads() {
    let (one, forty) = (cost(1, 1).await, cost(40, 1).await);
    assert_eq!(one, forty);
    // Who we are, and a list and a watch for each kind.
    assert_eq!((one.first, one.watches), (7, 3));
}

// On threads of its own: the server answers pages while the provider reads those before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_with_its_namespaces() {
    let full = std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full");
    let sizes = [(10, 2), (10, 4), (10, 10), (100, 50), (1_000, 100), (5_000, 500)];
    for (workloads, namespaces) in sizes.into_iter().filter(|(workloads, _)| full || *workloads <= 1_000) {
        let cost = cost(workloads, namespaces).await;
        let kinds = ["deployments", "pods", "replicasets"];
        assert_eq!(cost.hourly.keys().collect::<Vec<_>>(), kinds);
        if namespaces > 4 {
            // A page has two hundred objects; of ReplicaSets there are twice as many.
            let pages = 2 * workloads.div_ceil(200) + (2 * workloads).div_ceil(200);
            assert_eq!((cost.first, cost.watches), (1 + pages + 3, 3));
        }
    }
}
