//! Tasks: from new to running, and how they end. A task never changes its spec; a new spec means a new task.

use super::identity;
use super::images::Behaviour;
use super::state::State;
use super::validate::image;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const QUICK: Duration = Duration::from_millis(250);
const START: Duration = Duration::from_secs(1);
const STOP: Duration = Duration::from_secs(1);
const RESTART: Duration = Duration::from_secs(5);
const CRASH_AFTER: Duration = Duration::from_secs(1);
const UNHEALTHY_AFTER: Duration = Duration::from_secs(10);
/// Ended tasks that a slot keeps besides the living one: the swarm's task history limit.
const HISTORY: usize = 4;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TaskState {
    New,
    Pending,
    Assigned,
    Preparing,
    Ready,
    Starting,
    Running,
    Shutdown,
    Failed,
    Rejected,
}

impl TaskState {
    fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }

    /// Whether the task has ended.
    pub(super) fn ended(self) -> bool {
        self >= Self::Shutdown
    }
}

/// One task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: String,
    version: u64,
    created: Timestamp,
    updated: Timestamp,
    pub(super) service: String,
    pub(super) slot: u64,
    pub(super) spec: Value,
    pub(super) state: TaskState,
    /// `ready`, `running` or `shutdown`.
    pub(super) desired: &'static str,
    /// When this state began, in virtual time.
    pub(super) since: Duration,
    /// A task that waits for its restart delay, or for the one it replaces, until then.
    wait_until: Duration,
    message: &'static str,
    error: Option<String>,
    exit_code: i64,
    moved: Timestamp,
}

impl Task {
    /// The task's image.
    pub(super) fn image(&self) -> &str {
        self.spec.pointer("/ContainerSpec/Image").and_then(Value::as_str).unwrap_or_default()
    }

    /// The ID of its container.
    pub(super) fn container(&self) -> String {
        identity::long(&self.id)
    }

    /// Whether a container exists.
    pub(super) fn has_container(&self) -> bool {
        self.state >= TaskState::Starting && self.state != TaskState::Rejected
    }

    /// When the state last moved.
    pub(super) fn moved(&self) -> Timestamp {
        self.moved
    }

    /// The exit code of an ended task.
    pub(super) fn exit_code(&self) -> i64 {
        self.exit_code
    }

    /// The task as the API shows it.
    pub(super) fn json(&self, node: &str) -> Value {
        let mut status = json!({"Timestamp": self.moved.to_string(), "State": self.state.name(), "Message": self.message, "PortStatus": {}});
        if let Some(fields) = status.as_object_mut() {
            if let Some(error) = &self.error {
                fields.insert("Err".into(), error.clone().into());
            }
            if self.state >= TaskState::Starting {
                let id = if self.has_container() { self.container() } else { String::new() };
                let pid = if self.state == TaskState::Running { 4000 + self.slot } else { 0 };
                let container = json!({"ContainerID": id, "PID": pid, "ExitCode": self.exit_code});
                fields.insert("ContainerStatus".into(), container);
            }
        }
        let mut shown = json!({
            "ID": self.id, "Version": {"Index": self.version}, "CreatedAt": self.created.to_string(),
            "UpdatedAt": self.updated.to_string(), "Labels": {}, "Spec": self.spec, "ServiceID": self.service,
            "Slot": self.slot, "Status": status, "DesiredState": self.desired
        });
        if let (true, Some(fields)) = (self.state > TaskState::Pending, shown.as_object_mut()) {
            fields.insert("NodeID".into(), node.into());
        }
        shown
    }
}

