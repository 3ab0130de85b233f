//! The user's TOML, checked: every mistake at once, each with its place and what would mend it.
//!
//! Knows what a config may say, and learns from the registry's [`Kind`]s what each source understands, and from the
//! table of commands what keys can mean.
//! Reads no file, no environment and no clock: text, home folder and variables are given. Accepts no secret
//! as a value and shows none.
//!
//! `config.example.toml` is the reference of every key.

mod check;
mod journal;
mod keys;
mod policies;
mod read;
mod report;
mod secret;
mod services;
mod signals;
mod sources;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use journal::Anchor;
pub use report::{ConfigErrors, Mistake};

use crate::app::Keymap;
use crate::app::spot::Mouse;
use crate::domain::service::Access;
use crate::domain::{Service, SourceName};
use crate::provider::{Kind, SourceSpec};

/// What the user configured, checked.
#[derive(Debug, Default)]
pub struct Config {
    /// Every source with what it is asked to do, in the order of the file.
    pub sources: Vec<Source>,
    /// Every service, in the order of the file.
    pub services: Vec<Service>,
    /// How the cockpit looks.
    pub ui: Ui,
    /// Which key means what.
    pub keys: Keymap,
    /// Whether writes are allowed at all.
    pub access: Access,
    /// Where the journal is kept, if not at the usual place.
    pub journal: Option<PathBuf>,
    /// Where the journal's head is anchored, if anywhere.
    pub anchor: Option<Anchor>,
}

impl Config {
    /// The source with this name.
    #[must_use]
    pub fn source(&self, name: &SourceName) -> Option<&Source> {
        self.sources.iter().find(|source| &source.spec.name == name)
    }
}

/// A configured source.
pub struct Source {
    /// What its provider is made from.
    pub spec: SourceSpec,
    /// Which kind it is.
    pub kind: &'static Kind,
    /// How often to look, if not as usual for its kind.
    pub every: Option<Duration>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("spec", &self.spec)
            .field("kind", &self.kind.name)
            .field("every", &self.every)
            .finish()
    }
}

/// How the cockpit looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ui {
    /// Colours; none: by the terminal.
    pub theme: Option<Theme>,
    /// Which characters may be drawn; none: by the terminal.
    pub glyphs: Option<Glyphs>,
    /// Whose time the header shows.
    pub clock: Clock,
    /// Whose the mouse is at the start.
    pub mouse: Mouse,
}

/// Which colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Theme {
    /// For dark terminals.
    Dark,
    /// For light terminals.
    Light,
    /// The terminal's own sixteen colours.
    Ansi,
    /// A theme file.
    File(PathBuf),
}

/// Which characters may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Box drawing, braille, marks.
    Unicode,
    /// What every terminal has.
    Ascii,
}

/// Whose time is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// Universal time.
    #[default]
    Utc,
    /// The time zone of the machine.
    Local,
}

/// What the config may depend on beside its own text.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The home folder, absolute; `~/` in paths means it.
    pub home: Option<PathBuf>,
    /// Environment variables, handed on to the providers unread.
    pub env: Arc<BTreeMap<String, String>>,
}

/// Reads and checks a config. `file` is only for the messages.
///
/// # Errors
/// Every mistake in the text, at once.
pub fn load(
    text: &str,
    file: &str,
    surroundings: &Surroundings,
    kinds: &[&'static Kind],
) -> Result<Config, ConfigErrors> {
    check::check(text, surroundings, kinds).map_err(|mistakes| mistakes.into_errors(file, text))
}
