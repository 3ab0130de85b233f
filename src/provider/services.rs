//! What a look at a CI provider is put together from: one part for each service. Shared by all CI providers; knows none of
//! them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

use crate::domain::{
    Ask, Cause, Fault, Gate, Lanes, Live, Observation, Pipeline, Place, ServiceName, SourceName,
};

/// How long one look may take in all.
const LONGEST: Duration = Duration::from_secs(90);

/// What was seen of one service.
#[derive(Clone, Default)]
pub(super) struct Sight {
    pub(super) pipeline: Pipeline,
    pub(super) gates: Vec<Gate>,
    pub(super) lanes: Lanes,
    pub(super) live: BTreeMap<Place, Live>,
}

/// What was seen of a service, or why nothing.
pub(super) type Seen = (ServiceName, Result<Sight, Fault>);

/// Whether a fault is about the source as a whole: asking for the next service would meet it again.
pub(super) const fn of_source(fault: &Fault) -> bool {
    matches!(
        fault.cause,
        Cause::RateLimited | Cause::Unauthorized | Cause::Unreachable | Cause::Tls | Cause::Local
    )
}

/// Lets faults of the source end the look, and keeps those of a part for the part.
pub(super) fn part<T>(result: Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    match result {
        Err(fault) if of_source(&fault) => Err(fault),
        other => Ok(other),
    }
}

/// Looks at services, so many side by side; the one that the operator looks at comes first.
///
/// # Errors
/// A fault of the source as a whole. What fails for one service is in its place.
pub(super) async fn each<'a>(
    ask: &Ask,
    mut services: Vec<(&'a ServiceName, BoxFuture<'a, Result<Sight, Fault>>)>,
    side_by_side: usize,
) -> Result<Vec<Seen>, Fault> {
    services.sort_by_key(|(service, _)| ask.focus.as_ref() != Some(*service));
    let looks: Vec<BoxFuture<'a, Result<Seen, Fault>>> = services
        .into_iter()
        .map(|(service, look)| -> BoxFuture<'a, Result<Seen, Fault>> {
            Box::pin(async move { Ok((service.clone(), part(look.await)?)) })
        })
        .collect();
    let mut looks = stream::iter(looks).buffered(side_by_side);
    let mut seen = Vec::new();
    while let Some(look) = looks.next().await {
        seen.push(look?);
    }
    Ok(seen)
}

/// Puts what was seen together. If nothing could be seen of any service, the source as a whole is unseeable.
pub(super) fn collect(sights: Vec<Seen>, seen: &mut Observation) -> Result<(), Fault> {
    let blind = !sights.is_empty() && sights.iter().all(|(_, sight)| sight.is_err());
    for (service, sight) in sights {
        match sight {
            Ok(sight) => {
                seen.pipelines.insert(service.clone(), sight.pipeline);
                seen.gates.extend(sight.gates);
                seen.live.extend(sight.live);
                if sight.lanes != Lanes::default() {
                    seen.lanes.insert(service, sight.lanes);
                }
            }
            Err(fault) if blind => return Err(fault),
            Err(fault) => {
                seen.faults.insert(service, fault);
            }
        }
    }
    Ok(())
}

/// A look that takes too long is none.
pub(super) async fn in_time<'a>(
    source: &SourceName,
    look: impl Future<Output = Result<Observation, Fault>> + 'a,
) -> Result<Observation, Fault> {
    let seconds = LONGEST.as_secs();
    tokio::time::timeout(LONGEST, look).await.unwrap_or_else(|_| {
        Err(Fault::new(Cause::TimedOut, format!("source {source}: no complete look within {seconds} s")))
    })
}

/// A poisoned lock guards caches only: whatever is in them was put there whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers something, and forgets the first by name when there is more than `most`.
pub(super) fn remember<K: Ord, V>(map: &Mutex<BTreeMap<K, V>>, key: K, value: V, most: usize) {
    let mut map = locked(map);
    map.insert(key, value);
    if map.len() > most {
        map.pop_first();
    }
}
