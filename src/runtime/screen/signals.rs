//! The signals that the screen answers to. Knows no terminal.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// End, because of the signal with this number.
    End(i32),
    /// Stop, until continued.
    Stop,
    /// Take the terminal again: whoever stopped us has had it since.
    GoOn,
    /// Look at the terminal's size.
    Resized,
}

/// Those that end, with their numbers. An abort that somebody else asks for ends the program in good order, too.
const ENDS: [i32; 5] = [1, 2, 3, 6, 15];

/// The numbers of SIGTSTP and SIGCONT differ between systems.
fn number(signal: rustix::process::Signal) -> SignalKind {
    SignalKind::from_raw(signal.as_raw())
}

/// Every signal that is listened to, from its making on.
pub(super) struct Signals {
    ends: [Signal; ENDS.len()],
    stop: Signal,
    go_on: Signal,
    resized: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        crate::runtime::mishap::fail("signals")?;
        let [hangup, interrupt, quit, abort, terminate] = ENDS.map(|n| signal(SignalKind::from_raw(n)));
        Ok(Self {
            ends: [hangup?, interrupt?, quit?, abort?, terminate?],
            stop: signal(number(rustix::process::Signal::TSTP))?,
            go_on: signal(number(rustix::process::Signal::CONT))?,
            resized: signal(SignalKind::window_change())?,
        })
    }

    pub(super) async fn next(&mut self) -> Asked {
        let [hangup, interrupt, quit, abort, terminate] = &mut self.ends;
        tokio::select! {
            _ = hangup.recv() => Asked::End(1),
            _ = interrupt.recv() => Asked::End(2),
            _ = quit.recv() => Asked::End(3),
            _ = abort.recv() => Asked::End(6),
            _ = terminate.recv() => Asked::End(15),
            _ = self.stop.recv() => Asked::Stop,
            _ = self.go_on.recv() => Asked::GoOn,
            _ = self.resized.recv() => Asked::Resized,
        }
    }
}
