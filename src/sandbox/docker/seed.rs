//! What a service looks like before the day begins: its seed, and how the seed becomes a real service.

use super::state::{Service, State};
use super::update::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a rolling update does when too many of its tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// Stop and wait for a human.
    #[default]
    Pause,
    /// Go on.
    Continue,
    /// Go back to the previous spec.
    Rollback,
}

/// How a rolling update goes: the service's `UpdateConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateRule {
    /// Tasks updated at once; 0 is all.
    pub parallelism: u64,
    /// Pause between batches.
    pub delay: Duration,
    /// How long a new task is watched for failure.
    pub monitor: Duration,
    /// Share of failed tasks, 0 to 1, that is still accepted.
    pub max_failure_ratio: f64,
    /// What happens beyond that share.
    pub failure_action: FailureAction,
}

impl Default for UpdateRule {
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: Duration::ZERO,
            monitor: Duration::from_secs(5),
            max_failure_ratio: 0.0,
            failure_action: FailureAction::Pause,
        }
    }
}

/// A service to be added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceSeed {
    /// The service's name, such as `shop_web`.
    pub name: String,
    /// The image that runs now.
    pub image: String,
    /// The image before that, when there is one step of history.
    pub previous_image: Option<String>,
    /// Wanted tasks.
    pub replicas: u64,
    /// Labels of the service, such as `com.docker.stack.namespace`.
    pub labels: BTreeMap<String, String>,
    /// Environment of its containers, `NAME=value`.
    pub env: Vec<String>,
    /// How updates go.
    pub update: UpdateRule,
}

impl ServiceSeed {
    fn spec(&self, image: &str) -> Value {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let action = match self.update.failure_action {
            FailureAction::Pause => "pause",
            FailureAction::Continue => "continue",
            FailureAction::Rollback => "rollback",
        };
        let rule = json!({
            "Parallelism": self.update.parallelism, "Delay": nanos(self.update.delay), "FailureAction": action,
            "Monitor": nanos(self.update.monitor), "MaxFailureRatio": self.update.max_failure_ratio,
            "Order": "stop-first"
        });
        let mut container = json!({"Image": image, "Init": false, "DNSConfig": {}, "Isolation": "default"});
        if let (false, Some(fields)) = (self.env.is_empty(), container.as_object_mut()) {
            fields.insert("Env".into(), self.env.clone().into());
        }
        json!({
            "Name": self.name, "Labels": self.labels,
            "TaskTemplate": {
                "ContainerSpec": container, "Resources": {"Limits": {}, "Reservations": {}}, "Placement": {},
                "ForceUpdate": 0, "Runtime": "container"
            },
            "Mode": {"Replicated": {"Replicas": self.replicas}}, "UpdateConfig": rule,
            "EndpointSpec": {"Mode": "vip"}
        })
    }
}

impl State {
    /// Adds a service whose tasks run, with its update of yesterday when the seed names a previous image.
    pub(super) fn add_service(&mut self, seed: &ServiceSeed) {
        let today = self.clock;
        let yesterday = today.checked_sub(SignedDuration::from_hours(24)).unwrap_or(today);
        let image = self.images.pinned(&seed.image);
        let previous = seed.previous_image.as_ref().map(|image| seed.spec(&self.images.pinned(image)));
        let id = self.next_id();
        let status = previous.as_ref().map(|_| {
            json!({
                "State": "completed", "StartedAt": yesterday.to_string(), "CompletedAt": yesterday.to_string(),
                "Message": "update completed"
            })
        });
        let service = Service {
            id: id.clone(),
            version: self.next_index(),
            created: yesterday,
            updated: yesterday,
            spec: seed.spec(&image),
            previous,
            status,
            rollout: None,
        };
        self.services.insert(id.clone(), service);
        self.clock = yesterday;
        // Long enough for every task to start; other services only grow older by it.
        for _ in 0..24 {
            self.step(Duration::from_millis(250));
        }
        self.clock = today;
    }

    /// Changes a service's image as the command-line client does: with the digest pinned.
    pub(super) fn set_image(&mut self, service: &str, image: &str) -> bool {
        let image = self.images.pinned(image);
        let Some(found) = self.find(service) else { return false };
        let (id, version, mut spec) = (found.id.clone(), found.version.to_string(), found.spec.clone());
        if let Some(slot) = spec.pointer_mut("/TaskTemplate/ContainerSpec/Image") {
            *slot = image.into();
        }
        let body = spec.to_string();
        let request =
            Request { service: &id, version: &version, rollback: "", auth_from: "", body: body.as_bytes() };
        self.update_service(&request).is_ok()
    }
}
