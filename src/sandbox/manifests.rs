//! The repository of manifests that GitOps tools follow: a real bare git repository, with a folder for each service
//! that is kept so, and one commit for every version that its production got. Knows git and the script of a service,
//! and nothing of the tools.

use super::SandboxError;
use super::history::signature;
use super::images::{reference, tag};
use super::scenario::{Keeper, ServiceScript};
use git2::build::TreeUpdateBuilder;
use git2::{Commit, Oid, Repository};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};

/// The branch that is followed.
pub const BRANCH: &str = "main";
/// Hours between two versions of one service.
const PACE_HOURS: i64 = 50;
/// How many versions lie in the history.
const VERSIONS: usize = 4;
/// How far back a log goes.
const LOG: usize = 200;

/// The repository. Clones are the same repository.
#[derive(Clone, Debug)]
pub struct Manifests {
    path: PathBuf,
    registry: String,
}

/// A commit that changed a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its id.
    pub id: String,
    /// Its first line.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// The folder of a service's production.
#[must_use]
pub fn folder(service: &str) -> String {
    format!("apps/{service}/production")
}

impl Manifests {
    /// Makes it below `root`, for every service that is kept by a GitOps tool; none if none is.
    pub(super) fn make(
        root: &Path,
        services: &[ServiceScript],
        registry: &str,
        start: Timestamp,
    ) -> Result<Option<Self>, SandboxError> {
        let kept: Vec<_> = services.iter().filter(|s| s.kept_by != Keeper::Nobody).collect();
        if kept.is_empty() {
            return Ok(None);
        }
        let path = root.join("manifests").join("deploys.git");
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head(BRANCH).mkpath(true);
        let repository = Repository::init_opts(&path, &options)?;
        // A hosting service takes pushes over HTTP from whoever it knows.
        repository.config()?.set_bool("http.receivepack", true)?;
        let made = Self { path, registry: registry.to_owned() };
        for script in kept {
            made.history(script, start)?;
        }
        Ok(Some(made))
    }

    fn history(&self, script: &ServiceScript, start: Timestamp) -> Result<(), SandboxError> {
        let until = script.tags.iter().position(|tag| *tag == script.live).map_or(0, |at| at + 1);
        let versions = script.tags.get(until.saturating_sub(VERSIONS)..until).unwrap_or_default();
        let count = i64::try_from(versions.len()).unwrap_or(0);
        for (round, version) in (0..).zip(versions) {
            let age = SignedDuration::from_hours(PACE_HOURS * (count - round - 1))
                + SignedDuration::from_mins(script.live_for);
            self.ship(&script.name, version, script.replicas, "omar", start - age)?;
        }
        Ok(())
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Commits a version to the branch, as a pipeline would.
    pub(super) fn ship(
        &self,
        service: &str,
        version: &str,
        replicas: u32,
        by: &str,
        at: Timestamp,
    ) -> Result<String, SandboxError> {
        let image = reference(&self.registry, service, version);
        let text = manifest(service, &image, replicas);
        let repository = Repository::open(&self.path)?;
        let blob = repository.blob(text.as_bytes())?;
        let parent = head(&repository);
        let base = match &parent {
            Some(parent) => parent.tree()?,
            None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
        };
        let mut update = TreeUpdateBuilder::new();
        update.upsert(format!("{}/deployment.yaml", folder(service)), blob, git2::FileMode::Blob);
        let tree = repository.find_tree(update.create_updated(&repository, &base)?)?;
        let author = signature(by, at)?;
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        let message = format!("{service} {version} to production\n");
        let commit = repository.commit(None, &author, &author, &message, &tree, &parents)?;
        repository.reference(&format!("refs/heads/{BRANCH}"), commit, true, "ship")?;
        Ok(commit.to_string())
    }

    /// The commit that the branch stands at.
    #[must_use]
    pub fn tip(&self) -> Option<String> {
        let repository = Repository::open(&self.path).ok()?;
        Some(head(&repository)?.id().to_string())
    }

    /// The image that a revision asks for, of a service's production.
    #[must_use]
    pub fn image_at(&self, revision: &str, service: &str) -> Option<String> {
        let repository = Repository::open(&self.path).ok()?;
        let commit = repository.find_commit(Oid::from_str(revision).ok()?).ok()?;
        let entry =
            commit.tree().ok()?.get_path(Path::new(&folder(service)).join("deployment.yaml").as_path());
        let blob = repository.find_blob(entry.ok()?.id()).ok()?;
        let text = String::from_utf8_lossy(blob.content()).into_owned();
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix("image: "))?;
        Some(line.trim().to_owned())
    }

    /// The version that a revision asks for.
    #[must_use]
    pub fn version_at(&self, revision: &str, service: &str) -> Option<String> {
        self.image_at(revision, service).map(|image| tag(&image).to_owned())
    }

    /// What changed the folder of a service's production, newest first.
    #[must_use]
    pub fn log(&self, service: &str) -> Vec<Change> {
        let Ok(repository) = Repository::open(&self.path) else { return Vec::new() };
        let wanted = folder(service);
        let tree_of = |commit: &Commit<'_>| {
            let entry = commit.tree().ok()?.get_path(Path::new(&wanted)).ok()?;
            Some(entry.id())
        };
        let mut changes = Vec::new();
        let mut next = head(&repository);
        for _ in 0..LOG {
            let Some(commit) = next.take() else { break };
            let parent = commit.parent(0).ok();
            if tree_of(&commit) != parent.as_ref().and_then(tree_of) {
                changes.push(Change {
                    id: commit.id().to_string(),
                    subject: commit.summary().ok().flatten().unwrap_or_default().to_owned(),
                    author: commit.author().name().unwrap_or_default().to_owned(),
                    at: Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
                });
            }
            next = parent;
        }
        changes
    }
}

fn head(repository: &Repository) -> Option<Commit<'_>> {
    repository.find_reference(&format!("refs/heads/{BRANCH}")).ok()?.peel_to_commit().ok()
}

fn manifest(service: &str, image: &str, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {service}\n  namespace: production\nspec:\n  \
         replicas: {replicas}\n  selector:\n    matchLabels:\n      app: {service}\n  template:\n    metadata:\n      \
         labels:\n        app: {service}\n    spec:\n      containers:\n        - name: {service}\n          \
         image: {image}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Scenario;

    #[test]
    fn every_version_that_production_got_is_a_commit_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let mut script = Scenario::named("canary-degrades").unwrap().services;
        let search = script.iter_mut().find(|s| s.name == "search").unwrap();
        search.kept_by = Keeper::ArgoCd;
        let made =
            Manifests::make(root.path(), &script, "r.test:5000", Timestamp::UNIX_EPOCH).unwrap().unwrap();
        let log = made.log("search");
        assert_eq!(log.len(), VERSIONS);
        assert_eq!(made.tip(), Some(log[0].id.clone()));
        let versions: Vec<_> = log.iter().map(|c| made.version_at(&c.id, "search").unwrap()).collect();
        assert_eq!(versions, ["v4.1.1", "v4.1.0", "v4.0.1", "v4.0.0"]);
        let at = made.ship("search", "v4.2.0", 8, "omar", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(made.image_at(&at, "search").unwrap(), "r.test:5000/acme/search:v4.2.0");
        assert_eq!(made.log("other"), []);
        assert_eq!(made.version_at("no revision", "search"), None);
    }
}
