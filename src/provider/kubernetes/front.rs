//! What stands in front of workloads, and may be named in their place: a Canary of Flagger, or a Service whose selector
//! chooses between two. What of them is watched in a namespace.
//!
//! Knows which resources that takes; knows nothing of how the traffic is moved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::flagger::{Canary, LoadTester};
use super::species::Resource;
use super::watch::{Feed, Shelf};
use super::wire::Watched;
use crate::domain::{Cause, Fault, Settings};

/// What a binding names.
#[derive(Clone, Debug)]
pub(super) enum Front {
    /// The workload itself.
    Nothing,
    /// A Canary, and its load tester if it can be reached.
    Canary(Option<LoadTester>),
}

impl Front {
    /// What can be named besides workloads.
    pub(super) const WORDS: [&'static str; 1] = [Resource::Canaries.word()];

    /// What stands in front, by the word before the name and the keys beside it.
    ///
    /// # Errors
    /// When a key is given that has no meaning for it, or that cannot be used.
    pub(super) fn of(
        word: &str,
        settings: &Settings,
        env: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, Fault> {
        let gates = settings.text("gates");
        if word == Resource::Canaries.word() {
            return Ok(Self::Canary(gates.map(|url| LoadTester::new(url, env)).transpose()?));
        }
        match gates {
            Some(_) => Err(Fault::new(Cause::Local, format!("gates: a {word} has none; only a canary does"))),
            None => Ok(Self::Nothing),
        }
    }

    /// What must be watched for it, besides workloads.
    pub(super) const fn resources(&self) -> &'static [Resource] {
        match self {
            Self::Nothing => &[],
            Self::Canary(_) => &[Resource::Canaries],
        }
    }
}

/// What is watched of it in one namespace.
pub(super) struct Fronts {
    canaries: Option<Arc<Shelf<Canary>>>,
}

/// Makes a shelf and has it kept up to date.
pub(super) trait Shelves {
    /// The shelf of a resource.
    fn shelf<T: Watched>(&mut self, resource: Resource) -> Arc<Shelf<T>>;
}

impl Fronts {
    /// The shelves of these resources.
    pub(super) fn new(resources: &BTreeSet<Resource>, shelves: &mut impl Shelves) -> Self {
        let wanted = |resource| resources.contains(&resource);
        Self { canaries: wanted(Resource::Canaries).then(|| shelves.shelf(Resource::Canaries)) }
    }

    /// How every watch stands.
    pub(super) fn feeds(&self) -> impl Iterator<Item = Feed> {
        self.canaries.iter().map(|shelf| shelf.feed())
    }

    /// The Canaries.
    pub(super) fn canaries(&self) -> Result<&Shelf<Canary>, Fault> {
        self.canaries.as_deref().ok_or_else(|| unwatched(Resource::Canaries))
    }
}

fn unwatched(resource: Resource) -> Fault {
    Fault::new(Cause::Local, format!("{} are not watched in this namespace", resource.plural()))
}
