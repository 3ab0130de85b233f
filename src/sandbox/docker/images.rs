//! The images of the world. (The skeleton.)
use std::time::Duration;

/// How the containers of an image behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts and is running (and healthy) after about a second.
    #[default]
    Healthy,
    /// Exits with code 1 a second after every start.
    Crash,
    /// Starts, but its health check never succeeds.
    Unhealthy,
    /// Needs this long from its start until its health check succeeds.
    SlowStart(Duration),
}
#[derive(Default)]
pub(super) struct Images;
impl Images {
    pub(super) fn set_behaviour(&mut self, _image: &str, _behaviour: Behaviour) {}
    pub(super) fn register(&mut self, _reference: &str, _digest: &str) {}
    pub(super) fn remove(&mut self, _reference: &str) {}
}
