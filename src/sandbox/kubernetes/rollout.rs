//! The controller of Argo Rollouts: canary steps with weights, pauses and analyses, blue/green with a preview, abort,
//! retry and full promotion. It reads orders from the status, where its kubectl plugin writes them.
//!
//! Traffic is split by the number of replicas, as it is without a traffic router.

use super::analysis::Conclusion;
use super::fields::{Writer, seconds};
use super::hash;
use super::resource::{REPLICASETS, ROLLOUTS};
use super::store::{State, annotate, annotation, controlled_by, controller_reference, number, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const REVISION: &str = "rollout.argoproj.io/revision";
const HISTORY: &str = "rollout.argoproj.io/revision-history";
/// The label by which ReplicaSets and pods are told apart.
pub(super) const HASH: &str = "rollouts-pod-template-hash";
const CAUSE: &str = "kubernetes.io/change-cause";
const CONTROLLER: Writer<'static> = Writer { manager: "rollouts-controller", subresource: "" };
const STATUS: Writer<'static> = Writer { manager: "rollouts-controller", subresource: "status" };
/// How long the old colour stays after the switch.
const SCALE_DOWN: Duration = Duration::from_secs(30);

/// A Rollout under the controller's eyes: what will be written as its status.
struct View {
    rollout: Value,
    status: Value,
    hash: String,
    new: Arc<Value>,
    old: Vec<Arc<Value>>,
}

impl View {
    fn wanted(&self) -> i64 {
        self.rollout.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
    }

    fn is(&self, pointer: &str) -> bool {
        self.status.pointer(pointer) == Some(&Value::Bool(true))
    }

    fn put(&mut self, field: &str, value: Value) {
        set(&mut self.status, &[field], value);
    }

    fn drop(&mut self, field: &str) {
        if let Some(fields) = self.status.as_object_mut() {
            fields.remove(field);
        }
    }

    fn steps(&self) -> &[Value] {
        self.rollout
            .pointer("/spec/strategy/canary/steps")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn available(&self) -> i64 {
        number(&self.new, "/status/availableReplicas")
    }

    fn paused_for(&self) -> Option<&str> {
        self.status.pointer("/pauseConditions/0/reason").and_then(Value::as_str)
    }

    fn go_to(&mut self, step: usize) {
        if !self.steps().is_empty() {
            self.put("currentStepIndex", step.into());
        }
    }

    fn step(&self) -> usize {
        let at = number(&self.status, "/currentStepIndex");
        usize::try_from(at).unwrap_or(0).min(self.steps().len())
    }
}

impl State {
    /// One look of the controller at a Rollout.
    pub(super) fn sync_rollout(&mut self, found: &Arc<Value>) {
        if !self.heard_of(found) {
            return;
        }
        let mut view = self.view(found);
        self.steer(&mut view);
        self.report_rollout(&mut view);
    }

    fn view(&mut self, found: &Arc<Value>) -> View {
        let template = found.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = hash::template_hash(&template);
        let mut status = found.get("status").cloned().unwrap_or_else(|| json!({}));
        let before = text(&status, "/currentPodHash").to_owned();
        let (new, old) = self.split(found, &hash);
        let new = match new {
            Some(new) => self.renumbered(&new, &old),
            None => self.create_revision(found, &template, &hash, &old),
        };
        let mut view =
            View { rollout: (**found).clone(), status: std::mem::take(&mut status), hash, new, old };
        if before != view.hash {
            // Whatever was decided about the rollout before says nothing about this one.
            for order in [
                "pauseConditions",
                "controllerPause",
                "abort",
                "abortedAt",
                "promoteFull",
                "canary",
                "blueGreen",
            ] {
                view.drop(order);
            }
            view.go_to(0);
        }
        if text(&view.status, "/stableRS").is_empty() {
            view.put("stableRS", view.hash.clone().into());
        }
        view.put("currentPodHash", view.hash.clone().into());
        let generation = number(found, "/metadata/generation");
        view.put("observedGeneration", generation.to_string().into());
        view
    }

    fn split(&self, found: &Value, hash: &str) -> (Option<Arc<Value>>, Vec<Arc<Value>>) {
        let uid = text(found, "/metadata/uid");
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        let mut sets: Vec<_> = self
            .list_named(&REPLICASETS, namespace, &format!("{name}-"))
            .into_iter()
            .filter(|set| controlled_by(set, uid))
            .collect();
        sets.sort_by_key(|set| revision(set));
        let new = sets.iter().position(|set| label(set) == hash).map(|index| sets.remove(index));
        (new, sets)
    }

    fn renumbered(&mut self, new: &Arc<Value>, old: &[Arc<Value>]) -> Arc<Value> {
        let newest = old.iter().map(|set| revision(set)).max().unwrap_or(0);
        if revision(new) > newest {
            return Arc::clone(new);
        }
        let mut again = (**new).clone();
        let (before, earlier) = (annotation(new, REVISION).to_owned(), annotation(new, HISTORY).to_owned());
        let earlier = if earlier.is_empty() { before } else { format!("{earlier},{before}") };
        annotate(&mut again, HISTORY, &earlier);
        annotate(&mut again, REVISION, &(newest + 1).to_string());
        self.update(&REPLICASETS, again, CONTROLLER)
    }

    fn create_revision(
        &mut self,
        found: &Value,
        template: &Value,
        hash: &str,
        old: &[Arc<Value>],
    ) -> Arc<Value> {
        let mut template = template.clone();
        set(&mut template, &["metadata", "labels", HASH], hash.into());
        let mut selector = found.pointer("/spec/selector").cloned().unwrap_or_default();
        set(&mut selector, &["matchLabels", HASH], hash.into());
        let mut object = json!({
            "metadata": {
                "name": format!("{}-{hash}", text(found, "/metadata/name")),
                "namespace": text(found, "/metadata/namespace"),
                "labels": template.pointer("/metadata/labels"),
                "ownerReferences": controller_reference(&ROLLOUTS, found)
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
            "status": {"replicas": 0}
        });
        let newest = old.iter().map(|set| revision(set)).max().unwrap_or(0);
        annotate(&mut object, REVISION, &(newest + 1).to_string());
        if !annotation(found, CAUSE).is_empty() {
            annotate(&mut object, CAUSE, annotation(found, CAUSE));
        }
        self.create(&REPLICASETS, object, CONTROLLER)
    }

    fn steer(&mut self, view: &mut View) {
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

    fn report_rollout(&mut self, view: &mut View) {
        let (namespace, name) =
            (text(&view.rollout, "/metadata/namespace"), text(&view.rollout, "/metadata/name"));
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let hash = view.hash.clone();
        let (new, old) = self.split(&view.rollout, &hash);
        let all: Vec<&Arc<Value>> = new.iter().chain(&old).collect();
        let total = |field: &str| all.iter().map(|set| number(set, field)).sum::<i64>();
        let updated = new.as_ref().map_or(0, |set| number(set, "/status/replicas"));
        let (replicas, ready) = (total("/status/replicas"), total("/status/readyReplicas"));
        let available = total("/status/availableReplicas");
        for (field, count) in [
            ("replicas", replicas),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", available),
        ] {
            view.drop(field);
            if count > 0 {
                view.put(field, count.into());
            }
        }
        let moved = format!("{}/{updated}/{available}/{}", view.step(), text(&view.status, "/stableRS"));
        let uid = text(&view.rollout, "/metadata/uid").to_owned();
        let quiet = self.stirred.get(&uid).filter(|(last, _)| *last == moved).map(|(_, at)| *at);
        let since = quiet.unwrap_or(self.uptime);
        self.stirred.insert(uid, (moved, since));
        let deadline =
            view.rollout.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_u64).unwrap_or(600);
        let late = self.uptime.saturating_sub(since).as_secs() >= deadline;
        let (phase, message) = stand(view, [replicas, updated, available], late);
        view.put("phase", phase.into());
        match message {
            Some(message) => view.put("message", message.into()),
            None => view.drop("message"),
        }
        if let Some(now) = self.get(&ROLLOUTS, &namespace, &name) {
            let mut now = (**now).clone();
            set(&mut now, &["status"], view.status.clone());
            self.update(&ROLLOUTS, now, STATUS);
        }
    }
}

/// Phase and message.
fn stand(
    view: &View,
    [replicas, updated, available]: [i64; 3],
    late: bool,
) -> (&'static str, Option<String>) {
    let wanted = view.wanted();
    let stable = text(&view.status, "/stableRS") == view.hash;
    if view.is("/abort") {
        let said = text(&view.status, "/message").to_owned();
        let aborted = format!("RolloutAborted: Rollout aborted update to revision {}", revision(&view.new));
        return ("Degraded", Some(if said.starts_with("RolloutAborted") { said } else { aborted }));
    }
    if view.rollout.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return ("Paused", Some("manually paused".to_owned()));
    }
    if let Some(reason) = view.paused_for() {
        return ("Paused", Some(reason.to_owned()));
    }
    let coloured = view.rollout.pointer("/spec/strategy/blueGreen").is_some();
    if stable && updated >= wanted && available >= wanted && (coloured || replicas <= updated) {
        return ("Healthy", None);
    }
    if late {
        let name = text(&view.new, "/metadata/name");
        let message = format!("ProgressDeadlineExceeded: ReplicaSet \"{name}\" has timed out progressing.");
        return ("Degraded", Some(message));
    }
    let message = if updated < wanted {
        "more replicas need to be updated"
    } else if replicas > updated {
        "old replicas are pending termination"
    } else {
        "updated replicas are still becoming available"
    };
    ("Progressing", Some(message.to_owned()))
}

fn revision(set: &Value) -> i64 {
    annotation(set, REVISION).parse().unwrap_or(0)
}

fn label(set: &Value) -> &str {
    set.pointer("/metadata/labels").and_then(|l| l.get(HASH)).and_then(Value::as_str).unwrap_or_default()
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
