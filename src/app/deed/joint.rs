//! From marks to a confirmed saga: marking, the dialog of several plans, and its confirmation.

use super::draft::{answered, still_allowed, surroundings, tried_before};
use super::{dialog_mut, refuse};
use crate::action::policy::breaches;
use crate::action::saga::Part;
use crate::action::{Breach, Glass, Plan, Refused, Rule, Saga, barred, offer};
use crate::app::activity::EventKind;
use crate::app::command::marked_surroundings;
use crate::app::dialog::{Choice, Dialog, Draft, Field, Purpose};
use crate::app::joint::{Course, Joint, JointPart, Mark, SagaRun};
use crate::app::model::{Model, Origin, Overlay, Panel, Toast, Tone};
use crate::app::msg::Effect;
use crate::domain::{Fault, Intent, Now, Prepared, Refusal, SafeText, Target, Verb};

/// The dialog of several targets, if it is on top.
pub fn joint_mut(model: &mut Model) -> Option<&mut Joint> {
    match model.overlays.last_mut() {
        Some(Overlay::Joint(joint)) => Some(joint),
        _ => None,
    }
}

/// Marks what is selected, or takes its mark away.
pub fn mark(model: &mut Model) {
    let at_hand = if model.focus == Panel::Inbox {
        let gate = model.gate_at_hand().map(|gate| Mark::Gate(gate.value.key.clone()));
        gate.or_else(|| model.held.clone().map(Mark::Place))
    } else {
        model.selected_place().map(Mark::Place)
    };
    let Some(mark) = at_hand else { return refuse(model, "nothing is selected that could be marked") };
    if model.marks.remove(&mark) {
        return;
    }
    if !exists(model, &mark) {
        return refuse(model, &format!("nothing is known of {mark}: it is not marked"));
    }
    model.marks.insert(mark);
}

/// Drops the marks of what is no longer there: a mark never outlives its object.
pub fn prune(model: &mut Model) {
    let gone: Vec<Mark> = model.marks.iter().filter(|mark| !exists(model, mark)).cloned().collect();
    let Some(first) = gone.first() else { return };
    let more = if gone.len() > 1 { format!(" and {} more", gone.len() - 1) } else { String::new() };
    let text = SafeText::new(&format!("no longer there, and no longer marked: {first}{more}"));
    model.toast = Some(Toast { text, tone: Tone::Info, since: model.now });
    model.marks.retain(|mark| !gone.contains(mark));
}

fn exists(model: &Model, mark: &Mark) -> bool {
    match mark {
        Mark::Gate(key) => model.inbox.iter().any(|gate| &gate.value.key == key),
        Mark::Place(place) => {
            let Some(service) = model.service(&place.service) else { return false };
            let Some(environment) = service.environment(&place.environment) else { return false };
            let Some(source) = &environment.deploy else { return true };
            // Nobody has looked yet, or it was there at the last look.
            let looked = model.world.source(source).is_some_and(|state| state.last.is_some());
            !looked || model.world.rollout(service, environment).is_some()
        }
    }
}

/// What a verb would act on if anything is marked: gates are decided, places are changed.
///
/// # Errors
/// A refusal when what is marked is nothing for this verb: then it is not guessed what is meant.
pub fn marked(model: &Model, verb: Verb) -> Result<Vec<Mark>, Refusal> {
    if model.marks.is_empty() {
        return Ok(Vec::new());
    }
    let wants_gates = matches!(verb, Verb::Approve | Verb::Reject);
    if matches!(verb, Verb::Rerun | Verb::Cancel) {
        return Err(Refusal::new("runs are handled one at a time")
            .evidence(format!("{} marked", model.marks.len()))
            .next("clear the marks (esc)"));
    }
    let fits = |mark: &&Mark| matches!(mark, Mark::Gate(_)) == wants_gates;
    let marks: Vec<Mark> = in_order(model).into_iter().filter(|mark| fits(&mark)).collect();
    if marks.is_empty() {
        let (what, next) = if wants_gates {
            (
                "places are marked, and no gate",
                "mark gates in the inbox (tab, space), or clear the marks (esc)",
            )
        } else {
            ("gates are marked, and no place", "mark services on the board (space), or clear the marks (esc)")
        };
        return Err(Refusal::new(what).evidence(format!("{} marked", model.marks.len())).next(next));
    }
    Ok(marks)
}

