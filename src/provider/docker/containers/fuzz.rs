//! What is made of an engine's answers about containers, without an engine: the way in for the fuzz targets. Nothing in
//! the program calls it.

use serde_json::Value;

use super::super::wire as engine;
use super::binding::{Group, GroupKind};
use super::carry::{AtOnce, New, carry};
use super::group::Look;
use super::observe;
use super::wire::{Container, Image};
use crate::domain::{Fault, Rollout, SafeText};

/// How the containers stand, as successors of one that is called `web`.
///
/// # Errors
/// When an answer is not as documented, or none of them ever ran.
pub(in super::super) fn rollout(containers: &str, images: &str) -> Result<Rollout, Fault> {
    let containers: Vec<Container> = engine::read("containers", containers)?;
    let images: Vec<Image> = engine::read("images", images)?;
    let images = images.into_iter().map(|image| (image.id.clone(), image)).collect();
    let kind = GroupKind::Container { name: "web".to_owned() };
    let group = Group { kind, colour: "gonogo.color".to_owned() };
    observe::rollout(&group, &Look { containers, images, more: 0 }, &SafeText::new("engine.test"))
}

/// The request that makes a container like this one, from another image.
///
/// # Errors
/// When the container is not as documented.
pub(in super::super) fn carried(container: &str, defaults: &Value, image: &str) -> Result<String, Fault> {
    let new = New {
        reference: image,
        marks: std::collections::BTreeMap::from([("gonogo.group", "web")]),
        defaults,
        alias: "web",
        networks: AtOnce::All,
    };
    carry(container, &new).map(|carried| carried.body)
}
