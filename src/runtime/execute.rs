//! Carries plans out: journal, look again, compare, send once, journal.
//!
//! Nothing is sent that is not on disk first; nothing is sent twice; nothing is sent that was not shown.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::clock::Clock;
use super::failpoint;
use super::journal::Entry;
use super::record::Durable;
pub use super::record::Recorder;
use super::rival;
use super::send::perform;
use super::session::{Sessions, session_of};
use crate::action::{Plan, Saga};
use crate::app::Msg;
use crate::domain::freeze::frozen;
use crate::domain::{
    ActionId, Basis, Cause, Difference, Fault, Intent, Outcome, Permission, Prepared, Progress, Reached,
    SafeText, SourceName, Step,
};
use crate::provider::Provider;

/// The deadline of a preparation.
const PREPARE: Duration = Duration::from_secs(20);

/// Carries out preparations and plans.
#[derive(Clone)]
pub struct Executor {
    /// Who talks to which source.
    pub providers: Arc<BTreeMap<SourceName, Arc<dyn Provider>>>,
    /// Where actions are recorded.
    pub recorder: Recorder,
    /// Where progress goes.
    pub out: mpsc::Sender<Msg>,
    /// What time it is.
    pub clock: Clock,
    /// The lock that tells other processes that this session is alive.
    pub sessions: Arc<Sessions>,
}

impl Executor {
    /// Takes a fresh look for an intent.
    pub async fn prepare(&self, ticket: u64, intent: Intent) {
        let began = self.clock.now();
        let result = self.look(&intent).await.map(Box::new);
        self.tell(Progress::Prepared { ticket, began, result }).await;
    }

    /// Records a saga before any of its members is carried out. Sends nothing.
    pub async fn begin(&self, saga: &Saga) {
        let recorded = match self.hold(&saga.id) {
            Ok(()) => self.record(Entry::saga(saga)).await.map(drop),
            Err(why) => Err(why),
        };
        match recorded {
            Ok(()) => self.tell(Progress::Recorded(saga.id.clone())).await,
            Err(why) => self.tell(Progress::JournalFailed(why)).await,
        }
    }

    /// Carries out a confirmed plan.
    pub async fn execute(&self, id: ActionId, plan: Plan) {
        if let Err(why) = self.record_intent(&id, &plan).await {
            return self.tell(Progress::JournalFailed(why)).await;
        }
        failpoint::hit("after-intent");
        self.tell(Progress::Recorded(id.clone())).await;
        failpoint::hit("before-look");
        if !self.unmoved(&id, &plan).await {
            return;
        }
        failpoint::hit("after-look");
        for (index, step) in plan.prepared.steps.iter().enumerate() {
            if !self.send(&id, &plan, step, index + 1).await {
                return;
            }
        }
    }

    /// Finds out whether the journal can be written again, and says so.
    pub async fn try_journal(&self) {
        let progress = match self.recorder.recover(self.clock).await {
            Ok(()) => Progress::JournalWorks,
            Err(why) => Progress::JournalFailed(why),
        };
        self.tell(progress).await;
    }

    /// Reads the newest lines of the journal, for the screen.
    pub async fn read_journal(&self) {
        let read = self.recorder.recent().await;
        self.tell(Progress::JournalRead(read)).await;
    }

    /// Writes the outcome of an action.
    pub async fn conclude(&self, id: ActionId, outcome: Outcome) {
        failpoint::hit("before-outcome");
        self.record_or_tell(Entry::outcome(&id, &outcome)).await;
        failpoint::hit("after-outcome");
    }

    /// The lock of this session, the overridden rules if there are any, then the intent: all on disk before anything
    /// else happens.
    async fn record_intent(&self, id: &ActionId, plan: &Plan) -> Result<(), SafeText> {
        failpoint::hit("before-intent");
        self.hold(id)?;
        if plan.breaks_glass() {
            self.record(Entry::break_glass(id, plan)).await?;
        }
        self.record(Entry::intent(id, plan)).await.map(drop)
    }

    /// Takes the lock that says that this session is alive.
    fn hold(&self, id: &ActionId) -> Result<(), SafeText> {
        let Recorder::Journal(journal) = &self.recorder else { return Ok(()) };
        // Somebody else who holds a session of this name is alive, and that is all that the lock is to say.
        let held = self.sessions.hold(journal.path(), session_of(id));
        held.map(drop).map_err(|e| SafeText::new(&format!("the session's lock: {e}")))
    }

    /// Looks again and compares; when the world moved, or we may no longer, nothing is sent.
    async fn unmoved(&self, id: &ActionId, plan: &Plan) -> bool {
        let fresh = match self.look(&plan.intent).await {
            Ok(fresh) => fresh,
            Err(fault) => {
                let rival = self.rival(id, plan).await;
                self.not_sent(id.clone(), said(fault.to_string(), rival.as_slice())).await;
                return false;
            }
        };
        let mut differences = compare(&plan.prepared, &fresh);
        if !differences.is_empty() {
            differences.splice(0..0, self.rival(id, plan).await);
            self.record_or_tell(Entry::moved(id, &differences)).await;
            self.tell(Progress::Moved(id.clone(), differences)).await;
            return false;
        }
        if let Permission::Denied(why) = fresh.permission {
            self.not_sent(id.clone(), why).await;
            return false;
        }
        if let Some(frozen) = frozen(&plan.freeze, self.clock.now().wall) {
            self.not_sent(id.clone(), SafeText::new(&frozen.to_string())).await;
            return false;
        }
        true
    }

