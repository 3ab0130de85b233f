//! How a canary is changed: by its Deployment, as any other, and on its way by the load tester's doors.
//!
//! Knows a fresh look at a Canary and its Deployments. A door has no guard: it knows names and no revision. So what is
//! behind it is looked at right before it is opened, and what may slip through is said.

use std::time::Duration;

use super::super::link::Link;
use super::super::look;
use super::super::prepare::{self, Scale};
use super::super::species::{Resource, Species};
use super::super::template::template_hash;
use super::super::wire::Watched as _;
use super::super::workload::Workload;
use super::super::{Binding, Open};
use super::canary::Canary;
use super::doors::{self, Kind, LoadTester, Which};
use super::primary_of;
use super::stand::Stand;
use crate::domain::rollout::{Ajar, Door, LEAST_REPLICAS};
use crate::domain::{
    Artifact, Basis, Cause, Difference, Fault, Guard, Hazard, Intent, Permission, Phase, Prepared, Promise,
    SafeText, Severity, SourceName, Step, Verb,
};

/// Time for the last pods to settle, and for the status to be seen.
const SETTLE: Duration = Duration::from_secs(30);

/// A canary as a fresh look found it.
struct Fresh {
    canary: Canary,
    target: Workload,
    template: String,
    primary: Option<Workload>,
    doors: Vec<Door>,
}

impl Fresh {
    async fn look(link: &Link, binding: &Binding, tester: Option<&LoadTester>) -> Result<Self, Fault> {
        let raw = look::named(link, Resource::Canaries, binding).await?.json()?;
        let canary = Canary::cut(&raw, Resource::Canaries)?;
        let name = canary.deployment()?.to_owned();
        let deployment = Resource::Of(Species::Deployment);
        let (leads, serves) = (binding.behind(&name), binding.behind(&primary_of(&name)));
        let (target, primary, doors) = tokio::join!(
            look::named(link, deployment, &leads),
            look::named(link, deployment, &serves),
            doors::look(tester, &canary, &binding.namespace)
        );
        let raw = target?.json()?;
        let primary = match primary {
            Ok(answer) => Some(Workload::of(&answer.json()?, Species::Deployment)?),
            Err(fault) if fault.cause == Cause::NotFound => None,
            Err(fault) => return Err(fault),
        };
        let template = template_hash(raw.pointer("/spec/template"));
        Ok(Self { canary, target: Workload::of(&raw, Species::Deployment)?, template, primary, doors })
    }

    fn stand(&self) -> Stand<'_> {
        Stand {
            canary: &self.canary,
            target: &self.target,
            primary: self.primary.as_ref(),
            doors: &self.doors,
        }
    }

    /// Flagger looks at every interval: what it sees by then, it says by the next.
    fn soon(&self) -> Duration {
        self.canary.interval.saturating_mul(2).saturating_add(SETTLE)
    }

    /// What lies behind a door: the very revision, at the very place of its way.
    fn basis(&self, cluster: &SafeText, namespace: &str, image: &str) -> Vec<Basis> {
        let status = &self.canary.status;
        let doors = self.doors.iter().map(|door| {
            let word = match &door.state {
                Ajar::Open => "open",
                Ajar::Closed => "closed",
                Ajar::Untold(_) => "not told",
            };
            Basis::new(door.name.as_str(), word)
        });
        let mut basis = vec![
            Basis::new("cluster", cluster),
            Basis::new("namespace", namespace),
            Basis::new("canary uid", &self.canary.meta.uid),
            Basis::new("uid", &self.target.meta.uid),
            Basis::new("image", image),
            Basis::new("template", &self.template),
            Basis::new("phase", &status.phase),
            Basis::new("weight", status.canary_weight.to_string()),
            Basis::new("last applied", &status.last_applied_spec),
        ];
        basis.extend(doors);
        basis
    }
}

