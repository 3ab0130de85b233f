//! The last good look at every source, its age, and what is wrong now.
//!
//! It keeps what was last seen when a source fails, marked with since when; it never invents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::code::Repository;
use super::fault::Fault;
use super::gitops::{Application, Manifests};
use super::health::{Alert, Signal};
use super::name::{Place, ServiceName, SourceName};
use super::observation::{Observation, Report};
use super::pipeline::{Gate, Lanes, Pipeline};
use super::rollout::{Live, Rollout, Stock};
use super::service::{Environment, Service};
use super::text::SafeText;
use super::time::{Now, ago};

/// What is known of one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceState {
    /// The last good look.
    pub last: Option<Arc<Observation>>,
    /// When that look began.
    pub seen: Option<Now>,
    /// What is wrong now.
    pub fault: Option<Fault>,
    /// Since when it is wrong.
    pub failing_since: Option<Now>,
    /// When the next look is due.
    pub next: Option<Now>,
    /// The provider start that may still report.
    pub epoch: u64,
    /// Looks in a row that failed.
    pub failures: u32,
    /// Services that the last look could not see: since when their data is held, and why.
    pub held: BTreeMap<ServiceName, Held>,
    /// How far the source's clock was from ours at the last look that told, if any did.
    pub skew: Option<Duration>,
    /// Whether the source pushes changes (a watch) rather than being asked.
    pub live: Liveness,
}

/// How news arrive from a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Liveness {
    /// By asking.
    #[default]
    Polled,
    /// By a watch that is up.
    Watched,
}

/// Data of one service that the last looks could not renew.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// When it was last seen; none if never.
    pub seen: Option<Now>,
    /// Why not since.
    pub fault: Fault,
}

/// A value with the moment it was seen at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<T> {
    /// The value.
    pub value: T,
    /// When the look that saw it began.
    pub at: Now,
}

/// Everything that is known about the outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    sources: BTreeMap<SourceName, SourceState>,
}

