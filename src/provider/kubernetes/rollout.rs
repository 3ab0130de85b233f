//! How a workload's rollout stands, in the exact order in which `kubectl rollout status` decides.
//!
//! Knows workloads, their revisions and pods as values; asks nobody.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::analysis::AnalysisRun;
use super::argo;
use super::history;
use super::owner;
use super::pods;
use super::remembered::Remembered;
use super::species::Species;
use super::wire::{Container, Pod, RESTARTED, chosen};
use super::workload::{Update, Workload};
use crate::domain::rollout::{Restart, UNREAD};
use crate::domain::{Fault, Phase, Replicas, Rollout, SafeText};
use crate::provider::platform::DISAGREE;

/// How a pause by hand is told.
pub(super) const BY_SPEC: &str = "paused by spec.paused";

/// Everything that one look at a workload rests on.
pub(super) struct Seen<'a> {
    pub(super) namespace: &'a str,
    pub(super) host: SafeText,
    pub(super) workload: &'a Workload,
    pub(super) sets: &'a [Arc<Remembered>],
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) analyses: &'a [Arc<AnalysisRun>],
    /// Name of the released container, if configured.
    pub(super) container: Option<&'a str>,
    pub(super) remarks: Vec<SafeText>,
}

/// The rollout that a look shows.
///
/// # Errors
/// When the released container cannot be told.
pub(super) fn rollout(seen: Seen<'_>) -> Result<Rollout, Fault> {
    let workload = seen.workload;
    let owned = history::owned(workload, seen.sets);
    let current = history::current(workload, &owned);
    let containers = containers(workload, current.map(AsRef::as_ref));
    let index = chosen(containers, seen.container, &workload.meta.name)?;
    let container = containers.get(index).map_or("", |c| c.name.as_str());
    let by_set = history::pods_of(workload, &owned, seen.pods);
    let pods_of = |set: &Remembered| by_set.get(set.meta.uid.as_str()).cloned().unwrap_or_default();
    let mut all = history::pods_in_all(workload, &owned, seen.pods);
    let left = history::left_behind(workload, seen.sets, seen.pods);
    let newest = current.map(|set| pods_of(set)).unwrap_or_default();
    let mut remarks = seen.remarks;
    if pods::digests(&newest, container).len() > 1 {
        remarks.push(DISAGREE.into());
    }
    if let Some(left) = pods::running(&left, container).iter().find(|r| r.ready > 0) {
        remarks.push(SafeText::new(&format!(
            "{} pods of {} have its labels and belong to nobody: no rollout replaces them",
            left.ready,
            left.artifact.label()
        )));
    }
    let restart = restart(workload, &all);
    all.extend(left);
    let mut signs = pods::signs(&newest);
    if let Some(set) = current {
        signs.extend(refused_replicas(set));
    }
    let phase = phase(workload);
    let steps = workload.argo.as_ref().map(|argo| {
        let stable = history::stable(workload, &owned);
        let stable = stable.map(|set| history::artifact(&set.containers, container, &pods_of(set)));
        let runs: Vec<&AnalysisRun> = seen.analyses.iter().map(AsRef::as_ref).collect();
        argo.steps(workload, &phase, stable, &runs)
    });
    Ok(Rollout {
        workload: SafeText::new(&format!("{} in namespace {}", workload.named(), seen.namespace)),
        host: seen.host,
        replicas: Replicas {
            desired: workload.replicas,
            updated: workload.status.updated_replicas,
            available: workload.status.available_replicas,
            total: workload.status.replicas,
            restarts: pods::restarts(&newest),
        },
        // With its digest where it is pinned or where the pods of this very template agree.
        target: history::artifact(containers, container, &newest),
        running: pods::running(&all, container),
        revisions: history::revisions(workload, &owned, &by_set, container),
        began: began(workload, current.map(AsRef::as_ref)),
        took: took(workload, current.map(AsRef::as_ref)),
        steps,
        restart,
        patience: (!workload.species.pauses()).then(|| Duration::from_secs(workload.progress_deadline)),
        phase,
        signs,
        owner: owner::owner(workload, seen.namespace),
        remarks,
    })
}

