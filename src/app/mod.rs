//! The program as a function: `update(&mut Model, Msg) -> Vec<Effect>`.
//!
//! Knows `action` and `domain`. It must not know the runtime, the terminal, or a clock: time, keys and answers
//! enter as messages, and everything that should happen outside leaves as an effect.

pub mod activity;
pub mod aim;
pub mod board;
pub mod command;
pub mod copy;
pub mod deed;
pub mod dialog;
pub mod filter;
pub mod incident;
mod index;
pub mod joint;
mod joint_keys;
pub mod key;
pub mod keymap;
pub mod keys;
pub mod leaving;
pub mod log;
pub mod menu;
pub mod model;
pub mod msg;
pub mod outward;
pub mod reload;
pub mod spot;
mod touched;
pub mod update;
pub mod views;
pub mod wall;
pub mod welcome;

pub use command::{COMMANDS, Command};
pub use key::{Key, Stroke};
pub use keymap::Keymap;
pub use model::Model;
pub use msg::{Effect, Msg};
pub use update::{REST, update};

#[cfg(test)]
pub(crate) mod tests;
