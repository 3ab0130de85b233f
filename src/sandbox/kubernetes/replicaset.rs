//! The ReplicaSet controller, garbage collection, events, and the order in which everything in the cluster moves.

use super::fields::{Writer, seconds};
use super::hash;
use super::resource::{
    ANALYSISRUNS, CANARIES, CONTROLLERREVISIONS, EVENTS, PODS, REPLICASETS, Resource, WORKLOADS,
};
use super::store::{State, controlled_by, controller_reference, number, set, text};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The longest step in which the controllers look at the world.
pub(super) const STEP: Duration = Duration::from_millis(250);
/// After this long without any change the controllers look at the world only once in [`REST`].
const CALM: Duration = Duration::from_secs(30);
const REST: Duration = Duration::from_secs(2);
const EVENTS_KEPT: usize = 300;
const CONTROLLER: &str = "kube-controller-manager";

impl State {
    /// Lets `elapsed` pass in steps, so that a long tick does not skip what a short one would show.
    pub(super) fn tick(&mut self, now: Timestamp, elapsed: Duration) {
        // Where nothing has changed for long, only slow timers can be left: those may be looked at less often.
        if self.moved_to != self.version {
            (self.moved_to, self.moved_at) = (self.version, self.uptime);
        }
        let calm = self.uptime.saturating_sub(self.moved_at) > CALM;
        let stride = if calm { REST } else { STEP };
        let mut left = elapsed + std::mem::take(&mut self.rest);
        while !left.is_zero() {
            if calm && left < stride {
                self.rest = left;
                break;
            }
            let step = left.min(stride);
            left -= step;
            let behind = SignedDuration::try_from(left).unwrap_or_default();
            self.clock = now.checked_sub(behind).unwrap_or(now);
            self.step(step, None);
        }
        self.clock = now;
    }

    /// One step of everything, or of one workload and what it owns.
    pub(super) fn step(&mut self, elapsed: Duration, only: Option<(&str, &str)>) {
        self.uptime += elapsed;
        if only.is_none() {
            self.heal(elapsed);
            self.sync_flux();
        }
        let mut chosen: Vec<Arc<Value>> = Vec::new();
        for resource in WORKLOADS {
            let found: Vec<_> = match only {
                None => self.list(resource, None),
                Some((namespace, name)) => self.get(resource, namespace, name).cloned().into_iter().collect(),
            };
            for workload in &found {
                self.sync_workload(resource, workload);
            }
            chosen.extend(found);
        }
        let led = match only {
            None => self.list(&CANARIES, None),
            Some((namespace, name)) => self.get(&CANARIES, namespace, name).cloned().into_iter().collect(),
        };
        for canary in &led {
            self.sync_canary(canary);
        }
        let ours = |object: &Value, owners: &[Arc<Value>]| {
            only.is_none() || owners.iter().any(|owner| controlled_by(object, text(owner, "/metadata/uid")))
        };
        let made = |state: &Self, resource| match only {
            None => state.list(resource, None),
            Some((namespace, name)) => state.list_named(resource, namespace, &format!("{name}-")),
        };
        let sets: Vec<_> = made(self, &REPLICASETS).into_iter().filter(|s| ours(s, &chosen)).collect();
        for set in &sets {
            self.sync_replica_set(set);
        }
        chosen.extend(sets);
        for pod in made(self, &PODS).iter().filter(|pod| ours(pod, &chosen)) {
            self.run_pod(pod);
        }
        if only.is_none() {
            self.sync_services();
            self.collect_garbage();
        }
    }

    fn sync_workload(&mut self, resource: &Resource, found: &Arc<Value>) {
        match resource.kind {
            "Deployment" => self.sync_deployment(found),
            "StatefulSet" => self.sync_stateful_set(found),
            "DaemonSet" => self.sync_daemon_set(found),
            _ => self.sync_rollout(found),
        }
    }

