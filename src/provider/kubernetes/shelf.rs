//! What is kept of one kind of object in one namespace, and how the watch that brings it stands.
//!
//! Only what is [`Wanted`] is kept, under its name and under the keys by which a look finds it, so that a look at one
//! workload never goes through the objects of the others. Knows nothing of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::reach::Wide;
use super::species::{Resource, Species};
use super::watch::SILENCE;
use super::wire::{Meta, OwnerReference, Watched};
use crate::domain::Fault;

/// Counts what changed; a change of it wakes those who wait.
pub(super) type Turns = watch::Sender<u64>;

/// How a feed stands.
#[derive(Clone, Debug)]
pub(super) enum Feed {
    /// The first list is under way.
    Starting,
    /// Up; when the server last said something.
    Live(Instant),
    /// Down since; why.
    Down(Instant, Fault),
    /// Listing or watching is not permitted: it must be asked for by name.
    Denied(Fault),
}

/// How one watch stands, for every shelf that it fills.
#[derive(Debug)]
pub(super) struct Pulse {
    feed: Mutex<Feed>,
    turns: Turns,
}

impl Pulse {
    /// Of a watch that begins now, which rings `turns` on every change.
    pub(super) fn new(turns: Turns) -> Self {
        Self { feed: Mutex::new(Feed::Starting), turns }
    }

    /// How it stands.
    pub(super) fn feed(&self) -> Feed {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it stands like this. Rings, unless it was alive and still is.
    pub(super) fn set(&self, feed: Feed) {
        let rings = {
            let mut held = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
            let rings = !matches!((&*held, &feed), (Feed::Live(_), Feed::Live(_)));
            *held = feed;
            rings
        };
        if rings {
            self.ring();
        }
    }

    /// The server said something.
    pub(super) fn hear(&self) {
        self.set(Feed::Live(Instant::now()));
    }

    /// Something that is kept has changed.
    pub(super) fn ring(&self) {
        self.turns.send_modify(|turn| *turn = turn.wrapping_add(1));
    }
}

/// The workloads of one namespace that are configured, and so which objects of others are theirs.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    workloads: BTreeSet<(Species, String)>,
    /// What stands in front of workloads: which they are is only known once it was seen, so all Deployments are.
    fronts: BTreeSet<Resource>,
}

impl Wanted {
    /// Adds a workload.
    pub(super) fn add(&mut self, species: Species, name: &str) {
        self.workloads.insert((species, name.to_owned()));
    }

    /// Adds what stands in front of one.
    pub(super) fn stands_in_front(&mut self, resources: &[Resource]) {
        self.fronts.extend(resources);
    }

    /// Whether objects of this resource stand in front of one.
    pub(super) fn front(&self, resource: Resource) -> bool {
        self.fronts.contains(&resource)
    }

    /// Whether this workload is.
    pub(super) fn has(&self, species: Species, name: &str) -> bool {
        let any = species == Species::Deployment && !self.fronts.is_empty();
        any || self.workloads.contains(&(species, name.to_owned()))
    }

    /// Whether any workload is whose revisions are remembered by `memory`.
    pub(super) fn remembers(&self, memory: Resource) -> bool {
        self.workloads.iter().any(|(species, _)| species.memory() == memory)
    }

    /// Whether any workload of this species is.
    pub(super) fn any(&self, species: Species) -> bool {
        self.workloads.iter().any(|(its, _)| *its == species)
    }

    /// Whether this owner is one of the workloads, as far as kind and name tell.
    pub(super) fn owner(&self, owner: &OwnerReference) -> bool {
        let species = Species::ALL.into_iter().find(|species| species.kind() == owner.kind);
        species.is_some_and(|species| self.has(species, &owner.name))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.workloads.len()
    }
}

/// An object as it came in, or the name of one that could not be read and why.
pub(super) type Come<T> = Result<T, (String, Fault)>;

/// What a shelf holds.
#[derive(Debug)]
struct Held<T> {
    objects: BTreeMap<String, Arc<T>>,
    /// The same objects by [`Watched::filed`].
    files: BTreeMap<String, Vec<Arc<T>>>,
    /// An object that could not be read, by name; told until a readable form of it comes.
    unreadable: BTreeMap<String, Fault>,
    /// When single objects were asked for.
    asked: BTreeMap<String, Instant>,
    /// Counts the changes of everything above but `asked`.
    turn: u64,
}

impl<T: Watched> Held<T> {
    fn put(&mut self, object: Arc<T>) {
        self.take(&object.meta().name);
        self.turn += 1;
        for key in object.filed() {
            self.files.entry(key).or_default().push(Arc::clone(&object));
        }
        self.objects.insert(object.meta().name.clone(), object);
    }

