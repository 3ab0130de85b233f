//! Containers that no swarm runs: made, started and stopped by request, and kept when they stop.
//!
//! Refusals are a real engine's: 304 for what is so already, 404 for what is not there, 409 for a name in use, 500 for a
//! port in use, which is found only when the container is started.

use super::identity;
use super::images::Behaviour;
use super::request::Refusal;
use super::state::State;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a container stands when it is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerState {
    /// It runs.
    #[default]
    Running,
    /// It ran and ended with this code.
    Exited(i64),
}

/// A container to be added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerSeed {
    /// Its name, without a slash.
    pub name: String,
    /// The image that it runs. Register it first.
    pub image: String,
    /// Labels, such as those of Compose.
    pub labels: BTreeMap<String, String>,
    /// Environment, `NAME=value`.
    pub env: Vec<String>,
    /// Ports of the host, such as `8080`, each for the same port inside.
    pub ports: Vec<String>,
    /// Networks besides the default one; the first is its network mode.
    pub networks: Vec<String>,
    /// How it stands.
    pub state: ContainerState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Created,
    Running,
    Exited(i64),
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited(_) => "exited",
        }
    }
}

/// One container.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) id: String,
    name: String,
    created: Timestamp,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    status: Status,
    image_id: String,
    config: Map<String, Value>,
    host: Value,
    networks: Map<String, Value>,
}

impl Plain {
    fn image(&self) -> &str {
        self.config.get("Image").and_then(Value::as_str).unwrap_or_default()
    }

    /// Host ports that it holds while it runs.
    fn ports(&self) -> Vec<String> {
        let bindings = self.host.get("PortBindings").and_then(Value::as_object);
        let lists = bindings.into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
        let ports = lists.filter_map(|b| b.get("HostPort").and_then(Value::as_str));
        ports.filter(|port| !port.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn runs(&self) -> bool {
        self.status == Status::Running
    }
}

fn zero() -> Value {
    "0001-01-01T00:00:00Z".into()
}

impl State {
    /// Adds a container that somebody made, and started, a day ago.
    pub(super) fn add_container(&mut self, seed: &ContainerSeed) {
        let today = self.clock;
        self.clock = today.checked_sub(SignedDuration::from_hours(24)).unwrap_or(today);
        let ports: Map<String, Value> =
            seed.ports.iter().map(|p| (format!("{p}/tcp"), json!([{"HostIp": "", "HostPort": p}]))).collect();
        let mode = seed.networks.first().map_or("default", String::as_str);
        self.networks.extend(seed.networks.iter().cloned());
        let networks: Map<String, Value> = seed.networks.iter().map(|n| (n.clone(), json!({}))).collect();
        let body = json!({
            "Image": seed.image, "Labels": seed.labels, "Env": seed.env,
            "HostConfig": {"PortBindings": ports, "NetworkMode": mode, "RestartPolicy": {"Name": ""}},
            "NetworkingConfig": {"EndpointsConfig": networks}
        });
        if self.create_container(&seed.name, body.to_string().as_bytes(), (1, 47)).is_ok() {
            let started = self.clock;
            if let Some(made) = self.plain.last_mut() {
                made.started = Some(started);
                made.status = match seed.state {
                    ContainerState::Running => Status::Running,
                    ContainerState::Exited(code) => Status::Exited(code),
                };
                made.finished = matches!(seed.state, ContainerState::Exited(_)).then_some(started);
            }
        }
        self.clock = today;
    }

    /// A container by name, or by an unambiguous beginning of its id.
    pub(super) fn find_plain(&self, reference: &str) -> Option<usize> {
        let name = reference.trim_start_matches('/');
        let named = self.plain.iter().position(|c| c.name == name);
        named.or_else(|| {
            let mut begin = self.plain.iter().enumerate().filter(|(_, c)| c.id.starts_with(reference));
            match (begin.next(), begin.next()) {
                (Some((at, _)), None) => Some(at),
                _ => None,
            }
        })
    }

    /// `POST /containers/create`.
    pub(super) fn create_container(
        &mut self,
        name: &str,
        body: &[u8],
        api: (u32, u32),
    ) -> Result<Value, Refusal> {
        let Ok(Value::Object(mut config)) = serde_json::from_slice(body) else {
            return Err(Refusal::new(400, "invalid JSON: EOF"));
        };
        let inner = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !name.is_empty() && (name.len() < 2 || !begins || !name.bytes().all(inner)) {
            let message =
                format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
            return Err(Refusal::new(400, message));
        }
        let host = config.remove("HostConfig").unwrap_or_else(|| json!({}));
        let networking = config.remove("NetworkingConfig").unwrap_or(Value::Null);
        let endpoints =
            networking.get("EndpointsConfig").and_then(Value::as_object).cloned().unwrap_or_default();
        if api < (1, 44) && endpoints.len() > 1 {
            let names: Vec<&str> = endpoints.keys().map(String::as_str).collect();
            let message = format!("Container cannot be connected to network endpoints: {}", names.join(", "));
            return Err(Refusal::new(400, message));
        }
        let image = config.get("Image").and_then(Value::as_str).unwrap_or_default().to_owned();
        if image.is_empty() {
            return Err(Refusal::new(400, "config cannot be empty in order to create a container"));
        }
        if self.images.inspect(&image).is_none() {
            return Err(Refusal::new(404, format!("No such image: {image}")));
        }
        if let Some(other) = self.plain.iter().find(|c| c.name == name) {
            let message = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or \
                 rename) that container to be able to reuse that name.",
                other.id
            );
            return Err(Refusal::new(409, message));
        }
        let id = identity::long(&self.next_id());
        let name =
            if name.is_empty() { format!("quiet_{}", id.get(..6).unwrap_or("box")) } else { name.to_owned() };
        config.entry("Hostname").or_insert_with(|| id.get(..12).unwrap_or("").into());
        let image_id = self.images.id(&image);
        let created = self.clock;
        let (status, started, finished) = (Status::Created, None, None);
        self.plain.push(Plain {
            id: id.clone(),
            name,
            created,
            started,
            finished,
            status,
            image_id,
            config,
            host,
            networks: endpoints,
        });
        self.event("container", "create", &id, &json!({"image": image}));
        Ok(json!({"Id": id, "Warnings": []}))
    }

