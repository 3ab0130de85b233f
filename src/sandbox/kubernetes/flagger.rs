//! Flagger's controller: it looks at each Canary at its interval, keeps a copy of the Deployment that has the traffic,
//! and moves the traffic by its own steps. Webhooks ask the load tester's memory; metrics come from the images' own
//! conclusions. Where the traffic goes is kept apart from the status, as a mesh keeps it.
//!
//! Source: Flagger's scheduler, in its order.

use super::analysis::Conclusion;
use super::fields::{Writer, seconds};
use super::hash;
use super::resource::{CANARIES, DEPLOYMENTS};
use super::store::{State, annotate, controller_reference, number, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const CONTROLLER: Writer<'static> = Writer { manager: "flagger", subresource: "" };
const STATUS: Writer<'static> = Writer { manager: "flagger", subresource: "status" };
const SHORTEST: u64 = 10;

/// What Flagger remembers of a Canary beside its status.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// The uptime at which it looks next.
    next: Duration,
    /// The share of the traffic that the routes give to the canary.
    weight: i64,
}

/// A Canary under Flagger's eyes.
struct View {
    canary: Arc<Value>,
    target: Arc<Value>,
    primary: Arc<Value>,
    hash: String,
}

impl View {
    fn phase(&self) -> &str {
        text(&self.canary, "/status/phase")
    }

    fn is(&self, phases: &[&str]) -> bool {
        phases.contains(&self.phase())
    }

    fn analysis(&self, field: &str) -> i64 {
        number(&self.canary, &format!("/spec/analysis/{field}"))
    }

    fn iterations(&self) -> i64 {
        number(&self.canary, "/status/iterations")
    }

    fn weights(&self) -> Vec<i64> {
        let all = self.canary.pointer("/spec/analysis/stepWeights").and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_i64).collect()
    }

    fn changed(&self) -> bool {
        let hash = |field: &str| text(&self.canary, &format!("/status/{field}"));
        if hash("lastAppliedSpec").is_empty() {
            return true;
        }
        // A return to what is promoted is no change.
        hash("lastPromotedSpec") != self.hash && hash("lastAppliedSpec") != self.hash
    }

    fn skips(&self) -> bool {
        self.canary.pointer("/spec/analysis").is_none()
            || self.canary.pointer("/spec/skipAnalysis") == Some(&Value::Bool(true))
    }

    fn most(&self) -> i64 {
        match (self.weights().last(), self.analysis("maxWeight")) {
            (Some(last), _) => (*last).min(100),
            (None, 0) => 100,
            (None, most) => most,
        }
    }

    fn next_step(&self, weight: i64) -> i64 {
        let (step, weights) = (self.analysis("stepWeight"), self.weights());
        if step > 0 || weights.is_empty() {
            return step;
        }
        let left = 100 - weight;
        if left == 0 {
            return 1;
        }
        if weight == 0 {
            return weights.first().copied().unwrap_or(0).min(left);
        }
        let at = weights.iter().position(|w| *w == weight);
        let next = at.and_then(|at| weights.get(at + 1));
        next.map_or(left, |next| (next - weight).min(left))
    }
}

impl State {
    /// One look of Flagger at a Canary, if it is due.
    pub(super) fn sync_canary(&mut self, found: &Arc<Value>) {
        let uid = text(found, "/metadata/uid").to_owned();
        let (interval, now) = (interval(found), self.uptime);
        let memory = self.flagger.entry(uid).or_default();
        if memory.next > now {
            return;
        }
        memory.next = now + interval;
        if found.pointer("/spec/suspend") == Some(&Value::Bool(true)) {
            return;
        }
        if let Some(view) = self.canary_view(found) {
            self.advance_canary(&view);
        }
    }

