//! One verb on several targets: an ordered list of ordinary plans, and the truth about each target. Half-done is a
//! state with a sentence of its own.
//!
//! Every member is an action of its own: its intent, basis, guard and outcome are those of a single action. The saga
//! adds their order, one fingerprint over all of them, and the sum.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plan::Plan;
use crate::domain::{ActionId, Intent, Outcome, SafeText, Verb};

/// An action's place in a saga.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which saga.
    pub saga: ActionId,
    /// Its number in it, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
}

/// One target of a saga.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The action that carries it out.
    pub action: ActionId,
    /// `Roll back checkout in production to v2.14.2`.
    pub title: SafeText,
    /// What is wanted there.
    pub intent: Intent,
    /// The fingerprint of its plan.
    pub plan: SafeText,
}

/// One verb on several targets, in the order in which they are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saga {
    /// Which: an id like an action's.
    pub id: ActionId,
    /// What is done to each.
    pub verb: Verb,
    /// What all of them are to run, if it is the same everywhere.
    pub to: Option<SafeText>,
    /// The targets.
    pub members: Vec<Member>,
    /// SHA-256 over the fingerprints of all plans in their order, in hex.
    pub fingerprint: SafeText,
}

/// What is known about one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// Nothing was recorded or sent for it.
    NotStarted,
    /// Its intent is being recorded, or looked at once more; nothing has left.
    UnderWay,
    /// Sent, not proved yet.
    Sent,
    /// A later look proved it.
    Verified,
    /// It had no effect.
    NotApplied,
    /// It had an effect, and not the promised one.
    Failed,
    /// It may have had its effect.
    InDoubt,
}

impl Truth {
    /// `not started`, `sent` ...
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "not started",
            Self::UnderWay => "under way",
            Self::Sent => "sent",
            Self::Verified => "verified",
            Self::NotApplied => "not applied",
            Self::Failed => "failed",
            Self::InDoubt => "in doubt",
        }
    }
}

impl From<&Outcome> for Truth {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Verified(_) => Self::Verified,
            Outcome::NotApplied(_) => Self::NotApplied,
            Outcome::Failed(_) => Self::Failed,
            Outcome::InDoubt(_) => Self::InDoubt,
        }
    }
}

impl Saga {
    /// The saga of these plans, each with the action that carries it out.
    #[must_use]
    pub fn of(id: ActionId, verb: Verb, plans: &[(ActionId, Plan)]) -> Self {
        let mut hash = Sha256::new();
        hash.update(verb.word());
        for (_, plan) in plans {
            hash.update([0]);
            hash.update(plan.fingerprint.as_str());
        }
        let members = plans
            .iter()
            .map(|(action, plan)| Member {
                action: action.clone(),
                title: plan.title.clone(),
                intent: plan.intent.clone(),
                plan: plan.fingerprint.clone(),
            })
            .collect();
        let hex: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Self { id, verb, to: same_target(plans), members, fingerprint: SafeText::new(&hex) }
    }

    /// `roll back 8`: its name, and what is typed to confirm it.
    #[must_use]
    pub fn title(&self) -> SafeText {
        phrase(self.verb, self.members.len())
    }

    /// What a member is called among the others: by service, by environment, or by both, as they differ.
    #[must_use]
    pub fn name(&self, member: &Member) -> SafeText {
        let environment = |m: &Member| m.intent.place.as_ref().map(|p| p.environment.clone());
        let one_environment = self.members.iter().all(|m| environment(m) == environment(member));
        let one_service = self.members.iter().all(|m| m.intent.service == member.intent.service);
        match (environment(member), one_environment, one_service) {
            (Some(environment), false, true) => SafeText::new(environment.as_str()),
            (Some(environment), false, false) => {
                SafeText::new(&format!("{} in {environment}", member.intent.service))
            }
            _ => SafeText::new(member.intent.service.as_str()),
        }
    }

    /// `5 of 8 verified on v2.14.2; 1 in doubt: eu-3; 2 not started`. One truth for each member, in their order.
    #[must_use]
    pub fn tally(&self, truths: &[Truth]) -> SafeText {
        let of = self.members.len();
        let count = |truth| truths.iter().filter(|t| **t == truth).count();
        let on = self.to.as_ref().map(|to| format!(" on {to}")).unwrap_or_default();
        let mut text = format!("{} of {of} verified{on}", count(Truth::Verified));
        let named = [Truth::InDoubt, Truth::Failed, Truth::NotApplied, Truth::Sent, Truth::UnderWay];
        for truth in named.into_iter().filter(|truth| count(*truth) > 0) {
            let names: Vec<String> = self
                .members
                .iter()
                .zip(truths)
                .filter(|(_, t)| **t == truth)
                .map(|(m, _)| self.name(m).to_string())
                .collect();
            text.push_str(&format!("; {} {}: {}", names.len(), truth.word(), names.join(", ")));
        }
        match count(Truth::NotStarted) {
            0 => {}
            n => text.push_str(&format!("; {n} not started")),
        }
        SafeText::new(&text)
    }

