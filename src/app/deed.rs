//! From a key to a proved outcome: opening the dialog, taking in the fresh look, confirming, following.

use std::sync::Arc;
use std::time::Duration;

use super::activity::{self, Event, EventKind};
use super::command::{Command, model_surroundings};
use super::dialog::{Choice, Dialog, Draft, Field, InputText};
use super::model::{Action, ActionStage, Answered, Model, Overlay, Toast, Tone};
use super::msg::Effect;
use crate::action::judge::SETTLE;
use crate::action::plan::Surroundings;
use crate::action::{Judgement, judge, offer, plan};
use crate::domain::{
    ActionId, ChangeSet, Difference, Fault, Intent, Now, Outcome, Prepared, Progress, Refusal, SafeText,
    Target, Verb, assess,
};

/// After a request without an answer: how long the world must look untouched before the request counts as lost.
pub const LOST: Duration = Duration::from_secs(15);

/// The verb of a command, if it is one that changes something.
#[must_use]
pub const fn verb_of(command: Command) -> Option<Verb> {
    Some(match command {
        Command::Approve => Verb::Approve,
        Command::Reject => Verb::Reject,
        Command::Promote => Verb::Promote,
        Command::RollBack => Verb::RollBack,
        Command::Pause => Verb::Pause,
        Command::Resume => Verb::Resume,
        Command::Rerun => Verb::Rerun,
        Command::Cancel => Verb::Cancel,
        _ => return None,
    })
}

/// Opens the plan dialog for a verb, or shows why not.
pub fn open(model: &mut Model, verb: Verb) -> Vec<Effect> {
    let offers = model_surroundings(model).and_then(|around| offer(verb, around));
    match offers {
        Ok(offers) => {
            let choices = offers.into_iter().map(|o| Choice { label: o.label, intent: o.intent }).collect();
            let dialog = Dialog {
                choices,
                chosen: 0,
                draft: Draft::Asking(0),
                field: Field::Cancel,
                reason: InputText::default(),
                name: InputText::default(),
                opened: model.now,
                scroll: 0,
                notice: None,
            };
            model.overlays.push(Overlay::Dialog(Box::new(dialog)));
            model.overlay_scroll = 0;
            ask_for_plan(model)
        }
        Err(refusal) => {
            refuse(model, &format!("{}: {refusal}", verb.word()));
            Vec::new()
        }
    }
}

/// Asks the source for a fresh look at what the dialog on top wants.
pub fn ask_for_plan(model: &mut Model) -> Vec<Effect> {
    model.tickets += 1;
    let (ticket, now) = (model.tickets, model.now);
    let Some(dialog) = dialog_mut(model) else { return Vec::new() };
    let Some(intent) = dialog.intent() else { return Vec::new() };
    dialog.draft = Draft::Asking(ticket);
    dialog.opened = now;
    vec![Effect::Prepare { ticket, intent: Box::new(intent) }]
}

/// The dialog on top.
pub fn dialog_mut(model: &mut Model) -> Option<&mut Dialog> {
    match model.overlays.last_mut() {
        Some(Overlay::Dialog(dialog)) => Some(dialog),
        _ => None,
    }
}

/// Takes in what an executor or a preparation reports.
pub fn progress(model: &mut Model, progress: Progress) -> Vec<Effect> {
    match progress {
        Progress::Prepared { ticket, began, result } => {
            prepared(model, ticket, began, result);
            Vec::new()
        }
        Progress::Recorded(id) => step(model, &id, ActionStage::LookingAgain, "intent is in the journal"),
        Progress::Moved(id, differences) => end(model, &id, Outcome::NotApplied(moved(&differences))),
        Progress::NotSent(id, why) => end(model, &id, Outcome::NotApplied(why)),
        Progress::Sent(id, at) => {
            if let Some(action) = action_mut(model, &id) {
                action.sent = Some(at);
            }
            step(model, &id, ActionStage::Sent, "looked again: unchanged; request sent")
        }
        Progress::Received(id, receipt, at) => {
            if let Some(action) = action_mut(model, &id) {
                action.answered = Answered::Accepted;
                // Only looks that began after the answer prove anything.
                action.sent = Some(at);
            }
            let text = format!("{} {}", receipt.status, receipt.says);
            proving(model, &id, &format!("accepted: {text}"))
        }
        Progress::Declined(id, fault) => {
            let text = SafeText::new(&format!("the source refused: {fault}"));
            end(model, &id, Outcome::NotApplied(text))
        }
        Progress::NoAnswer(id, fault) => {
            if let Some(action) = action_mut(model, &id) {
                action.answered = Answered::Perhaps;
            }
            proving(
                model,
                &id,
                &format!("no answer ({fault}): finding out by looking, never by sending again"),
            )
        }
        Progress::JournalFailed(why) => {
            model.journal_fault = Some(why.clone());
            refuse(model, &format!("the journal cannot be written: {why}; actions are off"));
            let stuck: Vec<ActionId> = model
                .in_flight()
                .filter(|a| a.stage == ActionStage::Recording)
                .map(|a| a.id.clone())
                .collect();
            let text = SafeText::new("not sent: the intent could not be recorded");
            stuck.iter().flat_map(|id| end(model, id, Outcome::NotApplied(text.clone()))).collect()
        }
    }
}