    /// `POST /containers/{id}/start`.
    pub(super) fn start_container(&mut self, reference: &str) -> Result<(), Refusal> {
        let at = self.plain_at(reference)?;
        let Some(wanted) = self.plain.get(at).cloned() else { return Err(no_such(reference)) };
        if wanted.runs() {
            return Err(Refusal::new(304, ""));
        }
        if let Some(missing) = wanted.networks.keys().find(|n| !self.has_network(n)) {
            return Err(Refusal::new(404, format!("network {missing} not found")));
        }
        let held = |port: &String| self.plain.iter().any(|c| c.runs() && c.ports().contains(port));
        if let Some(port) = wanted.ports().iter().find(|port| held(port)) {
            let message = format!(
                "driver failed programming external connectivity on endpoint {} ({}): Bind for 0.0.0.0:{port} failed: port is \
                 already allocated",
                wanted.name, wanted.id
            );
            return Err(Refusal::new(500, message));
        }
        let now = self.clock;
        if let Some(container) = self.plain.get_mut(at) {
            (container.status, container.started) = (Status::Running, Some(now));
        }
        self.event("container", "start", &wanted.id, &json!({"name": wanted.name}));
        Ok(())
    }

    /// `POST /containers/{id}/stop`.
    pub(super) fn stop_container(&mut self, reference: &str) -> Result<(), Refusal> {
        let at = self.plain_at(reference)?;
        let now = self.clock;
        let Some(container) = self.plain.get_mut(at) else { return Err(no_such(reference)) };
        if !container.runs() {
            return Err(Refusal::new(304, ""));
        }
        (container.status, container.finished) = (Status::Exited(0), Some(now));
        let id = container.id.clone();
        self.event("container", "stop", &id, &json!({}));
        Ok(())
    }

    /// `POST /containers/{id}/restart`: a container that stands still is only started.
    pub(super) fn restart_container(&mut self, reference: &str) -> Result<(), Refusal> {
        let at = self.plain_at(reference)?;
        if self.plain.get(at).is_some_and(Plain::runs) {
            self.stop_container(reference)?;
        }
        self.start_container(reference)?;
        let id = self.plain.get(at).map(|container| container.id.clone()).unwrap_or_default();
        self.event("container", "restart", &id, &json!({}));
        Ok(())
    }

