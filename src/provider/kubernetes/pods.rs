//! What pods tell: which image really runs, how many are ready, and early signs that a revision fails.
//!
//! Knows pods and the container that is released; knows nothing of Deployments.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::wire::{Pod, digest_of};
use crate::domain::rollout::Running;
use crate::domain::{Artifact, SafeText};

/// Reasons of a waiting container that mean that waiting will not help.
const STUCK: [&str; 7] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "InvalidImageName",
    "RunContainerError",
];

impl Pod {
    /// Whether it is still meant to run: not on its way out, not ended.
    fn alive(&self) -> bool {
        self.meta.deletion_timestamp.is_none() && !matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether it is ready as a whole.
    fn ready(&self) -> bool {
        self.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True")
    }

    /// What the container runs: the digest that its image pins, else the one that the runtime reports.
    pub(super) fn artifact(&self, container: &str) -> Option<Artifact> {
        let image = &self.containers.iter().find(|c| c.name == container)?.image;
        let mut artifact = Artifact::from_reference(image);
        if artifact.digest.is_none() {
            let status = self.statuses.iter().find(|s| s.name == container);
            artifact.digest = status.and_then(|s| digest_of(&s.image_id)).map(SafeText::new);
        }
        Some(artifact)
    }

    fn restarts(&self) -> u32 {
        self.statuses.iter().fold(0, |sum, s| sum.saturating_add(s.restart_count))
    }

    /// Everything about it that looks like failure, each reason once.
    fn signs(&self) -> Vec<&str> {
        let mut signs: Vec<&str> = Vec::new();
        for status in &self.statuses {
            if let Some(waiting) = &status.state.waiting {
                signs.extend(STUCK.iter().find(|s| **s == waiting.reason));
            }
            let ended = [&status.state.terminated, &status.last_state.terminated];
            if ended.into_iter().flatten().any(|t| t.reason == "OOMKilled") {
                signs.push("OOMKilled");
            }
        }
        let scheduled = self.conditions.iter().find(|c| c.kind == "PodScheduled");
        if scheduled.is_some_and(|c| c.status == "False" && c.reason == "Unschedulable") {
            signs.push("Unschedulable");
        }
        signs.sort_unstable();
        signs.dedup();
        signs
    }
}

/// What really runs, most ready replicas first. Pods that are not ready yet count as what they try to run.
pub(super) fn running(pods: &[Arc<Pod>], container: &str) -> Vec<Running> {
    let mut counts: BTreeMap<Artifact, u32> = BTreeMap::new();
    for pod in pods.iter().filter(|p| p.alive()) {
        let Some(artifact) = pod.artifact(container) else { continue };
        let count = counts.entry(artifact).or_default();
        *count += u32::from(pod.ready());
    }
    let mut running: Vec<Running> =
        counts.into_iter().map(|(artifact, ready)| Running { artifact, ready }).collect();
    running.sort_by_key(|r| std::cmp::Reverse(r.ready));
    running
}

/// Early signs of failure with the number of pods that show each.
pub(super) fn signs(pods: &[Arc<Pod>]) -> Vec<SafeText> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for sign in pods.iter().filter(|p| p.alive()).flat_map(|p| p.signs()) {
        *counts.entry(sign).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(sign, n)| SafeText::new(&format!("{sign} on {n} pod{}", if n == 1 { "" } else { "s" })))
        .collect()
}

