//! Flagger: a Deployment that a Canary leads, bound as `workload = "canary/NAME"`.
//!
//! A Canary is named, and not the Deployment that it leads, because the Deployment by itself tells nothing true: most
//! of the time Flagger has scaled it to zero, what runs is a copy that Flagger made and calls `NAME-primary`, and whether
//! a change of it went well is written in the Canary alone. People who run Flagger ask `kubectl get canary` for the same
//! reason. The Canary names its Deployment, so nothing else need be configured.
//!
//! What is asked for is the Deployment's image; what runs is told by the pods of both; what has the traffic is the
//! primary. A change is a change of the Deployment: Flagger does the rest. The primary and the Canary's status are
//! Flagger's own and are never written; where people are asked on the way, they answer at a load tester's [`doors`].
//!
//! Source: Flagger's documentation ("How it works", "Webhooks") and its scheduler.

mod act;
mod canary;
mod doors;
mod stand;

use std::sync::Arc;

use self::stand::Stand;
use super::link::Link;
use super::look::{self, Interest, Look};
use super::namespace::Namespace;
use super::species::Species;
use super::wire::chosen;
use super::{Binding, local};
use crate::domain::rollout::{Ajar, Door, Replicas, Running};
use crate::domain::{Cause, Fault, Phase, Rollout, SafeText};

pub(super) use self::act::prepare;
pub(super) use self::canary::Canary;
pub(super) use self::doors::LoadTester;

/// What Flagger calls the copy that has the traffic.
fn primary_of(deployment: &str) -> String {
    format!("{deployment}-primary")
}

/// Looks at one canary.
pub(super) async fn look(
    link: &Link,
    namespace: &Namespace,
    binding: &Binding,
    tester: Option<&LoadTester>,
    interest: Interest,
) -> Result<Look, Fault> {
    let canary = look::subject(link, namespace.fronts.canaries()?, binding, interest).await?;
    let name = canary.found.deployment()?;
    let leads = binding.behind(name);
    let (target, doors) = tokio::join!(
        look::workload(link, namespace, &leads, interest),
        doors::look(tester, &canary.found, &binding.namespace)
    );
    let target = target?;
    let found = look::known(namespace, Species::Deployment, name)
        .ok_or_else(|| local(format!("deployment/{name} is gone")))?;
    let mut serves = binding.behind(&primary_of(name));
    let index = chosen(&found.containers, binding.container.as_deref(), name)?;
    serves.container = found.containers.get(index).map(|c| c.name.clone());
    let primary = match look::workload(link, namespace, &serves, interest).await {
        Ok(look) => Some(look),
        Err(fault) if fault.cause == Cause::NotFound => None,
        Err(fault) => return Err(fault),
    };
    let copy = look::known(namespace, Species::Deployment, &serves.name).filter(|_| primary.is_some());
    let stand = Stand { canary: &canary.found, target: &found, primary: copy.as_deref(), doors: &doors };
    let date = [canary.date, target.date, primary.as_ref().and_then(|p| p.date)].into_iter().flatten().max();
    let remarks: Vec<SafeText> = canary.remark.into_iter().chain(remarks(&stand, tester)).collect();
    let primary = primary.map(|look| look.rollout);
    let target = Arc::unwrap_or_clone(target.rollout);
    let rollout = whole(&stand, &binding.namespace, target, primary.as_deref(), remarks);
    Ok(Look { rollout: Arc::new(rollout), date })
}

/// What an operator should know of the way.
fn remarks(stand: &Stand<'_>, tester: Option<&LoadTester>) -> Vec<SafeText> {
    let mut remarks = Vec::new();
    let canary = stand.canary;
    if canary.skips {
        remarks.push("Flagger promotes without an analysis: skipAnalysis, or none is described".into());
    }
    for Door { name, asked_by, state } in stand.doors {
        match state {
            Ajar::Open => remarks.push(SafeText::new(&format!(
                "the {name} is open, for every revision, until somebody closes it ({asked_by})"
            ))),
            Ajar::Closed => {}
            Ajar::Untold(why) => {
                remarks.push(SafeText::new(&format!("how the {name} stands is not known: {why}")));
            }
        }
    }
    remarks.extend(tester.and_then(LoadTester::objection).map(SafeText::new));
    let elsewhere = canary.hooks.iter().filter(|hook| hook.door.is_none());
    remarks.extend(elsewhere.map(|hook| {
        let (kind, whom) = (hook.kind.word(), &hook.whom);
        SafeText::new(&format!("{kind} asks {whom}, which is no gate of a load tester: it is answered there"))
    }));
    remarks
}

/// One rollout of the Deployment that is changed and the one that has the traffic.
fn whole(
    stand: &Stand<'_>,
    namespace: &str,
    target: Rollout,
    primary: Option<&Rollout>,
    more: Vec<SafeText>,
) -> Rollout {
    let phase = stand.phase();
    let name = &stand.canary.meta.name;
    let serving = primary.map(|p| p.target.clone());
    let rest = matches!(phase, Phase::Done | Phase::RolledBack | Phase::ScaledToZero);
    let mut asked = target.target;
    if let Some(same) = serving.as_ref().filter(|s| s.same_as(&asked)) {
        asked.digest = asked.digest.or_else(|| same.digest.clone());
    }
    let (mut running, mut replicas) = (Vec::new(), target.replicas);
    let (mut remarks, mut signs) = (more, target.signs);
    if let Some(primary) = primary {
        running.clone_from(&primary.running);
        replicas = Replicas {
            updated: if rest { primary.replicas.updated } else { target.replicas.available },
            total: primary.replicas.total.saturating_add(target.replicas.total),
            restarts: primary.replicas.restarts.saturating_add(target.replicas.restarts),
            ..primary.replicas
        };
        remarks.extend(primary.remarks.iter().cloned());
        signs.extend(primary.signs.iter().map(|sign| SafeText::new(&format!("primary: {sign}"))));
    }
    // Of as many replicas on both sides, what has the traffic comes first.
    for Running { artifact, ready } in target.running {
        match running.iter_mut().find(|r| r.artifact == artifact) {
            Some(same) => same.ready = same.ready.saturating_add(ready),
            None => running.push(Running { artifact, ready }),
        }
    }
    running.sort_by_key(|r| std::cmp::Reverse(r.ready));
    for remark in target.remarks {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    Rollout {
        workload: SafeText::new(&format!("canary/{name} in namespace {namespace}")),
        host: target.host,
        steps: Some(stand.steps(&phase, serving)),
        phase,
        replicas,
        target: asked,
        running,
        revisions: target.revisions,
        began: target.began,
        took: None,
        patience: None,
        restart: None,
        signs,
        owner: target.owner,
        remarks,
    }
}
