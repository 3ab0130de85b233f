//! What a look at a Kubernetes cluster costs, by the number of workloads: its time, the time from an event to the report
//! that shows it, and the memory that the provider takes. No look asks the server for anything.
//!
//! `cargo bench --bench kubernetes_look`. Every row is a process of its own, and so is its server, which speaks as much
//! of the list and watch protocol as is needed and changes a Deployment when it is told to.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench prints, or stops with a message"
)]

#[path = "../tests/support/fleet.rs"]
mod fleet;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::poll_fn;
use gonogo::domain::{
    Ask, Bound, EnvironmentName, Observation, Place, Role, ServiceName, Settings, SourceName,
};
use gonogo::provider::{Provider, SourceSpec, kind};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Workloads, and the namespaces that they are dealt out to.
const ROWS: [(usize, usize); 5] = [(10, 1), (100, 10), (1_000, 100), (5_000, 500), (5_000, 1)];
/// Looks, and events, that are measured.
const LOOKS: usize = 50;
const EVENTS: usize = 100;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse().ok()).unwrap();
    match words.get(1).map(String::as_str) {
        Some("serve") => serve(number(2), number(3)),
        Some("row") => row(number(2), number(3)),
        _ => {
            println!(
                "workloads in namespaces | first look | look p50, p99 | event to report p50, p99 | memory | requests"
            );
            for (workloads, namespaces) in ROWS {
                let mut row = itself("row", workloads, namespaces).spawn().unwrap();
                assert!(row.wait().unwrap().success());
            }
        }
    }
}

fn itself(what: &str, workloads: usize, namespaces: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([what, &workloads.to_string(), &namespaces.to_string()]);
    command
}

fn namespace(n: usize, namespaces: usize) -> String {
    format!("team-{:03}", n % namespaces)
}

// The server.

/// One kind's objects in order of namespace and name, and its watches.
#[derive(Default)]
struct Kind {
    objects: Mutex<BTreeMap<(String, String), Value>>,
    watches: Mutex<Vec<(Option<String>, UnboundedSender<String>)>>,
}

#[derive(Default)]
struct Server {
    kinds: BTreeMap<&'static str, Kind>,
    version: AtomicUsize,
    asked: AtomicUsize,
}

/// A Deployment with two ReplicaSets and a pod.
fn seed(server: &mut Server, name: &str, namespace: &str) {
    fleet::deployment(name, namespace, |plural, object| {
        let key = (namespace.to_owned(), object["metadata"]["name"].as_str().unwrap().to_owned());
        let kind = server.kinds.entry(plural).or_default();
        kind.objects.lock().unwrap().insert(key, object.clone());
        object
    });
}

impl Server {
    fn answer(&self, request: &Request) -> Response {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let path = request.uri().path();
        let query: BTreeMap<&str, &str> = request
            .uri()
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let plural = path.rsplit('/').next().unwrap();
        let Some(kind) = self.kinds.get(plural) else {
            return axum::Json(json!({"status": {"userInfo": {"username": "bench"}}})).into_response();
        };
        let namespace = path.split_once("/namespaces/").and_then(|(_, rest)| rest.split('/').next());
        if query.contains_key("watch") {
            let (sender, mut lines) = unbounded_channel();
            kind.watches.lock().unwrap().push((namespace.map(str::to_owned), sender));
            let lines = poll_fn(move |cx| lines.poll_recv(cx).map(|line| line.map(Ok::<_, std::io::Error>)));
            return Body::from_stream(lines).into_response();
        }
        let start: usize = query.get("continue").and_then(|at| at.parse().ok()).unwrap_or(0);
        let objects = kind.objects.lock().unwrap();
        let here: Vec<&Value> = objects
            .iter()
            .filter(|((at, _), _)| namespace.is_none_or(|namespace| at == namespace))
            .map(|(_, object)| object)
            .collect();
        let limit: usize = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(here.len());
        let items: Vec<&Value> = here.iter().skip(start).take(limit).copied().collect();
        let next = if start + limit < here.len() { (start + limit).to_string() } else { String::new() };
        axum::Json(json!({"metadata": {"resourceVersion": "1", "continue": next}, "items": items}))
            .into_response()
    }

    /// Gives a Deployment another image, and tells those who watch.
    fn touch(&self, name: &str, namespace: &str, tag: &str) {
        let version = self.version.fetch_add(1, Ordering::SeqCst) + 2;
        let kind = self.kinds.get("deployments").unwrap();
        let mut objects = kind.objects.lock().unwrap();
        let object = objects.get_mut(&(namespace.to_owned(), name.to_owned())).unwrap();
        object["metadata"]["resourceVersion"] = version.to_string().into();
        object["spec"]["template"]["spec"]["containers"][0]["image"] =
            format!("registry.example/shop/web:{tag}").into();
        let line = format!("{}\n", json!({"type": "MODIFIED", "object": object}));
        for (here, watch) in kind.watches.lock().unwrap().iter() {
            if here.as_ref().is_none_or(|here| here == namespace) {
                drop(watch.send(line.clone()));
            }
        }
    }
}

