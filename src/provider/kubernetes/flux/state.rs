//! What a Kustomization or a HelmRelease says, in the words of an application: sync, health, what it does to a change by
//! hand. Pure; knows nothing of how the objects were had.
//!
//! Source of the rules: the status chapters of Flux's API references, and kstatus, which they follow. Where `Ready` is
//! true at the present generation a `Reconciling` left over from before does not count.

use std::time::Duration;

use super::super::wire::{FLUX_DRIFT, FLUX_RECONCILE, Meta};
use super::wire::{Condition as Word, Keeper, Source};
use super::{Kind, Owned};
use crate::domain::gitops::{Condition, Operation, OperationState, Reign};
use crate::domain::{Application, Fault, SafeText, Sha, Sync};

/// Reasons of `Ready=False` that say "not yet", not "not well".
const NOT_YET: [&str; 2] = ["DependencyNotReady", "HealthCheckCanceled"];
/// What an execution says once nothing more is applied by it.
const CHECKING: &str = "Running health checks";

/// What is known of the source of the manifests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// It was read.
    Seen(&'a Source),
    /// It could not be; why.
    Unseen(&'a str),
}

/// What an owner says.
pub(super) fn application(
    owned: &Owned,
    keeper: &Keeper,
    origin: Origin<'_>,
    workload: Option<&Meta>,
) -> Application {
    let applied = applied(keeper);
    Application {
        tool: "Flux".into(),
        name: SafeText::new(&owned.named()),
        sync: sync(keeper, origin),
        condition: condition(keeper),
        reign: reign(keeper, workload),
        applied,
        operation: operation(keeper),
        // Flux remembers what it applied and cannot go back to it by itself: nothing of it is a way back.
        history: Vec::new(),
        url: None,
        remarks: remarks(owned, keeper, origin, workload),
    }
}

/// An owner that could not be read: nothing of it is known, and nothing is assumed.
pub(super) fn unread(owned: &Owned, fault: &Fault) -> Application {
    let why = SafeText::new(&fault.to_string());
    Application {
        tool: "Flux".into(),
        name: SafeText::new(&owned.named()),
        sync: Sync::Unknown(why.clone()),
        condition: Condition::Unknown(why.clone()),
        reign: Reign::Unknown(why),
        applied: None,
        operation: None,
        history: Vec::new(),
        url: None,
        remarks: Vec::new(),
    }
}

/// The commit of a revision: `main@sha1:4f2c..`, `sha1:4f2c..`, and as it was written before, `main/4f2c..`.
pub(super) fn commit(revision: &str) -> Option<Sha> {
    let last = revision.rsplit(['@', '/']).next()?;
    let commit = last.rsplit_once(':').map_or(last, |(_, digits)| digits);
    (!commit.is_empty()).then(|| Sha::new(commit))
}

/// What was applied last: of a chart its version. Of an artifact that was built from Git the commit there counts.
fn applied(keeper: &Keeper) -> Option<Sha> {
    let status = &keeper.status;
    match keeper.kind {
        Kind::HelmRelease => status.chart().map(Sha::new),
        _ => commit(&status.last_applied_origin_revision).or_else(|| commit(&status.last_applied_revision)),
    }
}

/// Whether the controller has read what is asked for now.
fn current(keeper: &Keeper) -> bool {
    let observed = keeper.status.observed_generation.and_then(|seen| u64::try_from(seen).ok());
    observed.is_some() && observed >= keeper.meta.generation
}

/// An execution that began before the object was suspended goes on to its end, and applies until then.
pub(super) fn under_way(keeper: &Keeper) -> Option<&Word> {
    let ready = keeper.status.condition("Ready")?;
    let going = keeper.status.is("Reconciling").filter(|c| c.reason == "Progressing")?;
    (ready.status == "Unknown" && !going.message.starts_with(CHECKING)).then_some(going)
}

fn sync(keeper: &Keeper, origin: Origin<'_>) -> Sync {
    let status = &keeper.status;
    if keeper.kind == Kind::HelmRelease {
        return released(keeper);
    }
    let source = match origin {
        Origin::Seen(source) => source,
        Origin::Unseen(why) => return Sync::Unknown(SafeText::new(why)),
    };
    let (applied, there) = (status.last_applied_revision.as_str(), source.revision());
    if there.is_empty() {
        return Sync::Unknown("its source has fetched nothing yet".into());
    }
    if applied != there {
        let has = commit(there).map_or_else(|| there.to_owned(), |commit| commit.short().to_owned());
        return Sync::OutOfSync(SafeText::new(&format!("Git has {has}")));
    }
    if let Some(failed) = source.status.condition("Ready").filter(|c| c.status == "False") {
        return Sync::Unknown(SafeText::new(&format!("Git cannot be fetched: {}", said(failed))));
    }
    if keeper.suspended {
        return Sync::Unknown("it is suspended and compares nothing".into());
    }
    if !current(keeper) {
        return match status.condition("Ready").filter(|c| c.status == "False") {
            Some(failed) => Sync::OutOfSync(SafeText::new(&said(failed))),
            None => Sync::Unknown("its last change has not been read by the controller yet".into()),
        };
    }
    match status.condition("Ready") {
        // What is applied and not well is applied.
        Some(ready) if ready.status == "False" && ready.reason != "HealthCheckFailed" => {
            Sync::OutOfSync(SafeText::new(&said(ready)))
        }
        Some(_) => Sync::Synced,
        None => Sync::Unknown("the controller has said nothing yet".into()),
    }
}

/// Whether the release is what its HelmRelease asks for.
fn released(keeper: &Keeper) -> Sync {
    if keeper.suspended {
        return Sync::Unknown("it is suspended and compares nothing".into());
    }
    let status = &keeper.status;
    if let Some(drifted) = status.is("Drifted") {
        return Sync::OutOfSync(SafeText::new(&said(drifted)));
    }
    match status.condition("Ready") {
        None => Sync::Unknown("the controller has said nothing yet".into()),
        Some(ready) if ready.status == "True" && current(keeper) => Sync::Synced,
        Some(ready) if ready.status == "True" => {
            Sync::Unknown("its last change has not been read by the controller yet".into())
        }
        Some(ready) => Sync::OutOfSync(SafeText::new(&said(ready))),
    }
}

fn condition(keeper: &Keeper) -> Condition {
    let status = &keeper.status;
    if let Some(stalled) = status.is("Stalled") {
        return Condition::Degraded(SafeText::new(&said(stalled)));
    }
    let Some(ready) = status.condition("Ready") else {
        return Condition::Unknown("the controller has said nothing yet".into());
    };
    match ready.status.as_str() {
        "False" if NOT_YET.contains(&ready.reason.as_str()) => {
            Condition::Progressing(SafeText::new(&said(ready)))
        }
        "False" => Condition::Degraded(SafeText::new(&said(ready))),
        "True" if current(keeper) || keeper.suspended => {
            match status.condition("Healthy").filter(|c| c.status == "False") {
                Some(ill) => Condition::Degraded(SafeText::new(&said(ill))),
                None => Condition::Healthy,
            }
        }
        "True" => Condition::Progressing("its last change has not been read by the controller yet".into()),
        _ => {
            Condition::Progressing(SafeText::new(&status.is("Reconciling").map_or_else(|| said(ready), said)))
        }
    }
}

/// What it does to a change by hand of this very workload.
fn reign(keeper: &Keeper, workload: Option<&Meta>) -> Reign {
    if keeper.suspended {
        return match under_way(keeper) {
            None => Reign::Held(SafeText::new(&match &keeper.suspended_by {
                Some(by) => format!("suspended by {by}"),
                None => "suspended".to_owned(),
            })),
            Some(_) => Reign::Follows,
        };
    }
    let says = |key: &str| workload.is_some_and(|meta| marked(meta, key));
    match keeper.kind {
        Kind::Kustomization if says(FLUX_RECONCILE) => {
            Reign::Held("the workload itself is marked: reconcile disabled".into())
        }
        _ if !keeper.corrects || says(FLUX_DRIFT) => Reign::Follows,
        _ => Reign::Heals(keeper.interval),
    }
}

/// Whether an object is marked to be left alone: by an annotation or a label.
fn marked(meta: &Meta, key: &str) -> bool {
    [meta.annotation(key), meta.label(key)].contains(&Some("disabled"))
}

fn operation(keeper: &Keeper) -> Option<Operation> {
    let status = &keeper.status;
    let ready = status.condition("Ready")?;
    let running = status.is("Reconciling").filter(|_| ready.status == "Unknown");
    let (state, word) = match (running, ready.status.as_str()) {
        (Some(going), _) => (OperationState::Running, going),
        (None, "True") => (OperationState::Succeeded, ready),
        (None, "False") => (OperationState::Failed, ready),
        (None, _) => return None,
    };
    Some(Operation {
        word: SafeText::new(&word.reason),
        state,
        message: SafeText::new(&word.message),
        revision: commit(&status.last_attempted_revision),
        began: word.last_transition_time,
    })
}

fn remarks(owned: &Owned, keeper: &Keeper, origin: Origin<'_>, workload: Option<&Meta>) -> Vec<SafeText> {
    let mut remarks = Vec::new();
    if keeper.suspended
        && let Some(going) = under_way(keeper)
    {
        remarks.push(format!("suspended, but what began before goes on: {}", said(going)));
    }
    if keeper.remote {
        remarks.push("it keeps something in another cluster (kubeConfig)".to_owned());
    }
    if let Origin::Seen(source) = origin
        && source.suspended
    {
        remarks.push("its source is suspended: new commits do not arrive".to_owned());
    }
    if workload.is_some_and(|meta| !keeps(owned, meta)) {
        remarks.push(format!("the workload does not carry the mark of {}", owned.named()));
    }
    remarks.iter().map(|remark| SafeText::new(remark)).collect()
}

/// Whether a workload carries the marks of its owner.
pub(super) fn keeps(owned: &Owned, workload: &Meta) -> bool {
    let label = |part: &str| workload.label(&format!("{}/{part}", owned.kind.group()));
    label("name") == Some(&owned.name) && label("namespace") == Some(&owned.namespace)
}

/// A condition in one line: its message, else its reason.
pub(super) fn said(word: &Word) -> String {
    match (word.reason.as_str(), word.message.as_str()) {
        (reason, "") => reason.to_owned(),
        (_, message) => message.to_owned(),
    }
}

/// How long what began may still go on.
pub(super) fn may_go_on(keeper: &Keeper) -> Duration {
    under_way(keeper).map_or(Duration::ZERO, |_| keeper.timeout)
}
