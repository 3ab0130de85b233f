//! What is made of an engine's answers, without an engine: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::wire::{self, Service, Task};
use super::{containers, differ, observe, splice};
use crate::domain::{Difference, Fault, Rollout, SafeText};

/// The rollout that a service and its tasks show.
///
/// # Errors
/// When an answer is not as documented, or the service is a job.
pub fn rollout(service: &str, tasks: &str) -> Result<Rollout, Fault> {
    let service: Service = wire::read("service", service)?;
    let tasks: Vec<Task> = wire::read("tasks", tasks)?;
    observe::rollout(&service, &tasks, &SafeText::new("engine.test"))
}

/// A service's specification as it came, and as it would be sent back with another image.
///
/// # Errors
/// When there is no image in it.
pub fn with_image<'a>(service: &'a str, image: &str) -> Result<(&'a str, String), Fault> {
    let spec = splice::spec_text(service)?;
    Ok((spec, splice::with_image(spec, image)?))
}

/// What differs between the specifications of two services.
///
/// # Errors
/// When an answer is not as documented.
pub fn differences(old: &str, new: &str) -> Result<Vec<Difference>, Fault> {
    let (old, new): (Service, Service) = (wire::read("service", old)?, wire::read("service", new)?);
    Ok(differ::specs(&old.spec, &new.spec))
}

/// How containers stand, as successors of one that is called `web`.
///
/// # Errors
/// When an answer is not as documented, or none of them ever ran.
pub fn containers(containers: &str, images: &str) -> Result<Rollout, Fault> {
    containers::fuzz::rollout(containers, images)
}

/// The request that makes a container like this one, from another image, where its image gives these defaults.
///
/// # Errors
/// When the container is not as documented.
pub fn carried(container: &str, defaults: &serde_json::Value, image: &str) -> Result<String, Fault> {
    containers::fuzz::carried(container, defaults, image)
}
