//! The operator's place: terminal, canvas, keyboard, voice and look, taken and given back together.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::canvas::Canvas;
use super::face::Face;
use super::signals::{Asked, Signals};
use super::{Exit, fit};
use crate::app::model::{Toast, Tone};
use crate::app::spot::Spot;
use crate::app::{Effect, Model, Msg, update};
use crate::domain::SafeText;
use crate::runtime::engine::Engine;
use crate::runtime::input::{self, Input, Keys};
use crate::runtime::loan::{Back, Loan};
use crate::runtime::replies::{ASK, Reply};
use crate::runtime::terminal::{self, Guard};
use crate::runtime::voice::{Manner, Voice};
use crate::runtime::watch::{self, Sight};

/// How long the first frame waits for the colour of the terminal's ground.
const ANSWER: Duration = Duration::from_millis(200);

/// What changes of the look's file are told by.
pub(super) type Changes = tokio::sync::watch::Receiver<Option<Sight>>;

/// Terminal, canvas, keyboard, voice and look. Dropped, the terminal is what it was before.
pub(super) struct Desk<F> {
    guard: Guard,
    pub(super) canvas: Canvas,
    pub(super) keys: Keys,
    pub(super) changes: Option<Changes>,
    voice: Voice,
    face: F,
    /// Whether the terminal is asked for the colour of its ground.
    asks: bool,
    /// Whether it could be asked.
    can_ask: bool,
    file: Option<PathBuf>,
}

impl<F: Face> Desk<F> {
    /// Takes the terminal; the keyboard as well, unless a screen before this one hands it on: then what was typed there
    /// was not meant for this one.
    pub(super) fn take(face: F, manner: Manner, keys: Option<Keys>) -> io::Result<Self> {
        let guard = Guard::take()?;
        let canvas = Canvas::new()?;
        let keys = match keys {
            None => input::start()?,
            Some(mut keys) => {
                while keys.inbox.try_recv().is_ok() {}
                keys
            }
        };
        let can_ask = manner.ability.ground;
        let asks = face.asks_for_ground() && can_ask;
        let file = face.file();
        let changes = file.clone().map(watched);
        Ok(Self { guard, canvas, keys, changes, voice: Voice::new(manner), face, asks, can_ask, file })
    }

    /// Asks the terminal for the colour of its ground and waits, not for long. What is typed before anything is shown
    /// is meant for nothing that could be seen, and is dropped.
    pub(super) async fn look_around(&mut self) -> io::Result<Option<Exit>> {
        if !self.asks {
            return Ok(None);
        }
        terminal::tell(ASK)?;
        let end = Instant::now() + ANSWER;
        while let Ok(Some(input)) = timeout_at(end, self.keys.inbox.recv()).await {
            match input {
                Input::Gone => return Ok(Some(Exit::Gone)),
                Input::Reply(Reply::Kind) => break,
                Input::Reply(reply) => self.hear(reply)?,
                Input::Key(_) | Input::Paste(_) | Input::Mouse(_) => {}
            }
        }
        Ok(None)
    }

    /// Takes in what the terminal says of itself.
    pub(super) fn hear(&mut self, reply: Reply) -> io::Result<()> {
        match reply {
            Reply::Ground(r, g, b) if self.asks => self.face.ground((r, g, b)),
            Reply::Ground(..) | Reply::Kind => {}
            Reply::FocusLost => self.voice.look_away(true),
            Reply::FocusGained => {
                self.voice.look_away(false);
                // Whoever changed between day and night did so elsewhere.
                if self.asks {
                    terminal::tell(ASK)?;
                }
            }
        }
        Ok(())
    }

    /// The look may be another one now: what it is read from, and whether it depends on the terminal's ground.
    pub(super) fn look_anew(&mut self) -> io::Result<()> {
        self.asks = self.face.asks_for_ground() && self.can_ask;
        let file = self.face.file();
        if file != self.file {
            self.changes = file.clone().map(watched);
            self.file = file;
        }
        if self.asks { terminal::tell(ASK) } else { Ok(()) }
    }

    /// What the mouse points at.
    pub(super) fn spot_at(&self, model: &Model, column: u16, row: u16) -> Option<Spot> {
        self.face.spot_at(model, column, row)
    }

