//! How a Deployment's rollout stands, in the exact order in which `kubectl rollout status` decides.
//!
//! Knows Deployments, their ReplicaSets and pods as values; asks nobody.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::history;
use super::owner;
use super::pods;
use super::wire::{Deployment, Pod, ReplicaSet, chosen};
use crate::domain::{Artifact, Fault, Phase, Replicas, Rollout, SafeText};

/// Everything that one look at a Deployment rests on.
pub(super) struct Seen<'a> {
    pub(super) namespace: &'a str,
    pub(super) host: SafeText,
    pub(super) deployment: &'a Deployment,
    pub(super) sets: &'a [Arc<ReplicaSet>],
    pub(super) pods: &'a [Arc<Pod>],
    /// Name of the released container, if configured.
    pub(super) container: Option<&'a str>,
    pub(super) remarks: Vec<SafeText>,
}

/// The rollout that a look shows.
///
/// # Errors
/// When the released container cannot be told.
pub(super) fn rollout(seen: Seen<'_>) -> Result<Rollout, Fault> {
    let deployment = seen.deployment;
    let index = chosen(&deployment.containers, seen.container, &deployment.meta.name)?;
    let container = deployment.containers.get(index).map_or("", |c| c.name.as_str());
    let owned = history::owned(deployment, seen.sets);
    let by_set = history::pods_of(seen.pods);
    let pods_of = |set: &ReplicaSet| by_set.get(set.meta.uid.as_str()).cloned().unwrap_or_default();
    let mut all: Vec<Arc<Pod>> = owned.iter().flat_map(|set| pods_of(set)).collect();
    let left = history::left_behind(deployment, seen.sets, seen.pods);
    let current = history::current(deployment, &owned);
    let newest = current.map(|set| pods_of(set)).unwrap_or_default();
    let mut remarks = seen.remarks;
    if pods::digests(&newest, container).len() > 1 {
        remarks.push(SafeText::new(
            "pods of the current revision run different digests: the tag was moved while it was rolled out",
        ));
    }
    if let Some(left) = pods::running(&left, container).iter().find(|r| r.ready > 0) {
        remarks.push(SafeText::new(&format!(
            "{} pods of {} have its labels and belong to nobody: no rollout replaces them",
            left.ready,
            left.artifact.label()
        )));
    }
    all.extend(left);
    let mut signs = pods::signs(&newest);
    if let Some(set) = current {
        signs.extend(refused_replicas(set));
    }
    Ok(Rollout {
        workload: SafeText::new(&format!(
            "deployment/{} in namespace {}",
            deployment.meta.name, seen.namespace
        )),
        host: seen.host,
        phase: phase(deployment),
        replicas: Replicas {
            desired: deployment.replicas,
            updated: deployment.status.updated_replicas,
            available: deployment.status.available_replicas,
            total: deployment.status.replicas,
            restarts: pods::restarts(&newest),
        },
        target: target(deployment, container, &newest),
        running: pods::running(&all, container),
        revisions: history::revisions(deployment, &owned, &by_set, container),
        began: began(deployment, current.map(AsRef::as_ref)),
        took: took(deployment, current.map(AsRef::as_ref)),
        signs,
        owner: owner::owner(deployment, seen.namespace),
        remarks,
    })
}

/// What is asked for, with its digest where it is pinned or where the pods of this very template agree.
fn target(deployment: &Deployment, container: &str, newest: &[Arc<Pod>]) -> Artifact {
    history::artifact(&deployment.containers, container, newest)
}

/// Quota, admission: the ReplicaSet may not make its pods.
fn refused_replicas(set: &ReplicaSet) -> Option<SafeText> {
    let failure = set.conditions.iter().find(|c| c.kind == "ReplicaFailure" && c.status == "True")?;
    let message: String = failure.message.chars().take(200).collect();
    Some(SafeText::new(&format!("ReplicaFailure ({}): {message}", failure.reason)))
}

/// The state of the rollout. Absent counters are zero; an unknown generation is not "observed".
pub(super) fn phase(deployment: &Deployment) -> Phase {
    let status = &deployment.status;
    let observed = match (deployment.meta.generation, status.observed_generation) {
        (Some(asked), Some(observed)) => observed >= asked,
        _ => false,
    };
    if !observed {
        return progressing("waiting for the spec update to be observed");
    }
    let late = status.condition("Progressing").is_some_and(|c| c.reason == "ProgressDeadlineExceeded");
    if deployment.paused {
        // A pause stops the controller from judging the deadline; what it said before still stands there.
        let also = if late { ", after it exceeded its progress deadline" } else { "" };
        return Phase::Paused(SafeText::new(&format!("paused by spec.paused{also}")));
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

fn progressing(text: impl AsRef<str>) -> Phase {
    Phase::Progressing(SafeText::new(text.as_ref()))
}

/// When the current revision began to roll out. A ReplicaSet's creation is when its template was first seen, so
/// for one that came back the last write of the template counts, and failing that the last progress.
fn began(deployment: &Deployment, current: Option<&ReplicaSet>) -> Option<Timestamp> {
    match current {
        Some(set) if !history::came_back(set) => set.meta.creation_timestamp,
        _ => deployment
            .template_written
            .or_else(|| deployment.status.condition("Progressing").and_then(|c| c.last_update_time)),
    }
}

/// How long the rollout of the current revision took: from its ReplicaSet's creation until the controller said that
/// it is available. Of a revision that came back nobody wrote down when it did.
fn took(deployment: &Deployment, current: Option<&ReplicaSet>) -> Option<Duration> {
    let began = current.filter(|set| !history::came_back(set))?.meta.creation_timestamp?;
    let progress = deployment.status.condition("Progressing")?;
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
            deployment: &deployment,
            sets: &sets,
            pods: &pods,
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
            deployment: &deployment,
            sets: &sets,
            pods: &pods,
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
