//! The terminal's state: taken once, given back once, whatever ends the program.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::queue;
use crossterm::style::{ResetColor, force_color_output};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};

use rustix::termios::{OptionalActions, Termios};

use super::mishap;
use crate::domain::SafeText;

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the title on the terminal is ours, with the one before it put by.
static TITLED: AtomicBool = AtomicBool::new(false);

/// Whether the terminal shows a progress of ours.
static ADVANCING: AtomicBool = AtomicBool::new(false);
/// Whether the terminal reports the mouse while it is ours.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// Buttons and wheel, in SGR notation; no motion, which would be a flood.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";

/// Neither.
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Columns and rows that are drawn at most: a terminal may claim any size, and a frame costs memory.
const LARGEST: (u16, u16) = (1_000, 400);

/// Holds the terminal; gives it back when dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, no cursor.
    ///
    /// # Errors
    /// When the terminal does not let us; whatever was changed by then is changed back.
    pub fn take() -> io::Result<Self> {
        // The theme decides about colour, NO_COLOR included; the library must not strip attributes behind it.
        force_color_output(true);
        mishap::fail("terminal")?;
        enter()?;
        Ok(Self(()))
    }

    /// Gives the terminal back for a while (job control), without giving up the guard.
    pub fn lend(&self) {
        restore();
    }

    /// Takes it again.
    ///
    /// # Errors
    /// As [`Guard::take`].
    pub fn resume(&self) -> io::Result<()> {
        // What was typed for whoever had it, and not read by then, was not meant for us.
        rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush)?;
        enter()
    }
}

/// How many columns and rows the terminal has: what it says, within reason. A terminal that says nothing has 80x24.
///
/// # Errors
/// When there is no terminal.
pub(super) fn size() -> io::Result<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(io::stdout())?;
    if size.ws_col == 0 || size.ws_row == 0 {
        return Ok((80, 24));
    }
    Ok((size.ws_col.min(LARGEST.0), size.ws_row.min(LARGEST.1)))
}

/// Makes the terminal report the mouse, or not, as long as it is ours.
///
/// # Errors
/// When it cannot be written to.
pub(super) fn mouse(wanted: bool) -> io::Result<()> {
    if MOUSE.swap(wanted, Ordering::SeqCst) == wanted || !TAKEN.load(Ordering::SeqCst) {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(if wanted { MOUSE_ON } else { MOUSE_OFF }.as_bytes())?;
    out.flush()
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout().lock();
    let entered = enable_raw_mode().and_then(|()| {
        queue!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, Hide, DisableLineWrap)?;
        if MOUSE.load(Ordering::SeqCst) {
            out.write_all(MOUSE_ON.as_bytes())?;
        }
        mishap::fail("entering")?;
        out.flush()
    });
    drop(out);
    if entered.is_err() {
        restore();
    }
    entered
}

/// The line's modes as they are while nobody has taken the terminal.
///
/// # Errors
/// When there is no terminal.
pub(super) fn modes() -> io::Result<Termios> {
    Ok(rustix::termios::tcgetattr(io::stdin())?)
}

/// Puts the line's modes back after another program has had the terminal and perhaps ended without doing so.
///
/// # Errors
/// As [`modes`].
pub(super) fn mend(modes: &Termios) -> io::Result<()> {
    Ok(rustix::termios::tcsetattr(io::stdin(), OptionalActions::Flush, modes)?)
}

/// Leaves what a full-screen program may have left behind that was ended before it could: the alternate screen, a
/// hidden cursor, bracketed paste, its keypad and its colours.
pub(super) const CLEAN: &str = "\x1b[?1049l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m";

/// Writes what the terminal itself should do. Text from outside has no place in it but as [`SafeText`].
///
/// # Errors
/// When the terminal does not take it.
pub(super) fn tell(sequence: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(sequence.as_bytes())?;
    out.flush()
}

/// Gives the terminal a title; the one that it had before is put by until [`restore`].
///
/// # Errors
/// As [`tell`].
pub(super) fn title(text: &SafeText) -> io::Result<()> {
    let put_by = if TITLED.swap(true, Ordering::SeqCst) { "" } else { "\x1b[22;2t" };
    tell(&format!("{put_by}\x1b]2;{text}\x1b\\"))
}

/// Shows a progress in the terminal's tab or task bar: a state and per cent; [`restore`] takes it away.
///
/// # Errors
/// As [`tell`].
pub(super) fn advance(state: u8, percent: u32) -> io::Result<()> {
    ADVANCING.store(state != 0, Ordering::SeqCst);
    tell(&format!("\x1b]9;4;{state};{percent}\x1b\\"))
}

/// What takes title and progress back.
fn forget_title_and_progress() -> String {
    let mut all = String::new();
    if ADVANCING.swap(false, Ordering::SeqCst) {
        all.push_str("\x1b]9;4;0;0\x1b\\");
    }
    if TITLED.swap(false, Ordering::SeqCst) {
        // A terminal that keeps no titles is left with none rather than with ours.
        all.push_str("\x1b]2;\x1b\\\x1b[23;2t");
    }
    all
}

/// Gives the terminal back, once. A terminal that is gone cannot be given back: its errors are not ours.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout().lock();
    let silent = if MOUSE.load(Ordering::SeqCst) { out.write_all(MOUSE_OFF.as_bytes()) } else { Ok(()) };
    let gone = queue!(
        out,
        crossterm::terminal::EndSynchronizedUpdate,
        ResetColor,
        crossterm::style::Print(forget_title_and_progress()),
        EnableLineWrap,
        DisableFocusChange,
        DisableBracketedPaste,
        Show,
        LeaveAlternateScreen
    )
    .and(silent)
    .and_then(|()| out.flush());
    drop(out);
    // What was typed or pasted for the cockpit and not read yet must not be run by the shell.
    let unread = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
    if let Err(error) = gone.and(disable_raw_mode()).and(unread.map_err(io::Error::from)) {
        tracing::debug!(%error, "the terminal could not be restored");
    }
}

/// What a panic said while the terminal was ours and another thread than the screen's crashed.
static LAST_WORDS: Mutex<Option<String>> = Mutex::new(None);

/// What the last crash outside the screen's thread said, if there was one.
pub(super) fn last_words() -> Option<String> {
    LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Makes a panic of the screen's thread restore the terminal before its message is printed; a panic of another
/// thread is caught where it happens, shown as a fault, and must not write over the screen. What is printed may
/// quote a text from outside, so it is made safe.
pub fn install_panic_hook() {
    let main = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let says = said(info);
        if std::thread::current().id() == main || !TAKEN.load(Ordering::SeqCst) {
            restore();
            let trace = Backtrace::capture();
            let mut err = io::stderr().lock();
            let mut written = writeln!(err, "gonogo crashed: {says}");
            if trace.status() == BacktraceStatus::Captured {
                written = written.and_then(|()| writeln!(err, "{trace}"));
            }
            if let Err(error) = written {
                tracing::debug!(%error, "nobody could be told of the crash");
            }
        }
        tracing::error!(%says, "a part of the program crashed");
        *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(says);
    }));
}

/// What a panic says and where, in one safe line.
fn said(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
    format!("{}{place}", SafeText::new(text.unwrap_or("without a word")))
}