/// Looks afresh and works out the requests for an intent.
pub(in super::super) async fn prepare(
    open: &Open,
    binding: &Binding,
    tester: Option<&LoadTester>,
    source: &SourceName,
    intent: &Intent,
) -> Result<Prepared, Fault> {
    let fresh = Fresh::look(&open.link, binding, tester).await?;
    let handle = match intent.verb {
        Verb::Promote | Verb::RollBack => return change(open, binding, source, intent, &fresh).await,
        Verb::Resume => pass(&fresh)?,
        Verb::Abort => turn_back(&fresh)?,
        Verb::Pause => close(&fresh)?,
        Verb::PromoteFully => {
            return Err(refused("Flagger cannot be told to skip what is left of an analysis")
                .with_hint("spec.skipAnalysis of the Canary skips the whole of the next one"));
        }
        Verb::Retry => {
            return Err(refused("Flagger begins again only when the Deployment changes")
                .with_hint("promote another artifact, or kubectl rollout restart the Deployment"));
        }
        Verb::Restart => {
            let primary = format!("kubectl rollout restart deployment/{}-primary", binding.name);
            return Err(refused(
                "Flagger takes a restart of the Deployment for a new version and analyses it",
            )
            .with_hint(format!("{primary} restarts what serves")));
        }
        verb => return Err(refused(&format!("a canary cannot do this: {}", verb.word()))),
    };
    let tester = tester.ok_or_else(|| {
        refused("how the load tester that keeps the gate is reached is not configured")
            .with_hint("add gates = \"https://..\" to the binding")
    })?;
    if let Some(why) = fresh.canary.scattered() {
        return Err(refused(&why));
    }
    Ok(through(open, binding, tester, source, &fresh, handle))
}

fn refused(text: &str) -> Fault {
    Fault::new(Cause::Refused, text)
}

/// A change of the Deployment, with what Flagger makes of it.
async fn change(
    open: &Open,
    binding: &Binding,
    source: &SourceName,
    intent: &Intent,
    fresh: &Fresh,
) -> Result<Prepared, Fault> {
    let target = binding.behind(&fresh.target.meta.name);
    let least = fresh.primary.as_ref().map_or(1, |primary| primary.replicas);
    let mut prepared = prepare::workload(open, &target, source, intent, Scale::Flagger { least }).await?;
    let serving = serving(open, binding, fresh, &prepared);
    let to = prepared.to.clone().unwrap_or_default();
    let back = intent.verb == Verb::RollBack && serving.as_ref().is_some_and(|s| s.same_as(&to));
    prepared.promise = if back { Promise::Runs { artifact: to } } else { Promise::Begun { artifact: to } };
    let all = if back { fresh.canary.whole().saturating_mul(2) } else { fresh.soon() };
    prepared.deadline = all.saturating_add(fresh.canary.deadline);
    prepared.from = serving.or(prepared.from);
    prepared.basis.retain(|basis| basis.name.as_str() != LEAST_REPLICAS);
    prepared.basis.extend([
        Basis::new("canary uid", &fresh.canary.meta.uid),
        Basis::new("phase", &fresh.canary.status.phase),
        Basis::new("last promoted", &fresh.canary.status.last_promoted_spec),
        Basis::new(LEAST_REPLICAS, least.to_string()),
    ]);
    prepared.hazards.extend(hazards(fresh, intent.verb));
    prepared.hazards.sort_by_key(|h| std::cmp::Reverse(h.severity));
    Ok(prepared)
}

/// What the primary runs.
fn serving(open: &Open, binding: &Binding, fresh: &Fresh, prepared: &Prepared) -> Option<Artifact> {
    let primary = fresh.primary.as_ref()?;
    let namespace = open.namespaces.get(&binding.namespace)?;
    let named = binding.container.as_deref();
    let index = super::chosen(&fresh.target.containers, named, &fresh.target.meta.name).ok()?;
    let container = fresh.target.containers.get(index)?;
    let asked = look::asked(namespace, primary, &container.name);
    // What runs it may be known by its digest where the primary's pods are not seen.
    let known = prepared.from.as_ref().filter(|from| from.same_as(&asked) && asked.digest.is_none());
    Some(known.cloned().unwrap_or(asked))
}

