//! Workloads of Kubernetes: what they run, how their rollout stands, and how they are changed. Deployments,
//! StatefulSets, DaemonSets, and the Rollouts of Argo Rollouts.
//!
//! The only folder that knows the Kubernetes client. It watches the configured namespaces, one by one or all at once
//! with the rest of the cluster, and answers a look from what the watches brought; where watching is not permitted it
//! asks for the workload by name. Writes
//! are JSON Patches whose first operations test the uid, the generation and the image that the plan rests on.
//!
//! It knows nothing of other providers, the screen or the polling cadence.
//!
//! Source of the behaviour: the Kubernetes API reference (apps/v1, "API concepts"), and kubectl's
//! `rollout status|history|undo|pause|resume`.

mod act;
mod analysis;
mod argo;
mod author;
mod autoscaler;
mod binding;
mod config;
mod connect;
mod contexts;
mod enforcement;
mod examine;
mod fault;
#[cfg(test)]
mod fixture;
mod flagger;
mod flux;
mod front;
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod hazard;
mod history;
mod labels;
mod link;
mod look;
mod mask;
mod namespace;
mod owner;
mod plugin;
mod pods;
mod prepare;
mod reach;
mod remembered;
mod rollout;
mod service;
mod shelf;
mod species;
mod steer;
mod template;
mod told;
mod watch;
mod wire;
mod workload;

pub use contexts::{Context, contexts};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use self::binding::{Binding, binding, is_name};
use self::connect::{Asked, Pin};
use self::flagger::LoadTester;
use self::flux::Owned;
use self::front::Front;
use self::link::Link;
use self::look::{Interest, Look};
use self::namespace::Namespace;
use self::reach::{Reach, Watches, Wide};
use self::shelf::Wanted;
use super::examine::Finding;
use super::platform::Platforms;
use super::registry::{self, Registry};
use super::stock::Stocks;
use super::{Cadence, Key, KeyType, Kind, Provider, SourceSpec};
use crate::domain::{
    Ask, Cause, Fault, Intent, Observation, Place, Prepared, Receipt, Role, SafeText, SourceName, Step,
    Target, Value,
};

/// The field manager under which the cluster records our writes.
const MANAGER: &str = "gonogo";
/// How long one request may take unless configured otherwise.
const PATIENCE: Duration = Duration::from_secs(10);
/// Changes that come within this time ring once.
const DEBOUNCE: Duration = Duration::from_millis(15);

/// The registry's line.
pub const KIND: Kind = Kind {
    name: "kubernetes",
    doc: "A Kubernetes cluster: Deployments, StatefulSets, DaemonSets and Argo Rollouts, with their revisions",
    keys: &[
        Key::optional(
            "kubeconfig",
            KeyType::Path,
            "The kubeconfig file. Default: $KUBECONFIG, else ~/.kube/config, else the pod's service account.",
        ),
        Key::optional(
            "context",
            KeyType::Text,
            "The kubeconfig's context. Default: its current context when the program starts; later changes of it have \
             no effect.",
        ),
        Key::optional(
            "exec",
            KeyType::List,
            "Absolute paths of the credential plugins that may be run. Without it the plugin that the kubeconfig names \
             is run, unless by a relative path; with an empty list none is.",
        ),
        Key::optional(
            "timeout",
            KeyType::Number,
            "How long one request may take, in seconds, 1 to 60. Default: 10.",
        ),
        Key::optional(
            "watch",
            KeyType::Text,
            "How far a watch reaches: \"cluster\" (one for each kind), \"namespace\" (one for each kind and namespace) or \
             \"auto\", the default: the cluster when more than four namespaces are configured.",
        ),
        registry::HOST_KEY,
        registry::USER_KEY,
        registry::PASSWORD_KEY,
        registry::REALM_KEY,
    ],
    roles: &[
        (
            Role::Deploy,
            &[
                Key::required("namespace", KeyType::Text, "The namespace of the workload."),
                Key::required(
                    "workload",
                    KeyType::Text,
                    "What runs the service: \"deployment/NAME\", \"rollout/NAME\" (Argo Rollouts), \"canary/NAME\" \
                     (Flagger), \"service/NAME\" (blue/green by its selector), \"statefulset/NAME\" or \"daemonset/NAME\".",
                ),
                Key::optional(
                    "container",
                    KeyType::Text,
                    "The container that is released. Default: the only one, or the one that is called like the workload.",
                ),
                Key::optional(
                    "switch",
                    KeyType::Text,
                    "Of a service: the label of its selector that is switched. Default: the only one by which the \
                     Deployments behind it differ.",
                ),
                Key::optional(
                    "gates",
                    KeyType::Url,
                    "Of a canary: where Flagger's load tester is reached from here, to open and close the gates that its \
                     webhooks ask. Without it they are shown and cannot be decided.",
                ),
            ],
        ),
        (
            Role::Owner,
            &[
                Key::optional(
                    "kustomization",
                    KeyType::Text,
                    "The Kustomization of Flux that keeps it: \"NAMESPACE/NAME\". Either this or helmrelease.",
                ),
                Key::optional(
                    "helmrelease",
                    KeyType::Text,
                    "The HelmRelease of Flux that keeps it: \"NAMESPACE/NAME\". Either this or kustomization.",
                ),
            ],
        ),
    ],
    cadence: Cadence { active: Duration::from_secs(5), idle: Duration::from_secs(10) },
    enforcement: enforcement::FACTS,
    build,
};

