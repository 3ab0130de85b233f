//! What is kept of one namespace: a shelf for each kind of object that its workloads need, what no longer can be seen
//! there, and what was told of its workloads while nothing of theirs changes.
//!
//! Knows which objects may belong to a workload; knows nothing of requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::analysis::AnalysisRun;
use super::flagger::Canary;
use super::front::Fronts;
use super::reach::Watches;
use super::remembered::Remembered;
use super::service::{Service, Slice};
use super::shelf::{Feed, Shelf, Turns};
use super::species::{Resource, Species};
use super::told::{Told, Turned};
use super::wire::{NOBODY, Pod, pair};
use super::workload::Workload;
use crate::domain::rollout::Standing;
use crate::domain::{Cause, Fault, Rollout, SafeText};

/// What is kept of one namespace.
pub(super) struct Namespace {
    pub(super) name: String,
    workloads: BTreeMap<Species, Arc<Shelf<Workload>>>,
    memories: BTreeMap<Resource, Arc<Shelf<Remembered>>>,
    pub(super) pods: Arc<Shelf<Pod>>,
    pub(super) analyses: Option<Arc<Shelf<AnalysisRun>>>,
    pub(super) fronts: Fronts,
    /// Which digest the pods of a revision agreed on while it had pods, by the ReplicaSet's name.
    digests: Mutex<BTreeMap<SafeText, SafeText>>,
    /// So many are remembered; a namespace that goes through more forgets them all.
    most: usize,
    crowd: Crowd,
    /// What the last looks told.
    pub(super) told: Told,
}

/// Whether what a watch does not tell can be asked for one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crowd {
    /// It can.
    Few,
    /// There are so many that a look rather waits for a watch that was cut to come back.
    Many,
}

/// How long a look waits for the lists of many workloads.
const LISTING: Duration = Duration::from_secs(40);

/// The source has many workloads if there are more than these.
const FEW: usize = 50;

/// So many digests are remembered in any namespace, and so many more for each of its workloads.
const REMEMBERED: (usize, usize) = (4096, 16);

/// Starts the watches of every configured namespace: one for each kind of object that its workloads need.
pub(super) fn start(watches: &mut Watches<'_>) -> BTreeMap<String, Namespace> {
    let workloads = Species::ALL.map(|s| (s, watches.of::<Workload>(Resource::Of(s), |w| w.any(s))));
    let memories = [Resource::ReplicaSets, Resource::ControllerRevisions]
        .map(|r| (r, watches.of::<Remembered>(r, |wanted| wanted.remembers(r))));
    let pods = watches.of::<Pod>(Resource::Pods, |_| true);
    let analyses = watches.of::<AnalysisRun>(Resource::AnalysisRuns, |wanted| wanted.any(Species::Rollout));
    let canaries = watches.of::<Canary>(Resource::Canaries, |w| w.front(Resource::Canaries));
    let services = watches.of::<Service>(Resource::Services, |w| w.front(Resource::Services));
    let slices = watches.of::<Slice>(Resource::EndpointSlices, |w| w.front(Resource::EndpointSlices));
    let all: usize = watches.wanted.values().map(|wanted| wanted.len()).sum();
    let namespace = |(name, pods): (String, Arc<Shelf<Pod>>)| {
        let wanted = watches.wanted.get(&name).map_or(0, |wanted| wanted.len());
        let namespace = Namespace {
            workloads: of_namespace(&workloads, &name),
            memories: of_namespace(&memories, &name),
            analyses: analyses.get(&name).cloned(),
            fronts: Fronts {
                canaries: canaries.get(&name).cloned(),
                services: services.get(&name).cloned(),
                slices: slices.get(&name).cloned(),
            },
            digests: Mutex::default(),
            told: Told::default(),
            crowd: if all > FEW { Crowd::Many } else { Crowd::Few },
            most: REMEMBERED.0.max(wanted.saturating_mul(REMEMBERED.1)),
            name: name.clone(),
            pods,
        };
        (name, namespace)
    };
    pods.into_iter().map(namespace).collect()
}

type Shelves<T> = BTreeMap<String, Arc<Shelf<T>>>;

fn of_namespace<K: Copy + Ord, T>(kinds: &[(K, Shelves<T>)], name: &str) -> BTreeMap<K, Arc<Shelf<T>>> {
    kinds.iter().filter_map(|(kind, shelves)| Some((*kind, Arc::clone(shelves.get(name)?)))).collect()
}

impl Namespace {
    pub(super) fn workloads(&self, species: Species) -> Result<&Arc<Shelf<Workload>>, Fault> {
        self.workloads.get(&species).ok_or_else(|| unwatched(species.word()))
    }

    pub(super) fn memory(&self, species: Species) -> Result<&Arc<Shelf<Remembered>>, Fault> {
        self.memories.get(&species.memory()).ok_or_else(|| unwatched("history"))
    }

