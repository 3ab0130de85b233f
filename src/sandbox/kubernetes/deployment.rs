//! The Deployment controller: one ReplicaSet per template, revisions that renumber on undo, rolling updates
//! within their surge and unavailability, and the pruning of history. Its reports are in `progress`.

use super::fields::Writer;
use super::hash;
use super::resource::{DEPLOYMENTS, REPLICASETS};
use super::store::{State, annotate, annotation, controlled_by, controller_reference, number, set, text};
use serde_json::{Value, json};
use std::sync::Arc;

/// The annotation with the current revision.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];
const CONTROLLER: Writer<'static> = Writer { manager: "kube-controller-manager", subresource: "" };
const STATUS: Writer<'static> = Writer { manager: "kube-controller-manager", subresource: "status" };

/// A Deployment's ReplicaSets: the one of its template and all the others.
pub(super) struct Sets {
    pub(super) new: Option<Arc<Value>>,
    pub(super) old: Vec<Arc<Value>>,
}

impl Sets {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(&self.new)
    }
}

impl State {
    /// Whether its controller has heard of the object's generation: only a step after it was written.
    pub(super) fn heard_of(&mut self, found: &Value) -> bool {
        let uid = text(found, "/metadata/uid").to_owned();
        let generation = number(found, "/metadata/generation");
        self.noticed.insert(uid, generation) == Some(generation)
    }

    /// One look of the controller at a Deployment.
    pub(super) fn sync_deployment(&mut self, found: &Arc<Value>) {
        if !self.heard_of(found) {
            return;
        }
        let mut deployment = (**found).clone();
        let paused = deployment.pointer("/spec/paused") == Some(&Value::Bool(true));
        self.note_pause(&mut deployment, paused);
        let sets = self.sets_of(&deployment);
        let sets = self.sync_revision(&mut deployment, sets, paused);
        let scaling = sets.all().any(|set| {
            let desired = annotation(set, DESIRED).parse::<i64>();
            replicas(set) > 0 && desired.is_ok_and(|desired| desired != replicas(&deployment))
        });
        if paused || scaling {
            self.scale_all(&deployment, &sets);
        } else {
            self.roll(&deployment, &sets);
        }
        let sets = self.sets_of(&deployment);
        self.report(
            &mut deployment,
            &sets,
            if paused || scaling { Report::Counts } else { Report::Progress },
        );
        self.update(&DEPLOYMENTS, deployment.clone(), STATUS);
        if super::progress::complete(&deployment) || paused {
            self.clean_up(&deployment, &sets);
        }
    }

    fn sets_of(&self, deployment: &Value) -> Sets {
        let uid = text(deployment, "/metadata/uid");
        let namespace = text(deployment, "/metadata/namespace");
        let mut owned: Vec<_> = self
            .list_named(&REPLICASETS, namespace, &format!("{}-", text(deployment, "/metadata/name")))
            .into_iter()
            .filter(|set| controlled_by(set, uid))
            .collect();
        owned.sort_by_key(|set| revision(set));
        let template = deployment.pointer("/spec/template").unwrap_or(&Value::Null);
        let same = |set: &Arc<Value>| set.pointer("/spec/template").is_some_and(|own| alike(own, template));
        let new = owned.iter().position(same).map(|index| owned.remove(index));
        Sets { new, old: owned }
    }

    fn sync_revision(&mut self, deployment: &mut Value, mut sets: Sets, paused: bool) -> Sets {
        let next = sets.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
        if let Some(found) = sets.new.take() {
            let mut set = (*found).clone();
            copy_annotations(deployment, &mut set);
            renumber(&mut set, next);
            size_annotations(deployment, &mut set, SizeNotes::IfAbsent);
            let stored = self.update(&REPLICASETS, set, CONTROLLER);
            annotate(deployment, REVISION, annotation(&stored, REVISION));
            if super::progress::condition(deployment, "Progressing").is_none() {
                let message = format!("Found new replica set \"{}\"", text(&stored, "/metadata/name"));
                super::progress::put(
                    deployment,
                    "Progressing",
                    "True",
                    "FoundNewReplicaSet",
                    &message,
                    self.clock,
                );
            }
            sets.new = Some(stored);
        } else if !paused {
            let stored = self.create_set(deployment, &sets, next);
            annotate(deployment, REVISION, &next.to_string());
            let message = format!("Created new replica set \"{}\"", text(&stored, "/metadata/name"));
            super::progress::put(
                deployment,
                "Progressing",
                "True",
                "NewReplicaSetCreated",
                &message,
                self.clock,
            );
            sets.new = Some(stored);
        }
        sets
    }