/// How many of them are ready, and such.
pub(super) fn ready_of(pods: &[Arc<Pod>], such: impl Fn(&Pod) -> bool) -> u32 {
    let count = pods.iter().filter(|p| p.alive() && p.ready() && such(p)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Restarts of all containers of these pods.
pub(super) fn restarts(pods: &[Arc<Pod>]) -> u32 {
    pods.iter().filter(|p| p.alive()).fold(0, |sum, p| sum.saturating_add(p.restarts()))
}

/// The digests that pods of one revision report for the container, each once.
pub(super) fn digests(pods: &[Arc<Pod>], container: &str) -> Vec<SafeText> {
    let mut digests: Vec<SafeText> =
        pods.iter().filter(|p| p.alive()).filter_map(|p| p.artifact(container)?.digest).collect();
    digests.sort();
    digests.dedup();
    digests
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, DIGEST_A, DIGEST_B};
    use super::*;

    fn one(pod: fixture::Object) -> Vec<Arc<Pod>> {
        vec![Arc::new(pod.cut_pod())]
    }

    #[test]
    fn each_early_sign_is_told_with_its_pods() {
        for reason in STUCK {
            let pods = vec![
                Arc::new(fixture::pod("a", "rs-2", "web:v2").waiting(reason).cut_pod()),
                Arc::new(fixture::pod("b", "rs-2", "web:v2").waiting(reason).cut_pod()),
                Arc::new(fixture::pod("c", "rs-2", "web:v2").ready().cut_pod()),
            ];
            assert_eq!(signs(&pods), [SafeText::new(&format!("{reason} on 2 pods"))]);
        }
        let killed = fixture::pod("a", "rs-2", "web:v2").set(
            "/status/containerStatuses/0/lastState",
            serde_json::json!({"terminated":{"reason":"OOMKilled","exitCode":137}}),
        );
        assert_eq!(signs(&one(killed)), [SafeText::new("OOMKilled on 1 pod")]);
        let homeless = fixture::pod("a", "rs-2", "web:v2").set(
            "/status/conditions",
            serde_json::json!([{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes"}]),
        );
        assert_eq!(signs(&one(homeless)), [SafeText::new("Unschedulable on 1 pod")]);
    }

    #[test]
    fn creating_is_not_a_sign_and_a_leaving_pod_shows_none() {
        assert!(signs(&one(fixture::pod("a", "rs-2", "web:v2").waiting("ContainerCreating"))).is_empty());
        let leaving = fixture::pod("a", "rs-2", "web:v2")
            .waiting("CrashLoopBackOff")
            .set("/metadata/deletionTimestamp", serde_json::json!("2026-11-20T14:00:00Z"));
        assert!(signs(&one(leaving)).is_empty());
    }

    #[test]
    fn a_tag_that_moved_shows_as_two_things_that_run() {
        let pods = vec![
            Arc::new(
                fixture::pod("a", "rs-2", "r.test/web:v2")
                    .ready()
                    .image_id(&format!("r.test/web@{DIGEST_A}"))
                    .cut_pod(),
            ),
            Arc::new(
                fixture::pod("b", "rs-2", "r.test/web:v2")
                    .ready()
                    .image_id(&format!("r.test/web@{DIGEST_B}"))
                    .cut_pod(),
            ),
            Arc::new(
                fixture::pod("c", "rs-2", "r.test/web:v2")
                    .ready()
                    .image_id(&format!("r.test/web@{DIGEST_B}"))
                    .cut_pod(),
            ),
        ];
        let running = running(&pods, "web");
        assert_eq!(running.len(), 2);
        assert_eq!((running[0].ready, running[0].artifact.digest.as_ref().unwrap().as_str()), (2, DIGEST_B));
        assert_eq!(digests(&pods, "web").len(), 2);
    }

    #[test]
    fn a_pinned_image_runs_what_it_pins_and_a_bare_id_proves_nothing() {
        let pinned = fixture::pod("a", "rs-2", &format!("r.test/web:v2@{DIGEST_A}"))
            .ready()
            .image_id(&format!("r.test/web@{DIGEST_B}"));
        assert_eq!(running(&one(pinned), "web")[0].artifact.digest.as_ref().unwrap().as_str(), DIGEST_A);
        let bare = fixture::pod("a", "rs-2", "r.test/web:v2").ready().image_id(DIGEST_B);
        assert_eq!(running(&one(bare), "web")[0].artifact.digest, None);
    }
}
