//! What Argo Rollouts adds to a workload: steps, weights, pauses, analyses, abort.
//!
//! Knows a Rollout's own fields and how its controller means them; knows nothing of ReplicaSets and of HTTP.
//!
//! Source: the Argo Rollouts documentation ("Specification", "Analysis") and the phase that its kubectl plugin shows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::analysis::AnalysisRun;
use super::rollout::BY_SPEC;
use super::wire::{absent, read};
use super::workload::{Status, Workload};
use crate::domain::rollout::{Course, Steps, Strategy, UNREAD};
use crate::domain::{Artifact, Fault, Phase, SafeText};

/// A Rollout's own part.
#[derive(Clone, Debug)]
pub(super) struct Argo {
    pub(super) strategy: Strategy,
    pub(super) steps: Vec<SafeText>,
    /// The share that each step leaves the coming revision with, in per cent.
    weights: Vec<u32>,
    /// The workload that the template is taken from, if it is not the Rollout's own.
    pub(super) reference: Option<String>,
    /// Whether the controller has yet to read that workload's newest template.
    behind: bool,
    phase: String,
    message: String,
    /// Why it is paused, as the controller writes it.
    pub(super) pauses: Vec<String>,
    pub(super) controller_pause: bool,
    pub(super) aborted: bool,
    pub(super) current: String,
    pub(super) stable: String,
    pub(super) at: Option<usize>,
    weight: Option<u32>,
    active: String,
    /// The analyses that it waits for or runs beside, by name, with the controller's own summary.
    analyses: Vec<Summary>,
}

/// The controller's word on one analysis.
#[derive(Clone, Debug, Default, Deserialize)]
struct Summary {
    #[serde(default, deserialize_with = "absent")]
    name: String,
    #[serde(default, deserialize_with = "absent")]
    status: String,
    #[serde(default, deserialize_with = "absent")]
    message: String,
}

/// Where the controller writes down which generation of the other workload is asked for.
const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";

#[derive(Default, Deserialize)]
struct MetaWire {
    #[serde(default, deserialize_with = "absent")]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, deserialize_with = "absent")]
    metadata: MetaWire,
    spec: SpecWire,
    #[serde(default, deserialize_with = "absent")]
    status: StatusWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecWire {
    #[serde(default, deserialize_with = "absent")]
    strategy: StrategyWire,
    workload_ref: Option<ReferenceWire>,
}

#[derive(Deserialize)]
struct ReferenceWire {
    kind: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StrategyWire {
    canary: Option<CanaryWire>,
    blue_green: Option<Value>,
}

#[derive(Default, Deserialize)]
struct CanaryWire {
    #[serde(default, deserialize_with = "absent")]
    steps: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire {
    #[serde(default, deserialize_with = "absent")]
    phase: String,
    #[serde(default, deserialize_with = "absent")]
    message: String,
    workload_observed_generation: Option<String>,
    #[serde(default, deserialize_with = "absent")]
    pause_conditions: Vec<PauseWire>,
    #[serde(default, deserialize_with = "absent")]
    controller_pause: bool,
    #[serde(default, deserialize_with = "absent")]
    abort: bool,
    #[serde(default, deserialize_with = "absent")]
    current_pod_hash: String,
    #[serde(default, rename = "stableRS", deserialize_with = "absent")]
    stable: String,
    current_step_index: Option<usize>,
    #[serde(default, deserialize_with = "absent")]
    canary: CanaryStatusWire,
    #[serde(default, deserialize_with = "absent")]
    blue_green: BlueGreenStatusWire,
}

#[derive(Deserialize)]
struct PauseWire {
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CanaryStatusWire {
    #[serde(default, deserialize_with = "absent")]
    weights: WeightsWire,
    current_step_analysis_run_status: Option<Summary>,
    current_background_analysis_run_status: Option<Summary>,
}

#[derive(Default, Deserialize)]
struct WeightsWire {
    canary: Option<WeightWire>,
}

#[derive(Deserialize)]
struct WeightWire {
    weight: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlueGreenStatusWire {
    #[serde(default, deserialize_with = "absent")]
    active_selector: String,
    pre_promotion_analysis_run_status: Option<Summary>,
    post_promotion_analysis_run_status: Option<Summary>,
}

impl Argo {
    /// A Rollout's own part of the object.
    pub(super) fn cut(object: &Value) -> Result<Self, Fault> {
        let Wire { metadata, spec, status } = read(object, "Rollout")?;
        let strategy = match spec.strategy.blue_green {
            Some(_) => Strategy::BlueGreen,
            None => Strategy::Canary,
        };
        let steps = spec.strategy.canary.unwrap_or_default().steps;
        let (words, weights) = match strategy {
            Strategy::Canary => (steps.iter().map(words).collect(), weights(&steps)),
            Strategy::BlueGreen => (vec!["preview".into(), "switch".into()], vec![0, 0]),
        };
        let of_canary = status.canary;
        let of_colours = status.blue_green;
        let analyses = [
            of_canary.current_step_analysis_run_status,
            of_canary.current_background_analysis_run_status,
            of_colours.pre_promotion_analysis_run_status,
            of_colours.post_promotion_analysis_run_status,
        ];
        Ok(Self {
            strategy,
            steps: words,
            weights,
            behind: metadata.annotations.get(WORKLOAD_GENERATION).is_some_and(|asked| {
                status.workload_observed_generation.as_deref().is_some_and(|observed| observed != asked)
            }),
            reference: spec.workload_ref.map(|r| format!("{}/{}", r.kind.to_lowercase(), r.name)),
            phase: status.phase,
            message: status.message,
            pauses: status.pause_conditions.into_iter().map(|p| p.reason).collect(),
            controller_pause: status.controller_pause,
            aborted: status.abort,
            current: status.current_pod_hash,
            stable: status.stable,
            at: status.current_step_index,
            weight: of_canary.weights.canary.map(|w| w.weight),
            active: of_colours.active_selector,
            analyses: analyses.into_iter().flatten().filter(|a| !a.name.is_empty()).collect(),
        })
    }

