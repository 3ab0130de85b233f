//! What can be found out from the setup once, because it does not change: where each service is, and which ages
//! matter. Without it every key would search through every service.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::assess::STALE;
use crate::domain::freeze::outlook;
use crate::domain::{Freeze, Service, ServiceName};

/// Made from the services of a setup.
#[derive(Clone, Debug)]
pub(super) struct Index {
    by_name: HashMap<ServiceName, usize>,
    limits: Vec<Duration>,
    freezes: Vec<(Vec<Freeze>, BTreeSet<ServiceName>)>,
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
        Self { by_name, limits: limits.into_iter().collect(), freezes: freezes(services) }
    }

    /// Where the service is in the setup.
    pub(super) fn service(&self, name: &ServiceName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Every age at which some source's word on some service becomes stale, ascending.
    pub(super) fn limits(&self) -> &[Duration] {
        &self.limits
    }

    /// The services whose freeze windows say something else at `now` than they said at `before`, on the wall clock.
    pub(super) fn turned(&self, before: Timestamp, now: Timestamp) -> BTreeSet<ServiceName> {
        if before.as_second() == now.as_second() {
            return BTreeSet::new();
        }
        let other = |windows: &[Freeze]| outlook(windows, before) != outlook(windows, now);
        self.freezes.iter().filter(|(windows, _)| other(windows)).flat_map(|(_, s)| s).cloned().collect()
    }
}

/// Each different list of freeze windows, with the services that it is a rule of.
fn freezes(services: &[Service]) -> Vec<(Vec<Freeze>, BTreeSet<ServiceName>)> {
    let mut found: Vec<(Vec<Freeze>, BTreeSet<ServiceName>)> = Vec::new();
    for service in services {
        for windows in service.environments.iter().map(|e| &e.policy.freeze).filter(|w| !w.is_empty()) {
            match found.iter_mut().find(|(known, _)| known == windows) {
                Some((_, names)) => {
                    names.insert(service.name.clone());
                }
                None => found.push((windows.clone(), BTreeSet::from([service.name.clone()]))),
            }
        }
    }
    found
}
