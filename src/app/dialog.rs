//! The plan dialog: from a wish to a confirmed plan. Cancel has the focus until the operator moves it.

use std::collections::BTreeMap;

use tui_input::Input;

use crate::action::policy::JUSTIFICATION;
use crate::action::{Breach, Glass, Plan, Refused};
use crate::domain::service::{Confirm, ReasonRule};
use crate::domain::{FormField, FormKind, Intent, Now, SafeText};

/// Keys pressed this soon after the dialog opened confirm nothing.
pub const DEAF: std::time::Duration = std::time::Duration::from_millis(400);

/// What the plan would be made for: one of several targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// `v2.14.2 · 3 d ago · running before`.
    pub label: SafeText,
    /// The intent with that target.
    pub intent: Intent,
}

/// How far the plan is.
#[derive(Clone, Debug, PartialEq)]
pub enum Draft {
    /// The source is being looked at; the question's ticket.
    Asking(u64),
    /// Ready to be read and confirmed.
    Ready(Box<Plan>),
    /// It would not be done; why.
    Refused(Refused),
}

/// What has the keyboard within the dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field {
    /// Which target.
    Choice,
    /// A value that the gate asks for, by its place in the form.
    Form(usize),
    /// Why.
    Reason,
    /// The name that confirms.
    Name,
    /// The button that does nothing.
    #[default]
    Cancel,
    /// The button that does it.
    Confirm,
    /// The button that overrides the rules in the way, and leads to a plan that says so.
    Glass,
}

/// What the dialog is opened for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be confirmed, perhaps.
    #[default]
    Act,
    /// Only to be read: it has no button that confirms, and nothing in it does.
    Preview,
}

/// Whether the operator has moved the focus within a dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// Not yet: it may go, with the first plan, to where the name is typed.
    #[default]
    Undisturbed,
    /// It is where the operator put it.
    Moved,
}

/// A plan on its way to being confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialog {
    /// What it is opened for.
    pub purpose: Purpose,
    /// The targets to choose from; never empty.
    pub choices: Vec<Choice>,
    /// Which one.
    pub chosen: usize,
    /// How far the plan for it is.
    pub draft: Draft,
    /// The values that the gate asks for, as the newest plan has them.
    pub form: Vec<FormField>,
    /// What the operator filled in, by field.
    pub answers: BTreeMap<SafeText, InputText>,
    /// What has the keyboard.
    pub field: Field,
    /// The reason typed so far.
    pub reason: InputText,
    /// The name typed so far.
    pub name: InputText,
    /// When it opened, or when its plan last changed: the deaf time counts from here.
    pub opened: Now,
    /// First visible line of the plan's body.
    pub scroll: u16,
    /// Why the last try to confirm did nothing.
    pub notice: Option<SafeText>,
    /// Whether the rules in the way are overridden.
    pub glass: Glass,
    /// Whether the operator has moved the focus.
    pub rest: Rest,
    /// When a plan that breaks the glass was confirmed for the first time; any other key takes that back.
    pub armed: Option<Now>,
}

/// A line of text under edit. (Wraps the editor so that it can be compared.)
#[derive(Clone, Debug, Default)]
pub struct InputText(pub Input);

impl PartialEq for InputText {
    fn eq(&self, other: &Self) -> bool {
        self.0.value() == other.0.value() && self.0.cursor() == other.0.cursor()
    }
}

impl Dialog {
    /// A dialog that has asked nothing yet.
    #[must_use]
    pub fn new(choices: Vec<Choice>, now: Now) -> Self {
        Self {
            purpose: Purpose::Act,
            choices,
            chosen: 0,
            draft: Draft::Asking(0),
            form: Vec::new(),
            answers: BTreeMap::new(),
            field: Field::Cancel,
            reason: InputText::default(),
            name: InputText::default(),
            opened: now,
            scroll: 0,
            notice: None,
            glass: Glass::Whole,
            rest: Rest::Undisturbed,
            armed: None,
        }
    }

