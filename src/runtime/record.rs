//! Where actions are recorded, and the proof that something is on disk.
//!
//! Nothing leaves without a [`Durable`]: only a record that was written and synced makes one, and only
//! [`super::send::perform`] may hand a step to a provider, for which it wants to see one.

use std::path::PathBuf;
use std::sync::Arc;

use super::clock::Clock;
use super::journal::{Entry, Journal, JournalError, Line, recent_at};
use super::mishap;
use crate::domain::{Record, SafeText};

/// How much of the journal's end the screen shows, in bytes.
const SHOWN: u64 = 1 << 20;

/// Where actions are recorded.
#[derive(Clone, Debug)]
pub enum Recorder {
    /// In this journal.
    Journal(Arc<Journal>),
    /// Nowhere, because this process only looks; what others have recorded in this journal can be read.
    Read(PathBuf),
    /// Nowhere: then nothing can be done either.
    Nowhere,
}

/// The proof that a record is on disk. It cannot be made without one:
///
/// ```compile_fail
/// let forged = gonogo::runtime::record::Durable(());
/// ```
#[derive(Debug)]
pub struct Durable(());

impl Recorder {
    /// Writes a record and waits until it is on disk.
    ///
    /// # Errors
    /// Why it is not: then nothing that rests on it may happen.
    pub async fn record(&self, clock: Clock, entry: Entry) -> Result<Durable, SafeText> {
        self.with_journal(move |journal| journal.append(clock.now().wall, &entry)).await.map(|()| Durable(()))
    }

    /// Makes sure that a record could be written now; after a failure, by beginning a new segment.
    ///
    /// # Errors
    /// Why none could.
    pub async fn recover(&self, clock: Clock) -> Result<(), SafeText> {
        self.with_journal(move |journal| journal.recover(clock.now().wall)).await
    }

    /// The newest lines, oldest of them first.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub async fn recent(&self) -> Result<Vec<Record>, SafeText> {
        let shown = |lines: Vec<Line>| lines.iter().map(Line::record).collect();
        let Self::Read(path) = self else {
            return self.with_journal(move |journal| Ok(shown(journal.recent(SHOWN)?))).await;
        };
        let path = path.clone();
        let read = tokio::task::spawn_blocking(move || recent_at(&path, SHOWN)).await;
        let read = read.map_err(|_| SafeText::new("the journal's reader crashed"))?;
        read.map(shown).map_err(|error| SafeText::new(&error.to_string()))
    }

    /// Does something with the journal where waiting for a disk holds nobody up.
    async fn with_journal<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, SafeText> {
        let Self::Journal(journal) = self else {
            return Err("this program was started without a journal".into());
        };
        let journal = Arc::clone(journal);
        let written = tokio::task::spawn_blocking(move || {
            mishap::crash("journal");
            work(&journal)
        });
        match written.await {
            Ok(written) => written.map_err(|error| SafeText::new(&error.to_string())),
            Err(_) => Err("the journal's writer crashed".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ActionId;

    #[tokio::test]
    async fn who_only_looks_reads_what_others_have_recorded_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let looks = Recorder::Read(path.clone());
        assert_eq!(looks.recent().await, Ok(Vec::new()), "it is not there yet");
        let id = ActionId("20261120T140200Z-1-1".into());
        let entry = || Entry::not_sent(&id, &"the world moved".into());
        assert!(looks.record(Clock::start(), entry()).await.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and it makes no file");

        let journal = Journal::open(&path, "mara@desk").unwrap();
        let acts = Recorder::Journal(Arc::new(journal));
        acts.record(Clock::start(), entry()).await.unwrap();
        let read = looks.recent().await.unwrap();
        let kinds: Vec<&str> = read.iter().map(|record| record.kind.as_str()).collect();
        assert_eq!(kinds, ["not-sent"]);
        assert_eq!(acts.recent().await.unwrap(), read);
    }
}