/// What could go wrong with a change of what a canary leads.
fn hazards(fresh: &Fresh, verb: Verb) -> Vec<Hazard> {
    let canary = &fresh.canary;
    let stand = fresh.stand();
    let mut hazards = Vec::new();
    let mut warn = |severity, text: String| hazards.push(Hazard::new(severity, text));
    if canary.suspended {
        warn(
            Severity::Blocking,
            "the Canary is suspended (spec.suspend): Flagger would do nothing with a change".to_owned(),
        );
    }
    match canary.status.phase.as_str() {
        "" | "Initializing" => warn(
            Severity::Blocking,
            "Flagger has not made the primary yet: it would take the change without an analysis".to_owned(),
        ),
        "Progressing" | "WaitingPromotion" if verb == Verb::RollBack => warn(
            Severity::Warning,
            "an analysis is under way, and Flagger does not call a return to what is promoted a change: it goes on by its \
             steps with the old template, and once more after that; its rollback gate, if it has one, ends it at once"
                .to_owned(),
        ),
        "Progressing" | "WaitingPromotion" | "Promoting" | "Finalising" => warn(
            Severity::Warning,
            "an analysis is under way: what is sent now gets the share of the traffic that its predecessor has, until \
             Flagger notices and begins again"
                .to_owned(),
        ),
        _ => {}
    }
    if canary.skips && verb == Verb::Promote {
        warn(Severity::Warning, "Flagger promotes it without an analysis: all traffic at once".to_owned());
    }
    for door in stand.doors.iter().filter(|door| door.state == Ajar::Open) {
        let text = if door.name.as_str() == Which::Gate.word() {
            format!("the gate is open: this rollout passes {} without asking anybody", door.asked_by)
        } else {
            "the rollback gate is open: Flagger gives this rollout up as soon as its pods are ready"
                .to_owned()
        };
        warn(Severity::Warning, text);
    }
    hazards
}

/// What is done at a door.
struct Handle {
    doors: Vec<Which>,
    /// `open` or `close`.
    word: &'static str,
    effect: String,
    hazards: Vec<Hazard>,
    promise: Promise,
    way_back: &'static str,
}

/// Lets a canary that waits go on.
fn pass(fresh: &Fresh) -> Result<Handle, Fault> {
    let (stand, canary) = (fresh.stand(), &fresh.canary);
    if canary.suspended {
        return Err(refused("the Canary is suspended by spec.suspend, which no gate lets go on")
            .with_hint("set spec.suspend to false, in Git if that is where it comes from"));
    }
    let kind = stand.held_by().ok_or_else(|| refused("no gate holds this canary"))?;
    if let Some(other) = canary.asked(kind).find(|h| !matches!(h.door, Some((Which::Gate, _)))) {
        return Err(refused(&format!(
            "{} asks {}, which is no gate of a load tester",
            kind.word(),
            other.whom
        ))
        .with_hint("answer it there"));
    }
    let mut hazards = open_already(fresh, Which::Gate);
    let others = [Kind::Rollout, Kind::TrafficIncrease, Kind::Promotion].into_iter().filter(|k| *k != kind);
    let others: Vec<&str> = others
        .filter(|k| canary.asked(*k).any(|h| matches!(h.door, Some((Which::Gate, _)))))
        .map(Kind::word)
        .collect();
    let also = match others.as_slice() {
        [] => String::new(),
        others => format!("it answers {} as well, and ", others.join(" and ")),
    };
    hazards.push(Hazard::new(
        Severity::Warning,
        format!(
            "the gate stays open: {also}the next revision passes it unasked, until somebody closes it; close it as soon as \
             this one has gone on"
        ),
    ));
    Ok(Handle {
        doors: vec![Which::Gate],
        word: "open",
        effect: format!("opens the gate that {} waits for", kind.word()),
        hazards,
        promise: Promise::WentOn { step: stand.at() },
        way_back: "close the gate before Flagger looks again",
    })
}

/// Has a canary given up.
fn turn_back(fresh: &Fresh) -> Result<Handle, Fault> {
    let canary = &fresh.canary;
    match canary.status.phase.as_str() {
        "Progressing" | "WaitingPromotion" => {}
        "Waiting" => {
            return Err(refused("Flagger does not ask the rollback gate while it waits for confirm-rollout")
                .with_hint("roll the Deployment back: nothing of it runs yet"));
        }
        "Promoting" | "Finalising" => {
            return Err(refused("it is being promoted already: Flagger no longer asks the rollback gate")
                .with_hint("roll back when it is done"));
        }
        _ => return Err(refused("nothing rolls out: there is nothing to give up")),
    }
    if !canary.doors().contains(&Which::Rollback) {
        return Err(refused(
            "no webhook of type rollback asks a load tester: Flagger cannot be told to give up",
        )
        .with_hint("roll the Deployment back"));
    }
    let mut hazards = open_already(fresh, Which::Rollback);
    hazards.push(Hazard::new(
        Severity::Warning,
        "the rollback gate stays open: every later rollout is given up as well, until somebody closes it",
    ));
    hazards.push(Hazard::new(
        Severity::Note,
        "what failed stays what the Deployment asks for: roll it back, or revert it in Git, afterwards",
    ));
    Ok(Handle {
        doors: vec![Which::Rollback],
        word: "open",
        effect: "opens the rollback gate: Flagger gives the canary up, and the primary gets all traffic"
            .to_owned(),
        hazards,
        promise: Promise::Aborted,
        way_back: "promote it again",
    })
}

