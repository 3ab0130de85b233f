//! A GitOps tool that keeps a Deployment as its repository says. Knows templates, nothing of Git.

use super::fields::Writer;
use super::resource::DEPLOYMENTS;
use super::seed::DeploymentSeed;
use super::store::{State, annotate, set};
use serde_json::Value;
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

/// What a GitOps tool wants of one Deployment.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The template in the repository.
    pub(super) template: Value,
    /// The manager that puts it back.
    manager: &'static str,
    self_heal: Option<Duration>,
    /// How long the cluster has differed.
    drifted_for: Duration,
}

impl Owner {
    /// Puts the tool's marks on a Deployment.
    pub(super) fn mark(&self, seed: &DeploymentSeed, deployment: &mut Value) {
        let (namespace, name) = (&seed.namespace, &seed.name);
        match self {
            Self::Nobody => {}
            Self::ArgoCd { application, .. } => annotate(
                deployment,
                "argocd.argoproj.io/tracking-id",
                &format!("{application}:apps/Deployment:{namespace}/{name}"),
            ),
            Self::Flux { kustomization, .. } => {
                let labels = [("name", kustomization.as_str()), ("namespace", "flux-system")];
                for (key, value) in labels {
                    let label = format!("kustomize.toolkit.fluxcd.io/{key}");
                    set(deployment, &["metadata", "labels", &label], value.into());
                }
            }
        }
    }

    /// What the tool keeps from now on.
    pub(super) fn keep(&self, template: Value) -> Option<Kept> {
        let (manager, self_heal) = match self {
            Self::Nobody => return None,
            Self::ArgoCd { self_heal, .. } => ("argocd-controller", *self_heal),
            Self::Flux { self_heal, .. } => ("kustomize-controller", *self_heal),
        };
        Some(Kept { template, manager, self_heal, drifted_for: Duration::ZERO })
    }
}

impl State {
    /// One look of every GitOps tool at what it keeps.
    pub(super) fn heal(&mut self, elapsed: Duration) {
        let mut repairs = Vec::new();
        let mut kept = std::mem::take(&mut self.kept);
        for ((namespace, name), keeper) in &mut kept {
            let Some(deployment) = self.get(&DEPLOYMENTS, namespace, name).cloned() else { continue };
            if deployment.pointer("/spec/template").map(without_restart).as_ref() == Some(&keeper.template) {
                keeper.drifted_for = Duration::ZERO;
                continue;
            }
            keeper.drifted_for += elapsed;
            if keeper.self_heal.is_some_and(|patience| keeper.drifted_for >= patience) {
                let mut deployment = (*deployment).clone();
                set(&mut deployment, &["spec", "template"], keeper.template.clone());
                repairs.push((deployment, keeper.manager));
            }
        }
        self.kept = kept;
        for (mut deployment, manager) in repairs {
            let generation = super::store::number(&deployment, "/metadata/generation") + 1;
            set(&mut deployment, &["metadata", "generation"], generation.into());
            self.update(&DEPLOYMENTS, deployment, Writer { manager, subresource: "" });
        }
    }
}

/// A template without the mark of a restart: what Git says nothing of is nobody's to put back.
fn without_restart(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
        && notes.remove("kubectl.kubernetes.io/restartedAt").is_some()
        && notes.is_empty()
    {
        metadata.remove("annotations");
    }
    template
}
