//! What stands in front of workloads, and may be named in their place: a Canary of Flagger, or a Service whose selector
//! chooses between two. What of them is watched in a namespace.
//!
//! Knows which resources that takes; knows nothing of how the traffic is moved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flagger::{Canary, LoadTester};
use super::service::{Service, Slice};
use super::shelf::{Feed, Shelf};
use super::species::Resource;
use crate::domain::{Cause, Fault, Settings};

/// What a binding names.
#[derive(Clone, Debug)]
pub(super) enum Front {
    /// The workload itself.
    Nothing,
    /// A Canary, and its load tester if it can be reached.
    Canary(Option<LoadTester>),
    /// A Service, and the label of its selector that is switched, if it is named.
    Service(Option<String>),
}

impl Front {
    /// What can be named besides workloads.
    pub(super) const WORDS: [&'static str; 2] = [Resource::Canaries.word(), Resource::Services.word()];

    /// What stands in front, by the word before the name and the keys beside it.
    ///
    /// # Errors
    /// When a key is given that has no meaning for it, or that cannot be used.
    pub(super) fn of(
        word: &str,
        settings: &Settings,
        env: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, Fault> {
        let (gates, switch) = (settings.text("gates"), settings.text("switch"));
        let meaningless = |key: &str, whose: &str| {
            Err(Fault::new(Cause::Local, format!("{key}: a {word} has none; only a {whose} does")))
        };
        let canary = word == Resource::Canaries.word();
        let service = word == Resource::Services.word();
        match (gates, switch) {
            (Some(_), _) if !canary => meaningless("gates", Resource::Canaries.word()),
            (_, Some(_)) if !service => meaningless("switch", Resource::Services.word()),
            (gates, _) if canary => Ok(Self::Canary(gates.map(|url| LoadTester::new(url, env)).transpose()?)),
            (_, switch) if service => Ok(Self::Service(switch.map(str::to_owned))),
            _ => Ok(Self::Nothing),
        }
    }

    /// What must be watched for it, besides workloads.
    pub(super) const fn resources(&self) -> &'static [Resource] {
        match self {
            Self::Nothing => &[],
            Self::Canary(_) => &[Resource::Canaries],
            Self::Service(_) => &[Resource::Services, Resource::EndpointSlices],
        }
    }
}

/// What is watched of it in one namespace.
pub(super) struct Fronts {
    pub(super) canaries: Option<Arc<Shelf<Canary>>>,
    pub(super) services: Option<Arc<Shelf<Service>>>,
    pub(super) slices: Option<Arc<Shelf<Slice>>>,
}

impl Fronts {
    /// How every watch stands.
    pub(super) fn feeds(&self) -> impl Iterator<Item = Feed> {
        let canaries = self.canaries.iter().map(|shelf| shelf.feed());
        let services = self.services.iter().map(|shelf| shelf.feed());
        canaries.chain(services).chain(self.slices.iter().map(|shelf| shelf.feed()))
    }

    /// The Canaries.
    pub(super) fn canaries(&self) -> Result<&Shelf<Canary>, Fault> {
        self.canaries.as_deref().ok_or_else(|| unwatched(Resource::Canaries))
    }

    /// The Services.
    pub(super) fn services(&self) -> Result<&Shelf<Service>, Fault> {
        self.services.as_deref().ok_or_else(|| unwatched(Resource::Services))
    }

    /// Their endpoints.
    pub(super) fn slices(&self) -> Result<&Shelf<Slice>, Fault> {
        self.slices.as_deref().ok_or_else(|| unwatched(Resource::EndpointSlices))
    }
}

fn unwatched(resource: Resource) -> Fault {
    Fault::new(Cause::Local, format!("{} are not watched in this namespace", resource.plural()))
}
