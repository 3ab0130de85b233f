//! The engine's state. (The skeleton.)
use super::{ServiceSeed, WriteRecord, images::Images};
use jiff::Timestamp;
use std::time::Duration;

/// What the engine is in a swarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// A manager: serves services and tasks.
    #[default]
    Manager,
    /// A worker: refuses them with 503.
    Worker,
    /// In no swarm: refuses them with 503.
    Outside,
}
pub(super) struct State {
    pub(super) images: Images,
    pub(super) membership: Membership,
    pub(super) writes: Vec<WriteRecord>,
}
impl State {
    pub(super) fn new(_now: Timestamp) -> Self {
        Self { images: Images, membership: Membership::Manager, writes: Vec::new() }
    }
    pub(super) fn tick(&mut self, _now: Timestamp, _elapsed: Duration) {}
    pub(super) fn add_service(&mut self, _seed: &ServiceSeed) {}
    pub(super) fn set_image(&mut self, _service: &str, _image: &str) -> bool {
        false
    }
    pub(super) fn images_of(&self, _service: &str) -> Vec<(String, u32)> {
        Vec::new()
    }
    pub(super) fn events_so_far(&self) -> u64 {
        0
    }
}
