//! What the engine says of a container and of an image, as it says it.
//!
//! Source: the Engine API reference (1.40 to 1.51), `GET /containers/json`, `/containers/{id}/json`,
//! `/images/{name}/json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::{Artifact, SafeText};

/// One container of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Row {
    pub(super) id: SafeText,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    pub(super) state: SafeText,
}

impl Row {
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether this is its whole name; the engine filters by parts of names.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.names.iter().flatten().any(|n| n.strip_prefix('/') == Some(name))
    }
}

/// `GET /containers/{id}/json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Container {
    pub(super) id: SafeText,
    name: String,
    /// The image's id, whatever its tags mean by now.
    pub(super) image: SafeText,
    #[serde(default)]
    pub(super) created: Option<Timestamp>,
    #[serde(default)]
    pub(super) restart_count: u32,
    pub(super) state: State,
    pub(super) config: Config,
    #[serde(default)]
    pub(super) host_config: HostConfig,
}

/// How a container stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub(super) status: SafeText,
    #[serde(default, rename = "OOMKilled")]
    pub(super) oom_killed: bool,
    #[serde(default)]
    pub(super) exit_code: i64,
    #[serde(default)]
    pub(super) error: Option<SafeText>,
    #[serde(default)]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) finished_at: Option<Timestamp>,
    /// Only with a health check.
    #[serde(default)]
    pub(super) health: Option<Health>,
}

/// What the health check says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Health {
    /// `none`, `starting`, `healthy`, `unhealthy`.
    pub(super) status: SafeText,
}

/// What it was made from: what is read of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Config {
    image: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// Seconds; below 0 it is never killed.
    #[serde(default)]
    pub(super) stop_timeout: Option<i64>,
}

/// How it is run: what is read of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct HostConfig {
    pub(super) auto_remove: bool,
    pub(super) restart_policy: RestartPolicy,
    pub(super) network_mode: String,
}

/// When the engine starts it again by itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RestartPolicy {
    pub(super) name: String,
}

impl Container {
    pub(super) fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether the engine keeps it going, well or not.
    pub(super) fn goes(&self) -> bool {
        matches!(self.state.status.as_str(), "running" | "restarting" | "paused")
    }

    /// Whether it serves, as far as the engine can tell.
    pub(super) fn ready(&self) -> bool {
        self.state.status == "running" && matches!(self.health(), None | Some("none" | "healthy"))
    }

    pub(super) fn health(&self) -> Option<&str> {
        self.state.health.as_ref().map(|health| health.status.as_str())
    }

    /// When it was started last; none if it never was.
    pub(super) fn started(&self) -> Option<Timestamp> {
        self.state.started_at.filter(|at| at.as_second() > 0)
    }

    pub(super) fn finished(&self) -> Option<Timestamp> {
        self.state.finished_at.filter(|at| at.as_second() > 0)
    }

    /// Whether it ran, and was stopped and kept.
    pub(super) fn kept(&self) -> bool {
        self.state.status == "exited" && self.started().is_some()
    }

    /// When somebody asked for it last: by starting it, else by making it.
    pub(super) fn asked_for(&self) -> Option<Timestamp> {
        self.started().max(self.created)
    }

    /// What it runs, with the digest under which the engine pulled that very image.
    pub(super) fn artifact(&self, image: Option<&Image>) -> Artifact {
        let mut artifact = Artifact::from_reference(&self.config.image);
        let Some(image) = image else { return artifact };
        if self.config.image.starts_with("sha256:") || *image.id.as_str() == *self.config.image {
            let tag = image.repo_tags.iter().flatten().next();
            artifact = tag.map_or(artifact, |tag| Artifact::from_reference(tag));
        }
        if artifact.digest.is_none() {
            artifact.digest = image.digest_in(artifact.repository());
        }
        artifact
    }
}

/// `GET /images/{name}/json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Image {
    pub(super) id: SafeText,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    /// What its containers get unless they are told otherwise.
    #[serde(default)]
    pub(super) config: Value,
}

impl Image {
    /// The digest under which it was pulled from (or pushed to) this repository.
    pub(super) fn digest_in(&self, repository: &str) -> Option<SafeText> {
        let digests = self.repo_digests.iter().flatten().filter_map(|d| d.split_once('@'));
        let mut same = digests.filter(|(of, _)| familiar(of) == familiar(repository));
        same.next().map(|(_, digest)| SafeText::new(digest)).filter(|d| d.as_str().starts_with("sha256:"))
    }
}

/// A repository as the engine shows it: `docker.io/library/nginx` is `nginx`.
fn familiar(repository: &str) -> &str {
    let bare = repository.strip_prefix("docker.io/").unwrap_or(repository);
    bare.strip_prefix("library/").unwrap_or(bare)
}
