//! The scheduler and the kubelets: what becomes of pods. Each pod's life is kept beside the store and written into
//! the pod's status, exactly as much as a client could see.

use super::fields::{Writer, seconds};
use super::hash;
use super::resource::PODS;
use super::store::{State, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const KUBELET: Writer<'static> = Writer { manager: "kubelet", subresource: "status" };
/// The nodes of the cluster.
pub(super) const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
const PULL: Duration = Duration::from_secs(1);
const STOP: Duration = Duration::from_secs(1);
const READY_AFTER: Duration = Duration::from_secs(2);
const CRASH_AFTER: Duration = Duration::from_secs(1);
const OOM_AFTER: Duration = Duration::from_secs(6);
const BACKOFF: Duration = Duration::from_secs(10);
const BACKOFF_LIMIT: Duration = Duration::from_secs(300);

/// How the containers of an image behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts and gets ready after about two seconds.
    #[default]
    Healthy,
    /// Exits with code 1 a second after every start.
    CrashLoop,
    /// Runs, but its readiness probe never succeeds.
    NeverReady,
    /// Gets ready, then is killed for its memory, again and again.
    OomKilled,
    /// Gets ready only this long after its start.
    SlowStart(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Creating,
    PullFailed,
    PullBackOff,
    Running,
    Ready,
    Exited,
    CrashBackOff,
    Stopping,
}

/// What the kubelet remembers of one pod.
#[derive(Clone, Debug)]
pub(super) struct Life {
    stage: Stage,
    /// When this stage began, in the cluster's virtual time.
    since: Duration,
    scheduled: Timestamp,
    node: &'static str,
    ip: u64,
    image_ids: Vec<String>,
    started: Timestamp,
    ready_moved: Timestamp,
    restarts: u32,
    failed_pulls: u32,
    /// How the running or exited container ended, and how the one before did.
    ended: Option<Value>,
    last: Option<Value>,
    containers_made: u64,
    /// Whether the pod's status was ever written.
    told: bool,
}

impl State {
    /// One look of the kubelets at a pod.
    pub(super) fn run_pod(&mut self, pod: &Value) {
        let uid = text(pod, "/metadata/uid").to_owned();
        let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        let Some(mut life) = self.lives.remove(&uid) else {
            let life = self.schedule(pod);
            self.write_status(pod, &life);
            self.lives.insert(uid, life);
            return;
        };
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            if life.stage != Stage::Stopping {
                life.stage = Stage::Stopping;
                life.since = self.uptime;
            } else if self.uptime.saturating_sub(life.since) >= STOP {
                self.remove(&PODS, namespace, name);
                return;
            }
            self.lives.insert(uid, life);
            return;
        }
        let before = life.stage;
        self.advance(pod, &mut life);
        if life.stage != before {
            life.since = self.uptime;
            if (before == Stage::Ready) != (life.stage == Stage::Ready) {
                life.ready_moved = self.clock;
            }
            self.tell(pod, &life, before);
        }
        // The status tells of the stage and of nothing that passes by itself.
        if life.stage != before || !life.told {
            self.write_status(pod, &life);
            life.told = true;
        }
        self.lives.insert(uid, life);
    }

    fn schedule(&mut self, pod: &Value) -> Life {
        let number = self.next();
        let chosen = NODES.iter().find(|node| **node == wanted_node(pod)).copied();
        let node = chosen.or_else(|| NODES.get(usize::try_from(number % 3).unwrap_or(0)).copied());
        let node = node.unwrap_or("node-1");
        let mut scheduled = pod.clone();
        set(&mut scheduled, &["spec", "nodeName"], node.into());
        self.update(&PODS, scheduled, Writer { manager: "kube-scheduler", subresource: "" });
        let named = format!("{}/{}", text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        self.event(
            pod,
            &PODS,
            "Normal",
            "Scheduled",
            &format!("Successfully assigned {named} to {node}"),
            "default-scheduler",
        );
        let image = text(pod, "/spec/containers/0/image").to_owned();
        self.event(pod, &PODS, "Normal", "Pulling", &format!("Pulling image \"{image}\""), "kubelet");
        Life {
            stage: Stage::Creating,
            since: self.uptime,
            scheduled: self.clock,
            node,
            ip: number % 65_000,
            image_ids: Vec::new(),
            started: self.clock,
            ready_moved: self.clock,
            restarts: 0,
            failed_pulls: 0,
            ended: None,
            last: None,
            containers_made: number,
            told: false,
        }
    }

    fn advance(&mut self, pod: &Value, life: &mut Life) {
        let passed = self.uptime.saturating_sub(life.since);
        match life.stage {
            Stage::Creating if passed >= PULL => self.pull(pod, life),
            Stage::PullFailed if passed >= PULL => life.stage = Stage::PullBackOff,
            Stage::PullBackOff if passed >= backoff(life.failed_pulls) => self.pull(pod, life),
            Stage::Running | Stage::Ready => self.run(pod, life, passed),
            // The first restart comes at once; only then does the kubelet begin to wait.
            Stage::Exited if life.restarts == 0 => self.start(life),
            Stage::Exited if passed >= PULL => {
                life.last = life.ended.take();
                life.stage = Stage::CrashBackOff;
            }
            Stage::CrashBackOff if passed >= backoff(life.restarts) => self.start(life),
            _ => {}
        }
    }

    fn run(&mut self, pod: &Value, life: &mut Life, passed: Duration) {
        let behaviour = containers(pod)
            .map(|c| self.registry.behaviour(text(c, "/image")))
            .find(|b| *b != Behaviour::Healthy)
            .unwrap_or_default();
        let ready = life.stage == Stage::Ready;
        match behaviour {
            Behaviour::Healthy if !ready && passed >= READY_AFTER => life.stage = Stage::Ready,
            Behaviour::SlowStart(needed) if !ready && passed >= needed => life.stage = Stage::Ready,
            Behaviour::NeverReady if ready => life.stage = Stage::Running,
            Behaviour::CrashLoop if passed >= CRASH_AFTER => self.end(life, 1, "Error"),
            Behaviour::OomKilled if ready && passed >= OOM_AFTER - READY_AFTER => {
                self.end(life, 137, "OOMKilled")
            }
            Behaviour::OomKilled if !ready && passed >= READY_AFTER => life.stage = Stage::Ready,
            _ => {}
        }
    }

    fn pull(&mut self, pod: &Value, life: &mut Life) {
        let mut ids = Vec::new();
        for container in containers(pod) {
            let cached = text(container, "/imagePullPolicy") != "Always";
            match self.registry.pull(life.node, text(container, "/image"), cached) {
                Some(id) => ids.push(id),
                None => {
                    life.failed_pulls += 1;
                    life.stage = Stage::PullFailed;
                    return;
                }
            }
        }
        life.image_ids = ids;
        life.stage = Stage::Running;
        life.started = self.clock;
    }

    fn start(&mut self, life: &mut Life) {
        life.last = life.ended.take().or_else(|| life.last.take());
        life.restarts += 1;
        life.containers_made = self.next();
        life.started = self.clock;
        life.stage = Stage::Running;
    }

    fn end(&self, life: &mut Life, code: u8, reason: &str) {
        life.ended = Some(json!({"terminated": {
            "exitCode": code, "reason": reason, "startedAt": seconds(life.started),
            "finishedAt": seconds(self.clock), "containerID": container_id(life)
        }}));
        life.stage = Stage::Exited;
    }

    fn tell(&mut self, pod: &Value, life: &Life, before: Stage) {
        let image = text(pod, "/spec/containers/0/image").to_owned();
        let container = text(pod, "/spec/containers/0/name").to_owned();
        let (class, reason, message) = match life.stage {
            Stage::Running if before == Stage::Ready => (
                "Warning",
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned(),
            ),
            Stage::Running => ("Normal", "Started", format!("Started container {container}")),
            Stage::PullFailed => {
                ("Warning", "Failed", format!("Failed to pull image \"{image}\": {}", pull_error(&image)))
            }
            Stage::PullBackOff => ("Normal", "BackOff", format!("Back-off pulling image \"{image}\"")),
            Stage::CrashBackOff => {
                let name = text(pod, "/metadata/name");
                (
                    "Warning",
                    "BackOff",
                    format!("Back-off restarting failed container {container} in pod {name}"),
                )
            }
            _ => return,
        };
        self.event(pod, &PODS, class, reason, &message, "kubelet");
    }

    fn write_status(&mut self, pod: &Value, life: &Life) {
        let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        if let Some(current) = self.get(&PODS, namespace, name) {
            let mut current = (**current).clone();
            let status = status(&current, life);
            set(&mut current, &["status"], status);
            self.update(&PODS, current, KUBELET);
        }
    }
}

/// The node that a DaemonSet's pod is made for.
pub(super) fn wanted_node(pod: &Value) -> &str {
    text(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0",
    )
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten()
}

fn backoff(times: u32) -> Duration {
    BACKOFF.saturating_mul(1 << times.saturating_sub(1).min(5)).min(BACKOFF_LIMIT)
}

fn pull_error(image: &str) -> String {
    format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
    )
}

