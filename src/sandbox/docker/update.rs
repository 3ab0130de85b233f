//! Updating a service: what a manager accepts, the one step of history, and the rolling update with its failure
//! action.

use super::request::Refusal;
use super::state::State;
use super::task::TaskState;
use super::validate;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The states of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Update,
    Rollback,
}

/// A rolling update under way.
#[derive(Clone, Debug)]
pub(super) struct Rollout {
    kind: Kind,
    /// The tasks that this update started: ID and the virtual time at which it began to run.
    started: BTreeMap<String, Option<Duration>>,
    failed: Vec<String>,
    not_before: Duration,
    paused: bool,
}

impl Rollout {
    fn new(kind: Kind) -> Self {
        Self { kind, started: BTreeMap::new(), failed: Vec::new(), not_before: Duration::ZERO, paused: false }
    }
}

struct Rule {
    parallelism: usize,
    delay: Duration,
    monitor: Duration,
    ratio: f64,
    action: String,
}

impl Rule {
    fn of(spec: &Value, kind: Kind) -> Self {
        let name = if kind == Kind::Update { "UpdateConfig" } else { "RollbackConfig" };
        let config = spec.get(name);
        let number = |field: &str, absent: u64| {
            config.and_then(|c| c.get(field)).and_then(Value::as_u64).unwrap_or(absent)
        };
        let parallelism = match number("Parallelism", 1) {
            0 => usize::MAX,
            some => usize::try_from(some).unwrap_or(usize::MAX),
        };
        let monitor = match number("Monitor", 0) {
            0 => 5_000_000_000,
            some => some,
        };
        let action = config.and_then(|c| c.get("FailureAction")).and_then(Value::as_str).unwrap_or("pause");
        Self {
            parallelism,
            delay: Duration::from_nanos(number("Delay", 0)),
            monitor: Duration::from_nanos(monitor),
            ratio: config.and_then(|c| c.get("MaxFailureRatio")).and_then(Value::as_f64).unwrap_or(0.0),
            action: action.to_owned(),
        }
    }
}

/// What `POST /services/{id}/update` asks for.
pub(super) struct Request<'a> {
    pub(super) service: &'a str,
    pub(super) version: &'a str,
    pub(super) rollback: &'a str,
    pub(super) auth_from: &'a str,
    pub(super) body: &'a [u8],
}

impl State {
    /// Accepts or refuses an update, in the engine's order of checks.
    pub(super) fn update_service(&mut self, request: &Request<'_>) -> Result<Value, Refusal> {
        let spec = validate::decode(request.body)?;
        let version = request.version;
        let version: u64 = version.parse().map_err(|_| {
            Refusal::new(
                400,
                format!("invalid service version '{version}': strconv.ParseUint: parsing \"{version}\": invalid syntax"),
            )
        })?;
        let found = self
            .find(request.service)
            .ok_or_else(|| Refusal::new(404, format!("service {} not found", request.service)))?;
        let id = found.id.clone();
        if !["", "spec", "previous-spec"].contains(&request.auth_from) {
            return Err(Refusal::new(500, "unsupported registryAuthFrom value"));
        }
        let kind = match request.rollback {
            "" => Kind::Update,
            "previous" => Kind::Rollback,
            other => return Err(Refusal::new(500, format!("unrecognized rollback option {other}"))),
        };
        validate::spec(&spec)?;
        if found.version != version {
            return Err(Refusal::new(500, "rpc error: code = Unknown desc = update out of sequence"));
        }
        validate::unchanged(&found.spec, &spec)?;
        let (spec, previous) = match (kind, &found.previous) {
            (Kind::Update, _) => (spec, found.spec.clone()),
            (Kind::Rollback, Some(previous)) => (previous.clone(), found.spec.clone()),
            (Kind::Rollback, None) => {
                let why = format!("service {id} does not have a previous spec");
                return Err(Refusal::new(400, format!("rpc error: code = FailedPrecondition desc = {why}")));
            }
        };
        self.take_spec(&id, spec, Some(previous), kind);
        Ok(json!({"Warnings": null}))
    }

    fn take_spec(&mut self, id: &str, spec: Value, previous: Option<Value>, kind: Kind) {
        let (index, now) = (self.next_index(), self.clock);
        let Some(service) = self.services.get_mut(id) else { return };
        let rolls = service.spec.get("TaskTemplate") != spec.get("TaskTemplate") || service.rollout.is_some();
        service.spec = spec;
        service.previous = previous;
        service.version = index;
        service.updated = now;
        service.rollout = rolls.then(|| Rollout::new(kind));
        // An update has no status until the updater has begun; a rollback that a human asked for has one at once.
        service.status = (kind == Kind::Rollback).then(|| {
            json!({"State": "rollback_started", "StartedAt": now.to_string(), "Message": "manually requested rollback"})
        });
        let attributes = json!({"name": service.name()});
        self.event("service", "update", id, &attributes);
    }