    fn create_set(&mut self, deployment: &Value, sets: &Sets, revision: i64) -> Arc<Value> {
        let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = hash::template_hash(&template);
        set(&mut template, &["metadata", "labels", "pod-template-hash"], hash.clone().into());
        let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
        set(&mut selector, &["matchLabels", "pod-template-hash"], hash.clone().into());
        let size = room(deployment, sets.old.iter().map(|s| replicas(s)).sum(), 0);
        let name = format!("{}-{hash}", text(deployment, "/metadata/name"));
        let mut object = json!({
            "metadata": {
                "name": name, "namespace": text(deployment, "/metadata/namespace"),
                "labels": template.pointer("/metadata/labels"),
                "ownerReferences": controller_reference(&DEPLOYMENTS, deployment)
            },
            "spec": {"replicas": size, "selector": selector, "template": template},
            "status": {"replicas": 0}
        });
        if let Some(patience) = deployment.pointer("/spec/minReadySeconds") {
            set(&mut object, &["spec", "minReadySeconds"], patience.clone());
        }
        copy_annotations(deployment, &mut object);
        annotate(&mut object, REVISION, &revision.to_string());
        size_annotations(deployment, &mut object, SizeNotes::Always);
        let stored = self.create(&REPLICASETS, object, CONTROLLER);
        if size > 0 {
            self.tell_scaled(deployment, &stored, 0, size);
        }
        stored
    }

    fn roll(&mut self, deployment: &Value, sets: &Sets) {
        let Some(new) = &sets.new else { return };
        if text(deployment, "/spec/strategy/type") == "Recreate" {
            self.recreate(deployment, sets, new);
            return;
        }
        let old: i64 = sets.old.iter().map(|s| replicas(s)).sum();
        let wanted = replicas(deployment);
        if replicas(new) != wanted {
            let size = if replicas(new) > wanted {
                wanted
            } else {
                replicas(new) + room(deployment, old, replicas(new))
            };
            if size != replicas(new) {
                self.scale_set(deployment, new, size);
                return;
            }
        }
        self.scale_down_old(deployment, sets, new, old);
    }

    fn scale_down_old(&mut self, deployment: &Value, sets: &Sets, new: &Value, old: i64) {
        let keep = replicas(deployment) - max_unavailable(deployment);
        let new_unavailable = replicas(new) - number(new, "/status/availableReplicas");
        let mut left = old + replicas(new) - keep - new_unavailable;
        // Unhealthy old pods go first: they serve nobody.
        let mut sizes: Vec<(Arc<Value>, i64)> =
            sets.old.iter().map(|s| (Arc::clone(s), replicas(s))).collect();
        for (set, size) in &mut sizes {
            let sick = (*size - number(set, "/status/availableReplicas")).clamp(0, left.max(0));
            *size -= sick;
            left -= sick;
        }
        let available: i64 = sets.all().map(|s| number(s, "/status/availableReplicas")).sum();
        let mut healthy = (available - keep).min(left).max(0);
        for (_, size) in &mut sizes {
            let taken = (*size).min(healthy);
            *size -= taken;
            healthy -= taken;
        }
        for (set, size) in sizes {
            if size != replicas(&set) {
                self.scale_set(deployment, &set, size);
            }
        }
    }

