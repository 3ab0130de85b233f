//! The revisions of a workload: what remembers them, told apart by identity, never by number.
//!
//! Knows ReplicaSets and ControllerRevisions and who truly owns them. An undo gives an old one a new number, so numbers
//! are shown and never used.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::pods;
use super::remembered::Remembered;
use super::species::Resource;
use super::wire::{CHANGE_CAUSE, Container, Pod, REVISION_HASH, ROLLOUT_HASH};
use super::workload::Workload;
use crate::domain::rollout::Standing;
use crate::domain::{Artifact, Revision, SafeText};

/// Revisions that the workload truly owns: by its uid, as controller, and selected by its selector. A reference by
/// name, of another kind, or one that only claims to be an owner is not enough.
pub(super) fn owned(workload: &Workload, sets: &[Arc<Remembered>]) -> Vec<Arc<Remembered>> {
    sets.iter().filter(|set| owns(workload, set)).cloned().collect()
}

/// Whether one revision is truly the workload's.
pub(super) fn owns(workload: &Workload, set: &Remembered) -> bool {
    let controlled = set.meta.controller().is_some_and(|owner| {
        owner.uid == workload.meta.uid
            && owner.kind == workload.species.kind()
            && owner.name == workload.meta.name
    });
    controlled && workload.selector.selects(&set.meta.labels)
}

/// The revision of the template that is asked for now, as the controller chooses: of ReplicaSets the oldest with an
/// equal template, of ControllerRevisions the one with the highest number. None until the controller has made it.
pub(super) fn current<'a>(workload: &Workload, owned: &'a [Arc<Remembered>]) -> Option<&'a Arc<Remembered>> {
    if let Some(hash) = named_current(workload) {
        return owned.iter().find(|set| set.meta.label(ROLLOUT_HASH) == Some(hash));
    }
    let mut equal = owned.iter().filter(|set| set.template == workload.template);
    if workload.species.memory() == Resource::ControllerRevisions {
        return equal.max_by_key(|set| set.number);
    }
    let first = equal.next()?;
    Some(equal.fold(first, |a, b| {
        let key = |set: &Remembered| (set.meta.creation_timestamp, set.meta.name.clone());
        if key(b) < key(a) { b } else { a }
    }))
}

/// What Argo Rollouts calls the present revision, if it has read what is asked for. The server fills the defaults into a
/// ReplicaSet's template and not into a Rollout's, so that the two need not be equal; and a template that stands elsewhere
/// only the controller knows.
fn named_current(workload: &Workload) -> Option<&str> {
    let argo = workload.argo.as_ref()?;
    let read =
        workload.meta.generation.is_some() && workload.meta.generation == workload.status.observed_generation;
    ((read && !argo.current.is_empty()) || argo.reference.is_some()).then_some(argo.current.as_str())
}

/// Whether this revision is what is asked for.
pub(super) fn is_asked(workload: &Workload, set: &Remembered) -> bool {
    let named = named_current(workload).is_some_and(|hash| set.meta.label(ROLLOUT_HASH) == Some(hash));
    named || set.template == workload.template
}

/// The revision that Argo Rollouts calls stable.
pub(super) fn stable<'a>(workload: &Workload, owned: &'a [Arc<Remembered>]) -> Option<&'a Arc<Remembered>> {
    let hash = workload.argo.as_ref().map(|argo| argo.stable.as_str()).filter(|hash| !hash.is_empty())?;
    owned.iter().find(|set| set.meta.label(ROLLOUT_HASH) == Some(hash))
}

/// Pods that the workload's selector selects and that nobody controls any more, nor the ReplicaSet they come from:
/// no rollout replaces them, and whatever selects by the same labels still sends them traffic.
pub(super) fn left_behind(workload: &Workload, sets: &[Arc<Remembered>], pods: &[Arc<Pod>]) -> Vec<Arc<Pod>> {
    let orphaned = |uid: &str| sets.iter().any(|set| set.meta.uid == uid && set.meta.controller().is_none());
    let lost = |pod: &Pod| pod.meta.controller().is_none_or(|o| o.kind == "ReplicaSet" && orphaned(&o.uid));
    pods.iter().filter(|p| workload.selector.selects(&p.meta.labels) && lost(p)).cloned().collect()
}

