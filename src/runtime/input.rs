//! Keys from the terminal, on a thread of their own; and the terminal's end.
//!
//! The thread reads the terminal itself. The library that draws could read it, too, but it spins when the terminal
//! vanishes (crossterm#793), it waits for the end of a paste for ever, and it loses the key that comes with a change
//! of the size: it asks the kernel for edges, and drops the one of the keyboard when it has seen the one of the size.

use std::io::{self, PipeReader, PipeWriter};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

use super::decoder::{Decoder, Event, Mouse, Open};
use super::mishap;
use super::replies::Reply;
use crate::app::key::{Key, Pace, Stroke};
use crate::domain::SafeText;

/// Keys closer together than this were not pressed one by one by a person who reads.
const BURST: Duration = Duration::from_millis(45);

/// One enter after the other, closer together than this, is a held key: keyboards repeat every 30 to 120 ms.
const HELD: Duration = Duration::from_millis(150);

/// A held key begins to repeat after 200 ms to a second: an enter this soon after another may be the first repeat,
/// and only what follows, or does not follow, within [`HELD`] tells.
const HOLD: Duration = Duration::from_millis(1_200);

/// An enter is looked at this long later again: a flood comes in pieces.
const ALONE: Duration = Duration::from_millis(12);

/// After this much silence an escape is the key, and not the beginning of a sequence.
const ESCAPE: Duration = Duration::from_millis(40);

/// After this much silence an answer of the terminal is over, also without its end: lines are slower than fingers.
const ANSWER: Duration = Duration::from_millis(300);

/// After this much silence a paste is over, also without its end.
const PASTE: Duration = Duration::from_millis(1_000);

/// And after this much time in any case: a person who types into it sees that it ends.
const LONGEST_PASTE: Duration = Duration::from_secs(5);

/// What the terminal sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(Stroke),
    /// Pasted text.
    Paste(SafeText),
    /// The terminal says this of itself.
    Reply(Reply),
    /// What the mouse did.
    Mouse(Mouse),
    /// The terminal is gone.
    Gone,
}

/// The keyboard, for as long as this is kept. When it is dropped, nothing is read any more, so that another program
/// can have the terminal.
#[derive(Debug)]
pub struct Keys {
    /// What comes in. When the reading thread crashes, this ends without [`Input::Gone`].
    pub inbox: mpsc::Receiver<Input>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// Reads no more, until [`Keys::go_on`]: another program has the terminal.
    pub fn pause(&mut self) {
        self.inbox.close();
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the reader of the keyboard had crashed");
        }
    }
}

impl Keys {
    /// Reads again. What was read before the pause, and not taken, is dropped.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn go_on(&mut self) -> io::Result<()> {
        self.pause();
        *self = start()?;
        Ok(())
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.pause();
    }
}

/// Starts the reading thread. It ends with the terminal, with what this returns, or with the program.
///
/// # Errors
/// When the thread cannot be started.
pub fn start() -> io::Result<Keys> {
    mishap::fail("input")?;
    let (out, inbox) = mpsc::channel(1_024);
    let (stopped, stop) = io::pipe()?;
    let thread = std::thread::Builder::new().name("keys".into()).spawn(move || {
        if let Err(error) = read(&out, &stopped) {
            tracing::debug!(%error, "keys can no longer be read");
        }
        let _ended = out.blocking_send(Input::Gone);
    })?;
    Ok(Keys { inbox, stop: Some(stop), thread: Some(thread) })
}

fn read(out: &mpsc::Sender<Input>, stopped: &PipeReader) -> io::Result<()> {
    let mut decoder = Decoder::default();
    let mut pacer = Pacer::default();
    let mut pasting: Option<Instant> = None;
    loop {
        let patience = match decoder.open() {
            Open::Nothing => None,
            Open::Sequence => Some(ESCAPE),
            Open::Text => Some(ANSWER),
            Open::Paste => {
                let since = *pasting.get_or_insert_with(Instant::now);
                Some(PASTE.min(LONGEST_PASTE.saturating_sub(since.elapsed())))
            }
        };
        let mut events = match wait(patience, stopped)? {
            Readiness::Gone => return Ok(()),
            Readiness::Quiet => decoder.quiet().into_iter().collect(),
            Readiness::Readable => match read_some(&mut decoder)? {
                Some(events) => events,
                None => return Ok(()),
            },
        };
        if decoder.open() != Open::Paste {
            pasting = None;
        }
        let last_words = pacer.follow_up(&mut events, &mut decoder, stopped)?;
        mishap::crash_if("keys", !events.is_empty());
        for input in pacer.paced(events, Instant::now()) {
            if out.blocking_send(input).is_err() {
                return Ok(());
            }
        }
        if last_words == Readiness::Gone || out.is_closed() {
            return Ok(());
        }
    }
}

