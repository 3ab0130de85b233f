//! Secrets stay where they belong: in memory, at rest, on the wire and with the programs that are started
//! (PROMISES R22 and R31 to R34).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[path = "support/canary.rs"]
mod canary;
#[path = "support/forwarder.rs"]
mod forwarder;
#[path = "support/listener.rs"]
mod listener;

#[path = "secrets/at_rest.rs"]
mod at_rest;
#[path = "secrets/in_memory.rs"]
mod in_memory;
#[path = "secrets/leaks.rs"]
mod leaks;
#[path = "secrets/origin.rs"]
mod origin;
#[path = "secrets/planted.rs"]
mod planted;
#[path = "secrets/registry.rs"]
mod registry;
#[path = "secrets/screen.rs"]
mod screen;
#[path = "secrets/sources.rs"]
mod sources;

/// Whether the figures of PROMISES.md are asked for, or fewer that fit into a test run.
fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}
