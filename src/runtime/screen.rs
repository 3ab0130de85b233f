//! The loop: receive one, drain the rest, update for each, draw once, write only what changed.

mod canvas;
mod signals;

use std::io::{self, Write};
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use ratatui::Frame;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::decoder::{self, MouseAct};
use super::engine::{Beyond, Engine, Heard};
use super::input::{self, Input};
use super::mishap;
use super::terminal::{self, Guard, last_words};
use canvas::Canvas;
use signals::{Asked, Signals};

use crate::app::key::Key;
use crate::app::spot::{Mouse, Point, Spot};
use crate::app::{Effect, Model, Msg, REST, update};
use crate::domain::{Outcome, SafeText};

/// Two frames are never closer to each other than this.
const FRAME: Duration = Duration::from_millis(16);

/// How long leaving may wait for what is being sent.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// Lines for one turn of the wheel.
const WHEEL: i16 = 3;

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

/// Everything that can happen next.
enum Next {
    Outside(Heard),
    Terminal(Option<Input>),
    Asked(Asked),
    Time,
    Draw,
}

/// Runs the cockpit until the operator leaves, a signal comes, or the terminal vanishes. The first frame is on the
/// screen before the engine is made: clients read the system's certificates, which takes its time.
///
/// # Errors
/// When the terminal cannot be taken or written to, or when the engine cannot be made.
pub async fn run<E: From<io::Error>>(
    model: &mut Model,
    engine: impl FnOnce() -> Result<Engine, E>,
    draw: impl Fn(&Model, &mut Frame<'_>),
    spot_at: impl Fn(&Model, u16, u16) -> Option<Spot>,
) -> Result<Exit, E> {
    let mut signals = Signals::new()?;
    terminal::mouse(model.mouse == Mouse::Cockpit)?;
    let guard = Guard::take()?;
    let mut canvas = Canvas::new()?;
    model.size = canvas.fit()?;
    canvas.draw(|frame| draw(model, frame))?;
    let mut keys = input::start()?;
    mishap::fail("engine")?;
    let engine = &mut engine()?;
    let exit =
        loop_until_exit(model, engine, (&draw, &spot_at), &guard, &mut canvas, &mut keys, &mut signals).await;
    drop(guard);
    leave(model, engine).await;
    Ok(exit?)
}

async fn loop_until_exit(
    model: &mut Model,
    engine: &mut Engine,
    (draw, spot_at): (&impl Fn(&Model, &mut Frame<'_>), &impl Fn(&Model, u16, u16) -> Option<Spot>),
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
                if let Some(exit) = take_input(model, guard, canvas, (input, spot_at), &mut effects)? {
                    return Ok(exit);
                }
                while let Ok(input) = keys.try_recv() {
                    if let Some(exit) = take_input(model, guard, canvas, (input, spot_at), &mut effects)? {
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
            Next::Time | Next::Draw => {}
        }
        for effect in effects {
            match engine.carry_out(effect) {
                Beyond::Done => {}
                Beyond::Copy(text) => copy(&text)?,
                Beyond::Mouse(mouse) => terminal::mouse(mouse == Mouse::Cockpit)?,
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

fn take_input(
    model: &mut Model,
    guard: &Guard,
    canvas: &mut Canvas,
    (input, spot_at): (Input, &impl Fn(&Model, u16, u16) -> Option<Spot>),
    effects: &mut Vec<Effect>,
) -> io::Result<Option<Exit>> {
    match input {
        Input::Gone => return Ok(Some(Exit::Gone)),
        Input::Key(stroke) if stroke.key == Key::Ctrl('z') => stop(model, guard, canvas, effects)?,
        Input::Key(stroke) => effects.extend(update(model, Msg::Key(stroke))),
        Input::Paste(text) => effects.extend(update(model, Msg::Paste(text))),
        // One that nobody asked for is dropped: an earlier program may have left it on.
        Input::Mouse(_) if model.mouse == Mouse::Terminal => {}
        Input::Mouse(mouse) => {
            let spot = spot_at(model, mouse.column, mouse.row);
            let point = pointed(mouse, spot);
            effects.extend(point.map(|point| update(model, Msg::Point(point))).unwrap_or_default());
        }
    }
    Ok(None)
}

/// What the mouse means at what it points at.
fn pointed(mouse: decoder::Mouse, spot: Option<Spot>) -> Option<Point> {
    match mouse.did {
        MouseAct::Press => spot.map(Point::Press),
        MouseAct::WheelUp => Some(Point::Wheel(spot, -WHEEL)),
        MouseAct::WheelDown => Some(Point::Wheel(spot, WHEEL)),
    }
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
