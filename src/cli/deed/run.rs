//! From the words of a command to an exit code: look, plan, show, confirm, follow.

use std::io::{self, IsTerminal};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::pick::{self, Candidate, Unclear, Wish};
use super::{Args, words};
use crate::action::policy::{JUSTIFICATION, policy_of};
use crate::action::{Glass, Plan, Refused};
use crate::app::Model;
use crate::app::model::{Action, ActionStage, Answered, Origin};
use crate::cli::ask::{Ask, Asked};
use crate::cli::start::{Purpose, Started, start};
use crate::cli::{Common, Done, Failure, Surroundings, code, json, say};
use crate::domain::service::ReasonRule;
use crate::domain::{ActionId, Intent, Outcome, Refusal};
use crate::runtime::headless::desk::{Answer, Desk, Said, Waited};

/// How long the sources may take to answer first: longer than for a screen, which goes on without those that hang. A
/// command that acts has nothing to go on with.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// How a command ended.
#[derive(Debug)]
enum End {
    /// The plan was made, and nothing more was asked for.
    Planned,
    /// It would not be done, or was not confirmed; nothing was sent.
    Refused(Refused, Vec<Candidate>),
    /// It was confirmed.
    Begun(ActionId),
}

/// What there is to say in the end.
struct Told {
    plan: Option<Plan>,
    end: End,
    /// Why following ended before the outcome, if it did.
    left: Option<String>,
}

/// Does what was asked for.
pub(super) async fn run(wish: &Wish, args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    // A process that only makes a plan could not send anything if it wanted to, and records nothing.
    let purpose = if args.dry_run { Purpose::Look } else { Purpose::Act };
    let Started { model, engine, .. } = start(common, surroundings, purpose, None)?;
    let mut desk = Desk::new(model, engine)?;
    let told = work(&mut desk, wish, args).await;
    if purpose == Purpose::Act {
        desk.leave().await;
    }
    let told = told?;
    let code = code_of(&told, &desk.model);
    if args.json {
        let text = serde_json::to_string_pretty(&document(wish, &told, &desk.model, code))
            .map_err(|error| Failure::new(code::FAILED, error.to_string()))?;
        say(&format!("{text}\n"))?;
    } else {
        say(&ending(&told, &desk.model))?;
    }
    Ok(code)
}

async fn work(desk: &mut Desk, wish: &Wish, args: &Args) -> Result<Told, Failure> {
    let refused = |refused: Refused, candidates| Told {
        plan: None,
        end: End::Refused(refused, candidates),
        left: None,
    };
    let asked = |number| refused(interrupted(number), Vec::new());
    let service = desk.model.setup.services.iter().find(|s| s.name.as_str() == wish.service);
    let sources: Vec<_> = service.iter().flat_map(|s| s.sources().cloned()).collect();
    if let Waited::Asked(number) = desk.look(&sources, Instant::now() + FIRST_LOOK).await? {
        return Ok(asked(number));
    }
    let aim = match pick::aim(&desk.model, wish) {
        Ok(aim) => aim,
        Err(Unclear::Unknown(text)) => return Err(Failure::new(code::USAGE, text)),
        Err(Unclear::Refused(refusal, candidates)) => return Ok(refused(refusal.into(), candidates)),
    };
    if let Some(number) = take_up(desk, wish, args).await? {
        return Ok(asked(number));
    }
    if let Waited::Asked(number) = desk.aim(&aim).await? {
        return Ok(asked(number));
    }
    let offers = match desk.offers(wish.verb) {
        Ok(offers) => offers,
        Err(refusal) => return Ok(refused(refusal.into(), Vec::new())),
    };
    let chosen = match pick::choose(&desk.model, wish, &offers) {
        Ok(chosen) => chosen,
        Err(Unclear::Unknown(text)) => return Err(Failure::new(code::USAGE, text)),
        Err(Unclear::Refused(refusal, candidates)) => return Ok(refused(refusal.into(), candidates)),
    };
    let mut ask = Ask::default();
    let reason = match offers.get(chosen).map(|offer| &offer.intent) {
        Some(intent) => match reason(desk, intent, args, &mut ask).await? {
            Ok(reason) => reason,
            Err(no) => return Ok(refused(no, Vec::new())),
        },
        None => None,
    };
    let said = Said { reason: reason.as_deref(), answers: &args.set };
    let plan = match desk.plan(wish.verb, chosen, said, args.glass()).await? {
        Answer::Done(plan) => plan,
        Answer::Refused(no) => return Ok(refused(no, Vec::new())),
        Answer::Asked(number) => return Ok(asked(number)),
    };
    with_plan(desk, plan, args, &mut ask).await
}

