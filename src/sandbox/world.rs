//! The one scripted world: its clock, its services, what really runs, and what happens without the operator.
//! Knows the platforms and the hosting service by their own handles, and nothing of HTTP.
//!
//! Everything here moves only in [`World::advance`]: a test drives it by hand, the demo five times a second.

use super::argocd::{ArgoCd, Git, Surroundings, SyncWindow};
use super::ci::Servers;
use super::fault::{Act, Faults, Rule, Server};
use super::images::reference;
use super::manifests::Manifests;
use super::scenario::{Event, Keeper, Platform, Scenario, ServiceScript, What, Workload};
use super::signals::Signals;
use super::{alerts::Alerts, docker, kubernetes, platforms};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest step that the world takes at once.
const STEP: Duration = Duration::from_millis(1000);
/// How many services are looked at in one step; a large fleet takes turns.
const LOOKS: usize = 40;

/// The cause of what somebody does with the right tool.
const BY_HAND: &str = "by hand";

/// The world. Clones share the same world.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    faults: Faults,
    cluster: kubernetes::Cluster,
    engine: docker::Engine,
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// All that moves with the clock, but the platforms.
pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) start: Timestamp,
    pub(super) seed: u64,
    pub(super) registry: String,
    pub(super) shelf: super::registry::Shelf,
    pub(super) services: Vec<Service>,
    pub(super) ci: Servers,
    pub(super) alerts: Alerts,
    pub(super) manifests: Option<Manifests>,
    pub(super) argocd: ArgoCd,
    /// What Prometheus told of moments that are over.
    pub(super) past: super::prometheus::Past,
    events: Vec<Event>,
    turn: usize,
}

/// What a world begins with besides its script.
pub(super) struct Outside {
    pub(super) ci: Servers,
    pub(super) manifests: Option<Manifests>,
    pub(super) argocd: ArgoCd,
    pub(super) faults: Faults,
}

/// A service in this world.
pub(super) struct Service {
    pub(super) script: ServiceScript,
    pub(super) places: [Place; 2],
}

/// A service in one environment.
pub(super) struct Place {
    pub(super) environment: &'static str,
    pub(super) platform: Platform,
    pub(super) replicas: u32,
    pub(super) signals: Signals,
}

impl Service {
    fn new(script: ServiceScript) -> Self {
        let place = |environment, platform, replicas| Place {
            environment,
            platform,
            replicas,
            signals: Signals::default(),
        };
        let places = [
            place("staging", Platform::Kubernetes, script.replicas.div_ceil(3)),
            place("production", script.production_on, script.replicas),
        ];
        Self { script, places }
    }

    /// Whether what ships it changes Git and not the cluster.
    fn kept(&self, cause: &str) -> bool {
        self.script.kept_by != Keeper::Nobody && cause != BY_HAND
    }

    pub(super) fn place(&self, environment: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.environment == environment)
    }
}

impl World {
    pub(super) fn new(
        scenario: &Scenario,
        start: Timestamp,
        seed: u64,
        registry: &str,
        outside: Outside,
    ) -> Self {
        let Outside { ci, manifests, mut argocd, faults } = outside;
        let cluster = kubernetes::Cluster::new(start);
        let engine = docker::Engine::new(start);
        let services: Vec<_> = scenario.services.iter().cloned().map(Service::new).collect();
        for service in &services {
            platforms::seed(&cluster, &engine, registry, service);
            let around = Surroundings {
                now: start,
                manifests: manifests.as_ref(),
                cluster: &cluster,
                git: Git::There,
            };
            argocd.add_service(&service.script, &around);
        }
        super::followed::begin(&cluster, &scenario.services, manifests.as_ref(), &faults);
        for service in services.iter().filter(|s| s.script.production_as == Workload::Flagger) {
            platforms::lead_to_the_gate(&cluster, registry, &service.script, start);
        }
        let state = State {
            now: start,
            start,
            seed,
            registry: registry.to_owned(),
            shelf: super::registry::Shelf::default(),
            services,
            ci,
            alerts: Alerts::default(),
            manifests,
            argocd,
            past: super::prometheus::Past::default(),
            events: scenario.events.clone(),
            turn: 0,
        };
        let shared = Shared { state: Mutex::new(state), faults, cluster, engine };
        let world = Self { shared: Arc::new(shared) };
        let mut state = world.lock();
        for index in 0..state.services.len() {
            world.look(&mut state, index);
        }
        drop(state);
        world.step(Duration::ZERO);
        world
    }

