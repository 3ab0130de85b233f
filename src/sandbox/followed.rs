//! What Flux in the cluster follows: the repository of manifests, as long as its git server answers. Knows the scripts of
//! services and Flux's seeds.

use super::fault::{Faults, Server};
use super::kubernetes::{Cluster, KustomizationSeed, SourceSeed, Upstream};
use super::manifests::{BRANCH, Manifests, folder};
use super::scenario::{Keeper, ServiceScript};
use std::sync::Arc;
use std::time::Duration;

/// The namespace of everything of Flux.
pub(super) const NAMESPACE: &str = "flux-system";
const SOURCE: &str = "deploys";
/// A day passes quickly here: so do Flux's intervals.
const FETCH: Duration = Duration::from_secs(5);
const APPLY: Duration = Duration::from_secs(30);

struct Followed {
    manifests: Manifests,
    faults: Faults,
}

impl Upstream for Followed {
    fn tip(&self) -> Result<String, String> {
        if self.faults.refuses(Server::Git) {
            return Err("dial tcp 127.0.0.1:443: connect: connection refused".to_owned());
        }
        self.manifests.tip().ok_or_else(|| "couldn't find remote ref \"refs/heads/main\"".to_owned())
    }

    fn image_at(&self, revision: &str, workload: &str) -> Option<String> {
        self.manifests.image_at(revision, workload)
    }
}

/// Puts Flux into the cluster, with a Kustomization for each service that it keeps.
pub(super) fn begin(
    cluster: &Cluster,
    services: &[ServiceScript],
    manifests: Option<&Manifests>,
    faults: &Faults,
) {
    let kept: Vec<_> = services.iter().filter(|script| script.kept_by == Keeper::Flux).collect();
    let Some(manifests) = manifests.filter(|_| !kept.is_empty()) else { return };
    cluster.add_source(&SourceSeed {
        namespace: NAMESPACE.to_owned(),
        name: SOURCE.to_owned(),
        url: "https://git.acme.test/acme/deploys.git".to_owned(),
        branch: BRANCH.to_owned(),
        interval: FETCH,
        upstream: Arc::new(Followed { manifests: manifests.clone(), faults: faults.clone() }),
    });
    for script in kept {
        cluster.add_kustomization(&KustomizationSeed {
            namespace: NAMESPACE.to_owned(),
            name: script.name.clone(),
            source: SOURCE.to_owned(),
            path: format!("./{}", folder(&script.name)),
            interval: APPLY,
            keeps: vec![("production".to_owned(), script.name.clone())],
        });
    }
}