    fn take(&mut self, name: &str) -> Option<Arc<T>> {
        let old = self.objects.remove(name)?;
        self.turn += 1;
        for key in old.filed() {
            let Some(file) = self.files.get_mut(&key) else { continue };
            file.retain(|filed| !Arc::ptr_eq(filed, &old));
            if file.is_empty() {
                self.files.remove(&key);
            }
        }
        Some(old)
    }
}

/// The objects of one kind in one namespace.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    resource: Resource,
    wanted: Arc<Wanted>,
    held: Mutex<Held<T>>,
    /// How the watch of this namespace stands.
    own: Arc<Pulse>,
    /// The watch of the whole cluster that fills it, for as long as that one is allowed.
    wide: Option<Arc<Wide>>,
}

impl<T: Watched> Shelf<T> {
    /// An empty shelf.
    pub(super) fn new(
        resource: Resource,
        wanted: Arc<Wanted>,
        own: Arc<Pulse>,
        wide: Option<Arc<Wide>>,
    ) -> Self {
        let held = Held {
            objects: BTreeMap::new(),
            files: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            asked: BTreeMap::new(),
            turn: 0,
        };
        Self { resource, wanted, held: Mutex::new(held), own, wide }
    }

    /// What it holds the objects of.
    pub(super) const fn resource(&self) -> Resource {
        self.resource
    }

    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        // Every change is complete before the lock is let go, also when a reader panicked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the watch of its namespace alone stands.
    pub(super) const fn own(&self) -> &Arc<Pulse> {
        &self.own
    }

    /// How the watch stands that fills it now.
    pub(super) fn feed(&self) -> Feed {
        match &self.wide {
            Some(wide) if wide.refusal().is_none() => wide.pulse().feed(),
            _ => self.own.feed(),
        }
    }

    /// Which turn it is: as long as it is the same, nothing that is kept has changed. None if the watch is not to be
    /// believed, or not all of what it brought could be read.
    pub(super) fn turn(&self) -> Option<u64> {
        let live = matches!(self.feed(), Feed::Live(heard) if heard.elapsed() < SILENCE);
        let held = self.lock();
        (live && held.unreadable.is_empty()).then_some(held.turn)
    }

    /// One object.
    pub(super) fn get(&self, name: &str) -> Option<Arc<T>> {
        self.lock().objects.get(name).cloned()
    }

    /// Everything that is kept.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.lock().objects.values().cloned().collect()
    }

    /// What is filed under these keys, in order of name.
    pub(super) fn filed<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Vec<Arc<T>> {
        let held = self.lock();
        let files = keys.into_iter().filter_map(|key| held.files.get(key));
        let mut found: Vec<Arc<T>> = files.flatten().cloned().collect();
        found.sort_by(|a, b| a.meta().name.cmp(&b.meta().name));
        found
    }

    /// What is in the shortest of the files under these keys; nothing if one of them is empty.
    pub(super) fn fewest<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Vec<Arc<T>> {
        let held = self.lock();
        let files = keys.into_iter().map(|key| held.files.get(key).map_or(&[][..], Vec::as_slice));
        files.min_by_key(|file| file.len()).unwrap_or_default().to_vec()
    }

    /// Why some object could not be read, if any.
    pub(super) fn unreadable(&self) -> Option<Fault> {
        self.lock().unreadable.values().next().cloned()
    }

    /// How long ago one object was last heard of: by the watch, or because it was asked for. It says nothing about
    /// whether the watch is alive.
    pub(super) fn silence(&self, name: &str) -> Option<Duration> {
        let heard = match self.feed() {
            Feed::Live(heard) => Some(heard),
            _ => None,
        };
        heard.max(self.lock().asked.get(name).copied()).map(|at| at.elapsed())
    }

    /// Takes in an object that was asked for by name, unless the watch already brought a newer form.
    pub(super) fn learn(&self, object: T) -> Arc<T> {
        let mut held = self.lock();
        let name = &object.meta().name;
        held.asked.insert(name.clone(), Instant::now());
        if let Some(known) = held.objects.get(name).filter(|known| overtaken(known.meta(), object.meta())) {
            return Arc::clone(known);
        }
        let object = Arc::new(object);
        held.put(Arc::clone(&object));
        object
    }

    /// Whether an object that was listed is to be kept.
    pub(super) fn keeps(&self, come: &Come<T>) -> bool {
        come.as_ref().map_or(true, |object| object.wanted(&self.wanted))
    }

    /// Takes a whole list in place of what it held.
    pub(super) fn replace(&self, listed: Vec<Come<T>>) {
        let mut held = self.lock();
        let mut before = std::mem::take(&mut held.objects);
        held.files.clear();
        held.unreadable.clear();
        held.turn += 1;
        for come in listed {
            match come {
                Ok(object) => {
                    let known = before.remove(&object.meta().name);
                    let known = known.filter(|known| overtaken(known.meta(), object.meta()));
                    held.put(known.unwrap_or_else(|| Arc::new(object)));
                }
                Err((name, fault)) => {
                    held.unreadable.insert(name, fault);
                }
            }
        }
    }

    /// Takes in what a watch brought. Answers whether anything that is kept changed.
    pub(super) fn apply(&self, come: Come<T>) -> bool {
        let mut held = self.lock();
        match come {
            // It may have been ours before: its owner changed.
            Ok(object) if !object.wanted(&self.wanted) => {
                let was = held.unreadable.remove(&object.meta().name).is_some();
                held.take(&object.meta().name).is_some() || was
            }
            Ok(object) => {
                held.unreadable.remove(&object.meta().name);
                let known = held.objects.get(&object.meta().name);
                if known.is_none_or(|known| !overtaken(known.meta(), object.meta())) {
                    held.put(Arc::new(object));
                }
                true
            }
            // The old form is not what is there any more: it must not be shown as if it were.
            Err((name, fault)) => {
                held.take(&name);
                held.unreadable.insert(name, fault);
                true
            }
        }
    }

    /// Takes an object away that is gone. Answers whether anything that is kept changed.
    pub(super) fn delete(&self, name: &str) -> bool {
        let mut held = self.lock();
        let unreadable = held.unreadable.remove(name).is_some();
        held.take(name).is_some() || unreadable
    }
}

