//! The GitHub provider against a scripted server: what it asks, what it makes of the answers, what it would send.

#[path = "github/acts.rs"]
mod acts;
#[path = "github/drift.rs"]
mod drift;
#[path = "support/faults.rs"]
mod faults;
#[path = "github/limits.rs"]
mod limits;
#[path = "github/look.rs"]
mod look;
#[path = "support/scripted.rs"]
mod scripted;
#[path = "github/world.rs"]
mod world;
