//! `ACCESSIBLE=1 gonogo`: the cockpit line by line, for a screen reader, a dumb terminal or a pipe. No cursor moves, no
//! colour, no box: sentences, then a prompt. What is said, refused, confirmed and proved is what the screen would show.
//!
//! What happens meanwhile is said between prompts, never into a line that is being typed; an empty line listens.

mod act;
mod command;
mod speak;

use std::time::Duration;

use tokio::time::Instant;

use super::start::{Purpose, Started, start};
use super::{Common, Done, Failure, Surroundings, code, say};
use crate::app::activity::{Event, EventKind};
use crate::app::aim::Aim;
use crate::app::model::ActionStage;
use crate::domain::{ActionId, GateKey, SafeText};
use crate::runtime::headless;
use crate::runtime::headless::desk::{Desk, Waited};
use crate::runtime::headless::lines::{Hand, Lines};
use command::Said;

/// How long one wait is; the loop waits again after it.
const LONG: Duration = Duration::from_secs(3_600);

/// Whether the operator asked for it: by the option, or by `ACCESSIBLE` set to anything but nothing, `0` or `no`.
pub(super) fn wanted(common: &Common, surroundings: &Surroundings) -> bool {
    common.accessible || surroundings.var("ACCESSIBLE").is_some_and(|v| !matches!(v, "0" | "no" | "false"))
}

/// The conversation.
struct Talk {
    desk: Desk,
    lines: Lines,
    /// The gates as they were last numbered: a number means the gate that it was said for.
    gates: Vec<GateKey>,
    /// The newest event that was said.
    heard: Option<Event>,
    /// Ends that were said as they were followed, and are no news any more.
    followed: Vec<SafeText>,
    /// How many steps of the newest action were said.
    steps: (Option<ActionId>, usize),
    /// Whether `quit` was said once while something is being proved.
    leaving: bool,
}

/// Why the conversation ends, or that it does not.
enum Next {
    GoOn,
    /// A line came while something was followed: it is the next command.
    Line(SafeText),
    Quit,
    Signal(i32),
}

/// Talks until the operator leaves, the input ends or a signal comes.
pub(super) async fn run(common: &Common, surroundings: &Surroundings, banner: Option<&str>) -> Done {
    let Started { model, engine, .. } = start(common, surroundings, Purpose::Act, banner)?;
    let mut talk = Talk {
        desk: Desk::new(model, engine)?,
        lines: Lines::start()?,
        gates: Vec::new(),
        heard: None,
        followed: Vec::new(),
        steps: (None, 0),
        leaving: false,
    };
    let ended = talk.talk(banner).await;
    let open = talk.desk.model.in_flight().count();
    talk.desk.leave().await;
    let ended = ended?;
    talk.farewell()?;
    Ok(match ended {
        Next::Signal(number) => u8::try_from(128 + number).unwrap_or(code::FAILED),
        _ if open > 0 => code::IN_DOUBT,
        _ => code::OK,
    })
}

impl Talk {
    async fn talk(&mut self, banner: Option<&str>) -> Result<Next, Failure> {
        let sources = self.desk.model.setup.sources.clone();
        let mut greeting: Vec<String> = banner.iter().map(|banner| (*banner).to_owned()).collect();
        greeting.push(format!("gonogo, line by line. Asking {} sources.", sources.len()));
        tell(&greeting)?;
        if let Waited::Asked(number) = self.desk.look(&sources, Instant::now() + headless::ANSWER).await? {
            return Ok(Next::Signal(number));
        }
        // What was known from the start is no news.
        self.heard = self.desk.model.activity.back().cloned();
        tell(&speak::summary(&self.desk.model))?;
        self.inbox()?;
        tell(&["Say help for the commands. An empty line listens.".to_owned()])?;
        let mut waiting: Option<SafeText> = None;
        loop {
            let line = match waiting.take() {
                Some(line) => line,
                None => match self.prompt().await? {
                    Next::Line(line) => line,
                    other => return Ok(other),
                },
            };
            match self.hear(line.as_str()).await? {
                Next::GoOn => {}
                Next::Line(line) => waiting = Some(line),
                end => return Ok(end),
            }
        }
    }

    /// Says what is new, and waits for a line.
    async fn prompt(&mut self) -> Result<Next, Failure> {
        self.news()?;
        say("gonogo> ")?;
        self.line().await
    }

    /// The next line; nothing is said while it is being typed.
    async fn line(&mut self) -> Result<Next, Failure> {
        loop {
            tokio::select! {
                biased;
                line = self.lines.next() => return Ok(line?.map_or(Next::Quit, Next::Line)),
                waited = self.desk.turn(Instant::now() + LONG) => {
                    if let Waited::Asked(number) = waited? {
                        return Ok(Next::Signal(number));
                    }
                }
            }
        }
    }

