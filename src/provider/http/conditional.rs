//! Asking only for what changed: the last answer of each path, with its tag.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;

use super::{Answer, Endpoint, Read};
use crate::domain::{Cause, Fault};

/// How many answers are kept; the one that was not used for longest goes first.
const KEPT: usize = 512;

/// Whether the server sent something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A full answer.
    Changed,
    /// 304: what we have is still right.
    Unchanged,
}

/// Answers by path, each with its entity tag, so that unchanged ones are neither sent nor parsed again.
#[derive(Debug)]
pub struct Conditional<T> {
    kept: Mutex<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    uses: u64,
    by_path: BTreeMap<String, Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    etag: String,
    value: Arc<T>,
    used: u64,
}

impl<T> Default for Conditional<T> {
    fn default() -> Self {
        Self { kept: Mutex::new(Kept { uses: 0, by_path: BTreeMap::new() }) }
    }
}

impl<T: DeserializeOwned> Conditional<T> {
    /// Asks with the tag of what is kept for this path, and gives the parsed value, new or kept. The [`Answer`]
    /// carries the headers (rate budget, `Date`, next page) in both cases.
    ///
    /// # Errors
    /// As [`Endpoint::read`], [`Answer::fault`] and [`Answer::json`]; what is kept stays then.
    pub async fn read(&self, endpoint: &Endpoint, read: Read) -> Result<(Arc<T>, News, Answer), Fault> {
        let path = read.path.clone();
        let known = self.known(&path);
        let read = read.etag(known.as_ref().map(|(etag, _)| etag.clone()));
        let answer = endpoint.read(&read).await?;
        if answer.status == 304 {
            let Some((_, value)) = known else {
                return Err(Fault::new(Cause::Malformed, format!("{} says 304 unasked", answer.asked())));
            };
            return Ok((value, News::Unchanged, answer));
        }
        let answer = answer.ok()?;
        let value: Arc<T> = Arc::new(answer.json()?);
        self.keep(path, &answer, &value);
        Ok((value, News::Changed, answer))
    }

    /// Drops everything, for instance because we are somebody else now.
    pub fn clear(&self) {
        self.lock().by_path.clear();
    }

    fn known(&self, path: &str) -> Option<(String, Arc<T>)> {
        let mut kept = self.lock();
        kept.uses = kept.uses.saturating_add(1);
        let now = kept.uses;
        let entry = kept.by_path.get_mut(path)?;
        entry.used = now;
        Some((entry.etag.clone(), Arc::clone(&entry.value)))
    }

    fn keep(&self, path: String, answer: &Answer, value: &Arc<T>) {
        let mut kept = self.lock();
        let Some(etag) = answer.headers.get("etag") else {
            kept.by_path.remove(&path);
            return;
        };
        kept.uses = kept.uses.saturating_add(1);
        let entry = Entry { etag: etag.to_owned(), value: Arc::clone(value), used: kept.uses };
        kept.by_path.insert(path, entry);
        if kept.by_path.len() > KEPT {
            let oldest = kept.by_path.iter().min_by_key(|(_, e)| e.used).map(|(path, _)| path.clone());
            if let Some(oldest) = oldest {
                kept.by_path.remove(&oldest);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept<T>> {
        // A poisoned lock guards a cache: whatever is in it was put there whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
