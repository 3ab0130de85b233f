//! The worked examples of declared commands: Terraform and CloudFormation over stand-ins that print what the tools
//! document. The real tools are driven by `tests/real_command.rs` where they can be had.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

mod cloudformation;
mod released;
mod stage;
mod terraform;
