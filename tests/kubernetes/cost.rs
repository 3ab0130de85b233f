//! What looking costs the API server: requests, counted by the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use gonogo::domain::Ask;
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, DeploymentSeed};

use super::{Server, kubeconfig, observe, provider_of, write};

pub(super) async fn count(State(count): State<Arc<AtomicUsize>>, request: Request, next: Next) -> Response {
    count.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}

/// Requests of the first look and of twenty more at so many Deployments on which nothing moves.
async fn cost(workloads: usize) -> (usize, usize) {
    let cluster = Cluster::new("2026-11-20T14:00:00Z".parse().unwrap());
    let image = "127.0.0.1:1/shop/web:v1";
    cluster.register_image(image, &format!("sha256:{}", "1".repeat(64)));
    let names: Vec<String> = (0..workloads).map(|n| format!("web{n}x")).collect();
    for name in &names {
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: name.clone(),
            container: "web".into(),
            image: image.into(),
            replicas: 1,
            ..DeploymentSeed::default()
        });
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let router = cluster.router().layer(from_fn_with_state(Arc::clone(&asked), count));
    let server = Server::start(router).await;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &kubeconfig(&server.url(), ADMIN_TOKEN));
    let bound: Vec<_> = names.iter().map(|name| (name.as_str(), format!("deployment/{name}"))).collect();
    let provider = provider_of(folder.path(), &bound, 5);
    let seen = observe(&provider).await.unwrap();
    assert_eq!(seen.rollouts.len(), workloads);
    // The watches begin right after the first lists: one for each kind.
    let watching = |n: &usize| *n >= 1 + 3 + 3;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !watching(&asked.load(Ordering::SeqCst)) {
        assert!(std::time::Instant::now() < end, "{asked:?}");
        tokio::task::yield_now().await;
    }
    let first = asked.load(Ordering::SeqCst);
    for _ in 0..20 {
        assert_eq!(provider.observe(&Ask::default()).await.unwrap().rollouts.len(), workloads);
    }
    let more = asked.load(Ordering::SeqCst) - first;
    (first, more)
}

#[tokio::test]
async fn what_a_quiet_cluster_costs_does_not_grow_with_its_workloads() {
    let (one, forty) = (cost(1).await, cost(40).await);
    println!("first look and twenty more: {one:?} requests for 1 Deployment, {forty:?} for 40");
    assert_eq!(one, forty);
    assert_eq!(one.1, 0, "the watches tell everything");
}