fn prepared(model: &mut Model, ticket: u64, began: Now, result: Result<Box<Prepared>, Fault>) {
    let Some(dialog) = dialog_mut(model) else { return };
    if dialog.draft != Draft::Asking(ticket) {
        return;
    }
    let Some(intent) = dialog.intent() else { return };
    let draft = match result {
        Ok(prepared) => draft(model, &intent, *prepared, began),
        Err(fault) => Draft::Refused(Refusal {
            cause: SafeText::new(&fault.to_string()),
            evidence: Some(SafeText::new(&format!("{}, asked just now", intent.source))),
            next: fault.hint,
        }),
    };
    let now = model.now;
    if let Some(dialog) = dialog_mut(model) {
        dialog.draft = draft;
        dialog.opened = now;
        if !dialog.fields().contains(&dialog.field) {
            dialog.field = Field::Cancel;
        }
    }
}

fn draft(model: &Model, intent: &Intent, prepared: Prepared, began: Now) -> Draft {
    let Some(service) = model.service(&intent.service) else {
        return Draft::Refused(Refusal::new("the service is not configured any more"));
    };
    if let Some(busy) = model
        .in_flight()
        .find(|a| a.plan.intent.place == intent.place && a.plan.intent.service == intent.service)
    {
        return Draft::Refused(
            Refusal::new(format!("{} is still being proved", busy.plan.title))
                .next("wait for its outcome (f)"),
        );
    }
    let changes = changes(model, intent, &prepared);
    let verdict = intent
        .place
        .as_ref()
        .and_then(|place| Some(model.assessment(&intent.service)?.standing(&place.environment)?.verdict));
    let around = Surroundings {
        service,
        world: &model.world,
        verdict,
        changes: changes.as_ref(),
        access: model.setup.access,
        now: model.now,
    };
    match plan(intent, prepared, began, around) {
        Ok(plan) => Draft::Ready(Box::new(plan)),
        Err(refusal) => Draft::Refused(refusal),
    }
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

/// Confirms the dialog on top, if nothing is missing.
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
    model.overlays.pop();
    let id = ActionId(SafeText::new(&format!("{}-{}", model.session, model.actions.len() + 1)));
    note(model, &plan.intent, EventKind::Deed, &format!("{}: confirmed", plan.title));
    model.actions.push(Action {
        id: id.clone(),
        plan: Box::new(plan.clone()),
        stage: ActionStage::Recording,
        trail: vec![(now, "confirmed".into())],
        began: now,
        sent: None,
        answered: Answered::NotYet,
        against: None,
    });
    model.overlays.push(Overlay::Follow(id.clone()));
    model.overlay_scroll = 0;
    vec![Effect::Execute { id, plan: Box::new(plan) }]
}

/// Judges every action in flight by what is known now.
pub fn follow(model: &mut Model) -> Vec<Effect> {
    let flying: Vec<ActionId> =
        model.in_flight().filter(|a| a.sent.is_some()).map(|a| a.id.clone()).collect();
    flying.iter().flat_map(|id| follow_one(model, id)).collect()
}

fn follow_one(model: &mut Model, id: &ActionId) -> Vec<Effect> {
    let Some(action) = model.action(id) else { return Vec::new() };
    let (Some(sent), intent, now) = (action.sent, action.plan.intent.clone(), model.now) else {
        return Vec::new();
    };
    if action.answered == Answered::NotYet {
        return Vec::new();
    }
    let Some(service) = model.service(&intent.service) else {
        return Vec::new();
    };
    let judgement = judge(&intent, &action.plan.prepared, sent, service, &model.world);
    let looked = model.world.source(&intent.source).and_then(|s| s.seen);
    let (stage, answered, against) = (action.stage.clone(), action.answered, action.against);
    let late = now.since(sent) > action.plan.prepared.deadline;
    let held = |since: Now| looked.is_some_and(|l| l.mono >= since.mono + SETTLE);
    match judgement {
        Judgement::Holds(proof) => match stage {
            ActionStage::Settling(since) if held(since) => end(model, id, Outcome::Verified(proof)),
            ActionStage::Settling(_) => Vec::new(),
            _ => {
                set_against(model, id, None);
                step(
                    model,
                    id,
                    ActionStage::Settling(now),
                    &format!("{proof}; must hold {} s", SETTLE.as_secs()),
                )
            }
        },
        Judgement::Broken(what) => match against {
            Some(since) if held(since) => end(model, id, Outcome::Failed(what)),
            Some(_) => Vec::new(),
            None => against_now(model, id, &what),
        },
        Judgement::Untouched(what) if answered == Answered::Perhaps => match against {
            Some(since) if looked.is_some_and(|l| l.mono >= since.mono + LOST) => {
                let text = format!("no answer, and {} s of looking later {what}", LOST.as_secs());
                end(model, id, Outcome::NotApplied(SafeText::new(&text)))
            }
            Some(_) => Vec::new(),
            None => against_now(model, id, &what),
        },
        Judgement::Untouched(what) if late => {
            let text = format!("accepted, but nothing happened: {what}");
            end(model, id, Outcome::Failed(SafeText::new(&text)))
        }
        Judgement::Pending(what) if late => {
            let text = format!("not proved in time: {what}");
            end(model, id, Outcome::InDoubt(SafeText::new(&text)))
        }
        Judgement::Untouched(what) | Judgement::Pending(what) => {
            set_against(model, id, None);
            waiting(model, id, what);
            Vec::new()
        }
    }
}

