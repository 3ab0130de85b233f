//! The rules of an environment: which of them an intent would break, what each breach rests on, and which can be
//! overridden.
//!
//! One function says it for the key's availability, for the plan, for the confirmation and for the headless commands.
//! What is no rule but a fact (no permission, nothing to send, a read-only process) is refused elsewhere and cannot be
//! overridden by anybody.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::Surroundings;
use crate::domain::freeze::frozen;
use crate::domain::people::{Act, Enforcer, People, Ruling, TwoPerson, judge, notes};
use crate::domain::service::{Access, HealthRule};
use crate::domain::time::{CLOCKLESS, spoken};
use crate::domain::{Hazard, Intent, Policy, Refusal, Service, Severity, Verb, Verdict};

/// A justification for breaking the glass has at least this many characters.
pub const JUSTIFICATION: usize = 10;

/// A rule that can stand in an intent's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The environment may not be written to.
    ReadOnly,
    /// Nothing ships while a freeze window holds.
    Freeze,
    /// Who ships must not be who asked for it or wrote it.
    TwoPerson,
    /// A promotion needs health GO.
    Health,
    /// Nothing is planned on old evidence.
    MaxAge,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 5] = [Self::ReadOnly, Self::Freeze, Self::TwoPerson, Self::Health, Self::MaxAge];

    /// As it is called in the config and in the journal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Freeze => "freeze",
            Self::TwoPerson => "two-person",
            Self::Health => "healthy",
            Self::MaxAge => "max-age",
        }
    }
}

/// A rule that an intent breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// Which rule.
    pub rule: Rule,
    /// Cause, age of the evidence, next step.
    pub refusal: Refusal,
}

/// Whether the operator has chosen to override the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glass {
    /// The rules hold.
    #[default]
    Whole,
    /// They are overridden, each by name, on the record.
    Broken,
}

/// Why something would not be done, and whether the glass may be broken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The first cause.
    pub refusal: Refusal,
    /// The rules behind it; empty when it is no rule that stands in the way, and nothing can override it.
    pub breaches: Vec<Breach>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, breaches: Vec::new() }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.refusal)?;
        match self.breaches.len().saturating_sub(1) {
            0 => Ok(()),
            more => write!(f, " · and {more} more"),
        }
    }
}

/// The rules of the intent's environment; the defaults for an intent that is not about one.
#[must_use]
pub fn policy_of(intent: &Intent, service: &Service) -> Policy {
    intent
        .place
        .as_ref()
        .and_then(|place| service.environment(&place.environment))
        .map(|environment| environment.policy.clone())
        .unwrap_or_default()
}

/// Whether the program may do this now.
///
/// # Errors
/// A [`Refused`]: a read-only process, which nothing overrides, or the rules that the intent breaks.
pub fn allowed(intent: &Intent, around: Surroundings<'_>) -> Result<(), Refused> {
    if around.access == Access::ReadOnly {
        return Err(Refusal::new("the cockpit is read-only")
            .evidence("how it was started, or the config")
            .next("start it without --read-only")
            .into());
    }
    refuse(breaches(intent, around))
}

/// No breach, or the refusal that names the first of them.
///
/// # Errors
/// A [`Refused`] when there is a breach.
pub fn refuse(breaches: Vec<Breach>) -> Result<(), Refused> {
    match breaches.first() {
        None => Ok(()),
        Some(first) => Err(Refused { refusal: first.refusal.clone(), breaches }),
    }
}

/// Every rule that the intent breaks now, gravest first.
#[must_use]
pub fn breaches(intent: &Intent, around: Surroundings<'_>) -> Vec<Breach> {
    let policy = policy_of(intent, around.service);
    let found = [
        (Rule::ReadOnly, read_only(&policy)),
        (Rule::Freeze, freeze(intent, &policy, around)),
        (Rule::Health, health(intent, &policy, around)),
        (Rule::MaxAge, max_age(intent, &policy, around)),
    ];
    found.into_iter().filter_map(|(rule, refusal)| Some(Breach { rule, refusal: refusal? })).collect()
}

/// The two-person rule, which only a fresh look can judge: it tells who is behind what would ship.
#[must_use]
pub fn two_person(intent: &Intent, policy: &Policy, people: Option<&People>) -> Option<Breach> {
    let act = Act::of(intent.verb).filter(|_| policy.people == TwoPerson::Required)?;
    let (why, next) = match judge(act, people) {
        Ruling::Fine => return None,
        Ruling::Refused { why, next } => (why.to_string(), next),
        Ruling::Unsatisfiable { why, next } => {
            (format!("nobody could satisfy the two-person rule here: {why}"), next)
        }
    };
    let refusal =
        Refusal::new(why).evidence(format!("{}, asked just now", intent.source)).next(next.as_str());
    Some(Breach { rule: Rule::TwoPerson, refusal })
}

