//! Watching: a stream of JSON lines from a resource version on, until the client or the clock ends it.

use super::Cluster;
use super::request::{Answer, Call};
use super::resource::Resource;
use super::rest;
use super::selector::Selection;
use super::status::{Failure, Target};
use super::store::{Change, ChangeKind, State, set};
use axum::body::Bytes;
use futures_util::stream::{Stream, unfold};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::Instant;

const DEFAULT_TIMEOUT: u64 = 1800;
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// Whether a request asks to watch.
pub(super) fn asked(call: &Call) -> bool {
    matches!(call.query("watch"), "1" | "true")
}

/// One open watch.
#[derive(Debug)]
pub(super) struct Watch {
    resource: &'static Resource,
    namespace: Option<String>,
    selection: Selection,
    metadata_only: bool,
    bookmarks: bool,
    /// Everything up to this version was looked at.
    seen: u64,
    expiries: u64,
    pending: VecDeque<Bytes>,
    ended: bool,
    until: Instant,
    next_bookmark: Instant,
}

/// Opens a watch. A version that is too old answers 200 and an ERROR event, as the watch cache does.
pub(super) fn open(state: &State, call: &Call, target: &Target<'_>) -> Result<Answer, Failure> {
    if !call.query("sendInitialEvents").is_empty() {
        return Err(Failure::plain(
            422,
            "Invalid",
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden \
             for watch unless the WatchList feature gate is enabled",
        ));
    }
    let resource = Resource::find(target.resource.group, target.resource.plural)
        .ok_or_else(Failure::no_such_resource)?;
    let selection = Selection::parse(resource, call.query("labelSelector"), call.query("fieldSelector"))?;
    let from = rest::version(call.query("resourceVersion"))?;
    let seconds =
        call.query("timeoutSeconds").parse::<u64>().ok().filter(|s| *s > 0).unwrap_or(DEFAULT_TIMEOUT);
    let now = Instant::now();
    // One bookmark comes shortly before the end, so that the next watch can begin there.
    let first = BOOKMARK_EVERY.min(Duration::from_secs(seconds.saturating_sub(2)));
    let mut watch = Watch {
        resource,
        namespace: Some(target.namespace.to_owned()).filter(|n| !n.is_empty()),
        selection,
        metadata_only: call.wants_metadata_only(),
        bookmarks: matches!(call.query("allowWatchBookmarks"), "1" | "true"),
        seen: from,
        expiries: state.expiries,
        pending: VecDeque::new(),
        ended: false,
        until: now + Duration::from_secs(seconds),
        next_bookmark: now + first,
    };
    if from == 0 {
        for object in state.list(resource, watch.namespace.as_deref()) {
            if watch.selection.matches(&object) {
                watch.push("ADDED", &object);
            }
        }
        watch.seen = state.version;
    } else if from < state.oldest {
        watch.expire(from, state.oldest);
    }
    Ok(Answer::Watch(Box::new(watch)))
}

impl Watch {
    fn push(&mut self, kind: &str, object: &Value) {
        let object =
            if self.metadata_only && kind != "ERROR" { rest::metadata_only(object) } else { object.clone() };
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        self.pending.push_back(Bytes::from(line));
    }

    fn expire(&mut self, from: u64, oldest: u64) {
        let failure = Failure::expired(format!("too old resource version: {from} ({oldest})"));
        self.push("ERROR", &failure.body());
        self.ended = true;
    }

    /// Takes up everything that changed since the last look.
    fn look(&mut self, state: &State) {
        if state.expiries != self.expiries || (self.seen < state.oldest && self.seen > 0) {
            self.expire(self.seen, state.oldest);
            return;
        }
        let seen = self.seen;
        let start = state.history.partition_point(|change| change.version <= seen);
        for change in state.history.iter().skip(start) {
            let here = self.namespace.as_ref().is_none_or(|namespace| *namespace == change.key.1);
            if here && change.key.0 == self.resource.plural {
                self.take(change);
            }
        }
        self.seen = self.seen.max(state.version);
    }

    fn take(&mut self, change: &Change) {
        let before = change.previous.as_ref().is_some_and(|object| self.selection.matches(object));
        let after = change.kind != ChangeKind::Deleted && self.selection.matches(&change.object);
        match (before, after) {
            (false, true) => self.push("ADDED", &change.object),
            (true, true) => self.push("MODIFIED", &change.object),
            (true, false) => {
                // An object that left the selection is told as it was, with the version of the change.
                let mut last =
                    change.previous.as_ref().map_or_else(Value::default, |object| (**object).clone());
                set(&mut last, &["metadata", "resourceVersion"], change.version.to_string().into());
                self.push("DELETED", &last);
            }
            (false, false) => {}
        }
    }

    fn bookmark(&mut self) {
        self.next_bookmark += BOOKMARK_EVERY;
        if self.bookmarks && self.seen > 0 {
            let object = json!({
                "kind": self.resource.kind, "apiVersion": self.resource.api_version(),
                "metadata": {"resourceVersion": self.seen.to_string(), "creationTimestamp": null}
            });
            self.push("BOOKMARK", &object);
        }
    }
}

/// The lines of a watch.
pub(super) fn stream(cluster: Cluster, watch: Watch) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let woken = cluster.shared.moved.subscribe();
    unfold((cluster, watch, woken), |(cluster, mut watch, mut woken)| async move {
        loop {
            if let Some(line) = watch.pending.pop_front() {
                return Some((Ok(line), (cluster, watch, woken)));
            }
            if watch.ended {
                return None;
            }
            woken.mark_unchanged();
            watch.look(&cluster.look());
            if !watch.pending.is_empty() {
                continue;
            }
            tokio::select! {
                alive = woken.changed() => if alive.is_err() { return None },
                () = tokio::time::sleep_until(watch.until) => return None,
                () = tokio::time::sleep_until(watch.next_bookmark) => watch.bookmark(),
            }
        }
    })
}