    /// `POST /networks/{id}/connect`.
    pub(super) fn connect_container(&mut self, network: &str, body: &[u8]) -> Result<(), Refusal> {
        if !self.has_network(network) {
            return Err(Refusal::new(404, format!("network {network} not found")));
        }
        let body: Value = serde_json::from_slice(body).map_err(|e| Refusal::new(400, e.to_string()))?;
        let reference = body.get("Container").and_then(Value::as_str).unwrap_or_default();
        let at = self.plain_at(reference)?;
        let endpoint = body.get("EndpointConfig").cloned().unwrap_or_else(|| json!({}));
        if let Some(container) = self.plain.get_mut(at) {
            container.networks.insert(network.to_owned(), endpoint);
        }
        Ok(())
    }

    fn has_network(&self, name: &str) -> bool {
        ["bridge", "host", "none"].contains(&name) || self.networks.contains(name)
    }

    fn plain_at(&self, reference: &str) -> Result<usize, Refusal> {
        self.find_plain(reference).ok_or_else(|| no_such(reference))
    }

    /// Containers whose image crashes end a second after they were started.
    pub(super) fn run_plain(&mut self) {
        let now = self.clock;
        for container in &mut self.plain {
            let age = container.started.map_or(SignedDuration::ZERO, |at| now.duration_since(at));
            let crashes =
                self.images.behaviour(container.config.get("Image").and_then(Value::as_str).unwrap_or(""));
            if container.status == Status::Running && crashes == Behaviour::Crash && age.as_secs() >= 1 {
                (container.status, container.finished) = (Status::Exited(1), Some(now));
            }
        }
    }

    fn plain_health(&self, container: &Plain) -> Option<&'static str> {
        let age = container.started.map_or(SignedDuration::ZERO, |at| self.clock.duration_since(at));
        match self.images.behaviour(container.image()) {
            Behaviour::Healthy | Behaviour::Crash => None,
            Behaviour::Unhealthy => Some("unhealthy"),
            Behaviour::SlowStart(needs) => {
                let done = Duration::try_from(age).is_ok_and(|age| age >= needs);
                Some(if done { "healthy" } else { "starting" })
            }
        }
    }

    /// One line of `GET /containers/json`.
    pub(super) fn plain_row(&self, container: &Plain) -> Value {
        json!({
            "Id": container.id, "Names": [format!("/{}", container.name)], "Image": container.image(),
            "ImageID": container.image_id, "Command": "/srv", "Created": container.created.as_second(), "Ports": [],
            "Labels": container.config.get("Labels"), "State": container.status.word(),
            "Status": container.status.word(), "HostConfig": {"NetworkMode": "default"},
            "NetworkSettings": {"Networks": {}}, "Mounts": []
        })
    }

    /// What the filters of the list look at: id, name, state, health.
    pub(super) fn plain_facts<'a>(&self, container: &'a Plain) -> [&'a str; 4] {
        let health = self.plain_health(container).unwrap_or("none");
        [&container.id, &container.name, container.status.word(), health]
    }

    pub(super) fn plain_labels(container: &Plain) -> Option<&Value> {
        container.config.get("Labels")
    }

    /// `GET /containers/{id}/json`.
    pub(super) fn plain_json(&self, container: &Plain) -> Value {
        let time = |at: Option<Timestamp>| at.map_or_else(zero, |at| at.to_string().into());
        let code = if let Status::Exited(code) = container.status { code } else { 0 };
        let mut state = json!({
            "Status": container.status.word(), "Running": container.runs(), "Paused": false, "Restarting": false,
            "OOMKilled": false, "Dead": false, "Pid": if container.runs() { 5000 } else { 0 }, "ExitCode": code,
            "Error": "", "StartedAt": time(container.started), "FinishedAt": time(container.finished)
        });
        if let (Some(health), Some(fields)) = (self.plain_health(container), state.as_object_mut()) {
            fields.insert("Health".into(), json!({"Status": health, "FailingStreak": 0, "Log": []}));
        }
        json!({
            "Id": container.id, "Created": container.created.to_string(), "State": state, "Image": container.image_id,
            "Name": format!("/{}", container.name), "RestartCount": 0, "Config": container.config,
            "HostConfig": container.host, "Mounts": [], "NetworkSettings": {"Networks": container.networks}
        })
    }
}

fn no_such(reference: &str) -> Refusal {
    Refusal::new(404, format!("No such container: {reference}"))
}
