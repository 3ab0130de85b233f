//! Who else writes a workload and would undo a manual change: Argo CD, Flux, Helm, by their marks.
//!
//! Knows the marks only; knows nothing of what those tools are doing right now.

use super::wire::{ARGO_TRACKING, FLUX_RECONCILE, HELM_NAMESPACE, HELM_RELEASE, Meta};
use super::workload::Workload;
use crate::domain::{Owner, SafeText};

/// What Argo CD does to a change by hand.
const ARGO: &str = "would put a change of the template back within seconds (self-heal) or at the next sync; change \
                    it in Git, roll the application back in Argo CD, or switch auto-sync off first";
const FLUX: &str = "kustomize.toolkit.fluxcd.io";
const FLUX_HELM: &str = "helm.toolkit.fluxcd.io";

/// The owner of a workload, if its marks name one.
pub(super) fn owner(workload: &Workload, namespace: &str) -> Option<Owner> {
    let meta = &workload.meta;
    flagger(meta)
        .or_else(|| argo(workload, namespace))
        .or_else(|| argo_by_label(workload))
        .or_else(|| flux(meta))
        .or_else(|| flux_helm(meta))
        .or_else(|| helm(meta, namespace))
}

/// The owner of a Service, if its marks name one.
pub(super) fn of_service(meta: &Meta, namespace: &str) -> Option<Owner> {
    tracked(meta, "/Service", namespace)
        .or_else(|| flux(meta))
        .or_else(|| flux_helm(meta))
        .or_else(|| helm(meta, namespace))
}

/// The tool whose copies are its own: what is written into one is gone with the next copy.
pub(super) const FLAGGER: &str = "Flagger";

/// The copy of a Deployment that has the traffic.
fn flagger(meta: &Meta) -> Option<Owner> {
    let owner = meta.controller().filter(|owner| owner.kind == "Canary")?;
    Some(told(
        FLAGGER,
        &format!("canary {}", owner.name),
        "made it as a copy and writes it anew with every promotion; name workload = \"canary/NAME\" instead, and what it \
         copies from is changed",
    ))
}

fn told(tool: &str, name: &str, consequence: &str) -> Owner {
    Owner { tool: SafeText::new(tool), name: SafeText::new(name), consequence: SafeText::new(consequence) }
}

/// `app:group/Kind:namespace/name`. A mark that names another object was copied along with the manifest and
/// claims nothing.
fn argo(workload: &Workload, namespace: &str) -> Option<Owner> {
    let species = workload.species;
    tracked(&workload.meta, &format!("{}/{}", species.group(), species.kind()), namespace)
}

fn tracked(meta: &Meta, which: &str, namespace: &str) -> Option<Owner> {
    let id = meta.annotation(ARGO_TRACKING)?;
    let (rest, object) = id.rsplit_once(':')?;
    let (app, kind) = rest.rsplit_once(':')?;
    let itself = kind == which && object == format!("{namespace}/{}", meta.name);
    (itself && !app.is_empty()).then(|| told("Argo CD", app, ARGO))
}

/// The label is also Helm's habit; together with the controller's own writes it is a claim. A tracking id that
/// names another object overrules it.
fn argo_by_label(workload: &Workload) -> Option<Owner> {
    let app = workload.meta.label("app.kubernetes.io/instance")?;
    let claims = workload.argo_wrote && workload.meta.annotation(ARGO_TRACKING).is_none();
    (claims && !app.is_empty()).then(|| told("Argo CD", app, ARGO))
}

fn labelled<'a>(meta: &'a Meta, prefix: &str) -> Option<(&'a str, &'a str)> {
    let name = meta.label(&format!("{prefix}/name"))?;
    let namespace = meta.label(&format!("{prefix}/namespace")).unwrap_or_default();
    (!name.is_empty()).then_some((namespace, name))
}

fn flux(meta: &Meta) -> Option<Owner> {
    let (namespace, name) = labelled(meta, FLUX)?;
    let consequence = if meta.annotation(FLUX_RECONCILE) == Some("disabled") {
        "leaves this object alone while its reconcile annotation says disabled; it puts changes back once that is gone"
    } else {
        "would put a change back at its next interval; change it in Git, or suspend the Kustomization first"
    };
    Some(told("Flux", &format!("kustomization {namespace}/{name}"), consequence))
}

fn flux_helm(meta: &Meta) -> Option<Owner> {
    let (namespace, name) = labelled(meta, FLUX_HELM)?;
    Some(told(
        "Flux",
        &format!("helmrelease {namespace}/{name}"),
        "would put a change back at the next upgrade, or sooner with drift detection; change it in Git, or suspend \
         the HelmRelease first",
    ))
}

/// `app.kubernetes.io/managed-by: Helm` alone is a habit of charts; with the release's name it is a claim. What Helm knows
/// of a release lies in Secrets that hold every value of it: they are not read, and the way back is left to Helm.
fn helm(meta: &Meta, namespace: &str) -> Option<Owner> {
    let release = meta.annotation(HELM_RELEASE)?;
    let kept = meta.annotation(HELM_NAMESPACE).unwrap_or(namespace);
    (meta.label("app.kubernetes.io/managed-by") == Some("Helm")).then(|| {
        let consequence = format!(
            "overwrites a change by hand with its next upgrade; its own way back: helm history {release} -n {kept}, then \
             helm rollback {release} REVISION -n {kept}"
        );
        told("Helm", release, &consequence)
    })
}