fn against_now(model: &mut Model, id: &ActionId, what: &SafeText) -> Vec<Effect> {
    let now = model.now;
    set_against(model, id, Some(now));
    waiting(model, id, what.clone());
    Vec::new()
}

fn set_against(model: &mut Model, id: &ActionId, since: Option<Now>) {
    if let Some(action) = action_mut(model, id) {
        action.against = since;
    }
}

/// Shows what is still missing, without a line in the trail for each look.
fn waiting(model: &mut Model, id: &ActionId, what: SafeText) {
    if let Some(action) = action_mut(model, id) {
        action.stage = ActionStage::Proving(what);
    }
}

fn proving(model: &mut Model, id: &ActionId, text: &str) -> Vec<Effect> {
    let intent = model.action(id).map(|a| a.plan.intent.clone());
    let mut effects = step(model, id, ActionStage::Proving("waiting for the next look".into()), text);
    effects.extend(intent.iter().flat_map(|intent| look_at_all(model, intent)));
    effects
}

fn step(model: &mut Model, id: &ActionId, stage: ActionStage, text: &str) -> Vec<Effect> {
    let now = model.now;
    if let Some(action) = action_mut(model, id)
        && !matches!(action.stage, ActionStage::Ended(_))
    {
        action.stage = stage;
        action.trail.push((now, SafeText::new(text)));
    }
    Vec::new()
}

fn end(model: &mut Model, id: &ActionId, outcome: Outcome) -> Vec<Effect> {
    let now = model.now;
    let Some(action) = action_mut(model, id) else { return Vec::new() };
    if matches!(action.stage, ActionStage::Ended(_)) {
        return Vec::new();
    }
    let text = format!("{}: {}", outcome.word(), outcome.text());
    action.trail.push((now, SafeText::new(&text)));
    action.stage = ActionStage::Ended(outcome.clone());
    let (intent, title) = (action.plan.intent.clone(), action.plan.title.clone());
    let kind = if matches!(outcome, Outcome::Verified(_)) { EventKind::Good } else { EventKind::Bad };
    note(model, &intent, kind, &format!("{title}: {text}"));
    if !matches!(outcome, Outcome::Verified(_)) {
        model.toast =
            Some(Toast { text: SafeText::new(&format!("{title}: {text}")), tone: Tone::Problem, since: now });
    }
    let mut effects = vec![Effect::Conclude { id: id.clone(), outcome }];
    effects.extend(look_at_all(model, &intent));
    effects
}

/// Every source that tells something about what an intent touches is looked at now, and often for a while: the
/// minutes after a change are the ones that matter.
fn look_at_all(model: &Model, intent: &Intent) -> Vec<Effect> {
    let service = model.setup.services.iter().find(|s| s.name == intent.service);
    let mut sources = vec![intent.source.clone()];
    sources.extend(service.iter().flat_map(|s| s.sources().cloned()));
    sources.sort();
    sources.dedup();
    sources.into_iter().map(Effect::Look).collect()
}

fn moved(differences: &[Difference]) -> SafeText {
    let list: Vec<String> =
        differences.iter().map(|d| format!("{} was {}, is {}", d.what, d.old, d.new)).collect();
    SafeText::new(&format!("the world moved since this was shown, nothing was sent: {}", list.join("; ")))
}

fn action_mut<'a>(model: &'a mut Model, id: &ActionId) -> Option<&'a mut Action> {
    model.actions.iter_mut().find(|a| &a.id == id)
}

fn note(model: &mut Model, intent: &Intent, kind: EventKind, text: &str) {
    let event = Event {
        at: model.now,
        kind,
        service: Some(intent.service.clone()),
        source: Some(intent.source.clone()),
        text: SafeText::new(text),
    };
    activity::push(&mut model.activity, event);
}

/// Says why a key does nothing.
pub fn refuse(model: &mut Model, text: &str) {
    model.toast = Some(Toast { text: SafeText::new(text), tone: Tone::Problem, since: model.now });
}
