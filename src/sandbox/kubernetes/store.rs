//! The object store: every object as raw JSON, one resource version counter for all of them, and a bounded
//! history of changes that watches and consistent lists read.

use super::WriteRecord;
use super::access::{Role, User};
use super::fields::{self, Writer};
use super::flux::Flux;
use super::hash;
use super::kubelet::Life;
use super::ownership::Kept;
use super::registry::Registry;
use super::resource::{NAMESPACES, Resource, Scope};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const HISTORY: usize = 4096;

/// Resource, namespace and name of an object.
pub(super) type Key = (&'static str, String, String);

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One change in the history.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) kind: ChangeKind,
    pub(super) key: Key,
    /// The object after the change; for a deletion its last state with the deletion's resource version.
    pub(super) object: Arc<Value>,
    /// The object before the change.
    pub(super) previous: Option<Arc<Value>>,
}

/// The whole cluster.
#[derive(Clone)]
pub(super) struct State {
    objects: BTreeMap<Key, Arc<Value>>,
    pub(super) version: u64,
    /// The history holds every change after this version.
    pub(super) oldest: u64,
    /// How often the history was made to expire.
    pub(super) expiries: u64,
    pub(super) history: VecDeque<Change>,
    counter: u64,
    /// The clock on the wall.
    pub(super) clock: Timestamp,
    /// Virtual time since the cluster began.
    pub(super) uptime: Duration,
    /// The newest version that the controllers know of, and the uptime when it was made.
    pub(super) moved_to: u64,
    pub(super) moved_at: Duration,
    /// Time that passed without a look at anything.
    pub(super) rest: Duration,
    pub(super) users: BTreeMap<String, User>,
    pub(super) registry: Registry,
    pub(super) writes: Vec<WriteRecord>,
    /// The kubelet's memory, by pod UID.
    pub(super) lives: BTreeMap<String, Life>,
    /// The newest generation that its controller has heard of, by a workload's UID.
    pub(super) noticed: BTreeMap<String, i64>,
    /// What a Rollout's controller saw move last, and when, by UID.
    pub(super) stirred: BTreeMap<String, (String, Duration)>,
    /// What Flagger remembers of a Canary, by UID.
    pub(super) flagger: BTreeMap<String, super::flagger::Memory>,
    /// The load tester's gates: `web.shop`, `rollback.web.shop`.
    pub(super) gates: BTreeMap<String, bool>,
    /// What GitOps tools keep, by namespace and name.
    pub(super) kept: BTreeMap<(String, String), Kept>,
    /// What Flux's controllers remember.
    pub(super) flux: Flux,
}

impl State {
    /// An empty cluster.
    pub(super) fn new(now: Timestamp) -> Self {
        let mut state = Self {
            objects: BTreeMap::new(),
            version: 1,
            oldest: 0,
            expiries: 0,
            history: VecDeque::new(),
            counter: 0,
            clock: now,
            uptime: Duration::ZERO,
            moved_to: 0,
            moved_at: Duration::ZERO,
            rest: Duration::ZERO,
            users: BTreeMap::new(),
            registry: Registry::default(),
            writes: Vec::new(),
            lives: BTreeMap::new(),
            noticed: BTreeMap::new(),
            stirred: BTreeMap::new(),
            flagger: BTreeMap::new(),
            gates: BTreeMap::new(),
            kept: BTreeMap::new(),
            flux: Flux::default(),
        };
        for namespace in ["default", "kube-system"] {
            state.ensure_namespace(namespace);
        }
        state
    }

    /// Lets a token in.
    pub(super) fn grant(&mut self, token: &str, user: &str, role: Role) {
        self.users.insert(token.to_owned(), User { name: user.to_owned(), role });
    }

    /// A number that changes whenever watches have something to look at.
    pub(super) fn wakes(&self) -> u64 {
        self.version.wrapping_add(self.expiries << 40)
    }

