//! GitLab, Jenkins and CircleCI against scripted servers: what their documentation says they answer, oddities included.
//! What all providers keep alike is in `tests/contract`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

mod circleci;
mod gitlab;
mod jenkins;
mod world;

#[path = "../support/scripted.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod scripted;
