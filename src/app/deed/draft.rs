//! From a key to a confirmed plan: the dialog opens, the source is looked at, the plan is shown, the operator confirms.

use std::sync::Arc;

use super::{dialog_mut, joint, next_id, note, refuse};
use crate::action::plan::Surroundings;
use crate::action::policy::{breaches, refuse as refused_by};
use crate::action::{Breach, Glass, Plan, Refused, Rule, barred, offer, plan};
use crate::app::activity::EventKind;
use crate::app::command::{Command, marked_surroundings, model_surroundings};
use crate::app::dialog::{Choice, DEAF, Dialog, Draft, Field, Purpose, Rest};
use crate::app::incident;
use crate::app::joint::Mark;
use crate::app::model::{Action, ActionStage, Answered, Model, Origin, Overlay};
use crate::app::msg::Effect;
use crate::domain::service::Access;
use crate::domain::time::spoken;
use crate::domain::{
    ActionId, ChangeSet, Fault, Intent, Now, Outcome, Prepared, Refusal, SafeText, Target, Verb, assess,
};

/// Opens the plan dialog for a verb, or shows why not. Where only rules stand in the way the dialog opens as well: it
/// says which, and offers to break the glass.
pub fn open(model: &mut Model, verb: Verb) -> Vec<Effect> {
    let at_hand = match joint::marked(model, verb) {
        Ok(marks) if marks.len() > 1 => return joint::open(model, verb, marks, &[]),
        Ok(marks) => marks.into_iter().next(),
        Err(refusal) => return no(model, verb, &refusal),
    };
    show(model, verb, at_hand.as_ref(), Purpose::Act)
}

/// Opens the same dialog only to be read. What bars the action does not bar looking: the plan is made all the same, and
/// says which rules it would break.
pub fn preview(model: &mut Model, verb: Verb) -> Vec<Effect> {
    show(model, verb, None, Purpose::Preview)
}

/// Lays a preview of the plan in the dialog on top over it.
pub fn preview_this(model: &mut Model) {
    let Some(dialog) = dialog_mut(model) else { return };
    if dialog.purpose == Purpose::Preview || dialog.plan().is_none() {
        dialog.notice = Some("there is no plan to look at yet".into());
        return;
    }
    let preview = Dialog { purpose: Purpose::Preview, field: Field::Cancel, scroll: 0, ..dialog.clone() };
    model.overlays.push(Overlay::Dialog(Box::new(preview)));
}

/// Closes the dialog on top. A plan below a preview has not heard of anything meanwhile: it is asked for anew.
pub fn close(model: &mut Model) -> Vec<Effect> {
    model.overlays.pop();
    if dialog_mut(model).is_some() { ask_for_plan(model) } else { Vec::new() }
}

fn show(model: &mut Model, verb: Verb, at_hand: Option<&Mark>, purpose: Purpose) -> Vec<Effect> {
    let around = match at_hand {
        Some(mark) => marked_surroundings(model, mark),
        None => model_surroundings(model),
    };
    let offers = around.and_then(|around| {
        let offers = offer(verb, around)?;
        let barred = barred(&offers, around).err();
        Ok((offers, barred))
    });
    let (offers, barred) = match offers {
        Ok((offers, None)) => (offers, None),
        Ok((offers, Some(_))) if purpose == Purpose::Preview => (offers, None),
        Ok((offers, Some(refused))) if !refused.breaches.is_empty() => (offers, Some(refused)),
        Ok((_, Some(refused))) => return no(model, verb, &refused.refusal),
        Err(refusal) => return no(model, verb, &refusal),
    };
    let choices = offers.into_iter().map(|o| Choice { label: o.label, intent: o.intent }).collect();
    let dialog = Dialog { purpose, ..Dialog::new(choices, model.now) };
    model.overlays.push(Overlay::Dialog(Box::new(dialog)));
    model.overlay_scroll = 0;
    match (barred, dialog_mut(model)) {
        (Some(refused), Some(dialog)) => {
            dialog.draft = Draft::Refused(refused);
            Vec::new()
        }
        _ => ask_for_plan(model),
    }
}

fn no(model: &mut Model, verb: Verb, refusal: &Refusal) -> Vec<Effect> {
    refuse(model, &format!("{}: {refusal}", verb.word()));
    Vec::new()
}