impl State {
    /// Makes a task of a service's current spec. It becomes running once `delay` has passed and the task that it
    /// replaces has gone.
    pub(super) fn create_task(&mut self, service: &str, slot: u64, delay: Duration) -> Option<String> {
        let found = self.services.get(service)?;
        let mut spec = found.spec.get("TaskTemplate").cloned().unwrap_or_default();
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("Runtime");
        }
        let (id, version) = (self.next_id(), self.next_index());
        let task = Task {
            id: id.clone(),
            version,
            created: self.clock,
            updated: self.clock,
            service: service.to_owned(),
            slot,
            spec,
            state: TaskState::New,
            desired: "ready",
            since: self.uptime,
            wait_until: self.uptime + delay,
            message: "created",
            error: None,
            exit_code: 0,
            moved: self.clock,
        };
        self.tasks.push(task);
        Some(id)
    }

    /// Tells a task to stop.
    pub(super) fn stop_task(&mut self, id: &str) {
        let (version, now, uptime) = (self.next_index(), self.clock, self.uptime);
        if let Some(task) = self.tasks.iter_mut().find(|task| task.id == id) {
            task.desired = "shutdown";
            task.version = version;
            task.updated = now;
            task.since = uptime;
        }
    }

    /// One step of every task.
    pub(super) fn run_tasks(&mut self) {
        for index in 0..self.tasks.len() {
            let Some(task) = self.tasks.get(index).cloned() else { continue };
            let passed = self.uptime.saturating_sub(task.since);
            let slot_busy = self.tasks.iter().any(|other| {
                other.id != task.id
                    && (&other.service, other.slot) == (&task.service, task.slot)
                    && other.desired == "shutdown"
                    && !other.state.ended()
            });
            let next = self.next_state(&task, passed, slot_busy);
            let release = task.desired == "ready" && !slot_busy && self.uptime >= task.wait_until;
            if next.is_none() && !release {
                continue;
            }
            let (version, now, uptime) = (self.next_index(), self.clock, self.uptime);
            let Some(stored) = self.tasks.get_mut(index) else { continue };
            stored.version = version;
            stored.updated = now;
            if release {
                stored.desired = "running";
            }
            if let Some(next) = next {
                (stored.state, stored.message, stored.error, stored.exit_code) = next;
                stored.since = uptime;
                stored.moved = now;
                if stored.state.ended() {
                    stored.desired = "shutdown";
                }
                self.tell(index);
            }
        }
    }

    fn next_state(
        &self,
        task: &Task,
        passed: Duration,
        slot_busy: bool,
    ) -> Option<(TaskState, &'static str, Option<String>, i64)> {
        use TaskState::{
            Assigned, Failed, New, Pending, Preparing, Ready, Rejected, Running, Shutdown, Starting,
        };
        let plain = |state, message| Some((state, message, None, 0));
        let crash =
            |code: i64| Some((Failed, "started", Some(format!("task: non-zero exit ({code})")), code));
        if task.desired == "shutdown" {
            return match task.state {
                state if state.ended() => None,
                Running | Starting if passed < STOP => None,
                // A process that takes its SIGTERM without a handler ends with 128 + 15.
                Running | Starting => Some((Shutdown, "shutdown", None, 143)),
                _ => plain(Shutdown, "shutdown"),
            };
        }
        let unhealthy = || {
            let error = "task: non-zero exit (137): dockerexec: unhealthy container".to_owned();
            Some((Failed, "started", Some(error), 137))
        };
        match (task.state, self.images.behaviour(task.image())) {
            (New, _) => plain(Pending, "pending task scheduling"),
            (Pending, _) => plain(Assigned, "scheduler assigned task to node"),
            (Assigned, _) => plain(Preparing, "preparing"),
            (Preparing, _) if passed >= QUICK && self.images.digest(task.image()).is_none() => {
                Some((Rejected, "preparing", Some(format!("No such image: {}", task.image())), 0))
            }
            (Preparing, _) if passed >= QUICK => plain(Ready, "prepared"),
            (Ready, _) if task.desired == "running" && !slot_busy => plain(Starting, "starting"),
            // Without a health check a container runs as soon as it is started, and may end soon after.
            (Starting, Behaviour::Healthy | Behaviour::Crash) if passed >= START => plain(Running, "started"),
            (Starting, Behaviour::SlowStart(needed)) if passed >= needed => plain(Running, "started"),
            (Starting, Behaviour::Unhealthy) if passed >= UNHEALTHY_AFTER => unhealthy(),
            (Running, Behaviour::Crash) if passed >= CRASH_AFTER => crash(1),
            (Running, Behaviour::Unhealthy) if passed >= UNHEALTHY_AFTER => unhealthy(),
            _ => None,
        }
    }

    fn tell(&mut self, index: usize) {
        let Some(task) = self.tasks.get(index).cloned() else { return };
        let action = match task.state {
            TaskState::Running => "start",
            TaskState::Failed | TaskState::Shutdown if task.has_container() => "die",
            _ => return,
        };
        let attributes = json!({
            "image": task.image(), "com.docker.swarm.service.id": task.service, "com.docker.swarm.task.id": task.id,
            "exitCode": task.exit_code.to_string()
        });
        self.event("container", action, &task.container(), &attributes);
    }

    /// Replaces failed tasks and follows the wanted number of replicas, outside of a rolling update's own work.
    pub(super) fn keep_replicas(&mut self, id: &str) {
        let Some(service) = self.services.get(id) else { return };
        let wanted = service.replicas();
        let alive = |task: &&Task| task.service == id && task.desired != "shutdown" && !task.state.ended();
        let surplus: Vec<String> =
            self.tasks.iter().filter(alive).filter(|t| t.slot > wanted).map(|t| t.id.clone()).collect();
        let missing: Vec<(u64, Duration)> = (1..=wanted)
            .filter(|slot| !self.tasks.iter().filter(alive).any(|task| task.slot == *slot))
            .map(|slot| {
                let failed = self.tasks.iter().any(|t| {
                    t.service == id
                        && t.slot == slot
                        && matches!(t.state, TaskState::Failed | TaskState::Rejected)
                });
                (slot, if failed { RESTART } else { Duration::ZERO })
            })
            .collect();
        for task in surplus {
            self.stop_task(&task);
        }
        for (slot, delay) in missing {
            self.create_task(id, slot, delay);
        }
    }

    /// Drops ended tasks beyond what the swarm remembers per slot.
    pub(super) fn forget_old_tasks(&mut self, id: &str) {
        let mut gone = Vec::new();
        let slots: std::collections::BTreeSet<u64> =
            self.tasks.iter().filter(|t| t.service == id).map(|t| t.slot).collect();
        for slot in slots {
            let ended: Vec<&Task> =
                self.tasks.iter().filter(|t| t.service == id && t.slot == slot && t.state.ended()).collect();
            let surplus = ended.len().saturating_sub(HISTORY);
            gone.extend(ended.into_iter().take(surplus).map(|task| task.id.clone()));
        }
        self.tasks.retain(|task| !gone.contains(&task.id));
    }

    /// The images of a service's living tasks, with the number of running ones.
    pub(super) fn images_of(&self, service: &str) -> Vec<(String, u32)> {
        let mut found = std::collections::BTreeMap::<String, u32>::new();
        let Some(service) = self.find(service) else { return Vec::new() };
        for task in self.tasks.iter().filter(|t| t.service == service.id && !t.state.ended()) {
            *found.entry(task.image().to_owned()).or_default() += u32::from(task.state == TaskState::Running);
        }
        found.into_iter().collect()
    }

    /// Whether a task runs what the service's spec asks for.
    pub(super) fn is_current(&self, task: &Task) -> bool {
        self.services.get(&task.service).is_some_and(|service| {
            let mut wanted = service.spec.get("TaskTemplate").cloned().unwrap_or_default();
            if let Some(fields) = wanted.as_object_mut() {
                fields.remove("Runtime");
            }
            task.spec == wanted && !image(&service.spec).is_empty()
        })
    }
}