    /// The pods of a ReplicaSet that were not asked to stop.
    pub(super) fn pods_of_set(&self, set: &Value) -> Vec<Arc<Value>> {
        let (namespace, uid) = (text(set, "/metadata/namespace"), text(set, "/metadata/uid"));
        self.list_named(&PODS, namespace, &format!("{}-", text(set, "/metadata/name")))
            .into_iter()
            .filter(|pod| controlled_by(pod, uid) && pod.pointer("/metadata/deletionTimestamp").is_none())
            .collect()
    }

    fn sync_replica_set(&mut self, found: &Arc<Value>) {
        let mut pods = self.pods_of_set(found);
        let wanted = usize::try_from(number(found, "/spec/replicas")).unwrap_or(0);
        for _ in pods.len()..wanted {
            let pod = self.create_pod(&REPLICASETS, found, found.pointer("/spec/template"), None);
            let name = text(&pod, "/metadata/name").to_owned();
            self.event(
                found,
                &REPLICASETS,
                "Normal",
                "SuccessfulCreate",
                &format!("Created pod: {name}"),
                "replicaset-controller",
            );
            pods.push(pod);
        }
        if pods.len() > wanted {
            // Pods that are not ready go first, then the youngest.
            pods.sort_by(|a, b| {
                let key = |p: &Value| (is_ready(p), text(p, "/metadata/creationTimestamp").to_owned());
                key(a).0.cmp(&key(b).0).then(key(b).1.cmp(&key(a).1))
            });
            let gone: Vec<_> = pods.drain(..pods.len() - wanted).collect();
            for pod in gone {
                self.stop_pod(&pod, 30);
                let message = format!("Deleted pod: {}", text(&pod, "/metadata/name"));
                self.event(
                    found,
                    &REPLICASETS,
                    "Normal",
                    "SuccessfulDelete",
                    &message,
                    "replicaset-controller",
                );
            }
        }
        self.write_set_status(found, &pods);
    }

    fn write_set_status(&mut self, found: &Value, pods: &[Arc<Value>]) {
        let patience = number(found, "/spec/minReadySeconds");
        let now = self.clock;
        let available = |pod: &Value| is_ready(pod) && ready_for(pod, now) >= patience;
        let mut status = json!({
            "replicas": pods.len(), "observedGeneration": number(found, "/metadata/generation")
        });
        let counters = [
            ("fullyLabeledReplicas", pods.len()),
            ("readyReplicas", pods.iter().filter(|p| is_ready(p)).count()),
            ("availableReplicas", pods.iter().filter(|p| available(p)).count()),
        ];
        for (name, count) in counters.into_iter().filter(|(_, count)| *count > 0) {
            set(&mut status, &[name], count.into());
        }
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        if let Some(current) = self.get(&REPLICASETS, namespace, name) {
            let mut current = (**current).clone();
            set(&mut current, &["status"], status);
            self.update(&REPLICASETS, current, Writer { manager: CONTROLLER, subresource: "status" });
        }
    }

