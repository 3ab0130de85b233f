//! The loop: receive one, drain the rest, update for each, draw once, write only what changed.

mod ask;
mod canvas;
mod desk;
mod face;
mod signals;

use std::io::{self, Write};
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::decoder::{self, MouseAct};
use super::engine::{Beyond, Engine, Heard};
use super::input::Input;
pub use super::input::Keys;
use super::mishap;
use super::terminal::{self, last_words};
use super::voice::Manner;
use super::watch::Sight;
pub use ask::{Answer, ask};
use canvas::Canvas;
use desk::{Changes, Desk};
pub use face::Face;
pub use ratatui::Frame;
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
    Look(Result<String, String>),
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
    face: impl Face,
    manner: Manner,
    keys: Option<Keys>,
    engine: impl FnOnce() -> Result<Engine, E>,
    mut reload: impl FnMut(&mut Model) -> Option<Engine>,
) -> Result<Exit, E> {
    let mut signals = Signals::new()?;
    terminal::mouse(model.mouse == Mouse::Cockpit)?;
    let mut desk = Desk::take(face, manner, keys)?;
    model.size = desk.canvas.fit()?;
    if let Some(exit) = desk.look_around().await? {
        return Ok(exit);
    }
    desk.show(model)?;
    mishap::fail("engine")?;
    let engine = &mut engine()?;
    let exit = loop_until_exit(model, engine, &mut desk, &mut reload, &mut signals).await;
    drop(desk);
    leave(model, engine).await;
    Ok(exit?)
}

async fn loop_until_exit(
    model: &mut Model,
    engine: &mut Engine,
    desk: &mut Desk<impl Face>,
    reload: &mut impl FnMut(&mut Model) -> Option<Engine>,
    signals: &mut Signals,
) -> io::Result<Exit> {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut drawn = Instant::now();
    let mut dirty = true;
    loop {
        let next = tokio::select! {
            biased;
            input = desk.keys.inbox.recv() => Next::Terminal(input),
            asked = signals.next() => Next::Asked(asked),
            () = sleep_until(drawn + FRAME), if dirty => Next::Draw,
            heard = engine.next() => Next::Outside(heard),
            Some(change) = changed(desk.changes.as_mut()) => Next::Look(change),
            () = sleep_until(drawn + REST), if model.unasked() => Next::Time,
            _ = ticks.tick() => Next::Time,
        };
        if let Next::Draw = next {
            desk.show(model)?;
            (drawn, dirty) = (Instant::now(), false);
            continue;
        }
        mishap::crash("update");
        let mut effects = update(model, Msg::Tick(engine.clock.now()));
        match next {
            Next::Asked(Asked::End(number)) => return Ok(Exit::Signal(number)),
            Next::Asked(Asked::Stop) => desk.stop(model, &mut effects)?,
            Next::Asked(Asked::GoOn) => desk.go_on(model, &mut effects)?,
            Next::Asked(Asked::Resized) => fit(model, &mut desk.canvas, &mut effects)?,
            Next::Terminal(None) => return Err(crashed("the reader of the keyboard")),
            Next::Terminal(Some(input)) => {
                if let Some(exit) = take_inputs(model, desk, input, &mut effects)? {
                    return Ok(exit);
                }
            }
            Next::Outside(Heard::Crash(what)) => return Err(crashed(what)),
            Next::Outside(Heard::Msg(msg)) => {
                effects.extend(update(model, msg));
                while let Ok(msg) = engine.inbox.try_recv() {
                    effects.extend(update(model, msg));
                }
            }
            Next::Look(change) => desk.dress(model, change),
            Next::Time => effects.extend(renew(model, engine, desk, reload).await?),
            Next::Draw => {}
        }
        for effect in effects {
            match engine.carry_out(effect) {
                Beyond::Done => {}
                Beyond::Copy(text) => copy(&text)?,
                Beyond::Lend(loan) => {
                    if let Some(exit) = desk.lend(model, engine, loan, signals).await? {
                        return Ok(exit);
                    }
                }
                Beyond::Mouse(mouse) => terminal::mouse(mouse == Mouse::Cockpit)?,
                Beyond::Quit => return Ok(Exit::Left),
            }
        }
        dirty = true;
        if drawn.elapsed() >= FRAME {
            desk.show(model)?;
            (drawn, dirty) = (Instant::now(), false);
        }
    }
}

/// The next change of the look's file; never, if there is none or if nobody looks at it any more.
async fn changed(changes: Option<&mut Changes>) -> Option<Sight> {
    let Some(changes) = changes else { return std::future::pending().await };
    changes.changed().await.ok()?;
    changes.borrow_and_update().clone()
}

/// Goes on with another config, if there is one. Nothing is in flight then; what is still being written down is waited
/// for, and the old engine's looks end with it.
async fn renew(
    model: &mut Model,
    engine: &mut Engine,
    desk: &mut Desk<impl Face>,
    reload: &mut impl FnMut(&mut Model) -> Option<Engine>,
) -> io::Result<Vec<Effect>> {
    let Some(new) = reload(model) else { return Ok(Vec::new()) };
    let mut old = std::mem::replace(engine, new);
    old.settle(PATIENCE).await;
    desk.look_anew()?;
    Ok(update(model, Msg::Tick(engine.clock.now())))
}

/// Takes an input and whatever came with it.
fn take_inputs(
    model: &mut Model,
    desk: &mut Desk<impl Face>,
    first: Input,
    effects: &mut Vec<Effect>,
) -> io::Result<Option<Exit>> {
    let mut next = Some(first);
    while let Some(input) = next {
        match input {
            Input::Gone => return Ok(Some(Exit::Gone)),
            Input::Key(stroke) if stroke.key == Key::Ctrl('z') => desk.stop(model, effects)?,
            Input::Key(stroke) => effects.extend(update(model, Msg::Key(stroke))),
            Input::Paste(text) => effects.extend(update(model, Msg::Paste(text))),
            Input::Reply(reply) => desk.hear(reply)?,
            // One that nobody asked for is dropped: an earlier program may have left it on.
            Input::Mouse(_) if model.mouse == Mouse::Terminal => {}
            Input::Mouse(mouse) => {
                let spot = desk.spot_at(model, mouse.column, mouse.row);
                let point = pointed(mouse, spot);
                effects.extend(point.map(|point| update(model, Msg::Point(point))).unwrap_or_default());
            }
        }
        next = desk.keys.inbox.try_recv().ok();
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
pub(super) async fn leave(model: &mut Model, engine: &mut Engine) {
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