impl World {
    /// A world in which every source of `names` has yet to answer.
    #[must_use]
    pub fn of<'a>(names: impl IntoIterator<Item = &'a SourceName>) -> Self {
        Self { sources: names.into_iter().map(|n| (n.clone(), SourceState::default())).collect() }
    }

    /// Takes a report in. Reports of an earlier start of the provider, or older than what is known, are dropped.
    /// Returns whether anything changed.
    pub fn absorb(&mut self, report: &Report) -> Absorbed {
        let Some(state) = self.sources.get_mut(&report.source) else { return Absorbed::Dropped };
        if report.epoch < state.epoch {
            return Absorbed::Dropped;
        }
        state.epoch = report.epoch;
        state.next = Some(report.at.plus(report.next));
        match &report.result {
            Ok(observation) => {
                if state.seen.is_some_and(|seen| seen.mono > report.began.mono) {
                    return Absorbed::Dropped;
                }
                state.skew = state.skew_told(observation, report).or(state.skew);
                let same = state.fault.is_none() && state.last.as_ref() == Some(observation);
                let merged = state.merge(observation, report.began);
                state.last = Some(merged);
                state.seen = Some(report.began);
                state.fault = None;
                state.failing_since = None;
                state.failures = 0;
                if same { Absorbed::Unchanged } else { Absorbed::Changed }
            }
            Err(fault) => {
                state.fault = Some(fault.clone());
                state.failing_since = state.failing_since.or(Some(report.at));
                state.failures = state.failures.saturating_add(1);
                Absorbed::Changed
            }
        }
    }

    /// All sources by name.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceName, &SourceState)> {
        self.sources.iter()
    }

    /// One source.
    #[must_use]
    pub fn source(&self, name: &SourceName) -> Option<&SourceState> {
        self.sources.get(name)
    }

    /// The repository of a service.
    #[must_use]
    pub fn repository(&self, service: &Service) -> Option<Seen<&Repository>> {
        let source = service.code.as_ref()?;
        self.look(source, &service.name, |o| o.repositories.get(&service.name))
    }

    /// The pipeline of a service.
    #[must_use]
    pub fn pipeline(&self, service: &Service) -> Option<Seen<&Pipeline>> {
        let source = service.pipeline.as_ref()?;
        self.look(source, &service.name, |o| o.pipelines.get(&service.name))
    }

    /// Which runs of a service wait for each other, where the CI provider was suspicious enough to look.
    #[must_use]
    pub fn lanes(&self, service: &Service) -> Option<Seen<&Lanes>> {
        let source = service.pipeline.as_ref()?;
        self.look(source, &service.name, |o| o.lanes.get(&service.name))
    }

    /// What the target runs in a place.
    #[must_use]
    pub fn rollout(&self, service: &Service, environment: &Environment) -> Option<Seen<&Rollout>> {
        let source = environment.deploy.as_ref()?;
        self.look(source, &service.name, |o| o.rollouts.get(&service.place(environment)).map(Arc::as_ref))
    }

    /// What the GitOps controller says about the application in a place.
    #[must_use]
    pub fn application(&self, service: &Service, environment: &Environment) -> Option<Seen<&Application>> {
        let source = environment.owner.as_ref()?;
        self.look(source, &service.name, |o| o.applications.get(&service.place(environment)))
    }

    /// What Git says should run in a place.
    #[must_use]
    pub fn manifests(&self, service: &Service, environment: &Environment) -> Option<Seen<&Manifests>> {
        let source = environment.manifests.as_ref()?;
        self.look(source, &service.name, |o| o.manifests.get(&service.place(environment)))
    }

    /// What is known of the image that a roll back of a place would start, if anybody asked.
    #[must_use]
    pub fn stock(&self, service: &Service, environment: &Environment) -> Option<Seen<&Stock>> {
        let source = environment.deploy.as_ref()?;
        self.look(source, &service.name, |o| o.stock.get(&service.place(environment)))
    }

    /// What the CI provider says is live in a place.
    #[must_use]
    pub fn live(&self, service: &Service, environment: &Environment) -> Option<Seen<&Live>> {
        let source = environment.live.as_ref()?;
        self.look(source, &service.name, |o| o.live.get(&service.place(environment)))
    }

    /// The signals of a place, each with the moment it was seen at; `None` for one that was never answered.
    pub fn signals<'a>(
        &'a self,
        service: &'a Service,
        environment: &'a Environment,
    ) -> impl Iterator<Item = (&'a SafeText, Option<Seen<&'a Signal>>)> {
        let place = service.place(environment);
        environment.signals.iter().map(move |(name, source)| {
            let seen = self.look(source, &service.name, |o| {
                o.signals.get(&place).and_then(|signals| signals.iter().find(|s| &s.name == name))
            });
            (name, seen)
        })
    }

    /// The alerts of a place.
    #[must_use]
    pub fn alerts(&self, service: &Service, environment: &Environment) -> Option<Seen<&[Alert]>> {
        let source = environment.alerts.as_ref()?;
        self.look(source, &service.name, |o| o.alerts.get(&service.place(environment)).map(Vec::as_slice))
    }

    /// Every gate of every source, with the moment it was seen at.
    pub fn gates(&self) -> impl Iterator<Item = Seen<&Gate>> {
        self.sources.values().filter_map(|s| Some((s, s.last.as_ref()?, s.seen?))).flat_map(
            |(state, last, seen)| {
                last.gates.iter().map(move |gate| {
                    let at = state.held.get(&gate.key.run.service).and_then(|h| h.seen).unwrap_or(seen);
                    Seen { value: gate, at }
                })
            },
        )
    }

    /// What is wrong with what `source` says about `service`, if anything.
    #[must_use]
    pub fn fault(&self, source: &SourceName, service: &ServiceName) -> Option<&Fault> {
        let state = self.sources.get(source)?;
        state.fault.as_ref().or_else(|| state.held.get(service).map(|h| &h.fault))
    }

    /// How old what `source` says about `service` is; `None` if it never said anything.
    #[must_use]
    pub fn age(&self, source: &SourceName, service: &ServiceName, now: Now) -> Option<Duration> {
        let state = self.sources.get(source)?;
        let seen = match state.held.get(service) {
            Some(held) => held.seen?,
            None => state.seen?,
        };
        Some(now.since(seen))
    }

    /// How far the clock of a source is from this machine's, as far as the source tells.
    #[must_use]
    pub fn skew(&self, source: &SourceName) -> Option<Duration> {
        self.sources.get(source)?.skew
    }

    fn look<'a, T: ?Sized>(
        &'a self,
        source: &SourceName,
        service: &ServiceName,
        part: impl FnOnce(&'a Observation) -> Option<&'a T>,
    ) -> Option<Seen<&'a T>> {
        let state = self.sources.get(source)?;
        let value = part(state.last.as_ref()?)?;
        let at = match state.held.get(service) {
            Some(held) => held.seen?,
            None => state.seen?,
        };
        Some(Seen { value, at })
    }
}

