//! The `command` target: what a declared command is handed and sees, what its answers and its end mean, what is refused.
//!
//! The programs are `/bin/sh` with a script of the test's: nothing is written and executed at the same time.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's own machinery fails by panicking")]

mod asked;
mod changed;
mod house;
mod looked;
mod planned;