    /// The rules in the way, if it is rules that stand in it.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        match &self.draft {
            Draft::Refused(refused) => &refused.breaches,
            _ => &[],
        }
    }

    /// The intent of the chosen target, with the typed reason.
    #[must_use]
    pub fn intent(&self) -> Option<Intent> {
        let mut intent = self.choices.get(self.chosen)?.intent.clone();
        let reason = self.reason.0.value().trim();
        intent.reason = (!reason.is_empty()).then(|| SafeText::new(reason));
        let answered = self.answers.iter().map(|(name, text)| (name.clone(), SafeText::new(text.0.value())));
        intent.answers = answered.collect();
        Some(intent)
    }

    /// What a field of the form holds: what was filled in, else what the plan would send.
    #[must_use]
    pub fn filled_in<'a>(&'a self, field: &'a FormField) -> &'a str {
        self.answers.get(&field.name).map_or(field.value.as_str(), |text| text.0.value())
    }

    /// The field of the form that has the keyboard.
    #[must_use]
    pub fn form_field(&self) -> Option<&FormField> {
        match self.field {
            Field::Form(index) => self.form.get(index),
            _ => None,
        }
    }

    /// Whether what has the keyboard takes letters as text.
    #[must_use]
    pub fn takes_text(&self) -> bool {
        matches!(self.field, Field::Reason | Field::Name)
            || self.form_field().is_some_and(|field| field.kind == FormKind::Text)
    }

    /// The plan, if it is ready.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.draft {
            Draft::Ready(plan) => Some(plan),
            _ => None,
        }
    }

    /// Where the focus is once the plan has come and nobody has moved it: where the name is typed, if the name is all
    /// that is asked for. An enter there does nothing until it is typed.
    #[must_use]
    pub fn first_field(&self) -> Field {
        match self.plan() {
            Some(plan)
                if self.purpose == Purpose::Act
                    && plan.phrase.is_some()
                    && plan.reason != ReasonRule::Required
                    && !plan.breaks_glass() =>
            {
                Field::Name
            }
            _ => Field::Cancel,
        }
    }

    /// The fields of this dialog in the order of `tab`, which starts on the last one.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        if self.choices.len() > 1 {
            fields.push(Field::Choice);
        }
        if self.purpose == Purpose::Preview {
            fields.push(Field::Cancel);
            return fields;
        }
        fields.extend((0..self.form.len()).map(Field::Form));
        if let Some(plan) = self.plan() {
            fields.push(Field::Reason);
            if plan.confirm == Confirm::TypeName {
                fields.push(Field::Name);
            }
        }
        if self.plan().is_some() {
            fields.push(Field::Confirm);
        }
        if !self.breaches().is_empty() {
            fields.push(Field::Glass);
        }
        fields.push(Field::Cancel);
        fields
    }

    /// What still keeps the plan from being confirmed at `now`; `None` if nothing does.
    #[must_use]
    pub fn missing(&self, now: Now) -> Option<SafeText> {
        if self.purpose == Purpose::Preview {
            return Some("this is a preview: nothing can be confirmed in it".into());
        }
        let Some(plan) = self.plan() else { return Some("the plan is not ready".into()) };
        if plan.stale(now) {
            return Some("the plan is stale: it is being made anew".into());
        }
        if plan.reason == ReasonRule::Required && self.reason.0.value().trim().is_empty() {
            return Some("a reason is required".into());
        }
        if plan.breaks_glass() && self.reason.0.value().trim().chars().count() < JUSTIFICATION {
            return Some(SafeText::new(&format!("justify it in at least {JUSTIFICATION} characters")));
        }
        if let Some(phrase) = &plan.phrase
            && self.name.0.value() != phrase.as_str()
        {
            return Some(SafeText::new(&format!("type {phrase} to confirm")));
        }
        if now.since(self.opened) < DEAF {
            return Some("too soon: read the plan first".into());
        }
        None
    }
}
