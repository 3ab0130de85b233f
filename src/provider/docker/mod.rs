//! Docker Engine: the services of a Swarm, the services of Compose projects and plain containers as deployment targets.
//!
//! Knows the engine's API over its socket (or plain or TLS TCP), as JSON. Knows no other provider, no screen, no
//! clock. What a service's answers mean is judged in `observe`, what would be sent in `act`; both are pure. Containers
//! without Swarm live in `containers`.
//!
//! Honest limits: the HTTP layer presents no client certificates, so an engine that demands them (mutual TLS) cannot
//! be reached over TCP; reach it by its socket. Docker contexts are not read. Images in registries that need a
//! login are checked as far as the engine may see them without one, and by the source's own login for that registry.

mod act;
mod address;
mod containers;
mod differ;
mod enforcement;
mod engine;
#[doc(hidden)]
pub mod fuzz;
mod observe;
mod splice;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use self::act::{Found, Fresh};
use self::containers::{COLOUR, Group, Scene, Unit};
use self::engine::{Engine, Patience};
use self::wire::{Info, Service, Task};
use super::examine::Finding;
use super::platform::Platforms;
use super::registry::{self, Belongs, Manifest, Registry};
use super::stock::Stocks;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Artifact, Ask, Bound, Cause, Fault, Hazard, Intent, Observation, Place, Prepared, Receipt, Role, Rollout,
    SafeText, Severity, SourceName, Step, Target, Verb,
};

/// The registry's line.
pub const KIND: Kind = Kind {
    name: "docker",
    doc: "A Docker Engine: what the services of its Swarm, its Compose projects and its plain containers run, and changing \
          that.",
    keys: &[
        Key::optional(
            "host",
            KeyType::Text,
            "unix:///path/to/docker.sock or tcp://host:port; $DOCKER_HOST, else unix:///var/run/docker.sock.",
        ),
        Key::optional(
            "ca_file",
            KeyType::Path,
            "PEM file with the authority that signed a TCP engine's certificate; with it, tcp:// speaks TLS. \
             Client certificates are not supported.",
        ),
        registry::HOST_KEY,
        registry::USER_KEY,
        registry::PASSWORD_KEY,
        registry::REALM_KEY,
    ],
    roles: &[(
        Role::Deploy,
        &[
            Key::optional(
                "service",
                KeyType::Text,
                "Whole name or id of the Swarm service. Exactly one of `service`, `project` and `container`.",
            ),
            Key::optional("project", KeyType::Text, "The Compose project; with `compose_service`."),
            Key::optional("compose_service", KeyType::Text, "The service of that Compose project."),
            Key::optional(
                "container",
                KeyType::Text,
                "Name of a plain container; its successors are those with the label `gonogo.group` of that name.",
            ),
            Key::optional(
                COLOUR,
                KeyType::Text,
                "Label of the containers that tells blue from green; `gonogo.color` unless told otherwise.",
            ),
        ],
    )],
    cadence: Cadence { active: Duration::from_secs(2), idle: Duration::from_secs(10) },
    enforcement: enforcement::FACTS,
    build,
};

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    let engine = Engine::new(&spec)?;
    let registry = Registry::of(&spec)?;
    let (stocks, platforms) = (Stocks::new(registry.clone()), Platforms::new(registry.clone()));
    let bound = |b: Bound| {
        let place =
            b.place().ok_or_else(|| Fault::new(Cause::Local, "a deployment target needs an environment"))?;
        Ok(Watched { place, unit: Unit::of(&b)? })
    };
    let bounds =
        spec.bounds.into_iter().filter(|b| b.role == Role::Deploy).map(bound).collect::<Result<_, _>>()?;
    Ok(Arc::new(Docker {
        name: spec.name,
        engine,
        bounds,
        stocks,
        platforms,
        registry,
        newest: Mutex::default(),
    }))
}

/// A place, and what runs there.
struct Watched {
    place: Place,
    unit: Unit,
}

/// One engine.
struct Docker {
    name: SourceName,
    engine: Engine,
    bounds: Vec<Watched>,
    /// Whether there is an image to go back to.
    stocks: Stocks,
    /// Whether what differs is one image for several platforms.
    platforms: Platforms,
    registry: Registry,
    /// The highest version index of each service that any answer had.
    newest: Mutex<BTreeMap<SafeText, u64>>,
}

