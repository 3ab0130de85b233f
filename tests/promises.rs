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

#[path = "promises/clocks.rs"]
mod clocks;
#[path = "support/cockpit.rs"]
mod cockpit;
#[path = "promises/contexts.rs"]
mod contexts;
#[path = "promises/deeds.rs"]
mod deeds;
#[path = "promises/dice.rs"]
mod dice;
#[path = "promises/frozen.rs"]
mod frozen;
#[path = "promises/guards.rs"]
mod guards;
#[path = "promises/identity.rs"]
mod identity;
#[path = "promises/keystrokes.rs"]
mod keystrokes;
#[path = "support/model.rs"]
#[expect(dead_code, reason = "the frames' tests use the rest")]
mod looks;
#[path = "promises/once.rs"]
mod once;
#[path = "promises/preview.rs"]
mod preview;
#[path = "promises/processes.rs"]
mod processes;
#[path = "support/pty.rs"]
#[expect(dead_code, reason = "the terminal's own life is tested elsewhere")]
mod pty;
#[path = "promises/race.rs"]
mod race;
#[path = "promises/scene.rs"]
mod scene;
#[path = "promises/selection.rs"]
mod selection;
#[path = "promises/windows.rs"]
mod windows;

/// How many: a few in every run of the tests, the promise's figure with `GONOGO_TEST_N=full`.
fn size(few: u32, full: u32) -> u32 {
    match std::env::var("GONOGO_TEST_N").as_deref() {
        Ok("full") => full,
        Ok(number) => number.parse().expect("GONOGO_TEST_N is `full` or a number"),
        Err(_) => few,
    }
}
