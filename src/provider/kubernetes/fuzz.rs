//! What is made of an API server's answers, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use std::sync::Arc;

use serde_json::Value;

use super::fault::{self, Sort};
use super::remembered::Remembered;
use super::rollout::{self, Seen};
use super::species::{Resource, Species};
use super::template;
use super::wire::{Pod, Watched};
use super::workload::Workload;
use crate::domain::{Difference, Fault, Rollout, SafeText};

/// The rollout that a Deployment, its ReplicaSets and pods show.
///
/// # Errors
/// When an object is not as documented, or the released container cannot be told.
pub fn rollout(deployment: &Value, sets: &[Value], pods: &[Value]) -> Result<Rollout, Fault> {
    rollout::rollout(Seen {
        namespace: "shop",
        host: SafeText::new("cluster.test"),
        workload: &Workload::of(deployment, Species::Deployment)?,
        sets: &all::<Remembered>(sets, Resource::ReplicaSets)?,
        pods: &all::<Pod>(pods, Resource::Pods)?,
        analyses: &[],
        container: None,
        remarks: Vec::new(),
    })
}

fn all<T: Watched>(objects: &[Value], resource: Resource) -> Result<Vec<Arc<T>>, Fault> {
    objects.iter().map(|object| T::cut(object, resource).map(Arc::new)).collect()
}

/// What differs between two pod templates.
#[must_use]
pub fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    template::differences(old, new)
}

/// What an answer other than 2xx to a question, and to a write, means.
#[must_use]
pub fn faults(status: u16, body: &[u8]) -> [Fault; 2] {
    [Sort::Read, Sort::Write].map(|sort| fault::of_status(status, body, None, sort))
}
