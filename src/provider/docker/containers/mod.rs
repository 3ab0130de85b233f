//! Containers without Swarm: plain ones and those of a Compose project, as deployment targets.
//!
//! Knows which containers belong together, what they run, and how one takes another's place: made, the old one stopped,
//! the new one started. Knows nothing of Swarm, of a screen or a clock. An engine has no rollout of containers and
//! remembers none: what is told here is read off the containers themselves, and the way back is the container that was
//! stopped and kept.

mod act;
mod binding;
mod carry;
mod difference;
pub(super) mod fuzz;
mod group;
mod hazard;
mod observe;
mod promote;
mod wire;

pub(super) use act::{Scene, restart, roll_back};
pub(super) use binding::{COLOUR, Group, Unit};
pub(super) use group::look;
pub(super) use observe::rollout;
pub(super) use promote::promote;