    /// One step of a service's rolling update.
    pub(super) fn roll(&mut self, id: &str) {
        let Some(service) = self.services.get(id) else { return };
        let Some(mut rollout) = service.rollout.clone().filter(|rollout| !rollout.paused) else { return };
        let rule = Rule::of(&service.spec, rollout.kind);
        if service.status.is_none() {
            self.set_status(id, "updating", "update in progress", Moment::Started);
        }
        self.watch_started(&mut rollout, &rule);
        let replicas = self.services.get(id).map_or(0, super::state::Service::replicas);
        #[expect(clippy::cast_precision_loss, reason = "a handful of tasks")]
        let share = rollout.failed.len() as f64 / replicas.max(1) as f64;
        let failed =
            rollout.failed.last().cloned().filter(|_| share > rule.ratio && rule.action != "continue");
        if let Some(failed) = failed {
            self.fail(id, rollout, &rule, &failed);
            return;
        }
        let unfinished = self.unfinished(&rollout);
        let old = self.outdated(id);
        if old.is_empty() && unfinished == 0 && self.monitored(&rollout, &rule) {
            self.finish(id, rollout.kind);
            return;
        }
        if self.uptime >= rollout.not_before {
            for (task, slot) in old.into_iter().take(rule.parallelism.saturating_sub(unfinished)) {
                self.stop_task(&task);
                if let Some(new) = self.create_task(id, slot, Duration::ZERO) {
                    rollout.started.insert(new, None);
                }
            }
        }
        if let Some(service) = self.services.get_mut(id) {
            service.rollout = Some(rollout);
        }
    }

    /// Notes which started tasks run by now and which of them failed while they were watched.
    fn watch_started(&self, rollout: &mut Rollout, rule: &Rule) {
        let mut begun = false;
        for (id, running_since) in &mut rollout.started {
            let Some(task) = self.tasks.iter().find(|task| task.id == *id) else { continue };
            if task.state == TaskState::Running && running_since.is_none() {
                *running_since = Some(self.uptime);
                begun = true;
            }
            let watched = running_since.is_none_or(|since| self.uptime.saturating_sub(since) <= rule.monitor);
            let ended_badly = matches!(task.state, TaskState::Failed | TaskState::Rejected);
            if ended_badly && watched && !rollout.failed.contains(id) {
                rollout.failed.push(id.clone());
            }
        }
        if begun {
            rollout.not_before = self.uptime + rule.delay;
        }
    }

    /// How many started tasks are still on their way.
    fn unfinished(&self, rollout: &Rollout) -> usize {
        let on_the_way = |id: &String| {
            self.tasks.iter().any(|t| t.id == *id && t.state < TaskState::Running && t.desired != "shutdown")
        };
        rollout.started.iter().filter(|(id, since)| since.is_none() && on_the_way(id)).count()
    }

    fn monitored(&self, rollout: &Rollout, rule: &Rule) -> bool {
        rollout.started.values().flatten().all(|since| self.uptime.saturating_sub(*since) >= rule.monitor)
    }

    fn outdated(&self, id: &str) -> Vec<(String, u64)> {
        let old = self.tasks.iter().filter(|task| {
            task.service == id && task.desired != "shutdown" && !task.state.ended() && !self.is_current(task)
        });
        old.map(|task| (task.id.clone(), task.slot)).collect()
    }

    fn fail(&mut self, id: &str, mut rollout: Rollout, rule: &Rule, task: &str) {
        let reason = format!("due to failure or early termination of task {task}");
        let previous = self.services.get(id).and_then(|service| service.previous.clone());
        match (rollout.kind, rule.action.as_str(), previous) {
            (Kind::Update, "rollback", Some(previous)) => {
                let status = self.services.get(id).and_then(|service| service.status.clone());
                self.take_spec(id, previous, None, Kind::Rollback);
                if let Some(service) = self.services.get_mut(id) {
                    service.status = status;
                    service.rollout = Some(Rollout::new(Kind::Rollback));
                }
                self.set_status(
                    id,
                    "rollback_started",
                    &format!("update rolled back {reason}"),
                    Moment::GoesOn,
                );
            }
            (kind, ..) => {
                rollout.paused = true;
                if let Some(service) = self.services.get_mut(id) {
                    service.rollout = Some(rollout);
                }
                let (state, word) =
                    if kind == Kind::Update { ("paused", "update") } else { ("rollback_paused", "rollback") };
                self.set_status(id, state, &format!("{word} paused {reason}"), Moment::GoesOn);
            }
        }
    }

    fn finish(&mut self, id: &str, kind: Kind) {
        if let Some(service) = self.services.get_mut(id) {
            service.rollout = None;
        }
        let (state, message) = match kind {
            Kind::Update => ("completed", "update completed"),
            Kind::Rollback => ("rollback_completed", "rollback completed"),
        };
        self.set_status(id, state, message, Moment::Completed);
    }

    /// Writes the update status; that moves the service's version, too.
    fn set_status(&mut self, id: &str, state: &str, message: &str, moment: Moment) {
        let (index, now) = (self.next_index(), self.clock);
        let Some(service) = self.services.get_mut(id) else { return };
        let before = service.status.as_ref().and_then(|s| s.get("StartedAt")).cloned();
        let started = before.filter(|_| moment != Moment::Started).unwrap_or_else(|| now.to_string().into());
        let mut status = json!({"State": state, "StartedAt": started, "Message": message});
        if let (Moment::Completed, Some(fields)) = (moment, status.as_object_mut()) {
            fields.insert("CompletedAt".into(), now.to_string().into());
        }
        service.status = Some(status);
        service.version = index;
        service.updated = now;
        let attributes = json!({"name": service.name(), "updatestate.new": state});
        self.event("service", "update", id, &attributes);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Started,
    GoesOn,
    Completed,
}