/// Whether what comes in is older than what is known: an event that was under way while the answer to a write
/// was taken in. A reborn object is never older.
fn overtaken(known: &Meta, coming: &Meta) -> bool {
    known.uid == coming.uid && !newer(&coming.resource_version, &known.resource_version)
}

/// Whether a resource version is newer. They are opaque by contract and comparable numbers in fact; when they
/// are not numbers, what was asked for later counts as newer.
fn newer(new: &str, old: &str) -> bool {
    match (new.parse::<u128>(), old.parse::<u128>()) {
        (Ok(new), Ok(old)) => new > old,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::workload::Workload;
    use super::*;
    use crate::domain::Cause;

    #[tokio::test(start_paused = true)]
    async fn a_turn_lasts_exactly_as_long_as_nothing_changes() {
        let pulse = Arc::new(Pulse::new(watch::channel(0).0));
        let mut wanted = Wanted::default();
        wanted.add(Species::Deployment, "web");
        let resource = Resource::Of(Species::Deployment);
        let shelf: Shelf<Workload> = Shelf::new(resource, Arc::new(wanted), Arc::clone(&pulse), None);
        let web =
            |version: &str| fixture::deployment().set("/metadata/resourceVersion", version.into()).cut();
        let mut strange = web("9");
        strange.meta.name = "strange".to_owned();
        let fault = || Fault::new(Cause::Malformed, "no spec");

        assert_eq!(shelf.turn(), None, "the first list is under way");
        pulse.hear();
        let mut turn = shelf.turn().unwrap();
        let mut moved = |shelf: &Shelf<Workload>| {
            let before = std::mem::replace(&mut turn, shelf.turn().unwrap());
            before != turn
        };
        shelf.replace(vec![Ok(web("1"))]);
        assert!(moved(&shelf), "a list");
        assert!(!moved(&shelf), "nothing");
        shelf.apply(Ok(web("2")));
        assert!(moved(&shelf), "an event");
        shelf.apply(Ok(web("1")));
        assert!(!moved(&shelf), "an event that is overtaken");
        shelf.apply(Ok(strange));
        assert!(!moved(&shelf), "an event of something else");
        shelf.learn(web("3"));
        assert!(moved(&shelf), "an answer");
        shelf.apply(Err(("web".to_owned(), fault())));
        assert_eq!(shelf.turn(), None, "something cannot be read");
        shelf.apply(Ok(web("4")));
        assert!(moved(&shelf), "and can be again");
        shelf.delete("other");
        assert!(!moved(&shelf), "something else is gone");
        shelf.delete("web");
        assert!(moved(&shelf), "it is gone");
        tokio::time::advance(SILENCE + Duration::from_secs(1)).await;
        assert_eq!(shelf.turn(), None, "the watch says nothing any more");
        pulse.set(Feed::Down(Instant::now(), fault()));
        assert_eq!(shelf.turn(), None, "the watch is down");
    }
}
