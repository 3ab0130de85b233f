//! What the platforms hold as the day begins: each service's images and workloads, as its script says. Knows the script
//! and the platforms' own handles.

use super::images::reference;
use super::scenario::{Keeper, Platform, ServiceScript, Workload};
use super::world::{Service, swarm_name};
use super::{docker, kubernetes};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

/// How many revisions a workload has behind it. Each costs a rollout as the day begins.
const HISTORY: usize = 2;

/// What a service runs as in an environment.
fn shape(script: &ServiceScript, environment: &str) -> kubernetes::Shape {
    match script.production_as {
        _ if environment != "production" => kubernetes::Shape::Deployment,
        Workload::Deployment => kubernetes::Shape::Deployment,
        Workload::StatefulSet => kubernetes::Shape::StatefulSet,
        Workload::DaemonSet => kubernetes::Shape::DaemonSet,
        // Of a Service's colours each is a Deployment.
        Workload::ServiceSwitch => kubernetes::Shape::Deployment,
        Workload::BlueGreen => kubernetes::Shape::BlueGreen,
        Workload::Flagger => kubernetes::Shape::Flagger(json!({
            "interval": "10s", "threshold": 5, "stepWeights": [20, 50],
            "metrics": [
                {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
                {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "1m"}
            ],
            "webhooks": [
                {"type": "confirm-promotion", "name": "ask the release desk", "url": "http://flagger-loadtester.flagger/gate/check"},
                {"type": "rollback", "name": "give up", "url": "http://flagger-loadtester.flagger/rollback/check"}
            ]
        })),
        Workload::Canary => kubernetes::Shape::Canary(vec![
            json!({"setWeight": 25}),
            json!({"pause": {}}),
            json!({"analysis": {"templates": [{"templateName": "success-rate"}]}}),
            json!({"setWeight": 50}),
            json!({"pause": {"duration": "20s"}}),
        ]),
    }
}

/// Two Deployments and the Service that chooses between them: what is live, and beside it what is tested.
fn seed_colours(cluster: &kubernetes::Cluster, registry: &str, script: &ServiceScript, replicas: u32) {
    for (color, tag) in [("blue", &script.live), ("green", &script.staging)] {
        let labels = [("part", script.name.as_str()), ("color", color)];
        cluster.add_deployment(&kubernetes::DeploymentSeed {
            namespace: "production".to_owned(),
            name: format!("{}-{color}", script.name),
            container: script.name.clone(),
            image: reference(registry, &script.name, tag),
            change_cause: tag.clone(),
            replicas,
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ..Default::default()
        });
    }
    cluster.add_service("production", &script.name, &json!({"part": script.name, "color": "blue"}));
}

/// What Flagger leads has come to its gate before the day begins.
pub(super) fn lead_to_the_gate(
    cluster: &kubernetes::Cluster,
    registry: &str,
    script: &ServiceScript,
    start: Timestamp,
) {
    let before = start.checked_sub(SignedDuration::from_secs(60)).unwrap_or(start);
    cluster.tick(before, Duration::ZERO);
    let image = reference(registry, &script.name, &script.staging);
    cluster.set_image("production", &script.name, &script.name, &image, &script.staging);
    cluster.tick(start, Duration::from_secs(60));
}

/// The marks of the GitOps tool that keeps it. What it wants is in the repository of manifests, not in the seed.
fn owner(script: &ServiceScript, environment: &str) -> kubernetes::Owner {
    match (script.kept_by, environment) {
        (Keeper::ArgoCd, "production") => {
            kubernetes::Owner::ArgoCd { application: script.name.clone(), self_heal: None }
        }
        (Keeper::Flux, "production") => {
            kubernetes::Owner::Flux { kustomization: script.name.clone(), self_heal: None }
        }
        _ => kubernetes::Owner::Nobody,
    }
}

/// Puts a service's images and workloads on the platforms.
pub(super) fn seed(
    cluster: &kubernetes::Cluster,
    engine: &docker::Engine,
    registry: &str,
    service: &Service,
) {
    let script = &service.script;
    for tag in &script.tags {
        let (image, digest) =
            (reference(registry, &script.name, tag), super::images::digest(&script.name, tag));
        cluster.register_image(&image, &digest);
        engine.register_image(&image, &digest);
    }
    let newest = script.tags.last().map(|tag| reference(registry, &script.name, tag));
    for place in &service.places {
        let tag = if place.environment == "production" { &script.live } else { &script.staging };
        let older: Vec<_> = script.tags.iter().take_while(|other| *other != tag).collect();
        let older = older.get(older.len().saturating_sub(HISTORY)..).unwrap_or_default();
        if (place.environment, script.production_as) == ("production", Workload::ServiceSwitch) {
            seed_colours(cluster, registry, script, place.replicas);
            continue;
        }
        match place.platform {
            Platform::Kubernetes => cluster.add_deployment(&kubernetes::DeploymentSeed {
                namespace: place.environment.to_owned(),
                name: script.name.clone(),
                container: script.name.clone(),
                image: reference(registry, &script.name, tag),
                change_cause: tag.clone(),
                replicas: place.replicas,
                shape: shape(script, place.environment),
                owner: owner(script, place.environment),
                history: older.iter().map(|t| (reference(registry, &script.name, t), (*t).clone())).collect(),
                ..Default::default()
            }),
            Platform::Docker => engine.add_service(&docker::ServiceSeed {
                name: swarm_name(&script.name),
                image: reference(registry, &script.name, tag),
                previous_image: older.last().map(|t| reference(registry, &script.name, t)),
                replicas: u64::from(place.replicas),
                labels: [("com.docker.stack.namespace".to_owned(), "acme".to_owned())].into(),
                ..Default::default()
            }),
        }
    }
    for bad in &script.bad {
        cluster
            .set_conclusion(&reference(registry, &script.name, &bad.version), kubernetes::Conclusion::Fails);
    }
    if let (Some(newest), true) = (newest, script.slow_start > 0) {
        let pause = Duration::from_secs(script.slow_start);
        cluster.set_behaviour(&newest, kubernetes::Behaviour::SlowStart(pause));
        engine.set_behaviour(&newest, docker::Behaviour::SlowStart(pause));
    }
}