/// What to write into the config so that an owner is watched and can be held here; none where nothing can.
pub(super) fn configurable(owner: &Owner) -> Option<String> {
    let (key, name) = owner.name.as_str().split_once(' ').filter(|_| owner.tool == "Flux")?;
    Some(format!("owner = {{ source = \"..\", {key} = \"{name}\" }}"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn every_owner_is_known_by_its_marks_and_a_copied_mark_claims_nothing() {
        let argo = "argocd.argoproj.io/tracking-id";
        let flux = [
            ("kustomize.toolkit.fluxcd.io/name", "apps"),
            ("kustomize.toolkit.fluxcd.io/namespace", "flux-system"),
        ];
        let release = [("helm.toolkit.fluxcd.io/name", "web"), ("helm.toolkit.fluxcd.io/namespace", "shop")];
        let managed = [("app.kubernetes.io/managed-by", "Helm")];
        for (labels, annotations, expected) in [
            (&[][..], &[][..], None),
            (&[], &[(argo, "shop:apps/Deployment:shop/web")][..], Some(("Argo CD", "shop"))),
            (&[], &[(argo, "shop:apps/Deployment:shop/other")], None),
            (&[], &[(argo, "shop:apps/Deployment:elsewhere/web")], None),
            (&[], &[(argo, "shop:apps/StatefulSet:shop/web")], None),
            (&[], &[(argo, "nonsense")], None),
            (&[("app.kubernetes.io/instance", "shop")], &[], None),
            (&flux, &[], Some(("Flux", "kustomization flux-system/apps"))),
            (&release, &[], Some(("Flux", "helmrelease shop/web"))),
            (&managed, &[("meta.helm.sh/release-name", "web-release")], Some(("Helm", "web-release"))),
            (&managed, &[], None),
        ] {
            let deployment = fixture::deployment().labels(labels).annotations(annotations).cut();
            let found = owner(&deployment, "shop");
            let found = found.as_ref().map(|o| (o.tool.as_str(), o.name.as_str()));
            assert_eq!(found, expected, "{labels:?} {annotations:?}");
        }
    }

    #[test]
    fn argo_by_its_label_needs_its_own_hand_too() {
        let hand = serde_json::json!([{"manager": "argocd-controller", "operation": "Apply"}]);
        let labelled = || fixture::deployment().labels(&[("app.kubernetes.io/instance", "shop")]);
        assert_eq!(owner(&labelled().cut(), "shop"), None);
        let both = labelled().set("/metadata/managedFields", hand);
        assert_eq!(owner(&both.cut(), "shop").unwrap().tool.as_str(), "Argo CD");
        let copied =
            both.annotations(&[("argocd.argoproj.io/tracking-id", "shop:apps/Deployment:shop/other")]);
        assert_eq!(owner(&copied.cut(), "shop"), None);
    }

    #[test]
    fn a_release_of_helm_is_left_to_helm_and_its_commands_are_named_whole() {
        let marked = |more: &[(&str, &str)]| {
            let release = [("meta.helm.sh/release-name", "web-release")];
            let annotations: Vec<_> = release.iter().chain(more).copied().collect();
            fixture::deployment()
                .labels(&[("app.kubernetes.io/managed-by", "Helm")])
                .annotations(&annotations)
                .cut()
        };
        for (annotations, namespace) in
            [(&[][..], "shop"), (&[("meta.helm.sh/release-namespace", "releases")], "releases")]
        {
            let consequence = owner(&marked(annotations), "shop").unwrap().consequence;
            let command = format!("helm rollback web-release REVISION -n {namespace}");
            assert!(consequence.as_str().ends_with(&command), "{consequence}");
        }
    }

    #[test]
    fn an_owner_that_can_be_held_here_says_what_to_configure() {
        for (labels, expected) in [
            (
                [
                    ("kustomize.toolkit.fluxcd.io/name", "apps"),
                    ("kustomize.toolkit.fluxcd.io/namespace", "flux-system"),
                ],
                Some("owner = { source = \"..\", kustomization = \"flux-system/apps\" }"),
            ),
            (
                [("helm.toolkit.fluxcd.io/name", "web"), ("helm.toolkit.fluxcd.io/namespace", "shop")],
                Some("owner = { source = \"..\", helmrelease = \"shop/web\" }"),
            ),
        ] {
            let owner = owner(&fixture::deployment().labels(&labels).cut(), "shop").unwrap();
            assert_eq!(configurable(&owner).as_deref(), expected);
        }
        let helm = told("Helm", "web", "");
        assert_eq!(configurable(&helm), None);
    }

    #[test]
    fn a_flux_object_that_is_switched_off_says_so() {
        let deployment = fixture::deployment()
            .labels(&[("kustomize.toolkit.fluxcd.io/name", "apps")])
            .annotations(&[("kustomize.toolkit.fluxcd.io/reconcile", "disabled")])
            .cut();
        assert!(owner(&deployment, "shop").unwrap().consequence.as_str().contains("disabled"));
    }
}
