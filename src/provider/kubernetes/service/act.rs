//! The switch of a Service: one value in its selector, guarded by the uid and the whole selector that were shown.
//!
//! Knows a fresh look at the Service and at the Deployments behind it. That what is switched to is ready is no part of
//! the Service, so no server checks it: it is looked at right before.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::act::{SWITCH, test};
use super::super::look;
use super::super::prepare::{self, JSON_PATCH};
use super::super::rollout::phase;
use super::super::species::Resource;
use super::super::wire::Watched as _;
use super::super::workload::Workload;
use super::super::{Binding, MANAGER, Open, author, owner};
use super::colours::Colours;
use super::objects::Service;
use crate::domain::rollout::LEAST_REPLICAS;
use crate::domain::{
    Artifact, Basis, Cause, Difference, Fault, Guard, Hazard, Intent, Permission, Phase, Prepared, Promise,
    SafeText, Severity, SourceName, Step, Target, Verb,
};

/// Endpoints follow a selector within seconds.
const FOLLOW: Duration = Duration::from_secs(60);

/// Looks afresh and works out the request for an intent.
pub(in super::super) async fn prepare(
    open: &Open,
    binding: &Binding,
    switch: Option<&str>,
    source: &SourceName,
    intent: &Intent,
) -> Result<Prepared, Fault> {
    let link = &open.link;
    let raw = look::named(link, Resource::Services, binding).await?.json()?;
    let service = Service::cut(&raw, Resource::Services)?;
    let deployments = look::deployments_afresh(link, &binding.namespace).await?;
    let colours = Colours::of(&service, switch, &deployments)?;
    let to = chosen(open, binding, &colours, intent)?;
    let from = colours.serving().and_then(|serving| artifact(open, binding, serving));
    let mut hazards = hazards(&service, binding, &colours, &to, from.as_ref());
    let mut permission = prepare::may_patch_beside(link, binding, Resource::Services, &binding.name).await;
    if let Some(objection) = link.trust.objection() {
        permission = Permission::Denied(SafeText::new(objection));
        hazards.push(Hazard::new(Severity::Blocking, objection));
    }
    hazards.sort_by_key(|h| std::cmp::Reverse(h.severity));
    let effect = format!(
        "switches service {} from {}={} to {} ({})",
        service.meta.name,
        colours.switch,
        colours.live,
        to.value,
        to.artifact.label()
    );
    let what = format!("{} {}", intent.verb.word(), to.artifact.label());
    let mut operations = operations(&raw, &service, &colours, &to.value);
    author::sign(&raw, &mut operations, &what, open.identity.as_ref());
    let step = Step {
        source: source.clone(),
        method: "PATCH".to_owned(),
        path: format!(
            "{}/{}?fieldManager={MANAGER}",
            Resource::Services.path(&binding.namespace),
            binding.name
        ),
        content_type: Some(JSON_PATCH.to_owned()),
        body: Some(Value::Array(operations).to_string()),
        effect: SafeText::new(&effect),
    };
    let guard = Guard::Server("JSON-Patch test of uid and the whole selector".into());
    Ok(Prepared {
        basis: basis(&link.place(), binding, &service, &colours, &to),
        steps: vec![step],
        from,
        differences: vec![Difference {
            what: SafeText::new(&format!("spec.selector {}", colours.switch)),
            old: SafeText::new(&colours.live),
            new: SafeText::new(&to.value),
        }],
        hazards,
        permission,
        way_back: Some(SafeText::new(&format!("switch back to {}={}", colours.switch, colours.live))),
        identity: open.identity.clone(),
        to: Some(to.artifact.clone()),
        ..Prepared::of(guard, Promise::Runs { artifact: to.artifact }, SWITCH.max(FOLLOW))
    })
}

/// What is switched to.
struct To<'a> {
    value: String,
    deployment: &'a Workload,
    artifact: Artifact,
}

/// What a Deployment runs.
fn artifact(open: &Open, binding: &Binding, deployment: &Workload) -> Option<Artifact> {
    let wanted = binding.container.as_deref();
    let index = super::super::wire::chosen(&deployment.containers, wanted, &deployment.meta.name).ok()?;
    let container = deployment.containers.get(index)?;
    Some(match open.namespaces.get(&binding.namespace) {
        Some(namespace) => look::asked(namespace, deployment, &container.name),
        None => Artifact::from_reference(&container.image),
    })
}

fn refused(text: &str) -> Fault {
    Fault::new(Cause::Refused, text)
}