/// The plan is made: show it, confirm it, follow it.
async fn with_plan(desk: &mut Desk, plan: Plan, args: &Args, ask: &mut Ask) -> Result<Told, Failure> {
    if !args.json {
        say(&lines(&words::plan(&plan)))?;
    }
    let told = |end, left| Told { plan: Some(plan.clone()), end, left };
    let refused = |refused: Refused| told(End::Refused(refused, Vec::new()), None);
    if let Some(expected) = &args.expect
        && expected != plan.fingerprint.as_str()
    {
        let another = Refusal::new(
            "the plan is another than the expected one: the world moved since, or something else is asked for",
        )
            .evidence(format!("its fingerprint is {}", plan.fingerprint))
            .next("read the new plan (--dry-run), and decide again");
        return Ok(refused(another.into()));
    }
    if args.dry_run {
        return Ok(told(End::Planned, None));
    }
    let name = match confirmation(desk, &plan, args, ask).await? {
        Ok(name) => name,
        Err(no) => return Ok(refused(no)),
    };
    let id = match desk.confirm(&plan, Some(&name)).await? {
        Answer::Done(id) => id,
        Answer::Refused(no) => return Ok(refused(no)),
        Answer::Asked(number) => return Ok(refused(interrupted(number))),
    };
    let left = follow(desk, &id, args, Instant::now() + args.timeout).await?;
    Ok(told(End::Begun(id), left))
}

/// What earlier sessions left open about the same service comes first: a second try on something that may have
/// happened is refused until that is known.
async fn take_up(desk: &mut Desk, wish: &Wish, args: &Args) -> Result<Option<i32>, Failure> {
    let end = Instant::now() + args.timeout;
    let earlier = |action: &&Action| {
        matches!(action.origin, Origin::Earlier { .. }) && action.plan.intent.service.as_str() == wish.service
    };
    let ids: Vec<ActionId> = desk.model.actions.iter().filter(earlier).map(|a| a.id.clone()).collect();
    for id in ids {
        if let (Some(action), false) = (desk.model.action(&id), args.json) {
            say(&format!("left by an earlier session: {}\n", action.plan.title))?;
        }
        let mut steps = Steps::default();
        loop {
            steps.say(&desk.model, &id, args)?;
            if ended(&desk.model, &id) {
                break;
            }
            match desk.turn(end).await? {
                Waited::Asked(number) => return Ok(Some(number)),
                Waited::Late => break,
                Waited::Holds => {}
            }
        }
    }
    Ok(None)
}