    /// Forgets the history, as a compaction does.
    pub(super) fn expire(&mut self) {
        self.version += 1;
        self.oldest = self.version;
        self.expiries += 1;
        self.history.clear();
    }

    /// A number that was never given before.
    pub(super) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Makes sure that a namespace exists.
    pub(super) fn ensure_namespace(&mut self, name: &str) {
        if self.get(&NAMESPACES, "", name).is_none() {
            let namespace = json!({
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}
            });
            self.create(&NAMESPACES, namespace, Writer { manager: "kube-apiserver", subresource: "" });
        }
    }

    /// One object.
    pub(super) fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects.get(&(resource.plural, namespace.to_owned(), name.to_owned()))
    }

    /// A resource's objects in one namespace, or in all of them, in order of namespace and name.
    pub(super) fn list(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let plural = resource.plural;
        self.objects
            .range((plural, String::new(), String::new())..)
            .take_while(|(key, _)| key.0 == plural)
            .filter(|(key, _)| namespace.is_none_or(|namespace| key.1 == namespace))
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// The objects in one namespace whose name begins with `stem`: what a controller made for an object bears that
    /// object's name in front, and not every object of the namespace need be looked at to find it.
    pub(super) fn list_named(&self, resource: &Resource, namespace: &str, stem: &str) -> Vec<Arc<Value>> {
        let plural = resource.plural;
        self.objects
            .range((plural, namespace.to_owned(), stem.to_owned())..)
            .take_while(|(key, _)| key.0 == plural && key.1 == namespace && key.2.starts_with(stem))
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// As [`State::list`], at an earlier version that the history still reaches.
    pub(super) fn list_at(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        version: u64,
    ) -> Vec<Arc<Value>> {
        let mut objects: BTreeMap<Key, Arc<Value>> = self
            .list(resource, namespace)
            .into_iter()
            .map(|object| (key_of(resource, &object), object))
            .collect();
        let later = self.history.iter().rev().take_while(|change| change.version > version);
        for change in later.filter(|c| c.key.0 == resource.plural && namespace.is_none_or(|n| c.key.1 == n)) {
            match &change.previous {
                Some(previous) => objects.insert(change.key.clone(), Arc::clone(previous)),
                None => objects.remove(&change.key),
            };
        }
        objects.into_values().collect()
    }

    /// Stores a new object with its identity, and answers it as stored.
    pub(super) fn create(&mut self, resource: &Resource, object: Value, writer: Writer<'_>) -> Arc<Value> {
        let object = self.prepared(resource, object, writer);
        let key = key_of(resource, &object);
        self.store(ChangeKind::Added, key, object, None)
    }

    /// A new object as it would be stored, without storing it.
    pub(super) fn prepared(&mut self, resource: &Resource, mut object: Value, writer: Writer<'_>) -> Value {
        let uid = hash::uid(self.next());
        if let Some(fields) = object.as_object_mut() {
            fields.insert("kind".into(), resource.kind.into());
            fields.insert("apiVersion".into(), resource.api_version().into());
            let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("uid".into(), uid.into());
                metadata.insert("creationTimestamp".into(), fields::seconds(self.clock).into());
                if resource.has_generation() {
                    metadata.insert("generation".into(), 1.into());
                }
            }
        }
        fields::record(&json!({}), &mut object, writer, resource.api_version(), self.clock);
        object
    }

    /// Stores a changed object and answers it as stored. An object that did not change is not written.
    pub(super) fn update(&mut self, resource: &Resource, object: Value, writer: Writer<'_>) -> Arc<Value> {
        let key = key_of(resource, &object);
        let Some(old) = self.objects.get(&key).cloned() else {
            return Arc::new(object);
        };
        match self.revised(resource, &old, object, writer) {
            Some(new) => self.store(ChangeKind::Modified, key, new, Some(old)),
            None => old,
        }
    }

    /// The changed object as it would be stored; `None` when nothing changed.
    pub(super) fn revised(
        &self,
        resource: &Resource,
        old: &Value,
        mut object: Value,
        writer: Writer<'_>,
    ) -> Option<Value> {
        for own in ["resourceVersion", "managedFields"] {
            let kept = old.pointer(&format!("/metadata/{own}")).cloned();
            if let (Some(metadata), Some(kept)) =
                (object.get_mut("metadata").and_then(Value::as_object_mut), kept)
            {
                metadata.insert(own.into(), kept);
            }
        }
        if object == *old {
            return None;
        }
        fields::record(old, &mut object, writer, resource.api_version(), self.clock);
        Some(object)
    }

    /// Takes an object away.
    pub(super) fn remove(&mut self, resource: &Resource, namespace: &str, name: &str) {
        let key = (resource.plural, namespace.to_owned(), name.to_owned());
        if let Some(old) = self.objects.remove(&key) {
            let object = self.versioned((*old).clone());
            self.remember(ChangeKind::Deleted, key, object, Some(old));
        }
    }

    fn store(
        &mut self,
        kind: ChangeKind,
        key: Key,
        object: Value,
        previous: Option<Arc<Value>>,
    ) -> Arc<Value> {
        let object = self.versioned(object);
        self.objects.insert(key.clone(), Arc::clone(&object));
        self.remember(kind, key, Arc::clone(&object), previous);
        object
    }

    fn versioned(&mut self, mut object: Value) -> Arc<Value> {
        self.version += 1;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".into(), self.version.to_string().into());
        }
        Arc::new(object)
    }

    fn remember(&mut self, kind: ChangeKind, key: Key, object: Arc<Value>, previous: Option<Arc<Value>>) {
        self.history.push_back(Change { version: self.version, kind, key, object, previous });
        if self.history.len() > HISTORY
            && let Some(gone) = self.history.pop_front()
        {
            self.oldest = gone.version;
        }
    }
}