    /// What came of the whole, once no member is under way any more: verified only if every one is, in doubt as soon as
    /// one is, not applied if nothing was.
    #[must_use]
    pub fn outcome(&self, truths: &[Truth]) -> Outcome {
        let text = self.tally(truths);
        let all = |wanted: &[Truth]| truths.iter().all(|truth| wanted.contains(truth));
        if all(&[Truth::Verified]) {
            Outcome::Verified(text)
        } else if truths.iter().any(|t| matches!(t, Truth::InDoubt | Truth::Sent | Truth::UnderWay)) {
            Outcome::InDoubt(text)
        } else if all(&[Truth::NotStarted, Truth::NotApplied]) {
            Outcome::NotApplied(text)
        } else {
            Outcome::Failed(text)
        }
    }
}

/// `roll back 8`.
#[must_use]
pub fn phrase(verb: Verb, count: usize) -> SafeText {
    SafeText::new(&format!("{} {count}", verb.word()))
}

/// What every plan would make run, if it is the same: digests decide where they are known.
fn same_target(plans: &[(ActionId, Plan)]) -> Option<SafeText> {
    let first = plans.first()?.1.prepared.to.as_ref()?;
    let same = |(_, plan): &(ActionId, Plan)| {
        plan.prepared.to.as_ref().is_some_and(|to| to.label() == first.label())
    };
    plans.iter().all(same).then(|| SafeText::new(first.label()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Place, ServiceName, SourceName, Target};

    fn saga(places: &[(&str, &str)]) -> Saga {
        let member = |(n, (service, environment)): (usize, &(&str, &str))| Member {
            action: ActionId(SafeText::new(&format!("s-{}", n + 2))),
            title: "Roll back".into(),
            intent: Intent {
                verb: Verb::RollBack,
                service: ServiceName::new(service),
                place: Some(Place::new(service, environment)),
                target: Target::Rollout,
                source: SourceName::new("prod"),
                reason: None,
                answers: std::collections::BTreeMap::new(),
            },
            plan: SafeText::new(&n.to_string()),
        };
        Saga {
            id: ActionId("s-1".into()),
            verb: Verb::RollBack,
            to: Some("v2.14.2".into()),
            members: places.iter().enumerate().map(member).collect(),
            fingerprint: "f".into(),
        }
    }

    #[test]
    fn half_done_is_a_sentence() {
        use Truth::*;
        let saga = saga(&["eu-1", "eu-2", "eu-3", "us-1"].map(|e| ("checkout", e)));
        for (truths, tally, outcome) in [
            ([Verified; 4], "4 of 4 verified on v2.14.2", "verified"),
            (
                [Verified, Verified, InDoubt, NotStarted],
                "2 of 4 verified on v2.14.2; 1 in doubt: eu-3; 1 not started",
                "in doubt",
            ),
            (
                [Verified, Failed, NotStarted, NotStarted],
                "1 of 4 verified on v2.14.2; 1 failed: eu-2; 2 not started",
                "failed",
            ),
            (
                [NotApplied, NotStarted, NotStarted, NotStarted],
                "0 of 4 verified on v2.14.2; 1 not applied: eu-1; 3 not started",
                "not applied",
            ),
            ([NotStarted; 4], "0 of 4 verified on v2.14.2; 4 not started", "not applied"),
            (
                [Verified, Verified, Verified, NotApplied],
                "3 of 4 verified on v2.14.2; 1 not applied: us-1",
                "failed",
            ),
        ] {
            assert_eq!(saga.tally(&truths).as_str(), tally);
            assert_eq!(saga.outcome(&truths).word(), outcome, "{truths:?}");
        }
    }

    #[test]
    fn only_a_saga_of_which_every_target_is_verified_is_verified() {
        use Truth::*;
        let all = [NotStarted, UnderWay, Sent, Verified, NotApplied, Failed, InDoubt];
        let saga = saga(&[("a", "p"), ("b", "p"), ("c", "p")]);
        for a in all {
            for b in all {
                for c in all {
                    let outcome = saga.outcome(&[a, b, c]);
                    let every = [a, b, c].iter().all(|t| *t == Verified);
                    assert_eq!(matches!(outcome, Outcome::Verified(_)), every, "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn members_are_named_by_what_tells_them_apart() {
        let name = |places: &[(&str, &str)]| {
            let saga = saga(places);
            saga.name(&saga.members[0]).to_string()
        };
        assert_eq!(name(&[("a", "eu"), ("b", "eu")]), "a");
        assert_eq!(name(&[("a", "eu"), ("a", "us")]), "eu");
        assert_eq!(name(&[("a", "eu"), ("b", "us")]), "a in eu");
    }
}
