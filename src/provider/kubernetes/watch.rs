//! What a namespace or the whole cluster holds, kept up to date: list once, then watch, list again when the server
//! forgot. What no shelf is for is dropped as it streams in, before it is read.
//!
//! Knows the list and watch protocol; knows nothing of what the objects mean. It is written on the raw protocol
//! because two things must be seen that a ready-made watcher hides: bookmarks (they prove that a quiet watch
//! is alive) and the moment of the last word.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::link::{Lines, Link};
use super::shelf::{Come, Feed, Pulse, Shelf};
use super::species::Resource;
use super::wire::Watched;
use crate::domain::{Cause, Fault};

/// A watch that said nothing for this long is dead: a server sends a bookmark about every minute.
pub(super) const SILENCE: Duration = Duration::from_secs(75);
/// Objects per page of a list.
const PAGE: usize = 200;
/// Pages per list: what is not kept costs time and no memory.
const PAGES: usize = 500;
/// Waits between attempts: the first, doubled up to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));
/// How often a watch that is not permitted is tried again: as often as one that is permitted is renewed.
const DENIED: Duration = Duration::from_secs(300);

/// How often in a row a watch is tried again after a crash.
pub(super) const RESTARTS: u32 = 3;

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

/// Where the objects of a watch are, as the API's paths tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// In all namespaces.
    Cluster,
    /// In one.
    Namespace(String),
}

impl Scope {
    fn path(&self, resource: Resource) -> String {
        match self {
            Self::Cluster => resource.everywhere(),
            Self::Namespace(namespace) => resource.path(namespace),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Cluster => "the cluster".to_owned(),
            Self::Namespace(namespace) => format!("namespace {namespace}"),
        }
    }
}

/// One watch: what of, where, and the shelves that it fills.
pub(super) struct Watch<T> {
    pub(super) resource: Resource,
    pub(super) scope: Scope,
    /// By namespace.
    pub(super) shelves: BTreeMap<String, Arc<Shelf<T>>>,
    pub(super) pulse: Arc<Pulse>,
    /// How long the server is asked to keep it open.
    pub(super) lasts: Duration,
}

/// What is read of an object to know whether anybody wants it.
#[derive(Default, Deserialize)]
struct Label<'a> {
    #[serde(borrow, default)]
    metadata: Marks<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marks<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource_version: Option<Cow<'a, str>>,
}

impl<T: Watched> Watch<T> {
    /// The shelves that an object belongs to: its namespace's; all of them if it does not say which that is.
    fn shelves_of(&self, marks: &Marks<'_>) -> Vec<(&String, &Arc<Shelf<T>>)> {
        match (&self.scope, &marks.namespace) {
            (Scope::Cluster, Some(namespace)) => {
                self.shelves.get_key_value(namespace.as_ref()).into_iter().collect()
            }
            _ => self.shelves.iter().collect(),
        }
    }

    async fn list(&self, link: &Link) -> Result<String, Fault> {
        let mut listed: BTreeMap<&String, Vec<Come<T>>> =
            self.shelves.keys().map(|name| (name, Vec::new())).collect();
        let version = pages(link, &self.scope, self.resource, "", |item| {
            // What cannot be read at all may be anybody's.
            let label: Label<'_> = serde_json::from_str(item.get()).unwrap_or_default();
            for (namespace, shelf) in self.shelves_of(&label.metadata) {
                let come = cut(item, self.resource);
                if shelf.keeps(&come)
                    && let Some(list) = listed.get_mut(namespace)
                {
                    list.push(come);
                }
            }
        })
        .await?;
        for (namespace, list) in listed {
            if let Some(shelf) = self.shelves.get(namespace) {
                shelf.replace(list);
            }
        }
        self.pulse.hear();
        self.pulse.ring();
        Ok(version)
    }

    /// Takes in one event; the version that it brings.
    fn take(&self, event: &Event<'_>) -> Result<Option<String>, Fault> {
        let label: Label<'_> = serde_json::from_str(event.object.get())
            .map_err(|_| Fault::new(Cause::Malformed, "an object of the watch is not one"))?;
        let marks = &label.metadata;
        let name = marks.name.as_deref().unwrap_or_default();
        let mut changed = false;
        // A kind of event from the future changes nothing that we know.
        if matches!(event.kind, "ADDED" | "MODIFIED" | "DELETED") {
            for (_, shelf) in self.shelves_of(marks) {
                changed |= match event.kind {
                    "DELETED" => shelf.delete(name),
                    _ => shelf.apply(cut(event.object, self.resource)),
                };
            }
        }
        self.pulse.hear();
        if changed {
            self.pulse.ring();
        }
        Ok(marks.resource_version.as_deref().map(str::to_owned))
    }

    fn watching(&self, version: &str) -> String {
        format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
            self.scope.path(self.resource),
            self.lasts.as_secs(),
            encoded(version)
        )
    }

    /// Whether listing and watching are permitted, asked by doing so for a moment.
    pub(super) async fn permitted(&self, link: &Link) -> Result<(), Fault> {
        let first = link.get(&format!("{}?limit=1", self.scope.path(self.resource))).await?;
        let list: List<'_> =
            serde_json::from_slice(&first.body).map_err(|_| no_list(self.resource.plural(), &first.body))?;
        link.lines(&self.watching(&list.metadata.resource_version)).await.map(drop)
    }
}

