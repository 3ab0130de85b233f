//! The deployment targets: recorded answers of a Kubernetes API server, of Docker Engines, and of registries.

use std::sync::Arc;

use futures_util::FutureExt as _;
use gonogo::domain::rollout::Standing;
use gonogo::domain::{Artifact, Intent, Observation, Place, ServiceName, SourceName, Target, Verb};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::good::Part;
use super::kube::{Kube, digest, recorded};
use super::swarm::Swarm;
use super::{Member, Start};

pub(super) fn members() -> Vec<Start> {
    vec![
        || Cluster::start(State::Well).boxed(),
        || Cluster::start(State::UnderWay).boxed(),
        || Engine::start("updating", true).boxed(),
        || Engine::start("updating", false).boxed(),
        || Engine::start("global", false).boxed(),
        || Engine::start("global-replacing", false).boxed(),
        || Engine::start("half", false).boxed(),
        || Engine::start("paused", false).boxed(),
        || Engine::start("rejected", false).boxed(),
        || Engine::start("returned", false).boxed(),
        || Engine::start("rolled-back", false).boxed(),
    ]
}

fn wanted(verb: Verb, target: Target) -> Intent {
    Intent {
        verb,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target,
        source: SourceName::new("prod"),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    }
}

/// Going back to everything that is remembered, and shipping something new.
fn changes(seen: &Observation, new: &str) -> Vec<Intent> {
    let past = seen.rollouts.values().flat_map(|r| &r.revisions).filter(|r| r.standing != Standing::Current);
    past.map(|r| {
        let target = Target::Revision { id: r.id.clone(), artifact: r.artifact.clone() };
        wanted(Verb::RollBack, target)
    })
    .chain([wanted(Verb::Promote, Target::Artifact(Artifact::from_reference(new)))])
    .collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Well,
    UnderWay,
}

struct Cluster {
    kube: Kube,
    state: State,
    answers: Vec<(String, Value)>,
}

impl Cluster {
    async fn start(state: State) -> Box<dyn Member> {
        let kube = Kube::start(&["v1", "v2"]).await;
        let answers = {
            let mut cluster = kube.lock();
            cluster.registry.extend([("v3".into(), digest("v3"))]);
            cluster.autoscalers.push(recorded("kubernetes", "horizontalpodautoscaler"));
            match state {
                State::Well => {}
                State::UnderWay => {
                    cluster.count(5, 2, 3);
                    cluster.pods = (0..4).map(|n| cluster.pod(if n < 2 { "v2" } else { "v1" }, n)).collect();
                    cluster.pods[0]["status"]["conditions"][1]["status"] = json!("False");
                }
            }
            let list = |items: &[Value]| json!({"metadata": {"resourceVersion": "2000"}, "items": items});
            let review = json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                                "status": {"allowed": state != State::UnderWay, "reason": "by a rule"}});
            let who = json!({"kind": "SelfSubjectReview", "status": {"userInfo": {"username": "ann", "groups": ["ops"]}}});
            vec![
                ("/deployments/web", cluster.deployment.clone()),
                ("/replicasets", list(&cluster.sets)),
                ("/replicasets/web-v1", cluster.sets[0].clone()),
                ("/pods", list(&cluster.pods)),
                ("/horizontalpodautoscalers", list(&cluster.autoscalers)),
                ("/configmaps/web-config", recorded("kubernetes", "config-metadata")),
                ("/selfsubjectaccessreviews", review),
                ("/selfsubjectreviews", who),
                ("registry", recorded("registry", "manifest-head")),
            ]
        };
        let answers: Vec<_> = answers.into_iter().map(|(key, answer)| (key.to_owned(), answer)).collect();
        let member = Self { kube, state, answers };
        member.answers.iter().for_each(|(key, answer)| member.give(key, answer));
        Box::new(member)
    }
}

impl Member for Cluster {
    fn name(&self) -> String {
        format!("kubernetes, {:?}", self.state)
    }

    fn part(&self) -> (&'static str, Part) {
        ("prod", Part::Deploy)
    }

    fn answers(&self) -> Vec<(String, Value)> {
        self.answers.clone()
    }