    /// What the clock of the world shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.lock().now
    }

    /// How long ago the day began.
    #[must_use]
    pub fn elapsed(&self) -> SignedDuration {
        let state = self.lock();
        state.now.duration_since(state.start)
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(STEP);
            self.step(step);
            left -= step;
        }
    }

    /// Lets time pass for the CI servers alone: what a deploy job ships arrives at once, on no platform. A fleet's hour
    /// takes seconds so.
    pub fn advance_ci(&self, by: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(STEP);
            let mut state = self.lock();
            state.now = state.now.checked_add(step).unwrap_or(state.now);
            let now = state.now;
            let _arrived = state.ci.tick(now, &|_, _, _| true);
            left -= step;
        }
    }

    /// What really runs: tag and ready pods or tasks, in order of the tag.
    #[must_use]
    pub fn running(&self, service: &str, environment: &str) -> Vec<(String, u32)> {
        let state = self.lock();
        let found = state.services.iter().find(|other| other.script.name == service);
        let place = found.and_then(|found| found.place(environment));
        place.map_or_else(Vec::new, |place| self.tags(service, place))
    }

    /// The true error ratio of a service, in per cent, over the last minute; `None` when nothing serves.
    #[must_use]
    pub fn error_ratio(&self, service: &str, environment: &str) -> Option<f64> {
        let state = self.lock();
        let found = state.services.iter().find(|other| other.script.name == service)?;
        found
            .place(environment)?
            .signals
            .at(state.now, SignedDuration::from_secs(60))
            .map(|level| level.errors)
    }

    /// Deploys a tag past every pipeline, as somebody with the right tool can.
    pub fn deploy(&self, service: &str, environment: &str, tag: &str) {
        let state = self.lock();
        self.set_image(&state, service, environment, tag, BY_HAND);
    }

    /// Approves a gate as somebody else. False when it does not wait.
    pub fn approve_as(&self, login: &str, service: &str, environment: &str) -> bool {
        let mut state = self.lock();
        let now = state.now;
        state.ci.approve_as(login, service, environment, now)
    }

    /// The repository of manifests, if a GitOps tool keeps anything.
    #[must_use]
    pub fn manifests(&self) -> Option<Manifests> {
        self.lock().manifests.clone()
    }

    /// Says what the sync windows of Argo CD's project do from now on.
    pub fn set_sync_window(&self, window: SyncWindow) {
        self.lock().argocd.set_window(window);
    }

    /// The Kubernetes cluster.
    #[must_use]
    pub fn cluster(&self) -> &kubernetes::Cluster {
        &self.shared.cluster
    }

    /// The Docker Engine.
    #[must_use]
    pub fn engine(&self) -> &docker::Engine {
        &self.shared.engine
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the events happen that wait for this request.
    pub(super) fn before(&self, server: Server, method: &str, path: &str) {
        let mut state = self.lock();
        if state.events.is_empty() {
            return;
        }
        let fits = |event: &Event| {
            let trigger = event.before.as_ref();
            trigger.is_some_and(|t| t.server == server && t.method == method && path.contains(&t.path))
        };
        let (due, later) = std::mem::take(&mut state.events).into_iter().partition(fits);
        state.events = later;
        self.happen(&mut state, due);
    }

    fn step(&self, by: Duration) {
        let mut state = self.lock();
        state.now = state.now.checked_add(by).unwrap_or(state.now);
        let now = state.now;
        self.shared.cluster.tick(now, by);
        self.shared.engine.tick(now, by);
        let elapsed = u64::try_from(now.duration_since(state.start).as_secs()).unwrap_or(0);
        let is_due = |event: &Event| event.at.is_some_and(|at| at <= elapsed);
        let (due, later) = std::mem::take(&mut state.events).into_iter().partition(is_due);
        state.events = later;
        self.happen(&mut state, due);
        for _ in 0..state.services.len().min(LOOKS) {
            let index = state.turn % state.services.len();
            state.turn = index + 1;
            self.look(&mut state, index);
        }
        self.move_pipelines(&mut state, now);
        let git = if self.faults().refuses(Server::Git) { Git::Away } else { Git::There };
        let State { argocd, manifests, .. } = &mut *state;
        argocd.tick(&Surroundings { now, manifests: manifests.as_ref(), cluster: self.cluster(), git });
        let State { alerts, services, .. } = &mut *state;
        alerts.tick(now, services);
    }

    /// Moves the workflow runs; their deploy jobs change what runs.
    fn move_pipelines(&self, state: &mut State, now: Timestamp) {
        let State { ci, services, .. } = &mut *state;
        let arrived = |service: &str, environment: &str, tag: &str| {
            let Some(place) =
                services.iter().find(|s| s.script.name == service).and_then(|s| s.place(environment))
            else {
                return true;
            };
            let running = self.tags(service, place);
            matches!(running.as_slice(), [(only, ready)] if only == tag && *ready >= place.replicas)
        };
        for deploy in ci.tick(now, &arrived) {
            self.set_image(state, &deploy.service, &deploy.environment, &deploy.tag, &deploy.cause);
        }
    }

    fn set_image(&self, state: &State, service: &str, environment: &str, tag: &str, cause: &str) {
        let Some(found) = state.services.iter().find(|other| other.script.name == service) else { return };
        let Some(place) = found.place(environment) else { return };
        let image = reference(&state.registry, service, tag);
        if let (Some(manifests), "production", true) = (&state.manifests, environment, found.kept(cause)) {
            // A push that fails ships nothing; the pipeline goes on waiting for what it shipped.
            if let Err(error) = manifests.ship(service, tag, place.replicas, "omar", state.now) {
                tracing::warn!(%error, service, "the manifests could not be changed");
            }
            return;
        }
        match place.platform {
            Platform::Kubernetes => {
                self.shared.cluster.set_image(
                    environment,
                    service,
                    service,
                    &image,
                    &format!("{tag} {cause}"),
                );
            }
            Platform::Docker => {
                self.shared.engine.set_image(&swarm_name(service), &image);
            }
        }
    }

    /// Notes what runs now, when it is not what ran before.
    fn look(&self, state: &mut State, index: usize) {
        let now = state.now;
        let Some(service) = state.services.get_mut(index) else { return };
        let Service { script, places } = service;
        for place in places {
            let running = self.tags(&script.name, place);
            place.signals.note(now, script, place.environment, &running);
        }
    }

    fn tags(&self, service: &str, place: &Place) -> Vec<(String, u32)> {
        let images = match place.platform {
            Platform::Kubernetes => self.shared.cluster.images(place.environment, service),
            Platform::Docker => self.shared.engine.images(&swarm_name(service)),
        };
        images.into_iter().map(|(image, ready)| (super::images::tag(&image).to_owned(), ready)).collect()
    }

    fn happen(&self, state: &mut State, due: Vec<Event>) {
        let now = state.now;
        for event in due {
            match event.what {
                What::Refuse { server } => self.faults().refuse(server),
                What::Restore { server } => self.faults().restore(server),
                What::LoseAnswer { server, method, path } => {
                    self.faults().add(Rule::once(server, Act::DropAfter).on(&method, &format!("*{path}")));
                }
                What::Quota { remaining, reset } => state.ci.github.limit_quota(remaining, reset, now),
                What::SecondaryLimit { seconds } => state.ci.github.limit_secondary(seconds, now),
                What::Approve { service, environment, by } => {
                    state.ci.approve_as(&by, &service, &environment, now);
                }
                What::Deploy { service, environment, version } => {
                    self.set_image(state, &service, &environment, &version, "past the pipeline");
                }
            }
        }
    }
}

/// The name of a service in the swarm: stack and service.
pub(super) fn swarm_name(service: &str) -> String {
    format!("acme_{service}")
}
