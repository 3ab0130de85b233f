//! The loop: receive one, drain the rest, update for each, draw once, write only what changed.

mod ask;
mod canvas;
mod signals;

use std::io::{self, Write};
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use ratatui::Frame;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::engine::{Beyond, Engine, Heard};
use super::input::{self, Input};
use super::mishap;
use super::terminal::{Guard, last_words};
pub use ask::{Answer, ask};
use canvas::Canvas;
use signals::{Asked, Signals};

use crate::app::key::Key;
use crate::app::{Effect, Model, Msg, REST, update};
use crate::domain::{Outcome, SafeText};

/// Two frames are never closer to each other than this.
const FRAME: Duration = Duration::from_millis(16);

/// How long leaving may wait for what is being sent.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// Why the screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The operator left.
    Left,
    /// A signal with this number.
    Signal(i32),
    /// The terminal vanished.
    Gone,
}

/// The keyboard, read by one thread for as long as the program lasts.
pub type Keys = mpsc::Receiver<Input>;

/// Everything that can happen next.
enum Next {
    Outside(Heard),
    Terminal(Option<Input>),
    Asked(Asked),
    Time,
    Draw,
}

/// Runs the cockpit until the operator leaves, a signal comes, or the terminal vanishes. The first frame is on the
/// screen before the engine is made: clients read the system's certificates, which takes its time. `keys` are those of
/// a screen before this one. `reload` may put another config's model and engine
/// in place of these; it is asked once a second.
///
/// # Errors
/// When the terminal cannot be taken or written to, or when the engine cannot be made.
pub async fn run<E: From<io::Error>>(
    model: &mut Model,
    engine: impl FnOnce() -> Result<Engine, E>,
    draw: impl Fn(&Model, &mut Frame<'_>),
    keys: Option<Keys>,
    mut reload: impl FnMut(&mut Model) -> Option<Engine>,
) -> Result<Exit, E> {
    let mut signals = Signals::new()?;
    let guard = Guard::take()?;
    let mut canvas = Canvas::new()?;
    model.size = canvas.fit()?;
    canvas.draw(|frame| draw(model, frame))?;
    let mut keys = match keys {
        None => input::start()?,
        Some(mut keys) => {
            // What was typed before this screen was there was not meant for it.
            while keys.try_recv().is_ok() {}
            keys
        }
    };
    mishap::fail("engine")?;
    let engine = &mut engine()?;
    let watched = (&draw, &mut reload);
    let exit = loop_until_exit(model, engine, watched, &guard, &mut canvas, &mut keys, &mut signals).await;
    drop(guard);
    leave(model, engine).await;
    Ok(exit?)
}

async fn loop_until_exit(
    model: &mut Model,
    engine: &mut Engine,
    (draw, reload): (&impl Fn(&Model, &mut Frame<'_>), &mut impl FnMut(&mut Model) -> Option<Engine>),
    guard: &Guard,
    canvas: &mut Canvas,
    keys: &mut mpsc::Receiver<Input>,
    signals: &mut Signals,
) -> io::Result<Exit> {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut drawn = Instant::now();
    let mut dirty = true;
    loop {
        let next = tokio::select! {
            biased;
            input = keys.recv() => Next::Terminal(input),
            asked = signals.next() => Next::Asked(asked),
            () = sleep_until(drawn + FRAME), if dirty => Next::Draw,
            heard = engine.next() => Next::Outside(heard),
            () = sleep_until(drawn + REST), if model.unasked() => Next::Time,
            _ = ticks.tick() => Next::Time,
        };
        if let Next::Draw = next {
            canvas.draw(|frame| draw(model, frame))?;
            (drawn, dirty) = (Instant::now(), false);
            continue;
        }
        mishap::crash("update");
        let mut effects = update(model, Msg::Tick(engine.clock.now()));
        match next {
            Next::Asked(Asked::End(number)) => return Ok(Exit::Signal(number)),
            Next::Asked(Asked::Stop) => stop(model, guard, canvas, &mut effects)?,
            Next::Asked(Asked::GoOn) => {
                guard.lend();
                take_again(model, guard, canvas, &mut effects)?;
            }
            Next::Asked(Asked::Resized) => fit(model, canvas, &mut effects)?,
            Next::Terminal(None) => return Err(crashed("the reader of the keyboard")),
            Next::Terminal(Some(input)) => {
                if let Some(exit) = take_input(model, guard, canvas, input, &mut effects)? {
                    return Ok(exit);
                }
                while let Ok(input) = keys.try_recv() {
                    if let Some(exit) = take_input(model, guard, canvas, input, &mut effects)? {
                        return Ok(exit);
                    }
                }
            }
            Next::Outside(Heard::Crash(what)) => return Err(crashed(what)),
            Next::Outside(Heard::Msg(msg)) => {
                effects.extend(update(model, msg));
                while let Ok(msg) = engine.inbox.try_recv() {
                    effects.extend(update(model, msg));
                }
            }
            Next::Time => effects.extend(renew(model, engine, reload).await),
            Next::Draw => {}
        }
        for effect in effects {
            match engine.carry_out(effect) {
                Beyond::Done => {}
                Beyond::Copy(text) => copy(&text)?,
                Beyond::Quit => return Ok(Exit::Left),
            }
        }
        dirty = true;
        if drawn.elapsed() >= FRAME {
            canvas.draw(|frame| draw(model, frame))?;
            (drawn, dirty) = (Instant::now(), false);
        }
    }
}

/// Goes on with another config, if there is one. Nothing is in flight then; what is still being written down is waited
/// for, and the old engine's looks end with it.
async fn renew(
    model: &mut Model,
    engine: &mut Engine,
    reload: &mut impl FnMut(&mut Model) -> Option<Engine>,
) -> Vec<Effect> {
    let Some(new) = reload(model) else { return Vec::new() };
    let mut old = std::mem::replace(engine, new);
    old.settle(PATIENCE).await;
    update(model, Msg::Tick(engine.clock.now()))
}

fn take_input(
    model: &mut Model,
    guard: &Guard,
    canvas: &mut Canvas,
    input: Input,
    effects: &mut Vec<Effect>,
) -> io::Result<Option<Exit>> {
    match input {
        Input::Gone => return Ok(Some(Exit::Gone)),
        Input::Key(stroke) if stroke.key == Key::Ctrl('z') => stop(model, guard, canvas, effects)?,
        Input::Key(stroke) => effects.extend(update(model, Msg::Key(stroke))),
        Input::Paste(text) => effects.extend(update(model, Msg::Paste(text))),
    }
    Ok(None)
}

/// Gives the terminal back, stops with the whole job, and takes it again when continued. The signal is one that we do
/// not listen to, and like every stop of job control it is nothing where no shell could continue us.
fn stop(model: &mut Model, guard: &Guard, canvas: &mut Canvas, effects: &mut Vec<Effect>) -> io::Result<()> {
    guard.lend();
    rustix::process::kill_current_process_group(rustix::process::Signal::TTOU)?;
    take_again(model, guard, canvas, effects)
}

/// Takes the terminal after somebody else has had it: its modes, its size and what is on it are unknown.
fn take_again(
    model: &mut Model,
    guard: &Guard,
    canvas: &mut Canvas,
    effects: &mut Vec<Effect>,
) -> io::Result<()> {
    guard.resume()?;
    fit(model, canvas, effects)
}

fn fit(model: &mut Model, canvas: &mut Canvas, effects: &mut Vec<Effect>) -> io::Result<()> {
    let (columns, rows) = canvas.fit()?;
    effects.extend(update(model, Msg::Resize(columns, rows)));
    Ok(())
}

/// A crash of our own code outside the screen's thread: the end, in good order, and said.
fn crashed(what: &str) -> io::Error {
    let says = last_words().unwrap_or_else(|| "without a word".to_owned());
    io::Error::other(format!("{what} crashed: {says}\nwhat was under way is in the journal as in doubt"))
}

fn copy(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    crossterm::queue!(out, CopyToClipboard::to_clipboard_from(text))?;
    out.flush()
}

/// What is still being sent gets a moment; what is not proved by then is recorded as in doubt.
async fn leave(model: &mut Model, engine: &mut Engine) {
    engine.settle(PATIENCE).await;
    while let Ok(msg) = engine.inbox.try_recv() {
        for effect in update(model, msg) {
            if matches!(effect, Effect::Conclude { .. }) {
                engine.carry_out(effect);
            }
        }
    }
    let text = SafeText::new("the cockpit was left before this was proved");
    let open: Vec<_> = model.in_flight().map(|a| a.id.clone()).collect();
    for id in open {
        engine.carry_out(Effect::Conclude { id, outcome: Outcome::InDoubt(text.clone()) });
    }
    engine.settle(PATIENCE).await;
}