/// A dialog that only old evidence barred asks for its plan once a look has made the evidence fresh. Nothing is nearer
/// to being confirmed by that: Cancel has the focus, and the deaf time begins anew.
pub fn reconsider(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = dialog_mut(model) else { return Vec::new() };
    let only_old = |b: &Breach| b.rule == Rule::MaxAge;
    if dialog.breaches().is_empty() || !dialog.breaches().iter().all(only_old) {
        return Vec::new();
    }
    let Some(intent) = dialog.intent() else { return Vec::new() };
    let fresh = surroundings(model, &intent, None).is_ok_and(|around| breaches(&intent, around).is_empty());
    match dialog_mut(model).filter(|_| fresh) {
        Some(dialog) => {
            dialog.field = Field::Cancel;
            ask_for_plan(model)
        }
        None => Vec::new(),
    }
}

/// Overrides the rules that stand in the way of what the dialog on top wants: the plan is made, names every one of
/// them, and must be justified and confirmed twice.
pub fn break_glass(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = dialog_mut(model) else { return Vec::new() };
    if dialog.breaches().is_empty() {
        return Vec::new();
    }
    dialog.glass = Glass::Broken;
    dialog.field = Field::Cancel;
    ask_for_plan(model)
}

/// Asks the source for a fresh look at what the dialog on top wants.
pub fn ask_for_plan(model: &mut Model) -> Vec<Effect> {
    model.tickets += 1;
    let (ticket, now) = (model.tickets, model.now);
    let Some(dialog) = dialog_mut(model) else { return Vec::new() };
    let Some(intent) = dialog.intent() else { return Vec::new() };
    dialog.draft = Draft::Asking(ticket);
    dialog.opened = now;
    dialog.armed = None;
    vec![Effect::Prepare { ticket, intent: Box::new(intent) }]
}

pub(super) fn prepared(model: &mut Model, ticket: u64, began: Now, result: Result<Box<Prepared>, Fault>) {
    let Some(result) = joint::prepared(model, ticket, began, result) else { return };
    let Some(dialog) = dialog_mut(model) else { return };
    if dialog.draft != Draft::Asking(ticket) {
        return;
    }
    let (Some(intent), glass, purpose) = (dialog.intent(), dialog.glass, dialog.purpose) else { return };
    let form = result.as_ref().map(|prepared| prepared.form.clone()).ok();
    let draft = answered(model, &intent, result, (began, glass, purpose));
    let now = model.now;
    if let Some(dialog) = dialog_mut(model) {
        dialog.draft = draft;
        // A look that failed says nothing about the form: what was filled in stays.
        dialog.form = form.unwrap_or_else(|| std::mem::take(&mut dialog.form));
        dialog.opened = now;
        if !dialog.fields().contains(&dialog.field) {
            dialog.field = Field::Cancel;
        }
        if dialog.field == Field::Cancel && dialog.rest == Rest::Undisturbed {
            dialog.field = dialog.first_field();
        }
    }
}

/// What a source's answer makes of an intent: a plan, or why not.
pub(super) fn answered(
    model: &Model,
    intent: &Intent,
    result: Result<Box<Prepared>, Fault>,
    how: (Now, Glass, Purpose),
) -> Draft {
    match result {
        Ok(prepared) => match draft(model, intent, *prepared, how) {
            Ok(plan) => Draft::Ready(Box::new(plan)),
            Err(refused) => Draft::Refused(refused),
        },
        Err(fault) => {
            let refusal = Refusal::new(fault.to_string())
                .evidence(format!("{}, asked just now", intent.source))
                .next(fault.hint.as_ref().map_or("try again when it answers", |hint| hint.as_str()));
            Draft::Refused(refusal.into())
        }
    }
}

fn draft(
    model: &Model,
    intent: &Intent,
    prepared: Prepared,
    (began, glass, purpose): (Now, Glass, Purpose),
) -> Result<Plan, Refused> {
    if purpose == Purpose::Preview {
        let changes = changes(model, intent, &prepared);
        let around = surroundings(model, intent, changes.as_ref())?;
        // Nothing of this can be confirmed: the rules in the way are part of what is shown.
        let around = Surroundings { access: Access::ReadWrite, ..around };
        return plan(intent, prepared, began, around, Glass::Broken);
    }
    if let Some(busy) = model
        .in_flight()
        .find(|a| a.plan.intent.place == intent.place && a.plan.intent.service == intent.service)
    {
        return Err(Refusal::new(format!("{} is still being proved", busy.plan.title))
            .evidence(format!("begun {} ago", spoken(model.now.since(busy.began))))
            .next(format!("wait for its outcome ({})", model.setup.keys.shown(Command::Follow)))
            .into());
    }
    let changes = changes(model, intent, &prepared);
    let around = surroundings(model, intent, changes.as_ref())?;
    plan(intent, prepared, began, around, glass)
}

