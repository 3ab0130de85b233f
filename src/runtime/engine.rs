//! Everything outside, started from a configuration: one polling lane per source, one executor, one mailbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::clock::Clock;
use super::execute::Executor;
use super::poll::{Lane, Poll};
use super::record::Recorder;
use super::session::Sessions;
use crate::app::{Effect, Msg};
use crate::domain::service::Access;
use crate::domain::{Ask, SourceName};
use crate::provider::{Cadence, Provider};

/// Messages that may wait before senders have to.
const MAILBOX: usize = 1_024;

/// A source ready to be looked at.
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Who talks to it.
    pub provider: Arc<dyn Provider>,
    /// How often to look.
    pub cadence: Cadence,
}

/// The running outside.
pub struct Engine {
    /// What time it is.
    pub clock: Clock,
    /// What came in.
    pub inbox: mpsc::Receiver<Msg>,
    lanes: BTreeMap<SourceName, Lane>,
    ask: watch::Sender<Ask>,
    executor: Executor,
    /// Looks for plans: leaving does not wait for them.
    looking: JoinSet<()>,
    /// What is being sent or recorded.
    tasks: JoinSet<()>,
}

/// What became of an effect that the engine does not carry out itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// Nothing is left to do.
    Done,
    /// The terminal should copy this.
    Copy(String),
    /// The program should end.
    Quit,
}

impl Engine {
    /// Starts looking at every source. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(sources: Vec<Source>, recorder: Recorder, access: Access, clock: Clock) -> Self {
        Self::resume(sources, recorder, access, clock, Arc::default())
    }

    /// The same for a process that holds the locks of sessions already: those whose actions it takes up.
    #[must_use]
    pub fn resume(
        sources: Vec<Source>,
        recorder: Recorder,
        access: Access,
        clock: Clock,
        sessions: Arc<Sessions>,
    ) -> Self {
        crate::provider::access::set_access(access);
        let (out, inbox) = mpsc::channel(MAILBOX);
        let (ask, asked) = watch::channel(Ask::default());
        let mut providers = BTreeMap::new();
        let mut lanes = BTreeMap::new();
        for Source { name, provider, cadence } in sources {
            providers.insert(name.clone(), Arc::clone(&provider));
            let poll =
                Poll { source: name.clone(), provider, cadence, ask: asked.clone(), out: out.clone(), clock };
            lanes.insert(name, poll.start());
        }
        let executor = Executor { providers: Arc::new(providers), recorder, out, clock, sessions };
        Self { clock, inbox, lanes, ask, executor, looking: JoinSet::new(), tasks: JoinSet::new() }
    }

    /// Carries out one effect.
    pub fn carry_out(&mut self, effect: Effect) -> Beyond {
        match effect {
            Effect::Prepare { ticket, intent } => {
                let executor = self.executor.clone();
                self.looking.spawn(async move { executor.prepare(ticket, *intent).await });
            }
            Effect::Execute { id, plan } => {
                let executor = self.executor.clone();
                self.tasks.spawn(async move { executor.execute(id, *plan).await });
            }
            Effect::Conclude { id, outcome } => {
                let executor = self.executor.clone();
                self.tasks.spawn(async move { executor.conclude(id, outcome).await });
            }
            Effect::TryJournal => {
                let executor = self.executor.clone();
                self.tasks.spawn(async move { executor.try_journal().await });
            }
            Effect::Ask(ask) => self.ask(ask),
            Effect::Look(source) => {
                if let Some(lane) = self.lanes.get(&source) {
                    lane.watch_closely();
                }
            }
            Effect::Copy(text) => return Beyond::Copy(text.to_string()),
            Effect::Quit => return Beyond::Quit,
        }
        self.reap();
        Beyond::Done
    }

    /// Whether anything is being prepared, sent or recorded.
    #[must_use]
    pub fn busy(&mut self) -> bool {
        self.reap();
        !self.looking.is_empty() || !self.tasks.is_empty()
    }

    /// Forgets what has ended. A crash of our own code in a task is a crash of the program, not a silence.
    fn reap(&mut self) {
        while let Some(ended) = self.looking.try_join_next().or_else(|| self.tasks.try_join_next()) {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Waits for what is being sent or recorded, at most `patience`. Looks have nothing to lose and are dropped.
    pub async fn settle(&mut self, patience: std::time::Duration) {
        self.looking.abort_all();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("left while a request was still under way");
        }
    }

    /// New questions wake whoever can answer them; the others hear them at their next turn.
    fn ask(&self, ask: Ask) {
        let before = self.ask.send_replace(ask);
        if before != *self.ask.borrow() {
            self.lanes.values().for_each(Lane::look);
        }
    }
}
