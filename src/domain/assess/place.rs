//! DEPLOY, OPERATE and MONITOR of each environment; what runs there and what comes.

use super::super::gitops::{Application, Condition, OperationState, Reign, Sync};
use super::super::health::{AlertState, Reading, Signal};
use super::super::name::EnvironmentName;
use super::super::pipeline::Gate;
use super::super::rollout::{Artifact, Phase, Rollout};
use super::super::service::{Environment, Service};
use super::super::time::ago;
use super::super::verdict::Standing;
use super::super::{Mark, SafeText, Seen, Stage, Verdict, World};
use super::version::coming_from;
use super::{Case, gate_artifact};

/// Judges every environment, in the order of promotion.
pub(super) fn judge(case: &mut Case<'_>, gates: &[&Seen<Gate>]) -> Vec<Standing> {
    let mut standings: Vec<Standing> = Vec::new();
    let service = case.service;
    for environment in &service.environments {
        let before = case.reasons.len();
        let watched = deploy(case, environment) | owner(case, environment) | monitor(case, environment);
        let worst = case.reasons.iter().skip(before).map(|r| r.verdict).max();
        let verdict = worst.unwrap_or(if watched { Verdict::Go } else { Verdict::Unknown });
        let live = live(service, environment, case.world);
        let coming = coming(service, environment, live.as_ref(), standings.last(), gates, case.world);
        standings.push(Standing { environment: environment.name.clone(), verdict, live, coming });
    }
    standings
}

/// DEPLOY and OPERATE. Returns whether anything is configured.
fn deploy(case: &mut Case<'_>, environment: &Environment) -> bool {
    let Some(source) = &environment.deploy else { return false };
    let name = &environment.name;
    let unknown = Mark::Judged(Verdict::Unknown);
    if let Some(why) = case.unusable(source, environment.policy.max_age) {
        case.say(Stage::Deploy, Some(name), unknown, &why);
        case.say(Stage::Operate, Some(name), unknown, &why);
        return true;
    }
    let Some(rollout) = case.world.rollout(case.service, environment) else {
        let why = format!("{source} knows nothing of this workload");
        case.say(Stage::Deploy, Some(name), unknown, &why);
        case.say(Stage::Operate, Some(name), unknown, &why);
        return true;
    };
    phase(case, name, rollout.value);
    operate(case, name, rollout.value);
    true
}

fn phase(case: &mut Case<'_>, name: &EnvironmentName, rollout: &Rollout) {
    let percent = rollout.percent();
    let share = percent.map(|p| format!(", {p} %")).unwrap_or_default();
    let (mark, text) = match &rollout.phase {
        Phase::Done | Phase::RolledBack => (Mark::Judged(Verdict::Go), String::new()),
        Phase::ScaledToZero => (Mark::Judged(Verdict::Hold), format!("{name} is scaled to 0")),
        Phase::Progressing(what) if overdue(case, rollout) => (
            Mark::Judged(Verdict::NoGo),
            format!(
                "{name}: rollout has not come to its end in time{share}: {what}; the target never says that it failed"
            ),
        ),
        Phase::Progressing(what) => {
            (Mark::Running(percent), format!("{name}: rollout under way{share}: {what}"))
        }
        Phase::RollingBack(what) => (Mark::Running(percent), format!("{name}: going back{share}: {what}")),
        Phase::Paused(why) => (Mark::Judged(Verdict::Hold), format!("{name}: rollout paused: {why}")),
        Phase::Failed(why) => (Mark::Judged(Verdict::NoGo), format!("{name}: rollout failed: {why}")),
    };
    case.say(Stage::Deploy, Some(name), mark, &text);
}

/// Whether a rollout that its target never calls failed has taken longer than it may.
fn overdue(case: &Case<'_>, rollout: &Rollout) -> bool {
    let (Some(patience), Some(began)) = (rollout.patience, rollout.began) else { return false };
    ago(case.now.wall, began) > patience
}

