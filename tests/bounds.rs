//! No server makes us wait or grow without end (PROMISES R20): a byte a second, a small answer that becomes huge, JSON
//! a million deep, a next page for ever; each against every provider that speaks HTTP, Docker by its unix socket, too.
//!
//! The figures are printed: how long each look took beyond its limit, and how much memory all of them took. The real
//! limits (30 s) are waited for with `GONOGO_TEST_N=full`; else shorter ones, where a provider takes them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gonogo::domain::{
    Ask, Bound, Cause, EnvironmentName, Fault, Role, ServiceName, Settings, SourceName, Value,
};
use gonogo::provider::http::Limits;
use gonogo::provider::registry::{Manifest, Registry};
use gonogo::provider::{Provider, SecretPlace, SourceSpec, alertmanager, docker, github, kind, prometheus};

#[path = "support/faults.rs"]
#[expect(dead_code, reason = "only the server of the fault table is needed here")]
mod faults;
#[path = "support/listener.rs"]
#[expect(dead_code, reason = "only the listener is needed here")]
mod listener;

use faults::{Act, SECRET, Server};
use listener::{Listener, said};

/// The most that memory may grow by, in KiB.
const GROWTH: u64 = 64 * 1024;

fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}

/// What a look may take, and where it is set.
fn limits() -> Limits {
    if full() { Limits::DEFAULT } else { faults::LIMITS }
}

/// Whom the acts are done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    GitHub,
    Prometheus,
    Alertmanager,
    DockerTcp,
    DockerUnix,
    Kubernetes,
    Registry,
}

const CLIENTS: &[Client] = &[
    Client::GitHub,
    Client::Prometheus,
    Client::Alertmanager,
    Client::DockerTcp,
    Client::DockerUnix,
    Client::Kubernetes,
    Client::Registry,
];

fn spec(url: &str, role: Role, settings: Settings) -> SourceSpec {
    SourceSpec {
        name: SourceName::new("under-test"),
        settings: Settings::default().with_text("url", url),
        secrets: BTreeMap::from([("token".to_owned(), SecretPlace::Env("TOKEN".to_owned()))]),
        bounds: vec![Bound {
            role,
            service: ServiceName::new("shop"),
            environment: Some(EnvironmentName::new("production")),
            settings,
        }],
        env: Arc::new(BTreeMap::from([("TOKEN".to_owned(), SECRET.to_owned())])),
    }
}

fn engine(host: &str) -> Arc<dyn Provider> {
    let mut spec = spec("", Role::Deploy, Settings::default().with_text("service", "shop"));
    spec.settings = Settings::default().with_text("host", host);
    (docker::KIND.build)(spec).unwrap()
}

fn cluster(folder: &Path, url: &str, seconds: i64) -> Arc<dyn Provider> {
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n\
         users: [{{name: u, user: {{token: {SECRET}}}}}]\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\n"
    );
    let path = folder.join("config");
    std::fs::write(&path, config).unwrap();
    let workload = Settings::default().with_text("namespace", "shop").with_text("workload", "deployment/web");
    let mut spec = spec("", Role::Deploy, workload);
    spec.settings = Settings::default()
        .with_text("kubeconfig", path.to_str().unwrap())
        .with("timeout", Value::Integer(seconds));
    (kind("kubernetes").unwrap().build)(spec).unwrap()
}

impl Client {
    /// The longest that one look may take when the other side is as slow as can be.
    fn deadline(self) -> Duration {
        match self {
            // The engine's limits are not shortened for tests.
            Self::DockerTcp | Self::DockerUnix => Limits::DEFAULT.total,
            // Making the link, then the question.
            Self::Kubernetes => Duration::from_secs(if full() { 10 } else { 3 }),
            // Three requests share it.
            Self::Registry => Duration::from_secs(12),
            _ => limits().total,
        }
    }

