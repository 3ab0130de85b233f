//! What could go wrong with a change of a workload, as far as the cluster and the registry can tell.

use super::act::Fresh;
use super::owner;
use super::prepare::Scale;
use super::remembered::Remembered;
use super::rollout::phase;
use super::species::Species;
use super::wire::LAST_APPLIED;
use super::workload::Update;
use crate::domain::{Artifact, Fault, Hazard, Phase, SafeText, Severity, Verb};
use crate::provider::registry::{Manifest, Tag};

/// Hazards of shipping something that the registry was asked about.
pub(super) fn of_manifest(to: &Artifact, manifest: &Manifest) -> Option<Hazard> {
    match manifest {
        Manifest::Missing => Some(Hazard::new(
            Severity::Blocking,
            format!("the registry does not have {}: its pods could not start", to.reference()),
        )),
        Manifest::Untold(fault) | Manifest::Locked(fault) if to.digest.is_none() => Some(Hazard::new(
            Severity::Warning,
            format!(
                "cannot prove the digest of {} ({fault}); the tag is sent as it is{}",
                to.image,
                mend(fault)
            ),
        )),
        Manifest::Untold(fault) => Some(unasked(to, fault)),
        // Without a login for it a registry says nothing: that is so on every plan and no hazard of this one.
        Manifest::Locked(_) | Manifest::Found(_) => None,
    }
}

fn mend(fault: &Fault) -> String {
    fault.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"))
}

/// A registry that did not answer.
fn unasked(to: &Artifact, fault: &Fault) -> Hazard {
    Hazard::new(
        Severity::Note,
        format!("the registry did not say whether it still has {} ({fault}){}", to.label(), mend(fault)),
    )
}

/// What became of the tag since its digest was tested. The digest is what is sent.
pub(super) fn of_tag(to: &Artifact, tested: &SafeText, tag: &Tag) -> Option<Hazard> {
    let (severity, text) = match tag {
        Tag::Same | Tag::Untold => return None,
        Tag::Gone => (
            Severity::Note,
            format!("the registry no longer knows {}: it is sent by its digest {tested}", to.image),
        ),
        Tag::IndexOf { index, platform } => (
            Severity::Note,
            format!(
                "{tested}, which was tested, is the {platform} image of {index}, which {} names: that is sent",
                to.image
            ),
        ),
        Tag::Moved(now) => (
            Severity::Blocking,
            format!(
                "the tag moved since the test: {} names {now} now, not {tested}, which was tested; test what it names, or \
                 put the tag back",
                to.image
            ),
        ),
        Tag::Perhaps(now, fault) => (
            Severity::Warning,
            format!(
                "the tag may have moved: {} names {now} now, and that {tested} is part of it cannot be proved ({fault}); \
                 {tested}, which was tested, is what is sent",
                to.image
            ),
        ),
    };
    Some(Hazard::new(severity, text))
}

/// The owner that would undo it.
pub(super) fn of_owner(fresh: &Fresh) -> Option<Hazard> {
    let owner = owner::owner(&fresh.workload, &fresh.namespace)?;
    let own = owner.tool.as_str() == owner::FLAGGER;
    let severity = if own { Severity::Blocking } else { Severity::Warning };
    Some(Hazard::new(
        severity,
        match owner::configurable(&owner) {
            Some(line) => format!("{}; to hold it here, configure {line}", owner.hazard()),
            None => owner.hazard(),
        },
    ))
}

