//! The node's containers as lists and single ones: those of the tasks that run or ended here, and those of no swarm.

use super::filters::Filters;
use super::images::Behaviour;
use super::request::Refusal;
use super::state::State;
use super::task::{Task, TaskState};
use serde_json::{Value, json};

const KNOWN: [&str; 5] = ["id", "name", "label", "health", "status"];

impl State {
    /// `GET /containers/json`.
    pub(super) fn containers(&self, all: bool, filters: &str) -> Result<Value, Refusal> {
        let filters = Filters::parse(filters, &KNOWN)?;
        for wanted in filters.values("health") {
            if !["starting", "healthy", "unhealthy", "none"].contains(&wanted.as_str()) {
                return Err(Refusal::new(400, format!("Unrecognised filter value for health: {wanted}")));
            }
        }
        let chosen = self.tasks.iter().filter(|task| task.has_container()).filter(|task| {
            let health = self.health(task);
            let name = self.container_name(task);
            // Ended containers are shown when asked for, or when a status is named.
            (all || !task.state.ended() || !filters.values("status").is_empty())
                && filters.any("id", |id| task.container().starts_with(id))
                && filters.any("name", |wanted| name.contains(wanted))
                && filters.any("health", |wanted| wanted == health)
                && filters.any("status", |wanted| wanted == container_state(task))
                && filters.labels(Some(&self.container_labels(task)))
        });
        let plain = self.plain.iter().rev().filter(|container| {
            let [id, name, state, health] = self.plain_facts(container);
            (all || container.runs() || !filters.values("status").is_empty())
                && filters.any("id", |wanted| id.starts_with(wanted))
                && filters.any("name", |wanted| name.contains(wanted))
                && filters.any("health", |wanted| wanted == health)
                && filters.any("status", |wanted| wanted == state)
                && filters.labels(Self::plain_labels(container))
        });
        let rows = plain.map(|container| self.plain_row(container));
        Ok(Value::Array(rows.chain(chosen.map(|task| self.container_row(task))).collect()))
    }

    /// `GET /containers/{id}/json`.
    pub(super) fn container(&self, reference: &str) -> Result<Value, Refusal> {
        if let Some(plain) = self.find_plain(reference).and_then(|at| self.plain.get(at)) {
            return Ok(self.plain_json(plain));
        }
        let found = self.tasks.iter().filter(|t| t.has_container()).find(|task| {
            task.container().starts_with(reference)
                || self.container_name(task) == reference.trim_start_matches('/')
        });
        let task = found.ok_or_else(|| Refusal::new(404, format!("No such container: {reference}")))?;
        let running = !task.state.ended();
        let mut state = json!({
            "Status": container_state(task), "Running": running, "Paused": false, "Restarting": false,
            "OOMKilled": false, "Dead": false, "Pid": if running { 4000 + task.slot } else { 0 },
            "ExitCode": task.exit_code(), "Error": "", "StartedAt": task.moved().to_string(),
            "FinishedAt": if running { "0001-01-01T00:00:00Z".to_owned() } else { task.moved().to_string() }
        });
        if let (true, Some(fields)) = (self.health(task) != "none", state.as_object_mut()) {
            fields
                .insert("Health".into(), json!({"Status": self.health(task), "FailingStreak": 0, "Log": []}));
        }
        Ok(json!({
            "Id": task.container(), "Created": task.moved().to_string(), "State": state,
            "Image": self.images.id(task.image()), "Name": format!("/{}", self.container_name(task)),
            "RestartCount": 0,
            "Config": {"Image": task.image(), "Labels": self.container_labels(task),
                "Env": task.spec.pointer("/ContainerSpec/Env").cloned().unwrap_or_else(|| json!([]))}
        }))
    }

    fn container_row(&self, task: &Task) -> Value {
        let since = human(self.clock.duration_since(task.moved()).as_secs());
        let status = match (task.state.ended(), self.health(task)) {
            (true, _) => format!("Exited ({}) {since} ago", task.exit_code()),
            (false, "none") => format!("Up {since}"),
            (false, "starting") => format!("Up {since} (health: starting)"),
            (false, health) => format!("Up {since} ({health})"),
        };
        json!({
            "Id": task.container(), "Names": [format!("/{}", self.container_name(task))], "Image": task.image(),
            "ImageID": self.images.id(task.image()), "Command": "/srv", "Created": task.moved().as_second(),
            "Ports": [], "Labels": self.container_labels(task), "State": container_state(task), "Status": status,
            "HostConfig": {"NetworkMode": "default"}, "NetworkSettings": {"Networks": {}}, "Mounts": []
        })
    }

    /// The name of a task and of its container: service, slot and task ID.
    pub(super) fn container_name(&self, task: &Task) -> String {
        let service = self.services.get(&task.service).map_or("", |service| service.name());
        format!("{service}.{}.{}", task.slot, task.id)
    }

    fn container_labels(&self, task: &Task) -> Value {
        let mut labels = task.spec.pointer("/ContainerSpec/Labels").cloned().unwrap_or_else(|| json!({}));
        let service = self.services.get(&task.service).map_or("", |service| service.name());
        let own = [
            ("com.docker.swarm.node.id", self.node.clone()),
            ("com.docker.swarm.service.id", task.service.clone()),
            ("com.docker.swarm.service.name", service.to_owned()),
            ("com.docker.swarm.task", String::new()),
            ("com.docker.swarm.task.id", task.id.clone()),
            ("com.docker.swarm.task.name", self.container_name(task)),
        ];
        if let Some(labels) = labels.as_object_mut() {
            labels.extend(own.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))));
        }
        labels
    }

    /// `none` for an image without a health check.
    fn health(&self, task: &Task) -> &'static str {
        match (self.images.behaviour(task.image()), task.state) {
            (Behaviour::Healthy | Behaviour::Crash, _) => "none",
            (_, TaskState::Starting) => "starting",
            (Behaviour::SlowStart(_), _) => "healthy",
            (Behaviour::Unhealthy, _) => "unhealthy",
        }
    }
}

fn container_state(task: &Task) -> &'static str {
    if task.state.ended() { "exited" } else { "running" }
}

/// A duration as the engine words it.
fn human(seconds: i64) -> String {
    match seconds {
        ..1 => "Less than a second".into(),
        1 => "1 second".into(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".into(),
        120..3600 => format!("{} minutes", seconds / 60),
        3600..7200 => "About an hour".into(),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
