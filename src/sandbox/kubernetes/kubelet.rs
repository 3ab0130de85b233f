//! The kubelet: what becomes of pods. (The skeleton; the life of a pod follows.)

use std::time::Duration;

/// How the containers of an image behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts and gets ready after about two seconds.
    #[default]
    Healthy,
    /// Exits with code 1 a second after every start.
    CrashLoop,
    /// Runs, but its readiness probe never succeeds.
    NeverReady,
    /// Gets ready, then is killed for its memory, again and again.
    OomKilled,
    /// Gets ready only this long after its start.
    SlowStart(Duration),
}