/// Hazards of every change of the template.
pub(super) fn of_change(fresh: &Fresh) -> Vec<Hazard> {
    let mut hazards: Vec<Hazard> = of_owner(fresh).into_iter().collect();
    let workload = &fresh.workload;
    let word = workload.species.word();
    if workload.paused {
        hazards.push(Hazard::new(
            Severity::Blocking,
            format!("the {word} is paused, so nothing would roll out; resume it first"),
        ));
    }
    hazards.extend(of_update(fresh));
    match phase(workload) {
        Phase::Progressing(what) => hazards.push(Hazard::new(
            Severity::Warning,
            format!("a rollout is under way ({what}); this one takes its place"),
        )),
        Phase::ScaledToZero if fresh.scale == Scale::Own => hazards.push(Hazard::new(
            Severity::Warning,
            format!("the {word} is scaled to zero: no pod would run it until it is scaled up"),
        )),
        Phase::Paused(what) if workload.argo.is_some() => hazards.push(Hazard::new(
            Severity::Warning,
            format!("a rollout waits for a human ({what}); this one takes its place"),
        )),
        _ => {}
    }
    if workload.meta.annotation(LAST_APPLIED).is_some() {
        hazards.push(Hazard::new(
            Severity::Warning,
            format!(
                "kubectl apply manages this {word}: its last-applied-configuration gets stale, and the next apply may \
                 bring the present template back; change the manifest too"
            ),
        ));
    }
    hazards
}

/// Hazards of replacing every pod by one of the same template. A GitOps controller does not undo it: Git says nothing of
/// the mark.
pub(super) fn of_restart(fresh: &Fresh) -> Vec<Hazard> {
    let mut hazards: Vec<Hazard> = Vec::new();
    let workload = &fresh.workload;
    let word = workload.species.word();
    let steps = workload.argo.is_some();
    if workload.paused && !steps {
        hazards.push(Hazard::new(
            Severity::Blocking,
            format!("the {word} is paused, so nothing would restart; resume it first"),
        ));
    }
    hazards.extend(of_update(fresh));
    match phase(workload) {
        Phase::Done => {}
        Phase::ScaledToZero => hazards.push(Hazard::new(
            Severity::Blocking,
            format!("the {word} is scaled to zero: there is nothing to restart"),
        )),
        _ if steps => hazards.push(Hazard::new(
            Severity::Blocking,
            "its rollout is not over: let it end, or abort it and roll back, before its pods are replaced",
        )),
        Phase::Progressing(what) => hazards.push(Hazard::new(
            Severity::Warning,
            format!("a rollout is under way ({what}); this one takes its place"),
        )),
        _ => {}
    }
    let strategy = fresh.raw.pointer("/spec/strategy/type").and_then(serde_json::Value::as_str);
    let alone = workload.species == Species::StatefulSet && workload.replicas == 1;
    if alone || strategy == Some("Recreate") {
        hazards.push(Hazard::new(
            Severity::Warning,
            "every pod stops before a new one is ready: nothing serves until then",
        ));
    }
    hazards
}

/// What a tag that is not pinned would bring in at a restart. `runs` is what runs, `tag` what became of its tag.
pub(super) fn of_unpinned(fresh: &Fresh, runs: &Artifact, tag: &Tag) -> Option<Hazard> {
    let (severity, text) = match tag {
        _ if fresh.asked().digest.is_some() => return None,
        Tag::Moved(now) => (
            Severity::Blocking,
            format!(
                "{} names {now} now: the new pods would run that, which nobody promoted here; promote it, or put the tag back",
                runs.image
            ),
        ),
        Tag::Perhaps(now, fault) => (
            Severity::Warning,
            format!(
                "{} names {now} now, and that this is what runs cannot be proved ({fault}): the new pods would run it",
                runs.image
            ),
        ),
        Tag::Gone => (
            Severity::Warning,
            format!("the registry no longer knows {}: only nodes that hold it can start it", runs.image),
        ),
        Tag::Untold => (
            Severity::Note,
            format!("the image is not pinned: the new pods run what {} names when they start", runs.image),
        ),
        Tag::Same | Tag::IndexOf { .. } => return None,
    };
    Some(Hazard::new(severity, text))
}

