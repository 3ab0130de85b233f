//! Histories on which nothing is wrong: no plan has a hazard line.

use std::collections::BTreeMap;

use gonogo::domain::code::{ChangeSet, FileChange, FileDelta, FileKind, Reader};
use gonogo::domain::health::BadWhen;
use gonogo::domain::{Observation, Reading, Repository, ServiceName, Signal, Span};
use serde_json::json;

use super::desk::Desk;
use super::kube::{Cluster, Kube, recorded};
use super::place::signal;
use super::swarm::{Engine, Swarm};

/// Makes a history of a Deployment.
type OfCluster = fn(&mut Cluster);
/// Makes a history of a service.
type OfEngine = fn(&mut Engine);

pub(crate) fn changes(files: &[(&str, FileKind)]) -> ChangeSet {
    let files: Vec<_> = files
        .iter()
        .map(|(path, kind)| FileChange { path: (*path).into(), delta: FileDelta::Modified, kind: *kind })
        .collect();
    ChangeSet { files_total: files.len(), files, ..ChangeSet::default() }
}

/// A repository that answers one span.
pub(crate) fn repository(span: Span, changes: ChangeSet) -> Observation {
    let repository = Repository {
        head: None,
        tip: None,
        branches: Vec::new(),
        tags: Vec::new(),
        reader: Reader::Libgit2,
        remarks: Vec::new(),
        changes: BTreeMap::from([(span, Ok(changes))]),
    };
    let repositories = BTreeMap::from([(ServiceName::new("web"), repository)]);
    Observation { repositories, ..Observation::default() }
}

/// Every revision by its tag, and pods of the old one that still tell what it was.
fn tags_that_are_known(cluster: &mut Cluster) {
    let host = cluster.host.clone();
    for tag in ["v1", "v2"] {
        let image = json!(format!("{host}/shop/web:{tag}"));
        cluster.set_of(tag)["spec"]["template"]["spec"]["containers"][0]["image"] = image.clone();
        if tag == "v2" {
            cluster.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image.clone();
            cluster.pods.iter_mut().for_each(|p| p["spec"]["containers"][0]["image"] = image.clone());
        } else {
            let mut leaving = cluster.pod("v1", 0);
            leaving["spec"]["containers"][0]["image"] = image;
            leaving["status"]["conditions"][1]["status"] = json!("False");
            cluster.pods.push(leaving);
        }
    }
}

fn a_bad_release(cluster: &mut Cluster) {
    cluster.count(5, 2, 3);
    cluster.deployment["status"]["conditions"][1]["status"] = json!("False");
    cluster.deployment["status"]["conditions"][1]["reason"] = json!("ProgressDeadlineExceeded");
}

fn an_autoscaler_within_its_bounds(cluster: &mut Cluster) {
    cluster.autoscalers.push(recorded("kubernetes", "horizontalpodautoscaler"));
}

fn optional_config_that_is_not_there(cluster: &mut Cluster) {
    let reference = json!([{"secretRef": {"name": "extra", "optional": true}}]);
    cluster.set_of("v1")["spec"]["template"]["spec"]["containers"][0]["envFrom"] = reference;
}

fn no_config_at_all(cluster: &mut Cluster) {
    let container = cluster.set_of("v1").pointer_mut("/spec/template/spec/containers/0").unwrap();
    container.as_object_mut().unwrap().retain(|key, _| !key.starts_with("env"));
    cluster.config.clear();
}

fn a_private_registry(cluster: &mut Cluster) {
    cluster.locked = true;
}

fn marks_that_were_copied(cluster: &mut Cluster) {
    let annotations = &mut cluster.deployment["metadata"]["annotations"];
    annotations["argocd.argoproj.io/tracking-id"] = json!("shop:apps/Deployment:elsewhere/web");
    cluster.deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
}

#[tokio::test]
async fn no_clean_history_of_kubernetes_has_a_hazard_line() {
    let histories: &[(&str, &[&str], OfCluster)] = &[
        ("two releases", &["v1", "v2"], |_| {}),
        ("six releases", &["v1", "v2", "v3", "v4", "v5", "v6"], |_| {}),
        ("back once", &["v1", "v2", "v3"], |c| c.roll_out("v2")),
        ("back and forth", &["v1", "v2"], |c| {
            c.roll_out("v1");
            c.roll_out("v2");
        }),
        ("tags that are known", &["v1", "v2"], tags_that_are_known),
        ("a bad release", &["v1", "v2"], a_bad_release),
        ("an autoscaler within its bounds", &["v1", "v2"], an_autoscaler_within_its_bounds),
        ("optional config that is not there", &["v1", "v2"], optional_config_that_is_not_there),
        ("no config at all", &["v1", "v2"], no_config_at_all),
        ("a private registry", &["v1", "v2"], a_private_registry),
        ("marks that were copied", &["v1", "v2"], marks_that_were_copied),
    ];
    let signals = healthy();
    for (name, tags, make) in histories {
        let kube = Kube::start(tags).await;
        make(&mut kube.lock());
        let mut desk = Desk::open(&kube.provider, &signals).await;
        let plan = desk.ask('r').await.unwrap_or_else(|refused| panic!("{name}: {refused}"));
        assert_eq!(plan.hazards, [], "{name}");
    }
    println!("{} clean histories of Kubernetes: no hazard line", histories.len());
}

fn healthy() -> Vec<Signal> {
    vec![
        signal("error-rate", BadWhen::Above, Reading::Value(3.0)),
        signal("request-rate", BadWhen::Below, Reading::Value(120.0)),
    ]
}

#[tokio::test]
async fn no_clean_history_of_docker_has_a_hazard_line() {
    let histories: &[(&str, OfEngine)] = &[
        ("two releases", |_| {}),
        ("a bad release that stopped", |e| e.say("paused")),
        ("a private registry", |e| {
            let image = e.service["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"].clone();
            let denied = (401, json!({"message": "unauthorized"}));
            e.registry.insert(image.as_str().unwrap().to_owned(), denied);
        }),
        ("going back by itself when replicas fail", |e| {
            e.service["PreviousSpec"]["UpdateConfig"]["FailureAction"] = json!("rollback");
            e.service["Spec"]["UpdateConfig"]["FailureAction"] = json!("rollback");
        }),
        ("start-first", |e| {
            e.service["PreviousSpec"]["UpdateConfig"]["Order"] = json!("start-first");
            e.service["Spec"]["UpdateConfig"]["Order"] = json!("start-first");
        }),
    ];
    let signals = healthy();
    for (name, make) in histories {
        let swarm = Swarm::start().await;
        make(&mut swarm.lock());
        let mut desk = Desk::open(&swarm.provider, &signals).await;
        let plan = desk.ask('r').await.unwrap_or_else(|refused| panic!("{name}: {refused}"));
        assert_eq!(plan.hazards, [], "{name}");
    }
    println!("{} clean histories of Docker: no hazard line", histories.len());
}

#[tokio::test]
async fn a_clean_change_set_adds_nothing() {
    let kube = Kube::start(&["v0.0.1", "v0.0.2"]).await;
    let mut desk = Desk::open(&kube.provider, &[]).await;
    let plan = desk.ask('r').await.unwrap();
    let (from, to) = (plan.prepared.from.unwrap(), plan.prepared.to.unwrap());
    desk.press(gonogo::app::Key::Esc);
    let span = gonogo::domain::assess::span(&to, &from).unwrap();
    desk.report("code", Ok(repository(span, changes(&[("src/cart.c", FileKind::Other)]))));
    assert_eq!(desk.ask('r').await.unwrap().hazards, []);
}
