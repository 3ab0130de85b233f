//! The images of the world. (The skeleton.)
use super::Behaviour;
#[derive(Default)]
pub(super) struct Registry;
impl Registry {
    pub(super) fn set_behaviour(&mut self, _image: &str, _behaviour: Behaviour) {}
    pub(super) fn register(&mut self, _reference: &str, _digest: &str) {}
    pub(super) fn remove(&mut self, _reference: &str) {}
}
