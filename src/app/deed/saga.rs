//! A saga from its record to its outcome: the next target begins when the one before was accepted, and nothing begins
//! after anything else than that. What has not begun then stays so: going on is a new plan.

use super::draft::{begin_action, still_allowed};
use super::joint::{of, open};
use super::refuse;
use crate::action::{Rule, Truth};
use crate::app::activity::{self, Event, EventKind};
use crate::app::joint::{Course, LeftSaga, Mark, SagaRun};
use crate::app::model::{Action, ActionStage, Answered, Model, Origin, Toast, Tone};
use crate::app::msg::Effect;
use crate::domain::{ActionId, Intent, Outcome, SafeText};

/// The executor has written the saga into the journal: its first target may begin.
pub(super) fn recorded(model: &mut Model, id: &ActionId) {
    if let Some(run) = model.sagas.iter_mut().find(|run| &run.saga.id == id)
        && run.course == Course::Recording
    {
        run.course = Course::Running;
    }
}

/// Takes every saga as far as what is known lets it go.
pub fn advance(model: &mut Model) -> Vec<Effect> {
    (0..model.sagas.len()).flat_map(|index| advance_one(model, index)).collect()
}

fn advance_one(model: &mut Model, index: usize) -> Vec<Effect> {
    let mut effects = Vec::new();
    if let Some(course) = next_course(model, index) {
        set_course(model, index, course);
    }
    let next = model.sagas.get(index).filter(|run| run.course == Course::Running).and_then(|run| {
        let begun = |id: &ActionId| model.action(id).is_some();
        let at = run.saga.members.iter().position(|member| !begun(&member.action))?;
        let accepted = |id: &ActionId| model.action(id).is_some_and(|a| a.answered == Answered::Accepted);
        let before = at.checked_sub(1).and_then(|before| run.saga.members.get(before));
        before.is_none_or(|before| accepted(&before.action)).then_some(at)
    });
    if let Some(at) = next {
        effects.extend(begin_member(model, index, at));
    }
    effects.extend(conclude(model, index));
    effects
}

/// Why a saga goes no further, if anything speaks against it.
fn next_course(model: &Model, index: usize) -> Option<Course> {
    let run = model.sagas.get(index)?;
    match (&run.course, &model.journal_fault) {
        (Course::Recording, Some(_)) => {
            let text = format!("nothing was sent, the saga could not be recorded; {}", run.tally(model));
            return Some(Course::Over(Outcome::NotApplied(SafeText::new(&text))));
        }
        (Course::Running, Some(fault)) => {
            return Some(Course::Stopped(SafeText::new(&format!("the journal cannot be written: {fault}"))));
        }
        (Course::Running, None) => {}
        _ => return None,
    }
    let against = run.saga.members.iter().filter_map(|member| model.action(&member.action)).find_map(against);
    against.map(|why| Course::Stopped(SafeText::new(&why)))
}

/// What an action says against going on to the next target.
fn against(action: &Action) -> Option<String> {
    match &action.stage {
        ActionStage::Ended(Outcome::Verified(_)) => None,
        ActionStage::Ended(outcome) => {
            Some(format!("{}: {}: {}", action.plan.title, outcome.word(), outcome.text()))
        }
        _ if action.answered == Answered::Perhaps => Some(format!("{}: no answer", action.plan.title)),
        _ => None,
    }
}

/// The next target begins as any single action does, if the rules still let it be done. How old the evidence is does
/// not count here: the executor takes a look of its own before it sends.
fn begin_member(model: &mut Model, index: usize, at: usize) -> Option<Effect> {
    let run = model.sagas.get(index)?;
    let (id, plan) = (run.saga.members.get(at)?.action.clone(), run.plans.get(at)?.clone());
    if let Err(refused) = still_allowed(model, &plan) {
        let only_old =
            !refused.breaches.is_empty() && refused.breaches.iter().all(|b| b.rule == Rule::MaxAge);
        if !only_old {
            let why = SafeText::new(&format!("{}: {refused}", plan.title));
            set_course(model, index, Course::Stopped(why));
            return None;
        }
    }
    Some(begin_action(model, id, plan))
}

fn set_course(model: &mut Model, index: usize, course: Course) {
    if let Some(run) = model.sagas.get_mut(index) {
        run.course = course;
    }
}

/// A saga of which nothing is under way and nothing will begin gets its outcome.
fn conclude(model: &mut Model, index: usize) -> Option<Effect> {
    let run = model.sagas.get(index)?;
    let over = |action: Option<&Action>| action.is_none_or(|a| matches!(a.stage, ActionStage::Ended(_)));
    let idle = run.saga.members.iter().all(|member| over(model.action(&member.action)));
    let truths = run.truths(model);
    let stopped = match &run.course {
        Course::Running if !truths.contains(&Truth::NotStarted) => None,
        Course::Stopped(why) => Some(why.clone()),
        _ => return None,
    };
    if !idle {
        return None;
    }
    let (id, title, outcome) = (run.saga.id.clone(), run.saga.title(), run.saga.outcome(&truths));
    let text = format!("{title}: {}: {}", outcome.word(), outcome.text());
    let kind = if matches!(outcome, Outcome::Verified(_)) { EventKind::Good } else { EventKind::Bad };
    note(model, kind, &text);
    if kind == EventKind::Bad {
        let why = stopped.map(|why| format!(" · stopped by {why}")).unwrap_or_default();
        let text = SafeText::new(&format!("{text}{why}"));
        model.toast = Some(Toast { text, tone: Tone::Problem, since: model.now });
    }
    set_course(model, index, Course::Over(outcome.clone()));
    Some(Effect::Conclude { id, outcome })
}

pub(super) fn note(model: &mut Model, kind: EventKind, text: &str) {
    let event = Event { at: model.now, kind, service: None, source: None, text: SafeText::new(text) };
    activity::push(&mut model.activity, event);
}

/// Takes up the sagas that earlier sessions left: what began is judged like any action, what did not is never sent.
pub fn take_up(model: &mut Model, left: Vec<LeftSaga>) {
    for LeftSaga { saga, told, by, at } in left {
        let why = "an earlier session ended before it went on";
        model.sagas.push(SagaRun {
            saga,
            plans: Vec::new(),
            course: Course::Stopped(why.into()),
            told,
            began: model.now,
            origin: Origin::Earlier { by, at },
        });
    }
}

/// Marks exactly the targets of a saga that are not verified, and opens a new dialog for them: fresh plans, a new
/// confirmation. Nothing of the old saga is sent.
pub fn go_on(model: &mut Model, id: &ActionId) -> Vec<Effect> {
    let Some(run) = model.saga(id) else { return Vec::new() };
    if !run.is_over() {
        refuse(model, "targets of it are still being proved: wait for its outcome");
        return Vec::new();
    }
    let truths = run.truths(model);
    let rest: Vec<Intent> = run
        .saga
        .members
        .iter()
        .zip(&truths)
        .filter(|(_, truth)| **truth != Truth::Verified)
        .map(|(member, _)| member.intent.clone())
        .collect();
    if rest.is_empty() {
        refuse(model, "every target is verified: nothing is left to do");
        return Vec::new();
    }
    let verb = run.saga.verb;
    let marks: Vec<Mark> = rest.iter().map(of).collect();
    model.marks = marks.iter().cloned().collect();
    model.overlays.pop();
    open(model, verb, marks, &rest)
}
