//! What was told of the workloads of a namespace: it is told again for as long as nothing that it rests on has changed.
//!
//! Most looks find everything as it was. The first question is whether the shelves were left alone, which costs next to
//! nothing; the second whether the very objects are still there that the workload was told from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Binding;
use super::analysis::AnalysisRun;
use super::remembered::Remembered;
use super::species::Species;
use super::wire::Pod;
use super::workload::Workload;
use crate::domain::Rollout;

/// The objects that a look rests on.
pub(super) struct Basis {
    pub(super) workload: Arc<Workload>,
    pub(super) sets: Vec<Arc<Remembered>>,
    pub(super) pods: Vec<Arc<Pod>>,
    pub(super) analyses: Vec<Arc<AnalysisRun>>,
}

impl Basis {
    /// Whether these are the very same objects.
    fn is(&self, other: &Self) -> bool {
        fn same<T>(a: &[Arc<T>], b: &[Arc<T>]) -> bool {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
        }
        Arc::ptr_eq(&self.workload, &other.workload)
            && same(&self.sets, &other.sets)
            && same(&self.pods, &other.pods)
            && same(&self.analyses, &other.analyses)
    }
}

/// The turns of the shelves that workloads of one species are told from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) workloads: u64,
    pub(super) memories: u64,
    pub(super) pods: u64,
    pub(super) analyses: Option<u64>,
}

/// What one look told.
struct Telling {
    species: Species,
    container: Option<String>,
    /// Which turns the shelves had before the objects were taken from them; none if not all came from there.
    turned: Option<Turned>,
    basis: Basis,
    rollout: Arc<Rollout>,
}

/// What the last looks told, by the workload's name.
#[derive(Default)]
pub(super) struct Told(Mutex<BTreeMap<String, Vec<Telling>>>);

impl Told {
    /// What was told of a workload at this very turn.
    pub(super) fn still(&self, binding: &Binding, turned: Turned) -> Option<Arc<Rollout>> {
        let mut all = self.lock();
        let telling = of(&mut all, binding).filter(|telling| telling.turned == Some(turned))?;
        Some(Arc::clone(&telling.rollout))
    }

    /// What was told of a workload, if it rested on the very objects that are there now.
    pub(super) fn again(
        &self,
        binding: &Binding,
        basis: &Basis,
        turned: Option<Turned>,
    ) -> Option<Arc<Rollout>> {
        let mut all = self.lock();
        let telling = of(&mut all, binding).filter(|telling| telling.basis.is(basis))?;
        telling.turned = turned;
        Some(Arc::clone(&telling.rollout))
    }

    /// Keeps what is told of a workload.
    pub(super) fn tell(
        &self,
        binding: &Binding,
        turned: Option<Turned>,
        basis: Basis,
        rollout: &Arc<Rollout>,
    ) {
        let (species, container) = (binding.species, binding.container.clone());
        let telling = Telling { species, container, turned, basis, rollout: Arc::clone(rollout) };
        let mut all = self.lock();
        match of(&mut all, binding) {
            Some(before) => *before = telling,
            None => all.entry(binding.name.clone()).or_default().push(telling),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Telling>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of<'a>(all: &'a mut BTreeMap<String, Vec<Telling>>, binding: &Binding) -> Option<&'a mut Telling> {
    let same =
        |telling: &&mut Telling| telling.species == binding.species && telling.container == binding.container;
    all.get_mut(&binding.name)?.iter_mut().find(same)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::front::Front;
    use super::super::rollout::{Seen, rollout};
    use super::*;
    use crate::domain::Place;

    fn binding(name: &str, container: Option<&str>) -> Binding {
        Binding {
            place: Place::new("web", "production"),
            front: Front::Nothing,
            species: Species::Deployment,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            container: container.map(str::to_owned),
        }
    }

    fn basis() -> Basis {
        let workload = Arc::new(fixture::deployment().cut());
        Basis { workload, sets: Vec::new(), pods: Vec::new(), analyses: Vec::new() }
    }

    #[test]
    fn what_was_told_is_told_again_of_the_same_workload_at_the_same_turn_or_from_the_same_objects() {
        let told = Told::default();
        let turn = |n| Turned { workloads: n, memories: 1, pods: 1, analyses: None };
        let (web, kept) = (binding("web", None), basis());
        let same = Basis { workload: Arc::clone(&kept.workload), ..basis() };
        let seen = Seen {
            namespace: "shop",
            host: "cluster".into(),
            workload: &kept.workload,
            sets: &[],
            pods: &[],
            analyses: &[],
            container: None,
            remarks: Vec::new(),
        };
        let rollout = Arc::new(rollout(seen).unwrap());
        told.tell(&web, Some(turn(1)), kept, &rollout);
        let is = |told: Option<Arc<Rollout>>| told.is_some_and(|told| Arc::ptr_eq(&told, &rollout));
        assert!(is(told.still(&web, turn(1))));
        assert!(!is(told.still(&web, turn(2))), "something changed");
        // One place may have two workloads: what stands in front leads one and serves by the other.
        for other in [binding("web-primary", None), binding("web", Some("sidecar"))] {
            assert!(told.still(&other, turn(1)).is_none(), "{other:?}");
            assert!(told.again(&other, &same, Some(turn(1))).is_none(), "{other:?}");
        }
        assert!(told.again(&web, &basis(), Some(turn(2))).is_none(), "other objects");
        assert!(!is(told.still(&web, turn(2))), "which proves nothing for this turn");
        assert!(is(told.again(&web, &same, Some(turn(2)))));
        assert!(is(told.still(&web, turn(2))), "and from now on the turn is enough");
        assert!(is(told.again(&web, &same, None)));
        assert!(told.still(&web, turn(2)).is_none(), "not all of it came from the shelves");
    }
}
