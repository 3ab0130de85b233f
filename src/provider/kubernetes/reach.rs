//! How far a watch reaches: one for the whole cluster, or one for each namespace.
//!
//! A watch of the cluster is one connection and twelve requests an hour for its kind, however many namespaces there
//! are; but it brings what happens in every namespace, and what is not configured was sent for nothing. One for each
//! namespace brings nothing else, and costs a connection, a list and a bookmark a minute for each. So up to [`FEW`]
//! namespaces are watched one by one: a source that uses two of five hundred namespaces is not sent the other 498, and
//! so few watches are kept open for longer in turn, so that together they are renewed no more often than one. Beyond
//! that the cluster is watched as a whole: what it costs then is bounded by the cluster, not by the configuration. The
//! setting `watch` decides otherwise. Each kind is counted by itself: StatefulSets that are configured in one namespace
//! are watched there.
//!
//! Where the cluster as a whole may not be watched the namespaces are, each by itself, and the cluster is tried again
//! seldom. Knows no object.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::link::Link;
use super::shelf::{Feed, Pulse, Shelf, Turns, Wanted};
use super::species::Resource;
use super::watch::{self, Scope, Stopped, Watch};
use super::wire::Watched;
use crate::domain::{Cause, Fault};

/// So many namespaces are watched one by one.
const FEW: usize = 4;
/// How long the server is asked to keep one watch open: twelve an hour.
const LASTS: Duration = Duration::from_secs(300);
/// The longest that it is asked to, where there are many: bookmarks tell in between that it is alive.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How often the whole cluster is tried again after a refusal.
pub(super) const AGAIN: Duration = Duration::from_secs(3_600);

/// What the configuration says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// As many namespaces as there are decide.
    #[default]
    Auto,
    /// The cluster, also for one namespace.
    Cluster,
    /// Each namespace, however many there are.
    Namespace,
}

impl Reach {
    /// What the setting's text means.
    ///
    /// # Errors
    /// A text that means nothing.
    pub(super) fn of(text: Option<&str>) -> Result<Self, Fault> {
        match text {
            None | Some("auto") => Ok(Self::Auto),
            Some("cluster") => Ok(Self::Cluster),
            Some("namespace") => Ok(Self::Namespace),
            Some(other) => Err(Fault::new(
                Cause::Local,
                format!("watch: \"{other}\" is none of \"auto\", \"cluster\", \"namespace\""),
            )),
        }
    }

    const fn is_wide(self, namespaces: usize) -> bool {
        match self {
            Self::Auto => namespaces > FEW,
            Self::Cluster => true,
            Self::Namespace => false,
        }
    }
}

/// How long one of so many watches of a kind is kept open, so that all of them together are renewed twelve times an
/// hour, as long as there are not more than that.
fn lasts(watches: usize) -> Duration {
    LASTS.saturating_mul(u32::try_from(watches).unwrap_or(u32::MAX)).min(LONGEST)
}

/// How often an hour so many watches of a kind are renewed.
fn hourly(watches: usize) -> u64 {
    u64::try_from(watches).unwrap_or(u64::MAX).saturating_mul(3_600) / lasts(watches).as_secs().max(1)
}

/// How a watch of the whole cluster stands.
#[derive(Debug)]
pub(super) struct Wide {
    resource: Resource,
    namespaces: usize,
    pulse: Arc<Pulse>,
    refused: Mutex<Option<Fault>>,
}

impl Wide {
    fn new(resource: Resource, namespaces: usize, turns: Turns) -> Self {
        Self { resource, namespaces, pulse: Arc::new(Pulse::new(turns)), refused: Mutex::default() }
    }

    /// How it stands while it is allowed.
    pub(super) const fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Why the namespaces are watched instead, if they are.
    pub(super) fn refusal(&self) -> Option<Fault> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refuse(&self, fault: Option<Fault>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.pulse.ring();
    }

    /// What it is of.
    pub(super) const fn resource(&self) -> Resource {
        self.resource
    }

    /// In how many namespaces something of it is wanted.
    pub(super) const fn namespaces(&self) -> usize {
        self.namespaces
    }

    /// How many requests an hour one watch for each namespace costs, once they are open.
    pub(super) fn each_hourly(&self) -> u64 {
        hourly(self.namespaces)
    }
}

/// Starts the watches of a source.
pub(super) struct Watches<'a> {
    pub(super) link: &'a Link,
    pub(super) turns: &'a Turns,
    pub(super) tasks: &'a mut JoinSet<()>,
    pub(super) reach: Reach,
    /// How long a refusal of the whole cluster counts.
    pub(super) again: Duration,
    /// The configured workloads, by namespace.
    pub(super) wanted: &'a BTreeMap<String, Arc<Wanted>>,
    /// The watches of the whole cluster that were started.
    pub(super) wides: Vec<Arc<Wide>>,
}

