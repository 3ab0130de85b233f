//! Where a Rollout goes next: canary steps with weights, pauses and analyses, blue/green with a preview, abort, retry and
//! full promotion. Traffic is split by the number of replicas, as it is without a traffic router.

use super::analysis::Conclusion;
use super::fields::{Writer, seconds};
use super::resource::{REPLICASETS, ROLLOUTS};
use super::rollout::{View, label, revision};
use super::store::{State, number, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const CONTROLLER: Writer<'static> = Writer { manager: "rollouts-controller", subresource: "" };
/// How long the old colour stays after the switch.
const SCALE_DOWN: Duration = Duration::from_secs(30);

impl State {
    /// Moves a Rollout on, and writes into the view what becomes of its status.
    pub(super) fn steer(&mut self, view: &mut View) {
        let stable = text(&view.status, "/stableRS") == view.hash;
        if stable {
            view.drop("abort");
            view.drop("pauseConditions");
            view.drop("controllerPause");
            view.drop("promoteFull");
            let all = view.steps().len();
            view.go_to(all);
            self.share(view, view.wanted());
        } else if view.is("/abort") {
            self.give_up(view);
        } else if view.is("/promoteFull") {
            view.drop("pauseConditions");
            view.drop("controllerPause");
            self.finish(view);
        } else if view.rollout.pointer("/spec/paused") != Some(&Value::Bool(true)) {
            if !text(&view.status, "/abortedAt").is_empty() {
                // A retry begins anew and measures anew.
                view.drop("abortedAt");
                view.drop("canary");
            }
            match view.rollout.pointer("/spec/strategy/blueGreen") {
                Some(colours) => {
                    let waits = colours.get("autoPromotionEnabled") == Some(&Value::Bool(false));
                    self.blue_green(view, waits);
                }
                None => self.canary(view),
            }
        }
    }

    /// One step of a canary.
    fn canary(&mut self, view: &mut View) {
        let at = view.step();
        let Some(step) = view.steps().get(at).cloned() else { return self.finish(view) };
        if let Some(weight) = step.get("setWeight").and_then(Value::as_i64) {
            let target = share(view.wanted(), weight);
            self.share(view, target);
            if view.available() >= target {
                view.go_to(at + 1);
            }
        } else if let Some(pause) = step.get("pause") {
            self.pause(view, "CanaryPauseStep", duration(pause), at);
        } else if let Some(analysis) = step.get("analysis") {
            self.analyse(view, analysis, at);
        } else {
            view.go_to(at + 1);
        }
    }

    /// A pause: begun, over by itself, or taken away by whoever removed its condition.
    fn pause(&mut self, view: &mut View, reason: &str, length: Option<Duration>, at: usize) -> bool {
        if view.paused_for().is_none() {
            if view.is("/controllerPause") {
                view.drop("controllerPause");
                view.go_to(at + 1);
                return true;
            }
            view.put("pauseConditions", json!([{"reason": reason, "startTime": seconds(self.clock)}]));
            view.put("controllerPause", true.into());
            return false;
        }
        let since = text(&view.status, "/pauseConditions/0/startTime").parse::<Timestamp>();
        let passed = since.map_or(0, |since| self.clock.duration_since(since).as_secs());
        let over = length.is_some_and(|length| passed >= i64::try_from(length.as_secs()).unwrap_or(i64::MAX));
        if over {
            view.drop("pauseConditions");
            view.drop("controllerPause");
            view.go_to(at + 1);
        }
        over
    }

    fn analyse(&mut self, view: &mut View, analysis: &Value, at: usize) {
        if view.paused_for().is_some() {
            return;
        }
        let under_way = text(&view.status, "/canary/currentStepAnalysisRunStatus/name").to_owned();
        let run = self.analysis_of(&view.rollout, &view.new, (analysis, at), &under_way);
        let (name, phase) = (text(&run, "/metadata/name").to_owned(), text(&run, "/status/phase").to_owned());
        let message = text(&run, "/status/message").to_owned();
        let summary = json!({"name": name, "status": phase, "message": message});
        set(&mut view.status, &["canary", "currentStepAnalysisRunStatus"], summary);
        match Conclusion::of(&phase) {
            Some(Conclusion::Passes) => {
                if let Some(canary) = view.status.get_mut("canary").and_then(Value::as_object_mut) {
                    canary.remove("currentStepAnalysisRunStatus");
                }
                view.go_to(at + 1);
            }
            Some(Conclusion::Fails) => {
                view.put("abort", true.into());
                view.put("abortedAt", seconds(self.clock).into());
                let why = format!("Step-based analysis phase error/failed: {message}");
                view.put("message", format!("RolloutAborted: {why}").into());
                self.give_up(view);
            }
            Some(Conclusion::Unclear) => {
                let pause = json!([{"reason": "InconclusiveAnalysisRun", "startTime": seconds(self.clock)}]);
                view.put("pauseConditions", pause);
                view.put("controllerPause", true.into());
            }
            None => {}
        }
    }

    fn blue_green(&mut self, view: &mut View, waits: bool) {
        self.scale_to(view, &view.new.clone(), view.wanted());
        let hash: Value = view.hash.clone().into();
        set(&mut view.status, &["blueGreen", "previewSelector"], hash);
        let stable: Value = text(&view.status, "/stableRS").into();
        set(&mut view.status, &["blueGreen", "activeSelector"], stable);
        if view.available() < view.wanted() {
            return;
        }
        if waits && !self.pause(view, "BlueGreenPause", None, 0) {
            return;
        }
        self.switch(view);
    }

    /// What came gets all the traffic.
    fn switch(&mut self, view: &mut View) {
        let hash: Value = view.hash.clone().into();
        if view.rollout.pointer("/spec/strategy/blueGreen").is_some() {
            set(&mut view.status, &["blueGreen", "previewSelector"], hash.clone());
            set(&mut view.status, &["blueGreen", "activeSelector"], hash.clone());
        }
        view.put("stableRS", hash);
        view.drop("pauseConditions");
        view.drop("controllerPause");
        view.drop("promoteFull");
        let all = view.steps().len();
        view.go_to(all);
    }

    /// Everything to what came; it becomes stable once all of it is available.
    fn finish(&mut self, view: &mut View) {
        let all = view.steps().len();
        view.go_to(all);
        if view.rollout.pointer("/spec/strategy/blueGreen").is_some() {
            self.scale_to(view, &view.new.clone(), view.wanted());
        } else {
            self.share(view, view.wanted());
        }
        if view.available() >= view.wanted() {
            self.switch(view);
        }
    }

    /// Everything back to what is stable. The specification stays.
    fn give_up(&mut self, view: &mut View) {
        view.drop("pauseConditions");
        view.drop("controllerPause");
        view.go_to(0);
        if text(&view.status, "/abortedAt").is_empty() {
            view.put("abortedAt", seconds(self.clock).into());
        }
        let stable = text(&view.status, "/stableRS").to_owned();
        if let Some(stable) = view.old.iter().find(|set| label(set) == stable).cloned() {
            self.scale_to(view, &stable, view.wanted());
            let whole = number(&stable, "/status/availableReplicas") >= view.wanted();
            if whole {
                self.scale_to(view, &view.new.clone(), 0);
            }
        }
    }

    /// Gives what comes `target` replicas, and takes as many from the others as it has available.
    fn share(&mut self, view: &mut View, target: i64) {
        self.scale_to(view, &view.new.clone(), target);
        let left = (view.wanted() - view.available().min(target)).max(0);
        let stable = text(&view.status, "/stableRS").to_owned();
        // After the switch of colours the old one stays for a while: somebody may still talk to it.
        let coloured = view.rollout.pointer("/spec/strategy/blueGreen").is_some();
        let lately = coloured && self.stirred_lately(&view.rollout, SCALE_DOWN);
        for old in view.old.clone() {
            let size = match label(&old) == stable {
                true => left,
                false if lately => number(&old, "/spec/replicas"),
                false if stable == view.hash => left.min(number(&old, "/spec/replicas")),
                false => 0,
            };
            self.scale_to(view, &old, size);
        }
    }

    fn scale_to(&mut self, view: &View, found: &Arc<Value>, size: i64) {
        if number(found, "/spec/replicas") == size {
            return;
        }
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        let Some(now) = self.get(&REPLICASETS, namespace, name) else { return };
        let mut object = (**now).clone();
        let before = number(&object, "/spec/replicas");
        let generation = number(&object, "/metadata/generation") + 1;
        set(&mut object, &["metadata", "generation"], generation.into());
        set(&mut object, &["spec", "replicas"], size.into());
        self.update(&REPLICASETS, object, CONTROLLER);
        let way = if size > before { "up" } else { "down" };
        let message =
            format!("Scaled {way} ReplicaSet {name} (revision {}) from {before} to {size}", revision(found));
        self.event(&view.rollout, &ROLLOUTS, "Normal", "ScalingReplicaSet", &message, "rollouts-controller");
    }

    fn stirred_lately(&self, rollout: &Value, within: Duration) -> bool {
        let stirred = self.stirred.get(text(rollout, "/metadata/uid"));
        stirred.is_some_and(|(_, at)| self.uptime.saturating_sub(*at) < within)
    }
}

/// So many replicas of all for a share in per cent, rounded up.
fn share(all: i64, weight: i64) -> i64 {
    (all * weight.clamp(0, 100) + 99) / 100
}

/// `10m`, `30s`, `1h`, or seconds as a number.
fn duration(pause: &Value) -> Option<Duration> {
    let value = pause.get("duration")?;
    if let Some(seconds) = value.as_u64() {
        return Some(Duration::from_secs(seconds));
    }
    let text = value.as_str()?;
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(digits.parse::<u64>().ok()?.saturating_mul(factor)))
}
