//! What can be found out from the setup once, because it does not change: where each service is, and which ages
//! matter. Without it every key would search through every service.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::domain::assess::STALE;
use crate::domain::{Service, ServiceName};

/// Made from the services of a setup.
#[derive(Clone, Debug)]
pub(super) struct Index {
    by_name: HashMap<ServiceName, usize>,
    limits: Vec<Duration>,
}

impl Index {
    pub(super) fn of(services: &[Service]) -> Self {
        // The first of two services of one name wins, as a search from the start would have it.
        let by_name = services.iter().enumerate().rev().map(|(index, s)| (s.name.clone(), index)).collect();
        let limits: BTreeSet<Duration> = services
            .iter()
            .flat_map(|s| s.environments.iter().map(|e| e.policy.max_age))
            .chain([STALE])
            .collect();
        Self { by_name, limits: limits.into_iter().collect() }
    }

    /// Where the service is in the setup.
    pub(super) fn service(&self, name: &ServiceName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Every age at which some source's word on some service becomes stale, ascending.
    pub(super) fn limits(&self) -> &[Duration] {
        &self.limits
    }
}
