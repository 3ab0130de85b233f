//! The resources that this API server serves. A table; no behaviour.

use serde_json::{Value, json};

/// One resource of the API.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// API group; empty for the core group.
    pub(super) group: &'static str,
    /// Plural name, as in the path.
    pub(super) plural: &'static str,
    /// Singular name.
    pub(super) singular: &'static str,
    /// Kind of its objects.
    pub(super) kind: &'static str,
    /// Short names that clients expand.
    pub(super) short: &'static [&'static str],
    /// Whether its objects live in a namespace.
    pub(super) scope: Scope,
    /// Field selectors beyond `metadata.name` and `metadata.namespace`.
    pub(super) fields: &'static [&'static str],
}

/// Where a resource's objects live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster.
    Cluster,
}

/// `apps/v1` Deployments.
pub(super) static DEPLOYMENTS: Resource = Resource {
    group: "apps",
    plural: "deployments",
    singular: "deployment",
    kind: "Deployment",
    short: &["deploy"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `apps/v1` ReplicaSets.
pub(super) static REPLICASETS: Resource = Resource {
    group: "apps",
    plural: "replicasets",
    singular: "replicaset",
    kind: "ReplicaSet",
    short: &["rs"],
    scope: Scope::Namespaced,
    fields: &["status.replicas"],
};
/// `apps/v1` StatefulSets.
pub(super) static STATEFULSETS: Resource = Resource {
    group: "apps",
    plural: "statefulsets",
    singular: "statefulset",
    kind: "StatefulSet",
    short: &["sts"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `apps/v1` DaemonSets.
pub(super) static DAEMONSETS: Resource = Resource {
    group: "apps",
    plural: "daemonsets",
    singular: "daemonset",
    kind: "DaemonSet",
    short: &["ds"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `apps/v1` ControllerRevisions.
pub(super) static CONTROLLERREVISIONS: Resource = Resource {
    group: "apps",
    plural: "controllerrevisions",
    singular: "controllerrevision",
    kind: "ControllerRevision",
    short: &[],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `argoproj.io/v1alpha1` Rollouts: a custom resource.
pub(super) static ROLLOUTS: Resource = Resource {
    group: "argoproj.io",
    plural: "rollouts",
    singular: "rollout",
    kind: "Rollout",
    short: &["ro"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `argoproj.io/v1alpha1` AnalysisRuns: a custom resource.
pub(super) static ANALYSISRUNS: Resource = Resource {
    group: "argoproj.io",
    plural: "analysisruns",
    singular: "analysisrun",
    kind: "AnalysisRun",
    short: &["ar"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `kustomize.toolkit.fluxcd.io/v1` Kustomizations: a custom resource of Flux.
pub(super) static KUSTOMIZATIONS: Resource = Resource {
    group: "kustomize.toolkit.fluxcd.io",
    plural: "kustomizations",
    singular: "kustomization",
    kind: "Kustomization",
    short: &["ks"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `helm.toolkit.fluxcd.io/v2` HelmReleases: a custom resource of Flux.
pub(super) static HELMRELEASES: Resource = Resource {
    group: "helm.toolkit.fluxcd.io",
    plural: "helmreleases",
    singular: "helmrelease",
    kind: "HelmRelease",
    short: &["hr"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `source.toolkit.fluxcd.io/v1` GitRepositories: a custom resource of Flux.
pub(super) static GITREPOSITORIES: Resource = Resource {
    group: "source.toolkit.fluxcd.io",
    plural: "gitrepositories",
    singular: "gitrepository",
    kind: "GitRepository",
    short: &["gitrepo"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `flagger.app/v1beta1` Canaries: a custom resource.
pub(super) static CANARIES: Resource = Resource {
    group: "flagger.app",
    plural: "canaries",
    singular: "canary",
    kind: "Canary",
    short: &["cd"],
    scope: Scope::Namespaced,
    fields: &[],
};
/// `discovery.k8s.io/v1` EndpointSlices.
pub(super) static ENDPOINTSLICES: Resource = Resource {
    group: "discovery.k8s.io",
    plural: "endpointslices",
    singular: "endpointslice",
    kind: "EndpointSlice",
    short: &[],
    scope: Scope::Namespaced,
    fields: &[],
};
/// Core Services.
pub(super) static SERVICES: Resource = Resource {
    group: "",
    plural: "services",
    singular: "service",
    kind: "Service",
    short: &["svc"],
    scope: Scope::Namespaced,
    fields: &["spec.clusterIP", "spec.type"],
};
/// Core Pods.
pub(super) static PODS: Resource = Resource {
    group: "",
    plural: "pods",
    singular: "pod",
    kind: "Pod",
    short: &["po"],
    scope: Scope::Namespaced,
    fields: &["spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP"],
};
/// Core Events.
pub(super) static EVENTS: Resource = Resource {
    group: "",
    plural: "events",
    singular: "event",
    kind: "Event",
    short: &["ev"],
    scope: Scope::Namespaced,
    fields: &[
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "reason",
        "type",
    ],
};
/// Core Namespaces.
pub(super) static NAMESPACES: Resource = Resource {
    group: "",
    plural: "namespaces",
    singular: "namespace",
    kind: "Namespace",
    short: &["ns"],
    scope: Scope::Cluster,
    fields: &["status.phase"],
};

/// Every resource.
pub(super) static ALL: [&Resource; 16] = [
    &DEPLOYMENTS,
    &REPLICASETS,
    &STATEFULSETS,
    &DAEMONSETS,
    &CONTROLLERREVISIONS,
    &ROLLOUTS,
    &ANALYSISRUNS,
    &KUSTOMIZATIONS,
    &HELMRELEASES,
    &GITREPOSITORIES,
    &CANARIES,
    &ENDPOINTSLICES,
    &SERVICES,
    &PODS,
    &EVENTS,
    &NAMESPACES,
];

/// What owns pods by way of a template.
pub(super) static WORKLOADS: [&Resource; 4] = [&DEPLOYMENTS, &STATEFULSETS, &DAEMONSETS, &ROLLOUTS];

impl Resource {
    /// The resource of this group and plural name.
    pub(super) fn find(group: &str, plural: &str) -> Option<&'static Resource> {
        ALL.into_iter().find(|r| r.group == group && r.plural == plural)
    }

    /// `apps/v1` or `v1`.
    pub(super) fn api_version(&self) -> &'static str {
        match self.group {
            "" => "v1",
            "argoproj.io" => "argoproj.io/v1alpha1",
            "kustomize.toolkit.fluxcd.io" => "kustomize.toolkit.fluxcd.io/v1",
            "helm.toolkit.fluxcd.io" => "helm.toolkit.fluxcd.io/v2",
            "source.toolkit.fluxcd.io" => "source.toolkit.fluxcd.io/v1",
            "flagger.app" => "flagger.app/v1beta1",
            "discovery.k8s.io" => "discovery.k8s.io/v1",
            _ => "apps/v1",
        }
    }

    /// The one version of a group besides the oldest ones.
    pub(super) fn version_of(group: &str) -> Option<&'static str> {
        let found = ALL.into_iter().find(|r| !["", "apps"].contains(&r.group) && r.group == group)?;
        found.api_version().split_once('/').map(|(_, version)| version)
    }

    /// Whether it was defined in the cluster: such objects have no strategic merge, and their status is a part of its
    /// own.
    pub(super) fn is_custom(&self) -> bool {
        !["", "apps", "discovery.k8s.io"].contains(&self.group)
    }

    /// Whether its objects count the changes of what they ask for.
    pub(super) fn has_generation(&self) -> bool {
        !self.group.is_empty() && self.plural != CONTROLLERREVISIONS.plural
    }

    /// `deployments.apps` or `pods`.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Deployment.apps` or `Pod`.
    pub(super) fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// Its entry in the discovery document.
    pub(super) fn discovery(&self) -> Value {
        json!({
            "name": self.plural, "singularName": self.singular,
            "namespaced": self.scope == Scope::Namespaced, "kind": self.kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            "shortNames": self.short
        })
    }
}
