//! What one look remembers for the next: runs to watch on, what is final, what was last live.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::bindings::Project;
use super::live::Buried;
use super::reports::Reports;
use super::{forks, lanes, wire};
use crate::domain::Live;
use crate::provider::services::locked;

/// Looks for which a run that waited, or was acted upon, is watched on.
const WATCHED: u32 = 60;

/// A run's id and attempt.
pub(super) type Attempt = (u64, u64);
/// A run that has ended, as it was then: id, attempt, last change.
pub(super) type Settled = (u64, u64, Option<Timestamp>);

/// A run that waits without a gate.
#[derive(Clone, Copy)]
pub(super) struct Unpressable {
    /// When it was first seen to, by the server's clock.
    pub(super) since: Option<Timestamp>,
    /// In how many looks.
    pub(super) looks: u32,
}

/// What one look remembers for the next.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) buried: Buried,
    watched: Mutex<BTreeMap<(Project, u64), u32>>,
    pub(super) unpressable: Mutex<BTreeMap<Attempt, Unpressable>>,
    /// Jobs of runs that have come to an end.
    pub(super) settled: Mutex<BTreeMap<Settled, Arc<Vec<wire::Job>>>>,
    pub(super) live: Mutex<BTreeMap<(Project, String), Live>>,
    /// What is live where one question to all repositories told it, by environment in lower case.
    told: Mutex<BTreeMap<Project, BTreeMap<String, Live>>>,
    pub(super) lanes: lanes::Known,
    pub(super) forks: forks::Known,
    pub(super) reports: Reports,
}

impl Memory {
    /// Watches a run on, although it may drop out of the lists: what came of an action must be seen.
    pub(super) fn watch(&self, project: &Project, id: u64) {
        locked(&self.watched).insert((project.clone(), id), WATCHED);
    }

    /// Takes in what is live in a project, as one question to all of them told it.
    pub(super) fn tell(&self, project: &Project, live: &BTreeMap<String, Live>) {
        locked(&self.told).insert(project.clone(), live.clone());
    }

    /// Forgets what was told of a project: it is read itself.
    pub(super) fn untell(&self, project: &Project) {
        locked(&self.told).remove(project);
    }

    /// What is live in an environment, as one question to all projects told it.
    pub(super) fn told(&self, project: &Project, environment: &str) -> Option<Live> {
        locked(&self.told).get(project)?.get(&environment.to_ascii_lowercase()).cloned()
    }

    /// The runs of a project that are watched on.
    pub(super) fn watched(&self, project: &Project) -> Vec<u64> {
        locked(&self.watched).keys().filter(|(p, _)| p == project).map(|(_, id)| *id).collect()
    }

    /// One look less to watch every run of a project.
    pub(super) fn tick(&self, project: &Project) {
        let mut watched = locked(&self.watched);
        for (_, left) in watched.iter_mut().filter(|((p, _), _)| p == project) {
            *left = left.saturating_sub(1);
        }
        watched.retain(|_, left| *left > 0);
    }

    /// Watches a run no longer.
    pub(super) fn forget(&self, project: &Project, id: u64) {
        locked(&self.watched).remove(&(project.clone(), id));
    }
}
