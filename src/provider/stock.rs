//! Whether the image that a roll back would start is still there, asked of its registry before anybody needs it: only
//! for the service that the operator looks at, seldom, and never long. Shared by the deployment targets.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::registry::{Belongs, Manifest, Registry};
use crate::domain::{Artifact, Ask, Observation, Place, SafeText, Stock};

/// How long a registry's word is kept.
const KEPT: Duration = Duration::from_secs(60);

/// How long a registry that does not tell is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(120);

/// A look does not wait longer for a registry.
const PATIENCE: Duration = Duration::from_secs(2);

/// What registries said, by image reference.
pub(super) struct Stocks {
    registry: Registry,
    kept: Mutex<BTreeMap<String, (Instant, Stock)>>,
}

impl Stocks {
    /// What `registry` says.
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, kept: Mutex::default() }
    }

    /// Completes a look by what is known of the images that its places would go back to.
    pub(super) async fn complete(&self, ask: &Ask, observation: &mut Observation) {
        let looked_at = observation.rollouts.iter().filter(|(p, _)| Some(&p.service) == ask.focus.as_ref());
        let wanted: Vec<(Place, Artifact)> = looked_at
            .filter_map(|(place, rollout)| Some((place.clone(), rollout.previous()?.artifact.clone())))
            .collect();
        let told = join_all(wanted.iter().map(|(_, artifact)| self.of(artifact))).await;
        observation.stock.extend(wanted.into_iter().map(|(place, _)| place).zip(told));
    }

    async fn of(&self, artifact: &Artifact) -> Stock {
        let reference = artifact.image.to_string();
        let known = self.kept().get(&reference).cloned();
        if let Some((at, stock)) = known {
            let limit = if matches!(stock, Stock::Untold(_)) { LEFT_ALONE } else { KEPT };
            if at.elapsed() < limit {
                return stock;
            }
        }
        let asked = tokio::time::timeout(PATIENCE, self.asked(&reference, artifact.digest.as_ref())).await;
        let stock = match asked {
            Ok(stock) => stock,
            Err(_) => Stock::Untold("no answer in time".into()),
        };
        let mut kept = self.kept();
        // Revisions come and go; what nobody asks for any more need not be remembered.
        kept.retain(|_, (at, _)| at.elapsed() < LEFT_ALONE);
        kept.insert(reference, (Instant::now(), stock.clone()));
        stock
    }

    async fn asked(&self, reference: &str, ran: Option<&SafeText>) -> Stock {
        match (judged(self.registry.manifest(reference).await, ran), ran) {
            // The tag names an index, of which one platform's image ran.
            (Stock::Moved(now), Some(ran)) => match self.registry.belongs(reference, &now, ran).await {
                Belongs::As(_) => Stock::There,
                Belongs::No | Belongs::Untold(_) => Stock::Moved(now),
            },
            (stock, _) => stock,
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Instant, Stock)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn judged(manifest: Manifest, ran: Option<&SafeText>) -> Stock {
    match (manifest, ran) {
        (Manifest::Missing, _) => Stock::Gone,
        (Manifest::Untold(fault) | Manifest::Locked(fault), _) => {
            Stock::Untold(SafeText::new(&fault.to_string()))
        }
        (Manifest::Found(_), None) => Stock::Named,
        (Manifest::Found(found), Some(ran)) if found == *ran => Stock::There,
        (Manifest::Found(found), Some(_)) => Stock::Moved(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cause, Fault};

    #[test]
    fn only_the_very_digest_that_ran_is_there() {
        let (ran, other) = (SafeText::new("sha256:aa"), SafeText::new("sha256:bb"));
        let found = |digest: &SafeText| Manifest::Found(digest.clone());
        let untold = || Manifest::Untold(Fault::new(Cause::Forbidden, "no"));
        for (manifest, digest, stock) in [
            (found(&ran), Some(&ran), Stock::There),
            (found(&other), Some(&ran), Stock::Moved(other.clone())),
            (found(&ran), None, Stock::Named),
            (Manifest::Missing, Some(&ran), Stock::Gone),
            (Manifest::Missing, None, Stock::Gone),
        ] {
            assert_eq!(judged(manifest.clone(), digest), stock, "{manifest:?} {digest:?}");
        }
        assert!(matches!(judged(untold(), Some(&ran)), Stock::Untold(why) if !why.is_empty()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_does_not_tell_is_left_alone_for_a_while() {
        let stocks = Stocks::new(Registry::anonymous(std::sync::Arc::default()));
        // Nothing listens on a loopback port that nobody may bind.
        let artifact = Artifact::from_reference("127.0.0.1:1/acme/web:v1");
        let first = stocks.of(&artifact).await;
        assert!(matches!(first, Stock::Untold(_)), "{first:?}");
        let asked = stocks.kept().get("127.0.0.1:1/acme/web:v1").unwrap().0;
        tokio::time::advance(LEFT_ALONE - Duration::from_secs(1)).await;
        assert_eq!(stocks.of(&artifact).await, first);
        assert_eq!(stocks.kept().get("127.0.0.1:1/acme/web:v1").unwrap().0, asked, "it was asked again");
    }
}