/// Closes what is open.
fn close(fresh: &Fresh) -> Result<Handle, Fault> {
    let canary = &fresh.canary;
    if canary.doors().is_empty() {
        return Err(refused("no webhook of this canary asks a gate: there is nothing to hold it at")
            .with_hint("spec.suspend of the Canary stops Flagger"));
    }
    let state = |which: &Which| doors::of(&fresh.doors, *which);
    let open: Vec<Which> = Which::ALL.into_iter().filter(|w| state(w) == Some(&Ajar::Open)).collect();
    let mut hazards = Vec::new();
    if open.is_empty() {
        hazards.push(Hazard::new(Severity::Blocking, "every gate is closed already"));
    }
    let words = open.iter().map(|which| which.word()).collect::<Vec<_>>().join(" and the ");
    Ok(Handle {
        doors: open,
        word: "close",
        effect: format!("closes the {words}: what comes to it is held"),
        hazards,
        promise: Promise::Shut,
        way_back: "open it again when a rollout waits",
    })
}

fn open_already(fresh: &Fresh, which: Which) -> Vec<Hazard> {
    let text = match doors::of(&fresh.doors, which) {
        Some(Ajar::Closed) => return Vec::new(),
        Some(Ajar::Untold(why)) => format!("how the {} stands is not known: {why}", which.word()),
        Some(Ajar::Open) | None => {
            format!("the {} is open already: Flagger acts on it at its next look", which.word())
        }
    };
    vec![Hazard::new(Severity::Blocking, text)]
}

/// The plan of what is done at a load tester's doors.
fn through(
    open: &Open,
    binding: &Binding,
    tester: &LoadTester,
    source: &SourceName,
    fresh: &Fresh,
    handle: Handle,
) -> Prepared {
    let cluster = open.link.place();
    let namespace = open.namespaces.get(&binding.namespace);
    let index =
        super::chosen(&fresh.target.containers, binding.container.as_deref(), &fresh.target.meta.name);
    let container = index.ok().and_then(|index| fresh.target.containers.get(index));
    let asked = namespace.zip(container).map(|(n, c)| look::asked(n, &fresh.target, &c.name));
    let image = container.map_or("", |c| c.image.as_str());
    let window = fresh.canary.interval.as_secs();
    let guard = Guard::LookAgain(SafeText::new(&format!(
        "a gate knows no revision: a change of deployment/{} between the last look and Flagger's next one, {window} s at \
         the most, passes it unseen",
        fresh.target.meta.name
    )));
    let mut hazards = handle.hazards;
    hazards.extend(tester.objection().map(|why| Hazard::new(Severity::Blocking, why)));
    hazards.sort_by_key(|h| std::cmp::Reverse(h.severity));
    let steps = handle.doors.iter().map(|which| Step {
        source: source.clone(),
        method: "POST".to_owned(),
        path: tester.handle(*which, handle.word),
        content_type: Some("application/json".to_owned()),
        body: Some(doors::key(&fresh.canary, &binding.namespace)),
        effect: SafeText::new(&handle.effect),
    });
    let state = |word: &str| SafeText::new(if word == "open" { "closed" } else { "open" });
    let differences = handle.doors.iter().map(|which| Difference {
        what: which.word().into(),
        old: state(handle.word),
        new: SafeText::new(if handle.word == "open" { "open" } else { "closed" }),
    });
    let deadline = match handle.promise {
        // Its pods go before it says so.
        Promise::Aborted => fresh.soon().saturating_add(SETTLE),
        Promise::Shut => SETTLE.saturating_mul(2),
        _ => fresh.soon().saturating_add(rest(fresh)),
    };
    Prepared {
        basis: fresh.basis(&cluster, &binding.namespace, image),
        steps: steps.collect(),
        from: asked.clone(),
        to: asked,
        differences: differences.collect(),
        hazards,
        permission: Permission::Untold,
        way_back: Some(handle.way_back.into()),
        identity: open.identity.clone(),
        ..Prepared::of(guard, handle.promise, deadline)
    }
}

/// How long the first pods may take, where it has not begun.
fn rest(fresh: &Fresh) -> Duration {
    match fresh.stand().phase() {
        Phase::Paused(_) if fresh.canary.status.phase == "Waiting" => fresh.canary.deadline,
        _ => Duration::ZERO,
    }
}
