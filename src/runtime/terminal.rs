//! The terminal's state: taken once, given back once, whatever ends the program.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::style::{ResetColor, force_color_output};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

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
        enter()
    }
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
        queue!(out, EnterAlternateScreen, EnableBracketedPaste, Hide, DisableLineWrap)?;
        out.flush()
    });
    drop(out);
    if entered.is_err() {
        restore();
    }
    entered
}

/// Gives the terminal back, once. A terminal that is gone cannot be given back: its errors are not ours.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout().lock();
    let gone = queue!(
        out,
        crossterm::terminal::EndSynchronizedUpdate,
        ResetColor,
        EnableLineWrap,
        DisableBracketedPaste,
        Show,
        LeaveAlternateScreen
    )
    .and_then(|()| out.flush());
    drop(out);
    if let Err(error) = gone.and(disable_raw_mode()) {
        tracing::debug!(%error, "the terminal could not be restored");
    }
}

/// Makes a panic of the screen's thread restore the terminal before its message is printed; a panic of another
/// thread is caught where it happens, shown as a fault, and must not write over the screen.
pub fn install_panic_hook() {
    let default = std::panic::take_hook();
    let main = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == main || !TAKEN.load(Ordering::SeqCst) {
            restore();
            default(info);
        } else {
            tracing::error!(%info, "a task crashed");
        }
    }));
}
