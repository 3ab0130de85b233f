//! AnalysisRuns of Argo Rollouts: a metric measured a few times, and what follows from it.

use super::fields::{Writer, seconds};
use super::resource::{ANALYSISRUNS, ROLLOUTS};
use super::rollout::HASH;
use super::store::{State, controller_reference, number, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const CONTROLLER: Writer<'static> = Writer { manager: "rollouts-controller", subresource: "" };
/// Seconds between two measurements, and how many there are.
const INTERVAL: i64 = 4;
const COUNT: i64 = 3;

/// What the measurements of an image come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conclusion {
    /// Every measurement is good.
    #[default]
    Passes,
    /// The first one is bad.
    Fails,
    /// Neither good nor bad.
    Unclear,
}

impl Conclusion {
    /// What a phase concludes; none while it runs.
    pub(super) fn of(phase: &str) -> Option<Self> {
        match phase {
            "Successful" => Some(Self::Passes),
            "Failed" | "Error" => Some(Self::Fails),
            "Inconclusive" => Some(Self::Unclear),
            _ => None,
        }
    }

    const fn value(self) -> &'static str {
        match self {
            Self::Passes => "[0.998]",
            Self::Fails => "[0.931]",
            Self::Unclear => "[0.962]",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Passes => "Successful",
            Self::Fails => "Failed",
            Self::Unclear => "Inconclusive",
        }
    }
}

impl State {
    /// The run of an analysis step: the one that is `under_way`, else a new one. It is moved on by the clock.
    pub(super) fn analysis_of(
        &mut self,
        rollout: &Value,
        new: &Value,
        (step, at): (&Value, usize),
        under_way: &str,
    ) -> Arc<Value> {
        let namespace = text(rollout, "/metadata/namespace").to_owned();
        let revision = text(new, "/metadata/annotations/rollout.argoproj.io~1revision");
        let hash = text(new, "/metadata/labels/rollouts-pod-template-hash");
        let stem = format!("{}-{hash}-{revision}-{at}", text(rollout, "/metadata/name"));
        let run = match self.get(&ANALYSISRUNS, &namespace, under_way) {
            Some(run) => Arc::clone(run),
            None => {
                // A retry measures again, under another name.
                let name = match self.list_named(&ANALYSISRUNS, &namespace, &stem).len() {
                    0 => stem,
                    taken => format!("{stem}.{taken}"),
                };
                let run = begun(rollout, &name, hash, step, self.clock);
                self.create(&ANALYSISRUNS, run, CONTROLLER)
            }
        };
        if Conclusion::of(text(&run, "/status/phase")).is_some() {
            return run;
        }
        let conclusion = self.registry.conclusion(text(new, "/spec/template/spec/containers/0/image"));
        let Some(moved) = moved_on(&run, conclusion, self.clock) else { return run };
        self.update(&ANALYSISRUNS, moved, CONTROLLER)
    }
}

fn begun(rollout: &Value, name: &str, hash: &str, step: &Value, now: Timestamp) -> Value {
    let template = text(step, "/templates/0/templateName");
    json!({
        "metadata": {
            "name": name, "namespace": text(rollout, "/metadata/namespace"),
            "labels": {"rollout-type": "Step", HASH: hash},
            "ownerReferences": controller_reference(&ROLLOUTS, rollout)
        },
        "spec": {"metrics": [{
            "name": template, "interval": format!("{INTERVAL}s"), "count": COUNT,
            "successCondition": "result[0] >= 0.99", "failureCondition": "result[0] < 0.95", "failureLimit": 0,
            "provider": {"prometheus": {"address": "http://prometheus.monitoring:9090", "query": "success_rate"}}
        }]},
        "status": {"phase": "Running", "startedAt": seconds(now), "metricResults": [
            {"name": template, "phase": "Running", "count": 0, "measurements": []}
        ]}
    })
}

/// The run after its next measurement; none before that is due.
fn moved_on(run: &Value, conclusion: Conclusion, now: Timestamp) -> Option<Value> {
    let began = text(run, "/status/startedAt").parse::<Timestamp>().ok()?;
    let made = number(run, "/status/metricResults/0/count");
    if now.duration_since(began).as_secs() < (made + 1) * INTERVAL {
        return None;
    }
    let mut run = run.clone();
    let result = run.pointer_mut("/status/metricResults/0")?;
    let (count, word) = (made + 1, conclusion.word());
    let stamp = seconds(now);
    let measurement =
        json!({"phase": word, "value": conclusion.value(), "startedAt": stamp, "finishedAt": stamp});
    if let Some(all) = result.get_mut("measurements").and_then(Value::as_array_mut) {
        all.push(measurement);
    }
    set(result, &["count"], count.into());
    let counter = match conclusion {
        Conclusion::Passes => "successful",
        Conclusion::Fails => "failed",
        Conclusion::Unclear => "inconclusive",
    };
    let so_far = number(result, &format!("/{counter}")) + 1;
    set(result, &[counter], so_far.into());
    let name = text(result, "/name").to_owned();
    let over = conclusion != Conclusion::Passes || count >= COUNT;
    if over {
        set(result, &["phase"], word.into());
        set(&mut run, &["status", "phase"], word.into());
        let message = match conclusion {
            Conclusion::Passes => None,
            Conclusion::Fails => {
                Some(format!("Metric \"{name}\" assessed Failed due to failed (1) > failureLimit (0)"))
            }
            Conclusion::Unclear => Some(format!(
                "Metric \"{name}\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)"
            )),
        };
        if let Some(message) = message {
            set(&mut run, &["status", "message"], message.into());
        }
    }
    Some(run)
}
