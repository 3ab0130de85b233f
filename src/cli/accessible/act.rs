//! A deed in conversation: the plan is said, the question is asked, a typed word confirms, every step is said.

use tokio::time::Instant;

use super::command::Deed;
use super::{LONG, Next, Talk, tell};
use crate::action::policy::{JUSTIFICATION, policy_of};
use crate::action::{Glass, Plan, Refused};
use crate::app::aim::Aim;
use crate::app::model::ActionStage;
use crate::cli::Failure;
use crate::cli::ask::{Asked, Stream, question};
use crate::cli::deed::pick::{self, Candidate, Unclear, Wish};
use crate::cli::deed::words;
use crate::domain::service::ReasonRule;
use crate::domain::{ActionId, SafeText, Verb};
use crate::runtime::headless::desk::{Answer, Said, Waited};
use crate::runtime::headless::lines::Hand;

/// A step of the conversation that may end the deed: with what comes next instead.
type Step<T> = Result<Result<T, Next>, Failure>;

/// Hands on what comes next instead of the deed.
macro_rules! go_on {
    ($step:expr) => {
        match $step? {
            Ok(value) => value,
            Err(next) => return Ok(next),
        }
    };
}

impl Talk {
    pub(super) async fn act(&mut self, deed: Deed) -> Result<Next, Failure> {
        let wish = self.wish(&deed);
        let aim = match self.aim(&deed, &wish) {
            Ok(aim) => aim,
            Err(unclear) => return no(unclear),
        };
        if let Waited::Asked(number) = self.desk.aim(&aim).await? {
            return Ok(Next::Signal(number));
        }
        let offers = match self.desk.offers(deed.verb) {
            Ok(offers) => offers,
            Err(refusal) => return refused(&refusal.into(), &[]),
        };
        let chosen = match pick::choose(&self.desk.model, &wish, &offers) {
            Ok(chosen) => chosen,
            Err(unclear) => return no(unclear),
        };
        let required = offers.get(chosen).is_some_and(|offer| {
            let service = self.desk.model.service(&offer.intent.service);
            service.is_some_and(|s| policy_of(&offer.intent, s).reason == ReasonRule::Required)
        });
        let reason = match &deed.reason {
            None if required => Some(go_on!(self.ask("A reason is required. Why? ").await)),
            given => given.clone(),
        };
        let mut answers = Vec::new();
        let plan = loop {
            let plan = go_on!(self.plan(&deed, chosen, reason.as_deref(), &answers).await);
            tell(&words::plan(&plan))?;
            if deed.only_plan || plan.prepared.form.is_empty() {
                break plan;
            }
            let said = go_on!(self.ask("To change a value say NAME=VALUE; enter keeps them all: ").await);
            if said.trim().is_empty() {
                break plan;
            }
            match said.split_once('=') {
                Some((name, value)) => answers.push((name.trim().to_owned(), value.trim().to_owned())),
                None => tell(&[format!("{said} is not NAME=VALUE: no value was changed.")])?,
            }
        };
        if deed.only_plan {
            self.desk.close();
            tell(&["That is the plan; nothing was sent.".to_owned()])?;
            return Ok(Next::GoOn);
        }
        let name = go_on!(self.confirmation(&plan).await);
        match self.desk.confirm(&plan, Some(&name)).await? {
            Answer::Done(id) => self.follow(id).await,
            Answer::Refused(why) => {
                self.desk.close();
                refused(&why, &[])
            }
            Answer::Asked(number) => Ok(Next::Signal(number)),
        }
    }

    fn wish(&self, deed: &Deed) -> Wish {
        let selected = self.desk.model.selected.as_ref().map(ToString::to_string).unwrap_or_default();
        let named = deed.what.clone().unwrap_or_else(|| selected.clone());
        let by_number = named.parse::<usize>().ok().and_then(|n| {
            let service = self.desk.model.setup.services.get(n.checked_sub(1)?)?;
            Some(service.name.to_string())
        });
        let decides = matches!(deed.verb, Verb::Approve | Verb::Reject);
        let service = by_number.filter(|_| !decides).unwrap_or(named);
        // Who has selected an environment means that one, as on the screen.
        let here = (service == selected && !decides)
            .then(|| {
                self.desk.model.environments.contains_key(self.desk.model.selected.as_ref()?).then_some(())
            })
            .flatten()
            .and_then(|()| Some(self.desk.model.selected_environment()?.name.to_string()));
        let environment = deed.environment.clone().or(here);
        Wish { verb: deed.verb, service, environment, which: deed.which.clone() }
    }

    /// What is meant: a gate by the number that was said for it, anything else by name.
    fn aim(&self, deed: &Deed, wish: &Wish) -> Result<Aim, Unclear> {
        let decides = matches!(deed.verb, Verb::Approve | Verb::Reject);
        let number = deed.what.as_deref().filter(|_| decides).and_then(|what| what.parse::<usize>().ok());
        let Some(number) = number else { return pick::aim(&self.desk.model, wish) };
        let key = number.checked_sub(1).and_then(|index| self.gates.get(index)).ok_or_else(|| {
            Unclear::Unknown(format!(
                "Nothing that waits has the number {number}. Say inbox for the numbers."
            ))
        })?;
        let gates = &self.desk.model.inbox;
        let environment =
            gates.iter().find(|g| &g.value.key == key).and_then(|g| g.value.environment.clone());
        Ok(Aim { service: key.run.service.clone(), environment, gate: Some(key.clone()) })
    }