fn container_id(life: &Life) -> String {
    let part = hash::fnv64(&life.containers_made.to_le_bytes());
    let second = hash::fnv64(&part.to_le_bytes());
    format!("containerd://{part:016x}{second:016x}{part:016x}{second:016x}")
}

fn status(pod: &Value, life: &Life) -> Value {
    let ready = life.stage == Stage::Ready;
    let begun = !matches!(life.stage, Stage::Creating | Stage::PullFailed | Stage::PullBackOff);
    let names: Vec<&str> = containers(pod).map(|c| text(c, "/name")).collect();
    let moved = seconds(if ready || begun { life.ready_moved } else { life.scheduled });
    let readiness = |kind: &str| {
        if ready {
            json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": moved})
        } else {
            let message = format!("containers with unready status: [{}]", names.join(" "));
            json!({"type": kind, "status": "False", "lastProbeTime": null, "lastTransitionTime": moved,
                "reason": "ContainersNotReady", "message": message})
        }
    };
    let scheduled = seconds(life.scheduled);
    let plain = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": scheduled});
    let statuses: Vec<Value> = containers(pod)
        .enumerate()
        .map(|(index, container)| container_status(container, index, life))
        .collect();
    let mut status = json!({
        "phase": if begun { "Running" } else { "Pending" },
        "conditions": [plain("Initialized"), readiness("Ready"), readiness("ContainersReady"), plain("PodScheduled")],
        "hostIP": "192.0.2.1", "startTime": scheduled, "containerStatuses": statuses, "qosClass": "BestEffort"
    });
    if begun {
        let ip = format!("10.0.{}.{}", life.ip / 250, life.ip % 250 + 1);
        set(&mut status, &["podIPs"], json!([{"ip": ip}]));
        set(&mut status, &["podIP"], ip.into());
    }
    status
}