fn serve(workloads: usize, namespaces: usize) {
    let mut server = Server::default();
    for n in 0..workloads {
        seed(&mut server, &format!("web-{n}"), &namespace(n, namespaces));
    }
    let server = Arc::new(server);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    println!("{}", listener.local_addr().unwrap());
    let answers = Arc::clone(&server);
    let router = Router::new().fallback(move |request: Request| {
        let server = Arc::clone(&answers);
        async move { server.answer(&request) }
    });
    runtime.spawn(async move { axum::serve(listener, router).await });
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["touch", name, namespace, tag] => server.touch(name, namespace, tag),
            _ => println!("{}", server.asked.load(Ordering::SeqCst)),
        }
    }
}

// Who looks.

struct Far {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Far {
    fn start(workloads: usize, namespaces: usize) -> (Self, String) {
        let mut command = itself("serve", workloads, namespaces);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut far = Self { child, said };
        let address = far.line();
        (far, address)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn tell(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{text}").unwrap();
        stdin.flush().unwrap();
    }

    fn asked(&mut self) -> usize {
        self.tell("asked");
        self.line().parse().unwrap()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

fn provider(
    folder: &std::path::Path,
    address: &str,
    workloads: usize,
    namespaces: usize,
) -> Arc<dyn Provider> {
    let config = folder.join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster:\n    server: http://{address}\n\
         users:\n- name: u\n  user:\n    token: t\ncontexts:\n- name: c\n  context:\n    cluster: c\n    user: u\n"
    );
    std::fs::write(&config, text).unwrap();
    let bound = |n: usize| Bound {
        role: Role::Deploy,
        service: ServiceName::new(&format!("web-{n}")),
        environment: Some(EnvironmentName::new("production")),
        settings: Settings::default()
            .with_text("namespace", &namespace(n, namespaces))
            .with_text("workload", &format!("deployment/web-{n}")),
    };
    let spec = SourceSpec {
        name: SourceName::new("bench"),
        settings: Settings::default().with_text("kubeconfig", config.to_str().unwrap()),
        secrets: BTreeMap::new(),
        bounds: (0..workloads).map(bound).collect(),
        env: Arc::default(),
    };
    (kind("kubernetes").unwrap().build)(spec).unwrap()
}

/// Memory that belongs to this process alone, in kB.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn look(provider: &Arc<dyn Provider>, workloads: usize) -> Observation {
    let seen = provider.observe(&Ask::default()).await.unwrap();
    assert_eq!(seen.rollouts.len(), workloads, "{:?}", seen.faults.values().next());
    seen
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: usize| {
        times.get((times.len() * part / 100).min(times.len() - 1)).unwrap().as_secs_f64() * 1_000.0
    };
    format!("{:.1}, {:.1} ms", at(50), at(99))
}

fn row(workloads: usize, namespaces: usize) {
    let (mut far, address) = Far::start(workloads, namespaces);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let before = memory();
    let provider = provider(folder.path(), &address, workloads, namespaces);
    let (first, looks, events, grown, requests) = runtime.block_on(async {
        let began = Instant::now();
        let mut last = look(&provider, workloads).await;
        let first = began.elapsed();
        // The watches begin right after the lists.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = far.asked();
        let mut looks = Vec::new();
        for _ in 0..LOOKS {
            let began = Instant::now();
            last = look(&provider, workloads).await;
            looks.push(began.elapsed());
        }
        let grown = memory() - before;
        drop(last);
        let mut events = Vec::new();
        for event in 0..EVENTS {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let n = event * 7_919 % workloads;
            events.push(
                event_to_report(&mut far, &provider, (workloads, namespaces), n, &format!("e{event}")).await,
            );
        }
        (first, looks, events, grown, (asked, far.asked() - asked))
    });
    println!(
        "{workloads:>5} in {namespaces:>3} | {:.0} ms | {} | {} | {:.1} MB, {:.1} kB each | {} at first, {} more",
        first.as_secs_f64() * 1_000.0,
        spread(looks),
        spread(events),
        grown as f64 / 1_000.0,
        grown as f64 / workloads as f64,
        requests.0,
        requests.1,
    );
}

async fn event_to_report(
    far: &mut Far,
    provider: &Arc<dyn Provider>,
    (workloads, namespaces): (usize, usize),
    n: usize,
    tag: &str,
) -> Duration {
    let wake = provider.wake().unwrap();
    let place = Place::new(&format!("web-{n}"), "production");
    let began = Instant::now();
    far.tell(&format!("touch web-{n} {} {tag}", namespace(n, namespaces)));
    loop {
        let rung = tokio::time::timeout(Duration::from_secs(10), wake.notified()).await;
        assert!(rung.is_ok(), "nobody rang for {tag}");
        let seen = look(provider, workloads).await;
        if seen.rollouts.get(&place).unwrap_or_else(|| panic!("no {place}")).target.label() == tag {
            return began.elapsed();
        }
    }
}
