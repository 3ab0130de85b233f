//! From an intent and a fresh preparation to a plan that can be shown and confirmed, or to a refusal.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::policy::{Breach, Glass, Refused, Rule, advice, allowed, policy_of, refuse, ships, two_person};
use super::saga::Part;
use super::{gitops, hazard};
use crate::domain::freeze::Freeze;
use crate::domain::service::{Access, Confirm, ReasonRule};
use crate::domain::{
    ActionId, ChangeSet, Hazard, Intent, Now, Permission, Prepared, Refusal, SafeText, Service, Severity,
    SourceName, Target, Verb, Verdict, World,
};

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
    /// What really runs, where that is not just what is asked for.
    #[serde(default)]
    pub runs: Option<SafeText>,
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
    /// The rules that this plan overrides: the glass is broken when there is any.
    pub overrides: Vec<Breach>,
    /// The freeze windows that bind it: judged once more right before it is sent.
    pub freeze: Vec<Freeze>,
    /// The earlier action on the same thing that did not end as verified, if this is a second try.
    pub after: Option<ActionId>,
    /// Its place in a saga, if it is one of several targets.
    #[serde(default)]
    pub part: Option<Part>,
    /// When the preparation's look began.
    pub looked: Now,
    /// The plan is stale, and cannot be confirmed, when `looked` is longer ago than this.
    pub max_age: Duration,
    /// SHA-256 over intent, requests, basis and overrides, in hex: names this very plan in the journal.
    pub fingerprint: SafeText,
}

impl Plan {
    /// What the two artifacts of the plan are: before, and after.
    #[must_use]
    pub const fn sides(&self) -> [&'static str; 2] {
        match (&self.runs, self.intent.target.sides()) {
            (Some(_), [_, then]) => ["asked for", then],
            (None, sides) => sides,
        }
    }

    /// Whether the plan is too old to be confirmed.
    #[must_use]
    pub fn stale(&self, now: Now) -> bool {
        now.since(self.looked) > self.max_age
    }

