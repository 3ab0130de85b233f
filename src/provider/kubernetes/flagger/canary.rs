//! A Canary of Flagger as it is kept: which Deployment it leads, by which steps, who is asked on the way, and what its
//! controller says.
//!
//! Knows its shape on the wire and the defaults that Flagger itself applies; knows nothing of Deployments.
//!
//! Source: Flagger's API (`flagger.app/v1beta1`) and the order in which its scheduler decides.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::species::Resource;
use super::super::wire::{Meta, Watched, absent, read};
use super::doors::Hook;
use crate::domain::{Cause, Fault, SafeText};

/// How often Flagger looks where nothing is said, and at the least.
const INTERVAL: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(10);
/// How long its Deployments may make no progress where nothing is said, in seconds.
const DEADLINE: u64 = 600;
/// Checks that the plain Kubernetes provider makes where none are asked for.
const CHECKS: u32 = 10;
/// All of the traffic.
pub(super) const WHOLE: u32 = 100;

/// One Canary.
#[derive(Clone, Debug)]
pub(in super::super) struct Canary {
    pub(super) meta: Meta,
    /// Kind and name of what it leads.
    target: (String, String),
    pub(super) suspended: bool,
    pub(super) skips: bool,
    pub(super) interval: Duration,
    pub(super) deadline: Duration,
    pub(super) course: Course,
    /// Failed checks that end it.
    pub(super) threshold: u32,
    /// What is measured, in words.
    pub(super) metrics: Vec<SafeText>,
    pub(super) hooks: Vec<Hook>,
    pub(super) status: Status,
}

/// By what it advances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Growing shares of the traffic, in per cent.
    Weights(Vec<u32>),
    /// So many checks of a copy that gets no traffic before all of it.
    Checks(u32),
    /// So many checks with those requests that match.
    Matched(u32),
}

/// What Flagger says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(default, deserialize_with = "absent")]
    pub(super) phase: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) failed_checks: u32,
    #[serde(default, deserialize_with = "absent")]
    pub(super) canary_weight: u32,
    /// One less than none while a canary of weights waits for its promotion.
    #[serde(default, deserialize_with = "absent")]
    pub(super) iterations: i64,
    #[serde(default, deserialize_with = "absent")]
    pub(super) last_applied_spec: String,
    #[serde(default, deserialize_with = "absent")]
    pub(super) last_promoted_spec: String,
    pub(super) last_transition_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Wire {
    metadata: Meta,
    spec: SpecWire,
    #[serde(default, deserialize_with = "absent")]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecWire {
    #[serde(default, deserialize_with = "absent")]
    provider: String,
    target_ref: TargetWire,
    analysis: Option<AnalysisWire>,
    canary_analysis: Option<AnalysisWire>,
    progress_deadline_seconds: Option<u64>,
    #[serde(default, deserialize_with = "absent")]
    skip_analysis: bool,
    #[serde(default, deserialize_with = "absent")]
    suspend: bool,
}

#[derive(Deserialize)]
struct TargetWire {
    #[serde(default, deserialize_with = "absent")]
    kind: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnalysisWire {
    #[serde(default, deserialize_with = "absent")]
    interval: String,
    #[serde(default, deserialize_with = "absent")]
    iterations: u32,
    #[serde(default, deserialize_with = "absent")]
    max_weight: u32,
    #[serde(default, deserialize_with = "absent")]
    step_weight: u32,
    #[serde(default, deserialize_with = "absent")]
    step_weights: Vec<u32>,
    #[serde(default, deserialize_with = "absent")]
    threshold: u32,
    #[serde(default, rename = "match", deserialize_with = "absent")]
    matches: Vec<Value>,
    #[serde(default, deserialize_with = "absent")]
    metrics: Vec<MetricWire>,
    #[serde(default, deserialize_with = "absent")]
    webhooks: Vec<HookWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricWire {
    name: String,
    #[serde(default, deserialize_with = "absent")]
    threshold_range: RangeWire,
}

#[derive(Default, Deserialize)]
struct RangeWire {
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Deserialize)]
struct HookWire {
    #[serde(default, rename = "type", deserialize_with = "absent")]
    kind: String,
    #[serde(default, deserialize_with = "absent")]
    name: String,
    #[serde(default, deserialize_with = "absent")]
    url: String,
}

impl AnalysisWire {
    fn course(&self, provider: &str) -> Course {
        let plain = provider == "kubernetes";
        let checks = if plain && self.iterations == 0 { CHECKS } else { self.iterations };
        match checks {
            0 => Course::Weights(self.weights()),
            checks if self.matches.is_empty() || plain => Course::Checks(checks),
            checks => Course::Matched(checks),
        }
    }