/// Reads what is there; `None` when the terminal has ended.
fn read_some(decoder: &mut Decoder) -> io::Result<Option<Vec<Event>>> {
    let mut bytes = [0; 4_096];
    let count = match rustix::io::read(io::stdin(), &mut bytes) {
        Ok(0) => return Ok(None),
        Ok(count) => count,
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(decoder.feed(bytes.get(..count).unwrap_or_default())))
}

/// Tells keys that a person pressed one by one from those of a flood or a held key.
#[derive(Debug, Default)]
struct Pacer {
    /// When the last key came.
    last: Option<Instant>,
    /// When the last enter came, if the last key was one.
    enter: Option<Instant>,
}

impl Pacer {
    /// An enter that stands alone may be the first piece of a flood or of a held key: what follows at once is taken
    /// together with it.
    fn follow_up(
        &self,
        events: &mut Vec<Event>,
        decoder: &mut Decoder,
        stopped: &PipeReader,
    ) -> io::Result<Readiness> {
        if *events != [Event::Key(Key::Enter)] {
            return Ok(Readiness::Quiet);
        }
        let held = self.enter.is_some_and(|enter| enter.elapsed() < HOLD);
        let readiness = wait(Some(if held { HELD } else { ALONE }), stopped)?;
        if readiness == Readiness::Readable {
            match read_some(decoder)? {
                Some(more) => events.extend(more),
                None => return Ok(Readiness::Gone),
            }
        }
        Ok(readiness)
    }

    /// The events of one moment with their pace.
    fn paced(&mut self, events: Vec<Event>, now: Instant) -> Vec<Input> {
        let together = events.iter().filter(|e| matches!(e, Event::Key(_))).count() > 1;
        let within = |then: Option<Instant>, time| then.is_some_and(|then| now.duration_since(then) < time);
        let mut inputs = Vec::new();
        for event in events {
            let key = match event {
                Event::Key(key) => key,
                Event::Paste(text) => {
                    self.last = Some(now);
                    inputs.push(Input::Paste(text));
                    continue;
                }
                Event::Reply(reply) => {
                    inputs.push(Input::Reply(reply));
                    continue;
                }
                Event::Mouse(mouse) => {
                    self.last = Some(now);
                    inputs.push(Input::Mouse(mouse));
                    continue;
                }
            };
            let held = key == Key::Enter && within(self.enter, HELD);
            let pace = if together || held || within(self.last, BURST) { Pace::Burst } else { Pace::Single };
            self.last = Some(now);
            self.enter = (key == Key::Enter).then_some(now);
            inputs.push(Input::Key(Stroke { key, pace }));
        }
        inputs
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    Readable,
    Quiet,
    Gone,
}

/// Sleeps until there is something to read, the terminal is gone or no longer ours to read, or it has been quiet for
/// `patience`.
fn wait(patience: Option<Duration>, stopped: &PipeReader) -> io::Result<Readiness> {
    let stdin = io::stdin();
    let end = patience.map(|patience| Instant::now() + patience);
    loop {
        let left = end.map(|end| Timespec::try_from(end.saturating_duration_since(Instant::now())));
        let left = left.transpose().map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut fds, left.as_ref()) {
            Ok(0) => return Ok(Readiness::Quiet),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if fds.last().is_some_and(|fd| !fd.revents().is_empty()) {
            return Ok(Readiness::Gone);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The paces of enters that come at these moments, in milliseconds, each alone.
    fn paces(moments: &[u64]) -> Vec<Pace> {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        let pace = |at: &u64| {
            let events = vec![Event::Key(Key::Enter)];
            match pacer.paced(events, start + Duration::from_millis(*at)).pop() {
                Some(Input::Key(stroke)) => stroke.pace,
                other => panic!("{other:?}"),
            }
        };
        moments.iter().map(pace).collect()
    }

    #[test]
    fn a_held_key_is_no_person_who_presses() {
        use Pace::{Burst, Single};
        assert_eq!(paces(&[0, 90, 180, 270]), [Single, Burst, Burst, Burst], "repeated every 90 ms");
        assert_eq!(paces(&[0, 400, 800]), [Single; 3], "pressed one by one");
    }

    #[test]
    fn keys_of_one_moment_are_a_burst() {
        let keys = [Key::Char('a'), Key::Enter].map(Event::Key).to_vec();
        let inputs = Pacer::default().paced(keys, Instant::now());
        assert!(
            inputs.iter().all(|i| matches!(i, Input::Key(Stroke { pace: Pace::Burst, .. }))),
            "{inputs:?}"
        );
    }
}
