//! An action without a screen: the model and its dialog are the screen's own, opened, filled in and confirmed by what
//! was said instead of by keys. Every rule of the dialog holds, the deaf time included.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::{AFTERTHOUGHT, answered};
use crate::action::{Glass, Offer, Plan, Refused, barred, offer};
use crate::app::aim::{Aim, aim};
use crate::app::command::model_surroundings;
use crate::app::deed;
use crate::app::dialog::{DEAF, Dialog, Draft};
use crate::app::{Effect, Model, Msg, update};
use crate::domain::{ActionId, Now, Refusal, SafeText, SourceName, Verb};
use crate::runtime::engine::{Engine, Heard};
use crate::runtime::execute::compare;
use crate::runtime::screen;

/// Time passes for the model at least this often.
const TICK: Duration = Duration::from_millis(250);

/// How long a plan may take to be made: longer than the deadline of the look that it needs.
const PLAN: Duration = Duration::from_secs(30);

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for holds.
    Holds,
    /// It did not come in time.
    Late,
    /// Somebody asks the program to end: a signal with this number.
    Asked(i32),
}

/// What became of a wish for a plan, or of the wish to confirm one.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    /// It is so.
    Done(T),
    /// It would not be done; why. Nothing was sent.
    Refused(Refused),
    /// Somebody asked the program to end before; nothing was sent.
    Asked(i32),
}

/// A model at work, without a screen.
pub struct Desk {
    /// What is known.
    pub model: Model,
    engine: Engine,
    ends: [Signal; 4],
}

/// What the operator says beside the verb.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// Why.
    pub reason: Option<&'a str>,
    /// Values for the form of the gate: name, value.
    pub answers: &'a [(String, String)],
}

