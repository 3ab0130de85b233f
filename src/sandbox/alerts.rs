//! Alert rules and the alerts they raise: HighErrorRate and SlowResponses for each service and environment. Knows
//! signals; both Prometheus and Alertmanager answer from here.

use super::signals::Signals;
use super::world::Service;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long a rule must hold before its alert fires.
pub(super) const HOLD: SignedDuration = SignedDuration::from_secs(20);
/// The window of the rules' rates.
pub(super) const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// A rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct AlertRule {
    pub(super) name: &'static str,
    pub(super) severity: &'static str,
    pub(super) query: &'static str,
    pub(super) summary: &'static str,
    measure: fn(&Signals, Timestamp) -> Option<f64>,
    limit: f64,
}

/// The rules of the world.
pub(super) const RULES: [AlertRule; 2] = [
    AlertRule {
        name: "HighErrorRate",
        severity: "page",
        query: "sum by (service, environment) (rate(http_requests_total{code=~\"5..\"}[1m])) / sum by (service, environment) (rate(http_requests_total[1m])) * 100 > 2",
        summary: "More than 2 % of the requests fail",
        measure: |signals, now| signals.at(now, WINDOW).map(|level| level.errors),
        limit: 2.0,
    },
    AlertRule {
        name: "SlowResponses",
        severity: "ticket",
        query: "histogram_quantile(0.99, sum by (le, service, environment) (rate(http_request_duration_seconds_bucket[1m]))) > 0.8",
        summary: "The slowest 1 % of the responses take more than 800 ms",
        measure: |signals, now| signals.at(now, WINDOW).map(|level| level.latency),
        limit: 800.0,
    },
];

/// What an alert is about: rule, service, environment.
pub(super) type Key = (&'static str, String, String);

/// An alert that is not inactive.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    pub(super) rule: AlertRule,
    pub(super) service: String,
    pub(super) environment: String,
    pub(super) since: Timestamp,
    pub(super) value: f64,
    pub(super) firing_since: Option<Timestamp>,
}

impl Alert {
    pub(super) fn labels(&self) -> BTreeMap<&'static str, String> {
        [
            ("alertname", self.rule.name.to_owned()),
            ("service", self.service.clone()),
            ("environment", self.environment.clone()),
            ("severity", self.rule.severity.to_owned()),
        ]
        .into()
    }
}

/// A silence, as Alertmanager keeps it.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    pub(super) id: String,
    pub(super) matchers: Vec<super::alertmanager::Matcher>,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) by: String,
    pub(super) comment: String,
}

/// All alerts and silences.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    pub(super) active: BTreeMap<Key, Alert>,
    pub(super) silences: Vec<Silence>,
    pub(super) silences_made: u64,
}

impl Alerts {
    pub(super) fn tick(&mut self, now: Timestamp, services: &[Service]) {
        for service in services {
            for place in &service.places {
                for rule in RULES {
                    let value = (rule.measure)(&place.signals, now).filter(|value| *value > rule.limit);
                    let key = (rule.name, service.script.name.clone(), place.environment.to_owned());
                    self.judge(now, key, rule, value);
                }
            }
        }
    }

    fn judge(&mut self, now: Timestamp, key: Key, rule: AlertRule, value: Option<f64>) {
        let Some(value) = value else {
            self.active.remove(&key);
            return;
        };
        let (_, service, environment) = key.clone();
        let fresh = Alert { rule, service, environment, since: now, value, firing_since: None };
        let alert = self.active.entry(key).or_insert(fresh);
        alert.value = value;
        if alert.firing_since.is_none() && now.duration_since(alert.since) >= HOLD {
            alert.firing_since = Some(now);
        }
    }
}
