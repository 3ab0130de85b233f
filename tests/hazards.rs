//! What could spoil a roll back is said before it is confirmed: one named situation each, on Kubernetes, on Docker and
//! behind declared commands, where it can occur. And nothing is said where nothing is wrong: on a clean history no plan
//! has a hazard line.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "hazards/boxes.rs"]
mod boxes;
#[path = "hazards/clean.rs"]
mod clean;
#[path = "hazards/commands.rs"]
mod commands;
#[path = "hazards/containers.rs"]
mod containers;
#[path = "hazards/declared.rs"]
#[expect(dead_code, reason = "the tests of what lies use the rest")]
mod declared;
#[path = "hazards/desk.rs"]
#[expect(dead_code, reason = "the tests of what lies follow actions to their end as well")]
mod desk;
#[path = "hazards/docker.rs"]
mod docker;
#[path = "hazards/flux.rs"]
mod flux;
#[path = "hazards/fronts.rs"]
mod fronts;
#[path = "hazards/kinds.rs"]
mod kinds;
#[path = "hazards/kube.rs"]
#[expect(dead_code, reason = "the tests of what lies use the rest")]
mod kube;
#[path = "hazards/kubernetes.rs"]
mod kubernetes;
#[path = "hazards/lie.rs"]
#[expect(dead_code, reason = "these servers tell the truth")]
mod lie;
#[path = "hazards/place.rs"]
mod place;
#[path = "hazards/swarm.rs"]
#[expect(dead_code, reason = "the tests of what lies use the rest")]
mod swarm;

use gonogo::action::Plan;
use gonogo::domain::Severity;

use self::lie::Lie;

/// What a plan, or the refusal of one, says; each line with its severity.
fn told(plan: &Result<Plan, String>) -> Vec<(Severity, String)> {
    match plan {
        Ok(plan) => plan.hazards.iter().map(|h| (h.severity, h.text.to_string())).collect(),
        Err(refusal) => vec![(Severity::Blocking, refusal.clone())],
    }
}

/// That exactly one line is said, and which.
fn only(situation: &str, plan: &Result<Plan, String>, severity: Severity, part: &str) {
    let told = told(plan);
    let [(seen, text)] = told.as_slice() else { panic!("{situation}: one line is wanted: {told:?}") };
    assert!(*seen == severity && text.contains(part), "{situation}: {told:?}");
}
