//! One look at what keeps a place: from the watches where they are up, by asking for the object by name where they are
//! not, and for what is being changed.
//!
//! What a server answers to a write is not taken in here: of a hold the object itself is all the proof there is, so that
//! only a look may tell it.
//!
//! One watch for each kind and namespace, however many services are kept from there. Which sources are to be watched is
//! only known once what refers to them was seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;

use super::super::link::Link;
use super::super::look::{FRESH, Interest, remark};
use super::super::of_the_whole;
use super::super::reach::alone;
use super::super::shelf::{Feed, Shelf, Turns};
use super::super::species::Resource;
use super::super::watch::SILENCE;
use super::super::wire::{Meta, Watched};
use super::state::{self, Origin};
use super::wire::{Keeper, Source, SourceRef};
use super::{Kind, Owned, path};
use crate::domain::{Application, Cause, Fault, SafeText};

type Shelves<T> = BTreeMap<(Kind, String), Arc<Shelf<T>>>;

/// What is kept of Flux's objects in a cluster.
pub(in super::super) struct Watches {
    keepers: Shelves<Keeper>,
    sources: Mutex<Sources>,
    turns: Turns,
}

#[derive(Default)]
struct Sources {
    shelves: Shelves<Source>,
    tasks: JoinSet<()>,
}

impl Watches {
    /// Starts a watch for each kind and namespace that these owners are of.
    pub(in super::super) fn start(
        owned: &[Owned],
        link: &Link,
        turns: &Turns,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let mut keepers = Shelves::new();
        for owned in owned {
            keepers
                .entry((owned.kind, owned.namespace.clone()))
                .or_insert_with(|| alone(Resource::Flux(owned.kind), &owned.namespace, link, turns, tasks));
        }
        Self { keepers, sources: Mutex::default(), turns: turns.clone() }
    }

    /// Waits until every watch has its first list, or has failed to get it; not longer than `patience`.
    pub(in super::super) async fn settle(&self, patience: Duration) {
        let mut turned = self.turns.subscribe();
        let settled = async {
            while self.keepers.values().any(|shelf| matches!(shelf.feed(), Feed::Starting)) {
                if turned.changed().await.is_err() {
                    break;
                }
            }
        };
        // Whatever has not settled by then is asked for by name.
        let _ = tokio::time::timeout(patience, settled).await;
    }

    /// The shelf of a source's kind and namespace; its watch begins when it is first asked for.
    fn sources(&self, link: &Link, kind: Kind, namespace: &str) -> Arc<Shelf<Source>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let Sources { shelves, tasks } = &mut *sources;
        let one = shelves
            .entry((kind, namespace.to_owned()))
            .or_insert_with(|| alone(Resource::Flux(kind), namespace, link, &self.turns, tasks));
        Arc::clone(one)
    }

    /// What each of these owners says, as the workload of its place is marked.
    pub(in super::super) async fn look(
        &self,
        link: &Link,
        asked: &[(&Owned, Interest, Option<Meta>)],
    ) -> Vec<Result<Application, Fault>> {
        let looks = asked.iter().map(|(owned, interest, workload)| async {
            match self.one(link, owned, *interest, workload.as_ref()).await {
                // Of this object alone: what else runs in the place is seen all the same.
                Err(fault) if !of_the_whole(fault.cause) => Ok(state::unread(owned, &fault)),
                told => told,
            }
        });
        join_all(looks).await
    }

    async fn one(
        &self,
        link: &Link,
        owned: &Owned,
        interest: Interest,
        workload: Option<&Meta>,
    ) -> Result<Application, Fault> {
        let shelf = self
            .keepers
            .get(&(owned.kind, owned.namespace.clone()))
            .ok_or_else(|| super::local("this owner is not watched"))?;
        let (keeper, told) = had(link, shelf, (owned.kind, &owned.namespace, &owned.name), interest).await?;
        let source = match &keeper.source {
            Some(reference) if owned.kind == Kind::Kustomization => {
                self.source(link, reference, interest).await
            }
            _ => Err("it names no source".to_owned()),
        };
        let origin = match &source {
            Ok(source) => Origin::Seen(source),
            Err(why) => Origin::Unseen(why),
        };
        let mut app = state::application(owned, &keeper, origin, workload);
        app.remarks.extend(told);
        Ok(app)
    }

    /// What the source of the manifests has, or why that is not known. It explains whether Git went on and decides
    /// nothing: that it cannot be read is no fault of the place.
    pub(super) async fn source(
        &self,
        link: &Link,
        reference: &SourceRef,
        interest: Interest,
    ) -> Result<Arc<Source>, String> {
        let named = format!("{} {}/{}", reference.word, reference.namespace, reference.name);
        let Some(kind) = reference.kind else { return Err(format!("its source, {named}, cannot be read")) };
        let shelf = self.sources(link, kind, &reference.namespace);
        let found = had(link, &shelf, (kind, &reference.namespace, &reference.name), interest).await;
        found
            .map(|(source, _)| source)
            .map_err(|fault| format!("its source, {named}, cannot be read: {fault}"))
    }
}

/// One object: as the watch told it, or asked for by name; and why it had to be.
async fn had<T: Watched>(
    link: &Link,
    shelf: &Shelf<T>,
    (kind, namespace, name): (Kind, &str, &str),
    interest: Interest,
) -> Result<(Arc<T>, Option<SafeText>), Fault> {
    let feed = shelf.feed();
    let alive = matches!(&feed, Feed::Live(heard) if heard.elapsed() < SILENCE);
    let fresh =
        alive && (interest == Interest::Usual || shelf.silence(name).is_some_and(|silence| silence < FRESH));
    if let (true, Some(found)) = (fresh, shelf.get(name)) {
        return Ok((found, None));
    }
    let object = link.get(&path(kind, namespace, name)).await.and_then(|answer| answer.json());
    let object = object.map_err(|fault| missing(fault, kind, namespace, name))?;
    let found = shelf.learn(T::cut(&object, Resource::Flux(kind))?);
    Ok((found, remark(&feed, &format!("the {}", kind.word()))))
}

pub(super) fn missing(fault: Fault, kind: Kind, namespace: &str, name: &str) -> Fault {
    if fault.cause == Cause::NotFound {
        if fault.detail.as_str().contains("could not find the requested resource") {
            let text = format!("the cluster has no {}", kind.api().trim_start_matches("/apis/"));
            return Fault::new(Cause::NotFound, text).with_hint("is Flux there, and new enough?");
        }
        let text = format!("there is no {} {name} in namespace {namespace}", kind.word());
        return Fault::new(Cause::NotFound, text);
    }
    fault
}
