//! What could go wrong that no single source can tell: from what lies in between, what else waits, and how the
//! place fares.

use crate::domain::assess::{coming_from, newer};
use crate::domain::health::{BadWhen, Reading, Signal};
use crate::domain::rollout::Standing;
use crate::domain::service::HealthRule;
use crate::domain::time::{SKEWED, spoken};
use crate::domain::{ChangeSet, Hazard, Intent, Policy, Prepared, Severity, Target, Verb, Verdict};

use super::gitops;
use super::plan::Surroundings;

/// Every hazard of `intent` that the world shows, in no order.
#[must_use]
pub fn hazards(
    intent: &Intent,
    policy: &Policy,
    prepared: &Prepared,
    around: Surroundings<'_>,
) -> Vec<Hazard> {
    let mut hazards = own_hazards(intent, policy, around);
    hazards.extend(course_hazards(intent, prepared, around));
    hazards.extend(skewed(intent, around));
    hazards.extend(gitops::hazard(intent, around));
    if intent.verb == Verb::RollBack {
        hazards.extend(left_behind(intent, around).or_else(|| forward(prepared)));
        hazards.extend(blind(intent, around));
    }
    hazards
}

/// Two clocks that differ: ages hold (they are measured here), times that the source tells do not.
fn skewed(intent: &Intent, around: Surroundings<'_>) -> Option<Hazard> {
    let skew = around.world.skew(&intent.source).filter(|skew| *skew > SKEWED)?;
    let text = format!(
        "the clock of {} is {} away from this machine's: one of them is wrong, and times are not to be compared",
        intent.source,
        spoken(skew)
    );
    Some(Hazard::new(Severity::Warning, text))
}

/// Going "back" to what was left by going back brings it back.
fn left_behind(intent: &Intent, around: Surroundings<'_>) -> Option<Hazard> {
    let Target::Revision { id, artifact } = &intent.target else { return None };
    let environment = around.service.environment(&intent.place.as_ref()?.environment)?;
    let rollout = around.world.rollout(around.service, environment)?.value;
    let chosen = rollout.revisions.iter().find(|r| &r.id == id)?;
    (chosen.standing == Standing::Left).then(|| {
        let mut text = format!("{} was left by going back to {}", artifact.label(), rollout.target.label());
        text.push_str(": this brings it back");
        if let Some(better) = rollout.previous() {
            text.push_str(&format!("; what ran before is {}", better.artifact.label()));
        }
        Hazard::new(Severity::Warning, text)
    })
}

/// A roll back to something newer.
fn forward(prepared: &Prepared) -> Option<Hazard> {
    let (from, to) = (prepared.from.as_ref()?, prepared.to.as_ref()?);
    let versions =
        [from, to].iter().all(|a| a.version.as_ref().is_some_and(|v| newer::is_version(v.as_str())));
    (versions && coming_from(to, from).is_some()).then(|| {
        let text = format!(
            "{} is newer than {}: this goes forward, perhaps to what was left behind",
            to.label(),
            from.label()
        );
        Hazard::new(Severity::Warning, text)
    })
}

/// Whether nothing would show that it helped: no signal of the place has a value, or there is no traffic.
fn blind(intent: &Intent, around: Surroundings<'_>) -> Option<Hazard> {
    let place = intent.place.as_ref()?;
    let environment = around.service.environment(&place.environment)?;
    let signals: Vec<_> = around.world.signals(around.service, environment).collect();
    let told: Vec<&Signal> = signals.iter().filter_map(|(_, seen)| Some(seen.as_ref()?.value)).collect();
    let value = |signal: &Signal| match signal.reading {
        Reading::Value(value) if value.is_finite() => Some(value),
        _ => None,
    };
    if !signals.is_empty() && told.iter().all(|signal| value(signal).is_none()) {
        let names: Vec<&str> = signals.iter().map(|(name, _)| name.as_str()).collect();
        let why = told.iter().find_map(|signal| match &signal.reading {
            Reading::Unknown(why) => Some(format!(" ({why})")),
            Reading::Value(_) => None,
        });
        return Some(Hazard::new(
            Severity::Warning,
            format!(
                "{} tells nothing{}: whether this helps would not show",
                names.join(", "),
                why.unwrap_or_default()
            ),
        ));
    }
    let idle = told.iter().find(|signal| counts_traffic(signal) && value(signal) == Some(0.0))?;
    Some(Hazard::new(
        Severity::Warning,
        format!("{} is 0: without traffic no signal shows whether this helps", idle.name),
    ))
}

