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
    let to = way.target.as_ref().map(|target| text::name(target.artifact.label(), 20));
    let lead = |sign: Sign, word: &str| {
        let words = scene.words().sign(sign).say(Role::Strong, word);
        match &to {
            Some(to) => words.say(Role::Muted, " to ").say(Role::Accent, to),
            None => words,
        }
    };
    let words = match way.readiness() {
        Readiness::Ready => {
            let words = lead(Sign::Good, " rollback").say(Role::Go, " ready");
            match way.takes {
                Some(takes) => words.dot().say(Role::Base, format!("about {}", spoken(rounded(takes)))),
                None => words.dot().say(Role::Muted, "how long is not known"),
            }
        }
        Readiness::Blocked(why) => lead(Sign::Bad, " rollback").say(Role::Muted, ": ").say(Role::NoGo, why),
        Readiness::Unproved(why) => {
            lead(Sign::Unknown, " rollback").say(Role::Muted, ": ").say(Role::Unknown, why)
        }
    };
    let target = way.target.as_ref();
    let words = words.maybe(Role::Muted, target.and_then(|t| t.number).map(|n| format!(" · revision {n}")));
    let age = target.and_then(|t| t.created).map(|at| spoken(ago(scene.model.now.wall, at)));
    let words = words.maybe(Role::Muted, age.map(|age| format!(" from {age} ago")));
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
