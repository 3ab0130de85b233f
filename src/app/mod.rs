//! The program as a function: `update(&mut Model, Msg) -> Vec<Effect>`.
//!
//! Knows `action` and `domain`. It must not know the runtime, the terminal, or a clock: time, keys and answers
//! enter as messages, and everything that should happen outside leaves as an effect.

pub mod activity;
pub mod board;
pub mod command;
pub mod deed;
pub mod dialog;
pub mod incident;
mod index;
pub mod key;
pub mod keys;
pub mod log;
pub mod model;
pub mod msg;
mod touched;
pub mod update;
pub mod views;
pub mod wall;
pub mod welcome;

pub use command::{COMMANDS, Command};
pub use key::{Key, Stroke};
pub use model::Model;
pub use msg::{Effect, Msg};
pub use update::{REST, update};

#[cfg(test)]
mod tests;