/// What an intent is about.
enum About<'a> {
    Workload(&'a Binding),
    Owner(&'a Owned),
}

/// One cluster.
struct Kubernetes {
    source: SourceName,
    asked: Asked,
    reach: Reach,
    bindings: Vec<Binding>,
    owned: Vec<Owned>,
    stocks: Stocks,
    platforms: Platforms,
    registry: Registry,
    session: Mutex<Session>,
    wake: Arc<Notify>,
}

/// What lasts between looks.
#[derive(Default)]
struct Session {
    pin: Option<Pin>,
    open: Option<Arc<Open>>,
}

/// A connection with its watches. Dropping it ends them.
struct Open {
    link: Link,
    identity: Option<SafeText>,
    registry: Registry,
    namespaces: BTreeMap<String, Namespace>,
    flux: flux::Watches,
    wides: Vec<Arc<Wide>>,
    turns: tokio::sync::watch::Sender<u64>,
    _tasks: JoinSet<()>,
}

fn build(spec: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    let of = |role: Role| spec.bounds.iter().filter(move |bound| bound.role == role);
    let bindings = of(Role::Deploy).map(|bound| binding(bound, &spec.env)).collect::<Result<Vec<_>, _>>()?;
    let owned = of(Role::Owner).map(Owned::of).collect::<Result<Vec<_>, _>>()?;
    let exec = match spec.settings.0.get("exec") {
        Some(Value::List(list)) => Some(list.iter().map(PathBuf::from).collect::<Vec<_>>()),
        _ => None,
    };
    if let Some(relative) = exec.iter().flatten().find(|p| p.is_relative()) {
        return Err(local(format!("exec: {} is not an absolute path", relative.display())));
    }
    let patience = match spec.settings.number("timeout") {
        None => PATIENCE,
        Some(s) if (1.0..=60.0).contains(&s) => Duration::from_secs_f64(s),
        Some(_) => return Err(local("timeout: must be between 1 and 60 seconds")),
    };
    let registry = Registry::of(&spec)?;
    Ok(Arc::new(Kubernetes {
        source: spec.name,
        reach: Reach::of(spec.settings.text("watch"))?,
        stocks: Stocks::new(registry.clone()),
        platforms: Platforms::new(registry.clone()),
        registry,
        asked: Asked {
            kubeconfig: spec.settings.text("kubeconfig").map(PathBuf::from),
            context: spec.settings.text("context").map(str::to_owned),
            exec,
            patience,
            env: spec.env,
        },
        bindings,
        owned,
        session: Mutex::default(),
        wake: Arc::new(Notify::new()),
    }))
}

fn local(text: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, text)
}

