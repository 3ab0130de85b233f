//! How a canary stands: Flagger's phase in our words, the step that is under way, and the share of the traffic.
//!
//! Three things of Flagger that a plain reading of its status gets wrong, and this does not. After a change of the
//! Deployment the Canary still tells of the rollout before, until Flagger looks again. In `WaitingPromotion` the status
//! says weight 0, and the routes still have the last share. And a canary that failed stays `Failed` when its Deployment
//! is taken back to what is promoted: Flagger does not call that a change.
//!
//! Knows values; asks nobody.

use super::super::rollout;
use super::super::workload::Workload;
use super::canary::{Canary, Course as By, WHOLE};
use super::doors::{self, Kind, Which};
use crate::domain::rollout::{Ajar, Analysis, Course, Door, Steps, Strategy};
use crate::domain::{Artifact, Phase, SafeText};

/// A canary with the Deployment that it leads and the one that has the traffic.
#[derive(Clone, Copy)]
pub(super) struct Stand<'a> {
    pub(super) canary: &'a Canary,
    pub(super) target: &'a Workload,
    /// None until Flagger has made it.
    pub(super) primary: Option<&'a Workload>,
    pub(super) doors: &'a [Door],
}

/// A stage of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    RolloutGate,
    Start,
    Weight(u32),
    Check(u32),
    PromotionGate,
    Promotion,
    Back,
}

