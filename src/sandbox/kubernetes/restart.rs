//! How Argo Rollouts restarts: it evicts pods that are older than `spec.restartAt`, one at a time and only while as many
//! as are asked for are available, and writes down when it has replaced them all.

use super::rollout::View;
use super::store::{State, text};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// How long an evicted pod gets to end.
const GRACE: i64 = 30;

impl State {
    /// One look at what is left to restart.
    pub(super) fn restart_rollout(&mut self, view: &mut View) {
        let asked = text(&view.rollout, "/spec/restartAt").to_owned();
        let Ok(at) = asked.parse::<Timestamp>() else { return };
        if at > self.clock || text(&view.status, "/restartedAt") == asked {
            return;
        }
        let sets: Vec<Arc<Value>> = std::iter::once(&view.new).chain(&view.old).map(Arc::clone).collect();
        let mut older: Vec<Arc<Value>> = sets.iter().flat_map(|set| self.pods_of_set(set)).collect();
        older.retain(|pod| {
            text(pod, "/metadata/creationTimestamp").parse::<Timestamp>().is_ok_and(|made| made < at)
        });
        let whole = view.available() >= view.wanted();
        match older.first() {
            None => view.put("restartedAt", asked.into()),
            Some(oldest) if whole => drop(self.stop_pod(oldest, GRACE)),
            Some(_) => {}
        }
    }
}
