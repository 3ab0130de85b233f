//! What could go wrong that no single source can tell: from what lies in between, what else waits, and how the
//! place fares.

use crate::domain::assess::{coming_from, newer};
use crate::domain::service::HealthRule;
use crate::domain::{ChangeSet, Hazard, Intent, Policy, Prepared, Severity, Verb, Verdict};

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
    hazards
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

/// What a promotion would go round, and where a roll back would really lead.
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
    if let (Verb::RollBack, Some(from), Some(to)) = (intent.verb, &prepared.from, &prepared.to)
        && coming_from(to, from).is_some()
        && [from, to].iter().all(|a| a.version.as_ref().is_some_and(|v| newer::is_version(v.as_str())))
    {
        warn(format!(
            "{} is newer than {}: this goes forward, perhaps to what was left behind",
            to.label(),
            from.label()
        ));
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
