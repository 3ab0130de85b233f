//! The user's TOML, checked: every mistake at once, each with its place and what would mend it.
//!
//! Knows what a config may say, and learns from the registry's [`Kind`]s what each source understands, and from the
//! table of commands what keys can mean.
//! Reads no file, no environment and no clock: text, home folder and variables are given. Accepts no secret
//! as a value and shows none.
//!
//! `docs/config.md` is the reference of every key, made from the tables that the check goes by.

mod check;
mod journal;
mod keymap;
mod keys;
mod policies;
mod read;
pub mod reference;
mod report;
mod schema;
mod secret;
mod services;
mod signals;
mod sources;
mod stages;
#[cfg(test)]
mod tests;
mod ui;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use journal::Anchor;
pub use report::{ConfigErrors, Mistake};
pub use schema::schema;
pub use ui::{Charts, Clock, Glyphs, Notify, THEMES, Theme, Ui};

use crate::app::Keymap;
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

/// What the config may depend on beside its own text.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The home folder, absolute; `~/` in paths means it.
    pub home: Option<PathBuf>,
    /// Environment variables, handed on to the providers unread.
    pub env: Arc<BTreeMap<String, String>>,
    /// The user's own themes: name and file.
    pub themes: BTreeMap<String, PathBuf>,
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
