//! What a service in one environment would be measured at: a log of what ran when, and from it, for any moment, the
//! error ratio, the latency and the traffic. Pure: the same log and moment always give the same figures, so a graph
//! drawn twice is the same graph.

use super::scenario::ServiceScript;
use jiff::{SignedDuration, Timestamp};

/// The log forgets its oldest entries beyond this many.
const LOG_LIMIT: usize = 2_000;
/// Noise is drawn anew for every stretch of this many seconds.
const NOISE_SECONDS: i64 = 5;

/// What a service does at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    /// Error ratio in per cent.
    pub(super) errors: f64,
    /// 99th percentile of the latency in milliseconds.
    pub(super) latency: f64,
    /// Requests a second.
    pub(super) rate: f64,
    /// Ready pods or tasks.
    pub(super) ready: u32,
}

/// Which pods answer, where a rollout runs two versions beside each other: the label that scrapes give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Track {
    /// The newest version, while an older one still runs.
    Canary,
    /// All others.
    Stable,
}

impl Track {
    /// The label's value.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Stable => "stable",
        }
    }
}

/// What one track does.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) track: Track,
    /// The tag that it runs; of several the one with most pods.
    pub(super) version: String,
    pub(super) level: Level,
}

/// What runs from a moment on: all together, and each track.
#[derive(Clone, Debug, PartialEq)]
struct Moment {
    all: Level,
    parts: Vec<Part>,
}

/// The log.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    log: Vec<(Timestamp, Moment)>,
}

impl Signals {
    /// Notes what runs: tags with their ready pods.
    pub(super) fn note(
        &mut self,
        now: Timestamp,
        script: &ServiceScript,
        environment: &str,
        running: &[(String, u32)],
    ) {
        let moment = moment(script, environment, running);
        if self.log.last().is_some_and(|(_, last)| *last == moment) {
            return;
        }
        self.log.push((now, moment));
        if self.log.len() > LOG_LIMIT {
            self.log.remove(0);
        }
    }

    /// Ready pods at `time`.
    pub(super) fn ready(&self, time: Timestamp) -> u32 {
        let found = self.log.iter().rev().find(|(at, _)| *at <= time).or(self.log.first());
        found.map_or(0, |(_, moment)| moment.all.ready)
    }

    /// The mean over the `window` that ends at `time`; `None` when nothing served then. Before the log begins it was
    /// as ordinary as its first entry.
    pub(super) fn at(&self, time: Timestamp, window: SignedDuration) -> Option<Level> {
        self.mean(time, window, |moment| Some(moment.all))
    }

    /// The same for each track that served then; its rate is its share of the traffic.
    pub(super) fn tracks(&self, time: Timestamp, window: SignedDuration) -> Vec<Part> {
        let of = |track: Track| {
            let part = move |moment: &Moment| {
                moment.parts.iter().find(|part| part.track == track).map(|part| part.level)
            };
            let level = self.mean(time, window, part)?;
            let known = self.log.iter().rev().filter(|(at, _)| *at <= time).map(|(_, moment)| moment);
            let mut known = known.chain(self.log.first().map(|(_, first)| first));
            let version = known.find_map(|moment| moment.parts.iter().find(|part| part.track == track));
            Some(Part { track, version: version?.version.clone(), level })
        };
        [Track::Canary, Track::Stable].into_iter().filter_map(of).collect()
    }

    /// The mean of a part of what ran.
    fn mean(
        &self,
        time: Timestamp,
        window: SignedDuration,
        part: impl Fn(&Moment) -> Option<Level>,
    ) -> Option<Level> {
        let (_, first) = self.log.first()?;
        let begin = time.checked_sub(window).unwrap_or(time);
        let mut sum = Level { errors: 0.0, latency: 0.0, rate: 0.0, ready: first.all.ready };
        let (mut until, mut weight) = (time, 0.0);
        let logged = self.log.iter().rev().map(|(at, moment)| (*at, moment));
        for (at, moment) in logged.chain([(Timestamp::MIN, first)]) {
            if until <= begin {
                break;
            }
            let from = at.max(begin);
            if from >= until {
                continue;
            }
            let seconds = until.duration_since(from).as_secs_f64();
            until = from;
            let Some(level) = part(moment) else { continue };
            let share = seconds * level.rate;
            sum.errors += level.errors * share;
            sum.latency += level.latency * share;
            weight += share;
        }
        let seconds = window.as_secs_f64();
        (weight > 0.0 && seconds > 0.0).then(|| Level {
            errors: sum.errors / weight,
            latency: sum.latency / weight,
            rate: weight / seconds,
            ready: self.ready(time),
        })
    }
}

fn moment(script: &ServiceScript, environment: &str, running: &[(String, u32)]) -> Moment {
    let all = level(script, environment, running);
    let age = |tag: &str| script.tags.iter().position(|known| known == tag);
    let serving = || running.iter().filter(|(_, ready)| *ready > 0);
    let newest = serving().max_by_key(|(tag, _)| age(tag)).map(|(tag, _)| tag.clone());
    let several = serving().any(|(tag, _)| Some(tag) != newest.as_ref());
    let part = |track: Track| {
        let own = |tag: &String| (several && Some(tag) == newest.as_ref()) == (track == Track::Canary);
        let tags: Vec<_> = serving().filter(|(tag, _)| own(tag)).cloned().collect();
        let (version, _) = tags.iter().max_by_key(|(_, ready)| *ready)?;
        let ready: u32 = tags.iter().map(|(_, ready)| ready).sum();
        let level = level(script, environment, &tags);
        let rate = all.rate * f64::from(ready) / f64::from(all.ready.max(1));
        Some(Part { track, version: version.clone(), level: Level { rate, ..level } })
    };
    Moment { all, parts: [Track::Canary, Track::Stable].into_iter().filter_map(part).collect() }
}

fn level(script: &ServiceScript, environment: &str, running: &[(String, u32)]) -> Level {
    let ready: u32 = running.iter().map(|(_, ready)| ready).sum();
    let staging = environment != "production";
    let rate = if ready == 0 { 0.0 } else { script.rate * if staging { 0.04 } else { 1.0 } };
    let (mut errors, mut latency) = (0.0, 0.0);
    for (tag, count) in running.iter().filter(|(_, count)| *count > 0) {
        let share = f64::from(*count) / f64::from(ready);
        // A bad version is bad under the traffic of production only: otherwise staging would have caught it.
        let bad = script.bad.iter().find(|bad| !staging && bad.version == *tag);
        errors += share * bad.map_or(script.errors, |bad| bad.errors);
        latency += share * bad.map_or(script.latency, |bad| bad.latency);
    }
    Level { errors, latency, rate, ready }
}

/// Between -1 and 1, smooth over time, the same for the same words and moment.
pub(super) fn noise(seed: u64, words: &[&str], time: Timestamp) -> f64 {
    let slot = time.as_second().div_euclid(NOISE_SECONDS);
    let within =
        (time.as_millisecond().rem_euclid(NOISE_SECONDS * 1000)) as f64 / (NOISE_SECONDS as f64 * 1000.0);
    let draw = |slot: i64| {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in words.iter().flat_map(|word| word.bytes().chain([0])).chain(slot.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash ^= hash >> 29;
        hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (hash >> 32);
        (hash % 20_001) as f64 / 10_000.0 - 1.0
    };
    draw(slot) * (1.0 - within) + draw(slot + 1) * within
}
