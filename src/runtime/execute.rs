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
use super::journal::{Entry, Journal};
use super::rival;
use crate::action::Plan;
use crate::app::Msg;
use crate::domain::{
    ActionId, Basis, Cause, Difference, Fault, Intent, Outcome, Permission, Prepared, Progress, Reached,
    Receipt, SafeText, SourceName, Step,
};
use crate::provider::Provider;

/// The deadline of a preparation.
const PREPARE: Duration = Duration::from_secs(20);

/// The deadline of one step; the providers' own deadlines are shorter.
const PERFORM: Duration = Duration::from_secs(45);

/// Where actions are recorded.
#[derive(Clone, Debug)]
pub enum Recorder {
    /// In this journal.
    Journal(Arc<Journal>),
    /// Nowhere: then nothing can be done either.
    Nowhere,
}

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
}

impl Executor {
    /// Takes a fresh look for an intent.
    pub async fn prepare(&self, ticket: u64, intent: Intent) {
        let began = self.clock.now();
        let result = self.look(&intent).await.map(Box::new);
        self.tell(Progress::Prepared { ticket, began, result }).await;
    }

    /// Carries out a confirmed plan.
    pub async fn execute(&self, id: ActionId, plan: Plan) {
        if let Err(why) = self.record(Entry::intent(&id, &plan)).await {
            return self.tell(Progress::JournalFailed(why)).await;
        }
        self.tell(Progress::Recorded(id.clone())).await;
        match self.look(&plan.intent).await {
            Err(fault) => {
                let rival = self.rival(&id, &plan).await;
                let why = said(fault.to_string(), rival.as_slice());
                return self.not_sent(id, why).await;
            }
            Ok(fresh) => {
                let mut differences = compare(&plan.prepared, &fresh);
                if !differences.is_empty() {
                    differences.splice(0..0, self.rival(&id, &plan).await);
                    let entry = Entry::moved(&id, &differences);
                    self.record_or_tell(entry).await;
                    return self.tell(Progress::Moved(id, differences)).await;
                }
                if let Permission::Denied(why) = fresh.permission {
                    return self.not_sent(id, why).await;
                }
            }
        }
        for step in &plan.prepared.steps {
            if !self.send(&id, &plan, step).await {
                return;
            }
        }
    }

    /// Writes the outcome of an action.
    pub async fn conclude(&self, id: ActionId, outcome: Outcome) {
        self.record_or_tell(Entry::outcome(&id, &outcome)).await;
    }

    /// Sends one step, once. Returns whether the next one may follow.
    async fn send(&self, id: &ActionId, plan: &Plan, step: &Step) -> bool {
        if let Err(why) = self.record(Entry::sending(id, step)).await {
            self.tell(Progress::NotSent(id.clone(), SafeText::new("the journal cannot be written"))).await;
            self.tell(Progress::JournalFailed(why)).await;
            return false;
        }
        self.tell(Progress::Sent(id.clone(), self.clock.now())).await;
        let answer = match self.providers.get(&step.source) {
            Some(provider) => perform(provider.as_ref(), step).await,
            None => Err(Fault::new(Cause::Local, format!("no source is called {}", step.source))),
        };
        self.record_or_tell(Entry::answer(id, &answer)).await;
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
            let path = journal.path().to_owned();
            let lines = tokio::task::spawn_blocking(move || rival::tail(&path)).await.ok()?.ok()?;
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

    async fn record(&self, entry: Entry) -> Result<(), SafeText> {
        let Recorder::Journal(journal) = &self.recorder else {
            return Err("this program was started without a journal".into());
        };
        let (journal, now) = (Arc::clone(journal), self.clock.now());
        let written = tokio::task::spawn_blocking(move || journal.append(now.wall, &entry)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SafeText::new(&error.to_string())),
            Err(_) => Err("the journal's writer crashed".into()),
        }
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

async fn perform(provider: &dyn Provider, step: &Step) -> Result<Receipt, Fault> {
    let send = AssertUnwindSafe(provider.perform(step)).catch_unwind();
    match timeout(PERFORM, send).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Fault::new(Cause::Crashed, "the provider crashed while it sent").perhaps_applied()),
        Err(_) => Err(Fault::new(Cause::TimedOut, "no answer in time").perhaps_applied()),
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
