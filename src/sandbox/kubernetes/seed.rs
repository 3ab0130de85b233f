//! What a Deployment looks like before the day begins: its seed, and how the seed becomes real objects.

use super::ownership::Owner;
use std::collections::BTreeMap;
use std::time::Duration;

/// A Deployment to be added, with the revisions it went through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeploymentSeed {
    /// Namespace; created when missing.
    pub namespace: String,
    /// Name of the Deployment; also the value of its `app` label.
    pub name: String,
    /// Name of its one container.
    pub container: String,
    /// The image that runs now.
    pub image: String,
    /// The change cause of the current revision; empty for none.
    pub change_cause: String,
    /// Wanted pods.
    pub replicas: u32,
    /// More labels on the Deployment and its pods.
    pub labels: BTreeMap<String, String>,
    /// More annotations on the Deployment.
    pub annotations: BTreeMap<String, String>,
    /// Earlier revisions, oldest first: image and change cause (empty for none).
    pub history: Vec<(String, String)>,
    /// `spec.progressDeadlineSeconds`; the API server's default of 600 s when `None`.
    pub progress_deadline: Option<Duration>,
    /// Which GitOps tool keeps it, if any.
    pub owner: Owner,
}
