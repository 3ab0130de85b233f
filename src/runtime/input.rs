//! Keys from the terminal, on a thread of their own; and the terminal's end.
//!
//! The library that parses keys spins when the terminal vanishes, so it is asked only when the kernel says that
//! there is something to read, and never again after a hang-up.

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

use crate::app::key::{Key, Pace, Stroke};
use crate::domain::SafeText;

/// Keys closer together than this were not pressed one by one by a person who reads.
const BURST: Duration = Duration::from_millis(45);

/// What the terminal sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(Stroke),
    /// Pasted text.
    Paste(SafeText),
    /// The terminal is gone.
    Gone,
}

/// Starts the reading thread. It ends with the terminal, with the receiver, or with the program.
///
/// # Errors
/// When the thread cannot be started.
pub fn start() -> io::Result<mpsc::Receiver<Input>> {
    let (out, inbox) = mpsc::channel(1_024);
    std::thread::Builder::new().name("keys".into()).spawn(move || {
        if let Err(error) = read(&out) {
            tracing::debug!(%error, "keys can no longer be read");
        }
        let _ended = out.blocking_send(Input::Gone);
    })?;
    Ok(inbox)
}

fn read(out: &mpsc::Sender<Input>) -> io::Result<()> {
    let mut last: Option<Instant> = None;
    loop {
        if wait()? == Readiness::Gone || out.is_closed() {
            return Ok(());
        }
        let mut events = Vec::new();
        while crossterm::event::poll(Duration::ZERO)? {
            events.push(crossterm::event::read()?);
            if events.len() >= 512 {
                break;
            }
        }
        let now = Instant::now();
        let together = events.iter().filter(|e| matches!(e, Event::Key(_))).count() > 1;
        for event in events {
            let close = last.is_some_and(|last| now.duration_since(last) < BURST);
            let pace = if together || close { Pace::Burst } else { Pace::Single };
            let Some(input) = translate(event, pace) else { continue };
            if matches!(input, Input::Key(_)) {
                last = Some(now);
            }
            if out.blocking_send(input).is_err() {
                return Ok(());
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Readable,
    Gone,
}

/// Sleeps until there is something to read or the terminal is gone.
fn wait() -> io::Result<Readiness> {
    let stdin = io::stdin();
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let happened = fds.first().map(PollFd::revents).unwrap_or(PollFlags::empty());
        if happened.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Ok(Readiness::Gone);
        }
        if happened.contains(PollFlags::IN) {
            return Ok(Readiness::Readable);
        }
    }
}

fn translate(event: Event, pace: Pace) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let pace = if key.kind == KeyEventKind::Repeat { Pace::Burst } else { pace };
            key_of(key).map(|key| Input::Key(Stroke { key, pace }))
        }
        Event::Paste(text) => Some(Input::Paste(SafeText::new(&text))),
        _ => None,
    }
}

fn key_of(event: KeyEvent) -> Option<Key> {
    Some(match event.code {
        KeyCode::Char(c) if event.modifiers.contains(KeyModifiers::CONTROL) => {
            Key::Ctrl(c.to_ascii_lowercase())
        }
        KeyCode::Char(_) if event.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