/// The last restart that was asked for, and the ready pods that are there since before it. Argo Rollouts goes by the
/// pods' age; elsewhere the mark is part of the template, which every pod has from it.
fn restart(workload: &Workload, pods: &[Arc<Pod>]) -> Option<Restart> {
    let mark = workload.restarted.as_deref()?;
    let asked: Option<Timestamp> = mark.parse().ok();
    let before = |pod: &Pod| match (workload.species, pod.meta.creation_timestamp, asked) {
        (Species::Rollout, Some(made), Some(asked)) => made < asked,
        (Species::Rollout, _, _) => true,
        _ => pod.meta.annotation(RESTARTED) != Some(mark),
    };
    Some(Restart { mark: SafeText::new(mark), left: pods::ready_of(pods, before) })
}

/// The containers that are asked for. A Rollout that takes its template from elsewhere has none of its own.
fn containers<'a>(workload: &'a Workload, current: Option<&'a Remembered>) -> &'a [Container] {
    let elsewhere = workload.argo.as_ref().is_some_and(|argo| argo.reference.is_some());
    match current.filter(|_| elsewhere) {
        Some(current) => &current.containers,
        None => &workload.containers,
    }
}

/// Quota, admission: the ReplicaSet may not make its pods.
fn refused_replicas(set: &Remembered) -> Option<SafeText> {
    let failure = set.conditions.iter().find(|c| c.kind == "ReplicaFailure" && c.status == "True")?;
    let message: String = failure.message.chars().take(200).collect();
    Some(SafeText::new(&format!("ReplicaFailure ({}): {message}", failure.reason)))
}

/// The state of the rollout. Absent counters are zero; an unknown generation is not "observed".
pub(super) fn phase(workload: &Workload) -> Phase {
    if let Some(argo) = &workload.argo {
        return argo::phase(workload, argo);
    }
    let observed = match (workload.meta.generation, workload.status.observed_generation) {
        // One that was never asked for is no observation.
        (Some(asked), Some(observed)) => observed == asked && observed > 0,
        _ => false,
    };
    if !observed {
        return progressing(UNREAD);
    }
    match workload.species {
        Species::Deployment | Species::Rollout => of_deployment(workload),
        Species::StatefulSet => of_stateful_set(workload),
        Species::DaemonSet => of_daemon_set(workload),
    }
}

fn of_deployment(deployment: &Workload) -> Phase {
    let status = &deployment.status;
    let late = status.condition("Progressing").is_some_and(|c| c.reason == "ProgressDeadlineExceeded");
    if deployment.paused {
        // A pause stops the controller from judging the deadline; what it said before still stands there.
        let also = if late { ", after it exceeded its progress deadline" } else { "" };
        return Phase::Paused(SafeText::new(&format!("{BY_SPEC}{also}")));
    }
    if late {
        return Phase::Failed(SafeText::new(&format!(
            "exceeded its progress deadline of {} s",
            deployment.progress_deadline
        )));
    }
    let (desired, updated) = (deployment.replicas, status.updated_replicas);
    if updated < desired {
        return progressing(format!("{updated} out of {desired} new replicas have been updated"));
    }
    if status.replicas > updated {
        return progressing(format!("{} old replicas are pending termination", status.replicas - updated));
    }
    if status.available_replicas < updated {
        return progressing(format!(
            "{} of {updated} updated replicas are available",
            status.available_replicas
        ));
    }
    if desired == 0 { Phase::ScaledToZero } else { Phase::Done }
}