/// What the rules look at for an intent.
pub(super) fn surroundings<'a>(
    model: &'a Model,
    intent: &Intent,
    changes: Option<&'a Arc<ChangeSet>>,
) -> Result<Surroundings<'a>, Refusal> {
    let service = model.service(&intent.service).ok_or_else(|| {
        Refusal::new("the service is not configured any more").evidence("the config").next("close this")
    })?;
    let verdict = intent
        .place
        .as_ref()
        .and_then(|place| Some(model.assessment(&intent.service)?.standing(&place.environment)?.verdict));
    Ok(Surroundings {
        service,
        world: &model.world,
        verdict,
        changes,
        access: model.setup.access,
        now: model.now,
    })
}

/// The change set that an intent is about: what it would ship, or what it would take back.
fn changes(model: &Model, intent: &Intent, prepared: &Prepared) -> Option<Arc<ChangeSet>> {
    let place = intent.place.as_ref()?;
    let service = model.service(&intent.service)?;
    let between = |a, b| {
        let span = assess::span(a, b)?;
        let repository = model.world.repository(service)?;
        repository.value.changes.get(&span)?.as_ref().ok().map(|c| Arc::new(c.clone()))
    };
    match (&intent.target, &prepared.from, &prepared.to) {
        (Target::Gate(_), _, _) => model.changes.get(place).cloned(),
        (Target::Revision { .. }, Some(from), Some(to)) => between(to, from),
        (_, Some(from), Some(to)) => between(from, to),
        _ => None,
    }
}

/// Confirms the dialog on top, if nothing is missing and the rules still let it be done. A plan that breaks the glass
/// is confirmed twice.
pub fn confirm(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let Some(dialog) = dialog_mut(model) else { return Vec::new() };
    if let Some(missing) = dialog.missing(now) {
        dialog.notice = Some(missing);
        return Vec::new();
    }
    let (Some(plan), Some(intent)) = (dialog.plan().cloned(), dialog.intent()) else { return Vec::new() };
    if plan.intent != intent {
        return ask_for_plan(model);
    }
    if plan.breaks_glass() && dialog.armed.is_none_or(|armed| now.since(armed) < DEAF) {
        let count = plan.overrides.len();
        let rules = if count == 1 { "one rule".to_owned() } else { format!("{count} rules") };
        dialog.notice =
            Some(SafeText::new(&format!("this overrides {rules}: press enter once more to do it")));
        dialog.armed = dialog.armed.or(Some(now));
        return Vec::new();
    }
    if let Err(refused) = still_allowed(model, &plan) {
        if let Some(dialog) = dialog_mut(model) {
            (dialog.draft, dialog.field, dialog.opened) = (Draft::Refused(refused), Field::Cancel, now);
            dialog.glass = Glass::Whole;
        }
        return Vec::new();
    }
    let plan = Plan { after: tried_before(model, &plan.intent), ..plan };
    model.overlays.pop();
    model.marks.remove(&joint::of(&plan.intent));
    let id = next_id(model);
    let effect = begin_action(model, id.clone(), plan);
    model.overlays.push(Overlay::Follow(id));
    model.overlay_scroll = 0;
    vec![effect]
}

/// A confirmed plan becomes an action, alone or as a member of a saga.
pub(super) fn begin_action(model: &mut Model, id: ActionId, plan: Plan) -> Effect {
    let now = model.now;
    incident::acted(model, &plan.intent);
    note(model, &plan.intent, EventKind::Deed, &format!("{}: confirmed", plan.title));
    model.actions.push(Action {
        id: id.clone(),
        plan: Box::new(plan.clone()),
        stage: ActionStage::Recording,
        trail: vec![(now, "confirmed".into())],
        began: now,
        sent: None,
        accepted: 0,
        answered: Answered::NotYet,
        against: None,
        origin: Origin::Here,
    });
    Effect::Execute { id, plan: Box::new(plan) }
}

/// The rules once more, at the moment of the confirmation: those that the plan does not override.
pub(super) fn still_allowed(model: &Model, plan: &Plan) -> Result<(), Refused> {
    let around = surroundings(model, &plan.intent, None)?;
    let overridden = |breach: &Breach| plan.overrides.iter().any(|o| o.rule == breach.rule);
    refused_by(breaches(&plan.intent, around).into_iter().filter(|b| !overridden(b)).collect())
}

/// The newest action on the same thing that did not end as verified: a second try is a new intent, linked to it.
pub(super) fn tried_before(model: &Model, intent: &Intent) -> Option<ActionId> {
    let same = |a: &&Action| {
        let other = &a.plan.intent;
        (other.verb, &other.service, &other.place) == (intent.verb, &intent.service, &intent.place)
    };
    let last = model.actions.iter().rev().find(same)?;
    match &last.stage {
        ActionStage::Ended(Outcome::Verified(_)) => None,
        _ => Some(last.id.clone()),
    }
}
