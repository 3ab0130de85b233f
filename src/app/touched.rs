//! Which services a look says something new about: only they are judged anew.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Observation, Place, Report, ServiceName, SourceState};

use super::index::Index;

/// The services that a report is about.
pub(super) enum Touched {
    /// Everything that the source is asked about: the source as a whole was or is in doubt.
    All,
    /// These.
    Some(BTreeSet<ServiceName>),
}

impl Touched {
    pub(super) fn holds(&self, service: &ServiceName) -> bool {
        match self {
            Self::All => true,
            Self::Some(services) => services.contains(service),
        }
    }

    /// What lies between two states of a source.
    pub(super) fn between(before: &SourceState, after: &SourceState) -> Self {
        let doubtful = |state: &SourceState| state.fault.is_some() || !state.held.is_empty();
        match (&before.last, &after.last) {
            (Some(old), Some(new)) if !doubtful(before) && !doubtful(after) => {
                Self::Some(differing(old, new))
            }
            _ => Self::All,
        }
    }
}

/// Whether the source's word had become too old for some service before this report came.
pub(super) fn was_stale(index: &Index, before: &SourceState, report: &Report) -> bool {
    let age = before.seen.map(|seen| report.began.since(seen));
    age.zip(index.limits().first()).is_some_and(|(age, limit)| age > *limit)
}

/// The services about which two looks differ.
fn differing(old: &Observation, new: &Observation) -> BTreeSet<ServiceName> {
    let mut services = BTreeSet::new();
    let service = |name: &ServiceName| name.clone();
    let place = |place: &Place| place.service.clone();
    compare(&old.repositories, &new.repositories, service, &mut services);
    compare(&old.pipelines, &new.pipelines, service, &mut services);
    compare(&old.live, &new.live, place, &mut services);
    compare(&old.rollouts, &new.rollouts, place, &mut services);
    compare(&old.signals, &new.signals, place, &mut services);
    compare(&old.alerts, &new.alerts, place, &mut services);
    if old.gates != new.gates {
        services.extend(old.gates.iter().chain(&new.gates).map(|gate| gate.key.run.service.clone()));
    }
    services
}

fn compare<K: Ord, V: PartialEq>(
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
    service: impl Fn(&K) -> ServiceName,
    out: &mut BTreeSet<ServiceName>,
) {
    let news = new.iter().filter(|(key, value)| old.get(key) != Some(value));
    out.extend(news.map(|(key, _)| service(key)));
    out.extend(old.keys().filter(|key| !new.contains_key(key)).map(service));
}
