//! Discovery: the documents from which clients learn what this server speaks.

use super::request::Answer;
use super::resource::{ALL, Resource};
use serde_json::{Value, json};

/// The groups beside the core.
const NAMES: [&str; 9] = [
    "apps",
    "argoproj.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "discovery.k8s.io",
    "flagger.app",
    "helm.toolkit.fluxcd.io",
    "kustomize.toolkit.fluxcd.io",
    "source.toolkit.fluxcd.io",
];

/// Answers a discovery path; `None` for any other.
pub(super) fn serve(segments: &[&str]) -> Option<Answer> {
    let document = match segments {
        ["version"] => json!({
            "major": "1", "minor": "33", "gitVersion": "v1.33.4", "gitCommit": "sandbox", "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.24.5", "compiler": "gc", "platform": "linux/amd64"
        }),
        ["healthz" | "livez" | "readyz"] => return Some(Answer::Text("ok")),
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]
        }),
        ["apis"] => json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": groups()
        }),
        ["apis", name] if NAMES.contains(name) => {
            let mut found = group(name);
            super::store::set(&mut found, &["kind"], "APIGroup".into());
            super::store::set(&mut found, &["apiVersion"], "v1".into());
            found
        }
        ["api", "v1"] => resources("v1", served("")),
        ["apis", "apps", "v1"] => resources("apps/v1", served("apps")),
        ["apis", group, version] if Resource::version_of(group) == Some(version) => {
            resources(&format!("{group}/{version}"), served(group))
        }
        ["apis", "authorization.k8s.io", "v1"] => resources(
            "authorization.k8s.io/v1",
            vec![review("selfsubjectaccessreview", "SelfSubjectAccessReview")],
        ),
        ["apis", "authentication.k8s.io", "v1"] => {
            resources("authentication.k8s.io/v1", vec![review("selfsubjectreview", "SelfSubjectReview")])
        }
        _ => return None,
    };
    Some(Answer::Json(200, document))
}

fn group(name: &str) -> Value {
    let number = Resource::version_of(name).unwrap_or("v1");
    let version = json!({"groupVersion": format!("{name}/{number}"), "version": number});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

fn resources(version: &str, found: Vec<Value>) -> Value {
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found})
}

fn served(group: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for resource in ALL.iter().filter(|r| r.group == group) {
        found.push(resource.discovery());
        let namespaced = resource.scope == super::resource::Scope::Namespaced;
        if group == "discovery.k8s.io" {
            continue;
        }
        found.push(json!({
            "name": format!("{}/status", resource.plural), "singularName": "", "namespaced": namespaced,
            "kind": resource.kind, "verbs": ["get", "patch", "update"]
        }));
        if group == "apps" {
            found.push(json!({
                "name": format!("{}/scale", resource.plural), "singularName": "", "namespaced": namespaced,
                "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"]
            }));
        }
    }
    found
}

fn review(singular: &str, kind: &str) -> Value {
    json!({"name": format!("{singular}s"), "singularName": singular, "namespaced": false, "kind": kind, "verbs": ["create"]})
}

fn groups() -> Vec<Value> {
    NAMES.map(group).into()
}