    /// Whether what is asked for is what has all the traffic.
    pub(super) fn promoted(&self) -> bool {
        !self.current.is_empty() && self.current == self.stable
    }

    /// Which step is under way, from 0.
    pub(super) fn step(&self) -> usize {
        let all = self.steps.len();
        match self.strategy {
            _ if self.promoted() => all,
            Strategy::Canary => self.at.unwrap_or(0).min(all),
            Strategy::BlueGreen if self.active == self.current && !self.active.is_empty() => all,
            Strategy::BlueGreen => usize::from(!self.pauses.is_empty()),
        }
    }

    /// The share of the coming revision, in per cent. After an abort it is what really has replicas: that it was given up
    /// is an order and no news.
    fn share(&self, status: &Status) -> Option<u32> {
        if self.promoted() {
            return Some(100);
        }
        if self.aborted && self.strategy == Strategy::Canary {
            let left = status.updated_replicas.saturating_mul(100).checked_div(status.replicas).unwrap_or(0);
            return Some(self.weight.unwrap_or(left));
        }
        self.weight.or_else(|| {
            let at = self.step();
            // A step that sets a weight has it while it is under way; any other keeps the one before.
            self.weights.get(at).or_else(|| self.weights.last()).copied().filter(|_| !self.steps.is_empty())
        })
    }

    /// Whether the status holds an order that the controller has not answered: what was written there says what is
    /// wanted, and only the controller's own words say what is.
    fn unread(&self) -> bool {
        let says = |phase: &str| self.phase == phase;
        if self.aborted {
            return !says("Degraded");
        }
        let unpaused = self.pauses.is_empty() && (self.controller_pause || says("Paused"));
        unpaused || (says("Degraded") && self.message.starts_with("RolloutAborted"))
    }

    fn course(&self, phase: &Phase, paused: bool) -> Course {
        match phase {
            _ if !paused && self.unread() => Course::Ordered,
            _ if self.aborted => Course::Aborted,
            Phase::Paused(_) => Course::Held,
            Phase::Done | Phase::ScaledToZero => Course::Over,
            _ => Course::Going,
        }
    }

    /// The names of the analyses that it waits for or runs beside.
    pub(super) fn runs(&self) -> impl Iterator<Item = &str> {
        self.analyses.iter().map(|summary| summary.name.as_str())
    }

