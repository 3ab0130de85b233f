//! How GitHub is asked: conditionally where an old answer may still be right, anew where it must not be.
//!
//! An unchanged answer (304) costs nothing of the budget. Keeps entity tags by path; one token, one `Accept` and
//! one API version per endpoint, so the path is the whole key.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;

use super::budget::{self, refusal};
use crate::domain::{Cause, Fault, Step};
use crate::provider::http::{Allowance, Answer, Endpoint, Fetched, Read};
use crate::provider::meter::Meter;
use crate::provider::services::locked;

/// `Accept` of every request.
pub(super) const ACCEPT: &str = "application/vnd.github+json";
/// The API version that github.com and every supported Enterprise Server speak.
pub(super) const VERSION: &str = "2022-11-28";

/// How many answers are kept; the one that was not used for longest goes first.
const KEPT: usize = 1_024;

/// One page of an answer.
pub(super) struct Page<T> {
    pub(super) value: Arc<T>,
    /// Path of the next page.
    pub(super) next: Option<String>,
}

struct Entry {
    etag: String,
    value: Arc<dyn Any + Send + Sync>,
    next: Option<String>,
    used: u64,
}

#[derive(Default)]
struct Cache {
    uses: u64,
    by_path: BTreeMap<String, Entry>,
}

/// GitHub's REST API at one endpoint.
pub(super) struct Api {
    endpoint: Endpoint,
    /// Where GraphQL answers, if it can be asked at all.
    graph: Option<Endpoint>,
    cache: Mutex<Cache>,
    meter: Mutex<Meter>,
}

impl Api {
    pub(super) fn new(endpoint: Endpoint, graph: Option<Endpoint>) -> Self {
        Self { endpoint, graph, cache: Mutex::default(), meter: Mutex::default() }
    }

    /// What the newest answers said about budget and clock.
    pub(super) fn meter(&self) -> Meter {
        *locked(&self.meter)
    }

    /// Asks with the tag of what is kept for this path: the value, new or still right.
    pub(super) async fn get<T>(&self, path: &str) -> Result<Page<T>, Fault>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let known = self.known::<T>(path);
        let etag = known.as_ref().map(|(etag, _)| etag.clone());
        let answer = self.ask(&Read::get(path).accept(ACCEPT).etag(etag)).await?;
        if answer.status == 304 {
            return known.map(|(_, page)| page).ok_or_else(|| {
                Fault::new(Cause::Malformed, format!("{}: unchanged, it says, unasked", answer.asked()))
            });
        }
        let page = Page { value: Arc::new(answer.json()?), next: answer.next_page() };
        self.keep(path, &answer, &page);
        Ok(page)
    }

    /// Whether the answer is another than the one that is kept; the new one is kept then.
    pub(super) async fn changed<T>(&self, path: &str) -> Result<bool, Fault>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let Some((_, before)) = self.known::<T>(path) else { return Ok(true) };
        let after = self.get::<T>(path).await?;
        Ok(!Arc::ptr_eq(&before.value, &after.value))
    }

    /// Asks anew, whatever is kept.
    pub(super) async fn fresh<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.ask(&Read::get(path).accept(ACCEPT)).await?.json()
    }

    /// Asks anew for something that may be missing or not ours to see.
    pub(super) async fn fresh_if_told<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Fault> {
        match self.fresh(path).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if matches!(fault.cause, Cause::NotFound | Cause::Forbidden) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Asks for something that GitHub keeps elsewhere; what comes from there goes to `sink`.
    pub(super) async fn elsewhere(
        &self,
        path: &str,
        allowance: Allowance,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Fetched, Fault> {
        let fetched = self.endpoint.read_elsewhere(&Read::get(path).accept(ACCEPT), allowance, sink).await?;
        if let Fetched::Answered(answer) = &fetched {
            budget::note(&mut locked(&self.meter), answer);
            if !answer.is_success() {
                return Err(self.refused(answer));
            }
        }
        Ok(fetched)
    }

    /// Sends a step, once.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Fault> {
        let answer = self.endpoint.write(step, &[("Accept", ACCEPT)]).await?;
        budget::note(&mut locked(&self.meter), &answer);
        if answer.is_success() { answer.accepted() } else { Err(self.refused(&answer)) }
    }

    /// Whether GraphQL can be asked.
    pub(super) const fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// Asks by GraphQL. What is wrong with the question or its parts stands in the answer, with status 200.
    pub(super) async fn graph(&self, question: String) -> Result<Answer, Fault> {
        let graph =
            self.graph.as_ref().ok_or_else(|| Fault::new(Cause::Local, "no GraphQL without a token"))?;
        let answer = graph.read(&Read::graph("/graphql", question).accept(ACCEPT)).await?;
        budget::note(&mut locked(&self.meter), &answer);
        if answer.is_success() { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    /// Asks anew and gives the whole answer, headers included.
    pub(super) async fn whole(&self, path: &str) -> Result<Answer, Fault> {
        self.ask(&Read::get(path).accept(ACCEPT)).await
    }

    /// The endpoint, for questions about the way there.
    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn ask(&self, read: &Read) -> Result<Answer, Fault> {
        let answer = self.endpoint.read(read).await?;
        budget::note(&mut locked(&self.meter), &answer);
        let fine = answer.is_success() || (answer.status == 304 && read.etag.is_some());
        if fine { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    fn refused(&self, answer: &Answer) -> Fault {
        if answer.status == 401 {
            // The next token may be somebody else's: tags and answers are not theirs.
            locked(&self.cache).by_path.clear();
        }
        refusal(answer)
    }

    fn known<T: Send + Sync + 'static>(&self, path: &str) -> Option<(String, Page<T>)> {
        let mut cache = locked(&self.cache);
        cache.uses += 1;
        let now = cache.uses;
        let entry = cache.by_path.get_mut(path)?;
        let value = Arc::clone(&entry.value).downcast::<T>().ok()?;
        entry.used = now;
        Some((entry.etag.clone(), Page { value, next: entry.next.clone() }))
    }

    fn keep<T: Send + Sync + 'static>(&self, path: &str, answer: &Answer, page: &Page<T>) {
        let mut cache = locked(&self.cache);
        let Some(etag) = answer.headers.get("etag") else {
            cache.by_path.remove(path);
            return;
        };
        cache.uses += 1;
        let value: Arc<dyn Any + Send + Sync> = Arc::clone(&page.value) as _;
        let entry = Entry { etag: etag.to_owned(), value, next: page.next.clone(), used: cache.uses };
        cache.by_path.insert(path.to_owned(), entry);
        if cache.by_path.len() > KEPT {
            let oldest = cache.by_path.iter().min_by_key(|(_, e)| e.used).map(|(path, _)| path.clone());
            if let Some(oldest) = oldest {
                cache.by_path.remove(&oldest);
            }
        }
    }
}