/// A StatefulSet has no failed state and no deadline. What only a human can move on is told as held.
fn of_stateful_set(set: &Workload) -> Phase {
    let status = &set.status;
    let (desired, updated) = (set.replicas, status.updated_replicas);
    let current = status.update_revision == status.current_revision;
    match set.update {
        Update::OnDelete if !current => {
            return Phase::Paused(SafeText::new(&format!(
                "updateStrategy OnDelete: {updated} of {desired} pods are updated, the others when somebody deletes them"
            )));
        }
        Update::From(from) if from >= desired && !current => {
            return Phase::Paused(SafeText::new(&format!(
                "partition {from} holds all {desired} pods at the revision before"
            )));
        }
        _ => {}
    }
    if status.ready_replicas < desired {
        return progressing(format!("{} of {desired} pods are ready", status.ready_replicas));
    }
    if let (Update::From(from), false) = (set.update, current) {
        let due = desired.saturating_sub(from);
        if updated < due {
            return progressing(format!(
                "{updated} out of {due} new pods have been updated (partition {from})"
            ));
        }
        return Phase::Paused(SafeText::new(&format!(
            "partition {from} holds {} of {desired} pods at the revision before",
            desired.saturating_sub(updated)
        )));
    }
    if !current {
        return progressing(format!("{updated} out of {desired} new pods have been updated"));
    }
    if status.replicas > desired {
        return progressing(format!("{} surplus pods are pending termination", status.replicas - desired));
    }
    if status.available_replicas < desired {
        return progressing(format!("{} of {desired} pods are available", status.available_replicas));
    }
    if desired == 0 { Phase::ScaledToZero } else { Phase::Done }
}

/// A DaemonSet has no failed state and no deadline either.
fn of_daemon_set(set: &Workload) -> Phase {
    let (desired, updated) = (set.replicas, set.status.updated_replicas);
    if updated < desired && set.update == Update::OnDelete {
        return Phase::Paused(SafeText::new(&format!(
            "updateStrategy OnDelete: {updated} of {desired} pods are updated, the others when somebody deletes them"
        )));
    }
    if updated < desired {
        return progressing(format!("{updated} out of {desired} new pods have been updated"));
    }
    if set.status.available_replicas < desired {
        return progressing(format!(
            "{} of {desired} updated pods are available",
            set.status.available_replicas
        ));
    }
    if desired == 0 { Phase::ScaledToZero } else { Phase::Done }
}

fn progressing(text: impl AsRef<str>) -> Phase {
    Phase::Progressing(SafeText::new(text.as_ref()))
}

/// When the current revision began to roll out. A ReplicaSet's creation is when its template was first seen, so
/// for one that came back the last write of the template counts, and failing that the last progress.
fn began(workload: &Workload, current: Option<&Remembered>) -> Option<Timestamp> {
    match current {
        Some(set) if !history::came_back(workload, set) => set.meta.creation_timestamp,
        _ => workload
            .template_written
            .or_else(|| workload.status.condition("Progressing").and_then(|c| c.last_update_time)),
    }
}