/// The reason, if one is given or must be. It is part of the plan, so it comes before.
async fn reason(
    desk: &mut Desk,
    intent: &Intent,
    args: &Args,
    ask: &mut Ask,
) -> io::Result<Result<Option<String>, Refused>> {
    let rule = desk.model.service(&intent.service).map(|service| policy_of(intent, service).reason);
    let glass = args.glass() == Glass::Broken;
    let least = if glass { JUSTIFICATION } else { 1 };
    let enough = |text: &str| text.trim().chars().count() >= least;
    match &args.reason {
        Some(reason) if enough(reason) => return Ok(Ok(Some(reason.clone()))),
        None if rule != Some(ReasonRule::Required) && !glass => return Ok(Ok(None)),
        _ => {}
    }
    let missing = if glass {
        format!("breaking the glass wants a reason of at least {JUSTIFICATION} characters")
    } else {
        "a reason is required".to_owned()
    };
    if args.reason.is_none() && can_ask() {
        match ask.line(desk, "reason: ").await? {
            Asked::Said(text) if enough(&text) => return Ok(Ok(Some(text))),
            Asked::Said(_) | Asked::Nothing => {}
            Asked::End(number) => return Ok(Err(interrupted(number))),
        }
    }
    Ok(Err(Refusal::new(missing).evidence("the policy in the config").next("give it with --reason").into()))
}

/// The name that confirms, as it was given or is typed now.
async fn confirmation(
    desk: &mut Desk,
    plan: &Plan,
    args: &Args,
    ask: &mut Ask,
) -> io::Result<Result<String, Refused>> {
    let name = plan.phrase.as_ref().map_or_else(|| plan.intent.service.to_string(), ToString::to_string);
    let wants = words::confirmation(plan);
    let (flag, typed) = match &plan.phrase {
        Some(phrase) => (format!("--confirm {phrase}"), phrase.to_string()),
        None => ("--yes".to_owned(), "yes".to_owned()),
    };
    if let Some(given) = &args.confirm {
        let wrong = Refusal::new(format!("{given:?} does not confirm this plan"))
            .evidence(format!("the plan wants {wants}"))
            .next(format!("give {flag}"));
        return Ok(if *given == name { Ok(name) } else { Err(wrong.into()) });
    }
    if args.yes && plan.phrase.is_none() {
        return Ok(Ok(name));
    }
    if !can_ask() {
        let why = Refusal::new("it is not confirmed, and there is no terminal to ask on")
            .evidence(format!("the plan wants {wants}"))
            .next(format!("give {flag}"));
        return Ok(Err(why.into()));
    }
    let no = || {
        let why = Refusal::new("it was not confirmed")
            .evidence("what was typed")
            .next("nothing was sent; run it again to decide anew");
        Refused::from(why)
    };
    match ask.line(desk, &format!("type {typed} to confirm, anything else to leave it: ")).await? {
        Asked::Said(text) if text == typed => {}
        Asked::Said(_) | Asked::Nothing => return Ok(Err(no())),
        Asked::End(number) => return Ok(Err(interrupted(number))),
    }
    if plan.breaks_glass() {
        let rules: Vec<&str> = plan.overrides.iter().map(|b| b.rule.word()).collect();
        let prompt = format!("this overrides {}: type override to do it: ", rules.join(", "));
        match ask.line(desk, &prompt).await? {
            Asked::Said(text) if text == "override" => {}
            Asked::Said(_) | Asked::Nothing => return Ok(Err(no())),
            Asked::End(number) => return Ok(Err(interrupted(number))),
        }
    }
    Ok(Ok(name))
}

/// Questions are asked on standard error and answered on standard input: both must be a terminal.
fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn interrupted(number: i32) -> Refused {
    Refusal::new(format!("signal {number} came before it was confirmed"))
        .evidence("nothing was recorded")
        .next("nothing was sent")
        .into()
}

/// Says each step of an action once.
#[derive(Default)]
struct Steps(usize);

impl Steps {
    fn say(&mut self, model: &Model, id: &ActionId, args: &Args) -> Result<(), Failure> {
        let Some(action) = model.action(id) else { return Ok(()) };
        let new = action.trail.get(self.0..).unwrap_or_default();
        self.0 = action.trail.len();
        if args.json {
            return Ok(());
        }
        say(&new.iter().map(|(at, text)| format!("{} {text}\n", at.wall.strftime("%T"))).collect::<String>())
    }
}