    fn canary_view(&mut self, found: &Arc<Value>) -> Option<View> {
        let namespace = text(found, "/metadata/namespace").to_owned();
        let name = text(found, "/spec/targetRef/name").to_owned();
        let Some(target) = self.get(&DEPLOYMENTS, &namespace, &name).cloned() else {
            self.told(found, &format!("deployment {name}.{namespace} get query error"));
            return None;
        };
        let primary = match self.get(&DEPLOYMENTS, &namespace, &format!("{name}-primary")) {
            Some(primary) => Arc::clone(primary),
            None => self.create_primary(found, &target),
        };
        let hash = hash::template_hash(target.pointer("/spec/template").unwrap_or(&Value::Null));
        Some(View { canary: Arc::clone(found), target, primary, hash })
    }

    fn create_primary(&mut self, canary: &Value, target: &Value) -> Arc<Value> {
        let name = text(target, "/metadata/name");
        let mut object = target.clone();
        let (key, value) = selector_label(target);
        let primary = format!("{value}-primary");
        set(
            &mut object,
            &["metadata"],
            json!({
                "name": format!("{name}-primary"), "namespace": text(target, "/metadata/namespace"),
                "labels": {key.as_str(): primary}, "annotations": {},
                "ownerReferences": controller_reference(&CANARIES, canary)
            }),
        );
        set(&mut object, &["spec", "selector"], json!({"matchLabels": {key.as_str(): primary}}));
        let replicas = number(target, "/spec/replicas").max(1);
        set(&mut object, &["spec", "replicas"], replicas.into());
        set(&mut object, &["spec", "template"], primary_template(target));
        set(&mut object, &["status"], json!({}));
        self.create(&DEPLOYMENTS, object, CONTROLLER)
    }

    fn told(&mut self, canary: &Value, message: &str) {
        self.event(canary, &CANARIES, "Warning", "Synced", message, "flagger");
    }

    /// Flagger's `advanceCanary`.
    fn advance_canary(&mut self, view: &View) {
        if view.is(&["", "Initializing"]) {
            if !view.skips() && !ready(&view.primary) {
                return self.canary_status(view, &[("phase", "Initializing".into())]);
            }
            self.scale_deployment(&view.target, 0);
            let hash: Value = view.hash.clone().into();
            let all = begun("Initialized");
            let all = all.into_iter().chain([("lastAppliedSpec", hash.clone()), ("lastPromotedSpec", hash)]);
            return self.canary_status(view, &all.collect::<Vec<_>>());
        }
        if view.is(&["Failed"]) {
            // The hash of what is there is taken over in any case, and the time with it.
            self.canary_status(view, &[("lastAppliedSpec", view.hash.clone().into())]);
        }
        let under_way = view.is(&["Progressing", "Waiting", "WaitingPromotion", "Promoting", "Finalising"]);
        if !under_way && !view.changed() {
            return;
        }
        if !view.skips() && !ready(&view.primary) {
            let promoting = view.is(&["Promoting", "Finalising"]);
            match (self.late(view, &view.primary), promoting) {
                (false, _) => {}
                (true, true) => self.fail_promotion(view),
                (true, false) => self.turn_back(view),
            }
            return;
        }
        if !view.is(&["Progressing", "WaitingPromotion", "Promoting", "Finalising"]) {
            return self.begin_canary(view);
        }
        if view.is(&["Progressing", "WaitingPromotion"]) && view.changed() {
            self.route(view, 0);
            let all = begun("Progressing").into_iter().chain([("lastAppliedSpec", view.hash.clone().into())]);
            return self.canary_status(view, &all.collect::<Vec<_>>());
        }
        if !ready(&view.target) {
            if self.late(view, &view.target) {
                self.turn_back(view);
            }
            return;
        }
        self.step_up(view);
    }

    fn begin_canary(&mut self, view: &View) {
        if !self.confirmed(view, "confirm-rollout") {
            if view.phase() != "Waiting" {
                self.canary_phase(view, "Waiting");
            }
            return;
        }
        let there = number(&view.target, "/spec/replicas");
        let size = if there > 0 { there } else { number(&view.primary, "/spec/replicas").max(1) };
        self.scale_deployment(&view.target, size);
        let all = begun("Progressing").into_iter().chain([("lastAppliedSpec", view.hash.clone().into())]);
        self.canary_status(view, &all.collect::<Vec<_>>());
    }

