//! What the terminal around the screen says: title, progress, and a call when somebody looks elsewhere.
//!
//! Decides nothing about releases: [`crate::app::outward`] says what; this knows what was said last, who looks, and
//! what the terminal understands.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::ability::{Ability, Call};
use super::terminal;
use crate::app::Model;
use crate::app::outward::{self, Advance, News};
use crate::domain::SafeText;
use crate::provider::child::notice;

/// The same news is told once within this time.
const ONCE: Duration = Duration::from_secs(60);

/// Programs that are told at the same time, at most.
const AT_ONCE: usize = 4;

/// Characters of a notice.
const LONGEST: usize = 200;

/// Who is called, and how.
#[derive(Clone, Debug)]
pub struct Manner {
    /// What the terminal understands.
    pub ability: Ability,
    /// How it calls; none: not at all.
    pub call: Option<Call>,
    /// A program that is told, too, with its arguments.
    pub program: Option<(PathBuf, Vec<String>)>,
    /// The environment that the program gets a part of.
    pub env: Arc<BTreeMap<String, String>>,
}

/// The terminal's voice.
pub struct Voice {
    manner: Manner,
    away: bool,
    title: Option<SafeText>,
    advance: Advance,
    news: News,
    told: VecDeque<(SafeText, Instant)>,
    programs: JoinSet<Result<(), String>>,
}

impl Voice {
    pub(super) fn new(manner: Manner) -> Self {
        Self {
            manner,
            away: false,
            title: None,
            advance: Advance::None,
            news: News::default(),
            told: VecDeque::new(),
            programs: JoinSet::new(),
        }
    }

    /// The keyboard went elsewhere, or came back. A terminal that never tells is taken to be looked at.
    pub(super) fn look_away(&mut self, away: bool) {
        self.away = away;
    }

    /// The environment that this program was started with.
    pub(super) fn env(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.manner.env)
    }

    /// Somebody else has had the terminal: what it says now is unknown.
    pub(super) fn begin_again(&mut self) {
        self.title = None;
        self.advance = Advance::None;
    }

    /// Says what has changed; returns what could not be told to a program, and why.
    ///
    /// # Errors
    /// When the terminal does not take it.
    pub(super) fn say(&mut self, model: &Model) -> io::Result<Option<String>> {
        if self.manner.ability.title {
            let title = outward::title(model);
            if self.title.as_ref() != Some(&title) {
                terminal::title(&title)?;
                self.title = Some(title);
            }
        }
        let advance = outward::advance(model);
        if self.manner.ability.progress && advance != self.advance {
            match advance {
                Advance::None => terminal::advance(0, 0)?,
                Advance::Part(percent) => terminal::advance(1, percent.min(100))?,
                Advance::Failed => terminal::advance(2, 100)?,
                Advance::Busy => terminal::advance(3, 0)?,
            }
            self.advance = advance;
        }
        let news = self.news.since(model);
        if self.away && !news.is_empty() {
            self.call(news)?;
        }
        Ok(self.failed())
    }

    /// One call for all that is new.
    fn call(&mut self, mut news: Vec<SafeText>) -> io::Result<()> {
        let now = Instant::now();
        self.told.retain(|(_, at)| now.duration_since(*at) < ONCE);
        news.retain(|text| !self.told.iter().any(|(told, _)| told == text));
        let Some(last) = news.last().cloned() else { return Ok(()) };
        let more = if news.len() > 1 { format!(" (and {} more)", news.len() - 1) } else { String::new() };
        self.told.extend(news.into_iter().map(|text| (text, now)));
        let text: String = last.as_str().chars().take(LONGEST).collect();
        let text = SafeText::new(&format!("{text}{more}"));
        match self.manner.call {
            // What is sent by semicolons must not hold one where it counts.
            Some(Call::Osc9) => terminal::tell(&format!("\x1b]9;gonogo: {text}\x1b\\"))?,
            Some(Call::Osc777) => {
                let text = text.as_str().replace(';', ",");
                terminal::tell(&format!("\x1b]777;notify;gonogo;{text}\x1b\\"))?;
            }
            Some(Call::Bell) => terminal::tell("\x07")?,
            None => {}
        }
        if let (Some((program, arguments)), true) = (&self.manner.program, self.programs.len() < AT_ONCE) {
            let (program, arguments) = (program.clone(), arguments.clone());
            let env = Arc::clone(&self.manner.env);
            self.programs.spawn(async move { notice::tell(&program, &arguments, &text, &env).await });
        }
        Ok(())
    }

    /// Why a program could not be told, if one could not.
    fn failed(&mut self) -> Option<String> {
        let mut why = None;
        while let Some(ended) = self.programs.try_join_next() {
            why = match ended {
                Ok(Ok(())) => why,
                Ok(Err(failed)) => Some(failed),
                Err(crash) => Some(crash.to_string()),
            };
        }
        why.map(|why| format!("the notify command failed: {why}"))
    }
}
