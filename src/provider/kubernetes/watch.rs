//! What a namespace holds, kept up to date: list once, then watch, list again when the server forgot.
//!
//! Knows the list and watch protocol; knows nothing of what the objects mean. It is written on the raw protocol
//! because two things must be seen that a ready-made watcher hides: bookmarks (they prove that a quiet watch
//! is alive) and the moment of the last word.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::Instant;

use super::link::{Lines, Link};
use super::species::Resource;
use super::wire::{Meta, Watched};
use crate::domain::{Cause, Fault};

/// How long the server keeps one watch open, in seconds: twelve an hour.
const WATCH: u64 = 300;
/// A watch that said nothing for this long is dead: a server sends a bookmark about every minute.
pub(super) const SILENCE: Duration = Duration::from_secs(75);
/// Objects per page of a list.
const PAGE: usize = 200;
/// Pages per list.
const PAGES: usize = 50;
/// Waits between attempts: the first, doubled up to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));
/// How often a watch that is not permitted is tried again.
const DENIED: Duration = Duration::from_secs(120);

/// How often in a row a watch is tried again after a crash.
pub(super) const RESTARTS: u32 = 3;

/// How a feed stands.
#[derive(Clone, Debug)]
pub(super) enum Feed {
    /// The first list is under way.
    Starting,
    /// Up; when the server last said something.
    Live(Instant),
    /// Down since; why.
    Down(Instant, Fault),
    /// Listing or watching is not permitted: it must be asked for by name.
    Denied(Fault),
}

/// What a feed holds.
#[derive(Debug)]
struct Held<T> {
    objects: BTreeMap<String, Arc<T>>,
    feed: Feed,
    /// An object that could not be read, by name; told until a readable form of it comes.
    unreadable: BTreeMap<String, Fault>,
    /// When single objects were asked for.
    asked: BTreeMap<String, Instant>,
}

/// All objects of one kind in one namespace.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    resource: Resource,
    held: Mutex<Held<T>>,
    /// Counts what changed; a change of it wakes those who wait.
    turns: watch::Sender<u64>,
}

impl<T: Watched> Shelf<T> {
    /// An empty shelf that rings `turns` on every change.
    pub(super) fn new(resource: Resource, turns: watch::Sender<u64>) -> Self {
        let held = Held {
            objects: BTreeMap::new(),
            feed: Feed::Starting,
            unreadable: BTreeMap::new(),
            asked: BTreeMap::new(),
        };
        Self { resource, held: Mutex::new(held), turns }
    }

    /// What it holds the objects of.
    pub(super) const fn resource(&self) -> Resource {
        self.resource
    }

    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        // Every change is complete before the lock is let go, also when a reader panicked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the feed stands.
    pub(super) fn feed(&self) -> Feed {
        self.lock().feed.clone()
    }

    /// What is there now.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.lock().objects.values().cloned().collect()
    }

    /// One object.
    pub(super) fn get(&self, name: &str) -> Option<Arc<T>> {
        self.lock().objects.get(name).cloned()
    }

    /// Why some object could not be read, if any.
    pub(super) fn unreadable(&self) -> Option<Fault> {
        self.lock().unreadable.values().next().cloned()
    }

    /// How long ago one object was last heard of: by the watch, or because it was asked for. It says nothing about
    /// whether the watch is alive.
    pub(super) fn silence(&self, name: &str) -> Option<Duration> {
        let held = self.lock();
        let heard = match held.feed {
            Feed::Live(heard) => Some(heard),
            _ => None,
        };
        heard.max(held.asked.get(name).copied()).map(|at| at.elapsed())
    }

    /// Takes in an object that was asked for by name, unless the watch already brought a newer form.
    pub(super) fn learn(&self, object: T) -> Arc<T> {
        let mut held = self.lock();
        let name = object.meta().name.clone();
        held.asked.insert(name.clone(), Instant::now());
        if let Some(known) = held.objects.get(&name).filter(|known| overtaken(known.meta(), object.meta())) {
            return Arc::clone(known);
        }
        let object = Arc::new(object);
        held.objects.insert(name, Arc::clone(&object));
        object
    }

    fn set(&self, feed: Feed) {
        let rings = {
            let mut held = self.lock();
            let rings = !matches!((&held.feed, &feed), (Feed::Live(_), Feed::Live(_)));
            held.feed = feed;
            rings
        };
        if rings {
            self.ring();
        }
    }

    fn ring(&self) {
        self.turns.send_modify(|turn| *turn = turn.wrapping_add(1));
    }

    fn replace(&self, listed: Vec<Result<T, (String, Fault)>>) {
        {
            let mut held = self.lock();
            let mut before = std::mem::take(&mut held.objects);
            held.unreadable.clear();
            for object in listed {
                match object {
                    Ok(object) => {
                        let name = object.meta().name.clone();
                        let known = before.remove(&name).filter(|k| overtaken(k.meta(), object.meta()));
                        held.objects.insert(name, known.unwrap_or_else(|| Arc::new(object)));
                    }
                    Err((name, fault)) => {
                        held.unreadable.insert(name, fault);
                    }
                }
            }
            held.feed = Feed::Live(Instant::now());
        }
        self.ring();
    }

    fn apply(&self, object: Result<T, (String, Fault)>) {
        {
            let mut held = self.lock();
            match object {
                Ok(object) => {
                    let name = object.meta().name.clone();
                    held.unreadable.remove(&name);
                    if held.objects.get(&name).is_none_or(|known| !overtaken(known.meta(), object.meta())) {
                        held.objects.insert(name, Arc::new(object));
                    }
                }
                // The old form is not what is there any more: it must not be shown as if it were.
                Err((name, fault)) => {
                    held.objects.remove(&name);
                    held.unreadable.insert(name, fault);
                }
            }
            held.feed = Feed::Live(Instant::now());
        }
        self.ring();
    }

    fn delete(&self, name: &str) {
        {
            let mut held = self.lock();
            held.objects.remove(name);
            held.unreadable.remove(name);
            held.feed = Feed::Live(Instant::now());
        }
        self.ring();
    }
}

