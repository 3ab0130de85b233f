//! GitLab, Jenkins, CircleCI, Terraform and AWX against scripted servers: what their documentation says they answer, oddities included.
//! What all providers keep alike is in `tests/contract`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

mod awx;
#[path = "../support/canary.rs"]
#[expect(dead_code, reason = "shared with the tests of secrets, which search files")]
mod canary;
mod circleci;
mod gitlab;
mod jenkins;
mod oddities {
    mod awx;
    mod circleci;
    mod gitlab;
    mod jenkins;
    mod terraform_cloud;
}
mod recorded;
mod secrets;
mod terraform_cloud;

#[path = "../support/scripted.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod scripted;

use recorded::world;