impl Desk {
    /// Sits down at a model and the outside that belongs to it. Must be called within the runtime.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn new(model: Model, engine: Engine) -> io::Result<Self> {
        let [hangup, interrupt, quit, terminate] = [1, 2, 3, 15].map(|n| signal(SignalKind::from_raw(n)));
        Ok(Self { model, engine, ends: [hangup?, interrupt?, quit?, terminate?] })
    }

    /// Takes in what comes next: a message, or only time. Nothing is lost when it is not waited for.
    ///
    /// # Errors
    /// When code of ours crashed in a task.
    pub async fn turn(&mut self, end: Instant) -> io::Result<Waited> {
        let [hangup, interrupt, quit, terminate] = &mut self.ends;
        let heard = tokio::select! {
            biased;
            _ = hangup.recv() => return Ok(Waited::Asked(1)),
            _ = interrupt.recv() => return Ok(Waited::Asked(2)),
            _ = quit.recv() => return Ok(Waited::Asked(3)),
            _ = terminate.recv() => return Ok(Waited::Asked(15)),
            heard = self.engine.next() => Some(heard),
            () = sleep_until(end.min(Instant::now() + TICK)) => None,
        };
        let mut effects = update(&mut self.model, Msg::Tick(self.engine.clock.now()));
        match heard {
            Some(Heard::Msg(msg)) => effects.extend(update(&mut self.model, msg)),
            Some(Heard::Crash(what)) => {
                return Err(io::Error::other(format!(
                    "{what} crashed; what was under way is in the journal as in doubt"
                )));
            }
            None => {}
        }
        self.carry_out(effects);
        Ok(if Instant::now() >= end { Waited::Late } else { Waited::Holds })
    }

    /// Waits until the model is so.
    ///
    /// # Errors
    /// When code of ours crashed in a task.
    pub async fn until(&mut self, end: Instant, holds: impl Fn(&Model) -> bool) -> io::Result<Waited> {
        while !holds(&self.model) {
            match self.turn(end).await? {
                Waited::Holds => {}
                other if holds(&self.model) && other == Waited::Late => break,
                other => return Ok(other),
            }
        }
        Ok(Waited::Holds)
    }

    /// Looks until each of these sources has answered or failed.
    ///
    /// # Errors
    /// When code of ours crashed in a task.
    pub async fn look(&mut self, sources: &[SourceName], end: Instant) -> io::Result<Waited> {
        let told = |model: &Model, name: &SourceName| {
            model.world.source(name).is_none_or(|s| s.seen.is_some() || s.fault.is_some())
        };
        self.until(end, |model| sources.iter().all(|name| told(model, name))).await
    }

    /// Selects what is meant, and lets the sources answer what that raises: a plan rests on change sets.
    ///
    /// # Errors
    /// When code of ours crashed in a task.
    pub async fn aim(&mut self, at: &Aim) -> io::Result<Waited> {
        aim(&mut self.model, at);
        let end = Instant::now() + AFTERTHOUGHT;
        match self.until(end, |model| !model.unasked() && answered(model)).await? {
            asked @ Waited::Asked(_) => Ok(asked),
            // A plan without a change set says so; it is not worth more time.
            Waited::Holds | Waited::Late => Ok(Waited::Holds),
        }
    }

    /// What the verb can mean where the aim is, best first.
    ///
    /// # Errors
    /// A [`Refusal`] when it can mean nothing.
    pub fn offers(&self, verb: Verb) -> Result<Vec<Offer>, Refusal> {
        offer(verb, model_surroundings(&self.model)?)
    }

    /// Makes the plan for one of the offers, by index: the dialog opens, the source is looked at, the rules are asked.
    /// With a broken glass the rules that stand in the way are named in the plan instead of refused.
    ///
    /// # Errors
    /// When code of ours crashed in a task.
    pub async fn plan(
        &mut self,
        verb: Verb,
        chosen: usize,
        said: Said<'_>,
        glass: Glass,
    ) -> io::Result<Answer<Plan>> {
        self.model.overlays.clear();
        if let Err(refused) = self.open(verb) {
            return Ok(Answer::Refused(refused));
        }
        if let Some(dialog) = deed::dialog_mut(&mut self.model) {
            dialog.chosen = chosen.min(dialog.choices.len().saturating_sub(1));
            write(&mut dialog.reason, said.reason.unwrap_or_default());
            for (name, value) in said.answers {
                write(dialog.answers.entry(SafeText::new(name)).or_default(), value);
            }
        }
        if self.draft().is_some_and(|draft| matches!(draft, Draft::Asking(_))) {
            // Asked once more, with the choice and the reason in it; the first question is never carried out.
            let effects = deed::ask_for_plan(&mut self.model);
            self.carry_out(effects);
        }
        loop {
            let made = |model: &Model| !matches!(draft_of(model), Some(Draft::Asking(_)));
            match self.until(Instant::now() + PLAN, made).await? {
                Waited::Holds => {}
                Waited::Late => return Ok(refused("the plan was not made in time", "try again")),
                Waited::Asked(number) => return Ok(Answer::Asked(number)),
            }
            match self.dialog().map(|dialog| (&dialog.draft, dialog.glass)) {
                Some((Draft::Ready(plan), _)) => return Ok(known(plan, said.answers)),
                Some((Draft::Refused(refused), whole)) => {
                    let rules = !refused.breaches.is_empty();
                    if !rules || glass == Glass::Whole || whole == Glass::Broken {
                        return Ok(Answer::Refused(refused.clone()));
                    }
                    let effects = deed::break_glass(&mut self.model);
                    self.carry_out(effects);
                }
                _ => return Ok(refused("the plan is gone", "try again")),
            }
        }
    }

    /// Opens the dialog, or says why it does not open.
    fn open(&mut self, verb: Verb) -> Result<(), Refused> {
        let around = model_surroundings(&self.model)?;
        let offers = offer(verb, around)?;
        if let Err(refused) = barred(&offers, around)
            && refused.breaches.is_empty()
        {
            return Err(refused);
        }
        // Its question is asked later, once everything is filled in.
        deed::open(&mut self.model, verb);
        Ok(())
    }

    /// Confirms the plan that was shown, with the name that was typed, if the plan is still the same.
    ///
    /// # Errors
    /// When code of ours crashed in a task.
    pub async fn confirm(&mut self, shown: &Plan, name: Option<&str>) -> io::Result<Answer<ActionId>> {
        if let Some(dialog) = deed::dialog_mut(&mut self.model) {
            write(&mut dialog.name, name.unwrap_or_default());
        }
        let before = self.model.confirmed;
        // A plan that breaks the glass is confirmed twice.
        for _ in 0..2 {
            let awake = |model: &Model| match dialog_of(model) {
                Some(dialog) => {
                    let since = later(dialog.armed, dialog.opened);
                    !matches!(dialog.draft, Draft::Asking(_)) && model.now.since(since) >= DEAF
                }
                None => true,
            };
            match self.until(Instant::now() + PLAN, awake).await? {
                Waited::Holds => {}
                Waited::Late => return Ok(refused("the plan was not made in time", "try again")),
                Waited::Asked(number) => return Ok(Answer::Asked(number)),
            }
            match self.dialog().map(|dialog| &dialog.draft) {
                Some(Draft::Ready(plan)) if plan.fingerprint == shown.fingerprint => {}
                Some(Draft::Ready(plan)) => return Ok(Answer::Refused(another(shown, plan).into())),
                Some(Draft::Refused(refused)) => return Ok(Answer::Refused(refused.clone())),
                _ => return Ok(refused("the plan is gone", "make it anew")),
            }
            let effects = deed::confirm(&mut self.model);
            self.carry_out(effects);
            if self.model.confirmed > before {
                break;
            }
        }
        if self.model.confirmed > before
            && let Some(action) = self.model.actions.last()
        {
            return Ok(Answer::Done(action.id.clone()));
        }
        Ok(match self.dialog() {
            Some(Dialog { draft: Draft::Refused(refused), .. }) => Answer::Refused(refused.clone()),
            Some(Dialog { notice: Some(notice), .. }) => refused(notice.as_str(), "nothing was sent"),
            _ => refused("the plan had to be made anew", "try again"),
        })
    }

    /// Closes whatever is open.
    pub fn close(&mut self) {
        self.model.overlays.clear();
    }

    /// Asks the outside to look now, at every source.
    pub fn refresh(&mut self) {
        let effects = self.model.setup.sources.iter().cloned().map(Effect::Look).collect();
        self.carry_out(effects);
    }

    /// Asks for the newest lines of the journal.
    pub fn read_journal(&mut self) {
        self.model.records = None;
        self.carry_out(vec![Effect::ReadJournal]);
    }

    /// Leaves as the screen does: what is being sent gets a moment, what is not proved is recorded as in doubt.
    pub async fn leave(&mut self) {
        screen::leave(&mut self.model, &mut self.engine).await;
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            // There is no clipboard here, and nobody but the caller decides about the end.
            self.engine.carry_out(effect);
        }
    }

    fn dialog(&self) -> Option<&Dialog> {
        dialog_of(&self.model)
    }

    fn draft(&self) -> Option<&Draft> {
        draft_of(&self.model)
    }
}

