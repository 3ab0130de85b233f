//! Changes that are being carried out by programs of ours: one for each place, waited for as long as a step may take,
//! and told of afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::super::services::locked;
use crate::domain::{Cause, Fault, Place, Receipt, Rollout, SafeText, Verb};

/// How long it is told that a change ended badly after its step had been answered.
const TOLD: Duration = Duration::from_secs(600);

/// The status of an answer that is known: the program's exit code.
const ENDED: u16 = 0;

/// The status of an answer that is still to come.
const RUNS: u16 = 202;

/// What came of a change.
type End = Result<SafeText, Fault>;

/// One change.
struct Change {
    verb: Verb,
    /// What came of it and when, once its step has been answered without it.
    end: Option<(Instant, End)>,
}

/// The changes of every place.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<BTreeMap<Place, Change>>>);

/// Takes a change off the list, whatever ends the task that carries it out.
struct Entry {
    list: UnderWay,
    /// None once its end is known.
    place: Option<Place>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            locked(&self.list.0).remove(place);
        }
    }
}

impl Entry {
    /// Gives the end to whoever waits for it; if nobody does any more, looks tell it. Both under the lock: whoever is
    /// told finds the place free for the next change.
    fn over(mut self, waits: oneshot::Sender<End>, end: End) {
        let Some(place) = self.place.take() else { return };
        let mut changes = locked(&self.list.0);
        match waits.send(end) {
            Ok(()) => drop(changes.remove(&place)),
            Err(end) => {
                if let Some(change) = changes.get_mut(&place) {
                    change.end = Some((Instant::now(), end));
                }
            }
        }
    }
}

impl UnderWay {
    /// The change of a place that is being carried out.
    pub(super) fn runs(&self, place: &Place) -> Option<Verb> {
        locked(&self.0).get(place).filter(|change| change.end.is_none()).map(|change| change.verb)
    }

    /// Completes a look by what is known of our own change.
    pub(super) fn tell(&self, place: &Place, rollout: &mut Rollout) {
        match locked(&self.0).get(place) {
            Some(Change { verb, end: None }) => rollout
                .remarks
                .push(SafeText::new(&format!("the {} command of this cockpit still runs", verb.word()))),
            Some(Change { verb, end: Some((at, Err(fault))) }) if at.elapsed() < TOLD => {
                rollout.signs.push(SafeText::new(&format!("{}: {}", verb.word(), fault.detail)));
            }
            _ => {}
        }
    }

    /// Carries a change out on a task of its own, so that it is not cut off when nobody waits for it any more.
    ///
    /// # Errors
    /// The change's own, or that another one is under way.
    pub(super) async fn carry_out(
        &self,
        verb: Verb,
        place: Place,
        change: impl Future<Output = End> + Send + 'static,
        patience: Duration,
    ) -> Result<Receipt, Fault> {
        self.begin(verb, &place)?;
        let entry = Entry { list: self.clone(), place: Some(place) };
        let (send, receive) = oneshot::channel();
        tokio::spawn(async move {
            let end = change.await;
            entry.over(send, end);
        });
        match timeout(patience, receive).await {
            Ok(Ok(end)) => end.map(|says| Receipt { status: ENDED, says }),
            Ok(Err(_)) => {
                Err(Fault::new(Cause::Crashed, "what carried the change out crashed").perhaps_applied())
            }
            Err(_) => Ok(Receipt {
                status: RUNS,
                says: SafeText::new(&format!("it still runs after {} s", patience.as_secs())),
            }),
        }
    }

    fn begin(&self, verb: Verb, place: &Place) -> Result<(), Fault> {
        let mut changes = locked(&self.0);
        if let Some(change) = changes.get(place).filter(|change| change.end.is_none()) {
            let detail = format!("the {} command of {place} still runs", change.verb.word());
            return Err(Fault::new(Cause::Refused, detail));
        }
        changes.insert(place.clone(), Change { verb, end: None });
        Ok(())
    }
}
