//! What a service looks like before the day begins: its seed, and how the seed becomes a real service.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a rolling update does when too many of its tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// Stop and wait for a human.
    #[default]
    Pause,
    /// Go on.
    Continue,
    /// Go back to the previous spec.
    Rollback,
}

/// How a rolling update goes: the service's `UpdateConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateRule {
    /// Tasks updated at once; 0 is all.
    pub parallelism: u64,
    /// Pause between batches.
    pub delay: Duration,
    /// How long a new task is watched for failure.
    pub monitor: Duration,
    /// Share of failed tasks, 0 to 1, that is still accepted.
    pub max_failure_ratio: f64,
    /// What happens beyond that share.
    pub failure_action: FailureAction,
}

impl Default for UpdateRule {
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: Duration::ZERO,
            monitor: Duration::from_secs(5),
            max_failure_ratio: 0.0,
            failure_action: FailureAction::Pause,
        }
    }
}

/// A service to be added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceSeed {
    /// The service's name, such as `shop_web`.
    pub name: String,
    /// The image that runs now.
    pub image: String,
    /// The image before that, when there is one step of history.
    pub previous_image: Option<String>,
    /// Wanted tasks.
    pub replicas: u64,
    /// Labels of the service, such as `com.docker.stack.namespace`.
    pub labels: BTreeMap<String, String>,
    /// Environment of its containers, `NAME=value`.
    pub env: Vec<String>,
    /// How updates go.
    pub update: UpdateRule,
}
