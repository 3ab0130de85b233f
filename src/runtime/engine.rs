//! Everything outside, started from a configuration: one polling lane per source, one executor, one mailbox.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::clock::Clock;
use super::execute::Executor;
use super::loan::Loan;
use super::mishap;
use super::poll::{Lane, Poll};
use super::record::Recorder;
use super::session::Sessions;
use crate::app::spot::Mouse;
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
    /// What a task of ours died of, until somebody is told.
    crash: Option<Box<dyn Any + Send>>,
}

/// What comes from outside.
#[derive(Debug)]
pub enum Heard {
    /// A message for the model.
    Msg(Msg),
    /// A crash of our own code in a task: which one. It is a crash of the program, not a silence.
    Crash(&'static str),
}

/// What became of an effect that the engine does not carry out itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// Nothing is left to do.
    Done,
    /// The terminal should copy this.
    Copy(String),
    /// Another program should have the terminal for a while.
    Lend(Loan),
    /// Give the mouse to the cockpit or to the terminal.
    Mouse(Mouse),
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
        let (looking, tasks) = (JoinSet::new(), JoinSet::new());
        Self { clock, inbox, lanes, ask, executor, looking, tasks, crash: None }
    }

    /// Carries out one effect.
    pub fn carry_out(&mut self, effect: Effect) -> Beyond {
        match effect {
            Effect::Prepare { ticket, intent } => {
                let executor = self.executor.clone();
                self.looking.spawn(async move {
                    mishap::crash("prepare");
                    executor.prepare(ticket, *intent).await;
                });
            }
            Effect::Begin(saga) => {
                let executor = self.executor.clone();
                self.tasks.spawn(async move { executor.begin(&saga).await });
            }
            Effect::Execute { id, plan } => {
                let executor = self.executor.clone();
                self.tasks.spawn(async move {
                    mishap::crash("execute");
                    executor.execute(id, *plan).await;
                });
            }
            Effect::Conclude { id, outcome } => {
                let executor = self.executor.clone();
                self.tasks.spawn(async move {
                    mishap::crash("conclude");
                    executor.conclude(id, outcome).await;
                });
            }
            Effect::TryJournal => {
                let executor = self.executor.clone();
                self.tasks.spawn(async move { executor.try_journal().await });
            }
            Effect::ReadJournal => {
                let executor = self.executor.clone();
                self.looking.spawn(async move { executor.read_journal().await });
            }
            Effect::Ask(ask) => self.ask(ask),
            Effect::Look(source) => {
                if let Some(lane) = self.lanes.get(&source) {
                    lane.watch_closely();
                }
            }
            Effect::Copy(text) => return Beyond::Copy(text.to_string()),
            Effect::Edit(text) => return Beyond::Lend(Loan::Edit(text)),
            Effect::Page(lines) => return Beyond::Lend(Loan::Page(lines)),
            Effect::Mouse(mouse) => return Beyond::Mouse(mouse),
            Effect::Quit => return Beyond::Quit,
        }
        self.reap();
        Beyond::Done
    }

    /// What comes next from outside. Nothing is lost when the answer is not waited for.
    pub async fn next(&mut self) -> Heard {
        loop {
            if self.crash.take().is_some() {
                return Heard::Crash("a task");
            }
            let ended = tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next() => ended,
                Some(ended) = self.looking.join_next() => ended,
                Some(msg) = self.inbox.recv() => return Heard::Msg(msg),
                else => return std::future::pending().await,
            };
            self.note(ended);
        }
    }

    /// Whether anything is being prepared, sent or recorded.
    ///
    /// # Panics
    /// When a task of ours has crashed.
    #[must_use]
    pub fn busy(&mut self) -> bool {
        self.reap();
        if let Some(crash) = self.crash.take() {
            std::panic::resume_unwind(crash);
        }
        !self.looking.is_empty() || !self.tasks.is_empty()
    }

    /// Forgets what has ended well.
    fn reap(&mut self) {
        while let Some(ended) = self.looking.try_join_next().or_else(|| self.tasks.try_join_next()) {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<(), JoinError>) {
        if let Err(error) = ended
            && let Ok(crash) = error.try_into_panic()
        {
            self.crash = Some(crash);
        }
    }

    /// Waits for what is being sent or recorded, at most `patience`; what has not ended by then is given up, and its
    /// request is in doubt. Looks have nothing to lose and are dropped.
    pub async fn settle(&mut self, patience: std::time::Duration) {
        self.looking.abort_all();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("left while a request was still under way");
            self.tasks.abort_all();
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