/// Follows an action to its outcome. Returns why it was left before, if it was.
async fn follow(
    desk: &mut Desk,
    id: &ActionId,
    args: &Args,
    end: Instant,
) -> Result<Option<String>, Failure> {
    let mut steps = Steps::default();
    loop {
        steps.say(&desk.model, id, args)?;
        if ended(&desk.model, id) {
            return Ok(None);
        }
        let answered = desk.model.action(id).is_some_and(|a| a.answered != Answered::NotYet);
        if args.no_wait && answered {
            return Ok(Some("not waited for, as asked".to_owned()));
        }
        match desk.turn(end).await? {
            Waited::Holds => {}
            Waited::Late => return Ok(Some("not proved in the time given".to_owned())),
            Waited::Asked(number) => return Ok(Some(format!("signal {number} came before it was proved"))),
        }
    }
}

fn ended(model: &Model, id: &ActionId) -> bool {
    outcome(model, id).is_some()
}

fn outcome<'a>(model: &'a Model, id: &ActionId) -> Option<&'a Outcome> {
    match &model.action(id)?.stage {
        ActionStage::Ended(outcome) => Some(outcome),
        _ => None,
    }
}

/// What the exit code says: refused means that nothing was sent.
fn code_of(told: &Told, model: &Model) -> u8 {
    let id = match &told.end {
        End::Planned => return code::OK,
        End::Refused(..) => return code::REFUSED,
        End::Begun(id) => id,
    };
    let sent = model.action(id).is_some_and(|a| a.sent.is_some());
    match outcome(model, id) {
        Some(Outcome::Verified(_)) => code::OK,
        Some(Outcome::NotApplied(_)) if !sent => code::REFUSED,
        Some(Outcome::NotApplied(_) | Outcome::Failed(_)) => code::FAILED,
        Some(Outcome::InDoubt(_)) | None => code::IN_DOUBT,
    }
}

const fn word_of(code: u8) -> &'static str {
    match code {
        code::OK => "done",
        code::REFUSED => "refused",
        code::IN_DOUBT => "in-doubt",
        _ => "failed",
    }
}

/// The last lines: the outcome was said as the last step, unless there is none.
fn ending(told: &Told, model: &Model) -> String {
    match &told.end {
        End::Planned => "dry run: nothing was sent, nothing was recorded\n".to_owned(),
        End::Refused(refused, candidates) => lines(&words::refused(refused, candidates)),
        End::Begun(id) => {
            let known = match model.action(id).map(|action| (action, &action.stage)) {
                Some((_, ActionStage::Ended(_))) => return String::new(),
                Some((_, ActionStage::Proving(what))) => what.to_string(),
                Some((action, _)) => action.trail.last().map(|(_, t)| t.to_string()).unwrap_or_default(),
                None => String::new(),
            };
            let why = told.left.as_deref().unwrap_or("left before it was proved");
            format!(
                "in doubt: {why}; what is known: {known}\n\
                 the journal keeps it open, and the next start finds out by looking; it is never sent again\n"
            )
        }
    }
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn document(wish: &Wish, told: &Told, model: &Model, code: u8) -> serde_json::Value {
    let (refusal, id) = match &told.end {
        End::Planned => (None, None),
        End::Refused(refused, candidates) => (Some(json::refusal(refused, candidates)), None),
        End::Begun(id) => (None, Some(id)),
    };
    let earlier = model.actions.iter().filter(|a| matches!(a.origin, Origin::Earlier { .. }));
    json!({
        "schema": json::SCHEMA,
        "kind": "action",
        "time": model.now.wall,
        "verb": wish.verb,
        "service": wish.service,
        "result": if matches!(told.end, End::Planned) { "planned" } else { word_of(code) },
        "exit": code,
        "plan": told.plan.as_ref().map(json::plan),
        "refusal": refusal,
        "action": id.and_then(|id| model.action(id)).map(json::action),
        "left": told.left,
        "earlier": earlier.map(json::action).collect::<Vec<_>>(),
    })
}
