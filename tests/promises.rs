//! The promises of an action, end to end below the screen: the real engine, journal and providers against the
//! embedded world, whose ledger knows what really happened.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; what was measured is printed"
)]

#[path = "support/cockpit.rs"]
mod cockpit;
#[path = "promises/deeds.rs"]
mod deeds;
#[path = "promises/guards.rs"]
mod guards;
#[path = "promises/identity.rs"]
mod identity;
#[path = "promises/once.rs"]
mod once;
#[path = "promises/windows.rs"]
mod windows;
