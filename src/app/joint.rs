//! Several targets at once, as the operator sees them: what is marked, the dialog that plans all of it, and sagas on
//! their way to their outcome. Marks bear names, never rows.

use jiff::Timestamp;

use super::dialog::{DEAF, Draft, Field, InputText};
use super::model::{Action, ActionStage, Answered, Model, Origin};
use crate::action::saga::phrase;
use crate::action::{Plan, Saga, Truth};
use crate::domain::service::{Confirm, ReasonRule};
use crate::domain::{GateKey, Intent, Now, Outcome, Place, SafeText, Verb};

/// One thing that is marked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A service in an environment.
    Place(Place),
    /// A gate of the inbox.
    Gate(GateKey),
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Place(place) => place.fmt(f),
            Self::Gate(key) => write!(f, "{}, gate {}", key.run.service, key.id),
        }
    }
}

/// One target in the dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct JointPart {
    /// What was marked.
    pub mark: Mark,
    /// What is wanted there, without a reason; none if nothing can be wanted there.
    pub intent: Option<Intent>,
    /// How its plan is doing.
    pub draft: Draft,
}

impl JointPart {
    /// Its plan, if it is ready.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.draft {
            Draft::Ready(plan) => Some(plan),
            _ => None,
        }
    }
}

/// Several plans on their way to being confirmed at once. Breaking the glass is not offered here: that is done one
/// target at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Joint {
    /// What is done to each.
    pub verb: Verb,
    /// The targets, in the order in which they would be sent; at least two.
    pub parts: Vec<JointPart>,
    /// What has the keyboard.
    pub field: Field,
    /// The reason typed so far: one for all.
    pub reason: InputText,
    /// The phrase typed so far.
    pub name: InputText,
    /// When it opened, or when a plan last changed: the deaf time counts from here.
    pub opened: Now,
    /// First visible line of the list.
    pub scroll: u16,
    /// Why the last try to confirm did nothing.
    pub notice: Option<SafeText>,
}

impl Joint {
    /// A dialog that has asked nothing yet.
    #[must_use]
    pub fn new(verb: Verb, parts: Vec<JointPart>, now: Now) -> Self {
        Self {
            verb,
            parts,
            field: Field::Cancel,
            reason: InputText::default(),
            name: InputText::default(),
            opened: now,
            scroll: 0,
            notice: None,
        }
    }

    /// A target's intent with the typed reason.
    #[must_use]
    pub fn intent(&self, part: &JointPart) -> Option<Intent> {
        let mut intent = part.intent.clone()?;
        let reason = self.reason.0.value().trim();
        intent.reason = (!reason.is_empty()).then(|| SafeText::new(reason));
        Some(intent)
    }

    /// Every plan, if every target has one.
    #[must_use]
    pub fn plans(&self) -> Option<Vec<&Plan>> {
        self.parts.iter().map(JointPart::plan).collect()
    }

    /// The strictest way to confirm of all targets: the verb and how many, if any of them wants a name typed.
    #[must_use]
    pub fn phrase(&self) -> Option<SafeText> {
        let typed = self.parts.iter().filter_map(JointPart::plan).any(|p| p.confirm == Confirm::TypeName);
        typed.then(|| phrase(self.verb, self.parts.len()))
    }

    /// Whether any target wants a reason.
    #[must_use]
    pub fn reason_rule(&self) -> ReasonRule {
        let required =
            self.parts.iter().filter_map(JointPart::plan).any(|p| p.reason == ReasonRule::Required);
        if required { ReasonRule::Required } else { ReasonRule::Optional }
    }

    /// The targets that are in the way.
    pub fn refused(&self) -> impl Iterator<Item = &JointPart> {
        self.parts.iter().filter(|part| matches!(part.draft, Draft::Refused(_)))
    }

    /// The fields in the order of `tab`.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        if self.plans().is_some() {
            fields.push(Field::Reason);
            if self.phrase().is_some() {
                fields.push(Field::Name);
            }
            fields.push(Field::Confirm);
        }
        fields.push(Field::Cancel);
        fields
    }

    /// What still keeps it from being confirmed at `now`; `None` if nothing does.
    #[must_use]
    pub fn missing(&self, now: Now) -> Option<SafeText> {
        let in_the_way: Vec<String> = self.refused().map(|part| part.mark.to_string()).collect();
        if !in_the_way.is_empty() {
            return Some(SafeText::new(&format!("in the way: {}", in_the_way.join(", "))));
        }
        let Some(plans) = self.plans() else { return Some("not every plan is ready".into()) };
        if plans.iter().any(|plan| plan.stale(now)) {
            return Some("a plan is stale: it is being made anew".into());
        }
        if self.reason_rule() == ReasonRule::Required && self.reason.0.value().trim().is_empty() {
            return Some("a reason is required".into());
        }
        if let Some(phrase) = self.phrase()
            && self.name.0.value() != phrase.as_str()
        {
            return Some(SafeText::new(&format!("type {phrase} to confirm")));
        }
        if now.since(self.opened) < DEAF {
            return Some("too soon: read the plans first".into());
        }
        None
    }
}

/// How far a saga has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is being written to the journal; no target has begun.
    Recording,
    /// One target after the other.
    Running,
    /// No further target begins; why. Those that began are still being proved.
    Stopped(SafeText),
    /// Every target that began has its outcome.
    Over(Outcome),
}

/// One saga from its confirmation to its outcome. A member that has begun is an [`Action`] of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct SagaRun {
    /// What it is.
    pub saga: Saga,
    /// The members' plans, in their order; none of a saga of an earlier session, of which nothing is sent any more.
    pub plans: Vec<Plan>,
    /// How far.
    pub course: Course,
    /// Outcomes that an earlier session recorded, by member.
    pub told: Vec<Option<Outcome>>,
    /// When it was confirmed, or taken up.
    pub began: Now,
    /// Who confirmed it.
    pub origin: Origin,
}

impl SagaRun {
    /// The truth about each target.
    #[must_use]
    pub fn truths(&self, model: &Model) -> Vec<Truth> {
        let told = self.told.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        self.saga
            .members
            .iter()
            .zip(told)
            .map(|(member, told)| match (model.action(&member.action), told) {
                (Some(action), _) => truth(action),
                (None, Some(outcome)) => outcome.into(),
                (None, None) => Truth::NotStarted,
            })
            .collect()
    }

    /// `5 of 8 verified on v2.14.2; 1 in doubt: eu-3; 2 not started`.
    #[must_use]
    pub fn tally(&self, model: &Model) -> SafeText {
        self.saga.tally(&self.truths(model))
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.course, Course::Over(_))
    }
}

/// What is known about one target by its action.
fn truth(action: &Action) -> Truth {
    match &action.stage {
        ActionStage::Recording | ActionStage::LookingAgain => Truth::UnderWay,
        ActionStage::Proving(_) if action.answered == Answered::Perhaps => Truth::InDoubt,
        ActionStage::Sent | ActionStage::Proving(_) | ActionStage::Settling(_) => Truth::Sent,
        ActionStage::Ended(outcome) => outcome.into(),
    }
}

/// A saga without an outcome, as the journal tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftSaga {
    /// What it is.
    pub saga: Saga,
    /// The recorded outcomes that leave nothing open, by member.
    pub told: Vec<Option<Outcome>>,
    /// Who confirmed it.
    pub by: SafeText,
    /// When.
    pub at: Timestamp,
}