/// Who enforces what of the two-person rule, where the policy asks for it: advice is not to be taken for a lock.
#[must_use]
pub fn advice(intent: &Intent, policy: &Policy, people: Option<&People>) -> Vec<Hazard> {
    let asked = intent.verb == Verb::Approve && policy.people == TwoPerson::Required;
    let notes = people.filter(|_| asked).map(notes).unwrap_or_default();
    let severity = |enforcer| match enforcer {
        Enforcer::Provider => None,
        Enforcer::Cockpit => Some(Severity::Note),
        Enforcer::Nobody => Some(Severity::Warning),
    };
    notes.into_iter().filter_map(|n| Some(Hazard { severity: severity(n.enforcer)?, text: n.text })).collect()
}

fn read_only(policy: &Policy) -> Option<Refusal> {
    (policy.access == Access::ReadOnly).then(|| {
        Refusal::new("this environment is read-only by its policy")
            .evidence("the config")
            .next("change it in the config")
    })
}

/// Whether a verb ships something: these are what a freeze forbids. Going back, rejecting, pausing and stopping are
/// what one does to be safe, and are never frozen.
#[must_use]
pub const fn ships(verb: Verb) -> bool {
    match verb {
        Verb::Approve | Verb::Promote | Verb::Resume | Verb::PromoteFully | Verb::Retry | Verb::Release => {
            true
        }
        Verb::Reject
        | Verb::RollBack
        | Verb::Abort
        | Verb::Restart
        | Verb::Pause
        | Verb::Hold
        | Verb::Rerun
        | Verb::Cancel => false,
    }
}

fn freeze(intent: &Intent, policy: &Policy, around: Surroundings<'_>) -> Option<Refusal> {
    if !ships(intent.verb) || policy.freeze.is_empty() {
        return None;
    }
    let place = intent.place.as_ref().map(ToString::to_string).unwrap_or_default();
    if let Some(frozen) = frozen(&policy.freeze, around.now.wall) {
        return Some(
            Refusal::new(format!("{place} is {frozen}"))
                .evidence(format!("{}, by this machine's clock just now", frozen.spelled))
                .next("wait until it ends, or roll back and reject, which are never frozen"),
        );
    }
    // A clock that nobody else agrees with cannot tell whether a window holds.
    let skew = around.world.skew(&intent.source).filter(|skew| *skew > CLOCKLESS)?;
    Some(
        Refusal::new(format!(
            "whether {place} is frozen cannot be told: the clocks of this machine and of {} differ by {}",
            intent.source,
            spoken(skew)
        ))
        .evidence(said(intent, around))
        .next("set this machine's clock"),
    )
}

fn health(intent: &Intent, policy: &Policy, around: Surroundings<'_>) -> Option<Refusal> {
    let unhealthy = around.verdict.is_some_and(|v| v != Verdict::Go);
    let asked = intent.verb == Verb::Promote && policy.health == HealthRule::MustBeGo;
    (asked && unhealthy).then(|| {
        let word = around.verdict.map_or("UNKNOWN", Verdict::word);
        Refusal::new(format!("health is {word}, and the policy wants GO before a promotion"))
            .evidence(said(intent, around))
            .next("open the health panel for the reasons")
    })
}

fn max_age(intent: &Intent, policy: &Policy, around: Surroundings<'_>) -> Option<Refusal> {
    let source = &intent.source;
    if let Some(fault) = around.world.fault(source, &intent.service) {
        return Some(
            Refusal::new(format!("{source} cannot be seen: {fault}"))
                .evidence(said(intent, around))
                .next(fault.hint.as_ref().map_or("wait for a good look", |h| h.as_str())),
        );
    }
    match age(intent, around) {
        Some(age) if age <= policy.max_age => None,
        _ => Some(
            Refusal::new("the evidence is stale")
                .evidence(format!("{}, limit {}", said(intent, around), spoken(policy.max_age)))
                .next("wait for the next look"),
        ),
    }
}

fn age(intent: &Intent, around: Surroundings<'_>) -> Option<Duration> {
    around.world.age(&intent.source, &intent.service, around.now)
}

/// `prod, 3 s old`.
fn said(intent: &Intent, around: Surroundings<'_>) -> String {
    let source = &intent.source;
    age(intent, around)
        .map_or_else(|| format!("{source} has not answered yet"), |a| format!("{source}, {} old", spoken(a)))
}