    /// The shares in the order in which Flagger's scheduler takes them.
    fn weights(&self) -> Vec<u32> {
        if self.step_weight == 0 {
            return self.step_weights.iter().map(|weight| (*weight).min(WHOLE)).collect();
        }
        let most = match (self.step_weights.last(), self.max_weight) {
            (Some(last), _) => (*last).min(WHOLE),
            (None, 0) => WHOLE,
            (None, most) => most,
        };
        let all = (1..=WHOLE).map(|n| self.step_weight.saturating_mul(n).min(WHOLE));
        let mut weights: Vec<u32> = all.clone().take_while(|weight| *weight < most).collect();
        weights.extend(all.into_iter().find(|weight| *weight >= most));
        weights
    }
}

impl MetricWire {
    fn words(&self) -> SafeText {
        let RangeWire { min, max } = self.threshold_range;
        let least = min.map_or_else(String::new, |min| format!(" ≥ {min}"));
        let most = max.map_or_else(String::new, |max| format!(" ≤ {max}"));
        SafeText::new(&format!("{}{least}{most}", self.name))
    }
}

impl Canary {
    /// The name of the Deployment that it leads.
    ///
    /// # Errors
    /// When it leads something else.
    pub(super) fn deployment(&self) -> Result<&str, Fault> {
        let (kind, name) = &self.target;
        if matches!(kind.as_str(), "" | "Deployment") && super::super::is_name(name) {
            return Ok(name);
        }
        Err(Fault::new(
            Cause::Refused,
            format!("canary {} leads {kind} {name}: only Deployments are read", self.meta.name),
        ))
    }

    /// How long all of it takes if every check passes.
    pub(super) fn whole(&self) -> Duration {
        let turns = match &self.course {
            Course::Weights(weights) => weights.len(),
            Course::Checks(checks) | Course::Matched(checks) => usize::try_from(*checks).unwrap_or(0),
        };
        let turns = u32::try_from(turns).unwrap_or(u32::MAX).saturating_add(6);
        self.interval.saturating_mul(turns)
    }
}

impl Watched for Canary {
    fn cut(object: &Value, _resource: Resource) -> Result<Self, Fault> {
        let Wire { mut metadata, spec, status } = read(object, "Canary")?;
        metadata.trim();
        let told = spec.analysis.or(spec.canary_analysis);
        let skips = spec.skip_analysis || told.is_none();
        let analysis = told.unwrap_or_default();
        let interval = duration(&analysis.interval).unwrap_or(INTERVAL).max(SHORTEST);
        let hook = |wire: &HookWire| Hook::of(&wire.kind, &wire.name, &wire.url);
        Ok(Self {
            meta: metadata,
            target: (spec.target_ref.kind, spec.target_ref.name),
            suspended: spec.suspend,
            skips,
            interval,
            deadline: Duration::from_secs(spec.progress_deadline_seconds.unwrap_or(DEADLINE)),
            course: analysis.course(&spec.provider),
            threshold: analysis.threshold.max(1),
            metrics: analysis.metrics.iter().map(MetricWire::words).collect(),
            hooks: analysis.webhooks.iter().filter_map(hook).collect(),
            status,
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// `1m30s`, as Go writes it; none if it is not one.
fn duration(text: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(letters)?;
        let number: u64 = number.parse().ok()?;
        sum = sum.checked_add(match unit {
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        })?;
        rest = next;
    }
    (!sum.is_zero()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn course(analysis: &Value) -> Course {
        let object = json!({"metadata": {"name": "web", "uid": "u"},
            "spec": {"targetRef": {"kind": "Deployment", "name": "web"}, "analysis": analysis}});
        Canary::cut(&object, Resource::Canaries).unwrap().course
    }

    #[test]
    fn the_steps_are_those_that_flagger_takes() {
        for (analysis, expected) in [
            (json!({"stepWeight": 10, "maxWeight": 30}), Course::Weights(vec![10, 20, 30])),
            (json!({"stepWeight": 20, "maxWeight": 50}), Course::Weights(vec![20, 40, 60])),
            (json!({"stepWeight": 50}), Course::Weights(vec![50, 100])),
            (json!({"stepWeights": [1, 5, 80]}), Course::Weights(vec![1, 5, 80])),
            (json!({"stepWeights": [50, 200]}), Course::Weights(vec![50, 100])),
            (json!({"iterations": 3}), Course::Checks(3)),
            (json!({"iterations": 3, "match": [{"headers": {}}]}), Course::Matched(3)),
            (json!({"match": [{"headers": {}}], "stepWeight": 60}), Course::Weights(vec![60, 100])),
        ] {
            assert_eq!(course(&analysis), expected, "{analysis}");
        }
    }

    #[test]
    fn without_traffic_to_split_there_are_only_checks() {
        let object = json!({"metadata": {"name": "web", "uid": "u"}, "spec": {
            "provider": "kubernetes", "targetRef": {"kind": "Deployment", "name": "web"},
            "analysis": {"stepWeight": 10, "maxWeight": 50, "match": [{}]}}});
        assert_eq!(Canary::cut(&object, Resource::Canaries).unwrap().course, Course::Checks(CHECKS));
    }

    #[test]
    fn a_duration_is_read_as_go_writes_it() {
        for (text, seconds) in [
            ("1m", Some(60.0)),
            ("1m30s", Some(90.0)),
            ("1h0m1s", Some(3601.0)),
            ("500ms", Some(0.5)),
            ("", None),
            ("1", None),
            ("m", None),
            ("1d", None),
        ] {
            assert_eq!(duration(text).map(|d| d.as_secs_f64()), seconds, "{text}");
        }
    }
}