/// Whether what comes in is older than what is known: an event that was under way while the answer to a write
/// was taken in. A reborn object is never older.
fn overtaken(known: &Meta, coming: &Meta) -> bool {
    known.uid == coming.uid && !newer(&coming.resource_version, &known.resource_version)
}

/// Whether a resource version is newer. They are opaque by contract and comparable numbers in fact; when they
/// are not numbers, what was asked for later counts as newer.
fn newer(new: &str, old: &str) -> bool {
    match (new.parse::<u128>(), old.parse::<u128>()) {
        (Ok(new), Ok(old)) => new > old,
        _ => true,
    }
}

#[derive(Deserialize)]
struct ListMeta {
    #[serde(default, rename = "resourceVersion")]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct List<'a> {
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What is wrong with an answer that should be a list.
fn no_list(plural: &str, body: &[u8]) -> Fault {
    let text = match serde_json::from_slice::<Value>(body) {
        Err(_) => format!("the list of {plural} is not JSON"),
        Ok(list) => {
            let listed = list.get("items").is_none_or(|items| items.is_array() || items.is_null());
            let field = if listed { "metadata" } else { "items" };
            format!("the list of {plural}: the field {field} is not as documented")
        }
    };
    Fault::new(Cause::Malformed, text)
}

/// Lists all objects of a kind, page by page; `selector` is already encoded.
pub(super) async fn list<T: Watched>(
    link: &Link,
    resource: Resource,
    namespace: &str,
    selector: &str,
) -> Result<(Vec<Result<T, (String, Fault)>>, String), Fault> {
    let path = resource.path(namespace);
    let mut objects = Vec::new();
    let mut next = String::new();
    for _ in 0..PAGES {
        let page = link.get(&format!("{path}?limit={PAGE}{selector}{next}")).await?;
        let list: List<'_> =
            serde_json::from_slice(&page.body).map_err(|_| no_list(resource.plural(), &page.body))?;
        for item in list.items.unwrap_or_default() {
            objects.push(cut(item, resource));
        }
        match list.metadata.next.filter(|token| !token.is_empty()) {
            Some(token) => next = format!("&continue={}", encoded(&token)),
            None => return Ok((objects, list.metadata.resource_version)),
        }
    }
    Err(Fault::new(
        Cause::TooLarge,
        format!("more than {} {} in {namespace}", PAGE * PAGES, resource.plural()),
    ))
}

/// Percent-encodes a query value.
pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn cut<T: Watched>(raw: &RawValue, resource: Resource) -> Result<T, (String, Fault)> {
    let object: Value = serde_json::from_str(raw.get())
        .map_err(|_| (String::new(), Fault::new(Cause::Malformed, "an object of the cluster is not JSON")))?;
    T::cut(&object, resource).map_err(|fault| (name_of(&object), fault))
}

fn name_of(object: &Value) -> String {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Why a watch came to its end.
enum End {
    /// The server's own time limit; go on from this version.
    Over(String),
    /// The server no longer knows the version: list again.
    Forgotten,
}

/// Keeps a shelf up to date for as long as it is polled.
pub(super) async fn keep<T: Watched>(link: Link, namespace: String, shelf: Arc<Shelf<T>>) {
    let mut wait = BACKOFF.0;
    let mut crashes = 0;
    loop {
        let began = Instant::now();
        let turn = AssertUnwindSafe(follow(&link, &namespace, &shelf)).catch_unwind().await;
        crashes = if turn.is_ok() { 0 } else { crashes + 1 };
        let fault = turn.unwrap_or_else(|_| Some(crash(shelf.resource, crashes)));
        if crashes > RESTARTS
            && let Some(fault) = fault
        {
            // Without the watch everything is asked for by name, which says what is missing.
            return shelf.set(Feed::Denied(fault));
        }
        if began.elapsed() > SILENCE {
            wait = BACKOFF.0;
        }
        let pause = match fault {
            // One list again at once, and the next with patience: a server that forgets all the time is not hammered.
            None => wait,
            Some(fault) if matches!(fault.cause, Cause::Forbidden | Cause::NotFound) => {
                shelf.set(Feed::Denied(fault));
                DENIED
            }
            Some(fault) => {
                let asked = match fault.retry {
                    crate::domain::Retry::After(asked) => asked,
                    _ => Duration::ZERO,
                };
                let since = match shelf.feed() {
                    Feed::Down(since, _) => since,
                    Feed::Live(heard) => heard,
                    _ => Instant::now(),
                };
                shelf.set(Feed::Down(since, fault));
                wait.max(asked)
            }
        };
        tokio::time::sleep(pause).await;
        wait = (wait * 2).min(BACKOFF.1);
    }
}

/// What is said of the crash with this number in a row.
fn crash(resource: Resource, number: u32) -> Fault {
    let then = if number > RESTARTS { "it stays off" } else { "it is tried again" };
    Fault::new(
        Cause::Crashed,
        format!("the watch of {} crashed, {number} times in a row: {then}", resource.plural()),
    )
}

/// Lists and watches until something fails (`Some`) or the server forgot twice in a row (`None`).
async fn follow<T: Watched>(link: &Link, namespace: &str, shelf: &Shelf<T>) -> Option<Fault> {
    let mut quick = 0;
    loop {
        let (objects, mut version) = match list::<T>(link, shelf.resource, namespace, "").await {
            Ok(listed) => listed,
            Err(fault) => return Some(fault),
        };
        shelf.replace(objects);
        let listed = Instant::now();
        loop {
            let opened = Instant::now();
            match watch_once(link, namespace, shelf, version).await {
                Ok(End::Over(at)) => version = at,
                Ok(End::Forgotten) => break,
                Err(fault) => return Some(fault),
            }
            // A server (or a proxy) that ends every watch at once would otherwise spin us.
            quick = if opened.elapsed() < Duration::from_secs(1) { quick + 1 } else { 0 };
            if quick >= 5 {
                return Some(Fault::new(Cause::ServerFailed, "every watch is ended at once"));
            }
        }
        if listed.elapsed() < Duration::from_secs(1) {
            quick += 1;
            if quick >= 3 {
                return None;
            }
        }
    }
}

async fn watch_once<T: Watched>(
    link: &Link,
    namespace: &str,
    shelf: &Shelf<T>,
    mut version: String,
) -> Result<End, Fault> {
    let path = format!(
        "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH}&resourceVersion={}",
        shelf.resource.path(namespace),
        encoded(&version)
    );
    let mut lines = match link.lines(&path).await {
        Ok(lines) => lines,
        Err(fault) if fault.cause == Cause::Moved => return Ok(End::Forgotten),
        Err(fault) => return Err(fault),
    };
    shelf.set(Feed::Live(Instant::now()));
    while let Some(line) = next(&mut lines).await? {
        if line.is_empty() {
            continue;
        }
        let event: Event<'_> = serde_json::from_slice(&line).map_err(|_| {
            Fault::new(
                Cause::Malformed,
                format!("a line of the watch of {} is not one", shelf.resource.plural()),
            )
        })?;
        match event.kind {
            "ERROR" => return gone(event.object),
            "BOOKMARK" => shelf.set(Feed::Live(Instant::now())),
            "DELETED" => shelf.delete(&name_of(&value(event.object)?)),
            "ADDED" | "MODIFIED" => shelf.apply(cut(event.object, shelf.resource)),
            // A kind of event from the future changes nothing that we know.
            _ => {}
        }
        if let Some(at) = value(event.object)?.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
            version = at.to_owned();
        }
    }
    Ok(End::Over(version))
}

async fn next(lines: &mut Lines) -> Result<Option<Vec<u8>>, Fault> {
    tokio::time::timeout(SILENCE, lines.next()).await.map_err(|_| {
        Fault::new(Cause::TimedOut, format!("the watch has been silent for {} s", SILENCE.as_secs()))
    })?
}

fn value(raw: &RawValue) -> Result<Value, Fault> {
    serde_json::from_str(raw.get())
        .map_err(|_| Fault::new(Cause::Malformed, "an object of the watch is not JSON"))
}

/// What an ERROR event means.
fn gone(raw: &RawValue) -> Result<End, Fault> {
    let status = value(raw)?;
    let code = status.get("code").and_then(Value::as_u64).and_then(|c| u16::try_from(c).ok()).unwrap_or(500);
    if code == 410 {
        return Ok(End::Forgotten);
    }
    Err(super::fault::of_status(code, raw.get().as_bytes(), None, super::fault::Sort::Read))
}