/// A signal of which little is bad and whose name or unit speaks of requests: the traffic itself.
fn counts_traffic(signal: &Signal) -> bool {
    let name = signal.name.as_str().to_lowercase();
    let unit = signal.unit.as_str().to_lowercase();
    let named = ["request", "traffic", "throughput", "rps", "qps"].iter().any(|word| name.contains(word));
    let counted = ["req/s", "rps", "qps", "requests/s", "/s"].contains(&unit.as_str());
    signal.thresholds.bad_when == BadWhen::Below && (named || counted)
}

fn own_hazards(intent: &Intent, policy: &Policy, around: Surroundings<'_>) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    if let Some(changes) = around.changes {
        hazards.extend(change_hazards(intent.verb, changes));
    }
    if matches!(intent.verb, Verb::Promote | Verb::Approve)
        && policy.health == HealthRule::Shown
        && let Some(verdict @ (Verdict::NoGo | Verdict::Unknown)) = around.verdict
    {
        hazards.push(Hazard::new(
            Severity::Warning,
            format!("the environment is {} before anything is changed", verdict.word()),
        ));
    }
    hazards
}

/// What a promotion would go round.
fn course_hazards(intent: &Intent, prepared: &Prepared, around: Surroundings<'_>) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let mut warn = |text: String| hazards.push(Hazard::new(Severity::Warning, text));
    if intent.verb == Verb::Promote {
        for gate in around.world.gates().filter(|g| g.value.place() == intent.place) {
            warn(format!("the gate of run {} still waits: this goes round it", gate.value.run_number));
        }
        let repository = around.world.repository(around.service);
        let commit = prepared.to.as_ref().and_then(|to| {
            to.revision.clone().or_else(|| repository?.value.resolve(to.version.as_ref()?.as_str()).cloned())
        });
        let run = commit
            .zip(around.world.pipeline(around.service))
            .and_then(|(commit, pipeline)| pipeline.value.runs.iter().find(|run| run.revision == commit));
        if let Some(run) = run.filter(|run| !run.state.passed()) {
            warn(format!("run {} on the commit that would ship has not passed", run.number));
        }
    }
    hazards
}

fn change_hazards(verb: Verb, changes: &ChangeSet) -> Vec<Hazard> {
    use crate::domain::code::FileKind;
    let mut hazards = Vec::new();
    let migrations = changes.of_kind(FileKind::Migration).count();
    let configs = changes.of_kind(FileKind::Config).count();
    match verb {
        Verb::RollBack if migrations > 0 => hazards.push(Hazard::new(
            Severity::Warning,
            format!("{migrations} migration(s) lie in between: going back does not undo them"),
        )),
        Verb::Promote | Verb::Approve if migrations > 0 => {
            hazards.push(Hazard::new(Severity::Note, format!("{migrations} migration(s) ship with it")))
        }
        _ => {}
    }
    if verb == Verb::RollBack && configs > 0 {
        hazards.push(Hazard::new(
            Severity::Note,
            format!("{configs} config file(s) differ: what was applied of them outside the image stays"),
        ));
    }
    if matches!(verb, Verb::Promote | Verb::Approve) {
        if changes.lost > 0 {
            hazards.push(Hazard::new(
                Severity::Warning,
                format!("{} commit(s) that run now are not in what would ship", changes.lost),
            ));
        }
        if changes.breaking() > 0 {
            hazards.push(Hazard::new(
                Severity::Warning,
                format!("{} breaking change(s) announced", changes.breaking()),
            ));
        }
    }
    hazards
}