/// What a report did to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absorbed {
    /// Something is different now.
    Changed,
    /// Only the age is.
    Unchanged,
    /// Late, unknown or out of order: not taken in.
    Dropped,
}

impl SourceState {
    /// How far the server's clock lies outside the time that the look took by ours. A time that was told before says
    /// nothing: a watch may rest for long.
    fn skew_told(&self, observation: &Observation, report: &Report) -> Option<Duration> {
        let server = observation.server_time?;
        if self.last.as_ref().is_some_and(|last| last.server_time == Some(server)) {
            return None;
        }
        Some(ago(report.began.wall, server).max(ago(server, report.at.wall)))
    }

    /// The new look, completed by what was last seen of the services that it could not see.
    fn merge(&mut self, new: &Arc<Observation>, began: Now) -> Arc<Observation> {
        let before = self.seen;
        let old_held = std::mem::take(&mut self.held);
        if new.faults.is_empty() {
            return Arc::clone(new);
        }
        let mut merged = Observation::clone(new);
        for (service, fault) in &new.faults {
            let seen = match old_held.get(service) {
                Some(held) => held.seen,
                None => before,
            };
            self.held.insert(service.clone(), Held { seen, fault: fault.clone() });
            if let Some(old) = &self.last {
                keep(&mut merged, old, service);
            }
        }
        let _ = began;
        Arc::new(merged)
    }
}

/// Copies everything that `old` knows about `service` and `new` does not.
fn keep(new: &mut Observation, old: &Observation, service: &ServiceName) {
    fn of_place<T: Clone>(new: &mut BTreeMap<Place, T>, old: &BTreeMap<Place, T>, service: &ServiceName) {
        for (place, value) in old.iter().filter(|(place, _)| &place.service == service) {
            new.entry(place.clone()).or_insert_with(|| value.clone());
        }
    }
    if let Some(repository) = old.repositories.get(service) {
        new.repositories.entry(service.clone()).or_insert_with(|| repository.clone());
    }
    if let Some(pipeline) = old.pipelines.get(service) {
        new.pipelines.entry(service.clone()).or_insert_with(|| pipeline.clone());
    }
    if let Some(lanes) = old.lanes.get(service) {
        new.lanes.entry(service.clone()).or_insert_with(|| lanes.clone());
    }
    if !new.gates.iter().any(|g| &g.key.run.service == service) {
        new.gates.extend(old.gates.iter().filter(|g| &g.key.run.service == service).cloned());
    }
    of_place(&mut new.live, &old.live, service);
    of_place(&mut new.rollouts, &old.rollouts, service);
    of_place(&mut new.applications, &old.applications, service);
    of_place(&mut new.manifests, &old.manifests, service);
    of_place(&mut new.stock, &old.stock, service);
    of_place(&mut new.signals, &old.signals, service);
    of_place(&mut new.alerts, &old.alerts, service);
}
