//! Which key means which command: the table of commands with what the config changed. Everything that shows or takes a
//! key asks here.

use super::command::{COMMANDS, Command};
use super::key::Key;

/// Keys that dialogs and lists cannot do without, with the command that they mean elsewhere. No config takes them away.
pub const FIXED: &[(Key, Command)] = &[
    (Key::Enter, Command::Open),
    (Key::Esc, Command::Back),
    (Key::Tab, Command::NextPanel),
    (Key::Ctrl('c'), Command::Quit),
];

/// The keys of every command, in the order of [`COMMANDS`]; the first of each is the one that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap(Vec<Vec<Key>>);

impl Default for Keymap {
    fn default() -> Self {
        Self(COMMANDS.iter().map(|entry| entry.keys.to_vec()).collect())
    }
}

impl Keymap {
    /// The keys of a command; none if the config took them all away.
    #[must_use]
    pub fn keys(&self, command: Command) -> &[Key] {
        let at = COMMANDS.iter().position(|entry| entry.command == command);
        at.and_then(|at| self.0.get(at)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The key of a command that is shown; empty if it has none.
    #[must_use]
    pub fn shown(&self, command: Command) -> String {
        self.keys(command).first().map(ToString::to_string).unwrap_or_default()
    }

    /// Every key of a command, as it is shown in lists.
    #[must_use]
    pub fn all_shown(&self, command: Command) -> String {
        self.keys(command).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The command that `key` means.
    #[must_use]
    pub fn command_of(&self, key: Key) -> Option<Command> {
        let mut lines = COMMANDS.iter().zip(&self.0);
        lines.find(|(_, keys)| keys.contains(&key)).map(|(entry, _)| entry.command)
    }

    /// Gives a command other keys. Those that are [`FIXED`] stay with it.
    pub fn bind(&mut self, command: Command, mut keys: Vec<Key>) {
        for (key, of) in FIXED {
            if *of == command && !keys.contains(key) {
                keys.push(*key);
            }
        }
        let at = COMMANDS.iter().position(|entry| entry.command == command);
        if let Some(slot) = at.and_then(|at| self.0.get_mut(at)) {
            *slot = keys;
        }
    }
}
