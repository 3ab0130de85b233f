//! How an owner is held and let go: one JSON Patch of `spec.suspend`, guarded by tests of what was shown.
//!
//! Flux's own tool sets the field and takes it away again; so does this.

use serde_json::{Value, json};

use super::super::act::{SWITCH, test};
use super::super::author;
use super::super::look::Interest;
use super::super::prepare::{JSON_PATCH, may_patch};
use super::super::{MANAGER, Open};
use super::look::missing;
use super::state::{self, commit, may_go_on, said, under_way};
use super::wire::{Keeper, Source};
use super::{Kind, Owned};
use crate::domain::{
    Basis, Cause, Difference, Fault, Guard, Hazard, Intent, Permission, Prepared, Promise, SafeText,
    Severity, SourceName, Step, Target, Verb,
};

/// What is done to an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    Hold,
    Release,
}

/// Looks afresh and works out the request.
///
/// # Errors
/// When the intent is none that Flux knows, or the owner cannot be read.
pub(in super::super) async fn prepare(
    open: &Open,
    owned: &Owned,
    source: &SourceName,
    intent: &Intent,
) -> Result<Prepared, Fault> {
    let switch = switch(intent, owned)?;
    let link = &open.link;
    let object = link.get(&owned.path()).await.and_then(|answer| answer.json());
    let object = object.map_err(|fault| missing(fault, owned.kind, &owned.namespace, &owned.name))?;
    let keeper = Keeper::of(&object, owned.kind)?;
    let generation = keeper.meta.generation.ok_or_else(|| {
        Fault::new(
            Cause::Malformed,
            format!("{} has no generation: nothing could guard a change", owned.named()),
        )
    })?;
    let origin = match &keeper.source {
        Some(reference) if owned.kind == Kind::Kustomization && switch == Switch::Release => {
            Some(open.flux.source(link, reference, Interest::Acting).await)
        }
        _ => None,
    };
    let mut hazards = hazards(owned, &keeper, switch, origin.as_ref());
    let mut permission = may_patch(link, &attributes(owned), &owned.named()).await;
    if let Some(objection) = link.trust.objection() {
        permission = Permission::Denied(SafeText::new(objection));
        hazards.push(Hazard::new(Severity::Blocking, objection));
    }
    hazards.sort_by_key(|hazard| std::cmp::Reverse(hazard.severity));
    let mut operations =
        vec![test("/metadata/uid", json!(keeper.meta.uid)), test("/metadata/generation", json!(generation))];
    operations.push(match switch {
        Switch::Hold => json!({"op": "add", "path": "/spec/suspend", "value": true}),
        Switch::Release => json!({"op": "remove", "path": "/spec/suspend"}),
    });
    author::sign(&object, &mut operations, intent.verb.word(), open.identity.as_ref());
    let (old, new) = match switch {
        Switch::Hold => ("false", "true"),
        Switch::Release => ("true", "false"),
    };
    Ok(Prepared {
        basis: basis(&link.place(), owned, &keeper, generation, origin.as_ref()),
        steps: vec![step(owned, source, switch, operations)],
        from: None,
        to: None,
        differences: vec![Difference {
            what: SafeText::new("spec.suspend"),
            old: SafeText::new(old),
            new: SafeText::new(new),
        }],
        hazards,
        permission,
        guard: Guard::Server("JSON-Patch test of uid and generation".into()),
        promise: if switch == Switch::Hold { Promise::Held } else { Promise::Released },
        deadline: SWITCH.saturating_add(may_go_on(&keeper)),
        way_back: Some(match switch {
            Switch::Hold => "release it".into(),
            Switch::Release => "hold it again: what was applied by then stays".into(),
        }),
        identity: open.identity.clone(),
        people: None,
        form: Vec::new(),
    })
}

/// The patch as it is sent.
fn step(owned: &Owned, source: &SourceName, switch: Switch, operations: Vec<Value>) -> Step {
    let does = if switch == Switch::Hold { "suspends" } else { "lets go of" };
    Step {
        source: source.clone(),
        method: "PATCH".to_owned(),
        path: format!("{}?fieldManager={MANAGER}", owned.path()),
        content_type: Some(JSON_PATCH.to_owned()),
        body: Some(Value::Array(operations).to_string()),
        effect: SafeText::new(&format!("{does} {}", owned.named())),
    }
}