    /// Whether confirming it breaks the glass.
    #[must_use]
    pub fn breaks_glass(&self) -> bool {
        !self.overrides.is_empty()
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
/// A [`Refused`] when a rule forbids it and the glass is whole, the source says that we may not, or a hazard would
/// make the action not do what it says.
pub fn plan(
    intent: &Intent,
    prepared: Prepared,
    looked: Now,
    around: Surroundings<'_>,
    glass: Glass,
) -> Result<Plan, Refused> {
    let policy = policy_of(intent, around.service);
    let people = prepared.people.as_deref();
    let overrides = overridden(intent, two_person(intent, &policy, people), around, glass)?;
    if let Permission::Denied(why) = &prepared.permission {
        return Err(Refusal::new(format!("{} may not {}: {why}", who(&prepared), intent.verb.word()))
            .evidence(format!("{} said so just now", intent.source))
            .next("ask somebody who may, or use another credential")
            .into());
    }
    let mut hazards = prepared.hazards.clone();
    hazards.retain(|hazard| !gitops::told_by_owner(hazard, intent, around));
    hazards.extend(advice(intent, &policy, people));
    hazards.extend(hazard::hazards(intent, &policy, &prepared, around));
    hazards.sort_by_key(|hazard| std::cmp::Reverse(hazard.severity));
    if let Some(blocking) = hazards.iter().find(|h| h.severity == Severity::Blocking) {
        return Err(Refusal::new(blocking.text.as_str())
            .evidence(format!("{}, looked at just now", intent.source))
            .next("nothing was sent")
            .into());
    }
    if prepared.steps.is_empty() {
        return Err(Refusal::new("there is nothing to send")
            .evidence(format!("{}, looked at just now", intent.source))
            .next("nothing needs to be done")
            .into());
    }
    let fingerprint = fingerprint(intent, &prepared, &overrides);
    let broken = |rule| overrides.iter().any(|breach: &Breach| breach.rule == rule);
    // What skips every check that is left is never confirmed by one key.
    let skips = intent.verb == Verb::PromoteFully;
    let confirm = if overrides.is_empty() && !skips { policy.confirm } else { Confirm::TypeName };
    Ok(Plan {
        title: title(intent, &prepared),
        changes: around.changes.cloned(),
        evidence: evidence(intent, around),
        confirm,
        phrase: (confirm == Confirm::TypeName).then(|| intent.service.0.clone()),
        reason: if overrides.is_empty() { policy.reason } else { ReasonRule::Required },
        freeze: if ships(intent.verb) && !broken(Rule::Freeze) { policy.freeze } else { Vec::new() },
        overrides,
        after: None,
        part: None,
        looked,
        max_age: policy.max_age,
        fingerprint,
        intent: intent.clone(),
        runs: halfway(intent, around),
        hazards,
        prepared,
    })
}

/// What really runs in the place, if that is not just what is asked for.
fn halfway(intent: &Intent, around: Surroundings<'_>) -> Option<SafeText> {
    let environment = around.service.environment(&intent.place.as_ref()?.environment)?;
    let rollout = around.world.rollout(around.service, environment)?.value;
    (intent.target.runs() && rollout.halfway()).then(|| SafeText::new(&rollout.runs()))
}

/// The rules in the way: none, or overridden because the glass is broken.
fn overridden(
    intent: &Intent,
    people: Option<Breach>,
    around: Surroundings<'_>,
    glass: Glass,
) -> Result<Vec<Breach>, Refused> {
    let mut breaches = match allowed(intent, around) {
        Ok(()) => Vec::new(),
        Err(refused) if refused.breaches.is_empty() => return Err(refused),
        Err(refused) => refused.breaches,
    };
    breaches.extend(people);
    breaches.sort_by_key(|breach| breach.rule);
    match glass {
        Glass::Broken => Ok(breaches),
        Glass::Whole => refuse(breaches).map(|()| Vec::new()),
    }
}

fn evidence(intent: &Intent, around: Surroundings<'_>) -> Vec<Evidence> {
    let mut sources: Vec<&SourceName> = vec![&intent.source];
    sources.extend(around.service.code.iter().chain(around.service.pipeline.iter()));
    if let Some(environment) =
        intent.place.as_ref().and_then(|place| around.service.environment(&place.environment))
    {
        let owned = environment.owner.iter().chain(environment.manifests.iter());
        sources.extend(environment.deploy.iter().chain(owned).chain(environment.alerts.iter()));
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
    // What is aborted is what comes, not what is left.
    let subject = if intent.verb == Verb::Abort { &prepared.from } else { &prepared.to };
    let to = subject.as_ref().map(|to| to.label().to_owned());
    let mut capital = verb.chars();
    let first = capital.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
    let rest = capital.as_str();
    SafeText::new(&match (intent.verb, to) {
        (Verb::RollBack | Verb::Promote, Some(to)) => format!("{first}{rest} {place} to {to}"),
        (_, Some(to)) => format!("{first}{rest} {to} for {place}"),
        (_, None) => format!("{first}{rest} {place}"),
    })
}

/// Names a plan: SHA-256 over the canonical JSON of intent, steps, basis and overridden rules. Of these only which they
/// are: how old the evidence against them is changes with every look, and makes no other plan. Nor does the second in
/// which a restart is asked for.
fn fingerprint(intent: &Intent, prepared: &Prepared, overrides: &[Breach]) -> SafeText {
    let rules: Vec<Rule> = overrides.iter().map(|breach| breach.rule).collect();
    let mut hash = Sha256::new();
    for part in [
        serde_json::to_string(intent),
        serde_json::to_string(&prepared.steps),
        serde_json::to_string(&prepared.basis),
        serde_json::to_string(&rules),
    ] {
        let part = part.unwrap_or_default();
        match &intent.target {
            Target::Replicas { at } => hash.update(part.replace(&at.to_string(), "")),
            _ => hash.update(part),
        }
        hash.update([0]);
    }
    SafeText::new(&hash.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>())
}
