//! A question on the terminal, answered by a typed line, while the world goes on. What was typed before the question
//! was there answers nothing.

use std::io::{self, Write};
use std::time::Duration;

use tokio::time::Instant;

use crate::app::dialog::DEAF;
use crate::runtime::headless::desk::{Desk, Waited};
use crate::runtime::headless::lines::{Hand, Lines};

/// Nobody is asked for longer than this; then it is as if nothing had been said.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A line was typed.
    Said(String),
    /// The input ended, or the time did.
    Nothing,
    /// Somebody asks the program to end.
    End(i32),
}

/// Who asks. Standard input is read from the first question on.
#[derive(Debug, Default)]
pub(super) struct Ask {
    lines: Option<Lines>,
}

impl Ask {
    /// Asks on standard error, and waits for a line that was typed after that.
    pub(super) async fn line(&mut self, desk: &mut Desk, prompt: &str) -> io::Result<Asked> {
        if self.lines.is_none() {
            self.lines = Some(Lines::start()?);
        }
        let Some(lines) = &mut self.lines else { return Ok(Asked::Nothing) };
        question(desk, lines, prompt, Stream::Error).await
    }
}

/// Where a question is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Beside what a script reads.
    Error,
    /// Where everything else is said.
    Out,
}

/// Asks, and takes the line that follows. A person's line that comes too soon was typed before.
pub(super) async fn question(
    desk: &mut Desk,
    lines: &mut Lines,
    prompt: &str,
    stream: Stream,
) -> io::Result<Asked> {
    let end = Instant::now() + LONGEST;
    loop {
        lines.forget()?;
        match stream {
            Stream::Error => {
                let mut err = io::stderr().lock();
                err.write_all(prompt.as_bytes())?;
                err.flush()?;
            }
            Stream::Out => super::say(prompt).map_err(|failure| io::Error::other(failure.message))?,
        }
        let asked = Instant::now();
        let line = loop {
            tokio::select! {
                biased;
                line = lines.next() => break line?,
                waited = desk.turn(end) => match waited? {
                    Waited::Holds => {}
                    Waited::Late => return Ok(Asked::Nothing),
                    Waited::Asked(number) => return Ok(Asked::End(number)),
                },
            }
        };
        match line {
            None => return Ok(Asked::Nothing),
            Some(_) if lines.hand == Hand::Person && asked.elapsed() < DEAF => {}
            Some(line) => return Ok(Asked::Said(line.to_string())),
        }
    }
}
