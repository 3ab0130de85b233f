//! The Kubernetes provider against servers on loopback: a strict sandbox cluster that truly changes, and a
//! scripted server for answers that a good cluster does not give.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test's own machinery fails by panicking"
)]

mod cluster;
mod cost;
mod elsewhere;
mod flagger;
#[path = "../support/fleet.rs"]
mod fleet;
mod flux;
mod kinds;
mod namespaces;
mod restart;
mod scripted;
mod service;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gonogo::domain::{
    Ask, Bound, EnvironmentName, Fault, Intent, Observation, Place, Role, Rollout, SafeText, ServiceName,
    Settings, SourceName, Target, Value, Verb,
};
use gonogo::provider::{Provider, SourceSpec, kind};

/// A server that ends with its test.
struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(router: axum::Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            drop(axum::serve(listener, router).await);
        });
        Self { address, task }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A kubeconfig with one context.
fn kubeconfig(server: &str, token: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: c\n  cluster:\n    server: {server}\n\
         users:\n- name: u\n  user:\n    token: {token}\ncontexts:\n- name: prod\n  context:\n    cluster: c\n    user: u\n"
    )
}

fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join("config"), text).unwrap();
}

/// The provider of `web` (and of `names` more) in namespace `shop`, with the kubeconfig in `folder`.
fn provider(folder: &Path, names: &[&str]) -> Arc<dyn Provider> {
    provider_within(folder, names, 5)
}

/// The same, whose requests take at most `seconds`.
fn provider_within(folder: &Path, names: &[&str], seconds: i64) -> Arc<dyn Provider> {
    let named: Vec<_> = names.iter().map(|name| (*name, format!("deployment/{name}"))).collect();
    provider_of(folder, &named, seconds)
}

/// The provider of services that run as these workloads.
fn provider_of(folder: &Path, workloads: &[(&str, String)], seconds: i64) -> Arc<dyn Provider> {
    let settings = |workload: &str| Settings::default().with_text("workload", workload);
    let bound: Vec<_> = workloads.iter().map(|(name, workload)| (*name, settings(workload))).collect();
    provider_as(folder, &bound, seconds)
}

/// The provider of services that are bound so in namespace `shop`.
fn provider_as(folder: &Path, services: &[(&str, Settings)], seconds: i64) -> Arc<dyn Provider> {
    let bounds = services
        .iter()
        .map(|(name, settings)| Bound {
            role: Role::Deploy,
            service: ServiceName::new(name),
            environment: Some(EnvironmentName::new("production")),
            settings: settings.clone().with_text("namespace", "shop"),
        })
        .collect();
    provider_bound(folder, bounds, seconds)
}

/// The provider of everything that is bound.
fn provider_bound(folder: &Path, bounds: Vec<Bound>, seconds: i64) -> Arc<dyn Provider> {
    provider_with(folder, Settings::default(), bounds, seconds)
}

/// A service that runs as a workload of a namespace.
fn bound(service: &str, namespace: &str, workload: &str) -> Bound {
    Bound {
        role: Role::Deploy,
        service: ServiceName::new(service),
        environment: Some(EnvironmentName::new("production")),
        settings: Settings::default().with_text("namespace", namespace).with_text("workload", workload),
    }
}

/// The provider of these services, with more settings.
fn provider_with(folder: &Path, more: Settings, bounds: Vec<Bound>, seconds: i64) -> Arc<dyn Provider> {
    let path = folder.join("config").to_str().unwrap().to_owned();
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: more.with_text("kubeconfig", &path).with("timeout", Value::Integer(seconds)),
        secrets: BTreeMap::new(),
        bounds,
        env: Arc::default(),
    };
    (kind("kubernetes").unwrap().build)(spec).unwrap()
}

fn intent(verb: Verb, target: Target) -> Intent {
    Intent {
        verb,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target,
        source: SourceName::new("prod"),
        reason: Some(SafeText::new("SHOP-812")),
        answers: std::collections::BTreeMap::new(),
    }
}

async fn observe(provider: &Arc<dyn Provider>) -> Result<Observation, Fault> {
    provider.observe(&Ask::default()).await
}

/// A look while `web` is being changed.
async fn observe_closely(provider: &Arc<dyn Provider>) -> Result<Observation, Fault> {
    provider.observe(&Ask { acting: vec![ServiceName::new("web")], ..Ask::default() }).await
}

fn web(observation: &Observation) -> &Rollout {
    observation.rollouts.get(&Place::new("web", "production")).unwrap_or_else(|| panic!("{observation:?}"))
}

/// Looks until `wanted` holds of the rollout of `web`, woken by the provider, not longer than ten seconds.
async fn until(provider: &Arc<dyn Provider>, what: &str, wanted: impl Fn(&Rollout) -> bool) -> Rollout {
    let wake = provider.wake().unwrap();
    let mut last = String::new();
    let found = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match observe_closely(provider).await {
                Ok(seen) if seen.rollouts.values().any(|rollout| wanted(rollout)) => {
                    return web(&seen).clone();
                }
                other => last = format!("{other:?}"),
            }
            // A ring means: look now. Without one, look again soon, as the poller does.
            drop(tokio::time::timeout(Duration::from_millis(200), wake.notified()).await);
        }
    })
    .await;
    found.unwrap_or_else(|_| panic!("never seen: {what}; last {last}"))
}