/// Pods by the uid of the revision that they run.
pub(super) fn pods_of<'a>(
    workload: &Workload,
    owned: &'a [Arc<Remembered>],
    pods: &'a [Arc<Pod>],
) -> BTreeMap<&'a str, Vec<Arc<Pod>>> {
    let mut by_set: BTreeMap<&str, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in pods {
        let uid = match (pod.meta.controller(), workload.species.memory()) {
            (Some(owner), Resource::ReplicaSets) if owner.kind == "ReplicaSet" => Some(owner.uid.as_str()),
            (Some(owner), Resource::ControllerRevisions) if owner.uid == workload.meta.uid => {
                let hash = pod.meta.label(REVISION_HASH);
                let found = owned.iter().find(|set| hash.is_some_and(|hash| set.is_called(hash)));
                found.map(|set| set.meta.uid.as_str())
            }
            _ => None,
        };
        if let Some(uid) = uid {
            by_set.entry(uid).or_default().push(Arc::clone(pod));
        }
    }
    by_set
}

/// Every pod that the workload has, also of revisions that are no longer remembered.
pub(super) fn pods_in_all(
    workload: &Workload,
    owned: &[Arc<Remembered>],
    pods: &[Arc<Pod>],
) -> Vec<Arc<Pod>> {
    let of_set = |uid: &str| owned.iter().any(|set| set.meta.uid == uid);
    let ours = |pod: &Pod| {
        pod.meta.controller().is_some_and(|owner| match workload.species.memory() {
            Resource::ControllerRevisions => owner.uid == workload.meta.uid,
            _ => owner.kind == "ReplicaSet" && of_set(&owner.uid),
        })
    };
    pods.iter().filter(|pod| ours(pod)).cloned().collect()
}

/// What a template runs: its image, with the digest it pins, else with the one its pods agree on.
pub(super) fn artifact(containers: &[Container], container: &str, pods: &[Arc<Pod>]) -> Artifact {
    let image = containers.iter().find(|c| c.name == container).map_or("", |c| c.image.as_str());
    let mut artifact = Artifact::from_reference(image);
    if let (None, [only]) = (&artifact.digest, pods::digests(pods, container).as_slice()) {
        artifact.digest = Some(only.clone());
    }
    artifact
}

/// The number under which a template was first asked for. An undo gives its revision a new number; for ReplicaSets the
/// earlier ones are written down.
fn first_number(set: &Remembered) -> Option<u64> {
    set.earlier().chain(set.number).min()
}

/// How a revision stands to the present one. A template that was first asked for after the present one was left by
/// going back.
fn standing(set: &Remembered, current: Option<&Remembered>) -> Standing {
    let Some(current) = current else { return Standing::Past };
    if set.meta.uid == current.meta.uid {
        return Standing::Current;
    }
    match (first_number(set), first_number(current)) {
        (Some(its), Some(present)) if its > present => Standing::Left,
        _ => Standing::Past,
    }
}

/// Whether the revision was asked for before and is again: its creation says nothing about this rollout. Of a
/// ControllerRevision nobody writes that down, so none is believed to be new.
pub(super) fn came_back(workload: &Workload, set: &Remembered) -> bool {
    workload.species.memory() == Resource::ControllerRevisions || set.earlier().next().is_some()
}

