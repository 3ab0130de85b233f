//! What is live in an environment: the newest deployment whose latest status is `success`.
//!
//! Never simply the newest one: a waiting, rejected or failed deployment is newer without being live.
//! Source: docs.github.com/rest/deployments.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::api::Api;
use super::bindings::{Project, Watch};
use super::look::{Fetched, Looker};
use super::runs::Links;
use super::wire;
use crate::domain::{Artifact, Cause, Fault, Live, SafeText};
use crate::provider::http::query;
use crate::provider::services::{Sight, locked};

/// How many pages of ten deployments are gone through for one that is live.
const PAGES: usize = 3;

/// How many deployments that can never be live again are remembered.
const REMEMBERED: usize = 4_096;

/// Deployments whose latest status is final and is not success: they need not be asked about again.
#[derive(Default)]
pub(super) struct Buried {
    ids: Mutex<BTreeSet<u64>>,
}

impl Buried {
    fn holds(&self, id: u64) -> bool {
        locked(&self.ids).contains(&id)
    }

    fn bury(&self, id: u64) {
        let mut ids = locked(&self.ids);
        ids.insert(id);
        if ids.len() > REMEMBERED {
            ids.pop_first();
        }
    }
}

/// What is live in an environment that GitHub knows by `name`; none if nothing ever was, or only long ago.
pub(super) async fn look(
    api: &Api,
    buried: &Buried,
    links: &Links,
    project: &Project,
    name: &str,
) -> Result<Option<Live>, Fault> {
    let mut path = Some(query(&project.path("/deployments"), &[("environment", name), ("per_page", "10")]));
    for _ in 0..PAGES {
        let Some(here) = path else { break };
        let page = api.get::<Vec<wire::Deployment>>(&here).await?;
        for deployment in page.value.iter().filter(|d| d.environment.as_ref().is_none_or(|e| same(e, name))) {
            if buried.holds(deployment.id) {
                continue;
            }
            if let Some(status) = success(api, buried, project, deployment.id).await? {
                return Ok(Some(live(deployment, &status, links)));
            }
        }
        path = page.next;
    }
    Ok(None)
}

fn same(environment: &SafeText, name: &str) -> bool {
    environment.as_str().eq_ignore_ascii_case(name)
}

/// The latest status of a deployment, if it is `success`.
async fn success(
    api: &Api,
    buried: &Buried,
    project: &Project,
    id: u64,
) -> Result<Option<wire::DeploymentStatus>, Fault> {
    let path = query(&project.path(&format!("/deployments/{id}/statuses")), &[("per_page", "1")]);
    let page = api.get::<Vec<wire::DeploymentStatus>>(&path).await?;
    let Some(latest) = page.value.first() else { return Ok(None) };
    match latest.state.as_str() {
        "success" => Ok(Some(latest.clone())),
        "failure" | "error" | "inactive" => {
            buried.bury(id);
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn live(deployment: &wire::Deployment, status: &wire::DeploymentStatus, links: &Links) -> Live {
    Live {
        artifact: Artifact {
            image: SafeText::default(),
            digest: None,
            version: deployment.reference.as_ref().and_then(|r| version(r.as_str())),
            revision: Some(deployment.sha.clone()),
        },
        since: status.created_at.or(deployment.created_at),
        url: [&status.environment_url, &status.log_url].into_iter().find_map(|u| links.safe(u.as_ref())),
    }
}

/// The version that a ref names: a tag, or something that can only be one (`v2.8.0`, `checkout-v2.8.0`). A branch
/// names no version: the next deployment from it would bear the same name.
pub(super) fn version(reference: &str) -> Option<SafeText> {
    if let Some(tag) = reference.strip_prefix("refs/tags/") {
        return Some(SafeText::new(tag));
    }
    let last = reference.rsplit(['/', '@']).next().unwrap_or(reference);
    let prefixed = last.len() != reference.len();
    let number = match last.split_once("-v") {
        Some((_, number)) if !prefixed => number,
        _ => match last.strip_prefix('v') {
            Some(number) => number,
            None if prefixed => return None,
            None => last,
        },
    };
    semver::Version::parse(number).ok().map(|_| SafeText::new(reference))
}

impl Looker<'_> {
    /// What is live in each environment of a service.
    pub(super) async fn environments(
        &self,
        watch: &Watch,
        generous: bool,
        fetched: &mut Fetched<'_>,
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        for (ours, theirs) in &watch.environments {
            let key = (fetched.project.clone(), theirs.clone());
            // Where nothing is under way, what one question to all told is as good.
            let told = if sight.pipeline.runs.iter().all(|run| run.state.ended()) {
                self.memory.told(fetched.project, theirs)
            } else {
                None
            };
            let generous = generous && told.is_none();
            let known = told.or_else(|| locked(&self.memory.live).get(&key).cloned());
            let seen = match (fetched.live.get(theirs), known) {
                (Some(seen), _) => seen.clone(),
                (None, Some(known)) if !generous => Ok(Some(known)),
                (None, _) => {
                    let seen = look(self.api, &self.memory.buried, self.links, fetched.project, theirs).await;
                    fetched.live.insert(theirs.clone(), seen.clone());
                    seen
                }
            };
            match seen {
                Ok(Some(live)) => {
                    locked(&self.memory.live).insert(key, live.clone());
                    sight.live.insert(watch.place(ours), live);
                }
                Ok(None) => {
                    locked(&self.memory.live).remove(&key);
                }
                // A right that is missing is no reason to hide runs and gates.
                Err(fault) if matches!(fault.cause, Cause::Forbidden | Cause::NotFound) => {
                    let hint = fault.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
                    let text = format!("deployments to {theirs} cannot be read: {}{hint}", fault.detail);
                    sight.pipeline.remarks.push(SafeText::new(&text));
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}
