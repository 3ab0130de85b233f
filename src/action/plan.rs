//! From an intent and a fresh preparation to a plan that can be shown and confirmed, or to a refusal.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::service::{Access, Confirm, HealthRule, ReasonRule};
use crate::domain::time::spoken;
use crate::domain::{
    ChangeSet, Hazard, Intent, Now, Permission, Policy, Prepared, Refusal, SafeText, Service, Severity,
    SourceName, Verb, Verdict, World,
};

use super::hazard;

/// How fresh one source's part of the evidence is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which source.
    pub source: SourceName,
    /// How old its last good look was when the plan was made.
    pub age: Duration,
    /// What is wrong with it, if anything.
    pub fault: Option<SafeText>,
}

/// Exactly what would be sent, why it is allowed, what it is based on, what it promises, what could go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What the operator wants.
    pub intent: Intent,
    /// One line: `Roll back checkout in production to v2.14.2`.
    pub title: SafeText,
    /// The requests, what they rest on, the promise.
    pub prepared: Prepared,
    /// Everything that could go wrong, worst first.
    pub hazards: Vec<Hazard>,
    /// What would ship, or be taken back.
    pub changes: Option<Arc<ChangeSet>>,
    /// How fresh the evidence is.
    pub evidence: Vec<Evidence>,
    /// How to confirm.
    pub confirm: Confirm,
    /// What must be typed to confirm, if anything.
    pub phrase: Option<SafeText>,
    /// Whether a reason must be given.
    pub reason: ReasonRule,
    /// When the preparation's look began.
    pub looked: Now,
    /// The plan is stale, and cannot be confirmed, when `looked` is longer ago than this.
    pub max_age: Duration,
    /// SHA-256 over intent, requests and basis, in hex: names this very plan in the journal.
    pub fingerprint: SafeText,
}

impl Plan {
    /// Whether the plan is too old to be confirmed.
    #[must_use]
    pub fn stale(&self, now: Now) -> bool {
        now.since(self.looked) > self.max_age
    }
}

/// Everything that the planner looks at besides the preparation.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The service that the intent is about.
    pub service: &'a Service,
    /// What is known.
    pub world: &'a World,
    /// The judgement on the place, if the intent is about one.
    pub verdict: Option<Verdict>,
    /// What lies between what runs and what would run, if it is known.
    pub changes: Option<&'a Arc<ChangeSet>>,
    /// Whether the program may write at all.
    pub access: Access,
    /// When.
    pub now: Now,
}

