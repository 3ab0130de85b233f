//! The cluster's state. (The skeleton.)
use super::{DeploymentSeed, Role, WriteRecord, registry::Registry};
use jiff::Timestamp;
use std::time::Duration;
pub(super) struct State {
    pub(super) registry: Registry,
    pub(super) writes: Vec<WriteRecord>,
}
impl State {
    pub(super) fn new(_now: Timestamp) -> Self {
        Self { registry: Registry, writes: Vec::new() }
    }
    pub(super) fn tick(&mut self, _now: Timestamp, _elapsed: Duration) {}
    pub(super) fn grant(&mut self, _token: &str, _user: &str, _role: Role) {}
    pub(super) fn add_deployment(&mut self, _seed: &DeploymentSeed) {}
    pub(super) fn set_image(
        &mut self,
        _ns: &str,
        _name: &str,
        _container: &str,
        _image: &str,
        _cause: &str,
    ) -> bool {
        false
    }
    pub(super) fn images(&self, _ns: &str, _name: &str) -> Vec<(String, u32)> {
        Vec::new()
    }
    pub(super) fn prune_history(&mut self, _ns: &str, _name: &str, _keep: usize) {}
    pub(super) fn expire(&mut self) {}
    pub(super) fn wakes(&self) -> u64 {
        0
    }
}
