//! What we may in the cluster, asked by the reviews that Kubernetes has for that: they are posed as objects and
//! create nothing, so they go out as reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Kubernetes;
use super::link::Link;
use super::namespace;
use super::reach::Wide;
use super::species::{Resource, Species};
use crate::provider::examine::{Finding, Standing};

/// So many namespaces are examined at once, and so many are told one by one.
const FEW: usize = 8;

/// Verb and what it is done to, for everything that workloads of these kinds need.
fn wanted(species: &BTreeSet<Species>, fronts: &BTreeSet<Resource>) -> Vec<(&'static str, Resource)> {
    let mut wanted = BTreeSet::new();
    for kind in species {
        let verbs = ["get", "list", "watch", "patch"];
        wanted.extend(verbs.map(|verb| (verb, Resource::Of(*kind))));
        wanted.insert(("list", kind.memory()));
    }
    wanted.insert(("list", Resource::Pods));
    for front in fronts {
        wanted.extend(["get", "list", "watch"].map(|verb| (verb, *front)));
        if *front == Resource::Services {
            wanted.insert(("patch", *front));
        }
    }
    wanted.into_iter().collect()
}

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
        let mut namespaces: BTreeMap<&str, (BTreeSet<Species>, BTreeSet<Resource>)> = BTreeMap::new();
        for binding in &self.bindings {
            let (species, fronts) = namespaces.entry(&binding.namespace).or_default();
            species.insert(binding.species);
            fronts.extend(binding.front.resources());
        }
        // Which watches are allowed is known once they have begun.
        namespace::settle(&open.namespaces, &open.turns, self.asked.patience).await;
        findings.extend(reach(&open.wides));
        let namespaces: Vec<_> = namespaces.into_iter().collect();
        let mut told = Vec::new();
        for some in namespaces.chunks(FEW) {
            told.extend(join_all(some.iter().map(|(name, needs)| in_namespace(link, name, needs))).await);
        }
        findings.extend(few(told));
        findings.extend(super::flux::examined(link, &self.owned).await);
        findings
    }
}

/// What is watched in the cluster as a whole, and what it costs where that is not permitted.
fn reach(wides: &[Arc<Wide>]) -> Option<Finding> {
    let called = |wides: &[&Arc<Wide>]| {
        wides.iter().map(|wide| wide.resource().plural()).collect::<Vec<_>>().join(", ")
    };
    let (refused, kept): (Vec<_>, Vec<_>) = wides.iter().partition(|wide| wide.refusal().is_some());
    let Some(fault) = refused.iter().find_map(|wide| wide.refusal()) else {
        let says = format!("{}: one watch each for the whole cluster", called(&kept));
        return (!kept.is_empty()).then(|| Finding::well("watches", says));
    };
    let watches: usize = refused.iter().map(|wide| wide.namespaces()).sum();
    let hourly: u64 = refused.iter().map(|wide| wide.each_hourly()).sum();
    let says = format!(
        "{} cannot be watched for the whole cluster ({}): {watches} watches, one for each namespace, in place of {}; about \
         {hourly} requests an hour in place of {}",
        called(&refused),
        fault.detail,
        refused.len(),
        refused.len() * 12,
    );
    let resources: Vec<String> = refused.iter().map(|wide| wide.resource().qualified()).collect();
    let mend = format!(
        "kubectl create clusterrole gonogo-look --verb=get,list,watch --resource={}   # and a clusterrolebinding",
        resources.join(",")
    );
    Some(Finding::worth("watches", says, mend))
}

/// Many namespaces that are as they should be are told as one, and of the others the first.
fn few(findings: Vec<Finding>) -> Vec<Finding> {
    if findings.len() <= FEW {
        return findings;
    }
    let all = findings.len();
    let (well, mut others): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.standing == Standing::Well);
    let more = others.len().saturating_sub(FEW);
    others.truncate(FEW);
    if let (Some(last), 1..) = (others.last().cloned(), more) {
        let says = format!("{more} more of {all} namespaces are not as they should be");
        others.push(Finding { says: says.as_str().into(), ..last });
    }
    if !well.is_empty() {
        let says =
            format!("{} of {all} namespaces: promote, roll back, pause and resume are allowed", well.len());
        others.insert(0, Finding::well("permissions", says));
    }
    others
}

async fn in_namespace(
    link: &Link,
    namespace: &str,
    (species, fronts): &(BTreeSet<Species>, BTreeSet<Resource>),
) -> Finding {
    let reviews = wanted(species, fronts).into_iter().map(|(verb, resource)| async move {
        let what = format!("{verb} {}", resource.plural());
        (what, review(link, namespace, verb, resource.group(), resource.plural()).await)
    });
    let mut told = Told::default();
    for (what, allowed) in join_all(reviews).await {
        match allowed {
            Some(true) => {}
            Some(false) => told.denied.push(what),
            None => told.untold += 1,
        }
    }
    says(namespace, species, &told)
}

pub(super) async fn review(
    link: &Link,
    namespace: &str,
    verb: &str,
    group: &str,
    resource: &str,
) -> Option<bool> {
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"namespace": namespace, "verb": verb, "group": group, "resource": resource}}
    });
    let answer = link.ask("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &question).await.ok()?;
    answer.pointer("/status/allowed").and_then(Value::as_bool)
}

fn says(namespace: &str, species: &BTreeSet<Species>, told: &Told) -> Finding {
    let workloads = species.iter().map(|s| format!("{}.{}", Resource::Of(*s).plural(), s.group()));
    let workloads = workloads.collect::<Vec<_>>().join(",");
    let role = |verbs: &str, resources: &str| {
        format!(
            "kubectl create role gonogo --namespace={namespace} --verb={verbs} --resource={resources}   # and a rolebinding"
        )
    };
    let reads = told.denied.iter().any(|what| !what.starts_with("patch"));
    if reads {
        let denied = told.denied.join(", ");
        let memories: BTreeSet<String> =
            species.iter().map(|s| format!("{}.apps", s.memory().plural())).collect();
        let memories = memories.into_iter().collect::<Vec<_>>().join(",");
        let mend = role("get,list,watch", &format!("{workloads},{memories},pods"));
        return Finding::ill("permissions", format!("{namespace}: we may not {denied}"), mend);
    }
    if !told.denied.is_empty() {
        let says =
            format!("{namespace}: everything can be seen and nothing changed: we may not patch {workloads}");
        return Finding::worth("permissions", says, role("patch", &workloads));
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

    #[test]
    fn many_namespaces_are_told_in_a_few_lines() {
        let well = |n: usize| vec![Finding::well("permissions", "fine"); n];
        let ill = |n: usize| vec![Finding::ill("permissions", "no", "mend it"); n];
        assert_eq!(few(well(3)).len(), 3);
        let told = few([well(490), ill(10)].concat());
        let told: Vec<_> = told.iter().map(|finding| (finding.standing, finding.says.as_str())).collect();
        assert_eq!(told.len(), 1 + FEW + 1);
        assert!(told[0].1.starts_with("490 of 500"), "{told:?}");
        assert_eq!(told[FEW + 1], (Standing::Ill, "2 more of 500 namespaces are not as they should be"));
    }

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
            let finding = says("shop", &BTreeSet::from([Species::Deployment]), &told);
            assert_eq!(finding.standing, standing);
            assert!(finding.says.as_str().contains(word), "{}", finding.says);
            assert_eq!(finding.mend.is_some(), standing != Standing::Well);
        }
    }
}