impl Kubernetes {
    /// The open connection, made now if there is none.
    async fn open(&self) -> Result<Arc<Open>, Fault> {
        let mut session = self.session.lock().await;
        if let Some(open) = session.open.as_ref().filter(|open| !open.link.is_over()) {
            return Ok(Arc::clone(open));
        }
        let (link, pin) = connect::connect(&self.asked, session.pin.as_ref()).await?;
        session.pin = Some(pin);
        let identity = look::identity(&link).await?;
        let open = Arc::new(self.watches(link, identity));
        session.open = Some(Arc::clone(&open));
        Ok(open)
    }

    /// Starts the watches of every namespace that is configured.
    fn watches(&self, link: Link, identity: Option<SafeText>) -> Open {
        let (turns, mut turned) = tokio::sync::watch::channel(0_u64);
        let mut tasks = JoinSet::new();
        let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
        for binding in &self.bindings {
            let wanted = wanted.entry(binding.namespace.clone()).or_default();
            wanted.add(binding.species, &binding.name);
            wanted.stands_in_front(binding.front.resources());
        }
        let wanted = wanted.into_iter().map(|(name, wanted)| (name, Arc::new(wanted))).collect();
        let flux = flux::Watches::start(&self.owned, &link, &turns, &mut tasks);
        let mut watches = Watches {
            link: &link,
            turns: &turns,
            tasks: &mut tasks,
            reach: self.reach,
            again: reach::AGAIN,
            wanted: &wanted,
            wides: Vec::new(),
        };
        let namespaces = namespace::start(&mut watches);
        let wides = watches.wides;
        let wake = Arc::clone(&self.wake);
        tasks.spawn(async move {
            while turned.changed().await.is_ok() {
                wake.notify_one();
                tokio::time::sleep(DEBOUNCE).await;
            }
        });
        let registry = self.registry.clone();
        Open { link, identity, registry, namespaces, flux, wides, turns, _tasks: tasks }
    }

    /// After a refused credential the kubeconfig is read afresh at the next look.
    async fn forget(&self, open: &Arc<Open>) {
        let mut session = self.session.lock().await;
        if session.open.as_ref().is_some_and(|now| Arc::ptr_eq(now, open)) {
            session.open = None;
        }
    }

    async fn look(&self, ask: &Ask) -> Result<Observation, Fault> {
        let open = self.open().await?;
        tokio::join!(
            namespace::settle(&open.namespaces, &open.turns, self.asked.patience),
            open.flux.settle(self.asked.patience)
        );
        let interest = |place: &Place| {
            if ask.acting.contains(&place.service) { Interest::Acting } else { Interest::Usual }
        };
        let link = &open.link.gated();
        let namespaces = &open.namespaces;
        let looks = look::at_once(self.bindings.iter().map(|binding| async move {
            let Some(namespace) = namespaces.get(&binding.namespace) else {
                return Err(local("the namespace is not watched"));
            };
            let interest = interest(&binding.place);
            match &binding.front {
                Front::Nothing => look::workload(link, namespace, binding, interest).await,
                Front::Canary(tester) => {
                    flagger::look(link, namespace, binding, tester.as_ref(), interest).await
                }
                Front::Service(switch) => {
                    service::look(link, namespace, binding, switch.as_deref(), interest).await
                }
            }
        }))
        .await;
        let asked: Vec<_> = self
            .owned
            .iter()
            .map(|owned| (owned, interest(&owned.place), self.marks(&open, &owned.place)))
            .collect();
        let owners = open.flux.look(&open.link, &asked).await;
        let mut observation = Observation { identity: open.identity.clone(), ..Observation::default() };
        let mut first = None;
        for (binding, look) in self.bindings.iter().zip(looks) {
            match look {
                Ok(Look { rollout, date }) => {
                    observation.server_time = observation.server_time.max(date);
                    observation.rollouts.insert(binding.place.clone(), rollout);
                }
                Err(fault) => {
                    first = first.or_else(|| Some(fault.clone()));
                    observation.faults.entry(binding.place.service.clone()).or_insert(fault);
                }
            }
        }
        for (owned, told) in self.owned.iter().zip(owners) {
            match told {
                Ok(application) => {
                    observation.applications.insert(owned.place.clone(), application);
                }
                Err(fault) => {
                    first = first.or_else(|| Some(fault.clone()));
                    observation.faults.entry(owned.place.service.clone()).or_insert(fault);
                }
            }
        }
        if let Some(reason) = open.link.trust.objection() {
            observation.remarks.push(SafeText::new(reason));
        }
        let Some(fault) = first else { return Ok(observation) };
        if fault.cause == Cause::Unauthorized {
            self.forget(&open).await;
        }
        let nothing = observation.rollouts.is_empty() && observation.applications.is_empty();
        if nothing && of_the_whole(fault.cause) { Err(fault) } else { Ok(observation) }
    }