    /// Says what happens as it happens, until a line comes.
    async fn listen(&mut self) -> Result<Next, Failure> {
        if self.lines.hand == Hand::Script {
            return Ok(Next::GoOn);
        }
        tell(&["Listening. Type a command, or an empty line, to stop.".to_owned()])?;
        loop {
            self.news()?;
            tokio::select! {
                biased;
                line = self.lines.next() => {
                    let line = line?;
                    return Ok(match line {
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

    /// Does what a line says.
    async fn hear(&mut self, line: &str) -> Result<Next, Failure> {
        let said = match command::parse(line) {
            Ok(said) => said,
            Err(why) => {
                tell(&[why])?;
                return Ok(Next::GoOn);
            }
        };
        if !matches!(said, Said::Quit) {
            self.leaving = false;
        }
        match said {
            Said::Nothing => return self.listen().await,
            Said::Help => tell(&command::help())?,
            Said::Status => {
                tell(&speak::summary(&self.desk.model))?;
                self.inbox()?;
            }
            Said::Services => tell(&speak::services(&self.desk.model))?,
            Said::Inbox => self.inbox()?,
            Said::Sources => tell(&speak::sources(&self.desk.model))?,
            Said::Service(which, environment) => {
                if self.select(&which, environment.as_deref()).await? {
                    tell(&speak::service(&self.desk.model))?;
                }
            }
            Said::Why(which) => {
                if self.select_some(which).await? {
                    tell(&speak::why(&self.desk.model))?;
                }
            }
            Said::Changes(which) => {
                if self.select_some(which).await? {
                    tell(&speak::changes(&self.desk.model))?;
                }
            }
            Said::Journal => return self.journal().await,
            Said::Look => {
                self.desk.refresh();
                tell(&["Looking at every source now; say status or listen.".to_owned()])?;
            }
            Said::Act(deed) => return self.act(deed).await,
            Said::Follow => return self.follow_newest().await,
            Said::Quit => return self.quit(),
        }
        Ok(Next::GoOn)
    }

    /// Numbers what waits, and says it.
    fn inbox(&mut self) -> Result<(), Failure> {
        self.gates = self.desk.model.inbox.iter().map(|g| g.value.key.clone()).collect();
        tell(&speak::inbox(&self.desk.model))
    }

    /// Selects a service by name or number, and an environment by name. Says so if there is none of that name.
    async fn select(&mut self, which: &str, environment: Option<&str>) -> Result<bool, Failure> {
        let services = &self.desk.model.setup.services;
        let by_number = which.parse::<usize>().ok().and_then(|n| services.get(n.checked_sub(1)?));
        let Some(service) = services.iter().find(|s| s.name.as_str() == which).or(by_number) else {
            tell(&[format!("No service is called {which}. Say services for their names.")])?;
            return Ok(false);
        };
        let found = environment.map(|name| service.environments.iter().find(|e| e.name.as_str() == name));
        if let (Some(None), Some(name)) = (found, environment) {
            tell(&[format!("{} has no environment {name}.", service.name)])?;
            return Ok(false);
        }
        let environment = found.flatten().map(|e| e.name.clone());
        let aim = Aim { service: service.name.clone(), environment, gate: None };
        self.desk.aim(&aim).await?;
        Ok(true)
    }

    async fn select_some(&mut self, which: Option<String>) -> Result<bool, Failure> {
        match which {
            Some(which) => self.select(&which, None).await,
            None => Ok(true),
        }
    }

    async fn journal(&mut self) -> Result<Next, Failure> {
        self.desk.read_journal();
        let end = Instant::now() + Duration::from_secs(10);
        if let Waited::Asked(number) = self.desk.until(end, |model| model.records.is_some()).await? {
            return Ok(Next::Signal(number));
        }
        tell(&speak::journal(&self.desk.model))?;
        Ok(Next::GoOn)
    }

    /// Everything that happened since it was last asked.
    fn news(&mut self) -> Result<(), Failure> {
        let activity = &self.desk.model.activity;
        let known = self.heard.as_ref().and_then(|heard| activity.iter().rposition(|e| e == heard));
        let new = activity.iter().skip(known.map_or(0, |at| at + 1));
        let worth = |e: &&Event| e.kind != EventKind::Deed && !self.followed.contains(&e.text);
        let lines: Vec<String> = new.filter(worth).map(speak::event).collect();
        self.heard = activity.back().cloned();
        tell(&lines)
    }

    fn quit(&mut self) -> Result<Next, Failure> {
        let open = self.desk.model.in_flight().count();
        if open == 0 || self.leaving {
            return Ok(Next::Quit);
        }
        self.leaving = true;
        tell(&[format!(
            "{open} action(s) still being proved: say quit again to leave; they end as in doubt. Say follow to wait."
        )])?;
        Ok(Next::GoOn)
    }

    /// What was done in this session, and what is left open.
    fn farewell(&self) -> Result<(), Failure> {
        let done = self.desk.model.actions.iter().map(|action| match &action.stage {
            ActionStage::Ended(outcome) => {
                format!("{}: {}: {}", action.plan.title, outcome.word(), outcome.text())
            }
            _ => format!("{}: in doubt: left before it was proved", action.plan.title),
        });
        let mut lines: Vec<String> = done.collect();
        lines.push("Goodbye.".to_owned());
        tell(&lines)
    }
}

/// Says lines, in words that a voice can read.
fn tell(lines: &[String]) -> Result<(), Failure> {
    say(&lines.iter().map(|line| format!("{}\n", speak::plainly(line))).collect::<String>())
}
