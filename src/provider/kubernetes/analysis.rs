//! An AnalysisRun of Argo Rollouts: what is measured before a rollout goes on.
//!
//! Knows its shape on the wire. A measured value is a text of the provider that was asked: it is shown, never judged.

use serde::Deserialize;
use serde_json::Value;

use super::species::Resource;
use super::wire::{Meta, Watched, absent, read};
use crate::domain::rollout::{Analysis, Measured};
use crate::domain::{Fault, SafeText};

/// So many metrics of one run are kept.
const MOST: usize = 20;

/// One run.
#[derive(Clone, Debug)]
pub(super) struct AnalysisRun {
    pub(super) meta: Meta,
    analysis: Analysis,
}

#[derive(Deserialize)]
struct Wire {
    metadata: Meta,
    #[serde(default, deserialize_with = "absent")]
    spec: SpecWire,
    #[serde(default, deserialize_with = "absent")]
    status: StatusWire,
}

#[derive(Default, Deserialize)]
struct SpecWire {
    #[serde(default, deserialize_with = "absent")]
    metrics: Vec<MetricWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricWire {
    name: String,
    #[serde(default, deserialize_with = "absent")]
    success_condition: String,
    #[serde(default, deserialize_with = "absent")]
    failure_condition: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire {
    #[serde(default, deserialize_with = "absent")]
    phase: String,
    #[serde(default, deserialize_with = "absent")]
    message: String,
    #[serde(default, deserialize_with = "absent")]
    metric_results: Vec<ResultWire>,
}

#[derive(Deserialize)]
struct ResultWire {
    name: String,
    #[serde(default, deserialize_with = "absent")]
    phase: String,
    #[serde(default, deserialize_with = "absent")]
    successful: u32,
    #[serde(default, deserialize_with = "absent")]
    failed: u32,
    #[serde(default, deserialize_with = "absent")]
    inconclusive: u32,
    #[serde(default, deserialize_with = "absent")]
    error: u32,
    #[serde(default, deserialize_with = "absent")]
    measurements: Vec<MeasurementWire>,
}

#[derive(Deserialize)]
struct MeasurementWire {
    #[serde(default, deserialize_with = "absent")]
    value: String,
}

impl AnalysisRun {
    /// What it measures and how that stands.
    pub(super) fn told(&self) -> Analysis {
        self.analysis.clone()
    }
}

impl Watched for AnalysisRun {
    fn cut(object: &Value, _resource: Resource) -> Result<Self, Fault> {
        let Wire { mut metadata, spec, status } = read(object, "AnalysisRun")?;
        metadata.trim();
        let measured = |metric: &MetricWire| {
            let result = status.metric_results.iter().find(|r| r.name == metric.name);
            let condition = match metric.success_condition.as_str() {
                "" if metric.failure_condition.is_empty() => String::new(),
                "" => format!("not {}", metric.failure_condition),
                condition => condition.to_owned(),
            };
            Measured {
                name: SafeText::new(&metric.name),
                phase: SafeText::new(result.map_or("Pending", |r| r.phase.as_str())),
                value: result.and_then(|r| r.measurements.last()).map(|m| SafeText::new(&m.value)),
                condition: SafeText::new(&condition),
                counts: result
                    .map_or([0; 3], |r| [r.successful, r.failed, r.inconclusive.saturating_add(r.error)]),
            }
        };
        let analysis = Analysis {
            name: SafeText::new(&metadata.name),
            phase: SafeText::new(&status.phase),
            message: SafeText::new(&status.message),
            metrics: spec.metrics.iter().take(MOST).map(measured).collect(),
        };
        Ok(Self { meta: metadata, analysis })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}