    /// How far it is. `stable` is what the stable ReplicaSet runs.
    pub(super) fn steps(
        &self,
        workload: &Workload,
        phase: &Phase,
        stable: Option<Artifact>,
        runs: &[&AnalysisRun],
    ) -> Steps {
        let told = |summary: &Summary| {
            let run = runs.iter().find(|run| run.meta.name == summary.name);
            let mut analysis = run.map(|run| run.told()).unwrap_or_default();
            analysis.name = SafeText::new(&summary.name);
            if analysis.phase.is_empty() {
                analysis.phase = SafeText::new(&summary.status);
            }
            if analysis.message.is_empty() {
                analysis.message = SafeText::new(&summary.message);
            }
            analysis
        };
        Steps {
            strategy: self.strategy,
            words: self.steps.clone(),
            at: self.step(),
            weight: self.share(&workload.status),
            stable,
            course: self.course(phase, workload.paused),
            analyses: self.analyses.iter().map(told).collect(),
            skips: true,
            doors: Vec::new(),
        }
    }
}

/// The state of a Rollout, in the order in which Argo Rollouts' own plugin decides.
pub(super) fn phase(workload: &Workload, argo: &Argo) -> Phase {
    let (asked, observed) = (workload.meta.generation, workload.status.observed_generation);
    if asked.is_none() || asked != observed || argo.behind {
        return Phase::Progressing(UNREAD.into());
    }
    if !workload.paused && argo.unread() {
        return Phase::Progressing("its controller has not read the order yet".into());
    }
    if argo.aborted {
        let why = if argo.message.is_empty() { String::new() } else { format!(": {}", argo.message) };
        return Phase::Failed(SafeText::new(&format!(
            "aborted{why}; the stable revision serves, and the aborted one is still what is asked for"
        )));
    }
    if workload.paused {
        return Phase::Paused(BY_SPEC.into());
    }
    match argo.phase.as_str() {
        "Paused" => Phase::Paused(SafeText::new(&held(argo))),
        "Degraded" => Phase::Failed(SafeText::new(&said(argo, "degraded"))),
        "Progressing" => Phase::Progressing(SafeText::new(&said(argo, "under way"))),
        "Healthy" => healthy(workload, argo),
        "" => Phase::Progressing("its controller has said nothing yet".into()),
        word => Phase::Progressing(SafeText::new(&format!("its controller says \"{word}\""))),
    }
}

/// A healthy Rollout is done only if the counters and the hashes say so too.
fn healthy(workload: &Workload, argo: &Argo) -> Phase {
    let status = &workload.status;
    if !argo.promoted() {
        return Phase::Progressing("healthy, and the stable revision is still another one".into());
    }
    if status.updated_replicas < workload.replicas {
        let text = format!(
            "{} out of {} new replicas have been updated",
            status.updated_replicas, workload.replicas
        );
        return Phase::Progressing(SafeText::new(&text));
    }
    if status.available_replicas < workload.replicas {
        let text = format!("{} of {} replicas are available", status.available_replicas, workload.replicas);
        return Phase::Progressing(SafeText::new(&text));
    }
    if workload.replicas == 0 { Phase::ScaledToZero } else { Phase::Done }
}

fn said(argo: &Argo, otherwise: &str) -> String {
    if argo.message.is_empty() { otherwise.to_owned() } else { argo.message.clone() }
}

/// Why it waits, in words.
fn held(argo: &Argo) -> String {
    let why: Vec<&str> = argo
        .pauses
        .iter()
        .map(|reason| match reason.as_str() {
            "CanaryPauseStep" => "a pause of its steps",
            "BlueGreenPause" => "the preview waits for the switch",
            "InconclusiveAnalysisRun" => "an analysis came to no conclusion",
            "InconclusiveExperiment" => "an experiment came to no conclusion",
            other => other,
        })
        .collect();
    let why = if why.is_empty() { said(argo, "paused") } else { why.join(", ") };
    match argo.steps.get(argo.step()) {
        Some(step) if argo.strategy == Strategy::Canary => {
            format!("{why}: step {} of {}, {step}", argo.step() + 1, argo.steps.len())
        }
        _ => why,
    }
}

/// A step in words.
fn words(step: &Value) -> SafeText {
    let Some((key, value)) = step.as_object().and_then(|fields| fields.iter().next()) else {
        return "a step that cannot be read".into();
    };
    let text = match key.as_str() {
        "setWeight" => format!("{value} %"),
        "pause" => match value.get("duration") {
            None | Some(Value::Null) => "pause until promoted".to_owned(),
            Some(Value::String(duration)) => format!("pause {duration}"),
            Some(seconds) => format!("pause {seconds}s"),
        },
        "analysis" => {
            let templates = value.get("templates").and_then(Value::as_array);
            let names = templates.into_iter().flatten().filter_map(|t| t.get("templateName")?.as_str());
            format!("analysis {}", names.collect::<Vec<_>>().join(", "))
        }
        "setCanaryScale" => match (value.get("replicas"), value.get("weight")) {
            (Some(replicas), _) => format!("{replicas} canary replicas"),
            (None, Some(weight)) => format!("canary replicas for {weight} %"),
            (None, None) => "canary replicas as the traffic".to_owned(),
        },
        "plugin" => format!("plugin {}", value.get("name").and_then(Value::as_str).unwrap_or_default()),
        "experiment" => "experiment".to_owned(),
        other => other.to_owned(),
    };
    SafeText::new(text.trim_end())
}

/// The share that the coming revision has at each step.
fn weights(steps: &[Value]) -> Vec<u32> {
    let mut now = 0;
    steps
        .iter()
        .map(|step| {
            if let Some(weight) = step.get("setWeight").and_then(Value::as_u64) {
                now = u32::try_from(weight.min(100)).unwrap_or(100);
            }
            now
        })
        .collect()
}