fn container_status(container: &Value, index: usize, life: &Life) -> Value {
    let image = text(container, "/image");
    let waiting = |reason: &str, message: Option<String>| match message {
        Some(message) => json!({"waiting": {"reason": reason, "message": message}}),
        None => json!({"waiting": {"reason": reason}}),
    };
    let (state, started) = match life.stage {
        Stage::Creating => (waiting("ContainerCreating", None), false),
        Stage::PullFailed => (waiting("ErrImagePull", Some(pull_error(image))), false),
        Stage::PullBackOff => {
            (waiting("ImagePullBackOff", Some(format!("Back-off pulling image \"{image}\""))), false)
        }
        Stage::Running | Stage::Ready | Stage::Stopping => {
            (json!({"running": {"startedAt": seconds(life.started)}}), true)
        }
        Stage::Exited => (life.ended.clone().unwrap_or_else(|| json!({})), false),
        Stage::CrashBackOff => {
            let wait = backoff(life.restarts).as_secs();
            let message =
                format!("back-off {wait}s restarting failed container={}", text(container, "/name"));
            (waiting("CrashLoopBackOff", Some(message)), false)
        }
    };
    let mut status = json!({
        "name": text(container, "/name"), "image": image,
        "imageID": life.image_ids.get(index).cloned().unwrap_or_default(),
        "ready": life.stage == Stage::Ready, "started": started, "restartCount": life.restarts,
        "state": state, "lastState": life.last.clone().unwrap_or_else(|| json!({}))
    });
    if !life.image_ids.is_empty() {
        set(&mut status, &["containerID"], container_id(life).into());
    }
    status
}
