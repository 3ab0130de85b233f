//! The loop: receive one, drain the rest, update for each, draw once, write only what changed.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::engine::{Beyond, Engine};
use super::input::{self, Input};
use super::terminal::Guard;
use crate::app::key::Key;
use crate::app::{Effect, Model, Msg, REST, update};
use crate::domain::{Outcome, SafeText};

/// Two frames are never closer to each other than this.
const FRAME: Duration = Duration::from_millis(16);

/// How long leaving may wait for what is being sent.
const PATIENCE: Duration = Duration::from_millis(1_500);

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

/// Where frames are composed before they are written in one piece.
#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The terminal as a canvas.
struct Canvas {
    terminal: Terminal<CrosstermBackend<Paper>>,
    paper: Paper,
    /// What an empty difference writes: nothing worth sending.
    nothing: Vec<u8>,
}

impl Canvas {
    fn new() -> io::Result<Self> {
        let paper = Paper::default();
        let mut terminal = Terminal::new(CrosstermBackend::new(paper.clone()))?;
        paper.0.borrow_mut().clear();
        terminal.flush()?;
        let nothing = paper.0.take();
        Ok(Self { terminal, paper, nothing })
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        self.terminal.resize(Rect::new(0, 0, columns, rows))
    }

    /// Draws one frame and writes the difference, framed as one synchronised update.
    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        render(&mut self.terminal.get_frame());
        self.terminal.flush()?;
        self.terminal.swap_buffers();
        let difference = self.paper.0.take();
        if difference.is_empty() || difference == self.nothing {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[?2026h")?;
        out.write_all(&difference)?;
        out.write_all(b"\x1b[?2026l")?;
        out.flush()
    }
}

/// Everything that can happen next.
enum Next {
    Outside(Msg),
    Terminal(Input),
    Resized,
    Signal(i32),
    Time,
    Draw,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    quit: Signal,
    resized: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            resized: signal(SignalKind::window_change())?,
        })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            _ = self.terminate.recv() => Next::Signal(15),
            _ = self.interrupt.recv() => Next::Signal(2),
            _ = self.hangup.recv() => Next::Signal(1),
            _ = self.quit.recv() => Next::Signal(3),
            _ = self.resized.recv() => Next::Resized,
        }
    }
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
) -> Result<Exit, E> {
    let mut signals = Signals::new()?;
    let guard = Guard::take()?;
    let mut canvas = Canvas::new()?;
    model.size = canvas.size()?;
    canvas.draw(|frame| draw(model, frame))?;
    let mut keys = input::start()?;
    let engine = &mut engine()?;
    let exit = loop_until_exit(model, engine, &draw, &guard, &mut canvas, &mut keys, &mut signals).await;
    drop(guard);
    leave(model, engine).await;
    Ok(exit?)
}

async fn loop_until_exit(
    model: &mut Model,
    engine: &mut Engine,
    draw: &impl Fn(&Model, &mut Frame<'_>),
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
            Some(input) = keys.recv() => Next::Terminal(input),
            next = signals.next() => next,
            () = sleep_until(drawn + FRAME), if dirty => Next::Draw,
            Some(msg) = engine.inbox.recv() => Next::Outside(msg),
            () = sleep_until(drawn + REST), if model.unasked() => Next::Time,
            _ = ticks.tick() => Next::Time,
        };
        if let Next::Draw = next {
            canvas.draw(|frame| draw(model, frame))?;
            (drawn, dirty) = (Instant::now(), false);
            continue;
        }
        let mut effects = update(model, Msg::Tick(engine.clock.now()));
        match next {
            Next::Signal(number) => return Ok(Exit::Signal(number)),
            Next::Terminal(Input::Gone) => return Ok(Exit::Gone),
            Next::Terminal(input) => {
                if let Some(exit) = take_input(model, guard, canvas, input, &mut effects)? {
                    return Ok(exit);
                }
                while let Ok(input) = keys.try_recv() {
                    if let Some(exit) = take_input(model, guard, canvas, input, &mut effects)? {
                        return Ok(exit);
                    }
                }
            }
            Next::Resized => {
                let (columns, rows) = crossterm::terminal::size()?;
                canvas.resize(columns, rows)?;
                effects.extend(update(model, Msg::Resize(columns, rows)));
            }
            Next::Outside(msg) => {
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
    input: Input,
    effects: &mut Vec<Effect>,
) -> io::Result<Option<Exit>> {
    match input {
        Input::Gone => return Ok(Some(Exit::Gone)),
        Input::Key(stroke) if stroke.key == Key::Ctrl('z') => suspend(guard, canvas)?,
        Input::Key(stroke) => effects.extend(update(model, Msg::Key(stroke))),
        Input::Paste(text) => effects.extend(update(model, Msg::Paste(text))),
    }
    Ok(None)
}

/// Gives the terminal back, stops like any other job, and takes it again when continued.
fn suspend(guard: &Guard, canvas: &mut Canvas) -> io::Result<()> {
    guard.lend();
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
    guard.resume()?;
    let (columns, rows) = crossterm::terminal::size()?;
    canvas.resize(columns, rows)?;
    canvas.terminal.clear()
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
