//! The source-controller: fetches the tip of a branch at its interval. What it has fetched stays when git is away.

use super::super::fields::{Writer, seconds};
use super::super::resource::GITREPOSITORIES;
use super::super::store::{State, number, set, text};
use super::{RETRY, drop_condition, handled, is_suspended, length, put};
use serde_json::{Value, json};
use std::sync::Arc;

const STATUS: Writer<'static> = Writer { manager: "gotk-source-controller", subresource: "status" };

impl State {
    /// One look at a GitRepository.
    pub(super) fn sync_source(&mut self, found: &Arc<Value>) {
        if is_suspended(found) || !self.due(found, "") {
            return;
        }
        let key = (text(found, "/metadata/namespace").to_owned(), text(found, "/metadata/name").to_owned());
        let Some(upstream) = self.flux.upstreams.get(&key).cloned() else { return };
        let mut object = (**found).clone();
        handled(&mut object);
        let url = text(&object, "/spec/url").to_owned();
        let again = match upstream.tip() {
            Ok(commit) => {
                let branch = text(&object, "/spec/ref/branch").to_owned();
                self.fetched(&mut object, &format!("{branch}@sha1:{commit}"));
                length(text(found, "/spec/interval"))
            }
            Err(why) => {
                let message = format!(
                    "failed to checkout and determine revision: unable to list remote for '{url}': {why}"
                );
                put(&mut object, self.clock, ("FetchFailed", "True"), "GitOperationFailed", &message);
                put(&mut object, self.clock, ("Ready", "False"), "GitOperationFailed", &message);
                RETRY
            }
        };
        self.looked(found, "", again);
        self.update(&GITREPOSITORIES, object, STATUS);
    }

    fn fetched(&self, object: &mut Value, revision: &str) {
        let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        let file =
            format!("gitrepository/{namespace}/{name}/{}.tar.gz", revision.rsplit(':').next().unwrap_or(""));
        if text(object, "/status/artifact/revision") != revision {
            let artifact = json!({
                "digest": format!("sha256:{:064x}", super::super::hash::fnv64(revision.as_bytes())),
                "lastUpdateTime": seconds(self.clock), "path": file, "revision": revision, "size": 1480,
                "url": format!("http://source-controller.flux-system.svc.cluster.local./{file}")
            });
            set(object, &["status", "artifact"], artifact);
        }
        let generation = number(object, "/metadata/generation");
        set(object, &["status", "observedGeneration"], generation.into());
        drop_condition(object, "FetchFailed");
        let message = format!("stored artifact for revision '{revision}'");
        put(object, self.clock, ("ArtifactInStorage", "True"), "Succeeded", &message);
        put(object, self.clock, ("Ready", "True"), "Succeeded", &message);
    }

    /// What a source has, if anything.
    pub(super) fn artifact(&self, namespace: &str, name: &str) -> Option<String> {
        let source = self.get(&GITREPOSITORIES, namespace, name)?;
        Some(text(source, "/status/artifact/revision").to_owned()).filter(|revision| !revision.is_empty())
    }
}
