//! The GitHub provider against a scripted server: what it asks, what it makes of the answers, what it would send.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[path = "github/acts.rs"]
mod acts;
#[path = "support/faults.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod faults;
#[path = "github/forks.rs"]
mod forks;
#[path = "github/graphql.rs"]
mod graphql;
#[path = "github/lanes.rs"]
mod lanes;
#[path = "github/limits.rs"]
mod limits;
#[path = "github/logs.rs"]
mod logs;
#[path = "github/look.rs"]
mod look;
#[path = "github/people.rs"]
mod people;
#[path = "github/sandbox.rs"]
mod sandbox;
#[path = "support/scripted.rs"]
mod scripted;
#[path = "github/world.rs"]
mod world;