fn switch(intent: &Intent, owned: &Owned) -> Result<Switch, Fault> {
    match (intent.verb, &intent.target) {
        (Verb::Hold, Target::Application) => Ok(Switch::Hold),
        (Verb::Release, Target::Application) => Ok(Switch::Release),
        (Verb::RollBack, _) => Err(Fault::new(
            Cause::Refused,
            format!("Flux keeps no revision that it could go back to: {} follows its source", owned.named()),
        )
        .with_hint("revert the change in Git, or hold it and roll back directly")),
        (verb, _) => Err(Fault::new(Cause::Refused, format!("Flux cannot do this: {}", verb.word()))),
    }
}

fn attributes(owned: &Owned) -> Value {
    json!({
        "namespace": owned.namespace, "verb": "patch", "group": owned.kind.group(),
        "resource": owned.kind.plural(), "name": owned.name
    })
}

type Seen<'a> = Option<&'a Result<std::sync::Arc<Source>, String>>;

fn basis(
    cluster: &SafeText,
    owned: &Owned,
    keeper: &Keeper,
    generation: u64,
    origin: Seen<'_>,
) -> Vec<Basis> {
    let mut basis = vec![
        Basis::new("cluster", cluster),
        Basis::new("owner", owned.named()),
        Basis::new("uid", &keeper.meta.uid),
        Basis::new("generation", generation.to_string()),
        Basis::new("suspended", if keeper.suspended { "yes" } else { "no" }),
    ];
    // Letting go applies at once what the source has: that must be what was shown.
    if let Some(Ok(source)) = origin {
        basis.push(Basis::new("revision of the source", source.revision()));
    }
    basis
}

fn hazards(owned: &Owned, keeper: &Keeper, switch: Switch, origin: Seen<'_>) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let mut warn = |severity: Severity, text: String| hazards.push(Hazard::new(severity, text));
    let named = owned.named();
    match switch {
        Switch::Hold if keeper.suspended => {
            warn(Severity::Blocking, format!("{named} is suspended already"));
        }
        Switch::Release if !keeper.suspended => {
            warn(Severity::Blocking, format!("{named} is not suspended: there is nothing to let go"));
        }
        Switch::Hold => {
            if let Some(going) = under_way(keeper) {
                let text =
                    format!("what has begun goes on to its end, and applies until then: {}", said(going));
                warn(Severity::Warning, text);
            }
        }
        Switch::Release => warn(Severity::Warning, applies(keeper, origin)),
    }
    if let Some(many) = keeper.keeps.filter(|many| *many > 1) {
        let text = match switch {
            Switch::Hold => format!("it keeps {many} objects: none of them follows Git until it is released"),
            Switch::Release => format!("it keeps {many} objects: all of them are put back to what Git says"),
        };
        warn(Severity::Note, text);
    }
    if keeper.remote {
        warn(Severity::Note, format!("{named} keeps something in another cluster (kubeConfig)"));
    }
    if let Some(parent) = &keeper.kept_by {
        let (severity, text) = if keeper.suspend_kept {
            let text = format!(
                "kustomization {parent} keeps {named} itself, and its manifest says whether it is suspended: it puts \
                 that back at its next interval; change it in Git, or hold kustomization {parent}"
            );
            (Severity::Warning, text)
        } else {
            let text = format!(
                "kustomization {parent} keeps {named} itself: a manifest that says whether it is suspended would put \
                 that back"
            );
            (Severity::Note, text)
        };
        warn(severity, text);
    }
    hazards
}

/// What letting go applies.
fn applies(keeper: &Keeper, origin: Seen<'_>) -> String {
    let by_hand = "over what was changed by hand meanwhile";
    if keeper.kind == Kind::HelmRelease {
        return if keeper.corrects {
            format!("it applies at once what its chart and values say, {by_hand}")
        } else {
            "it upgrades to what its chart and values say as soon as one of them differs from its last release, over \
             what was changed by hand"
                .to_owned()
        };
    }
    let last = state::commit(&keeper.status.last_applied_revision);
    match origin {
        Some(Ok(source)) if !source.revision().is_empty() => {
            let there = commit(source.revision());
            let there = there.as_ref().map_or("what its source has", |sha| sha.short());
            match last.as_ref().map(|sha| sha.short()).filter(|last| *last != there) {
                Some(last) => format!("it applies {there} at once, {by_hand}; Git went on from {last} since"),
                None => format!("it applies {there} at once, {by_hand}"),
            }
        }
        Some(Err(why)) => format!("it applies at once what its source has, {by_hand}; {why}"),
        _ => format!("it applies at once what its source has, {by_hand}"),
    }
}