/// The one of the others that an intent means.
fn chosen<'a>(
    open: &Open,
    binding: &Binding,
    colours: &'a Colours,
    intent: &Intent,
) -> Result<To<'a>, Fault> {
    let others = colours.beside().filter_map(|(value, deployment)| {
        let artifact = artifact(open, binding, deployment)?;
        Some(To { value: value.clone(), deployment, artifact })
    });
    let mut others: Vec<To<'a>> = others.collect();
    let told = others
        .iter()
        .map(|to| format!("{}={} runs {}", colours.switch, to.value, to.artifact.label()))
        .collect::<Vec<_>>()
        .join(", ");
    let at = match (intent.verb, &intent.target) {
        (Verb::Promote, Target::Artifact(wanted)) => {
            let all: Vec<usize> = others
                .iter()
                .enumerate()
                .filter(|(_, o)| o.artifact.same_as(wanted))
                .map(|(i, _)| i)
                .collect();
            match all.as_slice() {
                [one] => Some(*one),
                [] => None,
                _ => {
                    return Err(refused(&format!(
                        "{} runs more than once beside it: which is meant cannot be told",
                        wanted.label()
                    )));
                }
            }
        }
        (Verb::RollBack, Target::Revision { id, artifact }) => {
            let at = others.iter().position(|other| other.value == id.as_str());
            if let Some(other) = at.and_then(|at| others.get(at)).filter(|o| !o.artifact.same_as(artifact)) {
                return Err(Fault::new(
                    Cause::Moved,
                    format!(
                        "{}={id} runs {}, not {} as chosen",
                        colours.switch,
                        other.artifact.label(),
                        artifact.label()
                    ),
                ));
            }
            at
        }
        (verb, _) => return Err(refused(&format!("a service cannot do this: {}", verb.word()))),
    };
    match at {
        Some(at) => Ok(others.swap_remove(at)),
        None if others.is_empty() => Err(refused("nothing stands beside it to switch to")),
        None => Err(refused(&format!("what is wanted does not stand beside it: {told}"))
            .with_hint("deploy it there first; a switch starts no pods")),
    }
}

fn operations(raw: &Value, service: &Service, colours: &Colours, to: &str) -> Vec<Value> {
    let key = colours.switch.replace('~', "~0").replace('/', "~1");
    let selector = raw.pointer("/spec/selector").cloned().unwrap_or_default();
    vec![
        test("/metadata/uid", json!(service.meta.uid)),
        test("/spec/selector", selector),
        json!({"op": "replace", "path": format!("/spec/selector/{key}"), "value": to}),
    ]
}

fn basis(
    cluster: &SafeText,
    binding: &Binding,
    service: &Service,
    colours: &Colours,
    to: &To<'_>,
) -> Vec<Basis> {
    let selector = service.selector.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
    let serving = colours.serving().map_or(0, |serving| serving.replicas);
    let there = to.deployment;
    vec![
        Basis::new("cluster", cluster),
        Basis::new("namespace", &binding.namespace),
        Basis::new("uid", &service.meta.uid),
        Basis::new("selector", selector),
        Basis::new("deployment uid", &there.meta.uid),
        Basis::new("deployment generation", there.meta.generation.unwrap_or_default().to_string()),
        Basis::new("deployment template", &there.template),
        Basis::new("digest", to.artifact.digest.as_ref().map_or("not proved", SafeText::as_str)),
        // As many as serve now, unless what takes over was made smaller on purpose: then a warning says so.
        Basis::new(LEAST_REPLICAS, serving.min(there.replicas).to_string()),
    ]
}

/// What could go wrong with a switch.
fn hazards(
    service: &Service,
    binding: &Binding,
    colours: &Colours,
    to: &To<'_>,
    from: Option<&Artifact>,
) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let mut warn = |severity, text: String| hazards.push(Hazard::new(severity, text));
    let named = to.deployment.named();
    match phase(to.deployment) {
        Phase::Done => {}
        Phase::ScaledToZero => {
            warn(Severity::Blocking, format!("{named} is scaled to zero: nobody would answer"));
        }
        Phase::Progressing(what) => {
            warn(Severity::Blocking, format!("{named} is not whole: {what}"));
        }
        Phase::Failed(why) => warn(Severity::Blocking, format!("{named} failed: {why}")),
        Phase::Paused(why) => warn(Severity::Blocking, format!("{named} is held: {why}")),
        Phase::RollingBack(what) => warn(Severity::Blocking, format!("{named} goes back: {what}")),
        Phase::RolledBack => {}
    }
    let ready = to.deployment.status.ready_replicas;
    if ready < to.deployment.replicas {
        let asked = to.deployment.replicas;
        warn(Severity::Blocking, format!("{named} is not ready: {ready} of {asked} pods"));
    }
    if let Some(serving) = colours.serving().filter(|s| s.replicas > to.deployment.replicas) {
        warn(
            Severity::Warning,
            format!(
                "{named} has {} replicas, and {} has {}: it gets the same traffic",
                to.deployment.replicas,
                serving.named(),
                serving.replicas
            ),
        );
    }
    if from.is_some_and(|from| from.same_as(&to.artifact)) {
        warn(
            Severity::Blocking,
            format!("{} is what has the traffic already: only the pods would be others", to.artifact.label()),
        );
    }
    if let Some(owner) = owner::of_service(&service.meta, &binding.namespace) {
        warn(Severity::Warning, format!("{} ({}) {}", owner.tool, owner.name, owner.consequence));
    }
    hazards
}