    fn provider(self, url: &str, folder: &Path) -> Arc<dyn Provider> {
        match self {
            Self::GitHub => {
                let pipeline = Settings::default().with_text("project", "acme/shop");
                github::build_with(spec(url, Role::Pipeline, pipeline), limits()).unwrap()
            }
            Self::Prometheus => {
                let signal = Settings::default().with_text("name", "errors").with_text("query", "vector(1)");
                prometheus::build_with(spec(url, Role::Signal, signal), limits()).unwrap()
            }
            Self::Alertmanager => {
                alertmanager::build_with(spec(url, Role::Alerts, Settings::default()), limits()).unwrap()
            }
            Self::DockerTcp => engine(&url.replace("http://", "tcp://")),
            Self::DockerUnix => engine(&socket(folder, url)),
            Self::Kubernetes => cluster(folder, url, if full() { 10 } else { 3 }),
            Self::Registry => unreachable!("a registry is asked, not looked at"),
        }
    }

    /// What it says about a server; nothing if it noticed nothing.
    async fn ask(self, url: &str, folder: &Path) -> Option<Fault> {
        if self == Self::Registry {
            let reference = format!("{}/acme/web:v1", url.replace("http://", ""));
            return match Registry::anonymous(Arc::default()).manifest(&reference).await {
                Manifest::Untold(fault) => Some(fault),
                other => panic!("{other:?}"),
            };
        }
        match self.provider(url, folder).observe(&Ask::default()).await {
            Ok(seen) => seen.faults.into_values().next(),
            Err(fault) => Some(fault),
        }
    }
}

/// A unix socket in front of a server.
fn socket(folder: &Path, url: &str) -> String {
    let path = folder.join(format!("s{}", url.rsplit(':').next().unwrap()));
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let address = url.replace("http://", "");
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let address = address.clone();
            tokio::spawn(async move {
                let mut there = tokio::net::TcpStream::connect(address).await.unwrap();
                // Either side may go away in the middle: that is what is tested.
                drop(tokio::io::copy_bidirectional(&mut here, &mut there).await);
            });
        }
    });
    format!("unix://{}", path.display())
}

/// The most memory that the process has had since [`forget_peak`], in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// JSON that opens a million lists, in an answer of its own.
fn deep() -> &'static [u8] {
    Box::leak(format!("{HEAD}\r\n{}", "[".repeat(1_000_000)).into_bytes().into_boxed_slice())
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_makes_us_wait_or_grow_without_end() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    let slow = Act::Drip(
        "HTTP/1.1 200 OK\r\napi-version: 1.41\r\ncontent-length: 90000\r\n\r\n",
        "[",
        Duration::from_secs(1),
    );
    let slow_head = Act::Drip("HTTP/1.1 200 OK\r\nx-a: ", "b", Duration::from_secs(1));
    let acts = [
        ("a byte of the body a second", slow),
        ("a byte of the headers a second", slow_head),
        ("a gzip bomb", Act::Bomb),
        ("JSON a million deep", Act::Raw(deep())),
        ("a flood", Act::Flood(faults::Announced::No)),
    ];
    let mut cells = 0;
    let mut looks = Vec::new();
    for (name, act) in acts {
        for &client in CLIENTS {
            // A HEAD's answer has no body, whatever follows it; and ping's body is not read for sense.
            let slow = name.contains("a second");
            let engine = matches!(client, Client::DockerTcp | Client::DockerUnix);
            if (slow && engine && !full()) || (client == Client::Registry && !name.contains("headers")) {
                continue;
            }
            let folder = folder.path();
            looks.push((slow, async move {
                let server = Server::start(act).await;
                let home = folder.join(server.url.rsplit(':').next().unwrap());
                std::fs::create_dir(&home).unwrap();
                let began = Instant::now();
                let fault = client.ask(&server.url, &home).await;
                (name, client, slow, began.elapsed(), fault)
            }));
        }
    }
    // What is slow is waited for all at once, what is large comes one after the other.
    let (patient, large): (Vec<_>, Vec<_>) = looks.into_iter().partition(|(slow, _)| *slow);
    let mut answers = futures_util::future::join_all(patient.into_iter().map(|(_, look)| look)).await;
    forget_peak();
    let before = peak();
    for (_, look) in large {
        answers.push(look.await);
    }
    let growth = peak().saturating_sub(before);
    let (mut latest, mut whose) = (Duration::ZERO, None);
    for (name, client, slow, took, fault) in answers {
        cells += 1;
        let fault = fault.unwrap_or_else(|| panic!("{name} went unnoticed by {client:?}"));
        let fitting = [Cause::TimedOut, Cause::TooLarge, Cause::Malformed, Cause::Unreachable];
        assert!(fitting.contains(&fault.cause), "{name} at {client:?}: {fault:?}");
        assert!(!slow || fault.cause == Cause::TimedOut, "{name} at {client:?}: {fault:?}");
        let over = took.saturating_sub(client.deadline());
        if over >= latest {
            (latest, whose) = (over, Some((name, client, took)));
        }
        assert!(over <= Duration::from_secs(1), "{name} at {client:?}: took {took:?}");
    }
    println!(
        "R20: {cells} cells; the latest ended {latest:?} after its deadline ({whose:?}); memory grew by {growth} KiB"
    );
    assert!(growth < GROWTH, "{growth} KiB");
}

