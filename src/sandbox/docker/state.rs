//! The engine's state: services, their tasks, one version counter for all of them, and the list of events.

use super::WriteRecord;
use super::identity;
use super::images::Images;
use super::plain::Plain;
use super::task::Task;
use super::update::Rollout;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const STEP: Duration = Duration::from_millis(250);

/// What the engine is in a swarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// A manager: serves services and tasks.
    #[default]
    Manager,
    /// A worker: refuses them with 503.
    Worker,
    /// In no swarm: refuses them with 503.
    Outside,
}

/// One service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) spec: Value,
    pub(super) previous: Option<Value>,
    /// `UpdateStatus`; absent on a service that was never updated and right after an update was accepted.
    pub(super) status: Option<Value>,
    /// The rolling update under way.
    pub(super) rollout: Option<Rollout>,
}

impl Service {
    /// The service as the API shows it.
    pub(super) fn json(&self) -> Value {
        let mut shown = json!({
            "ID": self.id, "Version": {"Index": self.version}, "CreatedAt": self.created.to_string(),
            "UpdatedAt": self.updated.to_string(), "Spec": self.spec,
            "Endpoint": {"Spec": self.spec.get("EndpointSpec").cloned().unwrap_or_else(|| json!({}))}
        });
        if let Some(fields) = shown.as_object_mut() {
            if let Some(previous) = &self.previous {
                fields.insert("PreviousSpec".into(), previous.clone());
            }
            if let Some(status) = &self.status {
                fields.insert("UpdateStatus".into(), status.clone());
            }
        }
        shown
    }

    /// The service's name.
    pub(super) fn name(&self) -> &str {
        self.spec.get("Name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Wanted tasks; a global service has one per node, and this swarm has one node.
    pub(super) fn replicas(&self) -> u64 {
        if self.spec.pointer("/Mode/Global").is_some() {
            return 1;
        }
        self.spec.pointer("/Mode/Replicated/Replicas").and_then(Value::as_u64).unwrap_or(1)
    }
}

/// The whole engine.
pub(super) struct State {
    pub(super) services: BTreeMap<String, Service>,
    pub(super) tasks: Vec<Task>,
    /// Containers of no swarm, oldest first.
    pub(super) plain: Vec<Plain>,
    /// Networks besides those that every engine has.
    pub(super) networks: BTreeSet<String>,
    pub(super) images: Images,
    pub(super) membership: Membership,
    pub(super) writes: Vec<WriteRecord>,
    pub(super) events: Vec<Value>,
    pub(super) clock: Timestamp,
    /// Virtual time since the engine began.
    pub(super) uptime: Duration,
    pub(super) node: String,
    index: u64,
    counter: u64,
}

impl State {
    /// An engine without services.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            services: BTreeMap::new(),
            tasks: Vec::new(),
            plain: Vec::new(),
            networks: BTreeSet::new(),
            images: Images::default(),
            membership: Membership::Manager,
            writes: Vec::new(),
            events: Vec::new(),
            clock: now,
            uptime: Duration::ZERO,
            node: identity::swarm(1),
            index: 10,
            counter: 1,
        }
    }

    /// The next index of the swarm's log: every version is one of them.
    pub(super) fn next_index(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// A swarm object's ID that was never given before.
    pub(super) fn next_id(&mut self) -> String {
        self.counter += 1;
        identity::swarm(self.counter)
    }

    /// How many events there were; moves whenever event streams have something to say.
    pub(super) fn events_so_far(&self) -> u64 {
        u64::try_from(self.events.len()).unwrap_or(u64::MAX)
    }

    /// A service by ID, by name, or by an unambiguous beginning of its ID.
    pub(super) fn find(&self, reference: &str) -> Option<&Service> {
        let named = || self.services.values().find(|s| s.name() == reference);
        let mut beginning = self.services.values().filter(|s| s.id.starts_with(reference));
        self.services.get(reference).or_else(named).or_else(|| match (beginning.next(), beginning.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        })
    }

    /// Lets `elapsed` pass in steps, so that a long tick does not skip what a short one would show.
    pub(super) fn tick(&mut self, now: Timestamp, elapsed: Duration) {
        let mut left = elapsed;
        while !left.is_zero() {
            let step = left.min(STEP);
            left -= step;
            let behind = SignedDuration::try_from(left).unwrap_or_default();
            self.clock = now.checked_sub(behind).unwrap_or(now);
            self.step(step);
        }
        self.clock = now;
    }

    /// One step of the orchestrator and of every task.
    pub(super) fn step(&mut self, elapsed: Duration) {
        self.uptime += elapsed;
        self.run_tasks();
        self.run_plain();
        let ids: Vec<String> = self.services.keys().cloned().collect();
        for id in ids {
            self.roll(&id);
            self.keep_replicas(&id);
            self.forget_old_tasks(&id);
        }
    }

    /// Records an event for `GET /events`.
    pub(super) fn event(&mut self, kind: &str, action: &str, id: &str, attributes: &Value) {
        let nanos = i64::try_from(self.clock.as_nanosecond()).unwrap_or(i64::MAX);
        self.events.push(json!({
            "Type": kind, "Action": action, "Actor": {"ID": id, "Attributes": attributes},
            "scope": if kind == "service" { "swarm" } else { "local" },
            "time": self.clock.as_second(), "timeNano": nanos
        }));
    }
}