    /// The plan; where only rules stand in the way, the glass may be broken for it.
    async fn plan(
        &mut self,
        deed: &Deed,
        chosen: usize,
        reason: Option<&str>,
        answers: &[(String, String)],
    ) -> Step<Plan> {
        let said = Said { reason, answers };
        let why = match self.desk.plan(deed.verb, chosen, said, Glass::Whole).await? {
            Answer::Done(plan) => return Ok(Ok(plan)),
            Answer::Asked(number) => return Ok(Err(Next::Signal(number))),
            Answer::Refused(why) => why,
        };
        tell(&words::refused(&why, &[]))?;
        self.desk.close();
        if why.breaches.is_empty() || deed.only_plan {
            return Ok(Err(Next::GoOn));
        }
        let said = match self.ask("Type break glass to override it, anything else to leave it: ").await? {
            Ok(said) => said,
            Err(next) => return Ok(Err(next)),
        };
        if said != "break glass" {
            return left().map(Err);
        }
        let enough = |text: &String| text.chars().count() >= JUSTIFICATION;
        let reason = match reason.map(str::to_owned).filter(enough) {
            Some(reason) => reason,
            None => {
                let prompt = format!("Justify it in at least {JUSTIFICATION} characters: ");
                match self.ask(&prompt).await? {
                    Ok(reason) => reason,
                    Err(next) => return Ok(Err(next)),
                }
            }
        };
        match self
            .desk
            .plan(deed.verb, chosen, Said { reason: Some(&reason), answers }, Glass::Broken)
            .await?
        {
            Answer::Done(plan) => Ok(Ok(plan)),
            Answer::Asked(number) => Ok(Err(Next::Signal(number))),
            Answer::Refused(why) => {
                self.desk.close();
                refused(&why, &[]).map(Err)
            }
        }
    }

    /// The typed word that confirms; the second one, too, where the glass is broken.
    async fn confirmation(&mut self, plan: &Plan) -> Step<String> {
        let name = plan.phrase.as_ref().map(ToString::to_string);
        let typed = name.clone().unwrap_or_else(|| "yes".to_owned());
        let rules: Vec<&str> = plan.overrides.iter().map(|b| b.rule.word()).collect();
        let mut questions = vec![(format!("Type {typed} to confirm, anything else to leave it: "), typed)];
        if plan.breaks_glass() {
            let prompt = format!("This overrides {}. Type override to do it: ", rules.join(", "));
            questions.push((prompt, "override".to_owned()));
        }
        for (prompt, wanted) in questions {
            match self.ask(&prompt).await? {
                Ok(said) if said == wanted => {}
                Ok(_) => {
                    self.desk.close();
                    return left().map(Err);
                }
                Err(next) => return Ok(Err(next)),
            }
        }
        Ok(Ok(name.unwrap_or_default()))
    }

    async fn ask(&mut self, prompt: &str) -> Step<String> {
        Ok(match question(&mut self.desk, &mut self.lines, prompt, Stream::Out).await? {
            Asked::Said(line) => Ok(line),
            Asked::Nothing => Err(Next::Quit),
            Asked::End(number) => Err(Next::Signal(number)),
        })
    }

    pub(super) async fn follow_newest(&mut self) -> Result<Next, Failure> {
        let open = self.desk.model.in_flight().last().map(|a| a.id.clone());
        match open.or_else(|| self.desk.model.actions.last().map(|a| a.id.clone())) {
            Some(id) => self.follow(id).await,
            None => {
                tell(&["Nothing was done yet in this session.".to_owned()])?;
                Ok(Next::GoOn)
            }
        }
    }

    /// Says each step until the outcome. A person may go on with something else: the next line ends it.
    async fn follow(&mut self, id: ActionId) -> Result<Next, Failure> {
        if self.steps.0.as_ref() != Some(&id) {
            self.steps = (Some(id.clone()), 0);
        }
        if let Some(action) = self.desk.model.action(&id) {
            tell(&[format!("Following: {}.", action.plan.title)])?;
        }
        loop {
            let Some(action) = self.desk.model.action(&id) else { return Ok(Next::GoOn) };
            let new = action.trail.get(self.steps.1..).unwrap_or_default();
            self.steps.1 = action.trail.len();
            tell(&new.iter().map(|(_, text)| format!("{text}.")).collect::<Vec<_>>())?;
            if let ActionStage::Ended(outcome) = &action.stage {
                if new.is_empty() {
                    tell(&[format!("{}: {}.", outcome.word(), outcome.text())])?;
                }
                let text = format!("{}: {}: {}", action.plan.title, outcome.word(), outcome.text());
                self.followed.push(SafeText::new(&text));
                return Ok(Next::GoOn);
            }
            tokio::select! {
                biased;
                line = self.lines.next(), if self.lines.hand == Hand::Person => {
                    return Ok(match line? {
                        None => Next::Quit,
                        Some(line) if line.is_empty() => Next::GoOn,
                        Some(line) => Next::Line(line),
                    });
                }
                waited = self.desk.turn(Instant::now() + LONG) => {
                    if let Waited::Asked(number) = waited? {
                        return Ok(Next::Signal(number));
                    }
                }
            }
        }
    }
}

fn refused(why: &Refused, candidates: &[Candidate]) -> Result<Next, Failure> {
    tell(&words::refused(why, candidates))?;
    Ok(Next::GoOn)
}

fn no(unclear: Unclear) -> Result<Next, Failure> {
    match unclear {
        Unclear::Unknown(text) => {
            tell(&[text])?;
            Ok(Next::GoOn)
        }
        Unclear::Refused(refusal, candidates) => refused(&refusal.into(), &candidates),
    }
}

fn left() -> Result<Next, Failure> {
    tell(&["Left; nothing was sent.".to_owned()])?;
    Ok(Next::GoOn)
}