/// Makes a plan, or says why not.
///
/// # Errors
/// A [`Refusal`] when the rules forbid it, the evidence is stale, the source says that we may not, or a hazard
/// would make the action not do what it says.
pub fn plan(
    intent: &Intent,
    prepared: Prepared,
    looked: Now,
    around: Surroundings<'_>,
) -> Result<Plan, Refusal> {
    let policy = policy_of(intent, around.service);
    allowed(intent, &policy, around)?;
    if let Permission::Denied(why) = &prepared.permission {
        return Err(Refusal::new(format!("{} may not {}: {why}", who(&prepared), intent.verb.word()))
            .evidence(format!("{} said so just now", intent.source))
            .next("ask somebody who may, or use another credential"));
    }
    let mut hazards = prepared.hazards.clone();
    hazards.extend(hazard::hazards(intent, &policy, &prepared, around));
    hazards.sort_by_key(|hazard| std::cmp::Reverse(hazard.severity));
    if let Some(blocking) = hazards.iter().find(|h| h.severity == Severity::Blocking) {
        return Err(Refusal::new(blocking.text.as_str())
            .evidence(format!("{}, looked at just now", intent.source))
            .next("nothing was sent"));
    }
    if prepared.steps.is_empty() {
        return Err(Refusal::new("there is nothing to send").evidence(format!("{}", intent.source)));
    }
    let fingerprint = fingerprint(intent, &prepared);
    Ok(Plan {
        title: title(intent, &prepared),
        changes: around.changes.cloned(),
        evidence: evidence(intent, around),
        confirm: policy.confirm,
        phrase: (policy.confirm == Confirm::TypeName).then(|| intent.service.0.clone()),
        reason: policy.reason,
        looked,
        max_age: policy.max_age,
        fingerprint,
        intent: intent.clone(),
        hazards,
        prepared,
    })
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

/// The rules that need no fresh look: read-only, stale or failing evidence, health.
///
/// # Errors
/// A [`Refusal`] with the rule.
pub fn allowed(intent: &Intent, policy: &Policy, around: Surroundings<'_>) -> Result<(), Refusal> {
    if around.access == Access::ReadOnly {
        return Err(Refusal::new("the cockpit is read-only").next("start it without --read-only"));
    }
    if policy.access == Access::ReadOnly {
        return Err(
            Refusal::new("this environment is read-only by its policy").next("change it in the config")
        );
    }
    fresh(intent, policy, around)?;
    let unhealthy = around.verdict.is_some_and(|v| v != Verdict::Go);
    if intent.verb == Verb::Promote && policy.health == HealthRule::MustBeGo && unhealthy {
        let word = around.verdict.map_or("UNKNOWN", Verdict::word);
        return Err(Refusal::new(format!("health is {word}, and the policy wants GO before a promotion"))
            .next("open the health panel for the reasons"));
    }
    Ok(())
}

fn fresh(intent: &Intent, policy: &Policy, around: Surroundings<'_>) -> Result<(), Refusal> {
    let source = &intent.source;
    let age = around.world.age(source, &intent.service, around.now);
    let said = |age: Option<Duration>| {
        age.map_or_else(
            || format!("{source} has not answered yet"),
            |a| format!("{source}, {} old", spoken(a)),
        )
    };
    if let Some(fault) = around.world.fault(source, &intent.service) {
        return Err(Refusal::new(format!("{source} cannot be seen: {fault}"))
            .evidence(said(age))
            .next(fault.hint.as_ref().map_or("wait for a good look", |h| h.as_str())));
    }
    match age {
        Some(age) if age <= policy.max_age => Ok(()),
        age => Err(Refusal::new("the evidence is stale")
            .evidence(format!("{}, limit {}", said(age), spoken(policy.max_age)))
            .next("wait for the next look")),
    }
}

fn evidence(intent: &Intent, around: Surroundings<'_>) -> Vec<Evidence> {
    let mut sources: Vec<&SourceName> = vec![&intent.source];
    sources.extend(around.service.code.iter().chain(around.service.pipeline.iter()));
    if let Some(environment) =
        intent.place.as_ref().and_then(|place| around.service.environment(&place.environment))
    {
        sources.extend(environment.deploy.iter().chain(environment.alerts.iter()));
        sources.extend(environment.signals.iter().map(|(_, source)| source));
    }
    let mut seen: Vec<&SourceName> = Vec::new();
    sources.retain(|s| {
        !seen.contains(s) && {
            seen.push(s);
            true
        }
    });
    sources
        .into_iter()
        .filter_map(|source| {
            let age = around.world.age(source, &intent.service, around.now)?;
            let fault = around.world.fault(source, &intent.service).map(|f| SafeText::new(&f.to_string()));
            Some(Evidence { source: source.clone(), age, fault })
        })
        .collect()
}

fn who(prepared: &Prepared) -> &str {
    prepared.identity.as_ref().map_or("this credential", |i| i.as_str())
}

fn title(intent: &Intent, prepared: &Prepared) -> SafeText {
    let verb = intent.verb.word();
    let place = intent.place.as_ref().map_or_else(|| intent.service.to_string(), ToString::to_string);
    let to = prepared.to.as_ref().map(|to| to.label().to_owned());
    let mut capital = verb.chars();
    let first = capital.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
    let rest = capital.as_str();
    SafeText::new(&match (intent.verb, to) {
        (Verb::RollBack | Verb::Promote, Some(to)) => format!("{first}{rest} {place} to {to}"),
        (_, Some(to)) => format!("{first}{rest} {to} for {place}"),
        (_, None) => format!("{first}{rest} {place}"),
    })
}

/// Names a plan: SHA-256 over the canonical JSON of intent, steps and basis.
fn fingerprint(intent: &Intent, prepared: &Prepared) -> SafeText {
    let mut hash = Sha256::new();
    for part in
        [serde_json::to_vec(intent), serde_json::to_vec(&prepared.steps), serde_json::to_vec(&prepared.basis)]
    {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    SafeText::new(&hash.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>())
}