impl Provider for Docker {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        async move {
            let mut seen = self.look().await?;
            self.platforms.complete(&mut seen).await;
            self.stocks.complete(ask, &mut seen).await;
            Ok(seen)
        }
        .boxed()
    }

    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        self.engine.examine(now).boxed()
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        self.plan(intent).boxed()
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        self.engine.send(step).boxed()
    }
}

impl Docker {
    async fn look(&self) -> Result<Observation, Fault> {
        let prefix = self.engine.prefix().await?;
        let info = self.engine.info(&prefix).await?;
        let mut seen = Observation {
            identity: Some(act::identity(&info.name)),
            remarks: self.engine.remarks(),
            ..Observation::default()
        };
        self.look_at_services(&prefix, &info, &mut seen).await?;
        for (place, group) in self.groups() {
            let look = containers::look(&self.engine, &prefix, group).await;
            match look.and_then(|look| containers::rollout(group, &look, &info.name)) {
                Ok(rollout) => drop(seen.rollouts.insert(place.clone(), rollout.into())),
                Err(fault) => drop(seen.faults.insert(place.service.clone(), fault)),
            }
        }
        Ok(seen)
    }

    fn services(&self) -> Vec<(&Place, &str)> {
        let named = self.bounds.iter().filter_map(|w| match &w.unit {
            Unit::Service(name) => Some((&w.place, name.as_str())),
            Unit::Containers(_) => None,
        });
        named.collect()
    }

    fn groups(&self) -> impl Iterator<Item = (&Place, &Group)> {
        self.bounds.iter().filter_map(|w| match &w.unit {
            Unit::Containers(group) => Some((&w.place, group)),
            Unit::Service(_) => None,
        })
    }

    async fn look_at_services(&self, prefix: &str, info: &Info, seen: &mut Observation) -> Result<(), Fault> {
        let wanted = self.services();
        if wanted.is_empty() && self.groups().next().is_some() {
            return Ok(());
        }
        if let Err(fault) = Engine::manages(info) {
            // Containers are seen all the same.
            if self.groups().next().is_none() {
                return Err(fault);
            }
            seen.faults.extend(wanted.iter().map(|(place, _)| (place.service.clone(), fault.clone())));
            return Ok(());
        }
        let names: Vec<&str> = wanted.iter().map(|(_, name)| *name).collect();
        let services = self.engine.services(prefix, &names).await?;
        let mut found = Vec::new();
        for (place, name) in wanted {
            match named(name, &services) {
                Ok(service) => found.push((place, service)),
                Err(fault) => drop(seen.faults.insert(place.service.clone(), fault)),
            }
        }
        let ids: Vec<&str> = found.iter().map(|(_, service)| service.id.as_str()).collect();
        let tasks = self.engine.tasks(prefix, &ids).await?;
        let stranger = tasks.stranger(&services);
        for (place, service) in found {
            let told = || stranger.clone().map_or_else(|| standing(&service, &tasks, info), Err);
            match self.not_older(&service).and_then(|()| told()) {
                Ok(rollout) => drop(seen.rollouts.insert(place.clone(), rollout.into())),
                Err(fault) => drop(seen.faults.insert(place.service.clone(), fault)),
            }
        }
        Ok(())
    }

    async fn plan(&self, intent: &Intent) -> Result<Prepared, Fault> {
        let unit = self.unit(intent)?;
        let wanted = Wanted::of(intent, unit)?;
        let prefix = self.engine.prefix().await?;
        let info = self.engine.info(&prefix).await?;
        let name = match unit {
            Unit::Service(name) => name,
            Unit::Containers(group) => {
                let scene = Scene {
                    engine: &self.engine,
                    source: &self.name,
                    prefix: &prefix,
                    host: &info.name,
                    group,
                };
                return match wanted {
                    Wanted::Run(artifact) => containers::promote(scene, artifact).await,
                    Wanted::GoBack { id, artifact } => containers::roll_back(scene, id, artifact).await,
                    Wanted::Restart => containers::restart(scene).await,
                };
            }
        };
        Engine::manages(&info)?;
        let text = self.engine.service(&prefix, name).await?;
        let service: Service = wire::read(&format!("service {name}"), &text)?;
        observe::rolls_out(&service)?;
        self.not_older(&service)?;
        let fresh = Fresh {
            source: &self.name,
            prefix: &prefix,
            host: &info.name,
            service: &service,
            spec: splice::spec_text(&text)?,
        };
        match wanted {
            Wanted::Run(artifact) => self.ship(&fresh, artifact, Vec::new()).await,
            Wanted::GoBack { id, artifact } => self.go_back(&fresh, id, artifact).await,
            Wanted::Restart => self.restart(&fresh).await,
        }
    }