/// The key of an object.
pub(super) fn key_of(resource: &Resource, object: &Value) -> Key {
    let namespace = match resource.scope {
        Scope::Namespaced => text(object, "/metadata/namespace"),
        Scope::Cluster => "",
    };
    (resource.plural, namespace.to_owned(), text(object, "/metadata/name").to_owned())
}

/// A string in an object; empty when absent.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What stands at a pointer of plain names. The controllers ask at every tick; to look for escapes in each name, as a
/// JSON pointer must, would cost more than all the rest of it.
fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.contains('~') {
        return object.pointer(pointer);
    }
    pointer.split('/').skip(1).try_fold(object, |at, name| match at {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })
}

/// A number in an object; 0 when absent, as Go leaves out zeros.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    at(object, pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// An annotation; empty when absent.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> &'a str {
    object
        .pointer("/metadata/annotations")
        .and_then(|a| a.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Sets one annotation.
pub(super) fn annotate(object: &mut Value, key: &str, value: &str) {
    set(object, &["metadata", "annotations", key], value.into());
}

/// Sets a value deep inside, making the objects on the way.
pub(super) fn set(object: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *object = value;
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    if let Some(fields) = object.as_object_mut() {
        set(fields.entry((*first).to_owned()).or_insert(Value::Null), rest, value);
    }
}

/// Whether the controller of `object` is the one with this UID.
pub(super) fn controlled_by(object: &Value, uid: &str) -> bool {
    object.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|owners| {
        owners.iter().any(|o| text(o, "/uid") == uid && o.get("controller") == Some(&Value::Bool(true)))
    })
}

/// The owner reference of a controller.
pub(super) fn controller_reference(resource: &Resource, owner: &Value) -> Value {
    json!([{
        "apiVersion": resource.api_version(), "kind": resource.kind,
        "name": text(owner, "/metadata/name"), "uid": text(owner, "/metadata/uid"),
        "controller": true, "blockOwnerDeletion": true
    }])
}