/// Lists the objects of a kind in one namespace; `selector` is already encoded.
pub(super) async fn list<T: Watched>(
    link: &Link,
    resource: Resource,
    namespace: &str,
    selector: &str,
) -> Result<Vec<Come<T>>, Fault> {
    let scope = Scope::Namespace(namespace.to_owned());
    let mut objects = Vec::new();
    pages(link, &scope, resource, selector, |item| objects.push(cut(item, resource))).await?;
    Ok(objects)
}

/// Lists page by page; the version of the list.
async fn pages(
    link: &Link,
    scope: &Scope,
    resource: Resource,
    selector: &str,
    mut take: impl FnMut(&RawValue),
) -> Result<String, Fault> {
    let path = scope.path(resource);
    let mut next = String::new();
    for _ in 0..PAGES {
        let page = link.get(&format!("{path}?limit={PAGE}{selector}{next}")).await?;
        let list: List<'_> =
            serde_json::from_slice(&page.body).map_err(|_| no_list(resource.plural(), &page.body))?;
        for item in list.items.unwrap_or_default() {
            take(item);
        }
        match list.metadata.next.filter(|token| !token.is_empty()) {
            Some(token) => next = format!("&continue={}", encoded(&token)),
            None => return Ok(list.metadata.resource_version),
        }
    }
    Err(Fault::new(
        Cause::TooLarge,
        format!("more than {} {} in {}", PAGE * PAGES, resource.plural(), scope.words()),
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

fn cut<T: Watched>(raw: &RawValue, resource: Resource) -> Come<T> {
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

/// Why a watch is not kept any longer.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It is not permitted.
    Forbidden(Fault),
    /// It crashed too often in a row.
    Crashed(Fault),
}

/// Keeps the shelf of one namespace up to date for as long as it is polled.
pub(super) async fn keep<T: Watched>(link: Link, watch: Watch<T>) {
    loop {
        match run(&link, &watch).await {
            Stopped::Forbidden(fault) => watch.pulse.set(Feed::Denied(fault)),
            // Without the watch everything is asked for by name, which says what is missing.
            Stopped::Crashed(fault) => return watch.pulse.set(Feed::Denied(fault)),
        }
        tokio::time::sleep(DENIED).await;
    }
}

/// Keeps the shelves of a watch up to date until that is not permitted, or impossible.
pub(super) async fn run<T: Watched>(link: &Link, watch: &Watch<T>) -> Stopped {
    let mut wait = BACKOFF.0;
    let mut crashes = 0;
    loop {
        let began = Instant::now();
        let turn = AssertUnwindSafe(follow(link, watch)).catch_unwind().await;
        crashes = if turn.is_ok() { 0 } else { crashes + 1 };
        let fault = turn.unwrap_or_else(|_| Some(crash(watch.resource, crashes)));
        if crashes > RESTARTS
            && let Some(fault) = fault
        {
            return Stopped::Crashed(fault);
        }
        if began.elapsed() > SILENCE {
            wait = BACKOFF.0;
        }
        let pause = match fault {
            // One list again at once, and the next with patience: a server that forgets all the time is not hammered.
            None => wait,
            Some(fault) if fault.cause == Cause::Forbidden => return Stopped::Forbidden(fault),
            // The kind is not served here: in no namespace either.
            Some(fault) if fault.cause == Cause::NotFound => {
                watch.pulse.set(Feed::Denied(fault));
                DENIED
            }
            Some(fault) => {
                let asked = match fault.retry {
                    crate::domain::Retry::After(asked) => asked,
                    _ => Duration::ZERO,
                };
                let since = match watch.pulse.feed() {
                    Feed::Down(since, _) => since,
                    Feed::Live(heard) => heard,
                    _ => Instant::now(),
                };
                watch.pulse.set(Feed::Down(since, fault));
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
async fn follow<T: Watched>(link: &Link, watch: &Watch<T>) -> Option<Fault> {
    let mut quick = 0;
    loop {
        let mut version = match watch.list(link).await {
            Ok(version) => version,
            Err(fault) => return Some(fault),
        };
        let listed = Instant::now();
        loop {
            let opened = Instant::now();
            match watch_once(link, watch, version).await {
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

async fn watch_once<T: Watched>(link: &Link, watch: &Watch<T>, mut version: String) -> Result<End, Fault> {
    let mut lines = match link.lines(&watch.watching(&version)).await {
        Ok(lines) => lines,
        Err(fault) if fault.cause == Cause::Moved => return Ok(End::Forgotten),
        Err(fault) => return Err(fault),
    };
    watch.pulse.hear();
    while let Some(line) = next(&mut lines).await? {
        if line.is_empty() {
            continue;
        }
        let event: Event<'_> = serde_json::from_slice(&line).map_err(|_| {
            Fault::new(
                Cause::Malformed,
                format!("a line of the watch of {} is not one", watch.resource.plural()),
            )
        })?;
        if event.kind == "ERROR" {
            return gone(event.object);
        }
        if let Some(at) = watch.take(&event)? {
            version = at;
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