    /// A manager that lags behind tells of a service as it was. Its version index only ever grows, so an answer with a
    /// lower one than was seen before is no evidence of anything.
    fn not_older(&self, service: &Service) -> Result<(), Fault> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let (index, known) = (service.version.index, newest.entry(service.id.clone()).or_default());
        if index < *known {
            let name = service.spec.name();
            return Err(Fault::new(
                Cause::Malformed,
                format!(
                    "the engine answers with an old state of {name}: version index {index} after {known}"
                ),
            )
            .with_hint(
                "ask another manager of the swarm; after a restored backup, start the cockpit again",
            ));
        }
        *known = index;
        Ok(())
    }

    fn unit(&self, intent: &Intent) -> Result<&Unit, Fault> {
        let place = intent.place.as_ref();
        self.bounds.iter().find(|w| Some(&w.place) == place).map(|w| &w.unit).ok_or_else(|| {
            let place = place.map_or_else(|| intent.service.to_string(), Place::to_string);
            Fault::new(Cause::Local, format!("{place} is not deployed by source {}", self.name))
        })
    }

    /// An update to one image, pinned to the digest that the registry tells or that is already known.
    async fn ship(
        &self,
        fresh: &Fresh<'_>,
        wanted: &Artifact,
        mut hazards: Vec<Hazard>,
    ) -> Result<Prepared, Fault> {
        let patience = match wanted.digest {
            Some(_) => Patience::Brief,
            None => Patience::Full,
        };
        let asked = if Artifact::from_reference(wanted.image.as_str()).version.is_some() {
            wanted.image.to_string()
        } else {
            wanted.reference()
        };
        let tag = self.distribution(fresh.prefix, &asked, patience).await?;
        let digest = match (&tag, &wanted.digest) {
            (Found::At(now), Some(digest)) if now != digest => Some(digest),
            (Found::Gone(_), Some(digest)) => Some(digest),
            _ => None,
        };
        let pinned = match digest {
            Some(digest) => {
                let reference = format!("{}@{digest}", wanted.repository());
                Some(self.distribution(fresh.prefix, &reference, patience).await?)
            }
            None => None,
        };
        let part = match (&tag, &wanted.digest) {
            (Found::At(now), Some(digest)) if now != digest => {
                let asking = self.registry.belongs(&asked, now, digest);
                Some(patience.wait(asking).await.unwrap_or_else(|| Belongs::Untold(late())))
            }
            _ => None,
        };
        let (to, found) = act::resolve(wanted, &tag, pinned.as_ref(), part.as_ref())?;
        hazards.extend(found);
        act::update(fresh, to, hazards)
    }

    /// What the registry holds, by the engine's word. One that wants a login of the engine is asked with ours, if there
    /// is one for it; the engine never gets it.
    async fn distribution(&self, prefix: &str, reference: &str, patience: Patience) -> Result<Found, Fault> {
        match self.engine.distribution(prefix, reference, patience).await? {
            Found::Locked(_) if self.registry.has_login(reference) => {
                let asking = self.registry.manifest(reference);
                let told = patience.wait(asking).await.unwrap_or_else(|| Manifest::Untold(late()));
                Ok(match told {
                    Manifest::Found(digest) => Found::At(digest),
                    Manifest::Missing => Found::Gone("the registry does not know it".into()),
                    Manifest::Locked(fault) | Manifest::Untold(fault) => {
                        Found::Untold(SafeText::new(&fault.to_string()))
                    }
                })
            }
            found => Ok(found),
        }
    }

    /// The same specification once more, which replaces every task.
    async fn restart(&self, fresh: &Fresh<'_>) -> Result<Prepared, Fault> {
        let runs = fresh.service.spec.image();
        let found = self.distribution(fresh.prefix, &runs.reference(), Patience::Brief).await?;
        act::restart(fresh, &found)
    }

    async fn go_back(&self, fresh: &Fresh<'_>, id: &SafeText, wanted: &Artifact) -> Result<Prepared, Fault> {
        let service = fresh.service;
        let named = wanted.image.is_empty();
        match &service.previous_spec {
            Some(previous) if id == observe::PREVIOUS && (named || previous.image().same_as(wanted)) => {
                let reference = previous.image().reference();
                let found = self.distribution(fresh.prefix, &reference, Patience::Brief).await?;
                Ok(act::roll_back(fresh, previous, &found))
            }
            None if named => Err(Fault::new(
                Cause::NotFound,
                format!("Swarm remembers no previous specification of {}", service.spec.name()),
            )
            .with_hint("promote the version that you want")),
            previous => {
                let holds = previous.as_ref().map_or_else(|| "nothing".to_owned(), |s| s.image().reference());
                let hazard = Hazard::new(
                    Severity::Warning,
                    format!(
                        "Swarm's previous specification holds {holds}: this goes back by image only, settings stay."
                    ),
                );
                self.ship(fresh, wanted, vec![hazard]).await
            }
        }
    }
}