/// How long the rollout of the current revision took: from its ReplicaSet's creation until the controller said that
/// it is available. Of a revision that came back nobody wrote down when it did.
fn took(workload: &Workload, current: Option<&Remembered>) -> Option<Duration> {
    let began = current.filter(|set| !history::came_back(workload, set))?.meta.creation_timestamp?;
    let progress = workload.status.condition("Progressing")?;
    let done = progress.last_update_time.filter(|_| progress.reason == "NewReplicaSetAvailable")?;
    Duration::try_from(done.duration_since(began)).ok().filter(|took| !took.is_zero())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{self, DIGEST_A, Object};
    use super::*;

    fn status(replicas: u64, updated: u64, available: u64) -> serde_json::Value {
        json!({"observedGeneration": 7, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available})
    }

    fn base() -> Object {
        fixture::deployment().set("/spec/replicas", 3.into()).set("/status", status(3, 3, 3))
    }

    fn with_condition(object: Object, reason: &str) -> Object {
        object.set("/status/conditions", json!([{"type":"Progressing","status":"False","reason":reason}]))
    }

    #[test]
    fn the_state_is_decided_in_kubectls_order() {
        let progressing = |text: &str| Phase::Progressing(SafeText::new(text));
        let late = "ProgressDeadlineExceeded";
        for (what, object, expected) in [
            ("all there", base(), Phase::Done),
            (
                "generation comes before the deadline",
                with_condition(base(), late).set("/metadata/generation", 8.into()),
                progressing("waiting for the spec update to be observed"),
            ),
            (
                "the deadline comes before the counters",
                with_condition(base().set("/status/updatedReplicas", 1.into()), late),
                Phase::Failed(SafeText::new("exceeded its progress deadline of 600 s")),
            ),
            ("only the reason is tested", with_condition(base(), "ReplicaSetUpdated"), Phase::Done),
            (
                "updated before old replicas",
                base().set("/status", status(4, 2, 2)),
                progressing("2 out of 3 new replicas have been updated"),
            ),
            (
                "old replicas before availability",
                base().set("/status", status(4, 3, 2)),
                progressing("1 old replicas are pending termination"),
            ),
            (
                "availability last",
                base().set("/status", status(3, 3, 2)),
                progressing("2 of 3 updated replicas are available"),
            ),
            (
                "absent counters are zero",
                base().set("/status", json!({"observedGeneration": 7})),
                progressing("0 out of 3 new replicas have been updated"),
            ),
            (
                "no status at all",
                base().remove("/status"),
                progressing("waiting for the spec update to be observed"),
            ),
            (
                "an unknown generation is not observed",
                base().remove("/metadata/generation"),
                progressing("waiting for the spec update to be observed"),
            ),
            (
                "scaled to zero is not green",
                base().set("/spec/replicas", 0.into()).set("/status", status(0, 0, 0)),
                Phase::ScaledToZero,
            ),
            (
                "scaled to zero with pods left",
                base().set("/spec/replicas", 0.into()).set("/status", status(1, 0, 0)),
                progressing("1 old replicas are pending termination"),
            ),
            (
                "paused",
                base().set("/spec/paused", true.into()),
                Phase::Paused(SafeText::new("paused by spec.paused")),
            ),
            (
                "paused after it was late",
                with_condition(base().set("/spec/paused", true.into()), late),
                Phase::Paused(SafeText::new(
                    "paused by spec.paused, after it exceeded its progress deadline",
                )),
            ),
        ] {
            assert_eq!(phase(&object.cut()), expected, "{what}");
        }
    }

    #[test]
    fn a_stateful_sets_ready_pods_are_available_unless_they_must_stay_so_for_a_while() {
        let status = json!({
            "observedGeneration": 7, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
            "currentRevision": "web-2", "updateRevision": "web-2"
        });
        let set = fixture::deployment().set("/kind", "StatefulSet".into()).set("/status", status);
        let slow = |available: u32| {
            let set = set.clone().set("/spec/minReadySeconds", 30.into());
            set.set("/status/availableReplicas", available.into()).cut()
        };
        assert_eq!(phase(&set.cut()), Phase::Done, "an old server does not count what is available");
        assert_eq!(phase(&slow(1)), Phase::Progressing(SafeText::new("1 of 2 pods are available")));
        assert_eq!(phase(&slow(2)), Phase::Done);
    }

    #[test]
    fn a_look_shows_what_runs_what_comes_and_what_was() {
        let deployment = fixture::deployment()
            .image("r.test/web:v2")
            .set("/spec/replicas", 2.into())
            .set("/status", status(3, 1, 2))
            .cut();
        let sets = [
            Arc::new(fixture::replica_set("web-1", "1", "r.test/web:v1").cut_set()),
            Arc::new(fixture::replica_set("web-2", "2", "r.test/web:v2").cut_set()),
            Arc::new(
                fixture::replica_set("alien", "9", "r.test/web:v9")
                    .set("/metadata/ownerReferences/0/uid", "x".into())
                    .cut_set(),
            ),
        ];
        let pods = [
            Arc::new(fixture::pod("a", "web-1", "r.test/web:v1").ready().cut_pod()),
            Arc::new(fixture::pod("b", "web-1", "r.test/web:v1").ready().cut_pod()),
            Arc::new(
                fixture::pod("c", "web-2", "r.test/web:v2")
                    .image_id(&format!("r.test/web@{DIGEST_A}"))
                    .waiting("CrashLoopBackOff")
                    .restarts(4)
                    .cut_pod(),
            ),
            Arc::new(fixture::pod("d", "alien", "r.test/web:v9").ready().cut_pod()),
        ];
        let seen = Seen {
            namespace: "shop",
            host: SafeText::new("prod"),
            workload: &deployment,
            sets: &sets,
            pods: &pods,
            analyses: &[],
            container: None,
            remarks: Vec::new(),
        };
        let rollout = rollout(seen).unwrap();
        assert_eq!(rollout.target.digest.as_ref().unwrap().as_str(), DIGEST_A);
        assert_eq!(rollout.running.len(), 2, "the alien's pod is not ours");
        assert_eq!((rollout.running[0].artifact.label(), rollout.running[0].ready), ("v1", 2));
        assert_eq!((rollout.running[1].artifact.label(), rollout.running[1].ready), ("v2", 0));
        assert_eq!(rollout.previous().unwrap().id.as_str(), "web-1");
        assert_eq!(rollout.signs, [SafeText::new("CrashLoopBackOff on 1 pod")]);
        assert_eq!(rollout.replicas.restarts, 4);
        assert_eq!(rollout.began, sets[1].meta.creation_timestamp);
    }

    #[test]
    fn pods_that_were_left_behind_still_run() {
        let deployment = fixture::deployment().image("r.test/web:v1").set("/spec/replicas", 1.into()).cut();
        let orphan =
            fixture::replica_set("web-2", "2", "r.test/web:v2").remove("/metadata/ownerReferences").cut_set();
        let sets =
            [Arc::new(fixture::replica_set("web-1", "1", "r.test/web:v1").cut_set()), Arc::new(orphan)];
        let pod =
            |name: &str, set: &str, tag: &str| fixture::pod(name, set, &format!("r.test/web:{tag}")).ready();
        let pods = [
            Arc::new(pod("a", "web-1", "v1").cut_pod()),
            Arc::new(pod("b", "web-2", "v2").cut_pod()),
            Arc::new(pod("c", "x", "v3").remove("/metadata/ownerReferences").cut_pod()),
            Arc::new(pod("d", "x", "v4").cut_pod()),
            Arc::new(pod("e", "web-2", "v5").set("/metadata/labels", json!({"app": "quarantine"})).cut_pod()),
        ];
        let seen = Seen {
            namespace: "shop",
            host: SafeText::new("prod"),
            workload: &deployment,
            sets: &sets,
            pods: &pods,
            analyses: &[],
            container: None,
            remarks: Vec::new(),
        };
        let rollout = rollout(seen).unwrap();
        let mut running: Vec<_> = rollout.running.iter().map(|r| r.artifact.label()).collect();
        running.sort_unstable();
        assert_eq!(running, ["v1", "v2", "v3"], "another's pods and quarantined ones are not ours");
        assert!(rollout.remarks[0].as_str().contains("belong to nobody"), "{:?}", rollout.remarks);
    }

    #[test]
    fn a_revision_that_came_back_began_when_its_template_was_written() {
        let deployment = fixture::deployment()
            .set(
                "/metadata/managedFields",
                json!([
                    {"manager":"gonogo","time":"2026-11-20T15:00:00Z","fieldsV1":{"f:spec":{"f:template":{}}}},
                    {"manager":"kube-controller-manager","subresource":"status","time":"2026-11-20T16:00:00Z","fieldsV1":{"f:spec":{"f:template":{}}}},
                    {"manager":"scaler","time":"2026-11-20T17:00:00Z","fieldsV1":{"f:spec":{"f:replicas":{}}}},
                ]),
            )
            .cut();
        let back = fixture::replica_set("web-1", "3", "r.test/web:v1")
            .annotations(&[("deployment.kubernetes.io/revision-history", "1")])
            .cut_set();
        assert_eq!(began(&deployment, Some(&back)), Some("2026-11-20T15:00:00Z".parse().unwrap()));
    }

    #[test]
    fn several_containers_need_a_name() {
        let two = fixture::deployment().set(
            "/spec/template/spec/containers",
            json!([{"name":"proxy","image":"proxy:1"},{"name":"app","image":"r.test/web:v1"}]),
        );
        let deployment = two.clone().cut();
        let choose = |wanted| chosen(&deployment.containers, wanted, "web");
        assert_eq!(choose(Some("app")).unwrap(), 1);
        let fault = choose(None).unwrap_err();
        assert!(fault.detail.as_str().contains("proxy, app"), "{fault}");
        assert!(choose(Some("db")).unwrap_err().detail.as_str().contains("proxy, app"));
        let named = two.set("/spec/template/spec/containers/1/name", "web".into()).cut();
        assert_eq!(chosen(&named.containers, None, "web").unwrap(), 1);
    }
}