/// The marks in the order of the screen: gates as they wait, places as they are configured.
fn in_order(model: &Model) -> Vec<Mark> {
    let gates = model.inbox.iter().map(|gate| Mark::Gate(gate.value.key.clone()));
    let places = model.setup.services.iter().flat_map(|service| {
        service.environments.iter().map(|environment| Mark::Place(service.place(environment)))
    });
    gates.chain(places).filter(|mark| model.marks.contains(mark)).collect()
}

/// Whether a verb can act on what is marked.
///
/// # Errors
/// The reason why it can act on none of it.
pub fn available(model: &Model, verb: Verb) -> Result<(), Refusal> {
    let mut first = None;
    for mark in marked(model, verb)? {
        match marked_surroundings(model, &mark).and_then(|around| offer(verb, around)) {
            Ok(_) => return Ok(()),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Opens the dialog for several marks. With `wanted` each target must be what was wanted before, and not merely the
/// first that is offered now.
pub(super) fn open(model: &mut Model, verb: Verb, marks: Vec<Mark>, wanted: &[Intent]) -> Vec<Effect> {
    let parts = marks.into_iter().map(|mark| part(model, verb, mark, wanted)).collect();
    model.overlays.push(Overlay::Joint(Box::new(Joint::new(verb, parts, model.now))));
    model.overlay_scroll = 0;
    if let Some(effects) = single(model) {
        return effects;
    }
    ask(model, |part| part.draft == Draft::Asking(0))
}

fn part(model: &Model, verb: Verb, mark: Mark, wanted: &[Intent]) -> JointPart {
    let wish = wanted.iter().find(|intent| of(intent) == mark);
    let offered = marked_surroundings(model, &mark).and_then(|around| {
        let mut offers = offer(verb, around)?;
        if let Some(wish) = wish {
            offers.retain(|offer| same_target(&offer.intent.target, &wish.target));
            if offers.is_empty() {
                return Err(Refusal::new("what was wanted here is not offered any more")
                    .evidence("the newest look")
                    .next("leave it out, and look at it by itself"));
            }
        }
        Ok((barred(&offers, around).err(), offers))
    });
    match offered {
        Ok((barred, offers)) => {
            let draft = barred.map_or(Draft::Asking(0), Draft::Refused);
            JointPart { mark, intent: offers.into_iter().next().map(|o| o.intent), draft }
        }
        Err(refusal) => JointPart { mark, intent: None, draft: Draft::Refused(refusal.into()) },
    }
}

/// The mark that an intent's target would bear.
pub(super) fn of(intent: &Intent) -> Mark {
    match (&intent.target, &intent.place) {
        (Target::Gate(key), _) => Mark::Gate(key.clone()),
        (_, Some(place)) => Mark::Place(place.clone()),
        (_, None) => Mark::Place(crate::domain::Place::new(intent.service.as_str(), "")),
    }
}

fn same_target(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::Revision { artifact: a, .. }, Target::Revision { artifact: b, .. })
        | (Target::Artifact(a), Target::Artifact(b))
        | (Target::Dispatch(a), Target::Dispatch(b)) => a.same_as(b),
        _ => one == other,
    }
}

/// A saga of one is the single action: its dialog is the ordinary one.
fn single(model: &mut Model) -> Option<Vec<Effect>> {
    let joint = joint_mut(model)?;
    let [part] = joint.parts.as_slice() else { return None };
    let (intent, draft, mark) = (part.intent.clone(), part.draft.clone(), part.mark.clone());
    model.overlays.pop();
    let Some(intent) = intent else {
        if let Draft::Refused(refused) = draft {
            refuse(model, &format!("{mark}: {refused}"));
        }
        return Some(Vec::new());
    };
    let choice = Choice { label: SafeText::new(&mark.to_string()), intent };
    model.overlays.push(Overlay::Dialog(Box::new(Dialog::new(vec![choice], model.now))));
    match (draft, dialog_mut(model)) {
        (Draft::Refused(refused), Some(dialog)) => {
            dialog.draft = Draft::Refused(refused);
            Some(Vec::new())
        }
        _ => Some(super::ask_for_plan(model)),
    }
}

/// Asks the sources for a fresh look at every target of the dialog on top for which `which` holds.
pub fn ask(model: &mut Model, which: impl Fn(&JointPart) -> bool) -> Vec<Effect> {
    let (now, mut ticket) = (model.now, model.tickets);
    let Some(joint) = joint_mut(model) else { return Vec::new() };
    let mut effects = Vec::new();
    let intents: Vec<Option<Intent>> = joint.parts.iter().map(|part| joint.intent(part)).collect();
    for (part, intent) in joint.parts.iter_mut().zip(intents) {
        let (true, Some(intent)) = (which(part), intent) else { continue };
        ticket += 1;
        part.draft = Draft::Asking(ticket);
        effects.push(Effect::Prepare { ticket, intent: Box::new(intent) });
    }
    if !effects.is_empty() {
        joint.opened = now;
    }
    model.tickets = ticket;
    effects
}

/// Every plan is made anew, because the reason changed and is part of the requests.
pub fn ask_again(model: &mut Model) -> Vec<Effect> {
    ask(model, |part| !matches!(part.draft, Draft::Refused(_)))
}

/// Takes in what a source says about one target. Returns what it was not asked for.
pub(super) fn prepared(
    model: &mut Model,
    ticket: u64,
    began: Now,
    result: Result<Box<Prepared>, Fault>,
) -> Option<Result<Box<Prepared>, Fault>> {
    let now = model.now;
    let asked = |part: &JointPart| part.draft == Draft::Asking(ticket);
    let found = joint_mut(model).and_then(|joint| {
        let (index, part) = joint.parts.iter().enumerate().find(|(_, part)| asked(part))?;
        Some((index, joint.intent(part)?))
    });
    let Some((index, intent)) = found else { return Some(result) };
    let draft = answered(model, &intent, result, (began, Glass::Whole, Purpose::Act));
    if let Some(joint) = joint_mut(model) {
        if let Some(part) = joint.parts.get_mut(index) {
            part.draft = draft;
        }
        joint.opened = now;
        // While some are still asked for, what is being typed stays where it is.
        let asking = joint.parts.iter().any(|part| matches!(part.draft, Draft::Asking(_)));
        if !asking && !joint.fields().contains(&joint.field) {
            joint.field = Field::Cancel;
        }
    }
    None
}

/// What time and looks do to the dialog: as soon as one plan is stale all are made anew, so that they stay in step; one that only old evidence barred
/// is asked for once a look is fresh, and one whose gate is gone asks who decided.
pub fn reconsider(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let Some(joint) = joint_mut(model) else { return Vec::new() };
    let old: Vec<Intent> = joint
        .parts
        .iter()
        .filter(|part| matches!(&part.draft, Draft::Refused(refused) if only_old(refused)))
        .filter_map(|part| joint.intent(part))
        .collect();
    let fresh: Vec<Mark> = old
        .iter()
        .filter(|intent| surroundings(model, intent, None).is_ok_and(|a| breaches(intent, a).is_empty()))
        .map(of)
        .collect();
    let waiting: Vec<Mark> = model.inbox.iter().map(|gate| Mark::Gate(gate.value.key.clone())).collect();
    let stale = |part: &JointPart| part.plan().is_some_and(|plan| plan.stale(now));
    let any_stale = joint_mut(model).is_some_and(|joint| joint.parts.iter().any(stale));
    let effects = ask(model, |part| {
        let gone = matches!(part.mark, Mark::Gate(_)) && !waiting.contains(&part.mark);
        fresh.contains(&part.mark) || (part.plan().is_some() && (gone || any_stale))
    });
    if !fresh.is_empty()
        && let Some(joint) = joint_mut(model)
    {
        joint.field = Field::Cancel;
    }
    effects
}

fn only_old(refused: &Refused) -> bool {
    let old = |breach: &Breach| breach.rule == Rule::MaxAge;
    !refused.breaches.is_empty() && refused.breaches.iter().all(old)
}

/// Leaves out the targets that are in the way, and takes their marks away. What is left is confirmed as it stands:
/// Cancel has the focus, and the deaf time begins anew.
pub fn leave_out(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let Some(joint) = joint_mut(model) else { return Vec::new() };
    let out: Vec<Mark> = joint.refused().map(|part| part.mark.clone()).collect();
    if out.is_empty() {
        joint.notice = Some("nothing is in the way".into());
        return Vec::new();
    }
    joint.parts.retain(|part| !out.contains(&part.mark));
    (joint.field, joint.opened, joint.scroll) = (Field::Cancel, now, 0);
    joint.name = Default::default();
    let left = joint.parts.len();
    model.marks.retain(|mark| !out.contains(mark));
    if left == 0 {
        model.overlays.pop();
        refuse(model, "nothing is left: every target was in the way");
        return Vec::new();
    }
    single(model).unwrap_or_default()
}

/// Confirms the dialog on top, if nothing is missing and the rules still let every target be done.
pub fn confirm(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let Some(joint) = joint_mut(model) else { return Vec::new() };
    if let Some(missing) = joint.missing(now) {
        joint.notice = Some(missing);
        return Vec::new();
    }
    let verb = joint.verb;
    let same = |part: &JointPart| part.plan().map(|plan| &plan.intent) == joint.intent(part).as_ref();
    if !joint.parts.iter().all(same) {
        return ask_again(model);
    }
    let plans: Vec<Plan> = joint.parts.iter().filter_map(|part| part.plan().cloned()).collect();
    let refused: Vec<(Mark, Refused)> = plans
        .iter()
        .filter_map(|plan| still_allowed(model, plan).err().map(|refused| (of(&plan.intent), refused)))
        .collect();
    if refused.is_empty() {
        return begin(model, verb, plans);
    }
    if let Some(joint) = joint_mut(model) {
        for (mark, refused) in refused {
            if let Some(part) = joint.parts.iter_mut().find(|part| part.mark == mark) {
                part.draft = Draft::Refused(refused);
            }
        }
        (joint.field, joint.opened) = (Field::Cancel, now);
    }
    Vec::new()
}

/// The saga begins: it is recorded, and only then its first target.
fn begin(model: &mut Model, verb: Verb, plans: Vec<Plan>) -> Vec<Effect> {
    model.overlays.pop();
    let id = super::next_id(model);
    let of_all = plans.len();
    let plans: Vec<_> = plans
        .into_iter()
        .zip(1..)
        .map(|(plan, number)| {
            let part = Part { saga: id.clone(), number, of: of_all };
            let after = tried_before(model, &plan.intent);
            (super::next_id(model), Plan { after, part: Some(part), ..plan })
        })
        .collect();
    let saga = Saga::of(id.clone(), verb, &plans);
    for (_, plan) in &plans {
        model.marks.remove(&of(&plan.intent));
    }
    super::saga::note(model, EventKind::Deed, &format!("{}: confirmed", saga.title()));
    model.sagas.push(SagaRun {
        saga: saga.clone(),
        plans: plans.into_iter().map(|(_, plan)| plan).collect(),
        course: Course::Recording,
        told: Vec::new(),
        began: model.now,
        origin: Origin::Here,
    });
    model.overlays.push(Overlay::FollowSaga(id));
    model.overlay_scroll = 0;
    vec![Effect::Begin(Box::new(saga))]
}
