//! Watches one small file: its text, once it has stopped changing.
//!
//! Looks every second, where waiting for a disk holds nobody up. A file that is being written is not taken: its text
//! must be the same at two looks in a row.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The longest text that is taken, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

/// What one look saw.
pub type Sight = Result<String, String>;

/// Tells when a text has come to rest.
#[derive(Debug, Default)]
pub struct Settle {
    /// What the last look saw.
    last: Option<Sight>,
    /// What was told last.
    told: Option<Sight>,
}

impl Settle {
    /// A watch that has seen this text already.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let seen = Some(Ok(text.to_owned()));
        Self { last: seen.clone(), told: seen }
    }

    /// Takes in one look; gives what is new and at rest.
    pub fn next(&mut self, sight: Sight) -> Option<Sight> {
        let rests = self.last.as_ref() == Some(&sight);
        let new = self.told.as_ref() != Some(&sight);
        self.last = Some(sight.clone());
        if !(rests && new) {
            return None;
        }
        self.told = Some(sight.clone());
        Some(sight)
    }
}

/// Starts watching; ends when nobody listens. `text` is what is known already.
#[must_use]
pub fn start(path: PathBuf, text: &str) -> watch::Receiver<Option<Sight>> {
    let (out, heard) = watch::channel(None);
    let mut settle = Settle::of(text);
    tokio::spawn(async move {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The stamp with which the text was read twice: until it changes, the text has not.
        let (mut before, mut rested) = (None, None);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = out.closed() => return,
            }
            let place = path.clone();
            let read = tokio::task::spawn_blocking(move || look(&place, rested)).await;
            let Ok((stamp, Some(sight))) = read else { continue };
            rested = stamp.filter(|_| stamp == before);
            before = stamp;
            if let Some(new) = settle.next(sight) {
                out.send_replace(Some(new));
            }
        }
    });
    heard
}

type Stamp = (std::time::SystemTime, u64);

/// The file's stamp, and its text unless it was read with that very stamp before.
fn look(path: &Path, known: Option<Stamp>) -> (Option<Stamp>, Option<Sight>) {
    let about = match path.metadata() {
        Ok(about) => about,
        Err(error) => return (None, Some(Err(error.to_string()))),
    };
    let stamp = about.modified().ok().map(|at| (at, about.len()));
    if stamp.is_some() && stamp == known {
        return (stamp, None);
    }
    if about.len() > LONGEST {
        return (stamp, Some(Err("it is too long".to_owned())));
    }
    (stamp, Some(std::fs::read_to_string(path).map_err(|error| error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_once_and_only_when_it_rests() {
        let mut settle = Settle::of("old");
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(settle.next(ok("old")), None);
        assert_eq!(settle.next(ok("ne")), None, "being written");
        assert_eq!(settle.next(ok("new")), None, "still being written");
        assert_eq!(settle.next(ok("new")), Some(ok("new")));
        assert_eq!(settle.next(ok("new")), None, "told already");
        assert_eq!(settle.next(Err("gone".to_owned())), None);
        assert_eq!(settle.next(ok("new")), None, "replaced by the same: nothing happened");
        assert_eq!(settle.next(Err("gone".to_owned())), None);
        assert_eq!(settle.next(Err("gone".to_owned())), Some(Err("gone".to_owned())));
    }
}
