//! The kinds of workload that a service can run as, and the API's resources that are watched for them.
//!
//! A table: what each is called, where the API server serves it, who remembers its revisions. Knows no object.

/// What runs a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Species {
    /// `apps/v1` Deployment.
    Deployment,
    /// `argoproj.io/v1alpha1` Rollout, of Argo Rollouts.
    Rollout,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
}

/// A resource of the API that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    /// A workload.
    Of(Species),
    /// What remembers the revisions of Deployments and Rollouts.
    ReplicaSets,
    /// What remembers the revisions of StatefulSets and DaemonSets.
    ControllerRevisions,
    /// What really runs.
    Pods,
    /// What Argo Rollouts measures before it goes on.
    AnalysisRuns,
    /// What Flux keeps a place with.
    Flux(super::flux::Kind),
    /// What Flagger is told to do with a Deployment.
    Canaries,
    /// What chooses the pods that get the traffic.
    Services,
    /// The pods that a Service has chosen.
    EndpointSlices,
}

impl Species {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Deployment, Self::Rollout, Self::StatefulSet, Self::DaemonSet];

    /// The one that `workload = "WORD/NAME"` names.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|species| species.word() == word)
    }

    /// As in `workload = "deployment/NAME"`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Rollout => "rollout",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }

    /// The kind of its objects.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Rollout => "Rollout",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// Its API group.
    pub(super) const fn group(self) -> &'static str {
        match self {
            Self::Rollout => "argoproj.io",
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps",
        }
    }

    /// Who remembers its revisions.
    pub(super) const fn memory(self) -> Resource {
        match self {
            Self::Deployment | Self::Rollout => Resource::ReplicaSets,
            Self::StatefulSet | Self::DaemonSet => Resource::ControllerRevisions,
        }
    }

    /// Whether its controller knows how to hold a rollout: `spec.paused`.
    pub(super) const fn pauses(self) -> bool {
        matches!(self, Self::Deployment | Self::Rollout)
    }
}

impl Resource {
    /// `/apis/apps/v1`.
    pub(super) const fn api(self) -> &'static str {
        match self {
            Self::Of(Species::Rollout) | Self::AnalysisRuns => "/apis/argoproj.io/v1alpha1",
            Self::Of(_) | Self::ReplicaSets | Self::ControllerRevisions => "/apis/apps/v1",
            Self::Canaries => "/apis/flagger.app/v1beta1",
            Self::EndpointSlices => "/apis/discovery.k8s.io/v1",
            Self::Pods | Self::Services => "/api/v1",
            Self::Flux(kind) => kind.api(),
        }
    }

    /// `deployments`.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Of(Species::Deployment) => "deployments",
            Self::Of(Species::Rollout) => "rollouts",
            Self::Of(Species::StatefulSet) => "statefulsets",
            Self::Of(Species::DaemonSet) => "daemonsets",
            Self::ReplicaSets => "replicasets",
            Self::ControllerRevisions => "controllerrevisions",
            Self::Pods => "pods",
            Self::AnalysisRuns => "analysisruns",
            Self::Flux(kind) => kind.plural(),
            Self::Canaries => "canaries",
            Self::Services => "services",
            Self::EndpointSlices => "endpointslices",
        }
    }

    /// What one of them is called.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Of(species) => species.word(),
            Self::Canaries => "canary",
            Self::Services => "service",
            other => other.plural(),
        }
    }

    /// Its API group; empty for the core.
    pub(super) const fn group(self) -> &'static str {
        match self {
            Self::Of(species) => species.group(),
            Self::ReplicaSets | Self::ControllerRevisions => "apps",
            Self::AnalysisRuns => "argoproj.io",
            Self::Canaries => "flagger.app",
            Self::EndpointSlices => "discovery.k8s.io",
            Self::Pods | Self::Services => "",
            Self::Flux(kind) => kind.group(),
        }
    }

    /// `deployments.apps`, as a role names it.
    pub(super) fn qualified(self) -> String {
        match self.group() {
            "" => self.plural().to_owned(),
            group => format!("{}.{group}", self.plural()),
        }
    }

    /// The path of all its objects in all namespaces.
    pub(super) fn everywhere(self) -> String {
        format!("{}/{}", self.api(), self.plural())
    }

    /// The path of all its objects in a namespace.
    pub(super) fn path(self, namespace: &str) -> String {
        format!("{}/namespaces/{namespace}/{}", self.api(), self.plural())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_workload_is_named_as_kubectl_names_it() {
        for (word, path) in [
            ("deployment", "/apis/apps/v1/namespaces/shop/deployments"),
            ("rollout", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts"),
            ("statefulset", "/apis/apps/v1/namespaces/shop/statefulsets"),
            ("daemonset", "/apis/apps/v1/namespaces/shop/daemonsets"),
        ] {
            let species = Species::of_word(word).unwrap();
            assert_eq!(Resource::Of(species).path("shop"), path);
            assert!(path.contains(species.group()), "{word}");
        }
        assert_eq!(Species::of_word("job"), None);
    }
}