    fn step_up(&mut self, view: &View) {
        if view.skips() {
            self.route(view, 0);
            self.promote_canary(view);
            self.scale_deployment(&view.target, 0);
            return self.canary_phase(view, "Succeeded");
        }
        if view.is(&["Progressing", "WaitingPromotion"]) && self.asks_back(view) {
            return self.turn_back(view);
        }
        match view.phase() {
            "Promoting" => {
                self.route(view, 0);
                return self.canary_phase(view, "Finalising");
            }
            "Finalising" => {
                self.scale_deployment(&view.target, 0);
                return self.canary_phase(view, "Succeeded");
            }
            _ => {}
        }
        let failed = number(&view.canary, "/status/failedChecks");
        if failed >= view.analysis("threshold").max(1) {
            return self.turn_back(view);
        }
        let weight = self.weight_of(view);
        let image = text(&view.target, "/spec/template/spec/containers/0/image");
        let measured = weight != 0 || view.iterations() != 0;
        if measured && self.registry.conclusion(image) != Conclusion::Passes {
            return self.canary_status(view, &[("failedChecks", (failed + 1).into())]);
        }
        let all = view.analysis("iterations");
        match (all, view.canary.pointer("/spec/analysis/match").is_some()) {
            (0, _) => self.shift(view, weight),
            (all, matched) => self.count(view, all, matched),
        }
    }

    /// A growing share.
    fn shift(&mut self, view: &View, weight: i64) {
        let step = view.next_step(weight);
        if step <= 0 {
            return;
        }
        if view.phase() == "Progressing" && !self.confirmed(view, "confirm-traffic-increase") {
            return;
        }
        if weight < view.most() {
            let weight = (weight + step).min(100);
            self.route(view, weight);
            return self.canary_status(view, &[("canaryWeight", weight.into())]);
        }
        if self.promotion_confirmed(view) {
            self.promote_canary(view);
            self.canary_phase(view, "Promoting");
        }
    }

    /// Checks that are counted: of a copy without traffic, or of requests that match.
    fn count(&mut self, view: &View, all: i64, matched: bool) {
        let so_far = view.iterations();
        if so_far < all {
            if matched {
                self.route(view, 100);
            }
            return self.canary_status(view, &[("iterations", (so_far + 1).into())]);
        }
        if !self.promotion_confirmed(view) {
            return;
        }
        if so_far == all && !matched {
            self.route(view, 100);
            return self.canary_status(view, &[("iterations", (so_far + 1).into())]);
        }
        self.promote_canary(view);
        self.canary_phase(view, "Promoting");
    }

    fn promotion_confirmed(&mut self, view: &View) -> bool {
        let confirmed = self.confirmed(view, "confirm-promotion");
        if !confirmed {
            if view.phase() == "WaitingPromotion" {
                let back = view.analysis("iterations") - 1;
                self.canary_status(view, &[("iterations", back.into())]);
            } else {
                self.canary_phase(view, "WaitingPromotion");
            }
        }
        confirmed
    }

    /// Whether every webhook of this type says yes.
    fn confirmed(&self, view: &View, kind: &str) -> bool {
        hooks(&view.canary, kind).all(|url| self.answers(&view.canary, url))
    }

    fn asks_back(&self, view: &View) -> bool {
        hooks(&view.canary, "rollback").any(|url| self.answers(&view.canary, url))
    }

    /// The load tester's answer; nobody else is there.
    fn answers(&self, canary: &Value, url: &str) -> bool {
        let (namespace, name) = (text(canary, "/metadata/namespace"), text(canary, "/metadata/name"));
        let path = url.split('?').next().unwrap_or_default();
        let open = |key: String| self.gates.get(&key).copied().unwrap_or(false);
        match path {
            _ if path.ends_with("/gate/check") => open(format!("{name}.{namespace}")),
            _ if path.ends_with("/rollback/check") => open(format!("rollback.{name}.{namespace}")),
            _ => path.ends_with("/gate/approve"),
        }
    }