    fn recreate(&mut self, deployment: &Value, sets: &Sets, new: &Value) {
        let running: i64 = sets.old.iter().map(|s| replicas(s) + number(s, "/status/replicas")).sum();
        for set in sets.old.iter().filter(|s| replicas(s) > 0) {
            self.scale_set(deployment, set, 0);
        }
        if running == 0 && replicas(new) != replicas(deployment) {
            self.scale_set(deployment, new, replicas(deployment));
        }
    }

    fn scale_all(&mut self, deployment: &Value, sets: &Sets) {
        let active: Vec<_> = sets.all().filter(|s| replicas(s) > 0).cloned().collect();
        let wanted = replicas(deployment);
        let saturated = sets
            .new
            .as_ref()
            .is_some_and(|new| replicas(new) == wanted && number(new, "/status/availableReplicas") == wanted);
        match active.as_slice() {
            [] => {
                if let Some(latest) = sets.new.as_ref().or(sets.old.last()) {
                    self.scale_set(deployment, latest, wanted);
                }
            }
            [one] => self.scale_set(deployment, one, wanted),
            _ if saturated => {
                for old in sets.old.iter().filter(|s| replicas(s) > 0) {
                    self.scale_set(deployment, old, 0);
                }
            }
            several => self.scale_in_proportion(deployment, several),
        }
    }

    fn scale_in_proportion(&mut self, deployment: &Value, sets: &[Arc<Value>]) {
        let total: i64 = sets.iter().map(|s| replicas(s)).sum();
        let allowed = if replicas(deployment) > 0 { replicas(deployment) + max_surge(deployment) } else { 0 };
        let mut left = allowed - total;
        let mut largest: Vec<_> = sets.to_vec();
        largest.sort_by_key(|s| std::cmp::Reverse(replicas(s)));
        let mut sizes = Vec::new();
        for set in &largest {
            let before = annotation(set, MAX).parse::<i64>().unwrap_or(total).max(1);
            let share = (replicas(set) * allowed + before / 2) / before - replicas(set);
            let share = if left > 0 { share.clamp(0, left) } else { share.clamp(left, 0) };
            left -= share;
            sizes.push(replicas(set) + share);
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + left).max(0);
        }
        for (set, size) in largest.iter().zip(sizes) {
            self.scale_set(deployment, set, size);
        }
    }

    fn scale_set(&mut self, deployment: &Value, found: &Value, size: i64) {
        let before = replicas(found);
        let mut object = found.clone();
        if before != size {
            let generation = number(&object, "/metadata/generation") + 1;
            set(&mut object, &["metadata", "generation"], generation.into());
            set(&mut object, &["spec", "replicas"], size.into());
        }
        size_annotations(deployment, &mut object, SizeNotes::Always);
        self.update(&REPLICASETS, object, CONTROLLER);
        if before != size {
            self.tell_scaled(deployment, found, before, size);
        }
    }

    fn tell_scaled(&mut self, deployment: &Value, found: &Value, before: i64, size: i64) {
        let way = if size > before { "up" } else { "down" };
        let name = text(found, "/metadata/name");
        let message = format!("Scaled {way} replica set {name} from {before} to {size}");
        self.event(
            deployment,
            &DEPLOYMENTS,
            "Normal",
            "ScalingReplicaSet",
            &message,
            "deployment-controller",
        );
    }

    fn clean_up(&mut self, deployment: &Value, sets: &Sets) {
        let limit = deployment.pointer("/spec/revisionHistoryLimit").and_then(Value::as_u64).unwrap_or(10);
        let idle = |s: &Arc<Value>| {
            replicas(s) == 0
                && number(s, "/status/replicas") == 0
                && number(s, "/status/observedGeneration") >= number(s, "/metadata/generation")
        };
        let idle: Vec<_> = sets.old.iter().filter(|s| idle(s)).cloned().collect();
        let surplus = idle.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        for set in idle.iter().take(surplus) {
            self.remove(&REPLICASETS, text(set, "/metadata/namespace"), text(set, "/metadata/name"));
        }
    }
}