    /// What may be a revision of the workload, or tells whose pods were left behind.
    pub(super) fn sets(&self, workload: &Workload) -> Vec<Arc<Remembered>> {
        let memory = self.memory(workload.species);
        memory.map(|shelf| shelf.filed([workload.meta.uid.as_str(), NOBODY])).unwrap_or_default()
    }

    /// The pods that may be the workload's: those of its revisions, those that it controls itself, and of those that
    /// nobody controls the ones with a label of its selector.
    pub(super) fn pods(&self, workload: &Workload, sets: &[Arc<Remembered>]) -> Vec<Arc<Pod>> {
        let revisions = sets.iter().map(|set| set.meta.uid.as_str());
        let mut pods = self.pods.filed(revisions.chain([workload.meta.uid.as_str()]));
        let labels: Vec<String> = workload.selector.match_labels.iter().map(pair).collect();
        let nobodys = match labels.as_slice() {
            [] => self.pods.filed([NOBODY]),
            labels => self.pods.fewest(labels.iter().map(String::as_str)),
        };
        pods.extend(nobodys);
        pods
    }

    /// The analyses that the controller names.
    pub(super) fn runs(&self, workload: &Workload) -> Vec<Arc<AnalysisRun>> {
        let names = workload.argo.iter().flat_map(|argo| argo.runs());
        names.filter_map(|name| self.analyses.as_ref()?.get(name)).collect()
    }

    /// Remembers what revisions ran, and fills in what is no longer to be seen: once its last pod is gone nobody
    /// else knows which digest a tag meant.
    pub(super) fn remember(&self, rollout: &mut Rollout) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if digests.len() > self.most {
            digests.clear();
        }
        for revision in &mut rollout.revisions {
            let runs = rollout.running.iter().any(|r| r.artifact.image == revision.artifact.image);
            match &revision.artifact.digest {
                Some(digest) => {
                    digests.insert(revision.id.clone(), digest.clone());
                }
                // While pods run it they are the evidence, also when they disagree.
                None if runs || revision.standing == Standing::Current => {}
                None => revision.artifact.digest = digests.get(&revision.id).cloned(),
            }
        }
    }

    /// Which turn everything has that workloads of this species are told from; none unless the watches alone tell it.
    pub(super) fn turned(&self, species: Species) -> Option<Turned> {
        let analyses = match &self.analyses {
            Some(shelf) if species == Species::Rollout => Some(shelf.turn()?),
            _ => None,
        };
        Some(Turned {
            workloads: self.workloads(species).ok()?.turn()?,
            memories: self.memory(species).ok()?.turn()?,
            pods: self.pods.turn()?,
            analyses,
        })
    }

    /// How long a look waits for the watches, if it does.
    fn awaits(&self, patience: Duration) -> Option<Duration> {
        let workloads = self.workloads.values().map(|shelf| shelf.feed());
        let memories = self.memories.values().map(|shelf| shelf.feed());
        let more = self.analyses.iter().map(|shelf| shelf.feed()).chain(self.fronts.feeds());
        let feeds = workloads.chain(memories).chain(more).chain([self.pods.feed()]);
        let most = feeds.filter_map(|feed| match (feed, self.crowd) {
            (Feed::Starting, Crowd::Many) => Some(patience.max(LISTING)),
            (Feed::Starting, Crowd::Few) | (Feed::Down(..), Crowd::Many) => Some(patience),
            (Feed::Down(..), Crowd::Few) | (Feed::Live(_) | Feed::Denied(_), _) => None,
        });
        most.max()
    }
}

fn unwatched(what: &str) -> Fault {
    Fault::new(Cause::Local, format!("the {what} is not watched in this namespace"))
}

/// Waits until every watch has its first list, or has failed to get it; not longer than `patience`. Where there are many
/// workloads it waits for lists that are under way, and as long as `patience` for watches that were cut: to ask for
/// thousands one by one would take longer.
pub(super) async fn settle(namespaces: &BTreeMap<String, Namespace>, turns: &Turns, patience: Duration) {
    let mut turned = turns.subscribe();
    let began = Instant::now();
    while let Some(most) = namespaces.values().filter_map(|namespace| namespace.awaits(patience)).max() {
        // Whatever has not settled by then is asked for by name.
        if !matches!(timeout_at(began + most, turned.changed()).await, Ok(Ok(()))) {
            break;
        }
    }
}

/// Takes in what the server answered to a write, so that no later look shows the world before it.
pub(super) fn learn(namespaces: &BTreeMap<String, Namespace>, object: &Value) {
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let species = Species::ALL.into_iter().find(|species| species.kind() == kind);
    let (Some(namespace), Some(species)) = (namespaces.get(namespace), species) else { return };
    if let (Ok(shelf), Ok(workload)) = (namespace.workloads(species), Workload::of(object, species)) {
        shelf.learn(workload);
    }
}
