//! R24: providers change their answers. Every place of every recorded answer, in eight ways: nothing panics, nothing that
//! is unknown or missing becomes a success, and a complaint names the field.
//!
//! A provider joins with a [`Member`]: its recorded answers, and how they are given.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "drift/change.rs"]
mod change;
#[path = "ci/recorded/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of these providers")]
mod ci;
#[path = "support/faults.rs"]
#[expect(dead_code, reason = "only the credential of it is used here")]
mod faults;
#[path = "drift/github.rs"]
mod github;
#[path = "drift/good.rs"]
mod good;
#[path = "hazards/kube.rs"]
#[expect(dead_code, reason = "shared with the tests of hazards and lies")]
mod kube;
#[path = "hazards/lie.rs"]
#[expect(dead_code, reason = "these servers tell the truth, changed")]
mod lie;
#[path = "drift/metrics.rs"]
mod metrics;
#[path = "drift/pipelines.rs"]
mod pipelines;
#[path = "support/scripted.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod scripted;
#[path = "hazards/swarm.rs"]
#[expect(dead_code, reason = "shared with the tests of hazards and lies")]
mod swarm;
#[path = "drift/targets.rs"]
mod targets;
#[path = "github/world.rs"]
#[expect(dead_code, reason = "shared with the tests of the provider")]
mod world;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gonogo::domain::{Ask, Cause, Fault, Intent, Observation};
use gonogo::provider::Provider;
use serde_json::Value;

use self::change::{Way, changed, names, places};
use self::good::Part;
use self::lie::Lie;

/// One provider with recorded answers.
pub(crate) trait Member: Send + Sync {
    /// What it is called in a failure.
    fn name(&self) -> String;
    /// Its configured name, and what it is to the service.
    fn part(&self) -> (&'static str, Part);
    /// Every recorded answer by the key under which it is given.
    fn answers(&self) -> Vec<(String, Value)>;
    /// Gives this instead of the recorded one from now on.
    fn give(&self, key: &str, answer: &Value);
    /// A provider that has not looked yet.
    fn provider(&self) -> Arc<dyn Provider>;
    /// What an operator could want after this look.
    fn intents(&self, seen: &Observation) -> Vec<Intent>;
    /// What must not be said to be good any more when this place of this answer is anything but recorded.
    fn rests_on(&self, key: &str, place: &str) -> Vec<String>;
    /// Whether a new good thing may follow from a change of this place: it names the thing, or what it says now is as good
    /// an answer as the recorded one.
    fn may_follow(&self, _key: &str, _place: &str, _good: &str) -> bool {
        false
    }
}

type Start = fn() -> BoxFuture<'static, Box<dyn Member>>;

/// Every provider with its recorded answers, in a world that is well and in one that is not.
fn members() -> Vec<Start> {
    let mut all: Vec<Start> = Vec::new();
    all.extend(targets::members());
    all.extend(metrics::members());
    all.extend(github::members());
    all.extend(pipelines::members());
    all
}

/// What a look and the plans after it say.
struct Sight {
    good: BTreeSet<String>,
    faults: Vec<Fault>,
}

async fn sight(member: &dyn Member) -> Sight {
    let provider = member.provider();
    let (source, part) = member.part();
    let mut sight = Sight { good: BTreeSet::new(), faults: Vec::new() };
    match provider.observe(&Ask::default()).await {
        Err(fault) => sight.faults.push(fault),
        Ok(seen) => {
            sight.faults.extend(seen.faults.values().cloned());
            sight.good.extend(good::in_sight(source, part, &seen));
            for intent in member.intents(&seen) {
                let prepared = provider.prepare(&intent).await;
                sight.good.extend(good::in_plan(intent.verb, &prepared));
                sight.faults.extend(prepared.err());
            }
        }
    }
    sight
}

fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}

/// Whether a place belongs to what is compared as a whole (a specification), or to a map of texts: there one more field is
/// a difference.
fn is_compared(place: &str) -> bool {
    ["Spec", "/spec/", "annotations", "abels"].iter().any(|part| place.contains(part))
}

/// One case: what is wrong, if anything.
async fn judged(
    member: &dyn Member,
    before: &BTreeSet<String>,
    (key, place): (&str, &str),
    way: Way,
) -> Option<String> {
    let Ok(sight) = AssertUnwindSafe(sight(member)).catch_unwind().await else {
        return Some("panicked".to_owned());
    };
    let new: Vec<_> =
        sight.good.difference(before).filter(|good| !member.may_follow(key, place, good)).collect();
    if !new.is_empty() {
        return Some(format!("became a success: {new:?}"));
    }
    if way == Way::Extra && !is_compared(place) {
        let lost: Vec<_> = before.difference(&sight.good).collect();
        return (!lost.is_empty()).then(|| format!("a field that nobody knows changed it: {lost:?}"));
    }
    let rests = member.rests_on(key, place);
    if let Some(kept) = rests.iter().find(|good| sight.good.contains(*good)) {
        return Some(format!("still said to be good: {kept}"));
    }
    let malformed = sight.faults.iter().filter(|f| f.cause == Cause::Malformed);
    let mut unnamed =
        malformed.filter(|f| !names(f.detail.as_str(), place) && !f.detail.as_str().contains("field"));
    unnamed.next().map(|fault| format!("names no field: {fault}"))
}

/// Every so many cases of a reduced run; a prime, so that every way and every kind of place comes up.
const STEP: usize = 47;

/// Goes through all cases of one member.
async fn drifted(start: Start) -> (String, usize, Vec<String>) {
    let (began, member) = (Instant::now(), start().await);
    let before = sight(member.as_ref()).await;
    let step = if full() { 1 } else { STEP };
    let (mut all, mut cases, mut wrong) = (0_usize, 0, Vec::new());
    for (key, whole) in member.answers() {
        for place in places(&whole) {
            for way in Way::ALL {
                let Some(answer) = changed(&whole, &place, way) else { continue };
                all += 1;
                if !all.is_multiple_of(step) {
                    continue;
                }
                cases += 1;
                member.give(&key, &answer);
                let found = judged(member.as_ref(), &before.good, (&key, &place), way).await;
                wrong.extend(found.map(|what| format!("{} {key} {place} {way:?}: {what}", member.name())));
            }
        }
        member.give(&key, &whole);
    }
    let took = began.elapsed().as_secs_f64();
    (
        format!("{}: {cases} of {all} cases in {took:.1} s, good: {:?}", member.name(), before.good),
        cases,
        wrong,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_provider_changes_nothing_panics_and_nothing_unknown_becomes_a_success() {
    // What is looked for is a panic in a provider: its text is told below, once.
    let mut tasks = tokio::task::JoinSet::new();
    for start in members() {
        tasks.spawn(drifted(start));
    }
    let (mut cases, mut wrong) = (0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (told, count, found) = done.unwrap();
        println!("{told}\n{} wrong: {:#?}", found.len(), found.iter().take(12).collect::<Vec<_>>());
        cases += count;
        wrong.extend(found);
    }
    println!("R24: {cases} cases, {} wrong", wrong.len());
    let shown: Vec<_> = wrong.iter().take(40).collect();
    assert!(wrong.is_empty(), "{} of {cases}: {shown:#?}", wrong.len());
    let least = if full() { 20_000 } else { 600 };
    assert!(cases >= least, "{cases}");
}