impl Stand<'_> {
    fn says(&self, phase: &str) -> bool {
        self.canary.status.phase == phase
    }

    /// Whether the Deployment asks for something else than what has the traffic.
    pub(super) fn differs(&self) -> bool {
        self.primary.is_some_and(|primary| primary.likeness != self.target.likeness)
    }

    fn images_differ(&self) -> bool {
        self.primary.is_some_and(|primary| primary.containers != self.target.containers)
    }

    /// Whether the Deployment was written after Flagger last wrote its status.
    fn written_since(&self) -> bool {
        match (self.target.template_written, self.canary.status.last_transition_time) {
            (Some(written), Some(told)) => written >= told,
            _ => false,
        }
    }

    /// Whether Flagger has yet to see the change that was made.
    pub(super) fn unread(&self) -> bool {
        match self.canary.status.phase.as_str() {
            "Initialized" | "Succeeded" => self.differs() && (self.images_differ() || self.written_since()),
            "Failed" => self.differs() && self.written_since(),
            _ => false,
        }
    }

    /// Whether it failed or never began, and the Deployment asks for what has the traffic again.
    fn taken_back(&self) -> bool {
        let over = match self.canary.status.phase.as_str() {
            "Failed" => self.canary.status.canary_weight == 0,
            // A canary can also wait because a ConfigMap changed: then nobody wrote the template.
            "Waiting" => self.written_since(),
            _ => false,
        };
        over && self.primary.is_some() && !self.differs()
    }

    /// The gate that holds a canary at its present share: only the load tester tells.
    fn held_at_share(&self) -> bool {
        let asks = self.canary.asked(Kind::TrafficIncrease).any(|h| matches!(h.door, Some((Which::Gate, _))));
        self.says("Progressing")
            && asks
            && matches!(self.canary.course, By::Weights(_))
            && doors::of(self.doors, Which::Gate) == Some(&Ajar::Closed)
            && matches!(rollout::phase(self.target), Phase::Done)
    }

    /// What holds it, if it is held by those who are asked.
    pub(super) fn held_by(&self) -> Option<Kind> {
        match self.canary.status.phase.as_str() {
            "Waiting" if !self.taken_back() => Some(Kind::Rollout),
            "WaitingPromotion" if !self.promoting() => Some(Kind::Promotion),
            "Progressing" if self.held_at_share() => Some(Kind::TrafficIncrease),
            _ => None,
        }
    }

    /// The gate of a promotion was passed, and the phase does not say so yet: the checks were counted on.
    fn promoting(&self) -> bool {
        match self.canary.course {
            By::Checks(checks) => self.canary.status.iterations > i64::from(checks),
            By::Weights(_) | By::Matched(_) => false,
        }
    }

    /// How the rollout stands.
    pub(super) fn phase(&self) -> Phase {
        let canary = self.canary;
        let named = &self.target.meta.name;
        if canary.suspended {
            return paused(
                "suspended by spec.suspend of the Canary: Flagger does nothing until it is gone".to_owned(),
            );
        }
        if self.unread() {
            return going(format!("Flagger has not seen the change of deployment/{named} yet"));
        }
        if let Some(kind) = self.held_by() {
            let hooks = canary.asked(kind).map(|h| h.name.as_str()).collect::<Vec<_>>().join(", ");
            return paused(format!("Flagger waits for {} ({hooks})", kind.word()));
        }
        match canary.status.phase.as_str() {
            "" | "Initializing" => going(format!("Flagger makes {named}-primary from deployment/{named}")),
            "Initialized" | "Succeeded" => self.primary_phase(Phase::Done),
            "Failed" | "Waiting" if self.taken_back() => self.primary_phase(Phase::RolledBack),
            "Failed" => Phase::Failed(SafeText::new(&self.failure())),
            "Progressing" => going(self.progress()),
            "Promoting" | "WaitingPromotion" => going(format!("{named}-primary takes the new template over")),
            "Finalising" => going(format!("all traffic goes back to {named}-primary")),
            word @ ("Terminating" | "Terminated") => {
                Phase::Failed(SafeText::new(&format!("the Canary is being deleted ({word})")))
            }
            word => going(format!("Flagger says \"{word}\"")),
        }
    }

    /// At rest only if what has the traffic is.
    fn primary_phase(&self, rest: Phase) -> Phase {
        match self.primary.map(rollout::phase) {
            None => going(format!("there is no deployment/{}-primary", self.target.meta.name)),
            Some(Phase::Done) => rest,
            Some(other) => other,
        }
    }

    fn failure(&self) -> String {
        let status = &self.canary.status;
        if status.canary_weight > 0 {
            return format!(
                "the promotion failed: {}-primary did not get ready, and {} % of the traffic goes to the canary's own pods",
                self.target.meta.name, status.canary_weight
            );
        }
        "the canary was given up: the primary has all traffic, and what failed is still what the Deployment asks for"
            .to_owned()
    }

    fn progress(&self) -> String {
        let status = &self.canary.status;
        let failed = format!("{} of {} failed checks", status.failed_checks, self.canary.threshold);
        match &self.canary.course {
            By::Weights(weights) => {
                format!("{} % of {} %, {failed}", status.canary_weight, weights.last().unwrap_or(&WHOLE))
            }
            By::Checks(all) | By::Matched(all) => {
                format!("check {} of {all}, {failed}", status.iterations.max(0))
            }
        }
    }

    fn stages(&self) -> Vec<(Stage, SafeText)> {
        let gate = |kind: Kind| {
            let name =
                self.canary.asked(kind).next().map(|_| SafeText::new(&format!("gate {}", kind.word())));
            name.into_iter()
        };
        let mut stages: Vec<(Stage, SafeText)> =
            gate(Kind::Rollout).map(|words| (Stage::RolloutGate, words)).collect();
        stages.push((Stage::Start, "start".into()));
        match &self.canary.course {
            By::Weights(weights) => {
                stages.extend(weights.iter().map(|w| (Stage::Weight(*w), SafeText::new(&format!("{w} %")))));
            }
            By::Checks(all) | By::Matched(all) => {
                // Nobody reads more than so many one by one.
                let shown = 1..=(*all).min(WHOLE);
                stages.extend(shown.map(|n| (Stage::Check(n), SafeText::new(&format!("check {n}")))));
            }
        }
        stages.extend(gate(Kind::Promotion).map(|words| (Stage::PromotionGate, words)));
        stages.push((Stage::Promotion, "promotion".into()));
        stages.push((Stage::Back, "traffic to the primary".into()));
        stages
    }

    /// The stage that is under way; none when all are over.
    fn stage(&self) -> Option<Stage> {
        let status = &self.canary.status;
        let weights = match &self.canary.course {
            By::Weights(weights) => weights.as_slice(),
            By::Checks(_) | By::Matched(_) => &[],
        };
        Some(match status.phase.as_str() {
            "Waiting" => Stage::RolloutGate,
            "WaitingPromotion" if !self.promoting() => Stage::PromotionGate,
            "Promoting" | "WaitingPromotion" => Stage::Promotion,
            "Finalising" => Stage::Back,
            "Progressing" if self.promoting() => Stage::Promotion,
            "Progressing" if status.iterations > 0 && weights.is_empty() => {
                let all = match self.canary.course {
                    By::Checks(all) | By::Matched(all) => all,
                    By::Weights(_) => 0,
                };
                Stage::Check(u32::try_from(status.iterations).unwrap_or(0).min(all).min(WHOLE))
            }
            "Progressing" => match weights.iter().rfind(|weight| **weight <= status.canary_weight) {
                Some(weight) if status.canary_weight > 0 => Stage::Weight(*weight),
                _ => Stage::Start,
            },
            "Initialized" | "Succeeded" if !self.unread() => return None,
            _ => Stage::Start,
        })
    }

    /// The share of what comes, as far as anybody tells.
    fn weight(&self) -> Option<u32> {
        let status = &self.canary.status;
        if self.unread() {
            return Some(0);
        }
        match (status.phase.as_str(), &self.canary.course) {
            ("Initialized" | "Succeeded", _) => Some(WHOLE),
            ("Waiting", _) => Some(0),
            ("Failed", _) => Some(status.canary_weight),
            // Requests that match go there, whatever share of all they are.
            (_, By::Matched(_)) => None,
            ("Progressing", By::Weights(_)) => Some(status.canary_weight),
            // The status forgets it, and the routes do not.
            ("WaitingPromotion", By::Weights(weights)) => weights.last().copied(),
            ("Progressing" | "WaitingPromotion", By::Checks(_)) if !self.promoting() => Some(0),
            _ => None,
        }
    }

    fn course(&self, phase: &Phase) -> Course {
        match phase {
            _ if self.unread() => Course::Ordered,
            Phase::Paused(_) => Course::Held,
            Phase::Failed(_) if self.says("Failed") => Course::Aborted,
            Phase::Done | Phase::RolledBack | Phase::ScaledToZero => Course::Over,
            _ => Course::Going,
        }
    }

    /// Which step is under way, from 0.
    pub(super) fn at(&self) -> usize {
        let stages = self.stages();
        match self.stage() {
            _ if self.taken_back() => stages.len(),
            None => stages.len(),
            Some(stage) => stages.iter().position(|(s, _)| *s == stage).unwrap_or(0),
        }
    }

    /// How far it is. `stable` is what the primary runs.
    pub(super) fn steps(&self, phase: &Phase, stable: Option<Artifact>) -> Steps {
        Steps {
            strategy: match self.canary.course {
                By::Checks(_) => Strategy::BlueGreen,
                By::Weights(_) | By::Matched(_) => Strategy::Canary,
            },
            words: self.stages().into_iter().map(|(_, words)| words).collect(),
            at: self.at(),
            weight: self.weight(),
            stable,
            course: self.course(phase),
            analyses: self.analysis().into_iter().collect(),
            skips: false,
            doors: self.doors.to_vec(),
        }
    }

    /// What Flagger measures. Which metric failed it tells in events only; its status counts.
    fn analysis(&self) -> Option<Analysis> {
        let phase = match self.canary.status.phase.as_str() {
            _ if self.canary.skips || self.unread() || self.taken_back() => return None,
            "Progressing" | "WaitingPromotion" => "Running",
            "Promoting" | "Finalising" => "Successful",
            "Failed" => "Failed",
            _ => return None,
        };
        let status = &self.canary.status;
        let all = self.canary.metrics.iter().map(SafeText::as_str).collect::<Vec<_>>().join(", ");
        let measures = if all.is_empty() { String::new() } else { format!("; measured: {all}") };
        let failed = format!("{} of {} failed checks", status.failed_checks, self.canary.threshold);
        Some(Analysis {
            name: self.canary.meta.name.as_str().into(),
            phase: phase.into(),
            message: SafeText::new(&format!("{failed}{measures}")),
            metrics: Vec::new(),
        })
    }
}

fn going(text: String) -> Phase {
    Phase::Progressing(SafeText::new(&text))
}

fn paused(text: String) -> Phase {
    Phase::Paused(SafeText::new(&text))
}