fn dialog_of(model: &Model) -> Option<&Dialog> {
    match model.overlay() {
        Some(crate::app::model::Overlay::Dialog(dialog)) => Some(dialog),
        _ => None,
    }
}

fn draft_of(model: &Model) -> Option<&Draft> {
    dialog_of(model).map(|dialog| &dialog.draft)
}

/// When the deaf time began last: when the dialog opened or changed, or when it was confirmed for the first time.
fn later(armed: Option<Now>, opened: Now) -> Now {
    armed.filter(|armed| armed.mono > opened.mono).unwrap_or(opened)
}

/// The plan, if every value that was given for it is one that it asks for.
fn known(plan: &Plan, answers: &[(String, String)]) -> Answer<Plan> {
    let names: Vec<&str> = plan.prepared.form.iter().map(|field| field.name.as_str()).collect();
    match answers.iter().find(|(name, _)| !names.contains(&SafeText::new(name).as_str())) {
        None => Answer::Done(plan.clone()),
        Some((name, _)) if names.is_empty() => {
            refused(&format!("no value is asked for here, so none called {name:?} is sent"), "leave it out")
        }
        Some((name, _)) => {
            let next = format!("it asks for {}", names.join(", "));
            refused(&format!("no value called {name:?} is asked for"), &next)
        }
    }
}

fn write(input: &mut crate::app::dialog::InputText, text: &str) {
    input.0 = tui_input::Input::new(SafeText::new(text).to_string());
}

fn refused<T>(cause: &str, next: &str) -> Answer<T> {
    Answer::Refused(Refusal::new(cause).next(next).into())
}

/// Why a plan that was shown is not confirmed: it is another one by now, and in what.
#[must_use]
pub fn another(shown: &Plan, now: &Plan) -> Refusal {
    let different: Vec<String> = compare(&shown.prepared, &now.prepared)
        .iter()
        .map(|d| format!("{} was {}, is {}", d.what, d.old, d.new))
        .collect();
    let how = if different.is_empty() { "what is wanted".to_owned() } else { different.join("; ") };
    Refusal::new(format!("the plan is another by now than the one that was shown: {how}"))
        .evidence(format!("{}, looked at just now", now.intent.source))
        .next("read the new plan, and decide again")
}