/// Pods that no controller would replace.
fn of_update(fresh: &Fresh) -> Vec<Hazard> {
    let workload = &fresh.workload;
    let mut hazards = Vec::new();
    match workload.update {
        Update::OnDelete => hazards.push(Hazard::new(
            Severity::Blocking,
            "updateStrategy is OnDelete: no pod is replaced until somebody deletes it, so nothing could be proved",
        )),
        Update::From(from) => hazards.push(Hazard::new(
            Severity::Blocking,
            format!("partition {from}: only pods with that ordinal or a higher one would change; set it to 0 first"),
        )),
        Update::Rolling => {}
    }
    let policy = fresh.raw.pointer("/spec/podManagementPolicy").and_then(serde_json::Value::as_str);
    let ordered = workload.species == Species::StatefulSet && policy != Some("Parallel");
    if ordered && workload.status.ready_replicas < workload.replicas {
        hazards.push(Hazard::new(
            Severity::Warning,
            "a pod is not ready, and the pods are replaced in order: Kubernetes waits for that very pod, and one that \
             can never get ready must be deleted by hand after the change",
        ));
    }
    hazards
}

/// A target that forgets what it replaces.
fn of_memory(fresh: &Fresh) -> Option<Hazard> {
    let limit = fresh.raw.pointer("/spec/revisionHistoryLimit").and_then(serde_json::Value::as_u64);
    (limit == Some(0)).then(|| {
        Hazard::new(
            Severity::Warning,
            "revisionHistoryLimit is 0: the cluster will not remember the present revision, so it cannot go back to it",
        )
    })
}

/// Hazards of shipping an image.
pub(super) fn of_promotion(fresh: &Fresh, to: &Artifact) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let now = fresh.asked();
    if to.reference() == fresh.image {
        hazards.push(Hazard::new(
            Severity::Blocking,
            format!("{} is already asked for: nothing would change", to.reference()),
        ));
    } else if to.repository() != now.repository() {
        hazards.push(Hazard::new(
            Severity::Warning,
            format!(
                "the image comes from another repository: {} instead of {}",
                to.repository(),
                now.repository()
            ),
        ));
    }
    hazards.extend(of_memory(fresh));
    hazards
}

/// A promotion of the very digest that runs already: its promise would hold whatever became of the request.
pub(super) fn of_sameness(fresh: &Fresh, verb: Verb, from: &Artifact, to: &Artifact) -> Option<Hazard> {
    let same = from.digest.is_some() && from.digest == to.digest;
    (verb == Verb::Promote && same && fresh.image != to.reference()).then(|| {
        Hazard::new(
            Severity::Blocking,
            format!(
                "{} runs already, by this very digest: only the way to write it would change",
                to.label()
            ),
        )
    })
}

/// Hazards of going back.
pub(super) fn of_way_back(
    fresh: &Fresh,
    set: &Remembered,
    to: &Artifact,
    manifest: &Manifest,
) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    if super::history::is_asked(&fresh.workload, set) {
        hazards.push(Hazard::new(
            Severity::Blocking,
            format!("{} is what is asked for already: nothing would change", to.label()),
        ));
    }
    match (manifest, &to.digest) {
        (Manifest::Missing, _) => hazards.push(Hazard::new(
            Severity::Warning,
            format!(
                "the registry no longer has {}: only nodes that still hold it could start it",
                to.reference()
            ),
        )),
        (Manifest::Found(found), Some(digest)) if found != digest => hazards.push(Hazard::new(
            Severity::Warning,
            format!(
                "the tag {} was moved: it ran {digest}, and pods started now would run {found}",
                to.image
            ),
        )),
        (Manifest::Found(_), None) => hazards.push(Hazard::new(
            Severity::Note,
            "nobody knows which digest this revision ran: its tag may name something else by now",
        )),
        (Manifest::Untold(fault), _) => hazards.push(unasked(to, fault)),
        (Manifest::Locked(_), _) | (Manifest::Found(_), Some(_)) => {}
    }
    hazards.extend(of_memory(fresh));
    hazards
}