    /// Says and draws what has changed.
    pub(super) fn show(&mut self, model: &mut Model) -> io::Result<()> {
        if let Some(problem) = self.voice.say(model)? {
            toast(model, Tone::Problem, &problem);
        }
        let face = &self.face;
        self.canvas.draw(|frame| face.draw(model, frame))
    }

    /// The file that the look comes from has changed: it is taken if it is sound.
    pub(super) fn dress(&mut self, model: &mut Model, change: Sight) {
        let file = self.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        match change.and_then(|text| self.face.reload(&text)) {
            Ok(()) => toast(model, Tone::Info, &format!("{file} was read again")),
            Err(why) => {
                toast(model, Tone::Problem, &format!("the theme stays as it was: {file}: {why}"));
            }
        }
    }

    /// Gives the terminal back, stops with the whole job, and takes it again when continued. The signal is one that
    /// we do not listen to, and like every stop of job control it is nothing where no shell could continue us.
    pub(super) fn stop(&mut self, model: &mut Model, effects: &mut Vec<Effect>) -> io::Result<()> {
        self.guard.lend();
        rustix::process::kill_current_process_group(rustix::process::Signal::TTOU)?;
        self.take_again(model, effects)
    }

    /// Somebody else may have had the terminal since: whatever it was left in is put right.
    pub(super) fn go_on(&mut self, model: &mut Model, effects: &mut Vec<Effect>) -> io::Result<()> {
        self.guard.lend();
        self.take_again(model, effects)
    }

    /// Lets another program have the terminal: nothing is read or drawn until it has ended. A signal that ends us ends
    /// it, too; an interrupt is its own affair, and when it stops we stop with it.
    pub(super) async fn lend(
        &mut self,
        model: &mut Model,
        engine: &mut Engine,
        loan: Loan,
        signals: &mut Signals,
    ) -> io::Result<Option<Exit>> {
        self.keys.pause();
        self.guard.lend();
        let modes = terminal::modes()?;
        let ended = borrowed(loan, self.voice.env(), signals).await?;
        terminal::mend(&modes)?;
        let ended = match ended {
            Borrowed::Returned(ended) => ended,
            Borrowed::Ended(number) => {
                terminal::tell(terminal::CLEAN)?;
                return Ok(Some(Exit::Signal(number)));
            }
        };
        let mut effects = Vec::new();
        self.take_again(model, &mut effects)?;
        self.keys.go_on()?;
        let (back, problem) = match ended {
            Ok(back) => (back, None),
            Err((back, why)) => (back, Some(why)),
        };
        if let Some(text) = back {
            effects.extend(update(model, Msg::Paste(text)));
        }
        if let Some(why) = problem {
            toast(model, Tone::Problem, &why);
        }
        for effect in effects {
            engine.carry_out(effect);
        }
        Ok(None)
    }

    /// Takes the terminal after somebody else has had it: its modes, its size and what is on it are unknown.
    fn take_again(&mut self, model: &mut Model, effects: &mut Vec<Effect>) -> io::Result<()> {
        self.guard.resume()?;
        self.voice.begin_again();
        fit(model, &mut self.canvas, effects)
    }
}

/// How another program's turn at the terminal ended.
enum Borrowed {
    /// By itself.
    Returned(Result<Back, (Back, String)>),
    /// By a signal to us, with this number.
    Ended(i32),
}

/// Waits for what has the terminal; what has not ended by itself is ended.
async fn borrowed(
    loan: Loan,
    env: std::sync::Arc<std::collections::BTreeMap<String, String>>,
    signals: &mut Signals,
) -> io::Result<Borrowed> {
    let mut program = std::pin::pin!(loan.carry_out(env));
    loop {
        tokio::select! {
            biased;
            ended = &mut program => return Ok(Borrowed::Returned(ended)),
            asked = signals.next() => match asked {
                Asked::End(2 | 3) | Asked::GoOn | Asked::Resized => {}
                Asked::End(number) => return Ok(Borrowed::Ended(number)),
                Asked::Stop => {
                    rustix::process::kill_current_process_group(rustix::process::Signal::TTOU)?;
                }
            },
        }
    }
}

/// Watches a file from what it holds now on.
fn watched(path: PathBuf) -> Changes {
    // One that cannot be read was said when it was taken; what it holds next is news.
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    watch::start(path, &text)
}

fn toast(model: &mut Model, tone: Tone, text: &str) {
    model.toast = Some(Toast { text: SafeText::new(text), tone, since: model.now });
}
