//! What we may in the cluster, asked by the reviews that Kubernetes has for that: they are posed as objects and
//! create nothing, so they go out as reads.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::link::Link;
use super::{Binding, Kubernetes};
use crate::provider::examine::Finding;

/// Verb, API group and resource of everything that is asked for.
const WANTED: [(&str, &str, &str); 6] = [
    ("get", "apps", "deployments"),
    ("list", "apps", "deployments"),
    ("watch", "apps", "deployments"),
    ("list", "apps", "replicasets"),
    ("list", "", "pods"),
    ("patch", "apps", "deployments"),
];

/// What the answers to the reviews add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    denied: Vec<String>,
    untold: usize,
}

impl Kubernetes {
    /// Where we are connected, how sure that is, and what we may in each namespace.
    pub(super) async fn examined(&self) -> Vec<Finding> {
        // A fault of connecting is told by the look.
        let Ok(open) = self.open().await else { return Vec::new() };
        let link = &open.link;
        let mut findings = vec![Finding::well("cluster", format!("context {}", link.place()))];
        findings.push(match link.trust.objection() {
            None => Finding::well("TLS", "the server proved who it is, or is on this machine"),
            Some(why) => {
                Finding::ill("TLS", why, "kubectl config set-cluster NAME --certificate-authority=FILE")
            }
        });
        let mut namespaces: Vec<&Binding> = Vec::new();
        for binding in &self.bindings {
            if !namespaces.iter().any(|known| known.namespace == binding.namespace) {
                namespaces.push(binding);
            }
        }
        findings.extend(join_all(namespaces.into_iter().map(|binding| in_namespace(link, binding))).await);
        findings
    }
}

async fn in_namespace(link: &Link, binding: &Binding) -> Finding {
    let reviews = WANTED.iter().map(|(verb, group, resource)| async move {
        (format!("{verb} {resource}"), review(link, &binding.namespace, verb, group, resource).await)
    });
    let mut told = Told::default();
    for (what, allowed) in join_all(reviews).await {
        match allowed {
            Some(true) => {}
            Some(false) => told.denied.push(what),
            None => told.untold += 1,
        }
    }
    says(&binding.namespace, &told)
}

async fn review(link: &Link, namespace: &str, verb: &str, group: &str, resource: &str) -> Option<bool> {
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"namespace": namespace, "verb": verb, "group": group, "resource": resource}}
    });
    let answer = link.ask("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &question).await.ok()?;
    answer.pointer("/status/allowed").and_then(Value::as_bool)
}

fn says(namespace: &str, told: &Told) -> Finding {
    let role = |verbs: &str, resources: &str| {
        format!(
            "kubectl create role gonogo --namespace={namespace} --verb={verbs} --resource={resources}   # and a rolebinding"
        )
    };
    let reads = told.denied.iter().any(|what| !what.starts_with("patch"));
    if reads {
        let denied = told.denied.join(", ");
        let mend = role("get,list,watch", "deployments.apps,replicasets.apps,pods");
        return Finding::ill("permissions", format!("{namespace}: we may not {denied}"), mend);
    }
    if !told.denied.is_empty() {
        let says =
            format!("{namespace}: everything can be seen and nothing changed: we may not patch deployments");
        return Finding::worth("permissions", says, role("patch", "deployments.apps"));
    }
    if told.untold > 0 {
        let says = format!("{namespace}: the cluster does not answer what we may");
        return Finding::worth(
            "permissions",
            says,
            format!("kubectl auth can-i --list --namespace={namespace}"),
        );
    }
    Finding::well("permissions", format!("{namespace}: promote, roll back, pause and resume are allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::examine::Standing;

    #[test]
    fn what_is_denied_decides_how_it_stands() {
        let told = |denied: &[&str], untold| Told {
            denied: denied.iter().map(|d| (*d).to_owned()).collect(),
            untold,
        };
        for (told, standing, word) in [
            (told(&[], 0), Standing::Well, "allowed"),
            (told(&["patch deployments"], 0), Standing::Worth, "nothing changed"),
            (told(&["list pods"], 0), Standing::Ill, "list pods"),
            (told(&[], 6), Standing::Worth, "does not answer"),
        ] {
            let finding = says("shop", &told);
            assert_eq!(finding.standing, standing);
            assert!(finding.says.as_str().contains(word), "{}", finding.says);
            assert_eq!(finding.mend.is_some(), standing != Standing::Well);
        }
    }
}