    fn turn_back(&mut self, view: &View) {
        self.told(
            &view.canary,
            &format!("Canary failed! Scaling down {}", text(&view.canary, "/metadata/name")),
        );
        self.route(view, 0);
        self.scale_deployment(&view.target, 0);
        let all = begun("Failed").into_iter().chain([("lastAppliedSpec", view.hash.clone().into())]);
        self.canary_status(view, &all.collect::<Vec<_>>());
    }

    /// The primary does not get ready: the canary is the only healthy copy.
    fn fail_promotion(&mut self, view: &View) {
        self.route(view, 100);
        let mut all = begun("Failed");
        all.extend([("canaryWeight", 100.into()), ("lastAppliedSpec", view.hash.clone().into())]);
        self.canary_status(view, &all);
    }

    fn promote_canary(&mut self, view: &View) {
        let mut primary = (*view.primary).clone();
        set(&mut primary, &["spec", "template"], primary_template(&view.target));
        let replicas = number(&view.target, "/spec/replicas");
        set(&mut primary, &["spec", "replicas"], replicas.into());
        let generation = number(&primary, "/metadata/generation") + 1;
        set(&mut primary, &["metadata", "generation"], generation.into());
        self.update(&DEPLOYMENTS, primary, CONTROLLER);
    }

    fn scale_deployment(&mut self, found: &Value, size: i64) {
        let (namespace, name) = (text(found, "/metadata/namespace"), text(found, "/metadata/name"));
        let Some(now) = self.get(&DEPLOYMENTS, namespace, name) else { return };
        if number(now, "/spec/replicas") == size {
            return;
        }
        let mut object = (**now).clone();
        let generation = number(&object, "/metadata/generation") + 1;
        set(&mut object, &["metadata", "generation"], generation.into());
        set(&mut object, &["spec", "replicas"], size.into());
        self.update(&DEPLOYMENTS, object, CONTROLLER);
    }

    /// Whether a Deployment will not get ready any more: by its own deadline, or short of pods for as long as the
    /// Canary's.
    fn late(&self, view: &View, deployment: &Value) -> bool {
        let deadline = view.canary.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_i64);
        let deadline = deadline.unwrap_or(600);
        let conditions = deployment.pointer("/status/conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|condition| match text(condition, "/reason") {
            "ProgressDeadlineExceeded" => true,
            "MinimumReplicasUnavailable" => {
                let since = text(condition, "/lastUpdateTime").parse::<Timestamp>();
                since.is_ok_and(|since| self.clock.duration_since(since).as_secs() > deadline)
            }
            _ => false,
        })
    }

    fn route(&mut self, view: &View, weight: i64) {
        self.flagger.entry(text(&view.canary, "/metadata/uid").to_owned()).or_default().weight = weight;
    }

    fn weight_of(&self, view: &View) -> i64 {
        self.flagger.get(text(&view.canary, "/metadata/uid")).map_or(0, |memory| memory.weight)
    }

    /// A change of phase: most of them forget how far it was.
    fn canary_phase(&mut self, view: &View, phase: &str) {
        let mut fields = vec![("phase", Value::from(phase))];
        if !["Progressing", "Waiting", "Promoting"].contains(&phase) {
            let iterations = if phase == "WaitingPromotion" { view.analysis("iterations") - 1 } else { 0 };
            fields.extend([("canaryWeight", 0.into()), ("iterations", iterations.into())]);
        }
        if phase == "Succeeded" {
            let applied = text(&view.canary, "/status/lastAppliedSpec").to_owned();
            fields.push(("lastPromotedSpec", applied.into()));
        }
        self.canary_status(view, &fields);
    }

    fn canary_status(&mut self, view: &View, fields: &[(&str, Value)]) {
        let (namespace, name) =
            (text(&view.canary, "/metadata/namespace"), text(&view.canary, "/metadata/name"));
        let Some(now) = self.get(&CANARIES, namespace, name) else { return };
        let mut object = (**now).clone();
        for (field, value) in fields {
            set(&mut object, &["status", field], value.clone());
        }
        let phase = text(&object, "/status/phase").to_owned();
        let (status, message) = condition(&phase);
        let stamp = seconds(self.clock);
        if text(&object, "/status/conditions/0/reason") != phase {
            let condition = json!([{
                "type": "Promoted", "status": status, "reason": phase, "message": message,
                "lastUpdateTime": stamp, "lastTransitionTime": stamp
            }]);
            set(&mut object, &["status", "conditions"], condition);
        }
        set(&mut object, &["status", "lastTransitionTime"], stamp.into());
        self.update(&CANARIES, object, STATUS);
    }
}