    fn give(&self, key: &str, answer: &Value) {
        let mut cluster = self.kube.lock();
        if key == "registry" {
            // A header is text, or it is not there.
            match answer.get("docker-content-digest") {
                Some(Value::String(text)) => drop(cluster.registry.insert("v3".into(), text.clone())),
                Some(other) if !other.is_null() => {
                    drop(cluster.registry.insert("v3".into(), other.to_string()))
                }
                _ => drop(cluster.registry.insert("v3".into(), String::new())),
            }
            return;
        }
        if key == "/deployments/web" {
            // The list and the object by its name are the same.
            let list = json!({"metadata": {"resourceVersion": "2000"}, "items": [answer]});
            cluster.forged.insert("/deployments".into(), list.to_string());
        }
        cluster.forged.insert(key.to_owned(), answer.to_string());
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.kube.again()
    }

    fn intents(&self, seen: &Observation) -> Vec<Intent> {
        let new = format!("{}/shop/web:v3", self.kube.lock().host);
        let mut all = changes(seen, &new);
        all.push(wanted(Verb::Pause, Target::Rollout));
        all
    }

    fn rests_on(&self, key: &str, place: &str) -> Vec<String> {
        let done = || vec!["verified: runs".to_owned(), "GO".to_owned()];
        match (key, place) {
            (
                "/deployments/web",
                "/status/observedGeneration"
                | "/metadata/generation"
                | "/status/updatedReplicas"
                | "/status/availableReplicas"
                | "/status",
            ) => done(),
            ("/pods", place)
                if place.ends_with("/status/conditions/1/status")
                    || place.ends_with("/status/conditions/1/type") =>
            {
                vec!["verified: runs".to_owned()]
            }
            ("/selfsubjectaccessreviews", "/status" | "/status/allowed") => {
                ["promote", "pause", "roll back"].map(|verb| format!("{verb} is permitted")).to_vec()
            }
            ("registry", "/docker-content-digest") => vec!["promote names a digest".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// One engine.
struct Engine {
    swarm: Swarm,
    recording: &'static str,
    well: bool,
    answers: Vec<(String, Value)>,
}

impl Engine {
    async fn start(recording: &'static str, well: bool) -> Box<dyn Member> {
        let swarm = Swarm::start().await;
        let look = if well {
            let engine = swarm.lock();
            json!({"service": engine.service, "tasks": engine.tasks})
        } else {
            recorded("docker", recording)
        };
        let info = json!({"Name": "vm", "Swarm": {"LocalNodeState": "active", "ControlAvailable": true, "Error": ""}});
        let answers = vec![
            ("info".to_owned(), info),
            ("services".to_owned(), look["service"].clone()),
            ("tasks".to_owned(), look["tasks"].clone()),
            ("distribution".to_owned(), recorded("registry", "distribution")),
        ];
        let member = Self { swarm, recording, well, answers };
        member.answers.iter().for_each(|(key, answer)| member.give(key, answer));
        Box::new(member)
    }
}

impl Member for Engine {
    fn name(&self) -> String {
        format!("docker, {}{}", self.recording, if self.well { ", at its end" } else { "" })
    }

    fn part(&self) -> (&'static str, Part) {
        ("prod", Part::Deploy)
    }

    fn answers(&self) -> Vec<(String, Value)> {
        self.answers.clone()
    }

    fn give(&self, key: &str, answer: &Value) {
        let mut engine = self.swarm.lock();
        match key {
            // The list and the service itself are the same object.
            "services" => {
                engine.forged.insert("services/".into(), answer.to_string());
                engine.forged.insert("services".into(), json!([answer]).to_string());
            }
            _ => drop(engine.forged.insert(key.to_owned(), answer.to_string())),
        }
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.swarm.again()
    }

    fn intents(&self, seen: &Observation) -> Vec<Intent> {
        changes(seen, "registry.test/acme/web:v3")
    }

    fn rests_on(&self, key: &str, place: &str) -> Vec<String> {
        let leaf = place.rsplit('/').next().unwrap();
        match (key, leaf) {
            ("tasks", "State" | "DesiredState")
                if self.well && ["/0/", "/1/"].iter().any(|t| place.starts_with(t)) =>
            {
                vec!["verified: runs".to_owned(), "GO".to_owned()]
            }
            ("services", "State") => vec!["verified: runs".to_owned(), "GO".to_owned()],
            ("distribution", "digest" | "Descriptor") => vec!["promote names a digest".to_owned()],
            _ => Vec::new(),
        }
    }

    /// An engine that says nothing of an update is one that has not begun any: a recorded state of its own.
    fn may_follow(&self, _key: &str, place: &str, _good: &str) -> bool {
        place == "/UpdateStatus"
    }
}