fn operate(case: &mut Case<'_>, name: &EnvironmentName, rollout: &Rollout) {
    case.mark(Stage::Operate, Mark::Judged(Verdict::Go));
    for sign in &rollout.signs {
        case.say(Stage::Operate, Some(name), Mark::Judged(Verdict::NoGo), &format!("{name}: {sign}"));
    }
    let replicas = rollout.replicas;
    if rollout.at_rest() && replicas.available < replicas.desired {
        let text = format!("{name}: {} of {} replicas available", replicas.available, replicas.desired);
        case.say(Stage::Operate, Some(name), Mark::Judged(Verdict::NoGo), &text);
    }
}

/// OPERATE as the GitOps controller sees it. Returns whether one is configured.
fn owner(case: &mut Case<'_>, environment: &Environment) -> bool {
    let Some(source) = &environment.owner else { return false };
    let name = &environment.name;
    if let Some(why) = case.unusable(source, environment.policy.max_age) {
        case.say(Stage::Operate, Some(name), unknown(), &why);
        return true;
    }
    let Some(app) = case.world.application(case.service, environment) else {
        let why = format!("{source} knows nothing of its application");
        case.say(Stage::Operate, Some(name), unknown(), &why);
        return true;
    };
    let app = app.value;
    for (mark, what) in owned(app) {
        case.say(Stage::Operate, Some(name), mark, &format!("{name}: {} {what}", app.tool));
    }
    if let Reign::Held(by) = &app.reign {
        case.note(Stage::Operate, Some(name), &format!("{name}: {} is held: {by}", app.tool));
    }
    true
}

/// How sync and health of an application speak for it, and in which words.
fn owned(app: &Application) -> [(Mark, String); 2] {
    let running = app.operation.as_ref().is_some_and(|o| o.state == OperationState::Running);
    let sync = match &app.sync {
        Sync::Synced => (Mark::Judged(Verdict::Go), String::new()),
        Sync::OutOfSync(_) if running => (Mark::Running(None), "syncs".to_owned()),
        Sync::OutOfSync(what) => (Mark::Judged(Verdict::Hold), told("is out of sync", what)),
        Sync::Unknown(why) => (unknown(), told("does not know whether it is in sync", why)),
    };
    let condition = match &app.condition {
        Condition::Healthy => (Mark::Judged(Verdict::Go), String::new()),
        Condition::Progressing(what) => (Mark::Running(None), told("progresses", what)),
        Condition::Degraded(why) => (Mark::Judged(Verdict::NoGo), told("says degraded", why)),
        Condition::Unknown(why) => (unknown(), told("does not know its health", why)),
    };
    [sync, condition]
}

fn told(what: &str, why: &SafeText) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

/// MONITOR. Returns whether anything is configured.
fn monitor(case: &mut Case<'_>, environment: &Environment) -> bool {
    let name = &environment.name;
    let mut said: Vec<(Mark, String)> = Vec::new();
    let mut silent: Vec<String> = Vec::new();
    for (index, (signal, seen)) in case.world.signals(case.service, environment).enumerate() {
        let Some((_, source)) = environment.signals.get(index) else { continue };
        match (case.unusable(source, environment.policy.max_age), seen) {
            (Some(why), _) => silent.push(why),
            (None, None) => said.push((unknown(), format!("{signal}: no answer yet"))),
            (None, Some(seen)) => said.push(signal_mark(signal, seen.value)),
        }
    }
    silent.dedup();
    said.extend(silent.into_iter().map(|why| (unknown(), why)));
    if let Some(source) = &environment.alerts {
        said.extend(alert_marks(case, environment, source));
    }
    for (mark, text) in said {
        case.say(Stage::Monitor, Some(name), mark, &text);
    }
    !environment.signals.is_empty() || environment.alerts.is_some()
}

const fn unknown() -> Mark {
    Mark::Judged(Verdict::Unknown)
}