    /// Sends one step, once. Returns whether the next one may follow.
    async fn send(&self, id: &ActionId, plan: &Plan, step: &Step, number: usize) -> bool {
        failpoint::hit("before-sending");
        let recorded = match self.record(Entry::sending(id, step, number)).await {
            Ok(recorded) => recorded,
            Err(why) => {
                let text = SafeText::new("the journal cannot be written");
                self.tell(Progress::NotSent(id.clone(), text)).await;
                self.tell(Progress::JournalFailed(why)).await;
                return false;
            }
        };
        failpoint::hit("after-sending");
        self.tell(Progress::Sent(id.clone(), self.clock.now())).await;
        failpoint::hit("before-perform");
        let answer = match self.providers.get(&step.source) {
            Some(provider) => perform(provider.as_ref(), step, recorded).await,
            None => Err(Fault::new(Cause::Local, format!("no source is called {}", step.source))),
        };
        failpoint::hit("after-perform");
        self.record_or_tell(Entry::answer(id, &answer)).await;
        failpoint::hit("after-receipt");
        let now = self.clock.now();
        match answer {
            Ok(receipt) => {
                self.tell(Progress::Received(id.clone(), receipt, now)).await;
                true
            }
            Err(fault) if fault.reached == Reached::Perhaps => {
                self.tell(Progress::NoAnswer(id.clone(), fault)).await;
                false
            }
            Err(fault) => {
                let fault = self.explained(id, plan, fault).await;
                self.tell(Progress::Declined(id.clone(), fault)).await;
                false
            }
        }
    }

    /// A server that refuses says that the world moved, if at all, and not how: one more look names what is different,
    /// and who was first as far as anybody can know.
    async fn explained(&self, id: &ActionId, plan: &Plan, fault: Fault) -> Fault {
        // GitHub answers 403 to a rerun of what is running already.
        if !matches!(fault.cause, Cause::Moved | Cause::Refused | Cause::NotFound | Cause::Forbidden) {
            return fault;
        }
        let (says, mut differences) = match self.look(&plan.intent).await {
            Ok(fresh) => (fault.detail.to_string(), compare(&plan.prepared, &fresh)),
            Err(why) => (format!("{}; {why}", fault.detail), Vec::new()),
        };
        differences.splice(0..0, self.rival(id, plan).await);
        Fault { detail: said(says, &differences), ..fault }
    }

    /// Another action on the same thing, if the journal holds one. One that is under way gets a moment to be answered.
    async fn rival(&self, id: &ActionId, plan: &Plan) -> Option<Difference> {
        let Recorder::Journal(journal) = &self.recorder else { return None };
        let end = tokio::time::Instant::now() + rival::PATIENCE;
        loop {
            let journal = Arc::clone(journal);
            let lines = tokio::task::spawn_blocking(move || journal.recent(rival::TAIL)).await.ok()?.ok()?;
            let found = rival::among(&lines, id, plan)?;
            if found.settled() || tokio::time::Instant::now() >= end {
                return Some(found.difference());
            }
            tokio::time::sleep(rival::GLANCE).await;
        }
    }

    async fn look(&self, intent: &Intent) -> Result<Prepared, Fault> {
        let provider = self
            .providers
            .get(&intent.source)
            .ok_or_else(|| Fault::new(Cause::Local, format!("no source is called {}", intent.source)))?;
        let look = AssertUnwindSafe(provider.prepare(intent)).catch_unwind();
        match timeout(PREPARE, look).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Fault::new(Cause::Crashed, "the provider crashed while it prepared this")),
            Err(_) => Err(Fault::new(Cause::TimedOut, "the fresh look took too long")),
        }
    }

    async fn not_sent(&self, id: ActionId, why: SafeText) {
        self.record_or_tell(Entry::not_sent(&id, &why)).await;
        self.tell(Progress::NotSent(id, why)).await;
    }

    async fn record(&self, entry: Entry) -> Result<Durable, SafeText> {
        self.recorder.record(self.clock, entry).await
    }

    async fn record_or_tell(&self, entry: Entry) {
        if let Err(why) = self.record(entry).await {
            self.tell(Progress::JournalFailed(why)).await;
        }
    }

    async fn tell(&self, progress: Progress) {
        if self.out.send(Msg::Progress(progress)).await.is_err() {
            tracing::debug!("nobody listens any more");
        }
    }
}

/// A sentence, and what is different.
fn said(text: String, differences: &[Difference]) -> SafeText {
    if differences.is_empty() {
        return SafeText::new(&text);
    }
    SafeText::new(&format!("{text}; {}", spelled(differences)))
}

/// Differences in one line.
fn spelled(differences: &[Difference]) -> String {
    let list: Vec<String> =
        differences.iter().map(|d| format!("{} was {}, is {}", d.what, d.old, d.new)).collect();
    list.join("; ")
}

/// What is different between what was shown and what is true now.
#[must_use]
pub fn compare(shown: &Prepared, fresh: &Prepared) -> Vec<Difference> {
    let value = |list: &[Basis], name: &SafeText| {
        list.iter().find(|b| &b.name == name).map(|b| b.value.clone()).unwrap_or_default()
    };
    let mut names: Vec<&SafeText> = shown.basis.iter().chain(&fresh.basis).map(|b| &b.name).collect();
    names.sort();
    names.dedup();
    let mut differences: Vec<Difference> = names
        .into_iter()
        .map(|name| Difference {
            what: name.clone(),
            old: value(&shown.basis, name),
            new: value(&fresh.basis, name),
        })
        .filter(|d| d.old != d.new)
        .collect();
    if differences.is_empty() && shown.steps != fresh.steps {
        differences.push(Difference {
            what: "the request itself".into(),
            old: "as shown".into(),
            new: "different now".into(),
        });
    }
    differences
}