/// All revisions, newest first.
pub(super) fn revisions(
    workload: &Workload,
    owned: &[Arc<Remembered>],
    by_set: &BTreeMap<&str, Vec<Arc<Pod>>>,
    container: &str,
) -> Vec<Revision> {
    let now = current(workload, owned);
    let mut sorted: Vec<&Arc<Remembered>> = owned.iter().collect();
    sorted.sort_by_key(|set| Reverse((set.number, set.meta.creation_timestamp, set.meta.name.clone())));
    sorted
        .into_iter()
        .map(|set| Revision {
            id: SafeText::new(&set.meta.name),
            number: set.number,
            artifact: artifact(
                &set.containers,
                container,
                by_set.get(set.meta.uid.as_str()).map_or(&[], Vec::as_slice),
            ),
            created: set.meta.creation_timestamp,
            note: set.meta.annotation(CHANGE_CAUSE).filter(|n| !n.is_empty()).map(SafeText::new),
            standing: standing(set, now.map(AsRef::as_ref)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, DIGEST_A};
    use super::*;

    fn sets(objects: Vec<fixture::Object>) -> Vec<Arc<Remembered>> {
        objects.into_iter().map(|o| Arc::new(o.cut_set())).collect()
    }

    #[test]
    fn a_forged_owner_is_not_an_owner() {
        let deployment = fixture::deployment().cut();
        let owner = "/metadata/ownerReferences/0";
        let set = |name: &str| fixture::replica_set(name, "1", "web:v1");
        let all = sets(vec![
            set("true"),
            set("other-uid").set(&format!("{owner}/uid"), "another".into()),
            set("not-controller").set(&format!("{owner}/controller"), false.into()),
            set("silent").remove(&format!("{owner}/controller")),
            set("other-kind").set(&format!("{owner}/kind"), "Rollout".into()),
            set("other-name").set(&format!("{owner}/name"), "payments".into()),
            set("not-selected").set("/metadata/labels/app", "payments".into()),
            set("orphan").remove("/metadata/ownerReferences"),
        ]);
        let names: Vec<_> = owned(&deployment, &all).iter().map(|s| s.meta.name.clone()).collect();
        assert_eq!(names, ["true"]);
    }

    #[test]
    fn an_undo_renumbers_and_identity_holds() {
        // Revisions 1, 2, 3 existed; an undo to 2 made it 4.
        let deployment = fixture::deployment().image("web:v2").cut();
        let all = sets(vec![
            fixture::replica_set("web-1", "1", "web:v1"),
            fixture::replica_set("web-2", "4", "web:v2").annotations(&[
                ("deployment.kubernetes.io/revision-history", "2"),
                ("kubernetes.io/change-cause", "back to v2"),
            ]),
            fixture::replica_set("web-3", "3", "web:v3"),
        ]);
        let revisions = revisions(&deployment, &owned(&deployment, &all), &BTreeMap::new(), "web");
        let seen: Vec<_> = revisions.iter().map(|r| (r.id.as_str(), r.number, r.standing)).collect();
        assert_eq!(
            seen,
            [
                ("web-2", Some(4), Standing::Current),
                ("web-3", Some(3), Standing::Left),
                ("web-1", Some(1), Standing::Past),
            ]
        );
        assert_eq!(revisions[0].note.as_ref().unwrap().as_str(), "back to v2");
        assert!(came_back(&deployment, &all[1]) && !came_back(&deployment, &all[2]));
    }

    #[test]
    fn what_was_left_by_going_back_is_told_from_what_ran_before() {
        use Standing::{Current, Left, Past};
        // Number, earlier numbers, and how it stands when the first of each row is asked for.
        for (rows, expected) in [
            (&[("c", "3", ""), ("b", "2", ""), ("a", "1", "")][..], &[Current, Past, Past][..]),
            (&[("b", "4", "2"), ("c", "3", ""), ("a", "1", "")], &[Current, Left, Past]),
            (&[("a", "4", "1"), ("c", "3", ""), ("b", "2", "")], &[Current, Left, Left]),
            // Back and forth, and then a new one: everything else ran before it.
            (&[("d", "5", ""), ("a", "4", "1,3"), ("b", "2", "")], &[Current, Past, Past]),
            (&[("b", "4", "2"), ("a", "3", "1")], &[Current, Past]),
            (&[("b", "4", "nonsense"), ("a", "3", "")], &[Current, Past]),
        ] {
            let image = |name: &str| format!("web:{name}");
            let deployment = fixture::deployment().image(&image(rows[0].0)).cut();
            let all = sets(
                rows.iter()
                    .map(|(name, number, earlier)| {
                        fixture::replica_set(&format!("web-{name}"), number, &image(name))
                            .annotations(&[("deployment.kubernetes.io/revision-history", earlier)])
                    })
                    .collect(),
            );
            let revisions = revisions(&deployment, &owned(&deployment, &all), &BTreeMap::new(), "web");
            let seen: Vec<_> = revisions.iter().map(|r| r.standing).collect();
            assert_eq!(seen, expected, "{rows:?}");
        }
    }

    #[test]
    fn until_the_controller_made_the_new_set_none_is_current() {
        let deployment = fixture::deployment().image("web:v9").cut();
        let all = sets(vec![fixture::replica_set("web-1", "1", "web:v1")]);
        assert!(current(&deployment, &all).is_none());
    }

    #[test]
    fn the_oldest_of_equal_templates_is_the_current_one() {
        let deployment = fixture::deployment().image("web:v2").cut();
        let all = sets(vec![
            fixture::replica_set("web-b", "2", "web:v2")
                .set("/metadata/creationTimestamp", "2026-11-20T12:00:00Z".into()),
            fixture::replica_set("web-a", "3", "web:v2")
                .set("/metadata/creationTimestamp", "2026-11-20T13:00:00Z".into()),
        ]);
        assert_eq!(current(&deployment, &all).unwrap().meta.name, "web-b");
    }

    #[test]
    fn a_digest_comes_from_the_reference_or_from_pods_that_agree() {
        let pinned = fixture::replica_set("web-1", "1", &format!("web:v1@{DIGEST_A}")).cut_set();
        assert_eq!(artifact(&pinned.containers, "web", &[]).digest.unwrap().as_str(), DIGEST_A);
        let tagged = fixture::replica_set("web-1", "1", "web:v1").cut_set();
        assert_eq!(artifact(&tagged.containers, "web", &[]).digest, None);
        let pod =
            Arc::new(fixture::pod("a", "web-1", "web:v1").image_id(&format!("web@{DIGEST_A}")).cut_pod());
        assert_eq!(artifact(&tagged.containers, "web", &[pod]).digest.unwrap().as_str(), DIGEST_A);
    }
}