impl Watches<'_> {
    /// Starts to watch one kind of object in every namespace whose workloads need it; the shelves that are filled, by
    /// namespace.
    pub(super) fn of<T: Watched>(
        &mut self,
        resource: Resource,
        needed: impl Fn(&Wanted) -> bool,
    ) -> BTreeMap<String, Arc<Shelf<T>>> {
        let wanted: Vec<_> = self.wanted.iter().filter(|(_, wanted)| needed(wanted)).collect();
        let wide = self
            .reach
            .is_wide(wanted.len())
            .then(|| Arc::new(Wide::new(resource, wanted.len(), self.turns.clone())));
        let shelf = |(name, wanted): (&String, &Arc<Wanted>)| {
            let own = Arc::new(Pulse::new(self.turns.clone()));
            (name.clone(), Arc::new(Shelf::new(resource, Arc::clone(wanted), own, wide.clone())))
        };
        let shelves: BTreeMap<_, _> = wanted.into_iter().map(shelf).collect();
        if shelves.is_empty() {
            return shelves;
        }
        match wide {
            Some(wide) => {
                self.wides.push(Arc::clone(&wide));
                self.tasks.spawn(keep(self.link.clone(), shelves.clone(), wide, self.again));
            }
            None => {
                for watch in each(resource, &shelves) {
                    self.tasks.spawn(watch::keep(self.link.clone(), watch));
                }
            }
        }
        shelves
    }
}

/// A watch of one kind of object in one namespace, of which everything is kept.
pub(super) fn alone<T: Watched>(
    resource: Resource,
    namespace: &str,
    link: &Link,
    turns: &Turns,
    tasks: &mut JoinSet<()>,
) -> Arc<Shelf<T>> {
    let pulse = Arc::new(Pulse::new(turns.clone()));
    let shelf = Arc::new(Shelf::new(resource, Arc::default(), pulse, None));
    let shelves = BTreeMap::from([(namespace.to_owned(), Arc::clone(&shelf))]);
    for watch in each(resource, &shelves) {
        tasks.spawn(watch::keep(link.clone(), watch));
    }
    shelf
}

/// One watch for each namespace.
fn each<T: Watched>(
    resource: Resource,
    shelves: &BTreeMap<String, Arc<Shelf<T>>>,
) -> impl Iterator<Item = Watch<T>> {
    let lasts = lasts(shelves.len());
    shelves.iter().map(move |(name, shelf)| Watch {
        resource,
        scope: Scope::Namespace(name.clone()),
        shelves: BTreeMap::from([(name.clone(), Arc::clone(shelf))]),
        pulse: Arc::clone(shelf.own()),
        lasts,
    })
}

/// Watches the whole cluster, and each namespace for as long as that is not permitted.
async fn keep<T: Watched>(
    link: Link,
    shelves: BTreeMap<String, Arc<Shelf<T>>>,
    wide: Arc<Wide>,
    again: Duration,
) {
    let resource = wide.resource();
    let pulse = Arc::clone(wide.pulse());
    let whole = Watch { resource, scope: Scope::Cluster, shelves, pulse, lasts: LASTS };
    loop {
        let stopped = watch::run(&link, &whole).await;
        for shelf in whole.shelves.values() {
            // What an earlier refusal left there is old.
            shelf.own().set(Feed::Starting);
        }
        let mut tasks = JoinSet::new();
        for watch in each(resource, &whole.shelves) {
            tasks.spawn(watch::keep(link.clone(), watch));
        }
        match stopped {
            Stopped::Forbidden(fault) => {
                wide.refuse(Some(fault));
                loop {
                    tokio::time::sleep(again).await;
                    if whole.permitted(&link).await.is_ok() {
                        break;
                    }
                }
            }
            // What crashes it is in one of the namespaces: the others are seen by their own watches.
            Stopped::Crashed(fault) => {
                wide.refuse(Some(fault));
                while tasks.join_next().await.is_some() {}
                return;
            }
        }
        // None of them may write once the new list is in.
        tasks.shutdown().await;
        wide.pulse().set(Feed::Starting);
        wide.refuse(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_namespaces_are_watched_one_by_one_unless_told_otherwise() {
        for (text, namespaces, wide) in [
            (None, 1, false),
            (None, 4, false),
            (None, 5, true),
            (Some("auto"), 500, true),
            (Some("cluster"), 1, true),
            (Some("namespace"), 500, false),
        ] {
            assert_eq!(Reach::of(text).unwrap().is_wide(namespaces), wide, "{text:?} {namespaces}");
        }
        assert!(Reach::of(Some("all")).unwrap_err().detail.as_str().contains("\"all\""));
    }

    #[test]
    fn watches_of_one_kind_are_renewed_twelve_times_an_hour_together() {
        for watches in 1..=12 {
            assert_eq!(hourly(watches), 12, "{watches}");
        }
        assert_eq!((lasts(500), hourly(500)), (LONGEST, 500));
    }
}