fn signal_mark(name: &SafeText, signal: &Signal) -> (Mark, String) {
    let verdict = signal.verdict();
    let text = match (&signal.reading, verdict) {
        (Reading::Unknown(why), _) => format!("{name}: {why}"),
        (Reading::Value(value), Verdict::NoGo) => {
            format!(
                "{name} {} {}",
                number(*value, signal.unit.as_str()),
                beyond(signal, signal.thresholds.no_go)
            )
        }
        (Reading::Value(value), _) => {
            format!(
                "{name} {} {}",
                number(*value, signal.unit.as_str()),
                beyond(signal, signal.thresholds.hold)
            )
        }
    };
    (Mark::Judged(verdict), text)
}

fn beyond(signal: &Signal, limit: Option<f64>) -> String {
    use super::super::health::BadWhen;
    let side = match signal.thresholds.bad_when {
        BadWhen::Above => "above",
        BadWhen::Below => "below",
    };
    limit.map(|l| format!("{side} {}", number(l, signal.unit.as_str()))).unwrap_or_default()
}

/// A number with its unit, in as many digits as help.
#[must_use]
pub fn number(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        x if x >= 100.0 => 0,
        x if x >= 10.0 => 1,
        _ => 2,
    };
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

fn alert_marks(
    case: &Case<'_>,
    environment: &Environment,
    source: &super::super::SourceName,
) -> Vec<(Mark, String)> {
    if let Some(why) = case.unusable(source, environment.policy.max_age) {
        return vec![(unknown(), why)];
    }
    let Some(alerts) = case.world.alerts(case.service, environment) else {
        return vec![(unknown(), format!("{source} does not tell the alerts"))];
    };
    let mut marks = vec![(Mark::Judged(Verdict::Go), String::new())];
    for alert in alerts.value {
        marks.push(match &alert.state {
            AlertState::Firing => (Mark::Judged(Verdict::NoGo), format!("alert {} fires", alert.name)),
            AlertState::Pending => (Mark::Judged(Verdict::Hold), format!("alert {} is pending", alert.name)),
            AlertState::Suppressed(by) => {
                (Mark::Judged(Verdict::Hold), format!("alert {} is true but {by}", alert.name))
            }
        });
    }
    marks
}

/// What runs: by the target's word; while it changes, what most replicas still run; else by the CI provider's.
fn live(service: &Service, environment: &Environment, world: &World) -> Option<Artifact> {
    if let Some(rollout) = world.rollout(service, environment) {
        let rollout = rollout.value;
        let other = rollout.running.iter().find(|r| !r.artifact.same_as(&rollout.target) && r.ready > 0);
        let same = rollout.running.iter().find(|r| r.artifact.same_as(&rollout.target));
        return match (other, same) {
            (Some(old), _) if !rollout.at_rest() => Some(old.artifact.clone()),
            (_, Some(same)) => Some(complete(&rollout.target, &same.artifact)),
            _ => Some(rollout.target.clone()),
        };
    }
    world.live(service, environment).map(|l| l.value.artifact.clone())
}

/// What is asked for, with what only the running thing tells.
fn complete(target: &Artifact, running: &Artifact) -> Artifact {
    Artifact {
        digest: target.digest.clone().or_else(|| running.digest.clone()),
        version: target.version.clone().or_else(|| running.version.clone()),
        ..target.clone()
    }
}

fn coming(
    service: &Service,
    environment: &Environment,
    live: Option<&Artifact>,
    before: Option<&Standing>,
    gates: &[&Seen<Gate>],
    world: &World,
) -> Option<Artifact> {
    if let Some(rollout) = world.rollout(service, environment).map(|r| r.value)
        && !rollout.at_rest()
        && live.is_some_and(|l| !l.same_as(&rollout.target))
    {
        return Some(rollout.target.clone());
    }
    let gate = gates.iter().find(|g| g.value.environment.as_ref() == Some(&environment.name));
    if let Some(gate) = gate {
        let artifact = gate_artifact(&gate.value, service, world);
        let known = before.and_then(|b| b.live.as_ref()).filter(|b| b.version == artifact.version);
        return Some(
            known.map_or(artifact.clone(), |b| Artifact { revision: artifact.revision, ..b.clone() }),
        );
    }
    coming_from(before?.live.as_ref()?, live?)
}
