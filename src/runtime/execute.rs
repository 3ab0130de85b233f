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
            Err(fault) => return self.not_sent(id, SafeText::new(&fault.to_string())).await,
            Ok(fresh) => {
                let differences = compare(&plan.prepared, &fresh);
                if !differences.is_empty() {
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
                let fault = self.explained(plan, fault).await;
                self.tell(Progress::Declined(id.clone(), fault)).await;
                false
            }
        }
    }

    /// A server that refuses says that the world moved, if at all, and not how: one more look names what is different.
    async fn explained(&self, plan: &Plan, fault: Fault) -> Fault {
        if !matches!(fault.cause, Cause::Moved | Cause::Refused | Cause::NotFound) {
            return fault;
        }
        let says = match self.look(&plan.intent).await {
            Ok(fresh) => spelled(&compare(&plan.prepared, &fresh)),
            Err(why) => why.to_string(),
        };
        let detail =
            if says.is_empty() { fault.detail } else { SafeText::new(&format!("{}; {says}", fault.detail)) };
        Fault { detail, ..fault }
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
        let written = tokio::task::spawn_blocking(move || {
            super::mishap::crash("journal");
            journal.append(now.wall, &entry)
        })
        .await;
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