fn begun(phase: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("phase", phase.into()),
        ("canaryWeight", 0.into()),
        ("failedChecks", 0.into()),
        ("iterations", 0.into()),
    ]
}

fn condition(phase: &str) -> (&'static str, &'static str) {
    match phase {
        "Initialized" => ("True", "Deployment initialization completed."),
        "Waiting" | "WaitingPromotion" => ("Unknown", "Waiting for approval."),
        "Progressing" => ("Unknown", "New revision detected, progressing canary analysis."),
        "Promoting" => ("Unknown", "Canary analysis completed, starting primary rolling update."),
        "Finalising" => ("Unknown", "Canary analysis completed, routing all traffic to primary."),
        "Succeeded" => ("True", "Canary analysis completed successfully, promotion finished."),
        "Failed" => ("False", "Canary analysis failed, Deployment scaled to zero."),
        _ => ("Unknown", "New Deployment detected, starting initialization."),
    }
}

fn hooks<'a>(canary: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a str> {
    let all = canary.pointer("/spec/analysis/webhooks").and_then(Value::as_array);
    all.into_iter().flatten().filter(move |hook| text(hook, "/type") == kind).map(|hook| text(hook, "/url"))
}

/// The label by which Flagger tells a Deployment's pods.
fn selector_label(target: &Value) -> (String, String) {
    let found = ["app", "name", "app.kubernetes.io/name"].into_iter().find_map(|key| {
        let value = target.pointer("/spec/selector/matchLabels")?.get(key)?.as_str()?;
        Some((key.to_owned(), value.to_owned()))
    });
    found.unwrap_or_default()
}

fn primary_template(target: &Value) -> Value {
    let mut template = target.pointer("/spec/template").cloned().unwrap_or_default();
    let (key, value) = selector_label(target);
    set(&mut template, &["metadata", "labels", &key], format!("{value}-primary").into());
    // A new one with every promotion, so that its pods are replaced in any case.
    let id = hash::template_hash(&template);
    annotate(&mut template, "flagger-id", &id);
    template
}

/// Whether a Deployment runs what it asks for, as Flagger asks.
fn ready(deployment: &Value) -> bool {
    let count = |field: &str| number(deployment, &format!("/status/{field}"));
    number(deployment, "/metadata/generation") <= count("observedGeneration")
        && count("updatedReplicas") >= number(deployment, "/spec/replicas")
        && count("replicas") <= count("updatedReplicas")
        && count("availableReplicas") >= count("updatedReplicas")
}

fn interval(canary: &Value) -> Duration {
    let told = text(canary, "/spec/analysis/interval");
    let (digits, unit) = told.split_at(told.find(|c: char| !c.is_ascii_digit()).unwrap_or(told.len()));
    let seconds = match (digits.parse::<u64>(), unit) {
        (Ok(seconds), "s") => seconds,
        (Ok(minutes), "m") => minutes.saturating_mul(60),
        _ => 60,
    };
    Duration::from_secs(seconds.max(SHORTEST))
}