    /// Makes a pod of a template for its controller; without a name it gets a generated one.
    pub(super) fn create_pod(
        &mut self,
        resource: &Resource,
        owner: &Value,
        template: Option<&Value>,
        name: Option<String>,
    ) -> Arc<Value> {
        let prefix = format!("{}-", text(owner, "/metadata/name"));
        let name = name.unwrap_or_else(|| format!("{prefix}{}", hash::suffix(self.next())));
        let template = template.cloned().unwrap_or_default();
        let mut pod = json!({"metadata": template.get("metadata").cloned().unwrap_or_default(), "spec": template.get("spec")});
        for (key, value) in [
            ("generateName", Value::from(prefix)),
            ("name", name.into()),
            ("namespace", text(owner, "/metadata/namespace").into()),
            ("ownerReferences", controller_reference(resource, owner)),
        ] {
            set(&mut pod, &["metadata", key], value);
        }
        set(&mut pod, &["spec", "enableServiceLinks"], true.into());
        set(&mut pod, &["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
        self.create(&PODS, pod, Writer { manager: CONTROLLER, subresource: "" })
    }

    /// Asks a pod to stop; the kubelet takes it away later.
    pub(super) fn stop_pod(&mut self, pod: &Value, grace: i64) -> Arc<Value> {
        let mut pod = pod.clone();
        let until = self.clock.checked_add(SignedDuration::from_secs(grace)).unwrap_or(self.clock);
        set(&mut pod, &["metadata", "deletionTimestamp"], seconds(until).into());
        set(&mut pod, &["metadata", "deletionGracePeriodSeconds"], grace.into());
        self.update(&PODS, pod, Writer { manager: CONTROLLER, subresource: "" })
    }

    fn collect_garbage(&mut self) {
        for owned in [&REPLICASETS, &CONTROLLERREVISIONS, &ANALYSISRUNS, &PODS] {
            let mut living: BTreeSet<String> = BTreeSet::new();
            for owners in WORKLOADS.into_iter().chain([&REPLICASETS]) {
                living.extend(self.list(owners, None).iter().map(|o| text(o, "/metadata/uid").to_owned()));
            }
            for object in self.list(owned, None) {
                let owner = text(&object, "/metadata/ownerReferences/0/uid");
                if owner.is_empty() || living.contains(owner) {
                    continue;
                }
                if object.pointer("/metadata/deletionTimestamp").is_none() && owned.plural == PODS.plural {
                    self.stop_pod(&object, 30);
                } else if owned.plural != PODS.plural {
                    self.remove(owned, text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
                }
            }
        }
        let pods: BTreeSet<String> =
            self.list(&PODS, None).iter().map(|pod| text(pod, "/metadata/uid").to_owned()).collect();
        self.lives.retain(|uid, _| pods.contains(uid));
    }

    /// Records a core Event about an object; a repeated one counts up.
    pub(super) fn event(
        &mut self,
        about: &Value,
        resource: &Resource,
        class: &str,
        reason: &str,
        message: &str,
        source: &str,
    ) {
        let namespace = text(about, "/metadata/namespace").to_owned();
        let (uid, now) = (text(about, "/metadata/uid"), seconds(self.clock));
        let writer = Writer { manager: source, subresource: "" };
        let events = self.list_named(&EVENTS, &namespace, &format!("{}.", text(about, "/metadata/name")));
        let same = events.iter().find(|e| {
            text(e, "/involvedObject/uid") == uid
                && text(e, "/reason") == reason
                && text(e, "/message") == message
        });
        if let Some(same) = same {
            let mut again = (**same).clone();
            let count = number(&again, "/count") + 1;
            set(&mut again, &["count"], count.into());
            set(&mut again, &["lastTimestamp"], now.into());
            self.update(&EVENTS, again, writer);
            return;
        }
        let name =
            format!("{}.{:016x}", text(about, "/metadata/name"), hash::fnv64(&self.next().to_le_bytes()));
        let event = json!({
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "kind": resource.kind, "namespace": namespace, "name": text(about, "/metadata/name"), "uid": uid,
                "apiVersion": resource.api_version(), "resourceVersion": text(about, "/metadata/resourceVersion")
            },
            "reason": reason, "message": message, "type": class, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now, "eventTime": null,
            "source": {"component": source}, "reportingComponent": source, "reportingInstance": ""
        });
        self.create(&EVENTS, event, writer);
        let all = self.list(&EVENTS, None);
        if all.len() > EVENTS_KEPT
            && let Some(oldest) = all.iter().min_by_key(|e| text(e, "/lastTimestamp").to_owned())
        {
            self.remove(&EVENTS, text(oldest, "/metadata/namespace"), text(oldest, "/metadata/name"));
        }
    }
}

/// Whether a pod's Ready condition is true.
pub(super) fn is_ready(pod: &Value) -> bool {
    ready_condition(pod).is_some_and(|c| text(c, "/status") == "True")
}

fn ready_condition(pod: &Value) -> Option<&Value> {
    pod.pointer("/status/conditions")?.as_array()?.iter().find(|c| text(c, "/type") == "Ready")
}

pub(super) fn ready_for(pod: &Value, now: Timestamp) -> i64 {
    let since = ready_condition(pod).and_then(|c| text(c, "/lastTransitionTime").parse::<Timestamp>().ok());
    since.map_or(0, |since| now.duration_since(since).as_secs())
}
