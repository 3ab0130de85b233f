//! A GitOps tool that keeps a Deployment as its repository says. Knows templates, nothing of Git.

use std::time::Duration;

/// Which GitOps tool keeps a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// Nobody: changes by hand stay.
    #[default]
    Nobody,
    /// Argo CD by its tracking-id annotation.
    ArgoCd {
        /// The Application's name.
        application: String,
        /// How long a strange template lives before it is put back; `None` when self-heal is off.
        self_heal: Option<Duration>,
    },
    /// A Flux Kustomization by its labels.
    Flux {
        /// The Kustomization's name.
        kustomization: String,
        /// How long a strange template lives before it is put back; `None` when it is suspended.
        self_heal: Option<Duration>,
    },
}