    /// What the workload of a place says of itself, as far as the watches know.
    fn marks(&self, open: &Open, place: &Place) -> Option<wire::Meta> {
        let binding = self.bindings.iter().find(|binding| &binding.place == place)?;
        let workload = look::known(open.namespaces.get(&binding.namespace)?, binding.species, &binding.name)?;
        Some(workload.meta.clone())
    }

    /// The owner that an intent is about, if it is about one.
    fn owner(&self, intent: &Intent) -> Option<&Owned> {
        let about = matches!(intent.target, Target::Application | Target::Deployed { .. });
        self.owned.iter().find(|owned| about && Some(&owned.place) == intent.place.as_ref())
    }

    /// The load tester that a step is for, with the path there.
    fn load_tester(&self, step: &Step) -> Option<(&LoadTester, String)> {
        let testers = self.bindings.iter().filter_map(|binding| match &binding.front {
            Front::Canary(tester) => tester.as_ref(),
            Front::Nothing | Front::Service(_) => None,
        });
        let mut taken = testers.filter_map(|tester| Some((tester, tester.takes(&step.path)?)));
        taken.next().filter(|_| step.source == self.source)
    }

    fn bound(&self, intent: &Intent) -> Result<&Binding, Fault> {
        let place =
            intent.place.as_ref().ok_or_else(|| local("a deployment is changed in an environment"))?;
        self.bindings
            .iter()
            .find(|b| &b.place == place)
            .ok_or_else(|| local(format!("{place} is not run by {}", self.source)))
    }
}

/// Whether a fault of every service says something about the cluster, not about the services.
const fn of_the_whole(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::Unreachable
            | Cause::TimedOut
            | Cause::Tls
            | Cause::Unauthorized
            | Cause::RateLimited
            | Cause::ServerFailed
            | Cause::Redirected
            | Cause::Local
    )
}

impl Provider for Kubernetes {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        Box::pin(async move {
            let mut seen = self.look(ask).await?;
            self.platforms.complete(&mut seen).await;
            self.stocks.complete(ask, &mut seen).await;
            Ok(seen)
        })
    }

    fn examine(&self, now: Timestamp) -> BoxFuture<'_, Vec<Finding>> {
        let _ = now;
        Box::pin(self.examined())
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async move {
            let about = match self.owner(intent) {
                Some(owned) => About::Owner(owned),
                None => About::Workload(self.bound(intent)?),
            };
            let open = self.open().await?;
            let prepared = match about {
                About::Owner(owned) => flux::prepare(&open, owned, &self.source, intent).await,
                About::Workload(binding) => prepare::prepare(&open, binding, &self.source, intent).await,
            };
            if prepared.as_ref().is_err_and(|f| f.cause == Cause::Unauthorized) {
                self.forget(&open).await;
            }
            prepared
        })
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move {
            if let Some((tester, path)) = self.load_tester(step) {
                return tester.perform(step, path).await;
            }
            let open = self.open().await?;
            let sent = prepare::perform(&open.link, &self.source, step).await;
            if sent.as_ref().is_err_and(|f| f.cause == Cause::Unauthorized) {
                self.forget(&open).await;
            }
            sent.map(|sent| {
                namespace::learn(&open.namespaces, &sent.object);
                sent.receipt
            })
        })
    }

    fn wake(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.wake))
    }
}

#[cfg(test)]
mod reach_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watch_tests;
