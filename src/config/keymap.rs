//! `[keys]`: which key means which command. Learns from the table of commands what there is; every key that would mean
//! two things is told at both places.

use toml::de::DeValue;

use super::check::Check;
use super::read::{Item, word};
use super::report::{Spot, suggest};
use crate::app::command::{COMMANDS, Command, Entry};
use crate::app::deed::verb_of;
use crate::app::key::Key;
use crate::app::keymap::{FIXED, Keymap};

/// Keys that a terminal sends for another key, or that mean something to it.
const TAKEN: &[char] = &['c', 'h', 'i', 'j', 'm', 'z'];

/// A key that the config gives to a command.
struct Given {
    key: Key,
    at: Spot,
    command: Command,
    id: String,
}

impl Check<'_> {
    /// The keymap; whatever is wrong was told.
    pub(super) fn read_keymap(&mut self, item: Option<Item<'_>>) -> Keymap {
        let mut keymap = Keymap::default();
        let section = item.and_then(|item| item.section(&mut self.mistakes, "[keys]", "[keys]"));
        let Some(mut section) = section else { return keymap };
        let (mut given, mut changed): (Vec<Given>, Vec<Command>) = (Vec::new(), Vec::new());
        for entry in COMMANDS {
            let Some(item) = section.get(&entry.id()) else { continue };
            let Some(keys) = self.keys_of(item, entry) else { continue };
            keymap.bind(entry.command, keys.iter().map(|(key, _)| *key).collect());
            changed.push(entry.command);
            let id = entry.id();
            let new =
                keys.into_iter().map(|(key, at)| Given { key, at, command: entry.command, id: id.clone() });
            given.extend(new);
        }
        section.finish(&mut self.mistakes, &[]);
        given.sort_by_key(|one| one.at.start);
        for (index, one) in given.iter().enumerate() {
            self.against_others(one, given.get(..index).unwrap_or_default(), &changed);
        }
        keymap
    }

    /// One key, or a list of keys.
    fn keys_of(&mut self, item: Item<'_>, entry: &Entry) -> Option<Vec<(Key, Spot)>> {
        let said: Vec<(&str, Spot)> = match item.value() {
            DeValue::String(text) => vec![(text.as_ref(), item.at())],
            DeValue::Array(_) => item.list(&mut self.mistakes)?,
            other => {
                let cause = format!("`{}` must be a key or a list of keys, not {}", item.key(), word(other));
                self.mistakes.hinted(&item.at(), cause, "for example \"a\" or [\"a\", \"f5\"]");
                return None;
            }
        };
        Some(said.into_iter().filter_map(|(name, at)| Some((self.key(name, &at, entry)?, at))).collect())
    }

    fn key(&mut self, name: &str, at: &Spot, entry: &Entry) -> Option<Key> {
        let Some(key) = Key::named(name) else {
            let words: Vec<&str> = Key::words().collect();
            let hint = suggest(name, &words, '"').filter(|hint| hint.starts_with("did"));
            let usual =
                "one character, \"f1\" to \"f12\", \"ctrl-a\" to \"ctrl-z\", or a word such as \"space\"";
            self.mistakes.hinted(at, format!("{name:?} is no key"), hint.unwrap_or_else(|| usual.to_owned()));
            return None;
        };
        if let Some((_, owner)) = FIXED.iter().find(|(fixed, owner)| *fixed == key && *owner != entry.command)
        {
            let owner = COMMANDS.iter().find(|e| e.command == *owner).map(Entry::id).unwrap_or_default();
            let cause = format!("{name:?} is needed in dialogs and lists; elsewhere it is `{owner}`");
            self.mistakes.hinted(at, cause, "choose another key");
            return None;
        }
        match key {
            Key::Ctrl(_) if verb_of(entry.command).is_some() => {
                let cause = format!("`{}` acts, and no action is on a control key", entry.id());
                self.mistakes.hinted(at, cause, "choose a letter or a function key");
                None
            }
            Key::Ctrl(letter) if TAKEN.contains(&letter) && !FIXED.iter().any(|(fixed, _)| *fixed == key) => {
                let cause = format!("{name:?} is another key to a terminal, or stops the program");
                self.mistakes.hinted(at, cause, "choose another key");
                None
            }
            key => Some(key),
        }
    }

    /// Whether a key means something else already: by an earlier line of the config, or because it always does.
    fn against_others(&mut self, one: &Given, earlier: &[Given], changed: &[Command]) {
        if let Some(other) = earlier.iter().find(|other| other.key == one.key) {
            if other.command == one.command {
                self.mistakes.note(&one.at, format!("`{}` has this key already", one.id), None);
                return;
            }
            let cause = format!("{:?} means both `{}` and `{}`", one.key.name(), other.id, one.id);
            for (here, there) in [(other, one), (one, other)] {
                let place = self.place(&there.at);
                self.mistakes.hinted(&here.at, cause.clone(), format!("the other one is at {place}"));
            }
            return;
        }
        let usual = COMMANDS.iter().find(|e| e.command != one.command && e.keys.contains(&one.key));
        if let Some(owner) = usual.filter(|owner| !changed.contains(&owner.command)) {
            let id = owner.id();
            let cause = format!("{:?} is the usual key of `{id}`", one.key.name());
            let hint = format!("give `{id}` another key here, or none: {id} = []");
            self.mistakes.hinted(&one.at, cause, hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::app::command::{COMMANDS, Command};
    use crate::app::key::Key;
    use crate::app::keymap::Keymap;
    use crate::app::views::View;
    use crate::config::{Surroundings, load};

    fn read(keys: &str) -> Result<Keymap, Vec<String>> {
        let text = format!("[keys]\n{keys}");
        match load(&text, "config.toml", &Surroundings::default(), &[]) {
            Ok(config) => Ok(config.keys),
            Err(errors) => Err(errors
                .mistakes()
                .iter()
                .map(|m| {
                    let hint = m.hint.as_ref().map(|hint| format!(" = {hint}")).unwrap_or_default();
                    format!("{}:{} {}{hint}", m.line, m.column, m.cause)
                })
                .collect()),
        }
    }

    #[test]
    fn a_command_gets_the_keys_that_the_config_gives_it() {
        let keys = read(
            "approve = 'o'\nroll-back = ['f5', 'Z']\nview-inbox = 'i'\ndown = ['e', 'down']\npause = []\nmouse = 'ctrl-o'\n",
        );
        let keys = keys.unwrap();
        for (command, wanted) in [
            (Command::Approve, &[Key::Char('o')][..]),
            (Command::RollBack, &[Key::F(5), Key::Char('Z')]),
            (Command::View(View::Inbox), &[Key::Char('i')]),
            (Command::Down, &[Key::Char('e'), Key::Down]),
            (Command::Pause, &[]),
            (Command::Mouse, &[Key::Ctrl('o')]),
            (Command::Reject, &[Key::Char('x')]),
        ] {
            assert_eq!(keys.keys(command), wanted, "{command:?}");
        }
        assert_eq!(keys.command_of(Key::Char('a')), None);
        assert_eq!(keys.command_of(Key::F(5)), Some(Command::RollBack));
    }

    #[test]
    fn two_commands_may_swap_their_keys() {
        let keys = read("approve = 'x'\nreject = 'a'\n").unwrap();
        assert_eq!(keys.command_of(Key::Char('x')), Some(Command::Approve));
        assert_eq!(keys.command_of(Key::Char('a')), Some(Command::Reject));
    }

    #[test]
    fn what_dialogs_need_stays() {
        let keys = read("open = 'o'\nback = 'f1'\npanel = []\nquit = []\n").unwrap();
        for (key, command) in [
            (Key::Enter, Command::Open),
            (Key::Esc, Command::Back),
            (Key::Tab, Command::NextPanel),
            (Key::Ctrl('c'), Command::Quit),
        ] {
            assert_eq!(keys.command_of(key), Some(command), "{key}");
        }
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_place() {
        for (text, wanted) in [
            (
                "approve = 'o'\npromote = 'o'\n",
                &[
                    "2:11 \"o\" means both `approve` and `promote` = the other one is at line 3, column 11",
                    "3:11 \"o\" means both `approve` and `promote` = the other one is at line 2, column 11",
                ][..],
            ),
            (
                "promote = 'a'\n",
                &[
                    "2:11 \"a\" is the usual key of `approve` = give `approve` another key here, or none: approve = []",
                ],
            ),
            ("aprove = 'o'\n", &["2:1 unknown key `aprove` in [keys] = did you mean `approve`?"]),
            ("approve = 'spac'\n", &["2:11 \"spac\" is no key = did you mean \"space\"?"]),
            (
                "approve = 'hyper-q'\n",
                &[
                    "2:11 \"hyper-q\" is no key = one character, \"f1\" to \"f12\", \"ctrl-a\" to \"ctrl-z\", or a word such as \"space\"",
                ],
            ),
            (
                "approve = 'ctrl-a'\nmouse = 'ctrl-i'\n",
                &[
                    "2:11 `approve` acts, and no action is on a control key = choose a letter or a function key",
                    "3:9 \"ctrl-i\" is another key to a terminal, or stops the program = choose another key",
                ],
            ),
            (
                "approve = 'enter'\nhelp = 1\nmouse = ['o', 'esc', 'o']\n",
                &[
                    "2:11 \"enter\" is needed in dialogs and lists; elsewhere it is `open` = choose another key",
                    "3:1 unknown key `help` in [keys] = did you mean `reject`?",
                    "4:15 \"esc\" is needed in dialogs and lists; elsewhere it is `back` = choose another key",
                    "4:22 `mouse` has this key already",
                ],
            ),
            (
                "keys = 1\n",
                &[
                    "2:8 `keys` must be a key or a list of keys, not a number = for example \"a\" or [\"a\", \"f5\"]",
                ],
            ),
        ] {
            let told = read(text).unwrap_err();
            // What is suggested for a word that is like nothing depends on the table: its beginning is enough.
            let alike = |told: &String, wanted: &&str| {
                told == wanted
                    || (wanted.contains("`help`") && told.starts_with("3:1 unknown key `help` in [keys]"))
            };
            assert!(
                told.len() == wanted.len() && told.iter().zip(wanted).all(|(t, w)| alike(t, w)),
                "{told:#?}"
            );
        }
    }

    #[test]
    fn every_command_can_be_given_another_key_under_its_own_name() {
        for entry in COMMANDS {
            let keys = read(&format!("{} = 'f12'\n", entry.id())).unwrap_or_else(|told| panic!("{told:?}"));
            assert_eq!(keys.command_of(Key::F(12)), Some(entry.command), "{}", entry.id());
        }
        let mut names: Vec<String> = COMMANDS.iter().map(|entry| entry.id()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len(), "two commands of one name");
    }
}
