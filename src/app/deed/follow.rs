//! From a confirmed plan to its outcome: what the executor reports, and what later looks prove.

use std::time::Duration;

use super::{action_mut, look_at_all, note, refuse};
use crate::action::judge::SETTLE;
use crate::action::{Judgement, judge};
use crate::app::activity::EventKind;
use crate::app::model::{Action, ActionStage, Answered, Model, Toast, Tone};
use crate::app::msg::Effect;
use crate::domain::{ActionId, Difference, Now, Outcome, Progress, Receipt, SafeText};

/// After a request without an answer: how long the world must look untouched before the request counts as lost.
pub const LOST: Duration = Duration::from_secs(15);

/// Takes in what an executor or a preparation reports.
pub(super) fn progress(model: &mut Model, progress: Progress) -> Vec<Effect> {
    match progress {
        Progress::Prepared { ticket, began, result } => {
            super::draft::prepared(model, ticket, began, result);
            Vec::new()
        }
        Progress::Recorded(id) => step(model, &id, ActionStage::LookingAgain, "intent is in the journal"),
        Progress::Moved(id, differences) => end(model, &id, Outcome::NotApplied(moved(&differences))),
        Progress::NotSent(id, why) => {
            let outcome = match model.action(&id).and_then(half) {
                Some(half) => {
                    Outcome::Failed(SafeText::new(&format!("{half}; the next one was not sent: {why}")))
                }
                None => Outcome::NotApplied(why),
            };
            end(model, &id, outcome)
        }
        Progress::Sent(id, at) => {
            if let Some(action) = action_mut(model, &id) {
                action.sent = Some(at);
            }
            let text = match model.action(&id).map(|a| (a.accepted, a.plan.prepared.steps.len())) {
                Some((accepted @ 1.., of)) => format!("request {} of {of} sent", accepted + 1),
                _ => "looked again: unchanged; request sent".to_owned(),
            };
            step(model, &id, ActionStage::Sent, &text)
        }
        Progress::Received(id, receipt, at) => received(model, &id, &receipt, at),
        Progress::Declined(id, fault) => {
            let outcome = match model.action(&id).and_then(half) {
                Some(half) => {
                    Outcome::Failed(SafeText::new(&format!("{half}; the next one was refused: {fault}")))
                }
                None => Outcome::NotApplied(SafeText::new(&format!("the source refused: {fault}"))),
            };
            end(model, &id, outcome)
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
        Progress::JournalWorks => {
            if model.journal_fault.take().is_some() {
                let text = SafeText::new("the journal can be written again: actions are on");
                model.toast = Some(Toast { text, tone: Tone::Info, since: model.now });
            }
            Vec::new()
        }
        Progress::JournalRead(read) => {
            model.records = Some(read);
            Vec::new()
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

/// The source accepted a step. Only looks that began after the last answer prove anything.
fn received(model: &mut Model, id: &ActionId, receipt: &Receipt, at: Now) -> Vec<Effect> {
    let text = format!("accepted: {} {}", receipt.status, receipt.says);
    let Some(action) = action_mut(model, id) else { return Vec::new() };
    action.accepted += 1;
    let (accepted, of) = (action.accepted, action.plan.prepared.steps.len());
    if accepted < of {
        return step(model, id, ActionStage::Sent, &format!("request {accepted} of {of} {text}"));
    }
    (action.answered, action.sent) = (Answered::Accepted, Some(at));
    proving(model, id, &text)
}

/// How much of an action was done, if some of its steps were accepted and others were not: half-done is a state.
pub(super) fn half(action: &Action) -> Option<String> {
    let of = action.plan.prepared.steps.len();
    (action.accepted > 0 && action.accepted < of)
        .then(|| format!("half done: {} of {of} requests were accepted", action.accepted))
}

/// Judges every action in flight by what is known now.
pub(super) fn follow(model: &mut Model) -> Vec<Effect> {
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
                let outcome = match model.action(id).and_then(half) {
                    Some(half) => Outcome::Failed(SafeText::new(&format!("{half}; then {text}"))),
                    None => Outcome::NotApplied(SafeText::new(&text)),
                };
                end(model, id, outcome)
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

pub(super) fn proving(model: &mut Model, id: &ActionId, text: &str) -> Vec<Effect> {
    let intent = model.action(id).map(|a| a.plan.intent.clone());
    let mut effects = step(model, id, ActionStage::Proving("waiting for the next look".into()), text);
    effects.extend(intent.iter().flat_map(|intent| look_at_all(model, intent)));
    effects
}

pub(super) fn step(model: &mut Model, id: &ActionId, stage: ActionStage, text: &str) -> Vec<Effect> {
    let now = model.now;
    if let Some(action) = action_mut(model, id)
        && !matches!(action.stage, ActionStage::Ended(_))
    {
        action.stage = stage;
        action.trail.push((now, SafeText::new(text)));
    }
    Vec::new()
}

pub(super) fn end(model: &mut Model, id: &ActionId, outcome: Outcome) -> Vec<Effect> {
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

fn moved(differences: &[Difference]) -> SafeText {
    let list: Vec<String> =
        differences.iter().map(|d| format!("{} was {}, is {}", d.what, d.old, d.new)).collect();
    SafeText::new(&format!("the world moved since this was shown, nothing was sent: {}", list.join("; ")))
}
