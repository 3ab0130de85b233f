//! WHERE the program meets the world: the loop, polling, execution, the journal, the terminal.
//!
//! The only folder that spawns, sleeps or reads the clock. It decides nothing about releases: it carries
//! messages in and effects out.

pub mod ability;
pub mod clock;
pub mod decoder;
pub mod engine;
pub mod execute;
pub mod failpoint;
pub mod hardening;
pub mod headless;
pub mod input;
pub mod journal;
pub mod loan;
pub mod mishap;
pub mod pace;
pub mod poll;
pub mod record;
pub mod recover;
pub mod replies;
mod rival;
pub mod screen;
pub mod send;
pub mod session;
pub mod terminal;
pub mod voice;
pub mod watch;

pub use clock::Clock;
pub use engine::{Engine, Source};
pub use journal::Journal;
