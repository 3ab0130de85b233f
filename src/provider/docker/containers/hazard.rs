//! What could go wrong when one container takes another's place. Pure.

use std::time::Duration;

use super::binding::Group;
use super::wire::Container;
use crate::domain::intent::Difference;
use crate::domain::{Hazard, Severity};

/// What the engine gives a container to end by itself, unless it says otherwise, in seconds.
const STOP: i64 = 10;
/// The engine's answer to a stop is not waited for longer than this, in seconds.
const LONGEST_STOP: i64 = 300;

pub(super) fn warning(text: String) -> Hazard {
    Hazard::new(Severity::Warning, text)
}

pub(super) fn blocking(text: String) -> Hazard {
    Hazard::new(Severity::Blocking, text)
}

/// How long the container has to end by itself.
pub(super) fn stop_time(container: &Container) -> Duration {
    let seconds = container.config.stop_timeout.unwrap_or(STOP).clamp(0, LONGEST_STOP);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// What stopping the present container means.
pub(super) fn stopping(present: &Container) -> Vec<Hazard> {
    let name = present.name();
    let mut hazards = Vec::new();
    if present.host_config.auto_remove {
        hazards.push(warning(format!(
            "{name} removes itself when it stops (--rm), and its anonymous volumes with it: there is no way back to it."
        )));
    }
    if present.host_config.restart_policy.name == "always" {
        hazards.push(warning(format!(
            "{name} has the restart policy always: when the engine itself restarts, it comes up again beside the other one. \
             docker update --restart unless-stopped {name} prevents that."
        )));
    }
    match present.config.stop_timeout {
        Some(seconds) if !(0..=LONGEST_STOP).contains(&seconds) => hazards.push(blocking(format!(
            "{name} is given more than {LONGEST_STOP} s to stop (StopTimeout {seconds}): that is not waited for, and \
             nothing would be started after it. Stop it by hand."
        ))),
        _ => {}
    }
    if present.state.status == "paused" {
        hazards.push(blocking(format!("{name} is paused: docker unpause {name} first.")));
    }
    hazards
}

/// What keeps a container from being started anew.
pub(super) fn restarting(container: &Container) -> Option<Hazard> {
    stopping(container).into_iter().find(|hazard| hazard.severity == Severity::Blocking)
}

/// What it means that these are started anew.
pub(super) fn interruption(going: &[&Container]) -> Hazard {
    match going {
        [one] => warning(format!("Nothing serves between the stop of {} and its start.", one.name())),
        all => warning(format!(
            "{} containers are started anew one after the other, and the next one is not kept back until the one before is \
             healthy.",
            all.len()
        )),
    }
}

/// Compose does not know what is done here.
pub(super) fn owned(group: &Group) -> Option<Hazard> {
    let project = group.project()?;
    Some(warning(format!(
        "Docker Compose knows nothing of this: the next docker compose up of {project} makes the container anew from its file \
         and may remove the one that is kept. Change the image there as well."
    )))
}

/// Settings that change together with the image.
pub(super) fn settings(differences: &[Difference]) -> Option<Hazard> {
    let names: Vec<_> = differences.iter().map(|d| d.what.as_str()).filter(|what| *what != "image").collect();
    (!names.is_empty()).then(|| warning(format!("More than the image goes back: {}.", names.join(", "))))
}
