//! Lines that somebody types, or that a script writes: read on a thread of their own, so that nothing waits for them.

use std::io::{self, BufRead, IsTerminal};

use tokio::sync::mpsc;

use crate::domain::SafeText;

/// More lines than this wait to be read until the first ones were taken.
const WAITING: usize = 64;

/// No line is longer than this; the rest of a longer one is dropped.
const LONGEST: usize = 4_096;

/// Who writes the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// A person at a terminal, who may have typed before there was a question.
    Person,
    /// A script or a file: every line is meant for the question that it meets.
    Script,
}

/// The lines of standard input.
#[derive(Debug)]
pub struct Lines {
    /// Who writes them.
    pub hand: Hand,
    coming: mpsc::Receiver<io::Result<String>>,
}

impl Lines {
    /// Begins to read. The thread ends with the input, or with the program.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start() -> io::Result<Self> {
        let hand = if io::stdin().is_terminal() { Hand::Person } else { Hand::Script };
        let (out, coming) = mpsc::channel(WAITING);
        std::thread::Builder::new().name("lines".to_owned()).spawn(move || {
            for line in io::stdin().lock().lines() {
                let last = line.is_err();
                if out.blocking_send(line).is_err() || last {
                    return;
                }
            }
        })?;
        Ok(Self { hand, coming })
    }

    /// The next line without its end and without anything that could control a terminal; `None` at the end of the
    /// input. Nothing is lost when it is not waited for.
    ///
    /// # Errors
    /// When the input cannot be read, or is not text.
    pub async fn next(&mut self) -> io::Result<Option<SafeText>> {
        match self.coming.recv().await {
            Some(Ok(line)) => {
                let short: String = line.chars().take(LONGEST).collect();
                Ok(Some(SafeText::new(short.trim())))
            }
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }

    /// Forgets what a person has typed before now: it was not meant for the question that comes. A script's lines stay.
    ///
    /// # Errors
    /// When the terminal does not let go of what it holds.
    pub fn forget(&mut self) -> io::Result<()> {
        if self.hand == Hand::Person {
            rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush)?;
            while self.coming.try_recv().is_ok() {}
        }
        Ok(())
    }
}