/// What a status report covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Counters and availability, as while paused or scaling.
    Counts,
    /// Also how the rollout goes on.
    Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SizeNotes {
    IfAbsent,
    Always,
}

/// `spec.replicas`.
pub(super) fn replicas(object: &Value) -> i64 {
    number(object, "/spec/replicas")
}

fn revision(set: &Value) -> i64 {
    annotation(set, REVISION).parse().unwrap_or(0)
}

/// Whether two templates are the same but for the label that the controller adds.
fn alike(one: &Value, other: &Value) -> bool {
    const PATH: [&str; 2] = ["metadata", "labels"];
    but_for("pod-template-hash", &PATH, one, other)
}

/// Whether two values are the same but for a key of the object at this path.
fn but_for(key: &str, path: &[&str], one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return one == other };
    let kept = |name: &str| !(path.is_empty() && name == key);
    let size = |map: &serde_json::Map<String, Value>| map.keys().filter(|name| kept(name)).count();
    size(one) == size(other)
        && one.iter().filter(|(name, _)| kept(name)).all(|(name, value)| {
            other.get(name).is_some_and(|theirs| match path.split_first() {
                Some((first, rest)) if name == first => but_for(key, rest, value, theirs),
                _ => value == theirs,
            })
        })
}

/// How many pods the new set may still get.
fn room(deployment: &Value, old: i64, new: i64) -> i64 {
    let wanted = replicas(deployment);
    if text(deployment, "/spec/strategy/type") == "Recreate" {
        return if old == 0 { wanted } else { 0 };
    }
    (wanted + max_surge(deployment) - old - new).clamp(0, (wanted - new).max(0))
}

fn max_surge(deployment: &Value) -> i64 {
    share(deployment, "maxSurge", Rounding::Up)
}

/// `maxUnavailable` as a number of pods. When both it and the surge come to nothing, one pod may be missing.
pub(super) fn max_unavailable(deployment: &Value) -> i64 {
    if text(deployment, "/spec/strategy/type") == "Recreate" {
        return 0;
    }
    let found = share(deployment, "maxUnavailable", Rounding::Down);
    let found = if found == 0 && max_surge(deployment) == 0 { 1 } else { found };
    found.min(replicas(deployment))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
}

fn share(deployment: &Value, field: &str, rounding: Rounding) -> i64 {
    match deployment.pointer(&format!("/spec/strategy/rollingUpdate/{field}")) {
        Some(Value::String(text)) => {
            let percent = text.trim_end_matches('%').parse::<i64>().unwrap_or(25);
            let product = percent * replicas(deployment);
            if rounding == Rounding::Up { (product + 99) / 100 } else { product / 100 }
        }
        Some(value) => value.as_i64().unwrap_or(0),
        None => 0,
    }
}

fn copy_annotations(deployment: &Value, set: &mut Value) {
    let annotations = deployment.pointer("/metadata/annotations").and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten() {
        if let (false, Some(value)) = (NOT_COPIED.contains(&key.as_str()), value.as_str()) {
            annotate(set, key, value);
        }
    }
}

/// Gives a reused ReplicaSet the next revision and notes the one it had.
fn renumber(set: &mut Value, next: i64) {
    let before = annotation(set, REVISION).to_owned();
    if revision(set) >= next {
        return;
    }
    annotate(set, REVISION, &next.to_string());
    if !before.is_empty() {
        let history = annotation(set, REVISION_HISTORY).to_owned();
        let history = if history.is_empty() { before } else { format!("{history},{before}") };
        annotate(set, REVISION_HISTORY, &history);
    }
}

fn size_annotations(deployment: &Value, set: &mut Value, notes: SizeNotes) {
    let (wanted, most) = (replicas(deployment), replicas(deployment) + max_surge(deployment));
    for (key, value) in [(DESIRED, wanted), (MAX, most)] {
        if notes == SizeNotes::Always || annotation(set, key).is_empty() {
            annotate(set, key, &value.to_string());
        }
    }
}
