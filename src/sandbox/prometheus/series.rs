//! The time series of the world: every metric of every service and environment, worked out from what really runs.

use super::evaluate::{Labels, Reading, fits};
use super::parse::Matcher;
use crate::sandbox::signals::{Level, Part, Track, noise};
use crate::sandbox::world::{Place, Service};
use jiff::{SignedDuration, Timestamp};

/// The upper bounds of the latency histogram, in seconds.
const BOUNDS: [f64; 22] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5,
    2.0, 5.0, 10.0,
];
/// An instant read of a counter looks back this far for a rate.
const SCRAPE: SignedDuration = SignedDuration::from_secs(15);
/// Counters began this long before the moment that is asked for, in seconds.
const COUNTED: f64 = 86_400.0;

/// All series.
pub(super) struct Series<'w> {
    pub(super) services: &'w [Service],
    pub(super) seed: u64,
    /// Nothing is known after this.
    pub(super) now: Timestamp,
}

impl Series<'_> {
    /// The samples of a metric at a moment.
    pub(super) fn select(
        &self,
        name: &str,
        matchers: &[Matcher],
        time: Timestamp,
        how: Reading,
    ) -> Vec<(Labels, f64)> {
        let mut found = Vec::new();
        if time > self.now.checked_add(SignedDuration::from_secs(300)).unwrap_or(self.now) {
            return found;
        }
        let about = |label: &str| {
            let wanted = matchers.iter().find(|matcher| matcher.label == label && matcher.operation == "=");
            wanted.map(|matcher| matcher.value.as_str())
        };
        let (service, environment) = (about("service"), about("environment"));
        for one in self.services.iter().filter(|one| service.is_none_or(|name| name == one.script.name)) {
            for place in one.places.iter().filter(|p| environment.is_none_or(|name| name == p.environment)) {
                self.sample(name, one, place, time.min(self.now), how, &mut found);
            }
        }
        found.retain(|(labels, _)| fits(name, labels, matchers));
        if matches!(how, Reading::Instant) {
            for (labels, _) in &mut found {
                labels.insert("__name__".into(), name.to_owned());
            }
        }
        found
    }

    fn sample(
        &self,
        name: &str,
        service: &Service,
        place: &Place,
        time: Timestamp,
        how: Reading,
        found: &mut Vec<(Labels, f64)>,
    ) {
        let labels = |more: &[(&str, &str)]| -> Labels {
            let own = [("service", service.script.name.as_str()), ("environment", place.environment)];
            let all = own.iter().chain(more);
            all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let ready = f64::from(place.signals.ready(time));
        let (window, scale) = match how {
            Reading::Instant => (SCRAPE, COUNTED),
            Reading::Rate(window) => (window, 1.0),
        };
        match name {
            "up" => found.push((labels(&[("job", "services")]), f64::from(u8::from(ready > 0.0)))),
            "service_replicas_ready" => found.push((labels(&[]), ready)),
            "service_replicas_wanted" => found.push((labels(&[]), f64::from(place.replicas))),
            "kube_deployment_status_replicas_available" => {
                let more = [("deployment", service.script.name.as_str()), ("namespace", place.environment)];
                found.push((labels(&more), ready));
            }
            "http_requests_total" => {
                for part in self.parts(service, place, time, window) {
                    let level = part.level;
                    let bad = level.rate * (level.errors / 100.0).clamp(0.0, 1.0);
                    let of = |code| {
                        labels(&[("code", code), ("track", part.track.word()), ("version", &part.version)])
                    };
                    found.push((of("200"), (level.rate - bad) * scale));
                    found.push((of("500"), bad * scale));
                }
            }
            "http_request_duration_seconds_count" => {
                for Part { track, version, level } in self.parts(service, place, time, window) {
                    let labels = labels(&[("track", track.word()), ("version", &version)]);
                    found.push((labels, level.rate * scale));
                }
            }
            "http_request_duration_seconds_bucket" => {
                for Part { track, version, level } in self.parts(service, place, time, window) {
                    let of = |le: &str| labels(&[("le", le), ("track", track.word()), ("version", &version)]);
                    // Waiting times as they are: most are short, one in a hundred is longer than the 99th percentile.
                    let decay = 100.0_f64.ln() / (level.latency / 1000.0);
                    for bound in BOUNDS {
                        let count = level.rate * (1.0 - (-bound * decay).exp()) * scale;
                        found.push((of(&bound.to_string()), count));
                    }
                    found.push((of("+Inf"), level.rate * scale));
                }
            }
            _ => {}
        }
    }

    /// What each track does, with its noise.
    fn parts(&self, service: &Service, place: &Place, time: Timestamp, window: SignedDuration) -> Vec<Part> {
        let mut parts = place.signals.tracks(time, window);
        for Part { track, level, .. } in &mut parts {
            let shake = |what: &str| {
                let words = [&service.script.name, place.environment, what, "canary"];
                let words = if *track == Track::Canary { &words[..] } else { &words[..3] };
                noise(self.seed, words, time)
            };
            *level = Level {
                errors: level.errors * (1.0 + 0.18 * shake("errors")),
                latency: level.latency * (1.0 + 0.07 * shake("latency")),
                rate: level.rate * (1.0 + 0.05 * shake("rate")),
                ready: level.ready,
            };
        }
        parts
    }
}