const DEPLOYMENT: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"u",
    "resourceVersion":"7","generation":1},"spec":{"replicas":0,"selector":{"matchLabels":{"app":"web"}},"template":{
    "metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"r.test/web:v1"}]}}},
    "status":{"observedGeneration":1}}"#;

/// Every page names a next one.
fn endless() -> Listener {
    Listener::start("127.0.0.1", |request| {
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let host = request.lines().find_map(|l| l.to_lowercase().strip_prefix("host: ").map(str::to_owned));
        if path.contains("/deployments/web") {
            return said("200 OK", "", DEPLOYMENT);
        }
        let next = format!("link: <http://{}{path}&more=1>; rel=\"next\"\r\n", host.unwrap_or_default());
        let body = match &path {
            p if p.contains("/actions/runs") => "{\"total_count\":1000000,\"workflow_runs\":[]}",
            p if p.contains("limit=") => {
                "{\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"more\"},\"items\":[]}"
            }
            p if p.contains("selfsubject") => "{\"status\":{\"allowed\":true}}",
            p if p.contains("/deployments") || p.contains("/statuses") => "[]",
            _ => "{\"login\":\"ann\"}",
        };
        said("200 OK", &next, body)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_page_for_ever_is_not_followed_for_ever() {
    rustls::crypto::ring::default_provider().install_default().ok();
    for client in [Client::GitHub, Client::Kubernetes] {
        let folder = tempfile::tempdir().unwrap();
        let server = endless();
        let url = format!("http://{}", server.address);
        let provider = client.provider(&url, folder.path());
        let began = Instant::now();
        let seen = provider.observe(&Ask::default()).await;
        let took = began.elapsed();
        drop(provider);
        // Of each list how often it was begun, and how many pages were asked for.
        let mut pages: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for request in server.take() {
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            // The list of a watch, and the one of a service that is asked for when that has failed, are two lists.
            let list = format!(
                "{}{}",
                path.split('?').next().unwrap(),
                if path.contains("elector") { " of one" } else { "" }
            );
            let (begun, asked) = pages.entry(list).or_default();
            *begun += usize::from(!path.contains("continue=") && !path.contains("more="));
            *asked += 1;
        }
        println!("R20: {client:?} with endless pages: {pages:?} in {took:?}: {:?}", seen.as_ref().err());
        assert!(!pages.is_empty());
        for (list, (begun, asked)) in &pages {
            // What is kept in memory is bounded; the list of a watch, of which nearly nothing is kept, by its time.
            let watch = client == Client::Kubernetes && !list.ends_with(" of one");
            let most = begun * if watch { 500 } else { 50 };
            assert!(*asked <= most, "{list}: {asked} pages in {begun} lists");
        }
        let seen = seen.unwrap();
        if client == Client::Kubernetes {
            let fault = seen.faults.values().next().unwrap();
            assert_eq!(fault.cause, Cause::TooLarge, "what was cut off is said: {fault}");
        }
    }
}
