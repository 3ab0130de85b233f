//! The way back of a place in one line: whether it is ready and how long it would take, else why not; where it leads,
//! and what that rests on.

use super::scene::Scene;
use super::sheet::Words;
use super::text;
use crate::domain::assess::way_back::{Answer, Readiness, WayBack, of_place};
use crate::domain::time::{ago, spoken};
use crate::domain::{Environment, Service};
use crate::theme::{Role, Sign};

/// The line; none while the target of the place has told nothing.
pub(super) fn line<'a>(scene: Scene<'a>, service: &Service, environment: &Environment) -> Option<Words<'a>> {
    let way = of_place(service, environment, &scene.model.world, scene.model.now)?;
    let words = match way.readiness() {
        Readiness::Ready => scene.words().sign(Sign::Good).say(Role::Go, " rollback ready"),
        Readiness::Blocked(why) => {
            scene.words().sign(Sign::Bad).say(Role::Strong, " rollback: ").say(Role::NoGo, why)
        }
        Readiness::Unproved(why) => {
            scene.words().sign(Sign::Unknown).say(Role::Strong, " rollback: ").say(Role::Unknown, why)
        }
    };
    let Some(target) = &way.target else { return Some(words) };
    let takes = way.takes.map(|takes| format!("about {}", spoken(rounded(takes))));
    let words = match (takes, way.readiness()) {
        (Some(takes), _) => words.dot().say(Role::Base, takes),
        (None, Readiness::Ready) => words.dot().say(Role::Muted, "how long is not known"),
        (None, _) => words,
    };
    let words = words.say(Role::Muted, " → ").say(Role::Accent, text::name(target.artifact.label(), 20));
    let words = words.maybe(Role::Muted, target.number.map(|n| format!(" revision {n}")));
    let age = target.created.map(|at| format!(" from {} ago", spoken(ago(scene.model.now.wall, at))));
    let words = words.maybe(Role::Muted, age);
    Some(evidence(&way).into_iter().fold(words, |words, what| words.dot().say(Role::Muted, what)))
}

/// What holds, but for the target itself, which is shown.
fn evidence(way: &WayBack) -> Vec<&str> {
    let holds = way.answers.iter().filter_map(|answer| match answer {
        Answer::Holds(what) => Some(what.as_str()),
        Answer::Fails(_) | Answer::Untold(_) => None,
    });
    holds.skip(1).collect()
}

/// An estimate does not pretend to know seconds once it is over a minute.
fn rounded(takes: std::time::Duration) -> std::time::Duration {
    let seconds = takes.as_secs();
    let step = if seconds < 60 { 5 } else { 60 };
    std::time::Duration::from_secs(seconds.div_ceil(step).max(1) * step)
}