/// What of an intent an engine can do.
enum Wanted<'a> {
    Run(&'a Artifact),
    Restart,
    GoBack { id: &'a SafeText, artifact: &'a Artifact },
}

impl<'a> Wanted<'a> {
    fn of(intent: &'a Intent, unit: &Unit) -> Result<Self, Fault> {
        match (intent.verb, &intent.target) {
            (Verb::Promote, Target::Artifact(artifact)) if artifact.image.is_empty() => {
                Err(Fault::new(Cause::Refused, "an engine ships images, and the version to ship names none")
                    .with_hint(
                        "set the environment's image, such as image = \"registry.test/shop:{version}\"",
                    ))
            }
            (Verb::Promote, Target::Artifact(artifact)) => Ok(Self::Run(artifact)),
            (Verb::RollBack, Target::Revision { id, artifact }) => Ok(Self::GoBack { id, artifact }),
            (Verb::Restart, _) => Ok(Self::Restart),
            (Verb::Pause | Verb::Resume, _) if matches!(unit, Unit::Containers(_)) => Err(Fault::new(
                Cause::Refused,
                "containers are replaced at once: there is no rollout that could be paused or resumed",
            )
            .with_hint("roll back, or promote a version that works")),
            (Verb::Pause | Verb::Resume, _) => Err(Fault::new(
                Cause::Refused,
                "Swarm has no way to pause or resume an update; it pauses only by itself, when replicas fail",
            )
            .with_hint("roll back, or promote a version that works")),
            (verb, _) => {
                Err(Fault::new(Cause::Refused, format!("a Docker Engine cannot {} anything", verb.word())))
            }
        }
    }
}

fn late() -> Fault {
    Fault::new(Cause::TimedOut, "the registry did not answer in time")
}

/// The service of this name or id.
fn named(name: &str, services: &BTreeMap<SafeText, engine::Listed>) -> Result<Service, Fault> {
    let listed = services.values().find(|s| s.name.is(name)).ok_or_else(|| {
        Fault::new(Cause::NotFound, format!("the swarm has no service '{name}'"))
            .with_hint("docker service ls shows what there is")
    })?;
    wire::read(&format!("service {name}"), listed.text.get())
}

/// How one service stands, from the tasks that are its own.
fn standing(service: &Service, tasks: &engine::Tasks, info: &Info) -> Result<Rollout, Fault> {
    if let Some(fault) = tasks.faults.get(&service.id) {
        return Err(fault.clone());
    }
    let own: Vec<Task> = tasks.all.iter().filter(|t| t.service == service.id).cloned().collect();
    observe::rollout(service, &own, &info.name)
}
