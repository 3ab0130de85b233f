//! What we may of Flux in a cluster, for `gonogo doctor`.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::super::examine::review;
use super::super::link::Link;
use super::{Kind, Owned};
use crate::provider::examine::Finding;

/// One finding for each kind and namespace of these owners.
pub(in super::super) async fn examined(link: &Link, owned: &[Owned]) -> Vec<Finding> {
    let places: BTreeSet<(Kind, &str)> =
        owned.iter().map(|owned| (owned.kind, owned.namespace.as_str())).collect();
    join_all(places.into_iter().map(|(kind, namespace)| of_kind(link, kind, namespace))).await
}

/// What is looked at besides: where manifests come from, as a rule.
const fn besides(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Kustomization => Some(Kind::GitRepository),
        _ => None,
    }
}

async fn of_kind(link: &Link, kind: Kind, namespace: &str) -> Finding {
    let looks = [Some(kind), besides(kind)].into_iter().flatten();
    let reads = looks.flat_map(|kind| ["get", "list", "watch"].map(|verb| (verb, kind)));
    let reviews = reads.chain([("patch", kind)]).map(|(verb, kind)| async move {
        (verb, kind, review(link, namespace, verb, kind.group(), kind.plural()).await)
    });
    let told = join_all(reviews).await;
    let denied: Vec<_> = told.iter().filter(|(_, _, may)| *may == Some(false)).collect();
    says(
        kind,
        namespace,
        &denied.iter().map(|(verb, kind, _)| (*verb, *kind)).collect::<Vec<_>>(),
        told.iter().any(|t| t.2.is_none()),
    )
}

fn says(kind: Kind, namespace: &str, denied: &[(&str, Kind)], untold: bool) -> Finding {
    let role = |verbs: &str, kinds: &[Kind]| {
        let resources: Vec<_> = kinds.iter().map(|k| format!("{}.{}", k.plural(), k.group())).collect();
        format!(
            "kubectl create role gonogo-flux --namespace={namespace} --verb={verbs} --resource={}   # and a rolebinding",
            resources.join(",")
        )
    };
    let words: Vec<_> = denied.iter().map(|(verb, kind)| format!("{verb} {}", kind.plural())).collect();
    if denied.iter().any(|(verb, _)| *verb != "patch") {
        let kinds: Vec<_> = [Some(kind), besides(kind)].into_iter().flatten().collect();
        let says = format!("{namespace}: we may not {}", words.join(", "));
        return Finding::ill("Flux", says, role("get,list,watch", &kinds));
    }
    if !denied.is_empty() {
        let says = format!(
            "{namespace}: Flux can be seen, and neither held nor let go: we may not {}",
            words.join(", ")
        );
        return Finding::worth("Flux", says, role("patch", &[kind]));
    }
    if untold {
        let says = format!("{namespace}: the cluster does not answer what we may of Flux");
        return Finding::worth("Flux", says, format!("kubectl auth can-i --list --namespace={namespace}"));
    }
    Finding::well("Flux", format!("{namespace}: {} can be seen, held and let go", kind.plural()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::examine::Standing;

    #[test]
    fn what_is_denied_decides_how_it_stands() {
        use Kind::{GitRepository, Kustomization};
        for (denied, untold, standing, word) in [
            (&[][..], false, Standing::Well, "held and let go"),
            (&[("patch", Kustomization)], false, Standing::Worth, "neither held nor let go"),
            (&[("list", GitRepository)], false, Standing::Ill, "we may not list gitrepositories"),
            (&[], true, Standing::Worth, "does not answer"),
        ] {
            let finding = says(Kustomization, "flux-system", denied, untold);
            assert_eq!(finding.standing, standing);
            assert!(finding.says.as_str().contains(word), "{}", finding.says);
            assert_eq!(finding.mend.is_some(), standing != Standing::Well);
        }
    }
}
