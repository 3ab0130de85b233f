//! What an earlier session left behind: actions whose outcome nobody knows. Each is looked at again and judged by the
//! same rules as a new one; none of them is ever sent again.

use jiff::Timestamp;

use super::follow::{end, half, proving};
use crate::action::Plan;
use crate::app::joint::LeftSaga;
use crate::app::model::{Action, ActionStage, Answered, Model, Origin, Overlay};
use crate::app::msg::Effect;
use crate::domain::{ActionId, Outcome, SafeText};

/// How far an action had come when its session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The intent was recorded; nothing had left.
    Recorded,
    /// A request was about to leave, or had left; no answer is recorded.
    Sending,
    /// The source did not answer, or its answer did not say.
    NoAnswer,
    /// So many of the steps were accepted, and nothing was recorded after that.
    Accepted,
    /// The source, or the look before sending, said no: nothing of this step happened.
    Declined(SafeText),
}

/// An action without an outcome, as the journal tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// Which.
    pub id: ActionId,
    /// What exactly; bodies of requests as they were shown.
    pub plan: Box<Plan>,
    /// How far it had come.
    pub reached: Reached,
    /// How many steps had been accepted.
    pub accepted: usize,
    /// Who confirmed it.
    pub by: SafeText,
    /// When.
    pub at: Timestamp,
}

/// Takes up what earlier sessions left behind, and lists it on the screen.
pub fn resume(model: &mut Model, left: Vec<Unfinished>, sagas: Vec<LeftSaga>) -> Vec<Effect> {
    if left.is_empty() && sagas.is_empty() {
        return Vec::new();
    }
    super::saga::take_up(model, sagas);
    let effects = left.into_iter().flat_map(|one| take_up(model, one)).collect();
    model.overlays.push(Overlay::Resumed);
    model.overlay_scroll = 0;
    effects
}

fn take_up(model: &mut Model, left: Unfinished) -> Vec<Effect> {
    let now = model.now;
    let (id, of) = (left.id.clone(), left.plan.prepared.steps.len());
    let said = match &left.reached {
        Reached::Recorded => "recorded; nothing had been sent when the session ended".to_owned(),
        Reached::Sending => "sent or about to be, no answer recorded when the session ended".to_owned(),
        Reached::NoAnswer => "no answer had come when the session ended".to_owned(),
        Reached::Accepted => "accepted, not proved when the session ended".to_owned(),
        Reached::Declined(why) => format!("not done: {why}"),
    };
    model.actions.push(Action {
        id: id.clone(),
        plan: left.plan,
        stage: ActionStage::Proving(SafeText::new(&said)),
        trail: vec![(now, SafeText::new(&format!("taken up from an earlier session: {said}")))],
        began: now,
        sent: (left.reached != Reached::Recorded).then_some(now),
        accepted: left.accepted,
        answered: if left.accepted == of { Answered::Accepted } else { Answered::Perhaps },
        against: None,
        origin: Origin::Earlier { by: left.by, at: left.at },
    });
    let half = model.action(&id).and_then(half);
    let text = |what: &str| {
        SafeText::new(&half.as_ref().map_or_else(|| what.to_owned(), |h| format!("{h}; {what}")))
    };
    let decided = match &left.reached {
        Reached::Recorded => Some(text("the program ended before it was sent")),
        Reached::Declined(why) => Some(text(why.as_str())),
        Reached::Accepted if half.is_some() => Some(text("the program ended before the next one was sent")),
        Reached::Sending | Reached::NoAnswer | Reached::Accepted => None,
    };
    match decided {
        Some(text) if half.is_some() => end(model, &id, Outcome::Failed(text)),
        Some(text) => end(model, &id, Outcome::NotApplied(text)),
        None if model.action(&id).is_some_and(|a| model.service(&a.plan.intent.service).is_none()) => {
            let text = "unverifiable: its service is not configured any more";
            end(model, &id, Outcome::InDoubt(text.into()))
        }
        None => proving(model, &id, "looking at the source to find out; nothing is sent again"),
    }
}
