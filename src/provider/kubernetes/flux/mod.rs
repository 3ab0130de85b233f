//! Flux as the owner of a place: the Kustomization or the HelmRelease that keeps it, what its source has of Git, and how
//! it is suspended and let go.
//!
//! Knows Flux's resources and nothing of a rollout. What it tells comes from the objects' own status: the controllers
//! themselves are never asked.
//!
//! Source of the behaviour: Flux's API references (`Kustomization` v1, `HelmRelease` v2, `GitRepository` v1).

mod act;
mod examine;
mod look;
mod state;
#[cfg(test)]
mod tests;
mod wire;

use super::{is_name, local};
use crate::domain::{Bound, Fault, Place};

pub(super) use self::act::prepare;
pub(super) use self::examine::examined;
pub(super) use self::look::Watches;

/// A resource of Flux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Keeps manifests of a source.
    Kustomization,
    /// Keeps a release of a chart.
    HelmRelease,
    /// A branch, tag or commit of a repository.
    GitRepository,
    /// An artifact of a registry.
    OciRepository,
    /// A bucket of an object store.
    Bucket,
}

impl Kind {
    const SOURCES: [Self; 3] = [Self::GitRepository, Self::OciRepository, Self::Bucket];

    /// `/apis/kustomize.toolkit.fluxcd.io/v1`.
    pub(super) const fn api(self) -> &'static str {
        match self {
            Self::Kustomization => "/apis/kustomize.toolkit.fluxcd.io/v1",
            Self::HelmRelease => "/apis/helm.toolkit.fluxcd.io/v2",
            Self::GitRepository | Self::OciRepository | Self::Bucket => "/apis/source.toolkit.fluxcd.io/v1",
        }
    }

    /// `kustomizations`.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Kustomization => "kustomizations",
            Self::HelmRelease => "helmreleases",
            Self::GitRepository => "gitrepositories",
            Self::OciRepository => "ocirepositories",
            Self::Bucket => "buckets",
        }
    }

    /// Its API group.
    pub(super) const fn group(self) -> &'static str {
        match self {
            Self::Kustomization => "kustomize.toolkit.fluxcd.io",
            Self::HelmRelease => "helm.toolkit.fluxcd.io",
            Self::GitRepository | Self::OciRepository | Self::Bucket => "source.toolkit.fluxcd.io",
        }
    }

    /// `kustomization`, as the config and Flux's own tool call it.
    const fn word(self) -> &'static str {
        match self {
            Self::Kustomization => "kustomization",
            Self::HelmRelease => "helmrelease",
            Self::GitRepository => "gitrepository",
            Self::OciRepository => "ocirepository",
            Self::Bucket => "bucket",
        }
    }

    /// `Kustomization`, as objects call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Kustomization => "Kustomization",
            Self::HelmRelease => "HelmRelease",
            Self::GitRepository => "GitRepository",
            Self::OciRepository => "OCIRepository",
            Self::Bucket => "Bucket",
        }
    }
}

/// What keeps a service in an environment.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Owned {
    /// The owner that a binding names: exactly one Kustomization or HelmRelease.
    ///
    /// # Errors
    /// When it names none, both, or what cannot be the name of one.
    pub(super) fn of(bound: &Bound) -> Result<Self, Fault> {
        let place = bound.place().ok_or_else(|| local("an owner needs an environment"))?;
        let named = [Kind::Kustomization, Kind::HelmRelease]
            .map(|kind| bound.settings.text(kind.word()).map(|text| (kind, text)));
        let (kind, text) = match named {
            [Some(one), None] | [None, Some(one)] => one,
            _ => {
                return Err(local(format!(
                    "the owner of {place} needs exactly one of kustomization and helmrelease"
                ))
                .with_hint("write kustomization = \"flux-system/apps\" or helmrelease = \"shop/web\""));
            }
        };
        match text.split_once('/') {
            Some((namespace, name)) if is_name(namespace) && is_name(name) => {
                Ok(Self { place, kind, namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(local(format!("{}: \"{text}\" is not NAMESPACE/NAME", kind.word()))
                .with_hint(format!("write {} = \"flux-system/apps\"", kind.word()))),
        }
    }

    /// Its path.
    fn path(&self) -> String {
        path(self.kind, &self.namespace, &self.name)
    }

    /// `kustomization flux-system/apps`, as the marks of what it keeps name it.
    fn named(&self) -> String {
        format!("{} {}/{}", self.kind.word(), self.namespace, self.name)
    }
}

fn path(kind: Kind, namespace: &str, name: &str) -> String {
    format!("{}/namespaces/{namespace}/{}/{name}", kind.api(), kind.plural())
}
